/*
 * The agent as an object: a name, a model, tools, limits. Immutable, one allocation, nothing runs.
 *
 * Names, texts and the list of tools stand behind the struct in the same block. The values that all
 * requests share (system prompt, tools) are made by the first run and kept; they are the only thing
 * that changes, on the loop thread of the agent's one runtime.
 *
 * Threads: any, except for what is said above.
 */
#include "agents/agent.h"

#include "agents/run.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"
#include "llm/model.h"
#include "runtime/runtime.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char origin[] = "agents/agent";

enum {
    steps_default = 50,
    tool_calls_default = 200,
    repeats_default = 3,
    result_bytes_default = 32 * 1024,
    name_bytes_max = 127
};

/* ---- the table --------------------------------------------------------------------------------
 */

static agt_status start(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    (void)ret_output;
    agt_agent *agent = (agt_agent *)agt__tool_call_get_operation(call);
    return agt__agent_start(call, agent, AGT__AGENT_ALONE, ret_pending);
}

static void destroy(agt__operation *operation)
{
    agt_agent *agent = (agt_agent *)operation;
    agt__words_deinit(&agent->words);
    agt_value_unref(agent->system);
    agt_value_unref(agent->tools_value);
    agt_schema_unref(agent->output_schema);
    for (size_t i = 0; i < AGT__MEMORY_TOOLS; i++) {
        if (agent->memory_tools[i] != NULL) {
            agt__operation_unref(agent->memory_tools[i]);
        }
    }
    agt_memory_unref(agent->memory);
    agt_memory_unref(agent->shared_memory);
    if (!agent->is_owned) {
        agt_executor_unref(agent->executor);
    }
    agt_model_unref(agent->model);
    agt_runtime *runtime = agent->runtime;
    agt__free(operation->allocator, agent);
    agt__runtime_unref(runtime);
}

static const agt__operation_table table = {
    .kind = "agent",
    .start = start,
    .cancel = agt__agent_cancel,
    .hold = agt__agent_hold,
    .begin_span = agt__agent_begin_span,
    .finish = agt__agent_finish,
    .destroy = destroy,
};

/* ---- making one -------------------------------------------------------------------------------
 */

static agt_status check_config(const agt_agent_config *config, agt_error *err)
{
    const char *texts[] = {config->name, config->instructions, config->description};
    if (config->name == NULL || config->name[0] == '\0' || config->model == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "an agent needs a name and a model");
    }
    if (strlen(config->name) > name_bytes_max) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "the name of an agent has at most %d bytes", name_bytes_max);
    }
    if (config->limits.cost_max_nanousd < 0) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "agent \"%s\": cost_max_nanousd is less than nothing", config->name);
    }
    if (config->tools != NULL && config->tools[0] != NULL && config->executor == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "agent \"%s\" has tools but no executor that knows them",
                              config->name);
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] != NULL && !agt__utf8_is_valid(texts[i], strlen(texts[i]))) {
            return agt__error_set(err, AGT_E_INVALID, origin,
                                  "name, instructions and description of an agent are UTF-8");
        }
    }
    return AGT_OK;
}

static agt_status find_tools(agt_agent *agent, const agt_agent_config *config, agt_error *err)
{
    for (size_t i = 0; i < agent->tool_count; i++) {
        agent->tools[i] = agt_executor_get_tool(config->executor, config->tools[i]);
        if (agent->tools[i] == NULL) {
            const char *meant = agt__executor_suggest(config->executor, config->tools[i]);
            return agt__error_set(err, AGT_E_NOT_FOUND, origin,
                                  "agent \"%s\": there is no tool \"%s\"%s%s%s", config->name,
                                  config->tools[i], meant != NULL ? "; did you mean \"" : "",
                                  meant != NULL ? meant : "", meant != NULL ? "\"?" : "");
        }
        for (size_t k = 0; k < i; k++) {
            if (agent->tools[k] == agent->tools[i]) {
                return agt__error_set(err, AGT_E_INVALID, origin,
                                      "agent \"%s\" names tool \"%s\" twice", config->name,
                                      config->tools[i]);
            }
        }
    }
    return AGT_OK;
}

