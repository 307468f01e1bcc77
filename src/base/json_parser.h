/*
 * The inside of the JSON parser, shared by json_parse.c (what may come between tokens, and the
 * parser as an object), json_token.c (strings, numbers, literals) and json_fail.c (messages).
 */
#ifndef AGT_BASE_JSON_PARSER_H
#define AGT_BASE_JSON_PARSER_H

#include "base/utf8.h"
#include "base/value_tree.h"

#define AGT__JSON_ORIGIN "base/json"

typedef enum parse_state {
    EXPECT_VALUE,
    EXPECT_ITEM_OR_END,
    EXPECT_KEY_OR_END,
    EXPECT_KEY,
    EXPECT_COLON,
    AFTER_VALUE,
    IN_STRING,
    IN_ESCAPE,         /* behind the backslash */
    IN_HEX,            /* behind \u */
    EXPECT_LOW_ESCAPE, /* behind the first half of a surrogate pair */
    EXPECT_LOW_U,
    IN_NUMBER,
    IN_LITERAL
} parse_state;

struct agt_json_parser {
    agt_json_config config;
    agt__tree tree;
    agt_json_part_fn on_part;
    void *user_data;
    uint32_t part_depth_max;

    parse_state state;
    uint32_t nodes;
    agt__buffer token; /* decoded bytes of the token from earlier pieces and escapes */
    bool is_key;
    uint8_t number_state;
    uint8_t literal; /* which one */
    uint8_t matched; /* characters of the literal; digits of \u */
    agt__utf8 utf8;
    uint32_t unit; /* of \u so far */
    uint32_t high; /* first half of a surrogate pair; 0 = none */

    size_t bytes_before; /* in earlier pieces */
    uint64_t columns_before;
    const char *line_start;
    uint32_t line;
    const char *token_start; /* in this piece; NULL: token_column says */
    uint32_t token_column;
    agt_error failure; /* status 0: none */
};

_Static_assert(sizeof(agt_json_config) == 48, "agt_json_config is frozen ABI");

/*
 * Readers take the bytes from @at up to @end and give back where they stopped; NULL after a
 * failure, which is kept in the parser.
 */

/** Inside a string, behind its first quote. */
const char *agt__json_read_string(agt_json_parser *parser, const char *at, const char *end);

/** The byte behind a backslash. */
const char *agt__json_read_escape(agt_json_parser *parser, const char *at);

/** The digits of \uXXXX. */
const char *agt__json_read_hex(agt_json_parser *parser, const char *at, const char *end);

/** One of the two bytes between the halves of a surrogate pair. */
const char *agt__json_read_low_start(agt_json_parser *parser, const char *at);

/** Inside a number, from its first byte on. */
const char *agt__json_read_number(agt_json_parser *parser, const char *at, const char *end);

/** At the end of the text: the number that was collected, if it can end there. */
bool agt__json_end_number(agt_json_parser *parser, const char *bytes, size_t length, const char *at,
                          const char *where);

/** Inside null, true or false, from the first letter on. */
const char *agt__json_read_literal(agt_json_parser *parser, const char *at, const char *end);

/** How the literal is written that the parser is inside of. */
const char *agt__json_literal(const agt_json_parser *parser);

/** A string, number or literal is complete; its reference is taken. False after a failure. */
bool agt__json_add_scalar(agt_json_parser *parser, agt_value *value);

/** The flags of values that are made. */
static inline uint32_t agt__json_taint(const agt_json_parser *parser)
{
    return parser->config.tainted ? AGT__VALUE_TAINTED : 0;
}

/** The column of @at, which lies in this piece and on the current line. */
uint32_t agt__json_column(const agt_json_parser *parser, const char *at);

/** Keep a failure that lies at @at, NULL for the start of the token. Returns NULL. */
const char *agt__json_fail(agt_json_parser *parser, agt_status status, const char *at,
                           const char *format, ...) AGT_PRINTF(4, 5);

/** Keep the failure of something underneath. Returns NULL. */
const char *agt__json_fail_inside(agt_json_parser *parser, agt_status status, const char *at);

/** Found something else at @at than the state waits for; NULL is the end of the text, at @where. */
const char *agt__json_fail_unexpected(agt_json_parser *parser, const char *at, const char *where);

/** What a message calls the byte at @at; NULL is the end of the text. */
void agt__json_describe(const char *at, char target[32]);

/** A clipped copy of the last key, for messages. */
void agt__json_describe_key(const agt_json_parser *parser, char target[64]);

#endif
