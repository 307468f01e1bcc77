/*
 * Patterns, the part that reads what stands for one character: escapes and bracketed classes.
 *
 * A class under construction is the tail of the pattern's pool of ranges plus a mask of categories;
 * close_class() sorts the tail, joins what touches and works out the answers for ASCII, so that a
 * search rarely does more than test a bit. \W and friends are added as the ranges between the
 * ranges. One class is read at a time, so the tail has one owner.
 */
#include "base/mem.h"
#include "base/pattern_program.h"
#include "base/unicode.h"
#include "base/utf8.h"

#include <string.h>

#define RANGES_MAX  16384u
#define CLASSES_MAX AGT__PATTERN_BYTES_MAX

static const pattern_range digits[] = {{'0', '9'}};
static const pattern_range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const pattern_range spaces[] = {
    {0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
static const pattern_range ascii[] = {{0, 0x7F}};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What an escape turned out to be. */
typedef enum escape_kind {
    ESCAPE_POINT,
    ESCAPE_SET
} escape_kind;

static bool ranges_have(const pattern_range *ranges, size_t count, uint32_t point)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point > ranges[middle].last) {
            low = middle + 1;
        } else if (point < ranges[middle].first) {
            high = middle;
        } else {
            return true;
        }
    }
    return false;
}

bool agt__pattern_class_has(const agt__pattern *pattern, const pattern_class *set, uint32_t point)
{
    bool has = ranges_have(pattern->ranges + set->first_range, set->range_count, point) ||
               (set->categories != 0 && (set->categories >> agt__unicode_category(point) & 1) != 0);
    return has != set->negated;
}

/* ---- building ------------------------------------------------------------------------------ */

static agt_status open_class(agt__pattern *pattern, const pattern_source *source,
                             pattern_class **ret_class)
{
    agt_status status =
        agt__array_reserve(pattern->allocator, (void *)&pattern->classes, &pattern->class_capacity,
                           pattern->class_count, sizeof(*pattern->classes), CLASSES_MAX);
    if (status != AGT_OK) {
        return agt__pattern_fail(source, source->at, status, "too many classes");
    }
    pattern_class *set = &pattern->classes[pattern->class_count++];
    *set = (pattern_class){.first_range = (uint32_t)pattern->range_count};
    *ret_class = set;
    return AGT_OK;
}

static agt_status add_range(agt__pattern *pattern, const pattern_source *source, uint32_t first,
                            uint32_t last)
{
    agt_status status =
        agt__array_reserve(pattern->allocator, (void *)&pattern->ranges, &pattern->range_capacity,
                           pattern->range_count, sizeof(*pattern->ranges), RANGES_MAX);
    if (status != AGT_OK) {
        return agt__pattern_fail(source, source->at, status, "the classes are too large");
    }
    pattern->ranges[pattern->range_count++] = (pattern_range){first, last};
    return AGT_OK;
}

/* Add sorted ranges, or what is between them. */
static agt_status add_ranges(agt__pattern *pattern, const pattern_source *source,
                             const pattern_range *ranges, size_t count, bool negated)
{
    agt_status status = AGT_OK;
    uint32_t next = 0;
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        if (!negated) {
            status = add_range(pattern, source, ranges[i].first, ranges[i].last);
        } else if (ranges[i].first > next) {
            status = add_range(pattern, source, next, ranges[i].first - 1);
        }
        next = ranges[i].last + 1;
    }
    if (status == AGT_OK && negated) {
        status = add_range(pattern, source, next, AGT__UNICODE_MAX);
    }
    return status;
}

