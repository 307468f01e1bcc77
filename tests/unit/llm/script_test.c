/*
 * Scripts: which rule answers, what it answers, what is refused and with which words.
 */
#include "llm/script.h"

#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"

#include <string.h>

static agt_value *parse(const char *text)
{
    agt_value *value = NULL;
    agt_error err = {0};
    if (agt_json_parse(NULL, text, strlen(text), NULL, &value, &err) != AGT_OK) {
        fail_msg("%s in %s", err.message, text);
    }
    return value;
}

static agt__script *compile(const char *text)
{
    agt_value *document = parse(text);
    agt__script *script = NULL;
    agt_error err = {0};
    if (agt__script_new(NULL, document, &script, &err) != AGT_OK) {
        fail_msg("%s in %s", err.message, text);
    }
    agt_value_unref(document);
    return script;
}

static agt_status ask(const agt__script *script, const char *request_text,
                      agt__script_answer *ret_answer, agt_error *err)
{
    agt_value *request = parse(request_text);
    agt_status status = agt__script_answer_request(script, NULL, request, ret_answer, err);
    agt_value_unref(request);
    return status;
}

static const char *first_text(const agt_value *response)
{
    const agt_value *part = NULL;
    if (agt_value_get_pointer(response, "/parts/0/text", &part, NULL) != AGT_OK) {
        return "";
    }
    return agt__value_text(part, "");
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

static const char many_rules[] =
    "{\"version\": 1, \"name\": \"many\", \"rules\": ["
    "{\"agent\": \"a\", \"step\": 1, \"text\": \"a1\"},"
    "{\"agent\": \"a\", \"step\": 2, \"when\": {\"pointer\": \"/results/t/n\", \"equals\": 1},"
    " \"text\": \"one\"},"
    "{\"agent\": \"a\", \"step\": 2, \"when\": {\"pointer\": \"/outcomes/t\","
    " \"equals\": \"timeout\"}, \"text\": \"late\"},"
    "{\"agent\": \"a\", \"step\": 2, \"when\": {\"pointer\": \"/results/t\"}, \"text\": \"t\"},"
    "{\"agent\": \"a\", \"step\": 2, \"when\": {\"pointer\": \"/results/t\", \"exists\": false},"
    " \"text\": \"no t\"},"
    "{\"step\": 7, \"text\": \"any7\"},"
    "{\"agent\": \"*\", \"step\": 8, \"text\": \"any8\"},"
    "{\"agent\": \"b\", \"text\": \"b\"}]}";

#define TOOL(outcome, rest)                                                                        \
    "\"messages\": [{\"role\": \"tool\", \"parts\": [{\"type\": \"tool_result\", \"name\": \"t\"," \
    "\"outcome\": \"" outcome "\", " rest "}]}]}"

static void chooses_the_first_that_fits(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"agent\": \"a\", \"step\": 1}", "a1"},
        {"{\"agent\": \"a\", \"step\": 2, " TOOL("ok", "\"output\": {\"n\": 1.0}"), "one"},
        {"{\"agent\": \"a\", \"step\": 2, " TOOL("ok", "\"output\": {\"n\": 2}"), "t"},
        {"{\"agent\": \"a\", \"step\": 2, " TOOL("timeout", "\"error\": \"x\""), "late"},
        {"{\"agent\": \"a\", \"step\": 2, " TOOL("error", "\"error\": \"x\""), "no t"},
        {"{\"agent\": \"a\", \"step\": 2}", "no t"},
        {"{\"agent\": \"a\", \"step\": 7}", "any7"},
        {"{\"agent\": \"c\", \"step\": 8}", "any8"},
        {"{\"agent\": \"b\", \"step\": 99}", "b"},
        {"{\"agent\": \"b\"}", "b"},
    };
    agt__script *script = compile(many_rules);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt__script_answer answer = {0};
        agt_error err = {0};
        if (ask(script, cases[i][0], &answer, &err) != AGT_OK) {
            fail_msg("%s: %s", cases[i][0], err.message);
        }
        assert_string_equal(first_text(answer.response), cases[i][1]);
        agt_value_unref(answer.response);
    }
    agt__script_answer answer = {0};
    agt_error err = {0};
    assert_int_equal(ask(script, "{\"agent\": \"c\", \"step\": 3}", &answer, &err), AGT_E_MODEL);
    assert_string_equal(err.message, "the script has no rule for agent \"c\", step 3");
    assert_string_equal(agt__script_get_name(script), "many");
    agt__script_free(script);
}

