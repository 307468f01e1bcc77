/*
 * The doors: how a call gets past journal and policies to its start, and from its end past them
 * again. Loop thread only.
 *
 *     enter:  intent → admit (probe all, take all) → start
 *     leave:  (hedges) → settle (each stage) → release grants → result → finish
 *
 * A call that has to wait is *parked*: linked in graph->parked, extra->door says where, and
 * agt__call_wake() lets it go on from there. A parked call holds no grant: probe comes before take,
 * and whatever was taken is given back if a later stage says no.
 *
 * Stages are numbered: first approval, budget, retry and fallback, which every graph has; then
 * those of the executor in the order in which they were added.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/value.h"
#include "exec/graph.h"

#include <string.h>

#define ORIGIN "exec"

/* ---- parking ------------------------------------------------------------------------------- */

static uint64_t deadline_of(const agt__call *call)
{
    const agt__options *own = call->extra->options;
    return own != NULL ? own->deadline_ns : UINT64_MAX; /* that of the run cancels the run */
}

uint64_t agt__call_get_deadline_ns(const agt__call *call)
{
    const agt_graph *graph = call->graph;
    uint64_t deadline_ns = graph->options.deadline_ns;
    if (graph->within != NULL && graph->within->due_ns < deadline_ns) {
        deadline_ns = graph->within->due_ns;
    }
    return deadline_of(call) < deadline_ns ? deadline_of(call) : deadline_ns;
}

static void fire_deadline(agt__timer *timer);

static void park(agt__call *call, agt__door door, uint8_t stage)
{
    agt_graph *graph = call->graph;
    agt__call_extra *extra = call->extra;
    AGT_ASSERT(extra->door == AGT__DOOR_NONE);
    if ((door == AGT__DOOR_ADMIT || door == AGT__DOOR_JOINED) && deadline_of(call) != UINT64_MAX) {
        extra->timer.fire = fire_deadline;
        /* Without memory for it the deadline is seen when the call goes on. */
        (void)agt__loop_timer_start(graph->runtime->loop, &extra->timer, deadline_of(call));
    }
    extra->door = door;
    extra->waits_for = stage;
    extra->previous_parked = NULL;
    extra->next_parked = graph->parked;
    if (graph->parked != NULL) {
        graph->parked->extra->previous_parked = call;
    }
    graph->parked = call;
}

static agt__door unpark(agt__call *call)
{
    agt_graph *graph = call->graph;
    agt__call_extra *extra = call->extra;
    agt__door door = extra->door;
    AGT_ASSERT(door != AGT__DOOR_NONE);
    extra->door = AGT__DOOR_NONE;
    if (extra->previous_parked != NULL) {
        extra->previous_parked->extra->next_parked = extra->next_parked;
    } else {
        graph->parked = extra->next_parked;
    }
    if (extra->next_parked != NULL) {
        extra->next_parked->extra->previous_parked = extra->previous_parked;
    }
    extra->next_parked = extra->previous_parked = NULL;
    agt__loop_timer_stop(graph->runtime->loop, &extra->timer);
    return door;
}

/* ---- stages -------------------------------------------------------------------------------- */

static bool stage_applies(const agt__policy *policy, const agt__call *call)
{
    return policy->table->applies == NULL || policy->table->applies(policy, call);
}

static agt__policy *stage_of(const agt__call *call, size_t index)
{
    agt__policy *policy = agt__graph_get_policy(call->graph, index);
    return policy != NULL && stage_applies(policy, call) ? policy : NULL;
}

static bool is_past_last(const agt__call *call, size_t index)
{
    return agt__graph_get_policy(call->graph, index) == NULL;
}

static void release_grants(agt__call *call)
{
    uint16_t granted = call->extra->granted;
    call->extra->granted = 0;
    for (size_t i = 0; granted != 0; i++, granted >>= 1) {
        if ((granted & 1) != 0) {
            agt__policy *policy = agt__graph_get_policy(call->graph, i);
            policy->table->release(policy, call);
        }
    }
}

/* The call is over (@but: SIZE_MAX), or waits at stage @but and nowhere else. */
static void forget_elsewhere(agt__call *call, size_t but)
{
    agt__policy *policy;
    for (size_t i = 0; (policy = agt__graph_get_policy(call->graph, i)) != NULL; i++) {
        if (i != but && policy->table->forget != NULL) {
            policy->table->forget(policy, call);
        }
    }
}

/* ---- the journal --------------------------------------------------------------------------- */

static agt__journal *journal_of(const agt__call *call)
{
    return call->graph->executor != NULL ? call->graph->executor->journal : NULL;
}

