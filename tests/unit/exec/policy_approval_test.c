/* Approval: which calls run, which are asked for, and what becomes of those that wait. */
#include "support/test.h"

#include "exec/executor.h"
#include "support/exec.h"
#include "support/torture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    ASKED_MAX = 8
};

/* Somebody who is asked: answers at once, or keeps the questions. */
typedef struct person {
    agt_test_engine *engine;
    bool keeps;
    agt_decision decision;
    bool for_good;
    const char *reason;
    uint32_t asked, changed;
    agt_approval *kept[ASKED_MAX];
    char seen[256]; /* "tool(input)agent;" */
} person;

static void ask_person(void *user_data, agt_approval *approval)
{
    person *self = user_data;
    size_t used = strlen(self->seen);
    agt_value *input = NULL;
    if (agt_value_to_json(NULL, agt_approval_get_input(approval), AGT_JSON_COMPACT, &input) ==
        AGT_OK) {
        const char *agent = agt_approval_get_agent(approval);
        (void)snprintf(self->seen + used, sizeof(self->seen) - used, "%s(%s)%s;",
                       agt_approval_get_tool(approval), agt_value_get_string(input, NULL),
                       agent != NULL ? agent : "");
        agt_value_unref(input);
    }
    self->changed += agt_approval_is_changed(approval) ? 1 : 0;
    if (self->keeps) {
        self->kept[self->asked++ % ASKED_MAX] = approval;
        return;
    }
    self->asked++;
    agt_approval_answer(approval, self->decision, self->for_good, self->reason);
}

static agt_status say_done(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (*(uint32_t *)user_data)++;
    return AGT_OK;
}

static agt_status open_engine(agt_test_engine *engine, const agt_allocator *allocator, person *who,
                              uint32_t *runs, const agt_approval_config *given)
{
    agt_status status = agt_test_engine_init(engine, allocator, true, NULL);
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE,
                                        .description = "Sends a letter.", .user_data = runs);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_executor_register_tool(engine->executor, "send", say_done, &config, NULL);
    if (status == AGT_OK) {
        status = agt_executor_register_tool(engine->executor, "send_all", say_done, &config, NULL);
    }
    if (status == AGT_OK) {
        agt_approval_config own = {.struct_size = sizeof(own)};
        if (given != NULL) {
            own = *given;
        }
        own.ask = who != NULL ? ask_person : NULL;
        own.user_data = who;
        status = agt_executor_set_approval(engine->executor, &own, NULL);
    }
    if (status != AGT_OK) {
        agt_test_engine_deinit(engine);
    }
    return status;
}

/* The outcome of one call. */
static agt_outcome call_once(agt_test_engine *engine, const char *tool, const char *part)
{
    agt_graph *graph = agt_test_new_graph(engine, NULL);
    agt_call_options options = AGT_CONFIG(agt_call_options, .agent = "clerk");
    (void)agt_test_add(graph, tool, "{\"to\":\"bob\"}", &options);
    agt_results *results = agt_test_run_graph(graph, NULL);
    agt_outcome outcome = agt_results_get_outcome(results, 0);
    agt_error err = {.message = ""};
    (void)agt_results_get_error(results, 0, &err);
    if (part != NULL && strstr(err.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    return outcome;
}

static void tools_with_effect_are_asked_for(void **state)
{
    (void)state;
    agt_test_engine engine;
    uint32_t runs = 0;
    person who = {.decision = AGT_DECISION_ALLOW};
    assert_int_equal(open_engine(&engine, NULL, &who, &runs, NULL), AGT_OK);
    assert_int_equal(call_once(&engine, "send", NULL), AGT_OUTCOME_OK);
    assert_int_equal(call_once(&engine, "inline", NULL), AGT_OUTCOME_OK); /* pure */
    assert_int_equal(who.asked, 1);
    assert_string_equal(who.seen, "send({\"to\":\"bob\"})clerk;");
    who.decision = AGT_DECISION_DENY;
    who.reason = "not on a Sunday";
    assert_int_equal(call_once(&engine, "send", "\"send\" was denied: not on a Sunday"),
                     AGT_OUTCOME_DENIED);
    assert_int_equal(runs, 1);
    agt_test_engine_deinit(&engine);
}

static void nobody_to_ask_is_a_no(void **state)
{
    (void)state;
    agt_test_engine engine;
    uint32_t runs = 0;
    assert_int_equal(open_engine(&engine, NULL, NULL, &runs, NULL), AGT_OK);
    assert_int_equal(call_once(&engine, "send", "nobody is there to approve"), AGT_OUTCOME_DENIED);
    assert_int_equal(agt_executor_set_approval(engine.executor, NULL, NULL), AGT_OK);
    assert_int_equal(call_once(&engine, "send", NULL), AGT_OUTCOME_OK);
    assert_int_equal(runs, 1);
    agt_test_engine_deinit(&engine);
}

static void the_first_rule_that_fits_decides(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool fits; /* "send_all" */
    } patterns[] = {{"send_all", true}, {"send*", true},     {"*", true},      {"*all", true},
                    {"s*_*l", true},    {"send", false},     {"*send", false}, {"", false},
                    {"**a*l*", true},   {"send_all_", false}};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        agt_test_engine engine;
        uint32_t runs = 0;
        const agt_approval_rule rules[] = {
            AGT_CONFIG(agt_approval_rule, .tool = "send_all", .effects = AGT_APPROVAL_PURE,
                       .decision = AGT_DECISION_DENY), /* it is not pure */
            AGT_CONFIG(agt_approval_rule, .tool = patterns[i].pattern,
                       .decision = AGT_DECISION_ALLOW),
            AGT_CONFIG(agt_approval_rule, .decision = AGT_DECISION_DENY),
        };
        agt_approval_config config =
            AGT_CONFIG(agt_approval_config, .rules = rules, .rules_count = 3);
        assert_int_equal(open_engine(&engine, NULL, NULL, &runs, &config), AGT_OK);
        assert_int_equal(call_once(&engine, "send_all", patterns[i].fits ? NULL : "by a rule"),
                         patterns[i].fits ? AGT_OUTCOME_OK : AGT_OUTCOME_DENIED);
        agt_test_engine_deinit(&engine);
    }
}

