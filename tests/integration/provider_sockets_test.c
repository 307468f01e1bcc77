/*
 * Connections to servers of models: which are used again and which are not, where a key goes, what
 * a cancelled run leaves behind, and servers that are not there.
 *
 * Nothing sleeps. A run is cancelled when as much of the answer has been told as the server has
 * sent; that its socket was closed is seen by the server.
 */
#include "support/test.h"

#include "llm/wire.h"

#include "support/formats.h"
#include "support/served.h"
#include "support/server.h"
#include "support/wire_vectors.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    text_size = 8192,
    cuts_max = 256
};

static const char stream_head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

typedef struct fixture {
    const agt_test_format *format;
    agt_test_served served;
    agt_test_question question;
    uint32_t connect_ms;    /* 0 = the default */
    char answer[text_size]; /* a whole stream with a length: the connection can be used again */
} fixture;

static void set_up(fixture *self, void *const *state)
{
    *self = (fixture){.format = *state};
    char *stream = agt_test_format_stream(self->format);
    (void)snprintf(self->answer, sizeof(self->answer),
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %zu\r\n"
                   "\r\n%s",
                   strlen(stream), stream);
    free(stream);
    agt_test_served_init(&self->served);
}

/* Asks @url, at most @attempts times. */
static void ask(fixture *self, const char *url, uint32_t attempts, agt_status status,
                const char *says)
{
    const agt_retry retry = AGT_CONFIG(agt_retry, .attempts_max = attempts, .delay_ms = 1);
    static const agt_kv headers[] = {{"X-Tenant", "tenant-secret"}};
    const agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = self->format->provider, .headers = headers,
                   .headers_count = 1, .retry = &retry, .connect_timeout_ms = self->connect_ms,
                   .plain_http = true);
    if (self->served.model == NULL) {
        agt_test_served_use(&self->served, &config, url);
    }
    agt_test_question_all(&self->question, &self->served, NULL);
    if (self->question.err.status != (int32_t)status ||
        strstr(self->question.err.message, says) == NULL) {
        fail_msg("%s: \"%s\"", agt_status_get_name((agt_status)self->question.err.status),
                 self->question.err.message);
    }
    assert_null(strstr(self->question.err.message, "secret"));
    agt_test_question_free(&self->question);
}

/* ---- one connection or another --------------------------------------------------------------- */

