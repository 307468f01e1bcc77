/*
 * Hotspots: files that are large and change often, where the next defect is most likely to be.
 *
 *     heat = change × weight       change = t / (t + 0.1)     t: share of the commits that touch it
 *                                  weight = s / (s + 32 KiB)  s: its size
 *
 * Both factors are 0 … 1: half for a file that every tenth commit touches, half for one of 32 KiB.
 *
 * Text files only: nobody takes an image apart because it changes often.
 *
 * This function asks nobody. It depends on the churn and the sizes by a declared dependency; when a
 * model calls all three at once, the engine fills in what the other two found.
 */
#include "facts.h"

#include <stdlib.h>

enum {
    HOTSPOTS_SHOWN = 10,
    HOTTEST = 5
};

typedef struct hotspot {
    const agt_value *churn;
    uint64_t bytes;
    double share, heat;
} hotspot;

static int by_path(const void *a, const void *b)
{
    const agt_value *left = *(const agt_value *const *)a, *right = *(const agt_value *const *)b;
    return compare_pieces(get_text(left, "path"), get_text(right, "path"));
}

static int by_heat(const void *a, const void *b)
{
    const hotspot *left = a, *right = b;
    if (left->heat != right->heat) {
        return left->heat > right->heat ? -1 : 1;
    }
    return by_path(&left->churn, &right->churn);
}

static double heat_of(double share, double bytes)
{
    return share / (share + 0.1) * (bytes / (bytes + 32 * 1024));
}

/* The items of an array in the order of their paths, to look some up. */
static const agt_value **sort_by_path(const agt_value *array, size_t *ret_count)
{
    size_t count = agt_value_get_count(array);
    const agt_value **items = calloc(count + 1, sizeof(*items));
    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i] = agt_value_get_item(array, i);
    }
    if (items != NULL && count > 0) {
        qsort(items, count, sizeof(*items), by_path);
    }
    *ret_count = count;
    return items;
}

/* Whether a line of it ever changed. Of what is no text, git counts no lines. */
static bool has_lines(const agt_value *churn)
{
    return get_count(churn, "added") + get_count(churn, "deleted") > 0;
}

/* The text files that are in both lists: among the most changed, and among the largest of HEAD. */
static size_t find(hotspot *found, const agt_value *churn, const agt_value *const *sizes,
                   size_t size_count)
{
    const agt_value *changed = agt_value_get_member(churn, "top");
    double commits = get_number(churn, "commits");
    size_t count = 0;
    for (size_t i = 0; i < agt_value_get_count(changed); i++) {
        const agt_value *file = agt_value_get_item(changed, i);
        const agt_value *const *size = bsearch(&file, sizes, size_count, sizeof(file), by_path);
        if (size != NULL && commits > 0 && has_lines(file)) {
            hotspot *next = &found[count++];
            *next = (hotspot){.churn = file, .bytes = get_count(*size, "bytes")};
            next->share = get_number(file, "commits") / commits;
            next->heat = heat_of(next->share, (double)next->bytes);
        }
    }
    return count;
}

static void add_hotspots(agt_value_builder *to, const hotspot *found, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count && i < HOTTEST; i++) {
        sum += found[i].heat;
    }
    add_rounded_member(to, "hottest", count > 0 ? found[0].heat : 0, 3);
    add_rounded_member(to, "mean_of_five", sum / HOTTEST, 3);
    agt_value_builder_key(to, "top");
    agt_value_builder_begin_array(to);
    for (size_t i = 0; i < count && i < HOTSPOTS_SHOWN; i++) {
        agt_value_builder_begin_object(to);
        add_text_member(to, "path", get_text(found[i].churn, "path"));
        add_count_member(to, "commits", get_count(found[i].churn, "commits"));
        add_rounded_member(to, "share", found[i].share, 4);
        add_count_member(to, "bytes", found[i].bytes);
        add_rounded_member(to, "heat", found[i].heat, 3);
        agt_value_builder_end(to);
    }
    agt_value_builder_end(to);
}

agt_status find_hotspots(const inquiry *in)
{
    const agt_value *churn = get_fact(in, "churn"), *sizes = get_fact(in, "sizes");
    size_t size_count = 0, count = 0;
    const agt_value **sorted = sort_by_path(agt_value_get_member(sizes, "top"), &size_count);
    hotspot *found =
        calloc(agt_value_get_count(agt_value_get_member(churn, "top")) + 1, sizeof(*found));
    bool has_memory = sorted != NULL && found != NULL;
    if (has_memory) {
        count = find(found, churn, sorted, size_count);
    }
    if (count > 0) {
        qsort(found, count, sizeof(*found), by_heat);
    }
    if (has_memory) {
        add_count_member(in->to, "commits", get_count(churn, "commits"));
        add_hotspots(in->to, found, count);
    }
    free(sorted);
    free(found);
    return has_memory ? AGT_OK : AGT_E_NOMEM;
}
