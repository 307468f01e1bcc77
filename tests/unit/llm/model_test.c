/*
 * Models as calls: what a request costs, where that is written down, what is reserved before; the
 * model that is a function, in all three modes.
 */
#include "llm/model.h"

#include "base/value.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdatomic.h>
#include <string.h>

static agt_test_engine engine;
static agt_test_spans spans;
static _Atomic int released;

static int setup(void **state)
{
    (void)state;
    static const char prices_text[] =
        "{\"version\": 1, \"models\": {\"priced\": {\"input\": \"1\", \"output\": \"10\"},"
        " \"dear-*\": {\"input\": \"100\", \"output\": \"100\"}}}";
    agt_value *prices = agt_test_value(NULL, prices_text);
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .simulated = true, .seed = 1, .prices = prices);
    memset(&engine, 0, sizeof(engine));
    atomic_store(&released, 0);
    assert_int_equal(agt_runtime_new(&config, &engine.runtime, NULL), AGT_OK);
    agt_value_unref(prices);
    agt_test_spans_listen(&spans, engine.runtime);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agt_runtime_free(engine.runtime);
    return 0;
}

static void release(void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&released, 1);
}

/* Answers with the value that is its user_data; waits first, or fails, if the request says so. */
static agt_status answer(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    const agt_value *request = agt_tool_call_get_input(call);
    int64_t ms = 0;
    if (agt_value_get_int64(agt_value_get_member(request, "sleep"), &ms) == AGT_OK &&
        agt_tool_call_sleep(call, (uint32_t)ms) != AGT_OK) {
        return AGT_E_CANCELLED;
    }
    if (agt_value_get_member(request, "fail") != NULL) {
        agt_tool_call_set_error(call, "no connection");
        return AGT_E_NETWORK;
    }
    *ret_output = agt_value_ref(user_data);
    return AGT_OK;
}

static agt_model *new_model(const char *name, const char *response, agt_model_config config)
{
    agt_model *model = NULL;
    agt_error err;
    config.struct_size = sizeof(config);
    config.user_data = agt_test_value(NULL, response);
    config.release = (void (*)(void *))agt_value_unref;
    if (agt_model_new_function(engine.runtime, name, answer, &config, &model, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return model;
}

/* The results of one request. */
static agt_results *ask(agt_model *model, const char *request_text, const agt_call_options *options)
{
    agt_value *request = agt_test_value(NULL, request_text);
    agt_task *task = NULL;
    agt_results *results = NULL;
    assert_int_equal(agt__operation_start(engine.runtime, NULL, agt__model_get_operation(model),
                                          request, options, &task, NULL),
                     AGT_OK);
    agt_value_unref(request);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_results(task, &results), AGT_OK);
    agt_task_unref(task);
    return results;
}

static agt_costs all_costs(void)
{
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    agt_cost_tracker_get_costs(agt_runtime_get_cost_tracker(engine.runtime), &costs);
    return costs;
}

#define USAGE(input, output)                                                                       \
    "\"usage\": {\"input_tokens\": " #input ", \"output_tokens\": " #output "}"

static void books_what_a_request_costs(void **state)
{
    (void)state;
    agt_model *model = new_model("priced", "{\"parts\": [], \"id\": \"r1\", " USAGE(100, 20) "}",
                                 (agt_model_config){.provider = "acme"});
    assert_string_equal(agt_model_get_name(model), "priced");
    assert_string_equal(agt_model_get_provider(model), "acme");
    assert_false(agt_model_is_simulated(model));
    agt_call_options options =
        AGT_CONFIG(agt_call_options, .agent = "history", .conversation = "c1");
    agt_results *results = ask(model, "{}", &options);
    assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_OK);
    agt_results_unref(results);
    agt_costs costs = all_costs();
    assert_int_equal(costs.calls, 1);
    assert_int_equal(costs.total_nanousd, 300000);
    assert_int_equal(costs.input_tokens, 100);
    assert_int_equal(costs.simulated_calls, 0);
    assert_int_equal(agt_cost_tracker_get_agent_costs(agt_runtime_get_cost_tracker(engine.runtime),
                                                      "history", &costs),
                     AGT_OK);
    assert_int_equal(costs.output_tokens, 20);
    const agt_test_span *span = agt_test_spans_find(&spans, "chat priced", NULL);
    assert_int_equal(span->cost_nanousd, 300000);
    assert_int_equal(span->input_tokens, 100);
    agt_model_unref(model);
}

static void simulated_money_is_kept_apart(void **state)
{
    (void)state;
    agt_model *model = new_model("priced", "{\"parts\": [], " USAGE(100, 20) "}",
                                 (agt_model_config){.simulated = true});
    agt_results_unref(ask(model, "{}", NULL));
    agt_costs costs = all_costs();
    assert_int_equal(costs.calls, 0);
    assert_int_equal(costs.total_nanousd, 0);
    assert_int_equal(costs.simulated_nanousd, 300000);
    assert_string_equal(agt_model_get_provider(model), "custom");
    agt_model_unref(model);
}

