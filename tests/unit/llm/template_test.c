/*
 * Templates: what they write, a table; what they refuse, with its place; sections that would never
 * end; memory.
 */
#include "llm/template.h"

#include "base/error.h"

#include "support/test.h"
#include "support/torture.h"

#include <string.h>

/* The source of these tests: paths go down from one document. */
static agt_status get_from(void *ctx, const char *path, size_t length, agt_value **ret_value,
                           agt_error *err)
{
    const agt_value *part = NULL;
    agt_status status = agt__template_walk(ctx, path, length, 0, &part, err);
    if (status == AGT_OK) {
        *ret_value = agt_value_ref(part);
    }
    return status;
}

static agt_value *parse(const agt_allocator *allocator, const char *text)
{
    agt_value *value = NULL;
    agt_error err = {0};
    if (agt_json_parse(allocator, text, strlen(text), NULL, &value, &err) != AGT_OK) {
        fail_msg("%s in %s", err.message, text);
    }
    return value;
}

static const char document[] =
    "{\"name\": \"history\", \"score\": 0.456, \"n\": 1536, \"big\": 123456789012345678901,"
    " \"yes\": true, \"no\": false, \"nothing\": null, \"none\": [], \"text\": \"\","
    " \"list\": [\"a\", 2, {\"x\": [3, 4]}],"
    " \"files\": [{\"name\": \"a.c\", \"size\": 10, \"marks\": [\"MARK\"]},"
    "             {\"name\": \"b.c\", \"size\": 20, \"marks\": []}],"
    " \"object\": {\"a\": 1}}";

static agt_status evaluate(const agt_allocator *allocator, const char *text, agt_value **ret_value,
                           agt_error *err)
{
    agt_value *root = NULL;
    agt__template *template = NULL;
    agt_status status = agt_json_parse(allocator, document, sizeof(document) - 1, NULL, &root, err);
    if (status == AGT_OK) {
        status = agt__template_new(allocator, text, strlen(text), &template, err);
    }
    if (status == AGT_OK) {
        agt__template_source source = {.allocator = allocator, .ctx = root, .get = get_from};
        status = agt__template_evaluate(template, &source, ret_value, err);
    }
    agt__template_free(template);
    agt_value_unref(root);
    return status;
}

typedef struct example {
    const char *text;
    const char *result; /* JSON */
} example;

static const example examples[] = {
    {"", "\"\""},
    {"plain {text} }}", "\"plain {text} }}\""},
    {"{{name}}", "\"history\""},
    {"a{{ name }}b", "\"ahistoryb\""},
    {"{{score}} {{n}} {{big}}", "\"0.456 1536 123456789012345678901\""},
    {"{{yes}} {{no}} {{nothing}} {{none}}", "\"true false null []\""},
    {"{{list.0}}{{list.1}}{{list.2.x.1}}", "\"a24\""},
    {"{{list}}", "\"[\\\"a\\\",2,{\\\"x\\\":[3,4]}]\""},
    {"{{=score}}", "0.456"},
    {"  {{= list.2 }}\n", "{\"x\": [3, 4]}"},
    {"{{=nothing}}", "null"},
    {"{{=list|count}}", "3"},
    {"{{=score|round2}}", "0.46"},
    {"{{score|round2}}", "\"0.46\""},
    {"{{n|round2}}", "\"1536.00\""},
    {"{{score|percent}}", "\"46%\""},
    {"{{n|bytes}} {{object.a|bytes}} {{big|bytes}}", "\"1.5 KiB 1 B 109651.7 PiB\""},
    {"{{score|bar}}", "\"█████░░░░░\""},
    {"{{n|bar}}", "\"██████████\""},
    {"{{name|json}}", "\"\\\"history\\\"\""},
    {"{{name|upper}}", "\"HISTORY\""},
    {"{{score | percent | json | upper}}", "\"\\\"46%\\\"\""},
    {"{{#files}}{{@index}}. {{.name}} ({{.size}})\n{{/files}}", "\"1. a.c (10)\\n2. b.c (20)\\n\""},
    {"{{#list}}{{^@first}}, {{/@first}}{{.}}{{/list}}", "\"a, 2, {\\\"x\\\":[3,4]}\""},
    {"{{#list}}{{.}}{{^@last}};{{/@last}}{{/list}}", "\"a;2;{\\\"x\\\":[3,4]}\""},
    {"{{#files}}{{#.marks}}{{.}} in {{name}}{{/.marks}}{{^.marks}}none{{/.marks}},{{/files}}",
     "\"MARK in history,none,\""},
    {"{{#object}}{{.a}}{{/object}}", "\"1\""},
    {"{{#yes}}y{{/yes}}{{#no}}n{{/no}}{{#nothing}}0{{/nothing}}{{#none}}e{{/none}}", "\"y\""},
    {"{{#text}}t{{/text}}{{#missing.x}}m{{/missing.x}}", "\"\""},
    {"{{^no}}a{{/no}}{{^nothing}}b{{/nothing}}{{^none}}c{{/none}}{{^missing}}d{{/missing}}",
     "\"abcd\""},
    {"{{^text}}e{{/text}}{{^score}}f{{/score}}", "\"e\""},
};

