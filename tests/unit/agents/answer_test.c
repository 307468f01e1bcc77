/*
 * The end of a run: typed answers, the second chance, and the output, which is everything a reply
 * shows.
 */
#include "support/test.h"

#include "base/value.h"
#include "support/agents.h"
#include "support/values.h"

#include <stdio.h>
#include <string.h>

static agt_test_engine engine;
static agt_value *schema;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    schema = agt_test_value(NULL, "{\"type\": \"object\", \"properties\": {\"score\":"
                                  " {\"type\": \"number\"}}, \"required\": [\"score\"]}");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agt_value_unref(schema);
    agt_test_engine_deinit(&engine);
    return 0;
}

static agt_reply *ask(const char *rules)
{
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .output_schema = schema);
    return agt_test_ask(&engine, rules, &config, NULL);
}

static void takes_typed_answers(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *value;
        const char *text;
    } cases[] = {
        {"{\"json\": {\"score\": 0.5, \"confidence\": 0.25}}",
         "{\"score\":0.5,\"confidence\":0.25}", "{\"score\":0.5,\"confidence\":0.25}"},
        {"{\"text\": \"Because.\", \"json\": {\"score\": 1}}", "{\"score\":1}", "Because."},
        {"{\"text\": \" {\\\"score\\\": 2} \\n\"}", "{\"score\":2}", " {\"score\": 2} \n"},
        {"{\"text\": \"```json\\n{\\\"score\\\": 3}\\n```\"}", "{\"score\":3}",
         "```json\n{\"score\": 3}\n```"},
        {"{\"text\": \"```\\n{\\\"score\\\": 4}```\\n\"}", "{\"score\":4}",
         "```\n{\"score\": 4}```\n"},
        {"{\"text\": \"{\\\"score\\\": 1, \\\"score\\\": 5}\"}", "{\"score\":5}",
         "{\"score\": 1, \"score\": 5}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_reply *reply = ask(cases[i].rule);
        agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
        agt_test_assert_json(agt_reply_get_value(reply), cases[i].value);
        assert_string_equal(agt_reply_get_text(reply), cases[i].text);
        assert_int_equal(agt_reply_get_steps(reply), 1);
        assert_true(agt_value_is_tainted(agt_reply_get_value(reply)));
        assert_true(agt_reply_get_confidence(reply) == (i == 0 ? 0.25 : -1));
        agt_reply_unref(reply);
    }
}

static void gives_a_second_chance(void **state)
{
    (void)state;
    static const char *const first[] = {
        "{\"step\": 1, \"text\": \"it is about a half\"}",
        "{\"step\": 1, \"json\": {\"scor\": 1}}",
        "{\"step\": 1, \"json\": {\"score\": \"high\"}}",
        "{\"step\": 1, \"tool_calls\": []}",
        "{\"step\": 1, \"text\": \"```\"}",
    };
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        char rules[300];
        snprintf(rules, sizeof(rules), "%s, {\"json\": {\"score\": 1}}", first[i]);
        agt_reply *reply = ask(rules);
        agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
        agt_test_assert_json(agt_reply_get_value(reply), "{\"score\":1}");
        assert_int_equal(agt_reply_get_steps(reply), 2);
        agt_reply_unref(reply);
    }
}

static void fails_after_the_second(void **state)
{
    (void)state;
    agt_reply *reply = ask("{\"step\": 1, \"text\": \"words\"}, {\"json\": {\"other\": 1}}");
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR,
                          "the typed answer of agent \"tester\" does not fit: ");
    agt_error err;
    assert_int_equal(agt_reply_get_error(reply, &err), AGT_E_SCHEMA);
    assert_non_null(strstr(err.message, "score"));
    assert_null(agt_reply_get_value(reply));
    assert_string_equal(agt_reply_get_text(reply), "{\"other\":1}");
    assert_int_equal(agt_reply_get_steps(reply), 2);
    agt_reply_unref(reply);
    /* One chance in a run, also with tools in between. */
    reply = ask("{\"step\": 1, \"text\": \"words\"},"
                "{\"step\": 2, \"tool_calls\": [{\"name\": \"inline\"}]},"
                "{\"step\": 3, \"text\": \"words\"}");
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, "does not fit");
    assert_int_equal(agt_reply_get_steps(reply), 3);
    agt_reply_unref(reply);
}