static void the_model_that_answered_is_billed(void **state)
{
    (void)state;
    agt_model *model =
        new_model("priced", "{\"parts\": [], \"model\": \"dear-2\", " USAGE(1000, 0) "}",
                  (agt_model_config){0});
    agt_results_unref(ask(model, "{}", NULL));
    assert_int_equal(all_costs().total_nanousd, 100000000);
    agt_model_unref(model);
    model = new_model("priced", "{\"parts\": [], \"model\": \"unheard\", " USAGE(1000, 0) "}",
                      (agt_model_config){0});
    agt_results_unref(ask(model, "{}", NULL));
    assert_int_equal(all_costs().total_nanousd, 101000000);
    agt_model_unref(model);
}

static void unknown_is_not_nothing(void **state)
{
    (void)state;
    agt_model *no_price =
        new_model("unheard", "{\"parts\": [], " USAGE(100, 20) "}", (agt_model_config){0});
    agt_model *no_usage = new_model("priced", "{\"parts\": []}", (agt_model_config){0});
    agt_results_unref(ask(no_price, "{}", NULL));
    agt_results_unref(ask(no_usage, "{}", NULL));
    /* Aborted, and failed in the middle: somebody may have to pay. */
    agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = 50);
    agt_results *results = ask(no_usage, "{\"sleep\": 1000}", &options);
    assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_TIMEOUT);
    agt_results_unref(results);
    results = ask(no_usage, "{\"fail\": 1}", NULL);
    agt_error err;
    assert_int_equal(agt_results_get_error(results, 0, &err), AGT_E_TOOL);
    assert_string_equal(err.message, "no connection");
    agt_results_unref(results);
    agt_costs costs = all_costs();
    assert_int_equal(costs.calls, 4);
    assert_int_equal(costs.unpriced_calls, 4);
    assert_int_equal(costs.input_tokens, 100);
    agt_model_unref(no_price);
    agt_model_unref(no_usage);
}

static agt_budget *new_budget(int64_t nanousd, uint64_t tokens)
{
    agt_budget *budget = NULL;
    agt_budget_config config = AGT_CONFIG(agt_budget_config, .name = "test",
                                          .limit_nanousd = nanousd, .tokens_max = tokens);
    assert_int_equal(agt_budget_new(NULL, &config, &budget, NULL), AGT_OK);
    return budget;
}

static agt_outcome outcome_with(agt_model *model, const char *request, agt_budget *budget)
{
    agt_call_options options = AGT_CONFIG(agt_call_options, .budget = budget);
    agt_results *results = ask(model, request, &options);
    agt_outcome outcome = agt_results_get_outcome(results, 0);
    agt_results_unref(results);
    return outcome;
}

static void the_worst_case_is_reserved(void **state)
{
    (void)state;
    agt_model *model = new_model("priced", "{\"parts\": [], " USAGE(100, 20) "}",
                                 (agt_model_config){.max_output_tokens = 1000});
    agt_budget_amount spent, reserved;
    /* 50 tokens in, 1,000 out: 50,000 + 10,000,000. */
    const char *request = "{\"input_tokens_estimated\": 50}";
    agt_budget *tight = new_budget(10049999, 0);
    agt_budget *enough = new_budget(10050000, 0);
    assert_int_equal(outcome_with(model, request, tight), AGT_OUTCOME_BUDGET_DENIED);
    assert_int_equal(all_costs().calls, 0); /* a request that was not made costs nothing */
    assert_int_equal(outcome_with(model, request, enough), AGT_OUTCOME_OK);
    agt_budget_get_amounts(enough, &spent, &reserved);
    assert_int_equal(spent.nanousd, 300000); /* settled at what it really was */
    assert_int_equal(spent.tokens, 120);
    assert_int_equal(spent.calls, 1);
    assert_int_equal(reserved.nanousd, 0);
    /* A request that asks for less reserves less. */
    assert_int_equal(outcome_with(model,
                                  "{\"input_tokens_estimated\": 50,"
                                  " \"max_output_tokens\": 10}",
                                  tight),
                     AGT_OUTCOME_OK);
    /* Tokens. */
    agt_budget *tokens = new_budget(0, 1049);
    assert_int_equal(outcome_with(model, request, tokens), AGT_OUTCOME_BUDGET_DENIED);
    agt_budget_unref(tokens);
    agt_budget_unref(tight);
    agt_budget_unref(enough);
    agt_model_unref(model);
}

static void without_a_price_budgets_refuse(void **state)
{
    (void)state;
    agt_budget *budget = new_budget(INT64_C(1000000000000), 0);
    agt_model *real = new_model("unheard", "{\"parts\": []}", (agt_model_config){0});
    agt_model *simulated =
        new_model("unheard", "{\"parts\": []}", (agt_model_config){.simulated = true});
    assert_int_equal(outcome_with(real, "{}", budget), AGT_OUTCOME_BUDGET_DENIED);
    assert_int_equal(outcome_with(simulated, "{}", budget), AGT_OUTCOME_OK);
    agt_model_unref(real);
    agt_model_unref(simulated);
    agt_budget_unref(budget);
}

