/*
 * The durability seam, through a journal that writes down what it is told: every intent before its
 * start, every result before anybody else learns, whatever ends the call; waiting for the journal;
 * and going on from what an earlier run left.
 */
#include "support/test.h"

#include "exec/graph.h"
#include "exec/results.h"
#include "support/exec.h"
#include "support/policies.h"
#include "support/torture.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum {
    RECORDS_MAX = 64
};

typedef struct record {
    uint8_t key[32];
    agt_outcome outcome;
    agt_value *output;
    bool has_result;
} record;

/* Events are written as text: "intent 0", "result 0 ok" … by index of the call. */
typedef struct test_journal {
    agt__journal journal; /* first */
    char text[4096];
    record records[RECORDS_MAX];
    size_t count;
    bool parks_intents, parks_results;
    agt_status intent_fails, result_fails;
    agt__call *waiting[RECORDS_MAX];
    size_t waiting_count;
} test_journal;

static void note(test_journal *journal, const char *what, const agt__call *call, const char *how)
{
    size_t used = strlen(journal->text);
    (void)snprintf(journal->text + used, sizeof(journal->text) - used, "%s%s %u%s%s",
                   used > 0 ? ", " : "", what, call->index, how[0] != '\0' ? " " : "", how);
}

static record *find(test_journal *journal, const uint8_t key[32])
{
    for (size_t i = 0; i < journal->count; i++) {
        if (memcmp(journal->records[i].key, key, 32) == 0) {
            return &journal->records[i];
        }
    }
    return NULL;
}

static agt_status take_intent(agt__journal *self, agt__call *call, const uint8_t key[32],
                              agt_outcome *ret_outcome, agt_value **ret_output)
{
    test_journal *journal = (test_journal *)(void *)self;
    record *known = find(journal, key);
    if (known != NULL && known->has_result) {
        note(journal, "known", call, "");
        *ret_outcome = known->outcome;
        *ret_output = agt_value_ref(known->output);
        return AGT_E_EXISTS;
    }
    note(journal, "intent", call, "");
    if (journal->intent_fails != AGT_OK) {
        return journal->intent_fails;
    }
    if (known == NULL) {
        assert_true(journal->count < RECORDS_MAX);
        memcpy(journal->records[journal->count++].key, key, 32);
    }
    if (journal->parks_intents) {
        journal->waiting[journal->waiting_count++] = call;
        return AGT_E_BUSY;
    }
    return AGT_OK;
}

static agt_status take_result(agt__journal *self, agt__call *call, const uint8_t key[32])
{
    test_journal *journal = (test_journal *)(void *)self;
    record *known = find(journal, key);
    note(journal, "result", call, agt_outcome_get_name(agt__call_get_outcome(call)));
    assert_non_null(known);
    assert_false(known->has_result);
    if (journal->result_fails != AGT_OK) {
        return journal->result_fails;
    }
    known->has_result = true;
    known->outcome = agt__call_get_outcome(call);
    known->output = agt_value_ref(agt__call_get_output(call));
    if (journal->parks_results) {
        journal->waiting[journal->waiting_count++] = call;
        return AGT_E_BUSY;
    }
    return AGT_OK;
}

static const agt__journal_table journal_table = {take_intent, take_result};

/* All that waits is on record now. */
static void synced(void *user_data)
{
    test_journal *journal = user_data;
    while (journal->waiting_count > 0) {
        agt__call_wake(journal->waiting[--journal->waiting_count]);
    }
}

static void setup(agt_test_engine *engine, test_journal *journal)
{
    assert_int_equal(agt_test_engine_init(engine, NULL, true, NULL), AGT_OK);
    journal->journal.table = &journal_table;
    agt__executor_set_journal(engine->executor, &journal->journal);
}

static void forget_records(test_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++) {
        agt_value_unref(journal->records[i].output);
    }
    journal->count = 0;
}

