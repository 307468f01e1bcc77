/*
 * An agent whose model is behind a socket, from the first byte to the last: two turns with parallel
 * tool calls, in each of the formats, however the answer is cut; and a cancel at each of its bytes.
 */
#include "support/test.h"

#include "support/agents.h"
#include "support/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"                                       \
    "Connection: close\r\n\r\n"
#define EVENT(type, data) "event: " type "\ndata: {\"type\":\"" type "\"" data "}\n\n"

/* One choice of a chunk. */
#define CHUNK(data)                                                                                \
    "data: {\"id\":\"chunk\",\"model\":\"m\","                                                     \
    "\"choices\":[{\"index\":0," data "}]}\n\n"

/* ---- what servers say: two calls, then a text --------------------------------------------------
 */

static const char anthropic_calls[] = HEAD EVENT(
    "message_start", ",\"message\":{\"id\":\"m1\",\"model\":\"m\",\"usage\":{\"input_tokens\":10}}")
    EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
        EVENT("content_block_delta",
              ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Look\xC3\xA9.\"}")
            EVENT("content_block_stop", ",\"index\":0") EVENT(
                "content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"tool_use\","
                                       "\"id\":\"t1\",\"name\":\"async\",\"input\":{}}")
                EVENT("content_block_delta",
                      ",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
                      "\"partial_json\":\"{\\\"echo\\\"\"}")
                    EVENT("content_block_delta",
                          ",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
                          "\"partial_json\":\": 1}\"}") EVENT("content_block_stop", ",\"index\":1")
                        EVENT("content_block_start",
                              ",\"index\":2,\"content_block\":{\"type\":\"tool_use\","
                              "\"id\":\"t2\",\"name\":\"inline\",\"input\":{}}")
                            EVENT("content_block_stop", ",\"index\":2")
                                EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"tool_use\"},"
                                                       "\"usage\":{\"output_tokens\":5}")
                                    EVENT("message_stop", "");
static const char anthropic_text[] = HEAD EVENT(
    "message_start", ",\"message\":{\"id\":\"m2\",\"model\":\"m\",\"usage\":{\"input_tokens\":20}}")
    EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
        EVENT("content_block_delta",
              ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"All done.\"}")
            EVENT("content_block_stop", ",\"index\":0")
                EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},"
                                       "\"usage\":{\"output_tokens\":3}") EVENT("message_stop", "");

static const char openai_calls[] =
    HEAD CHUNK("\"delta\":{\"role\":\"assistant\",\"content\":\"Look\"}") CHUNK(
        "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":"
        "{\"name\":\"async\",\"arguments\":\"\"}}]}")
        CHUNK(
            "\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"echo\\\": "
            "1}\"}}]}")
            CHUNK("\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"t2\",\"type\":\"function\","
                  "\"function\":{\"name\":\"inline\",\"arguments\":\"{}\"}}]}")
                CHUNK(
                    "\"delta\":{},\"finish_reason\":\"tool_calls\"") "data: {\"choices\":[],"
                                                                     "\"usage\":{\"prompt_tokens\":"
                                                                     "10,\"completion_tokens\":5}}"
                                                                     "\n\ndata: [DONE]\n\n";
static const char openai_text[] = HEAD CHUNK("\"delta\":{\"content\":\"All done.\"}")
    CHUNK("\"delta\":{},\"finish_reason\":\"stop\"") "data: {\"choices\":[],"
                                                     "\"usage\":{\"prompt_tokens\":20,\"completion_"
                                                     "tokens\":3}}\n\ndata: [DONE]\n\n";

typedef struct dialect {
    const char *provider;
    const char *calls, *text;
    const char *first, *second; /* what the two requests have in them */
} dialect;

static const dialect dialects[] = {
    {"compatible-anthropic", anthropic_calls, anthropic_text, "\"text\":\"go\"",
     "\"type\":\"tool_result\""},
    {"compatible", openai_calls, openai_text, "\"content\":\"go\"", "\"role\":\"tool\""},
};
enum {
    DIALECTS = sizeof(dialects) / sizeof(dialects[0])
};

/* ---- an agent over a socket --------------------------------------------------------------------
 */

typedef struct served {
    agt_test_server *server;
    agt_test_engine engine;
    agt_model *model;
    agt_agent *agent;
} served;

