/*
 * Starting graphs: as a task of their own, within another call, or as one operation alone.
 *
 * Until agt__engine_start() the graph belongs to the starting thread; afterwards to the engine,
 * which holds a reference of its own until the run is over.
 */
#include "base/error.h"
#include "base/mem.h"
#include "exec/graph.h"
#include "exec/results.h"
#include "exec/tape.h"
#include "telemetry/semconv.h"

#include <stdio.h>
#include <string.h>

#define ORIGIN "exec/graph"

const agt_call_options *agt__call_options(const agt__call *call)
{
    const agt__call_extra *extra = call->extra;
    return extra != NULL && extra->options != NULL ? &extra->options->given
                                                   : &call->graph->options.given;
}

const agt_span_context *agt__call_get_parent(const agt__call *call)
{
    bool has_own = call->extra != NULL && call->extra->options != NULL;
    const agt_call_options *options = agt__call_options(call);
    return has_own && options->parent != NULL ? options->parent : &call->graph->context;
}

/* ---- the task ------------------------------------------------------------------------------ */

static void cancel_task(agt_task *task)
{
    agt__engine_poke(
        task->payload); /* which may be another task's meanwhile: the loop asks this one */
}

static void destroy_task(agt_task *task)
{
    agt__graph_unref(task->payload);
}

static const agt__task_table graph_task_table = {cancel_task, destroy_task};

agt_graph *agt__task_get_graph(const agt_task *task)
{
    return task->table == &graph_task_table ? task->payload : NULL;
}

/* ---- setting up a run ---------------------------------------------------------------------- */

static agt_status claim_graph(agt_graph *graph, agt_error *err)
{
    bool idle = false;
    if (!atomic_compare_exchange_strong(&graph->running, &idle, true)) {
        return agt__error_set(err, AGT_E_BUSY, ORIGIN, "the graph runs already");
    }
    if (atomic_load(&graph->results_out) > 0) {
        atomic_store(&graph->running, false);
        return agt__error_set(err, AGT_E_BUSY, ORIGIN,
                              "results of the last run are still in use: free them first");
    }
    if (graph->open && graph->begun) {
        atomic_store(&graph->running, false);
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "an open graph runs once");
    }
    return AGT_OK;
}

static void clear_run(agt_graph *graph)
{
    agt__options_deinit(&graph->options, graph->allocator);
    graph->begun = false;
    graph->held = false;
    graph->results_of = NULL;
    graph->next_root = 0;
    graph->root_count = graph->count;
    graph->cancel_outcome = AGT_OUTCOME_NONE;
    graph->end_ns = 0;
    graph->task = NULL;
    graph->on_done = NULL;
    memset(&graph->run, 0, sizeof(graph->run));
    memset(&graph->context, 0, sizeof(graph->context));
    atomic_store(&graph->remaining, graph->count + (graph->open && !graph->closed ? 1u : 0u));
    graph->settled = 0;
    graph->due_covered_ns = 0;
    atomic_store(&graph->succeeded, 0);
    atomic_store(&graph->failed, 0);
    atomic_store(&graph->first_failure, 0);
    atomic_store(&graph->active, 0);
    atomic_store(&graph->active_max, 0);
    atomic_store(&graph->cancelled, false);
    atomic_store(&graph->cancel_wanted, false);
    atomic_store(&graph->cancel_calls_wanted, false);
}

/* Options of single calls take from the start's what they leave open. */
static void inherit_options(agt_graph *graph)
{
    for (uint32_t i = 0; graph->has_own_options && i < graph->count; i++) {
        agt__call_extra *extra = agt__graph_get_call(graph, i)->extra;
        if (extra != NULL && extra->options != NULL) {
            agt__options_inherit(extra->options, &graph->options, graph->runtime->clock);
        }
    }
}

static agt_status prepare_run(agt_graph *graph, const agt_call_options *options, agt_error *err)
{
    agt_status status = agt_graph_seal(graph, err);
    if (status == AGT_OK) {
        clear_run(graph);
        status = agt__options_init(&graph->options, graph->allocator, options,
                                   graph->runtime->clock, err);
    }
    return status;
}

static void use_executor(agt_graph *graph)
{
    const agt_executor *executor = graph->executor;
    if (graph->options.given.budget == NULL && executor != NULL) {
        graph->options.given.budget = agt_budget_ref(executor->budget);
    }
    graph->traced = !agt__tracer_is_silent(graph->runtime->tracer);
    graph->plain = graph->options.given.budget == NULL && graph->runtime->tape == NULL &&
                   (executor == NULL || (executor->policy_count == 0 && executor->journal == NULL &&
                                         executor->approvals == NULL));
}

