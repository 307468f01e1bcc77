/*
 * agent_sdk/exec.h - run tools in dependency order, as parallel as the graph allows.
 *
 * An *executor* knows tools by name. A *graph* holds calls of tools and what depends on what; it is
 * sealed (checked, then run, any number of times) or open (it grows while it runs). Every call ends
 * with exactly one typed *outcome*; nothing that succeeded is ever thrown away because something
 * else failed. execute_parallel() is the short form for one batch of calls.
 *
 * The life of a call: dependencies done, inputs bound and checked against the tool's schema,
 * admitted by the policies, run (one or more attempts), settled, dependents released. There is no
 * polling and no barrier: a call starts when its own dependencies are done.
 */
#ifndef AGENT_SDK_EXEC_H
#define AGENT_SDK_EXEC_H

#include "agent_sdk/runtime.h"
#include "agent_sdk/schema.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_executor agt_executor;   /* reference-counted; @threads any                   */
typedef struct agt_approval agt_approval;   /* a question; @threads any                          */
typedef struct agt_tool agt_tool;           /* belongs to its executor                           */
typedef struct agt_tool_call agt_tool_call; /* one attempt to run a tool                         */
typedef struct agt_graph agt_graph;         /* one thread at a time until it is started          */
typedef struct agt_results agt_results;     /* immutable, reference-counted; @threads any        */
typedef struct agt_session agt_session;     /* a conversation: see agent_sdk/agents.h            */

/** How a call ended. */
typedef enum agt_outcome {
    AGT_OUTCOME_NONE = 0, /* not yet                                                    */
    AGT_OUTCOME_OK = 1,
    AGT_OUTCOME_ERROR = 2,   /* the tool failed                                            */
    AGT_OUTCOME_TIMEOUT = 3, /* it took too long and was stopped or abandoned              */
    AGT_OUTCOME_CANCELLED = 4,
    AGT_OUTCOME_SKIPPED_DEPENDENCY = 5, /* something it needs did not succeed                     */
    AGT_OUTCOME_BREAKER_OPEN = 6,
    AGT_OUTCOME_RATE_LIMITED = 7,
    AGT_OUTCOME_BUDGET_DENIED = 8,
    AGT_OUTCOME_DENIED = 9,    /* a policy or a person said no                               */
    AGT_OUTCOME_REJECTED = 10, /* the input does not fit: unknown tool, schema, binding      */
    AGT_OUTCOME_UNKNOWN = 11   /* it has an effect, began, and nobody knows how it ended     */
} agt_outcome;

/** The name of an outcome: "ok", "timeout", "skipped_dependency" … @threads any */
AGT_API const char *agt_outcome_get_name(agt_outcome outcome);
/** The status that says the same: AGT_OK, AGT_E_TIMEOUT …; AGT_E_TOOL for "error". @threads any */
AGT_API agt_status agt_outcome_get_status(agt_outcome outcome);

/** How a call came by its outcome. */
enum {
    AGT_CALL_FROM_FALLBACK = 1u << 0, /* another tool or value answered                          */
    AGT_CALL_COALESCED = 1u << 1,     /* shared the execution of another call                    */
    AGT_CALL_CACHED = 1u << 2,        /* not executed: the answer was known                      */
    AGT_CALL_HEDGED = 1u << 3,        /* a second attempt ran beside the first                   */
    AGT_CALL_RESUMED = 1u << 4        /* the answer is from a journal of an earlier run          */
};

/* ---- tools --------------------------------------------------------------------------------- */

/** What running a tool twice does. */
typedef enum agt_effect {
    AGT_EFFECT_EFFECT = 0,    /* the default: it changes something; never repeated on a doubt    */
    AGT_EFFECT_PURE = 1,      /* only reads: may be repeated, shared and cached                  */
    AGT_EFFECT_IDEMPOTENT = 2 /* doing it twice is like doing it once                            */
} agt_effect;

/** Where the function of a tool runs. */
typedef enum agt_tool_mode {
    AGT_TOOL_BLOCKING = 0, /* the default: on a worker thread; may block                          */
    AGT_TOOL_INLINE = 1,   /* on the scheduling thread: short and never blocking. Its timeout
                            * cannot interrupt it                                                 */
    AGT_TOOL_ASYNC = 2     /* starts on the loop thread and ends with agt_tool_complete()         */
} agt_tool_mode;

