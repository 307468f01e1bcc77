/* Streams of events: order, what each says, merging, holding the run, dropping, forks, memory. */
#include "agents/events.h"

#include "base/value.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static agt_test_engine engine;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agt_test_engine_deinit(&engine);
    return 0;
}

/* A stream of an agent of a script; model and agent live as long as the run. */
static agt_events *stream(const char *rules, const char *query)
{
    agt_events *events = NULL;
    agt_model *model = agt_test_script(engine.runtime, rules);
    agt_agent *agent = agt_test_agent(&engine, "lead", model, NULL);
    assert_int_equal(agt_agent_execute_stream(agent, query, NULL, &events, NULL), AGT_OK);
    agt_agent_unref(agent);
    agt_model_unref(model);
    return events;
}

static agt_event *next(agt_events *events)
{
    agt_event *event = NULL;
    agt_status status = agt_events_next(events, AGT_MS_NONE, &event);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_CLOSED);
        return NULL;
    }
    return event;
}

/* "type depth agent name: text|outcome" of each event, to the end. */
static char *read_all(agt_events *events)
{
    static char log[16384];
    size_t used = 0;
    uint64_t seq = 0;
    agt_event *event;
    log[0] = '\0';
    while ((event = next(events)) != NULL) {
        agt_outcome outcome = agt_event_get_outcome(event);
        assert_int_equal(agt_event_get_seq(event), ++seq);
        used += (size_t)snprintf(log + used, sizeof(log) - used, "%s %u %s %s%s%s%s%s\n",
                                 agt_event_get_type(event), agt_event_get_depth(event),
                                 agt_event_get_agent(event), agt_event_get_name(event),
                                 outcome != AGT_OUTCOME_NONE ? ": " : "",
                                 outcome != AGT_OUTCOME_NONE ? agt_outcome_get_name(outcome) : "",
                                 agt_event_get_text(event, NULL)[0] != '\0' ? ": " : "",
                                 agt_event_get_text(event, NULL));
        assert_true(used < sizeof(log));
        agt_event_unref(event);
    }
    return log;
}

#define TWO_STEPS                                                                                  \
    "{\"step\": 1, \"text\": \"Let me look.\", \"stream\": 5, \"delay_ms\": 100, \"tool_calls\": " \
    "[{\"name\": \"async\", \"arguments\": {\"ms\": 30, \"echo\": 7}},"                            \
    "{\"name\": \"inline\", \"arguments\": {\"error\": \"boom\"}},"                                \
    "{\"name\": \"nobody\"}]},"                                                                    \
    "{\"step\": 2, \"text\": \"Done.\"}"

static void everything_is_told_in_order(void **state)
{
    (void)state;
    agt_events *events = stream(TWO_STEPS, "q");
    assert_string_equal(read_all(events), "agent.start 0 lead lead\n"
                                          "model.start 0 lead scripted\n"
                                          "model.text 0 lead lead: Let m\n"
                                          "model.text 0 lead lead: e loo\n"
                                          "model.text 0 lead lead: k.\n"
                                          "model.end 0 lead scripted: ok\n"
                                          "tool.start 0 lead nobody\n"
                                          "tool.end 0 lead nobody: rejected\n"
                                          "tool.start 0 lead async\n"
                                          "tool.start 0 lead inline\n"
                                          "tool.end 0 lead inline: error\n"
                                          "tool.end 0 lead async: ok\n"
                                          "model.start 0 lead scripted\n"
                                          "model.text 0 lead lead: Done.\n"
                                          "model.end 0 lead scripted: ok\n"
                                          "agent.end 0 lead lead: ok\n");
    agt_event *event = NULL;
    assert_int_equal(agt_events_next(events, 0, &event), AGT_E_CLOSED); /* and again */
    assert_int_equal(agt_task_wait(agt_events_get_task(events), AGT_MS_NONE), AGT_OK);
    agt_events_free(events);
}

