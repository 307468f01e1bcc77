/*
 * What is going on, on standard error: live lines on a terminal, plain lines otherwise.
 */
#ifndef AGT_CLI_PROGRESS_H
#define AGT_CLI_PROGRESS_H

#include "cli/events.h"
#include "cli/terminal.h"

typedef struct cli_progress cli_progress; /* main thread only                                */

/** NULL if there is no memory. @param start_ns  of the run, monotonic */
cli_progress *cli_progress_new(const cli_terminal *terminal, uint64_t start_ns);
void cli_progress_free(cli_progress *progress);

/** Take note of an event; without moving lines, print it. */
void cli_progress_add(cli_progress *progress, const cli_event *event);

/** Draw the live lines anew; does nothing where lines do not move. */
void cli_progress_draw(cli_progress *progress, uint64_t now_ns);

/** Take the live lines away. */
void cli_progress_clear(cli_progress *progress);

#endif
