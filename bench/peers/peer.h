/*
 * What the foreign drivers in C and C++ share: their command line, their output, and when to stop.
 * bench/peers/README.md says what a driver is.
 *
 * A driver is a table of sections. Each measures one shape and prints the figures of the rows it
 * names; tools/bench.py runs each in a process of its own.
 */
#ifndef BENCH_PEERS_PEER_H
#define BENCH_PEERS_PEER_H

#include "../bench.h"

#include <string.h>

typedef struct peer_section {
    const char *name;
    const char *rows; /* names, each in quotes, with commas between them */
    void (*run)(void);
} peer_section;

static inline void peer_report(const char *row, const char *peer, double value)
{
    (void)printf("{\"name\": \"%s\", \"peer\": \"%s\", \"value\": %.4g}\n", row, peer, value);
    (void)fflush(stdout);
}

/* Whether another round is due: at least one, at most BENCH_ROUNDS, none after five seconds. */
static inline bool peer_goes_on(int round, uint64_t begin_ns)
{
    return round == 0 || (round < bench_rounds() && bench_wall_ns() - begin_ns < 5000000000u);
}

static inline void peer_must(bool is_fine, const char *what)
{
    if (!is_fine) {
        (void)fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

/* The layered graph of bench/exec_bench.c: layers of 100 tasks, each with four edges from the layer
 * before. Draws the next edge into task `i`. */
static inline uint32_t peer_layer_edge(uint32_t *random, uint32_t i)
{
    *random = *random * 1664525u + 1013904223u;
    return (i / 100 - 1) * 100 + (*random >> 16) % 100;
}

static inline int peer_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

enum {
    PEER_LATENCY_CALLS = 500
};

/* Times of submitting, of having submitted and of the first instruction, per call. */
typedef struct peer_latency {
    double start_us[PEER_LATENCY_CALLS], submit_us[PEER_LATENCY_CALLS];
} peer_latency;

static inline void peer_note_latency(peer_latency *l, uint32_t i, uint64_t begin_ns,
                                     uint64_t submitted_ns, uint64_t started_ns)
{
    l->start_us[i] = (double)(started_ns - begin_ns) / 1e3;
    l->submit_us[i] = (double)(submitted_ns - begin_ns) / 1e3;
}

static inline void peer_report_latency(peer_latency *l, uint32_t count, const char *peer)
{
    qsort(l->start_us, count, sizeof(*l->start_us), peer_compare);
    qsort(l->submit_us, count, sizeof(*l->submit_us), peer_compare);
    peer_report("start_latency_p50", peer, l->start_us[count / 2]);
    peer_report("start_latency_p99", peer, l->start_us[count * 99 / 100]);
    peer_report("submit_cost_p50", peer, l->submit_us[count / 2]);
}

/* One millisecond in which the executor goes to sleep. */
static inline void peer_gap(void)
{
    const struct timespec gap = {0, 1000000};
    (void)nanosleep(&gap, NULL);
}

static inline void peer_list(const char *about, const peer_section *sections, size_t count)
{
    (void)printf("{\"about\": \"%s\", \"sections\": {", about);
    for (size_t i = 0; i < count; i++) {
        (void)printf("%s\"%s\": [%s]", i > 0 ? ", " : "", sections[i].name, sections[i].rows);
    }
    (void)printf("}}\n");
}

/* `--list`, or the sections to run; without any, all. */
static inline int peer_main(int argc, char **argv, const char *about, const peer_section *sections,
                            size_t count)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        peer_list(about, sections, count);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = argc == 1;
        for (int j = 1; j < argc; j++) {
            is_wanted = is_wanted || strcmp(argv[j], sections[i].name) == 0;
        }
        if (is_wanted) {
            sections[i].run();
        }
    }
    return 0;
}

#endif
