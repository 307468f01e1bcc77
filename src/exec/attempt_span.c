/*
 * The span of a call: begun with its first attempt, and what is known of it then.
 *
 * Kinds of operations name their own spans (begin_span of their table); what every span has, how
 * long the call waited, which conversation it belongs to, is set here. The engine ends it when the
 * call is settled.
 *
 * Threads: the one that starts the attempt.
 */
#include "base/error.h"
#include "exec/graph.h"
#include "telemetry/semconv.h"

#include <string.h>

static agt_span *begin_default_span(const agt__operation *operation, agt_tracer *tracer,
                                    const agt_span_context *parent, uint64_t start_ns)
{
    char name[96] = AGT__OP_EXECUTE_TOOL " ";
    size_t used = sizeof(AGT__OP_EXECUTE_TOOL);
    agt__copy_text(name + used, sizeof(name) - used, operation->name);
    const agt__attribute attributes[] = {
        {.key = AGT__ATTR_OPERATION,
         .text = AGT__OP_EXECUTE_TOOL,
         .length = sizeof(AGT__OP_EXECUTE_TOOL) - 1},
        {.key = AGT__ATTR_TOOL_NAME, .text = operation->name, .length = strlen(operation->name)},
    };
    return agt__tracer_start_span(tracer, name, AGT_SPAN_INTERNAL, parent, start_ns, attributes, 2);
}

void agt__attempt_begin_span(agt_tool_call *attempt, agt__call *call, uint64_t start_ns)
{
    const agt__operation *operation = attempt->operation;
    agt_tracer *tracer = call->graph->runtime->tracer;
    const agt_call_options *options = agt__call_options(call);
    const agt_span_context *parent = agt__call_get_parent(call);
    call->span = operation->table->begin_span != NULL
                     ? operation->table->begin_span(attempt, tracer, parent, start_ns)
                     : begin_default_span(operation, tracer, parent, start_ns);
    if (call->span == NULL) {
        return;
    }
    if (call->ready_ns != 0 && start_ns > call->ready_ns) {
        agt__span_set_int(call->span, AGT__ATTR_WAIT_NS, (int64_t)(start_ns - call->ready_ns));
    }
    if (call->extra != NULL && call->extra->call_id != NULL) {
        agt__span_set_text(call->span, AGT__ATTR_TOOL_CALL_ID, call->extra->call_id,
                           strlen(call->extra->call_id));
    }
    if (options->conversation != NULL) {
        agt__span_set_text(call->span, AGT__ATTR_CONVERSATION, options->conversation,
                           strlen(options->conversation));
    }
    if (options->correlation_id != NULL) {
        agt__span_set_text(call->span, AGT__ATTR_CORRELATION, options->correlation_id,
                           strlen(options->correlation_id));
    }
}