/**
 * The function of a tool.
 *
 * On success it sets *ret_output (yours to give; left alone it means null) and returns AGT_OK. On
 * failure it returns another status, best after agt_tool_call_set_error(). An AGT_TOOL_ASYNC
 * function returns AGT_OK to say that agt_tool_complete() will follow, and leaves *ret_output
 * alone.
 *
 * @param call  valid until the function returns; for AGT_TOOL_ASYNC until agt_tool_complete()
 */
typedef agt_status (*agt_tool_fn)(agt_tool_call *call, agt_value **ret_output, void *user_data);

/**
 * When to try again. Tried again is what may succeed later and can be repeated: failures flagged as
 * AGT_ERROR_RETRYABLE and attempts that timed out; of a tool with effect only requests of which not
 * a byte has left, and those that a server refused because of its rate limit. A wait that would end
 * after the deadline of the call or run is not begun. Waits double: delay, 2 * delay, 4 * delay …
 */
typedef struct agt_retry {
    size_t struct_size;
    uint32_t attempts_max;       /* in all; 0 = 3; 1 = no second one                           */
    uint32_t delay_ms;           /* before the second attempt; 0 = 500                         */
    uint32_t delay_max_ms;       /* 0 = 8,000                                                  */
    uint32_t jitter_percent;     /* so much of a wait is random; 0 = 100; AGT_MS_NONE = nothing */
    uint32_t retry_after_max_ms; /* a server's wish (Retry-After) counts instead of the delay;
                                  * one for longer than this ends the call; 0 = 60,000          */
    uint32_t reserved;
} agt_retry;

typedef struct agt_tool_config {
    size_t struct_size;
    const char *description;       /* for models                                                 */
    const agt_value *input_schema; /* JSON Schema of the input; NULL = anything                   */
    int32_t mode;                  /* agt_tool_mode                                              */
    int32_t effect;                /* agt_effect                                                 */
    uint32_t timeout_ms;           /* of one attempt; 0 = the executor's; AGT_MS_NONE             */
    bool simulated;                /* nobody pays cost_nanousd: a part of no real total           */
    bool reserved[3];
    int64_t cost_nanousd;   /* what a call costs, for budgets and the ledger                    */
    const agt_retry *retry; /* copied; NULL = what failed has failed                            */
    void *user_data;
    void (*release)(void *user_data); /* called once, when the tool is gone                       */
    size_t output_bytes_max; /* of a result, see below; 0 = 32 MiB, of a program 8 MiB            */
} agt_tool_config;

/*
 * A result that is larger than output_bytes_max is an error (AGT_E_LIMIT) that names the tool and
 * both sizes; nothing of it is kept. Of a function's result the size as JSON counts, about; of an
 * endpoint the bytes of its answer, decompressed; of a program those of its standard output, which
 * is ended then. The more specific members of agt_http_request and agt_process_config win. What an
 * asynchronous function gives to agt_tool_complete() is not measured: it bounds that itself.
 */

typedef struct agt_executor_config {
    size_t struct_size;
    uint32_t timeout_ms;   /* of one attempt of a tool that says nothing; 0 = 30 s;
                            * AGT_MS_NONE                                                */
    uint32_t parallel_max; /* calls running at a time; 0 = no limit                      */
    agt_budget *budget;    /* of every call; referenced; NULL = none                     */
} agt_executor_config;

/** @param config  NULL for the defaults */
AGT_API AGT_MUST_CHECK agt_status agt_executor_new(agt_runtime *runtime,
                                                   const agt_executor_config *config,
                                                   agt_executor **ret_executor, agt_error *err);
AGT_API agt_executor *agt_executor_ref(agt_executor *executor);
AGT_API void agt_executor_unref(agt_executor *executor);

/**
 * Register a function as a tool.
 *
 * @param name    1 to 64 letters, digits, `_`, `-` or `.`: what model providers accept
 * @param config  NULL for the defaults; everything is copied
 * @return AGT_OK; AGT_E_EXISTS; AGT_E_INVALID for a bad name; AGT_E_SCHEMA; AGT_E_NOMEM
 * @threads any, but before the tool is called
 */
AGT_API AGT_MUST_CHECK agt_status agt_executor_register_tool(agt_executor *executor,
                                                             const char *name, agt_tool_fn fn,
                                                             const agt_tool_config *config,
                                                             agt_error *err);

