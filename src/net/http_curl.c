/*
 * HTTP over libcurl's multi_socket interface on the loop: the client, its sockets and timers, and
 * the life of an exchange.
 *
 * Two clients (curl multi handles) exist, each made when it is first needed: one for ordinary
 * requests and one for those that must not reach private addresses. An address is checked when it
 * is connected to; if both shared their connections, a guarded request could be handed one that
 * was opened without the check.
 *
 * Pausing is answering CURL_WRITEFUNC_PAUSE to the next piece: nothing is taken and curl reads no
 * more, so what waits is one piece here and what the kernel has room for.
 *
 * curl must not be called from its own callbacks, and handlers are called from them. So a start, a
 * resume or a cancel from inside is only noted (`is_inside`, `noted`) and done in settle(), when
 * curl has returned; from outside it is done at once. on_done is always called from outside.
 *
 * curl gives up on a multi handle whose socket or timer callback fails. Neither can: the timer is
 * always in the heap (at the end of time while curl wants none), and watchers of sockets come from
 * a stock that every start fills up first. Should curl fail all the same, all exchanges of the
 * client end with an error, and the next request gets a new multi handle.
 *
 * Timeouts for the whole exchange and for silence are timers of the loop, so they follow its clock;
 * the one for connecting is curl's.
 */
#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "net/http.h"
#include "net/loop_impl.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdlib.h>

#define ORIGIN          "net/http"
#define CONNECTIONS_MAX 64L /* kept open without a request                               */
#define NEVER           UINT64_MAX

/* Sockets that one request may use at a time: two attempts to connect, its resolver, one spare. */
enum {
    watchers_each = 4
};

/* A socket that curl wants watched; on the client's list of free ones otherwise. */
typedef struct watcher {
    struct watcher *next;
    agt__http_client *client;
    struct event event;
} watcher;

struct agt__http_client {
    agt__http *http;
    CURLM *multi;
    agt__timer timer;
    agt_http_exchange *first;
    size_t count;
    watcher *free_watchers;
    size_t watcher_count; /* free and used */
    size_t noted;         /* exchanges to be added or dropped when curl has returned */
    bool is_guarded;
    bool is_inside;  /* curl is on the stack                                     */
    bool is_failing; /* curl has given up on the multi handle                    */
};

