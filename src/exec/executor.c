/*
 * Executors: the registry of tools, their declared dependencies, and the stages every call passes.
 *
 * Tools are reference-counted operations, so that a call keeps its tool although the executor is
 * gone. The registry is guarded by a mutex; stages and the journal are set before anything runs.
 */
#include "exec/executor.h"

#include "base/assert.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "exec/tape.h"
#include "telemetry/semconv.h"

#include <stdatomic.h>
#include <string.h>

#define ORIGIN "exec"

/* Tools that are looked at for one that was meant: it happens on the loop. */
#define SUGGEST_MAX        256
#define TIMEOUT_MS_DEFAULT 30000u
#define NAME_MAX_BYTES     64u

/* ---- operations ---------------------------------------------------------------------------- */

agt__operation *agt__operation_ref(agt__operation *operation)
{
    if (operation != NULL) {
        atomic_fetch_add_explicit(&operation->refs, 1, memory_order_relaxed);
    }
    return operation;
}

void agt__operation_unref(agt__operation *operation)
{
    if (operation != NULL &&
        atomic_fetch_sub_explicit(&operation->refs, 1, memory_order_acq_rel) == 1) {
        operation->table->destroy(operation);
    }
}

/* ---- executors ----------------------------------------------------------------------------- */

static void free_executor(agt_executor *executor)
{
    agt_runtime *runtime = executor->runtime;
    for (size_t i = 0; i < executor->tools.count; i++) {
        agt_tool *tool = executor->tools.entries[i].value;
        agt__operation_unref(&tool->operation);
    }
    agt__map_deinit(&executor->tools);
    for (size_t i = 0; i < executor->policy_count; i++) {
        if (executor->policies[i]->table->destroy != NULL) {
            executor->policies[i]->table->destroy(executor->policies[i]);
        }
    }
    agt__approvals_free(executor->approvals);
    agt__free(executor->allocator, executor->dependencies);
    agt_budget_unref(executor->budget);
    (void)pthread_mutex_destroy(&executor->mutex);
    agt__free(executor->allocator, executor);
    agt__runtime_unref(runtime);
}

static agt_status add_slots(agt_executor *executor, uint32_t parallel_max)
{
    agt__policy *slots;
    agt_status status = agt__policy_new_slots(executor->allocator, parallel_max, &slots);
    return status == AGT_OK ? agt__executor_add_policy(executor, slots) : status;
}

