/*
 * Requests and responses of models as values: building them, reading them, guessing their size.
 * agent_sdk/llm.h has their shape.
 */
#ifndef AGT_LLM_MESSAGE_H
#define AGT_LLM_MESSAGE_H

#include "agent_sdk/llm.h"

/* ---- words ------------------------------------------------------------------------------------
 */

/* Strings that every conversation is full of. */
typedef enum agt__word {
    AGT__WORD_USER,
    AGT__WORD_ASSISTANT,
    AGT__WORD_TOOL,
    AGT__WORD_TEXT,
    AGT__WORD_TOOL_CALL,
    AGT__WORD_TOOL_RESULT,
    AGT__WORD_OK,
    AGT__WORD_STOP,
    AGT__WORD_TOOL_CALLS,
    AGT__WORD_COUNT
} agt__word;

/* Made once by whoever writes messages, shared by all of them. Immutable; @threads any. */
typedef struct agt__words {
    agt_value *items[AGT__WORD_COUNT];
} agt__words;

/** @param tainted  for what a model says */
AGT_MUST_CHECK agt_status agt__words_init(agt__words *words, const agt_allocator *allocator,
                                          bool tainted);
void agt__words_deinit(agt__words *words);

/** One more reference to a word. */
static inline agt_value *agt__words_get(const agt__words *words, agt__word word)
{
    return agt_value_ref(words->items[word]);
}

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
                                           const agt__request *request, agt_value **ret_value);

/** A message of one text part. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__message_new_text(const agt_allocator *allocator,
                                                const agt__words *words, agt__word role,
                                                const agt_value *text, agt_value **ret_message);

/** A message of these parts, an array, which is shared. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__message_new(const agt_allocator *allocator, const agt__words *words,
                                           agt__word role, const agt_value *parts,
                                           agt_value **ret_message);

/** A text part; the reference to @text is taken. NULL if there is no memory, or no text. */
agt_value *agt__part_new_text(const agt_allocator *allocator, const agt__words *words,
                              agt_value *text);

/* What became of one tool call. */
typedef struct agt__tool_result {
    const agt_value *id, *name; /* strings, shared           */
    agt_outcome outcome;
    const agt_value *output; /* if it is ok                */
    const char *error;       /* otherwise, what went wrong */
} agt__tool_result;

/** The part that tells of it; NULL if there is no memory. */
agt_value *agt__part_new_result(const agt_allocator *allocator, const agt__words *words,
                                const agt__tool_result *result);

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

/* A tool call among parts. Borrowed from the part. */
typedef struct agt__tool_request {
    const agt_value *id;
    const agt_value *name_value;
    const char *name;
    const agt_value *given;     /* the arguments as written, whatever they are; NULL = none */
    const agt_value *arguments; /* NULL if that is something else than an object */
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

/** About how many tokens that many bytes are: a token is about four. */
uint64_t agt__estimate_tokens(size_t bytes);

/** About how many tokens a request has: what it says itself, else its size tells. */
uint64_t agt__request_estimate_tokens(const agt_value *request);

#endif
