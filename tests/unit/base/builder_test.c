/*
 * The builder: what it builds, and which mistakes it keeps.
 */
#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static agt_value_builder *new_builder(const agt_allocator *allocator)
{
    agt_value_builder *builder = NULL;
    assert_int_equal(agt_value_builder_new(allocator, &builder), AGT_OK);
    return builder;
}

static void build_all(agt_value_builder *b)
{
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "null");
    agt_value_builder_null(b);
    agt_value_builder_key(b, "bool");
    agt_value_builder_bool(b, true);
    agt_value_builder_key(b, "numbers");
    agt_value_builder_begin_array(b);
    agt_value_builder_int64(b, -5);
    agt_value_builder_uint64(b, UINT64_MAX);
    agt_value_builder_double(b, 0.1);
    agt_value_builder_end(b);
    agt_value_builder_key_n(b, "str\0ing", 7);
    agt_value_builder_string_n(b, "a\0b", 3);
    agt_value_builder_key(b, "object");
    agt_value_builder_begin_object(b);
    agt_value_builder_end(b);
    agt_value_builder_key(b, "array");
    agt_value_builder_begin_array(b);
    agt_value_builder_begin_array(b);
    agt_value_builder_end(b);
    agt_value_builder_value(b, agt_value_bool(false));
    agt_value_builder_value(b, NULL);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
}

static const char all[] =
    "{\"null\":null,\"bool\":true,\"numbers\":[-5,18446744073709551615,0.1],"
    "\"str\\u0000ing\":\"a\\u0000b\",\"object\":{},\"array\":[[],false,null]}";

static void test_all_kinds(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value_builder *builder = new_builder(&heap.allocator);
    for (int round = 0; round < 3; round++) { /* it may be used again */
        agt_value *value = NULL;
        build_all(builder);
        assert_int_equal(agt__builder_get_status(builder), AGT_OK);
        assert_int_equal(agt_value_builder_finish(builder, &value, NULL), AGT_OK);
        agt_test_assert_json(value, all);
        assert_false(agt_value_is_tainted(value));
        agt_value_unref(value);
    }
    agt_value_builder_free(builder);
    agt_test_heap_deinit(&heap);
}

static void test_a_scalar_alone(void **state)
{
    (void)state;
    agt_value_builder *builder = new_builder(NULL);
    agt_value *value = NULL;
    agt_value_builder_string(builder, "alone");
    assert_int_equal(agt_value_builder_finish(builder, &value, NULL), AGT_OK);
    agt_test_assert_json(value, "\"alone\"");
    agt_value_unref(value);
    agt_value_builder_free(builder);
}

static void test_a_key_twice_replaces(void **state)
{
    (void)state;
    for (int members = 2; members < 30; members += 9) {
        agt_value_builder *builder = new_builder(NULL);
        agt_value_builder_begin_object(builder);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < members; i++) {
                char key[16];
                (void)snprintf(key, sizeof(key), "k%d", i);
                agt__builder_add_int64(builder, key, round * 100 + i);
            }
        }
        agt_value_builder_end(builder);
        agt_value *value = NULL;
        assert_int_equal(agt_value_builder_finish(builder, &value, NULL), AGT_OK);
        assert_int_equal(agt_value_get_count(value), members);
        for (int i = 0; i < members; i++) {
            int64_t number = 0;
            assert_int_equal(agt_value_get_int64(agt_value_get_item(value, (size_t)i), &number),
                             AGT_OK);
            assert_int_equal(number, 100 + i);
        }
        agt_value_unref(value);
        agt_value_builder_free(builder);
    }
}

static void test_helpers(void **state)
{
    (void)state;
    agt_value_builder *builder = new_builder(NULL);
    agt_value_builder_begin_object(builder);
    agt__builder_add_string(builder, "s", "x");
    agt__builder_add_int64(builder, "i", -1);
    agt__builder_add_uint64(builder, "u", 1);
    agt__builder_add_bool(builder, "b", false);
    agt__builder_add_value(builder, "v", agt_value_empty_array());
    agt_value_builder_end(builder);
    agt_value *value = NULL;
    assert_int_equal(agt_value_builder_finish(builder, &value, NULL), AGT_OK);
    agt_test_assert_json(value, "{\"s\":\"x\",\"i\":-1,\"u\":1,\"b\":false,\"v\":[]}");
    agt_value_unref(value);
    agt_value_builder_free(builder);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void value_without_key(agt_value_builder *b)
{
    agt_value_builder_begin_object(b);
    agt_value_builder_null(b);
}

static void key_in_array(agt_value_builder *b)
{
    agt_value_builder_begin_array(b);
    agt_value_builder_key(b, "a");
}

static void key_at_top(agt_value_builder *b)
{
    agt_value_builder_key(b, "a");
}

static void two_keys(agt_value_builder *b)
{
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "a");
    agt_value_builder_key(b, "b");
}

static void end_after_key(agt_value_builder *b)
{
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "a");
    agt_value_builder_end(b);
}

static void end_at_top(agt_value_builder *b)
{
    agt_value_builder_end(b);
}

static void two_values(agt_value_builder *b)
{
    agt_value_builder_bool(b, true);
    agt_value_builder_begin_array(b);
}

static void still_open(agt_value_builder *b)
{
    agt_value_builder_begin_array(b);
    agt_value_builder_int64(b, 1);
}

static void nothing(agt_value_builder *b)
{
    (void)b;
}

