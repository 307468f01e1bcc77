/*
 * Exact numbers: what is a number, what survives, what fits, and the mathematical order.
 */
#include "base/number.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static agt_value *number(const char *text)
{
    agt_value *value = NULL;
    if (agt_value_new_number(NULL, text, strlen(text), &value) != AGT_OK) {
        fail_msg("%s is refused", text);
    }
    return value;
}

static void test_the_text_is_kept(void **state)
{
    (void)state;
    const char *texts[] = {
        "0",
        "-0",
        "1",
        "-1",
        "0.10",
        "0.0",
        "-0.0",
        "1E400",
        "1e+5",
        "1e-05",
        "12.50e3",
        "3.0",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890.123456789",
        "1e999999999999999999",
        "1e-999999999999999999",
        "0e0",
        "1e000000000000000000000000000005",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        agt_value *value = number(texts[i]);
        assert_int_equal(agt_value_get_kind(value), AGT_VALUE_NUMBER);
        agt_test_assert_json(value, texts[i]);
        agt_value_unref(value);
    }
}

static void test_what_is_no_number(void **state)
{
    (void)state;
    const char *texts[] = {
        "",          "-",     "+1",   "01",  "-01",  "00",    "1.",
        ".5",        "-.5",   "1.e5", "1e",  "1e+",  "1e-",   "e5",
        "1 ",        " 1",    "1x",   "0x1", "1,5",  "NaN",   "Infinity",
        "-Infinity", "1e5.5", "--1",  "1-",  "1ee5", "1e+-5", "1e99999999999999999999x",
    };
    agt_value *value = NULL;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (agt_value_new_number(NULL, texts[i], strlen(texts[i]), &value) != AGT_E_SYNTAX) {
            fail_msg("%s", texts[i]);
        }
    }
    assert_int_equal(agt_value_new_number(NULL, "1\0", 2, &value), AGT_E_SYNTAX);
    assert_null(value);
}