struct agt__http {
    agt__loop *loop;
    const agt_allocator *allocator;
    agt__http_client open;
    agt__http_client guarded;
    char *ca_file; /* NULL = the system's */
    bool is_stopping;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode init_code;

/* Once in a process, and never undone: the host may use curl as well. */
static void init_curl(void)
{
    init_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

agt__loop *agt__http_get_loop(const agt_http_exchange *exchange)
{
    return exchange->client->http->loop;
}

const agt_allocator *agt__http_get_allocator(const agt_http_exchange *exchange)
{
    return exchange->client->http->allocator;
}

const char *agt__http_get_ca_file(const agt_http_exchange *exchange)
{
    return exchange->client->http->ca_file;
}

bool agt__http_is_guarded(const agt_http_exchange *exchange)
{
    return exchange->client->is_guarded;
}

static void settle(agt__http_client *client);
static void fail_all(agt__http_client *client);

/* ---- sockets and timer ---- */

static void run_curl(agt__http_client *client, curl_socket_t socket, int what)
{
    int running = 0;
    client->is_inside = true;
    CURLMcode code = curl_multi_socket_action(client->multi, socket, what, &running);
    client->is_inside = false;
    if (code != CURLM_OK) {
        fail_all(client);
    }
    settle(client);
}

static void on_socket_event(evutil_socket_t fd, short what, void *arg)
{
    watcher *self = arg;
    agt__http_client *client = self->client;
    agt__loop_event_awake(client->http->loop);
    int mask = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
               ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    run_curl(client, fd, mask);
}

static void release_watcher(agt__http_client *client, watcher *self)
{
    (void)event_del(&self->event);
    self->next = client->free_watchers;
    client->free_watchers = self;
}

static int watch(agt__http_client *client, watcher *self, curl_socket_t fd, int what)
{
    short events = (short)((what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EV_READ : 0) |
                           (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EV_WRITE : 0));
    struct event_base *base = agt__loop_event_base(client->http->loop);
    if (event_assign(&self->event, base, fd, (short)(events | EV_PERSIST), on_socket_event, self) !=
        0) {
        return -1;
    }
    return event_add(&self->event, NULL);
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *user_data,
                            void *socket_data)
{
    (void)easy;
    agt__http_client *client = user_data;
    watcher *self = socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (self != NULL) {
            (void)curl_multi_assign(client->multi, fd, NULL);
            release_watcher(client, self);
        }
        return 0;
    }
    if (self != NULL) {
        (void)event_del(&self->event);
        return watch(client, self, fd, what);
    }
    self = client->free_watchers;
    if (self == NULL) {
        return -1;
    }
    client->free_watchers = self->next;
    self->client = client;
    (void)curl_multi_assign(client->multi, fd, self);
    return watch(client, self, fd, what);
}

static void move_timer(agt__http_client *client, uint64_t due_ns)
{
    /* It is in the heap, or has just been taken out of it: there is room. */
    agt_status status = agt__loop_timer_start(client->http->loop, &client->timer, due_ns);
    AGT_ASSERT(status == AGT_OK);
}

static int on_timer_change(CURLM *multi, long timeout_ms, void *user_data)
{
    (void)multi;
    agt__http_client *client = user_data;
    uint64_t due_ns = NEVER;
    if (timeout_ms >= 0) {
        due_ns = agt__loop_now_ns(client->http->loop) + (uint64_t)timeout_ms * 1000000u;
    }
    move_timer(client, due_ns);
    return 0;
}

static void on_timer(agt__timer *timer)
{
    agt__http_client *client =
        (agt__http_client *)((char *)timer - offsetof(agt__http_client, timer));
    move_timer(client, NEVER);
    run_curl(client, CURL_SOCKET_TIMEOUT, 0);
}

static bool fill_watchers(agt__http_client *client, size_t count)
{
    while (client->watcher_count < count) {
        watcher *self = agt__calloc(client->http->allocator, 1, sizeof(*self));
        if (self == NULL) {
            return false;
        }
        self->next = client->free_watchers;
        client->free_watchers = self;
        client->watcher_count++;
    }
    return true;
}

/* ---- clients ---- */

static agt_status open_client(agt__http_client *client, agt_error *err)
{
    if (client->multi != NULL) {
        return AGT_OK;
    }
    (void)pthread_once(&once, init_curl);
    if (init_code != CURLE_OK) {
        return agt__error_set(err, AGT_E_UNSUPPORTED, ORIGIN, "libcurl cannot be used here: %s",
                              curl_easy_strerror(init_code));
    }
    client->timer.fire = on_timer;
    if (agt__loop_timer_start(client->http->loop, &client->timer, NEVER) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    client->multi = curl_multi_init();
    if (client->multi == NULL) {
        agt__loop_timer_stop(client->http->loop, &client->timer);
        return agt__error_nomem(err, ORIGIN);
    }
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    return AGT_OK;
}

static void close_client(agt__http_client *client)
{
    if (client->multi == NULL) {
        return;
    }
    AGT_ASSERT(client->first == NULL);
    (void)curl_multi_cleanup(client->multi);
    client->multi = NULL;
    agt__loop_timer_stop(client->http->loop, &client->timer);
}

static void free_watchers(agt__http_client *client)
{
    while (client->free_watchers != NULL) {
        watcher *self = client->free_watchers;
        client->free_watchers = self->next;
        agt__free(client->http->allocator, self);
        client->watcher_count--;
    }
    AGT_ASSERT(client->watcher_count == 0);
}

/* Whom the environment says to trust; read once, since programs may change their environment. */
static const char *get_ca_file(void)
{
    static const char *const names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *name = secure_getenv(names[i]);
        if (name != NULL && name[0] != '\0') {
            return name;
        }
    }
    return NULL;
}

agt_status agt__http_new(agt__loop *loop, agt__http **ret_http, agt_error *err)
{
    agt__http *http = agt__calloc(loop->allocator, 1, sizeof(*http));
    if (http == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    http->loop = loop;
    http->allocator = loop->allocator;
    http->open.http = http->guarded.http = http;
    http->guarded.is_guarded = true;
    const char *ca_file = get_ca_file();
    http->ca_file = ca_file != NULL ? agt__strdup(http->allocator, ca_file) : NULL;
    if (ca_file != NULL && http->ca_file == NULL) {
        agt__free(http->allocator, http);
        return agt__error_nomem(err, ORIGIN);
    }
    *ret_http = http;
    return AGT_OK;
}

void agt__http_free(agt__http *http)
{
    if (http == NULL) {
        return;
    }
    AGT_ASSERT(http->open.multi == NULL && http->guarded.multi == NULL);
    free_watchers(&http->open);
    free_watchers(&http->guarded);
    agt__free(http->allocator, http->ca_file);
    agt__free(http->allocator, http);
}

/* ---- the life of an exchange ---- */

static void link_exchange(agt_http_exchange *exchange)
{
    agt__http_client *client = exchange->client;
    exchange->next = client->first;
    if (client->first != NULL) {
        client->first->previous = exchange;
    }
    client->first = exchange;
    client->count++;
}

static void unlink_exchange(agt_http_exchange *exchange)
{
    agt__http_client *client = exchange->client;
    if (exchange->previous != NULL) {
        exchange->previous->next = exchange->next;
    } else {
        client->first = exchange->next;
    }
    if (exchange->next != NULL) {
        exchange->next->previous = exchange->previous;
    }
    client->count--;
}

static void remove_from_curl(agt_http_exchange *exchange)
{
    AGT_ASSERT(!exchange->client->is_inside);
    if (exchange->is_added) {
        (void)curl_multi_remove_handle(exchange->client->multi, exchange->easy);
        exchange->is_added = false;
    }
}

/* Out of everything, and freed. Not while curl is on the stack. */
static void destroy(agt_http_exchange *exchange)
{
    agt__loop *loop = agt__http_get_loop(exchange);
    agt__loop_timer_stop(loop, &exchange->total_timer);
    agt__loop_timer_stop(loop, &exchange->idle_timer);
    remove_from_curl(exchange);
    unlink_exchange(exchange);
    exchange->client->noted -= exchange->is_noted ? 1 : 0;
    agt__http_clear(exchange);
    agt__free(exchange->client->http->allocator, exchange);
}

/* @err: NULL if the exchange is complete */
/* Whether not a byte of the request has left, of any of its hops. */
static bool is_unsent(const agt_http_exchange *exchange)
{
    long sent = 0;
    curl_off_t about_to_send_us = 0;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &sent);
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &about_to_send_us);
    return sent == 0 && about_to_send_us == 0 &&
           exchange->redirects_left == exchange->redirects_max;
}

