/*
 * HTTP: what arrives, and everything that a server can do wrong: break off at every byte, fall
 * silent, send too much, never answer. After each test no descriptor and no memory is left.
 */
#include "support/http_run.h"
#include "support/server.h"
#include "support/test.h"
#include "support/tool_run.h"
#include "support/torture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct fixture {
    agt_test_heap heap;
    agt__loop *loop;
    unsigned descriptors;
} fixture;

static void set_up(fixture *test)
{
    test->descriptors = agt_test_count_descriptors();
    agt_test_heap_init(&test->heap);
    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .allocator = &test->heap.allocator, .user_agent = "test/1");
    assert_int_equal(agt__loop_new(&config, &test->loop, NULL), AGT_OK);
}

static void tear_down(fixture *test)
{
    agt__loop_free(test->loop);
    agt_test_heap_deinit(&test->heap);
    assert_int_equal(agt_test_count_descriptors(), test->descriptors);
}

#define REQUEST(...) (&AGT_CONFIG(agt_http_request, __VA_ARGS__))

static void assert_ok(const agt_test_http_run *run, int32_t http_status, const char *body)
{
    if (run->start_status != AGT_OK || run->has_err) {
        fail_msg("%s%s", run->start_err.message, run->err.message);
    }
    assert_int_equal(run->http_status, http_status);
    assert_int_equal(run->heads, 1);
    assert_int_equal(run->dones, 1);
    assert_string_equal(run->body != NULL ? run->body : "", body);
}

static void assert_fails(const agt_test_http_run *run, agt_status status, const char *text)
{
    assert_int_equal(run->start_status, AGT_OK);
    assert_true(run->has_err);
    assert_int_equal(run->dones, 1);
    if (run->err.status != status || strstr(run->err.message, text) == NULL) {
        fail_msg("status %d: %s", (int)run->err.status, run->err.message);
    }
    assert_string_equal(run->err.origin, "net/http");
}

/* ---- what arrives ---- */

static const agt_test_step hello[] = {
    {AGT_TEST_READ, NULL, 0},
    {AGT_TEST_SEND,
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-MiXeD:  two words \r\nEmpty:\r\n\r\nhello", 0},
    {AGT_TEST_AGAIN, NULL, 0},
};

static void an_answer_arrives(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(hello));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/a?b=c"))};
    agt_test_http_run_all(&run, test.loop);
    assert_ok(&run, 200, "hello");
    assert_string_equal(run.headers, "content-length: 5\nx-mixed: two words\nempty: \n");
    const char *request = agt_test_server_wait_request(server, 1);
    assert_non_null(strstr(request, "GET /a?b=c HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nUser-Agent: test/1\r\n"));
    assert_non_null(strstr(request, "\r\nAccept-Encoding: "));
    assert_null(strstr(request, "Content-"));
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

static void connections_are_used_again(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(hello));
    const char *url = agt_test_server_get_url(server, "/");
    for (int i = 0; i < 5; i++) {
        agt_test_http_run run = {.request = REQUEST(.url = url)};
        agt_test_http_run_all(&run, test.loop);
        assert_ok(&run, 200, "hello");
        agt_test_http_free(&run);
    }
    assert_int_equal(agt_test_server_count_connections(server), 1);
    assert_int_equal(agt_test_server_count_requests(server), 5);
    agt_test_server_free(server);
    tear_down(&test);
}

static void a_connection_that_was_closed_meanwhile_is_replaced(void **state)
{
    (void)state;
    static const agt_test_step once[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst", 0},
        {AGT_TEST_READ, NULL, 0}, /* and closes when the second one was sent */
        {AGT_TEST_END, NULL, 0},
    };
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(once, hello));
    const char *url = agt_test_server_get_url(server, "/");
    agt_test_http_run first = {.request = REQUEST(.url = url)};
    agt_test_http_run_all(&first, test.loop);
    assert_ok(&first, 200, "first");
    agt_test_http_run second = {.request = REQUEST(.url = url)};
    agt_test_http_run_all(&second, test.loop);
    assert_ok(&second, 200, "hello");
    assert_int_equal(agt_test_server_count_connections(server), 2);
    agt_test_http_free(&first);
    agt_test_http_free(&second);
    agt_test_server_free(server);
    tear_down(&test);
}

