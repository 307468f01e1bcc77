/*
 * Which models a provider serves.
 *
 * The list is fetched by an HTTP tool of an executor of its own: timeouts, retries, cancelling and
 * the limits of answers are the same as for any tool. The lists of servers look much alike, an
 * object with an array "data"; what they call the same differently is named here.
 *
 * Threads: the caller's waits; whatever is made lives for the time of the call.
 */
#include "llm/provider.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "llm/wire.h"

#include <stdlib.h>
#include <string.h>

static const char origin[] = "llm/provider";

enum {
    models_max = 10000,
    response_bytes_max = 16 << 20,
    timeout_ms_default = 30000,
    key_room = AGT__KEY_BYTES_MAX + 16
};

/* ---- the request ------------------------------------------------------------------------------
 */

/* The URL as that of an HTTP tool, where braces are holes; all models at once where they would come
 * in pages. */
static agt_status write_url(const agt__provider *provider, agt__buffer *url)
{
    for (const char *at = provider->url; *at != '\0'; at++) {
        agt__buffer_add(url, *at == '{' ? "{{" : at, *at == '{' ? 2 : 1);
    }
    if (provider->wire == &agt__wire_anthropic) {
        agt__buffer_add_text(url, "?limit=1000");
    }
    return url->status;
}

static agt_status register_list(agt_executor *executor, const agt__provider *provider,
                                const agt_provider_config *config, agt_error *err)
{
    const agt_tool_config tool =
        AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE, .retry = &provider->recovery.retry,
                   .timeout_ms = config->timeout_ms != 0 ? config->timeout_ms : timeout_ms_default);
    agt_http_tool http = AGT_CONFIG(agt_http_tool);
    bool is_bearer = provider->wire->key_header == NULL || provider->bearer;
    char key[key_room];
    size_t count = 0;
    agt__buffer url;
    agt__buffer_init(&url, provider->allocator, 0);
    agt_kv *headers =
        agt__calloc(provider->allocator, provider->header_count + 1, sizeof(*headers));
    if (headers == NULL || write_url(provider, &url) != AGT_OK) {
        agt__free(provider->allocator, headers);
        agt__buffer_deinit(&url);
        return agt__error_nomem(err, origin);
    }
    if (provider->key != NULL) {
        agt__copy_text(key, sizeof(key), is_bearer ? "Bearer " : "");
        agt__copy_text(key + strlen(key), sizeof(key) - strlen(key), provider->key);
        headers[count++] = (agt_kv){is_bearer ? "Authorization" : provider->wire->key_header, key};
    }
    for (size_t i = 0; i < provider->header_count; i++) {
        headers[count++] = provider->headers[i];
    }
    http.request = (agt_http_request){.struct_size = sizeof(http.request),
                                      .method = "GET",
                                      .url = agt__buffer_text(&url),
                                      .headers = headers,
                                      .headers_count = count,
                                      .connect_timeout_ms = provider->connect_timeout_ms,
                                      .response_bytes_max = response_bytes_max};
    agt_status status = agt_executor_register_http(executor, "models", &http, &tool, err);
    agt__wipe(key, sizeof(key));
    agt__free(provider->allocator, headers);
    agt__buffer_deinit(&url);
    return status;
}

/* What the server answered, to be dropped; an HTTP status in the words of models. */
static agt_status fetch(agt_executor *executor, const agt__provider *provider,
                        agt_value **ret_answer, agt_error *err)
{
    const agt_input input = {"models", NULL};
    agt_results *results = NULL;
    agt_error cause = {.status = AGT_OK};
    agt_status status = agt_executor_execute_parallel(executor, &input, 1, &results, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_results_get_error(results, 0, &cause);
    if (status == AGT_OK) {
        *ret_answer = agt_value_ref(agt_results_get_output(results, 0));
    } else if (cause.cause >= 400 && cause.cause <= 599) {
        agt_error said = {.status = AGT_OK};
        agt__wire_set_error(&said, cause.cause, NULL, NULL);
        status = agt__error_set(err, (agt_status)said.status, origin, "%s: %s", provider->url,
                                said.message);
    } else {
        agt__redact(cause.message, provider->key);
        status = agt__error_set(err, (agt_status)cause.status, origin, "%s", cause.message);
    }
    agt_results_unref(results);
    return status;
}

/* ---- the answer -------------------------------------------------------------------------------
 */

/* The first member of @model among @names that is a text that is not empty. */
static const char *find_text(const agt_value *model, const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *text = agt_value_get_string(agt_value_get_member(model, *names), NULL);
        if (text != NULL && text[0] != '\0') {
            return text;
        }
    }
    return NULL;
}

