/*
 * Memories inside: facts, the section of a prompt that they make, and the tools of an agent that
 * has one.
 */
#ifndef AGT_AGENTS_MEMORY_H
#define AGT_AGENTS_MEMORY_H

#include "exec/operation.h"

#include "agent_sdk/agents.h"

enum {
    AGT__MEMORY_TOOLS = 3
};

/** Whether facts are in the store: then refresh() may wait. */
bool agt__memory_is_stored(const agt_memory *memory);
/** Read what other processes wrote. May wait. Failing, what is known stays. */
void agt__memory_refresh(agt_memory *memory);

/** Write a fact, as @agent (NULL: the program) in the run of @trace_id (NULL). As
 * agt_memory_remember(). */
AGT_MUST_CHECK agt_status agt__memory_write(agt_memory *memory, const char *key,
                                            const agt_value *value, const char *agent,
                                            const uint8_t *trace_id, agt_error *err);

/** @instructions (a string, may be NULL) followed by the section of the facts of both memories (may
 * be NULL). @return AGT_OK: a string; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__memory_make_prompt(const agt_allocator *allocator,
                                                  const agt_value *instructions, agt_memory *memory,
                                                  agt_memory *shared, agt_value **ret_prompt);

/** The tools of an agent with these memories; references are taken to what they need.
 * @return AGT_OK; AGT_E_NOMEM, with nothing set */
AGT_MUST_CHECK agt_status agt__memory_tools_new(const agt_allocator *allocator, agt_memory *memory,
                                                agt_memory *shared,
                                                agt__operation *ret_tools[AGT__MEMORY_TOOLS]);
/** The entry of tool @index in the tools of a request. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__memory_tool_describe(const agt_allocator *allocator, size_t index,
                                                    bool has_both, agt_value **ret_tool);
/** Its name; static. */
const char *agt__memory_tool_get_name(size_t index);

#endif
