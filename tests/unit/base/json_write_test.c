/*
 * The writer: all forms, escapes, order of the canonical form, round trips.
 */
#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *json, uint32_t flags, const char *expected)
{
    agt_value *value = agt_test_value(NULL, json);
    agt_value *text = NULL;
    assert_int_equal(agt_value_to_json(NULL, value, flags, &text), AGT_OK);
    size_t length = 0;
    assert_string_equal(agt_value_get_string(text, &length), expected);
    assert_int_equal(length, strlen(expected));
    agt_value *back = agt_test_value(NULL, agt_value_get_string(text, NULL));
    assert_true(agt_value_equals(value, back));
    agt_value_unref(back);
    agt_value_unref(text);
    agt_value_unref(value);
}

static void test_compact(void **state)
{
    (void)state;
    check("null", AGT_JSON_COMPACT, "null");
    check(" [ ] ", AGT_JSON_COMPACT, "[]");
    check("{ \"b\" : [1, 2.50, {}], \"a\": \"x\" }", AGT_JSON_COMPACT,
          "{\"b\":[1,2.50,{}],\"a\":\"x\"}");
}

static void test_pretty(void **state)
{
    (void)state;
    check("null", AGT_JSON_PRETTY, "null");
    check("{}", AGT_JSON_PRETTY, "{}");
    check("[]", AGT_JSON_PRETTY, "[]");
    check("{\"b\":[1,[],{\"x\":{}}],\"a\":\"y\"}", AGT_JSON_PRETTY,
          "{\n"
          "  \"b\": [\n"
          "    1,\n"
          "    [],\n"
          "    {\n"
          "      \"x\": {}\n"
          "    }\n"
          "  ],\n"
          "  \"a\": \"y\"\n"
          "}");
    check("[[\"\xC3\xA9\"]]", AGT_JSON_PRETTY | AGT_JSON_ASCII,
          "[\n"
          "  [\n"
          "    \"\\u00e9\"\n"
          "  ]\n"
          "]");
}

/* Indenting deeper than the run of spaces it is cut from. */
static void test_pretty_and_deep(void **state)
{
    (void)state;
    char json[121];
    memset(json, '[', 60);
    memset(json + 60, ']', 60);
    json[120] = '\0';
    agt_value *value = agt_test_value(NULL, json);
    agt_value *text = NULL;
    assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_PRETTY, &text), AGT_OK);
    const char *deepest = strstr(agt_value_get_string(text, NULL), "[]");
    assert_non_null(deepest);
    for (int i = 1; i <= 118; i++) {
        assert_int_equal(deepest[-i], ' ');
    }
    assert_int_equal(deepest[-119], '\n');
    agt_value_unref(text);
    agt_value_unref(value);
}

static void test_escapes(void **state)
{
    (void)state;
    const char *all = "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\\u007f\\u0080\\u009f"
                      "\\u00a0\\u00e9\\u2027\\u2028\\u2029\\u202a\\ud83d\\ude00\"";
    check(all, AGT_JSON_COMPACT,
          "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\\u007f\\u0080\\u009f"
          "\xC2\xA0\xC3\xA9\xE2\x80\xA7\\u2028\\u2029\xE2\x80\xAA\xF0\x9F\x98\x80\"");
    check(all, AGT_JSON_ASCII,
          "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\\u007f\\u0080\\u009f"
          "\\u00a0\\u00e9\\u2027\\u2028\\u2029\\u202a\\ud83d\\ude00\"");
    check(all, AGT_JSON_CANONICAL,
          "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\x7F\xC2\x80\xC2\x9F"
          "\xC2\xA0\xC3\xA9\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA\xF0\x9F\x98\x80\"");
}

/* Every character of the first two planes there and back, in each form. */
static void test_every_character(void **state)
{
    (void)state;
    const uint32_t forms[] = {AGT_JSON_COMPACT, AGT_JSON_ASCII, AGT_JSON_CANONICAL};
    for (uint32_t code = 0; code < 0x20000; code += code < 0x800 ? 1 : 13) {
        if (code >= 0xD800 && code <= 0xDFFF) {
            continue;
        }
        char json[32];
        if (code < 0x10000) {
            (void)snprintf(json, sizeof(json), "\"ab\\u%04x!\"", code);
        } else {
            (void)snprintf(json, sizeof(json), "\"ab\\u%04x\\u%04x!\"",
                           0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF));
        }
        agt_value *value = agt_test_value(NULL, json);
        for (size_t i = 0; i < 3; i++) {
            agt_value *text = NULL;
            assert_int_equal(agt_value_to_json(NULL, value, forms[i], &text), AGT_OK);
            agt_value *back = agt_test_value(NULL, agt_value_get_string(text, NULL));
            assert_true(agt_value_equals(value, back));
            agt_value_unref(back);
            agt_value_unref(text);
        }
        agt_value_unref(value);
    }
}