/* The model is told what is wrong. */
static agt_status complain(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    const agt_value *said = NULL;
    const agt_value *request = agt_tool_call_get_input(call);
    const char *answer = "{\"parts\": [{\"type\": \"text\", \"text\": \"[]\"}]}";
    assert_non_null(agt_value_get_member(request, "output_schema"));
    if (agt_value_get_pointer(request, "/messages/2/parts/0/text", &said, NULL) == AGT_OK) {
        const char *text = agt_value_get_string(said, NULL);
        assert_non_null(strstr(text, "Your answer does not have the required form: "));
        assert_non_null(strstr(text, "object"));
        answer = "{\"parts\": [{\"type\": \"text\", \"text\": \"{\\\"score\\\": 9}\"}]}";
    }
    return agt_json_parse(NULL, answer, strlen(answer), NULL, ret_output, NULL);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    agt_model *model = NULL;
    agt_reply *reply = NULL;
    agt_model_config config = AGT_CONFIG(agt_model_config, .mode = AGT_TOOL_INLINE);
    assert_int_equal(agt_model_new_function(engine.runtime, "m", complain, &config, &model, NULL),
                     AGT_OK);
    agt_agent_config typed = AGT_CONFIG(agt_agent_config, .output_schema = schema);
    agt_agent *agent = agt_test_agent(&engine, "tester", model, &typed);
    assert_int_equal(agt_agent_execute(agent, "go", NULL, &reply, NULL), AGT_OK);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    agt_test_assert_json(agt_reply_get_value(reply), "{\"score\":9}");
    agt_reply_unref(reply);
    agt_agent_unref(agent);
    agt_model_unref(model);
}

/* The output of the call is the journal's record of it. */
static void outputs_everything(void **state)
{
    (void)state;
    agt_model *model = agt_test_script(engine.runtime,
                                       "{\"step\": 1, \"tool_calls\": [{\"name\": \"inline\"}],"
                                       " \"usage\": {\"input_tokens\": 10, \"output_tokens\": 1}},"
                                       "{\"step\": 2, \"text\": \"why\", \"json\": {\"score\": 1},"
                                       " \"usage\": {\"input_tokens\": 20, \"output_tokens\": 2}}");
    agt_agent_config typed = AGT_CONFIG(agt_agent_config, .output_schema = schema);
    agt_agent *agent = agt_test_agent(&engine, "tester", model, &typed);
    agt_task *task = NULL;
    agt_results *results = NULL;
    assert_int_equal(agt_agent_execute_start(agent, "go", NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    assert_string_equal(agt_results_get_name(results, 0), "tester");
    const agt_value *output = agt_results_get_output(results, 0);
    const char *span = agt__value_member_text(output, "span", "");
    assert_int_equal(strlen(span), AGT_TRACEPARENT_SIZE - 1);
    agt_value *null = agt_value_null();
    agt_value *plain = NULL;
    assert_int_equal(agt_value_with_member(NULL, output, "span", null, &plain), AGT_OK);
    agt_test_assert_json(
        plain, "{\"agent\":\"tester\",\"text\":\"why\",\"value\":{\"score\":1},\"outcome\":\"ok\","
               "\"steps\":2,\"tool_calls\":1,\"costs\":{\"simulated_nanousd\":36000,"
               "\"simulated_tokens\":33,\"simulated_calls\":2},\"span\":null}");
    agt_value_unref(plain);
    agt_results_unref(results);
    agt_task_unref(task);
    agt_agent_unref(agent);
    agt_model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_typed_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_a_second_chance, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_after_the_second, setup, teardown),
        cmocka_unit_test_setup_teardown(says_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(outputs_everything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
