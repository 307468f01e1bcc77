/*
 * agent_sdk/agents.h - an agent answers a query with a model and tools; a pool of specialised
 * agents routes to one, asks many, and agrees.
 *
 * An agent's answer is a call on the engine like a tool's, so agents run in parallel, are
 * cancelled, time out, cost money and are traced by the same rules.
 *
 * An agent itself remembers nothing: a conversation over several runs is a *session*, given to each
 * of them.
 */
#ifndef AGENT_SDK_AGENTS_H
#define AGENT_SDK_AGENTS_H

#include "agent_sdk/llm.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_agent agt_agent;     /* immutable, reference-counted; @threads any            */
typedef struct agt_reply agt_reply;     /* immutable, reference-counted; @threads any            */
typedef struct agt_memory agt_memory;   /* reference-counted; @threads any                       */
typedef struct agt_pool agt_pool;       /* reference-counted; @threads any                       */
typedef struct agt_replies agt_replies; /* immutable                                             */
typedef struct agt_verdict agt_verdict; /* immutable                                             */

/* ---- agents -------------------------------------------------------------------------------- */

/** Where an agent stops. 0 = the default in parentheses. */
typedef struct agt_agent_limits {
    size_t struct_size;
    uint32_t steps_max;        /* model requests (50)                                            */
    uint32_t tool_calls_max;   /* in all steps together; counted before a batch starts (200)     */
    uint64_t tokens_max;       /* input and output, of all its requests (no limit)               */
    int64_t cost_max_nanousd;  /* reserved before each request (no limit)                        */
    uint32_t wall_ms;          /* from start to answer (no limit)                                */
    uint32_t repeats_max;      /* steps in a row with one identical call: tool, arguments (3)     */
    uint64_t context_tokens;   /* what fits into a request, with its answer (what the model says;
                                * no limit if that is unknown): see "What does not fit" below     */
    uint64_t result_bytes_max; /* of one tool's result, as the model is shown it (32 KiB)      */
} agt_agent_limits;

typedef struct agt_agent_config {
    size_t struct_size;
    const char *name;               /* required                                               */
    agt_model *model;               /* required; referenced                                   */
    const char *instructions;       /* the system prompt; NULL = none                         */
    agt_executor *executor;         /* whose tools it uses; referenced; NULL = none           */
    const char *const *tools;       /* names, NULL-terminated; NULL = all of the executor     */
    const agt_value *output_schema; /* of the typed final answer; NULL = text                 */
    const char *description;        /* for other agents and traces; NULL = none               */
    agt_agent_limits limits;        /* its struct_size may be 0                                */
    bool summarize;                 /* what does not fit is summarised, not left out           */
    bool reserved[7];
    agt_memory *memory;        /* what it keeps to itself; referenced; NULL = none             */
    agt_memory *shared_memory; /* what others know as well; referenced; NULL = none             */
} agt_agent_config;

/*
 * What does not fit. Before each request its size is estimated. If it would not leave room for an
 * answer, the oldest turns of the conversation are left out, whole ones, down to three quarters of
 * the room; then the oldest steps of this run, but never its question, its last step, or a tool
 * call without its result. In their place stands a message that says so. If the model says that the
 * conversation is too long all the same (AGT_E_LIMIT), that is done once more and the request
 * repeated once. How many messages are left out is an attribute of the step's span; a session keeps
 * all of them.
 *
 * With `summarize` the model is first asked to sum up what is about to be left out: a request of
 * the same run, that costs what it costs. The summary stands in the place of the messages and is
 * kept in the session, marked as one. Scripts see it as a request of the agent "NAME/summary".
 *
 * A tool's result that is larger than `result_bytes_max` is shown in part, with its size and an id;
 * the agent then has a tool "read_result" ({"id", "offset", "length"}) to read on, in this and, if
 * there is a session, in later runs.
 */

