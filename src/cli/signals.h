/* SIGINT and SIGTERM as something to wait for. */
#ifndef AGT_CLI_SIGNALS_H
#define AGT_CLI_SIGNALS_H

#include "cli/cli.h"

/**
 * From now on the two signals, and SIGHUP, arrive at a descriptor instead of ending the process.
 * Before any thread is started, so that all of them leave the signals alone.
 *
 * @return the descriptor; -1, after a complaint, if it cannot be had
 */
int cli_signals_open(void);

/** The signal that has arrived; 0 if none has. */
int cli_signals_take(int file);

/** Signals end the process again; one that has arrived does so now. */
void cli_signals_close(int file);

/** The exit code of a signal. */
cli_exit cli_signals_exit_of(int signal);

#endif
