/*
 * The fallback stage: what failed for good is run by another operation instead, with the same
 * input. Fallbacks form a chain: each operation names the next one.
 *
 * It is asked after the retry stage, so an operation has had all its attempts by then; the slot of
 * the retry stage notes how many those were, and the next one starts with its own. Only failures of
 * the operation count: what was cancelled, refused by a budget or a policy, or rejected because of
 * its input would fare no better elsewhere. Nor is anything repeated that may have had its effect.
 */
#include "exec/graph.h"
#include "exec/results.h"

static bool fallback_applies(const agt__policy *policy, const agt__call *call)
{
    (void)policy;
    const agt__recovery *recovery = agt__call_operation(call)->recovery;
    return recovery != NULL && recovery->fallback != NULL;
}

static bool is_worth_it(const agt__call *call)
{
    const agt__operation *operation = agt__call_operation(call);
    agt_error err = {.status = AGT_OK};
    (void)agt__call_get_error(call, &err);
    switch (agt__call_get_outcome(call)) {
    case AGT_OUTCOME_TIMEOUT:
    case AGT_OUTCOME_ERROR:
        return operation->effect != AGT_EFFECT_EFFECT || (err.flags & AGT_ERROR_UNSENT) != 0;
    case AGT_OUTCOME_RATE_LIMITED:
        return true;
    default:
        return false;
    }
}

static agt__settle fallback_settle(agt__policy *policy, agt__call *call,
                                   agt__settlement *settlement)
{
    (void)policy;
    agt_runtime *runtime = agt__call_get_runtime(call);
    if (!is_worth_it(call) || agt__call_get_deadline_ns(call) <= agt__runtime_now_ns(runtime)) {
        return AGT__SETTLE_DONE;
    }
    call->extra->slots[AGT__STAGE_RETRY] = (void *)(uintptr_t)call->attempts;
    settlement->operation = agt__call_operation(call)->recovery->fallback;
    return AGT__SETTLE_REPLACE;
}

static const agt__policy_table fallback_table = {
    .name = "fallback",
    .applies = fallback_applies,
    .settle = fallback_settle,
};

agt__policy *agt__policy_get_fallback(void)
{
    /* Never written to: a policy without state. */
    static agt__policy fallback = {.table = &fallback_table, .index = AGT__STAGE_FALLBACK};
    return &fallback;
}
