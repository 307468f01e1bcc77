/*
 * load_test.c - what is built of a team file, and that it works: the lead answers with the help of
 * the tools of the program and of the agents it delegates to; limits of the file hold.
 */
#include "agent_sdk/team.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/agt_team_load.XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 && mkdir("sub", 0700) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    static const char *const names[] = {"team.yaml", "sub/team.yaml", "sub/script.yaml"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(names[i]);
    }
    return rmdir("sub") == 0 && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A team of @text in a simulated runtime, with the tools of exec.h. */
typedef struct fixture {
    agt_test_engine engine;
    agt_team *team;
} fixture;

static void fixture_init(fixture *self, const char *text, const agt_team_config *config)
{
    agt_error error = {0};
    agt_team_config own = config != NULL ? *config : AGT_CONFIG(agt_team_config);
    memset(self, 0, sizeof(*self));
    write_file("team.yaml", text);
    assert_int_equal(agt_test_engine_init(&self->engine, NULL, true, NULL), AGT_OK);
    own.executor = self->engine.executor;
    if (agt_team_load(self->engine.runtime, "team.yaml", &own, &self->team, &error) != AGT_OK) {
        fail_msg("%s", error.message);
    }
}

static void fixture_deinit(fixture *self)
{
    agt_team_free(self->team);
    agt_test_engine_deinit(&self->engine);
}