/* The first event of that type and name. */
static agt_event *find(agt_events *events, const char *type, const char *name)
{
    agt_event *event;
    while ((event = next(events)) != NULL) {
        if (strcmp(agt_event_get_type(event), type) == 0 &&
            strcmp(agt_event_get_name(event), name) == 0) {
            return event;
        }
        agt_event_unref(event);
    }
    fail_msg("there is no %s %s", type, name);
    return NULL;
}

static void events_say_what_happened(void **state)
{
    (void)state;
    agt_events *events = stream(TWO_STEPS, "q");
    agt_event *event = find(events, "model.end", "scripted");
    assert_true(agt_event_get_usage(event).output_tokens > 0);
    assert_true(agt_event_is_simulated(event));
    assert_int_equal(agt_event_get_duration_ns(event), 100 * 1000000);
    assert_int_equal(agt_event_get_step(event), 1);
    agt_event_unref(event);
    event = find(events, "tool.start", "async");
    agt_span_context span = agt_event_get_span(event);
    char id[64];
    snprintf(id, sizeof(id), "%s", agt_event_get_call_id(event));
    assert_true(agt_span_context_is_valid(&span));
    assert_true(agt_value_get_count(agt_event_get_input(event)) == 2);
    agt_event_unref(event);
    event = find(events, "tool.end", "inline");
    assert_non_null(strstr(agt_event_get_error(event), "boom"));
    assert_null(agt_event_get_output(event));
    agt_event_unref(event);
    event = find(events, "tool.end", "async");
    assert_string_equal(agt_event_get_call_id(event), id);
    assert_int_equal(agt_event_get_duration_ns(event), 30 * 1000000);
    int64_t seven = 0;
    assert_int_equal(agt_value_get_int64(agt_event_get_output(event), &seven), AGT_OK);
    assert_int_equal(seven, 7);
    assert_memory_equal(agt_event_get_span(event).span_id, span.span_id, sizeof(span.span_id));
    agt_event_unref(event);
    event = find(events, "agent.end", "lead");
    assert_string_equal(agt_reply_get_text(agt_event_get_reply(event)), "Done.");
    agt_event_unref(event);
    agt_events_free(events);
}

static void agents_below_are_heard(void **state)
{
    (void)state;
    agt_model *below = agt_test_script(engine.runtime, "{\"text\": \"Of course.\", \"stream\": 4}");
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .name = "helper", .model = below);
    agt_agent *helper = NULL;
    assert_int_equal(agt_agent_new(engine.runtime, &config, &helper, NULL), AGT_OK);
    assert_int_equal(agt_executor_register_agent(engine.executor, NULL, helper, NULL, NULL),
                     AGT_OK);
    agt_events *events = stream("{\"step\": 1, \"tool_calls\": [{\"name\": \"helper\", "
                                "\"arguments\": {\"query\": \"x\"}}]},"
                                "{\"step\": 2, \"text\": \"Done.\"}",
                                "q");
    assert_string_equal(read_all(events), "agent.start 0 lead lead\n"
                                          "model.start 0 lead scripted\n"
                                          "model.end 0 lead scripted: ok\n"
                                          "tool.start 0 lead helper\n"
                                          "agent.start 1 helper helper\n"
                                          "model.start 1 helper scripted\n"
                                          "model.text 1 helper helper: Of c\n"
                                          "model.text 1 helper helper: ours\n"
                                          "model.text 1 helper helper: e.\n"
                                          "model.end 1 helper scripted: ok\n"
                                          "agent.end 1 helper helper: ok\n"
                                          "tool.end 0 lead helper: ok\n"
                                          "model.start 0 lead scripted\n"
                                          "model.text 0 lead lead: Done.\n"
                                          "model.end 0 lead scripted: ok\n"
                                          "agent.end 0 lead lead: ok\n");
    agt_events_free(events);
    agt_agent_unref(helper);
    agt_model_unref(below);
}

