/*
 * Models inside: the operation that a model is, and what one of its responses cost.
 */
#ifndef AGT_LLM_MODEL_H
#define AGT_LLM_MODEL_H

#include "exec/operation.h"
#include "llm/script.h"

#include "agent_sdk/llm.h"

/** Told of every piece of text while a model still answers. On the loop thread. */
typedef void (*agt__model_delta_fn)(void *user_data, agt_tool_call *call, const char *text,
                                    size_t length);

struct agt_model {
    agt__operation operation; /* first */
    const char *provider;
    agt_tool_fn fn; /* of a function; operation.user_data is its */
    void (*release)(void *user_data);
    agt__script *script; /* of a scripted model */
    agt_prices *prices;  /* its own; NULL = the runtime's */
    uint64_t max_output_tokens;
    bool simulated;
    bool unpriced; /* there is no price for its name: no need to look again */
    agt__model_delta_fn on_delta;
    void *on_delta_user_data;
};

/* What one request cost. */
typedef struct agt__model_cost {
    agt_usage usage;
    int64_t nanousd; /* or AGT_NANOUSD_UNKNOWN */
    bool billed;     /* false: the request was refused, there is nothing to book */
    bool simulated;
} agt__model_cost;

/** What a settled request cost. @response may be NULL. */
agt__model_cost agt__model_get_cost(const agt_model *model, const agt_prices *prices,
                                    agt_outcome outcome, const agt_value *response);

/** Add @cost to totals as the ledger does. */
void agt__costs_add(agt_costs *costs, const agt__model_cost *cost);

/** The operation of a model, to be added to graphs. */
agt__operation *agt__model_get_operation(agt_model *model);

/** Most tokens of a response that a request may ask for. */
uint64_t agt__model_get_max_output_tokens(const agt_model *model);

/** Have @fn told of the pieces of every answer. Before the first request. */
void agt__model_set_on_delta(agt_model *model, agt__model_delta_fn fn, void *user_data);

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
