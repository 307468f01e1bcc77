/*
 * Strings, numbers and literals of the JSON parser, in pieces that may be split anywhere. A token
 * that lies in one piece and needs no decoding is used where it lies; otherwise its decoded bytes
 * are collected in parser->token.
 *
 * Limits are met at the byte that exceeds them: a run is never searched further than one byte
 * beyond what is still allowed, so that it makes no difference how the text is split.
 */
#include "base/json_parser.h"

#include "base/error.h"
#include "base/json_scan.h"
#include "base/number.h"

#include <string.h>

/* ---- strings --------------------------------------------------------------------------------- */

static const char *fail_long_string(agt_json_parser *parser)
{
    return agt__json_fail(parser, AGT_E_LIMIT, NULL,
                          "the %s that starts here is longer than %zu bytes",
                          parser->is_key ? "key" : "string", parser->config.string_bytes_max);
}

static bool end_string(agt_json_parser *parser, const char *bytes, size_t length)
{
    if (!parser->is_key) {
        agt_value *value = NULL;
        agt_status status = agt__value_make_string(parser->tree.allocator, bytes, length,
                                                   agt__json_taint(parser), &value);
        if (status != AGT_OK) {
            (void)agt__json_fail_inside(parser, status, NULL);
            return false;
        }
        return agt__json_add_scalar(parser, value);
    }
    bool exists = false;
    agt_status status = agt__tree_key(&parser->tree, bytes, length, &exists);
    if (status != AGT_OK) {
        (void)agt__json_fail_inside(parser, status, NULL);
        return false;
    }
    if (exists && parser->config.duplicates == AGT_JSON_DUPLICATES_REJECT) {
        char key[64];
        agt__json_describe_key(parser, key);
        (void)agt__json_fail(parser, AGT_E_SYNTAX, NULL, "the key \"%s\" comes twice in one object",
                             key);
        return false;
    }
    parser->state = EXPECT_COLON;
    return true;
}

/* Skip characters that stand for themselves. Stops at a quote, a backslash, at what must not be
 * there, and at the end; a character that the end cuts in two is left in parser->utf8. */
static const char *skip_characters(agt_json_parser *parser, const char *at, const char *end)
{
    for (;;) {
        while (parser->utf8.left > 0) {
            if (at == end || !agt__utf8_continue(&parser->utf8, (uint8_t)*at)) {
                return at;
            }
            at++;
        }
        at = agt__json_skip_plain(at, end, '"');
        if (at == end || !agt__utf8_begin(&parser->utf8, (uint8_t)*at)) {
            return at;
        }
        at++;
    }
}

/* Append decoded bytes to the token; false after a failure. */
static bool collect(agt_json_parser *parser, const char *bytes, size_t length)
{
    agt__buffer_add(&parser->token, bytes, length);
    if (parser->token.status != AGT_OK) {
        (void)agt__json_fail_inside(parser, parser->token.status, NULL);
        return false;
    }
    return true;
}

static bool collect_character(agt_json_parser *parser, uint32_t code)
{
    char bytes[4];
    size_t length = agt__utf8_write(bytes, code);
    if (parser->token.size + length > parser->config.string_bytes_max) {
        (void)fail_long_string(parser);
        return false;
    }
    parser->state = IN_STRING;
    return collect(parser, bytes, length);
}

static const char *fail_in_string(agt_json_parser *parser, const char *at)
{
    char found[32];
    if (parser->utf8.left > 0 || (uint8_t)*at >= 0x80) {
        (void)agt__json_fail(parser, AGT_E_SYNTAX, at, "byte 0x%02X in a string is not UTF-8",
                             (unsigned)(uint8_t)*at);
        parser->failure.column -= parser->utf8.left > 0; /* where the character begins */
        return NULL;
    }
    agt__json_describe(at, found);
    return agt__json_fail(parser, AGT_E_SYNTAX, at,
                          "found %s in a string; control characters are written as \\u%04x there",
                          found, (unsigned)(uint8_t)*at);
}

/* What stands for the character behind a backslash; 0 if nothing does. */
static char unescape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

const char *agt__json_read_escape(agt_json_parser *parser, const char *at)
{
    if (*at == 'u') {
        parser->state = IN_HEX;
        parser->unit = 0;
        parser->matched = 0;
        return at + 1;
    }
    char decoded = unescape(*at);
    if (decoded == 0) {
        char found[32];
        agt__json_describe(at, found);
        return agt__json_fail(parser, AGT_E_SYNTAX, at,
                              "found %s behind a backslash; expected one of "
                              "\" \\ / b f n r t u",
                              found);
    }
    return collect_character(parser, (uint8_t)decoded) ? at + 1 : NULL;
}

