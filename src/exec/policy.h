/*
 * Policies: small stages with the same doors, at the same places in the life of every call.
 *
 *   admit   may the call start? probe() looks without changing anything; when every stage has said
 *           GO, take() takes the grants in the order of the stages, or gives them all back. So a
 *           call that waits holds nothing.
 *   settle  an attempt has ended: is that the end, or again, or something else instead?
 *   release gives a grant back: once per take(), also when the call is cancelled.
 *
 * All doors are opened on the loop thread only. A policy is a table, its own state, and one line
 * where it is added to the executor.
 */
#ifndef AGT_EXEC_POLICY_H
#define AGT_EXEC_POLICY_H

#include "exec/operation.h"

typedef struct agt__call agt__call;
typedef struct agt__policy agt__policy;

typedef enum agt__admit {
    AGT__ADMIT_GO,
    AGT__ADMIT_PARK,   /* wait: the policy calls agt__call_wake() later                          */
    AGT__ADMIT_ANSWER, /* no need to run: `value` is the answer (a cache)                        */
    AGT__ADMIT_JOIN,   /* share the outcome of `leader`, another call under way                  */
    AGT__ADMIT_REFUSE, /* the call ends with `outcome` and `error`                               */
} agt__admit;

/* What goes with an answer of probe() or take(). */
typedef struct agt__admission {
    agt_value *value;    /* ANSWER: owned                                                       */
    agt__call *leader;   /* JOIN                                                                */
    agt_outcome outcome; /* REFUSE                                                              */
    agt_error error;     /* REFUSE                                                              */
} agt__admission;

typedef enum agt__settle {
    AGT__SETTLE_DONE,
    AGT__SETTLE_AGAIN,   /* another attempt at `due_ns`                                         */
    AGT__SETTLE_REPLACE, /* run `operation` with `input` instead (a fallback)                   */
    AGT__SETTLE_PARK,    /* undecided: agt__call_wake() asks settle() again                     */
} agt__settle;

typedef struct agt__settlement {
    uint64_t due_ns;           /* AGAIN: on the runtime's clock                                 */
    agt__operation *operation; /* REPLACE: referenced by the engine                             */
    const agt_value *input;    /* REPLACE: referenced by the engine; NULL = the call's          */
} agt__settlement;

typedef struct agt__policy_table {
    const char *name;
    /* Whether the policy has anything to do with this call; NULL = with every one. */
    bool (*applies)(const agt__policy *policy, const agt__call *call);
    agt__admit (*probe)(agt__policy *policy, agt__call *call, agt__admission *admission);
    /* GO, or PARK or REFUSE if the grant is gone since the probe. NULL = GO. */
    agt__admit (*take)(agt__policy *policy, agt__call *call, agt__admission *admission);
    void (*release)(agt__policy *policy, agt__call *call);
    /* An attempt has begun; NULL = nothing. */
    void (*started)(agt__policy *policy, agt__call *call);
    /* The call's outcome stands, unless this says otherwise; NULL = DONE. */
    agt__settle (*settle)(agt__policy *policy, agt__call *call, agt__settlement *settlement);
    /* Value for a call that joined @leader; *ret_value owned. NULL = the leader's output. */
    agt_status (*share)(agt__policy *policy, agt__call *leader, agt__call *follower,
                        agt_value **ret_value);
    /* The call is over, or waits at another stage or for another call: drop any pointer to it, it
     * asks again when it goes on. NULL = there is none. */
    void (*forget)(agt__policy *policy, agt__call *call);
    void (*destroy)(agt__policy *policy);
} agt__policy_table;

struct agt__policy { /* first member of every policy */
    const agt__policy_table *table;
    uint8_t index; /* its place among the stages; set by the executor */
};

/* Stages of every graph; those of its executor follow. */
enum {
    AGT__STAGE_APPROVAL, /* first: who waits for a person holds nothing */
    AGT__STAGE_BUDGET,
    AGT__STAGE_RETRY,
    AGT__STAGE_FALLBACK,
    AGT__STAGES_BUILT_IN
};

/* Most stages a call passes, in all; grants are bits of a uint16_t. */
#define AGT__POLICIES_MAX 12

/** Add a stage (taken over, also on failure) before the executor runs anything.
 * @return AGT_OK; AGT_E_LIMIT */
agt_status agt__executor_add_policy(agt_executor *executor, agt__policy *policy);

/* ---- what policies use --------------------------------------------------------------------- */

/** Let a parked call go on from the door where it waits. @threads loop */
void agt__call_wake(agt__call *call);

/** Start one more attempt beside the one that runs (hedging): the first success counts, the others
 * are cancelled. @return AGT_OK; AGT_E_INVALID if none runs; AGT_E_NOMEM. @threads loop */
agt_status agt__call_hedge(agt__call *call);

/** The runtime the call runs in. */
agt_runtime *agt__call_get_runtime(const agt__call *call);
/** What it runs now. */
agt__operation *agt__call_get_operation(const agt__call *call);
/** Its input, bound; borrowed. */
const agt_value *agt__call_get_input(const agt__call *call);
/** The options it runs under; never NULL. */
const agt_call_options *agt__call_get_options(const agt__call *call);
/** Attempts begun so far. */
uint32_t agt__call_get_attempts(const agt__call *call);
/** How the last attempt ended, in settle() and share(). */
agt_outcome agt__call_get_outcome(const agt__call *call);
/** What the last attempt gave, in settle() and share(); borrowed, never NULL if its outcome is ok;
 * otherwise what it left, NULL if nothing. */
const agt_value *agt__call_get_output(const agt__call *call);
/** When the call is over whatever happens: its deadline or that of its run; UINT64_MAX = never. */
uint64_t agt__call_get_deadline_ns(const agt__call *call);
/** What the last attempt really cost. */
const agt_budget_amount *agt__call_get_actual(const agt__call *call);
/** A word per policy and call, NULL at first; the address is valid until the call is over.
 * NULL if there is no memory. */
void **agt__call_get_slot(agt__call *call, const agt__policy *policy);

/* The policies of this library. */

/** At most @parallel_max calls of the executor run at a time; waiting ones go by priority, then
 * age. */
agt_status agt__policy_new_slots(const agt_allocator *allocator, uint32_t parallel_max,
                                 agt__policy **ret_policy);
/** The budget of each call's options: reserve the estimate, settle what it really cost. It has no
 * state of its own. */
agt__policy *agt__policy_get_budget(void);
/** Whether somebody lets the call run, as the executor's agt__approvals say. No state but those. */
agt__policy *agt__policy_get_approval(void);
/** Another attempt, as the operation's recovery says. No state of its own either. */
agt__policy *agt__policy_get_retry(void);
/** The operation's fallback in its place, once there is no other attempt. Nor this one. */
agt__policy *agt__policy_get_fallback(void);

#endif
