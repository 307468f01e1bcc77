/*
 * Sessions and facts: conversations in messages, and what agents remember.
 *
 * A session's messages have numbers from 0 without gaps, given by whoever has claimed it (lock.c);
 * the key of the table refuses two of the same number, so that whatever goes wrong, two runs never
 * mix. Its `revision` goes up with each transaction that writes to it: who has read the session
 * learns by one number whether something was added since.
 *
 * What is read is checked as little as what a program gives: it becomes values, marked as tainted
 * where it came from a model, and whoever sends it checks that. A body that is no JSON is damage.
 *
 * A store of an older version, which only readers can meet, has no sessions and no facts.
 */
#include "base/error.h"
#include "base/value.h"
#include "store/database.h"

#include <string.h>

static const char origin[] = "store";

enum {
    SESSIONS_DEFAULT = 50,
    NAME_BYTES_MAX = 128,
    FIRST_VERSION = 3
};

/* ---- writing ----------------------------------------------------------------------------------
 */

agt_status agt__store_add_session(agt_store *store, const agt__store_session *session,
                                  int64_t *ret_row, agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_SESSION, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__store_bind_text(&own, session->id);
    agt__store_bind_optional_text(&own, session->name);
    agt__store_bind_optional_text(&own, session->parent);
    agt__store_bind_optional_text(&own, session->agent);
    agt__store_bind_time(&own, session->created_unix_ns);
    agt__store_bind_time(&own, session->created_unix_ns);
    status = agt__store_run_statement(&own, err);
    if (status == AGT_OK) {
        *ret_row = sqlite3_last_insert_rowid(store->db);
    } else if (sqlite3_extended_errcode(store->db) == SQLITE_CONSTRAINT_UNIQUE) {
        status = agt__error_set(err, AGT_E_EXISTS, origin, "there is a session \"%s\" already",
                                session->name != NULL ? session->name : session->id);
    }
    return status;
}

/* The text of @value, kept in *ret_json until the statement has run. */
static agt_status write_json(const agt_store *store, const agt_value *value, agt_value **ret_json,
                             agt_error *err)
{
    agt_status status = agt_value_to_json(store->allocator, value, AGT_JSON_COMPACT, ret_json);
    return status == AGT_OK ? AGT_OK : agt__error_nomem(err, origin);
}

static void bind_json(agt__store_binder *own, const agt_value *json)
{
    size_t length = 0;
    const char *text = agt_value_get_string(json, &length);
    agt__store_bind_text_n(own, text, length);
}

static void bind_trace(agt__store_binder *own, const uint8_t *trace_id)
{
    if (trace_id != NULL) {
        agt__store_bind_bytes(own, trace_id, 16);
    } else {
        agt__store_bind_null(own);
    }
}

agt_status agt__store_put_message(agt_store *store, int64_t session,
                                  const agt__store_message *message, agt_error *err)
{
    agt__store_binder own;
    agt_value *json = NULL;
    agt_status status = write_json(store, message->body, &json, err);
    if (status == AGT_OK) {
        status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_MESSAGE, err);
    }
    if (status == AGT_OK) {
        agt__store_bind_int(&own, session);
        agt__store_bind_int(&own, message->number);
        agt__store_bind_int(&own, message->turn);
        agt__store_bind_int(&own, message->kind);
        agt__store_bind_int(&own, agt_value_is_tainted(message->body));
        bind_trace(&own, message->trace_id);
        agt__store_bind_time(&own, message->unix_ns);
        bind_json(&own, json);
        status = agt__store_run_statement(&own, err);
    }
    agt_value_unref(json);
    return status;
}

agt_status agt__store_put_result(agt_store *store, int64_t session, const char *id,
                                 const char *text, size_t length, agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_RESULT, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__store_bind_int(&own, session);
    agt__store_bind_text(&own, id);
    agt__store_bind_text_n(&own, text, length);
    return agt__store_run_statement(&own, err);
}

agt_status agt__store_set_session(agt_store *store, int64_t session, int64_t revision,
                                  const char *agent, uint64_t used_unix_ns, int64_t sent_from,
                                  agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_SET_SESSION, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__store_bind_optional_text(&own, agent);
    agt__store_bind_time(&own, used_unix_ns);
    agt__store_bind_int(&own, sent_from);
    agt__store_bind_int(&own, session);
    agt__store_bind_int(&own, revision);
    status = agt__store_run_statement(&own, err);
    if (status == AGT_OK && sqlite3_changes(store->db) == 0) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin,
                              "the session was removed, or changed by somebody else, meanwhile");
    }
    return status;
}

