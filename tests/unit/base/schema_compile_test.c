/*
 * schema_compile_test.c - what is no schema: where, what was found, what was expected; references,
 * dialects, limits, and every allocation that can fail.
 */
#include "base/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void refuse(const char *json, const char *message)
{
    agt_value *document = parse(json);
    agt_schema *schema = NULL;
    agt_error err = {0};
    assert_int_equal(agt_schema_new(NULL, document, &schema, &err), AGT_E_SCHEMA);
    assert_null(schema);
    assert_string_equal(err.message, message);
    assert_int_equal(err.status, AGT_E_SCHEMA);
    assert_string_equal(err.origin, "base/schema");
    assert_int_equal(agt_schema_new(NULL, document, &schema, NULL), AGT_E_SCHEMA);
    agt_value_unref(document);
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

/* Compile, and check one value that fits and one that does not. */
static void accept(const char *json, const char *fits, const char *differs)
{
    agt_schema *schema = compile(json);
    agt_value *good = parse(fits);
    agt_value *bad = parse(differs);
    agt_error err = {0};
    if (agt_schema_check(schema, good, NULL, &err) != AGT_OK) {
        fail_msg("%s: %s: %s", json, fits, err.message);
    }
    if (agt_schema_check(schema, bad, NULL, NULL) != AGT_E_SCHEMA) {
        fail_msg("%s: %s was found to fit", json, differs);
    }
    agt_value_unref(good);
    agt_value_unref(bad);
    agt_schema_unref(schema);
}

static void test_what_is_no_schema(void **state)
{
    (void)state;
    refuse("3", "in the schema: expected a schema (an object, true or false), found the number 3");
    refuse("{\"properties\": {\"a\": null}}",
           "in the schema at /properties/a: expected a schema (an object, true or false), found "
           "null");
    refuse("{\"properties\": {\"a/b\": {\"items\": \"x\"}}}",
           "in the schema at /properties/a~1b/items: expected a schema (an object, true or "
           "false), found the string \"x\"");
    refuse("{\"properties\": []}",
           "in the schema at /properties: expected an object of schemas, found an empty array");
    refuse("{\"allOf\": [{}, 1]}", "in the schema at /allOf/1: expected a schema (an object, true "
                                   "or false), found the number 1");
    refuse("{\"anyOf\": []}", "in the schema at /anyOf: expected an array of at least one schema, "
                              "found an empty array");
    refuse("{\"$defs\": {\"unused\": 7}}",
           "in the schema at /$defs/unused: expected a schema (an object, true or false), found "
           "the number 7");
    refuse("{\"patternProperties\": 1}",
           "in the schema at /patternProperties: expected an object of schemas, found the number "
           "1");
    refuse("{\"prefixItems\": {}}", "in the schema at /prefixItems: expected an array of schemas, "
                                    "found an empty object");
}

static void test_types(void **state)
{
    (void)state;
    refuse("{\"type\": \"strng\"}",
           "in the schema at /type: expected \"string\", \"number\", \"integer\", \"boolean\", "
           "\"object\", \"array\" or \"null\", found the string \"strng\"; did you mean "
           "\"string\"?");
    refuse("{\"type\": [\"string\", 1]}",
           "in the schema at /type/1: expected \"string\", \"number\", \"integer\", \"boolean\", "
           "\"object\", \"array\" or \"null\", found the number 1");
    refuse("{\"type\": []}",
           "in the schema at /type: expected at least one type, found an empty array");
    refuse("{\"enum\": \"a\"}",
           "in the schema at /enum: expected an array of choices, found the string \"a\"");
}

static void test_bounds(void **state)
{
    (void)state;
    refuse("{\"minimum\": \"1\"}",
           "in the schema at /minimum: expected a number, found the string \"1\"");
    refuse("{\"exclusiveMaximum\": true}",
           "in the schema at /exclusiveMaximum: expected a number (true and false are of draft 4: "
           "write the bound itself here), found true");
    refuse("{\"multipleOf\": 0}",
           "in the schema at /multipleOf: expected a number above 0, found the number 0");
    refuse("{\"multipleOf\": -0.5}",
           "in the schema at /multipleOf: expected a number above 0, found the number -0.5");
    refuse("{\"minLength\": 1.5}",
           "in the schema at /minLength: expected a whole number, 0 or more, found the number 1.5");
    refuse("{\"maxItems\": -1}",
           "in the schema at /maxItems: expected a whole number, 0 or more, found the number -1");
    refuse("{\"contains\": {}, \"minContains\": null}",
           "in the schema at /minContains: expected a whole number, 0 or more, found null");
    refuse("{\"uniqueItems\": 1}",
           "in the schema at /uniqueItems: expected true or false, found the number 1");
    accept("{\"maxLength\": 2.0}", "\"ab\"", "\"abc\"");
    accept("{\"maxProperties\": 1e0}", "{\"a\": 1}", "{\"a\": 1, \"b\": 2}");
    agt_schema_unref(compile("{\"minLength\": 99999999999999999999999}"));
}

static void test_names(void **state)
{
    (void)state;
    refuse("{\"required\": true}",
           "in the schema at /required: expected an array of property names (\"required\" stands "
           "in the object's schema), found true");
    refuse("{\"required\": [\"a\", 1]}",
           "in the schema at /required/1: expected the name of a property, found the number 1");
    refuse("{\"dependentRequired\": {\"a\": \"b\"}}",
           "in the schema at /dependentRequired/a: expected an array of property names, found the "
           "string \"b\"");
    refuse("{\"dependentRequired\": []}",
           "in the schema at /dependentRequired: expected an object of arrays of property names, "
           "found an empty array");
    refuse("{\"dependencies\": {\"a\": [1]}}",
           "in the schema at /dependencies/a/0: expected the name of a property, found the number "
           "1");
    refuse("{\"dependencies\": 1}",
           "in the schema at /dependencies: expected an object of arrays or schemas, found the "
           "number 1");
}

static void test_patterns(void **state)
{
    (void)state;
    refuse("{\"pattern\": \"a(?=b)\"}",
           "in the schema at /pattern: expected a regular expression, found \"a(?=b)\": at "
           "character 2, (?= is look-ahead: patterns run in linear time, without look-around");
    refuse("{\"patternProperties\": {\"[a\": {}}}",
           "in the schema at /patternProperties/[a: expected a regular expression, found \"[a\": "
           "at character 1, [ is never closed");
    refuse("{\"pattern\": 1}",
           "in the schema at /pattern: expected a regular expression, found the number 1");
}

static void test_references_that_lead_nowhere(void **state)
{
    (void)state;
    refuse("{\"$ref\": \"#/$defs/agnet\", \"$defs\": {\"agent\": {}}}",
           "in the schema: the reference \"#/$defs/agnet\" leads nowhere; did you mean \"agent\"?");
    refuse("{\"properties\": {\"a\": {\"$ref\": \"#/definitions/x\"}}}",
           "in the schema at /properties/a: the reference \"#/definitions/x\" leads nowhere");
    refuse("{\"$ref\": \"#name\"}",
           "in the schema: the reference \"#name\" leads nowhere: there is no $anchor \"name\"");
    refuse("{\"$ref\": \"other.json#/a\"}",
           "in the schema: the reference \"other.json\" leads out of the document, and no part of "
           "it has the $id \"other.json\"; nothing is ever fetched");
    refuse("{\"$id\": \"http://here/a\", \"items\": {\"$ref\": \"b\"}}",
           "in the schema at /items: the reference \"b\" leads out of the document, and no part of "
           "it has the $id \"http://here/b\"; nothing is ever fetched");
    refuse("{\"$ref\": \"https://json-schema.org/draft/2020-12/schema\"}",
           "in the schema: the reference \"https://json-schema.org/draft/2020-12/schema\" leads "
           "out of the document, and no part of it has the $id "
           "\"https://json-schema.org/draft/2020-12/schema\"; nothing is ever fetched");
    refuse("{\"$ref\": \"#/a%zz\"}",
           "in the schema: the reference \"#/a%zz\" has a broken % escape");
    refuse("{\"$ref\": 1}", "in the schema at /$ref: expected a reference such as "
                            "\"#/$defs/name\", found the number 1");
    refuse("{\"$ref\": \"#/properties\", \"properties\": {\"type\": 5}}",
           "in the schema at /properties/type: expected a schema (an object, true or false), found "
           "the number 5");
}

static void test_references_inside(void **state)
{
    (void)state;
    accept("{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"type\": \"string\"}}}", "\"x\"", "1");
    accept("{\"$ref\": \"#/x-mine/a%25b~1c\", \"x-mine\": {\"a%b/c\": {\"type\": \"string\"}}}",
           "\"x\"", "1");
    accept("{\"$ref\": \"#here\", \"$defs\": {\"a\": {\"$anchor\": \"here\", \"type\": "
           "\"string\"}}}",
           "\"x\"", "1");
    accept("{\"$id\": \"http://h/root\", \"$ref\": \"part#/$defs/b\", \"$defs\": {\"a\": {\"$id\": "
           "\"part\", \"$defs\": {\"b\": {\"type\": \"string\"}}}}}",
           "\"x\"", "1");
    accept("{\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#\"}}",
           "{\"a\": {\"b\": {}}}", "{\"a\": {\"b\": 1}}");
    accept("{\"$ref\": \"#/allOf/1\", \"allOf\": [true, {\"type\": \"string\"}]}", "\"x\"", "1");
}

static void test_references_that_never_end(void **state)
{
    (void)state;
    refuse("{\"$ref\": \"#\"}", "in the schema: this leads back to \"#\" without a step into the "
                                "value: checking would never end");
    refuse("{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"$ref\": \"#/$defs/b\"}, \"b\": "
           "{\"anyOf\": [true, {\"$ref\": \"#/$defs/a\"}]}}}",
           "in the schema at /$defs/b/anyOf/1: this leads back to \"#/$defs/a\" without a step "
           "into the value: checking would never end");
    refuse("{\"if\": {\"not\": {\"$ref\": \"#\"}}}",
           "in the schema at /if/not: this leads back to \"#\" without a step into the value: "
           "checking would never end");
    refuse("{\"dependentSchemas\": {\"a\": {\"$ref\": \"#\"}}}",
           "in the schema at /dependentSchemas/a: this leads back to \"#\" without a step into the "
           "value: checking would never end");
    accept("{\"$defs\": {\"a\": {\"type\": \"integer\"}}, \"allOf\": [{\"$ref\": \"#/$defs/a\"}, "
           "{\"$ref\": \"#/$defs/a\"}]}",
           "1", "\"x\"");
}

static void test_identifiers(void **state)
{
    (void)state;
    refuse("{\"$id\": 1}", "in the schema: expected $id to be a string, found the number 1");
    refuse("{\"$id\": \"#a\"}",
           "in the schema: the $id \"#a\" has a fragment: write $anchor for that");
    refuse("{\"$id\": \"x#a\"}",
           "in the schema: the $id \"x#a\" has a fragment: write $anchor for that");
    refuse("{\"$defs\": {\"a\": {\"$id\": \"x\"}, \"b\": {\"$id\": \"x\"}}}",
           "in the schema at /$defs/b: the $id \"x\" is in use already");
    refuse("{\"$defs\": {\"a\": {\"$anchor\": \"x\"}, \"b\": {\"$anchor\": \"x\"}}}",
           "in the schema at /$defs/b/$anchor: the anchor \"x\" is in use already");
    refuse("{\"$anchor\": \"1a\"}",
           "in the schema at /$anchor: expected a name (a letter or _, then letters, digits, -, _ "
           "and .), found the string \"1a\"");
    accept("{\"$id\": \"http://h/x#\", \"type\": \"string\"}", "\"x\"", "1");
}

static void test_dialects(void **state)
{
    (void)state;
    refuse("{\"$schema\": \"http://json-schema.org/draft-04/schema#\"}",
           "in the schema at /$schema: expected a dialect that is known "
           "(\"https://json-schema.org/draft/2020-12/schema\", "
           "\"https://json-schema.org/draft/2019-09/schema\" or "
           "\"http://json-schema.org/draft-07/schema#\"), found the string "
           "\"http://json-schema.org/draft-04/schema#\"");
    refuse("{\"items\": [{}]}",
           "in the schema at /items: expected a schema, found an array: that is prefixItems since "
           "2020-12 (or declare \"$schema\": \"http://json-schema.org/draft-07/schema#\")");
    refuse("{\"$recursiveRef\": \"#\"}",
           "in the schema at /$recursiveRef: expected $dynamicRef, found $recursiveRef, which is "
           "of the dialect 2019-09 only");
    accept("{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"items\": [{\"type\": "
           "\"string\"}], \"additionalItems\": false}",
           "[\"a\"]", "[\"a\", 1]");
    accept("{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"$ref\": "
           "\"#/definitions/a\", \"maxLength\": 1, \"definitions\": {\"a\": {\"type\": "
           "\"string\"}}}",
           "\"long\"", "1"); /* there $ref hides maxLength */
    accept("{\"$schema\": \"http://json-schema.org/draft-07/schema\", \"$ref\": \"#here\", "
           "\"definitions\": {\"a\": {\"$id\": \"#here\", \"type\": \"string\"}}}",
           "\"x\"", "1");
    accept("{\"$schema\": \"https://json-schema.org/draft/2019-09/schema\", \"$recursiveAnchor\": "
           "true, \"type\": \"object\", \"additionalProperties\": {\"$recursiveRef\": \"#\"}}",
           "{\"a\": {}}", "{\"a\": 1}");
    accept("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": "
           "\"string\"}",
           "\"x\"", "1");
}

static void test_unknown_keywords_are_annotations(void **state)
{
    (void)state;
    accept("{\"type\": \"string\", \"format\": \"email\", \"title\": 1, \"x-order\": [1], "
           "\"default\": {\"$ref\": \"#/nowhere\"}, \"examples\": [{\"type\": 3}]}",
           "\"no mail\"", "1");
}

/* A schema of @depth levels: {"not": {"not": ... true}}. */
static agt_value *nest(size_t depth)
{
    char *json = malloc(depth * 8 + 8);
    size_t size = 0;
    agt_value *value = NULL;
    assert_non_null(json);
    for (size_t i = 0; i < depth; i++) {
        memcpy(json + size, "{\"not\":", 7);
        size += 7;
    }
    memcpy(json + size, "{}", 2);
    size += 2;
    memset(json + size, '}', depth);
    agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = 1000);
    assert_int_equal(agt_json_parse(NULL, json, size + depth, &config, &value, NULL), AGT_OK);
    free(json);
    return value;
}

