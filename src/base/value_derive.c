/*
 * Values made from other values: with one member set, with taint. Both share the parts they do not
 * change. They put the new value together with a tree (value_tree.h), like the builder and the
 * parser; the tree works out depth and taint.
 */
#include "base/assert.h"
#include "base/compiler.h"
#include "base/utf8.h"
#include "base/value.h"
#include "base/value_node.h"
#include "base/value_tree.h"

#include <string.h>

/* Add member @key with a reference of its own to @value. */
static agt_status add_member(agt__tree *tree, const char *key, size_t length,
                             const agt_value *value)
{
    bool exists;
    agt_status status = agt__tree_key(tree, key, length, &exists);
    return status != AGT_OK ? status : agt__tree_take(tree, agt_value_ref(value));
}

agt_status agt_value_with_member(const agt_allocator *allocator, const agt_value *value,
                                 const char *key, const agt_value *member, agt_value **ret_value)
{
    if (key == NULL || ret_value == NULL) {
        return AGT_E_INVALID;
    }
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT) {
        return AGT_E_TYPE;
    }
    size_t length = strlen(key);
    if (!agt__utf8_is_valid(key, length)) {
        return AGT_E_SYNTAX;
    }
    agt__tree tree;
    agt__tree_init(&tree, allocator, value->flags);
    agt_status status = agt__tree_begin(&tree, true);
    const agt__member *old = agt__value_members(value);
    for (uint32_t i = 0; status == AGT_OK && i < value->as.container.count; i++) {
        status =
            add_member(&tree, agt__member_key(value, &old[i]), old[i].key_length, old[i].value);
    }
    if (status == AGT_OK) {
        status = add_member(&tree, key, length, member != NULL ? member : agt_value_null());
    }
    if (status == AGT_OK) {
        status = agt__tree_end(&tree);
    }
    if (status == AGT_OK) {
        *ret_value = agt__tree_take_root(&tree);
    }
    agt__tree_deinit(&tree);
    return status;
}

/* ---- taint ---------------------------------------------------------------------------------- */

/* A tainted copy of a scalar, or of an empty container. */
static agt_status taint_scalar(const agt_allocator *allocator, const agt_value *value,
                               agt_value **ret_value)
{
    switch ((agt_value_kind)value->kind) {
    case AGT_VALUE_NULL:
        *ret_value = agt__value_static_null(AGT__VALUE_TAINTED);
        return AGT_OK;
    case AGT_VALUE_BOOL:
        *ret_value = agt__value_static_bool(agt_value_get_bool(value, false), AGT__VALUE_TAINTED);
        return AGT_OK;
    case AGT_VALUE_STRING:
        return agt__value_make_string(allocator, value->as.string.bytes, value->as.string.length,
                                      AGT__VALUE_TAINTED, ret_value);
    case AGT_VALUE_NUMBER:
        break;
    case AGT_VALUE_ARRAY:
    case AGT_VALUE_OBJECT:
        *ret_value = agt__value_static_empty((agt_value_kind)value->kind, AGT__VALUE_TAINTED);
        return AGT_OK;
    }
    if (value->flags & AGT__VALUE_TEXT) {
        return agt__value_make_number(allocator, value->as.string.bytes, value->as.string.length,
                                      AGT__VALUE_TAINTED, ret_value);
    }
    agt_value *copy = agt__value_alloc(allocator, sizeof(*copy), AGT_VALUE_NUMBER,
                                       value->flags | AGT__VALUE_TAINTED);
    if (copy == NULL) {
        return AGT_E_NOMEM;
    }
    copy->as = value->as;
    *ret_value = copy;
    return AGT_OK;
}

typedef struct taint_step {
    const agt_value *container;
    uint32_t next;
} taint_step;

/* Bring @value into the tree: what is wholly tainted as it is, a scalar as a copy; a container is
 * opened. (A container is tainted as soon as one part is; that is not enough to keep it.) */