/* A whole \uXXXX was read. */
static bool end_hex(agt_json_parser *parser, const char *at)
{
    uint32_t unit = parser->unit;
    bool is_high = unit >= 0xD800 && unit <= 0xDBFF;
    bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (parser->high != 0) {
        if (!is_low) {
            (void)agt__json_fail(
                parser, AGT_E_SYNTAX, at,
                "\\u%04X is half of a surrogate pair, \\u%04X is not the other half", parser->high,
                unit);
            return false;
        }
        unit = 0x10000 + ((parser->high - 0xD800) << 10) + (unit - 0xDC00);
        parser->high = 0;
    } else if (is_low) {
        (void)agt__json_fail(parser, AGT_E_SYNTAX, at,
                             "\\u%04X is the second half of a surrogate pair without the first",
                             unit);
        return false;
    } else if (is_high) {
        parser->high = unit;
        parser->state = EXPECT_LOW_ESCAPE;
        return true;
    }
    return collect_character(parser, unit);
}

const char *agt__json_read_hex(agt_json_parser *parser, const char *at, const char *end)
{
    for (; at < end && parser->state == IN_HEX; at++) {
        char c = *at;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16) {
            char found[32];
            agt__json_describe(at, found);
            return agt__json_fail(parser, AGT_E_SYNTAX, at,
                                  "expected four hexadecimal digits behind \\u, "
                                  "found %s",
                                  found);
        }
        parser->unit = parser->unit * 16 + digit;
        if (++parser->matched == 4 && !end_hex(parser, at)) {
            return NULL;
        }
    }
    return at;
}

/* The two characters between the halves of a surrogate pair. */
const char *agt__json_read_low_start(agt_json_parser *parser, const char *at)
{
    bool is_first = parser->state == EXPECT_LOW_ESCAPE;
    if (*at != (is_first ? '\\' : 'u')) {
        return agt__json_fail(parser, AGT_E_SYNTAX, at,
                              "\\u%04X is half of a surrogate pair, the other half must follow",
                              parser->high);
    }
    parser->state = is_first ? EXPECT_LOW_U : IN_HEX;
    parser->unit = 0;
    parser->matched = 0;
    return at + 1;
}

