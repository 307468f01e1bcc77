/*
 * Blocking functions on real workers: chains that stay on their worker, functions that do not come
 * back, and random graphs of all kinds of tools. Nothing here depends on how fast anything is; the
 * interleavings are for TSan.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "base/random.h"
#include "support/exec.h"
#include "support/torture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A gate that functions wait at until the test opens it. */
typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
    uint32_t waiting;
} gate;

static void gate_init(gate *g)
{
    memset(g, 0, sizeof(*g));
    assert_int_equal(pthread_mutex_init(&g->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&g->changed, NULL), 0);
}

static void gate_deinit(gate *g)
{
    (void)pthread_cond_destroy(&g->changed);
    (void)pthread_mutex_destroy(&g->mutex);
}

static void gate_open(gate *g)
{
    (void)pthread_mutex_lock(&g->mutex);
    g->open = true;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->mutex);
}

static void gate_await(gate *g, uint32_t waiting)
{
    (void)pthread_mutex_lock(&g->mutex);
    while (g->waiting < waiting) {
        (void)pthread_cond_wait(&g->changed, &g->mutex);
    }
    (void)pthread_mutex_unlock(&g->mutex);
}

/* Ignores its call's being cancelled. */
static agt_status wait_at_gate(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    gate *g = user_data;
    (void)pthread_mutex_lock(&g->mutex);
    g->waiting++;
    (void)pthread_cond_broadcast(&g->changed);
    while (!g->open) {
        (void)pthread_cond_wait(&g->changed, &g->mutex);
    }
    (void)pthread_mutex_unlock(&g->mutex);
    agt_tool_call_set_error(call, "too late to say so");
    *ret_output = agt_value_ref(agt_tool_call_get_input(call));
    return agt_tool_call_is_cancelled(call) ? AGT_E_CANCELLED : AGT_OK;
}

static void register_gate(agt_test_engine *engine, gate *g, uint32_t timeout_ms)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE,
                                        .timeout_ms = timeout_ms, .user_data = g);
    assert_int_equal(
        agt_executor_register_tool(engine->executor, "gate", wait_at_gate, &config, NULL), AGT_OK);
}

static void as_many_as_workers_run_at_once(void **state)
{
    (void)state;
    agt_test_engine engine;
    gate g;
    gate_init(&g);
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    register_gate(&engine, &g, AGT_MS_NONE);
    agt_graph *graph;
    agt_task *task;
    agt_call_id call;
    assert_int_equal(agt_graph_new(engine.executor, NULL, &graph, NULL), AGT_OK);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(agt_test_add_call(graph, "gate", "{}", &call), AGT_OK);
    }
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    gate_await(&g, 16);
    gate_open(&g);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_results *results;
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    agt_results_unref(results);
    agt_task_unref(task);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
    gate_deinit(&g);
}

static void abandoned_functions_hold_nobody_up(void **state)
{
    (void)state;
    agt_test_engine engine;
    gate g;
    agt_error err;
    gate_init(&g);
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    register_gate(&engine, &g, 20);
    agt_graph *graph;
    agt_call_id stuck, behind, good;
    assert_int_equal(agt_graph_new(engine.executor, NULL, &graph, NULL), AGT_OK);
    assert_int_equal(agt_test_add_call(graph, "gate", "{}", &stuck), AGT_OK);
    assert_int_equal(agt_test_add_call(graph, "blocking", "{}", &behind), AGT_OK);
    assert_int_equal(agt_test_add_call(graph, "blocking", "{\"echo\": 1}", &good), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, behind, stuck, NULL), AGT_OK);
    agt_results *results;
    assert_int_equal(agt_graph_run(graph, NULL, &results, &err), AGT_OK);
    assert_int_equal(agt_results_get_outcome(results, stuck), AGT_OUTCOME_TIMEOUT);
    assert_int_equal(agt_results_get_outcome(results, behind), AGT_OUTCOME_SKIPPED_DEPENDENCY);
    assert_int_equal(agt_results_get_outcome(results, good), AGT_OUTCOME_OK);
    agt_results_unref(results);
    agt_graph_unref(graph);
    gate_open(&g); /* now it comes back, to nobody */
    assert_int_equal(agt_runtime_close(engine.runtime, AGT_MS_NONE, &err), AGT_OK);
    agt_test_engine_deinit(&engine);
    gate_deinit(&g);
}

