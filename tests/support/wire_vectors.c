/*
 * Wire formats against files.
 */
#include "support/wire_vectors.h"

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
#include <sys/stat.h>

enum {
    vectors_max = 200,
    path_size = 1024
};

typedef struct vector {
    char name[160];
    char path[path_size]; /* without the ending */
    const agt__wire *wire;
    const char *sent;
} vector;

/* ---- running a format -------------------------------------------------------------------------
 */

typedef struct reader {
    const agt__wire *wire;
    agt__answer *answer;
    agt_status status;
    agt_error *err;
    bool done;
} reader;

static bool on_event(void *user_data, const agt__sse_event *event)
{
    reader *self = user_data;
    self->status = self->wire->stream_event(self->answer, event->type, event->data,
                                            event->data_size, &self->done, self->err);
    return self->status == AGT_OK && !self->done;
}

/* The end: the response, whole or not, and whether it is. */
static void finish(agt__answer *answer, bool complete, agt_test_wire_result *result)
{
    agt_error err = {0};
    agt_status status =
        agt__answer_finish(answer, complete && result->status == AGT_OK, &result->response, &err);
    if (result->status == AGT_OK && status != AGT_OK) {
        result->status = status;
        result->err = err;
    } else if (result->status == AGT_OK && !complete) {
        result->status = AGT_E_MODEL;
        snprintf(result->err.message, sizeof(result->err.message), "truncated");
    }
    result->usage = agt__answer_get_usage(answer);
    agt__answer_free(answer);
}

/* One piece, as a copy of exactly its size: reading beyond it is seen. */
static agt_status feed_piece(agt__sse *sse, const char *bytes, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    agt_status status = agt__sse_feed(sse, copy, size, NULL);
    free(copy);
    return status;
}

static agt_status feed(agt__sse *sse, const char *bytes, size_t size, size_t cut)
{
    agt_status status = AGT_OK;
    if (cut <= size) {
        status = feed_piece(sse, bytes, cut);
        return status == AGT_OK ? feed_piece(sse, bytes + cut, size - cut) : status;
    }
    for (size_t at = 0; at < size && status == AGT_OK; at++) {
        status = feed_piece(sse, bytes + at, 1);
    }
    return status;
}

agt_test_wire_result agt_test_wire_stream(const agt_allocator *allocator, const agt__wire *wire,
                                          const char *bytes, size_t size, size_t cut)
{
    agt_test_wire_result result = {.status = AGT_OK, .usage = agt_usage_unknown()};
    reader self = {.wire = wire, .err = &result.err};
    agt__sse *sse = NULL;
    result.status = agt__answer_new(allocator, 0, NULL, NULL, &self.answer);
    if (result.status != AGT_OK) {
        return result;
    }
    result.status = agt__sse_new(allocator, 0, on_event, &self, &sse);
    if (result.status == AGT_OK) {
        agt_status status = feed(sse, bytes, size, cut);
        result.status = status == AGT_E_CANCELLED ? self.status : status;
        agt__sse_free(sse);
    }
    finish(self.answer, self.done || agt__answer_is_finished(self.answer), &result);
    return result;
}

agt_test_wire_result agt_test_wire_body(const agt_allocator *allocator, const agt__wire *wire,
                                        const char *bytes, size_t size)
{
    agt_test_wire_result result = {.status = AGT_OK, .usage = agt_usage_unknown()};
    agt__answer *answer = NULL;
    agt_value *body = NULL;
    result.status = agt__answer_new(allocator, 0, NULL, NULL, &answer);
    if (result.status != AGT_OK) {
        return result;
    }
    result.status = agt__wire_parse(allocator, bytes, size, false, &body, &result.err);
    if (result.status == AGT_OK) {
        result.status = wire->decode(body, answer, &result.err);
        agt_value_unref(body);
    }
    finish(answer, true, &result);
    return result;
}

/* ---- what is expected -------------------------------------------------------------------------
 */

static char *read_beside(const vector *self, const char *ending, size_t *ret_size)
{
    char path[path_size + 16];
    struct stat info;
    snprintf(path, sizeof(path), "%s.%s", self->path, ending);
    return stat(path, &info) == 0 ? agt_test_read_file(path, ret_size) : NULL;
}

static void show_and_fail(const char *what, const agt_value *found, const agt_value *expected)
{
    agt_value *found_text = NULL;
    agt_value *expected_text = NULL;
    if (agt_value_to_json(NULL, found, AGT_JSON_PRETTY, &found_text) == AGT_OK &&
        agt_value_to_json(NULL, expected, AGT_JSON_PRETTY, &expected_text) == AGT_OK) {
        print_error("%s: found %s\nexpected %s\n", what, agt_value_get_string(found_text, NULL),
                    agt_value_get_string(expected_text, NULL));
    }
    agt_value_unref(found_text);
    agt_value_unref(expected_text);
    fail_msg("%s is not as expected", what);
}

static void expect_equal(const char *what, const agt_value *found, const agt_value *expected)
{
    if (!agt_value_equals(found, expected)) {
        show_and_fail(what, found, expected);
    }
}

