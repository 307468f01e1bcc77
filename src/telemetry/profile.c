/*
 * Profiles: where the time of a tree of work went.
 *
 * Nodes come parents first, so that one pass over the array sees each parent before its children;
 * nothing here recurses, however deep the tree is. The children of a node are one slice of an array
 * sorted by parent and, within it, from the last end to the first:
 *
 *   self time       length of the node minus the union of its children, merged in that order
 *   critical path   backwards from the node's end: the child that ended last, then the next one in
 *                   the slice that ended before that one started, and so on; what lies between is
 *                   the node's own. Each child is looked at once, because the point to end before
 *                   only moves backwards.
 *
 * Roots are the children of nobody, who spans from the first start to the last end and whose own
 * time belongs to nobody. Of children that end together the one that started first is taken: it
 * explains the most. All of it takes O(n log n).
 *
 * A child is clipped to its parent, which was clipped before it: clocks of other machines may be
 * skewed, and work that was abandoned may end after whoever waited for it.
 */
#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"

#include "agent_sdk/telemetry.h"

#include <stdlib.h>
#include <string.h>

static const char origin[] = "telemetry/profile";

#define NOBODY SIZE_MAX

/* A node as a child of its parent, clipped. */
typedef struct child {
    size_t parent;
    size_t index;
    uint64_t start_ns, end_ns;
} child;

/* The slice of a node's children. */
typedef struct slice {
    size_t first, count;
} slice;

typedef struct result {
    uint64_t self_ns;
    uint64_t critical_ns;
} result;

struct agt_profile {
    const agt_allocator *allocator;
    agt_profile_stats stats;
    size_t count;
    result results[];
};

/* What is needed only while a profile is made. */
typedef struct work {
    size_t count;
    child *clipped;  /* by node                                              */
    child *children; /* sorted                                               */
    slice *slices;   /* by node; the roots' slice is the last one            */
    bool *on_path;   /* by node                                              */
    uint64_t *edges; /* starts, then ends, of leaves                         */
} work;

/* ---- clipping ---------------------------------------------------------------------------------
 */

static uint64_t clip(uint64_t time, uint64_t low, uint64_t high)
{
    return time < low ? low : time > high ? high : time;
}

static agt_status clip_nodes(work *own, const agt_profile_node *nodes, agt_error *err)
{
    for (size_t i = 0; i < own->count; i++) {
        child node = {nodes[i].parent, i, nodes[i].start_ns, nodes[i].end_ns};
        if (node.end_ns < node.start_ns) {
            return agt__error_set(err, AGT_E_INVALID, origin, "node %zu ends before it starts", i);
        }
        if (node.parent != NOBODY) {
            if (node.parent >= i) {
                return agt__error_set(err, AGT_E_INVALID, origin,
                                      "the parent of node %zu, node %zu, does not come before it",
                                      i, node.parent);
            }
            const child *parent = &own->clipped[node.parent];
            node.start_ns = clip(node.start_ns, parent->start_ns, parent->end_ns);
            node.end_ns = clip(node.end_ns, parent->start_ns, parent->end_ns);
        }
        own->clipped[i] = node;
    }
    return AGT_OK;
}

