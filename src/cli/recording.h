/* What a recording of `agent run` knows of it; see replay.c. */
#ifndef AGT_CLI_RECORDING_H
#define AGT_CLI_RECORDING_H

#include "cli/question.h"

/**
 * What a recording shall know of the run, and a seed for it.
 *
 * @param document  the team file; NULL without one
 * @return AGT_OK; AGT_E_NOMEM; what the source of random numbers answers
 */
agt_status cli_recording_describe(const cli_arguments *arguments, const cli_question *question,
                                  const agt_value *document, const char *input,
                                  agt_value **ret_about, uint64_t *ret_seed);

/** Complain if the team file @path is not what it was when it was recorded. */
void cli_recording_compare(const agt_value *about, const char *path, const agt_value *document);

#endif
