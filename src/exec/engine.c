/*
 * The engine: how ready calls are run and settled calls release their dependents.
 *
 *     open == 0 → prepare → doors → attempt(s) → doors → finish → dependents' open - 1 …
 *
 * A call whose last open dependency settles belongs to the thread that counted it down. The first
 * plain one (no policy, no journal, no hook) runs in place on that thread; all others go to the
 * loop: into the `ready` list if that thread is the loop's, else through `incoming`. A graph's
 * queue is drained by one job on the loop, in slices, so that one graph cannot keep the others
 * waiting.
 *
 * Cancelling sets a flag and ends what runs or is parked. Everything else needs no search: a call
 * that becomes ready sees the flag in prepare, settles, and so releases what is behind it.
 *
 * `remaining` counts calls that are not settled, plus one while an open graph is not closed.
 * Whoever brings it to zero pokes the graph, and the loop ends the run; nobody else touches the
 * graph after its own count, except under a reference.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "exec/graph.h"
#include "exec/tape.h"
#include "telemetry/semconv.h"

#include <string.h>

#define ORIGIN "exec"

/* Calls run in one turn of the loop, and hops of a chain without a look at the clock. */
#define SLICE 512u

/* Chains inside each other: a function may complete a call, whose dependent's function may … */
#define CHAINS_MAX 8u

void agt__engine_poke(agt_graph *graph)
{
    if (!atomic_exchange_explicit(&graph->job_posted, true, memory_order_seq_cst)) {
        (void)agt__graph_ref(graph); /* the job's */
        agt__loop_post(graph->runtime->loop, &graph->job);
    }
}

void agt__engine_push(agt__call *call, bool on_loop)
{
    agt_graph *graph = call->graph;
    if (!on_loop) {
        (void)agt__mpsc_push(&graph->incoming, &call->ready);
        agt__engine_poke(graph);
        return;
    }
    call->ready.next = NULL;
    if (graph->ready_last != NULL) {
        graph->ready_last->ready.next = &call->ready;
    } else {
        graph->ready_first = call;
    }
    graph->ready_last = call;
    if (!graph->draining) {
        agt__engine_poke(graph);
    }
}

static agt__call *pop_ready(agt_graph *graph)
{
    agt__call *call = graph->ready_first;
    if (call != NULL) {
        graph->ready_first = (agt__call *)(void *)call->ready.next;
        if (graph->ready_first == NULL) {
            graph->ready_last = NULL;
        }
    }
    return call;
}

/* ---- before the doors ---------------------------------------------------------------------- */

bool agt__call_has_plain_extra(const agt__call *call)
{
    const agt__call_extra *extra = call->extra;
    return extra->listener.on_settled == NULL && extra->listener.on_told == NULL &&
           extra->replacement == NULL && call->operation != NULL &&
           (extra->options == NULL ||
            (extra->options->given.budget == NULL && extra->options->own.cancel == NULL));
}

static agt_outcome refuse_unknown_tool(const agt__call *call, agt_error *err)
{
    (void)agt__executor_refuse_unknown(call->graph->executor, call->extra->unknown_tool,
                                       AGT_E_REJECTED, err);
    return AGT_OUTCOME_REJECTED;
}

static agt_outcome skip_for(const agt__call *call, uint32_t failed, agt_error *err)
{
    const agt__call *cause = agt__graph_get_call(call->graph, failed - 1);
    const char *name =
        cause->operation != NULL ? cause->operation->name : cause->extra->unknown_tool;
    (void)agt__error_set(err, AGT_E_SKIPPED_DEPENDENCY, ORIGIN, "\"%s\" ended with outcome %s",
                         name, agt_outcome_get_name((agt_outcome)cause->outcome));
    return AGT_OUTCOME_SKIPPED_DEPENDENCY;
}

static agt_outcome refuse_cancelled(const agt_graph *graph, agt_error *err)
{
    const char *why = graph->cancel_outcome == AGT_OUTCOME_TIMEOUT
                          ? "not started: the deadline of the run has passed"
                          : "not started: the run was cancelled";
    (void)agt__error_set(err, agt_outcome_get_status(graph->cancel_outcome), ORIGIN, "%s", why);
    return graph->cancel_outcome;
}

