/* See exec.h. */
#include "support/exec.h"

#include "runtime/runtime.h"
#include "support/script_io.h"
#include "support/test.h"
#include "support/values.h"

#include <string.h>

static int64_t number_of(const agt_value *input, const char *key)
{
    int64_t number = 0;
    const agt_value *member = agt_value_get_member(input, key);
    return member != NULL && agt_value_get_int64(member, &number) == AGT_OK ? number : 0;
}

static agt_status answer(agt_tool_call *call, agt_value **ret_output)
{
    const agt_value *input = agt_tool_call_get_input(call);
    const agt_value *error = agt_value_get_member(input, "error");
    if (error != NULL) {
        agt_tool_call_set_error(call, "%s", agt_value_get_string(error, NULL));
        return AGT_E_TOOL;
    }
    const agt_value *echo = agt_value_get_member(input, "echo");
    *ret_output = agt_value_ref(echo != NULL ? echo : input);
    return AGT_OK;
}

static agt_status run_inline(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    atomic_fetch_add(&((agt_test_engine *)user_data)->started, 1);
    return answer(call, ret_output);
}

static agt_status run_blocking(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    agt_test_engine *engine = user_data;
    const agt_value *input = agt_tool_call_get_input(call);
    atomic_fetch_add(&engine->started, 1);
    uint32_t ms = (uint32_t)number_of(input, "ms");
    if (agt_value_get_bool(agt_value_get_member(input, "hang"), false)) {
        ms = 3600000;
    }
    if (ms > 0 && agt_tool_call_sleep(call, ms) != AGT_OK) {
        atomic_fetch_add(&engine->cancelled, 1);
        return AGT_E_CANCELLED;
    }
    return answer(call, ret_output);
}

static void finish_async(agt_tool_call *call, void *user_data)
{
    (void)user_data;
    agt_value *output = NULL;
    agt_status status = answer(call, &output);
    agt_tool_complete(call, status, output);
    agt_value_unref(output);
}

static void cancel_async(agt_tool_call *call, void *user_data)
{
    atomic_fetch_add(&((agt_test_engine *)user_data)->cancelled, 1);
    agt_tool_complete(call, AGT_E_CANCELLED, NULL);
}

static agt_status run_async(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    const agt_value *input = agt_tool_call_get_input(call);
    atomic_fetch_add(&((agt_test_engine *)user_data)->started, 1);
    agt_tool_call_on_cancel(call, cancel_async);
    if (agt_value_get_bool(agt_value_get_member(input, "hang"), false)) {
        return AGT_OK;
    }
    uint32_t ms = (uint32_t)number_of(input, "ms");
    if (ms > 0) {
        return agt_tool_call_resume_after(call, ms, finish_async);
    }
    finish_async(call, user_data);
    return AGT_OK;
}

static agt_status add_tool(agt_test_engine *engine, const char *name, agt_tool_fn fn,
                           agt_tool_mode mode)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = (int32_t)mode,
                                        .effect = AGT_EFFECT_PURE, .user_data = engine);
    return agt_executor_register_tool(engine->executor, name, fn, &config, NULL);
}

agt_status agt_test_engine_init(agt_test_engine *engine, const agt_allocator *allocator,
                                bool simulated, const agt_executor_config *config)
{
    agt_runtime_config runtime = AGT_CONFIG(agt_runtime_config, .allocator = allocator,
                                            .simulated = simulated, .seed = 1, .spans_max = 64);
    return agt_test_engine_init_with(engine, &runtime, config);
}

agt_status agt_test_engine_init_with(agt_test_engine *engine, const agt_runtime_config *runtime,
                                     const agt_executor_config *config)
{
    memset(engine, 0, sizeof(*engine));
    agt_status status = agt_runtime_new(runtime, &engine->runtime, NULL);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_executor_new(engine->runtime, config, &engine->executor, NULL);
    if (status == AGT_OK) {
        status = add_tool(engine, "inline", run_inline, AGT_TOOL_INLINE);
    }
    if (status == AGT_OK) {
        status = add_tool(engine, "async", run_async, AGT_TOOL_ASYNC);
    }
    if (status == AGT_OK) {
        status = add_tool(engine, "blocking", run_blocking, AGT_TOOL_BLOCKING);
    }
    if (status != AGT_OK) {
        agt_test_engine_deinit(engine);
    }
    return status;
}

