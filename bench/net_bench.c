/*
 * What waiting and reading cost: net_bench
 *
 * The event-stream parser on streams as the two large providers send them, in the pieces in which
 * libcurl hands them on; 10,000 timers of 50 ms; the way of a job from a posting thread to the loop
 * while that sleeps, and while it is busy; a child process from start to end. The best of five
 * rounds is reported, because the machine is shared; latencies are percentiles of all.
 */
#include "net/loop.h"
#include "net/sse.h"

#include "bench.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    STREAM_BYTES = 16 * 1024 * 1024,
    PIECE_BYTES = 16 * 1024,
    TIMERS = 10000,
    PINGS = 2000,
    BURST = 100000,
    CHILDREN = 50,
};

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void must(bool is_fine, const char *what)
{
    if (!is_fine) {
        (void)fprintf(stderr, "net_bench: %s\n", what);
        exit(1);
    }
}

static void report(const char *name, double value, const char *unit, const char *better,
                   const char *target)
{
    (void)printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"better\": \"%s\", "
                 "\"target\": %s, \"peers\": {}}\n",
                 name, value, unit, better, target);
    (void)fflush(stdout);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
    }
}

/* ---- event streams ---- */

static const char openai_event[] =
    "data: {\"id\":\"chatcmpl-9xK2mQ0aB1cD2eF3gH4iJ5kL6mN7o\",\"object\":\"chat.completion.chunk\","
    "\"created\":1767225600,\"model\":\"model-1\",\"choices\":[{\"index\":0,\"delta\":"
    "{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

static const char anthropic_event[] =
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
    "\"text\":\" to\xC3\xA4ken\"}}\n\n";

static bool count_event(void *user_data, const agt__sse_event *event)
{
    *(size_t *)user_data += event->data_size;
    return true;
}

static void measure_stream(const char *name, const char *event)
{
    const size_t event_size = strlen(event);
    const size_t size = STREAM_BYTES / event_size * event_size;
    char *stream = malloc(size);
    must(stream != NULL, "no memory");
    for (size_t at = 0; at < size; at += event_size) {
        memcpy(stream + at, event, event_size);
    }
    double best = 0;
    for (int round = 0; round < bench_rounds(); round++) {
        size_t bytes = 0;
        agt__sse *sse = NULL;
        must(agt__sse_new(NULL, 0, count_event, &bytes, &sse) == AGT_OK, "no memory");
        uint64_t start = wall_ns();
        for (size_t at = 0; at < size; at += PIECE_BYTES) {
            size_t piece = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
            must(agt__sse_feed(sse, stream + at, piece, NULL) == AGT_OK, "not a stream");
        }
        double speed = (double)size * 1e3 / (double)(wall_ns() - start);
        best = speed > best ? speed : best;
        agt__sse_free(sse);
    }
    report(name, best, "MB/s", "higher", "500");
    free(stream);
}

/* ---- timers ---- */

typedef struct bench {
    agt__loop *loop;
    sem_t done;
    agt__timer *timers;
    int fired;
} bench;

static bench the; /* timers have no room for a pointer */

static void on_timer(agt__timer *timer)
{
    (void)timer;
    if (++the.fired == TIMERS) {
        sem_post(&the.done);
    }
}

static void start_timers(agt__job *job)
{
    (void)job;
    uint64_t due_ns = agt__loop_now_ns(the.loop) + 50000000u;
    for (int i = 0; i < TIMERS; i++) {
        the.timers[i] = (agt__timer){.fire = on_timer};
        must(agt__loop_timer_start(the.loop, &the.timers[i], due_ns) == AGT_OK, "no memory");
    }
}

static void measure_timers(void)
{
    double best_wall = 1e9, best_cpu = 1e9;
    the.timers = calloc(TIMERS, sizeof(*the.timers));
    must(the.timers != NULL, "no memory");
    for (int round = 0; round < bench_rounds(); round++) {
        agt__job job = {.run = start_timers};
        the.fired = 0;
        uint64_t start = wall_ns(), cpu_start = cpu_ns();
        agt__loop_post(the.loop, &job);
        wait_for(&the.done);
        double wall = (double)(wall_ns() - start) / 1e6;
        double cpu = (double)(cpu_ns() - cpu_start) / 1e6;
        best_wall = wall < best_wall ? wall : best_wall;
        best_cpu = cpu < best_cpu ? cpu : best_cpu;
    }
    report("net/timers_10000_50ms_wall", best_wall, "ms", "lower", "51");
    report("net/timers_10000_50ms_cpu", best_cpu, "ms", "lower", "5");
    free(the.timers);
}

