/*
 * Streams of events: a queue between a run, on the loop thread, and one reader.
 *
 * The run must not wait, so the queue takes whatever is told, and holds the run when it is full
 * (agt__graph_hold()): what still comes then is what was under way, one piece of each model, the
 * ends of tools, so that the queue is bounded although nothing is refused. When half of it is read
 * a job on the loop lets the run go on.
 *
 * The stream has two owners: the program, until agt_events_free(), and the run, until the agent's
 * call is settled; that is when the last event is made, from memory that was set aside at the
 * start. An event that could not be made is a gap in the stream: it ends there, with AGT_E_NOMEM,
 * and the run is cancelled.
 *
 * Everything that is not a program's call happens on the loop: telling, holding, and the function
 * that gets events, which is called from a job and never from within what it is told of.
 *
 * Threads: all members below `mutex` are guarded by it, those below `graph` are the loop's. No
 * function is called with the mutex held.
 */
#include "agents/events.h"

#include "agents/agent.h"
#include "agents/reply.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/value.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char origin[] = "agents/events";

struct agt_events {
    const agt_allocator *allocator;
    agt_runtime *runtime; /* referenced */
    agt_task *task;       /* referenced; set before the program has the stream */
    _Atomic uint32_t refs;
    pthread_cond_t changed;

    pthread_mutex_t mutex;
    agt_event *first, *last;
    size_t count, bytes;
    uint64_t seq;
    agt_event_fn fn; /* NULL: somebody reads */
    void *user_data;
    int fd;           /* -1 = nobody asked */
    bool is_signaled; /* fd is readable */
    bool is_held;     /* the run is */
    bool is_over;     /* the last event is in the queue */
    bool is_lost;     /* one is missing: nothing comes behind it */
    bool is_closed;   /* nobody wants any */
    bool is_reading;
    bool is_busy;   /* fn could not take the first one */
    bool is_posted; /* the job is queued */
    agt__job job;

    agt_graph *graph; /* the run's; NULL before and after */
    agt_event *final; /* set aside */
};

/* ---- objects ----------------------------------------------------------------------------------
 */

