/*
 * The ledger: totals, agents, simulated money, lines, memory, threads.
 */
#include "telemetry/tracer.h"

#include <pthread.h>
#include <string.h>

#include "support/test.h"
#include "support/torture.h"

static agt_cost_entry make_entry(const char *agent, int64_t input, int64_t output, int64_t nanousd)
{
    agt_cost_entry entry = AGT_CONFIG(agt_cost_entry, .agent = agent, .provider = "provider",
                                      .model = "model", .cost_nanousd = nanousd);
    entry.usage = agt_usage_unknown();
    entry.usage.input_tokens = input;
    entry.usage.output_tokens = output;
    return entry;
}

static agt_costs get_costs(agt_cost_tracker *costs)
{
    agt_costs total = AGT_CONFIG(agt_costs, 0);
    agt_cost_tracker_get_costs(costs, &total);
    return total;
}

static void add(agt_cost_tracker *costs, const agt_cost_entry *entry)
{
    assert_int_equal(agt_cost_tracker_add(costs, entry), AGT_OK);
}

static void test_totals(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_cost_tracker *costs = NULL;
    assert_int_equal(agt__cost_tracker_new(&heap.allocator, &costs), AGT_OK);
    agt_costs none = AGT_CONFIG(agt_costs, 0);
    agt_costs total = get_costs(costs);
    assert_memory_equal(&total, &none, sizeof(none));

    agt_cost_entry entry = make_entry("anna", 100, 20, 5000);
    add(costs, &entry);
    entry = make_entry("bert", 1000, AGT_TOKENS_UNKNOWN, AGT_NANOUSD_UNKNOWN);
    add(costs, &entry);
    entry = make_entry(NULL, 1, 2, 7);
    add(costs, &entry);
    entry = make_entry("anna", 50000, 60000, 900000);
    entry.simulated = true;
    add(costs, &entry);
    entry.cost_nanousd = AGT_NANOUSD_UNKNOWN;
    add(costs, &entry);

    total = get_costs(costs);
    assert_int_equal(total.total_nanousd, 5007);
    assert_int_equal(total.input_tokens, 1101);
    assert_int_equal(total.output_tokens, 22);
    assert_int_equal(total.total_tokens, 1123);
    assert_int_equal(total.calls, 3);
    assert_int_equal(total.unpriced_calls, 1);
    assert_int_equal(total.simulated_nanousd, 900000);
    assert_int_equal(total.simulated_tokens, 220000);
    assert_int_equal(total.simulated_calls, 2);

    total = AGT_CONFIG(agt_costs, 0);
    assert_int_equal(agt_cost_tracker_get_agent_costs(costs, "anna", &total), AGT_OK);
    assert_int_equal(total.total_nanousd, 5000);
    assert_int_equal(total.calls, 1);
    assert_int_equal(total.simulated_calls, 2);
    assert_int_equal(agt_cost_tracker_get_agent_costs(costs, "bert", &total), AGT_OK);
    assert_int_equal(total.unpriced_calls, 1);
    assert_int_equal(agt_cost_tracker_get_agent_costs(costs, "carl", &total), AGT_E_NOT_FOUND);
    assert_int_equal(agt_cost_tracker_get_agent_costs(costs, NULL, &total), AGT_E_NOT_FOUND);
    assert_int_equal(agt_cost_tracker_get_agent_costs(NULL, "anna", &total), AGT_E_NOT_FOUND);
    assert_int_equal(total.unpriced_calls, 1); /* untouched */
    agt__cost_tracker_free(costs);
    agt_test_heap_deinit(&heap);
}

static void test_too_much_money(void **state)
{
    (void)state;
    agt_cost_tracker *costs = NULL;
    assert_int_equal(agt__cost_tracker_new(NULL, &costs), AGT_OK);
    agt_cost_entry entry = make_entry("rich", 1, 1, INT64_MAX);
    add(costs, &entry);
    add(costs, &entry);
    assert_int_equal(get_costs(costs).total_nanousd, INT64_MAX);
    agt__cost_tracker_free(costs);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    agt_cost_tracker *costs = NULL;
    assert_int_equal(agt__cost_tracker_new(NULL, &costs), AGT_OK);
    agt_cost_entry entry = make_entry("anna", 1, 1, 1);
    assert_int_equal(agt_cost_tracker_add(NULL, &entry), AGT_E_INVALID);
    assert_int_equal(agt_cost_tracker_add(costs, NULL), AGT_E_INVALID);
    entry.struct_size = 0;
    assert_int_equal(agt_cost_tracker_add(costs, &entry), AGT_E_INVALID);
    assert_int_equal(get_costs(costs).calls, 0);
    agt_costs total = AGT_CONFIG(agt_costs, .calls = 4);
    agt_cost_tracker_get_costs(NULL, &total);
    assert_int_equal(total.calls, 0);
    agt__cost_tracker_free(costs);
    agt__cost_tracker_free(NULL);
}

