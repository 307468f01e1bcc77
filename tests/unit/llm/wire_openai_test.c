/*
 * Chat Completions: the vectors of tests/data/llm/openai; t01 … are the traps of the formats. What
 * is too large for a file is made here.
 */
#include "base/buffer.h"
#include "base/value.h"

#include "support/test.h"
#include "support/wire_vectors.h"

#include <stdlib.h>
#include <string.h>

static const char begin[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[";
static const char end[] = "]}}]}\n\n";
static const char last[] =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: [DONE]\n\n";

/* All arguments of a call in one event, as Google's layer and Ollama send them. */
static void t31_a_line_of_two_megabytes(void **state)
{
    (void)state;
    enum {
        size = 2 * 1024 * 1024
    };
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    agt__buffer stream;
    agt__buffer_init(&stream, NULL, 0);
    agt__buffer_add_text(&stream, begin);
    agt__buffer_add_text(&stream, "{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                                  "\"arguments\":\"{\\\"t\\\":\\\"");
    agt__buffer_add(&stream, text, size);
    agt__buffer_add_text(&stream, "\\\"}\"}}");
    agt__buffer_add_text(&stream, end);
    agt__buffer_add_text(&stream, last);
    assert_int_equal(stream.status, AGT_OK);
    static const size_t cuts[] = {1, 100, 65536, size, size + 200};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        const agt_value *found = NULL;
        size_t length = 0;
        agt_test_wire_result result =
            agt_test_wire_stream(NULL, &agt__wire_openai, stream.bytes, stream.size, cuts[i]);
        assert_int_equal(result.status, AGT_OK);
        assert_int_equal(
            agt_value_get_pointer(result.response, "/parts/0/arguments/t", &found, NULL), AGT_OK);
        assert_non_null(agt_value_get_string(found, &length));
        assert_int_equal(length, size);
        agt_value_unref(result.response);
    }
    agt__buffer_deinit(&stream);
    free(text);
}

/* Whole calls without an id, all under one index. */
static agt_test_wire_result receive_calls(size_t count)
{
    agt__buffer stream;
    agt__buffer_init(&stream, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        agt__buffer_add_text(&stream, begin);
        agt__buffer_add_format(&stream,
                               "{\"index\":0,\"function\":{\"name\":\"f\","
                               "\"arguments\":\"{\\\"n\\\":%zu}\"}}",
                               i);
        agt__buffer_add_text(&stream, end);
    }
    agt__buffer_add_text(&stream, last);
    assert_int_equal(stream.status, AGT_OK);
    agt_test_wire_result result =
        agt_test_wire_stream(NULL, &agt__wire_openai, stream.bytes, stream.size, 1);
    agt__buffer_deinit(&stream);
    return result;
}

static void a_thousand_calls_under_one_index(void **state)
{
    (void)state;
    agt_test_wire_result result = receive_calls(1000);
    const agt_value *parts = agt_value_get_member(result.response, "parts");
    assert_int_equal(result.status, AGT_OK);
    assert_int_equal(agt_value_get_count(parts), 1000);
    for (size_t i = 0; i < 1000; i++) {
        int64_t number = -1;
        const agt_value *arguments =
            agt_value_get_member(agt_value_get_item(parts, i), "arguments");
        assert_int_equal(agt_value_get_int64(agt_value_get_member(arguments, "n"), &number),
                         AGT_OK);
        assert_int_equal(number, i);
    }
    agt_value_unref(result.response);
}

static void more_calls_than_that_are_an_error(void **state)
{
    (void)state;
    agt_test_wire_result result = receive_calls(3000);
    assert_int_equal(result.status, AGT_E_LIMIT);
    assert_null(result.response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t31_a_line_of_two_megabytes),
        cmocka_unit_test(a_thousand_calls_under_one_index),
        cmocka_unit_test(more_calls_than_that_are_an_error),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return agt_test_wire_vectors(&agt__wire_openai, "tests/data/llm/openai", "messages") + failed;
}
