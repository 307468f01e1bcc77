/*
 * Anthropic Messages: what comes back.
 *
 * Whole answers and streams go the same way: a block is opened under its index, filled and closed.
 * Blocks that the library does not know, or only the server understands (redacted thinking, tools
 * of the server), are kept whole and sent back as they are; their input, which comes in pieces, is
 * put into the block when it ends.
 *
 * Calls of tools. A call is told to the listener when its block ends, with one exception: an answer
 * may be cut off before the first byte of the input, and such a call looks like one without
 * arguments. So a call without input waits for the stop reason.
 *
 * Usage. The server counts cached input beside the input; our sum includes it. Counts may come
 * again, complete or in part, and replace what there was. The number of output tokens at the start
 * of a stream is a placeholder, and is not taken.
 *
 * Servers that speak like this one (llama.cpp, Ollama, gateways) let blocks overlap, leave members
 * out, and send errors in other shapes.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_anthropic.h"

#include "base/error.h"
#include "base/value.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "llm/anthropic";

enum {
    citations_max = 1024, /* of a text */
    shown_size = 330
};

static const agt_value *get(const agt_value *object, const char *key)
{
    return agt_value_get_member(object, key);
}

static bool is_word(const agt_value *value, const char *word)
{
    return strcmp(agt__value_text(value, ""), word) == 0;
}

/* ---- usage ------------------------------------------------------------------------------------
 */

/* A count that can be added to three others. */
static int64_t read_count(const agt_value *object, const char *key)
{
    int64_t count = agt__answer_read_count(get(object, key));
    return count <= INT64_MAX / 8 ? count : AGT_TOKENS_UNKNOWN;
}

static int64_t known(int64_t count)
{
    return count > 0 ? count : 0;
}

static void replace(int64_t *target, int64_t count)
{
    *target = count >= 0 ? count : *target;
}

/* What was written to caches, by lifetime if the server says so; else it is the short one. */
static void read_cache_writes(agt_usage *usage, const agt_value *given)
{
    const agt_value *by_lifetime = get(given, "cache_creation");
    replace(&usage->cache_write_tokens, read_count(by_lifetime, "ephemeral_5m_input_tokens"));
    replace(&usage->cache_write_1h_tokens, read_count(by_lifetime, "ephemeral_1h_input_tokens"));
    int64_t total = read_count(given, "cache_creation_input_tokens");
    if (total >= 0) {
        int64_t long_lived = known(usage->cache_write_1h_tokens);
        usage->cache_write_tokens = total > long_lived ? total - long_lived : 0;
        if (total == 0) {
            usage->cache_write_1h_tokens = 0; /* nothing was written, for however long */
        }
    }
}

