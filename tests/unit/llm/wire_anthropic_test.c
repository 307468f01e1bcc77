/*
 * Anthropic Messages, by vectors in tests/data/llm/anthropic:
 *
 *   NAME.sse, NAME.json    a stream, and the response it makes: {"complete": …, "response": …,
 *                          "error": {"status", "says", "retryable"} if it ends with one}. It is
 *                          replayed split at every byte, and byte by byte, always to the same end
 *   requests/NAME.json     {"settings": …, "request": …, and "body" or "error"}
 *   answers/NAME.json      {"body": …, and "response" or "error"}: whole answers
 *   errors/NAME.json       {"http_status", "body" or "text", "status", "says", "retryable"}
 *
 * A name that begins with tN is about trap N of the list that issue 3 refers to.
 */
#include "llm/wire_anthropic.h"

#include "base/value.h"
#include "net/sse.h"

#include "support/env.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char folder[] = "tests/data/llm/anthropic";

/* ---- vectors ----------------------------------------------------------------------------------
 */

static agt_value *read_json(const char *path)
{
    size_t size = 0;
    char *text = agt_test_read_file(path, &size);
    agt_value *value = NULL;
    agt_error err = {0};
    agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = 1000);
    if (agt_json_parse(NULL, text, size, &config, &value, &err) != AGT_OK) {
        fail_msg("%s: %s", path, err.message);
    }
    free(text);
    return value;
}

static void assert_equals(const char *name, const agt_value *value, const agt_value *wanted)
{
    if (agt_value_equals(value, wanted)) {
        return;
    }
    agt_value *a = NULL;
    agt_value *b = NULL;
    assert_int_equal(agt_value_to_json(NULL, value, 0, &a), AGT_OK);
    assert_int_equal(agt_value_to_json(NULL, wanted, 0, &b), AGT_OK);
    fail_msg("%s:\n%s\nexpected\n%s", name, agt_value_get_string(a, NULL),
             agt_value_get_string(b, NULL));
}

static void assert_error(const char *name, const agt_error *err, const agt_value *wanted)
{
    const char *status = agt__value_member_text(wanted, "status", "");
    const char *says = agt__value_member_text(wanted, "says", "?");
    bool retryable = agt_value_get_bool(agt_value_get_member(wanted, "retryable"), false);
    if (strcmp(agt_status_get_name(err->status), status) != 0 ||
        strstr(err->message, says) == NULL ||
        ((err->flags & AGT_ERROR_RETRYABLE) != 0) != retryable) {
        fail_msg("%s: %s, flags %u: %s", name, agt_status_get_name(err->status), err->flags,
                 err->message);
    }
}

typedef void (*vector_fn)(const char *name, const char *path);

/* Calls @fn for each file of @sub that ends in @suffix, in no order. @return how many there were */
static size_t for_each(const char *sub, const char *suffix, vector_fn fn)
{
    char path[1024];
    size_t count = 0;
    (void)snprintf(path, sizeof(path), "%s/%s%s", agt_test_source_dir(), folder, sub);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t length = strlen(entry->d_name);
        if (length <= strlen(suffix) ||
            strcmp(entry->d_name + length - strlen(suffix), suffix) != 0) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s%s/%s", folder, sub, entry->d_name);
        fn(entry->d_name, path);
        count++;
    }
    (void)closedir(dir);
    return count;
}

/* ---- streams ----------------------------------------------------------------------------------
 */

typedef struct replay {
    agt__answer *answer;
    agt_status status;
    agt_error err;
    bool done;
    size_t told; /* bytes of text */
} replay;

static void on_answer(void *user_data, const agt__answer_event *event)
{
    replay *self = user_data;
    self->told += event->length;
}

static bool on_event(void *user_data, const agt__sse_event *event)
{
    replay *self = user_data;
    self->status = agt__wire_anthropic.stream_event(self->answer, event->type, event->data,
                                                    event->data_size, &self->done, &self->err);
    return self->status == AGT_OK && !self->done;
}

