/*
 * Blocking functions on worker threads, and the fence between a worker that ends a function and the
 * loop that does not want to wait for it any more.
 *
 * One record (agt__blocking) belongs to one stay of a worker in a graph: it runs the function it
 * was made for and then, in place, plain calls that became ready behind it. The record's mutex
 * guards `attempt.call` and `claimed`: whoever sets `claimed` for the current call, worker or loop,
 * settles that call; the other one keeps its hands off. If the loop was first, the function is
 * abandoned: its worker's place is given to another thread, and when the function returns after
 * all, its result is dropped here.
 *
 * The record has one timer on the loop. The worker does not touch it: a call that runs in place and
 * is due later than the timer is looked at when the timer fires; one that is due earlier has the
 * loop re-arm it by a job.
 *
 * Locks: record → pool. Nothing else is taken under the record's mutex.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "exec/graph.h"

#include <string.h>

#define ORIGIN "exec"

static agt__blocking *blocking_of_job(agt__job *job)
{
    return (agt__blocking *)(void *)((char *)job - offsetof(agt__blocking, live.job));
}

void agt__blocking_free(agt__blocking *blocking)
{
    (void)pthread_cond_destroy(&blocking->wakeup);
    (void)pthread_mutex_destroy(&blocking->mutex);
    agt__live_free(&blocking->live, blocking);
}

/* The current call is the loop's to settle; mutex held. */
static void claim_for_loop(agt__blocking *blocking, agt__ending ending)
{
    agt_tool_call *attempt = &blocking->live.attempt;
    blocking->claimed = true;
    attempt->ending = (uint8_t)ending;
    atomic_store_explicit(&attempt->cancelled, true, memory_order_release);
    (void)pthread_cond_broadcast(&blocking->wakeup);
    if (blocking->worker != NULL) {
        agt__workers_abandon(blocking->worker);
    }
}

const agt__call *agt__blocking_get_call(agt__blocking *blocking)
{
    (void)pthread_mutex_lock(&blocking->mutex);
    const agt__call *call = blocking->live.attempt.call;
    (void)pthread_mutex_unlock(&blocking->mutex);
    return call;
}

agt__call *agt__blocking_claim(agt__blocking *blocking, agt__ending ending)
{
    agt__call *call = NULL;
    (void)pthread_mutex_lock(&blocking->mutex);
    if (!blocking->claimed) {
        claim_for_loop(blocking, ending);
        call = blocking->live.attempt.call;
    }
    (void)pthread_mutex_unlock(&blocking->mutex);
    return call;
}

void agt__blocking_forget(agt__blocking *blocking)
{
    (void)pthread_mutex_lock(&blocking->mutex);
    blocking->live.attempt.call = NULL;
    (void)pthread_mutex_unlock(&blocking->mutex);
}

/* ---- on the worker ------------------------------------------------------------------------- */

/* The end of the current call is the worker's. @return the call; NULL if the loop was faster */
static agt__call *claim_on_worker(agt__blocking *blocking)
{
    agt__call *call = NULL;
    (void)pthread_mutex_lock(&blocking->mutex);
    if (!blocking->claimed) {
        blocking->claimed = true;
        call = blocking->live.attempt.call;
    }
    (void)pthread_mutex_unlock(&blocking->mutex);
    return call;
}

/* Hand the record to the loop: with a result, to be re-armed, or because the worker is through. */
static void post(agt__blocking *blocking, void (*run)(agt__job *job))
{
    blocking->live.job.run = run;
    agt__loop_post(blocking->live.attempt.graph->runtime->loop, &blocking->live.job);
}

static void gone_on_loop(agt__job *job)
{
    agt__blocking_free(blocking_of_job(job));
}

