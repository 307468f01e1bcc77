/*
 * The half-built value. Invariants: items from frames[i].first up to frames[i+1].first belong to
 * frame i; only the innermost frame grows. A frame with more than AGT__VALUE_INDEX_ABOVE members
 * is indexed: all of its items are in the table, in the order in which they came. Keys of a frame
 * lie one behind the other in `keys`, each with its NUL, so that a finished object copies them in
 * one piece.
 *
 * After AGT_E_NOMEM the tree is still whole: it can be cleared or given back.
 */
#include "base/value_tree.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

void agt__tree_init(agt__tree *tree, const agt_allocator *allocator, uint32_t flags)
{
    *tree = (agt__tree){.allocator = allocator, .flags = flags & AGT__VALUE_TAINTED};
    agt__buffer_init(&tree->keys, allocator, AGT__VALUE_BYTES_MAX);
}

void agt__tree_clear(agt__tree *tree)
{
    for (size_t i = 0; i < tree->item_count; i++) {
        agt_value_unref(tree->items[i].value);
    }
    agt_value_unref(tree->root);
    tree->root = NULL;
    tree->item_count = 0;
    tree->frame_count = 0;
    agt__buffer_clear(&tree->keys);
    if (tree->slots_used > 0) {
        memset(tree->slots, 0, tree->slot_count * sizeof(*tree->slots));
        tree->slots_used = 0;
    }
}

void agt__tree_deinit(agt__tree *tree)
{
    agt__tree_clear(tree);
    agt__free(tree->allocator, tree->items);
    agt__free(tree->allocator, tree->frames);
    agt__free(tree->allocator, tree->slots);
    agt__buffer_deinit(&tree->keys);
    agt__tree_init(tree, tree->allocator, tree->flags);
}

agt_status agt__tree_begin(agt__tree *tree, bool is_object)
{
    agt_status status =
        agt__array_reserve(tree->allocator, &tree->frames, &tree->frame_capacity, tree->frame_count,
                           sizeof(*tree->frames), AGT__VALUE_DEPTH_MAX);
    if (status != AGT_OK) {
        return status;
    }
    tree->frames[tree->frame_count++] = (agt__tree_frame){
        .first = (uint32_t)tree->item_count,
        .keys = (uint32_t)tree->keys.size,
        .target = AGT__TREE_NONE,
        .is_object = is_object,
    };
    return AGT_OK;
}

/* ---- the table of keys ---------------------------------------------------------------------- */

/* The slot of the item with that key, or the free slot where it would go. */
static uint32_t find_slot(const agt__tree *tree, const agt__tree_frame *frame, const char *key,
                          size_t length, uint32_t hash)
{
    uint32_t mask = tree->slot_count - 1;
    uint32_t slot = hash & mask;
    for (; tree->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t number = tree->slots[slot] - 1;
        const agt__tree_item *item = &tree->items[number];
        if (number >= frame->first && item->hash == hash && item->key_length == length &&
            memcmp(agt__tree_item_key(tree, item), key, length) == 0) {
            break;
        }
    }
    return slot;
}