agt_status agt_executor_new(agt_runtime *runtime, const agt_executor_config *config,
                            agt_executor **ret_executor, agt_error *err)
{
    agt_executor_config own;
    if (runtime == NULL || ret_executor == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "runtime and ret_executor are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        status = agt__runtime_check(runtime, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt_executor *executor = agt__calloc(runtime->allocator, 1, sizeof(*executor));
    if (executor == NULL || pthread_mutex_init(&executor->mutex, NULL) != 0) {
        agt__free(runtime->allocator, executor);
        return agt__error_nomem(err, ORIGIN);
    }
    executor->allocator = runtime->allocator;
    executor->runtime = agt__runtime_ref(runtime);
    executor->timeout_ms = own.timeout_ms != 0 ? own.timeout_ms : TIMEOUT_MS_DEFAULT;
    executor->budget = agt_budget_ref(own.budget);
    atomic_init(&executor->refs, 1);
    agt__map_init(&executor->tools, executor->allocator);
    if (own.parallel_max != 0 && add_slots(executor, own.parallel_max) != AGT_OK) {
        free_executor(executor);
        return agt__error_nomem(err, ORIGIN);
    }
    *ret_executor = executor;
    return AGT_OK;
}

agt_executor *agt_executor_ref(agt_executor *executor)
{
    if (executor != NULL) {
        atomic_fetch_add_explicit(&executor->refs, 1, memory_order_relaxed);
    }
    return executor;
}

void agt_executor_unref(agt_executor *executor)
{
    if (executor != NULL &&
        atomic_fetch_sub_explicit(&executor->refs, 1, memory_order_acq_rel) == 1) {
        free_executor(executor);
    }
}

agt_status agt__executor_add_policy(agt_executor *executor, agt__policy *policy)
{
    if (executor->policy_count + AGT__STAGES_BUILT_IN >= AGT__POLICIES_MAX) {
        if (policy->table->destroy != NULL) {
            policy->table->destroy(policy);
        }
        return AGT_E_LIMIT;
    }
    policy->index = (uint8_t)(executor->policy_count + AGT__STAGES_BUILT_IN);
    executor->policies[executor->policy_count++] = policy;
    return AGT_OK;
}

void agt__executor_set_journal(agt_executor *executor, agt__journal *journal)
{
    executor->journal = journal;
}

/* ---- tools --------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= NAME_MAX_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
               length;
}

static agt_status check_tool(const agt_executor *executor, const char *name,
                             const agt_tool_config *config, agt_error *err)
{
    if (executor == NULL || name == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "executor and name are required");
    }
    if (!is_name(name)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "\"%.80s\" is no tool name: 1 to 64 letters, digits, '_', '-' or '.'",
                              name);
    }
    if (config->mode < AGT_TOOL_BLOCKING || config->mode > AGT_TOOL_ASYNC) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "mode of tool \"%s\" is %d: no "
                              "agt_tool_mode",
                              name, config->mode);
    }
    if (config->effect < AGT_EFFECT_EFFECT || config->effect > AGT_EFFECT_IDEMPOTENT) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "effect of tool \"%s\" is %d: no "
                              "agt_effect",
                              name, config->effect);
    }
    if (config->cost_nanousd < 0) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "cost of tool \"%s\" is negative", name);
    }
    return AGT_OK;
}

static agt_status fill_tool(agt_executor *executor, agt_tool *tool, const char *name,
                            const agt__operation_table *table, const agt_tool_config *config,
                            agt_error *err)
{
    const agt_allocator *allocator = executor->allocator;
    tool->name = agt__strdup(allocator, name);
    if (config->description != NULL) {
        tool->description = agt__strdup(allocator, config->description);
    }
    if (tool->name == NULL || (config->description != NULL && tool->description == NULL)) {
        return agt__error_nomem(err, ORIGIN);
    }
    tool->executor = executor;
    tool->cost_nanousd = config->cost_nanousd;
    tool->simulated = config->simulated;
    tool->output_bytes_max = config->output_bytes_max;
    tool->operation = (agt__operation){
        .table = table,
        .allocator = allocator,
        .name = tool->name,
        .mode = (uint8_t)config->mode,
        .effect = (uint8_t)config->effect,
        .timeout_ms = config->timeout_ms != 0 ? config->timeout_ms : executor->timeout_ms,
        .user_data = config->user_data,
    };
    atomic_init(&tool->operation.refs, 1);
    if (config->retry != NULL) {
        agt_status status = agt__recovery_init(&tool->recovery, config->retry, err);
        if (status != AGT_OK) {
            return status;
        }
        tool->operation.recovery = &tool->recovery;
    }
    if (config->input_schema == NULL) {
        return AGT_OK;
    }
    agt_error detail;
    agt_status status =
        agt_schema_new(allocator, config->input_schema, &tool->operation.input, &detail);
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, ORIGIN);
    }
    return status == AGT_OK ? AGT_OK
                            : agt__error_set(err, status, ORIGIN, "input schema of tool \"%s\": %s",
                                             name, detail.message);
}

void agt__tool_deinit(agt_tool *tool)
{
    const agt_allocator *allocator = tool->operation.allocator;
    if (tool->release != NULL) {
        tool->release(tool->operation.user_data);
    }
    agt__recovery_deinit(&tool->recovery);
    agt_schema_unref(tool->operation.input);
    agt__free(allocator, tool->name);
    agt__free(allocator, tool->description);
}

static agt_status publish(agt_executor *executor, agt_tool *tool, agt_error *err)
{
    (void)pthread_mutex_lock(&executor->mutex);
    agt_status status = agt__map_add(&executor->tools, tool->name, tool);
    (void)pthread_mutex_unlock(&executor->mutex);
    if (status == AGT_E_EXISTS) {
        return agt__error_set(err, status, ORIGIN, "there is a tool \"%s\" already", tool->name);
    }
    return status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

agt_status agt__executor_add_tool(agt_executor *executor, const char *name, size_t size,
                                  const agt__operation_table *table, const agt_tool_config *config,
                                  agt_status (*init)(agt_tool *tool, const void *ctx,
                                                     agt_error *err),
                                  const void *ctx, agt_error *err)
{
    agt_tool_config own;
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        status = check_tool(executor, name, &own, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt_tool *tool = agt__calloc(executor->allocator, 1, size);
    if (tool == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    tool->operation.allocator = executor->allocator;
    status = fill_tool(executor, tool, name, table, &own, err);
    if (status == AGT_OK && init != NULL) {
        status = init(tool, ctx, err);
    }
    if (status == AGT_OK) {
        tool->release = own.release; /* from now on, whatever happens to the tool */
        status = publish(executor, tool, err);
        if (status != AGT_OK) {
            tool->release = NULL;
        }
    }
    if (status != AGT_OK) {
        if (tool->operation.table != NULL) {
            tool->operation.table->destroy(&tool->operation);
        } else {
            agt__tool_deinit(tool);
            agt__free(executor->allocator, tool);
        }
    }
    return status;
}

