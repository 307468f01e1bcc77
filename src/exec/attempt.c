/*
 * Attempts: starting an operation, and the one place where its end becomes the call's result.
 *
 * Inline functions run to their end on the stack of whoever starts them. Asynchronous operations
 * (and in simulated runtimes blocking functions too) get an agt__live, linked in graph->live, with
 * a timer for their time limit; they end by agt_tool_complete(), from any thread, which brings them
 * to the loop. Blocking functions on workers are in blocking.c.
 *
 * An attempt that is ended from outside (time limit, cancel, another attempt won) is asked to stop
 * through its operation's cancel(). If that promises an end, we wait for it: a child process is
 * gone when its call is settled. If not, the call is settled without it: attempt->call becomes NULL
 * and whatever comes later is dropped.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/graph.h"
#include "exec/tape.h"

#include <stdio.h>
#include <string.h>

#define ORIGIN "exec"

/* An inline function cannot be stopped: when it is due is worked out only if it asks. */
#define DUE_WHEN_ASKED 0

static uint32_t timeout_ms_of(const agt__call *call)
{
    uint32_t own = agt__call_options(call)->timeout_ms;
    return own != 0 ? own : agt__call_operation(call)->timeout_ms;
}

uint64_t agt__attempt_get_due_ns(const agt__call *call, uint64_t start_ns)
{
    uint32_t timeout_ms = timeout_ms_of(call);
    uint64_t due =
        timeout_ms == AGT_MS_NONE ? UINT64_MAX : start_ns + (uint64_t)timeout_ms * 1000000u;
    const agt__options *own = call->extra != NULL ? call->extra->options : NULL;
    uint64_t deadline = own != NULL ? own->deadline_ns : call->graph->options.deadline_ns;
    return deadline < due ? deadline : due;
}

/* @return when the attempt begins */
static __attribute__((noinline)) uint64_t put_on_tape(agt_tool_call *attempt)
{
    attempt->start_ns = agt__tape_begin_attempt(attempt);
    if (attempt->table != attempt->operation->table) {
        attempt->due_ns = UINT64_MAX; /* what ends it is on the tape */
    } else if (attempt->due_ns != DUE_WHEN_ASKED) {
        attempt->due_ns = agt__attempt_get_due_ns(attempt->call, attempt->start_ns);
    }
    return attempt->start_ns;
}

static inline void init_attempt(agt_tool_call *attempt, agt__call *call, uint64_t start_ns,
                                uint64_t due_ns)
{
    agt_graph *graph = call->graph;
    attempt->call = call;
    attempt->graph = graph;
    attempt->operation = agt__call_operation(call);
    attempt->table = attempt->operation->table;
    attempt->record = NULL;
    attempt->children_begun = 0;
    attempt->has_waited = false;
    attempt->input = agt__call_input(call);
    attempt->due_ns = due_ns;
    attempt->start_ns = start_ns;
    atomic_store_explicit(&attempt->error, NULL, memory_order_relaxed);
    attempt->state = NULL;
    attempt->children = NULL;
    attempt->output = NULL;
    attempt->status = AGT_OK;
    attempt->ending = AGT__ENDING_NONE;
    atomic_store_explicit(&attempt->cancelled, false, memory_order_relaxed);
    call->attempts++;
    if (graph->runtime->tape != NULL) {
        start_ns = put_on_tape(attempt);
    }
    if (call->start_ns == 0) {
        call->start_ns = start_ns;
    }
    attempt->span = graph->context;
    if (graph->traced) {
        if (call->span == NULL && call->attempts == 1) {
            agt__attempt_begin_span(attempt, call, start_ns);
        }
        if (call->span != NULL) {
            attempt->span = agt_span_get_context(call->span);
        }
    }
}

void agt__attempt_init(agt_tool_call *attempt, agt__call *call, uint64_t start_ns)
{
    init_attempt(attempt, call, start_ns, agt__attempt_get_due_ns(call, start_ns));
    if (call->extra != NULL) {
        agt__attempt_tell_started(attempt);
    }
}

uint64_t agt__attempt_get_limit_ns(const agt_tool_call *attempt)
{
    return attempt->due_ns != DUE_WHEN_ASKED
               ? attempt->due_ns
               : agt__attempt_get_due_ns(attempt->call, attempt->start_ns);
}

