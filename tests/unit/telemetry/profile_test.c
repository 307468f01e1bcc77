/*
 * Profiles: trees whose answer is plain to see, and random ones against a second implementation
 * that looks at every nanosecond and every child again.
 */
#include "agent_sdk/telemetry.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/test.h"
#include "support/torture.h"

#define NONE SIZE_MAX

static agt_profile *make_profile(const agt_profile_node *nodes, size_t count)
{
    agt_profile *profile = NULL;
    agt_error err = {.message = ""};
    if (agt_profile_new(NULL, nodes, count, &profile, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return profile;
}

static agt_profile_stats get_stats(const agt_profile *profile)
{
    agt_profile_stats stats = AGT_CONFIG(agt_profile_stats, 0);
    agt_profile_get_stats(profile, &stats);
    return stats;
}

static void check_times(const agt_profile *profile, size_t index, uint64_t self, uint64_t critical)
{
    assert_int_equal(agt_profile_get_self_ns(profile, index), self);
    assert_int_equal(agt_profile_get_critical_ns(profile, index), critical);
}

static void test_a_chain(void **state)
{
    (void)state;
    const agt_profile_node nodes[] = {
        {"run", 0, 100, NONE}, {"first", 10, 40, 0}, {"second", 50, 90, 0}};
    agt_profile *profile = make_profile(nodes, 3);
    check_times(profile, 0, 30, 30);
    check_times(profile, 1, 30, 30);
    check_times(profile, 2, 40, 40);
    agt_profile_stats stats = get_stats(profile);
    assert_int_equal(stats.wall_ns, 100);
    assert_int_equal(stats.work_ns, 100);
    assert_int_equal(stats.critical_path_ns, 100);
    assert_int_equal(stats.parallel_max, 1);
    assert_true(stats.speedup == 1.0);
    assert_int_equal(agt_profile_get_self_ns(profile, 3), 0);
    assert_int_equal(agt_profile_get_critical_ns(profile, NONE), 0);
    agt_profile_free(profile);
}

static void test_parallel_children(void **state)
{
    (void)state;
    /* Two waves: a and b side by side, then c, which waited for b; d overlaps c. */
    const agt_profile_node nodes[] = {{"run", 0, 100, NONE}, {"a", 0, 30, 0},
                                      {"b", 0, 60, 0},       {"c", 60, 100, 0},
                                      {"d", 50, 80, 0},      {"inside c", 70, 90, 3}};
    agt_profile *profile = make_profile(nodes, 6);
    check_times(profile, 0, 0, 0);
    check_times(profile, 1, 30, 0);
    check_times(profile, 2, 60, 60);
    check_times(profile, 3, 20, 20);
    check_times(profile, 4, 30, 0);
    check_times(profile, 5, 20, 20);
    agt_profile_stats stats = get_stats(profile);
    assert_int_equal(stats.work_ns, 160);
    assert_int_equal(stats.critical_path_ns, 100);
    assert_int_equal(stats.parallel_max, 2);
    assert_true(stats.speedup == 1.6);
    agt_profile_free(profile);
}

static void test_ties(void **state)
{
    (void)state;
    /* Of those that end together the longest explains the most; an empty one explains nothing. */
    const agt_profile_node nodes[] = {{"run", 0, 10, NONE}, {"short", 6, 10, 0},
                                      {"long", 2, 10, 0},   {"empty", 10, 10, 0},
                                      {"before", 0, 2, 0},  {"same", 2, 10, 0}};
    agt_profile *profile = make_profile(nodes, 6);
    check_times(profile, 0, 0, 0);
    check_times(profile, 1, 4, 0);
    check_times(profile, 2, 8, 8);
    check_times(profile, 3, 0, 0);
    check_times(profile, 4, 2, 2);
    check_times(profile, 5, 8, 0);
    assert_int_equal(get_stats(profile).parallel_max, 3);
    agt_profile_free(profile);
}

static void test_children_outside_their_parent(void **state)
{
    (void)state;
    const agt_profile_node nodes[] = {{"run", 100, 200, NONE},
                                      {"late", 150, 500, 0},
                                      {"early", 0, 120, 0},
                                      {"elsewhere", 300, 400, 0},
                                      {"grandchild", 0, 900, 1}};
    agt_profile *profile = make_profile(nodes, 5);
    check_times(profile, 0, 30, 30);
    check_times(profile, 1, 0, 0);
    check_times(profile, 2, 20, 20);
    check_times(profile, 3, 0, 0);
    check_times(profile, 4, 50, 50);
    assert_int_equal(get_stats(profile).wall_ns, 100);
    agt_profile_free(profile);
}

static void test_several_roots(void **state)
{
    (void)state;
    const agt_profile_node nodes[] = {{"a", 0, 10, NONE}, {"b", 0, 20, NONE}, {"c", 25, 40, NONE}};
    agt_profile *profile = make_profile(nodes, 3);
    check_times(profile, 0, 10, 0);
    check_times(profile, 1, 20, 20);
    check_times(profile, 2, 15, 15);
    agt_profile_stats stats = get_stats(profile);
    assert_int_equal(stats.wall_ns, 40);
    assert_int_equal(stats.critical_path_ns, 35); /* between 20 and 25 nobody worked */
    agt_profile_free(profile);
}

static void test_nothing_and_no_time(void **state)
{
    (void)state;
    agt_profile *profile = make_profile(NULL, 0);
    agt_profile_stats stats = get_stats(profile);
    assert_int_equal(stats.wall_ns, 0);
    assert_int_equal(stats.parallel_max, 0);
    assert_true(stats.speedup == 1.0);
    agt_profile_free(profile);
    const agt_profile_node nodes[] = {{"run", 7, 7, NONE}, {"child", 7, 7, 0}};
    profile = make_profile(nodes, 2);
    stats = get_stats(profile);
    assert_int_equal(stats.critical_path_ns, 0);
    assert_int_equal(stats.parallel_max, 0);
    assert_true(stats.speedup == 1.0);
    agt_profile_free(profile);
    agt_profile_free(NULL);
}

static void test_bad_trees(void **state)
{
    (void)state;
    agt_profile *profile = NULL;
    agt_error err;
    const agt_profile_node itself[] = {{"x", 0, 1, 0}};
    assert_int_equal(agt_profile_new(NULL, itself, 1, &profile, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "node 0"));
    const agt_profile_node later[] = {{"x", 0, 1, 1}, {"y", 0, 1, NONE}};
    assert_int_equal(agt_profile_new(NULL, later, 2, &profile, &err), AGT_E_INVALID);
    const agt_profile_node backwards[] = {{"x", 2, 1, NONE}};
    assert_int_equal(agt_profile_new(NULL, backwards, 1, &profile, &err), AGT_E_INVALID);
    assert_int_equal(agt_profile_new(NULL, NULL, 1, &profile, &err), AGT_E_INVALID);
    assert_int_equal(agt_profile_new(NULL, NULL, 0, NULL, &err), AGT_E_INVALID);
    assert_null(profile);
}

static void test_deep_and_wide(void **state)
{
    (void)state;
    enum {
        COUNT = 50000
    };
    agt_profile_node *nodes = calloc(COUNT, sizeof(*nodes));
    assert_non_null(nodes);
    for (size_t i = 0; i < COUNT; i++) { /* one inside the other */
        nodes[i] = (agt_profile_node){"deep", i, (uint64_t)2 * COUNT - i, i > 0 ? i - 1 : NONE};
    }
    agt_profile *profile = make_profile(nodes, COUNT);
    assert_int_equal(get_stats(profile).critical_path_ns, 2 * COUNT);
    check_times(profile, 5, 2, 2);
    agt_profile_free(profile);
    for (size_t i = 1; i < COUNT; i++) { /* all at once */
        nodes[i] = (agt_profile_node){"wide", 1, 2, 0};
    }
    profile = make_profile(nodes, COUNT);
    assert_int_equal(get_stats(profile).parallel_max, COUNT - 1);
    assert_int_equal(get_stats(profile).critical_path_ns, 2 * COUNT);
    agt_profile_free(profile);
    free(nodes);
}

static void use_profile(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    const agt_profile_node nodes[] = {
        {"run", 0, 100, NONE}, {"first", 10, 40, 0}, {"second", 50, 90, 0}};
    agt_profile *profile = NULL;
    agt_status status = agt_profile_new(allocator, nodes, 3, &profile, NULL);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_profile_free(status == AGT_OK ? profile : NULL);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(use_profile, NULL);
}

/* ---- against a second implementation ----------------------------------------------------------
 */

enum {
    NODES_MAX = 14,
    TIME_MAX = 30
};

typedef struct oracle {
    const agt_profile_node *nodes;
    size_t count;
    uint64_t start[NODES_MAX], end[NODES_MAX];
    uint64_t self[NODES_MAX], critical[NODES_MAX];
    uint64_t parallel_max;
} oracle;

/* Walk back from @at to @start through the children of @parent; what is between them. */
static uint64_t walk(oracle *own, size_t parent, uint64_t start, uint64_t at)
{
    uint64_t between = 0;
    bool used[NODES_MAX] = {false};
    for (;;) {
        size_t best = NONE;
        for (size_t i = 0; i < own->count; i++) {
            if (own->nodes[i].parent != parent || used[i] || own->end[i] > at) {
                continue;
            }
            if (best == NONE || own->end[i] > own->end[best] ||
                (own->end[i] == own->end[best] && own->start[i] < own->start[best])) {
                best = i;
            }
        }
        if (best == NONE) {
            return between + (at - start);
        }
        used[best] = true;
        between += at - own->end[best];
        at = own->start[best];
        own->critical[best] = walk(own, best, own->start[best], own->end[best]);
    }
}

static uint64_t limit(uint64_t time, uint64_t low, uint64_t high)
{
    return time < low ? low : time > high ? high : time;
}

static void solve(oracle *own)
{
    uint64_t first = UINT64_MAX, last = 0;
    for (size_t i = 0; i < own->count; i++) {
        size_t parent = own->nodes[i].parent;
        uint64_t low = parent != NONE ? own->start[parent] : 0;
        uint64_t high = parent != NONE ? own->end[parent] : UINT64_MAX;
        own->start[i] = limit(own->nodes[i].start_ns, low, high);
        own->end[i] = limit(own->nodes[i].end_ns, low, high);
        first = own->start[i] < first ? own->start[i] : first;
        last = own->end[i] > last ? own->end[i] : last;
    }
    for (uint64_t t = 0; t < TIME_MAX; t++) { /* nanosecond by nanosecond */
        uint64_t leaves = 0;
        for (size_t i = 0; i < own->count; i++) {
            bool covered = false, leaf = true;
            for (size_t j = 0; j < own->count; j++) {
                if (own->nodes[j].parent == i) {
                    leaf = false;
                    covered = covered || (own->start[j] <= t && t < own->end[j]);
                }
            }
            bool under_way = own->start[i] <= t && t < own->end[i];
            own->self[i] += under_way && !covered;
            leaves += under_way && leaf;
        }
        own->parallel_max = leaves > own->parallel_max ? leaves : own->parallel_max;
    }
    (void)walk(own, NONE, first, last);
}

static void test_against_a_second_implementation(void **state)
{
    (void)state;
    agt__prng prng;
    agt__prng_seed(&prng, 23);
    for (int round = 0; round < 3000; round++) {
        agt_profile_node nodes[NODES_MAX];
        size_t count = 1 + agt__prng_below(&prng, NODES_MAX);
        for (size_t i = 0; i < count; i++) {
            uint64_t start = agt__prng_below(&prng, TIME_MAX);
            size_t parent =
                i > 0 && agt__prng_below(&prng, 5) > 0 ? agt__prng_below(&prng, i) : NONE;
            nodes[i] = (agt_profile_node){"node", start,
                                          start + agt__prng_below(&prng, TIME_MAX - start), parent};
        }
        oracle own = {.nodes = nodes, .count = count};
        solve(&own);
        agt_profile *profile = make_profile(nodes, count);
        agt_profile_stats stats = get_stats(profile);
        uint64_t work = 0, critical = 0;
        for (size_t i = 0; i < count; i++) {
            check_times(profile, i, own.self[i], own.critical[i]);
            work += own.self[i];
            critical += own.critical[i];
        }
        assert_int_equal(stats.work_ns, work);
        assert_int_equal(stats.critical_path_ns, critical);
        assert_int_equal(stats.parallel_max, own.parallel_max);
        agt_profile_free(profile);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain),
        cmocka_unit_test(test_parallel_children),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_children_outside_their_parent),
        cmocka_unit_test(test_several_roots),
        cmocka_unit_test(test_nothing_and_no_time),
        cmocka_unit_test(test_bad_trees),
        cmocka_unit_test(test_deep_and_wide),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_against_a_second_implementation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
