/*
 * build_models_test.c - models of a team file that somebody serves: which of them are made, where
 * their keys come from, and what is sent. The network is a script.
 */
#include "agent_sdk/team.h"

#include "runtime/runtime.h"
#include "support/agents.h"
#include "support/script_io.h"
#include "support/test.h"
#include "support/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "sk-test-0123456789"

static char folder[] = "/tmp/agt_team_models.XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    (void)unlink("team.yaml");
    (void)unlink("key");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static int forget_variables(void **state)
{
    static const char *const names[] = {"OPENAI_API_KEY",    "OPENAI_BASE_URL",
                                        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                        "TEST_KEY",          "TEST_ORG"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unsetenv(names[i]);
    }
    return 0;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char answer[] =
    "{\"id\": \"1\", \"object\": \"chat.completion\", \"model\": \"m\", \"choices\": [{\"index\": "
    "0, \"message\": {\"role\": \"assistant\", \"content\": \"Hello.\"}, \"finish_reason\": "
    "\"stop\"}], \"usage\": {\"prompt_tokens\": 5, \"completion_tokens\": 2}}";
static const agt_kv json_type[] = {{"content-type", "application/json"}};

typedef struct fixture {
    agt_test_io io;
    agt_test_engine engine;
    agt_team *team;
    agt_error error;
    char warnings[2048];
} fixture;

static void on_missing_key(void *user_data, const agt_error *error)
{
    fixture *self = user_data;
    size_t used = strlen(self->warnings);
    (void)snprintf(self->warnings + used, sizeof(self->warnings) - used, "%s\n", error->message);
}

static agt_status fixture_load(fixture *self, const char *text, const agt_team_config *config)
{
    memset(self, 0, sizeof(*self));
    write_file("team.yaml", text);
    agt_test_io_init(&self->io);
    self->io.http = (agt_test_http_script){
        .status = 200, .headers = json_type, .headers_count = 1, .body = answer};
    const agt_runtime_config runtime =
        AGT_CONFIG(agt_runtime_config, .simulated = true, .io = &self->io.table);
    assert_int_equal(agt_test_engine_init_with(&self->engine, &runtime, NULL), AGT_OK);
    self->io.loop = self->engine.runtime->loop;
    self->io.allocator = agt_runtime_get_allocator(self->engine.runtime);
    return agt_team_load(self->engine.runtime, "team.yaml", config, &self->team, &self->error);
}

static void fixture_deinit(fixture *self)
{
    agt_team_free(self->team);
    agt_test_engine_deinit(&self->engine);
}

/* Ask the lead; what it answers, to be dropped. */
static agt_reply *ask(fixture *self)
{
    agt_task *task = NULL;
    agt_reply *reply = NULL;
    assert_int_equal(agt_team_run_start(self->team, "Hi.", NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_reply(task, &reply), AGT_OK);
    agt_task_unref(task);
    return reply;
}

static void expect_answer(fixture *self)
{
    agt_reply *reply = ask(self);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "Hello.");
    agt_reply_unref(reply);
}

static void expect_failure(const char *text, const agt_team_config *config, agt_status status,
                           const char *message)
{
    fixture f;
    assert_int_equal(fixture_load(&f, text, config), status);
    assert_string_equal(f.error.message, message);
    assert_null(f.team);
    fixture_deinit(&f);
}

static void everything_said_about_a_model_is_sent(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    assert_int_equal(setenv("TEST_ORG", "us", 1), 0);
    agt_status status = fixture_load(
        &f,
        "version: 1\nmodels:\n"
        "  m: {provider: openai, model: gpt-5, base_url: \"https://example.org/v1/\",\n"
        "      api_key_env: TEST_KEY, effort: low, max_output_tokens: 77, stream: false,\n"
        "      context_tokens: 1000000, timeout: 1m, connect_timeout: 3s, idle_timeout: 4s,\n"
        "      extra: {temperature: 0.5}, headers: {X-Org: \"${TEST_ORG}\"},\n"
        "      retry: {attempts: 2, delay: 1s, delay_max: 2s, jitter: 0, retry_after_max: 5s}}\n"
        "agents: {a: {}}\n",
        NULL);
    assert_string_equal(f.error.message, "");
    assert_int_equal(status, AGT_OK);
    assert_false(agt_team_is_simulated(f.team));
    expect_answer(&f);
    assert_string_equal(f.io.url, "https://example.org/v1/chat/completions");
    assert_non_null(strstr(f.io.headers, "[Authorization: Bearer " KEY "]"));
    assert_non_null(strstr(f.io.headers, "[X-Org: us]"));
    assert_non_null(strstr(f.io.body, "\"model\":\"gpt-5\""));
    assert_non_null(strstr(f.io.body, "\"temperature\":0.5"));
    assert_non_null(strstr(f.io.body, "\"reasoning_effort\":\"low\""));
    assert_non_null(strstr(f.io.body, "77"));
    assert_null(strstr(f.io.body, "\"stream\":true"));
    assert_int_equal(f.io.request.connect_timeout_ms, 3000);
    assert_int_equal(f.io.request.idle_timeout_ms, 4000);
    f.io.http.status = 503;
    agt_reply_unref(ask(&f));
    assert_int_equal(f.io.started, 3); /* one that went well, two that did not */
    fixture_deinit(&f);
}

static void keys_come_from_where_the_file_says(void **state)
{
    (void)state;
    fixture f;
    static const char text[] = "version: 1\nmodels: {m: {provider: openai, model: x, stream: false,"
                               " api_key_file: key}}\nagents: {a: {}}\n";
    write_file("key", KEY "\n");
    assert_int_equal(fixture_load(&f, text, NULL), AGT_OK);
    expect_answer(&f);
    assert_non_null(strstr(f.io.headers, "[Authorization: Bearer " KEY "]"));
    fixture_deinit(&f);
    (void)unlink("key");
    expect_failure(text, NULL, AGT_E_IO,
                   "team.yaml:2:10: models.m: the key file key cannot be opened: No such file or "
                   "directory");
    expect_failure("version: 1\nmodels: {m: {provider: openai, model: x, api_key_env: TEST_KEY}}\n"
                   "agents: {a: {}}\n",
                   NULL, AGT_E_NOT_FOUND,
                   "team.yaml:2:10: models.m: there is no key for openai: the variable TEST_KEY, "
                   "which api_key_env names, is not set");
    expect_failure("version: 1\nmodels: {m: {provider: openai, model: x}}\nagents: {a: {}}\n", NULL,
                   AGT_E_NOT_FOUND,
                   "team.yaml:2:10: models.m: there is no key for openai: set OPENAI_API_KEY in "
                   "the environment, or name a file that has it (api_key_file)");
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    expect_failure("version: 1\nmodels: {m: {provider: compatible, model: x, api_key_env: "
                   "TEST_KEY,\n  base_url: \"http://example.org\"}}\nagents: {a: {}}\n",
                   NULL, AGT_E_DENIED,
                   "team.yaml:2:10: models.m: the key would go to "
                   "http://example.org/chat/completions without TLS, readable on the way: use "
                   "https, or set plain_http if that is what you want");
    assert_int_equal(unsetenv("TEST_KEY"), 0);
    expect_failure("version: 1\nmodels: {m: {provider: ollama, model: x, headers: {A: "
                   "\"${TEST_KEY}\"}}}\nagents: {a: {}}\n",
                   NULL, AGT_E_NOT_FOUND,
                   "team.yaml:2:10: models.m: headers: the variable TEST_KEY is not set; "
                   "${TEST_KEY:-otherwise} would do without it");
}

#define TWO_MODELS                                                                                 \
    "version: 1\nmodels:\n"                                                                        \
    "  far: {provider: openai, model: x, fallback: near}\n"                                        \
    "  near: {provider: ollama, model: y, stream: false}\n"                                        \
    "  other: {provider: anthropic, model: z}\n"

static void models_that_nobody_uses_need_no_key(void **state)
{
    (void)state;
    fixture f;
    agt_team_config config = AGT_CONFIG(agt_team_config, .model = "near");
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: near}}\n", NULL), AGT_OK);
    expect_answer(&f);
    fixture_deinit(&f);
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: far}}\n", &config), AGT_OK);
    expect_answer(&f);
    fixture_deinit(&f);
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: far}}\n", NULL),
                     AGT_E_NOT_FOUND);
    fixture_deinit(&f);
}

