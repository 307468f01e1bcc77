/*
 * The agent's loop: ask the model, run the tools it asks for, tell it the results, and so on until
 * it answers or a limit ends the run.
 *
 *     OPEN → ASK → (model call) → ANSWERED → final: DONE
 *                                          → tools: (batch) → RAN → ASK …
 *
 * There is no scheduler here: model requests and tool calls are calls of an open graph within the
 * agent's own call. When one is settled the engine says so, and when
 * none is pending the run takes its next step. What cancels the agent's call, or ends its time,
 * cancels the graph; its calls settle, and the run ends by the same way, with what it has.
 *
 * Who ends: agt__agent_run_end() closes the graph; when the engine says that the graph is done,
 * nothing of the run is under way any more but what it has sent to the store; then the agent's call
 * is completed.
 *
 * Threads: the loop's.
 */
#include "agents/run.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "runtime/runtime.h"
#include "telemetry/semconv.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "agents/loop";

enum {
    messages_max = 1000000,
    span_name_size = 96
};

/* ---- ends -------------------------------------------------------------------------------------
 */

void agt__agent_run_end(agt__agent_run *run, agt_outcome outcome)
{
    run->outcome = outcome;
    run->phase = AGT__PHASE_DONE;
    run->step_span = agt_span_end(run->step_span);
    (void)agt__graph_close(run->graph);
}

void agt__agent_run_fail(agt__agent_run *run, agt_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    agt__error_setv(&run->error, status, origin, format, args);
    va_end(args);
    agt__agent_run_end(run, AGT_OUTCOME_ERROR);
}

void agt__agent_run_fail_nomem(agt__agent_run *run)
{
    agt__error_nomem(&run->error, origin);
    agt__agent_run_end(run, AGT_OUTCOME_ERROR);
}

/* Whether the run was stopped from outside, or has used up its time; then it has been ended. */
static bool is_over(agt__agent_run *run)
{
    if (agt__runtime_now_ns(run->runtime) >= run->deadline_ns) {
        agt__error_set(&run->error, AGT_E_TIMEOUT, origin,
                       "agent \"%s\" did not finish within its %u ms", run->agent->operation.name,
                       run->agent->limits.wall_ms);
        agt__agent_run_end(run, AGT_OUTCOME_TIMEOUT);
        return true;
    }
    if (agt_tool_call_is_cancelled(run->call)) {
        agt__error_set(&run->error, AGT_E_CANCELLED, origin, "agent \"%s\" was stopped in step %u",
                       run->agent->operation.name, run->step);
        agt__agent_run_end(run, AGT_OUTCOME_CANCELLED);
        return true;
    }
    return false;
}

static void free_run(agt__agent_run *run)
{
    for (size_t i = 0; i < run->message_count; i++) {
        agt_value_unref(run->messages[i]);
    }
    if (run->has_session) {
        agt__session_end(run->session);
    }
    agt__session_unref(run->session);
    agt_value_unref(run->query);
    agt_value_unref(run->system);
    agt_value_unref(run->lead);
    agt_value_unref(run->summary);
    agt_value_unref(run->tools_value);
    if (run->reader != NULL) {
        agt__operation_unref(run->reader);
    }
    for (size_t i = 0; i < run->result_count; i++) {
        agt_value_unref(run->results[i].id);
        agt_value_unref(run->results[i].text);
    }
    agt__free(run->allocator, run->results);
    agt__free(run->allocator, run->messages);
    agt__free(run->allocator, run->turns);
    agt__free(run->allocator, run->planned.items);
    agt__free(run->allocator, run->before.items);
    agt__free(run->allocator, run->items);
    agt_value_unref(run->name);
    agt_value_unref(run->text);
    agt_value_unref(run->value);
    agt_budget_unref(run->budget);
    agt_graph_unref(run->graph);
    agt_agent_unref(run->agent);
    agt__free(run->allocator, run);
}

/* ---- delegation -------------------------------------------------------------------------------
 */

