/*
 * Tapes: what both kinds share, and recordings. tape.h has what stands on one; replay.c plays it.
 *
 * A line is written when it happens, with one write(), so that a program that crashes leaves a
 * recording that can be replayed up to there. A write that fails is the end of the recording, not
 * of the run: what was cut off is taken back, and agt_recording_finish() says so.
 *
 * Time. For a replay to see the same times, the time that the engine sees may change only where a
 * replay can repeat it. While a real runtime is recorded its clock therefore stands still between
 * two things that happen: it moves to the present when a line is written, and to its due time when
 * a timer fires. Those are the times a simulated runtime has by itself. What happens while a timer
 * is due already, but has not fired, happens just before that.
 *
 * Positions: a number from the place of a call, run by run and graph by graph, so that no
 * identifier and no address is part of it.
 *
 * Threads: lines are written on the loop thread but for starts of runs, hence the mutex.
 */
#include "exec/tape.h"

#include "base/config.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char origin[] = "exec/tape";

static const char *const kind_names[AGT__TAPE_KINDS] = {"run", "start", "begin", "told",
                                                        "end", "over",  "cancel"};

const char *agt__tape_kind_get_name(agt__tape_kind kind)
{
    return kind_names[kind];
}

/* ---- positions ----------------------------------------------------------------------------- */

