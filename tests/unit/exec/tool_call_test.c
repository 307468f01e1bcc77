/* What a tool sees of its call, and what it may ask of it where. */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

/* What a tool of the test does, and what it has seen. */
typedef struct probe {
    agt_tool_mode mode;
    uint32_t remaining_ms;
    agt_status sleep_status, resume_status, key_status;
    unsigned resumed, cancelled;
    bool was_cancelled;
    agt_span_context span;
    char key[65];
    agt_value *context;
} probe;

static void expect_context(probe *seen, const char *json)
{
    agt_value *expected = agt_test_json(NULL, json);
    assert_true(agt_value_equals(seen->context, expected));
    agt_value_unref(expected);
    agt_value_unref(seen->context);
}

static void look(agt_tool_call *call, probe *seen)
{
    seen->remaining_ms = agt_tool_call_get_remaining_ms(call);
    seen->span = agt_tool_call_get_span(call);
    seen->key_status = agt_tool_call_get_key(call, seen->key);
    assert_int_equal(agt_tool_call_get_context(call, &seen->context), AGT_OK);
    assert_ptr_equal(agt_tool_call_get_user_data(call), seen);
    assert_non_null(agt_tool_call_get_allocator(call));
    assert_non_null(agt_tool_call_get_input(call));
}

static void never(agt_tool_call *call, void *user_data)
{
    (void)call;
    (void)user_data;
    fail_msg("this is not to be called");
}

static agt_status run_sync(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    probe *seen = user_data;
    (void)ret_output;
    look(call, seen);
    assert_string_equal(agt_tool_call_get_name(call), "probe");
    seen->resume_status = agt_tool_call_resume_after(call, 1, never);
    agt_tool_call_on_cancel(call, never);
    seen->sleep_status = agt_tool_call_sleep(call, 10);
    return AGT_OK;
}

static void resumed(agt_tool_call *call, void *user_data)
{
    probe *seen = user_data;
    seen->resumed++;
    seen->was_cancelled = agt_tool_call_is_cancelled(call);
    if (seen->resumed < 3 && !seen->was_cancelled) { /* it may be asked for again */
        assert_int_equal(agt_tool_call_resume_after(call, 10, resumed), AGT_OK);
        return;
    }
    agt_tool_complete(call, AGT_OK, NULL);
}

static agt_status run_async(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    probe *seen = user_data;
    (void)ret_output;
    look(call, seen);
    seen->sleep_status = agt_tool_call_sleep(call, 10);
    assert_int_equal(agt_tool_call_resume_after(call, 10, NULL), AGT_E_INVALID);
    seen->resume_status = agt_tool_call_resume_after(call, 10, resumed);
    return AGT_OK;
}

static agt_results *run(agt_test_engine *engine, probe *seen, agt_tool_fn fn,
                        const agt_call_options *options)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = (int32_t)seen->mode,
                                        .effect = AGT_EFFECT_PURE, .user_data = seen);
    assert_int_equal(agt_executor_register_tool(engine->executor, "probe", fn, &config, NULL),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(engine, NULL);
    (void)agt_test_add(graph, "probe", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, options);
    agt_graph_unref(graph);
    return results;
}

