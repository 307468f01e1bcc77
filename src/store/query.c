/*
 * Reading: lists of runs, costs by group, and which run an id means. A list is one statement, so it
 * shows one state of the store, whatever is written meanwhile. Totals are sums over the lines of
 * the ledger; a run's lines are those of its trace.
 */
#include "base/error.h"
#include "base/value.h"
#include "store/database.h"

#include <string.h>

static const char origin[] = "store";

enum {
    RUNS_DEFAULT = 50,
    ID_BYTES_MAX = 128
};

/* ---- columns ----------------------------------------------------------------------------------
 */

void agt__store_add_text(const agt_allocator *allocator, agt_value_builder *builder,
                         const char *key, sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);
    agt_value *value = NULL;
    if (text != NULL && agt__value_new_string_lossy(allocator, text, length, &value) == AGT_OK) {
        agt__builder_add_value(builder, key, value);
        agt_value_unref(value);
    } else { /* there was no memory for it, or will not be for this: the builder says so */
        agt__builder_add_string(builder, key, text != NULL ? text : "");
    }
}

void agt__store_add_hex(agt_value_builder *builder, const char *key, sqlite3_stmt *row, int column,
                        size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char text[33];
    const uint8_t *bytes = sqlite3_column_blob(row, column);
    if (bytes == NULL || (size_t)sqlite3_column_bytes(row, column) != size) {
        agt__builder_add_value(builder, key, agt_value_null());
        return;
    }
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
    agt__builder_add_string(builder, key, text);
}

/* The status, or "lost" if it says that the run goes on and nobody is left who could end it. What
 * a library of version 1 had not finished when another one took over has no number. */
static void add_status(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row)
{
    bool is_open = sqlite3_column_type(row, 5) == SQLITE_NULL;
    bool has_writer = sqlite3_column_type(row, 12) != SQLITE_NULL;
    bool is_lost =
        has_writer ? agt__store_is_dead(store, sqlite3_column_int64(row, 12)) : store->version >= 2;
    if (is_open && is_lost) {
        agt__builder_add_string(builder, "status", "lost");
    } else {
        agt__store_add_text(store->allocator, builder, "status", row, 3);
    }
}

void agt__store_add_run(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row)
{
    static const char *const sums[] = {"input_tokens",   "output_tokens",     "cost_nanousd",
                                       "unpriced_calls", "simulated_nanousd", "simulated_tokens"};
    int64_t start = sqlite3_column_int64(row, 4);
    agt__store_add_text(store->allocator, builder, "id", row, 0);
    agt__store_add_hex(builder, "trace_id", row, 1, 16);
    agt__store_add_text(store->allocator, builder, "name", row, 2);
    add_status(store, builder, row);
    agt__builder_add_int64(builder, "start_unix_ns", start);
    if (sqlite3_column_type(row, 5) == SQLITE_NULL) {
        agt__builder_add_value(builder, "duration_ns", agt_value_null());
    } else {
        int64_t end = sqlite3_column_int64(row, 5);
        agt__builder_add_int64(builder, "duration_ns", end > start ? end - start : 0);
    }
    for (int i = 0; i < (int)(sizeof(sums) / sizeof(sums[0])); i++) {
        agt__builder_add_int64(builder, sums[i], sqlite3_column_int64(row, 6 + i));
    }
}

/* ---- rows to a value --------------------------------------------------------------------------
 */

agt_status agt__store_build_array(agt_store *store, sqlite3_stmt *statement,
                                  agt__store_row_fn add_row, agt_value **ret_array, agt_error *err)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(store->allocator, &builder) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt_status status = AGT_OK;
    int result;
    agt_value_builder_begin_array(builder);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW &&
           agt__builder_get_status(builder) == AGT_OK) {
        add_row(store, builder, statement);
    }
    agt_value_builder_end(builder);
    if (result != SQLITE_DONE && result != SQLITE_ROW) {
        status = agt__store_fail(store, result, err);
    } else {
        status = agt_value_builder_finish(builder, ret_array, err);
    }
    agt_value_builder_free(builder);
    return status;
}

static void add_listed_run(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row)
{
    agt_value_builder_begin_object(builder);
    agt__store_add_run(store, builder, row);
    agt__builder_add_int64(builder, "spans", sqlite3_column_int64(row, 13));
    agt_value_builder_end(builder);
}

