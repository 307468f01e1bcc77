/*
 * The exporter: a thread that brings what telemetry has gathered to the store. It sleeps while
 * there is nothing; the first thing that comes wakes it, and it writes an interval later what has
 * gathered until then, or sooner when kicked.
 *
 * One batch at a time. Whoever wants everything written asks for one more batch than were asked for
 * before and waits until that many are done: a batch that begins after the question holds all that
 * was there when it was asked.
 *
 * `mutex` guards the queue of runs, the counts of batches, the flags and the error; it is never
 * held while something is written. `writing` belongs to whoever writes: the thread, or, without
 * one, whoever flushes or kicks.
 *
 * An error of the store is kept until somebody flushes or closes; a later success takes it back
 * unless spans were lost.
 */
#include "export/exporter.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "export/batch.h"

#include <string.h>

static const char origin[] = "export";

enum {
    INTERVAL_MS_DEFAULT = 200
};

struct agt__exporter {
    const agt_allocator *allocator;
    agt_tracer *tracer;
    agt_cost_tracker *costs;
    agt_store *store; /* NULL = everything is forgotten */
    uint64_t interval_ns;
    uint64_t created; /* spans, when those that run were last looked at */
    bool has_young;   /* some of them ran too short to be told of       */
    bool threadless;
    bool is_writing; /* without a thread: a batch is being written */

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* for the thread: something is to be done */
    pthread_cond_t done; /* for those who flush: a batch is done    */
    bool has_work;       /* something waits to be written, or did a moment ago */
    bool is_kicked;      /* not to wait for the interval */
    bool is_stopping;
    bool is_closed;
    uint64_t batches_asked, batches_done;
    agt__run_line *runs;
    agt__run_line **runs_end;
    agt_status status; /* of the store, not told yet */
    bool has_lost;     /* spans, with that status    */
    agt_error error;
};

static uint64_t now_ns(void)
{
    const agt_clock *clock = agt_clock_get_system();
    return clock->get_monotonic_ns(clock->ctx);
}

static uint64_t get_deadline(uint32_t timeout_ms)
{
    return timeout_ms == AGT_MS_NONE ? UINT64_MAX : now_ns() + (uint64_t)timeout_ms * 1000000u;
}

/* ---- batches ----------------------------------------------------------------------------------
 */

static void lock(agt__exporter *exporter)
{
    (void)pthread_mutex_lock(&exporter->mutex);
}

static void unlock(agt__exporter *exporter)
{
    (void)pthread_mutex_unlock(&exporter->mutex);
}

static agt__run_line *take_runs(agt__exporter *exporter)
{
    lock(exporter);
    agt__run_line *runs = exporter->runs;
    exporter->runs = NULL;
    exporter->runs_end = &exporter->runs;
    unlock(exporter);
    return runs;
}

/* Put @runs in front again. The lock is held. */
static void return_runs(agt__exporter *exporter, agt__run_line *runs)
{
    if (runs == NULL) {
        return;
    }
    agt__run_line *last = runs;
    while (last->next != NULL) {
        last = last->next;
    }
    last->next = exporter->runs;
    if (exporter->runs == NULL) {
        exporter->runs_end = &last->next;
    }
    exporter->runs = runs;
}

static uint64_t get_created(const agt__exporter *exporter)
{
    agt_tracer_counts counts = AGT_CONFIG(agt_tracer_counts);
    agt_tracer_get_counts(exporter->tracer, &counts);
    return counts.created;
}

/* Write what there is. The lock is not held. */
static void write_batch(agt__exporter *exporter)
{
    agt_error err = {.status = AGT_OK};
    agt__batch batch = {
        .allocator = exporter->allocator,
        .tracer = exporter->tracer,
        .costs = exporter->costs,
        .runs = take_runs(exporter),
        .lines = agt__cost_tracker_take_lines(exporter->costs),
        .spans = agt__tracer_take_ended(exporter->tracer),
    };
    uint64_t created = get_created(exporter);
    bool is_looking = created != exporter->created || exporter->has_young;
    if (is_looking) {
        uint64_t now = agt__tracer_get_now_ns(exporter->tracer);
        batch.open_before_ns = now > exporter->interval_ns ? now - exporter->interval_ns : 1;
    }
    agt_status status = agt__batch_write(&batch, exporter->store, &err);
    if (is_looking) {
        exporter->created = created;
        exporter->has_young = batch.has_younger || status != AGT_OK;
    }
    agt__cost_tracker_return_lines(exporter->costs, batch.lines);
    lock(exporter);
    return_runs(exporter, batch.runs);
    if (status != AGT_OK) {
        exporter->status = status;
        exporter->error = err;
        exporter->has_lost = exporter->has_lost || batch.dropped > 0;
    } else if (!exporter->has_lost) {
        exporter->status = AGT_OK;
    }
    unlock(exporter);
}

