/*
 * Starting a child process: what it is given (arguments, environment, folder, descriptors, limits),
 * and every way in which a start can fail.
 */
#include "support/env.h"
#include "support/test.h"
#include "support/tool_run.h"
#include "support/torture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static agt__loop *new_loop(const char *helper_path)
{
    agt__loop *loop = NULL;
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .helper_path = helper_path);
    assert_int_equal(agt__loop_new(&config, &loop, NULL), AGT_OK);
    return loop;
}

/* Runs @argv on a loop of its own. */
static void run_with(agt_test_tool_run *run, agt_process_config config, const char *const *argv)
{
    agt__loop *loop = new_loop(agt_test_supervisor());
    config.struct_size = sizeof(config);
    config.argv = argv;
    run->config = &config;
    agt_test_tool_run_all(run, loop);
    agt__loop_free(loop);
}

#define NO_CONFIG ((agt_process_config){0})

static void assert_line(const agt_test_tool_run *run, const char *line)
{
    char text[1200];
    (void)snprintf(text, sizeof(text), "%s\n", line);
    if (run->output == NULL || strstr(run->output, text) == NULL) {
        fail_msg("no line \"%s\" in:\n%s", line, run->output);
    }
}

static void assert_no_text(const agt_test_tool_run *run, const char *text)
{
    if (strstr(run->output, text) != NULL) {
        fail_msg("\"%s\" in:\n%s", text, run->output);
    }
}

/* ---- what it is given ---- */

static void a_tool_gets_what_was_asked_for_and_nothing_else(void **state)
{
    (void)state;
    int leaked = open("/dev/null", O_RDONLY); /* without close-on-exec: many a host does that */
    assert_true(leaked >= 0);
    (void)signal(SIGPIPE, SIG_IGN); /* and ignores signals */
    const char *argv[] = {agt_test_zoo("show_self"), "one", "two words", "", "$HOME", NULL};
    const char *env[] = {"A=1", "EMPTY=", "B=two words", NULL};
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.env = env, .cwd = "/usr"}, argv);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)close(leaked);
    assert_int_equal(run.exit.exit_status, 0);
    assert_line(&run, "argument one\nargument two words\nargument \nargument $HOME\n"
                      "variable A=1\nvariable EMPTY=\nvariable B=two words\nfolder /usr");
    assert_line(&run, "descriptors 0 1 2");
    assert_line(&run, "limit core 0 0");
    assert_line(&run, "limit files 256 256");
    assert_line(&run, "no_new_privs 1");
    assert_line(&run, "session own");
    assert_no_text(&run, "blocked or ignored");
    agt_test_tool_free(&run);
}

static void the_default_environment_is_a_short_list(void **state)
{
    (void)state;
    assert_int_equal(setenv("LANG", "C", 1), 0);
    assert_int_equal(setenv("SECRET_API_KEY", "hidden", 1), 0);
    assert_int_equal(unsetenv("TMPDIR"), 0);
    const char *argv[] = {agt_test_zoo("show_self"), NULL};
    agt_test_tool_run run = {0};
    run_with(&run, NO_CONFIG, argv);
    assert_int_equal(run.exit.exit_status, 0);
    assert_line(&run, "variable LANG=C");
    assert_non_null(strstr(run.output, "variable PATH="));
    assert_no_text(&run, "SECRET_API_KEY");
    assert_no_text(&run, "TMPDIR");
    agt_test_tool_free(&run);

    const char *none[] = {NULL};
    agt_test_tool_run bare = {0};
    run_with(&bare, (agt_process_config){.env = none}, argv);
    assert_no_text(&bare, "variable");
    agt_test_tool_free(&bare);
}

static void limits_are_set(void **state)
{
    (void)state;
    const char *argv[] = {agt_test_zoo("show_self"), NULL};
    agt_process_limits limits =
        AGT_CONFIG(agt_process_limits, .memory_bytes = 512 << 20, .cpu_seconds = 7, .files_max = 33,
                   .file_bytes = 4096, .processes_max = UINT64_MAX);
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.limits = &limits}, argv);
    assert_line(&run, "limit files 33 33");
    assert_line(&run, "limit memory 536870912 536870912");
    assert_line(&run, "limit cpu 7 8");
    assert_line(&run, "limit file 4096 4096");
    agt_test_tool_free(&run);
}

