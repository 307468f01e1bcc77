/*
 * Sessions: conversations over several runs.
 *
 * A session is a list of entries that only grows (but for clear). Whoever has it alone, a run or a
 * function below, adds to it; everybody may read it under the mutex. Having it alone is two things:
 * a flag here, which excludes other runs of this object, and a claim in the store, which excludes
 * everybody else, in whatever process.
 *
 * What waits for the store (open, save, the public functions) never holds the mutex meanwhile: it
 * takes a snapshot, works, and comes back with the result. Locks: store, then mutex.
 *
 * Threads: any; what may wait is refused on the loop thread.
 */
#include "agents/session.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"

#include <stdatomic.h>
#include <string.h>

static const char origin[] = "agents/session";

enum {
    NAME_BYTES_MAX = 127,
    ENTRIES_MAX = 1 << 24,
    RESULTS_MAX = 1 << 20
};

/* ---- objects ----------------------------------------------------------------------------------
 */

static void destroy(agt__session_head *head)
{
    agt_session *session = (agt_session *)(void *)head;
    agt_runtime *runtime = session->runtime;
    agt__session_drop_all(session);
    agt__free(session->allocator, session->entries);
    agt__free(session->allocator, session->results);
    (void)pthread_mutex_destroy(&session->mutex);
    agt__free(session->allocator, session);
    agt__runtime_unref(runtime);
}

agt_session *agt_session_ref(agt_session *session)
{
    return agt__session_ref(session);
}

void agt_session_unref(agt_session *session)
{
    agt__session_unref(session);
}

const char *agt_session_get_id(const agt_session *session)
{
    return session->id;
}

const char *agt_session_get_name(const agt_session *session)
{
    return session->name;
}

static agt_status check_name(const char *name, bool existing, agt_error *err)
{
    size_t length = name != NULL ? strlen(name) : 0;
    bool is_good = name == NULL ||
                   (length > 0 && length <= NAME_BYTES_MAX && agt__utf8_is_valid(name, length));
    for (size_t i = 0; is_good && i < length; i++) {
        is_good = (unsigned char)name[i] >= 0x20 && name[i] != 0x7F;
    }
    if (is_good && (existing || name == NULL || strcmp(name, "last") != 0)) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_INVALID, origin,
                          "the name of a session has 1 to %d bytes of UTF-8 without control "
                          "characters, and is not \"last\"",
                          NAME_BYTES_MAX);
}

static uint64_t unix_now(const agt_runtime *runtime)
{
    return runtime->clock->get_unix_ns(runtime->clock->ctx);
}

/* A session without messages, with a new id. */
static agt_status make_session(agt_runtime *runtime, const char *name, bool is_stored,
                               agt_session **ret_session, agt_error *err)
{
    size_t size = name != NULL ? strlen(name) + 1 : 1;
    agt_session *session = agt__calloc(runtime->allocator, 1, sizeof(*session) + size);
    if (session == NULL || pthread_mutex_init(&session->mutex, NULL) != 0) {
        agt__free(runtime->allocator, session);
        return agt__error_nomem(err, origin);
    }
    uint8_t random[16];
    agt__tracer_make_trace_id(runtime->tracer, random);
    agt__store_make_run_id(unix_now(runtime), random, session->id);
    atomic_init(&session->head.refs, 1);
    session->head.id = session->id;
    session->head.destroy = destroy;
    session->allocator = runtime->allocator;
    session->runtime = agt__runtime_ref(runtime);
    session->is_stored = is_stored;
    session->name = (char *)(session + 1);
    if (name != NULL) {
        memcpy(session->name, name, size);
    }
    *ret_session = session;
    return AGT_OK;
}

