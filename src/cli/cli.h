/*
 * What the files of the command share: exit codes, messages, writing to standard output.
 *
 * The command uses public headers of the library only, so that whatever it can do, any program can.
 * Standard output carries the answer and nothing else; everything said about it goes to standard
 * error.
 */
#ifndef AGT_CLI_CLI_H
#define AGT_CLI_CLI_H

#include "agent_sdk/base.h"
#include "agent_sdk/value.h"

#include <stdio.h>

/* Exit codes: part of the interface, also in --json as "exit_code". */
typedef enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,  /* the run finished, but it failed                            */
    CLI_USAGE = 2,   /* the command line                                           */
    CLI_CONFIG = 3,  /* a file, a store, credentials                               */
    CLI_NETWORK = 4, /* a provider or the network, after retries                   */
    CLI_LIMIT = 5,   /* a budget or another limit was reached                      */
    CLI_TIMEOUT = 6,
    CLI_DENIED = 7,  /* by a policy or a person                                    */
    CLI_PARTIAL = 8, /* there is a result, but not all of it; or it was not kept   */
    CLI_SIGINT = 130,
    CLI_SIGTERM = 143,
} cli_exit;

/** The exit code for a failure of the library. */
cli_exit cli_exit_of(agt_status status);

enum {
    CLI_CODE_BYTES = 40
};

/** A status as a word for scripts: "timeout", "budget_denied", "schema" … */
void cli_write_code(char target[CLI_CODE_BYTES], agt_status status);

/** Make stdout a stream that remembers why it failed; before anything is written. */
void cli_open_output(void);

/** Whether what is written to standard output goes nowhere any more. */
bool cli_output_is_gone(void);

/** Write "agent: …" and a line end to standard error. */
void cli_complain(const char *format, ...) AGT_PRINTF(1, 2);

/** Complain about @err, which the library filled in, and answer its exit code. */
cli_exit cli_fail(const agt_error *err);

/** Complain that there is no memory. */
cli_exit cli_fail_memory(void);

/**
 * End of standard output: everything has to be written.
 *
 * @return @code; CLI_FAILED, with a complaint, if something could not be written. A reader that
 *         has gone away is nothing to complain about
 */
cli_exit cli_finish_output(cli_exit code);

/** Print @value as JSON, with a line end; pretty for people, compact for lines of events. */
cli_exit cli_print_json(const agt_value *value, bool is_pretty);

/**
 * The whole of a stream, NUL-terminated.
 *
 * @return to be freed; NULL if there is no memory (errno 0), it cannot be read (errno), or it is
 *         larger than @bytes_max (errno EFBIG)
 */
char *cli_read_all(int file, size_t bytes_max, size_t *ret_size);

#endif