/* ---- the result ---------------------------------------------------------------------------- */

static agt_outcome outcome_of_status(agt_status status)
{
    for (int outcome = AGT_OUTCOME_TIMEOUT; outcome <= AGT_OUTCOME_UNKNOWN; outcome++) {
        if (agt_outcome_get_status((agt_outcome)outcome) == status) {
            return (agt_outcome)outcome;
        }
    }
    return status == AGT_OK ? AGT_OUTCOME_OK : AGT_OUTCOME_ERROR;
}

static agt_outcome outcome_of_timeout(const agt_tool_call *attempt, uint64_t end_ns, agt_error *err)
{
    bool unknown = attempt->operation->effect == AGT_EFFECT_EFFECT;
    /* The time it had, not what it took to end: that includes the grace of a process. */
    uint64_t limit_ns = agt__attempt_get_limit_ns(attempt);
    uint64_t late_ns = limit_ns < end_ns ? limit_ns : end_ns;
    (void)agt__error_set(err, unknown ? AGT_E_UNKNOWN : AGT_E_TIMEOUT, ORIGIN,
                         "\"%s\" timed out after %llu ms%s", attempt->operation->name,
                         (unsigned long long)((late_ns - attempt->start_ns) / 1000000u),
                         unknown ? "; whether it had its effect is unknown" : "");
    return unknown ? AGT_OUTCOME_UNKNOWN : AGT_OUTCOME_TIMEOUT;
}

static agt_outcome outcome_of_cancel(const agt_tool_call *attempt, agt_error *err)
{
    const agt_graph *graph = attempt->graph;
    bool late = atomic_load_explicit(&graph->cancelled, memory_order_acquire) &&
                graph->cancel_outcome == AGT_OUTCOME_TIMEOUT;
    bool unknown = late && attempt->operation->effect == AGT_EFFECT_EFFECT;
    agt_outcome outcome = unknown ? AGT_OUTCOME_UNKNOWN
                          : late  ? AGT_OUTCOME_TIMEOUT
                                  : AGT_OUTCOME_CANCELLED;
    (void)agt__error_set(
        err, agt_outcome_get_status(outcome), ORIGIN, "\"%s\" was %s%s", attempt->operation->name,
        late ? "stopped: the deadline of the run has passed" : "cancelled while it ran",
        unknown ? "; whether it had its effect is unknown" : "");
    return outcome;
}

/* What the tool has said so far. A thread of its own may say more at any time, to nobody. */
static agt_error *take_error(agt_tool_call *attempt)
{
    if (atomic_load_explicit(&attempt->error, memory_order_relaxed) == NULL) {
        return NULL;
    }
    return atomic_exchange_explicit(&attempt->error, NULL, memory_order_acq_rel);
}

static agt_outcome outcome_of_failure(agt_tool_call *attempt, agt_error *err)
{
    agt_error *said = take_error(attempt);
    if (said != NULL) {
        *err = *said;
        agt__free(attempt->graph->allocator, said);
        if (err->status == AGT_OK) {
            err->status = attempt->status;
        }
    } else {
        (void)agt__error_set(err, attempt->status, ORIGIN, "\"%s\" failed: %s",
                             attempt->operation->name, agt_status_get_text(attempt->status));
    }
    return outcome_of_status(attempt->status);
}

/* What a tool gave is not to be trusted like what the program wrote. */
static agt_outcome taint_output(agt_tool_call *attempt, agt_error *err)
{
    agt_value *tainted;
    if (agt__value_take_taint(attempt->graph->allocator, attempt->output, &tainted) != AGT_OK) {
        attempt->output = NULL;
        (void)agt__error_nomem(err, ORIGIN);
        return AGT_OUTCOME_ERROR;
    }
    attempt->output = tainted;
    return AGT_OUTCOME_OK;
}

static agt_outcome outcome_of(agt_tool_call *attempt, uint64_t end_ns, agt_error *err)
{
    switch ((agt__ending)attempt->ending) {
    case AGT__ENDING_TIMEOUT:
        return outcome_of_timeout(attempt, end_ns, err);
    case AGT__ENDING_CANCEL:
    case AGT__ENDING_LOST:
        return outcome_of_cancel(attempt, err);
    case AGT__ENDING_NONE:
        break;
    }
    return attempt->status == AGT_OK ? taint_output(attempt, err)
                                     : outcome_of_failure(attempt, err);
}

