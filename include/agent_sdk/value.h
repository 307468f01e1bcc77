/*
 * agent_sdk/value.h - immutable, reference-counted JSON values.
 *
 * Tools take them and return them; models write them. A value never changes once it can be seen,
 * so it may be shared between threads without a lock: only its count of references changes, and
 * that is atomic. A part of a value (a member, an item) is a value of its own: a reference to it
 * keeps alive that part only, not the document it came from. Values may outlive the runtime.
 *
 *   - Strings carry their length and may hold NUL; they are always valid UTF-8 and always followed
 *     by one NUL byte that does not count.
 *   - Numbers are exact: integers as 64 bits, everything else keeps its decimal text.
 *   - Objects keep the order in which their members were written.
 *   - Arrays and objects nest up to 1,024 deep, strings have less than 1 GiB.
 *   - A value is *tainted* when it came from a model, a tool, a server or a peer; whatever contains
 *     a tainted part is tainted. Policies read that bit; nothing in this header ever clears it.
 *
 * `allocator` may be NULL everywhere: the C library's is used then.
 */
#ifndef AGENT_SDK_VALUE_H
#define AGENT_SDK_VALUE_H

#include "agent_sdk/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_value agt_value;                 /* @threads any                              */
typedef struct agt_value_builder agt_value_builder; /* one thread at a time                      */
typedef struct agt_json_parser agt_json_parser;     /* one thread at a time                      */

typedef enum agt_value_kind {
    AGT_VALUE_NULL = 0,
    AGT_VALUE_BOOL = 1,
    AGT_VALUE_NUMBER = 2,
    AGT_VALUE_STRING = 3,
    AGT_VALUE_ARRAY = 4,
    AGT_VALUE_OBJECT = 5
} agt_value_kind;

/* ---- references ---------------------------------------------------------------------------- */

/**
 * Take one more reference to @value.
 *
 * @return @value; NULL for NULL
 * @threads any
 */
AGT_API agt_value *agt_value_ref(const agt_value *value);

/**
 * Drop one reference; the last one frees the value and drops its references to its parts.
 *
 * Never recurses deeper than a fixed bound, however deep the value is.
 *
 * @threads any
 */
AGT_API void agt_value_unref(const agt_value *value);

/* ---- making values ------------------------------------------------------------------------- */

/**
 * The value null, true or false. These are static: they cannot fail, and counting references to
 * them does nothing, so they may be used wherever an owned reference is wanted.
 *
 * @threads any
 */
AGT_API agt_value *agt_value_null(void);
AGT_API agt_value *agt_value_bool(bool flag);

/**
 * The empty object `{}` and the empty array `[]`, static as null is.
 *
 * @threads any
 */
AGT_API agt_value *agt_value_empty_object(void);
AGT_API agt_value *agt_value_empty_array(void);

