/*
 * Reading Chat Completions: whole bodies and streams.
 *
 * Text, refusal and reasoning are one part each, opened with their first piece that is not empty.
 * A tool call is found by the index that its pieces carry, and nothing else about a piece can be
 * relied upon: servers leave out the index or the id, repeat id and name, send an id that is new in
 * each piece, or send several calls under one index. So a call's key is its index and a generation,
 * and find_call() decides whether a piece begins a new generation:
 *
 *     - an id that is not empty and differs from that of the call, if the piece also has a name or
 *       the arguments so far are whole;
 *     - a name and the beginning of an object, if the arguments so far are whole: calls without an
 *       id, or with the same one.
 *
 * Calls are closed when the answer is finished, not when a later one begins: pieces interleave, and
 * some servers send a finish reason with every piece. The end of a stream is "[DONE]"; a server
 * that forgets it has at least said why it finished.
 *
 * Of several choices the one with index 0 counts.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_openai_chat.h"
#include "llm/wire_openai_common.h"

#include "base/error.h"
#include "base/value.h"

#include <string.h>

static const char origin[] = "llm/openai";

/* Keys of parts. */
enum {
    key_text = 1,
    key_refusal = 2,
    key_reasoning = 3
};
static const uint64_t key_call = UINT64_C(1) << 60;
static const uint64_t key_detail = UINT64_C(2) << 60;

enum {
    index_bits = 20,        /* where the index stands in a key: generations have fewer bits */
    generations_max = 4096, /* an answer has not that many parts                            */
    looked_at_max = 16      /* generations and indexes that are searched for an id          */
};

/* ---- texts ------------------------------------------------------------------------------------
 */

static size_t text_length(const agt_value *value)
{
    size_t length = 0;
    return agt_value_get_string(value, &length) != NULL ? length : 0;
}

static void set_text(agt__answer *answer, uint64_t key, const char *member, const char *text)
{
    agt_value *value = agt__value_text_or_null(agt__answer_get_allocator(answer), text);
    agt__answer_fail(answer, value != NULL ? AGT_OK : AGT_E_NOMEM);
    agt__answer_set(answer, key, member, value);
    agt_value_unref(value);
}

static void take_text(agt__answer *answer, const agt_value *text)
{
    if (text_length(text) > 0) {
        (void)agt__answer_open(answer, key_text, AGT__ANSWER_TEXT);
        agt__answer_append_value(answer, key_text, text);
    }
}

static void take_refusal(agt__answer *answer, const agt_value *text)
{
    if (text_length(text) > 0) {
        if (agt__answer_open(answer, key_refusal, AGT__ANSWER_TEXT)) {
            agt__answer_set(answer, key_refusal, "refusal", agt_value_bool(true));
        }
        agt__answer_append_value(answer, key_refusal, text);
    }
}

static void take_reasoning(agt__answer *answer, const char *member, const agt_value *text)
{
    if (text_length(text) > 0) {
        if (agt__answer_open(answer, key_reasoning, AGT__ANSWER_REASONING)) {
            set_text(answer, key_reasoning, "format", AGT__OPENAI_CHAT_FORMAT);
            set_text(answer, key_reasoning, "member", member);
        }
        agt__answer_append_value(answer, key_reasoning, text);
    }
}

/* Content that is an array: [{"type": "text", "text": …}, {"type": "thinking", "thinking": […]}].
 */
static void take_content_part(agt__answer *answer, const agt_value *part)
{
    const agt_value *thinking = agt_value_get_member(part, "thinking");
    if (thinking == NULL) {
        take_text(answer, agt_value_get_member(part, "text"));
        take_refusal(answer, agt_value_get_member(part, "refusal"));
        return;
    }
    take_reasoning(answer, "thinking", thinking);
    for (size_t i = 0; i < agt_value_get_count(thinking); i++) {
        const agt_value *piece = agt_value_get_item(thinking, i);
        take_reasoning(answer, "thinking", agt_value_get_member(piece, "text"));
    }
}

static void take_content(agt__answer *answer, const agt_value *content)
{
    if (agt_value_get_kind(content) != AGT_VALUE_ARRAY) {
        take_text(answer, content);
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(content); i++) {
        take_content_part(answer, agt_value_get_item(content, i));
    }
}

