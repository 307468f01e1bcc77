/*
 * Reading Responses: whole bodies and streams.
 *
 * A response is a list of items, and an item of type "message" a list of contents. Each call,
 * reasoning and foreign item is one part; each content of a message is one.
 *
 * Events say which item they mean by output_index and item_id, and servers get either wrong: some
 * leave out the index, some send 0 for all, some make up an id per event. So the key of an item is
 * its index and a generation (a second item at an index that has another id), or a hash of its id
 * where there is no index; find_item() takes the id if it is known and else the index.
 *
 * An item is said three times: in pieces, whole when it is done, and once more in the response at
 * the end. Whatever came in pieces counts; the whole item gives what is missing, and what has to be
 * sent back (see wire_openai_responses.c). The response at the end is read for its items only if
 * there were none before.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_openai_common.h"
#include "llm/wire_openai_responses.h"

#include "base/error.h"
#include "base/value.h"

#include <string.h>

static const char origin[] = "llm/openai-responses";

static const uint64_t indexed = UINT64_C(1) << 60;
static const uint64_t named = UINT64_C(2) << 60;

enum {
    content_bits = 16, /* 0: of no content; else the number of the content, from 1 */
    generation_bits = 8,
    generations_max = 64
};

/* What an event is about. */
typedef struct place {
    int64_t index; /* -1 = not said */
    const char *id;
} place;

/* ---- items ------------------------------------------------------------------------------------
 */

static uint64_t make_indexed(int64_t index, uint64_t generation)
{
    return indexed | (((uint64_t)index & UINT32_MAX) << (content_bits + generation_bits)) |
           (generation << content_bits);
}

static uint64_t make_named(const char *id)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *id != '\0'; id++) {
        hash = (hash ^ (unsigned char)*id) * UINT64_C(0x100000001B3);
    }
    return named | ((hash >> 24) << content_bits); /* 40 bits of it */
}

static uint64_t make_content(uint64_t item, int64_t content)
{
    return item | (uint64_t)(content >= 0 && content < UINT16_MAX - 1 ? content + 1 : 1);
}

/* The part that stands for an item: itself, or the first content of a message. */
static uint64_t get_first(const agt__answer *answer, uint64_t item)
{
    return agt__answer_has(answer, item) ? item : make_content(item, 0);
}

static bool is_there(const agt__answer *answer, uint64_t item)
{
    return agt__answer_has(answer, get_first(answer, item));
}

static const char *get_id(const agt__answer *answer, uint64_t item)
{
    const agt_value *kept = agt__answer_get(answer, get_first(answer, item), "item");
    return agt__value_member_text(kept, "id", "");
}

/* The item at @at. @return whether there is one; *ret_exact: it has that very id. Otherwise
 * *ret_item is where a new one would be. */
static bool find_item(const agt__answer *answer, place at, uint64_t *ret_item, bool *ret_exact)
{
    uint64_t count = 0;
    *ret_exact = false;
    if (at.index >= 0) {
        for (; count < generations_max && is_there(answer, make_indexed(at.index, count));
             count++) {
            *ret_item = make_indexed(at.index, count);
            if (at.id[0] != '\0' && strcmp(get_id(answer, *ret_item), at.id) == 0) {
                *ret_exact = true;
                return true;
            }
        }
    }
    if (at.id[0] != '\0' && is_there(answer, make_named(at.id))) {
        *ret_item = make_named(at.id);
        *ret_exact = true;
        return true;
    }
    if (count == 0) {
        *ret_item = at.index >= 0 ? make_indexed(at.index, 0) : make_named(at.id);
        return is_there(answer, *ret_item);
    }
    return true;
}

/* Where another item at the index of @item would be. */
static uint64_t get_next(const agt__answer *answer, place at, uint64_t item)
{
    uint64_t count = 0;
    if (at.index < 0) {
        return item;
    }
    while (count + 1 < generations_max && is_there(answer, make_indexed(at.index, count))) {
        count++;
    }
    return make_indexed(at.index, count);
}

static void set_format(agt__answer *answer, uint64_t key)
{
    agt_value *format =
        agt__value_text_or_null(agt__answer_get_allocator(answer), AGT__OPENAI_RESPONSES_FORMAT);
    agt__answer_fail(answer, format != NULL ? AGT_OK : AGT_E_NOMEM);
    agt__answer_set(answer, key, "format", format);
    agt_value_unref(format);
}

