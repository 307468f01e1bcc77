/*
 * The exporter: takes ended spans and ledger lines from telemetry and brings them to the store, on
 * a thread of its own, in batches. In a simulated runtime it has no thread and writes when flushed.
 */
#ifndef AGT_EXPORT_EXPORTER_H
#define AGT_EXPORT_EXPORTER_H

#include "store/store.h"
#include "telemetry/tracer.h"

typedef struct agt__exporter agt__exporter;

typedef struct agt__exporter_config {
    size_t struct_size;
    const agt_allocator *allocator;
    agt_tracer *tracer;
    agt_cost_tracker *costs;
    const char *store_path; /* NULL = spans are counted as exported and forgotten                */
    bool threadless;
    bool reserved[7];
    uint32_t interval_ms; /* between batches; 0 = 200                                            */
    uint32_t reserved_2;
} agt__exporter_config;

/** Opens the store before it returns, so that a bad path is an error here. */
agt_status agt__exporter_new(const agt__exporter_config *config, agt__exporter **ret_exporter,
                             agt_error *err);

/** Wake the thread: there is a lot to do. @threads any */
void agt__exporter_kick(agt__exporter *exporter);

/** A run began or ended: copied and written with the next batch. @threads any */
agt_status agt__exporter_put_run(agt__exporter *exporter, const agt__store_run *run);

/** Write everything that ended before this call. @return AGT_OK; AGT_E_TIMEOUT; what the store
 * answered last */
agt_status agt__exporter_flush(agt__exporter *exporter, uint32_t timeout_ms, agt_error *err);

/** Flush, bounded by @timeout_ms, and stop. What could not be written is counted as dropped. */
agt_status agt__exporter_close(agt__exporter *exporter, uint32_t timeout_ms, agt_error *err);
void agt__exporter_free(agt__exporter *exporter);

#endif
