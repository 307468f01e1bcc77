/*
 * Consensus: the arithmetic of agreeing, on votes, without agents.
 *
 * The same votes give the same result; their order matters only for a tie, which goes to the answer
 * that came first.
 */
#ifndef AGT_AGENTS_CONSENSUS_H
#define AGT_AGENTS_CONSENSUS_H

#include "agent_sdk/agents.h"

typedef struct agt__ballot {
    const char *agent;
    const agt_value *value; /* what is voted for; NULL: abstains */
    const char *reason;     /* of who abstains                */
    double number;          /* of value, for an average       */
    double confidence;      /* 0 … 1; -1 = does not say       */
    double weight;          /* of the member                  */
    /* Results. */
    double power;    /* what the vote counts              */
    double distance; /* from the result                   */
    bool dissents;
} agt__ballot;

typedef struct agt__tally {
    size_t voters;
    size_t winner; /* a ballot with the answer that won; no average */
    double number; /* the average; NaN otherwise */
    double confidence;
    bool tie;
} agt__tally;

/**
 * Count the votes, fill in the results of the ballots.
 *
 * Who is not sure at all (confidence 0) abstains where votes are weighted.
 *
 * @return AGT_OK; AGT_E_NOT_FOUND if all abstain; AGT_E_RANGE if an average is beyond the doubles
 */
AGT_MUST_CHECK agt_status agt__consensus_count(agt__ballot *ballots, size_t count,
                                               agt_vote strategy, agt__tally *ret_tally);

#endif