/**
 * A new integer, unsigned integer or floating-point number.
 *
 * A double becomes the shortest decimal that reads back as the same double.
 *
 * @return AGT_OK; AGT_E_NOMEM; AGT_E_RANGE for NaN and infinities, which JSON cannot write
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_new_int64(const agt_allocator *allocator,
                                                      int64_t number, agt_value **ret_value);
AGT_API AGT_MUST_CHECK agt_status agt_value_new_uint64(const agt_allocator *allocator,
                                                       uint64_t number, agt_value **ret_value);
AGT_API AGT_MUST_CHECK agt_status agt_value_new_double(const agt_allocator *allocator,
                                                       double number, agt_value **ret_value);

/**
 * A new number from JSON number text, kept as written: "0.10" stays "0.10".
 *
 * @return AGT_OK; AGT_E_SYNTAX if the text is no JSON number; AGT_E_LIMIT beyond 4,096 bytes;
 *         AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_new_number(const agt_allocator *allocator,
                                                       const char *text, size_t length,
                                                       agt_value **ret_value);

/**
 * A new string from @length bytes of UTF-8, or from a NUL-terminated string.
 *
 * @return AGT_OK; AGT_E_SYNTAX if the bytes are not UTF-8; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_new_string(const agt_allocator *allocator,
                                                       const char *text, agt_value **ret_value);
AGT_API AGT_MUST_CHECK agt_status agt_value_new_string_n(const agt_allocator *allocator,
                                                         const char *bytes, size_t length,
                                                         agt_value **ret_value);

/**
 * @value with member @key set to @member: in its old place if the key is there, else at the end.
 *
 * @value itself does not change. Parts are shared, not copied.
 *
 * @return AGT_OK; AGT_E_TYPE if @value is no object; AGT_E_SYNTAX if @key is not UTF-8; AGT_E_NOMEM
 * @threads any
 * @time O(members)
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_with_member(const agt_allocator *allocator,
                                                        const agt_value *value, const char *key,
                                                        const agt_value *member,
                                                        agt_value **ret_value);

/**
 * @value, and with it every part of it, marked as tainted. What is wholly tainted already is
 * shared, not copied.
 *
 * @return AGT_OK; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_with_taint(const agt_allocator *allocator,
                                                       const agt_value *value,
                                                       agt_value **ret_value);

/**
 * A builder for arrays and objects. Its functions return nothing: the first thing that goes wrong
 * (out of memory, a key outside an object, text that is not UTF-8) is kept, everything after it is
 * ignored, and agt_value_builder_finish() reports it.
 *
 *     agt_value_builder *b;
 *     if (agt_value_builder_new(NULL, &b) == AGT_OK) {
 *         agt_value_builder_begin_object(b);
 *         agt_value_builder_key(b, "query");
 *         agt_value_builder_string(b, "AI trends");
 *         agt_value_builder_end(b);
 *         status = agt_value_builder_finish(b, &value, &err);
 *         agt_value_builder_free(b);
 *     }
 *
 * A key that is written twice in one object replaces the earlier value, in its place.
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_builder_new(const agt_allocator *allocator,
                                                        agt_value_builder **ret_builder);
AGT_API void agt_value_builder_begin_object(agt_value_builder *builder);
AGT_API void agt_value_builder_begin_array(agt_value_builder *builder);
AGT_API void agt_value_builder_end(agt_value_builder *builder);
AGT_API void agt_value_builder_key(agt_value_builder *builder, const char *key);
AGT_API void agt_value_builder_key_n(agt_value_builder *builder, const char *key, size_t length);
AGT_API void agt_value_builder_null(agt_value_builder *builder);
AGT_API void agt_value_builder_bool(agt_value_builder *builder, bool flag);
AGT_API void agt_value_builder_int64(agt_value_builder *builder, int64_t number);
AGT_API void agt_value_builder_uint64(agt_value_builder *builder, uint64_t number);
AGT_API void agt_value_builder_double(agt_value_builder *builder, double number);
AGT_API void agt_value_builder_string(agt_value_builder *builder, const char *text);
AGT_API void agt_value_builder_string_n(agt_value_builder *builder, const char *bytes,
                                        size_t length);
/** Adds @value itself with a reference of its own; NULL adds null. */
AGT_API void agt_value_builder_value(agt_value_builder *builder, const agt_value *value);

/**
 * The value that was built; the builder is empty afterwards and may be used again.
 *
 * @return AGT_OK; the first failure since the builder was new; AGT_E_INVALID if nothing was built
 *         or an array or object is still open
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_builder_finish(agt_value_builder *builder,
                                                           agt_value **ret_value, agt_error *err);
AGT_API void agt_value_builder_free(agt_value_builder *builder);

/* ---- reading values ------------------------------------------------------------------------ */

/** The kind of @value; AGT_VALUE_NULL for NULL. @threads any */
AGT_API agt_value_kind agt_value_get_kind(const agt_value *value);

/** The name of a kind as JSON Schema writes it: "null", "boolean", "number" … @threads any */
AGT_API const char *agt_value_kind_get_name(agt_value_kind kind);

/** Whether @value came, wholly or in part, from a model, tool, server or peer. @threads any */
AGT_API bool agt_value_is_tainted(const agt_value *value);

