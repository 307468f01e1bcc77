/*
 * JSON Pointer: the input is a pointer, a NUL and a document. The answer must be that of a second,
 * plain implementation which decodes each step; and each part of the document must be found by the
 * pointer that is made for it.
 */
#include "agent_sdk/value.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POINTER_BYTES_MAX = 4096
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Decode the step at @at into @step; the number of its bytes in the pointer, -1 if it is wrong. */
static long decode(const char *at, char *step, size_t *ret_length)
{
    size_t length = 0;
    const char *start = at;
    for (; *at != '\0' && *at != '/'; at++) {
        if (*at == '~') {
            at++;
            if (*at != '0' && *at != '1') {
                return -1;
            }
            step[length++] = *at == '0' ? '~' : '/';
        } else {
            step[length++] = *at;
        }
    }
    *ret_length = length;
    return at - start;
}

static const agt_value *item(const agt_value *array, const char *step, size_t length)
{
    for (size_t i = 0; i < agt_value_get_count(array); i++) {
        char number[32];
        int size = snprintf(number, sizeof(number), "%zu", i);
        if ((size_t)size == length && memcmp(number, step, length) == 0) {
            return agt_value_get_item(array, i);
        }
    }
    return NULL;
}

static const agt_value *member(const agt_value *object, const char *step, size_t length)
{
    for (size_t i = 0; i < agt_value_get_count(object); i++) {
        size_t size = 0;
        const char *key = agt_value_get_key(object, i, &size);
        if (size == length && memcmp(key, step, length) == 0) {
            return agt_value_get_item(object, i);
        }
    }
    return NULL;
}

/* AGT_OK, AGT_E_SYNTAX or AGT_E_NOT_FOUND. */
static agt_status resolve(const agt_value *value, const char *pointer, const agt_value **ret_part)
{
    char step[POINTER_BYTES_MAX];
    agt_status status = *pointer == '\0' || *pointer == '/' ? AGT_OK : AGT_E_SYNTAX;
    while (status != AGT_E_SYNTAX && *pointer == '/') {
        size_t length = 0;
        long used = decode(pointer + 1, step, &length);
        if (used < 0) {
            return AGT_E_SYNTAX;
        }
        value = agt_value_get_kind(value) == AGT_VALUE_OBJECT  ? member(value, step, length)
                : agt_value_get_kind(value) == AGT_VALUE_ARRAY ? item(value, step, length)
                                                               : NULL;
        status = value == NULL ? AGT_E_NOT_FOUND : status;
        pointer += 1 + used;
    }
    *ret_part = value;
    return status;
}

/* Each part of @part, whose pointer is the first @size bytes of @pointer, is found. */
static void find_all(const agt_value *root, const agt_value *part, char *pointer, size_t size)
{
    pointer[size] = '\0';
    const agt_value *found = NULL;
    require(agt_value_get_pointer(root, pointer, &found, NULL) == AGT_OK);
    require(found == part);
    for (size_t i = 0; i < agt_value_get_count(part); i++) {
        size_t at = size;
        size_t length = 0;
        char number[32];
        const char *key = agt_value_get_key(part, i, &length);
        if (key == NULL) {
            length = (size_t)snprintf(number, sizeof(number), "%zu", i);
            key = number;
        }
        if (memchr(key, '\0', length) != NULL || at + 2 * length + 2 > POINTER_BYTES_MAX) {
            continue;
        }
        pointer[at++] = '/';
        for (size_t j = 0; j < length; j++) {
            if (key[j] == '~' || key[j] == '/') {
                pointer[at++] = '~';
                pointer[at++] = key[j] == '~' ? '0' : '1';
            } else {
                pointer[at++] = key[j];
            }
        }
        find_all(root, agt_value_get_item(part, i), pointer, at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    if (end == NULL || end - data >= POINTER_BYTES_MAX) {
        return 0;
    }
    const char *pointer = (const char *)data;
    const char *json = (const char *)end + 1;
    agt_value *value = NULL;
    if (agt_json_parse(NULL, json, size - (size_t)(end + 1 - data), NULL, &value, NULL) != AGT_OK) {
        return 0;
    }
    const agt_value *part = NULL;
    const agt_value *expected = NULL;
    agt_error err = {0};
    agt_status status = agt_value_get_pointer(value, pointer, &part, &err);
    require(status == resolve(value, pointer, &expected));
    if (status == AGT_OK) {
        require(part == expected);
    } else {
        require(err.status == status && err.message[0] != '\0' && part == NULL);
    }
    char made[POINTER_BYTES_MAX];
    find_all(value, value, made, 0);
    agt_value_unref(value);
    return 0;
}