static void writes(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        agt_value *value = NULL;
        agt_error err = {0};
        if (evaluate(&heap.allocator, examples[i].text, &value, &err) != AGT_OK) {
            fail_msg("%s: %s", examples[i].text, err.message);
        }
        agt_value *wanted = parse(&heap.allocator, examples[i].result);
        if (!agt_value_equals(value, wanted)) {
            agt_value *text = NULL;
            assert_int_equal(agt_value_to_json(NULL, value, 0, &text), AGT_OK);
            fail_msg("%s: %s", examples[i].text, agt_value_get_string(text, NULL));
        }
        agt_value_unref(wanted);
        agt_value_unref(value);
    }
    agt_test_heap_deinit(&heap);
}

typedef struct refusal {
    const char *text;
    agt_status status;
    uint32_t column; /* 0 = found while rendering */
    const char *message;
} refusal;

static const refusal refusals[] = {
    {"a {{name", AGT_E_SYNTAX, 3, "{{ without }}"},
    {"a {{ }}", AGT_E_SYNTAX, 3, "empty"},
    {"{{a b}}", AGT_E_SYNTAX, 3, "`a b` is no path"},
    {"{{a..b}}", AGT_E_SYNTAX, 3, "no path"},
    {"{{a.}}", AGT_E_SYNTAX, 3, "no path"},
    {"{{#}}x{{/}}", AGT_E_SYNTAX, 4, "no path"},
    {"{{#list}}x", AGT_E_SYNTAX, 4, "`list` has no end"},
    {"x{{/list}}", AGT_E_SYNTAX, 5, "closes nothing"},
    {"{{#list}}{{/files}}", AGT_E_SYNTAX, 13, "{{/files}} where the section `list` is open"},
    {"{{name|loud}}", AGT_E_SYNTAX, 8, "no format `loud`"},
    {"{{name|}}", AGT_E_SYNTAX, 8, "no format ``"},
    {"{{name|upper|}}", AGT_E_SYNTAX, 14, "no format ``"},
    {"{{name|json|json|json|json|json}}", AGT_E_LIMIT, 28, "four formats"},
    {"x{{=name}}", AGT_E_SYNTAX, 2, "must stand alone"},
    {"{{=name}}{{=name}}", AGT_E_SYNTAX, 1, "must stand alone"},
    {"{{missing}}", AGT_E_NOT_FOUND, 0, "missing is not there"},
    {"{{object.b}}", AGT_E_NOT_FOUND, 0, "object.b is not there: object is an object with a"},
    {"{{list.7}}", AGT_E_NOT_FOUND, 0, "list.7 is not there: list is an array of 3"},
    {"{{list.x}}", AGT_E_NOT_FOUND, 0, "list.x is not there"},
    {"{{name.x}}", AGT_E_NOT_FOUND, 0, "name is a string"},
    {"{{.}}", AGT_E_NOT_FOUND, 0, "outside of a section"},
    {"{{@index}}", AGT_E_NOT_FOUND, 0, "outside of a section"},
    {"{{#files}}{{.nme}}{{/files}}", AGT_E_NOT_FOUND, 0, ".nme is not there: . is an object"},
    {"{{#list}}{{@key}}{{/list}}", AGT_E_NOT_FOUND, 0, "@key is not there"},
    {"{{name|round2}}", AGT_E_TYPE, 0, "name: `round2` wants a number, found string"},
    {"{{n|upper}}", AGT_E_TYPE, 0, "wants a string"},
    {"{{n|count}}", AGT_E_TYPE, 0, "wants an array"},
};