static void intents_come_before_starts_and_results_before_dependents(void **state)
{
    (void)state;
    agt_test_engine engine;
    test_journal journal = {.text = ""};
    setup(&engine, &journal);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id first = agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
    agt_call_id fails = agt_test_add(graph, "blocking", "{\"ms\": 9, \"error\": \"no\"}", NULL);
    agt_call_id second = agt_test_add(graph, "inline", "{}", NULL);
    agt_call_id skipped = agt_test_add(graph, "inline", "{}", NULL);
    (void)agt_test_add(graph, "nobody", "{}", NULL);
    assert_int_equal(agt_graph_add_dependency(graph, second, first, NULL), AGT_OK);
    assert_int_equal(agt_graph_add_dependency(graph, skipped, fails, NULL), AGT_OK);
    agt_results *results = agt_test_run_graph(graph, NULL);
    /* what is refused before the doors never intended anything */
    assert_string_equal(journal.text, "intent 0, intent 1, result 0 ok, intent 2, result 2 ok, "
                                      "result 1 error");
    agt_test_expect(results, skipped, AGT_OUTCOME_SKIPPED_DEPENDENCY, NULL);
    agt_results_unref(results);
    agt_graph_unref(graph);
    forget_records(&journal);
    agt_test_engine_deinit(&engine);
}

static void calls_wait_for_the_journal(void **state)
{
    (void)state;
    agt_test_engine engine;
    test_journal journal = {.parks_intents = true, .parks_results = true};
    setup(&engine, &journal);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_id first = agt_test_add(graph, "async", "{\"ms\": 5, \"echo\": 7}", NULL);
    agt_call_id second = agt_test_add(graph, "inline", "{}", NULL);
    assert_int_equal(agt_graph_add_binding(graph, second, "echo", first, "", NULL), AGT_OK);
    agt_task *task;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    assert_int_equal(engine.started, 0);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, synced, &journal), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    assert_string_equal(journal.text, "intent 0, result 0 ok");
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, synced, &journal), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    assert_string_equal(journal.text, "intent 0, result 0 ok, intent 1");
    assert_int_equal(engine.started, 1);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 5, synced, &journal), AGT_OK);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 10, synced, &journal), AGT_OK);
    agt_results *results = agt_test_finish(task);
    agt_test_expect_output(results, second, "7");
    agt_results_unref(results);
    agt_graph_unref(graph);
    forget_records(&journal);
    agt_test_engine_deinit(&engine);
}

/* A record that was begun is finished, also when the run is cancelled meanwhile. */
static void cancelled_calls_wait_for_the_journal_too(void **state)
{
    (void)state;
    for (int results_too = 0; results_too < 2; results_too++) {
        agt_test_engine engine;
        test_journal journal = {.parks_intents = results_too == 0,
                                .parks_results = results_too != 0};
        setup(&engine, &journal);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
        agt_task *task;
        assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
        assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
        assert_int_equal(journal.waiting_count, 1);
        agt_task_cancel(task);
        assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
        assert_int_equal(agt_runtime_run_after(engine.runtime, 0, synced, &journal), AGT_OK);
        agt_results *results = agt_test_finish(task);
        if (results_too == 0) {
            agt_test_expect(results, 0, AGT_OUTCOME_CANCELLED, "not started");
            assert_string_equal(journal.text, "intent 0, result 0 cancelled");
        } else {
            agt_test_expect(results, 0, AGT_OUTCOME_OK, NULL);
            assert_string_equal(journal.text, "intent 0, result 0 ok");
        }
        agt_results_unref(results);
        agt_graph_unref(graph);
        forget_records(&journal);
        agt_test_engine_deinit(&engine);
    }
}

/* The same program run again: what is on record is not run a second time, and its keys are the
 * same, whatever the order of things was. */