const char *agt__graph_get_run_name(const agt_graph *graph)
{
    const char *given = graph->options.given.run_name;
    return given != NULL ? given : graph->name;
}

/* The span of the run; a graph that has a parent has none of its own. */
static void begin_trace(agt_graph *graph)
{
    agt_runtime *runtime = graph->runtime;
    graph->start_ns = agt__runtime_now_ns(runtime);
    if (graph->options.given.parent != NULL &&
        agt_span_context_is_valid(graph->options.given.parent)) {
        graph->context = *graph->options.given.parent;
        return;
    }
    const char *run_name = agt__graph_get_run_name(graph);
    char name[96];
    (void)snprintf(name, sizeof(name), AGT__OP_INVOKE_WORKFLOW " %.60s", run_name);
    const agt__attribute attributes[] = {
        {.key = AGT__ATTR_OPERATION,
         .text = AGT__OP_INVOKE_WORKFLOW,
         .length = sizeof(AGT__OP_INVOKE_WORKFLOW) - 1},
        {.key = AGT__ATTR_WORKFLOW_NAME, .text = run_name, .length = strlen(run_name)},
    };
    graph->span = agt__tracer_start_span(runtime->tracer, name, AGT_SPAN_INTERNAL, NULL,
                                         graph->start_ns, attributes, 2);
    graph->context = agt_span_get_context(graph->span);
    agt__run_begin(runtime, &graph->run, run_name, &graph->context);
    if (graph->run.active) {
        agt__span_set_text(graph->span, AGT__ATTR_RUN_ID, graph->run.id, strlen(graph->run.id));
    }
    const char *conversation = graph->options.given.conversation;
    if (conversation != NULL) {
        agt__span_set_text(graph->span, AGT__ATTR_CONVERSATION, conversation, strlen(conversation));
    }
}

agt_status agt_graph_start(agt_graph *graph, const agt_call_options *options, agt_task **ret_task,
                           agt_error *err)
{
    if (graph == NULL || ret_task == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "graph and ret_task are required");
    }
    agt_status status = claim_graph(graph, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__runtime_begin_activity(graph->runtime, err);
    if (status != AGT_OK) {
        atomic_store(&graph->running, false);
        return status;
    }
    status = prepare_run(graph, options, err);
    if (status == AGT_OK) {
        status = agt__task_new(graph->runtime, &graph_task_table, graph, &graph->task);
        if (status != AGT_OK) {
            (void)agt__error_nomem(err, ORIGIN);
        }
    }
    if (status != AGT_OK) {
        atomic_store(&graph->running, false);
        agt__runtime_end_activity(graph->runtime, &graph->activity);
        return status;
    }
    (void)agt__graph_ref(graph); /* the task's */
    (void)agt__graph_ref(graph); /* the run's */
    use_executor(graph);
    inherit_options(graph);
    if (graph->runtime->tape != NULL) {
        agt__tape_begin_run(graph);
    }
    begin_trace(graph);
    graph->results_of = graph->task;
    *ret_task = agt_task_ref(graph->task);
    agt__engine_start(graph);
    return AGT_OK;
}

agt_status agt__graph_start_within(agt_graph *graph, agt_tool_call *call,
                                   const agt_call_options *options, agt__graph_done_fn on_done,
                                   void *user_data, agt_error *err)
{
    agt_status status = claim_graph(graph, err);
    if (status != AGT_OK) {
        return status;
    }
    status = prepare_run(graph, options, err);
    if (status != AGT_OK) {
        atomic_store(&graph->running, false);
        return status;
    }
    (void)agt__graph_ref(graph); /* the run's */
    agt__options outer = {.given = *agt__tool_call_get_options(call), .deadline_ns = call->due_ns};
    outer.given.timeout_ms = 0; /* that is of the outer call, not of each inner one */
    outer.given.session = NULL; /* likewise */
    agt__options_inherit(&graph->options, &outer, graph->runtime->clock);
    use_executor(graph);
    inherit_options(graph);
    graph->start_ns = agt__runtime_now_ns(graph->runtime);
    graph->context =
        graph->options.given.parent != NULL ? *graph->options.given.parent : call->span;
    graph->on_done = on_done;
    graph->done_user_data = user_data;
    graph->within = call;
    graph->next_within = call->children;
    call->children = graph;
    if (graph->runtime->tape != NULL) {
        graph->position = agt__tape_get_position(call);
    }
    agt__runtime_extend_activity(graph->runtime);
    agt__engine_start(graph);
    return AGT_OK;
}

