/*
 * What the files that compile schemas share: schema_compile.c (nodes), schema_keywords.c (rules),
 * schema_ref.c (references).
 */
#ifndef AGT_BASE_SCHEMA_COMPILE_H
#define AGT_BASE_SCHEMA_COMPILE_H

#include "base/buffer.h"
#include "base/map.h"
#include "base/schema_tree.h"

#define SCHEMA_NESTING_MAX 256u

/* The dialects that are understood; a mask, so that a keyword can name those it belongs to. */
enum {
    SCHEMA_DRAFT_7 = 1 << 0, /* and draft 6, of which it is an extension */
    SCHEMA_2019_09 = 1 << 1,
    SCHEMA_2020_12 = 1 << 2
};

/* A part of the document with an $id, or the whole document. */
typedef struct schema_resource {
    const char *uri;      /* absolute, or as far as the document says; "" if it says nothing */
    const char *location; /* of its root: a JSON Pointer into the document                   */
    uint32_t dialect;
    const schema_node *root;
} schema_resource;

typedef struct schema_named_place {
    const schema_node *node;
    bool is_dynamic;
} schema_named_place;

/* A $ref or $dynamicRef whose target is not known yet. */
typedef struct schema_reference {
    schema_node *node; /* where it stands */
    schema_rule *rule; /* to be completed */
    const agt_value *text;
} schema_reference;

typedef struct schema_compiler {
    agt_schema *schema;
    agt_error *err;
    schema_arena scratch; /* for what is not needed after the compilation       */
    agt__buffer place;    /* the JSON Pointer of what is being read             */
    uint32_t depth;
    agt_value *zero;    /* to compare with                                      */
    agt__map locations; /* JSON Pointer -> schema_node *                      */
    agt__map uris;      /* URI -> number of the resource, plus 1               */
    agt__map anchors;   /* "number of the resource#name" -> schema_named_place */
    schema_resource *resources;
    size_t resource_count, resource_capacity;
    schema_reference *references;
    size_t reference_count, reference_capacity;
    schema_node **nodes; /* by number                                           */
    const char **places; /* their locations                                     */
    size_t node_count, node_capacity, place_capacity;
} schema_compiler;

/**
 * Refuse the schema: fills in the error, naming the place, and answers AGT_E_SCHEMA.
 */
agt_status agt__schema_refuse(schema_compiler *c, const char *format, ...) AGT_PRINTF(2, 3);

/** Refuse @found: "expected …, found …". */
agt_status agt__schema_refuse_value(schema_compiler *c, const agt_value *found,
                                    const char *expected);

/** Fill in the error for @status (AGT_E_NOMEM, AGT_E_LIMIT) and answer it. */
agt_status agt__schema_give_up(schema_compiler *c, agt_status status);

/** Lengthen the place by one step; @return what agt__schema_leave() takes to undo it. */
size_t agt__schema_enter(schema_compiler *c, const char *key, size_t length);
size_t agt__schema_enter_index(schema_compiler *c, size_t index);
void agt__schema_leave(schema_compiler *c, size_t size);

/** Compile @value, which stands at c->place and belongs to @resource. */
AGT_MUST_CHECK agt_status agt__schema_compile_node(schema_compiler *c, const agt_value *value,
                                                   uint32_t resource, const schema_node **ret_node);

/** Add a rule to a node; there is always room. The caller sets the rest of it. */
schema_rule *agt__schema_add_rule(schema_node *node, schema_rule_kind kind);

/** Add the rules of all keywords of @node's dialect. */
AGT_MUST_CHECK agt_status agt__schema_compile_keywords(schema_compiler *c, schema_node *node);

/** Zeroed memory for the schema, or NULL. */
void *agt__schema_take(schema_compiler *c, size_t count, size_t size);

/**
 * Read $schema, $id and the anchors of @node, which is an object; node->resource is the one around
 * it, and its own afterwards.
 */
AGT_MUST_CHECK agt_status agt__schema_identify(schema_compiler *c, schema_node *node);

/** Remember that @rule of @node waits for the target of @text, which stands at `keyword`. */
AGT_MUST_CHECK agt_status agt__schema_add_reference(schema_compiler *c, schema_node *node,
                                                    schema_rule *rule, const agt_value *text);

/** Find the target of every reference, compiling what nothing else has led to. */
AGT_MUST_CHECK agt_status agt__schema_resolve_references(schema_compiler *c);

/** Refuse references that lead back to themselves without a step into the value. */
AGT_MUST_CHECK agt_status agt__schema_refuse_cycles(schema_compiler *c);

#endif