static agt_outcome refuse_cancelled_call(agt_error *err)
{
    (void)agt__error_set(err, AGT_E_CANCELLED, ORIGIN, "not started: the call was cancelled");
    return AGT_OUTCOME_CANCELLED;
}

static agt_outcome check_schema(agt__call *call, agt_error *err)
{
    agt_error detail;
    agt_status status =
        agt_schema_check(call->operation->input, agt__call_input(call), NULL, &detail);
    if (status == AGT_OK) {
        return AGT_OUTCOME_NONE;
    }
    const char *hint = "";
    if (call->extra != NULL && call->extra->fill_nulls) {
        hint = " (a null is filled in only from a dependency of the same batch)";
    }
    (void)agt__error_set(err, AGT_E_REJECTED, ORIGIN, "the input of \"%s\" does not fit: %s%s",
                         call->operation->name, detail.message, hint);
    return AGT_OUTCOME_REJECTED;
}

/* Why the call cannot run; AGT_OUTCOME_NONE: it can. */
static agt_outcome find_refusal(agt__call *call, agt_error *err)
{
    agt_graph *graph = call->graph;
    if (atomic_load_explicit(&graph->cancelled, memory_order_acquire)) {
        return refuse_cancelled(graph, err);
    }
    uint32_t failed = atomic_load_explicit(&call->failed, memory_order_acquire);
    if (failed != 0) {
        return skip_for(call, failed, err);
    }
    if (call->operation == NULL) {
        return refuse_unknown_tool(call, err);
    }
    if (agt__call_is_cancelled(call)) {
        return refuse_cancelled_call(err);
    }
    if (call->extra != NULL) {
        agt_status status = agt__call_bind(call, err);
        if (status != AGT_OK) {
            return status == AGT_E_REJECTED ? AGT_OUTCOME_REJECTED : AGT_OUTCOME_ERROR;
        }
        if (call->extra->options != NULL &&
            call->extra->options->deadline_ns <= agt__runtime_now_ns(graph->runtime)) {
            (void)agt__error_set(err, AGT_E_TIMEOUT, ORIGIN,
                                 "not started: the deadline of the call has passed");
            return AGT_OUTCOME_TIMEOUT;
        }
    }
    return call->operation->input != NULL ? check_schema(call, err) : AGT_OUTCOME_NONE;
}

/* Apart from its caller, so that the error value is on the stack only where it is needed. */
static __attribute__((noinline)) bool prepare_slowly(agt__call *call)
{
    agt_error err;
    agt_outcome refusal = find_refusal(call, &err);
    if (refusal != AGT_OUTCOME_NONE) {
        agt__call_set_result(call, refusal, NULL, &err);
    }
    return refusal == AGT_OUTCOME_NONE;
}

bool agt__engine_prepare(agt__call *call)
{
    if (call->resolved) {
        agt__call_rearm(call);
    }
    if (call->extra == NULL && call->operation != NULL && call->operation->input == NULL &&
        atomic_load_explicit(&call->failed, memory_order_acquire) == 0 &&
        !atomic_load_explicit(&call->graph->cancelled, memory_order_acquire)) {
        return true;
    }
    return prepare_slowly(call);
}

void agt__call_set_result(agt__call *call, agt_outcome outcome, agt_value *output,
                          const agt_error *detail)
{
    const agt_allocator *allocator = call->graph->allocator;
    agt_value_unref(call->output);
    agt__free(allocator, call->detail);
    call->detail = NULL;
    call->output = output;
    call->outcome = (uint8_t)outcome;
    if (detail != NULL && outcome != AGT_OUTCOME_OK) {
        call->detail = agt__alloc(allocator, sizeof(*call->detail));
        if (call->detail != NULL) { /* else the outcome's own words have to do */
            *call->detail = *detail;
        }
    }
}

/* ---- after the doors ----------------------------------------------------------------------- */

