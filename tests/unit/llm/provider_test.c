/* Models that somebody serves, over scripted input and output on virtual time: configuration, keys,
 * what is sent, and what becomes of every kind of answer. The formats have tests of their own. */
#include "support/test.h"

#include "agent_sdk/llm.h"
#include "llm/provider.h"
#include "runtime/runtime.h"
#include "support/exec.h"
#include "support/folder.h"
#include "support/script_io.h"
#include "support/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS  UINT64_C(1000000)
#define KEY "sk-secret-0123456789"
#define URL "https://models.example/v1"

static const char request_text[] =
    "{\"system\": \"Be brief.\", \"messages\": [{\"role\": \"user\", \"parts\": "
    "[{\"type\": \"text\", \"text\": \"hello\"}]}]}";

/* ---- answers of the server ------------------------------------------------------------------- */

/* Strings that are joined cannot stand in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define CHUNK(rest)                                                                                \
    "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m-x\"," rest "}\n\n"
#define DELTA(delta, finish)                                                                       \
    "\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":" finish "}]"
#define BEGIN                                                                                      \
    CHUNK(DELTA("\"role\":\"assistant\",\"content\":\"\"",                                         \
                "null") ",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":1}")
#define TEXT(text) CHUNK(DELTA("\"content\":\"" text "\"", "null"))
#define END                                                                                        \
    CHUNK(DELTA("", "\"stop\""))                                                                   \
    CHUNK("\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7}")               \
    "data: [DONE]\n\n"
#define ERROR(message)                                                                             \
    "data: {\"error\":{\"message\":\"" message "\",\"type\":\"server_error\"}}\n\n"
/* NOLINTEND(bugprone-macro-parentheses) */

static const agt_kv is_stream[] = {{"content-type", "text/event-stream; charset=utf-8"},
                                   {"request-id", "req_1"}};
static const agt_kv is_json[] = {{"content-type", "application/json"}, {"request-id", "req_2"}};
static const agt_kv is_html[] = {{"content-type", "text/html"}};
static const agt_kv is_limited[] = {{"content-type", "application/json"},
                                    {"retry-after", "7"},
                                    {"x-ratelimit-limit-requests", "50"},
                                    {"x-ratelimit-remaining-requests", "0"}};

#define STREAM(text)                                                                               \
    {                                                                                              \
        .status = 200, .headers = is_stream, .headers_count = 2, .body = (text)                    \
    }
#define JSON(code, text)                                                                           \
    {                                                                                              \
        .status = (code), .headers = is_json, .headers_count = 2, .body = (text)                   \
    }
#define HTML(code, text)                                                                           \
    {                                                                                              \
        .status = (code), .headers = is_html, .headers_count = 1, .body = (text)                   \
    }

static const char whole_body[] =
    "{\"id\":\"c-2\",\"object\":\"chat.completion\",\"model\":\"m-x\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"Hello.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7,\"total_tokens\":19}}";
#define OVERLOADED "{\"error\":{\"message\":\"Overloaded\",\"type\":\"server_error\"}}"
#define UNAUTHORIZED                                                                               \
    "{\"error\":{\"message\":\"Incorrect API key provided: " KEY                                   \
    "\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}"

/* ---- one request ----------------------------------------------------------------------------- */

typedef struct served {
    agt_test_io io;
    agt_runtime *runtime;
    agt_model *model;
    agt_graph *graph;
    agt_results *results;
} served;

static agt_status open_served(served *self, const agt_allocator *allocator,
                              const agt_provider_config *given, const agt_test_http_script *script)
{
    memset(self, 0, sizeof(*self));
    agt_test_io_init(&self->io);
    self->io.http = *script;
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .allocator = allocator,
                                           .simulated = true, .seed = 1, .io = &self->io.table);
    agt_status status = agt_runtime_new(&config, &self->runtime, NULL);
    if (status != AGT_OK) {
        return status;
    }
    self->io.loop = self->runtime->loop;
    self->io.allocator = self->runtime->allocator;
    agt_provider_config own = {.struct_size = sizeof(own)};
    if (given != NULL) {
        own = *given;
    }
    own.provider = own.provider != NULL ? own.provider : "compatible";
    own.model = own.model != NULL ? own.model : "m-x";
    own.base_url = own.base_url != NULL ? own.base_url : URL;
    own.api_key = own.api_key != NULL || own.get_key != NULL ? own.api_key : KEY;
    return agt_model_new_provider(self->runtime, &own, &self->model, NULL);
}

static void close_served(served *self)
{
    agt_results_unref(self->results);
    agt_graph_unref(self->graph);
    agt_model_unref(self->model);
    agt_runtime_free(self->runtime);
}