/** Whether @value is a number without a fractional part, of any size: 3, 3.0 and 3e2 are. */
AGT_API bool agt_value_is_integer(const agt_value *value);

/**
 * The boolean, or @fallback if @value is not one.
 *
 * @threads any
 */
AGT_API bool agt_value_get_bool(const agt_value *value, bool fallback);

/**
 * The number as an integer of 64 bits, if it is exactly one.
 *
 * @return AGT_OK; AGT_E_TYPE if @value is no number; AGT_E_RANGE if it has a fractional part or
 *         does not fit
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_get_int64(const agt_value *value, int64_t *ret_number);
AGT_API AGT_MUST_CHECK agt_status agt_value_get_uint64(const agt_value *value,
                                                       uint64_t *ret_number);

/**
 * The number as the nearest double, whatever the locale of the process.
 *
 * @return AGT_OK; AGT_E_TYPE if @value is no number; AGT_E_RANGE if it is beyond the doubles
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_get_double(const agt_value *value, double *ret_number);

/**
 * The bytes of a string, always followed by one NUL byte.
 *
 * @param ret_length  optional: the number of bytes, without the one that follows
 * @return borrowed from @value; NULL if it is no string
 * @threads any
 */
AGT_API const char *agt_value_get_string(const agt_value *value, size_t *ret_length);

/** The number of items or members; 0 for what is no array or object. @threads any */
AGT_API size_t agt_value_get_count(const agt_value *value);

/**
 * The item of an array, or the member of an object, at @index in order.
 *
 * @return borrowed from @value; NULL if there is none
 * @threads any
 */
AGT_API const agt_value *agt_value_get_item(const agt_value *value, size_t index);

/**
 * The key of an object's member at @index.
 *
 * @param ret_length  optional
 * @return borrowed from @value, NUL-terminated; NULL if there is none
 * @threads any
 */
AGT_API const char *agt_value_get_key(const agt_value *value, size_t index, size_t *ret_length);

/**
 * The member of an object with that key.
 *
 * @return borrowed from @value; NULL if there is none or @value is no object
 * @threads any
 * @time O(1)
 */
AGT_API const agt_value *agt_value_get_member(const agt_value *value, const char *key);
AGT_API const agt_value *agt_value_get_member_n(const agt_value *value, const char *key,
                                                size_t length);

/**
 * The part of @value that a JSON Pointer names (RFC 6901); "" is the whole value.
 *
 * @param ret_part  borrowed from @value
 * @return AGT_OK; AGT_E_SYNTAX if @pointer is no pointer; AGT_E_NOT_FOUND, the message naming the
 *         first step that is not there
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_get_pointer(const agt_value *value, const char *pointer,
                                                        const agt_value **ret_part, agt_error *err);

/**
 * Whether two values are equal as JSON Schema means it: numbers by mathematical value, objects
 * without regard to the order of their members. Taint does not count.
 *
 * @threads any
 */
AGT_API bool agt_value_equals(const agt_value *a, const agt_value *b);

/* ---- reading and writing JSON -------------------------------------------------------------- */

typedef enum agt_json_duplicates {
    AGT_JSON_DUPLICATES_REJECT = 0, /* the default: a key that comes twice is an error            */
    AGT_JSON_DUPLICATES_LAST = 1    /* the last one counts, in the place of the first             */
} agt_json_duplicates;

/**
 * How JSON is read. All limits are errors that name line and column. Lines end with a line feed;
 * columns count characters (not bytes), both from 1.
 */
typedef struct agt_json_config {
    size_t struct_size;
    uint32_t depth_max;        /* nesting; 0 = 64, at most 1,024                                */
    uint32_t nodes_max;        /* values in one document; 0 = 100,000, at most 2^30             */
    size_t string_bytes_max;   /* one string or key, decoded; 0 = 8 MiB, at most 1 GiB          */
    size_t document_bytes_max; /* the whole text; 0 = 32 MiB, at most 1 GiB                     */
    uint32_t number_bytes_max; /* one number's text; 0 = 64, at most 4,096                      */
    int32_t duplicates;        /* agt_json_duplicates                                           */
    bool tainted;              /* mark everything that is read                                  */
    bool reserved[7];
} agt_json_config;