static void read_usage(agt__answer *answer, const agt_value *given, bool is_start)
{
    agt_usage usage = agt__answer_get_usage(answer);
    if (agt_value_get_kind(given) != AGT_VALUE_OBJECT) {
        return;
    }
    int64_t fresh = usage.input_tokens - known(usage.cache_read_tokens) -
                    known(usage.cache_write_tokens) - known(usage.cache_write_1h_tokens);
    fresh = usage.input_tokens >= 0 && fresh >= 0 ? fresh : AGT_TOKENS_UNKNOWN;
    replace(&fresh, read_count(given, "input_tokens"));
    replace(&usage.cache_read_tokens, read_count(given, "cache_read_input_tokens"));
    read_cache_writes(&usage, given);
    if (fresh >= 0) {
        usage.input_tokens = fresh + known(usage.cache_read_tokens) +
                             known(usage.cache_write_tokens) + known(usage.cache_write_1h_tokens);
    }
    if (!is_start) {
        replace(&usage.output_tokens, read_count(given, "output_tokens"));
        replace(&usage.reasoning_tokens,
                read_count(get(given, "output_tokens_details"), "thinking_tokens"));
    }
    agt__answer_set_usage(answer, &usage);
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static void set_text_member(agt__answer *answer, uint64_t key, const char *member, const char *text)
{
    agt_value *value = agt__value_text_or_null(agt__answer_get_allocator(answer), text);
    agt__answer_set(answer, key, member, value);
    agt_value_unref(value);
}

static void open_reasoning(agt__answer *answer, uint64_t key)
{
    if (agt__answer_open(answer, key, AGT__ANSWER_REASONING)) {
        set_text_member(answer, key, "format", AGT__ANTHROPIC_FORMAT);
    }
}

static void open_tool_call(agt__answer *answer, uint64_t key, const agt_value *block)
{
    const agt_value *input = get(block, "input");
    (void)agt__answer_open(answer, key, AGT__ANSWER_TOOL_CALL);
    agt__answer_set(answer, key, "id", get(block, "id"));
    agt__answer_set(answer, key, "name", get(block, "name"));
    if (agt_value_get_kind(get(block, "caller")) == AGT_VALUE_OBJECT) {
        agt__answer_set(answer, key, "caller", get(block, "caller"));
    }
    if (agt_value_get_kind(input) != AGT_VALUE_OBJECT || agt_value_get_count(input) > 0) {
        agt__answer_set_arguments(answer, key, input);
    }
}

/* A block begins, or is there as a whole. */
static void open_block(agt__answer *answer, uint64_t key, const agt_value *block)
{
    const agt_value *type = get(block, "type");
    if (is_word(type, "text")) {
        (void)agt__answer_open(answer, key, AGT__ANSWER_TEXT);
        agt__answer_append_value(answer, key, get(block, "text"));
        if (agt_value_get_kind(get(block, "citations")) == AGT_VALUE_ARRAY &&
            agt_value_get_count(get(block, "citations")) > 0) {
            agt__answer_set(answer, key, "citations", get(block, "citations"));
        }
    } else if (is_word(type, "thinking")) {
        open_reasoning(answer, key);
        agt__answer_append_value(answer, key, get(block, "thinking"));
        agt__answer_set(answer, key, "signature", get(block, "signature"));
    } else if (is_word(type, "tool_use")) {
        open_tool_call(answer, key, block);
    } else {
        (void)agt__answer_open(answer, key, AGT__ANSWER_OPAQUE);
        agt__answer_set_opaque(answer, key, AGT__ANTHROPIC_FORMAT, block);
    }
}

static bool is_kind(const agt__answer *answer, uint64_t key, agt__answer_kind kind)
{
    return agt__answer_has(answer, key) && agt__answer_get_kind(answer, key) == kind;
}

/* The pieces of an opaque block's input become its member. */
static agt_status join_input(agt__answer *answer, uint64_t key, agt_error *err)
{
    const agt_allocator *allocator = agt__answer_get_allocator(answer);
    const agt_value *block = agt__answer_get_opaque(answer, key);
    size_t length = agt__answer_get_length(answer, key);
    agt_value *input = NULL;
    agt_value *whole = NULL;
    if (length == 0 || agt_value_get_kind(block) != AGT_VALUE_OBJECT) {
        return AGT_OK;
    }
    const char *text = agt__answer_get_text(answer, key);
    agt_status status = agt__wire_parse(allocator, text, length, false, &input, NULL);
    if (status == AGT_E_MODEL) { /* not ours to run: it goes back as it came */
        status = agt__value_new_string_lossy(allocator, text, length, &input);
    }
    if (status == AGT_OK) {
        status = agt_value_with_member(allocator, block, "input", input, &whole);
    }
    if (status == AGT_OK) {
        agt__answer_set_opaque(answer, key, AGT__ANTHROPIC_FORMAT, whole);
    }
    agt_value_unref(whole);
    agt_value_unref(input);
    return status == AGT_OK ? status : agt__error_nomem(err, origin);
}

/* A block ends. */
static agt_status close_block(agt__answer *answer, uint64_t key, agt_error *err)
{
    if (!agt__answer_is_open(answer, key)) {
        return AGT_OK;
    }
    switch (agt__answer_get_kind(answer, key)) {
    case AGT__ANSWER_TEXT:
        agt__answer_close(answer, key);
        if (agt__answer_get_length(answer, key) == 0) {
            agt__answer_drop(answer, key);
        }
        return AGT_OK;
    case AGT__ANSWER_TOOL_CALL:
        if (agt__answer_get_length(answer, key) > 0) {
            agt__answer_close(answer, key);
        } /* else it may have been cut off: the stop reason will tell */
        return AGT_OK;
    case AGT__ANSWER_OPAQUE: {
        agt_status status = join_input(answer, key, err);
        agt__answer_close(answer, key);
        return status;
    }
    case AGT__ANSWER_REASONING:
        agt__answer_close(answer, key);
        return AGT_OK;
    }
    return AGT_OK;
}

/* The listing of a text's sources, one longer. */
static agt_status add_citation(agt__answer *answer, uint64_t key, const agt_value *citation,
                               agt_error *err)
{
    const agt_value *before = agt__answer_get(answer, key, "citations");
    size_t count = agt_value_get_count(before);
    agt_value_builder *b = NULL;
    agt_value *list = NULL;
    if (citation == NULL || count >= citations_max || !is_kind(answer, key, AGT__ANSWER_TEXT)) {
        return AGT_OK;
    }
    if (agt_value_builder_new(agt__answer_get_allocator(answer), &b) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < count; i++) {
        agt_value_builder_value(b, agt_value_get_item(before, i));
    }
    agt_value_builder_value(b, citation);
    agt_value_builder_end(b);
    agt_status status = agt_value_builder_finish(b, &list, NULL);
    agt_value_builder_free(b);
    if (status != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt__answer_set(answer, key, "citations", list);
    agt_value_unref(list);
    return AGT_OK;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* The reason of llm.h; NULL if the server gives none. Words that are not known are an end like any
 * other. */
static const char *get_reason(const agt_value *raw)
{
    static const char *const words[][2] = {
        {"end_turn", "stop"},
        {"stop_sequence", "stop"},
        {"tool_use", "tool_calls"},
        {"max_tokens", "length"},
        {"model_context_window_exceeded", "length"},
        {"pause_turn", "pause"},
        {"refusal", "refusal"},
    };
    const char *text = agt__value_text(raw, "");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i][0], text) == 0) {
            return words[i][1];
        }
    }
    return text[0] != '\0' ? "stop" : NULL;
}

