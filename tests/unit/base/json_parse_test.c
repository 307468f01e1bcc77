/*
 * The parser: a table of texts with their value or their failure, each of them whole, cut at every
 * place into two and three pieces, and byte by byte; then limits, streaming and memory.
 */
#include "agent_sdk/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts ----------------------------------------------------------------------------------- */

typedef struct good_text {
    const char *text;
    size_t size;
    const char *written; /* NULL: as it is */
} good_text;

#define SAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1, NULL                                                               \
    }
#define GOOD(text, written)                                                                        \
    {                                                                                              \
        text, sizeof(text) - 1, written                                                            \
    }

static const good_text good_texts[] = {
    SAME("null"),
    SAME("true"),
    SAME("false"),
    SAME("0"),
    SAME("-0"),
    SAME("-12.50e+07"),
    SAME("1E400"),
    SAME("\"\""),
    SAME("\"text\""),
    SAME("[]"),
    SAME("{}"),
    SAME("[[],[[]],{}]"),
    SAME("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}"),
    SAME("{\"\":0,\" \":1}"),
    SAME("[null,true,false,0,1.0,\"x\",[],{}]"),
    SAME("\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\""),
    SAME("\"\xEF\xBB\xBF\""), /* U+FEFF inside is a character */
    SAME("\"\x7E\xEE\x80\x80\xF4\x8F\xBF\xBF\""),
    GOOD(" \t\r\n1 \t\r\n", "1"),
    GOOD("\t[ 1 ,\n\r2\t, { \"a\" : 3 } ]\r\n", "[1,2,{\"a\":3}]"),
    GOOD("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""),
    GOOD("\"\\u0041\\u00e9\\u4E2d\\uD83d\\uDe00\"", "\"A\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\""),
    GOOD("\"\\u0000\"", "\"\\u0000\""),
    GOOD("\"a\\u0000b\"", "\"a\\u0000b\""),
    GOOD("\"\\ufffe\\uffff\"", "\"\xEF\xBF\xBE\xEF\xBF\xBF\""),
    GOOD("\"\\udbff\\udfff\"", "\"\xF4\x8F\xBF\xBF\""),
    GOOD("\"\\\\u0041\"", "\"\\\\u0041\""),
    GOOD("{\"\\u0061\":1}", "{\"a\":1}"),
    GOOD("\"\x7F\"", "\"\\u007f\""),
    GOOD("\"\\u2028 \xE2\x80\xA9\"", "\"\\u2028 \\u2029\""),
    GOOD("{\"a b\" :\"a rather long string with \\\"quotes\\\" and a \\n line in it\", \"c\":[ ]}",
         "{\"a b\":\"a rather long string with \\\"quotes\\\" and a \\n line in it\",\"c\":[]}"),
};

typedef struct bad_text {
    const char *text;
    size_t size;
    uint32_t line, column;
    const char *words;
} bad_text;

#define BAD(text, line, column, words)                                                             \
    {                                                                                              \
        text, sizeof(text) - 1, line, column, words                                                \
    }

static const bad_text bad_texts[] = {
    BAD("", 1, 1, "expected a value, found the end of the text"),
    BAD(" \n ", 2, 2, "expected a value, found the end of the text"),
    BAD("x", 1, 1, "expected a value, found 'x'"),
    BAD("nul", 1, 4, "expected null, found the end of the text"),
    BAD("nulL", 1, 4, "expected null, found 'L' after 'nul'"),
    BAD("[truee]", 1, 6, "expected ',' or ']' after item 0 (counted from 0), found 'e'"),
    BAD("fals\n", 1, 5, "found the end of the line after 'fals'"),
    BAD("1 2", 1, 3, "expected the end of the text after the value, found '2'"),
    BAD("{} x", 1, 4, "expected the end of the text after the value, found 'x'"),
    BAD("\"a\" \"b\"", 1, 5, "expected the end of the text"),
    BAD("{\"a\":1 x}", 1, 8, "expected ',' or '}' after the member \"a\", found 'x'"),
    BAD("{\"a\":1 \"b\":2}", 1, 8, "expected ',' or '}' after the member \"a\", found '\"'"),
    BAD("{\"a\":1", 1, 7, "after the member \"a\", found the end of the text"),
    BAD("{\"a\":1,}", 1, 8, "found '}'; no comma may stand before it"),
    BAD("{\"a\":1,", 1, 8, "expected a key in double quotes after ',', found the end"),
    BAD("{,}", 1, 2, "expected a key in double quotes or '}', found ','"),
    BAD("{1:2}", 1, 2, "expected a key in double quotes or '}', found '1'"),
    BAD("{a:1}", 1, 2, "found 'a'"),
    BAD("{'a':1}", 1, 2, "strings are written in double quotes"),
    BAD("['a']", 1, 2, "strings are written in double quotes"),
    BAD("{\"a\"}", 1, 5, "expected ':' after the key \"a\", found '}'"),
    BAD("{\"a\" 1}", 1, 6, "expected ':' after the key \"a\", found '1'"),
    BAD("{\"a\":}", 1, 6, "expected a value for the member \"a\", found '}'"),
    BAD("{\"a\":", 1, 6, "expected a value for the member \"a\", found the end of the text"),
    BAD("{", 1, 2, "expected a key in double quotes or '}', found the end of the text"),
    BAD("[", 1, 2, "expected a value or ']', found the end of the text"),
    BAD("[1", 1, 3, "expected ',' or ']' after item 0 (counted from 0), found the end"),
    BAD("[1,", 1, 4, "expected a value after ',', found the end of the text"),
    BAD("[1,]", 1, 4, "found ']'; no comma may stand before it"),
    BAD("[,1]", 1, 2, "expected a value or ']', found ','"),
    BAD("[1 2]", 1, 4, "expected ',' or ']' after item 0"),
    BAD("[1,2,3 4]", 1, 8, "after item 2 (counted from 0)"),
    BAD("[1}", 1, 3, "expected ',' or ']' after item 0 (counted from 0), found '}'"),
    BAD("{\"a\":[1}", 1, 8, "expected ',' or ']'"),
    BAD("]", 1, 1, "expected a value, found ']'"),
    BAD("[1]]", 1, 4, "expected the end of the text"),
    BAD("/* no */1", 1, 1, "comments are not allowed"),
    BAD("[1 // no\n]", 1, 4, "comments are not allowed"),
    BAD("# no", 1, 1, "comments are not allowed"),
    BAD("NaN", 1, 1, "NaN and Infinity are not JSON"),
    BAD("[Infinity]", 1, 2, "NaN and Infinity are not JSON"),
    BAD("-Infinity", 1, 2, "expected a digit after '-', found 'I'"),
    BAD("True", 1, 1, "expected a value, found 'T'"),
    BAD("+1", 1, 1, "a number starts with a digit or '-'"),
    BAD(".5", 1, 1, "a number starts with a digit or '-'"),
    BAD("-", 1, 2, "expected a digit after '-', found the end of the text"),
    BAD("-x", 1, 2, "expected a digit after '-', found 'x'"),
    BAD("01", 1, 2, "must not start with a 0"),
    BAD("-01", 1, 3, "must not start with a 0"),
    BAD("[00]", 1, 3, "must not start with a 0"),
    BAD("1.", 1, 3, "expected a digit after the decimal point, found the end"),
    BAD("[1.]", 1, 4, "expected a digit after the decimal point, found ']'"),
    BAD("1.e5", 1, 3, "expected a digit after the decimal point, found 'e'"),
    BAD("1e", 1, 3, "expected a digit or a sign after the 'e' of a number, found the end"),
    BAD("1ex", 1, 3, "expected a digit or a sign"),
    BAD("1e+", 1, 4, "expected a digit after the sign of the exponent, found the end"),
    BAD("1e+-1", 1, 4, "expected a digit after the sign of the exponent, found '-'"),
    BAD("1.2.3", 1, 4, "expected the end of the text after the value, found '.'"),
    BAD("0x10", 1, 2, "expected the end of the text after the value, found 'x'"),
    BAD("[1_000]", 1, 3, "found '_'"),
    BAD("\"abc", 1, 1, "the string that starts here is not closed"),
    BAD("[\n  \"ab\\", 2, 3, "the string that starts here is not closed"),
    BAD("\"\\u12", 1, 1, "the string that starts here is not closed"),
    BAD("\"\\ud83d", 1, 1, "the string that starts here is not closed"),
    BAD("\"\\ud83d\\", 1, 1, "the string that starts here is not closed"),
    BAD("{\"ke", 1, 2, "the key that starts here is not closed"),
    BAD("\"\xC3", 1, 1, "the string that starts here is not closed"),
    BAD("\"a\tb\"", 1, 3, "control characters are written as \\u0009"),
    BAD("\"a\nb\"", 1, 3, "found the end of the line in a string"),
    BAD("\"a\0b\"", 1, 3, "found byte 0x00 in a string"),
    BAD("\"\x1F\"", 1, 2, "\\u001f"),
    BAD("[\0]", 1, 2, "found byte 0x00"),
    BAD("\0", 1, 1, "found byte 0x00"),
    BAD("1\0", 1, 2, "found byte 0x00"),
    BAD("\"\\x41\"", 1, 3, "found 'x' behind a backslash"),
    BAD("\"\\'\"", 1, 3, "found ''' behind a backslash"),
    BAD("\"\\\n\"", 1, 3, "behind a backslash"),
    BAD("\"\\\0\"", 1, 3, "found byte 0x00 behind a backslash"),
    BAD("\"\\u12g4\"", 1, 6, "expected four hexadecimal digits behind \\u, found 'g'"),
    BAD("\"\\u\"", 1, 4, "expected four hexadecimal digits behind \\u, found '\"'"),
    BAD("\"\\U0041\"", 1, 3, "found 'U' behind a backslash"),
    BAD("\"\\uD800\"", 1, 8, "\\uD800 is half of a surrogate pair"),
    BAD("\"\\ud800x\"", 1, 8, "\\uD800 is half of a surrogate pair"),
    BAD("\"\\ud800\\n\"", 1, 9, "\\uD800 is half of a surrogate pair"),
    BAD("\"\\ud800\\ud800\"", 1, 13, "\\uD800 is not the other half"),
    BAD("\"\\ud800\\u0041\"", 1, 13, "\\u0041 is not the other half"),
    BAD("\"\\udc00\"", 1, 7, "\\uDC00 is the second half of a surrogate pair without the first"),
    BAD("\"\\udfff\\ud800\"", 1, 7, "\\uDFFF is the second half"),
    BAD("\"\x80\"", 1, 2, "byte 0x80 in a string is not UTF-8"),
    BAD("\"a\xFF\"", 1, 3, "byte 0xFF in a string is not UTF-8"),
    BAD("\"\xC3\xA9\xC0\xAF\"", 1, 3, "byte 0xC0"),
    BAD("\"a\xC3\"", 1, 3, "byte 0x22 in a string is not UTF-8"),
    BAD("\"\xE4\xB8z\"", 1, 2, "byte 0x7A in a string is not UTF-8"),
    BAD("\"\xED\xA0\x80\"", 1, 2, "byte 0xA0 in a string is not UTF-8"),
    BAD("\"\xF4\x90\x80\x80\"", 1, 2, "byte 0x90 in a string is not UTF-8"),
    BAD("\"\xF5\x80\x80\x80\"", 1, 2, "byte 0xF5 in a string is not UTF-8"),
    BAD("\"\xE0\x80\xAF\"", 1, 2, "byte 0x80 in a string is not UTF-8"),
    BAD("\"\xF0\x80\x80\xAF\"", 1, 2, "byte 0x80 in a string is not UTF-8"),
    BAD("\xC3\xA9", 1, 1, "expected a value, found byte 0xC3"),
    BAD("[\xC2\xA0 1]", 1, 2, "found byte 0xC2"),
    BAD("\xEF\xBB\xBF{}", 1, 1, "byte order mark"),
    BAD("\xEF", 1, 1, "byte order mark"),
    BAD("\xFF\xFE{\0}\0", 1, 1, "UTF-16"),
    BAD("\xFE\xFF\0{\0}", 1, 1, "UTF-16"),
    BAD("[\xEF\xBB\xBF]", 1, 2, "found byte 0xEF"),
    BAD("{\"a\":1,\"a\":2}", 1, 8, "the key \"a\" comes twice in one object"),
    BAD("{\"a\":1,\n \"\\u0061\":2}", 2, 2, "the key \"a\" comes twice"),
    BAD("{\"a\":{\"b\":1,\"b\":2}}", 1, 13, "the key \"b\" comes twice"),
    BAD("{\"\":1,\"\":2}", 1, 7, "the key \"\" comes twice"),
    BAD("\n\n  [1,\n\t\"\xC3\xA9\xC3\xA9\", x]", 4, 8, "found 'x'"),
    BAD("[\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\"x", 1, 6, "found 'x'"),
    BAD("\r\n\r\nx", 3, 1, "found 'x'"),
    BAD("[1e1000000000000000000]", 1, 2, "more than 18 digits"),
    BAD("{\"a long key that does not fit into the message of an error as a whole, I think\" 1}", 1,
        82, "a long key that does not fit into the message of an error as..."),
};

/* ---- the same answer however the text is cut ------------------------------------------------- */

typedef struct answer {
    agt_status status;
    agt_value *value;
    agt_error err;
} answer;

/* Feed a piece from memory of exactly its size, so that reading beyond it is seen. */
static agt_status feed(agt_json_parser *parser, const char *bytes, size_t size, agt_error *err)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    agt_status status = agt_json_parser_feed(parser, copy, size, err);
    free(copy);
    return status;
}

