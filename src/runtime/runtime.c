/*
 * Making and ending a runtime.
 *
 * The order of birth is the order of need: clock and loop, telemetry, exporter, workers. The order
 * of death is the reverse, after all activities are over: every graph under way is an activity;
 * closing cancels them on the loop and waits until the last has ended. Functions that do not return
 * keep their worker thread: the runtime is then closed all the same, and its memory stays, because
 * the function may still look at it, unless whoever closes or frees it later finds that they did.
 */
#include "runtime/runtime.h"

#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"

#include <stdatomic.h>

#define ORIGIN              "runtime"
#define CLOSE_MS_DEFAULT    5000u
#define FREE_MS             1000u /* for threads about to end; a stuck one is left behind */
#define WORKERS_MAX_DEFAULT 64u

/* The random source of a simulated runtime: a generator with a seed. One thread uses it. */
static agt_status seeded_fill(void *ctx, void *bytes, size_t size)
{
    unsigned char *target = bytes;
    for (size_t i = 0; i < size; i++) {
        target[i] = (unsigned char)(agt__prng_next(ctx) >> 32);
    }
    return AGT_OK;
}

static agt_status make_loop(agt_runtime *runtime, const agt_runtime_config *config, agt_error *err)
{
    agt__loop_config loop_config = {.struct_size = sizeof(loop_config),
                                    .allocator = config->allocator,
                                    .clock = config->clock,
                                    .simulated = config->simulated,
                                    .helper_path = config->helper_path};
    agt_status status = agt__loop_new(&loop_config, &runtime->loop, err);
    if (status == AGT_OK) {
        runtime->clock = agt__loop_get_clock(runtime->loop);
        runtime->io = config->io != NULL ? config->io : agt__loop_get_io(runtime->loop);
    }
    return status;
}

static agt_status make_telemetry(agt_runtime *runtime, const agt_runtime_config *config,
                                 agt_error *err)
{
    agt__prng prng;
    agt__prng_seed(&prng, config->seed);
    const agt_random seeded = {seeded_fill, &prng};
    agt__tracer_config tracer_config = {
        .struct_size = sizeof(tracer_config),
        .allocator = config->allocator,
        .clock = runtime->clock,
        .random = config->random == NULL && (config->simulated || config->seed != 0)
                      ? &seeded
                      : config->random,
        .service_name = config->service_name,
        .spans_max = config->spans_max,
        .silent = config->silent,
    };
    agt_status status = agt__prng_init(&runtime->prng, tracer_config.random);
    if (status == AGT_OK) {
        status = agt__tracer_new(&tracer_config, &runtime->tracer, err);
    }
    if (status == AGT_OK) {
        status = agt__cost_tracker_new(config->allocator, &runtime->costs);
    }
    if (status == AGT_OK) {
        status = agt_prices_new(config->allocator, config->prices, &runtime->prices, err);
    }
    if (status == AGT_OK) {
        agt__exporter_config exporter_config = {
            .struct_size = sizeof(exporter_config),
            .allocator = config->allocator,
            .tracer = runtime->tracer,
            .costs = runtime->costs,
            .store_path = config->store_path,
            .threadless = config->simulated,
        };
        status = agt__exporter_new(&exporter_config, &runtime->exporter, err);
    }
    if (status == AGT_OK && config->store_path != NULL) {
        status = agt__keep_new(config->allocator, config->store_path, &runtime->keep);
    }
    return status == AGT_E_NOMEM ? agt__error_nomem(err, ORIGIN) : status;
}

static agt_status make_parts(agt_runtime *runtime, const agt_runtime_config *config, agt_error *err)
{
    agt_status status = make_loop(runtime, config, err);
    if (status == AGT_OK) {
        status = make_telemetry(runtime, config, err);
    }
    if (status == AGT_OK && !config->simulated) {
        uint32_t threads = config->workers_max != 0 ? config->workers_max : WORKERS_MAX_DEFAULT;
        status = agt__workers_new(config->allocator, threads, &runtime->workers, err);
        if (status == AGT_E_NOMEM) {
            status = agt__error_nomem(err, ORIGIN);
        }
    }
    return status;
}

