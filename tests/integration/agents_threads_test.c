/*
 * Agents on a real runtime, from many threads at once: agents made, run, cancelled and freed,
 * members routed to while others register, tools on workers. For ThreadSanitizer as much as for
 * the assertions.
 */
#include "support/test.h"

#include "support/agents.h"
#include "support/values.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    threads = 4,
    rounds = 40
};

typedef struct crowd {
    agt_test_engine engine;
    agt_model *model;
    agt_agent *agent;
    agt_pool *pool;
    _Atomic uint32_t answered, stopped, busy, refused, agreed;
} crowd;

static const char rules[] =
    "{\"step\": 1, \"tool_calls\": ["
    "  {\"name\": \"blocking\", \"arguments\": {\"ms\": 1, \"echo\": 1}},"
    "  {\"name\": \"async\", \"arguments\": {\"ms\": 2, \"echo\": 2}},"
    "  {\"name\": \"inline\", \"arguments\": {\"echo\": 3}}]},"
    "{\"delay_ms\": 1, \"text\": \"{{results.blocking}}{{results.async}}{{results.inline}}\","
    " \"usage\": {\"input_tokens\": 10, \"output_tokens\": 1}}";

static void open_crowd(crowd *self)
{
    memset(self, 0, sizeof(*self));
    assert_int_equal(agt_test_engine_init(&self->engine, NULL, false, NULL), AGT_OK);
    self->model = agt_test_script(self->engine.runtime, rules);
    self->agent = agt_test_agent(&self->engine, "shared", self->model, NULL);
    assert_int_equal(agt_pool_new(self->engine.runtime, "pool", &self->pool, NULL), AGT_OK);
    agt_member_config config = AGT_CONFIG(agt_member_config, .capacity = 3);
    assert_int_equal(agt_pool_register_agent(self->pool, "first", self->agent, &config, NULL),
                     AGT_OK);
}

static void close_crowd(crowd *self)
{
    agt_pool_unref(self->pool);
    agt_agent_unref(self->agent);
    agt_model_unref(self->model);
    agt_test_engine_deinit(&self->engine);
}

static void run_all(crowd *self, void *(*fn)(void *))
{
    pthread_t ids[threads];
    for (int i = 0; i < threads; i++) {
        assert_int_equal(pthread_create(&ids[i], NULL, fn, self), 0);
    }
    for (int i = 0; i < threads; i++) {
        assert_int_equal(pthread_join(ids[i], NULL), 0);
    }
}

/* ---- executing ------------------------------------------------------------------------------- */

static void *execute_often(void *user_data)
{
    crowd *self = user_data;
    for (int i = 0; i < rounds; i++) {
        agt_agent *own = agt_test_agent(&self->engine, "own", self->model, NULL);
        agt_reply *reply = NULL;
        agt_agent *asked = i % 2 == 0 ? own : self->agent;
        if (agt_agent_execute(asked, "go", NULL, &reply, NULL) == AGT_OK &&
            strcmp(agt_reply_get_text(reply), "123") == 0) {
            atomic_fetch_add(&self->answered, 1);
        }
        agt_reply_unref(reply);
        agt_agent_unref(own);
    }
    return NULL;
}

static void many_threads_execute(void **state)
{
    (void)state;
    crowd self;
    open_crowd(&self);
    run_all(&self, execute_often);
    assert_int_equal(atomic_load(&self.answered), threads * rounds);
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(self.engine.runtime), &costs);
    assert_int_equal(costs.simulated_calls, 2 * threads * rounds);
    close_crowd(&self);
}

static void *start_and_cancel(void *user_data)
{
    crowd *self = user_data;
    for (int i = 0; i < rounds; i++) {
        agt_task *task = NULL;
        agt_reply *reply = NULL;
        if (agt_agent_execute_start(self->agent, "go", NULL, &task, NULL) != AGT_OK) {
            continue;
        }
        for (int spin = 0; spin < i * 20; spin++) {
            (void)agt_task_is_done(task);
        }
        agt_task_cancel(task);
        if (agt_task_wait(task, AGT_MS_NONE) == AGT_OK &&
            agt_task_get_reply(task, &reply) == AGT_OK) {
            agt_outcome outcome = agt_reply_get_outcome(reply);
            if (outcome == AGT_OUTCOME_OK || outcome == AGT_OUTCOME_CANCELLED) {
                atomic_fetch_add(&self->stopped, 1);
            }
        }
        agt_reply_unref(reply);
        agt_task_unref(task);
    }
    return NULL;
}