/**
 * A new agent. Cheap: no thread, no connection, nothing is asked.
 *
 * @return AGT_OK; AGT_E_INVALID without name or model; AGT_E_NOT_FOUND for a tool the executor does
 *         not know, the message naming it; AGT_E_SCHEMA; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_agent_new(agt_runtime *runtime,
                                                const agt_agent_config *config,
                                                agt_agent **ret_agent, agt_error *err);
AGT_API agt_agent *agt_agent_ref(agt_agent *agent);
AGT_API void agt_agent_unref(agt_agent *agent);
AGT_API const char *agt_agent_get_name(const agt_agent *agent);

/**
 * Answer @query: ask the model, run the tools it asks for in parallel, and so on until it answers.
 *
 * A tool's failure is told to the model, not to the caller. A limit that is reached ends the run
 * with what there is: the reply says which. A typed answer that does not fit its schema is handed
 * back to the model once, with the reason.
 *
 * @param options  NULL for the defaults
 * @return AGT_OK: there is a reply, whatever its outcome; AGT_E_INVALID on the loop thread;
 *         AGT_E_CLOSED; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_agent_execute(agt_agent *agent, const char *query,
                                                    const agt_call_options *options,
                                                    agt_reply **ret_reply, agt_error *err);
AGT_API AGT_MUST_CHECK agt_status agt_agent_execute_start(agt_agent *agent, const char *query,
                                                          const agt_call_options *options,
                                                          agt_task **ret_task, agt_error *err);

/** The reply of a task that ran an agent or a routed request. @return AGT_OK; AGT_E_BUSY;
 * AGT_E_INVALID for a task of another kind */
AGT_API AGT_MUST_CHECK agt_status agt_task_get_reply(agt_task *task, agt_reply **ret_reply);

/**
 * Make an agent a tool of @executor, for other agents to delegate to: its input is
 * {"query": "…"}, its output the reply's value, or {"text": "…"}. A reply that is not ok is a
 * failure of the tool. What the agent spends counts as spent by the agent that delegates; at most
 * four agents may stand below each other.
 *
 * @param name    NULL: the agent's
 * @param config  NULL for the defaults: the agent's description, no time limit. `mode`, `user_data`
 *                and `release` are not the caller's to choose
 * @return AGT_OK; AGT_E_EXISTS; AGT_E_INVALID; AGT_E_SCHEMA; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_executor_register_agent(agt_executor *executor,
                                                              const char *name, agt_agent *agent,
                                                              const agt_tool_config *config,
                                                              agt_error *err);

/* ---- replies ------------------------------------------------------------------------------- */

AGT_API agt_reply *agt_reply_ref(agt_reply *reply);
AGT_API void agt_reply_unref(agt_reply *reply);
/** ok; or why there is no complete answer. */
AGT_API agt_outcome agt_reply_get_outcome(const agt_reply *reply);
/** @return AGT_OK if it is ok; else the status of the outcome, or of an error its cause
 * (AGT_E_LIMIT, AGT_E_MODEL, AGT_E_SCHEMA …), with what happened in words */
AGT_API agt_status agt_reply_get_error(const agt_reply *reply, agt_error *ret_error);
/** Final text, or what there was of it when the run ended; borrowed; "" (never NULL) if there is
 * none. Of a typed answer: the words before it, else the answer as it was written. */
AGT_API const char *agt_reply_get_text(const agt_reply *reply);
/** The typed answer, borrowed; NULL if the agent has no output schema or did not get that far. */
AGT_API const agt_value *agt_reply_get_value(const agt_reply *reply);
AGT_API const char *agt_reply_get_agent(const agt_reply *reply);
/** How sure the agent says it is: the member "confidence" (0 … 1) of its typed answer; -1 if it
 * does not say. */
AGT_API double agt_reply_get_confidence(const agt_reply *reply);
/** Tokens and money of all its model requests and tools; agents it delegated to included. */
AGT_API void agt_reply_get_costs(const agt_reply *reply, agt_costs *ret_costs);
AGT_API uint32_t agt_reply_get_steps(const agt_reply *reply);
AGT_API uint32_t agt_reply_get_tool_calls(const agt_reply *reply);
AGT_API agt_span_context agt_reply_get_span(const agt_reply *reply);

/* ---- sessions ------------------------------------------------------------------------------ */

/*
 * A session is a conversation that goes on over several runs: the messages of all of them, in
 * order. Give one to a run by `agt_call_options.session`, and the agent is shown what was said
 * before; what is said in the run is added. Any agent may go on with any session.
 *
 * A session has one run at a time: another one, in whatever process, is refused, and its reply says
 * AGT_E_BUSY. It is used by the agent that is started, not by those it delegates to.
 *
 * Sessions are kept in the runtime's store (or in memory only). The question is written before the
 * first request, then each step when its tools are done, then the answer: a program that is killed
 * leaves a conversation that can be gone on with, and never a tool call without its result, which
 * providers refuse. When the reply is there, the turn is in the store; if it could not be written,
 * the reply is there all the same, agt_session_get_status() says why, and the next run tries again.
 */

