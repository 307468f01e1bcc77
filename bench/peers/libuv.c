/*
 * libuv as a peer: uv_queue_work() for tasks, uv_timer_t for those that only wait.
 *
 * The pool has as many threads as there are processors. libuv knows no dependencies, so that this
 * program counts them itself, in the callbacks on the loop thread: that is where a user would. A
 * link of the chain takes some 100 us (to the pool and back), which is why that shape is measured
 * on 20,000 tasks; the cost of one does not depend on their number. Requests are in one array: "run
 * again" uses them a second time.
 */
#include "peer.h"

#include <uv.h>

enum {
    SLEEP_MS = 50,
    NONE = UINT32_MAX
};

typedef struct task {
    uv_work_t work;
    struct shape *shape;
    uint32_t edge; /* the first of its outgoing ones, or NONE */
    uint32_t pending, pending_first;
} task;

typedef struct edge {
    uint32_t to, next;
} edge;

typedef struct shape {
    uv_loop_t *loop;
    task *tasks;
    edge *edges;
    uint32_t task_count, edge_count, done;
} shape;

static void *allocate(size_t count, size_t size)
{
    void *block = calloc(count, size);
    peer_must(block != NULL, "calloc");
    return block;
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void settle(uv_work_t *work, int status);

static void queue(task *t)
{
    peer_must(uv_queue_work(t->shape->loop, &t->work, do_nothing, settle) == 0, "uv_queue_work");
}

/* On the loop thread. */
static void settle(uv_work_t *work, int status)
{
    task *t = work->data;
    shape *s = t->shape;
    peer_must(status == 0, "a task");
    s->done++;
    for (uint32_t at = t->edge; at != NONE; at = s->edges[at].next) {
        task *next = &s->tasks[s->edges[at].to];
        if (--next->pending == 0) {
            queue(next);
        }
    }
}

static void add_edge(shape *s, uint32_t from, uint32_t to)
{
    s->edges[s->edge_count] = (edge){.to = to, .next = s->tasks[from].edge};
    s->tasks[from].edge = s->edge_count++;
    s->tasks[to].pending_first++;
}

static void build_independent(shape *s)
{
    (void)s;
}

static void build_chain(shape *s)
{
    s->edges = allocate(s->task_count, sizeof(edge));
    for (uint32_t i = 1; i < s->task_count; i++) {
        add_edge(s, i - 1, i);
    }
}

static void build_layers(shape *s)
{
    uint32_t random = 1;
    s->edges = allocate((size_t)s->task_count * 4, sizeof(edge));
    for (uint32_t i = 100; i < s->task_count; i++) {
        for (int n = 0; n < 4; n++) {
            add_edge(s, peer_layer_edge(&random, i), i);
        }
    }
}

static void build(shape *s, uint32_t count, void (*add_edges)(shape *))
{
    *s = (shape){.loop = uv_default_loop(), .task_count = count};
    s->tasks = allocate(count, sizeof(task));
    for (uint32_t i = 0; i < count; i++) {
        s->tasks[i].work.data = &s->tasks[i];
        s->tasks[i].shape = s;
        s->tasks[i].edge = NONE;
    }
    add_edges(s);
}

static void run(shape *s)
{
    s->done = 0;
    for (uint32_t i = 0; i < s->task_count; i++) {
        s->tasks[i].pending = s->tasks[i].pending_first;
    }
    for (uint32_t i = 0; i < s->task_count; i++) {
        if (s->tasks[i].pending_first == 0) {
            queue(&s->tasks[i]);
        }
    }
    (void)uv_run(s->loop, UV_RUN_DEFAULT);
    peer_must(s->done == s->task_count, "running every task once");
}

static void measure(const char *name, uint32_t full_count, void (*add_edges)(shape *))
{
    uint32_t count = bench_tasks(full_count);
    double once = 1e18, again = 1e18, bytes = 0;
    char row[64];
    uint64_t start = bench_wall_ns();
    for (int round = 0; peer_goes_on(round, start); round++) {
        shape s;
        uint64_t before = bench_resident_bytes(), begin = bench_wall_ns();
        build(&s, count, add_edges);
        run(&s);
        uint64_t middle = bench_wall_ns();
        bytes = round == 0 ? (double)(bench_resident_bytes() - before) / count : bytes;
        uint64_t second = bench_wall_ns();
        run(&s);
        again = bench_least(again, (double)(bench_wall_ns() - second) / count);
        once = bench_least(once, (double)(middle - begin) / count);
        free(s.tasks);
        free(s.edges);
    }
    (void)snprintf(row, sizeof(row), "%s_once", name);
    peer_report(row, "libuv", once);
    (void)snprintf(row, sizeof(row), "%s_rerun", name);
    peer_report(row, "libuv", again);
    (void)snprintf(row, sizeof(row), "%s_bytes", name);
    peer_report(row, "libuv", bytes);
}

static void independent(void)
{
    measure("independent_1m", 1000000, build_independent);
}

static void chain(void)
{
    measure("chain_1m", 20000, build_chain);
}

static void layers(void)
{
    measure("layers_100k", 100000, build_layers);
}

/* ---- waiting ---- */

static void note_timer(uv_timer_t *timer)
{
    ++*(uint32_t *)timer->data;
}

static void sleepers(uint32_t full_count)
{
    uint32_t count = bench_tasks(full_count);
    double wall = 1e18, cpu = 1e18, bytes = 0;
    char row[64];
    uint64_t start = bench_wall_ns();
    for (int round = 0; peer_goes_on(round, start); round++) {
        uint32_t fired = 0;
        uv_loop_t *loop = uv_default_loop();
        uint64_t before = bench_resident_bytes();
        uint64_t begin_cpu = bench_cpu_ns(), begin = bench_wall_ns();
        uv_timer_t *timers = allocate(count, sizeof(uv_timer_t));
        uv_update_time(loop);
        for (uint32_t i = 0; i < count; i++) {
            peer_must(uv_timer_init(loop, &timers[i]) == 0, "uv_timer_init");
            timers[i].data = &fired;
            peer_must(uv_timer_start(&timers[i], note_timer, SLEEP_MS, 0) == 0, "uv_timer_start");
        }
        bytes = round == 0 ? (double)(bench_resident_bytes() - before) / count : bytes;
        (void)uv_run(loop, UV_RUN_DEFAULT);
        peer_must(fired == count, "firing every timer once");
        wall = bench_least(wall, (double)(bench_wall_ns() - begin) / 1e6);
        cpu = bench_least(cpu, (double)(bench_cpu_ns() - begin_cpu) / 1e6);
        for (uint32_t i = 0; i < count; i++) {
            uv_close((uv_handle_t *)&timers[i], NULL);
        }
        (void)uv_run(loop, UV_RUN_DEFAULT);
        free(timers);
    }
    (void)snprintf(row, sizeof(row), "sleep50_%u_wall", full_count);
    peer_report(row, "libuv", wall);
    (void)snprintf(row, sizeof(row), "sleep50_%u_cpu", full_count);
    peer_report(row, "libuv", cpu);
    (void)snprintf(row, sizeof(row), "sleep50_%u_bytes", full_count);
    peer_report(row, "libuv", bytes);
}

static void sleepers_10k(void)
{
    sleepers(10000);
}

static void sleepers_100k(void)
{
    sleepers(100000);
}

/* ---- latency: from the loop thread to a thread of the pool ---- */

static void note_start(uv_work_t *work)
{
    *(uint64_t *)work->data = bench_wall_ns();
}

static void ignore(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

static void latency(void)
{
    static peer_latency l;
    uint32_t count = bench_tasks(PEER_LATENCY_CALLS);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t started = 0;
        uv_work_t work = {.data = &started};
        peer_gap();
        uint64_t begin = bench_wall_ns();
        peer_must(uv_queue_work(uv_default_loop(), &work, note_start, ignore) == 0,
                  "uv_queue_work");
        uint64_t submitted = bench_wall_ns();
        (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        peer_note_latency(&l, i, begin, submitted, started);
    }
    peer_report_latency(&l, count, "libuv");
}

int main(int argc, char **argv)
{
    static const peer_section sections[] = {
        {"sleep50_10000", "\"sleep50_10000_wall\", \"sleep50_10000_cpu\", \"sleep50_10000_bytes\"",
         sleepers_10k},
        {"sleep50_100000",
         "\"sleep50_100000_wall\", \"sleep50_100000_cpu\", \"sleep50_100000_bytes\"",
         sleepers_100k},
        {"independent_1m",
         "\"independent_1m_once\", \"independent_1m_rerun\", \"independent_1m_bytes\"",
         independent},
        {"chain_1m", "\"chain_1m_once\", \"chain_1m_rerun\", \"chain_1m_bytes\"", chain},
        {"layers_100k", "\"layers_100k_once\", \"layers_100k_rerun\", \"layers_100k_bytes\"",
         layers},
        {"start_latency", "\"start_latency_p50\", \"start_latency_p99\", \"submit_cost_p50\"",
         latency},
    };
    char about[64], threads[16];
    (void)snprintf(about, sizeof(about), "libuv %s", uv_version_string());
    (void)snprintf(threads, sizeof(threads), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    (void)setenv("UV_THREADPOOL_SIZE", threads, 0);
    return peer_main(argc, argv, about, sections, sizeof(sections) / sizeof(*sections));
}
