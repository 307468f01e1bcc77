/*
 * Models as operations: what all kinds share, and the model that is a function of the program.
 *
 * A model request is a call like any other; what makes it a model is its table: its worst case is
 * reserved before it starts, and its usage becomes tokens, money, span attributes and a line of the
 * ledger when it is settled, in one place, agt__model_finish(). An aborted request was perhaps paid
 * for: its cost is unknown, never zero.
 *
 * A model whose money is simulated is priced the same way, so that budgets can be tried out, but is
 * marked: the ledger keeps it apart.
 *
 * Threads: a model never changes after it was made. finish() runs on the thread that settles.
 */
#include "llm/model.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"
#include "exec/tape.h"
#include "llm/message.h"
#include "llm/provider.h"
#include "telemetry/semconv.h"

#include <stdatomic.h>
#include <string.h>

static const char origin[] = "llm/model";

enum {
    timeout_ms_default = 120000,
    max_output_tokens_default = 4096,
    name_size_max = 128,
    span_name_size = 96
};

/* ---- objects ----------------------------------------------------------------------------------
 */

agt_status agt__model_new(agt_runtime *runtime, const char *name, const char *provider,
                          const agt__operation_table *table, agt_model **ret_model, agt_error *err)
{
    size_t name_size = name != NULL ? strlen(name) + 1 : 0;
    size_t provider_size = strlen(provider) + 1;
    if (name_size <= 1 || name_size > name_size_max || provider_size > name_size_max ||
        !agt__utf8_is_valid(name, name_size) || !agt__utf8_is_valid(provider, provider_size)) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "a model needs a name, and name and provider up to %d bytes of UTF-8",
                              name_size_max - 1);
    }
    const agt_allocator *allocator = agt_runtime_get_allocator(runtime);
    agt_model *model = agt__calloc(allocator, 1, sizeof(*model) + name_size + provider_size);
    if (model == NULL) {
        return agt__error_nomem(err, origin);
    }
    char *texts = (char *)(model + 1);
    memcpy(texts, name, name_size);
    memcpy(texts + name_size, provider, provider_size);
    model->operation.table = table;
    model->operation.allocator = allocator;
    model->operation.name = texts;
    model->operation.mode = AGT_TOOL_BLOCKING;
    model->operation.effect = AGT_EFFECT_IDEMPOTENT;
    model->operation.timeout_ms = timeout_ms_default;
    atomic_init(&model->operation.refs, 1);
    model->provider = texts + name_size;
    model->max_output_tokens = max_output_tokens_default;
    *ret_model = model;
    return AGT_OK;
}

void agt__model_destroy(agt__operation *operation)
{
    agt_model *model = (agt_model *)operation;
    if (model->release != NULL) {
        model->release(operation->user_data);
    }
    agt__script_free(model->script);
    agt__provider_free(model->served);
    agt_prices_free(model->prices);
    agt__free(operation->allocator, model);
}

agt_model *agt_model_ref(agt_model *model)
{
    if (model != NULL) {
        (void)agt__operation_ref(&model->operation);
    }
    return model;
}

void agt_model_unref(agt_model *model)
{
    if (model != NULL) {
        agt__operation_unref(&model->operation);
    }
}

const char *agt_model_get_name(const agt_model *model)
{
    return model->operation.name;
}

const char *agt_model_get_provider(const agt_model *model)
{
    return model->provider;
}

bool agt_model_is_simulated(const agt_model *model)
{
    return model->simulated;
}

bool agt__model_is_overflow(const agt_model *model, const agt_error *error)
{
    /* Of a server, the cause is its status; a limit of our own has none. */
    return error->status == AGT_E_LIMIT && (model->served == NULL || error->cause >= 400);
}

agt__operation *agt__model_get_operation(agt_model *model)
{
    return &model->operation;
}

uint64_t agt__model_get_max_output_tokens(const agt_model *model)
{
    return model->max_output_tokens;
}

void agt__model_tell(void *call, const agt__answer_event *event)
{
    agt__tool_call_tell(call, AGT__TOLD_ANSWER, event);
}

