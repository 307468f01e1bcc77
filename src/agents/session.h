/*
 * Sessions inside: the messages of a conversation, in memory and in the store.
 */
#ifndef AGT_AGENTS_SESSION_H
#define AGT_AGENTS_SESSION_H

#include "exec/operation.h"
#include "runtime/runtime.h"

#include "agent_sdk/agents.h"

/* A message of a session. Its number is its place. */
typedef struct agt__entry {
    agt_value *message;
    uint32_t turn; /* from 1 */
    int32_t kind;  /* AGT__MESSAGE_… */
    uint64_t unix_ns;
    bool has_trace;
    uint8_t trace_id[16];
} agt__entry;

/* What a tool answered, where messages have only a part of it. */
typedef struct agt__kept_result {
    agt_value *id, *text; /* strings; text NULL = in the store only */
} agt__kept_result;

struct agt_session {
    agt__session_head head; /* first */
    const agt_allocator *allocator;
    agt_runtime *runtime; /* referenced */
    bool is_stored;
    char id[AGT__RUN_ID_SIZE];
    char *name; /* behind the object; "" = none */

    pthread_mutex_t mutex; /* guards all below; who has the session alone writes entries */
    bool is_busy;          /* somebody has it */
    bool is_claimed;       /* in the store, too */
    bool is_removed;
    bool has_results;      /* some of its results were shown in part */
    int64_t row, revision; /* row 0: not in the store yet */
    agt__entry *entries;
    size_t count, capacity;
    size_t saved;     /* entries that are in the store */
    size_t sent_from; /* the first entry that models are still shown */
    size_t sent_saved;
    agt__kept_result *results;
    size_t result_count, result_capacity, result_saved;
    agt_error failure; /* of the last write; status 0 = none */
};

/** Have the session to oneself in this process. @return AGT_OK; AGT_E_BUSY; AGT_E_NOT_FOUND if it
 * was removed */
AGT_MUST_CHECK agt_status agt__session_begin(agt_session *session, agt_error *err);
/** Let others have it. */
void agt__session_end(agt_session *session);

/* What follows is for who has it alone. */

/** Claim it in the store as well, and read what others have added. May wait.
 * @return AGT_OK; AGT_E_BUSY; AGT_E_NOT_FOUND; what the store answers: then it is not claimed */
AGT_MUST_CHECK agt_status agt__session_open(agt_session *session, agt_error *err);
/** Write what is not written yet, and then, if asked to, give up the claim. May wait. What went
 * wrong is kept for agt_session_get_status(). @param agent  who speaks; NULL = nobody */
void agt__session_save(agt_session *session, const char *agent, bool release);
/** Whether there is something to be written. */
bool agt__session_has_unsaved(agt_session *session);

/** Add an entry; takes entry->message over, also on failure. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__session_add(agt_session *session, const agt__entry *entry);
/** Models are shown what stands from @index on. */
void agt__session_send_from(agt_session *session, size_t index);
/** Keep a result in full; both are referenced. @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__session_keep_result(agt_session *session, const agt_value *id,
                                                   const agt_value *text);
/** A result in full. May wait. @return AGT_OK; AGT_E_NOT_FOUND; what the store answers */
AGT_MUST_CHECK agt_status agt__session_get_result(agt_session *session, const char *id,
                                                  agt_value **ret_text, agt_error *err);

/* ---- session_store.c --------------------------------------------------------------------------
 */

/** Put the session, which is new, into the store. In a transaction. @return AGT_OK; AGT_E_EXISTS;
 * what the store answers */
AGT_MUST_CHECK agt_status agt__session_create(agt_session *session, agt_store *store,
                                              const char *parent, agt_error *err);
/** Take over what agt__store_read_session() answered; entries that are not saved come after it.
 * @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__session_load(agt_session *session, const agt_value *stored);
/** Give up entries and results. The mutex is held, or nobody else knows the session. */
void agt__session_drop_all(agt_session *session);
/** The turn of the last entry before @count; 0 if there is none. */
uint32_t agt__session_get_turn(const agt_session *session, size_t count);

#endif
