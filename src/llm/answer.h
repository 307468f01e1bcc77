/*
 * An answer that is being put together: the pieces of a response as they come, whatever the format
 * on the wire.
 *
 * A part has a key, a number of the format's choice (an index, a position), by which its pieces
 * find it; formats never rely on a "current" part, since servers interleave them. Parts stand in
 * the response in the order in which they were opened. Everything is marked as tainted.
 *
 * Text, reasoning and complete tool calls are told to the listener as they come. The text of tool
 * arguments is parsed when the call is closed: arguments that are no JSON object become a string,
 * which agt__response_check() makes an error result of; nothing is ever guessed.
 *
 * Limits: parts, bytes of a part and of the answer. Pieces of UTF-16 surrogate pairs that were cut
 * apart ("\uD83D" at the end of one piece, "\uDE42" at the start of the next) are joined; what
 * stays alone becomes U+FFFD.
 *
 * Threads: one at a time.
 */
#ifndef AGT_LLM_ANSWER_H
#define AGT_LLM_ANSWER_H

#include "agent_sdk/llm.h"

typedef struct agt__answer agt__answer;

typedef enum agt__answer_kind {
    AGT__ANSWER_TEXT,
    AGT__ANSWER_REASONING,
    AGT__ANSWER_TOOL_CALL,
    AGT__ANSWER_OPAQUE, /* kept as it is */
} agt__answer_kind;

/* Something has come. Borrowed for the time of the call. */
typedef struct agt__answer_event {
    enum {
        AGT__ANSWER_EVENT_TEXT,      /* text: a piece                                           */
        AGT__ANSWER_EVENT_REASONING, /* text: a piece                                           */
        AGT__ANSWER_EVENT_TOOL_CALL, /* part: the whole of it, as it will stand in the response */
        AGT__ANSWER_EVENT_USAGE,     /* usage: all that is known so far                         */
    } kind;
    size_t index; /* of the part                                                             */
    const char *text;
    size_t length;
    const agt_value *part;
    agt_usage usage;
} agt__answer_event;

typedef void (*agt__answer_fn)(void *user_data, const agt__answer_event *event);

/** @param bytes_max  of all texts together; 0 = 64 MiB
 *  @param on_event   NULL = nobody listens */
AGT_MUST_CHECK agt_status agt__answer_new(const agt_allocator *allocator, size_t bytes_max,
                                          agt__answer_fn on_event, void *user_data,
                                          agt__answer **ret_answer);
void agt__answer_free(agt__answer *answer);
/** What it was made with: for what a format makes on the way. */
const agt_allocator *agt__answer_get_allocator(const agt__answer *answer);
/** How many parts there are. */
size_t agt__answer_get_count(const agt__answer *answer);

/*
 * Every function below may fail for lack of memory or at a limit. The first failure stays, later
 * ones do nothing, and agt__answer_finish() says so: formats need not look after each piece.
 */

/** A format failed to make something of its own; AGT_OK is nothing. */
void agt__answer_fail(agt__answer *answer, agt_status status);

/** The part with @key is there from here on, if it was not. @return whether it is new */
bool agt__answer_open(agt__answer *answer, uint64_t key, agt__answer_kind kind);
/** Whether there is such a part that is still open / at all. */
bool agt__answer_is_open(const agt__answer *answer, uint64_t key);
bool agt__answer_has(const agt__answer *answer, uint64_t key);
/** Its kind; the part must be there. */
agt__answer_kind agt__answer_get_kind(const agt__answer *answer, uint64_t key);

/** More text, reasoning, or arguments of a tool call; of an opaque part, text that its format makes
 * something of before closing it. */
void agt__answer_append(agt__answer *answer, uint64_t key, const char *text, size_t length);
/** As above with a string value; anything else is ignored. */
void agt__answer_append_value(agt__answer *answer, uint64_t key, const agt_value *text);
/** The text so far; "" once a tool call is closed. Borrowed until the answer changes. */
const char *agt__answer_get_text(const agt__answer *answer, uint64_t key);
/** How many bytes it has so far. */
size_t agt__answer_get_length(const agt__answer *answer, uint64_t key);

/** Set a member of the part beside its text: "id", "name", "signature" … (a literal; at most six of
 * them). The value is shared. Of "id" and "name" of tool calls only the first string that is not
 * empty counts. */
void agt__answer_set(agt__answer *answer, uint64_t key, const char *member, const agt_value *value);
/** A member that was set; NULL if it was not. */
const agt_value *agt__answer_get(const agt__answer *answer, uint64_t key, const char *member);

/** The arguments of a tool call as a value: an object is taken as it is, a string is text. Replaces
 * what was appended. */
void agt__answer_set_arguments(agt__answer *answer, uint64_t key, const agt_value *arguments);

/** Whether the arguments of a tool call are one whole JSON object, so that what comes next can only
 * belong to another call. Every byte is looked at once, however often this is asked. */
bool agt__answer_has_whole_arguments(agt__answer *answer, uint64_t key);

/** The part of an opaque kind as a value: it is kept as {"type": "opaque", "format": @format,
 * "value": …}, and encode() of that format sends the value back as it is. */
void agt__answer_set_opaque(agt__answer *answer, uint64_t key, const char *format,
                            const agt_value *value);

/** What was set so; NULL if nothing was. */
const agt_value *agt__answer_get_opaque(const agt__answer *answer, uint64_t key);

/** The part is complete. Tool calls are told now. Closing twice, or what is not there, is nothing.
 */
void agt__answer_close(agt__answer *answer, uint64_t key);
/** The part was not there after all (no text came). */
void agt__answer_drop(agt__answer *answer, uint64_t key);
/** Close all tool calls but that of @key: a later one has begun. */
void agt__answer_close_calls_but(agt__answer *answer, uint64_t key);

/** Members of the response: strings "id", "model"; the last non-empty value counts. */
void agt__answer_set_head(agt__answer *answer, const char *member, const agt_value *value);
/** A word of llm.h: "stop", "tool_calls", "length", "content_filter", "pause", "refusal"; NULL is
 * ignored. @raw is the provider's word, kept as "finish_reason_raw". */
void agt__answer_set_finish(agt__answer *answer, const char *reason, const agt_value *raw);
bool agt__answer_is_finished(const agt__answer *answer);
/** Counts that are not negative replace what is there: providers repeat totals, they never add. */
void agt__answer_set_usage(agt__answer *answer, const agt_usage *usage);
agt_usage agt__answer_get_usage(const agt__answer *answer);

/** A count of tokens in JSON: an integer, also as 12.0 or "12"; AGT_TOKENS_UNKNOWN for anything
 * else, negative numbers and NULL included. */
int64_t agt__answer_read_count(const agt_value *value);

/**
 * The response, with all that has come; parts still open are closed, but a tool call that was cut
 * off is not run: the finish reason then is "length" or, if the stream broke off, there is
 * "truncated": true. "finish_reason" is "tool_calls" whenever there is a tool call, unless the
 * answer was cut off.
 *
 * @param complete  false: the stream broke off
 * @return AGT_OK; AGT_E_LIMIT, AGT_E_NOMEM: the first failure
 */
AGT_MUST_CHECK agt_status agt__answer_finish(agt__answer *answer, bool complete,
                                             agt_value **ret_response, agt_error *err);

#endif
