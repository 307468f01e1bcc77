/*
 * The composition root: one of each, and who still uses it.
 *
 * Reference counting: the program holds one reference; every task, executor, graph and agent holds
 * another, so that a runtime that was freed first is still there to say AGT_E_CLOSED.
 */
#ifndef AGT_RUNTIME_RUNTIME_H
#define AGT_RUNTIME_RUNTIME_H

#include "agent_sdk/runtime.h"
#include "base/random.h"
#include "export/exporter.h"
#include "net/loop.h"
#include "runtime/workers.h"
#include "store/store.h"

#include <pthread.h>

/* Work that is under way on the loop and has to end before the runtime can; linked on the loop. */
typedef struct agt__activity agt__activity;
struct agt__activity {
    void (*cancel)(agt__activity *activity); /* loop thread: end soon, with "cancelled" */
    agt__activity *next, *previous;
    bool linked;
};

struct agt_runtime {
    const agt_allocator *allocator;
    agt__loop *loop;
    const agt_clock *clock;
    const agt_io *io;      /* NULL: none (simulated) */
    agt__workers *workers; /* NULL when simulated: blocking functions run on the loop */
    agt_tracer *tracer;
    agt_cost_tracker *costs;
    agt_prices *prices;
    agt__exporter *exporter;
    bool simulated;
    bool stored; /* runs are written to a store */
    uint64_t seed;
    struct agt__tape *tape; /* exec/tape.h: a recording, or one that is replayed; NULL */
    void (*free_tape)(struct agt__tape *tape);
    struct agt__keep *keep; /* the second connection to it; NULL without a store */
    uint32_t fork_generation;

    _Atomic uint32_t refs;
    _Atomic bool closing;
    agt__job close_job;
    pthread_mutex_t close_mutex; /* one closer at a time */
    bool closed;
    bool abandoned; /* threads are lost in functions: memory stays */

    /* loop thread only */
    agt__prng prng; /* for what need not be secret: jitter, choices */
    agt__activity *activities;
    bool activities_cancelled;
    uint32_t chains;           /* of calls that run in place, one inside the other */
    _Atomic uint32_t forsaken; /* asynchronous tools that were given up and have not completed */
    /* who waits for the last activity: guarded by idle_mutex */
    pthread_mutex_t idle_mutex;
    pthread_cond_t idle_changed;
    uint64_t activity_count;
    agt__job pass_job;
    bool passed;
};

agt_runtime *agt__runtime_ref(agt_runtime *runtime);
void agt__runtime_unref(agt_runtime *runtime);

/** AGT_OK; AGT_E_CLOSED once it closes; AGT_E_FORKED in a forked child. @threads any */
agt_status agt__runtime_check(const agt_runtime *runtime, agt_error *err);

static inline uint64_t agt__runtime_now_ns(const agt_runtime *runtime)
{
    return runtime->clock->get_monotonic_ns(runtime->clock->ctx);
}

/** Announce work, from any thread, before it is posted: closing waits for it.
 * @return AGT_OK; AGT_E_CLOSED, AGT_E_FORKED as agt__runtime_check() */
AGT_MUST_CHECK agt_status agt__runtime_begin_activity(agt_runtime *runtime, agt_error *err);
/** The same for what is part of an activity that goes on: it is allowed already. */
void agt__runtime_extend_activity(agt_runtime *runtime);
/** Link announced work so that closing can cancel it. Cancelled at once if that happened already.
 * @threads loop */
void agt__runtime_link_activity(agt_runtime *runtime, agt__activity *activity);
/** It is over. @threads loop (any, if it was never linked) */
void agt__runtime_end_activity(agt_runtime *runtime, agt__activity *activity);

/* ---- the store, for what somebody waits for (keep.c) ---------------------------------------- */

typedef struct agt__keep agt__keep;

/** @return AGT_OK; AGT_E_NOMEM */
agt_status agt__keep_new(const agt_allocator *allocator, const char *store_path,
                         agt__keep **ret_keep);
/** Close the connection: from now on nobody enters. */
void agt__keep_close(agt__keep *keep);
void agt__keep_free(agt__keep *keep);

/**
 * Have the runtime's store to oneself, open for reading and writing, until
 * agt__runtime_leave_store(). May wait, for other threads and for other processes: never on the
 * loop thread of a runtime that is not simulated.
 *
 * @return AGT_OK; AGT_E_INVALID if the runtime has no store; AGT_E_CLOSED, AGT_E_FORKED; what
 *         agt__store_open_writer() answers
 */
AGT_MUST_CHECK agt_status agt__runtime_enter_store(agt_runtime *runtime, agt_store **ret_store,
                                                   agt_error *err);
void agt__runtime_leave_store(agt_runtime *runtime);

/* Something that blocks, done for the loop. Embedded; one at a time. */
typedef struct agt__errand agt__errand;
struct agt__errand {
    void (*run)(agt__errand *errand);  /* on a worker; when simulated on the loop               */
    void (*done)(agt__errand *errand); /* on the loop, afterwards, never from within the start   */
    agt_status status;                 /* not AGT_OK: there was no thread, run() was not called  */
    agt_runtime *runtime;
    agt__work work;
    agt__job job;
};

/** Start an errand; run and done are set. It is part of an activity that goes on until done().
 * @threads loop */
void agt__runtime_start_errand(agt_runtime *runtime, agt__errand *errand);

/* ---- runs ---------------------------------------------------------------------------------- */

/** One top-level execution, as the store lists it. */
typedef struct agt__run {
    char id[AGT__RUN_ID_SIZE];
    bool active;
    uint64_t start_unix_ns;
    uint8_t trace_id[16];
} agt__run;

/** A run begins under the root span @context. */
void agt__run_begin(agt_runtime *runtime, agt__run *run, const char *name,
                    const agt_span_context *context);
void agt__run_end(agt_runtime *runtime, agt__run *run, const char *name, const char *status);

/** How often this process is a forked child of the one that loaded the library. */
uint32_t agt__fork_get_generation(void);

#endif