/* Parse in pieces that end at @first and @second. */
static answer parse_cut(agt_json_parser *parser, const char *text, size_t size, size_t first,
                        size_t second)
{
    answer got = {0};
    agt_error err = {0};
    agt_status one = feed(parser, text, first, &err);
    agt_status two = feed(parser, text + first, second - first, &err);
    agt_status three = feed(parser, text + second, size - second, &err);
    got.status = agt_json_parser_finish(parser, &got.value, &got.err);
    if (three != AGT_OK) {
        assert_int_equal(got.status, three);
        assert_memory_equal(&got.err, &err, sizeof(err));
    }
    assert_true(one == AGT_OK || two == one);
    assert_true(two == AGT_OK || three == two);
    return got;
}

static answer parse_bytes(agt_json_parser *parser, const char *text, size_t size)
{
    answer got = {0};
    for (size_t i = 0; i < size; i++) {
        if (feed(parser, text + i, 1, NULL) != AGT_OK) {
            break;
        }
    }
    got.status = agt_json_parser_finish(parser, &got.value, &got.err);
    return got;
}

static void compare(answer expected, answer got, const char *text)
{
    if (got.status != expected.status || memcmp(&got.err, &expected.err, sizeof(got.err)) != 0) {
        fail_msg("%s: %d %u:%u %s, but whole %d %u:%u %s", text, got.status, got.err.line,
                 got.err.column, got.err.message, expected.status, expected.err.line,
                 expected.err.column, expected.err.message);
    }
    if (got.status == AGT_OK) {
        assert_true(agt_value_equals(got.value, expected.value));
    }
    agt_value_unref(got.value);
}