static void a_model_falls_back_on_another(void **state)
{
    (void)state;
    fixture f;
    const agt_test_http_script well = {
        .status = 200, .headers = json_type, .headers_count = 1, .body = answer};
    assert_int_equal(setenv("OPENAI_API_KEY", KEY, 1), 0);
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: far}}\n", NULL), AGT_OK);
    f.io.http = (agt_test_http_script){.status = 401, .body = "{}", .next = &well};
    agt_reply *reply = ask(&f);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    agt_reply_unref(reply);
    assert_string_equal(f.io.url, "http://127.0.0.1:11434/v1/chat/completions");
    assert_null(strstr(f.io.headers, KEY)); /* what is one server's stays there */
    fixture_deinit(&f);
    assert_int_equal(unsetenv("OPENAI_API_KEY"), 0);
}

static void who_only_looks_is_told_of_missing_keys(void **state)
{
    (void)state;
    fixture f;
    const agt_team_config config =
        AGT_CONFIG(agt_team_config, .on_missing_key = on_missing_key, .user_data = &f);
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: far}}\n", &config), AGT_OK);
    assert_string_equal(
        f.warnings,
        "team.yaml:3:3: models.far: there is no key for openai: set OPENAI_API_KEY in the "
        "environment, or name a file that has it (api_key_file)\n"
        "team.yaml:5:3: models.other: there is no key for anthropic: set ANTHROPIC_API_KEY in the "
        "environment, or name a file that has it (api_key_file)\n");
    f.io.http.status = 401;
    agt_reply *reply = ask(&f);
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, "");
    agt_reply_unref(reply);
    fixture_deinit(&f);
}

