/*
 * Making a model that somebody serves: who that is, where, and with which key.
 *
 * Providers are a table: most servers speak one of three formats, so what sets them apart is an
 * address, a variable for the key, and what of the format they do not know.
 *
 * A key is looked for in the configuration, in a file, in the environment, in this order. It is
 * refused where it would go over the network without TLS. Its only copy of ours is wiped when the
 * model is freed.
 */
#include "llm/provider.h"

#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char origin[] = "llm/provider";

enum {
    max_output_tokens_default = 8192,
    timeout_ms_default = 600000,
    connect_timeout_ms_default = 10000,
    idle_timeout_ms_default = 300000,
    headers_max = 64
};

/* ---- who there is ----------------------------------------------------------------------------
 */

typedef struct known_provider {
    const char *name;
    const char *wire;
    const char *url;          /* NULL = the format's */
    const char *key_variable; /* NULL = none is sent, unless it is given */
    bool old_tokens;
    bool no_strict;
} known_provider;

static const known_provider known[] = {
    {"anthropic", "anthropic", NULL, "ANTHROPIC_API_KEY", false, false},
    {"openai", "openai", NULL, "OPENAI_API_KEY", false, false},
    {"openai-responses", "openai-responses", NULL, "OPENAI_API_KEY", false, false},
    {"gemini", "openai", "https://generativelanguage.googleapis.com/v1beta/openai",
     "GEMINI_API_KEY", false, true},
    {"mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", true, true},
    {"deepseek", "openai", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", true, true},
    {"groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY", false, true},
    {"openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", true, true},
    {"ollama", "openai", "http://127.0.0.1:11434/v1", NULL, true, true},
    {"llamacpp", "openai", "http://127.0.0.1:8080/v1", NULL, true, true},
    {"vllm", "openai", "http://127.0.0.1:8000/v1", NULL, true, true},
    {"compatible", "openai", "", NULL, true, true},
    {"compatible-anthropic", "anthropic", "", NULL, false, false},
    {"compatible-responses", "openai-responses", "", NULL, false, true},
};

const char *agt_provider_get_names(void)
{
    return "anthropic, openai, openai-responses, gemini, mistral, deepseek, groq, openrouter, "
           "ollama, llamacpp, vllm, compatible, compatible-anthropic, compatible-responses";
}

static const known_provider *find_known(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return &known[i];
        }
    }
    return NULL;
}

static const char *suggest_provider(const char *name)
{
    const char *names[sizeof(known) / sizeof(known[0])];
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        names[i] = known[i].name;
    }
    return name != NULL ? agt_names_suggest(name, names, sizeof(known) / sizeof(known[0])) : NULL;
}

const char *agt_provider_get_key_variable(const char *provider)
{
    const known_provider *who = find_known(provider);
    return who != NULL ? who->key_variable : NULL;
}

const char *agt_provider_find_key_variable(const char *provider)
{
    const known_provider *who = find_known(provider);
    if (who == NULL || who->key_variable == NULL) {
        return NULL;
    }
    const char *token = who->url == NULL ? agt__wire_find(who->wire)->token_variable : NULL;
    const char *key = secure_getenv(who->key_variable);
    if (key != NULL && key[0] != '\0') {
        return who->key_variable;
    }
    key = token != NULL ? secure_getenv(token) : NULL;
    return key != NULL && key[0] != '\0' ? token : NULL;
}

/* ---- secrets ---------------------------------------------------------------------------------
 */

void agt__redact(char *text, const char *secret)
{
    size_t length = secret != NULL ? strlen(secret) : 0;
    if (length < 4) {
        return; /* too short to be a secret, or to be told from other text */
    }
    for (char *at = strstr(text, secret); at != NULL; at = strstr(at + length, secret)) {
        memset(at, '*', length);
    }
}

/* A header value cannot hold these; a file often ends with one. */
static size_t get_key_length(const char *key)
{
    size_t length = strcspn(key, "\r\n");
    while (length > 0 && (key[length - 1] == ' ' || key[length - 1] == '\t')) {
        length--;
    }
    return length;
}

static agt_status set_key(agt__provider *provider, const char *key, const char *source,
                          agt_error *err)
{
    size_t length = get_key_length(key);
    if (length == 0 || length > AGT__KEY_BYTES_MAX) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "the key from %s %s: expected one line of 1 to %u bytes", source,
                              length == 0 ? "is empty" : "is too long", AGT__KEY_BYTES_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)key[i] <= ' ' || (unsigned char)key[i] == 0x7F) {
            return agt__error_set(err, AGT_E_INVALID, origin,
                                  "the key from %s has a space or a control character in it",
                                  source);
        }
    }
    provider->key = agt__alloc(provider->allocator, length + 1);
    if (provider->key == NULL) {
        return agt__error_nomem(err, origin);
    }
    memcpy(provider->key, key, length);
    provider->key[length] = '\0';
    provider->key_length = length;
    return AGT_OK;
}

