/*
 * Agents inside: the object, and the operation that its answer is.
 */
#ifndef AGT_AGENTS_AGENT_H
#define AGT_AGENTS_AGENT_H

#include "agents/memory.h"
#include "exec/operation.h"
#include "llm/message.h"

#include "agent_sdk/agents.h"

/** How deep agents may delegate to agents: the first is at depth 1. */
#define AGT__AGENT_DEPTH_MAX 4

struct agt_agent {
    agt__operation operation; /* first; input {"query": "…"} */
    agt_runtime *runtime;
    agt_model *model;
    agt_executor *executor;   /* NULL = no tools */
    const char *instructions; /* NULL = none */
    const char *description;  /* NULL = none */
    agt_schema *output_schema;
    agt_agent_limits limits; /* no zeros but for "no limit" */
    bool all_tools;          /* of the executor */
    bool summarize;
    bool has_memory;
    bool is_owned; /* by a tool of its executor: not referenced */
    size_t tool_count;
    agt_tool **tools; /* unless all_tools; behind the object */

    /* What every request of every run shares, made by the first run. Loop thread. */
    bool is_prepared;
    agt__words words;
    agt_value *system;
    agt_value *tools_value;
    size_t tools_counted; /* tools of the executor when tools_value was made */
    size_t request_bytes; /* of all three, about */

    agt_memory *memory, *shared_memory;              /* referenced; NULL = none */
    agt__operation *memory_tools[AGT__MEMORY_TOOLS]; /* made by the first run, if has_memory */
};

/**
 * The same agent again, to be owned by a tool of its own executor: that executor is not referenced,
 * or neither would ever be freed.
 *
 * @return AGT_OK; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__agent_new_owned(const agt_agent *agent, agt_agent **ret_agent);

/** Make what requests share, if it is not there or out of date. Loop thread.
 * @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_prepare(agt_agent *agent, agt_error *err);

/** The tool of that name, if the agent may use it; else NULL. */
agt_tool *agt__agent_find_tool(const agt_agent *agent, const char *name);

/** A tool that the agent has of the library, if it has none of its own by that name; else NULL. */
agt__operation *agt__agent_find_memory_tool(const agt_agent *agent, const char *name);

/** The tools of a request together with "read_result".
 * @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_add_reader(const agt_agent *agent, agt_value **ret_tools);

/** The names of the tools of an agent, for messages: "a, b, c"; "none". */
void agt__agent_list_tools(const agt_agent *agent, char *target, size_t size);

/** The input of an agent's operation. @return AGT_OK; AGT_E_SYNTAX if @query is not UTF-8;
 * AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__agent_new_input(const agt_allocator *allocator, const char *query,
                                               agt_value **ret_input, agt_error *err);

/* ---- the operation (loop.c) --------------------------------------------------------------------
 */

/** How a run of an agent was started. */
typedef enum agt__agent_kind {
    AGT__AGENT_ALONE, /* the call is the agent; its output is a whole reply          */
    AGT__AGENT_TOOL   /* the call is a tool; its output is the reply's value or text */
} agt__agent_kind;

/** `start` of a table: begin a run of @agent within @call; it completes the call. */
AGT_MUST_CHECK agt_status agt__agent_start(agt_tool_call *call, agt_agent *agent,
                                           agt__agent_kind kind, bool *ret_pending);

/** `cancel` of every table that starts runs of agents; by it they are recognised. */
bool agt__agent_cancel(agt_tool_call *call);
/** `hold` of the same tables. */
void agt__agent_hold(agt_tool_call *call, bool held);
/** `begin_span` for calls that are agents: "invoke_agent NAME". */
agt_span *agt__agent_begin_span(agt_tool_call *call, agt_tracer *tracer,
                                const agt_span_context *parent, uint64_t start_ns);
/** `finish` for calls that are agents: totals to the span; what was spent is booked already. */
void agt__agent_finish(agt_tool_call *call, agt_span *span, agt_budget_amount *ret_actual);

/** Whether the output of @operation is a whole reply. */
bool agt__operation_is_agent(const agt__operation *operation);

#endif
