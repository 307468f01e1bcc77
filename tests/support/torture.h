/*
 * torture.h - the allocators of the tests: one that finds leaks, and one driver that makes every
 * allocation of a scenario fail.
 *
 * An ordinary test takes its memory from a heap and checks at the end that all of it came back:
 *
 *     agt_test_heap heap;
 *     agt_test_heap_init(&heap);
 *     ... use &heap.allocator ...
 *     agt_test_heap_deinit(&heap);    (fails the test if a block is still allocated)
 *
 * A scenario is run many times by agt_test_torture(): it must give back all its memory whether its
 * calls succeed or answer AGT_E_NOMEM.
 *
 *     static void parse(const agt_allocator *allocator, void *ctx)
 *     {
 *         agt_value *value = NULL;
 *         agt_status status = agt_json_parse(allocator, ctx, ..., &value, NULL);
 *         if (status != AGT_OK) {
 *             assert_int_equal(status, AGT_E_NOMEM);
 *             assert_true(agt_test_heap_of(allocator)->failures > 0);
 *             return;
 *         }
 *         agt_value_unref(value);
 *     }
 *     ...
 *     agt_test_torture(parse, text);
 *
 * How many points are tried is said by the environment: AGT_TORTURE=all for every allocation
 * (`make torture`), AGT_TORTURE=none for none (under valgrind and TSan, which are slow); otherwise
 * up to 25, spread evenly, the first and the last among them.
 * AGT_TORTURE_TRACE=1 prints each point as it is tried.
 */
#ifndef AGT_TESTS_TORTURE_H
#define AGT_TESTS_TORTURE_H

#include <pthread.h>

#include "agent_sdk/base.h"

struct agt_test_block;

/* A heap that knows its blocks. Members may be read when no other thread uses it. */
typedef struct agt_test_heap {
    agt_allocator allocator; /* first member: what is handed out                           */
    pthread_mutex_t lock;
    struct agt_test_block *blocks; /* those allocated now, the newest first                */
    uint64_t calls;                /* allocations and changes of size asked for            */
    uint64_t failures;             /* how many of them were made to fail                   */
    uint64_t fail_at;              /* the number of the call to fail, from 1; 0 = none     */
    bool fail_after;               /* and all calls after that one                         */
    size_t bytes, bytes_max;       /* allocated now, and at most                           */
} agt_test_heap;

/* Makes an empty heap in which nothing fails. */
void agt_test_heap_init(agt_test_heap *heap);

/* Ends a heap; fails the test if a block was not freed, naming the number of its allocation. */
void agt_test_heap_deinit(agt_test_heap *heap);

/* The heap behind an allocator that a scenario was given. */
agt_test_heap *agt_test_heap_of(const agt_allocator *allocator);

/* One use of the code under test, with memory from `allocator` only. It may assert. */
typedef void (*agt_test_scenario)(const agt_allocator *allocator, void *ctx);

/*
 * Runs `scenario` once undisturbed, counting its allocations, and then for n = 1, 2, 3 ... with
 * allocation n failing once, and again with allocation n and all later ones failing. Fails the test
 * if a run leaves a block behind.
 */
void agt_test_torture(agt_test_scenario scenario, void *ctx);

#endif /* AGT_TESTS_TORTURE_H */