static void finish(agt_http_exchange *exchange, agt_error *err)
{
    agt_http_handler handler = exchange->handler;
    void *user_data = exchange->user_data;
    if (err != NULL) {
        err->flags &= ~(uint32_t)AGT_ERROR_UNSENT;
        err->flags |= is_unsent(exchange) ? AGT_ERROR_UNSENT : 0;
    }
    destroy(exchange);
    handler.on_done(user_data, err);
}

static bool add_to_curl(agt_http_exchange *exchange)
{
    exchange->is_added = curl_multi_add_handle(exchange->client->multi, exchange->easy) == CURLM_OK;
    return exchange->is_added;
}

/* The next hop, with the same timers and limits. */
static void follow(agt_http_exchange *exchange)
{
    agt_error err;
    remove_from_curl(exchange);
    exchange->response_bytes = 0;
    exchange->is_stopped = false;
    if (agt__http_follow(exchange, &err) != AGT_OK) {
        finish(exchange, &err);
    } else if (!add_to_curl(exchange)) {
        (void)agt__error_nomem(&err, ORIGIN);
        finish(exchange, &err);
    }
}

static void on_curl_done(agt_http_exchange *exchange, CURLcode code)
{
    agt_error err;
    if (agt__http_explain(exchange, code, &err) != AGT_OK) {
        finish(exchange, &err);
    } else if (agt__http_is_redirect(exchange)) {
        follow(exchange);
    } else {
        finish(exchange, NULL);
    }
}

