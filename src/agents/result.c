/*
 * Long results of tools: the model is shown a part, the whole is kept for it to read on.
 *
 * What is shown of a string is its beginning. Of other values it is a smaller value of the same
 * kind: of an array its first items, of an object all members as far as there is room, each with
 * its share; where something was left out a string says so. Offsets of "read_result" count bytes of
 * the whole text: of a string as it is, of anything else as JSON.
 *
 * Ids are unique in a session: turn, step and number of the call.
 *
 * Threads: the loop's; what is only in the store is fetched by an errand.
 */
#include "agents/run.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "runtime/runtime.h"
#include "telemetry/semconv.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    results_max = 1 << 20,
    piece_bytes_min = 16,
    note_bytes = 64,
    id_bytes = 48,
    depth_shown_max = 32
};

const char agt__result_reader_name[] = "read_result";

/* Where at most @size bytes of @text end, between two characters. */
static size_t cut_text(const char *text, size_t length, size_t size)
{
    if (size >= length) {
        return length;
    }
    while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
        size--;
    }
    return size;
}

/* ---- a smaller value --------------------------------------------------------------------------
 */

static void add_note(agt_value_builder *b, const char *what, size_t count)
{
    char note[note_bytes];
    (void)snprintf(note, sizeof(note), "\xE2\x80\xA6 %zu more %s", count, what);
    agt_value_builder_string(b, note);
}

static void add_smaller_string(agt_value_builder *b, const agt_value *value, size_t room)
{
    agt__buffer text;
    size_t length = 0;
    const char *bytes = agt_value_get_string(value, &length);
    size_t shown = cut_text(bytes, length, room);
    agt__buffer_init(&text, NULL, 0);
    agt__buffer_add(&text, bytes, shown);
    agt__buffer_add_format(&text, "\xE2\x80\xA6 %zu more bytes", length - shown);
    if (text.status == AGT_OK) {
        agt_value_builder_string_n(b, agt__buffer_text(&text), text.size);
    } else {
        agt_value_builder_null(b);
    }
    agt__buffer_deinit(&text);
}

/* Add @value in about @room bytes. Not deeper than a tool's schema would be: what lies deeper is
 * left out whole. */
static void add_smaller(agt_value_builder *b, const agt_value *value, size_t room, uint32_t depth)
{
    agt_value_kind kind = agt_value_get_kind(value);
    size_t count = agt_value_get_count(value);
    if (agt__value_estimate_size(value) <= room) {
        agt_value_builder_value(b, value);
    } else if (kind == AGT_VALUE_STRING) {
        add_smaller_string(b, value, room);
    } else if ((kind != AGT_VALUE_ARRAY && kind != AGT_VALUE_OBJECT) || depth > depth_shown_max) {
        add_note(b, "values", 1);
    } else {
        bool is_array = kind == AGT_VALUE_ARRAY;
        size_t left = room, shown = 0;
        is_array ? agt_value_builder_begin_array(b) : agt_value_builder_begin_object(b);
        for (; shown < count && left >= piece_bytes_min; shown++) {
            const agt_value *item = agt_value_get_item(value, shown);
            size_t size = agt__value_estimate_size(item), length = 0;
            size_t share = is_array ? left : left / (count - shown);
            share = share > piece_bytes_min ? share : piece_bytes_min;
            if (!is_array) {
                const char *key = agt_value_get_key(value, shown, &length);
                agt_value_builder_key_n(b, key, length);
            }
            add_smaller(b, item, share, depth + 1);
            size = (size < share ? size : share) + length;
            left -= size < left ? size : left;
        }
        if (shown < count && !is_array) {
            agt_value_builder_key(b, "\xE2\x80\xA6");
        }
        if (shown < count) {
            add_note(b, is_array ? "items" : "members", count - shown);
        }
        agt_value_builder_end(b);
    }
}

/* ---- keeping ----------------------------------------------------------------------------------
 */

static agt_status keep(agt__agent_run *run, const agt_value *id, const agt_value *text)
{
    agt_status status = agt__array_reserve(run->allocator, &run->results, &run->result_capacity,
                                           run->result_count, sizeof(*run->results), results_max);
    if (status == AGT_OK && run->session != NULL) {
        status = agt__session_keep_result(run->session, id, text);
    }
    if (status == AGT_OK) {
        run->results[run->result_count++] =
            (agt__kept_result){agt_value_ref(id), agt_value_ref(text)};
    }
    return status;
}