static void every_mode_sees_its_call(void **state)
{
    (void)state;
    static const struct {
        agt_tool_mode mode;
        bool simulated;
        agt_status sleep_status;
    } cases[] = {
        {AGT_TOOL_INLINE, true, AGT_E_INVALID}, {AGT_TOOL_INLINE, false, AGT_E_INVALID},
        {AGT_TOOL_BLOCKING, true, AGT_OK},      {AGT_TOOL_BLOCKING, false, AGT_OK},
        {AGT_TOOL_ASYNC, true, AGT_E_INVALID},  {AGT_TOOL_ASYNC, false, AGT_E_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_engine engine;
        probe seen = {.mode = cases[i].mode};
        bool is_async = cases[i].mode == AGT_TOOL_ASYNC;
        assert_int_equal(agt_test_engine_init(&engine, NULL, cases[i].simulated, NULL), AGT_OK);
        const agt_call_options options =
            AGT_CONFIG(agt_call_options, .agent = "a", .conversation = "c", .correlation_id = "d");
        agt_results *results = run(&engine, &seen, is_async ? run_async : run_sync, &options);
        agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
        assert_int_equal(seen.sleep_status, cases[i].sleep_status);
        assert_int_equal(seen.key_status, AGT_OK);
        expect_context(&seen, "{\"tool\": \"probe\", \"agent\": \"a\", \"conversation\": \"c\", "
                              "\"correlation_id\": \"d\"}");
        assert_int_equal(strlen(seen.key), 64);
        assert_true(agt_span_context_is_valid(&seen.span));
        assert_true(seen.remaining_ms > 20000 && seen.remaining_ms <= 30000);
        if (is_async) {
            assert_int_equal(seen.resume_status, AGT_OK);
            assert_int_equal(seen.resumed, 3);
        } else {
            assert_int_equal(seen.resume_status, AGT_E_INVALID);
        }
        agt_results_unref(results);
        agt_test_engine_deinit(&engine);
    }
}

static void remaining_time_is_the_nearer_limit(void **state)
{
    (void)state;
    static const uint32_t cases[][3] = {{700, 0, 700},
                                        {700, 300, 300},
                                        {AGT_MS_NONE, 300, 300},
                                        {AGT_MS_NONE, 0, AGT_MS_NONE},
                                        {0, 0, 30000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_engine engine;
        probe seen = {.mode = i % 2 == 0 ? AGT_TOOL_INLINE : AGT_TOOL_BLOCKING};
        assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
        agt_call_options options =
            AGT_CONFIG(agt_call_options, .timeout_ms = cases[i][0], .deadline_ms = cases[i][1]);
        agt_results_unref(run(&engine, &seen, run_sync, &options));
        assert_int_equal(seen.remaining_ms, cases[i][2]);
        expect_context(&seen, "{\"tool\": \"probe\"}");
        agt_test_engine_deinit(&engine);
    }
}

/* A tool that only waits for its own time, and does not listen to cancelling, is resumed early. */
static void who_waits_is_resumed_when_cancelled(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        agt_test_engine engine;
        probe seen = {.mode = AGT_TOOL_ASYNC};
        assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
        agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = way == 0 ? 15 : 0,
                                              .deadline_ms = way == 1 ? 15 : 0);
        uint64_t start = agt_test_now_ns(&engine);
        agt_results *results = run(&engine, &seen, run_async, &options);
        expect_context(&seen, "{\"tool\": \"probe\"}");
        agt_test_expect(results, 0, AGT_OUTCOME_TIMEOUT, NULL);
        assert_int_equal(agt_test_now_ns(&engine) - start, 15 * MS);
        assert_int_equal(seen.resumed, 2);
        assert_true(seen.was_cancelled);
        agt_results_unref(results);
        agt_test_engine_deinit(&engine);
    }
}

static agt_status complain(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    agt_tool_call_set_error(call, "first");
    agt_tool_call_set_error(call, "line %d:\n\x1B[31m%s \xFF", 7, "bad");
    return AGT_E_LIMIT;
}

static void errors_keep_what_the_tool_said(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    probe seen = {.mode = AGT_TOOL_BLOCKING};
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_results *results = run(&engine, &seen, complain, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "line 7:  [31mbad ?");
    assert_int_equal(agt_results_get_error(results, 0, &err), AGT_E_TOOL);
    assert_int_equal(err.status, AGT_E_LIMIT);
    assert_string_equal(err.origin, "tool/probe");
    agt_results_unref(results);
    agt_test_engine_deinit(&engine);
}

/* A status that is the status of an outcome is that outcome. */
static agt_status answer_status(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    int64_t status = 0;
    (void)!agt_value_get_int64(agt_value_get_member(agt_tool_call_get_input(call), "status"),
                               &status);
    return (agt_status)status;
}

static void statuses_become_outcomes(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE);
    assert_int_equal(
        agt_executor_register_tool(engine.executor, "answer", answer_status, &config, NULL),
        AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    static const int32_t statuses[] = {AGT_OK,          AGT_E_TOOL,         AGT_E_NOMEM,
                                       AGT_E_REJECTED,  AGT_E_RATE_LIMITED, AGT_E_UNKNOWN,
                                       AGT_E_CANCELLED, AGT_E_DENIED,       12345};
    static const agt_outcome outcomes[] = {
        AGT_OUTCOME_OK,        AGT_OUTCOME_ERROR,        AGT_OUTCOME_ERROR,
        AGT_OUTCOME_REJECTED,  AGT_OUTCOME_RATE_LIMITED, AGT_OUTCOME_UNKNOWN,
        AGT_OUTCOME_CANCELLED, AGT_OUTCOME_DENIED,       AGT_OUTCOME_ERROR};
    for (size_t i = 0; i < 9; i++) {
        char input[48];
        (void)snprintf(input, sizeof(input), "{\"status\": %d}", (int)statuses[i]);
        (void)agt_test_add(graph, "answer", input, NULL);
    }
    agt_results *results = agt_test_run_graph(graph, NULL);
    for (size_t i = 0; i < 9; i++) {
        agt_test_expect(results, i, outcomes[i], i == 0 ? NULL : "\"answer\" failed");
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_sees_its_call),
        cmocka_unit_test(remaining_time_is_the_nearer_limit),
        cmocka_unit_test(who_waits_is_resumed_when_cancelled),
        cmocka_unit_test(errors_keep_what_the_tool_said),
        cmocka_unit_test(statuses_become_outcomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
