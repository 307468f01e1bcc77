/*
 * The normal form of numbers, and exact multiples.
 */
#include "base/number.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

static agt_value *number(const char *text)
{
    agt_value *value = NULL;
    assert_int_equal(agt_value_new_number(NULL, text, strlen(text), &value), AGT_OK);
    return value;
}

static void test_normal_form(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.000", "0"},
        {"-0e7", "0"},
        {"1", "1"},
        {"1.0", "1"},
        {"10e-1", "1"},
        {"-7", "-7"},
        {"0.10", "0.1"},
        {"-0.10", "-0.1"},
        {"1E400", "1e+400"},
        {"15e399", "1.5e+400"},
        {"1e21", "1e+21"},
        {"1e20", "100000000000000000000"},
        {"123456789012345678901", "123456789012345678901"},
        {"1234567890123456789012", "1.234567890123456789012e+21"},
        {"9007199254740993", "9007199254740993"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551615", "18446744073709551615"},
        {"0.000001", "0.000001"},
        {"0.0000001", "1e-7"},
        {"0.00000012", "1.2e-7"},
        {"123.456", "123.456"},
        {"1.23456e2", "123.456"},
        {"123456e-3", "123.456"},
        {"0.00123e5", "123"},
        {"1e-999999999999999999", "1e-999999999999999999"},
        {"1e999999999999999999", "1e+999999999999999999"},
        {"10e999999999999999999", "1e+1000000000000000000"},
        {"0.1000000000000000055511151231257827021181583404541015625",
         "0.1000000000000000055511151231257827021181583404541015625"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[AGT__NUMBER_TEXT_MAX];
        agt_value *value = number(cases[i][0]);
        size_t length = agt__number_write_normal(value, text);
        assert_string_equal(text, cases[i][1]);
        assert_int_equal(length, strlen(text));
        agt_value_unref(value);
    }
}

/* The longest text fits the longest normal form. */
static void test_longest(void **state)
{
    (void)state;
    char text[4097];
    char normal[AGT__NUMBER_TEXT_MAX];
    memset(text, '7', 4096);
    text[4096] = '\0';
    agt_value *value = number(text);
    assert_int_equal(agt__number_write_normal(value, normal), 4096 + strlen(".e+4095"));
    agt_value_unref(value);
    memcpy(text, "-0.", 3);
    memcpy(text + 4096 - 20, "e-999999999999999999", 20);
    value = number(text);
    size_t length = agt__number_write_normal(value, normal);
    assert_true(length < sizeof(normal));
    assert_int_equal(strlen(normal), length);
    agt_value_unref(value);
}

static void test_multiples(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        const char *divisor;
        bool is_multiple;
    } cases[] = {
        {"10", "5", true},
        {"10", "3", false},
        {"-10", "5", true},
        {"10", "-5", true},
        {"-10", "3", false},
        {"0", "7", true},
        {"-0", "0.01", true},
        {"7", "0", false},
        {"0", "0", false},
        {"0", "0.0", false},
        {"0.3", "0.1", true},
        {"19.99", "0.01", true},
        {"19.995", "0.01", false},
        {"4.02", "0.01", true},
        {"1.1", "0.1", true},
        {"1e308", "0.123456789", false},
        {"1e308", "0.5", true},
        {"1e400", "3", false},
        {"3e400", "3", true},
        {"1e999999999999999999", "1e-999999999999999999", true},
        {"1e-5", "1e5", false},
        {"1.5", "0.5", true},
        {"1", "8", false},
        {"1e3", "8", true},
        {"1e2", "8", false},
        {"12391239123", "1e-8", true},
        {"9007199254740993", "2", false},
        {"9007199254740993", "3", true},
        {"18446744073709551615", "5", true},
        {"18446744073709551615", "7", false},
        {"9223372036854775807", "-9223372036854775807", true},
        {"-9223372036854775808", "-1", true},
        {"340282366920938463463374607431768211456", "18446744073709551616", true},
        {"340282366920938463463374607431768211457", "18446744073709551616", false},
        {"1e120", "1329227995784915872903807060280344576", true},
        {"1e119", "1329227995784915872903807060280344576", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *a = number(cases[i].number);
        agt_value *b = number(cases[i].divisor);
        if (agt__number_is_multiple(a, b) != cases[i].is_multiple) {
            fail_msg("%s by %s", cases[i].number, cases[i].divisor);
        }
        agt_value_unref(a);
        agt_value_unref(b);
    }
    assert_false(agt__number_is_multiple(NULL, agt_value_null()));
    assert_false(agt__number_is_multiple(agt_value_bool(true), agt_value_null()));
}

/* Bounded work for the largest numbers there are. */
static void test_multiples_of_the_largest(void **state)
{
    (void)state;
    char text[4097];
    memset(text, '9', 4096);
    text[4096] = '\0';
    agt_value *a = number(text);
    memset(text, '3', 4096);
    agt_value *b = number(text);
    assert_true(agt__number_is_multiple(a, b));
    text[4095] = '7';
    agt_value *c = number(text);
    assert_false(agt__number_is_multiple(a, c));
    agt_value *huge = number("1e999999999999999999");
    assert_false(agt__number_is_multiple(huge, c));
    agt_value_unref(a);
    agt_value_unref(b);
    agt_value_unref(c);
    agt_value_unref(huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal_form),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_multiples),
        cmocka_unit_test(test_multiples_of_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
