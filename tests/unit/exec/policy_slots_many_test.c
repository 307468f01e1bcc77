/*
 * Slots: who goes first among many that wait, and that nobody is left behind, whatever becomes of
 * those in front.
 */
#include "support/test.h"

#include "base/random.h"
#include "support/exec.h"
#include "support/policies.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WAITING_MAX = 100000
};

typedef struct order {
    uint32_t numbers[WAITING_MAX];
    uint32_t count;
} order;

static agt_status note_number(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    order *o = user_data;
    int64_t number = 0;
    (void)ret_output;
    const agt_value *input = agt_tool_call_get_input(call);
    agt_status status = agt_value_get_int64(agt_value_get_member(input, "n"), &number);
    o->numbers[o->count++] = (uint32_t)number;
    return status;
}

static void setup(agt_test_engine *engine, uint32_t parallel_max, order *o)
{
    agt_executor_config config =
        AGT_CONFIG(agt_executor_config, .parallel_max = parallel_max, .timeout_ms = AGT_MS_NONE);
    assert_int_equal(agt_test_engine_init(engine, NULL, true, &config), AGT_OK);
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .user_data = o);
    assert_int_equal(agt_executor_register_tool(engine->executor, "note", note_number, &tool, NULL),
                     AGT_OK);
    o->count = 0;
}

static void add_note(agt_graph *graph, uint32_t number, int32_t priority)
{
    char json[24];
    agt_call_options options = AGT_CONFIG(agt_call_options, .priority = priority);
    (void)snprintf(json, sizeof(json), "{\"n\": %u}", number);
    (void)agt_test_add(graph, "note", json, &options);
}

/* AGT_WAITING says with how many: the cost of each must not depend on that. */
static uint32_t get_waiting(void)
{
    const char *text = getenv("AGT_WAITING");
    unsigned long count = text != NULL ? strtoul(text, NULL, 10) : 2000;
    return count < WAITING_MAX ? (uint32_t)count : WAITING_MAX;
}

/* Extremes of priority, later calls more urgent than earlier ones: the worst for a sorted list. */
static void the_most_urgent_go_first_then_the_oldest(void **state)
{
    (void)state;
    agt_test_engine engine;
    static order o;
    uint32_t waiting = get_waiting();
    setup(&engine, 1, &o);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    for (uint32_t i = 0; i < waiting; i++) {
        int32_t priority = (int32_t)(i / 2);
        priority = i < 2 ? INT32_MIN : i + 2 >= waiting ? INT32_MAX : priority;
        add_note(graph, i, priority);
    }
    agt_results *results = agt_test_run_graph(graph, NULL);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    assert_int_equal(o.count, waiting);
    for (uint32_t i = 0; i < waiting; i++) { /* pairs from behind, each in order */
        assert_int_equal(o.numbers[i], (waiting - 2 - (i & ~1u)) + (i & 1u));
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* Runs that share the slots come and go in any order; each ends, and every slot comes back. */
static void slots_are_not_lost_when_runs_are_cancelled(void **state)
{
    (void)state;
    enum {
        RUNS = 12
    };
    agt__prng prng;
    agt__prng_seed(&prng, 20260101);
    for (int round = 0; round < 20; round++) {
        agt_test_engine engine;
        static order o;
        agt_task *tasks[RUNS];
        setup(&engine, 1 + (uint32_t)agt__prng_below(&prng, 3), &o);
        for (size_t i = 0; i < RUNS; i++) {
            agt_graph *graph = agt_test_new_graph(&engine, NULL);
            for (int call = 0; call < 4; call++) {
                agt_call_options options =
                    AGT_CONFIG(agt_call_options, .priority = (int32_t)agt__prng_below(&prng, 3),
                               .deadline_ms = (uint32_t)agt__prng_below(&prng, 40));
                (void)agt_test_add(graph, "async", "{\"ms\": 7}", &options);
            }
            assert_int_equal(agt_graph_start(graph, NULL, &tasks[i], NULL), AGT_OK);
            agt_graph_unref(graph);
        }
        for (size_t i = 0; i < RUNS; i++) {
            size_t at = agt__prng_below(&prng, RUNS);
            (void)!agt_task_wait(tasks[at], (uint32_t)agt__prng_below(&prng, 9));
            agt_task_cancel(tasks[agt__prng_below(&prng, RUNS)]);
        }
        for (size_t i = 0; i < RUNS; i++) {
            assert_int_equal(agt_task_wait(tasks[i], 10000), AGT_OK);
            agt_task_unref(tasks[i]);
        }
        agt_graph *last = agt_test_new_graph(&engine, NULL);
        add_note(last, 1, 0);
        agt_results *results = agt_test_run_graph(last, NULL);
        assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
        agt_results_unref(results);
        agt_graph_unref(last);
        agt_test_engine_deinit(&engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_urgent_go_first_then_the_oldest),
        cmocka_unit_test(slots_are_not_lost_when_runs_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
