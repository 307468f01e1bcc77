/*
 * An agent watched while it works: what it says as it says it, and its tools as they run.
 *
 * The model is scripted, so that this runs anywhere; its text streams like that of a real one.
 */
#include <agent_sdk/agents.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT                                                                                     \
    "{\"version\": 1, \"rules\": ["                                                                \
    "{\"step\": 1, \"text\": \"I look at the weather first.\", \"stream\": 6, \"delay_ms\": 200,"  \
    " \"tool_calls\": [{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}]},"            \
    "{\"text\": \"It is {{results.weather}} in Oslo.\", \"stream\": 6, \"delay_ms\": 200}]}"

static agt_status weather(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    return agt_value_new_string(agt_tool_call_get_allocator(call), "sunny", ret_output);
}

static void show(const agt_event *event)
{
    switch (agt_event_get_kind(event)) {
    case AGT_EVENT_TEXT:
        printf("%s", agt_event_get_text(event, NULL));
        fflush(stdout);
        break;
    case AGT_EVENT_TOOL_START:
        printf("\n[%s ...]\n", agt_event_get_name(event));
        break;
    case AGT_EVENT_TOOL_END:
        printf("[%s: %s]\n", agt_event_get_name(event),
               agt_outcome_get_name(agt_event_get_outcome(event)));
        break;
    case AGT_EVENT_AGENT_END:
        printf("\n%s after %u steps\n", agt_outcome_get_name(agt_event_get_outcome(event)),
               (unsigned)agt_event_get_step(event));
        break;
    default:
        break;
    }
}

static agt_status watch(agt_agent *agent, const char *query, agt_error *err)
{
    agt_events *events = NULL;
    agt_event *event = NULL;
    agt_status status = agt_agent_execute_stream(agent, query, NULL, &events, err);
    while (status == AGT_OK) {
        status = agt_events_next(events, AGT_MS_NONE, &event);
        if (status == AGT_OK) {
            show(event);
            agt_event_unref(event);
        }
    }
    agt_events_free(events);
    return status == AGT_E_CLOSED ? AGT_OK : status; /* closed: there are no more */
}

int main(void)
{
    agt_error err = {0};
    agt_runtime *runtime = NULL;
    agt_executor *executor = NULL;
    agt_model *model = NULL;
    agt_agent *agent = NULL;
    agt_value *script = NULL;
    agt_tool_config tool = AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE);
    agt_status status = agt_json_parse(NULL, SCRIPT, strlen(SCRIPT), NULL, &script, &err);
    if (status == AGT_OK) {
        status = agt_runtime_new(NULL, &runtime, &err);
    }
    if (status == AGT_OK) {
        status = agt_executor_new(runtime, NULL, &executor, &err);
    }
    if (status == AGT_OK) {
        status = agt_executor_register_tool(executor, "weather", weather, &tool, &err);
    }
    if (status == AGT_OK) {
        status = agt_model_new_scripted(runtime, script, &model, &err);
    }
    if (status == AGT_OK) {
        agt_agent_config config =
            AGT_CONFIG(agt_agent_config, .name = "guide", .model = model, .executor = executor);
        status = agt_agent_new(runtime, &config, &agent, &err);
    }
    if (status == AGT_OK) {
        status = watch(agent, "How is the weather in Oslo?", &err);
    }
    if (status != AGT_OK) {
        fprintf(stderr, "%s: %s\n", agt_status_get_text(status), err.message);
    }
    agt_agent_unref(agent);
    agt_model_unref(model);
    agt_executor_unref(executor);
    agt_runtime_free(runtime);
    agt_value_unref(script);
    return status == AGT_OK ? 0 : 1;
}
