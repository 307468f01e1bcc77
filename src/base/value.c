/*
 * Values: references, making scalars, reading, equality. The layout is in value_node.h.
 *
 * Immutable once handed out, so reading needs no lock from any thread; the count of references is
 * atomic. Whoever drops the last reference sees everything the others did before they dropped
 * theirs (release on the way down, acquire at the end).
 *
 * Nothing here recurses. Freeing walks down by leaving the way back in the slots of the dying
 * containers themselves, so it needs no memory; comparing keeps its way in an array, which is
 * enough because no value is nested deeper than AGT__VALUE_DEPTH_MAX.
 */
#include "base/value.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"
#include "base/value_node.h"
#include "base/value_tree.h"

#include <string.h>

/* ---- the static values ---------------------------------------------------------------------- */

#define STATIC_VALUE(value_kind, value_flags, value_depth)                                         \
    {                                                                                              \
        .kind = (value_kind), .flags = AGT__VALUE_STATIC | (value_flags), .depth = (value_depth)   \
    }

/* Two of each: plain, tainted. Never written to. */
static const agt_value static_null[2] = {
    STATIC_VALUE(AGT_VALUE_NULL, 0, 0),
    STATIC_VALUE(AGT_VALUE_NULL, AGT__VALUE_TAINTED, 0),
};
static const agt_value static_false[2] = {
    STATIC_VALUE(AGT_VALUE_BOOL, 0, 0),
    STATIC_VALUE(AGT_VALUE_BOOL, AGT__VALUE_TAINTED, 0),
};
static const agt_value static_true[2] = {
    STATIC_VALUE(AGT_VALUE_BOOL, AGT__VALUE_TRUE, 0),
    STATIC_VALUE(AGT_VALUE_BOOL, AGT__VALUE_TRUE | AGT__VALUE_TAINTED, 0),
};
static const agt_value static_array[2] = {
    STATIC_VALUE(AGT_VALUE_ARRAY, 0, 1),
    STATIC_VALUE(AGT_VALUE_ARRAY, AGT__VALUE_TAINTED | AGT__VALUE_WHOLLY, 1),
};
static const agt_value static_object[2] = {
    STATIC_VALUE(AGT_VALUE_OBJECT, 0, 1),
    STATIC_VALUE(AGT_VALUE_OBJECT, AGT__VALUE_TAINTED | AGT__VALUE_WHOLLY, 1),
};

agt_value *const agt__value_tainted_null = (agt_value *)(uintptr_t)&static_null[1];

/* The static values are const, the handles are not: nobody writes to a value that is visible. */
static agt_value *edition(const agt_value pair[2], uint32_t flags)
{
    return (agt_value *)(uintptr_t)&pair[(flags & AGT__VALUE_TAINTED) != 0];
}

agt_value *agt__value_static_null(uint32_t flags)
{
    return edition(static_null, flags);
}

agt_value *agt__value_static_bool(bool flag, uint32_t flags)
{
    return edition(flag ? static_true : static_false, flags);
}

agt_value *agt__value_static_empty(agt_value_kind kind, uint32_t flags)
{
    AGT_ASSERT(kind == AGT_VALUE_ARRAY || kind == AGT_VALUE_OBJECT);
    return edition(kind == AGT_VALUE_ARRAY ? static_array : static_object, flags);
}

agt_value *agt_value_null(void)
{
    return edition(static_null, 0);
}

agt_value *agt_value_bool(bool flag)
{
    return agt__value_static_bool(flag, 0);
}

agt_value *agt_value_empty_object(void)
{
    return edition(static_object, 0);
}

agt_value *agt_value_empty_array(void)
{
    return edition(static_array, 0);
}

/* ---- references ----------------------------------------------------------------------------- */

void agt__value_init(agt_value *value, const agt_allocator *allocator, agt_value_kind kind,
                     uint32_t flags)
{
    value->allocator = allocator;
    atomic_init(&value->refs, 1);
    value->kind = (uint8_t)kind;
    value->flags = (uint8_t)flags;
    value->depth = 0;
}