agt_status agt_test_engine_init_io(agt_test_engine *engine, const agt_allocator *allocator,
                                   agt_test_io *io)
{
    agt_test_io_init(io);
    io->allocator = allocator;
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .allocator = allocator,
                                           .simulated = true, .seed = 1, .io = &io->table);
    agt_status status = agt_test_engine_init_with(engine, &config, NULL);
    if (status == AGT_OK) {
        io->loop = engine->runtime->loop;
    }
    return status;
}

void agt_test_engine_deinit(agt_test_engine *engine)
{
    agt_executor_unref(engine->executor);
    agt_runtime_free(engine->runtime);
    engine->executor = NULL;
    engine->runtime = NULL;
}

agt_value *agt_test_json(const agt_allocator *allocator, const char *text)
{
    agt_value *value;
    agt_error err;
    agt_status status = agt_json_parse(allocator, text, strlen(text), NULL, &value, &err);
    if (status == AGT_E_NOMEM) {
        return NULL;
    }
    if (status != AGT_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return value;
}

agt_status agt_test_add_call(agt_graph *graph, const char *tool, const char *json,
                             agt_call_id *ret_call)
{
    agt_value *input = agt_test_json(NULL, json);
    agt_error err;
    agt_status status = agt_graph_add_call(graph, tool, input, NULL, ret_call, &err);
    agt_value_unref(input);
    if (status != AGT_OK && status != AGT_E_NOMEM) {
        fail_msg("%s: %s", tool, err.message);
    }
    return status;
}

agt_graph *agt_test_new_graph(agt_test_engine *engine, const agt_graph_config *config)
{
    agt_graph *graph;
    agt_error err;
    if (agt_graph_new(engine->executor, config, &graph, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return graph;
}

agt_call_id agt_test_add(agt_graph *graph, const char *tool, const char *json,
                         const agt_call_options *options)
{
    agt_call_id call = 0;
    agt_error err;
    agt_value *input = agt_test_json(NULL, json);
    if (agt_graph_add_call(graph, tool, input, options, &call, &err) != AGT_OK) {
        fail_msg("%s: %s", tool, err.message);
    }
    agt_value_unref(input);
    return call;
}

agt_results *agt_test_run_graph(agt_graph *graph, const agt_call_options *options)
{
    agt_results *results;
    agt_error err;
    if (agt_graph_run(graph, options, &results, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return results;
}

agt_results *agt_test_finish(agt_task *task)
{
    agt_results *results;
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    agt_task_unref(task);
    return results;
}

void agt_test_expect(const agt_results *results, size_t index, agt_outcome outcome,
                     const char *part)
{
    agt_error err = {.status = AGT_OK};
    agt_status status = agt_results_get_error(results, index, &err);
    if (agt_results_get_outcome(results, index) != outcome) {
        fail_msg("call %zu: %s: %s", index,
                 agt_outcome_get_name(agt_results_get_outcome(results, index)), err.message);
    }
    assert_int_equal(status, agt_outcome_get_status(outcome));
    if (part != NULL && strstr(err.message, part) == NULL) {
        fail_msg("call %zu: \"%s\" is not in \"%s\"", index, part, err.message);
    }
}

void agt_test_expect_output(const agt_results *results, size_t index, const char *json)
{
    agt_test_expect(results, index, AGT_OUTCOME_OK, NULL);
    const agt_value *output = agt_results_get_output(results, index);
    assert_non_null(output);
    assert_true(agt_value_is_tainted(output));
    agt_test_assert_json(output, json);
}

uint64_t agt_test_now_ns(const agt_test_engine *engine)
{
    const agt_clock *clock = agt_runtime_get_clock(engine->runtime);
    return clock->get_monotonic_ns(clock->ctx);
}
