/*
 * The incoming half of HTTP: limits on heads and bodies, compression and its bombs, addresses that
 * must not be reached, and what each failure is called. No failure may quote a secret.
 */
#include "support/http_run.h"
#include "support/server.h"
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define REQUEST(...) (&AGT_CONFIG(agt_http_request, __VA_ARGS__))
#define SECRET       "canary-7f3a"

static const agt_kv secret_header = {"Authorization", "Bearer " SECRET};

static agt__loop *new_loop(void)
{
    agt__loop *loop = NULL;
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .allocator = NULL);
    assert_int_equal(agt__loop_new(&config, &loop, NULL), AGT_OK);
    return loop;
}

static void run_on(agt__loop *loop, agt_test_http_run *run, agt_http_request request)
{
    request.struct_size = sizeof(request);
    request.headers = &secret_header;
    request.headers_count = 1;
    run->request = &request;
    agt_test_http_run_all(run, loop);
    assert_null(strstr(run->err.message, SECRET));
    run->request = NULL;
}

static void run_request(agt_test_http_run *run, agt_http_request request)
{
    agt__loop *loop = new_loop();
    run_on(loop, run, request);
    agt__loop_free(loop);
}

static void assert_fails(const agt_test_http_run *run, agt_status status, const char *text)
{
    assert_int_equal(run->start_status, AGT_OK);
    assert_true(run->has_err);
    if (run->err.status != status || strstr(run->err.message, text) == NULL) {
        fail_msg("status %d: %s", (int)run->err.status, run->err.message);
    }
}

static void assert_ok(const agt_test_http_run *run)
{
    if (run->start_status != AGT_OK || run->has_err) {
        fail_msg("%s%s", run->start_err.message, run->err.message);
    }
    assert_int_equal(run->http_status, 200);
}

/* A server with one answer: a head, then a body of any bytes. */
typedef struct answering {
    agt_test_step steps[4];
    const agt_test_step *scripts[1];
    agt_test_server *server;
} answering;

static const char *set_up(answering *self, const char *head, const agt_test_step *body)
{
    self->steps[0] = (agt_test_step){AGT_TEST_READ, NULL, 0};
    self->steps[1] = (agt_test_step){AGT_TEST_SEND, head, 0};
    self->steps[2] = body != NULL ? *body : (agt_test_step){AGT_TEST_END, NULL, 0};
    self->steps[3] = (agt_test_step){AGT_TEST_END, NULL, 0};
    self->scripts[0] = self->steps;
    self->server = agt_test_server_new(self->scripts, 1);
    return agt_test_server_get_url(self->server, "/");
}

static void tear_down(answering *self, agt_test_http_run *run)
{
    agt_test_http_free(run);
    agt_test_server_free(self->server);
}

/* ---- bodies ---- */

static void a_body_may_be_as_large_as_allowed(void **state)
{
    (void)state;
    const agt_test_step body = {AGT_TEST_FILL, NULL, 100000};
    answering from;
    const char *url = set_up(&from, "HTTP/1.1 200 OK\r\n\r\n", &body);
    agt_test_http_run fits = {.discards_body = true};
    run_request(&fits, (agt_http_request){.url = url, .response_bytes_max = 100000});
    assert_ok(&fits);
    assert_int_equal(fits.body_size, 100000);
    agt_test_http_run over = {.discards_body = true};
    run_request(&over, (agt_http_request){.url = url, .response_bytes_max = 99999});
    assert_fails(&over, AGT_E_LIMIT, "the answer of \"127.0.0.1\" is larger than 99999 bytes");
    assert_true(over.body_size <= 99999);
    agt_test_http_free(&fits);
    tear_down(&from, &over);
}

static void a_body_without_end_is_cut(void **state)
{
    (void)state;
    const agt_test_step body = {AGT_TEST_FILL, NULL, (size_t)1 << 30};
    answering from;
    const char *url = set_up(&from, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", &body);
    agt_test_http_run run = {.discards_body = true};
    run_request(&run, (agt_http_request){.url = url});
    assert_fails(&run, AGT_E_LIMIT, "larger than 33554432 bytes");
    tear_down(&from, &run);
}

/* ---- compression ---- */

static char *compress_fill(size_t size, size_t *ret_size)
{
    char *fill = malloc(size);
    assert_non_null(fill);
    memset(fill, 'x', size);
    z_stream stream = {0};
    /* 16 more than the window's size: with the head of gzip */
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&stream, size);
    char *packed = malloc(bound);
    assert_non_null(packed);
    stream.next_in = (Bytef *)fill;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *ret_size = stream.total_out;
    (void)deflateEnd(&stream);
    free(fill);
    return packed;
}

static const char gzip_head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";

