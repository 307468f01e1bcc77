/*
 * One run with its spans: order, spans whose parents are missing, circles, attributes.
 */
#include "agent_sdk/store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "store/store.h"
#include "support/folder.h"
#include "support/stores.h"
#include "support/test.h"
#include "support/values.h"

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
    agt_test_store_put_run(writer, agt_test_run("run", 1, 100, 200));
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

static agt_value *get_run(void)
{
    agt_value *run = NULL;
    agt_error err = {.message = ""};
    if (agt_store_get_run(store, "run", &run, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return run;
}

/* The order of the spans of the run, a digit or letter of each id. */
static void check_order(const char *wanted)
{
    agt_value *run = get_run();
    const agt_value *spans = agt_value_get_member(run, "spans");
    char order[64] = "";
    size_t count = agt_value_get_count(spans);
    assert_true(count < sizeof(order));
    for (size_t i = 0; i < count; i++) {
        const char *id = agt_value_get_string(
            agt_value_get_member(agt_value_get_item(spans, i), "span_id"), NULL);
        order[i] = id[15];
    }
    order[count] = '\0';
    assert_string_equal(order, wanted);
    agt_value_unref(run);
}

static void put(uint8_t id, uint8_t parent, uint64_t start)
{
    agt_test_store_put_span(writer, agt_test_span(1, id, parent, start, start + 10));
}

static void test_a_run_without_spans(void **state)
{
    (void)state;
    agt_test_store_commit(writer);
    agt_value *run = get_run();
    agt_test_assert_json(run, "{\"id\":\"run\",\"trace_id\":\"11111111111111111111111111111111\","
                              "\"name\":\"invoke_agent cook\",\"status\":\"ok\","
                              "\"start_unix_ns\":100,\"duration_ns\":100,\"input_tokens\":0,"
                              "\"output_tokens\":0,\"cost_nanousd\":0,\"unpriced_calls\":0,"
                              "\"simulated_nanousd\":0,\"simulated_tokens\":0,\"spans\":[]}");
    agt_value_unref(run);
}

static void test_the_shape_of_a_span(void **state)
{
    (void)state;
    agt_value *attributes = agt_test_value(NULL, "{\"x\":[1,2.50],\"y\":\"z\"}");
    agt__store_span span = agt_test_span(1, 2, 1, 110, 120);
    span.name = "execute_tool search";
    span.kind = AGT_SPAN_CLIENT;
    span.error = true;
    span.message = "no";
    span.attributes = attributes;
    span.dropped_attributes = 3;
    agt_test_store_put_span(writer, span);
    agt_test_store_put_cost(writer, agt_test_cost(1, "anna", 5, 1));
    agt_test_store_commit(writer);
    agt_value *run = get_run();
    const agt_value *stored = agt_value_get_item(agt_value_get_member(run, "spans"), 0);
    agt_test_assert_json(stored,
                         "{\"span_id\":\"0000000000000002\",\"parent_span_id\":"
                         "\"0000000000000001\",\"name\":\"execute_tool search\",\"kind\":3,"
                         "\"start_unix_ns\":110,\"end_unix_ns\":120,\"error\":true,\"message\":"
                         "\"no\",\"attributes\":{\"x\":[1,2.50],\"y\":\"z\"},"
                         "\"dropped_attributes\":3}");
    assert_true(agt_value_is_tainted(agt_value_get_member(stored, "attributes")));
    agt_test_assert_json(agt_value_get_member(run, "cost_nanousd"), "5");
    agt_value_unref(attributes);
    agt_value_unref(run);
}

static void test_parents_before_children(void **state)
{
    (void)state;
    /* Written as spans end: children first. Siblings are in the order of their starts. */
    put(4, 2, 120);
    put(5, 2, 115);
    put(2, 1, 110);
    put(6, 3, 140);
    put(3, 1, 130);
    put(1, 0, 100);
    agt_test_store_commit(writer);
    check_order("125436");
}

static void test_a_child_that_seems_older(void **state)
{
    (void)state;
    put(1, 0, 100);
    put(2, 1, 50); /* of another machine, whose clock is behind */
    agt_test_store_commit(writer);
    check_order("12");
}

static void test_missing_parents(void **state)
{
    (void)state;
    put(3, 9, 130); /* its parent is still open, or was dropped */
    put(4, 3, 140);
    put(1, 0, 100);
    put(2, 1, 150);
    agt_test_store_put_span(writer, agt_test_span(2, 7, 1, 1, 2)); /* of another trace */
    agt_test_store_commit(writer);
    check_order("1234");
}

static void test_circles(void **state)
{
    (void)state;
    put(1, 0, 100);
    put(2, 2, 110); /* its own parent */
    put(3, 4, 120); /* each other's */
    put(4, 3, 130);
    put(5, 4, 140);
    put(6, 1, 150);
    put(6, 1, 160); /* the same id twice */
    put(7, 6, 170);
    agt_test_store_commit(writer);
    agt_value *run = get_run();
    assert_int_equal(agt_value_get_count(agt_value_get_member(run, "spans")), 8);
    agt_value_unref(run);
}

static void test_damaged_attributes(void **state)
{
    (void)state;
    put(1, 0, 100);
    agt_test_store_commit(writer);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE span SET attributes = '{\"a\":'", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    agt_value *run = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(agt_store_get_run(store, "run", &run, &err), AGT_E_SYNTAX);
    assert_non_null(strstr(err.message, "damaged"));
    assert_null(run);
    assert_int_equal(agt_store_list_runs(store, 0, &run, &err), AGT_OK); /* it is usable still */
    agt_value_unref(run);
}

/* ---- random trees -------------------------------------------------------------------------------
 */

enum {
    SPANS = 120
};

static size_t get_number(const agt_value *span, const char *member)
{
    const char *id = agt_value_get_string(agt_value_get_member(span, member), NULL);
    return id ? strtoul(id, NULL, 16) : 0;
}

static void test_random_trees(void **state)
{
    (void)state;
    agt__prng prng;
    agt__prng_seed(&prng, 4);
    uint8_t parents[SPANS + 1] = {0};
    uint8_t order[SPANS];
    for (size_t i = 0; i < SPANS; i++) {
        order[i] = (uint8_t)(i + 1);
        parents[i + 1] = (uint8_t)agt__prng_below(&prng, i + 1);
    }
    for (size_t i = SPANS - 1; i > 0; i--) { /* stored in any order */
        size_t other = agt__prng_below(&prng, i + 1);
        uint8_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (size_t i = 0; i < SPANS; i++) {
        put(order[i], parents[order[i]], 100 + agt__prng_below(&prng, 1000));
    }
    agt_test_store_commit(writer);

    agt_value *run = get_run();
    const agt_value *spans = agt_value_get_member(run, "spans");
    assert_int_equal(agt_value_get_count(spans), SPANS);
    bool seen[SPANS + 1] = {true};
    for (size_t i = 0; i < SPANS; i++) {
        const agt_value *span = agt_value_get_item(spans, i);
        size_t id = get_number(span, "span_id");
        size_t parent = get_number(span, "parent_span_id");
        assert_in_range(id, 1, SPANS);
        assert_false(seen[id]);
        assert_int_equal(parent, parents[id]);
        assert_true(seen[parent]);
        seen[id] = true;
    }
    agt_value_unref(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_without_spans, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_shape_of_a_span, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parents_before_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_child_that_seems_older, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_parents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_circles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_trees, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
