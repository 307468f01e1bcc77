/*
 * Spans: start, attributes, end, and reading them. The layout is in span.h, the slots are
 * tracer.c's.
 *
 * This is the hot path of telemetry: no allocation (but for a new block of slots), no lock, no
 * formatting. What an attribute costs is the copy of its text and, to replace rather than repeat a
 * key, one bit: `key_bits` has a bit for each key that was set (chosen by its last bytes and its
 * length, where keys differ), so that the entries are searched only when a key may be there.
 *
 * Texts fill the blob from its end. The text of a replaced or removed attribute is not reclaimed
 * unless the new one fits in its place: spans are short-lived and replacing is rare.
 *
 * A span is used by one thread at a time; nothing in it is atomic. tracer.c hands it over.
 */
#include "telemetry/span.h"
#include "base/assert.h"
#include "base/mem.h"
#include "telemetry/semconv.h"

#include <string.h>

/* ---- attributes -------------------------------------------------------------------------------
 */

static agt__span_entry *get_entries(const agt_span *span)
{
    return (agt__span_entry *)(uintptr_t)(span->blob + span->entries_at);
}

/* Keys share their beginnings ("gen_ai.usage."), so it is the last eight bytes that tell. */
static uint64_t get_key_bit(const char *key, size_t length)
{
    uint64_t tail = 0;
    if (length >= sizeof(tail)) {
        memcpy(&tail, key + length - sizeof(tail), sizeof(tail));
    } else {
        memcpy(&tail, key, length);
    }
    return UINT64_C(1) << (((tail + length) * UINT64_C(0x9E3779B97F4A7C15)) >> 58);
}

/* The entry of @key; NULL if there is none. */
static agt__span_entry *find_entry(const agt_span *span, const char *key, size_t length)
{
    agt__span_entry *entries = get_entries(span);
    for (size_t i = 0; i < span->entry_count; i++) {
        if (entries[i].key_length == length &&
            (entries[i].key == key || memcmp(entries[i].key, key, length) == 0)) {
            return &entries[i];
        }
    }
    return NULL;
}

static size_t get_room(const agt_span *span)
{
    return span->text_at - (span->entries_at + span->entry_count * sizeof(agt__span_entry));
}

/* Copy @length bytes and a NUL to the texts; there is room. */
static uint16_t push_text(agt_span *span, const char *text, size_t length)
{
    uint16_t at = (uint16_t)(span->text_at - length - 1);
    AGT_DEBUG_ASSERT(get_room(span) >= length + 1);
    memcpy(span->blob + at, text, length);
    span->blob[at + length] = '\0';
    span->text_at = at;
    return at;
}

static void remove_entry(agt_span *span, agt__span_entry *entry)
{
    agt__span_entry *end = get_entries(span) + span->entry_count;
    memmove(entry, entry + 1, (size_t)((char *)end - (char *)(entry + 1)));
    span->entry_count--;
}

/* Give an existing attribute a new text. If it does not fit the attribute goes: an old value that
 * looks like the current one would be worse than none. */
static void replace_text(agt_span *span, agt__span_entry *entry, const char *text, size_t length)
{
    bool is_text = entry->kind == AGT__ATTRIBUTE_TEXT;
    if (is_text && length <= entry->value.text.length) {
        memmove(span->blob + entry->value.text.at, text, length);
        span->blob[entry->value.text.at + length] = '\0';
    } else if (length < get_room(span)) {
        entry->value.text.at = push_text(span, text, length);
    } else {
        remove_entry(span, entry);
        span->dropped_attributes++;
        return;
    }
    entry->value.text.length = (uint16_t)length;
    entry->kind = AGT__ATTRIBUTE_TEXT;
}

/* A new entry for @key with room for a text of @text_room bytes (its NUL included); NULL, and
 * counted, if there is none. */
static agt__span_entry *add_entry(agt_span *span, const char *key, size_t key_length, bool literal,
                                  size_t text_room)
{
    size_t room = get_room(span);
    size_t key_room = literal ? 0 : key_length + 1;
    if (room < sizeof(agt__span_entry) || key_room > room - sizeof(agt__span_entry) ||
        text_room > room - sizeof(agt__span_entry) - key_room) {
        span->dropped_attributes++;
        return NULL;
    }
    agt__span_entry *entry = get_entries(span) + span->entry_count;
    if (literal) {
        entry->key = key;
    } else {
        entry->key = span->blob + push_text(span, key, key_length);
    }
    entry->key_length = (uint16_t)key_length;
    span->entry_count++;
    return entry;
}