/* A call that is not plain has ended: its doors are on the loop. */
static void result_on_loop(agt__job *job)
{
    agt__blocking *blocking = blocking_of_job(job);
    agt_tool_call *attempt = &blocking->live.attempt;
    agt_graph *graph = agt__graph_ref(attempt->graph);
    agt__call *call = attempt->call;
    agt__call *next = NULL;
    if (call != NULL) { /* else another attempt won meanwhile */
        agt__attempt_conclude(attempt, agt__runtime_now_ns(graph->runtime));
        attempt->call = NULL;
        next = agt__attempt_leave(call);
    }
    agt__blocking_free(blocking);
    graph->last_ns = agt__runtime_now_ns(graph->runtime);
    agt__engine_run_chain(next);
    agt__graph_unref(graph);
}

/*
 * Make the record that of @call, which became ready in place and was prepared. A call that is due
 * before the record's timer fires goes through the loop instead, which sets a timer for it.
 *
 * @return false if the call went to the loop
 */
static bool take_up(agt__blocking *blocking, agt__call *call)
{
    agt_tool_call *attempt = &blocking->live.attempt;
    agt_graph *graph = attempt->graph;
    uint64_t now = agt__runtime_now_ns(graph->runtime);
    agt__operation *old_operation = attempt->operation;
    const agt_value *old_input = attempt->input;
    (void)pthread_mutex_lock(&blocking->mutex);
    if (agt__attempt_get_due_ns(call, now) < blocking->armed_ns) {
        (void)pthread_mutex_unlock(&blocking->mutex);
        agt__engine_push(call, false);
        return false;
    }
    agt__attempt_init(attempt, call, now);
    (void)agt__operation_ref(attempt->operation);
    (void)agt_value_ref(attempt->input);
    blocking->claimed = false;
    (void)pthread_mutex_unlock(&blocking->mutex);
    agt__operation_unref(old_operation);
    agt_value_unref(old_input);
    atomic_fetch_add_explicit(&graph->active, 1, memory_order_relaxed);
    return true;
}

/* The call that the worker may go on with; NULL if there is none. What cannot run (it does not fit,
 * or was cancelled) is settled here, and what is behind it is looked at in turn. */
static agt__call *prepare_next(agt__call *call)
{
    while (call != NULL && !agt__engine_prepare(call)) {
        call = agt__engine_finish(call, true);
    }
    return call;
}

/* The function has returned and its call is the worker's to settle: settle it, and go on in place.
 * @return false if the worker is through */
static bool settle_on_worker(agt__blocking *blocking, agt__call *call)
{
    agt_tool_call *attempt = &blocking->live.attempt;
    agt_graph *graph = attempt->graph;
    for (;;) {
        agt__attempt_conclude(attempt, agt__runtime_now_ns(graph->runtime));
        agt__blocking_forget(blocking); /* the next run may begin behind it */
        call = prepare_next(agt__engine_finish(call, true));
        if (call == NULL || !take_up(blocking, call)) {
            return false;
        }
        /* Either the loop sees this call when it cancels, or its flag is seen here. */
        if (!atomic_load_explicit(&graph->cancelled, memory_order_seq_cst)) {
            return true;
        }
        if (claim_on_worker(blocking) == NULL) {
            return false;
        }
        attempt->ending = AGT__ENDING_CANCEL;
    }
}

/* Run the function of the current call. @return false if the record has gone to the loop */
static bool run_current(agt__blocking *blocking, bool *go_on)
{
    agt_tool_call *attempt = &blocking->live.attempt;
    bool pending = false;
    agt_value *output = NULL;
    agt_status status = attempt->operation->table->start(attempt, &output, &pending);
    agt__call *call = claim_on_worker(blocking);
    *go_on = false;
    if (call == NULL) {
        agt_value_unref(output); /* the call was settled without it */
        return true;
    }
    attempt->status = status;
    attempt->output = output;
    if (!agt__call_is_plain(call)) {
        post(blocking, result_on_loop);
        return false;
    }
    *go_on = settle_on_worker(blocking, call);
    return true;
}