/* Feeds @stream in pieces: @first bytes, then @piece each. Gives the response. */
static agt_value *run(const agt_allocator *allocator, const char *stream, size_t size, size_t first,
                      size_t piece, replay *self)
{
    agt__sse *sse = NULL;
    agt_value *response = NULL;
    *self = (replay){0};
    if (agt__answer_new(allocator, 0, on_answer, self, &self->answer) != AGT_OK) {
        self->status = AGT_E_NOMEM;
        return NULL;
    }
    self->status = agt__sse_new(allocator, 0, on_event, self, &sse);
    size_t next = first;
    for (size_t at = 0; at < size && self->status == AGT_OK && !self->done;) {
        size_t count = next < size - at ? next : size - at;
        agt_status status = agt__sse_feed(sse, stream + at, count, NULL);
        if (self->status == AGT_OK && status != AGT_E_CANCELLED) {
            self->status = status;
        }
        at += count;
        next = piece;
    }
    agt__sse_free(sse);
    bool complete = self->status == AGT_OK && agt__answer_is_finished(self->answer);
    agt_status status = agt__answer_finish(self->answer, complete, &response, NULL);
    if (status != AGT_OK) {
        self->status = status;
    }
    agt__answer_free(self->answer);
    return response;
}

static size_t streams_step; /* of the bytes at which streams are split; 1 unless it is slow */

static void replay_stream(const char *name, const char *path)
{
    char expected_path[1024];
    size_t size = 0;
    char *stream = agt_test_read_file(path, &size);
    (void)snprintf(expected_path, sizeof(expected_path), "%.*s.json", (int)strlen(path) - 4, path);
    agt_value *expected = read_json(expected_path);
    const agt_value *error = agt_value_get_member(expected, "error");
    bool complete = agt_value_get_bool(agt_value_get_member(expected, "complete"), true);
    size_t told = SIZE_MAX;
    for (size_t split = 0; split <= size; split += streams_step) {
        replay self;
        /* Split 0 stands for pieces of one byte. */
        agt_value *response =
            run(NULL, stream, size, split > 0 ? split : 1, split > 0 ? size : 1, &self);
        assert_equals(name, response, agt_value_get_member(expected, "response"));
        assert_true(agt_value_is_tainted(response));
        assert_int_equal(agt_value_get_member(response, "truncated") == NULL, complete);
        if (error != NULL) {
            assert_error(name, &self.err, error);
        } else {
            assert_int_equal(self.status, AGT_OK);
        }
        assert_true(told == SIZE_MAX || told == self.told);
        told = self.told;
        agt_value_unref(response);
    }
    agt_value_unref(expected);
    free(stream);
}

static void streams_at_every_split(void **state)
{
    (void)state;
    const char *torture = getenv("AGT_TORTURE");
    streams_step = torture != NULL && strcmp(torture, "none") == 0 ? 97 : 1;
    assert_true(for_each("", ".sse", replay_stream) >= 45);
}

/* ---- whole answers ----------------------------------------------------------------------------
 */

static void decode_answer(const char *name, const char *path)
{
    agt_value *vector = read_json(path);
    agt__answer *answer = NULL;
    agt_value *response = NULL;
    agt_error err = {0};
    const agt_value *error = agt_value_get_member(vector, "error");
    assert_int_equal(agt__answer_new(NULL, 0, NULL, NULL, &answer), AGT_OK);
    agt_status status =
        agt__wire_anthropic.decode(agt_value_get_member(vector, "body"), answer, &err);
    if (error != NULL) {
        assert_int_equal(status, err.status);
        assert_error(name, &err, error);
    } else {
        assert_int_equal(status, AGT_OK);
        assert_int_equal(agt__answer_finish(answer, true, &response, NULL), AGT_OK);
        assert_equals(name, response, agt_value_get_member(vector, "response"));
    }
    agt_value_unref(response);
    agt__answer_free(answer);
    agt_value_unref(vector);
}

