/* Agents as objects: what they are made of, what is refused, how small they are. */
#include "agents/agent.h"

#include "base/value.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <string.h>

static void refuses_bad_configurations(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_model *model = agt_test_script(engine.runtime, "{\"text\": \"x\"}");
    agt_value *bad_schema = agt_test_value(NULL, "{\"type\": \"nothing\"}");
    const char *unknown[] = {"inline", "nobody", NULL};
    const char *twice[] = {"inline", "async", "inline", NULL};
    const char *misspelt[] = {"inlin", NULL};
    char long_name[200];
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    const struct {
        agt_agent_config config;
        agt_status status;
        const char *message;
    } cases[] = {
        {AGT_CONFIG(agt_agent_config, .model = model), AGT_E_INVALID, "a name and a model"},
        {AGT_CONFIG(agt_agent_config, .name = "", .model = model), AGT_E_INVALID, "a name"},
        {AGT_CONFIG(agt_agent_config, .name = "a"), AGT_E_INVALID, "a model"},
        {AGT_CONFIG(agt_agent_config, .name = long_name, .model = model), AGT_E_INVALID,
         "at most 127 bytes"},
        {AGT_CONFIG(agt_agent_config, .name = "a\xff", .model = model), AGT_E_INVALID, "UTF-8"},
        {AGT_CONFIG(agt_agent_config, .name = "a", .model = model, .instructions = "\xff"),
         AGT_E_INVALID, "UTF-8"},
        {AGT_CONFIG(agt_agent_config, .name = "a", .model = model, .tools = unknown), AGT_E_INVALID,
         "has tools but no executor"},
        {AGT_CONFIG(agt_agent_config, .name = "a", .model = model, .executor = engine.executor,
                    .tools = unknown),
         AGT_E_NOT_FOUND, "agent \"a\": there is no tool \"nobody\""},
        {AGT_CONFIG(agt_agent_config, .name = "a", .model = model, .executor = engine.executor,
                    .tools = twice),
         AGT_E_INVALID, "names tool \"inline\" twice"},
        {AGT_CONFIG(agt_agent_config, .name = "a", .model = model, .executor = engine.executor,
                    .tools = misspelt),
         AGT_E_NOT_FOUND, "there is no tool \"inlin\"; did you mean \"inline\"?"},
        {AGT_CONFIG(agt_agent_config, .name = "a", .model = model,
                    .limits = {.cost_max_nanousd = -1}),
         AGT_E_INVALID, "agent \"a\": cost_max_nanousd is less than nothing"},
        {AGT_CONFIG(agt_agent_config, .name = "a", .model = model, .output_schema = bad_schema),
         AGT_E_SCHEMA, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_agent *agent = NULL;
        agt_error err = {0};
        agt_status status = agt_agent_new(engine.runtime, &cases[i].config, &agent, &err);
        if (status != cases[i].status || strstr(err.message, cases[i].message) == NULL) {
            fail_msg("case %zu: %s: %s", i, agt_status_get_name(status), err.message);
        }
        assert_null(agent);
    }
    agt_agent *agent = NULL;
    agt_agent_config no_size = {.name = "a", .model = model};
    assert_int_equal(agt_agent_new(engine.runtime, &no_size, &agent, NULL), AGT_E_INVALID);
    assert_int_equal(agt_agent_new(engine.runtime, NULL, &agent, NULL), AGT_E_INVALID);
    assert_int_equal(agt_agent_new(NULL, &cases[0].config, &agent, NULL), AGT_E_INVALID);
    agt_agent_unref(NULL);
    agt_value_unref(bad_schema);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
}

static void is_one_small_allocation(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, &heap.allocator, true, NULL), AGT_OK);
    agt_model *model = agt_test_script(engine.runtime, "{\"text\": \"x\"}");
    const char *tools[] = {"inline", "async", NULL};
    agt_agent_config config = AGT_CONFIG(
        agt_agent_config, .name = "history", .model = model, .executor = engine.executor,
        .tools = tools, .instructions = "You look at the history of a repository and judge it.");
    agt_agent *agent = NULL;
    size_t bytes = heap.bytes;
    uint64_t calls = heap.calls;
    assert_int_equal(agt_agent_new(engine.runtime, &config, &agent, NULL), AGT_OK);
    assert_int_equal(heap.calls - calls, 1);
    assert_in_range(heap.bytes - bytes, 1, 512);
    assert_string_equal(agt_agent_get_name(agent), "history");
    agt_agent_unref(agt_agent_ref(agent));
    agt_agent_unref(agent);
    assert_int_equal(heap.bytes, bytes);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
    agt_test_heap_deinit(&heap);
}

static void outlives_what_it_was_made_of(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_model *model = agt_test_script(engine.runtime, "{\"text\": \"still here\"}");
    agt_agent *agent = agt_test_agent(&engine, "a", model, NULL);
    agt_model_unref(model);
    agt_executor_unref(engine.executor);
    engine.executor = NULL;
    agt_reply *reply = NULL;
    assert_int_equal(agt_agent_execute(agent, "go", NULL, &reply, NULL), AGT_OK);
    assert_string_equal(agt_reply_get_text(reply), "still here");
    agt_runtime *runtime = engine.runtime;
    engine.runtime = NULL;
    agt_runtime_free(runtime);
    agt_task *task = NULL;
    assert_int_equal(agt_agent_execute_start(agent, "go", NULL, &task, NULL), AGT_E_CLOSED);
    assert_string_equal(agt_reply_get_text(reply), "still here");
    agt_agent_unref(agent);
    agt_reply_unref(reply);
}

