/*
 * Input and output of a real loop: the agt_io table over HTTP and child processes. It belongs to
 * the loop and is used on its thread only.
 */
#include "base/error.h"
#include "base/mem.h"
#include "net/http.h"
#include "net/loop_impl.h"
#include "net/process.h"

#define ORIGIN "net/io"

struct agt__net_io {
    agt__loop *loop;
    agt__http *http;
    agt__processes *processes;
    agt_io table;
};

static agt_status http_start(void *ctx, const agt_http_request *request,
                             const agt_http_handler *handler, void *user_data,
                             agt_http_exchange **ret_exchange, agt_error *err)
{
    agt__net_io *io = ctx;
    return agt__http_start(io->http, request, handler, user_data, ret_exchange, err);
}

static void http_cancel(void *ctx, agt_http_exchange *exchange)
{
    (void)ctx;
    agt__http_cancel(exchange);
}

static void http_pause(void *ctx, agt_http_exchange *exchange, bool paused)
{
    (void)ctx;
    agt__http_pause(exchange, paused);
}

static agt_status process_start(void *ctx, const agt_process_config *config,
                                const agt_process_handler *handler, void *user_data,
                                agt_process **ret_process, agt_error *err)
{
    agt__net_io *io = ctx;
    return agt__process_start(io->processes, config, handler, user_data, ret_process, err);
}

static agt_status process_write(void *ctx, agt_process *process, const void *bytes, size_t size)
{
    (void)ctx;
    return agt__process_write(process, bytes, size);
}

static void process_close_input(void *ctx, agt_process *process)
{
    (void)ctx;
    agt__process_close_input(process);
}

static void process_kill(void *ctx, agt_process *process)
{
    (void)ctx;
    agt__process_kill(process);
}

agt_status agt__net_io_new(agt__loop *loop, agt__net_io **ret_io, agt_error *err)
{
    agt__net_io *io = agt__calloc(loop->allocator, 1, sizeof(*io));
    if (io == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    io->loop = loop;
    agt_status status = agt__http_new(loop, &io->http, err);
    status = status != AGT_OK ? status : agt__processes_new(loop, &io->processes, err);
    if (status != AGT_OK) {
        agt__net_io_free(io);
        return status;
    }
    io->table = AGT_CONFIG(agt_io, .ctx = io, .http_start = http_start, .http_cancel = http_cancel,
                           .process_start = process_start, .process_write = process_write,
                           .process_close_input = process_close_input, .process_kill = process_kill,
                           .http_pause = http_pause);
    *ret_io = io;
    return AGT_OK;
}

const agt_io *agt__net_io_get_table(agt__net_io *io)
{
    return &io->table;
}

void agt__net_io_stop(agt__net_io *io)
{
    agt__http_stop(io->http);
    agt__processes_stop(io->processes);
}

bool agt__net_io_is_idle(const agt__net_io *io)
{
    return io->processes->first == NULL;
}

void agt__net_io_free(agt__net_io *io)
{
    if (io == NULL) {
        return;
    }
    agt__http_free(io->http);
    agt__processes_free(io->processes);
    agt__free(io->loop->allocator, io);
}
