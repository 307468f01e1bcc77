/*
 * Options: copied with their texts, inherited from the start by calls that leave something open,
 * anew at every start.
 */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/torture.h"

#include <string.h>

#define MS UINT64_C(1000000)

/* What the last call of the tool "look" ran under. */
typedef struct seen {
    agt_call_options options;
    char conversation[32], correlation_id[32], agent[32];
    uint32_t remaining_ms;
    agt_span_context span;
} seen;

static void copy(char target[32], const char *text)
{
    memset(target, 0, 32);
    if (text != NULL) {
        memcpy(target, text, strlen(text));
    }
}

static agt_status look(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    seen *what = user_data;
    what->options = *agt__tool_call_get_options(call);
    copy(what->conversation, what->options.conversation);
    copy(what->correlation_id, what->options.correlation_id);
    copy(what->agent, what->options.agent);
    what->remaining_ms = agt_tool_call_get_remaining_ms(call);
    what->span = agt_tool_call_get_span(call);
    return AGT_OK;
}

static void setup(agt_test_engine *engine, seen *what)
{
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .user_data = what);
    memset(what, 0, sizeof(*what));
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(agt_executor_register_tool(engine->executor, "look", look, &config, NULL),
                     AGT_OK);
}

static void calls_take_what_they_leave_open_from_the_start(void **state)
{
    (void)state;
    agt_test_engine engine;
    seen what;
    setup(&engine, &what);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options own =
        AGT_CONFIG(agt_call_options, .priority = 3, .agent = "scout", .timeout_ms = 700);
    (void)agt_test_add(graph, "look", "{}", &own);
    char conversation[] = "talk";
    agt_call_options start =
        AGT_CONFIG(agt_call_options, .priority = 5, .timeout_ms = 900, .conversation = conversation,
                   .correlation_id = "c-1", .agent = "boss");
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, &start, &task, NULL), AGT_OK);
    memset(conversation, 'x', 4); /* texts are copied */
    agt_results_unref(agt_test_finish(task));
    assert_int_equal(what.options.priority, 3);
    assert_string_equal(what.agent, "scout");
    assert_int_equal(what.remaining_ms, 700);
    assert_string_equal(what.conversation, "talk");
    assert_string_equal(what.correlation_id, "c-1");
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* What one start gave is forgotten at the next. */
static void every_start_is_a_new_beginning(void **state)
{
    (void)state;
    agt_test_engine engine;
    seen what;
    agt_budget *budget;
    setup(&engine, &what);
    agt_budget_config limits = AGT_CONFIG(agt_budget_config, .name = "once", .calls_max = 1);
    assert_int_equal(agt_budget_new(NULL, &limits, &budget, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options own = AGT_CONFIG(agt_call_options, .priority = 1);
    (void)agt_test_add(graph, "look", "{}", &own);
    agt_call_options first = AGT_CONFIG(agt_call_options, .conversation = "one", .budget = budget,
                                        .deadline_ms = 50, .timeout_ms = 40);
    agt_results_unref(agt_test_run_graph(graph, &first));
    assert_string_equal(what.conversation, "one");
    assert_ptr_equal(what.options.budget, budget);
    assert_int_equal(what.remaining_ms, 40);
    agt_call_options second = AGT_CONFIG(agt_call_options, .correlation_id = "two");
    agt_results *results = agt_test_run_graph(graph, &second);
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    agt_results_unref(results);
    assert_string_equal(what.conversation, "");
    assert_string_equal(what.correlation_id, "two");
    assert_null(what.options.budget);
    assert_int_equal(what.remaining_ms, 30000);
    agt_graph_unref(graph);
    agt_budget_unref(budget);
    agt_test_engine_deinit(&engine);
}

/* The time to a call's own deadline begins with the run, not when the call was added. */
static void deadlines_count_from_the_start(void **state)
{
    (void)state;
    agt_test_engine engine;
    seen what;
    setup(&engine, &what);
    agt_graph *wait = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(wait, "async", "{\"ms\": 100}", NULL);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options own = AGT_CONFIG(agt_call_options, .deadline_ms = 50);
    (void)agt_test_add(graph, "look", "{}", &own);
    agt_call_id hangs = agt_test_add(graph, "async", "{\"hang\": true}", &own);
    agt_call_id late = agt_test_add(graph, "look", "{}", &own);
    agt_call_id slow = agt_test_add(graph, "async", "{\"ms\": 60}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, late, slow, NULL), AGT_OK);
    for (int i = 0; i < 2; i++) {
        agt_results_unref(agt_test_run_graph(wait, NULL));
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
        assert_int_equal(what.remaining_ms, 50);
        agt_test_expect(results, hangs, AGT_OUTCOME_TIMEOUT, "after 50 ms");
        agt_test_expect(results, late, AGT_OUTCOME_TIMEOUT, "the deadline of the call has passed");
        agt_results_unref(results);
    }
    agt_graph_unref(graph);
    agt_graph_unref(wait);
    agt_test_engine_deinit(&engine);
}

/* A deadline is only ever shortened by the one around it. */
static void the_nearer_deadline_counts(void **state)
{
    (void)state;
    static const uint32_t cases[][3] = {{50, 80, 50}, {80, 50, 50}, {0, 60, 60}, {70, 0, 70}};
    for (size_t i = 0; i < 4; i++) {
        agt_test_engine engine;
        seen what;
        setup(&engine, &what);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_options own = AGT_CONFIG(agt_call_options, .deadline_ms = cases[i][0]);
        agt_call_options start = AGT_CONFIG(agt_call_options, .deadline_ms = cases[i][1]);
        (void)agt_test_add(graph, "look", "{}", &own);
        agt_results_unref(agt_test_run_graph(graph, &start));
        assert_int_equal(what.remaining_ms, cases[i][2]);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* An effect that was stopped by a deadline may have happened. */
static void effects_stopped_by_a_deadline_are_unknown(void **state)
{
    (void)state;
    agt_test_engine engine;
    seen what;
    setup(&engine, &what);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"hang\": true}", NULL);
    agt_call_options start = AGT_CONFIG(agt_call_options, .deadline_ms = 50);
    agt_executor_get_tool(engine.executor, "async")->operation.effect = AGT_EFFECT_EFFECT;
    agt_results *results = agt_test_run_graph(graph, &start);
    agt_test_expect(results, 0, AGT_OUTCOME_UNKNOWN, "whether it had its effect is unknown");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void a_parent_can_be_named_for_one_call(void **state)
{
    (void)state;
    agt_test_engine engine;
    seen what;
    setup(&engine, &what);
    agt_span_context parent = {.trace_id = {1, 2}, .span_id = {3}};
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options own = AGT_CONFIG(agt_call_options, .parent = &parent);
    (void)agt_test_add(graph, "look", "{}", &own);
    parent.trace_id[0] = 9; /* copied */
    agt_results_unref(agt_test_run_graph(graph, NULL));
    assert_int_equal(what.span.trace_id[0], 1);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void keep_parent(void *user_data, const agt_span *span)
{
    if (strcmp(agt_span_get_name(span), "execute_tool nobody") == 0) {
        *(agt_span_context *)user_data = agt_span_get_parent(span);
        assert_string_equal(agt_span_get_text(span, "gen_ai.operation.name"), "execute_tool");
    }
}

/* A call that never ran has its span in the same place as if it had. */
static void a_refused_call_has_the_same_parent(void **state)
{
    (void)state;
    agt_test_engine engine;
    seen what;
    setup(&engine, &what);
    agt_span_context parent = {.trace_id = {1, 2}, .span_id = {3}}, found = {.trace_id = {0}};
    agt_span_listener listener =
        AGT_CONFIG(agt_span_listener, .user_data = &found, .on_start = keep_parent);
    assert_int_equal(agt_tracer_add_listener(agt_runtime_get_tracer(engine.runtime), &listener),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options own = AGT_CONFIG(agt_call_options, .parent = &parent);
    (void)agt_test_add(graph, "nobody", "{}", &own);
    agt_results_unref(agt_test_run_graph(graph, NULL));
    assert_memory_equal(found.span_id, parent.span_id, sizeof(found.span_id));
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void request(void *user_data)
{
    agt_cancel_request(user_data);
}

/* A token that is given with a call cancels that call, wherever it is, and nothing else. */
static void calls_can_be_cancelled_alone(void **state)
{
    (void)state;
    static const struct {
        const char *tool, *input;
        uint32_t after_ms;
        agt_outcome outcome;
        const char *says;
    } cases[] = {
        {"async", "{\"hang\": true}", 20, AGT_OUTCOME_CANCELLED, "cancelled while it ran"},
        {"blocking", "{\"hang\": true}", 20, AGT_OUTCOME_CANCELLED, "cancelled while it ran"},
        {"async", "{\"ms\": 10}", 20, AGT_OUTCOME_OK, NULL},
        {"async", "{\"ms\": 30}", 0, AGT_OUTCOME_CANCELLED, "the call was cancelled"},
        {"inline", "{}", 0, AGT_OUTCOME_CANCELLED, "the call was cancelled"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_engine engine;
        seen what;
        agt_cancel *cancel;
        setup(&engine, &what);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        for (int run = 0; run < 2; run++) {
            assert_int_equal(agt_cancel_new(engine.runtime, &cancel), AGT_OK);
            agt_call_options own = AGT_CONFIG(agt_call_options, .cancel = cancel);
            if (cases[i].after_ms == 0) {
                agt_cancel_request(cancel);
            } else {
                assert_int_equal(
                    agt_runtime_run_after(engine.runtime, cases[i].after_ms, request, cancel),
                    AGT_OK);
            }
            if (run == 0) { /* the second run begins with a token that was requested before */
                (void)agt_test_add(graph, cases[i].tool, cases[i].input, &own);
                (void)agt_test_add(graph, cases[i].tool, "{\"ms\": 50}", NULL);
                (void)agt_test_add(graph, "inline", "{}", NULL);
                assert_int_equal(agt_graph_add_dependency(graph, 2, 0, NULL), AGT_OK);
            }
            agt_results *results = agt_test_run_graph(graph, NULL);
            agt_outcome outcome = run == 0 ? cases[i].outcome : AGT_OUTCOME_CANCELLED;
            agt_test_expect(results, 0, outcome, run == 0 ? cases[i].says : "was cancelled");
            agt_test_expect(results, 1, AGT_OUTCOME_OK, NULL);
            agt_test_expect(
                results, 2,
                outcome == AGT_OUTCOME_OK ? AGT_OUTCOME_OK : AGT_OUTCOME_SKIPPED_DEPENDENCY, NULL);
            agt_results_unref(results);
            agt_cancel_unref(cancel);
        }
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* While it waits: for a dependency it is refused when that is done, for a slot at once. */
static void waiting_calls_can_be_cancelled_alone(void **state)
{
    (void)state;
    for (int slot = 0; slot < 2; slot++) {
        agt_test_engine engine;
        agt_cancel *cancel;
        agt_executor_config config =
            AGT_CONFIG(agt_executor_config, .parallel_max = slot != 0 ? 1 : 0);
        assert_int_equal(agt_test_engine_init(&engine, NULL, true, &config), AGT_OK);
        assert_int_equal(agt_cancel_new(engine.runtime, &cancel), AGT_OK);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_options own = AGT_CONFIG(agt_call_options, .cancel = cancel);
        agt_call_id first = agt_test_add(graph, "async", "{\"ms\": 50}", NULL);
        agt_call_id waits = agt_test_add(graph, "async", "{\"ms\": 50}", &own);
        agt_call_id last = agt_test_add(graph, "async", "{\"ms\": 50}", NULL);
        if (slot == 0) {
            assert_int_equal(agt_graph_add_dependency(graph, waits, first, NULL), AGT_OK);
        }
        assert_int_equal(agt_runtime_run_after(engine.runtime, 20, request, cancel), AGT_OK);
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect(results, first, AGT_OUTCOME_OK, NULL);
        agt_test_expect(results, waits, AGT_OUTCOME_CANCELLED, "not started");
        agt_test_expect(results, last, AGT_OUTCOME_OK, NULL);
        assert_int_equal(engine.started, 2);
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_cancel_unref(cancel);
        agt_test_engine_deinit(&engine);
    }
}

/* In a graph that grows, on real threads: tokens of many calls, requested while they run. */
static void calls_of_a_growing_graph_can_be_cancelled(void **state)
{
    (void)state;
    enum {
        CALLS = 40
    };
    agt_test_engine engine;
    agt_cancel *cancels[CALLS];
    agt_graph_config open = AGT_CONFIG(agt_graph_config, .open = true);
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, &open);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(agt_cancel_new(engine.runtime, &cancels[i]), AGT_OK);
        agt_call_options own = AGT_CONFIG(agt_call_options, .cancel = cancels[i]);
        agt_call_id call = agt_test_add(graph, i % 2 == 0 ? "blocking" : "async",
                                        i % 4 < 2 ? "{\"hang\": true}" : "{}", &own);
        assert_int_equal(agt_graph_release(graph, call), AGT_OK);
        if (i >= 10) {
            agt_cancel_request(cancels[i - 10]);
        }
    }
    for (int i = CALLS - 10; i < CALLS; i++) {
        agt_cancel_request(cancels[i]);
    }
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    agt_results *results = agt_test_finish(task);
    for (int i = 0; i < CALLS; i++) {
        agt_outcome outcome = agt_results_get_outcome(results, (size_t)i);
        assert_true(outcome == AGT_OUTCOME_CANCELLED || (i % 4 >= 2 && outcome == AGT_OUTCOME_OK));
        agt_cancel_unref(cancels[i]);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    seen what;
    agt_error err;
    agt_call_id call;
    agt_task *task;
    setup(&engine, &what);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options bad = {.struct_size = 0};
    struct {
        agt_call_options known;
        uint64_t unknown;
    } newer = {.known = {.struct_size = sizeof(newer)}, .unknown = 1};
    assert_int_equal(agt_graph_add_call(graph, "look", NULL, &bad, &call, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_call(graph, "look", NULL, &newer.known, &call, &err),
                     AGT_E_VERSION);
    assert_int_equal(agt_graph_start(graph, &bad, &task, &err), AGT_E_INVALID);
    agt_results *results = agt_test_run_graph(graph, NULL); /* and nothing was left behind */
    assert_int_equal(agt_results_get_count(results), 0);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void options_without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_span_context parent = {.trace_id = {1}, .span_id = {2}};
    agt_budget *budget = NULL;
    agt__options outer, inner;
    agt_budget_config limits = AGT_CONFIG(agt_budget_config, .name = "all", .calls_max = 1);
    const agt_clock *clock = agt_clock_get_system();
    if (agt_budget_new(allocator, &limits, &budget, NULL) != AGT_OK) {
        return;
    }
    agt_call_options given =
        AGT_CONFIG(agt_call_options, .parent = &parent, .budget = budget, .conversation = "talk",
                   .correlation_id = "c", .agent = "a");
    if (agt__options_init(&outer, allocator, &given, clock, NULL) == AGT_OK) {
        given.budget = NULL;
        given.agent = NULL;
        if (agt__options_init(&inner, allocator, &given, clock, NULL) == AGT_OK) {
            agt__options_inherit(&inner, &outer, clock);
            agt__options_inherit(&inner, &outer, clock);
            assert_string_equal(inner.given.agent, "a");
            agt__options_deinit(&inner, allocator);
        }
        agt__options_deinit(&outer, allocator);
    }
    agt_budget_unref(budget);
}

static void options_survive_torture(void **state)
{
    (void)state;
    agt_test_torture(options_without_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_take_what_they_leave_open_from_the_start),
        cmocka_unit_test(every_start_is_a_new_beginning),
        cmocka_unit_test(deadlines_count_from_the_start),
        cmocka_unit_test(the_nearer_deadline_counts),
        cmocka_unit_test(effects_stopped_by_a_deadline_are_unknown),
        cmocka_unit_test(a_parent_can_be_named_for_one_call),
        cmocka_unit_test(a_refused_call_has_the_same_parent),
        cmocka_unit_test(calls_can_be_cancelled_alone),
        cmocka_unit_test(waiting_calls_can_be_cancelled_alone),
        cmocka_unit_test(calls_of_a_growing_graph_can_be_cancelled),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(options_survive_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
