/*
 * JSON Pointer (RFC 6901). A pointer is checked as a whole before a step is taken, so that whether
 * it is one does not depend on the value. Keys with escapes are compared piece by piece, without
 * decoding them into memory: there is nothing that could fail.
 *
 * A step into an array is a number without leading zeros; "-", the item behind the last one, is
 * never there.
 */
#include "base/error.h"
#include "base/value_node.h"

#include <stdio.h>
#include <string.h>

#define ORIGIN "base/pointer"

static agt_status check_syntax(const char *pointer, agt_error *err)
{
    if (*pointer != '\0' && *pointer != '/') {
        return agt__error_set(err, AGT_E_SYNTAX, ORIGIN,
                              "a JSON Pointer is empty or starts with '/': \"%.200s\"", pointer);
    }
    for (const char *at = pointer; *at != '\0'; at++) {
        if (*at == '~' && at[1] != '0' && at[1] != '1') {
            return agt__error_set(err, AGT_E_SYNTAX, ORIGIN,
                                  "'~' in a JSON Pointer must be written as ~0, and '/' in a key "
                                  "as ~1: \"%.200s\"",
                                  pointer);
        }
    }
    return AGT_OK;
}

/* Whether the key is what @token, @length bytes with escapes, stands for. */
static bool equals_token(const char *key, size_t key_length, const char *token, size_t length)
{
    size_t i = 0;
    for (const char *end = token + length; token < end; token++, i++) {
        char c = *token;
        if (c == '~') {
            c = *++token == '0' ? '~' : '/';
        }
        if (i >= key_length || key[i] != c) {
            return false;
        }
    }
    return i == key_length;
}

static const agt_value *step_into_object(const agt_value *object, const char *token, size_t length)
{
    if (memchr(token, '~', length) == NULL) {
        return agt_value_get_member_n(object, token, length);
    }
    const agt__member *members = agt__value_members(object);
    for (uint32_t i = 0; i < object->as.container.count; i++) {
        if (equals_token(agt__member_key(object, &members[i]), members[i].key_length, token,
                         length)) {
            return members[i].value;
        }
    }
    return NULL;
}

static const agt_value *step_into_array(const agt_value *array, const char *token, size_t length)
{
    if (length == 0 || length > 10 || (length > 1 && token[0] == '0')) {
        return NULL;
    }
    size_t index = 0;
    for (size_t i = 0; i < length; i++) {
        if (token[i] < '0' || token[i] > '9') {
            return NULL;
        }
        index = index * 10 + (size_t)(token[i] - '0');
    }
    return agt_value_get_item(array, index);
}

/* Say which step is not there, and what is there instead. */
static agt_status fail_step(const agt_value *value, const char *pointer, const char *token,
                            size_t length, agt_error *err)
{
    agt_value_kind kind = agt_value_get_kind(value);
    char place[128];
    size_t done = (size_t)(token - 1 - pointer);
    (void)snprintf(place, sizeof(place), "%.*s", done < 100 ? (int)done : 100, pointer);
    int shown = length < 100 ? (int)length : 100;
    if (kind == AGT_VALUE_OBJECT) {
        return agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN,
                              "the object at \"%s\" has no member \"%.*s\"", place, shown, token);
    }
    if (kind == AGT_VALUE_ARRAY) {
        return agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN,
                              "the array at \"%s\" has %zu items and none numbered \"%.*s\"", place,
                              agt_value_get_count(value), shown, token);
    }
    return agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN,
                          "the value at \"%s\" is a %s and has no part \"%.*s\"", place,
                          agt_value_kind_get_name(kind), shown, token);
}

agt_status agt_value_get_pointer(const agt_value *value, const char *pointer,
                                 const agt_value **ret_part, agt_error *err)
{
    if (pointer == NULL || ret_part == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "pointer or ret_part is NULL");
    }
    agt_status status = check_syntax(pointer, err);
    if (status != AGT_OK) {
        return status;
    }
    const agt_value *part = value != NULL ? value : agt_value_null();
    const char *at = pointer;
    while (*at == '/') {
        const char *token = at + 1;
        size_t length = strcspn(token, "/");
        const agt_value *next = NULL;
        if (part->kind == AGT_VALUE_OBJECT) {
            next = step_into_object(part, token, length);
        } else if (part->kind == AGT_VALUE_ARRAY) {
            next = step_into_array(part, token, length);
        }
        if (next == NULL) {
            return fail_step(part, pointer, token, length, err);
        }
        part = next;
        at = token + length;
    }
    *ret_part = part;
    return AGT_OK;
}
