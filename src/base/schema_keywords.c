/*
 * Compiling a schema: one small function per keyword, and the table that says which dialects have
 * it. The order of the table is the order of the rules in a node (see schema_rule_kind); keywords
 * that only make sense together are compiled by the first of them. Keywords that are not in the
 * table (format, title, default, x-anything) are annotations: they are neither checked nor
 * complained about.
 */
#include "base/schema_compile.h"

#include "base/mem.h"
#include "base/number.h"
#include "base/schema_text.h"

#include <string.h>

typedef agt_status (*keyword_fn)(schema_compiler *c, schema_node *node, const agt_value *value);

static uint32_t dialect_of(const schema_compiler *c, const schema_node *node)
{
    return c->resources[node->resource].dialect;
}

/* ---- parts --------------------------------------------------------------------------------- */

/* Compile the member @key of the node's own object; NULL if there is none. */
static agt_status compile_member(schema_compiler *c, const schema_node *node, const char *key,
                                 const schema_node **ret_child)
{
    const agt_value *value = agt_value_get_member(node->source, key);
    if (value == NULL) {
        *ret_child = NULL;
        return AGT_OK;
    }
    size_t size = agt__schema_enter(c, key, strlen(key));
    agt_status status = agt__schema_compile_node(c, value, node->resource, ret_child);
    agt__schema_leave(c, size);
    return status;
}

/* Compile the items of @array, at whose place c->place is. */
static agt_status compile_list(schema_compiler *c, const schema_node *node, const agt_value *array,
                               schema_list *ret_list)
{
    size_t count = agt_value_get_count(array);
    const schema_node **nodes = agt__schema_take(c, count, sizeof(const schema_node *));
    if (nodes == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = agt__schema_enter_index(c, i);
        agt_status status =
            agt__schema_compile_node(c, agt_value_get_item(array, i), node->resource, &nodes[i]);
        agt__schema_leave(c, size);
        if (status != AGT_OK) {
            return status;
        }
    }
    *ret_list = (schema_list){nodes, count};
    return AGT_OK;
}

/* Sort by length, then bytes; a heap sort, since the names may come from a stranger. */
static int order_of(const schema_member *a, const schema_member *b)
{
    return a->length != b->length ? (a->length < b->length ? -1 : 1)
                                  : memcmp(a->name, b->name, a->length);
}

static void sift_down(schema_member *members, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && order_of(&members[child], &members[child + 1]) < 0) {
            child++;
        }
        if (order_of(&members[at], &members[child]) >= 0) {
            return;
        }
        schema_member moved = members[at];
        members[at] = members[child];
        members[child] = moved;
        at = child;
    }
}

static void sort_members(schema_member *members, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift_down(members, i - 1, count);
    }
    for (size_t last = count; last > 1; last--) {
        schema_member moved = members[0];
        members[0] = members[last - 1];
        members[last - 1] = moved;
        sift_down(members, 0, last - 1);
    }
}

