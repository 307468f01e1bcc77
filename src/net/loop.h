/*
 * The event loop of a runtime: jobs from any thread, timers, and (in the real one) sockets, pipes
 * and processes. One thread runs it and owns everything that is started on it.
 *
 * Two kinds behind one interface:
 *   - the real loop waits in libevent on a thread of its own;
 *   - the simulated loop has no thread: agt__loop_pump() runs it on the caller's, on virtual time
 *     that jumps to the next timer whenever nothing is left to do.
 *
 * Everything else (the scheduler, HTTP, processes) sees only this header.
 */
#ifndef AGT_NET_LOOP_H
#define AGT_NET_LOOP_H

#include "agent_sdk/net.h"
#include "base/heap.h"
#include "base/mpsc.h"

typedef struct agt__loop agt__loop;

/* A piece of work for the loop thread; embedded in what it is about. May be posted again once it
 * runs, and freed by its own `run`. */
typedef struct agt__job agt__job;
struct agt__job {
    agt__mpsc_node node; /* first: a job is its node */
    void (*run)(agt__job *job);
};

typedef struct agt__loop_config {
    size_t struct_size;
    const agt_allocator *allocator;
    const agt_clock *clock; /* NULL = the system's; not used by a simulated loop                 */
    bool simulated;
    bool reserved[7];
    uint64_t start_ns;       /* simulated: monotonic time at the start; 0 = 1 s                   */
    uint64_t start_unix_ns;  /* simulated: date at the start; 0 = 2026-01-01 00:00:00 UTC         */
    const char *helper_path; /* of the process supervisor; NULL = the installed one               */
    const char *user_agent;  /* NULL = "agent_sdk/<version>"                                      */
} agt__loop_config;

/** A new loop; a real one has its thread running when this returns. */
agt_status agt__loop_new(const agt__loop_config *config, agt__loop **ret_loop, agt_error *err);

/**
 * Stop and free: posted jobs that have not run are run, exchanges are cancelled, processes killed
 * (each with its on_exit), the thread is joined. Not from the loop thread.
 */
void agt__loop_free(agt__loop *loop);

/** Run @job on the loop thread, after those posted before. Never fails, never blocks.
 * @threads any */
void agt__loop_post(agt__loop *loop, agt__job *job);

/** Whether the caller is the loop thread (simulated: whether it is inside agt__loop_pump). */
bool agt__loop_is_current(const agt__loop *loop);

/** Monotonic and calendar time, virtual in a simulated loop. @threads any */
uint64_t agt__loop_now_ns(agt__loop *loop);
uint64_t agt__loop_unix_ns(agt__loop *loop);

/** The clock of this loop, for whoever takes one as a parameter; lives as long as the loop. */
const agt_clock *agt__loop_get_clock(agt__loop *loop);

/** Start or move a timer; its `fire` runs on the loop thread. @return AGT_OK; AGT_E_NOMEM
 * @threads loop */
agt_status agt__loop_timer_start(agt__loop *loop, agt__timer *timer, uint64_t due_ns);
/** @threads loop */
void agt__loop_timer_stop(agt__loop *loop, agt__timer *timer);

/** Have @fn told of each timer before it fires: for a recording. Before anything runs. */
void agt__loop_watch_timers(agt__loop *loop, void (*fn)(void *ctx, uint64_t due_ns), void *ctx);
/** When the next timer is due; UINT64_MAX if there is none. @threads loop */
uint64_t agt__loop_get_next_due_ns(agt__loop *loop);

/** HTTP and processes of a real loop; NULL for a simulated one, which has none. */
const agt_io *agt__loop_get_io(agt__loop *loop);

/**
 * Simulated loop only: run jobs and fire timers in order until @is_done(@ctx) or until nothing is
 * left that could happen.
 *
 * @return AGT_OK once done; AGT_E_BUSY if nothing is left to do and it is not; AGT_E_TIMEOUT once
 *         virtual time would pass @until_ns (UINT64_MAX = no bound): time then stands at @until_ns
 */
agt_status agt__loop_pump(agt__loop *loop, bool (*is_done)(void *ctx), void *ctx,
                          uint64_t until_ns);

/** Whether the loop is a simulated one. */
bool agt__loop_is_simulated(const agt__loop *loop);

#endif
