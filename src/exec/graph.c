/*
 * Building graphs: adding calls, edges and bindings, and finding cycles.
 *
 * Calls stand in chunks that never move, so that they can be pointed at while an open graph grows.
 * Edges stand in one array, linked per predecessor in the order of adding; `open` of a call counts
 * its unsettled predecessors, plus one while it is `held`: from being added to a running graph to
 * being released. An edge that is there twice is counted twice, and counted down twice. Calls
 * without predecessors that were added before the start have their bit in `roots`: the start runs
 * those.
 *
 * Nothing is done to a graph between two runs. A call that becomes ready sets its own count for the
 * next run, and forgets the last one's result when it is its turn again.
 *
 * Until a graph is started one thread uses it. In an open graph that runs, `mutex` guards growing,
 * releasing, and what settling reads: the edges and `resolved`.
 */
#include "exec/graph.h"
#include "exec/results.h"

#include "base/assert.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"

#include <string.h>

#define ORIGIN "exec/graph"

agt_graph *agt__graph_ref(agt_graph *graph)
{
    atomic_fetch_add_explicit(&graph->refs, 1, memory_order_relaxed);
    return graph;
}

static agt_status check_config(const agt_graph_config *config, agt_error *err)
{
    if (config->batch < AGT_BATCH_ISOLATE || config->batch > AGT_BATCH_FIRST_SUCCESS) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "batch is %d: no agt_batch",
                              config->batch);
    }
    if (config->batch == AGT_BATCH_QUORUM && config->quorum == 0) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "AGT_BATCH_QUORUM needs a quorum of at least 1");
    }
    if (config->batch != AGT_BATCH_QUORUM && config->quorum != 0) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "a quorum of %u without AGT_BATCH_QUORUM",
                              config->quorum);
    }
    return AGT_OK;
}