static agt_status read_key_file(agt__provider *provider, const char *path, agt_error *err)
{
    char text[AGT__KEY_BYTES_MAX + 2];
    struct stat about;
    /* Without O_NONBLOCK a pipe that nobody writes to would be waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0) {
        agt_status status = agt__error_set_errno(err, AGT_E_IO, origin, errno,
                                                 "the key file %s cannot be opened", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    ssize_t size = S_ISREG(about.st_mode) ? read(fd, text, sizeof(text) - 1) : -1;
    (void)close(fd);
    if (size < 0) {
        return agt__error_set(err, AGT_E_IO, origin,
                              "the key file %s cannot be read: expected a regular file", path);
    }
    text[size] = '\0';
    agt_status status = set_key(provider, text, path, err);
    agt__wipe(text, sizeof(text));
    return status;
}

static bool is_this_machine(const char *url)
{
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    size_t length = strcspn(host, host[0] == '[' ? "]" : ":/?#");
    return (length == 9 && strncasecmp(host, "localhost", 9) == 0) ||
           (length >= 7 && strncmp(host, "127.", 4) == 0 &&
            strspn(host, "0123456789.") == length) ||
           (length == 4 && strncmp(host, "[::1", 4) == 0);
}

static agt_status find_key(agt__provider *provider, const known_provider *who,
                           const agt_provider_config *config, agt_error *err)
{
    const char *token = provider->wire->token_variable;
    if (config->get_key != NULL) {
        return AGT_OK;
    }
    if (config->api_key != NULL) {
        return set_key(provider, config->api_key, "api_key", err);
    }
    if (config->api_key_file != NULL) {
        return read_key_file(provider, config->api_key_file, err);
    }
    if (who->key_variable == NULL) {
        return AGT_OK;
    }
    const char *key = secure_getenv(who->key_variable);
    if (key != NULL && key[0] != '\0') {
        return set_key(provider, key, who->key_variable, err);
    }
    key = token != NULL && who->url == NULL ? secure_getenv(token) : NULL;
    if (key != NULL && key[0] != '\0') {
        provider->bearer = true;
        return set_key(provider, key, token, err);
    }
    if (is_this_machine(provider->url)) {
        return AGT_OK;
    }
    return agt__error_set(
        err, AGT_E_NOT_FOUND, origin,
        "there is no key for %s: set %s in the environment, or name a file that has "
        "it (api_key_file)",
        who->name, who->key_variable);
}

/* ---- where -----------------------------------------------------------------------------------
 */

static const char *find_base_url(const agt__wire *wire, const known_provider *who)
{
    if (who->url != NULL) {
        return who->url;
    }
    const char *given = wire->url_variable != NULL ? secure_getenv(wire->url_variable) : NULL;
    return given != NULL && given[0] != '\0' ? given : wire->default_url;
}

const char *agt_provider_get_base_url(const char *provider)
{
    const known_provider *who = find_known(provider);
    const char *url = who != NULL ? find_base_url(agt__wire_find(who->wire), who) : NULL;
    return url != NULL && url[0] != '\0' ? url : NULL;
}

/* The address of what stands at @path of the server. */
static agt_status make_url(agt__provider *provider, const known_provider *who, const char *base,
                           const char *below, agt_error *err)
{
    size_t length = strlen(base);
    if (length == 0) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "base_url is missing: \"%s\" is any server, so it has to say where "
                              "(such as http://127.0.0.1:8000/v1)",
                              who->name);
    }
    bool is_http = strncasecmp(base, "http://", 7) == 0 || strncasecmp(base, "https://", 8) == 0;
    if (!is_http || strpbrk(base, " \t\r\n?#") != NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "base_url \"%.100s\" is no base URL: expected http:// or https://, a "
                              "host and perhaps a path",
                              base);
    }
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    size_t path = strlen(below) + 1;
    provider->url = agt__alloc(provider->allocator, length + path);
    if (provider->url == NULL) {
        return agt__error_nomem(err, origin);
    }
    memcpy(provider->url, base, length);
    memcpy(provider->url + length, below, path);
    return AGT_OK;
}

static agt_status check_secrecy(const agt__provider *provider, const agt_provider_config *config,
                                agt_error *err)
{
    bool has_key = provider->key != NULL || config->get_key != NULL;
    if (!has_key || config->plain_http || strncasecmp(provider->url, "https://", 8) == 0 ||
        is_this_machine(provider->url)) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_DENIED, origin,
                          "the key would go to %.120s without TLS, readable on the way: use https, "
                          "or set plain_http if that is what you want",
                          provider->url);
}