static void refuses(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const refusal *r = &refusals[i];
        agt_value *value = NULL;
        agt_error err = {0};
        agt_status status = evaluate(&heap.allocator, r->text, &value, &err);
        if (status != r->status || err.status != status || err.column != r->column ||
            strstr(err.message, r->message) == NULL) {
            fail_msg("%s: %s, column %u: %s", r->text, agt_status_get_name(status), err.column,
                     err.message);
        }
        assert_null(value);
    }
    agt_test_heap_deinit(&heap);
}

static void repeat(agt__buffer *buffer, const char *text, int count)
{
    for (int i = 0; i < count; i++) {
        agt__buffer_add_text(buffer, text);
    }
}

static void is_bounded(void **state)
{
    (void)state;
    agt__buffer text;
    agt__buffer_init(&text, NULL, 0);
    agt_error err = {0};
    agt__template *template = NULL;
    repeat(&text, "{{#a}}", 17);
    assert_int_equal(agt__template_new(NULL, text.bytes, text.size, &template, &err), AGT_E_LIMIT);

    /* A hundred to the sixteenth visits. */
    agt__buffer_clear(&text);
    repeat(&text, "{{#a}}", 16);
    repeat(&text, "{{/a}}", 16);
    agt_value_builder *builder = NULL;
    assert_int_equal(agt_value_builder_new(NULL, &builder), AGT_OK);
    agt_value_builder_begin_object(builder);
    agt_value_builder_key(builder, "a");
    agt_value_builder_begin_array(builder);
    for (int i = 0; i < 100; i++) {
        agt_value_builder_int64(builder, i);
    }
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    agt_value *root = NULL;
    assert_int_equal(agt_value_builder_finish(builder, &root, NULL), AGT_OK);
    agt_value_builder_free(builder);
    assert_int_equal(agt__template_new(NULL, text.bytes, text.size, &template, &err), AGT_OK);
    agt__template_source source = {.ctx = root, .get = get_from};
    agt_value *value = NULL;
    assert_int_equal(agt__template_evaluate(template, &source, &value, &err), AGT_E_LIMIT);
    assert_non_null(strstr(err.message, "more than 1000000"));
    agt__template_free(template);
    agt_value_unref(root);
    agt__buffer_deinit(&text);
}

static void fills_shapes(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *value = parse(&heap.allocator, "{\"a\": \"{{=score}}\", \"b\": [1, \"<{{name}}>\"],"
                                              " \"c\": {\"plain\": [\"x\"]}}");
    agt_value *root = parse(&heap.allocator, document);
    agt__shape *shape = NULL;
    agt_value *filled = NULL;
    assert_int_equal(agt__shape_new(&heap.allocator, value, &shape, NULL), AGT_OK);
    agt__template_source source = {.allocator = &heap.allocator, .ctx = root, .get = get_from};
    assert_int_equal(agt__shape_evaluate(shape, &source, &filled, NULL), AGT_OK);
    agt_value *wanted =
        parse(NULL, "{\"a\": 0.456, \"b\": [1, \"<history>\"], \"c\": {\"plain\": [\"x\"]}}");
    assert_true(agt_value_equals(filled, wanted));
    /* What has no template in it is shared. */
    assert_ptr_equal(agt_value_get_member(filled, "c"), agt_value_get_member(value, "c"));
    agt_value_unref(wanted);
    agt_value_unref(filled);
    agt__shape_free(shape);
    agt_value_unref(value);
    agt_value_unref(root);
    agt_test_heap_deinit(&heap);
}

