/* Deterministic keys: the same for every attempt and for the same program run again, another for
 * everything else. */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"
#include "support/torture.h"

#include <string.h>

enum {
    KEYS_MAX = 16
};

/* What the calls of "key" were given, in the order of their start. */
typedef struct keys {
    char text[KEYS_MAX][65];
    size_t count;
} keys;

static agt_status take_key(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    keys *all = user_data;
    (void)ret_output;
    assert_true(all->count < KEYS_MAX);
    agt_status status = agt_tool_call_get_key(call, all->text[all->count++]);
    if (status == AGT_OK && agt_value_get_member(agt_tool_call_get_input(call), "error") != NULL) {
        return AGT_E_TOOL;
    }
    return status;
}

static void setup(agt_test_engine *engine, keys *all)
{
    all->count = 0;
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
    static const char *const names[] = {"key", "other"};
    for (int i = 0; i < 2; i++) {
        agt_tool_config config =
            AGT_CONFIG(agt_tool_config, .mode = i == 0 ? AGT_TOOL_INLINE : AGT_TOOL_BLOCKING,
                       .user_data = all);
        assert_int_equal(
            agt_executor_register_tool(engine->executor, names[i], take_key, &config, NULL),
            AGT_OK);
    }
}

static void run_program(keys *all, const char *name, const char *conversation)
{
    agt_test_engine engine;
    setup(&engine, all);
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = name);
    agt_graph *graph = agt_test_new_graph(&engine, &config);
    (void)agt_test_add(graph, "key", "{\"a\": 1, \"b\": [2]}", NULL);
    (void)agt_test_add(graph, "key", "{\"b\": [2.0], \"a\": 1}", NULL); /* equal, another number */
    (void)agt_test_add(graph, "key", "{\"a\": 1, \"b\": [3]}", NULL);
    (void)agt_test_add(graph, "other", "{\"a\": 1, \"b\": [2]}", NULL);
    agt_call_options options = AGT_CONFIG(agt_call_options, .conversation = conversation);
    agt_results *results = agt_test_run_graph(graph, &options);
    assert_int_equal(agt_results_get_status(results, NULL), AGT_OK);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
    assert_int_equal(all->count, 4);
}

static void keys_are_the_same_in_the_same_program(void **state)
{
    (void)state;
    keys first, second;
    run_program(&first, "work", "talk");
    run_program(&second, "work", "talk");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(strlen(first.text[i]), 64);
        assert_int_equal(strspn(first.text[i], "0123456789abcdef"), 64);
        assert_string_equal(first.text[i], second.text[i]);
    }
}

static void keys_differ_where_anything_does(void **state)
{
    (void)state;
    keys runs[3];
    run_program(&runs[0], "work", "talk");
    run_program(&runs[1], "other work", "talk");
    run_program(&runs[2], "work", NULL);
    for (size_t a = 0; a < 12; a++) {
        for (size_t b = 0; b < a; b++) {
            assert_string_not_equal(runs[a / 4].text[a % 4], runs[b / 4].text[b % 4]);
        }
    }
}

/* The number of the call decides, not the order of writing members or of starting. */
static void equal_inputs_have_equal_keys(void **state)
{
    (void)state;
    static const char *const inputs[] = {"{\"a\": 1, \"b\": [2]}", "{\"b\": [2.0], \"a\": 1e0}"};
    keys all[2];
    for (int i = 0; i < 2; i++) {
        agt_test_engine engine;
        setup(&engine, &all[i]);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "key", inputs[i], NULL);
        agt_results_unref(agt_test_run_graph(graph, NULL));
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
    assert_string_equal(all[0].text[0], all[1].text[0]);
}

static agt__settle again(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)policy;
    settlement->due_ns = 0;
    return agt__call_get_attempts(call) < 3 ? AGT__SETTLE_AGAIN : AGT__SETTLE_DONE;
}

static void every_attempt_has_the_same_key(void **state)
{
    (void)state;
    static const agt__policy_table table = {.name = "again", .settle = again};
    agt_test_engine engine;
    keys all;
    agt__policy policy = {.table = &table};
    setup(&engine, &all);
    assert_int_equal(agt__executor_add_policy(engine.executor, &policy), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "other", "{\"error\": 1}", NULL);
    agt_results_unref(agt_test_run_graph(graph, NULL));
    assert_int_equal(all.count, 3);
    assert_string_equal(all.text[0], all.text[1]);
    assert_string_equal(all.text[0], all.text[2]);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* A call within another one has that one's key in its own. */
typedef struct nested {
    agt_test_engine *engine;
    agt_graph *inner;
} nested;

static void inner_done(agt_graph *graph, void *user_data)
{
    (void)graph;
    agt_tool_complete(user_data, AGT_OK, NULL);
}

static agt_status run_nested(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    nested *own = user_data;
    (void)ret_output;
    own->inner = agt_test_new_graph(own->engine, NULL);
    (void)agt_test_add(own->inner, "key", "{\"a\": 1}", NULL);
    return agt__graph_start_within(own->inner, call, NULL, inner_done, call, NULL);
}

static void inner_calls_belong_to_their_outer_call(void **state)
{
    (void)state;
    keys all[2];
    for (int i = 0; i < 2; i++) {
        agt_test_engine engine;
        setup(&engine, &all[i]);
        nested outer[2] = {{&engine, NULL}, {&engine, NULL}};
        static const char *const names[] = {"outer", "outer_2"};
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        for (int k = 0; k < 2; k++) {
            agt_tool_config config =
                AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_ASYNC, .user_data = &outer[k]);
            assert_int_equal(
                agt_executor_register_tool(engine.executor, names[k], run_nested, &config, NULL),
                AGT_OK);
            (void)agt_test_add(graph, names[k], "{}", NULL);
        }
        agt_results_unref(agt_test_run_graph(graph, NULL));
        assert_int_equal(all[i].count, 2);
        agt_graph_unref(outer[0].inner);
        agt_graph_unref(outer[1].inner);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
    assert_string_not_equal(all[0].text[0], all[0].text[1]);
    assert_string_equal(all[0].text[0], all[1].text[0]);
    assert_string_equal(all[0].text[1], all[1].text[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_the_same_in_the_same_program),
        cmocka_unit_test(keys_differ_where_anything_does),
        cmocka_unit_test(equal_inputs_have_equal_keys),
        cmocka_unit_test(every_attempt_has_the_same_key),
        cmocka_unit_test(inner_calls_belong_to_their_outer_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