/* By parent; then who ended last; then who started first; then the order of the nodes. */
static int compare_children(const void *left, const void *right)
{
    const child *a = left;
    const child *b = right;
    if (a->parent != b->parent) {
        return a->parent < b->parent ? -1 : 1;
    }
    if (a->end_ns != b->end_ns) {
        return a->end_ns > b->end_ns ? -1 : 1;
    }
    if (a->start_ns != b->start_ns) {
        return a->start_ns < b->start_ns ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static size_t get_slice(const work *own, size_t parent)
{
    return parent == NOBODY ? own->count : parent;
}

static void sort_children(work *own)
{
    memcpy(own->children, own->clipped, own->count * sizeof(child));
    qsort(own->children, own->count, sizeof(child), compare_children);
    for (size_t i = 0; i < own->count; i++) {
        slice *mine = &own->slices[get_slice(own, own->children[i].parent)];
        if (mine->count == 0) {
            mine->first = i;
        }
        mine->count++;
    }
}

/* ---- figures ----------------------------------------------------------------------------------
 */

/* Time that the children in @mine cover together. */
static uint64_t get_covered(const work *own, slice mine)
{
    uint64_t covered = 0;
    uint64_t low = UINT64_MAX; /* everything from here to the end of the piece is covered */
    for (size_t i = mine.first; i < mine.first + mine.count; i++) {
        const child *next = &own->children[i];
        uint64_t end = next->end_ns < low ? next->end_ns : low;
        if (next->start_ns < end) {
            covered += end - next->start_ns;
            low = next->start_ns;
        }
    }
    return covered;
}

/* Walk back from @end_ns over the children in @mine, putting those on the path that are.
 * @return what is left of start … end between them */
static uint64_t walk_back(work *own, slice mine, uint64_t start_ns, uint64_t end_ns)
{
    uint64_t between = 0;
    uint64_t at = end_ns;
    for (size_t i = mine.first; i < mine.first + mine.count; i++) {
        const child *next = &own->children[i];
        if (next->end_ns <= at) {
            own->on_path[next->index] = true;
            between += at - next->end_ns;
            at = next->start_ns;
        }
    }
    return between + (at - start_ns);
}

static void find_path(work *own, agt_profile *profile, uint64_t start_ns, uint64_t end_ns)
{
    (void)walk_back(own, own->slices[own->count], start_ns, end_ns);
    for (size_t i = 0; i < own->count; i++) { /* parents first */
        const child *node = &own->clipped[i];
        if (own->on_path[i]) {
            profile->results[i].critical_ns =
                walk_back(own, own->slices[i], node->start_ns, node->end_ns);
            profile->stats.critical_path_ns += profile->results[i].critical_ns;
        }
    }
}

static int compare_times(const void *left, const void *right)
{
    uint64_t a, b;
    memcpy(&a, left, sizeof(a));
    memcpy(&b, right, sizeof(b));
    return a < b ? -1 : a > b;
}

/* The most leaves under way at once. Who ends when another starts is not under way with it. */
static uint32_t get_parallel_max(work *own)
{
    uint64_t *starts = own->edges;
    uint64_t *ends = own->edges + own->count;
    size_t leaves = 0;
    for (size_t i = 0; i < own->count; i++) {
        if (own->slices[i].count == 0 && own->clipped[i].start_ns < own->clipped[i].end_ns) {
            starts[leaves] = own->clipped[i].start_ns;
            ends[leaves] = own->clipped[i].end_ns;
            leaves++;
        }
    }
    qsort(starts, leaves, sizeof(*starts), compare_times);
    qsort(ends, leaves, sizeof(*ends), compare_times);
    size_t ended = 0, most = 0;
    for (size_t started = 1; started <= leaves; started++) {
        while (ends[ended] <= starts[started - 1]) {
            ended++;
        }
        most = started - ended > most ? started - ended : most;
    }
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

static void measure(work *own, agt_profile *profile)
{
    agt_profile_stats *stats = &profile->stats;
    uint64_t first = UINT64_MAX, last = 0;
    for (size_t i = 0; i < own->count; i++) {
        const child *node = &own->clipped[i];
        profile->results[i].self_ns =
            node->end_ns - node->start_ns - get_covered(own, own->slices[i]);
        stats->work_ns += profile->results[i].self_ns;
        first = node->start_ns < first ? node->start_ns : first;
        last = node->end_ns > last ? node->end_ns : last;
    }
    if (own->count == 0) {
        return;
    }
    stats->wall_ns = last - first;
    stats->speedup = stats->wall_ns > 0 ? (double)stats->work_ns / (double)stats->wall_ns : 1.0;
    find_path(own, profile, first, last);
    stats->parallel_max = get_parallel_max(own);
}

/* ---- making -----------------------------------------------------------------------------------
 */

static void free_work(work *own, const agt_allocator *allocator)
{
    agt__free(allocator, own->clipped);
    agt__free(allocator, own->children);
    agt__free(allocator, own->slices);
    agt__free(allocator, own->on_path);
    agt__free(allocator, own->edges);
}

static bool allocate_work(work *own, const agt_allocator *allocator, size_t count)
{
    *own = (work){.count = count};
    own->slices = agt__calloc(allocator, count + 1, sizeof(slice));
    if (count == 0) {
        return own->slices != NULL;
    }
    own->clipped = agt__calloc(allocator, count, sizeof(child));
    own->children = agt__calloc(allocator, count, sizeof(child));
    own->on_path = agt__calloc(allocator, count, sizeof(bool));
    own->edges = agt__calloc(allocator, count, 2 * sizeof(uint64_t));
    return own->slices != NULL && own->clipped != NULL && own->children != NULL &&
           own->on_path != NULL && own->edges != NULL;
}

agt_status agt_profile_new(const agt_allocator *allocator, const agt_profile_node *nodes,
                           size_t count, agt_profile **ret_profile, agt_error *err)
{
    if (ret_profile == NULL || (nodes == NULL && count > 0) ||
        count > SIZE_MAX / 2 / sizeof(child)) {
        return agt__error_set(err, AGT_E_INVALID, origin, "no nodes, or too many; or no result");
    }
    work own;
    agt_profile *profile =
        agt__calloc(allocator, 1, sizeof(*profile) + count * sizeof(profile->results[0]));
    agt_status status = AGT_OK;
    if (!allocate_work(&own, allocator, count) || profile == NULL) {
        status = agt__error_nomem(err, origin);
    } else {
        status = clip_nodes(&own, nodes, err);
    }
    if (status == AGT_OK) {
        profile->allocator = allocator;
        profile->count = count;
        profile->stats.struct_size = sizeof(profile->stats);
        profile->stats.speedup = 1.0;
        if (count > 0) {
            sort_children(&own);
        }
        measure(&own, profile);
        *ret_profile = profile;
    } else {
        agt__free(allocator, profile);
    }
    free_work(&own, allocator);
    return status;
}

void agt_profile_get_stats(const agt_profile *profile, agt_profile_stats *ret_stats)
{
    agt__report_write(ret_stats, &profile->stats, sizeof(profile->stats));
}

uint64_t agt_profile_get_self_ns(const agt_profile *profile, size_t index)
{
    return index < profile->count ? profile->results[index].self_ns : 0;
}

uint64_t agt_profile_get_critical_ns(const agt_profile *profile, size_t index)
{
    return index < profile->count ? profile->results[index].critical_ns : 0;
}

void agt_profile_free(agt_profile *profile)
{
    if (profile != NULL) {
        agt__free(profile->allocator, profile);
    }
}
