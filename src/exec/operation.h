/*
 * What a call runs. Everything that takes time is an operation: a tool function, a child process,
 * an HTTP endpoint, a model request, an agent's answer. The engine knows this table and nothing
 * else about them; a new kind of work is a new table.
 *
 * Input and output of every operation are values, so a call can be keyed, journalled, recorded and
 * replayed without knowing its kind.
 */
#ifndef AGT_EXEC_OPERATION_H
#define AGT_EXEC_OPERATION_H

#include "agent_sdk/exec.h"
#include "base/buffer.h"
#include "telemetry/tracer.h"

typedef struct agt__operation agt__operation;
typedef struct agt__operation_table agt__operation_table;

struct agt__operation_table {
    const char *kind; /* "function", "process", "http", "model", "agent" */

    /*
     * Run one attempt. Answers AGT_OK with *ret_output set (NULL = null), or another status, as an
     * agt_tool_fn does; or sets *ret_pending: agt_tool_complete() will follow.
     *
     * Runs on a worker for AGT_TOOL_BLOCKING, else on the loop thread.
     */
    agt_status (*start)(agt_tool_call *call, agt_value **ret_output, bool *ret_pending);

    /*
     * The attempt is not wanted any more (cancelled or timed out). Loop thread; only for attempts
     * that are pending. true: agt_tool_complete() will follow soon, wait for it (a child process
     * that is being killed); false: settle now, a late completion is fenced off.
     * NULL = false.
     */
    bool (*cancel)(agt_tool_call *call);

    /* Whoever listens cannot take more for now (see agt__tool_call_tell()): hold back what comes
     * in, until told to go on. What is already here may still be told. Loop thread; only for
     * attempts that are pending; never twice the same, but for an attempt that begins in a run that
     * is held. NULL = it goes on. Time limits go on too.
     */
    void (*hold)(agt_tool_call *call, bool held);

    /* Worst case of what the call may cost, before it starts. NULL = one call, nothing else. */
    void (*estimate)(const agt_tool_call *call, agt_budget_amount *ret_amount);

    /* Name the span and set what is known at the start. NULL = "execute_tool NAME". */
    agt_span *(*begin_span)(agt_tool_call *call, agt_tracer *tracer, const agt_span_context *parent,
                            uint64_t start_ns);

    /* The last attempt is over (outcome and output are final): set attributes on the span (which
     * may be NULL), book costs, say what it really cost (set to what was reserved before). The
     * thread that settles. Only for calls of which an attempt was started. NULL = nothing.
     */
    void (*finish)(agt_tool_call *call, agt_span *span, agt_budget_amount *ret_actual);

    /* What defines the operation beside kind, name, description and schema (a command line, a URL):
     * as text, for the hash by which it is recognised. NULL = nothing. */
    void (*define)(const agt__operation *operation, agt__buffer *text);

    /* What attempts tell, as a value for a recording, and told again from one. A kind that tells
     * nothing, or only what follows from other calls, has neither. */
    agt_status (*keep_told)(const agt_allocator *allocator, const void *what, agt_value **ret_kept);
    void (*tell_again)(agt_tool_call *call, const agt_value *kept);

    /* The last reference to the operation is gone. */
    void (*destroy)(agt__operation *operation);
};

/* What a failure is answered with, before it counts. Belongs to whoever implements the operation.
 */
typedef struct agt__recovery {
    agt_retry retry;          /* resolved by agt__recovery_init(): no member is 0               */
    agt__operation *fallback; /* referenced; what runs instead, with its own recovery; NULL     */
} agt__recovery;

/** @param retry  NULL = one attempt, no more
 * @return AGT_OK; AGT_E_VERSION; AGT_E_INVALID, saying why */
agt_status agt__recovery_init(agt__recovery *recovery, const agt_retry *retry, agt_error *err);
void agt__recovery_deinit(agt__recovery *recovery);

/* First member of whatever implements an operation (agt_tool, agt_model, agt_agent). Immutable once
 * calls can see it. */
struct agt__operation {
    const agt__operation_table *table;
    const agt_allocator *allocator;
    const char *name;  /* of the tool, model or agent                                      */
    agt_schema *input; /* NULL = anything                                                  */
    _Atomic uint32_t refs;
    uint8_t mode;        /* agt_tool_mode                                                    */
    uint8_t effect;      /* agt_effect                                                       */
    uint32_t timeout_ms; /* of one attempt, resolved: AGT_MS_NONE or a number                */
    void *user_data;     /* what agt_tool_call_get_user_data() answers, and callbacks are given */
    const agt__recovery *recovery; /* NULL = a failure is a failure                              */
};

/*
 * An operation may give an output together with a status other than AGT_OK, and one that is
 * cancelled or timed out while it is pending may still complete with one (if cancel() said so):
 * the outcome is then not ok and the public interface shows no output, but it is kept, and
 * journalled, as what was left: finish(), agt__graph_get_output() and agt__results_get_output()
 * have it. An agent's answer keeps its costs and its text so far that way.
 */

agt__operation *agt__operation_ref(agt__operation *operation);
void agt__operation_unref(agt__operation *operation);

