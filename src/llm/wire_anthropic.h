/* The Messages format of Anthropic, in two files: what is sent, and what comes back. */
#ifndef AGT_LLM_WIRE_ANTHROPIC_H
#define AGT_LLM_WIRE_ANTHROPIC_H

#include "llm/wire.h"

/** The format's name in parts that only it can read. */
#define AGT__ANTHROPIC_FORMAT "anthropic"

/**
 * @schema as this format takes it for typed answers: closed objects, and no more than its part of
 * JSON Schema. What only narrows values is moved into descriptions: whoever asked checks the answer
 * against the whole schema in any case.
 *
 * @return AGT_OK; AGT_E_UNSUPPORTED if it cannot be said; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__anthropic_fit_schema(const agt_allocator *allocator,
                                                    const agt_value *schema,
                                                    agt_value **ret_schema);

/** The functions of agt__wire_anthropic that read. */
agt_status agt__anthropic_decode(const agt_value *body, agt__answer *answer, agt_error *err);
agt_status agt__anthropic_stream_event(agt__answer *answer, const char *type, const char *data,
                                       size_t size, bool *ret_done, agt_error *err);
void agt__anthropic_read_error(int32_t http_status, const agt_value *body, const char *text,
                               agt_error *ret_error);

#endif
