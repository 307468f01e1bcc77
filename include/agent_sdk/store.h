/*
 * agent_sdk/store.h - runs, traces, costs, sessions and facts on disk: one SQLite file.
 *
 * A runtime with a store path writes to it by itself; this header is for reading: each query
 * answers with a JSON value, in the shape documented with it, members are only ever added.
 *
 * One process writes at a time (an open-file-description lock on a file beside it covers every
 * write); readers never wait. The file must be on a local disk, and is readable by its owner only.
 *
 * Every query may also answer AGT_E_SYNTAX for a store that is damaged and AGT_E_BUSY while a
 * program other than this library holds it.
 */
#ifndef AGENT_SDK_STORE_H
#define AGENT_SDK_STORE_H

#include "agent_sdk/telemetry.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_store agt_store; /* one thread at a time                                       */

/**
 * Open a store for reading.
 *
 * @return AGT_OK; AGT_E_NOT_FOUND if there is none; AGT_E_VERSION if it was written by a newer
 *         library, the message naming both versions; AGT_E_SYNTAX if the file is no store, or
 *         damaged; AGT_E_UNSUPPORTED on a network file system; AGT_E_INVALID if @path names no
 *         file; AGT_E_BUSY; AGT_E_IO; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_store_open(const agt_allocator *allocator, const char *path,
                                                 agt_store **ret_store, agt_error *err);
AGT_API void agt_store_free(agt_store *store);

/**
 * The newest runs first: an array of
 *
 *     {"id": "01J…", "trace_id": "…", "name": "…", "status": "running|ok|error|…",
 *      "start_unix_ns": n, "duration_ns": n|null, "spans": n, "input_tokens": n,
 *      "output_tokens": n, "cost_nanousd": n, "unpriced_calls": n, "simulated_nanousd": n,
 *      "simulated_tokens": n}
 *
 * "status" is an outcome, "running", or "lost": the process of the run ended (killed, or with the
 * machine) before the run did, and what it had written is all there is. That is found out when it
 * is asked for and written nowhere; where it cannot be found out (a lock file that may not be read,
 * tables of version 1) the run is left at "running". Nobody works on a copy of a store: runs that
 * were running when it was made are lost in it.
 *
 * @param limit  most runs; 0 = 50
 * @return AGT_OK; AGT_E_IO; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_store_list_runs(agt_store *store, uint32_t limit,
                                                      agt_value **ret_runs, agt_error *err);

/**
 * One run with its spans: the object of agt_store_list_runs() with "spans" replaced by an array,
 * parents before children, of
 *
 *     {"span_id": "…", "parent_span_id": "…"|null, "name": "…", "kind": n, "start_unix_ns": n,
 *      "end_unix_ns": n|null, "error": bool, "message": "…", "attributes": {…},
 *      "dropped_attributes": n}
 *
 * A span without an end was running when it was last heard of: the run still is, or is lost, or the
 * end could not be written. Only spans that run for some 200 ms are told of before their end,
 * and without attributes.
 *
 * What is in "attributes" came from models, tools and programs: it is tainted. A span whose parent
 * is not stored is among the first.
 *
 * @param id  run id, trace id, a prefix of one that is unique (in any case), or "last"
 * @return AGT_OK; AGT_E_NOT_FOUND; AGT_E_INVALID if the prefix fits several; AGT_E_IO; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_store_get_run(agt_store *store, const char *id,
                                                    agt_value **ret_run, agt_error *err);

typedef enum agt_store_group {
    AGT_STORE_BY_AGENT = 0,
    AGT_STORE_BY_MODEL = 1,
    AGT_STORE_BY_RUN = 2,
    AGT_STORE_BY_DAY = 3, /* UTC */
    AGT_STORE_BY_CONVERSATION = 4
} agt_store_group;

/**
 * Costs since a time, grouped: an array of
 *
 *     {"key": "…", "calls": n, "input_tokens": n, "output_tokens": n, "cost_nanousd": n,
 *      "unpriced_calls": n, "simulated_calls": n, "simulated_tokens": n, "simulated_nanousd": n}
 *
 * most expensive first; simulated amounts are never part of the others. "key" is "" for lines that
 * have none: a call of no agent, of no run.
 *
 * @param run_id  only of this run (as agt_store_get_run() takes it); NULL = of all
 * @return as agt_store_get_run()
 */
AGT_API AGT_MUST_CHECK agt_status agt_store_get_costs(agt_store *store, agt_store_group group,
                                                      const char *run_id, uint64_t since_unix_ns,
                                                      agt_value **ret_costs, agt_error *err);

/**
 * The sessions, those used last first: an array of
 *
 *     {"id": "01J…", "name": "…"|null, "agent": "…"|null, "parent": "01J…"|null,
 *      "created_unix_ns": n, "used_unix_ns": n, "turns": n, "messages": n, "bytes": n}
 *
 * "agent" answered last, "parent" is the session it was forked from. A store that was last written
 * by a library without sessions has none.
 *
 * @param limit  most sessions; 0 = 50
 * @return AGT_OK; AGT_E_IO; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_store_list_sessions(agt_store *store, uint32_t limit,
                                                          agt_value **ret_sessions, agt_error *err);

/**
 * One session: the object of agt_store_list_sessions() with "sent_from" and "messages" replaced by
 * an array, in order, of
 *
 *     {"number": n, "turn": n, "kind": "said"|"summary", "unix_ns": n, "trace_id": "…"|null,
 *      "message": {"role": "…", "parts": […]}}
 *
 * Messages are as agent_sdk/llm.h has them; what models and tools said is tainted. Models are shown
 * the messages from number "sent_from" on, after the last summary, if there is one.
 *
 * @param id  name or id of a session, the beginning of one id (in any case), or "last": the one
 *            used last
 * @return AGT_OK; AGT_E_NOT_FOUND; AGT_E_INVALID if the beginning fits several; AGT_E_IO;
 *         AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_store_get_session(agt_store *store, const char *id,
                                                        agt_value **ret_session, agt_error *err);

/**
 * What agents remember, by space and key: an array of
 *
 *     {"space": "…", "key": "…", "value": …, "version": n, "created_unix_ns": n,
 *      "updated_unix_ns": n, "agent": "…"|null, "trace_id": "…"|null}
 *
 * "version" counts how often the fact was written, "agent" and "trace_id" say who wrote it last and
 * in which run; a value that a model gave is tainted.
 *
 * @param space  "agent:NAME" of what an agent keeps to itself, "shared:NAME"; NULL = of all
 * @return AGT_OK; AGT_E_IO; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_store_list_facts(agt_store *store, const char *space,
                                                       agt_value **ret_facts, agt_error *err);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_STORE_H */