agt_status agt__graph_new(agt_runtime *runtime, agt_executor *executor,
                          const agt_graph_config *config, agt_graph **ret_graph, agt_error *err)
{
    agt_graph_config own;
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        status = check_config(&own, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt_graph *graph = agt__calloc(runtime->allocator, 1, sizeof(*graph));
    if (graph == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    graph->allocator = runtime->allocator;
    graph->name = agt__strdup(graph->allocator, own.name != NULL ? own.name : "graph");
    if (graph->name == NULL || pthread_mutex_init(&graph->mutex, NULL) != 0) {
        agt__free(graph->allocator, graph->name);
        agt__free(graph->allocator, graph);
        return agt__error_nomem(err, ORIGIN);
    }
    graph->runtime = agt__runtime_ref(runtime);
    graph->executor = agt_executor_ref(executor);
    graph->batch = (agt_batch)own.batch;
    graph->quorum = own.batch == AGT_BATCH_FIRST_SUCCESS ? 1 : own.quorum;
    graph->open = own.open;
    graph->options.deadline_ns = UINT64_MAX;
    graph->roots = &graph->first_roots;
    graph->root_words = 1;
    agt__list_init(&graph->live);
    agt__engine_init(graph);
    atomic_init(&graph->refs, 1);
    *ret_graph = graph;
    return AGT_OK;
}

agt_status agt_graph_new(agt_executor *executor, const agt_graph_config *config,
                         agt_graph **ret_graph, agt_error *err)
{
    if (executor == NULL || ret_graph == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "executor and ret_graph are required");
    }
    return agt__graph_new(executor->runtime, executor, config, ret_graph, err);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void free_extra(agt__call *call)
{
    const agt_allocator *allocator = call->graph->allocator;
    agt__call_extra *extra = call->extra;
    if (extra == NULL) {
        return;
    }
    while (extra->bindings != NULL) {
        agt__binding *binding = extra->bindings;
        extra->bindings = binding->next;
        agt__free(allocator, binding->parameter);
        agt__free(allocator, binding->pointer);
        agt__free(allocator, binding);
    }
    agt__cancel_unlisten(&extra->cancel_link);
    if (extra->options != NULL) {
        agt__options_deinit(extra->options, allocator);
        agt__free(allocator, extra->options);
    }
    agt__operation_unref(extra->replacement);
    agt__free(allocator, extra->unknown_tool);
    agt__free(allocator, extra->call_id);
    agt__free(allocator, extra);
}

static void clear_result(agt__call *call)
{
    if (call->output != agt__value_get_tainted_null()) {
        agt_value_unref(call->output);
    }
    if (call->bound != NULL) {
        agt_value_unref(call->bound);
    }
    if (call->detail != NULL) {
        agt__free(call->graph->allocator, call->detail);
    }
    call->output = NULL;
    call->bound = NULL;
    call->detail = NULL;
}

static void free_calls(agt_graph *graph)
{
    for (uint32_t i = 0; i < graph->count; i++) {
        agt__call *call = agt__graph_get_call(graph, i);
        AGT_ASSERT(call->span == NULL);
        clear_result(call);
        free_extra(call);
        agt_value_unref(call->input);
        if (call->owns_operation) {
            agt__operation_unref(call->operation);
        }
    }
    for (size_t i = 0; i < AGT__CHUNKS; i++) {
        agt__free(graph->allocator, graph->chunks[i]);
    }
    if (graph->roots != &graph->first_roots) {
        agt__free(graph->allocator, graph->roots);
    }
    agt__free(graph->allocator, graph->edges);
}

void agt__graph_unref(agt_graph *graph)
{
    if (graph == NULL || atomic_fetch_sub_explicit(&graph->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    AGT_ASSERT(!atomic_load(&graph->running));
    AGT_ASSERT(agt__list_is_empty(&graph->live));
    agt_runtime *runtime = graph->runtime;
    free_calls(graph);
    agt__options_deinit(&graph->options, graph->allocator);
    (void)pthread_mutex_destroy(&graph->mutex);
    agt__free(graph->allocator, graph->name);
    agt_executor_unref(graph->executor);
    agt__free(graph->allocator, graph);
    agt__runtime_unref(runtime);
}

/* ---- adding -------------------------------------------------------------------------------- */

static bool is_growing(const agt_graph *graph)
{
    return graph->open && atomic_load_explicit(&graph->running, memory_order_acquire);
}

static void end_change(agt_graph *graph, bool locked)
{
    if (locked) {
        (void)pthread_mutex_unlock(&graph->mutex);
    }
}

/* Lock what has to be locked to change the graph (nothing, before it runs), and see whether it may
 * be. */
static agt_status begin_change(agt_graph *graph, bool *ret_locked, agt_error *err)
{
    if (graph == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "graph is NULL");
    }
    bool growing = is_growing(graph);
    if (growing) {
        (void)pthread_mutex_lock(&graph->mutex);
    }
    const char *why = NULL;
    if (graph->closed) {
        why = "the graph is closed: nothing can be added";
    } else if (!graph->open && (graph->sealed || atomic_load(&graph->running))) {
        why = "the graph is sealed: nothing can be added";
    }
    *ret_locked = growing;
    if (why != NULL) {
        end_change(graph, growing);
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "%s", why);
    }
    return AGT_OK;
}

/* See that there is a chunk for the next call. */
static agt_status need_chunk(agt_graph *graph)
{
    if (graph->count >= AGT__CALLS_MAX) {
        return AGT_E_LIMIT;
    }
    size_t chunk = 0;
    size_t size = AGT__CHUNK_FIRST;
    if (graph->count >= AGT__CHUNK_FIRST) {
        unsigned bit = 31u - (unsigned)__builtin_clz(graph->count);
        chunk = bit - 3;
        size = (size_t)1 << bit;
    }
    if (graph->chunks[chunk] == NULL) {
        graph->chunks[chunk] = agt__alloc(graph->allocator, size * sizeof(agt__call));
        agt__advise_large(graph->chunks[chunk], size * sizeof(agt__call));
    }
    return graph->chunks[chunk] != NULL ? AGT_OK : AGT_E_NOMEM;
}

typedef struct new_call {
    agt__operation *operation;    /* NULL: unknown tool */
    const agt_executor *executor; /* that owns the operation; NULL = none */
    const char *unknown_tool;
    const agt_value *input;
    const agt_call_options *options;
    const agt__listener *listener; /* NULL = nobody */
} new_call;

static void set_root(agt_graph *graph, uint32_t index, bool is_root)
{
    uint64_t bit = UINT64_C(1) << (index & 63);
    graph->roots[index >> 6] = (graph->roots[index >> 6] & ~bit) | (is_root ? bit : 0);
}

/* See that there is a bit for the next call, if it needs one. The first 64 are in the graph itself.
 */
static agt_status need_root(agt_graph *graph)
{
    size_t before = graph->root_words;
    if (is_growing(graph) || (graph->count >> 6) < before) {
        return AGT_OK;
    }
    bool moves_out = graph->roots == &graph->first_roots;
    size_t words = before < 4 ? 8 : before * 2;
    uint64_t *roots =
        agt__realloc(graph->allocator, moves_out ? NULL : graph->roots, words * sizeof(*roots));
    if (roots == NULL) {
        return AGT_E_NOMEM;
    }
    if (moves_out) {
        roots[0] = graph->first_roots;
    }
    memset(roots + before, 0, (words - before) * sizeof(*roots));
    graph->roots = roots;
    graph->root_words = words;
    return AGT_OK;
}

/* One more call, not filled in; lock held. */
static agt_status add_call(agt_graph *graph, const new_call *wanted, agt__call **ret_call,
                           agt_error *err)
{
    agt_status status = need_chunk(graph);
    if (status == AGT_OK) {
        status = need_root(graph);
    }
    if (status == AGT_E_LIMIT) {
        return agt__error_set(err, AGT_E_LIMIT, ORIGIN, "a graph holds at most %u calls",
                              AGT__CALLS_MAX);
    }
    if (status != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt__call *call = agt__graph_get_call(graph, graph->count);
    *call = (agt__call){
        .graph = graph,
        .operation = wanted->operation,
        .input = wanted->input != NULL ? agt_value_ref(wanted->input) : agt_value_empty_object(),
        .index = graph->count,
        /* The executor, which the graph holds, keeps its tools for good. */
        .owns_operation = wanted->executor == NULL || wanted->executor != graph->executor,
        .recovers = wanted->operation != NULL && wanted->operation->recovery != NULL,
    };
    if (call->owns_operation) {
        (void)agt__operation_ref(call->operation);
    }
    if (is_growing(graph)) {
        call->held = true;
        atomic_store_explicit(&call->open, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&graph->remaining, 1, memory_order_relaxed);
    } else {
        set_root(graph, graph->count, true);
    }
    graph->count++;
    *ret_call = call;
    return AGT_OK;
}

/* Take the last call back; nothing points at it yet. */
static void drop_last_call(agt_graph *graph)
{
    agt__call *call = agt__graph_get_call(graph, graph->count - 1);
    free_extra(call);
    agt_value_unref(call->input);
    if (call->owns_operation) {
        agt__operation_unref(call->operation);
    }
    graph->count--; /* its chunk stays for the next */
    if (is_growing(graph)) {
        atomic_fetch_sub_explicit(&graph->remaining, 1, memory_order_relaxed);
    } else {
        set_root(graph, graph->count, false);
    }
}

agt__call_extra *agt__call_need_extra(agt__call *call)
{
    if (call->extra == NULL) {
        call->extra = agt__calloc(call->graph->allocator, 1, sizeof(*call->extra));
        if (call->extra != NULL) {
            call->extra->call = call;
        }
    }
    return call->extra;
}

static agt_status add_options(agt__call *call, const agt_call_options *options, agt_error *err)
{
    agt_graph *graph = call->graph;
    agt__call_extra *extra = agt__call_need_extra(call);
    agt__options *own = extra != NULL ? agt__alloc(graph->allocator, sizeof(*own)) : NULL;
    if (own == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt_status status =
        agt__options_init(own, graph->allocator, options, graph->runtime->clock, err);
    if (status != AGT_OK) {
        agt__free(graph->allocator, own);
        return status;
    }
    extra->options = own;
    if (!is_growing(graph)) {
        graph->has_own_options = true; /* the start will see to them */
    } else {
        agt__options_inherit(own, &graph->options, graph->runtime->clock);
        agt__call_listen(call);
    }
    return AGT_OK;
}

static agt_status fill_extra(agt__call *call, const new_call *wanted, agt_error *err)
{
    if (wanted->options != NULL) {
        agt_status status = add_options(call, wanted->options, err);
        if (status != AGT_OK) {
            return status;
        }
    }
    if (wanted->listener == NULL && wanted->unknown_tool == NULL) {
        return AGT_OK;
    }
    agt__call_extra *extra = agt__call_need_extra(call);
    if (extra == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (wanted->listener != NULL) {
        extra->listener = *wanted->listener;
    }
    if (wanted->unknown_tool != NULL) {
        extra->unknown_tool = agt__strdup(call->graph->allocator, wanted->unknown_tool);
        if (extra->unknown_tool == NULL) {
            return agt__error_nomem(err, ORIGIN);
        }
    }
    return AGT_OK;
}

static agt_status add_new_call(agt_graph *graph, const new_call *wanted, agt_call_id *ret_call,
                               agt_error *err)
{
    bool locked;
    agt_status status = begin_change(graph, &locked, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__call *call = NULL;
    status = add_call(graph, wanted, &call, err);
    if (status == AGT_OK) {
        status = fill_extra(call, wanted, err);
        if (status != AGT_OK) {
            drop_last_call(graph);
        } else if (ret_call != NULL) {
            *ret_call = call->index;
        }
    }
    end_change(graph, locked);
    return status;
}

agt_status agt_graph_add_call(agt_graph *graph, const char *tool, const agt_value *input,
                              const agt_call_options *options, agt_call_id *ret_call,
                              agt_error *err)
{
    if (graph == NULL || tool == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "graph and tool are required");
    }
    agt_tool *found = agt_executor_get_tool(graph->executor, tool); /* no executor: no tools */
    return add_new_call(graph,
                        &(new_call){.operation = found != NULL ? &found->operation : NULL,
                                    .executor = graph->executor,
                                    .unknown_tool = found == NULL ? tool : NULL,
                                    .input = input,
                                    .options = options},
                        ret_call, err);
}

agt_status agt_graph_add_tool_call(agt_graph *graph, agt_tool *tool, const agt_value *input,
                                   const agt_call_options *options, agt_call_id *ret_call,
                                   agt_error *err)
{
    if (tool == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "tool is NULL");
    }
    return add_new_call(graph,
                        &(new_call){.operation = &tool->operation,
                                    .executor = tool->executor,
                                    .input = input,
                                    .options = options},
                        ret_call, err);
}

agt_status agt__graph_add_operation(agt_graph *graph, agt__operation *operation,
                                    const agt_value *input, const agt_call_options *options,
                                    const agt__listener *listener, agt_call_id *ret_call,
                                    agt_error *err)
{
    return add_new_call(
        graph,
        &(new_call){
            .operation = operation, .input = input, .options = options, .listener = listener},
        ret_call, err);
}

/* ---- edges --------------------------------------------------------------------------------- */

/* The dependent is told now what it would have been told by settling. */
static void note_resolved(agt__call *call, const agt__call *from)
{
    if (from->outcome != AGT_OUTCOME_OK) {
        uint32_t none = 0;
        atomic_compare_exchange_strong(&call->failed, &none, from->index + 1);
    }
}

static agt_status add_edge(agt_graph *graph, uint32_t to, uint32_t from_index, agt_error *err)
{
    if (to >= graph->count || from_index >= graph->count) {
        return agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN, "there is no call %u: the graph has %u",
                              to >= graph->count ? to : from_index, graph->count);
    }
    if (to == from_index) {
        return agt__error_set(err, AGT_E_CYCLE, ORIGIN, "call %u cannot depend on itself", to);
    }
    agt__call *call = agt__graph_get_call(graph, to);
    agt__call *from = agt__graph_get_call(graph, from_index);
    if (is_growing(graph) && (!call->held || to < from_index || to < graph->root_count)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "call %u may run already: in a running graph a call depends only on "
                              "calls added before it, until it is released",
                              to);
    }
    if (from->resolved) {
        note_resolved(call, from);
        return AGT_OK;
    }
    if (agt__array_reserve(graph->allocator, &graph->edges, &graph->edge_capacity,
                           graph->edge_count, sizeof(*graph->edges), UINT32_MAX - 1) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    graph->edges[graph->edge_count++] = (agt__edge){.to = to};
    uint32_t number = (uint32_t)graph->edge_count;
    if (from->last_edge != 0) {
        graph->edges[from->last_edge - 1].next = number;
    } else {
        from->first_edge = number;
    }
    from->last_edge = number;
    graph->has_backward_edges |= to < from_index;
    call->dependencies++;
    atomic_fetch_add_explicit(&call->open, 1, memory_order_relaxed);
    if (!is_growing(graph)) {
        set_root(graph, to, false);
    }
    return AGT_OK;
}

agt_status agt_graph_add_dependency(agt_graph *graph, agt_call_id call, agt_call_id depends_on,
                                    agt_error *err)
{
    bool locked;
    agt_status status = begin_change(graph, &locked, err);
    if (status == AGT_OK) {
        status = add_edge(graph, call, depends_on, err);
        end_change(graph, locked);
    }
    return status;
}

agt_status agt__call_add_binding(agt__call *call, const char *parameter, uint32_t from,
                                 const char *pointer)
{
    const agt_allocator *allocator = call->graph->allocator;
    agt__call_extra *extra = agt__call_need_extra(call);
    agt__binding *binding = extra != NULL ? agt__calloc(allocator, 1, sizeof(*binding)) : NULL;
    if (binding == NULL) {
        return AGT_E_NOMEM;
    }
    binding->from = from;
    binding->parameter = agt__strdup(allocator, parameter);
    binding->pointer = agt__strdup(allocator, pointer);
    if ((parameter != NULL && binding->parameter == NULL) ||
        (pointer != NULL && binding->pointer == NULL)) {
        agt__free(allocator, binding->parameter);
        agt__free(allocator, binding->pointer);
        agt__free(allocator, binding);
        return AGT_E_NOMEM;
    }
    if (extra->last_binding != NULL) {
        extra->last_binding->next = binding;
    } else {
        extra->bindings = binding;
    }
    extra->last_binding = binding;
    return AGT_OK;
}

agt_status agt_graph_add_binding(agt_graph *graph, agt_call_id call, const char *parameter,
                                 agt_call_id from, const char *pointer, agt_error *err)
{
    if (parameter == NULL || pointer == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "parameter and pointer are required");
    }
    if (!agt__utf8_is_valid(parameter, strlen(parameter))) {
        return agt__error_set(err, AGT_E_SYNTAX, ORIGIN, "a parameter's name is UTF-8");
    }
    if (pointer[0] != '\0' && pointer[0] != '/') {
        return agt__error_set(err, AGT_E_SYNTAX, ORIGIN,
                              "\"%s\" is no JSON Pointer: it is empty or begins with '/'", pointer);
    }
    bool locked;
    agt_status status = begin_change(graph, &locked, err);
    if (status != AGT_OK) {
        return status;
    }
    status = add_edge(graph, call, from, err);
    if (status == AGT_OK) {
        status = agt__call_add_binding(agt__graph_get_call(graph, call), parameter, from, pointer);
        if (status != AGT_OK) {
            (void)agt__error_nomem(err, ORIGIN);
        }
    }
    end_change(graph, locked);
    return status;
}

/* ---- sealing ------------------------------------------------------------------------------- */

/* Name the cycle that @start is on or leads back to: follow predecessors that were never settled;
 * `from[i]` is one of call i, plus 1. @next: room for a number per call. */
static agt_status report_cycle(const agt_graph *graph, const uint32_t *from, uint32_t *next,
                               uint32_t start, agt_error *err)
{
    uint32_t on_cycle = start;
    for (uint32_t i = 0; i < graph->count; i++) { /* after so many steps it must be on the cycle */
        on_cycle = from[on_cycle] - 1;
    }
    agt__buffer text;
    agt__buffer_init(&text, graph->allocator, 4096);
    uint32_t at = on_cycle;
    /* Predecessors are found backwards; the sentence reads "a → b": a is needed by b. */
    do {
        next[from[at] - 1] = at;
        at = from[at] - 1;
    } while (at != on_cycle);
    do {
        agt__buffer_add_format(&text, "%s%s", text.size > 0 ? " \xE2\x86\x92 " : "",
                               agt__call_get_name(agt__graph_get_call(graph, at)));
        at = next[at];
    } while (at != on_cycle);
    agt__buffer_add_format(&text, " \xE2\x86\x92 %s",
                           agt__call_get_name(agt__graph_get_call(graph, on_cycle)));
    agt_status status =
        agt__error_set(err, AGT_E_CYCLE, ORIGIN, "these calls wait for each other for ever: %s",
                       agt__buffer_text(&text));
    agt__buffer_deinit(&text);
    return status;
}

/* Kahn's algorithm: settle what has no open predecessor until nothing is left; what stays is on a
 * cycle or behind one. */
static agt_status find_cycle(const agt_graph *graph, uint32_t *open, uint32_t *queue,
                             agt_error *err)
{
    uint32_t queued = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        open[i] = agt__graph_get_call(graph, i)->dependencies;
        if (open[i] == 0) {
            queue[queued++] = i;
        }
    }
    for (uint32_t done = 0; done < queued; done++) {
        const agt__call *call = agt__graph_get_call(graph, queue[done]);
        for (uint32_t at = call->first_edge; at != 0; at = graph->edges[at - 1].next) {
            uint32_t to = graph->edges[at - 1].to;
            if (--open[to] == 0) {
                queue[queued++] = to;
            }
        }
    }
    if (queued == graph->count) {
        return AGT_OK;
    }
    /* `queue` is of no more use: reuse it for one unsettled predecessor of each call. */
    memset(queue, 0, graph->count * sizeof(*queue));
    uint32_t start = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        const agt__call *call = agt__graph_get_call(graph, i);
        if (open[i] == 0) {
            continue;
        }
        start = i;
        for (uint32_t at = call->first_edge; at != 0; at = graph->edges[at - 1].next) {
            queue[graph->edges[at - 1].to] = i + 1;
        }
    }
    return report_cycle(graph, queue, open, start, err);
}