static agt_status make_locks(agt_runtime *runtime)
{
    if (pthread_mutex_init(&runtime->close_mutex, NULL) != 0) {
        return AGT_E_NOMEM;
    }
    if (pthread_mutex_init(&runtime->idle_mutex, NULL) != 0) {
        (void)pthread_mutex_destroy(&runtime->close_mutex);
        return AGT_E_NOMEM;
    }
    if (agt__cond_init(&runtime->idle_changed) != AGT_OK) {
        (void)pthread_mutex_destroy(&runtime->idle_mutex);
        (void)pthread_mutex_destroy(&runtime->close_mutex);
        return AGT_E_NOMEM;
    }
    return AGT_OK;
}

/* Free the parts; no thread runs any more, or was ever started. */
static void free_parts(agt_runtime *runtime)
{
    agt__workers_free(runtime->workers);
    agt__keep_free(runtime->keep);
    agt__exporter_free(runtime->exporter);
    agt__loop_free(runtime->loop);
    agt_prices_free(runtime->prices);
    agt__cost_tracker_free(runtime->costs);
    agt__tracer_free(runtime->tracer);
    (void)pthread_cond_destroy(&runtime->idle_changed);
    (void)pthread_mutex_destroy(&runtime->idle_mutex);
    (void)pthread_mutex_destroy(&runtime->close_mutex);
    if (runtime->tape != NULL) {
        runtime->free_tape(runtime->tape);
    }
    agt__free(runtime->allocator, runtime);
}