/* The log of a run as the command prints it. */
static char *log_of_a_run(void)
{
    char *log = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&log, &size);
    agt_event *event;
    agt_test_engine outer = engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_events *events = stream(TWO_STEPS, "q");
    while ((event = next(events)) != NULL) {
        agt_value *value = NULL;
        agt_value *text = NULL;
        assert_int_equal(agt_event_to_value(event, NULL, &value), AGT_OK);
        assert_int_equal(agt_value_to_json(NULL, value, 0, &text), AGT_OK);
        fprintf(file, "%s\n", agt_value_get_string(text, NULL));
        agt_value_unref(text);
        agt_value_unref(value);
        agt_event_unref(event);
    }
    agt_events_free(events);
    agt_test_engine_deinit(&engine);
    engine = outer;
    fclose(file);
    return log;
}

static void the_same_run_has_the_same_log(void **state)
{
    (void)state;
    char *first = log_of_a_run();
    char *second = log_of_a_run();
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "{\"seq\":1,\"ts\":\"2026-01-01T00:00:00.000Z\","
                                  "\"type\":\"agent.start\",\"agent\":\"lead\",\"depth\":0,"));
    assert_non_null(strstr(first, "\"type\":\"model.text\""));
    assert_non_null(strstr(first, "\"reply\":{\"agent\":\"lead\",\"text\":\"Done.\""));
    free(first);
    free(second);
}

/* ---- slow readers ---------------------------------------------------------------------------- */

/* An agent that says its query, `pieces` times "x", in pieces of one byte in all within a minute.
 */
static agt_events *stream_pieces(unsigned pieces)
{
    char *query = malloc(pieces + 1);
    assert_non_null(query);
    memset(query, 'x', pieces);
    query[pieces] = '\0';
    agt_events *events =
        stream("{\"stream\": 1, \"delay_ms\": 60000, \"text\": \"{{input}}\"}", query);
    free(query);
    return events;
}

static void pieces_that_wait_become_one(void **state)
{
    (void)state;
    agt_events *events = stream_pieces(1000);
    assert_int_equal(agt_task_wait(agt_events_get_task(events), AGT_MS_NONE), AGT_OK);
    size_t count = 0, bytes = 0;
    agt__events_get_load(events, &count, &bytes);
    assert_int_equal(count, 5); /* agent, model, text, model, agent */
    agt_event_unref(next(events));
    agt_event_unref(next(events));
    agt_event *event = next(events);
    size_t length = 0;
    assert_int_equal(strlen(agt_event_get_text(event, &length)), 1000);
    assert_int_equal(length, 1000);
    agt_event_unref(event);
    agt_events_free(events);
}

/* A model that says more than fits: the run waits, and nothing is lost. */
static void a_full_queue_holds_the_run(void **state)
{
    (void)state;
    enum {
        pieces = 300000
    };
    agt_events *events = stream_pieces(pieces);
    assert_int_equal(agt_task_wait(agt_events_get_task(events), 100000), AGT_E_TIMEOUT);
    size_t count = 0, bytes = 0, length = 0, all = 0;
    agt__events_get_load(events, &count, &bytes);
    assert_true(bytes >= AGT__EVENTS_BYTES_MAX && bytes < AGT__EVENTS_BYTES_MAX + 1024);
    agt_event *event;
    while ((event = next(events)) != NULL) {
        if (agt_event_get_kind(event) == AGT_EVENT_TEXT) {
            (void)agt_event_get_text(event, &length);
            all += length;
        }
        agt_event_unref(event);
    }
    assert_int_equal(all, pieces);
    agt_events_free(events);
}

