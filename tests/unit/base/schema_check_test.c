/*
 * schema_check_test.c - what people are told: the place, what was expected, what was found; which
 * alternative is meant; limits, and every allocation that can fail. That values are accepted and
 * refused rightly is tested by integration/schema_suite.
 */
#include "base/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/env.h"
#include "support/test.h"
#include "support/torture.h"

static agt_value *parse(const char *json)
{
    agt_value *value = NULL;
    agt_error err = {0};
    if (agt_json_parse(NULL, json, strlen(json), NULL, &value, &err) != AGT_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    return value;
}

static agt_schema *compile(const char *json)
{
    agt_value *document = parse(json);
    agt_schema *schema = NULL;
    agt_error err = {0};
    if (agt_schema_new(NULL, document, &schema, &err) != AGT_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    agt_value_unref(document);
    return schema;
}

/* Check @json and compare the place and the message; NULL for a place: it must fit. */
static void check_with(const agt_schema *schema, const char *json, const char *place,
                       const char *message)
{
    agt_value *value = parse(json);
    agt_value *found = NULL;
    agt_error err = {0};
    agt_status status = agt_schema_check(schema, value, &found, &err);
    if (place == NULL) {
        if (status != AGT_OK) {
            fail_msg("%s: %s", json, err.message);
        }
        assert_null(found);
        assert_int_equal(err.status, AGT_OK);
    } else {
        assert_int_equal(status, AGT_E_SCHEMA);
        assert_string_equal(err.message, message);
        assert_int_equal(err.status, AGT_E_SCHEMA);
        assert_string_equal(err.origin, "base/schema");
        assert_string_equal(agt_value_get_string(found, NULL), place);
        assert_int_equal(agt_schema_check(schema, value, NULL, NULL), AGT_E_SCHEMA);
    }
    agt_value_unref(found);
    agt_value_unref(value);
}

static void check(const char *schema_json, const char *json, const char *place, const char *message)
{
    agt_schema *schema = compile(schema_json);
    check_with(schema, json, place, message);
    agt_schema_unref(schema);
}

/* ---- single values ------------------------------------------------------------------------- */

static void test_types(void **state)
{
    (void)state;
    check("{\"type\": \"integer\"}", "\"ten\"", "",
          "at the top: expected an integer, found the string \"ten\"");
    check("{\"type\": \"integer\"}", "1.5", "",
          "at the top: expected an integer, found the number 1.5");
    check("{\"type\": \"integer\"}", "3.0", NULL, NULL);
    check("{\"type\": [\"string\", \"null\"]}", "[1, 2]", "",
          "at the top: expected a string or null, found the array [1, 2]");
    check("{\"properties\": {\"limits\": {\"properties\": {\"steps\": {\"type\": "
          "\"integer\"}}}}}",
          "{\"limits\": {\"steps\": \"ten\"}}", "/limits/steps",
          "/limits/steps: expected an integer, found the string \"ten\"");
}

static void test_choices(void **state)
{
    (void)state;
    check("{\"const\": \"agent/1\"}", "\"agent/2\"", "",
          "at the top: expected \"agent/1\", found the string \"agent/2\"");
    check("{\"enum\": [\"low\", \"medium\", \"high\"]}", "\"hihg\"", "",
          "at the top: expected one of \"low\", \"medium\" or \"high\", found the string \"hihg\"; "
          "did you mean \"high\"?");
    check("{\"enum\": [\"a\", 1, null]}", "2", "",
          "at the top: expected one of \"a\", 1 or null, found the number 2");
    check("{\"enum\": [1,2,3,4,5,6,7,8,9,10,11,12]}", "0", "",
          "at the top: expected one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 or one of 2 more, found the "
          "number 0");
    check("{\"enum\": [1.0, [1]]}", "1", NULL, NULL);
}

static void test_numbers(void **state)
{
    (void)state;
    check("{\"minimum\": 1}", "0", "", "at the top: expected at least 1, found 0");
    check("{\"maximum\": 1e2}", "100.5", "", "at the top: expected at most 1e2, found 100.5");
    check("{\"exclusiveMinimum\": 0}", "0.0", "", "at the top: expected more than 0, found 0.0");
    check("{\"exclusiveMaximum\": 10}", "10", "", "at the top: expected less than 10, found 10");
    check("{\"multipleOf\": 0.01}", "0.015", "",
          "at the top: expected a multiple of 0.01, found 0.015");
    check("{\"multipleOf\": 0.01}", "19.99", NULL, NULL); /* not so with doubles */
    check("{\"maximum\": 9007199254740992}", "9007199254740993", "",
          "at the top: expected at most 9007199254740992, found 9007199254740993");
}

static void test_strings(void **state)
{
    (void)state;
    check("{\"minLength\": 1}", "\"\"", "",
          "at the top: expected at least 1 character, found none");
    check("{\"minLength\": 3}", "\"\xC3\xA9\xC3\xA9\"", "",
          "at the top: expected at least 3 characters, found 2: \"\xC3\xA9\xC3\xA9\"");
    check("{\"maxLength\": 2}", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\"", NULL, NULL);
    check("{\"maxLength\": 2}", "\"abc\"", "",
          "at the top: expected at most 2 characters, found 3: \"abc\"");
    check("{\"pattern\": \"^[a-z]+$\"}", "\"Foo\"", "",
          "at the top: expected a string that matches ^[a-z]+$, found \"Foo\"");
    check("{\"pattern\": \"^[a-z]+$\", \"description\": \"small letters only\"}", "\"Foo\"", "",
          "at the top: expected a string that matches ^[a-z]+$ (small letters only), found "
          "\"Foo\"");
    check("{\"pattern\": \"^[a-z]+$\"}", "1", NULL, NULL);
}

/* ---- objects ------------------------------------------------------------------------------- */

static void test_unknown_properties(void **state)
{
    (void)state;
    const char *schema = "{\"properties\": {\"model\": {}, \"instructions\": {}, \"tools\": {}}, "
                         "\"additionalProperties\": false}";
    check(schema, "{\"model\": 1, \"instuctions\": 2}", "/instuctions",
          "/instuctions: unknown property \"instuctions\"; did you mean \"instructions\"?");
    check(schema, "{\"colour\": 1}", "/colour",
          "/colour: unknown property \"colour\"; known are \"model\", \"instructions\" and "
          "\"tools\"");
    check(schema, "{\"Model\": 1}", "/Model",
          "/Model: unknown property \"Model\"; did you mean \"model\"?");
    check("{\"additionalProperties\": false}", "{\"a/b~\": 1}", "/a~1b~0",
          "/a~1b~0: unknown property \"a/b~\"");
    check("{\"patternProperties\": {\"^x-\": {}}, \"additionalProperties\": false}", "{\"y\": 1}",
          "/y", "/y: unknown property \"y\"; known is what matches ^x-");
    check("{\"properties\": {\"a\": {}, \"b\": {}, \"c\": {}, \"d\": {}, \"e\": {}, \"f\": {}, "
          "\"g\": {}, \"h\": {}, \"i\": {}, \"j\": {}}, \"additionalProperties\": false}",
          "{\"xyz\": 1}", "/xyz",
          "/xyz: unknown property \"xyz\"; known are \"a\", \"b\", \"c\", \"d\", \"e\", \"f\", "
          "\"g\", \"h\" and 2 more");
    check("{\"properties\": {\"old\": false}}", "{\"old\": 1}", "/old",
          "/old: the schema allows nothing here, found the number 1");
    check("{\"allOf\": [{\"properties\": {\"name\": {}}}], \"unevaluatedProperties\": false}",
          "{\"nmae\": 1}", "/nmae", "/nmae: unknown property \"nmae\"; did you mean \"name\"?");
    check("{\"anyOf\": [{\"properties\": {\"kind\": {\"const\": 1}, \"extra\": {}}, \"required\": "
          "[\"kind\"]}, true], \"unevaluatedProperties\": false}",
          "{\"extra\": 1}", "/extra",
          "/extra: unknown property \"extra\": it belongs to an alternative that does not fit");
}

static void test_missing_properties(void **state)
{
    (void)state;
    const char *schema =
        "{\"items\": {\"properties\": {\"model\": {}, \"name\": {}}, \"required\": [\"model\"]}}";
    check(schema, "[{\"model\": 1}, {\"name\": 2}]", "/1", "/1: the property \"model\" is missing");
    check(schema, "[{\"modle\": 1}]", "/0",
          "/0: the property \"model\" is missing; is \"modle\" meant to be it?");
    check("{\"dependentRequired\": {\"card\": [\"address\"]}}", "{\"card\": 1}", "",
          "at the top: the property \"address\" is missing, and \"card\" asks for it");
    check("{\"minProperties\": 1}", "{}", "",
          "at the top: expected at least 1 property, found none");
    check("{\"maxProperties\": 1}", "{\"a\": 1, \"b\": 2}", "",
          "at the top: expected at most 1 property, found 2");
}

static void test_names(void **state)
{
    (void)state;
    check("{\"properties\": {\"env\": {\"propertyNames\": {\"pattern\": \"^[A-Z_]+$\"}}}}",
          "{\"env\": {\"PATH\": 1, \"home\": 2}}", "/env/home",
          "/env/home: the name of this property does not fit: expected one that matches "
          "^[A-Z_]+$, found \"home\"");
    check("{\"propertyNames\": {\"enum\": [\"a\", \"b\"]}}", "{\"c\": 1}", "/c",
          "/c: the name of this property does not fit: expected one of \"a\" or \"b\", found the "
          "string \"c\"");
    check("{\"propertyNames\": {\"maxLength\": 1}}", "{\"a\": 1}", NULL, NULL);
}

/* The first problem of the file is reported, not that of the schema. */
static void test_order_is_that_of_the_value(void **state)
{
    (void)state;
    check("{\"properties\": {\"a\": {\"type\": \"string\"}, \"b\": {\"type\": \"string\"}}}",
          "{\"b\": 1, \"a\": 2}", "/b", "/b: expected a string, found the number 1");
}

/* ---- arrays -------------------------------------------------------------------------------- */

static void test_arrays(void **state)
{
    (void)state;
    check("{\"minItems\": 1}", "[]", "", "at the top: expected at least 1 item, found none");
    check("{\"maxItems\": 1}", "[1, 2]", "", "at the top: expected at most 1 item, found 2");
    check("{\"items\": {\"type\": \"string\"}}", "[\"a\", 1]", "/1",
          "/1: expected a string, found the number 1");
    check("{\"prefixItems\": [{}, {}], \"items\": false}", "[1, 2, 3]", "/2",
          "/2: expected at most 2 items, found 3");
    check("{\"items\": false}", "[1, 2]", "/0", "/0: expected no items, found 2");
    check("{\"prefixItems\": [{}], \"unevaluatedItems\": false}", "[1, \"x\"]", "/1",
          "/1: no schema allows this item: the string \"x\"");
    check("{\"uniqueItems\": true}", "[\"a\", \"b\", \"a\"]", "/2",
          "/2: expected items that all differ, found the string \"a\" again: item 0 is the same");
    check("{\"uniqueItems\": true}", "[{\"a\": 1, \"b\": 2}, {\"b\": 2.0, \"a\": 1}]", "/1",
          "/1: expected items that all differ, found the object {\"b\": 2.0, \"a\": 1} again: item "
          "0 is the same");
    check("{\"contains\": {\"type\": \"string\"}}", "[1]", "",
          "at the top: expected at least 1 item to be a string, found none");
    check("{\"contains\": {\"const\": 1}, \"maxContains\": 2}", "[1, 1, 1]", "",
          "at the top: expected at most 2 items to be 1, found 3");
    check("{\"contains\": {\"title\": \"a manager\", \"required\": [\"x\"]}, \"minContains\": 2}",
          "[{\"x\": 1}]", "", "at the top: expected at least 2 items to be \"a manager\", found 1");
    check("{\"contains\": {\"required\": [\"x\"]}}", "[{}]", "",
          "at the top: expected at least 1 item to fit the schema under \"contains\", found none");
}

/* Above a few items twins are found by hash: of every kind, and the first that comes again. */
static void test_many_items_are_unique(void **state)
{
    (void)state;
    agt_schema *schema = compile("{\"uniqueItems\": true}");
    const char *many = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \"0\", [1], {\"a\": 1}, null, true, false, "
                       "[1, 2], [2, 1], {\"a\": [[[[1]]]]}, {\"a\": [[[[2]]]]}, -1, 1e400, 2e400]";
    check_with(schema, many, NULL, NULL);
    static const char *const twins[][3] = {
        {"9.0", "the number 9.0", "9"},
        {"10e-1", "the number 10e-1", "1"},
        {"-0.0", "the number -0.0", "0"},
        {"\"0\"", "the string \"0\"", "10"},
        {"{\"a\": 1.0}", "the object {\"a\": 1.0}", "12"},
        {"[2, 1]", "the array [2, 1]", "17"},
        {"{\"a\": [[[[2]]]]}", "an object with 1 property", "19"},
        {"20e399", "the number 20e399", "22"},
    };
    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
        char json[512];
        char message[256];
        (void)snprintf(json, sizeof(json), "%.*s, %s]", (int)strlen(many) - 1, many, twins[i][0]);
        (void)snprintf(message, sizeof(message),
                       "/23: expected items that all differ, found %s again: item %s is the same",
                       twins[i][1], twins[i][2]);
        check_with(schema, json, "/23", message);
    }
    agt_schema_unref(schema);
}

/* ---- alternatives -------------------------------------------------------------------------- */

static void test_simple_alternatives(void **state)
{
    (void)state;
    check("{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "1", "",
          "at the top: expected a string or null, found the number 1");
    check("{\"oneOf\": [{\"const\": \"a\"}, {\"enum\": [\"b\", \"c\"]}, {\"type\": \"integer\"}]}",
          "\"d\"", "",
          "at the top: expected an integer, or one of \"a\", \"b\" or \"c\", found the string "
          "\"d\"");
    check("{\"anyOf\": [{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"boolean\"}]}, {\"type\": "
          "\"null\"}, false]}",
          "1", "", "at the top: expected a string, true or false or null, found the number 1");
    check("{\"anyOf\": [{\"required\": [\"url\"]}, {\"required\": [\"path\"]}]}", "{\"x\": 1}", "",
          "at the top: expected one of the properties \"url\" or \"path\", found the object "
          "{\"x\": 1}");
    check("{\"anyOf\": [{\"type\": \"null\"}, {\"minimum\": 5, \"type\": \"integer\"}]}", "3", "",
          "at the top: expected at least 5, found 3"); /* null is not worth a mention */
}

static const char tools[] =
    "{\"$defs\": {"
    "\"process\": {\"title\": \"a program\", \"type\": \"object\", \"properties\": {"
    "\"kind\": {\"const\": \"process\"}, \"argv\": {\"type\": \"array\", \"items\": {\"type\": "
    "\"string\"}}, \"timeout_ms\": {\"type\": \"integer\"}}, \"required\": [\"kind\", \"argv\"], "
    "\"additionalProperties\": false},"
    "\"http\": {\"title\": \"an endpoint\", \"type\": \"object\", \"properties\": {"
    "\"kind\": {\"const\": \"http\"}, \"url\": {\"type\": \"string\"}}, \"required\": [\"kind\", "
    "\"url\"], \"additionalProperties\": false},"
    "\"builtin\": {\"type\": \"string\"}},"
    "\"properties\": {\"tools\": {\"items\": {\"anyOf\": [{\"$ref\": \"#/$defs/process\"}, "
    "{\"$ref\": \"#/$defs/http\"}, {\"$ref\": \"#/$defs/builtin\"}]}}}}";

static void test_the_closest_alternative(void **state)
{
    (void)state;
    agt_schema *schema = compile(tools);
    check_with(schema,
               "{\"tools\": [\"clock\", {\"kind\": \"http\", \"url\": \"x\"}, {\"kind\": "
               "\"process\", \"argv\": [\"ls\"]}]}",
               NULL, NULL);
    check_with(schema, "{\"tools\": [{\"kind\": \"process\", \"argv\": [\"ls\", 1]}]}",
               "/tools/0/argv/1",
               "/tools/0/argv/1: expected a string, found the number 1 (as \"a program\", the "
               "closest of 3 alternatives)");
    check_with(schema, "{\"tools\": [{\"kind\": \"http\", \"argv\": [\"ls\"]}]}", "/tools/0",
               "/tools/0: the property \"url\" is missing (as \"an endpoint\", the closest of 3 "
               "alternatives)");
    check_with(schema, "{\"tools\": [{\"kind\": \"http\", \"ulr\": \"x\"}]}", "/tools/0",
               "/tools/0: the property \"url\" is missing; is \"ulr\" meant to be it? (as \"an "
               "endpoint\", the closest of 3 alternatives)");
    check_with(schema, "{\"tools\": [{\"kind\": \"process\", \"argv\": [], \"timeout\": 5}]}",
               "/tools/0/timeout",
               "/tools/0/timeout: unknown property \"timeout\"; did you mean \"timeout_ms\"? (as "
               "\"a program\", the closest of 3 alternatives)");
    check_with(schema, "{\"tools\": [7]}", "/tools/0",
               "/tools/0: expected a string or an object, found the number 7");
    agt_schema_unref(schema);
}

static void test_tags(void **state)
{
    (void)state;
    const char *schema =
        "{\"oneOf\": [{\"properties\": {\"kind\": {\"const\": \"file\"}, \"path\": {\"type\": "
        "\"string\"}}, \"required\": [\"path\"]}, {\"properties\": {\"kind\": {\"const\": "
        "\"url\"}, \"url\": {\"type\": \"string\"}}, \"required\": [\"url\"]}]}";
    check(schema, "{\"kind\": \"flie\", \"path\": \"x\"}", "/kind",
          "/kind: expected one of \"file\" or \"url\", found the string \"flie\"; did you mean "
          "\"file\"?");
    check(schema, "{\"kind\": \"url\", \"path\": \"x\"}", "",
          "at the top: the property \"url\" is missing (the closest of 2 alternatives)");
    check(schema, "{\"path\": 1, \"url\": \"x\", \"kind\": \"file\"}", "/path",
          "/path: expected a string, found the number 1 (the closest of 2 alternatives)");
}

static void test_too_many_alternatives(void **state)
{
    (void)state;
    check("{\"oneOf\": [{\"type\": \"integer\"}, {\"title\": \"an even number\", \"multipleOf\": "
          "2}, {\"type\": \"string\"}]}",
          "4", "",
          "at the top: expected exactly one of 3 alternatives to fit, found number 1 and \"an even "
          "number\" both to fit the number 4");
}

static void test_not(void **state)
{
    (void)state;
    check("{\"not\": {\"type\": \"string\"}}", "\"x\"", "",
          "at the top: expected anything but a string, found the string \"x\"");
    check("{\"not\": {\"const\": 1}}", "1.0", "",
          "at the top: expected anything but 1, found the number 1.0");
    check("{\"not\": {\"required\": [\"a\", \"b\"]}}", "{\"a\": 1, \"b\": 2}", "",
          "at the top: the properties \"a\" and \"b\" exclude each other");
    check("{\"not\": {\"required\": [\"a\"]}}", "{\"a\": 1}", "",
          "at the top: the property \"a\" is not allowed here");
    check("{\"not\": {\"minimum\": 1, \"maximum\": 3}}", "2", "",
          "at the top: expected what does not fit the schema under \"not\", found the number 2");
}

static void test_conditions(void **state)
{
    (void)state;
    const char *schema = "{\"if\": {\"properties\": {\"a\": {\"const\": 1}}, \"required\": "
                         "[\"a\"]}, \"then\": {\"required\": [\"b\"]}, \"else\": {\"properties\": "
                         "{\"c\": {\"type\": \"string\"}}}}";
    check(schema, "{\"a\": 1, \"b\": 2}", NULL, NULL);
    check(schema, "{\"a\": 1}", "", "at the top: the property \"b\" is missing");
    check(schema, "{\"c\": 1}", "/c", "/c: expected a string, found the number 1");
    check("{\"dependentSchemas\": {\"a\": {\"properties\": {\"b\": {\"type\": \"null\"}}}}}",
          "{\"a\": 1, \"b\": 1}", "/b", "/b: expected null, found the number 1");
    check("{\"allOf\": [true, {\"$ref\": \"#/$defs/x\"}], \"$defs\": {\"x\": {\"maximum\": 1}}}",
          "2", "", "at the top: expected at most 1, found 2");
}

/* ---- messages as such ---------------------------------------------------------------------- */

static void test_deep_places_lose_their_middle(void **state)
{
    (void)state;
    check("{\"$defs\": {\"tree\": {\"properties\": {\"child\": {\"$ref\": \"#/$defs/tree\"}, "
          "\"x\": {\"type\": \"null\"}}}}, \"$ref\": \"#/$defs/tree\"}",
          "{\"child\":{\"child\":{\"child\":{\"child\":{\"child\":{\"child\":{\"child\":{\"child\":"
          "{\"child\":{\"x\":1}}}}}}}}}}",
          "/child/child/child/child/child/child/child/child/child/x",
          "/child/child/child/child/child/\xE2\x80\xA6/child/child/x: expected null, found the "
          "number 1");
}

static void test_messages_are_one_line_and_short(void **state)
{
    (void)state;
    agt_schema *schema = compile("{\"type\": \"integer\"}");
    static char json[100000];
    memset(json, 'x', sizeof(json) - 1);
    json[0] = '"';
    json[1] = '\\';
    json[2] = 'n';
    json[sizeof(json) - 2] = '"';
    check_with(schema, json, "",
               "at the top: expected an integer, found the string "
               "\"\\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xE2\x80\xA6\"");
    agt_schema_unref(schema);
}

/* ---- limits -------------------------------------------------------------------------------- */

/* {"child": {"child": ... {}}}, @depth objects. */
static agt_value *nest(size_t depth)
{
    char *json = malloc(depth * 11 + 1);
    size_t size = 0;
    agt_value *value = NULL;
    assert_non_null(json);
    for (size_t i = 1; i < depth; i++) {
        memcpy(json + size, "{\"child\":", 9);
        size += 9;
    }
    memcpy(json + size, "{}", 2);
    size += 2;
    memset(json + size, '}', depth - 1);
    agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = 1000);
    assert_int_equal(agt_json_parse(NULL, json, size + depth - 1, &config, &value, NULL), AGT_OK);
    free(json);
    return value;
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    agt_schema *schema =
        compile("{\"type\": \"object\", \"properties\": {\"child\": {\"$ref\": \"#\"}}}");
    agt_error err = {0};
    agt_value *value = nest(256);
    assert_int_equal(agt_schema_check(schema, value, NULL, NULL), AGT_OK);
    agt_value_unref(value);
    value = nest(257);
    assert_int_equal(agt_schema_check(schema, value, NULL, &err), AGT_E_LIMIT);
    assert_string_equal(err.message, "the schemas that apply to each other nest deeper than 256");
    agt_value_unref(value);
    agt_schema_unref(schema);
    schema = compile("{\"type\": \"object\"}"); /* what no schema descends into is not deep */
    value = nest(1000);
    assert_int_equal(agt_schema_check(schema, value, NULL, NULL), AGT_OK);
    agt_value_unref(value);
    agt_schema_unref(schema);
}

