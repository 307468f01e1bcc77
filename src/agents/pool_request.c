/*
 * Requests to pools: to one member, or to all that fit.
 *
 * A request is a graph with one call per member that was chosen. A record goes with it that knows
 * whose room was taken; the last call to settle frees it. The replies are made from the results of
 * the task, by whoever asks for them.
 *
 * Threads: starting, any; settling, the loop's.
 */
#include "agents/pool.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "runtime/runtime.h"

#include <string.h>

static const char origin[] = "agents/pool";

typedef struct asked {
    agt__member *member; /* referenced */
    bool has_room;       /* and took it */
} asked;

struct agt__pool_request {
    agt_pool *pool; /* referenced */
    uint64_t start_ns;
    size_t count;
    size_t pending;
    asked asked[]; /* in the order of the calls */
};

/* ---- choosing ---------------------------------------------------------------------------------
 */

static agt_status choose(const agt_pool *pool, const agt__wish *wish, bool all, size_t *ret_indices,
                         size_t *ret_count, agt_error *err)
{
    agt__candidate *candidates =
        agt__calloc(pool->allocator, pool->member_count, sizeof(*candidates));
    if (candidates == NULL && pool->member_count > 0) {
        return agt__error_nomem(err, origin);
    }
    for (size_t i = 0; i < pool->member_count; i++) {
        candidates[i] = pool->members[i]->candidate;
    }
    agt_status status = AGT_OK;
    if (all) {
        status = agt__router_choose_all(candidates, pool->member_count, wish, ret_indices,
                                        ret_count, err);
    } else {
        *ret_count = 1;
        status = agt__router_choose(candidates, pool->member_count, wish, ret_indices, err);
    }
    agt__free(pool->allocator, candidates);
    return status;
}

/* Take the room of one more request of a member, if there is any. Under the mutex. */
static void take_room(agt_pool *pool, asked *target, agt__member *member)
{
    target->member = member;
    (void)agt__operation_ref(&member->operation);
    target->has_room = agt__candidate_has_room(&member->candidate);
    if (target->has_room) {
        member->candidate.running++;
    }
    member->candidate.requests++;
    pool->running++;
    pool->requests++;
}

/* Under the mutex. */
static void give_room_back(agt_pool *pool, const asked *target)
{
    if (target->has_room) {
        target->member->candidate.running--;
    }
    pool->running--;
}

static agt_status new_request(agt_pool *pool, const agt_request *request, bool all,
                              agt__pool_request **ret_record, agt_error *err)
{
    const agt__wish wish = {request->agents, request->capabilities, request->specialization};
    (void)pthread_mutex_lock(&pool->mutex);
    size_t most = pool->member_count + 1;
    size_t count = 0;
    size_t *indices = agt__calloc(pool->allocator, most, sizeof(*indices));
    agt__pool_request *record =
        agt__calloc(pool->allocator, 1, sizeof(*record) + most * sizeof(asked));
    agt_status status = indices != NULL && record != NULL
                            ? choose(pool, &wish, all, indices, &count, err)
                            : agt__error_nomem(err, origin);
    if (status == AGT_OK) {
        record->pool = agt_pool_ref(pool);
        record->start_ns = agt__runtime_now_ns(pool->runtime);
        record->count = count;
        record->pending = count;
        for (size_t i = 0; i < count; i++) {
            take_room(pool, &record->asked[i], pool->members[indices[i]]);
        }
        *ret_record = record;
    } else {
        agt__free(pool->allocator, record);
    }
    agt__free(pool->allocator, indices);
    (void)pthread_mutex_unlock(&pool->mutex);
    return status;
}

static void free_request(agt__pool_request *record)
{
    agt_pool *pool = record->pool;
    for (size_t i = 0; i < record->count; i++) {
        agt__operation_unref(&record->asked[i].member->operation);
    }
    agt__free(pool->allocator, record);
    agt_pool_unref(pool);
}

