/*
 * Calls and attempts, the engine's own view. See engine.c for how they live.
 *
 * A call is small because graphs of a million are allowed: what only some calls need (options of
 * their own, bindings, grants, …) stands in `agt__call_extra`, allocated when first needed. An
 * attempt exists only while something runs.
 *
 * Who may touch a call: exactly one thread at a time *owns* it. A call whose open dependencies
 * reach zero belongs to the thread that counted down; ownership then moves with the queue it is put
 * in, or with the attempt that runs it. Everything without a comment about threads is the owner's.
 */
#ifndef AGT_EXEC_CALL_H
#define AGT_EXEC_CALL_H

#include "base/list.h"
#include "base/mpsc.h"
#include "exec/policy.h"
#include "net/loop.h"
#include "runtime/cancel.h"
#include "runtime/workers.h"

#include <pthread.h>
#include <stdatomic.h>

/* (call, parameter) <- (call, JSON Pointer): stands beside the graph, never inside values. */
typedef struct agt__binding agt__binding;
struct agt__binding {
    agt__binding *next;
    char *parameter;
    char *pointer;
    agt_call_id from;
};

/* Options with texts of their own. */
typedef struct agt__options {
    agt_call_options given; /* what counts: `own`, and what was inherited; budget referenced */
    agt_call_options own;   /* pointers into the members below; cancel and budget referenced */
    agt_span_context parent;
    char *conversation, *correlation_id, *agent, *run_name;
    uint64_t deadline_ns; /* absolute; UINT64_MAX = none */
} agt__options;

/* Where a parked call waits. */
typedef enum agt__door {
    AGT__DOOR_NONE,
    AGT__DOOR_INTENT, /* the journal's first door    */
    AGT__DOOR_ADMIT,
    AGT__DOOR_JOINED, /* for its leader              */
    AGT__DOOR_SETTLE,
    AGT__DOOR_AGAIN,  /* for the next attempt's time */
    AGT__DOOR_RESULT, /* the journal's second door   */
    AGT__DOOR_FINISH, /* the result is there         */
} agt__door;

typedef struct agt__call_extra {
    agt__options *options; /* of this call; NULL = the graph's */
    agt__listener listener;
    agt__binding *bindings, *last_binding;
    char *unknown_tool; /* name of a tool nobody knows */
    char *call_id;      /* the model's name of the call, for the span */
    bool fill_nulls;    /* execute_parallel's rule */
    bool journalled;    /* the intent is on record */
    uint16_t granted;   /* bit per stage */
    uint8_t waits_for;  /* stage that parked it, at AGT__DOOR_ADMIT and SETTLE */
    agt__door door;     /* where it is parked */
    agt__door resume;   /* where it was parked, while it is queued to go on */
    uint8_t live;       /* attempts under way */
    bool has_key;
    uint8_t key[32];
    void *slots[AGT__POLICIES_MAX];
    agt_budget_amount actual;    /* of the last attempt */
    agt__operation *replacement; /* what a policy put in the operation's place; referenced */
    agt__call *leader, *followers, *next_follower;
    agt__call *next_parked, *previous_parked;
    agt__timer timer;             /* AGT__DOOR_AGAIN, and the deadline of a parked call */
    agt__cancel_link cancel_link; /* of the call's own token, while the graph runs */
    agt__call *call;              /* whose extra this is */
} agt__call_extra;

struct agt__call {
    agt__mpsc_node ready; /* first: in the graph's queues while ready */
    agt_graph *graph;
    agt__operation *operation; /* NULL: unknown tool; the executor's, or referenced (see below) */
    agt_value *input;          /* as given */
    agt_value *bound;          /* with bindings filled in; NULL = input */
    agt_value *output;
    agt_error *detail; /* NULL = nothing beyond the outcome */
    agt__call_extra *extra;
    agt_span *span;
    uint64_t ready_ns, start_ns, end_ns;
    uint64_t run_ns;         /* of all attempts */
    _Atomic uint32_t open;   /* dependencies not yet settled, plus one while held */
    _Atomic uint32_t failed; /* one of those that failed, plus 1; 0 = none */
    uint32_t dependencies;   /* what `open` is at the start of a run */
    uint32_t index;
    uint32_t first_edge, last_edge; /* to dependents: number in graph->edges plus 1 */
    uint16_t attempts;
    uint8_t outcome;
    uint8_t flags;
    bool owns_operation; /* `operation` is referenced by the call itself */
    bool held;           /* added to a running graph, not released: `open` counts one more */
    bool recovers;       /* `operation` has a recovery: never plain */
    bool resolved;       /* settled, outcome final: guarded by the graph's mutex in open graphs */
};

