/*
 * What a call costs: exec_bench [NAME…]
 *
 * Full calls through the public interface: every one is built, run, settled with an outcome, timed,
 * and freed with its graph. "once" is building plus one run; "rerun" is a second run of the same
 * sealed graph. With telemetry on, every call ends as a recorded span (the ring is larger than the
 * graph, so none is dropped; nothing is exported). The best of five rounds is reported, because the
 * machine is shared. Each section is a process of its own, so that memory is still untouched when
 * what a call takes of it is looked at.
 */
#include "agent_sdk/exec.h"

#include "bench.h"

#include <string.h>

static void must(agt_status status, const agt_error *err)
{
    if (status != AGT_OK) {
        (void)fprintf(stderr, "exec_bench: %s: %s\n", agt_status_get_name(status),
                      err != NULL ? err->message : "");
        exit(1);
    }
}

static void report(const char *name, double value, const char *unit, const char *target)
{
    (void)printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"better\": \"lower\", "
                 "\"target\": %s, \"peers\": {}}\n",
                 name, value, unit, target);
    (void)fflush(stdout);
}

/* ---- the tools ---- */

static agt_status do_nothing(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (void)user_data;
    return AGT_OK;
}

static void wake(agt_tool_call *call, void *user_data)
{
    (void)user_data;
    agt_tool_complete(call, AGT_OK, NULL);
}

static agt_status sleep_50_ms(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    return agt_tool_call_resume_after(call, 50, wake);
}

static agt_status note_start(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    *(uint64_t *)user_data = bench_wall_ns();
    return AGT_OK;
}

static agt_status sleep_long(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    return agt_tool_call_sleep(call, 60000);
}

static agt_status wait_long(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    return agt_tool_call_resume_after(call, 60000, wake);
}

typedef struct bench {
    agt_runtime *runtime;
    agt_executor *executor;
    agt_tool *nothing, *sleeper, *starter, *waiter, *blocked;
    uint64_t started_ns;
} bench;

static agt_tool *add_tool(bench *b, const char *name, agt_tool_fn fn, agt_tool_mode mode)
{
    agt_error err;
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = (int32_t)mode,
                                        .effect = AGT_EFFECT_PURE, .user_data = &b->started_ns);
    must(agt_executor_register_tool(b->executor, name, fn, &config, &err), &err);
    return agt_executor_get_tool(b->executor, name);
}

static void start(bench *b, bool silent, uint32_t spans_max)
{
    agt_error err;
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .silent = silent, .spans_max = spans_max);
    must(agt_runtime_new(&config, &b->runtime, &err), &err);
    must(agt_executor_new(b->runtime, NULL, &b->executor, &err), &err);
    b->nothing = add_tool(b, "nothing", do_nothing, AGT_TOOL_INLINE);
    b->sleeper = add_tool(b, "sleeper", sleep_50_ms, AGT_TOOL_ASYNC);
    b->starter = add_tool(b, "starter", note_start, AGT_TOOL_INLINE);
    b->waiter = add_tool(b, "waiter", wait_long, AGT_TOOL_ASYNC);
    b->blocked = add_tool(b, "blocked", sleep_long, AGT_TOOL_BLOCKING);
}

static void stop(bench *b)
{
    agt_executor_unref(b->executor);
    agt_runtime_free(b->runtime);
}

/* ---- shapes ---- */

typedef void (*shape)(agt_graph *graph, agt_tool *tool, uint32_t count);

static agt_call_id add(agt_graph *graph, agt_tool *tool)
{
    agt_call_id call = 0;
    agt_error err;
    must(agt_graph_add_tool_call(graph, tool, NULL, NULL, &call, &err), &err);
    return call;
}

static void independent(agt_graph *graph, agt_tool *tool, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)add(graph, tool);
    }
}

static void chain(agt_graph *graph, agt_tool *tool, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        agt_call_id call = add(graph, tool);
        if (i > 0) {
            must(agt_graph_add_dependency(graph, call, call - 1, NULL), NULL);
        }
    }
}

