/*
 * Commits and their authors, from one line per commit: when it was made (seconds since 1970), a
 * tab, and the name of its author. The names are those of .mailmap if the project has one.
 *
 * A commit may claim any date. What is said about dates is about these claims.
 */
#include "facts.h"

#include "tally.h"

#include <stdlib.h>

enum {
    DAY_SECONDS = 86400,
    RECENT_DAYS = 90,
    AUTHORS_SHOWN = 12
};

/* The time and the author of the next commit; false at the end. A time that is none counts as 0. */
static bool take_commit(piece *rest, int64_t *ret_seconds, piece *ret_author)
{
    piece line, time;
    if (!take_line(rest, &line)) {
        return false;
    }
    *ret_seconds = 0;
    *ret_author = line;
    if (split_first(line, '\t', &time, ret_author)) {
        (void)to_number(time, ret_seconds);
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int64_t day_of(int64_t seconds)
{
    return seconds >= 0 ? seconds / DAY_SECONDS : -((DAY_SECONDS - 1 - seconds) / DAY_SECONDS);
}

/* Figures of times that are sorted; there is at least one. */
static void add_times(agt_value_builder *to, const int64_t *times, size_t count)
{
    int64_t last = times[count - 1], longest = 0;
    uint64_t days = 1, recent = 0;
    for (size_t i = 0; i < count; i++) {
        recent += day_of(last) - day_of(times[i]) < RECENT_DAYS;
        if (i > 0 && day_of(times[i]) != day_of(times[i - 1])) {
            int64_t gap = day_of(times[i]) - day_of(times[i - 1]);
            longest = gap > longest ? gap : longest;
            days++;
        }
    }
    add_day_member(to, "first_day", times[0]);
    add_day_member(to, "last_day", last);
    add_count_member(to, "span_days", (uint64_t)(day_of(last) - day_of(times[0])));
    add_count_member(to, "active_days", days);
    add_count_member(to, "longest_silence_days", (uint64_t)longest);
    add_count_member(to, "commits_of_last_90_days", recent);
}

agt_status find_commits(const inquiry *in)
{
    agt_results *output = NULL;
    piece rest, author;
    agt_status status = ask(in, GIT_COMMITS, &output, &rest);
    if (status != AGT_OK) {
        return status;
    }
    int64_t *times = calloc(GIT_COMMITS_MAX, sizeof(*times));
    size_t count = 0;
    while (times != NULL && count < GIT_COMMITS_MAX && take_commit(&rest, &times[count], &author)) {
        count++;
    }
    if (count > 0) {
        qsort(times, count, sizeof(*times), by_number);
        add_count_member(in->to, "commits", count);
        add_times(in->to, times, count);
        agt_value_builder_key(in->to, "is_cut");
        agt_value_builder_bool(in->to, count == GIT_COMMITS_MAX);
    }
    free(times);
    agt_results_unref(output);
    return count > 0 ? AGT_OK : AGT_E_NOMEM;
}

/* The fewest authors who together made half of all commits. */
static size_t bus_factor(const tally *authors, uint64_t commits)
{
    uint64_t made = 0;
    size_t count = 0;
    while (count < authors->count && made * 2 < commits) {
        made += authors->items[count++].count;
    }
    return count;
}

static void add_authors(agt_value_builder *to, const tally *authors, uint64_t commits)
{
    add_count_member(to, "authors", authors->count);
    add_count_member(to, "bus_factor", bus_factor(authors, commits));
    add_rounded_member(to, "top_share", (double)authors->items[0].count / (double)commits, 4);
    agt_value_builder_key(to, "top");
    agt_value_builder_begin_array(to);
    for (size_t i = 0; i < authors->count && i < AUTHORS_SHOWN; i++) {
        agt_value_builder_begin_object(to);
        add_text_member(to, "name", authors->items[i].name);
        add_count_member(to, "commits", authors->items[i].count);
        add_rounded_member(to, "share", (double)authors->items[i].count / (double)commits, 4);
        agt_value_builder_end(to);
    }
    agt_value_builder_end(to);
}

agt_status find_authors(const inquiry *in)
{
    agt_results *output = NULL;
    piece rest, author;
    int64_t seconds = 0;
    tally authors = {0};
    agt_status status = ask(in, GIT_COMMITS, &output, &rest);
    if (status != AGT_OK) {
        return status;
    }
    while (take_commit(&rest, &seconds, &author)) {
        tally_add(&authors, author, 0, 0);
    }
    uint64_t commits = authors.count;
    tally_rank(&authors);
    if (!authors.is_out_of_memory && commits > 0) {
        add_authors(in->to, &authors, commits);
    }
    status = authors.is_out_of_memory || commits == 0 ? AGT_E_NOMEM : AGT_OK;
    tally_free(&authors);
    agt_results_unref(output);
    return status;
}