static void note(agt_http_exchange *exchange)
{
    exchange->client->noted += exchange->is_noted ? 0 : 1;
    exchange->is_noted = true;
}

/* Let curl read again; it gives what it kept at once. */
static void resume(agt_http_exchange *exchange)
{
    agt__http_client *client = exchange->client;
    if (exchange->is_paused || !exchange->is_stopped) {
        return;
    }
    exchange->is_stopped = false;
    bool was_inside = client->is_inside;
    client->is_inside = true;
    CURLcode code = curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
    client->is_inside = was_inside;
    if (code != CURLE_OK && !exchange->is_cancelled) {
        on_curl_done(exchange, code);
    }
}

/* One exchange that was started, cancelled or resumed while curl was on the stack. */
static void settle_one(agt__http_client *client)
{
    agt_http_exchange *exchange = client->first;
    while (exchange != NULL && !exchange->is_noted) {
        exchange = exchange->next;
    }
    AGT_ASSERT(exchange != NULL);
    exchange->is_noted = false;
    client->noted--;
    if (exchange->is_cancelled) {
        destroy(exchange);
    } else if (exchange->is_added) {
        resume(exchange);
    } else if (!add_to_curl(exchange)) {
        agt_error err;
        (void)agt__error_nomem(&err, ORIGIN);
        finish(exchange, &err);
    }
}

/* After curl has returned: what was noted meanwhile, then what has ended. Handlers that are called
 * from here may start and cancel exchanges, and even end up here again. */
static void settle(agt__http_client *client)
{
    for (;;) {
        while (client->noted > 0) {
            settle_one(client);
        }
        int left = 0;
        CURLMsg *message =
            client->multi != NULL ? curl_multi_info_read(client->multi, &left) : NULL;
        if (message == NULL) {
            return;
        }
        agt_http_exchange *exchange = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
        if (message->msg == CURLMSG_DONE && exchange != NULL) {
            on_curl_done(exchange, message->data.result);
        }
    }
}

/* curl has given up on the multi handle. */
static void fail_all(agt__http_client *client)
{
    agt_error err;
    (void)agt__error_set(&err, AGT_E_NETWORK, ORIGIN, "the HTTP client failed and starts anew");
    err.flags |= AGT_ERROR_RETRYABLE;
    client->is_failing = true;
    while (client->first != NULL) {
        if (client->first->is_cancelled) {
            destroy(client->first);
        } else {
            finish(client->first, &err);
        }
    }
    close_client(client);
    client->is_failing = false;
}

/* ---- timeouts ---- */

static void on_total_timeout(agt__timer *timer)
{
    agt_http_exchange *exchange =
        (agt_http_exchange *)((char *)timer - offsetof(agt_http_exchange, total_timer));
    agt_error err;
    (void)agt__error_set(&err, AGT_E_TIMEOUT, ORIGIN, "no complete answer from \"%s\" within %u ms",
                         exchange->host, (unsigned)exchange->timeout_ms);
    err.flags |= AGT_ERROR_RETRYABLE;
    finish(exchange, &err);
}

/* Bytes that we sent are a sign of life too: the server has taken them. */
static void on_idle_timeout(agt__timer *timer)
{
    agt_http_exchange *exchange =
        (agt_http_exchange *)((char *)timer - offsetof(agt_http_exchange, idle_timer));
    agt__loop *loop = agt__http_get_loop(exchange);
    uint64_t now_ns = agt__loop_now_ns(loop);
    curl_off_t sent = 0;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (sent != exchange->sent_bytes || exchange->is_paused) {
        exchange->sent_bytes = sent;
        exchange->activity_ns = now_ns;
    }
    if (now_ns - exchange->activity_ns < exchange->idle_ns) {
        agt_status status =
            agt__loop_timer_start(loop, timer, exchange->activity_ns + exchange->idle_ns);
        AGT_ASSERT(status == AGT_OK); /* it has just left room in the heap */
        return;
    }
    agt_error err;
    (void)agt__error_set(&err, AGT_E_TIMEOUT, ORIGIN, "\"%s\" was silent for %u ms", exchange->host,
                         (unsigned)exchange->idle_timeout_ms);
    err.flags |= AGT_ERROR_RETRYABLE;
    finish(exchange, &err);
}

