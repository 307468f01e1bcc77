/*
 * HTTP endpoints as tools: one request per attempt, through the agt_io of the runtime.
 *
 * The URL is a template that is parsed when the tool is registered. Its holes stand behind scheme,
 * host and port, so that data never chooses the server, and what fills them is percent-encoded, so
 * that it never becomes a path, a query or a parameter of its own; what a path would be shortened
 * by (".", "..", nothing) is rejected.
 *
 * The record of an attempt (http_run) lives from the start to on_done, or to the cancel, which
 * drops the connection at once. A request whose answer was lost may have had its effect: unless not
 * a byte of it had left, a tool with effects ends as "unknown".
 *
 * Threads: registration on any; the rest on the loop.
 */
#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"
#include "exec/argument.h"
#include "exec/executor.h"
#include "exec/tool_output.h"
#include "net/retry_after.h"
#include "telemetry/semconv.h"

#include <string.h>
#include <strings.h>

#define ORIGIN          "exec/http"
#define URL_BYTES_MAX   ((size_t)64 * 1024)
#define SHOWN_BYTES_MAX 200 /* of the body of an answer that is an error */

typedef struct http_tool {
    agt_tool tool; /* first */
    agt__argument url;
    bool is_literal;      /* the URL has no holes */
    size_t path_at;       /* where scheme, host and port end */
    agt_kv *headers;      /* owned texts */
    size_t headers_count; /* of the tool; room for two more of ours */
    char *method;
    bool has_body;             /* the method takes one */
    bool has_type, has_parent; /* the tool's headers say it themselves */
    agt_http_request request;  /* its numbers */
} http_tool;

typedef struct http_run {
    agt_tool_call *call;
    const http_tool *tool; /* the attempt has a reference */
    const agt_io *io;
    agt_http_exchange *exchange;
    agt__buffer body;
    int32_t http_status;
    uint32_t retry_after_ms;
    bool is_json, is_text;
} http_run;