/** How the input reaches a program, and what its output is. */
typedef enum agt_process_format {
    AGT_PROCESS_JSON = 0, /* the default: one JSON value                                          */
    AGT_PROCESS_TEXT = 1, /* UTF-8 text: as input the member "text" or the input itself if it is a
                           * string; as output a string, what is not UTF-8 replaced by U+FFFD     */
    AGT_PROCESS_NONE = 2  /* nothing: standard input is empty; output is dropped                  */
} agt_process_format;

/**
 * A program as a tool. Each element of argv but the first may hold `{name}`: the member of the
 * input with that name, as text (a string as it is, anything else as JSON). `{{` is a brace. There
 * is never a shell.
 *
 * A call whose input lacks such a member, or has null there, is rejected; an element with a
 * `{name?}` is left out then. An element that begins with a hole and would begin with `-` is
 * rejected too, so that data cannot become an option.
 *
 * The program finds the span of its call in its environment, as TRACEPARENT. When it exits with a
 * status that is no success, or by a signal, the outcome is `error`, and the message has the last
 * line it wrote to stderr. When the call is cancelled or times out, the program and all that it
 * started are ended, and the call is settled once they are gone.
 */
typedef struct agt_process_tool {
    size_t struct_size;
    agt_process_config process; /* argv, env, cwd, limits, caps                               */
    int32_t input;              /* agt_process_format                                         */
    int32_t output;             /* agt_process_format                                         */
    uint64_t ok_exit_statuses;  /* bit n: exit status n (up to 63) is a success; 0 = only 0   */
} agt_process_tool;

/**
 * Register a program as a tool.
 *
 * @return AGT_OK; AGT_E_EXISTS if the name is taken; AGT_E_INVALID; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_executor_register_process(agt_executor *executor,
                                                                const char *name,
                                                                const agt_process_tool *process,
                                                                const agt_tool_config *config,
                                                                agt_error *err);

/**
 * An HTTP endpoint as a tool: the input is sent as a JSON body (or, for GET, DELETE and HEAD, not
 * at all); `{name}` in the URL, behind host and port, is the member of the input, percent-encoded,
 * and `{{` a brace. A call whose input lacks such a member is rejected, and so is one that would
 * make the path another: by a member that is empty, "." or "..". The span of the call goes along as
 * the header traceparent.
 *
 * A JSON answer becomes a value, any other text a string, an empty one null. Status 200 to 299 is a
 * success; any other is an error, with the first bytes of the answer in its message, the status as
 * its cause and, if the server said so, retry_after_ms. When the connection is lost or the time is
 * up after a byte of the request has left, a tool of AGT_EFFECT_EFFECT ends with outcome unknown.
 */
typedef struct agt_http_tool {
    size_t struct_size;
    agt_http_request request; /* method NULL = "POST"; body is ignored                      */
} agt_http_tool;

/**
 * Register an HTTP endpoint as a tool.
 *
 * @return AGT_OK; AGT_E_EXISTS if the name is taken; AGT_E_INVALID; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_executor_register_http(agt_executor *executor,
                                                             const char *name,
                                                             const agt_http_tool *http,
                                                             const agt_tool_config *config,
                                                             agt_error *err);

/** The tool of that name, borrowed; NULL if there is none. @threads any */
AGT_API agt_tool *agt_executor_get_tool(agt_executor *executor, const char *name);
/** Tools in the order of registration. @threads any */
AGT_API size_t agt_executor_get_tool_count(agt_executor *executor);
AGT_API agt_tool *agt_executor_get_tool_at(agt_executor *executor, size_t index);
AGT_API const char *agt_tool_get_name(const agt_tool *tool);
AGT_API const char *agt_tool_get_description(const agt_tool *tool); /* "" if it has none         */
AGT_API const agt_value *agt_tool_get_input_schema(const agt_tool *tool); /* NULL if it has none */
AGT_API agt_effect agt_tool_get_effect(const agt_tool *tool);
AGT_API const char *agt_tool_get_kind(const agt_tool *tool); /* "function", "process", "http" …   */
AGT_API uint32_t agt_tool_get_timeout_ms(const agt_tool *tool); /* AGT_MS_NONE = none             */

/* ---- inside a tool ------------------------------------------------------------------------- */

