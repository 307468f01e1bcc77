/*
 * Batches: a set of calls as execute_parallel takes it and as a model asks for it in one turn, with
 * the dependencies that the executor declares between tools.
 *
 * A call depends on every call of the batch whose tool its own tool depends on. Its null members
 * are filled in from those (see bind.c): the calls it may take them from are kept as bindings
 * without a parameter.
 */
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "exec/results.h"

#include <string.h>

#define ORIGIN "exec"

typedef struct batch {
    agt_graph *graph;
    agt__batch_item *items;
    size_t count;
    size_t dependency_count; /* of the executor when the batch began: others come too late for it */
} batch;

static agt_status add_source(agt_graph *graph, uint32_t to, uint32_t from, agt_error *err)
{
    agt_status status = agt_graph_add_dependency(graph, to, from, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__call *call = agt__graph_get_call(graph, to);
    if (agt__call_add_binding(call, NULL, from, NULL) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    call->extra->fill_nulls = true;
    return AGT_OK;
}

static const agt_tool *tool_of(const batch *wanted, size_t item)
{
    const agt__call *call = agt__graph_get_call(wanted->graph, wanted->items[item].call);
    return (const agt_tool *)(const void *)call->operation;
}

static bool is_wanted(const batch *wanted, const agt_tool *tool)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (tool_of(wanted, i) == tool) {
            return true;
        }
    }
    return false;
}

/* Every call of @dependency's tool waits for the call of the tool it depends on. */
static agt_status apply_dependency(const batch *wanted, const agt__tool_dependency *dependency,
                                   bool strict, agt_error *err)
{
    bool has_source = false;
    if (!is_wanted(wanted, dependency->tool)) {
        return AGT_OK;
    }
    for (size_t i = 0; i < wanted->count; i++) {
        if (tool_of(wanted, i) != dependency->depends_on) {
            continue;
        }
        if (has_source && strict) {
            return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                                  "\"%s\" depends on \"%s\", of which there are two calls: use a "
                                  "graph to say on which",
                                  dependency->tool->name, dependency->depends_on->name);
        }
        has_source = true;
        for (size_t to = 0; to < wanted->count; to++) {
            if (tool_of(wanted, to) != dependency->tool) {
                continue;
            }
            agt_status status =
                add_source(wanted->graph, wanted->items[to].call, wanted->items[i].call, err);
            if (status != AGT_OK) {
                return status;
            }
        }
    }
    return AGT_OK;
}

static agt_status apply_dependencies(const batch *wanted, bool strict, agt_error *err)
{
    agt_executor *executor = wanted->graph->executor;
    agt_status status = AGT_OK;
    (void)pthread_mutex_lock(&executor->mutex);
    for (size_t i = 0; status == AGT_OK && i < wanted->dependency_count; i++) {
        status = apply_dependency(wanted, &executor->dependencies[i], strict, err);
    }
    (void)pthread_mutex_unlock(&executor->mutex);
    return status;
}

/*
 * In a graph that runs, a call may depend on calls added before it only; a model may well ask for
 * the dependent first. So calls are added in an order in which sources come first: rounds over the
 * items until all are there. Declared dependencies have no cycle, so every round adds one.
 * The executor's mutex is held.
 */
