/*
 * What the two formats of OpenAI, Chat Completions and Responses, have in common: schemas, media,
 * results of tools, usage and errors.
 */
#ifndef AGT_LLM_WIRE_OPENAI_COMMON_H
#define AGT_LLM_WIRE_OPENAI_COMMON_H

#include "llm/wire.h"

/* ---- what is sent -----------------------------------------------------------------------------
 */

/* A body that is being built. */
typedef struct agt__openai_encoder {
    const agt_allocator *allocator;
    const agt__wire_settings *settings;
    agt_value_builder *b;
    size_t message, part; /* that is looked at, from 1, for messages of errors */
    const char *origin;
    agt_error *err;
    agt_status status; /* AGT_E_NOMEM once a value could not be made */
} agt__openai_encoder;

/** Add @value, whose reference is taken; NULL could not be made, which agt__openai_encode() says.
 */
void agt__openai_take(agt__openai_encoder *self, agt_value *value);

/** Refuse the part that is looked at. @return AGT_E_INVALID */
agt_status agt__openai_refuse(const agt__openai_encoder *self, const char *why);

/** Write an object to @body as JSON: its members are added by @fill, those of settings->extra come
 * last. @return as agt__wire.encode() */
agt_status agt__openai_encode(agt__openai_encoder *self, const agt_value *request,
                              agt_status (*fill)(agt__openai_encoder *self,
                                                 const agt_value *request),
                              agt__buffer *body);

/** Whether @part has that type. */
bool agt__openai_is_part(const agt_value *part, const char *type);

/** Whether @part came from @format: reasoning and opaque parts are given back to their own only. */
bool agt__openai_is_of(const agt_value *part, const char *format);

/** Whether @part is the text of a refusal. */
bool agt__openai_is_refusal(const agt_value *part);

/**
 * The joined text of those parts of @parts that @matches; parts are parted by a blank line.
 *
 * @param ret_text  NULL if there is none
 * @return AGT_OK; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__openai_join(const agt_allocator *allocator, const agt_value *parts,
                                           bool (*matches)(const agt_value *part),
                                           agt_value **ret_text);

/** Whether @part is text that is no refusal. */
bool agt__openai_is_text(const agt_value *part);

/** Add the member @key: a URL as it is, or base64 as a data URL. @return AGT_OK; AGT_E_INVALID */
agt_status agt__openai_add_url(agt__openai_encoder *self, const char *key, const agt_value *part);

/** Add the member @key: what a tool gave, as text. There is no mark of errors in these formats, so
 * the text says it. */
void agt__openai_add_result(agt__openai_encoder *self, const char *key, const agt_value *part);

/** Add the member "arguments": JSON text, always valid, since servers parse it. */
void agt__openai_add_arguments(agt__openai_encoder *self, const agt_value *part);

/** Add the schema of a tool's input as the member "parameters": an object has "properties". */
void agt__openai_add_parameters(agt__openai_encoder *self, const agt_value *schema);

/** Whether "strict" may be said of @schema: every object is closed and requires all its members,
 * and nothing is said that strict schemas may not say. */
bool agt__openai_is_strict(const agt_value *schema);

/** Add the members "name", "schema" and "strict" of a typed answer. */
void agt__openai_add_output_schema(agt__openai_encoder *self, const agt_value *schema);

/** How many tokens may come: what the request says, else the settings; 0 = nobody says. */
uint64_t agt__openai_get_max_tokens(const agt__openai_encoder *self, const agt_value *request);

/* ---- what comes back --------------------------------------------------------------------------
 */

/** Take the usage of either format over; anything but an object is ignored. */
void agt__openai_read_usage(agt__answer *answer, const agt_value *value);

/** agt__wire.read_error() of both formats. */
void agt__openai_read_error(int32_t http_status, const agt_value *body, const char *text,
                            agt_error *ret_error);

/**
 * The error in a body or an event that came with status 200; NULL if there is none. Shapes:
 * {"error": {…}}, {"error": "…"}, {"object": "error", …}, and those in an array.
 */
const agt_value *agt__openai_find_error(const agt_value *body);

/** Fill in @err from such an error. @return AGT_E_MODEL */
agt_status agt__openai_fail(agt_error *err, const agt_value *error);

/** The reason of llm.h for a finish reason of a server, whatever its case; "stop" for words that
 * are not known; NULL for none. */
const char *agt__openai_get_reason(const agt_value *raw);

#endif
