/*
 * Opening and closing stores.
 *
 * Every connection distrusts the file: no functions or views that a schema names, no triggers, no
 * writing to the schema, cells are checked before they are used. A writer works with a write-ahead
 * log that SQLite never checkpoints by itself (write.c does that, under the lock of lock.c).
 * Readers are read-only and never checkpoint, so they need no lock and nobody waits for them.
 *
 * A store whose directory cannot be written has no log and nobody who changes it: then SQLite is
 * told so, because it could not even make the files that a reader needs.
 */
#include "base/error.h"
#include "base/mem.h"
#include "store/database.h"
#include "store/path.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char origin[] = "store";

/* ---- connections ------------------------------------------------------------------------------
 */

static int set_up_connection(agt_store *store)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},   {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    };
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < sizeof(options) / sizeof(options[0]); i++) {
        result = sqlite3_db_config(store->db, options[i].option, options[i].value, NULL);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_busy_timeout(store->db, AGT__STORE_BUSY_TIMEOUT_MS);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_exec(store->db,
                              store->is_writer
                                  ? "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                                    "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL;"
                                    "PRAGMA journal_size_limit = 4194304"
                                  : "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                                    "PRAGMA query_only = ON",
                              NULL, NULL, NULL);
    }
    return result;
}

static agt_status connect(agt_store *store, const char *name, int flags, agt_error *err)
{
    int result = sqlite3_open_v2(
        name, &store->db,
        flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (result == SQLITE_OK) {
        result = set_up_connection(store);
    }
    return result == SQLITE_OK ? AGT_OK : agt__store_fail(store, result, err);
}

static agt_status make_store(const agt_allocator *allocator, const char *path, bool is_writer,
                             agt_store **ret_store, agt_error *err)
{
    agt_store *store = agt__calloc(allocator, 1, sizeof(*store));
    if (store == NULL) {
        return agt__error_nomem(err, origin);
    }
    store->allocator = allocator;
    store->is_writer = is_writer;
    store->lock_fd = -1;
    store->lock_timeout_ms = AGT__STORE_LOCK_TIMEOUT_MS;
    agt_status status = agt__store_path(allocator, path, is_writer, &store->path, err);
    if (status != AGT_OK) {
        agt__free(allocator, store);
        return status;
    }
    *ret_store = store;
    return AGT_OK;
}

static void disconnect(agt_store *store)
{
    for (size_t i = 0; i < AGT__STORE_STATEMENTS; i++) {
        (void)sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    (void)sqlite3_close_v2(store->db);
    store->db = NULL;
}

/* Bring everything into the file and remove the log: nothing but the store stays behind. If
 * somebody else writes, that is left to them. */
static void tidy_up(agt_store *store)
{
    if (store->db != NULL && store->lock_fd >= 0 && agt__store_try_lock(store)) {
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    }
}

void agt_store_free(agt_store *store)
{
    if (store == NULL) {
        return;
    }
    if (store->is_writer) {
        agt__store_rollback(store);
        tidy_up(store);
    }
    disconnect(store);
    agt__store_unlock(store);
    agt__store_close_lock(store);
    agt__free(store->allocator, store->claims);
    agt__free(store->allocator, store->dead);
    agt__free(store->allocator, store->path);
    agt__free(store->allocator, store);
}

/* ---- writers ----------------------------------------------------------------------------------
 */

static int remember_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((agt_store *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

/* Whether the open store has the tables and the log that this library writes. */
static agt_status is_ready(agt_store *store, bool *ret_ready, agt_error *err)
{
    agt__store_state state;
    agt_status status = agt__store_check_version(store, &state, err);
    sqlite3_stmt *statement = NULL;
    if (status == AGT_OK) {
        status = agt__store_prepare(store, "PRAGMA journal_mode", &statement, err);
    }
    if (status == AGT_OK) {
        const char *mode = sqlite3_step(statement) == SQLITE_ROW
                               ? (const char *)sqlite3_column_text(statement, 0)
                               : NULL;
        *ret_ready =
            state == AGT__STORE_CURRENT && mode != NULL && sqlite3_stricmp(mode, "wal") == 0;
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static agt_status open_writer(agt_store *store, agt_error *err)
{
    bool ready = false;
    agt_status status =
        connect(store, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, err);
    if (status == AGT_OK) {
        status = is_ready(store, &ready, err);
    }
    if (status == AGT_OK && sqlite3_db_readonly(store->db, "main") == 1) {
        status = agt__store_fail(store, SQLITE_READONLY, err);
    }
    if (status == AGT_OK) {
        status = agt__store_open_lock(store, err);
    }
    if (status == AGT_OK && !ready) {
        status = agt__store_lock(store, err);
        if (status == AGT_OK) {
            status = agt__store_migrate(store, err);
            agt__store_unlock(store);
        }
    }
    if (status == AGT_OK) {
        (void)sqlite3_wal_hook(store->db, remember_wal, store);
    }
    return status;
}

agt_status agt__store_open_writer(const agt_allocator *allocator, const char *path,
                                  agt_store **ret_store, agt_error *err)
{
    agt_store *store = NULL;
    agt_status status = make_store(allocator, path, true, &store, err);
    if (status != AGT_OK) {
        return status;
    }
    status = open_writer(store, err);
    if (status != AGT_OK) {
        agt_store_free(store);
        return status;
    }
    *ret_store = store;
    return AGT_OK;
}

/* ---- readers ----------------------------------------------------------------------------------
 */

/* Whether @store has a log with something in it. */
static bool has_wal(const agt_store *store)
{
    struct stat info;
    char *path = sqlite3_mprintf("%s-wal", store->path);
    bool has = path == NULL || (stat(path, &info) == 0 && info.st_size > 0);
    sqlite3_free(path);
    return has;
}

/* As a URI that says that nobody changes the file. */
static char *make_immutable_name(const agt_store *store)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char tail[] = "?immutable=1";
    size_t length = strlen(store->path);
    char *name = agt__alloc(store->allocator, 5 + 3 * length + sizeof(tail));
    if (name == NULL) {
        return NULL;
    }
    memcpy(name, "file:", 5);
    char *at = name + 5;
    for (size_t i = 0; i < length; i++) {
        char c = store->path[i];
        if (c == '?' || c == '#' || c == '%') {
            *at++ = '%';
            *at++ = digits[(unsigned char)c >> 4];
            *at++ = digits[(unsigned char)c & 15];
        } else {
            *at++ = c;
        }
    }
    memcpy(at, tail, sizeof(tail));
    return name;
}

static agt_status open_immutable(agt_store *store, agt__store_state *ret_state, agt_error *err)
{
    char *name = make_immutable_name(store);
    if (name == NULL) {
        return agt__error_nomem(err, origin);
    }
    disconnect(store);
    agt_status status = connect(store, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
    agt__free(store->allocator, name);
    return status == AGT_OK ? agt__store_check_version(store, ret_state, err) : status;
}

static agt_status open_reader(agt_store *store, agt_error *err)
{
    agt__store_state state = AGT__STORE_EMPTY;
    agt_status status = connect(store, store->path, SQLITE_OPEN_READONLY, err);
    if (status == AGT_OK) {
        status = agt__store_check_version(store, &state, err);
    }
    if (status == AGT_E_IO && !has_wal(store)) {
        status = open_immutable(store, &state, err);
    }
    if (status == AGT_OK && state == AGT__STORE_EMPTY) {
        status = agt__error_set(err, AGT_E_NOT_FOUND, origin,
                                "store %s is empty: nothing was written to it yet", store->path);
    }
    return status;
}

agt_status agt_store_open(const agt_allocator *allocator, const char *path, agt_store **ret_store,
                          agt_error *err)
{
    agt_store *store = NULL;
    agt_status status = make_store(allocator, path, false, &store, err);
    if (status != AGT_OK) {
        return status;
    }
    status = open_reader(store, err);
    if (status != AGT_OK) {
        agt_store_free(store);
        return status;
    }
    *ret_store = store;
    return AGT_OK;
}
