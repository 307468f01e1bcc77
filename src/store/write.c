/*
 * The writing side: transactions, and the checkpoints between them.
 *
 * The lock of lock.c is held from begin to commit or rollback. After a commit that left the log
 * long a checkpoint follows under the same lock; it moves what no reader needs any more and waits
 * for nobody, and if it fails nothing is lost: what was committed is in the log.
 *
 * A batch of spans is some hundred rows, so the statements are kept prepared.
 */
#include "base/error.h"
#include "base/utf8.h"
#include "base/value.h"
#include "store/database.h"

#include <string.h>

static const char origin[] = "store";

static const char *const statement_texts[AGT__STORE_STATEMENTS] = {
    [AGT__STORE_PUT_RUN] =
        "INSERT INTO run (id, trace_id, name, status, start_unix_ns, end_unix_ns, writer) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET trace_id = excluded.trace_id, "
        "name = excluded.name, status = excluded.status, start_unix_ns = excluded.start_unix_ns, "
        "end_unix_ns = excluded.end_unix_ns, writer = excluded.writer",
    [AGT__STORE_PUT_SPAN] =
        "INSERT INTO span (trace_id, span_id, parent_span_id, name, kind, start_unix_ns, "
        "end_unix_ns, error, message, attributes, dropped_attributes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [AGT__STORE_PUT_COST] =
        "INSERT INTO cost (trace_id, span_id, unix_ns, agent, provider, model, conversation, "
        "input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, "
        "output_tokens, reasoning_tokens, cost_nanousd, simulated) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [AGT__STORE_PUT_OPEN_SPAN] = "INSERT OR REPLACE INTO open_span VALUES (?, ?, ?, ?, ?, ?)",
    [AGT__STORE_END_OPEN_SPAN] = "DELETE FROM open_span WHERE trace_id = ? AND span_id = ?",
    [AGT__STORE_PUT_SESSION] =
        "INSERT INTO session (id, name, parent, agent, created_unix_ns, used_unix_ns, revision, "
        "sent_from) VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
    [AGT__STORE_SET_SESSION] =
        "UPDATE session SET agent = ifnull(?, agent), used_unix_ns = ?, sent_from = ?, "
        "revision = revision + 1 WHERE row = ? AND revision = ?",
    [AGT__STORE_PUT_MESSAGE] = "INSERT INTO message (session, number, turn, kind, tainted, "
                               "trace_id, unix_ns, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [AGT__STORE_PUT_RESULT] = "INSERT OR REPLACE INTO result (session, id, body) VALUES (?, ?, ?)",
    [AGT__STORE_PUT_FACT] =
        "INSERT INTO fact (namespace, key, value, tainted, version, created_unix_ns, "
        "updated_unix_ns, agent, trace_id) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5, ?6, ?7) "
        "ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value, tainted = "
        "excluded.tainted, version = version + 1, updated_unix_ns = excluded.updated_unix_ns, "
        "agent = excluded.agent, trace_id = excluded.trace_id",
    [AGT__STORE_FORGET_FACT] = "DELETE FROM fact WHERE namespace = ? AND key = ?",
    [AGT__STORE_FIND_TRACE] = "SELECT 1 FROM run WHERE trace_id = ? LIMIT 1",
};

/* ---- binding ----------------------------------------------------------------------------------
 */

agt_status agt__store_bind_begin(agt__store_binder *own, agt_store *store, int which,
                                 agt_error *err)
{
    *own = (agt__store_binder){.store = store, .next = 1, .result = SQLITE_OK};
    if (!store->is_writer || !store->is_locked || sqlite3_get_autocommit(store->db) != 0) {
        return agt__error_set(err, AGT_E_INVALID, origin, "store %s: not in a transaction",
                              store->path);
    }
    if (store->statements[which] == NULL) {
        agt_status status =
            agt__store_prepare(store, statement_texts[which], &store->statements[which], err);
        if (status != AGT_OK) {
            return status;
        }
    }
    own->statement = store->statements[which];
    return AGT_OK;
}

static void bind_result(agt__store_binder *own, int result)
{
    own->next++;
    if (own->result == SQLITE_OK) {
        own->result = result;
    }
}

void agt__store_bind_int(agt__store_binder *own, int64_t number)
{
    bind_result(own, sqlite3_bind_int64(own->statement, own->next, number));
}

void agt__store_bind_null(agt__store_binder *own)
{
    bind_result(own, sqlite3_bind_null(own->statement, own->next));
}