static void check_all_cuts(const char *text, size_t size, const agt_json_config *config,
                           answer expected)
{
    agt_json_parser *parser = NULL;
    assert_int_equal(agt_json_parser_new(NULL, config, NULL, 0, NULL, &parser), AGT_OK);
    for (size_t first = 0; first <= size; first++) {
        compare(expected, parse_cut(parser, text, size, first, size), text);
        for (size_t second = first; size < 40 && second <= size; second++) {
            compare(expected, parse_cut(parser, text, size, first, second), text);
        }
    }
    compare(expected, parse_bytes(parser, text, size), text);
    agt_json_parser_free(parser);
}

static void test_good_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_texts) / sizeof(good_texts[0]); i++) {
        const good_text *t = &good_texts[i];
        answer whole = {0};
        whole.status = agt_json_parse(NULL, t->text, t->size, NULL, &whole.value, &whole.err);
        if (whole.status != AGT_OK) {
            fail_msg("%s: %s", t->text, whole.err.message);
        }
        agt_test_assert_json(whole.value, t->written != NULL ? t->written : t->text);
        check_all_cuts(t->text, t->size, NULL, whole);
        agt_value_unref(whole.value);
    }
}

static void test_bad_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
        const bad_text *t = &bad_texts[i];
        answer whole = {0};
        whole.status = agt_json_parse(NULL, t->text, t->size, NULL, &whole.value, &whole.err);
        assert_null(whole.value);
        if (whole.status != whole.err.status || whole.err.line != t->line ||
            whole.err.column != t->column || strstr(whole.err.message, t->words) == NULL ||
            strcmp(whole.err.origin, "base/json") != 0 ||
            (whole.status != AGT_E_SYNTAX && whole.status != AGT_E_LIMIT)) {
            fail_msg("%s: %d %u:%u %s", t->text, whole.status, whole.err.line, whole.err.column,
                     whole.err.message);
        }
        assert_int_equal(agt_json_parse(NULL, t->text, t->size, NULL, &whole.value, NULL),
                         whole.status);
        check_all_cuts(t->text, t->size, NULL, whole);
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void check_limit(const agt_json_config *config, const char *good, const char *bad,
                        uint32_t column, const char *words)
{
    answer whole = {0};
    whole.status = agt_json_parse(NULL, good, strlen(good), config, &whole.value, &whole.err);
    assert_int_equal(whole.status, AGT_OK);
    check_all_cuts(good, strlen(good), config, whole);
    agt_value_unref(whole.value);
    whole = (answer){0};
    whole.status = agt_json_parse(NULL, bad, strlen(bad), config, &whole.value, &whole.err);
    if (whole.status != AGT_E_LIMIT || whole.err.line != 1 || whole.err.column != column ||
        strstr(whole.err.message, words) == NULL) {
        fail_msg("%s: %d %u:%u %s", bad, whole.status, whole.err.line, whole.err.column,
                 whole.err.message);
    }
    check_all_cuts(bad, strlen(bad), config, whole);
}

