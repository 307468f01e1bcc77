/*
 * Values: references, strings, reading, equality; NULL and wrong kinds everywhere.
 */
#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void test_static_values(void **state)
{
    (void)state;
    agt_value *values[] = {agt_value_null(), agt_value_bool(true), agt_value_bool(false),
                           agt_value_empty_object(), agt_value_empty_array()};
    const agt_value_kind kinds[] = {AGT_VALUE_NULL, AGT_VALUE_BOOL, AGT_VALUE_BOOL,
                                    AGT_VALUE_OBJECT, AGT_VALUE_ARRAY};
    const char *texts[] = {"null", "true", "false", "{}", "[]"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(agt_value_get_kind(values[i]), kinds[i]);
        agt_test_assert_json(values[i], texts[i]);
        assert_ptr_equal(agt_value_ref(values[i]), values[i]);
        for (int times = 0; times < 10; times++) {
            agt_value_unref(values[i]);
        }
        assert_int_equal(agt_value_get_kind(values[i]), kinds[i]);
        assert_false(agt_value_is_tainted(values[i]));
        assert_int_equal(agt_value_get_count(values[i]), 0);
    }
    assert_true(agt_value_get_bool(values[1], false));
    assert_false(agt_value_get_bool(values[2], true));
}

static void test_null_is_polite(void **state)
{
    (void)state;
    assert_null(agt_value_ref(NULL));
    agt_value_unref(NULL);
    assert_int_equal(agt_value_get_kind(NULL), AGT_VALUE_NULL);
    assert_false(agt_value_is_tainted(NULL));
    assert_true(agt_value_get_bool(NULL, true));
    size_t length = 3;
    assert_null(agt_value_get_string(NULL, &length));
    assert_int_equal(length, 3);
    assert_int_equal(agt_value_get_count(NULL), 0);
    assert_null(agt_value_get_item(NULL, 0));
    assert_null(agt_value_get_key(NULL, 0, NULL));
    assert_null(agt_value_get_member(NULL, "a"));
    assert_null(agt_value_get_member(agt_value_empty_object(), NULL));
    assert_null(agt_value_get_member_n(agt_value_empty_object(), NULL, 0));
    assert_true(agt_value_equals(NULL, NULL));
    assert_true(agt_value_equals(NULL, agt_value_null()));
    assert_false(agt_value_equals(agt_value_bool(false), NULL));
}

static void test_wrong_kinds(void **state)
{
    (void)state;
    agt_value *value = agt_test_value(NULL, "{\"s\": \"x\", \"n\": 1, \"a\": [1]}");
    const agt_value *string = agt_value_get_member(value, "s");
    const agt_value *array = agt_value_get_member(value, "a");
    assert_null(agt_value_get_string(value, NULL));
    assert_null(agt_value_get_key(array, 0, NULL));
    assert_null(agt_value_get_member(array, "0"));
    assert_null(agt_value_get_item(string, 0));
    assert_null(agt_value_get_item(array, 1));
    assert_null(agt_value_get_item(array, SIZE_MAX));
    assert_null(agt_value_get_key(value, 3, NULL));
    assert_int_equal(agt_value_get_count(string), 0);
    assert_true(agt_value_get_bool(string, true));
    assert_non_null(agt_value_get_item(value, 2));
    agt_value_unref(value);
}

static void test_kind_names(void **state)
{
    (void)state;
    const char *names[] = {"null", "boolean", "number", "string", "array", "object"};
    for (int i = 0; i < 6; i++) {
        assert_string_equal(agt_value_kind_get_name((agt_value_kind)i), names[i]);
    }
    assert_string_equal(agt_value_kind_get_name((agt_value_kind)99), "?");
}

