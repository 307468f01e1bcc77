/*
 * One request to a model that somebody serves: the bytes out, the bytes in, and what they mean.
 *
 *     encode → http_start → head: is it a stream, a whole answer, or an error?
 *            → data: events to the format, or bytes to a buffer
 *            → done: the response, or what went wrong
 *
 * An exchange lives from the start of its call to the end of the HTTP exchange, on the loop thread.
 * Its answer (answer.h) holds what has arrived. However the call ends, that is its output: text and
 * usage of an answer that broke off, was cancelled or took too long are kept and paid for.
 *
 * A stream is over with its last event, but the connection is free for the next request only once
 * the server has ended the body. Nearly always that is in the same packet; a server that lets us
 * wait longer than LINGER_MS loses the connection and the call ends.
 *
 * A failure can be tried again only as long as no part of the answer has come: what was shown to
 * somebody cannot be taken back, and what was generated is paid for. The flag AGT_ERROR_RETRYABLE
 * is taken away from later ones.
 */
#include "llm/provider.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"
#include "net/sse.h"
#include "runtime/runtime.h"
#include "telemetry/semconv.h"

#include <string.h>

static const char origin[] = "llm/provider";

enum {
    LINGER_MS = 250,
    REDIRECTS_MAX = 3,
    SHOWN_BYTES_MAX = 200,
    RESPONSE_BYTES_MAX = 64 << 20,
    ERROR_BYTES_MAX = 256 << 10
};

typedef enum body_kind {
    BODY_STREAM,
    BODY_WHOLE,
    BODY_ERROR, /* of a status that is not 2xx */
} body_kind;

typedef struct exchange {
    agt_tool_call *call;
    agt__provider *provider;
    const agt_allocator *allocator;
    agt_runtime *runtime;
    agt_http_exchange *http; /* NULL once it is over */
    agt__answer *answer;
    agt__sse *sse;
    agt__buffer body; /* of what does not stream */
    body_kind kind;
    int32_t http_status; /* 0: no head has come */
    bool is_json, is_html;
    bool is_done;   /* the last event has come */
    bool has_begun; /* a part of the answer has come, and perhaps been shown to somebody */
    uint32_t retry_after_ms;
    char request_id[96]; /* as the server calls it; "" */
    agt_error error;     /* of the format, inside of a stream; status AGT_OK = none */
    agt__timer linger_timer;
} exchange;

static agt__provider *provider_of(const agt_tool_call *call)
{
    return ((const agt_model *)agt__tool_call_get_operation(call))->served;
}

static void free_exchange(exchange *self)
{
    agt__loop_timer_stop(self->runtime->loop, &self->linger_timer);
    agt__answer_free(self->answer);
    agt__sse_free(self->sse);
    agt__buffer_deinit(&self->body);
    agt__free(self->allocator, self);
}

/* ---- the end ---------------------------------------------------------------------------------
 */

/* The first bytes of a body that means nothing to us, fit to be shown. */
static void show_body(const agt__buffer *body, char shown[SHOWN_BYTES_MAX + 1])
{
    const char *text = agt__buffer_text(body);
    size_t used = 0;
    for (size_t i = 0; i < body->size && used < SHOWN_BYTES_MAX; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_space = c <= ' ' || c == 0x7F;
        if (!is_space || (used > 0 && shown[used - 1] != ' ')) {
            shown[used++] = is_space ? ' ' : c < 0x80 ? (char)c : '?';
        }
    }
    shown[used] = '\0';
}

static agt_value *parse_body(const exchange *self, agt_error *err)
{
    agt_value *value = NULL;
    const agt__buffer *body = &self->body;
    agt_status status =
        agt__wire_parse(self->allocator, agt__buffer_text(body), body->size, false, &value, err);
    return status == AGT_OK ? value : NULL;
}

/* A status that is not 2xx. */
static void fail_status(exchange *self, agt_error *err)
{
    char shown[SHOWN_BYTES_MAX + 1];
    agt_error unused;
    agt_value *body = parse_body(self, &unused);
    show_body(&self->body, shown);
    self->provider->wire->read_error(self->http_status, body, shown, err);
    uint32_t flags = err->flags;
    if (self->is_html && body == NULL) { /* not the model server: what is before it, or elsewhere */
        (void)agt__error_set(err, (agt_status)err->status, origin,
                             "%s answered with HTTP %d and an HTML page instead of JSON%s",
                             self->provider->url, self->http_status,
                             self->http_status < 500 ? ": is the base URL right?" : "");
    }
    err->flags = flags;
    err->cause = self->http_status;
    err->retry_after_ms = self->retry_after_ms;
    agt_value_unref(body);
}