static void test_limits(void **state)
{
    (void)state;
    agt_json_config depth = AGT_CONFIG(agt_json_config, .depth_max = 3);
    check_limit(&depth, "[{\"a\":[]}]", "[{\"a\":[{}]}]", 8, "deeper than 3");
    agt_json_config one = AGT_CONFIG(agt_json_config, .depth_max = 1);
    check_limit(&one, "[1]", "[[]]", 2, "deeper than 1");
    agt_json_config nodes = AGT_CONFIG(agt_json_config, .nodes_max = 4);
    check_limit(&nodes, "[1,{\"a\":2}]", "[1,{\"a\":2},3]", 12, "more than 4 values");
    agt_json_config string = AGT_CONFIG(agt_json_config, .string_bytes_max = 4);
    check_limit(&string, "[\"abcd\"]", "[\"abcde\"]", 2, "longer than 4 bytes");
    check_limit(&string, "[\"\\n\\u00e9\\/\"]", "[\"\\n\\u00e9\\/\\/\"]", 2, "longer than 4 bytes");
    check_limit(&string, "[\"\\ud83d\\ude00\"]", "[\"a\\ud83d\\ude00\"]", 2, "longer than 4");
    check_limit(&string, "[\"ab\xC3\xA9\"]", "[\"abc\xC3\xA9\"]", 2, "longer than 4 bytes");
    check_limit(&string, "{\"abcd\":1}", "{\"abcde\":1}", 2, "key that starts here is longer");
    check_limit(&string, "[\"abcd\"]", "[\"abcde\x01", 2, "longer than 4 bytes");
    check_limit(&string, "[\"abcd\"]", "[\"abcd\xC3!", 2, "longer than 4 bytes");
    agt_json_config number = AGT_CONFIG(agt_json_config, .number_bytes_max = 4);
    check_limit(&number, "[1e+5]", "[12345]", 2, "longer than 4 bytes");
    check_limit(&number, "[-1.5]", "[-1.25]", 2, "longer than 4 bytes");
    agt_json_config document = AGT_CONFIG(agt_json_config, .document_bytes_max = 8);
    check_limit(&document, "[1,2,33]", "[1,2,33] ", 9, "text is longer than 8 bytes");
    check_limit(&document, "\"123456\"", "\"1234567\"", 9, "text is longer than 8 bytes");
}

