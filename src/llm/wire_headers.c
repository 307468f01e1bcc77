/*
 * What the headers of a response say of limits: how much is left, when there is more, and how long
 * to stay away.
 *
 * Two families of names for the same. Anthropic: anthropic-ratelimit-WHAT-FIELD, a reset is a time
 * of RFC 3339. OpenAI and those who follow it: x-ratelimit-FIELD-WHAT, a reset is a duration such
 * as "6m0s". What cannot be read is left unknown: a header is no reason for a request to fail.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire.h"
#include "net/retry_after.h"

#include <string.h>

#define UNKNOWN UINT64_MAX

enum {
    digits_max = 18
};

/* ---- numbers and times ------------------------------------------------------------------------
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at *text, which moves behind them; UNKNOWN if there are none, or too many. */
static uint64_t read_digits(const char **text)
{
    uint64_t number = 0;
    size_t count = 0;
    for (; is_digit(**text); (*text)++, count++) {
        if (count < digits_max) {
            number = number * 10 + (uint64_t)(**text - '0');
        }
    }
    return count > 0 && count <= digits_max ? number : UNKNOWN;
}

static uint64_t read_count(const char *text)
{
    uint64_t number = read_digits(&text);
    return *text == '\0' ? number : UNKNOWN;
}

/* Milliseconds in one of @unit, which has @length letters; 0 if it is no unit. */
static uint64_t unit_ms(const char *unit, size_t length)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, unit, length) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

/* "1s", "6m0s", "120ms", "2m59.56s"; a number alone is seconds. Rounded up, so that nobody comes
 * too early. */
static uint64_t read_duration_ms(const char *text)
{
    uint64_t total = 0;
    if (*text == '\0') {
        return UNKNOWN;
    }
    while (*text != '\0') {
        uint64_t number = read_digits(&text);
        uint64_t fraction = 0;
        uint64_t scale = 1;
        if (*text == '.') {
            for (text++; is_digit(*text); text++) {
                if (scale < 1000000) {
                    fraction = fraction * 10 + (uint64_t)(*text - '0');
                    scale *= 10;
                }
            }
        }
        size_t letters = strcspn(text, "0123456789.");
        uint64_t unit = letters == 0 && *text == '\0' ? 1000 : unit_ms(text, letters);
        if (letters == 2 && (text[0] == 'u' || text[0] == 'n') && text[1] == 's') {
            number = number == UNKNOWN ? UNKNOWN : 1; /* less than anybody waits for */
            unit = 1;
            fraction = 0;
        }
        if (number > UINT32_MAX || unit == 0 || total > UINT32_MAX * UINT64_C(86400000)) {
            return UNKNOWN;
        }
        total += number * unit + (fraction * unit + scale - 1) / scale;
        text += letters;
    }
    return total;
}

/* @count digits at @text followed by @after, or by anything if that is 0. */
static bool read_field(const char *text, size_t count, char after, uint32_t *ret_number)
{
    uint32_t number = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    *ret_number = number;
    return after == '\0' || text[count] == after;
}

/* The offset at the end of a time: "Z", "+01:00"; minutes to subtract. */
static bool read_offset(const char *text, int64_t *ret_minutes)
{
    uint32_t hours, minutes;
    if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
        *ret_minutes = 0;
        return true;
    }
    if ((text[0] != '+' && text[0] != '-') || !read_field(text + 1, 2, ':', &hours) ||
        !read_field(text + 4, 2, 0, &minutes) || text[6] != '\0') {
        return false;
    }
    *ret_minutes = (text[0] == '-' ? -1 : 1) * ((int64_t)hours * 60 + minutes);
    return true;
}

/* "2026-08-21T10:00:05Z" as milliseconds from now; 0 if it has passed. */
static uint64_t read_time_ms(const char *text, uint64_t unix_ns)
{
    uint32_t year, month, day, hour, minute, second;
    uint64_t ms = 0;
    int64_t offset = 0;
    if (!read_field(text, 4, '-', &year) || !read_field(text + 5, 2, '-', &month) ||
        !read_field(text + 8, 2, 0, &day) || strchr("Tt ", text[10]) == NULL || text[10] == '\0' ||
        !read_field(text + 11, 2, ':', &hour) || !read_field(text + 14, 2, ':', &minute) ||
        !read_field(text + 17, 2, 0, &second) || year < 1971 || month < 1 || month > 12 ||
        day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) {
        return UNKNOWN;
    }
    text += 19;
    if (*text == '.') {
        uint64_t unit = 100;
        for (text++; is_digit(*text); text++, unit /= 10) {
            ms += (uint64_t)(*text - '0') * unit;
        }
    }
    if (!read_offset(text, &offset)) {
        return UNKNOWN;
    }
    int64_t then = (int64_t)(agt__days_since_epoch(year, month, day) * 86400 + hour * 3600u +
                             minute * 60u + second) *
                       1000 +
                   (int64_t)ms - offset * 60000;
    int64_t now = (int64_t)(unix_ns / 1000000u);
    return then > now ? (uint64_t)(then - now) : 0;
}

