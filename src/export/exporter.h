/*
 * The exporter: takes ended spans and ledger lines from telemetry and brings them to the store, on
 * a thread of its own, in batches. In a simulated runtime it has no thread and writes when flushed
 * or kicked; it is used by one thread then.
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
    const char *store_path; /* NULL = spans are counted as exported, all is forgotten            */
    bool threadless;
    bool reserved[7];
    uint32_t interval_ms; /* between batches; 0 = 200                                            */
    uint32_t reserved_2;
} agt__exporter_config;

/**
 * Opens the store before it returns, so that a bad path is an error here.
 *
 * @return AGT_OK; what agt__store_open_writer() answers; AGT_E_INVALID; AGT_E_NOMEM
 */
agt_status agt__exporter_new(const agt__exporter_config *config, agt__exporter **ret_exporter,
                             agt_error *err);

/** There is a lot to do: write it now, not when the interval is over. @threads any */
void agt__exporter_kick(agt__exporter *exporter);

/**
 * A run began or ended: copied and written with the next batch.
 *
 * @return AGT_OK; AGT_E_NOMEM; AGT_E_CLOSED
 * @threads any
 */
agt_status agt__exporter_put_run(agt__exporter *exporter, const agt__store_run *run);

/**
 * Write everything that ended before this call.
 *
 * A failure of the store is told once. Spans that could not be written are counted as dropped; runs
 * and lines of the ledger are kept and tried again with each batch.
 *
 * @return AGT_OK; AGT_E_TIMEOUT: it goes on; AGT_E_CLOSED; what the store answered since the last
 *         time, unless all could be written later
 * @threads any
 */
agt_status agt__exporter_flush(agt__exporter *exporter, uint32_t timeout_ms, agt_error *err);

/**
 * Flush, bounded by @timeout_ms, and stop. Spans that could not be written are counted as dropped,
 * lines of the ledger stay in the ledger.
 *
 * @return as agt__exporter_flush(); AGT_OK if it was closed already
 */
agt_status agt__exporter_close(agt__exporter *exporter, uint32_t timeout_ms, agt_error *err);

/** Close without waiting, and free. */
void agt__exporter_free(agt__exporter *exporter);

#endif
