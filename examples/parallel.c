/*
 * Three tools, one of which needs what another one finds: search and summarize run at once, analyze
 * starts when search is done and gets its output in the place of null.
 *
 *     parallel               in real time
 *     parallel --simulated   on virtual time: the same program, the same figures on every machine
 */
#include <agent_sdk/exec.h>
#include <stdio.h>
#include <string.h>

#define PLAN                                                                                       \
    "{\"search\": {\"query\": \"AI trends\"},"                                                     \
    " \"analyze\": {\"data\": null}, \"summarize\": {\"data\": null}}"

/* Takes its time, as a request to a server would, then answers with the text in user_data. */
static agt_status find(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    agt_status status = agt_tool_call_sleep(call, 50);
    return status != AGT_OK ? status
                            : agt_json_parse(agt_tool_call_get_allocator(call), user_data,
                                             strlen(user_data), NULL, ret_output, NULL);
}

/* Counts the items of the array it is given. */
static agt_status count(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    const agt_value *data = agt_value_get_member(agt_tool_call_get_input(call), "data");
    if (agt_value_get_kind(data) != AGT_VALUE_ARRAY) {
        agt_tool_call_set_error(call, "data: expected an array");
        return AGT_E_TYPE;
    }
    agt_status status = agt_tool_call_sleep(call, 50);
    return status != AGT_OK ? status
                            : agt_value_new_uint64(agt_tool_call_get_allocator(call),
                                                   agt_value_get_count(data), ret_output);
}

static void print_results(const agt_results *results)
{
    for (size_t i = 0; i < agt_results_get_count(results); i++) {
        agt_value *text = NULL;
        if (agt_value_to_json(NULL, agt_results_get_output(results, i), AGT_JSON_COMPACT, &text) ==
            AGT_OK) {
            printf("%s: %s\n", agt_results_get_name(results, i), agt_value_get_string(text, NULL));
        }
        agt_value_unref(text);
    }
    agt_execution_metrics metrics = AGT_CONFIG(agt_execution_metrics, 0);
    agt_results_get_execution_metrics(results, &metrics);
    printf("Parallelization: %.2fx\n", metrics.speedup);
    printf("Critical path: %.0f ms\n", (double)metrics.critical_path_ns / 1e6);
}

int main(int argc, char **argv)
{
    agt_runtime_config config = AGT_CONFIG(
        agt_runtime_config, .simulated = argc > 1 && strcmp(argv[1], "--simulated") == 0);
    char titles[] = "[\"Agents that plan\", \"Small models\"]", summary[] = "\"Two trends.\"";
    agt_tool_config searching = AGT_CONFIG(agt_tool_config, .user_data = titles);
    agt_tool_config summarizing = AGT_CONFIG(agt_tool_config, .user_data = summary);
    agt_runtime *runtime = NULL;
    agt_executor *executor = NULL;
    agt_value *plan = NULL;
    agt_results *results = NULL;
    agt_error err;
    bool failed = agt_runtime_new(&config, &runtime, &err) ||
                  agt_executor_new(runtime, NULL, &executor, &err) ||
                  agt_executor_register_tool(executor, "search", find, &searching, &err) ||
                  agt_executor_register_tool(executor, "analyze", count, NULL, &err) ||
                  agt_executor_register_tool(executor, "summarize", find, &summarizing, &err) ||
                  agt_executor_add_dependency(executor, "analyze", "search", &err) ||
                  agt_json_parse(NULL, PLAN, strlen(PLAN), NULL, &plan, &err);
    if (!failed) {
        agt_input inputs[3];
        for (size_t i = 0; i < 3; i++) {
            inputs[i].tool = agt_value_get_key(plan, i, NULL);
            inputs[i].input = agt_value_get_item(plan, i);
        }
        failed = agt_executor_execute_parallel(executor, inputs, 3, &results, &err) ||
                 agt_results_get_status(results, &err);
    }
    if (failed) {
        fprintf(stderr, "parallel: %s\n", err.message);
    } else {
        print_results(results);
    }
    agt_results_unref(results);
    agt_value_unref(plan);
    agt_executor_unref(executor);
    agt_runtime_free(runtime);
    return failed ? 1 : 0;
}