static void expect_error(const agt_value *expected, agt_status status, const agt_error *err)
{
    const agt_value *retryable = agt_value_get_member(expected, "retryable");
    const char *says = agt__value_member_text(expected, "says", "");
    const char *silent = agt__value_member_text(expected, "silent", "\x01");
    int64_t cause = 0;
    assert_string_equal(agt_status_get_name(status),
                        agt__value_member_text(expected, "status", ""));
    if (strstr(err->message, says) == NULL || strstr(err->message, silent) != NULL) {
        fail_msg("\"%s\" does not say \"%s\", or says \"%s\"", err->message, says, silent);
    }
    if (retryable != NULL) {
        assert_int_equal((err->flags & AGT_ERROR_RETRYABLE) != 0,
                         agt_value_get_bool(retryable, false));
    }
    if (agt_value_get_int64(agt_value_get_member(expected, "cause"), &cause) == AGT_OK) {
        assert_int_equal(err->cause, cause);
    }
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static agt__wire_settings read_settings(const agt_value *value)
{
    agt__wire_settings settings = {.model = agt__value_member_text(value, "model", "m")};
    const agt_value *tokens = agt_value_get_member(value, "max_output_tokens");
    if (agt_value_get_uint64(tokens, &settings.max_output_tokens) != AGT_OK) {
        settings.max_output_tokens = 0;
    }
    const agt_value *effort = agt_value_get_member(value, "effort");
    settings.effort = agt_value_get_string(effort, NULL);
    settings.temperature = agt_value_get_member(value, "temperature");
    settings.extra = agt_value_get_member(value, "extra");
    settings.stream = agt_value_get_bool(agt_value_get_member(value, "stream"), false);
    settings.cache = agt_value_get_bool(agt_value_get_member(value, "cache"), false);
    settings.no_strict = agt_value_get_bool(agt_value_get_member(value, "no_strict"), false);
    settings.old_tokens = agt_value_get_bool(agt_value_get_member(value, "old_tokens"), false);
    return settings;
}

static agt_status encode(const vector *self, const agt_allocator *allocator,
                         const agt_value *settings_value, const agt_value *request,
                         agt_value **ret_body, agt_error *err)
{
    agt__buffer body;
    const agt__wire_settings settings = read_settings(settings_value);
    agt__buffer_init(&body, allocator, 0);
    agt_status status = self->wire->encode(allocator, &settings, request, &body, err);
    if (status == AGT_OK) {
        status = agt_json_parse(NULL, agt__buffer_text(&body), body.size, NULL, ret_body, err);
    }
    agt__buffer_deinit(&body);
    return status;
}

static void expect_request(const vector *self, const agt_value *expected)
{
    agt_error err = {0};
    agt_value *body = NULL;
    const agt_value *error = agt_value_get_member(expected, "error");
    agt_status status = encode(self, NULL, agt_value_get_member(expected, "settings"),
                               agt_value_get_member(expected, "request"), &body, &err);
    if (error != NULL) {
        expect_error(error, status, &err);
        return;
    }
    if (status != AGT_OK) {
        fail_msg("%s: %s", agt_status_get_name(status), err.message);
    }
    expect_equal("the body", body, agt_value_get_member(expected, "body"));
    agt_value_unref(body);
}

/* What the parts of a response become when they are sent back. */
static void expect_sent_back(const vector *self, const agt_value *response,
                             const agt_value *expected)
{
    agt_error err = {0};
    agt_value *request = NULL;
    agt_value *body = NULL;
    agt_value_builder *b = NULL;
    assert_int_equal(agt_value_builder_new(NULL, &b), AGT_OK);
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "messages");
    agt_value_builder_begin_array(b);
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "role", "assistant");
    agt__builder_add_value(b, "parts", agt_value_get_member(response, "parts"));
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    assert_int_equal(agt_value_builder_finish(b, &request, NULL), AGT_OK);
    agt_value_builder_free(b);
    agt_status status = encode(self, NULL, NULL, request, &body, &err);
    if (status != AGT_OK) {
        fail_msg("sent back: %s: %s", agt_status_get_name(status), err.message);
    }
    if (expected != NULL) {
        expect_equal("what is sent back", agt_value_get_member(body, self->sent), expected);
    }
    agt_value_unref(body);
    agt_value_unref(request);
}

/* ---- vectors ----------------------------------------------------------------------------------
 */

static void expect_result(const vector *self, const agt_value *expected,
                          const agt_test_wire_result *result)
{
    const agt_value *error = agt_value_get_member(expected, "error");
    if (error != NULL) {
        const agt_value *partial = agt_value_get_member(expected, "partial");
        expect_error(error, result->status, &result->err);
        if (partial != NULL) {
            expect_equal("what came before the error", result->response, partial);
        }
        return;
    }
    if (result->status != AGT_OK) {
        fail_msg("%s: %s", agt_status_get_name(result->status), result->err.message);
    }
    expect_equal("the response", result->response, agt_value_get_member(expected, "response"));
    assert_true(agt_value_is_tainted(result->response));
    expect_sent_back(self, result->response, agt_value_get_member(expected, "sent_back"));
}