/* Take the stop reason over; calls that waited for it are complete unless it cuts the answer. */
static void set_finish(agt__answer *answer, const agt_value *raw)
{
    const char *reason = get_reason(raw);
    agt__answer_set_finish(answer, reason, raw);
    if (reason != NULL && strcmp(reason, "length") != 0 && strcmp(reason, "refusal") != 0) {
        agt__answer_close_calls_but(answer, UINT64_MAX);
    }
}

/* ---- errors -----------------------------------------------------------------------------------
 */

typedef struct details {
    const char *type, *message, *request_id;
} details;

/* An error in any of the shapes that servers of this format send. */
static details read_details(const agt_value *body)
{
    const agt_value *error = get(body, "error");
    details self = {.type = "", .message = ""};
    self.request_id = agt__value_member_text(body, "request_id", "");
    if (agt_value_get_kind(error) == AGT_VALUE_STRING) {
        self.message = agt__value_text(error, "");
        return self;
    }
    const agt_value *where = agt_value_get_kind(error) == AGT_VALUE_OBJECT ? error : body;
    self.type = agt__value_member_text(where, "type", "");
    self.message = agt__value_member_text(where, "message", "");
    return self;
}

static bool mentions(const details *self, const char *words)
{
    return strstr(self->message, words) != NULL;
}

typedef enum trouble {
    TROUBLE_OTHER,
    TROUBLE_CONTEXT,
    TROUBLE_MONEY,
    TROUBLE_KEY,
    TROUBLE_MODEL,
    TROUBLE_SIZE,
    TROUBLE_IMAGE,
    TROUBLE_SCHEMA
} trouble;

static trouble classify(const details *self, int32_t http_status)
{
    if (http_status == 402 || strcmp(self->type, "billing_error") == 0 ||
        mentions(self, "credit balance is too low") || mentions(self, "API usage limits")) {
        return TROUBLE_MONEY;
    }
    if (http_status == 401 || strcmp(self->type, "authentication_error") == 0) {
        return TROUBLE_KEY;
    }
    if (http_status == 413 || strcmp(self->type, "request_too_large") == 0) {
        return TROUBLE_SIZE;
    }
    if (http_status == 429 || http_status == 529) {
        return TROUBLE_OTHER;
    }
    if (mentions(self, "prompt is too long") || mentions(self, "exceed context limit") ||
        mentions(self, "context size") || strcmp(self->type, "exceed_context_size_error") == 0) {
        return TROUBLE_CONTEXT;
    }
    if (http_status == 404 || strcmp(self->type, "not_found_error") == 0) {
        return TROUBLE_MODEL;
    }
    if (http_status == 400 && mentions(self, "image")) {
        return TROUBLE_IMAGE;
    }
    if (http_status == 400 && mentions(self, "output_config")) {
        return TROUBLE_SCHEMA;
    }
    return TROUBLE_OTHER;
}

/* What to do about it; NULL where nobody knows. */
static const char *get_advice(trouble what)
{
    switch (what) {
    case TROUBLE_CONTEXT:
        return "the conversation is longer than the model's context: shorten it, or use a model "
               "with a larger one";
    case TROUBLE_MONEY:
        return "the account has no credit left: add some, or use another model; trying again does "
               "not help";
    case TROUBLE_KEY:
        return "the key was refused: check that it is the right one for this server";
    case TROUBLE_MODEL:
        return "check the name of the model and the base URL (which has no /v1 at its end)";
    case TROUBLE_SIZE:
        return "the request is too large (at most 32 MB): send less, or smaller images and "
               "documents";
    case TROUBLE_IMAGE:
        return "check the images: their size and their media_type";
    case TROUBLE_SCHEMA:
        return "this server or model may not know typed answers: set no_strict";
    case TROUBLE_OTHER:
        return NULL;
    }
    return NULL;
}