static void open_part(agt__answer *answer, uint64_t key, agt__answer_kind kind)
{
    if (agt__answer_open(answer, key, kind) && kind != AGT__ANSWER_OPAQUE) {
        set_format(answer, key);
    }
}

static bool is_type(const agt_value *object, const char *type)
{
    return strcmp(agt__value_member_text(object, "type", ""), type) == 0;
}

/* Keep of @item what is not in the part: all but the member @but. */
static void keep_item(agt__answer *answer, uint64_t key, const agt_value *item, const char *but)
{
    agt_value *kept = NULL;
    agt_value_builder *b = NULL;
    if (but[0] == '\0' || agt_value_get_member(item, but) == NULL) {
        agt__answer_set(answer, key, "item", item);
        return;
    }
    agt_status status = agt_value_builder_new(agt__answer_get_allocator(answer), &b);
    if (status == AGT_OK) {
        agt_value_builder_begin_object(b);
        for (size_t i = 0; i < agt_value_get_count(item); i++) {
            size_t length = 0;
            const char *name = agt_value_get_key(item, i, &length);
            if (strcmp(name, but) != 0) {
                agt_value_builder_key_n(b, name, length);
                agt_value_builder_value(b, agt_value_get_item(item, i));
            }
        }
        agt_value_builder_end(b);
        status = agt_value_builder_finish(b, &kept, NULL);
        agt_value_builder_free(b);
    }
    agt__answer_fail(answer, status);
    agt__answer_set(answer, key, "item", kept);
    agt_value_unref(kept);
}

static bool is_empty(const agt__answer *answer, uint64_t key)
{
    return agt__answer_get_length(answer, key) == 0;
}

/* ---- whole items ------------------------------------------------------------------------------
 */

static void take_contents(agt__answer *answer, uint64_t item_key, const agt_value *item)
{
    const agt_value *contents = agt_value_get_member(item, "content");
    size_t count =
        agt_value_get_kind(contents) == AGT_VALUE_ARRAY ? agt_value_get_count(contents) : 0;
    for (size_t i = 0; i < count; i++) {
        const agt_value *content = agt_value_get_item(contents, i);
        const agt_value *annotations = agt_value_get_member(content, "annotations");
        bool refused = is_type(content, "refusal");
        uint64_t key = make_content(item_key, (int64_t)i);
        if (!refused && !is_type(content, "output_text") && !is_type(content, "text")) {
            continue;
        }
        open_part(answer, key, AGT__ANSWER_TEXT);
        if (is_empty(answer, key)) {
            agt__answer_append_value(answer, key,
                                     agt_value_get_member(content, refused ? "refusal" : "text"));
        }
        if (refused) {
            agt__answer_set(answer, key, "refusal", agt_value_bool(true));
        }
        if (agt_value_get_kind(annotations) == AGT_VALUE_ARRAY &&
            agt_value_get_count(annotations) > 0) {
            agt__answer_set(answer, key, "annotations", annotations);
        }
    }
}

static void take_message(agt__answer *answer, uint64_t item_key, const agt_value *item, bool whole)
{
    open_part(answer, make_content(item_key, 0), AGT__ANSWER_TEXT);
    take_contents(answer, item_key, item);
    for (int64_t i = 0; agt__answer_has(answer, make_content(item_key, i)); i++) {
        uint64_t key = make_content(item_key, i);
        if (i >= UINT16_MAX - 2) {
            break;
        }
        keep_item(answer, key, item, "content");
        if (whole) {
            agt__answer_close(answer, key);
        }
    }
    if (whole && is_empty(answer, make_content(item_key, 0)) &&
        !agt__answer_has(answer, make_content(item_key, 1))) {
        agt__answer_drop(answer, make_content(item_key, 0));
    }
}

static void take_call(agt__answer *answer, uint64_t key, const agt_value *item, bool whole)
{
    const agt_value *arguments = agt_value_get_member(item, "arguments");
    open_part(answer, key, AGT__ANSWER_TOOL_CALL);
    agt__answer_set(answer, key, "id", agt_value_get_member(item, "call_id"));
    agt__answer_set(answer, key, "name", agt_value_get_member(item, "name"));
    if (agt__answer_is_open(answer, key)) {
        keep_item(answer, key, item, "arguments");
    }
    if (is_empty(answer, key) && whole && arguments != NULL) {
        agt__answer_set_arguments(answer, key, arguments);
    }
    if (whole) {
        agt__answer_close(answer, key);
    }
}

