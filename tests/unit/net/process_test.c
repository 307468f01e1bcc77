/*
 * Child processes that behave and that do not: every program of the zoo is run, and after each test
 * nothing of it is left: no process that was started with the test's mark in its environment, no
 * child of this program, no descriptor, no memory.
 */
#include "base/thread.h"
#include "support/env.h"
#include "support/test.h"
#include "support/tool_run.h"
#include "support/torture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct fixture {
    agt_test_heap heap;
    agt__loop *loop;
    unsigned descriptors;
    char mark[64];
    const char *env[3];
} fixture;

static void set_up(fixture *test)
{
    static int number;
    test->descriptors = agt_test_count_descriptors();
    (void)snprintf(test->mark, sizeof(test->mark), "AGT_TEST_MARK=%d.%d", (int)getpid(), number++);
    test->env[0] = test->mark;
    test->env[1] = "PATH=/usr/bin:/bin";
    test->env[2] = NULL;
    agt_test_heap_init(&test->heap);
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .allocator = &test->heap.allocator,
                                         .helper_path = agt_test_supervisor());
    assert_int_equal(agt__loop_new(&config, &test->loop, NULL), AGT_OK);
}

static void check_nothing_is_left(fixture *test)
{
    assert_int_equal(agt_test_count_processes(test->mark), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void tear_down(fixture *test)
{
    check_nothing_is_left(test);
    agt__loop_free(test->loop);
    agt_test_heap_deinit(&test->heap);
    assert_int_equal(agt_test_count_descriptors(), test->descriptors);
}

/* Runs one program of the zoo under the given run. */
static void run_zoo(fixture *test, agt_test_tool_run *run, agt_process_config config,
                    const char *name, const char *argument)
{
    const char *argv[] = {agt_test_zoo(name), argument, NULL};
    config.struct_size = sizeof(config);
    config.argv = argv;
    config.env = test->env;
    run->config = &config;
    agt_test_tool_run_all(run, test->loop);
    if (run->start_status != AGT_OK) {
        fail_msg("%s: %s", name, run->start_err.message);
    }
}

#define NO_CONFIG ((agt_process_config){0})

static void assert_exit(const agt_test_tool_run *run, int exit_status, int signal_number,
                        bool killed)
{
    if (run->has_err) {
        fail_msg("%s", run->err.message);
    }
    assert_int_equal(run->exit.exit_status, exit_status);
    assert_int_equal(run->exit.signal, signal_number);
    assert_int_equal(run->exit.killed, killed);
}

/* ---- those that behave ---- */

static void what_is_written_comes_back(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {.input = "hello"};
    run_zoo(&test, &run, NO_CONFIG, "echo", NULL);
    assert_exit(&run, 0, 0, false);
    assert_string_equal(run.output, "hello");
    assert_int_equal(run.error_size, 0);
    assert_false(run.exit.output_truncated);
    assert_int_equal(run.exit.descendants_killed, 0);
    assert_true(run.exit.memory_bytes > 0);
    agt_test_tool_free(&run);
    tear_down(&test);
}

static void much_may_be_written_at_once(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    const size_t size = (size_t)32 * 1024 * 1024;
    char *input = malloc(size);
    assert_non_null(input);
    for (size_t i = 0; i < size; i++) {
        input[i] = (char)(i * 31 + i / 251);
    }
    agt_test_tool_run run = {.input = input, .input_size = size, .discards_output = true};
    run_zoo(&test, &run, (agt_process_config){.output_bytes_max = size}, "echo", NULL);
    assert_exit(&run, 0, 0, false);
    assert_int_equal(run.write_status, AGT_OK);
    assert_int_equal(run.output_size, size);

    agt_test_tool_run exact = {.input = input, .input_size = 3000000};
    run_zoo(&test, &exact, NO_CONFIG, "echo", NULL);
    assert_exit(&exact, 0, 0, false);
    assert_int_equal(exact.output_size, 3000000);
    assert_memory_equal(exact.output, input, 3000000);
    agt_test_tool_free(&exact);

    agt_test_tool_run too_much = {.input = input, .input_size = size + 1};
    run_zoo(&test, &too_much, NO_CONFIG, "echo", NULL);
    assert_exit(&too_much, 0, 0, false);
    assert_int_equal(too_much.write_status, AGT_E_LIMIT);
    assert_int_equal(too_much.output_size, 0);
    free(input);
    tear_down(&test);
}

static void the_exit_status_and_the_complaint_arrive(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {0};
    run_zoo(&test, &run, NO_CONFIG, "exit_3", NULL);
    assert_exit(&run, 3, 0, false);
    assert_string_equal(run.error, "it did not work\n");
    agt_test_tool_free(&run);
    tear_down(&test);
}

static void output_byte_by_byte_arrives_in_order(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {0};
    run_zoo(&test, &run, NO_CONFIG, "drip", NULL);
    assert_exit(&run, 0, 0, false);
    assert_int_equal(run.output_size, 2000);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(run.output[i], 'a' + i % 26);
    }
    agt_test_tool_free(&run);
    tear_down(&test);
}

static void output_is_passed_on_as_it_is(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {0};
    run_zoo(&test, &run, NO_CONFIG, "invalid_json", NULL);
    assert_exit(&run, 0, 0, false);
    assert_string_equal(run.output, "{\"answer\": 42, \"text\": \"\xC3\x28\", \"open\": [1, 2,");
    agt_test_tool_free(&run);
    tear_down(&test);
}

enum {
    many = 40
};

static void many_run_at_a_time(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    const char *argv[] = {agt_test_zoo("echo"), NULL};
    agt_process_config config = AGT_CONFIG(agt_process_config, .argv = argv, .env = test.env);
    static agt_test_tool_run runs[many];
    static char inputs[many][16];
    for (int i = 0; i < many; i++) {
        (void)snprintf(inputs[i], sizeof(inputs[i]), "number %d", i);
        runs[i] = (agt_test_tool_run){.config = &config, .input = inputs[i]};
        agt_test_tool_start(&runs[i], test.loop);
    }
    for (int i = 0; i < many; i++) {
        agt_test_tool_wait(&runs[i]);
        assert_exit(&runs[i], 0, 0, false);
        assert_string_equal(runs[i].output, inputs[i]);
        agt_test_tool_free(&runs[i]);
    }
    tear_down(&test);
}

/* ---- those that do not end ---- */

static void a_tool_is_asked_before_it_is_killed(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run asked = {.kill_at = "ready"};
    run_zoo(&test, &asked, NO_CONFIG, "wait_for_ever", NULL);
    assert_exit(&asked, -1, SIGTERM, true);
    agt_test_tool_free(&asked);

    agt_test_tool_run tidy = {.kill_at = "ready"};
    run_zoo(&test, &tidy, NO_CONFIG, "exit_on_term", NULL);
    assert_exit(&tidy, 0, 0, true);
    assert_string_equal(tidy.output, "ready\ntidied up\n");
    agt_test_tool_free(&tidy);

    agt_test_tool_run at_once = {.kill_at = "ready"};
    run_zoo(&test, &at_once, (agt_process_config){.grace_ms = AGT_MS_NONE}, "exit_on_term", NULL);
    assert_exit(&at_once, -1, SIGKILL, true);
    agt_test_tool_free(&at_once);
    tear_down(&test);
}

static void a_tool_that_ignores_signals_is_killed_after_its_grace(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {.kill_at = "ready"};
    run_zoo(&test, &run, (agt_process_config){.grace_ms = 20}, "ignore_term", NULL);
    assert_exit(&run, -1, SIGKILL, true);
    agt_test_tool_free(&run);
    tear_down(&test);
}

static void a_stopped_tool_is_woken_to_end(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {.kill_at = "stopping"};
    run_zoo(&test, &run, (agt_process_config){.grace_ms = 20}, "stop_self", NULL);
    assert_true(run.exit.killed);
    assert_int_equal(run.exit.exit_status, -1);
    /* TERM if it was stopped by then, else it may have stopped itself again. */
    assert_true(run.exit.signal == SIGTERM || run.exit.signal == SIGKILL);
    agt_test_tool_free(&run);
    tear_down(&test);
}

static void a_tool_that_closed_its_output_goes_on(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {.kill_at = "closing"};
    run_zoo(&test, &run, NO_CONFIG, "close_stdout", NULL);
    assert_exit(&run, -1, SIGTERM, true);
    agt_test_tool_free(&run);
    tear_down(&test);
}

static void killing_twice_is_killing_once(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    const char *argv[] = {agt_test_zoo("wait_for_ever"), NULL};
    agt_process_config config = AGT_CONFIG(agt_process_config, .argv = argv, .env = test.env);
    agt_test_tool_run run = {.config = &config, .kill_at = "ready"};
    agt_test_tool_start(&run, test.loop);
    agt_test_tool_kill(&run);
    agt_test_tool_wait(&run);
    assert_exit(&run, -1, SIGTERM, true);
    agt_test_tool_free(&run);
    tear_down(&test);
}

/* ---- those that leave something behind ---- */

static void a_daemon_is_found_and_killed(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    const char *const arguments[] = {NULL, "keep the pipes"};
    for (int i = 0; i < 2; i++) {
        agt_test_tool_run run = {0};
        run_zoo(&test, &run, NO_CONFIG, "daemonize", arguments[i]);
        assert_exit(&run, 0, 0, false);
        assert_string_equal(run.output, "left a daemon\n");
        assert_int_equal(run.exit.descendants_killed, 1);
        agt_test_tool_free(&run);
        check_nothing_is_left(&test);
    }
    tear_down(&test);
}

static void a_tree_of_processes_is_ended(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run left = {0};
    run_zoo(&test, &left, NO_CONFIG, "fork_tree", "leave");
    assert_exit(&left, 0, 0, false);
    assert_int_equal(left.exit.descendants_killed, 39);
    agt_test_tool_free(&left);
    check_nothing_is_left(&test);

    agt_test_tool_run killed = {.kill_at = "ready"};
    run_zoo(&test, &killed, NO_CONFIG, "fork_tree", NULL);
    assert_exit(&killed, -1, SIGTERM, true);
    agt_test_tool_free(&killed);
    check_nothing_is_left(&test);

    agt_test_tool_run at_once = {.kill_at = "ready"};
    run_zoo(&test, &at_once, (agt_process_config){.grace_ms = AGT_MS_NONE}, "fork_tree", NULL);
    assert_exit(&at_once, -1, SIGKILL, true);
    agt_test_tool_free(&at_once);
    tear_down(&test);
}

static void what_is_started_while_ending_is_ended_too(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {.kill_at = "ready"};
    run_zoo(&test, &run, NO_CONFIG, "fork_on_term", NULL);
    assert_exit(&run, 0, 0, true);
    assert_int_equal(run.exit.descendants_killed, 2);
    agt_test_tool_free(&run);
    tear_down(&test);
}

static void zombies_are_reaped(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run left = {0};
    run_zoo(&test, &left, NO_CONFIG, "zombie_maker", NULL);
    assert_exit(&left, 0, 0, false);
    assert_int_equal(left.exit.descendants_killed, 0);
    agt_test_tool_free(&left);
    agt_test_tool_run killed = {.kill_at = "ready"};
    run_zoo(&test, &killed, NO_CONFIG, "zombie_maker", "stay");
    assert_exit(&killed, -1, SIGTERM, true);
    agt_test_tool_free(&killed);
    tear_down(&test);
}

/* ---- those that flood ---- */

static void too_much_output_ends_the_tool(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {.discards_output = true};
    run_zoo(&test, &run, (agt_process_config){.output_bytes_max = 100001, .grace_ms = 20},
            "flood_stdout", NULL);
    assert_false(run.has_err);
    assert_true(run.exit.output_truncated);
    assert_true(run.exit.killed);
    assert_int_equal(run.output_size, 100001);

    /* To the byte: what just fits is no reason. */
    agt_test_tool_run fits = {0};
    run_zoo(&test, &fits, (agt_process_config){.output_bytes_max = 2000}, "drip", NULL);
    assert_exit(&fits, 0, 0, false);
    assert_false(fits.exit.output_truncated);
    assert_int_equal(fits.output_size, 2000);
    agt_test_tool_free(&fits);
    agt_test_tool_run over = {0};
    run_zoo(&test, &over, (agt_process_config){.output_bytes_max = 1999}, "drip", NULL);
    assert_true(over.exit.output_truncated);
    assert_int_equal(over.output_size, 1999);
    agt_test_tool_free(&over);
    tear_down(&test);
}

static void of_the_errors_the_end_is_kept(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {0};
    run_zoo(&test, &run, (agt_process_config){.error_bytes_max = 1000}, "flood_stderr", NULL);
    assert_exit(&run, 0, 0, false);
    assert_int_equal(run.error_size, 1000);
    assert_string_equal(run.error + 1000 - 16, "line 0000262143\n");
    agt_test_tool_free(&run);

    agt_test_tool_run by_default = {0};
    run_zoo(&test, &by_default, NO_CONFIG, "flood_stderr", NULL);
    assert_int_equal(by_default.error_size, 64 * 1024);
    assert_string_equal(by_default.error + by_default.error_size - 16, "line 0000262143\n");
    agt_test_tool_free(&by_default);
    tear_down(&test);
}

static void errors_without_end_do_not_hurt(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    const char *argv[] = {agt_test_zoo("flood_stderr"), "for ever", NULL};
    agt_process_config config = AGT_CONFIG(agt_process_config, .argv = argv, .env = test.env);
    agt_test_tool_run flood = {.config = &config};
    agt_test_tool_start(&flood, test.loop);
    /* Another one gets its turn meanwhile. */
    agt_test_tool_run other = {.input = "hello"};
    run_zoo(&test, &other, NO_CONFIG, "echo", NULL);
    assert_string_equal(other.output, "hello");
    agt_test_tool_free(&other);
    agt_test_tool_kill(&flood);
    agt_test_tool_wait(&flood);
    assert_exit(&flood, -1, SIGTERM, true);
    assert_true(test.heap.bytes_max < 1000000);
    agt_test_tool_free(&flood);
    tear_down(&test);
}

/* ---- those that do not read ---- */

static void a_tool_that_never_reads_is_fine(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    char *input = calloc(1, 4000000);
    assert_non_null(input);
    agt_test_tool_run leaves = {.input = input, .input_size = 4000000};
    run_zoo(&test, &leaves, NO_CONFIG, "never_reads", "leave");
    assert_exit(&leaves, 0, 0, false);
    assert_int_equal(leaves.write_status, AGT_OK);
    agt_test_tool_free(&leaves);
    agt_test_tool_run stays = {.input = input, .input_size = 4000000, .kill_at = "ready"};
    run_zoo(&test, &stays, NO_CONFIG, "never_reads", NULL);
    assert_exit(&stays, -1, SIGTERM, true);
    agt_test_tool_free(&stays);
    free(input);
    tear_down(&test);
}

static void a_tool_that_closed_its_input_is_fine(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run run = {.input = "nobody reads this",
                             .input_at = "closed",
                             .keeps_input = true,
                             .kill_at = "closed"};
    run_zoo(&test, &run, NO_CONFIG, "close_stdin", NULL);
    assert_exit(&run, 0, 0, true);
    assert_int_equal(run.write_status, AGT_OK);
    agt_test_tool_free(&run);
    tear_down(&test);
}

/* ---- those that die ---- */

static void the_signal_that_ended_it_arrives(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_tool_run fault = {0};
    run_zoo(&test, &fault, NO_CONFIG, "die_by_signal", NULL);
    assert_exit(&fault, -1, SIGSEGV, false);
    agt_test_tool_run pipe_signal = {0};
    run_zoo(&test, &pipe_signal, NO_CONFIG, "die_by_signal", "13");
    assert_exit(&pipe_signal, -1, SIGPIPE, false);
    tear_down(&test);
}

static void a_tool_that_kills_its_supervisor_dies_with_it(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    /* What loses its parent now becomes ours, so that its end can be waited for. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    agt_test_tool_run run = {0};
    run_zoo(&test, &run, NO_CONFIG, "kill_parent", NULL);
    assert_true(run.has_err);
    assert_int_equal(run.err.status, AGT_E_PROCESS);
    assert_int_equal(run.err.cause, -SIGKILL);
    assert_non_null(strstr(run.err.message, "signal 9"));
    assert_int_equal(run.exit.exit_status, -1);
    int status = 0;
    assert_true(waitpid(-1, &status, 0) > 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
    tear_down(&test);
}

/* ---- the host ---- */

static void what_runs_is_killed_with_the_loop(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    const char *argv[] = {agt_test_zoo("ignore_term"), NULL};
    agt_process_config config = AGT_CONFIG(agt_process_config, .argv = argv, .env = test.env);
    static agt_test_tool_run runs[3];
    for (int i = 0; i < 3; i++) {
        runs[i] = (agt_test_tool_run){.config = &config};
        agt_test_tool_start(&runs[i], test.loop);
    }
    agt__loop_free(test.loop);
    for (int i = 0; i < 3; i++) {
        agt_test_tool_wait(&runs[i]); /* each has had its on_exit */
        assert_exit(&runs[i], -1, SIGKILL, true);
        agt_test_tool_free(&runs[i]);
    }
    test.loop = NULL;
    tear_down(&test);
}

/* In a process of its own: start a daemon, a tree and a deaf one, and die. */
static _Noreturn void die_with_tools_running(fixture *test)
{
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .helper_path = agt_test_supervisor());
    const char *const names[] = {"ignore_term", "fork_tree"};
    static agt_test_tool_run runs[2];
    static agt_process_config configs[2];
    static const char *argv[2][2];
    if (agt__loop_new(&config, &test->loop, NULL) != AGT_OK) {
        _exit(1);
    }
    for (int i = 0; i < 2; i++) {
        argv[i][0] = agt_test_zoo(names[i]);
        configs[i] = AGT_CONFIG(agt_process_config, .argv = argv[i], .env = test->env);
        runs[i] = (agt_test_tool_run){.config = &configs[i]};
        agt_test_tool_start(&runs[i], test->loop);
    }
    /* A third one that does end shows that the others have been started. */
    agt_test_tool_run last = {.input = "x"};
    run_zoo(test, &last, NO_CONFIG, "echo", NULL);
    (void)raise(SIGKILL);
    _exit(1);
}

static void nothing_outlives_a_host_that_is_killed(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt__loop_free(test.loop); /* a child cannot be forked beside threads under every sanitizer */
    test.loop = NULL;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    pid_t host = fork();
    assert_true(host >= 0);
    if (host == 0) {
        die_with_tools_running(&test);
    }
    int status = 0;
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_true(WIFSIGNALED(status));
    while (waitpid(-1, NULL, 0) > 0) { /* the supervisors are ours now: they end by themselves */
    }
    assert_int_equal(errno, ECHILD);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
    tear_down(&test);
}

static void signal_handlers_of_the_host_are_left_alone(void **state)
{
    (void)state;
    fixture test;
    struct sigaction before[2], after[2];
    assert_int_equal(sigaction(SIGCHLD, NULL, &before[0]), 0);
    assert_int_equal(sigaction(SIGPIPE, NULL, &before[1]), 0);
    set_up(&test);
    agt_test_tool_run run = {.input = "hello"};
    run_zoo(&test, &run, NO_CONFIG, "exit_3", NULL);
    assert_int_equal(sigaction(SIGCHLD, NULL, &after[0]), 0);
    assert_int_equal(sigaction(SIGPIPE, NULL, &after[1]), 0);
    assert_ptr_equal(before[0].sa_handler, after[0].sa_handler);
    assert_ptr_equal(before[1].sa_handler, after[1].sa_handler);
    agt_test_tool_free(&run);
    tear_down(&test);
}

/* A host that ignores SIGCHLD gets no exit status of the supervisor; the report does not need it.
 */
static void a_host_that_ignores_its_children_still_gets_the_report(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    (void)signal(SIGCHLD, SIG_IGN);
    agt_test_tool_run run = {0};
    run_zoo(&test, &run, NO_CONFIG, "exit_3", NULL);
    (void)signal(SIGCHLD, SIG_DFL);
    assert_exit(&run, 3, 0, false);
    agt_test_tool_free(&run);
    tear_down(&test);
}

/* ---- memory ---- */

static void use_process(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    fixture test = {.env = {"A=b", NULL}};
    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .allocator = allocator, .helper_path = agt_test_supervisor());
    if (agt__loop_new(&config, &test.loop, NULL) != AGT_OK) {
        return;
    }
    static char input[1000000];
    memset(input, 'x', sizeof(input));
    const char *argv[] = {agt_test_zoo("echo"), NULL};
    agt_process_config process = AGT_CONFIG(agt_process_config, .argv = argv, .env = test.env);
    agt_test_tool_run run = {.config = &process, .input = input, .input_size = sizeof(input)};
    agt_test_tool_run_all(&run, test.loop);
    if (run.start_status == AGT_OK && !run.has_err) {
        assert_exit(&run, 0, 0, false);
        assert_int_equal(run.output_size, sizeof(input));
    } else if (run.start_status == AGT_OK) {
        assert_int_equal(run.err.status, AGT_E_NOMEM);
        assert_int_equal(run.write_status, AGT_E_NOMEM);
    } else {
        assert_int_equal(run.start_status, AGT_E_NOMEM);
        assert_int_equal(run.start_err.status, AGT_E_NOMEM);
    }
    agt_test_tool_free(&run);
    agt__loop_free(test.loop);
}

