/*
 * The inside of a store, shared by the files of this room.
 */
#ifndef AGT_STORE_DATABASE_H
#define AGT_STORE_DATABASE_H

#include "store/store.h"

#include <sqlite3.h>
#include <stdatomic.h>

/** The version of the tables that this library writes. */
#define AGT__STORE_VERSION 3

/** In the header of each store: "agt1". */
#define AGT__STORE_APPLICATION_ID 0x61677431

enum {
    AGT__STORE_LOCK_TIMEOUT_MS = 5000,
    AGT__STORE_BUSY_TIMEOUT_MS = 5000,         /* SQLite's own locks, against other programs     */
    AGT__STORE_WAL_BYTES_MAX = 4 * 1024 * 1024 /* a checkpoint is due beyond that              */
};

/* Statements of the writer that are kept prepared. */
enum {
    AGT__STORE_PUT_RUN,
    AGT__STORE_PUT_SPAN,
    AGT__STORE_PUT_COST,
    AGT__STORE_PUT_OPEN_SPAN,
    AGT__STORE_END_OPEN_SPAN,
    AGT__STORE_FIND_TRACE,
    AGT__STORE_PUT_SESSION,
    AGT__STORE_SET_SESSION,
    AGT__STORE_PUT_MESSAGE,
    AGT__STORE_PUT_RESULT,
    AGT__STORE_PUT_FACT,
    AGT__STORE_FORGET_FACT,
    AGT__STORE_STATEMENTS
};

struct agt_store {
    const agt_allocator *allocator;
    char *path; /* absolute, its directory without symbolic links */
    sqlite3 *db;
    bool is_writer;
    bool is_locked;
    int version;               /* of the tables in the file                     */
    int lock_fd;               /* -1 = none; see lock.c                         */
    int64_t writer;            /* whose byte of the lock it holds; 0 = none yet */
    agt_store *next_of_fork;   /* of the stores that have a lock open; lock.c   */
    agt_store **place_of_fork; /* what points to this one; NULL = not in there  */
    int64_t *dead;             /* writers of unfinished runs that are gone      */
    size_t dead_count, dead_capacity;
    int64_t *claims; /* sessions that are claimed through this store; lock.c */
    size_t claim_count, claim_capacity;
    uint32_t lock_timeout_ms;
    int wal_pages; /* in the write-ahead log after the last commit */
    _Atomic bool is_interrupted;
    sqlite3_stmt *statements[AGT__STORE_STATEMENTS];
};

/**
 * Say in @err what SQLite answered, with the path and what to do about it.
 *
 * @param result  an (extended) result code that is neither OK, ROW nor DONE
 */
agt_status agt__store_fail(const agt_store *store, int result, agt_error *err);

/** Prepare @sql. @return AGT_OK or what agt__store_fail() says */
agt_status agt__store_prepare(agt_store *store, const char *sql, sqlite3_stmt **ret_statement,
                              agt_error *err);

/** Run statements that give no rows. @return AGT_OK or what agt__store_fail() says */
agt_status agt__store_execute(agt_store *store, const char *sql, agt_error *err);

/**
 * Take the writer's lock, waiting for other processes up to the store's limit.
 *
 * @return AGT_OK; AGT_E_BUSY; AGT_E_CANCELLED if interrupted; AGT_E_IO
 */
agt_status agt__store_lock(agt_store *store, agt_error *err);

/** Take the writer's lock if nobody has it. */
bool agt__store_try_lock(agt_store *store);
void agt__store_unlock(agt_store *store);

/** Open the file of the writer's lock. @return AGT_OK; AGT_E_DENIED; AGT_E_IO */
agt_status agt__store_open_lock(agt_store *store, agt_error *err);

/** Close it, which gives up the lock and the writer's number. */
void agt__store_close_lock(agt_store *store);

/**
 * See to it that this writer has a number, which no unfinished run of another one has, and which it
 * holds locked for as long as it lives. In a transaction.
 *
 * @return AGT_OK; AGT_E_IO
 */
agt_status agt__store_take_number(agt_store *store, agt_error *err);

/**
 * Find out which writers of unfinished runs are gone. Before the transaction that reads the runs:
 * a run that is still unfinished in what is read *afterwards* will not be finished any more.
 *
 * @return AGT_OK; AGT_E_NOMEM; what agt__store_fail() says
 */
agt_status agt__store_find_dead(agt_store *store, agt_error *err);

/** Whether agt__store_find_dead() found that @writer is gone. */
bool agt__store_is_dead(const agt_store *store, int64_t writer);

/* What an AGT__STORE_PUT_… statement is given next; a failure is kept until it is run. write.c */
typedef struct agt__store_binder {
    agt_store *store;
    sqlite3_stmt *statement;
    int next;
    int result;
} agt__store_binder;

