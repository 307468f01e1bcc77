/*
 * Replies: views of what an agent's call gave as its output.
 *
 * The outcome and the error are those of the call, for the engine may know better than the agent
 * why there is no answer; everything else is read from the output when it is asked for.
 *
 * Threads: a reply never changes after it was made.
 */
#include "agents/reply.h"

#include "agents/agent.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <stdatomic.h>
#include <string.h>

struct agt_reply {
    const agt_allocator *allocator;
    _Atomic uint32_t refs;
    agt_outcome outcome;
    agt_value *output; /* NULL if there is none */
    agt_error error;   /* unless ok */
    char agent[];
};

struct agt_replies {
    const agt_allocator *allocator;
    size_t count;
    agt_reply *items[];
};

/* ---- one reply --------------------------------------------------------------------------------
 */

agt_status agt__reply_new_from(const agt_allocator *allocator, const char *agent,
                               agt_outcome outcome, const agt_error *error, const agt_value *output,
                               agt_reply **ret_reply)
{
    size_t size = strlen(agent) + 1;
    agt_reply *reply = agt__calloc(allocator, 1, sizeof(*reply) + size);
    if (reply == NULL) {
        return AGT_E_NOMEM;
    }
    reply->allocator = allocator;
    atomic_init(&reply->refs, 1);
    reply->outcome = outcome;
    reply->output = agt_value_ref(output);
    if (outcome != AGT_OUTCOME_OK && error != NULL) {
        reply->error = *error;
    }
    memcpy(reply->agent, agent, size);
    *ret_reply = reply;
    return AGT_OK;
}

agt_status agt__reply_new(const agt_allocator *allocator, const agt_results *results, size_t index,
                          agt_reply **ret_reply)
{
    agt_error error = {0};
    (void)agt_results_get_error(results, index, &error);
    return agt__reply_new_from(allocator, agt_results_get_name(results, index),
                               agt_results_get_outcome(results, index), &error,
                               agt__results_get_output(results, index), ret_reply);
}

agt_reply *agt_reply_ref(agt_reply *reply)
{
    if (reply != NULL) {
        atomic_fetch_add_explicit(&reply->refs, 1, memory_order_relaxed);
    }
    return reply;
}

void agt_reply_unref(agt_reply *reply)
{
    if (reply != NULL && atomic_fetch_sub_explicit(&reply->refs, 1, memory_order_acq_rel) == 1) {
        agt_value_unref(reply->output);
        agt__free(reply->allocator, reply);
    }
}

/* NULL, the reply of a request that could not be made, has nothing in it. */
static const agt_value *get_part(const agt_reply *reply, const char *key)
{
    return reply != NULL ? agt_value_get_member(reply->output, key) : NULL;
}

const agt_value *agt__reply_get_output(const agt_reply *reply)
{
    return reply->output;
}

agt_outcome agt_reply_get_outcome(const agt_reply *reply)
{
    return reply != NULL ? reply->outcome : AGT_OUTCOME_NONE;
}

agt_status agt_reply_get_error(const agt_reply *reply, agt_error *ret_error)
{
    if (reply == NULL) {
        return AGT_E_INVALID;
    }
    if (reply->outcome == AGT_OUTCOME_OK) {
        return AGT_OK;
    }
    if (ret_error != NULL) {
        *ret_error = reply->error;
    }
    return reply->error.status != AGT_OK ? reply->error.status
                                         : agt_outcome_get_status(reply->outcome);
}

const char *agt_reply_get_text(const agt_reply *reply)
{
    const char *text = agt_value_get_string(get_part(reply, "text"), NULL);
    return text != NULL ? text : "";
}

const agt_value *agt_reply_get_value(const agt_reply *reply)
{
    return get_part(reply, "value");
}

const char *agt_reply_get_agent(const agt_reply *reply)
{
    return reply != NULL ? reply->agent : "";
}

double agt_reply_get_confidence(const agt_reply *reply)
{
    double confidence = -1;
    const agt_value *member = agt_value_get_member(agt_reply_get_value(reply), "confidence");
    if (agt_value_get_double(member, &confidence) != AGT_OK || confidence < 0 || confidence > 1) {
        return -1;
    }
    return confidence;
}

static uint64_t get_count(const agt_value *object, const char *key)
{
    uint64_t count = 0;
    const agt_value *member = agt_value_get_member(object, key);
    return agt_value_get_uint64(member, &count) == AGT_OK ? count : 0;
}

static int64_t get_money(const agt_value *object, const char *key)
{
    int64_t nanousd = 0;
    const agt_value *member = agt_value_get_member(object, key);
    return agt_value_get_int64(member, &nanousd) == AGT_OK ? nanousd : 0;
}