void agt__tool_estimate(const agt_tool_call *call, agt_budget_amount *ret_amount)
{
    const agt_tool *tool = (const agt_tool *)(const void *)agt__tool_call_get_operation(call);
    *ret_amount = (agt_budget_amount){.nanousd = tool->cost_nanousd, .calls = 1};
}

void agt__tool_finish(agt_tool_call *call, agt_span *span, agt_budget_amount *ret_actual)
{
    const agt_tool *tool = (const agt_tool *)(const void *)agt__tool_call_get_operation(call);
    if (tool->cost_nanousd == 0) {
        return;
    }
    agt_runtime *runtime = agt__tool_call_get_runtime(call);
    const agt_call_options *options = agt__tool_call_get_options(call);
    agt_cost_entry entry =
        AGT_CONFIG(agt_cost_entry, .agent = options->agent, .conversation = options->conversation,
                   .cost_nanousd = tool->cost_nanousd,
                   .simulated = tool->simulated || agt__tape_is_replay(runtime));
    entry.span = agt_tool_call_get_span(call);
    entry.usage = (agt_usage){.struct_size = sizeof(agt_usage)};
    entry.unix_ns = runtime->clock->get_unix_ns(runtime->clock->ctx);
    agt_span_set_int(span, AGT__ATTR_COST, tool->cost_nanousd);
    if (tool->simulated) {
        agt_span_set_bool(span, AGT__ATTR_SIMULATED, true);
    }
    (void)agt_cost_tracker_add(runtime->costs, &entry); /* no memory: the totals have it */
    *ret_actual = (agt_budget_amount){.nanousd = tool->cost_nanousd, .calls = 1};
}

/* ---- looking ------------------------------------------------------------------------------- */

agt_tool *agt_executor_get_tool(agt_executor *executor, const char *name)
{
    if (executor == NULL || name == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&executor->mutex);
    agt_tool *tool = agt__map_get(&executor->tools, name);
    (void)pthread_mutex_unlock(&executor->mutex);
    return tool;
}

const char *agt__executor_suggest(agt_executor *executor, const char *name)
{
    const char *names[2]; /* the nearest so far, and the next */
    size_t found = 0;
    (void)pthread_mutex_lock(&executor->mutex);
    for (size_t i = 0; i < executor->tools.count && i < SUGGEST_MAX; i++) {
        const agt_tool *tool = executor->tools.entries[i].value;
        names[found] = tool->name;
        names[0] = agt_names_suggest(name, names, found + 1);
        found = names[0] != NULL ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&executor->mutex);
    return found > 0 ? names[0] : NULL;
}

agt_status agt__executor_refuse_unknown(agt_executor *executor, const char *name, agt_status status,
                                        agt_error *err)
{
    const char *meant = executor != NULL ? agt__executor_suggest(executor, name) : NULL;
    return meant == NULL
               ? agt__error_set(err, status, ORIGIN, "there is no tool \"%s\"", name)
               : agt__error_set(err, status, ORIGIN,
                                "there is no tool \"%s\"; did you mean \"%s\"?", name, meant);
}

size_t agt_executor_get_tool_count(agt_executor *executor)
{
    (void)pthread_mutex_lock(&executor->mutex);
    size_t count = executor->tools.count;
    (void)pthread_mutex_unlock(&executor->mutex);
    return count;
}

agt_tool *agt_executor_get_tool_at(agt_executor *executor, size_t index)
{
    (void)pthread_mutex_lock(&executor->mutex);
    agt_tool *tool = index < executor->tools.count ? executor->tools.entries[index].value : NULL;
    (void)pthread_mutex_unlock(&executor->mutex);
    return tool;
}