static const http_tool *tool_of(const agt_tool_call *call)
{
    return (const http_tool *)(const void *)agt__tool_call_get_operation(call);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void free_run(http_run *run)
{
    agt__buffer_deinit(&run->body);
    agt__free(run->tool->tool.operation.allocator, run);
}

/* "application/json; charset=utf-8", "application/problem+json" */
static void read_content_type(http_run *run, const char *text)
{
    size_t length = strcspn(text, "; \t");
    run->is_text = strncasecmp(text, "text/", 5) == 0;
    run->is_json = (length == 16 && strncasecmp(text, "application/json", 16) == 0) ||
                   (length == 9 && strncasecmp(text, "text/json", 9) == 0) ||
                   (length > 5 && strncasecmp(text + length - 5, "+json", 5) == 0);
}

static void on_head(void *user_data, const agt_http_head *head)
{
    http_run *run = user_data;
    const agt_clock *clock = agt__tool_call_get_runtime(run->call)->clock;
    run->http_status = head->http_status;
    for (size_t i = 0; i < head->headers_count; i++) {
        if (strcmp(head->headers[i].key, "content-type") == 0) {
            read_content_type(run, head->headers[i].value);
        } else if (strcmp(head->headers[i].key, "retry-after") == 0) {
            run->retry_after_ms =
                agt__http_read_retry_after(head->headers[i].value, clock->get_unix_ns(clock->ctx));
        }
    }
    agt__span_set_int(agt__tool_call_get_open_span(run->call), AGT__ATTR_HTTP_STATUS,
                      head->http_status);
}

static bool on_data(void *user_data, const void *bytes, size_t size)
{
    http_run *run = user_data;
    agt__buffer_add(&run->body, bytes, size);
    return run->body.status == AGT_OK;
}

/* Whether the same request may well be answered otherwise later. */
static bool may_succeed_later(int32_t http_status)
{
    switch (http_status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

static agt_status fail_status(const http_run *run, agt_error *err)
{
    const agt__buffer *body = &run->body;
    int shown = body->size < SHOWN_BYTES_MAX ? (int)body->size : SHOWN_BYTES_MAX;
    (void)agt__error_set(err, AGT_E_HTTP, ORIGIN, "\"%s\" answered with HTTP status %d%s%.*s",
                         run->tool->tool.name, run->http_status, shown > 0 ? ": " : "", shown,
                         agt__buffer_text(body));
    err->cause = run->http_status;
    err->retry_after_ms = run->retry_after_ms;
    err->flags = may_succeed_later(run->http_status) ? AGT_ERROR_RETRYABLE : 0;
    return AGT_E_HTTP;
}

static agt_status read_body(const http_run *run, agt_value **ret_value, agt_error *err)
{
    const agt_allocator *allocator = run->tool->tool.operation.allocator;
    const char *name = run->tool->tool.name;
    const agt__buffer *body = &run->body;
    if (body->size == 0 && !run->is_text) {
        return AGT_OK; /* null */
    }
    if (run->is_json) {
        return agt__tool_read_json(allocator, body, "answer", name, ret_value, err);
    }
    if (!run->is_text && !agt__utf8_is_valid(body->bytes, body->size)) {
        return agt__error_set(err, AGT_E_TYPE, ORIGIN,
                              "the answer of \"%s\" is neither JSON nor text", name);
    }
    return agt__tool_read_text(allocator, body, ret_value, err);
}

/* The request failed before its answer was complete. */
static agt_status fail_exchange(const http_run *run, const agt_error *reason, agt_error *err)
{
    bool has_effect = run->tool->tool.operation.effect == AGT_EFFECT_EFFECT;
    bool was_lost = reason->status == AGT_E_NETWORK || reason->status == AGT_E_TIMEOUT;
    if (run->body.status != AGT_OK) {
        (void)agt__error_nomem(err, ORIGIN);
        return AGT_E_NOMEM;
    }
    *err = *reason;
    if (has_effect && was_lost && (reason->flags & AGT_ERROR_UNSENT) == 0) {
        (void)agt__error_set(err, AGT_E_UNKNOWN, ORIGIN,
                             "%.330s; whether it had its effect is unknown", reason->message);
        err->cause = reason->cause;
    } else if (reason->status == AGT_E_LIMIT) {
        (void)agt__error_set(err, AGT_E_LIMIT, ORIGIN, "\"%s\": %.330s", run->tool->tool.name,
                             reason->message);
    }
    return err->status != AGT_OK ? err->status : AGT_E_NETWORK;
}

static void on_done(void *user_data, const agt_error *reason)
{
    http_run *run = user_data;
    agt_tool_call *call = run->call;
    agt_value *output = NULL;
    agt_error err;
    agt_status status;
    if (reason != NULL) {
        status = fail_exchange(run, reason, &err);
    } else if (run->http_status < 200 || run->http_status > 299) {
        status = fail_status(run, &err);
    } else {
        status = read_body(run, &output, &err);
    }
    if (status != AGT_OK) {
        agt__tool_call_take_error(call, &err);
    }
    free_run(run);
    agt__tool_call_complete(call, status, output);
}

static const agt_http_handler handler = {on_head, on_data, on_done};

/* ---- the request --------------------------------------------------------------------------- */

/* Whether the path of @url, from @at on, has a segment that means another folder. */
static bool has_dot_segment(const char *url, size_t at)
{
    while (url[at] == '/') {
        size_t length = strcspn(url + at + 1, "/?#");
        const char *segment = url + at + 1;
        if ((length == 1 && segment[0] == '.') ||
            (length == 2 && segment[0] == '.' && segment[1] == '.')) {
            return true;
        }
        at += 1 + length;
    }
    return false;
}

/* The name of a member that stands in the path and is empty; NULL if none is. */
static const char *find_empty_in_path(const http_tool *tool, const agt_value *input)
{
    for (size_t i = 0; i < tool->url.count; i++) {
        const agt__argument_part *part = &tool->url.parts[i];
        if (!part->is_member && strpbrk(part->text, "?#") != NULL) {
            return NULL;
        }
        size_t length = 1;
        if (part->is_member) {
            (void)agt_value_get_string(agt_value_get_member(input, part->text), &length);
        }
        if (length == 0) {
            return part->text;
        }
    }
    return NULL;
}

static agt_status write_url(const http_tool *tool, const agt_value *input, agt__buffer *url,
                            agt_error *err)
{
    agt_status status = agt__argument_write(&tool->url, input, AGT__ARGUMENT_PERCENT, url, err);
    if (url->status == AGT_E_LIMIT) {
        return agt__error_set(err, AGT_E_REJECTED, ORIGIN, "the URL of \"%s\" would be too long",
                              tool->tool.name);
    }
    if (status != AGT_OK || tool->is_literal) {
        return status;
    }
    const char *empty = find_empty_in_path(tool, input);
    if (empty != NULL) {
        return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                              "member \"%s\" of the input is part of the path of \"%s\" and must "
                              "not be empty",
                              empty, tool->tool.name);
    }
    if (has_dot_segment(url->bytes, tool->path_at)) {
        return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                              "the input would make \"%s\" leave its path: a part of it would be "
                              "\".\" or \"..\"",
                              tool->tool.name);
    }
    return AGT_OK;
}

/* The headers of the tool, and what the call adds. @headers has room for two more. */
static size_t write_headers(const http_tool *tool, const agt_tool_call *call,
                            char traceparent[AGT_TRACEPARENT_SIZE], agt_kv *headers)
{
    size_t count = 0;
    agt_span_context span = agt_tool_call_get_span(call);
    if (tool->has_body && !tool->has_type) {
        headers[count++] = (agt_kv){"Content-Type", "application/json"};
    }
    agt_span_context_to_traceparent(&span, traceparent);
    if (traceparent[0] != '\0' && !tool->has_parent) {
        headers[count++] = (agt_kv){"traceparent", traceparent};
    }
    for (size_t i = 0; i < tool->headers_count; i++) {
        headers[count++] = tool->headers[i];
    }
    return count;
}

static agt_status send_request(agt_tool_call *call, const char *url, const agt__buffer *body,
                               agt_error *err)
{
    const http_tool *tool = tool_of(call);
    const agt_allocator *allocator = tool->tool.operation.allocator;
    char traceparent[AGT_TRACEPARENT_SIZE];
    http_run *run = agt__calloc(allocator, 1, sizeof(*run));
    agt_kv *headers = agt__calloc(allocator, tool->headers_count + 2, sizeof(*headers));
    if (run == NULL || headers == NULL) {
        agt__free(allocator, run);
        agt__free(allocator, headers);
        return agt__error_nomem(err, ORIGIN);
    }
    run->call = call;
    run->tool = tool;
    run->io = agt__tool_call_get_runtime(call)->io;
    agt__buffer_init(&run->body, allocator, SIZE_MAX / 2); /* the table bounds it */
    agt_http_request request = tool->request;
    request.method = tool->method;
    request.url = url;
    request.headers = headers;
    request.headers_count = write_headers(tool, call, traceparent, headers);
    request.body = tool->has_body ? body->bytes : NULL;
    request.body_size = tool->has_body ? body->size : 0;
    agt_status status =
        run->io->http_start(run->io->ctx, &request, &handler, run, &run->exchange, err);
    agt__free(allocator, headers);
    if (status != AGT_OK) {
        free_run(run);
        return status;
    }
    agt__tool_call_set_state(call, run);
    return AGT_OK;
}

static agt_status check_io(const agt_tool_call *call, agt_error *err)
{
    const agt_runtime *runtime = agt__tool_call_get_runtime(call);
    if (runtime->io != NULL && runtime->io->http_start != NULL) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_UNSUPPORTED, ORIGIN,
                          "\"%s\" is an HTTP endpoint, and this runtime has no network: a "
                          "simulated one needs an agt_io that answers for it",
                          tool_of(call)->tool.name);
}