/** The input, checked against the schema; borrowed; never NULL. @threads any */
AGT_API const agt_value *agt_tool_call_get_input(const agt_tool_call *call);
AGT_API const char *agt_tool_call_get_name(const agt_tool_call *call);
/** The allocator for values made by the tool. @threads any */
AGT_API const agt_allocator *agt_tool_call_get_allocator(const agt_tool_call *call);
/** The span of the call, to be the parent of what the tool starts. @threads any */
AGT_API agt_span_context agt_tool_call_get_span(const agt_tool_call *call);
/** Milliseconds until the attempt is stopped, rounded up; AGT_MS_NONE = no limit. @threads any */
AGT_API uint32_t agt_tool_call_get_remaining_ms(const agt_tool_call *call);
/** Whether the result is not wanted any more. @threads any */
AGT_API bool agt_tool_call_is_cancelled(const agt_tool_call *call);
/** The user_data of the tool. @threads any */
AGT_API void *agt_tool_call_get_user_data(const agt_tool_call *call);

/**
 * The call's deterministic key, the same for every attempt and in a resumed run: hand it on as an
 * idempotency key. 64 hexadecimal digits and a NUL.
 *
 * @return AGT_OK; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_tool_call_get_key(const agt_tool_call *call,
                                                        char ret_key[65]);

/**
 * For whom the call is made, as a value of the caller's own: what there is of
 *
 *     {"tool": "…",            as registered
 *      "call_id": "…",         the model's name of the call
 *      "agent": "…",           that asked for it
 *      "conversation": "…",    of the call's options: of a session, its id
 *      "correlation_id": "…",  of the call's options
 *      "run": "…"}             id of the run, where runs are stored
 *
 * Span, time left and whether it is cancelled have functions of their own.
 *
 * @return AGT_OK; AGT_E_CANCELLED once the call was settled without this attempt; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_tool_call_get_context(const agt_tool_call *call,
                                                            agt_value **ret_context);

/**
 * Say why the call fails; the status is what the function returns or agt_tool_complete() is given.
 * The model and the results get this text.
 *
 * @threads the tool's
 */
AGT_API void agt_tool_call_set_error(agt_tool_call *call, const char *format, ...) AGT_PRINTF(2, 3);

/**
 * Pause a blocking function, up to @ms or until the call is cancelled. In a simulated runtime this
 * takes no real time.
 *
 * @return AGT_OK; AGT_E_CANCELLED: stop and return
 */
AGT_API AGT_MUST_CHECK agt_status agt_tool_call_sleep(agt_tool_call *call, uint32_t ms);

/**
 * Asynchronous tools: have @fn called on the loop thread after @ms. One at a time.
 *
 * If the call is cancelled or times out meanwhile, @fn is called at once, to complete it; or, where
 * agt_tool_call_on_cancel() says who is to be called then, never.
 *
 * @return AGT_OK; AGT_E_CANCELLED once the call was settled without it: complete it; AGT_E_INVALID
 *         off the loop thread; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_tool_call_resume_after(agt_tool_call *call, uint32_t ms,
                                                             void (*fn)(agt_tool_call *call,
                                                                        void *user_data));

/**
 * Asynchronous tools: have @fn called once on the loop thread if the call is cancelled or times
 * out, to stop the work. agt_tool_complete() must follow all the same; its result is not used.
 */
AGT_API void agt_tool_call_on_cancel(agt_tool_call *call,
                                     void (*fn)(agt_tool_call *call, void *user_data));

/**
 * The end of an asynchronous tool: exactly once per call, after which @call is gone. For tools of
 * other modes, which end by returning, nothing happens.
 *
 * @param output  referenced; NULL = null
 * @threads any
 */
AGT_API void agt_tool_complete(agt_tool_call *call, agt_status status, const agt_value *output);

/* ---- approval ------------------------------------------------------------------------------ */

/** What is to become of a call that wants to start. */
typedef enum agt_decision {
    AGT_DECISION_ASK = 0, /* somebody has to say                                                  */
    AGT_DECISION_ALLOW = 1,
    AGT_DECISION_DENY = 2 /* the call ends with outcome denied                                    */
} agt_decision;

