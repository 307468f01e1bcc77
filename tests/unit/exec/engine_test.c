/*
 * The engine on virtual time: order, parallelism, outcomes, cancelling, time limits, batch
 * policies, open graphs and runs of the same graph again.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "support/exec.h"
#include "support/torture.h"

#include <string.h>

static uint64_t now_ns(agt_test_engine *engine)
{
    const agt_clock *clock = agt_runtime_get_clock(engine->runtime);
    return clock->get_monotonic_ns(clock->ctx);
}

static agt_graph *new_graph(agt_test_engine *engine, const agt_graph_config *config)
{
    agt_graph *graph;
    agt_error err;
    if (agt_graph_new(engine->executor, config, &graph, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return graph;
}

static agt_call_id add(agt_graph *graph, const char *tool, const char *json)
{
    agt_call_id call = 0;
    assert_int_equal(agt_test_add_call(graph, tool, json, &call), AGT_OK);
    return call;
}

static void depend(agt_graph *graph, agt_call_id call, agt_call_id on)
{
    assert_int_equal(agt_graph_add_dependency(graph, call, on, NULL), AGT_OK);
}

static agt_results *run(agt_graph *graph, const agt_call_options *options)
{
    agt_results *results;
    agt_error err;
    if (agt_graph_run(graph, options, &results, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return results;
}

static void expect(const agt_results *results, size_t index, agt_outcome outcome)
{
    agt_error err;
    (void)agt_results_get_error(results, index, &err);
    if (agt_results_get_outcome(results, index) != outcome) {
        fail_msg("call %zu: %s: %s", index,
                 agt_outcome_get_name(agt_results_get_outcome(results, index)), err.message);
    }
}

static void expect_error(const agt_results *results, size_t index, agt_outcome outcome,
                         const char *part)
{
    agt_error err;
    expect(results, index, outcome);
    assert_int_equal(agt_results_get_error(results, index, &err), agt_outcome_get_status(outcome));
    if (strstr(err.message, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
    }
}

static void setup(agt_test_engine *engine, const agt_executor_config *config)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, config), AGT_OK);
}

static void empty_graph_is_done_at_once(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_results *results = run(graph, NULL);
    assert_int_equal(agt_results_get_count(results), 0);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void independent_calls_overlap(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    for (int i = 0; i < 100; i++) {
        (void)add(graph, i % 2 == 0 ? "async" : "blocking", "{\"ms\": 50}");
    }
    uint64_t start = now_ns(&engine);
    agt_results *results = run(graph, NULL);
    assert_int_equal(now_ns(&engine) - start, 50000000);
    for (size_t i = 0; i < 100; i++) {
        expect(results, i, AGT_OUTCOME_OK);
    }
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    agt_results_get_execution_metrics(results, &metrics);
    assert_int_equal(metrics.wall_ns, 50000000);
    assert_int_equal(metrics.work_ns, 100 * 50000000ull);
    assert_int_equal(metrics.critical_path_ns, 50000000);
    assert_int_equal(metrics.parallel_max, 100);
    assert_int_equal(metrics.succeeded, 100);
    assert_true(metrics.speedup > 99.9 && metrics.speedup < 100.1);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* a(10) → b(20) ↘
 *   c(100) ------→ d(5): d starts when c is done; b does not wait for c. */
