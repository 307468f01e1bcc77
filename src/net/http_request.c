/*
 * The outgoing half of HTTP: checking and copying a request, setting up curl for it, and following
 * redirects.
 *
 * Redirects are followed here and not by curl, one hop at a time, because the rule about
 * credentials is ours: to another origin (scheme, host, port) go only headers that are known to
 * carry none. Each hop passes the same checks as the first URL: scheme, no credentials in the URL,
 * and (on connect) the address.
 *
 * Nothing that a header holds ever gets into a message.
 */
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "net/http.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ORIGIN                     "net/http"
#define CONNECT_TIMEOUT_MS_DEFAULT 10000u
#define RESPONSE_BYTES_MAX_DEFAULT ((size_t)32 * 1024 * 1024)
#define HEADER_BYTES_MAX           ((size_t)64 * 1024)

/* Characters of a token (RFC 9110), besides letters and digits. */
static const char token_marks[] = "!#$%&'*+-.^_`|~";

/* What may go to another origin. Everything else might be a credential, whatever its name. */
static const char *const harmless_headers[] = {
    "accept",        "accept-charset", "accept-encoding",   "accept-language",
    "cache-control", "content-type",   "content-language",  "expect",
    "if-match",      "if-none-match",  "if-modified-since", "if-unmodified-since",
    "range",         "user-agent",
};

/* ---- URLs ---- */

typedef struct parsed_url {
    char *scheme, *host, *port;
} parsed_url;

static void free_url(parsed_url *url)
{
    curl_free(url->scheme);
    curl_free(url->host);
    curl_free(url->port);
}

static agt_status explain_url(CURLUcode code, agt_error *err)
{
    if (code == CURLUE_OUT_OF_MEMORY) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (code == CURLUE_USER_NOT_ALLOWED) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "the URL contains a user name or password: send a header instead");
    }
    return agt__error_set(err, AGT_E_INVALID, ORIGIN, "not a usable URL: %s",
                          curl_url_strerror(code));
}

/* Cuts @text into what is needed of it; only http and https. */
static agt_status parse_url(const char *text, parsed_url *ret_url, agt_error *err)
{
    CURLU *handle = curl_url();
    if (handle == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    parsed_url url = {NULL, NULL, NULL};
    CURLUcode code =
        curl_url_set(handle, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
    code = code != CURLUE_OK ? code : curl_url_get(handle, CURLUPART_SCHEME, &url.scheme, 0);
    bool is_known =
        code == CURLUE_OK && (strcmp(url.scheme, "http") == 0 || strcmp(url.scheme, "https") == 0);
    if (is_known) {
        code = curl_url_get(handle, CURLUPART_HOST, &url.host, 0);
        code = code != CURLUE_OK
                   ? code
                   : curl_url_get(handle, CURLUPART_PORT, &url.port, CURLU_DEFAULT_PORT);
    }
    curl_url_cleanup(handle);
    if (code == CURLUE_OK && is_known) {
        *ret_url = url;
        return AGT_OK;
    }
    free_url(&url);
    if (code == CURLUE_OK) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "only http and https URLs can be used");
    }
    return explain_url(code, err);
}

/* @return whether the URL has another origin than the one before */
static bool set_origin(agt_http_exchange *exchange, const parsed_url *url)
{
    uint16_t port = (uint16_t)strtoul(url->port, NULL, 10);
    bool is_other = port != exchange->port || strcasecmp(url->host, exchange->host) != 0 ||
                    strcmp(url->scheme, exchange->scheme) != 0;
    exchange->port = port;
    agt__copy_text(exchange->host, sizeof(exchange->host), url->host);
    agt__copy_text(exchange->scheme, sizeof(exchange->scheme), url->scheme);
    return is_other;
}

/* ---- headers ---- */

static bool is_token(const char *text)
{
    if (text == NULL || *text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        bool is_letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        bool is_digit = *text >= '0' && *text <= '9';
        if (!is_letter && !is_digit && strchr(token_marks, *text) == NULL) {
            return false;
        }
    }
    return true;
}

/* A value may hold anything but what would end the line. */
static bool is_value(const char *text)
{
    return text != NULL && text[strcspn(text, "\r\n")] == '\0';
}

static bool add_line(agt_http_exchange *exchange, const char *line)
{
    struct curl_slist *longer = curl_slist_append(exchange->headers, line);
    if (longer != NULL) {
        exchange->headers = longer;
    }
    return longer != NULL;
}

