/*
 * Identifiers and references of a schema: $schema, $id, anchors, $ref and $dynamicRef.
 *
 * Everything a reference may lead to is inside the document; a reference that leads out of it is an
 * error of the schema, so that nothing is ever fetched and nothing is silently not checked.
 * Resources (the document and each part with an $id) are known by their URI, anchors by resource
 * and name, everything else by its place. Places that no keyword leads to, such as definitions
 * under a key of one's own, are compiled when the first reference to them is resolved; they may
 * bring new references, so the list grows while it is worked off.
 */
#include "base/schema_compile.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/schema_text.h"
#include "base/schema_uri.h"

#include <stdio.h>
#include <string.h>

/* ---- identifiers --------------------------------------------------------------------------- */

static agt_status read_dialect(schema_compiler *c, const agt_value *name, uint32_t *ret_dialect)
{
    static const struct {
        const char *uri;
        uint32_t dialect;
    } dialects[] = {
        {"https://json-schema.org/draft/2020-12/schema", SCHEMA_2020_12},
        {"https://json-schema.org/draft/2019-09/schema", SCHEMA_2019_09},
        {"http://json-schema.org/draft-07/schema", SCHEMA_DRAFT_7},
        {"https://json-schema.org/draft-07/schema", SCHEMA_DRAFT_7},
        {"http://json-schema.org/draft-06/schema", SCHEMA_DRAFT_7},
    };
    size_t length = 0;
    const char *uri = agt_value_get_string(name, &length);
    while (uri != NULL && length > 0 && uri[length - 1] == '#') {
        length--;
    }
    for (size_t i = 0; uri != NULL && i < sizeof(dialects) / sizeof(dialects[0]); i++) {
        if (strlen(dialects[i].uri) == length && memcmp(dialects[i].uri, uri, length) == 0) {
            *ret_dialect = dialects[i].dialect;
            return AGT_OK;
        }
    }
    size_t size = agt__schema_enter(c, "$schema", 7);
    agt_status status = agt__schema_refuse_value(
        c, name,
        "a dialect that is known (\"https://json-schema.org/draft/2020-12/schema\", "
        "\"https://json-schema.org/draft/2019-09/schema\" or "
        "\"http://json-schema.org/draft-07/schema#\")");
    agt__schema_leave(c, size);
    return status;
}

/* Make @node the root of a new resource with that URI, which is copied. */
static agt_status add_resource(schema_compiler *c, schema_node *node, const agt__buffer *uri,
                               uint32_t dialect)
{
    agt_status status = uri->status;
    if (status == AGT_OK) {
        status =
            agt__array_reserve(c->schema->allocator, (void *)&c->resources, &c->resource_capacity,
                               c->resource_count, sizeof(*c->resources), UINT32_MAX / 4);
    }
    char *copy = status == AGT_OK ? agt__schema_arena_take(&c->scratch, uri->size + 1) : NULL;
    if (copy == NULL) {
        return agt__schema_give_up(c, status != AGT_OK ? status : AGT_E_NOMEM);
    }
    memcpy(copy, agt__buffer_text(uri), uri->size + 1);
    status = agt__map_add(&c->uris, copy, (void *)(c->resource_count + 1));
    if (status == AGT_E_EXISTS) {
        return agt__schema_refuse(c, "the $id \"%.200s\" is in use already", copy);
    }
    if (status != AGT_OK) {
        return agt__schema_give_up(c, status);
    }
    node->resource = (uint32_t)c->resource_count;
    c->resources[c->resource_count++] =
        (schema_resource){copy, c->places[node->number], dialect, node};
    return AGT_OK;
}