static agt_status ask(served *self, const agt_call_options *options)
{
    agt_value *request = agt_test_json(self->runtime->allocator, request_text);
    agt_status status = request != NULL ? AGT_OK : AGT_E_NOMEM;
    agt_call_id call;
    if (status == AGT_OK) {
        status = agt__graph_new(self->runtime, NULL, NULL, &self->graph, NULL);
    }
    if (status == AGT_OK) {
        status = agt__graph_add_operation(self->graph, agt__model_get_operation(self->model),
                                          request, NULL, NULL, &call, NULL);
    }
    if (status == AGT_OK) {
        status = agt_graph_run(self->graph, options, &self->results, NULL);
    }
    agt_value_unref(request);
    return status;
}

static const char *get_text(const agt_value *response)
{
    const agt_value *parts = agt_value_get_member(response, "parts");
    const agt_value *text = agt_value_get_member(agt_value_get_item(parts, 0), "text");
    return text != NULL ? agt_value_get_string(text, NULL) : "";
}

/* ---- configuration --------------------------------------------------------------------------- */

typedef struct config_case {
    agt_provider_config config;
    agt_status status;
    const char *part;
} config_case;

static void bad_configurations_are_refused(void **state)
{
    (void)state;
    static const agt_kv headers[] = {{"x", "y"}};
    agt_value *list = agt_test_json(NULL, "[1]");
    const config_case cases[] = {
        {{.provider = "nobody", .model = "m"},
         AGT_E_INVALID,
         "no provider \"nobody\"; there are: "},
        {{.model = "m"}, AGT_E_INVALID, "there are: anthropic, openai"},
        {{.provider = "openai"}, AGT_E_INVALID, "model is missing"},
        {{.provider = "compatible", .model = "m"}, AGT_E_INVALID, "base_url is missing"},
        {{.provider = "compatible", .model = "m", .base_url = "ftp://x"},
         AGT_E_INVALID,
         "expected http:// or https://"},
        {{.provider = "compatible", .model = "m", .base_url = "https://x/?a=b"},
         AGT_E_INVALID,
         "no base URL"},
        {{.provider = "gemini", .model = "m"}, AGT_E_NOT_FOUND, "set GEMINI_API_KEY"},
        {{.provider = "openai", .model = "m"}, AGT_E_NOT_FOUND, "set OPENAI_API_KEY"},
        {{.provider = "openai", .model = "m", .api_key = ""}, AGT_E_INVALID, "is empty"},
        {{.provider = "openai", .model = "m", .api_key = "a b"}, AGT_E_INVALID, "has a space"},
        {{.provider = "openai", .model = "m", .api_key_file = "/nowhere/key"},
         AGT_E_IO,
         "/nowhere/key cannot be opened"},
        {{.provider = "openai", .model = "m", .api_key_file = "/dev/zero"},
         AGT_E_IO,
         "expected a regular file"},
        {{.provider = "compatible",
          .model = "m",
          .base_url = "http://far.example/v1",
          .api_key = KEY},
         AGT_E_DENIED,
         "without TLS"},
        {{.provider = "openai", .model = "m", .api_key = KEY, .extra = list},
         AGT_E_INVALID,
         "extra is"},
        {{.provider = "openai",
          .model = "m",
          .api_key = KEY,
          .headers = headers,
          .headers_count = 65},
         AGT_E_INVALID,
         "65 headers"},
    };
    agt_runtime *runtime = NULL;
    agt_runtime_config simulated = AGT_CONFIG(agt_runtime_config, .simulated = true);
    assert_int_equal(agt_runtime_new(&simulated, &runtime, NULL), AGT_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_provider_config config = cases[i].config;
        agt_model *model = NULL;
        agt_error err = {.message = ""};
        config.struct_size = sizeof(config);
        assert_int_equal(agt_model_new_provider(runtime, &config, &model, &err), cases[i].status);
        if (strstr(err.message, cases[i].part) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].part);
        }
        assert_null(strstr(err.message, KEY));
    }
    agt_value_unref(list);
    agt_runtime_free(runtime);
}

static void expect_sent(const agt_provider_config *config, const char *url, const char *header)
{
    const agt_test_http_script script = STREAM(BEGIN TEXT("Hello.") END);
    served self;
    assert_int_equal(open_served(&self, NULL, config, &script), AGT_OK);
    assert_int_equal(ask(&self, NULL), AGT_OK);
    assert_string_equal(self.io.url, url);
    if (strstr(self.io.headers, header) == NULL) {
        fail_msg("%s not in %s", header, self.io.headers);
    }
    close_served(&self);
}

