/*
 * A value that is being put together: what the builder and the parser have in common.
 *
 * Open arrays and objects lie on a stack of frames, their parts so far on one stack of items, the
 * keys so far in one buffer. Closing a frame makes the finished value of its items. Keys of objects
 * with many members are kept in one hash table for all open frames. Frames close in the reverse
 * order of opening, so entries leave the table in the reverse order of coming: taking one out
 * is making its slot empty, no marks are needed.
 */
#ifndef AGT_BASE_VALUE_TREE_H
#define AGT_BASE_VALUE_TREE_H

#include "base/buffer.h"
#include "base/value_node.h"

typedef struct agt__tree_item {
    agt_value *value; /* NULL: a member that waits for its value */
    uint32_t key;     /* offset in the buffer of keys */
    uint32_t key_length;
    uint32_t hash; /* of the key, if the frame is indexed */
    uint32_t unused;
} agt__tree_item;

typedef struct agt__tree_frame {
    uint32_t first;  /* its first item */
    uint32_t keys;   /* where its keys begin */
    uint32_t target; /* item that waits for its value; AGT__TREE_NONE */
    bool is_object;
    bool is_indexed;
} agt__tree_frame;

#define AGT__TREE_NONE UINT32_MAX

typedef struct agt__tree {
    const agt_allocator *allocator;
    agt_value *root; /* once complete; owned */
    agt__tree_item *items;
    size_t item_count, item_capacity;
    agt__tree_frame *frames;
    size_t frame_count, frame_capacity;
    agt__buffer keys;
    uint32_t *slots; /* item + 1; 0 = free */
    uint32_t slot_count, slots_used;
    uint32_t flags; /* AGT__VALUE_TAINTED: for containers, whatever their parts */
} agt__tree;

void agt__tree_init(agt__tree *tree, const agt_allocator *allocator, uint32_t flags);

/** Give back everything, finished or not. */
void agt__tree_deinit(agt__tree *tree);

/** Forget what was built, keep the memory. */
void agt__tree_clear(agt__tree *tree);

/** Open an array or object. The caller made sure that a value may come here. */
AGT_MUST_CHECK agt_status agt__tree_begin(agt__tree *tree, bool is_object);

/**
 * The key of the next member; UTF-8, inside an object that waits for a key.
 *
 * @param ret_exists  whether the object has a member of that key already: its value will be
 *                    replaced
 */
AGT_MUST_CHECK agt_status agt__tree_key(agt__tree *tree, const char *key, size_t length,
                                        bool *ret_exists);

/** Add @value, taking the reference even on failure. */
AGT_MUST_CHECK agt_status agt__tree_take(agt__tree *tree, agt_value *value);

/**
 * Close the innermost array or object, and add it where it belongs.
 *
 * @return AGT_OK; AGT_E_NOMEM; AGT_E_LIMIT if it would be nested too deep
 */
AGT_MUST_CHECK agt_status agt__tree_end(agt__tree *tree);

/** The innermost open frame; NULL if there is none. */
static inline agt__tree_frame *agt__tree_top(const agt__tree *tree)
{
    return tree->frame_count > 0 ? &tree->frames[tree->frame_count - 1] : NULL;
}

/** The last key of the innermost object, "" if none: for messages. */
const char *agt__tree_last_key(const agt__tree *tree);

/** The key of an item. */
static inline const char *agt__tree_item_key(const agt__tree *tree, const agt__tree_item *item)
{
    return tree->keys.bytes + item->key;
}

/** Hand over the finished value; NULL if there is none. */
agt_value *agt__tree_take_root(agt__tree *tree);

#endif
