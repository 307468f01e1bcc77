/*
 * Putting problems into words. One sentence each: the place as a JSON Pointer, what was expected,
 * what was found, and a guess where a typing error is likely. These sentences are what users of
 * team files and authors of tools read, so each kind of rule has its own; all quoting and
 * shortening is in schema_text.c.
 */
#include "base/error.h"
#include "base/schema_check.h"
#include "base/schema_text.h"

#include "base/buffer.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

#define CHOICES_SHOWN 10u
#define NAMES_SHOWN   8u
#define DEPTH_SHOWN   4u

/* ---- places -------------------------------------------------------------------------------- */

static void add_step(agt__buffer *out, const schema_step *step)
{
    if (step->key == NULL) {
        agt__buffer_add_format(out, "/%zu", step->index);
        return;
    }
    agt__buffer_add_char(out, '/');
    for (size_t i = 0; i < step->length; i++) {
        if (step->key[i] == '~') {
            agt__buffer_add_text(out, "~0");
        } else if (step->key[i] == '/') {
            agt__buffer_add_text(out, "~1");
        } else {
            agt__buffer_add_char(out, step->key[i]);
        }
    }
}

agt_status agt__schema_report_place(const agt_allocator *allocator, const schema_problem *problem,
                                    agt_value **ret_place)
{
    agt__buffer place;
    agt__buffer_init(&place, allocator, 0);
    for (size_t i = 0; i < problem->path_count; i++) {
        add_step(&place, &problem->path[i]);
    }
    agt_status status =
        place.status == AGT_OK
            ? agt_value_new_string_n(allocator, agt__buffer_text(&place), place.size, ret_place)
            : AGT_E_NOMEM;
    agt__buffer_deinit(&place);
    return status;
}

/* The place for a message, without memory: a long one loses its middle. */
static void add_place(schema_text *text, const schema_problem *problem)
{
    if (problem->path_count == 0) {
        agt__schema_text_add(text, "at the top");
        return;
    }
    for (size_t i = 0; i < problem->path_count; i++) {
        const schema_step *step = &problem->path[i];
        bool is_hidden = i >= 5 && i + 3 < problem->path_count;
        if (is_hidden) {
            agt__schema_text_add(text, "%s", i == 5 ? "/\xE2\x80\xA6" : ""); /* … */
        } else if (step->key == NULL) {
            agt__schema_text_add(text, "/%zu", step->index);
        } else {
            agt__schema_text_add(text, "/");
            agt__schema_text_add_step(text, step->key, step->length, 40);
        }
    }
}

/* ---- schemas in a few words ---------------------------------------------------------------- */

/* What a schema asks for, collected over alternatives. */
typedef struct wishes {
    uint32_t types;
    const agt_value *choices[CHOICES_SHOWN];
    size_t choice_count; /* all of them; only the first are kept */
    bool has_more;       /* it asks for something else, too      */
} wishes;

static void add_choice(wishes *all, const agt_value *choice)
{
    for (size_t i = 0; i < all->choice_count && i < CHOICES_SHOWN; i++) {
        if (agt_value_equals(all->choices[i], choice)) {
            return;
        }
    }
    if (all->choice_count < CHOICES_SHOWN) {
        all->choices[all->choice_count] = choice;
    }
    all->choice_count++;
}

/* Add what @node asks of a value itself: choices if it has them, else types. */
static void collect(wishes *all, const schema_node *node, size_t depth)
{
    node = agt__schema_follow(node);
    bool is_useful = false;
    const schema_rule *types = NULL;
    for (size_t i = 0; i < node->rule_count; i++) {
        const schema_rule *rule = &node->rules[i];
        if (rule->kind == SCHEMA_TYPE) {
            types = rule;
        } else if (rule->kind == SCHEMA_CONST) {
            add_choice(all, rule->as.value);
            is_useful = true;
        } else if (rule->kind == SCHEMA_ENUM) {
            for (size_t j = 0; j < agt_value_get_count(rule->as.value); j++) {
                add_choice(all, agt_value_get_item(rule->as.value, j));
            }
            is_useful = true;
        } else if ((rule->kind == SCHEMA_ANY_OF || rule->kind == SCHEMA_ONE_OF) && !is_useful &&
                   depth < DEPTH_SHOWN) {
            for (size_t j = 0; j < rule->as.list->count; j++) {
                collect(all, rule->as.list->nodes[j], depth + 1);
            }
            is_useful = true;
        }
    }
    if (types != NULL && !is_useful) {
        all->types |= types->types;
        is_useful = true;
    }
    all->has_more = all->has_more || !is_useful;
}

