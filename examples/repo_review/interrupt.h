/*
 * Ctrl-C: what runs is cancelled, so that child processes end and temporary files are removed, and
 * then the program ends as one that was interrupted.
 */
#ifndef REPO_REVIEW_INTERRUPT_H
#define REPO_REVIEW_INTERRUPT_H

#include <agent_sdk/runtime.h>

/** From now on SIGINT and SIGTERM are waited for; before the first thread is made. */
bool interrupt_begin(void);

/** The token that is requested when one of them comes; NULL = none any more. */
void interrupt_set_cancel(agt_cancel *cancel);

/** The signal that came; 0 = none. */
int interrupt_get_signal(void);

/** End the program by the signal that came, if one did. */
void interrupt_end(void);

#endif
