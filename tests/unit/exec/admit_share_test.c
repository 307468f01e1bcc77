/*
 * The doors, where one call has several attempts at a time (hedging) or several calls one attempt
 * (batching), through policies that exist only here.
 */
#include "support/test.h"

#include "support/exec.h"
#include "support/policies.h"

#define MS UINT64_C(1000000)

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

/* ---- hedging ------------------------------------------------------------------------------- */

static void fire_hedge(agt__timer *timer)
{
    agt_test_policy *test =
        (agt_test_policy *)(void *)((char *)timer - offsetof(agt_test_policy, timer));
    assert_non_null(test->leader);
    assert_int_equal(agt__call_hedge(test->leader), AGT_OK);
}

static void hedge_started(agt__policy *policy, agt__call *call)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    test->started++;
    if (agt__call_get_attempts(call) == 1 && test->leader == NULL) { /* one call is enough here */
        test->leader = call;
        agt_test_start_timer(call, &test->timer, fire_hedge, test->delay_ms);
    }
}

static agt__settle hedge_settle(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)settlement;
    agt_test_stop_timer(call, &agt_test_policy_of(policy)->timer);
    return AGT__SETTLE_DONE;
}

static void hedge_forget(agt__policy *policy, agt__call *call)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    test->forgotten++;
    if (test->leader == call) {
        agt_test_stop_timer(call, &test->timer);
        test->leader = NULL;
    }
}

static const agt__policy_table hedge_table = {
    .name = "hedge",
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .started = hedge_started,
    .settle = hedge_settle,
    .forget = hedge_forget,
};

typedef struct hedge_case {
    const char *input;
    const char *output; /* NULL = it fails */
    uint32_t wall_ms, attempts, cancelled;
    bool hedged;
} hedge_case;

static void the_first_success_of_a_hedged_call_counts(void **state)
{
    (void)state;
    static const hedge_case cases[] = {
        {"{\"ms\": [100, 5]}", "2", 25, 2, 1, true},
        {"{\"ms\": [30, 50]}", "1", 30, 2, 1, true},
        {"{\"ms\": [10, 50]}", "1", 10, 1, 0, false},
        {"{\"ms\": [100, 0]}", "2", 20, 2, 1, true},
        {"{\"ms\": [30, 50], \"fails\": 1}", "2", 70, 2, 0, false},
        {"{\"ms\": [30, 50], \"fails\": 2}", NULL, 70, 2, 0, false},
        {"{\"ms\": [900, 900]}", NULL, 520, 2, 2, false}, /* the time limit of each */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_engine engine;
        agt_test_nth counts = {0, 0};
        agt_test_policy hedge = {.delay_ms = 20}, count = {.granted = 0};
        setup(&engine);
        agt_test_add_nth(&engine, "nth", &counts);
        agt_test_add_policy(&engine, &hedge, &hedge_table);
        agt_test_add_policy(&engine, &count, &agt_test_count_table);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id call = agt_test_add(graph, "nth", cases[i].input, NULL);
        uint64_t start = agt_test_now_ns(&engine);
        agt_results *results = agt_test_run_graph(graph, NULL);
        assert_int_equal(agt_test_now_ns(&engine) - start, cases[i].wall_ms * MS);
        if (cases[i].output != NULL) {
            agt_test_expect_output(results, call, cases[i].output);
        } else {
            assert_int_not_equal(agt_results_get_outcome(results, call), AGT_OUTCOME_OK);
        }
        bool hedged = (agt_results_get_flags(results, call) & AGT_CALL_HEDGED) != 0;
        assert_int_equal(hedged, cases[i].hedged);
        agt_call_times times = AGT_CONFIG(agt_call_times, 0);
        agt_results_get_times(results, call, &times);
        assert_int_equal(times.attempts, cases[i].attempts);
        assert_int_equal(counts.started, cases[i].attempts);
        assert_int_equal(counts.cancelled, cases[i].cancelled);
        agt_test_expect_released(&hedge, 1);
        agt_test_expect_released(&count, 1);
        assert_int_equal(count.started, 1);
        assert_null(hedge.leader);
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* Blocking functions can be hedged too, and the loser leaves nothing behind. */
static void blocking_calls_are_hedged(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy hedge = {.delay_ms = 20};
    setup(&engine);
    agt_test_add_policy(&engine, &hedge, &hedge_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id call = agt_test_add(graph, "blocking", "{\"ms\": 50}", NULL);
    agt_call_id behind = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, behind, call, NULL), AGT_OK);
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_run_graph(graph, NULL);
    assert_int_equal(agt_test_now_ns(&engine) - start, 50 * MS);
    agt_test_expect(results, call, AGT_OUTCOME_OK, NULL);
    agt_test_expect(results, behind, AGT_OUTCOME_OK, NULL);
    assert_true((agt_results_get_flags(results, call) & AGT_CALL_HEDGED) != 0);
    agt_execution_metrics metrics = AGT_CONFIG(agt_execution_metrics, 0);
    agt_results_get_execution_metrics(results, &metrics);
    assert_int_equal(metrics.parallel_max, 2);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* On real threads: the first attempt sleeps until it has lost, the second answers. */
static agt_status sleep_once(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    _Atomic uint32_t *attempts = user_data;
    (void)ret_output;
    return atomic_fetch_add(attempts, 1) % 2 == 0 ? agt_tool_call_sleep(call, 3600000) : AGT_OK;
}

static void hedging_works_on_real_threads(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy hedge = {.delay_ms = 1};
    _Atomic uint32_t attempts = 0;
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE, .user_data = (void *)&attempts);
    assert_int_equal(agt_executor_register_tool(engine.executor, "once", sleep_once, &config, NULL),
                     AGT_OK);
    agt_test_add_policy(&engine, &hedge, &hedge_table);
    for (uint32_t i = 0; i < 20; i++) {
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "once", "{}", NULL);
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
        assert_true((agt_results_get_flags(results, 0) & AGT_CALL_HEDGED) != 0);
        agt_test_expect_released(&hedge, i + 1);
        agt_results_unref(results);
        agt_graph_unref(graph);
    }
    agt_test_engine_deinit(&engine);
}