/* Run @sql with one or two numbers. */
static agt_status run_with(agt_store *store, const char *sql, int64_t first, int64_t second,
                           agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(store, sql, &statement, err);
    if (status == AGT_OK) {
        (void)sqlite3_bind_int64(statement, 1, first);
        if (sqlite3_bind_parameter_count(statement) > 1) {
            (void)sqlite3_bind_int64(statement, 2, second);
        }
        int result = sqlite3_step(statement);
        status = result == SQLITE_DONE ? AGT_OK : agt__store_fail(store, result, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

agt_status agt__store_copy_session(agt_store *store, int64_t from, int64_t to, agt_error *err)
{
    static const char messages[] =
        "INSERT INTO message (session, number, turn, kind, tainted, trace_id, unix_ns, body) "
        "SELECT ?2, number, turn, kind, tainted, trace_id, unix_ns, body FROM message "
        "WHERE session = ?1";
    static const char results[] =
        "INSERT INTO result (session, id, body) SELECT ?2, id, body FROM result WHERE session = ?1";
    static const char rest[] =
        "UPDATE session SET (sent_from, agent) = (SELECT sent_from, agent FROM session WHERE row = "
        "?1), revision = revision + 1 WHERE row = ?2";
    static const char *const texts[] = {messages, results, rest};
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < sizeof(texts) / sizeof(texts[0]); i++) {
        status = run_with(store, texts[i], from, to, err);
    }
    return status;
}

agt_status agt__store_clear_session(agt_store *store, int64_t session, bool remove, agt_error *err)
{
    agt_status status = run_with(store, "DELETE FROM message WHERE session = ?", session, 0, err);
    if (status == AGT_OK) {
        status = run_with(store, "DELETE FROM result WHERE session = ?", session, 0, err);
    }
    if (status == AGT_OK) {
        status = run_with(store,
                          remove ? "DELETE FROM session WHERE row = ?"
                                 : "UPDATE session SET sent_from = 0, revision = revision + 1 "
                                   "WHERE row = ?",
                          session, 0, err);
    }
    return status;
}

/* ---- which session ----------------------------------------------------------------------------
 */

#define FIND "SELECT row, id, name, "

/* A statement whose rows are the sessions that @id may mean; the second column of a whole one is 1.
 */
static agt_status prepare_find(agt_store *store, const char *id, bool exact,
                               sqlite3_stmt **ret_statement, agt_error *err)
{
    static const char last[] = FIND "1 FROM session ORDER BY used_unix_ns DESC, row DESC LIMIT 1";
    static const char whole[] = FIND "1 FROM session WHERE id = ?1 OR name = ?1 LIMIT 1";
    static const char begun[] =
        FIND "(id = ?1 OR name IS ?1) AS whole FROM session WHERE whole OR "
             "(length(?1) > 3 AND substr(id, 1, length(?1)) = ?1 COLLATE NOCASE) "
             "ORDER BY whole DESC, row DESC LIMIT 2";
    bool is_last = !exact && strcmp(id, "last") == 0;
    agt_status status =
        agt__store_prepare(store, is_last ? last : (exact ? whole : begun), ret_statement, err);
    if (status == AGT_OK && !is_last) {
        (void)sqlite3_bind_text(*ret_statement, 1, id, -1, SQLITE_TRANSIENT);
    }
    return status;
}

static agt_status take_one(agt_store *store, const char *id, sqlite3_stmt *statement,
                           int64_t *ret_row, agt_error *err)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) {
        return strcmp(id, "last") == 0
                   ? agt__error_set(err, AGT_E_NOT_FOUND, origin, "store %s has no sessions",
                                    store->path)
                   : agt__error_set(err, AGT_E_NOT_FOUND, origin, "store %s has no session \"%s\"",
                                    store->path, id);
    }
    if (result != SQLITE_ROW) {
        return agt__store_fail(store, result, err);
    }
    *ret_row = sqlite3_column_int64(statement, 0);
    if (sqlite3_column_int(statement, 3) == 1) {
        return AGT_OK;
    }
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "\"%s\" fits several sessions: write more of the id, or the name",
                              id);
    }
    return result == SQLITE_DONE ? AGT_OK : agt__store_fail(store, result, err);
}