static void unref(agt_events *self)
{
    if (atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    const agt_allocator *allocator = self->allocator;
    agt_runtime *runtime = self->runtime;
    while (self->first != NULL) {
        agt_event *event = self->first;
        self->first = event->next;
        agt_event_unref(event);
    }
    agt_event_unref(self->final);
    if (self->fd >= 0) {
        (void)close(self->fd);
    }
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    agt_task_unref(self->task);
    agt__free(allocator, self);
    agt__runtime_unref(runtime);
}

static void run_job(agt__job *job);

static agt_events *new_events(agt_agent *agent)
{
    const agt_allocator *allocator = agent->operation.allocator;
    agt_events *self = agt__calloc(allocator, 1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    agt_value *name = agt__value_text_or_null(allocator, agent->operation.name);
    self->final = name != NULL ? agt__event_new(allocator, AGT_EVENT_AGENT_END, name) : NULL;
    agt_value_unref(name);
    if (self->final == NULL || pthread_mutex_init(&self->mutex, NULL) != 0) {
        agt_event_unref(self->final);
        agt__free(allocator, self);
        return NULL;
    }
    if (agt__cond_init(&self->changed) != AGT_OK) {
        (void)pthread_mutex_destroy(&self->mutex);
        agt_event_unref(self->final);
        agt__free(allocator, self);
        return NULL;
    }
    self->allocator = allocator;
    self->runtime = agt__runtime_ref(agent->runtime);
    self->fd = -1;
    self->job.run = run_job;
    atomic_init(&self->refs, 1);
    return self;
}

static bool is_forked(const agt_events *self)
{
    return self->runtime->fork_generation != agt__fork_get_generation();
}

/* ---- the queue; the mutex is held -------------------------------------------------------------
 */

static bool is_ready(const agt_events *self)
{
    return self->first != NULL || self->is_over || self->is_lost;
}

/* Have the descriptor say what is_ready() says. */
static void update_fd(agt_events *self)
{
    uint64_t count = 1;
    bool ready = is_ready(self);
    if (self->fd < 0 || ready == self->is_signaled) {
        return;
    }
    self->is_signaled = ready;
    /* Neither can fail: the count is 0 or 1. */
    ssize_t size =
        ready ? write(self->fd, &count, sizeof(count)) : read(self->fd, &count, sizeof(count));
    (void)size;
}

/* Have the loop look at the stream. A run that is over leaves nothing to do but for a function. */
static void post(agt_events *self)
{
    if (!self->is_posted) {
        self->is_posted = true;
        atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
        agt__loop_post(self->runtime->loop, &self->job);
    }
}

static void tell_change(agt_events *self)
{
    update_fd(self);
    (void)pthread_cond_signal(&self->changed);
    if (self->fn != NULL && !self->is_busy) {
        post(self);
    }
}

/* @return AGT_OK; AGT_E_NOMEM */
static agt_status add(agt_events *self, agt_event *event)
{
    size_t size = agt__event_get_size(event);
    if (self->last != NULL && agt__event_continues(event, self->last)) {
        agt_status status = agt__event_append(self->last, event->text, event->length);
        self->bytes += status == AGT_OK ? event->length : 0;
        return status;
    }
    event->seq = ++self->seq;
    event->next = NULL;
    if (self->last != NULL) {
        self->last->next = agt_event_ref(event);
    } else {
        self->first = agt_event_ref(event);
    }
    self->last = event;
    self->count++;
    self->bytes += size;
    return AGT_OK;
}

static agt_event *take(agt_events *self)
{
    agt_event *event = self->first;
    self->first = event->next;
    if (self->first == NULL) {
        self->last = NULL;
    }
    event->next = NULL;
    self->count--;
    self->bytes -= agt__event_get_size(event);
    return event;
}

static bool is_full(const agt_events *self)
{
    return self->count >= AGT__EVENTS_MAX || self->bytes >= AGT__EVENTS_BYTES_MAX;
}

/* Whether the run is held and need not be any more. */
static bool may_go_on(const agt_events *self)
{
    bool has_room = self->count <= AGT__EVENTS_MAX / 2 && self->bytes <= AGT__EVENTS_BYTES_MAX / 2;
    return self->is_held && (has_room || self->is_closed || self->is_lost);
}

/* ---- what the run tells (loop thread) ---------------------------------------------------------
 */

/* NULL: there was no memory for it. */
static void push(agt_events *self, agt_event *event)
{
    (void)pthread_mutex_lock(&self->mutex);
    bool is_wanted = !self->is_closed && !self->is_lost;
    if (is_wanted && (event == NULL || add(self, event) != AGT_OK)) {
        self->is_lost = true;
        post(self); /* to cancel the run: not from within it */
    }
    bool holds = is_wanted && !self->is_held && is_full(self);
    self->is_held = self->is_held || holds;
    if (is_wanted) {
        tell_change(self);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    if (holds && self->graph != NULL) {
        agt__graph_hold(self->graph, true);
    }
}

static void on_told(agt_tool_call *attempt, agt_call_id call, agt__told told, const void *what,
                    void *user_data)
{
    agt_events *self = user_data;
    (void)call;
    if (told == AGT__TOLD_STARTED) {
        self->graph = agt__tool_call_get_graph(attempt);
    } else if (told == AGT__TOLD_EVENT) {
        push(self, (agt_event *)(uintptr_t)what);
    }
}

/* The last event says what the task's reply says; without memory for that, as much as it can. */
static void fill_final(agt_event *event, agt_graph *graph, agt_call_id call)
{
    agt_error err = {.status = AGT_OK};
    event->outcome = agt__graph_get_outcome(graph, call);
    if (event->outcome != AGT_OUTCOME_OK) {
        (void)agt__graph_get_error(graph, call, &err);
        if (agt__event_set_text(event, &event->error, err.message) != AGT_OK) {
            event->error = NULL; /* the reply says it, if there is memory for that */
        }
    }
    if (agt__reply_new_from(event->allocator, agt_event_get_agent(event), event->outcome, &err,
                            agt__graph_get_output(graph, call), &event->reply) == AGT_OK) {
        event->span = agt_reply_get_span(event->reply);
        event->step = agt_reply_get_steps(event->reply);
    }
}

static void on_settled(agt_graph *graph, agt_call_id call, void *user_data)
{
    agt_events *self = user_data;
    const agt_clock *clock = self->runtime->clock;
    fill_final(self->final, graph, call);
    self->final->unix_ns = clock->get_unix_ns(clock->ctx);
    self->graph = NULL;
    (void)pthread_mutex_lock(&self->mutex);
    if (!self->is_closed && (!self->is_lost || self->fn != NULL)) {
        agt_status status = add(self, self->final);
        AGT_ASSERT(status == AGT_OK); /* it continues nothing: nothing is needed for it */
    }
    self->is_over = true;
    tell_change(self);
    (void)pthread_mutex_unlock(&self->mutex);
    unref(self);
}

/* ---- on the loop ------------------------------------------------------------------------------
 */

/* Give what waits to the function. @return false if it wants no more */
static bool deliver(agt_events *self)
{
    agt_status status = AGT_OK;
    (void)pthread_mutex_lock(&self->mutex);
    while (status == AGT_OK && self->fn != NULL && !self->is_busy && !self->is_closed &&
           self->first != NULL) {
        agt_event *event = agt_event_ref(self->first);
        self->is_reading = true; /* nothing is added to the first one */
        if (self->last == event) {
            event->source = NULL;
        }
        (void)pthread_mutex_unlock(&self->mutex);
        status = self->fn(self->user_data, event);
        (void)pthread_mutex_lock(&self->mutex);
        self->is_reading = false;
        self->is_busy = status == AGT_E_BUSY;
        if (status != AGT_E_BUSY && self->first == event) { /* else it was closed meanwhile */
            agt_event_unref(take(self));
        }
        agt_event_unref(event);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return status == AGT_OK || status == AGT_E_BUSY;
}

static void run_job(agt__job *job)
{
    agt_events *self = (agt_events *)(void *)((char *)job - offsetof(agt_events, job));
    (void)pthread_mutex_lock(&self->mutex);
    self->is_posted = false;
    (void)pthread_mutex_unlock(&self->mutex);
    bool is_refused = !deliver(self);
    (void)pthread_mutex_lock(&self->mutex);
    self->is_closed = self->is_closed || is_refused;
    bool goes_on = may_go_on(self);
    bool ends = self->is_lost || is_refused;
    self->is_held = self->is_held && !goes_on;
    (void)pthread_mutex_unlock(&self->mutex);
    if (ends && self->graph != NULL) {
        agt__graph_cancel(self->graph);
    }
    if (goes_on && self->graph != NULL) {
        agt__graph_hold(self->graph, false);
    }
    unref(self);
}

/* ---- the program's side -----------------------------------------------------------------------
 */

agt_status agt_agent_execute_stream(agt_agent *agent, const char *query,
                                    const agt_call_options *options, agt_events **ret_events,
                                    agt_error *err)
{
    agt_value *input = NULL;
    if (agent == NULL || query == NULL || ret_events == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "agent, query and ret_events are required");
    }
    agt_status status = agt__agent_new_input(agent->operation.allocator, query, &input, err);
    if (status != AGT_OK) {
        return status;
    }
    agt_events *self = new_events(agent);
    if (self == NULL) {
        agt_value_unref(input);
        return agt__error_nomem(err, origin);
    }
    const agt__listener listener = {
        .on_settled = on_settled, .on_told = on_told, .user_data = self};
    atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed); /* the run's */
    status = agt__operation_start_heard(agent->runtime, agent->executor, &agent->operation, input,
                                        options, &listener, &self->task, err);
    agt_value_unref(input);
    if (status != AGT_OK) {
        unref(self);
        unref(self);
        return status;
    }
    *ret_events = self;
    return AGT_OK;
}

static bool is_ready_locked(void *ctx)
{
    agt_events *self = ctx;
    (void)pthread_mutex_lock(&self->mutex);
    bool ready = is_ready(self);
    (void)pthread_mutex_unlock(&self->mutex);
    return ready;
}

static void do_nothing(agt__timer *timer)
{
    (void)timer;
}

/* The mutex is not held. */
static agt_status wait_simulated(agt_events *self, uint32_t timeout_ms)
{
    agt__loop *loop = self->runtime->loop;
    if (timeout_ms == AGT_MS_NONE) {
        return agt__loop_pump(loop, is_ready_locked, self, UINT64_MAX);
    }
    uint64_t until_ns = agt__loop_now_ns(loop) + (uint64_t)timeout_ms * 1000000u;
    agt__timer timer = {.fire = do_nothing}; /* virtual time passes although nothing else happens */
    agt_status status = agt__loop_timer_start(loop, &timer, until_ns);
    if (status == AGT_OK) {
        status = agt__loop_pump(loop, is_ready_locked, self, until_ns);
        agt__loop_timer_stop(loop, &timer);
    }
    return status == AGT_E_BUSY ? AGT_E_TIMEOUT : status;
}

/* The mutex is held. */
static agt_status wait_real(agt_events *self, uint32_t timeout_ms)
{
    const agt_clock *clock = agt_clock_get_system(); /* the clock condition variables know */
    uint64_t until_ns = timeout_ms == AGT_MS_NONE
                            ? UINT64_MAX
                            : clock->get_monotonic_ns(clock->ctx) + (uint64_t)timeout_ms * 1000000u;
    bool in_time = timeout_ms != 0;
    while (!is_ready(self) && in_time) {
        in_time = agt__cond_wait_until(&self->changed, &self->mutex, until_ns);
    }
    return is_ready(self) ? AGT_OK : AGT_E_TIMEOUT;
}

static agt_status wait(agt_events *self, uint32_t timeout_ms)
{
    if (is_ready(self)) {
        return AGT_OK;
    }
    if (agt__loop_is_current(self->runtime->loop)) {
        return timeout_ms == 0 ? AGT_E_TIMEOUT : AGT_E_INVALID;
    }
    if (!self->runtime->simulated) {
        return wait_real(self, timeout_ms);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    agt_status status = wait_simulated(self, timeout_ms);
    (void)pthread_mutex_lock(&self->mutex);
    return status;
}

agt_status agt_events_next(agt_events *events, uint32_t timeout_ms, agt_event **ret_event)
{
    if (events == NULL || ret_event == NULL) {
        return AGT_E_INVALID;
    }
    if (is_forked(events)) {
        return AGT_E_FORKED;
    }
    (void)pthread_mutex_lock(&events->mutex);
    if (events->is_reading || events->fn != NULL) {
        (void)pthread_mutex_unlock(&events->mutex);
        return AGT_E_BUSY;
    }
    events->is_reading = true;
    agt_status status = wait(events, timeout_ms);
    events->is_reading = false;
    if (status == AGT_OK && events->first == NULL) {
        status = events->is_lost ? AGT_E_NOMEM : AGT_E_CLOSED;
    } else if (status == AGT_OK) {
        *ret_event = take(events);
        update_fd(events);
        if (may_go_on(events) && !events->is_over) {
            post(events);
        }
    }
    (void)pthread_mutex_unlock(&events->mutex);
    return status;
}

agt_status agt_events_get_fd(agt_events *events, int *ret_fd, agt_error *err)
{
    if (events == NULL || ret_fd == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "events and ret_fd are required");
    }
    if (is_forked(events)) {
        return agt__error_set(err, AGT_E_FORKED, origin, "the stream is of the parent process");
    }
    if (events->runtime->simulated) {
        return agt__error_set(err, AGT_E_UNSUPPORTED, origin,
                              "nothing happens in a simulated runtime unless somebody waits");
    }
    agt_status status = AGT_OK;
    (void)pthread_mutex_lock(&events->mutex);
    if (events->fd < 0) {
        events->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (events->fd < 0) {
            status = agt__error_set(err, AGT_E_IO, origin, "no descriptor can be had");
        }
        update_fd(events);
    }
    *ret_fd = status == AGT_OK ? events->fd : *ret_fd;
    (void)pthread_mutex_unlock(&events->mutex);
    return status;
}

agt_status agt_events_on_event(agt_events *events, agt_event_fn fn, void *user_data)
{
    if (events == NULL || fn == NULL) {
        return AGT_E_INVALID;
    }
    if (is_forked(events)) {
        return AGT_E_FORKED;
    }
    agt_status status = AGT_OK;
    (void)pthread_mutex_lock(&events->mutex);
    if (events->fn != NULL) {
        status = AGT_E_EXISTS;
    } else if (events->is_reading) {
        status = AGT_E_BUSY;
    } else {
        events->fn = fn;
        events->user_data = user_data;
        post(events);
    }
    (void)pthread_mutex_unlock(&events->mutex);
    return status;
}

void agt_events_resume(agt_events *events)
{
    if (events == NULL || is_forked(events)) {
        return;
    }
    (void)pthread_mutex_lock(&events->mutex);
    if (events->fn != NULL) {
        events->is_busy = false;
        post(events);
    }
    (void)pthread_mutex_unlock(&events->mutex);
}

agt_task *agt_events_get_task(const agt_events *events)
{
    return events != NULL ? events->task : NULL;
}

void agt_events_free(agt_events *events)
{
    if (events == NULL || is_forked(events)) {
        return; /* in a forked child the mutex may be anybody's */
    }
    (void)pthread_mutex_lock(&events->mutex);
    bool is_over = events->is_over;
    agt_event *dropped = events->first;
    events->is_closed = true;
    events->fn = NULL;
    events->first = events->last = NULL;
    events->count = events->bytes = 0;
    (void)pthread_mutex_unlock(&events->mutex);
    while (dropped != NULL) {
        agt_event *next = dropped->next;
        agt_event_unref(dropped);
        dropped = next;
    }
    if (!is_over) {
        agt_task_cancel(events->task);
    }
    unref(events);
}

void agt__events_get_load(agt_events *events, size_t *ret_count, size_t *ret_bytes)
{
    (void)pthread_mutex_lock(&events->mutex);
    *ret_count = events->count;
    *ret_bytes = events->bytes;
    (void)pthread_mutex_unlock(&events->mutex);
}