/* How the call ends without an attempt; @output is taken over. What is said of the output of an
 * attempt holds for this one too: it is there if the outcome is ok, and not to be trusted. */
static void set_result_without_attempt(agt__call *call, agt_outcome outcome, agt_value *output,
                                       const agt_error *err)
{
    agt_error no_memory;
    agt_value *tainted = NULL;
    if (output == NULL) {
        tainted = outcome == AGT_OUTCOME_OK ? agt__value_get_tainted_null() : NULL;
    } else if (agt__value_take_taint(call->graph->allocator, output, &tainted) != AGT_OK) {
        (void)agt__error_nomem(&no_memory, ORIGIN);
        outcome = AGT_OUTCOME_ERROR;
        err = &no_memory;
    }
    agt__call_set_result(call, outcome, tainted, err);
    if (call->start_ns == 0) {
        call->end_ns = agt__runtime_now_ns(call->graph->runtime);
    }
}

/* @return true if the call goes on */
static bool ask_intent(agt__call *call, agt__call **next)
{
    agt__journal *journal = journal_of(call);
    agt_error err;
    agt_outcome known = AGT_OUTCOME_NONE;
    agt_value *output = NULL;
    if (journal == NULL || call->extra->journalled) {
        return true;
    }
    agt_status status = agt__call_keep_key(call);
    if (status == AGT_OK) {
        status = journal->table->intent(journal, call, call->extra->key, &known, &output);
    }
    switch (status) {
    case AGT_OK:
        call->extra->journalled = true;
        return true;
    case AGT_E_BUSY:
        call->extra->journalled = true;
        park(call, AGT__DOOR_INTENT, 0);
        *next = NULL;
        return false;
    case AGT_E_EXISTS:
        call->flags |= AGT_CALL_RESUMED;
        (void)agt__error_set(&err, agt_outcome_get_status(known), ORIGIN,
                             "\"%s\" ended so in an earlier run", call->operation->name);
        set_result_without_attempt(call, known, output, &err);
        break;
    default:
        (void)agt__error_set(&err, status, ORIGIN, "the journal cannot take note of \"%s\": %s",
                             call->operation->name, agt_status_get_text(status));
        set_result_without_attempt(call, AGT_OUTCOME_ERROR, NULL, &err);
        break;
    }
    *next = agt__engine_finish(call, false); /* the journal knows, or cannot be told */
    return false;
}

/* Put the result on record. @return true if the call may finish */
static bool tell_result(agt__call *call)
{
    agt__journal *journal = journal_of(call);
    agt_error err;
    if (journal == NULL || !call->extra->journalled) {
        return true;
    }
    agt_status status = agt__call_keep_key(call);
    if (status == AGT_OK) {
        status = journal->table->result(journal, call, call->extra->key);
    }
    if (status == AGT_E_BUSY) {
        park(call, AGT__DOOR_RESULT, 0);
        return false;
    }
    if (status != AGT_OK) {
        (void)agt__error_set(&err, status, ORIGIN,
                             "\"%s\" ended with outcome %s, which the journal cannot record: %s",
                             call->operation->name,
                             agt_outcome_get_name((agt_outcome)call->outcome),
                             agt_status_get_text(status));
        agt__call_set_result(call, AGT_OUTCOME_ERROR, NULL, &err);
    }
    return true;
}

/* The outcome stands: no stage has to do with the call any more. Put it on record, then finish.
 * Every call whose intent is on record comes through here, whatever ended it. */
static agt__call *conclude(agt__call *call)
{
    release_grants(call);
    forget_elsewhere(call, SIZE_MAX);
    return tell_result(call) ? agt__engine_finish(call, false) : NULL;
}

/* ---- admission ----------------------------------------------------------------------------- */

/* What one stage's answer other than GO means for the call. */
static agt__call *obey(agt__call *call, size_t stage, agt__admit answer, agt__admission *admission)
{
    release_grants(call);
    switch (answer) {
    case AGT__ADMIT_GO:
        break;
    case AGT__ADMIT_PARK:
        forget_elsewhere(call, stage);
        park(call, AGT__DOOR_ADMIT, (uint8_t)stage);
        return NULL;
    case AGT__ADMIT_ANSWER:
        call->flags |= AGT_CALL_CACHED;
        set_result_without_attempt(call, AGT_OUTCOME_OK, admission->value, NULL);
        return conclude(call);
    case AGT__ADMIT_JOIN:
        AGT_ASSERT(admission->leader != call && admission->leader->extra != NULL);
        call->extra->leader = admission->leader;
        call->extra->next_follower = admission->leader->extra->followers;
        admission->leader->extra->followers = call;
        forget_elsewhere(call, stage);
        park(call, AGT__DOOR_JOINED, (uint8_t)stage);
        return NULL;
    case AGT__ADMIT_REFUSE:
        set_result_without_attempt(call, admission->outcome, NULL, &admission->error);
        return conclude(call);
    }
    AGT_ASSERT(answer == AGT__ADMIT_GO); /* no other answer is left */
    return NULL;
}