static void open_served(served *self, const dialect *spoken, const agt_test_step *const *scripts,
                        size_t count)
{
    self->server = agt_test_server_new(scripts, count);
    assert_int_equal(agt_test_engine_init(&self->engine, NULL, false, NULL), AGT_OK);
    agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = spoken->provider, .model = "m",
                   .base_url = agt_test_server_get_url(self->server, ""), .api_key = "sk-secret");
    assert_int_equal(agt_model_new_provider(self->engine.runtime, &config, &self->model, NULL),
                     AGT_OK);
    self->agent = agt_test_agent(&self->engine, "clerk", self->model, NULL);
    assert_non_null(self->agent);
}

static void close_served(served *self)
{
    agt_agent_unref(self->agent);
    agt_model_unref(self->model);
    agt_test_engine_deinit(&self->engine);
    agt_test_server_free(self->server);
}

static void answers_arrive_however_they_are_cut(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 1, 2, 3, 7, 64};
    for (size_t i = 0; i < DIALECTS * sizeof(pieces) / sizeof(pieces[0]); i++) {
        const dialect *spoken = &dialects[i % DIALECTS];
        const agt_test_step calls[] = {{AGT_TEST_READ, NULL, 0},
                                       {AGT_TEST_SEND, spoken->calls, pieces[i / DIALECTS]},
                                       {AGT_TEST_END, NULL, 0}};
        const agt_test_step text[] = {{AGT_TEST_READ, NULL, 0},
                                      {AGT_TEST_SEND, spoken->text, pieces[i / DIALECTS]},
                                      {AGT_TEST_END, NULL, 0}};
        served self;
        agt_reply *reply = NULL;
        agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
        open_served(&self, spoken, AGT_TEST_SCRIPTS(calls, text));
        assert_int_equal(agt_agent_execute(self.agent, "go", NULL, &reply, NULL), AGT_OK);
        assert_string_equal(agt_reply_get_text(reply), "All done.");
        assert_int_equal(agt_reply_get_steps(reply), 2);
        assert_int_equal(agt_reply_get_tool_calls(reply), 2);
        agt_reply_get_costs(reply, &costs);
        assert_int_equal(costs.input_tokens, 30);
        assert_int_equal(costs.output_tokens, 8);
        assert_non_null(strstr(agt_test_server_wait_request(self.server, 1), spoken->first));
        const char *second = agt_test_server_wait_request(self.server, 2);
        assert_non_null(strstr(second, spoken->second));
        assert_non_null(strstr(second, "\"t1\""));
        assert_non_null(strstr(second, "\"t2\""));
        assert_null(strstr(strstr(second, "\r\n\r\n"), "sk-secret")); /* a header, no more */
        agt_reply_unref(reply);
        close_served(&self);
    }
}

/* The server stops somewhere in its answer and waits; the run is cancelled: the connection closes
 * at once, and the run ends. */
static void runs_are_cancelled_at_any_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALECTS; i++) {
        const dialect *spoken = &dialects[i];
        size_t size = strlen(spoken->text);
        for (size_t cut = 0; cut <= size; cut += cut < size && cut + 13 > size ? size - cut : 13) {
            const agt_test_step begins[] = {{AGT_TEST_READ, NULL, 0},
                                            {AGT_TEST_BYTES, spoken->text, cut},
                                            {AGT_TEST_HANG, NULL, 0},
                                            {AGT_TEST_END, NULL, 0}};
            served self;
            agt_task *task = NULL;
            agt_reply *reply = NULL;
            open_served(&self, spoken, AGT_TEST_SCRIPTS(begins));
            assert_int_equal(agt_agent_execute_start(self.agent, "go", NULL, &task, NULL), AGT_OK);
            (void)agt_test_server_wait_request(self.server, 1);
            agt_task_cancel(task);
            assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
            assert_int_equal(agt_task_get_reply(task, &reply), AGT_OK);
            agt_outcome outcome = agt_reply_get_outcome(reply);
            /* The whole answer may have come before the cancel was seen. */
            assert_true(outcome == AGT_OUTCOME_CANCELLED ||
                        (outcome == AGT_OUTCOME_OK && cut == size));
            agt_test_server_wait_closed(self.server, 1);
            agt_reply_unref(reply);
            agt_task_unref(task);
            close_served(&self);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_arrive_however_they_are_cut),
        cmocka_unit_test(runs_are_cancelled_at_any_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
