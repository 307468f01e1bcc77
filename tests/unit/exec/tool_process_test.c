/*
 * Programs as tools, with processes that are played from a script: what a program is given, what
 * its end means, and that nothing is left of it. tests/integration/zoo_test.c has real ones.
 */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/policies.h"
#include "support/script_io.h"
#include "support/torture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

typedef struct fixture {
    agt_test_engine engine;
    agt_test_io io;
    /* of the tool's span, once it has ended; -1 = not set */
    agt_span_context span;
    int64_t exit_status, signal, user_us, system_us, memory_bytes, descendants;
} fixture;

static void on_span_end(void *user_data, const agt_span *span)
{
    fixture *f = user_data;
    if (strcmp(agt_span_get_name(span), "execute_tool lint") == 0) {
        f->span = agt_span_get_context(span);
        f->exit_status = agt_span_get_int(span, "process.exit.code", -1);
        f->signal = agt_span_get_int(span, "agent_sdk.process.signal", -1);
        f->user_us = agt_span_get_int(span, "agent_sdk.process.user_us", -1);
        f->system_us = agt_span_get_int(span, "agent_sdk.process.system_us", -1);
        f->memory_bytes = agt_span_get_int(span, "agent_sdk.process.memory_bytes", -1);
        f->descendants = agt_span_get_int(span, "agent_sdk.process.descendants_killed", -1);
    }
}

static void setup(fixture *f, const agt_test_process_script *script)
{
    memset(f, 0, sizeof(*f));
    f->io.process = *script;
    assert_int_equal(agt_test_engine_init_io(&f->engine, NULL, &f->io), AGT_OK);
    agt_span_listener listener =
        AGT_CONFIG(agt_span_listener, .user_data = f, .on_end = on_span_end);
    assert_int_equal(agt_tracer_add_listener(agt_runtime_get_tracer(f->engine.runtime), &listener),
                     AGT_OK);
}

static void teardown(fixture *f)
{
    agt_test_engine_deinit(&f->engine);
    assert_int_equal(f->io.started, f->io.ended);
}

static void add_tool(fixture *f, const agt_process_tool *process)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE);
    agt_error err;
    if (agt_executor_register_process(f->engine.executor, "lint", process, &config, &err) !=
        AGT_OK) {
        fail_msg("%s", err.message);
    }
}

static agt_process_tool tool_with(const char *const *argv, agt_process_format input,
                                  agt_process_format output)
{
    return AGT_CONFIG(agt_process_tool, .process = {.argv = argv}, .input = (int32_t)input,
                      .output = (int32_t)output);
}

static const char *const plain_argv[] = {"lint", NULL};

