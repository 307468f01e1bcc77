/*
 * The writing side of the store, used by the exporter.
 */
#ifndef AGT_STORE_STORE_H
#define AGT_STORE_STORE_H

#include "agent_sdk/store.h"

/** Room for the id of a run and its NUL. */
#define AGT__RUN_ID_SIZE 27

/** The id of a run that began then: 26 characters, sorted by time. */
void agt__store_make_run_id(uint64_t unix_ns, const uint8_t random[16],
                            char ret_id[AGT__RUN_ID_SIZE]);

/** One run, when it starts and again when it ends. */
typedef struct agt__store_run {
    const char *id; /* 26 characters, sorted by time */
    uint8_t trace_id[16];
    const char *name;
    const char *status; /* "running", or the outcome */
    uint64_t start_unix_ns;
    uint64_t end_unix_ns; /* 0 while it runs */
} agt__store_run;

/** One finished span. `attributes` is an object. */
typedef struct agt__store_span {
    agt_span_context context;
    uint8_t parent_span_id[8];
    const char *name;
    agt_span_kind kind;
    bool error;
    const char *message;
    uint64_t start_unix_ns, end_unix_ns;
    const agt_value *attributes;
    uint32_t dropped_attributes;
} agt__store_span;

/**
 * Open the store at @path for writing, create or migrate it if need be (directory 0700, file 0600).
 *
 * @return AGT_OK; AGT_E_VERSION for a newer store; AGT_E_SYNTAX if the file is no store;
 *         AGT_E_DENIED if it is a symbolic link or belongs to somebody else; AGT_E_BUSY;
 *         AGT_E_UNSUPPORTED on a network file system; AGT_E_IO for a read-only or full disk, naming
 *         the path; AGT_E_INVALID if @path names no file; AGT_E_NOMEM
 */
agt_status agt__store_open_writer(const agt_allocator *allocator, const char *path,
                                  agt_store **ret_store, agt_error *err);

/**
 * All that is put between begin and commit is there together or not at all. The writer's lock is
 * held in between. After a failed put or begin roll back, after a failed commit that was done.
 *
 * @return AGT_OK; AGT_E_BUSY if another process holds the lock for 5 s; AGT_E_CANCELLED if
 *         interrupted; AGT_E_IO; AGT_E_NOMEM; AGT_E_INVALID outside of (or, to begin, inside) a
 *         transaction
 */
agt_status agt__store_begin(agt_store *store, agt_error *err);
agt_status agt__store_put_run(agt_store *store, const agt__store_run *run, agt_error *err);
agt_status agt__store_put_span(agt_store *store, const agt__store_span *span, agt_error *err);
/**
 * A span that runs: of @span only context, parent, name, kind and start are taken. It stays until
 * agt__store_end_open_span(), and after that for ever: whoever reads sees it as unfinished.
 */
agt_status agt__store_put_open_span(agt_store *store, const agt__store_span *span, agt_error *err);
/** It ended, and is put as a span: forget that it ran. */
agt_status agt__store_end_open_span(agt_store *store, const agt_span_context *context,
                                    agt_error *err);
/** Whether some run has this trace. */
agt_status agt__store_has_run(agt_store *store, const uint8_t trace_id[16], bool *ret_has,
                              agt_error *err);
agt_status agt__store_put_cost(agt_store *store, const agt_cost_entry *entry, agt_error *err);

/* ---- sessions: between begin and commit ---- */

/** A session that is new. @return AGT_OK; AGT_E_EXISTS if the name is taken; as above */
typedef struct agt__store_session {
    const char *id;
    const char *name;   /* NULL = none            */
    const char *parent; /* forked from; NULL      */
    const char *agent;  /* NULL = nobody yet      */
    uint64_t created_unix_ns;
} agt__store_session;
agt_status agt__store_add_session(agt_store *store, const agt__store_session *session,
                                  int64_t *ret_row, agt_error *err);