/* A body that came whole, with a good status. */
static void read_whole(exchange *self, agt_error *err)
{
    char shown[SHOWN_BYTES_MAX + 1];
    agt_error reason = {.status = AGT_OK};
    if (self->body.status != AGT_OK) {
        (void)agt__error_nomem(err, origin);
        return;
    }
    agt_value *body = parse_body(self, &reason);
    if (body != NULL) {
        agt_status status = self->provider->wire->decode(body, self->answer, err);
        if (status == AGT_OK) {
            err->status = AGT_OK;
        }
    } else if (reason.status == AGT_E_NOMEM) {
        (void)agt__error_nomem(err, origin);
    } else if (self->is_html) {
        (void)agt__error_set(
            err, AGT_E_MODEL, origin,
            "%s answered with an HTML page instead of JSON: is the base URL right?",
            self->provider->url);
    } else {
        show_body(&self->body, shown);
        (void)agt__error_set(err, AGT_E_MODEL, origin,
                             "%s answered with something that is not JSON (%.120s): %.100s",
                             self->provider->url, reason.message, shown);
    }
    agt_value_unref(body);
}

static void fail_truncated(const exchange *self, agt_error *err)
{
    (void)agt__error_set(err, AGT_E_MODEL, origin,
                         "the answer of %s broke off: the stream ended without an end",
                         self->provider->url);
    err->flags = AGT_ERROR_RETRYABLE;
}

/* What the end of the exchange means; @reason: why it ended before the body did. */
static void judge(exchange *self, const agt_error *reason, agt_error *err)
{
    bool was_good = self->http_status >= 200 && self->http_status <= 299;
    *err = (agt_error){.status = AGT_OK};
    if (self->error.status != AGT_OK) {
        *err = self->error; /* we stopped reading because of it */
    } else if (self->is_done) {
        return;
    } else if (self->http_status != 0 && !was_good) {
        fail_status(self, err); /* even if the connection broke: the status says more */
    } else if (reason != NULL) {
        *err = *reason;
        if (err->status == AGT_E_NETWORK && self->http_status != 0) {
            err->flags |= AGT_ERROR_RETRYABLE; /* lost in the middle of the answer */
        }
    } else if (self->kind == BODY_WHOLE) {
        read_whole(self, err);
    } else if (!agt__answer_is_finished(self->answer)) {
        fail_truncated(self, err);
    }
}

/* Put what the server calls the request behind the message: their support asks for it. */
static void add_request_id(const exchange *self, agt_error *err)
{
    size_t length = strlen(err->message);
    const char *const before = " (request ", *const behind = ")";
    size_t needed = strlen(before) + strlen(self->request_id) + strlen(behind);
    if (self->request_id[0] != '\0' && length + needed < sizeof(err->message)) {
        agt__copy_text(err->message + length, sizeof(err->message) - length, before);
        length += strlen(before);
        agt__copy_text(err->message + length, sizeof(err->message) - length, self->request_id);
        length += strlen(self->request_id);
        agt__copy_text(err->message + length, sizeof(err->message) - length, behind);
    }
}

/* The call ends with what there is. The exchange is gone afterwards. */
static void complete(exchange *self, agt_error *err)
{
    agt_tool_call *call = self->call;
    agt_value *output = NULL;
    agt_error reason = {.status = AGT_OK};
    bool is_whole = err->status == AGT_OK;
    agt_status status = agt__answer_finish(self->answer, is_whole, &output, &reason);
    if (status != AGT_OK && is_whole) {
        *err = reason;
    }
    if (err->status != AGT_OK) {
        if (self->has_begun) {
            err->flags &= ~(uint32_t)AGT_ERROR_RETRYABLE;
        }
        add_request_id(self, err);
        agt__redact(err->message, self->provider->key);
        agt__tool_call_take_error(call, err);
    }
    status = (agt_status)err->status;
    agt__tool_call_set_state(call, NULL);
    free_exchange(self);
    agt__tool_call_complete(call, status, output);
}

