/*
 * Some thousand random graphs on virtual time, against a model that knows nothing of the engine: it
 * works out when every call starts and how it ends from the definition alone.
 *
 * Where nothing limits or cuts short the run, the engine's times must be the model's to the
 * nanosecond, so its wall time is the critical path. With slots the outcomes must be the same, and
 * the wall time within Graham's bound for schedules that leave no slot idle. With batch policies,
 * cancelling and deadlines, whose result depends on what happens at the same moment, what must hold
 * is: one outcome for each call, nothing starts before what it needs has succeeded, nothing goes on
 * once all is cancelled, and the run ends.
 *
 * A failure names its seed; AGT_TEST_SEED=<seed> runs that one alone, AGT_TEST_GRAPHS=<n> more.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "base/random.h"
#include "support/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum {
    NODES_MAX = 60,
    GRAPHS = 3000,
    TIMEOUT_MS = 40
};

typedef struct node {
    const char *tool;
    uint32_t ms;
    bool fails, hangs, is_unknown;
    int32_t priority;
    bool needs[NODES_MAX]; /* by number of the call */
    /* what the model says, from the start of the run */
    uint64_t start_ns, end_ns;
    agt_outcome outcome;
} node;

typedef struct plan {
    uint64_t seed;
    uint32_t count;
    node nodes[NODES_MAX];
    uint32_t order[NODES_MAX]; /* one in which every call comes after what it needs */
    uint32_t slots;            /* 0 = no limit */
    agt_batch batch;
    uint32_t quorum;
    uint32_t cancel_ms, deadline_ms; /* 0 = none */
} plan;

static uint32_t below(agt__prng *prng, uint32_t bound)
{
    return (uint32_t)(agt__prng_next(prng) % bound);
}

/* ---- making one ---------------------------------------------------------------------------- */

static void make_node(agt__prng *prng, node *one)
{
    static const char *const tools[] = {"inline", "async", "async", "blocking"};
    one->tool = tools[below(prng, 4)];
    one->ms = strcmp(one->tool, "inline") != 0 && below(prng, 5) > 0 ? below(prng, 30) : 0;
    one->fails = below(prng, 12) == 0;
    one->hangs = strcmp(one->tool, "inline") != 0 && below(prng, 25) == 0;
    one->is_unknown = below(prng, 60) == 0;
    one->priority = (int32_t)below(prng, 5) - 2;
}

static void make_plan(plan *graph, uint64_t seed)
{
    agt__prng prng;
    memset(graph, 0, sizeof(*graph));
    agt__prng_seed(&prng, seed);
    graph->seed = seed;
    graph->count = 1 + below(&prng, NODES_MAX);
    for (uint32_t i = 0; i < graph->count; i++) { /* a random order: edges lead anywhere */
        uint32_t at = below(&prng, i + 1);
        graph->order[i] = graph->order[at];
        graph->order[at] = i;
    }
    uint32_t density = 1 + below(&prng, 8); /* predecessors in the mean, about */
    for (uint32_t i = 0; i < graph->count; i++) {
        node *one = &graph->nodes[graph->order[i]];
        make_node(&prng, one);
        for (uint32_t k = 0; k < i; k++) {
            one->needs[graph->order[k]] = below(&prng, i) < density && below(&prng, 2) == 0;
        }
    }
    switch (below(&prng, 4)) {
    case 0:
        graph->slots = 1 + below(&prng, 8);
        break;
    case 1:
        graph->slots = below(&prng, 2) == 0 ? 1 + below(&prng, 8) : 0;
        graph->batch = (agt_batch)below(&prng, 4);
        graph->quorum = 1 + below(&prng, graph->count + 2);
        graph->cancel_ms = below(&prng, 3) == 0 ? 1 + below(&prng, 100) : 0;
        graph->deadline_ms = below(&prng, 3) == 0 ? 1 + below(&prng, 100) : 0;
        break;
    default:
        break;
    }
}

