/*
 * Starting graphs: again, while results of an earlier run are looked at, and open ones that are
 * closed, released or asked to grow at odd times.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "support/exec.h"

#include <string.h>

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

static agt_graph *new_open_graph(agt_test_engine *engine)
{
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .open = true);
    return agt_test_new_graph(engine, &config);
}

/* ---- again --------------------------------------------------------------------------------- */

/* A task speaks of its own run only. */
static void old_tasks_know_nothing_of_new_runs(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    agt_task *first, *second;
    setup(&engine);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 50}", NULL);
    assert_int_equal(agt_graph_start(graph, NULL, &first, NULL), AGT_OK);
    assert_int_equal(agt_task_get_results(first, &results), AGT_E_BUSY);
    assert_int_equal(agt_task_wait(first, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_results(first, &results), AGT_OK);
    agt_results_unref(results);
    assert_int_equal(agt_graph_start(graph, NULL, &second, NULL), AGT_OK);
    assert_int_equal(agt_task_get_results(first, &results), AGT_E_BUSY);
    agt_task_cancel(first);
    results = agt_test_finish(second);
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    agt_results_unref(results);
    assert_true(agt_task_is_done(first));
    assert_int_equal(agt_task_get_results(first, &results), AGT_E_NOT_FOUND);
    agt_task_unref(first);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* A call that could not be added is not there, and not run either. */
static void refused_calls_leave_no_trace(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_call_id call;
    setup(&engine);
    for (uint32_t before = 2; before <= 130; before += 64) {
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        for (uint32_t i = 0; i < before; i++) {
            (void)agt_test_add(graph, "inline", "{}", NULL);
        }
        assert_int_equal(agt_graph_add_dependency(graph, before - 1, 0, NULL), AGT_OK);
        const agt_call_options bad = {.struct_size = 1};
        assert_int_equal(agt_graph_add_call(graph, "inline", NULL, &bad, &call, NULL),
                         AGT_E_INVALID);
        agt_results *results = agt_test_run_graph(graph, NULL);
        assert_int_equal(agt_results_get_count(results), before);
        assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
        agt_results_unref(results);
        agt_graph_unref(graph);
    }
    agt_test_engine_deinit(&engine);
}

/* ---- open graphs --------------------------------------------------------------------------- */

static void closing_before_the_start_counts(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_call_id call;
    agt_task *task;
    setup(&engine);
    agt_graph *graph = new_open_graph(&engine);
    (void)agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    assert_int_equal(agt_graph_add_call(graph, "inline", NULL, NULL, &call, NULL), AGT_E_INVALID);
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    agt_results *results = agt_test_finish(task);
    assert_int_equal(agt_results_get_count(results), 1);
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    agt_results_unref(results);
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    assert_int_equal(agt_graph_release(graph, 0), AGT_OK);
    assert_int_equal(agt_graph_add_call(graph, "inline", NULL, NULL, &call, NULL), AGT_E_INVALID);
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_E_INVALID); /* runs once */
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void cycles_are_found_in_open_graphs_too(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    agt_task *task;
    setup(&engine);
    agt_graph *graph = new_open_graph(&engine);
    agt_call_id a = agt_test_add(graph, "inline", "{}", NULL);
    agt_call_id b = agt_test_add(graph, "async", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, a, b, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, b, a, NULL), AGT_OK);
    assert_int_equal(agt_graph_start(graph, NULL, &task, &err), AGT_E_CYCLE);
    assert_non_null(strstr(err.message, "async"));
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* What was there at the start may run at any moment: it takes no more dependencies. */
static void roots_take_no_dependencies_once_started(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_task *task;
    setup(&engine);
    agt_graph *graph = new_open_graph(&engine);
    agt_call_id slow = agt_test_add(graph, "async", "{\"ms\": 50}", NULL);
    agt_call_id root = agt_test_add(graph, "inline", "{}", NULL);
    agt_call_id behind = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, behind, slow, NULL), AGT_OK);
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, root, slow, NULL), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_binding(graph, root, "echo", slow, "", NULL), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_dependency(graph, behind, root, NULL), AGT_E_INVALID);
    agt_call_id late = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, late, slow, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, late, root, NULL), AGT_OK);
    assert_int_equal(agt_graph_release(graph, late), AGT_OK);
    assert_int_equal(agt_graph_release(graph, late), AGT_OK); /* again is fine */
    assert_int_equal(agt_graph_release(graph, 77), AGT_E_NOT_FOUND);
    assert_int_equal(agt_graph_seal(graph, NULL), AGT_OK); /* means nothing here */
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    agt_results *results = agt_test_finish(task);
    agt_call_times times = AGT_CONFIG(agt_call_times, 0);
    for (size_t i = 0; i < 4; i++) {
        agt_test_expect(results, i, AGT_OUTCOME_OK, NULL);
        agt_results_get_times(results, i, &times);
        assert_true(times.ready_ns > 0 && times.start_ns >= times.ready_ns);
        assert_int_equal(times.attempts, 1);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* A call that is released when nothing holds it any more was ready then. */
static void released_calls_know_since_when_they_are_ready(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_task *task;
    setup(&engine);
    agt_graph *graph = new_open_graph(&engine);
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 20), AGT_E_TIMEOUT);
    agt_call_id call = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_release(graph, call), AGT_OK);
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    uint64_t now = agt_test_now_ns(&engine);
    agt_results *results = agt_test_finish(task);
    agt_call_times times = AGT_CONFIG(agt_call_times, 0);
    agt_results_get_times(results, call, &times);
    assert_int_equal(times.ready_ns, now);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* What nobody released, and an open graph that nobody closed, would keep the run for ever. */
static void closing_releases_and_dropping_closes(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        agt_test_engine engine;
        agt_task *task;
        setup(&engine);
        agt_graph *graph = new_open_graph(&engine);
        agt_call_id slow = agt_test_add(graph, "async", "{\"ms\": 50}", NULL);
        assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
        agt_call_id behind = agt_test_add(graph, "inline", "{}", NULL);
        agt_call_id alone = agt_test_add(graph, "inline", "{}", NULL);
        assert_int_equal(agt_graph_add_dependency(graph, behind, slow, NULL), AGT_OK);
        if (way == 0) {
            assert_int_equal(agt_graph_close(graph), AGT_OK);
        }
        agt_graph_unref(graph);
        agt_results *results = agt_test_finish(task);
        assert_int_equal(agt_results_get_count(results), 3);
        agt_test_expect(results, slow, AGT_OUTCOME_OK, NULL);
        agt_test_expect(results, behind, AGT_OUTCOME_OK, NULL);
        agt_test_expect(results, alone, AGT_OUTCOME_OK, NULL);
        agt_results_unref(results);
        agt_test_engine_deinit(&engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_tasks_know_nothing_of_new_runs),
        cmocka_unit_test(refused_calls_leave_no_trace),
        cmocka_unit_test(closing_before_the_start_counts),
        cmocka_unit_test(cycles_are_found_in_open_graphs_too),
        cmocka_unit_test(roots_take_no_dependencies_once_started),
        cmocka_unit_test(released_calls_know_since_when_they_are_ready),
        cmocka_unit_test(closing_releases_and_dropping_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
