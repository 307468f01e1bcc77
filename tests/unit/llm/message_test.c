/*
 * Requests and responses as values: what is built, what is shared, what a model may not say, and
 * how tool calls get ids.
 */
#include "llm/message.h"

#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"

#include <stdlib.h>
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

static void assert_json(const agt_value *value, const char *wanted)
{
    agt_value *expected = parse(wanted);
    if (!agt_value_equals(value, expected)) {
        agt_value *text = NULL;
        assert_int_equal(agt_value_to_json(NULL, value, 0, &text), AGT_OK);
        fail_msg("%s, expected %s", agt_value_get_string(text, NULL), wanted);
    }
    agt_value_unref(expected);
}

static void builds_requests(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *text = NULL, *message = NULL, *tool = NULL, *plain = NULL, *request = NULL;
    agt_value *schema = parse("{\"type\": \"object\"}");
    agt__words words;
    assert_int_equal(agt__words_init(&words, &heap.allocator, false), AGT_OK);
    assert_int_equal(agt_value_new_string(&heap.allocator, "hello", &text), AGT_OK);
    assert_int_equal(agt__message_new_text(&heap.allocator, &words, AGT__WORD_USER, text, &message),
                     AGT_OK);
    assert_json(message,
                "{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"text\": \"hello\"}]}");
    assert_int_equal(agt__message_new_tool(&heap.allocator, "t", "does", schema, &tool), AGT_OK);
    assert_json(tool, "{\"name\": \"t\", \"description\": \"does\","
                      " \"input_schema\": {\"type\": \"object\"}}");
    assert_ptr_equal(agt_value_get_member(tool, "input_schema"), schema);
    assert_int_equal(agt__message_new_tool(&heap.allocator, "t", "", NULL, &plain), AGT_OK);
    assert_json(plain, "{\"name\": \"t\", \"input_schema\": {\"type\": \"object\"}}");

    const agt_value *messages[] = {message, message};
    agt__request parts = {.system = text,
                          .messages = messages,
                          .message_count = 2,
                          .tools = schema,
                          .output_schema = schema,
                          .agent = text,
                          .step = 3,
                          .max_output_tokens = 100,
                          .input_tokens = 7};
    assert_int_equal(agt__request_new(&heap.allocator, &parts, &request), AGT_OK);
    assert_ptr_equal(agt_value_get_item(agt_value_get_member(request, "messages"), 1), message);
    assert_string_equal(agt__value_member_text(request, "agent", ""), "hello");
    assert_int_equal(agt__request_estimate_tokens(request), 7);
    agt_value_unref(request);
    agt__request least = {.messages = messages, .message_count = 0};
    assert_int_equal(agt__request_new(&heap.allocator, &least, &request), AGT_OK);
    assert_json(request, "{\"messages\": []}");
    agt_value_unref(request);
    agt_value_unref(plain);
    agt_value_unref(tool);
    agt_value_unref(schema);
    agt_value_unref(message);
    agt_value_unref(text);
    agt__words_deinit(&words);
    agt_test_heap_deinit(&heap);
}

static void builds_results(void **state)
{
    (void)state;
    agt_value *output = parse("[1]");
    agt_value *name = parse("\"a\"");
    agt__words words;
    assert_int_equal(agt__words_init(&words, NULL, true), AGT_OK);
    const struct {
        agt__tool_result result;
        const char *json;
    } cases[] = {
        {{.outcome = AGT_OUTCOME_OK, .output = output, .error = "not used"},
         "{\"type\": \"tool_result\", \"id\": \"a\", \"name\": \"a\", \"outcome\": \"ok\","
         " \"output\": [1]}"},
        {{.outcome = AGT_OUTCOME_TIMEOUT, .output = output, .error = "too slow"},
         "{\"type\": \"tool_result\", \"id\": \"a\", \"name\": \"a\","
         " \"outcome\": \"timeout\", \"error\": \"too slow\"}"},
        {{.outcome = AGT_OUTCOME_OK},
         "{\"type\": \"tool_result\", \"id\": \"a\", \"name\": \"a\", \"outcome\": \"ok\","
         " \"output\": null}"},
    };
    for (size_t i = 0; i < 3; i++) {
        agt__tool_result result = cases[i].result;
        result.id = name;
        result.name = name;
        agt_value *part = agt__part_new_result(NULL, &words, &result);
        assert_json(part, cases[i].json);
        assert_true(agt_value_is_tainted(part));
        agt_value_unref(part);
    }
    agt__words_deinit(&words);
    agt_value_unref(name);
    agt_value_unref(output);
}