static agt_status start_http(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    (void)ret_output;
    const http_tool *tool = tool_of(call);
    const agt_allocator *allocator = tool->tool.operation.allocator;
    const agt_value *input = agt_tool_call_get_input(call);
    agt_error err = {.status = AGT_OK};
    agt__buffer url, body;
    agt__buffer_init(&url, allocator, URL_BYTES_MAX);
    agt__buffer_init(&body, allocator, 0);
    agt_status status = check_io(call, &err);
    if (status == AGT_OK) {
        status = write_url(tool, input, &url, &err);
    }
    if (status == AGT_OK && tool->has_body) {
        agt__json_write(&body, input, AGT_JSON_COMPACT);
        status = body.status == AGT_OK ? AGT_OK : agt__error_nomem(&err, ORIGIN);
    }
    if (status == AGT_OK) {
        status = send_request(call, url.bytes, &body, &err);
    }
    agt__buffer_deinit(&url);
    agt__buffer_deinit(&body);
    *ret_pending = status == AGT_OK;
    if (status != AGT_OK) {
        agt__tool_call_take_error(call, &err);
    }
    return status;
}

static bool cancel_http(agt_tool_call *call)
{
    http_run *run = agt__tool_call_get_state(call);
    run->io->http_cancel(run->io->ctx, run->exchange); /* its handlers are not called any more */
    free_run(run);
    agt_tool_complete(call, AGT_E_CANCELLED, NULL);
    return false;
}