static void test_nesting_is_limited(void **state)
{
    (void)state;
    agt_schema *schema = NULL;
    agt_error err = {0};
    agt_value *deep = nest(255);
    assert_int_equal(agt_schema_new(NULL, deep, &schema, NULL), AGT_OK);
    agt_value *value = agt_value_null();
    assert_int_equal(agt_schema_check(schema, value, NULL, NULL), AGT_E_SCHEMA);
    agt_schema_unref(schema);
    agt_value_unref(deep);
    deep = nest(256);
    assert_int_equal(agt_schema_new(NULL, deep, &schema, &err), AGT_E_LIMIT);
    assert_string_equal(err.message, "the schema is nested deeper than 256 levels");
    agt_value_unref(deep);
}

/* A chain of a thousand references costs neither stack nor depth. */
static void test_long_chains_of_references(void **state)
{
    (void)state;
    enum {
        LINKS = 1000
    };
    static char json[64 * (LINKS + 2)];
    size_t size = (size_t)snprintf(json, sizeof(json), "{\"$ref\": \"#/$defs/a0\", \"$defs\": {");
    for (int i = 0; i < LINKS; i++) {
        size += (size_t)snprintf(json + size, sizeof(json) - size,
                                 "\"a%d\": {\"$ref\": \"#/$defs/a%d\"}, ", i, i + 1);
    }
    (void)snprintf(json + size, sizeof(json) - size, "\"a%d\": {\"type\": \"string\"}}}", LINKS);
    accept(json, "\"x\"", "1");
}