static bool is_cancelled(const agt__call *call)
{
    return atomic_load_explicit(&call->graph->cancelled, memory_order_relaxed) ||
           agt__call_is_cancelled(call);
}

/* The run, or the call, was cancelled while the call waited. A result of an earlier attempt is not
 * thrown away.
 */
static agt__call *refuse_cancelled(agt__call *call)
{
    if (call->attempts == 0) {
        bool may_run = agt__engine_prepare(call);
        AGT_ASSERT(!may_run);
    }
    return conclude(call);
}

/* Its own deadline has passed while it waited. */
static agt__call *refuse_late(agt__call *call)
{
    if (call->attempts == 0) {
        agt_error err;
        (void)agt__error_set(&err, AGT_E_TIMEOUT, ORIGIN,
                             "not started: the deadline of the call has passed");
        set_result_without_attempt(call, AGT_OUTCOME_TIMEOUT, NULL, &err);
    }
    return conclude(call);
}

static void tell_started(agt__call *call)
{
    for (size_t i = 0; call->extra->live > 0 && !is_past_last(call, i); i++) {
        agt__policy *policy = stage_of(call, i);
        if (policy != NULL && policy->table->started != NULL) {
            policy->table->started(policy, call);
        }
    }
}

/* Probe every stage, then take every grant; the first that does not say GO decides. */
static agt__call *ask_admission(agt__call *call)
{
    agt__admission admission;
    memset(&admission, 0, sizeof(admission));
    if (is_cancelled(call)) {
        return refuse_cancelled(call);
    }
    if (deadline_of(call) != UINT64_MAX &&
        deadline_of(call) <= agt__runtime_now_ns(call->graph->runtime)) {
        return refuse_late(call);
    }
    for (size_t i = 0; !is_past_last(call, i); i++) {
        agt__policy *policy = stage_of(call, i);
        if (policy == NULL || policy->table->probe == NULL) {
            continue;
        }
        agt__admit answer = policy->table->probe(policy, call, &admission);
        if (answer != AGT__ADMIT_GO) {
            return obey(call, i, answer, &admission);
        }
    }
    for (size_t i = 0; !is_past_last(call, i); i++) {
        agt__policy *policy = stage_of(call, i);
        if (policy == NULL || policy->table->release == NULL) {
            continue; /* it grants nothing */
        }
        agt__admit answer = policy->table->take != NULL
                                ? policy->table->take(policy, call, &admission)
                                : AGT__ADMIT_GO;
        if (answer != AGT__ADMIT_GO) {
            return obey(call, i, answer, &admission);
        }
        call->extra->granted |= (uint16_t)(1u << i);
    }
    call->extra->live = 1;
    uint32_t number = call->attempts + 1u;
    agt__call *next = agt__attempt_start(call);
    if (call->attempts == number) { /* else it ended at once, and another one was started */
        tell_started(call);
    }
    return next;
}

agt__call *agt__doors_enter(agt__call *call)
{
    agt__call *next = NULL;
    if (agt__call_need_extra(call) == NULL) {
        agt_error err;
        (void)agt__error_nomem(&err, ORIGIN);
        agt__call_set_result(call, AGT_OUTCOME_ERROR, NULL, &err);
        return agt__engine_finish(call, false);
    }
    return ask_intent(call, &next) ? ask_admission(call) : next;
}

/* ---- after an attempt ---------------------------------------------------------------------- */

static void fire_again(agt__timer *timer)
{
    agt__call_extra *extra =
        (agt__call_extra *)(void *)((char *)timer - offsetof(agt__call_extra, timer));
    agt__call_wake(extra->call);
}

static agt__call *again_at(agt__call *call, uint64_t due_ns)
{
    agt__call_extra *extra = call->extra;
    release_grants(call); /* who waits for another attempt holds nothing */
    extra->timer.fire = fire_again;
    due_ns = due_ns < deadline_of(call) ? due_ns : deadline_of(call);
    if (agt__loop_timer_start(call->graph->runtime->loop, &extra->timer, due_ns) != AGT_OK) {
        return conclude(call); /* no memory to try again: the last result stands */
    }
    park(call, AGT__DOOR_AGAIN, 0);
    return NULL;
}