/* ---- reasoning in parts -----------------------------------------------------------------------
 */

/* What stays as it is of an entry of "reasoning_details": all but what comes in pieces. */
static void keep_detail(agt__answer *answer, uint64_t key, const agt_value *detail)
{
    static const char *const keys[] = {"type", "id", "format", "index"};
    agt__field fields[sizeof(keys) / sizeof(keys[0])];
    agt_value *kept = NULL;
    size_t count = 0;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const agt_value *member = agt_value_get_member(detail, keys[i]);
        if (member != NULL) {
            fields[count++] = (agt__field){keys[i], agt_value_ref(member)};
        }
    }
    if (count > 0) {
        agt__answer_fail(answer, agt__value_make_object(agt__answer_get_allocator(answer), fields,
                                                        count, &kept));
        agt__answer_set(answer, key, "detail", kept);
        agt_value_unref(kept);
    }
}

static void take_detail(agt__answer *answer, const agt_value *detail, size_t position)
{
    static const char *const others[] = {"signature", "data"};
    int64_t index = agt__answer_read_count(agt_value_get_member(detail, "index"));
    const char *type = agt__value_member_text(detail, "type", "");
    uint64_t kind = strcmp(type, "reasoning.text") == 0      ? 1
                    : strcmp(type, "reasoning.summary") == 0 ? 2
                                                             : 3;
    uint64_t key =
        key_detail |
        (((uint64_t)(index >= 0 ? index : (int64_t)position) & UINT32_MAX) << index_bits) | kind;
    if (agt__answer_open(answer, key, AGT__ANSWER_REASONING)) {
        set_text(answer, key, "format", AGT__OPENAI_CHAT_FORMAT);
        keep_detail(answer, key, detail);
    }
    agt__answer_append_value(answer, key, agt_value_get_member(detail, "text"));
    agt__answer_append_value(answer, key, agt_value_get_member(detail, "summary"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const agt_value *other = agt_value_get_member(detail, others[i]);
        if (text_length(other) > 0) {
            agt__answer_set(answer, key, others[i], other);
        }
    }
}

/* Under one of three names; servers that send two of them say the same twice. */
static void take_all_reasoning(agt__answer *answer, const agt_value *message)
{
    const agt_value *details = agt_value_get_member(message, "reasoning_details");
    const agt_value *content = agt_value_get_member(message, "reasoning_content");
    if (agt_value_get_kind(details) == AGT_VALUE_ARRAY && agt_value_get_count(details) > 0) {
        for (size_t i = 0; i < agt_value_get_count(details); i++) {
            take_detail(answer, agt_value_get_item(details, i), i);
        }
    } else if (text_length(content) > 0) {
        take_reasoning(answer, "reasoning_content", content);
    } else {
        take_reasoning(answer, "reasoning", agt_value_get_member(message, "reasoning"));
    }
}

/* ---- tool calls -------------------------------------------------------------------------------
 */

static uint64_t make_key(uint64_t index, uint64_t generation)
{
    return key_call | ((index & UINT32_MAX) << index_bits) | generation;
}

/* The number of generations of an index. They are there without gaps, so a binary search finds the
 * end: a server that sends a thousand calls under one index costs no more. */
static uint64_t count_generations(const agt__answer *answer, uint64_t index)
{
    uint64_t low = 0; /* all before it are there */
    uint64_t step = 1;
    while (low + step <= generations_max &&
           agt__answer_has(answer, make_key(index, low + step - 1))) {
        low += step;
        step *= 2;
    }
    uint64_t high = low + step; /* is not there */
    while (low + 1 < high) {
        uint64_t middle = low + (high - low) / 2;
        if (agt__answer_has(answer, make_key(index, middle - 1))) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool has_id(const agt__answer *answer, uint64_t key, const char *id)
{
    return strcmp(agt__value_text(agt__answer_get(answer, key, "id"), ""), id) == 0;
}

/* Whether arguments go on with a new object. */
static bool begins_object(const agt_value *arguments)
{
    const char *text = agt_value_get_string(arguments, NULL);
    return text != NULL ? text[strspn(text, " \t\r\n")] == '{'
                        : agt_value_get_kind(arguments) == AGT_VALUE_OBJECT;
}

/* The key of the call that a piece belongs to, which need not be there yet. */
static uint64_t find_call(agt__answer *answer, uint64_t index, const char *id, const char *name,
                          const agt_value *arguments)
{
    uint64_t count = count_generations(answer, index);
    if (count == 0) {
        return make_key(index, 0);
    }
    uint64_t last = make_key(index, count - 1);
    const char *known = agt__value_text(agt__answer_get(answer, last, "id"), "");
    bool whole = agt__answer_has_whole_arguments(answer, last);
    if (id[0] != '\0' && known[0] != '\0' && strcmp(id, known) != 0) {
        for (uint64_t back = 2; back <= count && back <= looked_at_max; back++) {
            if (has_id(answer, make_key(index, count - back), id)) {
                return make_key(index, count - back);
            }
        }
        return name[0] != '\0' || whole ? make_key(index, count) : last;
    }
    return name[0] != '\0' && whole && begins_object(arguments) ? make_key(index, count) : last;
}

/* The index of a piece: what it says, else that of the call with its id, else its position. */
static uint64_t get_index(const agt__answer *answer, const agt_value *piece, size_t position,
                          const char *id)
{
    int64_t index = agt__answer_read_count(agt_value_get_member(piece, "index"));
    if (index >= 0) {
        return (uint64_t)index;
    }
    for (uint64_t i = 0; i < looked_at_max && id[0] != '\0'; i++) {
        if (has_id(answer, make_key(i, 0), id)) {
            return i;
        }
    }
    return position;
}

static void take_call(agt__answer *answer, const agt_value *piece, size_t position)
{
    const agt_value *function = agt_value_get_member(piece, "function");
    function = function != NULL ? function : agt_value_get_member(piece, "custom");
    const agt_value *arguments = agt_value_get_member(function, "arguments");
    arguments = arguments != NULL ? arguments : agt_value_get_member(function, "input");
    const char *id = agt__value_member_text(piece, "id", "");
    const char *name = agt__value_member_text(function, "name", "");
    uint64_t key = find_call(answer, get_index(answer, piece, position, id), id, name, arguments);
    (void)agt__answer_open(answer, key, AGT__ANSWER_TOOL_CALL);
    agt__answer_set(answer, key, "id", agt_value_get_member(piece, "id"));
    agt__answer_set(answer, key, "name", agt_value_get_member(function, "name"));
    const agt_value *extra = agt_value_get_member(piece, "extra_content");
    if (agt_value_get_kind(extra) == AGT_VALUE_OBJECT) {
        agt__answer_set(answer, key, "extra_content", extra);
    }
    if (agt_value_get_kind(arguments) == AGT_VALUE_STRING) {
        agt__answer_append_value(answer, key, arguments);
    } else if (agt_value_get_kind(arguments) == AGT_VALUE_OBJECT) {
        agt__answer_set_arguments(answer, key, arguments);
    }
}

static void take_calls(agt__answer *answer, const agt_value *message)
{
    const agt_value *calls = agt_value_get_member(message, "tool_calls");
    if (agt_value_get_kind(calls) == AGT_VALUE_ARRAY) {
        for (size_t i = 0; i < agt_value_get_count(calls); i++) {
            take_call(answer, agt_value_get_item(calls, i), i);
        }
    }
    const agt_value *old = agt_value_get_member(message, "function_call");
    if (agt_value_get_kind(old) == AGT_VALUE_OBJECT && agt_value_get_count(calls) == 0) {
        uint64_t key = make_key(0, 0);
        (void)agt__answer_open(answer, key, AGT__ANSWER_TOOL_CALL);
        agt__answer_set(answer, key, "name", agt_value_get_member(old, "name"));
        agt__answer_append_value(answer, key, agt_value_get_member(old, "arguments"));
    }
}

/* ---- choices ----------------------------------------------------------------------------------
 */

/* A message, or a piece of one. */
static void take_message(agt__answer *answer, const agt_value *message)
{
    take_all_reasoning(answer, message);
    take_content(answer, agt_value_get_member(message, "content"));
    take_refusal(answer, agt_value_get_member(message, "refusal"));
    take_calls(answer, message);
}

/* Why the model stopped; some words mean that the server failed. */
static agt_status take_finish(agt__answer *answer, const agt_value *choice, agt_error *err)
{
    const agt_value *raw = agt_value_get_member(choice, "finish_reason");
    const agt_value *error = agt_value_get_member(choice, "error");
    const char *word = agt__value_text(raw, "");
    const char *reason = agt__openai_get_reason(raw);
    if (agt_value_get_kind(error) == AGT_VALUE_OBJECT) {
        return agt__openai_fail(err, error);
    }
    if (strcmp(word, "error") == 0 || strcmp(word, "insufficient_system_resource") == 0) {
        (void)agt__error_set(err, AGT_E_MODEL, origin,
                             "the server began to answer, and failed: finish_reason \"%s\"", word);
        if (err != NULL) {
            err->cause = 200;
            err->flags = AGT_ERROR_RETRYABLE;
        }
        return AGT_E_MODEL;
    }
    if (reason != NULL && strcmp(reason, "stop") == 0 && agt__answer_has(answer, key_refusal)) {
        reason = "refusal";
    }
    agt__answer_set_finish(answer, reason, raw);
    return AGT_OK;
}

static agt_status take_choices(agt__answer *answer, const agt_value *choices, const char *member,
                               agt_error *err)
{
    agt_status status = AGT_OK;
    for (size_t i = 0; i < agt_value_get_count(choices) && status == AGT_OK; i++) {
        const agt_value *choice = agt_value_get_item(choices, i);
        if (agt__answer_read_count(agt_value_get_member(choice, "index")) <= 0) {
            take_message(answer, agt_value_get_member(choice, member));
            status = take_finish(answer, choice, err);
        }
    }
    return status;
}

static void take_head(agt__answer *answer, const agt_value *body)
{
    const agt_value *usage = agt_value_get_member(body, "usage");
    agt__answer_set_head(answer, "id", agt_value_get_member(body, "id"));
    agt__answer_set_head(answer, "model", agt_value_get_member(body, "model"));
    if (agt_value_get_kind(usage) != AGT_VALUE_OBJECT) {
        usage = agt_value_get_member(agt_value_get_member(body, "x_groq"), "usage");
    }
    agt__openai_read_usage(answer, usage);
}

agt_status agt__openai_chat_decode(const agt_value *body, agt__answer *answer, agt_error *err)
{
    const agt_value *error = agt__openai_find_error(body);
    const agt_value *choices = agt_value_get_member(body, "choices");
    if (error != NULL) {
        return agt__openai_fail(err, error);
    }
    if (agt_value_get_kind(choices) != AGT_VALUE_ARRAY || agt_value_get_count(choices) == 0) {
        return agt__error_set(err, AGT_E_MODEL, origin,
                              "the server's answer is no chat completion: it has no \"choices\"");
    }
    take_head(answer, body);
    agt_status status = take_choices(answer, choices, "message", err);
    if (status == AGT_OK && !agt__answer_is_finished(answer)) {
        agt__answer_set_finish(answer, "stop", NULL); /* a whole body is whole */
    }
    return status;
}

agt_status agt__openai_chat_event(agt__answer *answer, const char *type, const char *data,
                                  size_t size, bool *ret_done, agt_error *err)
{
    static const char end[] = "[DONE]";
    size_t space = strspn(data, " \t\r\n");
    if (size - space >= sizeof(end) - 1 && memcmp(data + space, end, sizeof(end) - 1) == 0) {
        *ret_done = true;
        return AGT_OK;
    }
    bool named = strcmp(type, "message") != 0 && strcmp(type, "error") != 0;
    if (space == size || (named && data[space] != '{')) {
        return AGT_OK; /* kept alive */
    }
    agt_value *event = NULL;
    agt_status status = agt__wire_parse(agt__answer_get_allocator(answer), data, size,
                                        /* is_piece= */ true, &event, err);
    if (status != AGT_OK) {
        return status;
    }
    const agt_value *error = agt__openai_find_error(event);
    const agt_value *choices = agt_value_get_member(event, "choices");
    if (error == NULL && strcmp(type, "error") == 0 && choices == NULL) {
        error = event;
    }
    take_head(answer, event); /* usage that comes with an error was paid for */
    status =
        error != NULL ? agt__openai_fail(err, error) : take_choices(answer, choices, "delta", err);
    agt_value_unref(event);
    return status;
}
