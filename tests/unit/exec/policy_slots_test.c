/* Slots: how many calls run, in which order the others follow, and that none is ever lost. */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/policies.h"
#include "support/torture.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

static void setup(agt_test_engine *engine, uint32_t slots)
{
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = slots);
    assert_int_equal(agt_test_engine_init(engine, NULL, true, &config), AGT_OK);
}

static void expect_start(const agt_results *results, size_t index, uint64_t start, uint32_t ms)
{
    agt_call_times times = {.struct_size = sizeof(times)};
    agt_results_get_times(results, index, &times);
    if (times.start_ns != start + ms * MS) {
        fail_msg("call %zu started after %g ms", index, (double)(times.start_ns - start) / 1e6);
    }
}

static void calls_go_by_priority_then_age(void **state)
{
    (void)state;
    static const int32_t priorities[] = {0, 0, -3, 7, 0, 7};
    static const uint32_t starts[] = {0, 30, 50, 10, 40, 20};
    agt_test_engine engine;
    setup(&engine, 1);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (size_t i = 0; i < 6; i++) {
        agt_call_options own = AGT_CONFIG(agt_call_options, .priority = priorities[i]);
        (void)agt_test_add(graph, i % 2 == 0 ? "async" : "blocking", "{\"ms\": 10}", &own);
    }
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_run_graph(graph, NULL);
    for (size_t i = 0; i < 6; i++) {
        expect_start(results, i, start, starts[i]);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* A slot becomes free, the first who waits is told so, and before he comes one arrives who goes
 * before him: one of the two must take it. */
static void a_free_slot_is_taken_by_somebody(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, 1);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options urgent = AGT_CONFIG(agt_call_options, .priority = 5);
    agt_call_id first = agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
    agt_call_id waits = agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
    agt_call_id comes = agt_test_add(graph, "async", "{\"ms\": 10}", &urgent);
    assert_int_equal(agt_graph_add_dependency(graph, comes, first, NULL), AGT_OK);
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_run_graph(graph, NULL);
    expect_start(results, comes, start, 10);
    expect_start(results, waits, start, 20);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* All graphs of an executor share its slots. */
static void graphs_share_slots(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_task *tasks[3];
    setup(&engine, 2);
    uint64_t start = agt_test_now_ns(&engine);
    for (int i = 0; i < 3; i++) {
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
        (void)agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
        assert_int_equal(agt_graph_start(graph, NULL, &tasks[i], NULL), AGT_OK);
        agt_graph_unref(graph);
    }
    for (uint32_t i = 0; i < 3; i++) {
        agt_results *results = agt_test_finish(tasks[i]);
        expect_start(results, 0, start, i * 10);
        expect_start(results, 1, start, i * 10);
        agt_results_unref(results);
    }
    agt_test_engine_deinit(&engine);
}

/* However a call ends, its slot is free for the next: here by success, failure, time limit,
 * refusal of the input, cancelling of its run while it runs, and while it waits. */
static void slots_come_back(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_task *cancelled;
    setup(&engine, 1);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options limit = AGT_CONFIG(agt_call_options, .timeout_ms = 10);
    (void)agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
    (void)agt_test_add(graph, "blocking", "{\"ms\": 10, \"error\": \"no\"}", NULL);
    (void)agt_test_add(graph, "async", "{\"hang\": true}", &limit);
    (void)agt_test_add(graph, "blocking", "{\"hang\": true}", &limit);
    (void)agt_test_add(graph, "inline", "{}", NULL);
    agt_call_id last = agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
    agt_graph *other = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(other, "async", "{\"hang\": true}", NULL);
    (void)agt_test_add(other, "async", "{\"hang\": true}", NULL);
    assert_int_equal(agt_graph_start(other, NULL, &cancelled, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(cancelled, 5), AGT_E_TIMEOUT);
    uint64_t start = agt_test_now_ns(&engine);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 5), AGT_E_TIMEOUT);
    agt_task_cancel(cancelled);
    agt_results *results = agt_test_finish(task);
    expect_start(results, 0, start, 5);
    expect_start(results, last, start, 45);
    agt_test_expect(results, last, AGT_OUTCOME_OK, NULL);
    agt_results_unref(results);
    agt_results_unref(agt_test_finish(cancelled));
    agt_graph_unref(graph);
    agt_graph_unref(other);
    agt_test_engine_deinit(&engine);
}

/* An agent waits for calls of its own, and holds no slot meanwhile: it could wait for itself. */
typedef struct test_agent {
    agt__operation operation; /* first */
    agt_test_engine *engine;
    agt_graph *inner;
} test_agent;

static void answer_agent(agt_graph *graph, void *user_data)
{
    (void)graph;
    agt_tool_complete(user_data, AGT_OK, NULL);
}

static agt_status start_agent(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    test_agent *agent = (test_agent *)(void *)agt__tool_call_get_operation(call);
    (void)ret_output;
    *ret_pending = true;
    agent->inner = agt_test_new_graph(agent->engine, NULL);
    (void)agt_test_add(agent->inner, "async", "{\"ms\": 10}", NULL);
    return agt__graph_start_within(agent->inner, call, NULL, answer_agent, call, NULL);
}

static void keep(agt__operation *operation)
{
    (void)operation;
}

static const agt__operation_table agent_table = {
    .kind = "agent", .start = start_agent, .destroy = keep};

static void agents_hold_no_slot(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine, 1);
    test_agent agents[3];
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (int i = 0; i < 3; i++) {
        agents[i] = (test_agent){.operation = {.table = &agent_table,
                                               .name = "agent",
                                               .mode = AGT_TOOL_ASYNC,
                                               .timeout_ms = AGT_MS_NONE,
                                               .refs = 1},
                                 .engine = &engine};
        assert_int_equal(
            agt__graph_add_operation(graph, &agents[i].operation, NULL, NULL, NULL, NULL, NULL),
            AGT_OK);
    }
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_run_graph(graph, NULL);
    assert_int_equal(agt_test_now_ns(&engine) - start, 30 * MS);
    for (size_t i = 0; i < 3; i++) {
        expect_start(results, i, start, 0);
        agt_test_expect(results, i, AGT_OUTCOME_OK, NULL);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    for (int i = 0; i < 3; i++) {
        agt_graph_unref(agents[i].inner);
    }
    agt_test_engine_deinit(&engine);
}

/* A call that is tried again stands in line again. */
static agt__settle try_again(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)policy;
    settlement->due_ns = agt__runtime_now_ns(agt__call_get_runtime(call)) + 5 * MS;
    return agt__call_get_outcome(call) != AGT_OUTCOME_OK && agt__call_get_attempts(call) < 2
               ? AGT__SETTLE_AGAIN
               : AGT__SETTLE_DONE;
}

