/* The store, for the verbs that look back. */
#ifndef AGT_CLI_HISTORY_H
#define AGT_CLI_HISTORY_H

#include "agent_sdk/store.h"
#include "cli/options.h"

/**
 * Open the store for reading.
 *
 * @param ret_store  NULL if nothing was ever kept in the default place
 * @return CLI_OK; CLI_CONFIG after a complaint
 */
cli_exit cli_open_history(const cli_arguments *arguments, agt_store **ret_store);

/** Numbers and texts of an object of the store; 0 and "" for what is not there. */
int64_t cli_int_of(const agt_value *object, const char *member, int64_t otherwise);
const char *cli_text_of(const agt_value *object, const char *member);

#endif