static void on_done(void *user_data, const agt_error *reason)
{
    exchange *self = user_data;
    agt_error err;
    self->http = NULL;
    judge(self, reason, &err);
    complete(self, &err);
}

static void stop_http(exchange *self)
{
    if (self->http != NULL) {
        self->runtime->io->http_cancel(self->runtime->io->ctx, self->http);
        self->http = NULL;
    }
}

/* The last event came, and the server does not end the body. */
static void fire_linger(agt__timer *timer)
{
    exchange *self = (exchange *)(void *)((char *)timer - offsetof(exchange, linger_timer));
    agt_error err;
    stop_http(self);
    judge(self, NULL, &err);
    complete(self, &err);
}

/* ---- the answer ------------------------------------------------------------------------------
 */

static void on_answer_event(void *user_data, const agt__answer_event *event)
{
    exchange *self = user_data;
    self->has_begun = self->has_begun || event->kind != AGT__ANSWER_EVENT_USAGE;
    agt__model_tell(self->call, event);
}

static bool on_sse_event(void *user_data, const agt__sse_event *event)
{
    exchange *self = user_data;
    if (self->is_done) {
        return true; /* whatever follows the end is not looked at */
    }
    agt_error err = {.status = AGT_OK};
    agt_status status = self->provider->wire->stream_event(self->answer, event->type, event->data,
                                                           event->data_size, &self->is_done, &err);
    if (status != AGT_OK) {
        self->error = err;
        self->error.status = status;
        if (self->error.retry_after_ms == 0) {
            self->error.retry_after_ms = self->retry_after_ms;
        }
    }
    return status == AGT_OK;
}

static void start_linger(exchange *self)
{
    agt__loop *loop = self->runtime->loop;
    if (!agt__timer_is_started(&self->linger_timer)) {
        self->linger_timer.fire = fire_linger;
        /* Without memory for it the idle limit of the exchange has to do. */
        (void)agt__loop_timer_start(loop, &self->linger_timer,
                                    agt__runtime_now_ns(self->runtime) +
                                        (uint64_t)LINGER_MS * 1000000u);
    }
}

static bool feed_stream(exchange *self, const void *bytes, size_t size)
{
    agt_error err = {.status = AGT_OK};
    agt_status status = agt__sse_feed(self->sse, bytes, size, &err);
    if (status != AGT_OK && self->error.status == AGT_OK && !self->is_done) {
        (void)agt__error_set(&self->error, status == AGT_E_NOMEM ? status : AGT_E_MODEL, origin,
                             "the stream of %s cannot be read: %.200s", self->provider->url,
                             err.message);
    }
    if (self->is_done) {
        start_linger(self);
        return true;
    }
    return status == AGT_OK;
}

static bool on_data(void *user_data, const void *bytes, size_t size)
{
    exchange *self = user_data;
    if (self->kind == BODY_STREAM) {
        return feed_stream(self, bytes, size);
    }
    if (self->kind == BODY_ERROR && self->body.size + size > ERROR_BYTES_MAX) {
        return false; /* an error needs no more words than that */
    }
    agt__buffer_add(&self->body, bytes, size);
    return self->body.status == AGT_OK;
}

/* ---- the head --------------------------------------------------------------------------------
 */

static bool has_type(const char *value, const char *type)
{
    size_t length = strlen(type);
    return strncasecmp(value, type, length) == 0 && strchr("; \t", value[length]) != NULL;
}

static void read_content_type(exchange *self, const char *value)
{
    bool is_stream = has_type(value, "text/event-stream");
    self->is_json = has_type(value, "application/json");
    self->is_html = has_type(value, "text/html");
    if (self->kind == BODY_STREAM && (self->is_json || self->is_html)) {
        self->kind = BODY_WHOLE; /* a server that does not stream */
    } else if (self->kind == BODY_WHOLE && is_stream) {
        self->kind = BODY_STREAM; /* or only does */
    }
}

static void keep_limits(exchange *self, const agt_http_head *head, uint64_t unix_ns)
{
    agt_rate_limits limits;
    if (agt__wire_read_limits(head->headers, head->headers_count, unix_ns, &limits)) {
        limits.struct_size = sizeof(limits);
        limits.received_unix_ns = unix_ns;
        (void)pthread_mutex_lock(&self->provider->mutex);
        self->provider->limits = limits;
        (void)pthread_mutex_unlock(&self->provider->mutex);
    }
}

