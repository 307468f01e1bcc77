/* One run of the program's work: a runtime, a review in it, its trace and what it cost. */
#ifndef REPO_REVIEW_RUN_H
#define REPO_REVIEW_RUN_H

#include "review.h"

typedef struct run_config {
    const char *path;  /* of the repository                                            */
    const char *team;  /* of the team file                                             */
    const char *store; /* where the trace is kept                                      */
    uint32_t slots;    /* tools that run at a time; 0 = no limit                       */
    uint32_t reserved;
    int64_t budget_nanousd;
} run_config;

typedef struct run {
    repository_state state; /* anything but OK: there is no review                          */
    repository repo;
    review found;
    agt_value *trace; /* as agt_store_get_run() gives it                                    */
    agt_costs costs;
} run;

/** To be freed in any case. @return AGT_OK, also if the repository cannot be reviewed: its state
 * says why, and @err has the words */
agt_status run_review(const run_config *config, run *self, agt_error *err);
void run_free(run *self);

#endif
