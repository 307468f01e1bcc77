/*
 * Replays: a tape, read into memory, that plays the part of the outside.
 *
 * Runs and attempts *meet* their entries as they happen. What came from outside (something told,
 * the end of a leaf, a cancel) is *played* by play() in the order of the tape: an entry only when
 * everything before it has happened, and in a simulated runtime not before its time. So the same
 * things happen in the same order, and what they cause is the same.
 *
 * A run that asks for something else than what is on the tape has *diverged*. The first difference
 * is kept; what waits, and every leaf from there on, fails with it, so that the run comes to an
 * end. When the next entry is something that the run should do, and does not do although leaves
 * wait for what is behind it, that is a difference, too: found by a timer, since nobody else would
 * ever say so.
 *
 * Threads: the loop's, but for starts of runs; `cursor` and the entries under the tape's mutex,
 * which is not held while something is played.
 */
#include "exec/tape.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char origin[] = "exec/replay";

enum {
    ENTRIES_MAX = 1 << 28,
    LINE_NODES_MAX = 1 << 24,
    STUCK_MS = 5000,
    STUCK_SIMULATED_MS = 1000
};

#define FILE_BYTES_MAX (UINT64_C(1) << 30)

/* ---- diverging ----------------------------------------------------------------------------- */

static void post(agt__tape *tape)
{
    if (!atomic_exchange(&tape->is_posted, true)) {
        agt__loop_post(tape->runtime->loop, &tape->job);
    }
}

static void diverge(agt__tape *tape, const agt_error *err)
{
    if (!tape->has_diverged) {
        tape->has_diverged = true;
        tape->divergence = *err;
    }
    post(tape);
}

static const char *name_of(const agt__tape_entry *entry)
{
    return agt__value_member_text(entry->line, "name", "?");
}

/* Line of an entry in the file: the head is line 1. */
static unsigned long long line_of(const agt__tape *tape, const agt__tape_entry *entry)
{
    return (unsigned long long)(entry - tape->entries) + 2;
}

static void diverge_unknown(agt__tape *tape, const agt_tool_call *attempt)
{
    agt_error err;
    (void)agt__error_set(&err, AGT_E_INVALID, origin,
                         "the run has changed: the %s \"%s\" is called, at a place where nothing "
                         "was when it was recorded",
                         attempt->operation->table->kind, attempt->operation->name);
    diverge(tape, &err);
}

static void diverge_in_name(agt__tape *tape, const agt__tape_entry *entry,
                            const agt_tool_call *attempt)
{
    agt_error err;
    (void)agt__error_set(&err, AGT_E_INVALID, origin,
                         "the run has changed: the %s \"%s\" is called where line %llu of the "
                         "recording has the %s \"%s\"",
                         attempt->operation->table->kind, attempt->operation->name,
                         line_of(tape, entry), agt__value_member_text(entry->line, "kind", "?"),
                         name_of(entry));
    diverge(tape, &err);
}

static void diverge_in_input(agt__tape *tape, const agt__tape_entry *entry,
                             const agt_tool_call *attempt)
{
    agt_error err;
    agt__difference found;
    agt__difference_find(tape->allocator, agt_value_get_member(entry->line, "input"),
                         attempt->input, &found);
    (void)agt__error_set(&err, AGT_E_INVALID, origin,
                         "the request of the %s \"%s\" has changed (line %llu of the recording), "
                         "at %s: recorded %s, now %s",
                         attempt->operation->table->kind, attempt->operation->name,
                         line_of(tape, entry), found.pointer[0] != '\0' ? found.pointer : "its top",
                         found.recorded, found.present);
    diverge(tape, &err);
}

/* ---- meeting ------------------------------------------------------------------------------- */

static agt__tape_entry *find(const agt__tape *tape, agt__tape_kind kind, uint64_t position,
                             uint32_t attempt)
{
    for (size_t i = tape->cursor; i < tape->count; i++) {
        agt__tape_entry *entry = &tape->entries[i];
        if (entry->position == position && entry->kind == kind && entry->attempt == attempt &&
            !entry->happened) {
            return entry;
        }
    }
    return NULL;
}

