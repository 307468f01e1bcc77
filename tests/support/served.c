/*
 * A model behind a real socket.
 */
#include "support/served.h"

#include "llm/model.h"
#include "runtime/runtime.h"

#include "support/exec.h"
#include "support/test.h"
#include "support/tool_run.h"

#include <stdlib.h>
#include <string.h>

static const char hello[] =
    "{\"system\": \"Be brief.\", \"messages\": [{\"role\": \"user\", \"parts\": "
    "[{\"type\": \"text\", \"text\": \"hello\"}]}]}";

/* ---- the model ------------------------------------------------------------------------------- */

void agt_test_served_init(agt_test_served *served)
{
    *served = (agt_test_served){.descriptors = agt_test_count_descriptors()};
    agt_test_heap_init(&served->heap);
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .allocator = &served->heap.allocator);
    assert_int_equal(agt_runtime_new(&config, &served->runtime, NULL), AGT_OK);
}

void agt_test_served_deinit(agt_test_served *served)
{
    agt_model_unref(served->model);
    assert_int_equal(agt_runtime_close(served->runtime, 0, NULL), AGT_OK);
    agt_runtime_free(served->runtime);
    agt_test_heap_deinit(&served->heap);
    assert_int_equal(agt_test_count_descriptors(), served->descriptors);
}

void agt_test_served_use(agt_test_served *served, const agt_provider_config *config,
                         const char *base_url)
{
    static const agt_retry soon =
        AGT_CONFIG(agt_retry, .delay_ms = 1, .delay_max_ms = 1, .jitter_percent = AGT_MS_NONE);
    agt_provider_config own = {.struct_size = sizeof(own)};
    agt_error err = {.message = ""};
    if (config != NULL) {
        own = *config;
    }
    own.provider = own.provider != NULL ? own.provider : "compatible";
    own.model = own.model != NULL ? own.model : "m-x";
    own.base_url = base_url;
    own.api_key = own.api_key != NULL || own.get_key != NULL ? own.api_key : AGT_TEST_KEY;
    own.retry = own.retry != NULL ? own.retry : &soon;
    agt_model_unref(served->model);
    served->model = NULL;
    if (agt_model_new_provider(served->runtime, &own, &served->model, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static void on_told(agt_tool_call *attempt, agt_call_id call, agt__told told, const void *what,
                    void *user_data)
{
    agt_test_question *self = user_data;
    const agt__answer_event *event = what;
    (void)attempt;
    (void)call;
    if (told == AGT__TOLD_ANSWER && event->kind == AGT__ANSWER_EVENT_TEXT) {
        (void)pthread_mutex_lock(&self->lock);
        self->told += event->length;
        (void)pthread_cond_broadcast(&self->changed);
        (void)pthread_mutex_unlock(&self->lock);
    }
}

static void on_settled(agt_graph *graph, agt_call_id call, void *user_data)
{
    agt_test_question *self = user_data;
    (void)graph;
    (void)call;
    (void)pthread_mutex_lock(&self->lock);
    self->is_settled = true;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

void agt_test_question_start(agt_test_question *ask, agt_test_served *served, const char *request,
                             const agt_call_options *options)
{
    *ask = (agt_test_question){.runtime = served->runtime};
    (void)pthread_mutex_init(&ask->lock, NULL);
    (void)pthread_cond_init(&ask->changed, NULL);
    const agt__listener listener = {.on_settled = on_settled, .on_told = on_told, .user_data = ask};
    agt_value *value = agt_test_json(NULL, request != NULL ? request : hello);
    agt_call_id call;
    assert_int_equal(agt__graph_new(ask->runtime, NULL, NULL, &ask->graph, NULL), AGT_OK);
    assert_int_equal(agt__graph_add_operation(ask->graph, agt__model_get_operation(served->model),
                                              value, NULL, &listener, &call, NULL),
                     AGT_OK);
    agt_value_unref(value);
    assert_int_equal(agt_graph_start(ask->graph, options, &ask->task, NULL), AGT_OK);
}

void agt_test_question_wait_told(agt_test_question *ask, size_t bytes)
{
    (void)pthread_mutex_lock(&ask->lock);
    while (ask->told < bytes && !ask->is_settled) {
        (void)pthread_cond_wait(&ask->changed, &ask->lock);
    }
    (void)pthread_mutex_unlock(&ask->lock);
}

void agt_test_question_finish(agt_test_question *ask)
{
    assert_int_equal(agt_task_wait(ask->task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_results(ask->task, &ask->results), AGT_OK);
    ask->outcome = agt_results_get_outcome(ask->results, 0);
    (void)agt_results_get_error(ask->results, 0, &ask->err);
    ask->output = agt__graph_get_output(ask->graph, 0);
    ask->usage = agt_usage_from_value(agt_value_get_member(ask->output, "usage"));
}

void agt_test_question_free(agt_test_question *ask)
{
    agt_results_unref(ask->results);
    agt_task_unref(ask->task);
    agt_graph_unref(ask->graph);
    (void)pthread_cond_destroy(&ask->changed);
    (void)pthread_mutex_destroy(&ask->lock);
}

void agt_test_question_all(agt_test_question *ask, agt_test_served *served,
                           const agt_call_options *options)
{
    agt_test_question_start(ask, served, NULL, options);
    agt_test_question_finish(ask);
}

char *agt_test_response_text(const agt_value *response)
{
    const agt_value *parts = agt_value_get_member(response, "parts");
    size_t size = 0;
    char *text = calloc(1, 1);
    assert_non_null(text);
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        size_t length = 0;
        const agt_value *part = agt_value_get_item(parts, i);
        const char *type = agt_value_get_string(agt_value_get_member(part, "type"), NULL);
        const char *piece = agt_value_get_string(agt_value_get_member(part, "text"), &length);
        if (piece == NULL || type == NULL || strcmp(type, "text") != 0) {
            continue;
        }
        char *grown = realloc(text, size + length + 1);
        assert_non_null(grown);
        text = grown;
        memcpy(text + size, piece, length);
        size += length;
        text[size] = '\0';
    }
    return text;
}
