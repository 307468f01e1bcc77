/*
 * The JSON writer: one walk for all forms (compact, pretty, ASCII, canonical), without recursion:
 * the way down is an array, which is enough because values nest at most AGT__VALUE_DEPTH_MAX deep.
 *
 * The canonical form is RFC 8785: members sorted by the UTF-16 code units of their keys, no white
 * space, only what must be escaped is. Its order of members is kept on a stack of numbers for all
 * open objects, because objects themselves never change. Numbers are in the exact normal form.
 *
 * In the other forms control characters (C0, DEL, C1), U+2028 and U+2029 are escaped, so that the
 * text is safe on a terminal and inside JavaScript.
 */
#include "base/json_write.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"
#include "base/value.h"
#include "base/value_node.h"

#include <string.h>

enum {
    CHUNK_BYTES = 4096,
    FLAGS_KNOWN = AGT_JSON_PRETTY | AGT_JSON_ASCII | AGT_JSON_CANONICAL
};

typedef struct writer {
    agt__buffer *out;
    uint32_t flags;
    agt__json_sink sink;
    void *ctx;
    uint32_t *order; /* of the members of open objects: canonical form only */
    size_t order_count, order_capacity;
} writer;

typedef struct step {
    const agt_value *container;
    size_t order; /* where its order begins */
    uint32_t next;
} step;

/* ---- text ------------------------------------------------------------------------------------ */

static void put(writer *w, const char *bytes, size_t size)
{
    if (w->sink == NULL || w->out->size + size < CHUNK_BYTES) {
        agt__buffer_add(w->out, bytes, size);
        return;
    }
    w->sink(w->ctx, agt__buffer_text(w->out), w->out->size);
    w->sink(w->ctx, bytes, size);
    agt__buffer_clear(w->out);
}

static void put_unit(writer *w, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {
        '\\', 'u', hex[unit >> 12], hex[(unit >> 8) & 15], hex[(unit >> 4) & 15], hex[unit & 15]};
    put(w, text, sizeof(text));
}

/* An escape for @code. */
static void put_escape(writer *w, uint32_t code)
{
    static const char letters[] = "btn\0fr"; /* for 8 to 13 */
    if (code == '"' || code == '\\' || (code >= 8 && code <= 13 && code != 11)) {
        char text[2] = {'\\', code >= ' ' ? (char)code : letters[code - 8]};
        put(w, text, sizeof(text));
    } else if (code >= 0x10000) {
        put_unit(w, 0xD800 + ((code - 0x10000) >> 10));
        put_unit(w, 0xDC00 + ((code - 0x10000) & 0x3FF));
    } else {
        put_unit(w, code);
    }
}

static bool must_escape(const writer *w, uint32_t code)
{
    if (code < 0x20 || code == '"' || code == '\\') {
        return true;
    }
    if (w->flags & AGT_JSON_CANONICAL) {
        return false;
    }
    return (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x80 && (w->flags & AGT_JSON_ASCII));
}

static void put_string(writer *w, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    const char *run = bytes;
    put(w, "\"", 1);
    while ((bytes = agt__json_skip_plain(bytes, end, 0x7F)) < end) {
        size_t size;
        uint32_t code = agt__utf8_read(bytes, &size);
        if (must_escape(w, code)) {
            put(w, run, (size_t)(bytes - run));
            put_escape(w, code);
            run = bytes + size;
        }
        bytes += size;
    }
    put(w, run, (size_t)(end - run));
    put(w, "\"", 1);
}

static void put_number(writer *w, const agt_value *number)
{
    if (w->flags & AGT_JSON_CANONICAL) {
        char normal[AGT__NUMBER_TEXT_MAX];
        put(w, normal, agt__number_write_normal(number, normal));
    } else {
        char scratch[24];
        size_t length;
        const char *text = agt__number_text(number, scratch, &length);
        put(w, text, length);
    }
}

static void put_line(writer *w, size_t depth)
{
    static const char spaces[] = "                                ";
    put(w, "\n", 1);
    for (size_t left = depth * 2; left > 0;) {
        size_t size = left < sizeof(spaces) - 1 ? left : sizeof(spaces) - 1;
        put(w, spaces, size);
        left -= size;
    }
}