void agt__store_bind_time(agt__store_binder *own, uint64_t time_ns)
{
    agt__store_bind_int(own, time_ns < INT64_MAX ? (int64_t)time_ns : INT64_MAX);
}

/* NULL for what is unknown. */
static void bind_known(agt__store_binder *own, int64_t number, bool is_known)
{
    if (is_known) {
        agt__store_bind_int(own, number);
    } else {
        agt__store_bind_null(own);
    }
}

/* The bytes must stay until the statement has run. */
void agt__store_bind_bytes(agt__store_binder *own, const uint8_t *bytes, int size)
{
    bind_result(own, sqlite3_bind_blob(own->statement, own->next, bytes, size, SQLITE_STATIC));
}

/* The text must stay until the statement has run, unless it has to be repaired. */
void agt__store_bind_text(agt__store_binder *own, const char *text)
{
    agt__store_bind_text_n(own, text, strlen(text));
}

void agt__store_bind_text_n(agt__store_binder *own, const char *text, size_t length)
{
    if (agt__utf8_is_valid(text, length)) {
        bind_result(own, sqlite3_bind_text64(own->statement, own->next, text, length, SQLITE_STATIC,
                                             SQLITE_UTF8));
        return;
    }
    agt_value *repaired = NULL;
    if (agt__value_new_string_lossy(own->store->allocator, text, length, &repaired) != AGT_OK) {
        bind_result(own, SQLITE_NOMEM);
        return;
    }
    const char *bytes = agt_value_get_string(repaired, &length);
    bind_result(own, sqlite3_bind_text64(own->statement, own->next, bytes, length, SQLITE_TRANSIENT,
                                         SQLITE_UTF8));
    agt_value_unref(repaired);
}

void agt__store_bind_optional_text(agt__store_binder *own, const char *text)
{
    if (text != NULL) {
        agt__store_bind_text(own, text);
    } else {
        agt__store_bind_null(own);
    }
}

agt_status agt__store_run_statement(agt__store_binder *own, agt_error *err)
{
    agt_status status = AGT_OK;
    int result = own->result;
    if (result == SQLITE_OK) {
        result = sqlite3_step(own->statement);
    }
    if (result != SQLITE_DONE) {
        status = agt__store_fail(own->store, result, err);
    }
    (void)sqlite3_reset(own->statement);
    (void)sqlite3_clear_bindings(own->statement);
    return status;
}

/* ---- transactions -----------------------------------------------------------------------------
 */

agt_status agt__store_begin(agt_store *store, agt_error *err)
{
    if (!store->is_writer || store->is_locked) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "store %s: open for reading, or in a transaction already",
                              store->path);
    }
    agt_status status = agt__store_lock(store, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__store_execute(store, "BEGIN IMMEDIATE", err);
    if (status != AGT_OK) {
        agt__store_unlock(store);
    }
    return status;
}

