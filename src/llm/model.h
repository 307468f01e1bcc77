/*
 * Models inside: the operation that a model is, and what one of its responses cost.
 */
#ifndef AGT_LLM_MODEL_H
#define AGT_LLM_MODEL_H

#include "exec/operation.h"
#include "llm/answer.h"
#include "llm/script.h"

#include "agent_sdk/llm.h"

struct agt_model {
    agt__operation operation; /* first */
    const char *provider;
    agt_tool_fn fn; /* of a function; operation.user_data is its */
    void (*release)(void *user_data);
    agt__script *script;          /* of a scripted model */
    struct agt__provider *served; /* of a model that somebody serves */
    agt_prices *prices;           /* its own; NULL = the runtime's */
    uint64_t max_output_tokens;
    uint64_t context_tokens; /* of a function; 0 = unknown */
    bool simulated;
    bool unpriced; /* there is no price for its name: no need to look again */
};

/* What one request cost. */
typedef struct agt__model_cost {
    agt_usage usage;
    int64_t nanousd; /* or AGT_NANOUSD_UNKNOWN */
    bool billed;     /* false: the request was refused, there is nothing to book */
    bool simulated;
} agt__model_cost;

/** What a settled request to @model cost. @response and @err (why it failed) may be NULL. */
agt__model_cost agt__model_get_cost(const agt_model *model, const agt_prices *prices,
                                    agt_outcome outcome, const agt_value *response,
                                    const agt_error *err);

/** Add @cost to totals as the ledger does. */
void agt__costs_add(agt_costs *costs, const agt__model_cost *cost);

/** Whether @error, of a request, says that the conversation is longer than the model's context. */
bool agt__model_is_overflow(const agt_model *model, const agt_error *error);

/** The operation of a model, to be added to graphs. */
agt__operation *agt__model_get_operation(agt_model *model);

/** Most tokens of a response that a request may ask for. */
uint64_t agt__model_get_max_output_tokens(const agt_model *model);

/*
 * Telling an answer as it comes: a model whose answer streams gives every agt__answer_event to
 * agt__model_tell(), which is made to be the listener of an agt__answer:
 *
 *     agt__answer_new(allocator, 0, agt__model_is_heard(call) ? agt__model_tell : NULL, call, …)
 *
 * Who listens, if anybody, is the business of whoever added the call; a model knows of no listener
 * and has none. All at once or not at all is fine too: what a model has not told as text or
 * reasoning is taken from its response. A request that has told something has begun to answer: its
 * model must not fail it as AGT_ERROR_RETRYABLE any more, nor begin it again by itself, for what
 * was told cannot be taken back. Until then an attempt may be repeated, and nobody hears of it.
 *
 * When listeners are slow the model is asked to hold its connection: `hold` of its table, see
 * exec/operation.h.
 */

/** Tell @call (an agt_tool_call *) that something has come. Loop thread. */
void agt__model_tell(void *call, const agt__answer_event *event);
/** Whether anybody would hear it: if not, a provider need not stream for it. */
bool agt__model_is_heard(const agt_tool_call *call);

/** What is told, as a value for recordings, and told again: the table's keep_told and tell_again.
 */
agt_status agt__model_keep_told(const agt_allocator *allocator, const void *what,
                                agt_value **ret_kept);
void agt__model_tell_again(agt_tool_call *call, const agt_value *kept);

/** A model with these members of its operation set, and texts copied; the caller sets the rest.
 * @return AGT_OK; AGT_E_INVALID for a bad name; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__model_new(agt_runtime *runtime, const char *name,
                                         const char *provider, const agt__operation_table *table,
                                         agt_model **ret_model, agt_error *err);

/** Look whether there is a price for it; the last step of making a model. */
void agt__model_find_price(agt_model *model, agt_runtime *runtime);

/* ---- the part of the operation's table that all models share -----------------------------------
 */

/** Worst case: input as estimated, output at its limit, at the model's price. */
void agt__model_estimate(const agt_tool_call *call, agt_budget_amount *ret_amount);
/** "chat MODEL", with what is known at the start. */
agt_span *agt__model_begin_span(agt_tool_call *call, agt_tracer *tracer,
                                const agt_span_context *parent, uint64_t start_ns);
/** Usage and cost to the span, the ledger and the budget. */
void agt__model_finish(agt_tool_call *call, agt_span *span, agt_budget_amount *ret_actual);
/** Free a model whose last reference is gone. */
void agt__model_destroy(agt__operation *operation);

#endif
