/*
 * Values from values: one member set; taint, which spreads upwards and is never lost.
 */
#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <string.h>

static agt_value *with(const agt_value *object, const char *key, const char *json)
{
    agt_value *member = agt_test_value(NULL, json);
    agt_value *result = NULL;
    assert_int_equal(agt_value_with_member(NULL, object, key, member, &result), AGT_OK);
    agt_value_unref(member);
    return result;
}

static void test_with_member(void **state)
{
    (void)state;
    agt_value *value = agt_test_value(NULL, "{\"a\":1,\"b\":[2],\"c\":3}");
    agt_value *replaced = with(value, "b", "\"new\"");
    agt_test_assert_json(replaced, "{\"a\":1,\"b\":\"new\",\"c\":3}");
    agt_value *longer = with(replaced, "d", "{}");
    agt_test_assert_json(longer, "{\"a\":1,\"b\":\"new\",\"c\":3,\"d\":{}}");
    agt_test_assert_json(value, "{\"a\":1,\"b\":[2],\"c\":3}");
    assert_ptr_equal(agt_value_get_member(value, "a"), agt_value_get_member(longer, "a"));
    agt_value_unref(value);
    agt_value_unref(replaced);
    agt_value_unref(longer);
    agt_value *first = with(agt_value_empty_object(), "", "null");
    agt_test_assert_json(first, "{\"\":null}");
    agt_value_unref(first);
    agt_value *nothing = NULL;
    assert_int_equal(agt_value_with_member(NULL, agt_value_empty_object(), "k", NULL, &nothing),
                     AGT_OK);
    agt_test_assert_json(nothing, "{\"k\":null}");
    agt_value_unref(nothing);
}

static void test_growing_past_the_index(void **state)
{
    (void)state;
    agt_value *value = agt_value_empty_object();
    for (int i = 0; i < 100; i++) {
        char key[16];
        char number[16];
        (void)snprintf(key, sizeof(key), "key%d", i);
        (void)snprintf(number, sizeof(number), "%d", i);
        agt_value *next = with(value, key, number);
        agt_value_unref(value);
        value = next;
        for (int j = 0; j <= i; j++) {
            (void)snprintf(key, sizeof(key), "key%d", j);
            int64_t found = -1;
            assert_int_equal(agt_value_get_int64(agt_value_get_member(value, key), &found), AGT_OK);
            assert_int_equal(found, j);
        }
        assert_null(agt_value_get_member(value, "key"));
    }
    agt_value_unref(value);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    agt_value *result = NULL;
    const agt_value *empty = agt_value_empty_object();
    assert_int_equal(agt_value_with_member(NULL, empty, NULL, empty, &result), AGT_E_INVALID);
    assert_int_equal(agt_value_with_member(NULL, empty, "a", empty, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_with_member(NULL, NULL, "a", empty, &result), AGT_E_TYPE);
    assert_int_equal(agt_value_with_member(NULL, agt_value_empty_array(), "a", empty, &result),
                     AGT_E_TYPE);
    assert_int_equal(agt_value_with_member(NULL, empty, "\xFF", empty, &result), AGT_E_SYNTAX);
    assert_int_equal(agt_value_with_taint(NULL, empty, NULL), AGT_E_INVALID);
    assert_null(result);
    assert_int_equal(agt_value_with_taint(NULL, NULL, &result), AGT_OK);
    assert_true(agt_value_is_tainted(result));
    assert_int_equal(agt_value_get_kind(result), AGT_VALUE_NULL);
}

/* Every part of @value is tainted. */
static void assert_wholly_tainted(const agt_value *value)
{
    assert_true(agt_value_is_tainted(value));
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        assert_wholly_tainted(agt_value_get_item(value, i));
    }
}

static const char document[] =
    "{\"n\":null,\"t\":true,\"f\":false,\"i\":-5,\"u\":18446744073709551615,\"d\":1.50,"
    "\"s\":\"text\",\"e\":{},\"a\":[[],[1,[2]],\"x\"],\"o\":{\"1\":1,\"2\":2,\"3\":3,\"4\":4,"
    "\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"10\":{\"deep\":[0.1]}}}";

