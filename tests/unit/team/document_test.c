/*
 * document_test.c - YAML and JSON texts as values, with the places of their parts.
 *
 * What the core schema makes of a scalar, limits, anchors and places; that JSON means the same by
 * both readers; no memory at any point. What is wrong with a text, and the words for it, is in
 * check_test.c.
 */
#include "team/document.h"

#include "agent_sdk/team.h"
#include "support/test.h"
#include "support/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of a YAML document as compact JSON; to be freed. NULL if it is refused. */
static char *to_json(const char *name, const char *text, size_t length, agt_error *err)
{
    agt_value *value = NULL, *json = NULL;
    if (agt_team_parse(NULL, name, text, length, &value, err) != AGT_OK) {
        return NULL;
    }
    assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_COMPACT, &json), AGT_OK);
    char *copy = strdup(agt_value_get_string(json, NULL));
    agt_value_unref(json);
    agt_value_unref(value);
    return copy;
}

static void expect(const char *yaml, const char *json)
{
    agt_error error = {0};
    char *found = to_json("x.yaml", yaml, strlen(yaml), &error);
    if (found == NULL) {
        fail_msg("%s: %s", yaml, error.message);
    } else {
        assert_string_equal(found, json);
    }
    free(found);
}

static void scalars_follow_the_core_schema(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"null", "null"},
        {"~", "null"},
        {"Null", "null"},
        {"NULL", "null"},
        {"a:", "{\"a\":null}"},
        {"nULL", "\"nULL\""},
        {"true", "true"},
        {"True", "true"},
        {"FALSE", "false"},
        {"yes", "\"yes\""},
        {"off", "\"off\""},
        {"0", "0"},
        {"-12", "-12"},
        {"+12", "12"},
        {"007", "7"},
        {"-007.50", "-7.50"},
        {"0x1F", "31"},
        {"0xffffffffffffffff", "18446744073709551615"},
        {"0o17", "15"},
        {"0o18", "\"0o18\""},
        {"0x", "\"0x\""},
        {"1.50", "1.50"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"5.", "5"},
        {"1e3", "1e3"},
        {"1.e+3", "1e+3"},
        {"1e", "\"1e\""},
        {".", "\".\""},
        {"+", "\"+\""},
        {"1.2.3", "\"1.2.3\""},
        {"1_000", "\"1_000\""},
        {"12:30", "\"12:30\""},
        {"2026-11-22", "\"2026-11-22\""},
        {"123456789012345678901234567890.10", "123456789012345678901234567890.10"},
        {"'12'", "\"12\""},
        {"\"true\"", "\"true\""},
        {"''", "\"\""},
        {"! 12", "\"12\""},
        {"!!str 12", "\"12\""},
        {"!!int \"12\"", "12"},
        {"!!float '1.5'", "1.5"},
        {"!!float 3", "3"},
        {"!!bool \"true\"", "true"},
        {"!!null ''", "null"},
        {"!!map {a: 1}", "{\"a\":1}"},
        {"!!seq [1]", "[1]"},
        {"\"a\\0b\\x41\\u00e9\\U0001F600\"", "\"a\\u0000bAé😀\""},
        {"|\n a\n b\n", "\"a\\nb\\n\""},
        {">-\n a\n b\n", "\"a b\""},
        {"{1: a, true: b, null: c}", "{\"1\":\"a\",\"true\":\"b\",\"null\":\"c\"}"},
        {"[a, {b: [c]}, []]", "[\"a\",{\"b\":[\"c\"]},[]]"},
        {"%YAML 1.2\n---\na", "\"a\""},
        {"\xEF\xBB\xBF"
         "a: 1",
         "{\"a\":1}"},
        {"a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect(cases[i][0], cases[i][1]);
    }
}

static void aliases_stand_for_what_they_name(void **state)
{
    (void)state;
    expect("a: &x {k: [1, &y 2]}\nb: *x\nc: *y\n",
           "{\"a\":{\"k\":[1,2]},\"b\":{\"k\":[1,2]},\"c\":2}");
    expect("&k a: *k\n", "{\"a\":\"a\"}");
    expect("[&a 1, *a, &a 2, *a]", "[1,1,2,2]");
    expect("a: &e\nb: *e\n", "{\"a\":null,\"b\":null}");
}

static void expect_failure(const char *text, size_t length, agt_status status, uint32_t line)
{
    agt_error error = {0};
    agt_value *value = NULL;
    assert_int_equal(agt_team_parse(NULL, "x.yaml", text, length, &value, &error), status);
    assert_int_equal(error.status, status);
    assert_int_equal(error.line, line);
    assert_null(value);
}

