/*
 * Tasks. `done` is set once, under the mutex, and read without it. The callback goes through the
 * loop's queue even when the task is done already, so that it is never called from within
 * agt_task_on_done() and never under a lock; the queued job holds a reference of its own.
 *
 * In a simulated runtime, waiting runs the loop on the caller's thread.
 */
#include "runtime/task.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"
#include "runtime/runtime.h"

#include <stdatomic.h>

static agt_task *task_of(agt__job *job)
{
    return (agt_task *)(void *)((char *)job - offsetof(agt_task, job));
}

static void run_on_done(agt__job *job)
{
    agt_task *task = task_of(job);
    task->on_done(task, task->user_data);
    agt_task_unref(task);
}

agt_status agt__task_new(agt_runtime *runtime, const agt__task_table *table, void *payload,
                         agt_task **ret_task)
{
    agt_task *task = agt__calloc(runtime->allocator, 1, sizeof(*task));
    if (task == NULL) {
        return AGT_E_NOMEM;
    }
    if (pthread_mutex_init(&task->mutex, NULL) != 0) {
        agt__free(runtime->allocator, task);
        return AGT_E_NOMEM;
    }
    if (agt__cond_init(&task->changed) != AGT_OK) {
        (void)pthread_mutex_destroy(&task->mutex);
        agt__free(runtime->allocator, task);
        return AGT_E_NOMEM;
    }
    task->table = table;
    task->runtime = agt__runtime_ref(runtime);
    task->payload = payload;
    task->job.run = run_on_done;
    atomic_init(&task->refs, 1);
    atomic_init(&task->done, 0);
    atomic_init(&task->cancel_wanted, false);
    *ret_task = task;
    return AGT_OK;
}

agt_task *agt_task_ref(agt_task *task)
{
    if (task != NULL) {
        atomic_fetch_add_explicit(&task->refs, 1, memory_order_relaxed);
    }
    return task;
}

void agt_task_unref(agt_task *task)
{
    if (task == NULL || atomic_fetch_sub_explicit(&task->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    agt_runtime *runtime = task->runtime;
    task->table->destroy(task);
    (void)pthread_cond_destroy(&task->changed);
    (void)pthread_mutex_destroy(&task->mutex);
    agt__free(runtime->allocator, task);
    agt__runtime_unref(runtime);
}

void agt__task_finish(agt_task *task)
{
    (void)pthread_mutex_lock(&task->mutex);
    AGT_ASSERT(atomic_load_explicit(&task->done, memory_order_relaxed) == 0);
    atomic_store_explicit(&task->done, 1, memory_order_release);
    bool tell = task->on_done != NULL;
    (void)pthread_cond_broadcast(&task->changed);
    (void)pthread_mutex_unlock(&task->mutex);
    if (tell) {
        (void)agt_task_ref(task);
        agt__loop_post(task->runtime->loop, &task->job);
    }
}

bool agt_task_is_done(const agt_task *task)
{
    return task != NULL && atomic_load_explicit(&task->done, memory_order_acquire) != 0;
}

agt_status agt_task_on_done(agt_task *task, void (*fn)(agt_task *task, void *user_data),
                            void *user_data)
{
    if (task == NULL || fn == NULL) {
        return AGT_E_INVALID;
    }
    (void)pthread_mutex_lock(&task->mutex);
    if (task->on_done != NULL) {
        (void)pthread_mutex_unlock(&task->mutex);
        return AGT_E_EXISTS;
    }
    task->on_done = fn;
    task->user_data = user_data;
    bool tell = agt_task_is_done(task);
    (void)pthread_mutex_unlock(&task->mutex);
    if (tell) {
        (void)agt_task_ref(task);
        agt__loop_post(task->runtime->loop, &task->job);
    }
    return AGT_OK;
}

void agt_task_cancel(agt_task *task)
{
    if (task != NULL && !agt_task_is_done(task)) {
        atomic_store_explicit(&task->cancel_wanted, true, memory_order_release);
        task->table->cancel(task);
    }
}

static bool is_done(void *ctx)
{
    return agt_task_is_done(ctx);
}

static void do_nothing(agt__timer *timer)
{
    (void)timer;
}

static agt_status wait_simulated(agt_task *task, uint32_t timeout_ms)
{
    agt__loop *loop = task->runtime->loop;
    if (timeout_ms == AGT_MS_NONE) {
        return agt__loop_pump(loop, is_done, task, UINT64_MAX);
    }
    /* The wait is something that happens too: virtual time passes although nothing else does. */
    uint64_t until = agt__loop_now_ns(loop) + (uint64_t)timeout_ms * 1000000u;
    agt__timer timer = {.fire = do_nothing};
    agt_status status = agt__loop_timer_start(loop, &timer, until);
    if (status == AGT_OK) {
        status = agt__loop_pump(loop, is_done, task, until);
        agt__loop_timer_stop(loop, &timer);
    }
    return status == AGT_E_BUSY ? AGT_E_TIMEOUT : status;
}

static agt_status wait_real(agt_task *task, uint32_t timeout_ms)
{
    const agt_clock *clock = agt_clock_get_system(); /* the clock condition variables know */
    uint64_t until = timeout_ms == AGT_MS_NONE
                         ? UINT64_MAX
                         : clock->get_monotonic_ns(clock->ctx) + (uint64_t)timeout_ms * 1000000u;
    (void)pthread_mutex_lock(&task->mutex);
    bool in_time = true;
    while (!agt_task_is_done(task) && in_time) {
        in_time = agt__cond_wait_until(&task->changed, &task->mutex, until);
    }
    bool done = agt_task_is_done(task);
    (void)pthread_mutex_unlock(&task->mutex);
    return done ? AGT_OK : AGT_E_TIMEOUT;
}

agt_status agt_task_wait(agt_task *task, uint32_t timeout_ms)
{
    if (task == NULL) {
        return AGT_E_INVALID;
    }
    if (agt_task_is_done(task)) {
        return AGT_OK;
    }
    if (task->runtime->fork_generation != agt__fork_get_generation()) {
        return AGT_E_FORKED;
    }
    if (agt__loop_is_current(task->runtime->loop)) {
        return AGT_E_INVALID;
    }
    return task->runtime->simulated ? wait_simulated(task, timeout_ms)
                                    : wait_real(task, timeout_ms);
}
