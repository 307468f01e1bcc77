/* See script_io.h. */
#include "support/script_io.h"

#include "base/error.h"
#include "base/mem.h"
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct agt_process {
    agt_test_io *io;
    agt__timer timer;
    agt_process_handler handler;
    void *user_data;
    bool is_killed, is_closed;
};

struct agt_http_exchange {
    agt_test_io *io;
    agt__timer timer;
    agt_test_http_script script;
    agt_http_handler handler;
    void *user_data;
};

static void join(char *target, size_t size, const char *const *list)
{
    target[0] = '\0';
    for (; list != NULL && *list != NULL; list++) {
        size_t used = strlen(target);
        (void)snprintf(target + used, size - used, "[%s]", *list);
    }
}

static agt_status start_timer(agt_test_io *io, agt__timer *timer, uint32_t ms)
{
    return agt__loop_timer_start(io->loop, timer,
                                 agt__loop_now_ns(io->loop) + ms * UINT64_C(1000000));
}

/* ---- processes ----------------------------------------------------------------------------- */

static void end_process(agt_process *process)
{
    agt_test_io *io = process->io;
    const agt_test_process_script *script = &io->process;
    size_t size = script->output_size != 0 ? script->output_size
                  : script->output != NULL ? strlen(script->output)
                                           : 0;
    size_t piece = script->piece != 0 ? script->piece : size;
    for (size_t at = 0; at < size && process->handler.on_output != NULL; at += piece) {
        process->handler.on_output(process->user_data, script->output + at,
                                   size - at < piece ? size - at : piece);
    }
    if (script->error != NULL) {
        process->handler.on_error(process->user_data, script->error, strlen(script->error));
    }
    agt_process_exit exit = script->exit;
    exit.struct_size = sizeof(exit);
    if (process->is_killed) {
        exit.exit_status = -1;
        exit.signal = exit.signal != 0 ? exit.signal : SIGTERM;
        exit.killed = true;
    }
    agt_error err;
    if (script->fails != NULL) {
        (void)agt__error_set(&err, AGT_E_NOT_FOUND, "test", "%s", script->fails);
    }
    agt__loop_timer_stop(io->loop, &process->timer);
    agt_process_handler handler = process->handler;
    void *user_data = process->user_data;
    agt__free(io->allocator, process);
    io->ended++;
    handler.on_exit(user_data, &exit, script->fails != NULL ? &err : NULL);
}

static void fire_process(agt__timer *timer)
{
    end_process((agt_process *)(void *)((char *)timer - offsetof(agt_process, timer)));
}

static agt_status process_start(void *ctx, const agt_process_config *config,
                                const agt_process_handler *handler, void *user_data,
                                agt_process **ret_process, agt_error *err)
{
    agt_test_io *io = ctx;
    assert_true(agt__loop_is_current(io->loop));
    assert_int_equal(config->struct_size, sizeof(*config));
    if (io->process.start_status != AGT_OK) {
        return agt__error_set(err, io->process.start_status, "test", "no process to be had");
    }
    agt_process *process = agt__calloc(io->allocator, 1, sizeof(*process));
    if (process == NULL) {
        return agt__error_nomem(err, "test");
    }
    process->io = io;
    process->handler = *handler;
    process->user_data = user_data;
    process->timer.fire = fire_process;
    bool hangs = io->process.hangs || (io->process.first_hangs && io->started == 0);
    if (start_timer(io, &process->timer, hangs ? 3600000 : io->process.ms) != AGT_OK) {
        agt__free(io->allocator, process);
        return agt__error_nomem(err, "test");
    }
    io->started++;
    join(io->argv, sizeof(io->argv), config->argv);
    join(io->env, sizeof(io->env), config->env);
    (void)snprintf(io->cwd, sizeof(io->cwd), "%s", config->cwd != NULL ? config->cwd : "");
    io->limits = *config->limits;
    io->config = *config;
    io->input[0] = '\0';
    *ret_process = process;
    return AGT_OK;
}

static agt_status process_write(void *ctx, agt_process *process, const void *bytes, size_t size)
{
    agt_test_io *io = ctx;
    assert_false(process->is_closed);
    if (io->process.write_status != AGT_OK) {
        return io->process.write_status;
    }
    size_t used = strlen(io->input);
    (void)snprintf(io->input + used, sizeof(io->input) - used, "%.*s", (int)size,
                   (const char *)bytes);
    if (io->process.ends_in_write) {
        end_process(process);
    }
    return AGT_OK;
}