static void checks_responses(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"null", "expected an object, found null"},
        {"[]", "found array"},
        {"{}", "no array of parts"},
        {"{\"parts\": {}}", "no array of parts"},
        {"{\"parts\": [1]}", "part 1 of the response is no object with a type"},
        {"{\"parts\": [{\"type\": \"x\"}, {\"type\": 1}]}", "part 2"},
        {"{\"parts\": [{\"type\": \"text\"}]}", "text part 1 of the response has no text"},
        {"{\"parts\": [{\"type\": \"tool_call\", \"id\": \"1\"}]}", "without a name"},
        {"{\"parts\": [{\"type\": \"tool_call\", \"name\": \"\"}]}", "without a name"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        agt_value *response = parse(wrong[i][0]);
        agt_value *checked = NULL;
        agt_error err = {0};
        assert_int_equal(agt__response_check(NULL, response, 1, &checked, &err), AGT_E_MODEL);
        if (strstr(err.message, wrong[i][1]) == NULL) {
            fail_msg("%s: %s", wrong[i][0], err.message);
        }
        agt_value_unref(response);
    }
    agt_value_builder *b = NULL;
    assert_int_equal(agt_value_builder_new(NULL, &b), AGT_OK);
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "parts");
    agt_value_builder_begin_array(b);
    for (int i = 0; i < 1025; i++) {
        agt_value_builder_begin_object(b);
        agt__builder_add_string(b, "type", "reasoning");
        agt_value_builder_end(b);
    }
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    agt_value *many = NULL, *checked = NULL;
    assert_int_equal(agt_value_builder_finish(b, &many, NULL), AGT_OK);
    agt_value_builder_free(b);
    assert_int_equal(agt__response_check(NULL, many, 1, &checked, NULL), AGT_E_MODEL);
    agt_value_unref(many);
}

static void gives_ids(void **state)
{
    (void)state;
    agt_value *good = parse("{\"parts\": [{\"type\": \"text\", \"text\": \"x\"},"
                            "{\"type\": \"tool_call\", \"id\": \"a\", \"name\": \"t\"},"
                            "{\"type\": \"tool_call\", \"id\": \"b\", \"name\": \"t\"}]}");
    agt_value *checked = NULL;
    assert_int_equal(agt__response_check(NULL, good, 1, &checked, NULL), AGT_OK);
    assert_ptr_equal(checked, good);
    agt_value_unref(checked);
    agt_value_unref(good);

    /* Missing, empty, no text, taken, and one that looks like one we would make up. */
    agt_value *bad = parse("{\"usage\": {}, \"parts\": ["
                           "{\"type\": \"tool_call\", \"name\": \"t\"},"
                           "{\"type\": \"tool_call\", \"id\": \"\", \"name\": \"t\"},"
                           "{\"type\": \"tool_call\", \"id\": 5, \"name\": \"t\"},"
                           "{\"type\": \"tool_call\", \"id\": \"x\", \"name\": \"t\"},"
                           "{\"type\": \"tool_call\", \"id\": \"x\", \"name\": \"t\"},"
                           "{\"type\": \"tool_call\", \"id\": \"call_2_1\", \"name\": \"t\"}]}");
    assert_int_equal(agt__response_check(NULL, bad, 2, &checked, NULL), AGT_OK);
    assert_json(checked, "{\"usage\": {}, \"parts\": ["
                         "{\"type\": \"tool_call\", \"name\": \"t\", \"id\": \"call_2_7\"},"
                         "{\"type\": \"tool_call\", \"id\": \"call_2_2\", \"name\": \"t\"},"
                         "{\"type\": \"tool_call\", \"id\": \"call_2_3\", \"name\": \"t\"},"
                         "{\"type\": \"tool_call\", \"id\": \"x\", \"name\": \"t\"},"
                         "{\"type\": \"tool_call\", \"id\": \"call_2_5\", \"name\": \"t\"},"
                         "{\"type\": \"tool_call\", \"id\": \"call_2_1\", \"name\": \"t\"}]}");
    agt_value_unref(checked);
    agt_value_unref(bad);
}

