/*
 * The agents of a team file, and the pool they are members of.
 *
 * An agent that others delegate to is a tool to them, so it has to exist, and to be registered,
 * before they are made: agents are made in the order in which everyone stands behind those he
 * delegates to.
 */
#include "base/error.h"
#include "base/mem.h"
#include "team/team.h"

#include <string.h>

#define ORIGIN "team/file"

static const char *text_of(const agt_value *object, const char *member)
{
    return agt_value_get_string(agt_value_get_member(object, member), NULL);
}

static agt_status fail(agt_error *err, agt_status status)
{
    return status == AGT_E_NOMEM
               ? agt__error_nomem(err, ORIGIN)
               : agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
}

/* The number of the member @name of @section. */
static size_t number_of(const agt_value *section, const char *name)
{
    size_t number = 0;
    while (strcmp(agt_value_get_key(section, number, NULL), name) != 0) {
        number++;
    }
    return number;
}

/* ---- agents ------------------------------------------------------------------------------- */

/* What an agent is made of, for the time of making it. */
typedef struct maker {
    agt_team *team;
    const agt__document *document;
    const agt_team_config *config;
    const agt_value *agents;
    const char *lead;
} maker;

/* The names of an agent's tools: those of the file, then the agents it delegates to. */
static agt_status list_tools(const maker *self, const agt_value *agent, const char *name,
                             const char ***ret_names)
{
    const agt_value *tools = agt_value_get_member(agent, "tools");
    const agt_value *delegates = agt_value_get_member(agent, "delegates");
    bool has_all = delegates == NULL && self->lead != NULL && strcmp(self->lead, name) == 0;
    size_t tool_count = agt_value_get_count(tools), used = 0;
    size_t agent_count = agt_value_get_count(has_all ? self->agents : delegates);
    const char **names =
        agt__calloc(self->team->allocator, tool_count + agent_count + 1, sizeof(*names));
    if (names == NULL) {
        return AGT_E_NOMEM;
    }
    for (size_t i = 0; i < tool_count; i++) {
        names[used++] = agt_value_get_string(agt_value_get_item(tools, i), NULL);
    }
    for (size_t i = 0; i < agent_count; i++) {
        const char *other = has_all ? agt_value_get_key(self->agents, i, NULL)
                                    : agt_value_get_string(agt_value_get_item(delegates, i), NULL);
        if (!has_all || strcmp(other, name) != 0) {
            names[used++] = other;
        }
    }
    *ret_names = names;
    return AGT_OK;
}

static agt_status read_limits(const agt_value *limits, agt_agent_limits *ret_limits)
{
    uint64_t tokens = 0;
    ret_limits->struct_size = sizeof(*ret_limits);
    ret_limits->steps_max = agt__team_read_count(agt_value_get_member(limits, "steps"));
    ret_limits->tool_calls_max = agt__team_read_count(agt_value_get_member(limits, "tool_calls"));
    ret_limits->repeats_max = agt__team_read_count(agt_value_get_member(limits, "repeats"));
    if (agt_value_get_uint64(agt_value_get_member(limits, "tokens"), &tokens) == AGT_OK) {
        ret_limits->tokens_max = tokens;
    }
    agt_status status =
        agt__team_read_money(agt_value_get_member(limits, "cost"), &ret_limits->cost_max_nanousd);
    return status == AGT_OK
               ? agt__team_read_duration(agt_value_get_member(limits, "time"), &ret_limits->wall_ms)
               : status;
}

