/* What a run of a team came to, and how it is told; the parts of `agent run`. */
#ifndef AGT_CLI_RUN_H
#define AGT_CLI_RUN_H

#include "agent_sdk/agents.h"
#include "cli/events.h"
#include "cli/speaker.h"
#include "cli/stream.h"
#include "cli/terminal.h"

/* The end of a run. */
typedef struct cli_result {
    const char *team; /* its name; NULL = none, or it could not be loaded             */
    bool is_simulated;
    cli_stream *stream; /* where the answer was shown as it came; NULL = nowhere yet            */
    agt_reply *reply;   /* NULL = there was no run                                      */
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
void cli_event_print_start(const char *team, bool is_simulated, uint64_t unix_ns);

/** Run what @arguments say, as the recording of @speaker (which is taken) has it. */
cli_exit cli_run_again(const cli_arguments *arguments, const cli_question *question,
                       const cli_speaker *speaker, const char *input);

#endif
