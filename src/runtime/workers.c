/*
 * The pool of worker threads.
 *
 * Waiting work stands in a pairing heap (work items are its nodes, so submitting allocates
 * nothing): highest priority first, then first come, first served. One mutex guards everything; it
 * is never held while work runs.
 *
 * Threads are started on demand up to `threads_max` and end after 20 s without work. A thread whose
 * work was abandoned does not count as one of `threads_max`, so that a stuck function costs a
 * thread and not a slot; at most ABANDONED_MAX are tolerated before submitting is refused.
 *
 * Every thread has a record in `all` from its start until it is joined. A thread that ends by
 * itself moves its record to state ENDED; records are joined by the next start or by close, so no
 * thread is ever detached.
 *
 * Invariants (under the mutex): active = threads neither abandoned nor ended; idle <= active.
 */
#include "runtime/workers.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"

#include <stdatomic.h>

#define IDLE_NS       UINT64_C(20000000000)
#define ABANDONED_MAX 1024u

typedef enum worker_state {
    WORKER_RUNS,
    WORKER_ABANDONED,
    WORKER_ENDED,
} worker_state;

struct agt__worker {
    agt__workers *pool;
    agt__worker *next;
    pthread_t thread;
    worker_state state;
};

struct agt__workers {
    const agt_allocator *allocator;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* work came, a thread ended, or the pool closes */
    agt__work *heap;        /* the work that is next; NULL if none waits     */
    uint64_t sequence;
    agt__worker *all;
    uint32_t threads_max, active, idle, waiting;
    uint32_t abandoned;
    bool closed;
};

static bool runs_before(const agt__work *a, const agt__work *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->sequence < b->sequence;
}

static agt__work *meld(agt__work *a, agt__work *b)
{
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (runs_before(b, a)) {
        agt__work *swap = a;
        a = b;
        b = swap;
    }
    b->sibling = a->child;
    a->child = b;
    return a;
}