agt_value *agt__value_alloc(const agt_allocator *allocator, size_t size, agt_value_kind kind,
                            uint32_t flags)
{
    AGT_ASSERT(size >= sizeof(agt_value));
    agt_value *value = agt__alloc(allocator, size);
    if (value != NULL) {
        agt__value_init(value, allocator, kind, flags);
    }
    return value;
}

agt_value *agt_value_ref(const agt_value *value)
{
    agt_value *counted = (agt_value *)(uintptr_t)value;
    if (value != NULL && (value->flags & AGT__VALUE_STATIC) == 0) {
        uint32_t before = atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
        AGT_ASSERT(before != 0);
        AGT_ASSERT(before != UINT32_MAX);
    }
    return counted;
}

/* Drop a reference; whether it was the last one. */
static bool drop(agt_value *value)
{
    if (value->flags & AGT__VALUE_STATIC) {
        return false;
    }
    if (atomic_load_explicit(&value->refs, memory_order_acquire) == 1) {
        return true; /* nobody else has a reference who could take another one */
    }
    /* Acquire too, rather than a fence after the last one: ThreadSanitizer knows no fences. */
    uint32_t before = atomic_fetch_sub_explicit(&value->refs, 1, memory_order_acq_rel);
    AGT_ASSERT(before != 0);
    return before == 1;
}

static agt_value **part_slot(agt_value *container, uint32_t i)
{
    return container->kind == AGT_VALUE_ARRAY ? &agt__value_items(container)[i]
                                              : &agt__value_members(container)[i].value;
}

static bool is_container(const agt_value *value)
{
    return value->kind >= AGT_VALUE_ARRAY;
}

/* Free @value, a dead container, and all parts that die with it. The count of a dying container
 * says how many parts are left; while we are inside part i, slot i holds the way back up. */
static void free_container(agt_value *value)
{
    agt_value *up = NULL;
    for (;;) {
        if (value->as.container.count > 0) {
            agt_value **slot = part_slot(value, --value->as.container.count);
            agt_value *part = *slot;
            if (!drop(part)) {
                continue;
            }
            if (is_container(part)) {
                *slot = up;
                up = value;
                value = part;
            } else {
                agt__free(part->allocator, part);
            }
            continue;
        }
        agt__free(value->allocator, value);
        if (up == NULL) {
            return;
        }
        value = up;
        up = *part_slot(value, value->as.container.count);
    }
}

void agt_value_unref(const agt_value *value)
{
    agt_value *counted = (agt_value *)(uintptr_t)value;
    if (value == NULL || !drop(counted)) {
        return;
    }
    if (is_container(counted)) {
        free_container(counted);
    } else {
        agt__free(counted->allocator, counted);
    }
}

/* ---- strings -------------------------------------------------------------------------------- */

agt_status agt__value_make_string(const agt_allocator *allocator, const char *bytes, size_t length,
                                  uint32_t flags, agt_value **ret_value)
{
    if (length >= AGT__VALUE_BYTES_MAX) {
        return AGT_E_LIMIT;
    }
    size_t size = AGT__STRING_OFFSET + length + 1;
    size = size < sizeof(agt_value) ? sizeof(agt_value) : size;
    agt_value *value = agt__value_alloc(allocator, size, AGT_VALUE_STRING, flags);
    if (value == NULL) {
        return AGT_E_NOMEM;
    }
    value->as.string.length = (uint32_t)length;
    char *target = (char *)value + AGT__STRING_OFFSET;
    if (length > 0) {
        memcpy(target, bytes, length);
    }
    target[length] = '\0';
    *ret_value = value;
    return AGT_OK;
}

