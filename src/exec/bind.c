/*
 * Filling in inputs from outputs. Bindings come from the table beside the graph only; nothing
 * inside a value is ever taken for a reference, least of all in what a model wrote.
 *
 * The convenience of execute_parallel is here too: null members of a call that has dependencies in
 * its batch. Its dependencies are the edges that lead to the call.
 */
#include "base/error.h"
#include "exec/graph.h"

#include <string.h>

#define ORIGIN "exec/bind"

static agt_status bind_one(const agt__call *call, const agt__binding *binding, agt_value **input,
                           agt_error *err)
{
    const agt__call *from = agt__graph_get_call(call->graph, binding->from);
    const agt_value *part;
    agt_error missing;
    agt_status status = agt_value_get_pointer(from->output, binding->pointer, &part, &missing);
    if (status != AGT_OK) {
        return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                              "parameter \"%s\" is bound to \"%s\" of the output of \"%s\": %s",
                              binding->parameter, binding->pointer, from->operation->name,
                              missing.message);
    }
    agt_value *bound;
    status =
        agt_value_with_member(call->graph->allocator, *input, binding->parameter, part, &bound);
    if (status == AGT_E_TYPE) {
        return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                              "parameter \"%s\" cannot be filled in: the input is no object",
                              binding->parameter);
    }
    if (status != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt_value_unref(*input);
    *input = bound;
    return AGT_OK;
}

/* The one dependency's output, or an object of outputs by tool name. Sealed graphs only, where the
 * dependencies of a batch are edges from its calls. */
static agt_status collect_outputs(const agt__call *call, agt_value **ret_value)
{
    const agt_graph *graph = call->graph;
    agt_value_builder *builder = NULL;
    const agt__call *only = NULL;
    size_t found = 0;
    agt_status status = agt_value_builder_new(graph->allocator, &builder);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(builder);
    for (const agt__binding *binding = call->extra->bindings; binding != NULL;
         binding = binding->next) {
        if (binding->parameter != NULL) {
            continue; /* an explicit one */
        }
        only = agt__graph_get_call(graph, binding->from);
        agt_value_builder_key(builder, only->operation->name);
        agt_value_builder_value(builder, only->output);
        found++;
    }
    agt_value_builder_end(builder);
    agt_value *all = NULL;
    status = agt_value_builder_finish(builder, &all, NULL);
    agt_value_builder_free(builder);
    if (status == AGT_OK && found == 1) {
        agt_value_unref(all);
        all = agt_value_ref(only->output);
    }
    *ret_value = all;
    return status;
}

static bool has_explicit_binding(const agt__call *call, const char *parameter, size_t length)
{
    for (const agt__binding *binding = call->extra->bindings; binding != NULL;
         binding = binding->next) {
        if (binding->parameter != NULL && strlen(binding->parameter) == length &&
            memcmp(binding->parameter, parameter, length) == 0) {
            return true;
        }
    }
    return false;
}

static agt_status fill_nulls(const agt__call *call, agt_value **input)
{
    const agt_allocator *allocator = call->graph->allocator;
    agt_value *outputs = NULL;
    size_t count = agt_value_get_kind(*input) == AGT_VALUE_OBJECT ? agt_value_get_count(*input) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *key = agt_value_get_key(*input, i, &length);
        if (agt_value_get_kind(agt_value_get_item(*input, i)) != AGT_VALUE_NULL ||
            has_explicit_binding(call, key, length)) {
            continue;
        }
        if (outputs == NULL && collect_outputs(call, &outputs) != AGT_OK) {
            return AGT_E_NOMEM;
        }
        agt_value *filled;
        if (agt_value_with_member(allocator, *input, key, outputs, &filled) != AGT_OK) {
            agt_value_unref(outputs);
            return AGT_E_NOMEM;
        }
        agt_value_unref(*input);
        *input = filled;
    }
    agt_value_unref(outputs);
    return AGT_OK;
}

agt_status agt__call_bind(agt__call *call, agt_error *err)
{
    if (call->extra == NULL || (call->extra->bindings == NULL && !call->extra->fill_nulls) ||
        call->bound != NULL) { /* prepared before: it went through another queue since */
        return AGT_OK;
    }
    agt_value *input = agt_value_ref(call->input);
    agt_status status = AGT_OK;
    for (const agt__binding *binding = call->extra->bindings; status == AGT_OK && binding != NULL;
         binding = binding->next) {
        if (binding->parameter != NULL) {
            status = bind_one(call, binding, &input, err);
        }
    }
    if (status == AGT_OK && call->extra->fill_nulls && fill_nulls(call, &input) != AGT_OK) {
        status = agt__error_nomem(err, ORIGIN);
    }
    if (status != AGT_OK) {
        agt_value_unref(input);
        return status;
    }
    call->bound = input;
    return AGT_OK;
}
