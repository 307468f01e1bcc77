/*
 * options_test.c - the command line: what is accepted, what is refused, and that everything made of
 * the tables (help, the manual page, completion) mentions everything in them.
 */
#include "cli/options.h"

#include "agent_sdk/base.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARGUMENTS_MAX = 16
};

/* Parse words; complaints go to /dev/null for the time of the call. */
static cli_exit parse(cli_arguments *arguments, const char *const *words)
{
    char *argv[ARGUMENTS_MAX + 1] = {(char *)(uintptr_t) "agent"};
    int argc = 1;
    for (; words[argc - 1] != NULL && argc < ARGUMENTS_MAX; argc++) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    }
    FILE *real = stderr;
    FILE *quiet = fopen("/dev/null", "w");
    assert_non_null(quiet);
    stderr = quiet;
    cli_exit code = cli_parse(argc, argv, arguments);
    stderr = real;
    assert_int_equal(fclose(quiet), 0);
    return code;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void options_stand_anywhere(void **state)
{
    (void)state;
    cli_arguments a;
    assert_int_equal(parse(&a, WORDS("--quiet", "costs", "--by=model", "--since", "24h")), CLI_OK);
    assert_string_equal(a.verb->name, "costs");
    assert_true(cli_has(&a, CLI_OPT_QUIET));
    assert_int_equal(a.number[CLI_OPT_BY], 1);
    assert_int_equal(a.number[CLI_OPT_SINCE], 24 * 3600 * 1000);
    assert_false(cli_has(&a, CLI_OPT_JSON));
}

static void verbs_may_have_two_words(void **state)
{
    (void)state;
    cli_arguments a;
    assert_int_equal(parse(&a, WORDS("trace")), CLI_OK);
    assert_string_equal(a.verb->name, "trace ls");
    assert_int_equal(parse(&a, WORDS("trace", "show", "--json", "abc")), CLI_OK);
    assert_string_equal(a.verb->name, "trace show");
    assert_int_equal(a.operand_count, 1);
    assert_string_equal(a.operands[0], "abc");
    assert_int_equal(parse(&a, WORDS("trace", "shwo")), CLI_USAGE);
}

static void letters_and_values(void **state)
{
    (void)state;
    cli_arguments a;
    assert_int_equal(parse(&a, WORDS("trace", "ls", "-n5", "-q")), CLI_OK);
    assert_int_equal(a.number[CLI_OPT_LIMIT], 5);
    assert_int_equal(parse(&a, WORDS("trace", "ls", "-n", "7", "--limit=9")), CLI_OK);
    assert_int_equal(a.number[CLI_OPT_LIMIT], 9);
    assert_int_equal(parse(&a, WORDS("validate", "--", "--team.yaml")), CLI_OK);
    assert_string_equal(a.operands[0], "--team.yaml");
    assert_int_equal(parse(&a, WORDS("validate", "-")), CLI_OK);
    assert_string_equal(a.operands[0], "-");
}

static void nothing_is_no_mistake(void **state)
{
    (void)state;
    cli_arguments a;
    assert_int_equal(parse(&a, WORDS(NULL)), CLI_OK);
    assert_null(a.verb);
    assert_int_equal(parse(&a, WORDS("--version")), CLI_OK);
    assert_true(cli_has(&a, CLI_OPT_VERSION));
    /* help is given whatever else is wrong */
    assert_int_equal(parse(&a, WORDS("validate", "--help")), CLI_OK);
}

static void mistakes_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][5] = {
        {"vlidate", "x"},
        {"costs", "--jsn"},
        {"costs", "-x"},
        {"costs", "--by"},
        {"costs", "--by", "week"},
        {"costs", "--json=yes"},
        {"costs", "--limit", "3"},
        {"costs", "extra"},
        {"validate"},
        {"validate", "a", "b"},
        {"trace", "ls", "-n", "0"},
        {"trace", "ls", "-n", "x"},
        {"trace", "ls", "-n", "-5"},
        {"trace", "ls", "-n", "5x"},
        {"costs", "--since", "5"},
        {"costs", "--since", "none"},
        {"costs", "--store", ""},
        {"costs", "--color", "maybe"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cli_arguments a;
        if (parse(&a, cases[i]) != CLI_USAGE) {
            fail_msg("accepted: agent %s %s", cases[i][0], cases[i][1]);
        }
    }
}