static void too_much_memory_is_refused_to_the_tool(void **state)
{
    (void)state;
    const char *argv[] = {agt_test_zoo("eat_memory"), NULL};
    agt_process_limits limits = AGT_CONFIG(agt_process_limits, .memory_bytes = 64 << 20);
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.limits = &limits}, argv);
    assert_int_equal(run.exit.exit_status, 7);
    assert_in_range(strtol(run.output, NULL, 10), 16, 64);
    assert_in_range(run.exit.memory_bytes, 16 << 20, 64 << 20);
    agt_test_tool_free(&run);
}

static void too_many_files_are_refused_to_the_tool(void **state)
{
    (void)state;
    const char *argv[] = {agt_test_zoo("open_many"), NULL};
    agt_test_tool_run by_default = {0};
    run_with(&by_default, NO_CONFIG, argv);
    assert_string_equal(by_default.output, "256 EMFILE\n");
    agt_test_tool_free(&by_default);
    agt_process_limits limits = AGT_CONFIG(agt_process_limits, .files_max = 20);
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.limits = &limits}, argv);
    assert_string_equal(run.output, "20 EMFILE\n");
    agt_test_tool_free(&run);
}

static void too_much_processor_time_ends_the_tool(void **state)
{
    (void)state;
    const char *argv[] = {agt_test_zoo("burn_cpu"), NULL};
    agt_process_limits limits = AGT_CONFIG(agt_process_limits, .cpu_seconds = 1);
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.limits = &limits}, argv);
    assert_int_equal(run.exit.signal, SIGXCPU);
    assert_true(run.exit.killed);
    /* The limit counts ticks, the usage is exact: they differ by much on a busy machine. */
    assert_true(run.exit.user_us + run.exit.system_us >= 100000);
    agt_test_tool_free(&run);
}

static void too_large_a_file_ends_the_tool(void **state)
{
    (void)state;
    char path[] = "/tmp/agt_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char *argv[] = {agt_test_zoo("write_file"), path, NULL};
    agt_process_limits limits = AGT_CONFIG(agt_process_limits, .file_bytes = 100000);
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.limits = &limits}, argv);
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, 100000);
    assert_int_equal(run.exit.signal, SIGXFSZ);
    assert_true(run.exit.killed);
    (void)close(fd);
    (void)unlink(path);
    agt_test_tool_free(&run);
}

/* ---- failures ---- */

static void assert_start_fails(const char *const *argv, agt_process_config config,
                               agt_status status, int cause, const char *message)
{
    agt_test_tool_run run = {.input = "for nobody"};
    run_with(&run, config, argv);
    assert_int_equal(run.start_status, AGT_OK);
    assert_true(run.has_err);
    assert_string_equal(run.err.message, message);
    assert_int_equal(run.err.status, status);
    assert_int_equal(run.err.cause, cause);
    assert_string_equal(run.err.origin, "net/process");
    assert_int_equal(run.exit.exit_status, -1);
    assert_int_equal(run.exit.signal, 0);
    assert_false(run.exit.killed);
    assert_int_equal(run.output_size, 0);
}

static void a_program_that_is_not_there(void **state)
{
    (void)state;
    const char *by_name[] = {"no-such-tool", NULL};
    assert_start_fails(by_name, NO_CONFIG, AGT_E_NOT_FOUND, ENOENT,
                       "cannot run \"no-such-tool\": No such file or directory");
    const char *by_path[] = {"/no/such/tool", NULL};
    assert_start_fails(by_path, NO_CONFIG, AGT_E_NOT_FOUND, ENOENT,
                       "cannot run \"/no/such/tool\": No such file or directory");
    const char *env[] = {"PATH=:/nowhere::", NULL};
    assert_start_fails(by_name, (agt_process_config){.env = env}, AGT_E_NOT_FOUND, ENOENT,
                       "cannot run \"no-such-tool\": No such file or directory");
}

static void the_path_of_its_own_environment_is_searched(void **state)
{
    (void)state;
    char path[1100];
    (void)snprintf(path, sizeof(path), "PATH=/nowhere:%s:/usr/bin", agt_test_zoo_dir());
    const char *env[] = {path, NULL};
    const char *argv[] = {"exit_3", NULL};
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.env = env}, argv);
    assert_int_equal(run.exit.exit_status, 3);
    agt_test_tool_free(&run);

    /* An empty entry is the working directory, as everywhere. */
    const char *here[] = {"PATH=", NULL};
    agt_test_tool_run found = {0};
    run_with(&found, (agt_process_config){.env = here, .cwd = agt_test_zoo_dir()}, argv);
    assert_int_equal(found.exit.exit_status, 3);
    agt_test_tool_free(&found);
}