/* Compile the members of @object, at whose place c->place is; arrays are left out if they may. */
static agt_status compile_named(schema_compiler *c, const schema_node *node,
                                const agt_value *object, bool skips_arrays, schema_members *members)
{
    if (agt_value_get_kind(object) != AGT_VALUE_OBJECT) {
        return agt__schema_refuse_value(c, object, "an object of schemas");
    }
    size_t count = agt_value_get_count(object);
    members->members = agt__schema_take(c, count, sizeof(schema_member));
    if (members->members == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    for (size_t i = 0; i < count; i++) {
        const agt_value *value = agt_value_get_item(object, i);
        if (skips_arrays && agt_value_get_kind(value) == AGT_VALUE_ARRAY) {
            continue;
        }
        schema_member *member = &members->members[members->member_count++];
        member->name = agt_value_get_key(object, i, &member->length);
        size_t size = agt__schema_enter(c, member->name, member->length);
        agt_status status = agt__schema_compile_node(c, value, node->resource, &member->node);
        agt__schema_leave(c, size);
        if (status != AGT_OK) {
            return status;
        }
    }
    sort_members(members->members, members->member_count);
    return AGT_OK;
}

static agt_status compile_pattern(schema_compiler *c, const char *text, size_t length,
                                  const agt__pattern **ret_pattern)
{
    schema_owned_pattern *owned = agt__schema_take(c, 1, sizeof(*owned));
    if (owned == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_error why;
    agt_status status = agt__pattern_new(c->schema->allocator, text, length, &owned->pattern, &why);
    if (status == AGT_E_NOMEM) {
        return agt__schema_give_up(c, status);
    }
    if (status != AGT_OK) {
        schema_text quoted = {.size = 0};
        agt__schema_text_add_quoted(&quoted, text, length, 80);
        return agt__schema_refuse(c, "expected a regular expression, found %s: at character %u, %s",
                                  quoted.bytes, why.column, why.message);
    }
    owned->next = c->schema->patterns;
    c->schema->patterns = owned;
    *ret_pattern = owned->pattern;
    return AGT_OK;
}

/* Whether @value is an array of strings; refuses it, with the place of the culprit, if not. */
static agt_status expect_names(schema_compiler *c, const agt_value *value)
{
    if (agt_value_get_kind(value) != AGT_VALUE_ARRAY) {
        return agt__schema_refuse_value(c, value, "an array of property names");
    }
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        const agt_value *item = agt_value_get_item(value, i);
        if (agt_value_get_kind(item) != AGT_VALUE_STRING) {
            size_t size = agt__schema_enter_index(c, i);
            agt_status status = agt__schema_refuse_value(c, item, "the name of a property");
            agt__schema_leave(c, size);
            return status;
        }
    }
    return AGT_OK;
}

/* ---- keywords about any value -------------------------------------------------------------- */

static const char *const type_names[] = {"null",  "boolean", "number", "string",
                                         "array", "object",  "integer"};

static agt_status read_type(schema_compiler *c, const agt_value *value, uint32_t *types)
{
    size_t length = 0;
    const char *name = agt_value_get_string(value, &length);
    const char *near = NULL;
    size_t best = SIZE_MAX;
    for (uint32_t i = 0; name != NULL && i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        size_t typos = agt__schema_typos(name, length, type_names[i], strlen(type_names[i]));
        if (strlen(type_names[i]) == length && memcmp(type_names[i], name, length) == 0) {
            *types |= 1u << i;
            return AGT_OK;
        }
        if (typos < best) {
            best = typos;
            near = type_names[i];
        }
    }
    schema_text found = {.size = 0};
    agt__schema_text_add_found(&found, value);
    if (near != NULL) {
        agt__schema_text_add(&found, "; did you mean \"%s\"?", near);
    }
    return agt__schema_refuse(c,
                              "expected \"string\", \"number\", \"integer\", \"boolean\", "
                              "\"object\", \"array\" or \"null\", found %s",
                              found.bytes);
}

static agt_status compile_type(schema_compiler *c, schema_node *node, const agt_value *value)
{
    uint32_t types = 0;
    agt_status status = AGT_OK;
    if (agt_value_get_kind(value) == AGT_VALUE_ARRAY) {
        if (agt_value_get_count(value) == 0) {
            return agt__schema_refuse(c, "expected at least one type, found an empty array");
        }
        for (size_t i = 0; i < agt_value_get_count(value) && status == AGT_OK; i++) {
            size_t size = agt__schema_enter_index(c, i);
            status = read_type(c, agt_value_get_item(value, i), &types);
            agt__schema_leave(c, size);
        }
    } else {
        status = read_type(c, value, &types);
    }
    if (status == AGT_OK) {
        if ((types & 1u << AGT_VALUE_NUMBER) != 0) {
            types |= SCHEMA_TYPE_INTEGER;
        }
        agt__schema_add_rule(node, SCHEMA_TYPE)->types = types;
    }
    return status;
}

static agt_status compile_const(schema_compiler *c, schema_node *node, const agt_value *value)
{
    (void)c;
    agt__schema_add_rule(node, SCHEMA_CONST)->as.value = value;
    return AGT_OK;
}

static agt_status compile_enum(schema_compiler *c, schema_node *node, const agt_value *value)
{
    if (agt_value_get_kind(value) != AGT_VALUE_ARRAY) {
        return agt__schema_refuse_value(c, value, "an array of choices");
    }
    agt__schema_add_rule(node, SCHEMA_ENUM)->as.value = value;
    return AGT_OK;
}

/* ---- numbers, strings and counts ----------------------------------------------------------- */

static agt_status compile_bound(schema_compiler *c, schema_node *node, const agt_value *value,
                                schema_rule_kind kind)
{
    if (agt_value_get_kind(value) != AGT_VALUE_NUMBER) {
        bool is_draft_4 = agt_value_get_kind(value) == AGT_VALUE_BOOL &&
                          (kind == SCHEMA_EXCLUSIVE_MINIMUM || kind == SCHEMA_EXCLUSIVE_MAXIMUM);
        return agt__schema_refuse_value(
            c, value,
            is_draft_4 ? "a number (true and false are of draft 4: write the bound itself here)"
                       : "a number");
    }
    agt__schema_add_rule(node, kind)->as.value = value;
    return AGT_OK;
}

#define BOUND(name, kind)                                                                          \
    static agt_status name(schema_compiler *c, schema_node *node, const agt_value *value)          \
    {                                                                                              \
        return compile_bound(c, node, value, kind);                                                \
    }
BOUND(compile_minimum, SCHEMA_MINIMUM)
BOUND(compile_exclusive_minimum, SCHEMA_EXCLUSIVE_MINIMUM)
BOUND(compile_maximum, SCHEMA_MAXIMUM)
BOUND(compile_exclusive_maximum, SCHEMA_EXCLUSIVE_MAXIMUM)

static agt_status compile_multiple_of(schema_compiler *c, schema_node *node, const agt_value *value)
{
    if (agt_value_get_kind(value) != AGT_VALUE_NUMBER || agt__number_compare(value, c->zero) <= 0) {
        return agt__schema_refuse_value(c, value, "a number above 0");
    }
    return compile_bound(c, node, value, SCHEMA_MULTIPLE_OF);
}

/* A number of characters, items or properties; what is beyond 64 bits is as good as the last. */
static agt_status read_count(schema_compiler *c, const agt_value *value, uint64_t *ret_count)
{
    if (!agt_value_is_integer(value) || agt__number_compare(value, c->zero) < 0) {
        return agt__schema_refuse_value(c, value, "a whole number, 0 or more");
    }
    if (agt_value_get_uint64(value, ret_count) != AGT_OK) {
        *ret_count = UINT64_MAX;
    }
    return AGT_OK;
}

static agt_status compile_count(schema_compiler *c, schema_node *node, const agt_value *value,
                                schema_rule_kind kind)
{
    uint64_t count;
    agt_status status = read_count(c, value, &count);
    if (status == AGT_OK) {
        agt__schema_add_rule(node, kind)->as.count = count;
    }
    return status;
}

#define COUNT(name, kind)                                                                          \
    static agt_status name(schema_compiler *c, schema_node *node, const agt_value *value)          \
    {                                                                                              \
        return compile_count(c, node, value, kind);                                                \
    }
COUNT(compile_min_length, SCHEMA_MIN_LENGTH)
COUNT(compile_max_length, SCHEMA_MAX_LENGTH)
COUNT(compile_min_items, SCHEMA_MIN_ITEMS)
COUNT(compile_max_items, SCHEMA_MAX_ITEMS)
COUNT(compile_min_properties, SCHEMA_MIN_PROPERTIES)
COUNT(compile_max_properties, SCHEMA_MAX_PROPERTIES)

static agt_status compile_string_pattern(schema_compiler *c, schema_node *node,
                                         const agt_value *value)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    if (text == NULL) {
        return agt__schema_refuse_value(c, value, "a regular expression");
    }
    schema_string_pattern *pattern = agt__schema_take(c, 1, sizeof(*pattern));
    if (pattern == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    pattern->text = text;
    agt_status status = compile_pattern(c, text, length, &pattern->pattern);
    if (status == AGT_OK) {
        agt__schema_add_rule(node, SCHEMA_PATTERN)->as.pattern = pattern;
    }
    return status;
}

static agt_status compile_unique_items(schema_compiler *c, schema_node *node,
                                       const agt_value *value)
{
    if (agt_value_get_kind(value) != AGT_VALUE_BOOL) {
        return agt__schema_refuse_value(c, value, "true or false");
    }
    if (agt_value_get_bool(value, false)) {
        agt__schema_add_rule(node, SCHEMA_UNIQUE_ITEMS);
    }
    return AGT_OK;
}

/* ---- objects ------------------------------------------------------------------------------- */

static agt_status compile_required(schema_compiler *c, schema_node *node, const agt_value *value)
{
    if (agt_value_get_kind(value) == AGT_VALUE_BOOL) {
        return agt__schema_refuse_value(
            c, value, "an array of property names (\"required\" stands in the object's schema)");
    }
    agt_status status = expect_names(c, value);
    if (status == AGT_OK) {
        agt__schema_add_rule(node, SCHEMA_REQUIRED)->as.value = value;
    }
    return status;
}

static agt_status expect_named_names(schema_compiler *c, const agt_value *value)
{
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT) {
        return agt__schema_refuse_value(c, value, "an object of arrays of property names");
    }
    agt_status status = AGT_OK;
    for (size_t i = 0; i < agt_value_get_count(value) && status == AGT_OK; i++) {
        size_t length;
        const char *key = agt_value_get_key(value, i, &length);
        size_t size = agt__schema_enter(c, key, length);
        status = expect_names(c, agt_value_get_item(value, i));
        agt__schema_leave(c, size);
    }
    return status;
}