static void add_choices(schema_text *text, const wishes *all, const char *before)
{
    size_t shown = all->choice_count < CHOICES_SHOWN ? all->choice_count : CHOICES_SHOWN;
    size_t left = all->choice_count - shown;
    agt__schema_text_add(text, "%s", before);
    for (size_t i = 0; i < shown; i++) {
        agt__schema_text_add(text, "%s",
                             agt__schema_text_joint(i, left > 0 ? shown + 1 : shown, " or "));
        agt__schema_text_add_choice(text, all->choices[i]);
        if (text->size > 300 && i + 1 < shown) {
            left += shown - i - 1;
            break;
        }
    }
    if (left > 0) {
        agt__schema_text_add(text, " or one of %zu more", left);
    }
}

static void add_wishes(schema_text *text, const wishes *all)
{
    if (all->types != 0) {
        agt__schema_text_add_types(text, all->types);
    }
    if (all->choice_count > 0) {
        const char *before = all->choice_count > 1 ? "one of " : "";
        agt__schema_text_add(text, "%s", all->types != 0 ? ", or " : "");
        add_choices(text, all, before);
    }
    if (all->types == 0 && all->choice_count == 0) {
        agt__schema_text_add(text, "something else");
    }
}

/* The string that @found was probably meant to be. */
static void add_near_choice(schema_text *text, const wishes *all, const agt_value *found)
{
    size_t length = 0;
    const char *string = agt_value_get_string(found, &length);
    const agt_value *near = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; string != NULL && i < all->choice_count && i < CHOICES_SHOWN; i++) {
        size_t choice_length = 0;
        const char *choice = agt_value_get_string(all->choices[i], &choice_length);
        size_t typos =
            choice != NULL ? agt__schema_typos(string, length, choice, choice_length) : SIZE_MAX;
        if (typos < best) {
            best = typos;
            near = all->choices[i];
        }
    }
    if (near != NULL && all->choice_count > 1) {
        agt__schema_text_add(text, "; did you mean ");
        agt__schema_text_add_choice(text, near);
        agt__schema_text_add(text, "?");
    }
}

/* The title of a schema; NULL if it has none. */
static const char *title_of(const schema_node *node, size_t *ret_length)
{
    const char *title =
        agt_value_get_string(agt_value_get_member(node->source, "title"), ret_length);
    return title != NULL && *ret_length > 0 ? title : NULL;
}

/* ---- names --------------------------------------------------------------------------------- */

/* The names that a schema knows, as far as they are of use to a message. */
typedef struct known_names {
    const char *names[NAMES_SHOWN];
    size_t lengths[NAMES_SHOWN];
    size_t count; /* all of them */
    const char *wanted;
    size_t wanted_length;
    const char *near; /* the one that was probably meant, or NULL */
    size_t near_length, near_typos;
} known_names;

static void know(known_names *known, const char *name, size_t length)
{
    size_t typos = agt__schema_typos(known->wanted, known->wanted_length, name, length);
    if (typos < known->near_typos) {
        known->near_typos = typos;
        known->near = name;
        known->near_length = length;
    }
    if (known->count < NAMES_SHOWN) {
        known->names[known->count] = name;
        known->lengths[known->count] = length;
    }
    known->count++;
}

/* Collect the names that @node declares, but for those it declares to be impossible. */
static void know_own(known_names *known, const schema_node *node)
{
    const schema_rule *rule = agt__schema_find_rule(node, SCHEMA_MEMBERS);
    const agt_value *declared = rule != NULL ? rule->as.members->declared : NULL;
    for (size_t i = 0; i < agt_value_get_count(declared); i++) {
        size_t length;
        const char *key = agt_value_get_key(declared, i, &length);
        if (agt_value_get_kind(agt_value_get_item(declared, i)) != AGT_VALUE_BOOL ||
            agt_value_get_bool(agt_value_get_item(declared, i), true)) {
            know(known, key, length);
        }
    }
}