static void note_happened(agt__tape *tape, agt__tape_entry *entry)
{
    entry->happened = true;
    if (tape->steps) {
        agt__tape_advance(tape, tape->base_ns + entry->at_ns);
    }
    post(tape);
}

agt__tape_entry *agt__replay_meet(agt__tape *tape, agt__tape_kind kind, uint64_t position,
                                  uint32_t attempt)
{
    agt__tape_entry *entry = find(tape, kind, position, attempt);
    if (entry != NULL) {
        note_happened(tape, entry);
    }
    return entry;
}

/* ---- leaves -------------------------------------------------------------------------------- */

static agt_outcome outcome_of(const agt_value *line)
{
    const char *name = agt__value_member_text(line, "outcome", "");
    for (int outcome = AGT_OUTCOME_OK; outcome <= AGT_OUTCOME_UNKNOWN; outcome++) {
        if (strcmp(agt_outcome_get_name((agt_outcome)outcome), name) == 0) {
            return (agt_outcome)outcome;
        }
    }
    return AGT_OUTCOME_NONE;
}

/* The attempt fails with what is known of the difference. */
static agt_status refuse(agt__tape *tape, agt_tool_call *attempt)
{
    agt__tool_call_take_error(attempt, &tape->divergence);
    return AGT_E_INVALID;
}

static void tell_again(agt__tape *tape, agt__tape_entry *entry, agt_tool_call *attempt)
{
    note_happened(tape, entry);
    if (attempt->operation->table->tell_again != NULL) {
        attempt->operation->table->tell_again(attempt, agt_value_get_member(entry->line, "told"));
    }
}

/* What ended within its start does so again: whatever else is to start waits for it. */
static agt_status end_at_once(agt__tape *tape, agt_tool_call *attempt, const agt__tape_entry *end,
                              agt_value **ret_output)
{
    const agt__tape_entry *start = attempt->record;
    for (agt__tape_entry *at = &tape->entries[start - tape->entries]; at < end; at++) {
        if (at->kind == AGT__TAPE_TOLD && at->position == start->position &&
            at->attempt == start->attempt && !at->happened) {
            tell_again(tape, at, attempt);
        }
    }
    *ret_output = agt_value_ref(agt_value_get_member(end->line, "output"));
    return agt_outcome_get_status(outcome_of(end->line));
}

static agt_status start_leaf(agt_tool_call *attempt, agt_value **ret_output, bool *ret_pending)
{
    agt__tape *tape = attempt->graph->runtime->tape;
    if (tape->has_diverged || attempt->record == NULL) {
        return refuse(tape, attempt);
    }
    const agt__tape_entry *end =
        find(tape, AGT__TAPE_END, attempt->record->position, attempt->record->attempt);
    if (end != NULL && agt_value_get_bool(agt_value_get_member(end->line, "at_once"), false)) {
        return end_at_once(tape, attempt, end, ret_output);
    }
    attempt->record->waiting = attempt;
    attempt->record->next_waiting = tape->waiting;
    tape->waiting = attempt->record;
    *ret_pending = true;
    post(tape);
    return AGT_OK;
}

static void stop_waiting(agt__tape *tape, agt__tape_entry *start)
{
    agt__tape_entry **link = &tape->waiting;
    while (*link != NULL && *link != start) {
        link = &(*link)->next_waiting;
    }
    if (*link == start) {
        *link = start->next_waiting;
        start->waiting = NULL;
    }
}

static bool cancel_leaf(agt_tool_call *attempt)
{
    agt__tape *tape = attempt->graph->runtime->tape;
    agt__tape_entry *start = attempt->record;
    agt_value *output = NULL;
    if (start == NULL || start->waiting == NULL) {
        return false;
    }
    stop_waiting(tape, start);
    const agt__tape_entry *end = find(tape, AGT__TAPE_END, start->position, start->attempt);
    if (end != NULL) {
        output = agt_value_ref(agt_value_get_member(end->line, "output"));
    }
    agt__tool_call_complete(attempt, AGT_E_CANCELLED, output);
    return true;
}