/* Steps without text, more than fit: no request goes out while the queue is full. */
static void a_full_queue_stops_the_steps(void **state)
{
    (void)state;
    agt_agent_config config =
        AGT_CONFIG(agt_agent_config, .limits = {.steps_max = 200, .repeats_max = 1000});
    agt_model *model = agt_test_script(
        engine.runtime, "{\"step\": 200, \"text\": \"x\"},"
                        "{\"tool_calls\": [{\"name\": \"inline\", \"arguments\": {}}]}");
    agt_agent *agent = agt_test_agent(&engine, "lead", model, &config);
    agt_events *events = NULL;
    assert_int_equal(agt_agent_execute_stream(agent, "q", NULL, &events, NULL), AGT_OK);
    assert_int_equal(agt_task_wait(agt_events_get_task(events), AGT_MS_NONE), AGT_E_BUSY);
    size_t count = 0, bytes = 0;
    agt__events_get_load(events, &count, &bytes);
    assert_true(count >= AGT__EVENTS_MAX && count < AGT__EVENTS_MAX + 4);
    uint64_t seq = 0;
    agt_event *event;
    while ((event = next(events)) != NULL) {
        assert_int_equal(agt_event_get_seq(event), ++seq);
        agt_event_unref(event);
    }
    assert_int_equal(seq, 1 + 200 * 4 - 2 + 1 + 1);
    agt_events_free(events);
    agt_agent_unref(agent);
    agt_model_unref(model);
}

/* ---- the reader goes away -------------------------------------------------------------------- */

static void dropping_the_stream_cancels_the_run(void **state)
{
    (void)state;
    for (unsigned taken = 0; taken < 12; taken++) {
        agt_events *events = stream(TWO_STEPS, "q");
        for (unsigned i = 0; i < taken; i++) {
            agt_event_unref(next(events));
        }
        uint64_t now_ns = agt_test_now_ns(&engine);
        agt_task *task = agt_task_ref(agt_events_get_task(events));
        agt_events_free(events);
        agt_reply *reply = NULL;
        assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
        assert_int_equal(agt_test_now_ns(&engine), now_ns); /* at once */
        assert_int_equal(agt_task_get_reply(task, &reply), AGT_OK);
        assert_int_equal(agt_reply_get_outcome(reply), AGT_OUTCOME_CANCELLED);
        agt_reply_unref(reply);
        agt_task_unref(task);
    }
}

static void dropping_a_run_that_is_held_ends_it(void **state)
{
    (void)state;
    agt_events *events = stream_pieces(300000);
    agt_task *task = agt_task_ref(agt_events_get_task(events));
    assert_int_equal(agt_task_wait(task, 100000), AGT_E_TIMEOUT);
    agt_events_free(events);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_task_unref(task);
}

static void a_run_that_is_cancelled_tells_its_end(void **state)
{
    (void)state;
    agt_events *events = stream("{\"tool_calls\": [{\"name\": \"async\", "
                                "\"arguments\": {\"hang\": true}}]}",
                                "q");
    agt_event_unref(find(events, "tool.start", "async"));
    agt_task_cancel(agt_events_get_task(events));
    agt_event *event = next(events);
    assert_string_equal(agt_event_get_type(event), "tool.end");
    assert_int_equal(agt_event_get_outcome(event), AGT_OUTCOME_CANCELLED);
    agt_event_unref(event);
    event = next(events);
    assert_string_equal(agt_event_get_type(event), "agent.end");
    assert_int_equal(agt_event_get_outcome(event), AGT_OUTCOME_CANCELLED);
    agt_event_unref(event);
    assert_null(next(events));
    agt_events_free(events);
}

/* ---- a function instead of a reader ---------------------------------------------------------- */

typedef struct taker {
    agt_events *events;
    unsigned taken, refused;
    unsigned stop_at; /* says no to this one; 0 = none */
    bool is_slow;     /* says "not now" to every one the first time */
    uint64_t last;
} taker;

static void resume(void *user_data)
{
    taker *self = user_data;
    agt_events_resume(self->events);
}

static agt_status take_event(void *user_data, const agt_event *event)
{
    taker *self = user_data;
    uint64_t seq = agt_event_get_seq(event);
    if (self->is_slow && self->last != seq) {
        self->last = seq;
        self->refused++;
        assert_int_equal(agt_runtime_run_after(engine.runtime, 50, resume, self), AGT_OK);
        return AGT_E_BUSY;
    }
    self->taken++;
    return self->taken == self->stop_at ? AGT_E_IO : AGT_OK;
}