static void limits_hold(void **state)
{
    (void)state;
    /* A hundred thousand million texts in nine lines. */
    char laugh[4096] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 10; i++) {
        size_t used = strlen(laugh);
        int p = i - 1;
        (void)snprintf(laugh + used, sizeof(laugh) - used,
                       "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, p,
                       p, p, p, p, p, p, p, p, p);
    }
    expect_failure(laugh, strlen(laugh), AGT_E_LIMIT, 5);

    char deep[200];
    memset(deep, '[', sizeof(deep));
    expect_failure(deep, sizeof(deep), AGT_E_LIMIT, 1);

    /* Not deep by itself: the alias makes it so. */
    char nested[512] = "a: &a ";
    for (int i = 0; i < 60; i++) {
        size_t used = strlen(nested);
        memmove(nested + used, "[", 2);
    }
    for (int i = 0; i < 60; i++) {
        size_t used = strlen(nested);
        memmove(nested + used, "]", 2);
    }
    size_t used = strlen(nested);
    (void)snprintf(nested + used, sizeof(nested) - used, "\nb: [[[[[[*a]]]]]]\n");
    expect_failure(nested, strlen(nested), AGT_E_LIMIT, 1);

    const size_t large = 9437184;
    char *text = malloc(large);
    assert_non_null(text);
    memset(text, 'x', large);
    expect_failure(text, large, AGT_E_LIMIT, 1);

    /* Five times four MiB. */
    const size_t part = 4194304;
    memcpy(text, "a: &a ", 6);
    memcpy(text + part, "\nb: [*a, *a, *a, *a]", 20);
    expect_failure(text, part + 20, AGT_E_LIMIT, 2);
    free(text);
}

static void many_anchors_and_aliases_are_too_many(void **state)
{
    (void)state;
    char *text = calloc(1, 65536);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, 64, "- &a 1\n");
    for (int i = 0; i < 1001; i++) {
        used += (size_t)snprintf(text + used, 64, "- *a\n");
    }
    expect_failure(text, used, AGT_E_LIMIT, 1002);
    used = 0;
    for (int i = 0; i < 1001; i++) {
        used += (size_t)snprintf(text + used, 64, "- &a%d 1\n", i);
    }
    expect_failure(text, used, AGT_E_LIMIT, 1001);
    free(text);
}

static void text_that_is_none_is_refused(void **state)
{
    (void)state;
    agt_error error = {0};
    static const struct {
        const char *bytes;
        size_t length;
        const char *message;
    } cases[] = {
        {"a: \0b", 5,
         "x.yaml:1:4: found the control character U+0000, expected text: is this a YAML file?"},
        {"a\nb\x7f", 4,
         "x.yaml:2:2: found the control character U+007F, expected text: is this a YAML file?"},
        {"\xc3\xa9\xff", 3, "x.yaml:1:2: found the byte 0xFF, expected text in UTF-8"},
        {"\xc3", 1, "x.yaml:1:1: found the byte 0xC3, expected text in UTF-8"},
        {"\xed\xa0\x80", 3, "x.yaml:1:1: found the byte 0xED, expected text in UTF-8"},
        {"\xc0\xaf", 2, "x.yaml:1:1: found the byte 0xC0, expected text in UTF-8"},
        {"\xff\xfe"
         "a",
         3, "x.yaml:1:1: found the byte 0xFF, expected text in UTF-8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *value = NULL;
        assert_int_equal(
            agt_team_parse(NULL, "x.yaml", cases[i].bytes, cases[i].length, &value, &error),
            AGT_E_SYNTAX);
        assert_string_equal(error.message, cases[i].message);
    }
}

static void expect_place(const agt__document *document, const char *pointer, agt__place place,
                         uint32_t line, uint32_t column)
{
    const agt__node *node = agt__document_find(document, pointer, place);
    assert_non_null(node);
    if (node->line != line || node->column != column) {
        fail_msg("%s at %u:%u, not %u:%u", pointer, node->line, node->column, line, column);
    }
}

static void parts_have_places(void **state)
{
    (void)state;
    static const char yaml[] = "version: 1\n"
                               "tools:\n"
                               "  é x:\n"
                               "    a: &a [1, {k: v}]\n"
                               "    b: *a\n"
                               "  \"a/b~c\": {}\n";
    static const char json[] = "{\"version\": 1,\n"
                               " \"tools\": {\"\\u00e9 x\": {\n"
                               "   \"a\": [1, {\"k\":\t\"v\"}]}, \"a/b~c\": {}}}";
    agt__document document;
    agt__document_init(&document, NULL);
    assert_int_equal(agt__document_parse(&document, "x.yaml", yaml, strlen(yaml), NULL), AGT_OK);
    expect_place(&document, "", AGT__PLACE_VALUE, 1, 1);
    expect_place(&document, "/version", AGT__PLACE_KEY, 1, 1);
    expect_place(&document, "/version", AGT__PLACE_VALUE, 1, 10);
    expect_place(&document, "/tools/é x", AGT__PLACE_KEY, 3, 3);
    expect_place(&document, "/tools/é x/a/1/k", AGT__PLACE_VALUE, 4, 19);
    expect_place(&document, "/tools/é x/b", AGT__PLACE_VALUE, 5, 8);
    expect_place(&document, "/tools/é x/b/1/k", AGT__PLACE_VALUE, 4, 19);
    expect_place(&document, "/tools/a~1b~0c", AGT__PLACE_KEY, 6, 3);
    expect_place(&document, "/tools/none/deeper", AGT__PLACE_KEY, 2, 1);
    expect_place(&document, "/tools/é x/a/7", AGT__PLACE_VALUE, 4, 8);
    expect_place(&document, "/tools/é x/a/x", AGT__PLACE_KEY, 4, 5);
    agt__document_deinit(&document);

    agt__document_init(&document, NULL);
    assert_int_equal(agt__document_parse(&document, "x.json", json, strlen(json), NULL), AGT_OK);
    expect_place(&document, "/tools/é x", AGT__PLACE_KEY, 2, 12);
    expect_place(&document, "/tools/é x/a/1/k", AGT__PLACE_VALUE, 3, 19);
    expect_place(&document, "/tools/a~1b~0c", AGT__PLACE_VALUE, 3, 36);
    agt__document_deinit(&document);
}

static void a_document_that_was_not_read_has_no_places(void **state)
{
    (void)state;
    agt__document document;
    agt__document_init(&document, NULL);
    assert_null(agt__document_find(&document, "/a", AGT__PLACE_KEY));
    agt__document_deinit(&document);
}

static void json_means_the_same_by_both_readers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\": [1, 2.50, -0, 1e5, \"x\\ty\", true, false, null], \"b\": {\"c\": {}}}",
        "[]",
        "{\"k\":\"v\"}",
        "\"text\"",
        "[[[[1]]]]",
        "{\"a\\/b\": \"\\u00e9\\n\"}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *yaml = to_json("x.yaml", texts[i], strlen(texts[i]), NULL);
        char *json = to_json("x.json", texts[i], strlen(texts[i]), NULL);
        assert_non_null(yaml);
        assert_non_null(json);
        assert_string_equal(yaml, json);
        free(yaml);
        free(json);
    }
}

