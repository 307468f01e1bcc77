/* What calls tell who added them, and holding them. */
#include "support/test.h"

#include "exec/graph.h"
#include "support/exec.h"

#include <stdio.h>
#include <string.h>

/* An operation of the test: tells "begin" when it starts and "late" 20 ms later, completes behind
 * that, and fails in its first attempts. When it is cancelled it does so too late. */
typedef struct teller {
    agt__operation operation; /* first */
    agt__recovery recovery;
    unsigned failures; /* attempts that fail */
    unsigned starts;
    char held[32]; /* what it was told: '+' held, '-' to go on */
} teller;

typedef struct heard {
    char log[256];
    teller *holds; /* hold the run when it is told something of this one */
} heard;

static void too_late(void *user_data)
{
    agt_tool_call *call = user_data;
    assert_false(agt__tool_call_is_heard(call));
    agt__tool_call_tell(call, AGT__TOLD_EVENT, "too late");
    agt_tool_complete(call, AGT_OK, NULL);
}

static void later(agt_tool_call *call, void *user_data)
{
    teller *self = user_data;
    if (agt_tool_call_is_cancelled(call)) {
        assert_int_equal(agt_runtime_run_after(agt__tool_call_get_runtime(call), 5, too_late, call),
                         AGT_OK);
        return;
    }
    agt__tool_call_tell(call, AGT__TOLD_EVENT, "late");
    if (self->failures > 0) {
        self->failures--;
        agt_error err = {.status = AGT_E_NETWORK, .flags = AGT_ERROR_RETRYABLE};
        agt__tool_call_take_error(call, &err);
        agt_tool_complete(call, AGT_E_NETWORK, NULL);
    } else {
        agt_tool_complete(call, AGT_OK, NULL);
    }
}

static agt_status start(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    teller *self = agt_tool_call_get_user_data(call);
    (void)ret_output;
    self->starts++;
    agt__tool_call_tell(call, AGT__TOLD_EVENT, "begin");
    *ret_pending = true;
    return agt_tool_call_resume_after(call, 20, later);
}

static void hold(agt_tool_call *call, bool held)
{
    teller *self = agt_tool_call_get_user_data(call);
    size_t used = strlen(self->held);
    assert_true(used + 1 < sizeof(self->held));
    self->held[used] = held ? '+' : '-';
}

static const agt__operation_table teller_table = {.kind = "test", .start = start, .hold = hold};

static void hear(agt_tool_call *attempt, agt_call_id call, agt__told told, const void *what,
                 void *user_data)
{
    heard *self = user_data;
    size_t used = strlen(self->log);
    snprintf(self->log + used, sizeof(self->log) - used, "%u:%s ", (unsigned)call,
             told == AGT__TOLD_STARTED ? "started" : (const char *)what);
    if (self->holds != NULL && told == AGT__TOLD_EVENT &&
        attempt->operation == &self->holds->operation) {
        agt__graph_hold(attempt->graph, true);
    }
}

static void settle(agt_graph *graph, agt_call_id call, void *user_data)
{
    heard *self = user_data;
    size_t used = strlen(self->log);
    snprintf(self->log + used, sizeof(self->log) - used, "%u:%s ", (unsigned)call,
             agt_outcome_get_name(agt__graph_get_outcome(graph, call)));
    if (self->holds != NULL) {
        agt__graph_hold(graph, false);
    }
}

static agt__listener listen_to(heard *self)
{
    return (agt__listener){.on_settled = settle, .on_told = hear, .user_data = self};
}

static void init(teller *self, uint32_t timeout_ms)
{
    *self = (teller){.operation = {.table = &teller_table,
                                   .name = "teller",
                                   .mode = AGT_TOOL_ASYNC,
                                   .effect = AGT_EFFECT_PURE,
                                   .timeout_ms = timeout_ms,
                                   .refs = 1}};
    self->operation.user_data = self;
}