static void a_model_that_the_file_does_not_know(void **state)
{
    (void)state;
    fixture f;
    agt_team_config config = AGT_CONFIG(agt_team_config, .model = "ollama/org/name:7b");
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: far}}\n", &config), AGT_OK);
    expect_answer(&f);
    assert_false(agt_team_is_simulated(f.team));
    assert_non_null(strstr(f.io.body, "\"model\":\"org/name:7b\""));
    fixture_deinit(&f);
    config.base_url = "http://localhost:99";
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: far}}\n", &config), AGT_OK);
    expect_answer(&f);
    assert_string_equal(f.io.url, "http://localhost:99/chat/completions");
    fixture_deinit(&f);
    config.model = "near";
    expect_failure(TWO_MODELS "agents: {a: {model: far}}\n", &config, AGT_E_INVALID,
                   "base_url goes with a model of the form PROVIDER/NAME only");
    config.model = "x/y";
    assert_int_equal(fixture_load(&f, TWO_MODELS "agents: {a: {model: far}}\n", &config),
                     AGT_E_INVALID);
    assert_non_null(strstr(f.error.message, "there is no provider \"x\"; there are: anthropic"));
    fixture_deinit(&f);
}

static void the_schema_knows_all_providers(void **state)
{
    (void)state;
    agt_value *schema = NULL;
    const agt_value *list = NULL;
    char names[512] = "";
    assert_int_equal(agt_team_get_schema(NULL, &schema), AGT_OK);
    assert_int_equal(
        agt_value_get_pointer(schema, "/$defs/model/properties/provider/enum", &list, NULL),
        AGT_OK);
    for (size_t i = 1; i < agt_value_get_count(list); i++) { /* behind "scripted" */
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof(names) - used, "%s%s", i > 1 ? ", " : "",
                       agt_value_get_string(agt_value_get_item(list, i), NULL));
    }
    assert_string_equal(names, agt_provider_get_names());
    agt_value_unref(schema);
}

static void load(const agt_allocator *allocator, void *ctx)
{
    agt_test_engine engine;
    agt_team *team = NULL;
    agt_error error = {0};
    (void)ctx;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_status status = agt_team_load(engine.runtime, "team.yaml", NULL, &team, &error);
    agt_team_free(team);
    if (status != AGT_OK && status != AGT_E_NOMEM) {
        fail_msg("%s: %s", agt_status_get_name(status), error.message);
    }
    agt_test_engine_deinit(&engine);
}

static void out_of_memory(void **state)
{
    (void)state;
    write_file("key", KEY "\n");
    write_file("team.yaml",
               "version: 1\nmodels:\n"
               "  far: {provider: openai, model: x, fallback: near, api_key_file: key,\n"
               "        headers: {A: \"${B:-c}\"}, retry: {attempts: 2}, extra: {a: 1}}\n"
               "  near: {provider: ollama, model: y}\n"
               "tools:\n"
               "  h: {http: {url: \"http://x\", response_max: 1MiB}, retry: {attempts: 2}}\n"
               "agents: {a: {model: far, tools: [h], capacity: 2}}\nteam: {tool_timeout: 5s}\n");
    agt_test_torture(load, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(everything_said_about_a_model_is_sent, forget_variables),
        cmocka_unit_test_setup(keys_come_from_where_the_file_says, forget_variables),
        cmocka_unit_test_setup(models_that_nobody_uses_need_no_key, forget_variables),
        cmocka_unit_test_setup(a_model_falls_back_on_another, forget_variables),
        cmocka_unit_test_setup(who_only_looks_is_told_of_missing_keys, forget_variables),
        cmocka_unit_test_setup(a_model_that_the_file_does_not_know, forget_variables),
        cmocka_unit_test(the_schema_knows_all_providers),
        cmocka_unit_test_setup(out_of_memory, forget_variables),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
