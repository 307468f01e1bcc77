/*
 * The books of a budget: whatever becomes of a call, nothing stays reserved, and what was spent is
 * what attempts really cost.
 */
#include "support/test.h"

#include "support/exec.h"
#include "support/policies.h"

#define MS UINT64_C(1000000)

typedef struct books {
    agt_test_engine engine;
    agt_budget *budget;
} books;

/* Fails the first time, then succeeds. */
static agt_status fail_once(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    return ++*(uint32_t *)user_data == 1 ? AGT_E_TOOL : AGT_OK;
}

static agt_status nothing(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (void)user_data;
    return AGT_OK;
}

static agt_status never_end(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    *(agt_tool_call **)user_data = call;
    return AGT_OK;
}

static void open_books(books *b, int64_t limit, const agt_executor_config *config)
{
    assert_int_equal(agt_test_engine_init(&b->engine, NULL, true, config), AGT_OK);
    agt_budget_config budget =
        AGT_CONFIG(agt_budget_config, .name = "books", .limit_nanousd = limit, .calls_max = 100);
    assert_int_equal(agt_budget_new(NULL, &budget, &b->budget, NULL), AGT_OK);
}

static void add_tool(books *b, const char *name, agt_tool_mode mode, int64_t cost, agt_tool_fn fn,
                     void *user_data)
{
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = (int32_t)mode, .effect = AGT_EFFECT_PURE,
                   .timeout_ms = 50, .cost_nanousd = cost, .user_data = user_data);
    assert_int_equal(agt_executor_register_tool(b->engine.executor, name, fn, &config, NULL),
                     AGT_OK);
}

static void expect_books(const books *b, int64_t spent, int64_t calls, int64_t reserved)
{
    agt_budget_amount is_spent, is_reserved;
    agt_budget_get_amounts(b->budget, &is_spent, &is_reserved);
    assert_int_equal(is_spent.nanousd, spent);
    assert_int_equal(is_spent.calls, calls);
    assert_int_equal(is_reserved.nanousd, reserved);
}

static agt_task *start(books *b, agt_graph *graph, uint32_t deadline_ms)
{
    agt_task *task;
    agt_call_options options =
        AGT_CONFIG(agt_call_options, .budget = b->budget, .deadline_ms = deadline_ms);
    assert_int_equal(agt_graph_start(graph, &options, &task, NULL), AGT_OK);
    return task;
}

static void close_books(books *b)
{
    agt_test_engine_deinit(&b->engine);
    agt_budget_unref(b->budget);
}

/* ---- one attempt --------------------------------------------------------------------------- */

static void ended_attempts_cost_what_they_cost(void **state)
{
    (void)state;
    books b;
    agt_tool_call *pending = NULL;
    open_books(&b, 35, NULL);
    add_tool(&b, "never", AGT_TOOL_ASYNC, 10, never_end, &pending);
    agt_graph *graph = agt_test_new_graph(&b.engine, NULL);
    (void)agt_test_add(graph, "never", "{}", NULL);
    for (int64_t round = 0; round < 4; round++) {
        agt_task *task = start(&b, graph, round == 2 ? 10 : 0);
        if (round < 3) {
            assert_int_equal(agt_task_wait(task, 5), AGT_E_TIMEOUT);
            expect_books(&b, 10 * round, round, 10);
        }
        if (round == 1) {
            agt_task_cancel(task);
        }
        agt_results *results = agt_test_finish(task);
        static const agt_outcome outcomes[] = {AGT_OUTCOME_TIMEOUT, AGT_OUTCOME_CANCELLED,
                                               AGT_OUTCOME_TIMEOUT, AGT_OUTCOME_BUDGET_DENIED};
        agt_test_expect(results, 0, outcomes[round], NULL);
        agt_results_unref(results);
        if (round < 3) {
            agt_tool_complete(pending, AGT_OK, NULL);
        }
        expect_books(&b, round < 3 ? 10 * (round + 1) : 30, round < 3 ? round + 1 : 3, 0);
    }
    agt_graph_unref(graph);
    close_books(&b);
}

static void simulated_costs_are_reserved_and_never_real(void **state)
{
    (void)state;
    books b;
    open_books(&b, 15, NULL);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .cost_nanousd = 10, .simulated = true,
                                        .mode = AGT_TOOL_INLINE, .effect = AGT_EFFECT_PURE);
    assert_int_equal(
        agt_executor_register_tool(b.engine.executor, "rehearsal", nothing, &config, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&b.engine, NULL);
    (void)agt_test_add(graph, "rehearsal", "{}", NULL);
    for (int round = 0; round < 2; round++) {
        agt_results *results = agt_test_finish(start(&b, graph, 0));
        agt_test_expect(results, 0, round == 0 ? AGT_OUTCOME_OK : AGT_OUTCOME_BUDGET_DENIED, NULL);
        agt_results_unref(results);
    }
    expect_books(&b, 10, 1, 0);
    agt_costs costs = AGT_CONFIG(agt_costs, 0);
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(b.engine.runtime), &costs);
    assert_int_equal(costs.total_nanousd, 0);
    assert_int_equal(costs.calls, 0);
    assert_int_equal(costs.simulated_nanousd, 10);
    assert_int_equal(costs.simulated_calls, 1);
    agt_graph_unref(graph);
    close_books(&b);
}

