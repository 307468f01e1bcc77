/*
 * Compiling a schema: the walk over the document. Nodes are made top down; every node is known by
 * its place (a JSON Pointer into the document), so that a place that is reached twice, by a keyword
 * and by a reference, is one node. After the walk references are resolved (which may walk places
 * that no keyword leads to), then cycles that would never end are refused, then nodes that only
 * refer are short-circuited.
 *
 * What is needed only now (places, URIs, anchors) lives in a scratch arena and in maps that go away
 * at the end. One thread; nothing here is seen by others before it is complete.
 */
#include "base/schema_compile.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/schema_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ORIGIN "base/schema"

/* ---- errors and places --------------------------------------------------------------------- */

agt_status agt__schema_give_up(schema_compiler *c, agt_status status)
{
    return status == AGT_E_NOMEM
               ? agt__error_nomem(c->err, ORIGIN)
               : agt__error_set(c->err, status, ORIGIN, "the schema is too large");
}

agt_status agt__schema_refuse(schema_compiler *c, const char *format, ...)
{
    if (c->place.status != AGT_OK) {
        return agt__schema_give_up(c, c->place.status);
    }
    char message[640];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (c->place.size == 0) {
        return agt__error_set(c->err, AGT_E_SCHEMA, ORIGIN, "in the schema: %s", message);
    }
    const char *place = agt__buffer_text(&c->place);
    bool is_long = c->place.size > 120; /* then its end is worth more than its beginning */
    return agt__error_set(c->err, AGT_E_SCHEMA, ORIGIN, "in the schema at %s%s: %s",
                          is_long ? "\xE2\x80\xA6" : "",
                          is_long ? place + c->place.size - 117 : place, message);
}

agt_status agt__schema_refuse_value(schema_compiler *c, const agt_value *found,
                                    const char *expected)
{
    schema_text text = {.size = 0};
    agt__schema_text_add_found(&text, found);
    return agt__schema_refuse(c, "expected %s, found %s", expected, text.bytes);
}

size_t agt__schema_enter(schema_compiler *c, const char *key, size_t length)
{
    size_t size = c->place.size;
    agt__buffer_add_char(&c->place, '/');
    for (size_t i = 0; i < length; i++) {
        switch (key[i]) {
        case '~':
            agt__buffer_add_text(&c->place, "~0");
            break;
        case '/':
            agt__buffer_add_text(&c->place, "~1");
            break;
        case '\0': /* no pointer's escape: places are C strings here, and such keys have one too */
            agt__buffer_add_text(&c->place, "~2");
            break;
        default:
            agt__buffer_add_char(&c->place, key[i]);
            break;
        }
    }
    return size;
}

size_t agt__schema_enter_index(schema_compiler *c, size_t index)
{
    char number[24];
    int length = snprintf(number, sizeof(number), "%zu", index);
    return agt__schema_enter(c, number, (size_t)length);
}

void agt__schema_leave(schema_compiler *c, size_t size)
{
    if (c->place.bytes != NULL && size <= c->place.size) {
        c->place.size = size;
        c->place.bytes[size] = '\0';
    }
}

/* ---- nodes --------------------------------------------------------------------------------- */

void *agt__schema_take(schema_compiler *c, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return agt__schema_arena_take(&c->schema->arena, bytes > 0 ? bytes : 1);
}

schema_rule *agt__schema_add_rule(schema_node *node, schema_rule_kind kind)
{
    AGT_ASSERT(node->rule_count == 0 || node->rules[node->rule_count - 1].kind <= kind);
    schema_rule *rule = &node->rules[node->rule_count++];
    rule->kind = kind;
    return rule;
}

/* Make an empty node for the place and enter it into the tables. */
static agt_status register_node(schema_compiler *c, const agt_value *value, uint32_t resource,
                                schema_node **ret_node)
{
    const agt_allocator *allocator = c->schema->allocator;
    agt_status status = c->place.status;
    if (status == AGT_OK) {
        status = agt__array_reserve(allocator, (void *)&c->nodes, &c->node_capacity, c->node_count,
                                    sizeof(schema_node *), UINT32_MAX / 4);
    }
    if (status == AGT_OK) {
        status = agt__array_reserve(allocator, (void *)&c->places, &c->place_capacity,
                                    c->node_count, sizeof(const char *), UINT32_MAX / 4);
    }
    if (status != AGT_OK) {
        return status;
    }
    schema_node *node = agt__schema_take(c, 1, sizeof(*node));
    char *place = agt__schema_arena_take(&c->scratch, c->place.size + 1);
    if (node == NULL || place == NULL) {
        return AGT_E_NOMEM;
    }
    memcpy(place, agt__buffer_text(&c->place), c->place.size + 1);
    node->source = value;
    node->resource = resource;
    node->number = (uint32_t)c->node_count;
    c->nodes[c->node_count] = node;
    c->places[c->node_count++] = place;
    *ret_node = node;
    return agt__map_add(&c->locations, place, node);
}

