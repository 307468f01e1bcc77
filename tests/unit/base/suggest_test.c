/*
 * suggest_test.c - the name that was meant, and silence where none was.
 */
#include "agent_sdk/base.h"

#include "support/test.h"

#include <string.h>

static const char *const names[] = {"run",   "trace",     "costs",        "tools", "validate",
                                    "model", "delegates", "instructions", "m",     "n"};
enum {
    COUNT = sizeof(names) / sizeof(names[0])
};

static void near_names_are_found(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"rnu", "run"},
        {"traec", "trace"},
        {"cost", "costs"},
        {"Tools", "tools"},
        {"TOOLS", "tools"},
        {"valdate", "validate"},
        {"modle", "model"},
        {"instruction", "instructions"},
        {"delegate", "delegates"},
        {"mm", "m"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *found = agt_names_suggest(cases[i][0], names, COUNT);
        assert_non_null(found);
        assert_string_equal(found, cases[i][1]);
    }
}

static void far_names_are_not(void **state)
{
    (void)state;
    static const char *const far[] = {"", "x", "xyz", "elephant", "tr", "configuration"};
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        assert_null(agt_names_suggest(far[i], names, COUNT));
    }
    assert_null(agt_names_suggest(NULL, names, COUNT));
    assert_null(agt_names_suggest("run", NULL, 0));
    assert_null(agt_names_suggest("run", names, 0));
}

static void long_names_are_left_alone(void **state)
{
    (void)state;
    char longest[65], longer[66];
    memset(longest, 'a', 64);
    memset(longer, 'a', 65);
    longest[64] = longer[65] = '\0';
    const char *const many[] = {longer, longest};
    longest[10] = 'b';
    const char *found = agt_names_suggest(longest, many, 2);
    assert_ptr_equal(found, longest);
    assert_null(agt_names_suggest(longer, many, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_names_are_found),
        cmocka_unit_test(far_names_are_not),
        cmocka_unit_test(long_names_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