static void end_span(agt__call *call)
{
    const char *outcome = agt_outcome_get_name((agt_outcome)call->outcome);
    if (call->span == NULL && call->attempts > 0) {
        return; /* not recorded */
    }
    if (call->span == NULL) { /* it never ran: the trace shows it all the same */
        const char *name =
            call->operation != NULL ? call->operation->name : call->extra->unknown_tool;
        char text[96];
        agt__copy_text(text, sizeof(text), AGT__OP_EXECUTE_TOOL " ");
        agt__copy_text(text + strlen(text), sizeof(text) - strlen(text), name);
        const agt__attribute attributes[] = {
            {.key = AGT__ATTR_OPERATION,
             .text = AGT__OP_EXECUTE_TOOL,
             .length = sizeof(AGT__OP_EXECUTE_TOOL) - 1},
            {.key = AGT__ATTR_TOOL_NAME, .text = name, .length = strlen(name)},
        };
        call->span = agt__tracer_start_span(call->graph->runtime->tracer, text, AGT_SPAN_INTERNAL,
                                            agt__call_get_parent(call), 0, attributes, 2);
        if (call->span == NULL) {
            return;
        }
    }
    agt__span_set_text(call->span, AGT__ATTR_OUTCOME, outcome, strlen(outcome));
    if (call->attempts > 1) {
        agt__span_set_int(call->span, AGT__ATTR_ATTEMPTS, call->attempts);
    }
    if (call->outcome != AGT_OUTCOME_OK) {
        agt_span_set_error(call->span, outcome,
                           call->detail != NULL ? call->detail->message : NULL);
    }
    call->span =
        call->end_ns != 0 ? agt_span_end_at(call->span, call->end_ns) : agt_span_end(call->span);
}

/* What the batch policy makes of one more settled call. Any thread: asks the loop to cancel. */
static void apply_batch_policy(agt_graph *graph, bool success)
{
    uint32_t succeeded, failed;
    bool cancel = false;
    switch (graph->batch) {
    case AGT_BATCH_ISOLATE:
        return;
    case AGT_BATCH_FAIL_FAST:
        cancel = !success;
        break;
    case AGT_BATCH_QUORUM:
    case AGT_BATCH_FIRST_SUCCESS:
        succeeded = atomic_load_explicit(&graph->succeeded, memory_order_relaxed);
        failed = atomic_load_explicit(&graph->failed, memory_order_relaxed);
        cancel = succeeded >= graph->quorum ||
                 (!graph->open && (uint64_t)failed + graph->quorum > graph->count);
        break;
    }
    if (cancel && !atomic_load_explicit(&graph->cancelled, memory_order_relaxed)) {
        atomic_store_explicit(&graph->cancel_wanted, true, memory_order_release);
        agt__engine_poke(graph);
    }
}

static void count_outcome(agt__call *call)
{
    agt_graph *graph = call->graph;
    bool success = call->outcome == AGT_OUTCOME_OK;
    if (!success) {
        uint32_t none = 0;
        atomic_fetch_add_explicit(&graph->failed, 1, memory_order_relaxed);
        atomic_compare_exchange_strong(&graph->first_failure, &none, call->index + 1);
    }
    if (graph->batch != AGT_BATCH_ISOLATE) {
        atomic_fetch_add_explicit(&graph->succeeded, success ? 1 : 0, memory_order_relaxed);
        apply_batch_policy(graph, success);
    }
}

/* A dependency of @call has settled. @return true if it was the last one. */
static bool count_down(agt__call *call, const agt__call *from)
{
    if (from->outcome != AGT_OUTCOME_OK) {
        uint32_t none = 0;
        atomic_compare_exchange_strong(&call->failed, &none, from->index + 1);
    }
    if (atomic_fetch_sub_explicit(&call->open, 1, memory_order_acq_rel) != 1) {
        return false;
    }
    atomic_store_explicit(&call->open, call->dependencies,
                          memory_order_relaxed); /* the next run's */
    return true;
}

/* Whether a ready call may follow on this thread at once. */
static bool may_follow(const agt__call *call, bool on_worker)
{
    if (!on_worker) {
        return true;
    }
    return agt__call_is_plain(call) && call->operation->mode != AGT_TOOL_ASYNC;
}

static agt__call *release_dependents(agt__call *call, bool on_worker)
{
    agt_graph *graph = call->graph;
    agt__call *next = NULL;
    if (graph->open) {
        (void)pthread_mutex_lock(&graph->mutex);
    }
    call->resolved = true;
    if (atomic_load_explicit(&call->failed, memory_order_relaxed) != 0) {
        atomic_store_explicit(&call->failed, 0, memory_order_relaxed);
    }
    for (uint32_t at = call->first_edge; at != 0; at = graph->edges[at - 1].next) {
        agt__call *to = agt__graph_get_call(graph, graph->edges[at - 1].to);
        if (!count_down(to, call)) {
            continue;
        }
        to->ready_ns = call->end_ns;
        if (next == NULL && may_follow(to, on_worker)) {
            next = to;
        } else {
            agt__engine_push(to, !on_worker);
        }
    }
    if (graph->open) {
        (void)pthread_mutex_unlock(&graph->mutex);
    }
    return next;
}

