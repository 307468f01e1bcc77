/* Decimals to billionths and back, without a detour through floating point. */
#include "telemetry/money.h"

#include "agent_sdk/telemetry.h"

#include <stdio.h>

enum {
    PLACES = 9,
    NANO = 1000000000
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool add_digit(int64_t *number, int digit)
{
    return !__builtin_mul_overflow(*number, (int64_t)10, number) &&
           !__builtin_add_overflow(*number, (int64_t)digit, number);
}

agt_status agt__decimal_parse(const char *text, size_t length, int64_t *ret_number)
{
    int64_t number = 0;
    size_t digits = 0;
    int places = -1; /* before the point */
    bool fits = true;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' && places < 0 && digits > 0) {
            places = 0;
            digits = 0;
        } else if (is_digit(text[i])) {
            digits++;
            places += places >= 0;
            fits = fits && places <= PLACES && add_digit(&number, text[i] - '0');
        } else {
            return AGT_E_SYNTAX;
        }
    }
    if (digits == 0) {
        return AGT_E_SYNTAX;
    }
    for (int i = places < 0 ? 0 : places; i < PLACES; i++) {
        fits = fits && add_digit(&number, 0);
    }
    if (!fits) {
        return AGT_E_RANGE;
    }
    *ret_number = number;
    return AGT_OK;
}

void agt__dollars_write(int64_t nanousd, char ret_text[AGT__DOLLARS_BYTES])
{
    if (nanousd == AGT_NANOUSD_UNKNOWN) {
        (void)snprintf(ret_text, AGT__DOLLARS_BYTES, "unknown");
        return;
    }
    uint64_t amount = nanousd < 0 ? (uint64_t)-nanousd : (uint64_t)nanousd;
    int length = snprintf(ret_text, AGT__DOLLARS_BYTES, "%s$%llu.%09llu", nanousd < 0 ? "-" : "",
                          (unsigned long long)(amount / NANO), (unsigned long long)(amount % NANO));
    int shortest = length - PLACES + 2;
    while (length > shortest && ret_text[length - 1] == '0') {
        ret_text[--length] = '\0';
    }
}
