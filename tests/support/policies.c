/* See policies.h. */
#include "support/policies.h"

#include "support/test.h"

agt_test_policy *agt_test_policy_of(agt__policy *policy)
{
    return (agt_test_policy *)(void *)policy;
}

agt__admit agt_test_policy_take(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    (void)call;
    (void)admission;
    agt_test_policy *test = agt_test_policy_of(policy);
    if (test->refuse_take > 0) {
        test->refuse_take--;
        return AGT__ADMIT_PARK;
    }
    test->granted++;
    test->taken++;
    return AGT__ADMIT_GO;
}

void agt_test_policy_release(agt__policy *policy, agt__call *call)
{
    (void)call;
    assert_true(agt_test_policy_of(policy)->granted > 0);
    agt_test_policy_of(policy)->granted--;
    agt_test_policy_of(policy)->released++;
}

void agt_test_policy_started(agt__policy *policy, agt__call *call)
{
    (void)call;
    agt_test_policy_of(policy)->started++;
}

const agt__policy_table agt_test_count_table = {
    .name = "count",
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .started = agt_test_policy_started,
};

void agt_test_add_policy(agt_test_engine *engine, agt_test_policy *test,
                         const agt__policy_table *table)
{
    test->policy.table = table;
    test->executor = engine->executor;
    assert_int_equal(agt__executor_add_policy(engine->executor, &test->policy), AGT_OK);
}

void agt_test_expect_released(const agt_test_policy *test, uint32_t times)
{
    assert_int_equal(test->granted, 0);
    assert_int_equal(test->taken, times);
    assert_int_equal(test->released, times);
}

void agt_test_start_timer(const agt__call *call, agt__timer *timer, agt__timer_fn fire, uint32_t ms)
{
    agt_runtime *runtime = agt__call_get_runtime(call);
    timer->fire = fire;
    assert_int_equal(agt__loop_timer_start(runtime->loop, timer,
                                           agt__runtime_now_ns(runtime) + ms * UINT64_C(1000000)),
                     AGT_OK);
}

void agt_test_stop_timer(const agt__call *call, agt__timer *timer)
{
    agt__loop_timer_stop(agt__call_get_runtime(call)->loop, timer);
}

/* ---- the tool "nth" ------------------------------------------------------------------------ */

static void nth_ends(agt_tool_call *call, void *user_data)
{
    const agt_value *input = agt_tool_call_get_input(call);
    int64_t fails = 0;
    (void)user_data;
    (void)!agt_value_get_int64(agt_value_get_member(input, "fails"), &fails);
    uint32_t attempt = (uint32_t)(uintptr_t)agt__tool_call_get_state(call);
    agt_value *number;
    if (attempt <= fails) {
        agt_tool_call_set_error(call, "attempt %u failed", attempt);
        agt_tool_complete(call, AGT_E_TOOL, NULL);
    } else if (agt_value_new_int64(NULL, attempt, &number) == AGT_OK) {
        agt_tool_complete(call, AGT_OK, number);
        agt_value_unref(number);
    }
}

static void nth_is_cancelled(agt_tool_call *call, void *user_data)
{
    ((agt_test_nth *)user_data)->cancelled++;
    agt_tool_complete(call, AGT_E_CANCELLED, NULL);
}

static agt_status run_nth(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    agt_test_nth *counts = user_data;
    counts->started++;
    agt__tool_call_set_state(call, (void *)(uintptr_t)counts->started);
    const agt_value *times = agt_value_get_member(agt_tool_call_get_input(call), "ms");
    int64_t ms = 0;
    if (agt_value_get_int64(agt_value_get_item(times, counts->started - 1), &ms) != AGT_OK) {
        ms = 0;
    }
    agt_tool_call_on_cancel(call, nth_is_cancelled);
    if (ms == 0) {
        nth_ends(call, user_data);
        return AGT_OK;
    }
    return agt_tool_call_resume_after(call, (uint32_t)ms, nth_ends);
}

void agt_test_add_nth(agt_test_engine *engine, const char *name, agt_test_nth *counts)
{
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_ASYNC, .effect = AGT_EFFECT_PURE,
                   .timeout_ms = 500, .user_data = counts);
    assert_int_equal(agt_executor_register_tool(engine->executor, name, run_nth, &config, NULL),
                     AGT_OK);
}
