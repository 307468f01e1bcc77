/* Replies are views: what they read from an output, and what they say when something is missing. */
#include "agents/reply.h"

#include "base/error.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <string.h>

static agt_reply *make(const agt_allocator *allocator, const char *output, agt_outcome outcome)
{
    agt_value *value = agt_test_value(NULL, output);
    agt_reply *reply = NULL;
    agt_error err = {0};
    (void)agt__error_set(&err, AGT_E_LIMIT, "test", "too much");
    assert_int_equal(agt__reply_new_from(allocator, "who", outcome, &err, value, &reply), AGT_OK);
    agt_value_unref(value);
    return reply;
}

static void reads_everything(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_reply *reply =
        make(&heap.allocator,
             "{\"agent\": \"who\", \"text\": \"words\", \"value\": {\"confidence\": 0.75},"
             " \"outcome\": \"ok\", \"steps\": 2, \"tool_calls\": 3, \"costs\": {"
             "\"total_nanousd\": 1, \"input_tokens\": 2, \"output_tokens\": 3,"
             "\"total_tokens\": 4, \"calls\": 5, \"unpriced_calls\": 6, \"simulated_nanousd\": 7,"
             "\"simulated_tokens\": 8, \"simulated_calls\": 9},"
             "\"span\": \"00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01\"}",
             AGT_OUTCOME_OK);
    assert_int_equal(agt_reply_get_outcome(reply), AGT_OUTCOME_OK);
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_OK);
    assert_string_equal(agt_reply_get_text(reply), "words");
    assert_string_equal(agt_reply_get_agent(reply), "who");
    assert_true(agt_reply_get_confidence(reply) == 0.75);
    assert_int_equal(agt_reply_get_steps(reply), 2);
    assert_int_equal(agt_reply_get_tool_calls(reply), 3);
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 0);
    agt_reply_get_costs(reply, &costs);
    assert_int_equal(costs.total_nanousd, 1);
    assert_int_equal(costs.input_tokens, 2);
    assert_int_equal(costs.output_tokens, 3);
    assert_int_equal(costs.total_tokens, 4);
    assert_int_equal(costs.calls, 5);
    assert_int_equal(costs.unpriced_calls, 6);
    assert_int_equal(costs.simulated_nanousd, 7);
    assert_int_equal(costs.simulated_tokens, 8);
    assert_int_equal(costs.simulated_calls, 9);
    agt_span_context span = agt_reply_get_span(reply);
    assert_int_equal(span.span_id[0], 0x11);
    agt_reply_unref(agt_reply_ref(reply));
    agt_reply_unref(reply);
    agt_test_heap_deinit(&heap);
}

static void says_little_when_there_is_little(void **state)
{
    (void)state;
    static const char *const outputs[] = {
        "null", "{}", "[]",
        "{\"text\": 5, \"value\": {\"confidence\": 2}, \"steps\": -1, \"span\": \"x\"}",
        "{\"value\": {\"confidence\": \"high\"}, \"costs\": {\"calls\": \"x\"}}"};
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        agt_reply *reply = make(NULL, outputs[i], AGT_OUTCOME_ERROR);
        agt_error err = {0};
        assert_int_equal(agt_reply_get_error(reply, &err), AGT_E_LIMIT);
        assert_string_equal(err.message, "too much");
        assert_string_equal(agt_reply_get_text(reply), "");
        assert_true(agt_reply_get_confidence(reply) == -1);
        assert_int_equal(agt_reply_get_steps(reply), 0);
        agt_costs costs = AGT_CONFIG(agt_costs, .calls = 77);
        agt_reply_get_costs(reply, &costs);
        assert_int_equal(costs.calls, 0);
        agt_span_context span = agt_reply_get_span(reply);
        assert_false(agt_span_context_is_valid(&span));
        agt_reply_unref(reply);
    }
    /* An outcome without words has a status all the same. */
    agt_reply *reply = NULL;
    assert_int_equal(agt__reply_new_from(NULL, "who", AGT_OUTCOME_TIMEOUT, NULL, NULL, &reply),
                     AGT_OK);
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_E_TIMEOUT);
    agt_reply_unref(reply);
    agt_reply_unref(NULL);
}

/* Who did not look whether there is a reply reads one in which there is nothing. */
static void no_reply_says_nothing(void **state)
{
    (void)state;
    agt_costs costs = AGT_CONFIG(agt_costs, .calls = 77);
    agt_reply_get_costs(NULL, &costs);
    assert_int_equal(costs.calls, 0);
    agt_span_context span = agt_reply_get_span(NULL);
    assert_false(agt_span_context_is_valid(&span));
    assert_int_equal(agt_reply_get_outcome(NULL), AGT_OUTCOME_NONE);
    assert_int_equal(agt_reply_get_error(NULL, NULL), AGT_E_INVALID);
    assert_string_equal(agt_reply_get_text(NULL), "");
    assert_string_equal(agt_reply_get_agent(NULL), "");
    assert_null(agt_reply_get_value(NULL));
    assert_true(agt_reply_get_confidence(NULL) == -1);
    assert_int_equal(agt_reply_get_steps(NULL) + agt_reply_get_tool_calls(NULL), 0);
}

static void collects_replies(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_reply *items[] = {make(NULL, "{}", AGT_OUTCOME_OK), make(NULL, "{}", AGT_OUTCOME_OK)};
    agt_replies *replies = NULL;
    assert_int_equal(agt_replies_new(engine.runtime, items, 2, &replies), AGT_OK);
    agt_reply_unref(items[0]);
    assert_int_equal(agt_replies_get_count(replies), 2);
    assert_ptr_equal(agt_replies_get(replies, 1), items[1]);
    assert_string_equal(agt_reply_get_agent(agt_replies_get(replies, 0)), "who");
    assert_null(agt_replies_get(replies, 2));
    agt_replies_free(replies);
    assert_int_equal(agt_replies_new(engine.runtime, NULL, 0, &replies), AGT_OK);
    assert_int_equal(agt_replies_get_count(replies), 0);
    agt_replies_free(replies);
    items[0] = NULL;
    assert_int_equal(agt_replies_new(engine.runtime, items, 2, &replies), AGT_E_INVALID);
    agt_replies_free(NULL);
    agt_reply_unref(items[1]);
    agt_test_engine_deinit(&engine);
}

static void only_agents_make_replies(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_value *input = agt_test_value(NULL, "{\"ms\": 5}");
    agt_input inputs[] = {{"async", input}};
    agt_task *task = NULL;
    agt_reply *reply = NULL;
    agt_replies *replies = NULL;
    assert_int_equal(
        agt_executor_execute_parallel_start(engine.executor, inputs, 1, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_get_reply(task, &reply), AGT_E_BUSY);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_reply(task, &reply), AGT_E_INVALID);
    assert_int_equal(agt_task_get_replies(task, &replies), AGT_E_INVALID);
    agt_task_unref(task);
    agt_value_unref(input);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_everything),
        cmocka_unit_test(says_little_when_there_is_little),
        cmocka_unit_test(no_reply_says_nothing),
        cmocka_unit_test(collects_replies),
        cmocka_unit_test(only_agents_make_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