static void a_function_takes_events(void **state)
{
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        agt_event *event = NULL;
        taker own = {.events = stream(TWO_STEPS, "q"), .is_slow = slow != 0};
        assert_int_equal(agt_events_on_event(own.events, take_event, &own), AGT_OK);
        assert_int_equal(agt_events_on_event(own.events, take_event, &own), AGT_E_EXISTS);
        assert_int_equal(agt_events_next(own.events, 0, &event), AGT_E_BUSY);
        assert_int_equal(agt_task_wait(agt_events_get_task(own.events), AGT_MS_NONE), AGT_OK);
        for (int i = 0; i < 20 && slow; i++) { /* what is left comes one by one */
            agt_events *other = stream("{\"text\": \"x\", \"delay_ms\": 60}", "q");
            (void)read_all(other);
            agt_events_free(other);
        }
        if (slow) { /* pieces that waited are one */
            assert_int_equal(own.taken, own.refused);
            assert_true(own.taken >= 14);
        } else {
            assert_int_equal(own.taken, 16);
        }
        agt_events_free(own.events);
    }
}

static void a_function_may_want_no_more(void **state)
{
    (void)state;
    taker own = {.events = stream(TWO_STEPS, "q"), .stop_at = 3};
    assert_int_equal(agt_events_on_event(own.events, take_event, &own), AGT_OK);
    assert_int_equal(agt_task_wait(agt_events_get_task(own.events), AGT_MS_NONE), AGT_OK);
    agt_reply *reply = NULL;
    assert_int_equal(agt_task_get_reply(agt_events_get_task(own.events), &reply), AGT_OK);
    assert_int_equal(agt_reply_get_outcome(reply), AGT_OUTCOME_CANCELLED);
    assert_int_equal(own.taken, 3);
    agt_reply_unref(reply);
    agt_events_free(own.events);
}

/* ---- wrong uses ------------------------------------------------------------------------------ */

static agt_status read_in_call(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    agt_events **events = user_data;
    agt_event *event = NULL;
    (void)call;
    (void)ret_output;
    /* The program is inside its own agt_events_next() at this moment. */
    assert_int_equal(agt_events_next(*events, 0, &event), AGT_E_BUSY);
    assert_int_equal(agt_events_on_event(*events, take_event, NULL), AGT_E_BUSY);
    return AGT_OK;
}

static agt_status look_at_context(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    return agt_tool_call_get_context(call, ret_output);
}

/* The context of a tool says what the events do: whose call it is, and which. */
static void tools_know_what_events_say(void **state)
{
    (void)state;
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .effect = AGT_EFFECT_PURE);
    assert_int_equal(
        agt_executor_register_tool(engine.executor, "looks", look_at_context, &config, NULL),
        AGT_OK);
    agt_events *events = stream("{\"step\": 1, \"tool_calls\": [{\"name\": \"looks\"}]},"
                                "{\"text\": \"x\"}",
                                "q");
    agt_event *event = find(events, "tool.end", "looks");
    const agt_value *context = agt_event_get_output(event);
    assert_string_equal(agt__value_member_text(context, "agent", ""), "lead");
    assert_string_equal(agt__value_member_text(context, "call_id", ""),
                        agt_event_get_call_id(event));
    agt_event_unref(event);
    agt_events_free(events);
}