/* ---- the model ----------------------------------------------------------------------------- */

static void predict(plan *graph)
{
    for (uint32_t i = 0; i < graph->count; i++) {
        node *one = &graph->nodes[graph->order[i]];
        bool skipped = false;
        one->start_ns = 0;
        for (uint32_t k = 0; k < graph->count; k++) {
            const node *other = &graph->nodes[k];
            if (one->needs[k]) {
                skipped |= other->outcome != AGT_OUTCOME_OK;
                one->start_ns = other->end_ns > one->start_ns ? other->end_ns : one->start_ns;
            }
        }
        bool runs = !skipped && !one->is_unknown;
        uint64_t ms = !runs ? 0 : one->hangs ? TIMEOUT_MS : one->ms;
        one->end_ns = one->start_ns + ms * MS;
        one->outcome = skipped           ? AGT_OUTCOME_SKIPPED_DEPENDENCY
                       : one->is_unknown ? AGT_OUTCOME_REJECTED
                       : one->hangs      ? AGT_OUTCOME_TIMEOUT
                       : one->fails      ? AGT_OUTCOME_ERROR
                                         : AGT_OUTCOME_OK;
    }
}

static uint64_t get_critical_path(const plan *graph)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        longest = graph->nodes[i].end_ns > longest ? graph->nodes[i].end_ns : longest;
    }
    return longest;
}

/* ---- running it ---------------------------------------------------------------------------- */

static agt_graph *build(agt_test_engine *engine, const plan *graph)
{
    agt_graph_config config =
        AGT_CONFIG(agt_graph_config, .batch = (int32_t)graph->batch,
                   .quorum = graph->batch == AGT_BATCH_QUORUM ? graph->quorum : 0);
    agt_graph *built = agt_test_new_graph(engine, &config);
    for (uint32_t i = 0; i < graph->count; i++) {
        const node *one = &graph->nodes[i];
        char input[96];
        (void)snprintf(input, sizeof(input), "{\"ms\": %u%s%s}", one->ms,
                       one->fails ? ", \"error\": \"no\"" : "",
                       one->hangs ? ", \"hang\": true" : "");
        agt_call_options own = AGT_CONFIG(agt_call_options, .priority = one->priority);
        agt_call_id call = agt_test_add(built, one->is_unknown ? "nobody" : one->tool, input,
                                        one->priority != 0 ? &own : NULL);
        assert_int_equal(call, i);
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        for (uint32_t k = 0; k < graph->count; k++) {
            if (graph->nodes[i].needs[k]) {
                assert_int_equal(agt_graph_add_dependency(built, i, k, NULL), AGT_OK);
            }
        }
    }
    return built;
}

static agt_results *run(agt_test_engine *engine, const plan *graph, agt_graph *built,
                        uint64_t *ret_start_ns)
{
    agt_task *task;
    agt_results *results;
    agt_call_options options =
        AGT_CONFIG(agt_call_options, .deadline_ms = graph->deadline_ms, .timeout_ms = TIMEOUT_MS);
    *ret_start_ns = agt_test_now_ns(engine);
    assert_int_equal(agt_graph_start(built, &options, &task, NULL), AGT_OK);
    if (graph->cancel_ms != 0 && agt_task_wait(task, graph->cancel_ms) == AGT_E_TIMEOUT) {
        agt_task_cancel(task);
    }
    agt_status status = agt_task_wait(task, AGT_MS_NONE);
    if (status != AGT_OK) { /* AGT_E_BUSY: nothing is left that could happen */
        fail_msg("seed %llu: the run does not end: %s", (unsigned long long)graph->seed,
                 agt_status_get_name(status));
    }
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    agt_task_unref(task);
    return results;
}

/* ---- judging it ---------------------------------------------------------------------------- */

typedef struct judged {
    const plan *graph;
    const agt_results *results;
    uint64_t start_ns;
} judged;