/* ---- registering --------------------------------------------------------------------------- */

static void destroy_http(agt__operation *operation)
{
    http_tool *tool = (http_tool *)(void *)operation;
    const agt_allocator *allocator = operation->allocator;
    for (size_t i = 0; i < tool->headers_count; i++) {
        char *value = (char *)(uintptr_t)tool->headers[i].value;
        if (value != NULL) {
            agt__wipe(value, strlen(value)); /* headers hold keys */
        }
        agt__free(allocator, value);
        agt__free(allocator, (char *)(uintptr_t)tool->headers[i].key);
    }
    agt__free(allocator, tool->headers);
    agt__free(allocator, tool->method);
    agt__argument_deinit(&tool->url, allocator);
    agt__tool_deinit(&tool->tool);
    agt__free(allocator, tool);
}

static void define_http(const agt__operation *operation, agt__buffer *text)
{
    const http_tool *tool = (const http_tool *)(const void *)operation;
    agt__buffer_add(text, tool->method, strlen(tool->method) + 1);
    agt__argument_define(&tool->url, text);
}

static const agt__operation_table http_table = {
    .kind = "http",
    .define = define_http,
    .start = start_http,
    .cancel = cancel_http,
    .estimate = agt__tool_estimate,
    .finish = agt__tool_finish,
    .destroy = destroy_http,
};

/* Where scheme, host and port end in the literal beginning of a URL; 0 if they do not. */
static size_t find_path(const agt__argument *url)
{
    const agt__argument_part *first = url->count > 0 ? &url->parts[0] : NULL;
    if (first == NULL || first->is_member) {
        return 0;
    }
    size_t scheme = strncasecmp(first->text, "https://", 8) == 0  ? 8
                    : strncasecmp(first->text, "http://", 7) == 0 ? 7
                                                                  : 0;
    size_t host = scheme + strcspn(first->text + scheme, "/?#");
    if (scheme == 0 || host == scheme || memchr(first->text, '@', host) != NULL) {
        return 0;
    }
    return first->text[host] != '\0' || url->count == 1 ? host : 0;
}