static void set_text(agt_span *span, const char *key, bool literal, const char *text, size_t length)
{
    size_t key_length = strlen(key);
    uint64_t bit = get_key_bit(key, key_length);
    if ((span->key_bits & bit) != 0) {
        agt__span_entry *old = find_entry(span, key, key_length);
        if (old != NULL) {
            replace_text(span, old, text, length);
            return;
        }
    }
    if (length >= AGT__SPAN_BLOB_BYTES) { /* keeps the sums below within range */
        span->dropped_attributes++;
        return;
    }
    agt__span_entry *entry = add_entry(span, key, key_length, literal, length + 1);
    if (entry != NULL) {
        entry->kind = AGT__ATTRIBUTE_TEXT;
        entry->value.text.at = push_text(span, text, length);
        entry->value.text.length = (uint16_t)length;
        span->key_bits |= bit;
    }
}

/* The entry, old or new, for a value that needs no text. */
static agt__span_entry *put_entry(agt_span *span, const char *key, bool literal)
{
    size_t key_length = strlen(key);
    uint64_t bit = get_key_bit(key, key_length);
    agt__span_entry *entry = (span->key_bits & bit) != 0 ? find_entry(span, key, key_length) : NULL;
    if (entry == NULL) {
        entry = add_entry(span, key, key_length, literal, 0);
    }
    span->key_bits |= bit;
    return entry;
}

static void set_integer(agt_span *span, const char *key, bool literal, agt__attribute_kind kind,
                        int64_t number)
{
    agt__span_entry *entry = put_entry(span, key, literal);
    if (entry != NULL) {
        entry->kind = (uint8_t)kind;
        entry->value.integer = number;
    }
}

static void set_double(agt_span *span, const char *key, bool literal, double number)
{
    agt__span_entry *entry = put_entry(span, key, literal);
    if (entry != NULL) {
        entry->kind = AGT__ATTRIBUTE_DOUBLE;
        entry->value.number = number;
    }
}

void agt_span_set_text(agt_span *span, const char *key, const char *text)
{
    if (span != NULL && key != NULL && text != NULL) {
        set_text(span, key, false, text, strlen(text));
    }
}

void agt_span_set_text_n(agt_span *span, const char *key, const char *text, size_t length)
{
    if (span != NULL && key != NULL && (text != NULL || length == 0)) {
        set_text(span, key, false, text != NULL ? text : "", length);
    }
}

void agt_span_set_int(agt_span *span, const char *key, int64_t number)
{
    if (span != NULL && key != NULL) {
        set_integer(span, key, false, AGT__ATTRIBUTE_INT, number);
    }
}

void agt_span_set_double(agt_span *span, const char *key, double number)
{
    if (span != NULL && key != NULL) {
        set_double(span, key, false, number);
    }
}

void agt_span_set_bool(agt_span *span, const char *key, bool flag)
{
    if (span != NULL && key != NULL) {
        set_integer(span, key, false, AGT__ATTRIBUTE_BOOL, flag ? 1 : 0);
    }
}

void agt__span_set_text(agt_span *span, const char *key, const char *text, size_t length)
{
    if (span != NULL) {
        set_text(span, key, true, text, length);
    }
}

void agt__span_set_int(agt_span *span, const char *key, int64_t number)
{
    if (span != NULL) {
        set_integer(span, key, true, AGT__ATTRIBUTE_INT, number);
    }
}

/* At most @max bytes of @text, never cutting a UTF-8 character. */
static size_t cut(const char *text, size_t length, size_t max)
{
    if (length <= max) {
        return length;
    }
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80) {
        max--;
    }
    return max;
}

void agt_span_set_error(agt_span *span, const char *error_type, const char *message)
{
    if (span == NULL) {
        return;
    }
    span->is_error = true;
    const char *type = error_type != NULL ? error_type : "_OTHER"; /* what OTel says it is then */
    set_text(span, AGT__ATTR_ERROR_TYPE, true, type, strlen(type));
    size_t room = get_room(span);
    if (message != NULL && room > 1) {
        span->message_at = push_text(span, message, cut(message, strlen(message), room - 1));
    }
}

/* ---- start and end ----------------------------------------------------------------------------
 */

static void set_name(agt_span *span, const char *name)
{
    size_t length = cut(name, strnlen(name, AGT__SPAN_NAME_BYTES), AGT__SPAN_NAME_BYTES - 1);
    memcpy(span->blob, name, length);
    span->blob[length] = '\0';
    span->entries_at = (uint16_t)((length + 1 + 7) / 8 * 8);
}

static void set_parent(agt_span *span, uint64_t sequence, const agt_span_context *parent)
{
    if (agt_span_context_is_valid(parent)) {
        memcpy(span->trace_id, parent->trace_id, sizeof(span->trace_id));
        memcpy(span->parent_id, parent->span_id, sizeof(span->parent_id));
        span->parent_flags = parent->flags;
        span->flags = parent->flags;
    } else {
        agt__tracer_fill_trace_id(span->tracer, sequence, span->trace_id);
        memset(span->parent_id, 0, sizeof(span->parent_id));
        span->parent_flags = 0;
        span->flags = 1; /* sampled */
    }
}