static void a_connection_is_used_again(void **state)
{
    fixture self;
    set_up(&self, state);
    const agt_test_step script[] = {{.kind = AGT_TEST_READ},
                                    {.kind = AGT_TEST_SEND, .text = self.answer},
                                    {.kind = AGT_TEST_AGAIN}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    for (int i = 0; i < 3; i++) {
        ask(&self, agt_test_server_get_url(server, ""), 1, AGT_OK, "");
    }
    assert_int_equal(agt_test_server_count_requests(server), 3);
    assert_int_equal(agt_test_server_count_connections(server), 1);
    agt_test_server_free(server);
    agt_test_served_deinit(&self.served);
}

/* T52: what follows on it would be taken for the answer to the next request. */
static void half_read_bodies_end_their_connection(void **state)
{
    fixture self;
    set_up(&self, state);
    char broken[text_size];
    (void)snprintf(broken, sizeof(broken),
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                   "Content-Length: 1000000\r\n\r\n%s%s%s",
                   self.format->begin, self.format->hello, self.format->error);
    const agt_test_step half[] = {
        {.kind = AGT_TEST_READ}, {.kind = AGT_TEST_SEND, .text = broken}, {.kind = AGT_TEST_HANG}};
    const agt_test_step whole[] = {{.kind = AGT_TEST_READ},
                                   {.kind = AGT_TEST_SEND, .text = self.answer},
                                   {.kind = AGT_TEST_HANG}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(half, whole));
    ask(&self, agt_test_server_get_url(server, ""), 1, AGT_E_MODEL, "Overloaded");
    agt_test_server_wait_closed(server, 1);
    ask(&self, "", 1, AGT_OK, "");
    assert_int_equal(agt_test_server_count_connections(server), 2);
    agt_test_server_free(server);
    agt_test_served_deinit(&self.served);
}

/* T53: the server closed it while nobody used it, or just when it was used. */
static void a_connection_that_was_closed_is_replaced_once(void **state)
{
    fixture self;
    set_up(&self, state);
    const agt_test_step close_idle[] = {{.kind = AGT_TEST_READ},
                                        {.kind = AGT_TEST_SEND, .text = self.answer},
                                        {.kind = AGT_TEST_END}};
    const agt_test_step close_used[] = {{.kind = AGT_TEST_READ},
                                        {.kind = AGT_TEST_SEND, .text = self.answer},
                                        {.kind = AGT_TEST_READ},
                                        {.kind = AGT_TEST_END}};
    const agt_test_step close_all[] = {{.kind = AGT_TEST_READ}, {.kind = AGT_TEST_END}};
    agt_test_server *server =
        agt_test_server_new(AGT_TEST_SCRIPTS(close_idle, close_used, close_used, close_all));
    const char *url = agt_test_server_get_url(server, "");
    ask(&self, url, 1, AGT_OK, "");
    ask(&self, url, 1, AGT_OK, ""); /* on the second connection */
    ask(&self, url, 1, AGT_OK, ""); /* on the second, then on the third */
    assert_int_equal(agt_test_server_count_connections(server), 3);
    assert_int_equal(agt_test_server_count_requests(server), 4);
    ask(&self, url, 1, AGT_E_NETWORK, "closed the connection without an answer");
    assert_int_equal(agt_test_server_count_connections(server), 4);
    assert_int_equal(agt_test_server_count_requests(server), 6);
    agt_test_server_free(server);
    agt_test_served_deinit(&self.served);
}

/* ---- where keys go --------------------------------------------------------------------------- */

static void the_key_is_sent_in_its_header(void **state)
{
    fixture self;
    char line[256];
    set_up(&self, state);
    const agt_test_step script[] = {{.kind = AGT_TEST_READ},
                                    {.kind = AGT_TEST_SEND, .text = self.answer},
                                    {.kind = AGT_TEST_END}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    ask(&self, agt_test_server_get_url(server, "/base/"), 1, AGT_OK, "");
    const char *request = agt_test_server_wait_request(server, 1);
    (void)snprintf(line, sizeof(line), "POST /base%s HTTP/1.1\r\n", self.format->path);
    assert_ptr_equal(strstr(request, line), request);
    assert_non_null(strstr(request, self.format->key));
    assert_non_null(strstr(request, "X-Tenant: tenant-secret\r\n"));
    assert_non_null(strstr(request, "Content-Type: application/json\r\n"));
    assert_null(strstr(request, "Expect:"));
    agt_test_server_free(server);
    agt_test_served_deinit(&self.served);
}

/* @status and where to: the part before the port of the other server (if there is a @rest), and the
 * part behind it. */
static void redirect(void **state, int status, const char *to, const char *rest, agt_status wanted,
                     const char *says, bool is_here, bool has_body)
{
    fixture self;
    char answer[512], location[256];
    set_up(&self, state);
    const agt_test_step good[] = {{.kind = AGT_TEST_READ},
                                  {.kind = AGT_TEST_SEND, .text = self.answer},
                                  {.kind = AGT_TEST_END}};
    const agt_test_step away[] = {
        {.kind = AGT_TEST_READ}, {.kind = AGT_TEST_SEND, .text = answer}, {.kind = AGT_TEST_END}};
    agt_test_server *other = agt_test_server_new(AGT_TEST_SCRIPTS(good));
    agt_test_server *first = agt_test_server_new(AGT_TEST_SCRIPTS(away, good));
    (void)snprintf(location, sizeof(location), "%s", to);
    if (rest != NULL) {
        (void)snprintf(location, sizeof(location), "%s:%u%s", to,
                       (unsigned)agt_test_server_get_port(other), rest);
    }
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n"
                   "Connection: close\r\n\r\n",
                   status, location);
    ask(&self, agt_test_server_get_url(first, ""), 1, wanted, says);
    assert_int_equal(agt_test_server_count_requests(first), is_here ? 2 : 1);
    assert_int_equal(agt_test_server_count_requests(other), wanted == AGT_OK && !is_here ? 1 : 0);
    if (wanted == AGT_OK) {
        const char *request =
            agt_test_server_wait_request(is_here ? first : other, is_here ? 2 : 1);
        assert_int_equal(strstr(request, AGT_TEST_KEY) != NULL, is_here);
        assert_int_equal(strstr(request, "tenant-secret") != NULL, is_here);
        assert_int_equal(strstr(request, "hello") != NULL, has_body);
    }
    agt_test_server_free(first);
    agt_test_server_free(other);
    agt_test_served_deinit(&self.served);
}

static void keys_do_not_follow_redirects_to_others(void **state)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        redirect(state, statuses[i], "http://127.0.0.1", "/v2", AGT_OK, "", false,
                 statuses[i] >= 307);
    }
    redirect(state, 307, "http://localhost", "/v2", AGT_OK, "", false, true);
    redirect(state, 307, "//127.0.0.1", "/v2", AGT_OK, "", false, true);
    redirect(state, 307, "/v2/elsewhere", NULL, AGT_OK, "", true, true);
    redirect(state, 307, "http://user:word@127.0.0.1", "/", AGT_E_NETWORK, "must not", false,
             false);
    redirect(state, 307, "file:///etc/passwd", NULL, AGT_E_NETWORK, "must not", false, false);
}