static void test_defaults(void **state)
{
    (void)state;
    char text[200];
    memset(text, '[', 65);
    memset(text + 64, ']', 64);
    agt_value *value = NULL;
    agt_error err = {0};
    assert_int_equal(agt_json_parse(NULL, text, 128, NULL, &value, NULL), AGT_OK);
    agt_value_unref(value);
    value = NULL;
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_int_equal(agt_json_parse(NULL, text, 130, NULL, &value, &err), AGT_E_LIMIT);
    assert_int_equal(err.column, 65);
    memset(text, '9', 65);
    assert_int_equal(agt_json_parse(NULL, text, 65, NULL, &value, &err), AGT_E_LIMIT);
    assert_int_equal(agt_json_parse(NULL, text, 64, NULL, &value, &err), AGT_OK);
    agt_value_unref(value);
}

static void test_bad_configs(void **state)
{
    (void)state;
    const agt_json_config bad[] = {
        AGT_CONFIG(agt_json_config, .depth_max = 1025),
        AGT_CONFIG(agt_json_config, .nodes_max = (1u << 30) + 1),
        AGT_CONFIG(agt_json_config, .string_bytes_max = ((size_t)1 << 30) + 1),
        AGT_CONFIG(agt_json_config, .document_bytes_max = SIZE_MAX),
        AGT_CONFIG(agt_json_config, .number_bytes_max = 4097),
        AGT_CONFIG(agt_json_config, .duplicates = 2),
        AGT_CONFIG(agt_json_config, .duplicates = -1),
        {.struct_size = 0},
    };
    agt_value *value = NULL;
    agt_json_parser *parser = NULL;
    agt_error err = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(agt_json_parse(NULL, "1", 1, &bad[i], &value, &err), AGT_E_INVALID);
        assert_int_equal(agt_json_parser_new(NULL, &bad[i], NULL, 0, NULL, &parser), AGT_E_INVALID);
    }
    agt_json_config newer = AGT_CONFIG(agt_json_config, .tainted = true);
    newer.reserved[6] = true;
    assert_int_equal(agt_json_parse(NULL, "1", 1, &newer, &value, &err), AGT_E_VERSION);
    assert_null(value);
    assert_null(parser);
    agt_json_config most = AGT_CONFIG(agt_json_config, .depth_max = 1024, .nodes_max = 1u << 30,
                                      .number_bytes_max = 4096, .string_bytes_max = (size_t)1 << 30,
                                      .document_bytes_max = (size_t)1 << 30);
    assert_int_equal(agt_json_parse(NULL, "1", 1, &most, &value, &err), AGT_OK);
    agt_value_unref(value);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    agt_value *value = NULL;
    agt_error err = {0};
    agt_json_parser *parser = NULL;
    assert_int_equal(agt_json_parse(NULL, NULL, 1, NULL, &value, &err), AGT_E_INVALID);
    assert_int_equal(agt_json_parse(NULL, "1", 1, NULL, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_json_parse(NULL, NULL, 0, NULL, &value, &err), AGT_E_SYNTAX);
    assert_int_equal(agt_json_parser_new(NULL, NULL, NULL, 0, NULL, NULL), AGT_E_INVALID);
    assert_int_equal(agt_json_parser_feed(NULL, "1", 1, &err), AGT_E_INVALID);
    assert_int_equal(agt_json_parser_finish(NULL, &value, &err), AGT_E_INVALID);
    assert_false(agt_json_parser_is_complete(NULL));
    agt_json_parser_free(NULL);
    assert_int_equal(agt_json_parser_new(NULL, NULL, NULL, 0, NULL, &parser), AGT_OK);
    assert_int_equal(agt_json_parser_feed(parser, NULL, 1, &err), AGT_E_INVALID);
    assert_int_equal(agt_json_parser_feed(parser, NULL, 0, &err), AGT_OK);
    assert_int_equal(agt_json_parser_finish(parser, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_json_parser_feed(parser, "1", 1, &err), AGT_OK);
    assert_int_equal(agt_json_parser_finish(parser, &value, &err), AGT_OK);
    agt_value_unref(value);
    agt_json_parser_free(parser);
}

/* A million brackets: an early answer, without a stack of its own to overflow. */
static void test_a_million_deep(void **state)
{
    (void)state;
    enum {
        DEEP = 1000000
    };
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    char *text = malloc(DEEP);
    assert_non_null(text);
    agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = 1024);
    agt_value *value = NULL;
    agt_error err = {0};
    memset(text, '[', DEEP);
    assert_int_equal(agt_json_parse(&heap.allocator, text, DEEP, &config, &value, &err),
                     AGT_E_LIMIT);
    assert_int_equal(err.column, 1025);
    for (size_t i = 0; i + 5 <= DEEP; i += 5) {
        memcpy(text + i, "{\"\":[", 5);
    }
    assert_int_equal(agt_json_parse(&heap.allocator, text, DEEP, &config, &value, &err),
                     AGT_E_LIMIT);
    assert_true(heap.bytes_max < 200000);
    memset(text, '[', 1024);
    memset(text + 1024, ']', 1024);
    assert_int_equal(agt_json_parse(&heap.allocator, text, 2048, &config, &value, &err), AGT_OK);
    agt_value *other = NULL;
    assert_int_equal(agt_value_with_taint(&heap.allocator, value, &other), AGT_OK);
    assert_true(agt_value_equals(value, other));
    uint8_t hash[32];
    assert_int_equal(agt_value_hash(value, hash), AGT_OK);
    agt_value *written = NULL;
    assert_int_equal(agt_value_to_json(&heap.allocator, value, AGT_JSON_PRETTY, &written), AGT_OK);
    agt_value_unref(written);
    agt_value_unref(other);
    agt_value_unref(value);
    free(text);
    agt_test_heap_deinit(&heap);
}