static void fill_error(agt_error *err, int32_t http_status, const details *self)
{
    char text[shown_size];
    trouble what = classify(self, http_status);
    const char *advice = get_advice(what);
    /* What a gateway says of a key may hold the key. */
    const char *message = what == TROUBLE_KEY ? "" : self->message;
    (void)snprintf(text, sizeof(text), "%s%s%.170s%s%.40s%s", advice != NULL ? advice : "",
                   advice != NULL && message[0] != '\0' ? "; the server says: " : "", message,
                   self->request_id[0] != '\0' ? " (request " : "", self->request_id,
                   self->request_id[0] != '\0' ? ")" : "");
    bool says_something = advice != NULL || message[0] != '\0';
    agt__wire_set_error(err, http_status, self->type, says_something ? text : NULL);
    if (what == TROUBLE_CONTEXT) {
        err->status = AGT_E_LIMIT;
    }
    if (what == TROUBLE_CONTEXT || what == TROUBLE_MONEY) {
        err->flags &= ~(uint32_t)AGT_ERROR_RETRYABLE;
    }
}

void agt__anthropic_read_error(int32_t http_status, const agt_value *body, const char *text,
                               agt_error *ret_error)
{
    details self = read_details(body);
    if (self.message[0] == '\0' && text != NULL) {
        self.message = text;
    }
    fill_error(ret_error, http_status, &self);
}

/* The HTTP status that an error would have come with, had the answer not begun. */
static int32_t guess_status(const agt_value *body, const details *self)
{
    static const struct {
        const char *type;
        int32_t status;
    } types[] = {
        {"authentication_error", 401},
        {"billing_error", 402},
        {"permission_error", 403},
        {"not_found_error", 404},
        {"request_too_large", 413},
        {"rate_limit_error", 429},
        {"api_error", 500},
        {"server_error", 500},
        {"unavailable_error", 503},
        {"timeout_error", 504},
        {"overloaded_error", 529},
    };
    const agt_value *code =
        get(body, "code") != NULL ? get(body, "code") : get(get(body, "error"), "code");
    int64_t number = 0;
    if (agt_value_get_int64(code, &number) == AGT_OK && number >= 400 && number <= 599) {
        return (int32_t)number;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].type, self->type) == 0) {
            return types[i].status;
        }
    }
    return 400;
}

/* An error that came in the place of an answer, or of its rest. @return AGT_E_MODEL */
static agt_status fail(const agt_value *body, agt_error *err)
{
    agt_error made = {0};
    char message[sizeof(made.message)];
    details self = read_details(body);
    fill_error(&made, guess_status(body, &self), &self);
    uint32_t flags = made.flags;
    agt__copy_text(message, sizeof(message), made.message);
    (void)agt__error_set(err, AGT_E_MODEL, origin, "%s", message);
    if (err != NULL) {
        err->cause = 200;
        err->flags = flags;
    }
    return AGT_E_MODEL;
}

/* Whether @body is an error: {"type": "error", …}, {"error": …}. */
static bool is_error(const agt_value *body)
{
    const agt_value *error = get(body, "error");
    return is_word(get(body, "type"), "error") || agt_value_get_kind(error) == AGT_VALUE_OBJECT ||
           (agt_value_get_kind(error) == AGT_VALUE_STRING && !is_word(error, ""));
}

/* ---- whole answers ----------------------------------------------------------------------------
 */

agt_status agt__anthropic_decode(const agt_value *body, agt__answer *answer, agt_error *err)
{
    const agt_value *content = get(body, "content");
    if (is_error(body)) {
        return fail(body, err);
    }
    if (agt_value_get_kind(content) != AGT_VALUE_ARRAY) {
        return agt__error_set(err, AGT_E_MODEL, origin,
                              "the server sent no message of this format: check the base URL");
    }
    agt__answer_set_head(answer, "id", get(body, "id"));
    agt__answer_set_head(answer, "model", get(body, "model"));
    read_usage(answer, get(body, "usage"), false);
    for (size_t i = 0; i < agt_value_get_count(content); i++) {
        const agt_value *block = agt_value_get_item(content, i);
        if (agt_value_get_kind(block) != AGT_VALUE_OBJECT) {
            continue;
        }
        open_block(answer, i, block);
        if (is_kind(answer, i, AGT__ANSWER_TEXT)) {
            agt_status status = close_block(answer, i, err);
            if (status != AGT_OK) {
                return status;
            }
        }
    }
    set_finish(answer, get(body, "stop_reason"));
    return AGT_OK;
}

