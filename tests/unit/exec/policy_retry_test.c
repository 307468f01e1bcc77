/* Retries and fallbacks on virtual time: when another attempt is made, and when it had better not.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "exec/executor.h"
#include "exec/graph.h"
#include "support/exec.h"
#include "support/torture.h"

#include <string.h>

#define MS UINT64_C(1000000)

/* What the tool does: fail so often, in this way, then answer. */
typedef struct flaky {
    uint32_t fails;
    agt_status status;
    uint32_t flags, retry_after_ms;
    uint32_t takes_ms;
    uint32_t started;
} flaky;

static void end_flaky(agt_tool_call *call, void *user_data)
{
    flaky *self = user_data;
    agt_value *output = NULL;
    if (self->started <= self->fails) {
        agt_error err = {.status = self->status,
                         .flags = self->flags,
                         .retry_after_ms = self->retry_after_ms,
                         .message = "no luck"};
        agt__tool_call_take_error(call, &err);
        agt_tool_complete(call, self->status, NULL);
        return;
    }
    agt_status status =
        agt_value_new_int64(agt_tool_call_get_allocator(call), (int64_t)self->started, &output);
    agt_tool_complete(call, status, output);
    agt_value_unref(output);
}

static agt_status run_flaky(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    flaky *self = user_data;
    (void)ret_output;
    self->started++;
    if (self->takes_ms > 0) {
        return agt_tool_call_resume_after(call, self->takes_ms, end_flaky);
    }
    end_flaky(call, self);
    return AGT_OK;
}

static agt_status add_flaky(agt_test_engine *engine, const char *name, flaky *self,
                            agt_effect effect, const agt_retry *retry)
{
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_ASYNC, .effect = (int32_t)effect,
                   .timeout_ms = 1000, .retry = retry, .user_data = self);
    return agt_executor_register_tool(engine->executor, name, run_flaky, &config, NULL);
}

typedef struct retry_case {
    const char *name;
    flaky tool;
    agt_effect effect;
    agt_retry retry;
    uint32_t deadline_ms;
    agt_outcome outcome;
    uint32_t attempts;
    uint64_t wall_ms;
} retry_case;

/* No jitter: the times are exact. */
#define RETRY(...)                                                                                 \
    {                                                                                              \
        .struct_size = sizeof(agt_retry), .jitter_percent = AGT_MS_NONE, __VA_ARGS__               \
    }
#define AGAIN AGT_ERROR_RETRYABLE

