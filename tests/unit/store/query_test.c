/*
 * Reading: lists of runs and their totals, costs by group, and what an id means.
 */
#include "agent_sdk/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "store/store.h"
#include "support/folder.h"
#include "support/stores.h"
#include "support/test.h"
#include "support/values.h"

#define DAY UINT64_C(86400000000000)

static char *folder, *path;
static agt_store *writer, *store;

static int set_up(void **state)
{
    (void)state;
    folder = agt_test_folder_new();
    path = agt_test_folder_path(folder, "store.db");
    writer = agt_test_store_open_writer(path);
    assert_int_equal(agt_store_open(NULL, path, &store, NULL), AGT_OK);
    agt_test_store_begin(writer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    agt_store_free(store);
    agt_store_free(writer);
    free(path);
    agt_test_folder_free(folder);
    return 0;
}

static void check_runs(uint32_t limit, const char *json)
{
    agt_value *runs = NULL;
    assert_int_equal(agt_store_list_runs(store, limit, &runs, NULL), AGT_OK);
    agt_test_assert_json(runs, json);
    agt_value_unref(runs);
}

static void check_costs(agt_store_group group, const char *run_id, uint64_t since, const char *json)
{
    agt_value *costs = NULL;
    agt_error err = {.message = ""};
    if (agt_store_get_costs(store, group, run_id, since, &costs, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_test_assert_json(costs, json);
    agt_value_unref(costs);
}

static void test_nothing(void **state)
{
    (void)state;
    check_runs(0, "[]");
    check_costs(AGT_STORE_BY_AGENT, NULL, 0, "[]");
    agt_value *value = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(agt_store_get_run(store, "last", &value, &err), AGT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "no runs"));
    assert_int_equal(agt_store_get_run(store, "01J", &value, &err), AGT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "no run \"01J\""));
    assert_int_equal(agt_store_get_costs(store, AGT_STORE_BY_RUN, "last", 0, &value, &err),
                     AGT_E_NOT_FOUND);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    agt_value *value = NULL;
    agt_error err;
    char longest[200];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(agt_store_list_runs(NULL, 0, &value, &err), AGT_E_INVALID);
    assert_int_equal(agt_store_get_run(NULL, "last", &value, &err), AGT_E_INVALID);
    assert_int_equal(agt_store_get_run(store, NULL, &value, &err), AGT_E_INVALID);
    assert_int_equal(agt_store_get_run(store, "", &value, &err), AGT_E_INVALID);
    assert_int_equal(agt_store_get_run(store, longest, &value, &err), AGT_E_INVALID);
    assert_int_equal(agt_store_get_costs(NULL, AGT_STORE_BY_DAY, NULL, 0, &value, &err),
                     AGT_E_INVALID);
    assert_int_equal(agt_store_get_costs(store, (agt_store_group)99, NULL, 0, &value, &err),
                     AGT_E_INVALID);
    assert_null(value);
}

static void test_runs_and_their_totals(void **state)
{
    (void)state;
    agt_test_store_put_run(writer, agt_test_run("01A", 1, 1000, 5000));
    agt_test_store_put_run(writer, agt_test_run("01C", 3, 3000, 0));
    agt_test_store_put_run(writer, agt_test_run("01B", 2, 2000, 1500)); /* a clock went back */
    agt_test_store_put_span(writer, agt_test_span(1, 1, 0, 1000, 5000));
    agt_test_store_put_span(writer, agt_test_span(1, 2, 1, 1000, 5000));
    agt_test_store_put_span(writer, agt_test_span(4, 1, 0, 1000, 5000)); /* of no run */
    agt_test_store_put_cost(writer, agt_test_cost(1, "anna", 500, 1));
    agt_test_store_put_cost(writer, agt_test_cost(1, "bert", 70, 2));
    agt_test_store_put_cost(writer, agt_test_cost(1, "bert", AGT_NANOUSD_UNKNOWN, 2));
    agt_cost_entry simulated = agt_test_cost(1, "anna", 9000, 1);
    simulated.simulated = true;
    agt_test_store_put_cost(writer, simulated);
    agt_test_store_commit(writer);

#define NO_COSTS                                                                                   \
    "\"input_tokens\":0,\"output_tokens\":0,\"cost_nanousd\":0,\"unpriced_calls\":0,"              \
    "\"simulated_nanousd\":0,\"simulated_tokens\":0,\"spans\":0}"
#define RUN_C                                                                                      \
    "{\"id\":\"01C\",\"trace_id\":\"33333333333333333333333333333333\","                           \
    "\"name\":\"invoke_agent cook\",\"status\":\"running\",\"start_unix_ns\":3000,"                \
    "\"duration_ns\":null," NO_COSTS
#define RUN_B                                                                                      \
    "{\"id\":\"01B\",\"trace_id\":\"22222222222222222222222222222222\","                           \
    "\"name\":\"invoke_agent cook\",\"status\":\"ok\",\"start_unix_ns\":2000,"                     \
    "\"duration_ns\":0," NO_COSTS
    check_runs(0, "[" RUN_C "," RUN_B
                  ",{\"id\":\"01A\",\"trace_id\":\"11111111111111111111111111111111\","
                  "\"name\":\"invoke_agent cook\",\"status\":\"ok\",\"start_unix_ns\":1000,"
                  "\"duration_ns\":4000,\"input_tokens\":300,\"output_tokens\":30,"
                  "\"cost_nanousd\":570,\"unpriced_calls\":1,\"simulated_nanousd\":9000,"
                  "\"simulated_tokens\":110,\"spans\":2}]");
    check_runs(2, "[" RUN_C "," RUN_B "]");
}

static void test_costs_by_group(void **state)
{
    (void)state;
    agt_test_store_put_run(writer, agt_test_run("01A", 1, 1, 2));
    agt_test_store_put_run(writer, agt_test_run("01Z", 1, 5, 6)); /* of the same trace */
    agt_cost_entry entry = agt_test_cost(1, "anna", 500, 20000 * DAY);
    entry.conversation = "talk";
    agt_test_store_put_cost(writer, entry);
    entry = agt_test_cost(2, "bert", 700, 20001 * DAY - 1);
    agt_test_store_put_cost(writer, entry);
    entry = agt_test_cost(2, NULL, AGT_NANOUSD_UNKNOWN, 20001 * DAY);
    entry.usage = agt_usage_unknown();
    entry.model = NULL;
    agt_test_store_put_cost(writer, entry);
    entry = agt_test_cost(1, "anna", 3, 20001 * DAY);
    entry.simulated = true;
    agt_test_store_put_cost(writer, entry);
    entry.cost_nanousd = AGT_NANOUSD_UNKNOWN;
    agt_test_store_put_cost(writer, entry);
    agt_test_store_commit(writer);

#define SUMS(calls, in, out, cost, unpriced, sim_calls, sim_tokens, sim_cost)                      \
    "\"calls\":" calls ",\"input_tokens\":" in ",\"output_tokens\":" out ",\"cost_nanousd\":" cost \
    ",\"unpriced_calls\":" unpriced ",\"simulated_calls\":" sim_calls                              \
    ",\"simulated_tokens\":" sim_tokens ",\"simulated_nanousd\":" sim_cost "}"
#define FIRST  SUMS("1", "100", "10", "500", "0", "2", "220", "3")
#define SECOND SUMS("1", "100", "10", "700", "0", "0", "0", "0")
#define THIRD  SUMS("1", "0", "0", "0", "1", "0", "0", "0")
    check_costs(AGT_STORE_BY_AGENT, NULL, 0,
                "[{\"key\":\"bert\"," SECOND ",{\"key\":\"anna\"," FIRST ",{\"key\":\"\"," THIRD
                "]");
    check_costs(AGT_STORE_BY_MODEL, NULL, 0,
                "[{\"key\":\"model\"," SUMS("2", "200", "20", "1200", "0", "2", "220",
                                            "3") ","
                                                 "{\"key\":\"\"," THIRD "]");
    /* A line of a trace with two runs is counted once. */
    check_costs(AGT_STORE_BY_RUN, NULL, 0,
                "[{\"key\":\"\"," SUMS("2", "100", "10", "700", "1", "0", "0",
                                       "0") ","
                                            "{\"key\":\"01A\"," FIRST "]");
    check_costs(
        AGT_STORE_BY_DAY, NULL, 0,
        "[{\"key\":\"2024-10-04\"," SUMS("2", "200", "20", "1200", "0", "0", "0",
                                         "0") ","
                                              "{\"key\":\"2024-10-05\"," SUMS(
                                                  "1", "0", "0", "0", "1", "2", "220", "3") "]");
    check_costs(AGT_STORE_BY_CONVERSATION, NULL, 0,
                "[{\"key\":\"\"," SUMS("2", "100", "10", "700", "1", "2", "220",
                                       "3") ","
                                            "{\"key\":\"talk\"," SUMS("1", "100", "10", "500", "0",
                                                                      "0", "0", "0") "]");
    check_costs(AGT_STORE_BY_AGENT, "01A", 0, "[{\"key\":\"anna\"," FIRST "]");
    check_costs(AGT_STORE_BY_AGENT, NULL, 20001 * DAY,
                "[{\"key\":\"anna\"," SUMS("0", "0", "0", "0", "0", "2", "220",
                                           "3") ","
                                                "{\"key\":\"\"," THIRD "]");
    check_costs(AGT_STORE_BY_AGENT, NULL, UINT64_MAX, "[]");
}

/* The start of the run that `id` means; -1 if none or several do. */
static int64_t find(const char *id, agt_status wanted)
{
    agt_value *run = NULL;
    int64_t start = -1;
    agt_error err = {.message = ""};
    agt_status status = agt_store_get_run(store, id, &run, &err);
    if (status != wanted) {
        fail_msg("%s: %s \"%s\"", id, agt_status_get_name(status), err.message);
    }
    if (status == AGT_OK) {
        assert_int_equal(agt_value_get_int64(agt_value_get_member(run, "start_unix_ns"), &start),
                         AGT_OK);
    }
    agt_value_unref(run);
    return start;
}

static void test_what_an_id_means(void **state)
{
    (void)state;
    agt_test_store_put_run(writer, agt_test_run("01JABC", 1, 1, 2));
    agt_test_store_put_run(writer, agt_test_run("01JABD", 2, 2, 3));
    agt_test_store_put_run(writer, agt_test_run("01JAB", 3, 3, 4));
    agt_test_store_put_run(writer, agt_test_run("x_%", 15, 4, 5));
    agt__store_run other = agt_test_run("01K", 1, 0, 1);
    other.trace_id[15] = 0x1F;
    agt_test_store_put_run(writer, other);
    agt_test_store_commit(writer);

    assert_int_equal(find("last", AGT_OK), 4);
    assert_int_equal(find("01JABC", AGT_OK), 1);
    assert_int_equal(find("01jabd", AGT_OK), 2);
    assert_int_equal(find("01JAB", AGT_OK), 3); /* whole, though others begin with it */
    (void)find("01JA", AGT_E_INVALID);
    (void)find("01", AGT_E_INVALID);
    assert_int_equal(find("01K", AGT_OK), 0);
    (void)find("01JABCD", AGT_E_NOT_FOUND);
    (void)find("_1JABC", AGT_E_NOT_FOUND); /* nothing is a pattern */
    assert_int_equal(find("x_%", AGT_OK), 4);
    (void)find("x%", AGT_E_NOT_FOUND);

    assert_int_equal(find("22222222222222222222222222222222", AGT_OK), 2);
    assert_int_equal(find("222", AGT_OK), 2);
    assert_int_equal(find("FFF", AGT_OK), 4);
    (void)find("111111", AGT_E_INVALID);
    assert_int_equal(find("1111111111111111111111111111111f", AGT_OK), 0);
    (void)find("222222222222222222222222222222222", AGT_E_NOT_FOUND);
    (void)find("23", AGT_E_NOT_FOUND);

    agt_value *run = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(agt_store_get_run(store, "01JA", &run, &err), AGT_E_INVALID);
    assert_string_equal(err.message,
                        "\"01JA\" fits several runs, such as 01JAB and 01JABD: write more of it");
}

/* ---- sums that have to agree --------------------------------------------------------------------
 */

static int64_t sum_members(const agt_value *array, const char *member)
{
    int64_t sum = 0, number = 0;
    for (size_t i = 0; i < agt_value_get_count(array); i++) {
        const agt_value *item = agt_value_get_item(array, i);
        assert_int_equal(agt_value_get_int64(agt_value_get_member(item, member), &number), AGT_OK);
        sum += number;
    }
    return sum;
}

static void test_all_groups_agree_with_the_ledger(void **state)
{
    (void)state;
    static const char *const agents[] = {"anna", "bert", NULL};
    static const char *const talks[] = {"one", NULL};
    agt__prng prng;
    agt__prng_seed(&prng, 99);
    int64_t cost = 0, simulated = 0, calls = 0;
    for (uint8_t trace = 1; trace <= 6; trace++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "run %d", trace);
        agt_test_store_put_run(writer, agt_test_run(id, trace, trace, 100));
    }
    for (int i = 0; i < 300; i++) {
        agt_cost_entry entry = agt_test_cost(
            (uint8_t)(1 + agt__prng_below(&prng, 6)), agents[agt__prng_below(&prng, 3)],
            (int64_t)agt__prng_below(&prng, 1000000000), agt__prng_below(&prng, 10 * DAY));
        entry.conversation = talks[agt__prng_below(&prng, 2)];
        entry.simulated = agt__prng_below(&prng, 3) == 0;
        cost += entry.simulated ? 0 : entry.cost_nanousd;
        simulated += entry.simulated ? entry.cost_nanousd : 0;
        calls += !entry.simulated;
        agt_test_store_put_cost(writer, entry);
    }
    agt_test_store_commit(writer);
    for (int group = AGT_STORE_BY_AGENT; group <= AGT_STORE_BY_CONVERSATION; group++) {
        agt_value *costs = NULL;
        assert_int_equal(agt_store_get_costs(store, (agt_store_group)group, NULL, 0, &costs, NULL),
                         AGT_OK);
        assert_int_equal(sum_members(costs, "cost_nanousd"), cost);
        assert_int_equal(sum_members(costs, "simulated_nanousd"), simulated);
        assert_int_equal(sum_members(costs, "calls"), calls);
        assert_int_equal(sum_members(costs, "simulated_calls"), 300 - calls);
        agt_value_unref(costs);
    }
    agt_value *runs = NULL;
    assert_int_equal(agt_store_list_runs(store, 0, &runs, NULL), AGT_OK);
    assert_int_equal(sum_members(runs, "cost_nanousd"), cost);
    assert_int_equal(sum_members(runs, "simulated_nanousd"), simulated);
    agt_value_unref(runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_runs_and_their_totals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_costs_by_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_an_id_means, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_groups_agree_with_the_ledger, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
