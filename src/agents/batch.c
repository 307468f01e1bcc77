/*
 * The tool calls of one response: which may run, running them, and what the model is told.
 *
 * Every call that the model asked for gets exactly one result, in its order: calls of tools that
 * the agent does not have, or with arguments that are no object, are refused here; all others are
 * one batch of the engine, which refuses, runs, times out and cancels them one by one. A failure is
 * a result like any other.
 *
 * The guard against going round in circles compares calls with those of the step before: the same
 * tool with equal arguments, step after step, ends the run.
 *
 * Threads: the loop's.
 */
#include "agents/run.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "telemetry/semconv.h"

#include <stdio.h>
#include <string.h>

enum {
    planned_max = 1 << 20,
    refusal_size = 360,
    tools_shown_size = 240
};

static bool is_same(const agt__planned *a, const agt__planned *b)
{
    return strcmp(a->request.name, b->request.name) == 0 &&
           agt_value_equals(a->request.given, b->request.given);
}

static uint32_t count_repeats(const agt__agent_run *run, const agt__planned *planned)
{
    for (size_t i = 0; i < run->before.count; i++) {
        if (is_same(&run->before.items[i], planned)) {
            return run->before.items[i].repeats + 1;
        }
    }
    return 1;
}

agt_status agt__agent_run_plan(agt__agent_run *run, const agt_value *parts)
{
    agt__planned_list last = run->before;
    run->before = run->planned;
    run->planned = last;
    run->planned.count = 0;
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        agt__planned planned = {0};
        if (!agt__part_get_tool_call(part, &planned.request)) {
            continue;
        }
        planned.tool = agt__agent_find_tool(run->agent, planned.request.name);
        if (planned.tool == NULL && run->reader != NULL &&
            strcmp(planned.request.name, run->reader->name) == 0) {
            planned.own = run->reader;
        } else if (planned.tool == NULL) {
            planned.own = agt__agent_find_memory_tool(run->agent, planned.request.name);
        }
        agt__planned_list *list = &run->planned;
        if (agt__array_reserve(run->allocator, &list->items, &list->capacity, list->count,
                               sizeof(*list->items), planned_max) != AGT_OK) {
            return AGT_E_NOMEM;
        }
        planned.repeats = count_repeats(run, &planned);
        list->items[list->count++] = planned;
    }
    return AGT_OK;
}

/* Whether a limit forbids the batch; then the run has been ended, and nothing of it has run. */
static bool is_forbidden(agt__agent_run *run, size_t count)
{
    const agt_agent_limits *limits = &run->agent->limits;
    const char *name = run->agent->operation.name;
    if (count > limits->tool_calls_max - run->tool_calls) {
        agt__agent_run_fail(
            run, AGT_E_LIMIT,
            "agent \"%s\" may call tools %u times: it has called %u, and wants %zu more", name,
            limits->tool_calls_max, run->tool_calls, count);
        return true;
    }
    for (size_t i = 0; i < run->planned.count; i++) {
        const agt__planned *planned = &run->planned.items[i];
        if (planned->repeats > limits->repeats_max) {
            agt__agent_run_fail(
                run, AGT_E_LIMIT,
                "agent \"%s\" goes round in circles: it calls \"%.64s\" with the same "
                "arguments in each of %u steps",
                name, planned->request.name, planned->repeats);
            return true;
        }
    }
    return false;
}

/* Why a call cannot be part of the batch; false if it can. */
static bool is_refused(const agt__agent_run *run, const agt__planned *planned, char *target,
                       size_t size)
{
    if (planned->tool == NULL && planned->own == NULL) {
        char tools[tools_shown_size];
        agt__agent_list_tools(run->agent, tools, sizeof(tools));
        snprintf(target, size, "there is no tool \"%.64s\"; these are: %s", planned->request.name,
                 tools);
        return true;
    }
    if (planned->request.arguments == NULL &&
        agt_value_get_kind(planned->request.given) == AGT_VALUE_STRING) {
        /* What a model wrote that cannot be parsed: see llm.h. */
        snprintf(target, size, "the arguments are not one JSON object: were they cut off?");
        return true;
    }
    if (planned->request.arguments == NULL) {
        snprintf(target, size, "the arguments: expected an object, found %s",
                 agt_value_kind_get_name(agt_value_get_kind(planned->request.given)));
        return true;
    }
    return false;
}