/* Collect the names of @node and of what it applies to the same value. */
static void know_all(known_names *known, const schema_node *node, size_t depth)
{
    node = agt__schema_follow(node);
    know_own(known, node);
    for (size_t i = 0; i < node->rule_count && depth < DEPTH_SHOWN; i++) {
        const schema_node *next;
        for (size_t j = 0; node->rules[i].kind != SCHEMA_NOT &&
                           (next = agt__schema_in_place(&node->rules[i], j)) != NULL;
             j++) {
            know_all(known, next, depth + 1);
        }
    }
}

static void add_names(schema_text *text, const known_names *known)
{
    size_t shown = known->count < NAMES_SHOWN ? known->count : NAMES_SHOWN;
    size_t left = known->count - shown;
    for (size_t i = 0; i < shown; i++) {
        agt__schema_text_add(text, "%s",
                             agt__schema_text_joint(i, left > 0 ? shown + 1 : shown, " and "));
        agt__schema_text_add_quoted(text, known->names[i], known->lengths[i], 30);
    }
    if (left > 0) {
        agt__schema_text_add(text, " and %zu more", left);
    }
}

static void say_unknown(schema_text *text, const schema_problem *problem)
{
    known_names known = {
        .wanted = problem->name, .wanted_length = problem->name_length, .near_typos = SIZE_MAX};
    const schema_rule *rule = problem->rule;
    if (rule->kind == SCHEMA_MEMBERS) {
        know_own(&known, problem->node);
    } else {
        know_all(&known, problem->node, 0);
    }
    agt__schema_text_add(text, "unknown property ");
    agt__schema_text_add_quoted(text, problem->name, problem->name_length, 40);
    if (known.near != NULL && known.near_length == problem->name_length &&
        memcmp(known.near, problem->name, problem->name_length) == 0) {
        agt__schema_text_add(text, ": it belongs to an alternative that does not fit");
    } else if (known.near != NULL) {
        agt__schema_text_add(text, "; did you mean ");
        agt__schema_text_add_quoted(text, known.near, known.near_length, 40);
        agt__schema_text_add(text, "?");
    } else if (known.count > 0) {
        agt__schema_text_add(text, "; known %s ", known.count == 1 ? "is" : "are");
        add_names(text, &known);
    }
    if (rule->kind == SCHEMA_MEMBERS && rule->as.members->pattern_count > 0) {
        const char *pattern = rule->as.members->patterns[0].text;
        agt__schema_text_add(text, "%s what matches ", known.count > 0 ? ", and" : "; known is");
        agt__schema_text_add_plain(text, pattern, strlen(pattern), 60);
    }
}

/* A member that is there, that the schema does not know, and that looks like the missing one. */
static void add_near_member(schema_text *text, const schema_problem *problem)
{
    const schema_rule *rule = agt__schema_find_rule(problem->node, SCHEMA_MEMBERS);
    known_names known = {
        .wanted = problem->name, .wanted_length = problem->name_length, .near_typos = SIZE_MAX};
    for (size_t i = 0; i < agt_value_get_count(problem->value); i++) {
        size_t length;
        const char *key = agt_value_get_key(problem->value, i, &length);
        if (rule == NULL || agt__schema_find_member(rule->as.members, key, length) == NULL) {
            know(&known, key, length);
        }
    }
    if (known.near != NULL) {
        agt__schema_text_add(text, "; is ");
        agt__schema_text_add_quoted(text, known.near, known.near_length, 40);
        agt__schema_text_add(text, " meant to be it?");
    }
}

static void say_missing(schema_text *text, const schema_problem *problem)
{
    agt__schema_text_add(text, "the property ");
    agt__schema_text_add_quoted(text, problem->name, problem->name_length, 60);
    agt__schema_text_add(text, " is missing");
    if (problem->cause != NULL) {
        agt__schema_text_add(text, ", and ");
        agt__schema_text_add_quoted(text, problem->cause, problem->cause_length, 60);
        agt__schema_text_add(text, " asks for it");
    }
    add_near_member(text, problem);
}

/* ---- rules --------------------------------------------------------------------------------- */

static void say_expected(schema_text *text, const schema_problem *problem, const wishes *all)
{
    agt__schema_text_add(text, "expected ");
    add_wishes(text, all);
    agt__schema_text_add(text, ", found ");
    agt__schema_text_add_found(text, problem->value);
    add_near_choice(text, all, problem->value);
}

/* All alternatives ask for another type or choice: of the value, or of the member that is the tag.
 */