typedef struct agt_session_config {
    size_t struct_size;
    const char *name; /* 1 to 127 bytes of UTF-8 without control characters, not "last"; NULL = a
                       * new session without a name, to be found by its id                     */
    bool existing;    /* it has to be there: `name` may also be an id, the beginning of one (4
                       * characters or more), or "last": the session used last                */
    bool in_memory;   /* kept as long as there is a reference, and nowhere else                */
    bool reserved[6];
} agt_session_config;

/**
 * Open the session of that name in the runtime's store, or make it. A session without a name is
 * stored with its first message, one with a name now.
 *
 * @param config  NULL for a new session without a name
 * @return AGT_OK; AGT_E_INVALID for a bad name, and without a store unless it is `in_memory`;
 *         AGT_E_NOT_FOUND for one that has to be there; what the store answers; AGT_E_CLOSED;
 *         AGT_E_NOMEM
 * @threads any but the loop's
 */
AGT_API AGT_MUST_CHECK agt_status agt_session_new(agt_runtime *runtime,
                                                  const agt_session_config *config,
                                                  agt_session **ret_session, agt_error *err);
AGT_API agt_session *agt_session_ref(agt_session *session);
/** Drop a reference. What is stored stays. */
AGT_API void agt_session_unref(agt_session *session);

/** 26 characters, sorted by the time of making; the conversation of traces and the ledger. */
AGT_API const char *agt_session_get_id(const agt_session *session);
/** Its name; "" if it has none. */
AGT_API const char *agt_session_get_name(const agt_session *session);

/**
 * The messages so far: an array as in agt_store_get_session(). What another process added is there
 * after the next run.
 *
 * @return AGT_OK; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_session_get_messages(agt_session *session,
                                                           agt_value **ret_messages);

/** Whether all messages are in the store. @return AGT_OK, also in memory; what the store answered
 * to the last try to write */
AGT_API agt_status agt_session_get_status(agt_session *session, agt_error *err);

/**
 * A new session that begins with all that was said in this one, and goes its own way.
 *
 * @param name  of the new one; NULL = none. It is where the old one is: in the store, or in memory
 * @return AGT_OK; AGT_E_BUSY while a run is at it; AGT_E_EXISTS; AGT_E_INVALID for a bad name;
 *         otherwise as agt_session_new()
 */
AGT_API AGT_MUST_CHECK agt_status agt_session_fork(agt_session *session, const char *name,
                                                   agt_session **ret_session, agt_error *err);

/** Forget all messages; the session stays. @return AGT_OK; AGT_E_BUSY while a run is at it;
 * otherwise as agt_session_new() */
AGT_API AGT_MUST_CHECK agt_status agt_session_clear(agt_session *session, agt_error *err);

/** Forget the session as well: it cannot be used any more. @return as agt_session_clear() */
AGT_API AGT_MUST_CHECK agt_status agt_session_delete(agt_session *session, agt_error *err);

/* ---- events -------------------------------------------------------------------------------- */

/*
 * What a run does, while it does it: pieces of text as the model says them, tools as they start and
 * end, what every request cost, and the reply. Of agents it delegates to as well, at depth 1 and
 * deeper.
 *
 * A stream has one reader. Events come in the order in which things happened, numbered from 1,
 * none is left out. A reader that is slow makes the run wait instead of filling memory: first,
 * pieces of text that wait to be read become one; then, when 256 events or 256 KiB wait, models
 * stop reading from their connections, and agents take no further step, until half of that has
 * been read. Time limits go on meanwhile. Who waits for the task must read its events, too.
 */

typedef struct agt_event agt_event;   /* immutable, reference-counted; @threads any               */
typedef struct agt_events agt_events; /* a stream of them: one reader                             */

