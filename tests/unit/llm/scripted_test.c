/* The scripted model as a call: on virtual time, in pieces, cancelled, out of memory. */
#include "llm/model.h"

#include "base/value.h"
#include "exec/graph.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <string.h>

static agt_test_engine engine;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agt_test_engine_deinit(&engine);
    return 0;
}

static agt_results *ask_heard(agt_model *model, const char *request_text,
                              const agt_call_options *options, const agt__listener *listener)
{
    agt_value *request = agt_test_value(NULL, request_text);
    agt_task *task = NULL;
    agt_results *results = NULL;
    assert_int_equal(agt__operation_start_heard(engine.runtime, NULL,
                                                agt__model_get_operation(model), request, options,
                                                listener, &task, NULL),
                     AGT_OK);
    agt_value_unref(request);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    agt_task_unref(task);
    return results;
}

static agt_results *ask(agt_model *model, const char *request, const agt_call_options *options)
{
    return ask_heard(model, request, options, NULL);
}

static void answers_when_its_time_has_come(void **state)
{
    (void)state;
    agt_model *model =
        agt_test_script(engine.runtime, "{\"step\": 1, \"text\": \"x\", \"delay_ms\": 1500},"
                                        "{\"step\": 2, \"text\": \"y\"},"
                                        "{\"step\": 3, \"delay_ms\": 20, \"error\": {"
                                        "\"status\": \"rate_limited\", \"message\": \"m\"}}");
    assert_string_equal(agt_model_get_name(model), "scripted");
    assert_string_equal(agt_model_get_provider(model), "scripted");
    assert_true(agt_model_is_simulated(model));
    static const struct {
        const char *request;
        uint64_t ms;
        agt_outcome outcome;
    } cases[] = {{"{\"step\": 1}", 1500, AGT_OUTCOME_OK},
                 {"{\"step\": 2}", 0, AGT_OUTCOME_OK},
                 {"{\"step\": 3}", 20, AGT_OUTCOME_RATE_LIMITED},
                 {"{\"step\": 4}", 0, AGT_OUTCOME_ERROR}};
    for (size_t i = 0; i < 4; i++) {
        uint64_t start = agt_test_now_ns(&engine);
        agt_results *results = ask(model, cases[i].request, NULL);
        assert_int_equal(agt_results_get_outcome(results, 0), cases[i].outcome);
        assert_int_equal(agt_test_now_ns(&engine) - start, cases[i].ms * 1000000);
        agt_results_unref(results);
    }
    agt_model_unref(model);
}

static void a_script_without_delays_answers_inline(void **state)
{
    (void)state;
    agt_model *quick = agt_test_script(engine.runtime, "{\"text\": \"x\"}");
    agt_model *slow = agt_test_script(engine.runtime, "{\"text\": \"x\", \"stream\": 3}");
    assert_int_equal(agt__model_get_operation(quick)->mode, AGT_TOOL_INLINE);
    assert_int_equal(agt__model_get_operation(slow)->mode, AGT_TOOL_ASYNC);
    agt_model_unref(quick);
    agt_model_unref(slow);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

typedef struct heard {
    char text[256]; /* pieces, each with the time before it: "10:abc|20:def|" */
    uint64_t start_ns;
    uint32_t hold_ms; /* hold the run that long behind each piece; 0 = not */
    agt_graph *graph; /* that is held */
    unsigned started, settled;
} heard;

static void let_go_on(void *user_data)
{
    heard *self = user_data;
    if (self->settled == 0) {
        agt__graph_hold(self->graph, false);
    }
}

static void hear(agt_tool_call *attempt, agt_call_id call, agt__told told, const void *what,
                 void *user_data)
{
    heard *self = user_data;
    const agt__answer_event *event = what;
    assert_int_equal(call, 0);
    assert_int_equal(self->settled, 0);
    if (told == AGT__TOLD_STARTED) {
        assert_null(what);
        self->started++;
        return;
    }
    assert_int_equal(told, AGT__TOLD_ANSWER);
    assert_int_equal(event->kind, AGT__ANSWER_EVENT_TEXT);
    size_t used = strlen(self->text);
    snprintf(self->text + used, sizeof(self->text) - used, "%llu:%.*s|",
             (unsigned long long)((agt_test_now_ns(&engine) - self->start_ns) / 1000000),
             (int)event->length, event->text);
    if (self->hold_ms != 0) {
        self->graph = attempt->graph;
        agt__graph_hold(self->graph, true);
        assert_int_equal(agt_runtime_run_after(engine.runtime, self->hold_ms, let_go_on, self),
                         AGT_OK);
    }
}

static void note_settled(agt_graph *graph, agt_call_id call, void *user_data)
{
    heard *self = user_data;
    (void)graph;
    assert_int_equal(call, 0);
    self->settled++;
}

static agt__listener listener_of(heard *self)
{
    return (agt__listener){.on_settled = note_settled, .on_told = hear, .user_data = self};
}

static void text_arrives_in_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *pieces;
    } cases[] = {
        {"{\"text\": \"abcdefghij\", \"stream\": 4, \"delay_ms\": 100}", "40:abcd|80:efgh|100:ij|"},
        {"{\"text\": \"abcdefgh\", \"stream\": 4, \"delay_ms\": 100}", "50:abcd|100:efgh|"},
        {"{\"text\": \"abc\", \"stream\": 100}", "0:abc|"},
        {"{\"text\": \"a\\u00e9\\u20ac\\ud83d\\ude00z\", \"stream\": 2}",
         "0:a\xC3\xA9|0:\xE2\x82\xAC|0:\xF0\x9F\x98\x80|0:z|"},
        {"{\"tool_calls\": [{\"name\": \"t\"}], \"stream\": 2, \"delay_ms\": 10}", ""},
        {"{\"text\": \"\", \"stream\": 2, \"delay_ms\": 10}", ""},
        {"{\"text\": \"abc\", \"delay_ms\": 10}", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        heard own = {.start_ns = agt_test_now_ns(&engine)};
        agt_model *model = agt_test_script(engine.runtime, cases[i].rule);
        const agt__listener listener = listener_of(&own);
        agt_results *results = ask_heard(model, "{}", NULL, &listener);
        assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_OK);
        assert_string_equal(own.text, cases[i].pieces);
        assert_int_equal(own.started, 1);
        assert_int_equal(own.settled, 1);
        agt_results_unref(results);
        agt_model_unref(model);
    }
}