/* ---- what operations use of the call they run (beside agt_tool_call_…) --------------------- */

/** What the call runs, and where; borrowed. */
agt__operation *agt__tool_call_get_operation(const agt_tool_call *call);
agt_runtime *agt__tool_call_get_runtime(const agt_tool_call *call);
/** A slot for the operation's own state of this attempt. */
void agt__tool_call_set_state(agt_tool_call *call, void *state);
void *agt__tool_call_get_state(const agt_tool_call *call);
/** Options the call runs under: conversation, agent, budget, priority … never NULL. `budget` is the
 * one that counts: the executor's if the call names none. */
const agt_call_options *agt__tool_call_get_options(const agt_tool_call *call);
/** The graph that @call is in, borrowed; it lives until all its calls are settled. */
agt_graph *agt__tool_call_get_graph(const agt_tool_call *call);
/** The call that @call is part of: the one whose graph it is in, see agt__graph_start_within(). It
 * is pending as long as @call is not settled. NULL if there is none. */
agt_tool_call *agt__tool_call_get_parent(const agt_tool_call *call);
/** The call's span while the attempt runs: to be annotated, not ended. NULL if it is not recorded,
 * or if the call was settled without this attempt. */
agt_span *agt__tool_call_get_open_span(const agt_tool_call *call);
/** In finish(): how the call ended. */
agt_outcome agt__tool_call_get_outcome(const agt_tool_call *call);
/** In finish(): why it did not succeed; NULL if there is nothing to say. Borrowed. */
const agt_error *agt__tool_call_get_error(const agt_tool_call *call);
const agt_value *agt__tool_call_get_output(const agt_tool_call *call);
/** As agt_tool_complete(), but takes @output over: a value that nobody else holds need not be
 * copied to be marked as untrusted. */
void agt__tool_call_complete(agt_tool_call *attempt, agt_status status, agt_value *output);
/** Like agt_tool_call_set_error, from an error: keeps its status, flags and cause. */
void agt__tool_call_take_error(agt_tool_call *call, const agt_error *err);

/*
 * Telling, while an attempt runs, whoever added the call: pieces of a model's answer, what an agent
 * does. Of calls that nobody listens to nothing is told, at no cost but the question.
 *
 * In the order of telling; all before the call is settled. On the loop thread only: what an
 * attempt on a worker says is dropped, and so is what one says whose call was settled without it.
 */
typedef enum agt__told {
    AGT__TOLD_STARTED, /* by the engine, once: the first attempt begins; NULL                */
    AGT__TOLD_ANSWER,  /* by a model: const agt__answer_event *, see llm/model.h             */
    AGT__TOLD_EVENT,   /* by an agent: agt_event *, see agents/events.h                      */
} agt__told;

/** Tell it. @what is borrowed for the time of the call. Loop thread. */
void agt__tool_call_tell(agt_tool_call *call, agt__told told, const void *what);
/** Whether anybody would hear it: else nothing need be prepared for telling. */
bool agt__tool_call_is_heard(const agt_tool_call *call);

/* ---- sessions ------------------------------------------------------------------------------ */

/* First member of an agt_session: all that this room needs of one, to keep it as long as a call has
 * it among its options. */
typedef struct agt__session_head {
    _Atomic uint32_t refs;
    const char *id;
    void (*destroy)(struct agt__session_head *head);
} agt__session_head;

agt_session *agt__session_ref(agt_session *session);
/** Drop a reference; NULL is fine. */
void agt__session_unref(agt_session *session);

/* ---- registering operations ---------------------------------------------------------------- */

/**
 * Register a tool of any kind: as agt_executor_register_tool(), but @table runs it, with
 * config->user_data as the operation's user_data.
 */
agt_status agt__executor_register_operation(agt_executor *executor, const char *name,
                                            const agt__operation_table *table,
                                            const agt_tool_config *config, agt_error *err);

/** The tool that @name most likely was meant to be; NULL if none is near. As long as @executor. */
const char *agt__executor_suggest(agt_executor *executor, const char *name);
/** @return @status: there is no tool of that name, and which one may be meant. @executor: or NULL
 */
agt_status agt__executor_refuse_unknown(agt_executor *executor, const char *name, agt_status status,
                                        agt_error *err);

/** What a call of @tool costs: cost_nanousd of its configuration. */
int64_t agt__tool_get_cost_nanousd(const agt_tool *tool);

/* ---- adding operations to graphs ----------------------------------------------------------- */

/** As agt_graph_new(), but @executor may be NULL: a graph of operations without tools. */
agt_status agt__graph_new(agt_runtime *runtime, agt_executor *executor,
                          const agt_graph_config *config, agt_graph **ret_graph, agt_error *err);

/** Told on the loop thread when a graph is done: closed, if it was open, and all calls settled. */
typedef void (*agt__graph_done_fn)(agt_graph *graph, void *user_data);

