/*
 * Specialists in a pool: one request goes to whoever fits, one question goes to all of them, and
 * their answers become one verdict.
 *
 * Both agents ask one scripted model, which tells them apart by name; with a real model each would
 * have instructions instead of rules.
 */
#include <agent_sdk/agents.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT                                                                                     \
    "{\"version\": 1, \"rules\": ["                                                                \
    "{\"agent\": \"researcher\", \"json\": {\"score\": 0.9, \"confidence\": 0.8}},"                \
    "{\"agent\": \"executor\", \"json\": {\"score\": 0.5, \"confidence\": 0.4}}]}"

/* What both answer with: a typed answer, checked before anybody sees it. */
#define ANSWER                                                                                     \
    "{\"type\": \"object\", \"required\": [\"score\", \"confidence\"], \"properties\": {"          \
    "\"score\": {\"type\": \"number\"}, \"confidence\": {\"type\": \"number\"}}}"

static agt_status add_member(agt_pool *pool, agt_runtime *runtime, const agt_agent_config *config,
                             const agt_member_config *member, agt_error *err)
{
    agt_agent *agent = NULL;
    agt_status status = agt_agent_new(runtime, config, &agent, err);
    if (status == AGT_OK) {
        status = agt_pool_register_agent(pool, config->name, agent, member, err);
    }
    agt_agent_unref(agent); /* the pool has a reference of its own */
    return status;
}

static agt_status add_members(agt_pool *pool, agt_runtime *runtime, agt_agent_config config,
                              agt_error *err)
{
    static const char *const research[] = {"web_search", "paper_analysis", NULL};
    static const char *const work[] = {"code_execution", "file_management", NULL};
    agt_member_config analyst = AGT_CONFIG(agt_member_config, .capabilities = research,
                                           .specialization = AGT_SPECIALIZATION_ANALYST);
    agt_member_config executor = AGT_CONFIG(agt_member_config, .capabilities = work,
                                            .specialization = AGT_SPECIALIZATION_EXECUTOR);
    config.name = "researcher";
    agt_status status = add_member(pool, runtime, &config, &analyst, err);
    config.name = "executor";
    return status != AGT_OK ? status : add_member(pool, runtime, &config, &executor, err);
}

static agt_status ask(agt_pool *pool, agt_error *err)
{
    static const char *const preferred[] = {"researcher", "executor", NULL};
    agt_request request = AGT_CONFIG(agt_request, .agents = preferred,
                                     .message = "Analyze this dataset and create visualizations");
    agt_reply *reply = NULL;
    agt_replies *replies = NULL;
    agt_verdict *verdict = NULL;
    agt_status status = agt_pool_route_request(pool, &request, &reply, err);
    if (status == AGT_OK) {
        printf("Answered by: %s (%s)\n", agt_reply_get_agent(reply),
               agt_outcome_get_name(agt_reply_get_outcome(reply)));
        request.message = "What's your confidence in this analysis?";
        status = agt_pool_broadcast_request(pool, &request, &replies, err);
    }
    if (status == AGT_OK) {
        status = agt_pool_consensus_vote(pool, replies, AGT_VOTE_WEIGHTED_AVERAGE, "/score",
                                         &verdict, err);
    }
    if (status == AGT_OK) {
        printf("Consensus: %.2f\n", agt_verdict_get_number(verdict));
        printf("Consensus confidence: %.2f\n", agt_verdict_get_confidence(verdict));
    }
    agt_verdict_free(verdict);
    agt_replies_free(replies);
    agt_reply_unref(reply);
    return status;
}

int main(void)
{
    agt_value *script = NULL, *answer = NULL;
    agt_runtime *runtime = NULL;
    agt_model *model = NULL;
    agt_pool *pool = NULL;
    agt_error err;
    bool failed = agt_json_parse(NULL, SCRIPT, strlen(SCRIPT), NULL, &script, &err) ||
                  agt_json_parse(NULL, ANSWER, strlen(ANSWER), NULL, &answer, &err) ||
                  agt_runtime_new(NULL, &runtime, &err) ||
                  agt_model_new_scripted(runtime, script, &model, &err) ||
                  agt_pool_new(runtime, "specialists", &pool, &err);
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .model = model, .output_schema = answer);
    if (failed || add_members(pool, runtime, config, &err) || ask(pool, &err)) {
        fprintf(stderr, "orchestration: %s\n", err.message);
        failed = true;
    } else {
        agt_orchestration_metrics metrics = AGT_CONFIG(agt_orchestration_metrics, 0);
        agt_pool_get_orchestration_metrics(pool, &metrics);
        printf("Agents: %u\n", metrics.active_agents);
        printf("Avg response time: %.2f ms\n", metrics.avg_response_time_ms);
    }
    agt_pool_unref(pool);
    agt_model_unref(model);
    agt_runtime_free(runtime);
    agt_value_unref(answer);
    agt_value_unref(script);
    return failed ? 1 : 0;
}