static void say_plain(schema_text *text, const schema_problem *problem)
{
    const schema_list *list = problem->rule->as.list;
    wishes all = {.types = 0};
    for (size_t i = 0; i < list->count; i++) {
        const schema_node *node = agt__schema_follow(list->nodes[i]);
        if (problem->is_tag) {
            const schema_rule *rule = agt__schema_find_rule(node, SCHEMA_MEMBERS);
            const schema_member *member =
                rule != NULL
                    ? agt__schema_find_member(rule->as.members, problem->name, problem->name_length)
                    : NULL;
            node = member != NULL ? member->node : node;
        }
        collect(&all, node, 0);
    }
    say_expected(text, problem, &all);
}

/* The words for a rule that is a bound or a count. */
static const struct phrase {
    const char *words;
    const char *one, *many; /* what is counted; NULL for a bound */
} phrases[] = {
    [SCHEMA_MULTIPLE_OF] = {"a multiple of", NULL, NULL},
    [SCHEMA_MINIMUM] = {"at least", NULL, NULL},
    [SCHEMA_EXCLUSIVE_MINIMUM] = {"more than", NULL, NULL},
    [SCHEMA_MAXIMUM] = {"at most", NULL, NULL},
    [SCHEMA_EXCLUSIVE_MAXIMUM] = {"less than", NULL, NULL},
    [SCHEMA_MIN_LENGTH] = {"at least", "character", "characters"},
    [SCHEMA_MAX_LENGTH] = {"at most", "character", "characters"},
    [SCHEMA_MIN_ITEMS] = {"at least", "item", "items"},
    [SCHEMA_MAX_ITEMS] = {"at most", "item", "items"},
    [SCHEMA_MIN_PROPERTIES] = {"at least", "property", "properties"},
    [SCHEMA_MAX_PROPERTIES] = {"at most", "property", "properties"},
};

static void say_bound(schema_text *text, const schema_problem *problem)
{
    agt__schema_text_add(text, "expected %s ", phrases[problem->rule->kind].words);
    agt__schema_text_add_choice(text, problem->rule->as.value);
    agt__schema_text_add(text, ", found ");
    agt__schema_text_add_choice(text, problem->value);
}

static void say_count(schema_text *text, const schema_problem *problem)
{
    const struct phrase *phrase = &phrases[problem->rule->kind];
    uint64_t count = problem->rule->as.count;
    agt__schema_text_add(text, "expected %s %" PRIu64 " %s, found ", phrase->words, count,
                         count == 1 ? phrase->one : phrase->many);
    size_t length = 0;
    const char *string = agt_value_get_string(problem->value, &length);
    size_t found =
        string != NULL ? agt__utf8_count(string, length) : agt_value_get_count(problem->value);
    if (found == 0) {
        agt__schema_text_add(text, "none");
    } else {
        agt__schema_text_add(text, "%zu", found);
    }
    if (string != NULL && length > 0) {
        agt__schema_text_add(text, ": ");
        agt__schema_text_add_quoted(text, string, length, 40);
    }
}

static void say_pattern(schema_text *text, const schema_problem *problem)
{
    size_t length = 0;
    const agt_value *source = problem->node->source;
    const char *words = agt_value_get_string(agt_value_get_member(source, "description"), &length);
    if (words == NULL || length == 0 || length > 120) {
        words = agt_value_get_string(agt_value_get_member(source, "title"), &length);
    }
    agt__schema_text_add(text, "expected %s that matches ", problem->is_name ? "one" : "a string");
    const char *pattern = problem->rule->as.pattern->text;
    agt__schema_text_add_plain(text, pattern, strlen(pattern), 100);
    if (words != NULL && length > 0) {
        agt__schema_text_add(text, " (");
        agt__schema_text_add_plain(text, words, length, 100);
        agt__schema_text_add(text, ")");
    }
    agt__schema_text_add(text, ", found ");
    agt__schema_text_add_choice(text, problem->value);
}

