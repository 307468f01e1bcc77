/*
 * The writer's lock: one writer at a time, across processes and within one; and who is alive.
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
 * Byte 0 of that file is the writer's lock. Byte N is locked, for as long as it lives, by the
 * writer that has the number N, and the run that it writes says N. So whether an unfinished run has
 * somebody to finish it is what the kernel says: no identifiers of processes, which come again and
 * mean nothing in another container, and nothing to tidy up after a kill or a power cut. Numbers
 * are taken in a transaction, one above all numbers in the store; one that is locked although no
 * run has it belongs to a writer whose runs were rolled back or removed, and is skipped.
 *
 * A session that a run is at is claimed the same way, by a byte of its own far behind the numbers
 * of writers. One open file cannot exclude itself, so a store also keeps a list of its claims.
 *
 * Such a lock is shared with a child of fork(), where it would survive its owner. So the child
 * closes the files of all stores, which takes nothing from the parent; the list it needs for that
 * is process-wide because fork is.
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
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char origin[] = "store";

enum {
    PAUSE_MS_MAX = 20,
    NUMBERS_MAX = 1000000, /* that are locked without need, one after the other */
    DEAD_MAX = 1 << 24,
    CLAIMS_MAX = 1 << 20
};

/* The byte of the session in row 0. */
static const int64_t first_session = INT64_C(1) << 61;

/* ---- fork -------------------------------------------------------------------------------------
 */

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;
static agt_store *fork_stores; /* with a lock open, for writing */

static void before_fork(void)
{
    (void)pthread_mutex_lock(&fork_mutex);
}

static void after_fork(void)
{
    (void)pthread_mutex_unlock(&fork_mutex);
}

/* Only what may be done in a child of a program with threads. */
static void in_child(void)
{
    for (agt_store *store = fork_stores; store != NULL; store = store->next_of_fork) {
        (void)close(store->lock_fd);
        store->lock_fd = -1;
        store->is_locked = false;
    }
    after_fork();
}

static void watch_fork(void)
{
    (void)pthread_atfork(before_fork, after_fork, in_child);
}

static void join_list(agt_store *store)
{
    (void)pthread_once(&fork_once, watch_fork);
    before_fork();
    store->next_of_fork = fork_stores;
    store->place_of_fork = &fork_stores;
    if (fork_stores != NULL) {
        fork_stores->place_of_fork = &store->next_of_fork;
    }
    fork_stores = store;
    after_fork();
}

static void leave_list(agt_store *store)
{
    if (store->place_of_fork == NULL) {
        return;
    }
    before_fork();
    *store->place_of_fork = store->next_of_fork;
    if (store->next_of_fork != NULL) {
        store->next_of_fork->place_of_fork = store->place_of_fork;
    }
    store->place_of_fork = NULL;
    after_fork();
}

/* ---- the file ---------------------------------------------------------------------------------
 */

static char *make_path(const agt_store *store)
{
    size_t length = strlen(store->path);
    char *path = agt__alloc(store->allocator, length + sizeof("-lock"));
    if (path != NULL) {
        memcpy(path, store->path, length);
        memcpy(path + length, "-lock", sizeof("-lock"));
    }
    return path;
}

agt_status agt__store_open_lock(agt_store *store, agt_error *err)
{
    char *path = make_path(store);
    if (path == NULL) {
        return agt__error_nomem(err, origin);
    }
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
    if (store->lock_fd >= 0) {
        join_list(store);
    }
    return status;
}

void agt__store_close_lock(agt_store *store)
{
    leave_list(store);
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd);
        store->lock_fd = -1;
    }
}

/* ---- the writer's lock ------------------------------------------------------------------------
 */

static int ask(const agt_store *store, short type, int64_t byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int result;
    do {
        result = fcntl(store->lock_fd, F_OFD_SETLK, &lock);
    } while (result != 0 && errno == EINTR);
    return result;
}

bool agt__store_try_lock(agt_store *store)
{
    if (!store->is_locked) {
        store->is_locked = ask(store, F_WRLCK, 0) == 0;
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
        (void)ask(store, F_UNLCK, 0);
        store->is_locked = false;
    }
}

/* ---- who is alive -----------------------------------------------------------------------------
 */

