/*
 * schema_fuzz.c - a schema and a value, two JSON texts split at the first NUL: compiled and
 * checked.
 *
 * Beyond crashes: both passes of a check must agree, a place must be one that the value has (or
 * the name of a member), and the work must stay within its limit.
 */
#include "base/assert.h"
#include "base/schema.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static agt_value *parse(const char *text, size_t length)
{
    agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = 400);
    agt_value *value = NULL;
    return agt_json_parse(NULL, text, length, &config, &value, NULL) == AGT_OK ? value : NULL;
}

static void check(const agt_schema *schema, const agt_value *value)
{
    agt_error err = {0};
    agt_value *place = NULL;
    agt_status status = agt__schema_check_limited(schema, value, 200000, &place, &err);
    agt_status again = agt__schema_check_limited(schema, value, 200000, NULL, NULL);
    AGT_ASSERT(status == again);
    AGT_ASSERT(status == AGT_OK || status == AGT_E_SCHEMA || status == AGT_E_LIMIT);
    AGT_ASSERT(err.status == status);
    AGT_ASSERT((place != NULL) == (status == AGT_E_SCHEMA));
    if (place != NULL) {
        const agt_value *part = NULL;
        size_t length;
        const char *pointer = agt_value_get_string(place, &length);
        AGT_ASSERT(err.message[0] != '\0');
        AGT_ASSERT(strlen(pointer) != length ||
                   agt_value_get_pointer(value, pointer, &part, NULL) == AGT_OK);
    }
    agt_value_unref(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t length = size > 0 ? strnlen(text, size) : 0;
    agt_value *document = parse(text, length);
    agt_value *value = length < size ? parse(text + length + 1, size - length - 1) : NULL;
    agt_schema *schema = NULL;
    agt_error err = {0};
    if (document != NULL) {
        agt_status status = agt_schema_new(NULL, document, &schema, &err);
        AGT_ASSERT(status == AGT_OK || status == AGT_E_SCHEMA || status == AGT_E_LIMIT);
        AGT_ASSERT(err.status == status);
        if (schema != NULL) {
            check(schema, document); /* a schema is a value, too */
            check(schema, value);
        }
    }
    agt_schema_unref(schema);
    agt_value_unref(document);
    agt_value_unref(value);
    return 0;
}
