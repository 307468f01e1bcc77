/* Pools: members, their names and weights, figures. */
#include "agents/pool.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"

#include <math.h>
#include <string.h>

static void registers_members(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_model *model = agt_test_script(engine.runtime, "{\"text\": \"x\"}");
    agt_agent *agent = agt_test_agent(&engine, "agent", model, NULL);
    agt_pool *pool = NULL;
    agt_error err = {0};
    assert_int_equal(agt_pool_new(engine.runtime, "team", &pool, NULL), AGT_OK);
    char capability[] = "search";
    const char *capabilities[] = {capability, NULL};
    agt_member_config config =
        AGT_CONFIG(agt_member_config, .weight = 2.5, .capacity = 3,
                   .specialization = AGT_SPECIALIZATION_ANALYST, .capabilities = capabilities);
    assert_int_equal(agt_pool_register_agent(pool, "first", agent, &config, NULL), AGT_OK);
    capability[0] = 'X'; /* copied */
    assert_int_equal(agt_pool_register_agent(pool, NULL, agent, NULL, NULL), AGT_OK);
    assert_int_equal(agt_pool_register_agent(pool, "first", agent, NULL, &err), AGT_E_EXISTS);
    assert_non_null(strstr(err.message, "\"first\""));
    assert_int_equal(agt_pool_register_agent(pool, "agent", agent, NULL, &err), AGT_E_EXISTS);
    assert_int_equal(agt_pool_register_agent(pool, "", agent, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_pool_register_agent(NULL, "x", agent, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_pool_register_agent(pool, "x", NULL, NULL, &err), AGT_E_INVALID);
    config.specialization = 99;
    assert_int_equal(agt_pool_register_agent(pool, "x", agent, &config, &err), AGT_E_INVALID);
    config.specialization = 0;
    static const double weights[] = {-1, NAN, INFINITY};
    for (size_t i = 0; i < 3; i++) {
        config.weight = weights[i];
        assert_int_equal(agt_pool_register_agent(pool, "x", agent, &config, &err), AGT_E_INVALID);
    }
    assert_true(agt__pool_get_weight(pool, "first") == 2.5);
    assert_true(agt__pool_get_weight(pool, "agent") == 1.0);
    assert_true(agt__pool_get_weight(pool, "nobody") == 1.0);
    assert_string_equal(pool->members[0]->candidate.capabilities[0], "search");
    assert_int_equal(pool->members[0]->candidate.capacity, 3);
    agt_orchestration_metrics metrics = AGT_CONFIG(agt_orchestration_metrics, .requests = 9);
    agt_pool_get_orchestration_metrics(pool, &metrics);
    assert_int_equal(metrics.active_agents, 2);
    assert_int_equal(metrics.requests, 0);
    agt_pool_unref(agt_pool_ref(pool));
    agt_pool_unref(pool);
    agt_pool_unref(NULL);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    agt_pool *pool = NULL;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    const char *capabilities[] = {"a", "b", NULL};
    agt_member_config config =
        AGT_CONFIG(agt_member_config, .capabilities = capabilities, .capacity = 1);
    agt_model *model =
        agt_test_script(engine.runtime, "{\"json\": {\"score\": 2}, \"delay_ms\": 5}");
    agt_agent *agent = model != NULL ? agt_test_agent(&engine, "agent", model, NULL) : NULL;
    agt_status status =
        agent != NULL ? agt_pool_new(engine.runtime, NULL, &pool, NULL) : AGT_E_NOMEM;
    if (status == AGT_OK) {
        status = agt_pool_register_agent(pool, "one", agent, &config, NULL);
    }
    if (status == AGT_OK) {
        status = agt_pool_register_agent(pool, "two", agent, NULL, NULL);
    }
    agt_request request = AGT_CONFIG(agt_request, .message = "go", .timeout_ms = 1000);
    agt_reply *reply = NULL;
    agt_replies *replies = NULL;
    agt_task *task = NULL;
    const char *only_one[] = {"one", NULL};
    agt_request busy = AGT_CONFIG(agt_request, .message = "first", .agents = only_one);
    if (status == AGT_OK) {
        status = agt_pool_route_request(pool, &request, &reply, NULL);
    }
    if (status == AGT_OK) {
        status = agt_pool_route_request_start(pool, &busy, &task, NULL);
    }
    if (status == AGT_OK) { /* of one that is full and one that is not */
        status = agt_pool_broadcast_request(pool, &request, &replies, NULL);
    }
    if (task != NULL) {
        assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    }
    static const agt_vote votes[] = {AGT_VOTE_MAJORITY, AGT_VOTE_WEIGHTED_AVERAGE};
    for (size_t i = 0; i < 2 && status == AGT_OK; i++) {
        agt_verdict *verdict = NULL;
        status = agt_pool_consensus_vote(pool, replies, votes[i], NULL, &verdict, NULL);
        status = status == AGT_E_NOT_FOUND ? AGT_E_NOMEM : status; /* who could not answer */
        agt_verdict_free(verdict);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_orchestration_metrics metrics = AGT_CONFIG(agt_orchestration_metrics, .requests = 0);
    if (pool != NULL) {
        agt_pool_get_orchestration_metrics(pool, &metrics);
        assert_int_equal(metrics.requests_running, 0);
    }
    agt_replies_free(replies);
    agt_task_unref(task);
    agt_reply_unref(reply);
    agt_pool_unref(pool);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
}

static void survives_no_memory(void **state)
{
    (void)state;
    agt_test_torture(torture, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_members),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