/* A call that is refused here leaves a span all the same. */
static void record_refusal(agt__agent_run *run, const agt__planned *planned, const char *why)
{
    agt_tracer *tracer = agt_runtime_get_tracer(run->runtime);
    char name[96] = AGT__OP_EXECUTE_TOOL " ";
    agt__copy_text(name + sizeof(AGT__OP_EXECUTE_TOOL), sizeof(name) - sizeof(AGT__OP_EXECUTE_TOOL),
                   planned->request.name);
    const agt_span_context *parent = run->step_span != NULL ? &run->step_context : &run->context;
    const agt__attribute attributes[] = {
        {.key = AGT__ATTR_OPERATION,
         .text = AGT__OP_EXECUTE_TOOL,
         .length = sizeof(AGT__OP_EXECUTE_TOOL) - 1},
        {.key = AGT__ATTR_TOOL_NAME,
         .text = planned->request.name,
         .length = strlen(planned->request.name)},
    };
    agt_span *span =
        agt__tracer_start_span(tracer, name, AGT_SPAN_INTERNAL, parent, 0, attributes, 2);
    if (span != NULL) {
        const char *outcome = agt_outcome_get_name(AGT_OUTCOME_REJECTED);
        agt__span_set_text(span, AGT__ATTR_OUTCOME, outcome, strlen(outcome));
        agt_span_set_error(span, outcome, why);
        (void)agt_span_end(span);
    }
}

static agt_status make_items(agt__agent_run *run, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < run->planned.count; i++) {
        agt__planned *planned = &run->planned.items[i];
        char why[refusal_size];
        planned->item = 0;
        planned->is_own = false;
        if (is_refused(run, planned, why, sizeof(why))) {
            record_refusal(run, planned, why);
            agt__agent_run_tell_refused(run, planned, why);
            continue;
        }
        planned->is_own = planned->own != NULL;
        if (planned->is_own) {
            continue;
        }
        if (agt__array_reserve(run->allocator, &run->items, &run->item_capacity, count,
                               sizeof(*run->items), planned_max) != AGT_OK) {
            return AGT_E_NOMEM;
        }
        run->items[count++] = (agt__batch_item){.tool = planned->request.name,
                                                .known = planned->tool,
                                                .input = planned->request.arguments,
                                                .id = agt__value_text(planned->request.id, "")};
        planned->item = (uint32_t)count;
    }
    *ret_count = count;
    return AGT_OK;
}

/* Calls of tools that are the library's own. */
static size_t count_own(const agt__agent_run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->planned.count; i++) {
        count += run->planned.items[i].is_own;
    }
    return count;
}

static agt_status start_own(agt__agent_run *run, const agt__listener *listener)
{
    agt_status status = AGT_OK;
    agt_call_options options;
    for (size_t i = 0; status == AGT_OK && i < run->planned.count; i++) {
        agt__planned *planned = &run->planned.items[i];
        if (planned->is_own) {
            status = agt__graph_add_operation(run->graph, planned->own, planned->request.arguments,
                                              agt__agent_run_get_options(run, &options), listener,
                                              &planned->own_call, &run->error);
        }
        if (planned->is_own && status == AGT_OK) {
            status = agt_graph_release(run->graph, planned->own_call);
        }
    }
    return status;
}