agt_status agt_runtime_new(const agt_runtime_config *config, agt_runtime **ret_runtime,
                           agt_error *err)
{
    agt_runtime_config own;
    if (ret_runtime == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "ret_runtime is NULL");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    agt_runtime *runtime = agt__calloc(own.allocator, 1, sizeof(*runtime));
    if (runtime == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    runtime->allocator = own.allocator != NULL ? own.allocator : agt_allocator_get_default();
    runtime->simulated = own.simulated;
    runtime->stored = own.store_path != NULL;
    runtime->seed = own.seed;
    runtime->fork_generation = agt__fork_get_generation();
    atomic_init(&runtime->refs, 1);
    atomic_init(&runtime->closing, false);
    if (make_locks(runtime) != AGT_OK) {
        agt__free(runtime->allocator, runtime);
        return agt__error_nomem(err, ORIGIN);
    }
    status = make_parts(runtime, &own, err);
    if (status != AGT_OK) {
        free_parts(runtime);
        return status;
    }
    *ret_runtime = runtime;
    return AGT_OK;
}

agt_status agt__runtime_check(const agt_runtime *runtime, agt_error *err)
{
    if (runtime->fork_generation != agt__fork_get_generation()) {
        return agt__error_set(err, AGT_E_FORKED, ORIGIN,
                              "this runtime belongs to the parent process: make a new one after "
                              "fork()");
    }
    if (atomic_load_explicit(&runtime->closing, memory_order_acquire)) {
        return agt__error_set(err, AGT_E_CLOSED, ORIGIN, "the runtime is closed");
    }
    return AGT_OK;
}

/* ---- activities ---------------------------------------------------------------------------- */

agt_status agt__runtime_begin_activity(agt_runtime *runtime, agt_error *err)
{
    agt_status status = agt__runtime_check(runtime, err);
    if (status != AGT_OK) {
        return status;
    }
    /* Again under the mutex: either closing sees this activity, or this sees that it is closing. */
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    status = agt__runtime_check(runtime, err);
    runtime->activity_count += status == AGT_OK ? 1 : 0;
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
    return status;
}

void agt__runtime_extend_activity(agt_runtime *runtime)
{
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    runtime->activity_count++;
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
}

void agt__runtime_link_activity(agt_runtime *runtime, agt__activity *activity)
{
    AGT_ASSERT(!activity->linked);
    activity->linked = true;
    activity->previous = NULL;
    activity->next = runtime->activities;
    if (activity->next != NULL) {
        activity->next->previous = activity;
    }
    runtime->activities = activity;
    if (runtime->activities_cancelled) {
        activity->cancel(activity);
    }
}

void agt__runtime_end_activity(agt_runtime *runtime, agt__activity *activity)
{
    if (activity->linked) {
        activity->linked = false;
        if (activity->previous != NULL) {
            activity->previous->next = activity->next;
        } else {
            runtime->activities = activity->next;
        }
        if (activity->next != NULL) {
            activity->next->previous = activity->previous;
        }
    }
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    AGT_ASSERT(runtime->activity_count > 0);
    runtime->activity_count--;
    (void)pthread_cond_broadcast(&runtime->idle_changed);
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void cancel_activities(agt__job *job)
{
    agt_runtime *runtime = (agt_runtime *)(void *)((char *)job - offsetof(agt_runtime, close_job));
    runtime->activities_cancelled = true;
    agt__activity *activity = runtime->activities;
    while (activity != NULL) {
        agt__activity *next = activity->next; /* cancelling may end this one */
        activity->cancel(activity);
        activity = next;
    }
}

static bool is_idle(void *ctx)
{
    agt_runtime *runtime = ctx;
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    bool idle = runtime->activity_count == 0;
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
    return idle;
}

static bool is_never(void *ctx)
{
    (void)ctx;
    return false;
}

static void await_idle(agt_runtime *runtime, uint64_t deadline_ns)
{
    if (runtime->simulated) {
        (void)agt__loop_pump(runtime->loop, is_idle, runtime, UINT64_MAX);
        /* What was posted meanwhile holds references: let it run, without time passing. */
        (void)agt__loop_pump(runtime->loop, is_never, NULL, agt__loop_now_ns(runtime->loop));
        return;
    }
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    bool in_time = true;
    while (runtime->activity_count > 0 && in_time) {
        in_time = agt__cond_wait_until(&runtime->idle_changed, &runtime->idle_mutex, deadline_ns);
    }
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
}

static void note_passed(agt__job *job)
{
    agt_runtime *runtime = (agt_runtime *)(void *)((char *)job - offsetof(agt_runtime, pass_job));
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    runtime->passed = true;
    (void)pthread_cond_broadcast(&runtime->idle_changed);
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
}

/* Wait until the loop has done all that was posted so far. Who ends the last activity wakes the
 * closer before it drops its own references: without this the last one could fall after
 * agt_runtime_free() has returned, and with it memory be used that the program has taken away. */
static void pass_loop(agt_runtime *runtime, uint64_t deadline_ns)
{
    if (runtime->simulated) {
        return; /* await_idle() has run everything */
    }
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    runtime->passed = false;
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
    runtime->pass_job.run = note_passed;
    agt__loop_post(runtime->loop, &runtime->pass_job);
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    bool in_time = true;
    while (!runtime->passed && in_time) {
        in_time = agt__cond_wait_until(&runtime->idle_changed, &runtime->idle_mutex, deadline_ns);
    }
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
}

static uint32_t left_ms(uint64_t deadline_ns)
{
    const agt_clock *clock = agt_clock_get_system();
    uint64_t now = clock->get_monotonic_ns(clock->ctx);
    if (deadline_ns == UINT64_MAX) {
        return AGT_MS_NONE;
    }
    return deadline_ns > now ? (uint32_t)((deadline_ns - now) / 1000000u) + 1 : 1;
}

static uint64_t get_deadline_ns(uint32_t wait_ms)
{
    const agt_clock *clock = agt_clock_get_system();
    return wait_ms == AGT_MS_NONE
               ? UINT64_MAX
               : clock->get_monotonic_ns(clock->ctx) + wait_ms * UINT64_C(1000000);
}

static agt_status leave_behind(agt_runtime *runtime, uint32_t stuck, agt_error *err)
{
    runtime->abandoned = true;
    return agt__error_set(err, AGT_E_TIMEOUT, ORIGIN,
                          "%u worker thread%s still inside a tool that does not return: the "
                          "runtime is closed, its memory is not reclaimed",
                          stuck, stuck == 1 ? " is" : "s are");
}

/* Asynchronous tools that have not completed hold on to the runtime, and nobody can make them. */
static agt_status tell_forsaken(agt_runtime *runtime, agt_error *err)
{
    uint32_t count = atomic_load_explicit(&runtime->forsaken, memory_order_acquire);
    if (count == 0) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_TIMEOUT, ORIGIN,
                          "%u asynchronous tool call%s given up and never completed "
                          "(agt_tool_complete()): the runtime is closed, its memory is not "
                          "reclaimed before that",
                          count, count == 1 ? " was" : "s were");
}

static agt_status close_once(agt_runtime *runtime, uint64_t deadline_ns, agt_error *err)
{
    (void)pthread_mutex_lock(&runtime->idle_mutex);
    atomic_store_explicit(&runtime->closing, true, memory_order_release);
    (void)pthread_mutex_unlock(&runtime->idle_mutex);
    runtime->close_job.run = cancel_activities;
    agt__loop_post(runtime->loop, &runtime->close_job);
    await_idle(runtime, deadline_ns);
    uint32_t stuck = 0;
    if (runtime->workers != NULL) {
        stuck = agt__workers_close(runtime->workers, deadline_ns);
    }
    pass_loop(runtime, deadline_ns); /* after the workers: their last word goes to the loop */
    if (stuck == 0) {                /* else a thread may be inside it */
        agt__keep_close(runtime->keep);
    }
    agt_status status = agt__exporter_close(runtime->exporter, left_ms(deadline_ns), err);
    runtime->closed = true;
    if (stuck > 0) {
        return leave_behind(runtime, stuck, err);
    }
    return status == AGT_OK ? tell_forsaken(runtime, err) : status;
}

/* The functions that did not return may have done so by now. */
static agt_status close_again(agt_runtime *runtime, uint64_t deadline_ns, agt_error *err)
{
    await_idle(runtime, deadline_ns);
    uint32_t stuck =
        runtime->workers != NULL ? agt__workers_close(runtime->workers, deadline_ns) : 0;
    /* Callbacks of tasks may have been asked for since; the loop is not freed before them. */
    pass_loop(runtime, get_deadline_ns(FREE_MS));
    if (stuck > 0) {
        return leave_behind(runtime, stuck, err);
    }
    runtime->abandoned = false;
    return tell_forsaken(runtime, err);
}

/* Close, waiting @wait_ms, or if somebody closed it already wait once more, @again_ms. */
static agt_status close_within(agt_runtime *runtime, uint32_t wait_ms, uint32_t again_ms,
                               agt_error *err)
{
    (void)pthread_mutex_lock(&runtime->close_mutex);
    agt_status status = runtime->closed ? close_again(runtime, get_deadline_ns(again_ms), err)
                                        : close_once(runtime, get_deadline_ns(wait_ms), err);
    (void)pthread_mutex_unlock(&runtime->close_mutex);
    return status;
}

agt_status agt_runtime_close(agt_runtime *runtime, uint32_t timeout_ms, agt_error *err)
{
    if (runtime == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "runtime is NULL");
    }
    if (runtime->fork_generation != agt__fork_get_generation()) {
        return agt__error_set(err, AGT_E_FORKED, ORIGIN,
                              "this runtime belongs to the parent process");
    }
    if (agt__loop_is_current(runtime->loop)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "a runtime cannot be closed on its own loop thread");
    }
    uint32_t wait_ms = timeout_ms != 0 ? timeout_ms : CLOSE_MS_DEFAULT;
    return close_within(runtime, wait_ms, wait_ms, err);
}