static void hold_leaf(agt_tool_call *attempt, bool held)
{
    agt__tape *tape = attempt->graph->runtime->tape;
    if (attempt->record != NULL) {
        attempt->record->held = held;
        post(tape);
    }
}

/* What starts, cancels and holds a leaf; what else there is of it stays its own. */
static const agt__operation_table leaf_table = {
    .kind = "replay", .start = start_leaf, .cancel = cancel_leaf, .hold = hold_leaf};

void agt__replay_begin_leaf(agt__tape *tape, agt_tool_call *attempt, uint64_t position)
{
    const agt__operation *operation = attempt->operation;
    attempt->table = &leaf_table;
    agt__tape_entry *entry = find(tape, AGT__TAPE_START, position, attempt->call->attempts);
    if (entry == NULL) {
        diverge_unknown(tape, attempt);
    } else if (strcmp(name_of(entry), operation->name) != 0 ||
               strcmp(agt__value_member_text(entry->line, "kind", ""), operation->table->kind) !=
                   0) {
        diverge_in_name(tape, entry, attempt);
    } else if (!agt_value_equals(agt_value_get_member(entry->line, "input"), attempt->input)) {
        diverge_in_input(tape, entry, attempt);
    } else {
        attempt->record = entry;
        note_happened(tape, entry);
    }
}

void agt__replay_end_leaf(agt__tape *tape, agt_tool_call *attempt)
{
    agt__tape_entry *start = attempt->record;
    stop_waiting(tape, start);
    agt__tape_entry *end = find(tape, AGT__TAPE_END, start->position, start->attempt);
    if (end == NULL || tape->has_diverged) {
        attempt->record = NULL;
        return;
    }
    /* What the tape has of it is what becomes of it, unless it succeeded there and not here. */
    bool was_ok = strcmp(agt__value_member_text(end->line, "outcome", ""), "ok") == 0;
    note_happened(tape, end);
    attempt->record = was_ok && attempt->ending != AGT__ENDING_NONE ? NULL : end;
}

static uint64_t number_of(const agt_value *object, const char *key)
{
    uint64_t number = 0;
    (void)!agt_value_get_uint64(agt_value_get_member(object, key), &number);
    return number;
}

static int32_t int_of(const agt_value *object, const char *key)
{
    int64_t number = 0;
    (void)!agt_value_get_int64(agt_value_get_member(object, key), &number);
    return (int32_t)number;
}

agt_outcome agt__tape_get_result(const agt_tool_call *attempt, agt_error *ret_error)
{
    const agt_value *line = attempt->record->line;
    const agt_value *error = agt_value_get_member(line, "error");
    agt_outcome outcome = outcome_of(line);
    *ret_error = (agt_error){.status = int_of(error, "status"),
                             .flags = (uint32_t)number_of(error, "flags"),
                             .cause = int_of(error, "cause"),
                             .retry_after_ms = (uint32_t)number_of(error, "retry_after_ms"),
                             .line = (uint32_t)number_of(error, "line"),
                             .column = (uint32_t)number_of(error, "column")};
    agt__copy_text(ret_error->origin, sizeof(ret_error->origin),
                   agt__value_member_text(error, "origin", ""));
    agt__copy_text(ret_error->message, sizeof(ret_error->message),
                   agt__value_member_text(error, "message", ""));
    if (ret_error->status == AGT_OK) {
        ret_error->status = agt_outcome_get_status(outcome);
    }
    return outcome;
}

/* ---- playing ------------------------------------------------------------------------------- */

/* The start of the attempt that @entry is about, if that waits. */
static agt__tape_entry *find_waiting(agt__tape *tape, const agt__tape_entry *entry)
{
    for (agt__tape_entry *at = tape->waiting; at != NULL; at = at->next_waiting) {
        if (at->position == entry->position && at->attempt == entry->attempt) {
            return at;
        }
    }
    return NULL;
}

