/*
 * The runtime's second connection to its store, for what is written and read while somebody waits:
 * sessions and memories. The exporter has one of its own, which only its thread uses.
 *
 * It is opened when it is first needed, and then there until the runtime is closed. One thread at a
 * time has it; whoever comes meanwhile waits, as for another process. The loop must not wait, so it
 * sends errands: a function for a worker, and what the loop does when that has run.
 */
#include "base/error.h"
#include "base/mem.h"
#include "runtime/runtime.h"

#define ORIGIN "runtime/store"

struct agt__keep {
    const agt_allocator *allocator;
    pthread_mutex_t mutex; /* held by whoever has the store */
    agt_store *store;
    bool is_closed;
    char *path;
};

agt_status agt__keep_new(const agt_allocator *allocator, const char *store_path,
                         agt__keep **ret_keep)
{
    agt__keep *keep = agt__calloc(allocator, 1, sizeof(*keep));
    if (keep == NULL) {
        return AGT_E_NOMEM;
    }
    keep->allocator = allocator;
    keep->path = agt__strdup(allocator, store_path);
    if (keep->path == NULL || pthread_mutex_init(&keep->mutex, NULL) != 0) {
        agt__free(allocator, keep->path);
        agt__free(allocator, keep);
        return AGT_E_NOMEM;
    }
    *ret_keep = keep;
    return AGT_OK;
}

void agt__keep_close(agt__keep *keep)
{
    if (keep == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&keep->mutex);
    agt_store_free(keep->store);
    keep->store = NULL;
    keep->is_closed = true;
    (void)pthread_mutex_unlock(&keep->mutex);
}

void agt__keep_free(agt__keep *keep)
{
    if (keep != NULL) {
        agt__keep_close(keep);
        (void)pthread_mutex_destroy(&keep->mutex);
        agt__free(keep->allocator, keep->path);
        agt__free(keep->allocator, keep);
    }
}

agt_status agt__runtime_enter_store(agt_runtime *runtime, agt_store **ret_store, agt_error *err)
{
    agt__keep *keep = runtime->keep;
    agt_status status = AGT_OK;
    if (runtime->fork_generation != agt__fork_get_generation()) {
        return agt__runtime_check(runtime, err); /* whose mutex may have been held by a thread */
    }
    if (keep == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "the runtime has no store: give it a store_path, or keep this in "
                              "memory only");
    }
    (void)pthread_mutex_lock(&keep->mutex);
    if (keep->is_closed) {
        status = agt__error_set(err, AGT_E_CLOSED, ORIGIN, "the runtime is closed");
    } else if (keep->store == NULL) {
        status = agt__store_open_writer(keep->allocator, keep->path, &keep->store, err);
    }
    if (status != AGT_OK) {
        (void)pthread_mutex_unlock(&keep->mutex);
        return status;
    }
    *ret_store = keep->store;
    return AGT_OK;
}

void agt__runtime_leave_store(agt_runtime *runtime)
{
    (void)pthread_mutex_unlock(&runtime->keep->mutex);
}

/* ---- errands ----------------------------------------------------------------------------------
 */

static void report(agt__job *job)
{
    agt__errand *errand = (agt__errand *)(void *)((char *)job - offsetof(agt__errand, job));
    errand->done(errand);
}

static void run_errand(agt__work *work, agt__worker *worker)
{
    agt__errand *errand = (agt__errand *)(void *)((char *)work - offsetof(agt__errand, work));
    (void)worker;
    errand->run(errand);
    agt__loop_post(errand->runtime->loop, &errand->job);
}

void agt__runtime_start_errand(agt_runtime *runtime, agt__errand *errand)
{
    errand->runtime = runtime;
    errand->job.run = report;
    errand->work = (agt__work){.run = run_errand};
    if (runtime->simulated) {
        errand->status = AGT_OK;
        run_errand(&errand->work, NULL);
        return;
    }
    agt_error err;
    errand->status = AGT_OK;
    agt_status status = agt__workers_submit(runtime->workers, &errand->work, &err);
    if (status != AGT_OK) {
        errand->status = status;
        agt__loop_post(runtime->loop, &errand->job);
    }
}
