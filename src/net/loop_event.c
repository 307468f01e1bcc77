/*
 * The real loop: one thread, libevent, an eventfd to wake it and a timerfd for the timer heap.
 *
 * One turn of the thread: run what is ready (jobs, due timers), arm the timerfd if the first timer
 * is earlier than what is armed, then wait in libevent.
 *
 * Waking. `state` says whether the thread is about to sleep. The thread stores SLEEPING and then
 * looks at the queue; a poster pushes and then looks at `state`. All four are sequentially
 * consistent, so one of the two always sees the other. The poster that turns SLEEPING into NOTIFIED
 * writes the eventfd; all others do nothing: one write per sleep, however many jobs are posted.
 *
 * Timers. The timerfd counts nanoseconds, where epoll's own timeout would count milliseconds. It is
 * set only when the thread goes to sleep and only if the first timer became earlier: a burst of
 * starts costs one system call, and starting and stopping a timeout that never fires costs none
 * (the thread then wakes once for nothing, at the time that was armed). Both descriptors are
 * edge-triggered: they are never read.
 *
 * libevent runs without locks and is touched by this thread only. It keeps no timers for us.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop_impl.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ORIGIN      "net/loop"
#define STACK_BYTES ((size_t)1024 * 1024)
#define NEVER       UINT64_MAX

/* Turns between two looks at the descriptors: bounds what a stream of jobs can delay. */
enum {
    turns_max = 16
};

enum thread_state {
    AWAKE,
    SLEEPING,
    NOTIFIED
};

struct agt__loop_event {
    struct event_base *base;
    struct event wake_event;
    struct event timer_event;
    int wake_fd;
    int timer_fd;
    uint64_t armed_ns; /* on the loop's clock; NEVER = the timerfd will not fire        */
    bool is_stopping;
    pthread_t thread; /* written before anything can be posted                         */
    agt__job stop_job;
    agt__loop *loop;
    char padding[64];
    _Atomic int state;
};

void agt__loop_event_awake(agt__loop *loop)
{
    atomic_store_explicit(&loop->event->state, AWAKE, memory_order_relaxed);
}

struct event_base *agt__loop_event_base(agt__loop *loop)
{
    return loop->event->base;
}

bool agt__loop_event_is_current(const agt__loop *loop)
{
    return pthread_equal(pthread_self(), loop->event->thread) != 0;
}