static void test_strings(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *value = NULL;
    assert_int_equal(agt_value_new_string_n(&heap.allocator, "a\0b", 3, &value), AGT_OK);
    size_t length = 0;
    assert_memory_equal(agt_value_get_string(value, &length), "a\0b", 4);
    assert_int_equal(length, 3);
    assert_string_equal(agt__value_text(value, "fallback"), "fallback");
    agt_value_unref(value);
    assert_int_equal(agt_value_new_string(&heap.allocator, "", &value), AGT_OK);
    assert_string_equal(agt_value_get_string(value, &length), "");
    assert_int_equal(length, 0);
    agt_value_unref(value);
    assert_int_equal(agt_value_new_string_n(&heap.allocator, NULL, 0, &value), AGT_OK);
    assert_string_equal(agt_value_get_string(value, NULL), "");
    agt_value_unref(value);
    value = NULL;
    assert_int_equal(agt_value_new_string(&heap.allocator, "\xC3", &value), AGT_E_SYNTAX);
    assert_int_equal(agt_value_new_string(&heap.allocator, "\xED\xA0\x80", &value), AGT_E_SYNTAX);
    assert_int_equal(agt_value_new_string(&heap.allocator, NULL, &value), AGT_E_INVALID);
    assert_int_equal(agt_value_new_string(&heap.allocator, "a", NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_new_string_n(&heap.allocator, NULL, 1, &value), AGT_E_INVALID);
    assert_null(value);
    for (size_t size = 0; size < 40; size++) { /* around the sizes of small blocks */
        char text[41];
        memset(text, 'x', size);
        text[size] = '\0';
        assert_int_equal(agt_value_new_string(&heap.allocator, text, &value), AGT_OK);
        assert_string_equal(agt_value_get_string(value, NULL), text);
        agt_value_unref(value);
    }
    agt_test_heap_deinit(&heap);
}

static void test_lossy_strings(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"plain \xC3\xA9", "plain \xC3\xA9"},
        {"a\xFFz", "a\xEF\xBF\xBDz"},
        {"\xE4\xB8", "\xEF\xBF\xBD"},
        {"\xE4\xB8\xE4\xB8\xAD", "\xEF\xBF\xBD\xE4\xB8\xAD"},
        {"\xF0\x9F\x98\x80\x80", "\xF0\x9F\x98\x80\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *value = NULL;
        assert_int_equal(
            agt__value_new_string_lossy(NULL, cases[i][0], strlen(cases[i][0]), &value), AGT_OK);
        assert_string_equal(agt_value_get_string(value, NULL), cases[i][1]);
        agt_value_unref(value);
    }
}

/* A part keeps itself alive and nothing else. */
static void test_a_part_outlives_the_whole(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *value = agt_test_value(
        &heap.allocator, "{\"keep\": {\"inner\": [1, 2, {\"x\": \"y\"}]}, \"drop\": [\"a long "
                         "string that is of no use to anybody but takes its place\"]}");
    agt_value *part = agt_value_ref(agt_value_get_member(value, "keep"));
    size_t before = heap.bytes;
    agt_value_unref(value);
    assert_true(heap.bytes < before - 60);
    agt_test_assert_json(part, "{\"inner\":[1,2,{\"x\":\"y\"}]}");
    agt_value *inner = agt_value_ref(agt_value_get_member(part, "inner"));
    agt_value_unref(part);
    agt_test_assert_json(inner, "[1,2,{\"x\":\"y\"}]");
    agt_value_unref(inner);
    agt_test_heap_deinit(&heap);
}

/* As deep as a value gets, and shared in between. */
static void test_freeing_what_is_deep(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *value = NULL;
    assert_int_equal(agt_value_new_string(&heap.allocator, "leaf", &value), AGT_OK);
    agt_value *middle = NULL;
    for (int depth = 1; depth <= 1024; depth++) {
        agt_value_builder *builder = NULL;
        assert_int_equal(agt_value_builder_new(&heap.allocator, &builder), AGT_OK);
        if (depth % 2) {
            agt_value_builder_begin_array(builder);
            agt_value_builder_int64(builder, depth);
            agt_value_builder_value(builder, value);
            agt_value_builder_value(builder, value);
        } else {
            agt_value_builder_begin_object(builder);
            agt_value_builder_key(builder, "first");
            agt_value_builder_value(builder, value);
            agt_value_builder_key(builder, "second");
            agt_value_builder_string(builder, "text");
        }
        agt_value_builder_end(builder);
        agt_value *next = NULL;
        assert_int_equal(agt_value_builder_finish(builder, &next, NULL), AGT_OK);
        agt_value_builder_free(builder);
        agt_value_unref(value);
        value = next;
        if (depth == 500) {
            middle = agt_value_ref(value);
        }
    }
    agt_value *too_deep = NULL;
    assert_int_equal(
        agt_value_with_member(&heap.allocator, agt_value_empty_object(), "k", value, &too_deep),
        AGT_E_LIMIT);
    assert_null(too_deep);
    agt_value_unref(value);
    assert_true(heap.bytes > 0);
    agt_value_unref(middle);
    agt_test_heap_deinit(&heap);
}

typedef struct equality {
    const char *a;
    const char *b;
    bool equal;
} equality;