/** Which effects a rule is about: sums of these. */
enum {
    AGT_APPROVAL_EFFECT = 1 << AGT_EFFECT_EFFECT,
    AGT_APPROVAL_PURE = 1 << AGT_EFFECT_PURE,
    AGT_APPROVAL_IDEMPOTENT = 1 << AGT_EFFECT_IDEMPOTENT
};

typedef struct agt_approval_rule {
    size_t struct_size;
    const char *tool; /* its name, in which `*` stands for any characters; NULL = any           */
    uint32_t effects; /* AGT_APPROVAL_…; 0 = any                                                */
    int32_t decision; /* agt_decision                                                           */
} agt_approval_rule;

/**
 * Which tools may run. The first rule that fits a call decides; where none does, tools of effect
 * AGT_EFFECT_EFFECT are asked for, and all others run. Agents and models are not tools: what an
 * agent does with its tools is asked for.
 */
typedef struct agt_approval_config {
    size_t struct_size;
    const agt_approval_rule *rules; /* copied                                                     */
    size_t rules_count;
    /**
     * Somebody is to be asked, once per call. Answer it with agt_approval_answer(), now or at any
     * later time. On the loop thread; must not wait. NULL = what is asked for is denied.
     */
    void (*ask)(void *user_data, agt_approval *approval);
    void *user_data;
    const agt_value *pins; /* tools approved for good: what agt_executor_get_pins() gave; NULL    */
} agt_approval_config;

/**
 * Have calls of @executor approved. Before it runs anything; again replaces what was set.
 *
 * @param config  NULL: nothing is asked any more
 * @return AGT_OK; AGT_E_INVALID, naming the rule; AGT_E_TYPE for pins of another shape; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_executor_set_approval(agt_executor *executor,
                                                            const agt_approval_config *config,
                                                            agt_error *err);

/**
 * What was approved for good: {"TOOL": "HASH OF ITS DEFINITION", …}. A tool whose definition (kind,
 * description, schema of its input, command line or URL) is another one later is asked for again.
 */
AGT_API AGT_MUST_CHECK agt_status agt_executor_get_pins(agt_executor *executor,
                                                        agt_value **ret_pins);

/* Who is asked sees this, until it was answered; all borrowed. */
AGT_API const char *agt_approval_get_tool(const agt_approval *approval);
AGT_API const char *agt_approval_get_description(const agt_approval *approval); /* "" if none    */
AGT_API const agt_value *agt_approval_get_input(const agt_approval *approval);
/** Whose call it is; NULL = nobody's in particular. */
AGT_API const char *agt_approval_get_agent(const agt_approval *approval);
/** The tool was approved for good, but its definition is another one now. */
AGT_API bool agt_approval_is_changed(const agt_approval *approval);
/** Whether the call has ended meanwhile, so that nobody waits for the answer. */
AGT_API bool agt_approval_is_over(const agt_approval *approval);

/**
 * Answer it: exactly once, also if the call is over. @approval is gone afterwards.
 *
 * @param decision  AGT_DECISION_ALLOW; anything else denies
 * @param for_good  this tool, as it is defined now, need not be asked for again (ALLOW), or is
 *                  denied from here on (DENY)
 * @param reason    shown to the model in the outcome of a denied call; NULL = none
 */
AGT_API void agt_approval_answer(agt_approval *approval, agt_decision decision, bool for_good,
                                 const char *reason);

/* ---- recording and replaying --------------------------------------------------------------- */

/*
 * A recording is a file with all that calls of models, functions, programs and endpoints were given
 * and gave, in what order and when. In a runtime that replays it nothing of that is called: the
 * same program gets the same answers, at the same times if the runtime is simulated and has the
 * seed of the recording, without network and without money. What agents and graphs do is done
 * again.
 *
 * A recording holds requests, answers and errors as they are, prompts and results of tools, but no
 * keys, headers and environments, which are part of none of them. It is a text file, one JSON
 * object a line, readable by its owner only; a program that crashes leaves one that can be replayed
 * up to there.
 */

typedef struct agt_recording_config {
    size_t struct_size;
    const agt_value *about; /* kept in its head, for whoever replays it; NULL = nothing          */
    bool overwrite;         /* a file that is there                                              */
    bool reserved[7];
} agt_recording_config;

