/*
 * The incoming half of HTTP: the callbacks that curl calls with the pieces of a response, and what
 * a failure is called.
 *
 * Heads: curl shows each line of each head it receives. Those of interim responses (1xx) and of
 * redirects that will be followed are read and dropped; the final one is handed on, once. Names are
 * made lower case, and the whole head is bounded.
 *
 * Bodies: what arrives is counted after decompression; a body that grows out of proportion to what
 * came over the wire is a bomb, and stops too.
 *
 * A callback that wants curl to stop notes why in stop_status and answers 0. Messages name the host
 * and say what can be done; they never hold a header's value.
 */
#include "base/error.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ORIGIN          "net/http"
#define HEAD_BYTES_MAX  ((size_t)256 * 1024)
#define HEAD_FIELDS_MAX ((size_t)256)
/* Decompressed bytes allowed per byte received, beyond the first megabyte. curl counts a received
 * piece only after it has been decompressed: the slack is more than one piece. */
#define RATIO_MAX   100u
#define RATIO_SLACK ((uint64_t)64 * 1024)
#define RATIO_FREE  ((uint64_t)1024 * 1024)

/* ---- heads ---- */

static void reset_head(agt__http_head *head)
{
    agt__buffer_clear(&head->text);
    head->count = 0;
    head->status = 0;
    head->is_complete = false;
}

static agt_status add_field(agt_http_exchange *exchange, const char *line, size_t size)
{
    agt__http_head *head = &exchange->head;
    const char *colon = memchr(line, ':', size);
    if (colon == NULL || colon == line || *line == ' ' || *line == '\t') {
        return AGT_OK; /* no header: curl has let it pass, we do not */
    }
    agt_status status =
        agt__array_reserve(agt__http_get_allocator(exchange), &head->fields, &head->capacity,
                           head->count, sizeof(head->fields[0]), HEAD_FIELDS_MAX);
    if (status != AGT_OK) {
        return status;
    }
    size_t name_size = (size_t)(colon - line);
    agt__http_field field = {.name = head->text.size, .value = head->text.size + name_size + 1};
    char *name = agt__buffer_extend(&head->text, name_size + 1);
    for (size_t i = 0; name != NULL && i < name_size; i++) {
        name[i] = (char)(line[i] >= 'A' && line[i] <= 'Z' ? line[i] + ('a' - 'A') : line[i]);
    }
    if (name != NULL) {
        name[name_size] = '\0';
    }
    const char *value = colon + 1;
    size_t value_size = size - name_size - 1;
    while (value_size > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        value_size--;
    }
    while (value_size > 0 && (value[value_size - 1] == ' ' || value[value_size - 1] == '\t')) {
        value_size--;
    }
    agt__buffer_add(&head->text, value, value_size);
    agt__buffer_add(&head->text, "", 1);
    head->fields[head->count++] = field;
    return head->text.status;
}

static agt_status deliver_head(agt_http_exchange *exchange)
{
    const agt_allocator *allocator = agt__http_get_allocator(exchange);
    agt__http_head *head = &exchange->head;
    exchange->has_head = true;
    if (exchange->handler.on_head == NULL) {
        return AGT_OK;
    }
    agt_kv *headers = NULL;
    if (head->count > 0) {
        headers = agt__alloc(allocator, head->count * sizeof(*headers));
        if (headers == NULL) {
            return AGT_E_NOMEM;
        }
    }
    for (size_t i = 0; i < head->count; i++) {
        headers[i].key = head->text.bytes + head->fields[i].name;
        headers[i].value = head->text.bytes + head->fields[i].value;
    }
    agt_http_head shown = AGT_CONFIG(agt_http_head, .http_status = head->status, .headers = headers,
                                     .headers_count = head->count);
    exchange->handler.on_head(exchange->user_data, &shown);
    agt__free(allocator, headers);
    return AGT_OK;
}

/* "HTTP/1.1 200 OK" */
static int32_t read_status_line(const char *line, size_t size)
{
    const char *space = memchr(line, ' ', size);
    if (space == NULL || (size_t)(line + size - space) < 4) {
        return 0;
    }
    int32_t status = 0;
    for (int i = 1; i <= 3; i++) {
        if (space[i] < '0' || space[i] > '9') {
            return 0;
        }
        status = status * 10 + (space[i] - '0');
    }
    return status;
}