static agt__call *replace(agt__call *call, const agt__settlement *settlement)
{
    agt__call_extra *extra = call->extra;
    release_grants(call);
    agt__operation_unref(extra->replacement);
    extra->replacement = agt__operation_ref(settlement->operation);
    extra->slots[AGT__STAGE_APPROVAL] = NULL; /* what was approved was the one before */
    call->flags |= AGT_CALL_FROM_FALLBACK;
    if (settlement->input != NULL) {
        agt_value *input = agt_value_ref(settlement->input);
        agt_value_unref(call->bound);
        call->bound = input;
    }
    return ask_admission(call);
}

/* Ask the stages from @first on what the attempt's end means. */
static agt__call *ask_settle(agt__call *call, size_t first)
{
    agt__settlement settlement;
    bool over = is_cancelled(call);
    for (size_t i = first; !over && !is_past_last(call, i); i++) {
        agt__policy *policy = stage_of(call, i);
        if (policy == NULL || policy->table->settle == NULL) {
            continue;
        }
        memset(&settlement, 0, sizeof(settlement));
        switch (policy->table->settle(policy, call, &settlement)) {
        case AGT__SETTLE_DONE:
            break;
        case AGT__SETTLE_AGAIN:
            return again_at(call, settlement.due_ns);
        case AGT__SETTLE_REPLACE:
            return replace(call, &settlement);
        case AGT__SETTLE_PARK:
            park(call, AGT__DOOR_SETTLE, (uint8_t)i);
            return NULL;
        }
    }
    return conclude(call);
}

agt__call *agt__doors_leave(agt__call *call)
{
    agt__call_extra *extra = call->extra;
    if (extra == NULL) { /* it never got to the doors: no memory for them */
        return agt__engine_finish(call, false);
    }
    if (extra->live > 0) {
        extra->live--;
    }
    if (extra->live > 0) {
        if (call->outcome != AGT_OUTCOME_OK) {
            return NULL; /* another attempt is under way and may do better */
        }
        agt__attempt_end_others(call, NULL, AGT__ENDING_LOST);
        extra->live = 0;
        call->flags |= AGT_CALL_HEDGED;
    }
    return ask_settle(call, 0);
}

agt_status agt__call_hedge(agt__call *call)
{
    if (call->extra == NULL || call->extra->live == 0 || call->extra->live == UINT8_MAX) {
        return AGT_E_INVALID;
    }
    call->extra->live++;
    agt__engine_run_chain(agt__attempt_start(call));
    return AGT_OK;
}

/* ---- waking -------------------------------------------------------------------------------- */

/* A call that shared another's execution gets what that one got, now: the other may be gone soon.
 */
static void take_share(agt__call *call)
{
    agt__call_extra *extra = call->extra;
    agt__call *leader = extra->leader;
    agt__policy *policy = agt__graph_get_policy(call->graph, extra->waits_for);
    extra->leader = NULL;
    call->end_ns = agt__runtime_now_ns(call->graph->runtime);
    if (leader->outcome != AGT_OUTCOME_OK || policy->table->share == NULL) {
        agt__call_set_result(call, (agt_outcome)leader->outcome, agt_value_ref(leader->output),
                             leader->detail);
        return;
    }
    agt_value *value = NULL;
    agt_status status = policy->table->share(policy, leader, call, &value);
    agt_error err;
    if (status != AGT_OK) {
        (void)agt__error_set(&err, status, ORIGIN, "\"%s\" has no part in the shared result: %s",
                             call->operation->name, agt_status_get_text(status));
        agt__call_set_result(call, AGT_OUTCOME_ERROR, NULL, &err);
        return;
    }
    agt__call_set_result(call, AGT_OUTCOME_OK, value, NULL);
}

agt__call *agt__doors_resume(agt__call *call)
{
    agt__door door = call->extra->resume;
    call->extra->resume = AGT__DOOR_NONE;
    switch (door) {
    case AGT__DOOR_NONE:
    case AGT__DOOR_JOINED:
        break;
    case AGT__DOOR_INTENT:
    case AGT__DOOR_ADMIT:
    case AGT__DOOR_AGAIN:
        return ask_admission(call);
    case AGT__DOOR_SETTLE:
        return ask_settle(call, call->extra->waits_for);
    case AGT__DOOR_RESULT:
        return agt__engine_finish(call, false);
    case AGT__DOOR_FINISH:
        return conclude(call);
    }
    AGT_ASSERT(door != AGT__DOOR_NONE && door != AGT__DOOR_JOINED); /* nothing is left */
    return NULL;
}