bool agt__model_is_heard(const agt_tool_call *call)
{
    return agt__tool_call_is_heard(call);
}

/* ---- money ------------------------------------------------------------------------------------
 */

static const agt_model *model_of(const agt_tool_call *call)
{
    return (const agt_model *)agt__tool_call_get_operation(call);
}

static const agt_prices *prices_of(const agt_model *model, const agt_prices *prices)
{
    return model->prices != NULL ? model->prices : prices;
}

void agt__model_find_price(agt_model *model, agt_runtime *runtime)
{
    const agt_usage nothing = {.struct_size = sizeof(nothing)};
    const agt_prices *prices = prices_of(model, agt_runtime_get_prices(runtime));
    model->unpriced =
        agt_prices_get_cost(prices, model->operation.name, &nothing) == AGT_NANOUSD_UNKNOWN;
}

/* The price of @usage by the model's own name. */
static int64_t price(const agt_model *model, const agt_prices *prices, const agt_usage *usage)
{
    return model->unpriced
               ? AGT_NANOUSD_UNKNOWN
               : agt_prices_get_cost(prices_of(model, prices), model->operation.name, usage);
}

/* Whether somebody may have to pay for a request that ended like this without a response. */
static bool may_be_billed(const agt_model *model, agt_outcome outcome, const agt_error *err)
{
    if (err != NULL && ((err->flags & AGT_ERROR_UNSENT) != 0 || err->cause >= 300)) {
        return false; /* nothing was asked, or the HTTP status was that of a refusal */
    }
    switch (outcome) {
    case AGT_OUTCOME_OK:
    case AGT_OUTCOME_TIMEOUT:
    case AGT_OUTCOME_CANCELLED:
    case AGT_OUTCOME_UNKNOWN:
        return true;
    case AGT_OUTCOME_ERROR:
        return !model->simulated; /* it may have failed after the answer had begun */
    case AGT_OUTCOME_NONE:
    case AGT_OUTCOME_SKIPPED_DEPENDENCY:
    case AGT_OUTCOME_BREAKER_OPEN:
    case AGT_OUTCOME_RATE_LIMITED:
    case AGT_OUTCOME_BUDGET_DENIED:
    case AGT_OUTCOME_DENIED:
    case AGT_OUTCOME_REJECTED:
        break;
    }
    return false;
}

agt__model_cost agt__model_get_cost(const agt_model *model, const agt_prices *prices,
                                    agt_outcome outcome, const agt_value *response,
                                    const agt_error *err)
{
    agt__model_cost cost = {.usage = agt_usage_unknown(),
                            .nanousd = AGT_NANOUSD_UNKNOWN,
                            .simulated = model->simulated};
    const agt_value *usage = agt_value_get_member(response, "usage");
    cost.billed = usage != NULL || may_be_billed(model, outcome, err);
    if (usage == NULL) {
        return cost;
    }
    /* The provider bills the model that answered; where that has no price, the one asked for. */
    const char *answered = agt__value_member_text(response, "model", "");
    cost.usage = agt_usage_from_value(usage);
    if (answered[0] != '\0' && strcmp(answered, model->operation.name) != 0) {
        cost.nanousd = agt_prices_get_cost(prices_of(model, prices), answered, &cost.usage);
    }
    if (cost.nanousd == AGT_NANOUSD_UNKNOWN) {
        cost.nanousd = price(model, prices, &cost.usage);
    }
    return cost;
}

static uint64_t known(int64_t count)
{
    return count > 0 ? (uint64_t)count : 0;
}

void agt__costs_add(agt_costs *costs, const agt__model_cost *cost)
{
    uint64_t input = known(cost->usage.input_tokens);
    uint64_t output = known(cost->usage.output_tokens);
    if (!cost->billed) {
        return;
    }
    if (cost->simulated) {
        costs->simulated_calls++;
        costs->simulated_tokens += input + output;
        costs->simulated_nanousd += cost->nanousd != AGT_NANOUSD_UNKNOWN ? cost->nanousd : 0;
        return;
    }
    costs->calls++;
    costs->input_tokens += input;
    costs->output_tokens += output;
    costs->total_tokens += input + output;
    if (cost->nanousd == AGT_NANOUSD_UNKNOWN) {
        costs->unpriced_calls++;
    } else {
        costs->total_nanousd += cost->nanousd;
    }
}

