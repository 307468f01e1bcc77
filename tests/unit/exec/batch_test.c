/* execute_parallel: declared dependencies, nulls that are filled in, and what it refuses. */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "exec/executor.h"
#include "support/exec.h"
#include "support/torture.h"
#include "support/values.h"

#include <string.h>

#define MS UINT64_C(1000000)

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

/* @count pairs of tool and JSON. */
static agt_status execute(agt_test_engine *engine, const char *const (*calls)[2], size_t count,
                          agt_results **ret_results, agt_error *err)
{
    agt_input inputs[8];
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++) {
        inputs[i].tool = calls[i][0];
        inputs[i].input = calls[i][1] != NULL ? agt_test_json(NULL, calls[i][1]) : NULL;
    }
    agt_status status =
        agt_executor_execute_parallel(engine->executor, inputs, count, ret_results, err);
    for (size_t i = 0; i < count; i++) {
        agt_value_unref(inputs[i].input);
    }
    return status;
}

static void depend(agt_test_engine *engine, const char *tool, const char *on)
{
    assert_int_equal(agt_executor_add_dependency(engine->executor, tool, on, NULL), AGT_OK);
}

static void independent_calls_run_at_once(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    setup(&engine);
    static const char *const calls[][2] = {{"async", "{\"ms\": 30, \"echo\": 0}"},
                                           {"blocking", "{\"ms\": 50, \"echo\": 1}"},
                                           {"async", "{\"ms\": 10, \"error\": \"no\"}"},
                                           {"inline", NULL}};
    uint64_t start = agt_test_now_ns(&engine);
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    assert_int_equal(agt_executor_get_execution_metrics(engine.executor, &metrics),
                     AGT_E_NOT_FOUND);
    assert_int_equal(execute(&engine, calls, 4, &results, NULL), AGT_OK);
    assert_int_equal(agt_test_now_ns(&engine) - start, 50 * MS);
    agt_test_expect_output(results, 0, "0");
    agt_test_expect_output(results, 1, "1");
    agt_test_expect(results, 2, AGT_OUTCOME_ERROR, "no");
    agt_test_expect_output(results, 3, "{}");
    assert_int_equal(agt_executor_get_execution_metrics(engine.executor, &metrics), AGT_OK);
    agt_execution_metrics no_size = {0};
    assert_int_equal(agt_executor_get_execution_metrics(engine.executor, &no_size), AGT_E_INVALID);
    assert_int_equal(metrics.wall_ns, 50 * MS);
    assert_int_equal(metrics.calls, 4);
    assert_int_equal(metrics.failed, 1);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void declared_dependencies_are_respected(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    setup(&engine);
    depend(&engine, "blocking", "async");
    depend(&engine, "inline", "blocking");
    /* written in any order, and only where both are there */
    static const char *const calls[][2] = {{"inline", "{\"a\": null}"},
                                           {"blocking", "{\"ms\": 20, \"echo\": null}"},
                                           {"async", "{\"ms\": 10, \"echo\": {\"k\": 7}}"}};
    uint64_t start = agt_test_now_ns(&engine);
    assert_int_equal(execute(&engine, calls, 3, &results, NULL), AGT_OK);
    assert_int_equal(agt_test_now_ns(&engine) - start, 30 * MS);
    agt_test_expect_output(results, 1, "{\"k\":7}");
    agt_test_expect_output(results, 0, "{\"a\":{\"k\":7}}");
    agt_results_unref(results);
    static const char *const alone[][2] = {{"inline", "{\"a\": null}"}};
    assert_int_equal(execute(&engine, alone, 1, &results, NULL), AGT_OK);
    agt_test_expect_output(results, 0, "{\"a\":null}"); /* passed on */
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void several_sources_become_an_object(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    setup(&engine);
    depend(&engine, "inline", "async");
    depend(&engine, "inline", "blocking");
    static const char *const calls[][2] = {{"async", "{\"ms\": 9, \"echo\": 1}"},
                                           {"blocking", "{\"echo\": 2}"},
                                           {"inline", "{\"x\": null, \"y\": 3, \"z\": null}"}};
    assert_int_equal(execute(&engine, calls, 3, &results, NULL), AGT_OK);
    agt_test_expect_output(results, 2,
                           "{\"x\":{\"async\":1,\"blocking\":2},\"y\":3,"
                           "\"z\":{\"async\":1,\"blocking\":2}}");
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

/* Several dependents of one source; a failed source skips them. */
static void dependents_are_many(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    setup(&engine);
    depend(&engine, "inline", "async");
    static const char *const calls[][2] = {
        {"inline", "{\"a\": null}"}, {"async", "{\"echo\": 5}"}, {"inline", "{\"b\": null}"}};
    assert_int_equal(execute(&engine, calls, 3, &results, NULL), AGT_OK);
    agt_test_expect_output(results, 0, "{\"a\":5}");
    agt_test_expect_output(results, 2, "{\"b\":5}");
    agt_results_unref(results);
    static const char *const fails[][2] = {
        {"inline", "{\"a\": null}"}, {"async", "{\"error\": \"no\"}"}, {"inline", "{\"b\": null}"}};
    assert_int_equal(execute(&engine, fails, 3, &results, NULL), AGT_OK);
    agt_test_expect(results, 0, AGT_OUTCOME_SKIPPED_DEPENDENCY, "\"async\" ended with");
    agt_test_expect(results, 2, AGT_OUTCOME_SKIPPED_DEPENDENCY, NULL);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

/* A null that the schema refuses and that nobody fills in is rejected, with advice. */
static void nulls_that_nobody_fills_in_are_explained(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    setup(&engine);
    agt_value *schema = agt_test_value(
        NULL, "{\"properties\": {\"text\": {\"type\": \"string\"}, \"n\": {\"type\": \"null\"}}}");
    agt_tool *tool = agt_executor_get_tool(engine.executor, "inline");
    assert_int_equal(agt_schema_new(NULL, schema, &tool->operation.input, NULL), AGT_OK);
    agt_value_unref(schema);
    depend(&engine, "inline", "async");
    static const char *const calls[][2] = {{"async", "{\"echo\": 5}"},
                                           {"inline", "{\"text\": null}"}};
    assert_int_equal(execute(&engine, calls, 2, &results, NULL), AGT_OK);
    agt_test_expect(results, 1, AGT_OUTCOME_REJECTED,
                    "a null is filled in only from a dependency of the same batch");
    agt_results_unref(results);
    static const char *const alone[][2] = {{"inline", "{\"text\": null}"}};
    assert_int_equal(execute(&engine, alone, 1, &results, NULL), AGT_OK);
    agt_test_expect(results, 0, AGT_OUTCOME_REJECTED, "the input of \"inline\" does not fit");
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    agt_error err;
    setup(&engine);
    depend(&engine, "inline", "async");
    static const char *const unknown[][2] = {{"async", "{}"}, {"nobody", "{}"}};
    assert_int_equal(execute(&engine, unknown, 2, &results, &err), AGT_E_NOT_FOUND);
    assert_string_equal(err.message, "there is no tool \"nobody\"");
    static const char *const misspelt[][2] = {{"asinc", "{}"}};
    assert_int_equal(execute(&engine, misspelt, 1, &results, &err), AGT_E_NOT_FOUND);
    assert_string_equal(err.message, "there is no tool \"asinc\"; did you mean \"async\"?");
    static const char *const twice[][2] = {{"async", "{}"}, {"async", "{}"}, {"inline", "{}"}};
    assert_int_equal(execute(&engine, twice, 3, &results, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "of which there are two calls"));
    static const char *const unnamed[][2] = {{"async", "{}"}, {NULL, "{}"}};
    assert_int_equal(execute(&engine, unnamed, 2, &results, &err), AGT_E_INVALID);
    assert_int_equal(agt_executor_execute_parallel(engine.executor, NULL, 1, &results, &err),
                     AGT_E_INVALID);
    assert_int_equal(agt_executor_execute_parallel(NULL, NULL, 0, &results, &err), AGT_E_INVALID);
    assert_int_equal(engine.started, 0);
    assert_int_equal(agt_executor_execute_parallel(engine.executor, NULL, 0, &results, &err),
                     AGT_OK);
    assert_int_equal(agt_results_get_count(results), 0);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

/* Two of a tool that nobody in the batch depends on are fine. */
static void the_same_tool_twice_is_fine_alone(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    setup(&engine);
    depend(&engine, "inline", "async");
    static const char *const calls[][2] = {{"async", "{\"echo\": 1}"}, {"async", "{\"echo\": 2}"}};
    assert_int_equal(execute(&engine, calls, 2, &results, NULL), AGT_OK);
    agt_test_expect_output(results, 0, "1");
    agt_test_expect_output(results, 1, "2");
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void starting_takes_options(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine);
    agt_value *hang = agt_test_json(NULL, "{\"hang\": true}");
    agt_input inputs[] = {{"async", hang}, {"inline", NULL}};
    agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 20);
    agt_task *task;
    assert_int_equal(
        agt_executor_execute_parallel_start(engine.executor, inputs, 2, &options, &task, NULL),
        AGT_OK);
    agt_results *results = agt_test_finish(task);
    agt_test_expect(results, 0, AGT_OUTCOME_TIMEOUT, NULL);
    agt_test_expect(results, 1, AGT_OUTCOME_OK, NULL);
    agt_results_unref(results);
    assert_int_equal(agt_runtime_close(engine.runtime, 0, NULL), AGT_OK);
    assert_int_equal(
        agt_executor_execute_parallel_start(engine.executor, inputs, 1, NULL, &task, NULL),
        AGT_E_CLOSED);
    agt_value_unref(hang);
    agt_test_engine_deinit(&engine);
}

/* ---- as a model asks for it: unknown tools are rejected alone, any order is taken ------------ */

typedef struct asking {
    agt_graph *graph;
    agt__batch_item items[4];
    unsigned settled;
} asking;

static void note_settled(agt_graph *graph, agt_call_id call, void *user_data)
{
    asking *own = user_data;
    assert_ptr_equal(graph, own->graph);
    assert_int_not_equal(agt__graph_get_outcome(graph, call), AGT_OUTCOME_NONE);
    if (++own->settled == 4) {
        assert_int_equal(agt_graph_close(graph), AGT_OK);
    }
}

static void ask(void *user_data)
{
    asking *own = user_data;
    const agt__listener listener = {.on_settled = note_settled, .user_data = own};
    assert_int_equal(agt__graph_add_batch(own->graph, own->items, 4, false, NULL, &listener, NULL),
                     AGT_OK);
}

static void models_ask_in_any_order(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine);
    depend(&engine, "inline", "blocking");
    depend(&engine, "blocking", "async");
    agt_graph_config open = AGT_CONFIG(agt_graph_config, .open = true);
    agt_value *null = agt_test_json(NULL, "{\"echo\": null}");
    agt_value *seven = agt_test_json(NULL, "{\"ms\": 5, \"echo\": 7}");
    asking own = {.graph = agt_test_new_graph(&engine, &open),
                  .items = {{.tool = "inline", .input = null, .id = "call_1"},
                            {.tool = "nobody", .input = null, .id = "call_2"},
                            {.tool = "blocking", .input = null, .id = "call_3"},
                            {.tool = "async", .input = seven, .id = NULL}}};
    agt_task *task;
    assert_int_equal(agt_graph_start(own.graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, ask, &own), AGT_OK);
    agt_results *results = agt_test_finish(task);
    assert_int_equal(own.settled, 4);
    agt_test_expect_output(results, own.items[3].call, "7");
    agt_test_expect_output(results, own.items[2].call, "7");
    agt_test_expect_output(results, own.items[0].call, "7");
    agt_test_expect(results, own.items[1].call, AGT_OUTCOME_REJECTED, "no tool \"nobody\"");
    agt_results_unref(results);
    agt_graph_unref(own.graph);
    agt_value_unref(null);
    agt_value_unref(seven);
    agt_test_engine_deinit(&engine);
}

static void execute_all(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    agt_results *results = NULL;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_status status = agt_executor_add_dependency(engine.executor, "inline", "async", NULL);
    if (status == AGT_OK) {
        status = agt_executor_add_dependency(engine.executor, "inline", "blocking", NULL);
    }
    static const char *const calls[][2] = {
        {"inline", "{\"a\": null}"}, {"async", "{\"ms\": 5}"}, {"blocking", "{\"echo\": [1]}"}};
    if (status == AGT_OK) {
        status = execute(&engine, calls, 3, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void batches_survive_torture(void **state)
{
    (void)state;
    agt_test_torture(execute_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent_calls_run_at_once),
        cmocka_unit_test(declared_dependencies_are_respected),
        cmocka_unit_test(several_sources_become_an_object),
        cmocka_unit_test(dependents_are_many),
        cmocka_unit_test(nulls_that_nobody_fills_in_are_explained),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(the_same_tool_twice_is_fine_alone),
        cmocka_unit_test(starting_takes_options),
        cmocka_unit_test(models_ask_in_any_order),
        cmocka_unit_test(batches_survive_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
