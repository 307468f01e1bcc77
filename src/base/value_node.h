/*
 * How a value lies in memory. For src/base/value*.c, number.c, builder.c, json_*.c only: every
 * other file uses the functions of agent_sdk/value.h.
 *
 * Each value is one allocation: a header of 16 bytes and what its kind needs, inline. Nothing but
 * `refs` changes after the value has been handed out.
 *
 *     string   length, bytes, NUL
 *     number   an integer of 64 bits, or length and JSON text (what is no such integer, and -0)
 *     array    count, items
 *     object   count, slots of the index, members, index, all keys with a NUL each
 *
 * null, true, false, {} and [] are static objects, in two editions: plain and tainted.
 */
#ifndef AGT_BASE_VALUE_NODE_H
#define AGT_BASE_VALUE_NODE_H

#include "base/map.h"

#include "agent_sdk/value.h"

#include <stdatomic.h>

enum {
    AGT__VALUE_DEPTH_MAX = 1024,      /* nesting of any value, however it was made          */
    AGT__VALUE_BYTES_MAX = 1 << 30,   /* one string, one text; all keys of one object       */
    AGT__VALUE_INDEX_ABOVE = 8,       /* an object with more members has an index           */
    AGT__NUMBER_BYTES_MAX = 4096,     /* the text of one number                             */
    AGT__VALUE_COUNT_MAX = 0x3FFFFFFF /* items of one array or object                       */
};

enum {
    AGT__VALUE_TAINTED = 1 << 0,
    AGT__VALUE_STATIC = 1 << 1,   /* never counted, never freed                                */
    AGT__VALUE_TEXT = 1 << 2,     /* a number that is kept as text                             */
    AGT__VALUE_UNSIGNED = 1 << 3, /* an integer above INT64_MAX                                */
    AGT__VALUE_TRUE = 1 << 4,
    AGT__VALUE_WHOLLY = 1 << 5 /* a container: it and every part in it are tainted              */
};

typedef struct agt__member {
    uint32_t key; /* offset of the key from the beginning of the object                        */
    uint32_t key_length;
    agt_value *value;
} agt__member;

struct agt_value {
    const agt_allocator *allocator;
    _Atomic uint32_t refs;
    uint8_t kind;
    uint8_t flags;
    uint16_t depth; /* 0 for what has no parts, else 1 + the deepest part                      */
    union {
        struct {
            uint32_t length;
            char bytes[4];
        } string; /* also the text of a number */
        int64_t integer;
        uint64_t natural;
        struct {
            uint32_t count;
            uint32_t slots; /* of the index; 0 or a power of two                               */
        } container;
    } as;
};

_Static_assert(sizeof(agt_value) == 24, "the header is 16 bytes, the smallest value 24");

#define AGT__STRING_OFFSET offsetof(struct agt_value, as.string.bytes)

/** Whether @value and every part of it are tainted. */
static inline bool agt__value_is_wholly_tainted(const agt_value *value)
{
    return (value->flags &
            (value->kind >= AGT_VALUE_ARRAY ? AGT__VALUE_WHOLLY : AGT__VALUE_TAINTED)) != 0;
}

static inline agt_value **agt__value_items(const agt_value *array)
{
    return (agt_value **)(uintptr_t)(array + 1);
}

static inline agt__member *agt__value_members(const agt_value *object)
{
    return (agt__member *)(uintptr_t)(object + 1);
}

static inline const char *agt__member_key(const agt_value *object, const agt__member *member)
{
    return (const char *)object + member->key;
}

/* Built on demand, to be shared by several files of this directory. */

/** Fill in the header of a node, with one reference. */
void agt__value_init(agt_value *value, const agt_allocator *allocator, agt_value_kind kind,
                     uint32_t flags);

/** A node of @size bytes with one reference; @size is at least that of agt_value. */
agt_value *agt__value_alloc(const agt_allocator *allocator, size_t size, agt_value_kind kind,
                            uint32_t flags);

/** The static values; only AGT__VALUE_TAINTED counts in @flags. */
agt_value *agt__value_static_null(uint32_t flags);
agt_value *agt__value_static_bool(bool flag, uint32_t flags);
agt_value *agt__value_static_empty(agt_value_kind kind, uint32_t flags);

/** A string of bytes that are known to be UTF-8. */
agt_status agt__value_make_string(const agt_allocator *allocator, const char *bytes, size_t length,
                                  uint32_t flags, agt_value **ret_value);

/** A number of JSON number text that is known to be well formed. */
agt_status agt__value_make_number(const agt_allocator *allocator, const char *text, size_t length,
                                  uint32_t flags, agt_value **ret_value);

/** The hash of a key, seeded once per process. */
static inline uint32_t agt__value_hash_key(const char *key, size_t length)
{
    return (uint32_t)agt__hash_bytes(key, length);
}

/** The number of slots that an object with @count members has for its index. */
uint32_t agt__value_index_slots(uint32_t count);

/** The index itself: behind the members. */
static inline uint32_t *agt__value_index(const agt_value *object)
{
    return (uint32_t *)(uintptr_t)(agt__value_members(object) + object->as.container.count);
}

/** Enter member @number, which has the hash @hash, into the index of @object. */
void agt__value_index_add(agt_value *object, uint32_t number, uint32_t hash);

/** The number of the member with that key; the count of members if there is none. */
uint32_t agt__value_find(const agt_value *object, const char *key, size_t length);

#endif