/* Apart from its caller, so that the error value is on the stack only where it is needed. */
static __attribute__((noinline)) void set_result_slowly(agt_tool_call *attempt, uint64_t end_ns)
{
    agt_error err;
    agt_outcome outcome = AGT_OUTCOME_NONE;
    if (attempt->record != NULL) {
        outcome = agt__tape_get_result(attempt, &err);
    }
    if (outcome == AGT_OUTCOME_NONE) {
        outcome = outcome_of(attempt, end_ns, &err);
    } else if (attempt->output != NULL && taint_output(attempt, &err) != AGT_OUTCOME_OK) {
        outcome = AGT_OUTCOME_ERROR;
    }
    agt__call_set_result(attempt->call, outcome, attempt->output, &err);
}

static void set_result(agt_tool_call *attempt, uint64_t end_ns)
{
    agt__call *call = attempt->call;
    bool ok =
        attempt->status == AGT_OK && attempt->ending == AGT__ENDING_NONE && attempt->record == NULL;
    if (attempt->output == NULL && ok) {
        attempt->output = agt__value_get_tainted_null();
    }
    if (ok && call->output == NULL && call->detail == NULL &&
        attempt->output == agt__value_get_tainted_null()) {
        call->output = attempt->output;
        call->outcome = AGT_OUTCOME_OK;
    } else {
        set_result_slowly(attempt, end_ns);
    }
    attempt->output = NULL;
}

static void count_active(agt_graph *graph)
{
    uint32_t active = atomic_fetch_add_explicit(&graph->active, 1, memory_order_relaxed) + 1;
    uint32_t most = atomic_load_explicit(&graph->active_max, memory_order_relaxed);
    while (active > most && !atomic_compare_exchange_weak(&graph->active_max, &most, active)) {
    }
}

void agt__attempt_conclude(agt_tool_call *attempt, uint64_t end_ns)
{
    agt__call *call = attempt->call;
    agt_graph *graph = attempt->graph;
    bool is_taped = graph->runtime->tape != NULL;
    if (is_taped) {
        end_ns = agt__tape_end_attempt(attempt);
    }
    set_result(attempt, end_ns);
    if (is_taped) {
        agt__tape_keep_result(attempt, end_ns);
    }
    call->end_ns = end_ns;
    call->run_ns += end_ns - attempt->start_ns;
    if (attempt->is_live) {
        atomic_fetch_sub_explicit(&graph->active, 1, memory_order_relaxed);
    }
    const agt__operation_table *table = attempt->operation->table;
    if (table->finish != NULL) {
        agt_budget_amount nobody = {AGT_NANOUSD_UNKNOWN, AGT_TOKENS_UNKNOWN, 1};
        table->finish(attempt, call->span, call->extra != NULL ? &call->extra->actual : &nobody);
    }
    agt_error *unused = take_error(attempt);
    if (unused != NULL) {
        agt__free(graph->allocator, unused);
    }
}

agt__call *agt__attempt_leave(agt__call *call)
{
    return agt__call_is_plain(call) ? agt__engine_finish(call, false) : agt__doors_leave(call);
}

/* ---- inline functions ---------------------------------------------------------------------- */

/* A function that simply succeeded and says nothing: most of the cost of the general way would be
 * looking at what there is not. */
static bool conclude_quietly(agt_tool_call *attempt, uint64_t end_ns)
{
    agt__call *call = attempt->call;
    if (attempt->status != AGT_OK || attempt->output != NULL ||
        atomic_load_explicit(&attempt->error, memory_order_relaxed) != NULL ||
        call->output != NULL || call->detail != NULL || attempt->operation->table->finish != NULL ||
        call->graph->runtime->tape != NULL) {
        return false;
    }
    call->output = agt__value_get_tainted_null();
    call->outcome = AGT_OUTCOME_OK;
    call->end_ns = end_ns;
    call->run_ns += end_ns - attempt->start_ns;
    return true;
}

