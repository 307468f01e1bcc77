/*
 * Values in tests.
 */
#include "support/values.h"

#include "support/test.h"

#include <string.h>

agt_value *agt_test_value(const agt_allocator *allocator, const char *json)
{
    agt_value *value = NULL;
    agt_error err = {0};
    if (agt_json_parse(allocator, json, strlen(json), NULL, &value, &err) != AGT_OK) {
        fail_msg("%s: %u:%u: %s", json, err.line, err.column, err.message);
    }
    return value;
}

void agt_test_assert_json(const agt_value *value, const char *json)
{
    agt_value *text = NULL;
    assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_COMPACT, &text), AGT_OK);
    assert_string_equal(agt_value_get_string(text, NULL), json);
    agt_value_unref(text);
}