static void answers_that_are_errors_are_answers(void **state)
{
    (void)state;
    static const agt_test_step not_found[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 0},
        {AGT_TEST_END, NULL, 0},
    };
    static const agt_test_step busy[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 529 \r\nRetry-After: 7\r\nConnection: close\r\n\r\nbusy", 0},
        {AGT_TEST_END, NULL, 0},
    };
    static const agt_test_step empty[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.0 204 No Content\r\n\r\n", 0},
        {AGT_TEST_END, NULL, 0},
    };
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(not_found, busy, empty));
    const char *url = agt_test_server_get_url(server, "/");
    const int32_t statuses[] = {404, 529, 204};
    const char *const bodies[] = {"gone", "busy", ""};
    for (int i = 0; i < 3; i++) {
        agt_test_http_run run = {.request = REQUEST(.url = url)};
        agt_test_http_run_all(&run, test.loop);
        assert_ok(&run, statuses[i], bodies[i]);
        agt_test_http_free(&run);
    }
    agt_test_server_free(server);
    tear_down(&test);
}

static void interim_answers_and_trailers_are_not_shown(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND,
         "HTTP/1.1 100 Continue\r\nA: 1\r\n\r\n"
         "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nB: 2\r\n\r\n"
         "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: 3\r\n\r\n",
         0},
        {AGT_TEST_END, NULL, 0},
    };
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/"))};
    agt_test_http_run_all(&run, test.loop);
    assert_ok(&run, 200, "abcdefg");
    assert_string_equal(run.headers, "transfer-encoding: chunked\nb: 2\n");
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

static void bytes_one_by_one(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND,
         "HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
         "b\r\nhello world\r\n1\r\n!\r\n0\r\n\r\n",
         1},
        {AGT_TEST_END, NULL, 0},
    };
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/"))};
    agt_test_http_run_all(&run, test.loop);
    assert_ok(&run, 200, "hello world!");
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

/* The server sends the next piece only after the last one was handed on: nothing is held back. */
static void let_server_go(agt_test_http_run *run)
{
    agt_test_server_go(run->ctx);
}

static void a_stream_is_handed_on_as_it_comes(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", 0},
        {AGT_TEST_SEND, "data: 1\n\n", 0},
        {AGT_TEST_WAIT, NULL, 0},
        {AGT_TEST_SEND, "data: 2\n\n", 0},
        {AGT_TEST_WAIT, NULL, 0},
        {AGT_TEST_SEND, "data: 3\n\n", 0},
        {AGT_TEST_END, NULL, 0},
    };
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/")),
                             .on_body = let_server_go,
                             .ctx = server};
    agt_test_http_run_all(&run, test.loop);
    assert_ok(&run, 200, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

enum {
    many = 50
};

static void many_at_a_time(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_WAIT, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
        {AGT_TEST_AGAIN, NULL, 0},
    };
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_http_request request =
        AGT_CONFIG(agt_http_request, .url = agt_test_server_get_url(server, "/"));
    static agt_test_http_run runs[many];
    for (int i = 0; i < many; i++) {
        runs[i] = (agt_test_http_run){.request = &request};
        agt_test_http_start(&runs[i], test.loop);
    }
    (void)agt_test_server_wait_request(server, many); /* all wait at the same time */
    for (int i = 0; i < many; i++) {
        agt_test_server_go(server);
    }
    for (int i = 0; i < many; i++) {
        agt_test_http_wait(&runs[i]);
        assert_ok(&runs[i], 200, "ok");
        agt_test_http_free(&runs[i]);
    }
    agt_test_server_free(server);
    tear_down(&test);
}

/* ---- breaking off ---- */

