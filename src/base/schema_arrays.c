/*
 * Checking arrays: items by place, items by content, items that differ.
 *
 * uniqueItems compares every pair of a few items; more are sorted by a hash that equal values
 * share, and only those with the same hash are compared.
 */
#include "base/schema_check.h"

#include "base/map.h"
#include "base/mem.h"

/* ---- unique items -------------------------------------------------------------------------- */

#define FEW_ITEMS 16u

typedef struct hashed_item {
    uint64_t hash;
    size_t index;
} hashed_item;

/* A hash that equal values share: of the content down to the third level, of the shape below. */
static uint64_t hash_of(const agt_value *value, unsigned levels)
{
    agt_value_kind kind = agt_value_get_kind(value);
    size_t count = agt_value_get_count(value);
    uint64_t hash = (uint64_t)kind * 0x9E3779B97F4A7C15u + count;
    double number = 0;
    size_t length = 0;
    const char *text;
    switch (kind) {
    case AGT_VALUE_NULL:
        break;
    case AGT_VALUE_BOOL:
        hash += agt_value_get_bool(value, false) ? 1 : 0;
        break;
    case AGT_VALUE_NUMBER: /* equal numbers have one nearest double; beyond them all share 0 */
        if (agt_value_get_double(value, &number) != AGT_OK || number == 0) {
            number = 0;
        }
        hash ^= agt__hash_bytes(&number, sizeof(number));
        break;
    case AGT_VALUE_STRING:
        text = agt_value_get_string(value, &length);
        hash ^= agt__hash_bytes(text, length);
        break;
    case AGT_VALUE_ARRAY:
        for (size_t i = 0; i < count && levels > 0; i++) {
            hash = hash * 0x100000001B3u + hash_of(agt_value_get_item(value, i), levels - 1);
        }
        break;
    case AGT_VALUE_OBJECT: /* a sum: the order of members does not count */
        for (size_t i = 0; i < count && levels > 0; i++) {
            text = agt_value_get_key(value, i, &length);
            hash += agt__hash_bytes(text, length) ^
                    hash_of(agt_value_get_item(value, i), levels - 1) * 0x100000001B3u;
        }
        break;
    }
    return hash;
}

static bool comes_after(hashed_item a, hashed_item b)
{
    return a.hash != b.hash ? a.hash > b.hash : a.index > b.index;
}

static void sift_down(hashed_item *items, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && comes_after(items[child + 1], items[child])) {
            child++;
        }
        if (child >= count || !comes_after(items[child], items[at])) {
            return;
        }
        hashed_item moved = items[at];
        items[at] = items[child];
        items[child] = moved;
        at = child;
    }
}

static void sort_items(hashed_item *items, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift_down(items, i - 1, count);
    }
    for (size_t last = count; last > 1; last--) {
        hashed_item moved = items[0];
        items[0] = items[last - 1];
        items[last - 1] = moved;
        sift_down(items, 0, last - 1);
    }
}

static bool are_equal(schema_check *c, const agt_value *array, size_t a, size_t b)
{
    const agt_value *left = agt_value_get_item(array, a);
    return agt__schema_spend(c, 1 + agt_value_get_count(left)) &&
           agt_value_equals(left, agt_value_get_item(array, b));
}

/* Find two equal items by comparing those with the same hash. */
static bool find_twins_sorted(schema_check *c, const agt_value *array, size_t count,
                              size_t *ret_first, size_t *ret_second)
{
    hashed_item *items = agt__calloc(c->schema->allocator, count, sizeof(*items));
    bool found = false;
    if (items == NULL) {
        c->status = AGT_E_NOMEM;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = (hashed_item){hash_of(agt_value_get_item(array, i), 3), i};
    }
    sort_items(items, count);
    *ret_second = SIZE_MAX;
    for (size_t i = 0; i < count && c->status == AGT_OK; i++) {
        for (size_t j = i + 1;
             j < count && items[j].hash == items[i].hash && items[j].index < *ret_second; j++) {
            if (are_equal(c, array, items[i].index, items[j].index)) {
                *ret_first = items[i].index;
                *ret_second = items[j].index;
                found = true;
            }
        }
    }
    agt__free(c->schema->allocator, items);
    return found;
}