/**
 * Record all that is run from here on. Before anything runs, and once per runtime.
 *
 * While it is recorded, the clock of the runtime moves when something happens and stands still in
 * between, and lines are written by the loop thread: a file on a slow disk slows the run down.
 *
 * @param config  NULL for the defaults
 * @return AGT_OK; AGT_E_EXISTS if there is such a file, or if the runtime is recorded or replays
 *         already; AGT_E_IO; AGT_E_CLOSED; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_recording_start(agt_runtime *runtime, const char *path,
                                                      const agt_recording_config *config,
                                                      agt_error *err);

/**
 * End the recording, once nothing runs; otherwise closing the runtime does.
 *
 * @return AGT_OK if it is complete; AGT_E_IO or AGT_E_NOMEM, the first that went wrong: it ends
 *         there, the runs went on
 */
AGT_API AGT_MUST_CHECK agt_status agt_recording_finish(agt_runtime *runtime, agt_error *err);

/**
 * The head of a recording: {"agent_sdk_recording": 1, "version", "created_unix_ns", "seed",
 * "simulated", "about"}.
 *
 * @param allocator  NULL = the C library's
 * @return AGT_OK; AGT_E_NOT_FOUND; AGT_E_IO; AGT_E_SYNTAX if it is none; AGT_E_VERSION for a newer
 *         format; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_recording_get_head(const agt_allocator *allocator,
                                                         const char *path, agt_value **ret_head,
                                                         agt_error *err);

/**
 * Replay a recording: what is run from here on is what was run then. Before anything runs, and once
 * per runtime. Costs are simulated ones.
 *
 * A call with another input than on record, or one that is not there, fails with AGT_E_INVALID and
 * says what differs; so does every call that is to come, so that the run ends.
 *
 * @return as agt_recording_get_head(), AGT_E_SYNTAX with the line; AGT_E_EXISTS if the runtime is
 *         recorded or replays already; AGT_E_CLOSED
 */
AGT_API AGT_MUST_CHECK agt_status agt_replay_start(agt_runtime *runtime, const char *path,
                                                   agt_error *err);

/**
 * Whether all of the recording happened again; once nothing runs.
 *
 * @return AGT_OK; AGT_E_INVALID, saying what was different first
 */
AGT_API AGT_MUST_CHECK agt_status agt_replay_finish(agt_runtime *runtime, agt_error *err);

/* ---- graphs -------------------------------------------------------------------------------- */

/** What a failure in a graph does to the rest of it. */
typedef enum agt_batch {
    AGT_BATCH_ISOLATE = 0,      /* the default: dependents are skipped, everything else runs     */
    AGT_BATCH_FAIL_FAST = 1,    /* the first failure cancels all that has not finished           */
    AGT_BATCH_QUORUM = 2,       /* `quorum` successes are enough: the rest is cancelled; also
                                 * once so many can no longer be reached                         */
    AGT_BATCH_FIRST_SUCCESS = 3 /* a quorum of one                                               */
} agt_batch;

/** What every start takes. */
typedef struct agt_call_options {
    size_t struct_size;
    const agt_span_context *parent; /* NULL = a run, and a trace, of its own                    */
    uint32_t deadline_ms;           /* for everything, waiting included; 0 = none               */
    uint32_t timeout_ms;            /* of one attempt; 0 = the tool's; AGT_MS_NONE              */
    agt_cancel *cancel;             /* referenced; NULL = none                                  */
    agt_budget *budget;             /* referenced; NULL = the executor's                        */
    int32_t priority;               /* higher first; 0 = normal                                 */
    uint32_t reserved;
    const char *conversation;   /* for traces and the ledger                                */
    const char *correlation_id; /* for traces                                               */
    const char *agent;          /* whom the ledger charges; NULL = nobody in particular     */
    const char *run_name; /* as `agent trace ls` shows it, if a run begins; NULL = that of what
                           * is started */
    agt_session *session; /* the conversation that an agent goes on with; referenced; NULL = none.
                           * Its id is `conversation`, unless that says otherwise */
} agt_call_options;

typedef struct agt_graph_config {
    size_t struct_size;
    const char *name; /* of the run, in traces; NULL = "graph"                    */
    int32_t batch;    /* agt_batch                                                */
    uint32_t quorum;  /* for AGT_BATCH_QUORUM, 0 for the others                   */
    bool open;        /* may grow while it runs, until agt_graph_close()          */
    bool reserved[7];
} agt_graph_config;