static agt_status add_header(agt_http_exchange *exchange, const agt_kv *header, agt_error *err)
{
    if (!is_token(header->key)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "\"%.60s\" is not the name of a header",
                              header->key != NULL ? header->key : "");
    }
    if (!is_value(header->value)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "the value of the header \"%.60s\" is missing or contains a line end",
                              header->key);
    }
    agt__buffer line;
    agt__buffer_init(&line, agt__http_get_allocator(exchange), HEADER_BYTES_MAX);
    agt__buffer_add_text(&line, header->key);
    /* For curl "name;" is a header without a value, and "name:" means: do not send it. */
    bool is_empty = header->value[strspn(header->value, " \t")] == '\0';
    agt__buffer_add_text(&line, is_empty ? ";" : ": ");
    agt__buffer_add_text(&line, is_empty ? "" : header->value);
    agt_status status = line.status;
    if (status == AGT_OK && !add_line(exchange, line.bytes)) {
        status = AGT_E_NOMEM;
    }
    if (line.bytes != NULL) {
        agt__wipe(line.bytes, line.size);
    }
    agt__buffer_deinit(&line);
    if (status == AGT_E_LIMIT) {
        return agt__error_set(err, status, ORIGIN, "the header \"%.60s\" is too large",
                              header->key);
    }
    return status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

static bool has_name(const char *line, const char *name)
{
    size_t length = strlen(name);
    return strncasecmp(line, name, length) == 0 && (line[length] == ':' || line[length] == ';');
}

static bool has_header(const agt_http_exchange *exchange, const char *name)
{
    for (const struct curl_slist *at = exchange->headers; at != NULL; at = at->next) {
        if (has_name(at->data, name)) {
            return true;
        }
    }
    return false;
}

static agt_status add_headers(agt_http_exchange *exchange, const agt_http_request *request,
                              agt_error *err)
{
    for (size_t i = 0; i < request->headers_count; i++) {
        agt_status status = add_header(exchange, &request->headers[i], err);
        if (status != AGT_OK) {
            return status;
        }
    }
    /* What curl would add by itself, and should not. */
    if ((!has_header(exchange, "Expect") && !add_line(exchange, "Expect:")) ||
        (!has_header(exchange, "Content-Type") && !add_line(exchange, "Content-Type:"))) {
        return agt__error_nomem(err, ORIGIN);
    }
    return AGT_OK;
}

static bool is_harmless(const char *line)
{
    for (size_t i = 0; i < sizeof(harmless_headers) / sizeof(harmless_headers[0]); i++) {
        if (has_name(line, harmless_headers[i])) {
            return true;
        }
    }
    return false;
}

/* Leave out what must not go to another origin, or belongs to a body that is not sent again. */
static agt_status filter_headers(agt_http_exchange *exchange, bool is_other_origin, bool has_body,
                                 agt_error *err)
{
    struct curl_slist *all = exchange->headers;
    exchange->headers = NULL;
    bool is_added = true;
    for (const struct curl_slist *at = all; at != NULL && is_added; at = at->next) {
        bool is_of_body =
            strncasecmp(at->data, "content-", 8) == 0 && !has_name(at->data, "Content-Type");
        if ((!is_other_origin || is_harmless(at->data)) && (has_body || !is_of_body)) {
            is_added = add_line(exchange, at->data);
        }
    }
    curl_slist_free_all(all);
    if (!is_added) {
        return agt__error_nomem(err, ORIGIN);
    }
    (void)curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
    return AGT_OK;
}

/* ---- curl ---- */

static agt_status set_method(agt_http_exchange *exchange, agt_error *err)
{
    CURL *easy = exchange->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (strcmp(exchange->method, "HEAD") == 0) {
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (exchange->body != NULL || strcmp(exchange->method, "POST") == 0) {
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POST, 1L);
        /* Not copied: the body belongs to the exchange. */
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                               exchange->body != NULL ? exchange->body : "");
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body_size);
        code = code != CURLE_OK ? code
                                : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
    } else {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        if (strcmp(exchange->method, "GET") != 0) {
            code = code != CURLE_OK
                       ? code
                       : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
        }
    }
    return code == CURLE_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

static agt_status set_url(agt_http_exchange *exchange, const char *url, agt_error *err)
{
    CURL *easy = exchange->easy;
    bool is_tls = strcmp(exchange->scheme, "https") == 0;
    /* With TLS the version is agreed upon before the first request, so that it pays to wait for a
     * connection that others can share. Without, everybody would wait for the first answer. */
    (void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                           is_tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK ? AGT_OK
                                                                : agt__error_nomem(err, ORIGIN);
}

static agt_status set_options(agt_http_exchange *exchange, const char *user_agent, agt_error *err)
{
    CURL *easy = exchange->easy;
    long connect_ms =
        exchange->connect_timeout_ms < INT_MAX ? (long)exchange->connect_timeout_ms : (long)INT_MAX;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error_text);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a slow resolver */
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    const char *ca_file = agt__http_get_ca_file(exchange);
    if (ca_file != NULL) {
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    }
    if (agt__http_is_guarded(exchange)) {
        /* Behind a proxy the address could not be checked. */
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    }
    agt__http_set_callbacks(exchange);
    return code == CURLE_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

/* ---- preparing ---- */

static agt_status copy_request(agt_http_exchange *exchange, const agt_http_request *request,
                               agt_error *err)
{
    const agt_allocator *allocator = agt__http_get_allocator(exchange);
    const char *method = request->method != NULL ? request->method : "GET";
    if (!is_token(method)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "\"%.60s\" is not a method", method);
    }
    if (request->body_size > 0 && request->body == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "a body has a size but is NULL");
    }
    exchange->method = agt__strdup(allocator, method);
    if (request->body != NULL) {
        exchange->body = agt__strndup(allocator, request->body, request->body_size);
        exchange->body_size = request->body_size;
    }
    if (exchange->method == NULL || (request->body != NULL && exchange->body == NULL)) {
        return agt__error_nomem(err, ORIGIN);
    }
    exchange->connect_timeout_ms =
        request->connect_timeout_ms != 0 ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS_DEFAULT;
    exchange->timeout_ms = request->timeout_ms != AGT_MS_NONE ? request->timeout_ms : 0;
    exchange->idle_timeout_ms =
        request->idle_timeout_ms != AGT_MS_NONE ? request->idle_timeout_ms : 0;
    exchange->redirects_max = exchange->redirects_left = request->redirects_max;
    exchange->response_bytes_max =
        request->response_bytes_max != 0 ? request->response_bytes_max : RESPONSE_BYTES_MAX_DEFAULT;
    return AGT_OK;
}