static agt_status find_session(agt_store *store, const char *id, bool exact, int64_t *ret_row,
                               agt_error *err)
{
    if (store == NULL || id == NULL || id[0] == '\0' || strlen(id) > NAME_BYTES_MAX) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "no store, or not the name or id of a session: 1 to %d bytes, or "
                              "\"last\"",
                              NAME_BYTES_MAX);
    }
    if (store->version < FIRST_VERSION) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin, "store %s has no sessions",
                              store->path);
    }
    sqlite3_stmt *statement = NULL;
    agt_status status = prepare_find(store, id, exact, &statement, err);
    if (status == AGT_OK) {
        status = take_one(store, id, statement, ret_row, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Limits of what was written by this library: as far as the reader goes. */
static agt_status parse_body(const agt_store *store, sqlite3_stmt *row, int column, bool tainted,
                             agt_value **ret_value)
{
    agt_json_config config = AGT_CONFIG(
        agt_json_config, .depth_max = 1024, .nodes_max = 1u << 30,
        .string_bytes_max = (size_t)1 << 30, .document_bytes_max = (size_t)1 << 30,
        .number_bytes_max = 4096, .duplicates = AGT_JSON_DUPLICATES_LAST, .tainted = tainted);
    const char *text = (const char *)sqlite3_column_text(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);
    return agt_json_parse(store->allocator, text != NULL ? text : "", length, &config, ret_value,
                          NULL);
}

/* Add the value of a column; null if it is damaged. Without memory the builder fails as well. */
static void add_body(const agt_store *store, agt_value_builder *builder, const char *key,
                     sqlite3_stmt *row, int column, bool tainted)
{
    agt_value *value = NULL;
    if (parse_body(store, row, column, tainted, &value) != AGT_OK) {
        value = agt_value_null();
    }
    agt__builder_add_value(builder, key, value);
    agt_value_unref(value);
}

static void add_optional_text(const agt_store *store, agt_value_builder *builder, const char *key,
                              sqlite3_stmt *row, int column)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL) {
        agt__builder_add_value(builder, key, agt_value_null());
    } else {
        agt__store_add_text(store->allocator, builder, key, row, column);
    }
}

#define SESSION_COLUMNS                                                                            \
    "s.id, s.name, s.agent, s.parent, s.created_unix_ns, s.used_unix_ns, "                         \
    "(SELECT ifnull(max(turn), 0) FROM message m WHERE m.session = s.row)"

static void add_session(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row)
{
    agt__store_add_text(store->allocator, builder, "id", row, 0);
    add_optional_text(store, builder, "name", row, 1);
    add_optional_text(store, builder, "agent", row, 2);
    add_optional_text(store, builder, "parent", row, 3);
    agt__builder_add_int64(builder, "created_unix_ns", sqlite3_column_int64(row, 4));
    agt__builder_add_int64(builder, "used_unix_ns", sqlite3_column_int64(row, 5));
    agt__builder_add_int64(builder, "turns", sqlite3_column_int64(row, 6));
}

static void add_listed_session(const agt_store *store, agt_value_builder *builder,
                               sqlite3_stmt *row)
{
    agt_value_builder_begin_object(builder);
    add_session(store, builder, row);
    agt__builder_add_int64(builder, "messages", sqlite3_column_int64(row, 7));
    agt__builder_add_int64(builder, "bytes", sqlite3_column_int64(row, 8));
    agt_value_builder_end(builder);
}