static void the_environment_counts_behind_the_command_line(void **state)
{
    (void)state;
    cli_arguments a;
    assert_int_equal(setenv("AGENT_STORE", "from-environment", 1), 0);
    assert_int_equal(parse(&a, WORDS("costs")), CLI_OK);
    assert_string_equal(a.text[CLI_OPT_STORE], "from-environment");
    assert_int_equal(parse(&a, WORDS("costs", "--store=given")), CLI_OK);
    assert_string_equal(a.text[CLI_OPT_STORE], "given");
    assert_int_equal(parse(&a, WORDS("version")), CLI_OK);
    assert_false(cli_has(&a, CLI_OPT_STORE));
    assert_int_equal(setenv("AGENT_STORE", "", 1), 0);
    assert_int_equal(parse(&a, WORDS("costs")), CLI_OK);
    assert_false(cli_has(&a, CLI_OPT_STORE));
    assert_int_equal(unsetenv("AGENT_STORE"), 0);
}

/* What a function prints, to be freed. */
static char *print(void (*fn)(FILE *stream, const void *what), const void *what)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    assert_non_null(stream);
    fn(stream, what);
    assert_int_equal(fclose(stream), 0);
    return bytes;
}

static void print_help(FILE *stream, const void *what)
{
    cli_write_help(stream, what, 80);
}

static void print_man(FILE *stream, const void *what)
{
    (void)what;
    cli_write_man(stream);
}

static void print_completion(FILE *stream, const void *what)
{
    assert_true(cli_write_completion(stream, what));
}

static void everything_is_mentioned_everywhere(void **state)
{
    (void)state;
    size_t count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    char *man = print(print_man, NULL), *help = print(print_help, NULL);
    char *bash = print(print_completion, "bash"), *zsh = print(print_completion, "zsh"),
         *fish = print(print_completion, "fish");
    for (size_t i = 0; i < count; i++) {
        char *own = print(print_help, &verbs[i]);
        assert_non_null(strstr(help, verbs[i].name));
        assert_non_null(strstr(help, verbs[i].summary));
        assert_non_null(strstr(man, verbs[i].name));
        assert_non_null(strstr(bash, verbs[i].name));
        assert_non_null(strstr(zsh, verbs[i].name));
        for (size_t j = 0; j < verbs[i].option_count; j++) {
            const cli_option *option = cli_get_option(verbs[i].options[j]);
            char text[64];
            (void)snprintf(text, sizeof(text), "--%s", option->name);
            assert_non_null(strstr(own, text));
            assert_non_null(strstr(bash, text));
            assert_non_null(strstr(zsh, text));
            (void)snprintf(text, sizeof(text), " -l %s", option->name);
            assert_non_null(strstr(fish, text));
        }
        free(own);
    }
    free(man);
    free(help);
    free(bash);
    free(zsh);
    free(fish);
    assert_false(cli_write_completion(stdout, "csh"));
}

static void help_fits_the_terminal(void **state)
{
    (void)state;
    size_t count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    for (size_t i = 0; i <= count; i++) {
        char *help = print(print_help, i < count ? &verbs[i] : NULL), *rest = help;
        for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
            assert_true(strlen(line) <= 80);
        }
        free(help);
    }
}

static void options_are_told_apart(void **state)
{
    (void)state;
    for (int i = 0; i < CLI_OPT_COUNT; i++) {
        const cli_option *a = cli_get_option((cli_option_id)i);
        assert_non_null(a->name);
        assert_true((a->kind == CLI_KIND_FLAG) == (a->value == NULL));
        assert_true((a->kind == CLI_KIND_CHOICE) == (a->choices != NULL));
        for (int j = 0; j < i; j++) {
            const cli_option *b = cli_get_option((cli_option_id)j);
            assert_string_not_equal(a->name, b->name);
            assert_true(a->letter == 0 || a->letter != b->letter);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(verbs_may_have_two_words),
        cmocka_unit_test(letters_and_values),
        cmocka_unit_test(nothing_is_no_mistake),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(the_environment_counts_behind_the_command_line),
        cmocka_unit_test(everything_is_mentioned_everywhere),
        cmocka_unit_test(help_fits_the_terminal),
        cmocka_unit_test(options_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