void agt__model_estimate(const agt_tool_call *call, agt_budget_amount *ret_amount)
{
    const agt_model *model = model_of(call);
    const agt_value *request = agt_tool_call_get_input(call);
    uint64_t output = 0;
    agt_usage usage = {.struct_size = sizeof(usage)};
    const agt_value *asked = agt_value_get_member(request, "max_output_tokens");
    if (agt_value_get_uint64(asked, &output) != AGT_OK || output > INT64_MAX / 4) {
        output = model->max_output_tokens;
    }
    uint64_t input = agt__request_estimate_tokens(request);
    usage.input_tokens = input < INT64_MAX / 4 ? (int64_t)input : INT64_MAX / 4;
    usage.output_tokens = (int64_t)output;
    const agt_prices *prices = agt_runtime_get_prices(agt__tool_call_get_runtime(call));
    ret_amount->calls = 1;
    ret_amount->tokens = usage.input_tokens + usage.output_tokens;
    ret_amount->nanousd = price(model, prices, &usage);
    if (ret_amount->nanousd == AGT_NANOUSD_UNKNOWN && model->simulated) {
        ret_amount->nanousd = 0; /* nothing will be spent, whatever the budget */
    }
}

/* ---- spans and the ledger ---------------------------------------------------------------------
 */

static void set_text(agt_span *span, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        agt__span_set_text(span, key, text, strlen(text));
    }
}

agt_span *agt__model_begin_span(agt_tool_call *call, agt_tracer *tracer,
                                const agt_span_context *parent, uint64_t start_ns)
{
    const agt_model *model = model_of(call);
    char name[span_name_size] = AGT__OP_CHAT " ";
    agt__copy_text(name + sizeof(AGT__OP_CHAT), sizeof(name) - sizeof(AGT__OP_CHAT),
                   model->operation.name);
    agt_span *span = agt_tracer_start_span(tracer, name, AGT_SPAN_CLIENT, parent, start_ns);
    if (span == NULL) {
        return NULL;
    }
    set_text(span, AGT__ATTR_OPERATION, AGT__OP_CHAT);
    set_text(span, AGT__ATTR_PROVIDER, model->provider);
    set_text(span, AGT__ATTR_REQUEST_MODEL, model->operation.name);
    set_text(span, AGT__ATTR_AGENT_NAME, agt__tool_call_get_options(call)->agent);
    if (model->simulated) {
        agt_span_set_bool(span, AGT__ATTR_SIMULATED, true);
    }
    return span;
}

static void set_tokens(agt_span *span, const char *key, int64_t tokens)
{
    if (tokens != AGT_TOKENS_UNKNOWN) {
        agt__span_set_int(span, key, tokens);
    }
}

static void describe(agt_span *span, const agt_value *response, const agt__model_cost *cost)
{
    if (span == NULL) {
        return;
    }
    set_text(span, AGT__ATTR_RESPONSE_MODEL, agt__value_member_text(response, "model", NULL));
    set_text(span, AGT__ATTR_RESPONSE_ID, agt__value_member_text(response, "id", NULL));
    set_text(span, AGT__ATTR_FINISH_REASON,
             agt__value_member_text(response, "finish_reason", NULL));
    set_tokens(span, AGT__ATTR_INPUT_TOKENS, cost->usage.input_tokens);
    set_tokens(span, AGT__ATTR_OUTPUT_TOKENS, cost->usage.output_tokens);
    if (cost->usage.cache_read_tokens > 0) {
        set_tokens(span, AGT__ATTR_CACHE_READ, cost->usage.cache_read_tokens);
    }
    if (cost->usage.cache_write_tokens > 0) {
        set_tokens(span, AGT__ATTR_CACHE_WRITE, cost->usage.cache_write_tokens);
    }
    if (cost->usage.reasoning_tokens > 0) {
        set_tokens(span, AGT__ATTR_REASONING, cost->usage.reasoning_tokens);
    }
    if (cost->nanousd != AGT_NANOUSD_UNKNOWN) {
        agt__span_set_int(span, AGT__ATTR_COST, cost->nanousd);
    }
}