static void process_close_input(void *ctx, agt_process *process)
{
    agt_test_io *io = ctx;
    size_t used = strlen(io->input);
    (void)snprintf(io->input + used, sizeof(io->input) - used, "|");
    process->is_closed = true;
    if (io->process.ends_in_close) {
        end_process(process);
    }
}

static void process_kill(void *ctx, agt_process *process)
{
    agt_test_io *io = ctx;
    if (process->is_killed) {
        return;
    }
    io->killed++;
    process->is_killed = true;
    if (io->process.ends_in_kill) {
        end_process(process);
    } else {
        assert_int_equal(start_timer(io, &process->timer, 3), AGT_OK); /* it runs: no memory */
    }
}

/* ---- HTTP ---------------------------------------------------------------------------------- */

static void fire_exchange(agt__timer *timer)
{
    agt_http_exchange *exchange =
        (agt_http_exchange *)(void *)((char *)timer - offsetof(agt_http_exchange, timer));
    agt_test_io *io = exchange->io;
    const agt_test_http_script own = exchange->script, *script = &own;
    agt_http_handler handler = exchange->handler;
    void *user_data = exchange->user_data;
    agt__free(io->allocator, exchange);
    bool goes_on = true;
    if (script->status != 0) {
        agt_http_head head =
            AGT_CONFIG(agt_http_head, .http_status = script->status, .headers = script->headers,
                       .headers_count = script->headers_count);
        handler.on_head(user_data, &head);
        size_t size = script->body_size != 0 ? script->body_size
                      : script->body != NULL ? strlen(script->body)
                                             : 0;
        size_t piece = script->piece != 0 ? script->piece : size;
        for (size_t at = 0; goes_on && at < size; at += piece) {
            goes_on = handler.on_data(user_data, script->body + at,
                                      size - at < piece ? size - at : piece);
        }
    }
    agt_error err = script->fails;
    if (!goes_on) {
        (void)agt__error_set(&err, AGT_E_CANCELLED, "test", "stopped");
    }
    io->ended++;
    handler.on_done(user_data, err.status != AGT_OK ? &err : NULL);
}

static agt_status http_start(void *ctx, const agt_http_request *request,
                             const agt_http_handler *handler, void *user_data,
                             agt_http_exchange **ret_exchange, agt_error *err)
{
    agt_test_io *io = ctx;
    assert_true(agt__loop_is_current(io->loop));
    assert_int_equal(request->struct_size, sizeof(*request));
    if (io->http.start_status != AGT_OK) {
        return agt__error_set(err, io->http.start_status, "test", "no connection to be had");
    }
    agt_http_exchange *exchange = agt__calloc(io->allocator, 1, sizeof(*exchange));
    if (exchange == NULL) {
        return agt__error_nomem(err, "test");
    }
    exchange->io = io;
    exchange->handler = *handler;
    exchange->user_data = user_data;
    exchange->script = io->http;
    exchange->timer.fire = fire_exchange;
    if (start_timer(io, &exchange->timer, io->http.hangs ? 3600000 : io->http.ms) != AGT_OK) {
        agt__free(io->allocator, exchange);
        return agt__error_nomem(err, "test");
    }
    io->started++;
    (void)snprintf(io->method, sizeof(io->method), "%s", request->method);
    (void)snprintf(io->url, sizeof(io->url), "%s", request->url);
    io->headers[0] = '\0';
    for (size_t i = 0; i < request->headers_count; i++) {
        size_t used = strlen(io->headers);
        (void)snprintf(io->headers + used, sizeof(io->headers) - used, "[%s: %s]",
                       request->headers[i].key, request->headers[i].value);
    }
    (void)snprintf(io->body, sizeof(io->body), "%.*s", (int)request->body_size,
                   request->body != NULL ? (const char *)request->body : "");
    io->request = *request;
    if (io->http.next != NULL) {
        io->http = *io->http.next;
    }
    *ret_exchange = exchange;
    return AGT_OK;
}

static void http_cancel(void *ctx, agt_http_exchange *exchange)
{
    agt_test_io *io = ctx;
    io->cancelled++;
    agt__loop_timer_stop(io->loop, &exchange->timer);
    agt__free(io->allocator, exchange);
}

void agt_test_io_init(agt_test_io *io)
{
    io->table =
        AGT_CONFIG(agt_io, .ctx = io, .http_start = http_start, .http_cancel = http_cancel,
                   .process_start = process_start, .process_write = process_write,
                   .process_close_input = process_close_input, .process_kill = process_kill);
}