static agt_status compile_object(schema_compiler *c, schema_node *node)
{
    /* Every keyword is at most two rules. */
    node->kind = SCHEMA_RULES;
    node->rules = agt__schema_take(c, 2 * agt_value_get_count(node->source), sizeof(*node->rules));
    if (node->rules == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_status status = agt__schema_identify(c, node);
    if (status == AGT_OK) {
        status = agt__schema_compile_keywords(c, node);
    }
    if (status == AGT_OK && node->rule_count == 0) {
        node->kind = SCHEMA_ANYTHING;
    }
    return status;
}

agt_status agt__schema_compile_node(schema_compiler *c, const agt_value *value, uint32_t resource,
                                    const schema_node **ret_node)
{
    if (c->place.status != AGT_OK) { /* then the place is not the one that was meant */
        return agt__schema_give_up(c, c->place.status);
    }
    const schema_node *known =
        agt__map_get_n(&c->locations, agt__buffer_text(&c->place), c->place.size);
    if (known != NULL) {
        *ret_node = known;
        return AGT_OK;
    }
    agt_value_kind kind = agt_value_get_kind(value);
    if (kind != AGT_VALUE_BOOL && kind != AGT_VALUE_OBJECT) {
        return agt__schema_refuse_value(c, value, "a schema (an object, true or false)");
    }
    if (c->depth == SCHEMA_NESTING_MAX) {
        return agt__error_set(c->err, AGT_E_LIMIT, ORIGIN,
                              "the schema is nested deeper than %u levels", SCHEMA_NESTING_MAX);
    }
    schema_node *node = NULL;
    agt_status status = register_node(c, value, resource, &node);
    if (status != AGT_OK) {
        return agt__schema_give_up(c, status);
    }
    *ret_node = node;
    if (kind == AGT_VALUE_BOOL) {
        node->kind = agt_value_get_bool(value, false) ? SCHEMA_ANYTHING : SCHEMA_NOTHING;
        return AGT_OK;
    }
    c->depth++;
    status = compile_object(c, node);
    c->depth--;
    return status;
}

/* Let nodes that do nothing but refer stand for what they refer to. With $dynamicRef in play the
 * way by which a node is reached counts, so only within a resource then. */
static void short_circuit(schema_compiler *c)
{
    bool is_dynamic = c->schema->dynamic_places != NULL;
    for (size_t i = 0; i < c->node_count; i++) {
        schema_node *node = c->nodes[i];
        if (node->rule_count == 1 && node->rules[0].kind == SCHEMA_REF &&
            (!is_dynamic || node->rules[0].as.node->resource == node->resource)) {
            node->alias = node->rules[0].as.node;
        }
    }
    for (size_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i]->alias != NULL) {
            c->nodes[i]->alias = agt__schema_follow(c->nodes[i]->alias);
        }
    }
}

static void free_compiler(schema_compiler *c)
{
    const agt_allocator *allocator = c->schema->allocator;
    agt_value_unref(c->zero);
    agt__schema_arena_free(&c->scratch);
    agt__buffer_deinit(&c->place);
    agt__map_deinit(&c->locations);
    agt__map_deinit(&c->uris);
    agt__map_deinit(&c->anchors);
    agt__free(allocator, c->resources);
    agt__free(allocator, c->references);
    agt__free(allocator, c->nodes);
    agt__free(allocator, c->places);
}

agt_status agt__schema_compile(agt_schema *schema, agt_error *err)
{
    schema_compiler c = {.schema = schema, .err = err};
    c.scratch.allocator = schema->allocator;
    agt__buffer_init(&c.place, schema->allocator, 0);
    agt__map_init(&c.locations, schema->allocator);
    agt__map_init(&c.uris, schema->allocator);
    agt__map_init(&c.anchors, schema->allocator);
    agt_status status = agt_value_new_int64(schema->allocator, 0, &c.zero);
    status = status == AGT_OK ? agt__schema_compile_node(&c, schema->document, 0, &schema->root)
                              : agt__schema_give_up(&c, status);
    if (status == AGT_OK) {
        status = agt__schema_resolve_references(&c);
    }
    if (status == AGT_OK) {
        status = agt__schema_refuse_cycles(&c);
    }
    if (status == AGT_OK) {
        short_circuit(&c);
    }
    free_compiler(&c);
    return status;
}