/* Long logs make reading slow. Waits for nobody; the lock is held. */
static void checkpoint_if_due(agt_store *store)
{
    if ((int64_t)store->wal_pages * 4096 >= AGT__STORE_WAL_BYTES_MAX) {
        (void)sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
}

agt_status agt__store_commit(agt_store *store, agt_error *err)
{
    if (!store->is_locked) {
        return agt__error_set(err, AGT_E_INVALID, origin, "store %s: not in a transaction",
                              store->path);
    }
    agt_status status = agt__store_execute(store, "COMMIT", err);
    if (status != AGT_OK) {
        agt__store_rollback(store);
        return status;
    }
    checkpoint_if_due(store);
    agt__store_unlock(store);
    return AGT_OK;
}

void agt__store_rollback(agt_store *store)
{
    if (store->db != NULL && sqlite3_get_autocommit(store->db) == 0) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    agt__store_unlock(store);
}

void agt__store_interrupt(agt_store *store)
{
    atomic_store(&store->is_interrupted, true);
    sqlite3_interrupt(store->db);
}

void agt__store_set_lock_timeout(agt_store *store, uint32_t timeout_ms)
{
    store->lock_timeout_ms = timeout_ms;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

agt_status agt__store_put_run(agt_store *store, const agt__store_run *run, agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_RUN, err);
    if (status == AGT_OK) {
        status = agt__store_take_number(store, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt__store_bind_text(&own, run->id);
    agt__store_bind_bytes(&own, run->trace_id, sizeof(run->trace_id));
    agt__store_bind_text(&own, run->name);
    agt__store_bind_text(&own, run->status);
    agt__store_bind_time(&own, run->start_unix_ns);
    if (run->end_unix_ns != 0) {
        agt__store_bind_time(&own, run->end_unix_ns);
    } else {
        agt__store_bind_null(&own);
    }
    agt__store_bind_int(&own, store->writer);
    return agt__store_run_statement(&own, err);
}

agt_status agt__store_has_run(agt_store *store, const uint8_t trace_id[16], bool *ret_has,
                              agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_FIND_TRACE, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__store_bind_bytes(&own, trace_id, 16);
    int result = own.result == SQLITE_OK ? sqlite3_step(own.statement) : own.result;
    *ret_has = result == SQLITE_ROW;
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        status = agt__store_fail(store, result, err);
    }
    (void)sqlite3_reset(own.statement);
    (void)sqlite3_clear_bindings(own.statement);
    return status;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void bind_identity(agt__store_binder *own, const agt__store_span *span)
{
    agt__store_bind_bytes(own, span->context.trace_id, sizeof(span->context.trace_id));
    agt__store_bind_bytes(own, span->context.span_id, sizeof(span->context.span_id));
    if (is_zero(span->parent_span_id, sizeof(span->parent_span_id))) {
        agt__store_bind_null(own);
    } else {
        agt__store_bind_bytes(own, span->parent_span_id, sizeof(span->parent_span_id));
    }
}

agt_status agt__store_put_span(agt_store *store, const agt__store_span *span, agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_SPAN, err);
    if (status != AGT_OK) {
        return status;
    }
    agt_value *json = NULL;
    if (span->attributes != NULL) {
        status = agt_value_to_json(store->allocator, span->attributes, AGT_JSON_COMPACT, &json);
        if (status != AGT_OK) {
            return agt__error_nomem(err, origin);
        }
    }
    bind_identity(&own, span);
    agt__store_bind_text(&own, span->name);
    agt__store_bind_int(&own, span->kind);
    agt__store_bind_time(&own, span->start_unix_ns);
    agt__store_bind_time(&own, span->end_unix_ns);
    agt__store_bind_int(&own, span->error);
    agt__store_bind_text(&own, span->message != NULL ? span->message : "");
    agt__store_bind_text(&own, json != NULL ? agt_value_get_string(json, NULL) : "{}");
    agt__store_bind_int(&own, span->dropped_attributes);
    status = agt__store_run_statement(&own, err);
    agt_value_unref(json);
    return status;
}

agt_status agt__store_put_open_span(agt_store *store, const agt__store_span *span, agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_OPEN_SPAN, err);
    if (status != AGT_OK) {
        return status;
    }
    bind_identity(&own, span);
    agt__store_bind_text(&own, span->name);
    agt__store_bind_int(&own, span->kind);
    agt__store_bind_time(&own, span->start_unix_ns);
    return agt__store_run_statement(&own, err);
}

agt_status agt__store_end_open_span(agt_store *store, const agt_span_context *context,
                                    agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_END_OPEN_SPAN, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__store_bind_bytes(&own, context->trace_id, sizeof(context->trace_id));
    agt__store_bind_bytes(&own, context->span_id, sizeof(context->span_id));
    return agt__store_run_statement(&own, err);
}

agt_status agt__store_put_cost(agt_store *store, const agt_cost_entry *entry, agt_error *err)
{
    agt__store_binder own;
    agt_status status = agt__store_bind_begin(&own, store, AGT__STORE_PUT_COST, err);
    if (status != AGT_OK) {
        return status;
    }
    const int64_t tokens[] = {entry->usage.input_tokens,       entry->usage.cache_read_tokens,
                              entry->usage.cache_write_tokens, entry->usage.cache_write_1h_tokens,
                              entry->usage.output_tokens,      entry->usage.reasoning_tokens};
    agt__store_bind_bytes(&own, entry->span.trace_id, sizeof(entry->span.trace_id));
    agt__store_bind_bytes(&own, entry->span.span_id, sizeof(entry->span.span_id));
    agt__store_bind_time(&own, entry->unix_ns);
    agt__store_bind_optional_text(&own, entry->agent);
    agt__store_bind_optional_text(&own, entry->provider);
    agt__store_bind_optional_text(&own, entry->model);
    agt__store_bind_optional_text(&own, entry->conversation);
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        bind_known(&own, tokens[i], tokens[i] >= 0);
    }
    bind_known(&own, entry->cost_nanousd, entry->cost_nanousd != AGT_NANOUSD_UNKNOWN);
    agt__store_bind_int(&own, entry->simulated);
    return agt__store_run_statement(&own, err);
}
