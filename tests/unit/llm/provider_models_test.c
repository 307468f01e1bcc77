/* The models a provider serves: what is asked, and what is made of the lists of different servers.
 */
#include "support/test.h"

#include "agent_sdk/llm.h"
#include "runtime/runtime.h"
#include "support/script_io.h"
#include "support/torture.h"

#include <string.h>

#define KEY "sk-secret-0123456789"

static const agt_kv is_json[] = {{"content-type", "application/json"}};

/* Ask a provider whose server answers @body. The network is @io's. */
static agt_status ask(agt_test_io *io, const agt_allocator *allocator,
                      const agt_provider_config *config, int32_t http_status, const char *body,
                      agt_value **ret_models, agt_error *err)
{
    agt_runtime *runtime = NULL;
    agt_test_io_init(io);
    io->http = (agt_test_http_script){
        .status = http_status, .headers = is_json, .headers_count = 1, .body = body};
    const agt_runtime_config settings =
        AGT_CONFIG(agt_runtime_config, .allocator = allocator, .simulated = true, .io = &io->table);
    agt_status status = agt_runtime_new(&settings, &runtime, err);
    if (status == AGT_OK) {
        io->loop = runtime->loop;
        io->allocator = runtime->allocator;
        status = agt_provider_list_models(runtime, config, ret_models, err);
        agt_runtime_free(runtime);
    }
    return status;
}

static void expect_models(const agt_provider_config *config, const char *body, const char *json)
{
    agt_test_io io;
    agt_value *models = NULL, *text = NULL;
    agt_error error = {0};
    if (ask(&io, NULL, config, 200, body, &models, &error) != AGT_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(agt_value_is_tainted(models));
    assert_int_equal(agt_value_to_json(NULL, models, AGT_JSON_COMPACT, &text), AGT_OK);
    assert_string_equal(agt_value_get_string(text, NULL), json);
    agt_value_unref(text);
    agt_value_unref(models);
}

static void lists_of_servers_become_one(void **state)
{
    (void)state;
    const agt_provider_config openai =
        AGT_CONFIG(agt_provider_config, .provider = "openai", .api_key = KEY);
    const agt_provider_config any = AGT_CONFIG(agt_provider_config, .provider = "compatible",
                                               .base_url = "http://localhost:1/v1");
    expect_models(
        &openai,
        "{\"object\":\"list\",\"data\":[{\"id\":\"b\",\"object\":\"model\"},{\"id\":\"a\","
        "\"created\":1}]}",
        "[{\"id\":\"a\"},{\"id\":\"b\"}]");
    expect_models(&any,
                  "{\"data\":[{\"id\":\"x\",\"name\":\"X\",\"context_length\":4096},"
                  "{\"id\":\"y\",\"max_model_len\":8},{\"name\":\"none\"},7,{\"id\":null}]}",
                  "[{\"id\":\"x\",\"name\":\"X\",\"context_tokens\":4096},"
                  "{\"id\":\"y\",\"context_tokens\":8}]");
    expect_models(&any, "{\"data\":[]}", "[]");
}

static void what_is_asked(void **state)
{
    (void)state;
    agt_test_io io;
    agt_value *models = NULL;
    agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = "anthropic", .api_key = KEY,
                   .base_url = "https://gateway.example/a{b}");
    assert_int_equal(ask(&io, NULL, &config, 200, "{\"data\":[]}", &models, NULL), AGT_OK);
    agt_value_unref(models);
    assert_string_equal(io.method, "GET");
    assert_string_equal(io.url, "https://gateway.example/a{b}/v1/models?limit=1000");
    assert_non_null(strstr(io.headers, "[x-api-key: " KEY "]"));
    assert_non_null(strstr(io.headers, "[anthropic-version: "));
    config.provider = "openai";
    assert_int_equal(ask(&io, NULL, &config, 200, "{\"data\":[]}", &models, NULL), AGT_OK);
    agt_value_unref(models);
    assert_non_null(strstr(io.headers, "[Authorization: Bearer " KEY "]"));
}

static agt_status no_key(void *user_data, const agt_tool_call *call, char *key, size_t size)
{
    (void)user_data;
    (void)call;
    (void)key;
    (void)size;
    return AGT_E_NOT_FOUND;
}

static void what_goes_wrong(void **state)
{
    (void)state;
    static const struct {
        int32_t http_status;
        const char *body;
        agt_status status;
        const char *message;
    } cases[] = {
        {401, "{\"error\": \"" KEY "\"}", AGT_E_HTTP, "HTTP 401: the key was refused"},
        {404, "{}", AGT_E_HTTP, "HTTP 404: nothing is there"},
        {200, "[]", AGT_E_MODEL, "is no list of models: is the base URL right?"},
        {200, "{\"data\": {}}", AGT_E_MODEL, "is no list of models"},
    };
    agt_provider_config config = AGT_CONFIG(agt_provider_config, .provider = "openai",
                                            .api_key = KEY, .base_url = "https://x.example/v1");
    agt_test_io io;
    agt_value *models = NULL;
    agt_error error = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            ask(&io, NULL, &config, cases[i].http_status, cases[i].body, &models, &error),
            cases[i].status);
        if (strstr(error.message, cases[i].message) == NULL || strstr(error.message, KEY) != NULL) {
            fail_msg("%s", error.message);
        }
        assert_null(models);
    }
    config.get_key = no_key;
    assert_int_equal(ask(&io, NULL, &config, 200, "{}", &models, &error), AGT_E_INVALID);
    config = AGT_CONFIG(agt_provider_config, .provider = "mistrall");
    assert_int_equal(ask(&io, NULL, &config, 200, "{}", &models, &error), AGT_E_INVALID);
    assert_string_equal(error.message,
                        "there is no provider \"mistrall\"; did you mean \"mistral\"?");
    assert_int_equal(ask(&io, NULL, NULL, 200, "{}", &models, &error), AGT_E_INVALID);
}

static void list(const agt_allocator *allocator, void *ctx)
{
    const agt_provider_config config = AGT_CONFIG(agt_provider_config, .provider = "openai",
                                                  .api_key = KEY, .base_url = "https://x.example");
    agt_test_io io;
    agt_value *models = NULL;
    agt_error error = {0};
    (void)ctx;
    agt_status status = ask(&io, allocator, &config, 200,
                            "{\"data\":[{\"id\":\"b\"},{\"id\":\"a\"}]}", &models, &error);
    agt_value_unref(models);
    if (status != AGT_OK && status != AGT_E_NOMEM) {
        fail_msg("%s: %s", agt_status_get_name(status), error.message);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(list, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_servers_become_one),
        cmocka_unit_test(what_is_asked),
        cmocka_unit_test(what_goes_wrong),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
