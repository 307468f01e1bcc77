/*
 * Inputs that are filled in from outputs: what is replaced, what is left alone, and how much of it
 * there may be.
 */
#include "support/test.h"

#include "agent_sdk/exec.h"
#include "support/exec.h"
#include "support/values.h"

#include <stdio.h>

static agt_status give_input(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    *ret_output = agt_value_ref(agt_tool_call_get_input(call));
    return AGT_OK;
}

static void setup(agt_test_engine *engine)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE);
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
    static const char *const names[] = {"one", "two", "user"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            agt_executor_register_tool(engine->executor, names[i], give_input, &config, NULL),
            AGT_OK);
    }
}

typedef struct null_case {
    const char *input, *output;
} null_case;

static void nulls_are_filled_in_and_nothing_else(void **state)
{
    (void)state;
    agt_test_engine engine;
    static const null_case cases[] = {
        {"{\"a\":null,\"b\":1}", "{\"a\":{\"one\":{\"x\":1},\"two\":{\"y\":2}},\"b\":1}"},
        {"{\"b\":1}", "{\"b\":1}"},
        {"{\"a\":[null]}", "{\"a\":[null]}"},
        {"[null]", "[null]"},
        /* A key with a NUL in it is not the one it begins with. */
        {"{\"b\":1,\"b\\u0000c\":null}",
         "{\"b\":1,\"b\\u0000c\":{\"one\":{\"x\":1},\"two\":{\"y\":2}}}"},
    };
    setup(&engine);
    assert_int_equal(agt_executor_add_dependency(engine.executor, "user", "one", NULL), AGT_OK);
    assert_int_equal(agt_executor_add_dependency(engine.executor, "user", "two", NULL), AGT_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *values[] = {agt_test_json(NULL, "{\"x\":1}"), agt_test_json(NULL, "{\"y\":2}"),
                               agt_test_json(NULL, cases[i].input)};
        const agt_input inputs[] = {{"one", values[0]}, {"two", values[1]}, {"user", values[2]}};
        agt_results *results;
        assert_int_equal(agt_executor_execute_parallel(engine.executor, inputs, 3, &results, NULL),
                         AGT_OK);
        agt_test_expect_output(results, 2, cases[i].output);
        agt_results_unref(results);
        for (size_t k = 0; k < 3; k++) {
            agt_value_unref(values[k]);
        }
    }
    agt_test_engine_deinit(&engine);
}

static void bindings_replace_members_in_their_place(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id from = agt_test_add(graph, "one", "{\"x\":null,\"y\":[7]}", NULL);
    agt_call_id to = agt_test_add(graph, "user", "{\"a\":0,\"b\":null,\"c\":3}", NULL);
    agt_call_id flat = agt_test_add(graph, "user", "[1]", NULL);
    assert_int_equal(agt_graph_add_binding(graph, to, "a", from, "/y/0", NULL), AGT_OK);
    assert_int_equal(agt_graph_add_binding(graph, to, "d", from, "/x", NULL), AGT_OK);
    assert_int_equal(agt_graph_add_binding(graph, to, "d", from, "/y", NULL), AGT_OK);
    assert_int_equal(agt_graph_add_binding(graph, flat, "a", from, "", NULL), AGT_OK);
    assert_int_equal(agt_graph_add_binding(graph, to, "\xFF", from, "", NULL), AGT_E_SYNTAX);
    assert_int_equal(agt_graph_add_binding(graph, to, NULL, from, "", NULL), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_binding(graph, to, "a", 9, "", NULL), AGT_E_NOT_FOUND);
    assert_int_equal(agt_graph_add_binding(graph, to, "a", to, "", NULL), AGT_E_CYCLE);
    for (int run = 0; run < 2; run++) {
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect_output(results, to, "{\"a\":7,\"b\":null,\"c\":3,\"d\":[7]}");
        agt_test_expect(results, flat, AGT_OUTCOME_REJECTED, "is no object");
        agt_results_unref(results);
    }
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* Twenty thousand outputs are gathered in one input, and as many nulls filled in. */
static void many_members_are_filled_in_at_once(void **state)
{
    (void)state;
    enum {
        MANY = 20000
    };
    agt_test_engine engine;
    char name[24];
    setup(&engine);
    assert_int_equal(agt_executor_add_dependency(engine.executor, "user", "one", NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id to = agt_test_add(graph, "user", "{}", NULL);
    agt_value_builder *nulls;
    assert_int_equal(agt_value_builder_new(NULL, &nulls), AGT_OK);
    agt_value_builder_begin_object(nulls);
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        agt_call_id from = agt_test_add(graph, "one", "{}", NULL);
        assert_int_equal(agt_graph_add_binding(graph, to, name, from, "", NULL), AGT_OK);
        agt_value_builder_key(nulls, name);
        agt_value_builder_null(nulls);
    }
    agt_value_builder_end(nulls);
    agt_value *input;
    assert_int_equal(agt_value_builder_finish(nulls, &input, NULL), AGT_OK);
    agt_value_builder_free(nulls);
    agt_results *results = agt_test_run_graph(graph, NULL);
    assert_int_equal(agt_value_get_count(agt_results_get_output(results, to)), MANY);
    agt_results_unref(results);
    agt_graph_unref(graph);
    const agt_input inputs[] = {{"one", NULL}, {"user", input}};
    assert_int_equal(agt_executor_execute_parallel(engine.executor, inputs, 2, &results, NULL),
                     AGT_OK);
    const agt_value *output = agt_results_get_output(results, 1);
    assert_int_equal(agt_value_get_count(output), MANY);
    agt_test_assert_json(agt_value_get_item(output, MANY - 1), "{}");
    agt_results_unref(results);
    agt_value_unref(input);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nulls_are_filled_in_and_nothing_else),
        cmocka_unit_test(bindings_replace_members_in_their_place),
        cmocka_unit_test(many_members_are_filled_in_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