static void test_limits(void **state)
{
    (void)state;
    static char text[4098];
    memset(text, '7', sizeof(text));
    agt_value *value = NULL;
    assert_int_equal(agt_value_new_number(NULL, text, 4097, &value), AGT_E_LIMIT);
    assert_int_equal(agt_value_new_number(NULL, text, 4096, &value), AGT_OK);
    assert_true(agt_value_is_integer(value));
    agt_value *copy = NULL;
    assert_int_equal(agt_value_new_number(NULL, text, 4096, &copy), AGT_OK);
    assert_true(agt_value_equals(value, copy));
    agt_value_unref(copy);
    agt_value_unref(value);
    value = NULL;
    const char *exponent = "1e1000000000000000000";
    assert_int_equal(agt_value_new_number(NULL, exponent, strlen(exponent), &value), AGT_E_LIMIT);
    exponent = "0e-1000000000000000000";
    assert_int_equal(agt_value_new_number(NULL, exponent, strlen(exponent), &value), AGT_E_LIMIT);
    assert_null(value);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    agt_value *value = NULL;
    int64_t integer = 5;
    uint64_t natural = 5;
    double real = 5;
    assert_int_equal(agt_value_new_number(NULL, NULL, 1, &value), AGT_E_INVALID);
    assert_int_equal(agt_value_new_number(NULL, "1", 1, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_new_int64(NULL, 1, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_new_uint64(NULL, UINT64_MAX, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_new_double(NULL, 1, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_get_int64(NULL, &integer), AGT_E_TYPE);
    assert_int_equal(agt_value_get_uint64(agt_value_bool(true), &natural), AGT_E_TYPE);
    assert_int_equal(agt_value_get_double(agt_value_null(), &real), AGT_E_TYPE);
    assert_int_equal(agt_value_get_int64(NULL, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_get_uint64(NULL, NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_get_double(NULL, NULL), AGT_E_INVALID);
    assert_false(agt_value_is_integer(NULL));
    assert_false(agt_value_is_integer(agt_value_empty_array()));
    assert_int_equal(integer, 5);
    assert_int_equal(natural, 5);
    assert_true(real == 5);
}

typedef struct integer_case {
    const char *text;
    bool is_integer;
    agt_status int64_status;
    int64_t int64;
    agt_status uint64_status;
    uint64_t uint64;
} integer_case;

static void test_integers(void **state)
{
    (void)state;
    const integer_case cases[] = {
        {"0", true, AGT_OK, 0, AGT_OK, 0},
        {"-0", true, AGT_OK, 0, AGT_OK, 0},
        {"-0.0e5", true, AGT_OK, 0, AGT_OK, 0},
        {"42", true, AGT_OK, 42, AGT_OK, 42},
        {"-42", true, AGT_OK, -42, AGT_E_RANGE, 0},
        {"3.0", true, AGT_OK, 3, AGT_OK, 3},
        {"3e2", true, AGT_OK, 300, AGT_OK, 300},
        {"3.25e2", true, AGT_OK, 325, AGT_OK, 325},
        {"-3.25e2", true, AGT_OK, -325, AGT_E_RANGE, 0},
        {"3.25e1", false, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
        {"0.1", false, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
        {"100e-2", true, AGT_OK, 1, AGT_OK, 1},
        {"100e-3", false, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
        {"0.000100e4", true, AGT_OK, 1, AGT_OK, 1},
        {"9223372036854775807", true, AGT_OK, INT64_MAX, AGT_OK, INT64_MAX},
        {"9223372036854775807.0", true, AGT_OK, INT64_MAX, AGT_OK, INT64_MAX},
        {"9223372036854775808", true, AGT_E_RANGE, 0, AGT_OK, (uint64_t)INT64_MAX + 1},
        {"-9223372036854775808", true, AGT_OK, INT64_MIN, AGT_E_RANGE, 0},
        {"-9223372036854775808.0", true, AGT_OK, INT64_MIN, AGT_E_RANGE, 0},
        {"-9223372036854775809", true, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
        {"18446744073709551615", true, AGT_E_RANGE, 0, AGT_OK, UINT64_MAX},
        {"184467440737095516150e-1", true, AGT_E_RANGE, 0, AGT_OK, UINT64_MAX},
        {"18446744073709551616", true, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
        {"1e19", true, AGT_E_RANGE, 0, AGT_OK, UINT64_C(10000000000000000000)},
        {"1e20", true, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
        {"1e999999999999999999", true, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
        {"1e-999999999999999999", false, AGT_E_RANGE, 0, AGT_E_RANGE, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const integer_case *c = &cases[i];
        agt_value *value = number(c->text);
        int64_t int64 = 0;
        uint64_t uint64 = 0;
        if (agt_value_is_integer(value) != c->is_integer ||
            agt_value_get_int64(value, &int64) != c->int64_status || int64 != c->int64 ||
            agt_value_get_uint64(value, &uint64) != c->uint64_status || uint64 != c->uint64) {
            fail_msg("%s: %lld, %llu", c->text, (long long)int64, (unsigned long long)uint64);
        }
        agt_value_unref(value);
    }
}

static void test_new_integers(void **state)
{
    (void)state;
    agt_value *value = NULL;
    assert_int_equal(agt_value_new_int64(NULL, INT64_MIN, &value), AGT_OK);
    agt_test_assert_json(value, "-9223372036854775808");
    agt_value_unref(value);
    assert_int_equal(agt_value_new_uint64(NULL, UINT64_MAX, &value), AGT_OK);
    agt_test_assert_json(value, "18446744073709551615");
    int64_t int64;
    assert_int_equal(agt_value_get_int64(value, &int64), AGT_E_RANGE);
    double real = 0;
    assert_int_equal(agt_value_get_double(value, &real), AGT_OK);
    assert_true(real == 18446744073709551616.0);
    agt_value_unref(value);
    assert_int_equal(agt_value_new_uint64(NULL, 7, &value), AGT_OK);
    assert_int_equal(agt_value_get_int64(value, &int64), AGT_OK);
    assert_int_equal(int64, 7);
    assert_int_equal(agt_value_get_double(value, &real), AGT_OK);
    assert_true(real == 7);
    agt_value_unref(value);
}

/* Groups of equal numbers, the groups in ascending order. */
static const char *const ordered[][5] = {
    {"-1e999999999999999999"},
    {"-1e400", "-10e399"},
    {"-18446744073709551616"},
    {"-9223372036854775809"},
    {"-9223372036854775808", "-9223372036854775808.0"},
    {"-10", "-1e1", "-10.0"},
    {"-9.99"},
    {"-1", "-1.0", "-10e-1"},
    {"-0.1"},
    {"-1e-400"},
    {"0", "-0", "0.0", "-0e5", "0e-999"},
    {"1e-999999999999999999"},
    {"1e-400", "0.1e-399"},
    {"0.000001", "1e-6"},
    {"0.1", "0.10", "1e-1", "100e-3"},
    {"0.11"},
    {"0.2"},
    {"1", "1.0", "10e-1", "0.01e2"},
    {"1.0000000000000000000000000000000001"},
    {"2"},
    {"9007199254740992", "9007199254740992.0"},
    {"9007199254740993"},
    {"9223372036854775807"},
    {"9223372036854775808"},
    {"18446744073709551615"},
    {"18446744073709551616"},
    {"1e400"},
    {"1.5e400"},
    {"1e999999999999999999", "10e999999999999999998"},
};

/* Every number of group i against every number of group j. */
static void compare_groups(int i, int j)
{
    int expected = (i > j) - (i < j);
    for (int k = 0; k < 5 && ordered[i][k] != NULL; k++) {
        for (int l = 0; l < 5 && ordered[j][l] != NULL; l++) {
            agt_value *a = number(ordered[i][k]);
            agt_value *b = number(ordered[j][l]);
            if (agt__number_compare(a, b) != expected ||
                agt_value_equals(a, b) != (expected == 0)) {
                fail_msg("%s and %s", ordered[i][k], ordered[j][l]);
            }
            agt_value_unref(a);
            agt_value_unref(b);
        }
    }
}

static void test_order(void **state)
{
    (void)state;
    enum {
        groups = sizeof(ordered) / sizeof(ordered[0])
    };
    for (int i = 0; i < groups; i++) {
        for (int j = 0; j < groups; j++) {
            compare_groups(i, j);
        }
    }
}

static void make_numbers(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_value *values[4] = {NULL, NULL, NULL, NULL};
    agt_status status[4] = {
        agt_value_new_int64(allocator, 1, &values[0]),
        agt_value_new_uint64(allocator, UINT64_MAX, &values[1]),
        agt_value_new_double(allocator, 0.1, &values[2]),
        agt_value_new_number(allocator, "1e400", 5, &values[3]),
    };
    for (int i = 0; i < 4; i++) {
        if (status[i] != AGT_OK) {
            assert_int_equal(status[i], AGT_E_NOMEM);
            assert_null(values[i]);
            assert_true(agt_test_heap_of(allocator)->failures > 0);
        }
        agt_value_unref(values[i]);
    }
}

static void test_torture(void **state)
{
    (void)state;
    agt_test_torture(make_numbers, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_text_is_kept),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_new_integers),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