static void calls_start_when_their_own_dependencies_are_done(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id a = add(graph, "async", "{\"ms\": 10}");
    agt_call_id b = add(graph, "blocking", "{\"ms\": 20}");
    agt_call_id c = add(graph, "async", "{\"ms\": 100}");
    agt_call_id d = add(graph, "inline", "{\"echo\": 7}");
    depend(graph, b, a);
    depend(graph, d, b);
    depend(graph, d, c);
    depend(graph, d, c); /* twice is once */
    uint64_t start = now_ns(&engine);
    agt_results *results = run(graph, NULL);
    agt_call_times times = {.struct_size = sizeof(times)};
    agt_results_get_times(results, b, &times);
    assert_int_equal(times.start_ns - start, 10000000);
    assert_int_equal(times.end_ns - start, 30000000);
    agt_results_get_times(results, d, &times);
    assert_int_equal(times.start_ns - start, 100000000);
    assert_int_equal(times.attempts, 1);
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    agt_results_get_execution_metrics(results, &metrics);
    assert_int_equal(metrics.critical_path_ns, 100000000);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void failures_are_isolated(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id ok1 = add(graph, "inline", "{\"echo\": 1}");
    agt_call_id boom = add(graph, "blocking", "{\"error\": \"boom\"}");
    agt_call_id ok2 = add(graph, "async", "{\"ms\": 5, \"echo\": 2}");
    agt_call_id ok3 = add(graph, "blocking", "{\"ms\": 5, \"echo\": 3}");
    agt_call_id behind = add(graph, "inline", "{}");
    agt_call_id further = add(graph, "inline", "{}");
    agt_call_id unknown = add(graph, "no_such_tool", "{}");
    depend(graph, behind, boom);
    depend(graph, behind, ok1);
    depend(graph, further, behind);
    agt_results *results = run(graph, NULL);
    expect(results, ok1, AGT_OUTCOME_OK);
    expect_error(results, boom, AGT_OUTCOME_ERROR, "boom");
    expect(results, ok2, AGT_OUTCOME_OK);
    expect(results, ok3, AGT_OUTCOME_OK);
    expect_error(results, behind, AGT_OUTCOME_SKIPPED_DEPENDENCY, "\"blocking\" ended with");
    expect_error(results, further, AGT_OUTCOME_SKIPPED_DEPENDENCY, "skipped_dependency");
    expect_error(results, unknown, AGT_OUTCOME_REJECTED, "no tool \"no_such_tool\"");
    assert_null(agt_results_get_output(results, boom));
    int64_t number = 0;
    assert_int_equal(agt_value_get_int64(agt_results_get_output(results, ok3), &number), AGT_OK);
    assert_int_equal(number, 3);
    assert_true(agt_value_is_tainted(agt_results_get_output(results, ok3)));
    agt_error err;
    assert_int_equal(agt_results_get_status(results, &err), AGT_E_PARTIAL);
    assert_non_null(strstr(err.message, "4 of 7"));
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void cycles_are_named(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id start = add(graph, "inline", "{}");
    agt_call_id a = add(graph, "async", "{}");
    agt_call_id b = add(graph, "blocking", "{}");
    agt_call_id behind = add(graph, "inline", "{}");
    depend(graph, a, start);
    depend(graph, b, a);
    depend(graph, a, b);
    depend(graph, behind, b);
    assert_int_equal(agt_graph_add_dependency(graph, a, a, &err), AGT_E_CYCLE);
    assert_int_equal(agt_graph_add_dependency(graph, a, 99, &err), AGT_E_NOT_FOUND);
    assert_int_equal(agt_graph_seal(graph, &err), AGT_E_CYCLE);
    if (strstr(err.message, "async \xE2\x86\x92 blocking \xE2\x86\x92 async") == NULL &&
        strstr(err.message, "blocking \xE2\x86\x92 async \xE2\x86\x92 blocking") == NULL) {
        fail_msg("%s", err.message);
    }
    agt_results *results;
    assert_int_equal(agt_graph_run(graph, NULL, &results, &err), AGT_E_CYCLE);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void time_limits_end_attempts(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .timeout_ms = 50);
    setup(&engine, &config);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id hung = add(graph, "async", "{\"hang\": true}");
    agt_call_id stuck = add(graph, "blocking", "{\"hang\": true}");
    agt_call_id good = add(graph, "async", "{\"ms\": 40}");
    agt_call_id behind = add(graph, "inline", "{}");
    depend(graph, behind, good);
    uint64_t start = now_ns(&engine);
    agt_results *results = run(graph, NULL);
    assert_int_equal(now_ns(&engine) - start, 50000000);
    expect_error(results, hung, AGT_OUTCOME_TIMEOUT, "\"async\" timed out after 50 ms");
    expect_error(results, stuck, AGT_OUTCOME_TIMEOUT, "\"blocking\" timed out after 50 ms");
    expect(results, good, AGT_OUTCOME_OK);
    expect(results, behind, AGT_OUTCOME_OK);
    assert_int_equal(engine.cancelled, 2);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void default_time_limit_is_thirty_seconds(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    (void)add(graph, "async", "{\"hang\": true}");
    uint64_t start = now_ns(&engine);
    agt_results *results = run(graph, NULL);
    assert_int_equal(now_ns(&engine) - start, UINT64_C(30000000000));
    expect(results, 0, AGT_OUTCOME_TIMEOUT);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static agt_status never_ends(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    *(agt_tool_call **)user_data = call;
    return AGT_OK;
}

/* An effect that timed out may have happened; and a late completion changes nothing. */
static void late_results_are_fenced_off(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_tool_call *late = NULL;
    setup(&engine, NULL);
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_ASYNC, .timeout_ms = 20, .user_data = &late);
    assert_int_equal(
        agt_executor_register_tool(engine.executor, "charge", never_ends, &config, NULL), AGT_OK);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id call = add(graph, "charge", "{}");
    agt_results *results = run(graph, NULL);
    expect_error(results, call, AGT_OUTCOME_UNKNOWN, "whether it had its effect is unknown");
    assert_non_null(late);
    assert_true(agt_tool_call_is_cancelled(late));
    agt_value *value = agt_test_json(NULL, "{\"charged\": true}");
    agt_tool_complete(late, AGT_OK, value);
    agt_value_unref(value);
    agt_graph_unref(graph);
    expect(results, call, AGT_OUTCOME_UNKNOWN);
    assert_null(agt_results_get_output(results, call));
    agt_results_unref(results);
    /* the completion came from outside the loop: it is on its way there */
    agt_test_engine_deinit(&engine);
}

static void cancelling_ends_everything(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id done = add(graph, "inline", "{}");
    agt_call_id hung = add(graph, "async", "{\"hang\": true}");
    agt_call_id behind = add(graph, "async", "{\"ms\": 1}");
    depend(graph, behind, hung);
    agt_cancel *cancel;
    assert_int_equal(agt_cancel_new(engine.runtime, &cancel), AGT_OK);
    agt_call_options options = AGT_CONFIG(agt_call_options, .cancel = cancel);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, &options, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    agt_cancel_request(cancel);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_results *results;
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    expect(results, done, AGT_OUTCOME_OK);
    expect_error(results, hung, AGT_OUTCOME_CANCELLED, "cancelled while it ran");
    expect_error(results, behind, AGT_OUTCOME_CANCELLED, "not started");
    agt_results_unref(results);
    agt_task_unref(task);
    agt_cancel_unref(cancel);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void deadlines_bound_the_whole_run(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id first = add(graph, "async", "{\"ms\": 60}");
    agt_call_id second = add(graph, "async", "{\"ms\": 60}");
    agt_call_id third = add(graph, "async", "{\"ms\": 60}");
    depend(graph, second, first);
    depend(graph, third, second);
    agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 100);
    uint64_t start = now_ns(&engine);
    agt_results *results = run(graph, &options);
    assert_int_equal(now_ns(&engine) - start, 100000000);
    expect(results, first, AGT_OUTCOME_OK);
    expect(results, second, AGT_OUTCOME_TIMEOUT);
    assert_true(agt_results_get_outcome(results, third) == AGT_OUTCOME_TIMEOUT ||
                agt_results_get_outcome(results, third) == AGT_OUTCOME_SKIPPED_DEPENDENCY);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void batch_policies_cancel_the_rest(void **state)
{
    (void)state;
    static const struct {
        agt_batch batch;
        uint32_t quorum;
        uint32_t wall_ms, succeeded;
    } cases[] = {
        {AGT_BATCH_ISOLATE, 0, 40, 3},
        {AGT_BATCH_FAIL_FAST, 0, 20, 1},
        {AGT_BATCH_QUORUM, 2, 30, 2},
        {AGT_BATCH_QUORUM, 4, 20, 1}, /* can no longer be reached */
        {AGT_BATCH_FIRST_SUCCESS, 0, 10, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_engine engine;
        setup(&engine, NULL);
        agt_graph_config config = AGT_CONFIG(agt_graph_config, .batch = (int32_t)cases[i].batch,
                                             .quorum = cases[i].quorum);
        agt_graph *graph = new_graph(&engine, &config);
        (void)add(graph, "async", "{\"ms\": 10}");
        (void)add(graph, "blocking", "{\"ms\": 20, \"error\": \"no\"}");
        (void)add(graph, "async", "{\"ms\": 30}");
        (void)add(graph, "async", "{\"ms\": 40}");
        uint64_t start = now_ns(&engine);
        agt_results *results = run(graph, NULL);
        assert_int_equal((now_ns(&engine) - start) / 1000000, cases[i].wall_ms);
        agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
        agt_results_get_execution_metrics(results, &metrics);
        assert_int_equal(metrics.succeeded, cases[i].succeeded);
        assert_int_equal(metrics.succeeded + metrics.failed, 4);
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

static void bindings_carry_outputs(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id source = add(graph, "async", "{\"echo\": {\"items\": [10, 20]}}");
    agt_call_id user = add(graph, "inline", "{\"x\": 1}");
    agt_call_id lost = add(graph, "inline", "{}");
    agt_call_id mention = add(graph, "inline", "{\"echo\": \"$1 {{0.items}} ${0}\"}");
    assert_int_equal(agt_graph_add_binding(graph, user, "echo", source, "/items/1", &err), AGT_OK);
    assert_int_equal(agt_graph_add_binding(graph, lost, "y", source, "/missing", &err), AGT_OK);
    assert_int_equal(agt_graph_add_binding(graph, lost, "y", source, "x", &err), AGT_E_SYNTAX);
    agt_results *results = run(graph, NULL);
    int64_t number = 0;
    expect(results, user, AGT_OUTCOME_OK);
    assert_int_equal(agt_value_get_int64(agt_results_get_output(results, user), &number), AGT_OK);
    assert_int_equal(number, 20);
    expect_error(results, lost, AGT_OUTCOME_REJECTED, "parameter \"y\" is bound to \"/missing\"");
    assert_string_equal(agt_value_get_string(agt_results_get_output(results, mention), NULL),
                        "$1 {{0.items}} ${0}");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void sealed_graphs_run_again(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id a = add(graph, "async", "{\"ms\": 3, \"echo\": 5}");
    agt_call_id b = add(graph, "inline", "{}");
    assert_int_equal(agt_graph_add_binding(graph, b, "echo", a, "", NULL), AGT_OK);
    for (int i = 0; i < 3; i++) {
        agt_results *results = run(graph, NULL);
        expect(results, b, AGT_OUTCOME_OK);
        agt_task *task;
        assert_int_equal(agt_graph_start(graph, NULL, &task, &err), AGT_E_BUSY);
        agt_results_unref(results);
    }
    assert_int_equal(agt_graph_add_call(graph, "inline", NULL, NULL, &a, &err), AGT_E_INVALID);
    assert_int_equal(engine.started, 6);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* What a run left behind (failures, skipped and cancelled calls) is not there in the next. */
static void sealed_graphs_run_again_whatever_happened(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    agt_call_id last = 0;
    for (int i = 0; i < 200; i++) {
        agt_call_id call = add(graph, i % 3 == 0 ? "async" : "inline", "{\"ms\": 1, \"echo\": 1}");
        if (i > 0) {
            depend(graph, call, last);
            depend(graph, call, call / 2);
        }
        last = call;
    }
    for (int round = 0; round < 6; round++) {
        agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 30);
        agt_results *results = run(graph, round % 2 == 0 ? &options : NULL);
        for (size_t i = 0; i < 200; i++) {
            agt_outcome outcome = agt_results_get_outcome(results, i);
            assert_int_not_equal(outcome, AGT_OUTCOME_NONE);
            assert_true(round % 2 == 0 || outcome == AGT_OUTCOME_OK);
        }
        assert_true(round % 2 != 0 || agt_results_get_outcome(results, last) != AGT_OUTCOME_OK);
        agt_results_unref(results);
    }
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void open_graphs_grow(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine, NULL);
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .open = true);
    agt_graph *graph = new_graph(&engine, &config);
    agt_call_id first = add(graph, "async", "{\"ms\": 5, \"echo\": 1}");
    agt_call_id bad = add(graph, "inline", "{\"error\": \"no\"}");
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 50), AGT_E_TIMEOUT); /* it is open */
    agt_call_id late = add(graph, "inline", "{}");
    assert_int_equal(agt_graph_add_binding(graph, late, "echo", first, "", &err), AGT_OK);
    agt_call_id skipped = add(graph, "inline", "{}");
    depend(graph, skipped, bad);
    assert_int_equal(agt_graph_add_dependency(graph, first, late, &err), AGT_E_INVALID);
    assert_int_equal(agt_task_wait(task, 50), AGT_E_TIMEOUT); /* held back */
    assert_int_equal(agt_graph_release(graph, late), AGT_OK);
    assert_int_equal(agt_graph_release(graph, skipped), AGT_OK);
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    assert_int_equal(agt_graph_add_call(graph, "inline", NULL, NULL, &late, &err), AGT_E_INVALID);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_results *results;
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    expect(results, first, AGT_OUTCOME_OK);
    expect(results, bad, AGT_OUTCOME_ERROR);
    expect(results, 2, AGT_OUTCOME_OK);
    expect(results, 3, AGT_OUTCOME_SKIPPED_DEPENDENCY);
    agt_results_unref(results);
    agt_task_unref(task);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void open_graphs_that_are_cancelled_end(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .open = true);
    agt_graph *graph = new_graph(&engine, &config);
    (void)add(graph, "async", "{\"hang\": true}");
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 1), AGT_E_TIMEOUT);
    agt_call_id held = add(graph, "inline", "{}");
    agt_task_cancel(task);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_results *results;
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    expect(results, 0, AGT_OUTCOME_CANCELLED);
    expect(results, held, AGT_OUTCOME_CANCELLED);
    agt_results_unref(results);
    agt_task_unref(task);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void long_chains_need_no_stack(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    enum {
        LENGTH = 100000
    };
    agt_call_id last = 0;
    for (uint32_t i = 0; i < LENGTH; i++) {
        agt_call_id call = 0;
        assert_int_equal(
            agt_graph_add_call(graph, i % 1000 == 7 ? "async" : "inline", NULL, NULL, &call, NULL),
            AGT_OK);
        if (i > 0) {
            depend(graph, call, last);
        }
        last = call;
    }
    agt_results *results = run(graph, NULL);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    assert_int_equal(engine.started, LENGTH);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void slots_bound_what_runs(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 2);
    setup(&engine, &config);
    agt_graph *graph = new_graph(&engine, NULL);
    for (int i = 0; i < 10; i++) {
        (void)add(graph, i % 2 == 0 ? "async" : "blocking", "{\"ms\": 10}");
    }
    agt_call_options urgent = AGT_CONFIG(agt_call_options, .priority = 5);
    agt_value *input = agt_test_json(NULL, "{\"ms\": 10}");
    agt_call_id first;
    assert_int_equal(agt_graph_add_call(graph, "async", input, &urgent, &first, NULL), AGT_OK);
    agt_value_unref(input);
    uint64_t start = now_ns(&engine);
    agt_results *results = run(graph, NULL);
    assert_int_equal(now_ns(&engine) - start, 60000000);
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    agt_results_get_execution_metrics(results, &metrics);
    assert_int_equal(metrics.parallel_max, 2);
    assert_int_equal(metrics.succeeded, 11);
    agt_call_times times = {.struct_size = sizeof(times)};
    agt_results_get_times(results, first, &times);
    assert_int_equal(times.start_ns - start, 10000000); /* before eight that came earlier */
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void slots_survive_many_waiting_inline_calls(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    setup(&engine, &config);
    agt_graph *graph = new_graph(&engine, NULL);
    (void)add(graph, "async", "{\"ms\": 1}");
    for (int i = 0; i < 20000; i++) {
        agt_call_id call;
        assert_int_equal(agt_graph_add_call(graph, "inline", NULL, NULL, &call, NULL), AGT_OK);
    }
    agt_results *results = run(graph, NULL);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void budgets_refuse_before_the_start(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, NULL);
    agt_budget *budget;
    agt_budget_config limits = AGT_CONFIG(agt_budget_config, .name = "run", .calls_max = 2);
    assert_int_equal(agt_budget_new(NULL, &limits, &budget, NULL), AGT_OK);
    agt_graph *graph = new_graph(&engine, NULL);
    for (int i = 0; i < 3; i++) {
        (void)add(graph, "async", "{\"ms\": 10}");
    }
    agt_call_options options = AGT_CONFIG(agt_call_options, .budget = budget);
    agt_results *results = run(graph, &options);
    expect(results, 0, AGT_OUTCOME_OK);
    expect(results, 1, AGT_OUTCOME_OK);
    expect_error(results, 2, AGT_OUTCOME_BUDGET_DENIED, "run");
    agt_budget_amount spent, reserved;
    agt_budget_get_amounts(budget, &spent, &reserved);
    assert_int_equal(spent.calls, 2);
    assert_int_equal(reserved.calls, 0);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_budget_unref(budget);
    agt_test_engine_deinit(&engine);
}

static void a_closed_runtime_takes_nothing_new(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine, NULL);
    agt_graph *graph = new_graph(&engine, NULL);
    (void)add(graph, "async", "{\"hang\": true}");
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 1), AGT_E_TIMEOUT);
    assert_int_equal(agt_runtime_close(engine.runtime, 0, &err), AGT_OK);
    assert_true(agt_task_is_done(task));
    agt_results *results;
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    expect(results, 0, AGT_OUTCOME_CANCELLED);
    agt_results_unref(results);
    agt_task *again;
    assert_int_equal(agt_graph_start(graph, NULL, &again, &err), AGT_E_CLOSED);
    agt_task_unref(task);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void everything_fails_cleanly_without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_call_id a = 0, b = 0, c = 0;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    if (agt_test_engine_init(&engine, allocator, true, &config) != AGT_OK) {
        return;
    }
    agt_status status = agt_graph_new(engine.executor, NULL, &graph, NULL);
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "async", "{\"ms\": 5, \"echo\": 5}", &a);
    }
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "blocking", "{\"error\": \"no\"}", &b);
    }
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "inline", "{}", &c);
    }
    if (status == AGT_OK) {
        status = agt_graph_add_binding(graph, c, "echo", a, "", NULL);
    }
    if (status == AGT_OK) {
        agt_call_options options =
            AGT_CONFIG(agt_call_options, .conversation = "talk", .deadline_ms = 1000);
        status = agt_graph_run(graph, &options, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    if (status == AGT_OK) {
        for (size_t i = 0; i < 3; i++) {
            assert_int_not_equal(agt_results_get_outcome(results, i), AGT_OUTCOME_NONE);
        }
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void survives_torture(void **state)
{
    (void)state;
    agt_test_torture(everything_fails_cleanly_without_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_graph_is_done_at_once),
        cmocka_unit_test(independent_calls_overlap),
        cmocka_unit_test(calls_start_when_their_own_dependencies_are_done),
        cmocka_unit_test(failures_are_isolated),
        cmocka_unit_test(cycles_are_named),
        cmocka_unit_test(time_limits_end_attempts),
        cmocka_unit_test(default_time_limit_is_thirty_seconds),
        cmocka_unit_test(late_results_are_fenced_off),
        cmocka_unit_test(cancelling_ends_everything),
        cmocka_unit_test(deadlines_bound_the_whole_run),
        cmocka_unit_test(batch_policies_cancel_the_rest),
        cmocka_unit_test(bindings_carry_outputs),
        cmocka_unit_test(sealed_graphs_run_again),
        cmocka_unit_test(sealed_graphs_run_again_whatever_happened),
        cmocka_unit_test(open_graphs_grow),
        cmocka_unit_test(open_graphs_that_are_cancelled_end),
        cmocka_unit_test(long_chains_need_no_stack),
        cmocka_unit_test(slots_bound_what_runs),
        cmocka_unit_test(slots_survive_many_waiting_inline_calls),
        cmocka_unit_test(budgets_refuse_before_the_start),
        cmocka_unit_test(a_closed_runtime_takes_nothing_new),
        cmocka_unit_test(survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
