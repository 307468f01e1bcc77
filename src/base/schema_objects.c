/*
 * Checking objects: which members there must be, which there may be, and what their values must
 * be. Members are visited in the order of the value, so that the first problem of a file is the one
 * that is reported.
 */
#include "base/schema_check.h"

static bool fail_missing(schema_check *c, const schema_node *node, const schema_rule *rule,
                         const agt_value *value, const agt_value *name)
{
    schema_problem *problem = agt__schema_note(c, node, rule, value);
    if (problem != NULL) {
        problem->name = agt_value_get_string(name, &problem->name_length);
    }
    return false;
}

/* The first of @names, an array of strings, that is no member of @value. */
static const agt_value *find_missing(const agt_value *names, const agt_value *value)
{
    for (size_t i = 0; i < agt_value_get_count(names); i++) {
        const agt_value *name = agt_value_get_item(names, i);
        size_t length = 0;
        const char *text = agt_value_get_string(name, &length);
        if (agt_value_get_member_n(value, text, length) == NULL) {
            return name;
        }
    }
    return NULL;
}

bool agt__schema_check_required(schema_check *c, const schema_node *node, const schema_rule *rule,
                                const agt_value *value)
{
    if (!agt__schema_spend(c, agt_value_get_count(rule->as.value))) {
        return false;
    }
    const agt_value *missing = find_missing(rule->as.value, value);
    return missing == NULL || fail_missing(c, node, rule, value, missing);
}

bool agt__schema_check_dependent_required(schema_check *c, const schema_node *node,
                                          const schema_rule *rule, const agt_value *value)
{
    for (size_t i = 0; i < agt_value_get_count(rule->as.value); i++) {
        const agt_value *names = agt_value_get_item(rule->as.value, i);
        size_t length;
        const char *cause = agt_value_get_key(rule->as.value, i, &length);
        if (!agt__schema_spend(c, 1 + agt_value_get_count(names))) {
            return false;
        }
        const agt_value *missing = agt_value_get_kind(names) == AGT_VALUE_ARRAY &&
                                           agt_value_get_member_n(value, cause, length) != NULL
                                       ? find_missing(names, value)
                                       : NULL;
        if (missing != NULL) {
            (void)fail_missing(c, node, rule, value, missing);
            if (c->trace != NULL) {
                c->trace->problem.cause = cause;
                c->trace->problem.cause_length = length;
            }
            return false;
        }
    }
    return true;
}

bool agt__schema_check_property_names(schema_check *c, const schema_rule *rule,
                                      const agt_value *value)
{
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        size_t length;
        const char *key = agt_value_get_key(value, i, &length);
        agt_value *name = NULL;
        agt_status status = agt_value_new_string_n(c->schema->allocator, key, length, &name);
        if (status != AGT_OK) {
            c->status = status;
            return false;
        }
        if (!agt__schema_check_part(c, rule->as.node, name, key, length, i)) {
            schema_problem *problem = c->trace != NULL ? &c->trace->problem : NULL;
            if (problem != NULL && problem->owned == NULL) {
                problem->is_name = true;
                problem->owned = name; /* the problem refers to it */
                name = NULL;
            }
            agt_value_unref(name);
            return false;
        }
        agt_value_unref(name);
    }
    return true;
}

/* A member that nothing allows: more can be said about it than that. */
static bool fail_unknown(schema_check *c, const schema_node *node, const schema_rule *rule,
                         const agt_value *object, size_t index)
{
    size_t length;
    const char *key = agt_value_get_key(object, index, &length);
    agt__schema_step_in(c, key, length, index);
    schema_problem *problem = agt__schema_note(c, node, rule, agt_value_get_item(object, index));
    if (problem != NULL) {
        problem->name = key;
        problem->name_length = length;
    }
    agt__schema_step_out(c);
    return false;
}

/* Check one member with all that applies to it by name. */
static bool check_member(schema_check *c, const schema_node *node, const schema_rule *rule,
                         const agt_value *object, size_t index, schema_marks *seen)
{
    const schema_members *members = rule->as.members;
    const agt_value *part = agt_value_get_item(object, index);
    size_t length;
    const char *key = agt_value_get_key(object, index, &length);
    const schema_member *declared = agt__schema_find_member(members, key, length);
    bool is_known = declared != NULL;
    if (is_known && !agt__schema_check_part(c, declared->node, part, key, length, index)) {
        return false;
    }
    for (size_t i = 0; i < members->pattern_count; i++) {
        if (agt__schema_match(c, members->patterns[i].pattern, key, length)) {
            is_known = true;
            if (!agt__schema_check_part(c, members->patterns[i].node, part, key, length, index)) {
                return false;
            }
        }
        if (c->status != AGT_OK) {
            return false;
        }
    }
    if (!is_known && members->additional != NULL) {
        if (agt__schema_follow(members->additional)->kind == SCHEMA_NOTHING) {
            return fail_unknown(c, node, rule, object, index);
        }
        if (!agt__schema_check_part(c, members->additional, part, key, length, index)) {
            return false;
        }
        is_known = true;
    }
    if (is_known) {
        agt__schema_mark(seen, index);
    }
    return true;
}

bool agt__schema_check_members(schema_check *c, const schema_node *node, const schema_rule *rule,
                               const agt_value *value, schema_marks *seen)
{
    size_t count = agt_value_get_count(value);
    if (!agt__schema_spend(c, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!check_member(c, node, rule, value, i, seen)) {
            return false;
        }
    }
    return true;
}

bool agt__schema_check_dependent_schemas(schema_check *c, const schema_rule *rule,
                                         const agt_value *value, schema_marks *seen)
{
    const schema_members *members = rule->as.members;
    for (size_t i = 0; i < members->member_count; i++) {
        const schema_member *member = &members->members[i];
        if (!agt__schema_spend(c, 1) ||
            (agt_value_get_member_n(value, member->name, member->length) != NULL &&
             !agt__schema_check_node(c, member->node, value, seen))) {
            return false;
        }
    }
    return true;
}

bool agt__schema_check_unevaluated_properties(schema_check *c, const schema_node *node,
                                              const schema_rule *rule, const agt_value *value,
                                              schema_marks *seen)
{
    bool allows_none = agt__schema_follow(rule->as.node)->kind == SCHEMA_NOTHING;
    for (size_t i = 0; i < seen->count; i++) {
        if (agt__schema_is_marked(seen, i)) {
            continue;
        }
        size_t length;
        const char *key = agt_value_get_key(value, i, &length);
        if (allows_none) {
            return fail_unknown(c, node, rule, value, i);
        }
        if (!agt__schema_check_part(c, rule->as.node, agt_value_get_item(value, i), key, length,
                                    i)) {
            return false;
        }
        agt__schema_mark(seen, i);
    }
    return true;
}