static agt_status compile_dependent_required(schema_compiler *c, schema_node *node,
                                             const agt_value *value)
{
    agt_status status = expect_named_names(c, value);
    if (status == AGT_OK) {
        agt__schema_add_rule(node, SCHEMA_DEPENDENT_REQUIRED)->as.value = value;
    }
    return status;
}

/* The first half of `dependencies`: the arrays. Schemas in it are compiled by the second. */
static agt_status compile_dependencies(schema_compiler *c, schema_node *node,
                                       const agt_value *value)
{
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT) {
        return agt__schema_refuse_value(c, value, "an object of arrays or schemas");
    }
    agt_status status = AGT_OK;
    for (size_t i = 0; i < agt_value_get_count(value) && status == AGT_OK; i++) {
        size_t length;
        const char *key = agt_value_get_key(value, i, &length);
        const agt_value *item = agt_value_get_item(value, i);
        if (agt_value_get_kind(item) == AGT_VALUE_ARRAY) {
            size_t size = agt__schema_enter(c, key, length);
            status = expect_names(c, item);
            agt__schema_leave(c, size);
        }
    }
    if (status == AGT_OK) {
        agt__schema_add_rule(node, SCHEMA_DEPENDENT_REQUIRED)->as.value = value;
    }
    return status;
}