static void book(agt_tool_call *call, const agt__model_cost *cost)
{
    const agt_model *model = model_of(call);
    const agt_call_options *options = agt__tool_call_get_options(call);
    agt_runtime *runtime = agt__tool_call_get_runtime(call);
    const agt_clock *clock = agt_runtime_get_clock(runtime);
    agt_cost_entry entry =
        AGT_CONFIG(agt_cost_entry, .agent = options->agent, .provider = model->provider,
                   .model = model->operation.name, .conversation = options->conversation,
                   .span = agt_tool_call_get_span(call), .usage = cost->usage,
                   .cost_nanousd = cost->nanousd, .unix_ns = clock->get_unix_ns(clock->ctx),
                   .simulated = cost->simulated || agt__tape_is_replay(runtime));
    /* Without memory for the line the totals have it all the same. */
    (void)agt_cost_tracker_add(agt_runtime_get_cost_tracker(runtime), &entry);
}

void agt__model_finish(agt_tool_call *call, agt_span *span, agt_budget_amount *ret_actual)
{
    const agt_model *model = model_of(call);
    const agt_value *response = agt__tool_call_get_output(call);
    const agt_prices *prices = agt_runtime_get_prices(agt__tool_call_get_runtime(call));
    agt_outcome outcome = agt__tool_call_get_outcome(call);
    const agt_error *err = agt__tool_call_get_error(call);
    agt__model_cost cost = agt__model_get_cost(model, prices, outcome, response, err);
    describe(span, response, &cost);
    if (cost.billed) {
        book(call, &cost);
    }
    ret_actual->calls = 1;
    if (!cost.billed) {
        ret_actual->nanousd = 0;
        ret_actual->tokens = 0;
        return;
    }
    bool counted = cost.usage.input_tokens >= 0 && cost.usage.output_tokens >= 0;
    ret_actual->nanousd = cost.nanousd;
    ret_actual->tokens =
        counted ? cost.usage.input_tokens + cost.usage.output_tokens : AGT_TOKENS_UNKNOWN;
}

/* ---- functions --------------------------------------------------------------------------------
 */

static agt_status start_function(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    const agt_model *model = model_of(call);
    agt_status status = model->fn(call, ret_output, model->operation.user_data);
    *ret_pending = model->operation.mode == AGT_TOOL_ASYNC && status == AGT_OK;
    return status;
}

static const agt__operation_table function_table = {
    .kind = "model",
    .start = start_function,
    .estimate = agt__model_estimate,
    .begin_span = agt__model_begin_span,
    .finish = agt__model_finish,
    .destroy = agt__model_destroy,
};

agt_status agt_model_new_function(agt_runtime *runtime, const char *name, agt_tool_fn fn,
                                  const agt_model_config *config, agt_model **ret_model,
                                  agt_error *err)
{
    agt_model_config own;
    if (runtime == NULL || fn == NULL || ret_model == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "runtime, fn and ret_model are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    if (own.mode < AGT_TOOL_BLOCKING || own.mode > AGT_TOOL_ASYNC) {
        return agt__error_set(err, AGT_E_INVALID, origin, "%d is no mode of a function", own.mode);
    }
    agt_model *model = NULL;
    status = agt__model_new(runtime, name, own.provider != NULL ? own.provider : "custom",
                            &function_table, &model, err);
    if (status != AGT_OK) {
        return status;
    }
    model->fn = fn;
    model->operation.user_data = own.user_data;
    model->release = own.release;
    model->operation.mode = (uint8_t)own.mode;
    model->operation.timeout_ms = own.timeout_ms != 0 ? own.timeout_ms : timeout_ms_default;
    if (own.max_output_tokens != 0) {
        model->max_output_tokens = own.max_output_tokens;
    }
    model->simulated = own.simulated;
    model->context_tokens = own.context_tokens;
    agt__model_find_price(model, runtime);
    *ret_model = model;
    return AGT_OK;
}