static void a_redirect_without_an_end(void **state)
{
    static const agt_test_step round[] = {
        {.kind = AGT_TEST_READ},
        {.kind = AGT_TEST_SEND,
         .text = "HTTP/1.1 308 Here\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"},
        {.kind = AGT_TEST_AGAIN}};
    fixture self;
    set_up(&self, state);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(round));
    ask(&self, agt_test_server_get_url(server, ""), 3, AGT_E_LIMIT, "redirects more than 3 times");
    assert_int_equal(agt_test_server_count_requests(server), 4);
    agt_test_server_free(server);
    agt_test_served_deinit(&self.served);
}

/* ---- servers that are not there -------------------------------------------------------------- */

/* A port of this machine; with a queue of 0 and nobody who accepts once @clients are in it. */
static int open_port(char *url, size_t size, const char *scheme, bool listens)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_true(!listens || listen(fd, 0) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(url, size, "%s://127.0.0.1:%u", scheme, (unsigned)ntohs(address.sin_port));
    return fd;
}

static void a_connection_that_is_refused(void **state)
{
    fixture self;
    char url[64];
    int fd = open_port(url, sizeof(url), "http", false);
    set_up(&self, state);
    ask(&self, url, 2, AGT_E_NETWORK, "is it running, and reachable from here?");
    agt_test_served_deinit(&self.served);
    (void)close(fd);
}

static void a_connection_that_is_not_answered(void **state)
{
    enum {
        count = 8
    };
    fixture self;
    char url[64];
    int clients[count];
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int fd = open_port(url, sizeof(url), "http", true);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < count; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(clients[i], (struct sockaddr *)&address, length);
    }
    set_up(&self, state);
    self.connect_ms = 100;
    ask(&self, url, 1, AGT_E_TIMEOUT, "within 100 ms");
    agt_test_served_deinit(&self.served);
    for (int i = 0; i < count; i++) {
        (void)close(clients[i]);
    }
    (void)close(fd);
}

static void a_port_that_does_not_speak_tls(void **state)
{
    static const agt_test_step talks[] = {
        {.kind = AGT_TEST_SEND, .text = "HTTP/1.1 400 Bad Request\r\n\r\n"},
        {.kind = AGT_TEST_END}};
    fixture self;
    char url[64];
    set_up(&self, state);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(talks));
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u",
                   (unsigned)agt_test_server_get_port(server));
    ask(&self, url, 1, AGT_E_NETWORK, "whether the port speaks https");
    agt_test_server_free(server);
    agt_test_served_deinit(&self.served);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* The text that the format has seen in the first @size bytes; the caller frees it. */
static char *text_of(const agt_test_format *format, const char *stream, size_t size)
{
    agt_test_wire_result result =
        agt_test_wire_stream(NULL, agt__wire_find(format->wire), stream, size, size);
    char *text = agt_test_response_text(result.response);
    agt_value_unref(result.response);
    return text;
}

