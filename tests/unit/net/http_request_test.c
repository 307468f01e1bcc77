/*
 * The outgoing half of HTTP: methods, headers and bodies as the server sees them, what is refused
 * before anything is sent, and redirects: where they lead, and what they must not take along.
 */
#include "support/http_run.h"
#include "support/server.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST(...) (&AGT_CONFIG(agt_http_request, __VA_ARGS__))
#define SECRET       "canary-7f3a"

static agt__loop *new_loop(void)
{
    agt__loop *loop = NULL;
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .allocator = NULL);
    assert_int_equal(agt__loop_new(&config, &loop, NULL), AGT_OK);
    return loop;
}

static void run_request(agt_test_http_run *run, const agt_http_request *request)
{
    agt__loop *loop = new_loop();
    run->request = request;
    agt_test_http_run_all(run, loop);
    agt__loop_free(loop);
}

static const agt_test_step ok[] = {
    {AGT_TEST_READ, NULL, 0},
    {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
    {AGT_TEST_AGAIN, NULL, 0},
};

static const agt_test_step ok_without_body[] = {
    {AGT_TEST_READ, NULL, 0},
    {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 0},
    {AGT_TEST_AGAIN, NULL, 0},
};

static void assert_ok(const agt_test_http_run *run)
{
    if (run->start_status != AGT_OK || run->has_err) {
        fail_msg("%s%s", run->start_err.message, run->err.message);
    }
    assert_int_equal(run->http_status, 200);
    assert_int_equal(run->dones, 1);
}

static void assert_text(const char *request, const char *text)
{
    if (strstr(request, text) == NULL) {
        fail_msg("no \"%s\" in:\n%s", text, request);
    }
}

static void assert_no_text(const char *request, const char *text)
{
    if (strcasestr(request, text) != NULL) {
        fail_msg("\"%s\" in:\n%s", text, request);
    }
}

/* ---- methods and bodies ---- */

static void methods_and_bodies_arrive(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body, *line, *length;
    } cases[] = {
        {"GET", NULL, "GET / HTTP/1.1\r\n", NULL},
        {"POST", "a=b", "POST / HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n"},
        {"POST", "", "POST / HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n"},
        {"POST", NULL, "POST / HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n"},
        {"PUT", "xyz!", "PUT / HTTP/1.1\r\n", "\r\nContent-Length: 4\r\n"},
        {"PATCH", "xyz!", "PATCH / HTTP/1.1\r\n", "\r\nContent-Length: 4\r\n"},
        {"DELETE", NULL, "DELETE / HTTP/1.1\r\n", NULL},
        {"DELETE", "why", "DELETE / HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n"},
        {"OPTIONS", NULL, "OPTIONS / HTTP/1.1\r\n", NULL},
        {"GET", "odd", "GET / HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n"},
    };
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(ok));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_http_run run = {0};
        const char *body = cases[i].body;
        run_request(&run,
                    REQUEST(.url = agt_test_server_get_url(server, "/"), .method = cases[i].method,
                            .body = body, .body_size = body != NULL ? strlen(body) : 0));
        assert_ok(&run);
        const char *request = agt_test_server_wait_request(server, i + 1);
        assert_memory_equal(request, cases[i].line, strlen(cases[i].line));
        assert_no_text(request, "\r\nContent-Type:");
        assert_no_text(request, "\r\nExpect:");
        if (cases[i].length != NULL) {
            assert_text(request, cases[i].length);
            assert_string_equal(strstr(request, "\r\n\r\n") + 4, body != NULL ? body : "");
        } else {
            assert_no_text(request, "\r\nContent-Length:");
        }
        agt_test_http_free(&run);
    }
    agt_test_server_free(server);
}

static void head_has_no_body(void **state)
{
    (void)state;
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(ok_without_body));
    agt_test_http_run run = {0};
    run_request(&run, REQUEST(.url = agt_test_server_get_url(server, "/"), .method = "HEAD"));
    assert_ok(&run);
    assert_int_equal(run.body_size, 0);
    assert_string_equal(run.headers, "content-length: 2\n");
    agt_test_http_free(&run);
    agt_test_server_free(server);
}

static void a_large_body_arrives_whole(void **state)
{
    (void)state;
    const size_t size = 5000000;
    char *body = malloc(size);
    assert_non_null(body);
    for (size_t i = 0; i < size; i++) {
        body[i] = (char)(i * 7 + i / 253);
    }
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(ok));
    agt_test_http_run run = {0};
    run_request(&run, REQUEST(.url = agt_test_server_get_url(server, "/"), .method = "POST",
                              .body = body, .body_size = size));
    assert_ok(&run);
    const char *request = agt_test_server_wait_request(server, 1);
    assert_memory_equal(strstr(request, "\r\n\r\n") + 4, body, size);
    agt_test_http_free(&run);
    agt_test_server_free(server);
    free(body);
}