static void many_threads_cancel(void **state)
{
    (void)state;
    crowd self;
    open_crowd(&self);
    run_all(&self, start_and_cancel);
    assert_int_equal(atomic_load(&self.stopped), threads * rounds);
    close_crowd(&self);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void *route_and_register(void *user_data)
{
    crowd *self = user_data;
    for (int i = 0; i < rounds; i++) {
        agt_request request = AGT_CONFIG(agt_request, .message = "go");
        agt_reply *reply = NULL;
        char name[32];
        if (i % 10 == 0) {
            snprintf(name, sizeof(name), "m%p-%d", (void *)&name, i);
            agt_member_config config = AGT_CONFIG(agt_member_config, .capacity = 1);
            if (agt_pool_register_agent(self->pool, name, self->agent, &config, NULL) != AGT_OK) {
                atomic_fetch_add(&self->refused, 1);
            }
        }
        agt_status status = agt_pool_route_request(self->pool, &request, &reply, NULL);
        if (status == AGT_OK && agt_reply_get_outcome(reply) == AGT_OUTCOME_OK) {
            atomic_fetch_add(&self->answered, 1);
        } else if (status == AGT_E_BUSY) {
            atomic_fetch_add(&self->busy, 1);
        }
        agt_reply_unref(reply);
        if (i % 8 == 0) {
            agt_replies *replies = NULL;
            agt_verdict *verdict = NULL;
            if (agt_pool_broadcast_request(self->pool, &request, &replies, NULL) == AGT_OK &&
                agt_pool_consensus_vote(self->pool, replies, AGT_VOTE_MAJORITY, NULL, &verdict,
                                        NULL) == AGT_OK) {
                atomic_fetch_add(&self->agreed, 1);
            }
            agt_verdict_free(verdict);
            agt_replies_free(replies);
        }
    }
    return NULL;
}

static void many_threads_share_a_pool(void **state)
{
    (void)state;
    crowd self;
    open_crowd(&self);
    run_all(&self, route_and_register);
    assert_int_equal(atomic_load(&self.answered) + atomic_load(&self.busy), threads * rounds);
    agt_orchestration_metrics metrics = AGT_CONFIG(agt_orchestration_metrics, .requests = 0);
    agt_pool_get_orchestration_metrics(self.pool, &metrics);
    assert_int_equal(metrics.requests_running, 0);
    assert_true(metrics.requests >= atomic_load(&self.answered));
    assert_int_equal(atomic_load(&self.refused), 0);
    assert_in_range(atomic_load(&self.agreed), 1, threads * rounds);
    close_crowd(&self);
}

/* ---- streams --------------------------------------------------------------------------------- */

static const char streaming[] =
    "{\"step\": 1, \"text\": \"{{input}}\", \"stream\": 7, \"delay_ms\": 3, \"tool_calls\": ["
    "  {\"name\": \"blocking\", \"arguments\": {\"ms\": 1, \"echo\": 1}},"
    "  {\"name\": \"async\", \"arguments\": {\"ms\": 1, \"echo\": 2}}]},"
    "{\"delay_ms\": 1, \"stream\": 2, \"text\": \"done\"}";

/* Read to the end, or to event number `stop`; by waiting, by polling, or by looking again. */
static void read_stream(agt_events *events, unsigned way, uint64_t stop)
{
    agt_event *event = NULL;
    agt_status status = AGT_OK;
    uint64_t seq = 0;
    int fd = -1;
    if (way == 1) {
        assert_int_equal(agt_events_get_fd(events, &fd, NULL), AGT_OK);
    }
    while ((status == AGT_OK || status == AGT_E_TIMEOUT) && seq < stop) {
        if (fd >= 0) {
            struct pollfd file = {.fd = fd, .events = POLLIN};
            assert_int_equal(poll(&file, 1, -1), 1);
        }
        status = agt_events_next(events, fd >= 0 ? 0 : way == 0 ? AGT_MS_NONE : 1, &event);
        if (status == AGT_OK) {
            assert_int_equal(agt_event_get_seq(event), ++seq);
            agt_event_unref(event);
        }
        assert_true(fd < 0 || status != AGT_E_TIMEOUT); /* readable: there is one */
    }
    assert_true(seq == stop || (status == AGT_E_CLOSED && seq >= 9));
}

static void *watch_many(void *ctx)
{
    crowd *self = ctx;
    for (unsigned i = 0; i < rounds; i++) {
        agt_events *events = NULL;
        if (agt_agent_execute_stream(self->agent, "a query of some length", NULL, &events, NULL) !=
            AGT_OK) {
            atomic_fetch_add(&self->refused, 1);
            continue;
        }
        bool is_dropped = i % 4 == 3;
        read_stream(events, i % 3, is_dropped ? i % 9 : UINT64_MAX);
        atomic_fetch_add(is_dropped ? &self->stopped : &self->answered, 1);
        agt_events_free(events);
    }
    return NULL;
}

static agt_status take_event(void *user_data, const agt_event *event)
{
    _Atomic uint32_t *ends = user_data;
    if (agt_event_get_kind(event) == AGT_EVENT_AGENT_END) {
        atomic_fetch_add(ends, 1);
    }
    return AGT_OK;
}

/* Events for a function that is set while they come, and dropped with them. */
static void *hand_over_many(void *ctx)
{
    crowd *self = ctx;
    for (unsigned i = 0; i < rounds; i++) {
        agt_events *events = NULL;
        if (agt_agent_execute_stream(self->agent, "q", NULL, &events, NULL) != AGT_OK) {
            atomic_fetch_add(&self->refused, 1);
            continue;
        }
        assert_int_equal(agt_events_on_event(events, take_event, &self->agreed), AGT_OK);
        if (i % 2 == 0) {
            assert_int_equal(agt_task_wait(agt_events_get_task(events), AGT_MS_NONE), AGT_OK);
            atomic_fetch_add(&self->answered, 1);
        }
        agt_events_free(events);
    }
    return NULL;
}

static void many_threads_watch(void **state)
{
    (void)state;
    crowd self;
    open_crowd(&self);
    agt_agent_unref(self.agent);
    agt_model *model = agt_test_script(self.engine.runtime, streaming);
    self.agent = agt_test_agent(&self.engine, "watched", model, NULL);
    run_all(&self, watch_many);
    assert_int_equal(atomic_load(&self.answered), threads * rounds * 3 / 4);
    assert_int_equal(atomic_load(&self.stopped), threads * rounds / 4);
    run_all(&self, hand_over_many);
    assert_int_equal(atomic_load(&self.refused), 0);
    agt_model_unref(model);
    close_crowd(&self);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void a_runtime_closes_under_its_agents(void **state)
{
    (void)state;
    crowd self;
    agt_task *tasks[20];
    open_crowd(&self);
    agt_model *slow =
        agt_test_script(self.engine.runtime, "{\"text\": \"x\", \"delay_ms\": 60000}");
    agt_agent *sleeper = agt_test_agent(&self.engine, "sleeper", slow, NULL);
    for (int i = 0; i < 20; i++) {
        agt_agent *agent = i % 2 == 0 ? sleeper : self.agent;
        assert_int_equal(agt_agent_execute_start(agent, "go", NULL, &tasks[i], NULL), AGT_OK);
    }
    assert_int_equal(agt_runtime_close(self.engine.runtime, AGT_MS_NONE, NULL), AGT_OK);
    for (int i = 0; i < 20; i++) {
        agt_reply *reply = NULL;
        assert_true(agt_task_is_done(tasks[i]));
        assert_int_equal(agt_task_get_reply(tasks[i], &reply), AGT_OK);
        if (i % 2 == 0) {
            agt_test_expect_reply(reply, AGT_OUTCOME_CANCELLED, "");
        }
        agt_reply_unref(reply);
        agt_task_unref(tasks[i]);
    }
    agt_agent_unref(sleeper);
    agt_model_unref(slow);
    close_crowd(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_execute),
        cmocka_unit_test(many_threads_cancel),
        cmocka_unit_test(many_threads_share_a_pool),
        cmocka_unit_test(many_threads_watch),
        cmocka_unit_test(a_runtime_closes_under_its_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
