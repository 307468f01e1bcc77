/*
 * Requests and responses of models as values: building them, reading them, guessing their size.
 * agent_sdk/llm.h has their shape.
 */
#ifndef AGT_LLM_MESSAGE_H
#define AGT_LLM_MESSAGE_H

#include "agent_sdk/llm.h"

/* ---- requests ---------------------------------------------------------------------------------
 */

/* What a request is made of. All values are shared. */
typedef struct agt__request {
    const agt_value *system; /* a string; NULL = none           */
    const agt_value *const *messages;
    size_t message_count;
    const agt_value *tools;         /* an array; NULL = none           */
    const agt_value *output_schema; /* NULL = none                     */
    const agt_value *agent;         /* a string; NULL = nobody         */
    uint32_t step;                  /* 0 = left out                    */
    uint64_t max_output_tokens;     /* 0 = left out                    */
    uint64_t input_tokens;          /* estimate; 0 = left out          */
} agt__request;

/** The request as a value. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__request_new(const agt_allocator *allocator,
                                           const agt__request *request, agt_value **ret_value,
                                           agt_error *err);

/** A message of one text part. @return AGT_OK; AGT_E_SYNTAX if @text is not UTF-8; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__message_new_text(const agt_allocator *allocator, const char *role,
                                                const agt_value *text, agt_value **ret_message);

/** A message of these parts, an array, which is shared. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__message_new(const agt_allocator *allocator, const char *role,
                                           const agt_value *parts, agt_value **ret_message);

/** What became of one tool call. */
typedef struct agt__tool_result {
    const char *id, *name;
    agt_outcome outcome;
    const agt_value *output; /* if it is ok                */
    const char *error;       /* otherwise, what went wrong */
} agt__tool_result;

/* The message that answers a batch of tool calls, one result after the other. */

/** @return AGT_OK: add the results, then finish; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__results_begin(const agt_allocator *allocator,
                                             agt_value_builder **ret_builder);
/** Add the result of one call; texts are copied, the output is shared. */
void agt__results_add(agt_value_builder *builder, const agt__tool_result *result);
/** The message; the builder is freed. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__results_finish(agt_value_builder *builder, agt_value **ret_message);

/** The entry of a tool in the tools of a request. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__message_new_tool(const agt_allocator *allocator, const char *name,
                                                const char *description,
                                                const agt_value *input_schema,
                                                agt_value **ret_tool);

/* ---- responses --------------------------------------------------------------------------------
 */

/**
 * Check that a model said something of the shape of a response, and make what may be left out or
 * wrong definite: every tool call has an id that is unique in the response. What is right already
 * is shared.
 *
 * @param step  the number of the request, for the ids that are made up
 * @return AGT_OK; AGT_E_MODEL, saying what is wrong; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__response_check(const agt_allocator *allocator,
                                              const agt_value *response, uint32_t step,
                                              agt_value **ret_response, agt_error *err);

/** The parts of a checked response; an empty array if it has none. */
const agt_value *agt__response_get_parts(const agt_value *response);

/** A tool call among @parts. */
typedef struct agt__tool_request {
    const char *id, *name;
    const agt_value *arguments; /* NULL if the model wrote something else than an object */
} agt__tool_request;

/** The tool call in @part. @return whether it is one */
bool agt__part_get_tool_call(const agt_value *part, agt__tool_request *ret_request);

/** The text of @part. @return a string value; NULL if it is no text part */
const agt_value *agt__part_get_text(const agt_value *part);

/**
 * The text parts from @first to before @end, joined by a blank line.
 *
 * @return AGT_OK: a string, shared if there is only one part; NULL if there is no text;
 *         AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__parts_get_text(const agt_allocator *allocator,
                                              const agt_value *parts, size_t first, size_t end,
                                              agt_value **ret_text);

/* ---- sizes ------------------------------------------------------------------------------------
 */

/** About how many bytes @value has as JSON text. Quick: strings and numbers are not read. */
size_t agt__value_estimate_bytes(const agt_value *value);

/** About how many tokens that many bytes are: a token is about four. */
uint64_t agt__estimate_tokens(size_t bytes);

/** About how many tokens a request has: what it says itself, else its size tells. */
uint64_t agt__request_estimate_tokens(const agt_value *request);

#endif
