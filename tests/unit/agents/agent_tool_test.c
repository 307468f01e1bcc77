/* Delegation: agents as tools of agents; what they answer, cost, and where it ends. */
#include "support/test.h"

#include "support/agents.h"
#include "support/values.h"

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

/* An agent of these rules, registered as the tool of its name. */
static void delegate_to(const char *name, const char *rules, const agt_agent_config *config)
{
    agt_error err;
    agt_model *model = agt_test_script(engine.runtime, rules);
    agt_agent *agent = agt_test_agent(&engine, name, model, config);
    if (agt_executor_register_agent(engine.executor, NULL, agent, NULL, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_agent_unref(agent);
    agt_model_unref(model);
}

#define ASK(name, query) "{\"name\": \"" name "\", \"arguments\": {\"query\": \"" query "\"}}"
#define USAGE            "\"usage\": {\"input_tokens\": 100, \"output_tokens\": 10}"

static void a_tool_answers_with_the_reply(void **state)
{
    (void)state;
    agt_value *schema = agt_test_value(NULL, "{\"required\": [\"score\"]}");
    agt_agent_config typed =
        AGT_CONFIG(agt_agent_config, .output_schema = schema, .description = "Judges.");
    delegate_to("judge", "{\"text\": \"hm\", \"json\": {\"score\": 7}}", &typed);
    delegate_to("parrot", "{\"text\": \"you said {{input}}\"}", NULL);
    agt_value_unref(schema);
    agt_tool *tool = agt_executor_get_tool(engine.executor, "judge");
    assert_string_equal(agt_tool_get_kind(tool), "agent");
    assert_string_equal(agt_tool_get_description(tool), "Judges.");
    assert_int_equal(agt_tool_get_timeout_ms(tool), AGT_MS_NONE);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": [" ASK("judge", "x") ", " ASK(
            "parrot", "hello") ","
                               " {\"name\": \"parrot\", \"arguments\": {\"question\": 1}}]},"
                               "{\"text\": \"{{results.judge.score}} / {{calls.parrot.1.text}} / "
                               "{{outcomes.parrot}}\"}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "7 / you said hello / rejected");
    agt_reply_unref(reply);
}

static void costs_and_spans_go_up(void **state)
{
    (void)state;
    delegate_to("inner", "{\"text\": \"x\", " USAGE "}", NULL);
    delegate_to("middle",
                "{\"step\": 1, \"tool_calls\": [" ASK(
                    "inner", "a") "], " USAGE "},"
                                  "{\"text\": \"{{results.inner.text}}\", " USAGE "}",
                NULL);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": [" ASK("middle", "a") "," ASK(
            "inner", "b") "]," USAGE "}, {\"text\": \"{{results.middle.text}}\", " USAGE "}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    agt_reply_get_costs(reply, &costs);
    assert_int_equal(costs.simulated_calls, 6);
    assert_int_equal(costs.simulated_tokens, 660);
    assert_int_equal(agt_reply_get_tool_calls(reply), 2); /* its own */
    agt_reply_unref(reply);

    agt_test_spans_find(&spans, "execute_tool middle", "step 1");
    const agt_test_span *middle =
        agt_test_spans_find(&spans, "invoke_agent middle", "execute_tool middle");
    assert_int_equal(middle->total_tokens, 330);
    assert_int_equal(
        agt_test_spans_find(&spans, "invoke_agent inner", "execute_tool inner")->total_tokens, 110);
    assert_int_equal(agt_test_spans_find(&spans, "invoke_agent tester", NULL)->total_tokens, 660);
    /* The ledger charges each for its own requests. */
    agt_cost_tracker *tracker = agt_runtime_get_cost_tracker(engine.runtime);
    agt_costs of_middle = AGT_CONFIG(agt_costs, .calls = 0);
    assert_int_equal(agt_cost_tracker_get_agent_costs(tracker, "middle", &of_middle), AGT_OK);
    assert_int_equal(of_middle.simulated_calls, 2);
    agt_cost_tracker_get_costs(tracker, &costs);
    assert_int_equal(costs.simulated_tokens, 660);
    assert_int_equal(costs.total_tokens, 0);
}

static void failures_are_results(void **state)
{
    (void)state;
    agt_agent_config limited = AGT_CONFIG(agt_agent_config, .limits = {.steps_max = 1});
    delegate_to("weak", "{\"text\": \"try\", \"tool_calls\": [{\"name\": \"inline\"}]}", &limited);
    agt_reply *reply =
        agt_test_ask(&engine,
                     "{\"step\": 1, \"tool_calls\": [" ASK(
                         "weak", "x") "]},"
                                      "{\"text\": \"{{outcomes.weak}}: {{errors.weak}}\"}",
                     NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply),
                        "error: agent \"weak\" has no final answer after 1 step");
    assert_true(agt_test_spans_find(&spans, "invoke_agent weak", NULL)->is_error);
    agt_reply_unref(reply);
}

static void depth_is_limited(void **state)
{
    (void)state;
    delegate_to("again",
                "{\"step\": 1, \"tool_calls\": [" ASK(
                    "again", "deeper") "]},"
                                       "{\"text\": \"{{outcomes.again}} {{errors.again}}"
                                       "{{#results.again.text}} < {{.}}{{/results.again.text}}\"}",
                NULL);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": [" ASK("again", "x") "]},"
                                                            "{\"text\": \"{{outcomes.again}}\"}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    agt_reply_unref(reply);
    /* The tester is at depth 1, so three agents fit below it; the fourth call is refused. */
    assert_int_equal(agt_test_spans_count(&spans, "execute_tool again"), 4);
    assert_int_equal(agt_test_spans_count(&spans, "invoke_agent again"), 3);
}

static void cancelling_goes_down(void **state)
{
    (void)state;
    delegate_to("slow", "{\"text\": \"x\", \"delay_ms\": 60000}", NULL);
    agt_agent_config limited = AGT_CONFIG(agt_agent_config, .limits = {.wall_ms = 100});
    uint64_t start = agt_test_now_ns(&engine);
    agt_reply *reply =
        agt_test_ask(&engine, "{\"tool_calls\": [" ASK("slow", "x") "]}", &limited, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_TIMEOUT, "within its 100 ms");
    assert_int_equal(agt_test_now_ns(&engine) - start, 100 * UINT64_C(1000000));
    assert_string_equal(agt_test_spans_find(&spans, "chat scripted", "step 1")->outcome, "ok");
    assert_int_equal(agt_test_spans_count(&spans, "chat scripted"), 2);
    for (size_t i = 0; i < spans.count; i++) {
        if (strcmp(spans.items[i].name, "invoke_agent slow") == 0) {
            assert_true(spans.items[i].is_error && spans.items[i].end_ns != 0);
        }
    }
    agt_reply_unref(reply);
}

static void one_slot_is_enough(void **state)
{
    (void)state;
    agt_test_engine narrow;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    assert_int_equal(agt_test_engine_init(&narrow, NULL, true, &config), AGT_OK);
    agt_test_engine wide = engine;
    engine = narrow;
    delegate_to("inner",
                "{\"step\": 1, \"tool_calls\": [{\"name\": \"async\","
                " \"arguments\": {\"ms\": 10}}]}, {\"text\": \"done\", \"delay_ms\": 5}",
                NULL);
    uint64_t start = agt_test_now_ns(&engine);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": [" ASK("inner", "a") ", " ASK(
            "inner", "b") "]},"
                          "{\"text\": \"{{calls.inner.1.text}} {{calls.inner.2.text}}\"}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "done done");
    assert_int_equal(agt_test_now_ns(&engine) - start, 30 * UINT64_C(1000000));
    agt_reply_unref(reply);
    agt_test_engine_deinit(&engine);
    engine = wide;
}

static void takes_configurations(void **state)
{
    (void)state;
    agt_model *model = agt_test_script(engine.runtime, "{\"text\": \"{{input}}\"}");
    agt_agent *agent = agt_test_agent(&engine, "a", model, NULL);
    agt_value *schema = agt_test_value(NULL, "{\"properties\": {\"query\": {\"enum\": [\"x\"]}}}");
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .description = "other",
                                        .input_schema = schema, .timeout_ms = 50);
    agt_error err = {0};
    assert_int_equal(agt_executor_register_agent(engine.executor, "named", agent, &config, NULL),
                     AGT_OK);
    agt_tool *tool = agt_executor_get_tool(engine.executor, "named");
    assert_string_equal(agt_tool_get_description(tool), "other");
    assert_int_equal(agt_tool_get_timeout_ms(tool), 50);
    assert_int_equal(agt_executor_register_agent(engine.executor, "named", agent, NULL, &err),
                     AGT_E_EXISTS);
    assert_int_equal(agt_executor_register_agent(engine.executor, "bad name", agent, NULL, &err),
                     AGT_E_INVALID);
    config.user_data = &err;
    assert_int_equal(agt_executor_register_agent(engine.executor, "more", agent, &config, &err),
                     AGT_E_INVALID);
    assert_int_equal(agt_executor_register_agent(NULL, "x", agent, NULL, &err), AGT_E_INVALID);
    agt_value_unref(schema);
    agt_agent_unref(agent);
    agt_model_unref(model);
}

static void agents_of_other_runtimes_are_refused(void **state)
{
    (void)state;
    agt_test_engine other;
    assert_int_equal(agt_test_engine_init(&other, NULL, true, NULL), AGT_OK);
    agt_model *model = agt_test_script(other.runtime, "{\"text\": \"x\"}");
    agt_agent *agent = agt_test_agent(&other, "foreign", model, NULL);
    assert_int_equal(agt_executor_register_agent(engine.executor, NULL, agent, NULL, NULL), AGT_OK);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": [" ASK("foreign", "x") "]},"
                                                              "{\"text\": \"{{errors.foreign}}\"}",
        NULL, NULL);
    assert_string_equal(agt_reply_get_text(reply), "agent \"foreign\" is of another runtime");
    agt_reply_unref(reply);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_test_engine_deinit(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tool_answers_with_the_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(costs_and_spans_go_up, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_results, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelling_goes_down, setup, teardown),
        cmocka_unit_test_setup_teardown(one_slot_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_configurations, setup, teardown),
        cmocka_unit_test_setup_teardown(agents_of_other_runtimes_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