const char *agt_tool_get_name(const agt_tool *tool)
{
    return tool->name;
}

const char *agt_tool_get_description(const agt_tool *tool)
{
    return tool->description != NULL ? tool->description : "";
}

const agt_value *agt_tool_get_input_schema(const agt_tool *tool)
{
    return tool->operation.input != NULL ? agt_schema_get_document(tool->operation.input) : NULL;
}

agt_effect agt_tool_get_effect(const agt_tool *tool)
{
    return (agt_effect)tool->operation.effect;
}

const char *agt_tool_get_kind(const agt_tool *tool)
{
    return tool->operation.table->kind;
}

uint32_t agt_tool_get_timeout_ms(const agt_tool *tool)
{
    return tool->operation.timeout_ms;
}

int64_t agt__tool_get_cost_nanousd(const agt_tool *tool)
{
    return tool->cost_nanousd;
}

/* ---- dependencies between tools ------------------------------------------------------------ */

/* Whether @from leads to @to over declared dependencies: breadth first, each tool once. The tools
 * on the way know from where they were reached. */
static bool leads_to(agt_executor *executor, agt_tool *from, const agt_tool *to)
{
    uint64_t search = ++executor->searches;
    agt_tool *last = from;
    from->reached_in = search;
    from->reached_from = NULL;
    from->next_reached = NULL;
    for (agt_tool *at = from; at != NULL && at != to; at = at->next_reached) {
        for (size_t i = at->first_dependency; i != 0; i = executor->dependencies[i - 1].next) {
            agt_tool *next = executor->dependencies[i - 1].depends_on;
            if (next->reached_in == search) {
                continue;
            }
            next->reached_in = search;
            next->reached_from = at;
            next->next_reached = NULL;
            last->next_reached = next;
            last = next;
        }
    }
    return to->reached_in == search;
}

/* The search for @tool has reached it. */
static agt_status report_cycle(const agt_executor *executor, const agt_tool *tool,
                               const agt_tool *depends_on, agt_error *err)
{
    agt__buffer way;
    agt__buffer_init(&way, executor->allocator, 4096);
    for (const agt_tool *at = tool; at != NULL; at = at->reached_from) {
        agt__buffer_add_format(&way, "%s \xE2\x86\x92 ", at->name);
    }
    (void)agt__error_set(err, AGT_E_CYCLE, ORIGIN, "\"%s\" cannot depend on \"%s\": %s%s",
                         tool->name, depends_on->name, agt__buffer_text(&way), tool->name);
    agt__buffer_deinit(&way);
    return AGT_E_CYCLE;
}

static agt_status add_dependency(agt_executor *executor, agt_tool *tool, agt_tool *depends_on,
                                 agt_error *err)
{
    if (leads_to(executor, depends_on, tool)) {
        return report_cycle(executor, tool, depends_on, err);
    }
    for (size_t i = tool->first_dependency; i != 0; i = executor->dependencies[i - 1].next) {
        if (executor->dependencies[i - 1].depends_on == depends_on) {
            return AGT_OK;
        }
    }
    if (agt__array_reserve(executor->allocator, &executor->dependencies,
                           &executor->dependency_capacity, executor->dependency_count,
                           sizeof(*executor->dependencies), SIZE_MAX) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    executor->dependencies[executor->dependency_count++] =
        (agt__tool_dependency){tool, depends_on, tool->first_dependency};
    tool->first_dependency = executor->dependency_count;
    return AGT_OK;
}

agt_status agt_executor_add_dependency(agt_executor *executor, const char *tool,
                                       const char *depends_on, agt_error *err)
{
    if (executor == NULL || tool == NULL || depends_on == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "executor, tool and depends_on are required");
    }
    agt_tool *first = agt_executor_get_tool(executor, tool);
    agt_tool *second = agt_executor_get_tool(executor, depends_on);
    if (first == NULL || second == NULL) {
        return agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN,
                              "there is no tool \"%s\": register it before its dependencies",
                              first == NULL ? tool : depends_on);
    }
    (void)pthread_mutex_lock(&executor->mutex);
    agt_status status = add_dependency(executor, first, second, err);
    (void)pthread_mutex_unlock(&executor->mutex);
    return status;
}
