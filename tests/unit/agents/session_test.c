/*
 * Sessions: what one run leaves to the next, in memory and in the store; who may use one; and what
 * is left of a turn that was cut off.
 *
 * The model answers with how many messages it was shown; asked to "use" a tool it does that first.
 */
#include "agents/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/value.h"
#include "support/agents.h"
#include "support/folder.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

static char *folder, *path;

static int set_up(void **state)
{
    (void)state;
    folder = agt_test_folder_new();
    path = agt_test_folder_path(folder, "store.db");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(path);
    agt_test_folder_free(folder);
    return 0;
}

/* ---- a model that looks at what it is shown ---------------------------------------------------
 */

static const char *text_of_last(const agt_value *messages)
{
    const agt_value *last = agt_value_get_item(messages, agt_value_get_count(messages) - 1);
    const agt_value *part = agt_value_get_item(agt_value_get_member(last, "parts"), 0);
    return agt__value_member_text(part, "text", "");
}

static agt_status answer(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    char json[400];
    const agt_value *request = agt_tool_call_get_input(call);
    const agt_value *messages = agt_value_get_member(request, "messages");
    const char *text = text_of_last(messages);
    (void)user_data;
    if (strncmp(text, "use ", 4) == 0) {
        (void)snprintf(json, sizeof(json),
                       "{\"parts\": [{\"type\": \"tool_call\", \"id\": \"c1\", \"name\": \"%s\", "
                       "\"arguments\": {\"hang\": %s, \"echo\": 7}}, {\"type\": \"tool_call\", "
                       "\"id\": \"c2\", \"name\": \"inline\", \"arguments\": {\"echo\": 8}}]}",
                       text + 4, strcmp(text, "use async") == 0 ? "true" : "false");
    } else {
        (void)snprintf(json, sizeof(json),
                       "{\"parts\": [{\"type\": \"text\", \"text\": \"shown %zu\"}]}",
                       agt_value_get_count(messages));
    }
    return agt_json_parse(agt_tool_call_get_allocator(call), json, strlen(json), NULL, ret_output,
                          NULL);
}

typedef struct fixture {
    agt_test_engine engine;
    agt_model *model;
    agt_agent *agent;
} fixture;

static agt_status init(fixture *self, const agt_allocator *allocator, bool simulated,
                       const char *store, const agt_agent_limits *limits)
{
    *self = (fixture){.model = NULL};
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .allocator = allocator,
                                           .simulated = simulated, .store_path = store);
    agt_model_config model_config =
        AGT_CONFIG(agt_model_config, .mode = AGT_TOOL_INLINE, .simulated = true);
    agt_status status = agt_test_engine_init_with(&self->engine, &config, NULL);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_model_new_function(self->engine.runtime, "counter", answer, &model_config,
                                    &self->model, NULL);
    agt_agent_config agent_config = AGT_CONFIG(
        agt_agent_config, .name = "anna", .model = self->model, .executor = self->engine.executor);
    if (limits != NULL) {
        agent_config.limits = *limits;
    }
    if (status == AGT_OK) {
        status = agt_agent_new(self->engine.runtime, &agent_config, &self->agent, NULL);
    }
    return status;
}

static void deinit(fixture *self)
{
    agt_agent_unref(self->agent);
    agt_model_unref(self->model);
    agt_test_engine_deinit(&self->engine);
}