/* ---- duplicates, taint ----------------------------------------------------------------------- */

static void test_the_last_duplicate_counts(void **state)
{
    (void)state;
    agt_json_config config = AGT_CONFIG(agt_json_config, .duplicates = AGT_JSON_DUPLICATES_LAST);
    const char *text = "{\"a\":[1],\"b\":{\"x\":1,\"x\":2},\"a\":\"last\",\"c\":0,\"a\":{}}";
    answer whole = {0};
    whole.status = agt_json_parse(NULL, text, strlen(text), &config, &whole.value, &whole.err);
    assert_int_equal(whole.status, AGT_OK);
    agt_test_assert_json(whole.value, "{\"a\":{},\"b\":{\"x\":2},\"c\":0}");
    check_all_cuts(text, strlen(text), &config, whole);
    agt_value_unref(whole.value);
}

static void test_taint(void **state)
{
    (void)state;
    agt_json_config config = AGT_CONFIG(agt_json_config, .tainted = true);
    const char *text = "{\"n\":null,\"b\":true,\"i\":1,\"d\":0.5,\"s\":\"x\",\"a\":[],\"o\":{}}";
    agt_value *value = NULL;
    assert_int_equal(agt_json_parse(NULL, text, strlen(text), &config, &value, NULL), AGT_OK);
    assert_true(agt_value_is_tainted(value));
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        assert_true(agt_value_is_tainted(agt_value_get_item(value, i)));
    }
    agt_test_assert_json(value, text);
    agt_value_unref(value);
}