static agt_status give_key(void *user_data, const agt_tool_call *call, char *key, size_t size)
{
    (void)call;
    (void)snprintf(key, size, "%s", (const char *)user_data);
    return AGT_OK;
}

static void keys_come_from_where_they_may(void **state)
{
    (void)state;
    char *folder = agt_test_folder_new();
    char *path = agt_test_folder_path(folder, "key");
    char customer[] = "of-a-customer";
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("from-a-file \r\nsecond line\n", file) >= 0);
    assert_int_equal(fclose(file), 0);

    agt_provider_config config = AGT_CONFIG(agt_provider_config, .api_key = KEY);
    expect_sent(&config, URL "/chat/completions", "[Authorization: Bearer " KEY "]");
    config = (agt_provider_config)AGT_CONFIG(agt_provider_config, .get_key = give_key,
                                             .user_data = customer);
    expect_sent(&config, URL "/chat/completions", "[Authorization: Bearer of-a-customer]");

    const agt_test_http_script script = STREAM(BEGIN TEXT("Hello.") END);
    served self;
    assert_int_equal(open_served(&self, NULL, NULL, &script), AGT_OK);
    agt_model_unref(self.model);
    config = (agt_provider_config)AGT_CONFIG(agt_provider_config, .provider = "openai",
                                             .model = "m-x", .api_key_file = path);
    assert_int_equal(agt_model_new_provider(self.runtime, &config, &self.model, NULL), AGT_OK);
    assert_int_equal(ask(&self, NULL), AGT_OK);
    assert_non_null(strstr(self.io.headers, "[Authorization: Bearer from-a-file]"));
    close_served(&self);

    assert_int_equal(setenv("OPENAI_API_KEY", "of-the-environment", 1), 0);
    assert_int_equal(setenv("OPENAI_BASE_URL", "http://127.0.0.1:7/", 1), 0);
    assert_int_equal(open_served(&self, NULL, NULL, &script), AGT_OK);
    agt_model_unref(self.model);
    config.api_key_file = NULL;
    assert_int_equal(agt_model_new_provider(self.runtime, &config, &self.model, NULL), AGT_OK);
    assert_int_equal(ask(&self, NULL), AGT_OK);
    assert_non_null(strstr(self.io.headers, "[Authorization: Bearer of-the-environment]"));
    assert_string_equal(self.io.url, "http://127.0.0.1:7/chat/completions");
    close_served(&self);
    assert_int_equal(unsetenv("OPENAI_API_KEY"), 0);
    assert_int_equal(unsetenv("OPENAI_BASE_URL"), 0);
    free(path);
    agt_test_folder_free(folder);
}

static void secrets_are_made_unreadable(void **state)
{
    (void)state;
    char text[] = "key sk-abcdef, again sk-abcdef.";
    agt__redact(text, "sk-abcdef");
    assert_string_equal(text, "key *********, again *********.");
    agt__redact(text, NULL);
    agt__redact(text, "key"); /* too short to be one */
    assert_string_equal(text, "key *********, again *********.");
}

/* ---- answers --------------------------------------------------------------------------------- */

typedef struct answer_case {
    const char *name;
    agt_test_http_script scripts[3];
    uint32_t deadline_ms;
    agt_outcome outcome;
    const char *text; /* of the answer, or in the message */
    unsigned requests;
    uint64_t least_ms, most_ms; /* until the end */
    int32_t cause;
    const char *kept; /* text of what was left by a failure; NULL = whatever */
} answer_case;

#define LOST                                                                                       \
    {                                                                                              \
        .status = AGT_E_NETWORK, .flags = AGT_ERROR_RETRYABLE, .message = "connection lost"        \
    }