static const char cut_response[] = "HTTP/1.1 200 OK\r\nServer: cut\r\nContent-Length: 11\r\n\r\n"
                                   "hello world";

static void run_cut(fixture *test, size_t size, agt_test_step_kind end)
{
    const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0}, {AGT_TEST_BYTES, cut_response, size}, {end, NULL, 0}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/"))};
    agt_test_http_run_all(&run, test->loop);
    assert_int_equal(run.dones, 1);
    if (size == sizeof(cut_response) - 1 && end == AGT_TEST_END) {
        assert_ok(&run, 200, "hello world");
    } else if (size < sizeof(cut_response) - 1) {
        assert_true(run.has_err);
        assert_int_equal(run.err.status, AGT_E_NETWORK);
        /* What is not even the beginning of an HTTP answer is not said to be a lost one. */
        assert_true((run.err.flags & AGT_ERROR_RETRYABLE) != 0 || size < 5);
        assert_int_equal(run.err.flags & AGT_ERROR_UNSENT, 0);
        assert_non_null(strstr(run.err.message, "\"127.0.0.1\""));
    }
    agt_test_http_free(&run);
    agt_test_server_free(server);
}

static void an_answer_may_break_off_at_every_byte(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    for (size_t size = 0; size < sizeof(cut_response); size++) {
        run_cut(&test, size, AGT_TEST_END);
        run_cut(&test, size, AGT_TEST_RESET);
    }
    tear_down(&test);
}

static void what_is_no_http_is_refused(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    };
    fixture test;
    set_up(&test);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const agt_test_step script[] = {
            {AGT_TEST_READ, NULL, 0}, {AGT_TEST_SEND, answers[i], 0}, {AGT_TEST_END, NULL, 0}};
        agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
        agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/"))};
        agt_test_http_run_all(&run, test.loop);
        if (!run.has_err) {
            fail_msg("taken for an answer: %s", answers[i]);
        }
        assert_int_equal(run.err.status, AGT_E_NETWORK);
        agt_test_http_free(&run);
        agt_test_server_free(server);
    }
    tear_down(&test);
}

/* ---- silence ---- */

static const agt_test_step silent[] = {
    {AGT_TEST_READ, NULL, 0}, {AGT_TEST_HANG, NULL, 0}, {AGT_TEST_END, NULL, 0}};

static const agt_test_step half_silent[] = {
    {AGT_TEST_READ, NULL, 0},
    {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello ", 0},
    {AGT_TEST_HANG, NULL, 0},
    {AGT_TEST_END, NULL, 0},
};

static void a_server_that_never_answers(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(silent));
    const char *url = agt_test_server_get_url(server, "/");
    agt_test_http_run total = {.request = REQUEST(.url = url, .timeout_ms = 30)};
    agt_test_http_run_all(&total, test.loop);
    assert_fails(&total, AGT_E_TIMEOUT, "no complete answer from \"127.0.0.1\" within 30 ms");
    assert_int_equal(total.heads, 0);
    assert_int_equal(total.err.flags & AGT_ERROR_UNSENT, 0);
    agt_test_server_wait_closed(server, 1);
    agt_test_http_run idle = {
        .request = REQUEST(.url = url, .idle_timeout_ms = 30, .timeout_ms = AGT_MS_NONE)};
    agt_test_http_run_all(&idle, test.loop);
    assert_fails(&idle, AGT_E_TIMEOUT, "\"127.0.0.1\" was silent for 30 ms");
    agt_test_server_wait_closed(server, 2);
    agt_test_server_free(server);
    tear_down(&test);
}

static void a_server_that_falls_silent(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(half_silent));
    agt_test_http_run run = {
        .request = REQUEST(.url = agt_test_server_get_url(server, "/"), .idle_timeout_ms = 30)};
    agt_test_http_run_all(&run, test.loop);
    assert_fails(&run, AGT_E_TIMEOUT, "silent");
    assert_int_equal(run.http_status, 200);
    agt_test_server_wait_closed(server, 1);
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

