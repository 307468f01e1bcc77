/* The paths of scripts: what each root means, names of tools with dots, what is said when nothing
 * is there. */
#include "llm/script.h"

#include "support/test.h"
#include "support/torture.h"

#include <string.h>

static const char request_text[] =
    "{\"agent\": \"history\", \"step\": 3, \"messages\": ["
    "{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"text\": \"{\\\"repo\\\": "
    "\\\"/r\\\"}\"}]},"
    "{\"role\": \"assistant\", \"parts\": []},"
    "{\"role\": \"tool\", \"parts\": ["
    "  {\"type\": \"tool_result\", \"id\": \"1\", \"name\": \"churn\", \"outcome\": \"ok\","
    "   \"output\": {\"total\": 1}},"
    "  {\"type\": \"tool_result\", \"id\": \"2\", \"name\": \"size\", \"outcome\": \"timeout\","
    "   \"error\": \"too slow\"},"
    "  {\"type\": \"tool_result\", \"id\": \"3\", \"name\": \"git.log\", \"outcome\": \"ok\","
    "   \"output\": {\"a\": {\"b\": 5}}}]},"
    "{\"role\": \"tool\", \"parts\": ["
    "  {\"type\": \"tool_result\", \"id\": \"4\", \"name\": \"churn\", \"outcome\": \"ok\","
    "   \"output\": {\"total\": 2, \"list\": [7, 8]}},"
    "  {\"type\": \"tool_result\", \"id\": \"5\", \"name\": \"churn\", \"outcome\": \"error\","
    "   \"error\": \"broken\"},"
    "  {\"type\": \"tool_result\", \"id\": \"6\", \"name\": \"count\", \"outcome\": \"ok\","
    "   \"output\": 4}]},"
    "{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"text\": \"later\"}]}]}";

static agt_value *parse(const agt_allocator *allocator, const char *text)
{
    agt_value *value = NULL;
    assert_int_equal(agt_json_parse(allocator, text, strlen(text), NULL, &value, NULL), AGT_OK);
    return value;
}

typedef struct example {
    const char *path;
    const char *result; /* JSON; of what is not there, a part of the message */
    bool there;
} example;

static const example paths[] = {
    {"input", "\"{\\\"repo\\\": \\\"/r\\\"}\"", true},
    {"input.repo", "\"/r\"", true},
    {"input.other", "input.other is not there: input is an object with repo", false},
    {"agent", "\"history\"", true},
    {"step", "3", true},
    {"results.count", "4", true},
    {"results.churn", "results.churn is not there: its outcome is error, broken", false},
    {"errors.churn", "\"broken\"", true},
    {"outcomes.churn", "\"error\"", true},
    {"outcomes.size", "\"timeout\"", true},
    {"errors.size", "\"too slow\"", true},
    {"errors.count", "errors.count is not there: its outcome is ok", false},
    {"results.git.log.a.b", "5", true},
    {"results.git.log.a.c", "results.git.log.a is an object with b", false},
    {"results.git", "there are results of count, churn, git.log, size", false},
    {"results", "there are results of", false},
    {"calls.churn.1.total", "1", true},
    {"calls.churn.2.list.1", "8", true},
    {"calls.churn.3", "null", true},
    {"calls.churn.4", "calls.churn has 3 calls, from 1", false},
    {"calls.churn.0", "calls.churn has 3 calls, from 1", false},
    {"calls.churn.1x", "calls.churn has 3 calls", false},
    {"calls.churn", "[{\"total\": 1}, {\"total\": 2, \"list\": [7, 8]}, null]", true},
    {"calls.size", "[null]", true},
    {"calls.nobody", "there are results of", false},
    {"outputs.x", "a path begins with input, results", false},
};

