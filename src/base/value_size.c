/*
 * About how large a value is as JSON text, without writing it: texts and numbers are not looked at,
 * only counted. For estimates that are made often, of values that were mostly measured before.
 *
 * Recursion is as deep as the value, which is bounded (AGT__VALUE_DEPTH_MAX), with small frames.
 *
 * Threads: any.
 */
#include "base/value.h"
#include "base/value_node.h"

enum {
    WORD = 4,   /* true, null, a number as they come */
    QUOTES = 2, /* also the brackets of a container  */
    COMMA = 1,
    MEMBER = 3, /* quotes and colon of a key         */
};

size_t agt__value_estimate_size(const agt_value *value)
{
    if (value == NULL) {
        return WORD;
    }
    size_t size = QUOTES;
    size_t count = value->kind >= AGT_VALUE_ARRAY ? value->as.container.count : 0;
    switch ((agt_value_kind)value->kind) {
    case AGT_VALUE_NULL:
    case AGT_VALUE_BOOL:
        return WORD;
    case AGT_VALUE_NUMBER:
        return value->flags & AGT__VALUE_TEXT ? value->as.string.length : WORD;
    case AGT_VALUE_STRING:
        return value->as.string.length + QUOTES;
    case AGT_VALUE_ARRAY:
        for (size_t i = 0; i < count; i++) {
            size += agt__value_estimate_size(agt__value_items(value)[i]) + COMMA;
        }
        break;
    case AGT_VALUE_OBJECT:
        for (size_t i = 0; i < count; i++) {
            const agt__member *member = &agt__value_members(value)[i];
            size += agt__value_estimate_size(member->value) + member->key_length + MEMBER + COMMA;
        }
        break;
    }
    return size;
}