/* ---- headers ---- */

static void headers_arrive_as_given(void **state)
{
    (void)state;
    const agt_kv headers[] = {
        {"Authorization", "Bearer " SECRET},
        {"Content-Type", "application/json"},
        {"X-Empty", ""},
        {"X-Blank", "  "},
        {"X-UTF8", "\xC3\xA4"},
        {"User-Agent", "mine/2"},
        {"x-twice", "1"},
        {"x-twice", "2"},
    };
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(ok));
    agt_test_http_run run = {0};
    run_request(&run,
                REQUEST(.url = agt_test_server_get_url(server, "/"), .method = "POST", .body = "{}",
                        .body_size = 2, .headers = headers, .headers_count = 8));
    assert_ok(&run);
    const char *request = agt_test_server_wait_request(server, 1);
    assert_text(request, "\r\nAuthorization: Bearer " SECRET "\r\n");
    assert_text(request, "\r\nContent-Type: application/json\r\n");
    assert_text(request, "\r\nX-Empty:\r\n");
    assert_text(request, "\r\nX-Blank:\r\n");
    assert_text(request, "\r\nX-UTF8: \xC3\xA4\r\n");
    assert_text(request, "\r\nUser-Agent: mine/2\r\n");
    assert_no_text(request, "agent_sdk/");
    assert_text(request, "\r\nx-twice: 1\r\nx-twice: 2\r\n");
    agt_test_http_free(&run);
    agt_test_server_free(server);
}

static void refuse(const agt_http_request *request, agt_status status, const char *text)
{
    agt_test_http_run run = {0};
    run_request(&run, request);
    assert_int_equal(run.start_status, status);
    assert_int_equal(run.start_err.status, status);
    assert_int_equal(run.dones, 0);
    assert_text(run.start_err.message, text);
    assert_no_text(run.start_err.message, SECRET);
}

static void headers_that_are_none_are_refused(void **state)
{
    (void)state;
    const agt_kv bad[] = {
        {"", "x"},         {NULL, "x"}, {"A B", "x"},           {"A:", "x"},        {"A\r\nB", "x"},
        {"\xC3\xA4", "x"}, {"A", NULL}, {"A", SECRET "\nB: c"}, {"A", SECRET "\r"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse(REQUEST(.url = "http://127.0.0.1:1/", .headers = &bad[i], .headers_count = 1),
               AGT_E_INVALID, "header");
    }
    char *large = malloc(100000);
    assert_non_null(large);
    memset(large, 'x', 99999);
    large[99999] = '\0';
    const agt_kv too_large = {"A", large};
    refuse(REQUEST(.url = "http://127.0.0.1:1/", .headers = &too_large, .headers_count = 1),
           AGT_E_LIMIT, "\"A\" is too large");
    free(large);
}

static void requests_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refuse(REQUEST(.url = NULL), AGT_E_INVALID, "needs a URL");
    refuse(REQUEST(.url = ""), AGT_E_INVALID, "not a usable URL");
    refuse(REQUEST(.url = "nonsense"), AGT_E_INVALID, "not a usable URL");
    refuse(REQUEST(.url = "http://"), AGT_E_INVALID, "not a usable URL");
    refuse(REQUEST(.url = "http://h:99999/"), AGT_E_INVALID, "not a usable URL");
    refuse(REQUEST(.url = "http://a b/"), AGT_E_INVALID, "not a usable URL");
    refuse(REQUEST(.url = "file:///etc/passwd"), AGT_E_INVALID, "only http and https");
    refuse(REQUEST(.url = "ftp://localhost/"), AGT_E_INVALID, "only http and https");
    refuse(REQUEST(.url = "gopher://localhost/"), AGT_E_INVALID, "only http and https");
    refuse(REQUEST(.url = "javascript://localhost/"), AGT_E_INVALID, "only http and https");
    refuse(REQUEST(.url = "http://user:" SECRET "@localhost/"), AGT_E_INVALID,
           "user name or password");
    refuse(REQUEST(.url = "http://h/", .method = "GET /x"), AGT_E_INVALID, "not a method");
    refuse(REQUEST(.url = "http://h/", .method = ""), AGT_E_INVALID, "not a method");
    refuse(REQUEST(.url = "http://h/", .body_size = 3), AGT_E_INVALID, "body");
    agt_http_request unset = {.url = "http://h/"};
    agt_test_http_run run = {0};
    run_request(&run, &unset);
    assert_int_equal(run.start_status, AGT_E_INVALID);
}