/* ---- streams ----------------------------------------------------------------------------------
 */

static uint64_t read_index(const agt_value *event)
{
    int64_t index = agt__answer_read_count(get(event, "index"));
    return index >= 0 ? (uint64_t)index : 0;
}

static agt_status start_block(agt__answer *answer, const agt_value *event, agt_error *err)
{
    uint64_t key = read_index(event);
    const agt_value *block = get(event, "content_block");
    if (agt_value_get_kind(block) != AGT_VALUE_OBJECT || agt__answer_is_open(answer, key)) {
        return AGT_OK;
    }
    if (agt__answer_has(answer, key)) {
        return agt__error_set(err, AGT_E_MODEL, origin,
                              "the server began block %llu of its answer a second time",
                              (unsigned long long)key);
    }
    open_block(answer, key, block);
    return AGT_OK;
}

static agt_status add_delta(agt__answer *answer, const agt_value *event, agt_error *err)
{
    uint64_t key = read_index(event);
    const agt_value *delta = get(event, "delta");
    const agt_value *type = get(delta, "type");
    if (is_word(type, "text_delta")) {
        (void)agt__answer_open(answer, key, AGT__ANSWER_TEXT); /* the start may be missing */
        if (is_kind(answer, key, AGT__ANSWER_TEXT)) {
            agt__answer_append_value(answer, key, get(delta, "text"));
        }
    } else if (is_word(type, "thinking_delta")) {
        open_reasoning(answer, key);
        if (is_kind(answer, key, AGT__ANSWER_REASONING)) {
            agt__answer_append_value(answer, key, get(delta, "thinking"));
        }
    } else if (is_word(type, "signature_delta")) {
        if (is_kind(answer, key, AGT__ANSWER_REASONING)) {
            agt__answer_set(answer, key, "signature", get(delta, "signature"));
        }
    } else if (is_word(type, "input_json_delta")) {
        if (is_kind(answer, key, AGT__ANSWER_TOOL_CALL) ||
            is_kind(answer, key, AGT__ANSWER_OPAQUE)) {
            agt__answer_append_value(answer, key, get(delta, "partial_json"));
        }
    } else if (is_word(type, "citations_delta")) {
        return add_citation(answer, key, get(delta, "citation"), err);
    }
    return AGT_OK;
}

static agt_status take_event(agt__answer *answer, const char *type, const agt_value *event,
                             bool *ret_done, agt_error *err)
{
    if (strcmp(type, "content_block_delta") == 0) {
        return add_delta(answer, event, err);
    }
    if (strcmp(type, "content_block_start") == 0) {
        return start_block(answer, event, err);
    }
    if (strcmp(type, "content_block_stop") == 0) {
        return close_block(answer, read_index(event), err);
    }
    if (strcmp(type, "message_start") == 0) {
        const agt_value *message = get(event, "message");
        agt__answer_set_head(answer, "id", get(message, "id"));
        agt__answer_set_head(answer, "model", get(message, "model"));
        read_usage(answer, get(message, "usage"), true);
    } else if (strcmp(type, "message_delta") == 0) {
        read_usage(answer, get(event, "usage"), false);
        set_finish(answer, get(get(event, "delta"), "stop_reason"));
    } else if (strcmp(type, "message_stop") == 0) {
        if (!agt__answer_is_finished(answer)) {
            agt__answer_set_finish(answer, "stop", NULL);
        }
        *ret_done = true;
    }
    return AGT_OK; /* "ping" and what there will be one day */
}

agt_status agt__anthropic_stream_event(agt__answer *answer, const char *type, const char *data,
                                       size_t size, bool *ret_done, agt_error *err)
{
    agt_value *event = NULL;
    if (size >= 6 && memcmp(data, "[DONE]", 6) == 0) {
        *ret_done = agt__answer_is_finished(answer);
        return AGT_OK;
    }
    if (size == 0) {
        return AGT_OK;
    }
    agt_status status =
        agt__wire_parse(agt__answer_get_allocator(answer), data, size, true, &event, err);
    if (status != AGT_OK) {
        return status;
    }
    if (strcmp(type, "error") == 0 || is_error(event)) {
        status = fail(event, err);
    } else {
        status =
            take_event(answer, agt__value_member_text(event, "type", type), event, ret_done, err);
    }
    agt_value_unref(event);
    return status;
}
