/*
 * Checking a value against a compiled schema.
 *
 * Two passes over the same functions. The first only wants to know: it allocates nothing (but for
 * large sets of unique or unevaluated things and for propertyNames) and stops at the first rule
 * that is not met. If there is one, the second pass goes the same way with a trace: it keeps the
 * path to where it is, and every failure writes down what it is about. Of several alternatives that
 * all fail the closest one is reported, see schema_choice.c.
 *
 * The functions recurse along the schema and never deeper than AGT__SCHEMA_DEPTH_MAX. Work is
 * counted, see schema.h. `status` says whether the check itself has to be given up; every answer is
 * meaningless then.
 *
 * unevaluatedItems and unevaluatedProperties need to know what other keywords looked at. Only then
 * there are marks, one bit per part of a value; whatever is applied to the same value adds to the
 * same marks, alternatives work on their own and theirs are added if they fit.
 *
 * Threads: a check is one object on one stack; the schema and the values are only read.
 */
#include "base/schema.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/schema_check.h"
#include "base/utf8.h"

#include <string.h>

#define ORIGIN "base/schema"

/* Count work; false once there is none left. */
bool agt__schema_spend(schema_check *c, uint64_t work)
{
    if (c->work < work && c->status == AGT_OK) {
        c->status = AGT_E_LIMIT;
    }
    c->work -= c->work < work ? c->work : work;
    return c->status == AGT_OK;
}

/* Check a part of a value. */
bool agt__schema_check_part(schema_check *c, const schema_node *node, const agt_value *part,
                            const char *key, size_t length, size_t index)
{
    agt__schema_step_in(c, key, length, index);
    bool fits = c->status == AGT_OK && agt__schema_check_node(c, node, part, NULL);
    agt__schema_step_out(c);
    return fits;
}

/* Check without telling why. */
bool agt__schema_check_quietly(schema_check *c, const schema_node *node, const agt_value *value,
                               schema_marks *seen)
{
    schema_trace *trace = c->trace;
    c->trace = NULL;
    bool fits = agt__schema_check_node(c, node, value, seen);
    c->trace = trace;
    return fits;
}

/* Check with marks of its own, which count only if the value fits. */
bool agt__schema_check_apart(schema_check *c, const schema_node *node, const agt_value *value,
                             schema_marks *seen)
{
    schema_marks own;
    if (seen == NULL) {
        return agt__schema_check_node(c, node, value, NULL);
    }
    if (!agt__schema_open_marks(c, &own, value)) {
        return false;
    }
    bool fits = agt__schema_check_node(c, node, value, &own);
    if (fits) {
        agt__schema_add_marks(seen, &own);
    }
    agt__schema_close_marks(c, &own);
    return fits;
}

/* ---- values -------------------------------------------------------------------------------- */

static bool check_type(const schema_rule *rule, const agt_value *value)
{
    agt_value_kind kind = agt_value_get_kind(value);
    return (rule->types >> kind & 1) != 0 ||
           ((rule->types & SCHEMA_TYPE_INTEGER) != 0 && kind == AGT_VALUE_NUMBER &&
            agt_value_is_integer(value));
}

static bool check_enum(schema_check *c, const schema_rule *rule, const agt_value *value)
{
    size_t count = agt_value_get_count(rule->as.value);
    if (!agt__schema_spend(c, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (agt_value_equals(agt_value_get_item(rule->as.value, i), value)) {
            return true;
        }
    }
    return false;
}

static bool check_number(const schema_rule *rule, const agt_value *value)
{
    int order;
    if (rule->kind == SCHEMA_MULTIPLE_OF) {
        return agt__number_is_multiple(value, rule->as.value);
    }
    order = agt__number_compare(value, rule->as.value);
    return rule->kind == SCHEMA_MINIMUM             ? order >= 0
           : rule->kind == SCHEMA_EXCLUSIVE_MINIMUM ? order > 0
           : rule->kind == SCHEMA_MAXIMUM           ? order <= 0
                                                    : order < 0;
}

static bool check_length(schema_check *c, const schema_rule *rule, const agt_value *value)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    if (rule->kind == SCHEMA_MAX_LENGTH && length <= rule->as.count) {
        return true; /* there are never more characters than bytes */
    }
    return agt__schema_spend(c, length / 16) &&
           (rule->kind == SCHEMA_MAX_LENGTH ? agt__utf8_count(text, length) <= rule->as.count
                                            : agt__utf8_count(text, length) >= rule->as.count);
}