/* ---- answering --------------------------------------------------------------------------------
 */

static void answers_everything(void **state)
{
    (void)state;
    agt__script *script =
        compile("{\"version\": 1, \"rules\": [{"
                "\"text\": \"Looking at {{input}}.\","
                "\"tool_calls\": [{\"name\": \"churn\", \"arguments\": {\"repo\": \"{{input}}\","
                "   \"n\": \"{{=step}}\"}}, {\"name\": \"size\", \"id\": \"mine\"}],"
                "\"json\": {\"score\": \"{{=step}}\", \"confidence\": 0.8},"
                "\"usage\": {\"input_tokens\": 120, \"output_tokens\": 40},"
                "\"delay_ms\": 100, \"stream\": 5}]}");
    agt__script_answer answer = {0};
    assert_int_equal(ask(script,
                         "{\"agent\": \"x\", \"step\": 2, \"messages\": [{\"role\": \"user\","
                         "\"parts\": [{\"type\": \"text\", \"text\": \"/repo\"}]}]}",
                         &answer, NULL),
                     AGT_OK);
    agt_value *wanted = parse(
        "{\"parts\": [{\"type\": \"text\", \"text\": \"Looking at /repo.\"},"
        "{\"type\": \"tool_call\", \"id\": \"call_2_1\", \"name\": \"churn\","
        " \"arguments\": {\"repo\": \"/repo\", \"n\": 2}},"
        "{\"type\": \"tool_call\", \"id\": \"mine\", \"name\": \"size\", \"arguments\": {}},"
        "{\"type\": \"text\", \"text\": \"{\\\"score\\\":2,\\\"confidence\\\":0.8}\"}],"
        "\"finish_reason\": \"tool_calls\", \"model\": \"scripted\","
        "\"usage\": {\"input_tokens\": 120, \"output_tokens\": 40, \"cache_read_tokens\": 0,"
        " \"cache_write_tokens\": 0, \"cache_write_1h_tokens\": 0, \"reasoning_tokens\": 0}}");
    assert_true(agt_value_equals(answer.response, wanted));
    assert_true(agt_value_is_tainted(answer.response));
    assert_int_equal(answer.delay_ms, 100);
    assert_int_equal(answer.stream_bytes, 5);
    assert_int_equal(answer.error.status, AGT_OK);
    agt_value_unref(wanted);
    agt_value_unref(answer.response);
    agt__script_free(script);
}

static void guesses_usage(void **state)
{
    (void)state;
    agt__script *script =
        compile("{\"version\": 1, \"rules\": [{\"step\": 1, \"text\": \"eight words of four\"},"
                "{\"step\": 2, \"text\": \"x\", \"usage\": {\"output_tokens\": 5}}]}");
    agt__script_answer answer = {0};
    assert_int_equal(ask(script, "{\"step\": 1, \"input_tokens_estimated\": 77}", &answer, NULL),
                     AGT_OK);
    agt_usage usage = agt_usage_from_value(agt_value_get_member(answer.response, "usage"));
    assert_int_equal(usage.input_tokens, 77);
    assert_in_range(usage.output_tokens, 5, 20);
    assert_int_equal(usage.reasoning_tokens, 0);
    agt_value_unref(answer.response);
    assert_int_equal(ask(script, "{\"step\": 2}", &answer, NULL), AGT_OK);
    usage = agt_usage_from_value(agt_value_get_member(answer.response, "usage"));
    assert_int_equal(usage.input_tokens, AGT_TOKENS_UNKNOWN);
    assert_int_equal(usage.output_tokens, 5);
    agt_value_unref(answer.response);
    agt__script_free(script);
}

