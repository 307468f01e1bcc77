/*
 * agent session ls, show, rm: conversations in the store. What was said is cleaned before it gets
 * to a terminal.
 */
#include "agent_sdk/agents.h"
#include "cli/history.h"
#include "cli/json.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <string.h>
#include <unistd.h>

enum {
    SESSIONS_DEFAULT = 20,
    ID_BYTES = 16,
    OUTPUT_BYTES_MAX = 400 /* of a tool's result: all of it is in --json */
};

/* ---- ls ----------------------------------------------------------------------------------- */

static cli_exit print_list_json(const agt_value *sessions)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.session.list/1");
    cli_json_value(builder, "sessions", sessions);
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}

static bool add_session(cli_table *table, const agt_value *session)
{
    static const char *const counts[] = {"turns", "messages", "bytes"};
    char texts[3][CLI_FIGURE_BYTES], used[CLI_FIGURE_BYTES], id[ID_BYTES];
    for (size_t i = 0; i < 3; i++) {
        cli_format_count(texts[i], (uint64_t)cli_int_of(session, counts[i], 0));
    }
    cli_format_local_time(used, (uint64_t)cli_int_of(session, "used_unix_ns", 0));
    (void)snprintf(id, sizeof(id), "%.14s", cli_text_of(session, "id"));
    const char *cells[] = {cli_text_of(session, "name"),
                           id,
                           used,
                           cli_text_of(session, "agent"),
                           texts[0],
                           texts[1],
                           texts[2]};
    return cli_table_add(table, cells);
}

static cli_exit print_list(const cli_arguments *arguments, const agt_value *sessions)
{
    static const cli_column columns[] = {{"NAME", false, true},  {"ID", false, false},
                                         {"USED", false, false}, {"AGENT", false, false},
                                         {"TURNS", true, false}, {"MESSAGES", true, false},
                                         {"BYTES", true, false}};
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
    cli_table *table = cli_table_new(&terminal, columns, sizeof(columns) / sizeof(columns[0]));
    bool is_fine = table != NULL;
    for (size_t i = 0; is_fine && i < agt_value_get_count(sessions); i++) {
        is_fine = add_session(table, agt_value_get_item(sessions, i));
    }
    is_fine = is_fine && (agt_value_get_count(sessions) == 0 || cli_table_print(table));
    cli_table_free(table);
    return is_fine ? CLI_OK : cli_fail_memory();
}

cli_exit cli_session_ls(const cli_arguments *arguments)
{
    agt_store *store = NULL;
    agt_value *sessions = NULL;
    agt_error error = {0};
    cli_exit code = cli_open_history(arguments, &store);
    if (code != CLI_OK) {
        return code;
    }
    uint32_t limit = cli_has(arguments, CLI_OPT_LIMIT) ? (uint32_t)arguments->number[CLI_OPT_LIMIT]
                                                       : SESSIONS_DEFAULT;
    if (store != NULL && agt_store_list_sessions(store, limit, &sessions, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        code = CLI_CONFIG;
    } else if (cli_has(arguments, CLI_OPT_JSON)) {
        code = print_list_json(sessions != NULL ? sessions : agt_value_empty_array());
    } else {
        code = print_list(arguments, sessions);
    }
    agt_value_unref(sessions);
    agt_store_free(store);
    return code;
}

/* ---- show --------------------------------------------------------------------------------- */

static cli_exit print_session_json(const agt_value *session)
{
    static const char *const members[] = {
        "id",           "name",  "agent",     "parent",  "created_unix_ns",
        "used_unix_ns", "turns", "sent_from", "messages"};
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.session/1");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        cli_json_value(builder, members[i], agt_value_get_member(session, members[i]));
    }
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}

static void print_text(const char *text, size_t length)
{
    if (isatty(STDOUT_FILENO)) {
        cli_write_clean(stdout, text, length, CLI_CLEAN_TEXT);
    } else {
        (void)fwrite(text, 1, length, stdout);
    }
    if (length == 0 || text[length - 1] != '\n') {
        (void)fputc('\n', stdout);
    }
}

/* "tool NAME(…)": a value as JSON, on one line, cut. */
static void print_value(const char *label, const char *name, const agt_value *value)
{
    char text[OUTPUT_BYTES_MAX], shown_name[80];
    agt_value *json = NULL;
    cli_clean_text(shown_name, sizeof(shown_name), name);
    if (value == NULL || agt_value_to_json(NULL, value, AGT_JSON_COMPACT, &json) != AGT_OK) {
        json = NULL;
    }
    const char *whole = agt_value_get_string(json, NULL);
    cli_clean_text(text, sizeof(text), whole != NULL ? whole : "");
    (void)printf("  %s %s %s\n", label, shown_name, text);
    agt_value_unref(json);
}