/* What the team answers. */
static agt_reply *run(fixture *self, const char *input, const agt_call_options *options)
{
    agt_task *task = NULL;
    agt_reply *reply = NULL;
    agt_error error = {0};
    if (agt_team_run_start(self->team, input, options, &task, &error) != AGT_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
    assert_int_equal(agt_task_get_reply(task, &reply), AGT_OK);
    agt_task_unref(task);
    return reply;
}

/* The same as a stream: its last event. */
static agt_reply *run_stream(fixture *self, const char *input, uint32_t *ret_deepest)
{
    agt_events *events = NULL;
    agt_event *event = NULL;
    agt_reply *reply = NULL;
    assert_int_equal(agt_team_run_stream(self->team, input, NULL, &events, NULL), AGT_OK);
    while (agt_events_next(events, AGT_MS_NONE, &event) == AGT_OK) {
        uint32_t depth = agt_event_get_depth(event);
        *ret_deepest = depth > *ret_deepest ? depth : *ret_deepest;
        agt_reply_unref(reply);
        reply = agt_reply_ref(agt_event_get_reply(event));
        agt_event_unref(event);
    }
    agt_events_free(events);
    return reply;
}

static const char team_of_three[] =
    "version: 1\n"
    "name: three\n"
    "models:\n"
    "  first:\n"
    "    provider: scripted\n"
    "    script:\n"
    "      version: 1\n"
    "      rules:\n"
    "        - {agent: lead, step: 1,\n"
    "           tool_calls: [{name: left, arguments: {query: l}},\n"
    "                        {name: right, arguments: {query: r}}]}\n"
    "        - {agent: lead, text: \"{{results.left.text}} {{results.right.text}}\"}\n"
    "        - {agent: left, step: 1, tool_calls: [{name: inline, arguments: {echo: L}}]}\n"
    "        - {agent: left, text: \"{{results.inline}}\"}\n"
    "        - {text: R}\n"
    "  second: {provider: scripted, script: {version: 1, rules: [{text: other}]}}\n"
    "agents:\n"
    "  lead: {model: first}\n" /* first in the file, last to be made */
    "  left: {model: first, tools: [inline], capabilities: [x, y], specialization: analyst}\n"
    "  right: {model: first, capabilities: [y], weight: 2}\n"
    "team: {lead: lead}\n";

static void the_lead_may_ask_all_others(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, team_of_three, NULL);
    agt_reply *reply = run(&f, "go", NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    assert_string_equal(agt_reply_get_text(reply), "L R");
    assert_string_equal(agt_reply_get_agent(reply), "lead");
    uint32_t deepest = 0;
    agt_reply *streamed = run_stream(&f, "go", &deepest);
    assert_string_equal(agt_reply_get_text(streamed), agt_reply_get_text(reply));
    assert_int_equal(deepest, 1);
    agt_reply_unref(streamed);
    agt_reply_unref(reply);

    assert_string_equal(agt_team_get_name(f.team), "three");
    assert_ptr_equal(agt_team_get_executor(f.team), f.engine.executor);
    assert_true(agt_team_is_simulated(f.team));
    assert_string_equal(agt_agent_get_name(agt_team_get_agent(f.team, NULL)), "lead");
    assert_string_equal(agt_agent_get_name(agt_team_get_agent(f.team, "right")), "right");
    assert_null(agt_team_get_agent(f.team, "nobody"));
    fixture_deinit(&f);
}

static void all_agents_are_in_the_pool(void **state)
{
    (void)state;
    static const char *const both[] = {"x", "y", NULL};
    fixture f;
    fixture_init(&f, team_of_three, NULL);
    agt_orchestration_metrics metrics = AGT_CONFIG(agt_orchestration_metrics);
    agt_pool_get_orchestration_metrics(agt_team_get_pool(f.team), &metrics);
    assert_int_equal(metrics.active_agents, 3);
    agt_request request = AGT_CONFIG(agt_request, .message = "go", .capabilities = both,
                                     .specialization = AGT_SPECIALIZATION_ANALYST);
    agt_reply *reply = NULL;
    assert_int_equal(agt_pool_route_request(agt_team_get_pool(f.team), &request, &reply, NULL),
                     AGT_OK);
    assert_string_equal(agt_reply_get_agent(reply), "left");
    assert_string_equal(agt_reply_get_text(reply), "L");
    agt_reply_unref(reply);
    fixture_deinit(&f);
}

static void a_model_can_be_chosen_for_all(void **state)
{
    (void)state;
    fixture f;
    agt_team_config config = AGT_CONFIG(agt_team_config, .model = "second");
    fixture_init(&f, team_of_three, &config);
    agt_reply *reply = run(&f, "go", NULL);
    assert_string_equal(agt_reply_get_text(reply), "other");
    agt_reply_unref(reply);
    fixture_deinit(&f);
}

#define PRICED                                                                                     \
    "version: 1\n"                                                                                 \
    "models:\n"                                                                                    \
    "  m: {provider: scripted, script: {version: 1, prices: {input: \"1000\", output: "            \
    "\"1000\"},\n"                                                                                 \
    "      rules: [{step: 1, tool_calls: [{name: async, arguments: {ms: 60000}}]},\n"              \
    "              {text: done}]}}\n"                                                              \
    "agents: {solo: {tools: [async]}}\n"

static void the_timeout_of_the_file_counts_unless_another_is_given(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, PRICED "team: {timeout: 10s}\n", NULL);
    agt_reply *reply = run(&f, "go", NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_TIMEOUT, "");
    agt_reply_unref(reply);
    agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 120000);
    reply = run(&f, "go", &options); /* the tool's own timeout is shorter */
    agt_test_expect_reply(reply, AGT_OUTCOME_OK, "");
    agt_reply_unref(reply);
    fixture_deinit(&f);
}

static void every_run_has_the_budget_of_the_file(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, PRICED "team: {budget: \"0.000001\"}\n", NULL);
    agt_reply *reply = run(&f, "go", NULL);
    agt_test_expect_reply(reply, AGT_OUTCOME_BUDGET_DENIED, "");
    agt_reply_unref(reply);
    fixture_deinit(&f);

    agt_team_config config = AGT_CONFIG(agt_team_config, .budget_nanousd = INT64_C(1000000000000));
    fixture_init(&f, PRICED "team: {budget: \"0.000001\"}\n", &config);
    agt_call_options options = AGT_CONFIG(agt_call_options, .deadline_ms = 1);
    reply = run(&f, "go", &options);
    agt_test_expect_reply(reply, AGT_OUTCOME_TIMEOUT, "");
    agt_reply_unref(reply);
    fixture_deinit(&f);
}

