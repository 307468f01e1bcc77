/*
 * Tapes: what came from outside in a run, kept in a file, and given to the same run again.
 *
 * A tape belongs to a runtime and is either written (a recording) or read (a replay). On it are, in
 * the order in which they happened on the loop thread: runs and attempts as they begin, what
 * attempts told, how they ended, and the cancelling of runs. What an attempt of a *leaf* (anything
 * but an agent) got and gave stands there as well, so that a replay need not run it; agents and
 * graphs run again and do the same, because all they see is the same.
 *
 * Every function but the last three may be called only if there is a tape.
 */
#ifndef AGT_EXEC_TAPE_H
#define AGT_EXEC_TAPE_H

#include "exec/graph.h"

#define AGT__TAPE_FORMAT 1

enum {
    AGT__SHOWN_BYTES = 72,
    AGT__POINTER_BYTES = 160
};

typedef enum agt__tape_kind {
    AGT__TAPE_RUN,    /* a run of its own begins                                                */
    AGT__TAPE_START,  /* an attempt of a leaf begins: kind, name, agent, input                  */
    AGT__TAPE_BEGIN,  /* an attempt of an agent begins                                          */
    AGT__TAPE_TOLD,   /* a leaf told something                                                  */
    AGT__TAPE_END,    /* an attempt of a leaf ended: outcome, output, error                     */
    AGT__TAPE_OVER,   /* an attempt of an agent ended                                           */
    AGT__TAPE_CANCEL, /* a run was cancelled, or its time was up                                */
    AGT__TAPE_KINDS
} agt__tape_kind;

/* One line of a tape that is replayed. */
typedef struct agt__tape_entry agt__tape_entry;
struct agt__tape_entry {
    agt_value *line;
    uint64_t at_ns; /* since the start */
    uint64_t position;
    uint32_t attempt;
    uint8_t kind;
    bool happened;
    bool held;              /* START: whoever listens cannot take more */
    agt_tool_call *waiting; /* START: the attempt that waits for its end; NULL = none */
    agt__tape_entry *next_waiting;
};

typedef struct agt__tape agt__tape;
struct agt__tape {
    const agt_allocator *allocator;
    agt_runtime *runtime; /* that it belongs to */
    agt_clock clock;
    bool is_replay;
    bool steps; /* time stands still between what happens: `clock` is the runtime's */
    uint64_t base_ns, base_unix_ns;
    _Atomic uint64_t now_ns; /* of `clock` */
    pthread_mutex_t mutex;   /* guards what follows: runs are started on any thread */
    uint64_t runs;           /* begun so far */
    agt_graph *graphs;       /* those of them that are under way */

    /* A recording. */
    int file; /* -1: finished, or failed */
    char *path;
    uint64_t written, size; /* lines, bytes */
    agt_error failure;      /* status 0: none */

    /* A replay; loop thread. */
    agt__tape_entry *entries;
    size_t count, capacity, cursor;
    agt__tape_entry *waiting; /* starts whose attempts wait, the newest first */
    _Atomic bool is_posted;
    agt__job job;
    agt__timer due_timer, stuck_timer;
    size_t stuck_at;
    bool has_diverged;
    agt_error divergence;
};

/** The key of a call of @graph that is the same in every run of the same program. */
uint64_t agt__tape_get_call_position(const agt__call *call);
/** That of the next graph within @attempt. */
uint64_t agt__tape_get_position(agt_tool_call *attempt);
/** Whether anything is told of @attempt to the tape. */
bool agt__tape_hears(const agt_tool_call *attempt);
/** The words of the kinds, in lines. */
const char *agt__tape_kind_get_name(agt__tape_kind kind);
/** Whether what @operation does is taken from the tape. */
bool agt__tape_has_content(const agt__operation *operation);
/** An empty tape of @runtime, to which it then belongs. */
AGT_MUST_CHECK agt_status agt__tape_new(agt_runtime *runtime, bool is_replay, agt__tape **ret_tape,
                                        agt_error *err);
/** Have time stand still between what happens, from here on. */
void agt__tape_step(agt__tape *tape);
/** It is @ns now, unless it is later. */
void agt__tape_advance(agt__tape *tape, uint64_t ns);

/* ---- what the engine tells of ------------------------------------------------------------- */

/** A run of its own begins. */
void agt__tape_begin_run(agt_graph *graph);
/** It is over. */
void agt__tape_end_run(agt_graph *graph);
/** It is cancelled, or its time is up. */
void agt__tape_cancel_run(agt_graph *graph, agt_outcome outcome);
/** An attempt that is set up begins. In a replay, a leaf gets the tape's table. @return when */
uint64_t agt__tape_begin_attempt(agt_tool_call *attempt);
/** It tells something. */
void agt__tape_tell(agt_tool_call *attempt, const void *what);
/** The attempt is over, its call has no result yet. @return when */
uint64_t agt__tape_end_attempt(agt_tool_call *attempt);
/** The call has its result. */
void agt__tape_keep_result(const agt_tool_call *attempt, uint64_t end_ns);
/** A replay: how the attempt ended by the tape; AGT_OUTCOME_NONE: otherwise. */
agt_outcome agt__tape_get_result(const agt_tool_call *attempt, agt_error *ret_error);

/* ---- differences (tape_difference.c) ------------------------------------------------------- */

/* Where a request is not what it was, as a JSON Pointer, and what stands there. */
typedef struct agt__difference {
    char pointer[AGT__POINTER_BYTES];
    char recorded[AGT__SHOWN_BYTES], present[AGT__SHOWN_BYTES];
} agt__difference;

/** Two values that are not equal: where they differ first. */
void agt__difference_find(const agt_allocator *allocator, const agt_value *recorded,
                          const agt_value *present, agt__difference *ret_difference);

/* ---- the same of a replay (replay.c) ------------------------------------------------------- */

/** Something that is on the tape happens. @return its entry; NULL if it is not there */
agt__tape_entry *agt__replay_meet(agt__tape *tape, agt__tape_kind kind, uint64_t position,
                                  uint32_t attempt);
/** An attempt of a leaf begins: find it on the tape, or diverge. */
void agt__replay_begin_leaf(agt__tape *tape, agt_tool_call *attempt, uint64_t position);
/** It ends. */
void agt__replay_end_leaf(agt__tape *tape, agt_tool_call *attempt);
/** Free what a replay has. */
void agt__replay_deinit(agt__tape *tape);

static inline bool agt__tape_is_replay(const agt_runtime *runtime)
{
    return runtime->tape != NULL && runtime->tape->is_replay;
}

#endif
