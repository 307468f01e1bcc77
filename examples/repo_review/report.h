/* The report: what a review found, as Markdown. */
#ifndef REPO_REVIEW_REPORT_H
#define REPO_REVIEW_REPORT_H

#include "review.h"

#include <stdio.h>

#define REPORT_BANNER "scripted model: no LLM called; prose is templated, tokens and cost simulated"

/**
 * Write the report. The same repository gives the same report: nothing in it is about time, speed
 * or where the repository lies.
 *
 * @param run  of the trace, as agt_store_get_run() gives it: what failed stands there
 */
void report_write(FILE *file, const repository *repo, const review *found, const agt_value *run);

/** Whether every specialist could rate what it looked at, and everything was there to look at. */
bool report_is_complete(const review *found);

#endif
