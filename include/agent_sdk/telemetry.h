/*
 * agent_sdk/telemetry.h - what happened, how long it took, what it cost, and what it may cost.
 *
 * Spans form the tree of a run: every start names its parent explicitly, there is no "current
 * span", so a parent cannot get lost between threads. Names and attributes follow the OpenTelemetry
 * semantic conventions for generative AI.
 *
 * Money is an integer count of nano-dollars (1e-9 USD). What is unknown (a model without a price,
 * a response without usage) is counted as unknown, never as zero. Money of simulated models is kept
 * apart and never enters the real totals.
 *
 * The books (costs, budgets) never depend on spans: spans may be dropped when the exporter cannot
 * keep up, and each one that is dropped is counted; a cost is never dropped.
 */
#ifndef AGENT_SDK_TELEMETRY_H
#define AGENT_SDK_TELEMETRY_H

#include "agent_sdk/value.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_runtime agt_runtime;           /* agent_sdk/runtime.h                         */
typedef struct agt_tracer agt_tracer;             /* @threads any                                */
typedef struct agt_span agt_span;                 /* one thread at a time                        */
typedef struct agt_prices agt_prices;             /* immutable; @threads any                     */
typedef struct agt_cost_tracker agt_cost_tracker; /* @threads any                                */
typedef struct agt_budget agt_budget;             /* reference-counted; @threads any             */
typedef struct agt_profile agt_profile;           /* immutable                                   */

/* ---- spans --------------------------------------------------------------------------------- */

/** Which span of which trace (W3C Trace Context). All zero: none. A plain value. */
typedef struct agt_span_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags; /* bit 0: sampled */
    uint8_t reserved[7];
} agt_span_context;

typedef enum agt_span_kind { /* numbers of OTLP */
    AGT_SPAN_INTERNAL = 1,
    AGT_SPAN_SERVER = 2,
    AGT_SPAN_CLIENT = 3,
    AGT_SPAN_PRODUCER = 4,
    AGT_SPAN_CONSUMER = 5
} agt_span_kind;

/** Whether @context names a span. @threads any */
AGT_API bool agt_span_context_is_valid(const agt_span_context *context);

/** Room for a traceparent header, its NUL included. */
#define AGT_TRACEPARENT_SIZE 56

/** Write @context as a W3C traceparent; "" if it is not valid. @threads any */
AGT_API void agt_span_context_to_traceparent(const agt_span_context *context,
                                             char ret_text[AGT_TRACEPARENT_SIZE]);

/**
 * Read a W3C traceparent, of this or a later version; blanks around it are allowed.
 *
 * @return AGT_OK; AGT_E_SYNTAX
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_span_context_from_traceparent(const char *text,
                                                                    agt_span_context *ret_context);

/**
 * Start a span.
 *
 * Allocates nothing in steady state and takes no lock. All functions on spans accept NULL, which
 * is what a full or silent tracer returns: the work goes on, unrecorded, and is counted as dropped.
 *
 * @param name      copied, up to 95 bytes
 * @param parent    NULL or not valid: a new trace begins. Whether the parent was sampled is passed
 *                  on, but does not matter here: every span is recorded
 * @param start_ns  monotonic, of the tracer's clock; 0 = now
 * @return yours, to be ended; NULL if it is not recorded
 * @threads any
 */
AGT_API agt_span *agt_tracer_start_span(agt_tracer *tracer, const char *name, agt_span_kind kind,
                                        const agt_span_context *parent, uint64_t start_ns);

/**
 * Start the span of an agent's work, "invoke_agent <operation>", as the root of a new trace. In the
 * store it is a run of that name, once it has ended.
 *
 * @param metadata  attributes to set, copied
 * @return as agt_tracer_start_span()
 * @threads any
 */
AGT_API agt_span *agt_tracer_trace_agent(agt_tracer *tracer, const char *operation,
                                         const agt_kv *metadata, size_t metadata_count);

/** The context to hand to children; all zero for NULL. */
AGT_API agt_span_context agt_span_get_context(const agt_span *span);