static agt__call *run_inline(agt__call *call)
{
    agt_graph *graph = call->graph;
    agt_tool_call attempt; /* not initialised as a whole: this is the path of every inline call */
    bool pending = false;
    attempt.is_live = false;
    attempt.is_blocking = false;
    init_attempt(&attempt, call, graph->last_ns, DUE_WHEN_ASKED);
    if (call->extra != NULL) {
        agt__attempt_tell_started(&attempt);
    }
    attempt.status = attempt.operation->table->start(&attempt, &attempt.output, &pending);
    AGT_ASSERT(!pending);
    graph->last_ns = agt__runtime_now_ns(graph->runtime);
    if (!conclude_quietly(&attempt, graph->last_ns)) {
        agt__attempt_conclude(&attempt, graph->last_ns);
    }
    return agt__attempt_leave(call);
}

/* ---- attempts on the heap ------------------------------------------------------------------ */

void agt__live_link(agt__live *live)
{
    agt_graph *graph = live->attempt.graph;
    live->attempt.is_live = true;
    agt__list_add(&graph->live, &live->link);
    count_active(graph);
}

void agt__live_hold(agt__live *live)
{
    if (!live->holds) {
        live->holds = true;
        (void)agt__graph_ref(live->attempt.graph);
        (void)agt__operation_ref(live->attempt.operation);
        (void)agt_value_ref(live->attempt.input);
    }
}

void agt__live_free(agt__live *live, void *memory)
{
    agt_graph *graph = live->attempt.graph;
    bool holds = live->holds;
    if (live->forsaken) {
        atomic_fetch_sub_explicit(&graph->runtime->forsaken, 1, memory_order_release);
    }
    agt__loop_timer_stop(graph->runtime->loop, &live->due_timer);
    agt__loop_timer_stop(graph->runtime->loop, &live->resume_timer);
    agt__list_remove(&live->link);
    agt_error *unused = take_error(&live->attempt);
    if (unused != NULL) {
        agt__free(graph->allocator, unused);
    }
    agt_value_unref(live->attempt.output);
    if (holds) {
        agt_value_unref(live->attempt.input);
        agt__operation_unref(live->attempt.operation);
        if (live->awaited) {
            agt__activity unlinked = {.linked = false};
            agt__runtime_end_activity(graph->runtime, &unlinked);
        }
    }
    agt__free(graph->allocator, memory);
    if (holds) {
        agt__graph_unref(graph);
    }
}

static void free_live(agt__live *live)
{
    agt__live_free(live, live);
}

/* The call of a live attempt has its end: settle it. The attempt may go on without it. */
static agt__call *conclude_live(agt__live *live)
{
    agt__call *call = live->attempt.call;
    agt_graph *graph = live->attempt.graph;
    graph->last_ns = agt__runtime_now_ns(graph->runtime);
    agt__attempt_conclude(&live->attempt, graph->last_ns);
    live->attempt.call = NULL;
    return agt__attempt_leave(call);
}

/* Its operation has ended, now or before its call. */
static void end_live(agt__live *live)
{
    agt__call *next = NULL;
    agt_graph *graph = agt__graph_ref(live->attempt.graph);
    if (live->attempt.call != NULL) {
        next = conclude_live(live);
    }
    free_live(live);
    agt__engine_run_chain(next);
    agt__graph_unref(graph);
}

static void end_live_job(agt__job *job)
{
    agt__live *live = (agt__live *)(void *)((char *)job - offsetof(agt__live, job));
    live->attempt.status = live->given_status;
    live->attempt.output = live->given_output;
    end_live(live);
}

void agt_tool_complete(agt_tool_call *attempt, agt_status status, const agt_value *output)
{
    /* Functions of other modes say how they ended by returning. */
    if (attempt != NULL && attempt->operation->mode == AGT_TOOL_ASYNC) {
        agt__tool_call_complete(attempt, status, agt_value_ref(output));
    }
}

void agt__tool_call_complete(agt_tool_call *attempt, agt_status status, agt_value *output)
{
    agt__live *live = (agt__live *)(void *)attempt;
    agt__loop *loop = attempt->graph->runtime->loop;
    if (!agt__loop_is_current(loop)) {
        /* The loop may be starting or ending the attempt at this moment: it is told by the job. */
        live->given_status = status;
        live->given_output = output;
        live->job.run = end_live_job;
        agt__loop_post(loop, &live->job);
        return;
    }
    attempt->status = status;
    attempt->output = output;
    if (live->starting) {
        live->completed = true;
    } else {
        end_live(live);
    }
}

