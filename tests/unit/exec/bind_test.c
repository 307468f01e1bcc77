/* Bindings: parts of outputs become members of inputs; and the nulls of a batch. */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/torture.h"

#include <string.h>

static void setup(agt_test_engine *engine)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
}

static void bind(agt_graph *graph, agt_call_id call, const char *parameter, agt_call_id from,
                 const char *pointer)
{
    agt_error err;
    if (agt_graph_add_binding(graph, call, parameter, from, pointer, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
}

/* One source with the output @output, one call with the input @input. */
typedef struct bind_case {
    const char *output, *input, *parameter, *pointer;
    const char *bound; /* what the call gets; NULL = it is rejected … */
    const char *says;  /* … saying this */
} bind_case;

static void parts_are_found(void **state)
{
    (void)state;
    static const bind_case cases[] = {
        {"{\"a\": [1, {\"b\": 2}]}", "{}", "x", "", "{\"x\":{\"a\":[1,{\"b\":2}]}}", NULL},
        {"{\"a\": [1, {\"b\": 2}]}", "{\"y\": 0}", "x", "/a/1/b", "{\"y\":0,\"x\":2}", NULL},
        {"{\"a\": 1}", "{\"x\": 0, \"y\": 0}", "x", "/a", "{\"x\":1,\"y\":0}", NULL},
        {"{\"a/b\": {\"~\": null}}", "{}", "x", "/a~1b/~0", "{\"x\":null}", NULL},
        {"{\"\": 5}", "{}", "", "/", "{\"\":5}", NULL},
        {"7", "{}", "x", "", "{\"x\":7}", NULL},
        {"null", "{}", "x", "", "{\"x\":null}", NULL},
        {"{\"a\": 1}", "{}", "x", "/b", NULL,
         "parameter \"x\" is bound to \"/b\" of the output of \"inline\""},
        {"[1, 2]", "{}", "x", "/2", NULL, "\"/2\""},
        {"[1, 2]", "{}", "x", "/-", NULL, "\"/-\""},
        {"7", "{}", "x", "/a", NULL, "\"/a\""},
        {"7", "[]", "x", "", NULL, "the input is no object"},
        {"7", "\"text\"", "x", "", NULL, "the input is no object"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_test_engine engine;
        setup(&engine);
        agt_value *output = agt_test_json(NULL, cases[i].output);
        agt_value *input = agt_value_empty_object();
        assert_int_equal(agt_value_with_member(NULL, input, "echo", output, &input), AGT_OK);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id source;
        assert_int_equal(agt_graph_add_call(graph, "inline", input, NULL, &source, NULL), AGT_OK);
        agt_call_id call = agt_test_add(graph, "async", cases[i].input, NULL);
        bind(graph, call, cases[i].parameter, source, cases[i].pointer);
        agt_results *results = agt_test_run_graph(graph, NULL);
        if (cases[i].bound != NULL) {
            agt_test_expect_output(results, call, cases[i].bound);
        } else {
            agt_test_expect(results, call, AGT_OUTCOME_REJECTED, cases[i].says);
        }
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_value_unref(input);
        agt_value_unref(output);
        agt_test_engine_deinit(&engine);
    }
}

static void several_bindings_are_applied_in_order(void **state)
{
    (void)state;
    agt_test_engine engine;
    setup(&engine);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id a = agt_test_add(graph, "async", "{\"ms\": 5, \"echo\": [1, 2]}", NULL);
    agt_call_id b = agt_test_add(graph, "async", "{\"ms\": 9, \"echo\": \"b\"}", NULL);
    agt_call_id call = agt_test_add(graph, "inline", "{\"z\": 0}", NULL);
    bind(graph, call, "x", a, "/0");
    bind(graph, call, "y", b, "");
    bind(graph, call, "w", a, "/1");
    bind(graph, call, "x", a, "/1"); /* the last one counts */
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_test_expect_output(results, call, "{\"z\":0,\"x\":2,\"y\":\"b\",\"w\":2}");
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* What is bound comes from a tool, and what the program wrote does not. */
static agt_status show_taint(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    const agt_value *input = agt_tool_call_get_input(call);
    bool *seen = user_data;
    (void)ret_output;
    seen[0] = agt_value_is_tainted(input);
    seen[1] = agt_value_is_tainted(agt_value_get_member(input, "x"));
    seen[2] = agt_value_is_tainted(agt_value_get_member(input, "y"));
    return AGT_OK;
}

static void bound_parts_are_tainted(void **state)
{
    (void)state;
    agt_test_engine engine;
    bool seen[3] = {false, false, true};
    setup(&engine);
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .user_data = seen);
    assert_int_equal(agt_executor_register_tool(engine.executor, "show", show_taint, &config, NULL),
                     AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id a = agt_test_add(graph, "inline", "{\"echo\": {\"k\": 1}}", NULL);
    agt_call_id call = agt_test_add(graph, "show", "{\"y\": 1}", NULL);
    bind(graph, call, "x", a, "/k");
    agt_results_unref(agt_test_run_graph(graph, NULL));
    assert_true(seen[0]);
    assert_true(seen[1]);
    assert_false(seen[2]);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void bad_bindings_are_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    setup(&engine);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id a = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_binding(graph, a, "x", a, "", &err), AGT_E_CYCLE);
    assert_int_equal(agt_graph_add_binding(graph, a, "x", 7, "", &err), AGT_E_NOT_FOUND);
    assert_int_equal(agt_graph_add_binding(graph, 7, "x", a, "", &err), AGT_E_NOT_FOUND);
    assert_int_equal(agt_graph_add_binding(graph, a, "x", a, "x", &err), AGT_E_SYNTAX);
    assert_int_equal(agt_graph_add_binding(graph, a, NULL, a, "", &err), AGT_E_INVALID);
    assert_int_equal(agt_graph_add_binding(NULL, a, "x", a, "", &err), AGT_E_INVALID);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- on workers ---------------------------------------------------------------------------- */

/* A bound call that follows in place on a worker, but is due before what that worker's timer
 * watches, changes its queue after it was bound. (Leaks are found by the heap.) */
static void a_call_that_changes_its_queue_is_bound_once(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, &heap.allocator, false, NULL), AGT_OK);
    for (int i = 0; i < 20; i++) {
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id a = agt_test_add(graph, "blocking", "{\"echo\": [5]}", NULL);
        agt_call_options own = AGT_CONFIG(agt_call_options, .timeout_ms = 20000);
        agt_call_id b = agt_test_add(graph, "blocking", "{}", &own);
        bind(graph, b, "echo", a, "/0");
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect_output(results, b, "5");
        agt_results_unref(results);
        agt_graph_unref(graph);
    }
    agt_test_engine_deinit(&engine);
    agt_test_heap_deinit(&heap);
}

/* ---- without memory ------------------------------------------------------------------------ */

static void bind_all(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_call_id a = 0, b = 0, c = 0;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_status status = agt_graph_new(engine.executor, NULL, &graph, NULL);
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "async", "{\"echo\": {\"k\": [1, 2]}}", &a);
    }
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "async", "{\"echo\": \"b\"}", &b);
    }
    if (status == AGT_OK) {
        status = agt_test_add_call(graph, "inline", "{\"z\": 0}", &c);
    }
    if (status == AGT_OK) {
        status = agt_graph_add_binding(graph, c, "x", a, "/k/1", NULL);
    }
    if (status == AGT_OK) {
        status = agt_graph_add_binding(graph, c, "y", b, "", NULL);
    }
    if (status == AGT_OK) {
        status = agt_graph_run(graph, NULL, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    if (status == AGT_OK && agt_results_get_outcome(results, c) == AGT_OUTCOME_OK) {
        agt_test_expect_output(results, c, "{\"z\":0,\"x\":2,\"y\":\"b\"}");
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void binding_survives_torture(void **state)
{
    (void)state;
    agt_test_torture(bind_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(several_bindings_are_applied_in_order),
        cmocka_unit_test(bound_parts_are_tainted),
        cmocka_unit_test(bad_bindings_are_refused),
        cmocka_unit_test(a_call_that_changes_its_queue_is_bound_once),
        cmocka_unit_test(binding_survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
