/*
 * agent costs: tokens and money in the store, added up by agent, model, run or day. What was
 * simulated has columns of its own and is no part of the others.
 */
#include "cli/history.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <string.h>
#include <time.h>

static const agt_store_group groups[] = {AGT_STORE_BY_AGENT, AGT_STORE_BY_MODEL, AGT_STORE_BY_RUN,
                                         AGT_STORE_BY_DAY};
static const char *const titles[] = {"AGENT", "MODEL", "RUN", "DAY"};
static const char *const words[] = {"agent", "model", "run", "day"};

static const char *const sums[] = {
    "calls",          "input_tokens",    "output_tokens",    "cost_nanousd",
    "unpriced_calls", "simulated_calls", "simulated_tokens", "simulated_nanousd"};
enum {
    CALLS,
    INPUT,
    OUTPUT,
    COST,
    UNPRICED,
    SIMULATED_CALLS,
    SIMULATED_TOKENS,
    SIMULATED_COST,
    SUMS
};

static void read_row(const agt_value *row, int64_t numbers[SUMS])
{
    for (size_t i = 0; i < SUMS; i++) {
        numbers[i] = cli_int_of(row, sums[i], 0);
    }
}

static bool add_row(cli_table *table, const char *key, const int64_t numbers[SUMS])
{
    char texts[SUMS][CLI_FIGURE_BYTES], cost[CLI_FIGURE_BYTES + 2];
    for (size_t i = 0; i < SUMS; i++) {
        if (i == COST || i == SIMULATED_COST) {
            cli_format_money(texts[i], numbers[i]);
        } else {
            cli_format_count(texts[i], (uint64_t)numbers[i]);
        }
    }
    (void)snprintf(cost, sizeof(cost), "%s%s", texts[COST], numbers[UNPRICED] > 0 ? "+?" : "");
    bool is_simulated = numbers[SIMULATED_CALLS] > 0;
    const char *cells[] = {key,
                           texts[CALLS],
                           texts[INPUT],
                           texts[OUTPUT],
                           cost,
                           is_simulated ? texts[SIMULATED_TOKENS] : "",
                           is_simulated ? texts[SIMULATED_COST] : ""};
    return cli_table_add(table, cells);
}

static cli_exit print_table(const cli_arguments *arguments, const agt_value *rows)
{
    const cli_column columns[] = {{titles[arguments->number[CLI_OPT_BY]], false, true},
                                  {"CALLS", true, false},
                                  {"INPUT", true, false},
                                  {"OUTPUT", true, false},
                                  {"COST", true, false},
                                  {"SIMULATED TOKENS", true, false},
                                  {"SIMULATED COST", true, false}};
    int64_t numbers[SUMS], total[SUMS] = {0};
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
    cli_table *table = cli_table_new(&terminal, columns, sizeof(columns) / sizeof(columns[0]));
    bool is_fine = table != NULL;
    size_t count = agt_value_get_count(rows);
    for (size_t i = 0; is_fine && i < count; i++) {
        const agt_value *row = agt_value_get_item(rows, i);
        const char *key = cli_text_of(row, "key");
        read_row(row, numbers);
        for (size_t j = 0; j < SUMS; j++) {
            total[j] += numbers[j];
        }
        is_fine = add_row(table, *key != '\0' ? key : "-", numbers);
    }
    is_fine = is_fine && (count < 2 || add_row(table, "total", total));
    is_fine = is_fine && (count == 0 || cli_table_print(table));
    cli_table_free(table);
    return is_fine ? CLI_OK : cli_fail_memory();
}

static cli_exit print_json(const cli_arguments *arguments, const agt_value *rows)
{
    agt_value_builder *builder = NULL;
    int64_t numbers[SUMS], total[SUMS] = {0};
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.costs/1");
    cli_json_text(builder, "by", words[arguments->number[CLI_OPT_BY]]);
    cli_json_value(builder, "rows", rows);
    for (size_t i = 0; i < agt_value_get_count(rows); i++) {
        read_row(agt_value_get_item(rows, i), numbers);
        for (size_t j = 0; j < SUMS; j++) {
            total[j] += numbers[j];
        }
    }
    agt_value_builder_key(builder, "total");
    agt_value_builder_begin_object(builder);
    for (size_t j = 0; j < SUMS; j++) {
        cli_json_int(builder, sums[j], total[j]);
    }
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}

cli_exit cli_costs(const cli_arguments *arguments)
{
    agt_store *store = NULL;
    agt_value *rows = NULL;
    agt_error error = {0};
    uint64_t since_ns = 0;
    cli_exit code = cli_open_history(arguments, &store);
    if (code != CLI_OK) {
        return code;
    }
    if (cli_has(arguments, CLI_OPT_SINCE)) {
        const agt_clock *clock = agt_clock_get_system();
        uint64_t now_ns = clock->get_unix_ns(clock->ctx);
        uint64_t back_ns = (uint64_t)arguments->number[CLI_OPT_SINCE] * 1000000;
        since_ns = now_ns > back_ns ? now_ns - back_ns : 0;
    }
    if (store != NULL &&
        agt_store_get_costs(store, groups[arguments->number[CLI_OPT_BY]],
                            arguments->text[CLI_OPT_RUN], since_ns, &rows, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        code = CLI_CONFIG;
    } else if (cli_has(arguments, CLI_OPT_JSON)) {
        code = print_json(arguments, rows != NULL ? rows : agt_value_empty_array());
    } else {
        code = print_table(arguments, rows);
    }
    agt_value_unref(rows);
    agt_store_free(store);
    return code;
}
