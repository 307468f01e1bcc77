/*
 * Agents as tools: delegation.
 *
 * The tool's call is an "execute_tool" like any other; the agent's own span stands below it. What
 * the agent spent is added to the costs of the agent that delegated, and how deep agents stand
 * below each other is limited, both in loop.c.
 *
 * An agent that is a tool of the executor whose tools it uses itself would keep that executor, and
 * be kept by it, for ever: such a tool owns a copy of the agent that does not reference the
 * executor. (Two executors with agents of each other are the program's to untie.)
 *
 * Threads: any.
 */
#include "agents/agent.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "exec/executor.h"

#include <string.h>

static const char origin[] = "agents/tool";

static agt_status start(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    (void)ret_output;
    agt_agent *agent = agt_tool_call_get_user_data(call);
    return agt__agent_start(call, agent, AGT__AGENT_TOOL, ret_pending);
}

static void destroy(agt__operation *operation)
{
    agt_tool *tool = (agt_tool *)operation;
    const agt_allocator *allocator = operation->allocator;
    agt__tool_deinit(tool);
    agt__free(allocator, tool);
}

static const agt__operation_table table = {
    .kind = "agent",
    .start = start,
    .cancel = agt__agent_cancel,
    .hold = agt__agent_hold,
    .estimate = agt__tool_estimate,
    .finish = agt__tool_finish,
    .destroy = destroy,
};

static void release(void *agent)
{
    agt_agent_unref(agent);
}

static agt_status make_schema(const agt_allocator *allocator, agt_value **ret_schema)
{
    static const char text[] =
        "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\","
        "\"description\":\"What to ask, complete in itself: the agent sees nothing else.\"}},"
        "\"required\":[\"query\"],\"additionalProperties\":false}";
    return agt_json_parse(allocator, text, sizeof(text) - 1, NULL, ret_schema, NULL);
}

agt_status agt_executor_register_agent(agt_executor *executor, const char *name, agt_agent *agent,
                                       const agt_tool_config *config, agt_error *err)
{
    agt_tool_config own;
    agt_value *schema = NULL;
    agt_agent *delegate = NULL;
    if (executor == NULL || agent == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "executor and agent are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    if (own.user_data != NULL || own.release != NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "the user_data of an agent as a tool is the agent");
    }
    if (agent->executor == executor) {
        status = agt__agent_new_owned(agent, &delegate);
        if (status != AGT_OK) {
            return agt__error_nomem(err, origin);
        }
    } else {
        delegate = agt_agent_ref(agent);
    }
    if (own.input_schema == NULL) {
        if (make_schema(agent->operation.allocator, &schema) != AGT_OK) {
            agt_agent_unref(delegate);
            return agt__error_nomem(err, origin);
        }
        own.input_schema = schema;
    }
    if (own.description == NULL) {
        own.description = agent->description;
    }
    if (config == NULL) {
        own.effect = AGT_EFFECT_IDEMPOTENT; /* what its tools did, they say themselves */
    }
    if (own.timeout_ms == 0) {
        own.timeout_ms = AGT_MS_NONE; /* its own limits hold */
    }
    own.mode = AGT_TOOL_ASYNC;
    own.user_data = delegate;
    own.release = release;
    status = agt__executor_register_operation(executor, name != NULL ? name : agent->operation.name,
                                              &table, &own, err);
    if (status != AGT_OK) {
        agt_agent_unref(delegate);
    }
    agt_value_unref(schema);
    return status;
}