/* Run one call of "lint". */
static agt_results *call(fixture *f, const char *input)
{
    agt_graph *graph = agt_test_new_graph(&f->engine, NULL);
    (void)agt_test_add(graph, "lint", input, NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_graph_unref(graph);
    return results;
}

/* ---- what it is given ---------------------------------------------------------------------- */

static void arguments_are_filled_in(void **state)
{
    (void)state;
    static const char *const argv[] = {
        "lint", "--level={level?}", "{verbose?}", "-f{{}", "in {path}", "--", "{path}", NULL};
    static const struct {
        const char *input, *argv, *refusal;
    } cases[] = {
        {"{\"path\": \"a b\"}", "[lint][-f{}][in a b][--][a b]", NULL},
        {"{\"path\": \"\", \"level\": 3, \"verbose\": null}", "[lint][--level=3][-f{}][in ][--][]",
         NULL},
        {"{\"path\": \"$(rm) ; `x` {level}\"}",
         "[lint][-f{}][in $(rm) ; `x` {level}][--][$(rm) ; `x` {level}]", NULL},
        {"{\"path\": \"x\", \"verbose\": true}", "[lint][true][-f{}][in x][--][x]", NULL},
        {"{\"path\": \"-rf\"}", NULL, "argument 6 of \"lint\" would begin with '-': -rf"},
        {"{\"path\": \"x\", \"verbose\": -1}", NULL, "argument 2 of \"lint\" would begin with '-'"},
        {"{\"path\": \"x\\u0000y\"}", NULL, "NUL"},
        {"{}", NULL, "no member \"path\""},
        {"[]", NULL, "no member \"path\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture f;
        setup(&f, &(agt_test_process_script){.output = "1"});
        agt_process_tool tool = tool_with(argv, AGT_PROCESS_NONE, AGT_PROCESS_JSON);
        add_tool(&f, &tool);
        agt_results *results = call(&f, cases[i].input);
        if (cases[i].refusal != NULL) {
            agt_test_expect(results, 0, AGT_OUTCOME_REJECTED, cases[i].refusal);
            assert_int_equal(f.io.started, 0);
        } else {
            agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
            assert_string_equal(f.io.argv, cases[i].argv);
            assert_string_equal(f.io.input, "|");
        }
        agt_results_unref(results);
        teardown(&f);
    }
}

/* Data cannot become an option, however it is put together. */
static void options_cannot_be_forged(void **state)
{
    (void)state;
    static const char *const argv[] = {"lint", "{a}{b?}", NULL};
    static const struct {
        const char *input;
        agt_outcome outcome;
    } cases[] = {
        {"{\"a\": \"x\", \"b\": \"-y\"}", AGT_OUTCOME_OK},
        {"{\"a\": \"-x\", \"b\": \"y\"}", AGT_OUTCOME_REJECTED},
        {"{\"a\": \"\", \"b\": \"-y\"}", AGT_OUTCOME_REJECTED},
        {"{\"a\": -5, \"b\": 1}", AGT_OUTCOME_REJECTED},
        {"{\"a\": \"-x\"}", AGT_OUTCOME_OK}, /* left out as a whole */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture f;
        setup(&f, &(agt_test_process_script){.output = "1"});
        agt_process_tool tool = tool_with(argv, AGT_PROCESS_NONE, AGT_PROCESS_JSON);
        add_tool(&f, &tool);
        agt_results *results = call(&f, cases[i].input);
        agt_test_expect(results, 0, cases[i].outcome, NULL);
        agt_results_unref(results);
        teardown(&f);
    }
}

static void input_arrives_in_its_format(void **state)
{
    (void)state;
    static const struct {
        agt_process_format format;
        const char *input, *written, *refusal;
    } cases[] = {
        {AGT_PROCESS_JSON, "{\"a\": [1, null]}", "{\"a\":[1,null]}\n|", NULL},
        {AGT_PROCESS_JSON, "\"x\"", "\"x\"\n|", NULL},
        {AGT_PROCESS_TEXT, "{\"text\": \"one\\ntwo\", \"b\": 1}", "one\ntwo|", NULL},
        {AGT_PROCESS_TEXT, "\"\\u00e9\"", "\xC3\xA9|", NULL},
        {AGT_PROCESS_TEXT, "\"\"", "|", NULL},
        {AGT_PROCESS_TEXT, "{\"text\": 1}", NULL, "reads text"},
        {AGT_PROCESS_TEXT, "{}", NULL, "reads text"},
        {AGT_PROCESS_TEXT, "5", NULL, "reads text"},
        {AGT_PROCESS_NONE, "{\"a\": 1}", "|", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture f;
        setup(&f, &(agt_test_process_script){.output = "1"});
        agt_process_tool tool = tool_with(plain_argv, cases[i].format, AGT_PROCESS_JSON);
        add_tool(&f, &tool);
        agt_results *results = call(&f, cases[i].input);
        if (cases[i].refusal != NULL) {
            agt_test_expect(results, 0, AGT_OUTCOME_REJECTED, cases[i].refusal);
            assert_int_equal(f.io.started, 0);
        } else {
            agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
            assert_string_equal(f.io.input, cases[i].written);
        }
        agt_results_unref(results);
        teardown(&f);
    }
}

/* Everything is the tool's own: the caller's may change as soon as it is registered. */
static void configurations_are_copied(void **state)
{
    (void)state;
    fixture f;
    setup(&f, &(agt_test_process_script){.output = "1"});
    char program[] = "lint", variable[] = "KEY=secret", folder[] = "/tmp", name[] = "lint";
    const char *argv[] = {program, NULL};
    const char *env[] = {variable, "TRACEPARENT=mine", NULL};
    agt_process_limits limits = AGT_CONFIG(agt_process_limits, .cpu_seconds = 7, .files_max = 9);
    agt_process_tool tool = AGT_CONFIG(agt_process_tool, .process = {.argv = argv,
                                                                     .env = env,
                                                                     .cwd = folder,
                                                                     .limits = &limits,
                                                                     .output_bytes_max = 100,
                                                                     .error_bytes_max = 50,
                                                                     .grace_ms = 30});
    assert_int_equal(agt_executor_register_process(f.engine.executor, name, &tool, NULL, NULL),
                     AGT_OK);
    memset(program, 'x', 4);
    memset(variable, 'x', 10);
    memset(folder, 'x', 4);
    memset(name, 'x', 4);
    argv[0] = env[0] = NULL;
    memset(&limits, 0, sizeof(limits));
    memset(&tool, 0, sizeof(tool));
    agt_results *results = call(&f, "{}");
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    assert_string_equal(f.io.argv, "[lint]");
    assert_string_equal(f.io.cwd, "/tmp");
    assert_int_equal(f.io.limits.cpu_seconds, 7);
    assert_int_equal(f.io.limits.files_max, 9);
    assert_int_equal(f.io.config.output_bytes_max, 100);
    assert_int_equal(f.io.config.error_bytes_max, 50);
    assert_int_equal(f.io.config.grace_ms, 30);
    /* the span of the call takes the place of whatever was there */
    char expected[128] = "[KEY=secret][TRACEPARENT=";
    agt_span_context_to_traceparent(&f.span, expected + strlen(expected));
    assert_memory_equal(f.io.env, expected, strlen(expected));
    assert_string_equal(f.io.env + strlen(expected), "]");
    agt_results_unref(results);
    teardown(&f);
}

static void without_an_environment_it_is_the_usual_one(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(setenv("SECRET_KEY", "x", 1), 0);
    setup(&f, &(agt_test_process_script){.output = "1"});
    agt_process_tool tool = tool_with(plain_argv, AGT_PROCESS_JSON, AGT_PROCESS_JSON);
    add_tool(&f, &tool);
    agt_results_unref(call(&f, "{}"));
    assert_non_null(strstr(f.io.env, "[PATH="));
    assert_non_null(strstr(f.io.env, "[TRACEPARENT=00-"));
    assert_null(strstr(f.io.env, "SECRET_KEY"));
    teardown(&f);
}

/* ---- what its end means -------------------------------------------------------------------- */

typedef struct end_case {
    agt_test_process_script script;
    agt_process_format format;
    const char *output;  /* NULL = an error … */
    const char *message; /* … that says this */
    int32_t status, cause;
    uint64_t ok;
} end_case;

#define EXITS(n)    .exit = {.exit_status = (n)}
#define DIES(n, by) .exit = {.exit_status = -1, .signal = (n), .killed = (by)}

static const end_case end_cases[] = {
    {{.output = " {\"a\": [1]}\n", .ms = 5}, AGT_PROCESS_JSON, .output = "{\"a\":[1]}"},
    {{.output = "[1, 2]", .piece = 1}, AGT_PROCESS_JSON, .output = "[1,2]"},
    {{.output = "one\ntwo\n", .piece = 3}, AGT_PROCESS_TEXT, .output = "\"one\\ntwo\\n\""},
    {{.output = "a\xFF"
                "b"},
     AGT_PROCESS_TEXT,
     .output = "\"a\xEF\xBF\xBD"
               "b\""},
    {{.output = NULL}, AGT_PROCESS_TEXT, .output = "\"\""},
    {{.output = "not looked at"}, AGT_PROCESS_NONE, .output = "null"},
    {{.output = "1", .error = "a warning\n"}, AGT_PROCESS_JSON, .output = "1"},
    {{.output = "1", EXITS(1)}, AGT_PROCESS_JSON, .output = "1", .ok = 3},
    {{.output = "1", EXITS(0)},
     AGT_PROCESS_JSON,
     .ok = 2,
     .message = "\"lint\" exited with status 0",
     .status = AGT_E_PROCESS},
    {{.output = "1", EXITS(63)}, AGT_PROCESS_JSON, .output = "1", .ok = 1ull << 63},
    {{EXITS(3), .error = "first\nline 7: no such thing\n\n \n"},
     AGT_PROCESS_JSON,
     .message = "\"lint\" exited with status 3: line 7: no such thing",
     .status = AGT_E_PROCESS,
     .cause = 3},
    {{EXITS(255)},
     AGT_PROCESS_JSON,
     .message = "\"lint\" exited with status 255",
     .status = AGT_E_PROCESS,
     .cause = 255,
     .ok = 1},
    {{EXITS(2), .error = "bad \x01 \xFF thing"},
     AGT_PROCESS_JSON,
     .message = "status 2: bad   ? thing",
     .status = AGT_E_PROCESS,
     .cause = 2},
    {{DIES(SIGSEGV, false), .error = "oops"},
     AGT_PROCESS_JSON,
     .message = "\"lint\" was ended by signal 11 SIGSEGV: oops",
     .status = AGT_E_PROCESS,
     .cause = -SIGSEGV},
    {{DIES(SIGXFSZ, true)},
     AGT_PROCESS_JSON,
     .message = "\"lint\" wrote a file of more than 1000 bytes and was stopped",
     .status = AGT_E_LIMIT,
     .cause = -SIGXFSZ},
    {{DIES(SIGXCPU, true)},
     AGT_PROCESS_JSON,
     .message = "\"lint\" computed for more than 2 s and was stopped",
     .status = AGT_E_LIMIT,
     .cause = -SIGXCPU},
    {{DIES(SIGKILL, false)},
     AGT_PROCESS_JSON,
     .message = "ended by signal 9 SIGKILL",
     .status = AGT_E_PROCESS,
     .cause = -SIGKILL},
    {{.output = "123",
      .exit = {.exit_status = -1, .signal = SIGTERM, .killed = true, .output_truncated = true}},
     AGT_PROCESS_TEXT,
     .message = "\"lint\" wrote more than 64 bytes and was stopped",
     .status = AGT_E_LIMIT},
    {{.output = "0123456789012345678901234567890123456789012345678901234567890123456789",
      .piece = 10},
     AGT_PROCESS_TEXT,
     .message = "\"lint\" wrote more than 64 bytes and was stopped",
     .status = AGT_E_LIMIT},
    {{.output = "{\"a\": 1,\n \"b\": }"},
     AGT_PROCESS_JSON,
     .message = "the output of \"lint\" is not JSON: line 2, column 7: ",
     .status = AGT_E_SYNTAX},
    {{.output = "\xFF"},
     AGT_PROCESS_JSON,
     .message = "not JSON: line 1, column 1: ",
     .status = AGT_E_SYNTAX},
    {{.output = ""},
     AGT_PROCESS_JSON,
     .message = "\"lint\" wrote nothing where JSON was expected",
     .status = AGT_E_SYNTAX},
    {{.fails = "cannot run \"lint\": No such file or directory"},
     AGT_PROCESS_JSON,
     .message = "cannot run \"lint\": No such file",
     .status = AGT_E_NOT_FOUND},
    {{.start_status = AGT_E_IO},
     AGT_PROCESS_JSON,
     .message = "no process to be had",
     .status = AGT_E_IO},
    {{.output = "1", .write_status = AGT_E_LIMIT, .ms = 100},
     AGT_PROCESS_JSON,
     .message = "the input of \"lint\" is too large",
     .status = AGT_E_LIMIT},
    {{.output = "1", .write_status = AGT_E_NOMEM, .ends_in_kill = true},
     AGT_PROCESS_JSON,
     .message = "\"lint\": out of memory",
     .status = AGT_E_NOMEM},
    {{.output = "7", .ends_in_close = true}, AGT_PROCESS_JSON, .output = "7"},
    {{.output = "7", .ends_in_write = true}, AGT_PROCESS_JSON, .output = "7"},
    {{EXITS(4), .ends_in_close = true},
     AGT_PROCESS_JSON,
     .message = "status 4",
     .status = AGT_E_PROCESS,
     .cause = 4},
};

static void ends_mean_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(end_cases) / sizeof(end_cases[0]); i++) {
        fixture f;
        agt_error err = {.status = AGT_OK};
        setup(&f, &end_cases[i].script);
        agt_process_limits limits =
            AGT_CONFIG(agt_process_limits, .cpu_seconds = 2, .file_bytes = 1000);
        agt_process_tool tool = tool_with(plain_argv, AGT_PROCESS_JSON, end_cases[i].format);
        tool.process.limits = &limits;
        tool.process.output_bytes_max = 64;
        tool.ok_exit_statuses = end_cases[i].ok;
        add_tool(&f, &tool);
        agt_results *results = call(&f, "{\"a\": 1}");
        if (end_cases[i].output != NULL) {
            agt_test_expect_output(results, 0, end_cases[i].output);
        } else {
            agt_test_expect(results, 0, AGT_OUTCOME_ERROR, end_cases[i].message);
            (void)agt_results_get_error(results, 0, &err);
            assert_int_equal(err.status, end_cases[i].status);
            assert_int_equal(err.cause, end_cases[i].cause);
            assert_int_equal(err.line, strstr(err.message, "line 2") != NULL   ? 2
                                       : strstr(err.message, "column") != NULL ? 1
                                                                               : 0);
        }
        agt_results_unref(results);
        teardown(&f);
    }
}

static void spans_say_how_it_ended(void **state)
{
    (void)state;
    static const agt_test_process_script scripts[] = {
        {.output = "1",
         .exit =
             {.user_us = 1500, .system_us = 700, .memory_bytes = 4096, .descendants_killed = 2}},
        {.exit = {.exit_status = 4}},
        {.exit = {.exit_status = -1, .signal = SIGABRT}},
        {.fails = "cannot run it"},
    };
    static const int64_t expected[][6] = {{0, -1, 1500, 700, 4096, 2},
                                          {4, -1, 0, 0, 0, -1},
                                          {-1, SIGABRT, 0, 0, 0, -1},
                                          {-1, -1, -1, -1, -1, -1}};
    for (size_t i = 0; i < 4; i++) {
        fixture f;
        setup(&f, &scripts[i]);
        agt_process_tool tool = tool_with(plain_argv, AGT_PROCESS_JSON, AGT_PROCESS_JSON);
        add_tool(&f, &tool);
        agt_results_unref(call(&f, "{}"));
        const int64_t found[] = {f.exit_status, f.signal,       f.user_us,
                                 f.system_us,   f.memory_bytes, f.descendants};
        assert_memory_equal(found, expected[i], sizeof(found));
        teardown(&f);
    }
}

/* ---- being ended --------------------------------------------------------------------------- */

static void cancelled_processes_are_gone_when_their_call_is(void **state)
{
    (void)state;
    for (int way = 0; way < 6; way++) {
        fixture f;
        setup(&f,
              &(agt_test_process_script){.output = "1", .hangs = true, .ends_in_kill = way >= 3});
        agt_process_tool tool = tool_with(plain_argv, AGT_PROCESS_JSON, AGT_PROCESS_JSON);
        add_tool(&f, &tool);
        agt_graph *graph = agt_test_new_graph(&f.engine, NULL);
        agt_call_options own = AGT_CONFIG(agt_call_options, .timeout_ms = way % 3 == 0 ? 50 : 0);
        (void)agt_test_add(graph, "lint", "{}", &own);
        agt_call_id good = agt_test_add(graph, "async", "{\"ms\": 1}", NULL);
        agt_call_options start = AGT_CONFIG(agt_call_options, .deadline_ms = way % 3 == 1 ? 50 : 0);
        agt_task *task;
        uint64_t begin = agt_test_now_ns(&f.engine);
        assert_int_equal(agt_graph_start(graph, &start, &task, NULL), AGT_OK);
        if (way % 3 == 2) {
            assert_int_equal(agt_task_wait(task, 50), AGT_E_TIMEOUT);
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        /* TERM takes 3 ms here unless the process ends at once */
        assert_int_equal(agt_test_now_ns(&f.engine) - begin, (way >= 3 ? 50 : 53) * MS);
        agt_test_expect(results, 0, way % 3 == 2 ? AGT_OUTCOME_CANCELLED : AGT_OUTCOME_TIMEOUT,
                        way % 3 == 0 ? "timed out after 50 ms" : NULL);
        agt_test_expect(results, good, AGT_OUTCOME_OK, NULL);
        assert_int_equal(f.io.killed, 1);
        assert_int_equal(f.io.ended, 1);
        agt_results_unref(results);
        agt_graph_unref(graph);
        teardown(&f);
    }
}

static void closing_the_runtime_ends_processes(void **state)
{
    (void)state;
    fixture f;
    setup(&f, &(agt_test_process_script){.hangs = true});
    agt_process_tool tool = tool_with(plain_argv, AGT_PROCESS_JSON, AGT_PROCESS_JSON);
    add_tool(&f, &tool);
    agt_graph *graph = agt_test_new_graph(&f.engine, NULL);
    (void)agt_test_add(graph, "lint", "{}", NULL);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 5), AGT_E_TIMEOUT);
    assert_int_equal(agt_runtime_close(f.engine.runtime, 0, NULL), AGT_OK);
    assert_int_equal(f.io.ended, 1);
    agt_results *results = agt_test_finish(task);
    agt_test_expect(results, 0, AGT_OUTCOME_CANCELLED, NULL);
    agt_results_unref(results);
    agt_graph_unref(graph);
    teardown(&f);
}

