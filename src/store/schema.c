/*
 * The tables of a store and how they came to be: one script per version, each run once, all that
 * are missing in one transaction.
 *
 * Times are nanoseconds since 1970 (they fit until 2262), identifiers their bytes, money
 * nano-dollars. NULL is "unknown", never zero. Nothing is summed up here: totals of a run are
 * computed from the lines of its trace when somebody asks, so they cannot disagree with them.
 */
#include "base/error.h"
#include "store/database.h"

#include <stdio.h>

static const char origin[] = "store";

static const char *const scripts[AGT__STORE_VERSION] = {
    "CREATE TABLE run ("
    " row INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " trace_id BLOB NOT NULL,"
    " name TEXT NOT NULL,"
    " status TEXT NOT NULL,"
    " start_unix_ns INTEGER NOT NULL,"
    " end_unix_ns INTEGER"
    ") STRICT;"
    "CREATE INDEX run_by_trace ON run (trace_id);"
    "CREATE INDEX run_by_start ON run (start_unix_ns);"
    "CREATE TABLE span ("
    " row INTEGER PRIMARY KEY,"
    " trace_id BLOB NOT NULL,"
    " span_id BLOB NOT NULL,"
    " parent_span_id BLOB,"
    " name TEXT NOT NULL,"
    " kind INTEGER NOT NULL,"
    " start_unix_ns INTEGER NOT NULL,"
    " end_unix_ns INTEGER NOT NULL,"
    " error INTEGER NOT NULL,"
    " message TEXT NOT NULL,"
    " attributes TEXT NOT NULL,"
    " dropped_attributes INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX span_by_trace ON span (trace_id);"
    "CREATE TABLE cost ("
    " row INTEGER PRIMARY KEY,"
    " trace_id BLOB NOT NULL,"
    " span_id BLOB NOT NULL,"
    " unix_ns INTEGER NOT NULL,"
    " agent TEXT,"
    " provider TEXT,"
    " model TEXT,"
    " conversation TEXT,"
    " input_tokens INTEGER,"
    " cache_read_tokens INTEGER,"
    " cache_write_tokens INTEGER,"
    " cache_write_1h_tokens INTEGER,"
    " output_tokens INTEGER,"
    " reasoning_tokens INTEGER,"
    " cost_nanousd INTEGER,"
    " simulated INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX cost_by_trace ON cost (trace_id);"
    "CREATE INDEX cost_by_time ON cost (unix_ns);",
    /* 2: who writes a run (a number that a living writer holds locked, see lock.c; NULL: unknown),
     * and spans that were seen running; they leave when they end. */
    "ALTER TABLE run ADD COLUMN writer INTEGER;"
    "CREATE INDEX run_by_writer ON run (writer);"
    "CREATE INDEX run_unfinished ON run (writer) WHERE end_unix_ns IS NULL;"
    "CREATE TABLE open_span ("
    " trace_id BLOB NOT NULL,"
    " span_id BLOB NOT NULL,"
    " parent_span_id BLOB,"
    " name TEXT NOT NULL,"
    " kind INTEGER NOT NULL,"
    " start_unix_ns INTEGER NOT NULL,"
    " PRIMARY KEY (trace_id, span_id)"
    ") STRICT, WITHOUT ROWID;",
    /* 3: conversations and what agents remember. A session's `revision` counts what was written to
     * it, so that whoever has read it knows whether that is still all; messages have numbers
     * without gaps. `sent_from` is the first message that a model is still shown. */
    "CREATE TABLE session ("
    " row INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " name TEXT UNIQUE,"
    " parent TEXT,"
    " agent TEXT,"
    " created_unix_ns INTEGER NOT NULL,"
    " used_unix_ns INTEGER NOT NULL,"
    " revision INTEGER NOT NULL,"
    " sent_from INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX session_by_use ON session (used_unix_ns);"
    "CREATE TABLE message ("
    " session INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " turn INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " tainted INTEGER NOT NULL,"
    " trace_id BLOB,"
    " unix_ns INTEGER NOT NULL,"
    " body TEXT NOT NULL,"
    " PRIMARY KEY (session, number)"
    ") STRICT;"
    "CREATE TABLE result ("
    " session INTEGER NOT NULL,"
    " id TEXT NOT NULL,"
    " body TEXT NOT NULL,"
    " PRIMARY KEY (session, id)"
    ") STRICT;"
    "CREATE TABLE fact ("
    " namespace TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " tainted INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " created_unix_ns INTEGER NOT NULL,"
    " updated_unix_ns INTEGER NOT NULL,"
    " agent TEXT,"
    " trace_id BLOB,"
    " PRIMARY KEY (namespace, key)"
    ") STRICT, WITHOUT ROWID;",
};