static void on_head(void *user_data, const agt_http_head *head)
{
    exchange *self = user_data;
    uint64_t unix_ns = self->runtime->clock->get_unix_ns(self->runtime->clock->ctx);
    self->http_status = head->http_status;
    if (head->http_status < 200 || head->http_status > 299) {
        self->kind = BODY_ERROR;
    }
    for (size_t i = 0; i < head->headers_count; i++) {
        const char *key = head->headers[i].key, *value = head->headers[i].value;
        if (strcmp(key, "content-type") == 0) {
            read_content_type(self, value);
        } else if (strcmp(key, "x-request-id") == 0 || strcmp(key, "request-id") == 0) {
            agt__copy_text(self->request_id, sizeof(self->request_id), value);
        }
    }
    self->retry_after_ms =
        agt__wire_read_retry_after_ms(head->headers, head->headers_count, unix_ns);
    keep_limits(self, head, unix_ns);
    agt__span_set_int(agt__tool_call_get_open_span(self->call), AGT__ATTR_HTTP_STATUS,
                      head->http_status);
}

static const agt_http_handler handler = {on_head, on_data, on_done};

/* ---- the request -----------------------------------------------------------------------------
 */

/* "x-api-key: KEY" or "authorization: Bearer KEY" in @text; false if there is no key. */
static agt_status write_key(const agt__provider *provider, const agt_tool_call *call, char *text,
                            size_t size, bool *ret_has_key, agt_error *err)
{
    char given[AGT__KEY_BYTES_MAX + 1];
    const char *key = provider->key;
    *ret_has_key = false;
    if (provider->get_key != NULL) {
        given[0] = '\0';
        agt_status status = provider->get_key(provider->user_data, call, given, sizeof(given));
        given[sizeof(given) - 1] = '\0';
        if (status != AGT_OK || strpbrk(given, "\r\n") != NULL) {
            agt__wipe(given, sizeof(given));
            return agt__error_set(err, status != AGT_OK ? status : AGT_E_INVALID, origin,
                                  "get_key gave no key for a request to %s: %s", provider->url,
                                  status != AGT_OK ? agt_status_get_text(status)
                                                   : "there is a line break in it");
        }
        key = given[0] != '\0' ? given : NULL;
    }
    if (key != NULL) {
        bool is_bearer = provider->wire->key_header == NULL || provider->bearer;
        agt__copy_text(text, size, is_bearer ? "Bearer " : "");
        agt__copy_text(text + strlen(text), size - strlen(text), key);
        *ret_has_key = true;
    }
    if (provider->get_key != NULL) {
        agt__wipe(given, sizeof(given));
    }
    return AGT_OK;
}

static agt_status send(exchange *self, const agt__buffer *body, agt_error *err)
{
    const agt__provider *provider = self->provider;
    char key[AGT__KEY_BYTES_MAX + 16];
    bool has_key;
    size_t count = 0;
    agt_status status = write_key(provider, self->call, key, sizeof(key), &has_key, err);
    if (status != AGT_OK) {
        return status;
    }
    agt_kv *headers = agt__calloc(self->allocator, provider->header_count + 3, sizeof(*headers));
    if (headers == NULL) {
        agt__wipe(key, sizeof(key));
        return agt__error_nomem(err, origin);
    }
    bool is_bearer = provider->wire->key_header == NULL || provider->bearer;
    headers[count++] = (agt_kv){"Content-Type", "application/json"};
    headers[count++] =
        (agt_kv){"Accept", provider->settings.stream ? "text/event-stream, application/json"
                                                     : "application/json"};
    if (has_key) {
        headers[count++] = (agt_kv){is_bearer ? "Authorization" : provider->wire->key_header, key};
    }
    for (size_t i = 0; i < provider->header_count; i++) {
        headers[count++] = provider->headers[i];
    }
    const agt_http_request request =
        AGT_CONFIG(agt_http_request, .method = "POST", .url = provider->url, .headers = headers,
                   .headers_count = count, .body = body->bytes, .body_size = body->size,
                   .connect_timeout_ms = provider->connect_timeout_ms,
                   .idle_timeout_ms = provider->idle_timeout_ms, .redirects_max = REDIRECTS_MAX,
                   .response_bytes_max = RESPONSE_BYTES_MAX);
    const agt_io *io = self->runtime->io;
    status = io->http_start(io->ctx, &request, &handler, self, &self->http, err);
    agt__wipe(key, sizeof(key));
    agt__free(self->allocator, headers);
    return status;
}

