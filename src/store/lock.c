/*
 * The writer's lock: one writer at a time, across processes and within one.
 *
 * SQLite before 3.51.3 can damage a write-ahead log when one connection writes or starts it over
 * while another checkpoints. So whoever writes or checkpoints holds this lock, and nothing of
 * either kind happens without it.
 *
 * It is an open-file-description lock on an empty file beside the store. Such a lock belongs to the
 * open file, not to the process: two runtimes in one process exclude each other, closing some other
 * descriptor does not release it, and the kernel releases it when the holder dies. The file of the
 * store itself must not be used: SQLite's own locks are of the process-wide kind, and closing any
 * descriptor of the file would drop them.
 *
 * The kernel offers no waiting with a limit, so waiting is asking again, at growing distances up to
 * 20 ms. Only the exporter's thread and whoever opens a store ever wait here.
 */
#include "base/error.h"
#include "base/mem.h"
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char origin[] = "store";

enum {
    PAUSE_MS_MAX = 20
};

agt_status agt__store_open_lock(agt_store *store, agt_error *err)
{
    size_t length = strlen(store->path);
    char *path = agt__alloc(store->allocator, length + sizeof("-lock"));
    if (path == NULL) {
        return agt__error_nomem(err, origin);
    }
    memcpy(path, store->path, length);
    memcpy(path + length, "-lock", sizeof("-lock"));

    agt_status status = AGT_OK;
    struct stat info;
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (store->lock_fd < 0 && errno != ELOOP) {
        status =
            agt__error_set_errno(err, AGT_E_IO, origin, errno,
                                 "store %s cannot be written: cannot open %s", store->path, path);
    } else if (store->lock_fd < 0 || fstat(store->lock_fd, &info) != 0 || !S_ISREG(info.st_mode) ||
               info.st_uid != geteuid()) {
        status = agt__error_set(err, AGT_E_DENIED, origin,
                                "%s is not used: it is a symbolic link, no plain file, or belongs "
                                "to somebody else",
                                path);
    }
    agt__free(store->allocator, path);
    return status;
}

static int ask(const agt_store *store, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    int result;
    do {
        result = fcntl(store->lock_fd, F_OFD_SETLK, &lock);
    } while (result != 0 && errno == EINTR);
    return result;
}

bool agt__store_try_lock(agt_store *store)
{
    if (!store->is_locked) {
        store->is_locked = ask(store, F_WRLCK) == 0;
    }
    return store->is_locked;
}

static uint64_t now_ms(void)
{
    const agt_clock *clock = agt_clock_get_system();
    return clock->get_monotonic_ns(clock->ctx) / 1000000u;
}

agt_status agt__store_lock(agt_store *store, agt_error *err)
{
    uint64_t deadline = now_ms() + store->lock_timeout_ms;
    int pause_ms = 1;
    for (;;) {
        if (atomic_load(&store->is_interrupted)) {
            return agt__error_set(err, AGT_E_CANCELLED, origin,
                                  "store %s was not written: interrupted", store->path);
        }
        if (agt__store_try_lock(store)) {
            return AGT_OK;
        }
        if (errno != EAGAIN && errno != EACCES) {
            return agt__error_set_errno(err, AGT_E_IO, origin, errno, "store %s cannot be locked",
                                        store->path);
        }
        if (now_ms() >= deadline) {
            return agt__error_set(err, AGT_E_BUSY, origin,
                                  "store %s is being written by another process for more than %u "
                                  "ms; try again when that is done, or use another path",
                                  store->path, store->lock_timeout_ms);
        }
        (void)poll(NULL, 0, pause_ms);
        pause_ms = pause_ms * 2 < PAUSE_MS_MAX ? pause_ms * 2 : PAUSE_MS_MAX;
    }
}

void agt__store_unlock(agt_store *store)
{
    if (store->is_locked) {
        (void)ask(store, F_UNLCK);
        store->is_locked = false;
    }
}
