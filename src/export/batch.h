/*
 * A batch: what has piled up in telemetry since the last one, and writing it.
 */
#ifndef AGT_EXPORT_BATCH_H
#define AGT_EXPORT_BATCH_H

#include "store/store.h"
#include "telemetry/tracer.h"

/* A run that began or ended, with copies of its texts behind it. */
typedef struct agt__run_line {
    struct agt__run_line *next;
    agt__store_run run;
} agt__run_line;

/** A copy of @run; NULL if there is no memory. */
agt__run_line *agt__run_line_new(const agt_allocator *allocator, const agt__store_run *run);

/** Free a list of them. */
void agt__run_lines_free(const agt_allocator *allocator, agt__run_line *lines);

/* What is to be written. Lines that are written are freed and leave NULL behind; after a failure
 * they are still there, for the next time. Spans are given back to the tracer in any case. */
typedef struct agt__batch {
    const agt_allocator *allocator;
    agt_tracer *tracer;
    agt_cost_tracker *costs;
    agt__run_line *runs;
    agt__cost_line *lines;
    agt_span *spans;
    uint64_t open_before_ns; /* spans that run and began before that are told of; 0 = none */
    bool has_younger;        /* set: there are some that began later */
    uint64_t dropped;        /* spans that could not be written */
} agt__batch;

/**
 * Write @batch to @store, or forget it if that is NULL.
 *
 * @return AGT_OK; what the store answered
 */
agt_status agt__batch_write(agt__batch *batch, agt_store *store, agt_error *err);

#endif