/** Begin with the statement @which. @return AGT_OK; AGT_E_INVALID outside of a transaction; what
 * agt__store_fail() says */
agt_status agt__store_bind_begin(agt__store_binder *own, agt_store *store, int which,
                                 agt_error *err);
void agt__store_bind_int(agt__store_binder *own, int64_t number);
void agt__store_bind_null(agt__store_binder *own);
void agt__store_bind_time(agt__store_binder *own, uint64_t time_ns);
/** The bytes, and the text unless it has to be repaired, must stay until the statement has run. */
void agt__store_bind_bytes(agt__store_binder *own, const uint8_t *bytes, int size);
void agt__store_bind_text(agt__store_binder *own, const char *text);
void agt__store_bind_text_n(agt__store_binder *own, const char *text, size_t length);
/** NULL is NULL. */
void agt__store_bind_optional_text(agt__store_binder *own, const char *text);
agt_status agt__store_run_statement(agt__store_binder *own, agt_error *err);

/** The one number that @sql gives. @return AGT_OK or what agt__store_fail() says */
agt_status agt__store_get_number(agt_store *store, const char *sql, int64_t *ret_number,
                                 agt_error *err);

/** What an open file is. */
typedef enum agt__store_state {
    AGT__STORE_EMPTY, /* an empty database: a store that is being made */
    AGT__STORE_OLD,   /* needs migration                               */
    AGT__STORE_CURRENT,
} agt__store_state;

/**
 * Whether the open file is a store of a version this library can read, or bring up to date.
 *
 * @return AGT_OK; AGT_E_SYNTAX; AGT_E_VERSION; AGT_E_IO
 */
agt_status agt__store_check_version(agt_store *store, agt__store_state *ret_state, agt_error *err);

/** Make or bring up to date the tables; the writer's lock is held. */
agt_status agt__store_migrate(agt_store *store, agt_error *err);

/** Add to @builder what a row of an answer is. */
typedef void (*agt__store_row_fn)(const agt_store *store, agt_value_builder *builder,
                                  sqlite3_stmt *row);

/** An array of what @add_row makes of each row of @statement. */
agt_status agt__store_build_array(agt_store *store, sqlite3_stmt *statement,
                                  agt__store_row_fn add_row, agt_value **ret_array, agt_error *err);

/** The run that @id means, by its row and its trace; see agt_store_get_run(). */
agt_status agt__store_find_run(agt_store *store, const char *id, int64_t *ret_row,
                               uint8_t ret_trace_id[16], agt_error *err);

/**
 * Add the members of a run from the columns of AGT__STORE_RUN_COLUMNS; all but "spans", which is a
 * number or an array.
 */
void agt__store_add_run(const agt_store *store, agt_value_builder *builder, sqlite3_stmt *row);

/* @writer is "r.writer", or "NULL" where the column is not there: tables of version 1. */
#define AGT__STORE_RUN_COLUMNS(writer)                                                             \
    "r.id, r.trace_id, r.name, r.status, r.start_unix_ns, r.end_unix_ns, "                         \
    "ifnull(c.input_tokens, 0), ifnull(c.output_tokens, 0), ifnull(c.cost_nanousd, 0), "           \
    "ifnull(c.unpriced_calls, 0), ifnull(c.simulated_nanousd, 0), ifnull(c.simulated_tokens, "     \
    "0), " writer

/** Sums over lines of the ledger, of real and of simulated calls apart. */
#define AGT__STORE_COST_SUMS                                                                       \
    "sum(not simulated) AS calls, "                                                                \
    "ifnull(sum(input_tokens) FILTER (WHERE not simulated), 0) AS input_tokens, "                  \
    "ifnull(sum(output_tokens) FILTER (WHERE not simulated), 0) AS output_tokens, "                \
    "ifnull(sum(cost_nanousd) FILTER (WHERE not simulated), 0) AS cost_nanousd, "                  \
    "sum(cost_nanousd IS NULL AND not simulated) AS unpriced_calls, "                              \
    "sum(simulated) AS simulated_calls, "                                                          \
    "ifnull(sum(ifnull(input_tokens, 0) + ifnull(output_tokens, 0)) FILTER (WHERE simulated), 0) " \
    "AS simulated_tokens, "                                                                        \
    "ifnull(sum(cost_nanousd) FILTER (WHERE simulated), 0) AS simulated_nanousd"

/** Add the text of a column; what is not UTF-8 is replaced, NULL is "". */
void agt__store_add_text(const agt_allocator *allocator, agt_value_builder *builder,
                         const char *key, sqlite3_stmt *row, int column);

/** Add the bytes of a column in hexadecimal; NULL if it has another size than @size. */
void agt__store_add_hex(agt_value_builder *builder, const char *key, sqlite3_stmt *row, int column,
                        size_t size);

#endif
