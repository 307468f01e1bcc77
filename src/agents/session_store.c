/*
 * Sessions and the store: claiming one, reading what others have added, writing what is new.
 *
 * Everything that is new is written in one transaction, with the revision counted up; whoever
 * writes has the claim, so the revision that was read is the one that is there. What could not be
 * written stays, and is tried again with the next save. If another process wrote in between (the
 * claim was given up while something was left), that is read first and ours comes after it.
 *
 * Threads: any that may wait. The store is entered before the session's mutex is taken.
 */
#include "agents/session.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <string.h>

static const char origin[] = "agents/session";

static void drop_entries(agt_session *session, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        agt_value_unref(session->entries[i].message);
    }
}

void agt__session_drop_all(agt_session *session)
{
    drop_entries(session, session->count);
    for (size_t i = 0; i < session->result_count; i++) {
        agt_value_unref(session->results[i].id);
        agt_value_unref(session->results[i].text);
    }
    session->count = 0;
    session->saved = 0;
    session->sent_from = 0;
    session->sent_saved = 0;
    session->result_count = 0;
    session->result_saved = 0;
    session->has_results = false;
}

uint32_t agt__session_get_turn(const agt_session *session, size_t count)
{
    return count > 0 ? session->entries[count - 1].turn : 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static uint64_t get_count(const agt_value *object, const char *key)
{
    uint64_t count = 0;
    return agt_value_get_uint64(agt_value_get_member(object, key), &count) == AGT_OK ? count : 0;
}

static agt__entry read_entry(const agt_value *line)
{
    const char *kind = agt__value_member_text(line, "kind", "");
    const char *trace = agt__value_member_text(line, "trace_id", "");
    char text[56];
    agt_span_context context;
    agt__entry entry = {
        .message = agt_value_ref(agt_value_get_member(line, "message")),
        .turn = (uint32_t)get_count(line, "turn"),
        .kind = strcmp(kind, "summary") == 0 ? AGT__MESSAGE_SUMMARY : AGT__MESSAGE_SAID,
        .unix_ns = get_count(line, "unix_ns"),
    };
    /* A traceparent has a trace id in it. */
    if (strlen(trace) == 32) {
        memcpy(text, "00-", 3);
        memcpy(text + 3, trace, 32);
        memcpy(text + 35, "-0000000000000001-01", 21);
        entry.has_trace = agt_span_context_from_traceparent(text, &context) == AGT_OK;
        if (entry.has_trace) {
            memcpy(entry.trace_id, context.trace_id, sizeof(entry.trace_id));
        }
    }
    return entry;
}

agt_status agt__session_load(agt_session *session, const agt_value *stored)
{
    const agt_value *lines = agt_value_get_member(stored, "messages");
    size_t read = agt_value_get_count(lines);
    (void)pthread_mutex_lock(&session->mutex);
    size_t left = session->count - session->saved; /* ours, to be added after what is there */
    size_t capacity = read + left;
    agt__entry *entries =
        agt__calloc(session->allocator, capacity > 0 ? capacity : 1, sizeof(*entries));
    if (entries == NULL) {
        (void)pthread_mutex_unlock(&session->mutex);
        return AGT_E_NOMEM;
    }
    for (size_t i = 0; i < read; i++) {
        entries[i] = read_entry(agt_value_get_item(lines, i));
    }
    uint32_t turn_before = agt__session_get_turn(session, session->saved);
    uint32_t turn = read > 0 ? entries[read - 1].turn : 0;
    for (size_t i = 0; i < left; i++) {
        entries[read + i] = session->entries[session->saved + i];
        entries[read + i].turn += turn - turn_before;
    }
    drop_entries(session, session->saved);
    agt__free(session->allocator, session->entries);
    session->entries = entries;
    session->count = read + left;
    session->capacity = capacity > 0 ? capacity : 1;
    session->saved = read;
    session->row = (int64_t)get_count(stored, "row");
    session->revision = (int64_t)get_count(stored, "revision");
    session->sent_from = (size_t)get_count(stored, "sent_from");
    session->sent_from = session->sent_from < read ? session->sent_from : read;
    session->sent_saved = session->sent_from;
    session->has_results = session->has_results || get_count(stored, "results") > 0;
    (void)pthread_mutex_unlock(&session->mutex);
    return AGT_OK;
}

/* Read the session again if somebody else wrote to it. */
static agt_status refresh(agt_session *session, agt_store *store, agt_error *err)
{
    int64_t revision = 0;
    agt_value *stored = NULL;
    agt_status status = agt__store_get_revision(store, session->row, &revision, err);
    if (status != AGT_OK || revision == session->revision) {
        return status;
    }
    status = agt__store_read_session(store, session->id, true, &stored, err);
    if (status == AGT_OK && agt__session_load(session, stored) != AGT_OK) {
        status = agt__error_nomem(err, origin);
    }
    agt_value_unref(stored);
    return status;
}

agt_status agt__session_open(agt_session *session, agt_error *err)
{
    agt_store *store = NULL;
    agt_status status = agt__runtime_enter_store(session->runtime, &store, err);
    if (status != AGT_OK) {
        return status;
    }
    if (session->row != 0) { /* else nobody but us knows it */
        status = agt__store_claim(store, session->row, err);
        if (status == AGT_OK) {
            status = refresh(session, store, err);
            session->is_claimed = status == AGT_OK;
        }
        if (status != AGT_OK && status != AGT_E_BUSY) {
            agt__store_release(store, session->row);
        }
    }
    agt__runtime_leave_store(session->runtime);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

agt_status agt__session_create(agt_session *session, agt_store *store, const char *parent,
                               agt_error *err)
{
    const agt_clock *clock = session->runtime->clock;
    const agt__store_session row = {
        .id = session->id,
        .name = session->name[0] != '\0' ? session->name : NULL,
        .parent = parent,
        .created_unix_ns = clock->get_unix_ns(clock->ctx),
    };
    int64_t number = 0;
    agt_status status = agt__store_add_session(store, &row, &number, err);
    if (status == AGT_OK) {
        (void)pthread_mutex_lock(&session->mutex);
        session->row = number;
        session->revision = 0;
        (void)pthread_mutex_unlock(&session->mutex);
    }
    return status;
}

/* What is new, for the time of writing it; all referenced. */
typedef struct snapshot {
    agt__entry *entries;
    size_t from, count;
    agt__kept_result *results;
    size_t result_from, result_count;
    size_t sent_from;
} snapshot;

static void free_snapshot(const agt_session *session, snapshot *own)
{
    for (size_t i = 0; own->entries != NULL && i < own->count; i++) {
        agt_value_unref(own->entries[i].message);
    }
    for (size_t i = 0; own->results != NULL && i < own->result_count; i++) {
        agt_value_unref(own->results[i].id);
        agt_value_unref(own->results[i].text);
    }
    agt__free(session->allocator, own->entries);
    agt__free(session->allocator, own->results);
}

static agt_status take_snapshot(agt_session *session, snapshot *ret_snapshot)
{
    snapshot own = {0};
    agt_status status = AGT_OK;
    (void)pthread_mutex_lock(&session->mutex);
    own.from = session->saved;
    own.count = session->count - session->saved;
    own.result_from = session->result_saved;
    own.result_count = session->result_count - session->result_saved;
    own.sent_from = session->sent_from;
    own.entries = agt__calloc(session->allocator, own.count + 1, sizeof(*own.entries));
    own.results = agt__calloc(session->allocator, own.result_count + 1, sizeof(*own.results));
    if (own.entries == NULL || own.results == NULL) {
        agt__free(session->allocator, own.entries);
        agt__free(session->allocator, own.results);
        own = (snapshot){0};
        status = AGT_E_NOMEM;
    }
    for (size_t i = 0; i < own.count; i++) {
        own.entries[i] = session->entries[own.from + i];
        (void)agt_value_ref(own.entries[i].message);
    }
    for (size_t i = 0; i < own.result_count; i++) {
        const agt__kept_result *kept = &session->results[own.result_from + i];
        own.results[i] = (agt__kept_result){agt_value_ref(kept->id), agt_value_ref(kept->text)};
    }
    (void)pthread_mutex_unlock(&session->mutex);
    *ret_snapshot = own;
    return status;
}

static agt_status put_all(const agt_session *session, agt_store *store, const snapshot *own,
                          agt_error *err)
{
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < own->count; i++) {
        const agt__entry *entry = &own->entries[i];
        const agt__store_message message = {
            .number = (int64_t)(own->from + i),
            .turn = entry->turn,
            .kind = entry->kind,
            .unix_ns = entry->unix_ns,
            .trace_id = entry->has_trace ? entry->trace_id : NULL,
            .body = entry->message,
        };
        status = agt__store_put_message(store, session->row, &message, err);
    }
    for (size_t i = 0; status == AGT_OK && i < own->result_count; i++) {
        size_t length = 0;
        const char *text = agt_value_get_string(own->results[i].text, &length);
        status = agt__store_put_result(store, session->row, agt__value_text(own->results[i].id, ""),
                                       text != NULL ? text : "", length, err);
    }
    return status;
}

static agt_status write_snapshot(agt_session *session, agt_store *store, const snapshot *own,
                                 const char *agent, agt_error *err)
{
    const agt_clock *clock = session->runtime->clock;
    bool is_new = session->row == 0;
    agt_status status = agt__store_begin(store, err);
    if (status == AGT_OK && is_new) {
        status = agt__session_create(session, store, NULL, err);
    }
    if (status == AGT_OK) {
        status = put_all(session, store, own, err);
    }
    if (status == AGT_OK) {
        status =
            agt__store_set_session(store, session->row, session->revision, agent,
                                   clock->get_unix_ns(clock->ctx), (int64_t)own->sent_from, err);
    }
    if (status == AGT_OK) {
        status = agt__store_commit(store, err);
    }
    agt__store_rollback(store);
    if (status != AGT_OK && is_new) { /* it is not there after all */
        (void)pthread_mutex_lock(&session->mutex);
        session->row = 0;
        (void)pthread_mutex_unlock(&session->mutex);
    }
    if (status == AGT_OK && is_new) {
        session->is_claimed = agt__store_claim(store, session->row, NULL) == AGT_OK;
    }
    return status;
}

/* What was written need not be kept in full in memory. */
static void note_saved(agt_session *session, const snapshot *own)
{
    (void)pthread_mutex_lock(&session->mutex);
    session->revision++;
    session->saved = own->from + own->count;
    session->sent_saved = own->sent_from;
    session->result_saved = own->result_from + own->result_count;
    for (size_t i = own->result_from; i < session->result_saved; i++) {
        agt_value_unref(session->results[i].text);
        session->results[i].text = NULL;
    }
    (void)pthread_mutex_unlock(&session->mutex);
}

bool agt__session_has_unsaved(agt_session *session)
{
    (void)pthread_mutex_lock(&session->mutex);
    bool has = session->saved < session->count || session->sent_saved != session->sent_from ||
               session->result_saved < session->result_count;
    (void)pthread_mutex_unlock(&session->mutex);
    return has;
}

static agt_status save(agt_session *session, agt_store *store, const char *agent, agt_error *err)
{
    snapshot own;
    if (session->is_removed || !agt__session_has_unsaved(session)) {
        return AGT_OK;
    }
    if (take_snapshot(session, &own) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt_status status = write_snapshot(session, store, &own, agent, err);
    if (status == AGT_OK) {
        note_saved(session, &own);
    }
    free_snapshot(session, &own);
    return status;
}

void agt__session_save(agt_session *session, const char *agent, bool release)
{
    agt_error err = {.status = AGT_OK};
    agt_store *store = NULL;
    agt_status status = agt__runtime_enter_store(session->runtime, &store, &err);
    if (status == AGT_OK) {
        status = save(session, store, agent, &err);
        if (release && session->is_claimed) {
            agt__store_release(store, session->row);
            session->is_claimed = false;
        }
        agt__runtime_leave_store(session->runtime);
    }
    (void)pthread_mutex_lock(&session->mutex);
    if (status == AGT_OK) {
        err.status = AGT_OK;
    }
    session->failure = err;
    (void)pthread_mutex_unlock(&session->mutex);
}
