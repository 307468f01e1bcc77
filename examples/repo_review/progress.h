/* What is going on, on a terminal: a line for each agent that begins and each tool that ends. */
#ifndef REPO_REVIEW_PROGRESS_H
#define REPO_REVIEW_PROGRESS_H

#include <agent_sdk/telemetry.h>

/** Watch the spans of @tracer, before the first of them. Nothing is shown if stderr is no terminal.
 */
agt_status progress_watch(agt_tracer *tracer);

#endif