static void says_where_in_a_shape(void **state)
{
    (void)state;
    agt_value *value = parse(NULL, "{\"a\": [1, {\"b\": \"x{{\"}]}");
    agt__shape *shape = NULL;
    agt_error err = {0};
    assert_int_equal(agt__shape_new(NULL, value, &shape, &err), AGT_E_SYNTAX);
    assert_string_equal(err.message, "/a/1/b: {{ without }}");
    assert_int_equal(err.column, 2);
    agt_value_unref(value);

    agt__buffer deep;
    agt__buffer_init(&deep, NULL, 0);
    repeat(&deep, "[", 60);
    agt__buffer_add_text(&deep, "\"{{=score}}\"");
    repeat(&deep, "]", 60);
    value = parse(NULL, agt__buffer_text(&deep));
    agt__buffer_deinit(&deep);
    assert_int_equal(agt__shape_new(NULL, value, &shape, &err), AGT_OK);
    agt__shape_free(shape);
    agt_value *deeper = value;
    for (int i = 0; i < 10; i++) {
        agt_value_builder *builder = NULL;
        assert_int_equal(agt_value_builder_new(NULL, &builder), AGT_OK);
        agt_value_builder_begin_array(builder);
        agt_value_builder_value(builder, deeper);
        agt_value_builder_end(builder);
        agt_value_unref(deeper);
        assert_int_equal(agt_value_builder_finish(builder, &deeper, NULL), AGT_OK);
        agt_value_builder_free(builder);
    }
    assert_int_equal(agt__shape_new(NULL, deeper, &shape, &err), AGT_E_LIMIT);
    agt_value_unref(deeper);
}

static void torture_one(const agt_allocator *allocator, void *ctx)
{
    agt_value *value = NULL;
    agt_status status = evaluate(allocator, ctx, &value, NULL);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
        return;
    }
    agt_value_unref(value);
}

static void torture_shape(const agt_allocator *allocator, void *ctx)
{
    agt_value *value = NULL;
    agt_value *filled = NULL;
    agt__shape *shape = NULL;
    agt__template_source source = {.allocator = allocator, .ctx = NULL, .get = get_from};
    agt_status status = agt_json_parse(allocator, ctx, strlen(ctx), NULL, &value, NULL);
    if (status == AGT_OK) {
        source.ctx = value;
        status = agt__shape_new(allocator, value, &shape, NULL);
    }
    if (status == AGT_OK) {
        status = agt__shape_evaluate(shape, &source, &filled, NULL);
    }
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
    }
    agt_value_unref(filled);
    agt__shape_free(shape);
    agt_value_unref(value);
}

static void survives_no_memory(void **state)
{
    (void)state;
    char text[] = "{{#files}}{{@index}} {{.name|upper}}{{.size|bytes}}{{/files}}"
                  "{{score|round2|json}}{{^none}}{{score|bar}}{{/none}}";
    char whole[] = "{{=list|json}}";
    char shape[] = "{\"n\": 1.5, \"a\": [\"{{=n}}\", {\"b\": \"x{{n|round2}}\"}]}";
    agt_test_torture(torture_one, text);
    agt_test_torture(torture_one, whole);
    agt_test_torture(torture_shape, shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(fills_shapes),
        cmocka_unit_test(says_where_in_a_shape),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
