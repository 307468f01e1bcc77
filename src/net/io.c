/*
 * Input and output of a real loop: the agt_io table over HTTP and child processes. It belongs to
 * the loop and is used on its thread only.
 */
#include "base/error.h"
#include "base/mem.h"
#include "net/loop_impl.h"

struct agt__net_io {
    agt__loop *loop;
    agt_io table;
};

agt_status agt__net_io_new(agt__loop *loop, agt__net_io **ret_io, agt_error *err)
{
    agt__net_io *io = agt__calloc(loop->allocator, 1, sizeof(*io));
    if (io == NULL) {
        return agt__error_nomem(err, "net/io");
    }
    io->loop = loop;
    io->table = AGT_CONFIG(agt_io, .ctx = io);
    *ret_io = io;
    return AGT_OK;
}

const agt_io *agt__net_io_get_table(agt__net_io *io)
{
    return &io->table;
}

void agt__net_io_stop(agt__net_io *io)
{
    (void)io;
}

bool agt__net_io_is_idle(const agt__net_io *io)
{
    (void)io;
    return true;
}

void agt__net_io_free(agt__net_io *io)
{
    if (io != NULL) {
        agt__free(io->loop->allocator, io);
    }
}