static void what_is_said_for_good_is_kept(void **state)
{
    (void)state;
    agt_test_engine engine;
    uint32_t runs = 0;
    person who = {.decision = AGT_DECISION_ALLOW, .for_good = true};
    assert_int_equal(open_engine(&engine, NULL, &who, &runs, NULL), AGT_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call_once(&engine, "send", NULL), AGT_OUTCOME_OK);
    }
    assert_int_equal(who.asked, 1);
    who.decision = AGT_DECISION_DENY;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call_once(&engine, "send_all", i > 0 ? "denied for good" : NULL),
                         AGT_OUTCOME_DENIED);
    }
    assert_int_equal(who.asked, 2);
    agt_value *pins = NULL;
    assert_int_equal(agt_executor_get_pins(engine.executor, &pins), AGT_OK);
    assert_int_equal(agt_value_get_count(pins), 1);
    agt_test_engine_deinit(&engine);

    /* Another executor that is given them need not ask, unless the tool is another one. */
    person other = {.decision = AGT_DECISION_ALLOW};
    agt_approval_config config = AGT_CONFIG(agt_approval_config, .pins = pins);
    assert_int_equal(open_engine(&engine, NULL, &other, &runs, &config), AGT_OK);
    assert_int_equal(call_once(&engine, "send", NULL), AGT_OUTCOME_OK);
    assert_int_equal(other.asked, 0);
    agt_tool *tool = agt_executor_get_tool(engine.executor, "send");
    tool->description[0] = 'B'; /* as if it had been registered so */
    assert_int_equal(call_once(&engine, "send", NULL), AGT_OUTCOME_OK);
    assert_int_equal(other.asked, 1);
    assert_int_equal(other.changed, 1);
    agt_test_engine_deinit(&engine);
    agt_value_unref(pins);
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_error err;
    const agt_approval_rule rule = AGT_CONFIG(agt_approval_rule, .tool = "x", .decision = 7);
    agt_approval_config config = AGT_CONFIG(agt_approval_config, .rules = &rule, .rules_count = 1);
    agt_value *pins = agt_test_json(NULL, "{\"send\": 1}");
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(agt_executor_set_approval(engine.executor, &config, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "rule 0 (\"x\")"));
    config = (agt_approval_config)AGT_CONFIG(agt_approval_config, .pins = pins);
    assert_int_equal(agt_executor_set_approval(engine.executor, &config, &err), AGT_E_TYPE);
    assert_non_null(strstr(err.message, "the pin of \"send\""));
    agt_value_unref(pins);
    agt_test_engine_deinit(&engine);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Calls that wait hold nobody up, end with their deadline, and an answer that comes too late is
 * none. */
