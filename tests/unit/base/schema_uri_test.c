/*
 * schema_uri_test.c - resolving references: the examples of RFC 3986, section 5.4, and the bases
 * that schemas have.
 */
#include "base/schema_uri.h"

#include <string.h>

#include "support/test.h"
#include "support/torture.h"

static void expect(const char *base, const char *reference, const char *expected)
{
    agt__buffer uri;
    agt__buffer_init(&uri, NULL, 0);
    agt__schema_uri_resolve(base, reference, strlen(reference), &uri);
    assert_int_equal(uri.status, AGT_OK);
    if (strcmp(agt__buffer_text(&uri), expected) != 0) {
        fail_msg("%s in %s: got %s, expected %s", reference, base, agt__buffer_text(&uri),
                 expected);
    }
    assert_int_equal(uri.size, strlen(expected));
    agt__buffer_deinit(&uri);
}

static void test_examples_of_the_rfc(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        expect("http://a/b/c/d;p?q", examples[i][0], examples[i][1]);
    }
}

static void test_bases_of_schemas(void **state)
{
    (void)state;
    expect("", "", "");
    expect("", "#/$defs/a", "");
    expect("", "item.json", "item.json");
    expect("", "../item.json", "item.json");
    expect("", "a/b/../c", "a/c");
    expect("root.json", "item.json", "item.json");
    expect("dir/root.json", "item.json", "dir/item.json");
    expect("http://host", "item.json", "http://host/item.json");
    expect("urn:uuid:deadbeef", "#anchor", "urn:uuid:deadbeef");
    expect("urn:uuid:deadbeef", "urn:example:other", "urn:example:other");
    expect("file:///folder/file.json", "other.json", "file:///folder/other.json");
    expect("http://a/b?c", "", "http://a/b?c");
    expect("http://a/b/c/../d", "", "http://a/b/d");
}

static void test_decoding(void **state)
{
    (void)state;
    agt__buffer text;
    agt__buffer_init(&text, NULL, 0);
    assert_true(agt__schema_uri_decode("/a%25b%7e%7E1", 13, &text));
    assert_string_equal(agt__buffer_text(&text), "/a%b~~1");
    static const char *const broken[] = {"%", "%4", "%zz", "%00", "a%2"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_false(agt__schema_uri_decode(broken[i], strlen(broken[i]), &text));
    }
    agt__buffer_deinit(&text);
}

static void torture_resolve(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt__buffer uri;
    agt__buffer_init(&uri, allocator, 0);
    agt__schema_uri_resolve("http://host/a/b", "../c/../d", 9, &uri);
    if (uri.status == AGT_OK) {
        assert_string_equal(agt__buffer_text(&uri), "http://host/d");
    } else {
        assert_int_equal(uri.status, AGT_E_NOMEM);
    }
    agt__buffer_deinit(&uri);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(torture_resolve, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_bases_of_schemas),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
