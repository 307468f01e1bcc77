/*
 * Doubles from and to text, correctly rounded both ways, whatever the locale of the process.
 *
 * Reading takes the short way where that is exact: up to 15 digits are a double, so is a power of
 * ten up to 10^22, and one operation of IEEE 754 on two doubles rounds correctly. Everything else
 * goes to strtod in the "C" locale, which is a static object of the C library.
 *
 * Writing looks for the fewest digits that read back as the same double. A number m / 10^k with m
 * below 10^15 is found by trying; otherwise snprintf rounds to ever more digits until one reads
 * back. Its decimal point, the only thing a locale may change in what it writes, is skipped. Why
 * try the digit above, too: below a power of two the doubles lie twice as dense as above it, so the
 * nearest decimal may be outside (below) while the next one up is inside.
 *
 * No state; any thread. Assumes the default rounding mode.
 */
#include "base/number.h"

#include "base/assert.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "one operation must round once");
_Static_assert(DBL_MANT_DIG == 53, "doubles are IEEE 754 binary64");

enum {
    EXACT_DIGITS = 15,
    EXACT_POWER = 22,
    DIGITS_MAX = 17
};

static const double powers_of_ten[EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* ---- reading ------------------------------------------------------------------------------- */

/* The short way: false if the text has too many digits or too large an exponent for it. */
static bool read_exact(const char *text, const char *end, double *ret_number)
{
    bool negative = *text == '-';
    text += negative;
    int64_t mantissa = 0;
    int digits = 0;
    int power = 0;
    bool fraction = false;
    for (; text < end && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        power -= fraction;
        mantissa = mantissa * 10 + (*text - '0');
        digits += mantissa != 0;
        if (digits > EXACT_DIGITS) {
            return false;
        }
    }
    if (text < end) {
        text++;
        bool down = *text == '-';
        text += *text == '-' || *text == '+';
        int exponent = 0;
        for (; text < end; text++) {
            exponent = exponent * 10 + (*text - '0');
            if (exponent > 1000) {
                return false;
            }
        }
        power += down ? -exponent : exponent;
    }
    if (power < -EXACT_POWER || power > EXACT_POWER) {
        return false;
    }
    double number = (double)mantissa;
    number = power < 0 ? number / powers_of_ten[-power] : number * powers_of_ten[power];
    *ret_number = negative ? -number : number;
    return true;
}

/* strtod as in the "C" locale; leaves errno alone. */
static double read_nearest(const char *text)
{
    int saved = errno;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    AGT_ASSERT(c_locale != (locale_t)0);
    double number = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    errno = saved;
    return number;
}

bool agt__double_read(const char *text, size_t length, double *ret_number)
{
    double number;
    if (!read_exact(text, text + length, &number)) {
        number = read_nearest(text);
    }
    if (!isfinite(number)) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* The digits of @mantissa / 10^@power. */
static void set_digits(agt__decimal *decimal, uint64_t mantissa, int power)
{
    size_t count = agt__uint64_write(mantissa, decimal->digits);
    decimal->point = (int64_t)count - power;
    while (count > 1 && decimal->digits[count - 1] == '0') {
        count--;
    }
    decimal->run[0] = decimal->digits;
    decimal->run[1] = decimal->digits + count;
    decimal->size[0] = mantissa == 0 ? 0 : (uint32_t)count;
    decimal->size[1] = 0;
}

/* The digits, if @number (not negative) is m / 10^k with m below 10^15. */
static bool find_short(double number, agt__decimal *decimal)
{
    if (number >= 1e15 || (number < 1e-5 && number > 0)) {
        return false;
    }
    for (int power = 0; power <= EXACT_DIGITS; power++) {
        double scaled = number * powers_of_ten[power];
        if (scaled >= 1e15) {
            return false;
        }
        uint64_t mantissa = (uint64_t)(scaled + 0.5);
        if (mantissa < (uint64_t)1e15 && (double)mantissa / powers_of_ten[power] == number) {
            set_digits(decimal, mantissa, power);
            return true;
        }
    }
    return false;
}

/* Whether mantissa * 10^exponent reads back as @number. */
static bool reads_back(uint64_t mantissa, int exponent, double number)
{
    char text[48];
    size_t length = agt__uint64_write(mantissa, text);
    text[length++] = 'e';
    (void)agt__int64_write(exponent, text + length);
    return read_nearest(text) == number;
}

/* The @count digits nearest to @number as an integer, and the power of ten that goes with them. */
static uint64_t round_to_digits(double number, int count, int *ret_exponent)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "%.*e", count - 1, number);
    AGT_ASSERT(length > 0 && (size_t)length < sizeof(text));
    uint64_t mantissa = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
        }
    }
    *ret_exponent = (int)strtol(at + 1, NULL, 10) - (count - 1);
    return mantissa;
}

static void find_shortest(double number, agt__decimal *decimal)
{
    if (find_short(number, decimal)) {
        return;
    }
    int fraction_exponent;
    bool power_of_two = frexp(number, &fraction_exponent) == 0.5;
    uint64_t mantissa = 0;
    int exponent = 0;
    /* All decimals of 15 digits survive normal doubles; a subnormal may need a single digit. */
    for (int count = number < DBL_MIN ? 1 : EXACT_DIGITS; count <= DIGITS_MAX; count++) {
        mantissa = round_to_digits(number, count, &exponent);
        if (reads_back(mantissa, exponent, number)) {
            break;
        }
        if (power_of_two && reads_back(mantissa + 1, exponent, number)) {
            mantissa++;
            break;
        }
    }
    set_digits(decimal, mantissa, -exponent);
}

size_t agt__double_write(double number, char *target)
{
    AGT_ASSERT(isfinite(number));
    agt__decimal decimal = {.negative = false};
    bool negative = signbit(number) != 0;
    find_shortest(fabs(number), &decimal);
    if (negative) {
        *target = '-';
    }
    return (size_t)negative + agt__decimal_write(&decimal, target + negative);
}