static void works_without_an_executor(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_model *model =
        agt_test_script(engine.runtime, "{\"step\": 1, \"tool_calls\": [{\"name\": \"inline\"}]},"
                                        "{\"text\": \"{{errors.inline}}\"}");
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .name = "alone", .model = model);
    agt_agent *agent = NULL;
    agt_reply *reply = NULL;
    assert_int_equal(agt_agent_new(engine.runtime, &config, &agent, NULL), AGT_OK);
    assert_int_equal(agt_agent_execute(agent, "go", NULL, &reply, NULL), AGT_OK);
    assert_string_equal(agt_reply_get_text(reply), "there is no tool \"inline\"; these are: none");
    agt_reply_unref(reply);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
}

/* What the model is shown: kept between runs, made anew when tools were added. */
static agt_status look(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    const agt_value **seen = user_data;
    agt_value_unref(*seen);
    *seen = agt_value_ref(agt_tool_call_get_input(call));
    static const char text[] = "{\"parts\": [], \"finish_reason\": \"stop\", \"usage\": {}}";
    return agt_json_parse(agt_tool_call_get_allocator(call), text, strlen(text), NULL, ret_output,
                          NULL);
}

static agt_status nothing(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)call;
    (void)ret_output;
    (void)user_data;
    return AGT_OK;
}

static void shows_the_model_what_it_has(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    const agt_value *seen = NULL;
    agt_model *model = NULL;
    agt_model_config look_config =
        AGT_CONFIG(agt_model_config, .mode = AGT_TOOL_INLINE, .user_data = &seen,
                   .max_output_tokens = 77, .simulated = true);
    assert_int_equal(
        agt_model_new_function(engine.runtime, "look", look, &look_config, &model, NULL), AGT_OK);
    agt_value *schema = agt_test_value(NULL, "{\"type\": \"object\"}");
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .instructions = "be brief");
    agt_agent *agent = agt_test_agent(&engine, "shown", model, &config);
    agt_reply *reply = NULL;
    assert_int_equal(agt_agent_execute(agent, "hello", NULL, &reply, NULL), AGT_OK);
    agt_reply_unref(reply);
    assert_string_equal(agt__value_member_text(seen, "system", ""), "be brief");
    assert_string_equal(agt__value_member_text(seen, "agent", ""), "shown");
    const agt_value *part = NULL;
    assert_int_equal(agt_value_get_pointer(seen, "/messages/0/parts/0/text", &part, NULL), AGT_OK);
    assert_string_equal(agt_value_get_string(part, NULL), "hello");
    assert_int_equal(agt_value_get_count(agt_value_get_member(seen, "tools")), 3);
    uint64_t tokens = 0;
    assert_int_equal(agt_value_get_uint64(agt_value_get_member(seen, "max_output_tokens"), &tokens),
                     AGT_OK);
    assert_int_equal(tokens, 77);
    agt_value *tools = agt_value_ref(agt_value_get_member(seen, "tools"));

    assert_int_equal(agt_agent_execute(agent, "again", NULL, &reply, NULL), AGT_OK);
    agt_reply_unref(reply);
    assert_ptr_equal(agt_value_get_member(seen, "tools"), tools);
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .description = "one more",
                                      .input_schema = schema, .mode = AGT_TOOL_INLINE);
    assert_int_equal(agt_executor_register_tool(engine.executor, "more", nothing, &tool, NULL),
                     AGT_OK);
    assert_int_equal(agt_agent_execute(agent, "again", NULL, &reply, NULL), AGT_OK);
    agt_reply_unref(reply);
    assert_int_equal(agt_value_get_pointer(seen, "/tools/3", &part, NULL), AGT_OK);
    agt_test_assert_json(part, "{\"name\":\"more\",\"description\":\"one more\","
                               "\"input_schema\":{\"type\":\"object\"}}");
    agt_value_unref(tools);
    agt_value_unref(seen);
    agt_value_unref(schema);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
}

static void execute_on_loop(void *user_data)
{
    agt_agent *agent = user_data;
    agt_reply *reply = NULL;
    agt_error err = {0};
    assert_int_equal(agt_agent_execute(agent, "go", NULL, &reply, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "loop thread"));
}

static void never_waits_on_the_loop(void **state)
{
    (void)state;
    agt_test_engine engine;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    agt_model *model = agt_test_script(engine.runtime, "{\"text\": \"x\"}");
    agt_agent *agent = agt_test_agent(&engine, "a", model, NULL);
    agt_reply *reply = NULL;
    agt_task *task = NULL;
    assert_int_equal(agt_runtime_run_after(engine.runtime, 0, execute_on_loop, agent), AGT_OK);
    assert_int_equal(agt_agent_execute(agent, "go", NULL, &reply, NULL), AGT_OK);
    agt_reply_unref(reply);
    assert_int_equal(agt_agent_execute_start(agent, NULL, NULL, &task, NULL), AGT_E_INVALID);
    assert_int_equal(agt_agent_execute_start(agent, "\xff", NULL, &task, NULL), AGT_E_SYNTAX);
    assert_int_equal(agt_agent_execute(NULL, "x", NULL, &reply, NULL), AGT_E_INVALID);
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_test_engine_deinit(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_configurations),   cmocka_unit_test(is_one_small_allocation),
        cmocka_unit_test(outlives_what_it_was_made_of), cmocka_unit_test(works_without_an_executor),
        cmocka_unit_test(shows_the_model_what_it_has),  cmocka_unit_test(never_waits_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
