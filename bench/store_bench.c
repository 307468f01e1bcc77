/*
 * What it costs to keep spans and to read them again: store_bench [FOLDER]
 *
 * Each line of the output is one figure as JSON. The store is made in FOLDER (TMPDIR, or /tmp) and
 * removed. A round exports BATCH spans of six attributes in one transaction; the best of ROUNDS is
 * reported: the machine is shared. Reading is one run of BATCH spans, in a new connection.
 */
#include "export/exporter.h"
#include "telemetry/semconv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROUNDS = 8,
    BATCH = 2000
};

static void check(agt_status status, const agt_error *err)
{
    if (status != AGT_OK) {
        (void)fprintf(stderr, "store_bench: %s\n", err->message);
        exit(1);
    }
}

static uint64_t now_ns(void)
{
    const agt_clock *clock = agt_clock_get_system();
    return clock->get_monotonic_ns(clock->ctx);
}

static void report(const char *name, double value, const char *unit)
{
    printf("{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\",\"better\":\"lower\",\"target\":null,"
           "\"peers\":{}}\n",
           name, value, unit);
}

/* A run of one root and BATCH - 1 calls below it. */
static agt_span_context record_run(agt_tracer *tracer)
{
    agt_span *root = agt_tracer_trace_agent(tracer, "bench", NULL, 0);
    agt_span_context context = agt_span_get_context(root);
    for (int i = 1; i < BATCH; i++) {
        agt_span *span =
            agt_tracer_start_span(tracer, "chat model-large", AGT_SPAN_CLIENT, &context, 0);
        agt__span_set_text(span, AGT__ATTR_OPERATION, "chat", 4);
        agt__span_set_text(span, AGT__ATTR_REQUEST_MODEL, "model-large", 11);
        agt__span_set_text(span, AGT__ATTR_AGENT_NAME, "bench", 5);
        agt__span_set_int(span, AGT__ATTR_INPUT_TOKENS, 1200);
        agt__span_set_int(span, AGT__ATTR_OUTPUT_TOKENS, 340);
        agt__span_set_int(span, AGT__ATTR_COST, 4250000);
        (void)agt_span_end(span);
    }
    (void)agt_span_end(root);
    return context;
}

static double export_runs(const char *path)
{
    agt_error err;
    agt_tracer *tracer = NULL;
    agt_cost_tracker *costs = NULL;
    agt__exporter *exporter = NULL;
    agt__tracer_config tracer_config = AGT_CONFIG(agt__tracer_config, 0);
    check(agt__tracer_new(&tracer_config, &tracer, &err), &err);
    check(agt__cost_tracker_new(NULL, &costs), &err);
    agt__exporter_config config = AGT_CONFIG(agt__exporter_config, .tracer = tracer, .costs = costs,
                                             .store_path = path, .threadless = true);
    check(agt__exporter_new(&config, &exporter, &err), &err);
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "run %d", i);
        agt_span_context context = record_run(tracer);
        agt__store_run run = {.id = id, .name = "bench", .status = "ok", .start_unix_ns = 1};
        memcpy(run.trace_id, context.trace_id, sizeof(run.trace_id));
        check(agt__exporter_put_run(exporter, &run), &err);
        uint64_t begin = now_ns();
        check(agt__exporter_flush(exporter, AGT_MS_NONE, &err), &err);
        double each = (double)(now_ns() - begin) / BATCH;
        best = i == 0 || each < best ? each : best;
    }
    check(agt__exporter_close(exporter, AGT_MS_NONE, &err), &err);
    agt__exporter_free(exporter);
    agt__cost_tracker_free(costs);
    agt__tracer_free(tracer);
    return best;
}

static double read_runs(const char *path, double *ret_list_us)
{
    agt_error err;
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        agt_store *store = NULL;
        agt_value *value = NULL;
        uint64_t begin = now_ns();
        check(agt_store_open(NULL, path, &store, &err), &err);
        check(agt_store_list_runs(store, 0, &value, &err), &err);
        double list_us = (double)(now_ns() - begin) / 1000;
        *ret_list_us = i == 0 || list_us < *ret_list_us ? list_us : *ret_list_us;
        agt_value_unref(value);
        begin = now_ns();
        check(agt_store_get_run(store, "last", &value, &err), &err);
        double each = (double)(now_ns() - begin) / BATCH;
        best = i == 0 || each < best ? each : best;
        agt_value_unref(value);
        agt_store_free(store);
    }
    return best;
}

int main(int argc, char **argv)
{
    const char *top = argc > 1 ? argv[1] : getenv("TMPDIR");
    char folder[512], path[600];
    (void)snprintf(folder, sizeof(folder), "%s/agt_bench.XXXXXX",
                   top != NULL && top[0] != '\0' ? top : "/tmp");
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    double list_us = 0;
    (void)snprintf(path, sizeof(path), "%s/store.db", folder);
    report("store/export_span", export_runs(path), "ns");
    report("store/read_span", read_runs(path, &list_us), "ns");
    report("store/open_and_list_8_runs", list_us, "us");

    (void)unlink(path);
    static const char *const others[] = {"-lock", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/store.db%s", folder, others[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return 0;
}