/* Nothing was started: as if it had never been asked for. */
static void undo_request(agt__pool_request *record)
{
    agt_pool *pool = record->pool;
    (void)pthread_mutex_lock(&pool->mutex);
    for (size_t i = 0; i < record->count; i++) {
        give_room_back(pool, &record->asked[i]);
        record->asked[i].member->candidate.requests--;
        pool->requests--;
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    free_request(record);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void on_settled(agt_graph *graph, agt_call_id call, void *user_data)
{
    agt__pool_request *record = user_data;
    agt_pool *pool = record->pool;
    uint64_t now_ns = agt__runtime_now_ns(pool->runtime);
    bool ok = agt__graph_get_outcome(graph, call) == AGT_OUTCOME_OK;
    (void)pthread_mutex_lock(&pool->mutex);
    give_room_back(pool, &record->asked[call]);
    pool->settled++;
    pool->failures += ok ? 0 : 1;
    pool->total_ms += (double)(now_ns - record->start_ns) / 1e6;
    (void)pthread_mutex_unlock(&pool->mutex);
    if (--record->pending == 0) {
        free_request(record);
    }
}

static agt_status add_calls(agt__pool_request *record, const agt_request *request, agt_graph *graph,
                            agt_error *err)
{
    const agt_allocator *allocator = record->pool->allocator;
    agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = request->timeout_ms);
    const agt__listener listener = {.on_settled = on_settled, .user_data = record};
    agt_value *input = NULL;
    agt_status status = agt__agent_new_input(allocator, request->message, &input, err);
    for (size_t i = 0; i < record->count && status == AGT_OK; i++) {
        agt__operation *operation = &record->asked[i].member->operation;
        agt__operation *full = NULL;
        if (!record->asked[i].has_room) {
            status = agt__member_new_full(allocator, operation->name, &full);
            operation = full;
        }
        if (status != AGT_OK) {
            agt__error_nomem(err, origin);
            break;
        }
        status = agt__graph_add_operation(graph, operation, input,
                                          request->timeout_ms != 0 ? &options : NULL, &listener,
                                          NULL, err);
        if (full != NULL) {
            agt__operation_unref(full);
        }
    }
    agt_value_unref(input);
    return status;
}

static agt_status start(agt_pool *pool, const agt_request *request, bool all, agt_task **ret_task,
                        agt_error *err)
{
    agt_request own;
    agt__pool_request *record = NULL;
    agt_graph *graph = NULL;
    if (pool == NULL || request == NULL || ret_task == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "pool, request and ret_task are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), request, err);
    if (status == AGT_OK && all && own.options != NULL) {
        agt_call_options options;
        status = agt__config_read(&options, sizeof(options), own.options, err);
        if (status == AGT_OK && options.session != NULL) {
            status = agt__error_set(err, AGT_E_INVALID, origin,
                                    "a session has one run at a time: several members cannot go "
                                    "on with it at once; fork it");
        }
    }
    if (status == AGT_OK) {
        status = new_request(pool, &own, all, &record, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = pool->name);
    status = agt__graph_new(pool->runtime, NULL, &config, &graph, err);
    if (status == AGT_OK) {
        status = add_calls(record, &own, graph, err);
    }
    if (status == AGT_OK) {
        status = agt_graph_start(graph, own.options, ret_task, err);
    }
    if (status != AGT_OK) {
        undo_request(record);
    }
    agt_graph_unref(graph);
    return status;
}

/* ---- public -----------------------------------------------------------------------------------
 */

agt_status agt_pool_route_request_start(agt_pool *pool, const agt_request *request,
                                        agt_task **ret_task, agt_error *err)
{
    return start(pool, request, false, ret_task, err);
}

agt_status agt_pool_broadcast_request_start(agt_pool *pool, const agt_request *request,
                                            agt_task **ret_task, agt_error *err)
{
    return start(pool, request, true, ret_task, err);
}

static agt_status check_blocking(const agt_pool *pool, const void *target, agt_error *err)
{
    if (pool == NULL || target == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "pool and ret_ are required");
    }
    if (agt_runtime_is_loop_thread(pool->runtime)) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "nothing may wait on the loop thread: use the function that ends in "
                              "_start");
    }
    return AGT_OK;
}

/* Wait for a task that was started. */
static agt_status wait_for(agt_task *task, const agt_pool *pool, agt_error *err)
{
    agt_status status = agt_task_wait(task, AGT_MS_NONE);
    if (status != AGT_OK) {
        agt__error_set(err, status, origin, "waiting for pool \"%s\": %s", pool->name,
                       agt_status_get_text(status));
    }
    return status;
}

agt_status agt_pool_route_request(agt_pool *pool, const agt_request *request, agt_reply **ret_reply,
                                  agt_error *err)
{
    agt_task *task = NULL;
    agt_status status = check_blocking(pool, ret_reply, err);
    if (status == AGT_OK) {
        status = start(pool, request, false, &task, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    status = wait_for(task, pool, err);
    if (status == AGT_OK) {
        status = agt_task_get_reply(task, ret_reply);
        if (status == AGT_E_NOMEM) {
            agt__error_nomem(err, origin);
        }
    }
    agt_task_unref(task);
    return status;
}

agt_status agt_pool_broadcast_request(agt_pool *pool, const agt_request *request,
                                      agt_replies **ret_replies, agt_error *err)
{
    agt_task *task = NULL;
    agt_status status = check_blocking(pool, ret_replies, err);
    if (status == AGT_OK) {
        status = start(pool, request, true, &task, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    status = wait_for(task, pool, err);
    if (status == AGT_OK) {
        status = agt_task_get_replies(task, ret_replies);
        if (status == AGT_E_NOMEM) {
            agt__error_nomem(err, origin);
        }
    }
    agt_task_unref(task);
    return status;
}
