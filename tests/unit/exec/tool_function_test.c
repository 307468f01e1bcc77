/*
 * Tools that are functions: how large their results may be.
 */
#include "agent_sdk/exec.h"

#include <stdlib.h>
#include <string.h>

#include "support/exec.h"
#include "support/test.h"
#include "support/torture.h"

/* An array of as many strings of ten bytes as the input says; or a string, for a negative number.
 */
static agt_status make_much(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    const agt_allocator *allocator = agt_tool_call_get_allocator(call);
    int64_t count = 0;
    agt_value_builder *builder = NULL;
    if (agt_value_get_int64(agt_tool_call_get_input(call), &count) != AGT_OK) {
        return AGT_E_INVALID;
    }
    if (count < 0) {
        char *text = malloc((size_t)-count);
        assert_non_null(text);
        memset(text, 'x', (size_t)-count);
        agt_status status = agt_value_new_string_n(allocator, text, (size_t)-count, ret_output);
        free(text);
        return status;
    }
    agt_status status = agt_value_builder_new(allocator, &builder);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_array(builder);
    for (int64_t i = 0; i < count; i++) {
        agt_value_builder_string(builder, "0123456789");
    }
    agt_value_builder_end(builder);
    status = agt_value_builder_finish(builder, ret_output, NULL);
    agt_value_builder_free(builder);
    return status;
}

static agt_status run_much(const agt_allocator *allocator, int32_t mode, size_t max,
                           const char *input, agt_results **ret_results,
                           agt_test_engine *ret_engine)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = mode, .effect = AGT_EFFECT_PURE,
                                        .output_bytes_max = max);
    agt_status status = agt_test_engine_init(ret_engine, allocator, true, NULL);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_executor_register_tool(ret_engine->executor, "much", make_much, &config, NULL);
    agt_value *value = status == AGT_OK ? agt_test_json(allocator, input) : NULL;
    if (value == NULL) {
        return AGT_E_NOMEM;
    }
    agt_input call = {.tool = "much", .input = value};
    status = agt_executor_execute_parallel(ret_engine->executor, &call, 1, ret_results, NULL);
    agt_value_unref(value);
    return status;
}

static void check(int32_t mode, size_t max, const char *input, const char *message)
{
    agt_test_heap heap;
    agt_test_engine engine;
    agt_results *results = NULL;
    agt_test_heap_init(&heap);
    agt_status status = run_much(&heap.allocator, mode, max, input, &results, &engine);
    assert_true(status == AGT_OK || status == AGT_E_PARTIAL);
    if (message == NULL) {
        agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    } else {
        agt_error err = {.message = ""};
        agt_test_expect(results, 0, AGT_OUTCOME_ERROR, NULL);
        (void)agt_results_get_error(results, 0, &err);
        assert_int_equal(err.status, AGT_E_LIMIT);
        assert_string_equal(err.message, message);
    }
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
    agt_test_heap_deinit(&heap);
}

static void test_results_of_any_size(void **state)
{
    (void)state;
    for (int32_t mode = AGT_TOOL_BLOCKING; mode <= AGT_TOOL_INLINE; mode++) {
        check(mode, 0, "1", NULL);
        check(mode, 0, "-33000000", NULL);
        check(mode, 100, "-98", NULL); /* with quotes */
        check(mode, 100, "-99",
              "the result of \"much\" is too large: found about 101 bytes, expected at most 100");
        check(mode, 1000, "76", NULL);
        check(mode, 1000, "77",
              "the result of \"much\" is too large: found about 1003 bytes, expected at most 1000");
        check(mode, 0, "-33554431",
              "the result of \"much\" is too large: found about 33554433 bytes, expected at most "
              "33554432");
        check(mode, (size_t)1 << 40, "-33554431", NULL);
    }
}

static void scenario(const agt_allocator *allocator, void *ctx)
{
    agt_test_engine engine = {.runtime = NULL};
    agt_results *results = NULL;
    agt_status status = run_much(allocator, AGT_TOOL_INLINE, 100, ctx, &results, &engine);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM || status == AGT_E_PARTIAL);
    agt_results_unref(results);
    if (engine.runtime != NULL) {
        agt_test_engine_deinit(&engine);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(scenario, (void *)(uintptr_t) "50");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_of_any_size),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