/** What a message is, as the table says it. */
enum {
    AGT__MESSAGE_SAID = 0,
    AGT__MESSAGE_SUMMARY = 1 /* of those before it, to be sent in their place */
};

/** A message, with the number that follows the last one's. */
typedef struct agt__store_message {
    int64_t number;
    int64_t turn; /* from 1 */
    int32_t kind;
    uint64_t unix_ns;
    const uint8_t *trace_id; /* of the run; NULL = unknown */
    const agt_value *body;
} agt__store_message;
agt_status agt__store_put_message(agt_store *store, int64_t session,
                                  const agt__store_message *message, agt_error *err);
/** What a tool answered, where messages hold only a part of it. */
agt_status agt__store_put_result(agt_store *store, int64_t session, const char *id,
                                 const char *text, size_t length, agt_error *err);
/** Something was written to it: @revision, the one that was read, counts up.
 * @return AGT_E_NOT_FOUND if it was removed or changed meanwhile; as above */
agt_status agt__store_set_session(agt_store *store, int64_t session, int64_t revision,
                                  const char *agent, uint64_t used_unix_ns, int64_t sent_from,
                                  agt_error *err);
/** All messages of @from become those of @to, which has none. */
agt_status agt__store_copy_session(agt_store *store, int64_t from, int64_t to, agt_error *err);
/** Without its messages and results; or without the session itself as well. */
agt_status agt__store_clear_session(agt_store *store, int64_t session, bool remove, agt_error *err);

/* ---- facts: between begin and commit ---- */

typedef struct agt__store_fact {
    const char *space, *key;
    const agt_value *value;
    uint64_t unix_ns;
    const char *agent;       /* who says so; NULL = the program */
    const uint8_t *trace_id; /* of the run; NULL                */
} agt__store_fact;
/** Write it, or write it anew: its version counts up. @return as above */
agt_status agt__store_put_fact(agt_store *store, const agt__store_fact *fact, agt_error *err);
/** @return AGT_OK also if it was not there */
agt_status agt__store_forget_fact(agt_store *store, const char *space, const char *key,
                                  bool *ret_had, agt_error *err);

/** End the transaction: all of it is there. See agt__store_begin(). */
agt_status agt__store_commit(agt_store *store, agt_error *err);
/** End it: nothing of it ever was. Does nothing outside of one. */
void agt__store_rollback(agt_store *store);

/* ---- reading, for the library itself: readers and writers ---- */

/** What agt_store_get_session() answers, with members "row" and "revision".
 * @param exact  @id is a whole name or id */
agt_status agt__store_read_session(agt_store *store, const char *id, bool exact,
                                   agt_value **ret_session, agt_error *err);
/** The revision of a session. @return AGT_OK; AGT_E_NOT_FOUND; AGT_E_IO */
agt_status agt__store_get_revision(agt_store *store, int64_t session, int64_t *ret_revision,
                                   agt_error *err);
/** A result in full. @return AGT_OK: a string; AGT_E_NOT_FOUND; AGT_E_IO; AGT_E_NOMEM */
agt_status agt__store_get_result(agt_store *store, int64_t session, const char *id,
                                 agt_value **ret_text, agt_error *err);
/**
 * Have a session for oneself, until released or the store is freed: nobody who uses the store, in
 * whatever process, has it as well.
 *
 * @return AGT_OK; AGT_E_BUSY; AGT_E_IO; AGT_E_NOMEM
 */
agt_status agt__store_claim(agt_store *store, int64_t session, agt_error *err);
void agt__store_release(agt_store *store, int64_t session);

/**
 * Give up: who waits or works in the store comes back with AGT_E_CANCELLED, and so does every later
 * agt__store_begin(). @threads any
 */
void agt__store_interrupt(agt_store *store);

/** How long agt__store_begin() waits for other processes; 5,000 ms at first. */
void agt__store_set_lock_timeout(agt_store *store, uint32_t timeout_ms);

#endif
