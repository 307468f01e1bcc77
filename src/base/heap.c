/*
 * A 4-ary min-heap of timers. Four children per node halve the depth of a binary heap and keep the
 * keys that are compared side by side in memory: entries carry the due time and the sequence, so
 * that sifting never follows the pointers.
 *
 * Invariants: entries[i] is not due before entries[(i - 1) / 4]; entries[i].timer->slot == i + 1.
 */
#include "base/heap.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdint.h>

typedef struct agt__heap_entry {
    uint64_t due_ns;
    uint64_t sequence;
    agt__timer *timer;
} agt__heap_entry;

void agt__heap_init(agt__heap *heap, const agt_allocator *allocator)
{
    *heap = (agt__heap){.allocator = allocator};
}

void agt__heap_deinit(agt__heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        heap->entries[i].timer->slot = 0;
    }
    agt__free(heap->allocator, heap->entries);
    agt__heap_init(heap, heap->allocator);
}

static bool is_before(const agt__heap_entry *a, const agt__heap_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

static void place(agt__heap *heap, size_t at, agt__heap_entry entry)
{
    heap->entries[at] = entry;
    entry.timer->slot = at + 1;
}

static void sift_up(agt__heap *heap, size_t at, agt__heap_entry entry)
{
    while (at > 0) {
        size_t parent = (at - 1) / 4;
        if (!is_before(&entry, &heap->entries[parent])) {
            break;
        }
        place(heap, at, heap->entries[parent]);
        at = parent;
    }
    place(heap, at, entry);
}

static void sift_down(agt__heap *heap, size_t at, agt__heap_entry entry)
{
    for (;;) {
        size_t first = at * 4 + 1;
        if (first >= heap->count) {
            break;
        }
        size_t last = first + 4 < heap->count ? first + 4 : heap->count;
        size_t least = first;
        for (size_t child = first + 1; child < last; child++) {
            if (is_before(&heap->entries[child], &heap->entries[least])) {
                least = child;
            }
        }
        if (!is_before(&heap->entries[least], &entry)) {
            break;
        }
        place(heap, at, heap->entries[least]);
        at = least;
    }
    place(heap, at, entry);
}

agt_status agt__heap_reserve(agt__heap *heap, size_t count)
{
    while (heap->capacity - heap->count < count) {
        agt_status status = agt__array_reserve(heap->allocator, &heap->entries, &heap->capacity,
                                               heap->capacity, sizeof(agt__heap_entry), SIZE_MAX);
        if (status != AGT_OK) {
            return AGT_E_NOMEM;
        }
    }
    return AGT_OK;
}

static void remove_at(agt__heap *heap, size_t at)
{
    heap->entries[at].timer->slot = 0;
    heap->count--;
    if (at == heap->count) {
        return;
    }
    agt__heap_entry moved = heap->entries[heap->count];
    if (at > 0 && is_before(&moved, &heap->entries[(at - 1) / 4])) {
        sift_up(heap, at, moved);
    } else {
        sift_down(heap, at, moved);
    }
}

agt_status agt__heap_start(agt__heap *heap, agt__timer *timer, uint64_t due_ns)
{
    AGT_ASSERT(timer->fire != NULL);
    agt__heap_stop(heap, timer); /* leaves the room that the next line needs */
    if (agt__heap_reserve(heap, 1) != AGT_OK) {
        return AGT_E_NOMEM;
    }
    timer->due_ns = due_ns;
    timer->sequence = heap->sequence++;
    heap->count++;
    sift_up(heap, heap->count - 1, (agt__heap_entry){due_ns, timer->sequence, timer});
    return AGT_OK;
}

void agt__heap_stop(agt__heap *heap, agt__timer *timer)
{
    if (timer->slot == 0) {
        return;
    }
    AGT_ASSERT(timer->slot <= heap->count);
    AGT_ASSERT(heap->entries[timer->slot - 1].timer == timer);
    remove_at(heap, timer->slot - 1);
}

agt__timer *agt__heap_first(const agt__heap *heap)
{
    return heap->count > 0 ? heap->entries[0].timer : NULL;
}

agt__timer *agt__heap_take_due(agt__heap *heap, uint64_t now_ns)
{
    if (heap->count == 0 || heap->entries[0].due_ns > now_ns) {
        return NULL;
    }
    agt__timer *timer = heap->entries[0].timer;
    remove_at(heap, 0);
    return timer;
}