/* Pairwise from the left, then together from the right: the two passes that make it O(log n). */
static agt__work *meld_children(agt__work *first)
{
    agt__work *pairs = NULL;
    while (first != NULL) {
        agt__work *a = first;
        agt__work *b = a->sibling;
        first = b != NULL ? b->sibling : NULL;
        a->sibling = NULL;
        if (b != NULL) {
            b->sibling = NULL;
        }
        agt__work *pair = meld(a, b);
        pair->sibling = pairs;
        pairs = pair;
    }
    agt__work *root = NULL;
    while (pairs != NULL) {
        agt__work *next = pairs->sibling;
        pairs->sibling = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

agt_status agt__workers_new(const agt_allocator *allocator, uint32_t threads_max,
                            agt__workers **ret_workers, agt_error *err)
{
    (void)err;
    agt__workers *pool = agt__calloc(allocator, 1, sizeof(*pool));
    if (pool == NULL) {
        return AGT_E_NOMEM;
    }
    pool->allocator = allocator;
    pool->threads_max = threads_max;
    if (pthread_mutex_init(&pool->mutex, NULL) != 0) {
        agt__free(allocator, pool);
        return AGT_E_NOMEM;
    }
    if (agt__cond_init(&pool->changed) != AGT_OK) {
        (void)pthread_mutex_destroy(&pool->mutex);
        agt__free(allocator, pool);
        return AGT_E_NOMEM;
    }
    *ret_workers = pool;
    return AGT_OK;
}

static agt__work *take_work(agt__workers *pool)
{
    agt__work *work = pool->heap;
    if (work != NULL) {
        pool->heap = meld_children(work->child);
        work->child = NULL;
        pool->waiting--;
    }
    return work;
}

/* Wait for work; NULL: the thread is to end. Mutex held. */
static agt__work *await_work(agt__workers *pool)
{
    const agt_clock *clock = agt_clock_get_system();
    uint64_t until = clock->get_monotonic_ns(clock->ctx) + IDLE_NS;
    bool in_time = true;
    while (pool->heap == NULL && !pool->closed && in_time) {
        pool->idle++;
        in_time = agt__cond_wait_until(&pool->changed, &pool->mutex, until);
        pool->idle--;
    }
    return take_work(pool);
}

/* After its work: true if the thread may go on, false if it is one too many. Mutex held. */
static bool rejoin(agt__workers *pool, agt__worker *worker)
{
    if (worker->state != WORKER_ABANDONED) {
        return true;
    }
    pool->abandoned--;
    worker->state = WORKER_RUNS;
    pool->active++;
    return pool->active <= pool->threads_max;
}

static void *worker_main(void *arg)
{
    agt__worker *worker = arg;
    agt__workers *pool = worker->pool;
    (void)pthread_mutex_lock(&pool->mutex);
    agt__work *work;
    bool wanted = true;
    while (wanted && (work = await_work(pool)) != NULL) {
        (void)pthread_mutex_unlock(&pool->mutex);
        work->run(work, worker);
        (void)pthread_mutex_lock(&pool->mutex);
        wanted = rejoin(pool, worker);
    }
    pool->active--;
    worker->state = WORKER_ENDED;
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Join and free the records of threads that have ended. Mutex held; ended threads need it no more
 * than to return. */
static void reap_ended(agt__workers *pool)
{
    agt__worker **link = &pool->all;
    while (*link != NULL) {
        agt__worker *worker = *link;
        if (worker->state != WORKER_ENDED) {
            link = &worker->next;
            continue;
        }
        *link = worker->next;
        (void)pthread_mutex_unlock(&pool->mutex);
        (void)pthread_join(worker->thread, NULL);
        agt__free(pool->allocator, worker);
        (void)pthread_mutex_lock(&pool->mutex);
        link = &pool->all; /* the list may have changed meanwhile */
    }
}

static agt_status start_thread(agt__workers *pool, agt_error *err)
{
    reap_ended(pool);
    agt__worker *worker = agt__calloc(pool->allocator, 1, sizeof(*worker));
    if (worker == NULL) {
        return AGT_E_NOMEM;
    }
    worker->pool = pool;
    worker->state = WORKER_RUNS;
    /* The thread waits for the mutex that is held here, so it sees its record complete. */
    agt_status status =
        agt__thread_start(&worker->thread, "agt-worker", 0, worker_main, worker, err);
    if (status != AGT_OK) {
        agt__free(pool->allocator, worker);
        return status;
    }
    worker->next = pool->all;
    pool->all = worker;
    pool->active++;
    return AGT_OK;
}

/* See that somebody will take what waits. Mutex held. */
static agt_status provide_thread(agt__workers *pool, agt_error *err)
{
    if (pool->idle >= pool->waiting || pool->active >= pool->threads_max) {
        return AGT_OK;
    }
    if (pool->abandoned >= ABANDONED_MAX) {
        return pool->active > 0 ? AGT_OK : AGT_E_LIMIT;
    }
    agt_status status = start_thread(pool, err);
    return pool->active > 0 ? AGT_OK : status; /* those that run will get to it */
}

agt_status agt__workers_submit(agt__workers *pool, agt__work *work, agt_error *err)
{
    (void)pthread_mutex_lock(&pool->mutex);
    if (pool->closed) {
        (void)pthread_mutex_unlock(&pool->mutex);
        return AGT_E_CLOSED;
    }
    pool->waiting++;
    agt_status status = provide_thread(pool, err);
    if (status == AGT_OK) {
        work->sequence = pool->sequence++;
        work->child = NULL;
        work->sibling = NULL;
        pool->heap = meld(pool->heap, work);
        if (pool->idle > 0) {
            (void)pthread_cond_signal(&pool->changed);
        }
    } else {
        pool->waiting--;
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return status;
}

void agt__workers_abandon(agt__worker *worker)
{
    agt__workers *pool = worker->pool;
    (void)pthread_mutex_lock(&pool->mutex);
    if (worker->state == WORKER_RUNS) {
        worker->state = WORKER_ABANDONED;
        pool->active--;
        pool->abandoned++;
        if (pool->heap != NULL) {
            (void)provide_thread(pool, NULL);
        }
    }
    (void)pthread_mutex_unlock(&pool->mutex);
}

uint32_t agt__workers_get_abandoned(agt__workers *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
    uint32_t abandoned = pool->abandoned;
    (void)pthread_mutex_unlock(&pool->mutex);
    return abandoned;
}

uint32_t agt__workers_close(agt__workers *pool, uint64_t deadline_ns)
{
    (void)pthread_mutex_lock(&pool->mutex);
    pool->closed = true;
    (void)pthread_cond_broadcast(&pool->changed);
    while (pool->active + pool->abandoned > 0 &&
           agt__cond_wait_until(&pool->changed, &pool->mutex, deadline_ns)) {
    }
    reap_ended(pool);
    uint32_t left = pool->active + pool->abandoned;
    (void)pthread_mutex_unlock(&pool->mutex);
    return left;
}

void agt__workers_free(agt__workers *pool)
{
    if (pool == NULL) {
        return;
    }
    AGT_ASSERT(pool->all == NULL);
    AGT_ASSERT(pool->heap == NULL);
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->mutex);
    agt__free(pool->allocator, pool);
}
