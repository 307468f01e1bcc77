/*
 * Usage and errors of Chat Completions and Responses, as OpenAI and the many servers that speak
 * like it send them.
 *
 * Usage. Both formats count the cached part within the input and reasoning within the output; only
 * the names differ. Some servers leave reasoning out of the output (their total gives it away), and
 * some have names of their own for what was read from a cache.
 *
 * Errors. What went wrong is told by a code, a type, or words only; the HTTP status alone misleads
 * twice: 429 is also said of an account without money, where waiting does not help, and 400 also of
 * a conversation that is too long, which the caller can do something about.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_openai_common.h"

#include "base/error.h"
#include "base/value.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "llm/openai";

/* ---- usage ------------------------------------------------------------------------------------
 */

static int64_t read_count(const agt_value *object, const char *key)
{
    return agt__answer_read_count(agt_value_get_member(object, key));
}

/* The first of some members that is a count. */
static int64_t read_first(const agt_value *object, const char *const *keys, size_t count)
{
    int64_t number = AGT_TOKENS_UNKNOWN;
    for (size_t i = 0; i < count && number < 0; i++) {
        number = read_count(object, keys[i]);
    }
    return number;
}

#define READ_FIRST(object, keys) read_first(object, keys, sizeof(keys) / sizeof((keys)[0]))

static const agt_value *get_either(const agt_value *object, const char *key, const char *other)
{
    const agt_value *value = agt_value_get_member(object, key);
    return agt_value_get_kind(value) == AGT_VALUE_OBJECT ? value
                                                         : agt_value_get_member(object, other);
}

/* Reasoning that is counted beside the output shows in the total. */
static void add_hidden_output(agt_usage *usage, int64_t total)
{
    if (usage->input_tokens < 0 || usage->output_tokens < 0 || total < usage->input_tokens) {
        return;
    }
    int64_t hidden = total - usage->input_tokens - usage->output_tokens;
    if (hidden > 0 && (usage->reasoning_tokens < 0 || usage->reasoning_tokens == hidden)) {
        usage->output_tokens += hidden;
    }
}

void agt__openai_read_usage(agt__answer *answer, const agt_value *value)
{
    static const char *const inputs[] = {"prompt_tokens", "input_tokens"};
    static const char *const outputs[] = {"completion_tokens", "output_tokens"};
    static const char *const reads[] = {"cached_tokens"};
    static const char *const own_reads[] = {"prompt_cache_hit_tokens", "cached_tokens",
                                            "cache_read_input_tokens"};
    static const char *const writes[] = {"cache_write_tokens", "cache_creation_tokens"};
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT) {
        return;
    }
    const agt_value *in = get_either(value, "prompt_tokens_details", "input_tokens_details");
    const agt_value *out = get_either(value, "completion_tokens_details", "output_tokens_details");
    agt_usage usage = agt_usage_unknown();
    usage.input_tokens = READ_FIRST(value, inputs);
    usage.output_tokens = READ_FIRST(value, outputs);
    usage.cache_read_tokens = READ_FIRST(in, reads);
    if (usage.cache_read_tokens < 0) {
        usage.cache_read_tokens = READ_FIRST(value, own_reads);
    }
    usage.cache_write_tokens = READ_FIRST(in, writes);
    if (usage.cache_write_tokens < 0) {
        usage.cache_write_tokens = read_count(value, "cache_creation_input_tokens");
    }
    usage.reasoning_tokens = read_count(out, "reasoning_tokens");
    if (usage.reasoning_tokens < 0) {
        usage.reasoning_tokens = read_count(value, "reasoning_tokens");
    }
    add_hidden_output(&usage, read_count(value, "total_tokens"));
    agt__answer_set_usage(answer, &usage);
}

/* ---- reasons ----------------------------------------------------------------------------------
 */

static bool is_word(const char *text, const char *word)
{
    for (; *text != '\0' && *word != '\0'; text++, word++) {
        char lower = *text >= 'A' && *text <= 'Z' ? (char)(*text + ('a' - 'A')) : *text;
        if (lower != *word) {
            return false;
        }
    }
    return *text == *word;
}

const char *agt__openai_get_reason(const agt_value *raw)
{
    static const struct {
        const char *word, *reason;
    } words[] = {
        {"length", "length"},
        {"max_tokens", "length"},
        {"max_output_tokens", "length"},
        {"model_length", "length"},
        {"content_filter", "content_filter"},
        {"safety", "content_filter"},
        {"recitation", "content_filter"},
        {"prohibited_content", "content_filter"},
        {"blocklist", "content_filter"},
        {"tool_calls", "tool_calls"},
        {"function_call", "tool_calls"},
        {"tool_use", "tool_calls"},
        {"refusal", "refusal"},
    };
    const char *text = agt__value_text(raw, "");
    if (text[0] == '\0') {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (is_word(text, words[i].word)) {
            return words[i].reason;
        }
    }
    return "stop";
}