static agt_graph *find_run(const agt__tape *tape, uint64_t position)
{
    for (agt_graph *graph = tape->graphs; graph != NULL; graph = graph->next_taped) {
        if (graph->position == position) {
            return graph;
        }
    }
    return NULL;
}

/* Whether it is the tape's turn: @entry comes from outside, and whom it reaches waits for it. */
static bool is_to_be_played(agt__tape *tape, const agt__tape_entry *entry)
{
    const agt__tape_entry *start;
    switch ((agt__tape_kind)entry->kind) {
    case AGT__TAPE_TOLD:
        start = find_waiting(tape, entry);
        return start != NULL && !start->held;
    case AGT__TAPE_END:
        return find_waiting(tape, entry) != NULL;
    case AGT__TAPE_CANCEL:
        return find_run(tape, entry->position) != NULL;
    case AGT__TAPE_RUN:
    case AGT__TAPE_START:
    case AGT__TAPE_BEGIN:
    case AGT__TAPE_OVER:
    case AGT__TAPE_KINDS:
        break;
    }
    return false;
}

static void play(agt__tape *tape, agt__tape_entry *entry)
{
    agt__tape_entry *start = find_waiting(tape, entry);
    agt_tool_call *attempt = start != NULL ? start->waiting : NULL;
    switch ((agt__tape_kind)entry->kind) {
    case AGT__TAPE_TOLD:
        tell_again(tape, entry, attempt);
        break;
    case AGT__TAPE_END: {
        agt_outcome outcome = outcome_of(entry->line);
        agt__tool_call_complete(attempt, agt_outcome_get_status(outcome),
                                agt_value_ref(agt_value_get_member(entry->line, "output")));
        break;
    }
    case AGT__TAPE_CANCEL: {
        agt_graph *graph = agt__graph_ref(find_run(tape, entry->position));
        agt__engine_cancel(graph, outcome_of(entry->line));
        entry->happened = true; /* also if it had been cancelled before */
        agt__graph_unref(graph);
        break;
    }
    case AGT__TAPE_RUN:
    case AGT__TAPE_START:
    case AGT__TAPE_BEGIN:
    case AGT__TAPE_OVER:
    case AGT__TAPE_KINDS:
        break;
    }
}

/* End what waits: nothing on the tape will. */
static void fail_waiting(agt__tape *tape)
{
    while (tape->waiting != NULL) {
        agt_tool_call *attempt = tape->waiting->waiting;
        stop_waiting(tape, tape->waiting);
        agt_status status = refuse(tape, attempt);
        agt__tool_call_complete(attempt, status, NULL);
    }
}

static void fail_at_end(agt__tape *tape)
{
    agt_error err;
    const agt__tape_entry *start = tape->waiting;
    (void)agt__error_set(
        &err, AGT_E_INVALID, origin, "the recording ends before the %s \"%s\" of its line %llu did",
        agt__value_member_text(start->line, "kind", "?"), name_of(start), line_of(tape, start));
    diverge(tape, &err);
}

static void fire_due(agt__timer *timer)
{
    post((agt__tape *)(void *)((char *)timer - offsetof(agt__tape, due_timer)));
}

static void describe_missing(const agt__tape *tape, const agt__tape_entry *entry, agt_error *err)
{
    const char *name = name_of(entry);
    for (size_t i = 0; i < tape->count && strcmp(name, "?") == 0; i++) {
        const agt__tape_entry *other = &tape->entries[i];
        if (other->position == entry->position && other->attempt == entry->attempt) {
            name = name_of(other);
        }
    }
    (void)agt__error_set(err, AGT_E_INVALID, origin,
                         "the run has changed: line %llu of the recording (%s \"%s\") does not "
                         "happen any more",
                         line_of(tape, entry), agt__tape_kind_get_name((agt__tape_kind)entry->kind),
                         name);
}

