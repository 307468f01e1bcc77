/*
 * agent tools: what the tools of a team file are, how they run, and who may use them. Read from the
 * file alone; nothing is built or started.
 */
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include "agent_sdk/team.h"

#include <string.h>

enum {
    LIST_BYTES = 256
};

typedef struct row {
    const char *name, *kind, *effect, *description;
    char timeout[CLI_FIGURE_BYTES];
    char depends_on[LIST_BYTES], used_by[LIST_BYTES];
} row;

static void add_name(char list[LIST_BYTES], const char *name)
{
    size_t used = strlen(list);
    (void)snprintf(list + used, LIST_BYTES - used, "%s%s", used > 0 ? ", " : "", name);
}

static bool has_name(const agt_value *list, const char *name)
{
    for (size_t i = 0; i < agt_value_get_count(list); i++) {
        const char *item = agt_value_get_string(agt_value_get_item(list, i), NULL);
        if (item != NULL && strcmp(item, name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *text_of(const agt_value *object, const char *member, const char *otherwise)
{
    const char *text = agt_value_get_string(agt_value_get_member(object, member), NULL);
    return text != NULL ? text : otherwise;
}

static void read_row(const agt_value *document, size_t index, row *self)
{
    const agt_value *tools = agt_value_get_member(document, "tools");
    const agt_value *agents = agt_value_get_member(document, "agents");
    const agt_value *tool = agt_value_get_item(tools, index);
    const agt_value *timeout = agt_value_get_member(tool, "timeout");
    const agt_value *needs = agt_value_get_member(tool, "depends_on");
    int64_t ms = 0;
    memset(self, 0, sizeof(*self));
    self->name = agt_value_get_key(tools, index, NULL);
    self->kind = agt_value_get_member(tool, "http") != NULL ? "http" : "process";
    self->effect = text_of(tool, "effect", "effect");
    self->description = text_of(tool, "description", "");
    (void)snprintf(self->timeout, sizeof(self->timeout), "%s", text_of(tool, "timeout", "30s"));
    if (agt_value_get_int64(timeout, &ms) == AGT_OK) {
        (void)snprintf(self->timeout, sizeof(self->timeout), "%lldms", (long long)ms);
    }
    for (size_t i = 0; i < agt_value_get_count(needs); i++) {
        add_name(self->depends_on, agt_value_get_string(agt_value_get_item(needs, i), NULL));
    }
    for (size_t i = 0; i < agt_value_get_count(agents); i++) {
        const agt_value *agent = agt_value_get_item(agents, i);
        if (has_name(agt_value_get_member(agent, "tools"), self->name)) {
            add_name(self->used_by, agt_value_get_key(agents, i, NULL));
        }
    }
}

static cli_exit print_table(const cli_arguments *arguments, const agt_value *document)
{
    static const cli_column columns[] = {{"NAME", false, false},      {"KIND", false, false},
                                         {"EFFECT", false, false},    {"TIMEOUT", true, false},
                                         {"USED BY", false, true},    {"DEPENDS ON", false, true},
                                         {"DESCRIPTION", false, true}};
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
    cli_table *table = cli_table_new(&terminal, columns, sizeof(columns) / sizeof(columns[0]));
    bool is_fine = table != NULL;
    size_t count = agt_value_get_count(agt_value_get_member(document, "tools"));
    for (size_t i = 0; is_fine && i < count; i++) {
        row tool;
        read_row(document, i, &tool);
        const char *cells[] = {tool.name,    tool.kind,       tool.effect,     tool.timeout,
                               tool.used_by, tool.depends_on, tool.description};
        is_fine = cli_table_add(table, cells);
    }
    is_fine = is_fine && (count == 0 || cli_table_print(table));
    cli_table_free(table);
    return is_fine ? CLI_OK : cli_fail_memory();
}

/* The agents that may use a tool, as an array. */
static void write_users(agt_value_builder *builder, const agt_value *document, const char *name)
{
    const agt_value *agents = agt_value_get_member(document, "agents");
    agt_value_builder_key(builder, "used_by");
    agt_value_builder_begin_array(builder);
    for (size_t i = 0; i < agt_value_get_count(agents); i++) {
        const agt_value *agent = agt_value_get_item(agents, i);
        if (has_name(agt_value_get_member(agent, "tools"), name)) {
            agt_value_builder_string(builder, agt_value_get_key(agents, i, NULL));
        }
    }
    agt_value_builder_end(builder);
}

static cli_exit print_json(const agt_value *document)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.tools/1");
    agt_value_builder_key(builder, "tools");
    agt_value_builder_begin_array(builder);
    size_t count = agt_value_get_count(agt_value_get_member(document, "tools"));
    for (size_t i = 0; i < count; i++) {
        row tool;
        read_row(document, i, &tool);
        const agt_value *source = agt_value_get_item(agt_value_get_member(document, "tools"), i);
        const agt_value *needs = agt_value_get_member(source, "depends_on");
        agt_value_builder_begin_object(builder);
        cli_json_text(builder, "name", tool.name);
        cli_json_text(builder, "kind", tool.kind);
        cli_json_text(builder, "effect", tool.effect);
        cli_json_text(builder, "timeout", tool.timeout);
        cli_json_text(builder, "description", tool.description);
        write_users(builder, document, tool.name);
        cli_json_value(builder, "depends_on", needs != NULL ? needs : agt_value_empty_array());
        cli_json_value(builder, "input_schema", agt_value_get_member(source, "input_schema"));
        agt_value_builder_end(builder);
    }
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}

static void on_error(void *user_data, const agt_error *error)
{
    (void)user_data;
    cli_complain("%s", error->message);
}

cli_exit cli_tools(const cli_arguments *arguments)
{
    const char *path = arguments->operand_count > 0 ? arguments->operands[0] : "team.yaml";
    agt_value *document = NULL;
    agt_error error = {0};
    agt_status status = agt_team_check(NULL, path, NULL, on_error, NULL, &document, &error);
    if (status != AGT_OK) {
        return CLI_CONFIG;
    }
    cli_exit code =
        cli_has(arguments, CLI_OPT_JSON) ? print_json(document) : print_table(arguments, document);
    agt_value_unref(document);
    return code;
}