static agt_status copy_url(http_tool *tool, const char *url, agt_error *err)
{
    const char *name = tool->tool.name;
    agt_error detail;
    agt_status status =
        agt__argument_parse(&tool->url, tool->tool.operation.allocator, url, &detail);
    if (status != AGT_OK) {
        return status == AGT_E_NOMEM ? agt__error_nomem(err, ORIGIN)
                                     : agt__error_set(err, status, ORIGIN, "URL of tool \"%s\": %s",
                                                      name, detail.message);
    }
    tool->is_literal = agt__argument_is_literal(&tool->url);
    tool->path_at = find_path(&tool->url);
    if (tool->path_at == 0) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "URL of tool \"%s\": it begins with http:// or https://, host and "
                              "port, without a user name and before any {name}: \"%.150s\"",
                              name, url);
    }
    for (size_t i = 0; i < tool->url.count; i++) {
        if (tool->url.parts[i].is_optional) {
            return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                                  "URL of tool \"%s\": {%s?} cannot be left out of it", name,
                                  tool->url.parts[i].text);
        }
    }
    return AGT_OK;
}

static agt_status copy_headers(http_tool *tool, const agt_http_request *request)
{
    const agt_allocator *allocator = tool->tool.operation.allocator;
    if (request->headers_count == 0) {
        return AGT_OK;
    }
    tool->headers = agt__calloc(allocator, request->headers_count, sizeof(*tool->headers));
    if (tool->headers == NULL) {
        return AGT_E_NOMEM;
    }
    for (size_t i = 0; i < request->headers_count; i++) {
        agt_kv *own = &tool->headers[tool->headers_count++];
        own->key = agt__strdup(allocator, request->headers[i].key);
        own->value = agt__strdup(allocator, request->headers[i].value);
        if (own->key == NULL || own->value == NULL) {
            return AGT_E_NOMEM;
        }
        tool->has_type |= strcasecmp(own->key, "content-type") == 0;
        tool->has_parent |= strcasecmp(own->key, "traceparent") == 0;
    }
    return AGT_OK;
}

static agt_status init_http(agt_tool *base, const void *ctx, agt_error *err)
{
    http_tool *tool = (http_tool *)(void *)base;
    const agt_http_request *request = ctx;
    const char *method = request->method != NULL ? request->method : "POST";
    agt_status status = copy_url(tool, request->url, err);
    if (status != AGT_OK) {
        return status;
    }
    tool->method = agt__strdup(base->operation.allocator, method);
    if (tool->method == NULL || copy_headers(tool, request) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    tool->has_body =
        strcmp(method, "GET") != 0 && strcmp(method, "DELETE") != 0 && strcmp(method, "HEAD") != 0;
    tool->request = *request;
    if (request->response_bytes_max == 0) {
        tool->request.response_bytes_max = base->output_bytes_max;
    }
    return AGT_OK;
}

/* @own: a copy of the request of @http with all members that this library knows. */
static agt_status read_http(agt_http_tool *own, const agt_http_tool *http, const char *name,
                            agt_error *err)
{
    const char *shown = name != NULL ? name : "?";
    agt_status status = agt__config_read(own, sizeof(*own), http, err);
    if (status != AGT_OK) {
        return status;
    }
    /* It is part of the tool's struct, whose size says it all. */
    own->request.struct_size = sizeof(own->request);
    if (own->request.url == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "tool \"%s\" names no URL", shown);
    }
    if (own->request.headers == NULL && own->request.headers_count > 0) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "headers of tool \"%s\" are NULL", shown);
    }
    for (size_t i = 0; i < own->request.headers_count; i++) {
        if (own->request.headers[i].key == NULL || own->request.headers[i].value == NULL) {
            return agt__error_set(err, AGT_E_INVALID, ORIGIN, "header %zu of tool \"%s\" is NULL",
                                  i, shown);
        }
    }
    return AGT_OK;
}

agt_status agt_executor_register_http(agt_executor *executor, const char *name,
                                      const agt_http_tool *http, const agt_tool_config *config,
                                      agt_error *err)
{
    agt_http_tool own;
    agt_tool_config tool_config;
    agt_status status = read_http(&own, http, name, err);
    if (status == AGT_OK) {
        status = agt__config_read(&tool_config, sizeof(tool_config), config, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    tool_config.mode = AGT_TOOL_ASYNC; /* a request needs no thread */
    return agt__executor_add_tool(executor, name, sizeof(http_tool), &http_table, &tool_config,
                                  init_http, &own.request, err);
}
