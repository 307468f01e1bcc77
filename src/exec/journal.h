/*
 * The durability seam: who wants to know what a call intends, before it starts, and what became of
 * it, before anybody else learns. Both may park the call until they have it safe; a parked call
 * waits for that also when its run is cancelled. Every intent is followed by a result, also if the
 * call never started: refused, answered by a policy, cancelled.
 */
#ifndef AGT_EXEC_JOURNAL_H
#define AGT_EXEC_JOURNAL_H

#include "exec/policy.h"

typedef struct agt__journal agt__journal;

typedef struct agt__journal_table {
    /*
     * The call is about to start its first attempt. AGT_OK: go on; AGT_E_BUSY: parked, followed by
     * agt__call_wake() (and no second question); AGT_E_EXISTS: it is on record, *ret_outcome and
     * *ret_output (owned) say how it ended; anything else fails the call. No result follows the
     * last two.
     */
    agt_status (*intent)(agt__journal *journal, agt__call *call, const uint8_t key[32],
                         agt_outcome *ret_outcome, agt_value **ret_output);
    /* The outcome stands. AGT_OK: dependents may start; AGT_E_BUSY: parked, followed by
     * agt__call_wake(); anything else fails the call. */
    agt_status (*result)(agt__journal *journal, agt__call *call, const uint8_t key[32]);
} agt__journal_table;

struct agt__journal {
    const agt__journal_table *table;
};

/** Borrowed; before the executor runs anything. */
void agt__executor_set_journal(agt_executor *executor, agt__journal *journal);

#endif
