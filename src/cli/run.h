/* What a run of a team came to, and how it is told; the parts of `agent run`. */
#ifndef AGT_CLI_RUN_H
#define AGT_CLI_RUN_H

#include "agent_sdk/team.h"
#include "cli/events.h"
#include "cli/options.h"
#include "cli/terminal.h"

/* The end of a run. */
typedef struct cli_result {
    const agt_team *team;       /* NULL = it could not be loaded                                */
    agt_reply *reply;           /* NULL = there was no run                                      */
    const agt_session *session; /* NULL = none                                            */
    agt_error error;            /* status 0: the answer is complete                             */
    uint64_t duration_ns;
    uint64_t end_unix_ns; /* 0 = there was no run                                         */
    cli_exit exit_code;
    uint64_t events; /* printed so far                                                    */
    uint64_t events_dropped;
} cli_result;

/** Print the answer, and what is to be said about it, in the form that was asked for. */
cli_exit cli_result_print(const cli_result *result, const cli_arguments *arguments,
                          const cli_terminal *terminal);

/** Print one event of --jsonl; @seq counts from 1. */
void cli_event_print(const cli_event *event, uint64_t seq);

/** Print the first event of --jsonl. */
void cli_event_print_start(const agt_team *team, uint64_t unix_ns);

/** What a recording shall know of the run, and a seed for it. @return AGT_OK; AGT_E_NOMEM; what the
 * source of random numbers answers */
agt_status cli_recording_describe(const cli_arguments *arguments, const agt_value *document,
                                  const char *input, agt_value **ret_about, uint64_t *ret_seed);

/** Complain if the team file @path is not what it was when it was recorded. */
void cli_recording_compare(const agt_value *about, const char *path, const agt_value *document);

/** Run what @arguments say, as the recording @path has it. */
cli_exit cli_run_again(const cli_arguments *arguments, const char *path, const agt_value *about,
                       uint64_t seed, const char *input);

/** The text for the lead: INPUT and what is piped in. To be freed; NULL after a complaint. */
char *cli_read_input(const cli_arguments *arguments, cli_exit *ret_code);

#endif
