/*
 * Asynchronous tools that are completed by other threads, at the worst moments, and functions of
 * theirs that the loop calls. What is found here by chance is found by TSan or ASan without it.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "support/exec.h"
#include "support/torture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void register_async(agt_test_engine *engine, const char *name, agt_tool_fn fn,
                           uint32_t timeout_ms, void *user_data)
{
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_ASYNC, .effect = AGT_EFFECT_PURE,
                   .timeout_ms = timeout_ms, .user_data = user_data);
    assert_int_equal(agt_executor_register_tool(engine->executor, name, fn, &config, NULL), AGT_OK);
}

/* ---- completed before the function returned ---- */

static void *complete_with_input(void *arg)
{
    agt_tool_call *call = arg;
    agt_tool_complete(call, AGT_OK, agt_value_get_member(agt_tool_call_get_input(call), "echo"));
    return NULL;
}

/* The thread has completed the call when this returns. */
static agt_status complete_at_once(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    pthread_t thread;
    (void)ret_output;
    (void)user_data;
    if (pthread_create(&thread, NULL, complete_with_input, call) != 0) {
        return AGT_E_IO;
    }
    (void)pthread_join(thread, NULL);
    return AGT_OK;
}

static void results_of_fast_threads_are_kept(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    register_async(&engine, "fast", complete_at_once, 0, NULL);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "fast", "{\"echo\": {\"a\": 1}}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect_output(results, 0, "{\"a\":1}");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- completed while the loop ends the attempt ---- */

enum {
    RACERS = 64
};

typedef struct race {
    pthread_t threads[RACERS];
    _Atomic uint32_t count;
} race;

static void *fail_with_words(void *arg)
{
    agt_tool_call *call = arg;
    agt_value *output = agt_test_json(NULL, "[1, 2]");
    for (int i = 0; i < 20 && !agt_tool_call_is_cancelled(call); i++) {
        agt_tool_call_set_error(call, "attempt %d of thread failed", i);
    }
    agt_tool_complete(call, AGT_E_TOOL, output);
    agt_value_unref(output);
    return NULL;
}

static agt_status start_thread(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    race *r = user_data;
    (void)ret_output;
    uint32_t index = atomic_fetch_add(&r->count, 1);
    return pthread_create(&r->threads[index], NULL, fail_with_words, call) == 0 ? AGT_OK : AGT_E_IO;
}

static void threads_complete_while_the_loop_ends_them(void **state)
{
    (void)state;
    agt_test_engine engine;
    for (uint32_t round = 0; round < 8; round++) {
        race r = {.count = 0};
        assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
        register_async(&engine, "thread", start_thread, round % 2 == 0 ? 1 : 0, &r);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        for (int i = 0; i < RACERS; i++) {
            (void)agt_test_add(graph, "thread", "{}", NULL);
        }
        agt_task *task;
        assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
        if (round % 4 == 1) {
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        for (size_t i = 0; i < RACERS; i++) {
            agt_outcome outcome = agt_results_get_outcome(results, i);
            assert_true(outcome == AGT_OUTCOME_ERROR || outcome == AGT_OUTCOME_TIMEOUT ||
                        outcome == AGT_OUTCOME_CANCELLED);
        }
        uint32_t count = atomic_load(&r.count);
        for (uint32_t i = 0; i < count; i++) {
            (void)pthread_join(r.threads[i], NULL);
        }
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* ---- the natural way to wait ---- */

static void end_nap(agt_tool_call *call, void *user_data)
{
    ++*(uint32_t *)user_data;
    agt_tool_complete(call, AGT_OK, NULL);
}

/* Nothing but a nap: the end of it is the end of the call, whatever happens meanwhile. */
static agt_status nap(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    return agt_tool_call_resume_after(call, 3600000, end_nap);
}

static void whoever_only_waits_is_resumed_when_stopped(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_test_heap heap;
    uint32_t ended = 0;
    agt_test_heap_init(&heap);
    assert_int_equal(agt_test_engine_init(&engine, &heap.allocator, true, NULL), AGT_OK);
    register_async(&engine, "nap", nap, 50, &ended);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "nap", "{}", NULL);
    agt_call_options patient = AGT_CONFIG(agt_call_options, .timeout_ms = AGT_MS_NONE);
    (void)agt_test_add(graph, "nap", "{}", &patient);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 100), AGT_E_TIMEOUT);
    assert_int_equal(ended, 1); /* it timed out, and was told */
    agt_task_cancel(task);
    agt_results *results = agt_test_finish(task);
    agt_test_expect(results, 0, AGT_OUTCOME_TIMEOUT, "timed out");
    agt_test_expect(results, 1, AGT_OUTCOME_CANCELLED, NULL);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
    assert_int_equal(ended, 2);
    agt_test_heap_deinit(&heap); /* everything came back */
}

/* ---- limits of many attempts ---- */

typedef struct sleepers {
    agt_tool_call *calls[8];
    size_t count;
} sleepers;

static agt_status never_end(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    sleepers *s = user_data;
    (void)ret_output;
    s->calls[s->count++] = call;
    return AGT_OK;
}

static void wake_sleepers(void *user_data)
{
    sleepers *s = user_data;
    for (size_t i = 0; i < s->count; i++) {
        agt_tool_complete(s->calls[i], AGT_OK, NULL);
    }
}

/* What an earlier run left behind, with later limits, does not hold up the limits of this one. */
static void limits_are_kept_among_what_is_left_behind(void **state)
{
    (void)state;
    agt_test_engine engine;
    sleepers s = {.count = 0};
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    register_async(&engine, "sleep", never_end, 0, &s);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (int i = 0; i < 2; i++) {
        (void)agt_test_add(graph, "sleep", "{}", NULL);
    }
    const uint32_t limits_ms[] = {60000, 50, 70000, 30};
    for (size_t run = 0; run < 4; run++) {
        agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = limits_ms[run]);
        uint64_t start = agt_test_now_ns(&engine);
        agt_task *task;
        assert_int_equal(agt_graph_start(graph, &options, &task, NULL), AGT_OK);
        if (run % 2 == 0) {
            assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        for (size_t i = 0; i < 2; i++) {
            agt_test_expect(results, i, run % 2 == 0 ? AGT_OUTCOME_CANCELLED : AGT_OUTCOME_TIMEOUT,
                            NULL);
        }
        uint32_t wall_ms = run % 2 == 0 ? 10 : limits_ms[run];
        assert_int_equal(agt_test_now_ns(&engine) - start, wall_ms * UINT64_C(1000000));
        agt_results_unref(results);
    }
    agt_graph_unref(graph);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, wake_sleepers, &s), AGT_OK);
    agt_test_engine_deinit(&engine);
}