static agt_status show_part(agt__agent_run *run, const agt_value *output, const agt_value *id,
                            size_t bytes, agt_value **ret_shown)
{
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(run->allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "note",
                            "This result is too long to be shown whole. \"shown\" is a part of it; "
                            "read on with the tool read_result: id, offset (in bytes of the whole "
                            "text), length.");
    agt__builder_add_value(b, "result_id", id);
    agt__builder_add_uint64(b, "bytes", bytes);
    agt_value_builder_key(b, "shown");
    add_smaller(b, output, (size_t)run->agent->limits.result_bytes_max, 0);
    agt_value_builder_end(b);
    status = agt_value_builder_finish(b, ret_shown, NULL);
    agt_value_builder_free(b);
    return status;
}

agt_value *agt__agent_run_show_result(agt__agent_run *run, const agt_value *output, uint32_t number)
{
    uint64_t most = run->agent->limits.result_bytes_max;
    agt_value *text = NULL, *id = NULL, *shown = NULL, *tainted = NULL;
    char name[id_bytes];
    size_t length = 0;
    if (output == NULL || agt__value_estimate_size(output) <= most) {
        return agt_value_ref(output);
    }
    agt_status status = AGT_OK;
    if (agt_value_get_kind(output) == AGT_VALUE_STRING) {
        text = agt_value_ref(output);
    } else {
        status = agt_value_to_json(run->allocator, output, AGT_JSON_COMPACT, &text);
    }
    (void)agt_value_get_string(text, &length);
    if (status == AGT_OK && length <= most) { /* the estimate was too high */
        agt_value_unref(text);
        return agt_value_ref(output);
    }
    (void)snprintf(name, sizeof(name), "r%u-%u-%u", run->turn, run->step, number);
    id = agt__value_text_or_null(run->allocator, name);
    if (status == AGT_OK) {
        status = id != NULL ? show_part(run, output, id, length, &shown) : AGT_E_NOMEM;
    }
    if (status == AGT_OK) {
        status = agt__value_take_taint(run->allocator, shown, &tainted);
    }
    if (status == AGT_OK) {
        status = keep(run, id, text);
    }
    agt_value_unref(id);
    agt_value_unref(text);
    if (status != AGT_OK) {
        agt_value_unref(tainted);
        return NULL;
    }
    return tainted;
}

bool agt__agent_run_has_results(const agt__agent_run *run)
{
    return run->result_count > 0 || (run->session != NULL && run->session->has_results);
}

/* ---- reading on -------------------------------------------------------------------------------
 */

/* A call of "read_result" that waits for the store. */
typedef struct fetch {
    agt__errand errand;
    agt_tool_call *call; /* NULL: it was settled without this */
    agt_session *session;
    const agt_allocator *allocator;
    uint64_t offset, length;
    agt_value *text;
    agt_error error;
    char id[id_bytes];
} fetch;

static uint64_t number_of(const agt_value *input, const char *key, uint64_t otherwise)
{
    uint64_t number = 0;
    return agt_value_get_uint64(agt_value_get_member(input, key), &number) == AGT_OK ? number
                                                                                     : otherwise;
}

/* The piece of @text that was asked for, between characters at both ends. */
static agt_status make_piece(const agt_allocator *allocator, const agt_value *text, uint64_t offset,
                             uint64_t length, agt_value **ret_piece)
{
    size_t size = 0;
    const char *bytes = agt_value_get_string(text, &size);
    size_t from = cut_text(bytes, size, offset < size ? (size_t)offset : size);
    size_t to = cut_text(bytes, size, length < size - from ? from + (size_t)length : size);
    agt_value *piece = NULL;
    agt_status status = agt_value_new_string_n(allocator, bytes + from, to - from, &piece);
    const agt__field fields[] = {
        {"offset", agt__value_uint64_or_null(allocator, from)},
        {"next_offset", to < size ? agt__value_uint64_or_null(allocator, to) : agt_value_null()},
        {"bytes", agt__value_uint64_or_null(allocator, size)},
        {"text", status == AGT_OK ? piece : NULL},
    };
    return agt__value_make_object(allocator, fields, 4, ret_piece);
}

static void complete_fetch(agt_tool_call *call, fetch *self)
{
    agt_value *piece = NULL;
    agt_status status = self->text != NULL ? make_piece(self->allocator, self->text, self->offset,
                                                        self->length, &piece)
                                           : self->error.status;
    if (self->text == NULL) {
        agt__tool_call_take_error(call, &self->error);
    }
    agt_tool_complete(call, status, piece);
    agt_value_unref(piece);
}