/* The texts of a reasoning item that came without pieces. */
static void take_reasoning_texts(agt__answer *answer, uint64_t key, const agt_value *texts)
{
    size_t count = agt_value_get_kind(texts) == AGT_VALUE_ARRAY ? agt_value_get_count(texts) : 0;
    for (size_t i = 0; i < count; i++) {
        const agt_value *text = agt_value_get_member(agt_value_get_item(texts, i), "text");
        if (agt_value_get_kind(text) == AGT_VALUE_STRING && !is_empty(answer, key)) {
            agt__answer_append(answer, key, "\n\n", 2);
        }
        agt__answer_append_value(answer, key, text);
    }
}

static void take_reasoning(agt__answer *answer, uint64_t key, const agt_value *item, bool whole)
{
    open_part(answer, key, AGT__ANSWER_REASONING);
    keep_item(answer, key, item, "");
    if (whole && is_empty(answer, key)) {
        take_reasoning_texts(answer, key, agt_value_get_member(item, "summary"));
        if (is_empty(answer, key)) {
            take_reasoning_texts(answer, key, agt_value_get_member(item, "content"));
        }
    }
    if (whole) {
        agt__answer_close(answer, key);
    }
}

/* An item as it begins, or whole. */
static void take_item(agt__answer *answer, uint64_t key, const agt_value *item, bool whole)
{
    if (is_type(item, "message")) {
        take_message(answer, key, item, whole);
    } else if (is_type(item, "function_call")) {
        take_call(answer, key, item, whole);
    } else if (is_type(item, "reasoning")) {
        take_reasoning(answer, key, item, whole);
    } else if (agt_value_get_kind(item) == AGT_VALUE_OBJECT) {
        open_part(answer, key, AGT__ANSWER_OPAQUE);
        if (whole) {
            agt__answer_set_opaque(answer, key, AGT__OPENAI_RESPONSES_FORMAT, item);
            agt__answer_close(answer, key);
        } else {
            keep_item(answer, key, item, ""); /* its id */
        }
    }
}

/* ---- the response -----------------------------------------------------------------------------
 */

static void take_head(agt__answer *answer, const agt_value *response)
{
    agt__answer_set_head(answer, "id", agt_value_get_member(response, "id"));
    agt__answer_set_head(answer, "model", agt_value_get_member(response, "model"));
    agt__openai_read_usage(answer, agt_value_get_member(response, "usage"));
}

static bool is_refused(const agt_value *output)
{
    for (size_t i = 0; i < agt_value_get_count(output); i++) {
        const agt_value *contents = agt_value_get_member(agt_value_get_item(output, i), "content");
        for (size_t j = 0; j < agt_value_get_count(contents); j++) {
            if (is_type(agt_value_get_item(contents, j), "refusal")) {
                return true;
            }
        }
    }
    return false;
}

static agt_status refuse_status(const char *status, agt_error *err)
{
    (void)agt__error_set(err, AGT_E_MODEL, origin, "the response of the server is \"%s\"", status);
    if (err != NULL) {
        err->cause = 200;
        err->flags = strcmp(status, "failed") == 0 ? AGT_ERROR_RETRYABLE : 0;
    }
    return AGT_E_MODEL;
}

/* The response at the end of a stream, or a whole body. */
static agt_status take_response(agt__answer *answer, const agt_value *response, agt_error *err)
{
    const agt_value *output = agt_value_get_member(response, "output");
    const agt_value *error = agt_value_get_member(response, "error");
    const agt_value *raw = agt_value_get_member(response, "status");
    const agt_value *details = agt_value_get_member(response, "incomplete_details");
    const agt_value *why = agt_value_get_member(details, "reason");
    const char *status = agt__value_text(raw, "completed");
    take_head(answer, response);
    if (agt__answer_get_count(answer) == 0 && agt_value_get_kind(output) == AGT_VALUE_ARRAY) {
        for (size_t i = 0; i < agt_value_get_count(output); i++) {
            take_item(answer, make_indexed((int64_t)i, 0), agt_value_get_item(output, i), true);
        }
    }
    if (agt_value_get_kind(error) == AGT_VALUE_OBJECT) {
        return agt__openai_fail(err, error);
    }
    if (strcmp(status, "incomplete") == 0 || agt__value_text(why, "")[0] != '\0') {
        const char *reason = agt__openai_get_reason(why);
        agt__answer_set_finish(answer, reason != NULL ? reason : "length", why);
    } else if (strcmp(status, "completed") == 0) {
        agt__answer_set_finish(answer, is_refused(output) ? "refusal" : "stop", raw);
    } else {
        return refuse_status(status, err);
    }
    return AGT_OK;
}