/* ---- completing each other ---- */

enum {
    RELAY = 30000
};

typedef struct relay {
    agt_runtime *runtime;
    agt_tool_call *waiting[RELAY];
    uint32_t started, next;
} relay;

static void begin_relay(void *user_data)
{
    agt_tool_complete(((relay *)user_data)->waiting[0], AGT_OK, NULL);
}

static agt_status await_relay(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    relay *r = user_data;
    int64_t index = 0;
    (void)ret_output;
    if (agt_value_get_int64(agt_value_get_member(agt_tool_call_get_input(call), "at"), &index) !=
        AGT_OK) {
        return AGT_E_INVALID;
    }
    r->waiting[index] = call;
    return ++r->started == RELAY ? agt_runtime_run_after(r->runtime, 0, begin_relay, r) : AGT_OK;
}

/* Runs when a call of the relay is done, and completes the next one. */
static agt_status pass_on(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    relay *r = user_data;
    (void)call;
    (void)ret_output;
    if (++r->next < RELAY) {
        agt_tool_complete(r->waiting[r->next], AGT_OK, NULL);
    }
    return AGT_OK;
}

static void calls_that_complete_each_other_need_no_stack(void **state)
{
    (void)state;
    agt_test_engine engine;
    static relay r;
    memset(&r, 0, sizeof(r));
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    r.runtime = engine.runtime;
    register_async(&engine, "await", await_relay, AGT_MS_NONE, &r);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .user_data = &r);
    assert_int_equal(agt_executor_register_tool(engine.executor, "pass", pass_on, &config, NULL),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (uint32_t i = 0; i < RELAY; i++) {
        char json[32];
        (void)snprintf(json, sizeof(json), "{\"at\": %u}", i);
        agt_call_id call = agt_test_add(graph, "await", json, NULL);
        agt_call_id behind = agt_test_add(graph, "pass", "{}", NULL);
        assert_int_equal(agt_graph_add_dependency(graph, behind, call, NULL), AGT_OK);
    }
    agt_results *results = agt_test_run_graph(graph, NULL);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- never completed ---- */

static agt_status keep_call(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    *(agt_tool_call **)user_data = call;
    return AGT_OK;
}

/* Nobody can make it complete, but closing says that it has not. */
static void closing_tells_of_what_never_completed(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_tool_call *kept = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    register_async(&engine, "keep", keep_call, 10, &kept);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "keep", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_TIMEOUT, "timed out");
    agt_results_unref(results);
    agt_graph_unref(graph);
    assert_int_equal(agt_runtime_close(engine.runtime, 0, &err), AGT_E_TIMEOUT);
    assert_non_null(strstr(err.message, "1 asynchronous tool call was given up"));
    agt_tool_complete(kept, AGT_OK, NULL);
    assert_int_equal(agt_runtime_close(engine.runtime, 0, &err), AGT_OK);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_of_fast_threads_are_kept),
        cmocka_unit_test(threads_complete_while_the_loop_ends_them),
        cmocka_unit_test(whoever_only_waits_is_resumed_when_stopped),
        cmocka_unit_test(limits_are_kept_among_what_is_left_behind),
        cmocka_unit_test(calls_that_complete_each_other_need_no_stack),
        cmocka_unit_test(closing_tells_of_what_never_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
