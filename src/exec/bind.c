/*
 * Filling in inputs from outputs. Bindings come from the table beside the graph only; nothing
 * inside a value is ever taken for a reference, least of all in what a model wrote.
 *
 * The convenience of execute_parallel is here too: null members of a call that has dependencies in
 * its batch. Its dependencies are the edges that lead to the call.
 *
 * The new input is put together in one go, member by member: inputs may be large, and so may the
 * number of bindings.
 */
#include "base/error.h"
#include "base/value_tree.h"
#include "exec/graph.h"

#include <string.h>

#define ORIGIN "exec/bind"

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

/* Set member @key: in its old place if it is there already. */
static agt_status set_member(agt__tree *tree, const char *key, size_t length,
                             const agt_value *value, agt_error *err)
{
    bool exists;
    agt_status status = agt__tree_key(tree, key, length, &exists);
    if (status == AGT_OK) {
        status = agt__tree_take(tree, agt_value_ref(value));
    }
    return status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

static agt_status bind_one(agt__tree *tree, const agt__call *call, const agt__binding *binding,
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
    return set_member(tree, binding->parameter, strlen(binding->parameter), part, err);
}

static const agt__binding *first_explicit(const agt__call *call)
{
    const agt__binding *binding = call->extra->bindings;
    while (binding != NULL && binding->parameter == NULL) {
        binding = binding->next;
    }
    return binding;
}

static bool has_null(const agt_value *object)
{
    for (size_t i = 0; i < agt_value_get_count(object); i++) {
        if (agt_value_get_kind(agt_value_get_item(object, i)) == AGT_VALUE_NULL) {
            return true;
        }
    }
    return false;
}

/* The members of the call's input, with @filler (NULL: nothing) for those that are null, and what
 * is bound explicitly. */
static agt_status set_members(agt__tree *tree, const agt__call *call, const agt_value *filler,
                              agt_error *err)
{
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < agt_value_get_count(call->input); i++) {
        size_t length;
        const char *key = agt_value_get_key(call->input, i, &length);
        const agt_value *member = agt_value_get_item(call->input, i);
        bool fill = filler != NULL && agt_value_get_kind(member) == AGT_VALUE_NULL;
        status = set_member(tree, key, length, fill ? filler : member, err);
    }
    for (const agt__binding *binding = call->extra->bindings; status == AGT_OK && binding != NULL;
         binding = binding->next) {
        if (binding->parameter != NULL) {
            status = bind_one(tree, call, binding, err);
        }
    }
    return status;
}

static agt_status make_input(const agt__call *call, const agt_value *filler, agt_value **ret_input,
                             agt_error *err)
{
    agt__tree tree;
    agt__tree_init(&tree, call->graph->allocator, call->input->flags & AGT__VALUE_TAINTED);
    agt_status status = agt__tree_begin(&tree, true);
    if (status != AGT_OK) {
        (void)agt__error_nomem(err, ORIGIN);
    } else {
        status = set_members(&tree, call, filler, err);
    }
    if (status == AGT_OK) {
        status = agt__tree_end(&tree);
        if (status == AGT_E_LIMIT) {
            status = agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                                    "the input of \"%s\" is nested too deep once it is filled in",
                                    call->operation->name);
        } else if (status != AGT_OK) {
            (void)agt__error_nomem(err, ORIGIN);
        }
    }
    if (status == AGT_OK) {
        *ret_input = agt__tree_take_root(&tree);
    }
    agt__tree_deinit(&tree);
    return status;
}

agt_status agt__call_bind(agt__call *call, agt_error *err)
{
    if (call->extra == NULL || (call->extra->bindings == NULL && !call->extra->fill_nulls) ||
        call->bound != NULL) { /* prepared before: it went through another queue since */
        return AGT_OK;
    }
    bool is_object = agt_value_get_kind(call->input) == AGT_VALUE_OBJECT;
    bool fill = is_object && call->extra->fill_nulls && has_null(call->input);
    const agt__binding *explicit = first_explicit(call);
    if (explicit == NULL && !fill) {
        call->bound = agt_value_ref(call->input);
        return AGT_OK;
    }
    if (!is_object) {
        return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                              "parameter \"%s\" cannot be filled in: the input is no object",
                              explicit->parameter);
    }
    agt_value *filler = NULL;
    if (fill && collect_outputs(call, &filler) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt_status status = make_input(call, filler, &call->bound, err);
    agt_value_unref(filler);
    return status;
}
