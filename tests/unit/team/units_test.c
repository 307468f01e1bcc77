/*
 * units_test.c - durations, money and sizes: read exactly, or refused.
 */
#include "agent_sdk/team.h"
#include "team/team.h"

#include "support/test.h"

#include <string.h>

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        agt_status status;
        uint32_t ms;
    } cases[] = {
        {"250ms", AGT_OK, 250},
        {"5s", AGT_OK, 5000},
        {"1.5m", AGT_OK, 90000},
        {"2h", AGT_OK, 7200000},
        {"0.001s", AGT_OK, 1},
        {"0.0001s", AGT_OK, 1}, /* rounded up: a limit stays one */
        {"1193h", AGT_OK, 4294800000u},
        {"none", AGT_OK, AGT_MS_NONE},
        {"0s", AGT_E_RANGE, 0},
        {"1194h", AGT_E_RANGE, 0},
        {"999999999999h", AGT_E_RANGE, 0},
        {"5", AGT_E_SYNTAX, 0},
        {"", AGT_E_SYNTAX, 0},
        {"s", AGT_E_SYNTAX, 0},
        {"-5s", AGT_E_SYNTAX, 0},
        {"5 s", AGT_E_SYNTAX, 0},
        {"5S", AGT_E_SYNTAX, 0},
        {"1e3s", AGT_E_SYNTAX, 0},
        {"1.2.3s", AGT_E_SYNTAX, 0},
        {"None", AGT_E_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t ms = 0;
        assert_int_equal(agt_team_parse_duration(cases[i].text, &ms), cases[i].status);
        assert_int_equal(ms, cases[i].ms);
    }
    uint32_t ms = 0;
    assert_int_equal(agt_team_parse_duration(NULL, &ms), AGT_E_INVALID);
    assert_int_equal(agt_team_parse_duration("1s", NULL), AGT_E_INVALID);
}

static void money(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        agt_status status;
        int64_t nanousd;
    } cases[] = {
        {"0.05", AGT_OK, 50000000},
        {"$0.05", AGT_OK, 50000000},
        {"1", AGT_OK, 1000000000},
        {"0.000000001", AGT_OK, 1},
        {"9000000000", AGT_OK, INT64_C(9000000000000000000)},
        {"0.0000000001", AGT_E_RANGE, 0},
        {"10000000000", AGT_E_RANGE, 0},
        {"-1", AGT_E_SYNTAX, 0},
        {"1e3", AGT_E_SYNTAX, 0},
        {"", AGT_E_SYNTAX, 0},
        {"$", AGT_E_SYNTAX, 0},
        {"1,50", AGT_E_SYNTAX, 0},
        {"$$1", AGT_E_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t nanousd = 0;
        assert_int_equal(agt_team_parse_money(cases[i].text, &nanousd), cases[i].status);
        assert_int_equal(nanousd, cases[i].nanousd);
    }
    assert_int_equal(agt_team_parse_money("1", NULL), AGT_E_INVALID);
}

static agt_value *parse(const char *json)
{
    agt_value *value = NULL;
    assert_int_equal(agt_json_parse(NULL, json, strlen(json), NULL, &value, NULL), AGT_OK);
    return value;
}

static void values_of_a_file(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        agt_status status;
        uint64_t bytes;
    } sizes[] = {
        {"\"512MiB\"", AGT_OK, 536870912},
        {"\"3GB\"", AGT_OK, 3000000000},
        {"\"1KB\"", AGT_OK, 1000},
        {"\"7B\"", AGT_OK, 7},
        {"4096", AGT_OK, 4096},
        {"\"0B\"", AGT_E_RANGE, 0},
        {"\"999999999999GiB\"", AGT_E_RANGE, 0},
        {"\"99999999999999999999B\"", AGT_E_RANGE, 0},
        {"\"1 MB\"", AGT_E_SYNTAX, 0},
        {"1.5", AGT_E_RANGE, 0},
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t bytes = 0;
        agt_value *value = parse(sizes[i].json);
        assert_int_equal(agt__team_read_size(value, &bytes), sizes[i].status);
        assert_int_equal(bytes, sizes[i].bytes);
        agt_value_unref(value);
    }
    uint32_t ms = 7;
    int64_t nanousd = 7;
    agt_value *number = parse("0.10"), *count = parse("1500"), *large = parse("4294967295");
    assert_int_equal(agt__team_read_money(number, &nanousd), AGT_OK);
    assert_int_equal(nanousd, 100000000);
    assert_int_equal(agt__team_read_duration(count, &ms), AGT_OK);
    assert_int_equal(ms, 1500);
    assert_int_equal(agt__team_read_duration(large, &ms), AGT_E_RANGE);
    assert_int_equal(agt__team_read_duration(number, &ms), AGT_E_RANGE);
    assert_int_equal(agt__team_read_count(count), 1500);
    assert_int_equal(agt__team_read_count(number), 0);
    agt_value_unref(number);
    agt_value_unref(count);
    agt_value_unref(large);
}

static void what_is_not_there_is_the_default(void **state)
{
    (void)state;
    uint32_t ms = 7;
    int64_t nanousd = 7;
    uint64_t bytes = 7;
    assert_int_equal(agt__team_read_duration(NULL, &ms), AGT_OK);
    assert_int_equal(agt__team_read_money(NULL, &nanousd), AGT_OK);
    assert_int_equal(agt__team_read_size(NULL, &bytes), AGT_OK);
    assert_int_equal(ms, 0);
    assert_int_equal(nanousd, 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(agt__team_read_count(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(money),
        cmocka_unit_test(values_of_a_file),
        cmocka_unit_test(what_is_not_there_is_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
