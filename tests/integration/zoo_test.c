/*
 * Every misbehaving program of the zoo as a tool of a real runtime, each beside three calls that
 * behave: all four outcomes arrive, the right one says what was wrong, and afterwards nothing is
 * left: no process with the test's mark in its environment, no child, no descriptor, no memory.
 *
 * What hangs is ended by a time limit of 50 ms; nothing here depends on how far it came.
 */
#include "support/test.h"

#include "support/env.h"
#include "support/exec.h"
#include "support/folder.h"
#include "support/server.h"
#include "support/tool_run.h"
#include "support/torture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct fixture {
    agt_test_heap heap;
    agt_test_engine engine;
    unsigned descriptors;
    char mark[64];
    const char *env[3];
} fixture;

static void setup(fixture *f)
{
    static int number;
    f->descriptors = agt_test_count_descriptors();
    (void)snprintf(f->mark, sizeof(f->mark), "AGT_TEST_MARK=%d.%d", (int)getpid(), number++);
    f->env[0] = f->mark;
    f->env[1] = "PATH=/usr/bin:/bin";
    f->env[2] = NULL;
    agt_test_heap_init(&f->heap);
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .allocator = &f->heap.allocator,
                                           .helper_path = agt_test_supervisor(), .workers_max = 4);
    assert_int_equal(agt_test_engine_init_with(&f->engine, &config, NULL), AGT_OK);
}

static void teardown(fixture *f)
{
    assert_int_equal(agt_test_count_processes(f->mark), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    agt_test_engine_deinit(&f->engine);
    agt_test_heap_deinit(&f->heap);
    assert_int_equal(agt_test_count_descriptors(), f->descriptors);
}

/* Register a program of the zoo under its own name. */
static void add_program(fixture *f, const char *program, const char *argument,
                        const agt_process_tool *given, uint32_t timeout_ms)
{
    const char *argv[] = {agt_test_zoo(program), argument, NULL};
    agt_process_tool tool = *given;
    tool.struct_size = sizeof(tool);
    tool.process.argv = argv;
    tool.process.env = f->env;
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE, .timeout_ms = timeout_ms);
    agt_error err;
    if (agt_executor_register_process(f->engine.executor, program, &tool, &config, &err) !=
        AGT_OK) {
        fail_msg("%s", err.message);
    }
}

/* One program: what it is given, and what becomes of its call. */
typedef struct animal {
    const char *program;
    const char *argument;
    agt_process_tool tool;
    uint32_t timeout_ms; /* 0 = as long as it takes */
    agt_outcome outcome;
    const char *says; /* in the message; in the output if the outcome is ok */
} animal;

#define TEXT  .output = AGT_PROCESS_TEXT
#define HANGS .timeout_ms = 50, .outcome = AGT_OUTCOME_TIMEOUT, .says = "timed out after"
#define GRACE .process.grace_ms = 20

static const agt_process_limits little_memory = {.struct_size = sizeof(agt_process_limits),
                                                 .memory_bytes = 64 << 20};
static const agt_process_limits little_time = {.struct_size = sizeof(agt_process_limits),
                                               .cpu_seconds = 1};