static void set_limits(agt_agent *agent, const agt_agent_limits *limits)
{
    agent->limits = *limits;
    agent->limits.struct_size = sizeof(agent->limits);
    if (limits->steps_max == 0) {
        agent->limits.steps_max = steps_default;
    }
    if (limits->tool_calls_max == 0) {
        agent->limits.tool_calls_max = tool_calls_default;
    }
    if (limits->repeats_max == 0) {
        agent->limits.repeats_max = repeats_default;
    }
    if (limits->result_bytes_max == 0) {
        agent->limits.result_bytes_max = result_bytes_default;
    }
}

static void set_operation(agt_agent *agent, const agt_allocator *allocator, const char *name)
{
    agent->operation.table = &table;
    agent->operation.allocator = allocator;
    agent->operation.name = name;
    agent->operation.mode = AGT_TOOL_ASYNC;
    /* What its tools did, they say themselves; asking again is up to whoever asks. */
    agent->operation.effect = AGT_EFFECT_IDEMPOTENT;
    agent->operation.timeout_ms = AGT_MS_NONE;
    atomic_init(&agent->operation.refs, 1);
}

/* Copies @text to where *at is, and moves that behind it. */
static const char *place_text(char **at, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = *at;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* An agent with its texts and room for its tools; the rest is zero. NULL if there is no memory. */
static agt_agent *alloc_agent(agt_runtime *runtime, const char *name, const char *instructions,
                              const char *description, size_t tool_count)
{
    const agt_allocator *allocator = agt_runtime_get_allocator(runtime);
    size_t tools_size = tool_count * sizeof(agt_tool *);
    size_t texts_size = text_size(name) + text_size(instructions) + text_size(description);
    agt_agent *agent = agt__calloc(allocator, 1, sizeof(*agent) + tools_size + texts_size);
    if (agent != NULL) {
        char *at = (char *)(agent + 1) + tools_size;
        set_operation(agent, allocator, place_text(&at, name));
        agent->instructions = place_text(&at, instructions);
        agent->description = place_text(&at, description);
        agent->runtime = agt__runtime_ref(runtime);
        agent->tool_count = tool_count;
        agent->tools = (agt_tool **)(void *)(agent + 1);
    }
    return agent;
}

agt_status agt_agent_new(agt_runtime *runtime, const agt_agent_config *config,
                         agt_agent **ret_agent, agt_error *err)
{
    agt_agent_config own;
    if (runtime == NULL || config == NULL || ret_agent == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "runtime, config and ret_agent are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        status = check_config(&own, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    size_t tool_count = 0;
    while (own.tools != NULL && own.tools[tool_count] != NULL) {
        tool_count++;
    }
    agt_agent *agent =
        alloc_agent(runtime, own.name, own.instructions, own.description, tool_count);
    if (agent == NULL) {
        return agt__error_nomem(err, origin);
    }
    agent->model = agt_model_ref(own.model);
    agent->executor = agt_executor_ref(own.executor);
    agent->all_tools = own.tools == NULL && own.executor != NULL;
    agent->summarize = own.summarize;
    agent->memory = agt_memory_ref(own.memory);
    agent->shared_memory = agt_memory_ref(own.shared_memory);
    agent->has_memory = own.memory != NULL || own.shared_memory != NULL;
    set_limits(agent, &own.limits);
    status = find_tools(agent, &own, err);
    if (status == AGT_OK && own.output_schema != NULL) {
        status = agt_schema_new(agent->operation.allocator, own.output_schema,
                                &agent->output_schema, err);
    }
    if (status != AGT_OK) {
        agt_agent_unref(agent);
        return status;
    }
    *ret_agent = agent;
    return AGT_OK;
}

agt_status agt__agent_new_owned(const agt_agent *agent, agt_agent **ret_agent)
{
    agt_agent *copy = alloc_agent(agent->runtime, agent->operation.name, agent->instructions,
                                  agent->description, agent->tool_count);
    if (copy == NULL) {
        return AGT_E_NOMEM;
    }
    copy->model = agt_model_ref(agent->model);
    copy->executor = agent->executor;
    copy->is_owned = true;
    copy->output_schema = agt_schema_ref(agent->output_schema);
    copy->limits = agent->limits;
    copy->summarize = agent->summarize;
    copy->memory = agt_memory_ref(agent->memory);
    copy->shared_memory = agt_memory_ref(agent->shared_memory);
    copy->has_memory = agent->has_memory;
    copy->all_tools = agent->all_tools;
    for (size_t i = 0; i < agent->tool_count; i++) {
        copy->tools[i] = agent->tools[i];
    }
    *ret_agent = copy;
    return AGT_OK;
}

agt_agent *agt_agent_ref(agt_agent *agent)
{
    if (agent != NULL) {
        (void)agt__operation_ref(&agent->operation);
    }
    return agent;
}

void agt_agent_unref(agt_agent *agent)
{
    if (agent != NULL) {
        agt__operation_unref(&agent->operation);
    }
}

const char *agt_agent_get_name(const agt_agent *agent)
{
    return agent->operation.name;
}

bool agt__operation_is_agent(const agt__operation *operation)
{
    return operation->table->finish == agt__agent_finish;
}

/* ---- what requests share ----------------------------------------------------------------------
 */

static size_t count_tools(const agt_agent *agent)
{
    return agent->all_tools ? agt_executor_get_tool_count(agent->executor) : agent->tool_count;
}

static agt_tool *tool_at(const agt_agent *agent, size_t index)
{
    return agent->all_tools ? agt_executor_get_tool_at(agent->executor, index)
                            : agent->tools[index];
}

static agt_status make_tools(agt_agent *agent, size_t count, agt_value **ret_tools)
{
    const agt_allocator *allocator = agent->operation.allocator;
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        const agt_tool *tool = tool_at(agent, i);
        agt_value *value = NULL;
        status = agt__message_new_tool(allocator, agt_tool_get_name(tool),
                                       agt_tool_get_description(tool),
                                       agt_tool_get_input_schema(tool), &value);
        agt_value_builder_value(b, value);
        agt_value_unref(value);
    }
    for (size_t i = 0; agent->has_memory && i < AGT__MEMORY_TOOLS && status == AGT_OK; i++) {
        agt_value *value = NULL;
        if (agt__agent_find_tool(agent, agt__memory_tool_get_name(i)) != NULL) {
            continue;
        }
        status = agt__memory_tool_describe(
            allocator, i, agent->memory != NULL && agent->shared_memory != NULL, &value);
        agt_value_builder_value(b, value);
        agt_value_unref(value);
    }
    agt_value_builder_end(b);
    if (status == AGT_OK) {
        status = agt_value_builder_finish(b, ret_tools, NULL);
    }
    agt_value_builder_free(b);
    return status;
}

agt_status agt__agent_prepare(agt_agent *agent, agt_error *err)
{
    const agt_allocator *allocator = agent->operation.allocator;
    agt_status status = AGT_OK;
    size_t count = count_tools(agent);
    if (!agent->is_prepared) {
        status = agt__words_init(&agent->words, allocator, false);
        if (status == AGT_OK && agent->instructions != NULL) {
            status = agt_value_new_string(allocator, agent->instructions, &agent->system);
            if (status != AGT_OK) {
                agt__words_deinit(&agent->words);
            }
        }
        agent->is_prepared = status == AGT_OK;
    }
    if (status == AGT_OK && agent->has_memory && agent->memory_tools[0] == NULL) {
        status = agt__memory_tools_new(allocator, agent->memory, agent->shared_memory,
                                       agent->memory_tools);
    }
    bool is_new = agent->has_memory && agent->tools_value == NULL;
    if (status == AGT_OK && (count != agent->tools_counted || is_new)) {
        agt_value *tools = NULL;
        status = make_tools(agent, count, &tools);
        if (status == AGT_OK) {
            agt_value_unref(agent->tools_value);
            agent->tools_value = tools;
            agent->tools_counted = count;
            agent->request_bytes = 0;
        }
    }
    if (status != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    if (agent->request_bytes == 0) {
        const agt_value *schema = agt_schema_get_document(agent->output_schema);
        agent->request_bytes = agt__value_estimate_size(agent->system) +
                               agt__value_estimate_size(agent->tools_value) +
                               agt__value_estimate_size(schema);
    }
    return AGT_OK;
}

agt__operation *agt__agent_find_memory_tool(const agt_agent *agent, const char *name)
{
    for (size_t i = 0; agent->has_memory && i < AGT__MEMORY_TOOLS; i++) {
        if (strcmp(name, agt__memory_tool_get_name(i)) == 0) {
            return agt__agent_find_tool(agent, name) == NULL ? agent->memory_tools[i] : NULL;
        }
    }
    return NULL;
}

agt_status agt__agent_add_reader(const agt_agent *agent, agt_value **ret_tools)
{
    const agt_allocator *allocator = agent->operation.allocator;
    agt_value_builder *b = NULL;
    agt_value *reader = NULL;
    agt_status status = agt__result_reader_describe(allocator, &reader);
    if (status == AGT_OK) {
        status = agt_value_builder_new(allocator, &b);
    }
    if (status == AGT_OK) {
        agt_value_builder_begin_array(b);
        for (size_t i = 0; i < agt_value_get_count(agent->tools_value); i++) {
            agt_value_builder_value(b, agt_value_get_item(agent->tools_value, i));
        }
        agt_value_builder_value(b, reader);
        agt_value_builder_end(b);
        status = agt_value_builder_finish(b, ret_tools, NULL);
        agt_value_builder_free(b);
    }
    agt_value_unref(reader);
    return status;
}

agt_tool *agt__agent_find_tool(const agt_agent *agent, const char *name)
{
    if (agent->all_tools) {
        return agt_executor_get_tool(agent->executor, name);
    }
    for (size_t i = 0; i < agent->tool_count; i++) {
        if (strcmp(agt_tool_get_name(agent->tools[i]), name) == 0) {
            return agent->tools[i];
        }
    }
    return NULL;
}

void agt__agent_list_tools(const agt_agent *agent, char *target, size_t size)
{
    size_t count = count_tools(agent);
    size_t used = 0;
    agt__copy_text(target, size, "none");
    for (size_t i = 0; i < count && used + 1 < size; i++) {
        int added = snprintf(target + used, size - used, "%s%s", i == 0 ? "" : ", ",
                             agt_tool_get_name(tool_at(agent, i)));
        used += added > 0 ? (size_t)added : 0;
    }
}

agt_status agt__agent_new_input(const agt_allocator *allocator, const char *query,
                                agt_value **ret_input, agt_error *err)
{
    agt_value *text = NULL;
    if (query == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "a query is required");
    }
    agt_status status = agt_value_new_string(allocator, query, &text);
    if (status == AGT_OK) {
        const agt__field field = {"query", text};
        status = agt__value_make_object(allocator, &field, 1, ret_input);
    }
    if (status == AGT_OK) {
        return AGT_OK;
    }
    return status == AGT_E_SYNTAX ? agt__error_set(err, status, origin, "the query is not UTF-8")
                                  : agt__error_nomem(err, origin);
}

/* ---- executing --------------------------------------------------------------------------------
 */

agt_status agt_agent_execute_start(agt_agent *agent, const char *query,
                                   const agt_call_options *options, agt_task **ret_task,
                                   agt_error *err)
{
    agt_value *input = NULL;
    if (agent == NULL || ret_task == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "agent and ret_task are required");
    }
    agt_status status = agt__agent_new_input(agent->operation.allocator, query, &input, err);
    if (status == AGT_OK) {
        status = agt__operation_start(agent->runtime, agent->executor, &agent->operation, input,
                                      options, ret_task, err);
    }
    agt_value_unref(input);
    return status;
}

agt_status agt_agent_execute(agt_agent *agent, const char *query, const agt_call_options *options,
                             agt_reply **ret_reply, agt_error *err)
{
    agt_task *task = NULL;
    if (agent == NULL || ret_reply == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "agent and ret_reply are required");
    }
    if (agt_runtime_is_loop_thread(agent->runtime)) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "nothing may wait on the loop thread: use execute_start");
    }
    agt_status status = agt_agent_execute_start(agent, query, options, &task, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_task_wait(task, AGT_MS_NONE);
    if (status == AGT_OK) {
        status = agt_task_get_reply(task, ret_reply);
    }
    if (status != AGT_OK) {
        agt__error_set(err, status, origin, "waiting for agent \"%s\": %s", agent->operation.name,
                       agt_status_get_text(status));
    }
    agt_task_unref(task);
    return status;
}
