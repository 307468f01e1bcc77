/* The verbs of the command, one file each. */
#ifndef AGT_CLI_VERBS_H
#define AGT_CLI_VERBS_H

#include "cli/options.h"

/** Each runs its verb and answers the exit code. */
cli_exit cli_run(const cli_arguments *arguments);
cli_exit cli_replay(const cli_arguments *arguments);
cli_exit cli_trace_ls(const cli_arguments *arguments);
cli_exit cli_trace_show(const cli_arguments *arguments);
cli_exit cli_session_ls(const cli_arguments *arguments);
cli_exit cli_session_show(const cli_arguments *arguments);
cli_exit cli_session_rm(const cli_arguments *arguments);
cli_exit cli_costs(const cli_arguments *arguments);
cli_exit cli_models(const cli_arguments *arguments);
cli_exit cli_tools(const cli_arguments *arguments);
cli_exit cli_validate(const cli_arguments *arguments);
cli_exit cli_init(const cli_arguments *arguments);
cli_exit cli_completion(const cli_arguments *arguments);
cli_exit cli_version(const cli_arguments *arguments);
cli_exit cli_help(const cli_arguments *arguments);

#endif
