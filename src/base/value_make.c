/*
 * Records in one step: an object or array from parts that are all at hand.
 *
 * A builder is for values whose shape is not known beforehand: it checks every call, copies keys
 * into a buffer, and grows. Where the library itself writes a record with fixed keys, none of that
 * is needed: one block, filled in once.
 *
 * Threads: any.
 */
#include "base/value.h"
#include "base/value_node.h"

#include "base/assert.h"

#include <string.h>

/* What parts add up to. */
typedef struct sum {
    bool missing; /* one of them is NULL */
    bool tainted;
    bool wholly;
    uint32_t depth;
} sum;

static void add_part(sum *self, const agt_value *part)
{
    if (part == NULL) {
        self->missing = true;
        return;
    }
    self->tainted = self->tainted || (part->flags & AGT__VALUE_TAINTED) != 0;
    self->wholly = self->wholly && agt__value_is_wholly_tainted(part);
    self->depth = part->depth > self->depth ? part->depth : self->depth;
}

static uint32_t flags_of(const sum *self)
{
    if (!self->tainted) {
        return 0;
    }
    return AGT__VALUE_TAINTED | (self->wholly ? (uint32_t)AGT__VALUE_WHOLLY : 0);
}

/* A container without its parts; NULL if there is no memory. */
static agt_value *new_container(const agt_allocator *allocator, agt_value_kind kind, size_t size,
                                size_t count, const sum *parts)
{
    agt_value *value = agt__value_alloc(allocator, size, kind, flags_of(parts));
    if (value != NULL) {
        value->depth = (uint16_t)(parts->depth + 1);
        value->as.container.count = (uint32_t)count;
        value->as.container.slots = 0;
    }
    return value;
}

static agt_value *new_object(const agt_allocator *allocator, const agt__field *fields, size_t count,
                             const sum *parts)
{
    size_t lengths[AGT__FIELDS_MAX];
    size_t keys_at = sizeof(agt_value) + count * sizeof(agt__member);
    size_t size = keys_at;
    for (size_t i = 0; i < count; i++) {
        lengths[i] = strlen(fields[i].key);
        size += lengths[i] + 1;
    }
    agt_value *object = new_container(allocator, AGT_VALUE_OBJECT, size, count, parts);
    if (object == NULL) {
        return NULL;
    }
    agt__member *members = agt__value_members(object);
    size_t at = keys_at;
    for (size_t i = 0; i < count; i++) {
        members[i].key = (uint32_t)at;
        members[i].key_length = (uint32_t)lengths[i];
        members[i].value = fields[i].value;
        memcpy((char *)object + at, fields[i].key, lengths[i] + 1);
        at += lengths[i] + 1;
    }
    return object;
}

agt_status agt__value_make_object(const agt_allocator *allocator, const agt__field *fields,
                                  size_t count, agt_value **ret_object)
{
    _Static_assert((int)AGT__FIELDS_MAX <= (int)AGT__VALUE_INDEX_ABOVE, "no index is made here");
    AGT_ASSERT(count > 0 && count <= AGT__FIELDS_MAX);
    sum parts = {.wholly = true};
    for (size_t i = 0; i < count; i++) {
        add_part(&parts, fields[i].value);
    }
    agt_value *object = NULL;
    bool fits = parts.depth < AGT__VALUE_DEPTH_MAX;
    if (!parts.missing && fits) {
        object = new_object(allocator, fields, count, &parts);
    }
    if (object == NULL) {
        for (size_t i = 0; i < count; i++) {
            agt_value_unref(fields[i].value);
        }
        return fits ? AGT_E_NOMEM : AGT_E_LIMIT;
    }
    *ret_object = object;
    return AGT_OK;
}

agt_status agt__value_make_array(const agt_allocator *allocator, agt_value *const *items,
                                 size_t count, agt_value **ret_array)
{
    if (count == 0) {
        *ret_array = agt_value_empty_array();
        return AGT_OK;
    }
    sum parts = {.wholly = true};
    for (size_t i = 0; i < count; i++) {
        add_part(&parts, items[i]);
    }
    agt_value *array = NULL;
    bool fits = parts.depth < AGT__VALUE_DEPTH_MAX && count <= AGT__VALUE_COUNT_MAX;
    if (!parts.missing && fits) {
        array = new_container(allocator, AGT_VALUE_ARRAY,
                              sizeof(agt_value) + count * sizeof(agt_value *), count, &parts);
    }
    if (array == NULL) {
        for (size_t i = 0; i < count; i++) {
            agt_value_unref(items[i]);
        }
        return fits ? AGT_E_NOMEM : AGT_E_LIMIT;
    }
    memcpy(agt__value_items(array), items, count * sizeof(agt_value *));
    *ret_array = array;
    return AGT_OK;
}

agt_value *agt__value_text_or_null(const agt_allocator *allocator, const char *text)
{
    agt_value *value = NULL;
    return agt_value_new_string(allocator, text, &value) == AGT_OK ? value : NULL;
}

agt_value *agt__value_uint64_or_null(const agt_allocator *allocator, uint64_t number)
{
    agt_value *value = NULL;
    return agt_value_new_uint64(allocator, number, &value) == AGT_OK ? value : NULL;
}
