/*
 * What a span costs: telemetry_bench [SPANS]
 *
 * Each line of the output is one figure as JSON. A round starts, annotates and ends SPANS spans and
 * gives them back in batches of 512, as an exporter would; the time of giving back is not counted
 * where the figure says "producer". The best of five rounds is reported: the machine is shared.
 */
#include "telemetry/semconv.h"
#include "telemetry/tracer.h"

#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH = 512,
    THREADS = 2
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void report(const char *name, double value, const char *unit, const char *target)
{
    printf("{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\",\"better\":\"lower\",\"target\":%s,"
           "\"peers\":{}}\n",
           name, value, unit, target);
}

static agt_tracer *make_tracer(bool silent, uint32_t spans_max)
{
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .silent = silent, .spans_max = spans_max);
    agt_tracer *tracer = NULL;
    agt_error err;
    if (agt__tracer_new(&config, &tracer, &err) != AGT_OK) {
        (void)fprintf(stderr, "telemetry_bench: %s\n", err.message);
        exit(1);
    }
    return tracer;
}

/* The span of a model call: four attributes. */
static void record_span(agt_tracer *tracer, const agt_span_context *parent)
{
    agt_span *span = agt_tracer_start_span(tracer, "chat model-large", AGT_SPAN_CLIENT, parent, 0);
    agt__span_set_text(span, AGT__ATTR_OPERATION, "chat", 4);
    agt__span_set_text(span, AGT__ATTR_REQUEST_MODEL, "model-large", 11);
    agt__span_set_int(span, AGT__ATTR_INPUT_TOKENS, 1200);
    agt__span_set_int(span, AGT__ATTR_OUTPUT_TOKENS, 340);
    (void)agt_span_end(span);
}

/* The same through the public functions, which copy the keys. */
static void record_span_public(agt_tracer *tracer, const agt_span_context *parent)
{
    agt_span *span = agt_tracer_start_span(tracer, "chat model-large", AGT_SPAN_CLIENT, parent, 0);
    agt_span_set_text(span, "app.operation", "chat");
    agt_span_set_text(span, "app.request.model", "model-large");
    agt_span_set_int(span, "app.input.tokens", 1200);
    agt_span_set_int(span, "app.output.tokens", 340);
    (void)agt_span_end(span);
}

typedef void (*record_fn)(agt_tracer *tracer, const agt_span_context *parent);

/* Nanoseconds per span of the producer, or of producer and recycling together. */
static double measure(record_fn record, agt_tracer *tracer, size_t spans, size_t batch, bool both)
{
    agt_span *root = agt_tracer_start_span(tracer, "root", AGT_SPAN_INTERNAL, NULL, 0);
    agt_span_context parent = agt_span_get_context(root);
    double best = 0;
    for (int round = 0; round < bench_rounds(); round++) {
        uint64_t total = 0;
        for (size_t done = 0; done < spans; done += batch) {
            uint64_t begin = now_ns(CLOCK_THREAD_CPUTIME_ID);
            for (size_t i = 0; i < batch; i++) {
                record(tracer, &parent);
            }
            uint64_t middle = now_ns(CLOCK_THREAD_CPUTIME_ID);
            agt__tracer_recycle(tracer, agt__tracer_take_ended(tracer), true);
            total += (both ? now_ns(CLOCK_THREAD_CPUTIME_ID) : middle) - begin;
        }
        size_t measured = spans / batch * batch;
        double each = (double)total / (double)measured;
        best = round == 0 || each < best ? each : best;
    }
    (void)agt_span_end(root);
    return best;
}

typedef struct producer {
    agt_tracer *tracer;
    size_t spans;
    uint64_t cpu_ns;
    bool consumes; /* gives the spans of all threads back now and then */
} producer;

static void *produce(void *arg)
{
    producer *own = arg;
    agt_span_context parent = {.trace_id = {1}, .span_id = {1}};
    uint64_t begin = now_ns(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < own->spans; i++) {
        record_span(own->tracer, &parent);
        if (own->consumes && i % BATCH == 0) {
            agt__tracer_recycle(own->tracer, agt__tracer_take_ended(own->tracer), true);
        }
    }
    own->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
    return NULL;
}

/* CPU nanoseconds per span of two threads that share the tracer, one of which recycles. */
static double measure_threads(agt_tracer *tracer, size_t spans)
{
    double best = 0;
    for (int round = 0; round < bench_rounds(); round++) {
        producer producers[THREADS];
        pthread_t threads[THREADS];
        uint64_t cpu_ns = 0;
        for (int i = 0; i < THREADS; i++) {
            producers[i] = (producer){tracer, spans, 0, i == 0};
            if (pthread_create(&threads[i], NULL, produce, &producers[i]) != 0) {
                exit(1);
            }
        }
        for (int i = 0; i < THREADS; i++) {
            (void)pthread_join(threads[i], NULL);
            cpu_ns += producers[i].cpu_ns;
        }
        agt__tracer_recycle(tracer, agt__tracer_take_ended(tracer), true);
        double each = (double)cpu_ns / (double)(THREADS * spans);
        best = round == 0 || each < best ? each : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    size_t spans = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    spans = spans < BATCH ? BATCH : spans;

    agt_tracer *tracer = make_tracer(false, 0);
    report("telemetry/span/producer", measure(record_span, tracer, spans, BATCH, false), "ns",
           "150");
    report("telemetry/span/producer_copied_keys",
           measure(record_span_public, tracer, spans, BATCH, false), "ns", "null");
    report("telemetry/span/with_recycling", measure(record_span, tracer, spans, BATCH, true), "ns",
           "null");
    report("telemetry/span/producer_queue_8192",
           measure(record_span, tracer, spans, (size_t)BATCH * 16, false), "ns", "null");
    agt__tracer_free(tracer);

    tracer = make_tracer(false, 0);
    report("telemetry/span/producer_two_threads", measure_threads(tracer, spans), "ns", "null");
    agt__tracer_free(tracer);

    tracer = make_tracer(true, 0);
    report("telemetry/span/silent", measure(record_span, tracer, spans, BATCH, false), "ns", "15");
    agt__tracer_free(tracer);
    return 0;
}