static void whole_answers(void **state)
{
    (void)state;
    assert_true(for_each("/answers", ".json", decode_answer) >= 8);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static agt__wire_settings read_settings(const agt_value *from)
{
    agt__wire_settings settings = {
        .model = agt__value_member_text(from, "model", "m"),
        .effort = agt__value_member_text(from, "effort", NULL),
        .temperature = agt_value_get_member(from, "temperature"),
        .extra = agt_value_get_member(from, "extra"),
        .stream = agt_value_get_bool(agt_value_get_member(from, "stream"), false),
        .cache = agt_value_get_bool(agt_value_get_member(from, "cache"), false),
        .no_strict = agt_value_get_bool(agt_value_get_member(from, "no_strict"), false),
    };
    if (agt_value_get_uint64(agt_value_get_member(from, "max_output_tokens"),
                             &settings.max_output_tokens) != AGT_OK) {
        settings.max_output_tokens = 100;
    }
    return settings;
}

static agt_value *encode(const agt_allocator *allocator, const agt__wire_settings *settings,
                         const agt_value *request, agt_error *err)
{
    agt__buffer body;
    agt_value *value = NULL;
    agt__buffer_init(&body, allocator, 0);
    agt_status status = agt__wire_anthropic.encode(allocator, settings, request, &body, err);
    if (status == AGT_OK) {
        agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = 1000);
        assert_int_equal(
            agt_json_parse(NULL, agt__buffer_text(&body), body.size, &config, &value, NULL),
            AGT_OK);
    } else {
        assert_int_equal(status, err->status);
    }
    agt__buffer_deinit(&body);
    return value;
}

static void encode_request(const char *name, const char *path)
{
    agt_value *vector = read_json(path);
    agt_error err = {0};
    const char *says = agt__value_member_text(vector, "error", NULL);
    agt__wire_settings settings = read_settings(agt_value_get_member(vector, "settings"));
    agt_value *body = encode(NULL, &settings, agt_value_get_member(vector, "request"), &err);
    if (says != NULL) {
        assert_null(body);
        assert_int_equal(err.status, AGT_E_INVALID);
        if (strstr(err.message, says) == NULL) {
            fail_msg("%s: %s", name, err.message);
        }
    } else if (body == NULL) {
        fail_msg("%s: %s", name, err.message);
    } else {
        assert_equals(name, body, agt_value_get_member(vector, "body"));
    }
    agt_value_unref(body);
    agt_value_unref(vector);
}

static void requests(void **state)
{
    (void)state;
    assert_true(for_each("/requests", ".json", encode_request) >= 20);
}

/* What the model said goes back as it came: thinking, redacted thinking, blocks nobody knows. */
static void answers_go_back_as_they_came(void **state)
{
    (void)state;
    static const char body[] =
        "{\"id\":\"m\",\"model\":\"x\",\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"Let\\u2028 me\\n\",\"signature\":\"Eq/+==\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"Em/+==\"},"
        "{\"type\":\"text\",\"text\":\" a \",\"citations\":[{\"type\":\"c\",\"n\":1.50}]},"
        "{\"type\":\"server_tool_use\",\"id\":\"s.1\",\"name\":\"web_search\",\"input\":{\"q\":1}},"
        "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s.1\",\"content\":[]},"
        "{\"type\":\"from_the_future\",\"x\":[{\"y\":null}]},"
        "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1,\"a\":2},"
        "\"caller\":{\"type\":\"direct\"}}],\"stop_reason\":\"tool_use\"}";
    static const char results[] =
        "{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_result\",\"id\":\"t1\",\"name\":\"f\","
        "\"outcome\":\"ok\",\"output\":null}]}";
    agt_value *sent = agt_test_value(NULL, body);
    agt_value *result = agt_test_value(NULL, results);
    agt_value *response = NULL;
    agt_value *request = NULL;
    agt__answer *answer = NULL;
    agt_error err = {0};
    assert_int_equal(agt__answer_new(NULL, 0, NULL, NULL, &answer), AGT_OK);
    assert_int_equal(agt__wire_anthropic.decode(sent, answer, NULL), AGT_OK);
    assert_int_equal(agt__answer_finish(answer, true, &response, NULL), AGT_OK);
    agt__answer_free(answer);

    agt_value_builder *b = NULL;
    assert_int_equal(agt_value_builder_new(NULL, &b), AGT_OK);
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "messages");
    agt_value_builder_begin_array(b);
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "role", "assistant");
    agt__builder_add_value(b, "parts", agt_value_get_member(response, "parts"));
    agt_value_builder_end(b);
    agt_value_builder_value(b, result);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    assert_int_equal(agt_value_builder_finish(b, &request, NULL), AGT_OK);
    agt_value_builder_free(b);

    agt__wire_settings settings = {.model = "m", .cache = true};
    agt_value *back = encode(NULL, &settings, request, &err);
    assert_non_null(back);
    const agt_value *message = agt_value_get_item(agt_value_get_member(back, "messages"), 0);
    agt_value *content = NULL;
    agt_value *wanted = NULL;
    /* Byte for byte, not only equal. */
    assert_int_equal(agt_value_to_json(NULL, agt_value_get_member(message, "content"), 0, &content),
                     AGT_OK);
    assert_int_equal(agt_value_to_json(NULL, agt_value_get_member(sent, "content"), 0, &wanted),
                     AGT_OK);
    assert_string_equal(agt_value_get_string(content, NULL), agt_value_get_string(wanted, NULL));
    agt_value_unref(wanted);
    agt_value_unref(content);
    agt_value_unref(back);
    agt_value_unref(request);
    agt_value_unref(response);
    agt_value_unref(result);
    agt_value_unref(sent);
}

