/*
 * The tool calls of one response: they overlap, each has exactly one result, what cannot run is
 * refused with words that help the model, circles end.
 */
#include "support/test.h"

#include "base/value.h"
#include "support/agents.h"

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

#define LIMITS(...)                                                                                \
    (&AGT_CONFIG(agt_agent_config,                                                                 \
                 .limits = {.struct_size = sizeof(agt_agent_limits), __VA_ARGS__}))

static void tools_of_one_step_overlap(void **state)
{
    (void)state;
    uint64_t start = agt_test_now_ns(&engine);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"delay_ms\": 100, \"tool_calls\": ["
        "  {\"name\": \"async\", \"arguments\": {\"ms\": 50, \"echo\": 1}},"
        "  {\"name\": \"blocking\", \"arguments\": {\"ms\": 70, \"echo\": 2}},"
        "  {\"name\": \"async\", \"arguments\": {\"ms\": 60, \"echo\": 3}},"
        "  {\"name\": \"inline\", \"arguments\": {\"echo\": 4}}]},"
        "{\"delay_ms\": 100, \"text\": \"{{calls.async.1}} {{results.blocking}} {{calls.async.2}}"
        " {{results.inline}}\"}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "1 2 3 4");
    assert_int_equal(agt_test_now_ns(&engine) - start, 270 * UINT64_C(1000000));
    agt_reply_unref(reply);
}

static void failures_are_told_to_the_model(void **state)
{
    (void)state;
    agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 100000);
    uint64_t start = agt_test_now_ns(&engine);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": ["
        "  {\"name\": \"async\", \"arguments\": {\"hang\": true}},"
        "  {\"name\": \"blocking\", \"arguments\": {\"ms\": 10, \"error\": \"boom\"}},"
        "  {\"name\": \"inline\", \"arguments\": {\"echo\": \"fine\"}},"
        "  {\"name\": \"nobody\", \"arguments\": {}},"
        "  {\"name\": \"inline\", \"arguments\": [1]}]},"
        "{\"text\": \"{{outcomes.async}}|{{errors.blocking}}|{{calls.inline.1}}|{{errors.nobody}}|"
        "{{errors.inline}}\"}",
        NULL, &options);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply),
                        "timeout|boom|fine|there is no tool \"nobody\"; these are: inline, async, "
                        "blocking|the arguments: expected an object, found array");
    assert_int_equal(agt_test_now_ns(&engine) - start, 30000 * UINT64_C(1000000));
    assert_int_equal(agt_reply_get_tool_calls(reply), 5);
    agt_reply_unref(reply);
}

static void may_use_its_own_tools_only(void **state)
{
    (void)state;
    const char *tools[] = {"inline", NULL};
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .tools = tools);
    agt_reply *reply =
        agt_test_ask(&engine,
                     "{\"step\": 1, \"tool_calls\": [{\"name\": \"async\", \"arguments\": {}},"
                     " {\"name\": \"inline\", \"arguments\": {\"echo\": 1}}]},"
                     "{\"text\": \"{{outcomes.async}} {{results.inline}}: {{errors.async}}\"}",
                     &config, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply),
                        "rejected 1: there is no tool \"async\"; these are: inline");
    assert_int_equal(atomic_load(&engine.started), 1);
    agt_reply_unref(reply);
}

static void tool_calls_are_counted_before_they_run(void **state)
{
    (void)state;
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"tool_calls\": [{\"name\": \"inline\", \"arguments\": {\"a\": \"{{=step}}\"}},"
        " {\"name\": \"inline\", \"arguments\": {\"b\": \"{{=step}}\"}}]}",
        LIMITS(.tool_calls_max = 5), NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR,
                          "may call tools 5 times: it has called 4, and wants 2 more");
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_E_LIMIT);
    assert_int_equal(atomic_load(&engine.started), 4);
    assert_int_equal(agt_reply_get_tool_calls(reply), 4);
    agt_reply_unref(reply);
}

static void going_round_in_circles_ends(void **state)
{
    (void)state;
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"tool_calls\": [{\"name\": \"inline\", \"arguments\": {\"a\": 1, \"b\": [2]}},"
        " {\"name\": \"inline\", \"arguments\": {\"other\": \"{{=step}}\"}}]}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR,
                          "goes round in circles: it calls \"inline\" with the same arguments in "
                          "each of 4 steps");
    assert_int_equal(agt_reply_get_steps(reply), 4);
    assert_int_equal(atomic_load(&engine.started), 6);
    agt_reply_unref(reply);

    /* Now and then is no circle; twice in one step neither. */
    reply = agt_test_ask(
        &engine,
        "{\"step\": 3, \"tool_calls\": [{\"name\": \"inline\", \"arguments\": {\"a\": 2}}]},"
        "{\"step\": 6, \"text\": \"out\"},"
        "{\"tool_calls\": [{\"name\": \"inline\", \"arguments\": {\"a\": 1}},"
        " {\"name\": \"inline\", \"arguments\": {\"a\": 1.0}}]}",
        LIMITS(.repeats_max = 2), NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    agt_reply_unref(reply);
}