void agt__loop_event_wake(agt__loop *loop)
{
    agt__loop_event *event = loop->event;
    int state = atomic_load_explicit(&event->state, memory_order_seq_cst);
    if (state != SLEEPING || agt__loop_event_is_current(loop)) {
        return;
    }
    if (atomic_compare_exchange_strong_explicit(&event->state, &state, NOTIFIED,
                                                memory_order_seq_cst, memory_order_relaxed)) {
        const uint64_t one = 1;
        /* Fails only if the counter is full, which 2^64 wake-ups do not reach. */
        ssize_t written = write(event->wake_fd, &one, sizeof(one));
        (void)written;
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    agt__loop_event_awake(((agt__loop_event *)arg)->loop);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    agt__loop_event *event = arg;
    agt__loop_event_awake(event->loop);
    event->armed_ns = NEVER;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

/* Make the timerfd fire no later than the first timer. */
static void arm(agt__loop *loop, agt__loop_event *event)
{
    agt__timer *first = agt__heap_first(&loop->timers);
    if (first == NULL || first->due_ns >= event->armed_ns) {
        return;
    }
    struct itimerspec setting = {.it_value = timespec_of(first->due_ns)};
    int flags = TFD_TIMER_ABSTIME;
    if (loop->clock != agt_clock_get_system()) {
        /* Another clock has another origin: only the difference means anything. */
        uint64_t now_ns = agt__loop_now_ns(loop);
        setting.it_value = timespec_of(first->due_ns > now_ns ? first->due_ns - now_ns : 1);
        flags = 0;
    }
    if (setting.it_value.tv_sec == 0 && setting.it_value.tv_nsec == 0) {
        setting.it_value.tv_nsec = 1; /* zero would disarm */
    }
    int result = timerfd_settime(event->timer_fd, flags, &setting, NULL);
    AGT_ASSERT(result == 0);
    event->armed_ns = first->due_ns;
}

static void run_ready(agt__loop *loop)
{
    for (int turn = 0; turn < turns_max; turn++) {
        bool has_run = agt__loop_run_jobs(loop);
        if (agt__heap_first(&loop->timers) != NULL) {
            has_run = agt__loop_fire_timers(loop, agt__loop_now_ns(loop)) || has_run;
        }
        if (!has_run) {
            return;
        }
    }
}

static void wait_for_events(agt__loop *loop, agt__loop_event *event)
{
    arm(loop, event);
    int flags = EVLOOP_ONCE;
    atomic_store_explicit(&event->state, SLEEPING, memory_order_seq_cst);
    if (!agt__mpsc_is_empty(&loop->jobs)) {
        agt__loop_event_awake(loop);
        flags = EVLOOP_NONBLOCK;
    }
    (void)event_base_loop(event->base, flags);
    agt__loop_event_awake(loop);
}

static bool is_finished(agt__loop *loop, agt__loop_event *event)
{
    return event->is_stopping && agt__net_io_is_idle(loop->io) && agt__mpsc_is_empty(&loop->jobs);
}

static void *thread_main(void *arg)
{
    agt__loop *loop = arg;
    agt__loop_event *event = loop->event;
    for (;;) {
        run_ready(loop);
        if (is_finished(loop, event)) {
            return NULL;
        }
        wait_for_events(loop, event);
    }
}

static void on_stop(agt__job *job)
{
    agt__loop_event *event = (agt__loop_event *)((char *)job - offsetof(agt__loop_event, stop_job));
    event->is_stopping = true;
    agt__net_io_stop(event->loop->io);
}

static void free_event(agt__loop *loop)
{
    agt__loop_event *event = loop->event;
    if (event->base != NULL) {
        if (event_initialized(&event->wake_event)) {
            (void)event_del(&event->wake_event);
        }
        if (event_initialized(&event->timer_event)) {
            (void)event_del(&event->timer_event);
        }
        event_base_free(event->base);
    }
    if (event->wake_fd >= 0) {
        (void)close(event->wake_fd);
    }
    if (event->timer_fd >= 0) {
        (void)close(event->timer_fd);
    }
    agt__free(loop->allocator, event);
    loop->event = NULL;
}

/* A base without locks, on epoll whatever the environment says: edge triggering is relied upon. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    struct event_base *base = NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
        event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1) == 0) {
        base = event_base_new_with_config(config);
    }
    event_config_free(config);
    return base;
}

static agt_status add_descriptors(agt__loop_event *event, agt_error *err)
{
    const short what = EV_READ | EV_ET | EV_PERSIST;
    event->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event->timer_fd =
        event->wake_fd < 0 ? -1 : timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (event->timer_fd < 0) {
        return agt__error_set_errno(err, AGT_E_IO, ORIGIN, errno,
                                    "cannot make the descriptors of the event loop");
    }
    if (event_assign(&event->wake_event, event->base, event->wake_fd, what, on_wake, event) != 0 ||
        event_assign(&event->timer_event, event->base, event->timer_fd, what, on_timer, event) !=
            0 ||
        event_add(&event->wake_event, NULL) != 0 || event_add(&event->timer_event, NULL) != 0) {
        return agt__error_set(err, AGT_E_IO, ORIGIN,
                              "cannot watch the descriptors of the event loop");
    }
    return AGT_OK;
}

agt_status agt__loop_event_start(agt__loop *loop, agt_error *err)
{
    agt__loop_event *event = agt__calloc(loop->allocator, 1, sizeof(*event));
    if (event == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    loop->event = event;
    event->loop = loop;
    event->wake_fd = event->timer_fd = -1;
    event->armed_ns = NEVER;
    event->stop_job.run = on_stop;
    event->base = new_base();
    agt_status status = AGT_OK;
    if (event->base == NULL) {
        status = agt__error_set_errno(err, AGT_E_IO, ORIGIN, errno, "cannot make an event loop");
    } else {
        status = add_descriptors(event, err);
    }
    if (status == AGT_OK) {
        status = agt__thread_start(&event->thread, "agt-loop", STACK_BYTES, thread_main, loop, err);
    }
    if (status != AGT_OK) {
        free_event(loop);
    }
    return status;
}

void agt__loop_event_stop(agt__loop *loop)
{
    agt__loop_post(loop, &loop->event->stop_job);
    (void)pthread_join(loop->event->thread, NULL);
    while (atomic_load_explicit(&loop->posting, memory_order_acquire) != 0) {
        (void)sched_yield(); /* between a push and the end of a write: soon over */
    }
    free_event(loop);
}
