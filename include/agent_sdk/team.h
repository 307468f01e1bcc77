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

/**
 * A duration as team files and the command write it: "250ms", "5s", "1.5m", "2h", "none".
 *
 * What is less than a millisecond is rounded up.
 *
 * @param ret_ms  AGT_MS_NONE for "none"
 * @return AGT_OK; AGT_E_SYNTAX; AGT_E_RANGE for 0 and beyond 1193 hours
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_team_parse_duration(const char *text, uint32_t *ret_ms);

/**
 * An amount of USD: "0.05", "$0.05"; at most nine places, no sign, no exponent.
 *
 * @return AGT_OK; AGT_E_SYNTAX; AGT_E_RANGE
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_team_parse_money(const char *text, int64_t *ret_nanousd);

/** Told of each error of a file; @error is borrowed for the time of the call. */
typedef void (*agt_team_error_fn)(void *user_data, const agt_error *error);

/**
 * Read @path and check all of it without building anything: no runtime is needed.
 *
 * @param executor      with tools of the program that the file may name; NULL = none
 * @param on_error      NULL, or told of each error, 50 at most; what is wrong with one tool or
 *                      agent does not hide what is wrong with another
 * @param ret_document  optional: the file as a value
 * @return AGT_OK; what the first error says: AGT_E_NOT_FOUND or AGT_E_IO for the file;
 *         AGT_E_SYNTAX, AGT_E_LIMIT, AGT_E_SCHEMA, AGT_E_CYCLE, AGT_E_VERSION, AGT_E_UNSUPPORTED,
 *         AGT_E_NOT_FOUND (a name), AGT_E_EXISTS with line and column; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_team_check(const agt_allocator *allocator, const char *path,
                                                 agt_executor *executor, agt_team_error_fn on_error,
                                                 void *user_data, agt_value **ret_document,
                                                 agt_error *err);

/**
 * The prices in a team file, as agt_runtime_config.prices takes them. Prices belong to a runtime,
 * so a program that wants those of a file reads the file first, with agt_team_check().
 *
 * @param ret_prices  NULL if the file has no member "pricing"
 * @return AGT_OK; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_team_get_pricing(const agt_allocator *allocator,
                                                       const agt_value *document,
                                                       agt_value **ret_prices);

typedef struct agt_team_config {
    size_t struct_size;
    agt_executor *executor; /* with tools of the program the file may name; referenced;
                             * NULL = a new one                                              */
    uint32_t parallel_max;  /* calls at a time; 0 = as the file says. Only without `executor` */
    uint32_t reserved;
    const char *model;      /* for all agents: the name of one in the file, or any other as
                             * PROVIDER/NAME; NULL = as it says                              */
    int64_t budget_nanousd; /* of a run; 0 = as the file says                                */
    const char *base_url;   /* of a `model` PROVIDER/NAME; NULL = the provider's own         */
    /** The team is only to be looked at: told of each model whose key is not there, file, line
     * and column included, instead of failing for it. Requests to such a model fail. NULL = a
     * missing key is an error */
    agt_team_error_fn on_missing_key;
    void *user_data;
} agt_team_config;

/**
 * Read @path, check it, and build everything it describes. Nothing is run.
 *
 * Relative paths in the file are relative to the file. `pricing` is not used: see
 * agt_team_get_pricing(). Keys of models are read now, of those that agents use.
 *
 * @param config  NULL for the defaults
 * @return AGT_OK; AGT_E_NOT_FOUND or AGT_E_IO for the file; AGT_E_SYNTAX, AGT_E_SCHEMA,
 *         AGT_E_CYCLE, AGT_E_VERSION and so on with line and column, as agt_team_check();
 *         AGT_E_NOMEM
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

/**
 * Have the team answer @input: its lead, with the other agents as tools to delegate to.
 *
 * Every run has a budget of its own, that of the file; a deadline in @options counts instead of the
 * timeout in the file.
 */
AGT_API AGT_MUST_CHECK agt_status agt_team_run_start(agt_team *team, const char *input,
                                                     const agt_call_options *options,
                                                     agt_task **ret_task, agt_error *err);

/** The same with a stream of what happens, see agt_agent_execute_stream(). */
AGT_API AGT_MUST_CHECK agt_status agt_team_run_stream(agt_team *team, const char *input,
                                                      const agt_call_options *options,
                                                      agt_events **ret_events, agt_error *err);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_TEAM_H */
