/*
 * The agent's loop on virtual time: answers, tools that overlap, failures that the model is told
 * of, every limit, cancelling, what is recorded.
 */
#include "support/test.h"

#include "base/value.h"
#include "support/agents.h"
#include "support/torture.h"

#include <string.h>

static agt_test_engine engine;
static agt_test_spans spans;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_test_spans_listen(&spans, engine.runtime);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agt_test_engine_deinit(&engine);
    return 0;
}

#define LIMITS(...)                                                                                \
    (&AGT_CONFIG(agt_agent_config,                                                                 \
                 .limits = {.struct_size = sizeof(agt_agent_limits), __VA_ARGS__}))

static const agt_costs *costs_of(const agt_reply *reply)
{
    static agt_costs costs;
    costs = AGT_CONFIG(agt_costs, .calls = 0);
    agt_reply_get_costs(reply, &costs);
    return &costs;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answers_at_once(void **state)
{
    (void)state;
    agt_reply *reply =
        agt_test_ask(&engine,
                     "{\"text\": \"You said {{input}}.\", \"usage\": {\"input_tokens\": 1000000,"
                     " \"output_tokens\": 2000000}}",
                     NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "You said go.");
    assert_string_equal(agt_reply_get_agent(reply), "tester");
    assert_null(agt_reply_get_value(reply));
    assert_int_equal(agt_reply_get_steps(reply), 1);
    assert_int_equal(agt_reply_get_tool_calls(reply), 0);
    assert_true(agt_reply_get_confidence(reply) == -1);
    const agt_costs *costs = costs_of(reply);
    assert_int_equal(costs->calls, 0);
    assert_int_equal(costs->total_nanousd, 0);
    assert_int_equal(costs->simulated_calls, 1);
    assert_int_equal(costs->simulated_tokens, 3000000);
    assert_int_equal(costs->simulated_nanousd, 5000000000);
    agt_reply_unref(reply);
}

static void records_the_tree_of_spans(void **state)
{
    (void)state;
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"usage\": {\"input_tokens\": 100, \"output_tokens\": 10}, \"tool_calls\": ["
        "  {\"name\": \"async\", \"arguments\": {\"ms\": 5}},"
        "  {\"name\": \"nobody\"}]},"
        "{\"text\": \"done\", \"usage\": {\"input_tokens\": 200, \"output_tokens\": 20}}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_int_equal(agt_reply_get_steps(reply), 2);
    assert_int_equal(agt_reply_get_tool_calls(reply), 2);
    const agt_test_span *agent =
        agt_test_spans_find(&spans, "invoke_agent tester", "invoke_workflow tester");
    agt_span_context context = agt_reply_get_span(reply);
    assert_memory_equal(context.span_id, agent->context.span_id, 8);
    assert_string_equal(agent->agent, "tester"); /* known from the start */
    assert_int_equal(agent->total_tokens, 330);
    assert_int_equal(agent->input_tokens, -1); /* totals have names of their own */
    assert_false(agent->is_error);
    agt_test_spans_find(&spans, "step 1", "invoke_agent tester");
    agt_test_spans_find(&spans, "step 2", "invoke_agent tester");
    assert_int_equal(agt_test_spans_find(&spans, "chat scripted", "step 1")->input_tokens, 100);
    assert_int_equal(agt_test_spans_find(&spans, "chat scripted", "step 2")->input_tokens, 200);
    assert_int_equal(agt_test_spans_find(&spans, "chat scripted", "step 2")->cost_nanousd, 240000);
    assert_string_equal(agt_test_spans_find(&spans, "execute_tool async", "step 1")->outcome, "ok");
    assert_string_equal(agt_test_spans_find(&spans, "execute_tool nobody", "step 1")->outcome,
                        "rejected");
    assert_int_equal(spans.count, 8);
    for (size_t i = 0; i < spans.count; i++) {
        assert_memory_equal(spans.items[i].context.trace_id, agent->context.trace_id, 16);
        assert_true(spans.items[i].end_ns != 0 || strcmp(spans.items[i].name, "step 1") != 0);
    }
    agt_reply_unref(reply);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static const char endless[] = "{\"text\": \"more\", \"tool_calls\": [{\"name\": \"inline\","
                              " \"arguments\": {\"echo\": \"{{=step}}\"}}],"
                              " \"usage\": {\"input_tokens\": 1000, \"output_tokens\": 500}}";

static void steps_are_limited(void **state)
{
    (void)state;
    agt_reply *reply = agt_test_ask(&engine, endless, LIMITS(.steps_max = 3), NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR,
                          "agent \"tester\" has no final answer after 3 steps");
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_E_LIMIT);
    assert_int_equal(agt_reply_get_steps(reply), 3);
    assert_int_equal(agt_reply_get_tool_calls(reply), 3);
    assert_string_equal(agt_reply_get_text(reply), "more");
    assert_int_equal(costs_of(reply)->simulated_calls, 3);
    agt_reply_unref(reply);

    reply = agt_test_ask(&engine, endless, NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, "after 50 steps");
    agt_reply_unref(reply);
    assert_true(agt_test_spans_find(&spans, "invoke_agent tester", NULL)->is_error);
    const agt_test_span *run = agt_test_spans_find(&spans, "invoke_workflow tester", NULL);
    assert_true(run->is_error);
    assert_string_equal(run->outcome, "error");
}

static void tokens_are_limited(void **state)
{
    (void)state;
    agt_reply *reply = agt_test_ask(&engine, endless, LIMITS(.tokens_max = 4000), NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_BUDGET_DENIED,
                          "may use 4000 tokens: it has used 4500");
    agt_reply_unref(reply);
}

static void money_is_limited(void **state)
{
    (void)state;
    /* A request costs 1,000 x $1 + 500 x $2 per million = 2,000,000 nano-dollars; reserved are up
     * to 4,096 x $2 for its output. */
    agt_reply *reply = agt_test_ask(&engine, endless, LIMITS(.cost_max_nanousd = 13000000), NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_BUDGET_DENIED, "agent \"tester\"");
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_E_BUDGET_DENIED);
    assert_int_equal(agt_reply_get_steps(reply), 4);
    assert_int_equal(costs_of(reply)->simulated_nanousd, 6000000);
    agt_reply_unref(reply);
}