static agt_session *open_session(fixture *self, const char *name, bool in_memory)
{
    agt_session *session = NULL;
    agt_error err = {.message = ""};
    agt_session_config config =
        AGT_CONFIG(agt_session_config, .name = name, .in_memory = in_memory);
    if (agt_session_new(self->engine.runtime, &config, &session, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return session;
}

static agt_reply *ask(fixture *self, agt_session *session, const char *query, uint32_t deadline_ms)
{
    agt_reply *reply = NULL;
    agt_error err = {.message = ""};
    agt_call_options options =
        AGT_CONFIG(agt_call_options, .session = session, .deadline_ms = deadline_ms);
    if (agt_agent_execute(self->agent, query, &options, &reply, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return reply;
}

static void expect(fixture *self, agt_session *session, const char *query, const char *text)
{
    agt_reply *reply = ask(self, session, query, 0);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), text);
    agt_reply_unref(reply);
}

/* The roles of a session's messages, by their first letters, with the turns. */
static void expect_messages(agt_session *session, const char *wanted)
{
    char found[256] = "";
    size_t used = 0;
    agt_value *messages = NULL;
    assert_int_equal(agt_session_get_messages(session, &messages), AGT_OK);
    for (size_t i = 0; i < agt_value_get_count(messages); i++) {
        const agt_value *line = agt_value_get_item(messages, i);
        uint64_t turn = 0;
        const char *role =
            agt__value_member_text(agt_value_get_member(line, "message"), "role", "?");
        assert_int_equal(agt_value_get_uint64(agt_value_get_member(line, "turn"), &turn), AGT_OK);
        used +=
            (size_t)snprintf(found + used, sizeof(found) - used, "%c%u ", role[0], (unsigned)turn);
    }
    assert_string_equal(found, wanted);
    agt_value_unref(messages);
}

/* ---- in one process ---------------------------------------------------------------------------
 */

static void goes_on(const char *store, bool simulated)
{
    fixture f;
    agt_error err = {.message = ""};
    assert_int_equal(init(&f, NULL, simulated, store, NULL), AGT_OK);
    agt_session *session = open_session(&f, "talk", store == NULL);
    assert_string_equal(agt_session_get_name(session), "talk");
    assert_int_equal(strlen(agt_session_get_id(session)), 26);
    expect(&f, session, "one", "shown 1");
    expect(&f, session, "two", "shown 3");
    expect(&f, session, "use inline", "shown 7");
    expect_messages(session, "u1 a1 u2 a2 u3 a3 t3 a3 ");
    expect(&f, NULL, "alone", "shown 1");
    assert_int_equal(agt_session_get_status(session, &err), AGT_OK);
    agt_session_unref(session);
    deinit(&f);
}

static void goes_on_in_memory(void **state)
{
    (void)state;
    goes_on(NULL, true);
    goes_on(NULL, false);
}

static void goes_on_in_the_store(void **state)
{
    (void)state;
    goes_on(path, *(bool *)*state);
    fixture f;
    assert_int_equal(init(&f, NULL, *(bool *)*state, path, NULL), AGT_OK);
    agt_session *session = open_session(&f, "talk", false);
    expect_messages(session, "u1 a1 u2 a2 u3 a3 t3 a3 ");
    expect(&f, session, "again", "shown 9");
    agt_session_unref(session);
    deinit(&f);
    agt_store *store = NULL;
    agt_value *costs = NULL;
    assert_int_equal(agt_store_open(NULL, path, &store, NULL), AGT_OK);
    assert_int_equal(agt_store_get_costs(store, AGT_STORE_BY_CONVERSATION, NULL, 0, &costs, NULL),
                     AGT_OK);
    assert_int_equal(agt_value_get_count(costs), 2); /* the session, and the run without one */
    agt_value_unref(costs);
    agt_store_free(store);
}

static void forks_clears_and_deletes(void **state)
{
    fixture f;
    agt_session *fork = NULL, *other = NULL;
    agt_error err = {.message = ""};
    bool in_memory = *(bool *)*state;
    assert_int_equal(init(&f, NULL, true, in_memory ? NULL : path, NULL), AGT_OK);
    agt_session *session = open_session(&f, "talk", in_memory);
    expect(&f, session, "one", "shown 1");
    assert_int_equal(agt_session_fork(session, "side", &fork, &err), AGT_OK);
    expect(&f, fork, "two", "shown 3");
    expect(&f, session, "two", "shown 3");
    expect(&f, session, "three", "shown 5");
    expect_messages(fork, "u1 a1 u2 a2 ");
    assert_int_equal(agt_session_clear(session, &err), AGT_OK);
    expect_messages(session, "");
    expect(&f, session, "one", "shown 1");
    assert_int_equal(agt_session_delete(session, &err), AGT_OK);
    agt_reply *reply = ask(&f, session, "gone", 0);
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, "was removed");
    agt_reply_unref(reply);
    assert_int_equal(agt_session_clear(session, &err), AGT_E_NOT_FOUND);
    if (!in_memory) {
        agt_session_config config =
            AGT_CONFIG(agt_session_config, .name = "talk", .existing = true);
        assert_int_equal(agt_session_new(f.engine.runtime, &config, &other, &err), AGT_E_NOT_FOUND);
        config.name = "last";
        assert_int_equal(agt_session_new(f.engine.runtime, &config, &other, &err), AGT_OK);
        assert_string_equal(agt_session_get_name(other), "side");
        assert_int_equal(agt_session_fork(other, "side", &session, &err), AGT_E_EXISTS);
        agt_session_unref(other);
    }
    agt_session_unref(fork);
    agt_session_unref(session);
    deinit(&f);
}

static void refuses_what_is_no_session(void **state)
{
    (void)state;
    fixture f;
    agt_session *session = NULL;
    assert_int_equal(init(&f, NULL, true, NULL, NULL), AGT_OK);
    static const struct {
        const char *name;
        bool existing, in_memory;
        const char *part;
    } cases[] = {
        {"last", false, true, "is not \"last\""}, {"", false, true, "1 to 127 bytes"},
        {"a\nb", false, true, "control"},         {"\xff", false, true, "UTF-8"},
        {"talk", true, true, "has to be there"},  {NULL, true, false, "has to be there"},
        {"talk", false, false, "has no store"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_error err = {.message = ""};
        agt_session_config config =
            AGT_CONFIG(agt_session_config, .name = cases[i].name, .existing = cases[i].existing,
                       .in_memory = cases[i].in_memory);
        assert_int_equal(agt_session_new(f.engine.runtime, &config, &session, &err), AGT_E_INVALID);
        if (strstr(err.message, cases[i].part) == NULL) {
            fail_msg("case %zu: %s", i, err.message);
        }
    }
    deinit(&f);
}

/* ---- one at a time ----------------------------------------------------------------------------
 */

static void has_one_run_at_a_time(void **state)
{
    fixture f, g;
    agt_task *task = NULL;
    agt_error err = {.message = ""};
    bool simulated = *(bool *)*state;
    assert_int_equal(init(&f, NULL, simulated, path, NULL), AGT_OK);
    agt_session *session = open_session(&f, "talk", false);
    expect(&f, session, "one", "shown 1");
    agt_call_options options = AGT_CONFIG(agt_call_options, .session = session);
    assert_int_equal(agt_agent_execute_start(f.agent, "use async", &options, &task, &err), AGT_OK);
    while (atomic_load(&f.engine.started) == 0) { /* until the tool hangs */
        assert_int_equal(agt_task_wait(task, 1), AGT_E_TIMEOUT);
    }
    agt_reply *reply = ask(&f, session, "two", 0);
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, "one run at a time");
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_E_BUSY);
    agt_reply_unref(reply);
    assert_int_equal(agt_session_clear(session, &err), AGT_E_BUSY);

    /* Another runtime is like another process. */
    assert_int_equal(init(&g, NULL, true, path, NULL), AGT_OK);
    agt_session *same = open_session(&g, "talk", false);
    reply = ask(&g, same, "two", 0);
    assert_int_equal(agt_reply_get_error(reply, NULL), AGT_E_BUSY);
    agt_reply_unref(reply);
    agt_task_cancel(task);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_task_unref(task);
    expect_messages(session, "u1 a1 u2 a2 t2 ");
    expect(&g, same, "two", "shown 6"); /* with what the other one added */
    expect(&f, session, "three", "shown 8");
    agt_session_unref(same);
    deinit(&g);
    agt_session_unref(session);
    deinit(&f);
}

