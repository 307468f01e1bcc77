/*
 * The registry of tools: declared dependencies of any shape, from any number of threads.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "support/exec.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static agt_status do_nothing(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (void)user_data;
    return AGT_OK;
}

static void add_tool(agt_test_engine *engine, const char *name)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE);
    assert_int_equal(agt_executor_register_tool(engine->executor, name, do_nothing, &config, NULL),
                     AGT_OK);
}

enum {
    LAYERS = 60,
    CHAIN = 3000
};

/* Sixty layers of two tools, each depending on both below: 2^60 ways lead from top to bottom. */
static void many_ways_are_not_all_walked(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    char name[2][2][16];
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    for (int layer = 0; layer < LAYERS; layer++) {
        for (int side = 0; side < 2; side++) {
            char *own = name[layer % 2][side];
            (void)snprintf(own, sizeof(name[0][0]), "t%d-%d", layer, side);
            add_tool(&engine, own);
            for (int below = 0; layer > 0 && below < 2; below++) {
                assert_int_equal(agt_executor_add_dependency(engine.executor, own,
                                                             name[(layer + 1) % 2][below], NULL),
                                 AGT_OK);
            }
        }
    }
    assert_int_equal(
        agt_executor_add_dependency(engine.executor, "t0-1", name[(LAYERS - 1) % 2][0], &err),
        AGT_E_CYCLE);
    assert_non_null(strstr(err.message, "t0-1"));
    agt_test_engine_deinit(&engine);
}

static void long_chains_of_tools_need_no_stack(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    char name[16], before[16] = "";
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    for (int i = 0; i < CHAIN; i++) {
        (void)snprintf(name, sizeof(name), "t%d", i);
        add_tool(&engine, name);
        if (i > 0) {
            assert_int_equal(agt_executor_add_dependency(engine.executor, name, before, NULL),
                             AGT_OK);
            assert_int_equal(agt_executor_add_dependency(engine.executor, name, before, NULL),
                             AGT_OK); /* twice is the same */
        }
        memcpy(before, name, sizeof(name));
    }
    assert_int_equal(agt_executor_add_dependency(engine.executor, "t0", name, &err), AGT_E_CYCLE);
    assert_non_null(strstr(err.message, "t0 \xE2\x86\x92 t1 \xE2\x86\x92 t2"));
    assert_int_equal(agt_executor_add_dependency(engine.executor, "t0", "t0", &err), AGT_E_CYCLE);
    agt_test_engine_deinit(&engine);
}

/* ---- many threads -------------------------------------------------------------------------- */

enum {
    THREADS = 4,
    TOOLS = 40
};

typedef struct worker {
    pthread_t thread;
    agt_test_engine *engine;
    int number;
    bool failed;
} worker;

/* Registers tools that depend on each other while others run batches of theirs. */
static void *grow_and_run(void *arg)
{
    worker *w = arg;
    agt_executor *executor = w->engine->executor;
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE);
    char name[2][16] = {"", ""};
    for (int i = 0; i < TOOLS; i++) {
        char *own = name[i % 2], *before = name[(i + 1) % 2];
        (void)snprintf(own, sizeof(name[0]), "w%d-%d", w->number, i);
        agt_status status = agt_executor_register_tool(executor, own, do_nothing, &config, NULL);
        if (status == AGT_OK && i > 0) {
            status = agt_executor_add_dependency(executor, own, before, NULL);
        }
        const agt_input inputs[] = {{own, NULL}, {i > 0 ? before : own, NULL}};
        agt_results *results = NULL;
        if (status == AGT_OK) {
            status = agt_executor_execute_parallel(executor, inputs, i > 0 ? 2 : 1, &results, NULL);
        }
        if (status != AGT_OK || agt_results_get_status(results, NULL) != AGT_OK) {
            w->failed = true;
            break;
        }
        agt_results_unref(results);
    }
    return NULL;
}

static void registries_grow_while_they_are_used(void **state)
{
    (void)state;
    agt_test_engine engine;
    worker workers[THREADS];
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.engine = &engine, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, grow_and_run, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        assert_false(workers[i].failed);
    }
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_ways_are_not_all_walked),
        cmocka_unit_test(long_chains_of_tools_need_no_stack),
        cmocka_unit_test(registries_grow_while_they_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
