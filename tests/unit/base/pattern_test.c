/*
 * pattern_test.c - regular expressions: what matches, what is refused and how, and that the work
 * is linear in the text, counted and not timed.
 */
#include "base/pattern.h"

#include <string.h>

#include "base/error.h"
#include "support/test.h"
#include "support/torture.h"

static agt__pattern *compile(const char *text)
{
    agt__pattern *pattern = NULL;
    agt_error err = {0};
    if (agt__pattern_new(NULL, text, strlen(text), &pattern, &err) != AGT_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return pattern;
}

static bool search_n(const char *text, const char *subject, size_t length)
{
    agt__pattern *pattern = compile(text);
    bool found = false;
    assert_int_equal(agt__pattern_search(pattern, subject, length, NULL, &found), AGT_OK);
    agt__pattern_free(pattern);
    return found;
}

static void match(const char *text, const char *subject)
{
    if (!search_n(text, subject, strlen(subject))) {
        fail_msg("%s should match \"%s\"", text, subject);
    }
}

static void differ(const char *text, const char *subject)
{
    if (search_n(text, subject, strlen(subject))) {
        fail_msg("%s should not match \"%s\"", text, subject);
    }
}

static void refuse(const char *text, agt_status expected, uint32_t column, const char *words)
{
    agt__pattern *pattern = NULL;
    agt_error err = {0};
    agt_status status = agt__pattern_new(NULL, text, strlen(text), &pattern, &err);
    if (status != expected) {
        fail_msg("%s: got %s, expected %s", text, agt_status_get_name(status),
                 agt_status_get_name(expected));
    }
    assert_null(pattern);
    if (strstr(err.message, words) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.message, words);
    }
    assert_int_equal(err.status, expected);
    assert_int_equal(err.column, column);
    assert_int_equal(agt__pattern_new(NULL, text, strlen(text), &pattern, NULL), expected);
}

static void test_characters(void **state)
{
    (void)state;
    match("", "");
    match("", "anything");
    match("b", "abc");
    differ("b", "xyz");
    differ("b", "");
    match("a.c", "abc");
    match("a.c", "a\xE2\x82\xAC"
                 "c"); /* one character, three bytes */
    differ("^a.c$", "a\nc");
    differ("^a.c$", "a\rc");
    differ("^a.c$", "a\xE2\x80\xA8"
                    "c"); /* U+2028 */
    match("\xC3\xA9", "caf\xC3\xA9");
    assert_true(search_n("^a\\0b$", "a\0b", 3));
    assert_false(search_n("^ab$", "a\0b", 3));
}

static void test_anchors(void **state)
{
    (void)state;
    match("^abc$", "abc");
    differ("^abc$", "abc\n"); /* unlike Perl */
    differ("^abc$", "xabc");
    match("^$", "");
    differ("^$", "a");
    match("^a|b", "xb");
    differ("^(a|b)", "xb");
    match("a$|^b", "bx");
    match("(^|x)a", "xa");
    match("(^|x)a", "a");
    differ("(^|x)a", "ya");
    match("$", "abc");
    differ("$a", "a");
    differ("a^", "a");
    match("(?:^)+a", "a");
}

static void test_word_boundaries(void **state)
{
    (void)state;
    match("\\bfoo\\b", "a foo b");
    match("\\bfoo\\b", "foo");
    differ("\\bfoo\\b", "foobar");
    match("\\Boo\\b", "foo");
    differ("\\Boo", "oo");
    match("\\Boo", "_oo"); /* `_` is a word character */
    differ("\\b", "");
    match("\\B", "");
    differ("^\\b$", "");
    match("\\b\xC3\xA9\\b|\\B", "\xC3\xA9"); /* `é` is none */
    differ("\\b\xC3\xA9", " \xC3\xA9");
}

static void test_alternatives_and_groups(void **state)
{
    (void)state;
    match("^(?:cat|dog|bird)$", "dog");
    match("^(cat|dog|bird)$", "bird");
    differ("^(cat|dog|bird)$", "catdog");
    match("^(?<kind>cat|dog)s?$", "dogs");
    match("^(|a)$", "");
    match("^(a|)$", "a");
    match("^a||b$", "x");
    match("^((a|b)(c|d))+$", "acbdad");
    differ("^((a|b)(c|d))+$", "acb");
    match("^()$", "");
}