/* Sort the ranges of the newest class, join what overlaps or touches, answer for ASCII. */
static void close_class(agt__pattern *pattern, pattern_class *set)
{
    pattern_range *ranges = pattern->ranges + set->first_range;
    size_t count = pattern->range_count - set->first_range;
    for (size_t i = 1; i < count; i++) { /* by insertion: classes are short and nearly sorted */
        pattern_range moved = ranges[i];
        size_t at = i;
        for (; at > 0 && ranges[at - 1].first > moved.first; at--) {
            ranges[at] = ranges[at - 1];
        }
        ranges[at] = moved;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && ranges[i].first <= ranges[kept - 1].last + 1) {
            if (ranges[i].last > ranges[kept - 1].last) {
                ranges[kept - 1].last = ranges[i].last;
            }
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    set->range_count = (uint32_t)kept;
    pattern->range_count = set->first_range + kept;
    for (uint32_t point = 0; point < 128; point++) {
        if (agt__pattern_class_has(pattern, set, point)) {
            set->ascii[point / 32] |= 1u << point % 32;
        }
    }
}

/* ---- escapes ------------------------------------------------------------------------------- */

static int hex_digit(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Read exactly @count hexadecimal digits; on failure source->at does not move. */
static bool read_hex(pattern_source *source, size_t count, uint32_t *ret_number)
{
    uint32_t number = 0;
    if (source->length - source->at < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        int digit = hex_digit(source->text[source->at + i]);
        if (digit < 0) {
            return false;
        }
        number = number << 4 | (uint32_t)digit;
    }
    source->at += count;
    *ret_number = number;
    return true;
}

/* `\u{1F600}`; source->at is behind the brace. */
static agt_status read_braced_point(pattern_source *source, size_t start, uint32_t *ret_point)
{
    uint32_t point = 0;
    size_t digits_seen = 0;
    while (source->at < source->length && hex_digit(source->text[source->at]) >= 0) {
        point = point << 4 | (uint32_t)hex_digit(source->text[source->at++]);
        digits_seen++;
        if (point > AGT__UNICODE_MAX) {
            return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                     "\\u{...} goes beyond 10FFFF, the last code point");
        }
    }
    if (digits_seen == 0 || source->at >= source->length || source->text[source->at] != '}') {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                 "\\u{ must be followed by hexadecimal digits and }");
    }
    source->at++;
    *ret_point = point;
    return AGT_OK;
}

/* `\u0041`, `\uD83D\uDE00` or `\u{1F600}`; source->at is behind the `u`. */
static agt_status read_unicode_escape(pattern_source *source, size_t start, uint32_t *ret_point)
{
    uint32_t point;
    if (source->at < source->length && source->text[source->at] == '{') {
        source->at++;
        return read_braced_point(source, start, ret_point);
    }
    if (!read_hex(source, 4, &point)) {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                 "\\u must be followed by four hexadecimal digits or {...}");
    }
    size_t after = source->at;
    uint32_t low;
    if (point >= 0xD800 && point <= 0xDBFF && source->length - after >= 6 &&
        memcmp(source->text + after, "\\u", 2) == 0) {
        source->at += 2;
        if (read_hex(source, 4, &low) && low >= 0xDC00 && low <= 0xDFFF) {
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        } else {
            source->at = after;
        }
    }
    *ret_point = point;
    return AGT_OK;
}

/* `\p{Lu}` and `\P{Lu}`; source->at is behind the letter. */
static agt_status read_property(agt__pattern *pattern, pattern_source *source, size_t start,
                                pattern_class *set, bool negated)
{
    const char *name = (const char *)source->text + source->at + 1;
    const char *end = source->at < source->length && source->text[source->at] == '{'
                          ? memchr(name, '}', source->length - source->at - 1)
                          : NULL;
    if (end == NULL) {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                 "\\%c must be followed by the name of a category in braces, such "
                                 "as \\p{L}",
                                 source->text[start + 1]);
    }
    source->at = (size_t)(end - (const char *)source->text) + 1;
    size_t length = (size_t)(end - name);
    if (length == 5 && memcmp(name, "ASCII", 5) == 0) {
        return add_ranges(pattern, source, ascii, COUNT(ascii), negated);
    }
    static const char *const prefixes[] = {"gc=", "General_Category="};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        size_t prefix = strlen(prefixes[i]);
        if (length > prefix && memcmp(name, prefixes[i], prefix) == 0) {
            name += prefix;
            length -= prefix;
            break;
        }
    }
    uint32_t categories = agt__unicode_categories_by_name(name, length);
    if (categories == 0) {
        int shown = length > 40 ? 40 : (int)length;
        return agt__pattern_fail(source, start, AGT_E_UNSUPPORTED,
                                 "the property \"%.*s\" is not supported: only the general "
                                 "categories (L, Lu, Ll, N, Nd, P, S, Z ...), Any and ASCII are",
                                 shown, name);
    }
    set->categories |= negated ? AGT__UNICODE_ALL & ~categories : categories;
    return AGT_OK;
}