static agt_status check_thread(agt_runtime *runtime, agt_error *err)
{
    agt_status status = agt__runtime_check(runtime, err);
    if (status == AGT_OK && agt_runtime_is_loop_thread(runtime)) {
        status = agt__error_set(err, AGT_E_INVALID, origin,
                                "nothing may wait for the store on the loop thread");
    }
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* The session that @stored is. */
static agt_status take_stored(agt_runtime *runtime, const agt_value *stored,
                              agt_session **ret_session, agt_error *err)
{
    agt_session *session = NULL;
    const char *name = agt__value_member_text(stored, "name", NULL);
    agt_status status = make_session(runtime, name, true, &session, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__copy_text(session->id, sizeof(session->id), agt__value_member_text(stored, "id", ""));
    status = agt__session_load(session, stored);
    if (status != AGT_OK) {
        agt_session_unref(session);
        return agt__error_nomem(err, origin);
    }
    *ret_session = session;
    return AGT_OK;
}

static agt_status create(agt_session *session, agt_store *store, const char *parent, agt_error *err)
{
    agt_status status = agt__store_begin(store, err);
    if (status == AGT_OK) {
        status = agt__session_create(session, store, parent, err);
    }
    if (status == AGT_OK) {
        status = agt__store_commit(store, err);
    }
    agt__store_rollback(store);
    return status;
}

static agt_status give_error(const agt_error *cause, agt_error *err)
{
    if (err != NULL) {
        *err = *cause;
    }
    return cause->status;
}

/* A session with an id that the store does not have: a simulated runtime draws the same ones as the
 * one before it. */
static agt_status make_stored(agt_runtime *runtime, agt_store *store, const char *name,
                              agt_session **ret_session, agt_error *err)
{
    for (;;) {
        agt_session *session = NULL;
        agt_value *taken = NULL;
        agt_status status = make_session(runtime, name, true, &session, err);
        if (status != AGT_OK) {
            return status;
        }
        agt_error cause = {.status = AGT_OK};
        status = agt__store_read_session(store, session->id, true, &taken, &cause);
        agt_value_unref(taken);
        if (status == AGT_E_NOT_FOUND) {
            *ret_session = session;
            return AGT_OK;
        }
        agt_session_unref(session);
        if (status != AGT_OK) {
            return give_error(&cause, err);
        }
    }
}

/* The session of that name, which may be made by another process at this moment. */
static agt_status find_or_create(agt_runtime *runtime, agt_store *store,
                                 const agt_session_config *config, agt_session **ret_session,
                                 agt_error *err)
{
    agt_value *stored = NULL;
    agt_session *session = NULL;
    agt_error cause = {.status = AGT_OK};
    agt_status status =
        agt__store_read_session(store, config->name, !config->existing, &stored, &cause);
    if (status == AGT_E_NOT_FOUND && !config->existing) {
        status = make_stored(runtime, store, config->name, &session, &cause);
        status = status == AGT_OK ? create(session, store, NULL, &cause) : status;
        if (status == AGT_OK) {
            *ret_session = session;
            return AGT_OK;
        }
        agt_session_unref(session);
        if (status == AGT_E_EXISTS) {
            status = agt__store_read_session(store, config->name, true, &stored, &cause);
        }
    }
    if (status != AGT_OK) {
        return give_error(&cause, err);
    }
    status = take_stored(runtime, stored, ret_session, err);
    agt_value_unref(stored);
    return status;
}

agt_status agt_session_new(agt_runtime *runtime, const agt_session_config *config,
                           agt_session **ret_session, agt_error *err)
{
    agt_session_config own;
    if (runtime == NULL || ret_session == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "runtime and ret_session are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        status = check_name(own.name, own.existing, err);
    }
    if (status == AGT_OK && own.existing && (own.name == NULL || own.in_memory)) {
        status = agt__error_set(err, AGT_E_INVALID, origin,
                                "a session that has to be there is in the store and has a name");
    }
    if (status == AGT_OK) {
        status = own.in_memory ? agt__runtime_check(runtime, err) : check_thread(runtime, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    if (own.in_memory) {
        return make_session(runtime, own.name, false, ret_session, err);
    }
    agt_store *store = NULL;
    status = agt__runtime_enter_store(runtime, &store, err);
    if (status == AGT_OK) {
        status = own.name != NULL ? find_or_create(runtime, store, &own, ret_session, err)
                                  : make_stored(runtime, store, NULL, ret_session, err);
        agt__runtime_leave_store(runtime);
    }
    return status;
}

/* ---- having it alone --------------------------------------------------------------------------
 */

static void lock(agt_session *session)
{
    (void)pthread_mutex_lock(&session->mutex);
}

static void unlock(agt_session *session)
{
    (void)pthread_mutex_unlock(&session->mutex);
}

agt_status agt__session_begin(agt_session *session, agt_error *err)
{
    agt_status status = AGT_OK;
    lock(session);
    if (session->is_removed) {
        status =
            agt__error_set(err, AGT_E_NOT_FOUND, origin, "session %s was removed", session->id);
    } else if (session->is_busy) {
        status = agt__error_set(err, AGT_E_BUSY, origin,
                                "session %s is in use: one run at a time; wait for that one, or "
                                "fork the session",
                                session->name[0] != '\0' ? session->name : session->id);
    } else {
        session->is_busy = true;
    }
    unlock(session);
    return status;
}

void agt__session_end(agt_session *session)
{
    lock(session);
    session->is_busy = false;
    unlock(session);
}

agt_status agt__session_add(agt_session *session, const agt__entry *entry)
{
    lock(session);
    agt_status status =
        agt__array_reserve(session->allocator, &session->entries, &session->capacity,
                           session->count, sizeof(*session->entries), ENTRIES_MAX);
    if (status == AGT_OK) {
        session->entries[session->count++] = *entry;
    }
    unlock(session);
    if (status != AGT_OK) {
        agt_value_unref(entry->message);
        return AGT_E_NOMEM;
    }
    return AGT_OK;
}

void agt__session_send_from(agt_session *session, size_t index)
{
    lock(session);
    session->sent_from = index;
    unlock(session);
}

agt_status agt__session_keep_result(agt_session *session, const agt_value *id,
                                    const agt_value *text)
{
    lock(session);
    agt_status status =
        agt__array_reserve(session->allocator, &session->results, &session->result_capacity,
                           session->result_count, sizeof(*session->results), RESULTS_MAX);
    if (status == AGT_OK) {
        session->results[session->result_count++] =
            (agt__kept_result){agt_value_ref(id), agt_value_ref(text)};
        session->has_results = true;
    }
    unlock(session);
    return status == AGT_OK ? AGT_OK : AGT_E_NOMEM;
}

agt_status agt__session_get_result(agt_session *session, const char *id, agt_value **ret_text,
                                   agt_error *err)
{
    agt_value *text = NULL;
    lock(session);
    int64_t row = session->row;
    for (size_t i = session->result_count; i > 0 && text == NULL; i--) { /* the latest of that id */
        const agt__kept_result *kept = &session->results[i - 1];
        if (strcmp(agt__value_text(kept->id, ""), id) == 0) {
            text = agt_value_ref(kept->text);
        }
    }
    unlock(session);
    if (text != NULL) {
        *ret_text = text;
        return AGT_OK;
    }
    if (!session->is_stored || row == 0) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin, "there is no result \"%.64s\"", id);
    }
    agt_store *store = NULL;
    agt_status status = agt__runtime_enter_store(session->runtime, &store, err);
    if (status == AGT_OK) {
        status = agt__store_get_result(store, row, id, ret_text, err);
        agt__runtime_leave_store(session->runtime);
    }
    return status;
}

/* ---- for programs -----------------------------------------------------------------------------
 */

static void add_entry(agt_value_builder *b, const agt__entry *entry, size_t number)
{
    static const char digits[] = "0123456789abcdef";
    char trace[33] = "";
    agt_value_builder_begin_object(b);
    agt__builder_add_uint64(b, "number", number);
    agt__builder_add_uint64(b, "turn", entry->turn);
    agt__builder_add_string(b, "kind", entry->kind == AGT__MESSAGE_SUMMARY ? "summary" : "said");
    agt__builder_add_uint64(b, "unix_ns", entry->unix_ns);
    for (size_t i = 0; entry->has_trace && i < 16; i++) {
        trace[2 * i] = digits[entry->trace_id[i] >> 4];
        trace[2 * i + 1] = digits[entry->trace_id[i] & 15];
    }
    if (entry->has_trace) {
        agt__builder_add_string(b, "trace_id", trace);
    } else {
        agt__builder_add_value(b, "trace_id", agt_value_null());
    }
    agt__builder_add_value(b, "message", entry->message);
    agt_value_builder_end(b);
}

agt_status agt_session_get_messages(agt_session *session, agt_value **ret_messages)
{
    agt_value_builder *b = NULL;
    if (session == NULL || ret_messages == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt_value_builder_new(session->allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_array(b);
    lock(session);
    for (size_t i = 0; i < session->count; i++) {
        add_entry(b, &session->entries[i], i);
    }
    unlock(session);
    agt_value_builder_end(b);
    status = agt_value_builder_finish(b, ret_messages, NULL);
    agt_value_builder_free(b);
    return status;
}

agt_status agt_session_get_status(agt_session *session, agt_error *err)
{
    if (session == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "session is NULL");
    }
    lock(session);
    agt_status status = session->failure.status;
    if (status != AGT_OK && err != NULL) {
        *err = session->failure;
    }
    unlock(session);
    return status;
}

/* Have it alone, here and in the store, for one of the functions below. */
static agt_status enter(agt_session *session, agt_error *err)
{
    if (session == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "session is NULL");
    }
    agt_status status = session->is_stored ? check_thread(session->runtime, err) : AGT_OK;
    if (status == AGT_OK) {
        status = agt__session_begin(session, err);
    }
    if (status == AGT_OK && session->is_stored) {
        status = agt__session_open(session, err);
        if (status != AGT_OK) {
            agt__session_end(session);
        }
    }
    return status;
}

static void leave(agt_session *session)
{
    if (session->is_stored) {
        agt__session_save(session, NULL, true);
    }
    agt__session_end(session);
}

/* Take messages, or the whole session, out of the store. */
static agt_status clear_stored(agt_session *session, bool remove, agt_error *err)
{
    agt_store *store = NULL;
    if (!session->is_stored || session->row == 0) {
        return AGT_OK;
    }
    agt_status status = agt__runtime_enter_store(session->runtime, &store, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__store_begin(store, err);
    if (status == AGT_OK) {
        status = agt__store_clear_session(store, session->row, remove, err);
    }
    if (status == AGT_OK) {
        status = agt__store_commit(store, err);
    }
    agt__store_rollback(store);
    agt__runtime_leave_store(session->runtime);
    return status;
}

static agt_status clear(agt_session *session, bool remove, agt_error *err)
{
    agt_status status = enter(session, err);
    if (status != AGT_OK) {
        return status;
    }
    status = clear_stored(session, remove, err);
    if (status == AGT_OK) {
        lock(session);
        agt__session_drop_all(session);
        session->is_removed = remove;
        session->revision++;
        session->failure.status = AGT_OK;
        unlock(session);
    }
    leave(session);
    return status;
}

agt_status agt_session_clear(agt_session *session, agt_error *err)
{
    return clear(session, false, err);
}

agt_status agt_session_delete(agt_session *session, agt_error *err)
{
    return clear(session, true, err);
}

static agt_status copy_entries(agt_session *to, const agt_session *from)
{
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < from->count; i++) {
        agt__entry entry = from->entries[i];
        (void)agt_value_ref(entry.message);
        status = agt__session_add(to, &entry);
    }
    for (size_t i = 0; status == AGT_OK && i < from->result_count; i++) {
        status = agt__session_keep_result(to, from->results[i].id, from->results[i].text);
    }
    to->sent_from = from->sent_from;
    to->has_results = from->has_results;
    return status;
}

/* What is stored is copied in the store. */
static agt_status fork_stored(agt_session *session, agt_session *copy, agt_error *err)
{
    agt_store *store = NULL;
    agt_status status = agt__runtime_enter_store(session->runtime, &store, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__store_begin(store, err);
    if (status == AGT_OK) {
        status = agt__session_create(copy, store, session->id, err);
    }
    if (status == AGT_OK && session->row != 0) {
        status = agt__store_copy_session(store, session->row, copy->row, err);
        copy->revision++;
    }
    if (status == AGT_OK) {
        status = agt__store_commit(store, err);
    }
    agt__store_rollback(store);
    agt__runtime_leave_store(session->runtime);
    return status;
}

agt_status agt_session_fork(agt_session *session, const char *name, agt_session **ret_session,
                            agt_error *err)
{
    agt_session *copy = NULL;
    if (session == NULL || ret_session == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "session and ret_session are required");
    }
    agt_status status = check_name(name, false, err);
    if (status == AGT_OK) {
        status = enter(session, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    if (session->is_stored) { /* what could not be written before has to be there first */
        agt__session_save(session, NULL, false);
        status = agt_session_get_status(session, err);
    }
    if (status == AGT_OK) {
        status = make_session(session->runtime, name, session->is_stored, &copy, err);
    }
    if (status == AGT_OK) {
        lock(session);
        status = copy_entries(copy, session);
        unlock(session);
        copy->saved = session->is_stored ? copy->count : 0;
        copy->sent_saved = copy->sent_from;
        copy->result_saved = session->is_stored ? copy->result_count : 0;
        status = status == AGT_OK ? AGT_OK : agt__error_nomem(err, origin);
    }
    if (status == AGT_OK && session->is_stored) {
        status = fork_stored(session, copy, err);
    }
    leave(session);
    if (status != AGT_OK) {
        agt_session_unref(copy);
        return status;
    }
    *ret_session = copy;
    return AGT_OK;
}
