/* Requests to pools: one is asked, or all; who is full, who fails, what is counted. */
#include "support/test.h"

#include "support/agents.h"
#include "support/values.h"

#include <stdio.h>
#include <string.h>

static agt_test_engine engine;
static agt_test_spans spans;
static agt_pool *pool;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_test_spans_listen(&spans, engine.runtime);
    assert_int_equal(agt_pool_new(engine.runtime, "team", &pool, NULL), AGT_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agt_pool_unref(pool);
    agt_test_engine_deinit(&engine);
    return 0;
}

/* A member whose agent follows these rules. */
static void add(const char *name, const char *rules, const agt_member_config *config)
{
    agt_error err;
    agt_model *model = agt_test_script(engine.runtime, rules);
    agt_agent *agent = agt_test_agent(&engine, "worker", model, NULL);
    if (agt_pool_register_agent(pool, name, agent, config, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_agent_unref(agent);
    agt_model_unref(model);
}

static agt_request ask(const char *message)
{
    return AGT_CONFIG(agt_request, .message = message);
}

static agt_orchestration_metrics figures(void)
{
    agt_orchestration_metrics metrics = AGT_CONFIG(agt_orchestration_metrics, .requests = 0);
    agt_pool_get_orchestration_metrics(pool, &metrics);
    return metrics;
}

static agt_task *start(const agt_request *request)
{
    agt_task *task = NULL;
    agt_error err;
    if (agt_pool_route_request_start(pool, request, &task, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return task;
}

static agt_reply *finish(agt_task *task)
{
    agt_reply *reply = NULL;
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_reply(task, &reply), AGT_OK);
    agt_task_unref(task);
    return reply;
}

static void routes_to_one(void **state)
{
    (void)state;
    const char *reads[] = {"read", NULL};
    agt_member_config reader = AGT_CONFIG(agt_member_config, .capabilities = reads);
    add("a", "{\"text\": \"a: {{input}}\"}", NULL);
    add("b", "{\"agent\": \"b\", \"text\": \"b: {{input}}\"}", &reader);
    agt_request request = ask("hello");
    request.capabilities = reads;
    agt_reply *reply = NULL;
    agt_error err = {0};
    assert_int_equal(agt_pool_route_request(pool, &request, &reply, NULL), AGT_OK);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "b: hello");
    assert_string_equal(agt_reply_get_agent(reply), "b"); /* the member, not the agent */
    agt_reply_unref(reply);
    agt_test_spans_find(&spans, "invoke_agent b", "invoke_workflow team");
    const char *writes[] = {"write", NULL};
    request.capabilities = writes;
    assert_int_equal(agt_pool_route_request(pool, &request, &reply, &err), AGT_E_NOT_FOUND);
    assert_string_equal(err.message, "no member has capability \"write\"");
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    assert_int_equal(
        agt_cost_tracker_get_agent_costs(agt_runtime_get_cost_tracker(engine.runtime), "b", &costs),
        AGT_OK);
    assert_int_equal(figures().requests, 1);
}

static void shares_the_load(void **state)
{
    (void)state;
    agt_member_config two = AGT_CONFIG(agt_member_config, .capacity = 2);
    agt_member_config one = AGT_CONFIG(agt_member_config, .capacity = 1);
    add("a", "{\"text\": \"x\", \"delay_ms\": 100}", &two);
    add("b", "{\"text\": \"x\", \"delay_ms\": 100}", &one);
    agt_request request = ask("go");
    static const char *const expected[] = {"a", "b", "a"};
    agt_task *tasks[3];
    for (size_t i = 0; i < 3; i++) {
        tasks[i] = start(&request);
    }
    agt_reply *reply = NULL;
    agt_error err = {0};
    assert_int_equal(agt_pool_route_request(pool, &request, &reply, &err), AGT_E_BUSY);
    assert_true((err.flags & AGT_ERROR_RETRYABLE) != 0);
    assert_int_equal(figures().requests_running, 3);
    uint64_t begin = agt_test_now_ns(&engine);
    for (size_t i = 0; i < 3; i++) {
        reply = finish(tasks[i]);
        assert_string_equal(agt_reply_get_agent(reply), expected[i]);
        agt_reply_unref(reply);
    }
    assert_int_equal(agt_test_now_ns(&engine) - begin, 100 * UINT64_C(1000000));
    agt_orchestration_metrics metrics = figures();
    assert_int_equal(metrics.requests_running, 0);
    assert_int_equal(metrics.requests, 3);
    assert_int_equal(metrics.failures, 0);
    assert_true(metrics.avg_response_time_ms == 100);
    assert_int_equal(agt_pool_route_request(pool, &request, &reply, NULL), AGT_OK);
    agt_reply_unref(reply);
}

static void prefers_who_is_named(void **state)
{
    (void)state;
    agt_member_config one = AGT_CONFIG(agt_member_config, .capacity = 1);
    add("a", "{\"text\": \"x\", \"delay_ms\": 100}", NULL);
    add("b", "{\"text\": \"x\", \"delay_ms\": 100}", &one);
    const char *agents[] = {"b", NULL};
    agt_request request = ask("go");
    request.agents = agents;
    agt_task *first = start(&request);
    agt_task *second = start(&request);
    agt_reply *reply = finish(first);
    assert_string_equal(agt_reply_get_agent(reply), "b");
    agt_reply_unref(reply);
    reply = finish(second);
    assert_string_equal(agt_reply_get_agent(reply), "a");
    agt_reply_unref(reply);
}

static void asks_all_and_keeps_every_reply(void **state)
{
    (void)state;
    agt_member_config one = AGT_CONFIG(agt_member_config, .capacity = 1);
    add("good", "{\"text\": \"fine\", \"delay_ms\": 50}", NULL);
    add("broken", "{\"error\": {\"status\": \"error\", \"message\": \"oops\"}}", NULL);
    add("slow", "{\"text\": \"late\", \"delay_ms\": 5000}", NULL);
    add("full", "{\"text\": \"x\", \"delay_ms\": 1000}", &one);
    add("quick", "{\"text\": \"here\"}", NULL);
    const char *only_full[] = {"full", NULL};
    agt_request busy = ask("first");
    busy.agents = only_full;
    agt_task *task = start(&busy);
    agt_request request = ask("go");
    request.timeout_ms = 100;
    agt_replies *replies = NULL;
    uint64_t begin = agt_test_now_ns(&engine);
    assert_int_equal(agt_pool_broadcast_request(pool, &request, &replies, NULL), AGT_OK);
    assert_int_equal(agt_test_now_ns(&engine) - begin, 100 * UINT64_C(1000000));
    static const struct {
        const char *agent;
        agt_outcome outcome;
        const char *message;
        const char *text;
    } expected[] = {
        {"good", AGT_OUTCOME_OK, "", "fine"},
        {"broken", AGT_OUTCOME_ERROR, "oops", ""},
        {"slow", AGT_OUTCOME_TIMEOUT, "timed out after 100 ms", ""},
        {"full", AGT_OUTCOME_ERROR, "\"full\" has as many requests as it can take", ""},
        {"quick", AGT_OUTCOME_OK, "", "here"},
    };
    assert_int_equal(agt_replies_get_count(replies), 5);
    for (size_t i = 0; i < 5; i++) {
        agt_reply *reply = agt_replies_get(replies, i);
        assert_string_equal(agt_reply_get_agent(reply), expected[i].agent);
        agt_test_expect_reply(reply, expected[i].outcome, expected[i].message);
        assert_string_equal(agt_reply_get_text(reply), expected[i].text);
    }
    assert_int_equal(agt_reply_get_error(agt_replies_get(replies, 3), NULL), AGT_E_BUSY);
    agt_replies_free(replies);
    agt_reply_unref(finish(task));
    agt_orchestration_metrics metrics = figures();
    assert_int_equal(metrics.requests, 6);
    assert_int_equal(metrics.failures, 3);
    assert_int_equal(metrics.requests_running, 0);
}

static void asks_those_who_are_named(void **state)
{
    (void)state;
    add("a", "{\"text\": \"a\"}", NULL);
    add("b", "{\"text\": \"b\"}", NULL);
    add("c", "{\"text\": \"c\"}", NULL);
    const char *agents[] = {"c", "a", NULL};
    agt_request request = ask("go");
    request.agents = agents;
    agt_replies *replies = NULL;
    agt_task *task = NULL;
    agt_reply *reply = NULL;
    assert_int_equal(agt_pool_broadcast_request_start(pool, &request, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_get_replies(task, &replies), AGT_E_BUSY);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_reply(task, &reply), AGT_E_INVALID); /* there are two */
    assert_int_equal(agt_task_get_replies(task, &replies), AGT_OK);
    agt_task_unref(task);
    assert_int_equal(agt_replies_get_count(replies), 2);
    assert_string_equal(agt_reply_get_text(agt_replies_get(replies, 0)), "c");
    assert_string_equal(agt_reply_get_text(agt_replies_get(replies, 1)), "a");
    agt_replies_free(replies);
}

static void gives_back_what_was_not_started(void **state)
{
    (void)state;
    agt_member_config one = AGT_CONFIG(agt_member_config, .capacity = 1);
    add("a", "{\"text\": \"x\"}", &one);
    agt_request request = ask("\xff");
    agt_task *task = NULL;
    agt_reply *reply = NULL;
    assert_int_equal(agt_pool_route_request_start(pool, &request, &task, NULL), AGT_E_SYNTAX);
    request.message = NULL;
    assert_int_equal(agt_pool_route_request_start(pool, &request, &task, NULL), AGT_E_INVALID);
    assert_int_equal(agt_pool_route_request_start(pool, NULL, &task, NULL), AGT_E_INVALID);
    assert_int_equal(figures().requests, 0);
    assert_int_equal(figures().requests_running, 0);
    request = ask("go");
    assert_int_equal(agt_pool_route_request(pool, &request, &reply, NULL), AGT_OK);
    agt_reply_unref(reply);
}

static void outlives_the_pool(void **state)
{
    (void)state;
    add("a", "{\"text\": \"still\", \"delay_ms\": 10}", NULL);
    agt_request request = ask("go");
    agt_task *task = start(&request);
    agt_pool_unref(pool);
    pool = NULL;
    agt_reply *reply = finish(task);
    assert_string_equal(agt_reply_get_text(reply), "still");
    agt_reply_unref(reply);
}

static void cancelling_frees_the_room(void **state)
{
    (void)state;
    agt_member_config one = AGT_CONFIG(agt_member_config, .capacity = 1);
    add("a", "{\"text\": \"x\", \"delay_ms\": 1000}", &one);
    agt_request request = ask("go");
    agt_task *task = start(&request);
    agt_task_cancel(task);
    agt_reply *reply = finish(task);
    agt_test_expect_reply(reply, AGT_OUTCOME_CANCELLED, "");
    agt_reply_unref(reply);
    assert_int_equal(figures().requests_running, 0);
    assert_int_equal(figures().failures, 1);
    agt_reply_unref(finish(start(&request)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_to_one, setup, teardown),
        cmocka_unit_test_setup_teardown(shares_the_load, setup, teardown),
        cmocka_unit_test_setup_teardown(prefers_who_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_all_and_keeps_every_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_those_who_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_back_what_was_not_started, setup, teardown),
        cmocka_unit_test_setup_teardown(outlives_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelling_frees_the_room, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