/* Queue the call to go on: never from within the policy or the call that wakes it, so that a
 * thousand calls that wake each other need no stack. */
static void resume_at(agt__call *call, agt__door door)
{
    call->extra->resume = door;
    agt__engine_push(call, true);
}

void agt__call_wake(agt__call *call)
{
    AGT_ASSERT(agt__loop_is_current(call->graph->runtime->loop));
    if (call->extra != NULL && call->extra->door != AGT__DOOR_NONE) { /* else it goes on already */
        AGT_ASSERT(call->extra->door != AGT__DOOR_JOINED);
        resume_at(call, unpark(call));
    }
}

void agt__doors_share(agt__call *follower)
{
    (void)unpark(follower);
    if (follower->extra->leader->outcome == AGT_OUTCOME_CANCELLED) {
        /* Somebody else's cancelling is not its own: it asks again, and may lead. */
        follower->extra->leader = NULL;
        resume_at(follower, AGT__DOOR_ADMIT);
        return;
    }
    follower->flags |= AGT_CALL_COALESCED;
    take_share(follower);
    resume_at(follower, AGT__DOOR_FINISH);
}

static void leave_leader(agt__call *call)
{
    agt__call **link = &call->extra->leader->extra->followers;
    while (*link != NULL && *link != call) {
        link = &(*link)->extra->next_follower;
    }
    if (*link == call) {
        *link = call->extra->next_follower;
    }
    call->extra->next_follower = NULL;
    call->extra->leader = NULL;
}

/* Let a parked call see what has become of it in the meantime. */
static void wake_to_end(agt__call *call)
{
    if (call->extra->door == AGT__DOOR_JOINED) {
        leave_leader(call);
        (void)unpark(call);
        resume_at(call, AGT__DOOR_ADMIT);
    } else {
        agt__call_wake(call);
    }
}

static void fire_deadline(agt__timer *timer)
{
    agt__call_extra *extra =
        (agt__call_extra *)(void *)((char *)timer - offsetof(agt__call_extra, timer));
    wake_to_end(extra->call);
}

void agt__doors_cancel_call(agt__call *call)
{
    if (call->extra->door != AGT__DOOR_INTENT && call->extra->door != AGT__DOOR_RESULT) {
        wake_to_end(call);
    }
}

/* What waits for the journal goes on waiting: it was promised to be woken, and a record that was
 * begun is finished. */
void agt__doors_cancel_parked(agt_graph *graph)
{
    agt__call *next;
    for (agt__call *call = graph->parked; call != NULL; call = next) {
        next = call->extra->next_parked;
        agt__doors_cancel_call(call);
    }
}

/* ---- what policies see of a call ----------------------------------------------------------- */

agt__policy *agt__graph_get_policy(const agt_graph *graph, size_t index)
{
    switch (index) {
    case AGT__STAGE_APPROVAL:
        return agt__policy_get_approval();
    case AGT__STAGE_BUDGET:
        return agt__policy_get_budget();
    case AGT__STAGE_RETRY:
        return agt__policy_get_retry();
    case AGT__STAGE_FALLBACK:
        return agt__policy_get_fallback();
    }
    const agt_executor *executor = graph->executor;
    index -= AGT__STAGES_BUILT_IN;
    return executor != NULL && index < executor->policy_count ? executor->policies[index] : NULL;
}

agt_runtime *agt__call_get_runtime(const agt__call *call)
{
    return call->graph->runtime;
}

agt__operation *agt__call_get_operation(const agt__call *call)
{
    return agt__call_operation(call);
}

const agt_value *agt__call_get_input(const agt__call *call)
{
    return agt__call_input(call);
}

const agt_call_options *agt__call_get_options(const agt__call *call)
{
    return agt__call_options(call);
}

uint32_t agt__call_get_attempts(const agt__call *call)
{
    return call->attempts;
}

agt_outcome agt__call_get_outcome(const agt__call *call)
{
    return (agt_outcome)call->outcome;
}

const agt_value *agt__call_get_output(const agt__call *call)
{
    return call->output;
}

void **agt__call_get_slot(agt__call *call, const agt__policy *policy)
{
    agt__call_extra *extra = agt__call_need_extra(call);
    return extra != NULL ? &extra->slots[policy->index] : NULL;
}

const agt_budget_amount *agt__call_get_actual(const agt__call *call)
{
    return &call->extra->actual;
}
