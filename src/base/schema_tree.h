/*
 * The compiled form of a schema, for schema*.c only.
 *
 * A schema document becomes a graph of nodes. A node is "anything", "nothing" or a list of rules in
 * the order in which they are checked: cheap ones first, those that need to know what the others
 * looked at (unevaluated...) last. Keywords that only make sense together are one rule. References
 * are pointers. Everything lives in the arena of the schema and never changes after compilation;
 * values (bounds, choices, names) are borrowed from the document, to which the schema has a
 * reference.
 */
#ifndef AGT_BASE_SCHEMA_TREE_H
#define AGT_BASE_SCHEMA_TREE_H

#include "agent_sdk/schema.h"

#include "base/pattern.h"

#include <stdatomic.h>

typedef struct schema_node schema_node;

/* In the order of checking. */
typedef enum schema_rule_kind {
    SCHEMA_TYPE,
    SCHEMA_CONST,
    SCHEMA_ENUM,
    SCHEMA_MULTIPLE_OF,
    SCHEMA_MINIMUM,
    SCHEMA_EXCLUSIVE_MINIMUM,
    SCHEMA_MAXIMUM,
    SCHEMA_EXCLUSIVE_MAXIMUM,
    SCHEMA_MIN_LENGTH,
    SCHEMA_MAX_LENGTH,
    SCHEMA_PATTERN,
    SCHEMA_MIN_ITEMS,
    SCHEMA_MAX_ITEMS,
    SCHEMA_UNIQUE_ITEMS,
    SCHEMA_REQUIRED,
    SCHEMA_MIN_PROPERTIES,
    SCHEMA_MAX_PROPERTIES,
    SCHEMA_DEPENDENT_REQUIRED,
    SCHEMA_PROPERTY_NAMES,
    SCHEMA_REF,
    SCHEMA_DYNAMIC_REF,
    SCHEMA_MEMBERS, /* properties, patternProperties, additionalProperties */
    SCHEMA_ITEMS,   /* prefixItems, items                                  */
    SCHEMA_CONTAINS,
    SCHEMA_ALL_OF,
    SCHEMA_ANY_OF,
    SCHEMA_ONE_OF,
    SCHEMA_NOT,
    SCHEMA_IF,
    SCHEMA_DEPENDENT_SCHEMAS,
    SCHEMA_UNEVALUATED_ITEMS,
    SCHEMA_UNEVALUATED_PROPERTIES
} schema_rule_kind;

/* The types a SCHEMA_TYPE rule allows: `1u << agt_value_kind`, and one for integers. */
#define SCHEMA_TYPE_INTEGER (1u << 6)

typedef struct schema_list {
    const schema_node **nodes;
    size_t count;
} schema_list;

typedef struct schema_member {
    const char *name; /* borrowed from the document */
    size_t length;
    const schema_node *node;
} schema_member;

typedef struct schema_pattern_member {
    const agt__pattern *pattern;
    const char *text;
    const schema_node *node;
} schema_pattern_member;

typedef struct schema_members {
    schema_member *members; /* sorted by length, then bytes: see agt__schema_find_member */
    size_t member_count;
    const agt_value *declared; /* the object of `properties`, in its own order; or NULL  */
    schema_pattern_member *patterns;
    size_t pattern_count;
    const schema_node *additional; /* or NULL */
} schema_members;

typedef struct schema_items {
    schema_list prefix;
    const schema_node *rest; /* or NULL */
} schema_items;

typedef struct schema_contains {
    const schema_node *node;
    uint64_t least, most;
    bool is_evaluation; /* what fits counts as evaluated: since 2020-12 */
} schema_contains;

typedef struct schema_condition {
    const schema_node *test;
    const schema_node *on_true, *on_false; /* or NULL */
} schema_condition;

typedef struct schema_string_pattern {
    const agt__pattern *pattern;
    const char *text;
} schema_string_pattern;

/* The node a $dynamicRef leads to from nowhere, and the anchor that others may override it with. */
typedef struct schema_dynamic {
    const schema_node *node;
    const char *anchor;
    size_t length;
} schema_dynamic;

typedef struct schema_rule {
    schema_rule_kind kind;
    uint32_t types; /* SCHEMA_TYPE */
    union {
        const agt_value *value;        /* CONST, ENUM, bounds, REQUIRED, DEPENDENT_REQUIRED    */
        uint64_t count;                /* MIN_LENGTH and the like                              */
        const schema_node *node;       /* REF, NOT, PROPERTY_NAMES, UNEVALUATED_...            */
        const schema_list *list;       /* ALL_OF, ANY_OF, ONE_OF                               */
        const schema_members *members; /* MEMBERS; DEPENDENT_SCHEMAS, by name                  */
        const schema_items *items;     /* ITEMS                                                */
        const schema_contains *contains;
        const schema_condition *condition;
        const schema_string_pattern *pattern;
        const schema_dynamic *dynamic;
    } as;
} schema_rule;

typedef enum schema_node_kind {
    SCHEMA_ANYTHING,
    SCHEMA_NOTHING,
    SCHEMA_RULES
} schema_node_kind;

struct schema_node {
    schema_node_kind kind;
    uint32_t number;          /* from 0, in order of compilation                               */
    uint32_t resource;        /* the part of the document with an $id of its own               */
    bool tracks;              /* has an UNEVALUATED rule                                       */
    const schema_node *alias; /* a node that only refers stands for this one; or NULL          */
    const agt_value *source;  /* in the document                                               */
    schema_rule *rules;       /* ascending by kind                                             */
    size_t rule_count;
};

/* A $dynamicAnchor, for the search at check time. */
typedef struct schema_dynamic_place {
    uint32_t resource;
    const char *name;
    size_t length;
    const schema_node *node;
    const struct schema_dynamic_place *next;
} schema_dynamic_place;

/* Memory that is given back all at once. */
typedef struct schema_block schema_block;
typedef struct schema_arena {
    const agt_allocator *allocator;
    schema_block *newest;
} schema_arena;

/** @size bytes, all zero, aligned for any type; NULL if there are none. */
void *agt__schema_arena_take(schema_arena *arena, size_t size);
void agt__schema_arena_free(schema_arena *arena);

/* A compiled pattern, kept to be freed. */
typedef struct schema_owned_pattern {
    agt__pattern *pattern;
    struct schema_owned_pattern *next;
} schema_owned_pattern;

struct agt_schema {
    const agt_allocator *allocator;
    _Atomic uint32_t references;
    agt_value *document;
    schema_arena arena;
    schema_owned_pattern *patterns;
    const schema_node *root;
    const schema_dynamic_place *dynamic_places; /* NULL: the way to a node does not matter */
};

/** Compile schema->document into the rest of @schema. On failure the caller frees what there is. */
AGT_MUST_CHECK agt_status agt__schema_compile(agt_schema *schema, agt_error *err);

/** The member that is declared with that name, or NULL. */
const schema_member *agt__schema_find_member(const schema_members *members, const char *name,
                                             size_t length);

/** The node that @node stands for: itself, or what it refers to if it does nothing else. */
static inline const schema_node *agt__schema_follow(const schema_node *node)
{
    while (node->alias != NULL) {
        node = node->alias;
    }
    return node;
}

/** The rule of that kind, or NULL. */
const schema_rule *agt__schema_find_rule(const schema_node *node, schema_rule_kind kind);

/**
 * Walk the nodes that @rule applies to the value itself, not to a part of it.
 *
 * @param index  0, 1, 2 …
 * @return the one with that index, NULL behind the last
 */
const schema_node *agt__schema_in_place(const schema_rule *rule, size_t index);

#endif