agt_status agt__operation_start_heard(agt_runtime *runtime, agt_executor *executor,
                                      agt__operation *operation, const agt_value *input,
                                      const agt_call_options *options,
                                      const agt__listener *listener, agt_task **ret_task,
                                      agt_error *err)
{
    agt_graph *graph;
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = operation->name);
    agt_status status = agt__graph_new(runtime, executor, &config, &graph, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__graph_add_operation(graph, operation, input, NULL, listener, NULL, err);
    if (status == AGT_OK) {
        status = agt_graph_start(graph, options, ret_task, err);
    }
    agt__graph_unref(graph);
    return status;
}

agt_status agt__operation_start(agt_runtime *runtime, agt_executor *executor,
                                agt__operation *operation, const agt_value *input,
                                const agt_call_options *options, agt_task **ret_task,
                                agt_error *err)
{
    return agt__operation_start_heard(runtime, executor, operation, input, options, NULL, ret_task,
                                      err);
}

agt_status agt_graph_run(agt_graph *graph, const agt_call_options *options,
                         agt_results **ret_results, agt_error *err)
{
    if (graph == NULL || ret_results == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "graph and ret_results are required");
    }
    agt_task *task;
    agt_status status = agt__exec_check_blocking(graph->runtime, err);
    if (status == AGT_OK) {
        status = agt_graph_start(graph, options, &task, err);
    }
    return status == AGT_OK ? agt__exec_wait_results(task, ret_results, err) : status;
}

/* ---- open graphs --------------------------------------------------------------------------- */

/* Let a call go that was added while the graph ran. Mutex held. */
static void release_call(agt__call *call)
{
    agt_graph *graph = call->graph;
    call->held = false;
    if (atomic_fetch_sub_explicit(&call->open, 1, memory_order_acq_rel) == 1) {
        call->ready_ns = agt__runtime_now_ns(graph->runtime);
        agt__engine_push(call, agt__loop_is_current(graph->runtime->loop));
    }
}

agt_status agt_graph_release(agt_graph *graph, agt_call_id index)
{
    if (graph == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = AGT_OK;
    (void)pthread_mutex_lock(&graph->mutex);
    agt__call *call = index < graph->count ? agt__graph_get_call(graph, index) : NULL;
    if (call == NULL) {
        status = AGT_E_NOT_FOUND;
    } else if (!graph->open || !atomic_load(&graph->running) || index < graph->root_count) {
        status = AGT_OK; /* the start releases it */
    } else if (call->held) {
        release_call(call);
    }
    (void)pthread_mutex_unlock(&graph->mutex);
    return status;
}

static agt_status close_graph(agt_graph *graph, bool releases)
{
    if (graph == NULL || !graph->open) {
        return AGT_E_INVALID;
    }
    (void)pthread_mutex_lock(&graph->mutex);
    bool was_closed = graph->closed, is_running = atomic_load(&graph->running);
    graph->closed = true;
    for (uint32_t i = graph->root_count; releases && is_running && i < graph->count; i++) {
        agt__call *call = agt__graph_get_call(graph, i);
        if (call->held) {
            release_call(call);
        }
    }
    bool last = !was_closed && is_running &&
                atomic_fetch_sub_explicit(&graph->remaining, 1, memory_order_acq_rel) == 1;
    (void)pthread_mutex_unlock(&graph->mutex);
    if (last) {
        agt__engine_poke(graph);
    }
    return AGT_OK;
}

agt_status agt_graph_close(agt_graph *graph)
{
    return close_graph(graph, true);
}

agt_status agt__graph_close(agt_graph *graph)
{
    return close_graph(graph, false);
}

void agt_graph_unref(agt_graph *graph)
{
    if (graph != NULL && graph->open && atomic_load(&graph->running) &&
        agt__runtime_check(graph->runtime, NULL) != AGT_E_FORKED) {
        (void)agt_graph_close(graph); /* nobody is left to do it, and the run would never end */
    }
    agt__graph_unref(graph);
}

agt_outcome agt__graph_get_outcome(const agt_graph *graph, agt_call_id call)
{
    return (agt_outcome)agt__graph_get_call(graph, call)->outcome;
}

const agt_value *agt__graph_get_output(const agt_graph *graph, agt_call_id call)
{
    return agt__graph_get_call(graph, call)->output;
}

agt__operation *agt__graph_get_operation(const agt_graph *graph, agt_call_id call)
{
    return agt__call_operation(agt__graph_get_call(graph, call));
}

agt_status agt__graph_get_error(const agt_graph *graph, agt_call_id call, agt_error *ret_error)
{
    return agt__call_get_error(agt__graph_get_call(graph, call), ret_error);
}

uint64_t agt__graph_get_duration_ns(const agt_graph *graph, agt_call_id call)
{
    const agt__call *settled = agt__graph_get_call(graph, call);
    return settled->start_ns != 0 ? settled->end_ns - settled->start_ns : 0;
}