static const animal animals[] = {
    {"burn_cpu", NULL, {GRACE}, HANGS},
    {"burn_cpu",
     NULL,
     {.process.limits = &little_time},
     .outcome = AGT_OUTCOME_ERROR,
     .says = "\"burn_cpu\" computed for more than 1 s and was stopped"},
    {"close_stdin", NULL, {GRACE}, HANGS},
    {"close_stdout", NULL, {GRACE}, HANGS},
    {"daemonize", NULL, {TEXT}, .outcome = AGT_OUTCOME_OK, .says = "left a daemon"},
    {"daemonize", "keep", {TEXT}, .outcome = AGT_OUTCOME_OK, .says = "left a daemon"},
    {"die_by_signal",
     NULL,
     {TEXT},
     .outcome = AGT_OUTCOME_ERROR,
     .says = "\"die_by_signal\" was ended by signal 11 SIGSEGV"},
    {"die_by_signal", "9", {TEXT}, .outcome = AGT_OUTCOME_ERROR, .says = "signal 9 SIGKILL"},
    {"drip", NULL, {TEXT}, .outcome = AGT_OUTCOME_OK, .says = "abcdefghij"},
    {"eat_memory",
     NULL,
     {TEXT, .process.limits = &little_memory},
     .outcome = AGT_OUTCOME_ERROR,
     .says = "\"eat_memory\" exited with status 7"},
    {"exit_3",
     NULL,
     {TEXT},
     .outcome = AGT_OUTCOME_ERROR,
     .says = "\"exit_3\" exited with status 3: it did not work"},
    {"exit_on_term", NULL, {TEXT}, HANGS},
    {"flood_stderr", NULL, {TEXT}, .outcome = AGT_OUTCOME_OK, .says = ""},
    {"flood_stderr", "always", {GRACE}, HANGS},
    {"flood_stdout",
     NULL,
     {TEXT, GRACE, .process.output_bytes_max = 100000},
     .outcome = AGT_OUTCOME_ERROR,
     .says = "wrote more than 100000 bytes and was stopped"},
    {"fork_on_term", NULL, {GRACE}, HANGS},
    {"fork_tree", NULL, {GRACE}, HANGS},
    {"fork_tree", "leave", {TEXT}, .outcome = AGT_OUTCOME_OK, .says = "ready"},
    {"ignore_term", NULL, {GRACE}, HANGS},
    {"invalid_json",
     NULL,
     {.input = AGT_PROCESS_NONE},
     .outcome = AGT_OUTCOME_ERROR,
     .says = "the output of \"invalid_json\" is not JSON: line 1, column "},
    {"never_reads", NULL, {GRACE}, HANGS},
    {"never_reads", "leave", {TEXT}, .outcome = AGT_OUTCOME_OK, .says = "ready"},
    {"open_many", NULL, {TEXT}, .outcome = AGT_OUTCOME_OK, .says = "256 EMFILE"},
    {"stop_self", NULL, {GRACE}, HANGS},
    {"wait_for_ever", NULL, {GRACE}, HANGS},
    {"zombie_maker", NULL, {TEXT}, .outcome = AGT_OUTCOME_OK, .says = "ready"},
    {"zombie_maker", "stay", {GRACE}, HANGS},
    {"no_such_program", NULL, {TEXT}, .outcome = AGT_OUTCOME_ERROR, .says = "cannot run"},
};

/* A large input, which most of them never read. */
static agt_value *make_input(void)
{
    static char text[300000];
    agt_value_builder *builder;
    agt_value *input;
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(agt_value_builder_new(NULL, &builder), AGT_OK);
    agt_value_builder_begin_object(builder);
    agt_value_builder_key(builder, "text");
    agt_value_builder_string(builder, text);
    agt_value_builder_end(builder);
    assert_int_equal(agt_value_builder_finish(builder, &input, NULL), AGT_OK);
    agt_value_builder_free(builder);
    return input;
}

static void expect_good(const agt_results *results, size_t first)
{
    agt_test_expect_output(results, first, "{\"echo\":[1,\"two\"]}");
    agt_test_expect_output(results, first + 1, "2");
    agt_test_expect_output(results, first + 2, "3");
}

static void add_good(agt_graph *graph)
{
    (void)agt_test_add(graph, "echo", "{\"echo\": [1, \"two\"]}", NULL);
    (void)agt_test_add(graph, "blocking", "{\"ms\": 1, \"echo\": 2}", NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 1, \"echo\": 3}", NULL);
}