agt_status agt__openai_responses_decode(const agt_value *body, agt__answer *answer, agt_error *err)
{
    const agt_value *error = agt__openai_find_error(body);
    if (error != NULL && agt_value_get_member(body, "output") == NULL) {
        return agt__openai_fail(err, error);
    }
    if (agt_value_get_kind(agt_value_get_member(body, "output")) != AGT_VALUE_ARRAY) {
        return agt__error_set(err, AGT_E_MODEL, origin,
                              "the server's answer is no response: it has no \"output\"");
    }
    return take_response(answer, body, err);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static place get_place(const agt_value *event, const agt_value *item)
{
    place at = {.index = agt__answer_read_count(agt_value_get_member(event, "output_index")),
                .id = agt__value_member_text(event, "item_id", "")};
    if (at.id[0] == '\0') {
        at.id = agt__value_member_text(item, "id", "");
    }
    return at;
}

static void take_added(agt__answer *answer, const agt_value *event)
{
    const agt_value *item = agt_value_get_member(event, "item");
    place at = get_place(event, item);
    uint64_t key = 0;
    bool exact = false;
    if (find_item(answer, at, &key, &exact) && !exact) {
        key = get_next(answer, at, key);
    }
    take_item(answer, key, item, false);
}

static void take_done(agt__answer *answer, const agt_value *event)
{
    const agt_value *item = agt_value_get_member(event, "item");
    place at = get_place(event, item);
    uint64_t key = 0;
    bool exact = false;
    if (find_item(answer, at, &key, &exact) && !exact &&
        !agt__answer_is_open(answer, get_first(answer, key))) {
        key = get_next(answer, at, key); /* that one is done: this is another */
    }
    take_item(answer, key, item, true);
}

/* The part that a piece of text belongs to, opened if it is not there. */
static uint64_t get_part(agt__answer *answer, const agt_value *event, agt__answer_kind kind)
{
    uint64_t key = 0;
    bool exact = false;
    (void)find_item(answer, get_place(event, NULL), &key, &exact);
    if (kind == AGT__ANSWER_TEXT) {
        key =
            make_content(key, agt__answer_read_count(agt_value_get_member(event, "content_index")));
    }
    open_part(answer, key, kind);
    return key;
}

static void take_call_arguments(agt__answer *answer, const agt_value *event, bool whole)
{
    uint64_t key = get_part(answer, event, AGT__ANSWER_TOOL_CALL);
    const agt_value *arguments = agt_value_get_member(event, "arguments");
    if (!whole) {
        agt__answer_append_value(answer, key, agt_value_get_member(event, "delta"));
        return;
    }
    agt__answer_set(answer, key, "name", agt_value_get_member(event, "name"));
    if (agt__value_text(arguments, "x")[0] != '\0' && arguments != NULL) {
        agt__answer_set_arguments(answer, key, arguments);
    }
}

static void take_reasoning_piece(agt__answer *answer, const agt_value *event)
{
    uint64_t key = get_part(answer, event, AGT__ANSWER_REASONING);
    agt__answer_append_value(answer, key, agt_value_get_member(event, "delta"));
}

/* Another summary of the same item: a paragraph of its own. */
static void take_summary_begin(agt__answer *answer, const agt_value *event)
{
    uint64_t key = get_part(answer, event, AGT__ANSWER_REASONING);
    if (!is_empty(answer, key)) {
        agt__answer_append(answer, key, "\n\n", 2);
    }
}

static void take_text_piece(agt__answer *answer, const agt_value *event, const char *member)
{
    uint64_t key = get_part(answer, event, AGT__ANSWER_TEXT);
    bool whole = strcmp(member, "delta") != 0;
    if (!whole || is_empty(answer, key)) {
        agt__answer_append_value(answer, key, agt_value_get_member(event, member));
    }
}

static void take_refusal_piece(agt__answer *answer, const agt_value *event, const char *member)
{
    uint64_t key = get_part(answer, event, AGT__ANSWER_TEXT);
    agt__answer_set(answer, key, "refusal", agt_value_bool(true));
    take_text_piece(answer, event, member);
}

typedef enum event_kind {
    EVENT_OTHER,
    EVENT_HEAD,
    EVENT_END,
    EVENT_ADDED,
    EVENT_DONE,
    EVENT_TEXT,
    EVENT_TEXT_WHOLE,
    EVENT_REFUSAL,
    EVENT_REFUSAL_WHOLE,
    EVENT_ARGUMENTS,
    EVENT_ARGUMENTS_WHOLE,
    EVENT_REASONING,
    EVENT_SUMMARY
} event_kind;

static event_kind get_event_kind(const char *type)
{
    static const struct {
        const char *type;
        event_kind kind;
    } kinds[] = {
        {"response.created", EVENT_HEAD},
        {"response.in_progress", EVENT_HEAD},
        {"response.queued", EVENT_HEAD},
        {"response.completed", EVENT_END},
        {"response.done", EVENT_END},
        {"response.incomplete", EVENT_END},
        {"response.failed", EVENT_END},
        {"response.cancelled", EVENT_END},
        {"response.output_item.added", EVENT_ADDED},
        {"response.output_item.done", EVENT_DONE},
        {"response.output_text.delta", EVENT_TEXT},
        {"response.output_text.done", EVENT_TEXT_WHOLE},
        {"response.refusal.delta", EVENT_REFUSAL},
        {"response.refusal.done", EVENT_REFUSAL_WHOLE},
        {"response.function_call_arguments.delta", EVENT_ARGUMENTS},
        {"response.function_call_arguments.done", EVENT_ARGUMENTS_WHOLE},
        {"response.reasoning_text.delta", EVENT_REASONING},
        {"response.reasoning_summary_text.delta", EVENT_REASONING},
        {"response.reasoning_summary_part.added", EVENT_SUMMARY},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].type, type) == 0) {
            return kinds[i].kind;
        }
    }
    return EVENT_OTHER;
}

