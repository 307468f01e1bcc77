/*
 * Headers that speak of limits: both families, times and durations, and whatever else a server or a
 * gateway may write there.
 */
#include "llm/wire.h"

#include "support/test.h"

#define UNKNOWN      UINT64_MAX
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* 2026-11-22T10:00:00Z */
static const uint64_t now_ns = UINT64_C(1795341600) * 1000000000u;

static void limits_of_anthropic(void **state)
{
    (void)state;
    static const agt_kv headers[] = {
        {"content-type", "application/json"},
        {"anthropic-ratelimit-requests-limit", "50"},
        {"anthropic-ratelimit-requests-remaining", "49"},
        {"anthropic-ratelimit-requests-reset", "2026-11-22T10:00:05Z"},
        {"anthropic-ratelimit-tokens-limit", "100000"},
        {"anthropic-ratelimit-tokens-remaining", "99000"},
        {"anthropic-ratelimit-tokens-reset", "2026-11-22T12:00:00.5+02:00"},
        {"anthropic-ratelimit-input-tokens-limit", "80000"},
        {"anthropic-ratelimit-input-tokens-remaining", "0"},
        {"anthropic-ratelimit-input-tokens-reset", "2026-11-22T09:59:00Z"},
        {"anthropic-ratelimit-output-tokens-limit", "8000"},
        {"anthropic-ratelimit-output-tokens-remaining", "7000"},
        {"anthropic-ratelimit-output-tokens-reset", "2027-01-01T00:00:00Z"},
        {"anthropic-ratelimit-unified-status", "allowed"},
        {"anthropic-ratelimit-requests", "1"},
    };
    agt_rate_limits limits = {0};
    assert_true(agt__wire_read_limits(headers, COUNT(headers), now_ns, &limits));
    assert_int_equal(limits.struct_size, sizeof(limits));
    assert_int_equal(limits.received_unix_ns, now_ns);
    assert_int_equal(limits.requests_limit, 50);
    assert_int_equal(limits.requests_remaining, 49);
    assert_int_equal(limits.requests_reset_ms, 5000);
    assert_int_equal(limits.tokens_limit, 100000);
    assert_int_equal(limits.tokens_remaining, 99000);
    assert_int_equal(limits.tokens_reset_ms, 500);
    assert_int_equal(limits.input_limit, 80000);
    assert_int_equal(limits.input_remaining, 0);
    assert_int_equal(limits.input_reset_ms, 0);
    assert_int_equal(limits.output_limit, 8000);
    assert_int_equal(limits.output_remaining, 7000);
    assert_int_equal(limits.output_reset_ms, UINT64_C(39) * 86400000 + 14 * 3600000);
}

static void limits_of_openai(void **state)
{
    (void)state;
    static const agt_kv headers[] = {
        {"x-ratelimit-limit-requests", "500"},
        {"x-ratelimit-remaining-requests", "499"},
        {"x-ratelimit-reset-requests", "120ms"},
        {"x-ratelimit-limit-tokens", "200000"},
        {"x-ratelimit-remaining-tokens", "x"},
        {"x-ratelimit-reset-tokens", "6m0s"},
        {"x-ratelimit-limit", "7"},
        {"x-ratelimit-reset-tokens-usage-based", "1s"},
    };
    agt_rate_limits limits = {0};
    assert_true(agt__wire_read_limits(headers, COUNT(headers), now_ns, &limits));
    assert_int_equal(limits.requests_limit, 500);
    assert_int_equal(limits.requests_remaining, 499);
    assert_int_equal(limits.requests_reset_ms, 120);
    assert_int_equal(limits.tokens_limit, 200000);
    assert_int_equal(limits.tokens_remaining, UNKNOWN);
    assert_int_equal(limits.tokens_reset_ms, 360000);
    assert_int_equal(limits.input_limit, UNKNOWN);
    assert_int_equal(limits.output_reset_ms, UNKNOWN);
}

static void resets_of_all_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } durations[] = {
        {"1s", 1000},
        {"1h2m3.5s", 3723500},
        {"2m59.56s", 179560},
        {"1d", 86400000},
        {"7", 7000},
        {"0.0014s", 2},
        {"0s", 0},
        {"6ms", 6},
        {"17.5ms", 18},
        {"250us", 1},
        {"", UNKNOWN},
        {"s", UNKNOWN},
        {"1x", UNKNOWN},
        {"-1s", UNKNOWN},
        {"1s ", UNKNOWN},
        {".5s", UNKNOWN},
        {"1 s", UNKNOWN},
        {"99999999999s", UNKNOWN},
        {"1usx", UNKNOWN},
        {"1sssssssssssssssssss", UNKNOWN},
        {"123456789012345678901234567890s", UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(durations); i++) {
        agt_kv header = {"x-ratelimit-reset-requests", durations[i].text};
        agt_rate_limits limits = {0};
        bool found = agt__wire_read_limits(&header, 1, now_ns, &limits);
        assert_int_equal(found, durations[i].ms != UNKNOWN);
        if (found) {
            assert_int_equal(limits.requests_reset_ms, durations[i].ms);
        }
    }
    static const char *const bad_times[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T10:00:05",
        "2026-11-22T10:00:05+1",
        "tomorrow",
        "2026-13-22T10:00:05Z",
        "2026-11-22T25:00:05Z",
        "2026-11-22T10:00:05Zx",
        "1s",
        "0000-00-00T00:00:00Z",
        "2026-11-22T10:00:05+02:0x",
    };
    for (size_t i = 0; i < COUNT(bad_times); i++) {
        agt_kv header = {"anthropic-ratelimit-tokens-reset", bad_times[i]};
        agt_rate_limits limits = {0};
        assert_false(agt__wire_read_limits(&header, 1, now_ns, &limits));
        assert_int_equal(limits.struct_size, 0);
    }
}

/* T42 */
static void how_long_to_stay_away(void **state)
{
    (void)state;
    static const struct {
        const char *exact, *text;
        uint32_t ms;
    } rows[] = {
        {NULL, NULL, 0},
        {NULL, "2", 2000},
        {NULL, "1.5", 1500},
        {NULL, "Sun, 22 Nov 2026 10:00:03 GMT", 3000},
        {NULL, "-1", 0},
        {NULL, "soon", 0},
        {NULL, "0", 1},
        {"250", "7", 250},
        {"0", NULL, 1},
        {"12.5", NULL, 12},
        {"x", "7", 7000},
        {"-5", "7", 7000},
        {"", NULL, 0},
        {"99999999999999999", NULL, AGT_MS_NONE - 1},
        {"99999999999999999999999", "1", 1000},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        agt_kv headers[2];
        size_t count = 0;
        if (rows[i].exact != NULL) {
            headers[count++] = (agt_kv){"retry-after-ms", rows[i].exact};
        }
        if (rows[i].text != NULL) {
            headers[count++] = (agt_kv){"retry-after", rows[i].text};
        }
        assert_int_equal(agt__wire_read_retry_after_ms(headers, count, now_ns), rows[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_anthropic),
        cmocka_unit_test(limits_of_openai),
        cmocka_unit_test(resets_of_all_kinds),
        cmocka_unit_test(how_long_to_stay_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