/** Number of a call in its graph, from 0 in the order of adding. */
typedef uint32_t agt_call_id;

/** @param config  NULL for the defaults */
AGT_API AGT_MUST_CHECK agt_status agt_graph_new(agt_executor *executor,
                                                const agt_graph_config *config,
                                                agt_graph **ret_graph, agt_error *err);

/**
 * Add a call of a tool.
 *
 * An unknown tool is not an error here: a model may have asked for it. The call is rejected, alone.
 *
 * @param input    referenced; NULL = {}
 * @param options  for this call alone; NULL = those of the start
 * @return AGT_OK; AGT_E_INVALID if the graph is sealed or closed; AGT_E_LIMIT beyond 16,777,216
 *         calls; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_graph_add_call(agt_graph *graph, const char *tool,
                                                     const agt_value *input,
                                                     const agt_call_options *options,
                                                     agt_call_id *ret_call, agt_error *err);

/** The same with a tool at hand: no look-up by name. */
AGT_API AGT_MUST_CHECK agt_status agt_graph_add_tool_call(agt_graph *graph, agt_tool *tool,
                                                          const agt_value *input,
                                                          const agt_call_options *options,
                                                          agt_call_id *ret_call, agt_error *err);

/**
 * @call starts only after @depends_on has succeeded. Once is enough; twice is the same.
 *
 * @return AGT_OK; AGT_E_NOT_FOUND; AGT_E_CYCLE for a call on itself (longer cycles are found when
 *         the graph is sealed); in an open graph that runs: AGT_E_INVALID once @call could have
 *         started, that is unless it was added after @depends_on and has not been released with
 *         agt_graph_release(); AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_graph_add_dependency(agt_graph *graph, agt_call_id call,
                                                           agt_call_id depends_on, agt_error *err);

/**
 * Fill @parameter of the input of @call with the part of the output of @from that @pointer names
 * ("" = all of it). Implies the dependency. A pointer that finds nothing rejects the call.
 *
 * @return as agt_graph_add_dependency(); AGT_E_SYNTAX for a @pointer that is no JSON Pointer and a
 *         @parameter that is not UTF-8
 */
AGT_API AGT_MUST_CHECK agt_status agt_graph_add_binding(agt_graph *graph, agt_call_id call,
                                                        const char *parameter, agt_call_id from,
                                                        const char *pointer, agt_error *err);

/**
 * Check the graph; nothing can be added afterwards. agt_graph_start() does it if need be.
 *
 * @return AGT_OK; AGT_E_CYCLE, the message naming it: "a → b → a"
 */
AGT_API AGT_MUST_CHECK agt_status agt_graph_seal(agt_graph *graph, agt_error *err);

/**
 * Run the graph. A sealed graph may be started again once its last run is done and its results are
 * freed.
 *
 * @param options  NULL for the defaults
 * @return AGT_OK; AGT_E_CYCLE; AGT_E_BUSY while it runs; AGT_E_CLOSED; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_graph_start(agt_graph *graph, const agt_call_options *options,
                                                  agt_task **ret_task, agt_error *err);

/** Start, wait, take the results. @return also AGT_E_INVALID on the loop thread */
AGT_API AGT_MUST_CHECK agt_status agt_graph_run(agt_graph *graph, const agt_call_options *options,
                                                agt_results **ret_results, agt_error *err);

/** Open graphs: the dependencies of @call are complete, it may start. @threads any */
AGT_API AGT_MUST_CHECK agt_status agt_graph_release(agt_graph *graph, agt_call_id call);
/** Open graphs: nothing more will be added; calls not released yet are released, and the task is
 * done when the last call is. @threads any */
AGT_API agt_status agt_graph_close(agt_graph *graph);
/** Drop a graph; a run goes on. An open graph that runs is closed: nobody else could do it. */
AGT_API void agt_graph_unref(agt_graph *graph);

/* ---- results ------------------------------------------------------------------------------- */