/* Sleep until something is to be written, and then for the interval; the lock is held. */
static void await_work(agt__exporter *exporter)
{
    uint64_t deadline = UINT64_MAX;
    bool in_time = true;
    while (in_time && !exporter->is_kicked && !exporter->is_stopping &&
           exporter->batches_asked == exporter->batches_done) {
        if (exporter->has_work && deadline == UINT64_MAX) {
            deadline = now_ns() + exporter->interval_ns;
        }
        in_time = agt__cond_wait_until(&exporter->wake, &exporter->mutex, deadline);
    }
}

/* Whether spans run that are to be told of if they go on for the interval. Otherwise the next start
 * wakes the thread. */
static bool has_young_spans(agt__exporter *exporter)
{
    if (exporter->store == NULL) {
        return false;
    }
    if (exporter->has_young) {
        return true;
    }
    agt__tracer_watch_start(exporter->tracer);
    return get_created(exporter) != exporter->created;
}

/* What could not be written is tried again. The lock is held. */
static bool has_left_overs(agt__exporter *exporter)
{
    return has_young_spans(exporter) || exporter->runs != NULL ||
           agt__cost_tracker_has_lines(exporter->costs);
}

static void *run_thread(void *arg)
{
    agt__exporter *exporter = arg;
    bool is_last = false;
    lock(exporter);
    while (!is_last) {
        await_work(exporter);
        is_last = exporter->is_stopping;
        uint64_t asked = exporter->batches_asked;
        exporter->is_kicked = false;
        exporter->has_work = false; /* what comes from here on says so again */
        unlock(exporter);
        write_batch(exporter);
        lock(exporter);
        exporter->has_work = exporter->has_work || has_left_overs(exporter);
        exporter->batches_done = asked;
        (void)pthread_cond_broadcast(&exporter->done);
    }
    unlock(exporter);
    return NULL;
}

/* Without a thread: the caller writes, unless it comes from within a batch. */
static void write_here(agt__exporter *exporter)
{
    if (!exporter->is_writing && !exporter->is_closed) {
        exporter->is_writing = true;
        write_batch(exporter);
        exporter->is_writing = false;
    }
}

