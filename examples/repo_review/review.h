/*
 * One review: a team looks at the repository, and what comes of it.
 *
 *     manager   says whom to ask                       (the plan)
 *     history, audit, report   are asked at once       (a broadcast to the pool)
 *     the pool  makes one score of theirs              (a vote, weighted by confidence)
 *     manager   says what follows from it              (the conclusion)
 */
#ifndef REPO_REVIEW_REVIEW_H
#define REPO_REVIEW_REVIEW_H

#include "repository.h"

#include <agent_sdk/team.h>

typedef struct review_config {
    agt_runtime *runtime;
    const repository *repo;
    const char *team;       /* path of the team file                                          */
    uint32_t slots;         /* tools that run at a time; 0 = no limit                         */
    int64_t budget_nanousd; /* of the whole review                                            */
    agt_cancel *cancel;     /* ends it                                                        */
    agt_span_context parent;
} review_config;

typedef struct review {
    agt_value *facts;      /* what the tools found, by tool                                   */
    agt_value *opinions;   /* [{"agent", "outcome", "error", "answer"}]                       */
    agt_value *verdict;    /* as agt_verdict_get_details(); NULL if nobody could say anything */
    agt_value *conclusion; /* what the manager says in the end; NULL if it says nothing       */
    agt_value *tools;      /* by name: {"description", "timeout_ms", "cost_usd"}              */
} review;

/** Run a review; to be freed in any case. */
agt_status review_run(const review_config *config, review *self, agt_error *err);
void review_free(review *self);

/** What a score means: "low", "moderate", "high", "very high". */
const char *review_get_level(double score);

#endif
