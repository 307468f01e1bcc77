/*
 * The models of a team file.
 *
 * Only models that somebody uses are made: a key that is not there is no reason not to run a team
 * that does not need it. Used is what an agent names, and what is fallen back to from there; models
 * are made in the order in which everyone stands behind its fallback. Where a program only looks at
 * a team (agt_team_config.on_missing_key), all are made, and those without a key get one that fails
 * each request.
 *
 * Keys and headers are read here and handed to the model, which wipes its copy; ours is wiped too.
 */
#include "base/error.h"
#include "base/mem.h"
#include "team/team.h"

#include <stdlib.h>
#include <string.h>

#define ORIGIN "team/file"

enum {
    MODELS_NAMED_MAX = 64, /* that are looked at for a suggestion */
    NAME_BYTES = 128
};

/* What is needed while the models are made. */
typedef struct maker {
    agt_team *team;
    const agt__document *document;
    const agt_team_config *config;
    const agt_value *models;
} maker;

static const char *text_of(const agt_value *object, const char *member)
{
    return agt_value_get_string(agt_value_get_member(object, member), NULL);
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

/* ---- scripted ----------------------------------------------------------------------------- */

/* The script of a model: in the file, or in one of its own. */
static agt_status read_script(const agt_team *team, const agt_value *model, agt_value **ret_script,
                              agt_error *err)
{
    const agt_value *script = agt_value_get_member(model, "script");
    const char *name = agt_value_get_string(script, NULL);
    if (name == NULL) {
        *ret_script = agt_value_ref(script);
        return AGT_OK;
    }
    char *path = agt__team_resolve(team, name);
    if (path == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt__document document;
    agt__document_init(&document, team->allocator);
    agt_status status = agt__document_read(&document, path, err);
    if (status == AGT_OK) {
        *ret_script = agt_value_ref(document.value);
    }
    agt__document_deinit(&document);
    agt__free(team->allocator, path);
    return status;
}

static agt_status build_scripted(const agt_team *team, const agt_value *model,
                                 agt_model **ret_model, agt_error *err)
{
    agt_value *script = NULL;
    agt_error cause = {0};
    agt_status status = read_script(team, model, &script, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_model_new_scripted(team->runtime, script, ret_model, &cause);
    agt_value_unref(script);
    if (status == AGT_OK) {
        return AGT_OK;
    }
    const char *name = text_of(model, "script");
    return name != NULL ? agt__error_set(err, status, ORIGIN, "%s: %s", name, cause.message)
                        : agt__error_set(err, status, ORIGIN, "%s", cause.message);
}

/* ---- served ------------------------------------------------------------------------------- */

/* What the configuration of a model borrows while the model is made. */
typedef struct scratch {
    agt__buffer texts; /* values of headers, each with its NUL: perhaps secret */
    agt_kv *headers;
    char *key_file;
    agt_retry retry;
} scratch;

static void scratch_deinit(scratch *self, const agt_allocator *allocator)
{
    if (self->texts.bytes != NULL) {
        agt__wipe(self->texts.bytes, self->texts.size);
    }
    agt__buffer_deinit(&self->texts);
    agt__free(allocator, self->headers);
    agt__free(allocator, self->key_file);
}

/* Instead of a key that is not there: the team is only looked at. */
static agt_status get_no_key(void *user_data, const agt_tool_call *call, char *key, size_t size)
{
    (void)user_data;
    (void)call;
    (void)key;
    (void)size;
    return AGT_E_NOT_FOUND;
}

static agt_status read_flags(const agt_value *model, agt_provider_config *config)
{
    config->no_stream = !agt_value_get_bool(agt_value_get_member(model, "stream"), true);
    config->no_cache = !agt_value_get_bool(agt_value_get_member(model, "cache"), true);
    config->no_strict = !agt_value_get_bool(agt_value_get_member(model, "strict"), true);
    config->plain_http = agt_value_get_bool(agt_value_get_member(model, "plain_http"), false);
    uint64_t tokens = 0;
    if (agt_value_get_uint64(agt_value_get_member(model, "context_tokens"), &tokens) == AGT_OK) {
        config->context_tokens = tokens;
    }
    config->max_output_tokens =
        agt__team_read_count(agt_value_get_member(model, "max_output_tokens"));
    agt_status status =
        agt__team_read_duration(agt_value_get_member(model, "timeout"), &config->timeout_ms);
    if (status == AGT_OK) {
        status = agt__team_read_duration(agt_value_get_member(model, "connect_timeout"),
                                         &config->connect_timeout_ms);
    }
    if (status == AGT_OK) {
        status = agt__team_read_duration(agt_value_get_member(model, "idle_timeout"),
                                         &config->idle_timeout_ms);
    }
    return status;
}

/* The key of the file's own words; none of them: the model looks for it where it usually is. */
static agt_status find_key(const agt_team *team, const agt_value *model, scratch *room,
                           agt_provider_config *config, agt_error *err)
{
    const char *variable = text_of(model, "api_key_env"), *file = text_of(model, "api_key_file");
    if (variable != NULL) {
        config->api_key = secure_getenv(variable);
        return config->api_key != NULL && config->api_key[0] != '\0'
                   ? AGT_OK
                   : agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN,
                                    "there is no key for %s: the variable %s, which api_key_env "
                                    "names, is not set",
                                    config->provider, variable);
    }
    if (file == NULL) {
        return AGT_OK;
    }
    const char *home = secure_getenv("HOME");
    if (strncmp(file, "~/", 2) == 0 && home != NULL) {
        agt__buffer path;
        agt__buffer_init(&path, team->allocator, 0);
        agt__buffer_add_text(&path, home);
        agt__buffer_add_text(&path, file + 1);
        room->key_file = agt__strdup(team->allocator, agt__buffer_text(&path));
        agt_status status = path.status;
        agt__buffer_deinit(&path);
        if (status != AGT_OK) {
            return agt__error_nomem(err, ORIGIN);
        }
    } else {
        room->key_file = agt__team_resolve(team, file);
    }
    config->api_key_file = room->key_file;
    return room->key_file != NULL ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

/* The text of @headers with their variables. */
static agt_status read_headers(const agt_team *team, const agt_value *headers, scratch *room,
                               agt_provider_config *config, agt_error *err)
{
    char missing[NAME_BYTES];
    agt_status status =
        agt__team_expand_headers(team->allocator, headers, &room->texts, &room->headers, missing);
    if (status == AGT_E_NOT_FOUND) {
        return agt__error_set(err, status, ORIGIN,
                              "headers: the variable %s is not set; ${%s:-otherwise} would do "
                              "without it",
                              missing, missing);
    }
    if (status != AGT_OK) {
        return status == AGT_E_NOMEM
                   ? agt__error_nomem(err, ORIGIN)
                   : agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    config->headers = room->headers;
    config->headers_count = agt_value_get_count(headers);
    return AGT_OK;
}

static agt_status build_served(const agt_team *team, const agt_value *model, agt_model *fallback,
                               bool without_key, agt_model **ret_model, agt_error *err)
{
    scratch room = {.headers = NULL};
    const agt_value *retry = agt_value_get_member(model, "retry");
    agt_provider_config config = AGT_CONFIG(
        agt_provider_config, .provider = text_of(model, "provider"),
        .model = text_of(model, "model"), .base_url = text_of(model, "base_url"),
        .effort = text_of(model, "effort"), .extra = agt_value_get_member(model, "extra"),
        .fallback = fallback, .get_key = without_key ? get_no_key : NULL);
    agt__buffer_init(&room.texts, team->allocator, 0);
    agt_status status = read_flags(model, &config);
    if (status == AGT_OK && retry != NULL) {
        status = agt__team_read_retry(retry, &room.retry);
        config.retry = &room.retry;
    }
    if (status != AGT_OK) {
        (void)agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    if (status == AGT_OK && !without_key) {
        status = find_key(team, model, &room, &config, err);
    }
    if (status == AGT_OK && !without_key) {
        status = read_headers(team, agt_value_get_member(model, "headers"), &room, &config, err);
    }
    if (status == AGT_OK) {
        status = agt_model_new_provider(team->runtime, &config, ret_model, err);
    }
    scratch_deinit(&room, team->allocator);
    return status;
}

/* ---- all of them -------------------------------------------------------------------------- */

/* Whether nothing but a key, or a variable of a header, is missing here. */
static bool is_missing_key(agt_status status)
{
    return status == AGT_E_NOT_FOUND || status == AGT_E_IO;
}

static agt_status build_model(const maker *self, size_t number, agt_error *err)
{
    agt_team *team = self->team;
    const agt_value *model = agt_value_get_item(self->models, number);
    const char *fallback = text_of(model, "fallback");
    agt_model *other = fallback != NULL ? team->models[number_of(self->models, fallback)] : NULL;
    char pointer[AGT__TEAM_POINTER_BYTES];
    agt_error cause = {0};
    agt_status status;
    agt__team_join(pointer, "/models", agt_value_get_key(self->models, number, NULL));
    if (strcmp(text_of(model, "provider"), "scripted") == 0) {
        status = build_scripted(team, model, &team->models[number], &cause);
    } else {
        status = build_served(team, model, other, false, &team->models[number], &cause);
        if (is_missing_key(status) && self->config->on_missing_key != NULL) {
            agt_error said = {0};
            (void)agt__team_wrap(self->document, pointer, &cause, &said);
            self->config->on_missing_key(self->config->user_data, &said);
            status = build_served(team, model, other, true, &team->models[number], &cause);
        }
    }
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, ORIGIN);
    }
    return status == AGT_OK ? AGT_OK : agt__team_wrap(self->document, pointer, &cause, err);
}

/* Mark a model and what it falls back to; the file has no cycles. */
static void need(const maker *self, const char *name, bool *needed)
{
    while (name != NULL) {
        size_t number = number_of(self->models, name);
        needed[number] = true;
        name = text_of(agt_value_get_item(self->models, number), "fallback");
    }
}

static void mark_needed(const maker *self, bool *needed)
{
    const agt_value *agents = agt_value_get_member(self->document->value, "agents");
    if (self->config->on_missing_key != NULL) {
        memset(needed, true, self->team->model_count);
    } else if (self->config->model != NULL) {
        need(self, self->config->model, needed);
    }
    for (size_t i = 0; self->config->model == NULL && i < agt_value_get_count(agents); i++) {
        const char *name = text_of(agt_value_get_item(agents, i), "model");
        need(self, name != NULL ? name : agt_value_get_key(self->models, 0, NULL), needed);
    }
}

static agt_status build_needed(const maker *self, const size_t *order, const bool *needed,
                               agt_error *err)
{
    for (size_t i = 0; i < self->team->model_count; i++) {
        agt_status status = needed[order[i]] ? build_model(self, order[i], err) : AGT_OK;
        if (status != AGT_OK) {
            return status;
        }
        if (needed[order[i]] && !agt_model_is_simulated(self->team->models[order[i]])) {
            self->team->is_simulated = false;
        }
    }
    return AGT_OK;
}

static agt_status fail_model(const agt_value *models, const char *model, agt_error *err)
{
    const char *names[MODELS_NAMED_MAX];
    size_t count = agt_value_get_count(models);
    count = count < MODELS_NAMED_MAX ? count : MODELS_NAMED_MAX;
    for (size_t i = 0; i < count; i++) {
        names[i] = agt_value_get_key(models, i, NULL);
    }
    const char *meant = agt_names_suggest(model, names, count);
    if (meant == NULL && count > 0) { /* or else the first, as an example of what there is */
        return agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN,
                              "the team file has no model \"%.64s\", but for example \"%.64s\"; "
                              "any other model is PROVIDER/NAME",
                              model, names[0]);
    }
    return agt__error_set(err, AGT_E_NOT_FOUND, ORIGIN,
                          "the team file has no model \"%.64s\"%s%.64s%s", model,
                          meant != NULL ? "; did you mean \"" : "", meant != NULL ? meant : "",
                          meant != NULL ? "\"?" : "");
}

/* PROVIDER/NAME: a model that the file does not know, for all agents. */
static agt_status build_other(const maker *self, agt_error *err)
{
    agt_team *team = self->team;
    const char *slash = strchr(self->config->model, '/');
    char provider[NAME_BYTES];
    size_t length = (size_t)(slash - self->config->model);
    length = length < sizeof(provider) ? length : sizeof(provider) - 1;
    memcpy(provider, self->config->model, length);
    provider[length] = '\0';
    team->models = agt__calloc(team->allocator, 1, sizeof(*team->models));
    if (team->models == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    team->model_count = 1;
    const agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = provider, .model = slash + 1,
                   .base_url = self->config->base_url);
    return agt_model_new_provider(team->runtime, &config, &team->models[0], err);
}

agt_status agt__team_build_models(agt_team *team, const agt__document *document,
                                  const agt_team_config *config, agt_error *err)
{
    const maker self = {team, document, config, agt_value_get_member(document->value, "models")};
    const char *model = config->model;
    if (model != NULL && strchr(model, '/') != NULL) {
        return build_other(&self, err);
    }
    if (config->base_url != NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "base_url goes with a model of the form PROVIDER/NAME only");
    }
    if (model != NULL && agt_value_get_member(self.models, model) == NULL) {
        return fail_model(self.models, model, err);
    }
    const agt__team_links links = {self.models, "fallback", NULL};
    size_t *order = NULL, from = 0, item = 0;
    char cycle[256];
    team->is_simulated = true;
    size_t count = agt_value_get_count(self.models);
    team->models = agt__calloc(team->allocator, count, sizeof(*team->models));
    bool *needed = agt__calloc(team->allocator, count, sizeof(*needed));
    agt_status status =
        team->models != NULL && needed != NULL
            ? agt__team_sort(team->allocator, &links, &order, cycle, sizeof(cycle), &from, &item)
            : AGT_E_NOMEM;
    if (status == AGT_OK) {
        team->model_count = count;
        mark_needed(&self, needed);
        status = build_needed(&self, order, needed, err);
    } else {
        (void)agt__error_nomem(err, ORIGIN); /* cycles were found before */
    }
    agt__free(team->allocator, order);
    agt__free(team->allocator, needed);
    return status;
}

agt_model *agt__team_get_model(const agt_team *team, const agt__document *document,
                               const agt_team_config *config, const char *name)
{
    const agt_value *models = agt_value_get_member(document->value, "models");
    if (config->model != NULL && strchr(config->model, '/') != NULL) {
        return team->models[0];
    }
    name = config->model != NULL ? config->model : name;
    return team->models[name != NULL ? number_of(models, name) : 0];
}
