/*
 * Graphs, the engine's own view. graph.c builds them, engine.c runs them.
 */
#ifndef AGT_EXEC_GRAPH_H
#define AGT_EXEC_GRAPH_H

#include "exec/call.h"
#include "exec/executor.h"
#include "runtime/runtime.h"
#include "runtime/task.h"

#define AGT__CALLS_MAX (1u << 24)

/* Calls stand in chunks that never move and double in size: 16, 16, 32, 64 … A small graph is
 * small, and a large one has few chunks. */
#define AGT__CHUNK_FIRST 16u
#define AGT__CHUNKS      21u

typedef struct agt__edge {
    uint32_t to;   /* the dependent */
    uint32_t next; /* of the same predecessor; number plus 1, 0 = last */
} agt__edge;

struct agt_graph {
    const agt_allocator *allocator;
    agt_runtime *runtime;   /* referenced */
    agt_executor *executor; /* referenced; NULL = none (one operation alone) */
    _Atomic uint32_t refs;
    char *name;
    agt_batch batch;
    uint32_t quorum;
    bool open;
    bool sealed;
    /* Set by who adds a call, also while the graph runs and the loop thread looks at them. */
    _Atomic bool has_own_options; /* some call has options of its own */
    _Atomic bool has_own_cancels; /* some call listens to a token of its own */
    bool has_backward_edges; /* some edge leads to a call added earlier: there may be a cycle */
    bool plain; /* no budget, policy or journal: only extras can make calls not plain */

    /* Edges stand in one array. In an open graph that runs, the mutex guards adding, releasing and
     * following edges. */
    agt__call *chunks[AGT__CHUNKS];
    uint32_t count;
    uint64_t *roots; /* a bit per call that was added before the start: set, it has no dependency */
    size_t root_words;
    uint64_t first_roots;
    agt__edge *edges;
    size_t edge_count, edge_capacity;
    pthread_mutex_t mutex;

    /* The run. */
    _Atomic bool running;         /* claimed by a start until the run is over */
    _Atomic bool started;         /* set up: the loop may look at it */
    _Atomic uint32_t results_out; /* results objects that look at the calls */
    bool closed;                  /* open graphs: nothing more is added (mutex) */
    agt_task *task;               /* NULL: runs within another call */
    const agt_task *results_of;   /* the task whose results the calls have; not to be followed */
    agt_tool_call *within;        /* the attempt this run is part of; NULL = none */
    agt_graph *next_within;       /* of the same attempt */
    uint64_t position;            /* on a tape: which run it is, or where within another */
    agt_graph *next_taped;        /* runs of their own, under way on a tape */
    agt__graph_done_fn on_done;   /* of a run within another call */
    void *done_user_data;
    agt__options options;
    agt__run run;
    agt_span *span;           /* of the run, if it has no parent */
    agt_span_context context; /* parent of the calls' spans */
    bool traced;              /* spans are recorded */
    uint64_t start_ns, end_ns;
    _Atomic uint32_t remaining; /* unsettled calls, plus one while open, plus `settled` */
    uint32_t settled;           /* on the loop, not yet taken off `remaining` */
    _Atomic uint32_t succeeded; /* counted for quorums only */
    _Atomic uint32_t failed;
    _Atomic uint32_t first_failure; /* index plus 1 */
    _Atomic uint32_t active, active_max;
    _Atomic bool cancelled;
    _Atomic bool cancel_wanted;       /* by the batch policy, from any thread */
    _Atomic bool cancel_calls_wanted; /* by tokens of calls, from any thread */
    agt_outcome cancel_outcome;

    /* The loop's side: ready calls, parked calls, live attempts. */
    agt__mpsc incoming; /* ready calls from other threads */
    _Atomic bool job_posted;
    agt__job job;
    agt__call *ready_first, *ready_last;
    uint32_t next_root, root_count; /* where the start looks for roots next, and up to where */
    uint64_t last_ns;               /* the latest time read while draining */
    bool begun;
    bool held; /* attempts hold back what comes in, if they can */
    bool draining;
    agt__call *parked;
    agt__link live; /* of agt__live */
    agt__timer deadline_timer;
    agt__timer due_timer;    /* for all attempts that are `covered`: due at the first one's limit */
    uint64_t due_covered_ns; /* the latest limit it covers */
    agt__cancel_link cancel_link;
    agt__activity activity;
};

static inline agt__call *agt__graph_get_call(const agt_graph *graph, uint32_t index)
{
    if (index < AGT__CHUNK_FIRST) {
        return &graph->chunks[0][index];
    }
    unsigned bit = 31u - (unsigned)__builtin_clz(index); /* 4 for 16 … 31 */
    return &graph->chunks[bit - 3][index - (1u << bit)];
}