agt_status agt_value_new_string_n(const agt_allocator *allocator, const char *bytes, size_t length,
                                  agt_value **ret_value)
{
    if (ret_value == NULL || (bytes == NULL && length > 0)) {
        return AGT_E_INVALID;
    }
    if (length > 0 && !agt__utf8_is_valid(bytes, length)) {
        return AGT_E_SYNTAX;
    }
    return agt__value_make_string(allocator, bytes, length, 0, ret_value);
}

agt_status agt_value_new_string(const agt_allocator *allocator, const char *text,
                                agt_value **ret_value)
{
    if (text == NULL) {
        return AGT_E_INVALID;
    }
    return agt_value_new_string_n(allocator, text, strlen(text), ret_value);
}

/* The bytes of the longest beginning of a character at @at, at least 1; whether it is whole. */
static size_t take_character(const char *at, const char *end, bool *ret_whole)
{
    agt__utf8 utf8 = {0};
    const char *next = at + 1;
    *ret_whole = (uint8_t)*at < 0x80;
    if (*ret_whole || !agt__utf8_begin(&utf8, (uint8_t)*at)) {
        return 1;
    }
    while (utf8.left > 0 && next < end && agt__utf8_continue(&utf8, (uint8_t)*next)) {
        next++;
    }
    *ret_whole = utf8.left == 0;
    return (size_t)(next - at);
}

agt_status agt__value_new_string_lossy(const agt_allocator *allocator, const char *bytes,
                                       size_t length, agt_value **ret_value)
{
    if (length == 0 || agt__utf8_is_valid(bytes, length)) {
        return agt__value_make_string(allocator, bytes, length, 0, ret_value);
    }
    agt__buffer text;
    agt__buffer_init(&text, allocator, AGT__VALUE_BYTES_MAX);
    const char *end = bytes + length;
    while (bytes < end) {
        bool whole;
        size_t size = take_character(bytes, end, &whole);
        if (whole) {
            agt__buffer_add(&text, bytes, size);
        } else {
            agt__buffer_add(&text, "\xEF\xBF\xBD", 3);
        }
        bytes += size;
    }
    agt_status status = text.status;
    if (status == AGT_OK) {
        status = agt__value_make_string(allocator, text.bytes, text.size, 0, ret_value);
    }
    agt__buffer_deinit(&text);
    return status;
}

/* ---- reading -------------------------------------------------------------------------------- */

agt_value_kind agt_value_get_kind(const agt_value *value)
{
    return value != NULL ? (agt_value_kind)value->kind : AGT_VALUE_NULL;
}

const char *agt_value_kind_get_name(agt_value_kind kind)
{
    switch (kind) {
    case AGT_VALUE_NULL:
        return "null";
    case AGT_VALUE_BOOL:
        return "boolean";
    case AGT_VALUE_NUMBER:
        return "number";
    case AGT_VALUE_STRING:
        return "string";
    case AGT_VALUE_ARRAY:
        return "array";
    case AGT_VALUE_OBJECT:
        return "object";
    }
    return "?";
}

bool agt_value_is_tainted(const agt_value *value)
{
    return value != NULL && (value->flags & AGT__VALUE_TAINTED) != 0;
}

bool agt_value_get_bool(const agt_value *value, bool fallback)
{
    if (agt_value_get_kind(value) != AGT_VALUE_BOOL) {
        return fallback;
    }
    return (value->flags & AGT__VALUE_TRUE) != 0;
}

const char *agt_value_get_string(const agt_value *value, size_t *ret_length)
{
    if (agt_value_get_kind(value) != AGT_VALUE_STRING) {
        return NULL;
    }
    if (ret_length != NULL) {
        *ret_length = value->as.string.length;
    }
    return value->as.string.bytes;
}

size_t agt_value_get_count(const agt_value *value)
{
    return value != NULL && is_container(value) ? value->as.container.count : 0;
}

const agt_value *agt_value_get_item(const agt_value *value, size_t index)
{
    if (index >= agt_value_get_count(value)) {
        return NULL;
    }
    return value->kind == AGT_VALUE_ARRAY ? agt__value_items(value)[index]
                                          : agt__value_members(value)[index].value;
}

