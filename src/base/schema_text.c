/*
 * Words for messages. Everything is written into a text of fixed size and simply stops when that is
 * full: a message is cut to 400 bytes in the end anyway. Strings of strangers are quoted, escaped
 * and shortened here and nowhere else.
 */
#include "base/schema_text.h"

#include "base/number.h"
#include "base/schema_tree.h"
#include "base/unicode.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ELLIPSIS "\xE2\x80\xA6" /* one character */

void agt__schema_text_add(schema_text *text, const char *format, ...)
{
    size_t left = sizeof(text->bytes) - text->size;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text->bytes + text->size, left, format, args);
    va_end(args);
    if (length > 0) {
        text->size += (size_t)length < left ? (size_t)length : left - 1;
    }
}

/* Whether a character can be shown: no control, no invisible one that turns text around. */
static bool is_visible(const char *bytes, size_t size, uint32_t *ret_point)
{
    (void)agt__utf8_read_any((const unsigned char *)bytes, size, ret_point);
    if (*ret_point < 0x7F) {
        return *ret_point >= 0x20;
    }
    unsigned category = agt__unicode_category(*ret_point);
    return category < AGT__UNICODE_ZL; /* separators of lines, controls, formats, unassigned */
}

static void add_plain_character(schema_text *text, const char *bytes, size_t size)
{
    uint32_t point;
    if (is_visible(bytes, size, &point)) {
        agt__schema_text_add(text, "%.*s", (int)size, bytes);
    } else if (point == '\n' || point == '\t') {
        agt__schema_text_add(text, "%s", point == '\n' ? "\\n" : "\\t");
    } else {
        agt__schema_text_add(text, point > 0xFFFF ? "\\u{%x}" : "\\u%04x", point);
    }
}

static void add_quoted_character(schema_text *text, const char *bytes, size_t size)
{
    if (bytes[0] == '"' || bytes[0] == '\\') {
        agt__schema_text_add(text, "\\");
    }
    add_plain_character(text, bytes, size);
}

static void add_pointer_character(schema_text *text, const char *bytes, size_t size)
{
    if (bytes[0] == '~' || bytes[0] == '/') {
        agt__schema_text_add(text, bytes[0] == '~' ? "~0" : "~1");
    } else {
        add_plain_character(text, bytes, size);
    }
}

/* Add characters by @add until @most of them are there or all are. @return whether all are */
static bool add_characters(schema_text *text, const char *bytes, size_t length, size_t most,
                           void (*add)(schema_text *text, const char *bytes, size_t size))
{
    size_t at = 0;
    for (size_t count = 0; at < length && (count < most || length - at <= 3); count++) {
        size_t size = 1;
        while (at + size < length && ((unsigned char)bytes[at + size] & 0xC0) == 0x80) {
            size++;
        }
        add(text, bytes + at, size);
        at += size;
    }
    return at == length;
}

void agt__schema_text_add_quoted(schema_text *text, const char *bytes, size_t length, size_t most)
{
    agt__schema_text_add(text, "\"");
    bool is_whole = add_characters(text, bytes, length, most, add_quoted_character);
    agt__schema_text_add(text, is_whole ? "\"" : ELLIPSIS "\"");
}

void agt__schema_text_add_plain(schema_text *text, const char *bytes, size_t length, size_t most)
{
    if (!add_characters(text, bytes, length, most, add_plain_character)) {
        agt__schema_text_add(text, ELLIPSIS);
    }
}

void agt__schema_text_add_step(schema_text *text, const char *key, size_t length, size_t most)
{
    if (!add_characters(text, key, length, most, add_pointer_character)) {
        agt__schema_text_add(text, ELLIPSIS);
    }
}

static void add_number(schema_text *text, const agt_value *number)
{
    char scratch[24];
    size_t length;
    const char *digits = agt__number_text(number, scratch, &length);
    if (length > 40) {
        agt__schema_text_add(text, "%.37s" ELLIPSIS, digits);
    } else {
        agt__schema_text_add(text, "%.*s", (int)length, digits);
    }
}

/* ---- containers ---------------------------------------------------------------------------- */

#define WHOLE_BYTES 60u /* a container is shown as JSON up to this length */
#define WHOLE_DEPTH 4u

static void add_scalar(schema_text *text, const agt_value *value)
{
    size_t length = 0;
    const char *string;
    switch (agt_value_get_kind(value)) {
    case AGT_VALUE_BOOL:
        agt__schema_text_add(text, "%s", agt_value_get_bool(value, false) ? "true" : "false");
        break;
    case AGT_VALUE_NUMBER:
        add_number(text, value);
        break;
    case AGT_VALUE_STRING:
        string = agt_value_get_string(value, &length);
        agt__schema_text_add_quoted(text, string, length, 40);
        break;
    case AGT_VALUE_NULL:
    case AGT_VALUE_ARRAY:
    case AGT_VALUE_OBJECT:
        agt__schema_text_add(text, "null");
        break;
    }
}