static void who_waits_for_another_attempt_holds_no_slot(void **state)
{
    (void)state;
    static const agt__policy_table table = {.name = "again", .settle = try_again};
    agt_test_engine engine;
    agt_test_policy policy = {.granted = 0};
    setup(&engine, 1);
    agt_test_add_policy(&engine, &policy, &table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 10, \"error\": \"no\"}", NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 10}", NULL);
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_run_graph(graph, NULL);
    expect_start(results, 1, start, 10);
    assert_int_equal(agt_test_now_ns(&engine) - start, 30 * MS);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void run_with_slots(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_call_id call;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    if (agt_test_engine_init(&engine, allocator, true, &config) != AGT_OK) {
        return;
    }
    agt_status status = agt_graph_new(engine.executor, NULL, &graph, NULL);
    for (int i = 0; status == AGT_OK && i < 6; i++) {
        status = agt_test_add_call(graph, i % 2 == 0 ? "async" : "blocking", "{\"ms\": 5}", &call);
    }
    if (status == AGT_OK) {
        agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 23);
        status = agt_graph_run(graph, &options, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    for (size_t i = 0; status == AGT_OK && i < 6; i++) {
        assert_int_not_equal(agt_results_get_outcome(results, i), AGT_OUTCOME_NONE);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void slots_survive_torture(void **state)
{
    (void)state;
    agt_test_torture(run_with_slots, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_go_by_priority_then_age),
        cmocka_unit_test(a_free_slot_is_taken_by_somebody),
        cmocka_unit_test(graphs_share_slots),
        cmocka_unit_test(slots_come_back),
        cmocka_unit_test(agents_hold_no_slot),
        cmocka_unit_test(who_waits_for_another_attempt_holds_no_slot),
        cmocka_unit_test(slots_survive_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