static void run(agt_test_engine *engine, teller *tellers, size_t count, heard *ears)
{
    const agt__listener listener = listen_to(ears);
    agt_graph *graph = agt_test_new_graph(engine, NULL);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(agt__graph_add_operation(graph, &tellers[i].operation, NULL, NULL,
                                                  &listener, NULL, NULL),
                         AGT_OK);
    }
    agt_results_unref(agt_test_run_graph(graph, NULL));
    agt_graph_unref(graph);
}

static void what_is_told_is_in_order(void **state)
{
    (void)state;
    agt_test_engine engine;
    teller one;
    heard ears = {.holds = NULL};
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    init(&one, AGT_MS_NONE);
    run(&engine, &one, 1, &ears);
    assert_string_equal(ears.log, "0:started 0:begin 0:late 0:ok ");
    agt_test_engine_deinit(&engine);
}

static void a_call_starts_once_however_often_it_is_tried(void **state)
{
    (void)state;
    agt_test_engine engine;
    teller one;
    heard ears = {.holds = NULL};
    const agt_retry retry = AGT_CONFIG(agt_retry, .attempts_max = 3);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    init(&one, AGT_MS_NONE);
    one.failures = 1;
    assert_int_equal(agt__recovery_init(&one.recovery, &retry, NULL), AGT_OK);
    one.operation.recovery = &one.recovery;
    run(&engine, &one, 1, &ears);
    assert_int_equal(one.starts, 2);
    assert_string_equal(ears.log, "0:started 0:begin 0:late 0:begin 0:late 0:ok ");
    agt_test_engine_deinit(&engine);
}

static void nobody_hears_an_attempt_that_lost_its_call(void **state)
{
    (void)state;
    agt_test_engine engine;
    teller two[2];
    heard ears = {.holds = NULL};
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    init(&two[0], 10);
    init(&two[1], AGT_MS_NONE); /* the run goes on until the first one is too late */
    run(&engine, two, 2, &ears);
    assert_string_equal(ears.log, "0:started 0:begin 1:started 1:begin 0:timeout 1:late 1:ok ");
    agt_test_engine_deinit(&engine);
}

/* Told within its own start, before it is pending; the second one begins in a run that is held. */
static void attempts_are_held_and_go_on(void **state)
{
    (void)state;
    agt_test_engine engine;
    teller two[2];
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    init(&two[0], AGT_MS_NONE);
    init(&two[1], AGT_MS_NONE);
    heard ears = {.holds = &two[0]};
    run(&engine, two, 2, &ears);
    assert_string_equal(ears.log, "0:started 0:begin 1:started 1:begin 0:late 0:ok "
                                  "1:late 1:ok ");
    assert_string_equal(two[0].held, "+");
    assert_string_equal(two[1].held, "+-");
    agt_test_engine_deinit(&engine);
}

static agt_status run_blocking(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output;
    *(bool *)user_data = agt__tool_call_is_heard(call);
    agt__tool_call_tell(call, AGT__TOLD_EVENT, "from a worker");
    return AGT_OK;
}

static void workers_are_not_heard(void **state)
{
    (void)state;
    agt_test_engine engine;
    heard ears = {.holds = NULL};
    bool is_heard = true;
    const agt__listener listener = listen_to(&ears);
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .user_data = &is_heard);
    assert_int_equal(
        agt_executor_register_tool(engine.executor, "worker", run_blocking, &config, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt__batch_item item = {.tool = "worker"};
    assert_int_equal(agt__graph_add_batch(graph, &item, 1, false, NULL, &listener, NULL), AGT_OK);
    agt_results_unref(agt_test_run_graph(graph, NULL));
    agt_graph_unref(graph);
    assert_false(is_heard);
    assert_string_equal(ears.log, "0:started 0:ok ");
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_in_order),
        cmocka_unit_test(a_call_starts_once_however_often_it_is_tried),
        cmocka_unit_test(nobody_hears_an_attempt_that_lost_its_call),
        cmocka_unit_test(attempts_are_held_and_go_on),
        cmocka_unit_test(workers_are_not_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
