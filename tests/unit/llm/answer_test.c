/*
 * Answers put together from pieces: parts that interleave, characters that were cut in two,
 * arguments that are none, limits, usage, ends of all kinds, and no memory.
 */
#include "llm/answer.h"

#include "base/buffer.h"
#include "base/value.h"
#include "llm/halves.h"
#include "llm/message.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <string.h>

/* What a listener was told: text pieces joined, and one line for everything else. */
typedef struct listener {
    agt__buffer said;
    agt_usage usage;
    size_t usages;
} listener;

static void on_event(void *user_data, const agt__answer_event *event)
{
    listener *self = user_data;
    agt_value *json = NULL;
    switch (event->kind) {
    case AGT__ANSWER_EVENT_TEXT:
    case AGT__ANSWER_EVENT_REASONING:
        agt__buffer_add_format(
            &self->said, "%s%zu:", event->kind == AGT__ANSWER_EVENT_TEXT ? "t" : "r", event->index);
        agt__buffer_add(&self->said, event->text, event->length);
        agt__buffer_add_text(&self->said, "\n");
        break;
    case AGT__ANSWER_EVENT_TOOL_CALL:
        assert_true(agt_value_is_tainted(event->part));
        assert_int_equal(agt_value_to_json(NULL, event->part, 0, &json), AGT_OK);
        agt__buffer_add_format(&self->said, "c%zu:%s\n", event->index,
                               agt_value_get_string(json, NULL));
        agt_value_unref(json);
        break;
    case AGT__ANSWER_EVENT_USAGE:
        self->usage = event->usage;
        self->usages++;
        break;
    }
}

static agt__answer *new_answer(listener *self)
{
    agt__answer *answer = NULL;
    if (self != NULL) {
        *self = (listener){0};
        agt__buffer_init(&self->said, NULL, 0);
    }
    assert_int_equal(agt__answer_new(NULL, 0, self != NULL ? on_event : NULL, self, &answer),
                     AGT_OK);
    return answer;
}

static void append(agt__answer *answer, uint64_t key, const char *text)
{
    agt__answer_append(answer, key, text, strlen(text));
}

static void set(agt__answer *answer, uint64_t key, const char *member, const char *json)
{
    agt_value *value = agt_test_value(NULL, json);
    agt__answer_set(answer, key, member, value);
    agt_value_unref(value);
}

static void set_arguments(agt__answer *answer, uint64_t key, const char *json)
{
    agt_value *value = agt_test_value(NULL, json);
    agt__answer_set_arguments(answer, key, value);
    agt_value_unref(value);
}

static void begin_call(agt__answer *answer, uint64_t key, const char *id)
{
    assert_true(agt__answer_open(answer, key, AGT__ANSWER_TOOL_CALL));
    set(answer, key, "id", id);
    set(answer, key, "name", "\"f\"");
}