/* A span that nobody has been told of. NULL if there is no slot; it is counted as dropped. */
static agt_span *open_span(agt_tracer *tracer, const char *name, agt_span_kind kind,
                           const agt_span_context *parent, uint64_t start_ns)
{
    if (tracer == NULL || tracer->silent) {
        return NULL;
    }
    uint64_t sequence = atomic_fetch_add_explicit(&tracer->sequence.value, 1, memory_order_relaxed);
    agt_span *span = agt__tracer_take_slot(tracer);
    if (span == NULL) {
        atomic_fetch_add_explicit(&tracer->dropped.value, 1, memory_order_release);
        agt__tracer_kick(tracer);
        return NULL;
    }
    agt__tracer_fill_span_id(tracer, sequence, span->span_id);
    set_parent(span, sequence, parent);
    set_name(span, name != NULL ? name : "");
    span->key_bits = 0;
    span->dropped_attributes = 0;
    span->text_at = AGT__SPAN_BLOB_BYTES;
    span->message_at = 0;
    span->entry_count = 0;
    span->kind = (uint8_t)kind;
    span->is_error = false;
    span->start_ns = start_ns != 0 ? start_ns : agt__tracer_now_ns(tracer);
    atomic_store_explicit(&span->end_ns, AGT__SPAN_OPEN, memory_order_release);
    if (atomic_load_explicit(&tracer->is_watched, memory_order_relaxed)) {
        agt__tracer_tell_start(tracer);
    }
    return span;
}

static void tell_start(const agt_span *span)
{
    const agt_tracer *tracer = span->tracer;
    for (size_t i = 0; i < tracer->listener_count; i++) {
        if (tracer->listeners[i].on_start != NULL) {
            tracer->listeners[i].on_start(tracer->listeners[i].user_data, span);
        }
    }
}

agt_span *agt_tracer_start_span(agt_tracer *tracer, const char *name, agt_span_kind kind,
                                const agt_span_context *parent, uint64_t start_ns)
{
    agt_span *span = open_span(tracer, name, kind, parent, start_ns);
    if (span != NULL && tracer->listener_count > 0) {
        tell_start(span);
    }
    return span;
}

agt_span *agt__tracer_start_span(agt_tracer *tracer, const char *name, agt_span_kind kind,
                                 const agt_span_context *parent, uint64_t start_ns,
                                 const agt__attribute *attributes, size_t count)
{
    agt_span *span = open_span(tracer, name, kind, parent, start_ns);
    if (span == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const agt__attribute *attribute = &attributes[i];
        switch (attribute->kind) {
        case AGT__ATTRIBUTE_TEXT:
            set_text(span, attribute->key, true, attribute->text, attribute->length);
            break;
        case AGT__ATTRIBUTE_INT:
        case AGT__ATTRIBUTE_BOOL:
            set_integer(span, attribute->key, true, attribute->kind, attribute->integer);
            break;
        case AGT__ATTRIBUTE_DOUBLE:
            set_double(span, attribute->key, true, attribute->number);
            break;
        }
    }
    tell_start(span);
    return span;
}

agt_span *agt_tracer_trace_agent(agt_tracer *tracer, const char *operation, const agt_kv *metadata,
                                 size_t metadata_count)
{
    char name[AGT__SPAN_NAME_BYTES] = AGT__OP_INVOKE_AGENT " ";
    size_t prefix = sizeof(AGT__OP_INVOKE_AGENT " ") - 1;
    if (operation == NULL) {
        operation = "";
    }
    size_t length = strlen(operation);
    size_t kept = cut(operation, length, sizeof(name) - 1 - prefix);
    memcpy(name + prefix, operation, kept);
    name[prefix + kept - (kept == 0)] = '\0'; /* without a name there is no blank */

    agt_span *span = open_span(tracer, name, AGT_SPAN_INTERNAL, NULL, 0);
    if (span == NULL) {
        return NULL;
    }
    set_text(span, AGT__ATTR_OPERATION, true, AGT__OP_INVOKE_AGENT,
             sizeof(AGT__OP_INVOKE_AGENT) - 1);
    if (length > 0) {
        set_text(span, AGT__ATTR_AGENT_NAME, true, operation, length);
    }
    for (size_t i = 0; i < metadata_count; i++) {
        agt_span_set_text(span, metadata[i].key, metadata[i].value);
    }
    tell_start(span);
    return span;
}

