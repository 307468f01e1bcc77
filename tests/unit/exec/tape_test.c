/* Recordings, and replaying them: the same spans, identifiers, times and results. */
#include "support/test.h"

#include "exec/operation.h"
#include "support/agents.h"
#include "support/folder.h"
#include "support/torture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    LOG_BYTES = 16384,
    FILE_BYTES = 65536
};

static char *folder, *path;

static int setup(void **state)
{
    (void)state;
    folder = agt_test_folder_new();
    path = agt_test_folder_path(folder, "run.tape");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(path);
    agt_test_folder_free(folder);
    return 0;
}

static const char rules[] =
    "{\"step\": 1, \"delay_ms\": 7, \"stream\": 3, \"text\": \"Let me see what there is.\","
    " \"tool_calls\": [{\"name\": \"async\", \"arguments\": {\"ms\": 5}},"
    "  {\"name\": \"blocking\", \"arguments\": {\"ms\": 2, \"echo\": [1, \"two\"]}},"
    "  {\"name\": \"inline\", \"arguments\": {\"error\": \"boom\"}},"
    "  {\"name\": \"nobody\"}]},"
    "{\"text\": \"done: {{input}}\", \"delay_ms\": 3,"
    " \"usage\": {\"input_tokens\": 200, \"output_tokens\": 20}}";

typedef struct taped {
    agt_test_engine engine;
    agt_test_spans spans;
    char log[LOG_BYTES];
    uint32_t started; /* tools that really ran */
} taped;

/* What can be seen of a run, with times relative to its start. */
static void write_log(taped *self, agt_reply *reply)
{
    size_t used = 0;
    uint64_t base_ns = self->spans.items[0].start_ns;
    for (size_t i = 0; i < self->spans.count; i++) {
        const agt_test_span *span = &self->spans.items[i];
        assert_true(span->end_ns != 0);
        used += (size_t)snprintf(
            self->log + used, LOG_BYTES - used, "%s %02x%02x%02x %llu %llu %s\n", span->name,
            span->context.trace_id[0], span->context.span_id[0], span->context.span_id[7],
            (unsigned long long)(span->start_ns - base_ns),
            (unsigned long long)(span->end_ns - base_ns), span->outcome);
        assert_true(used < LOG_BYTES);
    }
    agt_error err = {0};
    (void)agt_reply_get_error(reply, &err);
    (void)snprintf(self->log + used, LOG_BYTES - used, "%s: %s %s",
                   agt_outcome_get_name(agt_reply_get_outcome(reply)), agt_reply_get_text(reply),
                   err.message);
}

/* Record, or replay, a run of an agent. @return what finishing it answered */
static agt_status run(taped *self, bool simulated, bool replays, const char *script, agt_error *err)
{
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .simulated = simulated, .seed = 77, .spans_max = 64);
    memset(self, 0, sizeof(*self));
    assert_int_equal(agt_test_engine_init_with(&self->engine, &config, NULL), AGT_OK);
    agt_test_spans_listen(&self->spans, self->engine.runtime);
    agt_runtime *runtime = self->engine.runtime;
    agt_status status = replays ? agt_replay_start(runtime, path, err)
                                : agt_recording_start(runtime, path, NULL, err);
    if (status != AGT_OK) {
        fail_msg("%s", err->message);
    }
    agt_reply *reply = agt_test_ask(&self->engine, script, NULL, NULL);
    status = replays ? agt_replay_finish(runtime, err) : agt_recording_finish(runtime, err);
    write_log(self, reply);
    agt_reply_unref(reply);
    self->started = self->engine.started;
    agt_test_engine_deinit(&self->engine);
    return status;
}

static void record(taped *self, bool simulated)
{
    agt_error err;
    (void)remove(path);
    assert_int_equal(run(self, simulated, false, rules, &err), AGT_OK);
    assert_non_null(strstr(self->log, "ok: done: go"));
    assert_int_equal(self->started, 3);
}

static size_t read_file(char text[FILE_BYTES])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, FILE_BYTES - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    return size;
}

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* ---- the same again ------------------------------------------------------------------------- */

