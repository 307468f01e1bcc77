/*
 * What goes wrong with a store, in words: SQLite's codes as statuses and sentences that name the
 * file and say what to do. Preparing and running statements is here too, because that is where
 * most of it shows.
 */
#include "base/error.h"
#include "store/database.h"

#include <errno.h>

static const char origin[] = "store";

/* The number that the operating system gave, or else @likely. */
static int get_cause(const agt_store *store, int likely)
{
    int cause = store->db != NULL ? sqlite3_system_errno(store->db) : 0;
    return cause != 0 ? cause : likely;
}

/* The reasons that deserve a sentence of their own. */
static agt_status fail_known(const agt_store *store, int result, agt_error *err)
{
    const char *what = store->is_writer ? "written" : "read";
    switch (result & 0xFF) {
    case SQLITE_NOMEM:
        return agt__error_nomem(err, origin);
    case SQLITE_FULL:
        return agt__error_set_errno(err, AGT_E_IO, origin, ENOSPC,
                                    "store %s cannot be %s: make room, or use another path",
                                    store->path, what);
    case SQLITE_READONLY:
        return agt__error_set_errno(err, AGT_E_IO, origin, get_cause(store, EACCES),
                                    "store %s cannot be %s: make it and its directory writable, or "
                                    "use another path",
                                    store->path, what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return agt__error_set(err, AGT_E_BUSY, origin,
                              "store %s cannot be %s: another program holds it; try again when "
                              "that is done, or use another path",
                              store->path, what);
    case SQLITE_INTERRUPT:
        return agt__error_set(err, AGT_E_CANCELLED, origin, "store %s was not %s: interrupted",
                              store->path, what);
    case SQLITE_NOTADB:
        return agt__error_set(err, AGT_E_SYNTAX, origin,
                              "%s is no store: it is no SQLite database; use another path",
                              store->path);
    case SQLITE_CORRUPT:
        return agt__error_set(err, AGT_E_SYNTAX, origin,
                              "store %s is damaged: move it away, or use another path",
                              store->path);
    default:
        return AGT_OK;
    }
}

agt_status agt__store_fail(const agt_store *store, int result, agt_error *err)
{
    const char *what = store->is_writer ? "written" : "read";
    agt_status status = fail_known(store, result, err);
    if (status != AGT_OK) {
        return status;
    }
    int cause = get_cause(store, 0);
    if (cause == ENOSPC || cause == EDQUOT) {
        return fail_known(store, SQLITE_FULL, err);
    }
    if (cause != 0) {
        return agt__error_set_errno(err, AGT_E_IO, origin, cause, "store %s cannot be %s",
                                    store->path, what);
    }
    return agt__error_set(err, AGT_E_IO, origin, "store %s cannot be %s: %s", store->path, what,
                          store->db != NULL ? sqlite3_errmsg(store->db) : sqlite3_errstr(result));
}

agt_status agt__store_prepare(agt_store *store, const char *sql, sqlite3_stmt **ret_statement,
                              agt_error *err)
{
    unsigned flags = store->is_writer ? SQLITE_PREPARE_PERSISTENT : 0;
    int result = sqlite3_prepare_v3(store->db, sql, -1, flags, ret_statement, NULL);
    if (result != SQLITE_OK) {
        return agt__store_fail(store, result, err);
    }
    return AGT_OK;
}

agt_status agt__store_execute(agt_store *store, const char *sql, agt_error *err)
{
    int result = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    if (result != SQLITE_OK) {
        return agt__store_fail(store, result, err);
    }
    return AGT_OK;
}
