/*
 * What can be wrong with a model in a team file.
 *
 * Two kinds of models share the members of one object, so which of them belong together is checked
 * here. Keys never stand in a file: files are committed, copied and shown. Somebody who tries is
 * told what to write instead, and nothing of what he wrote is repeated.
 */
#include "base/mem.h"
#include "team/team.h"

#include <stdio.h>
#include <string.h>

enum {
    NAMES_BYTES = 512,
    NAMES_MAX = 32
};

/* ---- before the schema -------------------------------------------------------------------- */

/* The providers of the library and "scripted", as pointers into @text. */
static size_t list_providers(char text[NAMES_BYTES], const char **names)
{
    size_t count = 0;
    (void)snprintf(text, NAMES_BYTES, "scripted, %s", agt_provider_get_names());
    for (char *at = text; at != NULL && count < NAMES_MAX;) {
        names[count++] = at;
        at = strstr(at, ", ");
        if (at != NULL) {
            *at = '\0';
            at += 2;
        }
    }
    return count;
}

static void check_provider(agt__team_check *check, const char *prefix, const char *provider)
{
    char text[NAMES_BYTES], pointer[AGT__TEAM_POINTER_BYTES];
    const char *names[NAMES_MAX];
    size_t count = list_providers(text, names);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], provider) == 0) {
            return;
        }
    }
    agt__team_join(pointer, prefix, "provider");
    const char *meant = agt_names_suggest(provider, names, count);
    if (meant != NULL) {
        agt__team_report_value(check, AGT_E_UNSUPPORTED, pointer,
                               "found the provider \"%.64s\"; did you mean \"%s\"?", provider,
                               meant);
    } else {
        agt__team_report_value(check, AGT_E_UNSUPPORTED, pointer,
                               "found the provider \"%.64s\", expected scripted, %s", provider,
                               agt_provider_get_names());
    }
}

void agt__team_check_providers(agt__team_check *check)
{
    const agt_value *models = agt_value_get_member(check->document->value, "models");
    if (agt_value_get_kind(models) != AGT_VALUE_OBJECT) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(models); i++) {
        const agt_value *model = agt_value_get_item(models, i);
        const char *provider = agt_value_get_string(agt_value_get_member(model, "provider"), NULL);
        char prefix[AGT__TEAM_POINTER_BYTES], pointer[AGT__TEAM_POINTER_BYTES];
        agt__team_join(prefix, "/models", agt_value_get_key(models, i, NULL));
        if (agt_value_get_member(model, "api_key") != NULL) {
            agt__team_join(pointer, prefix, "api_key");
            agt__team_report(check, AGT_E_DENIED, pointer,
                             "found a key in the file, expected api_key_env (the name of a "
                             "variable) or api_key_file: others read a file, too");
        }
        if (provider != NULL) {
            check_provider(check, prefix, provider);
        }
    }
}

/* ---- behind the schema -------------------------------------------------------------------- */

/* A scripted model has a script and nothing else. */
static void check_scripted(agt__team_check *check, const char *prefix, const agt_value *model)
{
    for (size_t i = 0; i < agt_value_get_count(model); i++) {
        const char *key = agt_value_get_key(model, i, NULL);
        if (strcmp(key, "provider") != 0 && strcmp(key, "script") != 0) {
            char pointer[AGT__TEAM_POINTER_BYTES];
            agt__team_join(pointer, prefix, key);
            agt__team_report(check, AGT_E_SCHEMA, pointer,
                             "found in a scripted model, expected only \"script\"");
        }
    }
    if (agt_value_get_member(model, "script") == NULL) {
        agt__team_report(check, AGT_E_SCHEMA, prefix,
                         "found no member \"script\", expected the name of a file, or a script "
                         "{version: 1, rules: [...]}");
    }
}

static void check_served(agt__team_check *check, const char *prefix, const agt_value *model)
{
    char pointer[AGT__TEAM_POINTER_BYTES];
    const char *provider = agt_value_get_string(agt_value_get_member(model, "provider"), NULL);
    if (agt_value_get_member(model, "script") != NULL) {
        agt__team_join(pointer, prefix, "script");
        agt__team_report(check, AGT_E_SCHEMA, pointer,
                         "found in a model of \"%s\", expected only with the provider \"scripted\"",
                         provider);
    }
    if (agt_value_get_member(model, "model") == NULL) {
        agt__team_report(check, AGT_E_SCHEMA, prefix,
                         "found no member \"model\", expected the name of a model, as its provider "
                         "writes it");
    }
    if (strncmp(provider, "compatible", 10) == 0 &&
        agt_value_get_member(model, "base_url") == NULL) {
        agt__team_report(check, AGT_E_SCHEMA, prefix,
                         "found no member \"base_url\", expected one: \"%s\" is any server, so it "
                         "has to say where",
                         provider);
    }
    if (agt_value_get_member(model, "api_key_env") != NULL &&
        agt_value_get_member(model, "api_key_file") != NULL) {
        agt__team_join(pointer, prefix, "api_key_file");
        agt__team_report(check, AGT_E_SCHEMA, pointer,
                         "found beside \"api_key_env\", expected one of them");
    }
}

agt_status agt__team_check_model(agt__team_check *check, const char *prefix, const agt_value *model)
{
    static const char *const durations[] = {"timeout", "connect_timeout", "idle_timeout", NULL};
    const char *provider = agt_value_get_string(agt_value_get_member(model, "provider"), NULL);
    char pointer[AGT__TEAM_POINTER_BYTES];
    if (strcmp(provider, "scripted") == 0) {
        check_scripted(check, prefix, model);
        return AGT_OK;
    }
    check_served(check, prefix, model);
    agt__team_check_durations(check, prefix, model, durations);
    agt__team_check_retry(check, prefix, model);
    agt__team_join(pointer, prefix, "headers");
    return agt__team_check_variables(check, pointer, agt_value_get_member(model, "headers"), false);
}