const char *agt__json_read_string(agt_json_parser *parser, const char *at, const char *end)
{
    for (;;) {
        const char *run = at;
        size_t room = parser->config.string_bytes_max - parser->token.size;
        const char *stop = (size_t)(end - at) > room ? at + room + 1 : end;
        at = skip_characters(parser, at, stop);
        size_t length = (size_t)(at - run);
        if (length > room) {
            return fail_long_string(parser);
        }
        if (at < end && *at == '"' && parser->utf8.left == 0) {
            if (parser->token.size > 0) {
                if (!collect(parser, run, length)) {
                    return NULL;
                }
                run = parser->token.bytes;
                length = parser->token.size;
            }
            return end_string(parser, run, length) ? at + 1 : NULL;
        }
        if (length > 0 && !collect(parser, run, length)) {
            return NULL;
        }
        if (at == end) {
            return at;
        }
        if (*at != '\\' || parser->utf8.left > 0) {
            return fail_in_string(parser, at);
        }
        parser->state = IN_ESCAPE;
        at++;
        if (at < end && *at != 'u') {
            at = agt__json_read_escape(parser, at);
        }
        if (at == NULL || parser->state != IN_STRING) {
            return at;
        }
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

enum {
    START,
    MINUS,
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    E,
    E_SIGN,
    EXPONENT,
    STOP
};

/* The next state by state and kind of byte: 0, 1-9, -, +, point, e, other. */
static const uint8_t number_states[STOP][7] = {
    [START] = {ZERO, DIGITS, MINUS, STOP, STOP, STOP, STOP},
    [MINUS] = {ZERO, DIGITS, STOP, STOP, STOP, STOP, STOP},
    [ZERO] = {STOP, STOP, STOP, STOP, POINT, E, STOP},
    [DIGITS] = {DIGITS, DIGITS, STOP, STOP, POINT, E, STOP},
    [POINT] = {FRACTION, FRACTION, STOP, STOP, STOP, STOP, STOP},
    [FRACTION] = {FRACTION, FRACTION, STOP, STOP, STOP, E, STOP},
    [E] = {EXPONENT, EXPONENT, E_SIGN, E_SIGN, STOP, STOP, STOP},
    [E_SIGN] = {EXPONENT, EXPONENT, STOP, STOP, STOP, STOP, STOP},
    [EXPONENT] = {EXPONENT, EXPONENT, STOP, STOP, STOP, STOP, STOP},
};

static unsigned number_class(char c)
{
    return c >= '1' && c <= '9'   ? 1
           : c == '0'             ? 0
           : c == '-'             ? 2
           : c == '+'             ? 3
           : c == '.'             ? 4
           : c == 'e' || c == 'E' ? 5
                                  : 6;
}

/* What a number that cannot end here still needs; NULL if it can. */
static const char *number_needs(const agt_json_parser *parser)
{
    switch (parser->number_state) {
    case MINUS:
        return "a digit after '-'";
    case POINT:
        return "a digit after the decimal point";
    case E:
        return "a digit or a sign after the 'e' of a number";
    case E_SIGN:
        return "a digit after the sign of the exponent";
    default:
        return NULL;
    }
}

/* The number ends before @at; NULL is the end of the text, which lies at @where. */
bool agt__json_end_number(agt_json_parser *parser, const char *bytes, size_t length, const char *at,
                          const char *where)
{
    const char *needs = number_needs(parser);
    if (needs != NULL) {
        char found[32];
        agt__json_describe(at, found);
        (void)agt__json_fail(parser, AGT_E_SYNTAX, where, "expected %s, found %s", needs, found);
        return false;
    }
    if (parser->number_state == ZERO && at != NULL && *at >= '0' && *at <= '9') {
        (void)agt__json_fail(parser, AGT_E_SYNTAX, where,
                             "a number must not start with a 0 before '%c'", *at);
        return false;
    }
    if (parser->number_state == EXPONENT && agt__number_check(bytes, length) != AGT_OK) {
        (void)agt__json_fail(parser, AGT_E_LIMIT, NULL,
                             "the exponent of a number has more than 18 digits");
        return false;
    }
    agt_value *value = NULL;
    agt_status status = agt__value_make_number(parser->tree.allocator, bytes, length,
                                               agt__json_taint(parser), &value);
    if (status != AGT_OK) {
        (void)agt__json_fail_inside(parser, status, NULL);
        return false;
    }
    return agt__json_add_scalar(parser, value);
}

const char *agt__json_read_number(agt_json_parser *parser, const char *at, const char *end)
{
    const char *run = at;
    size_t room = parser->config.number_bytes_max - parser->token.size;
    const char *stop = (size_t)(end - at) > room ? at + room + 1 : end;
    for (; at < stop; at++) {
        uint8_t next = number_states[parser->number_state][number_class(*at)];
        if (next == STOP) {
            break;
        }
        parser->number_state = next;
    }
    size_t length = (size_t)(at - run);
    if (length > room) {
        return agt__json_fail(parser, AGT_E_LIMIT, NULL,
                              "the number that starts here is longer than %u bytes",
                              parser->config.number_bytes_max);
    }
    if (at < end && parser->token.size == 0) {
        return agt__json_end_number(parser, run, length, at, at) ? at : NULL;
    }
    if (!collect(parser, run, length)) {
        return NULL;
    }
    if (at == end) {
        return at;
    }
    return agt__json_end_number(parser, parser->token.bytes, parser->token.size, at, at) ? at
                                                                                         : NULL;
}

/* ---- literals -------------------------------------------------------------------------------- */

static const char *const literals[] = {"null", "true", "false"};

const char *agt__json_read_literal(agt_json_parser *parser, const char *at, const char *end)
{
    const char *word = literals[parser->literal];
    for (; at < end && word[parser->matched] != '\0'; at++) {
        if (*at != word[parser->matched]) {
            char found[32];
            agt__json_describe(at, found);
            return agt__json_fail(parser, AGT_E_SYNTAX, at, "expected %s, found %s after '%.*s'",
                                  word, found, parser->matched, word);
        }
        parser->matched++;
    }
    if (word[parser->matched] != '\0') {
        return at;
    }
    agt_value *value = parser->literal == 0
                           ? agt__value_static_null(agt__json_taint(parser))
                           : agt__value_static_bool(parser->literal == 1, agt__json_taint(parser));
    return agt__json_add_scalar(parser, value) ? at : NULL;
}

const char *agt__json_literal(const agt_json_parser *parser)
{
    return literals[parser->literal];
}
