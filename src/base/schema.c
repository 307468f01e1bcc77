/*
 * The schema object: its life, its memory, and the small questions that compiling, checking and
 * reporting all ask of the tree. A schema is written by agt__schema_compile() before anyone else
 * sees it and never changes afterwards, except for its count of references.
 */
#include "base/schema_tree.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

#define BLOCK_BYTES 4000u

struct schema_block {
    schema_block *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char bytes[];
};

void *agt__schema_arena_take(schema_arena *arena, size_t size)
{
    size_t needed =
        (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
    schema_block *block = arena->newest;
    if (block == NULL || block->size - block->used < needed) {
        size_t room = needed > BLOCK_BYTES ? needed : BLOCK_BYTES;
        if (needed < size ||
            (block = agt__calloc(arena->allocator, 1, sizeof(*block) + room)) == NULL) {
            return NULL;
        }
        block->size = room;
        block->next = arena->newest;
        arena->newest = block;
    }
    void *taken = block->bytes + block->used;
    block->used += needed;
    return taken;
}

void agt__schema_arena_free(schema_arena *arena)
{
    while (arena->newest != NULL) {
        schema_block *block = arena->newest;
        arena->newest = block->next;
        agt__free(arena->allocator, block);
    }
}

const schema_member *agt__schema_find_member(const schema_members *members, const char *name,
                                             size_t length)
{
    size_t low = 0;
    size_t high = members->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const schema_member *member = &members->members[middle];
        int order = member->length != length ? (member->length < length ? -1 : 1)
                                             : memcmp(member->name, name, length);
        if (order == 0) {
            return member;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const schema_rule *agt__schema_find_rule(const schema_node *node, schema_rule_kind kind)
{
    for (size_t i = 0; i < node->rule_count; i++) {
        if (node->rules[i].kind == kind) {
            return &node->rules[i];
        }
    }
    return NULL;
}

const schema_node *agt__schema_in_place(const schema_rule *rule, size_t index)
{
    switch (rule->kind) {
    case SCHEMA_REF:
    case SCHEMA_NOT:
        return index == 0 ? rule->as.node : NULL;
    case SCHEMA_DYNAMIC_REF:
        return index == 0 ? rule->as.dynamic->node : NULL;
    case SCHEMA_ALL_OF:
    case SCHEMA_ANY_OF:
    case SCHEMA_ONE_OF:
        return index < rule->as.list->count ? rule->as.list->nodes[index] : NULL;
    case SCHEMA_DEPENDENT_SCHEMAS:
        return index < rule->as.members->member_count ? rule->as.members->members[index].node
                                                      : NULL;
    case SCHEMA_IF: {
        const schema_condition *condition = rule->as.condition;
        const schema_node *nodes[] = {condition->test, condition->on_true, condition->on_false};
        size_t found = 0;
        for (size_t i = 0; i < 3; i++) {
            if (nodes[i] != NULL && found++ == index) {
                return nodes[i];
            }
        }
        return NULL;
    }
    default: /* the others apply to parts of the value, or compare it */
        return NULL;
    }
}

agt_status agt_schema_new(const agt_allocator *allocator, const agt_value *document,
                          agt_schema **ret_schema, agt_error *err)
{
    if (document == NULL || ret_schema == NULL) {
        return agt__error_set(err, AGT_E_INVALID, "base/schema", "no document or no ret_schema");
    }
    agt_schema *schema = agt__calloc(allocator, 1, sizeof(*schema));
    if (schema == NULL) {
        return agt__error_nomem(err, "base/schema");
    }
    schema->allocator = allocator;
    schema->arena.allocator = allocator;
    schema->document = agt_value_ref(document);
    atomic_init(&schema->references, 1);
    agt_status status = agt__schema_compile(schema, err);
    if (status != AGT_OK) {
        agt_schema_unref(schema);
        return status;
    }
    *ret_schema = schema;
    return AGT_OK;
}

/* References are counted through a pointer to const: whoever shares a schema cannot change it. */
static agt_schema *mutable(const agt_schema *schema)
{
    return (agt_schema *)(uintptr_t)schema;
}

agt_schema *agt_schema_ref(const agt_schema *schema)
{
    if (schema != NULL) {
        (void)atomic_fetch_add_explicit(&mutable(schema)->references, 1, memory_order_relaxed);
    }
    return mutable(schema);
}

void agt_schema_unref(const agt_schema *schema)
{
    agt_schema *own = mutable(schema);
    if (own == NULL || atomic_fetch_sub_explicit(&own->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (schema_owned_pattern *at = own->patterns; at != NULL; at = at->next) {
        agt__pattern_free(at->pattern);
    }
    agt__schema_arena_free(&own->arena);
    agt_value_unref(own->document);
    agt__free(own->allocator, own);
}

const agt_value *agt_schema_get_document(const agt_schema *schema)
{
    return schema != NULL ? schema->document : NULL;
}