/* So many more calls are settled; the last one has the loop end the run. */
static void take_off_remaining(agt_graph *graph, uint32_t count)
{
    if (atomic_fetch_sub_explicit(&graph->remaining, count, memory_order_acq_rel) == count) {
        agt__engine_poke(graph);
    }
}

/* What the loop settled is taken off together: one atomic operation a turn instead of one a call.
 */
static void take_off_settled(agt_graph *graph)
{
    uint32_t settled = graph->settled;
    graph->settled = 0;
    if (settled > 0) {
        take_off_remaining(graph, settled);
    }
}

/* Calls that joined this one get what it got. */
static void share_with_followers(agt__call *call)
{
    agt__call *follower = call->extra->followers;
    call->extra->followers = NULL;
    while (follower != NULL) {
        agt__call *next = follower->extra->next_follower;
        follower->extra->next_follower = NULL;
        agt__doors_share(follower);
        follower = next;
    }
}

agt__call *agt__engine_finish(agt__call *call, bool on_worker)
{
    agt_graph *graph = call->graph;
    AGT_DEBUG_ASSERT(call->outcome != AGT_OUTCOME_NONE);
    if (graph->traced) {
        end_span(call);
    }
    if (call->extra != NULL) {
        const agt__listener *listener = &call->extra->listener;
        AGT_ASSERT(!on_worker || (listener->on_settled == NULL && !call->extra->followers));
        if (call->extra->followers != NULL) {
            share_with_followers(call);
        }
        if (listener->on_settled != NULL) {
            listener->on_settled(graph, call->index, listener->user_data);
        }
    }
    if (call->outcome != AGT_OUTCOME_OK || graph->batch != AGT_BATCH_ISOLATE) {
        count_outcome(call);
    }
    agt__call *next = release_dependents(call, on_worker);
    if (on_worker) {
        take_off_remaining(graph, 1);
    } else {
        graph->settled++;
        if (!graph->draining) {
            take_off_settled(graph);
        }
    }
    return next;
}

/* ---- running ------------------------------------------------------------------------------- */

static agt__call *run_one(agt__call *call)
{
    if (call->extra != NULL && call->extra->resume != AGT__DOOR_NONE) {
        return agt__doors_resume(call);
    }
    if (!agt__engine_prepare(call)) {
        return agt__engine_finish(call, false);
    }
    return agt__call_is_plain(call) ? agt__attempt_start(call) : agt__doors_enter(call);
}

void agt__engine_run_chain(agt__call *call)
{
    if (call == NULL) {
        return;
    }
    agt_runtime *runtime = call->graph->runtime;
    if (runtime->chains == CHAINS_MAX) {
        agt__engine_push(call, true);
        return;
    }
    runtime->chains++;
    for (unsigned hops = 0; call != NULL; hops++) {
        if (hops == SLICE) {
            agt__engine_push(call, true);
            break;
        }
        call = run_one(call);
    }
    runtime->chains--;
}

/* ---- the run's begin and end --------------------------------------------------------------- */

static void fire_deadline(agt__timer *timer)
{
    agt_graph *graph = (agt_graph *)(void *)((char *)timer - offsetof(agt_graph, deadline_timer));
    agt__engine_cancel(graph, AGT_OUTCOME_TIMEOUT);
}

static void cancel_activity(agt__activity *activity)
{
    agt_graph *graph = (agt_graph *)(void *)((char *)activity - offsetof(agt_graph, activity));
    agt__engine_cancel(graph, AGT_OUTCOME_CANCELLED);
}

static void notify_cancel(agt__cancel_link *link)
{
    agt_graph *graph = (agt_graph *)(void *)((char *)link - offsetof(agt_graph, cancel_link));
    atomic_store_explicit(&graph->cancel_wanted, true, memory_order_release);
    agt__engine_poke(graph);
}