/* A listening socket whose queue is full does not answer attempts to connect. */
static int open_deaf_port(uint16_t *ret_port, int *clients, int count)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < count; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(clients[i], (struct sockaddr *)&address, size);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void a_connection_that_is_not_answered(void **state)
{
    (void)state;
    fixture test;
    uint16_t port = 0;
    int clients[8];
    int fd = open_deaf_port(&port, clients, 8);
    set_up(&test);
    char url[64], text[100];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)port);
    (void)snprintf(text, sizeof(text), "no connection to \"127.0.0.1\" port %u within 40 ms",
                   (unsigned)port);
    agt_test_http_run run = {.request = REQUEST(.url = url, .connect_timeout_ms = 40)};
    agt_test_http_run_all(&run, test.loop);
    assert_fails(&run, AGT_E_TIMEOUT, text);
    assert_true((run.err.flags & AGT_ERROR_UNSENT) != 0);
    tear_down(&test);
    for (int i = 0; i < 8; i++) {
        (void)close(clients[i]);
    }
    (void)close(fd);
}

/* ---- stopping ---- */

static void cancelling_closes_the_connection(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(silent));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/"))};
    agt_test_http_start(&run, test.loop);
    (void)agt_test_server_wait_request(server, 1);
    agt_test_http_cancel(&run);
    agt_test_http_wait(&run);
    agt_test_server_wait_closed(server, 1);
    assert_int_equal(run.dones, 0);
    agt_test_server_free(server);
    tear_down(&test);
}

static void handlers_may_cancel(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(half_silent));
    const char *url = agt_test_server_get_url(server, "/");
    agt_test_http_run at_head = {.request = REQUEST(.url = url), .cancel_at = ""};
    agt_test_http_run_all(&at_head, test.loop);
    agt_test_server_wait_closed(server, 1);
    assert_int_equal(at_head.http_status, 200);
    assert_int_equal(at_head.body_size, 0);
    assert_int_equal(at_head.dones, 0);
    agt_test_http_free(&at_head);
    agt_test_http_run at_body = {.request = REQUEST(.url = url), .cancel_at = "hello"};
    agt_test_http_run_all(&at_body, test.loop);
    agt_test_server_wait_closed(server, 2);
    assert_int_equal(at_body.dones, 0);
    agt_test_http_free(&at_body);
    agt_test_server_free(server);
    tear_down(&test);
}

static void a_reader_may_stop(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(half_silent));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/")),
                             .stop_at = "hello"};
    agt_test_http_run_all(&run, test.loop);
    assert_fails(&run, AGT_E_CANCELLED, "stopped");
    agt_test_server_wait_closed(server, 1);
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

/* From within a handler: start one request, start and cancel another, cancel a third. */
typedef struct meddling {
    fixture *test;
    agt_test_http_run *started, *dropped, *other;
    bool is_done;
} meddling;

static void meddle(agt_test_http_run *run)
{
    meddling *self = run->ctx;
    if (self->is_done) {
        return;
    }
    self->is_done = true;
    agt_test_http_start_inside(self->started, self->test->loop);
    agt_test_http_start_inside(self->dropped, self->test->loop);
    agt_test_http_cancel_inside(self->dropped);
    agt_test_http_cancel_inside(self->other);
}

