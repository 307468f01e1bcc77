/*
 * Doubles both ways: the edges, a million random ones against the C library, and all of it again
 * under a locale whose decimal point is a comma.
 */
#include "base/number.h"

#include "support/env.h"
#include "support/test.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545F4914F6CDD1D);
}

static double from_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static uint64_t to_bits(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static void test_edges(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {100.0, "100"},
        {1e15, "1000000000000000"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {123456789012345680.0, "123456789012345680"},
        {9007199254740993.0, "9007199254740992"},
        {0.000001, "0.000001"},
        {0.0000001, "1e-7"},
        {1.2e-7, "1.2e-7"},
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {5.684341886080802e-14, "5.684341886080802e-14"}, /* 2^-44: the digit above is inside */
        {9.5367431640625e-7, "9.5367431640625e-7"},
        {4.35, "4.35"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {2.0e-3, "0.002"},
        {1e23, "1e+23"},
        {1.0000000000000001e23, "1.0000000000000001e+23"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[AGT__DOUBLE_TEXT_MAX];
        size_t length = agt__double_write(cases[i].number, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(length, strlen(text));
        double back = 1;
        assert_true(agt__double_read(text, length, &back));
        assert_true(to_bits(back) == to_bits(cases[i].number));
    }
}

static void test_values(void **state)
{
    (void)state;
    agt_value *value = NULL;
    assert_int_equal(agt_value_new_double(NULL, NAN, &value), AGT_E_RANGE);
    assert_int_equal(agt_value_new_double(NULL, INFINITY, &value), AGT_E_RANGE);
    assert_int_equal(agt_value_new_double(NULL, -INFINITY, &value), AGT_E_RANGE);
    assert_null(value);
    double number = 7;
    assert_int_equal(agt_value_new_number(NULL, "1e309", 5, &value), AGT_OK);
    assert_int_equal(agt_value_get_double(value, &number), AGT_E_RANGE);
    assert_true(number == 7);
    agt_value_unref(value);
    assert_int_equal(agt_value_new_number(NULL, "-1e-400", 7, &value), AGT_OK);
    assert_int_equal(agt_value_get_double(value, &number), AGT_OK);
    assert_true(number == 0 && signbit(number));
    agt_value_unref(value);
    assert_int_equal(agt_value_new_double(NULL, 3.0, &value), AGT_OK);
    assert_true(agt_value_is_integer(value));
    assert_int_equal(agt_value_get_double(value, &number), AGT_OK);
    assert_true(number == 3);
    agt_value_unref(value);
}

static void test_errno_is_left_alone(void **state)
{
    (void)state;
    double number;
    errno = E2BIG;
    assert_false(agt__double_read("1e999", 5, &number));
    assert_int_equal(errno, E2BIG);
}

static void check_round_trip(double number)
{
    char text[AGT__DOUBLE_TEXT_MAX];
    size_t length = agt__double_write(number, text);
    double back;
    if (!agt__double_read(text, length, &back) || to_bits(back) != to_bits(number)) {
        fail_msg("%a was written as %s", number, text);
    }
    /* No text with fewer digits reads back: try the nearest with one digit less. */
    size_t digits = 0;
    size_t zeros = 0;
    for (const char *at = text; *at != '\0' && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9' && (digits > 0 || *at != '0')) {
            digits++;
            zeros = *at == '0' ? zeros + 1 : 0;
        }
    }
    digits -= zeros;
    if (digits > 1) {
        char shorter[48];
        (void)snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, number);
        if (strtod(shorter, NULL) == number) {
            fail_msg("%s is shorter than %s", shorter, text);
        }
    }
}

static void test_random_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < 30000; i++) {
        double number = from_bits(draw());
        if (isfinite(number)) {
            check_round_trip(number);
        }
        check_round_trip((double)(int64_t)(draw() >> 40) / 1000);
        check_round_trip((double)(draw() >> (draw() % 64)));
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        check_round_trip(ldexp(1, exponent));
        check_round_trip(from_bits(to_bits(ldexp(1, exponent)) - 1));
        check_round_trip(from_bits(to_bits(ldexp(1, exponent)) + 1));
    }
}

/* Random decimal text is read as strtod in the "C" locale reads it. */
static void test_random_texts(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[80];
        int whole = (int)(draw() % 12);
        int fraction = (int)(draw() % 12);
        int exponent = (int)(draw() % 60) - 30;
        size_t length = 0;
        text[length++] = draw() % 2 ? '-' : '0';
        length -= text[0] == '0';
        text[length++] = (char)('1' + draw() % 9);
        while (whole-- > 0) {
            text[length++] = (char)('0' + draw() % 10);
        }
        if (fraction > 0) {
            text[length++] = '.';
            while (fraction-- > 0) {
                text[length++] = (char)('0' + draw() % 10);
            }
        }
        length += (size_t)snprintf(text + length, sizeof(text) - length, "e%d", exponent);
        double number;
        assert_true(agt__double_read(text, length, &number));
        if (to_bits(number) != to_bits(strtod(text, NULL))) {
            fail_msg("%s was read as %a", text, number);
        }
    }
}

/* Make the locale with localedef, if it and its sources are installed. */
static bool make_locale(const char *folder, const char *path)
{
    char *argv[] = {(char[]){"localedef"},
                    (char[]){"-i"},
                    (char[]){"de_DE"},
                    (char[]){"-f"},
                    (char[]){"UTF-8"},
                    (char *)(uintptr_t)path,
                    NULL};
    pid_t child;
    int status = -1;
    if (access(path, R_OK) == 0) {
        return true;
    }
    (void)mkdir(folder, 0777);
    if (posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) != 0) {
        return false;
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

static bool use_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (setlocale(LC_ALL, names[i]) != NULL) {
            return true;
        }
    }
    char folder[600];
    char path[640];
    (void)snprintf(folder, sizeof(folder), "%s/locale", agt_test_build_dir());
    (void)snprintf(path, sizeof(path), "%s/de_DE.UTF-8", folder);
    return make_locale(folder, path) && setenv("LOCPATH", folder, 1) == 0 &&
           setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

static void test_comma_locale(void **state)
{
    if (!use_comma_locale()) {
        print_message("skipped: no locale with a decimal comma, and localedef cannot make one\n");
        skip();
    }
    char text[16];
    (void)snprintf(text, sizeof(text), "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* the locale is in force */
    test_edges(state);
    test_values(state);
    double number = 0;
    assert_true(agt__double_read("3.14159265358979323846264338327950288", 37, &number));
    assert_true(number == 0x1.921fb54442d18p+1);
    agt_value *value = NULL;
    agt_value *written = NULL;
    assert_int_equal(agt_value_new_double(NULL, 1e-300 / 3, &value), AGT_OK);
    assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_CANONICAL, &written), AGT_OK);
    assert_string_equal(agt_value_get_string(written, NULL), "3.3333333333333334e-301");
    agt_value_unref(written);
    agt_value_unref(value);
    (void)setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errno_is_left_alone),
        cmocka_unit_test(test_random_round_trips),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_comma_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
