/* Results: names, times, figures, and what a program may ask wrongly. */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "support/exec.h"

#include <string.h>

#define MS UINT64_C(1000000)

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

/*  a(10) ─→ c(30) ─→ e(5)
 *  b(20) ─↗  d(40, fails) ─→ f */
static agt_results *run_example(agt_test_engine *engine)
{
    agt_graph *graph = agt_test_new_graph(engine, NULL);
    agt_call_id a = agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
    agt_call_id b = agt_test_add(graph, "blocking", "{\"ms\": 20}", NULL);
    agt_call_id c = agt_test_add(graph, "async", "{\"ms\": 30}", NULL);
    agt_call_id d = agt_test_add(graph, "async", "{\"ms\": 40, \"error\": \"it broke\"}", NULL);
    agt_call_id e = agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    agt_call_id f = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, c, a, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, c, b, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, e, c, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, f, d, NULL), AGT_OK);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_graph_unref(graph);
    return results;
}

static void figures_are_right(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine);
    agt_results *results = run_example(&engine);
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    agt_results_get_execution_metrics(results, &metrics);
    assert_int_equal(metrics.wall_ns, 55 * MS);
    assert_int_equal(metrics.work_ns, 105 * MS);
    assert_int_equal(metrics.critical_path_ns, 55 * MS);
    assert_true(metrics.speedup > 1.90 && metrics.speedup < 1.92);
    assert_int_equal(metrics.parallel_max, 3);
    assert_int_equal(metrics.calls, 6);
    assert_int_equal(metrics.succeeded, 4);
    assert_int_equal(metrics.failed, 2);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void times_are_right(void **state)
{
    (void)state;
    static const uint64_t ready[] = {0, 0, 20, 0, 50, 40};
    static const uint64_t end[] = {10, 20, 50, 40, 55, 0};
    agt_test_engine engine;
    setup(&engine);
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = run_example(&engine);
    for (size_t i = 0; i < 6; i++) {
        agt_call_times times = {.struct_size = sizeof(times)};
        agt_results_get_times(results, i, &times);
        assert_int_equal(times.ready_ns, start + ready[i] * MS);
        assert_int_equal(times.start_ns, i < 5 ? start + ready[i] * MS : 0);
        if (i < 5) {
            assert_int_equal(times.end_ns, start + end[i] * MS);
        }
        assert_int_equal(times.attempts, i < 5 ? 1 : 0);
    }
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void calls_are_found_by_name(void **state)
{
    (void)state;
    agt_test_engine engine;
    size_t index = 99;
    setup(&engine);
    agt_results *results = run_example(&engine);
    assert_int_equal(agt_results_find(results, "blocking", &index), AGT_OK);
    assert_int_equal(index, 1);
    assert_int_equal(agt_results_find(results, "inline", &index), AGT_OK);
    assert_int_equal(index, 5);
    assert_int_equal(agt_results_find(results, "nobody", &index), AGT_E_NOT_FOUND);
    assert_int_equal(index, 5);
    assert_int_equal(agt_results_find(NULL, "inline", &index), AGT_E_INVALID);
    assert_int_equal(agt_results_find(results, NULL, &index), AGT_E_INVALID);
    agt_error err;
    assert_int_equal(agt_results_get_status(results, &err), AGT_E_PARTIAL);
    assert_non_null(strstr(err.message, "2 of 6 calls did not succeed; first \"async\": it broke"));
    assert_int_equal(agt_results_get_status(NULL, &err), AGT_E_INVALID);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void wrong_questions_have_answers(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine);
    agt_results *results = run_example(&engine);
    assert_int_equal(agt_results_get_outcome(results, 6), AGT_OUTCOME_NONE);
    assert_null(agt_results_get_output(results, 6));
    assert_int_equal(agt_results_get_flags(results, 6), 0);
    assert_null(agt_results_get_name(results, 6));
    assert_int_equal(agt_results_get_error(results, 6, &err), AGT_E_NOT_FOUND);
    assert_int_equal(agt_results_get_error(results, 0, &err), AGT_OK);
    agt_call_times times = {.struct_size = sizeof(times), .attempts = 9};
    agt_results_get_times(results, 6, &times);
    assert_int_equal(times.attempts, 0);
    agt_results_get_times(results, 0, NULL);
    agt_results_get_execution_metrics(results, NULL);
    assert_int_equal(agt_results_get_count(NULL), 0);
    agt_results_unref(NULL);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

/* Reports of an older program are filled in as far as they go. */
static void short_reports_stay_short(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine);
    agt_results *results = run_example(&engine);
    agt_execution_metrics metrics;
    memset(&metrics, 0xAB, sizeof(metrics));
    metrics.struct_size = offsetof(agt_execution_metrics, work_ns);
    agt_results_get_execution_metrics(results, &metrics);
    assert_int_equal(metrics.wall_ns, 55 * MS);
    assert_int_equal(metrics.work_ns, UINT64_C(0xABABABABABABABAB));
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

static void results_come_when_the_task_is_done(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    setup(&engine);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_get_results(task, &results), AGT_E_BUSY);
    assert_int_equal(agt_task_get_results(NULL, &results), AGT_E_INVALID);
    assert_int_equal(agt_task_get_results(task, NULL), AGT_E_INVALID);
    agt_graph_unref(graph); /* the run, and its results, go on without it */
    results = agt_test_finish(task);
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

/* A run that can never end, because nothing is left that could happen, says so. */
static void what_cannot_end_is_noticed(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_results *results;
    agt_error err;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .timeout_ms = AGT_MS_NONE);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, &config), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"hang\": true}", NULL);
    assert_int_equal(agt_graph_run(graph, NULL, &results, &err), AGT_E_BUSY);
    assert_non_null(strstr(err.message, "nothing is left that could happen"));
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_right),
        cmocka_unit_test(times_are_right),
        cmocka_unit_test(calls_are_found_by_name),
        cmocka_unit_test(wrong_questions_have_answers),
        cmocka_unit_test(short_reports_stay_short),
        cmocka_unit_test(results_come_when_the_task_is_done),
        cmocka_unit_test(what_cannot_end_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
