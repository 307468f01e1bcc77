/*
 * Conversations that do not fit: what is left out, what never is, and summaries in its place.
 *
 * The model notes what it is shown. It answers with 100 bytes, fails where it is too much for it,
 * and asks for the tool "inline" as often as the question says.
 */
#include "agents/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

typedef struct model {
    uint32_t requests, summaries;
    uint32_t messages_max; /* more is AGT_E_LIMIT; 0 = no limit */
    bool no_summary;
    char roles[200]; /* of the last request, by first letters */
    char lead[400];  /* the text of its first message */
    char transcript[4000];
} model;

static const char *text_of(const agt_value *message)
{
    const agt_value *part = agt_value_get_item(agt_value_get_member(message, "parts"), 0);
    return agt__value_member_text(part, "text", "");
}

/* Every call has its result in the next message, and every result its call in the one before. */
static void check_pairs(const agt_value *messages)
{
    for (size_t i = 0; i < agt_value_get_count(messages); i++) {
        const agt_value *message = agt_value_get_item(messages, i);
        const agt_value *part = agt_value_get_item(agt_value_get_member(message, "parts"), 0);
        const char *type = agt__value_member_text(part, "type", "");
        const agt_value *next = agt_value_get_item(messages, i + 1);
        if (strcmp(type, "tool_call") == 0) {
            assert_string_equal(agt__value_member_text(next, "role", ""), "tool");
        } else {
            assert_string_not_equal(agt__value_member_text(next, "role", ""), "tool");
        }
    }
}

static agt_status answer(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    model *self = user_data;
    const agt_value *request = agt_tool_call_get_input(call);
    const agt_value *messages = agt_value_get_member(request, "messages");
    size_t count = agt_value_get_count(messages), used = 0;
    char json[400];
    if (strcmp(agt__value_member_text(request, "agent", ""), "anna/summary") == 0) {
        self->summaries++;
        (void)snprintf(self->transcript, sizeof(self->transcript), "%s",
                       text_of(agt_value_get_item(messages, 0)));
        assert_null(agt_value_get_member(request, "tools"));
        (void)snprintf(json, sizeof(json),
                       "{\"parts\": [{\"type\": \"text\", \"text\": \"%s %u\"}]}",
                       self->no_summary ? "" : "sum", self->summaries);
        return self->no_summary ? AGT_E_MODEL
                                : agt_json_parse(agt_tool_call_get_allocator(call), json,
                                                 strlen(json), NULL, ret_output, NULL);
    }
    self->requests++;
    check_pairs(messages);
    for (size_t i = 0; i < count; i++) {
        const agt_value *message = agt_value_get_item(messages, i);
        if (used + 2 < sizeof(self->roles)) {
            used += (size_t)snprintf(self->roles + used, sizeof(self->roles) - used, "%c",
                                     agt__value_member_text(message, "role", "?")[0]);
        }
    }
    (void)snprintf(self->lead, sizeof(self->lead), "%s", text_of(agt_value_get_item(messages, 0)));
    if (self->messages_max != 0 && count > self->messages_max) {
        agt_tool_call_set_error(call, "too long");
        return AGT_E_LIMIT;
    }
    uint64_t step = 0, wanted = 0;
    (void)!agt_value_get_uint64(agt_value_get_member(request, "step"), &step);
    for (size_t i = 0; i < count; i++) {
        const char *text = text_of(agt_value_get_item(messages, i));
        wanted = strncmp(text, "work ", 5) == 0 ? strtoull(text + 5, NULL, 10) : wanted;
    }
    if (step <= wanted) {
        (void)snprintf(json, sizeof(json),
                       "{\"parts\": [{\"type\": \"tool_call\", \"id\": \"c%u\", \"name\": "
                       "\"inline\", \"arguments\": {\"echo\": \"%0100u\"}}]}",
                       (unsigned)step, (unsigned)step);
    } else {
        (void)snprintf(json, sizeof(json),
                       "{\"parts\": [{\"type\": \"text\", \"text\": \"%0100u\"}]}", self->requests);
    }
    return agt_json_parse(agt_tool_call_get_allocator(call), json, strlen(json), NULL, ret_output,
                          NULL);
}

typedef struct fixture {
    agt_test_engine engine;
    model model;
    agt_model *object;
    agt_agent *agent;
    agt_session *session;
} fixture;

static agt_status init(fixture *self, const agt_allocator *allocator, uint64_t context,
                       bool summarize)
{
    *self = (fixture){.object = NULL};
    agt_status status = agt_test_engine_init(&self->engine, allocator, true, NULL);
    if (status != AGT_OK) {
        return status;
    }
    agt_model_config config =
        AGT_CONFIG(agt_model_config, .mode = AGT_TOOL_INLINE, .simulated = true,
                   .user_data = &self->model, .context_tokens = context, .max_output_tokens = 50);
    status =
        agt_model_new_function(self->engine.runtime, "m", answer, &config, &self->object, NULL);
    const char *const tools[] = {"inline", NULL};
    agt_agent_config agent =
        AGT_CONFIG(agt_agent_config, .name = "anna", .model = self->object,
                   .executor = self->engine.executor, .tools = tools, .summarize = summarize);
    if (status == AGT_OK) {
        status = agt_agent_new(self->engine.runtime, &agent, &self->agent, NULL);
    }
    agt_session_config session = AGT_CONFIG(agt_session_config, .in_memory = true);
    if (status == AGT_OK) {
        status = agt_session_new(self->engine.runtime, &session, &self->session, NULL);
    }
    return status;
}