static void say_contains(schema_text *text, const schema_problem *problem)
{
    const schema_contains *contains = problem->rule->as.contains;
    bool is_short = problem->first < contains->least;
    uint64_t count = is_short ? contains->least : contains->most;
    const schema_node *node = agt__schema_follow(contains->node);
    wishes all = {.types = 0};
    size_t length = 0;
    const char *title = title_of(node, &length);
    collect(&all, node, 0);
    agt__schema_text_add(text, "expected at %s %" PRIu64 " %s ", is_short ? "least" : "most", count,
                         count == 1 ? "item" : "items");
    if (title != NULL) {
        agt__schema_text_add(text, "to be ");
        agt__schema_text_add_quoted(text, title, length, 40);
    } else if (node->rule_count == 1 && !all.has_more) {
        agt__schema_text_add(text, "to be ");
        add_wishes(text, &all);
    } else {
        agt__schema_text_add(text, "to fit the schema under \"contains\"");
    }
    if (problem->first == 0) {
        agt__schema_text_add(text, ", found none");
    } else {
        agt__schema_text_add(text, ", found %zu", problem->first);
    }
}

static void say_surplus(schema_text *text, const schema_problem *problem)
{
    size_t allowed =
        problem->rule->kind == SCHEMA_ITEMS ? problem->rule->as.items->prefix.count : SIZE_MAX;
    if (allowed == 0) {
        agt__schema_text_add(text, "expected no items, found %zu", problem->second);
    } else if (allowed < SIZE_MAX) {
        agt__schema_text_add(text, "expected at most %zu %s, found %zu", allowed,
                             allowed == 1 ? "item" : "items", problem->second);
    } else {
        agt__schema_text_add(text, "no schema allows this item: ");
        agt__schema_text_add_found(text, problem->value);
    }
}

static void add_alternative(schema_text *text, const schema_problem *problem, size_t number)
{
    size_t length = 0;
    const char *title =
        title_of(agt__schema_follow(problem->rule->as.list->nodes[number]), &length);
    if (title != NULL) {
        agt__schema_text_add_quoted(text, title, length, 40);
    } else {
        agt__schema_text_add(text, "number %zu", number + 1);
    }
}

static void say_ambiguous(schema_text *text, const schema_problem *problem)
{
    agt__schema_text_add(text, "expected exactly one of %zu alternatives to fit, found ",
                         problem->rule->as.list->count);
    add_alternative(text, problem, problem->first);
    agt__schema_text_add(text, " and ");
    add_alternative(text, problem, problem->second);
    agt__schema_text_add(text, " both to fit ");
    agt__schema_text_add_found(text, problem->value);
}

/* `"not": {"required": [...]}` is how schemas say that properties exclude each other. */
static void say_excluded(schema_text *text, const agt_value *names)
{
    size_t count = agt_value_get_count(names);
    agt__schema_text_add(text, count == 1 ? "the property " : "the properties ");
    for (size_t i = 0; i < count; i++) {
        agt__schema_text_add(text, "%s", agt__schema_text_joint(i, count, " and "));
        agt__schema_text_add_choice(text, agt_value_get_item(names, i));
    }
    agt__schema_text_add(text, count == 1 ? " is not allowed here" : " exclude each other");
}

static void say_not(schema_text *text, const schema_problem *problem)
{
    wishes all = {.types = 0};
    const schema_node *node = agt__schema_follow(problem->rule->as.node);
    collect(&all, node, 0);
    if (node->rule_count == 1 && node->rules[0].kind == SCHEMA_REQUIRED) {
        say_excluded(text, node->rules[0].as.value);
        return;
    }
    if (node->rule_count == 1 && !all.has_more) {
        agt__schema_text_add(text, "expected anything but ");
        add_wishes(text, &all);
    } else {
        agt__schema_text_add(text, "expected what does not fit the schema under \"not\"");
    }
    agt__schema_text_add(text, ", found ");
    agt__schema_text_add_found(text, problem->value);
}

/* Each alternative asks for a property that is missing, and for nothing else. */
static void say_one_missing(schema_text *text, const schema_problem *problem)
{
    const schema_list *list = problem->rule->as.list;
    agt__schema_text_add(text, "expected one of the properties ");
    for (size_t i = 0; i < list->count; i++) {
        const schema_rule *rule = &agt__schema_follow(list->nodes[i])->rules[0];
        const agt_value *names = rule->as.value;
        const agt_value *missing = NULL;
        for (size_t j = agt_value_get_count(names); j > 0; j--) {
            const agt_value *name = agt_value_get_item(names, j - 1);
            size_t length = 0;
            const char *key = agt_value_get_string(name, &length);
            missing = agt_value_get_member_n(problem->value, key, length) == NULL ? name : missing;
        }
        agt__schema_text_add(text, "%s", agt__schema_text_joint(i, list->count, " or "));
        agt__schema_text_add_choice(text, missing);
    }
    agt__schema_text_add(text, ", found ");
    agt__schema_text_add_found(text, problem->value);
}

