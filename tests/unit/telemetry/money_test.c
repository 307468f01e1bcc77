/* Decimals to billionths and back. */
#include "telemetry/money.h"

#include <stdio.h>
#include <string.h>

#include "agent_sdk/telemetry.h"
#include "base/random.h"
#include "support/test.h"

static void test_reading(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        agt_status status;
        int64_t number;
    } samples[] = {
        {"0", AGT_OK, 0},
        {"3", AGT_OK, 3000000000},
        {"3.00", AGT_OK, 3000000000},
        {"0.003625", AGT_OK, 3625000},
        {"0.000000001", AGT_OK, 1},
        {"0.0000000001", AGT_E_RANGE, 0},
        {"0.1000000000", AGT_E_RANGE, 0}, /* too many places, even of nothing */
        {"007.5", AGT_OK, 7500000000},
        {"9223372036.854775807", AGT_OK, INT64_MAX},
        {"9223372036.854775808", AGT_E_RANGE, 0},
        {"9223372037", AGT_E_RANGE, 0},
        {"99999999999999999999999", AGT_E_RANGE, 0},
        {"", AGT_E_SYNTAX, 0},
        {".", AGT_E_SYNTAX, 0},
        {"1.", AGT_E_SYNTAX, 0},
        {".5", AGT_E_SYNTAX, 0},
        {"1.2.3", AGT_E_SYNTAX, 0},
        {"-1", AGT_E_SYNTAX, 0},
        {"+1", AGT_E_SYNTAX, 0},
        {"1e3", AGT_E_SYNTAX, 0},
        {" 1", AGT_E_SYNTAX, 0},
        {"1,5", AGT_E_SYNTAX, 0},
        {"$1", AGT_E_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t number = -7;
        agt_status status = agt__decimal_parse(samples[i].text, strlen(samples[i].text), &number);
        if (status != samples[i].status || number != (status == AGT_OK ? samples[i].number : -7)) {
            fail_msg("\"%s\": %s, %lld", samples[i].text, agt_status_get_name(status),
                     (long long)number);
        }
    }
    int64_t number = 0;
    assert_int_equal(agt__decimal_parse("12345", 2, &number), AGT_OK); /* the length counts */
    assert_int_equal(number, 12000000000);
}

static void test_writing(void **state)
{
    (void)state;
    static const struct {
        int64_t nanousd;
        const char *text;
    } samples[] = {
        {0, "$0.00"},
        {1, "$0.000000001"},
        {42500000, "$0.0425"},
        {1000000000, "$1.00"},
        {1500000000, "$1.50"},
        {123456789012, "$123.456789012"},
        {-2500000000, "-$2.50"},
        {INT64_MAX, "$9223372036.854775807"},
        {INT64_MIN + 1, "-$9223372036.854775807"},
        {AGT_NANOUSD_UNKNOWN, "unknown"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char text[AGT__DOLLARS_BYTES];
        agt__dollars_write(samples[i].nanousd, text);
        assert_string_equal(text, samples[i].text);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    agt__prng prng;
    agt__prng_seed(&prng, 3);
    for (int i = 0; i < 2000; i++) {
        int64_t number = (int64_t)(agt__prng_next(&prng) >> (1 + agt__prng_below(&prng, 60)));
        int64_t back = -1;
        char text[AGT__DOLLARS_BYTES];
        agt__dollars_write(number, text);
        assert_int_equal(agt__decimal_parse(text + 1, strlen(text + 1), &back), AGT_OK);
        assert_int_equal(back, number);
    }
}

static void test_clamped_sums(void **state)
{
    (void)state;
    assert_int_equal(agt__add_clamped(1, 2), 3);
    assert_int_equal(agt__add_clamped(INT64_MAX, 1), INT64_MAX);
    assert_int_equal(agt__add_clamped(INT64_MIN + 1, -5), INT64_MIN + 1);
    assert_int_equal(agt__add_clamped(INT64_MAX, INT64_MIN + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_clamped_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