/* A $dynamicRef may lead back to where it stands by a way that is known only when checking. */
static void test_dynamic_loops_end(void **state)
{
    (void)state;
    agt_schema *schema = compile(
        "{\"$id\": \"http://h/outer\", \"$dynamicAnchor\": \"n\", \"$ref\": \"inner\", \"$defs\": "
        "{\"i\": {\"$id\": \"inner\", \"allOf\": [{\"$dynamicRef\": \"#n\"}], \"$defs\": {\"d\": "
        "{\"$dynamicAnchor\": \"n\"}}}}}");
    agt_error err = {0};
    assert_int_equal(agt_schema_check(schema, agt_value_null(), NULL, &err), AGT_E_LIMIT);
    agt_schema_unref(schema);
}

/* Forty definitions, each of which tries the next one twice: 2^40 ways. */
static void test_work_is_limited(void **state)
{
    (void)state;
    char json[8000] = "{\"$ref\": \"#/$defs/a0\", \"$defs\": {";
    for (int i = 0; i < 40; i++) {
        size_t size = strlen(json);
        (void)snprintf(json + size, sizeof(json) - size,
                       "\"a%d\": {\"anyOf\": [{\"$ref\": \"#/$defs/a%d\"}, {\"$ref\": "
                       "\"#/$defs/a%d\"}]}, ",
                       i, i + 1, i + 1);
    }
    size_t used = strlen(json);
    (void)snprintf(json + used, sizeof(json) - used, "\"a40\": {\"type\": \"string\"}}}");
    agt_schema *schema = compile(json);
    agt_value *text = parse("\"x\"");
    agt_error err = {0};
    assert_int_equal(agt__schema_check_limited(schema, agt_value_null(), 100000, NULL, &err),
                     AGT_E_LIMIT);
    assert_string_equal(err.message, "checking the value against its schema takes too much work");
    assert_int_equal(agt__schema_check_limited(schema, text, 1000, NULL, &err), AGT_OK);
    agt_value_unref(text);
    agt_schema_unref(schema);

    schema = compile("{\"pattern\": \"(a|b|c)*d\"}");
    text = parse("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
    assert_int_equal(agt__schema_check_limited(schema, text, 200, NULL, &err), AGT_E_LIMIT);
    agt_value_unref(text);
    agt_schema_unref(schema);
}

/* Trying all alternatives in order to explain is more work than finding out that none fits. */
static void test_what_takes_too_long_to_explain(void **state)
{
    (void)state;
    agt_schema *schema = compile("{\"items\": {\"anyOf\": [{\"properties\": {\"k\": {\"enum\": "
                                 "[1, 2, 3, 4, 5, 6, 7, 8, 9]}}}, false]}}");
    agt_value *value = parse("[{\"k\": 9}, {\"k\": 9}, {\"k\": 9}, {\"k\": 10}]");
    agt_value *place = NULL;
    agt_error err = {0};
    uint64_t work = 10; /* the least with which it is found that the value does not fit */
    while (agt__schema_check_limited(schema, value, work, NULL, NULL) == AGT_E_LIMIT) {
        work++;
    }
    assert_int_equal(agt__schema_check_limited(schema, value, work, &place, &err), AGT_E_SCHEMA);
    assert_string_equal(err.message,
                        "at the top: does not fit; to find out why takes too much work");
    assert_string_equal(agt_value_get_string(place, NULL), "");
    agt_value_unref(place);
    assert_int_equal(agt_schema_check(schema, value, NULL, &err), AGT_E_SCHEMA);
    assert_string_equal(err.message, "/3/k: expected one of 1, 2, 3, 4, 5, 6, 7, 8 or 9, found the "
                                     "number 10");
    agt_value_unref(value);
    agt_schema_unref(schema);
}

/* Items that differ only below what the hash looks at are compared, and the work is counted. */
static void test_comparing_is_work(void **state)
{
    (void)state;
    agt_value_builder *builder = NULL;
    agt_value *value = NULL;
    assert_int_equal(agt_value_builder_new(NULL, &builder), AGT_OK);
    agt_value_builder_begin_array(builder);
    for (int i = 0; i < 200; i++) {
        for (int level = 0; level < 5; level++) {
            agt_value_builder_begin_array(builder);
        }
        agt_value_builder_int64(builder, i);
        for (int level = 0; level < 5; level++) {
            agt_value_builder_end(builder);
        }
    }
    agt_value_builder_end(builder);
    assert_int_equal(agt_value_builder_finish(builder, &value, NULL), AGT_OK);
    agt_value_builder_free(builder);
    agt_schema *schema = compile("{\"uniqueItems\": true}");
    assert_int_equal(agt_schema_check(schema, value, NULL, NULL), AGT_OK);
    assert_int_equal(agt__schema_check_limited(schema, value, 5000, NULL, NULL), AGT_E_LIMIT);
    agt_value_unref(value);
    agt_schema_unref(schema);
}

/* ---- memory -------------------------------------------------------------------------------- */

typedef struct pair {
    const char *schema;
    const char *value;
} pair;

static void torture_check(const agt_allocator *allocator, void *ctx)
{
    const pair *input = ctx;
    agt_value *document = parse(input->schema);
    agt_value *value = parse(input->value);
    agt_schema *schema = NULL;
    agt_value *place = NULL;
    agt_error err = {0};
    agt_status status = agt_schema_new(allocator, document, &schema, &err);
    if (status == AGT_OK) {
        status = agt_schema_check(schema, value, &place, &err);
    }
    if (status != AGT_E_SCHEMA) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_int_equal(err.status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
        assert_null(place);
    }
    agt_value_unref(place);
    agt_schema_unref(schema);
    agt_value_unref(value);
    agt_value_unref(document);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    pair inputs[] = {
        {tools, "{\"tools\": [\"clock\", {\"kind\": \"process\", \"argv\": [\"ls\", 1]}]}"},
        {"{\"properties\": {\"a\": {\"propertyNames\": {\"maxLength\": 2}}}}",
         "{\"a\": {\"ok\": 1, \"long\": 2}}"},
        {"{\"uniqueItems\": true}", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,18]"},
        {"{\"anyOf\": [{\"prefixItems\": [{\"const\": 1}]}, {\"prefixItems\": [{\"const\": 2}]}], "
         "\"unevaluatedItems\": false}",
         "[2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
         "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"},
        {"{\"pattern\": \"^(?:abc|def|ghi){0,99}$\"}", "\"abcdefghx\""},
    };
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        agt_test_torture(torture_check, &inputs[i]);
    }
}

