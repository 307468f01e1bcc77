/* Replies inside: made from the results of a task. */
#ifndef AGT_AGENTS_REPLY_H
#define AGT_AGENTS_REPLY_H

#include "agent_sdk/agents.h"

/** The reply of call @index, which ran an agent. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__reply_new(const agt_allocator *allocator, const agt_results *results,
                                         size_t index, agt_reply **ret_reply);

/** A reply from its parts: what a journal or a test has. @error may be NULL if it is ok.
 * @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__reply_new_from(const agt_allocator *allocator, const char *agent,
                                              agt_outcome outcome, const agt_error *error,
                                              const agt_value *output, agt_reply **ret_reply);

/** All that a reply shows, as the agent's call gave it; borrowed. NULL if there is nothing. */
const agt_value *agt__reply_get_output(const agt_reply *reply);

#endif
