/*
 * The one timer heap: timers ordered by due time, then by the order in which they were started, so
 * that a simulated run fires them the same way every time.
 *
 * Timers are embedded in what they belong to; the heap holds pointers. Not thread-safe: it belongs
 * to one loop.
 */
#ifndef AGT_BASE_HEAP_H
#define AGT_BASE_HEAP_H

#include "agent_sdk/base.h"

typedef struct agt__timer agt__timer;
typedef void (*agt__timer_fn)(agt__timer *timer);

struct agt__timer {
    uint64_t due_ns;    /* monotonic                                            */
    uint64_t sequence;  /* breaks ties: first started, first fired              */
    agt__timer_fn fire; /* set by the owner before the first start              */
    size_t slot;        /* 0 = not in a heap, else its place in the heap plus 1 */
};

typedef struct agt__heap {
    struct agt__heap_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t sequence; /* of the next timer */
    const agt_allocator *allocator;
} agt__heap;

void agt__heap_init(agt__heap *heap, const agt_allocator *allocator);
void agt__heap_deinit(agt__heap *heap);

/** Make sure that @count more timers can be added without asking for memory. */
agt_status agt__heap_reserve(agt__heap *heap, size_t count);

/**
 * Start @timer, or move it if it runs.
 *
 * @return AGT_OK; AGT_E_NOMEM (never for a timer that runs already, or within what was reserved)
 */
agt_status agt__heap_start(agt__heap *heap, agt__timer *timer, uint64_t due_ns);

/** Take @timer out; nothing happens if it is not in. */
void agt__heap_stop(agt__heap *heap, agt__timer *timer);

/** The timer that is due next; NULL if there is none. */
agt__timer *agt__heap_first(const agt__heap *heap);

/** Take out the first timer if it is due at @now_ns; NULL if none is. */
agt__timer *agt__heap_take_due(agt__heap *heap, uint64_t now_ns);

static inline bool agt__timer_is_started(const agt__timer *timer)
{
    return timer->slot != 0;
}

#endif