static void test_quantifiers(void **state)
{
    (void)state;
    match("^ab*c$", "ac");
    match("^ab*c$", "abbbc");
    match("^ab+c$", "abc");
    differ("^ab+c$", "ac");
    match("^ab?c$", "ac");
    differ("^ab?c$", "abbc");
    match("^a*?$", "aaa");
    match("^a+?b??$", "aab");
    match("^(a*)*$", "aaaa");
    match("^(a*)+$", "");
    differ("^(a*)*b$", "aaaa");
    match("^(a|b*)*c$", "abbbac");
}

static void test_counts(void **state)
{
    (void)state;
    match("^a{3}$", "aaa");
    differ("^a{3}$", "aa");
    differ("^a{3}$", "aaaa");
    match("^a{2,}$", "aaaaa");
    differ("^a{2,}$", "a");
    match("^a{2,4}$", "aa");
    match("^a{2,4}$", "aaaa");
    differ("^a{2,4}$", "aaaaa");
    match("^a{0}$", "");
    differ("^a{0}$", "a");
    match("^ba{0,2}$", "ba");
    match("^a{0,}$", "");
    match("^(ab){2}$", "abab");
    match("^(ab|c){2,3}d$", "abcabd");
    differ("^(ab|c){2,3}d$", "abd");
    match("^(a{2}){3}$", "aaaaaa");
    differ("^(a{2}){3}$", "aaaaa");
    match("^(a?){3}$", "");
    match("^(){5,9}$", "");
    match("^(a{0,2}b){2,}$", "bab");
    match("^\\d{4}-\\d{2}-\\d{2}$", "2026-01-31");
    match("^a{1,}?b$", "aab");
    match("^(?:x(y{1,2}|z){1,3}){2}$", "xyyzyxz");
}

static void test_braces_that_count_nothing(void **state)
{
    (void)state;
    match("^{$", "{");
    match("^a{$", "a{");
    match("^a{b}$", "a{b}");
    match("^a{,3}$", "a{,3}");
    match("^a{1$", "a{1");
    match("^{\\d+}$", "{42}");
    match("^\\$\\{[a-z]+\\}$", "${name}");
    match("^]$", "]");
}

static void test_classes(void **state)
{
    (void)state;
    match("^[abc]$", "b");
    differ("^[abc]$", "d");
    match("^[a-cx-z]+$", "abcxyz");
    differ("^[a-c]$", "d");
    match("^[^a-c]$", "d");
    differ("^[^a-c]$", "b");
    match("^[^a]$", "\xF0\x9F\x98\x80"); /* one character, four bytes */
    match("^[-a]+$", "a-");
    match("^[a-]+$", "a-");
    match("^[\\w-.]+$", "a-b.c");
    match("^[\\w-\\.]+$", "a-b.c");
    match("^[+-]$", "-");
    match("^[a\\-z]+$", "a-z");
    differ("^[a\\-z]$", "b");
    match("^[.*+?^${}()|/]+$", ".*+?^${}()|/");
    match("^[\\]\\\\]+$", "\\]");
    match("^[\\b]$", "\b");
    differ("[]", "a");
    match("^[^]$", "\n");
    match("^[\\d\\s]+$", "1 2");
    match("^[\\D]$", "x");
    differ("^[\\D]$", "1");
    match("^[^\\W]$", "_");
    differ("^[^\\W\\d]$", "1");
    match("^[\xC3\xA0-\xC3\xBF]+$", "\xC3\xA9");
    match("^[a-z\xC3\xA9]+$", "caf\xC3\xA9");
    match("^[z-za-eb-fm]+$", "zafm");
    match("^[[]$", "[");
    match("^[:a]$", ":");
}