static void bad_key(agt_value_builder *b)
{
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "\xFF");
}

static void null_key(agt_value_builder *b)
{
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, NULL);
}

static void bad_string(agt_value_builder *b)
{
    agt_value_builder_string(b, "\xC3\x28");
}

static void null_string(agt_value_builder *b)
{
    agt_value_builder_string(b, NULL);
}

static void null_string_n(agt_value_builder *b)
{
    agt_value_builder_string_n(b, NULL, 3);
}

static void not_finite(agt_value_builder *b)
{
    agt_value_builder_double(b, NAN);
}

static void too_deep(agt_value_builder *b)
{
    for (int i = 0; i < 100000; i++) {
        agt_value_builder_begin_array(b);
    }
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        void (*make)(agt_value_builder *);
        agt_status status;
        const char *words;
    } cases[] = {
        {value_without_key, AGT_E_INVALID, "without a key"},
        {key_in_array, AGT_E_INVALID, "outside an object"},
        {key_at_top, AGT_E_INVALID, "outside an object"},
        {two_keys, AGT_E_INVALID, "second key"},
        {end_after_key, AGT_E_INVALID, "after a key"},
        {end_at_top, AGT_E_INVALID, "without an open"},
        {two_values, AGT_E_INVALID, "second value"},
        {still_open, AGT_E_INVALID, "still open"},
        {nothing, AGT_E_INVALID, "nothing"},
        {bad_key, AGT_E_SYNTAX, "key that is not UTF-8"},
        {null_key, AGT_E_INVALID, "NULL"},
        {bad_string, AGT_E_SYNTAX, "string that is not UTF-8"},
        {null_string, AGT_E_INVALID, "NULL"},
        {null_string_n, AGT_E_INVALID, "NULL"},
        {not_finite, AGT_E_RANGE, "not finite"},
        {too_deep, AGT_E_LIMIT, "1,024"},
    };
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value_builder *builder = new_builder(&heap.allocator);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cases[i].make(builder);
        agt_status first = agt__builder_get_status(builder);
        agt_value_builder_key(builder, "\xFF"); /* whatever follows changes nothing */
        agt_value_builder_null(builder);
        agt_value_builder_begin_object(builder);
        agt_value_builder_int64(builder, 1);
        agt_value_builder_uint64(builder, 1);
        agt_value_builder_bool(builder, true);
        agt_value_builder_double(builder, 1);
        agt_value_builder_string(builder, "x");
        agt_value_builder_end(builder);
        agt_value *value = NULL;
        agt_error err = {0};
        agt_status status = agt_value_builder_finish(builder, &value, &err);
        assert_null(value);
        if (first != AGT_OK) {
            assert_int_equal(status, cases[i].status);
            assert_non_null(strstr(err.message, cases[i].words));
        }
        assert_int_equal(err.status, status);
        assert_int_not_equal(status, AGT_OK);
    }
    /* Two that only finish can know. */
    agt_error err = {0};
    agt_value *value = NULL;
    assert_int_equal(agt_value_builder_finish(builder, &value, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "nothing"));
    still_open(builder);
    assert_int_equal(agt_value_builder_finish(builder, &value, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "still open"));
    agt_value_builder_free(builder);
    agt_test_heap_deinit(&heap);
}

static void test_null_is_polite(void **state)
{
    (void)state;
    agt_value *value = NULL;
    agt_error err = {0};
    agt_value_builder *builder = new_builder(NULL);
    assert_int_equal(agt_value_builder_new(NULL, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_builder_finish(NULL, &value, &err), AGT_E_INVALID);
    assert_int_equal(agt_value_builder_finish(builder, NULL, &err), AGT_E_INVALID);
    build_all(NULL);
    agt_value_builder_free(NULL);
    agt_value_builder_free(builder);
}

/* A value nested to the limit may be put into nothing more. */
static void test_depth_counts_through_values(void **state)
{
    (void)state;
    agt_value_builder *builder = new_builder(NULL);
    agt_value *value = agt_value_ref(agt_value_empty_array());
    for (int depth = 2; depth <= 1026; depth++) {
        agt_value_builder_begin_array(builder);
        agt_value_builder_value(builder, value);
        agt_value_builder_end(builder);
        agt_value *next = NULL;
        agt_status status = agt_value_builder_finish(builder, &next, NULL);
        assert_int_equal(status, depth <= 1024 ? AGT_OK : AGT_E_LIMIT);
        if (status == AGT_OK) {
            agt_value_unref(value);
            value = next;
        }
    }
    agt_value_unref(value);
    agt_value_builder_free(builder);
}

static void build(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_value_builder *builder = NULL;
    agt_status status = agt_value_builder_new(allocator, &builder);
    if (status == AGT_OK) {
        agt_value *value = NULL;
        agt_error err = {0};
        build_all(builder);
        status = agt_value_builder_finish(builder, &value, &err);
        assert_int_equal(err.status, status);
        if (status != AGT_OK) { /* usable again */
            agt_value_builder_null(builder);
            assert_true(agt_value_builder_finish(builder, &value, NULL) == AGT_OK);
        }
        agt_value_unref(value);
        agt_value_builder_free(builder);
    }
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
}

static void test_torture(void **state)
{
    (void)state;
    agt_test_torture(build, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_a_scalar_alone),
        cmocka_unit_test(test_a_key_twice_replaces),
        cmocka_unit_test(test_helpers),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_null_is_polite),
        cmocka_unit_test(test_depth_counts_through_values),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