static void money_of_the_caller_is_limited_too(void **state)
{
    (void)state;
    agt_budget *budget = NULL;
    agt_budget_config config =
        AGT_CONFIG(agt_budget_config, .name = "everything", .limit_nanousd = 11000000);
    assert_int_equal(agt_budget_new(NULL, &config, &budget, NULL), AGT_OK);
    agt_call_options options = AGT_CONFIG(agt_call_options, .budget = budget);
    agt_reply *reply =
        agt_test_ask(&engine, endless, LIMITS(.cost_max_nanousd = 1000000000), &options);
    agt_test_expect_reply(reply, AGT_OUTCOME_BUDGET_DENIED, "everything");
    agt_budget_amount spent, reserved;
    agt_budget_get_amounts(budget, &spent, &reserved);
    assert_int_equal(spent.nanousd, costs_of(reply)->simulated_nanousd);
    assert_int_equal(reserved.nanousd, 0);
    assert_int_equal(reserved.calls, 0);
    agt_reply_unref(reply);
    agt_budget_unref(budget);
}

static void time_is_limited(void **state)
{
    (void)state;
    uint64_t start = agt_test_now_ns(&engine);
    agt_reply *reply = agt_test_ask(&engine,
                                    "{\"text\": \"hm\", \"tool_calls\": [{\"name\": \"async\","
                                    " \"arguments\": {\"ms\": 300, \"n\": \"{{=step}}\"}}]}",
                                    LIMITS(.wall_ms = 1000), NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_TIMEOUT,
                          "agent \"tester\" did not finish within its 1000 ms");
    assert_int_equal(agt_test_now_ns(&engine) - start, 1000 * UINT64_C(1000000));
    assert_int_equal(agt_reply_get_steps(reply), 4);
    assert_string_equal(agt_reply_get_text(reply), "hm");
    assert_int_equal(atomic_load(&engine.cancelled), 1);
    agt_reply_unref(reply);
    /* In the middle of a request. */
    reply = agt_test_ask(&engine, "{\"text\": \"late\", \"delay_ms\": 5000}",
                         LIMITS(.wall_ms = 1000), NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_TIMEOUT, "within its 1000 ms");
    assert_int_equal(costs_of(reply)->simulated_calls, 1);
    agt_reply_unref(reply);
}

/* ---- being stopped --------------------------------------------------------------------------- */