static void test_canonical(void **state)
{
    (void)state;
    /* The example of RFC 8785, section 3.2.3: order by UTF-16 code units. */
    check(
        "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet "
        "With Dagesh\",\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":"
        "\"Control\",\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
        AGT_JSON_CANONICAL,
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\",\"\xC3\xB6\":\"Latin "
        "Small Letter O With Diaeresis\",\"\xE2\x82\xAC\":\"Euro Sign\",\"\xF0\x9F\x98\x80\":"
        "\"Emoji: Grinning Face\",\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}");
    /* The numbers of section 3.2.2. */
    check("{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]}",
          AGT_JSON_CANONICAL, "{\"numbers\":[333333333.33333329,1e+30,4.5,0.002,1e-27]}");
    check("{\"b\":{\"z\":1,\"a\":[{\"y\":1,\"x\":2}]},\"a\":{},\"\":0,\"ab\":1}",
          AGT_JSON_CANONICAL,
          "{\"\":0,\"a\":{},\"ab\":1,\"b\":{\"a\":[{\"x\":2,\"y\":1}],\"z\":1}}");
    check("{\"\\ud83d\\ude01\":1,\"\\ud83d\\ude00\":2,\"\\ud83c\\ude00\":3}", AGT_JSON_CANONICAL,
          "{\"\xF0\x9F\x88\x80\":3,\"\xF0\x9F\x98\x80\":2,\"\xF0\x9F\x98\x81\":1}");
}

/* Many members, in all sizes of heap: sorted whatever the order they come in. */
static void test_canonical_order(void **state)
{
    (void)state;
    for (unsigned count = 1; count < 60; count++) {
        char json[1200] = "{";
        char expected[1200] = "{";
        for (unsigned i = 0; i < count; i++) {
            char piece[32];
            (void)snprintf(piece, sizeof(piece), "%s\"%03u\":0", i > 0 ? "," : "", i);
            memcpy(expected + strlen(expected), piece, strlen(piece) + 1);
            (void)snprintf(piece, sizeof(piece), "%s\"%03u\":0", i > 0 ? "," : "",
                           i * 61 % count * 7 % count);
            memcpy(json + strlen(json), piece, strlen(piece) + 1);
        }
        memcpy(json + strlen(json), "}", 2);
        memcpy(expected + strlen(expected), "}", 2);
        if (count % 7 != 0) { /* then 7 i mod count takes each value once */
            check(json, AGT_JSON_CANONICAL, expected);
        }
    }
}

static void test_bad_flags(void **state)
{
    (void)state;
    agt_value *text = NULL;
    assert_int_equal(agt_value_to_json(NULL, NULL, 8, &text), AGT_E_INVALID);
    assert_int_equal(agt_value_to_json(NULL, NULL, AGT_JSON_CANONICAL | AGT_JSON_PRETTY, &text),
                     AGT_E_INVALID);
    assert_int_equal(agt_value_to_json(NULL, NULL, 0, NULL), AGT_E_INVALID);
    assert_null(text);
    assert_int_equal(agt_value_to_json(NULL, NULL, 0, &text), AGT_OK);
    assert_string_equal(agt_value_get_string(text, NULL), "null");
    agt_value_unref(text);
}

/* The written text is an ordinary string value: it may be put into another one. */
static void test_text_is_a_value(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *value = agt_test_value(&heap.allocator, "{\"a\":[1]}");
    agt_value *text = NULL;
    agt_value *outer = NULL;
    assert_int_equal(agt_value_to_json(&heap.allocator, value, 0, &text), AGT_OK);
    assert_false(agt_value_is_tainted(text));
    assert_int_equal(
        agt_value_with_member(&heap.allocator, agt_value_empty_object(), "json", text, &outer),
        AGT_OK);
    agt_test_assert_json(outer, "{\"json\":\"{\\\"a\\\":[1]}\"}");
    agt_value_unref(value);
    agt_value_unref(text);
    agt_value_unref(outer);
    agt_test_heap_deinit(&heap);
}

static void test_into_a_buffer(void **state)
{
    (void)state;
    agt_value *value = agt_test_value(NULL, "[1,\"a rather long text\"]");
    agt__buffer buffer;
    agt__buffer_init(&buffer, NULL, 0);
    agt__buffer_add_text(&buffer, "data: ");
    agt__json_write(&buffer, value, AGT_JSON_COMPACT);
    assert_string_equal(agt__buffer_text(&buffer), "data: [1,\"a rather long text\"]");
    agt__buffer_deinit(&buffer);
    agt__buffer_init(&buffer, NULL, 10);
    agt__json_write(&buffer, value, AGT_JSON_COMPACT);
    assert_int_equal(buffer.status, AGT_E_LIMIT);
    agt__buffer_deinit(&buffer);
    agt_value_unref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact),         cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_pretty_and_deep), cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_every_character), cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_canonical_order), cmocka_unit_test(test_bad_flags),
        cmocka_unit_test(test_text_is_a_value), cmocka_unit_test(test_into_a_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
