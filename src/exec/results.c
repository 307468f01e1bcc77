/*
 * Results: a view of the settled calls of a graph. While there are results the graph cannot be run
 * again, so nothing here is ever written to.
 *
 * The figures of a run come from the calls' own times: the critical path is the longest chain of
 * dependent run times, found in one pass over the calls in an order in which predecessors come
 * first.
 */
#include "exec/results.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"

#include <string.h>

#define ORIGIN "exec"

struct agt_results {
    agt_graph *graph; /* referenced */
    _Atomic uint32_t refs;
};

agt_status agt_task_get_results(agt_task *task, agt_results **ret_results)
{
    agt_graph *graph = task != NULL ? agt__task_get_graph(task) : NULL;
    if (graph == NULL || ret_results == NULL) {
        return AGT_E_INVALID;
    }
    if (!agt_task_is_done(task)) {
        return AGT_E_BUSY;
    }
    agt_results *results = agt__calloc(graph->allocator, 1, sizeof(*results));
    if (results == NULL) {
        return AGT_E_NOMEM;
    }
    /* Said before it is asked whether the graph runs again, as a start says that it runs before it
     * asks for results: one of the two sees the other. */
    atomic_fetch_add(&graph->results_out, 1);
    bool running = atomic_load(&graph->running);
    if (running || graph->results_of != task) {
        atomic_fetch_sub(&graph->results_out, 1);
        agt__free(graph->allocator, results);
        return running ? AGT_E_BUSY : AGT_E_NOT_FOUND;
    }
    atomic_init(&results->refs, 1);
    results->graph = agt__graph_ref(graph);
    *ret_results = results;
    return AGT_OK;
}