bool agt__schema_match(schema_check *c, const agt__pattern *pattern, const char *text,
                       size_t length)
{
    bool found = false;
    agt_status status = agt__pattern_search(pattern, text, length, &c->work, &found);
    if (status != AGT_OK) {
        c->status = status;
    }
    return found;
}

static bool check_pattern(schema_check *c, const schema_rule *rule, const agt_value *value)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    return agt__schema_match(c, rule->as.pattern->pattern, text, length);
}

static bool check_all_of(schema_check *c, const schema_rule *rule, const agt_value *value,
                         schema_marks *seen)
{
    for (size_t i = 0; i < rule->as.list->count; i++) {
        if (!agt__schema_check_node(c, rule->as.list->nodes[i], value, seen)) {
            return false;
        }
    }
    return true;
}

static bool check_condition(schema_check *c, const schema_rule *rule, const agt_value *value,
                            schema_marks *seen)
{
    const schema_condition *condition = rule->as.condition;
    schema_trace *trace = c->trace;
    c->trace = NULL;
    bool holds = agt__schema_check_apart(c, condition->test, value, seen);
    c->trace = trace;
    const schema_node *next = holds ? condition->on_true : condition->on_false;
    return c->status == AGT_OK && (next == NULL || agt__schema_check_node(c, next, value, seen));
}

/* ---- references ---------------------------------------------------------------------------- */

/* The dynamic anchor of that name in the outermost resource on the way here that has one. */
static const schema_node *find_dynamic(schema_check *c, const schema_dynamic *dynamic)
{
    const schema_node *found = dynamic->node;
    for (const schema_scope *at = c->scope; at != NULL; at = at->outer) {
        const schema_dynamic_place *place = c->schema->dynamic_places;
        for (; place != NULL && agt__schema_spend(c, 1); place = place->next) {
            if (place->resource == at->resource && place->length == dynamic->length &&
                memcmp(place->name, dynamic->anchor, dynamic->length) == 0) {
                found = place->node;
            }
        }
    }
    return found;
}

/* ---- rules --------------------------------------------------------------------------------- */

#define ANY ((2u << AGT_VALUE_OBJECT) - 1)
#define NUM (1u << AGT_VALUE_NUMBER)
#define STR (1u << AGT_VALUE_STRING)
#define ARR (1u << AGT_VALUE_ARRAY)
#define OBJ (1u << AGT_VALUE_OBJECT)

/* The kinds of values that a rule is about; it says nothing about the others. */
static const uint8_t subjects[] = {
    [SCHEMA_TYPE] = ANY,
    [SCHEMA_CONST] = ANY,
    [SCHEMA_ENUM] = ANY,
    [SCHEMA_MULTIPLE_OF] = NUM,
    [SCHEMA_MINIMUM] = NUM,
    [SCHEMA_EXCLUSIVE_MINIMUM] = NUM,
    [SCHEMA_MAXIMUM] = NUM,
    [SCHEMA_EXCLUSIVE_MAXIMUM] = NUM,
    [SCHEMA_MIN_LENGTH] = STR,
    [SCHEMA_MAX_LENGTH] = STR,
    [SCHEMA_PATTERN] = STR,
    [SCHEMA_MIN_ITEMS] = ARR,
    [SCHEMA_MAX_ITEMS] = ARR,
    [SCHEMA_UNIQUE_ITEMS] = ARR,
    [SCHEMA_REQUIRED] = OBJ,
    [SCHEMA_MIN_PROPERTIES] = OBJ,
    [SCHEMA_MAX_PROPERTIES] = OBJ,
    [SCHEMA_DEPENDENT_REQUIRED] = OBJ,
    [SCHEMA_PROPERTY_NAMES] = OBJ,
    [SCHEMA_REF] = ANY,
    [SCHEMA_DYNAMIC_REF] = ANY,
    [SCHEMA_MEMBERS] = OBJ,
    [SCHEMA_ITEMS] = ARR,
    [SCHEMA_CONTAINS] = ARR,
    [SCHEMA_ALL_OF] = ANY,
    [SCHEMA_ANY_OF] = ANY,
    [SCHEMA_ONE_OF] = ANY,
    [SCHEMA_NOT] = ANY,
    [SCHEMA_IF] = ANY,
    [SCHEMA_DEPENDENT_SCHEMAS] = OBJ,
    [SCHEMA_UNEVALUATED_ITEMS] = ARR,
    [SCHEMA_UNEVALUATED_PROPERTIES] = OBJ,
};