/* Dependencies that the executor declares hold in what a model asks for, in any order. */
static void declared_dependencies_hold(void **state)
{
    (void)state;
    assert_int_equal(agt_executor_add_dependency(engine.executor, "inline", "async", NULL), AGT_OK);
    uint64_t start = agt_test_now_ns(&engine);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": [{\"name\": \"inline\", \"arguments\": {\"echo\": null}},"
        " {\"name\": \"async\", \"arguments\": {\"ms\": 50, \"echo\": [7]}}]},"
        "{\"text\": \"{{results.inline}} after {{results.async}}\"}",
        NULL, NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "[7] after [7]");
    assert_int_equal(agt_test_now_ns(&engine) - start, 50 * UINT64_C(1000000));
    agt_reply_unref(reply);
}

/* Every id that the model gave, or that was made for it, has one result, in the order asked. */
static agt_status check_ids(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    const agt_value *request = agt_tool_call_get_input(call);
    const agt_value *calls = NULL, *results = NULL;
    static const char first[] =
        "{\"parts\": [{\"type\": \"tool_call\", \"id\": \"a\", \"name\": \"async\","
        " \"arguments\": {\"ms\": 9}}, {\"type\": \"text\", \"text\": \"between\"},"
        "{\"type\": \"tool_call\", \"id\": \"a\", \"name\": \"inline\"},"
        "{\"type\": \"tool_call\", \"name\": \"nobody\"},"
        "{\"type\": \"reasoning\", \"signature\": \"kept\"},"
        "{\"type\": \"tool_call\", \"id\": \"b\", \"name\": \"inline\","
        " \"arguments\": \"{\"}]}";
    static const char last[] = "{\"parts\": [{\"type\": \"text\", \"text\": \"checked\"}]}";
    bool begins = agt_value_get_pointer(request, "/messages/1/parts", &calls, NULL) != AGT_OK;
    if (!begins) {
        assert_int_equal(agt_value_get_pointer(request, "/messages/2/parts", &results, NULL),
                         AGT_OK);
        assert_int_equal(agt_value_get_count(calls), 6);
        assert_int_equal(agt_value_get_count(results), 4);
        size_t at = 0;
        for (size_t i = 0; i < 6; i++) {
            const agt_value *part = agt_value_get_item(calls, i);
            if (strcmp(agt__value_member_text(part, "type", ""), "tool_call") == 0) {
                const agt_value *result = agt_value_get_item(results, at++);
                assert_string_equal(agt__value_member_text(part, "id", "?"),
                                    agt__value_member_text(result, "id", "!"));
            }
        }
        const agt_value *part = agt_value_get_item(calls, 4);
        assert_string_equal(agt__value_member_text(part, "signature", ""), "kept");
    }
    const char *text = begins ? first : last;
    return agt_json_parse(NULL, text, strlen(text), NULL, ret_output, NULL);
}

static void every_id_has_one_result(void **state)
{
    (void)state;
    agt_model *model = NULL;
    agt_reply *reply = NULL;
    agt_model_config config = AGT_CONFIG(agt_model_config, .mode = AGT_TOOL_INLINE);
    assert_int_equal(
        agt_model_new_function(engine.runtime, "ids", check_ids, &config, &model, NULL), AGT_OK);
    agt_agent *agent = agt_test_agent(&engine, "tester", model, NULL);
    assert_int_equal(agt_agent_execute(agent, "go", NULL, &reply, NULL), AGT_OK);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "checked");
    assert_int_equal(agt_reply_get_tool_calls(reply), 4);
    agt_reply_unref(reply);
    agt_agent_unref(agent);
    agt_model_unref(model);
}

/* Tools with a price are part of what an agent costs. */
static agt_status nothing(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (void)user_data;
    return AGT_OK;
}

static void prices_of_tools_count(void **state)
{
    (void)state;
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .cost_nanousd = 5000);
    assert_int_equal(agt_executor_register_tool(engine.executor, "dear", nothing, &config, NULL),
                     AGT_OK);
    agt_reply *reply = agt_test_ask(
        &engine,
        "{\"step\": 1, \"tool_calls\": [{\"name\": \"dear\", \"arguments\": {\"a\": 1}},"
        " {\"name\": \"dear\", \"arguments\": {\"a\": 2}}]}, {\"text\": \"x\"}",
        NULL, NULL);
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    agt_reply_get_costs(reply, &costs);
    assert_int_equal(costs.total_nanousd, 10000);
    assert_int_equal(costs.calls, 2);
    agt_reply_unref(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tools_of_one_step_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_told_to_the_model, setup, teardown),
        cmocka_unit_test_setup_teardown(may_use_its_own_tools_only, setup, teardown),
        cmocka_unit_test_setup_teardown(tool_calls_are_counted_before_they_run, setup, teardown),
        cmocka_unit_test_setup_teardown(going_round_in_circles_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(declared_dependencies_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(every_id_has_one_result, setup, teardown),
        cmocka_unit_test_setup_teardown(prices_of_tools_count, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