const char *agt_value_get_key(const agt_value *value, size_t index, size_t *ret_length)
{
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT || index >= value->as.container.count) {
        return NULL;
    }
    const agt__member *member = &agt__value_members(value)[index];
    if (ret_length != NULL) {
        *ret_length = member->key_length;
    }
    return agt__member_key(value, member);
}

const agt_value *agt_value_get_member_n(const agt_value *value, const char *key, size_t length)
{
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT || key == NULL) {
        return NULL;
    }
    uint32_t i = agt__value_find(value, key, length);
    return i < value->as.container.count ? agt__value_members(value)[i].value : NULL;
}

const agt_value *agt_value_get_member(const agt_value *value, const char *key)
{
    return key != NULL ? agt_value_get_member_n(value, key, strlen(key)) : NULL;
}

const char *agt__value_text(const agt_value *value, const char *fallback)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    return text != NULL && memchr(text, '\0', length) == NULL ? text : fallback;
}

const char *agt__value_member_text(const agt_value *object, const char *key, const char *fallback)
{
    return agt__value_text(agt_value_get_member(object, key), fallback);
}

/* ---- equality ------------------------------------------------------------------------------- */

/* Equality of two values without looking at their parts. */
static bool equal_shallow(const agt_value *a, const agt_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch ((agt_value_kind)a->kind) {
    case AGT_VALUE_NULL:
        return true;
    case AGT_VALUE_BOOL:
        return ((a->flags ^ b->flags) & AGT__VALUE_TRUE) == 0;
    case AGT_VALUE_NUMBER:
        return agt__number_compare(a, b) == 0;
    case AGT_VALUE_STRING:
        return a->as.string.length == b->as.string.length &&
               memcmp(a->as.string.bytes, b->as.string.bytes, a->as.string.length) == 0;
    case AGT_VALUE_ARRAY:
    case AGT_VALUE_OBJECT:
        return a->as.container.count == b->as.container.count && a->depth == b->depth;
    }
    return false;
}

/* The part of @b that has to equal part @i of @a; NULL if there is none. */
static const agt_value *counterpart(const agt_value *a, const agt_value *b, uint32_t i)
{
    if (a->kind == AGT_VALUE_ARRAY) {
        return agt__value_items(b)[i];
    }
    const agt__member *member = &agt__value_members(a)[i];
    return agt_value_get_member_n(b, agt__member_key(a, member), member->key_length);
}

typedef struct equal_step {
    const agt_value *a;
    const agt_value *b;
    uint32_t next;
} equal_step;

/* Equality of two containers, part by part. */
static bool equal_deep(const agt_value *a, const agt_value *b)
{
    AGT__UNINITIALIZED equal_step way[AGT__VALUE_DEPTH_MAX];
    size_t depth = 0;
    for (;;) {
        if (a != b) {
            if (!equal_shallow(a, b)) {
                return false;
            }
            if (is_container(a)) {
                AGT_ASSERT(depth < AGT__VALUE_DEPTH_MAX);
                way[depth].a = a;
                way[depth].b = b;
                way[depth++].next = 0;
            }
        }
        while (depth > 0 && way[depth - 1].next == way[depth - 1].a->as.container.count) {
            depth--;
        }
        if (depth == 0) {
            return true;
        }
        uint32_t i = way[depth - 1].next++;
        b = counterpart(way[depth - 1].a, way[depth - 1].b, i);
        a = agt_value_get_item(way[depth - 1].a, i);
        if (b == NULL) {
            return false;
        }
    }
}

bool agt_value_equals(const agt_value *a, const agt_value *b)
{
    a = a != NULL ? a : agt_value_null();
    b = b != NULL ? b : agt_value_null();
    if (a == b || !equal_shallow(a, b)) {
        return a == b;
    }
    return !is_container(a) || equal_deep(a, b);
}
