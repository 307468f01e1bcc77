/*
 * What a run tells whoever listens to its agent: one event for each thing that happens, in order.
 *
 * A run that is heard listens to its own calls in turn: the engine says when a request or a tool
 * starts and ends, a model what has come of its answer, an agent that is a tool its events, which
 * go on upwards, one deeper. What has an end has a start: where the engine never started a call
 * (it was refused), both are told at once.
 *
 * An event that cannot be made is told as NULL: the stream says what that means. Whoever listens
 * may hold the run: then it asks no model until it may go on.
 *
 * Threads: the loop's.
 */
#include "agents/event.h"
#include "agents/reply.h"
#include "agents/run.h"
#include "base/value.h"

#include <string.h>

/* Tell an event and drop it. NULL: there was no memory for it. */
static void tell(agt__agent_run *run, agt_event *event)
{
    agt__tool_call_tell(run->call, AGT__TOLD_EVENT, event);
    agt_event_unref(event);
}

/* NULL if there is no memory. */
static agt_event *new_event(const agt__agent_run *run, agt_event_kind kind,
                            const agt_span_context *span)
{
    agt_event *event = agt__event_new(run->allocator, kind, run->name);
    if (event != NULL) {
        const agt_clock *clock = agt_runtime_get_clock(run->runtime);
        event->unix_ns = clock->get_unix_ns(clock->ctx);
        event->step = run->step;
        event->span = *span;
    }
    return event;
}

/* How a call of the run has ended. @return AGT_OK; AGT_E_NOMEM */
static agt_status set_end(const agt__agent_run *run, agt_call_id call, agt_event *event)
{
    agt_error err;
    event->outcome = agt__graph_get_outcome(run->graph, call);
    event->duration_ns = agt__graph_get_duration_ns(run->graph, call);
    if (event->outcome == AGT_OUTCOME_OK) {
        return AGT_OK;
    }
    (void)agt__graph_get_error(run->graph, call, &err);
    return agt__event_set_text(event, &event->error, err.message);
}

/* Tell @event if it is there and whole, else that it is not. */
static void tell_if(agt__agent_run *run, agt_event *event, agt_status status)
{
    if (status != AGT_OK) {
        agt_event_unref(event);
        event = NULL;
    }
    tell(run, event);
}

/* ---- model requests ---------------------------------------------------------------------------
 */

static void tell_request(agt__agent_run *run, const agt_span_context *span)
{
    agt_event *event = new_event(run, AGT_EVENT_MODEL_START, span);
    agt_status status = AGT_E_NOMEM;
    run->heard.request_started = true;
    run->heard.request_span = *span;
    run->heard.parts_told = 0;
    if (event != NULL) {
        status = agt__event_set_text(event, &event->name, agt_model_get_name(run->agent->model));
    }
    tell_if(run, event, status);
}

static void tell_piece(agt__agent_run *run, agt_event_kind kind, const char *text, size_t length)
{
    agt_event *event = new_event(run, kind, &run->heard.request_span);
    agt_status status = AGT_E_NOMEM;
    if (event != NULL) {
        event->source = run;
        status = agt__event_append(event, text, length);
    }
    tell_if(run, event, status);
}

static void tell_answer(agt__agent_run *run, const agt__answer_event *answer)
{
    bool is_text = answer->kind == AGT__ANSWER_EVENT_TEXT;
    if (!is_text && answer->kind != AGT__ANSWER_EVENT_REASONING) {
        return; /* what is asked for is told when it runs; usage when it is final */
    }
    if (answer->index >= run->heard.parts_told) {
        run->heard.parts_told = answer->index + 1;
    }
    if (answer->length > 0) {
        tell_piece(run, is_text ? AGT_EVENT_TEXT : AGT_EVENT_REASONING, answer->text,
                   answer->length);
    }
}

/* Text and reasoning that the model has not told itself. */
static void tell_rest(agt__agent_run *run, const agt_value *response)
{
    const agt_value *parts = agt__response_get_parts(response);
    for (size_t i = run->heard.parts_told; i < agt_value_get_count(parts); i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        const char *type = agt__value_member_text(part, "type", "");
        bool is_text = strcmp(type, "text") == 0;
        size_t length = 0;
        const char *text = agt_value_get_string(agt_value_get_member(part, "text"), &length);
        if ((is_text || strcmp(type, "reasoning") == 0) && text != NULL && length > 0) {
            tell_piece(run, is_text ? AGT_EVENT_TEXT : AGT_EVENT_REASONING, text, length);
        }
    }
}

static void tell_request_end(agt__agent_run *run)
{
    const agt_value *response = agt__graph_get_output(run->graph, run->request);
    if (!run->heard.request_started) {
        tell_request(run, &(agt_span_context){0});
    }
    run->heard.request_started = false;
    if (agt__graph_get_outcome(run->graph, run->request) == AGT_OUTCOME_OK) {
        tell_rest(run, response);
    }
    agt_event *event = new_event(run, AGT_EVENT_MODEL_END, &run->heard.request_span);
    agt_status status = AGT_E_NOMEM;
    if (event != NULL) {
        agt__model_cost cost = agt__agent_run_get_request_cost(run);
        event->usage = cost.usage;
        event->cost_nanousd = cost.billed ? cost.nanousd : 0;
        event->is_simulated = cost.simulated;
        const agt__operation *model = agt__graph_get_operation(run->graph, run->request);
        status = agt__event_set_text(event, &event->name, model->name);
    }
    if (status == AGT_OK) {
        status = set_end(run, run->request, event);
    }
    tell_if(run, event, status);
}