static bool is_source_missing(const batch *wanted, const bool *added, const agt_tool *tool)
{
    const agt_executor *executor = wanted->graph->executor;
    for (size_t d = 0; tool != NULL && d < wanted->dependency_count; d++) {
        if (executor->dependencies[d].tool != tool) {
            continue;
        }
        for (size_t i = 0; i < wanted->count; i++) {
            if (!added[i] &&
                strcmp(wanted->items[i].tool, executor->dependencies[d].depends_on->name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Whether all that item @i depends on has been added. */
static bool may_be_added(const batch *wanted, const bool *added, size_t i)
{
    agt_executor *executor = wanted->graph->executor;
    const agt_tool *tool = agt_executor_get_tool(executor, wanted->items[i].tool);
    (void)pthread_mutex_lock(&executor->mutex);
    bool missing = is_source_missing(wanted, added, tool);
    (void)pthread_mutex_unlock(&executor->mutex);
    return !missing;
}

typedef struct add_spec {
    bool strict;
    const agt_call_options *options;
    const agt__listener *listener; /* NULL = nobody */
} add_spec;

static agt_status add_item(const batch *wanted, agt__batch_item *item, const add_spec *spec,
                           agt_error *err)
{
    agt_graph *graph = wanted->graph;
    if (spec->strict && agt_executor_get_tool(graph->executor, item->tool) == NULL) {
        return agt__executor_refuse_unknown(graph->executor, item->tool, AGT_E_NOT_FOUND, err);
    }
    agt_status status =
        item->known != NULL
            ? agt_graph_add_tool_call(graph, item->known, item->input, spec->options, &item->call,
                                      err)
            : agt_graph_add_call(graph, item->tool, item->input, spec->options, &item->call, err);
    if (status != AGT_OK || (spec->listener == NULL && item->id == NULL)) {
        return status;
    }
    agt__call_extra *extra = agt__call_need_extra(agt__graph_get_call(graph, item->call));
    if (extra == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (spec->listener != NULL) {
        extra->listener = *spec->listener;
    }
    if (item->id != NULL) {
        extra->call_id = agt__strdup(graph->allocator, item->id);
    }
    return item->id == NULL || extra->call_id != NULL ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

static agt_status add_items(const batch *wanted, bool *added, const add_spec *spec, agt_error *err)
{
    size_t left = wanted->count;
    while (left > 0) {
        size_t before = left;
        for (size_t i = 0; i < wanted->count; i++) {
            if (added[i] || !may_be_added(wanted, added, i)) {
                continue;
            }
            agt_status status = add_item(wanted, &wanted->items[i], spec, err);
            if (status != AGT_OK) {
                return status;
            }
            added[i] = true;
            left--;
        }
        if (left == before) {
            return agt__error_set(err, AGT_E_INTERNAL, ORIGIN,
                                  "dependencies of tools have a cycle");
        }
    }
    return AGT_OK;
}

static size_t count_dependencies(agt_executor *executor)
{
    size_t count = 0;
    if (executor != NULL) {
        (void)pthread_mutex_lock(&executor->mutex);
        count = executor->dependency_count;
        (void)pthread_mutex_unlock(&executor->mutex);
    }
    return count;
}

agt_status agt__graph_add_batch(agt_graph *graph, agt__batch_item *items, size_t count, bool strict,
                                const agt_call_options *options, const agt__listener *listener,
                                agt_error *err)
{
    const batch wanted = {graph, items, count, count_dependencies(graph->executor)};
    const add_spec spec = {strict, options, listener};
    agt_status status = AGT_OK;
    if (count == 0) {
        return AGT_OK;
    }
    bool any = wanted.dependency_count > 0;
    bool *added = any && !strict ? agt__calloc(graph->allocator, count, sizeof(*added)) : NULL;
    if (any && !strict) {
        status =
            added != NULL ? add_items(&wanted, added, &spec, err) : agt__error_nomem(err, ORIGIN);
    } else { /* results are in the order of the inputs */
        for (size_t i = 0; status == AGT_OK && i < count; i++) {
            status = add_item(&wanted, &items[i], &spec, err);
        }
    }
    agt__free(graph->allocator, added);
    if (status == AGT_OK && any) {
        status = apply_dependencies(&wanted, strict, err);
    }
    for (size_t i = 0; status == AGT_OK && i < count; i++) {
        status = agt_graph_release(graph, items[i].call);
    }
    return status;
}

/* ---- execute_parallel ---------------------------------------------------------------------- */

static agt_status build_graph(agt_executor *executor, const agt_input *inputs, size_t count,
                              agt_graph **ret_graph, agt_error *err)
{
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = "execute_parallel");
    agt_graph *graph;
    agt_status status = agt_graph_new(executor, &config, &graph, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__batch_item *items =
        count > 0 ? agt__calloc(graph->allocator, count, sizeof(*items)) : NULL;
    if (count > 0 && items == NULL) {
        status = agt__error_nomem(err, ORIGIN);
    }
    for (size_t i = 0; status == AGT_OK && i < count; i++) {
        items[i] = (agt__batch_item){.tool = inputs[i].tool, .input = inputs[i].input};
        if (inputs[i].tool == NULL) {
            status = agt__error_set(err, AGT_E_INVALID, ORIGIN, "input %zu names no tool", i);
        }
    }
    if (status == AGT_OK) {
        status = agt__graph_add_batch(graph, items, count, true, NULL, NULL, err);
    }
    agt__free(graph->allocator, items);
    if (status != AGT_OK) {
        agt_graph_unref(graph);
        return status;
    }
    *ret_graph = graph;
    return AGT_OK;
}

agt_status agt_executor_execute_parallel_start(agt_executor *executor, const agt_input *inputs,
                                               size_t input_count, const agt_call_options *options,
                                               agt_task **ret_task, agt_error *err)
{
    if (executor == NULL || (inputs == NULL && input_count > 0) || ret_task == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "executor, inputs and ret_task are required");
    }
    agt_graph *graph;
    agt_status status = build_graph(executor, inputs, input_count, &graph, err);
    if (status == AGT_OK) {
        status = agt_graph_start(graph, options, ret_task, err);
        agt_graph_unref(graph);
    }
    return status;
}

agt_status agt_executor_execute_parallel(agt_executor *executor, const agt_input *inputs,
                                         size_t input_count, agt_results **ret_results,
                                         agt_error *err)
{
    if (executor == NULL || ret_results == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "executor and ret_results are required");
    }
    agt_task *task;
    agt_status status = agt__exec_check_blocking(executor->runtime, err);
    if (status == AGT_OK) {
        status =
            agt_executor_execute_parallel_start(executor, inputs, input_count, NULL, &task, err);
    }
    if (status == AGT_OK) {
        status = agt__exec_wait_results(task, ret_results, err);
    }
    if (status == AGT_OK) {
        agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
        agt_results_get_execution_metrics(*ret_results, &metrics);
        (void)pthread_mutex_lock(&executor->mutex);
        executor->last = metrics;
        executor->has_last = true;
        (void)pthread_mutex_unlock(&executor->mutex);
    }
    return status;
}

agt_status agt_executor_get_execution_metrics(agt_executor *executor,
                                              agt_execution_metrics *ret_metrics)
{
    if (executor == NULL || ret_metrics == NULL || ret_metrics->struct_size == 0) {
        return AGT_E_INVALID;
    }
    (void)pthread_mutex_lock(&executor->mutex);
    bool known = executor->has_last;
    if (known) {
        agt__report_write(ret_metrics, &executor->last, sizeof(executor->last));
    }
    (void)pthread_mutex_unlock(&executor->mutex);
    return known ? AGT_OK : AGT_E_NOT_FOUND;
}
