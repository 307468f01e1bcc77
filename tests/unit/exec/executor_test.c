/* Executors: registering tools, looking at them, and their declared dependencies. */
#include "support/test.h"

#include "exec/executor.h"
#include "exec/policy.h"
#include "support/exec.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <string.h>

static agt_status do_nothing(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (void)user_data;
    return AGT_OK;
}

static void count_release(void *user_data)
{
    ++*(int *)user_data;
}

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

static agt_status add(agt_test_engine *engine, const char *name, const agt_tool_config *config,
                      agt_error *err)
{
    return agt_executor_register_tool(engine->executor, name, do_nothing, config, err);
}

static void tools_are_described(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine);
    agt_value *schema = agt_test_value(NULL, "{\"type\": \"object\"}");
    char description[] = "Looks things up.", name[] = "look-up.v2";
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .description = description, .input_schema = schema,
                   .effect = AGT_EFFECT_IDEMPOTENT, .timeout_ms = 77, .cost_nanousd = 5);
    assert_int_equal(add(&engine, name, &config, NULL), AGT_OK);
    memset(description, 'x', 5);
    memset(name, 'x', 4);
    agt_tool *tool = agt_executor_get_tool(engine.executor, "look-up.v2");
    assert_non_null(tool);
    assert_string_equal(agt_tool_get_name(tool), "look-up.v2");
    assert_string_equal(agt_tool_get_description(tool), "Looks things up.");
    assert_true(agt_value_equals(agt_tool_get_input_schema(tool), schema));
    assert_int_equal(agt_tool_get_effect(tool), AGT_EFFECT_IDEMPOTENT);
    assert_string_equal(agt_tool_get_kind(tool), "function");
    assert_int_equal(agt_tool_get_timeout_ms(tool), 77);
    assert_int_equal(agt__tool_get_cost_nanousd(tool), 5);
    agt_value_unref(schema);
    agt_tool *plain = agt_executor_get_tool(engine.executor, "async");
    assert_string_equal(agt_tool_get_description(plain), "");
    assert_null(agt_tool_get_input_schema(plain));
    assert_int_equal(agt_tool_get_timeout_ms(plain), 30000);
    assert_int_equal(agt_executor_get_tool_count(engine.executor), 4);
    static const char *const order[] = {"inline", "async", "blocking", "look-up.v2"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(agt_tool_get_name(agt_executor_get_tool_at(engine.executor, i)),
                            order[i]);
    }
    assert_null(agt_executor_get_tool_at(engine.executor, 4));
    assert_null(agt_executor_get_tool(engine.executor, "nobody"));
    assert_null(agt_executor_get_tool(engine.executor, NULL));
    assert_null(agt_executor_get_tool(NULL, "async"));
    agt_test_engine_deinit(&engine);
}

static void bad_tools_are_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    int released = 0;
    setup(&engine);
    char long_name[66];
    memset(long_name, 'n', 65);
    long_name[65] = '\0';
    static const char *const names[] = {"", "a b", "caf\xC3\xA9", "a/b", "a\n", "a:b"};
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .user_data = &released, .release = count_release);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(add(&engine, names[i], &config, &err), AGT_E_INVALID);
    }
    assert_int_equal(add(&engine, long_name, &config, &err), AGT_E_INVALID);
    assert_int_equal(add(&engine, NULL, &config, &err), AGT_E_INVALID);
    assert_int_equal(add(&engine, "inline", &config, &err), AGT_E_EXISTS);
    assert_non_null(strstr(err.message, "\"inline\""));
    assert_int_equal(agt_executor_register_tool(engine.executor, "t", NULL, &config, &err),
                     AGT_E_INVALID);
    assert_int_equal(agt_executor_register_tool(NULL, "t", do_nothing, &config, &err),
                     AGT_E_INVALID);
    agt_tool_config bad = config;
    bad.mode = 3;
    assert_int_equal(add(&engine, "t", &bad, &err), AGT_E_INVALID);
    bad = config;
    bad.effect = -1;
    assert_int_equal(add(&engine, "t", &bad, &err), AGT_E_INVALID);
    bad = config;
    bad.cost_nanousd = -1;
    assert_int_equal(add(&engine, "t", &bad, &err), AGT_E_INVALID);
    bad = config;
    bad.struct_size = 3;
    assert_int_equal(add(&engine, "t", &bad, &err), AGT_E_INVALID);
    agt_value *schema = agt_test_value(NULL, "{\"type\": 5}");
    bad = config;
    bad.input_schema = schema;
    assert_int_equal(add(&engine, "t", &bad, &err), AGT_E_SCHEMA);
    assert_non_null(strstr(err.message, "input schema of tool \"t\""));
    agt_value_unref(schema);
    assert_int_equal(released, 0); /* what was never taken over is not given back */
    long_name[64] = '\0';
    assert_int_equal(add(&engine, long_name, &config, NULL), AGT_OK);
    assert_int_equal(agt_executor_get_tool_count(engine.executor), 4);
    agt_test_engine_deinit(&engine);
    assert_int_equal(released, 1);
}

