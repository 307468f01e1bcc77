/* Building graphs: calls, edges, sealing, cycles and their names, open graphs. */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/torture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

static agt_status depend(agt_graph *graph, agt_call_id call, agt_call_id on, agt_error *err)
{
    return agt_graph_add_dependency(graph, call, on, err);
}

static void bad_graphs_are_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_graph *graph;
    agt_error err;
    agt_call_id call;
    setup(&engine);
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .batch = 4);
    assert_int_equal(agt_graph_new(engine.executor, &config, &graph, &err), AGT_E_INVALID);
    config.batch = -1;
    assert_int_equal(agt_graph_new(engine.executor, &config, &graph, &err), AGT_E_INVALID);
    config.batch = AGT_BATCH_QUORUM;
    assert_int_equal(agt_graph_new(engine.executor, &config, &graph, &err), AGT_E_INVALID);
    config = AGT_CONFIG(agt_graph_config, .quorum = 3);
    assert_int_equal(agt_graph_new(engine.executor, &config, &graph, &err), AGT_E_INVALID);
    config.struct_size = 1;
    assert_int_equal(agt_graph_new(engine.executor, &config, &graph, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_new(NULL, NULL, &graph, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_new(engine.executor, NULL, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_call(NULL, "async", NULL, NULL, &call, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_seal(NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_start(NULL, NULL, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_close(NULL), AGT_E_INVALID);
    assert_int_equal(agt_graph_release(NULL, 0), AGT_E_INVALID);
    agt_graph_unref(NULL);
    graph = agt_test_new_graph(&engine, NULL);
    assert_int_equal(agt_graph_add_call(graph, NULL, NULL, NULL, &call, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_tool_call(graph, NULL, NULL, NULL, &call, &err), AGT_E_INVALID);
    assert_int_equal(depend(graph, 0, 1, &err), AGT_E_NOT_FOUND);
    assert_int_equal(agt_graph_close(graph), AGT_E_INVALID); /* it is not open */
    assert_int_equal(agt_graph_release(graph, 0), AGT_E_NOT_FOUND);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* Calls are numbered in the order of adding, across all chunks, and keep what they were given. */
static void many_calls_keep_their_numbers(void **state)
{
    (void)state;
    enum {
        CALLS = 5000
    };
    agt_test_engine engine;
    setup(&engine);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_tool *tool = agt_executor_get_tool(engine.executor, "inline");
    for (uint32_t i = 0; i < CALLS; i++) {
        agt_value *number;
        agt_call_id call;
        assert_int_equal(agt_value_new_int64(NULL, i, &number), AGT_OK);
        assert_int_equal(agt_graph_add_tool_call(graph, tool, number, NULL, &call, NULL), AGT_OK);
        assert_int_equal(call, i);
        agt_value_unref(number);
    }
    agt_results *results = agt_test_run_graph(graph, NULL);
    for (uint32_t i = 0; i < CALLS; i++) {
        int64_t number;
        assert_int_equal(agt_value_get_int64(agt_results_get_output(results, i), &number), AGT_OK);
        assert_int_equal(number, i);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void cycles_are_found_and_named(void **state)
{
    (void)state;
    /* edges as pairs (call, depends on) among calls "t0" … ; what the message says */
    static const struct {
        uint32_t edges[12][2];
        size_t edge_count;
        const char *names[3]; /* any rotation of the cycle */
    } cases[] = {
        {{{0, 1}, {1, 0}},
         2,
         {"t0 \xE2\x86\x92 t1 \xE2\x86\x92 t0", "t1 \xE2\x86\x92 t0 \xE2\x86\x92 t1"}},
        {{{1, 0}, {2, 1}, {0, 2}},
         3,
         {"t0 \xE2\x86\x92 t1 \xE2\x86\x92 t2 \xE2\x86\x92 t0",
          "t1 \xE2\x86\x92 t2 \xE2\x86\x92 t0 \xE2\x86\x92 t1",
          "t2 \xE2\x86\x92 t0 \xE2\x86\x92 t1 \xE2\x86\x92 t2"}},
        /* calls before and behind the cycle are not part of its name */
        {{{1, 0}, {2, 1}, {1, 2}, {3, 2}, {4, 3}, {5, 4}, {4, 0}},
         7,
         {"t1 \xE2\x86\x92 t2 \xE2\x86\x92 t1", "t2 \xE2\x86\x92 t1 \xE2\x86\x92 t2"}},
        /* no cycle, though an edge leads back */
        {{{0, 5}, {1, 4}, {4, 5}, {3, 1}, {3, 0}, {2, 3}}, 6, {NULL}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_engine engine;
        agt_error err;
        setup(&engine);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        for (int t = 0; t < 6; t++) {
            char name[8];
            (void)snprintf(name, sizeof(name), "t%d", t);
            (void)agt_test_add(graph, name, "{}", NULL); /* nobody knows them: it does not matter */
        }
        for (size_t e = 0; e < cases[i].edge_count; e++) {
            assert_int_equal(depend(graph, cases[i].edges[e][0], cases[i].edges[e][1], NULL),
                             AGT_OK);
        }
        agt_status status = agt_graph_seal(graph, &err);
        if (cases[i].names[0] == NULL) {
            assert_int_equal(status, AGT_OK);
        } else {
            bool named = false;
            assert_int_equal(status, AGT_E_CYCLE);
            for (size_t n = 0; n < 3 && cases[i].names[n] != NULL; n++) {
                const char *at = strstr(err.message, cases[i].names[n]);
                named |= at != NULL && at[strlen(cases[i].names[n])] == '\0';
            }
            if (!named) {
                fail_msg("%s", err.message);
            }
        }
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
}

static void sealed_graphs_do_not_change(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    agt_call_id call;
    setup(&engine);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "inline", "{}", NULL);
    (void)agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_seal(graph, NULL), AGT_OK);
    assert_int_equal(agt_graph_seal(graph, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_call(graph, "inline", NULL, NULL, &call, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "sealed"));
    assert_int_equal(depend(graph, 1, 0, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_binding(graph, 1, "x", 0, "", &err), AGT_E_INVALID);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void tools_of_another_executor_may_be_called(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_executor *other;
    agt_call_id call;
    setup(&engine);
    assert_int_equal(agt_executor_new(engine.runtime, NULL, &other, NULL), AGT_OK);
    agt_graph *graph;
    assert_int_equal(agt_graph_new(other, NULL, &graph, NULL), AGT_OK);
    agt_tool *tool = agt_executor_get_tool(engine.executor, "inline");
    assert_int_equal(agt_graph_add_tool_call(graph, tool, NULL, NULL, &call, NULL), AGT_OK);
    agt_executor_unref(engine.executor); /* the call keeps what it needs */
    engine.executor = NULL;
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect(results, call, AGT_OUTCOME_OK, NULL);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_executor_unref(other);
    agt_test_engine_deinit(&engine);
}

/* ---- open graphs --------------------------------------------------------------------------- */

/* Four threads grow one graph on a real runtime, each a chain of its own, while it runs. */
typedef struct grower {
    agt_graph *graph;
    pthread_t thread;
    unsigned added;
} grower;

enum {
    CHAIN = 200,
    GROWERS = 4
};

static void *grow(void *arg)
{
    grower *own = arg;
    agt_call_id last = 0;
    for (unsigned i = 0; i < CHAIN; i++) {
        static const char *const tools[] = {"inline", "async", "blocking"};
        agt_call_id call;
        agt_status status = agt_graph_add_call(own->graph, tools[i % 3], NULL, NULL, &call, NULL);
        if (status == AGT_OK && i > 0) {
            status = agt_graph_add_dependency(own->graph, call, last, NULL);
        }
        if (status != AGT_OK || agt_graph_release(own->graph, call) != AGT_OK) {
            return NULL;
        }
        last = call;
        own->added++;
    }
    return NULL;
}

static void many_threads_may_grow_a_graph(void **state)
{
    (void)state;
    agt_test_engine engine;
    grower growers[GROWERS];
    agt_task *task;
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    agt_graph_config open = AGT_CONFIG(agt_graph_config, .open = true);
    agt_graph *graph = agt_test_new_graph(&engine, &open);
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    for (int i = 0; i < GROWERS; i++) {
        growers[i] = (grower){.graph = graph};
        assert_int_equal(pthread_create(&growers[i].thread, NULL, grow, &growers[i]), 0);
    }
    for (int i = 0; i < GROWERS; i++) {
        (void)pthread_join(growers[i].thread, NULL);
        assert_int_equal(growers[i].added, CHAIN);
    }
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    agt_results *results = agt_test_finish(task);
    assert_int_equal(agt_results_get_count(results), CHAIN * GROWERS);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void open_graphs_run_once(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_task *task, *again;
    agt_error err;
    setup(&engine);
    agt_graph_config open = AGT_CONFIG(agt_graph_config, .open = true);
    agt_graph *graph = agt_test_new_graph(&engine, &open);
    (void)agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_release(graph, 0), AGT_OK); /* the start does it */
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_graph_start(graph, NULL, &again, &err), AGT_E_BUSY);
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    agt_results_unref(agt_test_finish(task));
    assert_int_equal(agt_graph_start(graph, NULL, &again, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "an open graph runs once"));
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void dependencies_on_what_is_done_count_at_once(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_task *task;
    agt_error err;
    setup(&engine);
    agt_graph_config open = AGT_CONFIG(agt_graph_config, .open = true);
    agt_graph *graph = agt_test_new_graph(&engine, &open);
    agt_call_id good = agt_test_add(graph, "inline", "{}", NULL);
    agt_call_id bad = agt_test_add(graph, "inline", "{\"error\": \"no\"}", NULL);
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 5), AGT_E_TIMEOUT);
    agt_call_id fine = agt_test_add(graph, "inline", "{}", NULL);
    agt_call_id skipped = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(depend(graph, fine, good, NULL), AGT_OK);
    assert_int_equal(depend(graph, skipped, good, NULL), AGT_OK);
    assert_int_equal(depend(graph, skipped, bad, NULL), AGT_OK);
    assert_int_equal(agt_graph_release(graph, fine), AGT_OK);
    assert_int_equal(agt_graph_release(graph, fine), AGT_OK);
    assert_int_equal(agt_graph_release(graph, skipped), AGT_OK);
    assert_int_equal(depend(graph, fine, skipped, &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_release(graph, 99), AGT_E_NOT_FOUND);
    assert_int_equal(agt_graph_close(graph), AGT_OK);
    agt_results *results = agt_test_finish(task);
    agt_test_expect(results, fine, AGT_OUTCOME_OK, NULL);
    agt_test_expect(results, skipped, AGT_OUTCOME_SKIPPED_DEPENDENCY, NULL);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void build(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    agt_graph *graph = NULL;
    agt_call_id call = 0;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = "named");
    agt_status status = agt_graph_new(engine.executor, &config, &graph, NULL);
    for (uint32_t i = 0; status == AGT_OK && i < 40; i++) {
        agt_call_options own = AGT_CONFIG(agt_call_options, .agent = "a", .priority = 1);
        status = agt_graph_add_call(graph, i % 4 == 3 ? "nobody" : "inline", NULL,
                                    i % 3 == 0 ? &own : NULL, &call, NULL);
        if (status == AGT_OK && i > 0) {
            status = depend(graph, i % 2 == 0 ? call : 0, i % 2 == 0 ? call - 1 : call, NULL);
        }
    }
    if (status == AGT_OK) {
        status = agt_graph_seal(graph, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void building_survives_torture(void **state)
{
    (void)state;
    agt_test_torture(build, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_graphs_are_refused),
        cmocka_unit_test(many_calls_keep_their_numbers),
        cmocka_unit_test(cycles_are_found_and_named),
        cmocka_unit_test(sealed_graphs_do_not_change),
        cmocka_unit_test(tools_of_another_executor_may_be_called),
        cmocka_unit_test(many_threads_may_grow_a_graph),
        cmocka_unit_test(open_graphs_run_once),
        cmocka_unit_test(dependencies_on_what_is_done_count_at_once),
        cmocka_unit_test(building_survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
