/*
 * Where two values differ first, in few words: for requests that are not what they were.
 *
 * Objects are gone through in the order of the recorded one, then come members that are new. A
 * pointer that gets too long ends where there is no more room. Of two long texts the part where
 * they begin to differ is shown.
 */
#include "base/error.h"
#include "exec/tape.h"

#include <stdio.h>
#include <string.h>

/* Where two values differ first, as a JSON Pointer, and what stands there; NULL = nothing. */
typedef struct difference {
    char pointer[AGT__POINTER_BYTES];
    size_t length;
    const agt_value *recorded, *present;
} difference;

static void push(difference *self, const char *key, size_t length)
{
    size_t at = self->length;
    if (at + 1 < sizeof(self->pointer)) {
        self->pointer[at++] = '/';
    }
    for (size_t i = 0; i < length && at + 2 < sizeof(self->pointer); i++) {
        if (key[i] == '~' || key[i] == '/') {
            self->pointer[at++] = '~';
            self->pointer[at++] = key[i] == '~' ? '0' : '1';
        } else {
            self->pointer[at++] = key[i];
        }
    }
    self->pointer[at] = '\0';
    self->length = at;
}

static void pop(difference *self, size_t length)
{
    self->length = length;
    self->pointer[length] = '\0';
}

static bool differ(difference *self, const agt_value *recorded, const agt_value *present);

/* Values are at most 1,024 deep, and this goes no deeper than a pointer of AGT__POINTER_BYTES. */
static bool differ_in(difference *self, const char *key, size_t key_length,
                      const agt_value *recorded, const agt_value *present)
{
    size_t length = self->length;
    push(self, key, key_length);
    if (differ(self, recorded, present)) {
        return true;
    }
    pop(self, length);
    return false;
}

static bool differ_here(difference *self, const agt_value *recorded, const agt_value *present)
{
    self->recorded = recorded;
    self->present = present;
    return true;
}

static bool differ_in_items(difference *self, const agt_value *recorded, const agt_value *present)
{
    size_t counts[] = {agt_value_get_count(recorded), agt_value_get_count(present)};
    for (size_t i = 0; i < counts[0] || i < counts[1]; i++) {
        char number[24];
        int length = snprintf(number, sizeof(number), "%zu", i);
        const agt_value *a = i < counts[0] ? agt_value_get_item(recorded, i) : NULL;
        const agt_value *b = i < counts[1] ? agt_value_get_item(present, i) : NULL;
        if (differ_in(self, number, (size_t)length, a, b)) {
            return true;
        }
    }
    return false;
}

static bool differ_in_members(difference *self, const agt_value *recorded, const agt_value *present)
{
    for (int side = 0; side < 2; side++) {
        const agt_value *of = side == 0 ? recorded : present;
        for (size_t i = 0; i < agt_value_get_count(of); i++) {
            size_t length = 0;
            const char *key = agt_value_get_key(of, i, &length);
            const agt_value *a = agt_value_get_member_n(recorded, key, length);
            const agt_value *b = agt_value_get_member_n(present, key, length);
            if ((side == 0 || a == NULL) && differ_in(self, key, length, a, b)) {
                return true;
            }
        }
    }
    return false;
}

static bool differ(difference *self, const agt_value *recorded, const agt_value *present)
{
    if (recorded == NULL || present == NULL) {
        return recorded != present && differ_here(self, recorded, present);
    }
    if (agt_value_equals(recorded, present)) {
        return false;
    }
    agt_value_kind kind = agt_value_get_kind(recorded);
    if (kind == agt_value_get_kind(present) && self->length + 1 < sizeof(self->pointer)) {
        if (kind == AGT_VALUE_ARRAY && differ_in_items(self, recorded, present)) {
            return true;
        }
        if (kind == AGT_VALUE_OBJECT && differ_in_members(self, recorded, present)) {
            return true;
        }
    }
    return differ_here(self, recorded, present);
}

/* How much of two long texts need not be shown because it is the same. */
static size_t skip_same(const agt_value *a, const agt_value *b)
{
    size_t lengths[2] = {0, 0};
    if (agt_value_get_kind(a) != AGT_VALUE_STRING || agt_value_get_kind(b) != AGT_VALUE_STRING) {
        return 0;
    }
    const char *texts[] = {agt_value_get_string(a, &lengths[0]),
                           agt_value_get_string(b, &lengths[1])};
    size_t same = 0;
    while (same < lengths[0] && same < lengths[1] && texts[0][same] == texts[1][same]) {
        same++;
    }
    same = same > 24 ? same - 12 : 0;
    while (same > 0 && ((unsigned char)texts[0][same] & 0xC0) == 0x80) {
        same--;
    }
    return same;
}

/* @value, or what stands behind the first @skip bytes of a text, in few words. */
static void show(const agt_allocator *allocator, const agt_value *value, size_t skip,
                 char shown[AGT__SHOWN_BYTES])
{
    agt_value *json = NULL;
    if (value == NULL) {
        agt__copy_text(shown, AGT__SHOWN_BYTES, "nothing");
        return;
    }
    if (skip > 0) {
        char text[AGT__SHOWN_BYTES - 12];
        agt__copy_text(text, sizeof(text), agt_value_get_string(value, NULL) + skip);
        (void)snprintf(shown, AGT__SHOWN_BYTES, "\"…%s…\"", text);
        return;
    }
    if (agt_value_to_json(allocator, value, AGT_JSON_COMPACT, &json) != AGT_OK) {
        agt__copy_text(shown, AGT__SHOWN_BYTES, "?");
        return;
    }
    size_t length = 0;
    const char *text = agt_value_get_string(json, &length);
    agt__copy_text(shown, AGT__SHOWN_BYTES - 4, text);
    if (length >= AGT__SHOWN_BYTES - 4) {
        size_t used = strlen(shown);
        agt__copy_text(shown + used, AGT__SHOWN_BYTES - used, "…");
    }
    agt_value_unref(json);
}

void agt__difference_find(const agt_allocator *allocator, const agt_value *recorded,
                          const agt_value *present, agt__difference *ret_difference)
{
    difference found = {.length = 0};
    (void)differ(&found, recorded, present);
    size_t skip = skip_same(found.recorded, found.present);
    agt__copy_text(ret_difference->pointer, sizeof(ret_difference->pointer), found.pointer);
    show(allocator, found.recorded, skip, ret_difference->recorded);
    show(allocator, found.present, skip, ret_difference->present);
}