/* ---- redirects ---- */

/* A server whose first connection redirects and then answers. */
typedef struct redirecting {
    char answer[600];
    agt_test_step steps[5];
    const agt_test_step *scripts[1];
    agt_test_server *server;
} redirecting;

static void set_up_redirect(redirecting *self, const char *status, const char *location)
{
    (void)snprintf(self->answer, sizeof(self->answer),
                   "HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 9\r\n\r\nnot this!", status,
                   location);
    const agt_test_step steps[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, self->answer, 0},
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
        {AGT_TEST_END, NULL, 0},
    };
    memcpy(self->steps, steps, sizeof(steps));
    self->scripts[0] = self->steps;
    self->server = agt_test_server_new(self->scripts, 1);
}

static const agt_kv many_headers[] = {
    {"Authorization", "Bearer " SECRET},
    {"X-API-Key", SECRET},
    {"Cookie", "session=" SECRET},
    {"api-key", SECRET},
    {"X-Anything-Else", SECRET},
    {"Host", "example.org"},
    {"Accept", "text/plain"},
    {"Content-Type", "application/json"},
    {"Content-MD5", "abc"},
};
enum {
    many_headers_count = sizeof(many_headers) / sizeof(many_headers[0])
};

static void within_a_server_headers_are_kept(void **state)
{
    (void)state;
    redirecting from;
    set_up_redirect(&from, "302 Found", "/there?x=1");
    agt_test_http_run run = {0};
    run_request(&run, REQUEST(.url = agt_test_server_get_url(from.server, "/here"),
                              .headers = many_headers, .headers_count = many_headers_count,
                              .redirects_max = 1));
    assert_ok(&run);
    assert_string_equal(run.body, "ok");
    assert_int_equal(run.heads, 1);
    const char *request = agt_test_server_wait_request(from.server, 2);
    assert_text(request, "GET /there?x=1 HTTP/1.1\r\n");
    assert_text(request, "Authorization: Bearer " SECRET);
    assert_text(request, "X-API-Key: " SECRET);
    assert_int_equal(agt_test_server_count_connections(from.server), 1);
    agt_test_http_free(&run);
    agt_test_server_free(from.server);
}

/* Another port is another origin, however the target is written. */
static void to_another_server_no_credential_goes(void **state)
{
    (void)state;
    const char *const prefixes[] = {"http://127.0.0.1", "//127.0.0.1", "HTTP://127.0.0.1"};
    for (size_t i = 0; i < 3; i++) {
        agt_test_server *to = agt_test_server_new(AGT_TEST_SCRIPTS(ok));
        char location[100];
        (void)snprintf(location, sizeof(location), "%s:%u/there", prefixes[i],
                       (unsigned)agt_test_server_get_port(to));
        redirecting from;
        set_up_redirect(&from, "307 Temporary Redirect", location);
        agt_test_http_run run = {0};
        run_request(&run,
                    REQUEST(.url = agt_test_server_get_url(from.server, "/here"), .method = "POST",
                            .body = "{}", .body_size = 2, .headers = many_headers,
                            .headers_count = many_headers_count, .redirects_max = 3));
        assert_ok(&run);
        assert_string_equal(run.body, "ok");
        assert_text(agt_test_server_wait_request(from.server, 1), SECRET);
        const char *request = agt_test_server_wait_request(to, 1);
        assert_text(request, "POST /there HTTP/1.1\r\n");
        assert_no_text(request, SECRET);
        assert_no_text(request, "example.org");
        assert_no_text(request, "X-Anything");
        assert_text(request, "\r\nAccept: text/plain\r\n");
        assert_text(request, "\r\nContent-Type: application/json\r\n");
        assert_text(request, "\r\n\r\n{}");
        agt_test_http_free(&run);
        agt_test_server_free(from.server);
        agt_test_server_free(to);
    }
}