static void test_escapes(void **state)
{
    (void)state;
    match("^\\t\\n\\v\\f\\r$", "\t\n\v\f\r");
    match("^\\cC\\cj$", "\x03\n");
    match("^\\x41\\u0042\\u{43}$", "ABC");
    match("^\\u{1F600}$", "\xF0\x9F\x98\x80");
    match("^\\uD83D\\uDE00$", "\xF0\x9F\x98\x80");
    match("^[\\uD83D\\uDE00-\\uD83D\\uDE02]$", "\xF0\x9F\x98\x81");
    differ("\\uD83D", "\xF0\x9F\x98\x80"); /* half of a pair is no character */
    match("^\\uD83D?\\u0041$", "A");
    match("^\\/\\-\\_\\@\\!\\\"$", "/-_@!\"");
    match("^\\d\\D$", "1x");
    match("^\\w\\W$", "x-");
    match("^\\s\\S$", " x");
    differ("^\\d$", "\xE0\xA7\xAA"); /* BENGALI DIGIT FOUR */
    differ("^\\w$", "\xC3\xA9");
    match("^\\s{4}$", "\xC2\xA0\xEF\xBB\xBF\xE2\x80\xA9\xE3\x80\x80");
    match("^\\S$", "\xE2\x80\x8B"); /* ZERO WIDTH SPACE is Cf, not Zs */
}

static void test_categories(void **state)
{
    (void)state;
    match("^\\p{L}+$", "caf\xC3\xA9\xE4\xB8\xAD");
    differ("\\p{L}", "123 _-");
    match("^\\p{Lu}\\p{Ll}+$", "\xC3\x89t\xC3\xA9");
    differ("^\\p{Lu}$", "a");
    match("^\\p{Letter}\\p{Uppercase_Letter}$", "aB");
    match("^\\p{gc=Nd}\\p{General_Category=Nd}$", "12");
    match("^\\p{digit}+$", "4\xE0\xA7\xAA");
    match("^\\p{N}+$", "1\xC2\xBD\xE2\x85\xA3"); /* 1 ½ Ⅳ */
    differ("^\\p{Nd}$", "\xC2\xBD");
    match("^\\P{L}$", "1");
    differ("^\\P{L}$", "a");
    match("^[\\p{Lu}\\d_]+$", "A_1");
    match("^[^\\p{L}]$", "1");
    differ("^[^\\P{L}]$", "1");
    match("^[^\\P{L}]$", "x");
    match("^\\p{P}+$", "!\xE2\x80\x94"); /* EM DASH */
    match("^\\p{Sc}$", "\xE2\x82\xAC");
    match("^\\p{ASCII}$", "~");
    differ("^\\p{ASCII}$", "\xC3\xA9");
    match("^\\P{ASCII}$", "\xC3\xA9");
    match("^\\p{Any}\\p{Assigned}$", "ab");
    match("^\\p{Zs}$", " ");
    match("^\\p{Co}$", "\xF4\x8F\xBF\xBD"); /* U+10FFFD, the last run but one */
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("a(?=b)", AGT_E_UNSUPPORTED, 2, "look-ahead");
    refuse("(?!b)", AGT_E_UNSUPPORTED, 1, "look-ahead");
    refuse("(?<=b)a", AGT_E_UNSUPPORTED, 1, "look-behind");
    refuse("(?<!b)a", AGT_E_UNSUPPORTED, 1, "look-behind");
    refuse("(a)\\1", AGT_E_UNSUPPORTED, 4, "back-reference");
    refuse("(?<n>a)\\k<n>", AGT_E_UNSUPPORTED, 8, "back-reference");
    refuse("(?P<n>a)", AGT_E_SYNTAX, 1, "(?<name>");
    refuse("(?i)a", AGT_E_SYNTAX, 1, "flags");
    refuse("(?<>a)", AGT_E_SYNTAX, 1, "(?");
    refuse("(?", AGT_E_SYNTAX, 1, "(?");
    refuse("(a", AGT_E_SYNTAX, 1, "never closed");
    refuse("a)", AGT_E_SYNTAX, 2, "closes nothing");
    refuse("[a", AGT_E_SYNTAX, 1, "never closed");
    refuse("\xC3\xA9[a\\", AGT_E_SYNTAX, 4, "end of the pattern");
    refuse("a\\", AGT_E_SYNTAX, 2, "end of the pattern");
    refuse("*a", AGT_E_SYNTAX, 1, "nothing before *");
    refuse("a**", AGT_E_SYNTAX, 3, "nothing before *");
    refuse("a|+", AGT_E_SYNTAX, 3, "nothing before +");
    refuse("^?", AGT_E_SYNTAX, 2, "nothing before ?");
    refuse("\\b+", AGT_E_SYNTAX, 3, "nothing before +");
    refuse("{2}", AGT_E_SYNTAX, 1, "nothing before {");
    refuse("a{3,2}", AGT_E_SYNTAX, 2, "upside down");
    refuse("[z-a]", AGT_E_SYNTAX, 2, "upside down");
    refuse("[[:alpha:]]", AGT_E_SYNTAX, 2, "[:alpha:]");
    refuse("[\\B]", AGT_E_SYNTAX, 2, "inside brackets");
    refuse("\\Aab\\Z", AGT_E_SYNTAX, 1, "write ^");
    refuse("ab\\z", AGT_E_SYNTAX, 3, "write $");
    refuse("\\a", AGT_E_SYNTAX, 1, "\\a is no escape");
    refuse("\\00", AGT_E_SYNTAX, 1, "\\0 is no escape");
    refuse("\\c1", AGT_E_SYNTAX, 1, "\\c is no escape");
    refuse("\\xg0", AGT_E_SYNTAX, 1, "two hexadecimal digits");
    refuse("\\u12", AGT_E_SYNTAX, 1, "four hexadecimal digits");
    refuse("\\u{}", AGT_E_SYNTAX, 1, "hexadecimal digits and }");
    refuse("\\u{41", AGT_E_SYNTAX, 1, "hexadecimal digits and }");
    refuse("\\u{110000}", AGT_E_SYNTAX, 1, "10FFFF");
    refuse("\\\xC3\xA9", AGT_E_SYNTAX, 1, "needs no \\");
    refuse("\\pL", AGT_E_SYNTAX, 1, "in braces");
    refuse("\\p{L", AGT_E_SYNTAX, 1, "in braces");
    refuse("\\p{Script=Greek}", AGT_E_UNSUPPORTED, 1, "Script=Greek");
    refuse("\\p{}", AGT_E_UNSUPPORTED, 1, "not supported");
}