/* A runtime that was closed while a function did not return is reclaimed once it has. */
static void closing_again_finds_who_came_back(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_heap heap;
    gate g;
    agt_error err;
    gate_init(&g);
    agt_test_heap_init(&heap);
    assert_int_equal(agt_test_engine_init(&engine, &heap.allocator, false, NULL), AGT_OK);
    register_gate(&engine, &g, 20);
    agt_graph *graph;
    agt_call_id stuck;
    agt_results *results;
    assert_int_equal(agt_graph_new(engine.executor, NULL, &graph, NULL), AGT_OK);
    assert_int_equal(agt_test_add_call(graph, "gate", "{}", &stuck), AGT_OK);
    assert_int_equal(agt_graph_run(graph, NULL, &results, &err), AGT_OK);
    agt_results_unref(results);
    agt_graph_unref(graph);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(agt_runtime_close(engine.runtime, 1, &err), AGT_E_TIMEOUT);
        assert_non_null(strstr(err.message, "1 worker thread is still inside a tool"));
    }
    gate_open(&g);
    assert_int_equal(agt_runtime_close(engine.runtime, AGT_MS_NONE, &err), AGT_OK);
    agt_test_engine_deinit(&engine);
    agt_test_heap_deinit(&heap); /* nothing is left */
    gate_deinit(&g);
}

static void cancelled_functions_are_told(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    agt_graph *graph;
    agt_task *task;
    agt_call_id call;
    assert_int_equal(agt_graph_new(engine.executor, NULL, &graph, NULL), AGT_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(agt_test_add_call(graph, "blocking", "{\"hang\": true}", &call), AGT_OK);
    }
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    agt_task_cancel(task);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_results *results;
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(agt_results_get_outcome(results, i), AGT_OUTCOME_CANCELLED);
    }
    agt_results_unref(results);
    agt_task_unref(task);
    agt_graph_unref(graph);
    assert_int_equal(agt_runtime_close(engine.runtime, AGT_MS_NONE, NULL), AGT_OK);
    assert_int_equal(engine.cancelled, engine.started);
    agt_test_engine_deinit(&engine);
}

/* ---- random graphs ---- */

enum {
    NODES = 60
};

typedef struct order_check {
    _Atomic uint32_t runs[NODES];
    _Atomic uint32_t violations;
    bool edge[NODES][NODES]; /* [to][from] */
} order_check;

static order_check *check_of;

/* Counts itself, and that all it depends on ran before. */
static agt_status check_order(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    order_check *check = user_data;
    int64_t me = 0;
    (void)ret_output;
    if (agt_value_get_int64(agt_value_get_member(agt_tool_call_get_input(call), "me"), &me) !=
        AGT_OK) {
        return AGT_E_INTERNAL;
    }
    for (size_t from = 0; from < NODES; from++) {
        if (check->edge[me][from] && atomic_load(&check->runs[from]) != 1) {
            atomic_fetch_add(&check->violations, 1);
        }
    }
    atomic_fetch_add(&check->runs[me], 1);
    return AGT_OK;
}

static void complete_async(agt_tool_call *call, void *user_data)
{
    agt_value *output = NULL;
    agt_status status = check_order(call, &output, user_data);
    agt_tool_complete(call, status, NULL);
}

static agt_status check_order_async(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    return agt_tool_call_resume_after(call, 0, complete_async);
}

static agt_graph *make_random_graph(agt_test_engine *engine, agt__prng *prng, bool open)
{
    static const char *const tools[] = {"o-inline", "o-async", "o-blocking", "o-blocking"};
    agt_graph *graph;
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .open = open);
    memset(check_of, 0, sizeof(*check_of));
    assert_int_equal(agt_graph_new(engine->executor, &config, &graph, NULL), AGT_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        char json[32];
        agt_call_id call;
        (void)snprintf(json, sizeof(json), "{\"me\": %u}", i);
        assert_int_equal(agt_test_add_call(graph, tools[agt__prng_below(prng, 4)], json, &call),
                         AGT_OK);
        for (uint32_t from = 0; from < i; from++) {
            if (agt__prng_below(prng, 12) == 0) {
                check_of->edge[i][from] = true;
                assert_int_equal(agt_graph_add_dependency(graph, call, from, NULL), AGT_OK);
            }
        }
    }
    return graph;
}

static void register_checks(agt_test_engine *engine)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .user_data = check_of);
    assert_int_equal(
        agt_executor_register_tool(engine->executor, "o-blocking", check_order, &config, NULL),
        AGT_OK);
    config.mode = AGT_TOOL_INLINE;
    assert_int_equal(
        agt_executor_register_tool(engine->executor, "o-inline", check_order, &config, NULL),
        AGT_OK);
    config.mode = AGT_TOOL_ASYNC;
    assert_int_equal(
        agt_executor_register_tool(engine->executor, "o-async", check_order_async, &config, NULL),
        AGT_OK);
}