static void test_taint(void **state)
{
    (void)state;
    agt_value *value = agt_test_value(NULL, document);
    assert_false(agt_value_is_tainted(value));
    agt_value *tainted = NULL;
    assert_int_equal(agt_value_with_taint(NULL, value, &tainted), AGT_OK);
    assert_wholly_tainted(tainted);
    assert_false(agt_value_is_tainted(value));
    assert_true(agt_value_equals(value, tainted));
    agt_test_assert_json(tainted, document);
    assert_int_equal(agt_value_get_count(agt_value_get_member(tainted, "o")), 10);
    assert_non_null(agt_value_get_member(agt_value_get_member(tainted, "o"), "10"));
    agt_value *again = NULL;
    assert_int_equal(agt_value_with_taint(NULL, tainted, &again), AGT_OK);
    assert_ptr_equal(again, tainted);
    agt_value *text = NULL;
    assert_int_equal(agt_value_to_json(NULL, tainted, AGT_JSON_COMPACT, &text), AGT_OK);
    assert_true(agt_value_is_tainted(text));
    agt_value_unref(text);
    agt_value_unref(again);
    agt_value_unref(tainted);
    agt_value_unref(value);
}

static void test_taint_spreads_upwards(void **state)
{
    (void)state;
    agt_json_config config = AGT_CONFIG(agt_json_config, .tainted = true);
    agt_value *bad = NULL;
    assert_int_equal(agt_json_parse(NULL, document, strlen(document), &config, &bad, NULL), AGT_OK);
    assert_wholly_tainted(bad);
    agt_value *good = agt_test_value(NULL, "{\"a\":[1],\"b\":{}}");
    agt_value *mixed = NULL;
    assert_int_equal(agt_value_with_member(NULL, good, "c", bad, &mixed), AGT_OK);
    assert_true(agt_value_is_tainted(mixed));
    assert_false(agt_value_is_tainted(agt_value_get_member(mixed, "a")));
    assert_false(agt_value_is_tainted(agt_value_get_member(mixed, "b")));
    agt_value *all = NULL;
    assert_int_equal(agt_value_with_taint(NULL, mixed, &all), AGT_OK);
    assert_wholly_tainted(all);
    assert_ptr_equal(agt_value_get_member(all, "c"), bad); /* shared, not copied */
    /* Once tainted, setting the member to something clean does not help. */
    agt_value *washed = NULL;
    assert_int_equal(agt_value_with_member(NULL, mixed, "c", agt_value_null(), &washed), AGT_OK);
    assert_true(agt_value_is_tainted(washed));
    agt_value_unref(washed);
    agt_value_unref(all);
    agt_value_unref(mixed);
    agt_value_unref(good);
    agt_value_unref(bad);
}

static void test_taint_of_static_values(void **state)
{
    (void)state;
    agt_value *values[] = {agt_value_null(), agt_value_bool(true), agt_value_bool(false),
                           agt_value_empty_object(), agt_value_empty_array()};
    for (size_t i = 0; i < 5; i++) {
        agt_value *tainted = NULL;
        assert_int_equal(agt_value_with_taint(NULL, values[i], &tainted), AGT_OK);
        assert_true(agt_value_is_tainted(tainted));
        assert_true(agt_value_equals(tainted, values[i]));
        assert_int_equal(agt_value_get_bool(tainted, false), i == 1);
        agt_value_unref(tainted);
    }
    assert_false(agt_value_is_tainted(agt_value_null()));
}

static void derive(const agt_allocator *allocator, void *ctx)
{
    const agt_value *value = ctx;
    agt_value *tainted = NULL;
    agt_value *longer = NULL;
    agt_status status = agt_value_with_taint(allocator, value, &tainted);
    if (status == AGT_OK) {
        status = agt_value_with_member(allocator, tainted, "new", agt_value_bool(true), &longer);
    }
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
    agt_value_unref(tainted);
    agt_value_unref(longer);
}

static void test_torture(void **state)
{
    (void)state;
    agt_value *value = agt_test_value(NULL, document);
    agt_test_torture(derive, value);
    agt_value_unref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_member),
        cmocka_unit_test(test_growing_past_the_index),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_taint),
        cmocka_unit_test(test_taint_spreads_upwards),
        cmocka_unit_test(test_taint_of_static_values),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