/* T16, T51: after @size bytes of the stream. */
static void cancel_after(fixture *self, const char *stream, size_t size)
{
    const agt_test_step script[] = {{.kind = AGT_TEST_READ},
                                    {.kind = AGT_TEST_SEND, .text = stream_head},
                                    {.kind = AGT_TEST_BYTES, .text = stream, .size = size},
                                    {.kind = AGT_TEST_HANG}};
    agt_test_question *question = &self->question;
    agt_cancel *cancel = NULL;
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    const agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = self->format->provider);
    agt_test_served_use(&self->served, &config, agt_test_server_get_url(server, ""));
    assert_int_equal(agt_cancel_new(self->served.runtime, &cancel), AGT_OK);
    const agt_call_options options = AGT_CONFIG(agt_call_options, .cancel = cancel);
    char *text = text_of(self->format, stream, size);
    agt_test_question_start(question, &self->served, NULL, &options);
    (void)agt_test_server_wait_request(server, 1);
    agt_test_question_wait_told(question, strlen(text));
    agt_cancel_request(cancel);
    agt_test_question_finish(question);
    agt_test_server_wait_closed(server, 1);
    assert_int_equal(question->outcome, AGT_OUTCOME_CANCELLED);
    char *kept = agt_test_response_text(question->output);
    assert_string_equal(kept, text);
    if (text[0] != '\0') {
        assert_true(agt_value_get_bool(agt_value_get_member(question->output, "truncated"), false));
        assert_int_equal(question->usage.input_tokens,
                         self->format->tells_early ? AGT_TEST_INPUT_TOKENS : AGT_TOKENS_UNKNOWN);
    }
    assert_int_equal(agt_test_server_count_requests(server), 1);
    free(kept);
    free(text);
    agt_test_question_free(question);
    agt_cancel_unref(cancel);
    agt_test_server_free(server);
}

static void a_stream_is_cancelled_at_every_place(void **state)
{
    fixture self;
    set_up(&self, state);
    char *stream = agt_test_format_stream(self.format);
    size_t size = strlen(stream) - strlen(self.format->done) - strlen(self.format->end);
    size_t step = size / cuts_max + 1;
    for (size_t cut = 0; cut < size; cut += step) {
        cancel_after(&self, stream, cut);
    }
    cancel_after(&self, stream, size);
    free(stream);
    agt_test_served_deinit(&self.served);
}

static void closing_the_runtime_ends_a_stream(void **state)
{
    fixture self;
    set_up(&self, state);
    const agt_test_step script[] = {{.kind = AGT_TEST_READ},
                                    {.kind = AGT_TEST_SEND, .text = stream_head},
                                    {.kind = AGT_TEST_SEND, .text = self.format->begin},
                                    {.kind = AGT_TEST_SEND, .text = self.format->hello},
                                    {.kind = AGT_TEST_HANG}};
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    const agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = self.format->provider);
    agt_test_served_use(&self.served, &config, agt_test_server_get_url(server, ""));
    agt_test_question_start(&self.question, &self.served, NULL, NULL);
    agt_test_question_wait_told(&self.question, strlen(AGT_TEST_HELLO));
    assert_int_equal(agt_runtime_close(self.served.runtime, 0, NULL), AGT_OK);
    agt_test_question_finish(&self.question);
    agt_test_server_wait_closed(server, 1);
    assert_int_equal(self.question.outcome, AGT_OUTCOME_CANCELLED);
    char *kept = agt_test_response_text(self.question.output);
    assert_string_equal(kept, AGT_TEST_HELLO);
    free(kept);
    agt_test_question_free(&self.question);
    agt_test_server_free(server);
    agt_test_served_deinit(&self.served);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(half_read_bodies_end_their_connection),
        cmocka_unit_test(a_connection_that_was_closed_is_replaced_once),
        cmocka_unit_test(the_key_is_sent_in_its_header),
        cmocka_unit_test(keys_do_not_follow_redirects_to_others),
        cmocka_unit_test(a_redirect_without_an_end),
        cmocka_unit_test(a_connection_that_is_refused),
        cmocka_unit_test(a_connection_that_is_not_answered),
        cmocka_unit_test(a_port_that_does_not_speak_tls),
        cmocka_unit_test(a_stream_is_cancelled_at_every_place),
        cmocka_unit_test(closing_the_runtime_ends_a_stream),
    };
    enum {
        count = sizeof(each) / sizeof(each[0])
    };
    int failed = 0;
    for (size_t i = 0; i < agt_test_format_count; i++) {
        struct CMUnitTest tests[count];
        for (size_t n = 0; n < count; n++) {
            tests[n] = each[n];
            tests[n].initial_state = (void *)(uintptr_t)&agt_test_formats[i];
        }
        failed += _cmocka_run_group_tests(agt_test_formats[i].wire, tests, count, NULL, NULL);
    }
    return failed;
}