static void a_program_that_must_not_be_run(void **state)
{
    (void)state;
    const char *argv[] = {"/etc/passwd", NULL};
    assert_start_fails(argv, NO_CONFIG, AGT_E_IO, EACCES,
                       "cannot run \"/etc/passwd\": Permission denied");
    const char *by_name[] = {"passwd", NULL};
    const char *env[] = {"PATH=/etc:/nowhere", NULL};
    assert_start_fails(by_name, (agt_process_config){.env = env}, AGT_E_IO, EACCES,
                       "cannot run \"passwd\": Permission denied");
}

/* A text without "#!" is not given to a shell. */
static void a_program_that_is_none(void **state)
{
    (void)state;
    char folder[] = "/tmp/agt_test_XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[100], env_path[100];
    (void)snprintf(path, sizeof(path), "%s/script", folder);
    (void)snprintf(env_path, sizeof(env_path), "PATH=%s", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "echo a shell has run this\n");
    (void)fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
    const char *argv[] = {"script", NULL};
    const char *env[] = {env_path, NULL};
    assert_start_fails(argv, (agt_process_config){.env = env}, AGT_E_IO, ENOEXEC,
                       "cannot run \"script\": Exec format error");
    (void)unlink(path);
    (void)rmdir(folder);
}

static void a_folder_that_is_not_there(void **state)
{
    (void)state;
    const char *argv[] = {"true", NULL};
    assert_start_fails(argv, (agt_process_config){.cwd = "/no/such/folder"}, AGT_E_NOT_FOUND,
                       ENOENT,
                       "cannot run \"true\": its working directory: No such file or directory");
}

static void arguments_beyond_what_the_system_takes(void **state)
{
    (void)state;
    const size_t size = 300000; /* more than one argument may have */
    char *argument = malloc(size + 1);
    assert_non_null(argument);
    memset(argument, 'x', size);
    argument[size] = '\0';
    const char *argv[] = {"true", argument, NULL};
    assert_start_fails(argv, NO_CONFIG, AGT_E_IO, E2BIG,
                       "cannot run \"true\": Argument list too long");
    free(argument);

    const size_t huge = (size_t)17 * 1024 * 1024; /* more than we pass on */
    argument = malloc(huge + 1);
    assert_non_null(argument);
    memset(argument, 'x', huge);
    argument[huge] = '\0';
    argv[1] = argument;
    agt_test_tool_run run = {0};
    run_with(&run, NO_CONFIG, argv);
    assert_int_equal(run.start_status, AGT_E_LIMIT);
    free(argument);
}

static void configs_that_make_no_sense(void **state)
{
    (void)state;
    const char *const none[] = {NULL};
    const char *const empty[] = {"", NULL};
    const char *const some[] = {"true", NULL};
    const char *const *const lists[] = {NULL, none, empty};
    for (size_t i = 0; i < 3; i++) {
        agt_test_tool_run run = {0};
        run_with(&run, NO_CONFIG, lists[i]);
        assert_int_equal(run.start_status, AGT_E_INVALID);
    }
    agt_process_limits limits = {0};
    agt_test_tool_run run = {0};
    run_with(&run, (agt_process_config){.limits = &limits}, some);
    assert_int_equal(run.start_status, AGT_E_INVALID);
}

/* ---- the supervisor itself ---- */

static void run_with_helper(agt_test_tool_run *run, const char *helper_path)
{
    agt__loop *loop = new_loop(helper_path);
    const char *argv[] = {agt_test_zoo("exit_3"), NULL};
    agt_process_config config = AGT_CONFIG(agt_process_config, .argv = argv);
    run->config = &config;
    agt_test_tool_run_all(run, loop);
    agt__loop_free(loop);
}

static void a_missing_supervisor_is_named(void **state)
{
    (void)state;
    agt_test_tool_run run = {0};
    run_with_helper(&run, "/no/such/agent-supervisor");
    assert_int_equal(run.start_status, AGT_E_NOT_FOUND);
    assert_int_equal(run.start_err.cause, ENOENT);
    assert_non_null(strstr(run.start_err.message, "\"/no/such/agent-supervisor\""));
    assert_non_null(strstr(run.start_err.message, "install agent_sdk"));
    agt_test_tool_run directory = {0};
    run_with_helper(&directory, "/tmp");
    assert_int_equal(directory.start_status, AGT_E_NOT_FOUND);
}