/* ---- errors -----------------------------------------------------------------------------------
 */

static void read_error(const char *name, const char *path)
{
    agt_value *vector = read_json(path);
    int64_t http_status = 0;
    agt_error err = {0};
    assert_int_equal(agt_value_get_int64(agt_value_get_member(vector, "http_status"), &http_status),
                     AGT_OK);
    agt__wire_anthropic.read_error((int32_t)http_status, agt_value_get_member(vector, "body"),
                                   agt__value_member_text(vector, "text", NULL), &err);
    assert_error(name, &err, vector);
    assert_int_equal(err.cause, http_status);
    assert_null(strstr(err.message, "sk-"));
    agt_value_unref(vector);
}

static void errors(void **state)
{
    (void)state;
    assert_true(for_each("/errors", ".json", read_error) >= 12);
}

/* ---- no memory --------------------------------------------------------------------------------
 */

static void stream_without_memory(const agt_allocator *allocator, void *ctx)
{
    replay self;
    const char *stream = ctx;
    agt_value *response = run(allocator, stream, strlen(stream), 11, 50, &self);
    if (response == NULL) {
        assert_int_equal(self.status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
    agt_value_unref(response);
}

static void request_without_memory(const agt_allocator *allocator, void *ctx)
{
    const agt_value *vector = ctx;
    agt_error err = {0};
    agt__wire_settings settings = read_settings(agt_value_get_member(vector, "settings"));
    agt_value *body = encode(allocator, &settings, agt_value_get_member(vector, "request"), &err);
    if (body == NULL) {
        assert_int_equal(err.status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
    agt_value_unref(body);
}

static void torture_request(const char *name, const char *path)
{
    (void)name;
    agt_value *vector = read_json(path);
    if (agt_value_get_member(vector, "error") == NULL) {
        agt_test_torture(request_without_memory, vector);
    }
    agt_value_unref(vector);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    static const char *const names[] = {"t45_unknown_events_deltas_blocks",
                                        "thinking_and_redacted_thinking",
                                        "t5_t46_text_and_calls_that_overlap"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[256];
        size_t size = 0;
        (void)snprintf(path, sizeof(path), "%s/%s.sse", folder, names[i]);
        char *stream = agt_test_read_file(path, &size);
        agt_test_torture(stream_without_memory, stream);
        free(stream);
    }
    (void)for_each("/requests", ".json", torture_request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_at_every_split),
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(requests),
        cmocka_unit_test(answers_go_back_as_they_came),
        cmocka_unit_test(errors),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