/* Put item @number, which is not there, into the table, which has room. */
static void insert_item(agt__tree *tree, uint32_t number)
{
    uint32_t mask = tree->slot_count - 1;
    uint32_t slot = tree->items[number].hash & mask;
    while (tree->slots[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    tree->slots[slot] = number + 1;
    tree->slots_used++;
}

/* Take the newest entry, item @number, out of the table. */
static void remove_item(agt__tree *tree, uint32_t number)
{
    uint32_t mask = tree->slot_count - 1;
    uint32_t slot = tree->items[number].hash & mask;
    while (tree->slots[slot] != number + 1) {
        slot = (slot + 1) & mask;
    }
    tree->slots[slot] = 0;
    tree->slots_used--;
}

/* Room for @more entries in a table that is never more than half full. */
static agt_status reserve_slots(agt__tree *tree, uint32_t more)
{
    uint64_t needed = ((uint64_t)tree->slots_used + more) * 2;
    if (needed <= tree->slot_count) {
        return AGT_OK;
    }
    uint64_t count = tree->slot_count == 0 ? 64 : tree->slot_count;
    while (count < needed) {
        count *= 2;
    }
    if (count > AGT__VALUE_COUNT_MAX) {
        return AGT_E_LIMIT;
    }
    uint32_t *slots = agt__calloc(tree->allocator, (size_t)count, sizeof(*slots));
    if (slots == NULL) {
        return AGT_E_NOMEM;
    }
    agt__free(tree->allocator, tree->slots);
    tree->slots = slots;
    tree->slot_count = (uint32_t)count;
    tree->slots_used = 0;
    for (size_t i = 0; i < tree->frame_count; i++) {
        const agt__tree_frame *frame = &tree->frames[i];
        size_t end = i + 1 < tree->frame_count ? frame[1].first : tree->item_count;
        for (size_t item = frame->first; frame->is_indexed && item < end; item++) {
            insert_item(tree, (uint32_t)item);
        }
    }
    return AGT_OK;
}

/* From now on the members of @frame are in the table. */
static agt_status index_frame(agt__tree *tree, agt__tree_frame *frame)
{
    agt_status status = reserve_slots(tree, 2 * AGT__VALUE_INDEX_ABOVE);
    if (status != AGT_OK) {
        return status;
    }
    for (size_t i = frame->first; i < tree->item_count; i++) {
        agt__tree_item *item = &tree->items[i];
        item->hash = agt__value_hash_key(agt__tree_item_key(tree, item), item->key_length);
        insert_item(tree, (uint32_t)i);
    }
    frame->is_indexed = true;
    return AGT_OK;
}

/* ---- keys and parts ------------------------------------------------------------------------- */

/* The item of @frame with that key; AGT__TREE_NONE if there is none. */
static uint32_t find_item(const agt__tree *tree, const agt__tree_frame *frame, const char *key,
                          size_t length, uint32_t hash)
{
    if (frame->is_indexed) {
        uint32_t slot = find_slot(tree, frame, key, length, hash);
        return tree->slots[slot] != 0 ? tree->slots[slot] - 1 : AGT__TREE_NONE;
    }
    for (size_t i = frame->first; i < tree->item_count; i++) {
        const agt__tree_item *item = &tree->items[i];
        if (item->key_length == length &&
            memcmp(agt__tree_item_key(tree, item), key, length) == 0) {
            return (uint32_t)i;
        }
    }
    return AGT__TREE_NONE;
}

static agt_status reserve_item(agt__tree *tree)
{
    return agt__array_reserve(tree->allocator, &tree->items, &tree->item_capacity, tree->item_count,
                              sizeof(*tree->items), AGT__VALUE_COUNT_MAX);
}

agt_status agt__tree_key(agt__tree *tree, const char *key, size_t length, bool *ret_exists)
{
    agt__tree_frame *frame = agt__tree_top(tree);
    AGT_ASSERT(frame != NULL && frame->is_object && frame->target == AGT__TREE_NONE);
    agt_status status = reserve_item(tree);
    size_t members = tree->item_count - frame->first;
    if (status == AGT_OK && members == AGT__VALUE_INDEX_ABOVE && !frame->is_indexed) {
        status = index_frame(tree, frame);
    }
    if (status == AGT_OK && frame->is_indexed) {
        status = reserve_slots(tree, 1);
    }
    if (status != AGT_OK) {
        return status;
    }
    uint32_t hash = frame->is_indexed ? agt__value_hash_key(key, length) : 0;
    uint32_t found = find_item(tree, frame, key, length, hash);
    *ret_exists = found != AGT__TREE_NONE;
    if (found != AGT__TREE_NONE) {
        frame->target = found;
        return AGT_OK;
    }
    size_t offset = tree->keys.size;
    char *copy = length < AGT__VALUE_BYTES_MAX ? agt__buffer_extend(&tree->keys, length + 1) : NULL;
    if (copy == NULL) {
        return tree->keys.status != AGT_OK ? tree->keys.status : AGT_E_LIMIT;
    }
    memcpy(copy, key, length);
    copy[length] = '\0';
    frame->target = (uint32_t)tree->item_count;
    tree->items[tree->item_count++] = (agt__tree_item){
        .key = (uint32_t)offset,
        .key_length = (uint32_t)length,
        .hash = hash,
    };
    if (frame->is_indexed) {
        insert_item(tree, frame->target);
    }
    return AGT_OK;
}

agt_status agt__tree_take(agt__tree *tree, agt_value *value)
{
    agt__tree_frame *frame = agt__tree_top(tree);
    if (frame == NULL) {
        AGT_ASSERT(tree->root == NULL);
        tree->root = value;
        return AGT_OK;
    }
    if (frame->is_object) {
        AGT_ASSERT(frame->target != AGT__TREE_NONE);
        agt__tree_item *item = &tree->items[frame->target];
        frame->target = AGT__TREE_NONE;
        agt_value_unref(item->value);
        item->value = value;
        return AGT_OK;
    }
    agt_status status = reserve_item(tree);
    if (status != AGT_OK) {
        agt_value_unref(value);
        return status;
    }
    tree->items[tree->item_count++] = (agt__tree_item){.value = value};
    return AGT_OK;
}

const char *agt__tree_last_key(const agt__tree *tree)
{
    const agt__tree_frame *frame = agt__tree_top(tree);
    if (frame == NULL || !frame->is_object || tree->item_count == frame->first) {
        return "";
    }
    uint32_t last =
        frame->target != AGT__TREE_NONE ? frame->target : (uint32_t)tree->item_count - 1;
    return agt__tree_item_key(tree, &tree->items[last]);
}

agt_value *agt__tree_take_root(agt__tree *tree)
{
    agt_value *root = tree->root;
    tree->root = NULL;
    return root;
}

/* ---- closing -------------------------------------------------------------------------------- */

/* What the parts of a container add up to. */
static void sum_up(const agt__tree *tree, const agt__tree_frame *frame, uint32_t *flags,
                   uint32_t *depth)
{
    bool wholly = true;
    for (size_t i = frame->first; i < tree->item_count; i++) {
        const agt_value *part = tree->items[i].value;
        *flags |= part->flags & AGT__VALUE_TAINTED;
        wholly = wholly && agt__value_is_wholly_tainted(part);
        *depth = part->depth > *depth ? part->depth : *depth;
    }
    *flags |= wholly && (*flags & AGT__VALUE_TAINTED) ? AGT__VALUE_WHOLLY : 0;
    *depth += 1;
}

static agt_value *make_array(const agt__tree *tree, const agt__tree_frame *frame, uint32_t flags)
{
    size_t count = tree->item_count - frame->first;
    agt_value *array = agt__value_alloc(
        tree->allocator, sizeof(agt_value) + count * sizeof(agt_value *), AGT_VALUE_ARRAY, flags);
    if (array == NULL) {
        return NULL;
    }
    array->as.container.count = (uint32_t)count;
    array->as.container.slots = 0;
    agt_value **items = agt__value_items(array);
    for (size_t i = 0; i < count; i++) {
        items[i] = tree->items[frame->first + i].value;
    }
    return array;
}

static agt_value *make_object(const agt__tree *tree, const agt__tree_frame *frame, uint32_t flags)
{
    uint32_t count = (uint32_t)(tree->item_count - frame->first);
    uint32_t slots = agt__value_index_slots(count);
    size_t keys_at = sizeof(agt_value) + count * sizeof(agt__member) + slots * sizeof(uint32_t);
    size_t keys_size = tree->keys.size - frame->keys;
    if (keys_at + keys_size > UINT32_MAX) {
        return NULL;
    }
    agt_value *object =
        agt__value_alloc(tree->allocator, keys_at + keys_size, AGT_VALUE_OBJECT, flags);
    if (object == NULL) {
        return NULL;
    }
    object->as.container.count = count;
    object->as.container.slots = slots;
    agt__member *members = agt__value_members(object);
    const agt__tree_item *item = tree->items + frame->first;
    for (uint32_t i = 0; i < count; i++, item++) {
        members[i].key = (uint32_t)(keys_at + (item->key - frame->keys));
        members[i].key_length = item->key_length;
        members[i].value = item->value;
    }
    memcpy((char *)object + keys_at, tree->keys.bytes + frame->keys, keys_size);
    if (slots > 0) {
        memset(agt__value_index(object), 0, slots * sizeof(uint32_t));
        for (uint32_t i = 0; i < count; i++) {
            agt__value_index_add(object, i, tree->items[frame->first + i].hash);
        }
    }
    return object;
}

/* The finished container of @frame; NULL if there is no memory. */
static agt_value *make_container(const agt__tree *tree, const agt__tree_frame *frame,
                                 uint32_t flags, uint32_t depth)
{
    if (tree->item_count == frame->first) {
        return agt__value_static_empty(frame->is_object ? AGT_VALUE_OBJECT : AGT_VALUE_ARRAY,
                                       flags);
    }
    agt_value *made =
        frame->is_object ? make_object(tree, frame, flags) : make_array(tree, frame, flags);
    if (made != NULL) {
        made->depth = (uint16_t)depth;
    }
    return made;
}

agt_status agt__tree_end(agt__tree *tree)
{
    agt__tree_frame *frame = agt__tree_top(tree);
    AGT_ASSERT(frame != NULL && frame->target == AGT__TREE_NONE);
    uint32_t flags = tree->flags;
    uint32_t depth = 0;
    sum_up(tree, frame, &flags, &depth);
    if (depth > AGT__VALUE_DEPTH_MAX) {
        return AGT_E_LIMIT;
    }
    agt_value *made = make_container(tree, frame, flags, depth);
    if (made == NULL) {
        return AGT_E_NOMEM;
    }
    if (frame->is_indexed) {
        for (size_t i = tree->item_count; i > frame->first; i--) {
            remove_item(tree, (uint32_t)(i - 1));
        }
    }
    tree->item_count = frame->first;
    tree->keys.size = frame->keys;
    tree->frame_count--;
    return agt__tree_take(tree, made);
}
