/*
 * One run of an agent: from a query to an answer. loop.c drives it, batch.c runs tools for it,
 * answer.c makes the answer, conversation.c takes it from and to a session, window.c makes it fit
 * the model, summary.c sums up what does not fit, result.c keeps long results.
 *
 * A run is part of a pending call; its model requests and tool calls stand in an open graph within
 * that call. It lives on the loop thread, from the start of the call to its completion.
 */
#ifndef AGT_AGENTS_RUN_H
#define AGT_AGENTS_RUN_H

#include "agents/agent.h"
#include "agents/session.h"
#include "llm/message.h"
#include "llm/model.h"

/* A tool call that the model asks for, of the batch that is under way. Texts and arguments are
 * borrowed from the messages. */
typedef struct agt__planned {
    agt__tool_request request;
    agt_tool *tool;      /* NULL: the agent has none of that name */
    agt__operation *own; /* if it is one of ours */
    agt_call_id own_call;
    bool is_own;           /* and has been, or is to be, started */
    uint32_t repeats;      /* steps in a row with this very call, this one included */
    uint32_t item;         /* its number in the batch, from 1; 0 = refused */
    bool is_told;          /* that it started */
    agt_span_context span; /* once it is told */
} agt__planned;

typedef struct agt__planned_list {
    agt__planned *items;
    size_t count, capacity;
} agt__planned_list;

/* What a run has told so far, see tell.c. */
typedef struct agt__run_heard {
    bool is_heard;        /* somebody listens */
    bool has_request;     /* there is a request that is not settled */
    bool request_started; /* and that was told */
    agt_span_context request_span;
    size_t parts_told; /* of its answer: those before are told as far as they will be */
} agt__run_heard;

typedef enum agt__agent_phase {
    AGT__PHASE_OPEN,     /* the session is being opened, or just was */
    AGT__PHASE_ASK,      /* the next request may go out             */
    AGT__PHASE_SUMMED,   /* a summary is being made, or just was    */
    AGT__PHASE_ANSWERED, /* a request is under way, or just settled */
    AGT__PHASE_RAN,      /* tools are under way, or just settled    */
    AGT__PHASE_DONE
} agt__agent_phase;

typedef struct agt__agent_run {
    agt_tool_call *call;
    agt_agent *agent;
    agt__agent_kind kind;
    const agt_allocator *allocator;
    agt_runtime *runtime;
    agt_graph *graph;
    agt_span *span;           /* invoke_agent below a tool call; NULL if the call is the agent */
    agt_span_context context; /* of the span that stands for the agent */
    agt_budget *budget;       /* NULL = no limit of its own */
    uint64_t deadline_ns;     /* of wall_ms; UINT64_MAX = none */

    agt_value *name; /* of the operation, for requests */
    const agt_value **messages;
    size_t message_count, message_capacity;
    uint32_t *turns; /* of each message, from 1 */
    size_t turn_capacity;
    uint32_t turn;   /* this one */
    size_t bytes;    /* of the messages that are sent, about */
    size_t question; /* the message this run began with */
    size_t first;    /* of the messages before it only the question is sent, */
    agt_value *lead; /* and this in their place; NULL = nothing was left out */
    size_t lead_bytes;
    agt_value *summary; /* text; NULL = none */
    size_t summarized;  /* it is of the messages before this one */
    size_t next_first;  /* what `first` becomes when the summary is there */
    bool has_new_summary, has_failed_summary;
    bool has_overflowed;    /* the model said so, and was asked once more */
    uint32_t scale;         /* percent: how much larger requests are than estimated */
    uint64_t request_input; /* what the request of this step was estimated at */
    uint64_t tokens;        /* of all requests so far, for tokens_max */

    agt__agent_phase phase;
    uint32_t pending; /* calls of the graph that are not settled */
    uint32_t step;
    uint32_t tool_calls;
    bool repaired; /* the model had its second chance */
    agt_span *step_span;
    agt_span_context step_context;
    agt_call_id request;     /* the model call of this step */
    uint64_t request_tokens; /* its worst case */

    agt__kept_result *results; /* of this run, that were shown in part */
    size_t result_count, result_capacity;
    agt__operation *reader; /* to read them; NULL = not needed, or the agent has such a tool */
    agt_value *tools_value; /* with it */

    agt_value *system;    /* with what is remembered; NULL = the agent's own */
    size_t memory_bytes;  /* about how much that is more */
    agt_session *session; /* referenced; NULL = none */
    agt_value *query;     /* the first message of this run, until the session has been read */
    size_t kept;          /* messages that the session has */
    agt__errand errand;   /* to the store */
    bool has_errand;      /* it is under way */
    bool has_session;     /* nobody else may use it */
    bool is_saved;        /* the last word has been sent to it */
    bool is_graph_done;

    agt__run_heard heard;

    agt__planned_list planned, before; /* of this step, of the step before */
    bool is_batch_started;             /* `planned` has been given to the engine */
    agt__batch_item *items;
    size_t item_capacity;

    agt_costs costs;
    agt_value *text;  /* latest text of the model; NULL = none */
    agt_value *value; /* typed answer */
    agt_outcome outcome;
    agt_error error;
} agt__agent_run;

/* ---- loop.c ------------------------------------------------------------------------------------
 */

/** Add a message to the conversation; takes @message over. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_run_add_message(agt__agent_run *run, agt_value *message);

/** Go on, or come to an end, if nothing is awaited any more. */
void agt__agent_run_go_on(agt__agent_run *run);

/** The graph of the run, and what it has sent to the store, is done: complete the call. */
void agt__agent_run_finish(agt__agent_run *run);

/** End the run with this outcome; run->error must say why unless it is ok. */
void agt__agent_run_end(agt__agent_run *run, agt_outcome outcome);