/* ---- ending from outside ------------------------------------------------------------------- */

static void cancel_children(agt_tool_call *attempt)
{
    for (agt_graph *graph = attempt->children; graph != NULL; graph = graph->next_within) {
        agt__engine_cancel(graph, AGT_OUTCOME_CANCELLED);
    }
}

/* Stop an asynchronous attempt. @return true if its end will come through agt_tool_complete() */
static bool stop_live(agt__live *live)
{
    agt_tool_call *attempt = &live->attempt;
    atomic_store_explicit(&attempt->cancelled, true, memory_order_release);
    agt__loop_timer_stop(attempt->graph->runtime->loop, &live->due_timer);
    cancel_children(attempt);
    bool follows = attempt->table->cancel != NULL && attempt->table->cancel(attempt);
    if (follows) {
        return true;
    }
    /* A tool that only waits has no other occasion to complete than to be resumed. */
    void (*fn)(agt_tool_call *, void *) = live->on_cancel;
    if (fn == NULL && agt__timer_is_started(&live->resume_timer)) {
        fn = live->resume;
    }
    agt__loop_timer_stop(attempt->graph->runtime->loop, &live->resume_timer);
    if (fn != NULL) {
        fn(attempt, attempt->operation->user_data);
    }
    return false;
}

static agt__live *live_of_link(agt__link *link)
{
    return (agt__live *)(void *)((char *)link - offsetof(agt__live, link));
}

static agt__call *end_blocking(agt__blocking *blocking, agt__ending ending)
{
    return agt__blocking_claim(blocking, ending) != NULL ? conclude_live(&blocking->live) : NULL;
}

/* It goes on without its call, and nobody knows for how long. */
static void forsake(agt__live *live)
{
    live->forsaken = true;
    atomic_fetch_add_explicit(&live->attempt.graph->runtime->forsaken, 1, memory_order_relaxed);
}

/* End a live attempt whose call still waits for it. @return what may run in place, if the call is
 * settled by this */
static agt__call *end_from_outside(agt__live *live, agt__ending ending)
{
    agt_tool_call *attempt = &live->attempt;
    if (attempt->is_blocking) {
        return end_blocking((agt__blocking *)(void *)live, ending);
    }
    if (attempt->call == NULL || attempt->ending != AGT__ENDING_NONE) {
        return NULL;
    }
    attempt->ending = (uint8_t)ending;
    if (live->simulated_ns != 0) { /* a blocking function that only seems to run: it is over */
        agt__call *next = conclude_live(live);
        free_live(live);
        return next;
    }
    /* A completion from within (on_cancel may call it) is taken note of, not acted on. */
    bool starting = live->starting;
    live->starting = true;
    bool follows = stop_live(live);
    live->starting = starting;
    agt__call *next = NULL;
    if (!follows || live->completed) {
        agt__live_hold(live); /* from here on it is without its call */
        next = conclude_live(live);
    }
    if (!follows && !live->completed) {
        forsake(live);
    }
    if (live->completed && !starting) {
        free_live(live);
    }
    return next;
}

static void fire_due(agt__timer *timer)
{
    agt__live *live = (agt__live *)(void *)((char *)timer - offsetof(agt__live, due_timer));
    agt_graph *graph = agt__graph_ref(live->attempt.graph);
    graph->last_ns = agt__runtime_now_ns(graph->runtime);
    agt__engine_run_chain(end_from_outside(live, AGT__ENDING_TIMEOUT));
    agt__graph_unref(graph);
}

/*
 * Going through all attempts that are there now, although ending one may end others or start some:
 * each one that had its turn moves to the end of the list, behind a mark that looks like an attempt
 * without a call.
 */
static void begin_turn(agt_graph *graph, agt__live *mark)
{
    memset(mark, 0, sizeof(*mark));
    agt__list_add(&graph->live, &mark->link);
}

/* The attempt whose turn it is; NULL after the last. */
static agt__live *first_in_turn(const agt_graph *graph, const agt__live *mark)
{
    agt__live *first = live_of_link(agt__list_first(&graph->live));
    return first != mark ? first : NULL;
}

