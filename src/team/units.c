/*
 * Durations, money and sizes as people write them, read exactly: no floating point anywhere.
 *
 * A duration is a decimal with a unit (ms, s, m, h); what is less than a millisecond is rounded up,
 * so that a limit never becomes "none" by rounding. A number without a unit counts milliseconds.
 */
#include "base/number.h"
#include "team/team.h"
#include "telemetry/money.h"

#include <string.h>

/* The decimal at the beginning of @text in units of 1e-9, and where it ends. */
static agt_status read_decimal(const char *text, int64_t *ret_number, const char **ret_end)
{
    size_t length = strspn(text, "0123456789.");
    *ret_end = text + length;
    return agt__decimal_parse(text, length, ret_number);
}

agt_status agt_team_parse_duration(const char *text, uint32_t *ret_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    if (text == NULL || ret_ms == NULL) {
        return AGT_E_INVALID;
    }
    if (strcmp(text, "none") == 0) {
        *ret_ms = AGT_MS_NONE;
        return AGT_OK;
    }
    int64_t number = 0;
    const char *unit = NULL;
    agt_status status = read_decimal(text, &number, &unit);
    if (status != AGT_OK) {
        return status;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) == 0) {
            /* number counts 1e-9 of a unit: the product may need more than 64 bits */
            unsigned __int128 ms =
                ((unsigned __int128)number * units[i].ms + 999999999) / 1000000000;
            if (ms == 0 || ms >= AGT_MS_NONE) {
                return AGT_E_RANGE;
            }
            *ret_ms = (uint32_t)ms;
            return AGT_OK;
        }
    }
    return AGT_E_SYNTAX;
}

agt_status agt_team_parse_money(const char *text, int64_t *ret_nanousd)
{
    if (text == NULL || ret_nanousd == NULL) {
        return AGT_E_INVALID;
    }
    text += *text == '$';
    return agt__decimal_parse(text, strlen(text), ret_nanousd);
}

agt_status agt__team_read_duration(const agt_value *value, uint32_t *ret_ms)
{
    *ret_ms = 0;
    if (value == NULL) {
        return AGT_OK;
    }
    const char *text = agt_value_get_string(value, NULL);
    if (text != NULL) {
        return agt_team_parse_duration(text, ret_ms);
    }
    uint64_t ms = 0;
    agt_status status = agt_value_get_uint64(value, &ms);
    if (status == AGT_OK && (ms == 0 || ms >= AGT_MS_NONE)) {
        return AGT_E_RANGE;
    }
    *ret_ms = (uint32_t)ms;
    return status;
}

agt_status agt__team_read_money(const agt_value *value, int64_t *ret_nanousd)
{
    *ret_nanousd = 0;
    if (value == NULL) {
        return AGT_OK;
    }
    char scratch[AGT__NUMBER_TEXT_MAX];
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    if (text == NULL) {
        text = agt__number_text(value, scratch, &length);
    }
    return agt__decimal_parse(text, length, ret_nanousd);
}

agt_status agt__team_read_size(const agt_value *value, uint64_t *ret_bytes)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"B", 1},      {"KB", 1000},     {"MB", 1000000},     {"GB", 1000000000},
        {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824},
    };
    *ret_bytes = 0;
    const char *text = agt_value_get_string(value, NULL);
    if (text == NULL) {
        return value == NULL ? AGT_OK : agt_value_get_uint64(value, ret_bytes);
    }
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (number > UINT64_MAX / 16) {
            return AGT_E_RANGE;
        }
        number = number * 10 + (uint64_t)(*text - '0');
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text, units[i].name) == 0) {
            if (number == 0 || number > (UINT64_MAX >> 1) / units[i].bytes) {
                return AGT_E_RANGE;
            }
            *ret_bytes = number * units[i].bytes;
            return AGT_OK;
        }
    }
    return AGT_E_SYNTAX;
}

uint32_t agt__team_read_count(const agt_value *value)
{
    uint64_t count = 0;
    if (value == NULL || agt_value_get_uint64(value, &count) != AGT_OK) {
        return 0;
    }
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

agt_status agt__team_read_retry(const agt_value *value, agt_retry *ret_retry)
{
    uint64_t jitter = 0;
    agt_retry retry = AGT_CONFIG(agt_retry);
    retry.attempts_max = agt__team_read_count(agt_value_get_member(value, "attempts"));
    if (agt_value_get_uint64(agt_value_get_member(value, "jitter"), &jitter) == AGT_OK) {
        retry.jitter_percent = jitter == 0 ? AGT_MS_NONE : (uint32_t)jitter;
    }
    agt_status status =
        agt__team_read_duration(agt_value_get_member(value, "delay"), &retry.delay_ms);
    if (status == AGT_OK) {
        status =
            agt__team_read_duration(agt_value_get_member(value, "delay_max"), &retry.delay_max_ms);
    }
    if (status == AGT_OK) {
        status = agt__team_read_duration(agt_value_get_member(value, "retry_after_max"),
                                         &retry.retry_after_max_ms);
    }
    *ret_retry = retry;
    return status;
}