static void calls_wait_for_their_answer(void **state)
{
    (void)state;
    agt_test_engine engine;
    uint32_t runs = 0;
    person who = {.keeps = true};
    assert_int_equal(open_engine(&engine, NULL, &who, &runs, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    agt_call_options late = AGT_CONFIG(agt_call_options, .deadline_ms = 50);
    agt_call_id waits = agt_test_add(graph, "send", "{}", NULL);
    agt_call_id ends = agt_test_add(graph, "send", "{}", &late);
    agt_call_id runs_on = agt_test_add(graph, "async", "{\"ms\": 70}", NULL);
    agt_task *task = NULL;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 100), AGT_E_TIMEOUT); /* of virtual time */
    assert_int_equal(who.asked, 2);
    assert_false(agt_approval_is_over(who.kept[0]));
    assert_true(agt_approval_is_over(who.kept[1]));
    agt_approval_answer(who.kept[0], AGT_DECISION_ALLOW, false, NULL);
    agt_approval_answer(who.kept[1], AGT_DECISION_ALLOW, false, NULL);
    agt_results *results = agt_test_finish(task);
    assert_int_equal(agt_results_get_outcome(results, waits), AGT_OUTCOME_OK);
    assert_int_equal(agt_results_get_outcome(results, ends), AGT_OUTCOME_TIMEOUT);
    assert_int_equal(agt_results_get_outcome(results, runs_on), AGT_OUTCOME_OK);
    assert_int_equal(runs, 1);
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* Cancelled and closed over an open question; the answer comes when all is gone. */
static void an_answer_may_come_when_all_is_over(void **state)
{
    (void)state;
    agt_test_engine engine;
    uint32_t runs = 0;
    person who = {.keeps = true};
    assert_int_equal(open_engine(&engine, NULL, &who, &runs, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "send", "{}", NULL);
    agt_task *task = NULL;
    assert_int_equal(agt_graph_start(graph, NULL, &task, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(task, 10), AGT_E_TIMEOUT);
    agt_task_cancel(task);
    agt_results *results = agt_test_finish(task);
    assert_int_equal(agt_results_get_outcome(results, 0), AGT_OUTCOME_CANCELLED);
    agt_results_unref(results);
    agt_graph_unref(graph);
    assert_true(agt_approval_is_over(who.kept[0]));
    agt_approval_answer(who.kept[0], AGT_DECISION_ALLOW, false, NULL);
    agt_test_engine_deinit(&engine);
    assert_int_equal(runs, 0);
}

/* A call that is approved and then waits for a slot is not asked for again. */
static void nobody_is_asked_twice(void **state)
{
    (void)state;
    agt_test_engine engine;
    uint32_t runs = 0;
    person who = {.decision = AGT_DECISION_ALLOW};
    agt_executor_config slots = AGT_CONFIG(agt_executor_config, .parallel_max = 1);
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .user_data = &runs);
    agt_approval_config config =
        AGT_CONFIG(agt_approval_config, .ask = ask_person, .user_data = &who);
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, &slots), AGT_OK);
    assert_int_equal(agt_executor_register_tool(engine.executor, "send", say_done, &tool, NULL),
                     AGT_OK);
    assert_int_equal(agt_executor_set_approval(engine.executor, &config, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    (void)agt_test_add(graph, "async", "{\"ms\": 20}", NULL);
    (void)agt_test_add(graph, "send", "{}", NULL);
    for (int run = 1; run <= 2; run++) { /* but in the next run it is another call */
        agt_results *results = agt_test_run_graph(graph, NULL);
        assert_int_equal(agt_results_get_outcome(results, 1), AGT_OUTCOME_OK);
        agt_results_unref(results);
        assert_int_equal(who.asked, run);
    }
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static agt_status fail_always(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (void)user_data;
    return AGT_E_NETWORK;
}

/* Whoever lets a tool run has not let run what stands in for it when it fails. */
static void fallbacks_are_approved_by_themselves(void **state)
{
    (void)state;
    agt_test_engine engine;
    uint32_t runs = 0;
    person who = {.decision = AGT_DECISION_ALLOW};
    const agt_approval_rule rules[] = {
        AGT_CONFIG(agt_approval_rule, .tool = "send_all", .decision = AGT_DECISION_DENY),
        AGT_CONFIG(agt_approval_rule, .decision = AGT_DECISION_ASK),
    };
    const agt_approval_config config =
        AGT_CONFIG(agt_approval_config, .rules = rules, .rules_count = 2);
    agt_tool_config pure =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .effect = AGT_EFFECT_PURE);
    assert_int_equal(open_engine(&engine, NULL, &who, &runs, &config), AGT_OK);
    static const char *const instead[] = {"send_all", "send"};
    for (uint32_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "look" : "look_up";
        assert_int_equal(
            agt_executor_register_tool(engine.executor, name, fail_always, &pure, NULL), AGT_OK);
        agt_tool *tool = agt_executor_get_tool(engine.executor, name);
        agt_tool *other = agt_executor_get_tool(engine.executor, instead[i]);
        assert_int_equal(agt__recovery_init(&tool->recovery, NULL, NULL), AGT_OK);
        tool->recovery.fallback = agt__operation_ref(&other->operation);
        tool->operation.recovery = &tool->recovery;
    }
    assert_int_equal(call_once(&engine, "look", "\"send_all\" was denied by a rule"),
                     AGT_OUTCOME_DENIED);
    assert_int_equal(who.asked, 1);
    assert_int_equal(runs, 0);
    assert_int_equal(call_once(&engine, "look_up", NULL), AGT_OUTCOME_OK);
    assert_int_equal(who.asked, 3);
    assert_non_null(strstr(who.seen, "look_up({\"to\":\"bob\"})clerk;send({\"to\":\"bob\"})"));
    assert_int_equal(runs, 1);
    agt_test_engine_deinit(&engine);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *answer_late(void *arg)
{
    agt_approval_answer(arg, AGT_DECISION_ALLOW, true, NULL);
    return NULL;
}

static void ask_on_a_thread(void *user_data, agt_approval *approval)
{
    pthread_t thread;
    (void)user_data;
    if (pthread_create(&thread, NULL, answer_late, approval) == 0) {
        (void)pthread_detach(thread);
    } else {
        agt_approval_answer(approval, AGT_DECISION_DENY, false, NULL);
    }
}

static void answers_come_from_any_thread(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE);
    agt_approval_config config = AGT_CONFIG(agt_approval_config, .ask = ask_on_a_thread);
    uint32_t runs = 0;
    tool.user_data = &runs;
    assert_int_equal(agt_test_engine_init(&engine, NULL, false, NULL), AGT_OK);
    assert_int_equal(agt_executor_register_tool(engine.executor, "send", say_done, &tool, NULL),
                     AGT_OK);
    assert_int_equal(agt_executor_set_approval(engine.executor, &config, NULL), AGT_OK);
    agt_graph *graph = agt_test_new_graph(&engine, NULL);
    for (int i = 0; i < 50; i++) {
        (void)agt_test_add(graph, "send", "{}", NULL);
    }
    agt_results *results = agt_test_run_graph(graph, NULL);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(agt_results_get_outcome(results, i), AGT_OUTCOME_OK);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

/* ---- without memory -------------------------------------------------------------------------- */

static void ask_without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_test_engine engine;
    uint32_t runs = 0;
    person who = {.decision = AGT_DECISION_ALLOW, .for_good = true};
    const agt_approval_rule rule =
        AGT_CONFIG(agt_approval_rule, .tool = "send", .decision = AGT_DECISION_ASK);
    agt_approval_config config = AGT_CONFIG(agt_approval_config, .rules = &rule, .rules_count = 1);
    if (open_engine(&engine, allocator, &who, &runs, &config) != AGT_OK) {
        return;
    }
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_value *pins = NULL;
    agt_call_id call;
    agt_status status = agt_graph_new(engine.executor, NULL, &graph, NULL);
    for (int i = 0; i < 2 && status == AGT_OK; i++) {
        status = agt_test_add_call(graph, "send", "{}", &call);
    }
    if (status == AGT_OK) {
        status = agt_graph_run(graph, NULL, &results, NULL);
    }
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    if (agt_executor_get_pins(engine.executor, &pins) == AGT_OK) {
        agt_value_unref(pins);
    }
    agt_results_unref(results);
    agt_graph_unref(graph);
    agt_test_engine_deinit(&engine);
}

static void approval_survives_torture(void **state)
{
    (void)state;
    agt_test_torture(ask_without_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_with_effect_are_asked_for),
        cmocka_unit_test(nobody_to_ask_is_a_no),
        cmocka_unit_test(the_first_rule_that_fits_decides),
        cmocka_unit_test(what_is_said_for_good_is_kept),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(calls_wait_for_their_answer),
        cmocka_unit_test(an_answer_may_come_when_all_is_over),
        cmocka_unit_test(nobody_is_asked_twice),
        cmocka_unit_test(fallbacks_are_approved_by_themselves),
        cmocka_unit_test(answers_come_from_any_thread),
        cmocka_unit_test(approval_survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