static void known_results_are_not_computed_again(void **state)
{
    (void)state;
    test_journal journal = {.text = ""};
    for (int run = 0; run < 2; run++) {
        agt_test_engine engine;
        setup(&engine, &journal);
        journal.text[0] = '\0';
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id first = agt_test_add(graph, "async", "{\"ms\": 5, \"echo\": [7]}", NULL);
        agt_call_id fails = agt_test_add(graph, "async", "{\"error\": \"no\"}", NULL);
        agt_call_id second = agt_test_add(graph, "inline", "{}", NULL);
        agt_call_id other =
            agt_test_add(graph, "blocking", run == 0 ? "{\"a\": 1}" : "{\"a\": 2}", NULL);
        assert_int_equal(agt_graph_add_binding(graph, second, "echo", first, "/0", NULL), AGT_OK);
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect_output(results, first, "[7]");
        agt_test_expect_output(results, second, "7");
        agt_test_expect(results, fails, AGT_OUTCOME_ERROR, run == 0 ? "no" : "earlier run");
        agt_test_expect_output(results, other, run == 0 ? "{\"a\":1}" : "{\"a\":2}");
        assert_int_equal(engine.started, run == 0 ? 4 : 1);
        uint32_t flags = run == 0 ? 0 : AGT_CALL_RESUMED;
        assert_int_equal(agt_results_get_flags(results, first), flags);
        assert_int_equal(agt_results_get_flags(results, fails), flags);
        assert_int_equal(agt_results_get_flags(results, other), 0);
        if (run == 1) {
            assert_string_equal(journal.text, "known 0, known 2, known 1, intent 3, result 3 ok");
        }
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
    forget_records(&journal);
}

/* A null on record is an output like any other, and not to be trusted more. */
static void resumed_outputs_are_tainted(void **state)
{
    (void)state;
    test_journal journal = {.text = ""};
    for (int run = 0; run < 2; run++) {
        agt_test_engine engine;
        setup(&engine, &journal);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        agt_call_id nothing = agt_test_add(graph, "inline", "{\"echo\": null}", NULL);
        agt_call_id some = agt_test_add(graph, "inline", "{\"echo\": {\"a\": [1]}}", NULL);
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect_output(results, nothing, "null");
        agt_test_expect_output(results, some, "{\"a\":[1]}");
        for (size_t i = 0; run == 0 && i < 2; i++) { /* as a file would have it */
            agt_value_unref(journal.records[i].output);
            journal.records[i].output = i == 0 ? NULL : agt_test_json(NULL, "{\"a\": [1]}");
        }
        agt_results_unref(results);
        agt_graph_unref(graph);
        agt_test_engine_deinit(&engine);
    }
    forget_records(&journal);
}

static void what_the_journal_cannot_record_fails(void **state)
{
    (void)state;
    for (int at = 0; at < 2; at++) {
        agt_test_engine engine;
        test_journal journal = {.intent_fails = at == 0 ? AGT_E_IO : AGT_OK,
                                .result_fails = at == 1 ? AGT_E_IO : AGT_OK};
        setup(&engine, &journal);
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
        agt_call_id behind = agt_test_add(graph, "async", "{\"ms\": 5}", NULL);
        assert_int_equal(agt_graph_add_dependency(graph, behind, 0, NULL), AGT_OK);
        agt_results *results = agt_test_run_graph(graph, NULL);
        agt_test_expect(results, 0, AGT_OUTCOME_ERROR,
                        at == 0 ? "the journal cannot take note of \"async\""
                                : "which the journal cannot record");
        agt_test_expect(results, behind, AGT_OUTCOME_SKIPPED_DEPENDENCY, NULL);
        assert_int_equal(engine.started, at);
        assert_string_equal(journal.text, at == 0 ? "intent 0" : "intent 0, result 0 ok");
        agt_results_unref(results);
        agt_graph_unref(graph);
        forget_records(&journal);
        agt_test_engine_deinit(&engine);
    }
}

/* ---- with policies ------------------------------------------------------------------------- */

static agt__settle again(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)policy;
    settlement->due_ns = agt__runtime_now_ns(agt__call_get_runtime(call)) + 10 * MS;
    return agt__call_get_attempts(call) < 3 ? AGT__SETTLE_AGAIN : AGT__SETTLE_DONE;
}

/* By name: "async" is tried three times, "inline" refused, "blocking" answered. */
static agt__admit decide(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    (void)policy;
    switch (agt__call_get_operation(call)->name[0]) {
    case 'i':
        admission->outcome = AGT_OUTCOME_DENIED;
        return AGT__ADMIT_REFUSE;
    case 'b':
        admission->value = agt_value_bool(true);
        return AGT__ADMIT_ANSWER;
    default:
        return AGT__ADMIT_GO;
    }
}

static const agt__policy_table deciding_table = {
    .name = "decide", .probe = decide, .settle = again};

static void every_intent_has_one_result(void **state)
{
    (void)state;
    agt_test_engine engine;
    test_journal journal = {.text = ""};
    agt_test_policy policy = {.granted = 0};
    setup(&engine, &journal);
    agt_test_add_policy(&engine, &policy, &deciding_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"error\": \"no\"}", NULL);
    (void)agt_test_add(graph, "inline", "{}", NULL);
    (void)agt_test_add(graph, "blocking", "{}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    assert_string_equal(journal.text, "intent 0, intent 1, result 1 denied, intent 2, "
                                      "result 2 ok, result 0 error");
    agt_test_expect_output(results, 2, "true");
    agt_results_unref(results);
    agt_graph_unref(graph);
    forget_records(&journal);
    agt_test_engine_deinit(&engine);
}

