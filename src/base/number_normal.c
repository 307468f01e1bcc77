/*
 * The normal form of a number, and exact multiples.
 *
 * Layout (RFC 8785, which takes it from ECMAScript's Number::toString): with the digits d1…dk and
 * the value 0.d1…dk * 10^n, the number is written plainly while -6 < n <= 21 and with an exponent
 * otherwise. Here k may be any number of digits: nothing is rounded to a double.
 *
 * Multiples: a / b is an integer if, with both scaled to the integers A * 10^p and B * 10^q
 * without trailing zeros, p >= q and B divides A * 10^(p-q). A has no trailing zero, so p < q
 * would need a factor of ten that is not there. The remainder is computed in limbs of 32 bits.
 */
#include "base/number.h"

#include "base/assert.h"
#include "base/value_node.h"

#include <string.h>

/* ---- the normal form ------------------------------------------------------------------------ */

static char *put_zeros(char *target, int64_t count)
{
    for (; count > 0; count--) {
        *target++ = '0';
    }
    return target;
}

/* Digits @from to @to of @decimal. */
static char *put_digits(char *target, const agt__decimal *decimal, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        *target++ = agt__decimal_digit(decimal, (uint32_t)i);
    }
    return target;
}

size_t agt__decimal_write(const agt__decimal *decimal, char *target)
{
    char *at = target;
    int64_t count = (int64_t)decimal->size[0] + decimal->size[1];
    int64_t point = decimal->point;
    if (count == 0) {
        memcpy(target, "0", 2);
        return 1;
    }
    if (decimal->negative) {
        *at++ = '-';
    }
    if (point > 21 || point <= -6) {
        at = put_digits(at, decimal, 0, 1);
        if (count > 1) {
            *at++ = '.';
            at = put_digits(at, decimal, 1, count);
        }
        *at++ = 'e';
        if (point > 0) {
            *at++ = '+';
        }
        at += agt__int64_write(point - 1, at);
    } else if (point <= 0) {
        *at++ = '0';
        *at++ = '.';
        at = put_zeros(at, -point);
        at = put_digits(at, decimal, 0, count);
    } else {
        at = put_digits(at, decimal, 0, point);
        if (count > point) {
            *at++ = '.';
            at = put_digits(at, decimal, point, count);
        }
    }
    *at = '\0';
    return (size_t)(at - target);
}

size_t agt__number_write_normal(const agt_value *number, char *target)
{
    AGT_ASSERT(number->kind == AGT_VALUE_NUMBER);
    if ((number->flags & AGT__VALUE_TEXT) == 0) {
        int64_t integer = number->as.integer;
        if (!(number->flags & AGT__VALUE_UNSIGNED)) {
            return agt__int64_write(integer, target); /* at most 19 digits: written plainly */
        }
        return agt__uint64_write(number->as.natural, target);
    }
    agt__decimal decimal;
    agt__decimal_read(&decimal, number);
    return agt__decimal_write(&decimal, target);
}

/* ---- multiples ------------------------------------------------------------------------------ */

/* A natural number of up to 4,096 digits, the lowest limb first; no leading zero limbs. */
enum {
    LIMBS_MAX = 428
};

typedef struct natural {
    uint32_t limb[LIMBS_MAX];
    size_t count;
} natural;

static void multiply_add(natural *number, uint32_t factor, uint32_t summand)
{
    uint64_t carry = summand;
    for (size_t i = 0; i < number->count; i++) {
        carry += (uint64_t)number->limb[i] * factor;
        number->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) {
        AGT_ASSERT(number->count < LIMBS_MAX);
        number->limb[number->count++] = (uint32_t)carry;
    }
}

static int compare(const natural *a, const natural *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i > 0; i--) {
        if (a->limb[i - 1] != b->limb[i - 1]) {
            return a->limb[i - 1] < b->limb[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

static void subtract(natural *number, const natural *less)
{
    int64_t borrow = 0;
    for (size_t i = 0; i < number->count; i++) {
        borrow += (int64_t)number->limb[i] - (i < less->count ? less->limb[i] : 0);
        number->limb[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    while (number->count > 0 && number->limb[number->count - 1] == 0) {
        number->count--;
    }
}

/* remainder = (remainder * 10 + digit) mod divisor, for remainder < divisor. */
static void shift_in(natural *remainder, uint32_t digit, const natural *divisor)
{
    multiply_add(remainder, 10, digit);
    while (compare(remainder, divisor) >= 0) { /* at most nine times */
        subtract(remainder, divisor);
    }
}

bool agt__number_is_multiple(const agt_value *number, const agt_value *divisor)
{
    if (agt_value_get_kind(number) != AGT_VALUE_NUMBER ||
        agt_value_get_kind(divisor) != AGT_VALUE_NUMBER) {
        return false;
    }
    if (((number->flags | divisor->flags) & (AGT__VALUE_TEXT | AGT__VALUE_UNSIGNED)) == 0 &&
        divisor->as.integer > 0) {
        return number->as.integer % divisor->as.integer == 0;
    }
    agt__decimal a;
    agt__decimal b;
    agt__decimal_read(&a, number);
    agt__decimal_read(&b, divisor);
    uint32_t a_count = a.size[0] + a.size[1];
    uint32_t b_count = b.size[0] + b.size[1];
    if (a_count == 0 || b_count == 0) {
        return b_count != 0;
    }
    int64_t power = (a.point - a_count) - (b.point - b_count);
    if (power < 0) {
        return false;
    }
    natural by = {.count = 0};
    for (uint32_t i = 0; i < b_count; i++) {
        multiply_add(&by, 10, (uint32_t)(agt__decimal_digit(&b, i) - '0'));
    }
    natural remainder = {.count = 0};
    for (uint32_t i = 0; i < a_count; i++) {
        shift_in(&remainder, (uint32_t)(agt__decimal_digit(&a, i) - '0'), &by);
    }
    /* Every factor 10 can only take factors 2 and 5 out of the divisor: four for each of its
     * digits are more than it has. */
    int64_t steps = (int64_t)b_count * 4;
    steps = power < steps ? power : steps;
    for (; steps > 0 && remainder.count > 0; steps--) {
        shift_in(&remainder, 0, &by);
    }
    return remainder.count == 0;
}