void agt__agent_run_start_tools(agt__agent_run *run)
{
    size_t count = run->planned.count;
    size_t item_count = 0;
    if (is_forbidden(run, count)) {
        return;
    }
    run->tool_calls += (uint32_t)count;
    if (make_items(run, &item_count) != AGT_OK) {
        agt__agent_run_fail_nomem(run);
        return;
    }
    run->phase = AGT__PHASE_RAN;
    run->is_batch_started = true;
    run->pending = (uint32_t)(item_count + count_own(run));
    if (run->pending == 0) {
        return;
    }
    agt_call_options options;
    const agt__listener listener = agt__agent_run_get_listener(run);
    agt_status status =
        agt__graph_add_batch(run->graph, run->items, item_count, false,
                             agt__agent_run_get_options(run, &options), &listener, &run->error);
    if (status == AGT_OK) {
        status = start_own(run, &listener);
    }
    if (status != AGT_OK) {
        /* Some calls may be in the graph and wait to be released: that will not happen. */
        run->is_batch_started = false;
        agt__agent_run_end(run, AGT_OUTCOME_ERROR);
        agt__graph_cancel(run->graph);
    }
}

/* The result of a call that was part of the batch. */
static void read_result(const agt__agent_run *run, const agt__planned *planned,
                        agt__tool_result *result, agt_error *error)
{
    agt_call_id call = planned->is_own ? planned->own_call : run->items[planned->item - 1].call;
    result->outcome = agt__graph_get_outcome(run->graph, call);
    result->output = agt__graph_get_output(run->graph, call);
    if (result->outcome != AGT_OUTCOME_OK) {
        (void)agt__graph_get_error(run->graph, call, error);
    }
    result->error = error->message;
}

/* What tools cost that have a price of their own. */
static void count_tool(agt__agent_run *run, const agt__planned *planned, agt_outcome outcome)
{
    bool ran = outcome == AGT_OUTCOME_OK || outcome == AGT_OUTCOME_ERROR ||
               outcome == AGT_OUTCOME_TIMEOUT || outcome == AGT_OUTCOME_UNKNOWN;
    int64_t cost = ran ? agt__tool_get_cost_nanousd(planned->tool) : 0;
    if (cost > 0) {
        run->costs.total_nanousd += cost;
        run->costs.calls++;
    }
}

/* The part that tells the model of one call; NULL if there is no memory. */
static agt_value *make_result(agt__agent_run *run, const agt__planned *planned, uint32_t number)
{
    agt_value *shown = NULL, *part = NULL;
    agt__tool_result result = {.id = planned->request.id, .name = planned->request.name_value};
    agt_error error;
    char why[refusal_size];
    if (!run->is_batch_started) {
        result.outcome = AGT_OUTCOME_CANCELLED;
        result.error = "not run: the agent was stopped before";
    } else if (planned->is_own) {
        read_result(run, planned, &result, &error);
    } else if (planned->item != 0) {
        read_result(run, planned, &result, &error);
        count_tool(run, planned, result.outcome);
        shown = agt__agent_run_show_result(run, result.output, number);
        if (shown == NULL && result.output != NULL) {
            return NULL;
        }
        result.output = shown;
    } else {
        (void)is_refused(run, planned, why, sizeof(why));
        result.outcome = AGT_OUTCOME_REJECTED;
        result.error = why;
    }
    part = agt__part_new_result(run->allocator, &run->agent->words, &result);
    agt_value_unref(shown);
    return part;
}

agt_status agt__agent_run_collect(agt__agent_run *run)
{
    agt_value *few[8] = {NULL};
    agt_value **parts = few;
    agt_value *array = NULL;
    agt_value *message = NULL;
    size_t count = run->planned.count;
    bool fits = count <= sizeof(few) / sizeof(few[0]);
    if (!fits) {
        parts = agt__calloc(run->allocator, count, sizeof(agt_value *));
        if (parts == NULL) {
            return AGT_E_NOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) {
        parts[i] = make_result(run, &run->planned.items[i], (uint32_t)i + 1);
    }
    agt_status status = agt__value_make_array(run->allocator, parts, count, &array);
    run->is_batch_started = false;
    if (!fits) {
        agt__free(run->allocator, parts);
    }
    if (status == AGT_OK) {
        status =
            agt__message_new(run->allocator, &run->agent->words, AGT__WORD_TOOL, array, &message);
        agt_value_unref(array);
    }
    return status == AGT_OK ? agt__agent_run_add_message(run, message) : status;
}
