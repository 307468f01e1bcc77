/*
 * Runs: the rows that `agent trace ls` lists. A run has an identifier that sorts by time and is
 * told to the exporter when it begins and when it ends. Without a store nothing is done.
 */
#include "runtime/runtime.h"

#include <string.h>

static void put(agt_runtime *runtime, const agt__run *run, const char *name, const char *status,
                uint64_t end_unix_ns)
{
    agt__store_run row = {.id = run->id,
                          .name = name,
                          .status = status,
                          .start_unix_ns = run->start_unix_ns,
                          .end_unix_ns = end_unix_ns};
    memcpy(row.trace_id, run->trace_id, sizeof(row.trace_id));
    (void)agt__exporter_put_run(runtime->exporter, &row); /* no memory: the trace is still there */
}

void agt__run_begin(agt_runtime *runtime, agt__run *run, const char *name,
                    const agt_span_context *context)
{
    memset(run, 0, sizeof(*run));
    if (!runtime->stored) {
        return;
    }
    run->active = true;
    run->start_unix_ns = runtime->clock->get_unix_ns(runtime->clock->ctx);
    uint8_t random[16];
    agt__tracer_make_trace_id(runtime->tracer, random);
    agt__store_make_run_id(run->start_unix_ns, random, run->id);
    memcpy(run->trace_id, context->trace_id, sizeof(run->trace_id));
    put(runtime, run, name, "running", 0);
}

void agt__run_end(agt_runtime *runtime, agt__run *run, const char *name, const char *status)
{
    if (run->active) {
        run->active = false;
        put(runtime, run, name, status, runtime->clock->get_unix_ns(runtime->clock->ctx));
    }
}
