/*
 * agent trace ls, agent trace show: what the store knows about runs.
 */
#include "cli/history.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/tree.h"
#include "cli/verbs.h"

#include <string.h>

enum {
    RUNS_DEFAULT = 20,
    ID_BYTES = 16,
    TOKENS_BYTES = 2 * CLI_FIGURE_BYTES + 8
};

static cli_exit print_list_json(const agt_value *runs)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.trace.list/1");
    cli_json_value(builder, "runs", runs);
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}

/* Real tokens; "~" before simulated ones, which are never added to them. */
static void write_tokens(char target[TOKENS_BYTES], uint64_t real, uint64_t simulated)
{
    char first[CLI_FIGURE_BYTES], second[CLI_FIGURE_BYTES];
    cli_format_count(first, real);
    cli_format_count(second, simulated);
    bool shows_real = real > 0 || simulated == 0;
    (void)snprintf(target, TOKENS_BYTES, "%s%s%s%s", shows_real ? first : "",
                   real > 0 && simulated > 0 ? " + " : "", simulated > 0 ? "~" : "",
                   simulated > 0 ? second : "");
}

static bool add_run(cli_table *table, const agt_value *run, bool is_unicode)
{
    char when[CLI_FIGURE_BYTES], took[CLI_FIGURE_BYTES] = "", tokens[TOKENS_BYTES],
                                 money[CLI_FIGURE_BYTES + 2], simulated[CLI_FIGURE_BYTES] = "",
                                 spans[CLI_FIGURE_BYTES], id[ID_BYTES];
    int64_t duration_ns = cli_int_of(run, "duration_ns", -1);
    int64_t simulated_nanousd = cli_int_of(run, "simulated_nanousd", 0);
    uint64_t used = (uint64_t)cli_int_of(run, "input_tokens", 0) +
                    (uint64_t)cli_int_of(run, "output_tokens", 0);
    uint64_t estimated = (uint64_t)cli_int_of(run, "simulated_tokens", 0);
    cli_format_local_time(when, (uint64_t)cli_int_of(run, "start_unix_ns", 0));
    if (duration_ns >= 0) {
        cli_format_duration(took, (uint64_t)duration_ns, is_unicode);
    }
    write_tokens(tokens, used, estimated);
    cli_format_count(spans, (uint64_t)cli_int_of(run, "spans", 0));
    char amount[CLI_FIGURE_BYTES];
    cli_format_money(amount, cli_int_of(run, "cost_nanousd", 0));
    (void)snprintf(money, sizeof(money), "%s%s", amount,
                   cli_int_of(run, "unpriced_calls", 0) > 0 ? "+?" : "");
    if (simulated_nanousd != 0) {
        cli_format_money(simulated, simulated_nanousd);
    }
    (void)snprintf(id, sizeof(id), "%.12s", cli_text_of(run, "trace_id"));
    const char *cells[] = {
        id,    when,     cli_text_of(run, "name"), cli_text_of(run, "status"), took, spans, tokens,
        money, simulated};
    return cli_table_add(table, cells);
}

static cli_exit print_list(const cli_arguments *arguments, const agt_value *runs)
{
    static const cli_column columns[] = {
        {"TRACE", false, false},  {"STARTED", false, false}, {"NAME", false, true},
        {"STATUS", false, false}, {"TOOK", true, false},     {"SPANS", true, false},
        {"TOKENS", true, false},  {"COST", true, false},     {"SIMULATED", true, false}};
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
    cli_table *table = cli_table_new(&terminal, columns, sizeof(columns) / sizeof(columns[0]));
    bool is_fine = table != NULL;
    for (size_t i = 0; is_fine && i < agt_value_get_count(runs); i++) {
        is_fine = add_run(table, agt_value_get_item(runs, i), terminal.has_unicode);
    }
    is_fine = is_fine && (agt_value_get_count(runs) == 0 || cli_table_print(table));
    cli_table_free(table);
    return is_fine ? CLI_OK : cli_fail_memory();
}

cli_exit cli_trace_ls(const cli_arguments *arguments)
{
    agt_store *store = NULL;
    agt_value *runs = NULL;
    agt_error error = {0};
    cli_exit code = cli_open_history(arguments, &store);
    if (code != CLI_OK) {
        return code;
    }
    uint32_t limit = cli_has(arguments, CLI_OPT_LIMIT) ? (uint32_t)arguments->number[CLI_OPT_LIMIT]
                                                       : RUNS_DEFAULT;
    if (store != NULL && agt_store_list_runs(store, limit, &runs, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        code = CLI_CONFIG;
    } else if (cli_has(arguments, CLI_OPT_JSON)) {
        code = print_list_json(runs != NULL ? runs : agt_value_empty_array());
    } else {
        code = print_list(arguments, runs);
    }
    agt_value_unref(runs);
    agt_store_free(store);
    return code;
}

cli_exit cli_trace_show(const cli_arguments *arguments)
{
    const char *id = arguments->operand_count > 0 ? arguments->operands[0] : "last";
    agt_store *store = NULL;
    agt_value *run = NULL;
    agt_error error = {0};
    cli_exit code = cli_open_history(arguments, &store);
    if (code != CLI_OK || store == NULL) {
        return code != CLI_OK ? code : CLI_CONFIG;
    }
    agt_status status = agt_store_get_run(store, id, &run, &error);
    agt_store_free(store);
    if (status != AGT_OK) {
        cli_complain("%s", error.message);
        return CLI_CONFIG;
    }
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
    cli_tree *tree = cli_tree_new(run, &error);
    if (tree == NULL) {
        code = cli_fail(&error);
    } else if (cli_has(arguments, CLI_OPT_JSON)) {
        code = cli_tree_print_json(tree);
    } else {
        cli_tree_print(tree, &terminal);
    }
    cli_tree_free(tree);
    agt_value_unref(run);
    return code;
}
