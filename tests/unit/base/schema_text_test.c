/*
 * schema_text_test.c - the words of messages: quoting, shortening, and what is a typing error.
 */
#include "base/schema_text.h"

#include <string.h>

#include "base/schema_tree.h"
#include "support/test.h"

static agt_value *parse(const char *json)
{
    agt_value *value = NULL;
    assert_int_equal(agt_json_parse(NULL, json, strlen(json), NULL, &value, NULL), AGT_OK);
    return value;
}

static void expect_found(const char *json, const char *expected)
{
    schema_text text = {.size = 0};
    agt_value *value = parse(json);
    agt__schema_text_add_found(&text, value);
    assert_string_equal(text.bytes, expected);
    assert_int_equal(text.size, strlen(expected));
    agt_value_unref(value);
}

static void test_what_was_found(void **state)
{
    (void)state;
    expect_found("null", "null");
    expect_found("true", "true");
    expect_found("false", "false");
    expect_found("12", "the number 12");
    expect_found("0.10", "the number 0.10");
    expect_found("1234567890123456789012345678901234567890123456",
                 "the number 1234567890123456789012345678901234567\xE2\x80\xA6");
    expect_found("\"ten\"", "the string \"ten\"");
    expect_found("\"\"", "the string \"\"");
    expect_found("\"a\\\"b\\\\c\\nd\\te\\u0000f\"", "the string \"a\\\"b\\\\c\\nd\\te\\u0000f\"");
    expect_found("[]", "an empty array");
    expect_found("{}", "an empty object");
    expect_found("[1, \"a\", null, {\"b\": [true]}]",
                 "the array [1, \"a\", null, {\"b\": [true]}]");
    expect_found("{\"name\": \"x\", \"limit\": 1.5}",
                 "the object {\"name\": \"x\", \"limit\": 1.5}");
    expect_found("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]", "an array of 21 items");
    expect_found("[\"01234567890123456789012345678901234567890123456789\", \"0123456789012\"]",
                 "an array of 2 items");
    expect_found("{\"a\": [[[[[1]]]]]}", "an object with 1 property");
}

static void test_strings_are_cut_between_characters(void **state)
{
    (void)state;
    schema_text text = {.size = 0};
    agt__schema_text_add_quoted(&text, "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 8, 2);
    assert_string_equal(text.bytes, "\"\xC3\xA9\xC3\xA9\xE2\x80\xA6\"");
    text = (schema_text){.size = 0};
    agt__schema_text_add_quoted(&text, "abcdef", 6, 3); /* three more are not worth cutting */
    assert_string_equal(text.bytes, "\"abcdef\"");
}

static void test_what_cannot_be_seen_is_escaped(void **state)
{
    (void)state;
    schema_text text = {.size = 0};
    agt__schema_text_add_quoted(&text, "a\x1B[31m\xE2\x80\xAE\xC2\x9B\xF3\xA0\x80\x81\x7F", 16, 40);
    assert_string_equal(text.bytes, "\"a\\u001b[31m\\u202e\\u009b\\u{e0001}\\u007f\"");
}

static void test_a_full_text_stays_terminated(void **state)
{
    (void)state;
    schema_text text = {.size = 0};
    for (int i = 0; i < 100; i++) {
        agt__schema_text_add(&text, "0123456789");
    }
    assert_int_equal(text.size, sizeof(text.bytes) - 1);
    assert_int_equal(strlen(text.bytes), text.size);
    agt__schema_text_add_quoted(&text, "more", 4, 10);
    assert_int_equal(strlen(text.bytes), text.size);
}

static void expect_types(uint32_t types, const char *expected)
{
    schema_text text = {.size = 0};
    agt__schema_text_add_types(&text, types);
    assert_string_equal(text.bytes, expected);
}

static void test_types(void **state)
{
    (void)state;
    expect_types(1u << AGT_VALUE_STRING, "a string");
    expect_types(SCHEMA_TYPE_INTEGER, "an integer");
    expect_types(SCHEMA_TYPE_INTEGER | 1u << AGT_VALUE_NUMBER, "a number");
    expect_types(1u << AGT_VALUE_NULL | 1u << AGT_VALUE_STRING, "a string or null");
    expect_types(1u << AGT_VALUE_NULL | 1u << AGT_VALUE_STRING | 1u << AGT_VALUE_BOOL,
                 "a string, true or false or null");
    expect_types(1u << AGT_VALUE_ARRAY | 1u << AGT_VALUE_OBJECT | SCHEMA_TYPE_INTEGER,
                 "an integer, an object or an array");
}

static size_t typos(const char *a, const char *b)
{
    size_t forth = agt__schema_typos(a, strlen(a), b, strlen(b));
    assert_int_equal(agt__schema_typos(b, strlen(b), a, strlen(a)), forth);
    return forth;
}

static void test_typing_errors(void **state)
{
    (void)state;
    assert_int_equal(typos("model", "model"), 0);
    assert_int_equal(typos("Model", "model"), 0); /* not the same, but surely meant */
    assert_int_equal(typos("modle", "model"), 1);
    assert_int_equal(typos("modl", "model"), 1);
    assert_int_equal(typos("modell", "model"), 1);
    assert_int_equal(typos("instuctions", "instructions"), 1);
    assert_int_equal(typos("instructoins", "instructions"), 1);
    assert_int_equal(typos("max_steps", "maxsteps"), 1);
    assert_int_equal(typos("foo", "bar"), SIZE_MAX);
    assert_int_equal(typos("bar", "baz"), SIZE_MAX); /* too short to guess */
    assert_int_equal(typos("ulr", "url"), 1);
    assert_int_equal(typos("id", "di"), SIZE_MAX);
    assert_int_equal(typos("name", "model"), SIZE_MAX);
    assert_int_equal(typos("", "model"), SIZE_MAX);
    assert_int_equal(typos("", ""), 0);
    char longest[80];
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(agt__schema_typos(longest, 64, longest, 63), 1);
    assert_int_equal(agt__schema_typos(longest, 65, longest, 65), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_found),
        cmocka_unit_test(test_strings_are_cut_between_characters),
        cmocka_unit_test(test_what_cannot_be_seen_is_escaped),
        cmocka_unit_test(test_a_full_text_stays_terminated),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_typing_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
