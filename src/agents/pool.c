/*
 * Pools: members with capabilities and room, one asked or many.
 *
 * Every request is a graph of calls of members: one for a routed request, one per member for a
 * broadcast. The pool itself schedules nothing; it chooses, counts who is busy, and is told by the
 * engine when an answer is there. Room is taken when a member is chosen, not when its call starts,
 * so that two threads cannot both take the last place.
 *
 * A member that is full when everybody is asked gets a call that fails at once: each reply is
 * there, whatever became of it.
 *
 * Threads: any; one mutex, under which nothing is called but the router.
 */
#include "agents/pool.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "runtime/runtime.h"

#include <stdatomic.h>
#include <string.h>

static const char origin[] = "agents/pool";

enum {
    members_max = 4096,
    name_bytes_max = 127
};

/* ---- members ----------------------------------------------------------------------------------
 */

static agt_status start_member(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    (void)ret_output;
    const agt__member *member = (const agt__member *)agt__tool_call_get_operation(call);
    return agt__agent_start(call, member->agent, AGT__AGENT_ALONE, ret_pending);
}

static void destroy_member(agt__operation *operation)
{
    agt__member *member = (agt__member *)operation;
    agt_agent_unref(member->agent);
    agt__free(operation->allocator, member);
}

static const agt__operation_table member_table = {
    .kind = "agent",
    .start = start_member,
    .cancel = agt__agent_cancel,
    .hold = agt__agent_hold,
    .begin_span = agt__agent_begin_span,
    .finish = agt__agent_finish,
    .destroy = destroy_member,
};

/* The answer of a member that has no room. */
static agt_status start_full(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    (void)ret_output;
    (void)ret_pending;
    agt_error err;
    agt__error_set(&err, AGT_E_BUSY, origin, "\"%s\" has as many requests as it can take",
                   agt_tool_call_get_name(call));
    err.flags |= AGT_ERROR_RETRYABLE;
    agt__tool_call_take_error(call, &err);
    return AGT_E_BUSY;
}

static void destroy_full(agt__operation *operation)
{
    agt__free(operation->allocator, operation);
}

static const agt__operation_table full_table = {
    .kind = "agent",
    .start = start_full,
    .begin_span = agt__agent_begin_span,
    .finish = agt__agent_finish,
    .destroy = destroy_full,
};

static void set_operation(agt__operation *operation, const agt__operation_table *table,
                          const agt_allocator *allocator, const char *name, agt_tool_mode mode)
{
    operation->table = table;
    operation->allocator = allocator;
    operation->name = name;
    operation->mode = (uint8_t)mode;
    operation->effect = AGT_EFFECT_IDEMPOTENT;
    operation->timeout_ms = AGT_MS_NONE;
    atomic_init(&operation->refs, 1);
}

agt_status agt__member_new_full(const agt_allocator *allocator, const char *name,
                                agt__operation **ret_operation)
{
    size_t size = strlen(name) + 1;
    agt__operation *operation = agt__calloc(allocator, 1, sizeof(*operation) + size);
    if (operation == NULL) {
        return AGT_E_NOMEM;
    }
    char *copy = (char *)(operation + 1);
    memcpy(copy, name, size);
    set_operation(operation, &full_table, allocator, copy, AGT_TOOL_INLINE);
    *ret_operation = operation;
    return AGT_OK;
}

static agt_status check_member(const char *name, const agt_member_config *config, agt_error *err)
{
    if (name == NULL || name[0] == '\0' || strlen(name) > name_bytes_max) {
        return agt__error_set(err, AGT_E_INVALID, origin, "a member needs a name of up to %d bytes",
                              name_bytes_max);
    }
    if (config->specialization < AGT_SPECIALIZATION_ANY ||
        config->specialization > AGT_SPECIALIZATION_MANAGER) {
        return agt__error_set(err, AGT_E_INVALID, origin, "%d is no specialization",
                              config->specialization);
    }
    if (!(config->weight >= 0 && config->weight <= 1e9)) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "the weight of member \"%s\" is not between 0 and 1e9", name);
    }
    return AGT_OK;
}