/* Checking a value that fits takes no memory. */
static void test_the_common_path_allocates_nothing(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *document = parse(tools);
    agt_schema *schema = NULL;
    assert_int_equal(agt_schema_new(&heap.allocator, document, &schema, NULL), AGT_OK);
    agt_value *value = parse("{\"tools\": [\"clock\", {\"kind\": \"process\", \"argv\": [\"ls\"], "
                             "\"timeout_ms\": 5}, {\"kind\": \"http\", \"url\": \"x\"}]}");
    uint64_t calls = heap.calls;
    assert_int_equal(agt_schema_check(schema, value, NULL, NULL), AGT_OK);
    assert_int_equal(heap.calls, calls);
    agt_schema_unref(schema);
    agt_value_unref(value);
    agt_value_unref(document);
    agt_test_heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_unknown_properties),
        cmocka_unit_test(test_missing_properties),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_order_is_that_of_the_value),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_many_items_are_unique),
        cmocka_unit_test(test_simple_alternatives),
        cmocka_unit_test(test_the_closest_alternative),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_too_many_alternatives),
        cmocka_unit_test(test_not),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_deep_places_lose_their_middle),
        cmocka_unit_test(test_messages_are_one_line_and_short),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_dynamic_loops_end),
        cmocka_unit_test(test_work_is_limited),
        cmocka_unit_test(test_what_takes_too_long_to_explain),
        cmocka_unit_test(test_comparing_is_work),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_the_common_path_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