/* ---- the rest --------------------------------------------------------------------------------
 */

static agt_status copy_headers(agt__provider *provider, const agt_provider_config *config,
                               agt_error *err)
{
    const agt_kv *own = provider->wire->headers;
    size_t own_count = 0;
    while (own != NULL && own[own_count].key != NULL) {
        own_count++;
    }
    if (config->headers_count > headers_max) {
        return agt__error_set(err, AGT_E_INVALID, origin, "%zu headers are too many: at most %d",
                              config->headers_count, headers_max);
    }
    size_t count = own_count + config->headers_count;
    provider->headers = agt__calloc(provider->allocator, count + 1, sizeof(*provider->headers));
    if (provider->headers == NULL) {
        return agt__error_nomem(err, origin);
    }
    for (size_t i = 0; i < count; i++) {
        const agt_kv *from = i < own_count ? &own[i] : &config->headers[i - own_count];
        char *key = agt__strdup(provider->allocator, from->key);
        char *value = agt__strdup(provider->allocator, from->value);
        provider->headers[provider->header_count++] = (agt_kv){key, value};
        if (key == NULL || value == NULL) {
            return agt__error_nomem(err, origin);
        }
    }
    return AGT_OK;
}

static agt_status copy_settings(agt__provider *provider, const known_provider *who,
                                const agt_provider_config *config, agt_error *err)
{
    if (config->extra != NULL && agt_value_get_kind(config->extra) != AGT_VALUE_OBJECT) {
        return agt__error_set(err, AGT_E_INVALID, origin, "extra is %s: expected an object",
                              agt_value_kind_get_name(agt_value_get_kind(config->extra)));
    }
    provider->model = agt__strdup(provider->allocator, config->model);
    if (config->effort != NULL) {
        provider->effort = agt__strdup(provider->allocator, config->effort);
    }
    if (provider->model == NULL || (config->effort != NULL && provider->effort == NULL)) {
        return agt__error_nomem(err, origin);
    }
    provider->extra = agt_value_ref(config->extra);
    provider->get_key = config->get_key;
    provider->user_data = config->user_data;
    provider->context_tokens = config->context_tokens;
    provider->connect_timeout_ms =
        config->connect_timeout_ms != 0 ? config->connect_timeout_ms : connect_timeout_ms_default;
    provider->idle_timeout_ms = config->idle_timeout_ms == AGT_MS_NONE ? 0
                                : config->idle_timeout_ms != 0         ? config->idle_timeout_ms
                                                                       : idle_timeout_ms_default;
    provider->settings.model = provider->model;
    provider->settings.max_output_tokens =
        config->max_output_tokens != 0 ? config->max_output_tokens : max_output_tokens_default;
    provider->settings.effort = provider->effort;
    provider->settings.extra = provider->extra;
    provider->settings.stream = !config->no_stream;
    provider->settings.cache = !config->no_cache;
    provider->settings.no_strict = config->no_strict || who->no_strict;
    provider->settings.old_tokens = who->old_tokens;
    return AGT_OK;
}

static agt_status set_recovery(agt__provider *provider, const agt_provider_config *config,
                               agt_error *err)
{
    const agt_retry otherwise = AGT_CONFIG(agt_retry, .jitter_percent = 25);
    agt_status status = agt__recovery_init(&provider->recovery,
                                           config->retry != NULL ? config->retry : &otherwise, err);
    if (status == AGT_OK && config->fallback != NULL) {
        provider->recovery.fallback =
            agt__operation_ref(agt__model_get_operation(config->fallback));
    }
    return status;
}

void agt__provider_free(agt__provider *provider)
{
    if (provider == NULL) {
        return;
    }
    const agt_allocator *allocator = provider->allocator;
    for (size_t i = 0; i < provider->header_count; i++) {
        /* A header of the program's own may be a credential too. */
        char *value = (char *)(uintptr_t)provider->headers[i].value;
        if (value != NULL) {
            agt__wipe(value, strlen(value));
        }
        agt__free(allocator, value);
        agt__free(allocator, (char *)(uintptr_t)provider->headers[i].key);
    }
    agt__free(allocator, provider->headers);
    if (provider->key != NULL) {
        agt__wipe(provider->key, provider->key_length);
    }
    agt__free(allocator, provider->key);
    agt__free(allocator, provider->url);
    agt__free(allocator, provider->model);
    agt__free(allocator, provider->effort);
    agt_value_unref(provider->extra);
    agt__recovery_deinit(&provider->recovery);
    (void)pthread_mutex_destroy(&provider->mutex);
    agt__free(allocator, provider);
}