static agt_status make_exchange(agt_tool_call *call, exchange **ret_self, agt_error *err)
{
    agt__provider *provider = provider_of(call);
    exchange *self = agt__calloc(provider->allocator, 1, sizeof(*self));
    if (self == NULL) {
        return agt__error_nomem(err, origin);
    }
    self->call = call;
    self->provider = provider;
    self->allocator = provider->allocator;
    self->runtime = agt__tool_call_get_runtime(call);
    self->kind = provider->settings.stream ? BODY_STREAM : BODY_WHOLE;
    agt__buffer_init(&self->body, self->allocator, RESPONSE_BYTES_MAX);
    agt_status status = agt__answer_new(self->allocator, 0, on_answer_event, self, &self->answer);
    if (status == AGT_OK) {
        status = agt__sse_new(self->allocator, 0, on_sse_event, self, &self->sse);
    }
    if (status != AGT_OK) {
        free_exchange(self);
        return agt__error_nomem(err, origin);
    }
    *ret_self = self;
    return AGT_OK;
}

/* What the server sends waits on its side; without a table that can pause, here. */
static void hold(agt_tool_call *call, bool held)
{
    exchange *self = agt__tool_call_get_state(call);
    if (self == NULL || self->http == NULL) {
        return;
    }
    const agt_io *io = self->runtime->io;
    bool can_pause = io->struct_size >= offsetof(agt_io, http_pause) + sizeof(io->http_pause) &&
                     io->http_pause != NULL;
    if (can_pause) {
        io->http_pause(io->ctx, self->http, held); /* the exchange may be over behind this */
    }
}

static agt_status check_io(const agt_tool_call *call, agt_error *err)
{
    const agt_runtime *runtime = agt__tool_call_get_runtime(call);
    if (runtime->io != NULL && runtime->io->http_start != NULL) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_UNSUPPORTED, origin,
                          "%s is asked over the network, and this runtime has none: a simulated "
                          "one needs an agt_io that answers for it",
                          provider_of(call)->url);
}

static agt_status start(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    agt__provider *provider = provider_of(call);
    exchange *self = NULL;
    agt_error err = {.status = AGT_OK};
    agt__buffer body;
    (void)ret_output;
    agt__buffer_init(&body, provider->allocator, 0);
    agt_status status = check_io(call, &err);
    if (status == AGT_OK) {
        status = provider->wire->encode(provider->allocator, &provider->settings,
                                        agt_tool_call_get_input(call), &body, &err);
    }
    if (status == AGT_OK) {
        status = make_exchange(call, &self, &err);
    }
    if (status == AGT_OK) {
        status = send(self, &body, &err);
        if (status != AGT_OK) {
            free_exchange(self);
        }
    }
    agt__buffer_deinit(&body);
    if (status != AGT_OK) {
        err.flags |= AGT_ERROR_UNSENT;
        agt__tool_call_take_error(call, &err);
        return status;
    }
    agt__tool_call_set_state(call, self);
    *ret_pending = true;
    return AGT_OK;
}

/* The socket is closed at once, so that the server stops; what has come is kept. */
static bool cancel(agt_tool_call *call)
{
    exchange *self = agt__tool_call_get_state(call);
    agt_error err = {.status = AGT_OK};
    stop_http(self);
    (void)agt__error_set(&err, AGT_E_CANCELLED, origin, "the request to %s was given up",
                         self->provider->url);
    complete(self, &err);
    return true;
}

const agt__operation_table agt__provider_table = {
    .kind = "model",
    .start = start,
    .cancel = cancel,
    .hold = hold,
    .estimate = agt__model_estimate,
    .begin_span = agt__model_begin_span,
    .finish = agt__model_finish,
    .keep_told = agt__model_keep_told,
    .tell_again = agt__model_tell_again,
    .destroy = agt__model_destroy,
};