static void begin_run(agt_graph *graph)
{
    agt_runtime *runtime = graph->runtime;
    graph->begun = true;
    graph->activity.cancel = cancel_activity;
    if (graph->within == NULL) { /* else the outer call is cancelled, and this with it */
        agt__runtime_link_activity(runtime, &graph->activity);
    }
    if (graph->options.given.cancel != NULL) {
        graph->cancel_link.notify = notify_cancel;
        agt__cancel_listen(graph->options.given.cancel, &graph->cancel_link);
    }
    agt__graph_listen_calls(graph);
    /* The outer call's own limit needs no second timer: what ends it cancels this. */
    uint64_t outer_ns = graph->within != NULL ? graph->within->due_ns : UINT64_MAX;
    if (graph->options.deadline_ns < outer_ns) {
        graph->deadline_timer.fire = fire_deadline;
        if (agt__loop_timer_start(runtime->loop, &graph->deadline_timer,
                                  graph->options.deadline_ns) != AGT_OK) {
            agt__engine_cancel(graph, AGT_OUTCOME_CANCELLED); /* no memory: stop, do not run on */
        }
    }
}

static void unlink_within(agt_graph *graph)
{
    if (graph->within == NULL) {
        return;
    }
    agt_graph **link = &graph->within->children;
    while (*link != graph) {
        link = &(*link)->next_within;
    }
    *link = graph->next_within;
    graph->next_within = NULL;
    graph->within = NULL;
}

static const char *get_run_status(const agt_graph *graph)
{
    if (atomic_load_explicit(&graph->failed, memory_order_acquire) == 0) {
        return "ok";
    }
    const agt__call *only = graph->count == 1 ? agt__graph_get_call(graph, 0) : NULL;
    return only != NULL ? agt_outcome_get_name((agt_outcome)only->outcome) : "partial";
}

/* A run of one call has failed with it. Of several calls some may have succeeded, so there is no
 * error that would be the run's; how it ended is told all the same. */
static void end_run_span(agt_graph *graph)
{
    if (graph->span == NULL) {
        return;
    }
    const char *status = get_run_status(graph);
    const agt__call *only = graph->count == 1 ? agt__graph_get_call(graph, 0) : NULL;
    agt__span_set_text(graph->span, AGT__ATTR_OUTCOME, status, strlen(status));
    if (only != NULL && only->outcome != AGT_OUTCOME_OK) {
        agt_span_set_error(graph->span, status,
                           only->detail != NULL ? only->detail->message : NULL);
    }
    graph->span = agt_span_end_at(graph->span, graph->end_ns);
}

static void end_run(agt_graph *graph)
{
    agt_runtime *runtime = graph->runtime;
    AGT_ASSERT(graph->ready_first == NULL);
    AGT_ASSERT(graph->parked == NULL);
    agt__loop_timer_stop(runtime->loop, &graph->deadline_timer);
    agt__loop_timer_stop(runtime->loop, &graph->due_timer);
    agt__cancel_unlisten(&graph->cancel_link);
    agt__graph_unlisten_calls(graph);
    if (runtime->tape != NULL && graph->within == NULL) {
        agt__tape_end_run(graph);
    }
    graph->end_ns = agt__runtime_now_ns(runtime);
    end_run_span(graph);
    agt__run_end(runtime, &graph->run, agt__graph_get_run_name(graph), get_run_status(graph));
    agt_task *task = graph->task;
    agt__graph_done_fn on_done = graph->on_done;
    void *user_data = graph->done_user_data;
    graph->task = NULL;
    unlink_within(graph);
    agt__runtime_end_activity(runtime, &graph->activity);
    atomic_store_explicit(&graph->started, false, memory_order_relaxed);
    atomic_store_explicit(&graph->running, false, memory_order_release);
    if (on_done != NULL) {
        on_done(graph, user_data);
    }
    if (task != NULL) {
        agt__task_finish(task);
        agt_task_unref(task);
    }
    agt__graph_unref(graph); /* the run's */
}

static void take_incoming(agt_graph *graph)
{
    agt__mpsc_node *node = agt__mpsc_take_all(&graph->incoming);
    while (node != NULL) {
        agt__mpsc_node *next = node->next;
        agt__engine_push((agt__call *)(void *)node, true);
        node = next;
    }
}