static void test_lines_come_in_order_and_may_go_back(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_cost_tracker *costs = NULL;
    assert_int_equal(agt__cost_tracker_new(&heap.allocator, &costs), AGT_OK);
    assert_null(agt__cost_tracker_take_lines(costs));
    agt__cost_tracker_return_lines(costs, NULL);

    char agent[] = "agent 0";
    for (int i = 0; i < 3; i++, agent[6]++) {
        agt_cost_entry entry = make_entry(agent, i, 0, i);
        entry.conversation = i == 1 ? "talk" : NULL;
        add(costs, &entry);
    }
    agt__cost_line *lines = agt__cost_tracker_take_lines(costs);
    assert_null(agt__cost_tracker_take_lines(costs));
    agt_cost_entry entry = make_entry(agent, 3, 0, 3);
    add(costs, &entry);
    agt__cost_tracker_return_lines(costs, lines);
    agent[6]++;
    entry = make_entry(agent, 4, 0, 4);
    add(costs, &entry);

    lines = agt__cost_tracker_take_lines(costs);
    int64_t number = 0;
    for (agt__cost_line *line = lines; line != NULL; line = line->next, number++) {
        assert_int_equal(line->entry.cost_nanousd, number);
        assert_int_equal(line->entry.agent[6], '0' + number);
        assert_string_equal(line->entry.model, "model");
        assert_string_equal(line->entry.provider, "provider");
        assert_int_equal(line->entry.conversation != NULL, number == 1);
    }
    assert_int_equal(number, 5);
    agt__cost_tracker_free_lines(costs, lines);
    entry = make_entry("left behind", 4, 0, 4);
    add(costs, &entry);
    agt__cost_tracker_return_lines(costs, agt__cost_tracker_take_lines(costs));
    agt__cost_tracker_free(costs); /* frees what nobody took */
    agt_test_heap_deinit(&heap);
}

/* ---- out of memory ----------------------------------------------------------------------------
 */

static void use_tracker(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_cost_tracker *costs = NULL;
    if (agt__cost_tracker_new(allocator, &costs) != AGT_OK) {
        return;
    }
    char agent[] = "agent 0";
    int failed = 0;
    for (int i = 0; i < 20; i++) {
        agent[6] = (char)('0' + i % 10);
        agt_cost_entry entry = make_entry(agent, 10, 1, 100);
        agt_status status = agt_cost_tracker_add(costs, &entry);
        assert_true(status == AGT_OK || status == AGT_E_NOMEM);
        failed += status != AGT_OK;
    }
    assert_int_equal(failed > 0, agt_test_heap_of(allocator)->failures > 0);
    agt_costs total = get_costs(costs); /* exact all the same */
    assert_int_equal(total.total_nanousd, 2000);
    assert_int_equal(total.total_tokens, 220);
    assert_int_equal(total.calls, 20);
    agt__cost_tracker_free(costs);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(use_tracker, NULL);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

enum {
    THREADS = 4,
    LINES_EACH = 500
};

static void *spend(void *arg)
{
    agt_cost_tracker *costs = arg;
    agt_cost_entry entry = make_entry("anna", 3, 2, 10);
    for (int i = 0; i < LINES_EACH; i++) {
        (void)agt_cost_tracker_add(costs, &entry);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    agt_cost_tracker *costs = NULL;
    assert_int_equal(agt__cost_tracker_new(NULL, &costs), AGT_OK);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, spend, costs), 0);
    }
    int64_t taken = 0;
    for (int i = 0; i < 50; i++) {
        agt__cost_line *lines = agt__cost_tracker_take_lines(costs);
        if (i % 2 == 0) {
            agt__cost_tracker_return_lines(costs, lines);
            continue;
        }
        for (agt__cost_line *line = lines; line != NULL; line = line->next) {
            taken++;
        }
        agt__cost_tracker_free_lines(costs, lines);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    agt__cost_line *lines = agt__cost_tracker_take_lines(costs);
    for (agt__cost_line *line = lines; line != NULL; line = line->next) {
        taken++;
    }
    agt__cost_tracker_free_lines(costs, lines);
    assert_int_equal(taken, THREADS * LINES_EACH);
    assert_int_equal(get_costs(costs).total_nanousd, 10 * THREADS * LINES_EACH);
    agt__cost_tracker_free(costs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_too_much_money),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_lines_come_in_order_and_may_go_back),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