/* ---- the canonical order --------------------------------------------------------------------- */

/* A number that orders characters as their UTF-16 code units do, as far as the first unit goes. */
static uint32_t first_unit(uint32_t code)
{
    return code < 0x10000 ? code : 0xD800 + ((code - 0x10000) >> 10);
}

/* Whether key @a comes before key @b of @object. */
static bool key_before(const agt_value *object, uint32_t a, uint32_t b)
{
    const agt__member *first = &agt__value_members(object)[a];
    const agt__member *second = &agt__value_members(object)[b];
    const char *first_key = agt__member_key(object, first);
    const char *second_key = agt__member_key(object, second);
    uint32_t shorter =
        first->key_length < second->key_length ? first->key_length : second->key_length;
    uint32_t i = 0;
    while (i < shorter && first_key[i] == second_key[i]) {
        i++;
    }
    if (i == shorter) {
        return first->key_length < second->key_length;
    }
    while (((uint8_t)first_key[i] & 0xC0) == 0x80) { /* to the beginning of the character */
        i--;
    }
    size_t size;
    uint32_t first_code = agt__utf8_read(first_key + i, &size);
    uint32_t second_code = agt__utf8_read(second_key + i, &size);
    uint32_t first_order = first_unit(first_code);
    uint32_t second_order = first_unit(second_code);
    return first_order != second_order ? first_order < second_order : first_code < second_code;
}

/* Let member @at of the heap sink to its place. */
static void sink_down(const agt_value *object, uint32_t *heap, uint32_t at, uint32_t count)
{
    uint32_t moving = heap[at];
    for (;;) {
        uint64_t child = (uint64_t)at * 2 + 1;
        if (child >= count) {
            break;
        }
        child += child + 1 < count && key_before(object, heap[child], heap[child + 1]);
        if (!key_before(object, moving, heap[child])) {
            break;
        }
        heap[at] = heap[child];
        at = (uint32_t)child;
    }
    heap[at] = moving;
}

/* Heap sort: in place, never quadratic, whatever keys somebody sends. */
static void sort_members(const agt_value *object, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t i = count / 2; i > 0; i--) {
        sink_down(object, order, i - 1, count);
    }
    for (uint32_t left = count; left > 1; left--) {
        uint32_t last = order[left - 1];
        order[left - 1] = order[0];
        order[0] = last;
        sink_down(object, order, 0, left - 1);
    }
}