/**
 * Set an attribute; a key set before is replaced. A span has room for 1,024 bytes of attributes:
 * 24 for each, and the bytes of its key and of its text with one more for each. An attribute that
 * does not fit is left out and counted on the span. NULL for a key or a text does nothing.
 */
AGT_API void agt_span_set_text(agt_span *span, const char *key, const char *text);
AGT_API void agt_span_set_text_n(agt_span *span, const char *key, const char *text, size_t length);
AGT_API void agt_span_set_int(agt_span *span, const char *key, int64_t number);
AGT_API void agt_span_set_double(agt_span *span, const char *key, double number);
AGT_API void agt_span_set_bool(agt_span *span, const char *key, bool flag);

/**
 * Mark the span as failed. `error.type` is set to @error_type (NULL: "_OTHER"). @message may be
 * NULL; it is cut to what the span has room for.
 */
AGT_API void agt_span_set_error(agt_span *span, const char *error_type, const char *message);

/**
 * End the span and hand it to the exporters.
 *
 * @return NULL: `span = agt_span_end(span)`
 */
AGT_API agt_span *agt_span_end(agt_span *span);

/** The same at a time of the tracer's monotonic clock. */
AGT_API agt_span *agt_span_end_at(agt_span *span, uint64_t end_ns);

/** Reading a span, for listeners. Borrowed for the time of the call; never NULL. */
AGT_API const char *agt_span_get_name(const agt_span *span);
AGT_API agt_span_context agt_span_get_parent(const agt_span *span);
AGT_API uint64_t agt_span_get_start_ns(const agt_span *span); /* monotonic                        */
AGT_API uint64_t agt_span_get_end_ns(const agt_span *span);   /* monotonic; 0 while it runs       */
AGT_API bool agt_span_is_error(const agt_span *span);
/** Text of a text attribute, "" if it has none; value of an integer or boolean one, or @fallback.
 */
AGT_API const char *agt_span_get_text(const agt_span *span, const char *key);
AGT_API int64_t agt_span_get_int(const agt_span *span, const char *key, int64_t fallback);
AGT_API bool agt_span_get_bool(const agt_span *span, const char *key, bool fallback);

/**
 * Somebody who wants to see spans as they start and end: a progress display.
 *
 * Called on the thread that starts or ends the span, which waits meanwhile: be short, do not block.
 * Attributes that are set at the start are there in on_start.
 */
typedef struct agt_span_listener {
    size_t struct_size;
    void *user_data;
    void (*on_start)(void *user_data, const agt_span *span);
    void (*on_end)(void *user_data, const agt_span *span);
} agt_span_listener;

/**
 * Add a listener, before the first span of @tracer.
 *
 * @return AGT_OK; AGT_E_LIMIT beyond 8; AGT_E_INVALID once there were spans
 */
AGT_API AGT_MUST_CHECK agt_status agt_tracer_add_listener(agt_tracer *tracer,
                                                          const agt_span_listener *listener);

/**
 * What became of the spans: created = exported + dropped + queued (open ones included). While other
 * threads make spans, those that they drop may be among the queued for a moment.
 */
typedef struct agt_tracer_counts {
    size_t struct_size;
    uint64_t created, exported, dropped, queued;
} agt_tracer_counts;

/** @threads any */
AGT_API void agt_tracer_get_counts(const agt_tracer *tracer, agt_tracer_counts *ret_counts);

/* ---- usage, prices, costs ------------------------------------------------------------------ */

/** Tokens that nobody counted. Unknown is not zero. */
#define AGT_TOKENS_UNKNOWN INT64_C(-1)
/** Money that nobody can tell. */
#define AGT_NANOUSD_UNKNOWN INT64_MIN

/** Tokens of one model response. A plain value; set all members. */
typedef struct agt_usage {
    size_t struct_size;
    int64_t input_tokens;       /* all input, what was read from or written to a cache included */
    int64_t cache_read_tokens;  /* of the input                                               */
    int64_t cache_write_tokens; /* of the input, kept for about five minutes                  */
    int64_t cache_write_1h_tokens; /* of the input, kept for an hour                             */
    int64_t output_tokens;         /* all output, reasoning included                             */
    int64_t reasoning_tokens;      /* of the output                                              */
} agt_usage;

