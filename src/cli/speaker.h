/* Who answers: the team of a file, or one agent with a model that was named. */
#ifndef AGT_CLI_SPEAKER_H
#define AGT_CLI_SPEAKER_H

#include "agent_sdk/team.h"
#include "cli/question.h"

typedef struct cli_speaker {
    agt_runtime *runtime;
    agt_team *team;       /* NULL = no file                                                   */
    agt_agent *agent;     /* without a team; owned                                            */
    agt_session *session; /* NULL = none                                                      */
    const char *name;     /* of the team; NULL without one                                    */
    bool is_simulated;
    bool is_typed; /* its answer is JSON                                                       */
    int64_t budget_nanousd;

    const char *replay; /* the recording to be followed; NULL = a real run                     */
    uint64_t seed;      /* of a recording                                                      */
    agt_value *about;   /* what a recording knows of the run                                   */
} cli_speaker;

/**
 * Open the runtime, and what answers; record it, if that is asked for.
 *
 * @param speaker  all zero, but for a replay
 * @param input    for a recording
 * @param err  what the library said; status 0 after a complaint
 * @return CLI_OK; CLI_CONFIG and so on: nothing was run. To be closed in any case
 */
cli_exit cli_speaker_open(cli_speaker *speaker, const cli_arguments *arguments,
                          const cli_question *question, const char *input, agt_error *err);

/** Drop what answers, then the runtime: close that before to know what became of the store. */
void cli_speaker_free(cli_speaker *speaker);

/**
 * Have it answer @input.
 *
 * @param ret_events  NULL: no stream, only a task
 * @param ret_task    to be dropped with agt_task_unref()
 */
AGT_MUST_CHECK agt_status cli_speaker_ask(cli_speaker *speaker, const char *input,
                                          const agt_call_options *options, agt_events **ret_events,
                                          agt_task **ret_task, agt_error *err);

#endif