/* Put the order of @object's members on the stack; its place. */
static size_t push_order(writer *w, const agt_value *object)
{
    size_t place = w->order_count;
    size_t needed = place + object->as.container.count;
    if (needed > w->order_capacity) {
        size_t capacity = needed < 64 ? 64 : needed + needed / 2;
        uint32_t *grown = agt__realloc(w->out->allocator, w->order, capacity * sizeof(*w->order));
        if (grown == NULL) {
            w->out->status = AGT_E_NOMEM;
            return place;
        }
        w->order = grown;
        w->order_capacity = capacity;
    }
    w->order_count = needed;
    sort_members(object, w->order + place, object->as.container.count);
    return place;
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* Write a scalar, or an empty container; false for a container that has parts. */
static bool put_whole(writer *w, const agt_value *value)
{
    switch ((agt_value_kind)value->kind) {
    case AGT_VALUE_NULL:
        put(w, "null", 4);
        return true;
    case AGT_VALUE_BOOL:
        if (value->flags & AGT__VALUE_TRUE) {
            put(w, "true", 4);
        } else {
            put(w, "false", 5);
        }
        return true;
    case AGT_VALUE_NUMBER:
        put_number(w, value);
        return true;
    case AGT_VALUE_STRING:
        put_string(w, value->as.string.bytes, value->as.string.length);
        return true;
    case AGT_VALUE_ARRAY:
        if (value->as.container.count == 0) {
            put(w, "[]", 2);
            return true;
        }
        return false;
    case AGT_VALUE_OBJECT:
        if (value->as.container.count == 0) {
            put(w, "{}", 2);
            return true;
        }
        return false;
    }
    return true;
}

/* Write what stands before the next part of the innermost container; the part. */
static const agt_value *put_before_part(writer *w, step *top, size_t depth)
{
    uint32_t i = top->next++;
    if (i > 0) {
        put(w, ",", 1);
    }
    if (w->flags & AGT_JSON_PRETTY) {
        put_line(w, depth);
    }
    if (top->container->kind == AGT_VALUE_ARRAY) {
        return agt__value_items(top->container)[i];
    }
    if (w->flags & AGT_JSON_CANONICAL) {
        i = w->order[top->order + i];
    }
    const agt__member *member = &agt__value_members(top->container)[i];
    put_string(w, agt__member_key(top->container, member), member->key_length);
    if (w->flags & AGT_JSON_PRETTY) {
        put(w, ": ", 2);
    } else {
        put(w, ":", 1);
    }
    return member->value;
}

static void put_all(writer *w, const agt_value *value)
{
    AGT__UNINITIALIZED step way[AGT__VALUE_DEPTH_MAX];
    size_t depth = 0;
    while (w->out->status == AGT_OK) {
        if (!put_whole(w, value)) {
            AGT_ASSERT(depth < AGT__VALUE_DEPTH_MAX);
            bool is_object = value->kind == AGT_VALUE_OBJECT;
            size_t order = w->order_count;
            if (is_object && (w->flags & AGT_JSON_CANONICAL)) {
                order = push_order(w, value);
            }
            put(w, is_object ? "{" : "[", 1);
            way[depth++] = (step){.container = value, .order = order};
        }
        while (depth > 0 && way[depth - 1].next == way[depth - 1].container->as.container.count) {
            depth--;
            w->order_count = way[depth].order;
            if (w->flags & AGT_JSON_PRETTY) {
                put_line(w, depth);
            }
            put(w, way[depth].container->kind == AGT_VALUE_OBJECT ? "}" : "]", 1);
        }
        if (depth == 0 || w->out->status != AGT_OK) {
            return;
        }
        value = put_before_part(w, &way[depth - 1], depth);
    }
}

void agt__json_write_to(agt__buffer *buffer, const agt_value *value, uint32_t flags,
                        agt__json_sink sink, void *ctx)
{
    writer w = {.out = buffer, .flags = flags, .sink = sink, .ctx = ctx};
    put_all(&w, value != NULL ? value : agt_value_null());
    agt__free(buffer->allocator, w.order);
}

void agt__json_write(agt__buffer *buffer, const agt_value *value, uint32_t flags)
{
    agt__json_write_to(buffer, value, flags, NULL, NULL);
}

/* The text is written right behind the room for a string's header, so that the buffer's memory
 * becomes the string without a copy. */
agt_status agt_value_to_json(const agt_allocator *allocator, const agt_value *value, uint32_t flags,
                             agt_value **ret_text)
{
    bool is_mixed = (flags & AGT_JSON_CANONICAL) != 0 && flags != AGT_JSON_CANONICAL;
    if (ret_text == NULL || (flags & ~(uint32_t)FLAGS_KNOWN) != 0 || is_mixed) {
        return AGT_E_INVALID;
    }
    agt__buffer text;
    agt__buffer_init(&text, allocator, AGT__STRING_OFFSET + AGT__VALUE_BYTES_MAX - 1);
    (void)agt__buffer_extend(&text, AGT__STRING_OFFSET);
    if (text.status == AGT_OK) {
        agt__json_write(&text, value, flags);
    }
    if (text.status != AGT_OK) {
        agt_status status = text.status;
        agt__buffer_deinit(&text);
        return status;
    }
    size_t size = text.size + 1 < sizeof(agt_value) ? sizeof(agt_value) : text.size + 1;
    AGT_ASSERT(size <= text.capacity);
    void *memory = agt__realloc(allocator, text.bytes, size);
    agt_value *string = memory != NULL ? memory : (void *)text.bytes;
    agt__value_init(string, allocator, AGT_VALUE_STRING,
                    agt_value_is_tainted(value) ? AGT__VALUE_TAINTED : 0);
    string->as.string.length = (uint32_t)(text.size - AGT__STRING_OFFSET);
    *ret_text = string;
    return AGT_OK;
}