static agt_status make_provider(const agt_allocator *allocator, const known_provider *who,
                                const agt_provider_config *config, bool lists_models,
                                agt__provider **ret_provider, agt_error *err)
{
    agt__provider *provider = agt__calloc(allocator, 1, sizeof(*provider));
    if (provider == NULL || pthread_mutex_init(&provider->mutex, NULL) != 0) {
        agt__free(allocator, provider);
        return agt__error_nomem(err, origin);
    }
    provider->allocator = allocator;
    provider->wire = agt__wire_find(who->wire);
    AGT_ASSERT(provider->wire != NULL);
    const agt__wire *wire = provider->wire;
    agt_status status = make_url(
        provider, who, config->base_url != NULL ? config->base_url : find_base_url(wire, who),
        lists_models ? wire->models_path : wire->path, err);
    if (status == AGT_OK) {
        status = find_key(provider, who, config, err);
    }
    if (status == AGT_OK) {
        status = check_secrecy(provider, config, err);
    }
    if (status == AGT_OK) {
        status = copy_settings(provider, who, config, err);
    }
    if (status == AGT_OK) {
        status = copy_headers(provider, config, err);
    }
    if (status == AGT_OK) {
        status = set_recovery(provider, config, err);
    }
    if (status != AGT_OK) {
        agt__provider_free(provider);
        return status;
    }
    *ret_provider = provider;
    return AGT_OK;
}

static agt_status fail_provider(const char *name, agt_error *err)
{
    const char *meant = suggest_provider(name);
    if (meant != NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "there is no provider \"%.60s\"; did you mean \"%s\"?", name, meant);
    }
    return agt__error_set(err, AGT_E_INVALID, origin,
                          "there is no provider \"%.60s\"; there are: %s", name != NULL ? name : "",
                          agt_provider_get_names());
}

agt_status agt__provider_new_for_list(const agt_allocator *allocator,
                                      const agt_provider_config *config,
                                      agt__provider **ret_provider, agt_error *err)
{
    const known_provider *who = find_known(config->provider);
    if (who == NULL) {
        return fail_provider(config->provider, err);
    }
    if (config->get_key != NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "get_key is for requests of models: a list needs api_key, "
                              "api_key_file or a variable");
    }
    agt_provider_config own = *config;
    own.model = "";
    return make_provider(allocator, who, &own, true, ret_provider, err);
}

agt_status agt_model_new_provider(agt_runtime *runtime, const agt_provider_config *config,
                                  agt_model **ret_model, agt_error *err)
{
    agt_provider_config own;
    if (runtime == NULL || config == NULL || ret_model == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "runtime, config and ret_model are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    const known_provider *who = find_known(own.provider);
    if (who == NULL) {
        return fail_provider(own.provider, err);
    }
    if (own.model == NULL || own.model[0] == '\0') {
        return agt__error_set(err, AGT_E_INVALID, origin, "model is missing: name one as %s does",
                              who->name);
    }
    agt__provider *provider = NULL;
    status = make_provider(agt_runtime_get_allocator(runtime), who, &own, false, &provider, err);
    if (status != AGT_OK) {
        return status;
    }
    agt_model *model = NULL;
    status = agt__model_new(runtime, own.model, who->name, &agt__provider_table, &model, err);
    if (status != AGT_OK) {
        agt__provider_free(provider);
        return status;
    }
    model->served = provider;
    model->operation.mode = AGT_TOOL_ASYNC;
    model->operation.timeout_ms = own.timeout_ms != 0 ? own.timeout_ms : timeout_ms_default;
    model->operation.recovery = &provider->recovery;
    model->max_output_tokens = provider->settings.max_output_tokens;
    agt__model_find_price(model, runtime);
    *ret_model = model;
    return AGT_OK;
}

/* ---- what is known of a model ----------------------------------------------------------------
 */

uint64_t agt_model_get_context_tokens(const agt_model *model)
{
    if (model == NULL) {
        return 0;
    }
    return model->served != NULL ? model->served->context_tokens : model->context_tokens;
}

agt_status agt_model_get_rate_limits(const agt_model *model, agt_rate_limits *ret_limits)
{
    if (model == NULL || ret_limits == NULL) {
        return AGT_E_INVALID;
    }
    agt_rate_limits limits = {.struct_size = sizeof(limits)};
    agt__provider *provider = model->served;
    if (provider != NULL) {
        (void)pthread_mutex_lock(&provider->mutex);
        limits = provider->limits;
        (void)pthread_mutex_unlock(&provider->mutex);
    }
    if (limits.received_unix_ns == 0) {
        return AGT_E_NOT_FOUND;
    }
    agt__report_write(ret_limits, &limits, sizeof(limits));
    return AGT_OK;
}