/* ---- streaming ------------------------------------------------------------------------------- */

typedef struct parts {
    char seen[600];
    size_t size;
    const agt_json_parser *parser;
} parts;

static void on_part(void *user_data, uint32_t depth, const char *key, size_t key_length,
                    size_t index, const agt_value *value)
{
    parts *p = user_data;
    agt_value *text = NULL;
    assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_COMPACT, &text), AGT_OK);
    assert_true(key == NULL || strlen(key) == key_length);
    p->size +=
        (size_t)snprintf(p->seen + p->size, sizeof(p->seen) - p->size, "%u %s %zu %s|", depth,
                         key != NULL ? key : "-", index, agt_value_get_string(text, NULL));
    agt_value_unref(text);
}

static void check_parts(uint32_t depth_max, const agt_json_config *config, const char *text,
                        const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        parts p = {.size = 0};
        agt_json_parser *parser = NULL;
        assert_int_equal(agt_json_parser_new(NULL, config, on_part, depth_max, &p, &parser),
                         AGT_OK);
        for (size_t at = 0; at < strlen(text); at += piece) {
            size_t left = strlen(text) - at;
            assert_int_equal(feed(parser, text + at, left < piece ? left : piece, NULL), AGT_OK);
        }
        agt_value *value = NULL;
        assert_int_equal(agt_json_parser_finish(parser, &value, NULL), AGT_OK);
        assert_string_equal(p.seen, expected);
        agt_value_unref(value);
        agt_json_parser_free(parser);
    }
}

static void test_parts(void **state)
{
    (void)state;
    const char *text = "{\"query\":\"a b\",\"list\":[1,[true],{}],\"o\":{\"x\":null},\"n\":12}";
    check_parts(0, NULL, text, "");
    check_parts(1, NULL, text,
                "1 query 0 \"a b\"|1 list 1 [1,[true],{}]|1 o 2 {\"x\":null}|1 n 3 12|");
    check_parts(2, NULL, text,
                "1 query 0 \"a b\"|2 - 0 1|2 - 1 [true]|2 - 2 {}|1 list 1 [1,[true],{}]|"
                "2 x 0 null|1 o 2 {\"x\":null}|1 n 3 12|");
    check_parts(9, NULL, "[1,[[2]]]", "1 - 0 1|3 - 0 2|2 - 0 [2]|1 - 1 [[2]]|");
    check_parts(9, NULL, "17 ", "");
    agt_json_config last = AGT_CONFIG(agt_json_config, .duplicates = AGT_JSON_DUPLICATES_LAST);
    check_parts(1, &last, "{\"a\":1,\"b\":2,\"a\":[]}", "1 a 0 1|1 b 1 2|1 a 0 []|");
}

/* A part is told of as soon as its last byte is there. */
static void test_parts_come_early(void **state)
{
    (void)state;
    parts p = {.size = 0};
    agt_json_parser *parser = NULL;
    assert_int_equal(agt_json_parser_new(NULL, NULL, on_part, 1, &p, &parser), AGT_OK);
    const char *head = "{\"path\":\"/tmp/x\"";
    assert_int_equal(feed(parser, head, strlen(head) - 1, NULL), AGT_OK);
    assert_string_equal(p.seen, "");
    assert_int_equal(feed(parser, "\"", 1, NULL), AGT_OK);
    assert_string_equal(p.seen, "1 path 0 \"/tmp/x\"|");
    agt_json_parser_free(parser); /* in the middle */
}