static void run_packed(agt_test_http_run *run, size_t size, size_t response_bytes_max)
{
    size_t packed_size = 0;
    char *packed = compress_fill(size, &packed_size);
    const agt_test_step body = {AGT_TEST_BYTES, packed, packed_size};
    answering from;
    const char *url = set_up(&from, gzip_head, &body);
    run_request(run, (agt_http_request){.url = url, .response_bytes_max = response_bytes_max});
    agt_test_server_free(from.server);
    free(packed);
}

static void what_is_compressed_is_unpacked(void **state)
{
    (void)state;
    agt_test_http_run run = {0};
    run_packed(&run, 50000, 0);
    assert_ok(&run);
    assert_int_equal(run.body_size, 50000);
    assert_int_equal(run.body[49999], 'x');
    agt_test_http_free(&run);
}

static void the_limit_counts_unpacked_bytes(void **state)
{
    (void)state;
    agt_test_http_run run = {.discards_body = true};
    run_packed(&run, 500000, 499999);
    assert_fails(&run, AGT_E_LIMIT, "larger than 499999 bytes");
    agt_test_http_free(&run);
}

static void a_bomb_is_stopped_long_before_the_limit(void **state)
{
    (void)state;
    agt_test_http_run run = {.discards_body = true};
    run_packed(&run, 64000000, SIZE_MAX);
    assert_fails(&run, AGT_E_LIMIT, "grows more than 100 times when decompressed");
    assert_true(run.body_size < 16000000);
    agt_test_http_free(&run);
}

/* ---- heads ---- */

/* An answer with @count headers whose values have @size bytes each. */
static char *many_headers(size_t count, size_t size)
{
    static const char start[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    char *head = malloc(sizeof(start) + count * (size + 20) + 10);
    assert_non_null(head);
    memcpy(head, start, sizeof(start) - 1);
    char *at = head + sizeof(start) - 1;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, "X-Header: ", 10);
        memset(at + 10, 'x', size);
        memcpy(at + 10 + size, "\r\n", 2);
        at += size + 12;
    }
    memcpy(at, "\r\n", 3);
    return head;
}

static void heads_are_bounded(void **state)
{
    (void)state;
    static const struct {
        size_t count, size;
        bool is_fine;
    } cases[] = {{200, 10, true}, {300, 10, false}, {3, 50000, true}, {6, 50000, false}};
    for (size_t i = 0; i < 4; i++) {
        char *head = many_headers(cases[i].count, cases[i].size);
        answering from;
        const char *url = set_up(&from, head, NULL);
        agt_test_http_run run = {0};
        run_request(&run, (agt_http_request){.url = url});
        if (cases[i].is_fine) {
            assert_ok(&run);
        } else {
            assert_true(run.has_err);
            assert_int_equal(run.heads, 0);
            assert_true(run.err.status == AGT_E_LIMIT || run.err.status == AGT_E_NETWORK);
        }
        tear_down(&from, &run);
        free(head);
    }
}

static void odd_header_lines(void **state)
{
    (void)state;
    answering from;
    const char *url = set_up(&from,
                             "HTTP/1.1 200 OK\r\nA:\t 1 \t\r\nB:2\r\n folded\r\n: nameless\r\n"
                             "C : 3\r\nContent-Length: 0\r\n\r\n",
                             NULL);
    agt_test_http_run run = {0};
    run_request(&run, (agt_http_request){.url = url});
    assert_ok(&run);
    assert_non_null(strstr(run.headers, "a: 1\n"));
    assert_non_null(strstr(run.headers, "b: 2\n"));
    assert_null(strstr(run.headers, "nameless"));
    tear_down(&from, &run);
}

/* ---- addresses ---- */

static const char ok_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void private_addresses_can_be_refused(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0}, {AGT_TEST_SEND, ok_answer, 0}, {AGT_TEST_AGAIN, NULL, 0}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    unsigned port = agt_test_server_get_port(server);
    agt__loop *loop = new_loop();
    /* An open connection to it must not be lent to a request that may not go there. */
    agt_test_http_run open = {0};
    run_on(loop, &open, (agt_http_request){.url = agt_test_server_get_url(server, "/")});
    assert_ok(&open);
    const char *const hosts[] = {"127.0.0.1", "localhost", "2130706433",
                                 "0x7f.1",    "0",         "[::ffff:127.0.0.1]"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char url[100];
        (void)snprintf(url, sizeof(url), "http://%s:%u/", hosts[i], port);
        agt_test_http_run run = {0};
        run_on(loop, &run, (agt_http_request){.url = url, .deny_private_addresses = true});
        assert_fails(&run, AGT_E_DENIED, "which is not a public address");
        assert_int_equal(run.err.flags, AGT_ERROR_UNSENT);
        agt_test_http_free(&run);
    }
    assert_int_equal(agt_test_server_count_connections(server), 1);
    /* And the way stays open for the others. */
    agt_test_http_run again = {0};
    run_on(loop, &again, (agt_http_request){.url = agt_test_server_get_url(server, "/")});
    assert_ok(&again);
    assert_int_equal(agt_test_server_count_connections(server), 1);
    agt_test_http_free(&open);
    agt_test_http_free(&again);
    agt__loop_free(loop);
    agt_test_server_free(server);
}