static void free_fetch(fetch *self)
{
    agt_value_unref(self->text);
    agt__session_unref(self->session);
    agt__free(self->allocator, self);
}

/* On a worker. */
static void run_fetch(agt__errand *errand)
{
    fetch *self = (fetch *)(void *)errand;
    agt_value *text = NULL;
    if (agt__session_get_result(self->session, self->id, &text, &self->error) == AGT_OK) {
        self->text = text;
    }
}

static void end_fetch(agt__errand *errand)
{
    fetch *self = (fetch *)(void *)errand;
    if (errand->status != AGT_OK) {
        agt__error_set(&self->error, errand->status, "agents/result", "no thread for the store");
    }
    complete_fetch(self->call, self);
    free_fetch(self);
}

/* The whole text, if this process has it. */
static agt_value *find_kept(const agt__agent_run *run, const char *id)
{
    for (size_t i = 0; i < run->result_count; i++) {
        if (strcmp(agt__value_text(run->results[i].id, ""), id) == 0) {
            return agt_value_ref(run->results[i].text);
        }
    }
    return NULL;
}

static agt_status start(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    const agt__agent_run *run = agt__tool_call_get_state(agt__tool_call_get_parent(call));
    const agt_value *input = agt_tool_call_get_input(call);
    const char *id = agt__value_member_text(input, "id", "");
    uint64_t most = run->agent->limits.result_bytes_max;
    uint64_t length = number_of(input, "length", most);
    length = length < most ? length : most;
    length = length > 4 ? length : 4; /* a whole character, so that reading on comes to an end */
    agt_value *text = find_kept(run, id);
    if (text != NULL || run->session == NULL) {
        agt_status status = AGT_E_NOT_FOUND;
        if (text != NULL) {
            status =
                make_piece(run->allocator, text, number_of(input, "offset", 0), length, ret_output);
        } else {
            agt_tool_call_set_error(call, "there is no result \"%.64s\"", id);
        }
        agt_value_unref(text);
        return status;
    }
    fetch *self = agt__calloc(run->allocator, 1, sizeof(*self));
    if (self == NULL) {
        return AGT_E_NOMEM;
    }
    self->errand = (agt__errand){.run = run_fetch, .done = end_fetch};
    self->call = call;
    self->session = agt__session_ref(run->session);
    self->allocator = run->allocator;
    self->offset = number_of(input, "offset", 0);
    self->length = length;
    agt__copy_text(self->id, sizeof(self->id), id);
    *ret_pending = true;
    agt__runtime_start_errand(run->runtime, &self->errand);
    return AGT_OK;
}

/* The errand comes back and completes it. */
static bool cancel(agt_tool_call *call)
{
    (void)call;
    return true;
}

static void destroy(agt__operation *operation)
{
    agt__free(operation->allocator, operation);
}

static const agt__operation_table reader_table = {
    .kind = "builtin",
    .start = start,
    .cancel = cancel,
    .destroy = destroy,
};

agt__operation *agt__result_reader_new(const agt_allocator *allocator)
{
    agt__operation *reader = agt__calloc(allocator, 1, sizeof(*reader));
    if (reader != NULL) {
        reader->table = &reader_table;
        reader->allocator = allocator;
        reader->name = agt__result_reader_name;
        reader->mode = AGT_TOOL_ASYNC;
        reader->effect = AGT_EFFECT_PURE;
        reader->timeout_ms = AGT_MS_NONE;
        atomic_init(&reader->refs, 1);
    }
    return reader;
}

agt_status agt__result_reader_describe(const agt_allocator *allocator, agt_value **ret_tool)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"description\":\"The "
        "result_id of the result.\"},\"offset\":{\"type\":\"integer\",\"minimum\":0},\"length\":{"
        "\"type\":\"integer\",\"minimum\":1}},\"required\":[\"id\",\"offset\"],"
        "\"additionalProperties\":false}";
    agt_value *value = NULL;
    agt_status status = agt_json_parse(allocator, schema, sizeof(schema) - 1, NULL, &value, NULL);
    if (status == AGT_OK) {
        status = agt__message_new_tool(allocator, agt__result_reader_name,
                                       "Read on in a tool's result that was too long to be shown "
                                       "whole. Answers with the text from offset (bytes) on, and "
                                       "next_offset, null at the end.",
                                       value, ret_tool);
    }
    agt_value_unref(value);
    return status;
}
