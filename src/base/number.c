/*
 * Exact numbers. A number is an integer of 64 bits or the JSON text it was written as; both are
 * looked at as one decimal (sign, digits, power of ten) for everything that must not round:
 * comparing, multiples, integer conversion, the normal form. Exponents have at most 18 digits
 * (agt__number_check), so powers of ten fit into 64 bits with room for the digits.
 *
 * The normal form and multiples are in number_normal.c, conversion from and to doubles in double.c.
 *
 * No state; any thread.
 */
#include "base/number.h"

#include "base/assert.h"
#include "base/value_node.h"

#include <math.h>
#include <string.h>

enum {
    EXPONENT_DIGITS_MAX = 18
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

agt_status agt__number_check(const char *text, size_t length)
{
    if (length > AGT__NUMBER_BYTES_MAX) {
        return AGT_E_LIMIT;
    }
    const char *end = text + length;
    const char *at = text;
    at += at < end && *at == '-';
    const char *start = at;
    at = skip_digits(at, end);
    if (at == start || (*start == '0' && at - start > 1)) {
        return AGT_E_SYNTAX;
    }
    if (at < end && *at == '.') {
        start = ++at;
        at = skip_digits(at, end);
        if (at == start) {
            return AGT_E_SYNTAX;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        start = at;
        at = skip_digits(at, end);
        if (at == start) {
            return AGT_E_SYNTAX;
        }
        while (start < at && *start == '0') {
            start++;
        }
        if (at - start > EXPONENT_DIGITS_MAX) {
            return at == end ? AGT_E_LIMIT : AGT_E_SYNTAX;
        }
    }
    return at == end ? AGT_OK : AGT_E_SYNTAX;
}

/* ---- integers ----------------------------------------------------------------------------- */

size_t agt__uint64_write(uint64_t number, char *target)
{
    char reversed[24];
    size_t length = 0;
    do {
        reversed[length++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < length; i++) {
        target[i] = reversed[length - 1 - i];
    }
    target[length] = '\0';
    return length;
}

size_t agt__int64_write(int64_t number, char *target)
{
    if (number >= 0) {
        return agt__uint64_write((uint64_t)number, target);
    }
    target[0] = '-';
    return 1 + agt__uint64_write(0 - (uint64_t)number, target + 1);
}

const char *agt__number_text(const agt_value *number, char *scratch, size_t *ret_length)
{
    if (number->flags & AGT__VALUE_TEXT) {
        *ret_length = number->as.string.length;
        return number->as.string.bytes;
    }
    *ret_length = number->flags & AGT__VALUE_UNSIGNED
                      ? agt__uint64_write(number->as.natural, scratch)
                      : agt__int64_write(number->as.integer, scratch);
    return scratch;
}

/* The integer that @text (well formed) is, if it is one of 64 bits written in the only way. */
static bool read_integer(const char *text, size_t length, agt_value *ret_number)
{
    bool negative = text[0] == '-';
    size_t i = negative ? 1 : 0;
    if (length - i > 20 || (negative && text[i] == '0')) {
        return false;
    }
    uint64_t number = 0;
    for (; i < length; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
        if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number)) {
            return false;
        }
    }
    if (number <= (uint64_t)INT64_MAX + negative) {
        ret_number->as.integer = negative ? (int64_t)(0 - number) : (int64_t)number;
        return true;
    }
    ret_number->as.natural = number;
    ret_number->flags = AGT__VALUE_UNSIGNED;
    return !negative;
}

agt_status agt__value_make_number(const agt_allocator *allocator, const char *text, size_t length,
                                  uint32_t flags, agt_value **ret_value)
{
    agt_value integer = {.flags = 0};
    bool is_integer = read_integer(text, length, &integer);
    size_t size = is_integer ? sizeof(agt_value) : AGT__STRING_OFFSET + length + 1;
    size = size < sizeof(agt_value) ? sizeof(agt_value) : size;
    flags |= is_integer ? integer.flags : AGT__VALUE_TEXT;
    agt_value *value = agt__value_alloc(allocator, size, AGT_VALUE_NUMBER, flags);
    if (value == NULL) {
        return AGT_E_NOMEM;
    }
    if (is_integer) {
        value->as = integer.as;
    } else {
        value->as.string.length = (uint32_t)length;
        char *target = (char *)value + AGT__STRING_OFFSET;
        memcpy(target, text, length);
        target[length] = '\0';
    }
    *ret_value = value;
    return AGT_OK;
}

agt_status agt_value_new_number(const agt_allocator *allocator, const char *text, size_t length,
                                agt_value **ret_value)
{
    if (text == NULL || ret_value == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt__number_check(text, length);
    return status != AGT_OK ? status
                            : agt__value_make_number(allocator, text, length, 0, ret_value);
}

agt_status agt_value_new_int64(const agt_allocator *allocator, int64_t number,
                               agt_value **ret_value)
{
    if (ret_value == NULL) {
        return AGT_E_INVALID;
    }
    agt_value *value = agt__value_alloc(allocator, sizeof(*value), AGT_VALUE_NUMBER, 0);
    if (value == NULL) {
        return AGT_E_NOMEM;
    }
    value->as.integer = number;
    *ret_value = value;
    return AGT_OK;
}

agt_status agt_value_new_uint64(const agt_allocator *allocator, uint64_t number,
                                agt_value **ret_value)
{
    if (number <= INT64_MAX) {
        return agt_value_new_int64(allocator, (int64_t)number, ret_value);
    }
    if (ret_value == NULL) {
        return AGT_E_INVALID;
    }
    agt_value *value =
        agt__value_alloc(allocator, sizeof(*value), AGT_VALUE_NUMBER, AGT__VALUE_UNSIGNED);
    if (value == NULL) {
        return AGT_E_NOMEM;
    }
    value->as.natural = number;
    *ret_value = value;
    return AGT_OK;
}

agt_status agt_value_new_double(const agt_allocator *allocator, double number,
                                agt_value **ret_value)
{
    if (ret_value == NULL) {
        return AGT_E_INVALID;
    }
    if (!isfinite(number)) {
        return AGT_E_RANGE;
    }
    char text[AGT__DOUBLE_TEXT_MAX];
    size_t length = agt__double_write(number, text);
    return agt__value_make_number(allocator, text, length, 0, ret_value);
}

/* ---- decimals ------------------------------------------------------------------------------ */

/* The exponent behind 'e'; agt__number_check made sure that it fits. */
static int64_t read_exponent(const char *at, const char *end)
{
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    int64_t exponent = 0;
    for (; at < end; at++) {
        exponent = exponent * 10 + (*at - '0');
    }
    return negative ? -exponent : exponent;
}

void agt__decimal_read(agt__decimal *decimal, const agt_value *number)
{
    size_t length;
    const char *text = agt__number_text(number, decimal->digits, &length);
    const char *end = text + length;
    decimal->negative = *text == '-';
    text += decimal->negative;
    const char *stop = skip_digits(text, end);
    const char *run[2] = {text, stop};
    const char *run_end[2] = {stop, stop};
    if (stop < end && *stop == '.') {
        run[1] = stop + 1;
        run_end[1] = stop = skip_digits(stop + 1, end);
    }
    decimal->point = (run_end[0] - run[0]) + (stop < end ? read_exponent(stop + 1, end) : 0);
    /* Leading zeros move the point, trailing ones do not. */
    for (int i = 0; i < 2; i++) {
        while (run[i] < run_end[i] && *run[i] == '0') {
            run[i]++;
            decimal->point--;
        }
        if (run[i] < run_end[i]) {
            break;
        }
    }
    for (int i = 1; i >= 0; i--) {
        while (run_end[i] > run[i] && run_end[i][-1] == '0') {
            run_end[i]--;
        }
        if (run[i] < run_end[i]) {
            break;
        }
    }
    for (int i = 0; i < 2; i++) {
        decimal->run[i] = run[i];
        decimal->size[i] = (uint32_t)(run_end[i] - run[i]);
    }
    if (decimal->size[0] + decimal->size[1] == 0) {
        decimal->point = 0;
        decimal->negative = false;
    }
}

static uint32_t digit_count(const agt__decimal *decimal)
{
    return decimal->size[0] + decimal->size[1];
}

/* The order of two decimals without their signs. */
static int compare_magnitude(const agt__decimal *a, const agt__decimal *b)
{
    uint32_t a_count = digit_count(a);
    uint32_t b_count = digit_count(b);
    if (a_count == 0 || b_count == 0) {
        return (a_count != 0) - (b_count != 0);
    }
    if (a->point != b->point) {
        return a->point < b->point ? -1 : 1;
    }
    for (uint32_t i = 0; i < a_count && i < b_count; i++) {
        char a_digit = agt__decimal_digit(a, i);
        char b_digit = agt__decimal_digit(b, i);
        if (a_digit != b_digit) {
            return a_digit < b_digit ? -1 : 1;
        }
    }
    return (a_count > b_count) - (a_count < b_count);
}

int agt__number_compare(const agt_value *a, const agt_value *b)
{
    AGT_ASSERT(a->kind == AGT_VALUE_NUMBER);
    AGT_ASSERT(b->kind == AGT_VALUE_NUMBER);
    if (((a->flags | b->flags) & (AGT__VALUE_TEXT | AGT__VALUE_UNSIGNED)) == 0) {
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    }
    agt__decimal first;
    agt__decimal second;
    agt__decimal_read(&first, a);
    agt__decimal_read(&second, b);
    if (first.negative != second.negative) {
        return first.negative ? -1 : 1;
    }
    int order = compare_magnitude(&first, &second);
    return first.negative ? -order : order;
}

bool agt_value_is_integer(const agt_value *value)
{
    if (agt_value_get_kind(value) != AGT_VALUE_NUMBER) {
        return false;
    }
    if ((value->flags & AGT__VALUE_TEXT) == 0) {
        return true;
    }
    agt__decimal decimal;
    agt__decimal_read(&decimal, value);
    return digit_count(&decimal) <= (decimal.point > 0 ? (uint64_t)decimal.point : 0);
}

/* The magnitude of @value, a number kept as text, if it is an integer that fits. */
static agt_status read_magnitude(const agt_value *value, bool *ret_negative, uint64_t *ret_number)
{
    agt__decimal decimal;
    agt__decimal_read(&decimal, value);
    uint32_t count = digit_count(&decimal);
    if (decimal.point > 20 || decimal.point < (int64_t)count) {
        return AGT_E_RANGE;
    }
    uint64_t number = 0;
    for (uint32_t i = 0; i < (uint32_t)decimal.point; i++) {
        char digit = agt__decimal_digit(&decimal, i);
        if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(digit - '0'), &number)) {
            return AGT_E_RANGE;
        }
    }
    *ret_negative = decimal.negative;
    *ret_number = number;
    return AGT_OK;
}