/**
 * Start a graph as part of @call, which is pending and does not complete before the graph is done:
 * an agent's run. No span is made for the graph, and no task: the span of @call is the parent of
 * its calls (unless their own options say otherwise), what cancels @call or ends its time cancels
 * them, options of @call (budget, priority, conversation, correlation) are theirs, and its key is
 * part of theirs. Loop thread.
 *
 * @param options  NULL, or what differs: members that are set. `deadline_ms` can only shorten
 * @param on_done  called once, never from within this function
 */
agt_status agt__graph_start_within(agt_graph *graph, agt_tool_call *call,
                                   const agt_call_options *options, agt__graph_done_fn on_done,
                                   void *user_data, agt_error *err);

/** Told on the thread that settles it, after the outcome is final and before dependents start.
 * Makes the call run on the loop thread's path: it is always called there. */
typedef void (*agt__settled_fn)(agt_graph *graph, agt_call_id call, void *user_data);

/** Told on the loop thread what @attempt, one of the call, has to tell. It may add calls and hold
 * the run (agt__graph_hold()); it must not cancel anything, since attempts tell from within their
 * start. */
typedef void (*agt__told_fn)(agt_tool_call *attempt, agt_call_id call, agt__told told,
                             const void *what, void *user_data);

/* Who wants to know of a call; copied. */
typedef struct agt__listener {
    agt__settled_fn on_settled; /* NULL, or called once when the call is settled         */
    agt__told_fn on_told;       /* NULL, or called whenever an attempt tells something   */
    void *user_data;
} agt__listener;

/**
 * Add a call of any operation (referenced) to a graph, open or not.
 *
 * @param listener  NULL = nobody
 */
agt_status agt__graph_add_operation(agt_graph *graph, agt__operation *operation,
                                    const agt_value *input, const agt_call_options *options,
                                    const agt__listener *listener, agt_call_id *ret_call,
                                    agt_error *err);

/** One call of a batch: as execute_parallel takes it, and as a model asks for it. */
typedef struct agt__batch_item {
    const char *tool;
    const agt_value *input;
    agt_tool *known;  /* the tool itself, if it is at hand; NULL = look it up */
    const char *id;   /* the model's name of the call, for the span; NULL = none */
    agt_call_id call; /* set */
} agt__batch_item;

/**
 * Add @count calls of tools with the dependencies that the executor declares between tools of the
 * batch, and the null-filling of execute_parallel. In an open graph they are released.
 *
 * @param strict   an unknown tool is AGT_E_NOT_FOUND; else the call is rejected, alone
 * @param options  of each call; NULL = those of the start
 */
agt_status agt__graph_add_batch(agt_graph *graph, agt__batch_item *items, size_t count, bool strict,
                                const agt_call_options *options, const agt__listener *listener,
                                agt_error *err);

/**
 * Ask all attempts of a run that can to hold back what comes in, those that begin meanwhile too; or
 * to go on. Loop thread.
 */
void agt__graph_hold(agt_graph *graph, bool held);

/** Whether the run that @call is part of is held, or one that it is part of: also true for who has
 * not been told yet, within its own start. Loop thread. */
bool agt__tool_call_is_held(const agt_tool_call *call);

/** Reading settled calls of a graph that still runs. Loop thread. */
agt_outcome agt__graph_get_outcome(const agt_graph *graph, agt_call_id call);
const agt_value *agt__graph_get_output(const agt_graph *graph, agt_call_id call);
/** What it ran last: another operation than was added if that fell back on it. Borrowed. */
agt__operation *agt__graph_get_operation(const agt_graph *graph, agt_call_id call);
agt_status agt__graph_get_error(const agt_graph *graph, agt_call_id call, agt_error *ret_error);
/** From the start of its first attempt to the end of the last; 0 if there was none. */
uint64_t agt__graph_get_duration_ns(const agt_graph *graph, agt_call_id call);

/* ---- starting one operation as a task ------------------------------------------------------ */

/**
 * Run one operation as a run of its own (or under options->parent) and make a task of it.
 * The task's results have one call.
 */
agt_status agt__operation_start(agt_runtime *runtime, agt_executor *executor,
                                agt__operation *operation, const agt_value *input,
                                const agt_call_options *options, agt_task **ret_task,
                                agt_error *err);

/** The same, with somebody who listens. */
agt_status agt__operation_start_heard(agt_runtime *runtime, agt_executor *executor,
                                      agt__operation *operation, const agt_value *input,
                                      const agt_call_options *options,
                                      const agt__listener *listener, agt_task **ret_task,
                                      agt_error *err);

/**
 * Cancel a graph that runs within a call, from the call's own operation: what is not settled is
 * cancelled; an open graph is closed. Loop thread.
 */
void agt__graph_cancel(agt_graph *graph);

/** agt_graph_close() for an agent: calls not released yet wait on, for a cancel that follows. */
agt_status agt__graph_close(agt_graph *graph);

/* ---- reading what a task ran --------------------------------------------------------------- */

/** What call @index ran; borrowed from @results. */
const agt__operation *agt__results_get_operation(const agt_results *results, size_t index);
/** Its output whatever its outcome, NULL if it left none; borrowed from @results. */
const agt_value *agt__results_get_output(const agt_results *results, size_t index);

#endif