static void fire_stuck(agt__timer *timer)
{
    agt__tape *tape = (agt__tape *)(void *)((char *)timer - offsetof(agt__tape, stuck_timer));
    agt_error err;
    if (tape->waiting != NULL && tape->cursor == tape->stuck_at && tape->cursor < tape->count) {
        describe_missing(tape, &tape->entries[tape->cursor], &err);
        diverge(tape, &err);
    }
}

static uint64_t due_of(const agt__tape *tape, const agt__tape_entry *entry)
{
    return tape->steps ? tape->base_ns + entry->at_ns : 0;
}

/* Have somebody look whether the run ever does what comes next. */
static void watch(agt__tape *tape)
{
    const agt__tape_entry *entry = &tape->entries[tape->cursor];
    agt__loop *loop = tape->runtime->loop;
    uint64_t now = agt__loop_now_ns(loop), due = due_of(tape, entry);
    uint64_t gap = entry->at_ns - (tape->cursor > 0 ? entry[-1].at_ns : 0);
    if (tape->waiting == NULL || entry->held ||
        (agt__timer_is_started(&tape->stuck_timer) && tape->stuck_at == tape->cursor)) {
        return;
    }
    tape->stuck_at = tape->cursor;
    due = tape->steps ? (due > now ? due : now) + STUCK_SIMULATED_MS * UINT64_C(1000000)
                      : now + gap + STUCK_MS * UINT64_C(1000000);
    if (agt__loop_timer_start(loop, &tape->stuck_timer, due) != AGT_OK) {
        agt_error err; /* nobody would look: better an end than none */
        (void)agt__error_nomem(&err, origin);
        diverge(tape, &err);
    }
}

/* The next entry that has not happened; NULL behind the last. */
static agt__tape_entry *get_next(agt__tape *tape)
{
    (void)pthread_mutex_lock(&tape->mutex);
    while (tape->cursor < tape->count && tape->entries[tape->cursor].happened) {
        tape->cursor++;
    }
    agt__tape_entry *entry = tape->cursor < tape->count ? &tape->entries[tape->cursor] : NULL;
    (void)pthread_mutex_unlock(&tape->mutex);
    return entry;
}

/* Whether to come back for @entry when it is time. */
static bool is_early(agt__tape *tape, const agt__tape_entry *entry)
{
    agt__loop *loop = tape->runtime->loop;
    uint64_t due = due_of(tape, entry);
    return due > agt__loop_now_ns(loop) &&
           agt__loop_timer_start(loop, &tape->due_timer, due) == AGT_OK;
}