static void reads_parts(void **state)
{
    (void)state;
    agt_value *parts = parse("[{\"type\": \"text\", \"text\": \"one\"},"
                             "{\"type\": \"reasoning\", \"text\": \"hm\"},"
                             "{\"type\": \"text\", \"text\": \"two\"},"
                             "{\"type\": \"tool_call\", \"id\": \"1\", \"name\": \"t\"},"
                             "{\"type\": \"tool_call\", \"id\": \"2\", \"name\": \"t\","
                             " \"arguments\": \"{\"}]");
    agt__tool_request call = {0};
    assert_false(agt__part_get_tool_call(agt_value_get_item(parts, 0), &call));
    assert_true(agt__part_get_tool_call(agt_value_get_item(parts, 3), &call));
    assert_string_equal(agt_value_get_string(call.id, NULL), "1");
    assert_string_equal(call.name, "t");
    assert_ptr_equal(call.arguments, agt_value_empty_object());
    assert_true(agt__part_get_tool_call(agt_value_get_item(parts, 4), &call));
    assert_null(call.arguments);
    assert_null(agt__part_get_text(agt_value_get_item(parts, 1)));

    agt_value *text = NULL;
    assert_int_equal(agt__parts_get_text(NULL, parts, 0, 5, &text), AGT_OK);
    assert_string_equal(agt_value_get_string(text, NULL), "one\n\ntwo");
    agt_value_unref(text);
    assert_int_equal(agt__parts_get_text(NULL, parts, 1, 3, &text), AGT_OK);
    assert_ptr_equal(text, agt_value_get_member(agt_value_get_item(parts, 2), "text"));
    agt_value_unref(text);
    assert_int_equal(agt__parts_get_text(NULL, parts, 3, 5, &text), AGT_OK);
    assert_null(text);
    agt_value_unref(parts);
    assert_int_equal(agt_value_get_count(agt__response_get_parts(NULL)), 0);
}

static void estimates_tokens(void **state)
{
    (void)state;
    assert_int_equal(agt__estimate_tokens(400), 101);
    agt_value *request = parse("{\"input_tokens_estimated\": -1}");
    assert_in_range(agt__request_estimate_tokens(request), 1, 20);
    agt_value_unref(request);
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_value *text = NULL, *message = NULL, *tool = NULL, *request = NULL, *checked = NULL;
    agt_value *parts = NULL, *joined = NULL, *again = NULL;
    agt__words words;
    static const char response[] =
        "{\"parts\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"},"
        "{\"type\":\"tool_call\",\"name\":\"t\"}]}";
    agt_status status = agt__words_init(&words, allocator, true);
    if (status != AGT_OK) {
        return;
    }
    status = agt_value_new_string(allocator, "hello", &text);
    if (status == AGT_OK) {
        status = agt__message_new_text(allocator, &words, AGT__WORD_USER, text, &message);
    }
    if (status == AGT_OK) {
        status = agt__message_new_tool(allocator, "t", "d", NULL, &tool);
    }
    if (status == AGT_OK) {
        const agt_value *messages[] = {message};
        agt__request r = {
            .system = text, .messages = messages, .message_count = 1, .tools = tool, .step = 1};
        status = agt__request_new(allocator, &r, &request);
    }
    if (status == AGT_OK) {
        status = agt_json_parse(allocator, response, strlen(response), NULL, &parts, NULL);
    }
    if (status == AGT_OK) {
        status = agt__response_check(allocator, parts, 1, &checked, NULL);
    }
    if (status == AGT_OK) {
        status = agt__parts_get_text(allocator, agt__response_get_parts(checked), 0, 3, &joined);
    }
    if (status == AGT_OK) {
        agt__tool_result result = {
            .id = text, .name = text, .outcome = AGT_OUTCOME_ERROR, .error = "x"};
        again = agt__part_new_result(allocator, &words, &result);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_value_unref(again);
    agt_value_unref(joined);
    agt_value_unref(checked);
    agt_value_unref(parts);
    agt_value_unref(request);
    agt_value_unref(tool);
    agt_value_unref(message);
    agt_value_unref(text);
    agt__words_deinit(&words);
}

static void survives_no_memory(void **state)
{
    (void)state;
    agt_test_torture(torture, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_requests),    cmocka_unit_test(builds_results),
        cmocka_unit_test(checks_responses),   cmocka_unit_test(gives_ids),
        cmocka_unit_test(reads_parts),        cmocka_unit_test(estimates_tokens),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