void agt_reply_get_costs(const agt_reply *reply, agt_costs *ret_costs)
{
    const agt_value *costs = get_part(reply, "costs");
    agt_costs own = {
        .struct_size = sizeof(own),
        .total_nanousd = get_money(costs, "total_nanousd"),
        .input_tokens = get_count(costs, "input_tokens"),
        .output_tokens = get_count(costs, "output_tokens"),
        .total_tokens = get_count(costs, "total_tokens"),
        .calls = get_count(costs, "calls"),
        .unpriced_calls = get_count(costs, "unpriced_calls"),
        .simulated_nanousd = get_money(costs, "simulated_nanousd"),
        .simulated_tokens = get_count(costs, "simulated_tokens"),
        .simulated_calls = get_count(costs, "simulated_calls"),
    };
    agt__report_write(ret_costs, &own, sizeof(own));
}

uint32_t agt_reply_get_steps(const agt_reply *reply)
{
    return reply != NULL ? (uint32_t)get_count(reply->output, "steps") : 0;
}

uint32_t agt_reply_get_tool_calls(const agt_reply *reply)
{
    return reply != NULL ? (uint32_t)get_count(reply->output, "tool_calls") : 0;
}

agt_span_context agt_reply_get_span(const agt_reply *reply)
{
    agt_span_context context = {0};
    const char *text = agt_value_get_string(get_part(reply, "span"), NULL);
    if (text == NULL || agt_span_context_from_traceparent(text, &context) != AGT_OK) {
        context = (agt_span_context){0};
    }
    return context;
}

agt_status agt_task_get_reply(agt_task *task, agt_reply **ret_reply)
{
    agt_results *results = NULL;
    if (task == NULL || ret_reply == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt_task_get_results(task, &results);
    if (status != AGT_OK) {
        return status;
    }
    status = AGT_E_INVALID;
    if (agt_results_get_count(results) == 1) {
        const agt__operation *operation = agt__results_get_operation(results, 0);
        if (operation != NULL && agt__operation_is_agent(operation)) {
            status = agt__reply_new(operation->allocator, results, 0, ret_reply);
        }
    }
    agt_results_unref(results);
    return status;
}

/* ---- many replies -----------------------------------------------------------------------------
 */

static agt_status new_replies(const agt_allocator *allocator, size_t count,
                              agt_replies **ret_replies)
{
    agt_replies *replies =
        agt__calloc(allocator, 1, sizeof(*replies) + count * sizeof(agt_reply *));
    if (replies == NULL) {
        return AGT_E_NOMEM;
    }
    replies->allocator = allocator;
    replies->count = count;
    *ret_replies = replies;
    return AGT_OK;
}

agt_status agt_replies_new(agt_runtime *runtime, agt_reply *const *replies, size_t count,
                           agt_replies **ret_replies)
{
    agt_replies *own = NULL;
    if (runtime == NULL || ret_replies == NULL || (replies == NULL && count > 0)) {
        return AGT_E_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (replies[i] == NULL) {
            return AGT_E_INVALID;
        }
    }
    agt_status status = new_replies(agt_runtime_get_allocator(runtime), count, &own);
    if (status != AGT_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        own->items[i] = agt_reply_ref(replies[i]);
    }
    *ret_replies = own;
    return AGT_OK;
}

static agt_status read_replies(const agt_results *results, agt_replies **ret_replies)
{
    size_t count = agt_results_get_count(results);
    agt_replies *replies = NULL;
    agt_status status = AGT_OK;
    for (size_t i = 0; i < count; i++) {
        const agt__operation *operation = agt__results_get_operation(results, i);
        if (operation == NULL || !agt__operation_is_agent(operation)) {
            return AGT_E_INVALID;
        }
    }
    if (count == 0) {
        return AGT_E_INVALID;
    }
    const agt_allocator *allocator = agt__results_get_operation(results, 0)->allocator;
    status = new_replies(allocator, count, &replies);
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        status = agt__reply_new(allocator, results, i, &replies->items[i]);
    }
    if (status != AGT_OK) {
        agt_replies_free(replies);
        return status;
    }
    *ret_replies = replies;
    return AGT_OK;
}

agt_status agt_task_get_replies(agt_task *task, agt_replies **ret_replies)
{
    agt_results *results = NULL;
    if (task == NULL || ret_replies == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt_task_get_results(task, &results);
    if (status == AGT_OK) {
        status = read_replies(results, ret_replies);
        agt_results_unref(results);
    }
    return status;
}

size_t agt_replies_get_count(const agt_replies *replies)
{
    return replies != NULL ? replies->count : 0;
}

agt_reply *agt_replies_get(const agt_replies *replies, size_t index)
{
    return index < agt_replies_get_count(replies) ? replies->items[index] : NULL;
}

void agt_replies_free(agt_replies *replies)
{
    if (replies == NULL) {
        return;
    }
    for (size_t i = 0; i < replies->count; i++) {
        agt_reply_unref(replies->items[i]);
    }
    agt__free(replies->allocator, replies);
}