typedef enum agt_event_kind {
    AGT_EVENT_AGENT_START = 1, /* agent.start: an agent begins                                    */
    AGT_EVENT_MODEL_START = 2, /* model.start: its next step: the model is asked                  */
    AGT_EVENT_TEXT = 3,        /* model.text: more of the answer                                  */
    AGT_EVENT_REASONING = 4,   /* model.reasoning: more of what the model thinks, if it shows it  */
    AGT_EVENT_MODEL_END = 5,   /* model.end: the answer is complete, or failed; usage and cost    */
    AGT_EVENT_TOOL_START = 6,  /* tool.start: a tool the model asked for, with its input          */
    AGT_EVENT_TOOL_END = 7,    /* tool.end: its outcome, and output or error; one per tool.start  */
    AGT_EVENT_AGENT_END = 8    /* agent.end: the reply; at depth 0 the last event                 */
} agt_event_kind;

/**
 * agt_agent_execute_start(), with a stream of what happens.
 *
 * @param ret_events  to be freed with agt_events_free()
 * @return as agt_agent_execute_start()
 */
AGT_API AGT_MUST_CHECK agt_status agt_agent_execute_stream(agt_agent *agent, const char *query,
                                                           const agt_call_options *options,
                                                           agt_events **ret_events, agt_error *err);

/**
 * Wait for the next event.
 *
 * In a simulated runtime the caller runs it meanwhile; AGT_E_BUSY also means that nothing is left
 * that could ever happen.
 *
 * @param timeout_ms  0 = look only; AGT_MS_NONE = for ever
 * @param ret_event   to be dropped with agt_event_unref()
 * @return AGT_OK; AGT_E_CLOSED behind the last one; AGT_E_TIMEOUT; AGT_E_BUSY if somebody else
 *         reads, or a function does; AGT_E_NOMEM if there was no memory for an event: the run was
 *         cancelled, and nothing follows; AGT_E_INVALID on the loop thread, unless @timeout_ms is
 * 0; AGT_E_FORKED
 * @threads any, one at a time
 */
AGT_API AGT_MUST_CHECK agt_status agt_events_next(agt_events *events, uint32_t timeout_ms,
                                                  agt_event **ret_event);

/**
 * A descriptor for poll() and the like: readable while agt_events_next() would not wait. Not to be
 * read from, nor closed; valid as long as @events. None in a simulated runtime, where somebody has
 * to wait for things to happen.
 *
 * @return AGT_OK; AGT_E_UNSUPPORTED in a simulated runtime; AGT_E_IO
 */
AGT_API AGT_MUST_CHECK agt_status agt_events_get_fd(agt_events *events, int *ret_fd,
                                                    agt_error *err);

/**
 * Takes an event on the loop thread, with no lock held; must not block.
 *
 * @param event  borrowed for the time of the call
 * @return AGT_OK; AGT_E_BUSY if it cannot take it now: it is given again after
 *         agt_events_resume(), and the run waits as for any slow reader; anything else: nothing
 *         more is wanted, the run is cancelled
 */
typedef agt_status (*agt_event_fn)(void *user_data, const agt_event *event);

/**
 * Have all events given to a function instead, those included that wait already: for programs with
 * a loop of their own. Never from within this function.
 *
 * @return AGT_OK; AGT_E_EXISTS if there is one; AGT_E_BUSY while somebody reads; AGT_E_FORKED
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_events_on_event(agt_events *events, agt_event_fn fn,
                                                      void *user_data);
/** The function of agt_events_on_event() can take events again. @threads any */
AGT_API void agt_events_resume(agt_events *events);

/** The task of the run, borrowed: to be waited for, or asked for its reply. A run that is waited
 * for without reading its events may wait for its reader. */
AGT_API agt_task *agt_events_get_task(const agt_events *events);

/** Drop the stream; a run that is not over is cancelled. Never blocks. No function is called any
 * more once this returns, but for one that runs at this moment on the loop thread. */
AGT_API void agt_events_free(agt_events *events);

AGT_API agt_event *agt_event_ref(agt_event *event);
AGT_API void agt_event_unref(agt_event *event);
/** What happened. */
AGT_API agt_event_kind agt_event_get_kind(const agt_event *event);
/** Its kind as a word: "model.text". */
AGT_API const char *agt_event_get_type(const agt_event *event);
/** Its number in the stream, from 1, without gaps. */
AGT_API uint64_t agt_event_get_seq(const agt_event *event);
/** When it happened; of pieces of text that became one, the first. */
AGT_API uint64_t agt_event_get_unix_ns(const agt_event *event);
/** Whose event it is, borrowed: the name of the agent. */
AGT_API const char *agt_event_get_agent(const agt_event *event);
/** 0 for the agent that was asked, 1 for those it delegates to … */
AGT_API uint32_t agt_event_get_depth(const agt_event *event);
/** The model request of its agent that it belongs to, from 1; 0 before the first. */
AGT_API uint32_t agt_event_get_step(const agt_event *event);
/** The span of the agent, request or tool; not valid if it is not recorded. */
AGT_API agt_span_context agt_event_get_span(const agt_event *event);
/** Text and reasoning: the piece, borrowed, NUL-terminated UTF-8; "" for others.
 * @param ret_length  NULL, or set */