/* SplitMix64's finish: distinct places have distinct numbers for all that matters. */
static uint64_t mix(uint64_t position, uint64_t number)
{
    uint64_t z = position + (number + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t agt__tape_get_call_position(const agt__call *call)
{
    return mix(call->graph->position, call->index);
}

uint64_t agt__tape_get_position(agt_tool_call *attempt)
{
    uint64_t position = attempt->call != NULL ? agt__tape_get_call_position(attempt->call) : 0;
    uint32_t number = attempt->call != NULL ? attempt->call->attempts : 0;
    return mix(mix(position, number), ++attempt->children_begun);
}

bool agt__tape_has_content(const agt__operation *operation)
{
    return strcmp(operation->table->kind, "agent") != 0;
}

/* ---- time ---------------------------------------------------------------------------------- */

void agt__tape_advance(agt__tape *tape, uint64_t ns)
{
    uint64_t now = atomic_load_explicit(&tape->now_ns, memory_order_relaxed);
    while (ns > now && !atomic_compare_exchange_weak(&tape->now_ns, &now, ns)) {
    }
}

static uint64_t get_monotonic_ns(void *ctx)
{
    agt__tape *tape = ctx;
    uint64_t now = atomic_load_explicit(&tape->now_ns, memory_order_relaxed);
    uint64_t loop_ns = tape->runtime->simulated ? agt__loop_now_ns(tape->runtime->loop) : 0;
    return now > loop_ns ? now : loop_ns;
}

static uint64_t get_unix_ns(void *ctx)
{
    const agt__tape *tape = ctx;
    return tape->base_unix_ns + (get_monotonic_ns(ctx) - tape->base_ns);
}

static void on_timer(void *ctx, uint64_t due_ns)
{
    agt__tape_advance(ctx, due_ns);
}

void agt__tape_step(agt__tape *tape)
{
    agt_runtime *runtime = tape->runtime;
    tape->steps = true;
    tape->clock = (agt_clock){get_monotonic_ns, get_unix_ns, tape};
    runtime->clock = &tape->clock;
    agt__tracer_set_clock(runtime->tracer, &tape->clock);
    agt__loop_watch_timers(runtime->loop, on_timer, tape);
}

/* The present, for what happens now; mutex held. */
static uint64_t take_time(agt__tape *tape)
{
    agt_runtime *runtime = tape->runtime;
    if (tape->steps && !tape->is_replay) {
        uint64_t now = agt__loop_now_ns(runtime->loop);
        if (agt__loop_is_current(runtime->loop)) {
            uint64_t due = agt__loop_get_next_due_ns(runtime->loop);
            now = due <= now ? due - 1 : now;
        }
        agt__tape_advance(tape, now);
    }
    return agt__runtime_now_ns(runtime);
}

/* ---- objects ------------------------------------------------------------------------------- */

static void free_tape(agt__tape *tape)
{
    agt__replay_deinit(tape);
    if (tape->file >= 0) {
        (void)close(tape->file);
    }
    agt__free(tape->allocator, tape->path);
    (void)pthread_mutex_destroy(&tape->mutex);
    agt__free(tape->allocator, tape);
}

agt_status agt__tape_new(agt_runtime *runtime, bool is_replay, agt__tape **ret_tape, agt_error *err)
{
    agt_status status = agt__runtime_check(runtime, err);
    if (status != AGT_OK) {
        return status;
    }
    if (runtime->tape != NULL) {
        return agt__error_set(err, AGT_E_EXISTS, origin,
                              "the runtime is recorded or replays already");
    }
    agt__tape *tape = agt__calloc(runtime->allocator, 1, sizeof(*tape));
    if (tape == NULL) {
        return agt__error_nomem(err, origin);
    }
    if (pthread_mutex_init(&tape->mutex, NULL) != 0) {
        agt__free(runtime->allocator, tape);
        return agt__error_nomem(err, origin);
    }
    tape->allocator = runtime->allocator;
    tape->runtime = runtime;
    tape->is_replay = is_replay;
    tape->file = -1;
    tape->base_ns = agt__runtime_now_ns(runtime);
    tape->base_unix_ns = runtime->clock->get_unix_ns(runtime->clock->ctx);
    atomic_init(&tape->now_ns, tape->base_ns);
    runtime->free_tape = free_tape;
    *ret_tape = tape;
    return AGT_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void fail(agt__tape *tape, agt_status status, int error_number)
{
    if (status == AGT_E_NOMEM) {
        (void)agt__error_nomem(&tape->failure, origin);
    } else {
        (void)agt__error_set_errno(&tape->failure, status, origin, error_number,
                                   "the recording %s ends before the run: it cannot be written",
                                   tape->path);
    }
    /* What was cut off is no line; if this fails too, whoever reads it sees so. */
    int unused = ftruncate(tape->file, (off_t)tape->size);
    (void)unused;
    (void)close(tape->file);
    tape->file = -1;
}

/* Put @text and a line feed into the file; mutex held. */
static void write_line(agt__tape *tape, agt__buffer *text)
{
    size_t done = 0;
    agt__buffer_add_char(text, '\n');
    if (text->status != AGT_OK) {
        fail(tape, AGT_E_NOMEM, 0);
        return;
    }
    while (done < text->size) {
        ssize_t count = write(tape->file, text->bytes + done, text->size - done);
        if (count < 0 && errno != EINTR) {
            fail(tape, AGT_E_IO, errno);
            return;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    tape->size += text->size;
    tape->written++;
}

static void write_builder(agt__tape *tape, agt_value_builder *builder)
{
    agt_value *line = NULL;
    agt__buffer text;
    agt_value_builder_end(builder);
    agt_status status = agt_value_builder_finish(builder, &line, NULL);
    agt_value_builder_free(builder);
    if (status != AGT_OK) {
        fail(tape, AGT_E_NOMEM, 0);
        return;
    }
    agt__buffer_init(&text, tape->allocator, 0);
    agt__json_write(&text, line, AGT_JSON_COMPACT);
    write_line(tape, &text);
    agt__buffer_deinit(&text);
    agt_value_unref(line);
}

/* Begin a line; NULL if there is nothing to be written to. Mutex held. */
static agt_value_builder *begin_line(agt__tape *tape, agt__tape_kind kind, uint64_t position,
                                     uint32_t attempt, uint64_t now_ns)
{
    agt_value_builder *builder = NULL;
    char key[17];
    if (tape->file < 0) {
        return NULL;
    }
    if (agt_value_builder_new(tape->allocator, &builder) != AGT_OK) {
        fail(tape, AGT_E_NOMEM, 0);
        return NULL;
    }
    (void)snprintf(key, sizeof(key), "%016llx", (unsigned long long)position);
    agt_value_builder_begin_object(builder);
    agt__builder_add_uint64(builder, "n", tape->written);
    agt__builder_add_uint64(builder, "at", now_ns - tape->base_ns);
    agt__builder_add_string(builder, "what", kind_names[kind]);
    agt__builder_add_string(builder, "key", key);
    if (attempt != 0) {
        agt__builder_add_uint64(builder, "attempt", attempt);
    }
    return builder;
}

static void write_error(agt_value_builder *builder, const agt_error *error)
{
    agt_value_builder_key(builder, "error");
    agt_value_builder_begin_object(builder);
    agt__builder_add_int64(builder, "status", error->status);
    agt__builder_add_uint64(builder, "flags", error->flags);
    agt__builder_add_int64(builder, "cause", error->cause);
    agt__builder_add_uint64(builder, "retry_after_ms", error->retry_after_ms);
    agt__builder_add_uint64(builder, "line", error->line);
    agt__builder_add_uint64(builder, "column", error->column);
    agt__builder_add_string(builder, "origin", error->origin);
    agt__builder_add_string(builder, "message", error->message);
    agt_value_builder_end(builder);
}

/* ---- what happens -------------------------------------------------------------------------- */

void agt__tape_begin_run(agt_graph *graph)
{
    agt__tape *tape = graph->runtime->tape;
    (void)pthread_mutex_lock(&tape->mutex);
    graph->position = mix(0, tape->runs++);
    graph->next_taped = tape->graphs;
    tape->graphs = graph;
    if (tape->is_replay) {
        (void)agt__replay_meet(tape, AGT__TAPE_RUN, graph->position, 0);
    } else {
        agt_value_builder *builder =
            begin_line(tape, AGT__TAPE_RUN, graph->position, 0, take_time(tape));
        if (builder != NULL) {
            agt__builder_add_string(builder, "name", agt__graph_get_run_name(graph));
            write_builder(tape, builder);
        }
    }
    (void)pthread_mutex_unlock(&tape->mutex);
}

void agt__tape_end_run(agt_graph *graph)
{
    agt__tape *tape = graph->runtime->tape;
    (void)pthread_mutex_lock(&tape->mutex);
    agt_graph **link = &tape->graphs;
    while (*link != NULL && *link != graph) {
        link = &(*link)->next_taped;
    }
    if (*link == graph) {
        *link = graph->next_taped;
    }
    graph->next_taped = NULL;
    (void)pthread_mutex_unlock(&tape->mutex);
}

void agt__tape_cancel_run(agt_graph *graph, agt_outcome outcome)
{
    agt__tape *tape = graph->runtime->tape;
    (void)pthread_mutex_lock(&tape->mutex);
    if (tape->is_replay) {
        (void)agt__replay_meet(tape, AGT__TAPE_CANCEL, graph->position, 0);
    } else {
        agt_value_builder *builder =
            begin_line(tape, AGT__TAPE_CANCEL, graph->position, 0, take_time(tape));
        if (builder != NULL) {
            agt__builder_add_string(builder, "outcome", agt_outcome_get_name(outcome));
            write_builder(tape, builder);
        }
    }
    (void)pthread_mutex_unlock(&tape->mutex);
}

static void write_start(agt__tape *tape, const agt_tool_call *attempt, uint64_t position,
                        bool has_content, uint64_t now_ns)
{
    const agt_call_options *options = agt__tool_call_get_options(attempt);
    agt_value_builder *builder = begin_line(tape, has_content ? AGT__TAPE_START : AGT__TAPE_BEGIN,
                                            position, attempt->call->attempts, now_ns);
    if (builder == NULL) {
        return;
    }
    agt__builder_add_string(builder, "kind", attempt->operation->table->kind);
    agt__builder_add_string(builder, "name", attempt->operation->name);
    if (has_content && options->agent != NULL) {
        agt__builder_add_string(builder, "agent", options->agent);
    }
    if (has_content) {
        agt__builder_add_value(builder, "input", attempt->input);
    }
    write_builder(tape, builder);
}

uint64_t agt__tape_begin_attempt(agt_tool_call *attempt)
{
    agt__tape *tape = attempt->graph->runtime->tape;
    uint64_t position = agt__tape_get_call_position(attempt->call);
    bool has_content = agt__tape_has_content(attempt->operation);
    (void)pthread_mutex_lock(&tape->mutex);
    if (!tape->is_replay) {
        write_start(tape, attempt, position, has_content, take_time(tape));
    } else if (has_content) {
        agt__replay_begin_leaf(tape, attempt, position);
    } else {
        (void)agt__replay_meet(tape, AGT__TAPE_BEGIN, position, attempt->call->attempts);
    }
    uint64_t now = agt__runtime_now_ns(tape->runtime);
    (void)pthread_mutex_unlock(&tape->mutex);
    return now;
}

bool agt__tape_hears(const agt_tool_call *attempt)
{
    const agt__tape *tape = attempt->graph->runtime->tape;
    return tape != NULL && tape->file >= 0 && attempt->operation->table->keep_told != NULL;
}

void agt__tape_tell(agt_tool_call *attempt, const void *what)
{
    agt__tape *tape = attempt->graph->runtime->tape;
    agt_value *kept = NULL;
    if (!agt__tape_hears(attempt)) {
        return;
    }
    (void)pthread_mutex_lock(&tape->mutex);
    if (attempt->operation->table->keep_told(tape->allocator, what, &kept) != AGT_OK) {
        fail(tape, AGT_E_NOMEM, 0);
    } else {
        agt_value_builder *builder =
            begin_line(tape, AGT__TAPE_TOLD, agt__tape_get_call_position(attempt->call),
                       attempt->call->attempts, take_time(tape));
        if (builder != NULL) {
            agt__builder_add_value(builder, "told", kept);
            write_builder(tape, builder);
        }
    }
    agt_value_unref(kept);
    (void)pthread_mutex_unlock(&tape->mutex);
}

uint64_t agt__tape_end_attempt(agt_tool_call *attempt)
{
    agt__tape *tape = attempt->graph->runtime->tape;
    (void)pthread_mutex_lock(&tape->mutex);
    if (!tape->is_replay) {
        (void)take_time(tape);
    } else if (attempt->record != NULL) {
        agt__replay_end_leaf(tape, attempt);
    } else if (!agt__tape_has_content(attempt->operation)) {
        (void)agt__replay_meet(tape, AGT__TAPE_OVER, agt__tape_get_call_position(attempt->call),
                               attempt->call->attempts);
    }
    uint64_t now = agt__runtime_now_ns(tape->runtime);
    (void)pthread_mutex_unlock(&tape->mutex);
    return now;
}

void agt__tape_keep_result(const agt_tool_call *attempt, uint64_t end_ns)
{
    agt__tape *tape = attempt->graph->runtime->tape;
    const agt__call *call = attempt->call;
    bool has_content = agt__tape_has_content(attempt->operation);
    if (tape->is_replay) {
        return;
    }
    (void)pthread_mutex_lock(&tape->mutex);
    agt_value_builder *builder =
        begin_line(tape, has_content ? AGT__TAPE_END : AGT__TAPE_OVER,
                   agt__tape_get_call_position(call), call->attempts, end_ns);
    if (builder != NULL) {
        agt__builder_add_string(builder, "outcome",
                                agt_outcome_get_name((agt_outcome)call->outcome));
        if (has_content && !attempt->has_waited) {
            agt__builder_add_bool(builder, "at_once", true);
        }
        if (has_content && call->output != NULL) {
            agt__builder_add_value(builder, "output", call->output);
        }
        if (has_content && call->detail != NULL) {
            write_error(builder, call->detail);
        }
        write_builder(tape, builder);
    }
    (void)pthread_mutex_unlock(&tape->mutex);
}

/* ---- the public part ----------------------------------------------------------------------- */

static agt_status open_file(agt__tape *tape, const char *path, bool overwrite, agt_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    tape->path = agt__strdup(tape->allocator, path);
    if (tape->path == NULL) {
        return agt__error_nomem(err, origin);
    }
    tape->file = open(path, flags | (overwrite ? O_TRUNC : O_EXCL), 0600);
    if (tape->file >= 0 && overwrite && fchmod(tape->file, 0600) != 0 && errno != EPERM) {
        return agt__error_set_errno(err, AGT_E_IO, origin, errno, "%s", path);
    }
    if (tape->file < 0 && errno == EEXIST) {
        return agt__error_set(err, AGT_E_EXISTS, origin,
                              "%s is there already: a recording overwrites nothing", path);
    }
    return tape->file >= 0 ? AGT_OK
                           : agt__error_set_errno(err, AGT_E_IO, origin, errno,
                                                  "the recording %s cannot be created", path);
}

static void write_head(agt__tape *tape, const agt_value *about)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(tape->allocator, &builder) != AGT_OK) {
        fail(tape, AGT_E_NOMEM, 0);
        return;
    }
    agt_value_builder_begin_object(builder);
    agt__builder_add_uint64(builder, "agent_sdk_recording", AGT__TAPE_FORMAT);
    agt__builder_add_string(builder, "version", agt_version());
    agt__builder_add_uint64(builder, "created_unix_ns", tape->base_unix_ns);
    agt__builder_add_uint64(builder, "seed", tape->runtime->seed);
    agt__builder_add_bool(builder, "simulated", tape->runtime->simulated);
    if (about != NULL) {
        agt__builder_add_value(builder, "about", about);
    }
    write_builder(tape, builder);
}

agt_status agt_recording_start(agt_runtime *runtime, const char *path,
                               const agt_recording_config *config, agt_error *err)
{
    agt_recording_config own;
    agt__tape *tape = NULL;
    if (runtime == NULL || path == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "runtime and path are required");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status == AGT_OK) {
        status = agt__tape_new(runtime, false, &tape, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    status = open_file(tape, path, own.overwrite, err);
    if (status == AGT_OK) {
        write_head(tape, own.about);
        status = (agt_status)tape->failure.status;
        if (status != AGT_OK && err != NULL) {
            *err = tape->failure;
        }
    }
    if (status != AGT_OK) {
        free_tape(tape);
        return status;
    }
    runtime->tape = tape;
    if (!runtime->simulated) { /* the time of a simulated one steps by itself */
        agt__tape_step(tape);
    }
    return AGT_OK;
}

agt_status agt_recording_finish(agt_runtime *runtime, agt_error *err)
{
    if (runtime == NULL || runtime->tape == NULL || runtime->tape->is_replay) {
        return agt__error_set(err, AGT_E_INVALID, origin, "the runtime is not recorded");
    }
    agt__tape *tape = runtime->tape;
    (void)pthread_mutex_lock(&tape->mutex);
    if (tape->file >= 0) {
        int file = tape->file;
        tape->file = -1;
        if (close(file) != 0) {
            (void)agt__error_set_errno(&tape->failure, AGT_E_IO, origin, errno,
                                       "the recording %s cannot be written", tape->path);
        }
    }
    agt_status status = (agt_status)tape->failure.status;
    if (status != AGT_OK && err != NULL) {
        *err = tape->failure;
    }
    (void)pthread_mutex_unlock(&tape->mutex);
    return status;
}
