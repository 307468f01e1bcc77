/*
 * An agent with tools, its model behind a socket: four calls in one turn, of which one names a tool
 * that is not there and one has arguments that are no JSON (T8, T10, T46). The others run, in
 * parallel; all four are answered in the next request, in the order of the calls (T50), with the
 * key and without what nobody asked for.
 */
#include "support/test.h"

#include "agent_sdk/agents.h"

#include "support/formats.h"
#include "support/served.h"
#include "support/server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

static agt_status echo(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    atomic_fetch_add((_Atomic int *)user_data, 1);
    *ret_output = agt_value_ref(agt_tool_call_get_input(call));
    return AGT_OK;
}

static void expect_in_order(const char *request, const char *const *parts, size_t count)
{
    const char *at = strstr(request, "\r\n\r\n");
    assert_non_null(at);
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(at, parts[i]);
        if (found == NULL) {
            fail_msg("\"%s\" is not where it has to be in %s", parts[i], at);
            return;
        }
        at = found;
    }
}

static agt_reply *run_agent(agt_test_served *served, _Atomic int *runs)
{
    agt_executor *executor = NULL;
    agt_agent *agent = NULL;
    agt_reply *reply = NULL;
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .user_data = runs);
    assert_int_equal(agt_executor_new(served->runtime, NULL, &executor, NULL), AGT_OK);
    assert_int_equal(agt_executor_register_tool(executor, "echo", echo, &tool, NULL), AGT_OK);
    const agt_agent_config config =
        AGT_CONFIG(agt_agent_config, .name = "asker", .model = served->model, .executor = executor);
    assert_int_equal(agt_agent_new(served->runtime, &config, &agent, NULL), AGT_OK);
    assert_int_equal(agt_agent_execute(agent, "hello", NULL, &reply, NULL), AGT_OK);
    agt_agent_unref(agent);
    agt_executor_unref(executor);
    return reply;
}

static void calls_are_answered_in_order(void **state)
{
    static const char *const parts[] = {"\"c1\"", "\"c2\"",    "\"c3\"", "\"c4\"",
                                        "\"c1\"", "\\\"n\\\"", "\"c2\"", "nobody",
                                        "\"c3\"", "JSON",      "\"c4\""};
    const agt_test_format *format = *state;
    agt_test_served served;
    _Atomic int runs = 0;
    char *stream = agt_test_format_stream(format);
    const agt_test_step calls[] = {{.kind = AGT_TEST_READ},
                                   {.kind = AGT_TEST_SEND, .text = head},
                                   {.kind = AGT_TEST_SEND, .text = format->calls, .size = 50},
                                   {.kind = AGT_TEST_END}};
    const agt_test_step text[] = {{.kind = AGT_TEST_READ},
                                  {.kind = AGT_TEST_SEND, .text = head},
                                  {.kind = AGT_TEST_SEND, .text = stream},
                                  {.kind = AGT_TEST_END}};
    agt_test_served_init(&served);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(calls, text));
    const agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = format->provider);
    agt_test_served_use(&served, &config, agt_test_server_get_url(server, ""));
    agt_reply *reply = run_agent(&served, &runs);
    agt_error err = {.message = ""};
    if (agt_reply_get_error(reply, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(agt_reply_get_text(reply), AGT_TEST_HELLO AGT_TEST_REST);
    assert_int_equal(agt_reply_get_steps(reply), 2);
    assert_int_equal(runs, 2);
    assert_int_equal(agt_test_server_count_requests(server), 2);
    expect_in_order(agt_test_server_wait_request(server, 2), parts,
                    sizeof(parts) / sizeof(parts[0]));
    agt_reply_unref(reply);
    agt_test_server_free(server);
    agt_test_served_deinit(&served);
    free(stream);
}

int main(void)
{
    struct CMUnitTest tests[8];
    assert_true(agt_test_format_count <= sizeof(tests) / sizeof(tests[0]));
    for (size_t i = 0; i < agt_test_format_count; i++) {
        tests[i] = (struct CMUnitTest){
            .name = agt_test_formats[i].wire,
            .test_func = calls_are_answered_in_order,
            .initial_state = (void *)(uintptr_t)&agt_test_formats[i],
        };
    }
    return _cmocka_run_group_tests("tools of served models", tests, agt_test_format_count, NULL,
                                   NULL);
}