/* A rule about the value alone, whose failure needs no further words. */
static bool check_plain_rule(schema_check *c, const schema_rule *rule, const agt_value *value)
{
    switch (rule->kind) {
    case SCHEMA_TYPE:
        return check_type(rule, value);
    case SCHEMA_CONST:
        return agt__schema_spend(c, agt_value_get_count(rule->as.value)) &&
               agt_value_equals(rule->as.value, value);
    case SCHEMA_ENUM:
        return check_enum(c, rule, value);
    case SCHEMA_MIN_LENGTH:
    case SCHEMA_MAX_LENGTH:
        return check_length(c, rule, value);
    case SCHEMA_PATTERN:
        return check_pattern(c, rule, value);
    case SCHEMA_MIN_ITEMS:
    case SCHEMA_MIN_PROPERTIES:
        return agt_value_get_count(value) >= rule->as.count;
    case SCHEMA_MAX_ITEMS:
    case SCHEMA_MAX_PROPERTIES:
        return agt_value_get_count(value) <= rule->as.count;
    case SCHEMA_NOT:
        return !agt__schema_check_quietly(c, rule->as.node, value, NULL) && c->status == AGT_OK;
    default:
        return check_number(rule, value);
    }
}

static bool check_rule(schema_check *c, const schema_node *node, const schema_rule *rule,
                       const agt_value *value, schema_marks *seen)
{
    switch (rule->kind) {
    case SCHEMA_UNIQUE_ITEMS:
        return agt__schema_check_unique(c, node, rule, value);
    case SCHEMA_REQUIRED:
        return agt__schema_check_required(c, node, rule, value);
    case SCHEMA_DEPENDENT_REQUIRED:
        return agt__schema_check_dependent_required(c, node, rule, value);
    case SCHEMA_PROPERTY_NAMES:
        return agt__schema_check_property_names(c, rule, value);
    case SCHEMA_REF:
        return agt__schema_check_node(c, rule->as.node, value, seen);
    case SCHEMA_DYNAMIC_REF:
        return agt__schema_check_node(c, find_dynamic(c, rule->as.dynamic), value, seen);
    case SCHEMA_MEMBERS:
        return agt__schema_check_members(c, node, rule, value, seen);
    case SCHEMA_ITEMS:
        return agt__schema_check_items(c, node, rule, value, seen);
    case SCHEMA_CONTAINS:
        return agt__schema_check_contains(c, node, rule, value, seen);
    case SCHEMA_ALL_OF:
        return check_all_of(c, rule, value, seen);
    case SCHEMA_ANY_OF:
        return agt__schema_check_any_of(c, node, rule, value, seen);
    case SCHEMA_ONE_OF:
        return agt__schema_check_one_of(c, node, rule, value, seen);
    case SCHEMA_IF:
        return check_condition(c, rule, value, seen);
    case SCHEMA_DEPENDENT_SCHEMAS:
        return agt__schema_check_dependent_schemas(c, rule, value, seen);
    case SCHEMA_UNEVALUATED_ITEMS:
        return agt__schema_check_unevaluated_items(c, node, rule, value, seen);
    case SCHEMA_UNEVALUATED_PROPERTIES:
        return agt__schema_check_unevaluated_properties(c, node, rule, value, seen);
    default:
        return check_plain_rule(c, rule, value) || agt__schema_fail(c, node, rule, value);
    }
}

static bool check_rules(schema_check *c, const schema_node *node, const agt_value *value,
                        schema_marks *seen)
{
    agt_value_kind kind = agt_value_get_kind(value);
    if (c->trace != NULL && c->trace->alternatives > 0 && !agt__schema_check_tags(c, node, value)) {
        return false;
    }
    for (size_t i = 0; i < node->rule_count; i++) {
        const schema_rule *rule = &node->rules[i];
        if ((subjects[rule->kind] >> kind & 1) != 0 &&
            (!check_rule(c, node, rule, value, seen) || c->status != AGT_OK)) {
            return false;
        }
    }
    return true;
}

