/* Texts with holes: what is one, how it is filled in, and what may not be. */
#include "support/test.h"

#include "exec/argument.h"
#include "support/torture.h"
#include "support/values.h"

#include <string.h>

static void write(const char *text, const char *input, agt__argument_mode mode,
                  const char *expected)
{
    agt__argument argument;
    agt__buffer buffer;
    agt_error err;
    agt_value *value = agt_test_value(NULL, input);
    assert_int_equal(agt__argument_parse(&argument, NULL, text, &err), AGT_OK);
    agt__buffer_init(&buffer, NULL, 0);
    agt_status status = agt__argument_write(&argument, value, mode, &buffer, &err);
    if (status == AGT_OK) {
        assert_string_equal(agt__buffer_text(&buffer), expected);
    } else if (status != AGT_E_REJECTED || strstr(err.message, expected) == NULL) {
        fail_msg("%s: %s", text, err.message);
    }
    agt__buffer_deinit(&buffer);
    agt__argument_deinit(&argument, NULL);
    agt_value_unref(value);
}

static void holes_are_filled_in(void **state)
{
    (void)state;
    const char *input = "{\"a\": \"x y\", \"n\": -1.50, \"t\": true, \"l\": [1, \"b\"], "
                        "\"o\": {\"k\": null}, \"z\": null, \"e\": \"\", \"a-b_c.d\": 1, "
                        "\"u\": \"\xC3\xA9/?#\"}";
    static const struct {
        const char *text, *plain, *percent;
    } cases[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"{a}", "x y", "x%20y"},
        {"<{a}|{n}>", "<x y|-1.50>", "<x%20y|-1.50>"},
        {"{t}{e}{l}", "true[1,\"b\"]", "true%5B1%2C%22b%22%5D"},
        {"{o}", "{\"k\":null}", "%7B%22k%22%3Anull%7D"},
        {"{{a}", "{a}", "{a}"},
        {"{{{a}}", "{x y}", "{x%20y}"},
        {"}", "}", "}"},
        {"{a-b_c.d}", "1", "1"},
        {"{u}", "\xC3\xA9/?#", "%C3%A9%2F%3F%23"},
        {"{z?}{none?}{a?}", "x y", "x%20y"},
        {"{z}", "no member \"z\"", "no member \"z\""},
        {"{none}", "no member \"none\"", "no member \"none\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write(cases[i].text, input, AGT__ARGUMENT_PLAIN, cases[i].plain);
        write(cases[i].text, input, AGT__ARGUMENT_PERCENT, cases[i].percent);
    }
    write("{a}", "[1]", AGT__ARGUMENT_PLAIN, "no member \"a\"");
    write("{a}", "{\"a\": \"x\\u0000y\"}", AGT__ARGUMENT_PLAIN, "holds a NUL character");
    /* what comes from the input is never a hole itself */
    write("{a}{b}", "{\"a\": \"{b}\", \"b\": \"{{\"}", AGT__ARGUMENT_PLAIN, "{b}{{");
}

static void what_is_no_hole_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{",     "{}",         "{a",    "{a b}",      "{a?",
                                        "{?}",   "x{a??}",     "{a{b}", "{print $1}", "{a}{",
                                        "{a:b}", "{\xC3\xA9}", "{{{"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        agt__argument argument;
        agt_error err;
        assert_int_equal(agt__argument_parse(&argument, NULL, texts[i], &err), AGT_E_INVALID);
        assert_non_null(strstr(err.message, "write '{{' for a brace"));
        assert_non_null(strstr(err.message, texts[i]));
        assert_null(argument.parts);
    }
}

static void questions_about_an_argument(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool literal, begins, left_out;
    } cases[] = {
        {"", true, false, false},        {"a{{b}", true, false, false},
        {"{a}", false, true, false},     {"{n?}", false, true, true},
        {"-n={n?}", false, false, true}, {"-n={m?}{n?}", false, false, true},
        {"{m?}", false, true, false},    {"{{{a}", false, false, false},
        {"{z?}{m}", false, true, true},
    };
    agt_value *input = agt_test_value(NULL, "{\"m\": 1, \"z\": null}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt__argument argument;
        assert_int_equal(agt__argument_parse(&argument, NULL, cases[i].text, NULL), AGT_OK);
        assert_int_equal(agt__argument_is_literal(&argument), cases[i].literal);
        assert_int_equal(agt__argument_begins_with_member(&argument), cases[i].begins);
        assert_int_equal(agt__argument_is_left_out(&argument, input), cases[i].left_out);
        agt__argument_deinit(&argument, NULL);
    }
    agt_value_unref(input);
}

static void use(const agt_allocator *allocator, void *ctx)
{
    agt__argument argument;
    agt__buffer buffer;
    agt_error err;
    if (agt__argument_parse(&argument, allocator, "{l} and {{ {a} {b?} {l}", &err) != AGT_OK) {
        assert_int_equal(err.status, AGT_E_NOMEM);
        return;
    }
    agt__buffer_init(&buffer, allocator, 0);
    agt_status status = agt__argument_write(&argument, ctx, AGT__ARGUMENT_PERCENT, &buffer, &err);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt__buffer_deinit(&buffer);
    agt__argument_deinit(&argument, allocator);
}

static void arguments_survive_torture(void **state)
{
    (void)state;
    agt_value *input = agt_test_value(NULL, "{\"a\": \"text\", \"l\": [1, 2, {\"x\": \"y\"}]}");
    agt_test_torture(use, input);
    agt_value_unref(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_are_filled_in),
        cmocka_unit_test(what_is_no_hole_is_refused),
        cmocka_unit_test(questions_about_an_argument),
        cmocka_unit_test(arguments_survive_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