static void an_aborted_request_settles_at_its_reservation(void **state)
{
    (void)state;
    agt_model *model = new_model("priced", "{\"parts\": []}",
                                 (agt_model_config){.max_output_tokens = 1000, .timeout_ms = 50});
    agt_budget *budget = new_budget(INT64_C(1000000000), 0);
    agt_budget_amount spent, reserved;
    assert_int_equal(
        outcome_with(model, "{\"input_tokens_estimated\": 50, \"sleep\": 1000}", budget),
        AGT_OUTCOME_TIMEOUT);
    agt_budget_get_amounts(budget, &spent, &reserved);
    assert_int_equal(spent.nanousd, 10050000);
    agt_budget_unref(budget);
    agt_model_unref(model);
}

/* ---- functions ------------------------------------------------------------------------------- */

static void resume(agt_tool_call *call, void *user_data)
{
    agt_tool_complete(call, AGT_OK, user_data);
}

static agt_status answer_later(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    assert_ptr_equal(agt_tool_call_get_user_data(call), user_data);
    return agt_tool_call_resume_after(call, 70, resume);
}

static void functions_run_in_every_mode(void **state)
{
    (void)state;
    agt_value *response = agt_test_value(NULL, "{\"parts\": []}");
    for (int mode = AGT_TOOL_BLOCKING; mode <= AGT_TOOL_ASYNC; mode++) {
        agt_model *model = NULL;
        agt_model_config config =
            AGT_CONFIG(agt_model_config, .mode = mode, .user_data = response, .release = release);
        assert_int_equal(agt_model_new_function(engine.runtime, "m",
                                                mode == AGT_TOOL_ASYNC ? answer_later : answer,
                                                &config, &model, NULL),
                         AGT_OK);
        uint64_t start = agt_test_now_ns(&engine);
        agt_results *results = ask(model, "{}", NULL);
        assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_OK);
        assert_true(agt_value_equals(agt_results_get_output(results, 0), response));
        assert_true(agt_value_is_tainted(agt_results_get_output(results, 0)));
        assert_int_equal(agt_test_now_ns(&engine) - start,
                         mode == AGT_TOOL_ASYNC ? 70 * 1000000 : 0);
        agt_results_unref(results);
        agt_model_unref(agt_model_ref(model));
        agt_model_unref(model);
    }
    assert_int_equal(agt_runtime_close(engine.runtime, 0, NULL), AGT_OK);
    assert_int_equal(atomic_load(&released), 3);
    agt_value_unref(response);
}

static void refuses_bad_configurations(void **state)
{
    (void)state;
    agt_model *model = NULL;
    char long_name[200];
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    static const char *const bad[] = {NULL, "", "a\xff"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(agt_model_new_function(engine.runtime, bad[i], answer, NULL, &model, NULL),
                         AGT_E_INVALID);
    }
    assert_int_equal(agt_model_new_function(engine.runtime, long_name, answer, NULL, &model, NULL),
                     AGT_E_INVALID);
    agt_model_config config = AGT_CONFIG(agt_model_config, .mode = 3);
    assert_int_equal(agt_model_new_function(engine.runtime, "m", answer, &config, &model, NULL),
                     AGT_E_INVALID);
    assert_int_equal(agt_model_new_function(engine.runtime, "m", NULL, NULL, &model, NULL),
                     AGT_E_INVALID);
    assert_int_equal(agt_model_new_function(NULL, "m", answer, NULL, &model, NULL), AGT_E_INVALID);
    agt_model_unref(NULL);
}

static void sums_up(void **state)
{
    (void)state;
    agt_costs costs = {.struct_size = sizeof(costs)};
    agt__model_cost cost = {.usage = agt_usage_unknown(), .nanousd = AGT_NANOUSD_UNKNOWN};
    agt__costs_add(&costs, &cost); /* not billed */
    assert_int_equal(costs.calls, 0);
    cost.billed = true;
    agt__costs_add(&costs, &cost);
    cost.usage.input_tokens = 5;
    cost.usage.output_tokens = 7;
    cost.nanousd = 11;
    agt__costs_add(&costs, &cost);
    cost.simulated = true;
    agt__costs_add(&costs, &cost);
    assert_int_equal(costs.calls, 2);
    assert_int_equal(costs.unpriced_calls, 1);
    assert_int_equal(costs.total_tokens, 12);
    assert_int_equal(costs.total_nanousd, 11);
    assert_int_equal(costs.simulated_tokens, 12);
    assert_int_equal(costs.simulated_nanousd, 11);
    assert_int_equal(costs.simulated_calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(books_what_a_request_costs, setup, teardown),
        cmocka_unit_test_setup_teardown(simulated_money_is_kept_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(the_model_that_answered_is_billed, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_is_not_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_worst_case_is_reserved, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_price_budgets_refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(an_aborted_request_settles_at_its_reservation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(functions_run_in_every_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_bad_configurations, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