static void run_job(agt__job *job)
{
    agt__tape *tape = (agt__tape *)(void *)((char *)job - offsetof(agt__tape, job));
    agt__tape_entry *entry;
    atomic_store(&tape->is_posted, false);
    while (!tape->has_diverged && (entry = get_next(tape)) != NULL &&
           is_to_be_played(tape, entry) && !is_early(tape, entry)) {
        play(tape, entry);
        if (!entry->happened) { /* whom it reached was over */
            entry->happened = true;
        }
    }
    if (!tape->has_diverged && tape->waiting != NULL && get_next(tape) == NULL) {
        fail_at_end(tape);
    }
    if (tape->has_diverged) {
        fail_waiting(tape);
    }
    if (!tape->has_diverged && (entry = get_next(tape)) != NULL && !is_to_be_played(tape, entry)) {
        watch(tape);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct reader {
    const agt_allocator *allocator;
    const char *path;
    char *text;
    size_t size, at;
    uint32_t line;
} reader;

static agt_status read_all(reader *self, agt_error *err)
{
    struct stat about;
    int file = open(self->path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return agt__error_set_errno(err, errno == ENOENT ? AGT_E_NOT_FOUND : AGT_E_IO, origin,
                                    errno, "the recording %s cannot be read", self->path);
    }
    agt_status status = AGT_OK;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        status = agt__error_set(err, AGT_E_IO, origin, "%s is not a file", self->path);
    } else if ((uint64_t)about.st_size > FILE_BYTES_MAX) {
        status = agt__error_set(err, AGT_E_LIMIT, origin, "%s is larger than 1 GiB", self->path);
    } else {
        self->text = agt__alloc(self->allocator, (size_t)about.st_size + 1);
        status = self->text != NULL ? AGT_OK : agt__error_nomem(err, origin);
    }
    while (status == AGT_OK && self->size < (size_t)about.st_size) {
        ssize_t count = read(file, self->text + self->size, (size_t)about.st_size - self->size);
        if (count < 0 && errno != EINTR) {
            status = agt__error_set_errno(err, AGT_E_IO, origin, errno,
                                          "the recording %s cannot be read", self->path);
        } else if (count == 0) {
            break;
        }
        self->size += count > 0 ? (size_t)count : 0;
    }
    (void)close(file);
    return status;
}

/* The next whole line as a value; NULL behind the last. A last line without its line feed was being
 * written when the program ended. */
static agt_status read_line(reader *self, agt_value **ret_line, agt_error *err)
{
    const char *begin = self->text + self->at;
    const char *end = self->at < self->size ? memchr(begin, '\n', self->size - self->at) : NULL;
    agt_json_config config =
        AGT_CONFIG(agt_json_config, .depth_max = 1024, .nodes_max = LINE_NODES_MAX,
                   .string_bytes_max = FILE_BYTES_MAX, .document_bytes_max = FILE_BYTES_MAX,
                   .number_bytes_max = 4096);
    agt_error reason;
    *ret_line = NULL;
    if (end == NULL) {
        return AGT_OK;
    }
    self->line++;
    self->at += (size_t)(end - begin) + 1;
    agt_status status =
        agt_json_parse(self->allocator, begin, (size_t)(end - begin), &config, ret_line, &reason);
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, origin);
    }
    if (status == AGT_OK && agt_value_get_kind(*ret_line) != AGT_VALUE_OBJECT) {
        agt_value_unref(*ret_line);
        *ret_line = NULL;
        (void)agt__error_set(&reason, AGT_E_SYNTAX, origin, "it is not an object");
        status = AGT_E_SYNTAX;
    }
    if (status != AGT_OK) {
        (void)agt__error_set(err, AGT_E_SYNTAX, origin,
                             "%.120s, line %u: no line of a recording: %.200s", self->path,
                             self->line, reason.message);
        if (err != NULL) {
            err->line = self->line;
        }
        return AGT_E_SYNTAX;
    }
    return AGT_OK;
}