/* An escape that is a letter or a digit and stands for nothing. */
static agt_status refuse_escape(const pattern_source *source, size_t start, unsigned char c)
{
    if ((c >= '1' && c <= '9') || c == 'k') {
        return agt__pattern_fail(source, start, AGT_E_UNSUPPORTED,
                                 "\\%c is a back-reference: patterns run in linear time, without "
                                 "back-references",
                                 c);
    }
    if (c == 'A' || c == 'Z' || c == 'z') {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX, "\\%c is not of ECMA-262: write %c",
                                 c, c == 'A' ? '^' : '$');
    }
    if (c == 'b' || c == 'B') {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX, "\\%c makes no sense inside brackets",
                                 c);
    }
    return agt__pattern_fail(source, start, AGT_E_SYNTAX, "\\%c is no escape of ECMA-262", c);
}

/* One of the escapes that are a single character: \n, \x41, \cA, \. */
static agt_status read_point_escape(pattern_source *source, size_t start, bool in_class,
                                    uint32_t *ret_point)
{
    static const char names[] = "tnvfr";
    static const char points[] = "\t\n\v\f\r";
    unsigned char c = source->text[source->at++];
    const char *known = c != '\0' ? strchr(names, c) : NULL;
    bool has_next = source->at < source->length;
    unsigned char next = has_next ? source->text[source->at] : 0;
    if (known != NULL) {
        *ret_point = (unsigned char)points[known - names];
    } else if (c == '0' && (!has_next || next < '0' || next > '9')) {
        *ret_point = 0;
    } else if (c == 'b' && in_class) {
        *ret_point = '\b';
    } else if (c == 'c' && ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'))) {
        source->at++;
        *ret_point = next % 32;
    } else if (c == 'x') {
        if (!read_hex(source, 2, ret_point)) {
            return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                     "\\x must be followed by two hexadecimal digits");
        }
    } else if (c == 'u') {
        return read_unicode_escape(source, start, ret_point);
    } else if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z')) {
        return c >= 0x80 ? agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                             "a letter needs no \\ before it")
                         : refuse_escape(source, start, c);
    } else {
        *ret_point = c; /* punctuation stands for itself */
    }
    return AGT_OK;
}

/* Read an escape; source->at is behind the `\`. A set is added to @set. */
static agt_status read_escape(agt__pattern *pattern, pattern_source *source, pattern_class *set,
                              bool in_class, escape_kind *ret_kind, uint32_t *ret_point)
{
    size_t start = source->at - 1;
    if (source->at >= source->length) {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX, "\\ at the end of the pattern");
    }
    unsigned char c = source->text[source->at];
    const pattern_range *ranges = NULL;
    size_t count = 0;
    switch (c) {
    case 'd':
    case 'D':
        ranges = digits;
        count = COUNT(digits);
        break;
    case 'w':
    case 'W':
        ranges = words;
        count = COUNT(words);
        break;
    case 's':
    case 'S':
        ranges = spaces;
        count = COUNT(spaces);
        break;
    case 'p':
    case 'P':
        source->at++;
        *ret_kind = ESCAPE_SET;
        return read_property(pattern, source, start, set, c == 'P');
    default:
        *ret_kind = ESCAPE_POINT;
        return read_point_escape(source, start, in_class, ret_point);
    }
    source->at++;
    *ret_kind = ESCAPE_SET;
    return add_ranges(pattern, source, ranges, count, c < 'a');
}