static void request_cancel(void *user_data)
{
    agt_cancel_request(user_data);
}

static void cancelling_reaches_everything(void **state)
{
    (void)state;
    agt_cancel *cancel = NULL;
    assert_int_equal(agt_cancel_new(engine.runtime, &cancel), AGT_OK);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 200, request_cancel, cancel), AGT_OK);
    agt_call_options options = AGT_CONFIG(agt_call_options, .cancel = cancel);
    uint64_t start = agt_test_now_ns(&engine);
    agt_reply *reply =
        agt_test_ask(&engine,
                     "{\"step\": 1, \"text\": \"so far\", \"delay_ms\": 100, \"tool_calls\": ["
                     " {\"name\": \"async\", \"arguments\": {\"hang\": true}},"
                     " {\"name\": \"blocking\", \"arguments\": {\"ms\": 5000}}]},"
                     "{\"text\": \"never\"}",
                     NULL, &options);
    agt_test_expect_reply(reply, AGT_OUTCOME_CANCELLED, "cancelled");
    assert_int_equal(agt_test_now_ns(&engine) - start, 200 * UINT64_C(1000000));
    assert_string_equal(agt_reply_get_text(reply), "so far");
    assert_int_equal(agt_reply_get_steps(reply), 1);
    assert_int_equal(costs_of(reply)->simulated_calls, 1);
    agt_reply_unref(reply);
    agt_cancel_unref(cancel);
}

static void a_deadline_from_outside_ends_it(void **state)
{
    (void)state;
    agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 250);
    agt_reply *reply =
        agt_test_ask(&engine,
                     "{\"text\": \"x\", \"delay_ms\": 100, \"tool_calls\": [{\"name\": \"inline\","
                     " \"arguments\": {\"n\": \"{{=step}}\"}}]}",
                     NULL, &options);
    agt_test_expect_reply(reply, AGT_OUTCOME_TIMEOUT, "");
    assert_int_equal(agt_reply_get_steps(reply), 3);
    agt_reply_unref(reply);
}

static void a_cancelled_start_does_nothing(void **state)
{
    (void)state;
    agt_cancel *cancel = NULL;
    assert_int_equal(agt_cancel_new(engine.runtime, &cancel), AGT_OK);
    agt_cancel_request(cancel);
    agt_call_options options = AGT_CONFIG(agt_call_options, .cancel = cancel);
    agt_reply *reply = agt_test_ask(&engine, "{\"text\": \"x\"}", NULL, &options);
    agt_test_expect_reply(reply, AGT_OUTCOME_CANCELLED, "");
    assert_string_equal(agt_reply_get_text(reply), "");
    assert_int_equal(agt_reply_get_steps(reply), 0);
    agt_reply_unref(reply);
    agt_cancel_unref(cancel);
}

/* ---- models that fail ------------------------------------------------------------------------ */

static void errors_of_models_end_the_run(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        agt_outcome outcome;
        agt_status status;
        const char *message;
    } cases[] = {
        {"{\"error\": {\"status\": \"rate_limited\", \"message\": \"slow down\"}}",
         AGT_OUTCOME_RATE_LIMITED, AGT_E_RATE_LIMITED, "model \"scripted\": slow down"},
        {"{\"error\": {\"status\": \"error\", \"message\": \"broken\"}}", AGT_OUTCOME_ERROR,
         AGT_E_MODEL, "model \"scripted\": broken"},
        {"{\"agent\": \"other\", \"text\": \"\"}", AGT_OUTCOME_ERROR, AGT_E_MODEL,
         "no rule for agent \"tester\", step 1"},
        {"{\"text\": \"{{results.x}}\"}", AGT_OUTCOME_ERROR, AGT_E_MODEL, "results.x is not there"},
        {"{\"text\": \"half\", \"finish_reason\": \"length\"}", AGT_OUTCOME_ERROR, AGT_E_MODEL,
         "cut at its limit"},
        {"{\"text\": \"no\", \"finish_reason\": \"content_filter\"}", AGT_OUTCOME_DENIED,
         AGT_E_DENIED, "content_filter"},
        {"{\"text\": \"no\", \"finish_reason\": \"refusal\"}", AGT_OUTCOME_DENIED, AGT_E_DENIED,
         "declined to answer: refusal"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_reply *reply = agt_test_ask(&engine, cases[i].rules, NULL, NULL);
        agt_test_expect_reply(reply, cases[i].outcome, cases[i].message);
        assert_int_equal(agt_reply_get_error(reply, NULL), cases[i].status);
        assert_int_equal(agt_reply_get_steps(reply), 1);
        agt_reply_unref(reply);
    }
}