static void fire_hedge(agt__timer *timer)
{
    agt_test_policy *test =
        (agt_test_policy *)(void *)((char *)timer - offsetof(agt_test_policy, timer));
    assert_int_equal(agt__call_hedge(test->leader), AGT_OK);
}

static void hedge_started(agt__policy *policy, agt__call *call)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    test->leader = call;
    agt_test_start_timer(call, &test->timer, fire_hedge, 20);
}

/* A process that has lost its call is killed; closing the runtime waits until it is gone. */
static void a_process_that_lost_is_not_left_behind(void **state)
{
    (void)state;
    static const agt__policy_table table = {.name = "hedge", .started = hedge_started};
    fixture f;
    agt_test_policy policy = {.granted = 0};
    setup(&f, &(agt_test_process_script){.output = "1", .ms = 5, .first_hangs = true});
    agt_process_tool tool = tool_with(plain_argv, AGT_PROCESS_JSON, AGT_PROCESS_JSON);
    add_tool(&f, &tool);
    agt_test_add_policy(&f.engine, &policy, &table);
    uint64_t begin = agt_test_now_ns(&f.engine);
    agt_results *results = call(&f, "{}");
    assert_int_equal(agt_test_now_ns(&f.engine) - begin, 25 * MS);
    agt_test_expect_output(results, 0, "1");
    assert_int_equal(f.io.killed, 1);
    assert_int_equal(f.io.ended, 1);
    agt_results_unref(results);
    teardown(&f);
}

