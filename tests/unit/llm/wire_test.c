/*
 * What formats share: how they are found, how a server's JSON is read, and what a status of HTTP
 * means.
 */
#include "llm/wire.h"

#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdlib.h>
#include <string.h>

static void formats_are_found_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"anthropic", "openai", "openai-responses"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const agt__wire *wire = agt__wire_find(names[i]);
        assert_non_null(strstr(agt__wire_get_names(), names[i]));
        if (wire != NULL) {
            assert_string_equal(wire->name, names[i]);
            assert_non_null(wire->encode);
            assert_non_null(wire->decode);
            assert_non_null(wire->stream_event);
            assert_non_null(wire->read_error);
        }
    }
    assert_null(agt__wire_find("morse"));
    assert_null(agt__wire_find(""));
}

static void assert_parse(const char *text, bool is_piece, const char *wanted)
{
    agt_value *value = NULL;
    agt_error err = {0};
    if (agt__wire_parse(NULL, text, strlen(text), is_piece, &value, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_test_assert_json(value, wanted);
    assert_true(agt_value_is_tainted(value));
    agt_value_unref(value);
}

/* T30, T35, T37 */
static void json_of_servers(void **state)
{
    (void)state;
    agt_value *value = NULL;
    agt_error err = {0};
    assert_parse("{\"a\":1,\"a\":2}", false, "{\"a\":2}");
    assert_parse("{\"a\":\"x\\ud83d\"}", false, "{\"a\":\"x\xEF\xBF\xBD\"}");
    assert_parse("{\"a\":\"\\ud83d\\ude42\"}", true, "{\"a\":\"\xF0\x9F\x99\x82\"}");
    assert_parse("[\"\\ud83d\"]", true, "[\"\xEF\xB7\x90\xEF\xB7\x93\xEF\xB7\x9D\"]");
    static const char *const bad[] = {"", "<html>", "{\"a\":", "\"\\ud83d", "{} {}", "\xFF"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(agt__wire_parse(NULL, bad[i], strlen(bad[i]), true, &value, &err),
                         AGT_E_MODEL);
        assert_non_null(strstr(err.message, "no JSON"));
    }
    enum {
        depth = 100000
    };
    char *bomb = malloc(depth);
    assert_non_null(bomb);
    memset(bomb, '[', depth);
    assert_int_equal(agt__wire_parse(NULL, bomb, depth, false, &value, &err), AGT_E_MODEL);
    free(bomb);
    assert_null(value);
}

static void without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    static const char text[] = "{\"a\":\"\\ud83d\",\"b\":[1,2]}";
    agt_value *value = NULL;
    agt_error err = {0};
    agt_status status = agt__wire_parse(allocator, text, sizeof(text) - 1, true, &value, &err);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_int_equal(err.status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
    agt_value_unref(value);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    agt_test_torture(without_memory, NULL);
}

static void errors_by_http_status(void **state)
{
    (void)state;
    static const struct {
        int32_t http_status;
        agt_status status;
        bool retryable;
        const char *message;
    } rows[] = {
        {400, AGT_E_HTTP, false, "does not take"},
        {401, AGT_E_HTTP, false, "the key was refused"},
        {402, AGT_E_HTTP, false, "credit"},
        {403, AGT_E_HTTP, false, "may not"},
        {404, AGT_E_HTTP, false, "name of the model"},
        {408, AGT_E_HTTP, true, "too long"},
        {409, AGT_E_HTTP, true, "refused"},
        {413, AGT_E_LIMIT, false, "too large"},
        {429, AGT_E_RATE_LIMITED, true, "too many"},
        {500, AGT_E_HTTP, true, "failed"},
        {501, AGT_E_HTTP, false, "failed"},
        {502, AGT_E_HTTP, true, "gateway"},
        {503, AGT_E_HTTP, true, "overloaded"},
        {504, AGT_E_HTTP, true, "too long"},
        {529, AGT_E_HTTP, true, "overloaded"},
    };
    agt_error err;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        err = (agt_error){0};
        agt__wire_set_error(&err, rows[i].http_status, NULL, NULL);
        assert_int_equal(err.status, rows[i].status);
        assert_int_equal(err.cause, rows[i].http_status);
        assert_int_equal((err.flags & AGT_ERROR_RETRYABLE) != 0, rows[i].retryable);
        assert_non_null(strstr(err.message, rows[i].message));
    }
    agt__wire_set_error(&err, 400, "invalid_request_error", "no\nsuch\x01thing");
    assert_string_equal(err.message, "HTTP 400 invalid_request_error: no such thing");
    agt__wire_set_error(&err, 400, "", "");
    assert_string_equal(err.message, "HTTP 400: the server does not take this request");
    agt__wire_set_error(NULL, 400, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_found_by_name),
        cmocka_unit_test(json_of_servers),
        cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(errors_by_http_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
