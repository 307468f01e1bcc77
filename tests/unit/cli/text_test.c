/*
 * text_test.c - text of others on a terminal, and figures for people.
 */
#include "cli/terminal.h"
#include "cli/text.h"

#include "agent_sdk/telemetry.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

static void expect_clean(const char *text, size_t length, cli_clean how, const char *expected)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    assert_non_null(stream);
    cli_write_clean(stream, text, length, how);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(bytes, expected);
    free(bytes);
}

static void what_does_something_is_shown_instead(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"plain é 日本 😀", "plain é 日本 😀"},
        {"\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m"},
        {"\033]0;title\007", "\\x1b]0;title\\x07"},
        {"a\nb\tc\r", "a\\nb\\tc\\r"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\x9b31m"}, /* CSI as one character */
        {"abc\xe2\x80\xae"
         "fed",
         "abc\\u202efed"},                                /* right-to-left override */
        {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u2066x\\u2069"}, /* isolates */
        {"\xef\xbb\xbfx", "\\ufeffx"},
        {"a\xe2\x80\x8b"
         "b",
         "a\\u200bb"},
        {"\xf3\xa0\x81\x81", "\\ue0041"}, /* a tag */
        {"\xff\xc3(\xed\xa0\x80", "\\xff\\xc3(\\xed\\xa0\\x80"},
        {"\xe2\x82", "\\xe2\\x82"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        expect_clean(cases[i][0], strlen(cases[i][0]), CLI_CLEAN_LINE, cases[i][1]);
        cli_clean_text(text, sizeof(text), cases[i][0]);
        assert_string_equal(text, cases[i][1]);
    }
    expect_clean("a\nb\tc\r\033", 7, CLI_CLEAN_TEXT, "a\nb\tc\\r\\x1b");
    expect_clean("a\0b", 3, CLI_CLEAN_TEXT, "a\\x00b");
}

static void cutting_never_splits_a_character_or_an_escape(void **state)
{
    (void)state;
    char text[8];
    cli_clean_text(text, sizeof(text), "aaaaaaé");
    assert_string_equal(text, "aaaaaa");
    cli_clean_text(text, sizeof(text), "aaaaaaab");
    assert_string_equal(text, "aaaaaaa");
    cli_clean_text(text, sizeof(text), "aaaa\033");
    assert_string_equal(text, "aaaa");
    cli_clean_text(text, sizeof(text), "日本語");
    assert_string_equal(text, "日本");
}

static void expect_cell(const char *text, size_t columns, bool is_unicode, const char *expected)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    assert_non_null(stream);
    cli_write_cell(stream, text, columns, is_unicode);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(bytes, expected);
    free(bytes);
}

static void cells_have_the_width_they_were_given(void **state)
{
    (void)state;
    cli_terminal_set_locale();
    assert_int_equal(cli_text_width("abc"), 3);
    assert_int_equal(cli_text_width("é"), 1);
    assert_int_equal(cli_text_width("e\xcc\x81"), 1); /* a combining accent */
    assert_int_equal(cli_text_width("日本"), 4);
    expect_cell("abc", 5, true, "abc  ");
    expect_cell("abc", 3, true, "abc");
    expect_cell("abcdef", 4, true, "abc…");
    expect_cell("abcdef", 4, false, "abc~");
    expect_cell("日本語", 5, true, "日本…");
    expect_cell("日本語", 4, true, "日… ");
    expect_cell("abc", 0, true, "");
    expect_cell("", 2, true, "  ");
}

static void durations_are_short(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 µs"},
        {999, "0 µs"},
        {83000, "83 µs"},
        {1234567, "1.2 ms"},
        {34000000, "34 ms"},
        {999999999, "999 ms"},
        {2350000000, "2.35 s"},
        {59999000000, "59.99 s"},
        {185000000000, "3 m 05 s"},
        {7800000000000, "2 h 10 m"},
    };
    char text[CLI_FIGURE_BYTES];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cli_format_duration(text, cases[i].ns, true);
        assert_string_equal(text, cases[i].text);
    }
    cli_format_duration(text, 83000, false);
    assert_string_equal(text, "83 us");
}

static void money_is_never_shown_as_nothing(void **state)
{
    (void)state;
    static const struct {
        int64_t nanousd;
        const char *text, *exact;
    } cases[] = {
        {0, "$0.00", "0.00"},
        {1, "$0.000000001", "0.000000001"},
        {9999, "$0.000009999", "0.000009999"},
        {12345, "$0.00001", "0.000012345"},
        {42000000, "$0.042", "0.042"},
        {1500000000, "$1.50", "1.50"},
        {INT64_C(1234567890123), "$1234.56789", "1234.567890123"},
        {-1500000000, "$-1.50", "-1.50"},
        {AGT_NANOUSD_UNKNOWN, "unknown", "unknown"},
    };
    char text[CLI_FIGURE_BYTES];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cli_format_money(text, cases[i].nanousd);
        assert_string_equal(text, cases[i].text);
        cli_format_decimal(text, cases[i].nanousd);
        assert_string_equal(text, cases[i].exact);
    }
}

static void counts_and_times(void **state)
{
    (void)state;
    char text[CLI_FIGURE_BYTES];
    static const struct {
        uint64_t count;
        const char *text;
    } cases[] = {{0, "0"},
                 {950, "950"},
                 {1234, "1,234"},
                 {1234567, "1,234,567"},
                 {UINT64_MAX, "18,446,744,073,709,551,615"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cli_format_count(text, cases[i].count);
        assert_string_equal(text, cases[i].text);
    }
    cli_format_time(text, UINT64_C(1795341600123456789));
    assert_string_equal(text, "2026-11-22T10:00:00.123Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_something_is_shown_instead),
        cmocka_unit_test(cutting_never_splits_a_character_or_an_escape),
        cmocka_unit_test(cells_have_the_width_they_were_given),
        cmocka_unit_test(durations_are_short),
        cmocka_unit_test(money_is_never_shown_as_nothing),
        cmocka_unit_test(counts_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