/**
 * The value of a JSON text (RFC 8259): UTF-8, one value, white space around it.
 *
 * @param config  NULL for the defaults
 * @return AGT_OK; AGT_E_SYNTAX or AGT_E_LIMIT, `err` with line and column; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_json_parse(const agt_allocator *allocator, const char *text,
                                                 size_t length, const agt_json_config *config,
                                                 agt_value **ret_value, agt_error *err);

/**
 * Called by an incremental parser for each part that is complete.
 *
 * @param depth  1 for a member or item of the document, 2 for one of those …
 * @param key    of the member, followed by a NUL that does not count in @key_length; NULL for an
 *               item of an array
 * @param index  the number of the member or item, from 0
 * @param value  borrowed for the time of the call
 *
 * It must not use the parser.
 */
typedef void (*agt_json_part_fn)(void *user_data, uint32_t depth, const char *key,
                                 size_t key_length, size_t index, const agt_value *value);

/**
 * A parser that takes its text in pieces, split anywhere: the arguments of a tool call while a
 * model still writes them.
 *
 * @param config    NULL for the defaults
 * @param on_part   NULL, or told of every part down to @depth_max as soon as it is complete
 */
AGT_API AGT_MUST_CHECK agt_status agt_json_parser_new(const agt_allocator *allocator,
                                                      const agt_json_config *config,
                                                      agt_json_part_fn on_part, uint32_t depth_max,
                                                      void *user_data,
                                                      agt_json_parser **ret_parser);

/**
 * Take the next @length bytes.
 *
 * @return AGT_OK; AGT_E_SYNTAX or AGT_E_LIMIT as soon as the text cannot become a document any
 *         more, with line and column from the beginning of the first piece; AGT_E_NOMEM. After a
 *         failure every further call gives the same answer
 */
AGT_API AGT_MUST_CHECK agt_status agt_json_parser_feed(agt_json_parser *parser, const char *bytes,
                                                       size_t length, agt_error *err);

/**
 * Whether the bytes so far hold one complete array, object, string or literal. (A number at the
 * top may go on until agt_json_parser_finish().)
 */
AGT_API bool agt_json_parser_is_complete(const agt_json_parser *parser);

/**
 * End of text: the value. The parser is as new afterwards, also after a failure.
 *
 * @return AGT_OK; AGT_E_SYNTAX if the text stops in the middle; an earlier failure
 */
AGT_API AGT_MUST_CHECK agt_status agt_json_parser_finish(agt_json_parser *parser,
                                                         agt_value **ret_value, agt_error *err);
AGT_API void agt_json_parser_free(agt_json_parser *parser);

/** How JSON is written. */
enum {
    AGT_JSON_COMPACT = 0,       /* no white space                                                 */
    AGT_JSON_PRETTY = 1 << 0,   /* two spaces an indent                                           */
    AGT_JSON_ASCII = 1 << 1,    /* \uXXXX for all that is not ASCII                               */
    AGT_JSON_CANONICAL = 1 << 2 /* sorted keys and normal numbers, see agt_value_hash()          */
};

/**
 * @value as JSON text, in a string value that is tainted if @value is. Control characters, U+2028
 * and U+2029 are escaped; the canonical form, which allows no other flag, escapes only what JSON
 * requires.
 *
 * @return AGT_OK; AGT_E_NOMEM; AGT_E_LIMIT beyond 1 GiB
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_to_json(const agt_allocator *allocator,
                                                    const agt_value *value, uint32_t flags,
                                                    agt_value **ret_text);

/**
 * SHA-256 of the canonical form: equal values have equal hashes, in every process and for ever.
 *
 * The canonical form is that of RFC 8785 (JCS), but numbers stay exact: a number is written in
 * the layout that RFC 8785 gives to doubles with all of its own digits, so that 2^53+1 and 2^53
 * differ, and 1.0, 1 and 10e-1 are the same.
 *
 * @return AGT_OK; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_value_hash(const agt_value *value, uint8_t ret_hash[32]);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_VALUE_H */
