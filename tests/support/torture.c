/*
 * torture.c - the allocators of the tests; see torture.h.
 *
 * A heap puts a header before each block and keeps the headers in a list under one lock, so it can
 * say which allocation was never freed and notice a block that is not its own. The memory itself
 * comes from malloc, block by block, so that ASan and valgrind see every overrun; a block that
 * changes its size always moves, so that a stale pointer is caught.
 *
 * A failing assertion of a scenario leaves by longjmp and never returns to the driver; the point
 * that was being tried is therefore remembered and printed when the program ends.
 */
#include "support/torture.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

enum {
    points_sampled_max = 25,
    magic_live = 0x61677421,
    magic_freed = 0x66726565,
};

typedef struct agt_test_block {
    alignas(max_align_t) struct agt_test_block *next;
    struct agt_test_block *previous;
    size_t size;
    uint64_t number; /* of the call that made it, from 1 */
    uint32_t magic;
} agt_test_block;

/* Memory of ours was overwritten, or a pointer is not ours. Other threads may be running, so this
 * is no matter for an assertion of cmocka. */
static void die(const char *what)
{
    (void)fprintf(stderr, "torture: %s\n", what);
    abort();
}

static agt_test_block *block_of(void *ptr)
{
    agt_test_block *block = (agt_test_block *)ptr - 1;
    if (block->magic != magic_live) {
        die("a pointer that this heap did not give, gave and freed, or whose header is damaged");
    }
    return block;
}

static void link_block(agt_test_heap *heap, agt_test_block *block)
{
    block->previous = NULL;
    block->next = heap->blocks;
    if (block->next) {
        block->next->previous = block;
    }
    heap->blocks = block;
    heap->bytes += block->size;
    if (heap->bytes > heap->bytes_max) {
        heap->bytes_max = heap->bytes;
    }
}

static void release_block(agt_test_heap *heap, agt_test_block *block)
{
    if (block->next) {
        block->next->previous = block->previous;
    }
    if (block->previous) {
        block->previous->next = block->next;
    } else {
        heap->blocks = block->next;
    }
    heap->bytes -= block->size;
    block->magic = magic_freed;
    free(block);
}

/* Whether the call that was just counted is to fail. */
static bool is_failing(agt_test_heap *heap)
{
    if (heap->fail_at == 0 || heap->calls < heap->fail_at) {
        return false;
    }
    return heap->calls == heap->fail_at || heap->fail_after;
}

static void *resize_locked(agt_test_heap *heap, agt_test_block *old, size_t size)
{
    if (size == 0) {
        if (old) {
            release_block(heap, old);
        }
        return NULL;
    }
    heap->calls++;
    if (is_failing(heap)) {
        heap->failures++;
        return NULL;
    }
    if (size > SIZE_MAX - sizeof(agt_test_block)) {
        return NULL;
    }
    agt_test_block *block = malloc(sizeof(agt_test_block) + size);
    if (!block) {
        return NULL;
    }
    *block = (agt_test_block){.size = size, .number = heap->calls, .magic = magic_live};
    link_block(heap, block);
    /* Not zero: fresh memory has no promised contents. */
    memset(block + 1, 0xA5, size);
    if (old) {
        memcpy(block + 1, old + 1, old->size < size ? old->size : size);
        release_block(heap, old);
    }
    return block + 1;
}

static void *heap_resize(void *ctx, void *ptr, size_t size)
{
    agt_test_heap *heap = ctx;
    (void)pthread_mutex_lock(&heap->lock);
    void *result = resize_locked(heap, ptr ? block_of(ptr) : NULL, size);
    (void)pthread_mutex_unlock(&heap->lock);
    return result;
}

void agt_test_heap_init(agt_test_heap *heap)
{
    *heap = (agt_test_heap){.allocator = {.resize = heap_resize, .ctx = heap}};
    (void)pthread_mutex_init(&heap->lock, NULL);
}

/* Frees what is left. Returns the number of blocks; the oldest one is described in the outputs. */
static unsigned drain(agt_test_heap *heap, uint64_t *ret_number, size_t *ret_size)
{
    unsigned count = 0;
    for (agt_test_block *block = heap->blocks, *next; block; block = next) {
        next = block->next;
        count++;
        *ret_number = block->number;
        *ret_size = block->size;
        free(block);
    }
    heap->blocks = NULL;
    (void)pthread_mutex_destroy(&heap->lock);
    return count;
}

void agt_test_heap_deinit(agt_test_heap *heap)
{
    uint64_t number = 0;
    size_t size = 0;
    unsigned count = drain(heap, &number, &size);
    if (count > 0) {
        fail_msg("%u blocks were not freed; the first is allocation %llu, of %zu bytes", count,
                 (unsigned long long)number, size);
    }
}

agt_test_heap *agt_test_heap_of(const agt_allocator *allocator)
{
    assert_ptr_equal(allocator->resize, heap_resize);
    return allocator->ctx;
}

/* The driver. */

/* The point that is being tried, for the report at the end of the program. */
static struct {
    bool running;
    bool registered;
    char text[96];
} current;

static void report_unfinished(void)
{
    if (current.running) {
        (void)fprintf(stderr, "torture: the run that did not finish: %s\n", current.text);
    }
}

/* One run of the scenario. Returns the number of calls; `ret_failures` may be NULL. */
static uint64_t run(agt_test_scenario scenario, void *ctx, uint64_t fail_at, bool fail_after)
{
    if (!current.registered) {
        current.registered = atexit(report_unfinished) == 0;
    }
    const char *how = fail_at == 0 ? "no allocation fails" : fail_after ? "and all later" : "once";
    (void)snprintf(current.text, sizeof(current.text), "allocation %llu fails, %s",
                   (unsigned long long)fail_at, how);
    if (getenv("AGT_TORTURE_TRACE")) {
        print_message("torture: %s\n", current.text);
    }

    /* On the heap: a scenario that leaves by longjmp may have threads that still use it. */
    agt_test_heap *heap = malloc(sizeof(*heap));
    assert_non_null(heap);
    agt_test_heap_init(heap);
    heap->fail_at = fail_at;
    heap->fail_after = fail_after;
    current.running = true;
    scenario(&heap->allocator, ctx);

    uint64_t calls = heap->calls, number = 0;
    size_t size = 0;
    unsigned count = drain(heap, &number, &size);
    free(heap);
    if (count > 0) {
        fail_msg("%s: %u blocks were not freed; the first is allocation %llu, of %zu bytes",
                 current.text, count, (unsigned long long)number, size);
    }
    current.running = false;
    return calls;
}

void agt_test_torture(agt_test_scenario scenario, void *ctx)
{
    const char *mode = getenv("AGT_TORTURE");
    uint64_t count = run(scenario, ctx, 0, false);
    uint64_t points = count < points_sampled_max ? count : points_sampled_max;
    if (mode && strcmp(mode, "all") == 0) {
        points = count;
    } else if (mode && strcmp(mode, "none") == 0) {
        points = 0;
    }
    for (uint64_t i = 0; i < points; i++) {
        uint64_t fail_at = points == count ? i + 1 : 1 + i * (count - 1) / (points - 1);
        (void)run(scenario, ctx, fail_at, false);
        (void)run(scenario, ctx, fail_at, true);
    }
}