/* ---- what an error says -----------------------------------------------------------------------
 */

enum {
    code_size = 64,
    text_size = 400
};

typedef enum kind {
    KIND_OTHER,
    KIND_QUOTA,
    KIND_CONTEXT,
    KIND_KEY,
    KIND_MODEL,
    KIND_TOKENS_OLD, /* "max_tokens" is not known */
    KIND_TOKENS_NEW, /* "max_completion_tokens" is not known */
    KIND_TOOL_PARSER
} kind;

typedef struct details {
    const char *type;
    const char *message;
    const char *param;
    int64_t number; /* a code that is a number; 0 = none */
    char code[code_size];
} details;

static bool is_true(const agt_value *value)
{
    switch (agt_value_get_kind(value)) {
    case AGT_VALUE_NULL:
        return false;
    case AGT_VALUE_BOOL:
        return agt_value_get_bool(value, false);
    case AGT_VALUE_STRING:
        return agt__value_text(value, "x")[0] != '\0';
    case AGT_VALUE_NUMBER:
    case AGT_VALUE_ARRAY:
    case AGT_VALUE_OBJECT:
        return true;
    }
    return true;
}

const agt_value *agt__openai_find_error(const agt_value *body)
{
    if (agt_value_get_kind(body) == AGT_VALUE_ARRAY && agt_value_get_count(body) == 1) {
        body = agt_value_get_item(body, 0);
    }
    const agt_value *error = agt_value_get_member(body, "error");
    if (is_true(error)) {
        return error;
    }
    bool flat = strcmp(agt__value_member_text(body, "object", ""), "error") == 0 ||
                strcmp(agt__value_member_text(body, "type", ""), "error") == 0;
    return flat ? body : NULL;
}

static const char *first_text(const agt_value *object, const char *key, const char *other,
                              const char *third)
{
    const char *text = agt__value_member_text(object, key, "");
    text = text[0] != '\0' ? text : agt__value_member_text(object, other, "");
    return text[0] != '\0' ? text : agt__value_member_text(object, third, "");
}

/* FastAPI: {"detail": "…"} or {"detail": [{"loc": […], "msg": "…"}]}. */
static const char *read_detail(const agt_value *body)
{
    const agt_value *detail = agt_value_get_member(body, "detail");
    if (agt_value_get_kind(detail) == AGT_VALUE_ARRAY) {
        return agt__value_member_text(agt_value_get_item(detail, 0), "msg", "");
    }
    return agt__value_text(detail, "");
}

static details read_details(const agt_value *error)
{
    details self = {.type = "", .message = "", .param = ""};
    if (agt_value_get_kind(error) == AGT_VALUE_STRING) {
        self.message = agt__value_text(error, "");
        return self;
    }
    self.type = first_text(error, "type", "status", "type");
    self.message = first_text(error, "message", "msg", "error");
    if (self.message[0] == '\0') {
        self.message = read_detail(error);
    }
    self.param = agt__value_member_text(error, "param", "");
    const agt_value *code = agt_value_get_member(error, "code");
    agt__copy_text(self.code, sizeof(self.code), agt__value_text(code, ""));
    if (agt_value_get_int64(code, &self.number) != AGT_OK) {
        self.number = 0;
    }
    return self;
}

static bool says(const details *self, const char *word)
{
    return strcmp(self->code, word) == 0 || strcmp(self->type, word) == 0;
}

static bool mentions(const details *self, const char *words)
{
    return strstr(self->message, words) != NULL;
}

static bool is_context(const details *self)
{
    static const char *const phrases[] = {
        "maximum context length", "context window",     "context length",
        "available context size", "prompt is too long", "exceeds the context",
    };
    if (says(self, "context_length_exceeded") || says(self, "exceed_context_size_error")) {
        return true;
    }
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (mentions(self, phrases[i])) {
            return true;
        }
    }
    return false;
}

static kind classify(const details *self, int32_t http_status)
{
    if (says(self, "insufficient_quota") || says(self, "billing_hard_limit_reached") ||
        says(self, "billing_not_active") || http_status == 402) {
        return KIND_QUOTA;
    }
    if (http_status == 401 || says(self, "invalid_api_key")) {
        return KIND_KEY;
    }
    if (http_status == 429 || http_status == 403) {
        return KIND_OTHER;
    }
    if (is_context(self)) {
        return KIND_CONTEXT;
    }
    if (says(self, "model_not_found") || (http_status == 404 && mentions(self, "model"))) {
        return KIND_MODEL;
    }
    if (http_status == 400 || http_status == 422) {
        if (mentions(self, "enable-auto-tool-choice")) {
            return KIND_TOOL_PARSER;
        }
        if (strcmp(self->param, "max_tokens") == 0 && mentions(self, "max_completion_tokens")) {
            return KIND_TOKENS_OLD;
        }
        if (mentions(self, "max_completion_tokens")) {
            return KIND_TOKENS_NEW;
        }
    }
    return KIND_OTHER;
}

