/*
 * The script of a scripted model: rules, read once and checked, and what they answer to a request.
 * No engine in here: scripted.c makes a model of it.
 */
#ifndef AGT_LLM_SCRIPT_H
#define AGT_LLM_SCRIPT_H

#include "agent_sdk/llm.h"

typedef struct agt__script agt__script; /* immutable; @threads any */

/** The JSON Schema of scripts. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__script_get_schema(const agt_allocator *allocator,
                                                 agt_value **ret_schema);

/**
 * Check and compile a script; the document is referenced.
 *
 * @return AGT_OK; AGT_E_SCHEMA, naming rule and member; AGT_E_SYNTAX for a template, naming rule,
 *         member and column; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__script_new(const agt_allocator *allocator, const agt_value *document,
                                          agt__script **ret_script, agt_error *err);
void agt__script_free(agt__script *script);

/** The name the script gives itself; "scripted" if it does not. */
const char *agt__script_get_name(const agt__script *script);

/** Whether some answer of the script takes time: has a delay, or streams. */
bool agt__script_takes_time(const agt__script *script);

/** The prices of the script, as a document for agt_prices_new(). @return AGT_OK, NULL if it has
 * none; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__script_get_prices(const agt__script *script,
                                                 const agt_allocator *allocator,
                                                 agt_value **ret_document);

/** What a script says to a request. */
typedef struct agt__script_answer {
    agt_value *response;   /* owned; NULL if it is an error                  */
    agt_error error;       /* the error that the rule asks for; status 0     */
    uint32_t delay_ms;     /* to wait before the answer is there             */
    uint32_t stream_bytes; /* size of the pieces of the text; 0 = in one     */
} agt__script_answer;

/**
 * Answer @request with the first rule that fits.
 *
 * @return AGT_OK, also for a rule that is an error; AGT_E_MODEL if no rule fits, or a template of
 *         the rule cannot be filled: the message names rule, path and what there is; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__script_answer_request(const agt__script *script,
                                                     const agt_allocator *allocator,
                                                     const agt_value *request,
                                                     agt__script_answer *ret_answer,
                                                     agt_error *err);

/* ---- what the paths of a script mean -----------------------------------------------------------
 */

/* A request as templates and `when` see it. */
typedef struct agt__script_context {
    const agt_allocator *allocator;
    const agt_value *request;
    agt_value *input;      /* text of the first message of the user, once it was asked for */
    agt_value *input_json; /* the same text as JSON, null if it is none */
} agt__script_context;

void agt__script_context_init(agt__script_context *context, const agt_allocator *allocator,
                              const agt_value *request);
void agt__script_context_deinit(agt__script_context *context);

/** The value at a path of a template; `get` of an agt__template_source. */
AGT_MUST_CHECK agt_status agt__script_context_get(void *context, const char *path, size_t length,
                                                  agt_value **ret_value, agt_error *err);

/** The value at a JSON Pointer whose first tokens are those of a path: "/results/x/total". */
AGT_MUST_CHECK agt_status agt__script_context_get_pointer(agt__script_context *context,
                                                          const char *pointer,
                                                          agt_value **ret_value, agt_error *err);

#endif