agt_status agt__pattern_read_escape(agt__pattern *pattern, pattern_source *source,
                                    bool *ret_is_class, uint32_t *ret_value)
{
    pattern_class *set;
    agt_status status = open_class(pattern, source, &set);
    escape_kind kind = ESCAPE_POINT;
    uint32_t point = 0;
    if (status == AGT_OK) {
        status = read_escape(pattern, source, set, false, &kind, &point);
    }
    if (status != AGT_OK) {
        return status;
    }
    *ret_is_class = kind == ESCAPE_SET;
    if (kind == ESCAPE_SET) {
        close_class(pattern, set);
        *ret_value = (uint32_t)(pattern->class_count - 1);
    } else {
        pattern->class_count--;
        *ret_value = point;
    }
    return AGT_OK;
}

/* ---- bracketed classes --------------------------------------------------------------------- */

/* One item of a class: a character or an escape. */
static agt_status read_item(agt__pattern *pattern, pattern_source *source, pattern_class *set,
                            escape_kind *ret_kind, uint32_t *ret_point)
{
    if (source->text[source->at] == '\\') {
        source->at++;
        return read_escape(pattern, source, set, true, ret_kind, ret_point);
    }
    *ret_kind = ESCAPE_POINT;
    source->at +=
        agt__utf8_read_any(source->text + source->at, source->length - source->at, ret_point);
    return AGT_OK;
}

/* `[:alpha:]`, which many other engines have, would be read as a class of those letters. */
static agt_status refuse_posix_class(const pattern_source *source)
{
    size_t at = source->at;
    if (source->length - at < 4 || memcmp(source->text + at, "[:", 2) != 0) {
        return AGT_OK;
    }
    size_t end = at + 2;
    while (end < source->length && source->text[end] >= 'a' && source->text[end] <= 'z') {
        end++;
    }
    if (end == at + 2 || source->length - end < 2 || memcmp(source->text + end, ":]", 2) != 0) {
        return AGT_OK;
    }
    return agt__pattern_fail(source, at, AGT_E_SYNTAX,
                             "%.*s is not of ECMA-262: write \\p{L}, \\d or a range such as a-z",
                             (int)(end + 2 - at), (const char *)source->text + at);
}

/* An item and, if a `-` and a second one follow, the range they span. A `-` beside a set stands
 * for itself. */
static agt_status read_range(agt__pattern *pattern, pattern_source *source, pattern_class *set)
{
    size_t start = source->at;
    escape_kind kind = ESCAPE_POINT;
    escape_kind last_kind = ESCAPE_POINT;
    uint32_t first = 0;
    uint32_t last = 0;
    agt_status status = refuse_posix_class(source);
    if (status == AGT_OK) {
        status = read_item(pattern, source, set, &kind, &first);
    }
    if (status != AGT_OK) {
        return status;
    }
    bool has_last = source->length - source->at >= 2 && source->text[source->at] == '-' &&
                    source->text[source->at + 1] != ']';
    if (!has_last || kind == ESCAPE_SET) {
        return kind == ESCAPE_SET ? AGT_OK : add_range(pattern, source, first, first);
    }
    source->at++;
    status = read_item(pattern, source, set, &last_kind, &last);
    if (status != AGT_OK) {
        return status;
    }
    if (last_kind == ESCAPE_SET) {
        status = add_range(pattern, source, first, first);
        return status == AGT_OK ? add_range(pattern, source, '-', '-') : status;
    }
    if (last < first) {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                 "the range is upside down: its end comes before its start");
    }
    return add_range(pattern, source, first, last);
}

agt_status agt__pattern_read_class(agt__pattern *pattern, pattern_source *source,
                                   uint32_t *ret_class)
{
    size_t start = source->at - 1;
    pattern_class *set;
    agt_status status = open_class(pattern, source, &set);
    if (status != AGT_OK) {
        return status;
    }
    if (source->at < source->length && source->text[source->at] == '^') {
        source->at++;
        set->negated = true;
    }
    while (source->at < source->length && source->text[source->at] != ']') {
        status = read_range(pattern, source, set);
        if (status != AGT_OK) {
            return status;
        }
    }
    if (source->at >= source->length) {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX, "[ is never closed");
    }
    source->at++;
    close_class(pattern, set);
    *ret_class = (uint32_t)(pattern->class_count - 1);
    return AGT_OK;
}
