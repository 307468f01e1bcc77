/* Where things of the command are: the store, the supervisor. */
#ifndef AGT_CLI_PLACE_H
#define AGT_CLI_PLACE_H

#include "cli/options.h"

enum {
    CLI_PATH_BYTES = 4096
};

/**
 * The store: that of --store or AGENT_STORE, else $XDG_DATA_HOME/agent/agent.db.
 *
 * @param for_writing  make the directories of the default place, with mode 0700
 * @return CLI_OK; CLI_CONFIG after a complaint
 */
cli_exit cli_find_store(const cli_arguments *arguments, bool for_writing,
                        char ret_path[CLI_PATH_BYTES]);

/**
 * The program that supervises tools: AGENT_HELPER, or the one beside this program.
 *
 * @return @path; NULL: where it was installed
 */
const char *cli_find_helper(char path[CLI_PATH_BYTES]);

#endif