void agt_results_unref(agt_results *results)
{
    if (results == NULL ||
        atomic_fetch_sub_explicit(&results->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    agt_graph *graph = results->graph;
    atomic_fetch_sub(&graph->results_out, 1);
    agt__free(graph->allocator, results);
    agt__graph_unref(graph);
}

agt_status agt__exec_check_blocking(agt_runtime *runtime, agt_error *err)
{
    if (agt_runtime_is_loop_thread(runtime)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "waiting would block the loop thread: use the _start form here");
    }
    return AGT_OK;
}

agt_status agt__exec_wait_results(agt_task *task, agt_results **ret_results, agt_error *err)
{
    agt_status status = agt_task_wait(task, AGT_MS_NONE);
    if (status == AGT_OK) {
        status = agt_task_get_results(task, ret_results);
    } else {
        (void)agt__error_set(err, status, ORIGIN,
                             "the run cannot be finished: nothing is left that could happen");
        agt_task_cancel(task);
    }
    if (status == AGT_E_NOMEM) {
        (void)agt__error_nomem(err, ORIGIN);
    }
    agt_task_unref(task);
    return status;
}

static const agt__call *call_at(const agt_results *results, size_t index)
{
    return results != NULL && index < results->graph->count
               ? agt__graph_get_call(results->graph, (uint32_t)index)
               : NULL;
}

size_t agt_results_get_count(const agt_results *results)
{
    return results != NULL ? results->graph->count : 0;
}

agt_outcome agt_results_get_outcome(const agt_results *results, size_t index)
{
    const agt__call *call = call_at(results, index);
    return call != NULL ? (agt_outcome)call->outcome : AGT_OUTCOME_NONE;
}

uint32_t agt_results_get_flags(const agt_results *results, size_t index)
{
    const agt__call *call = call_at(results, index);
    return call != NULL ? call->flags : 0;
}

const agt_value *agt_results_get_output(const agt_results *results, size_t index)
{
    const agt__call *call = call_at(results, index);
    return call != NULL && call->outcome == AGT_OUTCOME_OK ? call->output : NULL;
}

const agt_value *agt__results_get_output(const agt_results *results, size_t index)
{
    const agt__call *call = call_at(results, index);
    return call != NULL ? call->output : NULL;
}

const agt__operation *agt__results_get_operation(const agt_results *results, size_t index)
{
    const agt__call *call = call_at(results, index);
    return call != NULL ? call->operation : NULL;
}

agt_status agt__call_get_error(const agt__call *call, agt_error *ret_error)
{
    agt_outcome outcome = (agt_outcome)call->outcome;
    agt_status status = agt_outcome_get_status(outcome);
    if (outcome == AGT_OUTCOME_OK || ret_error == NULL) {
        return status;
    }
    if (call->detail != NULL) {
        *ret_error = *call->detail;
        return status;
    }
    return agt__error_set(ret_error, status, ORIGIN, "\"%s\" ended with outcome %s",
                          agt__call_get_name(call), agt_outcome_get_name(outcome));
}

agt_status agt_results_get_error(const agt_results *results, size_t index, agt_error *ret_error)
{
    const agt__call *call = call_at(results, index);
    if (call == NULL) {
        return agt__error_set(ret_error, AGT_E_NOT_FOUND, ORIGIN, "there is no call %zu", index);
    }
    return agt__call_get_error(call, ret_error);
}

const char *agt__call_get_name(const agt__call *call)
{
    if (call->operation != NULL) {
        return call->operation->name;
    }
    return call->extra != NULL && call->extra->unknown_tool != NULL ? call->extra->unknown_tool
                                                                    : "?";
}

const char *agt_results_get_name(const agt_results *results, size_t index)
{
    const agt__call *call = call_at(results, index);
    return call != NULL ? agt__call_get_name(call) : NULL;
}

agt_status agt_results_find(const agt_results *results, const char *name, size_t *ret_index)
{
    if (results == NULL || name == NULL || ret_index == NULL) {
        return AGT_E_INVALID;
    }
    for (size_t i = 0; i < results->graph->count; i++) {
        if (strcmp(agt_results_get_name(results, i), name) == 0) {
            *ret_index = i;
            return AGT_OK;
        }
    }
    return AGT_E_NOT_FOUND;
}

agt_status agt_results_get_status(const agt_results *results, agt_error *err)
{
    if (results == NULL) {
        return AGT_E_INVALID;
    }
    uint32_t first = atomic_load(&results->graph->first_failure);
    if (first == 0) {
        return AGT_OK;
    }
    agt_error cause;
    (void)agt_results_get_error(results, first - 1, &cause);
    return agt__error_set(err, AGT_E_PARTIAL, ORIGIN,
                          "%u of %u calls did not succeed; first \"%s\": %s",
                          atomic_load(&results->graph->failed), results->graph->count,
                          agt_results_get_name(results, first - 1), cause.message);
}

void agt_results_get_times(const agt_results *results, size_t index, agt_call_times *ret_times)
{
    const agt__call *call = call_at(results, index);
    agt_call_times times = {.struct_size = sizeof(times)};
    if (call != NULL) {
        times.ready_ns = call->ready_ns;
        times.start_ns = call->start_ns;
        times.end_ns = call->end_ns;
        times.attempts = call->attempts;
    }
    agt__report_write(ret_times, &times, sizeof(times));
}

/* Longest chain of dependent run times. `path[i]`: longest chain that ends before call i starts;
 * `open[i]`: predecessors not yet visited. */
static uint64_t find_critical_path(const agt_graph *graph, uint64_t *path, uint32_t *open,
                                   uint32_t *queue)
{
    uint64_t longest = 0;
    uint32_t queued = 0;
    memset(path, 0, graph->count * sizeof(*path));
    memset(open, 0, graph->count * sizeof(*open));
    for (size_t i = 0; i < graph->edge_count; i++) {
        open[graph->edges[i].to]++;
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        if (open[i] == 0) {
            queue[queued++] = i;
        }
    }
    for (uint32_t done = 0; done < queued; done++) {
        const agt__call *call = agt__graph_get_call(graph, queue[done]);
        uint64_t end = path[queue[done]] + call->run_ns;
        longest = end > longest ? end : longest;
        for (uint32_t at = call->first_edge; at != 0; at = graph->edges[at - 1].next) {
            uint32_t to = graph->edges[at - 1].to;
            path[to] = end > path[to] ? end : path[to];
            if (--open[to] == 0) {
                queue[queued++] = to;
            }
        }
    }
    return longest;
}

static uint64_t get_critical_path(const agt_graph *graph)
{
    size_t count = graph->count;
    uint64_t *work =
        agt__alloc(graph->allocator, count * (sizeof(uint64_t) + 2 * sizeof(uint32_t)));
    if (work == NULL) {
        return 0;
    }
    uint32_t *open = (uint32_t *)(void *)(work + count);
    uint64_t longest = find_critical_path(graph, work, open, open + count);
    agt__free(graph->allocator, work);
    return longest;
}

void agt__graph_get_metrics(const agt_graph *graph, agt_execution_metrics *ret_metrics)
{
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    metrics.wall_ns = graph->end_ns - graph->start_ns;
    for (uint32_t i = 0; i < graph->count; i++) {
        const agt__call *call = agt__graph_get_call(graph, i);
        metrics.work_ns += call->run_ns;
        metrics.succeeded += call->outcome == AGT_OUTCOME_OK;
    }
    metrics.critical_path_ns = get_critical_path(graph);
    metrics.speedup = metrics.wall_ns > 0 ? (double)metrics.work_ns / (double)metrics.wall_ns : 1.0;
    uint32_t most = atomic_load(&graph->active_max);
    metrics.parallel_max = most > 0 ? most : (metrics.work_ns > 0 ? 1 : 0);
    metrics.calls = graph->count;
    metrics.failed = graph->count - metrics.succeeded;
    *ret_metrics = metrics;
}

void agt_results_get_execution_metrics(const agt_results *results,
                                       agt_execution_metrics *ret_metrics)
{
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    if (results != NULL) {
        agt__graph_get_metrics(results->graph, &metrics);
    }
    agt__report_write(ret_metrics, &metrics, sizeof(metrics));
}