static void many_members_cannot_share_one(void **state)
{
    (void)state;
    fixture f;
    agt_pool *pool = NULL;
    agt_replies *replies = NULL;
    agt_reply *reply = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(init(&f, NULL, true, NULL, NULL), AGT_OK);
    assert_int_equal(agt_pool_new(f.engine.runtime, "pool", &pool, NULL), AGT_OK);
    assert_int_equal(agt_pool_register_agent(pool, NULL, f.agent, NULL, NULL), AGT_OK);
    agt_session *session = open_session(&f, NULL, true);
    agt_call_options options = AGT_CONFIG(agt_call_options, .session = session);
    agt_request request =
        AGT_CONFIG(agt_request, .message = "hi", .options = &options, .timeout_ms = 1000);
    assert_int_equal(agt_pool_broadcast_request(pool, &request, &replies, &err), AGT_E_INVALID);
    assert_int_equal(agt_pool_route_request(pool, &request, &reply, &err), AGT_OK);
    assert_string_equal(agt_reply_get_text(reply), "shown 1");
    agt_reply_unref(reply);
    expect_messages(session, "u1 a1 ");
    agt_session_unref(session);
    agt_pool_unref(pool);
    deinit(&f);
}

/* ---- turns that are cut off -------------------------------------------------------------------
 */