static const answer_case cases[] = {
    {"a stream",
     {STREAM(BEGIN TEXT("Hel") TEXT("lo.") END)},
     0,
     AGT_OUTCOME_OK,
     "Hello.",
     1,
     0,
     0,
     0,
     NULL},
    {"a server that does not stream",
     {JSON(200, whole_body)},
     0,
     AGT_OUTCOME_OK,
     "Hello.",
     1,
     0,
     0,
     0,
     NULL},
    {"overloaded, then not",
     {JSON(529, OVERLOADED), JSON(503, OVERLOADED), STREAM(BEGIN TEXT("Hello.") END)},
     0,
     AGT_OUTCOME_OK,
     "Hello.",
     3,
     375 + 750,
     500 + 1000,
     0,
     NULL},
    {"overloaded for good",
     {JSON(529, OVERLOADED), JSON(529, OVERLOADED), JSON(529, OVERLOADED)},
     0,
     AGT_OUTCOME_ERROR,
     "Overloaded",
     3,
     375 + 750,
     500 + 1000,
     529,
     NULL},
    {"a rate limit with a wish",
     {{.status = 429,
       .headers = is_limited,
       .headers_count = 4,
       .body = "{\"error\":{\"message\":\"slow down\",\"type\":\"requests\"}}"},
      STREAM(BEGIN TEXT("Hello.") END)},
     0,
     AGT_OUTCOME_OK,
     "Hello.",
     2,
     7000,
     7000,
     0,
     NULL},
    {"a key that a server repeats",
     {JSON(400, "{\"error\":{\"message\":\"no such header: " KEY "\",\"type\":\"x\"}}")},
     0,
     AGT_OUTCOME_ERROR,
     "no such header: ****",
     1,
     0,
     0,
     400,
     NULL},
    {"a wrong key",
     {JSON(401, UNAUTHORIZED)},
     0,
     AGT_OUTCOME_ERROR,
     "the key was refused",
     1,
     0,
     0,
     401,
     NULL},
    {"an HTML page of a gateway",
     {HTML(502, "<html><body>Bad Gateway</body></html>"), HTML(200, "<html>Login</html>")},
     0,
     AGT_OUTCOME_ERROR,
     "HTML page instead of JSON",
     2,
     375,
     500,
     0,
     NULL},
    {"an empty body", {JSON(200, "")}, 0, AGT_OUTCOME_ERROR, "not JSON", 1, 0, 0, 0, NULL},
    {"connection lost before the answer",
     {{.fails = LOST}, STREAM(BEGIN TEXT("Hello.") END)},
     0,
     AGT_OUTCOME_OK,
     "Hello.",
     2,
     375,
     500,
     0,
     NULL},
    {"connection lost in the middle of the answer",
     {{.status = 200,
       .headers = is_stream,
       .headers_count = 2,
       .body = BEGIN TEXT("Hel"),
       .fails = LOST}},
     0,
     AGT_OUTCOME_ERROR,
     "connection lost",
     1,
     0,
     0,
     0,
     "Hel"},
    {"a stream that breaks off before it begins",
     {STREAM(""), STREAM(BEGIN TEXT("Hello.") END)},
     0,
     AGT_OUTCOME_OK,
     "Hello.",
     2,
     375,
     500,
     0,
     NULL},
    {"a stream without an end",
     {STREAM(BEGIN TEXT("Hel"))},
     0,
     AGT_OUTCOME_ERROR,
     "broke off",
     1,
     0,
     0,
     0,
     "Hel"},
    {"an error inside of a stream",
     {STREAM(BEGIN TEXT("Hel") ERROR("Overloaded") TEXT("no"))},
     0,
     AGT_OUTCOME_ERROR,
     "Overloaded",
     1,
     0,
     0,
     200,
     "Hel"},
    {"bytes after the end",
     {STREAM(BEGIN TEXT("Hello.") END "nonsense\n\n\xff\xff")},
     0,
     AGT_OUTCOME_OK,
     "Hello.",
     1,
     0,
     0,
     0,
     NULL},
    {"no answer before the deadline",
     {{.hangs = true}},
     900,
     AGT_OUTCOME_TIMEOUT,
     "",
     1,
     900,
     900,
     0,
     NULL},
};

static void answers_are_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer_case wanted = cases[i];
        served self;
        print_message("%s\n", wanted.name);
        for (size_t n = 0; n < 2; n++) {
            bool is_there = wanted.scripts[n + 1].status != 0 || wanted.scripts[n + 1].hangs;
            wanted.scripts[n].next = is_there ? &wanted.scripts[n + 1] : NULL;
        }
        assert_int_equal(open_served(&self, NULL, NULL, &wanted.scripts[0]), AGT_OK);
        agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = wanted.deadline_ms);
        uint64_t start = agt__runtime_now_ns(self.runtime);
        assert_int_equal(ask(&self, &options), AGT_OK);
        uint64_t took = agt__runtime_now_ns(self.runtime) - start;
        agt_error err = {.message = ""};
        (void)agt_results_get_error(self.results, 0, &err);
        if (agt_results_get_outcome(self.results, 0) != wanted.outcome) {
            fail_msg("outcome %d: %s", agt_results_get_outcome(self.results, 0), err.message);
        }
        const agt_value *left = agt__graph_get_output(self.graph, 0);
        if (wanted.outcome == AGT_OUTCOME_OK) {
            assert_string_equal(get_text(agt_results_get_output(self.results, 0)), wanted.text);
        } else if (strstr(err.message, wanted.text) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.message, wanted.text);
        } else if (wanted.kept != NULL) {
            assert_string_equal(get_text(left), wanted.kept);
        }
        assert_null(strstr(err.message, KEY));
        assert_int_equal(err.cause, wanted.cause);
        assert_int_equal(self.io.started, wanted.requests);
        assert_in_range(took, wanted.least_ms * MS, wanted.most_ms * MS);
        close_served(&self);
    }
}