/* Layers of 100 calls, each with four edges from the layer before. */
static void layers(agt_graph *graph, agt_tool *tool, uint32_t count)
{
    uint32_t random = 1;
    for (uint32_t i = 0; i < count; i++) {
        agt_call_id call = add(graph, tool);
        for (uint32_t edge = 0; i >= 100 && edge < 4; edge++) {
            random = random * 1664525u + 1013904223u;
            uint32_t from = (i / 100 - 1) * 100 + (random >> 16) % 100;
            must(agt_graph_add_dependency(graph, call, from, NULL), NULL);
        }
    }
}

static void run_graph(agt_graph *graph)
{
    agt_results *results;
    agt_error err;
    must(agt_graph_run(graph, NULL, &results, &err), &err);
    must(agt_results_get_status(results, &err), &err);
    agt_results_unref(results);
}

/* Target of the first run, and of a second one; "null" for none. */
static void bench_shape(const char *name, shape build, uint32_t full_count, bool silent,
                        const char *once_target, const char *rerun_target)
{
    uint32_t count = bench_tasks(full_count);
    double once = 1e18, again = 1e18, bytes = 0;
    char full[64];
    for (int round = 0; round < bench_rounds(); round++) {
        bench b;
        agt_graph *graph;
        agt_error err;
        start(&b, silent, 0);
        uint64_t before = bench_resident_bytes(), begin = bench_wall_ns();
        must(agt_graph_new(b.executor, NULL, &graph, &err), &err);
        build(graph, b.nothing, count);
        run_graph(graph);
        uint64_t middle = bench_wall_ns();
        bytes = round == 0 ? (double)(bench_resident_bytes() - before) / count : bytes;
        must(agt_runtime_flush(b.runtime, AGT_MS_NONE, &err), &err);
        uint64_t second = bench_wall_ns();
        run_graph(graph);
        uint64_t end = bench_wall_ns();
        once = bench_least(once, (double)(middle - begin) / count);
        again = bench_least(again, (double)(end - second) / count);
        agt_graph_unref(graph);
        stop(&b);
    }
    (void)snprintf(full, sizeof(full), "%s_once", name);
    report(full, once, "ns/call", once_target);
    (void)snprintf(full, sizeof(full), "%s_rerun", name);
    report(full, again, "ns/call", rerun_target);
    if (silent) { /* otherwise most of it are the spans, which wait for an exporter */
        (void)snprintf(full, sizeof(full), "%s_bytes", name);
        report(full, bytes, "B/call", "null");
    }
}