agt_status agt__store_take_number(agt_store *store, agt_error *err)
{
    if (store->writer != 0) {
        return AGT_OK;
    }
    int64_t last = 0;
    agt_status status =
        agt__store_get_number(store, "SELECT ifnull(max(writer), 0) FROM run", &last, err);
    if (status != AGT_OK) {
        return status;
    }
    last = last > 0 && last < INT64_MAX - NUMBERS_MAX ? last : 0;
    for (int64_t number = last + 1; number <= last + NUMBERS_MAX; number++) {
        if (ask(store, F_WRLCK, number) == 0) {
            store->writer = number;
            return AGT_OK;
        }
        if (errno != EAGAIN && errno != EACCES) {
            break;
        }
    }
    return agt__error_set_errno(err, AGT_E_IO, origin, errno, "store %s cannot be locked",
                                store->path);
}

/* Nobody can hold locks on a file that is not there. One that may not be looked at tells nothing:
 * then everybody counts as alive. */
static agt_status open_to_look(agt_store *store, bool *ret_missing)
{
    *ret_missing = false;
    if (store->lock_fd >= 0) {
        return AGT_OK;
    }
    char *path = make_path(store);
    if (path == NULL) {
        return AGT_E_NOMEM;
    }
    store->lock_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    *ret_missing = store->lock_fd < 0 && errno == ENOENT;
    agt__free(store->allocator, path);
    return AGT_OK;
}

/* Looking takes no lock, so it disturbs nobody. */
static bool is_gone(const agt_store *store, int64_t writer)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = writer, .l_len = 1};
    return writer != store->writer && fcntl(store->lock_fd, F_OFD_GETLK, &lock) == 0 &&
           lock.l_type == F_UNLCK;
}

static agt_status add_dead(agt_store *store, int64_t writer, agt_error *err)
{
    if (agt__array_reserve(store->allocator, &store->dead, &store->dead_capacity, store->dead_count,
                           sizeof(*store->dead), DEAD_MAX) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    store->dead[store->dead_count++] = writer;
    return AGT_OK;
}

agt_status agt__store_find_dead(agt_store *store, agt_error *err)
{
    bool is_missing;
    store->dead_count = 0;
    if (store->version < 2) {
        return AGT_OK;
    }
    if (open_to_look(store, &is_missing) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    if (store->lock_fd < 0 && !is_missing) {
        return AGT_OK;
    }
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(store,
                                           "SELECT DISTINCT writer FROM run WHERE end_unix_ns IS "
                                           "NULL AND writer > 0 ORDER BY writer",
                                           &statement, err);
    int result = SQLITE_DONE;
    while (status == AGT_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t writer = sqlite3_column_int64(statement, 0);
        if (is_missing || is_gone(store, writer)) {
            status = add_dead(store, writer, err);
        }
    }
    if (status == AGT_OK && result != SQLITE_DONE) {
        status = agt__store_fail(store, result, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

bool agt__store_is_dead(const agt_store *store, int64_t writer)
{
    size_t low = 0, high = store->dead_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->dead[middle] == writer) {
            return true;
        }
        if (store->dead[middle] < writer) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* ---- claims -----------------------------------------------------------------------------------
 */

agt_status agt__store_claim(agt_store *store, int64_t session, agt_error *err)
{
    bool is_taken = session < 0 || session >= first_session;
    for (size_t i = 0; i < store->claim_count; i++) {
        is_taken = is_taken || store->claims[i] == session;
    }
    if (agt__array_reserve(store->allocator, &store->claims, &store->claim_capacity,
                           store->claim_count, sizeof(*store->claims), CLAIMS_MAX) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    if (!is_taken && ask(store, F_WRLCK, first_session + session) != 0) {
        is_taken = errno == EAGAIN || errno == EACCES;
        if (!is_taken) {
            return agt__error_set_errno(err, AGT_E_IO, origin, errno, "store %s cannot be locked",
                                        store->path);
        }
    }
    if (is_taken) {
        return agt__error_set(
            err, AGT_E_BUSY, origin,
            "the session is in use: one run at a time; wait for that one, or fork "
            "the session");
    }
    store->claims[store->claim_count++] = session;
    return AGT_OK;
}

void agt__store_release(agt_store *store, int64_t session)
{
    for (size_t i = 0; i < store->claim_count; i++) {
        if (store->claims[i] == session) {
            store->claims[i] = store->claims[--store->claim_count];
            (void)ask(store, F_UNLCK, first_session + session);
            return;
        }
    }
}