static void test_sizes_are_bounded(void **state)
{
    (void)state;
    refuse("((a{999}){999}){999}", AGT_E_LIMIT, 15, "too large");
    refuse("a{20000}", AGT_E_LIMIT, 9, "too large");
    refuse("a{0,9000}", AGT_E_LIMIT, 10, "too large");
    refuse("(a{100}|b){0,99999999999}", AGT_E_LIMIT, 26, "too large");
    agt__pattern *pattern = compile("^a{8000}$");
    assert_in_range(agt__pattern_get_size(pattern), 8000, 8010);
    agt__pattern_free(pattern);

    static char text[AGT__PATTERN_BYTES_MAX + 2];
    memset(text, '(', sizeof(text) - 1);
    refuse(text, AGT_E_LIMIT, 1, "bytes");
    text[200] = '\0';
    refuse(text, AGT_E_LIMIT, 128, "groups in each other");
    for (size_t i = 0; i < AGT__PATTERN_BYTES_MAX - 1; i += 2) {
        memcpy(text + i, "a|", 2);
    }
    text[AGT__PATTERN_BYTES_MAX] = '\0';
    match(text, "xa");
    for (size_t i = 0; i < AGT__PATTERN_BYTES_MAX - 1; i += 2) {
        memcpy(text + i, "\\W", 2);
    }
    text[0] = '[';
    text[1] = '^';
    text[5000] = ']';
    text[5001] = '\0';
    match(text, "a");
    differ(text, "-");
    text[5000] = '\\';
    text[5001] = 'W';
    refuse(text, AGT_E_LIMIT, 6557, "classes are too large");
}

