/* What a provider's model told is on a recording, its key and headers are not; and it is told again
 * where there is no network. */
#include "support/test.h"

#include "llm/model.h"
#include "runtime/runtime.h"
#include "support/exec.h"
#include "support/folder.h"
#include "support/script_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY    "sk-not-to-be-seen"
#define HEADER "header-not-to-be-seen"

static const char body[] =
    "data: {\"id\":\"c-1\",\"model\":\"m-x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
    "\"assistant\",\"content\":\"Hel\"},\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"c-1\",\"model\":\"m-x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
    "\"lo.\"},\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"c-1\",\"model\":\"m-x\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":"
    "[{\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"look\","
    "\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"c-1\",\"model\":\"m-x\",\"choices\":[{\"index\":0,\"delta\":{},"
    "\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"id\":\"c-1\",\"model\":\"m-x\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,"
    "\"completion_tokens\":7}}\n\n"
    "data: [DONE]\n\n";
static const agt_kv is_stream[] = {{"content-type", "text/event-stream"}};

typedef struct heard {
    char log[512];
    char output[1024];
} heard;

static void hear(agt_tool_call *attempt, agt_call_id call, agt__told told, const void *what,
                 void *user_data)
{
    heard *self = user_data;
    const agt__answer_event *event = what;
    size_t used = strlen(self->log);
    (void)attempt;
    (void)call;
    if (told == AGT__TOLD_STARTED) {
        return;
    }
    switch (event->kind) {
    case AGT__ANSWER_EVENT_TEXT:
    case AGT__ANSWER_EVENT_REASONING:
        (void)snprintf(self->log + used, sizeof(self->log) - used, "[%zu %.*s]", event->index,
                       (int)event->length, event->text);
        break;
    case AGT__ANSWER_EVENT_TOOL_CALL:
        (void)snprintf(self->log + used, sizeof(self->log) - used, "[%zu call %s]", event->index,
                       agt_value_get_string(agt_value_get_member(event->part, "name"), NULL));
        break;
    case AGT__ANSWER_EVENT_USAGE:
        (void)snprintf(self->log + used, sizeof(self->log) - used, "[usage %lld %lld]",
                       (long long)event->usage.input_tokens, (long long)event->usage.output_tokens);
        break;
    }
}

static void run(heard *self, const char *path, bool replays)
{
    agt_test_io io;
    agt_test_engine engine;
    agt_model *model = NULL;
    agt_error err = {0};
    memset(self, 0, sizeof(*self));
    memset(&io, 0, sizeof(io));
    agt_test_io_init(&io);
    io.http = (agt_test_http_script){
        .status = 200, .headers = is_stream, .headers_count = 1, .body = body, .piece = 40};
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .simulated = true, .seed = 1,
                                           .io = replays ? NULL : &io.table);
    assert_int_equal(agt_test_engine_init_with(&engine, &config, NULL), AGT_OK);
    io.loop = engine.runtime->loop;
    io.allocator = engine.runtime->allocator;
    const agt_kv headers[] = {{"x-more", HEADER}};
    agt_provider_config provider =
        AGT_CONFIG(agt_provider_config, .provider = "compatible", .model = "m-x",
                   .base_url = "http://127.0.0.1:1/v1", .api_key = KEY, .headers = headers,
                   .headers_count = 1);
    assert_int_equal(agt_model_new_provider(engine.runtime, &provider, &model, &err), AGT_OK);
    agt_status status = replays ? agt_replay_start(engine.runtime, path, &err)
                                : agt_recording_start(engine.runtime, path, NULL, &err);
    assert_int_equal(status, AGT_OK);
    agt_value *request = agt_test_json(
        NULL, "{\"messages\": [{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"text\":"
              " \"hello\"}]}]}");
    const agt__listener listener = {.on_told = hear, .user_data = self};
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    assert_int_equal(agt__graph_add_operation(graph, agt__model_get_operation(model), request, NULL,
                                              &listener, NULL, NULL),
                     AGT_OK);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    agt_value *json = NULL;
    assert_int_equal(
        agt_value_to_json(NULL, agt_results_get_output(results, 0), AGT_JSON_COMPACT, &json),
        AGT_OK);
    (void)snprintf(self->output, sizeof(self->output), "%s", agt_value_get_string(json, NULL));
    agt_value_unref(json);
    status = replays ? agt_replay_finish(engine.runtime, &err)
                     : agt_recording_finish(engine.runtime, &err);
    if (status != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_costs costs = AGT_CONFIG(agt_costs);
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(engine.runtime), &costs);
    assert_int_equal(costs.calls, replays ? 0 : 1);
    assert_int_equal(costs.simulated_calls, replays ? 1 : 0);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_value_unref(request);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
}

static void what_was_told_is_told_again(void **state)
{
    static heard first, again;
    static char text[16384];
    (void)state;
    char *folder = agt_test_folder_new();
    char *path = agt_test_folder_path(folder, "tape");
    run(&first, path, false);
    assert_non_null(strstr(first.log, "[0 Hel]"));
    assert_non_null(strstr(first.log, "call look]"));
    assert_non_null(strstr(first.log, "[usage 12 7]"));
    run(&again, path, true);
    assert_string_equal(again.log, first.log);
    assert_string_equal(again.output, first.output);

    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    assert_non_null(strstr(text, "\"told\""));
    assert_null(strstr(text, KEY));
    assert_null(strstr(text, HEADER));
    assert_null(strstr(text, "Bearer"));
    free(path);
    agt_test_folder_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_told_is_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
