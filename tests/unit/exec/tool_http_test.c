/*
 * HTTP endpoints as tools, with a server that is played from a script: what is sent, what its
 * answer means, and that nothing is left of it. A real server is at the end.
 */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/script_io.h"
#include "support/server.h"
#include "support/torture.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

typedef struct fixture {
    agt_test_engine engine;
    agt_test_io io;
    agt_span_context span; /* of the tool's span, once it has ended */
    int64_t http_status;   /* -1 = not set */
} fixture;

static void on_span_end(void *user_data, const agt_span *span)
{
    fixture *f = user_data;
    if (strcmp(agt_span_get_name(span), "execute_tool weather") == 0) {
        f->span = agt_span_get_context(span);
        f->http_status = agt_span_get_int(span, "http.response.status_code", -1);
    }
}

static void setup(fixture *f, const agt_test_http_script *script)
{
    memset(f, 0, sizeof(*f));
    f->io.http = *script;
    assert_int_equal(agt_test_engine_init_io(&f->engine, NULL, &f->io), AGT_OK);
    agt_span_listener listener =
        AGT_CONFIG(agt_span_listener, .user_data = f, .on_end = on_span_end);
    assert_int_equal(agt_tracer_add_listener(agt_runtime_get_tracer(f->engine.runtime), &listener),
                     AGT_OK);
}

static void teardown(fixture *f)
{
    agt_test_engine_deinit(&f->engine);
    assert_int_equal(f->io.started, f->io.ended + f->io.cancelled);
}

