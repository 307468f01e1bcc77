/*
 * The doors, through policies that exist only here: one each that behaves like parking, retrying,
 * falling back, caching and refusing. They prove that the doors are enough for the real ones;
 * admit_share_test.c has hedging and batching.
 */
#include "support/test.h"

#include "support/exec.h"
#include "support/policies.h"
#include "support/torture.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

/* ---- parking ------------------------------------------------------------------------------- */

static agt__admit park_probe(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    (void)admission;
    agt_test_policy *test = agt_test_policy_of(policy);
    if (test->open) {
        return AGT__ADMIT_GO;
    }
    test->waiting[test->waiting_count++] = call;
    return AGT__ADMIT_PARK;
}

static void park_forget(agt__policy *policy, agt__call *call)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    for (size_t i = 0; i < test->waiting_count; i++) {
        if (test->waiting[i] == call) {
            test->waiting[i] = test->waiting[--test->waiting_count];
            test->forgotten++;
        }
    }
}

static const agt__policy_table park_table = {
    .name = "park",
    .probe = park_probe,
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .forget = park_forget,
};

/* Wakes all, the last that came first. */
static void open_gate(void *user_data)
{
    agt_test_policy *test = user_data;
    test->open = true;
    while (test->waiting_count > 0) {
        agt__call *call = test->waiting[--test->waiting_count];
        agt__call_wake(call);
        agt__call_wake(call); /* twice is once */
    }
}

static void wake_without_need(void *user_data)
{
    agt_test_policy *test = user_data;
    size_t count = test->waiting_count;
    test->waiting_count = 0;
    for (size_t i = 0; i < count; i++) {
        agt__call_wake(test->waiting[i]);
    }
}

