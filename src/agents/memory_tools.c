/*
 * The tools of an agent that has a memory: remember, recall, forget.
 *
 * They are operations of the agent, not of an executor: calls like any other (spans, budgets,
 * approval by rule), run on a worker because the store may be busy. Who remembers is the agent that
 * the call belongs to; what it remembers is tainted, since a model wrote it.
 *
 * Threads: a worker's; a tool never changes after it was made.
 */
#include "agents/memory.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "llm/message.h"

#include <stdatomic.h>
#include <string.h>

enum {
    found_max = 50
};

typedef struct memory_tool {
    agt__operation operation; /* first */
    agt_memory *memory, *shared;
} memory_tool;

static const char *const names[AGT__MEMORY_TOOLS] = {"remember", "recall", "forget"};

static agt_status fail(agt_tool_call *call, const agt_error *err)
{
    agt__tool_call_take_error(call, err);
    return err->status;
}

/* The memory that the call is about; NULL, after a complaint, if there is no such one. */
static agt_memory *choose(agt_tool_call *call)
{
    const memory_tool *tool = (const memory_tool *)(void *)agt__tool_call_get_operation(call);
    const agt_value *wanted = agt_value_get_member(agt_tool_call_get_input(call), "shared");
    bool is_shared = tool->memory == NULL || agt_value_get_bool(wanted, false);
    agt_memory *memory = is_shared ? tool->shared : tool->memory;
    if (memory == NULL) {
        agt_tool_call_set_error(call, "there is no shared memory");
    }
    return memory;
}

static agt_status remember(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    agt_error err;
    const agt_value *input = agt_tool_call_get_input(call);
    const agt_value *value = agt_value_get_member(input, "value");
    const agt_span_context span = agt_tool_call_get_span(call);
    agt_memory *memory = choose(call);
    (void)ret_output;
    (void)ret_pending;
    if (memory == NULL) {
        return AGT_E_INVALID;
    }
    if (value == NULL) {
        agt_tool_call_set_error(call, "there is no \"value\"");
        return AGT_E_INVALID;
    }
    agt_value *tainted = NULL;
    if (agt_value_with_taint(agt_tool_call_get_allocator(call), value, &tainted) != AGT_OK) {
        return AGT_E_NOMEM;
    }
    const char *agent = agt__tool_call_get_options(call)->agent;
    agt_status status =
        agt__memory_write(memory, agt__value_member_text(input, "key", NULL), tainted, agent,
                          agt_span_context_is_valid(&span) ? span.trace_id : NULL, &err);
    agt_value_unref(tainted);
    return status == AGT_OK ? AGT_OK : fail(call, &err);
}

static agt_status forget(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    agt_error err;
    const agt_value *input = agt_tool_call_get_input(call);
    agt_memory *memory = choose(call);
    (void)ret_output;
    (void)ret_pending;
    if (memory == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt_memory_forget(memory, agt__value_member_text(input, "key", NULL), &err);
    return status == AGT_OK ? AGT_OK : fail(call, &err);
}

/* Whether @text has @words in it, whatever the case of ASCII letters. */
static bool contains(const char *text, const char *words)
{
    size_t length = strlen(words);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && text[i] != '\0' &&
               (text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 32 : 0)) ==
                   (words[i] | (words[i] >= 'A' && words[i] <= 'Z' ? 32 : 0))) {
            i++;
        }
        if (i == length) {
            return true;
        }
    }
    return length == 0;
}

/* Whether a fact is about these words. */
static bool is_about(const agt_allocator *allocator, const agt_value *fact, const char *words)
{
    agt_value *json = NULL;
    if (contains(agt__value_member_text(fact, "key", ""), words)) {
        return true;
    }
    if (agt_value_to_json(allocator, agt_value_get_member(fact, "value"), AGT_JSON_COMPACT,
                          &json) != AGT_OK) {
        return true; /* rather one too many */
    }
    bool is = contains(agt_value_get_string(json, NULL), words);
    agt_value_unref(json);
    return is;
}

static size_t add_found(agt_value_builder *b, const agt_allocator *allocator, agt_memory *memory,
                        const char *words, bool is_shared, size_t found)
{
    agt_value *facts = NULL;
    if (memory == NULL || agt_memory_get_facts(memory, &facts) != AGT_OK) {
        return found;
    }
    for (size_t i = 0; i < agt_value_get_count(facts) && found < found_max; i++) {
        const agt_value *fact = agt_value_get_item(facts, i);
        if (!is_about(allocator, fact, words)) {
            continue;
        }
        found++;
        agt_value_builder_begin_object(b);
        agt__builder_add_value(b, "key", agt_value_get_member(fact, "key"));
        agt__builder_add_value(b, "value", agt_value_get_member(fact, "value"));
        agt__builder_add_bool(b, "shared", is_shared);
        agt__builder_add_value(b, "said_by", agt_value_get_member(fact, "agent"));
        agt__builder_add_value(b, "version", agt_value_get_member(fact, "version"));
        agt_value_builder_end(b);
    }
    agt_value_unref(facts);
    return found;
}