static bool has_name(const agt_value *list, const char *name)
{
    for (size_t i = 0; i < agt_value_get_count(list); i++) {
        if (strcmp(agt_value_get_string(agt_value_get_item(list, i), NULL), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether another agent delegates to the one of that name. */
static bool is_delegate(const maker *self, const char *name)
{
    for (size_t i = 0; i < agt_value_get_count(self->agents); i++) {
        const char *other = agt_value_get_key(self->agents, i, NULL);
        const agt_value *delegates =
            agt_value_get_member(agt_value_get_item(self->agents, i), "delegates");
        bool is_open = delegates == NULL && strcmp(other, self->lead) == 0;
        if (strcmp(other, name) != 0 && (is_open || has_name(delegates, name))) {
            return true;
        }
    }
    return false;
}

/* Make one agent, and a tool of it if others delegate to it. */
static agt_status build_agent(const maker *self, size_t number, agt_error *err)
{
    agt_team *team = self->team;
    const agt_value *agent = agt_value_get_item(self->agents, number);
    const char *name = agt_value_get_key(self->agents, number, NULL);
    const char **tools = NULL;
    agt_agent_config config = AGT_CONFIG(
        agt_agent_config, .name = name, .instructions = text_of(agent, "instructions"),
        .executor = team->executor, .output_schema = agt_value_get_member(agent, "output_schema"),
        .description = text_of(agent, "description"));
    config.model = agt__team_get_model(team, self->document, self->config, text_of(agent, "model"));
    agt_status status = read_limits(agt_value_get_member(agent, "limits"), &config.limits);
    if (status == AGT_OK) {
        status = list_tools(self, agent, name, &tools);
    }
    if (status != AGT_OK) {
        return fail(err, status);
    }
    config.tools = tools;
    status = agt_agent_new(team->runtime, &config, &team->agents[number], err);
    agt__free(team->allocator, tools);
    if (status == AGT_OK && is_delegate(self, name)) {
        status = agt_executor_register_agent(team->executor, name, team->agents[number], NULL, err);
    }
    return status;
}

static agt_status join_pool(const maker *self, size_t number, agt_error *err)
{
    static const char *const words[] = {"any",      "analyst", "researcher", "executor",
                                        "reviewer", "writer",  "manager"};
    agt_team *team = self->team;
    const agt_value *agent = agt_value_get_item(self->agents, number);
    const agt_value *list = agt_value_get_member(agent, "capabilities");
    const char *specialization = text_of(agent, "specialization");
    size_t count = agt_value_get_count(list);
    agt_member_config config = AGT_CONFIG(agt_member_config);
    config.capacity = agt__team_read_count(agt_value_get_member(agent, "capacity"));
    for (size_t i = 0; specialization != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(specialization, words[i]) == 0) {
            config.specialization = (int32_t)i;
        }
    }
    if (agt_value_get_double(agt_value_get_member(agent, "weight"), &config.weight) != AGT_OK) {
        config.weight = 0;
    }
    const char **capabilities = agt__calloc(team->allocator, count + 1, sizeof(*capabilities));
    if (capabilities == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    for (size_t i = 0; i < count; i++) {
        capabilities[i] = agt_value_get_string(agt_value_get_item(list, i), NULL);
    }
    config.capabilities = capabilities;
    agt_status status =
        agt_pool_register_agent(team->pool, agt_value_get_key(self->agents, number, NULL),
                                team->agents[number], &config, err);
    agt__free(team->allocator, capabilities);
    return status;
}

/* Do something for every agent in turn; what goes wrong gets the place of the agent. */
static agt_status for_each(const maker *self, const size_t *order,
                           agt_status (*fn)(const maker *self, size_t number, agt_error *err),
                           agt_error *err)
{
    for (size_t i = 0; i < self->team->agent_count; i++) {
        size_t number = order != NULL ? order[i] : i;
        agt_error cause = {0};
        agt_status status = fn(self, number, &cause);
        if (status == AGT_E_NOMEM) {
            return agt__error_nomem(err, ORIGIN);
        }
        if (status != AGT_OK) {
            char pointer[AGT__TEAM_POINTER_BYTES];
            agt__team_join(pointer, "/agents", agt_value_get_key(self->agents, number, NULL));
            return agt__team_wrap(self->document, pointer, &cause, err);
        }
    }
    return AGT_OK;
}

static agt_status build_all(const maker *self, agt_error *err)
{
    agt_team *team = self->team;
    const agt__team_links links = {self->agents, "delegates", self->lead};
    size_t *order = NULL, from = 0, item = 0;
    char cycle[256];
    agt_status status =
        agt__team_sort(team->allocator, &links, &order, cycle, sizeof(cycle), &from, &item);
    if (status != AGT_OK) {
        return fail(err, status);
    }
    status = for_each(self, order, build_agent, err);
    agt__free(team->allocator, order);
    if (status == AGT_OK) {
        status = agt_pool_new(team->runtime, team->name, &team->pool, err);
    }
    if (status == AGT_OK) {
        status = for_each(self, NULL, join_pool, err);
    }
    if (status == AGT_OK) {
        team->lead = team->agents[number_of(self->agents, self->lead)];
    }
    return status;
}

agt_status agt__team_build_agents(agt_team *team, const agt__document *document,
                                  const agt_team_config *config, agt_error *err)
{
    maker self = {.team = team,
                  .document = document,
                  .config = config,
                  .agents = agt_value_get_member(document->value, "agents"),
                  .lead = agt__team_get_lead(document->value)};
    size_t count = agt_value_get_count(self.agents);
    team->agents = agt__calloc(team->allocator, count, sizeof(agt_agent *));
    if (team->agents == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    team->agent_count = count;
    return build_all(&self, err);
}