static void parked_calls_hold_nothing_and_go_when_woken(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy before = {.granted = 0}, park = {.granted = 0}, behind = {.granted = 0};
    setup(&engine);
    agt_test_add_policy(&engine, &before, &agt_test_count_table);
    agt_test_add_policy(&engine, &park, &park_table);
    agt_test_add_policy(&engine, &behind, &agt_test_count_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (int i = 0; i < 5; i++) {
        (void)agt_test_add(graph, i == 2 ? "blocking" : "async", "{\"ms\": 5}", NULL);
    }
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    assert_int_equal(park.waiting_count, 5);
    assert_int_equal(before.taken + park.taken + behind.taken, 0);
    assert_int_equal(engine.started, 0);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 3, wake_without_need, &park), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    assert_int_equal(park.waiting_count, 5); /* it asked again */
    assert_int_equal(agt_runtime_run_after(engine.runtime, 3, open_gate, &park), AGT_OK);
    agt_results *results = agt_test_finish(task);
    for (size_t i = 0; i < 5; i++) {
        agt_test_expect(results, i, AGT_OUTCOME_OK, NULL);
    }
    assert_int_equal(before.started, 5);
    agt_test_expect_released(&before, 5);
    agt_test_expect_released(&park, 5);
    agt_test_expect_released(&behind, 5);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* A stage that says no after others have granted: those grants are given back, once. */
static void grants_are_taken_all_or_none(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy before = {.granted = 0}, late = {.refuse_take = 1, .open = true};
    setup(&engine);
    agt_test_add_policy(&engine, &before, &agt_test_count_table);
    agt_test_add_policy(&engine, &late, &park_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    agt_call_id other = agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    assert_int_equal(before.taken, 2);
    assert_int_equal(before.released, 2);
    assert_int_equal(engine.started, 1);
    agt_task_cancel(task);
    agt_results *results = agt_test_finish(task);
    agt_test_expect(results, 0, AGT_OUTCOME_CANCELLED, "not started");
    agt_test_expect(results, other, AGT_OUTCOME_OK, NULL);
    assert_int_equal(before.released, 2);
    agt_test_expect_released(&late, 1);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* What waits is ended by cancelling, by the deadline of the run, and by its own. */
static void parked_calls_are_ended_from_outside(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        agt_test_engine engine;
        agt_test_policy park = {.granted = 0}, count = {.granted = 0};
        setup(&engine);
        agt_test_add_policy(&engine, &park, &park_table);
        agt_test_add_policy(&engine, &count, &agt_test_count_table);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_options own = AGT_CONFIG(agt_call_options, .deadline_ms = 20);
        (void)agt_test_add(graph, "async", "{\"ms\": 5}", way == 2 ? &own : NULL);
        agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = way == 1 ? 20 : 0);
        agt_task *task;
        uint64_t start = agt_test_now_ns(&engine);
        assert_int_equal(agt_graph_start(graph, &options, &task, NULL), AGT_OK);
        assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
        if (way == 0) {
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        assert_int_equal(agt_test_now_ns(&engine) - start, (way == 0 ? 10 : 20) * MS);
        agt_test_expect(results, 0, way == 0 ? AGT_OUTCOME_CANCELLED : AGT_OUTCOME_TIMEOUT,
                        "not started");
        assert_int_equal(park.waiting_count, 0);
        agt_test_expect_released(&park, 0);
        agt_test_expect_released(&count, 0);
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* A call that waits at one stage is in nobody's way at another. */
static void waiting_elsewhere_blocks_no_slot(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy park = {.granted = 0};
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, &config), AGT_OK);
    agt_test_add_policy(&engine, &park, &park_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (int i = 0; i < 4; i++) {
        (void)agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    }
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    assert_int_equal(park.waiting_count, 4); /* the slot is free: nobody queues for it */
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, open_gate, &park), AGT_OK);
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_finish(task);
    assert_int_equal(agt_test_now_ns(&engine) - start, 20 * MS);
    agt_test_expect_released(&park, 4);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- retrying ------------------------------------------------------------------------------ */

static agt__settle retry_settle(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)policy;
    if (agt__call_get_outcome(call) == AGT_OUTCOME_OK || agt__call_get_attempts(call) >= 3) {
        return AGT__SETTLE_DONE;
    }
    assert_null(agt__call_get_output(call));
    settlement->due_ns = agt__runtime_now_ns(agt__call_get_runtime(call)) + 10 * MS;
    return AGT__SETTLE_AGAIN;
}

static const agt__policy_table retry_table = {
    .name = "retry",
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .started = agt_test_policy_started,
    .settle = retry_settle,
};

static void failed_calls_are_tried_again(void **state)
{
    (void)state;
    static const char *const inputs[] = {"{\"ms\": [5, 5, 5], \"fails\": 2}",
                                         "{\"ms\": [0, 0, 0], \"fails\": 2}",
                                         "{\"ms\": [5, 5, 5], \"fails\": 3}"};
    for (size_t i = 0; i < 3; i++) {
        agt_test_engine engine;
        agt_test_nth counts = {0, 0};
        agt_test_policy retry = {.granted = 0}, count = {.granted = 0};
        setup(&engine);
        agt_test_add_nth(&engine, "nth", &counts);
        agt_test_add_policy(&engine, &count, &agt_test_count_table);
        agt_test_add_policy(&engine, &retry, &retry_table);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "nth", inputs[i], NULL);
        uint64_t start = agt_test_now_ns(&engine);
        agt_results *results = agt_test_run_graph(graph, NULL);
        assert_int_equal(agt_test_now_ns(&engine) - start, (i == 1 ? 20 : 35) * MS);
        if (i < 2) {
            agt_test_expect_output(results, 0, "3");
        } else {
            agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "attempt 3 failed");
        }
        agt_call_times times = AGT_CONFIG(agt_call_times, 0);
        agt_results_get_times(results, 0, &times);
        assert_int_equal(times.attempts, 3);
        agt_test_expect_released(&retry, 3);
        agt_test_expect_released(&count, 3);
        assert_int_equal(retry.started, i == 1 ? 0 : 3); /* those that ended at once never ran */
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* Who waits for another attempt is ended at once; the result so far stands. */
static void waiting_for_another_attempt_can_be_cancelled(void **state)
{
    (void)state;
    for (int own_deadline = 0; own_deadline < 2; own_deadline++) {
        agt_test_engine engine;
        agt_test_policy retry = {.granted = 0};
        setup(&engine);
        agt_test_add_policy(&engine, &retry, &retry_table);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_options own = AGT_CONFIG(agt_call_options, .deadline_ms = 8);
        (void)agt_test_add(graph, "async", "{\"ms\": 5, \"error\": \"no\"}",
                           own_deadline != 0 ? &own : NULL);
        agt_task *task;
        uint64_t start = agt_test_now_ns(&engine);
        assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
        assert_int_equal(agt_task_wait(task, 6), AGT_E_TIMEOUT);
        assert_int_equal(retry.granted, 0);
        if (own_deadline == 0) {
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        assert_int_equal(agt_test_now_ns(&engine) - start, (own_deadline != 0 ? 8 : 6) * MS);
        agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "no");
        agt_test_expect_released(&retry, 1);
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* ---- falling back -------------------------------------------------------------------------- */

static agt__settle fallback_settle(agt__policy *policy, agt__call *call,
                                   agt__settlement *settlement)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    agt_tool *other = agt_executor_get_tool(test->executor, "inline");
    if (agt__call_get_outcome(call) == AGT_OUTCOME_OK ||
        agt__call_get_operation(call) == &other->operation) {
        return AGT__SETTLE_DONE;
    }
    settlement->operation = &other->operation;
    settlement->input = test->known;
    return AGT__SETTLE_REPLACE;
}

static const agt__policy_table fallback_table = {
    .name = "fallback",
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .started = agt_test_policy_started,
    .settle = fallback_settle,
};

static void another_tool_answers_instead(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy fallback = {.known = agt_test_json(NULL, "{\"echo\": 42}")};
    setup(&engine);
    agt_test_add_policy(&engine, &fallback, &fallback_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5, \"error\": \"no\"}", NULL);
    agt_call_id fine = agt_test_add(graph, "async", "{\"echo\": 1}", NULL);
    for (uint32_t run = 1; run <= 2; run++) { /* the second run begins with the first tool again */
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect_output(results, 0, "42");
        assert_int_equal(agt_results_get_flags(results, 0), AGT_CALL_FROM_FALLBACK);
        assert_int_equal(agt_results_get_flags(results, fine), 0);
        agt_call_times times = AGT_CONFIG(agt_call_times, 0);
        agt_results_get_times(results, 0, &times);
        assert_int_equal(times.attempts, 2);
        agt_test_expect_released(&fallback, 3 * run);
        agt_results_unref(results);
    }
    /* without an input of its own it gets the call's */
    agt_value_unref(fallback.known);
    fallback.known = NULL;
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "no");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- answering and refusing ---------------------------------------------------------------- */

static agt__admit cache_probe(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    (void)call;
    agt_test_policy *test = agt_test_policy_of(policy);
    if (test->known == NULL) {
        return AGT__ADMIT_GO;
    }
    admission->value = agt_value_ref(test->known);
    return AGT__ADMIT_ANSWER;
}

static agt__settle cache_settle(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)settlement;
    agt_test_policy *test = agt_test_policy_of(policy);
    if (test->known == NULL && agt__call_get_outcome(call) == AGT_OUTCOME_OK) {
        test->known = agt_value_ref(agt__call_get_output(call));
    }
    return AGT__SETTLE_DONE;
}

static const agt__policy_table cache_table = {
    .name = "cache",
    .probe = cache_probe,
    .settle = cache_settle,
};

static void known_answers_are_not_computed(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy cache = {.granted = 0}, count = {.granted = 0};
    setup(&engine);
    agt_test_add_policy(&engine, &count, &agt_test_count_table);
    agt_test_add_policy(&engine, &cache, &cache_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5, \"echo\": [1]}", NULL);
    for (int i = 0; i < 2; i++) {
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect_output(results, 0, "[1]");
        assert_int_equal(agt_results_get_flags(results, 0), i == 0 ? 0 : AGT_CALL_CACHED);
        agt_results_unref(results);
    }
    assert_int_equal(engine.started, 1);
    agt_test_expect_released(&count, 1);
    agt_value_unref(cache.known);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static bool refuse_applies(const agt__policy *policy, const agt__call *call)
{
    (void)policy;
    return strcmp(agt__call_get_operation(call)->name, "async") == 0;
}

static agt__admit refuse_probe(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    (void)policy;
    (void)call;
    admission->outcome = AGT_OUTCOME_DENIED;
    admission->error.status = AGT_E_DENIED;
    (void)snprintf(admission->error.message, sizeof(admission->error.message), "the rules say no");
    return AGT__ADMIT_REFUSE;
}

static const agt__policy_table refuse_table = {
    .name = "refuse",
    .applies = refuse_applies,
    .probe = refuse_probe,
};

static void refused_calls_never_start(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy refuse = {.granted = 0}, count = {.granted = 0};
    setup(&engine);
    agt_test_add_policy(&engine, &count, &agt_test_count_table);
    agt_test_add_policy(&engine, &refuse, &refuse_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{}", NULL);
    agt_call_id behind = agt_test_add(graph, "inline", "{}", NULL);
    agt_call_id fine = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, behind, 0, NULL), AGT_OK);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_DENIED, "the rules say no");
    agt_test_expect(results, behind, AGT_OUTCOME_SKIPPED_DEPENDENCY, "denied");
    agt_test_expect(results, fine, AGT_OUTCOME_OK, NULL);
    assert_int_equal(engine.started, 1);
    agt_test_expect_released(&count, 1);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void stages_are_limited(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_policy many[AGT__POLICIES_MAX];
    setup(&engine);
    memset(many, 0, sizeof(many));
    for (size_t i = 0; i < AGT__POLICIES_MAX; i++) {
        many[i].policy.table = &agt_test_count_table;
        bool fits = i + AGT__STAGES_BUILT_IN < AGT__POLICIES_MAX;
        agt_status expected = fits ? AGT_OK : AGT_E_LIMIT;
        assert_int_equal(agt__executor_add_policy(engine.executor, &many[i].policy), expected);
    }
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "inline", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    for (size_t i = 0; i + AGT__STAGES_BUILT_IN < AGT__POLICIES_MAX; i++) {
        agt_test_expect_released(&many[i], 1);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- all together -------------------------------------------------------------------------- */

/* Everything above in one executor, with each allocation failing. What is asserted is that every
 * call ends, and every grant comes back. */
static void everything_fails_cleanly_without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_test_policy count = {.granted = 0}, retry = {.granted = 0}, fallback = {.granted = 0};
    agt_test_policy cache = {.granted = 0}, refuse = {.granted = 0};
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 2);
    if (agt_test_engine_init(&engine, allocator, true, &config) != AGT_OK) {
        return;
    }
    agt_test_add_policy(&engine, &count, &agt_test_count_table);
    agt_test_add_policy(&engine, &retry, &retry_table);
    agt_test_add_policy(&engine, &fallback, &fallback_table);
    agt_test_add_policy(&engine, &refuse, &refuse_table);
    agt_status status = agt_graph_new(engine.executor, NULL, &graph, NULL);
    agt_call_id call;
    static const char *const inputs[] = {"{\"ms\": 5}", "{\"ms\": 5, \"error\": \"no\"}",
                                         "{\"ms\": 30}"};
    for (size_t i = 0; status == AGT_OK && i < 6; i++) {
        status = agt_test_add_call(graph, i < 5 ? "blocking" : "async", inputs[i % 3], &call);
    }
    if (status == AGT_OK) {
        agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 40);
        status = agt_graph_run(graph, &options, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    for (size_t i = 0; status == AGT_OK && i < 6; i++) {
        assert_int_not_equal(agt_results_get_outcome(results, i), AGT_OUTCOME_NONE);
    }
    assert_int_equal(count.granted + retry.granted + fallback.granted, 0);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_value_unref(cache.known);
    agt_test_engine_deinit(&engine);
}

static void doors_survive_torture(void **state)
{
    (void)state;
    agt_test_torture(everything_fails_cleanly_without_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parked_calls_hold_nothing_and_go_when_woken),
        cmocka_unit_test(grants_are_taken_all_or_none),
        cmocka_unit_test(parked_calls_are_ended_from_outside),
        cmocka_unit_test(waiting_elsewhere_blocks_no_slot),
        cmocka_unit_test(failed_calls_are_tried_again),
        cmocka_unit_test(waiting_for_another_attempt_can_be_cancelled),
        cmocka_unit_test(another_tool_answers_instead),
        cmocka_unit_test(known_answers_are_not_computed),
        cmocka_unit_test(refused_calls_never_start),
        cmocka_unit_test(stages_are_limited),
        cmocka_unit_test(doors_survive_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