static void deinit(fixture *self)
{
    agt_session_unref(self->session);
    agt_agent_unref(self->agent);
    agt_model_unref(self->object);
    agt_test_engine_deinit(&self->engine);
}

static agt_reply *ask(fixture *self, const char *query)
{
    agt_reply *reply = NULL;
    agt_call_options options = AGT_CONFIG(agt_call_options, .session = self->session);
    agt_status status = agt_agent_execute(self->agent, query, &options, &reply, NULL);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    return reply;
}

static void ask_well(fixture *self, const char *query)
{
    agt_reply *reply = ask(self, query);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    agt_reply_unref(reply);
}

static size_t count_kept(fixture *self)
{
    agt_value *messages = NULL;
    assert_int_equal(agt_session_get_messages(self->session, &messages), AGT_OK);
    size_t count = agt_value_get_count(messages);
    agt_value_unref(messages);
    return count;
}

static void leaves_out_the_oldest_turns(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(init(&f, NULL, 600, false), AGT_OK);
    for (int i = 0; i < 20; i++) {
        ask_well(&f, i == 0 ? "the very first" : "more");
        assert_in_range(strlen(f.model.roles), 1, 25);
    }
    assert_int_equal(f.model.requests, 20);
    assert_int_equal(count_kept(&f), 40); /* nothing is lost */
    assert_non_null(strstr(f.model.lead, "earlier messages of this conversation are left out"));
    assert_non_null(strstr(f.model.lead, "It began with: the very first"));
    assert_int_equal(f.model.roles[0], 'u'); /* the lead, and then whole turns */
    assert_int_equal(f.model.roles[1], 'u');
    deinit(&f);
}

/* Within one run: steps go, the question and the last step stay. */
static void leaves_out_the_oldest_steps(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(init(&f, NULL, 700, false), AGT_OK);
    ask_well(&f, "before");
    ask_well(&f, "work 20");
    assert_int_equal(f.model.requests, 22);
    assert_true(strncmp(f.model.roles, "uuat", 4) == 0);
    assert_int_equal(count_kept(&f), 2 + 1 + 40 + 1);
    ask_well(&f, "after");
    assert_int_equal(count_kept(&f), 46);
    deinit(&f);
}

static void shortens_once_where_the_model_says_so(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(init(&f, NULL, 0, false), AGT_OK);
    for (int i = 0; i < 4; i++) {
        ask_well(&f, "more");
    }
    f.model.messages_max = 7;
    f.model.requests = 0;
    ask_well(&f, "more"); /* nine would be too many */
    assert_int_equal(f.model.requests, 2);
    assert_non_null(strstr(f.model.lead, "left out"));
    f.model.messages_max = 1;
    agt_reply *reply = ask(&f, "more");
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, "too long");
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_E_LIMIT);
    agt_reply_unref(reply);
    deinit(&f);
}

static void sums_up(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(init(&f, NULL, 600, true), AGT_OK);
    while (f.model.summaries < 2) {
        ask_well(&f, "more");
        assert_in_range(f.model.requests, 1, 40);
    }
    assert_non_null(strstr(f.model.lead, "[Summary of the earlier conversation:]\nsum 2"));
    assert_null(strstr(f.model.lead, "left out"));
    assert_non_null(strstr(f.model.transcript, "summary of what was before: sum 1"));
    assert_non_null(strstr(f.model.transcript, "user: more"));
    assert_int_equal(count_kept(&f), 2 * f.model.requests + 2); /* the summaries among them */
    agt_reply *reply = ask(&f, "more");
    assert_non_null(strstr(f.model.lead, "sum 2")); /* in the next run, too */
    agt_costs costs = AGT_CONFIG(agt_costs);
    agt_reply_get_costs(reply, &costs);
    assert_int_equal(costs.simulated_calls, 1);
    agt_reply_unref(reply);
    deinit(&f);
}

static void does_without_a_summary_that_does_not_come(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(init(&f, NULL, 600, true), AGT_OK);
    f.model.no_summary = true;
    while (f.model.summaries == 0) {
        ask_well(&f, "more");
        assert_in_range(f.model.requests, 1, 40);
    }
    assert_non_null(strstr(f.model.lead, "left out"));
    deinit(&f);
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    fixture f;
    agt_status status = init(&f, allocator, 600, *(const bool *)ctx);
    for (int i = 0; status == AGT_OK && i < 9; i++) {
        agt_reply *reply = ask(&f, "work 1");
        status = reply != NULL ? agt_reply_get_error(reply, NULL) : AGT_E_NOMEM;
        agt_reply_unref(reply);
    }
    assert_true(status == AGT_OK || agt_test_heap_of(allocator)->failures > 0);
    if (f.engine.runtime != NULL) {
        deinit(&f);
    }
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    bool summarize = false;
    agt_test_torture(torture, &summarize);
    summarize = true;
    agt_test_torture(torture, &summarize);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_out_the_oldest_turns),
        cmocka_unit_test(leaves_out_the_oldest_steps),
        cmocka_unit_test(shortens_once_where_the_model_says_so),
        cmocka_unit_test(sums_up),
        cmocka_unit_test(does_without_a_summary_that_does_not_come),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