/* A proxy would connect for us, to wherever it is told. */
static void no_proxy_gets_around_the_refusal(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0}, {AGT_TEST_SEND, ok_answer, 0}, {AGT_TEST_AGAIN, NULL, 0}};
    agt_test_server *proxy = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    assert_int_equal(setenv("http_proxy", agt_test_server_get_url(proxy, ""), 1), 0);
    agt_test_http_run through = {0};
    run_request(&through, (agt_http_request){.url = "http://10.255.255.1:9/"});
    agt_test_http_run run = {0};
    run_request(
        &run, (agt_http_request){.url = "http://10.255.255.1:9/", .deny_private_addresses = true});
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_ok(&through); /* the proxy was used */
    assert_fails(&run, AGT_E_DENIED, "10.255.255.1");
    assert_int_equal(agt_test_server_count_requests(proxy), 1);
    agt_test_http_free(&through);
    agt_test_server_free(proxy);
}

/* ---- what failures are called ---- */

/* A port that nobody listens on: bound, so that nobody else gets it. */
static int bind_port(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void nobody_listens(void **state)
{
    (void)state;
    uint16_t port = 0;
    int fd = bind_port(&port);
    char url[64], text[200];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/?key=" SECRET, (unsigned)port);
    (void)snprintf(text, sizeof(text),
                   "cannot connect to \"127.0.0.1\" port %u (is it running, and reachable from "
                   "here?): Connection refused",
                   (unsigned)port);
    agt_test_http_run run = {0};
    run_request(&run, (agt_http_request){.url = url});
    assert_fails(&run, AGT_E_NETWORK, text);
    assert_int_equal(run.err.cause, ECONNREFUSED);
    assert_int_equal(run.err.flags, AGT_ERROR_RETRYABLE | AGT_ERROR_UNSENT);
    (void)close(fd);
}

/* A label of more than 63 characters: no name server needs to be asked. */
static void nobody_has_that_name(void **state)
{
    (void)state;
    char url[200];
    char label[71];
    memset(label, 'a', 70);
    label[70] = '\0';
    (void)snprintf(url, sizeof(url), "http://%s.invalid/", label);
    agt_test_http_run run = {0};
    run_request(&run, (agt_http_request){.url = url});
    assert_fails(&run, AGT_E_NETWORK, "no address is known for \"aaaa");
    assert_non_null(strstr(run.err.message, "check its spelling"));
    assert_int_equal(run.err.flags, AGT_ERROR_RETRYABLE | AGT_ERROR_UNSENT);
}

static void the_port_does_not_speak_https(void **state)
{
    (void)state;
    static const agt_test_step script[] = {{AGT_TEST_SEND, "HTTP/1.1 400 Bad Request\r\n\r\n", 0},
                                           {AGT_TEST_END, NULL, 0}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/",
                   (unsigned)agt_test_server_get_port(server));
    agt_test_http_run run = {0};
    run_request(&run, (agt_http_request){.url = url});
    assert_fails(&run, AGT_E_NETWORK, "no secure connection to \"127.0.0.1\" port ");
    assert_non_null(strstr(run.err.message, "check the certificate"));
    assert_int_equal(run.err.flags, AGT_ERROR_UNSENT);
    agt_test_server_free(server);
}

static void no_descriptor_is_left(void **state)
{
    (void)state;
    agt__loop *loop = new_loop();
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0}, {AGT_TEST_SEND, ok_answer, 0}, {AGT_TEST_END, NULL, 0}};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    assert_true(next >= 0);
    (void)close(next);
    struct rlimit limit = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    agt_test_http_run run = {0};
    run_on(loop, &run, (agt_http_request){.url = "http://127.0.0.1:9/"});
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(run.has_err || run.start_status != AGT_OK);
    assert_true(run.err.status == AGT_E_IO || run.start_status == AGT_E_NOMEM);
    agt_test_http_free(&run);
    /* The next one finds one. */
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_test_http_run after = {0};
    run_on(loop, &after, (agt_http_request){.url = agt_test_server_get_url(server, "/")});
    assert_ok(&after);
    agt_test_http_free(&after);
    agt__loop_free(loop);
    agt_test_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_may_be_as_large_as_allowed),
        cmocka_unit_test(a_body_without_end_is_cut),
        cmocka_unit_test(what_is_compressed_is_unpacked),
        cmocka_unit_test(the_limit_counts_unpacked_bytes),
        cmocka_unit_test(a_bomb_is_stopped_long_before_the_limit),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(odd_header_lines),
        cmocka_unit_test(private_addresses_can_be_refused),
        cmocka_unit_test(no_proxy_gets_around_the_refusal),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(nobody_has_that_name),
        cmocka_unit_test(the_port_does_not_speak_https),
        cmocka_unit_test(no_descriptor_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