static void what_arrived_is_paid_for(void **state)
{
    (void)state;
    const agt_test_http_script script = STREAM(BEGIN TEXT("Hel"));
    served self;
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    assert_int_equal(open_served(&self, NULL, NULL, &script), AGT_OK);
    assert_int_equal(ask(&self, NULL), AGT_OK);
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(self.runtime), &costs);
    assert_int_equal(costs.calls, 1);
    assert_int_equal(costs.input_tokens, 12);
    assert_int_equal(costs.unpriced_calls, 1);
    close_served(&self);
}

/* A model that has failed for good is replaced by its fallback, which is asked its own way. */
static void another_model_is_asked_instead(void **state)
{
    (void)state;
    const agt_test_http_script good = STREAM(BEGIN TEXT("Hello.") END);
    agt_test_http_script bad = JSON(401, UNAUTHORIZED);
    bad.next = &good;
    served self;
    assert_int_equal(open_served(&self, NULL, NULL, &bad), AGT_OK);
    agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = "compatible", .model = "m-y",
                   .base_url = "https://other.example/v1", .api_key = "another-key");
    agt_model *other = NULL;
    assert_int_equal(agt_model_new_provider(self.runtime, &config, &other, NULL), AGT_OK);
    agt_model_unref(self.model);
    config.model = "m-x";
    config.base_url = URL;
    config.fallback = other;
    assert_int_equal(agt_model_new_provider(self.runtime, &config, &self.model, NULL), AGT_OK);
    agt_model_unref(other); /* the model has it */
    assert_int_equal(ask(&self, NULL), AGT_OK);
    assert_string_equal(get_text(agt_results_get_output(self.results, 0)), "Hello.");
    assert_true((agt_results_get_flags(self.results, 0) & AGT_CALL_FROM_FALLBACK) != 0);
    assert_string_equal(self.io.url, "https://other.example/v1/chat/completions");
    assert_non_null(strstr(self.io.body, "\"m-y\""));
    assert_int_equal(self.io.started, 2);
    close_served(&self);
}

static void rate_limits_are_known_afterwards(void **state)
{
    (void)state;
    const agt_test_http_script script = {
        .status = 400, .headers = is_limited, .headers_count = 4, .body = "{}"};
    served self;
    agt_rate_limits limits = AGT_CONFIG(agt_rate_limits, 0);
    assert_int_equal(open_served(&self, NULL, NULL, &script), AGT_OK);
    assert_int_equal(agt_model_get_rate_limits(self.model, &limits), AGT_E_NOT_FOUND);
    assert_int_equal(ask(&self, NULL), AGT_OK);
    assert_int_equal(agt_model_get_rate_limits(self.model, &limits), AGT_OK);
    assert_int_equal(limits.requests_limit, 50);
    assert_int_equal(limits.requests_remaining, 0);
    assert_true(limits.tokens_limit == UINT64_MAX);
    close_served(&self);
}

/* ---- without memory -------------------------------------------------------------------------- */

static void ask_without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    served self;
    const agt_test_http_script good = STREAM(BEGIN TEXT("Hello.") END);
    agt_test_http_script bad = JSON(529, OVERLOADED);
    bad.next = &good;
    agt_status status = open_served(&self, allocator, NULL, &bad);
    if (status == AGT_OK) {
        status = ask(&self, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    close_served(&self);
}

static void requests_survive_torture(void **state)
{
    (void)state;
    agt_test_torture(ask_without_memory, NULL);
}

static int forget_environment(void **state)
{
    static const char *const names[] = {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                        "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unsetenv(names[i]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_configurations_are_refused),
        cmocka_unit_test(keys_come_from_where_they_may),
        cmocka_unit_test(secrets_are_made_unreadable),
        cmocka_unit_test(answers_are_what_the_table_says),
        cmocka_unit_test(what_arrived_is_paid_for),
        cmocka_unit_test(another_model_is_asked_instead),
        cmocka_unit_test(rate_limits_are_known_afterwards),
        cmocka_unit_test(requests_survive_torture),
    };
    return cmocka_run_group_tests(tests, forget_environment, NULL);
}