/* Ends the answer and checks the response. */
static void assert_response(agt__answer *answer, bool complete, const char *wanted)
{
    agt_value *response = NULL;
    agt_error err = {0};
    if (agt__answer_finish(answer, complete, &response, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_test_assert_json(response, wanted);
    assert_true(agt_value_is_tainted(response));
    agt_value_unref(response);
    agt__answer_free(answer);
}

/* The arguments that a call has in the end whose text is @text. */
static void assert_arguments(const char *text, const char *wanted)
{
    agt__answer *answer = new_answer(NULL);
    agt_value *response = NULL;
    begin_call(answer, 0, "\"a\"");
    append(answer, 0, text);
    agt__answer_close(answer, 0);
    assert_int_equal(agt__answer_finish(answer, true, &response, NULL), AGT_OK);
    const agt_value *part = agt_value_get_item(agt_value_get_member(response, "parts"), 0);
    agt_test_assert_json(agt_value_get_member(part, "arguments"), wanted);
    agt_value_unref(response);
    agt__answer_free(answer);
}

static void joins_parts_that_interleave(void **state)
{
    (void)state;
    listener told;
    agt__answer *answer = new_answer(&told);
    assert_true(agt__answer_open(answer, 7, AGT__ANSWER_TEXT));
    assert_false(agt__answer_open(answer, 7, AGT__ANSWER_TEXT));
    assert_true(agt__answer_open(answer, 2, AGT__ANSWER_REASONING));
    begin_call(answer, 9, "\"a\"");
    begin_call(answer, 4, "\"b\"");
    append(answer, 7, "Hel");
    append(answer, 9, "{\"x\"");
    append(answer, 2, "thi");
    append(answer, 4, "{\"y\":");
    append(answer, 7, "lo");
    append(answer, 9, ":1}");
    append(answer, 2, "nk");
    append(answer, 4, "2}");
    append(answer, 99, "nobody");
    set(answer, 2, "signature", "\"s1\"");
    set(answer, 2, "signature", "\"s2\"");
    set(answer, 9, "id", "\"other\"");
    set(answer, 9, "name", "\"\"");
    assert_int_equal(agt__answer_get_length(answer, 7), 5);
    assert_int_equal(agt__answer_get_kind(answer, 2), AGT__ANSWER_REASONING);
    assert_true(agt__answer_is_open(answer, 9));
    agt__answer_close_calls_but(answer, 4);
    assert_false(agt__answer_is_open(answer, 9));
    assert_true(agt__answer_is_open(answer, 4));
    agt__answer_close(answer, 4);
    agt__answer_close(answer, 4);
    agt__answer_close(answer, 12345);
    append(answer, 4, "too late");
    assert_string_equal(agt__buffer_text(&told.said),
                        "t0:Hel\nr1:thi\nt0:lo\nr1:nk\n"
                        "c2:{\"type\":\"tool_call\",\"id\":\"a\",\"name\":\"f\","
                        "\"arguments\":{\"x\":1}}\n"
                        "c3:{\"type\":\"tool_call\",\"id\":\"b\",\"name\":\"f\","
                        "\"arguments\":{\"y\":2}}\n");
    agt__answer_set_finish(answer, "stop", NULL);
    assert_response(answer, true,
                    "{\"parts\":[{\"type\":\"text\",\"text\":\"Hello\"},"
                    "{\"type\":\"reasoning\",\"signature\":\"s2\",\"text\":\"think\"},"
                    "{\"type\":\"tool_call\",\"id\":\"a\",\"name\":\"f\",\"arguments\":{\"x\":1}},"
                    "{\"type\":\"tool_call\",\"id\":\"b\",\"name\":\"f\",\"arguments\":{\"y\":2}}],"
                    "\"finish_reason\":\"tool_calls\"}");
    agt__buffer_deinit(&told.said);
}

static void keeps_opaque_parts_and_heads(void **state)
{
    (void)state;
    agt__answer *answer = new_answer(NULL);
    agt_value *value = agt_test_value(NULL, "{\"type\":\"odd\",\"x\":[1,null]}");
    agt_value *id = agt_test_value(NULL, "\"m1\"");
    agt_value *model = agt_test_value(NULL, "\"big\"");
    agt_value *none = agt_test_value(NULL, "\"\"");
    assert_true(agt__answer_open(answer, 1, AGT__ANSWER_OPAQUE));
    agt__answer_set_opaque(answer, 1, "anthropic", value);
    assert_true(agt__answer_open(answer, 2, AGT__ANSWER_TEXT));
    assert_true(agt__answer_has(answer, 2));
    agt__answer_drop(answer, 2);
    agt__answer_drop(answer, 2);
    assert_false(agt__answer_has(answer, 2));
    assert_true(agt__answer_open(answer, 3, AGT__ANSWER_OPAQUE));
    assert_true(agt__answer_open(answer, 2, AGT__ANSWER_TEXT));
    append(answer, 2, "x");
    agt__answer_set_head(answer, "id", id);
    agt__answer_set_head(answer, "id", none);
    agt__answer_set_head(answer, "model", id);
    agt__answer_set_head(answer, "model", model);
    agt__answer_set_head(answer, "other", model);
    agt__answer_set_finish(answer, "pause", model);
    agt__answer_set_finish(answer, NULL, id);
    assert_true(agt__answer_is_finished(answer));
    assert_response(answer, true,
                    "{\"parts\":[{\"type\":\"opaque\",\"format\":\"anthropic\","
                    "\"value\":{\"type\":\"odd\",\"x\":[1,null]}},"
                    "{\"type\":\"text\",\"text\":\"x\"}],"
                    "\"finish_reason\":\"pause\",\"finish_reason_raw\":\"big\","
                    "\"model\":\"big\",\"id\":\"m1\"}");
    agt_value_unref(none);
    agt_value_unref(model);
    agt_value_unref(id);
    agt_value_unref(value);
}

/* T6, T7, T8: what is no object is never run. */
static void arguments_of_every_kind(void **state)
{
    (void)state;
    assert_arguments("", "{}");
    assert_arguments(" \n", "{}");
    assert_arguments("null", "{}");
    assert_arguments(" null ", "{}");
    assert_arguments("{\"a\":[1,2]}", "{\"a\":[1,2]}");
    assert_arguments("{\"a\":1", "\"{\\\"a\\\":1\"");
    assert_arguments("{\"a\":1}{\"b\":2}", "\"{\\\"a\\\":1}{\\\"b\\\":2}\"");
    assert_arguments("{\"a\":1,\"a\":2}", "\"{\\\"a\\\":1,\\\"a\\\":2}\"");
    assert_arguments("[1]", "\"[1]\"");
    assert_arguments("nullx", "\"nullx\"");
    assert_arguments("true", "\"true\"");
    assert_arguments("{\"a\":\"\\ud83d\"}", "\"{\\\"a\\\":\\\"\\\\ud83d\\\"}\"");

    agt__answer *answer = new_answer(NULL);
    begin_call(answer, 0, "\"a\"");
    append(answer, 0, "junk");
    set_arguments(answer, 0, "{\"k\":\"v\"}");
    begin_call(answer, 1, "\"b\"");
    set_arguments(answer, 1, "\"{\\\"k\\\":2}\"");
    begin_call(answer, 2, "\"c\"");
    set_arguments(answer, 2, "[1]");
    begin_call(answer, 3, "\"d\"");
    append(answer, 3, "junk");
    set_arguments(answer, 3, "null");
    begin_call(answer, 4, "\"e\"");
    set_arguments(answer, 4, "{\"old\":1}");
    append(answer, 4, "{\"new\":1}");
    assert_true(agt__answer_open(answer, 5, AGT__ANSWER_TOOL_CALL));
    set(answer, 5, "id", "7");
    assert_null(agt__answer_get(answer, 5, "id"));
    assert_response(answer, true,
                    "{\"parts\":["
                    "{\"type\":\"tool_call\",\"id\":\"a\",\"name\":\"f\","
                    "\"arguments\":{\"k\":\"v\"}},"
                    "{\"type\":\"tool_call\",\"id\":\"b\",\"name\":\"f\",\"arguments\":{\"k\":2}},"
                    "{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\",\"arguments\":\"[1]\"},"
                    "{\"type\":\"tool_call\",\"id\":\"d\",\"name\":\"f\",\"arguments\":{}},"
                    "{\"type\":\"tool_call\",\"id\":\"e\",\"name\":\"f\",\"arguments\":{\"new\":1}}"
                    ",{\"type\":\"tool_call\",\"arguments\":{}}],"
                    "\"finish_reason\":\"tool_calls\"}");
}

/* Appends the string of a JSON text as a wire format would: halves are marked before parsing. */
static void append_json(agt__answer *answer, uint64_t key, const char *json)
{
    agt__buffer text;
    agt__buffer_init(&text, NULL, 0);
    (void)agt__halves_rewrite(json, strlen(json), true, &text);
    agt_value *value = agt_test_value(NULL, agt__buffer_text(&text));
    agt__answer_append_value(answer, key, value);
    agt_value_unref(value);
    agt__buffer_deinit(&text);
}

/* T30, T34 */
static void characters_that_were_cut_in_two(void **state)
{
    (void)state;
    listener told;
    agt__answer *answer = new_answer(&told);
    assert_true(agt__answer_open(answer, 0, AGT__ANSWER_TEXT));
    assert_true(agt__answer_open(answer, 1, AGT__ANSWER_REASONING));
    append_json(answer, 0, "\"a\\uD83D\"");
    append_json(answer, 1, "\"\\ud83d\""); /* has a half of its own */
    append_json(answer, 0, "\"\"");        /* nothing between the halves */
    append_json(answer, 0, "\"\\uDE42b\"");
    append_json(answer, 1, "\"x\"");       /* the other half did not come */
    append_json(answer, 0, "\"\\uDE42\""); /* a second half alone */
    append_json(answer, 0, "\"\\uD83D\"");
    append_json(answer, 0, "\"\\uD83D\""); /* twice the first half */
    append_json(answer, 0, "\"\\uDE42\\uD83D\"");
    append_json(answer, 0, "\"c\\uD83Dd\\uDE42e\""); /* in the middle */
    append_json(answer, 0, "\"\\uD83D\\uDE42\"");
    append_json(answer, 0, "\"x\\u0000y\\\\uD83D\"");
    append_json(answer, 1, "\"\\uD83D\""); /* to the end */
    agt_value *number = agt_test_value(NULL, "7");
    agt__answer_append_value(answer, 0, number);
    agt__answer_append_value(answer, 0, NULL);
    agt_value_unref(number);
    agt__answer_close(answer, 1);
    static const char said[] = "t0:a\nt0:\xF0\x9F\x99\x82\nt0:b\nr1:\xEF\xBF\xBD\nr1:x\n"
                               "t0:\xEF\xBF\xBD\nt0:\xEF\xBF\xBD\nt0:\xF0\x9F\x99\x82\n"
                               "t0:\xEF\xBF\xBD\nt0:c\xEF\xBF\xBD"
                               "d\xEF\xBF\xBD"
                               "e\nt0:\xF0\x9F\x99\x82\nt0:x\0y\\uD83D\nr1:\xEF\xBF\xBD\n";
    assert_int_equal(told.said.size, sizeof(said) - 1);
    assert_memory_equal(told.said.bytes, said, sizeof(said));
    agt__answer_set_finish(answer, "stop", NULL);
    assert_response(answer, true,
                    "{\"parts\":[{\"type\":\"text\",\"text\":\"a\xF0\x9F\x99\x82"
                    "b\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x99\x82\xEF\xBF\xBD"
                    "c\xEF\xBF\xBD"
                    "d\xEF\xBF\xBD"
                    "e\xF0\x9F\x99\x82x\\u0000y\\\\uD83D\"},"
                    "{\"type\":\"reasoning\",\"text\":\"\xEF\xBF\xBDx\xEF\xBF\xBD\"}],"
                    "\"finish_reason\":\"stop\"}");
    agt__buffer_deinit(&told.said);
}

static void halves_without_marks(void **state)
{
    (void)state;
    static const struct {
        const char *json, *wanted;
        bool found;
    } rows[] = {
        {"{\"a\":\"\\ud83d\"}", "{\"a\":\"\xEF\xBF\xBD\"}", true},
        {"\"\\ud83d\\ude42\"", "\"\\ud83d\\ude42\"", false},
        {"\"\\ud83d\\ud83d\\ude42\"", "\"\xEF\xBF\xBD\\ud83d\\ude42\"", true},
        {"\"\\\\ud83d\"", "\"\\\\ud83d\"", false},
        {"\"\\\"\\ude42\"", "\"\\\"\xEF\xBF\xBD\"", true},
        {"\\ud83d", "\\ud83d", false}, /* not in a string */
        {"\"\\ud83", "\"\\ud83", false},
        {"\"\\ud83g\"", "\"\\ud83g\"", false},
        {"\"\\", "\"\\", false},
        {"\"\\ud83d", "\"\xEF\xBF\xBD", true},
        {"", "", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        agt__buffer text;
        agt__buffer_init(&text, NULL, 0);
        assert_int_equal(agt__halves_rewrite(rows[i].json, strlen(rows[i].json), false, &text),
                         rows[i].found);
        assert_string_equal(agt__buffer_text(&text), rows[i].wanted);
        agt__buffer_deinit(&text);
    }
}

static agt_usage usage_of(int64_t input, int64_t output)
{
    agt_usage usage = agt_usage_unknown();
    usage.input_tokens = input;
    usage.output_tokens = output;
    return usage;
}

/* T14, T15, T36 */
static void usage_is_replaced_never_added(void **state)
{
    (void)state;
    listener told;
    agt__answer *answer = new_answer(&told);
    agt_usage none = agt_usage_unknown();
    agt_usage first = usage_of(10, 1);
    agt_usage last = usage_of(-5, 40);
    last.reasoning_tokens = 0;
    agt__answer_set_usage(answer, &none);
    assert_int_equal(told.usages, 0);
    agt__answer_set_usage(answer, &first);
    agt__answer_set_usage(answer, &last);
    agt__answer_set_usage(answer, &last);
    agt__answer_set_usage(answer, &none);
    assert_int_equal(told.usages, 2);
    assert_int_equal(told.usage.input_tokens, 10);
    assert_int_equal(told.usage.output_tokens, 40);
    assert_int_equal(agt__answer_get_usage(answer).cache_read_tokens, AGT_TOKENS_UNKNOWN);
    assert_response(answer, true,
                    "{\"parts\":[],\"finish_reason\":\"stop\",\"usage\":"
                    "{\"input_tokens\":10,\"output_tokens\":40,\"reasoning_tokens\":0}}");
    agt__buffer_deinit(&told.said);

    static const struct {
        const char *json;
        int64_t count;
    } rows[] = {
        {"12", 12},
        {"12.0", 12},
        {"\"12\"", 12},
        {"-1", -1},
        {"1.5", -1},
        {"\"\"", -1},
        {"\"1x\"", -1},
        {"\"-1\"", -1},
        {"null", -1},
        {"{}", -1},
        {"true", -1},
        {"9007199254740993", INT64_C(9007199254740993)},
        {"1e400", -1},
        {"1e3", 1000},
        {"\"1234567890123456789012\"", -1},
        {"99999999999999999999", -1},
    };
    assert_int_equal(agt__answer_read_count(NULL), AGT_TOKENS_UNKNOWN);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        agt_value *value = agt_test_value(NULL, rows[i].json);
        assert_int_equal(agt__answer_read_count(value), rows[i].count);
        agt_value_unref(value);
    }
}

/* T18: what was cut off is there, and is not run. */
static void answers_that_were_cut_off(void **state)
{
    (void)state;
    listener told;
    agt__answer *answer = new_answer(&told);
    begin_call(answer, 0, "\"a\"");
    append(answer, 0, "{\"path\":\"/tm");
    begin_call(answer, 1, "\"b\"");
    begin_call(answer, 2, "\"c\"");
    append(answer, 2, "{\"all\":1}");
    assert_response(answer, false,
                    "{\"parts\":["
                    "{\"type\":\"tool_call\",\"id\":\"a\",\"name\":\"f\","
                    "\"arguments\":\"{\\\"path\\\":\\\"/tm\"},"
                    "{\"type\":\"tool_call\",\"id\":\"b\",\"name\":\"f\",\"arguments\":\"\"},"
                    "{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\","
                    "\"arguments\":{\"all\":1}}],"
                    "\"truncated\":true}");
    assert_int_equal(told.said.size, 0); /* none of them was told */
    agt__buffer_deinit(&told.said);

    static const char *const reasons[] = {"length", "content_filter", "refusal"};
    for (size_t i = 0; i < 3; i++) {
        answer = new_answer(NULL);
        begin_call(answer, 0, "\"a\"");
        agt__answer_set_finish(answer, "stop", NULL);
        agt__answer_set_finish(answer, reasons[i], NULL);
        char wanted[200];
        (void)snprintf(wanted, sizeof(wanted),
                       "{\"parts\":[{\"type\":\"tool_call\",\"id\":\"a\",\"name\":\"f\","
                       "\"arguments\":\"\"}],\"finish_reason\":\"%s\"}",
                       reasons[i]);
        assert_response(answer, true, wanted);
    }
    answer = new_answer(NULL);
    assert_true(agt__answer_open(answer, 0, AGT__ANSWER_TEXT));
    append(answer, 0, "half a sen");
    assert_response(answer, false,
                    "{\"parts\":[{\"type\":\"text\",\"text\":\"half a sen\"}],"
                    "\"truncated\":true}");
}

static void assert_limit(agt__answer *answer, const char *what)
{
    agt_value *response = NULL;
    agt_error err = {0};
    /* The first failure stays: nothing that follows changes anything. */
    assert_false(agt__answer_open(answer, UINT64_MAX, AGT__ANSWER_TEXT));
    assert_false(agt__answer_has(answer, UINT64_MAX));
    append(answer, 0, "x");
    set(answer, 0, "name", "\"x\"");
    agt__answer_close(answer, 0);
    agt__answer_close_calls_but(answer, 0);
    assert_int_equal(agt__answer_finish(answer, true, &response, &err), AGT_E_LIMIT);
    assert_null(response);
    if (strstr(err.message, what) == NULL) {
        fail_msg("%s, expected %s", err.message, what);
    }
    agt__answer_free(answer);
}

static agt__answer *new_small(size_t bytes_max)
{
    agt__answer *answer = NULL;
    assert_int_equal(agt__answer_new(NULL, bytes_max, NULL, NULL, &answer), AGT_OK);
    return answer;
}

static void limits(void **state)
{
    (void)state;
    agt__answer *answer = new_small(10);
    assert_true(agt__answer_open(answer, 0, AGT__ANSWER_TEXT));
    append(answer, 0, "12345");
    assert_true(agt__answer_open(answer, 1, AGT__ANSWER_TEXT));
    append(answer, 1, "12345");
    append(answer, 1, "6");
    assert_limit(answer, "more than 10 bytes");

    answer = new_small(10);
    begin_call(answer, 0, "\"a\"");
    set_arguments(answer, 0, "{\"long\":\"argument\"}");
    assert_limit(answer, "more than 10 bytes");

    answer = new_small(0);
    for (uint64_t i = 0; i < 1024; i++) {
        assert_true(agt__answer_open(answer, i, AGT__ANSWER_TEXT));
    }
    assert_false(agt__answer_open(answer, 1024, AGT__ANSWER_TEXT));
    assert_limit(answer, "more than 1024 parts");

    /* Members that are replaced count once. */
    answer = new_small(100);
    assert_true(agt__answer_open(answer, 0, AGT__ANSWER_REASONING));
    for (int i = 0; i < 100; i++) {
        set(answer, 0, "signature", "\"1234567890\"");
    }
    begin_call(answer, 1, "\"a\"");
    for (int i = 0; i < 100; i++) {
        set_arguments(answer, 1, i % 2 ? "\"{  }\"" : "{\"a\":1}");
    }
    assert_response(answer, true,
                    "{\"parts\":[{\"type\":\"reasoning\",\"signature\":\"1234567890\","
                    "\"text\":\"\"},"
                    "{\"type\":\"tool_call\",\"id\":\"a\",\"name\":\"f\",\"arguments\":{}}],"
                    "\"finish_reason\":\"tool_calls\"}");
}

static void without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt__answer *answer = NULL;
    agt_value *response = NULL;
    agt_value *call = agt_test_value(NULL, "\"call\"");
    agt_value *odd = agt_test_value(NULL, "{\"type\":\"odd\"}");
    agt_status status = agt__answer_new(allocator, 0, NULL, NULL, &answer);
    if (status == AGT_OK) {
        agt_usage usage = usage_of(1, 2);
        (void)agt__answer_open(answer, 0, AGT__ANSWER_REASONING);
        append(answer, 0, "because");
        agt__answer_set(answer, 0, "signature", call);
        (void)agt__answer_open(answer, 1, AGT__ANSWER_TEXT);
        append_json(answer, 1, "\"so\\uD83D\"");
        (void)agt__answer_open(answer, 2, AGT__ANSWER_TOOL_CALL);
        agt__answer_set(answer, 2, "id", call);
        agt__answer_set(answer, 2, "name", call);
        append(answer, 2, "{\"a\":{\"b\":[1,2,\"c\"]}}");
        agt__answer_close(answer, 2);
        (void)agt__answer_open(answer, 3, AGT__ANSWER_TOOL_CALL);
        agt__answer_set_arguments(answer, 3, odd);
        (void)agt__answer_open(answer, 4, AGT__ANSWER_OPAQUE);
        assert_int_equal(agt__answer_get_kind(answer, 4), AGT__ANSWER_OPAQUE);
        agt__answer_set_opaque(answer, 4, "x", odd);
        (void)agt__answer_open(answer, 5, AGT__ANSWER_TOOL_CALL);
        append(answer, 5, "{not json");
        agt__answer_set_head(answer, "id", call);
        agt__answer_set_finish(answer, "stop", call);
        agt__answer_set_usage(answer, &usage);
        status = agt__answer_finish(answer, true, &response, NULL);
        agt__answer_free(answer);
    }
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
        assert_null(response);
    }
    agt_value_unref(response);
    agt_value_unref(odd);
    agt_value_unref(call);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    agt_test_torture(without_memory, NULL);
}

int main(void)
{
    agt__answer_free(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_parts_that_interleave),
        cmocka_unit_test(keeps_opaque_parts_and_heads),
        cmocka_unit_test(arguments_of_every_kind),
        cmocka_unit_test(characters_that_were_cut_in_two),
        cmocka_unit_test(halves_without_marks),
        cmocka_unit_test(usage_is_replaced_never_added),
        cmocka_unit_test(answers_that_were_cut_off),
        cmocka_unit_test(limits),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