static void hedged_calls_are_cancelled_as_one(void **state)
{
    (void)state;
    for (int deadline = 0; deadline < 2; deadline++) {
        agt_test_engine engine;
        agt_test_nth counts = {0, 0};
        agt_test_policy hedge = {.delay_ms = 20}, count = {.granted = 0};
        setup(&engine);
        agt_test_add_nth(&engine, "nth", &counts);
        agt_test_add_policy(&engine, &hedge, &hedge_table);
        agt_test_add_policy(&engine, &count, &agt_test_count_table);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id call = agt_test_add(graph, "nth", "{\"ms\": [400, 400]}", NULL);
        agt_task *task;
        agt_call_options options =
            AGT_CONFIG(agt_call_options, .deadline_ms = deadline != 0 ? 30 : 0);
        assert_int_equal(agt_graph_start(graph, &options, &task, NULL), AGT_OK);
        assert_int_equal(agt_task_wait(task, 25), AGT_E_TIMEOUT);
        assert_int_equal(counts.started, 2);
        if (deadline == 0) {
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        agt_test_expect(results, call, deadline ? AGT_OUTCOME_TIMEOUT : AGT_OUTCOME_CANCELLED,
                        NULL);
        assert_int_equal(counts.cancelled, 2);
        agt_test_expect_released(&hedge, 1);
        agt_test_expect_released(&count, 1);
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* ---- batching: the first call leads, those that come within 10 ms join it ------------------- */

static void fire_batch(agt__timer *timer)
{
    agt_test_policy *test =
        (agt_test_policy *)(void *)((char *)timer - offsetof(agt_test_policy, timer));
    assert_non_null(test->leader);
    test->open = true;
    agt__call_wake(test->leader);
}

static agt__admit batch_probe(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    if (test->leader != NULL && test->leader != call) {
        admission->leader = test->leader;
        return AGT__ADMIT_JOIN;
    }
    if (test->leader == NULL) {
        test->leader = call;
        test->open = false;
        agt_test_start_timer(call, &test->timer, fire_batch, 10);
    }
    return test->open ? AGT__ADMIT_GO : AGT__ADMIT_PARK;
}

static agt_status batch_share(agt__policy *policy, agt__call *leader, agt__call *follower,
                              agt_value **ret_value)
{
    (void)policy;
    const char *key =
        agt_value_get_string(agt_value_get_member(agt__call_get_input(follower), "key"), NULL);
    const agt_value *part = agt_value_get_member(agt__call_get_output(leader), key);
    if (part == NULL) {
        return AGT_E_NOT_FOUND;
    }
    *ret_value = agt_value_ref(part);
    return AGT_OK;
}

static void batch_forget(agt__policy *policy, agt__call *call)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    if (test->leader == call) {
        agt_test_stop_timer(call, &test->timer);
        test->leader = NULL;
    }
}

static const agt__policy_table batch_table = {
    .name = "batch",
    .probe = batch_probe,
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .share = batch_share,
    .forget = batch_forget,
};

#define BATCH_ANSWER "\"echo\": {\"a\": 1, \"b\": [2], \"c\": null}"

static void followers_get_their_parts(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy batch = {.granted = 0}, count = {.granted = 0};
    setup(&engine);
    agt_test_add_policy(&engine, &count, &agt_test_count_table);
    agt_test_add_policy(&engine, &batch, &batch_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id leader = agt_test_add(graph, "async", "{\"ms\": 5, " BATCH_ANSWER "}", NULL);
    agt_call_id a = agt_test_add(graph, "async", "{\"ms\": 5, \"key\": \"a\"}", NULL);
    agt_call_id b = agt_test_add(graph, "async", "{\"ms\": 5, \"key\": \"b\"}", NULL);
    agt_call_id none = agt_test_add(graph, "async", "{\"ms\": 5, \"key\": \"d\"}", NULL);
    agt_call_id c = agt_test_add(graph, "async", "{\"ms\": 5, \"key\": \"c\"}", NULL);
    agt_call_id behind = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_binding(graph, behind, "echo", b, "/0", NULL), AGT_OK);
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_run_graph(graph, NULL);
    /* the call behind is a batch of its own */
    assert_int_equal(agt_test_now_ns(&engine) - start, 25 * MS);
    assert_int_equal(engine.started, 2);
    agt_test_expect(results, leader, AGT_OUTCOME_OK, NULL);
    agt_test_expect_output(results, a, "1");
    agt_test_expect_output(results, b, "[2]");
    agt_test_expect_output(results, c, "null");
    agt_test_expect(results, none, AGT_OUTCOME_ERROR, "no part in the shared result");
    agt_test_expect_output(results, behind, "2");
    assert_int_equal(agt_results_get_flags(results, leader), 0);
    assert_int_equal(agt_results_get_flags(results, a), AGT_CALL_COALESCED);
    agt_test_expect_released(&batch, 2);
    agt_test_expect_released(&count, 2);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void followers_fail_with_their_leader(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy batch = {.granted = 0};
    setup(&engine);
    agt_test_add_policy(&engine, &batch, &batch_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5, \"error\": \"boom\"}", NULL);
    agt_call_id follower = agt_test_add(graph, "async", "{\"key\": \"a\"}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, follower, AGT_OUTCOME_ERROR, "boom");
    agt_test_expect_released(&batch, 1);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* Two runs share one executor. Cancelling the run of the leader leaves the followers of the other
 * run alone: they ask again, and one of them leads. Cancelling that of a follower leaves the leader
 * alone. At every moment: while the leader waits (5 ms) and while it runs (12 ms). */
static void cancelling_one_run_leaves_the_other_alone(void **state)
{
    (void)state;
    static const uint32_t moments[] = {5, 12};
    for (int who = 0; who < 2; who++) {
        for (int when = 0; when < 2; when++) {
            agt_test_engine engine;
            agt_test_policy batch = {.granted = 0}, count = {.granted = 0};
            setup(&engine);
            agt_test_add_policy(&engine, &batch, &batch_table);
            agt_test_add_policy(&engine, &count, &agt_test_count_table);
            agt_graph *first = agt_test_new_graph(&engine, NULL);
            agt_graph *second = agt_test_new_graph(&engine, NULL);
            (void)agt_test_add(first, "async", "{\"ms\": 5, " BATCH_ANSWER "}", NULL);
            const char *input = "{\"ms\": 5, \"key\": \"a\", " BATCH_ANSWER "}";
            agt_call_id follower = agt_test_add(second, "async", input, NULL);
            agt_call_id other = agt_test_add(second, "async", input, NULL);
            agt_task *tasks[2];
            assert_int_equal(agt_graph_start(first, NULL, &tasks[0], NULL), AGT_OK);
            assert_int_equal(agt_graph_start(second, NULL, &tasks[1], NULL), AGT_OK);
            assert_int_equal(agt_task_wait(tasks[0], moments[when]), AGT_E_TIMEOUT);
            agt_task_cancel(tasks[who]);
            agt_results *led = agt_test_finish(tasks[0]);
            agt_results *followed = agt_test_finish(tasks[1]);
            if (who == 0) {
                agt_test_expect(led, 0, AGT_OUTCOME_CANCELLED, NULL);
                size_t leads = agt_results_get_flags(followed, follower) == 0 ? follower : other;
                agt_test_expect(followed, leads, AGT_OUTCOME_OK, NULL);
                agt_test_expect_output(followed, leads == follower ? other : follower, "1");
            } else {
                agt_test_expect(led, 0, AGT_OUTCOME_OK, NULL);
                agt_test_expect(followed, follower, AGT_OUTCOME_CANCELLED, NULL);
                agt_test_expect(followed, other, AGT_OUTCOME_CANCELLED, NULL);
            }
            assert_int_equal(batch.granted, 0);
            assert_int_equal(count.granted, 0);
            assert_int_equal(count.taken, count.released);
            agt_results_unref(led);
            agt_results_unref(followed);
            agt_graph_unref(first);
            agt_graph_unref(second);
            agt_test_engine_deinit(&engine);
        }
    }
}

/* ---- what is left behind ------------------------------------------------------------------- */

typedef struct slow_start {
    uint32_t started;
    agt_tool_call *first;
} slow_start;

/* The first attempt never ends by itself; the second one succeeds. */
static agt_status run_slow_start(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    slow_start *slow = user_data;
    (void)ret_output;
    if (++slow->started == 1) {
        slow->first = call;
    } else {
        agt_tool_complete(call, AGT_OK, NULL);
    }
    return AGT_OK;
}

static void end_slow_start(void *user_data)
{
    slow_start *slow = user_data;
    assert_true(agt_tool_call_is_cancelled(slow->first));
    assert_string_equal(agt_tool_call_get_name(slow->first), "slow");
    assert_non_null(agt_tool_call_get_input(slow->first));
    agt_tool_complete(slow->first, AGT_OK, NULL);
}

/* An attempt that lost knows its graph, tool and input for as long as it goes on. */
static void losers_may_outlive_their_run(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy hedge = {.delay_ms = 20};
    slow_start slow = {.started = 0};
    setup(&engine);
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_ASYNC, .user_data = &slow);
    assert_int_equal(
        agt_executor_register_tool(engine.executor, "slow", run_slow_start, &config, NULL), AGT_OK);
    agt_test_add_policy(&engine, &hedge, &hedge_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "slow", "{\"a\": 1}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect_output(results, 0, "null");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_executor_unref(engine.executor);
    engine.executor = NULL;
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, end_slow_start, &slow), AGT_OK);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_success_of_a_hedged_call_counts),
        cmocka_unit_test(losers_may_outlive_their_run),
        cmocka_unit_test(blocking_calls_are_hedged),
        cmocka_unit_test(hedging_works_on_real_threads),
        cmocka_unit_test(hedged_calls_are_cancelled_as_one),
        cmocka_unit_test(followers_get_their_parts),
        cmocka_unit_test(followers_fail_with_their_leader),
        cmocka_unit_test(cancelling_one_run_leaves_the_other_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