/**
 * The results of a task that ran a graph.
 *
 * @return AGT_OK; AGT_E_BUSY while it, or its graph once more, runs; AGT_E_NOT_FOUND once its graph
 *         was started again; AGT_E_INVALID for a task of another kind
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_task_get_results(agt_task *task, agt_results **ret_results);
AGT_API void agt_results_unref(agt_results *results);

/** Calls, in the order in which they were added. */
AGT_API size_t agt_results_get_count(const agt_results *results);
AGT_API agt_outcome agt_results_get_outcome(const agt_results *results, size_t index);
/** Flags AGT_CALL_…. */
AGT_API uint32_t agt_results_get_flags(const agt_results *results, size_t index);
/** The output, borrowed; NULL unless the outcome is ok. */
AGT_API const agt_value *agt_results_get_output(const agt_results *results, size_t index);
/** What went wrong, in words. @return the status of the outcome; AGT_OK if it is ok */
AGT_API agt_status agt_results_get_error(const agt_results *results, size_t index,
                                         agt_error *ret_error);
/** The name of the call's tool. */
AGT_API const char *agt_results_get_name(const agt_results *results, size_t index);
/** The first call of the tool with that name. @return AGT_OK; AGT_E_NOT_FOUND */
AGT_API AGT_MUST_CHECK agt_status agt_results_find(const agt_results *results, const char *name,
                                                   size_t *ret_index);
/** AGT_OK if every call succeeded, else AGT_E_PARTIAL, @err naming the first cause. */
AGT_API agt_status agt_results_get_status(const agt_results *results, agt_error *err);

/** When one call was ready, ran and ended, in nanoseconds of the runtime's clock. The caller sets
 * struct_size; nothing to free. */
typedef struct agt_call_times {
    size_t struct_size;
    uint64_t ready_ns, start_ns, end_ns; /* 0 = never                                            */
    uint32_t attempts;
    uint32_t reserved;
} agt_call_times;
AGT_API void agt_results_get_times(const agt_results *results, size_t index,
                                   agt_call_times *ret_times);

/** Figures of one run. The caller sets struct_size; nothing to free. */
typedef struct agt_execution_metrics {
    size_t struct_size;
    uint64_t wall_ns;          /* start to end                                               */
    uint64_t work_ns;          /* sum of the calls' run times, waiting excluded              */
    uint64_t critical_path_ns; /* longest chain of dependent run times                       */
    double speedup;            /* work / wall                                                */
    uint32_t parallel_max;     /* most calls running at once                                 */
    uint32_t calls, succeeded, failed;
} agt_execution_metrics;
AGT_API void agt_results_get_execution_metrics(const agt_results *results,
                                               agt_execution_metrics *ret_metrics);

/* ---- the short form ------------------------------------------------------------------------ */

/** Tool @tool needs @depends_on to have succeeded, in every execute_parallel() that runs both.
 * @return AGT_OK; AGT_E_NOT_FOUND; AGT_E_CYCLE, naming it; AGT_E_NOMEM */
AGT_API AGT_MUST_CHECK agt_status agt_executor_add_dependency(agt_executor *executor,
                                                              const char *tool,
                                                              const char *depends_on,
                                                              agt_error *err);

/** One call of execute_parallel. */
typedef struct agt_input {
    const char *tool;
    const agt_value *input; /* NULL = {} */
} agt_input;

/**
 * Run one call per input, those that depend on each other in order, all others at once, and wait.
 *
 * A member of an input that is null is filled in when the call has a dependency in this batch: with
 * its output if there is one dependency, with an object of outputs by tool name if there are
 * several. Without a dependency null is passed on.
 *
 * @return AGT_OK, also if calls failed: ask the results; AGT_E_NOT_FOUND for an unknown tool;
 *         AGT_E_INVALID for two inputs of one tool that others of the batch depend on, and on the
 *         loop thread; AGT_E_CLOSED; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_executor_execute_parallel(agt_executor *executor,
                                                                const agt_input *inputs,
                                                                size_t input_count,
                                                                agt_results **ret_results,
                                                                agt_error *err);

/** The same without waiting, and with options. */
AGT_API AGT_MUST_CHECK agt_status agt_executor_execute_parallel_start(
    agt_executor *executor, const agt_input *inputs, size_t input_count,
    const agt_call_options *options, agt_task **ret_task, agt_error *err);

/** Figures of the last execute_parallel() of this executor. @return AGT_OK; AGT_E_NOT_FOUND;
 * AGT_E_INVALID if struct_size of @ret_metrics was not set */
AGT_API AGT_MUST_CHECK agt_status
agt_executor_get_execution_metrics(agt_executor *executor, agt_execution_metrics *ret_metrics);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_EXEC_H */