AGT_API const char *agt_event_get_text(const agt_event *event, size_t *ret_length);
/** Of the model or tool that starts or ends, else the agent's; borrowed. */
AGT_API const char *agt_event_get_name(const agt_event *event);
/** Tools: the model's id of the call, which tells calls of one tool apart; "" for others. Only
 * calls of one step and agent are sure to have different ones. */
AGT_API const char *agt_event_get_call_id(const agt_event *event);
/** tool.start: the arguments, borrowed; NULL for others. */
AGT_API const agt_value *agt_event_get_input(const agt_event *event);
/** Ends: how; AGT_OUTCOME_NONE for others. */
AGT_API agt_outcome agt_event_get_outcome(const agt_event *event);
/** tool.end that is ok: what it gave, borrowed; NULL for others. */
AGT_API const agt_value *agt_event_get_output(const agt_event *event);
/** Ends that are not ok: why, in words; "" for others. */
AGT_API const char *agt_event_get_error(const agt_event *event);
/** Ends of models and tools: time since the start; 0 for others. */
AGT_API uint64_t agt_event_get_duration_ns(const agt_event *event);
/** model.end: what it used; unknown for others. */
AGT_API agt_usage agt_event_get_usage(const agt_event *event);
/** model.end: what it cost; AGT_NANOUSD_UNKNOWN if nobody knows, and for others. */
AGT_API int64_t agt_event_get_cost_nanousd(const agt_event *event);
/** model.end: whether that is simulated. */
AGT_API bool agt_event_is_simulated(const agt_event *event);
/** agent.end: the reply, borrowed; NULL for others, and if there was no memory for it. */
AGT_API agt_reply *agt_event_get_reply(const agt_event *event);

/**
 * The event as a value, in the words of `agent run --jsonl`: {"seq", "ts", "type", "agent",
 * "depth", "step", "trace_id", "span_id", "name", …} and what its kind has: "text"; "call_id",
 * "input"; "outcome", "duration_ns", "output", "error"; "input_tokens", "output_tokens",
 * "simulated", "cost_nanousd"; "reply". A run in a simulated runtime gives the same values every
 * time.
 *
 * @param allocator  NULL = the C library's
 */
AGT_API AGT_MUST_CHECK agt_status agt_event_to_value(const agt_event *event,
                                                     const agt_allocator *allocator,
                                                     agt_value **ret_value);

/* ---- memory -------------------------------------------------------------------------------- */

/*
 * A memory holds facts, each under a key, that outlast runs and sessions: of one agent, or shared.
 * An agent that is given one finds the facts in its system prompt, in a section of their own that
 * says what they are, newest first, up to 8 KiB; and has three tools:
 *
 *     remember {"key", "value"}     write a fact, or write it anew
 *     recall {"about"}              the facts whose key or value has these words; all without
 *     forget {"key"}
 *
 * With both kinds of memory they also take "shared": true. Tools of the program with these names
 * count instead. What a model remembers is tainted and stays so, and the prompt says who said it: a
 * fact is data, and may be wrong or planted, as anything a model or tool says.
 */

typedef struct agt_memory_config {
    size_t struct_size;
    const char *agent;       /* that keeps it to itself; or NULL, and                             */
    const char *shared;      /* the name of what is shared; one of the two, 1 to 127 bytes        */
    uint32_t facts_max;      /* a new one beyond that is refused; 0 = 200                         */
    uint32_t fact_bytes_max; /* of a value, as JSON; 0 = 4,096                                    */
    bool in_memory;          /* kept as long as there is a reference, not in the runtime's store  */
    bool reserved[7];
} agt_memory_config;