static agt_status add_anchor(schema_compiler *c, const schema_node *node, const char *name,
                             size_t length, bool is_dynamic)
{
    size_t size = length + 24;
    char *key = agt__schema_arena_take(&c->scratch, size);
    schema_named_place *place = agt__schema_arena_take(&c->scratch, sizeof(*place));
    if (key == NULL || place == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    (void)snprintf(key, size, "%u#%.*s", node->resource, (int)length, name);
    *place = (schema_named_place){node, is_dynamic};
    agt_status status = agt__map_add(&c->anchors, key, place);
    if (status == AGT_E_EXISTS) {
        const schema_named_place *known = agt__map_get(&c->anchors, key);
        if (known->node != node) {
            return agt__schema_refuse(c, "the anchor \"%.*s\" is in use already", (int)length,
                                      name);
        }
        status = AGT_OK;
    }
    if (status != AGT_OK || !is_dynamic) {
        return status == AGT_OK ? AGT_OK : agt__schema_give_up(c, status);
    }
    schema_dynamic_place *dynamic = agt__schema_take(c, 1, sizeof(*dynamic));
    if (dynamic == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    *dynamic =
        (schema_dynamic_place){node->resource, name, length, node, c->schema->dynamic_places};
    c->schema->dynamic_places = dynamic;
    return AGT_OK;
}

/* Whether @name is one that $anchor may have. */
static bool is_anchor_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.'))) {
            return false;
        }
    }
    return length > 0;
}

static agt_status read_anchor(schema_compiler *c, schema_node *node, const char *keyword,
                              bool is_dynamic)
{
    const agt_value *value = agt_value_get_member(node->source, keyword);
    if (value == NULL) {
        return AGT_OK;
    }
    size_t length = 0;
    const char *name = agt_value_get_string(value, &length);
    size_t size = agt__schema_enter(c, keyword, strlen(keyword));
    agt_status status =
        name != NULL && is_anchor_name(name, length)
            ? add_anchor(c, node, name, length, is_dynamic)
            : agt__schema_refuse_value(c, value,
                                       "a name (a letter or _, then letters, digits, -, _ and .)");
    agt__schema_leave(c, size);
    return status;
}

/* Drafts 6 and 7 write `"$id": "#name"` for an anchor. */
static agt_status read_old_anchor(schema_compiler *c, schema_node *node, const char *id,
                                  size_t length)
{
    if (!is_anchor_name(id + 1, length - 1)) {
        return agt__schema_refuse(c, "the $id \"%.*s\" is neither a URI nor a # and a name",
                                  length > 200 ? 200 : (int)length, id);
    }
    return add_anchor(c, node, id + 1, length - 1, false);
}

/* Open the resource whose root @node is, with the $id @text, or NULL for a document without one. */
static agt_status open_resource(schema_compiler *c, schema_node *node, const char *text,
                                size_t length, uint32_t dialect)
{
    bool is_root = c->resource_count == 0;
    agt__buffer uri;
    agt__buffer_init(&uri, c->schema->allocator, 0);
    if (text != NULL) {
        agt__schema_uri_resolve(is_root ? "" : c->resources[node->resource].uri, text, length,
                                &uri);
    }
    agt_status status = add_resource(c, node, &uri, dialect);
    agt__buffer_deinit(&uri);
    return status;
}

/* Read $id. The root of the document is a resource with or without one. */
static agt_status read_id(schema_compiler *c, schema_node *node, const agt_value *id,
                          uint32_t dialect)
{
    bool is_root = c->resource_count == 0;
    size_t length = 0;
    const char *text = id != NULL ? agt_value_get_string(id, &length) : NULL;
    const char *fragment = length > 0 ? memchr(text, '#', length) : NULL;
    bool is_anchor = fragment != NULL && fragment == text && length > 1;
    if (id != NULL && text == NULL) {
        return agt__schema_refuse_value(c, id, "$id to be a string");
    }
    if (fragment != NULL && fragment + 1 < text + length &&
        !(is_anchor && dialect == SCHEMA_DRAFT_7)) {
        return agt__schema_refuse(c, "the $id \"%.*s\" has a fragment: write $anchor for that",
                                  length > 200 ? 200 : (int)length, text);
    }
    agt_status status = AGT_OK;
    if (is_root || (text != NULL && !is_anchor)) {
        status = open_resource(c, node, is_anchor ? NULL : text, length, dialect);
    }
    return status == AGT_OK && is_anchor ? read_old_anchor(c, node, text, length) : status;
}