static const example pointers[] = {
    {"/input/repo", "\"/r\"", true},
    {"/input", "\"{\\\"repo\\\": \\\"/r\\\"}\"", true},
    {"/agent", "\"history\"", true},
    {"/results/git.log/a/b", "5", true},
    {"/results/count", "4", true},
    {"/calls/churn/0/total", "1", true},
    {"/outcomes/churn", "\"error\"", true},
    {"/results/churn/total", "its outcome is error", false},
    {"/results/nobody", "there are results of", false},
    {"/results", "there are results of", false},
    {"/outputs/x", "a pointer begins with /input", false},
    {"/results/git.log/x", "has no member \"x\"", false},
};

typedef agt_status (*get_fn)(agt__script_context *context, const char *path, agt_value **ret_value,
                             agt_error *err);

static agt_status get_path(agt__script_context *context, const char *path, agt_value **ret_value,
                           agt_error *err)
{
    return agt__script_context_get(context, path, strlen(path), ret_value, err);
}

static void check(const example *examples, size_t count, get_fn get)
{
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *request = parse(&heap.allocator, request_text);
    for (size_t i = 0; i < count; i++) {
        agt__script_context context;
        agt__script_context_init(&context, &heap.allocator, request);
        agt_value *value = NULL;
        agt_error err = {0};
        agt_status status = get(&context, examples[i].path, &value, &err);
        if (examples[i].there) {
            if (status != AGT_OK) {
                fail_msg("%s: %s", examples[i].path, err.message);
            }
            agt_value *wanted = parse(NULL, examples[i].result);
            assert_true(agt_value_equals(value, wanted));
            agt_value_unref(wanted);
            agt_value_unref(value);
        } else {
            if (status != AGT_E_NOT_FOUND || err.status != status ||
                strstr(err.message, examples[i].result) == NULL) {
                fail_msg("%s: %s", examples[i].path, err.message);
            }
        }
        agt__script_context_deinit(&context);
    }
    agt_value_unref(request);
    agt_test_heap_deinit(&heap);
}

static void finds_paths(void **state)
{
    (void)state;
    check(paths, sizeof(paths) / sizeof(paths[0]), get_path);
}

static void finds_pointers(void **state)
{
    (void)state;
    check(pointers, sizeof(pointers) / sizeof(pointers[0]), agt__script_context_get_pointer);
}

static void takes_any_request(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "null", "{}", "{\"messages\": 5}", "{\"messages\": [1, {\"role\": \"tool\"}]}",
        "{\"messages\": [{\"role\": \"tool\", \"parts\": [{\"type\": \"tool_result\"}]}]}"};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        agt_value *request = parse(NULL, requests[i]);
        agt__script_context context;
        agt__script_context_init(&context, NULL, request);
        agt_value *value = NULL;
        agt_error err = {0};
        assert_int_equal(get_path(&context, "input", &value, &err), AGT_OK);
        assert_string_equal(agt_value_get_string(value, NULL), "");
        agt_value_unref(value);
        assert_int_equal(get_path(&context, "input.x", &value, &err), AGT_E_NOT_FOUND);
        assert_int_equal(get_path(&context, "agent", &value, &err), AGT_E_NOT_FOUND);
        assert_string_equal(err.message, "agent is not in the request");
        assert_int_equal(get_path(&context, "results.x", &value, &err), AGT_E_NOT_FOUND);
        agt__script_context_deinit(&context);
        agt_value_unref(request);
    }
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    static const char *const some[] = {"input", "input.repo", "calls.churn", "results.git.log.a"};
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        agt__script_context context;
        agt__script_context_init(&context, allocator, ctx);
        agt_value *value = NULL;
        agt_status status = get_path(&context, some[i], &value, NULL);
        assert_true(status == AGT_OK || status == AGT_E_NOMEM);
        agt_value_unref(value);
        agt__script_context_deinit(&context);
    }
}

static void survives_no_memory(void **state)
{
    (void)state;
    agt_value *request = parse(NULL, request_text);
    agt_test_torture(torture, request);
    agt_value_unref(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_paths),
        cmocka_unit_test(finds_pointers),
        cmocka_unit_test(takes_any_request),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