static void a_long_name_leaves_room_for_the_message(void **state)
{
    (void)state;
    char name[600];
    agt_error error = {0};
    agt_value *value = NULL;
    memset(name, 'd', sizeof(name));
    memcpy(name + sizeof(name) - 11, "/team.yaml", 11);
    assert_int_equal(agt_team_parse(NULL, name, "a: @", 4, &value, &error), AGT_E_SYNTAX);
    assert_true(strncmp(error.message, "…ddd", 6) == 0);
    assert_non_null(strstr(error.message, "/team.yaml:1:4: found \"@\", expected quotes"));
}

static void what_is_not_given_is_invalid(void **state)
{
    (void)state;
    agt_value *value = NULL;
    assert_int_equal(agt_team_parse(NULL, NULL, "a", 1, &value, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_parse(NULL, "x", NULL, 1, &value, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_parse(NULL, "x", "a", 1, NULL, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_parse(NULL, "x", NULL, 0, &value, NULL), AGT_E_SYNTAX);
}

static void parse(const agt_allocator *allocator, void *ctx)
{
    agt_value *value = NULL;
    agt_error error = {0};
    const char *const *texts = ctx;
    agt_status status =
        agt_team_parse(allocator, texts[0], texts[1], strlen(texts[1]), &value, &error);
    if (status == AGT_OK) {
        agt_value_unref(value);
    } else if (status == AGT_E_NOMEM) {
        assert_true(agt_test_heap_of(allocator)->failures > 0);
        assert_int_equal(error.status, AGT_E_NOMEM);
    } else {
        assert_int_equal(status, AGT_E_SYNTAX);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    const char *texts[][2] = {
        {"x.yaml", "a: &x {b: [1, 2.5, 0x10, text], c: \"q\"}\nd: *x\ne: &y |\n  long\nf: *y\n"},
        {"x.yaml", "a: 1\nb: {c: 1, c: 2}\n"},
        {"x.yaml", "a: [1, 2\n"},
        {"x.json", "{\"a\": [1, 2.5, {\"b\": \"c\"}], \"d\": {\"e\": null}}"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        agt_test_torture(parse, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(aliases_stand_for_what_they_name),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(many_anchors_and_aliases_are_too_many),
        cmocka_unit_test(text_that_is_none_is_refused),
        cmocka_unit_test(parts_have_places),
        cmocka_unit_test(a_document_that_was_not_read_has_no_places),
        cmocka_unit_test(json_means_the_same_by_both_readers),
        cmocka_unit_test(a_long_name_leaves_room_for_the_message),
        cmocka_unit_test(what_is_not_given_is_invalid),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
