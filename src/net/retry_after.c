/*
 * Reading Retry-After. The date is read by hand: strptime() knows only the names of months that the
 * program's locale has, and timegm() is no standard function.
 */
#include "net/retry_after.h"

#include <string.h>

#define DAY_S UINT64_C(86400)

/* Two digits. @return false if they are none */
static bool read_two(const char *text, uint32_t *ret_number)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
        return false;
    }
    *ret_number = (uint32_t)(text[0] - '0') * 10 + (uint32_t)(text[1] - '0');
    return true;
}

static bool read_month(const char *text, uint32_t *ret_month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (uint32_t month = 0; month < 12; month++) {
        if (memcmp(text, names + (size_t)month * 3, 3) == 0) {
            *ret_month = month + 1;
            return true;
        }
    }
    return false;
}

uint64_t agt__days_since_epoch(uint32_t year, uint32_t month, uint32_t day)
{
    /* Years begin in March here, so that the leap day is their last. */
    uint64_t y = month > 2 ? year : year - 1u;
    uint64_t m = month > 2 ? month - 3u : month + 9u;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", to seconds since 1970. @return false if it is none */
static bool read_date(const char *text, size_t length, uint64_t *ret_s)
{
    uint32_t day, month, century, year, hour, minute, second;
    if (length != 29 || memcmp(text + 3, ", ", 2) != 0 || memcmp(text + 25, " GMT", 4) != 0 ||
        text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' ||
        text[22] != ':' || !read_two(text + 5, &day) || !read_month(text + 8, &month) ||
        !read_two(text + 12, &century) || !read_two(text + 14, &year) ||
        !read_two(text + 17, &hour) || !read_two(text + 20, &minute) ||
        !read_two(text + 23, &second)) {
        return false;
    }
    year += century * 100;
    if (year < 1970 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    *ret_s = agt__days_since_epoch(year, month, day) * DAY_S + hour * 3600u + minute * 60u + second;
    return true;
}

static uint32_t bound(uint64_t ms)
{
    return ms == 0 ? 1 : ms < AGT_MS_NONE ? (uint32_t)ms : AGT_MS_NONE - 1;
}

/* "120" or "1.5". @return 0 if it is none */
static uint32_t read_seconds(const char *text, size_t length)
{
    uint64_t ms = 0;
    size_t at = 0;
    while (at < length && text[at] >= '0' && text[at] <= '9') {
        if (ms < AGT_MS_NONE) { /* no more than that is said, however large the number */
            ms = ms * 10 + (uint64_t)(text[at] - '0') * 1000;
        }
        at++;
    }
    if (at == 0) {
        return 0;
    }
    if (at < length && text[at] == '.') {
        uint64_t unit = 100;
        for (at++; at < length && text[at] >= '0' && text[at] <= '9'; at++, unit /= 10) {
            ms += (uint64_t)(text[at] - '0') * unit;
        }
    }
    return at == length ? bound(ms) : 0;
}

uint32_t agt__http_read_retry_after(const char *text, uint64_t unix_ns)
{
    size_t length = strlen(text);
    uint64_t date_s;
    if (!read_date(text, length, &date_s)) {
        return read_seconds(text, length);
    }
    uint64_t now_ms = unix_ns / 1000000u;
    return bound(date_s * 1000 > now_ms ? date_s * 1000 - now_ms : 0);
}