/* A provider that pauses is asked to go on, with what it said so far. */
static void a_pause_is_not_the_end(void **state)
{
    (void)state;
    agt_reply *reply =
        agt_test_ask(&engine,
                     "{\"step\": 1, \"text\": \"well\", \"finish_reason\": \"pause\"},"
                     "{\"text\": \"done\"}",
                     NULL, NULL);
    assert_int_equal(agt_reply_get_outcome(reply), AGT_OUTCOME_OK);
    assert_string_equal(agt_reply_get_text(reply), "done");
    assert_int_equal(agt_reply_get_steps(reply), 2);
    agt_reply_unref(reply);
}

static agt_status answer_with(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    *ret_output = agt_value_ref(user_data);
    return AGT_OK;
}

static void odd_responses_are_errors(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"null", "model \"odd\": the response: expected an object, found null"},
        {"{\"parts\": [5]}", "no object with a type"},
        {"{\"parts\": [{\"type\": \"tool_call\"}]}", "without a name"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *response = agt_test_json(NULL, cases[i][0]);
        agt_model *model = NULL;
        agt_reply *reply = NULL;
        agt_model_config config =
            AGT_CONFIG(agt_model_config, .mode = AGT_TOOL_INLINE, .user_data = response);
        assert_int_equal(
            agt_model_new_function(engine.runtime, "odd", answer_with, &config, &model, NULL),
            AGT_OK);
        agt_agent *agent = agt_test_agent(&engine, "tester", model, NULL);
        assert_int_equal(agt_agent_execute(agent, "go", NULL, &reply, NULL), AGT_OK);
        agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, cases[i][1]);
        assert_int_equal(costs_of(reply)->unpriced_calls, 1); /* usage unknown is not zero */
        agt_reply_unref(reply);
        agt_agent_unref(agent);
        agt_model_unref(model);
        agt_value_unref(response);
    }
}

static void an_empty_answer_is_an_answer(void **state)
{
    (void)state;
    agt_reply *reply = agt_test_ask(&engine, "{\"tool_calls\": []}", NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "");
    agt_reply_unref(reply);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void torture(const agt_allocator *allocator, void *ctx)
{
    agt_test_engine own;
    if (agt_test_engine_init(&own, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_value *schema = agt_test_json(allocator, "{\"required\": [\"n\"]}");
    agt_agent_config config =
        AGT_CONFIG(agt_agent_config, .output_schema = schema, .instructions = "be brief",
                   .limits = {.cost_max_nanousd = 1000000000});
    agt_model *model = agt_test_script(own.runtime, ctx);
    agt_agent *agent =
        model != NULL && schema != NULL ? agt_test_agent(&own, "tester", model, &config) : NULL;
    agt_reply *reply = NULL;
    if (agent != NULL) {
        agt_error err = {0};
        agt_status status = agt_agent_execute(agent, "go", NULL, &reply, &err);
        assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    }
    agt_reply_unref(reply);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_value_unref(schema);
    agt_test_engine_deinit(&own);
}

static void survives_no_memory(void **state)
{
    (void)state;
    char rules[] = "{\"step\": 1, \"delay_ms\": 10, \"tool_calls\": ["
                   " {\"name\": \"async\", \"arguments\": {\"ms\": 5}},"
                   " {\"name\": \"nobody\", \"arguments\": {}},"
                   " {\"name\": \"inline\", \"id\": \"x\", \"arguments\": {\"error\": \"bad\"}}]},"
                   "{\"step\": 2, \"text\": \"not JSON\"},"
                   "{\"step\": 3, \"text\": \"words\", \"json\": {\"n\": 1}}";
    agt_test_torture(torture, rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(records_the_tree_of_spans, setup, teardown),
        cmocka_unit_test_setup_teardown(steps_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(tokens_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(money_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(money_of_the_caller_is_limited_too, setup, teardown),
        cmocka_unit_test_setup_teardown(time_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelling_reaches_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deadline_from_outside_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_start_does_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_of_models_end_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pause_is_not_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_responses_are_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_answer_is_an_answer, setup, teardown),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