/** End the run with an error of its own. */
void agt__agent_run_fail(agt__agent_run *run, agt_status status, const char *format, ...)
    AGT_PRINTF(3, 4);

/** The same for lack of memory. */
void agt__agent_run_fail_nomem(agt__agent_run *run);

/** Options for the calls of a step, in *@options; NULL if they need none of their own. */
const agt_call_options *agt__agent_run_get_options(agt__agent_run *run, agt_call_options *options);

/** Who listens to the calls of the run: goes on when none is left. */
agt__listener agt__agent_run_get_listener(agt__agent_run *run);

/** What the settled request of this step cost. */
agt__model_cost agt__agent_run_get_request_cost(const agt__agent_run *run);

/* ---- tell.c ------------------------------------------------------------------------------------
 */

/** The run begins: is it heard? From here on each of these does nothing if it is not. */
void agt__agent_run_tell_start(agt__agent_run *run);
/** A call of the run is settled. */
void agt__agent_run_tell_settled(agt__agent_run *run, agt_call_id call);
/** A tool call that never becomes one. */
void agt__agent_run_tell_refused(agt__agent_run *run, agt__planned *planned, const char *why);
/** The run has ended; its outcome is final. */
void agt__agent_run_tell_end(agt__agent_run *run);
/** What listens to the calls of a run that is heard. */
void agt__agent_run_on_told(agt_tool_call *attempt, agt_call_id call, agt__told told,
                            const void *what, void *user_data);

/* ---- batch.c -----------------------------------------------------------------------------------
 */

/** Find the tool calls among @parts. @return AGT_OK: they are in run->planned; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_run_plan(agt__agent_run *run, const agt_value *parts);

/** Start the calls that were planned. The run has ended, waits for them, or (if all were refused)
 * can go on at once. */
void agt__agent_run_start_tools(agt__agent_run *run);

/** Make the message of results of a batch that is settled. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_run_collect(agt__agent_run *run);

/* ---- conversation.c ----------------------------------------------------------------------------
 */

/** Have the run's session, if it has one, to itself. @return AGT_OK; AGT_E_BUSY; AGT_E_INVALID;
 * AGT_E_NOT_FOUND */
AGT_MUST_CHECK agt_status agt__agent_run_begin_session(agt__agent_run *run, agt_error *err);

/** Have the session opened: the run goes on when it is. */
void agt__agent_run_open(agt__agent_run *run);

/** Take over what was said before, and then the query. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_run_load(agt__agent_run *run);

/** All tool calls have results: give the session what is new, and have it written. Without memory
 * it is tried again later. */
void agt__agent_run_keep(agt__agent_run *run);

/** The last word to the session. @return whether it is on its way: the run finishes afterwards */
bool agt__agent_run_close_session(agt__agent_run *run);

/* ---- window.c ----------------------------------------------------------------------------------
 */

/** About how many tokens the next request takes in. */
uint64_t agt__agent_run_estimate(const agt__agent_run *run);

/** Make the next request fit. @return true: a summary is being made, or the run has ended: ask
 * again when it is there */
bool agt__agent_run_fit(agt__agent_run *run);

/** The model says that the last request was too long. @return whether it is shorter now, and may be
 * repeated */
bool agt__agent_run_shorten(agt__agent_run *run);

/** Leave out all messages before @next but the question. Without memory for the message that says
 * so, it is not said. */
void agt__agent_run_trim(agt__agent_run *run, size_t next);

/** Those that are left out of the next request. */
size_t agt__agent_run_count_left_out(const agt__agent_run *run);

/** The messages of the next request; to be freed, unless it is run->messages. NULL: no memory */
const agt_value **agt__agent_run_select(const agt__agent_run *run, size_t *ret_count);

/** Learn from what the last request really took. */
void agt__agent_run_calibrate(agt__agent_run *run, int64_t input_tokens);

/* ---- summary.c ---------------------------------------------------------------------------------
 */

/** Ask the model to sum up what stands before @next. @return whether that is under way */
bool agt__agent_run_start_summary(agt__agent_run *run, size_t next);

/** It has answered: what it says stands for these messages; if it did not, they are left out. */
void agt__agent_run_read_summary(agt__agent_run *run);

/* ---- result.c ----------------------------------------------------------------------------------
 */

/** What the model is shown of @output: all of it, or a part, and then the whole is kept. NULL: no
 * memory. @param number  of the call in its step, from 1 */
agt_value *agt__agent_run_show_result(agt__agent_run *run, const agt_value *output,
                                      uint32_t number);

/** The operation "read_result"; NULL if there is no memory. */
agt__operation *agt__result_reader_new(const agt_allocator *allocator);
/** Its name. */
extern const char agt__result_reader_name[];
/** Its entry in the tools of a request. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__result_reader_describe(const agt_allocator *allocator,
                                                      agt_value **ret_tool);
/** Whether there is something to read. */
bool agt__agent_run_has_results(const agt__agent_run *run);

/** Count what the request that was settled cost. */
void agt__agent_run_count(agt__agent_run *run);

/* ---- answer.c ----------------------------------------------------------------------------------
 */

/** The model has given its final answer: take it, ask for a better one, or fail. */
void agt__agent_run_answer(agt__agent_run *run, const agt_value *parts);

/** What the call of the run gives as its output. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_run_make_output(const agt__agent_run *run,
                                                     agt_value **ret_output);

/** A whole reply, as the call of an agent alone gives it. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_run_make_reply(const agt__agent_run *run,
                                                    agt_value **ret_output);

/** Totals of the run as attributes of the agent's span. */
void agt__agent_run_describe(const agt__agent_run *run, agt_span *span);

#endif
