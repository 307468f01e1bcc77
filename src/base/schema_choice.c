/*
 * Checking alternatives, and choosing what to say if none of them fits.
 *
 * A list of what is wrong with each alternative helps nobody. The one that was probably meant is
 * the one that got furthest: the type was right, the tag ("kind": "file") was right, the required
 * properties are there. Its problem is the one that is reported. If all fail in the same simple
 * way, by their type or by the same tag, they are reported as one: "expected a string or null".
 */
#include "base/schema_check.h"

#include <string.h>

/* Whether what @node asks for is one value or one of a few: then it tells alternatives apart. */
static bool is_tag(const schema_node *node)
{
    node = agt__schema_follow(node);
    return agt__schema_find_rule(node, SCHEMA_CONST) != NULL ||
           agt__schema_find_rule(node, SCHEMA_ENUM) != NULL;
}

/* Inside of an alternative look at tags before all else: `"kind": "url"` says that this is not the
 * alternative for files, whatever else may be wrong with it. */
bool agt__schema_check_tags(schema_check *c, const schema_node *node, const agt_value *value)
{
    const schema_rule *rule = agt__schema_find_rule(node, SCHEMA_MEMBERS);
    size_t count = rule != NULL ? agt_value_get_count(value) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *key = agt_value_get_key(value, i, &length);
        const schema_member *member =
            key != NULL ? agt__schema_find_member(rule->as.members, key, length) : NULL;
        if (member != NULL && is_tag(member->node) &&
            !agt__schema_check_part(c, member->node, agt_value_get_item(value, i), key, length,
                                    i)) {
            schema_problem *problem = &c->trace->problem;
            if (problem->rule != NULL && problem->rule->kind <= SCHEMA_ENUM) {
                problem->is_tag = true;
                problem->name = key;
                problem->name_length = length;
            }
            return false;
        }
    }
    return true;
}

/* How far an alternative got before it failed. @base is the length of the path to the value. */
static size_t closeness(const schema_problem *problem, size_t base)
{
    size_t depth = problem->path_count - base;
    schema_rule_kind kind = problem->rule != NULL ? problem->rule->kind : SCHEMA_TYPE;
    if (problem->is_tag) {
        return 2;
    }
    if (depth == 0) {
        return kind == SCHEMA_TYPE || problem->is_plain      ? 0
               : kind == SCHEMA_CONST || kind == SCHEMA_ENUM ? 1
               : kind == SCHEMA_NOT                          ? 3
               : kind == SCHEMA_REQUIRED                     ? 4
                                                             : 5;
    }
    bool is_unknown = kind == SCHEMA_MEMBERS || kind == SCHEMA_UNEVALUATED_PROPERTIES;
    return depth == 1 && is_unknown ? 4 : 5 + depth;
}

/* What is known about the alternatives that failed so far. */
typedef struct contest {
    schema_problem best;
    size_t failed;
    size_t score;
    bool are_plain;   /* each failed at the value itself, by its type or as a choice */
    bool are_tags;    /* each failed by the same tag                                 */
    bool are_missing; /* each asks for properties that are missing, and no more      */
} contest;

/* Keep the newest problem, that of @alternative, if it is closer than those before. */
static void keep_closest(schema_check *c, contest *all, const schema_node *alternative)
{
    schema_problem *problem = &c->trace->problem;
    const schema_node *node = agt__schema_follow(alternative);
    size_t base = c->trace->path_count;
    size_t score = closeness(problem, base);
    bool is_first = all->failed++ == 0;
    bool is_here = problem->path_count == base && !problem->is_name;
    bool is_same_tag =
        problem->is_tag && problem->path_count == base + 1 &&
        (is_first || (problem->name_length == all->best.name_length &&
                      memcmp(problem->name, all->best.name, problem->name_length) == 0));
    all->are_plain = is_here && score < 2 && (is_first || all->are_plain);
    all->are_tags = is_same_tag && (is_first || all->are_tags);
    all->are_missing = is_here && node->rule_count == 1 && node->rules[0].kind == SCHEMA_REQUIRED &&
                       (is_first || all->are_missing);
    if (is_first || score > all->score) {
        agt__schema_clear_problem(c, &all->best);
        all->best = *problem;
        all->score = score;
        if (problem->alternatives == 0) {
            all->best.alternative = alternative;
        }
        *problem = (schema_problem){.path = NULL};
    }
}

/* Whether an alternative is worth a mention: not one that allows nothing, or only null. */
static bool is_real(const schema_node *node)
{
    node = agt__schema_follow(node);
    bool is_null = node->rule_count == 1 && node->rules[0].kind == SCHEMA_TYPE &&
                   node->rules[0].types == 1u << AGT_VALUE_NULL;
    return node->kind != SCHEMA_NOTHING && !is_null;
}

/* Make the closest problem the one that is reported. */
static void settle(schema_check *c, contest *all, const schema_node *node, const schema_rule *rule)
{
    schema_problem *problem = &c->trace->problem;
    agt__schema_clear_problem(c, problem);
    *problem = all->best;
    all->best = (schema_problem){.path = NULL};
    if (all->failed < 2) {
        return;
    }
    if (all->are_plain || all->are_tags || all->are_missing) { /* one sentence about all of them */
        problem->node = node;
        problem->rule = rule;
        problem->is_plain = !all->are_missing;
        problem->is_tag = all->are_tags;
        problem->is_one_missing = all->are_missing;
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < rule->as.list->count; i++) {
        count += is_real(rule->as.list->nodes[i]) ? 1 : 0;
    }
    if (problem->alternatives == 0 && count > 1) {
        problem->alternatives = count;
    }
}

/* anyOf, and oneOf as far as it is the same: how many of the list fit, @most being enough. */
static size_t count_fitting(schema_check *c, const schema_node *node, const schema_rule *rule,
                            const agt_value *value, schema_marks *seen, size_t most,
                            size_t *ret_numbers)
{
    const schema_list *list = rule->as.list;
    contest all = {.failed = 0};
    size_t found = 0;
    for (size_t i = 0; i < list->count && agt__schema_spend(c, 1) && found < most; i++) {
        if (c->trace != NULL) {
            c->trace->alternatives++;
        }
        bool fits = agt__schema_check_apart(c, list->nodes[i], value, seen);
        if (c->trace != NULL) {
            c->trace->alternatives--;
        }
        if (fits) {
            if (found < 2) {
                ret_numbers[found] = i;
            }
            found++;
        } else if (c->trace != NULL && c->status == AGT_OK) {
            keep_closest(c, &all, list->nodes[i]);
        }
    }
    if (found == 0 && c->trace != NULL && c->status == AGT_OK) {
        settle(c, &all, node, rule);
    }
    agt__schema_clear_problem(c, &all.best);
    return c->status == AGT_OK ? found : 0;
}

bool agt__schema_check_any_of(schema_check *c, const schema_node *node, const schema_rule *rule,
                              const agt_value *value, schema_marks *seen)
{
    size_t numbers[2];
    return count_fitting(c, node, rule, value, seen, seen == NULL ? 1 : SIZE_MAX, numbers) > 0;
}

bool agt__schema_check_one_of(schema_check *c, const schema_node *node, const schema_rule *rule,
                              const agt_value *value, schema_marks *seen)
{
    size_t numbers[2];
    size_t found = count_fitting(c, node, rule, value, seen, 2, numbers);
    schema_problem *problem = found == 2 ? agt__schema_note(c, node, rule, value) : NULL;
    if (problem != NULL) {
        problem->first = numbers[0];
        problem->second = numbers[1];
    }
    return found == 1;
}