static void add_tool(fixture *f, const agt_http_request *request, agt_effect effect)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .effect = (int32_t)effect);
    agt_http_tool tool = AGT_CONFIG(agt_http_tool, .request = *request);
    agt_error err;
    if (agt_executor_register_http(f->engine.executor, "weather", &tool, &config, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
}

/* Run one call of "weather". */
static agt_results *call(fixture *f, const char *input)
{
    agt_graph *graph = agt_test_new_graph(&f->engine, NULL);
    (void)agt_test_add(graph, "weather", input, NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_graph_unref(graph);
    return results;
}

/* ---- what is sent -------------------------------------------------------------------------- */

static void members_fill_in_the_url(void **state)
{
    (void)state;
    static const char url[] = "https://api.example:8443/v1/{city}/x{n}?q={q}&{{#{city}";
    static const struct {
        const char *input, *url, *refusal;
    } cases[] = {
        {"{\"city\": \"Bern\", \"n\": 1, \"q\": \"a\"}",
         "https://api.example:8443/v1/Bern/x1?q=a&{#Bern", NULL},
        {"{\"city\": \"a/../b?c#d\", \"n\": true, \"q\": \"\"}",
         "https://api.example:8443/v1/a%2F..%2Fb%3Fc%23d/xtrue?q=&{#a%2F..%2Fb%3Fc%23d", NULL},
        {"{\"city\": \"\\u00e9 \\r\\n@evil:80\", \"n\": [1], \"q\": \"&x=%2F+\"}",
         "https://api.example:8443/v1/%C3%A9%20%0D%0A%40evil%3A80/x%5B1%5D?q=%26x%3D%252F%2B&{#"
         "%C3%A9%20%0D%0A%40evil%3A80",
         NULL},
        {"{\"city\": \"...\", \"n\": 1, \"q\": \"..\"}",
         "https://api.example:8443/v1/.../x1?q=..&{#...", NULL},
        {"{\"city\": \"..\", \"n\": 1, \"q\": \"a\"}", NULL, "leave its path"},
        {"{\"city\": \".\", \"n\": 1, \"q\": \"a\"}", NULL, "leave its path"},
        {"{\"city\": \"\", \"n\": 1, \"q\": \"a\"}", NULL, "\"city\" of the input is part of"},
        {"{\"city\": \"a\\u0000\", \"n\": 1, \"q\": \"a\"}", NULL, "NUL"},
        {"{\"n\": 1, \"q\": \"a\"}", NULL, "no member \"city\""},
        {"7", NULL, "no member \"city\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture f;
        setup(&f, &(agt_test_http_script){.status = 204});
        add_tool(&f, &(agt_http_request){.url = url, .method = "GET"}, AGT_EFFECT_PURE);
        agt_results *results = call(&f, cases[i].input);
        if (cases[i].refusal != NULL) {
            agt_test_expect(results, 0, AGT_OUTCOME_REJECTED, cases[i].refusal);
            assert_int_equal(f.io.started, 0);
        } else {
            agt_test_expect_output(results, 0, "null");
            assert_string_equal(f.io.url, cases[i].url);
        }
        agt_results_unref(results);
        teardown(&f);
    }
}

static void long_urls_are_refused(void **state)
{
    (void)state;
    static char input[70000];
    fixture f;
    setup(&f, &(agt_test_http_script){.status = 204});
    add_tool(&f, &(agt_http_request){.url = "http://h/{a}"}, AGT_EFFECT_PURE);
    memset(input, 'x', sizeof(input));
    memcpy(input, "{\"a\": \"", 7);
    memcpy(input + sizeof(input) - 3, "\"}", 3);
    agt_results *results = call(&f, input);
    agt_test_expect(results, 0, AGT_OUTCOME_REJECTED, "would be too long");
    agt_results_unref(results);
    teardown(&f);
}

static void the_input_is_the_body(void **state)
{
    (void)state;
    static const agt_kv own[] = {{"Authorization", "Bearer k"}, {"CONTENT-TYPE", "application/x"}};
    static const agt_kv traced[] = {{"TraceParent", "mine"}};
    static const struct {
        const char *method;
        const agt_kv *headers;
        size_t headers_count;
        const char *sent, *body;
    } cases[] = {
        {NULL, NULL, 0, "[Content-Type: application/json][traceparent: T]", "{\"a\":[1]}"},
        {"PUT", own, 1, "[Content-Type: application/json][traceparent: T][Authorization: Bearer k]",
         "{\"a\":[1]}"},
        {"PATCH", own, 2, "[traceparent: T][Authorization: Bearer k][CONTENT-TYPE: application/x]",
         "{\"a\":[1]}"},
        {"GET", own, 1, "[traceparent: T][Authorization: Bearer k]", ""},
        {"DELETE", NULL, 0, "[traceparent: T]", ""},
        {"HEAD", traced, 1, "[TraceParent: mine]", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture f;
        setup(&f, &(agt_test_http_script){.status = 200});
        add_tool(&f,
                 &(agt_http_request){.url = "http://h/",
                                     .method = cases[i].method,
                                     .headers = cases[i].headers,
                                     .headers_count = cases[i].headers_count},
                 AGT_EFFECT_PURE);
        agt_results *results = call(&f, "{\"a\": [1]}");
        agt_test_expect_output(results, 0, "null");
        char parent[AGT_TRACEPARENT_SIZE], expected[512] = "";
        agt_span_context_to_traceparent(&f.span, parent);
        const char *at = strstr(cases[i].sent, ": T]");
        size_t before = at != NULL ? (size_t)(at - cases[i].sent) + 2 : strlen(cases[i].sent);
        (void)snprintf(expected, sizeof(expected), "%.*s%s%s", (int)before, cases[i].sent,
                       at != NULL ? parent : "", at != NULL ? at + 3 : "");
        assert_string_equal(f.io.headers, expected);
        assert_string_equal(f.io.body, cases[i].body);
        assert_string_equal(f.io.method, cases[i].method != NULL ? cases[i].method : "POST");
        assert_int_equal(f.http_status, 200);
        agt_results_unref(results);
        teardown(&f);
    }
}

/* Everything is the tool's own: the caller's may change as soon as it is registered. */
static void configurations_are_copied(void **state)
{
    (void)state;
    fixture f;
    setup(&f, &(agt_test_http_script){.status = 200});
    char url[] = "http://h/path", method[] = "PUT", key[] = "K", value[] = "secret";
    agt_kv headers[] = {{key, value}};
    agt_http_request request = {.url = url,
                                .method = method,
                                .headers = headers,
                                .headers_count = 1,
                                .connect_timeout_ms = 11,
                                .timeout_ms = 12,
                                .idle_timeout_ms = 13,
                                .redirects_max = 14,
                                .response_bytes_max = 15,
                                .deny_private_addresses = true};
    add_tool(&f, &request, AGT_EFFECT_PURE);
    memset(url, 'x', 4);
    memset(method, 'x', 3);
    memset(key, 'x', 1);
    memset(value, 'x', 6);
    memset(headers, 0, sizeof(headers));
    memset(&request, 0, sizeof(request));
    agt_results_unref(call(&f, "{}"));
    assert_string_equal(f.io.url, "http://h/path");
    assert_string_equal(f.io.method, "PUT");
    assert_non_null(strstr(f.io.headers, "[K: secret]"));
    assert_int_equal(f.io.request.connect_timeout_ms, 11);
    assert_int_equal(f.io.request.timeout_ms, 12);
    assert_int_equal(f.io.request.idle_timeout_ms, 13);
    assert_int_equal(f.io.request.redirects_max, 14);
    assert_int_equal(f.io.request.response_bytes_max, 15);
    assert_true(f.io.request.deny_private_addresses);
    teardown(&f);
}

/* ---- what the answer means ----------------------------------------------------------------- */

static const agt_kv json[] = {{"server", "x"}, {"content-type", "application/json; charset=utf-8"}};
static const agt_kv problem[] = {{"content-type", "Application/Problem+JSON"}};
static const agt_kv text[] = {{"content-type", "text/plain"}};
static const agt_kv image[] = {{"content-type", "image/png"}};
static const agt_kv busy[] = {{"retry-after", "7"}};
static const agt_kv busy_until[] = {{"retry-after", "Thu, 01 Jan 2026 00:01:00 GMT"}};

typedef struct answer_case {
    agt_test_http_script script;
    agt_outcome outcome;
    const char *output; /* if it is ok, else … */
    const char *message;
    int32_t status, cause;
    uint32_t flags, retry_after_ms;
    agt_effect effect;
} answer_case;

#define HEADERS(list) .headers = (list), .headers_count = sizeof(list) / sizeof((list)[0])
#define PURE          .effect = AGT_EFFECT_PURE

static const answer_case answers[] = {
    {{200, HEADERS(json), .body = "{\"t\": 21.50}", .ms = 5},
     AGT_OUTCOME_OK,
     .output = "{\"t\":21.50}"},
    {{299, HEADERS(problem), .body = "[1, 2]", .piece = 1}, AGT_OUTCOME_OK, .output = "[1,2]"},
    {{200, HEADERS(text), .body = "fine"}, AGT_OUTCOME_OK, .output = "\"fine\""},
    {{200, HEADERS(text), .body = "f\xFFne"}, AGT_OUTCOME_OK, .output = "\"f\xEF\xBF\xBDne\""},
    {{200, HEADERS(text)}, AGT_OUTCOME_OK, .output = "\"\""},
    {{200, .body = "{}"}, AGT_OUTCOME_OK, .output = "\"{}\""},
    {{200, HEADERS(json)}, AGT_OUTCOME_OK, .output = "null"},
    {{204}, AGT_OUTCOME_OK, .output = "null"},
    {{200, HEADERS(image), .body = "\x89PNG"},
     AGT_OUTCOME_ERROR,
     .message = "the answer of \"weather\" is neither JSON nor text",
     .status = AGT_E_TYPE},
    {{200, HEADERS(json), .body = "{\"a\":\n 1,}"},
     AGT_OUTCOME_ERROR,
     .message = "the answer of \"weather\" is not JSON: line 2, column 4: ",
     .status = AGT_E_SYNTAX},
    {{404, HEADERS(json), .body = "{\"error\":\"no such\ncity\"}"},
     AGT_OUTCOME_ERROR,
     .message = "\"weather\" answered with HTTP status 404: {\"error\":\"no such city\"}",
     .status = AGT_E_HTTP,
     .cause = 404},
    {{302},
     AGT_OUTCOME_ERROR,
     .message = "answered with HTTP status 302",
     .status = AGT_E_HTTP,
     .cause = 302},
    {{503, HEADERS(busy), .body = "try \xFF later \x1B[2J"},
     AGT_OUTCOME_ERROR,
     .message = "status 503: try ? later  [2J",
     .status = AGT_E_HTTP,
     .cause = 503,
     .flags = AGT_ERROR_RETRYABLE,
     .retry_after_ms = 7000},
    {{429, HEADERS(busy_until)},
     AGT_OUTCOME_ERROR,
     .message = "status 429",
     .status = AGT_E_HTTP,
     .cause = 429,
     .flags = AGT_ERROR_RETRYABLE,
     .retry_after_ms = 60000},
    {{.fails = {.status = AGT_E_NETWORK, .message = "lost", .flags = AGT_ERROR_RETRYABLE}},
     AGT_OUTCOME_ERROR,
     .message = "lost",
     .status = AGT_E_NETWORK,
     .flags = AGT_ERROR_RETRYABLE,
     PURE},
    {{200, HEADERS(json), .body = "{\"a\"", .fails = {.status = AGT_E_NETWORK, .message = "lost"}},
     AGT_OUTCOME_ERROR,
     .message = "lost",
     .status = AGT_E_NETWORK,
     PURE},
    {{.fails = {.status = AGT_E_NETWORK, .message = "lost", .cause = 5}},
     AGT_OUTCOME_UNKNOWN,
     .message = "lost; whether it had its effect is unknown",
     .status = AGT_E_UNKNOWN,
     .cause = 5},
    {{.fails = {.status = AGT_E_TIMEOUT, .message = "silent"}},
     AGT_OUTCOME_UNKNOWN,
     .message = "silent; whether",
     .status = AGT_E_UNKNOWN},
    {{.fails = {.status = AGT_E_TIMEOUT, .message = "silent"}},
     AGT_OUTCOME_TIMEOUT,
     .message = "silent",
     .status = AGT_E_TIMEOUT,
     PURE},
    {{.fails = {.status = AGT_E_NETWORK, .message = "cannot connect", .flags = AGT_ERROR_UNSENT}},
     AGT_OUTCOME_ERROR,
     .message = "cannot connect",
     .status = AGT_E_NETWORK,
     .flags = AGT_ERROR_UNSENT},
    {{.fails = {.status = AGT_E_DENIED, .message = "not a public address"}},
     AGT_OUTCOME_DENIED,
     .message = "not a public address",
     .status = AGT_E_DENIED},
    {{.fails = {.status = AGT_E_LIMIT, .message = "too large"}},
     AGT_OUTCOME_ERROR,
     .message = "too large",
     .status = AGT_E_LIMIT},
    {{.start_status = AGT_E_INVALID},
     AGT_OUTCOME_ERROR,
     .message = "no connection to be had",
     .status = AGT_E_INVALID},
};

static void answers_mean_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        fixture f;
        const answer_case *wanted = &answers[i];
        setup(&f, &wanted->script);
        add_tool(&f, &(agt_http_request){.url = "http://h"}, wanted->effect);
        agt_results *results = call(&f, "{}");
        if (wanted->output != NULL) {
            agt_test_expect_output(results, 0, wanted->output);
        } else {
            agt_error err = {.status = AGT_OK};
            agt_test_expect(results, 0, wanted->outcome, wanted->message);
            (void)agt_results_get_error(results, 0, &err);
            assert_int_equal(err.status, wanted->status);
            assert_int_equal(err.cause, wanted->cause);
            assert_int_equal(err.flags, wanted->flags);
            assert_int_equal(err.retry_after_ms, wanted->retry_after_ms);
        }
        assert_int_equal(f.http_status, wanted->script.status != 0 ? wanted->script.status : -1);
        agt_results_unref(results);
        teardown(&f);
    }
}

/* ---- being ended --------------------------------------------------------------------------- */

static void cancelled_requests_are_dropped_at_once(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        fixture f;
        setup(&f, &(agt_test_http_script){.hangs = true});
        add_tool(&f, &(agt_http_request){.url = "http://h"}, AGT_EFFECT_PURE);
        agt_graph *graph = agt_test_new_graph(&f.engine, NULL);
        agt_call_options own = AGT_CONFIG(agt_call_options, .timeout_ms = way == 0 ? 50 : 0);
        (void)agt_test_add(graph, "weather", "{}", &own);
        agt_call_id good = agt_test_add(graph, "async", "{\"ms\": 1}", NULL);
        agt_call_options start = AGT_CONFIG(agt_call_options, .deadline_ms = way == 1 ? 50 : 0);
        agt_task *task;
        uint64_t begin = agt_test_now_ns(&f.engine);
        assert_int_equal(agt_graph_start(graph, &start, &task, NULL), AGT_OK);
        if (way >= 2) {
            assert_int_equal(agt_task_wait(task, 50), AGT_E_TIMEOUT);
        }
        if (way == 2) {
            agt_task_cancel(task);
        } else if (way == 3) {
            assert_int_equal(agt_runtime_close(f.engine.runtime, 0, NULL), AGT_OK);
        }
        agt_results *results = agt_test_finish(task);
        assert_int_equal(agt_test_now_ns(&f.engine) - begin, 50 * MS);
        agt_test_expect(results, 0, way >= 2 ? AGT_OUTCOME_CANCELLED : AGT_OUTCOME_TIMEOUT, NULL);
        agt_test_expect(results, good, AGT_OUTCOME_OK, NULL);
        assert_int_equal(f.io.cancelled, 1);
        agt_results_unref(results);
        agt_graph_unref(graph);
        teardown(&f);
    }
}

static void a_simulated_runtime_has_no_network_of_its_own(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_http_tool tool = AGT_CONFIG(agt_http_tool, .request = {.url = "http://h"});
    assert_int_equal(agt_executor_register_http(engine.executor, "weather", &tool, NULL, NULL),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "weather", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "a simulated one needs an agt_io");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- registering --------------------------------------------------------------------------- */

static void bad_tools_are_refused(void **state)
{
    (void)state;
    fixture f;
    agt_error err;
    setup(&f, &(agt_test_http_script){.status = 200});
    agt_executor *executor = f.engine.executor;
    static const struct {
        const char *url, *message;
    } cases[] = {
        {NULL, "names no URL"},
        {"", "begins with http"},
        {"ftp://h/", "begins with http"},
        {"{scheme}://h/", "begins with http"},
        {"http{s}://h/", "begins with http"},
        {"http://{host}/", "begins with http"},
        {"http://h{x}/", "begins with http"},
        {"http://h:{port}/", "begins with http"},
        {"http://h:80{x}", "begins with http"},
        {"http://user:secret@h/", "without a user name"},
        {"http:///path", "begins with http"},
        {"http://h{{/{x}", "begins with http"},
        {"http://h/{x", "write '{{' for a brace"},
        {"http://h/?a={x?}", "{x?} cannot be left out"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_http_tool tool = AGT_CONFIG(agt_http_tool, .request = {.url = cases[i].url});
        assert_int_equal(agt_executor_register_http(executor, "t", &tool, NULL, &err),
                         AGT_E_INVALID);
        if (strstr(err.message, cases[i].message) == NULL) {
            fail_msg("%s", err.message);
        }
    }
    static const agt_kv half[] = {{"A", NULL}};
    agt_http_tool tool = AGT_CONFIG(
        agt_http_tool, .request = {.url = "HTTPS://h", .headers = half, .headers_count = 1});
    assert_int_equal(agt_executor_register_http(executor, "t", &tool, NULL, &err), AGT_E_INVALID);
    tool.request.headers = NULL;
    assert_int_equal(agt_executor_register_http(executor, "t", &tool, NULL, &err), AGT_E_INVALID);
    tool.request.headers_count = 0;
    assert_int_equal(agt_executor_register_http(executor, "t", &tool, NULL, &err), AGT_OK);
    assert_int_equal(agt_executor_register_http(executor, "t", &tool, NULL, &err), AGT_E_EXISTS);
    assert_string_equal(agt_tool_get_kind(agt_executor_get_tool(executor, "t")), "http");
    teardown(&f);
}

static void request_once(const agt_allocator *allocator, void *ctx)
{
    fixture f;
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_call_id id = 0;
    memset(&f, 0, sizeof(f));
    f.io.http = *(const agt_test_http_script *)ctx;
    if (agt_test_engine_init_io(&f.engine, allocator, &f.io) != AGT_OK) {
        return;
    }
    static const agt_kv headers[] = {{"A", "1"}, {"B", "2"}};
    agt_http_tool tool =
        AGT_CONFIG(agt_http_tool,
                   .request = {.url = "http://h/{a}?b={{", .headers = headers, .headers_count = 2});
    agt_status status = agt_executor_register_http(f.engine.executor, "weather", &tool, NULL, NULL);
    if (status == AGT_OK) {
        status = agt_graph_new(f.engine.executor, NULL, &graph, NULL);
    }
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "weather", "{\"a\": [1, 2]}", &id);
    }
    if (status == AGT_OK) {
        agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = 50);
        status = agt_graph_run(graph, &options, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    if (status == AGT_OK) {
        assert_int_not_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_NONE);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&f.engine);
    assert_int_equal(f.io.started, f.io.ended + f.io.cancelled);
}

static void requests_survive_torture(void **state)
{
    (void)state;
    agt_test_http_script good = {.status = 200,
                                 HEADERS(json),
                                 .body = "[\"a text that is long enough to need memory\", 1, 2, 3]",
                                 .piece = 8};
    agt_test_http_script bad = {.status = 500, .body = "oops"};
    agt_test_http_script hangs = {.hangs = true};
    agt_test_torture(request_once, &good);
    agt_test_torture(request_once, &bad);
    agt_test_torture(request_once, &hangs);
}

/* ---- a real server ------------------------------------------------------------------------- */

static void a_real_server_is_asked(void **state)
{
    (void)state;
    static const agt_test_step ok[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND,
         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n"
         "Connection: close\r\n\r\n{\"ok\": [true]}",
         3},
        {AGT_TEST_END, NULL, 0}};
    static const agt_test_step late[] = {{AGT_TEST_READ, NULL, 0},
                                         {AGT_TEST_SEND,
                                          "HTTP/1.1 503 Later\r\nRetry-After: 2\r\n"
                                          "Content-Length: 4\r\nConnection: close\r\n\r\nbusy",
                                          0},
                                         {AGT_TEST_END, NULL, 0}};
    static const agt_test_step gone[] = {
        {AGT_TEST_READ, NULL, 0}, {AGT_TEST_RESET, NULL, 0}, {AGT_TEST_END, NULL, 0}};
    static const agt_test_step hangs[] = {
        {AGT_TEST_READ, NULL, 0}, {AGT_TEST_HANG, NULL, 0}, {AGT_TEST_END, NULL, 0}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(ok, late, gone, hangs));
    agt_test_engine engine;
    agt_error err;
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    agt_http_tool tool = AGT_CONFIG(
        agt_http_tool, .request = {.url = agt_test_server_get_url(server, "/v1/{city}?x={n}")});
    assert_int_equal(agt_executor_register_http(engine.executor, "weather", &tool, NULL, NULL),
                     AGT_OK);
    agt_call_options limit = AGT_CONFIG(agt_call_options, .timeout_ms = 50);
    for (int i = 0; i < 4; i++) {
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "weather", "{\"city\": \"New York\", \"n\": 5}",
                           i == 3 ? &limit : NULL);
        agt_results *results = agt_test_run_graph(graph, NULL);
        switch (i) {
        case 0:
            agt_test_expect_output(results, 0, "{\"ok\":[true]}");
            break;
        case 1:
            agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "HTTP status 503: busy");
            (void)agt_results_get_error(results, 0, &err);
            assert_int_equal(err.retry_after_ms, 2000);
            break;
        default:
            agt_test_expect(results, 0, AGT_OUTCOME_UNKNOWN, "its effect is unknown");
            break;
        }
        agt_results_unref(results);
        agt_graph_unref(graph);
        if (i == 3 && agt_test_server_count_requests(server) <= 3) {
            limit.timeout_ms *= 2; /* too slow a machine: it has not even been sent */
            i--;
            continue;
        }
        const char *request = agt_test_server_wait_request(server, (size_t)i + 1);
        assert_memory_equal(request, "POST /v1/New%20York?x=5 HTTP/1.1\r\n", 34);
        assert_non_null(strstr(request, "\r\ntraceparent: 00-"));
        assert_non_null(strstr(request, "\r\n\r\n{\"city\":\"New York\",\"n\":5}"));
    }
    agt_test_server_wait_closed(server, 1);
    agt_test_server_free(server);
    /* nobody listens any more: the request had no effect */
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "weather", "{\"city\": \"X\", \"n\": 5}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, 0, AGT_OUTCOME_ERROR, "cannot connect");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_fill_in_the_url),
        cmocka_unit_test(long_urls_are_refused),
        cmocka_unit_test(the_input_is_the_body),
        cmocka_unit_test(configurations_are_copied),
        cmocka_unit_test(answers_mean_what_they_say),
        cmocka_unit_test(cancelled_requests_are_dropped_at_once),
        cmocka_unit_test(a_simulated_runtime_has_no_network_of_its_own),
        cmocka_unit_test(bad_tools_are_refused),
        cmocka_unit_test(requests_survive_torture),
        cmocka_unit_test(a_real_server_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