/** One more reference. */
agt_graph *agt__graph_ref(agt_graph *graph);
/** One reference less. The program's own goes by agt_graph_unref(), which closes an open graph. */
void agt__graph_unref(agt_graph *graph);

/** Copy options; texts are owned, tokens and budgets referenced. @given may be NULL.
 * @return AGT_OK; AGT_E_INVALID, AGT_E_VERSION; AGT_E_NOMEM with nothing kept */
agt_status agt__options_init(agt__options *options, const agt_allocator *allocator,
                             const agt_call_options *given, const agt_clock *clock, agt_error *err);
/** Take from @defaults, which live longer, what @options leaves open, and forget what was taken
 * before. The time to a deadline of its own begins now. */
void agt__options_inherit(agt__options *options, const agt__options *defaults,
                          const agt_clock *clock);
void agt__options_deinit(agt__options *options, const agt_allocator *allocator);

/** What the run is called in traces. */
const char *agt__graph_get_run_name(const agt_graph *graph);

/** The call's extra part, made if need be; NULL if there is no memory. */
agt__call_extra *agt__call_need_extra(agt__call *call);

/** Bind @parameter of a call to the part @pointer of the output of call @from; both NULL: a source
 * of execute_parallel's nulls. @return AGT_OK; AGT_E_NOMEM */
agt_status agt__call_add_binding(agt__call *call, const char *parameter, uint32_t from,
                                 const char *pointer);

/** Options the call runs under. */
const agt_call_options *agt__call_options(const agt__call *call);

/** The span that the call's own span is below: one of its options, or that of the run. */
const agt_span_context *agt__call_get_parent(const agt__call *call);

/** Forget what the last run left of the call: it is about to be run again. */
void agt__call_rearm(agt__call *call);

/** Fill in bindings, and nulls by execute_parallel's rule. @return AGT_OK; AGT_E_REJECTED with a
 * message; AGT_E_NOMEM */
agt_status agt__call_bind(agt__call *call, agt_error *err);

/** The call's deterministic key. @return AGT_OK; AGT_E_NOMEM @threads any, while the call runs */
agt_status agt__call_get_key(const agt__call *call, uint8_t ret_key[32]);
/** Keep it in the call's extra part. @return AGT_OK; AGT_E_NOMEM @threads the owner's */
agt_status agt__call_keep_key(agt__call *call);

/** Where calls of this graph ask to be admitted: stage @index, NULL beyond the last. */
agt__policy *agt__graph_get_policy(const agt_graph *graph, size_t index);

/* ---- engine.c: from ready to settled ------------------------------------------------------- */

/** Set up a new graph's part in the engine, once: a job may still be queued when it runs again. */
void agt__engine_init(agt_graph *graph);

/** Begin the run: everything is set up. @threads any */
void agt__engine_start(agt_graph *graph);

/** Ask the loop to look at the graph. @threads any */
void agt__engine_poke(agt_graph *graph);

/** Put a ready call into the graph's queue. @threads any, @call's owner */
void agt__engine_push(agt__call *call, bool on_loop);

/** Cancel the run; calls not yet settled end with @outcome. @threads loop */
void agt__engine_cancel(agt_graph *graph, agt_outcome outcome);

/** Run @call, and what becomes ready in place behind it. @threads loop */
void agt__engine_run_chain(agt__call *call);

/** agt__call_is_plain() for a call with extras. */
bool agt__call_has_plain_extra(const agt__call *call);

/** Whether the call needs no door and no hook: it may run and settle on any thread. */
static inline bool agt__call_is_plain(const agt__call *call)
{
    return call->graph->plain && !call->recovers &&
           (call->extra == NULL || agt__call_has_plain_extra(call));
}

/**
 * Everything before the doors: was the run cancelled, did a dependency fail, inputs bound, does the
 * input fit the schema?
 *
 * @return true: go on; false: the call has its result, agt__engine_finish() is next
 */
bool agt__engine_prepare(agt__call *call);

/** Set how the call ends: takes @output over, copies @detail (NULL = nothing to say). */
void agt__call_set_result(agt__call *call, agt_outcome outcome, agt_value *output,
                          const agt_error *detail);

/**
 * The outcome is final and all doors are behind: tell whoever waits, release dependents.
 *
 * @return a plain call that became ready and may run in place on this thread; NULL
 */
agt__call *agt__engine_finish(agt__call *call, bool on_worker);

/* ---- admit.c: the doors (loop thread) ------------------------------------------------------ */