static agt_call_times times_of(const judged *run, uint32_t call)
{
    agt_call_times times = {.struct_size = sizeof(times)};
    agt_results_get_times(run->results, call, &times);
    return times;
}

static void complain(const judged *run, uint32_t call, const char *what)
{
    agt_call_times times = times_of(run, call);
    const node *one = &run->graph->nodes[call];
    fail_msg("seed %llu, call %u of %u: %s: %s, from %g to %g ms; expected %s, from %g to %g ms",
             (unsigned long long)run->graph->seed, call, run->graph->count, what,
             agt_outcome_get_name(agt_results_get_outcome(run->results, call)),
             (double)(times.start_ns - run->start_ns) / 1e6,
             (double)(times.end_ns - run->start_ns) / 1e6, agt_outcome_get_name(one->outcome),
             (double)one->start_ns / 1e6, (double)one->end_ns / 1e6);
}

/* What holds for every run. */
static void check_order(const judged *run)
{
    for (uint32_t i = 0; i < run->graph->count; i++) {
        agt_outcome outcome = agt_results_get_outcome(run->results, i);
        agt_call_times times = times_of(run, i);
        bool needs_failed = false;
        if (outcome == AGT_OUTCOME_NONE) {
            complain(run, i, "no outcome");
        }
        if ((outcome == AGT_OUTCOME_OK) != (agt_results_get_output(run->results, i) != NULL)) {
            complain(run, i, "output and outcome contradict each other");
        }
        if (times.attempts > 1 || (times.start_ns != 0) != (times.attempts == 1)) {
            complain(run, i, "started more than once, or without an attempt");
        }
        for (uint32_t k = 0; k < run->graph->count; k++) {
            if (!run->graph->nodes[i].needs[k]) {
                continue;
            }
            bool ok = agt_results_get_outcome(run->results, k) == AGT_OUTCOME_OK;
            needs_failed |= !ok;
            if (times.start_ns != 0 && (!ok || times_of(run, k).end_ns > times.start_ns)) {
                complain(run, i, "started before what it needs was there");
            }
        }
        if (outcome == AGT_OUTCOME_SKIPPED_DEPENDENCY && !needs_failed) {
            complain(run, i, "skipped for no reason");
        }
    }
}

/* Nothing limits the run: it is the model's. */
static void check_exactly(const judged *run)
{
    for (uint32_t i = 0; i < run->graph->count; i++) {
        const node *one = &run->graph->nodes[i];
        agt_call_times times = times_of(run, i);
        bool runs = one->outcome != AGT_OUTCOME_SKIPPED_DEPENDENCY && !one->is_unknown;
        if (agt_results_get_outcome(run->results, i) != one->outcome) {
            complain(run, i, "another outcome");
        }
        if (runs && run->graph->slots == 0 &&
            (times.start_ns != run->start_ns + one->start_ns ||
             times.end_ns != run->start_ns + one->end_ns)) {
            complain(run, i, "another time");
        }
    }
}

static void check_wall(const judged *run)
{
    agt_execution_metrics metrics = {.struct_size = sizeof(metrics)};
    agt_results_get_execution_metrics(run->results, &metrics);
    uint64_t critical = get_critical_path(run->graph), work = 0;
    for (uint32_t i = 0; i < run->graph->count; i++) {
        work += run->graph->nodes[i].end_ns - run->graph->nodes[i].start_ns;
    }
    uint32_t slots = run->graph->slots;
    uint64_t bound = critical;
    if (slots > 0) { /* Graham: work / m + (1 - 1 / m) of the critical path */
        bound = (work + (slots - 1) * critical + slots - 1) / slots;
        bound = bound < critical ? critical : bound;
    }
    bool ok = slots > 0 ? metrics.wall_ns >= critical && metrics.wall_ns <= bound &&
                              metrics.parallel_max <= slots
                        : metrics.wall_ns == critical;
    if (!ok || metrics.work_ns != work || metrics.critical_path_ns != critical) {
        fail_msg("seed %llu: wall %g of %g to %g ms, work %g of %g ms, critical path %g of %g ms, "
                 "%u at a time with %u slots",
                 (unsigned long long)run->graph->seed, (double)metrics.wall_ns / 1e6,
                 (double)critical / 1e6, (double)bound / 1e6, (double)metrics.work_ns / 1e6,
                 (double)work / 1e6, (double)metrics.critical_path_ns / 1e6, (double)critical / 1e6,
                 metrics.parallel_max, slots);
    }
}