/* ---- limits -----------------------------------------------------------------------------------
 */

/* The end of @text behind @prefix; NULL if it begins otherwise. */
static const char *skip(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

typedef struct target {
    uint64_t *limit, *remaining, *reset_ms;
} target;

static void take(uint64_t *place, uint64_t number, bool *found)
{
    if (number != UNKNOWN) {
        *place = number;
        *found = true;
    }
}

/* @field of @place is @value; resets of Anthropic are times. */
static void take_field(const target *place, const char *field, const char *value, bool is_time,
                       uint64_t unix_ns, bool *found)
{
    if (strcmp(field, "limit") == 0) {
        take(place->limit, read_count(value), found);
    } else if (strcmp(field, "remaining") == 0) {
        take(place->remaining, read_count(value), found);
    } else if (strcmp(field, "reset") == 0) {
        take(place->reset_ms, is_time ? read_time_ms(value, unix_ns) : read_duration_ms(value),
             found);
    }
}

bool agt__wire_read_limits(const agt_kv *headers, size_t count, uint64_t unix_ns,
                           agt_rate_limits *ret_limits)
{
    static const char *const names[] = {"requests", "tokens", "input-tokens", "output-tokens"};
    static const char *const fields[] = {"limit", "remaining", "reset"};
    agt_rate_limits own = {
        .struct_size = sizeof(own),
        .received_unix_ns = unix_ns,
        .requests_limit = UNKNOWN,
        .requests_remaining = UNKNOWN,
        .requests_reset_ms = UNKNOWN,
        .tokens_limit = UNKNOWN,
        .tokens_remaining = UNKNOWN,
        .tokens_reset_ms = UNKNOWN,
        .input_limit = UNKNOWN,
        .input_remaining = UNKNOWN,
        .input_reset_ms = UNKNOWN,
        .output_limit = UNKNOWN,
        .output_remaining = UNKNOWN,
        .output_reset_ms = UNKNOWN,
    };
    const target places[] = {
        {&own.requests_limit, &own.requests_remaining, &own.requests_reset_ms},
        {&own.tokens_limit, &own.tokens_remaining, &own.tokens_reset_ms},
        {&own.input_limit, &own.input_remaining, &own.input_reset_ms},
        {&own.output_limit, &own.output_remaining, &own.output_reset_ms},
    };
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        const char *rest = skip(headers[i].key, "anthropic-ratelimit-");
        const char *other = skip(headers[i].key, "x-ratelimit-");
        for (size_t n = 0; n < 4; n++) {
            const char *end = rest != NULL ? skip(rest, names[n]) : NULL;
            if (end != NULL && end[0] == '-') {
                take_field(&places[n], end + 1, headers[i].value, true, unix_ns, &found);
            }
            for (size_t f = 0; f < 3 && other != NULL; f++) {
                end = skip(other, fields[f]);
                if (end != NULL && end[0] == '-' && strcmp(end + 1, names[n]) == 0) {
                    take_field(&places[n], fields[f], headers[i].value, false, unix_ns, &found);
                }
            }
        }
    }
    if (found) {
        *ret_limits = own;
    }
    return found;
}

/* ---- how long to stay away --------------------------------------------------------------------
 */

static const char *find_header(const agt_kv *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(headers[i].key, name) == 0) {
            return headers[i].value;
        }
    }
    return NULL;
}

uint32_t agt__wire_read_retry_after_ms(const agt_kv *headers, size_t count, uint64_t unix_ns)
{
    const char *exact = find_header(headers, count, "retry-after-ms");
    const char *text = find_header(headers, count, "retry-after");
    if (exact != NULL) {
        uint64_t ms = read_digits(&exact);
        if (ms != UNKNOWN && (*exact == '\0' || *exact == '.')) {
            ms = ms > 0 ? ms : 1; /* it does say something */
            return ms < AGT_MS_NONE ? (uint32_t)ms : AGT_MS_NONE - 1;
        }
    }
    return text != NULL ? agt__http_read_retry_after(text, unix_ns) : 0;
}