/** A usage of which nothing is known. */
AGT_API agt_usage agt_usage_unknown(void);

/**
 * Prices per model, from a value:
 *
 *     {"version": 1, "models": {"NAME": {"input": "3.00", "output": "15.00",
 *         "cache_read": "0.30", "cache_write": "3.75", "cache_write_1h": "6.00",
 *         "reasoning": "15.00"}}}
 *
 * in USD per million tokens, written as decimals (strings or numbers) with at most nine places.
 * NAME is a model, or a prefix of models that ends in `*`; the longest match counts. What is left
 * out of a model: cache prices are those of input, reasoning that of output.
 *
 * @param document  NULL: the table the library ships (docs/guide/costs.md says of what date)
 * @return AGT_OK; AGT_E_SCHEMA, naming the model and the member; AGT_E_VERSION; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_prices_new(const agt_allocator *allocator,
                                                 const agt_value *document, agt_prices **ret_prices,
                                                 agt_error *err);
AGT_API void agt_prices_free(agt_prices *prices);

/**
 * The price of one response: exact in 128 bits, rounded once, half up.
 *
 * Input and output have to be known; of their parts those that have a price of their own. A usage
 * whose parts exceed the whole is not known.
 *
 * @return nano-dollars; AGT_NANOUSD_UNKNOWN if the model has no price or the usage is not known
 * @threads any
 */
AGT_API int64_t agt_prices_get_cost(const agt_prices *prices, const char *model,
                                    const agt_usage *usage);

/** One line of the ledger: what one call cost. */
typedef struct agt_cost_entry {
    size_t struct_size;
    const char *agent;        /* who; NULL = nobody in particular                               */
    const char *provider;     /* NULL for a tool                                                */
    const char *model;        /* NULL for a tool                                                */
    const char *conversation; /* NULL = none                                                    */
    agt_span_context span;    /* of the call                                                    */
    agt_usage usage;
    int64_t cost_nanousd; /* or AGT_NANOUSD_UNKNOWN                                         */
    uint64_t unix_ns;     /* when it was settled                                            */
    bool simulated;       /* a scripted or replayed model or tool: no money was spent       */
    bool reserved[7];
} agt_cost_entry;

/** Totals; nothing to free. */
typedef struct agt_costs {
    size_t struct_size;
    int64_t total_nanousd; /* real money                                               */
    uint64_t input_tokens, output_tokens, total_tokens;
    uint64_t calls;
    uint64_t unpriced_calls;   /* > 0: total_nanousd is a lower bound                      */
    int64_t simulated_nanousd; /* never part of total_nanousd                              */
    uint64_t simulated_tokens; /* never part of total_tokens                               */
    uint64_t simulated_calls;  /* never part of calls                                      */
} agt_costs;

/**
 * Add a line. Never dropped: a cost that cannot be kept for lack of memory is still in the totals.
 *
 * @return AGT_OK; AGT_E_NOMEM if the line, or the totals of its agent, could not be kept
 * @threads any
 */
AGT_API agt_status agt_cost_tracker_add(agt_cost_tracker *costs, const agt_cost_entry *entry);

/** Totals of everything, or of one agent. @return AGT_OK; AGT_E_NOT_FOUND. @threads any */
AGT_API void agt_cost_tracker_get_costs(agt_cost_tracker *costs, agt_costs *ret_costs);
AGT_API AGT_MUST_CHECK agt_status agt_cost_tracker_get_agent_costs(agt_cost_tracker *costs,
                                                                   const char *agent,
                                                                   agt_costs *ret_costs);

/* ---- budgets ------------------------------------------------------------------------------- */

/**
 * Limits of a scope: an organisation, a project, a run, an agent, a tool. 0 = no limit of its own.
 * Scopes nest: what is reserved in a budget is reserved in all its parents, or in none.
 */