static void had_its_turn(agt_graph *graph, agt__live *live)
{
    agt__list_remove(&live->link);
    agt__list_add(&graph->live, &live->link);
}

/*
 * One timer watches over most attempts of a graph: those that are due no earlier than the ones it
 * watches already, which with one limit for all is every one of them. It is not touched when they
 * end. When it fires it ends what is due and is set for the first of the rest. Attempts it watches
 * stand in the list in the order of their limits.
 */
static void fire_graph_due(agt__timer *timer)
{
    agt_graph *graph = (agt_graph *)(void *)((char *)timer - offsetof(agt_graph, due_timer));
    agt__live mark;
    agt__live *live;
    uint64_t next_ns = UINT64_MAX;
    (void)agt__graph_ref(graph);
    graph->last_ns = agt__runtime_now_ns(graph->runtime);
    uint64_t now_ns = graph->last_ns;
    begin_turn(graph, &mark);
    while (next_ns == UINT64_MAX && (live = first_in_turn(graph, &mark)) != NULL) {
        bool covered = live->covered && live->attempt.call != NULL;
        if (covered && live->attempt.due_ns > now_ns) {
            next_ns = live->attempt.due_ns;
        } else {
            had_its_turn(graph, live);
            live->covered = false;
            agt__engine_run_chain(covered ? end_from_outside(live, AGT__ENDING_TIMEOUT) : NULL);
        }
    }
    agt__list_remove(&mark.link);
    if (next_ns != UINT64_MAX && (!agt__timer_is_started(timer) || next_ns < timer->due_ns)) {
        /* It has just left its place free. */
        (void)agt__loop_timer_start(graph->runtime->loop, timer, next_ns);
    }
    agt__graph_unref(graph);
}

/* Have the attempt's limit watched. */
static agt_status watch_limit(agt__live *live)
{
    agt_graph *graph = live->attempt.graph;
    agt__loop *loop = graph->runtime->loop;
    uint64_t due_ns = live->attempt.due_ns;
    if (due_ns == UINT64_MAX) {
        return AGT_OK;
    }
    if (due_ns < graph->due_covered_ns) {
        live->due_timer.fire = fire_due;
        return agt__loop_timer_start(loop, &live->due_timer, due_ns);
    }
    live->covered = true;
    graph->due_covered_ns = due_ns;
    if (agt__timer_is_started(&graph->due_timer)) {
        return AGT_OK;
    }
    graph->due_timer.fire = fire_graph_due;
    return agt__loop_timer_start(loop, &graph->due_timer, due_ns);
}

void agt__attempt_cancel_all(agt_graph *graph)
{
    agt__live mark;
    agt__live *live;
    (void)agt__graph_ref(graph);
    begin_turn(graph, &mark);
    while ((live = first_in_turn(graph, &mark)) != NULL) {
        had_its_turn(graph, live);
        agt__call *next = end_from_outside(live, AGT__ENDING_CANCEL);
        if (next != NULL) {
            agt__engine_push(next, true);
        }
    }
    agt__list_remove(&mark.link);
    agt__graph_unref(graph);
}

/* Whether it is an attempt of this call, which waits for it. The call of one that is on a worker
 * may change meanwhile, but not from or to one that is not plain. */
static bool is_attempt_of(agt__live *live, const agt__call *call)
{
    return live->attempt.is_blocking ? agt__blocking_get_call((agt__blocking *)(void *)live) == call
                                     : live->attempt.call == call;
}

void agt__attempt_cancel_call(agt__call *call)
{
    agt_graph *graph = call->graph;
    agt__live mark;
    agt__live *live;
    (void)agt__graph_ref(graph);
    begin_turn(graph, &mark);
    while ((live = first_in_turn(graph, &mark)) != NULL) {
        had_its_turn(graph, live);
        agt__call *next =
            is_attempt_of(live, call) ? end_from_outside(live, AGT__ENDING_CANCEL) : NULL;
        if (next != NULL) {
            agt__engine_push(next, true);
        }
    }
    agt__list_remove(&mark.link);
    agt__graph_unref(graph);
}