static agt_status take_head_line(agt_http_exchange *exchange, const char *line, size_t size)
{
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        reset_head(&exchange->head);
        exchange->head.status = read_status_line(line, size);
        return AGT_OK;
    }
    if (size > 0) {
        return add_field(exchange, line, size);
    }
    exchange->head.is_complete = true;
    bool is_interim = exchange->head.status < 200 && exchange->head.status != 101;
    if (is_interim || agt__http_is_redirect(exchange)) {
        return AGT_OK;
    }
    return deliver_head(exchange);
}

static void note_activity(agt_http_exchange *exchange)
{
    if (exchange->idle_ns != 0) {
        exchange->activity_ns = agt__loop_now_ns(agt__http_get_loop(exchange));
    }
}

static size_t on_header(char *bytes, size_t one, size_t size, void *user_data)
{
    (void)one;
    agt_http_exchange *exchange = user_data;
    if (exchange->is_cancelled) {
        return 0;
    }
    note_activity(exchange);
    size_t length = size;
    while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r')) {
        length--;
    }
    if (!exchange->has_head) { /* what comes later are trailers */
        exchange->stop_status = take_head_line(exchange, bytes, length);
    }
    return exchange->stop_status == AGT_OK && !exchange->is_cancelled ? size : 0;
}

/* ---- bodies ---- */

static bool is_bomb(const agt_http_exchange *exchange)
{
    curl_off_t received = 0;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    uint64_t wire_bytes = received > 0 ? (uint64_t)received : 0;
    return exchange->response_bytes > RATIO_FREE &&
           exchange->response_bytes / RATIO_MAX > wire_bytes + RATIO_SLACK;
}