static void expect_failure(const char *path, const agt_team_config *config, agt_status status,
                           const char *message)
{
    agt_test_engine engine;
    agt_team *team = NULL;
    agt_error error = {0};
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(agt_team_load(engine.runtime, path, config, &team, &error), status);
    assert_string_equal(error.message, message);
    assert_null(team);
    agt_test_engine_deinit(&engine);
}

static void files_are_relative_to_the_file(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_team *team = NULL;
    agt_error error = {0};
    write_file("sub/team.yaml",
               "version: 1\nmodels: {m: {provider: scripted, script: script.yaml}}\n"
               "agents: {a: {}}\n");
    write_file("sub/script.yaml", "version: 1\nrules: [{text: hello}]\n");
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    if (agt_team_load(engine.runtime, "sub/team.yaml", NULL, &team, &error) != AGT_OK) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(agt_team_get_name(team), "team");
    agt_team_free(team);
    agt_test_engine_deinit(&engine);

    write_file("sub/script.yaml", "version: 1\nrules: [{text: a, text: b}]\n");
    expect_failure(
        "sub/team.yaml", NULL, AGT_E_SYNTAX,
        "sub/team.yaml:2:10: models.m: sub/script.yaml:2:19: found the key \"text\" again, "
        "expected it once (it is in line 2)");
}

static void what_cannot_be_built_has_a_place(void **state)
{
    (void)state;
    agt_test_engine engine;
    agt_team *team = NULL;
    agt_error error = {0};
    expect_failure("nowhere.yaml", NULL, AGT_E_NOT_FOUND,
                   "cannot read nowhere.yaml: No such file or directory");
    write_file("team.yaml", "version: 1\nmodels: {m: {provider: scripted, script: {version: 1,\n"
                            "  rules: [{text: hello}]}}}\nagents: {a: {tools: [inline]}}\n");
    expect_failure("team.yaml", NULL, AGT_E_NOT_FOUND,
                   "team.yaml:4:22: agents.a.tools[0]: found the unknown tool \"inline\", expected "
                   "one of those in the file (it has none)");
    agt_team_config config = AGT_CONFIG(agt_team_config, .model = "gpt");
    write_file("team.yaml", "version: 1\nmodels: {m: {provider: scripted, script: {version: 1,\n"
                            "  rules: [{text: hello}]}}}\nagents: {a: {}}\n");
    expect_failure("team.yaml", &config, AGT_E_NOT_FOUND,
                   "the team file has no model \"gpt\", but for example \"m\"; any other model is "
                   "PROVIDER/NAME");

    /* the name of an agent that the program has given to a tool of its own */
    write_file("team.yaml", "version: 1\nmodels: {m: {provider: scripted, script: {version: 1,\n"
                            "  rules: [{text: hello}]}}}\nagents: {inline: {}}\n");
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    config = AGT_CONFIG(agt_team_config, .executor = engine.executor);
    assert_int_equal(agt_team_load(engine.runtime, "team.yaml", &config, &team, &error),
                     AGT_E_EXISTS);
    assert_string_equal(error.message, "team.yaml:4:10: agents.inline: found the name of a tool, "
                                       "expected another: agents are tools to each other");
    agt_test_engine_deinit(&engine);
}

static void tools_of_the_file_are_registered(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f,
                 "version: 1\n"
                 "models: {m: {provider: scripted, script: {version: 1, rules: [{text: x}]}}}\n"
                 "tools:\n"
                 "  churn:\n"
                 "    description: Lines.\n"
                 "    command: [./churn, \"{days}\"]\n"
                 "    input_schema: {type: object}\n"
                 "    timeout: 90s\n"
                 "    effect: pure\n"
                 "    env: {A: \"1\"}\n"
                 "    cwd: sub\n"
                 "    limits: {memory: 1GiB}\n"
                 "    ok_exit: [0, 3]\n"
                 "  web:\n"
                 "    http: {url: \"http://localhost/{x}\", method: GET, headers: {A: b}}\n"
                 "    depends_on: [churn]\n"
                 "agents: {a: {tools: [churn, web, inline]}}\n",
                 NULL);
    agt_tool *churn = agt_executor_get_tool(f.engine.executor, "churn");
    agt_tool *web = agt_executor_get_tool(f.engine.executor, "web");
    assert_non_null(churn);
    assert_non_null(web);
    assert_string_equal(agt_tool_get_description(churn), "Lines.");
    assert_int_equal(agt_tool_get_effect(churn), AGT_EFFECT_PURE);
    assert_int_equal(agt_tool_get_timeout_ms(churn), 90000);
    assert_string_equal(agt_tool_get_kind(churn), "process");
    assert_non_null(agt_tool_get_input_schema(churn));
    assert_string_equal(agt_tool_get_kind(web), "http");
    assert_int_equal(agt_tool_get_effect(web), AGT_EFFECT_EFFECT);
    fixture_deinit(&f);
}

