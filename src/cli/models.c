/*
 * agent models: which providers there are and whether a key is there for each; which models one of
 * them serves. Keys are looked for, never shown.
 */
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include "agent_sdk/llm.h"

#include <string.h>

enum {
    NAMES_BYTES = 512,
    KEY_BYTES = 160,
    MILLION = 1000000
};

/* ---- providers ---------------------------------------------------------------------------- */

/* Take the next name of a list joined by ", ". @return NULL at its end */
static const char *next_name(char **list)
{
    char *name = *list;
    if (name == NULL || *name == '\0') {
        return NULL;
    }
    char *end = strstr(name, ", ");
    *list = end != NULL ? end + 2 : NULL;
    if (end != NULL) {
        *end = '\0';
    }
    return name;
}

static cli_exit print_providers_json(char *list)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.models/1");
    agt_value_builder_key(builder, "providers");
    agt_value_builder_begin_array(builder);
    for (const char *name = next_name(&list); name != NULL; name = next_name(&list)) {
        agt_value_builder_begin_object(builder);
        cli_json_text(builder, "provider", name);
        cli_json_text(builder, "key_variable", agt_provider_get_key_variable(name));
        cli_json_bool(builder, "has_key", agt_provider_find_key_variable(name) != NULL);
        cli_json_text(builder, "base_url", agt_provider_get_base_url(name));
        agt_value_builder_end(builder);
    }
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}

static cli_exit print_providers(const cli_arguments *arguments, char *list)
{
    static const cli_column columns[] = {
        {"PROVIDER", false, false}, {"KEY", false, false}, {"ADDRESS", false, true}};
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
    cli_table *table = cli_table_new(&terminal, columns, sizeof(columns) / sizeof(columns[0]));
    bool is_fine = table != NULL;
    for (const char *name = next_name(&list); is_fine && name != NULL; name = next_name(&list)) {
        char key[KEY_BYTES] = "none needed";
        const char *variable = agt_provider_get_key_variable(name);
        const char *found = agt_provider_find_key_variable(name);
        const char *url = agt_provider_get_base_url(name);
        if (variable != NULL) {
            (void)snprintf(key, sizeof(key), "%s %s", found != NULL ? found : variable,
                           found != NULL ? "is set" : "is not set");
        }
        const char *cells[] = {name, key, url != NULL ? url : "(base_url)"};
        is_fine = cli_table_add(table, cells);
    }
    is_fine = is_fine && cli_table_print(table);
    cli_table_free(table);
    return is_fine ? CLI_OK : cli_fail_memory();
}

/* ---- models of one ------------------------------------------------------------------------ */

/* What a million tokens of input and of output cost; AGT_NANOUSD_UNKNOWN. */
static int64_t price_of(agt_runtime *runtime, const char *model, bool is_output)
{
    const agt_usage usage = {.struct_size = sizeof(usage),
                             .input_tokens = is_output ? 0 : MILLION,
                             .output_tokens = is_output ? MILLION : 0};
    return agt_prices_get_cost(agt_runtime_get_prices(runtime), model, &usage);
}

static void format_price(char target[CLI_FIGURE_BYTES], int64_t nanousd)
{
    (void)snprintf(target, CLI_FIGURE_BYTES, "-");
    if (nanousd != AGT_NANOUSD_UNKNOWN) {
        cli_format_money(target, nanousd);
    }
}

static cli_exit print_models_json(agt_runtime *runtime, const char *provider,
                                  const agt_value *models)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.models/1");
    cli_json_text(builder, "provider", provider);
    agt_value_builder_key(builder, "models");
    agt_value_builder_begin_array(builder);
    for (size_t i = 0; i < agt_value_get_count(models); i++) {
        const agt_value *model = agt_value_get_item(models, i);
        const char *id = agt_value_get_string(agt_value_get_member(model, "id"), NULL);
        agt_value_builder_begin_object(builder);
        cli_json_text(builder, "id", id);
        cli_json_value(builder, "name", agt_value_get_member(model, "name"));
        cli_json_value(builder, "context_tokens", agt_value_get_member(model, "context_tokens"));
        cli_json_money(builder, "input_million", price_of(runtime, id, false));
        cli_json_money(builder, "output_million", price_of(runtime, id, true));
        agt_value_builder_end(builder);
    }
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}