agt_status agt__schema_identify(schema_compiler *c, schema_node *node)
{
    bool is_root = c->resource_count == 0;
    uint32_t dialect = is_root ? SCHEMA_2020_12 : c->resources[node->resource].dialect;
    const agt_value *id = agt_value_get_member(node->source, "$id");
    const agt_value *dialect_name = agt_value_get_member(node->source, "$schema");
    agt_status status = AGT_OK;
    if (dialect_name != NULL && (is_root || id != NULL)) {
        status = read_dialect(c, dialect_name, &dialect);
    }
    if (dialect == SCHEMA_DRAFT_7 && agt_value_get_member(node->source, "$ref") != NULL) {
        id = NULL; /* there a $ref hides all that stands beside it */
    }
    if (status == AGT_OK) {
        status = read_id(c, node, id, dialect);
    }
    if (status == AGT_OK && dialect != SCHEMA_DRAFT_7) {
        status = read_anchor(c, node, "$anchor", false);
    }
    if (status == AGT_OK && dialect == SCHEMA_2020_12) {
        status = read_anchor(c, node, "$dynamicAnchor", true);
    }
    if (status == AGT_OK && dialect == SCHEMA_2019_09 &&
        agt_value_get_bool(agt_value_get_member(node->source, "$recursiveAnchor"), false)) {
        status = add_anchor(c, node, "", 0, true); /* a dynamic anchor without a name */
    }
    return status;
}

/* ---- references ---------------------------------------------------------------------------- */

agt_status agt__schema_add_reference(schema_compiler *c, schema_node *node, schema_rule *rule,
                                     const agt_value *text)
{
    agt_status status =
        agt__array_reserve(c->schema->allocator, (void *)&c->references, &c->reference_capacity,
                           c->reference_count, sizeof(*c->references), UINT32_MAX / 4);
    if (status != AGT_OK) {
        return agt__schema_give_up(c, status);
    }
    c->references[c->reference_count++] = (schema_reference){node, rule, text};
    return AGT_OK;
}

/* The resource that the part of @text before its fragment means. */
static agt_status find_resource(schema_compiler *c, const schema_node *from, const char *text,
                                size_t length, uint32_t *ret_resource)
{
    if (length == 0) {
        *ret_resource = from->resource;
        return AGT_OK;
    }
    agt__buffer uri;
    agt__buffer_init(&uri, c->schema->allocator, 0);
    agt__schema_uri_resolve(c->resources[from->resource].uri, text, length, &uri);
    agt_status status = uri.status;
    uintptr_t number = 0;
    if (status == AGT_OK) {
        number = (uintptr_t)agt__map_get(&c->uris, agt__buffer_text(&uri));
    }
    if (status != AGT_OK) {
        status = agt__schema_give_up(c, status);
    } else if (number == 0) {
        status = agt__schema_refuse(c,
                                    "the reference \"%.*s\" leads out of the document, and no "
                                    "part of it has the $id \"%.120s\"; nothing is ever fetched",
                                    length > 120 ? 120 : (int)length, text, agt__buffer_text(&uri));
    } else {
        *ret_resource = (uint32_t)(number - 1);
    }
    agt__buffer_deinit(&uri);
    return status;
}

/* The resource of the innermost node around the place that is being read. */
static uint32_t resource_around(const schema_compiler *c)
{
    const char *place = agt__buffer_text(&c->place);
    for (size_t length = c->place.size; length > 0; length--) {
        const schema_node *node =
            place[length - 1] == '/' ? agt__map_get_n(&c->locations, place, length - 1) : NULL;
        if (node != NULL) {
            return node->resource;
        }
    }
    return 0;
}

/* The step of the place in error that is closest to what the document has there. */
static void add_near_step(schema_text *text, const agt_value *parent, const char *step,
                          size_t length)
{
    size_t best = SIZE_MAX;
    const char *near = NULL;
    size_t near_length = 0;
    for (size_t i = 0; i < agt_value_get_count(parent); i++) {
        size_t key_length = 0;
        const char *key = agt_value_get_key(parent, i, &key_length);
        size_t typos = key != NULL ? agt__schema_typos(step, length, key, key_length) : SIZE_MAX;
        if (typos < best) {
            best = typos;
            near = key;
            near_length = key_length;
        }
    }
    if (near != NULL) {
        agt__schema_text_add(text, "; did you mean ");
        agt__schema_text_add_quoted(text, near, near_length, 60);
        agt__schema_text_add(text, "?");
    }
}

