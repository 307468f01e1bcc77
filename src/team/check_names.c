/*
 * The names in a team file that refer to something: models, tools and agents that agents use, tools
 * that tools depend on, the lead. Each has to be there, and nobody may come to itself in the end.
 */
#include "base/mem.h"
#include "team/team.h"

#include <stdio.h>
#include <string.h>

enum {
    SUGGESTIONS_MAX = 256 /* names that are looked at for "did you mean" */
};

const char *agt__team_get_lead(const agt_value *document)
{
    const agt_value *agents = agt_value_get_member(document, "agents");
    const agt_value *lead = agt_value_get_member(agt_value_get_member(document, "team"), "lead");
    if (lead != NULL) {
        return agt_value_get_string(lead, NULL);
    }
    return agt_value_get_count(agents) == 1 ? agt_value_get_key(agents, 0, NULL) : NULL;
}

static const agt_value *get_section(const agt__team_check *check, const char *name)
{
    return agt_value_get_member(check->document->value, name);
}

/* The names that could have been meant, those of the program's tools behind those of the file. */
static size_t list_names(const agt__team_check *check, const char *section, const char **names)
{
    const agt_value *entries = get_section(check, section);
    size_t count = 0;
    for (size_t i = 0; i < agt_value_get_count(entries) && count < SUGGESTIONS_MAX; i++) {
        names[count++] = agt_value_get_key(entries, i, NULL);
    }
    if (check->executor != NULL && strcmp(section, "tools") == 0) {
        size_t tools = agt_executor_get_tool_count(check->executor);
        for (size_t i = 0; i < tools && count < SUGGESTIONS_MAX; i++) {
            names[count++] = agt_tool_get_name(agt_executor_get_tool_at(check->executor, i));
        }
    }
    return count;
}

static bool is_known(const agt__team_check *check, const char *section, const char *name)
{
    return agt_value_get_member(get_section(check, section), name) != NULL ||
           (check->executor != NULL && strcmp(section, "tools") == 0 &&
            agt_executor_get_tool(check->executor, name) != NULL);
}

/* Report the name at @pointer if there is no such @what in the section. */
static void check_name(agt__team_check *check, const char *pointer, const char *section,
                       const char *what, const char *name)
{
    if (is_known(check, section, name)) {
        return;
    }
    const char *names[SUGGESTIONS_MAX];
    size_t count = list_names(check, section, names), used = 0;
    const char *meant = agt_names_suggest(name, names, count);
    if (meant != NULL) {
        agt__team_report_value(check, AGT_E_NOT_FOUND, pointer,
                               "found the unknown %s \"%s\"; did you mean \"%s\"?", what, name,
                               meant);
        return;
    }
    char list[160] = "";
    for (size_t i = 0; i < count && used + 1 < sizeof(list); i++) {
        int written =
            snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "", names[i]);
        used += written > 0 ? (size_t)written : 0;
    }
    agt__team_report_value(check, AGT_E_NOT_FOUND, pointer,
                           "found the unknown %s \"%s\", expected one of those in the file%s%s",
                           what, name, count > 0 ? ": " : " (it has none)", list);
}

/* Report the names of a list that nothing in @section has. */
static void check_list(agt__team_check *check, const char *prefix, const agt_value *entry,
                       const char *member, const char *section, const char *what)
{
    const agt_value *list = agt_value_get_member(entry, member);
    for (size_t i = 0; i < agt_value_get_count(list); i++) {
        char pointer[AGT__TEAM_POINTER_BYTES];
        const char *name = agt_value_get_string(agt_value_get_item(list, i), NULL);
        (void)snprintf(pointer, sizeof(pointer), "%s/%s/%zu", prefix, member, i);
        check_name(check, pointer, section, what, name);
    }
}

static agt_status check_cycle(agt__team_check *check, const agt__team_links *links,
                              const char *section)
{
    size_t *order = NULL, from = 0, item = 0;
    char cycle[256], pointer[AGT__TEAM_POINTER_BYTES];
    agt_status status = agt__team_sort(check->document->allocator, links, &order, cycle,
                                       sizeof(cycle), &from, &item);
    if (status == AGT_E_CYCLE) {
        const agt_value *list =
            agt_value_get_member(agt_value_get_item(links->section, from), links->member);
        int length = snprintf(pointer, sizeof(pointer), "/%s/%s/%s", section,
                              agt_value_get_key(links->section, from, NULL), links->member);
        if (agt_value_get_kind(list) != AGT_VALUE_STRING) {
            (void)snprintf(pointer + length, sizeof(pointer) - (size_t)length, "/%zu", item);
        }
        agt__team_report_value(check, AGT_E_CYCLE, pointer, "found the cycle %s, expected an order",
                               cycle);
        return AGT_OK;
    }
    agt__free(check->document->allocator, order);
    return status;
}