static agt_status take_body(agt_http_exchange *exchange, const char *bytes, size_t size)
{
    exchange->response_bytes += size;
    if (exchange->response_bytes > exchange->response_bytes_max) {
        return AGT_E_LIMIT;
    }
    if (is_bomb(exchange)) {
        exchange->is_bomb = true;
        return AGT_E_LIMIT;
    }
    if (!exchange->has_head || exchange->handler.on_data == NULL || size == 0) {
        return AGT_OK; /* of a redirect */
    }
    return exchange->handler.on_data(exchange->user_data, bytes, size) ? AGT_OK : AGT_E_CANCELLED;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *user_data)
{
    (void)one;
    agt_http_exchange *exchange = user_data;
    if (exchange->is_cancelled) {
        return size + 1;
    }
    note_activity(exchange);
    if (exchange->is_paused) { /* curl keeps this piece, and gives it again */
        exchange->is_stopped = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    exchange->stop_status = take_body(exchange, bytes, size);
    /* Another number than @size stops curl; 0 would not if there was nothing. */
    return exchange->stop_status == AGT_OK && !exchange->is_cancelled ? size : size + 1;
}

/* ---- connecting ---- */

static void note_denied(agt_http_exchange *exchange, const struct sockaddr *address)
{
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (inet_ntop(address->sa_family, bytes, exchange->denied_address,
                  sizeof(exchange->denied_address)) == NULL) {
        agt__copy_text(exchange->denied_address, sizeof(exchange->denied_address), "?");
    }
}

/* The one way out: what is connected to is checked here, after every name was resolved. */
static curl_socket_t on_open_socket(void *user_data, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    (void)purpose;
    agt_http_exchange *exchange = user_data;
    if (agt__http_is_guarded(exchange) &&
        agt__address_is_private(&address->addr, address->addrlen)) {
        note_denied(exchange, &address->addr);
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    exchange->socket_error = fd < 0 ? errno : 0;
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

void agt__http_set_callbacks(agt_http_exchange *exchange)
{
    CURL *easy = exchange->easy;
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
}

/* ---- what went wrong ---- */

static agt_status explain_stop(const agt_http_exchange *exchange, agt_error *err)
{
    const char *host = exchange->host;
    agt_status status = exchange->stop_status;
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (status == AGT_E_CANCELLED) {
        return agt__error_set(err, status, ORIGIN, "the reader stopped the answer of \"%s\"", host);
    }
    if (exchange->is_bomb) {
        return agt__error_set(err, status, ORIGIN,
                              "the answer of \"%s\" grows more than %u times when decompressed",
                              host, RATIO_MAX);
    }
    if (exchange->response_bytes > exchange->response_bytes_max) {
        return agt__error_set(err, status, ORIGIN,
                              "the answer of \"%s\" is larger than %" PRIu64 " bytes", host,
                              exchange->response_bytes_max);
    }
    return agt__error_set(err, status, ORIGIN, "the answer of \"%s\" has too many headers", host);
}

static agt_status explain_connect(const agt_http_exchange *exchange, agt_error *err)
{
    unsigned port = exchange->port;
    long os_errno = 0;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (exchange->denied_address[0] != '\0') {
        return agt__error_set(err, AGT_E_DENIED, ORIGIN,
                              "\"%s\" is at %s, which is not a public address", exchange->host,
                              exchange->denied_address);
    }
    if (exchange->socket_error != 0) {
        return agt__error_set_errno(err, AGT_E_IO, ORIGIN, exchange->socket_error,
                                    "cannot open a socket to \"%s\"", exchange->host);
    }
    if (os_errno != 0) {
        return agt__error_set_errno(
            err, AGT_E_NETWORK, ORIGIN, (int)os_errno,
            "cannot connect to \"%s\" port %u (is it running, and reachable from here?)",
            exchange->host, port);
    }
    return agt__error_set(
        err, AGT_E_NETWORK, ORIGIN,
        "cannot connect to \"%s\" port %u: is it running, and reachable from here?", exchange->host,
        port);
}

static agt_status explain_tls(const agt_http_exchange *exchange, CURLcode code, agt_error *err)
{
    const char *detail =
        exchange->error_text[0] != '\0' ? exchange->error_text : curl_easy_strerror(code);
    return agt__error_set(err, AGT_E_NETWORK, ORIGIN,
                          "no secure connection to \"%s\" port %u (%s): check the certificate, the "
                          "clock of this machine, and whether the port speaks https",
                          exchange->host, (unsigned)exchange->port, detail);
}

static agt_status explain_code(const agt_http_exchange *exchange, CURLcode code, agt_error *err)
{
    const char *host = exchange->host;
    switch ((int)code) {
    case CURLE_OUT_OF_MEMORY:
        return agt__error_nomem(err, ORIGIN);
    case CURLE_COULDNT_RESOLVE_HOST:
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN,
                              "no address is known for \"%s\": check its spelling, the network and "
                              "the name server",
                              host);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN,
                              "no address is known for the proxy: check the variables http_proxy "
                              "and https_proxy");
    case CURLE_COULDNT_CONNECT:
        return explain_connect(exchange, err);
    case CURLE_OPERATION_TIMEDOUT:
        return agt__error_set(err, AGT_E_TIMEOUT, ORIGIN,
                              "no connection to \"%s\" port %u within %u ms", host,
                              (unsigned)exchange->port, (unsigned)exchange->connect_timeout_ms);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return explain_tls(exchange, code, err);
    case CURLE_GOT_NOTHING:
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN,
                              "\"%s\" closed the connection without an answer", host);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN,
                              "the connection to \"%s\" was lost before the end of its answer (%s)",
                              host, curl_easy_strerror(code));
    case CURLE_BAD_CONTENT_ENCODING:
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN,
                              "the answer of \"%s\" cannot be decompressed", host);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN, "\"%s\" port %u does not speak HTTP",
                              host, (unsigned)exchange->port);
    default:
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN, "the request to \"%s\" failed: %s", host,
                              curl_easy_strerror(code));
    }
}

static bool may_succeed_later(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
           code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
           code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR ||
           code == CURLE_SEND_ERROR || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
}

agt_status agt__http_explain(agt_http_exchange *exchange, CURLcode code, agt_error *err)
{
    if (exchange->stop_status != AGT_OK) {
        return explain_stop(exchange, err);
    }
    if (code == CURLE_OK && exchange->head.is_complete) {
        return AGT_OK;
    }
    if (code == CURLE_OK) {
        code = CURLE_PARTIAL_FILE; /* for curl a head may end with the connection */
    }
    agt_status status = explain_code(exchange, code, err);
    if (may_succeed_later(code) && (status == AGT_E_NETWORK || status == AGT_E_TIMEOUT)) {
        err->flags |= AGT_ERROR_RETRYABLE;
    }
    return status;
}
