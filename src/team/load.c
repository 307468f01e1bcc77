/*
 * A team: loading the file, and running the lead.
 *
 * A team holds references to everything it built; the executor may outlive it. The budget of the
 * file is one of each run, made when the run starts, below the one that the caller gives.
 */
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "team/team.h"

#include <string.h>

#define ORIGIN "team/file"

char *agt__team_resolve(const agt_team *team, const char *path)
{
    if (path[0] == '/' || team->folder[0] == '\0') {
        return agt__strdup(team->allocator, path);
    }
    agt__buffer text;
    agt__buffer_init(&text, team->allocator, 0);
    agt__buffer_add_text(&text, team->folder);
    agt__buffer_add_text(&text, path);
    char *resolved =
        text.status == AGT_OK ? agt__strndup(team->allocator, text.bytes, text.size) : NULL;
    agt__buffer_deinit(&text);
    return resolved;
}

/* The name in the file, or that of the file without folder and ending. */
static char *choose_name(const agt_allocator *allocator, const agt_value *document,
                         const char *path)
{
    const char *name = agt_value_get_string(agt_value_get_member(document, "name"), NULL);
    if (name != NULL) {
        return agt__strdup(allocator, name);
    }
    const char *slash = strrchr(path, '/');
    name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t length = dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name);
    return agt__strndup(allocator, name, length);
}

static agt_status read_team(agt_team *team, const agt__document *document, const char *path,
                            const agt_team_config *config, agt_error *err)
{
    const agt_value *section = agt_value_get_member(document->value, "team");
    const char *slash = strrchr(path, '/');
    team->folder =
        agt__strndup(team->allocator, path, slash != NULL ? (size_t)(slash - path + 1) : 0);
    team->name = choose_name(team->allocator, document->value, path);
    if (team->folder == NULL || team->name == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt_status status =
        agt__team_read_money(agt_value_get_member(section, "budget"), &team->budget_nanousd);
    if (status == AGT_OK) {
        status =
            agt__team_read_duration(agt_value_get_member(section, "timeout"), &team->timeout_ms);
    }
    if (status != AGT_OK) {
        return agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    if (config->budget_nanousd > 0) {
        team->budget_nanousd = config->budget_nanousd;
    }
    if (config->executor != NULL) {
        team->executor = agt_executor_ref(config->executor);
        return AGT_OK;
    }
    agt_executor_config own = AGT_CONFIG(agt_executor_config);
    own.parallel_max = config->parallel_max > 0
                           ? config->parallel_max
                           : agt__team_read_count(agt_value_get_member(section, "parallel_max"));
    status =
        agt__team_read_duration(agt_value_get_member(section, "tool_timeout"), &own.timeout_ms);
    if (status != AGT_OK) {
        return agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    return agt_executor_new(team->runtime, &own, &team->executor, err);
}

static agt_status build(agt_team *team, const agt__document *document, const char *path,
                        const agt_team_config *config, agt_error *err)
{
    agt__team_check check = {.document = document, .executor = config->executor};
    agt_status status = agt__team_check_all(&check);
    if (status != AGT_OK) {
        if (err != NULL && check.count > 0) {
            *err = check.first;
            return status;
        }
        return agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    status = read_team(team, document, path, config, err);
    if (status == AGT_OK) {
        status = agt__team_build_tools(team, document, err);
    }
    if (status == AGT_OK) {
        status = agt__team_build_models(team, document, config, err);
    }
    if (status == AGT_OK) {
        status = agt__team_build_agents(team, document, config, err);
    }
    return status;
}

agt_status agt_team_load(agt_runtime *runtime, const char *path, const agt_team_config *config,
                         agt_team **ret_team, agt_error *err)
{
    agt_team_config own;
    if (runtime == NULL || path == NULL || ret_team == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "runtime, path and ret_team must not be NULL");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    const agt_allocator *allocator = agt_runtime_get_allocator(runtime);
    agt_team *team = agt__calloc(allocator, 1, sizeof(*team));
    if (team == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    team->allocator = allocator;
    team->runtime = runtime;
    agt__document document;
    agt__document_init(&document, allocator);
    status = agt__document_read(&document, path, err);
    if (status == AGT_OK) {
        status = build(team, &document, path, &own, err);
    }
    agt__document_deinit(&document);
    if (status != AGT_OK) {
        agt_team_free(team);
        return status;
    }
    *ret_team = team;
    return AGT_OK;
}

void agt_team_free(agt_team *team)
{
    if (team == NULL) {
        return;
    }
    const agt_allocator *allocator = team->allocator;
    agt_pool_unref(team->pool);
    for (size_t i = 0; i < team->agent_count; i++) {
        agt_agent_unref(team->agents[i]);
    }
    for (size_t i = 0; i < team->model_count; i++) {
        agt_model_unref(team->models[i]);
    }
    agt_executor_unref(team->executor);
    agt__free(allocator, team->agents);
    agt__free(allocator, team->models);
    agt__free(allocator, team->folder);
    agt__free(allocator, team->name);
    agt__free(allocator, team);
}

const char *agt_team_get_name(const agt_team *team)
{
    return team->name;
}

agt_executor *agt_team_get_executor(const agt_team *team)
{
    return team->executor;
}

agt_pool *agt_team_get_pool(const agt_team *team)
{
    return team->pool;
}

agt_agent *agt_team_get_agent(const agt_team *team, const char *name)
{
    if (name == NULL) {
        return team->lead;
    }
    for (size_t i = 0; i < team->agent_count; i++) {
        if (strcmp(agt_agent_get_name(team->agents[i]), name) == 0) {
            return team->agents[i];
        }
    }
    return NULL;
}

bool agt_team_is_simulated(const agt_team *team)
{
    return team->is_simulated;
}

/* Run the lead, as a task or (if @ret_task is NULL) as a stream. */
static agt_status run(agt_team *team, const char *input, const agt_call_options *options,
                      agt_task **ret_task, agt_events **ret_events, agt_error *err)
{
    agt_call_options own;
    agt_status status = agt__config_read(&own, sizeof(own), options, err);
    if (status != AGT_OK) {
        return status;
    }
    if (own.deadline_ms == 0) {
        own.deadline_ms = team->timeout_ms;
    }
    if (own.run_name == NULL) {
        own.run_name = agt_team_get_name(team);
    }
    agt_budget *budget = NULL;
    if (team->budget_nanousd > 0) {
        agt_budget_config config =
            AGT_CONFIG(agt_budget_config, .name = "run", .parent = own.budget,
                       .limit_nanousd = team->budget_nanousd);
        status = agt_budget_new(team->allocator, &config, &budget, err);
        if (status != AGT_OK) {
            return status;
        }
        own.budget = budget;
    }
    status = ret_task != NULL ? agt_agent_execute_start(team->lead, input, &own, ret_task, err)
                              : agt_agent_execute_stream(team->lead, input, &own, ret_events, err);
    agt_budget_unref(budget);
    return status;
}

agt_status agt_team_run_start(agt_team *team, const char *input, const agt_call_options *options,
                              agt_task **ret_task, agt_error *err)
{
    if (team == NULL || input == NULL || ret_task == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "team, input and ret_task must not be NULL");
    }
    return run(team, input, options, ret_task, NULL, err);
}

agt_status agt_team_run_stream(agt_team *team, const char *input, const agt_call_options *options,
                               agt_events **ret_events, agt_error *err)
{
    if (team == NULL || input == NULL || ret_events == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "team, input and ret_events must not be NULL");
    }
    return run(team, input, options, NULL, ret_events, err);
}