static void meet(const animal *one, const agt_value *input)
{
    fixture f;
    agt_call_id call;
    setup(&f);
    add_program(&f, one->program, one->argument, &one->tool, one->timeout_ms);
    add_program(&f, "echo", NULL, &(agt_process_tool){.input = AGT_PROCESS_JSON}, 0);
    agt_graph *graph = agt_test_new_graph(&f.engine, NULL);
    assert_int_equal(agt_graph_add_call(graph, one->program, input, NULL, &call, NULL), AGT_OK);
    add_good(graph);
    agt_call_id behind = agt_test_add(graph, "inline", "{\"echo\": 4}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, behind, call, NULL), AGT_OK);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_error err = {.message = ""};
    (void)agt_results_get_error(results, call, &err);
    const char *said = err.message;
    if (one->outcome == AGT_OUTCOME_OK) {
        const agt_value *output = agt_results_get_output(results, call);
        said = output != NULL ? agt_value_get_string(output, NULL) : said;
    }
    if (agt_results_get_outcome(results, call) != one->outcome || strstr(said, one->says) == NULL) {
        fail_msg("%s %s: %s: %s", one->program, one->argument != NULL ? one->argument : "",
                 agt_outcome_get_name(agt_results_get_outcome(results, call)), said);
    }
    expect_good(results, call + 1);
    agt_test_expect(
        results, behind,
        one->outcome == AGT_OUTCOME_OK ? AGT_OUTCOME_OK : AGT_OUTCOME_SKIPPED_DEPENDENCY, NULL);
    agt_results_unref(results);
    agt_graph_unref(graph);
    teardown(&f);
}

static void every_animal_hurts_only_itself(void **state)
{
    (void)state;
    agt_value *input = make_input();
    for (size_t i = 0; i < sizeof(animals) / sizeof(animals[0]); i++) {
        meet(&animals[i], input);
    }
    agt_value_unref(input);
}

static void a_file_that_grows_too_large_ends_its_program(void **state)
{
    (void)state;
    char path[512];
    char *folder = agt_test_folder_new();
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    agt_process_limits limits = AGT_CONFIG(agt_process_limits, .file_bytes = 100000);
    animal writer = {"write_file",
                     path,
                     {TEXT, .process.limits = &limits},
                     .outcome = AGT_OUTCOME_ERROR,
                     .says = "wrote a file of more than 100000 bytes and was stopped"};
    agt_value *input = agt_value_null();
    writer.tool.input = AGT_PROCESS_NONE;
    meet(&writer, input);
    agt_test_folder_free(folder);
}

/* It dies with its supervisor, and what it left behind comes to us: the only one of whom something
 * may be left for a moment. */
static void who_kills_its_supervisor_is_found_out(void **state)
{
    (void)state;
    fixture f;
    int status = 0;
    setup(&f);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    add_program(&f, "kill_parent", NULL, &(agt_process_tool){TEXT}, 0);
    add_program(&f, "echo", NULL, &(agt_process_tool){.input = AGT_PROCESS_JSON}, 0);
    agt_graph *graph = agt_test_new_graph(&f.engine, NULL);
    (void)agt_test_add(graph, "kill_parent", "{}", NULL);
    add_good(graph);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "ended before it (signal 9)");
    expect_good(results, 1);
    assert_true(waitpid(-1, &status, 0) > 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
    agt_results_unref(results);
    agt_graph_unref(graph);
    teardown(&f);
}

/* ---- one that hangs of each kind ----------------------------------------------------------- */

typedef struct stuck {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
} stuck;

/* Hears nothing until it is let go. */
static agt_status hang_blocking(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    stuck *gate = user_data;
    (void)call;
    (void)ret_output;
    (void)pthread_mutex_lock(&gate->mutex);
    while (!gate->open) {
        (void)pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    (void)pthread_mutex_unlock(&gate->mutex);
    return AGT_OK;
}

static void let_go(stuck *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->mutex);
}

static void every_kind_that_hangs_is_ended(void **state)
{
    (void)state;
    static const agt_test_step silent[] = {{.kind = AGT_TEST_READ}, {.kind = AGT_TEST_HANG}, {0}};
    stuck gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    fixture f;
    setup(&f);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(silent));
    add_program(&f, "ignore_term", NULL, &(agt_process_tool){GRACE}, 50);
    add_program(&f, "echo", NULL, &(agt_process_tool){.input = AGT_PROCESS_JSON}, 0);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE,
                                        .timeout_ms = 50, .user_data = &gate);
    assert_int_equal(
        agt_executor_register_tool(f.engine.executor, "stuck", hang_blocking, &config, NULL),
        AGT_OK);
    agt_http_tool http =
        AGT_CONFIG(agt_http_tool, .request = {.url = agt_test_server_get_url(server, "/")});
    assert_int_equal(agt_executor_register_http(f.engine.executor, "silent", &http, &config, NULL),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(&f.engine, NULL);
    agt_call_options limit = AGT_CONFIG(agt_call_options, .timeout_ms = 50);
    (void)agt_test_add(graph, "ignore_term", "{}", NULL);
    (void)agt_test_add(graph, "stuck", "{}", NULL);
    (void)agt_test_add(graph, "silent", "{}", NULL);
    (void)agt_test_add(graph, "async", "{\"hang\": true}", &limit);
    (void)agt_test_add(graph, "blocking", "{\"hang\": true}", &limit);
    add_good(graph);
    agt_results *results = agt_test_run_graph(graph, NULL);
    for (size_t i = 0; i < 5; i++) {
        agt_test_expect(results, i, AGT_OUTCOME_TIMEOUT, "timed out after");
    }
    expect_good(results, 5);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_server_wait_closed(server, 1);
    let_go(&gate); /* else its thread keeps the runtime from ending */
    agt_test_server_free(server);
    assert_int_equal(agt_runtime_close(f.engine.runtime, 0, NULL), AGT_OK);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_animal_hurts_only_itself),
        cmocka_unit_test(a_file_that_grows_too_large_ends_its_program),
        cmocka_unit_test(who_kills_its_supervisor_is_found_out),
        cmocka_unit_test(every_kind_that_hangs_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