/**
 * The memory of that agent, or of that name, in the runtime's store.
 *
 * @return AGT_OK; AGT_E_INVALID for a bad name, and without a store unless it is `in_memory`; what
 *         the store answers; AGT_E_CLOSED; AGT_E_NOMEM
 * @threads any but the loop's
 */
AGT_API AGT_MUST_CHECK agt_status agt_memory_new(agt_runtime *runtime,
                                                 const agt_memory_config *config,
                                                 agt_memory **ret_memory, agt_error *err);
AGT_API agt_memory *agt_memory_ref(agt_memory *memory);
AGT_API void agt_memory_unref(agt_memory *memory);

/**
 * Write a fact, as the program.
 *
 * @param key  1 to 128 bytes of UTF-8 without control characters
 * @return AGT_OK; AGT_E_INVALID; AGT_E_LIMIT for one fact too many, or too large; what the store
 *         answers; AGT_E_NOMEM
 * @threads any but the loop's, unless it is in memory
 */
AGT_API AGT_MUST_CHECK agt_status agt_memory_remember(agt_memory *memory, const char *key,
                                                      const agt_value *value, agt_error *err);
/** Take a fact out. @return AGT_OK; AGT_E_NOT_FOUND; otherwise as agt_memory_remember() */
AGT_API AGT_MUST_CHECK agt_status agt_memory_forget(agt_memory *memory, const char *key,
                                                    agt_error *err);
/** All facts by key: an array as of agt_store_list_facts(). What another process wrote is there
 * when a run with this memory has begun, or something was written. @return AGT_OK; AGT_E_INVALID */
AGT_API AGT_MUST_CHECK agt_status agt_memory_get_facts(agt_memory *memory, agt_value **ret_facts);

/* ---- pool ---------------------------------------------------------------------------------- */

typedef enum agt_specialization {
    AGT_SPECIALIZATION_ANY = 0,
    AGT_SPECIALIZATION_ANALYST = 1,
    AGT_SPECIALIZATION_RESEARCHER = 2,
    AGT_SPECIALIZATION_EXECUTOR = 3,
    AGT_SPECIALIZATION_REVIEWER = 4,
    AGT_SPECIALIZATION_WRITER = 5,
    AGT_SPECIALIZATION_MANAGER = 6
} agt_specialization;

typedef enum agt_vote {
    AGT_VOTE_MAJORITY = 0,        /* of equal answers                                             */
    AGT_VOTE_WEIGHTED = 1,        /* the same, by the members' weights times confidence           */
    AGT_VOTE_WEIGHTED_AVERAGE = 2 /* of numbers, by weight times confidence                       */
} agt_vote;

typedef struct agt_member_config {
    size_t struct_size;
    int32_t specialization;          /* agt_specialization                                       */
    uint32_t capacity;               /* requests at a time; 0 = no limit                         */
    const char *const *capabilities; /* NULL-terminated; copied                                  */
    double weight;                   /* 0 = 1.0                                                  */
} agt_member_config;

typedef struct agt_request {
    size_t struct_size;
    const char *message;
    const char *const *agents;       /* preferred (route) or asked (broadcast); NULL = any / all */
    const char *const *capabilities; /* all of these are needed; NULL = none                     */
    int32_t specialization;          /* agt_specialization                                       */
    uint32_t timeout_ms;             /* of each answer; 0 = none                                 */
    const agt_call_options *options; /* NULL for the defaults                                    */
} agt_request;

/** A new pool without members. @return AGT_OK; AGT_E_INVALID; AGT_E_NOMEM */
AGT_API AGT_MUST_CHECK agt_status agt_pool_new(agt_runtime *runtime, const char *name,
                                               agt_pool **ret_pool, agt_error *err);
AGT_API agt_pool *agt_pool_ref(agt_pool *pool);
AGT_API void agt_pool_unref(agt_pool *pool);

/** @param name    what the member is called, in replies, traces and the ledger; NULL: as the agent
 * @param config  NULL for the defaults
 * @return AGT_OK; AGT_E_EXISTS; AGT_E_INVALID; AGT_E_NOMEM */
AGT_API AGT_MUST_CHECK agt_status agt_pool_register_agent(agt_pool *pool, const char *name,
                                                          agt_agent *agent,
                                                          const agt_member_config *config,
                                                          agt_error *err);

