/*
 * Worker threads for functions that block: elastic, bounded, and honest about those that never
 * come back.
 */
#ifndef AGT_RUNTIME_WORKERS_H
#define AGT_RUNTIME_WORKERS_H

#include "agent_sdk/base.h"

typedef struct agt__workers agt__workers;
typedef struct agt__worker agt__worker; /* one thread of the pool */

/* Something to run; embedded in what it is about, and gone from the pool's view once it runs. */
typedef struct agt__work agt__work;
struct agt__work {
    void (*run)(agt__work *work, agt__worker *worker);
    int32_t priority;  /* higher first; equal: in order of submission */
    uint64_t sequence; /* set by the pool */
    agt__work *child, *sibling;
};

agt_status agt__workers_new(const agt_allocator *allocator, uint32_t threads_max,
                            agt__workers **ret_workers, agt_error *err);

/**
 * Queue @work. Starts a thread if none is free and there may be more.
 *
 * @return AGT_OK; AGT_E_CLOSED; AGT_E_IO if no thread runs and none can be started; AGT_E_LIMIT if
 *         so many threads are abandoned that none may be started
 * @threads any
 */
agt_status agt__workers_submit(agt__workers *pool, agt__work *work, agt_error *err);

/**
 * The work that @worker runs will not be waited for any more: another thread may take its place.
 * When the function returns after all, the thread is taken back or ends.
 *
 * @threads any but the worker's own; only while the worker is known to be inside that work
 */
void agt__workers_abandon(agt__worker *worker);

/** Threads that are inside a function that was abandoned, now. @threads any */
uint32_t agt__workers_get_abandoned(agt__workers *pool);

/**
 * Take no more work, wait until @deadline_ns of the system's monotonic clock for the threads to end
 * and join them.
 *
 * @return the number of threads that are still inside a function; 0 = all joined
 */
uint32_t agt__workers_close(agt__workers *pool, uint64_t deadline_ns);

/** Only after agt__workers_close() answered 0. */
void agt__workers_free(agt__workers *pool);

#endif
