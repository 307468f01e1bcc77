/*
 * Long results: what the model is shown of them, and reading on, in this run and in the next.
 */
#include "agents/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "support/agents.h"
#include "support/folder.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

enum {
    CAP = 1000
};

/* A tool that gives what its input says, in a size that it says. */
static agt_status give(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    const agt_allocator *allocator = agt_tool_call_get_allocator(call);
    const char *what = agt__value_member_text(agt_tool_call_get_input(call), "what", "text");
    agt_value_builder *b = NULL;
    (void)user_data;
    if (agt_value_builder_new(allocator, &b) != AGT_OK) {
        return AGT_E_NOMEM;
    }
    if (strcmp(what, "array") == 0) {
        agt_value_builder_begin_array(b);
        for (int i = 0; i < 1000; i++) {
            agt_value_builder_int64(b, 1000 + i);
        }
        agt_value_builder_end(b);
    } else {
        static char text[6001];
        for (size_t i = 0; i < sizeof(text) - 1; i += 3) {
            memcpy(text + i, "\xE2\x82\xAC", 3); /* so that cuts may fall into characters */
        }
        bool is_object = strcmp(what, "object") == 0;
        if (is_object) {
            agt_value_builder_begin_object(b);
            agt_value_builder_key(b, "small");
            agt_value_builder_int64(b, 7);
            agt_value_builder_key(b, "large");
        }
        agt_value_builder_string(b, text);
        if (is_object) {
            agt_value_builder_key(b, "last");
            agt_value_builder_int64(b, 8);
            agt_value_builder_end(b);
        }
    }
    agt_status status = agt_value_builder_finish(b, ret_output, NULL);
    agt_value_builder_free(b);
    return status;
}

typedef struct fixture {
    agt_test_engine engine;
    agt_model *model;
    agt_agent *agent;
} fixture;

static agt_status init(fixture *self, const agt_allocator *allocator, bool simulated,
                       const char *store, const char *rules)
{
    *self = (fixture){.model = NULL};
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .allocator = allocator,
                                           .simulated = simulated, .store_path = store);
    agt_status status = agt_test_engine_init_with(&self->engine, &config, NULL);
    if (status != AGT_OK) {
        return status;
    }
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE);
    status = agt_executor_register_tool(self->engine.executor, "give", give, &tool, NULL);
    self->model = status == AGT_OK ? agt_test_script(self->engine.runtime, rules) : NULL;
    agt_agent_config agent =
        AGT_CONFIG(agt_agent_config, .name = "anna", .model = self->model,
                   .executor = self->engine.executor, .limits = {.result_bytes_max = CAP});
    return self->model != NULL ? agt_agent_new(self->engine.runtime, &agent, &self->agent, NULL)
                               : AGT_E_NOMEM;
}

static void deinit(fixture *self)
{
    agt_agent_unref(self->agent);
    agt_model_unref(self->model);
    agt_test_engine_deinit(&self->engine);
}

static char *ask(fixture *self, agt_session *session, const char *query)
{
    agt_reply *reply = NULL;
    agt_call_options options = AGT_CONFIG(agt_call_options, .session = session);
    assert_int_equal(agt_agent_execute(self->agent, query, &options, &reply, NULL), AGT_OK);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    char *text = strdup(agt_reply_get_text(reply));
    agt_reply_unref(reply);
    return text;
}

#define GIVE(what)                                                                                 \
    "{\"step\": 1, \"tool_calls\": [{\"name\": \"give\", \"arguments\": {\"what\": \"" what        \
    "\"}}]},"

static void expect_shown(const char *rules, const char *const *parts)
{
    fixture f;
    assert_int_equal(init(&f, NULL, true, NULL, rules), AGT_OK);
    char *text = ask(&f, NULL, "go");
    assert_in_range(strlen(text), CAP / 2, CAP * 2);
    for (; *parts != NULL; parts++) {
        if (strstr(text, *parts) == NULL) {
            fail_msg("no %s in %s", *parts, text);
        }
    }
    free(text);
    deinit(&f);
}

