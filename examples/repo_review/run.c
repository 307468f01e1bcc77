/*
 * One run. The runtime owns everything that takes time; the root span, which this file starts and
 * ends, makes one trace of it all, from opening the repository to the last word of the manager.
 */
#include "run.h"

#include "interrupt.h"
#include "progress.h"

#include <agent_sdk/store.h>
#include <string.h>

enum {
    FLUSH_MS = 10 * 1000
};

/* The trace that was just written, by the id in its span context. */
static agt_status load_trace(const char *store_path, const agt_span_context *context,
                             agt_value **ret_trace, agt_error *err)
{
    char traceparent[AGT_TRACEPARENT_SIZE], id[33] = "";
    agt_store *store = NULL;
    agt_span_context_to_traceparent(context, traceparent); /* 00-TRACE-SPAN-FLAGS */
    memcpy(id, traceparent + 3, sizeof(id) - 1);
    agt_status status = agt_store_open(NULL, store_path, &store, err);
    if (status == AGT_OK) {
        status = agt_store_get_run(store, id, ret_trace, err);
    }
    agt_store_free(store);
    return status;
}

static agt_status review_repository(const run_config *config, agt_runtime *runtime,
                                    agt_cancel *cancel, run *self, agt_error *err)
{
    agt_tracer *tracer = agt_runtime_get_tracer(runtime);
    agt_span *span = agt_tracer_trace_agent(tracer, "repo_review", NULL, 0);
    agt_span_context context = agt_span_get_context(span);
    agt_status status = AGT_OK;
    self->state = repository_open(runtime, config->path, &context, &self->repo, err);
    if (self->state == REPOSITORY_OK) {
        review_config task = {.runtime = runtime,
                              .repo = &self->repo,
                              .team = config->team,
                              .slots = config->slots,
                              .budget_nanousd = config->budget_nanousd,
                              .cancel = cancel,
                              .parent = context};
        status = review_run(&task, &self->found, err);
    } else {
        agt_span_set_error(span, NULL, err->message);
    }
    span = agt_span_end(span);
    if (status != AGT_OK || self->state != REPOSITORY_OK) {
        return status;
    }
    status = agt_runtime_flush(runtime, FLUSH_MS, err);
    if (status == AGT_OK) {
        status = load_trace(config->store, &context, &self->trace, err);
    }
    return status;
}

agt_status run_review(const run_config *config, run *self, agt_error *err)
{
    agt_runtime *runtime = NULL;
    agt_cancel *cancel = NULL;
    *self = (run){.costs = AGT_CONFIG(agt_costs, 0)};
    agt_runtime_config settings =
        AGT_CONFIG(agt_runtime_config, .service_name = "repo_review", .store_path = config->store,
                   .helper_path = REPO_REVIEW_SUPERVISOR);
    agt_status status = agt_runtime_new(&settings, &runtime, err);
    if (status != AGT_OK) {
        return status;
    }
    status = progress_watch(agt_runtime_get_tracer(runtime));
    if (status == AGT_OK) {
        status = agt_cancel_new(runtime, &cancel);
    }
    if (status == AGT_OK) {
        interrupt_set_cancel(cancel);
        status = review_repository(config, runtime, cancel, self, err);
        interrupt_set_cancel(NULL);
    }
    agt_cancel_unref(cancel);
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(runtime), &self->costs);
    agt_error closing;
    agt_status closed = agt_runtime_close(runtime, 0, &closing);
    if (status == AGT_OK && closed != AGT_OK) {
        status = closed;
        *err = closing;
    }
    agt_runtime_free(runtime);
    return status;
}

void run_free(run *self)
{
    repository_close(&self->repo);
    review_free(&self->found);
    agt_value_unref(self->trace);
    self->trace = NULL;
}