static void end_other(agt__live *live, agt__ending ending)
{
    agt_tool_call *attempt = &live->attempt;
    atomic_fetch_sub_explicit(&attempt->graph->active, 1, memory_order_relaxed);
    if (attempt->is_blocking) {
        (void)agt__blocking_claim((agt__blocking *)(void *)live, ending);
        agt__blocking_forget((agt__blocking *)(void *)live);
        return;
    }
    agt__live_hold(live);
    attempt->ending = (uint8_t)ending;
    attempt->call = NULL;          /* it has lost its call, whatever it does now */
    if (live->simulated_ns != 0) { /* a blocking function that only seems to run: it is over */
        free_live(live);
        return;
    }
    bool starting = live->starting;
    live->starting = true;
    bool follows = stop_live(live);
    live->starting = starting;
    if (live->completed && !starting) {
        free_live(live);
    } else if (follows) { /* a child process on its way out, of which its run knows no more */
        live->awaited = true;
        agt__runtime_extend_activity(attempt->graph->runtime);
    } else {
        forsake(live);
    }
}

void agt__attempt_end_others(agt__call *call, const agt_tool_call *winner, agt__ending ending)
{
    agt__link *link = call->graph->live.next;
    while (link != &call->graph->live) {
        agt__live *live = live_of_link(link);
        link = link->next;
        if (&live->attempt != winner && is_attempt_of(live, call)) {
            end_other(live, ending);
            link = call->graph->live.next; /* the list may have changed: begin again */
        }
    }
}

/* ---- starting ------------------------------------------------------------------------------ */

static agt__call *fail_start(agt__call *call)
{
    agt_error err;
    (void)agt__error_nomem(&err, ORIGIN);
    agt__call_set_result(call, AGT_OUTCOME_ERROR, NULL, &err);
    return agt__attempt_leave(call);
}

/* A blocking function of a simulated runtime has run; what it slept passes as virtual time. */
static void fire_simulated_end(agt__timer *timer)
{
    end_live((agt__live *)(void *)((char *)timer - offsetof(agt__live, resume_timer)));
}

static bool has_simulated_sleep(agt__live *live)
{
    if (live->simulated_ns == 0) {
        return false;
    }
    agt_tool_call *attempt = &live->attempt;
    live->resume_timer.fire = fire_simulated_end;
    return agt__loop_timer_start(attempt->graph->runtime->loop, &live->resume_timer,
                                 attempt->start_ns + live->simulated_ns) == AGT_OK;
}

static agt__call *start_live(agt__call *call)
{
    agt_graph *graph = call->graph;
    agt_runtime *runtime = graph->runtime;
    agt__live *live = agt__calloc(graph->allocator, 1, sizeof(*live));
    if (live == NULL) {
        return fail_start(call);
    }
    agt_tool_call *attempt = &live->attempt;
    agt__attempt_init(attempt, call, agt__runtime_now_ns(runtime));
    agt__live_link(live);
    bool pending = false;
    if (watch_limit(live) != AGT_OK) {
        attempt->status = AGT_E_NOMEM;
    } else {
        live->starting = true;
        agt_value *output = NULL;
        agt_status status = attempt->table->start(attempt, &output, &pending);
        live->starting = false;
        if (!live->completed) { /* else agt_tool_complete() has said how it ended */
            attempt->status = status;
            attempt->output = output;
        }
    }
    attempt->has_waited = (pending && !live->completed) || live->simulated_ns != 0;
    if (pending && !live->completed) {
        if (graph->held) {
            agt__attempt_tell_held(graph);
        }
        return NULL;
    }
    if (!pending && has_simulated_sleep(live)) {
        return NULL;
    }
    agt__call *next = attempt->call != NULL ? conclude_live(live) : NULL;
    free_live(live);
    return next;
}

agt__call *agt__attempt_start(agt__call *call)
{
    if (agt__tape_is_replay(call->graph->runtime)) {
        return start_live(call); /* whatever it is, it waits for its time on the tape */
    }
    switch ((agt_tool_mode)agt__call_operation(call)->mode) {
    case AGT_TOOL_INLINE:
        return run_inline(call);
    case AGT_TOOL_ASYNC:
        return start_live(call);
    case AGT_TOOL_BLOCKING:
        break;
    }
    return call->graph->runtime->simulated ? start_live(call) : agt__blocking_start(call);
}