typedef struct agt_budget_config {
    size_t struct_size;
    const char *name;   /* in messages: "run", "agent \"history\""                        */
    agt_budget *parent; /* referenced; NULL = none                                        */
    int64_t limit_nanousd;
    uint64_t tokens_max;
    uint64_t calls_max;
} agt_budget_config;

/**
 * A new budget, with nothing reserved or spent.
 *
 * @return AGT_OK; AGT_E_INVALID for a configuration that makes no sense; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_budget_new(const agt_allocator *allocator,
                                                 const agt_budget_config *config,
                                                 agt_budget **ret_budget, agt_error *err);
AGT_API agt_budget *agt_budget_ref(agt_budget *budget);
AGT_API void agt_budget_unref(agt_budget *budget);

/** An amount of what budgets count. A plain value. */
typedef struct agt_budget_amount {
    int64_t nanousd; /* AGT_NANOUSD_UNKNOWN: refused by a budget with a limit of money           */
    int64_t tokens;  /* AGT_TOKENS_UNKNOWN: refused by a budget with a limit of tokens           */
    int64_t calls;
} agt_budget_amount;

/**
 * Set @amount aside before the work starts, so that parallel work cannot overspend together.
 *
 * @return AGT_OK: settle it, once; AGT_E_BUDGET_DENIED, `err` naming the scope, what it has left
 *         and what was asked for
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_budget_reserve(agt_budget *budget,
                                                     const agt_budget_amount *amount,
                                                     agt_error *err);

/**
 * Put @actual in the place of what was reserved. Unknown members of @actual settle at their
 * reservation, negative ones at nothing. More than was reserved is booked all the same: the money
 * is spent.
 *
 * @threads any
 */
AGT_API void agt_budget_settle(agt_budget *budget, const agt_budget_amount *reserved,
                               const agt_budget_amount *actual);

/** What a budget has spent and holds reserved. @threads any */
AGT_API void agt_budget_get_amounts(agt_budget *budget, agt_budget_amount *ret_spent,
                                    agt_budget_amount *ret_reserved);

/* ---- profiles ------------------------------------------------------------------------------ */

/** One piece of finished work, for a profile: a span, or a call. */
typedef struct agt_profile_node {
    const char *name;
    uint64_t start_ns, end_ns; /* of one clock                                                   */
    size_t parent;             /* index of the node it is part of; SIZE_MAX = none               */
} agt_profile_node;

/** Figures of a profile; nothing to free. */
typedef struct agt_profile_stats {
    size_t struct_size;
    uint64_t wall_ns;          /* first start to last end                                        */
    uint64_t work_ns;          /* sum of self times: what one worker would need                  */
    uint64_t critical_path_ns; /* self times on the critical path                                */
    uint32_t parallel_max;     /* most leaves under way at once                                  */
    uint32_t reserved;
    double speedup; /* work / wall                                                    */
} agt_profile_stats;

/**
 * The profile of a tree of work: self times and the critical path that really happened, found
 * backwards from the end: the child that finished last, then the one that finished last before that
 * one started, and so on, recursively (CRISP, USENIX ATC 2022). Children that reach outside their
 * parent are clipped.
 *
 * The path fills a single root completely; between several roots there may be gaps.
 *
 * @return AGT_OK; AGT_E_INVALID for a parent that does not come before its child and for an end
 *         before its start; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_profile_new(const agt_allocator *allocator,
                                                  const agt_profile_node *nodes, size_t count,
                                                  agt_profile **ret_profile, agt_error *err);
AGT_API void agt_profile_get_stats(const agt_profile *profile, agt_profile_stats *ret_stats);
/** Time of node @index that none of its children covers. */
AGT_API uint64_t agt_profile_get_self_ns(const agt_profile *profile, size_t index);
/** Time that node @index itself spends on the critical path; 0 = it is not on it. */
AGT_API uint64_t agt_profile_get_critical_ns(const agt_profile *profile, size_t index);
AGT_API void agt_profile_free(agt_profile *profile);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_TELEMETRY_H */
