/*
 * A stream of events over a real connection to a server that sends as fast as it can: what waits
 * is bounded, wherever the reader stops, and going away ends the run at once.
 */
#include "support/test.h"

#include "agents/events.h"
#include "support/server.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE                                                                                      \
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"        \
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\\n\"}}]}\n\n"
#define TAIL                                                                                       \
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},"                  \
    "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"

enum {
    pieces = 40000, /* of 64 bytes */
    piece_bytes = 64,
    slack = 256 * 1024 /* what may still come when the queue is full: one read of the connection */
};

typedef struct fixture {
    char *body;
    agt_test_step script[4];
    const agt_test_step *scripts[1];
    agt_test_server *server;
    agt_runtime *runtime;
    agt_model *model;
    agt_agent *agent;
    agt_events *events;
} fixture;

static void set_up(fixture *self)
{
    static const agt_test_step end = {AGT_TEST_END, NULL, 0};
    size_t one = strlen(PIECE), size = one * pieces + strlen(TAIL);
    memset(self, 0, sizeof(*self));
    self->body = malloc(size + 1);
    assert_non_null(self->body);
    for (size_t i = 0; i < pieces; i++) {
        memcpy(self->body + i * one, PIECE, one);
    }
    memcpy(self->body + one * pieces, TAIL, strlen(TAIL) + 1);
    self->script[0] = (agt_test_step){AGT_TEST_READ, NULL, 0};
    self->script[1] = (agt_test_step){
        AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", 0};
    self->script[2] = (agt_test_step){AGT_TEST_BYTES, self->body, size};
    self->script[3] = end;
    self->scripts[0] = self->script;
    self->server = agt_test_server_new(self->scripts, 1);
    agt_error err = {0};
    assert_int_equal(agt_runtime_new(NULL, &self->runtime, NULL), AGT_OK);
    agt_provider_config provider =
        AGT_CONFIG(agt_provider_config, .provider = "compatible", .model = "m",
                   .base_url = agt_test_server_get_url(self->server, "/v1"));
    if (agt_model_new_provider(self->runtime, &provider, &self->model, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .name = "a", .model = self->model);
    assert_int_equal(agt_agent_new(self->runtime, &config, &self->agent, NULL), AGT_OK);
    assert_int_equal(agt_agent_execute_stream(self->agent, "q", NULL, &self->events, NULL), AGT_OK);
}

static void tear_down(fixture *self)
{
    agt_events_free(self->events);
    agt_agent_unref(self->agent);
    agt_model_unref(self->model);
    agt_runtime_free(self->runtime);
    agt_test_server_free(self->server);
    free(self->body);
}

static size_t get_waiting(fixture *self)
{
    size_t count = 0, bytes = 0;
    agt__events_get_load(self->events, &count, &bytes);
    return bytes;
}

static void wait_until_full(fixture *self)
{
    while (get_waiting(self) < AGT__EVENTS_BYTES_MAX) {
        (void)sched_yield();
    }
}

static void what_waits_is_bounded(void **state)
{
    (void)state;
    fixture self;
    size_t all = 0, length = 0, most = 0, fills = 0;
    set_up(&self);
    wait_until_full(&self);
    for (;;) {
        agt_event *event = NULL;
        size_t waiting = get_waiting(&self);
        most = waiting > most ? waiting : most;
        fills += waiting >= AGT__EVENTS_BYTES_MAX;
        agt_status status = agt_events_next(self.events, AGT_MS_NONE, &event);
        if (status != AGT_OK) {
            assert_int_equal(status, AGT_E_CLOSED);
            break;
        }
        if (agt_event_get_kind(event) == AGT_EVENT_TEXT) {
            (void)agt_event_get_text(event, &length);
            all += length;
        }
        if (agt_event_get_kind(event) == AGT_EVENT_AGENT_END) {
            assert_int_equal(agt_event_get_outcome(event), AGT_OUTCOME_OK);
            assert_int_equal(strlen(agt_reply_get_text(agt_event_get_reply(event))),
                             pieces * piece_bytes);
        }
        agt_event_unref(event);
    }
    assert_int_equal(all, pieces * piece_bytes);
    assert_true(fills > 0);
    assert_true(most < AGT__EVENTS_BYTES_MAX + slack);
    tear_down(&self);
}

static void going_away_ends_the_run(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        fixture self;
        set_up(&self);
        agt_task *task = agt_task_ref(agt_events_get_task(self.events));
        agt_reply *reply = NULL;
        if (full) {
            wait_until_full(&self);
        }
        agt_events_free(self.events);
        self.events = NULL;
        assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
        assert_int_equal(agt_task_get_reply(task, &reply), AGT_OK);
        assert_int_equal(agt_reply_get_outcome(reply), AGT_OUTCOME_CANCELLED);
        agt_reply_unref(reply);
        agt_task_unref(task);
        tear_down(&self);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(going_away_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
