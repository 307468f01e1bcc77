/* Retry-After: seconds, dates, and what is neither. */
#include "net/retry_after.h"

#include "support/test.h"

/* 1994-11-06 08:49:37 UTC */
#define NOW_NS (UINT64_C(784111777) * 1000000000)

static void texts_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ms;
    } cases[] = {
        {"120", 120000},
        {"0", 1},
        {"1.5", 1500},
        {"0.0625", 62},
        {"4294967", 4294967000},
        {"4294968", AGT_MS_NONE - 1},
        {"99999999999999999999999999", AGT_MS_NONE - 1},
        {"", 0},
        {"soon", 0},
        {"-1", 0},
        {"1 s", 0},
        {".5", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 1},
        {"Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {"Sun, 06 Nov 1994 08:49:36 GMT", 1},
        {"Tue, 29 Feb 2000 00:00:00 GMT", AGT_MS_NONE - 1},
        {"Mon, 07 Nov 1994 08:49:37 GMT", 86400000},
        {"Sun, 06 Nov 1994 08:49:37 UTC", 0},
        {"Sun, 06 Foo 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 24:49:37 GMT", 0},
        {"Sun, 00 Nov 1994 08:49:37 GMT", 0},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 0},
        {"Sun Nov  6 08:49:37 1994", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t ms = agt__http_read_retry_after(cases[i].text, NOW_NS);
        if (ms != cases[i].ms) {
            fail_msg("\"%s\": %u", cases[i].text, (unsigned)ms);
        }
    }
}

/* Every first of a month since 1970 is the day after the last one. */
static void dates_are_right(void **state)
{
    (void)state;
    static const char *const dates[] = {
        "Thu, 01 Jan 1970 00:00:01 GMT", "Sun, 01 Mar 1970 00:00:01 GMT",
        "Thu, 29 Feb 1996 00:00:01 GMT", "Wed, 01 Mar 2000 00:00:01 GMT",
        "Fri, 31 Dec 2027 23:59:59 GMT", "Mon, 01 Mar 2100 00:00:00 GMT"};
    static const uint64_t seconds[] = {1, 5097601, 825552001, 951868801, 1830297599, 4107542400};
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        uint64_t before_ns = seconds[i] * 1000000000 - 500000000;
        assert_int_equal(agt__http_read_retry_after(dates[i], before_ns), 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(dates_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