/* ---- jobs ---- */

typedef struct ping {
    agt__job job;
    uint64_t ran_at_ns;
} ping;

static void on_ping(agt__job *job)
{
    ((ping *)job)->ran_at_ns = wall_ns();
    sem_post(&the.done);
}

static void measure_posts(void)
{
    static double latencies_us[PINGS];
    for (int i = 0; i < PINGS; i++) {
        ping one = {.job.run = on_ping};
        uint64_t start = wall_ns();
        agt__loop_post(the.loop, &one.job);
        wait_for(&the.done);
        latencies_us[i] = (double)(one.ran_at_ns - start) / 1e3;
    }
    qsort(latencies_us, PINGS, sizeof(latencies_us[0]), compare);
    report("net/post_to_run_p50", latencies_us[PINGS / 2], "us", "lower", "null");
    report("net/post_to_run_p99", latencies_us[PINGS * 99 / 100], "us", "lower", "null");
}

static void on_nothing(agt__job *job)
{
    (void)job;
}

static void measure_burst(void)
{
    agt__job *jobs = calloc(BURST, sizeof(*jobs));
    must(jobs != NULL, "no memory");
    double best_post = 1e9, best_all = 1e9;
    for (int round = 0; round < bench_rounds(); round++) {
        ping last = {.job.run = on_ping};
        for (int i = 0; i < BURST; i++) {
            jobs[i] = (agt__job){.run = on_nothing};
        }
        uint64_t start = wall_ns();
        for (int i = 0; i < BURST; i++) {
            agt__loop_post(the.loop, &jobs[i]);
        }
        double post = (double)(wall_ns() - start) / BURST;
        agt__loop_post(the.loop, &last.job);
        wait_for(&the.done);
        double all = (double)(wall_ns() - start) / BURST;
        best_post = post < best_post ? post : best_post;
        best_all = all < best_all ? all : best_all;
    }
    report("net/post_burst", best_post, "ns/job", "lower", "null");
    report("net/post_burst_and_run", best_all, "ns/job", "lower", "null");
    free(jobs);
}

/* ---- child processes ---- */

static void on_exit_of(void *user_data, const agt_process_exit *exit_info, const agt_error *err)
{
    (void)user_data;
    must(err == NULL, err != NULL ? err->message : "");
    must(exit_info->exit_status == 0, "true(1) failed");
    sem_post(&the.done);
}

static void start_child(agt__job *job)
{
    (void)job;
    static const char *const argv[] = {"true", NULL};
    static const agt_process_handler handler = {NULL, NULL, on_exit_of};
    agt_process_config config = AGT_CONFIG(agt_process_config, .argv = argv);
    const agt_io *io = agt__loop_get_io(the.loop);
    agt_process *process = NULL;
    agt_error err;
    must(io->process_start(io->ctx, &config, &handler, NULL, &process, &err) == AGT_OK,
         "no child process (AGENT_SUPERVISOR names the supervisor)");
}

static void measure_children(void)
{
    static double times_us[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        agt__job job = {.run = start_child};
        uint64_t start = wall_ns();
        agt__loop_post(the.loop, &job);
        wait_for(&the.done);
        times_us[i] = (double)(wall_ns() - start) / 1e3;
    }
    qsort(times_us, CHILDREN, sizeof(times_us[0]), compare);
    report("net/process_start_to_exit_p50", times_us[CHILDREN / 2], "us", "lower", "null");
}

int main(void)
{
    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .helper_path = getenv("AGENT_SUPERVISOR"));
    must(agt__loop_new(&config, &the.loop, NULL) == AGT_OK, "no loop");
    sem_init(&the.done, 0, 0);
    measure_stream("net/sse_openai", openai_event);
    measure_stream("net/sse_anthropic", anthropic_event);
    measure_timers();
    measure_posts();
    measure_burst();
    measure_children();
    agt__loop_free(the.loop);
    sem_destroy(&the.done);
    return 0;
}