agt_runtime *agt__runtime_ref(agt_runtime *runtime)
{
    atomic_fetch_add_explicit(&runtime->refs, 1, memory_order_relaxed);
    return runtime;
}

/* Close, if nobody did, and free. Not on the loop thread, which is joined here. */
static void *bury(void *arg)
{
    agt_runtime *runtime = arg;
    (void)close_within(runtime, FREE_MS, 0, NULL);
    if (!runtime->abandoned) { /* else threads may still look at it: see the top */
        free_parts(runtime);
    }
    return NULL;
}

void agt__runtime_unref(agt_runtime *runtime)
{
    if (atomic_fetch_sub_explicit(&runtime->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (runtime->fork_generation != agt__fork_get_generation()) {
        return; /* its threads live in another process */
    }
    if (runtime->simulated || !agt__loop_is_current(runtime->loop)) {
        (void)bury(runtime);
        return;
    }
    /* The last reference fell inside a callback on the loop thread, which cannot join itself. This
     * is the one thread nobody waits for; if it cannot be had, the memory stays. */
    pthread_t thread;
    if (agt__thread_start(&thread, "agt-bury", 0, bury, runtime, NULL) == AGT_OK) {
        (void)pthread_detach(thread);
    }
}

void agt_runtime_free(agt_runtime *runtime)
{
    if (runtime == NULL) {
        return;
    }
    if (agt__loop_is_current(runtime->loop)) {
        atomic_store_explicit(&runtime->closing, true, memory_order_release);
    } else if (runtime->fork_generation == agt__fork_get_generation()) {
        (void)close_within(runtime, FREE_MS, 0, NULL);
    }
    agt__runtime_unref(runtime);
}

/* ---- parts and jobs ------------------------------------------------------------------------ */

agt_status agt_runtime_flush(agt_runtime *runtime, uint32_t timeout_ms, agt_error *err)
{
    if (runtime == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "runtime is NULL");
    }
    agt_status status = agt__runtime_check(runtime, err);
    if (status != AGT_OK) {
        return status;
    }
    if (!runtime->simulated && agt__loop_is_current(runtime->loop)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "flush would block the loop thread");
    }
    return agt__exporter_flush(runtime->exporter, timeout_ms, err);
}

