/*
 * The retry stage: another attempt of what failed, if that can help and cannot hurt.
 *
 * What an operation wants is in its recovery. Waits double and are cut by a random share, so that
 * callers that failed together do not come back together; a server that says how long it wants to
 * be left alone is obeyed, or, if that is too long, believed: the call ends with its answer.
 *
 * There is no state but the number of attempts. The slot of a call says how many of them belong to
 * operations that ran before a fallback took over: each operation has its own.
 */
#include "base/config.h"
#include "base/error.h"
#include "exec/graph.h"
#include "exec/results.h"

#define ORIGIN "exec/retry"

enum {
    ATTEMPTS_DEFAULT = 3,
    DELAY_MS_DEFAULT = 500,
    DELAY_MAX_MS_DEFAULT = 8000,
    RETRY_AFTER_MAX_MS_DEFAULT = 60000
};

static uint32_t number_or(uint32_t number, uint32_t otherwise)
{
    return number != 0 ? number : otherwise;
}

agt_status agt__recovery_init(agt__recovery *recovery, const agt_retry *retry, agt_error *err)
{
    agt_retry own;
    agt_status status = agt__config_read(&own, sizeof(own), retry, err);
    if (status != AGT_OK) {
        return status;
    }
    if (own.jitter_percent > 100 && own.jitter_percent != AGT_MS_NONE) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "jitter_percent is %u: expected 0 to 100, or AGT_MS_NONE",
                              own.jitter_percent);
    }
    own.attempts_max = retry != NULL ? number_or(own.attempts_max, ATTEMPTS_DEFAULT) : 1;
    own.delay_ms = number_or(own.delay_ms, DELAY_MS_DEFAULT);
    own.delay_max_ms = number_or(own.delay_max_ms, DELAY_MAX_MS_DEFAULT);
    own.jitter_percent = own.jitter_percent == AGT_MS_NONE ? 0 : number_or(own.jitter_percent, 100);
    own.retry_after_max_ms = number_or(own.retry_after_max_ms, RETRY_AFTER_MAX_MS_DEFAULT);
    *recovery = (agt__recovery){.retry = own};
    return AGT_OK;
}

void agt__recovery_deinit(agt__recovery *recovery)
{
    agt__operation_unref(recovery->fallback);
    recovery->fallback = NULL;
}

static bool retry_applies(const agt__policy *policy, const agt__call *call)
{
    (void)policy;
    const agt__recovery *recovery = agt__call_operation(call)->recovery;
    return recovery != NULL && recovery->retry.attempts_max > 1;
}

static bool may_succeed_later(agt_outcome outcome, const agt_error *err)
{
    switch (outcome) {
    case AGT_OUTCOME_TIMEOUT: /* of this attempt: there is time for another one, see below */
        return true;
    case AGT_OUTCOME_ERROR:
    case AGT_OUTCOME_RATE_LIMITED:
        return (err->flags & AGT_ERROR_RETRYABLE) != 0 || err->status == AGT_E_BUSY;
    default:
        return false;
    }
}

/* Whether a second attempt cannot have its effect a second time. */
static bool may_be_repeated(const agt__operation *operation, agt_outcome outcome,
                            const agt_error *err)
{
    return operation->effect != AGT_EFFECT_EFFECT || outcome == AGT_OUTCOME_RATE_LIMITED ||
           (err->flags & AGT_ERROR_UNSENT) != 0;
}

/* Nanoseconds before attempt @number (from 2) of an operation. */
static uint64_t draw_wait_ns(const agt_retry *retry, uint32_t number, agt__prng *prng)
{
    uint64_t wait_ns = (uint64_t)retry->delay_ms * 1000000u;
    uint64_t most_ns = (uint64_t)retry->delay_max_ms * 1000000u;
    for (uint32_t i = 2; i < number && wait_ns < most_ns; i++) {
        wait_ns *= 2;
    }
    wait_ns = wait_ns < most_ns ? wait_ns : most_ns;
    uint64_t random_ns = wait_ns / 100 * retry->jitter_percent;
    return wait_ns - (random_ns > 0 ? agt__prng_below(prng, random_ns + 1) : 0);
}

static agt__settle retry_settle(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    const agt__operation *operation = agt__call_operation(call);
    const agt_retry *retry = &operation->recovery->retry;
    agt_runtime *runtime = agt__call_get_runtime(call);
    agt_outcome outcome = agt__call_get_outcome(call);
    uint32_t number = call->attempts - (uint32_t)(uintptr_t)call->extra->slots[policy->index] + 1;
    agt_error err = {.status = AGT_OK};
    if (outcome == AGT_OUTCOME_OK || number > retry->attempts_max) {
        return AGT__SETTLE_DONE;
    }
    (void)agt__call_get_error(call, &err);
    if (!may_succeed_later(outcome, &err) || !may_be_repeated(operation, outcome, &err) ||
        err.retry_after_ms > retry->retry_after_max_ms) {
        return AGT__SETTLE_DONE;
    }
    uint64_t wait_ns = err.retry_after_ms != 0 ? (uint64_t)err.retry_after_ms * 1000000u
                                               : draw_wait_ns(retry, number, &runtime->prng);
    settlement->due_ns = agt__runtime_now_ns(runtime) + wait_ns;
    return settlement->due_ns < agt__call_get_deadline_ns(call) ? AGT__SETTLE_AGAIN
                                                                : AGT__SETTLE_DONE;
}

static const agt__policy_table retry_table = {
    .name = "retry",
    .applies = retry_applies,
    .settle = retry_settle,
};

agt__policy *agt__policy_get_retry(void)
{
    /* Never written to: a policy without state. */
    static agt__policy retry = {.table = &retry_table, .index = AGT__STAGE_RETRY};
    return &retry;
}