static void fails_as_told(void **state)
{
    (void)state;
    agt__script *script = compile(
        "{\"version\": 1, \"rules\": ["
        "{\"step\": 1, \"error\": {\"status\": \"rate_limited\", \"message\": \"slow down\","
        "  \"retry_after_ms\": 250}, \"delay_ms\": 9},"
        "{\"step\": 2, \"error\": {\"status\": \"error\"}},"
        "{\"step\": 3, \"error\": {\"status\": \"denied\", \"message\": \"no\"}}]}");
    agt__script_answer answer = {0};
    assert_int_equal(ask(script, "{\"step\": 1}", &answer, NULL), AGT_OK);
    assert_null(answer.response);
    assert_int_equal(answer.error.status, AGT_E_RATE_LIMITED);
    assert_int_equal(answer.error.flags, AGT_ERROR_RETRYABLE);
    assert_int_equal(answer.error.retry_after_ms, 250);
    assert_string_equal(answer.error.message, "slow down");
    assert_int_equal(answer.delay_ms, 9);
    assert_int_equal(ask(script, "{\"step\": 2}", &answer, NULL), AGT_OK);
    assert_int_equal(answer.error.status, AGT_E_MODEL);
    assert_int_equal(ask(script, "{\"step\": 3}", &answer, NULL), AGT_OK);
    assert_int_equal(answer.error.status, AGT_E_DENIED);
    assert_int_equal(answer.error.flags, 0);
    agt__script_free(script);
}

static void says_which_path_is_missing(void **state)
{
    (void)state;
    agt__script *script = compile("{\"version\": 1, \"rules\": ["
                                  "{\"step\": 1, \"text\": \"{{results.churn.total}}\"},"
                                  "{\"step\": 2, \"tool_calls\": [{\"name\": \"t\", \"arguments\": "
                                  "{\"a\": \"{{=input.x}}\"}}]},"
                                  "{\"step\": 3, \"json\": [\"{{step|upper}}\"]}]}");
    static const char *const cases[][2] = {
        {"{\"step\": 1}", "rule 1 (/rules/0), text: results.churn.total is not there: there are no "
                          "results"},
        {"{\"step\": 2}", "rule 2 (/rules/1), tool_calls: input.x is not there: input is a null"},
        {"{\"step\": 3}", "rule 3 (/rules/2), json: step: `upper` wants a string, found number"},
    };
    for (size_t i = 0; i < 3; i++) {
        agt__script_answer answer = {0};
        agt_error err = {0};
        assert_int_equal(ask(script, cases[i][0], &answer, &err), AGT_E_MODEL);
        assert_string_equal(err.message, cases[i][1]);
        assert_int_equal(err.status, AGT_E_MODEL);
        assert_null(answer.response);
    }
    agt__script_free(script);
}

/* ---- refusing ---------------------------------------------------------------------------------
 */

static void refuses_bad_scripts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        agt_status status;
        const char *message;
    } cases[] = {
        {"[]", AGT_E_SCHEMA, "object"},
        {"{\"rules\": []}", AGT_E_SCHEMA, "version"},
        {"{\"version\": 2, \"rules\": []}", AGT_E_SCHEMA, "/version"},
        {"{\"version\": 1}", AGT_E_SCHEMA, "rules"},
        {"{\"version\": 1, \"rules\": [], \"ruels\": 1}", AGT_E_SCHEMA, "ruels"},
        {"{\"version\": 1, \"rules\": [{\"text\": \"x\"}, {\"agent\": \"a\"}]}", AGT_E_SCHEMA,
         "/rules/1"},
        {"{\"version\": 1, \"rules\": [{\"txt\": \"x\", \"text\": \"x\"}]}", AGT_E_SCHEMA, "txt"},
        {"{\"version\": 1, \"rules\": [{\"text\": 5}]}", AGT_E_SCHEMA, "/rules/0/text"},
        {"{\"version\": 1, \"rules\": [{\"text\": \"\", \"step\": 0}]}", AGT_E_SCHEMA,
         "/rules/0/step"},
        {"{\"version\": 1, \"rules\": [{\"text\": \"\", \"when\": {\"equals\": 1}}]}", AGT_E_SCHEMA,
         "pointer"},
        {"{\"version\": 1, \"rules\": [{\"tool_calls\": [{\"arguments\": {}}]}]}", AGT_E_SCHEMA,
         "/rules/0/tool_calls/0"},
        {"{\"version\": 1, \"rules\": [{\"error\": {\"status\": \"bad\"}}]}", AGT_E_SCHEMA,
         "/rules/0/error/status"},
        {"{\"version\": 1, \"rules\": [], \"prices\": {\"input\": \"1,5\", \"output\": \"1\"}}",
         AGT_E_SCHEMA, "/prices/input"},
        {"{\"version\": 1, \"rules\": [{\"text\": \"ok\"}, {\"text\": \"a {{b\"}]}", AGT_E_SYNTAX,
         "rule 2 (/rules/1), text: {{ without }}"},
        {"{\"version\": 1, \"rules\": [{\"json\": {\"a\": [\"{{#x}}\"]}}]}", AGT_E_SYNTAX,
         "rule 1 (/rules/0), json: /a/0: the section `x` has no end"},
        {"{\"version\": 1, \"rules\": [{\"tool_calls\": [{\"name\": \"t\", \"arguments\":"
         " {\"q\": \"{{a|b}}\"}}]}]}",
         AGT_E_SYNTAX, "rule 1 (/rules/0), tool_calls: /q: there is no format `b`"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *document = parse(cases[i].text);
        agt__script *script = NULL;
        agt_error err = {0};
        agt_status status = agt__script_new(NULL, document, &script, &err);
        if (status != cases[i].status || strstr(err.message, cases[i].message) == NULL) {
            fail_msg("%s: %s %s", cases[i].text, agt_status_get_name(status), err.message);
        }
        agt_value_unref(document);
    }
}