static void the_method_changes_as_in_browsers(void **state)
{
    (void)state;
    static const struct {
        const char *status, *method, *line;
        bool keeps_body;
    } cases[] = {
        {"301 Moved", "POST", "GET /there HTTP/1.1\r\n", false},
        {"302 Found", "POST", "GET /there HTTP/1.1\r\n", false},
        {"303 See Other", "POST", "GET /there HTTP/1.1\r\n", false},
        {"303 See Other", "PUT", "GET /there HTTP/1.1\r\n", false},
        {"302 Found", "PUT", "PUT /there HTTP/1.1\r\n", true},
        {"307 Temporary Redirect", "POST", "POST /there HTTP/1.1\r\n", true},
        {"308 Permanent Redirect", "POST", "POST /there HTTP/1.1\r\n", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        redirecting from;
        set_up_redirect(&from, cases[i].status, "/there");
        agt_test_http_run run = {0};
        run_request(&run, REQUEST(.url = agt_test_server_get_url(from.server, "/here"),
                                  .method = cases[i].method, .body = "body", .body_size = 4,
                                  .headers = many_headers, .headers_count = many_headers_count,
                                  .redirects_max = 1));
        assert_ok(&run);
        const char *request = agt_test_server_wait_request(from.server, 2);
        assert_memory_equal(request, cases[i].line, strlen(cases[i].line));
        assert_string_equal(strstr(request, "\r\n\r\n") + 4, cases[i].keeps_body ? "body" : "");
        if (!cases[i].keeps_body) {
            assert_no_text(request, "Content-MD5");
            assert_no_text(request, "Content-Length");
        }
        agt_test_http_free(&run);
        agt_test_server_free(from.server);
    }
}

static void redirects_are_followed_only_if_asked_for(void **state)
{
    (void)state;
    redirecting from;
    set_up_redirect(&from, "302 Found", "/there");
    agt_test_http_run run = {0};
    run_request(&run, REQUEST(.url = agt_test_server_get_url(from.server, "/")));
    assert_int_equal(run.http_status, 302);
    assert_false(run.has_err);
    assert_string_equal(run.body, "not this!");
    assert_text(run.headers, "location: /there\n");
    agt_test_http_free(&run);
    agt_test_server_free(from.server);

    /* 304 leads nowhere, and neither does a redirect without a target. */
    static const agt_test_step no_target[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nno", 0},
        {AGT_TEST_END, NULL, 0},
    };
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(no_target));
    agt_test_http_run plain = {0};
    run_request(&plain, REQUEST(.url = agt_test_server_get_url(server, "/"), .redirects_max = 5));
    assert_int_equal(plain.http_status, 302);
    assert_false(plain.has_err);
    assert_string_equal(plain.body, "no");
    agt_test_http_free(&plain);
    agt_test_server_free(server);
}

static void assert_redirect_fails(const char *location, const char *text)
{
    redirecting from;
    set_up_redirect(&from, "302 Found", location);
    agt_test_http_run run = {0};
    run_request(&run,
                REQUEST(.url = agt_test_server_get_url(from.server, "/"), .redirects_max = 5));
    assert_true(run.has_err);
    assert_int_equal(run.err.status, AGT_E_NETWORK);
    assert_text(run.err.message, text);
    assert_no_text(run.err.message, SECRET);
    assert_int_equal(run.heads, 0);
    assert_int_equal(run.body_size, 0);
    agt_test_http_free(&run);
    agt_test_server_free(from.server);
}

static void redirects_to_where_they_must_not(void **state)
{
    (void)state;
    assert_redirect_fails("file:///etc/passwd", "only http and https");
    assert_redirect_fails("ftp://127.0.0.1/", "only http and https");
    assert_redirect_fails("http://user:" SECRET "@127.0.0.1/", "user name or password");
    assert_redirect_fails("http://127.0.0.1:99999/", "not a usable URL");
}

static void redirects_without_end(void **state)
{
    (void)state;
    static const agt_test_step round_and_round[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 0},
        {AGT_TEST_AGAIN, NULL, 0},
    };
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(round_and_round));
    agt_test_http_run run = {0};
    run_request(&run, REQUEST(.url = agt_test_server_get_url(server, "/"), .redirects_max = 4));
    assert_true(run.has_err);
    assert_int_equal(run.err.status, AGT_E_LIMIT);
    assert_string_equal(run.err.message, "\"127.0.0.1\" redirects more than 4 times");
    assert_int_equal(agt_test_server_count_requests(server), 5);
    agt_test_http_free(&run);
    agt_test_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_and_bodies_arrive),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(a_large_body_arrives_whole),
        cmocka_unit_test(headers_arrive_as_given),
        cmocka_unit_test(headers_that_are_none_are_refused),
        cmocka_unit_test(requests_that_make_no_sense_are_refused),
        cmocka_unit_test(within_a_server_headers_are_kept),
        cmocka_unit_test(to_another_server_no_credential_goes),
        cmocka_unit_test(the_method_changes_as_in_browsers),
        cmocka_unit_test(redirects_are_followed_only_if_asked_for),
        cmocka_unit_test(redirects_to_where_they_must_not),
        cmocka_unit_test(redirects_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
