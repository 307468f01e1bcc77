/*
 * What the JSON parser says when it cannot go on: what was expected, what was found, in which line
 * and column, and advice for the mistakes that people and models make most. A message depends on
 * the bytes up to the one where parsing stopped and on nothing behind it, so that it is the same
 * however the text is split.
 */
#include "base/json_parser.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint32_t agt__json_column(const agt_json_parser *parser, const char *at)
{
    uint64_t column = parser->columns_before + 1 +
                      agt__utf8_count(parser->line_start, (size_t)(at - parser->line_start));
    return column < UINT32_MAX ? (uint32_t)column : UINT32_MAX;
}

const char *agt__json_fail(agt_json_parser *parser, agt_status status, const char *at,
                           const char *format, ...)
{
    if (at == NULL) {
        at = parser->token_start;
    }
    uint32_t column = at != NULL ? agt__json_column(parser, at) : parser->token_column;
    va_list args;
    va_start(args, format);
    (void)agt__error_setv(&parser->failure, status, AGT__JSON_ORIGIN, format, args);
    va_end(args);
    parser->failure.line = parser->line;
    parser->failure.column = column;
    return NULL;
}

/* The failure of something underneath. */
const char *agt__json_fail_inside(agt_json_parser *parser, agt_status status, const char *at)
{
    if (status == AGT_E_NOMEM) {
        (void)agt__error_nomem(&parser->failure, AGT__JSON_ORIGIN);
        return NULL;
    }
    return agt__json_fail(parser, status, at, "the value is too large");
}

/* How a message calls what was found; NULL is the end of the text. */
void agt__json_describe(const char *at, char target[32])
{
    if (at == NULL) {
        (void)snprintf(target, 32, "the end of the text");
    } else if (*at > 0x20 && *at < 0x7F) {
        (void)snprintf(target, 32, "'%c'", *at);
    } else if (*at == '\n') {
        (void)snprintf(target, 32, "the end of the line");
    } else {
        (void)snprintf(target, 32, "byte 0x%02X", (unsigned)(uint8_t)*at);
    }
}

/* A clipped copy of the last key, for messages. */
void agt__json_describe_key(const agt_json_parser *parser, char target[64])
{
    const char *key = agt__tree_last_key(&parser->tree);
    agt__copy_text(target, 64, key);
    if (strlen(key) >= 64) {
        char cut[61];
        agt__copy_text(cut, sizeof(cut), key);
        (void)snprintf(target, 64, "%s...", cut);
    }
}

/* What the current state waits for. */
static void describe_expected(const agt_json_parser *parser, char *target, size_t size)
{
    const agt__tree_frame *top = agt__tree_top(&parser->tree);
    char key[64];
    agt__json_describe_key(parser, key);
    switch (parser->state) {
    case EXPECT_VALUE:
        if (top == NULL) {
            (void)snprintf(target, size, "a value");
        } else if (top->is_object) {
            (void)snprintf(target, size, "a value for the member \"%s\"", key);
        } else {
            (void)snprintf(target, size, "a value after ','");
        }
        break;
    case EXPECT_ITEM_OR_END:
        (void)snprintf(target, size, "a value or ']'");
        break;
    case EXPECT_KEY_OR_END:
        (void)snprintf(target, size, "a key in double quotes or '}'");
        break;
    case EXPECT_KEY:
        (void)snprintf(target, size, "a key in double quotes after ','");
        break;
    case EXPECT_COLON:
        (void)snprintf(target, size, "':' after the key \"%s\"", key);
        break;
    default:
        if (top == NULL) {
            (void)snprintf(target, size, "the end of the text after the value");
        } else if (top->is_object) {
            (void)snprintf(target, size, "',' or '}' after the member \"%s\"", key);
        } else {
            (void)snprintf(target, size, "',' or ']' after item %zu (counted from 0)",
                           parser->tree.item_count - top->first - 1);
        }
    }
}

/* Advice for frequent mistakes. */
static const char *find_hint(const agt_json_parser *parser, const char *at)
{
    bool wants_value = parser->state == EXPECT_VALUE || parser->state == EXPECT_ITEM_OR_END;
    bool wants_key = parser->state == EXPECT_KEY || parser->state == EXPECT_KEY_OR_END;
    bool at_start = parser->state == EXPECT_VALUE && agt__tree_top(&parser->tree) == NULL;
    if (at == NULL) {
        return "";
    }
    switch ((uint8_t)*at) {
    case '\'':
        return wants_value || wants_key ? "; strings are written in double quotes" : "";
    case ']':
    case '}':
        return (wants_value || wants_key) && !at_start ? "; no comma may stand before it" : "";
    case '/':
    case '#':
        return "; comments are not allowed";
    case 'N':
    case 'I':
        return wants_value ? "; NaN and Infinity are not JSON" : "";
    case '+':
    case '.':
        return wants_value ? "; a number starts with a digit or '-'" : "";
    case 0xEF:
        return at_start ? "; it looks like a byte order mark, which must not be there" : "";
    case 0xFE:
    case 0xFF:
        return at_start ? "; it looks like UTF-16, the text must be UTF-8" : "";
    default:
        return "";
    }
}

/* Something else than the state waits for; @at NULL is the end of the text. */
const char *agt__json_fail_unexpected(agt_json_parser *parser, const char *at, const char *where)
{
    char expected[128];
    char found[32];
    describe_expected(parser, expected, sizeof(expected));
    agt__json_describe(at, found);
    const char *hint = find_hint(parser, at);
    return agt__json_fail(parser, AGT_E_SYNTAX, where, "expected %s, found %s%s", expected, found,
                          hint);
}
