/* Members of JSON objects: thin, so that the shape of an object can be read where it is made. */
#include "cli/json.h"
#include "cli/text.h"

#include <string.h>

void cli_json_text(agt_value_builder *builder, const char *key, const char *text)
{
    agt_value_builder_key(builder, key);
    if (text == NULL) {
        agt_value_builder_null(builder);
    } else {
        agt_value_builder_string(builder, text);
    }
}

void cli_json_int(agt_value_builder *builder, const char *key, int64_t number)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_int64(builder, number);
}

void cli_json_count(agt_value_builder *builder, const char *key, uint64_t number)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_uint64(builder, number);
}

void cli_json_bool(agt_value_builder *builder, const char *key, bool flag)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_bool(builder, flag);
}

void cli_json_value(agt_value_builder *builder, const char *key, const agt_value *value)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_value(builder, value);
}

void cli_json_money(agt_value_builder *builder, const char *prefix, int64_t nanousd)
{
    char key[64], text[CLI_FIGURE_BYTES];
    bool is_known = nanousd != AGT_NANOUSD_UNKNOWN;
    (void)snprintf(key, sizeof(key), "%s_nanousd", prefix);
    agt_value_builder_key(builder, key);
    if (is_known) {
        agt_value_builder_int64(builder, nanousd);
    } else {
        agt_value_builder_null(builder);
    }
    (void)snprintf(key, sizeof(key), "%s_usd", prefix);
    cli_format_decimal(text, nanousd);
    cli_json_text(builder, key, is_known ? text : NULL);
}

void cli_json_hex(agt_value_builder *builder, const char *key, const uint8_t *bytes, size_t size)
{
    char text[2 * 32 + 1];
    bool is_zero = true;
    for (size_t i = 0; i < size && i < 32; i++) {
        is_zero = is_zero && bytes[i] == 0;
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes[i]);
    }
    cli_json_text(builder, key, is_zero ? NULL : text);
}

cli_exit cli_json_print(agt_value_builder *builder, bool is_pretty)
{
    agt_value *value = NULL;
    agt_error error = {0};
    agt_status status = agt_value_builder_finish(builder, &value, &error);
    agt_value_builder_free(builder);
    if (status != AGT_OK) {
        return cli_fail(&error);
    }
    cli_exit code = cli_print_json(value, is_pretty);
    agt_value_unref(value);
    return code;
}