static void a_simulated_run_is_the_same_again(void **state)
{
    (void)state;
    static taped first, again;
    agt_error err = {0};
    record(&first, true);
    agt_status status = run(&again, true, true, rules, &err);
    assert_string_equal(again.log, first.log);
    if (status != AGT_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(again.started, 0);
}

static void a_real_run_is_the_same_again(void **state)
{
    (void)state;
    static taped first, again;
    agt_error err = {0};
    for (int i = 0; i < 5; i++) {
        record(&first, false);
        agt_status status = run(&again, true, true, rules, &err);
        assert_string_equal(again.log, first.log);
        if (status != AGT_OK) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(again.started, 0);
    }
}

static void a_real_runtime_replays_as_fast_as_it_can(void **state)
{
    (void)state;
    static taped first, again;
    agt_error err = {0};
    record(&first, true);
    agt_status status = run(&again, false, true, rules, &err);
    if (status != AGT_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(again.started, 0);
    assert_non_null(strstr(again.log, "ok: done: go"));
}

static agt_status flaky(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    unsigned *left = user_data;
    (void)ret_output;
    if (*left > 0) {
        (*left)--;
        agt_error err = {.status = AGT_E_NETWORK, .flags = AGT_ERROR_RETRYABLE};
        (void)snprintf(err.message, sizeof(err.message), "try again");
        agt__tool_call_take_error(call, &err);
        return AGT_E_NETWORK;
    }
    return AGT_OK;
}

static void retry_run(bool replays, bool simulated, uint32_t *ret_attempts, uint64_t *ret_ns)
{
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .simulated = simulated, .seed = 5, .spans_max = 64);
    agt_test_engine engine;
    unsigned left = replays ? 0 : 2;
    agt_error err = {0};
    assert_int_equal(agt_test_engine_init_with(&engine, &config, NULL), AGT_OK);
    agt_retry retry = AGT_CONFIG(agt_retry, .delay_ms = 4);
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE, .retry = &retry,
                                      .user_data = &left, .mode = AGT_TOOL_INLINE);
    assert_int_equal(agt_executor_register_tool(engine.executor, "flaky", flaky, &tool, NULL),
                     AGT_OK);
    assert_int_equal(replays ? agt_replay_start(engine.runtime, path, &err)
                             : agt_recording_start(engine.runtime, path, NULL, &err),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id hangs = agt_test_add(graph, "async", "{\"hang\": true}",
                                     &AGT_CONFIG(agt_call_options, .timeout_ms = 30));
    agt_call_id call = agt_test_add(graph, "flaky", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, call, AGT_OUTCOME_OK, NULL);
    agt_test_expect(results, hangs, AGT_OUTCOME_TIMEOUT, "timed out after 30 ms");
    agt_call_times times = AGT_CONFIG(agt_call_times);
    agt_results_get_times(results, call, &times);
    *ret_attempts = times.attempts;
    *ret_ns = times.end_ns - times.start_ns;
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_status status = replays ? agt_replay_finish(engine.runtime, &err)
                                : agt_recording_finish(engine.runtime, &err);
    if (status != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_test_engine_deinit(&engine);
}

static void retries_and_timeouts_happen_again(void **state)
{
    (void)state;
    for (int simulated = 0; simulated < 2; simulated++) {
        uint32_t attempts[2];
        uint64_t ns[2];
        (void)remove(path);
        retry_run(false, simulated == 1, &attempts[0], &ns[0]);
        retry_run(true, true, &attempts[1], &ns[1]);
        assert_int_equal(attempts[0], 3);
        assert_int_equal(attempts[1], 3);
        assert_int_equal(ns[0], ns[1]);
    }
}

static void a_cancel_happens_again(void **state)
{
    (void)state;
    (void)remove(path);
    for (int replays = 0; replays < 2; replays++) {
        agt_test_engine engine;
        agt_task *task;
        agt_error err = {0};
        assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
        assert_int_equal(replays ? agt_replay_start(engine.runtime, path, &err)
                                 : agt_recording_start(engine.runtime, path, NULL, &err),
                         AGT_OK);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id call = agt_test_add(graph, "async", "{\"hang\": true}", NULL);
        assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
        if (replays == 0) {
            assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        agt_test_expect(results, call, AGT_OUTCOME_CANCELLED, "cancelled while it ran");
        assert_int_equal(replays ? agt_replay_finish(engine.runtime, &err)
                                 : agt_recording_finish(engine.runtime, &err),
                         AGT_OK);
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

/* ---- another one ---------------------------------------------------------------------------- */

static void expect_difference(const char *script, const char *part)
{
    static taped again;
    agt_error err = {0};
    for (int simulated = 0; simulated < 2; simulated++) {
        assert_int_equal(run(&again, simulated == 1, true, script, &err), AGT_E_INVALID);
        if (strstr(err.message, part) == NULL) {
            fail_msg("\"%s\", expected \"%s\"", err.message, part);
        }
        assert_int_equal(again.started, 0);
    }
}

static void a_truncated_one_ends_with_an_error(void **state)
{
    (void)state;
    static taped first, again;
    static char text[FILE_BYTES];
    agt_error err = {0};
    record(&first, true);
    size_t size = read_file(text);
    write_file(text, size * 2 / 3); /* in the middle of a line, too */
    assert_int_equal(run(&again, true, true, rules, &err), AGT_E_INVALID);
    assert_true(strstr(err.message, "the recording ends before") != NULL ||
                strstr(err.message, "the run has changed") != NULL);
}

static void a_changed_request_shows_the_difference(void **state)
{
    (void)state;
    static taped first;
    static char text[FILE_BYTES], changed[FILE_BYTES];
    record(&first, true);
    size_t size = read_file(text);
    /* What the tool was given then. */
    char *at = strstr(text, "\"input\":{\"ms\":2,\"echo\":[1,\"two\"]}");
    assert_non_null(at);
    memcpy(changed, text, size);
    changed[strstr(at, "two") - text] = 'T';
    write_file(changed, size);
    expect_difference(rules, "the request of the function \"blocking\" has changed (line ");
    expect_difference(rules, "at /echo/1: recorded \"Two\", now \"two\"");
    /* Another tool. */
    memcpy(changed, text, size);
    at = strstr(changed, "\"name\":\"async\",\"agent\"");
    assert_non_null(at);
    at[8] = 'A';
    write_file(changed, size);
    expect_difference(rules, "the function \"async\" is called where line ");
}

static void what_is_no_recording_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
        agt_status status;
    } cases[] = {
        {"", "is not a recording", AGT_E_SYNTAX},
        {"{}\n", "is not a recording", AGT_E_SYNTAX},
        {"no\n", "line 1: no line of a recording", AGT_E_SYNTAX},
        {"{\"agent_sdk_recording\":2,\"version\":\"9.9\"}\n", "format 2, made by version 9.9",
         AGT_E_VERSION},
        {"{\"agent_sdk_recording\":1}\n[]\n", "line 2", AGT_E_SYNTAX},
        {"{\"agent_sdk_recording\":1}\n{\"what\":\"end\"}\n", "line 2", AGT_E_SYNTAX},
        {"{\"agent_sdk_recording\":1}\n{\"what\":\"huh\",\"key\":\"0123456789abcdef\"}\n", "line 2",
         AGT_E_SYNTAX},
    };
    agt_test_engine engine;
    agt_error err;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(cases[i].text, strlen(cases[i].text));
        assert_int_equal(agt_replay_start(engine.runtime, path, &err), cases[i].status);
        if (strstr(err.message, cases[i].part) == NULL) {
            fail_msg("\"%s\", expected \"%s\"", err.message, cases[i].part);
        }
    }
    (void)remove(path);
    assert_int_equal(agt_replay_start(engine.runtime, path, &err), AGT_E_NOT_FOUND);
    assert_int_equal(agt_replay_finish(engine.runtime, &err), AGT_E_INVALID);
    assert_int_equal(agt_recording_finish(engine.runtime, &err), AGT_E_INVALID);
    assert_int_equal(agt_replay_start(engine.runtime, folder, &err), AGT_E_IO);
    agt_test_engine_deinit(&engine);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void the_file_is_its_owner_s_and_not_overwritten(void **state)
{
    (void)state;
    struct stat about;
    agt_error err;
    agt_test_engine engine;
    (void)remove(path);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_value *kept = agt_test_json(NULL, "{\"team\": \"x\"}");
    agt_recording_config config = AGT_CONFIG(agt_recording_config, .about = kept);
    assert_int_equal(agt_recording_start(engine.runtime, path, &config, &err), AGT_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(agt_recording_start(engine.runtime, path, &config, &err), AGT_E_EXISTS);
    assert_int_equal(agt_replay_start(engine.runtime, path, &err), AGT_E_EXISTS);
    agt_test_engine_deinit(&engine);

    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(agt_recording_start(engine.runtime, path, NULL, &err), AGT_E_EXISTS);
    assert_non_null(strstr(err.message, "is there already"));
    agt_value *head = NULL;
    assert_int_equal(agt_recording_get_head(NULL, path, &head, &err), AGT_OK);
    assert_true(agt_value_equals(agt_value_get_member(head, "about"), kept));
    config.overwrite = true;
    config.about = NULL;
    assert_int_equal(agt_recording_start(engine.runtime, path, &config, &err), AGT_OK);
    agt_value_unref(head);
    agt_value_unref(kept);
    agt_test_engine_deinit(&engine);
}

static void a_full_disk_ends_the_recording_and_not_the_run(void **state)
{
    (void)state;
    static taped first, again;
    static char text[FILE_BYTES];
    struct rlimit before, small = {.rlim_cur = 2000, .rlim_max = RLIM_INFINITY};
    agt_error err = {0};
    (void)remove(path);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    agt_status status = run(&first, true, false, rules, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, AGT_E_IO);
    assert_non_null(strstr(err.message, "ends before the run"));
    assert_non_null(strstr(first.log, "ok: done: go"));
    size_t size = read_file(text);
    assert_true(size > 0 && size <= 2000);
    assert_int_equal(text[size - 1], '\n');
    assert_int_equal(run(&again, true, true, rules, &err), AGT_E_INVALID);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void scenario(const agt_allocator *allocator, void *ctx)
{
    const bool *replays = ctx;
    agt_test_engine engine;
    agt_error err;
    agt_task *task = NULL;
    agt_recording_config config = AGT_CONFIG(agt_recording_config, .overwrite = true);
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_status status = *replays ? agt_replay_start(engine.runtime, path, &err)
                                 : agt_recording_start(engine.runtime, path, &config, &err);
    agt_value *input = agt_test_json(allocator, "{\"ms\": 3, \"echo\": {\"a\": [1, 2]}}");
    if (status == AGT_OK && input != NULL) {
        const agt_input inputs[] = {{"async", input}, {"blocking", input}, {"inline", NULL}};
        (void)!agt_executor_execute_parallel_start(engine.executor, inputs, 3, NULL, &task, &err);
    } else if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
    }
    if (task != NULL) {
        assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
        agt_task_unref(task);
    }
    agt_value_unref(input);
    agt_test_engine_deinit(&engine);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    bool replays = false;
    agt_test_torture(scenario, &replays);
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    scenario(&heap.allocator, &replays);
    agt_test_heap_deinit(&heap);
    replays = true;
    agt_test_torture(scenario, &replays);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simulated_run_is_the_same_again),
        cmocka_unit_test(a_real_run_is_the_same_again),
        cmocka_unit_test(a_real_runtime_replays_as_fast_as_it_can),
        cmocka_unit_test(retries_and_timeouts_happen_again),
        cmocka_unit_test(a_cancel_happens_again),
        cmocka_unit_test(a_changed_request_shows_the_difference),
        cmocka_unit_test(a_truncated_one_ends_with_an_error),
        cmocka_unit_test(what_is_no_recording_is_refused),
        cmocka_unit_test(the_file_is_its_owner_s_and_not_overwritten),
        cmocka_unit_test(a_full_disk_ends_the_recording_and_not_the_run),
        cmocka_unit_test(memory_may_end_anywhere),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