/* ---- tools ------------------------------------------------------------------------------------
 */

static agt_event *new_tool_event(const agt__agent_run *run, const agt__planned *planned,
                                 agt_event_kind kind)
{
    agt_event *event = new_event(run, kind, &planned->span);
    if (event == NULL) {
        return NULL;
    }
    if (agt__event_set_text(event, &event->name, planned->request.name) != AGT_OK ||
        agt__event_set_text(event, &event->call_id, agt__value_text(planned->request.id, NULL)) !=
            AGT_OK) {
        agt_event_unref(event);
        return NULL;
    }
    return event;
}

static void tell_tool(agt__agent_run *run, agt__planned *planned, const agt_span_context *span,
                      const agt_value *input)
{
    planned->is_told = true;
    planned->span = *span;
    agt_event *event = new_tool_event(run, planned, AGT_EVENT_TOOL_START);
    if (event != NULL) {
        event->input = agt_value_ref(input);
    }
    tell(run, event);
}

static void tell_tool_end(agt__agent_run *run, agt__planned *planned, agt_call_id call)
{
    if (!planned->is_told) {
        tell_tool(run, planned, &(agt_span_context){0}, planned->request.given);
    }
    agt_event *event = new_tool_event(run, planned, AGT_EVENT_TOOL_END);
    agt_status status = event != NULL ? set_end(run, call, event) : AGT_E_NOMEM;
    if (status == AGT_OK && event->outcome == AGT_OUTCOME_OK) {
        event->output = agt_value_ref(agt__graph_get_output(run->graph, call));
    }
    tell_if(run, event, status);
}

void agt__agent_run_tell_refused(agt__agent_run *run, agt__planned *planned, const char *why)
{
    if (!run->heard.is_heard) {
        return;
    }
    tell_tool(run, planned, &(agt_span_context){0}, planned->request.given);
    agt_event *event = new_tool_event(run, planned, AGT_EVENT_TOOL_END);
    agt_status status = AGT_E_NOMEM;
    if (event != NULL) {
        event->outcome = AGT_OUTCOME_REJECTED;
        status = agt__event_set_text(event, &event->error, why);
    }
    tell_if(run, event, status);
}

static agt__planned *find_planned(agt__agent_run *run, agt_call_id call)
{
    for (size_t i = 0; i < run->planned.count; i++) {
        agt__planned *planned = &run->planned.items[i];
        if ((planned->item != 0 && run->items[planned->item - 1].call == call) ||
            (planned->is_own && planned->own_call == call)) {
            return planned;
        }
    }
    return NULL;
}

/* ---- the agent --------------------------------------------------------------------------------
 */

void agt__agent_run_tell_start(agt__agent_run *run)
{
    run->heard.is_heard = agt__tool_call_is_heard(run->call);
    if (run->heard.is_heard) {
        tell(run, new_event(run, AGT_EVENT_AGENT_START, &run->context));
    }
}

void agt__agent_run_tell_end(agt__agent_run *run)
{
    agt_value *output = NULL;
    if (!run->heard.is_heard || run->kind == AGT__AGENT_ALONE) {
        return; /* who started it has the reply itself */
    }
    agt_event *event = new_event(run, AGT_EVENT_AGENT_END, &run->context);
    agt_status status = event != NULL ? agt__agent_run_make_reply(run, &output) : AGT_E_NOMEM;
    if (status == AGT_OK) {
        event->outcome = run->outcome;
        if (run->outcome != AGT_OUTCOME_OK) {
            status = agt__event_set_text(event, &event->error, run->error.message);
        }
    }
    if (status == AGT_OK) {
        status = agt__reply_new_from(run->allocator, agt_event_get_agent(event), run->outcome,
                                     &run->error, output, &event->reply);
    }
    agt_value_unref(output);
    tell_if(run, event, status);
}

void agt__agent_run_tell_settled(agt__agent_run *run, agt_call_id call)
{
    if (!run->heard.is_heard) {
        return;
    }
    if (call == run->request && run->heard.has_request) {
        run->heard.has_request = false;
        tell_request_end(run);
        return;
    }
    agt__planned *planned = find_planned(run, call);
    if (planned != NULL) {
        tell_tool_end(run, planned, call);
    }
}

static void start_told(agt__agent_run *run, const agt_tool_call *attempt, agt_call_id call)
{
    const agt_span_context span = agt_tool_call_get_span(attempt);
    if (call == run->request && run->heard.has_request) {
        tell_request(run, &span);
        return;
    }
    agt__planned *planned = find_planned(run, call);
    if (planned != NULL && !planned->is_told) {
        tell_tool(run, planned, &span, agt_tool_call_get_input(attempt));
    }
}

void agt__agent_run_on_told(agt_tool_call *attempt, agt_call_id call, agt__told told,
                            const void *what, void *user_data)
{
    agt__agent_run *run = user_data;
    agt_event *event = NULL;
    switch (told) {
    case AGT__TOLD_STARTED:
        start_told(run, attempt, call);
        break;
    case AGT__TOLD_ANSWER:
        tell_answer(run, what);
        break;
    case AGT__TOLD_EVENT: /* of an agent below; it may be no more than that one is lost */
        event = (agt_event *)(uintptr_t)what;
        if (event != NULL) {
            event->depth++;
        }
        agt__tool_call_tell(run->call, AGT__TOLD_EVENT, event);
        break;
    }
}