#define LIST_RUNS(writer, open_spans)                                                              \
    "WITH r AS MATERIALIZED (SELECT * FROM run ORDER BY start_unix_ns DESC, row DESC LIMIT ?), "   \
    "c AS (SELECT trace_id, " AGT__STORE_COST_SUMS                                                 \
    " FROM cost WHERE trace_id IN (SELECT trace_id FROM r) GROUP BY trace_id) "                    \
    "SELECT " AGT__STORE_RUN_COLUMNS(                                                              \
        writer) ", (SELECT count(*) FROM span WHERE span.trace_id = r.trace_id)" open_spans        \
                " FROM r LEFT JOIN c ON c.trace_id = r.trace_id "                                  \
                "ORDER BY r.start_unix_ns DESC, r.row DESC"

agt_status agt_store_list_runs(agt_store *store, uint32_t limit, agt_value **ret_runs,
                               agt_error *err)
{
    if (store == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "no store");
    }
    sqlite3_stmt *statement = NULL;
    const char *sql =
        store->version < 2
            ? LIST_RUNS("NULL", "")
            : LIST_RUNS("r.writer", " + (SELECT count(*) FROM open_span o WHERE o.trace_id = "
                                    "r.trace_id)");
    agt_status status = agt__store_find_dead(store, err);
    if (status == AGT_OK) {
        status = agt__store_prepare(store, sql, &statement, err);
    }
    if (status == AGT_OK) {
        (void)sqlite3_bind_int64(statement, 1, limit != 0 ? limit : RUNS_DEFAULT);
        status = agt__store_build_array(store, statement, add_listed_run, ret_runs, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- which run --------------------------------------------------------------------------------
 */

/* The smallest and the largest trace id that begin with @text; false if none does. */
static bool get_trace_range(const char *text, uint8_t ret_low[16], uint8_t ret_high[16])
{
    size_t length = strlen(text);
    if (length > 32) {
        return false;
    }
    memset(ret_low, 0, 16);
    memset(ret_high, 0xFF, 16);
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        int shift = i % 2 == 0 ? 4 : 0;
        ret_low[i / 2] |= (uint8_t)(digit << shift);
        ret_high[i / 2] &= (uint8_t) ~((15 - digit) << shift);
    }
    return true;
}

static agt_status prepare_find(agt_store *store, const char *id, sqlite3_stmt **ret_statement,
                               agt_error *err)
{
    static const char newest[] = "SELECT row, trace_id, id FROM run "
                                 "ORDER BY start_unix_ns DESC, row DESC LIMIT 1";
    /* A whole id wins over whatever else begins with it. */
    static const char named[] =
        "SELECT row, trace_id, id, id = ?1 AS whole FROM run WHERE whole "
        "OR substr(id, 1, length(?1)) = ?1 COLLATE NOCASE "
        "OR trace_id BETWEEN ?2 AND ?3 ORDER BY whole DESC, start_unix_ns DESC, row DESC LIMIT 3";
    uint8_t low[16], high[16];
    bool is_last = strcmp(id, "last") == 0;
    agt_status status = agt__store_prepare(store, is_last ? newest : named, ret_statement, err);
    if (status == AGT_OK && !is_last) {
        (void)sqlite3_bind_text(*ret_statement, 1, id, -1, SQLITE_TRANSIENT);
        if (get_trace_range(id, low, high)) {
            (void)sqlite3_bind_blob(*ret_statement, 2, low, 16, SQLITE_TRANSIENT);
            (void)sqlite3_bind_blob(*ret_statement, 3, high, 16, SQLITE_TRANSIENT);
        }
    }
    return status;
}

/* The first row of @statement; an error if there is none, or another one that fits as well. */
static agt_status take_one(agt_store *store, const char *id, sqlite3_stmt *statement,
                           int64_t *ret_row, uint8_t ret_trace_id[16], agt_error *err)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) {
        return strcmp(id, "last") == 0
                   ? agt__error_set(err, AGT_E_NOT_FOUND, origin, "store %s has no runs",
                                    store->path)
                   : agt__error_set(err, AGT_E_NOT_FOUND, origin, "store %s has no run \"%s\"",
                                    store->path, id);
    }
    if (result != SQLITE_ROW) {
        return agt__store_fail(store, result, err);
    }
    const void *trace_id = sqlite3_column_blob(statement, 1);
    if (trace_id == NULL || sqlite3_column_bytes(statement, 1) != 16) {
        return agt__store_fail(store, SQLITE_CORRUPT, err);
    }
    *ret_row = sqlite3_column_int64(statement, 0);
    memcpy(ret_trace_id, trace_id, 16);
    if (sqlite3_column_int(statement, 3) == 1) {
        return AGT_OK;
    }
    char first[48];
    const char *text = (const char *)sqlite3_column_text(statement, 2);
    agt__copy_text(first, sizeof(first), text != NULL ? text : "");
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        text = (const char *)sqlite3_column_text(statement, 2);
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "\"%s\" fits several runs, such as %s and %.48s: write more of it",
                              id, first, text != NULL ? text : "");
    }
    return result == SQLITE_DONE ? AGT_OK : agt__store_fail(store, result, err);
}