agt_status agt__store_get_number(agt_store *store, const char *sql, int64_t *ret_number,
                                 agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(store, sql, &statement, err);
    if (status != AGT_OK) {
        return status;
    }
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
    } else {
        status = agt__store_fail(store, result, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

agt_status agt__store_check_version(agt_store *store, agt__store_state *ret_state, agt_error *err)
{
    int64_t application = 0, version = 0, objects = 0;
    agt_status status = agt__store_get_number(store, "PRAGMA application_id", &application, err);
    if (status == AGT_OK) {
        status = agt__store_get_number(store, "PRAGMA user_version", &version, err);
    }
    if (status == AGT_OK) {
        status = agt__store_get_number(store, "SELECT count(*) FROM sqlite_schema", &objects, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    if (application == 0 && version == 0 && objects == 0) {
        *ret_state = AGT__STORE_EMPTY;
        return AGT_OK;
    }
    if (application != AGT__STORE_APPLICATION_ID || version < 1) {
        return agt__error_set(err, AGT_E_SYNTAX, origin,
                              "%s is no store: it is a SQLite database of another program; use "
                              "another path",
                              store->path);
    }
    if (version > AGT__STORE_VERSION) {
        return agt__error_set(err, AGT_E_VERSION, origin,
                              "store %s has version %lld; agent_sdk %s knows versions up to %d: "
                              "use a newer agent_sdk, or another path",
                              store->path, (long long)version, agt_version(), AGT__STORE_VERSION);
    }
    store->version = (int)version;
    *ret_state = version < AGT__STORE_VERSION ? AGT__STORE_OLD : AGT__STORE_CURRENT;
    return AGT_OK;
}

/* The log has to be there before the first table is: it cannot be changed in a transaction. */
static agt_status use_wal(agt_store *store, agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(store, "PRAGMA journal_mode = WAL", &statement, err);
    if (status != AGT_OK) {
        return status;
    }
    int result = sqlite3_step(statement);
    const char *mode =
        result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (result != SQLITE_ROW) {
        status = agt__store_fail(store, result, err);
    } else if (mode == NULL || sqlite3_stricmp(mode, "wal") != 0) {
        status = agt__error_set(err, AGT_E_UNSUPPORTED, origin,
                                "store %s cannot be used: its file system does not allow a "
                                "write-ahead log; use a path on a local disk",
                                store->path);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static agt_status run_scripts(agt_store *store, agt_error *err)
{
    agt__store_state state;
    int64_t version = 0;
    /* Looked at again: another process may have been faster. */
    agt_status status = agt__store_check_version(store, &state, err);
    if (status == AGT_OK) {
        status = agt__store_get_number(store, "PRAGMA user_version", &version, err);
    }
    for (int64_t i = version; status == AGT_OK && i < AGT__STORE_VERSION; i++) {
        status = agt__store_execute(store, scripts[i], err);
    }
    if (status == AGT_OK && version < AGT__STORE_VERSION) {
        char sql[96];
        (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                       AGT__STORE_APPLICATION_ID, AGT__STORE_VERSION);
        status = agt__store_execute(store, sql, err);
    }
    return status;
}

agt_status agt__store_migrate(agt_store *store, agt_error *err)
{
    agt_status status = use_wal(store, err);
    if (status == AGT_OK) {
        status = agt__store_execute(store, "BEGIN IMMEDIATE", err);
    }
    if (status != AGT_OK) {
        return status;
    }
    status = run_scripts(store, err);
    if (status == AGT_OK) {
        status = agt__store_execute(store, "COMMIT", err);
    }
    if (status != AGT_OK && sqlite3_get_autocommit(store->db) == 0) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    store->version = status == AGT_OK ? AGT__STORE_VERSION : store->version;
    return status;
}