/* Results of two ways to cut are one. */
static void expect_same(const agt_test_wire_result *a, const agt_test_wire_result *b, size_t cut)
{
    if (a->status != b->status || !agt_value_equals(a->response, b->response) ||
        strcmp(a->err.message, b->err.message) != 0) {
        print_error("cut at %zu\n", cut);
        show_and_fail("a stream that was cut", b->response, a->response);
    }
    assert_memory_equal(&a->usage, &b->usage, sizeof(a->usage));
}

static void run_stream(const vector *self, const agt_value *expected, const char *bytes,
                       size_t size)
{
    agt_test_wire_result whole = agt_test_wire_stream(NULL, self->wire, bytes, size, size);
    expect_result(self, expected, &whole);
    for (size_t cut = 1; cut <= size + 1; cut++) {
        agt_test_wire_result result = agt_test_wire_stream(NULL, self->wire, bytes, size, cut);
        expect_same(&whole, &result, cut);
        agt_value_unref(result.response);
    }
    agt_value_unref(whole.response);
}

static void run_body(const vector *self, const agt_value *expected, const char *bytes, size_t size)
{
    int64_t http_status = 200;
    if (agt_value_get_int64(agt_value_get_member(expected, "http_status"), &http_status) !=
            AGT_OK ||
        http_status == 200) {
        agt_test_wire_result result = agt_test_wire_body(NULL, self->wire, bytes, size);
        expect_result(self, expected, &result);
        agt_value_unref(result.response);
        return;
    }
    agt_error err = {0};
    agt_value *body = NULL;
    char text[201];
    snprintf(text, sizeof(text), "%.*s", (int)size, bytes);
    if (agt__wire_parse(NULL, bytes, size, false, &body, NULL) != AGT_OK) {
        body = NULL;
    }
    self->wire->read_error((int32_t)http_status, body, text, &err);
    expect_error(agt_value_get_member(expected, "error"), err.status, &err);
    agt_value_unref(body);
}

/* ---- without memory ---------------------------------------------------------------------------
 */

typedef struct torture {
    const vector *self;
    const agt_value *expected;
    const char *stream, *body;
    size_t size;
} torture;

static void scenario(const agt_allocator *allocator, void *ctx)
{
    const torture *it = ctx;
    agt_test_wire_result result = {.status = AGT_OK};
    agt_value *body = NULL;
    const agt_value *request = agt_value_get_member(it->expected, "request");
    if (it->stream != NULL) {
        result =
            agt_test_wire_stream(allocator, it->self->wire, it->stream, it->size, it->size / 2);
    } else if (it->body != NULL) {
        result = agt_test_wire_body(allocator, it->self->wire, it->body, it->size);
    } else if (request != NULL) {
        result.status = encode(it->self, allocator, agt_value_get_member(it->expected, "settings"),
                               request, &body, NULL);
    }
    const agt_value *response = agt_value_get_member(it->expected, "response");
    if (result.status == AGT_OK && response != NULL) {
        expect_equal("the response with little memory", result.response, response);
    }
    agt_value_unref(result.response);
    agt_value_unref(body);
}

static void run_vector(void **state)
{
    const vector *self = *state;
    size_t size = 0;
    char *text = read_beside(self, "json", &size);
    assert_non_null(text);
    agt_value *expected = agt_test_value(NULL, text);
    free(text);
    torture it = {.self = self, .expected = expected};
    char *stream = read_beside(self, "sse", &it.size);
    char *body = stream == NULL ? read_beside(self, "body", &it.size) : NULL;
    it.stream = stream;
    it.body = body;
    if (stream != NULL) {
        run_stream(self, expected, stream, it.size);
    } else if (body != NULL) {
        run_body(self, expected, body, it.size);
    } else {
        expect_request(self, expected);
    }
    if (agt_value_get_member(expected, "http_status") == NULL) {
        agt_test_torture(scenario, &it);
    }
    free(stream);
    free(body);
    agt_value_unref(expected);
}

static int is_vector(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

int agt_test_wire_vectors(const agt__wire *wire, const char *folder, const char *sent)
{
    static vector vectors[vectors_max];
    static struct CMUnitTest tests[vectors_max];
    char path[path_size / 2];
    struct dirent **entries = NULL;
    snprintf(path, sizeof(path), "%s/%s", agt_test_source_dir(), folder);
    int count = scandir(path, &entries, is_vector, alphasort);
    if (count <= 0 || count > vectors_max) {
        fprintf(stderr, "%s: %d vectors\n", path, count);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        vector *self = &vectors[i];
        size_t length = strlen(entries[i]->d_name) - 5;
        snprintf(self->name, sizeof(self->name), "%.*s", (int)length, entries[i]->d_name);
        snprintf(self->path, sizeof(self->path), "%s/%s", path, self->name);
        self->wire = wire;
        self->sent = sent;
        tests[i] =
            (struct CMUnitTest){.name = self->name, .test_func = run_vector, .initial_state = self};
        free(entries[i]);
    }
    free(entries);
    return _cmocka_run_group_tests("vectors", tests, (size_t)count, NULL, NULL);
}