static agt_status start_timers(agt_http_exchange *exchange)
{
    agt__loop *loop = agt__http_get_loop(exchange);
    uint64_t now_ns = agt__loop_now_ns(loop);
    exchange->total_timer.fire = on_total_timeout;
    exchange->idle_timer.fire = on_idle_timeout;
    exchange->activity_ns = now_ns;
    exchange->idle_ns = (uint64_t)exchange->idle_timeout_ms * 1000000u;
    agt_status status = AGT_OK;
    if (exchange->timeout_ms != 0) {
        uint64_t due_ns = now_ns + (uint64_t)exchange->timeout_ms * 1000000u;
        status = agt__loop_timer_start(loop, &exchange->total_timer, due_ns);
    }
    if (status == AGT_OK && exchange->idle_ns != 0) {
        status = agt__loop_timer_start(loop, &exchange->idle_timer, now_ns + exchange->idle_ns);
    }
    return status;
}

/* ---- the interface ---- */

static agt_status start(agt_http_exchange *exchange, const agt_http_request *request,
                        agt_error *err)
{
    agt__http_client *client = exchange->client;
    agt_status status = agt__http_prepare(exchange, request, client->http->loop->user_agent, err);
    if (status != AGT_OK) {
        return status;
    }
    if (!fill_watchers(client, client->count * watchers_each) || start_timers(exchange) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (client->is_inside) {
        note(exchange);
        return AGT_OK;
    }
    return add_to_curl(exchange) ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

agt_status agt__http_start(agt__http *http, const agt_http_request *request,
                           const agt_http_handler *handler, void *user_data,
                           agt_http_exchange **ret_exchange, agt_error *err)
{
    agt_http_request own;
    agt_status status = agt__config_read(&own, sizeof(own), request, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__http_client *client = own.deny_private_addresses ? &http->guarded : &http->open;
    if (http->is_stopping || client->is_failing) {
        return agt__error_set(err, AGT_E_CLOSED, ORIGIN, "no request can be sent: closing");
    }
    status = open_client(client, err);
    if (status != AGT_OK) {
        return status;
    }
    agt_http_exchange *exchange = agt__calloc(http->allocator, 1, sizeof(*exchange));
    if (exchange == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    exchange->client = client;
    exchange->handler = *handler;
    exchange->user_data = user_data;
    agt__buffer_init(&exchange->head.text, http->allocator, (size_t)256 * 1024);
    link_exchange(exchange);
    status = start(exchange, &own, err);
    if (status != AGT_OK) {
        destroy(exchange);
        return status;
    }
    *ret_exchange = exchange;
    return AGT_OK;
}

void agt__http_pause(agt_http_exchange *exchange, bool paused)
{
    agt__http_client *client = exchange->client;
    if (paused || !exchange->is_paused) {
        exchange->is_paused = paused;
        return; /* the next piece stops curl */
    }
    exchange->is_paused = false;
    exchange->activity_ns = agt__loop_now_ns(client->http->loop);
    if (!exchange->is_stopped) {
        return;
    }
    if (client->is_inside) {
        note(exchange);
        return;
    }
    resume(exchange);
    settle(client);
}

void agt__http_cancel(agt_http_exchange *exchange)
{
    if (exchange->client->is_inside) {
        exchange->is_cancelled = true;
        note(exchange);
    } else {
        destroy(exchange);
    }
}

static void stop_client(agt__http_client *client)
{
    AGT_ASSERT(!client->is_inside);
    while (client->first != NULL) {
        agt_error err;
        (void)agt__error_set(&err, AGT_E_CANCELLED, ORIGIN,
                             "the request to \"%s\" was dropped: closing", client->first->host);
        finish(client->first, &err);
    }
    close_client(client);
}

void agt__http_stop(agt__http *http)
{
    http->is_stopping = true;
    stop_client(&http->open);
    stop_client(&http->guarded);
}