/* Something waits to be written, not urgently. The lock is held. */
static void note_work(agt__exporter *exporter)
{
    if (!exporter->has_work) {
        exporter->has_work = true;
        (void)pthread_cond_signal(&exporter->wake);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

static agt_status init_threading(agt__exporter *exporter)
{
    if (pthread_mutex_init(&exporter->mutex, NULL) != 0) {
        return AGT_E_NOMEM;
    }
    if (agt__cond_init(&exporter->wake) != AGT_OK) {
        (void)pthread_mutex_destroy(&exporter->mutex);
        return AGT_E_NOMEM;
    }
    if (agt__cond_init(&exporter->done) != AGT_OK) {
        (void)pthread_cond_destroy(&exporter->wake);
        (void)pthread_mutex_destroy(&exporter->mutex);
        return AGT_E_NOMEM;
    }
    return AGT_OK;
}

static void wake_for_work(void *user_data, bool urgent)
{
    agt__exporter *exporter = user_data;
    if (urgent) {
        agt__exporter_kick(exporter);
    } else if (!exporter->threadless) {
        lock(exporter);
        note_work(exporter);
        unlock(exporter);
    }
}

static void set_consumer(agt__exporter *exporter, agt__consumer consumer)
{
    agt__tracer_set_consumer(exporter->tracer, consumer);
    agt__cost_tracker_set_consumer(exporter->costs, consumer);
}

static void destroy(agt__exporter *exporter)
{
    set_consumer(exporter, (agt__consumer){NULL, NULL});
    agt_store_free(exporter->store);
    agt__run_lines_free(exporter->allocator, exporter->runs);
    (void)pthread_cond_destroy(&exporter->done);
    (void)pthread_cond_destroy(&exporter->wake);
    (void)pthread_mutex_destroy(&exporter->mutex);
    agt__free(exporter->allocator, exporter);
}

agt_status agt__exporter_new(const agt__exporter_config *config, agt__exporter **ret_exporter,
                             agt_error *err)
{
    agt__exporter_config own;
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    if (own.tracer == NULL || own.costs == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "an exporter needs a tracer and a ledger");
    }
    agt__exporter *exporter = agt__calloc(own.allocator, 1, sizeof(*exporter));
    if (exporter == NULL || init_threading(exporter) != AGT_OK) {
        agt__free(own.allocator, exporter);
        return agt__error_nomem(err, origin);
    }
    exporter->allocator = own.allocator;
    exporter->tracer = own.tracer;
    exporter->costs = own.costs;
    exporter->threadless = own.threadless;
    exporter->interval_ns =
        (uint64_t)(own.interval_ms != 0 ? own.interval_ms : INTERVAL_MS_DEFAULT) * 1000000u;
    exporter->runs_end = &exporter->runs;
    if (own.store_path != NULL) {
        status = agt__store_open_writer(own.allocator, own.store_path, &exporter->store, err);
    }
    set_consumer(exporter, (agt__consumer){wake_for_work, exporter});
    if (exporter->store != NULL) {
        agt__tracer_watch_start(own.tracer);
    }
    if (status == AGT_OK && !own.threadless) {
        status = agt__thread_start(&exporter->thread, "agt-export", 0, run_thread, exporter, err);
    }
    if (status != AGT_OK) {
        destroy(exporter);
        return status;
    }
    *ret_exporter = exporter;
    return AGT_OK;
}

void agt__exporter_kick(agt__exporter *exporter)
{
    if (exporter->threadless) {
        write_here(exporter);
        return;
    }
    lock(exporter);
    exporter->is_kicked = true;
    (void)pthread_cond_signal(&exporter->wake);
    unlock(exporter);
}

agt_status agt__exporter_put_run(agt__exporter *exporter, const agt__store_run *run)
{
    agt__run_line *line = agt__run_line_new(exporter->allocator, run);
    if (line == NULL) {
        return AGT_E_NOMEM;
    }
    lock(exporter);
    bool is_closed = exporter->is_closed || exporter->is_stopping;
    if (!is_closed) {
        *exporter->runs_end = line;
        exporter->runs_end = &line->next;
        note_work(exporter);
    }
    unlock(exporter);
    if (is_closed) {
        agt__run_lines_free(exporter->allocator, line);
        return AGT_E_CLOSED;
    }
    return AGT_OK;
}

/* ---- flushing ---------------------------------------------------------------------------------
 */

/* What the store answered, once. The lock is held. */
static agt_status tell_status(agt__exporter *exporter, agt_error *err)
{
    agt_status status = exporter->status;
    if (status != AGT_OK && err != NULL) {
        *err = exporter->error;
    }
    exporter->status = AGT_OK;
    exporter->has_lost = false;
    return status;
}

/* Ask for one more batch and wait for it. The lock is held. @return false if it took too long */
static bool wait_for_batch(agt__exporter *exporter, uint64_t deadline)
{
    uint64_t wanted = ++exporter->batches_asked;
    (void)pthread_cond_signal(&exporter->wake);
    while (exporter->batches_done < wanted) {
        if (!agt__cond_wait_until(&exporter->done, &exporter->mutex, deadline)) {
            return exporter->batches_done >= wanted;
        }
    }
    return true;
}

agt_status agt__exporter_flush(agt__exporter *exporter, uint32_t timeout_ms, agt_error *err)
{
    uint64_t deadline = get_deadline(timeout_ms);
    agt_status status = AGT_OK;
    if (exporter->threadless) {
        write_here(exporter);
    }
    lock(exporter);
    if (exporter->is_closed) {
        status = agt__error_set(err, AGT_E_CLOSED, origin, "the exporter is closed");
    } else if (!exporter->threadless && !wait_for_batch(exporter, deadline)) {
        status = agt__error_set(err, AGT_E_TIMEOUT, origin,
                                "not everything could be written within %u ms", timeout_ms);
    } else {
        status = tell_status(exporter, err);
    }
    unlock(exporter);
    return status;
}

/* Let the thread write one last batch, or, if there is no time, give up what it is at. */
static void stop_thread(agt__exporter *exporter, bool give_up)
{
    lock(exporter);
    exporter->is_stopping = true;
    (void)pthread_cond_signal(&exporter->wake);
    unlock(exporter);
    if (give_up && exporter->store != NULL) {
        agt__store_interrupt(exporter->store);
    }
    (void)pthread_join(exporter->thread, NULL);
}

agt_status agt__exporter_close(agt__exporter *exporter, uint32_t timeout_ms, agt_error *err)
{
    lock(exporter);
    bool is_closed = exporter->is_closed;
    unlock(exporter);
    if (is_closed) {
        return AGT_OK;
    }
    agt_status status = agt__exporter_flush(exporter, timeout_ms, err);
    if (!exporter->threadless) {
        stop_thread(exporter, status == AGT_E_TIMEOUT);
    }
    lock(exporter);
    exporter->is_closed = true;
    if (status == AGT_OK) { /* of the last batch */
        status = tell_status(exporter, err);
    }
    unlock(exporter);
    agt__tracer_recycle(exporter->tracer, agt__tracer_take_ended(exporter->tracer), false);
    agt_store_free(exporter->store);
    exporter->store = NULL;
    return status;
}

void agt__exporter_free(agt__exporter *exporter)
{
    if (exporter != NULL) {
        (void)agt__exporter_close(exporter, 0, NULL);
        destroy(exporter);
    }
}