static void a_simulated_runtime_has_no_processes_of_its_own(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_process_tool tool = tool_with(plain_argv, AGT_PROCESS_JSON, AGT_PROCESS_JSON);
    assert_int_equal(agt_executor_register_process(engine.executor, "lint", &tool, NULL, NULL),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "lint", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "a simulated one needs an agt_io");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- registering --------------------------------------------------------------------------- */

static void bad_tools_are_refused(void **state)
{
    (void)state;
    fixture f;
    agt_error err;
    setup(&f, &(agt_test_process_script){.output = "1"});
    agt_executor *executor = f.engine.executor;
    static const char *const none[] = {NULL}, *const empty[] = {"", NULL};
    static const char *const open[] = {"lint", "ok", "{path", NULL};
    static const char *const chosen[] = {"/bin/{program}", NULL};
    static const struct {
        const char *const *argv;
        int32_t input, output;
        const char *message;
    } cases[] = {
        {NULL, 0, 0, "names no program"},
        {none, 0, 0, "names no program"},
        {empty, 0, 0, "names no program"},
        {open, 0, 0, "argument 2 of tool \"t\": \"{path\""},
        {chosen, 0, 0, "which program runs cannot be part of the input"},
        {plain_argv, 3, 0, "no agt_process_format"},
        {plain_argv, 0, -1, "no agt_process_format"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_process_tool tool = tool_with(cases[i].argv, 0, 0);
        tool.input = cases[i].input;
        tool.output = cases[i].output;
        assert_int_equal(agt_executor_register_process(executor, "t", &tool, NULL, &err),
                         AGT_E_INVALID);
        if (strstr(err.message, cases[i].message) == NULL) {
            fail_msg("%s", err.message);
        }
    }
    agt_process_tool tool = tool_with(plain_argv, 0, 0);
    assert_int_equal(agt_executor_register_process(executor, "bad name", &tool, NULL, &err),
                     AGT_E_INVALID);
    assert_int_equal(agt_executor_register_process(executor, "async", &tool, NULL, &err),
                     AGT_E_EXISTS);
    assert_int_equal(agt_executor_register_process(executor, "t", &tool, NULL, &err), AGT_OK);
    agt_tool *found = agt_executor_get_tool(executor, "t");
    assert_string_equal(agt_tool_get_kind(found), "process");
    tool.struct_size = 0;
    assert_int_equal(agt_executor_register_process(executor, "u", &tool, NULL, &err),
                     AGT_E_INVALID);
    assert_int_equal(agt_executor_get_tool_count(executor), 4);
    teardown(&f);
}

static void run_once(const agt_allocator *allocator, void *ctx)
{
    fixture f;
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_call_id id = 0;
    memset(&f, 0, sizeof(f));
    f.io.process = *(const agt_test_process_script *)ctx;
    if (agt_test_engine_init_io(&f.engine, allocator, &f.io) != AGT_OK) {
        return;
    }
    static const char *const argv[] = {"lint", "{a}", "-x={b?}", NULL};
    static const char *const env[] = {"A=1", "B=2", NULL};
    agt_process_tool tool =
        AGT_CONFIG(agt_process_tool, .process = {.argv = argv, .env = env, .cwd = "/"},
                   .output = AGT_PROCESS_TEXT);
    agt_status status = agt_executor_register_process(f.engine.executor, "lint", &tool, NULL, NULL);
    if (status == AGT_OK) {
        status = agt_graph_new(f.engine.executor, NULL, &graph, NULL);
    }
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "lint", "{\"a\": [1, 2], \"b\": \"c\"}", &id);
    }
    if (status == AGT_OK) {
        agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = 50);
        status = agt_graph_run(graph, &options, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    if (status == AGT_OK) {
        assert_int_not_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_NONE);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&f.engine);
    assert_int_equal(f.io.started, f.io.ended);
}