agt_tracer *agt_runtime_get_tracer(agt_runtime *runtime)
{
    return runtime->tracer;
}

agt_cost_tracker *agt_runtime_get_cost_tracker(agt_runtime *runtime)
{
    return runtime->costs;
}

const agt_prices *agt_runtime_get_prices(agt_runtime *runtime)
{
    return runtime->prices;
}

const agt_allocator *agt_runtime_get_allocator(agt_runtime *runtime)
{
    return runtime->allocator;
}

const agt_clock *agt_runtime_get_clock(agt_runtime *runtime)
{
    return runtime->clock;
}

bool agt_runtime_is_loop_thread(agt_runtime *runtime)
{
    return agt__loop_is_current(runtime->loop);
}

typedef struct delayed_job {
    agt__job job; /* first */
    agt__timer timer;
    agt__activity activity;
    agt_runtime *runtime;
    uint64_t due_ns;
    void (*fn)(void *user_data);
    void *user_data;
} delayed_job;

static void end_delayed(delayed_job *delayed)
{
    agt_runtime *runtime = delayed->runtime;
    agt__runtime_end_activity(runtime, &delayed->activity);
    agt__free(runtime->allocator, delayed);
}

static void fire_delayed(agt__timer *timer)
{
    delayed_job *delayed = (delayed_job *)(void *)((char *)timer - offsetof(delayed_job, timer));
    delayed->fn(delayed->user_data);
    end_delayed(delayed);
}

static void cancel_delayed(agt__activity *activity)
{
    delayed_job *delayed =
        (delayed_job *)(void *)((char *)activity - offsetof(delayed_job, activity));
    agt__loop_timer_stop(delayed->runtime->loop, &delayed->timer);
    end_delayed(delayed);
}

static void start_delayed(agt__job *job)
{
    delayed_job *delayed = (delayed_job *)(void *)job;
    agt_runtime *runtime = delayed->runtime;
    if (runtime->activities_cancelled) {
        end_delayed(delayed);
        return;
    }
    if (delayed->due_ns <= agt__runtime_now_ns(runtime) ||
        agt__loop_timer_start(runtime->loop, &delayed->timer, delayed->due_ns) != AGT_OK) {
        fire_delayed(&delayed->timer); /* better early than never */
        return;
    }
    agt__runtime_link_activity(runtime, &delayed->activity);
}

agt_status agt_runtime_run_after(agt_runtime *runtime, uint32_t delay_ms,
                                 void (*fn)(void *user_data), void *user_data)
{
    if (runtime == NULL || fn == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt__runtime_begin_activity(runtime, NULL);
    if (status != AGT_OK) {
        return status;
    }
    delayed_job *delayed = agt__calloc(runtime->allocator, 1, sizeof(*delayed));
    if (delayed == NULL) {
        agt__runtime_end_activity(runtime, &(agt__activity){.linked = false});
        return AGT_E_NOMEM;
    }
    delayed->job.run = start_delayed;
    delayed->timer.fire = fire_delayed;
    delayed->activity.cancel = cancel_delayed;
    delayed->runtime = runtime;
    delayed->due_ns =
        delay_ms != 0 ? agt__runtime_now_ns(runtime) + (uint64_t)delay_ms * 1000000u : 0;
    delayed->fn = fn;
    delayed->user_data = user_data;
    agt__loop_post(runtime->loop, &delayed->job);
    return AGT_OK;
}