/* A graph keeps its tools although the program has dropped everything else. */
static void tools_live_as_long_as_somebody_needs_them(void **state)
{
    (void)state;
    agt_test_engine engine;
    int released = 0;
    setup(&engine);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .user_data = &released,
                                        .release = count_release, .mode = AGT_TOOL_INLINE);
    assert_int_equal(add(&engine, "t", &config, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "t", "{}", NULL);
    agt_executor_unref(engine.executor);
    engine.executor = NULL;
    assert_int_equal(released, 0);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_graph_unref(graph);
    assert_int_equal(released, 0);
    assert_string_equal(agt_results_get_name(results, 0), "t");
    agt_results_unref(results);
    agt_test_engine_deinit(&engine); /* a job that was posted may have been the last user */
    assert_int_equal(released, 1);
}

static void dependencies_are_checked(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine);
    agt_executor *executor = engine.executor;
    assert_int_equal(add(&engine, "d", NULL, NULL), AGT_OK);
    assert_int_equal(agt_executor_add_dependency(executor, "async", "inline", &err), AGT_OK);
    assert_int_equal(agt_executor_add_dependency(executor, "async", "inline", &err), AGT_OK);
    assert_int_equal(executor->dependency_count, 1);
    assert_int_equal(agt_executor_add_dependency(executor, "blocking", "async", &err), AGT_OK);
    assert_int_equal(agt_executor_add_dependency(executor, "d", "inline", &err), AGT_OK);
    assert_int_equal(agt_executor_add_dependency(executor, "d", "blocking", &err), AGT_OK);
    assert_int_equal(agt_executor_add_dependency(executor, "inline", "blocking", &err),
                     AGT_E_CYCLE);
    assert_non_null(
        strstr(err.message, "inline \xE2\x86\x92 async \xE2\x86\x92 blocking \xE2\x86\x92 inline"));
    assert_int_equal(agt_executor_add_dependency(executor, "d", "d", &err), AGT_E_CYCLE);
    assert_int_equal(agt_executor_add_dependency(executor, "d", "x", &err), AGT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "\"x\""));
    assert_int_equal(agt_executor_add_dependency(executor, "y", "d", &err), AGT_E_NOT_FOUND);
    assert_int_equal(agt_executor_add_dependency(executor, NULL, "d", &err), AGT_E_INVALID);
    agt_test_engine_deinit(&engine);
}

static void executors_need_a_runtime_that_is_open(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_executor *executor;
    agt_error err;
    setup(&engine);
    assert_int_equal(agt_executor_new(NULL, NULL, &executor, &err), AGT_E_INVALID);
    agt_executor_config bad = {.struct_size = 0};
    assert_int_equal(agt_executor_new(engine.runtime, &bad, &executor, &err), AGT_E_INVALID);
    assert_int_equal(agt_runtime_close(engine.runtime, 0, NULL), AGT_OK);
    assert_int_equal(agt_executor_new(engine.runtime, NULL, &executor, &err), AGT_E_CLOSED);
    agt_executor_unref(NULL);
    assert_null(agt_executor_ref(NULL));
    agt_test_engine_deinit(&engine);
}

static void register_all(const agt_allocator *allocator, void *ctx)
{
    agt_test_engine engine;
    int released = 0, taken = 0;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .description = "text", .input_schema = ctx,
                                        .user_data = &released, .release = count_release);
    agt_status status = add(&engine, "first", &config, NULL);
    taken += status == AGT_OK;
    if (status == AGT_OK) {
        status = add(&engine, "second", &config, NULL);
        taken += status == AGT_OK;
    }
    if (status == AGT_OK) {
        status = agt_executor_add_dependency(engine.executor, "first", "second", NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_test_engine_deinit(&engine);
    assert_int_equal(released, taken);
}

static void registering_survives_torture(void **state)
{
    (void)state;
    agt_value *schema = agt_test_value(
        NULL, "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}}");
    agt_test_torture(register_all, schema);
    agt_value_unref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_are_described),
        cmocka_unit_test(bad_tools_are_refused),
        cmocka_unit_test(tools_live_as_long_as_somebody_needs_them),
        cmocka_unit_test(dependencies_are_checked),
        cmocka_unit_test(executors_need_a_runtime_that_is_open),
        cmocka_unit_test(registering_survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