/* No tool call is without a result, whatever ended the turn. */
static void leaves_no_call_without_a_result(void **state)
{
    fixture f;
    agt_agent_limits limits = {.tool_calls_max = 1};
    const char *store = *(bool *)*state ? path : NULL;
    assert_int_equal(init(&f, NULL, true, store, &limits), AGT_OK);
    agt_session *session = open_session(&f, "talk", store == NULL);
    agt_reply *reply = ask(&f, session, "use inline", 0); /* two calls: neither may run */
    agt_test_expect_reply(reply, AGT_OUTCOME_ERROR, "may call tools 1 times");
    agt_reply_unref(reply);
    expect_messages(session, "u1 a1 t1 ");
    expect(&f, session, "go on", "shown 4");
    agt_session_unref(session);
    deinit(&f);

    assert_int_equal(init(&f, NULL, true, store, NULL), AGT_OK);
    session = open_session(&f, "other", store == NULL);
    reply = ask(&f, session, "use async", 50); /* which hangs; the other one has run */
    agt_test_expect_reply(reply, AGT_OUTCOME_TIMEOUT, "");
    agt_reply_unref(reply);
    expect_messages(session, "u1 a1 t1 ");
    agt_value *messages = NULL;
    assert_int_equal(agt_session_get_messages(session, &messages), AGT_OK);
    const agt_value *parts = agt_value_get_member(
        agt_value_get_member(agt_value_get_item(messages, 2), "message"), "parts");
    assert_int_equal(agt_value_get_count(parts), 2);
    assert_string_equal(agt__value_member_text(agt_value_get_item(parts, 1), "outcome", ""), "ok");
    assert_string_not_equal(agt__value_member_text(agt_value_get_item(parts, 0), "outcome", ""),
                            "ok");
    agt_value_unref(messages);
    expect(&f, session, "go on", "shown 4");
    agt_session_unref(session);
    deinit(&f);
}

/* What was written when a process died is what another one goes on with. */
static void is_valid_at_every_moment(void **state)
{
    (void)state;
    fixture f, g;
    agt_task *task = NULL;
    assert_int_equal(init(&f, NULL, false, path, NULL), AGT_OK);
    agt_session *session = open_session(&f, "talk", false);
    agt_call_options options = AGT_CONFIG(agt_call_options, .session = session);
    assert_int_equal(agt_agent_execute_start(f.agent, "use async", &options, &task, NULL), AGT_OK);
    while (atomic_load(&f.engine.started) == 0) {
        assert_int_equal(agt_task_wait(task, 1), AGT_E_TIMEOUT);
    }
    /* The question may be there, the answer that asks for tools is not. */
    assert_int_equal(init(&g, NULL, true, path, NULL), AGT_OK);
    agt_session *same = open_session(&g, "talk", false);
    agt_value *messages = NULL;
    assert_int_equal(agt_session_get_messages(same, &messages), AGT_OK);
    assert_in_range(agt_value_get_count(messages), 0, 1);
    agt_value_unref(messages);
    agt_session_unref(same);
    deinit(&g);
    agt_task_cancel(task);
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    agt_task_unref(task);
    agt_session_unref(session);
    deinit(&f);
}

/* A store that fails costs nobody an answer. */
static void an_answer_survives_a_store_that_fails(void **state)
{
    (void)state;
    fixture f;
    agt_error err = {.message = ""};
    assert_int_equal(init(&f, NULL, true, path, NULL), AGT_OK);
    agt_session *session = open_session(&f, "talk", false);
    expect(&f, session, "one", "shown 1");
    agt_store *store = NULL;
    assert_int_equal(agt__runtime_enter_store(f.engine.runtime, &store, &err), AGT_OK);
    agt_store *other = NULL;
    assert_int_equal(agt__store_open_writer(NULL, path, &other, &err), AGT_OK);
    assert_int_equal(agt__store_begin(other, &err), AGT_OK); /* holds the writer's lock */
    agt__store_set_lock_timeout(store, 1);
    agt__runtime_leave_store(f.engine.runtime);
    expect(&f, session, "two", "shown 3");
    assert_int_equal(agt_session_get_status(session, &err), AGT_E_BUSY);
    assert_non_null(strstr(err.message, "being written by another process"));
    agt__store_rollback(other);
    agt_store_free(other);
    expect(&f, session, "three", "shown 5");
    assert_int_equal(agt_session_get_status(session, &err), AGT_OK);
    agt_session_unref(session);
    session = open_session(&f, "talk", false);
    expect_messages(session, "u1 a1 u2 a2 u3 a3 ");
    agt_session_unref(session);
    deinit(&f);
}