agt_status agt__http_prepare(agt_http_exchange *exchange, const agt_http_request *request,
                             const char *user_agent, agt_error *err)
{
    if (request->url == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "a request needs a URL");
    }
    parsed_url url;
    agt_status status = parse_url(request->url, &url, err);
    if (status != AGT_OK) {
        return status;
    }
    (void)set_origin(exchange, &url);
    free_url(&url);
    status = copy_request(exchange, request, err);
    status = status != AGT_OK ? status : add_headers(exchange, request, err);
    if (status != AGT_OK) {
        return status;
    }
    exchange->easy = curl_easy_init();
    if (exchange->easy == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    status = set_options(exchange, user_agent, err);
    status = status != AGT_OK ? status : set_method(exchange, err);
    return status != AGT_OK ? status : set_url(exchange, request->url, err);
}

void agt__http_clear(agt_http_exchange *exchange)
{
    const agt_allocator *allocator = agt__http_get_allocator(exchange);
    if (exchange->easy != NULL) {
        curl_easy_cleanup(exchange->easy);
        exchange->easy = NULL;
    }
    curl_slist_free_all(exchange->headers);
    exchange->headers = NULL;
    agt__free(allocator, exchange->method);
    agt__free(allocator, exchange->body);
    agt__buffer_deinit(&exchange->head.text);
    agt__free(allocator, exchange->head.fields);
}

/* ---- redirects ---- */

bool agt__http_is_redirect(const agt_http_exchange *exchange)
{
    int32_t status = exchange->head.status;
    if (exchange->redirects_max == 0 ||
        (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)) {
        return false;
    }
    for (size_t i = 0; i < exchange->head.count; i++) {
        if (strcmp(exchange->head.text.bytes + exchange->head.fields[i].name, "location") == 0) {
            return true;
        }
    }
    return false;
}

/* As browsers do: after 303 always, after 301 and 302 for POST, go on with GET and no body. */
static agt_status change_method(agt_http_exchange *exchange, bool *ret_has_body, agt_error *err)
{
    int32_t status = exchange->head.status;
    bool is_post = strcmp(exchange->method, "POST") == 0;
    bool is_head = strcmp(exchange->method, "HEAD") == 0;
    *ret_has_body = exchange->body != NULL;
    if (is_head || (status != 303 && !(is_post && (status == 301 || status == 302)))) {
        return AGT_OK;
    }
    char *method = agt__strdup(agt__http_get_allocator(exchange), "GET");
    if (method == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt__free(agt__http_get_allocator(exchange), exchange->method);
    agt__free(agt__http_get_allocator(exchange), exchange->body);
    exchange->method = method;
    exchange->body = NULL;
    exchange->body_size = 0;
    *ret_has_body = false;
    return set_method(exchange, err);
}

agt_status agt__http_follow(agt_http_exchange *exchange, agt_error *err)
{
    if (exchange->redirects_left == 0) {
        return agt__error_set(err, AGT_E_LIMIT, ORIGIN, "\"%s\" redirects more than %u times",
                              exchange->host, (unsigned)exchange->redirects_max);
    }
    exchange->redirects_left--;
    char *text = NULL;
    if (curl_easy_getinfo(exchange->easy, CURLINFO_REDIRECT_URL, &text) != CURLE_OK ||
        text == NULL) {
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN, "\"%s\" redirects to nowhere",
                              exchange->host);
    }
    parsed_url url;
    agt_error reason;
    agt_status status = parse_url(text, &url, &reason);
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (status != AGT_OK) {
        return agt__error_set(err, AGT_E_NETWORK, ORIGIN,
                              "\"%s\" redirects to where it must not: %s", exchange->host,
                              reason.message);
    }
    bool is_other_origin = set_origin(exchange, &url);
    bool has_body = false;
    free_url(&url);
    status = set_url(exchange, text, err);
    status = status != AGT_OK ? status : change_method(exchange, &has_body, err);
    return status != AGT_OK ? status : filter_headers(exchange, is_other_origin, has_body, err);
}