agt_status agt_value_get_int64(const agt_value *value, int64_t *ret_number)
{
    if (ret_number == NULL) {
        return AGT_E_INVALID;
    }
    if (agt_value_get_kind(value) != AGT_VALUE_NUMBER) {
        return AGT_E_TYPE;
    }
    if ((value->flags & AGT__VALUE_TEXT) == 0) {
        if (value->flags & AGT__VALUE_UNSIGNED) {
            return AGT_E_RANGE;
        }
        *ret_number = value->as.integer;
        return AGT_OK;
    }
    bool negative = false;
    uint64_t number = 0;
    agt_status status = read_magnitude(value, &negative, &number);
    if (status != AGT_OK) {
        return status;
    }
    if (number > (uint64_t)INT64_MAX + negative) {
        return AGT_E_RANGE;
    }
    *ret_number = negative ? (int64_t)(0 - number) : (int64_t)number;
    return AGT_OK;
}

agt_status agt_value_get_uint64(const agt_value *value, uint64_t *ret_number)
{
    if (ret_number == NULL) {
        return AGT_E_INVALID;
    }
    if (agt_value_get_kind(value) != AGT_VALUE_NUMBER) {
        return AGT_E_TYPE;
    }
    if ((value->flags & AGT__VALUE_TEXT) == 0) {
        if ((value->flags & AGT__VALUE_UNSIGNED) == 0 && value->as.integer < 0) {
            return AGT_E_RANGE;
        }
        *ret_number = value->as.natural;
        return AGT_OK;
    }
    bool negative = false;
    uint64_t number = 0;
    agt_status status = read_magnitude(value, &negative, &number);
    if (status != AGT_OK) {
        return status;
    }
    if (negative) {
        return AGT_E_RANGE;
    }
    *ret_number = number;
    return AGT_OK;
}

agt_status agt_value_get_double(const agt_value *value, double *ret_number)
{
    if (ret_number == NULL) {
        return AGT_E_INVALID;
    }
    if (agt_value_get_kind(value) != AGT_VALUE_NUMBER) {
        return AGT_E_TYPE;
    }
    if ((value->flags & AGT__VALUE_TEXT) == 0) {
        *ret_number = value->flags & AGT__VALUE_UNSIGNED ? (double)value->as.natural
                                                         : (double)value->as.integer;
        return AGT_OK;
    }
    bool finite = agt__double_read(value->as.string.bytes, value->as.string.length, ret_number);
    return finite ? AGT_OK : AGT_E_RANGE;
}