static void test_life(void **state)
{
    (void)state;
    agt_error err = {0};
    agt_schema *schema = NULL;
    assert_int_equal(agt_schema_new(NULL, NULL, &schema, &err), AGT_E_INVALID);
    assert_int_equal(agt_schema_new(NULL, agt_value_null(), NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_schema_check(NULL, agt_value_null(), NULL, &err), AGT_E_INVALID);
    agt_schema_unref(NULL);
    assert_null(agt_schema_ref(NULL));
    assert_null(agt_schema_get_document(NULL));
    schema = compile("{\"type\": \"string\"}");
    agt_schema *again = agt_schema_ref(schema);
    assert_ptr_equal(again, schema);
    agt_schema_unref(schema);
    assert_int_equal(agt_value_get_count(agt_schema_get_document(again)), 1);
    agt_schema_unref(again);
    schema = compile("true");
    assert_int_equal(agt_schema_check(schema, NULL, NULL, NULL), AGT_OK);
    agt_schema_unref(schema);
    schema = compile("false");
    assert_int_equal(agt_schema_check(schema, NULL, NULL, NULL), AGT_E_SCHEMA);
    agt_schema_unref(schema);
}

static void torture_compile(const agt_allocator *allocator, void *ctx)
{
    agt_schema *schema = NULL;
    agt_error err = {0};
    agt_status status = agt_schema_new(allocator, ctx, &schema, &err);
    if (status == AGT_E_NOMEM) {
        assert_int_equal(err.status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
        assert_null(schema);
    }
    agt_schema_unref(schema);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "{\"$id\": \"http://h/a\", \"type\": [\"object\", \"null\"], \"properties\": {\"a\": "
        "{\"$ref\": \"#/$defs/b\"}, \"c\": {\"$ref\": \"b#x\"}, \"d\": {\"$dynamicRef\": \"#n\"}}, "
        "\"patternProperties\": {\"^x\": {\"items\": {\"pattern\": \"^[a-z]+$\"}}}, "
        "\"additionalProperties\": false, \"$dynamicAnchor\": \"n\", \"dependentSchemas\": {\"a\": "
        "{\"contains\": {}, \"minContains\": 2}}, \"if\": {}, \"then\": {\"anyOf\": [true]}, "
        "\"$defs\": {\"b\": {\"$id\": \"b\", \"$anchor\": \"x\", \"prefixItems\": [{}], "
        "\"unevaluatedItems\": false}}}",
        "{\"$ref\": \"#/x/y\", \"x\": {\"y\": {\"$ref\": \"#/x/z\"}, \"z\": {}}}",
        "{\"$ref\": \"#/x/yyyyy\", \"x\": {\"yyyy\": {}}}",
        "{\"$ref\": \"remote\"}",
        "{\"$ref\": \"#none\"}",
        "{\"$ref\": \"#\"}",
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        agt_value *document = parse(documents[i]);
        agt_test_torture(torture_compile, document);
        agt_value_unref(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_schema),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_references_that_lead_nowhere),
        cmocka_unit_test(test_references_inside),
        cmocka_unit_test(test_references_that_never_end),
        cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_unknown_keywords_are_annotations),
        cmocka_unit_test(test_nesting_is_limited),
        cmocka_unit_test(test_long_chains_of_references),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
