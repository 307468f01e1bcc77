/* Reading Chat Completions: wire_openai.c has the table and the way out, wire_openai_chat.c this.
 */
#ifndef AGT_LLM_WIRE_OPENAI_CHAT_H
#define AGT_LLM_WIRE_OPENAI_CHAT_H

#include "llm/wire.h"

/** Where parts of this format say that they are of it. */
#define AGT__OPENAI_CHAT_FORMAT "openai"

/** agt__wire.decode() of Chat Completions. */
agt_status agt__openai_chat_decode(const agt_value *body, agt__answer *answer, agt_error *err);

/** agt__wire.stream_event() of Chat Completions. */
agt_status agt__openai_chat_event(agt__answer *answer, const char *type, const char *data,
                                  size_t size, bool *ret_done, agt_error *err);

#endif