/* Add @value as JSON. @return false if it gets too long or deep */
static bool add_json(schema_text *text, const agt_value *value, size_t most, size_t depth)
{
    bool is_object = agt_value_get_kind(value) == AGT_VALUE_OBJECT;
    if (!is_object && agt_value_get_kind(value) != AGT_VALUE_ARRAY) {
        add_scalar(text, value);
        return text->size <= most;
    }
    if (depth == WHOLE_DEPTH) {
        return false;
    }
    agt__schema_text_add(text, is_object ? "{" : "[");
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(value, i, &length);
        agt__schema_text_add(text, "%s", i > 0 ? ", " : "");
        if (is_object) {
            agt__schema_text_add_quoted(text, key, length, 40);
            agt__schema_text_add(text, ": ");
        }
        if (!add_json(text, agt_value_get_item(value, i), most, depth + 1)) {
            return false;
        }
    }
    agt__schema_text_add(text, is_object ? "}" : "]");
    return text->size <= most;
}

/* An array or object: as JSON if it is short, else by the number of its parts. */
static void add_container(schema_text *text, const agt_value *value, const char *before)
{
    bool is_object = agt_value_get_kind(value) == AGT_VALUE_OBJECT;
    size_t count = agt_value_get_count(value);
    size_t start = text->size;
    if (count == 0) {
        agt__schema_text_add(text, is_object ? "an empty object" : "an empty array");
        return;
    }
    agt__schema_text_add(text, "%s", before);
    if (!add_json(text, value, start + WHOLE_BYTES, 0)) {
        text->size = start;
        text->bytes[start] = '\0';
        agt__schema_text_add(
            text, is_object ? "an object with %zu %s" : "an array of %zu %s", count,
            is_object ? (count == 1 ? "property" : "properties") : (count == 1 ? "item" : "items"));
    }
}

static bool is_container(const agt_value *value)
{
    return agt_value_get_kind(value) >= AGT_VALUE_ARRAY;
}

void agt__schema_text_add_choice(schema_text *text, const agt_value *value)
{
    if (is_container(value)) {
        add_container(text, value, "");
    } else {
        add_scalar(text, value);
    }
}

void agt__schema_text_add_found(schema_text *text, const agt_value *value)
{
    agt_value_kind kind = agt_value_get_kind(value);
    if (is_container(value)) {
        add_container(text, value, kind == AGT_VALUE_OBJECT ? "the object " : "the array ");
        return;
    }
    agt__schema_text_add(text, "%s",
                         kind == AGT_VALUE_STRING   ? "the string "
                         : kind == AGT_VALUE_NUMBER ? "the number "
                                                    : "");
    add_scalar(text, value);
}

const char *agt__schema_text_joint(size_t index, size_t count, const char *last)
{
    return index == 0 ? "" : index + 1 < count ? ", " : last;
}

void agt__schema_text_add_types(schema_text *text, uint32_t types)
{
    static const struct {
        uint32_t type;
        const char *name;
    } names[] = {
        {1u << AGT_VALUE_STRING, "a string"},  {1u << AGT_VALUE_NUMBER, "a number"},
        {SCHEMA_TYPE_INTEGER, "an integer"},   {1u << AGT_VALUE_BOOL, "true or false"},
        {1u << AGT_VALUE_OBJECT, "an object"}, {1u << AGT_VALUE_ARRAY, "an array"},
        {1u << AGT_VALUE_NULL, "null"},
    };
    if ((types & 1u << AGT_VALUE_NUMBER) != 0) {
        types &= ~SCHEMA_TYPE_INTEGER;
    }
    size_t count = (size_t)__builtin_popcount(types);
    size_t index = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((types & names[i].type) != 0) {
            agt__schema_text_add(text, "%s%s", agt__schema_text_joint(index++, count, " or "),
                                 names[i].name);
        }
    }
}

/* ---- typing errors ------------------------------------------------------------------------- */

#define TYPO_LENGTH_MAX 64u

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Row @i of the table of distances between beginnings, from the two rows before it. */
static void fill_row(size_t *row, const size_t *last, const size_t *before_last, const char *a,
                     size_t i, const char *b, size_t b_length)
{
    row[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
        bool same = lower(a[i - 1]) == lower(b[j - 1]);
        row[j] = least(least(row[j - 1], last[j]) + 1, last[j - 1] + (same ? 0 : 1));
        if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
            lower(a[i - 2]) == lower(b[j - 1])) {
            row[j] = least(row[j], before_last[j - 2] + 1);
        }
    }
}

/* Whether two words that one typing error sets apart have the same letters. */
static bool has_same_letters(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < a_length; i++) {
        sum += lower(a[i]);
    }
    for (size_t i = 0; i < b_length; i++) {
        sum -= lower(b[i]);
    }
    return a_length == b_length && sum == 0;
}

size_t agt__schema_typos(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t longer = a_length > b_length ? a_length : b_length;
    size_t allowed = longer < 3 ? 0 : longer < 6 ? 1 : longer < 9 ? 2 : 3;
    if (longer > TYPO_LENGTH_MAX || longer - least(a_length, b_length) > allowed) {
        return SIZE_MAX;
    }
    size_t rows[3][TYPO_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        fill_row(rows[i % 3], rows[(i + 2) % 3], rows[(i + 1) % 3], a, i, b, b_length);
    }
    size_t typos = rows[a_length % 3][b_length];
    if (longer == 3 && typos == 1 && !has_same_letters(a, a_length, b, b_length)) {
        return SIZE_MAX; /* of three letters one wrong is too many, two exchanged are not */
    }
    return typos <= allowed ? typos : SIZE_MAX;
}