static void what_is_not_given_is_invalid(void **state)
{
    (void)state;
    fixture f;
    agt_team *team = NULL;
    agt_task *task = NULL;
    fixture_init(&f, team_of_three, NULL);
    assert_int_equal(agt_team_load(NULL, "team.yaml", NULL, &team, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_load(f.engine.runtime, NULL, NULL, &team, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_load(f.engine.runtime, "team.yaml", NULL, NULL, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_run_start(NULL, "x", NULL, &task, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_run_start(f.team, NULL, NULL, &task, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_run_start(f.team, "x", NULL, NULL, NULL), AGT_E_INVALID);
    agt_events *events = NULL;
    assert_int_equal(agt_team_run_stream(NULL, "x", NULL, &events, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_run_stream(f.team, NULL, NULL, &events, NULL), AGT_E_INVALID);
    assert_int_equal(agt_team_run_stream(f.team, "x", NULL, NULL, NULL), AGT_E_INVALID);
    agt_team_free(NULL);
    fixture_deinit(&f);
}

static void load(const agt_allocator *allocator, void *ctx)
{
    agt_test_engine engine;
    agt_team *team = NULL;
    agt_error error = {0};
    (void)ctx;
    if (agt_test_engine_init(&engine, allocator, true, NULL) != AGT_OK) {
        return;
    }
    agt_team_config config =
        AGT_CONFIG(agt_team_config, .executor = engine.executor, .budget_nanousd = 1000000000);
    agt_status status = agt_team_load(engine.runtime, "team.yaml", &config, &team, &error);
    if (status == AGT_OK) {
        agt_task *task = NULL;
        status = agt_team_run_start(team, "go", NULL, &task, &error);
        if (status == AGT_OK) {
            assert_int_equal(agt_task_wait(task, AGT_MS_NONE), AGT_OK);
            agt_task_unref(task);
        }
        agt_team_free(team);
    }
    if (status != AGT_OK && status != AGT_E_NOMEM) {
        fail_msg("%s: %s", agt_status_get_name(status), error.message);
    }
    agt_test_engine_deinit(&engine);
}

static void out_of_memory(void **state)
{
    (void)state;
    write_file("team.yaml", team_of_three);
    agt_test_torture(load, NULL);
    write_file("team.yaml",
               "version: 1\n"
               "models: {m: {provider: scripted, script: {version: 1, rules: [{text: x}]}}}\n"
               "tools:\n"
               "  p: {command: [./x, \"{a}\"], env: {A: \"${B:-c}\"}, cwd: sub, timeout: 1s}\n"
               "  h: {http: {url: \"http://localhost/{x}\", headers: {A: b}}, depends_on: [p]}\n"
               "agents: {a: {tools: [p, h, inline], limits: {cost: 1, time: 1s}}}\n");
    agt_test_torture(load, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lead_may_ask_all_others),
        cmocka_unit_test(all_agents_are_in_the_pool),
        cmocka_unit_test(a_model_can_be_chosen_for_all),
        cmocka_unit_test(the_timeout_of_the_file_counts_unless_another_is_given),
        cmocka_unit_test(every_run_has_the_budget_of_the_file),
        cmocka_unit_test(files_are_relative_to_the_file),
        cmocka_unit_test(what_cannot_be_built_has_a_place),
        cmocka_unit_test(tools_of_the_file_are_registered),
        cmocka_unit_test(what_is_not_given_is_invalid),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