static agt_status read_head(reader *self, agt_value **ret_head, agt_error *err)
{
    uint64_t format = 0;
    agt_status status = read_all(self, err);
    if (status == AGT_OK) {
        status = read_line(self, ret_head, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    if (agt_value_get_uint64(agt_value_get_member(*ret_head, "agent_sdk_recording"), &format) !=
        AGT_OK) {
        status = agt__error_set(err, AGT_E_SYNTAX, origin, "%s is not a recording", self->path);
    } else if (format != AGT__TAPE_FORMAT) {
        status =
            agt__error_set(err, AGT_E_VERSION, origin,
                           "%s is a recording of format %llu, made by version %s: this one "
                           "reads format %d",
                           self->path, (unsigned long long)format,
                           agt__value_member_text(*ret_head, "version", "?"), AGT__TAPE_FORMAT);
    }
    if (status != AGT_OK) {
        agt_value_unref(*ret_head);
        *ret_head = NULL;
    }
    return status;
}

static agt_status read_entry(const reader *file, agt_value *line, agt__tape_entry *ret_entry,
                             agt_error *err)
{
    const char *what = agt__value_member_text(line, "what", "");
    const char *key = agt__value_member_text(line, "key", "");
    char *end = NULL;
    int kind = 0;
    while (kind < AGT__TAPE_KINDS &&
           strcmp(what, agt__tape_kind_get_name((agt__tape_kind)kind)) != 0) {
        kind++;
    }
    *ret_entry = (agt__tape_entry){.line = line,
                                   .at_ns = number_of(line, "at"),
                                   .position = strtoull(key, &end, 16),
                                   .attempt = (uint32_t)number_of(line, "attempt"),
                                   .kind = (uint8_t)kind};
    bool has_outcome = kind != AGT__TAPE_END && kind != AGT__TAPE_CANCEL;
    has_outcome = has_outcome || outcome_of(line) != AGT_OUTCOME_NONE;
    if (kind == AGT__TAPE_KINDS || end != key + 16 || !has_outcome) {
        agt_status status =
            agt__error_set(err, AGT_E_SYNTAX, origin, "%.200s, line %u: no line of a recording",
                           file->path, file->line);
        if (err != NULL) {
            err->line = file->line;
        }
        return status;
    }
    return AGT_OK;
}

static agt_status read_entries(agt__tape *tape, reader *file, agt_error *err)
{
    for (;;) {
        agt_value *line = NULL;
        agt_status status = read_line(file, &line, err);
        if (status != AGT_OK || line == NULL) {
            return status;
        }
        status = agt__array_reserve(tape->allocator, &tape->entries, &tape->capacity, tape->count,
                                    sizeof(*tape->entries), ENTRIES_MAX);
        if (status != AGT_OK) {
            status = agt__error_nomem(err, origin);
        } else {
            status = read_entry(file, line, &tape->entries[tape->count], err);
        }
        if (status != AGT_OK) {
            agt_value_unref(line);
            return status;
        }
        tape->count++;
    }
}

void agt__replay_deinit(agt__tape *tape)
{
    for (size_t i = 0; i < tape->count; i++) {
        agt_value_unref(tape->entries[i].line);
    }
    agt__free(tape->allocator, tape->entries);
}

/* ---- the public part ----------------------------------------------------------------------- */

agt_status agt_recording_get_head(const agt_allocator *allocator, const char *path,
                                  agt_value **ret_head, agt_error *err)
{
    if (path == NULL || ret_head == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "path and ret_head are required");
    }
    reader file = {.allocator = allocator, .path = path};
    agt_value *head = NULL;
    agt_status status = read_head(&file, &head, err);
    agt__free(allocator, file.text);
    if (status == AGT_OK) {
        *ret_head = head;
    }
    return status;
}

agt_status agt_replay_start(agt_runtime *runtime, const char *path, agt_error *err)
{
    agt__tape *tape = NULL;
    agt_value *head = NULL;
    if (runtime == NULL || path == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "runtime and path are required");
    }
    agt_status status = agt__tape_new(runtime, true, &tape, err);
    if (status != AGT_OK) {
        return status;
    }
    reader file = {.allocator = runtime->allocator, .path = path};
    status = read_head(&file, &head, err);
    if (status == AGT_OK) {
        tape->base_unix_ns = number_of(head, "created_unix_ns");
        status = read_entries(tape, &file, err);
    }
    agt_value_unref(head);
    agt__free(runtime->allocator, file.text);
    if (status != AGT_OK) {
        runtime->free_tape(tape);
        return status;
    }
    tape->job.run = run_job;
    tape->due_timer.fire = fire_due;
    tape->stuck_timer.fire = fire_stuck;
    runtime->tape = tape;
    if (runtime->simulated) {
        agt__tape_step(tape);
    }
    return AGT_OK;
}

agt_status agt_replay_finish(agt_runtime *runtime, agt_error *err)
{
    if (runtime == NULL || !agt__tape_is_replay(runtime)) {
        return agt__error_set(err, AGT_E_INVALID, origin, "the runtime replays nothing");
    }
    agt__tape *tape = runtime->tape;
    if (tape->has_diverged) {
        if (err != NULL) {
            *err = tape->divergence;
        }
        return (agt_status)tape->divergence.status;
    }
    const agt__tape_entry *entry = get_next(tape);
    if (entry != NULL) {
        agt_error missing;
        describe_missing(tape, entry, &missing);
        if (err != NULL) {
            *err = missing;
        }
        return (agt_status)missing.status;
    }
    return AGT_OK;
}