/* Patterns that take time exponential or quadratic in the text where engines backtrack. */
static void test_work_is_linear(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(a+)+$",  "^(a+)+$",     "(a|aa)+$",      "^(a|a?)+$",      "(.*)*=.*",
        "(a*)*b",  "x*x*x*y",     "^(([a-z])+.)+", "(a?){30}a{30}$", "^(\\w+\\s?)*$",
        ".*.*=.*", "a*a*a*a*a*b", "(?:a?b?)*?c",
    };
    enum {
        LENGTH = 100000
    };
    static char text[LENGTH];
    memset(text, 'a', sizeof(text));
    text[LENGTH - 1] = '!';
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        agt__pattern *pattern = compile(patterns[i]);
        size_t size = agt__pattern_get_size(pattern);
        uint64_t allowed = 2 * (uint64_t)size * (LENGTH + 1);
        uint64_t budget = allowed;
        bool found;
        assert_int_equal(agt__pattern_search(pattern, text, LENGTH, &budget, &found), AGT_OK);
        assert_true(budget < allowed);
        /* Twice the text, at most twice the work, but for the first few characters. */
        uint64_t half = allowed;
        assert_int_equal(agt__pattern_search(pattern, text, LENGTH / 2, &half, &found), AGT_OK);
        assert_true(allowed - budget <= 2 * (allowed - half) + 4 * size * size);
        agt__pattern_free(pattern);
    }
}

static void test_an_anchored_search_stops_early(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'x', sizeof(text));
    static const char *const patterns[] = {"^a", "^a|^b", "(^a|^b)c", "^(?:a|b)+$", "(?:^)+a"};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        agt__pattern *pattern = compile(patterns[i]);
        uint64_t budget = 100;
        bool found = true;
        assert_int_equal(agt__pattern_search(pattern, text, sizeof(text), &budget, &found), AGT_OK);
        assert_false(found);
        agt__pattern_free(pattern);
    }
}

static void test_the_budget_ends_a_search(void **state)
{
    (void)state;
    agt__pattern *pattern = compile("(a|b)*c");
    static char text[1000];
    memset(text, 'a', sizeof(text));
    uint64_t budget = 500;
    bool found;
    assert_int_equal(agt__pattern_search(pattern, text, sizeof(text), &budget, &found),
                     AGT_E_LIMIT);
    assert_int_equal(budget, 0);
    agt__pattern_free(pattern);
}

static void test_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    assert_true(search_n("^.{3}$", "\xFF\xE2\x82", 3));
    assert_true(search_n("^\xEF\xBF\xBD$", "\x80", 1)); /* read as U+FFFD */
    assert_true(search_n("^\xEF\xBF\xBD{2}$", "\xC0\x80", 2));
    assert_true(search_n("^\xEF\xBF\xBD{3}$", "\xED\xA0\x80", 3)); /* a surrogate */
}

static void torture_pattern(const agt_allocator *allocator, void *ctx)
{
    const char *text = ctx;
    agt__pattern *pattern = NULL;
    agt_error err = {0};
    agt_status status = agt__pattern_new(allocator, text, strlen(text), &pattern, &err);
    bool found = false;
    if (status == AGT_OK) {
        status = agt__pattern_search(pattern, "ab12", 4, NULL, &found);
        agt__pattern_free(pattern);
    } else {
        assert_int_equal(err.status, AGT_E_NOMEM);
    }
    if (status == AGT_OK) {
        assert_true(found);
    } else {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    char small[] = "^[a-z\\d\\p{L}]{2,9}|(?:a|b|\\W){1,3}$";
    char large[] = "^(?:[a-m]|[n-z]|\\d){0,200}$|[^\\s]";
    agt_test_torture(torture_pattern, small);
    agt_test_torture(torture_pattern, large);
}

static void test_a_small_search_allocates_nothing(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt__pattern *pattern = NULL;
    const char *text = "^[a-z][a-z0-9_-]{0,63}$";
    assert_int_equal(agt__pattern_new(&heap.allocator, text, strlen(text), &pattern, NULL), AGT_OK);
    uint64_t calls = heap.calls;
    bool found;
    assert_int_equal(agt__pattern_search(pattern, "git_log", 7, NULL, &found), AGT_OK);
    assert_true(found);
    assert_int_equal(heap.calls, calls);
    agt__pattern_free(pattern);
    agt__pattern_free(NULL);
    agt_test_heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_word_boundaries),
        cmocka_unit_test(test_alternatives_and_groups),
        cmocka_unit_test(test_quantifiers),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_braces_that_count_nothing),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_sizes_are_bounded),
        cmocka_unit_test(test_work_is_linear),
        cmocka_unit_test(test_an_anchored_search_stops_early),
        cmocka_unit_test(test_the_budget_ends_a_search),
        cmocka_unit_test(test_bytes_that_are_not_utf8),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_a_small_search_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