static agt_status taint_one(agt__tree *tree, const agt_value *value, bool *ret_opened)
{
    *ret_opened = false;
    if (agt__value_is_wholly_tainted(value)) {
        return agt__tree_take(tree, agt_value_ref(value));
    }
    if (agt_value_get_count(value) > 0) {
        *ret_opened = true;
        return agt__tree_begin(tree, value->kind == AGT_VALUE_OBJECT);
    }
    agt_value *copy = NULL;
    agt_status status = taint_scalar(tree->allocator, value, &copy);
    return status != AGT_OK ? status : agt__tree_take(tree, copy);
}

static agt_status taint_all(agt__tree *tree, const agt_value *value)
{
    AGT__UNINITIALIZED taint_step way[AGT__VALUE_DEPTH_MAX];
    size_t depth = 0;
    for (;;) {
        bool opened;
        agt_status status = taint_one(tree, value, &opened);
        if (status != AGT_OK) {
            return status;
        }
        if (opened) {
            AGT_ASSERT(depth < AGT__VALUE_DEPTH_MAX);
            way[depth++] = (taint_step){.container = value};
        }
        while (depth > 0 && way[depth - 1].next == way[depth - 1].container->as.container.count) {
            status = agt__tree_end(tree);
            if (status != AGT_OK) {
                return status;
            }
            depth--;
        }
        if (depth == 0) {
            return AGT_OK;
        }
        taint_step *step = &way[depth - 1];
        size_t length = 0;
        const char *key = agt_value_get_key(step->container, step->next, &length);
        bool exists;
        if (key != NULL) {
            status = agt__tree_key(tree, key, length, &exists);
            if (status != AGT_OK) {
                return status;
            }
        }
        value = agt_value_get_item(step->container, step->next++);
    }
}

/* Marks a value that nobody else can see, in place. Depth is that of the value, which is bounded.
 * @return false if some part is shared: what was marked until then is tainted all the same */
static bool taint_in_place(agt_value *value)
{
    if (agt__value_is_wholly_tainted(value)) {
        return true;
    }
    if ((value->flags & AGT__VALUE_STATIC) != 0 ||
        atomic_load_explicit(&value->refs, memory_order_acquire) != 1) {
        return false;
    }
    if (value->kind < AGT_VALUE_ARRAY) {
        value->flags |= AGT__VALUE_TAINTED;
        return true;
    }
    bool whole = true;
    for (uint32_t i = 0; i < value->as.container.count; i++) {
        agt_value **part = value->kind == AGT_VALUE_ARRAY ? &agt__value_items(value)[i]
                                                          : &agt__value_members(value)[i].value;
        if (((*part)->flags & AGT__VALUE_STATIC) != 0 && !agt__value_is_wholly_tainted(*part)) {
            agt_value *twin = NULL;
            (void)taint_scalar(value->allocator, *part, &twin); /* static: cannot fail */
            *part = twin;
        }
        whole = taint_in_place(*part) && whole;
    }
    if (whole) {
        value->flags |= AGT__VALUE_TAINTED | AGT__VALUE_WHOLLY;
    }
    return whole;
}

agt_status agt__value_take_taint(const agt_allocator *allocator, agt_value *value,
                                 agt_value **ret_value)
{
    if (taint_in_place(value)) {
        *ret_value = value;
        return AGT_OK;
    }
    agt_status status = agt_value_with_taint(allocator, value, ret_value);
    agt_value_unref(value);
    return status;
}

agt_status agt_value_with_taint(const agt_allocator *allocator, const agt_value *value,
                                agt_value **ret_value)
{
    if (ret_value == NULL) {
        return AGT_E_INVALID;
    }
    value = value != NULL ? value : agt_value_null();
    if (value->kind < AGT_VALUE_ARRAY && !agt__value_is_wholly_tainted(value)) {
        return taint_scalar(allocator, value, ret_value);
    }
    if (agt__value_is_wholly_tainted(value)) {
        *ret_value = agt_value_ref(value);
        return AGT_OK;
    }
    agt__tree tree;
    agt__tree_init(&tree, allocator, AGT__VALUE_TAINTED);
    agt_status status = taint_all(&tree, value);
    if (status == AGT_OK) {
        *ret_value = agt__tree_take_root(&tree);
    }
    agt__tree_deinit(&tree);
    return status;
}