/* Release the calls that were there when the graph was started. */
static agt__call *next_root(agt_graph *graph)
{
    while (graph->next_root < graph->root_count) {
        uint64_t bits = graph->roots[graph->next_root >> 6] >> (graph->next_root & 63);
        if (bits == 0) {
            graph->next_root = (graph->next_root | 63) + 1;
            continue;
        }
        graph->next_root += (uint32_t)__builtin_ctzll(bits);
        agt__call *call = agt__graph_get_call(graph, graph->next_root++);
        call->ready_ns = graph->last_ns;
        return call;
    }
    return NULL;
}

static void drain(agt_graph *graph)
{
    graph->draining = true;
    graph->last_ns = agt__runtime_now_ns(graph->runtime);
    if (!graph->begun) {
        begin_run(graph);
    }
    if (atomic_exchange_explicit(&graph->cancel_wanted, false, memory_order_acq_rel) ||
        (graph->task != NULL &&
         atomic_load_explicit(&graph->task->cancel_wanted, memory_order_acquire))) {
        agt__engine_cancel(graph, AGT_OUTCOME_CANCELLED);
    }
    if (atomic_exchange_explicit(&graph->cancel_calls_wanted, false, memory_order_acq_rel)) {
        agt__engine_cancel_calls(graph);
    }
    take_incoming(graph);
    for (unsigned turn = 0; turn < SLICE; turn++) {
        agt__call *call = pop_ready(graph);
        if (call == NULL) {
            call = next_root(graph);
        }
        if (call == NULL) {
            break;
        }
        agt__engine_run_chain(call);
    }
    graph->draining = false;
    take_off_settled(graph);
    if (graph->ready_first != NULL || graph->next_root < graph->root_count) {
        agt__engine_poke(graph);
    }
}

/* The graph's job on the loop; holds a reference. */
static void run_job(agt__job *job)
{
    agt_graph *graph = (agt_graph *)(void *)((char *)job - offsetof(agt_graph, job));
    atomic_store_explicit(&graph->job_posted, false, memory_order_seq_cst);
    if (atomic_load_explicit(&graph->started, memory_order_acquire)) {
        drain(graph);
        if (atomic_load_explicit(&graph->remaining, memory_order_acquire) == 0) {
            end_run(graph);
        }
    }
    agt__graph_unref(graph);
}

void agt__engine_init(agt_graph *graph)
{
    graph->job.run = run_job;
}

void agt__engine_start(agt_graph *graph)
{
    atomic_store_explicit(&graph->started, true, memory_order_release);
    agt__engine_poke(graph);
}

static void release_held(agt_graph *graph)
{
    /* Cancelling an open graph closes it: what is held is let go, to settle as cancelled. */
    (void)pthread_mutex_lock(&graph->mutex);
    bool was_closed = graph->closed;
    graph->closed = true;
    for (uint32_t i = graph->root_count; i < graph->count; i++) {
        agt__call *call = agt__graph_get_call(graph, i);
        if (call->held) {
            call->held = false;
            if (atomic_fetch_sub_explicit(&call->open, 1, memory_order_acq_rel) == 1) {
                call->ready_ns = agt__runtime_now_ns(graph->runtime);
                agt__engine_push(call, true);
            }
        }
    }
    (void)pthread_mutex_unlock(&graph->mutex);
    if (!was_closed && atomic_fetch_sub_explicit(&graph->remaining, 1, memory_order_acq_rel) == 1) {
        agt__engine_poke(graph);
    }
}

void agt__engine_cancel(agt_graph *graph, agt_outcome outcome)
{
    if (atomic_load_explicit(&graph->cancelled, memory_order_relaxed)) {
        return;
    }
    if (graph->runtime->tape != NULL && graph->within == NULL) {
        agt__tape_cancel_run(graph, outcome);
    }
    graph->cancel_outcome = outcome;
    atomic_store_explicit(&graph->cancelled, true, memory_order_seq_cst);
    if (graph->open) {
        release_held(graph);
    }
    agt__attempt_cancel_all(graph);
    agt__doors_cancel_parked(graph);
    agt__engine_poke(graph);
}

void agt__graph_cancel(agt_graph *graph)
{
    agt__engine_cancel(graph, AGT_OUTCOME_CANCELLED);
}
