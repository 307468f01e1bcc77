/*
 * Values, for the library itself: what other rooms may use beside agent_sdk/value.h. How a value
 * lies in memory is in value_node.h and is nobody else's business.
 */
#ifndef AGT_BASE_VALUE_H
#define AGT_BASE_VALUE_H

#include "base/buffer.h"

#include "agent_sdk/value.h"

/** Append @value as JSON text to @buffer, whose status tells of failures; see agt_value_to_json. */
void agt__json_write(agt__buffer *buffer, const agt_value *value, uint32_t flags);

/** The text of @value if it is a string without NUL characters, else @fallback. */
const char *agt__value_text(const agt_value *value, const char *fallback);

/** The same for the member @key of @object. */
const char *agt__value_member_text(const agt_value *object, const char *key, const char *fallback);

/** A string of @length bytes that need not be UTF-8: what is not is replaced by U+FFFD. */
AGT_MUST_CHECK agt_status agt__value_new_string_lossy(const agt_allocator *allocator,
                                                      const char *bytes, size_t length,
                                                      agt_value **ret_value);

/** Most members of an object that is made in one step. */
enum {
    AGT__FIELDS_MAX = 8
};

/* A member of an object that is made in one step. */
typedef struct agt__field {
    const char *key; /* UTF-8 */
    agt_value *value;
} agt__field;

/**
 * An object of 1 to AGT__FIELDS_MAX members with keys that are known to be distinct.
 *
 * The references to the values are taken, also on failure. A value that is NULL could not be made:
 * that is AGT_E_NOMEM, so that the makers of values need not be looked at one by one.
 *
 * @return AGT_OK; AGT_E_NOMEM; AGT_E_LIMIT if it would be nested too deep
 */
AGT_MUST_CHECK agt_status agt__value_make_object(const agt_allocator *allocator,
                                                 const agt__field *fields, size_t count,
                                                 agt_value **ret_object);

/** An array of @count items, which may be 0; as agt__value_make_object(). */
AGT_MUST_CHECK agt_status agt__value_make_array(const agt_allocator *allocator,
                                                agt_value *const *items, size_t count,
                                                agt_value **ret_array);

/** About how many bytes @value has as JSON text; quick, see value_size.c. NULL counts as null. */
size_t agt__value_estimate_size(const agt_value *value);

/** A string, or a number, to be a field; NULL if there is no memory or @text is not UTF-8. */
agt_value *agt__value_text_or_null(const agt_allocator *allocator, const char *text);
agt_value *agt__value_uint64_or_null(const agt_allocator *allocator, uint64_t number);

/** Add the member @key in one step. */
void agt__builder_add_string(agt_value_builder *builder, const char *key, const char *text);
void agt__builder_add_int64(agt_value_builder *builder, const char *key, int64_t number);
void agt__builder_add_uint64(agt_value_builder *builder, const char *key, uint64_t number);
void agt__builder_add_bool(agt_value_builder *builder, const char *key, bool flag);
void agt__builder_add_value(agt_value_builder *builder, const char *key, const agt_value *value);

/** The first failure so far, AGT_OK if none: to stop a long loop early. */
agt_status agt__builder_get_status(const agt_value_builder *builder);

/**
 * agt_value_with_taint() for a value that the caller owns and gives away, also on failure: what
 * only the caller could see is marked in place, without a copy.
 *
 * @return AGT_OK; AGT_E_NOMEM
 */
agt_status agt__value_take_taint(const agt_allocator *allocator, agt_value *value,
                                 agt_value **ret_value);

extern agt_value *const agt__value_tainted_null;

/** The null of a tool that gave nothing: static, tainted. */
static inline agt_value *agt__value_get_tainted_null(void)
{
    return agt__value_tainted_null;
}

#endif
