/*
 * What both kinds of loop have in common: the queue of jobs, the timer heap, creation and the end.
 *
 * A loop is a queue that any thread may push to, a heap of timers that only its own thread touches,
 * and a backend that decides when to look at them: loop_event.c waits in libevent on a thread of
 * its own, loop_sim.c runs on the caller's thread with time that jumps. Jobs are taken in batches:
 * what a batch posts runs in the next one, and the same holds for timers, so that neither can keep
 * the other, or sockets, from their turn.
 *
 * Threads: agt__loop_post, the time functions and is_current from any; the rest on the loop thread.
 *
 * fork(): the child has the memory of a loop and not its thread, and shares its epoll instance with
 * the parent. There is nothing it could safely undo, so freeing a loop there does nothing.
 */
#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "net/loop_impl.h"

#include <unistd.h>

#define ORIGIN "net/loop"

static void free_parts(agt__loop *loop)
{
    agt__heap_deinit(&loop->timers);
    agt__free(loop->allocator, loop->helper_path);
    agt__free(loop->allocator, loop->user_agent);
    agt__free(loop->allocator, loop);
}

static agt_status copy_texts(agt__loop *loop, const agt__loop_config *config, agt_error *err)
{
    const char *agent =
        config->user_agent != NULL ? config->user_agent : "agent_sdk/" AGT_VERSION_STRING;
    loop->user_agent = agt__strdup(loop->allocator, agent);
    if (config->helper_path != NULL) {
        loop->helper_path = agt__strdup(loop->allocator, config->helper_path);
    }
    if (loop->user_agent == NULL || (config->helper_path != NULL && loop->helper_path == NULL)) {
        return agt__error_nomem(err, ORIGIN);
    }
    return AGT_OK;
}

static agt_status start(agt__loop *loop, const agt__loop_config *config, agt_error *err)
{
    agt_status status = copy_texts(loop, config, err);
    if (status != AGT_OK) {
        return status;
    }
    if (config->simulated) {
        agt__loop_sim_init(loop, config);
        return AGT_OK;
    }
    status = agt__net_io_new(loop, &loop->io, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__loop_event_start(loop, err);
    if (status != AGT_OK) {
        agt__net_io_free(loop->io);
    }
    return status;
}

agt_status agt__loop_new(const agt__loop_config *config, agt__loop **ret_loop, agt_error *err)
{
    agt__loop_config own;
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__loop *loop = agt__calloc(own.allocator, 1, sizeof(*loop));
    if (loop == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    loop->allocator = own.allocator;
    loop->clock = own.clock != NULL ? own.clock : agt_clock_get_system();
    loop->simulated = own.simulated;
    loop->owner_pid = getpid();
    agt__heap_init(&loop->timers, own.allocator);
    status = start(loop, &own, err);
    if (status != AGT_OK) {
        free_parts(loop);
        return status;
    }
    *ret_loop = loop;
    return AGT_OK;
}

void agt__loop_free(agt__loop *loop)
{
    if (loop == NULL || loop->owner_pid != getpid()) {
        return;
    }
    AGT_ASSERT(!agt__loop_is_current(loop));
    if (loop->simulated) {
        agt__loop_sim_stop(loop);
    } else {
        agt__loop_event_stop(loop);
        agt__net_io_free(loop->io);
    }
    AGT_ASSERT(agt__mpsc_is_empty(&loop->jobs));
    free_parts(loop);
}

void agt__loop_post(agt__loop *loop, agt__job *job)
{
    AGT_DEBUG_ASSERT(job->run != NULL);
    if (loop->simulated || agt__loop_event_is_current(loop)) {
        (void)agt__mpsc_push(&loop->jobs, &job->node);
        return;
    }
    /* What is posted may be the last thing that keeps the loop from being freed: it may run, and
     * somebody free the loop, before this thread has woken it. */
    (void)atomic_fetch_add_explicit(&loop->posting, 1, memory_order_relaxed);
    (void)agt__mpsc_push(&loop->jobs, &job->node);
    agt__loop_event_wake(loop);
    (void)atomic_fetch_sub_explicit(&loop->posting, 1, memory_order_release);
}

bool agt__loop_is_current(const agt__loop *loop)
{
    return loop->simulated ? agt__loop_sim_is_current(loop) : agt__loop_event_is_current(loop);
}

bool agt__loop_is_simulated(const agt__loop *loop)
{
    return loop->simulated;
}

uint64_t agt__loop_now_ns(agt__loop *loop)
{
    return loop->clock->get_monotonic_ns(loop->clock->ctx);
}

uint64_t agt__loop_unix_ns(agt__loop *loop)
{
    return loop->clock->get_unix_ns(loop->clock->ctx);
}

const agt_clock *agt__loop_get_clock(agt__loop *loop)
{
    return loop->clock;
}

const agt_io *agt__loop_get_io(agt__loop *loop)
{
    return loop->simulated ? NULL : agt__net_io_get_table(loop->io);
}

agt_status agt__loop_timer_start(agt__loop *loop, agt__timer *timer, uint64_t due_ns)
{
    /* The backend compares the first due time with what it armed when it goes to sleep, so that a
     * burst of starts costs no system call. */
    return agt__heap_start(&loop->timers, timer, due_ns);
}

void agt__loop_timer_stop(agt__loop *loop, agt__timer *timer)
{
    agt__heap_stop(&loop->timers, timer);
}

agt_status agt__loop_pump(agt__loop *loop, bool (*is_done)(void *ctx), void *ctx, uint64_t until_ns)
{
    return loop->simulated ? agt__loop_sim_pump(loop, is_done, ctx, until_ns) : AGT_E_INVALID;
}

bool agt__loop_run_jobs(agt__loop *loop)
{
    agt__mpsc_node *node = agt__mpsc_take_all(&loop->jobs);
    if (node == NULL) {
        return false;
    }
    while (node != NULL) {
        agt__job *job = (agt__job *)node;
        node = node->next; /* before the job runs: it may free itself, or be posted again */
        job->run(job);
    }
    return true;
}

void agt__loop_watch_timers(agt__loop *loop, void (*fn)(void *ctx, uint64_t due_ns), void *ctx)
{
    loop->on_timer = fn;
    loop->on_timer_ctx = ctx;
}

uint64_t agt__loop_get_next_due_ns(agt__loop *loop)
{
    const agt__timer *first = agt__heap_first(&loop->timers);
    return first != NULL ? first->due_ns : UINT64_MAX;
}

void agt__loop_fire(agt__loop *loop, agt__timer *timer)
{
    if (loop->on_timer != NULL) {
        loop->on_timer(loop->on_timer_ctx, timer->due_ns);
    }
    timer->fire(timer);
}

bool agt__loop_fire_timers(agt__loop *loop, uint64_t now_ns)
{
    const uint64_t sequence_end = loop->timers.sequence;
    bool has_fired = false;
    for (;;) {
        agt__timer *first = agt__heap_first(&loop->timers);
        if (first == NULL || first->due_ns > now_ns || first->sequence >= sequence_end) {
            return has_fired;
        }
        agt__heap_stop(&loop->timers, first);
        agt__loop_fire(loop, first);
        has_fired = true;
    }
}