static void handlers_may_start_and_cancel_others(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *quiet = agt_test_server_new(AGT_TEST_SCRIPTS(silent));
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(hello));
    char url[100];
    (void)snprintf(url, sizeof(url), "%s", agt_test_server_get_url(server, "/"));
    agt_http_request request = AGT_CONFIG(agt_http_request, .url = url);
    agt_test_http_run other = {.request = REQUEST(.url = agt_test_server_get_url(quiet, "/"))};
    agt_test_http_start(&other, test.loop);
    (void)agt_test_server_wait_request(quiet, 1);

    agt_test_http_run started = {.request = &request}, dropped = {.request = &request};
    meddling plan = {.test = &test, .started = &started, .dropped = &dropped, .other = &other};
    agt_test_http_run run = {.request = &request, .on_body = meddle, .ctx = &plan};
    agt_test_http_run_all(&run, test.loop);
    assert_ok(&run, 200, "hello");
    agt_test_http_wait(&started);
    assert_ok(&started, 200, "hello");
    agt_test_http_wait(&dropped);
    agt_test_http_wait(&other);
    agt_test_server_wait_closed(quiet, 1);
    assert_int_equal(dropped.heads + dropped.dones + other.heads + other.dones, 0);
    agt_test_http_free(&run);
    agt_test_http_free(&started);
    agt_test_server_free(server);
    agt_test_server_free(quiet);
    tear_down(&test);
}

static void what_runs_is_dropped_with_the_loop(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(silent, half_silent));
    agt_http_request request =
        AGT_CONFIG(agt_http_request, .url = agt_test_server_get_url(server, "/"));
    agt_test_http_run runs[2] = {{.request = &request}, {.request = &request}};
    agt_test_http_start(&runs[0], test.loop);
    agt_test_http_start(&runs[1], test.loop);
    (void)agt_test_server_wait_request(server, 2);
    agt__loop_free(test.loop);
    for (int i = 0; i < 2; i++) {
        agt_test_http_wait(&runs[i]);
        assert_fails(&runs[i], AGT_E_CANCELLED, "closing");
        agt_test_http_free(&runs[i]);
    }
    agt_test_server_wait_closed(server, 2);
    test.loop = NULL;
    agt_test_server_free(server);
    tear_down(&test);
}

/* ---- memory ---- */

static void use_http(const agt_allocator *allocator, void *ctx)
{
    agt__loop *loop = NULL;
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .allocator = allocator);
    if (agt__loop_new(&config, &loop, NULL) != AGT_OK) {
        return;
    }
    const agt_kv headers[] = {{"Authorization", "Bearer x"}, {"X-Empty", ""}};
    agt_test_http_run run = {
        .request = REQUEST(.url = agt_test_server_get_url(ctx, "/"), .method = "POST",
                           .headers = headers, .headers_count = 2, .body = "body", .body_size = 4,
                           .timeout_ms = 100000, .idle_timeout_ms = 100000, .redirects_max = 3)};
    agt_test_http_run_all(&run, loop);
    if (run.start_status == AGT_OK && !run.has_err) {
        assert_ok(&run, 200, "hello");
    } else {
        agt_status status = run.has_err ? run.err.status : run.start_status;
        assert_int_equal(status, AGT_E_NOMEM);
    }
    agt_test_http_free(&run);
    agt__loop_free(loop);
}

static void memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", 0},
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0},
        {AGT_TEST_AGAIN, NULL, 0},
    };
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_test_torture(use_http, server);
    agt_test_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_arrives),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(a_connection_that_was_closed_meanwhile_is_replaced),
        cmocka_unit_test(answers_that_are_errors_are_answers),
        cmocka_unit_test(interim_answers_and_trailers_are_not_shown),
        cmocka_unit_test(bytes_one_by_one),
        cmocka_unit_test(a_stream_is_handed_on_as_it_comes),
        cmocka_unit_test(many_at_a_time),
        cmocka_unit_test(an_answer_may_break_off_at_every_byte),
        cmocka_unit_test(what_is_no_http_is_refused),
        cmocka_unit_test(a_server_that_never_answers),
        cmocka_unit_test(a_server_that_falls_silent),
        cmocka_unit_test(a_connection_that_is_not_answered),
        cmocka_unit_test(cancelling_closes_the_connection),
        cmocka_unit_test(handlers_may_cancel),
        cmocka_unit_test(a_reader_may_stop),
        cmocka_unit_test(handlers_may_start_and_cancel_others),
        cmocka_unit_test(what_runs_is_dropped_with_the_loop),
        cmocka_unit_test(memory_may_run_out_at_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