static void random_graphs(uint32_t parallel_max)
{
    agt_test_engine engine;
    agt__prng prng;
    order_check check;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = parallel_max);
    check_of = &check;
    agt__prng_seed(&prng, 42 + parallel_max);
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, &config), AGT_OK);
    register_checks(&engine);
    for (int round = 0; round < 60; round++) {
        bool open = round % 3 == 2;
        agt_graph *graph = make_random_graph(&engine, &prng, open);
        agt_task *task;
        assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
        if (open) {
            assert_int_equal(agt_graph_close(graph), AGT_OK);
        }
        if (round % 5 == 4) { /* every outcome is still there */
            agt_task_cancel(task);
        }
        assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
        agt_results *results;
        assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
        for (size_t i = 0; i < NODES; i++) {
            agt_outcome outcome = agt_results_get_outcome(results, i);
            assert_int_not_equal(outcome, AGT_OUTCOME_NONE);
            assert_true(round % 5 == 4 || outcome == AGT_OUTCOME_OK);
            assert_true(atomic_load(&check.runs[i]) <= 1);
        }
        agt_results_unref(results);
        agt_task_unref(task);
        agt_graph_unref(graph);
        if (round % 5 == 4) { /* abandoned functions still look at the check: wait for them */
            assert_int_equal(agt_runtime_close(engine.runtime, AGT_MS_NONE, NULL), AGT_OK);
            agt_test_engine_deinit(&engine);
            assert_int_equal(agt_test_engine_init(&engine, NULL, false, &config), AGT_OK);
            register_checks(&engine);
        }
    }
    assert_int_equal(check.violations, 0);
    agt_test_engine_deinit(&engine);
}

static void random_graphs_keep_their_order(void **state)
{
    (void)state;
    random_graphs(0);
}

static void random_graphs_keep_their_order_with_slots(void **state)
{
    (void)state;
    random_graphs(3);
}

static void complete_from_elsewhere(agt_task *task, void *user_data)
{
    (void)task;
    gate_open(user_data);
}

static void tasks_tell_when_they_are_done(void **state)
{
    (void)state;
    agt_test_engine engine;
    gate g;
    gate_init(&g);
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    for (int i = 0; i < 50; i++) {
        agt_value *input = agt_test_json(NULL, "{\"echo\": 1}");
        agt_input inputs[] = {{"blocking", input}, {"inline", input}};
        agt_task *task;
        assert_int_equal(
            agt_executor_execute_parallel_start(engine.executor, inputs, 2, NULL, &task, NULL),
            AGT_OK);
        agt_value_unref(input);
        g.open = false;
        assert_int_equal(agt_task_on_done(task, complete_from_elsewhere, &g), AGT_OK);
        assert_int_equal(agt_task_on_done(task, complete_from_elsewhere, &g), AGT_E_EXISTS);
        (void)pthread_mutex_lock(&g.mutex);
        while (!g.open) {
            (void)pthread_cond_wait(&g.changed, &g.mutex);
        }
        (void)pthread_mutex_unlock(&g.mutex);
        assert_true(agt_task_is_done(task));
        agt_task_unref(task);
    }
    agt_test_engine_deinit(&engine);
    gate_deinit(&g);
}

static agt_status wait_inside(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    agt_test_engine *engine = user_data;
    agt_results *results;
    agt_error err;
    agt_input input = {"inline", NULL};
    return agt_executor_execute_parallel(engine->executor, &input, 1, &results, &err) ==
                   AGT_E_INVALID
               ? AGT_OK
               : AGT_E_INTERNAL;
}

static void waiting_on_the_loop_is_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .user_data = &engine);
    assert_int_equal(
        agt_executor_register_tool(engine.executor, "wait", wait_inside, &config, NULL), AGT_OK);
    agt_input input = {"wait", NULL};
    agt_results *results;
    assert_int_equal(agt_executor_execute_parallel(engine.executor, &input, 1, &results, NULL),
                     AGT_OK);
    assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_OK);
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_workers_run_at_once),
        cmocka_unit_test(abandoned_functions_hold_nobody_up),
        cmocka_unit_test(closing_again_finds_who_came_back),
        cmocka_unit_test(cancelled_functions_are_told),
        cmocka_unit_test(random_graphs_keep_their_order),
        cmocka_unit_test(random_graphs_keep_their_order_with_slots),
        cmocka_unit_test(tasks_tell_when_they_are_done),
        cmocka_unit_test(waiting_on_the_loop_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