static void two_readers_are_an_error(void **state)
{
    (void)state;
    agt_events *events = NULL;
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE,
                                        .user_data = &events, .effect = AGT_EFFECT_PURE);
    assert_int_equal(
        agt_executor_register_tool(engine.executor, "reads", read_in_call, &config, NULL), AGT_OK);
    events = stream("{\"step\": 1, \"tool_calls\": [{\"name\": \"reads\"}]},"
                    "{\"text\": \"x\"}",
                    "q");
    agt_event *event = find(events, "tool.end", "reads");
    assert_int_equal(agt_event_get_outcome(event), AGT_OUTCOME_OK);
    agt_event_unref(event);
    agt_events_free(events);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    agt_event *event = NULL;
    agt_events *events = stream("{\"text\": \"x\", \"delay_ms\": 1000}", "q");
    int fd = -1;
    assert_int_equal(agt_events_next(NULL, 0, &event), AGT_E_INVALID);
    assert_int_equal(agt_events_next(events, 0, NULL), AGT_E_INVALID);
    assert_int_equal(agt_events_get_fd(events, &fd, NULL), AGT_E_UNSUPPORTED);
    agt_event_unref(find(events, "model.start", "scripted"));
    assert_int_equal(agt_events_next(events, 0, &event), AGT_E_TIMEOUT);
    assert_int_equal(agt_events_next(events, 999, &event), AGT_E_TIMEOUT);
    assert_int_equal(agt_events_next(events, 1, &event), AGT_OK);
    agt_event_unref(event);
    agt_events_free(events);
    agt_events_free(NULL);
    agt_event_unref(NULL);
}

static void a_forked_child_has_no_events(void **state)
{
    (void)state;
    agt_events *events = stream("{\"text\": \"x\"}", "q");
    pid_t child = fork();
    if (child == 0) {
        agt_event *event = NULL;
        int fd = -1;
        bool ok = agt_events_next(events, 0, &event) == AGT_E_FORKED &&
                  agt_events_get_fd(events, &fd, NULL) == AGT_E_FORKED &&
                  agt_events_on_event(events, take_event, NULL) == AGT_E_FORKED;
        agt_events_resume(events);
        agt_events_free(events);
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)read_all(events);
    agt_events_free(events);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void torture(const agt_allocator *allocator, void *ctx)
{
    agt_test_engine outer = engine;
    (void)ctx;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        engine = outer;
        return;
    }
    agt_model *model = agt_test_script(engine.runtime, TWO_STEPS);
    agt_agent *agent = model != NULL ? agt_test_agent(&engine, "lead", model, NULL) : NULL;
    agt_events *events = NULL;
    agt_status status =
        agent != NULL ? agt_agent_execute_stream(agent, "q", NULL, &events, NULL) : AGT_E_NOMEM;
    uint64_t seq = 0;
    bool is_complete = false;
    while (status == AGT_OK) {
        agt_event *event = NULL;
        agt_value *value = NULL;
        status = agt_events_next(events, AGT_MS_NONE, &event);
        if (status == AGT_OK) {
            assert_int_equal(agt_event_get_seq(event), ++seq); /* no gap but the end */
            is_complete = agt_event_get_kind(event) == AGT_EVENT_AGENT_END;
            if (agt_event_to_value(event, allocator, &value) == AGT_OK) {
                agt_value_unref(value);
            }
            agt_event_unref(event);
        }
    }
    assert_true(is_complete ? status == AGT_E_CLOSED : status == AGT_E_NOMEM);
    if (events != NULL) { /* however the stream ended, the run does too */
        assert_int_equal(agt_task_wait(agt_events_get_task(events), AGT_MS_NONE), AGT_OK);
    }
    agt_events_free(events);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
    engine = outer;
}

static void survives_no_memory(void **state)
{
    (void)state;
    agt_test_torture(torture, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_told_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(events_say_what_happened, setup, teardown),
        cmocka_unit_test_setup_teardown(agents_below_are_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_run_has_the_same_log, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_that_wait_become_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_holds_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_stops_the_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(dropping_the_stream_cancels_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(dropping_a_run_that_is_held_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_that_is_cancelled_tells_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_function_takes_events, setup, teardown),
        cmocka_unit_test_setup_teardown(a_function_may_want_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(tools_know_what_events_say, setup, teardown),
        cmocka_unit_test_setup_teardown(two_readers_are_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forked_child_has_no_events, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
