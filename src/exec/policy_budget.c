/*
 * The budget stage: before a call starts, its worst case is reserved in the budget of its options
 * (and in all scopes around that one); after it, what it really cost takes the place of the
 * reservation. So calls that run in parallel cannot overspend together.
 *
 * There is no probe: a reservation is tried or not, and agt_budget_reserve() is all or nothing. The
 * estimate is asked again at release, where it has to be the same: an operation's estimate depends
 * on its input only.
 */
#include "exec/graph.h"

static bool budget_applies(const agt__policy *policy, const agt__call *call)
{
    (void)policy;
    return agt__call_get_options(call)->budget != NULL;
}

static void estimate(agt__call *call, agt_budget_amount *ret_amount)
{
    agt__operation *operation = agt__call_get_operation(call);
    *ret_amount = (agt_budget_amount){.calls = 1};
    if (operation->table->estimate != NULL) {
        /* The estimate looks at a call through the same handle as everything else. */
        agt_tool_call attempt = {.call = call,
                                 .graph = call->graph,
                                 .operation = operation,
                                 .input = agt__call_get_input(call),
                                 .due_ns = UINT64_MAX};
        operation->table->estimate(&attempt, ret_amount);
    }
}

static agt__admit budget_take(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    agt_budget_amount amount;
    estimate(call, &amount);
    agt_status status =
        agt_budget_reserve(agt__call_get_options(call)->budget, &amount, &admission->error);
    if (status == AGT_OK) {
        call->extra->actual = amount; /* unless finish() says otherwise */
        call->extra->slots[policy->index] = (void *)(uintptr_t)call->attempts;
        return AGT__ADMIT_GO;
    }
    admission->outcome =
        status == AGT_E_BUDGET_DENIED ? AGT_OUTCOME_BUDGET_DENIED : AGT_OUTCOME_ERROR;
    return AGT__ADMIT_REFUSE;
}

static void budget_release(agt__policy *policy, agt__call *call)
{
    agt_budget_amount reserved;
    estimate(call, &reserved);
    /* A later stage may have said no after this one had granted. */
    bool ran = call->attempts > (uintptr_t)call->extra->slots[policy->index];
    const agt_budget_amount nothing = {0, 0, 0};
    agt_budget_settle(agt__call_get_options(call)->budget, &reserved,
                      ran ? agt__call_get_actual(call) : &nothing);
}

static const agt__policy_table budget_table = {
    .name = "budget",
    .applies = budget_applies,
    .take = budget_take,
    .release = budget_release,
};

agt__policy *agt__policy_get_budget(void)
{
    /* Never written to: a policy without state. */
    static agt__policy budget = {.table = &budget_table, .index = AGT__STAGE_BUDGET};
    return &budget;
}