/* What the call runs now. */
static inline agt__operation *agt__call_operation(const agt__call *call)
{
    return call->extra != NULL && call->extra->replacement != NULL ? call->extra->replacement
                                                                   : call->operation;
}

/* Its input, bound. */
static inline const agt_value *agt__call_input(const agt__call *call)
{
    return call->bound != NULL ? call->bound : call->input;
}

/* How an attempt is being brought to its end from outside. */
typedef enum agt__ending {
    AGT__ENDING_NONE,
    AGT__ENDING_TIMEOUT,
    AGT__ENDING_CANCEL,
    AGT__ENDING_LOST, /* another attempt of the call won */
} agt__ending;

/* One attempt: the public handle agt_tool_call. An inline function's stands on the stack of the
 * thread that runs it; all others are the first part of an agt__live. It holds what a function may
 * look at even after its call was settled without it. */
struct agt_tool_call {
    agt__call *call; /* NULL once the call was settled without this attempt */
    agt_graph *graph;
    agt__operation *operation;
    const agt__operation_table *table; /* what starts, cancels and holds it: the operation's,
                                        * or that of a tape */
    struct agt__tape_entry *record;    /* its start on the tape that is replayed; NULL */
    const agt_value *input;
    agt_span_context span;
    uint64_t due_ns; /* UINT64_MAX = no limit */
    uint64_t start_ns;
    _Atomic(agt_error *) error; /* what the tool said, at any time; NULL = nothing */
    void *state;                /* the operation's */
    agt_graph *children;        /* graphs that run within this attempt (loop) */
    uint32_t children_begun;    /* so far; counted on a tape */
    agt_value *output;          /* result */
    agt_status status;
    bool is_live;     /* part of an agt__live */
    bool has_waited;  /* it did not end within its start */
    bool is_blocking; /* part of an agt__blocking */
    _Atomic bool cancelled;
    uint8_t ending; /* agt__ending */
};

/* An attempt that outlives the function that started it: on the heap, linked in graph->live. While
 * its call waits for it, the run keeps alive what it points at; once it goes on without its call,
 * or on another thread, it holds references of its own. Loop thread. */
typedef struct agt__live agt__live;
struct agt__live {
    agt_tool_call attempt; /* first */
    agt__link link;        /* in graph->live */
    void (*resume)(agt_tool_call *call, void *user_data);
    void (*on_cancel)(agt_tool_call *call, void *user_data);
    agt__timer due_timer;
    agt__timer resume_timer;
    agt__job job;
    uint64_t simulated_ns; /* what a blocking function slept in a simulated runtime */
    /* What agt_tool_complete() was given by another thread, until the loop makes it the attempt's.
     */
    agt_value *given_output;
    agt_status given_status;
    bool starting;  /* inside the operation's start() */
    bool completed; /* agt_tool_complete() came meanwhile */
    bool holds;     /* graph, operation and input are referenced */
    bool awaited;   /* its end was promised: closing the runtime waits for it */
    bool held;      /* it was told to hold back what comes in */
    bool forsaken;  /* given up, its completion not promised: counted in the runtime */
    bool covered;   /* its limit is watched by graph->due_timer, not by due_timer */
};

/* A blocking function on a worker. `attempt.call` and all members below are guarded by the mutex.
 */
typedef struct agt__blocking {
    agt__live live; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t wakeup; /* agt_tool_call_sleep */
    agt__work work;
    agt__worker *worker; /* that runs it; NULL while queued */
    bool claimed;        /* the end of the current call is somebody's: the worker's or the loop's */
    uint64_t armed_ns;   /* when due_timer fires; UINT64_MAX = it does not */
} agt__blocking;

#endif