/* ---- several admissions -------------------------------------------------------------------- */

static agt__settle again_settle(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)policy;
    settlement->due_ns = agt__runtime_now_ns(agt__call_get_runtime(call)) + 10 * MS;
    return agt__call_get_outcome(call) == AGT_OUTCOME_OK ? AGT__SETTLE_DONE : AGT__SETTLE_AGAIN;
}

static const agt__policy_table again_table = {
    .name = "again",
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .settle = again_settle,
};

/* An attempt that was admitted by the budget but by no later stage costs nothing, also if there
 * was another one before. */
static void attempts_that_never_began_cost_nothing(void **state)
{
    (void)state;
    for (int retries = 0; retries < 2; retries++) {
        books b;
        uint32_t runs = 0;
        agt_test_policy again = {.granted = 0};
        open_books(&b, 100, NULL);
        add_tool(&b, "flaky", AGT_TOOL_INLINE, 10, fail_once, &runs);
        agt_test_add_policy(&b.engine, &again, &again_table);
        agt_graph *graph = agt_test_new_graph(&b.engine, NULL);
        (void)agt_test_add(graph, "flaky", "{}", NULL);
        again.refuse_take = retries == 0 ? 1 : 0;
        agt_task *task = start(&b, graph, 0);
        assert_int_equal(agt_task_wait(task, 5), AGT_E_TIMEOUT);
        expect_books(&b, retries * 10, retries, 0);
        again.refuse_take = 1;
        assert_int_equal(agt_task_wait(task, 50), AGT_E_TIMEOUT); /* parked by the later stage */
        expect_books(&b, retries * 10, retries, 0);
        agt_task_cancel(task);
        agt_results *results = agt_test_finish(task);
        agt_test_expect(results, 0, retries == 0 ? AGT_OUTCOME_CANCELLED : AGT_OUTCOME_ERROR, NULL);
        expect_books(&b, retries * 10, retries, 0);
        agt_results_unref(results);
        agt_graph_unref(graph);
        close_books(&b);
    }
}

static agt__settle replace_settle(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    agt_tool *other = agt_executor_get_tool(test->executor, "cheap");
    settlement->operation = &other->operation;
    return agt__call_get_outcome(call) == AGT_OUTCOME_OK ? AGT__SETTLE_DONE : AGT__SETTLE_REPLACE;
}

static const agt__policy_table replace_table = {
    .name = "replace",
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .settle = replace_settle,
};

/* Each operation is reserved and settled by its own price. */
static void replacements_have_their_own_price(void **state)
{
    (void)state;
    books b;
    uint32_t dear = 0, cheap = 1;
    agt_test_policy replace = {.granted = 0};
    open_books(&b, 100, NULL);
    add_tool(&b, "dear", AGT_TOOL_INLINE, 70, fail_once, &dear);
    add_tool(&b, "cheap", AGT_TOOL_INLINE, 3, fail_once, &cheap);
    agt_test_add_policy(&b.engine, &replace, &replace_table);
    agt_graph *graph = agt_test_new_graph(&b.engine, NULL);
    (void)agt_test_add(graph, "dear", "{}", NULL);
    agt_results *results = agt_test_finish(start(&b, graph, 0));
    agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
    expect_books(&b, 73, 2, 0);
    agt_test_expect_released(&replace, 2);
    agt_results_unref(results);
    agt_graph_unref(graph);
    close_books(&b);
}

/* ---- without an attempt -------------------------------------------------------------------- */

/* Calls that wait for a slot, and are ended there, have reserved nothing. */
static void waiting_reserves_nothing(void **state)
{
    (void)state;
    books b;
    agt_tool_call *pending = NULL;
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    open_books(&b, 100, &config);
    add_tool(&b, "never", AGT_TOOL_ASYNC, 10, never_end, &pending);
    agt_graph *graph = agt_test_new_graph(&b.engine, NULL);
    agt_call_options hurried = AGT_CONFIG(agt_call_options, .deadline_ms = 20);
    for (int i = 0; i < 5; i++) {
        (void)agt_test_add(graph, "never", "{}", i == 1 ? &hurried : NULL);
    }
    agt_task *task = start(&b, graph, 0);
    assert_int_equal(agt_task_wait(task, 30), AGT_E_TIMEOUT);
    expect_books(&b, 0, 0, 10);
    agt_task_cancel(task);
    agt_results *results = agt_test_finish(task);
    agt_test_expect(results, 1, AGT_OUTCOME_TIMEOUT, "deadline of the call");
    expect_books(&b, 10, 1, 0);
    agt_tool_complete(pending, AGT_OK, NULL);
    agt_results_unref(results);
    agt_graph_unref(graph);
    close_books(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ended_attempts_cost_what_they_cost),
        cmocka_unit_test(simulated_costs_are_reserved_and_never_real),
        cmocka_unit_test(attempts_that_never_began_cost_nothing),
        cmocka_unit_test(replacements_have_their_own_price),
        cmocka_unit_test(waiting_reserves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