static agt_span *end_span(agt_span *span, uint64_t end_ns)
{
    agt_tracer *tracer = span->tracer;
    end_ns = end_ns > span->start_ns ? end_ns : span->start_ns;
    end_ns = end_ns < AGT__SPAN_OPEN ? end_ns : AGT__SPAN_OPEN - 1;
    atomic_store_explicit(&span->end_ns, end_ns, memory_order_relaxed);
    for (size_t i = 0; i < tracer->listener_count; i++) {
        if (tracer->listeners[i].on_end != NULL) {
            tracer->listeners[i].on_end(tracer->listeners[i].user_data, span);
        }
    }
    agt__tracer_push_ended(tracer, span);
    return NULL;
}

agt_span *agt_span_end(agt_span *span)
{
    return span != NULL ? end_span(span, agt__tracer_now_ns(span->tracer)) : NULL;
}

agt_span *agt_span_end_at(agt_span *span, uint64_t end_ns)
{
    return span != NULL ? end_span(span, end_ns) : NULL;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

agt_span_context agt_span_get_context(const agt_span *span)
{
    agt_span_context context = {.flags = 0};
    if (span != NULL) {
        memcpy(context.trace_id, span->trace_id, sizeof(context.trace_id));
        memcpy(context.span_id, span->span_id, sizeof(context.span_id));
        context.flags = span->flags;
    }
    return context;
}

static bool has_parent(const agt_span *span)
{
    static const uint8_t none[sizeof(span->parent_id)];
    return memcmp(span->parent_id, none, sizeof(none)) != 0;
}

agt_span_context agt_span_get_parent(const agt_span *span)
{
    agt_span_context context = {.flags = 0};
    if (span != NULL && has_parent(span)) {
        memcpy(context.trace_id, span->trace_id, sizeof(context.trace_id));
        memcpy(context.span_id, span->parent_id, sizeof(context.span_id));
        context.flags = span->parent_flags;
    }
    return context;
}

const char *agt_span_get_name(const agt_span *span)
{
    return span != NULL ? span->blob : "";
}

uint64_t agt_span_get_start_ns(const agt_span *span)
{
    return span != NULL ? span->start_ns : 0;
}

uint64_t agt_span_get_end_ns(const agt_span *span)
{
    if (span == NULL) {
        return 0;
    }
    uint64_t end_ns = atomic_load_explicit(&span->end_ns, memory_order_relaxed);
    return end_ns != AGT__SPAN_OPEN ? end_ns : 0;
}

bool agt_span_is_error(const agt_span *span)
{
    return span != NULL && span->is_error;
}

const char *agt_span_get_text(const agt_span *span, const char *key)
{
    const agt__span_entry *entry =
        span != NULL && key != NULL ? find_entry(span, key, strlen(key)) : NULL;
    return entry != NULL && entry->kind == AGT__ATTRIBUTE_TEXT ? span->blob + entry->value.text.at
                                                               : "";
}

int64_t agt_span_get_int(const agt_span *span, const char *key, int64_t fallback)
{
    const agt__span_entry *entry =
        span != NULL && key != NULL ? find_entry(span, key, strlen(key)) : NULL;
    return entry != NULL && entry->kind == AGT__ATTRIBUTE_INT ? entry->value.integer : fallback;
}

bool agt_span_get_bool(const agt_span *span, const char *key, bool fallback)
{
    const agt__span_entry *entry =
        span != NULL && key != NULL ? find_entry(span, key, strlen(key)) : NULL;
    return entry != NULL && entry->kind == AGT__ATTRIBUTE_BOOL ? entry->value.integer != 0
                                                               : fallback;
}

size_t agt__span_get_attribute_count(const agt_span *span)
{
    return span->entry_count;
}

agt__attribute agt__span_get_attribute(const agt_span *span, size_t index)
{
    AGT_ASSERT(index < span->entry_count);
    const agt__span_entry *entry = get_entries(span) + index;
    agt__attribute attribute = {.key = entry->key, .kind = (agt__attribute_kind)entry->kind};
    switch (attribute.kind) {
    case AGT__ATTRIBUTE_TEXT:
        attribute.text = span->blob + entry->value.text.at;
        attribute.length = entry->value.text.length;
        break;
    case AGT__ATTRIBUTE_INT:
    case AGT__ATTRIBUTE_BOOL:
        attribute.integer = entry->value.integer;
        break;
    case AGT__ATTRIBUTE_DOUBLE:
        attribute.number = entry->value.number;
        break;
    }
    return attribute;
}

uint32_t agt__span_get_dropped_attributes(const agt_span *span)
{
    return span->dropped_attributes;
}

agt_span_kind agt__span_get_kind(const agt_span *span)
{
    return (agt_span_kind)span->kind;
}

const char *agt__span_get_message(const agt_span *span)
{
    return span->message_at != 0 ? span->blob + span->message_at : "";
}
