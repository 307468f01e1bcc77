/*
 * Wire formats: how the HTTP interface of a provider says what requests and responses of llm.h say.
 *
 * A format is a table of functions that translate, and nothing else: no I/O, no clock, no retries.
 * provider.c carries the bytes. Whoever adds a provider adds a file with a table, a line in
 * agt__wire_find(), vectors in tests/data/llm and a row in docs/guide/models.md.
 *
 *     request (value) → encode() → body
 *     200, whole body → decode() → response (value)
 *     200, stream     → stream_event()* → stream_end() → response (value)
 *     anything else   → read_error() → agt_error
 *
 * A stream puts its response together in an agt__answer (answer.h), which also tells the listener
 * what has come: there is one place where pieces become parts, whatever the format.
 */
#ifndef AGT_LLM_WIRE_H
#define AGT_LLM_WIRE_H

#include "base/buffer.h"
#include "llm/answer.h"

#include "agent_sdk/net.h"

/* What all requests of a model have in common. Borrowed from the model. */
typedef struct agt__wire_settings {
    const char *model;            /* as the server knows it                                      */
    uint64_t max_output_tokens;   /* if the request does not say; 0 = left out where that may be */
    const char *effort;           /* of reasoning, in the provider's words; NULL = left out      */
    const agt_value *temperature; /* a number; NULL = left out                                  */
    const agt_value *extra;       /* an object: members put into the body as they are, the last
                                   * word; NULL = none                                           */
    bool stream;
    bool cache;      /* mark what may be cached, where a provider needs to be told          */
    bool no_strict;  /* schemas are not "strict": an older server                           */
    bool old_tokens; /* "max_tokens" instead of "max_completion_tokens": an older server    */
} agt__wire_settings;

typedef struct agt__wire {
    const char *name;         /* "anthropic", "openai", "openai-responses"                   */
    const char *system;       /* gen_ai.provider.name of the conventions                     */
    const char *default_url;  /* base URL, without a slash at its end                        */
    const char *path;         /* of a request, after the base URL                            */
    const char *models_path;  /* of the list of models                                       */
    const char *key_variable; /* environment variables: key, another key, base URL; NULL = none */
    const char *token_variable;
    const char *url_variable;
    const char *key_header; /* "x-api-key"; NULL = "Authorization: Bearer KEY"              */
    const agt_kv *headers;  /* sent with every request; ends with {NULL, NULL}              */

    /**
     * The body of a request.
     *
     * @return AGT_OK; AGT_E_INVALID for a request that cannot be said in this format, the message
     *         naming the message and part; AGT_E_NOMEM
     */
    agt_status (*encode)(const agt_allocator *allocator, const agt__wire_settings *settings,
                         const agt_value *request, agt__buffer *body, agt_error *err);

    /**
     * The response in a whole body, put into @answer.
     *
     * @return AGT_OK; AGT_E_MODEL for an error that came with status 200, or a body of another
     *         shape; AGT_E_NOMEM
     */
    agt_status (*decode)(const agt_value *body, agt__answer *answer, agt_error *err);

    /**
     * One event of a stream; @type is "message" if the server named none. Sets *ret_done at the one
     * after which nothing more is expected.
     *
     * @return as decode(). What was put into @answer before a failure is what there is.
     */
    agt_status (*stream_event)(agt__answer *answer, const char *type, const char *data, size_t size,
                               bool *ret_done, agt_error *err);

    /**
     * An error response.
     *
     * @param body  NULL if it was not JSON; @text (at most 200 printable bytes of it) says more
     * @param ret_error  cause = @http_status; status, flags (retryable) and message are set, with
     *              what to do where that is known. retry_after_ms is the caller's business
     */
    void (*read_error)(int32_t http_status, const agt_value *body, const char *text,
                       agt_error *ret_error);
} agt__wire;

/** The format of that name; NULL if there is none. */
const agt__wire *agt__wire_find(const char *name);
/** All names, joined by ", ", for messages. */
const char *agt__wire_get_names(void);

/* Formats; each has a line in the table of wire.c. */
extern const agt__wire agt__wire_anthropic;
extern const agt__wire agt__wire_openai;
extern const agt__wire agt__wire_openai_responses;

/* ---- what formats share (wire.c) --------------------------------------------------------------
 */

/**
 * A body, or the data of an event, as a value: tainted; of a key that comes twice the last one
 * counts; halves of surrogate pairs become U+FFFD, or stay for agt__answer_append() if @is_piece.
 *
 * @return AGT_OK; AGT_E_MODEL if it is no JSON or too large; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__wire_parse(const agt_allocator *allocator, const char *text,
                                          size_t size, bool is_piece, agt_value **ret_value,
                                          agt_error *err);

/**
 * The status, flags and words of an error by its HTTP status alone; @type and @detail (borrowed,
 * may be NULL) are the provider's type and message, which are shown. Without a message it says what
 * to do. AGT_E_RATE_LIMITED for 429, AGT_E_LIMIT for 413, else AGT_E_HTTP; retryable are 408, 409,
 * 425, 429 and 5xx.
 */
void agt__wire_set_error(agt_error *err, int32_t http_status, const char *type, const char *detail);

/** Read anthropic-ratelimit-* (reset: a time of RFC 3339) and x-ratelimit-* (reset: a duration such
 * as "6m0s" or "120ms"). Resets become milliseconds from now. @return whether there was any. */
bool agt__wire_read_limits(const agt_kv *headers, size_t count, uint64_t unix_ns,
                           agt_rate_limits *ret_limits);

/** How long the server wants to be left alone: retry-after-ms, else Retry-After (seconds, with a
 * fraction, or a date). 0 = it does not say. */
uint32_t agt__wire_read_retry_after_ms(const agt_kv *headers, size_t count, uint64_t unix_ns);

#endif