static void shows_a_part_and_says_so(void **state)
{
    (void)state;
    expect_shown(GIVE("text") "{\"text\": \"{{results.give|json}}\"}",
                 (const char *const[]){"read_result", "\"result_id\":\"r1-1-1\"", "\"bytes\":6000",
                                       "\xE2\x82\xAC\xE2\x80\xA6 5001 more bytes", NULL});
    expect_shown(GIVE("array") "{\"text\": \"{{results.give|json}}\"}",
                 (const char *const[]){"\"shown\":[1000,1001,1002,", "more items\"]", NULL});
    expect_shown(GIVE("object") "{\"text\": \"{{results.give|json}}\"}",
                 (const char *const[]){"\"shown\":{\"small\":7,\"large\":\"\xE2\x82\xAC",
                                       "more bytes\",\"last\":8}", NULL});
}

static void leaves_what_fits_alone(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(
        init(&f, NULL, true, NULL,
             "{\"step\": 1, \"tool_calls\": [{\"name\": \"inline\", \"arguments\": {\"echo\": "
             "\"short\"}}, {\"name\": \"read_result\", \"arguments\": {\"id\": \"r1-1-1\", "
             "\"offset\": 0}}]},"
             "{\"text\": \"{{results.inline}}; {{errors.read_result}}\"}"),
        AGT_OK);
    char *text = ask(&f, NULL, "go");
    assert_non_null(strstr(text, "short; there is no tool \"read_result\"; these are: "));
    free(text);
    deinit(&f);
}

#define READ(step, id, offset)                                                                     \
    "{\"step\": " step                                                                             \
    ", \"tool_calls\": [{\"name\": \"read_result\", \"arguments\": {\"id\": \"" id                 \
    "\", \"offset\": " offset ", \"length\": 10}}]},"

static void reads_on(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(
        init(&f, NULL, true, NULL,
             GIVE("text") READ("2", "r1-1-1", "4")
                 READ("3", "nothing",
                      "0") "{\"text\": \"{{calls.read_result.1|json}}; {{errors.read_result}}\"}"),
        AGT_OK);
    char *text = ask(&f, NULL, "go");
    assert_string_equal(text, "{\"offset\":3,\"next_offset\":12,\"bytes\":6000,\"text\":"
                              "\"\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\"}; "
                              "there is no result \"nothing\"");
    free(text);
    assert_int_equal(f.engine.started, 0);
    deinit(&f);
}

/* In a later run, of another process: from the store. */
static void reads_on_in_a_later_run(void **state)
{
    (void)state;
    char *folder = agt_test_folder_new();
    char *path = agt_test_folder_path(folder, "store.db");
    for (int i = 0; i < 2; i++) {
        fixture f;
        agt_session *session = NULL;
        agt_session_config config = AGT_CONFIG(agt_session_config, .name = "talk");
        const char *rules =
            i == 0 ? GIVE("text") "{\"text\": \"{{results.give.bytes}}\"}"
                   : READ("1", "r1-1-1", "5997")
                         READ("2", "r1-1-9", "0") "{\"text\": \"{{calls.read_result.1|json}}; "
                                                  "{{errors.read_result}}\"}";
        assert_int_equal(init(&f, NULL, i == 0, path, rules), AGT_OK);
        assert_int_equal(agt_session_new(f.engine.runtime, &config, &session, NULL), AGT_OK);
        char *text = ask(&f, session, "go");
        assert_string_equal(text, i == 0 ? "6000"
                                         : "{\"offset\":5997,\"next_offset\":null,\"bytes\":6000,"
                                           "\"text\":\"\xE2\x82\xAC\"}; there is no result "
                                           "\"r1-1-9\"");
        free(text);
        agt_session_unref(session);
        deinit(&f);
    }
    free(path);
    agt_test_folder_free(folder);
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    fixture f;
    agt_reply *reply = NULL;
    agt_status status = init(&f, allocator, true, NULL, ctx);
    if (status == AGT_OK) {
        status = agt_agent_execute(f.agent, "go", NULL, &reply, NULL);
    }
    if (status == AGT_OK) {
        status = agt_reply_get_error(reply, NULL);
    }
    assert_true(status == AGT_OK || agt_test_heap_of(allocator)->failures > 0);
    agt_reply_unref(reply);
    if (f.engine.runtime != NULL) {
        deinit(&f);
    }
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    static char rules[] = GIVE("object") READ("2", "r1-1-1", "4") "{\"text\": \"x\"}";
    agt_test_torture(torture, rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_a_part_and_says_so),
        cmocka_unit_test(leaves_what_fits_alone),
        cmocka_unit_test(reads_on),
        cmocka_unit_test(reads_on_in_a_later_run),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