static void knows_its_prices(void **state)
{
    (void)state;
    agt__script *script = compile("{\"version\": 1, \"name\": \"m\", \"rules\": [],"
                                  "\"prices\": {\"input\": \"3.00\", \"output\": \"15\"}}");
    agt_value *document = NULL;
    assert_int_equal(agt__script_get_prices(script, NULL, &document), AGT_OK);
    agt_prices *prices = NULL;
    assert_int_equal(agt_prices_new(NULL, document, &prices, NULL), AGT_OK);
    agt_usage usage = agt_usage_unknown();
    usage.input_tokens = 1000000;
    usage.output_tokens = 0;
    assert_int_equal(agt_prices_get_cost(prices, "m", &usage), 3000000000);
    agt_prices_free(prices);
    agt_value_unref(document);
    agt__script_free(script);
    script = compile("{\"version\": 1, \"rules\": []}");
    assert_int_equal(agt__script_get_prices(script, NULL, &document), AGT_OK);
    assert_null(document);
    agt__script_free(script);
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    static const char request_text[] =
        "{\"step\": 1, \"messages\": [{\"role\": \"user\", \"parts\": [{\"type\": \"text\","
        " \"text\": \"{\\\"a\\\": 1}\"}]}]}";
    agt_value *document = NULL, *request = NULL, *prices = NULL;
    agt__script *script = NULL;
    agt__script_answer answer = {0};
    agt_status status = agt_json_parse(allocator, ctx, strlen(ctx), NULL, &document, NULL);
    if (status == AGT_OK) {
        status = agt__script_new(allocator, document, &script, NULL);
    }
    if (status == AGT_OK) {
        status =
            agt_json_parse(allocator, request_text, strlen(request_text), NULL, &request, NULL);
    }
    if (status == AGT_OK) {
        status = agt__script_answer_request(script, allocator, request, &answer, NULL);
    }
    if (status == AGT_OK) {
        status = agt__script_get_prices(script, allocator, &prices);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_value_unref(prices);
    agt_value_unref(answer.response);
    agt_value_unref(request);
    agt__script_free(script);
    agt_value_unref(document);
}

static void survives_no_memory(void **state)
{
    (void)state;
    char text[] = "{\"version\": 1, \"prices\": {\"input\": \"1\", \"output\": \"1\"}, \"rules\": ["
                  "{\"step\": 2, \"text\": \"no\"},"
                  "{\"when\": {\"pointer\": \"/input/a\", \"equals\": 1},"
                  " \"text\": \"{{input.a}}\", \"json\": {\"x\": \"{{=input.a}}\"},"
                  " \"tool_calls\": [{\"name\": \"t\", \"arguments\": [\"{{step}}\"]}],"
                  " \"usage\": {\"input_tokens\": 1, \"output_tokens\": 1}}]}";
    agt_test_torture(torture, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_the_first_that_fits),
        cmocka_unit_test(answers_everything),
        cmocka_unit_test(guesses_usage),
        cmocka_unit_test(fails_as_told),
        cmocka_unit_test(says_which_path_is_missing),
        cmocka_unit_test(refuses_bad_scripts),
        cmocka_unit_test(knows_its_prices),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