static uint64_t find_number(const agt_value *model, const char *const *names)
{
    uint64_t number = 0;
    for (; *names != NULL; names++) {
        if (agt_value_get_uint64(agt_value_get_member(model, *names), &number) == AGT_OK &&
            number > 0) {
            return number;
        }
    }
    return 0;
}

static void write_model(agt_value_builder *builder, const agt_value *model)
{
    static const char *const names[] = {"display_name", "name", NULL};
    static const char *const sizes[] = {"context_length",     "context_window",   "max_model_len",
                                        "max_context_length", "max_input_tokens", NULL};
    const char *id = agt_value_get_string(agt_value_get_member(model, "id"), NULL);
    const char *name = find_text(model, names);
    uint64_t context = find_number(model, sizes);
    agt_value_builder_begin_object(builder);
    agt_value_builder_key(builder, "id");
    agt_value_builder_string(builder, id);
    if (name != NULL) {
        agt_value_builder_key(builder, "name");
        agt_value_builder_string(builder, name);
    }
    if (context != 0) {
        agt_value_builder_key(builder, "context_tokens");
        agt_value_builder_uint64(builder, context);
    }
    agt_value_builder_end(builder);
}

static int compare(const void *left, const void *right)
{
    const agt_value *const *a = left, *const *b = right;
    return strcmp(agt_value_get_string(agt_value_get_member(*a, "id"), NULL),
                  agt_value_get_string(agt_value_get_member(*b, "id"), NULL));
}

/* The models of @list that have an id, sorted, as this library words it. */
static agt_status write_models(const agt_allocator *allocator, const agt_value *list,
                               agt_value **ret_models)
{
    size_t count = agt_value_get_count(list), used = 0;
    agt_value_builder *builder = NULL;
    agt_value *models = NULL;
    count = count < models_max ? count : models_max;
    const agt_value **items = agt__calloc(allocator, count + 1, sizeof(*items));
    agt_status status = items != NULL ? agt_value_builder_new(allocator, &builder) : AGT_E_NOMEM;
    if (status != AGT_OK) {
        agt__free(allocator, items);
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        const agt_value *model = agt_value_get_item(list, i);
        if (agt_value_get_string(agt_value_get_member(model, "id"), NULL) != NULL) {
            items[used++] = model;
        }
    }
    qsort(items, used, sizeof(const agt_value *), compare);
    agt_value_builder_begin_array(builder);
    for (size_t i = 0; i < used; i++) {
        write_model(builder, items[i]);
    }
    agt_value_builder_end(builder);
    status = agt_value_builder_finish(builder, &models, NULL);
    agt_value_builder_free(builder);
    agt__free(allocator, items);
    if (status == AGT_OK) {
        status = agt_value_with_taint(allocator, models, ret_models);
        agt_value_unref(models);
    }
    return status;
}

static agt_status list_models(agt_runtime *runtime, const agt__provider *provider,
                              const agt_provider_config *config, agt_value **ret_models,
                              agt_error *err)
{
    agt_executor *executor = NULL;
    agt_value *answer = NULL;
    agt_status status = agt_executor_new(runtime, NULL, &executor, err);
    if (status == AGT_OK) {
        status = register_list(executor, provider, config, err);
    }
    if (status == AGT_OK) {
        status = fetch(executor, provider, &answer, err);
    }
    agt_executor_unref(executor);
    if (status != AGT_OK) {
        return status;
    }
    const agt_value *list = agt_value_get_member(answer, "data");
    if (agt_value_get_kind(list) != AGT_VALUE_ARRAY) {
        status = agt__error_set(err, AGT_E_MODEL, origin,
                                "%s answered with something that is no list of models: is the base "
                                "URL right?",
                                provider->url);
    } else if (write_models(provider->allocator, list, ret_models) != AGT_OK) {
        status = agt__error_nomem(err, origin);
    }
    agt_value_unref(answer);
    return status;
}

agt_status agt_provider_list_models(agt_runtime *runtime, const agt_provider_config *config,
                                    agt_value **ret_models, agt_error *err)
{
    agt_provider_config own;
    agt__provider *provider = NULL;
    if (runtime == NULL || config == NULL || ret_models == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "runtime, config and ret_models are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        status =
            agt__provider_new_for_list(agt_runtime_get_allocator(runtime), &own, &provider, err);
    }
    if (status == AGT_OK) {
        status = list_models(runtime, provider, &own, ret_models, err);
    }
    agt__provider_free(provider);
    return status;
}