/* Calls that sleep 50 ms, all at once. */
static void bench_sleepers(uint32_t full_count, const char *wall_target)
{
    uint32_t count = bench_tasks(full_count);
    double wall = 1e18, cpu = 1e18, bytes = 1e18;
    char name[64];
    for (int round = 0; round < bench_rounds(); round++) {
        bench b;
        agt_graph *graph;
        agt_task *task;
        agt_error err;
        start(&b, true, 0);
        uint64_t before = bench_resident_bytes();
        uint64_t begin_cpu = bench_cpu_ns(), begin = bench_wall_ns();
        must(agt_graph_new(b.executor, NULL, &graph, &err), &err);
        independent(graph, b.sleeper, count);
        must(agt_graph_start(graph, NULL, &task, &err), &err);
        must(agt_task_wait(task, AGT_MS_NONE), NULL);
        wall = bench_least(wall, (double)(bench_wall_ns() - begin) / 1e6);
        cpu = bench_least(cpu, (double)(bench_cpu_ns() - begin_cpu) / 1e6);
        bytes = round == 0 ? (double)(bench_peak_bytes() - before) / count : bytes;
        agt_task_unref(task);
        agt_graph_unref(graph);
        stop(&b);
    }
    (void)snprintf(name, sizeof(name), "sleep50_%u_wall", full_count);
    report(name, wall, "ms", wall_target);
    (void)snprintf(name, sizeof(name), "sleep50_%u_cpu", full_count);
    report(name, cpu, "ms", full_count == 10000 ? "10" : "null");
    (void)snprintf(name, sizeof(name), "sleep50_%u_bytes", full_count);
    report(name, bytes, "B/call", "512");
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* From submitting to the first instruction of the tool, on an idle executor, 1 ms apart. */
static void bench_latency(void)
{
    enum {
        CALLS = 500
    };
    static double start_us[CALLS], submit_us[CALLS];
    bench b;
    start(&b, true, 0);
    for (int i = 0; i < CALLS; i++) {
        agt_graph *graph;
        agt_task *task;
        agt_error err;
        const struct timespec gap = {0, 1000000};
        (void)nanosleep(&gap, NULL);
        must(agt_graph_new(b.executor, NULL, &graph, &err), &err);
        (void)add(graph, b.starter);
        uint64_t begin = bench_wall_ns();
        must(agt_graph_start(graph, NULL, &task, &err), &err);
        uint64_t submitted = bench_wall_ns();
        must(agt_task_wait(task, AGT_MS_NONE), NULL);
        start_us[i] = (double)(b.started_ns - begin) / 1e3;
        submit_us[i] = (double)(submitted - begin) / 1e3;
        agt_task_unref(task);
        agt_graph_unref(graph);
    }
    stop(&b);
    qsort(start_us, CALLS, sizeof(*start_us), compare);
    qsort(submit_us, CALLS, sizeof(*submit_us), compare);
    report("start_latency_p50", start_us[CALLS / 2], "us", "10");
    report("start_latency_p99", start_us[CALLS * 99 / 100], "us", "60");
    report("submit_cost_p50", submit_us[CALLS / 2], "us", "null");
}

/* Processor time while a thousand calls wait, one of them on a worker: none of them is looked at.
 */
static void bench_idle(void)
{
    bench b;
    agt_graph *graph;
    agt_task *task;
    agt_error err;
    agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 60000);
    const struct timespec settle = {.tv_nsec = 300000000}, looked_at = {.tv_sec = 2};
    start(&b, false, 0);
    must(agt_graph_new(b.executor, NULL, &graph, &err), &err);
    (void)add(graph, b.blocked);
    for (int i = 1; i < 1000; i++) {
        (void)add(graph, b.waiter);
    }
    must(agt_graph_start(graph, &options, &task, &err), &err);
    (void)nanosleep(&settle, NULL);
    uint64_t begin_cpu = bench_cpu_ns(), begin = bench_wall_ns();
    (void)nanosleep(&looked_at, NULL);
    double share = (double)(bench_cpu_ns() - begin_cpu) / (double)(bench_wall_ns() - begin);
    agt_task_cancel(task);
    must(agt_task_wait(task, AGT_MS_NONE), NULL);
    agt_task_unref(task);
    agt_graph_unref(graph);
    stop(&b);
    report("idle_cpu", 100 * share, "%", "0.01");
}

/* ---- sections ---- */

static void sleepers_10k(void)
{
    bench_sleepers(10000, "55");
}

static void sleepers_100k(void)
{
    bench_sleepers(100000, "100");
}

static void independent_1m(void)
{
    bench_shape("independent_1m", independent, 1000000, true, "120", "null");
}

static void independent_spans(void)
{
    bench_shape("independent_200k_spans", independent, 200000, false, "300", "null");
}

static void chain_1m(void)
{
    bench_shape("chain_1m", chain, 1000000, true, "null", "60");
}

static void chain_spans(void)
{
    bench_shape("chain_200k_spans", chain, 200000, false, "null", "null");
}

static void layers_100k(void)
{
    bench_shape("layers_100k", layers, 100000, true, "null", "null");
}

static const bench_section sections[] = {
    {"sleep", sleepers_10k},
    {"sleep", sleepers_100k},
    {"independent", independent_1m},
    {"independent", independent_spans},
    {"chain", chain_1m},
    {"chain", chain_spans},
    {"layers", layers_100k},
    {"latency", bench_latency},
    {"idle", bench_idle},
};

int main(int argc, char **argv)
{
    return bench_run(argc, argv, sections, sizeof(sections) / sizeof(*sections));
}
