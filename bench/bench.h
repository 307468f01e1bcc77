/*
 * What the benchmarks share, ours and those of the peers (bench/peers): clocks, resident memory,
 * and how much to measure. tools/bench.py --quick says the last by two environment variables:
 *
 *   BENCH_ROUNDS      how often a figure is measured; the best counts (default 5)
 *   BENCH_TASKS_MAX   at most that many tasks in one round (default: no limit)
 *
 * It is C and C++ at once.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t bench_clock_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t bench_wall_ns(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC);
}

/* Of all threads of the process. */
static inline uint64_t bench_cpu_ns(void)
{
    return bench_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Pages in memory now. */
static inline uint64_t bench_resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%llu %llu", &size, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The most pages that ever were in memory; of use only in the first round of a new process. */
static inline uint64_t bench_peak_bytes(void)
{
    unsigned long long kilobytes = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmHWM: %llu kB", &kilobytes) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kilobytes * 1024;
}

/* A number from the environment that is at least 1, or the default. */
static inline uint32_t bench_setting(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    unsigned long value = text != NULL ? strtoul(text, NULL, 10) : 0;
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : otherwise;
}

static inline int bench_rounds(void)
{
    return (int)bench_setting("BENCH_ROUNDS", 5);
}

static inline uint32_t bench_tasks(uint32_t count)
{
    uint32_t most = bench_setting("BENCH_TASKS_MAX", UINT32_MAX);
    return count < most ? count : most;
}

static inline double bench_least(double a, double b)
{
    return a < b ? a : b;
}

/* Part of a benchmark; several may have one name. */
typedef struct bench_section {
    const char *name;
    void (*run)(void);
} bench_section;

/* Runs the sections named by the arguments, or all, each in a process of its own: its memory is
 * still untouched then. @return the exit status */
static inline int bench_run(int argc, char **argv, const bench_section *sections, size_t count)
{
    bool is_fine = true;
    for (size_t i = 0; i < count; i++) {
        bool wanted = argc == 1;
        for (int at = 1; at < argc; at++) {
            wanted |= strcmp(argv[at], sections[i].name) == 0;
        }
        if (!wanted) {
            continue;
        }
        int status = 1;
        pid_t child = fork();
        if (child == 0) {
            sections[i].run();
            exit(0);
        }
        is_fine &= child > 0 && waitpid(child, &status, 0) == child && status == 0;
    }
    return is_fine ? 0 : 1;
}

#endif