/* Check a node that needs to know what its other rules looked at. */
static bool check_tracking(schema_check *c, const schema_node *node, const agt_value *value,
                           schema_marks *seen)
{
    schema_marks own;
    if (!agt__schema_open_marks(c, &own, value)) {
        return false;
    }
    bool fits = check_rules(c, node, value, &own);
    if (fits) {
        agt__schema_add_marks(seen, &own);
    }
    agt__schema_close_marks(c, &own);
    return fits;
}

bool agt__schema_check_node(schema_check *c, const schema_node *node, const agt_value *value,
                            schema_marks *seen)
{
    node = agt__schema_follow(node);
    if (node->kind != SCHEMA_RULES) {
        return node->kind == SCHEMA_ANYTHING || agt__schema_fail(c, node, NULL, value);
    }
    if (!agt__schema_spend(c, node->rule_count)) {
        return false;
    }
    if (c->depth == AGT__SCHEMA_DEPTH_MAX) {
        c->status = AGT_E_LIMIT;
        return false;
    }
    schema_scope own = {c->scope, node->resource};
    if (c->scope == NULL || c->scope->resource != node->resource) {
        c->scope = &own;
    }
    c->depth++;
    bool fits =
        node->tracks ? check_tracking(c, node, value, seen) : check_rules(c, node, value, seen);
    c->depth--;
    c->scope = c->scope == &own ? own.outer : c->scope;
    return fits;
}

/* ---- the two passes ------------------------------------------------------------------------ */

static agt_status give_up(const schema_check *c, agt_error *err)
{
    if (c->status == AGT_E_NOMEM) {
        return agt__error_nomem(err, ORIGIN);
    }
    return c->work == 0
               ? agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                                "checking the value against its schema takes too much work")
               : agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                                "the schemas that apply to each other nest deeper than %u",
                                AGT__SCHEMA_DEPTH_MAX);
}

/* The second pass came to its limit: the answer of the first one stands, without a reason. */
static agt_status explain_nothing(const agt_schema *schema, agt_value **ret_place, agt_error *err)
{
    if (ret_place != NULL && agt_value_new_string(schema->allocator, "", ret_place) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    return agt__error_set(err, AGT_E_SCHEMA, ORIGIN,
                          "at the top: does not fit; to find out why takes too much work");
}

/* The second pass: find out why @value does not fit, and say it. */
static agt_status explain(const agt_schema *schema, const agt_value *value, uint64_t work,
                          agt_value **ret_place, agt_error *err)
{
    schema_trace why = {.path = NULL};
    schema_check c = {.schema = schema, .trace = &why, .work = work};
    bool fits = agt__schema_check_node(&c, schema->root, value, NULL);
    agt_status status;
    if (c.status == AGT_E_LIMIT) {
        status = explain_nothing(schema, ret_place, err);
    } else if (c.status != AGT_OK) {
        status = give_up(&c, err);
    } else if (fits) {
        status = agt__error_set(err, AGT_E_INTERNAL, ORIGIN,
                                "a value fits the second time it is checked");
    } else {
        status = ret_place != NULL
                     ? agt__schema_report_place(schema->allocator, &why.problem, ret_place)
                     : AGT_OK;
        status = status == AGT_OK ? agt__schema_report(&why.problem, err)
                                  : agt__error_nomem(err, ORIGIN);
    }
    agt__schema_clear_problem(&c, &why.problem);
    agt__free(schema->allocator, why.path);
    return status;
}

agt_status agt__schema_check_limited(const agt_schema *schema, const agt_value *value,
                                     uint64_t work, agt_value **ret_place, agt_error *err)
{
    if (schema == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "no schema");
    }
    schema_check c = {.schema = schema, .work = work != 0 ? work : AGT__SCHEMA_WORK_MAX};
    work = c.work;
    if (agt__schema_check_node(&c, schema->root, value, NULL) && c.status == AGT_OK) {
        return AGT_OK;
    }
    if (c.status != AGT_OK) {
        return give_up(&c, err);
    }
    if (err == NULL && ret_place == NULL) {
        return AGT_E_SCHEMA;
    }
    return explain(schema, value, work, ret_place, err);
}

agt_status agt_schema_check(const agt_schema *schema, const agt_value *value, agt_value **ret_place,
                            agt_error *err)
{
    return agt__schema_check_limited(schema, value, 0, ret_place, err);
}