agt_status agt__store_find_run(agt_store *store, const char *id, int64_t *ret_row,
                               uint8_t ret_trace_id[16], agt_error *err)
{
    if (id == NULL || id[0] == '\0' || strlen(id) > ID_BYTES_MAX) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "not the id of a run: 1 to %d characters, or \"last\"", ID_BYTES_MAX);
    }
    sqlite3_stmt *statement = NULL;
    agt_status status = prepare_find(store, id, &statement, err);
    if (status == AGT_OK) {
        status = take_one(store, id, statement, ret_row, ret_trace_id, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- costs ------------------------------------------------------------------------------------
 */

static void add_group(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row)
{
    static const char *const sums[] = {
        "calls",          "input_tokens",    "output_tokens",    "cost_nanousd",
        "unpriced_calls", "simulated_calls", "simulated_tokens", "simulated_nanousd"};
    agt_value_builder_begin_object(builder);
    agt__store_add_text(store->allocator, builder, "key", row, 0);
    for (int i = 0; i < (int)(sizeof(sums) / sizeof(sums[0])); i++) {
        agt__builder_add_int64(builder, sums[i], sqlite3_column_int64(row, 1 + i));
    }
    agt_value_builder_end(builder);
}

#define COSTS_BY(key)                                                                              \
    "SELECT ifnull(" key ", '') AS key, " AGT__STORE_COST_SUMS                                     \
    " FROM cost WHERE unix_ns >= ?1 AND (?2 IS NULL OR trace_id = ?2) "                            \
    "GROUP BY 1 ORDER BY cost_nanousd DESC, simulated_nanousd DESC, key"

static const char *get_costs_sql(agt_store_group group)
{
    switch (group) {
    case AGT_STORE_BY_AGENT:
        return COSTS_BY("agent");
    case AGT_STORE_BY_MODEL:
        return COSTS_BY("model");
    case AGT_STORE_BY_RUN:
        return COSTS_BY("(SELECT id FROM run WHERE run.trace_id = cost.trace_id ORDER BY row "
                        "LIMIT 1)");
    case AGT_STORE_BY_DAY:
        return COSTS_BY("strftime('%Y-%m-%d', unix_ns / 1000000000, 'unixepoch')");
    case AGT_STORE_BY_CONVERSATION:
        return COSTS_BY("conversation");
    }
    return NULL;
}

agt_status agt_store_get_costs(agt_store *store, agt_store_group group, const char *run_id,
                               uint64_t since_unix_ns, agt_value **ret_costs, agt_error *err)
{
    const char *sql = get_costs_sql(group);
    if (store == NULL || sql == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "no store, or no such group");
    }
    uint8_t trace_id[16];
    int64_t row = 0;
    agt_status status =
        run_id != NULL ? agt__store_find_run(store, run_id, &row, trace_id, err) : AGT_OK;
    if (status != AGT_OK) {
        return status;
    }
    sqlite3_stmt *statement = NULL;
    status = agt__store_prepare(store, sql, &statement, err);
    if (status == AGT_OK) {
        int64_t since = since_unix_ns < INT64_MAX ? (int64_t)since_unix_ns : INT64_MAX;
        (void)sqlite3_bind_int64(statement, 1, since);
        if (run_id != NULL) {
            (void)sqlite3_bind_blob(statement, 2, trace_id, 16, SQLITE_TRANSIENT);
        }
        status = agt__store_build_array(store, statement, add_group, ret_costs, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}