static void print_part(const agt_value *part)
{
    const char *type = cli_text_of(part, "type");
    if (strcmp(type, "text") == 0) {
        size_t length = 0;
        const char *text = agt_value_get_string(agt_value_get_member(part, "text"), &length);
        print_text(text != NULL ? text : "", length);
    } else if (strcmp(type, "tool_call") == 0) {
        print_value("calls", cli_text_of(part, "name"), agt_value_get_member(part, "arguments"));
    } else if (strcmp(type, "tool_result") == 0) {
        const agt_value *output = agt_value_get_member(part, "output");
        print_value(output != NULL ? "answers" : cli_text_of(part, "outcome"),
                    cli_text_of(part, "name"),
                    output != NULL ? output : agt_value_get_member(part, "error"));
    }
}

static void print_session(const agt_value *session, const cli_terminal *terminal)
{
    const agt_value *messages = agt_value_get_member(session, "messages");
    int64_t sent_from = cli_int_of(session, "sent_from", 0);
    for (size_t i = 0; i < agt_value_get_count(messages); i++) {
        const agt_value *line = agt_value_get_item(messages, i);
        const agt_value *message = agt_value_get_member(line, "message");
        const agt_value *parts = agt_value_get_member(message, "parts");
        bool is_summary = strcmp(cli_text_of(line, "kind"), "summary") == 0;
        if (i > 0 && (int64_t)i == sent_from) {
            (void)printf("%s(models are shown what follows)%s\n", cli_style_of(terminal, CLI_DIM),
                         cli_style_of(terminal, CLI_PLAIN));
        }
        (void)printf("%s%lld %s:%s\n", cli_style_of(terminal, CLI_DIM),
                     (long long)cli_int_of(line, "turn", 0),
                     is_summary ? "summary" : cli_text_of(message, "role"),
                     cli_style_of(terminal, CLI_PLAIN));
        for (size_t j = 0; j < agt_value_get_count(parts); j++) {
            print_part(agt_value_get_item(parts, j));
        }
    }
}

cli_exit cli_session_show(const cli_arguments *arguments)
{
    const char *name = arguments->operand_count > 0 ? arguments->operands[0] : "last";
    agt_store *store = NULL;
    agt_value *session = NULL;
    agt_error error = {0};
    cli_exit code = cli_open_history(arguments, &store);
    if (code != CLI_OK || store == NULL) {
        return code != CLI_OK ? code : CLI_CONFIG;
    }
    agt_status status = agt_store_get_session(store, name, &session, &error);
    agt_store_free(store);
    if (status != AGT_OK) {
        cli_complain("%s", error.message);
        return CLI_CONFIG;
    }
    if (cli_has(arguments, CLI_OPT_JSON)) {
        code = print_session_json(session);
    } else {
        cli_terminal terminal;
        cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
        print_session(session, &terminal);
    }
    agt_value_unref(session);
    return code;
}

/* ---- rm ----------------------------------------------------------------------------------- */

cli_exit cli_session_rm(const cli_arguments *arguments)
{
    char path[CLI_PATH_BYTES];
    agt_store *store = NULL;
    agt_runtime *runtime = NULL;
    agt_session *session = NULL;
    agt_error error = {0};
    cli_exit code = cli_open_history(arguments, &store); /* never makes one */
    if (code != CLI_OK || store == NULL) {
        return code != CLI_OK ? code : CLI_CONFIG;
    }
    agt_store_free(store);
    code = cli_find_store(arguments, false, path);
    if (code != CLI_OK) {
        return code;
    }
    /* Nothing runs in it: it needs no threads. */
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .simulated = true, .store_path = path);
    agt_session_config which =
        AGT_CONFIG(agt_session_config, .name = arguments->operands[0], .existing = true);
    agt_status status = agt_runtime_new(&config, &runtime, &error);
    if (status == AGT_OK) {
        status = agt_session_new(runtime, &which, &session, &error);
    }
    if (status == AGT_OK) {
        status = agt_session_delete(session, &error);
    }
    if (status != AGT_OK) {
        cli_complain("%s", error.message);
        code = CLI_CONFIG;
    }
    agt_session_unref(session);
    agt_runtime_free(runtime);
    return code;
}
