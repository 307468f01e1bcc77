/*
 * agent_sdk/team.h - a team in a file: models, tools, agents and how they work together.
 *
 * YAML or JSON. docs/guide/team-files.md describes every member; agt_team_get_schema() is the
 * schema every file is checked against. An error names file, line, column, what was found and what
 * was expected.
 */
#ifndef AGENT_SDK_TEAM_H
#define AGENT_SDK_TEAM_H

#include "agent_sdk/agents.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_team agt_team;

/** The JSON Schema of team files; static. @threads any */
AGT_API AGT_MUST_CHECK agt_status agt_team_get_schema(const agt_allocator *allocator,
                                                      agt_value **ret_schema);

/**
 * Read a YAML or JSON text (YAML 1.2 core schema; no aliases to anything not yet complete, no tags
 * but those of the core schema) as a value.
 *
 * @param name  of the file, for messages
 * @return AGT_OK; AGT_E_SYNTAX, AGT_E_LIMIT with line and column; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_team_parse(const agt_allocator *allocator, const char *name,
                                                 const char *text, size_t length,
                                                 agt_value **ret_document, agt_error *err);

typedef struct agt_team_config {
    size_t struct_size;
    agt_executor *executor; /* with tools of the program the file may name; referenced;
                             * NULL = a new one                                              */
    uint32_t parallel_max;  /* calls at a time; 0 = as the file says. Only without `executor` */
    uint32_t reserved;
    const char *model;      /* use this model of the file for all agents; NULL = as it says  */
    int64_t budget_nanousd; /* of a run; 0 = as the file says                                */
} agt_team_config;

/**
 * Read @path, check it, and build everything it describes. Nothing is run.
 *
 * Relative paths in the file are relative to the file.
 *
 * @param config  NULL for the defaults
 * @return AGT_OK; AGT_E_NOT_FOUND or AGT_E_IO for the file; AGT_E_SYNTAX, AGT_E_SCHEMA,
 *         AGT_E_CYCLE, AGT_E_VERSION with line and column; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_team_load(agt_runtime *runtime, const char *path,
                                                const agt_team_config *config, agt_team **ret_team,
                                                agt_error *err);
AGT_API void agt_team_free(agt_team *team);

/** What the file calls the team, and what was built of it; borrowed. */
AGT_API const char *agt_team_get_name(const agt_team *team);
AGT_API agt_executor *agt_team_get_executor(const agt_team *team);
AGT_API agt_pool *agt_team_get_pool(const agt_team *team);
/** An agent by name, borrowed; NULL if there is none. The lead for NULL. */
AGT_API agt_agent *agt_team_get_agent(const agt_team *team, const char *name);
/** Whether every model of the team is simulated. */
AGT_API bool agt_team_is_simulated(const agt_team *team);

/** Have the team answer @input: its lead, with the other agents as tools to delegate to. */
AGT_API AGT_MUST_CHECK agt_status agt_team_run_start(agt_team *team, const char *input,
                                                     const agt_call_options *options,
                                                     agt_task **ret_task, agt_error *err);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_TEAM_H */
