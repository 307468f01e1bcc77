/* Budgets at the doors: reserved before the start, settled after the end, given back otherwise. */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/policies.h"

#include <string.h>

#define MS UINT64_C(1000000)

static agt_status spend(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    (void)user_data;
    if (agt_value_get_member(agt_tool_call_get_input(call), "error") != NULL) {
        return AGT_E_TOOL;
    }
    return agt_tool_call_sleep(call, 10);
}

static agt_budget *new_budget(const char *name, agt_budget *parent, int64_t nanousd, uint64_t calls)
{
    agt_budget *budget;
    agt_budget_config config = AGT_CONFIG(agt_budget_config, .name = name, .parent = parent,
                                          .limit_nanousd = nanousd, .calls_max = calls);
    assert_int_equal(agt_budget_new(NULL, &config, &budget, NULL), AGT_OK);
    return budget;
}

/* With a tool "spend" that costs 100. */
static void setup(agt_test_engine *engine, agt_budget *budget)
{
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .budget = budget);
    assert_int_equal(agt_test_engine_init(engine, NULL, true, &config), AGT_OK);
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .cost_nanousd = 100);
    assert_int_equal(agt_executor_register_tool(engine->executor, "spend", spend, &tool, NULL),
                     AGT_OK);
}

static void expect_spent(agt_budget *budget, int64_t nanousd, int64_t calls)
{
    agt_budget_amount spent, reserved;
    agt_budget_get_amounts(budget, &spent, &reserved);
    assert_int_equal(spent.nanousd, nanousd);
    assert_int_equal(spent.calls, calls);
    assert_int_equal(reserved.nanousd, 0);
    assert_int_equal(reserved.calls, 0);
}

static void parallel_calls_cannot_overspend(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_budget *budget = new_budget("run", NULL, 350, 0);
    setup(&engine, budget);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (int i = 0; i < 5; i++) {
        (void)agt_test_add(graph, "spend", "{}", NULL);
    }
    agt_call_id later = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, later, 0, NULL), AGT_OK);
    agt_results *results = agt_test_run_graph(graph, NULL);
    for (size_t i = 0; i < 5; i++) {
        agt_test_expect(results, i, i < 3 ? AGT_OUTCOME_OK : AGT_OUTCOME_BUDGET_DENIED,
                        i < 3 ? NULL : "run");
    }
    agt_test_expect(results, later, AGT_OUTCOME_OK, NULL);
    expect_spent(budget, 300, 4);
    agt_costs costs = {.struct_size = sizeof(costs)};
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(engine.runtime), &costs);
    assert_int_equal(costs.total_nanousd, 300);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_budget_unref(budget);
    agt_test_engine_deinit(&engine);
}

/* That of the call comes before that of the start, and that before the executor's; each is charged
 * together with the scopes around it. */
static void the_nearest_budget_counts(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_budget *all = new_budget("all", NULL, 0, 2);
    agt_budget *run = new_budget("run", all, 1000, 0);
    agt_budget *one = new_budget("one", NULL, 1000, 0);
    agt_budget *house = new_budget("house", NULL, 1000, 0);
    setup(&engine, house);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options own = AGT_CONFIG(agt_call_options, .budget = one);
    (void)agt_test_add(graph, "spend", "{}", &own);
    (void)agt_test_add(graph, "spend", "{}", NULL);
    agt_results_unref(agt_test_run_graph(graph, NULL));
    expect_spent(one, 100, 1);
    expect_spent(house, 100, 1);
    agt_call_options start = AGT_CONFIG(agt_call_options, .budget = run);
    for (int i = 0; i < 3; i++) {
        agt_results *results = agt_test_run_graph(graph, &start);
        agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
        agt_test_expect(results, 1, i < 2 ? AGT_OUTCOME_OK : AGT_OUTCOME_BUDGET_DENIED,
                        i < 2 ? NULL : "all");
        agt_results_unref(results);
    }
    expect_spent(one, 400, 4);
    expect_spent(run, 200, 2);
    expect_spent(all, 200, 2);
    expect_spent(house, 100, 1);
    agt_graph_unref(graph);
    agt_budget_unref(all);
    agt_budget_unref(run);
    agt_budget_unref(one);
    agt_budget_unref(house);
    agt_test_engine_deinit(&engine);
}

/* What never started costs nothing, what failed costs what it costs. */
static void only_what_ran_is_charged(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_budget *budget = new_budget("run", NULL, 10000, 0);
    setup(&engine, budget);
    agt_test_policy park = {.refuse_take = 100};
    agt_test_add_policy(&engine, &park, &agt_test_count_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "spend", "{}", NULL);
    agt_call_options start = AGT_CONFIG(agt_call_options, .deadline_ms = 10);
    agt_results *results = agt_test_run_graph(graph, &start);
    agt_test_expect(results, 0, AGT_OUTCOME_TIMEOUT, "not started");
    expect_spent(budget, 0, 0);
    agt_results_unref(results);
    agt_graph_unref(graph);
    park.refuse_take = 0;
    graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "spend", "{\"error\": 1}", NULL);
    (void)agt_test_add(graph, "nobody", "{}", NULL);
    agt_results_unref(agt_test_run_graph(graph, NULL));
    expect_spent(budget, 100, 1);
    agt_graph_unref(graph);
    agt_budget_unref(budget);
    agt_test_engine_deinit(&engine);
}

/* Every attempt is charged; one that another stage stopped at the last moment is not. */
static agt__settle again(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    settlement->due_ns = agt__runtime_now_ns(agt__call_get_runtime(call)) + MS;
    if (agt__call_get_attempts(call) == 2) {
        test->refuse_take = 1;
    }
    return agt__call_get_attempts(call) < 3 ? AGT__SETTLE_AGAIN : AGT__SETTLE_DONE;
}

static void every_attempt_is_charged_once(void **state)
{
    (void)state;
    static const agt__policy_table table = {.name = "again",
                                            .take = agt_test_policy_take,
                                            .release = agt_test_policy_release,
                                            .settle = again};
    agt_test_engine engine;
    agt_budget *budget = new_budget("run", NULL, 10000, 0);
    setup(&engine, budget);
    agt_test_policy policy = {.granted = 0};
    agt_test_add_policy(&engine, &policy, &table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "spend", "{\"error\": 1}", NULL);
    agt_call_options start = AGT_CONFIG(agt_call_options, .deadline_ms = 50);
    agt_results *results = agt_test_run_graph(graph, &start); /* the third never starts */
    agt_call_times times = {.struct_size = sizeof(times)};
    agt_results_get_times(results, 0, &times);
    assert_int_equal(times.attempts, 2);
    agt_test_expect_released(&policy, 2);
    expect_spent(budget, 200, 2);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_budget_unref(budget);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_calls_cannot_overspend),
        cmocka_unit_test(the_nearest_budget_counts),
        cmocka_unit_test(only_what_ran_is_charged),
        cmocka_unit_test(every_attempt_is_charged_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