static bool add_model(cli_table *table, agt_runtime *runtime, const agt_value *model)
{
    char context[CLI_FIGURE_BYTES] = "-", input[CLI_FIGURE_BYTES], output[CLI_FIGURE_BYTES];
    const char *id = agt_value_get_string(agt_value_get_member(model, "id"), NULL);
    const char *name = agt_value_get_string(agt_value_get_member(model, "name"), NULL);
    uint64_t tokens = 0;
    if (agt_value_get_uint64(agt_value_get_member(model, "context_tokens"), &tokens) == AGT_OK) {
        cli_format_count(context, tokens);
    }
    format_price(input, price_of(runtime, id, false));
    format_price(output, price_of(runtime, id, true));
    const char *cells[] = {id, context, input, output, name != NULL ? name : ""};
    return cli_table_add(table, cells);
}

static cli_exit print_models(const cli_arguments *arguments, agt_runtime *runtime,
                             const agt_value *models)
{
    static const cli_column columns[] = {{"MODEL", false, false},
                                         {"CONTEXT", true, false},
                                         {"$ INPUT/M", true, false},
                                         {"$ OUTPUT/M", true, false},
                                         {"NAME", false, true}};
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, (cli_color)arguments->number[CLI_OPT_COLOR]);
    cli_table *table = cli_table_new(&terminal, columns, sizeof(columns) / sizeof(columns[0]));
    bool is_fine = table != NULL;
    size_t count = agt_value_get_count(models);
    for (size_t i = 0; is_fine && i < count; i++) {
        is_fine = add_model(table, runtime, agt_value_get_item(models, i));
    }
    is_fine = is_fine && (count == 0 || cli_table_print(table));
    cli_table_free(table);
    return is_fine ? CLI_OK : cli_fail_memory();
}

static cli_exit list_models(const cli_arguments *arguments, const char *provider)
{
    const agt_runtime_config settings = AGT_CONFIG(agt_runtime_config, .silent = true);
    const agt_provider_config config = AGT_CONFIG(
        agt_provider_config, .provider = provider, .base_url = arguments->text[CLI_OPT_BASE_URL],
        .timeout_ms = (uint32_t)arguments->number[CLI_OPT_TIMEOUT]);
    agt_runtime *runtime = NULL;
    agt_value *models = NULL;
    agt_error error = {0};
    cli_exit code = CLI_CONFIG;
    agt_status status = agt_runtime_new(&settings, &runtime, &error);
    if (status == AGT_OK) {
        status = agt_provider_list_models(runtime, &config, &models, &error);
        code = cli_exit_of(status);
    }
    /* What was wrong before anything was sent is a matter of settings. */
    bool is_setting = status == AGT_E_INVALID || status == AGT_E_NOT_FOUND ||
                      status == AGT_E_DENIED || status == AGT_E_UNSUPPORTED;
    if (status != AGT_OK) {
        cli_complain("%s", error.message);
        code = is_setting ? CLI_CONFIG : code;
    } else {
        code = cli_has(arguments, CLI_OPT_JSON) ? print_models_json(runtime, provider, models)
                                                : print_models(arguments, runtime, models);
    }
    agt_value_unref(models);
    agt_runtime_free(runtime);
    return code;
}

cli_exit cli_models(const cli_arguments *arguments)
{
    char list[NAMES_BYTES];
    if (arguments->operand_count > 0) {
        return list_models(arguments, arguments->operands[0]);
    }
    (void)snprintf(list, sizeof(list), "%s", agt_provider_get_names());
    return cli_has(arguments, CLI_OPT_JSON) ? print_providers_json(list)
                                            : print_providers(arguments, list);
}
