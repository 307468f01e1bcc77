/*
 * At most so many calls of an executor at a time. Waiting calls stand in a heap ordered by
 * priority, then by age: that of the timers, with the priority for the time. A slot that becomes
 * free wakes the first, and nobody passes it. A call holds its slot from its start to the end of
 * its last attempt; agents and graphs that wait for calls of their own hold none, or they could
 * wait for themselves for ever: only operations of kind "agent" pass without a slot.
 */
#include "base/error.h"
#include "base/heap.h"
#include "base/mem.h"
#include "exec/graph.h"

#include <string.h>

typedef struct waiting_call {
    agt__timer place; /* first; never fires */
    agt__call *call;
} waiting_call;

typedef struct slots_policy {
    agt__policy policy; /* first */
    const agt_allocator *allocator;
    uint32_t free;
    agt__heap waiting; /* of waiting_call; the first is the next to go */
} slots_policy;

static slots_policy *slots_of(agt__policy *policy)
{
    return (slots_policy *)(void *)policy;
}

static bool slots_apply(const agt__policy *policy, const agt__call *call)
{
    (void)policy;
    return strcmp(agt__call_get_operation(call)->table->kind, "agent") != 0;
}

static waiting_call *first_waiting(const slots_policy *slots)
{
    return (waiting_call *)(void *)agt__heap_first(&slots->waiting);
}

/* The higher the priority, the earlier. */
static uint64_t rank_of(const agt__call *call)
{
    return (uint64_t)(INT32_MAX - (int64_t)agt__call_get_options(call)->priority);
}

static void never_fire(agt__timer *place)
{
    (void)place;
}

static agt__admit wait_for_slot(slots_policy *slots, agt__call *call, agt__admission *admission)
{
    void **slot = agt__call_get_slot(call, &slots->policy);
    if (slot != NULL && *slot != NULL) {
        return AGT__ADMIT_PARK; /* waits already */
    }
    waiting_call *waiting =
        slot != NULL ? agt__calloc(slots->allocator, 1, sizeof(*waiting)) : NULL;
    if (waiting != NULL) {
        waiting->place.fire = never_fire;
    }
    if (waiting == NULL ||
        agt__heap_start(&slots->waiting, &waiting->place, rank_of(call)) != AGT_OK) {
        agt__free(slots->allocator, waiting);
        admission->outcome = AGT_OUTCOME_ERROR;
        (void)agt__error_nomem(&admission->error, "exec");
        return AGT__ADMIT_REFUSE;
    }
    waiting->call = call;
    *slot = waiting;
    return AGT__ADMIT_PARK;
}

static void stop_waiting(slots_policy *slots, agt__call *call)
{
    void **slot = agt__call_get_slot(call, &slots->policy);
    if (slot != NULL && *slot != NULL) {
        waiting_call *waiting = *slot;
        agt__heap_stop(&slots->waiting, &waiting->place);
        agt__free(slots->allocator, waiting);
        *slot = NULL;
    }
}

/* Whether nobody waits who goes before @call: a free slot is somebody's turn already, and one who
 * came in front of him without taking it would leave both waiting. */
static bool is_next(const slots_policy *slots, const agt__call *call)
{
    const waiting_call *first = first_waiting(slots);
    return first == NULL || first->call == call || first->place.due_ns > rank_of(call);
}

static void wake_first(const slots_policy *slots)
{
    const waiting_call *first = first_waiting(slots);
    if (slots->free > 0 && first != NULL) {
        agt__call_wake(first->call);
    }
}

static agt__admit slots_probe(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    slots_policy *slots = slots_of(policy);
    return slots->free > 0 && is_next(slots, call) ? AGT__ADMIT_GO
                                                   : wait_for_slot(slots, call, admission);
}

static agt__admit slots_take(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    slots_policy *slots = slots_of(policy);
    (void)admission;
    stop_waiting(slots, call);
    slots->free--;
    wake_first(slots);
    return AGT__ADMIT_GO;
}

static void slots_release(agt__policy *policy, agt__call *call)
{
    slots_policy *slots = slots_of(policy);
    (void)call;
    slots->free++;
    wake_first(slots);
}

static void slots_forget(agt__policy *policy, agt__call *call)
{
    slots_policy *slots = slots_of(policy);
    if (call->extra != NULL && call->extra->slots[policy->index] != NULL) {
        stop_waiting(slots, call);
        wake_first(slots); /* the slot it waited for may be free for the one behind it */
    }
}

static void slots_destroy(agt__policy *policy)
{
    agt__heap_deinit(&slots_of(policy)->waiting);
    agt__free(slots_of(policy)->allocator, policy);
}

static const agt__policy_table slots_table = {
    .name = "slots",
    .applies = slots_apply,
    .probe = slots_probe,
    .take = slots_take,
    .release = slots_release,
    .forget = slots_forget,
    .destroy = slots_destroy,
};

agt_status agt__policy_new_slots(const agt_allocator *allocator, uint32_t parallel_max,
                                 agt__policy **ret_policy)
{
    slots_policy *slots = agt__calloc(allocator, 1, sizeof(*slots));
    if (slots == NULL) {
        return AGT_E_NOMEM;
    }
    slots->policy.table = &slots_table;
    slots->allocator = allocator;
    slots->free = parallel_max;
    agt__heap_init(&slots->waiting, allocator);
    *ret_policy = &slots->policy;
    return AGT_OK;
}