/* Something else in its place: it ends without a word, or with the wrong one. */
static void a_supervisor_that_is_none(void **state)
{
    (void)state;
    agt_test_tool_run run = {0};
    run_with_helper(&run, "/bin/false");
    assert_int_equal(run.start_status, AGT_OK);
    assert_true(run.has_err);
    assert_int_equal(run.err.status, AGT_E_PROCESS);
    assert_int_equal(run.err.cause, 1);
    assert_non_null(strstr(run.err.message, "exit status 1"));
    agt_test_tool_free(&run);
}

/* The supervisor of this build is found from where the library is, or the program. */
static void the_supervisor_is_found_without_being_named(void **state)
{
    (void)state;
    agt_test_tool_run run = {0};
    run_with_helper(&run, NULL);
    if (run.start_status == AGT_OK) {
        assert_int_equal(run.exit.exit_status, 3);
    } else {
        /* A test is not where a program would be installed. */
        assert_int_equal(run.start_status, AGT_E_NOT_FOUND);
        assert_non_null(strstr(run.start_err.message, "agent-supervisor"));
    }
    agt_test_tool_free(&run);
}

/* ---- descriptors ---- */

static void running_out_of_descriptors_is_an_error(void **state)
{
    (void)state;
    if (getenv("UNDER_VALGRIND") != NULL) {
        skip(); /* it has descriptors of its own, and limits of its own */
    }
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    agt__loop *loop = new_loop(agt_test_supervisor());
    const char *argv[] = {agt_test_zoo("exit_3"), NULL};
    agt_process_config config = AGT_CONFIG(agt_process_config, .argv = argv);
    int highest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(highest >= 0);
    (void)close(highest);
    unsigned ends = 0, failures = 0;
    for (int more = 0; more < 14; more++) {
        struct rlimit limit = {.rlim_cur = (rlim_t)(highest + more), .rlim_max = before.rlim_max};
        unsigned descriptors = agt_test_count_descriptors();
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        agt_test_tool_run run = {.config = &config};
        agt_test_tool_run_all(&run, loop);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (run.start_status != AGT_OK) {
            assert_int_equal(run.start_status, AGT_E_IO);
            assert_int_equal(run.start_err.cause, EMFILE);
            failures++;
        } else {
            assert_false(run.has_err);
            assert_int_equal(run.exit.exit_status, 3); /* with and without a pidfd */
            ends++;
        }
        assert_int_equal(agt_test_count_descriptors(), descriptors);
        agt_test_tool_free(&run);
    }
    assert_true(failures > 0 && ends > 0);
    agt__loop_free(loop);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A host without 0, 1 and 2: the pipes get those numbers, and must not overwrite each other. */
static void a_host_that_closed_its_standard_descriptors(void **state)
{
    (void)state;
    int saved[3];
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
        (void)close(fd);
    }
    const char *argv[] = {agt_test_zoo("echo"), NULL};
    agt_test_tool_run run = {.input = "hello"};
    run_with(&run, NO_CONFIG, argv);
    for (int fd = 0; fd < 3; fd++) {
        if (saved[fd] >= 0) {
            (void)dup2(saved[fd], fd);
            (void)close(saved[fd]);
        }
    }
    assert_int_equal(run.start_status, AGT_OK);
    assert_int_equal(run.exit.exit_status, 0);
    assert_string_equal(run.output, "hello");
    agt_test_tool_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tool_gets_what_was_asked_for_and_nothing_else),
        cmocka_unit_test(the_default_environment_is_a_short_list),
        cmocka_unit_test(limits_are_set),
        cmocka_unit_test(too_much_memory_is_refused_to_the_tool),
        cmocka_unit_test(too_many_files_are_refused_to_the_tool),
        cmocka_unit_test(too_much_processor_time_ends_the_tool),
        cmocka_unit_test(too_large_a_file_ends_the_tool),
        cmocka_unit_test(a_program_that_is_not_there),
        cmocka_unit_test(the_path_of_its_own_environment_is_searched),
        cmocka_unit_test(a_program_that_must_not_be_run),
        cmocka_unit_test(a_program_that_is_none),
        cmocka_unit_test(a_folder_that_is_not_there),
        cmocka_unit_test(arguments_beyond_what_the_system_takes),
        cmocka_unit_test(configs_that_make_no_sense),
        cmocka_unit_test(a_missing_supervisor_is_named),
        cmocka_unit_test(a_supervisor_that_is_none),
        cmocka_unit_test(the_supervisor_is_found_without_being_named),
        cmocka_unit_test(running_out_of_descriptors_is_an_error),
        cmocka_unit_test(a_host_that_closed_its_standard_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
