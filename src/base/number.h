/*
 * Exact numbers: JSON number text, its decimal meaning, comparing and dividing without rounding,
 * and doubles both ways whatever the locale.
 */
#ifndef AGT_BASE_NUMBER_H
#define AGT_BASE_NUMBER_H

#include "agent_sdk/value.h"

enum {
    AGT__NUMBER_TEXT_MAX = 4096 + 40, /* room for any number in normal form, with its NUL       */
    AGT__DOUBLE_TEXT_MAX = 40
};

/*
 * A number taken apart: (negative ? -1 : 1) * 0.d1d2…dn * 10^point. The digits lie in two runs
 * (before and behind the decimal point), the first and the last one are not 0; zero has none.
 */
typedef struct agt__decimal {
    const char *run[2]; /* into the number's text, or into `digits`                             */
    uint32_t size[2];
    int64_t point;
    bool negative;
    char digits[24];
} agt__decimal;

/** Digit @i of @decimal, as a character; 0 behind the last one. */
static inline char agt__decimal_digit(const agt__decimal *decimal, uint32_t i)
{
    uint32_t first = decimal->size[0];
    return i < first                      ? decimal->run[0][i]
           : i - first < decimal->size[1] ? decimal->run[1][i - first]
                                          : '0';
}

/**
 * Check that @text is one JSON number, no longer than 4,096 bytes, its exponent no longer than 18
 * digits.
 *
 * @return AGT_OK; AGT_E_SYNTAX; AGT_E_LIMIT
 */
AGT_MUST_CHECK agt_status agt__number_check(const char *text, size_t length);

/** Take @number apart, which must be one; the result refers to it and to itself: do not copy. */
void agt__decimal_read(agt__decimal *decimal, const agt_value *number);

/**
 * Write @decimal in the layout that RFC 8785 gives to doubles: 0.001, 120, 1.5e+30, 1e-7.
 *
 * @param target  AGT__NUMBER_TEXT_MAX bytes, or AGT__DOUBLE_TEXT_MAX for up to 17 digits;
 *                NUL-terminated
 * @return its length
 */
size_t agt__decimal_write(const agt__decimal *decimal, char *target);

/** The mathematical order of two numbers: -1, 0 or 1. */
int agt__number_compare(const agt_value *a, const agt_value *b);

/**
 * Whether @number is an integer times @divisor, exactly (JSON Schema's multipleOf). False if
 * @divisor is zero or either is no number.
 */
bool agt__number_is_multiple(const agt_value *number, const agt_value *divisor);

/**
 * Write the normal form of @number: the layout of RFC 8785 with all of its digits.
 *
 * @param target  AGT__NUMBER_TEXT_MAX bytes; NUL-terminated
 * @return its length
 */
size_t agt__number_write_normal(const agt_value *number, char *target);

/**
 * Write the shortest decimal that reads back as @number, which is finite, in the layout of RFC 8785
 * (but -0 stays "-0").
 *
 * @param target  AGT__DOUBLE_TEXT_MAX bytes; NUL-terminated
 * @return its length
 */
size_t agt__double_write(double number, char *target);

/** The double nearest to JSON number text, which is NUL-terminated; false beyond the doubles. */
bool agt__double_read(const char *text, size_t length, double *ret_number);

/** Write an integer; the length. @target has room for 24 bytes and gets a NUL. */
size_t agt__int64_write(int64_t number, char *target);
size_t agt__uint64_write(uint64_t number, char *target);

/** The text of @number as it is written: its own, or that of its integer in @scratch (24 bytes). */
const char *agt__number_text(const agt_value *number, char *scratch, size_t *ret_length);

#endif