/* ---- out of memory ----------------------------------------------------------------------------
 */

static agt_status talk(fixture *f, bool in_memory)
{
    agt_session *session = NULL, *fork = NULL;
    agt_value *messages = NULL;
    agt_session_config config =
        AGT_CONFIG(agt_session_config, .name = "talk", .in_memory = in_memory);
    agt_status status = agt_session_new(f->engine.runtime, &config, &session, NULL);
    agt_call_options options = AGT_CONFIG(agt_call_options, .session = session);
    for (int i = 0; status == AGT_OK && i < 2; i++) {
        agt_reply *reply = NULL;
        status = agt_agent_execute(f->agent, "use inline", &options, &reply, NULL);
        status = status == AGT_OK ? agt_reply_get_error(reply, NULL) : status;
        agt_reply_unref(reply);
    }
    if (status == AGT_OK) {
        status = agt_session_get_status(session, NULL);
    }
    if (status == AGT_OK) {
        status = agt_session_fork(session, NULL, &fork, NULL);
    }
    if (status == AGT_OK) {
        status = agt_session_get_messages(fork, &messages);
    }
    if (status == AGT_OK) {
        assert_in_range(agt_value_get_count(messages), 1, 8);
    }
    agt_value_unref(messages);
    agt_session_unref(fork);
    agt_session_unref(session);
    return status;
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    fixture f;
    const bool in_memory = *(const bool *)ctx;
    agt_status status = init(&f, allocator, true, in_memory ? NULL : path, NULL);
    if (status == AGT_OK) {
        status = talk(&f, in_memory);
    }
    assert_true(status == AGT_OK || agt_test_heap_of(allocator)->failures > 0);
    if (f.engine.runtime != NULL) {
        deinit(&f);
    }
    (void)unlink(path);
}

static void survives_lack_of_memory(void **state)
{
    agt_test_torture(torture, *state);
}

int main(void)
{
    static bool yes = true, no = false;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(goes_on_in_memory, set_up, tear_down, &yes),
        cmocka_unit_test_prestate_setup_teardown(goes_on_in_the_store, set_up, tear_down, &yes),
        cmocka_unit_test_prestate_setup_teardown(goes_on_in_the_store, set_up, tear_down, &no),
        cmocka_unit_test_prestate_setup_teardown(forks_clears_and_deletes, set_up, tear_down, &yes),
        cmocka_unit_test_prestate_setup_teardown(forks_clears_and_deletes, set_up, tear_down, &no),
        cmocka_unit_test_prestate_setup_teardown(refuses_what_is_no_session, set_up, tear_down,
                                                 &yes),
        cmocka_unit_test_prestate_setup_teardown(has_one_run_at_a_time, set_up, tear_down, &no),
        cmocka_unit_test_prestate_setup_teardown(many_members_cannot_share_one, set_up, tear_down,
                                                 &yes),
        cmocka_unit_test_prestate_setup_teardown(leaves_no_call_without_a_result, set_up, tear_down,
                                                 &yes),
        cmocka_unit_test_prestate_setup_teardown(leaves_no_call_without_a_result, set_up, tear_down,
                                                 &no),
        cmocka_unit_test_prestate_setup_teardown(is_valid_at_every_moment, set_up, tear_down, &yes),
        cmocka_unit_test_prestate_setup_teardown(an_answer_survives_a_store_that_fails, set_up,
                                                 tear_down, &yes),
        cmocka_unit_test_prestate_setup_teardown(survives_lack_of_memory, set_up, tear_down, &yes),
        cmocka_unit_test_prestate_setup_teardown(survives_lack_of_memory, set_up, tear_down, &no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