agt_status agt_graph_seal(agt_graph *graph, agt_error *err)
{
    if (graph == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "graph is NULL");
    }
    if (graph->sealed || atomic_load_explicit(&graph->started, memory_order_acquire)) {
        return AGT_OK;
    }
    if (graph->has_backward_edges) { /* else the order of adding is an order */
        uint32_t *work = agt__alloc(graph->allocator, 2 * (size_t)graph->count * sizeof(*work));
        if (work == NULL) {
            return agt__error_nomem(err, ORIGIN);
        }
        agt_status status = find_cycle(graph, work, work + graph->count, err);
        agt__free(graph->allocator, work);
        if (status != AGT_OK) {
            return status;
        }
    }
    graph->sealed = !graph->open; /* while it grows, edges lead from old to new: no cycle */
    return AGT_OK;
}

void agt__call_rearm(agt__call *call)
{
    clear_result(call);
    call->start_ns = call->end_ns = call->run_ns = 0;
    call->attempts = 0;
    call->outcome = AGT_OUTCOME_NONE;
    call->flags = 0;
    call->resolved = false;
    if (call->extra != NULL) {
        call->extra->journalled = false;
        call->extra->has_key = false;
        agt__operation_unref(call->extra->replacement);
        call->extra->replacement = NULL;
        memset(call->extra->slots, 0, sizeof(call->extra->slots));
    }
}