/* Find the first item that equals an earlier one. */
static bool find_twins(schema_check *c, const agt_value *array, size_t *ret_first,
                       size_t *ret_second)
{
    size_t count = agt_value_get_count(array);
    if (count > FEW_ITEMS) {
        return agt__schema_spend(c, count * 4) &&
               find_twins_sorted(c, array, count, ret_first, ret_second);
    }
    for (size_t j = 1; j < count; j++) {
        for (size_t i = 0; i < j; i++) {
            if (are_equal(c, array, i, j)) {
                *ret_first = i;
                *ret_second = j;
                return true;
            }
        }
    }
    return false;
}

bool agt__schema_check_unique(schema_check *c, const schema_node *node, const schema_rule *rule,
                              const agt_value *value)
{
    size_t first = 0;
    size_t second = 0;
    if (!find_twins(c, value, &first, &second)) {
        return true;
    }
    agt__schema_step_in(c, NULL, 0, second);
    schema_problem *problem = agt__schema_note(c, node, rule, agt_value_get_item(value, second));
    if (problem != NULL) {
        problem->first = first;
        problem->second = second;
    }
    agt__schema_step_out(c);
    return false;
}

/* ---- arrays -------------------------------------------------------------------------------- */

/* An item that nothing allows. */
static bool fail_surplus(schema_check *c, const schema_node *node, const schema_rule *rule,
                         const agt_value *array, size_t index)
{
    agt__schema_step_in(c, NULL, 0, index);
    schema_problem *problem = agt__schema_note(c, node, rule, agt_value_get_item(array, index));
    if (problem != NULL) {
        problem->first = index;
        problem->second = agt_value_get_count(array);
    }
    agt__schema_step_out(c);
    return false;
}

bool agt__schema_check_items(schema_check *c, const schema_node *node, const schema_rule *rule,
                             const agt_value *value, schema_marks *seen)
{
    const schema_items *items = rule->as.items;
    size_t count = agt_value_get_count(value);
    if (!agt__schema_spend(c, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_prefix = i < items->prefix.count;
        const schema_node *child = is_prefix ? items->prefix.nodes[i] : items->rest;
        if (child == NULL) {
            break;
        }
        if (!is_prefix && agt__schema_follow(child)->kind == SCHEMA_NOTHING) {
            return fail_surplus(c, node, rule, value, i);
        }
        if (!agt__schema_check_part(c, child, agt_value_get_item(value, i), NULL, 0, i)) {
            return false;
        }
        agt__schema_mark(seen, i);
    }
    return true;
}

bool agt__schema_check_contains(schema_check *c, const schema_node *node, const schema_rule *rule,
                                const agt_value *value, schema_marks *seen)
{
    const schema_contains *contains = rule->as.contains;
    size_t count = agt_value_get_count(value);
    uint64_t found = 0;
    schema_marks *evaluated = contains->is_evaluation ? seen : NULL;
    for (size_t i = 0; i < count && c->status == AGT_OK; i++) {
        if (agt__schema_check_quietly(c, contains->node, agt_value_get_item(value, i), NULL)) {
            found++;
            agt__schema_mark(evaluated, i);
        }
        if (found >= contains->least && contains->most == UINT64_MAX && evaluated == NULL) {
            return true;
        }
    }
    if (c->status != AGT_OK || (found >= contains->least && found <= contains->most)) {
        return c->status == AGT_OK;
    }
    schema_problem *problem = agt__schema_note(c, node, rule, value);
    if (problem != NULL) {
        problem->first = (size_t)found;
    }
    return false;
}

bool agt__schema_check_unevaluated_items(schema_check *c, const schema_node *node,
                                         const schema_rule *rule, const agt_value *value,
                                         schema_marks *seen)
{
    bool allows_none = agt__schema_follow(rule->as.node)->kind == SCHEMA_NOTHING;
    for (size_t i = 0; i < seen->count; i++) {
        if (agt__schema_is_marked(seen, i)) {
            continue;
        }
        if (allows_none) {
            return fail_surplus(c, node, rule, value, i);
        }
        if (!agt__schema_check_part(c, rule->as.node, agt_value_get_item(value, i), NULL, 0, i)) {
            return false;
        }
        agt__schema_mark(seen, i);
    }
    return true;
}