static agt_status recall(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    const memory_tool *tool = (const memory_tool *)(void *)agt__tool_call_get_operation(call);
    const agt_allocator *allocator = agt_tool_call_get_allocator(call);
    const char *words = agt__value_member_text(agt_tool_call_get_input(call), "about", "");
    agt_value_builder *b = NULL;
    (void)ret_pending;
    if (agt_value_builder_new(allocator, &b) != AGT_OK) {
        return AGT_E_NOMEM;
    }
    agt__memory_refresh(tool->memory);
    agt__memory_refresh(tool->shared);
    agt_value_builder_begin_array(b);
    size_t found = add_found(b, allocator, tool->memory, words, false, 0);
    (void)add_found(b, allocator, tool->shared, words, true, found);
    agt_value_builder_end(b);
    agt_status status = agt_value_builder_finish(b, ret_output, NULL);
    agt_value_builder_free(b);
    return status;
}

static void destroy(agt__operation *operation)
{
    memory_tool *tool = (memory_tool *)(void *)operation;
    const agt_allocator *allocator = operation->allocator;
    agt_memory_unref(tool->memory);
    agt_memory_unref(tool->shared);
    agt__free(allocator, tool);
}

static const agt__operation_table tables[AGT__MEMORY_TOOLS] = {
    {.kind = "builtin", .start = remember, .destroy = destroy},
    {.kind = "builtin", .start = recall, .destroy = destroy},
    {.kind = "builtin", .start = forget, .destroy = destroy},
};

agt_status agt__memory_tools_new(const agt_allocator *allocator, agt_memory *memory,
                                 agt_memory *shared, agt__operation *ret_tools[AGT__MEMORY_TOOLS])
{
    static const uint8_t effects[AGT__MEMORY_TOOLS] = {AGT_EFFECT_IDEMPOTENT, AGT_EFFECT_PURE,
                                                       AGT_EFFECT_IDEMPOTENT};
    for (size_t i = 0; i < AGT__MEMORY_TOOLS; i++) {
        memory_tool *tool = agt__calloc(allocator, 1, sizeof(*tool));
        if (tool == NULL) {
            while (i > 0) {
                agt__operation_unref(ret_tools[--i]);
                ret_tools[i] = NULL;
            }
            return AGT_E_NOMEM;
        }
        tool->operation.table = &tables[i];
        tool->operation.allocator = allocator;
        tool->operation.name = names[i];
        tool->operation.mode = AGT_TOOL_BLOCKING;
        tool->operation.effect = effects[i];
        tool->operation.timeout_ms = AGT_MS_NONE;
        atomic_init(&tool->operation.refs, 1);
        tool->memory = agt_memory_ref(memory);
        tool->shared = agt_memory_ref(shared);
        ret_tools[i] = &tool->operation;
    }
    return AGT_OK;
}

const char *agt__memory_tool_get_name(size_t index)
{
    return names[index];
}

agt_status agt__memory_tool_describe(const agt_allocator *allocator, size_t index, bool has_both,
                                     agt_value **ret_tool)
{
    static const char *const descriptions[AGT__MEMORY_TOOLS] = {
        "Keep a fact for later runs, or write it anew: short, complete in itself, no secrets.",
        "The facts kept so far whose key or value has certain words in it; all without words.",
        "Forget a fact that is wrong or of no more use.",
    };
#define SHARED                                                                                     \
    ",\"shared\":{\"type\":\"boolean\",\"description\":\"Known to other agents as well.\"}"
#define KEY "\"key\":{\"type\":\"string\",\"maxLength\":128}"
    static const char *const schemas[AGT__MEMORY_TOOLS][2] = {
        {"{\"type\":\"object\",\"properties\":{" KEY ",\"value\":{\"type\":\"string\"}},"
         "\"required\":[\"key\",\"value\"],\"additionalProperties\":false}",
         "{\"type\":\"object\",\"properties\":{" KEY ",\"value\":{\"type\":\"string\"}" SHARED "},"
         "\"required\":[\"key\",\"value\"],\"additionalProperties\":false}"},
        {"{\"type\":\"object\",\"properties\":{\"about\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}",
         "{\"type\":\"object\",\"properties\":{\"about\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}"},
        {"{\"type\":\"object\",\"properties\":{" KEY "},\"required\":[\"key\"],"
         "\"additionalProperties\":false}",
         "{\"type\":\"object\",\"properties\":{" KEY SHARED "},\"required\":[\"key\"],"
         "\"additionalProperties\":false}"},
    };
#undef SHARED
#undef KEY
    const char *text = schemas[index][has_both];
    agt_value *schema = NULL;
    agt_status status = agt_json_parse(allocator, text, strlen(text), NULL, &schema, NULL);
    if (status == AGT_OK) {
        status =
            agt__message_new_tool(allocator, names[index], descriptions[index], schema, ret_tool);
    }
    agt_value_unref(schema);
    return status;
}
