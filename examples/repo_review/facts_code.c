/*
 * What stands in the files of HEAD, found by `git grep -n -o`: the commit, the path, the number of
 * the line and what matched, with colons between. A path may hold colons as well, a match does not,
 * so a line is taken apart from its end.
 */
#include "facts.h"

#include "tally.h"
#include "unsafe_rules.h"

enum {
    PLACES_SHOWN = 20
};

typedef struct place {
    piece path, match; /* the path as git prints it */
    uint64_t line;
    const unsafe_rule *rule; /* of unsafe calls */
} place;

static bool read_place(piece text, place *ret_place)
{
    piece commit, number;
    int64_t line = 0;
    if (!split_last(text, ':', &text, &ret_place->match)) {
        return false;
    }
    if (!split_last(text, ':', &text, &number) || !to_number(number, &line) ||
        !split_first(text, ':', &commit, &ret_place->path)) {
        return false;
    }
    ret_place->line = (uint64_t)line;
    return true;
}

/* How many of each name there are: {"name": n, …}. */
static void add_tally(agt_value_builder *to, const char *key, tally *names)
{
    tally_rank(names);
    agt_value_builder_key(to, key);
    agt_value_builder_begin_array(to);
    for (size_t i = 0; i < names->count; i++) {
        agt_value_builder_begin_object(to);
        add_text_member(to, "name", names->items[i].name);
        add_count_member(to, "count", names->items[i].count);
        agt_value_builder_end(to);
    }
    agt_value_builder_end(to);
}

/* ---- markers --------------------------------------------------------------------------------- */

agt_status find_markers(const inquiry *in)
{
    agt_results *output = NULL;
    piece rest, line;
    place found = {0};
    tally kinds = {0};
    agt_value_builder *to = in->to;
    agt_status status = ask(in, GIT_MARKERS, &output, &rest);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_key(to, "places");
    agt_value_builder_begin_array(to);
    while (take_line(&rest, &line)) {
        if (!read_place(line, &found)) {
            continue;
        }
        if (kinds.count < PLACES_SHOWN) {
            agt_value_builder_begin_object(to);
            add_path_member(to, "path", found.path);
            add_count_member(to, "line", found.line);
            add_text_member(to, "marker", found.match);
            agt_value_builder_end(to);
        }
        tally_add(&kinds, found.match, 0, 0);
    }
    agt_value_builder_end(to);
    add_count_member(to, "total", kinds.count);
    add_tally(to, "kinds", &kinds);
    status = kinds.is_out_of_memory ? AGT_E_NOMEM : AGT_OK;
    tally_free(&kinds);
    agt_results_unref(output);
    return status;
}

/* ---- unsafe calls ---------------------------------------------------------------------------- */

/* The most severe places so far, in the order of the files. */
typedef struct worst {
    place places[PLACES_SHOWN];
    size_t count;
} worst;

static void keep_worst(worst *self, const place *found)
{
    size_t at = self->count;
    while (at > 0 && self->places[at - 1].rule->weight < found->rule->weight) {
        at--;
    }
    if (at == PLACES_SHOWN) {
        return;
    }
    self->count += self->count < PLACES_SHOWN ? 1 : 0;
    for (size_t i = self->count - 1; i > at; i--) {
        self->places[i] = self->places[i - 1];
    }
    self->places[at] = *found;
}

static void add_worst(agt_value_builder *to, const worst *self)
{
    agt_value_builder_key(to, "places");
    agt_value_builder_begin_array(to);
    for (size_t i = 0; i < self->count; i++) {
        const place *found = &self->places[i];
        agt_value_builder_begin_object(to);
        add_path_member(to, "path", found->path);
        add_count_member(to, "line", found->line);
        add_text_member(to, "call", piece_of(found->rule->name));
        add_text_member(to, "language", piece_of(language_of(found->path)->name));
        add_count_member(to, "weight", found->rule->weight);
        add_text_member(to, "why", piece_of(found->rule->why));
        add_text_member(to, "instead", piece_of(found->rule->instead));
        agt_value_builder_end(to);
    }
    agt_value_builder_end(to);
}

agt_status find_unsafe_calls(const inquiry *in)
{
    agt_results *output = NULL;
    piece rest, line;
    place found = {0};
    worst top = {0};
    tally calls = {0};
    uint64_t weight = 0;
    agt_status status = ask(in, GIT_UNSAFE, &output, &rest);
    if (status != AGT_OK) {
        return status;
    }
    while (take_line(&rest, &line)) {
        if (!read_place(line, &found)) {
            continue;
        }
        found.rule = unsafe_find_rule(found.path, found.match);
        if (found.rule != NULL) {
            keep_worst(&top, &found);
            tally_add(&calls, piece_of(found.rule->name), 0, 0);
            weight += found.rule->weight;
        }
    }
    add_count_member(in->to, "total", calls.count);
    add_count_member(in->to, "weight", weight);
    add_worst(in->to, &top);
    add_tally(in->to, "kinds", &calls);
    status = calls.is_out_of_memory ? AGT_E_NOMEM : AGT_OK;
    tally_free(&calls);
    agt_results_unref(output);
    return status;
}

/* ---- secrets --------------------------------------------------------------------------------- */

/* From `git log -G`: the commits that added or removed the beginning of a private key. */
agt_status find_secrets(const inquiry *in)
{
    agt_results *output = NULL;
    piece rest, line;
    uint64_t commits = 0;
    agt_status status = ask(in, GIT_SECRETS, &output, &rest);
    if (status != AGT_OK) {
        return status;
    }
    while (take_line(&rest, &line)) {
        commits++;
    }
    add_count_member(in->to, "commits", commits);
    agt_results_unref(output);
    return AGT_OK;
}