static void check_models(agt__team_check *check)
{
    const agt_value *agents = get_section(check, "agents");
    size_t models = agt_value_get_count(get_section(check, "models"));
    for (size_t i = 0; i < agt_value_get_count(agents); i++) {
        const agt_value *model = agt_value_get_member(agt_value_get_item(agents, i), "model");
        char pointer[AGT__TEAM_POINTER_BYTES];
        const char *name = agt_value_get_key(agents, i, NULL);
        if (model != NULL) {
            (void)snprintf(pointer, sizeof(pointer), "/agents/%s/model", name);
            check_name(check, pointer, "models", "model", agt_value_get_string(model, NULL));
        } else if (models > 1) {
            agt__team_join(pointer, "/agents", name);
            agt__team_report(check, AGT_E_SCHEMA, pointer,
                             "found no member \"model\", expected the name of one of the %zu "
                             "models",
                             models);
        }
    }
}

static void check_fallbacks(agt__team_check *check)
{
    const agt_value *models = get_section(check, "models");
    for (size_t i = 0; i < agt_value_get_count(models); i++) {
        const agt_value *fallback = agt_value_get_member(agt_value_get_item(models, i), "fallback");
        if (fallback != NULL) {
            char pointer[AGT__TEAM_POINTER_BYTES];
            (void)snprintf(pointer, sizeof(pointer), "/models/%s/fallback",
                           agt_value_get_key(models, i, NULL));
            check_name(check, pointer, "models", "model", agt_value_get_string(fallback, NULL));
        }
    }
}

/* An agent others delegate to is a tool to them: one name cannot be both. */
static void check_agent_names(agt__team_check *check)
{
    const agt_value *agents = get_section(check, "agents");
    for (size_t i = 0; i < agt_value_get_count(agents); i++) {
        const char *name = agt_value_get_key(agents, i, NULL);
        if (is_known(check, "tools", name)) {
            char pointer[AGT__TEAM_POINTER_BYTES];
            agt__team_join(pointer, "/agents", name);
            agt__team_report(check, AGT_E_EXISTS, pointer,
                             "found the name of a tool, expected another: agents are tools to "
                             "each other");
        }
    }
}

static void check_lead(agt__team_check *check)
{
    const agt_value *lead = agt_value_get_member(get_section(check, "team"), "lead");
    size_t agents = agt_value_get_count(get_section(check, "agents"));
    if (lead != NULL) {
        check_name(check, "/team/lead", "agents", "agent", agt_value_get_string(lead, NULL));
    } else if (agents > 1) {
        bool has_team = get_section(check, "team") != NULL;
        agt__team_report(check, AGT_E_SCHEMA, has_team ? "/team" : "/agents",
                         "found %zu agents and no \"lead\" in \"team\", expected one of them there",
                         agents);
    }
}

agt_status agt__team_check_names(agt__team_check *check)
{
    const agt_value *tools = get_section(check, "tools"), *agents = get_section(check, "agents");
    char prefix[AGT__TEAM_POINTER_BYTES];
    for (size_t i = 0; i < agt_value_get_count(tools); i++) {
        agt__team_join(prefix, "/tools", agt_value_get_key(tools, i, NULL));
        check_list(check, prefix, agt_value_get_item(tools, i), "depends_on", "tools", "tool");
    }
    check_models(check);
    check_fallbacks(check);
    for (size_t i = 0; i < agt_value_get_count(agents); i++) {
        agt__team_join(prefix, "/agents", agt_value_get_key(agents, i, NULL));
        check_list(check, prefix, agt_value_get_item(agents, i), "tools", "tools", "tool");
        check_list(check, prefix, agt_value_get_item(agents, i), "delegates", "agents", "agent");
    }
    check_agent_names(check);
    check_lead(check);
    const agt__team_links needs = {tools, "depends_on", NULL};
    agt_status status = check_cycle(check, &needs, "tools");
    if (status == AGT_OK) {
        const agt__team_links fallbacks = {get_section(check, "models"), "fallback", NULL};
        status = check_cycle(check, &fallbacks, "models");
    }
    if (status == AGT_OK) {
        const agt__team_links delegates = {agents, "delegates",
                                           agt__team_get_lead(check->document->value)};
        status = check_cycle(check, &delegates, "agents");
    }
    return status;
}