static agt__admit join_first(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    agt_test_policy *test = agt_test_policy_of(policy);
    test->leader = test->leader != NULL ? test->leader : call;
    admission->leader = test->leader;
    return test->leader == call ? AGT__ADMIT_GO : AGT__ADMIT_JOIN;
}

static const agt__policy_table joining_table = {.name = "join", .probe = join_first};

static void followers_have_records_of_their_own(void **state)
{
    (void)state;
    agt_test_engine engine;
    test_journal journal = {.text = ""};
    agt_test_policy policy = {.granted = 0};
    setup(&engine, &journal);
    agt_test_add_policy(&engine, &policy, &joining_table);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5, \"echo\": 1}", NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 5, \"echo\": 1}", NULL);
    agt_results *results = agt_test_run_graph(graph, NULL);
    assert_string_equal(journal.text, "intent 0, intent 1, result 0 ok, result 1 ok");
    assert_int_equal(engine.started, 1);
    agt_test_expect_output(results, 1, "1");
    agt_results_unref(results);
    agt_graph_unref(graph);
    forget_records(&journal);
    agt_test_engine_deinit(&engine);
}

static void journalled_run(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    test_journal journal = {.text = ""};
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_call_id call = 0;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    journal.journal.table = &journal_table;
    agt__executor_set_journal(engine.executor, &journal.journal);
    agt_status status = agt_graph_new(engine.executor, NULL, &graph, NULL);
    for (int i = 0; status == AGT_OK && i < 3; i++) {
        status = agt_test_add_call(graph, i == 2 ? "async" : "blocking", "{\"ms\": 5}", &call);
    }
    if (status == AGT_OK) {
        status = agt_graph_run(graph, NULL, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    for (size_t i = 0; status == AGT_OK && i < 3; i++) {
        const record *known = i < journal.count ? &journal.records[i] : NULL;
        assert_true(known == NULL || known->has_result);
        assert_int_not_equal(agt_results_get_outcome(results, i), AGT_OUTCOME_NONE);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    forget_records(&journal);
    agt_test_engine_deinit(&engine);
}

static void the_seam_survives_torture(void **state)
{
    (void)state;
    agt_test_torture(journalled_run, NULL);
}

/* A call that was cancelled while it waited for a slot, and now waits for its record, waits for
 * nothing else any more: a slot that becomes free is not for it. */
static void records_are_waited_for_by_calls_that_wanted_a_slot(void **state)
{
    (void)state;
    agt_test_engine engine;
    test_journal journal = {.parks_results = true, .journal.table = &journal_table};
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, &config), AGT_OK);
    agt__executor_set_journal(engine.executor, &journal.journal);
    agt_task *tasks[3];
    for (size_t i = 0; i < 3; i++) {
        agt_graph *graph = agt_test_new_graph(&engine, NULL);
        (void)agt_test_add(graph, "async", "{\"ms\": 100}", NULL);
        assert_int_equal(agt_graph_start(graph, NULL, &tasks[i], NULL), AGT_OK);
        agt_graph_unref(graph);
        assert_int_equal(agt_task_wait(tasks[i], 1), AGT_E_TIMEOUT);
    }
    agt_task_cancel(tasks[1]);
    assert_int_equal(agt_task_wait(tasks[1], 150),
                     AGT_E_TIMEOUT); /* the first one's slot is free */
    assert_int_equal(agt_task_wait(tasks[2], 100), AGT_E_TIMEOUT); /* and was the third one's */
    assert_int_equal(journal.waiting_count, 3);
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, synced, &journal), AGT_OK);
    for (size_t i = 0; i < 3; i++) {
        agt_results *results = agt_test_finish(tasks[i]);
        agt_test_expect(results, 0, i == 1 ? AGT_OUTCOME_CANCELLED : AGT_OUTCOME_OK, NULL);
        agt_results_unref(results);
    }
    forget_records(&journal);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intents_come_before_starts_and_results_before_dependents),
        cmocka_unit_test(calls_wait_for_the_journal),
        cmocka_unit_test(cancelled_calls_wait_for_the_journal_too),
        cmocka_unit_test(records_are_waited_for_by_calls_that_wanted_a_slot),
        cmocka_unit_test(known_results_are_not_computed_again),
        cmocka_unit_test(resumed_outputs_are_tainted),
        cmocka_unit_test(what_the_journal_cannot_record_fails),
        cmocka_unit_test(every_intent_has_one_result),
        cmocka_unit_test(followers_have_records_of_their_own),
        cmocka_unit_test(the_seam_survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