/* The run of an agent that @call is a part of; NULL if there is none. Sets *ret_depth to how many
 * agents there are above. */
static agt__agent_run *find_outer(const agt_tool_call *call, uint32_t *ret_depth)
{
    agt__agent_run *outer = NULL;
    uint32_t depth = 0;
    agt_tool_call *at = agt__tool_call_get_parent(call);
    for (; at != NULL; at = agt__tool_call_get_parent(at)) {
        const agt__operation *operation = agt__tool_call_get_operation(at);
        if (operation->table->cancel == agt__agent_cancel) {
            depth++;
            outer = outer != NULL ? outer : agt__tool_call_get_state(at);
        }
    }
    if (ret_depth != NULL) {
        *ret_depth = depth;
    }
    return outer;
}

static void add_costs(agt_costs *target, const agt_costs *costs)
{
    target->total_nanousd += costs->total_nanousd;
    target->input_tokens += costs->input_tokens;
    target->output_tokens += costs->output_tokens;
    target->total_tokens += costs->total_tokens;
    target->calls += costs->calls;
    target->unpriced_calls += costs->unpriced_calls;
    target->simulated_nanousd += costs->simulated_nanousd;
    target->simulated_tokens += costs->simulated_tokens;
    target->simulated_calls += costs->simulated_calls;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

agt_status agt__agent_run_add_message(agt__agent_run *run, agt_value *message)
{
    agt_status status =
        agt__array_reserve(run->allocator, &run->messages, &run->message_capacity,
                           run->message_count, sizeof(*run->messages), messages_max);
    if (status == AGT_OK) {
        status = agt__array_reserve(run->allocator, &run->turns, &run->turn_capacity,
                                    run->message_count, sizeof(*run->turns), messages_max);
    }
    if (status != AGT_OK) {
        agt_value_unref(message);
        return AGT_E_NOMEM;
    }
    run->turns[run->message_count] = run->turn;
    run->messages[run->message_count++] = message;
    run->bytes += agt__value_estimate_size(message);
    return AGT_OK;
}

const agt_call_options *agt__agent_run_get_options(agt__agent_run *run, agt_call_options *options)
{
    if (run->step_span == NULL) {
        return NULL; /* the graph's: below the agent */
    }
    *options = AGT_CONFIG(agt_call_options, .parent = &run->step_context);
    return options;
}

static void begin_step(agt__agent_run *run)
{
    char name[24];
    run->step++;
    agt_tracer *tracer = agt_runtime_get_tracer(run->runtime);
    if (agt__tracer_is_silent(tracer)) {
        return;
    }
    snprintf(name, sizeof(name), "step %u", run->step);
    run->step_span = agt_tracer_start_span(tracer, name, AGT_SPAN_INTERNAL, &run->context, 0);
    agt__span_set_int(run->step_span, AGT__ATTR_STEP, run->step);
    if (run->first > 0) {
        agt__span_set_int(run->step_span, AGT__ATTR_LEFT_OUT,
                          (int64_t)agt__agent_run_count_left_out(run));
    }
    run->step_context = agt_span_get_context(run->step_span);
}

/* Most tokens of output that the next request may have; 0: none, and the run has been ended. */
static uint64_t allow_output(agt__agent_run *run, uint64_t input)
{
    uint64_t most = agt__model_get_max_output_tokens(run->agent->model);
    uint64_t limit = run->agent->limits.tokens_max;
    if (limit == 0) {
        return most;
    }
    if (run->tokens + input >= limit) {
        agt__error_set(&run->error, AGT_E_BUDGET_DENIED, origin,
                       "agent \"%s\" may use %llu tokens: it has used %llu, and the next request "
                       "needs about %llu and an answer",
                       run->agent->operation.name, (unsigned long long)limit,
                       (unsigned long long)run->tokens, (unsigned long long)input);
        agt__agent_run_end(run, AGT_OUTCOME_BUDGET_DENIED);
        return 0;
    }
    uint64_t left = limit - run->tokens - input;
    return left < most ? left : most;
}

static void free_messages(const agt__agent_run *run, const agt_value **messages)
{
    if (messages != run->messages) {
        agt__free(run->allocator, messages);
    }
}

/* A tool to read on, once a result was shown in part. */
static agt_status add_reader(agt__agent_run *run)
{
    if (run->reader != NULL || !agt__agent_run_has_results(run) ||
        agt__agent_find_tool(run->agent, agt__result_reader_name) != NULL) {
        return AGT_OK;
    }
    agt__operation *reader = agt__result_reader_new(run->allocator);
    if (reader == NULL || agt__agent_add_reader(run->agent, &run->tools_value) != AGT_OK) {
        if (reader != NULL) {
            agt__operation_unref(reader);
        }
        return AGT_E_NOMEM;
    }
    run->reader = reader;
    return AGT_OK;
}

static void ask(agt__agent_run *run)
{
    agt_agent *agent = run->agent;
    if (is_over(run)) {
        return;
    }
    if (run->step >= agent->limits.steps_max) {
        agt__agent_run_fail(run, AGT_E_LIMIT, "agent \"%s\" has no final answer after %u step%s",
                            agent->operation.name, run->step, run->step == 1 ? "" : "s");
        return;
    }
    agt__agent_run_keep(run);
    if (agt__agent_run_fit(run)) {
        return;
    }
    uint64_t input = agt__agent_run_estimate(run);
    uint64_t output = allow_output(run, input);
    size_t message_count = 0;
    const agt_value **messages = agt__agent_run_select(run, &message_count);
    if (output == 0 || messages == NULL || add_reader(run) != AGT_OK) {
        free_messages(run, messages);
        if (output != 0) {
            agt__agent_run_fail_nomem(run);
        }
        return;
    }
    begin_step(run);
    run->request_input = input;
    agt__request request = {
        .system = run->system != NULL ? run->system : agent->system,
        .messages = messages,
        .message_count = message_count,
        .tools = run->tools_value != NULL ? run->tools_value : agent->tools_value,
        .output_schema = agt_schema_get_document(agent->output_schema),
        .agent = run->name,
        .step = run->step,
        .max_output_tokens = output,
        .input_tokens = input,
    };
    agt_value *value = NULL;
    agt_call_options options;
    const agt__listener listener = agt__agent_run_get_listener(run);
    agt_status status = agt__request_new(run->allocator, &request, &value);
    free_messages(run, messages);
    if (status != AGT_OK) {
        agt__error_nomem(&run->error, origin);
    } else {
        run->phase = AGT__PHASE_ANSWERED;
        run->pending = 1;
        run->heard.has_request = true;
        run->request_tokens = input + output;
        status = agt__graph_add_operation(run->graph, agt__model_get_operation(agent->model), value,
                                          agt__agent_run_get_options(run, &options), &listener,
                                          &run->request, &run->error);
    }
    agt_value_unref(value);
    if (status == AGT_OK) {
        status = agt_graph_release(run->graph, run->request);
    }
    if (status != AGT_OK) {
        agt__agent_run_end(run, AGT_OUTCOME_ERROR);
        agt__graph_cancel(run->graph);
    }
}

/* ---- responses --------------------------------------------------------------------------------
 */

agt__model_cost agt__agent_run_get_request_cost(const agt__agent_run *run)
{
    const agt_prices *prices = agt_runtime_get_prices(run->runtime);
    const agt_model *model = (const agt_model *)agt__graph_get_operation(run->graph, run->request);
    agt_error err = {.status = AGT_OK};
    (void)agt__graph_get_error(run->graph, run->request, &err);
    return agt__model_get_cost(model, prices, agt__graph_get_outcome(run->graph, run->request),
                               agt__graph_get_output(run->graph, run->request), &err);
}

void agt__agent_run_count(agt__agent_run *run)
{
    agt__model_cost cost = agt__agent_run_get_request_cost(run);
    agt__costs_add(&run->costs, &cost);
    if (!cost.billed) {
        return;
    }
    if (cost.usage.input_tokens >= 0 && cost.usage.output_tokens >= 0) {
        run->tokens += (uint64_t)cost.usage.input_tokens + (uint64_t)cost.usage.output_tokens;
    } else {
        run->tokens += run->request_tokens; /* nobody knows: as much as it may have been */
    }
}

static void keep_text(agt__agent_run *run, const agt_value *parts)
{
    agt_value *text = NULL;
    if (agt__parts_get_text(run->allocator, parts, 0, agt_value_get_count(parts), &text) ==
            AGT_OK &&
        text != NULL) {
        agt_value_unref(run->text);
        run->text = text;
    }
}

/* Whether the model could not say all it wanted; then the run has been ended. */
static bool is_cut(agt__agent_run *run, const agt_value *response)
{
    const char *reason = agt__value_member_text(response, "finish_reason", "");
    if (strcmp(reason, "length") == 0) {
        agt__agent_run_fail(run, AGT_E_MODEL,
                            "the answer of model \"%s\" was cut at its limit of output tokens",
                            agt_model_get_name(run->agent->model));
        return true;
    }
    if (strcmp(reason, "content_filter") == 0 || strcmp(reason, "refusal") == 0) {
        agt__error_set(&run->error, AGT_E_DENIED, origin, "model \"%s\" declined to answer: %s",
                       agt_model_get_name(run->agent->model), reason);
        agt__agent_run_end(run, AGT_OUTCOME_DENIED);
        return true;
    }
    return false;
}

static void next_step(agt__agent_run *run)
{
    run->step_span = agt_span_end(run->step_span);
    run->phase = AGT__PHASE_ASK;
}

static void take_response(agt__agent_run *run, const agt_value *response)
{
    agt_value *message = NULL;
    const agt_value *parts = agt__response_get_parts(response);
    keep_text(run, parts);
    if (is_cut(run, response)) {
        return;
    }
    if (agt__message_new(run->allocator, &run->agent->words, AGT__WORD_ASSISTANT, parts,
                         &message) != AGT_OK ||
        agt__agent_run_add_message(run, message) != AGT_OK) {
        agt__agent_run_fail_nomem(run);
        return;
    }
    if (agt__agent_run_plan(run, parts) != AGT_OK) {
        agt__agent_run_fail_nomem(run);
    } else if (run->planned.count > 0) {
        agt__agent_run_start_tools(run);
    } else if (strcmp(agt__value_member_text(response, "finish_reason", ""), "pause") == 0) {
        next_step(run); /* the provider wants to go on from here: that is one more request */
    } else {
        agt__agent_run_answer(run, parts);
    }
}

/* What is wrong with a model's answer does not say whose answer it was. */
static void name_model(agt__agent_run *run)
{
    char why[300];
    agt__copy_text(why, sizeof(why), run->error.message);
    snprintf(run->error.message, sizeof(run->error.message), "model \"%s\": %s",
             agt_model_get_name(run->agent->model), why);
}

/* The model may say that the conversation is too long for it: once it is asked again. */
static bool repeat_shorter(agt__agent_run *run)
{
    if (!agt__model_is_overflow(run->agent->model, &run->error) || !agt__agent_run_shorten(run)) {
        return false;
    }
    run->error = (agt_error){.status = AGT_OK};
    run->step_span = agt_span_end(run->step_span);
    run->step--; /* the same step once more */
    run->phase = AGT__PHASE_ASK;
    return true;
}

static void read_response(agt__agent_run *run)
{
    const agt_value *response = agt__graph_get_output(run->graph, run->request);
    agt_outcome outcome = agt__graph_get_outcome(run->graph, run->request);
    agt__agent_run_count(run);
    agt__agent_run_calibrate(
        run, agt_usage_from_value(agt_value_get_member(response, "usage")).input_tokens);
    if (is_over(run)) {
        return;
    }
    if (outcome != AGT_OUTCOME_OK) {
        (void)agt__graph_get_error(run->graph, run->request, &run->error);
        if (outcome == AGT_OUTCOME_ERROR && repeat_shorter(run)) {
            return;
        }
        name_model(run);
        agt__agent_run_end(run, outcome);
        return;
    }
    run->has_overflowed = false;
    agt_value *checked = NULL;
    agt_status status =
        agt__response_check(run->allocator, response, run->step, &checked, &run->error);
    if (status != AGT_OK) {
        if (status == AGT_E_MODEL) {
            name_model(run);
        }
        agt__agent_run_end(run, AGT_OUTCOME_ERROR);
        return;
    }
    take_response(run, checked);
    agt_value_unref(checked);
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

void agt__agent_run_go_on(agt__agent_run *run)
{
    while (run->pending == 0 && run->phase != AGT__PHASE_DONE) {
        switch (run->phase) {
        case AGT__PHASE_OPEN:
            if (agt__agent_run_load(run) != AGT_OK) {
                agt__agent_run_fail_nomem(run);
                break;
            }
            run->phase = AGT__PHASE_ASK;
            break;
        case AGT__PHASE_ASK:
            if (agt__tool_call_is_held(run->call)) {
                return; /* agt__agent_hold() goes on */
            }
            ask(run);
            break;
        case AGT__PHASE_SUMMED:
            agt__agent_run_read_summary(run);
            break;
        case AGT__PHASE_ANSWERED:
            read_response(run);
            break;
        case AGT__PHASE_RAN:
            if (agt__agent_run_collect(run) != AGT_OK) {
                agt__agent_run_fail_nomem(run);
                break;
            }
            next_step(run);
            break;
        case AGT__PHASE_DONE:
            break;
        }
    }
}

static void on_settled(agt_graph *graph, agt_call_id call, void *user_data)
{
    agt__agent_run *run = user_data;
    (void)graph;
    agt__agent_run_tell_settled(run, call);
    if (run->phase != AGT__PHASE_DONE) {
        run->pending--;
        agt__agent_run_go_on(run);
    }
}

agt__listener agt__agent_run_get_listener(agt__agent_run *run)
{
    return (agt__listener){.on_settled = on_settled,
                           .on_told = run->heard.is_heard ? agt__agent_run_on_told : NULL,
                           .user_data = run};
}

static void on_graph_done(agt_graph *graph, void *user_data)
{
    agt__agent_run *run = user_data;
    (void)graph;
    run->is_graph_done = true;
    agt__agent_run_finish(run);
}

void agt__agent_run_finish(agt__agent_run *run)
{
    agt_tool_call *call = run->call;
    agt_value *output = NULL;
    if (run->has_errand) {
        return; /* it comes back here */
    }
    if (run->phase != AGT__PHASE_DONE) {
        /* The graph was closed under the run: by what cancels it, before it could take a step. */
        if (!is_over(run)) {
            agt__agent_run_fail(run, AGT_E_CLOSED, "the run was stopped");
        }
    }
    if (agt__agent_run_close_session(run)) {
        return;
    }
    if (run->has_session) { /* before whoever waits for the reply can go on */
        run->has_session = false;
        agt__session_end(run->session);
    }
    if (agt__agent_run_make_output(run, &output) != AGT_OK) {
        agt__error_nomem(&run->error, origin);
        run->outcome = AGT_OUTCOME_ERROR;
    }
    agt__agent_run *outer = find_outer(call, NULL);
    if (outer != NULL) {
        add_costs(&outer->costs, &run->costs);
    }
    if (run->span != NULL) {
        agt__agent_run_describe(run, run->span);
        if (run->outcome != AGT_OUTCOME_OK) {
            agt_span_set_error(run->span, agt_outcome_get_name(run->outcome), run->error.message);
        }
        run->span = agt_span_end(run->span);
    }
    agt__agent_run_tell_end(run);
    agt_status status = AGT_OK;
    if (run->outcome != AGT_OUTCOME_OK) {
        agt__tool_call_take_error(call, &run->error);
        status = run->outcome == AGT_OUTCOME_ERROR ? run->error.status
                                                   : agt_outcome_get_status(run->outcome);
    }
    /* agt__agent_finish() looks at the run while the call is completed. */
    agt__tool_call_complete(call, status, output);
    free_run(run);
}

/* ---- the operation ----------------------------------------------------------------------------
 */

static agt_span *begin_agent_span(agt_tracer *tracer, const char *agent,
                                  const agt_span_context *parent, uint64_t start_ns)
{
    char name[span_name_size] = AGT__OP_INVOKE_AGENT " ";
    agt__copy_text(name + sizeof(AGT__OP_INVOKE_AGENT), sizeof(name) - sizeof(AGT__OP_INVOKE_AGENT),
                   agent);
    const agt__attribute attributes[] = {
        {.key = AGT__ATTR_OPERATION,
         .text = AGT__OP_INVOKE_AGENT,
         .length = sizeof(AGT__OP_INVOKE_AGENT) - 1},
        {.key = AGT__ATTR_AGENT_NAME, .text = agent, .length = strlen(agent)},
    };
    return agt__tracer_start_span(tracer, name, AGT_SPAN_INTERNAL, parent, start_ns, attributes, 2);
}

agt_span *agt__agent_begin_span(agt_tool_call *call, agt_tracer *tracer,
                                const agt_span_context *parent, uint64_t start_ns)
{
    return begin_agent_span(tracer, agt_tool_call_get_name(call), parent, start_ns);
}

void agt__agent_finish(agt_tool_call *call, agt_span *span, agt_budget_amount *ret_actual)
{
    const agt__agent_run *run = agt__tool_call_get_state(call);
    if (run != NULL && span != NULL) {
        agt__agent_run_describe(run, span);
    }
    *ret_actual = (agt_budget_amount){.calls = 1}; /* its requests and tools paid for themselves */
}

bool agt__agent_cancel(agt_tool_call *call)
{
    /* The graph within the call has been cancelled; when it is done, the run completes the call. */
    return agt__tool_call_get_state(call) != NULL;
}

void agt__agent_hold(agt_tool_call *call, bool held)
{
    agt__agent_run *run = agt__tool_call_get_state(call);
    if (run == NULL) {
        return;
    }
    if (held || run->pending > 0) {
        agt__graph_hold(run->graph, held); /* the run may be over behind this */
    } else {
        agt__graph_hold(run->graph, false); /* nothing is under way: it only takes note */
        agt__agent_run_go_on(run);
    }
}

/* The query as a message; and who is asked, as a value. */
static agt_status prepare(agt__agent_run *run, agt_error *err)
{
    const agt_value *input = agt_tool_call_get_input(run->call);
    const agt_value *query = agt_value_get_member(input, "query");
    if (agt_value_get_kind(query) != AGT_VALUE_STRING) {
        return agt__error_set(err, AGT_E_REJECTED, origin,
                              "the input of an agent is {\"query\": \"...\"}");
    }
    agt_status status = agt__agent_prepare(run->agent, err);
    if (status != AGT_OK) {
        return status;
    }
    const char *name = agt__tool_call_get_operation(run->call)->name;
    if (run->kind == AGT__AGENT_TOOL) {
        name = run->agent->operation.name;
    }
    /* Tainted like the rest of what the run will give, or the output would have to be copied. */
    agt_value *who = agt__value_text_or_null(run->allocator, name);
    if (who == NULL || agt__value_take_taint(run->allocator, who, &run->name) != AGT_OK ||
        agt__message_new_text(run->allocator, &run->agent->words, AGT__WORD_USER, query,
                              &run->query) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    return AGT_OK;
}

static agt_status make_budget(agt__agent_run *run, agt_error *err)
{
    int64_t limit = run->agent->limits.cost_max_nanousd;
    char name[160];
    if (limit == 0) {
        return AGT_OK;
    }
    snprintf(name, sizeof(name), "agent \"%s\"", run->agent->operation.name);
    agt_budget_config config =
        AGT_CONFIG(agt_budget_config, .name = name,
                   .parent = agt__tool_call_get_options(run->call)->budget, .limit_nanousd = limit);
    return agt_budget_new(run->allocator, &config, &run->budget, err);
}

/* The graph of the run, started, and its first request in it. */
static agt_status begin(agt__agent_run *run, agt_error *err)
{
    agt_agent *agent = run->agent;
    const char *name = agt_value_get_string(run->name, NULL);
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = name, .open = true);
    agt_status status = agt__graph_new(run->runtime, agent->executor, &config, &run->graph, err);
    if (status != AGT_OK) {
        return status;
    }
    run->context = agt_tool_call_get_span(run->call);
    if (run->kind == AGT__AGENT_TOOL) {
        run->span = begin_agent_span(agt_runtime_get_tracer(run->runtime), name, &run->context, 0);
        run->context = run->span != NULL ? agt_span_get_context(run->span) : run->context;
    }
    agt_call_options options =
        AGT_CONFIG(agt_call_options, .parent = run->span != NULL ? &run->context : NULL,
                   .deadline_ms = agent->limits.wall_ms, .budget = run->budget, .agent = name);
    if (agent->limits.wall_ms != 0 && agent->limits.wall_ms != AGT_MS_NONE) {
        run->deadline_ns =
            agt__runtime_now_ns(run->runtime) + (uint64_t)agent->limits.wall_ms * UINT64_C(1000000);
    }
    return agt__graph_start_within(run->graph, run->call, &options, on_graph_done, run, err);
}

static agt_status check_depth(const agt_tool_call *call, const agt_agent *agent, agt_error *err)
{
    uint32_t depth = 0;
    (void)find_outer(call, &depth);
    if (depth < AGT__AGENT_DEPTH_MAX) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_LIMIT, origin,
                          "agent \"%s\" would be delegated to at depth %u: at most %d agents may "
                          "stand below each other",
                          agent->operation.name, depth + 1, AGT__AGENT_DEPTH_MAX);
}

agt_status agt__agent_start(agt_tool_call *call, agt_agent *agent, agt__agent_kind kind,
                            bool *ret_pending)
{
    agt_error err;
    agt_runtime *runtime = agt__tool_call_get_runtime(call);
    agt_status status = check_depth(call, agent, &err);
    if (status == AGT_OK && runtime != agent->runtime) {
        status = agt__error_set(&err, AGT_E_INVALID, origin, "agent \"%s\" is of another runtime",
                                agent->operation.name);
    }
    if (status != AGT_OK) {
        agt__tool_call_take_error(call, &err);
        return status;
    }
    const agt_allocator *allocator = agent->operation.allocator;
    agt__agent_run *run = agt__calloc(allocator, 1, sizeof(*run));
    if (run == NULL) {
        return AGT_E_NOMEM;
    }
    run->call = call;
    run->agent = agt_agent_ref(agent);
    run->kind = kind;
    run->allocator = allocator;
    run->runtime = runtime;
    run->deadline_ns = UINT64_MAX;
    run->costs.struct_size = sizeof(run->costs);
    status = agt__agent_run_begin_session(run, &err);
    if (status == AGT_OK) {
        status = prepare(run, &err);
    }
    if (status == AGT_OK) {
        status = make_budget(run, &err);
    }
    if (status == AGT_OK) {
        status = begin(run, &err);
    }
    if (status != AGT_OK) {
        run->span = agt_span_end(run->span);
        agt__tool_call_take_error(call, &err);
        free_run(run);
        return status;
    }
    agt__tool_call_set_state(call, run);
    *ret_pending = true;
    agt__agent_run_tell_start(run);
    agt__agent_run_open(run);
    agt__agent_run_go_on(run);
    return AGT_OK;
}