/* Refuse the reference to a place (in c->place) that is not there. */
static agt_status refuse_missing(schema_compiler *c, const char *from, const char *reference)
{
    schema_text text = {.size = 0};
    char *place = agt__schema_arena_take(&c->scratch, c->place.size + 1);
    if (place == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    memcpy(place, agt__buffer_text(&c->place), c->place.size + 1);
    agt__schema_text_add(&text, "the reference \"%.120s\" leads nowhere", reference);
    const agt_value *parent = NULL;
    char *slash = strrchr(place, '/');
    while (slash != NULL) { /* the innermost place that is there */
        *slash = '\0';
        if (agt_value_get_pointer(c->schema->document, place, &parent, NULL) == AGT_OK) {
            const char *step = slash + 1;
            add_near_step(&text, parent, step, strlen(step));
            break;
        }
        slash = strrchr(place, '/');
    }
    agt__schema_leave(c, 0);
    agt__buffer_add_text(&c->place, from);
    return agt__schema_refuse(c, "%s", text.bytes);
}

/* The node at the JSON Pointer @pointer of @resource; @reference is for the message. */
static agt_status find_place(schema_compiler *c, const schema_node *from, uint32_t resource,
                             const char *pointer, const char *reference,
                             const schema_node **ret_node)
{
    const agt_value *value = NULL;
    agt__schema_leave(c, 0);
    agt__buffer_add_text(&c->place, c->resources[resource].location);
    agt__buffer_add_text(&c->place, pointer);
    if (c->place.status != AGT_OK) {
        return agt__schema_give_up(c, c->place.status);
    }
    agt_error why;
    const char *place = agt__buffer_text(&c->place);
    agt_status status = agt_value_get_pointer(c->schema->document, place, &value, &why);
    if (status == AGT_OK) {
        return agt__schema_compile_node(c, value, resource_around(c), ret_node);
    }
    if (status == AGT_E_NOT_FOUND) {
        return refuse_missing(c, c->places[from->number], reference);
    }
    agt__schema_leave(c, 0);
    agt__buffer_add_text(&c->place, c->places[from->number]);
    return status == AGT_E_NOMEM
               ? agt__schema_give_up(c, status)
               : agt__schema_refuse(c, "the reference \"%.120s\" is no JSON Pointer: %s", reference,
                                    why.message);
}

/* The node with the anchor @name in @resource. */
static agt_status find_anchor(schema_compiler *c, uint32_t resource, const char *name,
                              const char *reference, const schema_named_place **ret_place)
{
    agt__buffer key;
    agt__buffer_init(&key, c->schema->allocator, 0);
    agt__buffer_add_format(&key, "%u#%s", resource, name);
    agt_status status = key.status;
    if (status != AGT_OK) {
        status = agt__schema_give_up(c, status);
    } else {
        *ret_place = agt__map_get(&c->anchors, agt__buffer_text(&key));
        if (*ret_place == NULL) {
            status = agt__schema_refuse(
                c, "the reference \"%.120s\" leads nowhere: there is no $anchor \"%.120s\"",
                reference, name);
        }
    }
    agt__buffer_deinit(&key);
    return status;
}

/* Set the target of a rule; a $dynamicRef whose anchor is not dynamic is a $ref. */
static agt_status set_target(schema_compiler *c, schema_rule *rule, const schema_node *node,
                             const char *anchor)
{
    if (rule->kind == SCHEMA_REF || anchor == NULL) {
        rule->kind = SCHEMA_REF;
        rule->as.node = node;
        return AGT_OK;
    }
    size_t length = strlen(anchor);
    schema_dynamic *dynamic = agt__schema_take(c, 1, sizeof(*dynamic));
    char *copy = agt__schema_take(c, length + 1, 1);
    if (dynamic == NULL || copy == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    memcpy(copy, anchor, length + 1);
    *dynamic = (schema_dynamic){node, copy, length};
    rule->as.dynamic = dynamic;
    return AGT_OK;
}

/* Resolve one reference; @fragment is decoded. */
static agt_status resolve_fragment(schema_compiler *c, const schema_reference *reference,
                                   uint32_t resource, const char *fragment)
{
    const char *text = agt_value_get_string(reference->text, NULL);
    const schema_node *node = NULL;
    const schema_named_place *named = NULL;
    agt_status status = AGT_OK;
    bool is_recursive = reference->rule->kind == SCHEMA_DYNAMIC_REF && fragment[0] == '\0';
    if (fragment[0] == '/') {
        status = find_place(c, reference->node, resource, fragment, text, &node);
    } else if (fragment[0] == '\0') {
        node = c->resources[resource].root;
    } else {
        status = find_anchor(c, resource, fragment, text, &named);
        node = named != NULL ? named->node : NULL;
    }
    if (status != AGT_OK) {
        return status;
    }
    if (is_recursive) {
        char key[24];
        (void)snprintf(key, sizeof(key), "%u#", resource);
        named = agt__map_get(&c->anchors, key);
    }
    return set_target(c, reference->rule, node,
                      named != NULL && named->is_dynamic ? fragment : NULL);
}

static agt_status resolve(schema_compiler *c, schema_reference reference)
{
    size_t length;
    const char *text = agt_value_get_string(reference.text, &length);
    const char *hash = length > 0 ? memchr(text, '#', length) : NULL;
    size_t uri_length = hash != NULL ? (size_t)(hash - text) : length;
    uint32_t resource = 0;
    agt__schema_leave(c, 0);
    agt__buffer_add_text(&c->place, c->places[reference.node->number]);
    agt_status status = find_resource(c, reference.node, text, uri_length, &resource);
    if (status != AGT_OK) {
        return status;
    }
    agt__buffer fragment;
    agt__buffer_init(&fragment, c->schema->allocator, 0);
    if (hash != NULL && !agt__schema_uri_decode(hash + 1, length - uri_length - 1, &fragment)) {
        status = agt__schema_refuse(c, "the reference \"%.200s\" has a broken %% escape", text);
    } else if (fragment.status != AGT_OK) {
        status = agt__schema_give_up(c, fragment.status);
    } else {
        status = resolve_fragment(c, &reference, resource, agt__buffer_text(&fragment));
    }
    agt__buffer_deinit(&fragment);
    return status;
}

agt_status agt__schema_resolve_references(schema_compiler *c)
{
    agt_status status = AGT_OK;
    for (size_t i = 0; i < c->reference_count && status == AGT_OK; i++) {
        status = resolve(c, c->references[i]); /* by value: the list may grow and move */
    }
    return status;
}

/* ---- cycles -------------------------------------------------------------------------------- */

/* A node on the way of the search, and which of its edges comes next. */
typedef struct visit {
    const schema_node *node;
    size_t rule, index;
} visit;

enum {
    UNSEEN,
    ON_THE_WAY,
    DONE
};

/* The next node that the newest visit applies to the same value; NULL if there is none. */
static const schema_node *next_edge(visit *at)
{
    while (at->rule < at->node->rule_count) {
        const schema_node *next = agt__schema_in_place(&at->node->rules[at->rule], at->index++);
        if (next != NULL) {
            return next;
        }
        at->rule++;
        at->index = 0;
    }
    return NULL;
}

/* Search depth first from @start, without recursion: @visits has room for every node. */
static agt_status search_cycle(schema_compiler *c, const schema_node *start, visit *visits,
                               unsigned char *seen)
{
    size_t depth = 0;
    visits[depth++] = (visit){start, 0, 0};
    seen[start->number] = ON_THE_WAY;
    while (depth > 0) {
        const schema_node *next = next_edge(&visits[depth - 1]);
        if (next == NULL) {
            seen[visits[--depth].node->number] = DONE;
        } else if (seen[next->number] == ON_THE_WAY) {
            agt__schema_leave(c, 0);
            agt__buffer_add_text(&c->place, c->places[visits[depth - 1].node->number]);
            const char *target = c->places[next->number];
            return agt__schema_refuse(c,
                                      "this leads back to \"#%.120s\" without a step into the "
                                      "value: checking would never end",
                                      target);
        } else if (seen[next->number] == UNSEEN) {
            visits[depth++] = (visit){next, 0, 0};
            seen[next->number] = ON_THE_WAY;
        }
    }
    return AGT_OK;
}

agt_status agt__schema_refuse_cycles(schema_compiler *c)
{
    const agt_allocator *allocator = c->schema->allocator;
    visit *visits = agt__calloc(allocator, c->node_count, sizeof(*visits));
    unsigned char *seen = agt__calloc(allocator, c->node_count, 1);
    agt_status status = AGT_OK;
    if (visits == NULL || seen == NULL) {
        status = agt__schema_give_up(c, AGT_E_NOMEM);
    }
    for (size_t i = 0; i < c->node_count && status == AGT_OK; i++) {
        if (seen[i] == UNSEEN) {
            status = search_cycle(c, c->nodes[i], visits, seen);
        }
    }
    agt__free(allocator, visits);
    agt__free(allocator, seen);
    return status;
}