/**
 * Have one member answer: of those that have all the capabilities and the specialisation, a
 * preferred one (first named, first asked) if it has room, else the least loaded.
 *
 * @return AGT_OK: there is a reply; AGT_E_NOT_FOUND if no member fits, the message saying what is
 *         missing, and for a name that no member has; AGT_E_BUSY (retryable) if those that fit are
 *         full
 */
AGT_API AGT_MUST_CHECK agt_status agt_pool_route_request(agt_pool *pool, const agt_request *request,
                                                         agt_reply **ret_reply, agt_error *err);
AGT_API AGT_MUST_CHECK agt_status agt_pool_route_request_start(agt_pool *pool,
                                                               const agt_request *request,
                                                               agt_task **ret_task, agt_error *err);

/** Ask all members that fit at once; every one's reply is kept, whatever became of the others. A
 * member that is full answers with AGT_E_BUSY. A session cannot be asked by several at once:
 * AGT_E_INVALID. */
AGT_API AGT_MUST_CHECK agt_status agt_pool_broadcast_request(agt_pool *pool,
                                                             const agt_request *request,
                                                             agt_replies **ret_replies,
                                                             agt_error *err);
AGT_API AGT_MUST_CHECK agt_status agt_pool_broadcast_request_start(agt_pool *pool,
                                                                   const agt_request *request,
                                                                   agt_task **ret_task,
                                                                   agt_error *err);
AGT_API AGT_MUST_CHECK agt_status agt_task_get_replies(agt_task *task, agt_replies **ret_replies);

/** Replies collected by the program itself. Referenced. */
AGT_API AGT_MUST_CHECK agt_status agt_replies_new(agt_runtime *runtime, agt_reply *const *replies,
                                                  size_t count, agt_replies **ret_replies);
AGT_API size_t agt_replies_get_count(const agt_replies *replies);
AGT_API agt_reply *agt_replies_get(const agt_replies *replies, size_t index); /* borrowed        */
AGT_API void agt_replies_free(agt_replies *replies);

/**
 * Make one verdict of many replies. Replies that are not ok, or lack what is voted on, abstain;
 * where confidence counts, so do those whose confidence is 0. Who does not say has confidence 1.
 *
 * @param pool     whose members' weights count; NULL: everybody has weight 1
 * @param pointer  the part of each typed answer that is voted on; NULL = "/score" for an average,
 *                 the whole answer (its text if it has no typed one) for the others
 * @return AGT_OK; AGT_E_NOT_FOUND if every reply abstains; AGT_E_RANGE if an average is beyond the
 *         doubles; AGT_E_NOMEM. A tie goes to the answer that came first in the order of the
 *         replies, and the verdict says so
 */
AGT_API AGT_MUST_CHECK agt_status agt_pool_consensus_vote(agt_pool *pool,
                                                          const agt_replies *replies,
                                                          agt_vote strategy, const char *pointer,
                                                          agt_verdict **ret_verdict,
                                                          agt_error *err);
/** The answer that won, or the average as a number; borrowed. */
AGT_API const agt_value *agt_verdict_get_value(const agt_verdict *verdict);
/** The average as a double; NaN for other strategies. */
AGT_API double agt_verdict_get_number(const agt_verdict *verdict);
/** Share of the weight that stands behind the verdict; for an average the weighted mean of the
 * confidences. 0 … 1 */
AGT_API double agt_verdict_get_confidence(const agt_verdict *verdict);
AGT_API bool agt_verdict_is_tie(const agt_verdict *verdict);
/** Everything as a value: {"strategy", "value", "confidence", "tie", "voters": [{"agent", "value",
 * "confidence", "weight", "distance"}], "abstained": [{"agent", "reason"}], "dissent": [agent, …]}.
 * Dissent: voted for another answer; for an average: further than one weighted standard deviation
 * from it. Borrowed. */
AGT_API const agt_value *agt_verdict_get_details(const agt_verdict *verdict);
AGT_API void agt_verdict_free(agt_verdict *verdict);

/** Figures of a pool. */
typedef struct agt_orchestration_metrics {
    size_t struct_size;
    uint32_t active_agents; /* members that can be asked                                */
    uint32_t requests_running;
    uint64_t requests, failures;
    double avg_response_time_ms;
} agt_orchestration_metrics;
AGT_API void agt_pool_get_orchestration_metrics(agt_pool *pool,
                                                agt_orchestration_metrics *ret_metrics);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_AGENTS_H */