agt_status agt_store_list_sessions(agt_store *store, uint32_t limit, agt_value **ret_sessions,
                                   agt_error *err)
{
    static const char sql[] =
        "SELECT " SESSION_COLUMNS ", (SELECT count(*) FROM message m WHERE m.session = s.row), "
        "(SELECT ifnull(sum(length(CAST(body AS BLOB))), 0) FROM message m WHERE m.session = s.row)"
        " FROM session s ORDER BY s.used_unix_ns DESC, s.row DESC LIMIT ?";
    sqlite3_stmt *statement = NULL;
    if (store == NULL || ret_sessions == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "store and ret_sessions are required");
    }
    if (store->version < FIRST_VERSION) {
        *ret_sessions = agt_value_empty_array();
        return AGT_OK;
    }
    agt_status status = agt__store_prepare(store, sql, &statement, err);
    if (status == AGT_OK) {
        (void)sqlite3_bind_int64(statement, 1, limit != 0 ? limit : SESSIONS_DEFAULT);
        status = agt__store_build_array(store, statement, add_listed_session, ret_sessions, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static void add_message(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row)
{
    bool tainted = sqlite3_column_int64(row, 3) != 0;
    bool is_summary = sqlite3_column_int64(row, 2) == AGT__MESSAGE_SUMMARY;
    agt_value_builder_begin_object(builder);
    agt__builder_add_int64(builder, "number", sqlite3_column_int64(row, 0));
    agt__builder_add_int64(builder, "turn", sqlite3_column_int64(row, 1));
    agt__builder_add_string(builder, "kind", is_summary ? "summary" : "said");
    agt__builder_add_int64(builder, "unix_ns", sqlite3_column_int64(row, 5));
    agt__store_add_hex(builder, "trace_id", row, 4, 16);
    add_body(store, builder, "message", row, 6, tainted);
    agt_value_builder_end(builder);
}

static agt_status read_messages(agt_store *store, int64_t row, agt_value **ret_messages,
                                agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(
        store,
        "SELECT number, turn, kind, tainted, trace_id, unix_ns, body FROM message WHERE session = "
        "? ORDER BY number",
        &statement, err);
    if (status == AGT_OK) {
        (void)sqlite3_bind_int64(statement, 1, row);
        status = agt__store_build_array(store, statement, add_message, ret_messages, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static agt_status build_session(agt_store *store, int64_t row, const agt_value *messages,
                                sqlite3_stmt *statement, agt_value **ret_session, agt_error *err)
{
    agt_value_builder *builder = NULL;
    (void)sqlite3_bind_int64(statement, 1, row);
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        return agt__store_fail(store, result == SQLITE_DONE ? SQLITE_CORRUPT : result, err);
    }
    if (agt_value_builder_new(store->allocator, &builder) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt_value_builder_begin_object(builder);
    add_session(store, builder, statement);
    agt__builder_add_int64(builder, "row", row);
    agt__builder_add_int64(builder, "revision", sqlite3_column_int64(statement, 7));
    agt__builder_add_int64(builder, "sent_from", sqlite3_column_int64(statement, 8));
    agt__builder_add_int64(builder, "results", sqlite3_column_int64(statement, 9));
    agt__builder_add_value(builder, "messages", messages);
    agt_value_builder_end(builder);
    agt_status status = agt_value_builder_finish(builder, ret_session, err);
    agt_value_builder_free(builder);
    return status;
}

static agt_status read_session(agt_store *store, const char *id, bool exact,
                               agt_value **ret_session, agt_error *err)
{
    static const char sql[] =
        "SELECT " SESSION_COLUMNS ", s.revision, s.sent_from, (SELECT count(*) FROM result r WHERE "
        "r.session = s.row) FROM session s WHERE s.row = ?";
    int64_t row = 0;
    agt_value *messages = NULL;
    sqlite3_stmt *statement = NULL;
    agt_status status = find_session(store, id, exact, &row, err);
    if (status == AGT_OK) {
        status = read_messages(store, row, &messages, err);
    }
    if (status == AGT_OK) {
        status = agt__store_prepare(store, sql, &statement, err);
    }
    if (status == AGT_OK) {
        status = build_session(store, row, messages, statement, ret_session, err);
    }
    (void)sqlite3_finalize(statement);
    agt_value_unref(messages);
    return status;
}

agt_status agt__store_read_session(agt_store *store, const char *id, bool exact,
                                   agt_value **ret_session, agt_error *err)
{
    if (store->is_locked) { /* in a transaction already */
        return read_session(store, id, exact, ret_session, err);
    }
    agt_status status = agt__store_execute(store, "BEGIN", err);
    if (status != AGT_OK) {
        return status;
    }
    status = read_session(store, id, exact, ret_session, err);
    (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL); /* it only read */
    return status;
}

agt_status agt_store_get_session(agt_store *store, const char *id, agt_value **ret_session,
                                 agt_error *err)
{
    if (store == NULL || ret_session == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "store and ret_session are required");
    }
    return agt__store_read_session(store, id, false, ret_session, err);
}

agt_status agt__store_get_revision(agt_store *store, int64_t session, int64_t *ret_revision,
                                   agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status =
        agt__store_prepare(store, "SELECT revision FROM session WHERE row = ?", &statement, err);
    if (status == AGT_OK) {
        (void)sqlite3_bind_int64(statement, 1, session);
        int result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            *ret_revision = sqlite3_column_int64(statement, 0);
        } else {
            status = result == SQLITE_DONE
                         ? agt__error_set(err, AGT_E_NOT_FOUND, origin, "the session was removed")
                         : agt__store_fail(store, result, err);
        }
    }
    (void)sqlite3_finalize(statement);
    return status;
}

agt_status agt__store_get_result(agt_store *store, int64_t session, const char *id,
                                 agt_value **ret_text, agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(
        store, "SELECT body FROM result WHERE session = ? AND id = ?", &statement, err);
    if (status == AGT_OK) {
        (void)sqlite3_bind_int64(statement, 1, session);
        (void)sqlite3_bind_text(statement, 2, id, -1, SQLITE_TRANSIENT);
        int result = sqlite3_step(statement);
        const char *text =
            result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        if (text != NULL) {
            size_t length = (size_t)sqlite3_column_bytes(statement, 0);
            status = agt__value_new_string_lossy(store->allocator, text, length, ret_text);
            status = status == AGT_OK ? AGT_OK : agt__error_nomem(err, origin);
        } else {
            status =
                result == SQLITE_DONE
                    ? agt__error_set(err, AGT_E_NOT_FOUND, origin, "there is no result \"%.64s\"",
                                     id)
                    : agt__store_fail(store, result == SQLITE_ROW ? SQLITE_NOMEM : result, err);
        }
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- facts ------------------------------------------------------------------------------------
 */

agt_status agt__store_put_fact(agt_store *store, const agt__store_fact *fact, agt_error *err)
{
    agt__store_binder own;
    agt_value *json = NULL;
    agt_status status = write_json(store, fact->value, &json, err);
    if (status == AGT_OK) {
        status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_FACT, err);
    }
    if (status == AGT_OK) {
        agt__store_bind_text(&own, fact->space);
        agt__store_bind_text(&own, fact->key);
        bind_json(&own, json);
        agt__store_bind_int(&own, agt_value_is_tainted(fact->value));
        agt__store_bind_time(&own, fact->unix_ns);
        agt__store_bind_optional_text(&own, fact->agent);
        bind_trace(&own, fact->trace_id);
        status = agt__store_run_statement(&own, err);
    }
    agt_value_unref(json);
    return status;
}

agt_status agt__store_forget_fact(agt_store *store, const char *space, const char *key,
                                  bool *ret_had, agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_FORGET_FACT, err);
    if (status == AGT_OK) {
        agt__store_bind_text(&own, space);
        agt__store_bind_text(&own, key);
        status = agt__store_run_statement(&own, err);
    }
    if (status == AGT_OK) {
        *ret_had = sqlite3_changes(store->db) > 0;
    }
    return status;
}

static void add_fact(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row)
{
    agt_value_builder_begin_object(builder);
    agt__store_add_text(store->allocator, builder, "space", row, 0);
    agt__store_add_text(store->allocator, builder, "key", row, 1);
    add_body(store, builder, "value", row, 2, sqlite3_column_int64(row, 3) != 0);
    agt__builder_add_int64(builder, "version", sqlite3_column_int64(row, 4));
    agt__builder_add_int64(builder, "created_unix_ns", sqlite3_column_int64(row, 5));
    agt__builder_add_int64(builder, "updated_unix_ns", sqlite3_column_int64(row, 6));
    add_optional_text(store, builder, "agent", row, 7);
    agt__store_add_hex(builder, "trace_id", row, 8, 16);
    agt_value_builder_end(builder);
}

agt_status agt_store_list_facts(agt_store *store, const char *space, agt_value **ret_facts,
                                agt_error *err)
{
    static const char sql[] =
        "SELECT namespace, key, value, tainted, version, created_unix_ns, updated_unix_ns, agent, "
        "trace_id FROM fact WHERE ?1 IS NULL OR namespace = ?1 ORDER BY namespace, key";
    sqlite3_stmt *statement = NULL;
    if (store == NULL || ret_facts == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "store and ret_facts are required");
    }
    if (store->version < FIRST_VERSION) {
        *ret_facts = agt_value_empty_array();
        return AGT_OK;
    }
    agt_status status = agt__store_prepare(store, sql, &statement, err);
    if (status == AGT_OK && space != NULL) {
        (void)sqlite3_bind_text(statement, 1, space, -1, SQLITE_TRANSIENT);
    }
    if (status == AGT_OK) {
        status = agt__store_build_array(store, statement, add_fact, ret_facts, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}