static void run_on_worker(agt__work *work, agt__worker *worker)
{
    agt__blocking *blocking =
        (agt__blocking *)(void *)((char *)work - offsetof(agt__blocking, work));
    (void)pthread_mutex_lock(&blocking->mutex);
    blocking->worker = worker;
    bool go_on = !blocking->claimed; /* by the loop, while it was queued */
    (void)pthread_mutex_unlock(&blocking->mutex);
    while (go_on) {
        if (!run_current(blocking, &go_on)) {
            return;
        }
    }
    post(blocking, gone_on_loop);
}

/* ---- on the loop --------------------------------------------------------------------------- */

static void fire_blocking_due(agt__timer *timer)
{
    agt__blocking *blocking =
        (agt__blocking *)(void *)((char *)timer - offsetof(agt__blocking, live.due_timer));
    agt_tool_call *attempt = &blocking->live.attempt;
    (void)pthread_mutex_lock(&blocking->mutex);
    agt_graph *graph = agt__graph_ref(attempt->graph);
    uint64_t now = agt__runtime_now_ns(graph->runtime);
    bool over = blocking->claimed;
    bool due = !over && attempt->due_ns <= now;
    blocking->armed_ns = UINT64_MAX;
    if (due) {
        claim_for_loop(blocking, AGT__ENDING_TIMEOUT);
    } else if (!over && attempt->due_ns != UINT64_MAX &&
               agt__loop_timer_start(graph->runtime->loop, timer, attempt->due_ns) == AGT_OK) {
        blocking->armed_ns = attempt->due_ns;
    }
    (void)pthread_mutex_unlock(&blocking->mutex);
    if (due) {
        agt__call *call = attempt->call;
        agt__attempt_conclude(attempt, now);
        attempt->call = NULL;
        graph->last_ns = now;
        agt__engine_run_chain(agt__attempt_leave(call));
    }
    agt__graph_unref(graph);
}

static agt__blocking *make_blocking(agt__call *call)
{
    agt__blocking *blocking = agt__calloc(call->graph->allocator, 1, sizeof(*blocking));
    if (blocking == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&blocking->mutex, NULL) != 0) {
        agt__free(call->graph->allocator, blocking);
        return NULL;
    }
    if (agt__cond_init(&blocking->wakeup) != AGT_OK) {
        (void)pthread_mutex_destroy(&blocking->mutex);
        agt__free(call->graph->allocator, blocking);
        return NULL;
    }
    blocking->live.attempt.is_blocking = true;
    blocking->live.due_timer.fire = fire_blocking_due;
    blocking->work.run = run_on_worker;
    blocking->work.priority = agt__call_options(call)->priority;
    return blocking;
}

agt__call *agt__blocking_start(agt__call *call)
{
    agt_graph *graph = call->graph;
    agt_runtime *runtime = graph->runtime;
    agt_error err;
    agt__blocking *blocking = make_blocking(call);
    if (blocking == NULL) {
        (void)agt__error_nomem(&err, ORIGIN);
        agt__call_set_result(call, AGT_OUTCOME_ERROR, NULL, &err);
        return agt__attempt_leave(call);
    }
    agt_tool_call *attempt = &blocking->live.attempt;
    agt__attempt_init(attempt, call, agt__runtime_now_ns(runtime));
    agt__live_link(&blocking->live);
    agt__live_hold(&blocking->live); /* the worker looks at it whatever becomes of the run */
    blocking->armed_ns = attempt->due_ns;
    agt_status status = AGT_OK;
    if (attempt->due_ns != UINT64_MAX) {
        status = agt__loop_timer_start(runtime->loop, &blocking->live.due_timer, attempt->due_ns);
    }
    if (status == AGT_OK) {
        err.message[0] = '\0';
        attempt->has_waited = true;
        status = agt__workers_submit(runtime->workers, &blocking->work, &err);
    }
    if (status == AGT_OK) {
        return NULL;
    }
    attempt->status = status;
    agt__attempt_conclude(attempt, agt__runtime_now_ns(runtime));
    agt__blocking_free(blocking);
    return agt__attempt_leave(call);
}