static void processes_survive_torture(void **state)
{
    (void)state;
    agt_test_process_script writes = {.output = "some text that is long enough to need memory "
                                                "and comes in several pieces, as text may do",
                                      .piece = 16};
    agt_test_process_script hangs = {.hangs = true, .output = "x"};
    agt_test_process_script fails = {.error = "no", EXITS(1), .ends_in_close = true};
    agt_test_torture(run_once, &writes);
    agt_test_torture(run_once, &hangs);
    agt_test_torture(run_once, &fails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_filled_in),
        cmocka_unit_test(options_cannot_be_forged),
        cmocka_unit_test(input_arrives_in_its_format),
        cmocka_unit_test(configurations_are_copied),
        cmocka_unit_test(without_an_environment_it_is_the_usual_one),
        cmocka_unit_test(ends_mean_what_they_say),
        cmocka_unit_test(spans_say_how_it_ended),
        cmocka_unit_test(cancelled_processes_are_gone_when_their_call_is),
        cmocka_unit_test(closing_the_runtime_ends_processes),
        cmocka_unit_test(a_process_that_lost_is_not_left_behind),
        cmocka_unit_test(a_simulated_runtime_has_no_processes_of_its_own),
        cmocka_unit_test(bad_tools_are_refused),
        cmocka_unit_test(processes_survive_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