/** The call's way through the doors to its start. @return as agt__engine_finish() */
agt__call *agt__doors_enter(agt__call *call);

/** An attempt has ended and the result is set: settle doors, journal, grants; then finish, or
 * another attempt. */
agt__call *agt__doors_leave(agt__call *call);

/** A parked call was woken: go on from where it waited. @return as agt__engine_finish() */
agt__call *agt__doors_resume(agt__call *call);

/** The call that @follower joined has its outcome: share it. */
void agt__doors_share(agt__call *follower);

/** Let all parked calls of a cancelled graph go on, to their end. */
void agt__doors_cancel_parked(agt_graph *graph);

/** Let a parked call whose own token was requested go on, to its end. */
void agt__doors_cancel_call(agt__call *call);

/* ---- cancel.c ------------------------------------------------------------------------------ */

/** Whether the call's own cancel token was requested. @threads any */
bool agt__call_is_cancelled(const agt__call *call);

/** Listen to the call's own token, if it has one; the graph runs. */
void agt__call_listen(agt__call *call);

/** Listen to those of all calls that the run begins with; and to none, once it is over.
 * @threads loop */
void agt__graph_listen_calls(agt_graph *graph);
void agt__graph_unlisten_calls(agt_graph *graph);

/** Cancel the calls whose tokens were requested. @threads loop */
void agt__engine_cancel_calls(agt_graph *graph);

/* ---- attempt.c ----------------------------------------------------------------------------- */

/** Tell who listens that @attempt begins, if it is the first of its call, which has an extra part.
 * @threads loop, or any for calls without listener */
void agt__attempt_tell_started(agt_tool_call *attempt);
/** Tell attempts that do not know yet whether the graph is held. @threads loop */
void agt__attempt_tell_held(agt_graph *graph);

/** Start an attempt of an admitted call on the loop thread. @return as agt__engine_finish() */
agt__call *agt__attempt_start(agt__call *call);

/** End all attempts of the graph: stop them or leave them behind. @threads loop */
void agt__attempt_cancel_all(agt_graph *graph);

/** The same for the attempts of one call, which is not plain. @threads loop */
void agt__attempt_cancel_call(agt__call *call);

/** End the attempts of one call but @winner; @ending says why. @threads loop */
void agt__attempt_end_others(agt__call *call, const agt_tool_call *winner, agt__ending ending);

/** Set up an attempt: what it runs, its span and when it is due. Begins the call's span. */
void agt__attempt_init(agt_tool_call *attempt, agt__call *call, uint64_t start_ns);

/** Begin the span of @call, of which @attempt is the first. */
void agt__attempt_begin_span(agt_tool_call *attempt, agt__call *call, uint64_t start_ns);

/** When an attempt that starts at @start_ns is due; UINT64_MAX = never. */
uint64_t agt__attempt_get_due_ns(const agt__call *call, uint64_t start_ns);

/** When @attempt is due; UINT64_MAX = never. */
uint64_t agt__attempt_get_limit_ns(const agt_tool_call *attempt);

/** Link an attempt on the heap into the graph's list. @threads loop */
void agt__live_link(agt__live *live);
/** Have it keep what it points at by references of its own. @threads loop */
void agt__live_hold(agt__live *live);
/** Take it out of the list and free it, @memory being what it is the first part of. @threads loop
 */
void agt__live_free(agt__live *live, void *memory);

/**
 * The attempt is over: make its result (status and output, or how it was ended) that of the call,
 * book its costs and times. The owner's thread.
 */
void agt__attempt_conclude(agt_tool_call *attempt, uint64_t end_ns);

/** After agt__attempt_conclude() on the loop thread: doors, or the end. */
agt__call *agt__attempt_leave(agt__call *call);

/* ---- blocking.c ---------------------------------------------------------------------------- */

/** Give the call's function to a worker; in a simulated runtime run it here.
 * @return as agt__engine_finish() */
agt__call *agt__blocking_start(agt__call *call);

/** The call it runs now, or waits to run, or whose end it has for the loop; only good for
 * comparing. */
const agt__call *agt__blocking_get_call(agt__blocking *blocking);

/** Stop waiting for it: @return its call, which is the caller's to settle now; NULL if the worker
 * was faster. @threads loop */
agt__call *agt__blocking_claim(agt__blocking *blocking, agt__ending ending);

/** Its call has been settled by another attempt: whatever it does is of no interest any more.
 * @threads loop */
void agt__blocking_forget(agt__blocking *blocking);

/** The record has no further user. @threads loop */
void agt__blocking_free(agt__blocking *blocking);

#endif
