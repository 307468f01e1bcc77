/* Reading Responses: wire_openai_responses.c has the table and the way out,
 * wire_openai_responses_read.c this. */
#ifndef AGT_LLM_WIRE_OPENAI_RESPONSES_H
#define AGT_LLM_WIRE_OPENAI_RESPONSES_H

#include "llm/wire.h"

/** Where parts of this format say that they are of it. */
#define AGT__OPENAI_RESPONSES_FORMAT "openai-responses"

/** agt__wire.decode() of Responses. */
agt_status agt__openai_responses_decode(const agt_value *body, agt__answer *answer, agt_error *err);

/** agt__wire.stream_event() of Responses. */
agt_status agt__openai_responses_event(agt__answer *answer, const char *type, const char *data,
                                       size_t size, bool *ret_done, agt_error *err);

#endif