static agt_status add_dependent_schemas(schema_compiler *c, schema_node *node,
                                        const agt_value *value, bool skips_arrays)
{
    schema_members *members = agt__schema_take(c, 1, sizeof(*members));
    if (members == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_status status = compile_named(c, node, value, skips_arrays, members);
    if (status == AGT_OK && members->member_count > 0) {
        agt__schema_add_rule(node, SCHEMA_DEPENDENT_SCHEMAS)->as.members = members;
    }
    return status;
}

static agt_status compile_dependent_schemas(schema_compiler *c, schema_node *node,
                                            const agt_value *value)
{
    return add_dependent_schemas(c, node, value, false);
}

static agt_status compile_schema_dependencies(schema_compiler *c, schema_node *node,
                                              const agt_value *value)
{
    return add_dependent_schemas(c, node, value, true);
}

static agt_status compile_pattern_properties(schema_compiler *c, const schema_node *node,
                                             const agt_value *value, schema_members *members)
{
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT) {
        return agt__schema_refuse_value(c, value, "an object of schemas");
    }
    members->pattern_count = agt_value_get_count(value);
    members->patterns = agt__schema_take(c, members->pattern_count, sizeof(*members->patterns));
    if (members->patterns == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_status status = AGT_OK;
    for (size_t i = 0; i < members->pattern_count && status == AGT_OK; i++) {
        schema_pattern_member *member = &members->patterns[i];
        size_t length;
        member->text = agt_value_get_key(value, i, &length);
        size_t size = agt__schema_enter(c, member->text, length);
        status = compile_pattern(c, member->text, length, &member->pattern);
        if (status == AGT_OK) {
            status = agt__schema_compile_node(c, agt_value_get_item(value, i), node->resource,
                                              &member->node);
        }
        agt__schema_leave(c, size);
    }
    return status;
}

/* properties, patternProperties and additionalProperties together. */
static agt_status compile_members(schema_compiler *c, schema_node *node, const agt_value *unused)
{
    (void)unused;
    const agt_value *declared = agt_value_get_member(node->source, "properties");
    const agt_value *patterns = agt_value_get_member(node->source, "patternProperties");
    if (declared == NULL && patterns == NULL &&
        agt_value_get_member(node->source, "additionalProperties") == NULL) {
        return AGT_OK;
    }
    schema_members *members = agt__schema_take(c, 1, sizeof(*members));
    if (members == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_status status = AGT_OK;
    if (declared != NULL) {
        size_t size = agt__schema_enter(c, "properties", 10);
        status = compile_named(c, node, declared, false, members);
        members->declared = declared;
        agt__schema_leave(c, size);
    }
    if (patterns != NULL && status == AGT_OK) {
        size_t size = agt__schema_enter(c, "patternProperties", 17);
        status = compile_pattern_properties(c, node, patterns, members);
        agt__schema_leave(c, size);
    }
    if (status == AGT_OK) {
        status = compile_member(c, node, "additionalProperties", &members->additional);
    }
    if (status == AGT_OK) {
        agt__schema_add_rule(node, SCHEMA_MEMBERS)->as.members = members;
    }
    return status;
}

/* ---- arrays -------------------------------------------------------------------------------- */

/* `items` and its company as 2020-12 has them: prefixItems is the array, items the rest. */
static agt_status read_items(schema_compiler *c, const schema_node *node, schema_items *items)
{
    const agt_value *prefix = agt_value_get_member(node->source, "prefixItems");
    const agt_value *rest = agt_value_get_member(node->source, "items");
    if (agt_value_get_kind(rest) == AGT_VALUE_ARRAY) {
        size_t size = agt__schema_enter(c, "items", 5);
        agt_status status = agt__schema_refuse(
            c, "expected a schema, found an array: that is prefixItems since 2020-12 (or declare "
               "\"$schema\": \"http://json-schema.org/draft-07/schema#\")");
        agt__schema_leave(c, size);
        return status;
    }
    agt_status status = AGT_OK;
    if (prefix != NULL) {
        size_t size = agt__schema_enter(c, "prefixItems", 11);
        status = agt_value_get_kind(prefix) == AGT_VALUE_ARRAY
                     ? compile_list(c, node, prefix, &items->prefix)
                     : agt__schema_refuse_value(c, prefix, "an array of schemas");
        agt__schema_leave(c, size);
    }
    return status == AGT_OK ? compile_member(c, node, "items", &items->rest) : status;
}

/* As the drafts before had them: items is an array or a schema, additionalItems the rest. */
static agt_status read_old_items(schema_compiler *c, const schema_node *node, schema_items *items)
{
    const agt_value *value = agt_value_get_member(node->source, "items");
    if (agt_value_get_kind(value) != AGT_VALUE_ARRAY) {
        return compile_member(c, node, "items", &items->rest);
    }
    size_t size = agt__schema_enter(c, "items", 5);
    agt_status status = compile_list(c, node, value, &items->prefix);
    agt__schema_leave(c, size);
    return status == AGT_OK ? compile_member(c, node, "additionalItems", &items->rest) : status;
}

static agt_status compile_items(schema_compiler *c, schema_node *node, const agt_value *unused)
{
    (void)unused;
    schema_items *items = agt__schema_take(c, 1, sizeof(*items));
    if (items == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_status status = dialect_of(c, node) == SCHEMA_2020_12 ? read_items(c, node, items)
                                                              : read_old_items(c, node, items);
    if (status == AGT_OK && (items->prefix.count > 0 || items->rest != NULL)) {
        agt__schema_add_rule(node, SCHEMA_ITEMS)->as.items = items;
    }
    return status;
}

static agt_status read_contains_count(schema_compiler *c, const schema_node *node, const char *key,
                                      uint64_t *count)
{
    const agt_value *value = agt_value_get_member(node->source, key);
    if (value == NULL || dialect_of(c, node) == SCHEMA_DRAFT_7) {
        return AGT_OK;
    }
    size_t size = agt__schema_enter(c, key, strlen(key));
    agt_status status = read_count(c, value, count);
    agt__schema_leave(c, size);
    return status;
}

static agt_status compile_contains(schema_compiler *c, schema_node *node, const agt_value *unused)
{
    (void)unused;
    const schema_node *child = NULL;
    agt_status status = compile_member(c, node, "contains", &child);
    if (status != AGT_OK || child == NULL) {
        return status;
    }
    schema_contains *contains = agt__schema_take(c, 1, sizeof(*contains));
    if (contains == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    *contains = (schema_contains){child, 1, UINT64_MAX, dialect_of(c, node) == SCHEMA_2020_12};
    status = read_contains_count(c, node, "minContains", &contains->least);
    if (status == AGT_OK) {
        status = read_contains_count(c, node, "maxContains", &contains->most);
    }
    if (status == AGT_OK) {
        agt__schema_add_rule(node, SCHEMA_CONTAINS)->as.contains = contains;
    }
    return status;
}

/* ---- schemas of schemas -------------------------------------------------------------------- */

static agt_status add_child_rule(schema_compiler *c, schema_node *node, const agt_value *value,
                                 schema_rule_kind kind)
{
    const schema_node *child = NULL;
    agt_status status = agt__schema_compile_node(c, value, node->resource, &child);
    if (status == AGT_OK) {
        agt__schema_add_rule(node, kind)->as.node = child;
    }
    return status;
}

static agt_status add_list_rule(schema_compiler *c, schema_node *node, const agt_value *value,
                                schema_rule_kind kind)
{
    if (agt_value_get_kind(value) != AGT_VALUE_ARRAY || agt_value_get_count(value) == 0) {
        return agt__schema_refuse_value(c, value, "an array of at least one schema");
    }
    schema_list *list = agt__schema_take(c, 1, sizeof(*list));
    if (list == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_status status = compile_list(c, node, value, list);
    if (status == AGT_OK) {
        agt__schema_add_rule(node, kind)->as.list = list;
    }
    return status;
}

#define CHILD(name, add, kind)                                                                     \
    static agt_status name(schema_compiler *c, schema_node *node, const agt_value *value)          \
    {                                                                                              \
        return add(c, node, value, kind);                                                          \
    }
CHILD(compile_property_names, add_child_rule, SCHEMA_PROPERTY_NAMES)
CHILD(compile_all_of, add_list_rule, SCHEMA_ALL_OF)
CHILD(compile_any_of, add_list_rule, SCHEMA_ANY_OF)
CHILD(compile_one_of, add_list_rule, SCHEMA_ONE_OF)
CHILD(compile_not, add_child_rule, SCHEMA_NOT)

static agt_status compile_unevaluated_items(schema_compiler *c, schema_node *node,
                                            const agt_value *value)
{
    node->tracks = true;
    return add_child_rule(c, node, value, SCHEMA_UNEVALUATED_ITEMS);
}

static agt_status compile_unevaluated_properties(schema_compiler *c, schema_node *node,
                                                 const agt_value *value)
{
    node->tracks = true;
    return add_child_rule(c, node, value, SCHEMA_UNEVALUATED_PROPERTIES);
}

static agt_status compile_condition(schema_compiler *c, schema_node *node, const agt_value *unused)
{
    (void)unused;
    schema_condition *condition = agt__schema_take(c, 1, sizeof(*condition));
    if (condition == NULL) {
        return agt__schema_give_up(c, AGT_E_NOMEM);
    }
    agt_status status = compile_member(c, node, "if", &condition->test);
    if (status == AGT_OK) {
        status = compile_member(c, node, "then", &condition->on_true);
    }
    if (status == AGT_OK) {
        status = compile_member(c, node, "else", &condition->on_false);
    }
    if (status == AGT_OK && condition->test != NULL) {
        agt__schema_add_rule(node, SCHEMA_IF)->as.condition = condition;
    }
    return status;
}

/* ---- references and definitions ------------------------------------------------------------ */

static agt_status add_reference_rule(schema_compiler *c, schema_node *node, const agt_value *value,
                                     schema_rule_kind kind)
{
    if (agt_value_get_kind(value) != AGT_VALUE_STRING) {
        return agt__schema_refuse_value(c, value, "a reference such as \"#/$defs/name\"");
    }
    return agt__schema_add_reference(c, node, agt__schema_add_rule(node, kind), value);
}
CHILD(compile_ref, add_reference_rule, SCHEMA_REF)
CHILD(compile_dynamic_ref, add_reference_rule, SCHEMA_DYNAMIC_REF)

static agt_status compile_recursive_ref(schema_compiler *c, schema_node *node,
                                        const agt_value *value)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    if (dialect_of(c, node) == SCHEMA_2020_12) {
        return agt__schema_refuse(c, "expected $dynamicRef, found $recursiveRef, which is of the "
                                     "dialect 2019-09 only");
    }
    if (text == NULL || length != 1 || text[0] != '#') {
        return agt__schema_refuse_value(c, value, "\"#\"");
    }
    return compile_dynamic_ref(c, node, value);
}

/* Definitions are compiled though nothing may refer to them: a mistake in them is found, and their
 * $id and anchors become known. */
static agt_status compile_definitions(schema_compiler *c, schema_node *node, const agt_value *value)
{
    schema_members unused = {0};
    return compile_named(c, node, value, false, &unused);
}

/* ---- the table ----------------------------------------------------------------------------- */

#define ALL      (SCHEMA_DRAFT_7 | SCHEMA_2019_09 | SCHEMA_2020_12)
#define SINCE_19 (SCHEMA_2019_09 | SCHEMA_2020_12)
#define TOGETHER "" /* called for every schema: looks for its keywords itself */

static const struct keyword {
    const char *name;
    uint32_t dialects;
    keyword_fn compile;
} keywords[] = {
    {"$defs", SINCE_19, compile_definitions},
    {"definitions", ALL, compile_definitions},
    {"type", ALL, compile_type},
    {"const", ALL, compile_const},
    {"enum", ALL, compile_enum},
    {"multipleOf", ALL, compile_multiple_of},
    {"minimum", ALL, compile_minimum},
    {"exclusiveMinimum", ALL, compile_exclusive_minimum},
    {"maximum", ALL, compile_maximum},
    {"exclusiveMaximum", ALL, compile_exclusive_maximum},
    {"minLength", ALL, compile_min_length},
    {"maxLength", ALL, compile_max_length},
    {"pattern", ALL, compile_string_pattern},
    {"minItems", ALL, compile_min_items},
    {"maxItems", ALL, compile_max_items},
    {"uniqueItems", ALL, compile_unique_items},
    {"required", ALL, compile_required},
    {"minProperties", ALL, compile_min_properties},
    {"maxProperties", ALL, compile_max_properties},
    {"dependentRequired", SINCE_19, compile_dependent_required},
    {"dependencies", ALL, compile_dependencies},
    {"propertyNames", ALL, compile_property_names},
    {"$ref", SINCE_19, compile_ref},
    {"$dynamicRef", SCHEMA_2020_12, compile_dynamic_ref},
    {"$recursiveRef", SINCE_19, compile_recursive_ref},
    {TOGETHER, ALL, compile_members},
    {TOGETHER, ALL, compile_items},
    {TOGETHER, ALL, compile_contains},
    {"allOf", ALL, compile_all_of},
    {"anyOf", ALL, compile_any_of},
    {"oneOf", ALL, compile_one_of},
    {"not", ALL, compile_not},
    {TOGETHER, ALL, compile_condition},
    {"dependentSchemas", SINCE_19, compile_dependent_schemas},
    {"dependencies", ALL, compile_schema_dependencies},
    {"unevaluatedItems", SINCE_19, compile_unevaluated_items},
    {"unevaluatedProperties", SINCE_19, compile_unevaluated_properties},
};

static agt_status compile_keyword(schema_compiler *c, schema_node *node, const char *name,
                                  keyword_fn compile)
{
    if (name[0] == '\0') {
        return compile(c, node, NULL);
    }
    const agt_value *value = agt_value_get_member(node->source, name);
    if (value == NULL) {
        return AGT_OK;
    }
    size_t size = agt__schema_enter(c, name, strlen(name));
    agt_status status = compile(c, node, value);
    agt__schema_leave(c, size);
    return status;
}

agt_status agt__schema_compile_keywords(schema_compiler *c, schema_node *node)
{
    uint32_t dialect = dialect_of(c, node);
    if (dialect == SCHEMA_DRAFT_7 && agt_value_get_member(node->source, "$ref") != NULL) {
        /* There a $ref hides all that stands beside it; definitions can still be referred to. */
        agt_status status = compile_keyword(c, node, "definitions", compile_definitions);
        return status == AGT_OK ? compile_keyword(c, node, "$ref", compile_ref) : status;
    }
    agt_status status = AGT_OK;
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]) && status == AGT_OK; i++) {
        if ((keywords[i].dialects & dialect) != 0) {
            status = compile_keyword(c, node, keywords[i].name, keywords[i].compile);
        }
    }
    return status;
}