static agt_status take_event(agt__answer *answer, const char *type, const agt_value *event,
                             bool *ret_done, agt_error *err)
{
    switch (get_event_kind(type)) {
    case EVENT_OTHER:
        break;
    case EVENT_HEAD:
        take_head(answer, agt_value_get_member(event, "response"));
        break;
    case EVENT_END:
        *ret_done = true;
        return take_response(answer, agt_value_get_member(event, "response"), err);
    case EVENT_ADDED:
        take_added(answer, event);
        break;
    case EVENT_DONE:
        take_done(answer, event);
        break;
    case EVENT_TEXT:
        take_text_piece(answer, event, "delta");
        break;
    case EVENT_TEXT_WHOLE:
        take_text_piece(answer, event, "text");
        break;
    case EVENT_REFUSAL:
        take_refusal_piece(answer, event, "delta");
        break;
    case EVENT_REFUSAL_WHOLE:
        take_refusal_piece(answer, event, "refusal");
        break;
    case EVENT_ARGUMENTS:
        take_call_arguments(answer, event, false);
        break;
    case EVENT_ARGUMENTS_WHOLE:
        take_call_arguments(answer, event, true);
        break;
    case EVENT_REASONING:
        take_reasoning_piece(answer, event);
        break;
    case EVENT_SUMMARY:
        take_summary_begin(answer, event);
        break;
    }
    return AGT_OK;
}

agt_status agt__openai_responses_event(agt__answer *answer, const char *type, const char *data,
                                       size_t size, bool *ret_done, agt_error *err)
{
    static const char end[] = "[DONE]";
    size_t space = strspn(data, " \t\r\n");
    if (size - space >= sizeof(end) - 1 && memcmp(data + space, end, sizeof(end) - 1) == 0) {
        *ret_done = agt__answer_is_finished(answer); /* it alone says nothing */
        return AGT_OK;
    }
    bool foreign = strcmp(type, "message") != 0 && strcmp(type, "error") != 0 &&
                   get_event_kind(type) == EVENT_OTHER;
    if (space == size || (foreign && data[space] != '{')) {
        return AGT_OK; /* kept alive */
    }
    agt_value *event = NULL;
    agt_status status = agt__wire_parse(agt__answer_get_allocator(answer), data, size,
                                        /* is_piece= */ true, &event, err);
    if (status != AGT_OK) {
        return status;
    }
    const agt_value *error = agt__openai_find_error(event);
    const char *said = agt__value_member_text(event, "type", type);
    if (error == NULL && strcmp(type, "error") == 0 && get_event_kind(said) == EVENT_OTHER) {
        error = event;
    }
    status = error != NULL ? agt__openai_fail(err, error)
                           : take_event(answer, said, event, ret_done, err);
    agt_value_unref(event);
    return status;
}