/* Held behind each piece: nothing is told meanwhile, and what became late follows at once. */
static void tells_nothing_while_it_is_held(void **state)
{
    (void)state;
    static const struct {
        uint32_t hold_ms;
        const char *pieces;
    } cases[] = {{10, "40:abcd|80:efgh|100:ij|"},
                 {50, "40:abcd|90:efgh|140:ij|"},
                 {1000, "40:abcd|1040:efgh|2040:ij|"}};
    static heard all[3]; /* the last word to go on comes when the call is over */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        heard *own = &all[i];
        own->start_ns = agt_test_now_ns(&engine);
        own->hold_ms = cases[i].hold_ms;
        agt_model *model = agt_test_script(
            engine.runtime, "{\"text\": \"abcdefghij\", \"stream\": 4, \"delay_ms\": 100}");
        const agt__listener listener = listener_of(own);
        agt_results *results = ask_heard(model, "{}", NULL, &listener);
        assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_OK);
        assert_string_equal(own->text, cases[i].pieces);
        agt_results_unref(results);
        agt_model_unref(model);
    }
}

static void nobody_listens(void **state)
{
    (void)state;
    agt_model *model = agt_test_script(
        engine.runtime, "{\"text\": \"abcdefghij\", \"stream\": 4, \"delay_ms\": 100}");
    uint64_t start = agt_test_now_ns(&engine);
    agt_results *results = ask(model, "{}", NULL);
    assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_OK);
    assert_int_equal(agt_test_now_ns(&engine) - start, 100 * UINT64_C(1000000));
    agt_results_unref(results);
    agt_model_unref(model);
}

static void is_cancelled_while_it_waits(void **state)
{
    (void)state;
    agt_model *model = agt_test_script(
        engine.runtime, "{\"text\": \"abcdefghij\", \"stream\": 4, \"delay_ms\": 100}");
    heard own = {.start_ns = agt_test_now_ns(&engine)};
    const agt__listener listener = listener_of(&own);
    agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = 60);
    agt_results *results = ask_heard(model, "{}", &options, &listener);
    assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_TIMEOUT);
    assert_string_equal(own.text, "40:abcd|");
    assert_int_equal(agt_test_now_ns(&engine) - own.start_ns, 60 * UINT64_C(1000000));
    agt_results_unref(results);
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(engine.runtime), &costs);
    assert_int_equal(costs.simulated_calls, 1); /* what it would have cost is unknown */
    assert_int_equal(costs.simulated_tokens, 0);
    agt_model_unref(model);
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine own;
    if (agt_test_engine_init(&own, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_test_engine outer = engine;
    engine = own;
    heard own_heard = {.start_ns = 0};
    const agt__listener listener = listener_of(&own_heard);
    agt_model *model = agt_test_script(
        own.runtime, "{\"text\": \"abcdefghij\", \"stream\": 4, \"delay_ms\": 100}");
    agt_value *request = agt_test_json(allocator, "{\"messages\": []}");
    agt_task *task = NULL;
    if (model != NULL && request != NULL) {
        agt_status status =
            agt__operation_start_heard(own.runtime, NULL, agt__model_get_operation(model), request,
                                       NULL, &listener, &task, NULL);
        if (status == AGT_OK) {
            assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
        } else {
            assert_int_equal(status, AGT_E_NOMEM);
        }
    }
    agt_task_unref(task);
    agt_value_unref(request);
    agt_model_unref(model);
    agt_test_engine_deinit(&own);
    engine = outer;
}

static void survives_no_memory(void **state)
{
    (void)state;
    agt_test_torture(torture, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_when_its_time_has_come, setup, teardown),
        cmocka_unit_test_setup_teardown(a_script_without_delays_answers_inline, setup, teardown),
        cmocka_unit_test_setup_teardown(text_arrives_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_nothing_while_it_is_held, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(is_cancelled_while_it_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
