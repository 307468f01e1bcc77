/*
 * What happened, what it cost and how long it took: an agent works below a span of the program,
 * costs come from the runtime's ledger, times from a listener that is told of every span.
 *
 * The model is scripted, so its tokens and its money are simulated and kept apart from real ones.
 * The runtime is simulated as well: the figures are the same on every machine.
 */
#include <agent_sdk/agents.h>
#include <stdio.h>
#include <string.h>

/* First the model asks for both tools, then it answers. */
#define SCRIPT                                                                                     \
    "{\"version\": 1, \"rules\": ["                                                                \
    "{\"step\": 1, \"delay_ms\": 300, \"usage\": {\"input_tokens\": 900, \"output_tokens\": 60},"  \
    " \"tool_calls\": [{\"name\": \"lookup\"}, {\"name\": \"crawl\"}]},"                           \
    "{\"step\": 2, \"delay_ms\": 500, \"usage\": {\"input_tokens\": 1000, \"output_tokens\": 40}," \
    " \"text\": \"You asked: {{input}} Nobody knows.\"}]}"
#define PRICES "{\"version\": 1, \"models\": {\"*\": {\"input\": \"3.00\", \"output\": \"15.00\"}}}"

typedef struct timing {
    uint64_t requests, requests_ns, slowest_ns;
    char slowest_tool[65];
} timing;

/* Called on the thread that ends the span, the loop's here. */
static void on_span_end(void *user_data, const agt_span *span)
{
    timing *times = user_data;
    uint64_t took_ns = agt_span_get_end_ns(span) - agt_span_get_start_ns(span);
    const char *tool = agt_span_get_text(span, "gen_ai.tool.name");
    if (tool[0] != '\0' && took_ns > times->slowest_ns) {
        times->slowest_ns = took_ns;
        (void)snprintf(times->slowest_tool, sizeof(times->slowest_tool), "%s", tool);
    }
    if (strcmp(agt_span_get_text(span, "gen_ai.operation.name"), "chat") == 0) {
        times->requests++;
        times->requests_ns += took_ns;
    }
}

/* A tool that takes as long as its user_data says. */
static agt_status take_time(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)ret_output; /* left alone: null */
    return agt_tool_call_sleep(call, *(const uint32_t *)user_data);
}

/* Runs the agent below a span of our own: what it does hangs below that span in the trace. */
static agt_status process_query(agt_runtime *runtime, agt_agent *agent, agt_reply **ret_reply,
                                agt_error *err)
{
    const agt_kv metadata[] = {{"user", "alice"}};
    agt_span *span =
        agt_tracer_trace_agent(agt_runtime_get_tracer(runtime), "process_query", metadata, 1);
    agt_span_context parent = agt_span_get_context(span);
    agt_call_options options = AGT_CONFIG(agt_call_options, .parent = &parent);
    agt_status status = agt_agent_execute(agent, "Will it rain?", &options, ret_reply, err);
    span = agt_span_end(span);
    return status;
}

static void print_figures(agt_runtime *runtime, const timing *times)
{
    agt_costs costs = AGT_CONFIG(agt_costs, 0);
    agt_cost_tracker *tracker = agt_runtime_get_cost_tracker(runtime);
    if (agt_cost_tracker_get_agent_costs(tracker, "my-agent", &costs) == AGT_OK) {
        printf("Total cost: $%.4f real, $%.4f simulated\n", (double)costs.total_nanousd / 1e9,
               (double)costs.simulated_nanousd / 1e9);
        printf("Tokens used: %llu real, %llu simulated\n", (unsigned long long)costs.total_tokens,
               (unsigned long long)costs.simulated_tokens);
    }
    printf("Avg latency of the model: %.2f ms\n",
           (double)times->requests_ns / 1e6 / (double)times->requests);
    printf("Slowest tool: %s\n", times->slowest_tool);
}

int main(void)
{
    uint32_t lookup_ms = 20, crawl_ms = 80;
    timing times = {0};
    agt_span_listener listener =
        AGT_CONFIG(agt_span_listener, .user_data = &times, .on_end = on_span_end);
    agt_tool_config lookup = AGT_CONFIG(agt_tool_config, .user_data = &lookup_ms);
    agt_tool_config crawl = AGT_CONFIG(agt_tool_config, .user_data = &crawl_ms);
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .simulated = true);
    agt_agent_config agent_config = AGT_CONFIG(agt_agent_config, .name = "my-agent");
    agt_value *script = NULL, *prices = NULL;
    agt_runtime *runtime = NULL;
    agt_agent *agent = NULL;
    agt_reply *reply = NULL;
    agt_error err = {0};
    bool failed = agt_json_parse(NULL, SCRIPT, strlen(SCRIPT), NULL, &script, &err) ||
                  agt_json_parse(NULL, PRICES, strlen(PRICES), NULL, &prices, &err);
    config.prices = prices;
    failed =
        failed || agt_runtime_new(&config, &runtime, &err) ||
        agt_tracer_add_listener(agt_runtime_get_tracer(runtime), &listener) ||
        agt_executor_new(runtime, NULL, &agent_config.executor, &err) ||
        agt_executor_register_tool(agent_config.executor, "lookup", take_time, &lookup, &err) ||
        agt_executor_register_tool(agent_config.executor, "crawl", take_time, &crawl, &err) ||
        agt_model_new_scripted(runtime, script, &agent_config.model, &err) ||
        agt_agent_new(runtime, &agent_config, &agent, &err) ||
        process_query(runtime, agent, &reply, &err);
    if (failed) {
        fprintf(stderr, "tracing: %s\n", err.message);
    } else {
        printf("%s\n", agt_reply_get_text(reply));
        print_figures(runtime, &times);
    }
    agt_reply_unref(reply);
    agt_agent_unref(agent);
    agt_model_unref(agent_config.model);
    agt_executor_unref(agent_config.executor);
    agt_runtime_free(runtime);
    agt_value_unref(prices);
    agt_value_unref(script);
    return failed ? 1 : 0;
}