/* Copies @text to *at and moves that behind it. */
static const char *place(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = *at;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static agt__member *new_member(const agt_allocator *allocator, const char *name, agt_agent *agent,
                               const agt_member_config *config)
{
    size_t count = 0;
    size_t size = strlen(name) + 1;
    while (config->capabilities != NULL && config->capabilities[count] != NULL) {
        size += sizeof(char *) + strlen(config->capabilities[count]) + 1;
        count++;
    }
    agt__member *member = agt__calloc(allocator, 1, sizeof(*member) + size);
    if (member == NULL) {
        return NULL;
    }
    const char **capabilities = (const char **)(void *)(member + 1);
    char *at = (char *)(capabilities + count);
    const char *own_name = place(&at, name);
    for (size_t i = 0; i < count; i++) {
        capabilities[i] = place(&at, config->capabilities[i]);
    }
    set_operation(&member->operation, &member_table, allocator, own_name, AGT_TOOL_ASYNC);
    member->agent = agt_agent_ref(agent);
    member->weight = config->weight > 0 ? config->weight : 1.0;
    member->candidate = (agt__candidate){.name = own_name,
                                         .specialization = config->specialization,
                                         .capacity = config->capacity,
                                         .capabilities = capabilities,
                                         .capability_count = count};
    return member;
}

static agt__member *find_member(const agt_pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->member_count; i++) {
        if (strcmp(pool->members[i]->operation.name, name) == 0) {
            return pool->members[i];
        }
    }
    return NULL;
}

agt_status agt_pool_register_agent(agt_pool *pool, const char *name, agt_agent *agent,
                                   const agt_member_config *config, agt_error *err)
{
    agt_member_config own;
    if (pool == NULL || agent == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "pool and agent are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        name = name != NULL ? name : agt_agent_get_name(agent);
        status = check_member(name, &own, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt__member *member = new_member(pool->allocator, name, agent, &own);
    if (member == NULL) {
        return agt__error_nomem(err, origin);
    }
    (void)pthread_mutex_lock(&pool->mutex);
    status = find_member(pool, name) != NULL ? AGT_E_EXISTS : AGT_OK;
    if (status == AGT_OK) {
        status = agt__array_reserve(pool->allocator, &pool->members, &pool->member_capacity,
                                    pool->member_count, sizeof(*pool->members), members_max);
    }
    if (status == AGT_OK) {
        pool->members[pool->member_count++] = member;
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    if (status != AGT_OK) {
        agt__operation_unref(&member->operation);
        if (status == AGT_E_LIMIT) {
            return agt__error_set(err, status, origin,
                                  "member \"%s\": a pool has at most %d members", name,
                                  (int)members_max);
        }
        return agt__error_set(err, status, origin, "member \"%s\": %s", name,
                              status == AGT_E_EXISTS ? "there is one of that name"
                                                     : agt_status_get_text(status));
    }
    return AGT_OK;
}

/* ---- pools ------------------------------------------------------------------------------------
 */

agt_status agt_pool_new(agt_runtime *runtime, const char *name, agt_pool **ret_pool, agt_error *err)
{
    if (runtime == NULL || ret_pool == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "runtime and ret_pool are required");
    }
    const agt_allocator *allocator = agt_runtime_get_allocator(runtime);
    agt_pool *pool = agt__calloc(allocator, 1, sizeof(*pool));
    char *own_name = agt__strdup(allocator, name != NULL ? name : "pool");
    if (pool == NULL || own_name == NULL || pthread_mutex_init(&pool->mutex, NULL) != 0) {
        agt__free(allocator, own_name);
        agt__free(allocator, pool);
        return agt__error_nomem(err, origin);
    }
    pool->allocator = allocator;
    pool->runtime = agt__runtime_ref(runtime);
    atomic_init(&pool->refs, 1);
    pool->name = own_name;
    *ret_pool = pool;
    return AGT_OK;
}

agt_pool *agt_pool_ref(agt_pool *pool)
{
    if (pool != NULL) {
        atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    }
    return pool;
}

void agt_pool_unref(agt_pool *pool)
{
    if (pool == NULL || atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < pool->member_count; i++) {
        agt__operation_unref(&pool->members[i]->operation);
    }
    agt_runtime *runtime = pool->runtime;
    (void)pthread_mutex_destroy(&pool->mutex);
    agt__free(pool->allocator, pool->members);
    agt__free(pool->allocator, pool->name);
    agt__free(pool->allocator, pool);
    agt__runtime_unref(runtime);
}

double agt__pool_get_weight(agt_pool *pool, const char *name)
{
    (void)pthread_mutex_lock(&pool->mutex);
    const agt__member *member = find_member(pool, name);
    double weight = member != NULL ? member->weight : 1.0;
    (void)pthread_mutex_unlock(&pool->mutex);
    return weight;
}

void agt_pool_get_orchestration_metrics(agt_pool *pool, agt_orchestration_metrics *ret_metrics)
{
    agt_orchestration_metrics own = {.struct_size = sizeof(own)};
    (void)pthread_mutex_lock(&pool->mutex);
    own.active_agents = (uint32_t)pool->member_count;
    own.requests_running = pool->running;
    own.requests = pool->requests;
    own.failures = pool->failures;
    own.avg_response_time_ms = pool->settled > 0 ? pool->total_ms / (double)pool->settled : 0;
    (void)pthread_mutex_unlock(&pool->mutex);
    agt__report_write(ret_metrics, &own, sizeof(own));
}