static const retry_case cases[] = {
    {"the waits double",
     {3, AGT_E_NETWORK, AGAIN, 0, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.attempts_max = 4, .delay_ms = 100),
     0,
     AGT_OUTCOME_OK,
     4,
     700},
    {"up to a limit",
     {5, AGT_E_NETWORK, AGAIN, 0, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.attempts_max = 6, .delay_ms = 100, .delay_max_ms = 150),
     0,
     AGT_OUTCOME_OK,
     6,
     700},
    {"three attempts, half a second, is the default",
     {9, AGT_E_HTTP, AGAIN, 0, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.delay_ms = 0),
     0,
     AGT_OUTCOME_ERROR,
     3,
     1500},
    {"a server's wish counts",
     {1, AGT_E_RATE_LIMITED, AGAIN, 1234, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_OK,
     2,
     1234},
    {"unless it is for too long",
     {1, AGT_E_RATE_LIMITED, AGAIN, 60001, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_RATE_LIMITED,
     1,
     0},
    {"what is not flagged has failed",
     {1, AGT_E_HTTP, 0, 0, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_ERROR,
     1,
     0},
    {"somebody who is busy is asked again",
     {1, AGT_E_BUSY, 0, 0, 0, 0},
     AGT_EFFECT_IDEMPOTENT,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_OK,
     2,
     10},
    {"an attempt that takes too long is one of several",
     {0, AGT_OK, 0, 0, 1500, 0},
     AGT_EFFECT_PURE,
     RETRY(.attempts_max = 2, .delay_ms = 10),
     0,
     AGT_OUTCOME_TIMEOUT,
     2,
     2010},
    {"a wait that ends after the deadline is not begun",
     {3, AGT_E_NETWORK, AGAIN, 0, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.attempts_max = 9, .delay_ms = 100),
     650,
     AGT_OUTCOME_ERROR,
     3,
     300},
    {"an effect is not repeated",
     {1, AGT_E_NETWORK, AGAIN, 0, 0, 0},
     AGT_EFFECT_EFFECT,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_ERROR,
     1,
     0},
    {"unless nothing has left",
     {1, AGT_E_NETWORK, AGAIN | AGT_ERROR_UNSENT, 0, 0, 0},
     AGT_EFFECT_EFFECT,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_OK,
     2,
     10},
    {"or the server did not let it in",
     {1, AGT_E_RATE_LIMITED, AGAIN, 0, 0, 0},
     AGT_EFFECT_EFFECT,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_OK,
     2,
     10},
    {"an effect that timed out is unknown",
     {0, AGT_OK, 0, 0, 1500, 0},
     AGT_EFFECT_EFFECT,
     RETRY(.delay_ms = 10),
     0,
     AGT_OUTCOME_UNKNOWN,
     1,
     1000},
    {"one attempt is one attempt",
     {1, AGT_E_NETWORK, AGAIN, 0, 0, 0},
     AGT_EFFECT_PURE,
     RETRY(.attempts_max = 1),
     0,
     AGT_OUTCOME_ERROR,
     1,
     0},
};

static void retries_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const retry_case *wanted = &cases[i];
        agt_test_engine engine;
        flaky tool = wanted->tool;
        print_message("%s\n", wanted->name);
        assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
        assert_int_equal(add_flaky(&engine, "flaky", &tool, wanted->effect, &wanted->retry),
                         AGT_OK);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id call = agt_test_add(graph, "flaky", "{}", NULL);
        agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = wanted->deadline_ms);
        for (int run = 0; run < 2; run++) { /* the second run of the graph is like the first */
            tool.started = 0;
            uint64_t start = agt_test_now_ns(&engine);
            agt_results *results = agt_test_run_graph(graph, &options);
            assert_int_equal(agt_results_get_outcome(results, call), wanted->outcome);
            assert_int_equal(tool.started, wanted->attempts);
            assert_int_equal(agt_test_now_ns(&engine) - start, wanted->wall_ms * MS);
            agt_call_times times = AGT_CONFIG(agt_call_times, 0);
            agt_results_get_times(results, call, &times);
            assert_int_equal(times.attempts, wanted->attempts);
            agt_results_unref(results);
        }
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

static void waits_are_random_within_their_share(void **state)
{
    (void)state;
    static const struct {
        uint32_t percent;
        uint64_t least_ms;
    } shares[] = {{0, 0}, {25, 750}, {100, 0}};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        agt_test_engine engine;
        flaky tool = {1, AGT_E_NETWORK, AGAIN, 0, 0, 0};
        agt_retry retry =
            AGT_CONFIG(agt_retry, .delay_ms = 1000, .jitter_percent = shares[i].percent);
        uint64_t least = UINT64_MAX, most = 0;
        assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
        assert_int_equal(add_flaky(&engine, "flaky", &tool, AGT_EFFECT_PURE, &retry), AGT_OK);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "flaky", "{}", NULL);
        for (int run = 0; run < 200; run++) {
            tool.started = 0;
            uint64_t start = agt_test_now_ns(&engine);
            agt_results_unref(agt_test_run_graph(graph, NULL));
            uint64_t wait = agt_test_now_ns(&engine) - start;
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        uint64_t width = (1000 - shares[i].least_ms) * MS;
        assert_true(least >= shares[i].least_ms * MS && most <= 1000 * MS);
        assert_true(least < shares[i].least_ms * MS + width / 10); /* and all of it is used */
        assert_true(most > 1000 * MS - width / 10);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    flaky tool = {0, AGT_OK, 0, 0, 0, 0};
    agt_error err;
    agt_retry retry = AGT_CONFIG(agt_retry, .jitter_percent = 101);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .retry = &retry, .user_data = &tool);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(agt_executor_register_tool(engine.executor, "flaky", run_flaky, &config, &err),
                     AGT_E_INVALID);
    assert_non_null(strstr(err.message, "jitter_percent is 101"));
    agt_test_engine_deinit(&engine);
}

/* ---- fallbacks ------------------------------------------------------------------------------- */

/* Have @name fall back on @other. What a public interface will do. */
static void set_fallback(agt_test_engine *engine, const char *name, const char *other)
{
    agt_tool *tool = agt_executor_get_tool(engine->executor, name);
    if (tool->operation.recovery == NULL) {
        assert_int_equal(agt__recovery_init(&tool->recovery, NULL, NULL), AGT_OK);
        tool->operation.recovery = &tool->recovery;
    }
    agt_tool *next = agt_executor_get_tool(engine->executor, other);
    tool->recovery.fallback = agt__operation_ref(&next->operation);
}

static void a_chain_of_fallbacks_has_attempts_each(void **state)
{
    (void)state;
    agt_test_engine engine;
    flaky first = {9, AGT_E_NETWORK, AGAIN, 0, 0, 0}, second = {9, AGT_E_HTTP, 0, 0, 0, 0};
    flaky third = {1, AGT_E_NETWORK, AGAIN, 0, 0, 0};
    const agt_retry retry = RETRY(.attempts_max = 2, .delay_ms = 100);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(add_flaky(&engine, "first", &first, AGT_EFFECT_PURE, &retry), AGT_OK);
    assert_int_equal(add_flaky(&engine, "second", &second, AGT_EFFECT_PURE, NULL), AGT_OK);
    assert_int_equal(add_flaky(&engine, "third", &third, AGT_EFFECT_PURE, &retry), AGT_OK);
    set_fallback(&engine, "first", "second");
    set_fallback(&engine, "second", "third");
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id call = agt_test_add(graph, "first", "{}", NULL);
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect_output(results, call, "2");
    assert_true((agt_results_get_flags(results, call) & AGT_CALL_FROM_FALLBACK) != 0);
    assert_int_equal(first.started, 2);
    assert_int_equal(second.started, 1);
    assert_int_equal(third.started, 2);
    assert_int_equal(agt_test_now_ns(&engine) - start, 200 * MS);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void what_may_have_happened_falls_back_on_nothing(void **state)
{
    (void)state;
    agt_test_engine engine;
    flaky first = {9, AGT_E_NETWORK, AGAIN, 0, 0, 0}, second = {0, AGT_OK, 0, 0, 0, 0};
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(add_flaky(&engine, "first", &first, AGT_EFFECT_EFFECT, NULL), AGT_OK);
    assert_int_equal(add_flaky(&engine, "second", &second, AGT_EFFECT_PURE, NULL), AGT_OK);
    set_fallback(&engine, "first", "second");
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id call = agt_test_add(graph, "first", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, call, AGT_OUTCOME_ERROR, "no luck");
    assert_int_equal(second.started, 0);
    agt_results_unref(results);
    first.flags |= AGT_ERROR_UNSENT;
    results = agt_test_run_graph(graph, NULL);
    agt_test_expect_output(results, call, "1");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- without memory -------------------------------------------------------------------------- */

static void run_without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    flaky first = {2, AGT_E_NETWORK, AGAIN, 0, 5, 0}, second = {0, AGT_OK, 0, 0, 0, 0};
    const agt_retry retry = RETRY(.attempts_max = 2, .delay_ms = 100);
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_status status = add_flaky(&engine, "first", &first, AGT_EFFECT_PURE, &retry);
    if (status == AGT_OK) {
        status = add_flaky(&engine, "second", &second, AGT_EFFECT_PURE, NULL);
    }
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_call_id call = 0;
    if (status == AGT_OK) {
        set_fallback(&engine, "first", "second");
        status = agt_graph_new(engine.executor, NULL, &graph, NULL);
    }
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "first", "{}", &call);
    }
    if (status == AGT_OK) {
        status = agt_graph_run(graph, NULL, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    if (status == AGT_OK) {
        assert_int_not_equal(agt_results_get_outcome(results, call), AGT_OUTCOME_NONE);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void retries_survive_torture(void **state)
{
    (void)state;
    agt_test_torture(run_without_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_as_the_table_says),
        cmocka_unit_test(waits_are_random_within_their_share),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(a_chain_of_fallbacks_has_attempts_each),
        cmocka_unit_test(what_may_have_happened_falls_back_on_nothing),
        cmocka_unit_test(retries_survive_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