/* What to do about it; NULL where nobody knows. */
static const char *get_advice(kind what)
{
    switch (what) {
    case KIND_QUOTA:
        return "the account has no credit left: add some, or use another model; trying again does "
               "not help";
    case KIND_CONTEXT:
        return "the conversation is longer than the model's context: shorten it, or use a model "
               "with a larger one";
    case KIND_KEY:
        return "the key was refused: check that it is the right one for this server";
    case KIND_MODEL:
        return "check the name of the model";
    case KIND_TOKENS_OLD:
        return "this model wants max_completion_tokens";
    case KIND_TOKENS_NEW:
        return "this server may know max_tokens only";
    case KIND_TOOL_PARSER:
        return "start the server with --enable-auto-tool-choice and --tool-call-parser";
    case KIND_OTHER:
        return NULL;
    }
    return NULL;
}

/* What is shown of an error. */
static void write_text(char text[text_size], kind what, const details *self)
{
    const char *advice = get_advice(what);
    /* What a server says of a key may hold the key. */
    const char *message = what == KIND_KEY ? "" : self->message;
    snprintf(text, text_size, "%s%s%.*s", advice != NULL ? advice : "",
             advice != NULL && message[0] != '\0' ? "; the server says: " : "", text_size / 2,
             message);
}

static const char *get_type(const details *self)
{
    return self->code[0] != '\0' ? self->code : self->type;
}

static void fill_error(agt_error *err, int32_t http_status, const details *self)
{
    char text[text_size];
    kind what = classify(self, http_status);
    write_text(text, what, self);
    agt__wire_set_error(err, http_status, get_type(self), text);
    if (what == KIND_QUOTA) {
        err->flags &= ~(uint32_t)AGT_ERROR_RETRYABLE;
    }
    if (what == KIND_CONTEXT) {
        err->status = AGT_E_LIMIT;
        err->flags &= ~(uint32_t)AGT_ERROR_RETRYABLE; /* some say it with a 500 */
    }
}

void agt__openai_read_error(int32_t http_status, const agt_value *body, const char *text,
                            agt_error *ret_error)
{
    const agt_value *error = agt__openai_find_error(body);
    details self = {.type = "", .message = "", .param = ""};
    if (error == NULL && agt_value_get_kind(body) == AGT_VALUE_OBJECT) {
        error = body; /* {"message": …}, {"detail": …} */
    }
    if (error != NULL) {
        self = read_details(error);
    }
    if (self.message[0] == '\0' && text != NULL) {
        self.message = text;
    }
    fill_error(ret_error, http_status, &self);
    if (http_status == 404 && body == NULL) {
        agt__error_set(ret_error, ret_error->status, origin,
                       "HTTP 404 and no JSON: nothing answers at this address; check the base URL "
                       "(most end with /v1)");
        ret_error->cause = http_status;
    }
}

/* The HTTP status that an error would have come with, had the stream not begun. */
static int32_t guess_status(const details *self)
{
    static const struct {
        const char *word;
        int32_t status;
    } words[] = {
        {"rate_limit_exceeded", 429},  {"rate_limit_error", 429},
        {"insufficient_quota", 429},   {"overloaded_error", 529},
        {"overloaded", 529},           {"server_error", 500},
        {"internal_error", 500},       {"api_error", 500},
        {"server_overloaded", 503},    {"timeout", 504},
        {"vector_store_timeout", 504}, {"unavailable_error", 503},
        {"service_unavailable", 503},  {"bad_gateway", 502},
        {"InternalServerError", 500},
    };
    if (self->number >= 400 && self->number <= 599) {
        return (int32_t)self->number;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (says(self, words[i].word)) {
            return words[i].status;
        }
    }
    return 400;
}

agt_status agt__openai_fail(agt_error *err, const agt_value *error)
{
    char text[text_size];
    agt_error made = {0};
    details self = read_details(error);
    int32_t http_status = guess_status(&self);
    const char *type = get_type(&self);
    fill_error(&made, http_status, &self);
    uint32_t flags = made.flags;
    write_text(text, classify(&self, http_status), &self);
    (void)agt__error_set(&made, AGT_E_MODEL, origin,
                         "the server began to answer, and failed%s%s%s%s",
                         type[0] != '\0' ? ": " : "", type, text[0] != '\0' ? ": " : "", text);
    made.cause = 200;
    made.flags = flags;
    if (err != NULL) {
        *err = made;
    }
    return AGT_E_MODEL;
}