static void test_is_complete(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t complete_at; /* bytes after which it is complete; 0: never */
    } cases[] = {{"[1]", 3}, {"{\"a\":1} ", 7}, {"\"x\"", 3}, {"true", 4}, {"12", 0}, {"12 ", 3}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_json_parser *parser = NULL;
        assert_int_equal(agt_json_parser_new(NULL, NULL, NULL, 0, NULL, &parser), AGT_OK);
        for (size_t at = 0; at <= strlen(cases[i].text); at++) {
            assert_int_equal(agt_json_parser_is_complete(parser),
                             cases[i].complete_at != 0 && at >= cases[i].complete_at);
            if (cases[i].text[at] != '\0') {
                assert_int_equal(feed(parser, cases[i].text + at, 1, NULL), AGT_OK);
            }
        }
        agt_json_parser_free(parser);
    }
}

static void test_after_a_failure(void **state)
{
    (void)state;
    agt_json_parser *parser = NULL;
    agt_value *value = NULL;
    agt_error first = {0};
    agt_error again = {0};
    assert_int_equal(agt_json_parser_new(NULL, NULL, NULL, 0, NULL, &parser), AGT_OK);
    assert_int_equal(feed(parser, "[1,,", 4, &first), AGT_E_SYNTAX);
    assert_int_equal(feed(parser, "2]", 2, &again), AGT_E_SYNTAX);
    assert_memory_equal(&first, &again, sizeof(first));
    assert_int_equal(feed(parser, "", 0, &again), AGT_E_SYNTAX);
    assert_false(agt_json_parser_is_complete(parser));
    assert_int_equal(agt_json_parser_finish(parser, &value, &again), AGT_E_SYNTAX);
    assert_memory_equal(&first, &again, sizeof(first));
    assert_null(value);
    assert_int_equal(feed(parser, "\n[2]", 4, &again), AGT_OK); /* as new */
    assert_int_equal(agt_json_parser_finish(parser, &value, NULL), AGT_OK);
    agt_test_assert_json(value, "[2]");
    agt_value_unref(value);
    agt_json_parser_free(parser);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static const char rich[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"two\\nlines and \\u4e2d\"},"
    "{\"role\":\"tool\",\"numbers\":[1,2.5,1e400,-0,18446744073709551615],\"flags\":[true,null]}],"
    "\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9}";

static void parse_and_write(const agt_allocator *allocator, void *ctx)
{
    const agt_json_config *config = ctx;
    agt_value *value = NULL;
    agt_value *text = NULL;
    agt_error err = {0};
    agt_status status = agt_json_parse(allocator, rich, sizeof(rich) - 1, config, &value, &err);
    assert_int_equal(err.status, status);
    if (status == AGT_OK) {
        status = agt_value_to_json(allocator, value, AGT_JSON_CANONICAL, &text);
    }
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
    agt_value_unref(text);
    agt_value_unref(value);
}

static void stream(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_json_parser *parser = NULL;
    agt_status status = agt_json_parser_new(allocator, NULL, NULL, 0, NULL, &parser);
    for (size_t at = 0; status == AGT_OK && at < sizeof(rich) - 1; at += 7) {
        size_t left = sizeof(rich) - 1 - at;
        status = feed(parser, rich + at, left < 7 ? left : 7, NULL);
    }
    agt_value *value = NULL;
    if (parser != NULL) {
        assert_int_equal(agt_json_parser_finish(parser, &value, NULL), status);
        assert_int_equal(value != NULL, status == AGT_OK);
        agt_value_unref(value);
        agt_json_parser_free(parser);
    } else {
        assert_int_equal(status, AGT_E_NOMEM);
    }
}

static void test_torture(void **state)
{
    (void)state;
    agt_json_config tainted = AGT_CONFIG(agt_json_config, .tainted = true);
    agt_test_torture(parse_and_write, NULL);
    agt_test_torture(parse_and_write, &tainted);
    agt_test_torture(stream, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_texts),
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad_configs),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_a_million_deep),
        cmocka_unit_test(test_the_last_duplicate_counts),
        cmocka_unit_test(test_taint),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_parts_come_early),
        cmocka_unit_test(test_is_complete),
        cmocka_unit_test(test_after_a_failure),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
