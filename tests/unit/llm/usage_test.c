/* Usage as responses carry it: what is missing, negative or no count is unknown. */
#include "agent_sdk/llm.h"

#include "support/test.h"

#include <string.h>

static agt_usage read(const char *text)
{
    agt_value *value = NULL;
    assert_int_equal(agt_json_parse(NULL, text, strlen(text), NULL, &value, NULL), AGT_OK);
    agt_usage usage = agt_usage_from_value(value);
    agt_value_unref(value);
    return usage;
}

static void reads_all_members(void **state)
{
    (void)state;
    agt_usage usage = read("{\"input_tokens\": 1, \"cache_read_tokens\": 2,"
                           " \"cache_write_tokens\": 3, \"cache_write_1h_tokens\": 4,"
                           " \"output_tokens\": 5, \"reasoning_tokens\": 0, \"other\": 9}");
    assert_int_equal(usage.struct_size, sizeof(usage));
    assert_int_equal(usage.input_tokens, 1);
    assert_int_equal(usage.cache_read_tokens, 2);
    assert_int_equal(usage.cache_write_tokens, 3);
    assert_int_equal(usage.cache_write_1h_tokens, 4);
    assert_int_equal(usage.output_tokens, 5);
    assert_int_equal(usage.reasoning_tokens, 0);
}

static void unknown_is_not_zero(void **state)
{
    (void)state;
    agt_usage unknown = agt_usage_unknown();
    agt_usage usage = agt_usage_from_value(NULL);
    assert_memory_equal(&usage, &unknown, sizeof(usage));
    usage = read("{\"input_tokens\": -1, \"output_tokens\": \"5\", \"reasoning_tokens\": null,"
                 " \"cache_read_tokens\": 1.5, \"cache_write_tokens\": 1e30}");
    assert_memory_equal(&usage, &unknown, sizeof(usage));
    usage = read("{\"input_tokens\": 12.0, \"output_tokens\": 1e2}");
    assert_int_equal(usage.input_tokens, 12);
    assert_int_equal(usage.output_tokens, 100);
    assert_int_equal(usage.reasoning_tokens, AGT_TOKENS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_members),
        cmocka_unit_test(unknown_is_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