static void test_equality(void **state)
{
    (void)state;
    const equality cases[] = {
        {"null", "null", true},
        {"null", "false", false},
        {"true", "true", true},
        {"true", "false", false},
        {"1", "1.0", true},
        {"1", "true", false},
        {"\"a\"", "\"a\"", true},
        {"\"a\"", "\"b\"", false},
        {"\"a\"", "\"ab\"", false},
        {"\"1\"", "1", false},
        {"\"\\u00e9\"", "\"\xC3\xA9\"", true},
        {"[]", "{}", false},
        {"[]", "[]", true},
        {"[1,2]", "[1.0,2e0]", true},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1,2,3]", false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
        {"{\"a\":1}", "{\"a\":2}", false},
        {"{\"a\":{\"b\":[{\"c\":1}]}}", "{\"a\":{\"b\":[{\"c\":1.0}]}}", true},
        {"{\"a\":{\"b\":[{\"c\":1}]}}", "{\"a\":{\"b\":[{\"c\":2}]}}", false},
        {"[[],[1]]", "[[1],[]]", false},
        {"[{},1]", "[{},2]", false},
        {"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9}",
         "{\"i\":9,\"h\":8,\"g\":7,\"f\":6,\"e\":5,\"d\":4,\"c\":3,\"b\":2,\"a\":1}", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *a = agt_test_value(NULL, cases[i].a);
        agt_value *b = agt_test_value(NULL, cases[i].b);
        if (agt_value_equals(a, b) != cases[i].equal || agt_value_equals(b, a) != cases[i].equal ||
            !agt_value_equals(a, a)) {
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        }
        uint8_t a_hash[32];
        uint8_t b_hash[32];
        assert_int_equal(agt_value_hash(a, a_hash), AGT_OK);
        assert_int_equal(agt_value_hash(b, b_hash), AGT_OK);
        assert_int_equal(memcmp(a_hash, b_hash, 32) == 0, cases[i].equal);
        agt_value_unref(a);
        agt_value_unref(b);
    }
}

static void test_member_text(void **state)
{
    (void)state;
    agt_value *value = agt_test_value(NULL, "{\"a\":\"text\",\"b\":1,\"c\":\"x\\u0000y\"}");
    assert_string_equal(agt__value_member_text(value, "a", "?"), "text");
    assert_string_equal(agt__value_member_text(value, "b", "?"), "?");
    assert_string_equal(agt__value_member_text(value, "c", "?"), "?");
    assert_null(agt__value_member_text(value, "d", NULL));
    assert_null(agt__value_member_text(NULL, "a", NULL));
    agt_value_unref(value);
}

/* Threads that share a value count it, read it and put it into values of their own. */
static void *share(void *arg)
{
    agt_value *value = arg;
    for (int i = 0; i < 200; i++) {
        agt_value *part = agt_value_ref(agt_value_get_member(value, "list"));
        agt_value *own = NULL;
        assert_true(agt_value_with_member(NULL, value, "new", part, &own) == AGT_OK);
        agt_value_unref(part);
        assert_true(agt_value_equals(agt_value_get_member(own, "new"),
                                     agt_value_get_member(value, "list")));
        assert_non_null(agt_value_get_member(value, "k7"));
        agt_value_unref(own);
    }
    agt_value_unref(value);
    return NULL;
}

static void test_threads_share(void **state)
{
    (void)state;
    enum {
        THREADS = 4
    };
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *value = agt_test_value(
        &heap.allocator, "{\"list\":[1,\"two\",{\"three\":3.0}],\"k1\":1,\"k2\":2,\"k3\":3,"
                         "\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8}");
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, share, agt_value_ref(value)), 0);
    }
    agt_value_unref(value); /* whoever is last frees it */
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    agt_test_heap_deinit(&heap);
}

static void make_strings(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_value *plain = NULL;
    agt_value *lossy = NULL;
    agt_status status = agt_value_new_string(allocator, "some text", &plain);
    if (status == AGT_OK) {
        status = agt__value_new_string_lossy(allocator, "a\xFF", 2, &lossy);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    assert_int_equal(status == AGT_E_NOMEM, agt_test_heap_of(allocator)->failures > 0);
    agt_value_unref(plain);
    agt_value_unref(lossy);
}

static void test_torture(void **state)
{
    (void)state;
    agt_test_torture(make_strings, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_static_values),
        cmocka_unit_test(test_null_is_polite),
        cmocka_unit_test(test_wrong_kinds),
        cmocka_unit_test(test_kind_names),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_lossy_strings),
        cmocka_unit_test(test_a_part_outlives_the_whole),
        cmocka_unit_test(test_freeing_what_is_deep),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_member_text),
        cmocka_unit_test(test_threads_share),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