static void memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    agt_test_torture(use_process, NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(much_may_be_written_at_once),
        cmocka_unit_test(the_exit_status_and_the_complaint_arrive),
        cmocka_unit_test(output_byte_by_byte_arrives_in_order),
        cmocka_unit_test(output_is_passed_on_as_it_is),
        cmocka_unit_test(many_run_at_a_time),
        cmocka_unit_test(a_tool_is_asked_before_it_is_killed),
        cmocka_unit_test(a_tool_that_ignores_signals_is_killed_after_its_grace),
        cmocka_unit_test(a_stopped_tool_is_woken_to_end),
        cmocka_unit_test(a_tool_that_closed_its_output_goes_on),
        cmocka_unit_test(killing_twice_is_killing_once),
        cmocka_unit_test(a_daemon_is_found_and_killed),
        cmocka_unit_test(a_tree_of_processes_is_ended),
        cmocka_unit_test(what_is_started_while_ending_is_ended_too),
        cmocka_unit_test(zombies_are_reaped),
        cmocka_unit_test(too_much_output_ends_the_tool),
        cmocka_unit_test(of_the_errors_the_end_is_kept),
        cmocka_unit_test(errors_without_end_do_not_hurt),
        cmocka_unit_test(a_tool_that_never_reads_is_fine),
        cmocka_unit_test(a_tool_that_closed_its_input_is_fine),
        cmocka_unit_test(the_signal_that_ended_it_arrives),
        cmocka_unit_test(a_tool_that_kills_its_supervisor_dies_with_it),
        cmocka_unit_test(what_runs_is_killed_with_the_loop),
        cmocka_unit_test(nothing_outlives_a_host_that_is_killed),
        cmocka_unit_test(signal_handlers_of_the_host_are_left_alone),
        cmocka_unit_test(a_host_that_ignores_its_children_still_gets_the_report),
        cmocka_unit_test(memory_may_run_out_at_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
