/*
 * torture_test.c - the driver of the allocation failures, driven.
 *
 * What it must find is a block that is not freed; what it must do is visit every allocation, in
 * both modes, and leave the others alone.
 */
#include "support/torture.h"

#include <stdlib.h>
#include <string.h>

#include "support/test.h"

static void *take(const agt_allocator *allocator, void *ptr, size_t size)
{
    return allocator->resize(allocator->ctx, ptr, size);
}

static void heap_behaves_like_realloc(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    char *text = take(&heap.allocator, NULL, 4);
    assert_non_null(text);
    memcpy(text, "abc", 4);
    text = take(&heap.allocator, text, 400);
    assert_string_equal(text, "abc");
    text = take(&heap.allocator, text, 2);
    assert_memory_equal(text, "ab", 2);
    assert_int_equal(heap.bytes, 2);
    assert_int_equal(heap.bytes_max, 404);
    assert_null(take(&heap.allocator, text, 0));
    assert_null(take(&heap.allocator, NULL, 0));
    assert_int_equal(heap.calls, 3);
    assert_int_equal(heap.bytes, 0);
    agt_test_heap_deinit(&heap);
}

static void a_failed_resize_keeps_the_block(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    heap.fail_at = 2;
    char *text = take(&heap.allocator, NULL, 4);
    memcpy(text, "abc", 4);
    assert_null(take(&heap.allocator, text, 8));
    assert_string_equal(text, "abc");
    assert_int_equal(heap.failures, 1);
    assert_null(take(&heap.allocator, text, 0));
    agt_test_heap_deinit(&heap);
}

/* What the scenario saw: bit n of `missed` is set when allocation n failed. */
typedef struct sightings {
    unsigned runs;
    unsigned missed[32];
} sightings;

static void three_allocations(const agt_allocator *allocator, void *ctx)
{
    sightings *seen = ctx;
    void *blocks[3];
    for (unsigned i = 0; i < 3; i++) {
        blocks[i] = take(allocator, NULL, 10);
        seen->missed[seen->runs] |= (blocks[i] ? 0u : 1u) << i;
    }
    for (unsigned i = 0; i < 3; i++) {
        (void)take(allocator, blocks[i], 0);
    }
    seen->runs++;
}

static void every_point_is_tried_in_both_modes(void **state)
{
    (void)state;
    static const unsigned expected[] = {0, 1, 7, 2, 6, 4, 4};
    sightings seen = {0};
    agt_test_torture(three_allocations, &seen);
    assert_int_equal(seen.runs, 7);
    assert_memory_equal(seen.missed, expected, sizeof(expected));
}

static void forget_when_second_fails(const agt_allocator *allocator, void *ctx)
{
    bool *is_leaking = ctx;
    void *first = take(allocator, NULL, 1);
    void *second = take(allocator, NULL, 1);
    *is_leaking = first && !second;
    if (!*is_leaking) {
        (void)take(allocator, first, 0);
    }
    (void)take(allocator, second, 0);
}

/* Runs as a test of its own group, whose failure is what is expected. */
static void torture_a_leak(void **state)
{
    agt_test_torture(forget_when_second_fails, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_behaves_like_realloc),
        cmocka_unit_test(a_failed_resize_keeps_the_block),
        cmocka_unit_test(every_point_is_tried_in_both_modes),
    };
    /* What is tested is the driver: in all its points, whatever the others are run with. */
    (void)setenv("AGT_TORTURE", "all", 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    bool is_leaking = false;
    const struct CMUnitTest leaking[] = {cmocka_unit_test_prestate(torture_a_leak, &is_leaking)};
    print_message("the next test must fail:\n");
    if (cmocka_run_group_tests(leaking, NULL, NULL) != 1 || !is_leaking) {
        print_error("a leak was not found\n");
        failed++;
    }
    return failed;
}
