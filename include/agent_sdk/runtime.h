/*
 * agent_sdk/runtime.h - the owner of everything else.
 *
 * A runtime holds one loop thread (sockets, timers, child processes, the scheduler), workers for
 * functions that block, the clock, the source of randomness, memory, telemetry and the store. There
 * is no global state: two runtimes live in one process without knowing of each other.
 *
 * A *simulated* runtime has no threads and no real time: whoever waits for a task runs it, on
 * virtual time that jumps to the next timer, with random numbers from a seed, and with input and
 * output answered by the program's own agt_io. The same scheduler, tools and agents run in it, ten
 * minutes in a millisecond, the same way every time.
 */
#ifndef AGENT_SDK_RUNTIME_H
#define AGENT_SDK_RUNTIME_H

#include "agent_sdk/net.h"
#include "agent_sdk/telemetry.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_task agt_task;     /* something started; reference-counted; @threads any      */
typedef struct agt_cancel agt_cancel; /* a cancel token; reference-counted; @threads any         */

typedef struct agt_runtime_config {
    size_t struct_size;
    const agt_allocator *allocator; /* NULL = the C library's; must outlive all values           */
    const agt_clock *clock;         /* NULL = the system's; ignored when simulated               */
    const agt_random *random;       /* NULL = the system's, or the seed when simulated           */
    const agt_io *io;               /* NULL = the network and processes; none when simulated     */
    bool simulated;
    bool silent; /* record no spans; costs and budgets are kept all the same  */
    bool reserved[2];
    uint32_t workers_max;     /* threads for blocking functions; 0 = 64                    */
    uint64_t seed;            /* of a simulated runtime; of a real one 0 = none            */
    const char *service_name; /* in traces; NULL = "agent_sdk"                             */
    const char *store_path;   /* SQLite file for runs, traces, costs; NULL = none          */
    const agt_value *prices;  /* as agt_prices_new() takes it; NULL = the shipped table    */
    const char *helper_path;  /* of the process supervisor; NULL = where it was installed  */
    uint32_t spans_max;       /* open and queued at a time; 0 = 16,384                     */
    uint32_t reserved_2;
} agt_runtime_config;

/**
 * A new runtime. The store is opened at once, so that a bad path is an error here.
 *
 * @param config  NULL for the defaults
 * @return AGT_OK; AGT_E_INVALID for a configuration that contradicts itself; AGT_E_IO if a thread
 *         or descriptor cannot be had; what agt_prices_new() and the store answer; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_runtime_new(const agt_runtime_config *config,
                                                  agt_runtime **ret_runtime, agt_error *err);

/**
 * Stop: no new work is taken, what runs is cancelled, child processes are ended, telemetry is
 * written, threads are joined. The objects of the runtime may still be read and freed afterwards.
 *
 * @param timeout_ms  how long to wait at most; 0 = 5 s; AGT_MS_NONE = for ever
 * @return AGT_OK; AGT_E_TIMEOUT if threads are still inside functions that do not return, or
 *         asynchronous tools were given up and have not completed: their number is in the message,
 *         and as long as they are the memory of the runtime is not reclaimed by
 *         agt_runtime_free(); AGT_E_INVALID on the loop thread; an error of the store. Closing
 *         twice is AGT_OK, or waits once more for such threads
 */
AGT_API agt_status agt_runtime_close(agt_runtime *runtime, uint32_t timeout_ms, agt_error *err);

/** Drop the runtime; closes it without waiting for functions that do not return, if need be. */
AGT_API void agt_runtime_free(agt_runtime *runtime);

/** Bring all spans and costs so far to the store.
 *
 * @param timeout_ms  how long to wait at most; 0 = not at all; AGT_MS_NONE = for ever
 * @return AGT_OK; AGT_E_TIMEOUT; AGT_E_CLOSED; AGT_E_INVALID on the loop thread; the store's error
 * @threads any but the loop's
 */
AGT_API agt_status agt_runtime_flush(agt_runtime *runtime, uint32_t timeout_ms, agt_error *err);

/** Parts of a runtime: borrowed, as long as it lives. @threads any */
AGT_API agt_tracer *agt_runtime_get_tracer(agt_runtime *runtime);
AGT_API agt_cost_tracker *agt_runtime_get_cost_tracker(agt_runtime *runtime);
AGT_API const agt_prices *agt_runtime_get_prices(agt_runtime *runtime);
AGT_API const agt_allocator *agt_runtime_get_allocator(agt_runtime *runtime);
AGT_API const agt_clock *agt_runtime_get_clock(agt_runtime *runtime);

/** Whether the caller is on the loop thread, where nothing may block. @threads any */
AGT_API bool agt_runtime_is_loop_thread(agt_runtime *runtime);

/**
 * Run @fn on the loop thread, at once or after a delay: for programs that answer agt_io from a
 * script, and for what must not run in two threads.
 *
 * @param delay_ms  0 = as soon as possible, in the order of the calls
 * @return AGT_OK: @fn runs once, or, if the runtime closes first, never; AGT_E_CLOSED; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_runtime_run_after(agt_runtime *runtime, uint32_t delay_ms,
                                                        void (*fn)(void *user_data),
                                                        void *user_data);

/* ---- cancel tokens ------------------------------------------------------------------------- */

/** A token; give it to any number of starts, and request once to cancel them all. */
AGT_API AGT_MUST_CHECK agt_status agt_cancel_new(agt_runtime *runtime, agt_cancel **ret_cancel);
AGT_API agt_cancel *agt_cancel_ref(agt_cancel *cancel);
AGT_API void agt_cancel_unref(agt_cancel *cancel);
/** Cancel what was started with the token, and whatever will be. @threads any, signal handlers not
 */
AGT_API void agt_cancel_request(agt_cancel *cancel);
AGT_API bool agt_cancel_is_requested(const agt_cancel *cancel);

/* ---- tasks --------------------------------------------------------------------------------- */

/**
 * Wait for the task.
 *
 * In a simulated runtime the caller runs it meanwhile; AGT_E_BUSY means that nothing is left that
 * could ever finish it.
 *
 * @param timeout_ms  0 = look only; AGT_MS_NONE = for ever
 * @return AGT_OK once it is done, however it ended; AGT_E_TIMEOUT; AGT_E_INVALID on the loop thread
 * @threads any but the loop's
 */
AGT_API AGT_MUST_CHECK agt_status agt_task_wait(agt_task *task, uint32_t timeout_ms);

/** Whether the task is done. @threads any */
AGT_API bool agt_task_is_done(const agt_task *task);

/** Ask it to stop; it will be done soon, with what it has. @threads any */
AGT_API void agt_task_cancel(agt_task *task);

/**
 * Have @fn called on the loop thread, exactly once, with no lock held, when the task is done; now,
 * if it is (from the loop, never from within this function). One per task.
 *
 * @return AGT_OK; AGT_E_EXISTS if there is one
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_task_on_done(agt_task *task,
                                                   void (*fn)(agt_task *task, void *user_data),
                                                   void *user_data);

AGT_API agt_task *agt_task_ref(agt_task *task);
/** Drop a reference; a task that runs goes on. */
AGT_API void agt_task_unref(agt_task *task);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_RUNTIME_H */