/* When everything was cancelled, at the latest; UINT64_MAX = never. */
static uint64_t find_cut(const judged *run)
{
    const plan *graph = run->graph;
    uint64_t cut = UINT64_MAX, successes[NODES_MAX];
    uint32_t succeeded = 0;
    if (graph->cancel_ms != 0) {
        cut = run->start_ns + graph->cancel_ms * MS;
    }
    if (graph->deadline_ms != 0 && run->start_ns + graph->deadline_ms * MS < cut) {
        cut = run->start_ns + graph->deadline_ms * MS;
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        agt_outcome outcome = agt_results_get_outcome(run->results, i);
        agt_call_times times = times_of(run, i);
        if (graph->batch == AGT_BATCH_FAIL_FAST && times.start_ns != 0 &&
            outcome == AGT_OUTCOME_ERROR && times.end_ns < cut) {
            cut = times.end_ns;
        }
        if (outcome == AGT_OUTCOME_OK) {
            uint32_t at = succeeded++;
            for (; at > 0 && successes[at - 1] > times.end_ns; at--) {
                successes[at] = successes[at - 1];
            }
            successes[at] = times.end_ns;
        }
    }
    uint32_t quorum = graph->batch == AGT_BATCH_QUORUM          ? graph->quorum
                      : graph->batch == AGT_BATCH_FIRST_SUCCESS ? 1
                                                                : UINT32_MAX;
    if (quorum <= succeeded && successes[quorum - 1] < cut) {
        cut = successes[quorum - 1];
    }
    return cut;
}

/* Once everything is cancelled nothing starts and nothing goes on. */
static void check_cut(const judged *run)
{
    uint64_t cut = find_cut(run);
    for (uint32_t i = 0; i < run->graph->count; i++) {
        agt_call_times times = times_of(run, i);
        if (times.start_ns != 0 && (times.start_ns > cut || times.end_ns > cut)) {
            complain(run, i, "went on although the run was cancelled");
        }
    }
}

static void check_graph(uint64_t seed)
{
    static plan graph;
    agt_test_engine engine;
    make_plan(&graph, seed);
    predict(&graph);
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = graph.slots);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, &config), AGT_OK);
    agt_graph *built = build(&engine, &graph);
    bool is_whole =
        graph.batch == AGT_BATCH_ISOLATE && graph.cancel_ms == 0 && graph.deadline_ms == 0;
    for (int i = 0; i < 2; i++) { /* the second run of the same graph is like the first */
        judged it = {.graph = &graph};
        agt_results *results = run(&engine, &graph, built, &it.start_ns);
        it.results = results;
        check_order(&it);
        if (is_whole) {
            check_exactly(&it);
            check_wall(&it);
        } else {
            check_cut(&it);
        }
        agt_results_unref(results);
    }
    agt_graph_unref(built);
    agt_test_engine_deinit(&engine);
}

static void random_graphs_do_what_is_said(void **state)
{
    (void)state;
    const char *chosen = getenv("AGT_TEST_SEED");
    if (chosen != NULL) {
        check_graph(strtoull(chosen, NULL, 10));
        return;
    }
    const char *count = getenv("AGT_TEST_GRAPHS");
    uint64_t last = count != NULL ? strtoull(count, NULL, 10) : GRAPHS;
    for (uint64_t seed = 1; seed <= last; seed++) {
        check_graph(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_do_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