static void say_unique(schema_text *text, const schema_problem *problem)
{
    agt__schema_text_add(text, "expected items that all differ, found ");
    agt__schema_text_add_found(text, problem->value);
    agt__schema_text_add(text, " again: item %zu is the same", problem->first);
}

static void say_choice(schema_text *text, const schema_problem *problem)
{
    if (problem->is_plain) {
        say_plain(text, problem);
    } else if (problem->is_one_missing) {
        say_one_missing(text, problem);
    } else {
        say_ambiguous(text, problem);
    }
}

/* What is wrong, behind the place. */
static void say(schema_text *text, const schema_problem *problem)
{
    wishes all = {.types = 0};
    switch (problem->rule->kind) {
    case SCHEMA_TYPE:
        all.types = problem->rule->types;
        say_expected(text, problem, &all);
        break;
    case SCHEMA_CONST:
    case SCHEMA_ENUM:
        collect(&all, problem->node, 0);
        say_expected(text, problem, &all);
        break;
    case SCHEMA_MULTIPLE_OF:
    case SCHEMA_MINIMUM:
    case SCHEMA_EXCLUSIVE_MINIMUM:
    case SCHEMA_MAXIMUM:
    case SCHEMA_EXCLUSIVE_MAXIMUM:
        say_bound(text, problem);
        break;
    case SCHEMA_MIN_LENGTH:
    case SCHEMA_MAX_LENGTH:
    case SCHEMA_MIN_ITEMS:
    case SCHEMA_MAX_ITEMS:
    case SCHEMA_MIN_PROPERTIES:
    case SCHEMA_MAX_PROPERTIES:
        say_count(text, problem);
        break;
    case SCHEMA_PATTERN:
        say_pattern(text, problem);
        break;
    case SCHEMA_UNIQUE_ITEMS:
        say_unique(text, problem);
        break;
    case SCHEMA_REQUIRED:
    case SCHEMA_DEPENDENT_REQUIRED:
        say_missing(text, problem);
        break;
    case SCHEMA_MEMBERS:
    case SCHEMA_UNEVALUATED_PROPERTIES:
        say_unknown(text, problem);
        break;
    case SCHEMA_ITEMS:
    case SCHEMA_UNEVALUATED_ITEMS:
        say_surplus(text, problem);
        break;
    case SCHEMA_CONTAINS:
        say_contains(text, problem);
        break;
    case SCHEMA_ANY_OF:
    case SCHEMA_ONE_OF:
        say_choice(text, problem);
        break;
    case SCHEMA_NOT:
        say_not(text, problem);
        break;
    case SCHEMA_PROPERTY_NAMES: /* these only pass on what others say */
    case SCHEMA_REF:
    case SCHEMA_DYNAMIC_REF:
    case SCHEMA_ALL_OF:
    case SCHEMA_IF:
    case SCHEMA_DEPENDENT_SCHEMAS:
        agt__schema_text_add(text, "does not fit");
        break;
    }
}

agt_status agt__schema_report(const schema_problem *problem, agt_error *err)
{
    schema_text text = {.size = 0};
    if (err == NULL) {
        return AGT_E_SCHEMA;
    }
    add_place(&text, problem);
    agt__schema_text_add(&text, ": ");
    if (problem->is_name) {
        agt__schema_text_add(&text, "the name of this property does not fit: ");
    }
    if (problem->rule != NULL) {
        say(&text, problem);
    } else {
        agt__schema_text_add(&text, "the schema allows nothing here, found ");
        agt__schema_text_add_found(&text, problem->value);
    }
    if (problem->alternatives > 1) {
        size_t length = 0;
        const char *title = title_of(agt__schema_follow(problem->alternative), &length);
        agt__schema_text_add(&text, " (%s", title != NULL ? "as " : "");
        if (title != NULL) {
            agt__schema_text_add_quoted(&text, title, length, 40);
            agt__schema_text_add(&text, ", ");
        }
        agt__schema_text_add(&text, "the closest of %zu alternatives)", problem->alternatives);
    }
    return agt__error_set(err, AGT_E_SCHEMA, "base/schema", "%s", text.bytes);
}
