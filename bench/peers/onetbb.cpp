/*
 * oneTBB as a peer: its flow graph for every shape, task_group for independent tasks.
 *
 * Worker threads are what oneTBB chooses. Nodes have the default policy; `lightweight`, which runs
 * a body in place, recurses once per link of a chain and is measured where that is bounded. There
 * are no timers in oneTBB, hence no sleeping tasks.
 */
#include "peer.h"

#include <deque>
#include <memory>
#include <semaphore.h>
#include <string>

#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/version.h>

namespace flow = tbb::flow;

typedef flow::continue_node<flow::continue_msg> plain;
typedef flow::continue_node<flow::continue_msg, flow::lightweight> light;

template <typename node> struct shape {
    flow::graph graph;
    std::deque<node> nodes;
    std::deque<node *> roots;

    node &add()
    {
        nodes.emplace_back(graph, [](const flow::continue_msg &) noexcept {});
        return nodes.back();
    }

    void run()
    {
        for (node *root : roots) {
            root->try_put(flow::continue_msg());
        }
        graph.wait_for_all();
    }
};

template <typename node> void build_independent(shape<node> &s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        s.roots.push_back(&s.add());
    }
}

template <typename node> void build_chain(shape<node> &s, uint32_t count)
{
    s.roots.push_back(&s.add());
    for (uint32_t i = 1; i < count; i++) {
        node &before = s.nodes.back();
        flow::make_edge(before, s.add());
    }
}

template <typename node> void build_layers(shape<node> &s, uint32_t count)
{
    uint32_t random = 1;
    for (uint32_t i = 0; i < count; i++) {
        node &added = s.add();
        if (i < 100) {
            s.roots.push_back(&added);
            continue;
        }
        for (int n = 0; n < 4; n++) {
            flow::make_edge(s.nodes[peer_layer_edge(&random, i)], added);
        }
    }
}

template <typename node>
void measure(const char *name, const char *peer, uint32_t full_count,
             void (*build)(shape<node> &, uint32_t))
{
    uint32_t count = bench_tasks(full_count);
    double once = 1e18, again = 1e18, bytes = 0;
    uint64_t start = bench_wall_ns();
    for (int round = 0; peer_goes_on(round, start); round++) {
        uint64_t before = bench_resident_bytes(), begin = bench_wall_ns();
        std::unique_ptr<shape<node>> s(new shape<node>);
        build(*s, count);
        s->run();
        uint64_t middle = bench_wall_ns();
        bytes = round == 0 ? (double)(bench_resident_bytes() - before) / count : bytes;
        uint64_t second = bench_wall_ns();
        s->run();
        again = bench_least(again, (double)(bench_wall_ns() - second) / count);
        once = bench_least(once, (double)(middle - begin) / count);
    }
    peer_report((std::string(name) + "_once").c_str(), peer, once);
    peer_report((std::string(name) + "_rerun").c_str(), peer, again);
    peer_report((std::string(name) + "_bytes").c_str(), peer, bytes);
}

static void independent()
{
    measure<plain>("independent_1m", "oneTBB flow", 1000000, build_independent);
}

static void independent_light()
{
    measure<light>("independent_1m", "oneTBB lightweight flow", 1000000, build_independent);
}

static void independent_group()
{
    uint32_t count = bench_tasks(1000000);
    double once = 1e18, bytes = 0;
    uint64_t start = bench_wall_ns();
    for (int round = 0; peer_goes_on(round, start); round++) {
        uint64_t before = bench_resident_bytes(), begin = bench_wall_ns();
        tbb::task_group group;
        for (uint32_t i = 0; i < count; i++) {
            group.run([] {});
        }
        group.wait();
        once = bench_least(once, (double)(bench_wall_ns() - begin) / count);
        bytes = round == 0 ? (double)(bench_resident_bytes() - before) / count : bytes;
    }
    peer_report("independent_1m_once", "oneTBB task_group", once);
    peer_report("independent_1m_bytes", "oneTBB task_group", bytes);
}

static void chain()
{
    measure<plain>("chain_1m", "oneTBB flow", 1000000, build_chain);
}

static void layers()
{
    measure<plain>("layers_100k", "oneTBB flow", 100000, build_layers);
}

static void layers_light()
{
    measure<light>("layers_100k", "oneTBB lightweight flow", 100000, build_layers);
}

/* From this thread, which is none of its workers, to a worker. */
static void latency()
{
    static peer_latency l;
    uint32_t count = bench_tasks(PEER_LATENCY_CALLS);
    tbb::task_arena arena;
    sem_t done;
    peer_must(sem_init(&done, 0, 0) == 0, "sem_init");
    for (uint32_t i = 0; i < count; i++) {
        uint64_t started = 0;
        peer_gap();
        uint64_t begin = bench_wall_ns();
        arena.enqueue([&started, &done] {
            started = bench_wall_ns();
            (void)sem_post(&done);
        });
        uint64_t submitted = bench_wall_ns();
        while (sem_wait(&done) != 0) {
        }
        peer_note_latency(&l, i, begin, submitted, started);
    }
    (void)sem_destroy(&done);
    peer_report_latency(&l, count, "oneTBB");
}

int main(int argc, char **argv)
{
    static const char shape_rows[] =
        "\"independent_1m_once\", \"independent_1m_rerun\", \"independent_1m_bytes\"";
    static const char layer_rows[] =
        "\"layers_100k_once\", \"layers_100k_rerun\", \"layers_100k_bytes\"";
    static const peer_section sections[] = {
        {"independent_1m", shape_rows, independent},
        {"independent_1m_lightweight", shape_rows, independent_light},
        {"independent_1m_group", "\"independent_1m_once\", \"independent_1m_bytes\"",
         independent_group},
        {"chain_1m", "\"chain_1m_once\", \"chain_1m_rerun\", \"chain_1m_bytes\"", chain},
        {"layers_100k", layer_rows, layers},
        {"layers_100k_lightweight", layer_rows, layers_light},
        {"start_latency", "\"start_latency_p50\", \"start_latency_p99\", \"submit_cost_p50\"",
         latency},
    };
    std::string about =
        "oneTBB " + std::to_string(TBB_VERSION_MAJOR) + "." + std::to_string(TBB_VERSION_MINOR);
    return peer_main(argc, argv, about.c_str(), sections, sizeof(sections) / sizeof(*sections));
}
