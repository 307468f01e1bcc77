/*
 * Money as text: decimals read exactly, amounts written as dollars. Everything else counts in
 * integers of 1e-9.
 */
#ifndef AGT_TELEMETRY_MONEY_H
#define AGT_TELEMETRY_MONEY_H

#include "agent_sdk/base.h"

enum {
    AGT__DOLLARS_BYTES = 32 /* room for any amount as text, its NUL included */
};

/**
 * The decimal in @length bytes of @text ("3", "0.30", no sign, no exponent), in units of 1e-9.
 *
 * @return AGT_OK; AGT_E_SYNTAX if it is no such decimal; AGT_E_RANGE if it has more than nine
 *         places or does not fit
 */
AGT_MUST_CHECK agt_status agt__decimal_parse(const char *text, size_t length, int64_t *ret_number);

/** Write nano-dollars as "$0.0425": exact, at least two places. "unknown" for what is unknown. */
void agt__dollars_write(int64_t nanousd, char ret_text[AGT__DOLLARS_BYTES]);

/** @a + @b, stopping at the largest and the smallest number. */
static inline int64_t agt__add_clamped(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b > 0 ? INT64_MAX : INT64_MIN + 1;
    }
    return sum;
}

#endif
