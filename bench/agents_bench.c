/*
 * What an agent costs, beside its model and its tools: agents_bench [NAME…]
 *
 *   agent_create    making one: time and memory
 *   agent_turn      a whole run: two requests to a scripted model, four inline tools, every span
 *                   recorded, the reply read. "latency" is one run after the other, each waited for
 *                   by a thread that is not the loop's; "turn" is per run when many are under way
 *   agent_1000      a thousand runs at once, each of two requests that take 100 ms
 *
 * The best of several rounds is reported, because the machine is shared.
 */
#include "agent_sdk/agents.h"

#include "bench.h"

enum {
    CREATED = 100000,
    TURNS = 1000,
    WAITED = 2000,
    CONCURRENT = 1000,
    SPANS = 65536
};

static void must(agt_status status, const agt_error *err)
{
    if (status != AGT_OK) {
        (void)fprintf(stderr, "agents_bench: %s: %s\n", agt_status_get_name(status),
                      err != NULL ? err->message : "");
        exit(1);
    }
}

static void report(const char *name, double value, const char *unit, const char *target)
{
    (void)printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"better\": \"lower\", "
                 "\"target\": %s, \"peers\": {}}\n",
                 name, value, unit, target);
    (void)fflush(stdout);
}

/* ---- setting up ------------------------------------------------------------------------------ */

typedef struct bench {
    agt_runtime *runtime;
    agt_executor *executor;
    agt_model *model;
    agt_agent *agent;
} bench;

static agt_status add_one(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    int64_t number = 0;
    (void)user_data;
    const agt_value *member = agt_value_get_member(agt_tool_call_get_input(call), "n");
    if (agt_value_get_int64(member, &number) != AGT_OK) {
        return AGT_E_TYPE;
    }
    return agt_value_new_int64(agt_tool_call_get_allocator(call), number + 1, ret_output);
}

static agt_value *parse(const char *text)
{
    agt_value *value = NULL;
    agt_error err;
    must(agt_json_parse(NULL, text, strlen(text), NULL, &value, &err), &err);
    return value;
}

static void set_up(bench *self, const agt_allocator *allocator, const char *script_text)
{
    static const char schema_text[] =
        "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}},"
        " \"required\": [\"n\"]}";
    static const char *const tools[] = {"one", "two", "three", "four", NULL};
    agt_error err;
    agt_runtime_config runtime =
        AGT_CONFIG(agt_runtime_config, .allocator = allocator, .spans_max = SPANS);
    must(agt_runtime_new(&runtime, &self->runtime, &err), &err);
    must(agt_executor_new(self->runtime, NULL, &self->executor, &err), &err);
    agt_value *schema = parse(schema_text);
    agt_value *script = parse(script_text);
    agt_tool_config tool =
        AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_INLINE, .effect = AGT_EFFECT_PURE,
                   .input_schema = schema, .description = "Adds one to a number.");
    for (size_t i = 0; tools[i] != NULL; i++) {
        must(agt_executor_register_tool(self->executor, tools[i], add_one, &tool, &err), &err);
    }
    must(agt_model_new_scripted(self->runtime, script, &self->model, &err), &err);
    agt_agent_config config = AGT_CONFIG(
        agt_agent_config, .name = "counter", .model = self->model, .executor = self->executor,
        .tools = tools, .instructions = "You count. Use the tools, then say what they answered.");
    must(agt_agent_new(self->runtime, &config, &self->agent, &err), &err);
    agt_value_unref(script);
    agt_value_unref(schema);
}

static void tear_down(bench *self)
{
    agt_agent_unref(self->agent);
    agt_model_unref(self->model);
    agt_executor_unref(self->executor);
    (void)agt_runtime_close(self->runtime, 0, NULL);
    agt_runtime_free(self->runtime);
}

#define CALL(name) "{\"name\": \"" name "\", \"arguments\": {\"n\": \"{{=step}}\"}}"
#define CALLS                                                                                      \
    "\"tool_calls\": [" CALL("one") ", " CALL("two") ", " CALL("three") ", " CALL("four") "]"

static const char turn_script[] =
    "{\"version\": 1, \"rules\": [{\"step\": 1, " CALLS "},"
    " {\"text\": \"{{results.one}} {{results.two}} {{results.three}} {{results.four}}\"}]}";
static const char slow_script[] =
    "{\"version\": 1, \"rules\": [{\"step\": 1, \"delay_ms\": 100, "
    "\"tool_calls\": [" CALL("one") "]},"
                                    " {\"text\": \"{{results.one}}\", \"delay_ms\": 100}]}";

/* ---- creating -------------------------------------------------------------------------------- */

static size_t allocated;

/* Counts what is asked for; sizes given back are not known, so only for a run of allocations. */
static void *count_resize(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    allocated += size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static void measure_creation(void)
{
    static agt_agent *agents[CREATED];
    bench own;
    uint64_t best = UINT64_MAX;
    const agt_allocator counting = {count_resize, NULL};
    int rounds = bench_rounds();
    set_up(&own, &counting, turn_script);
    agt_agent_config config = AGT_CONFIG(agt_agent_config, .name = "history", .model = own.model,
                                         .executor = own.executor,
                                         .instructions = "You look at the history of a repository "
                                                         "and judge what it says about its risks.");
    for (int round = 0; round < rounds; round++) {
        allocated = 0;
        uint64_t start = bench_wall_ns();
        for (size_t i = 0; i < CREATED; i++) {
            must(agt_agent_new(own.runtime, &config, &agents[i], NULL), NULL);
        }
        uint64_t spent = bench_wall_ns() - start;
        best = spent < best ? spent : best;
        size_t bytes = allocated / CREATED;
        for (size_t i = 0; i < CREATED; i++) {
            agt_agent_unref(agents[i]);
        }
        if (round == rounds - 1) {
            report("agent_create", (double)best / CREATED, "ns", "300");
            report("agent_bytes", (double)bytes, "B", "512");
        }
    }
    tear_down(&own);
}

/* ---- running --------------------------------------------------------------------------------- */

static void read_reply(agt_reply *reply, const char *text)
{
    if (strcmp(agt_reply_get_text(reply), text) != 0) {
        agt_error err = {0};
        (void)agt_reply_get_error(reply, &err);
        (void)fprintf(stderr, "agents_bench: \"%s\": %s\n", agt_reply_get_text(reply), err.message);
        exit(1);
    }
    agt_reply_unref(reply);
}

/* @count runs at once: nanoseconds until the last is there. */
static uint64_t run_many(bench *self, size_t count, const char *text)
{
    agt_task **tasks = calloc(count, sizeof(agt_task *));
    agt_error err;
    uint64_t start = bench_wall_ns();
    for (size_t i = 0; tasks != NULL && i < count; i++) {
        must(agt_agent_execute_start(self->agent, "count", NULL, &tasks[i], &err), &err);
    }
    /* The last first: most are done then, and this thread is not woken a thousand times. */
    for (size_t i = count; tasks != NULL && i-- > 0;) {
        must(agt_task_wait(tasks[i], AGT_MS_NONE), NULL);
    }
    uint64_t spent = bench_wall_ns() - start;
    for (size_t i = 0; tasks != NULL && i < count; i++) {
        agt_reply *reply = NULL;
        must(agt_task_get_reply(tasks[i], &reply), NULL);
        read_reply(reply, text);
        agt_task_unref(tasks[i]);
    }
    free(tasks);
    (void)agt_runtime_flush(self->runtime, 10000, NULL);
    return spent;
}

static void measure_turns(void)
{
    bench own;
    double best = 1e300;
    int rounds = bench_rounds();
    set_up(&own, NULL, turn_script);
    for (int round = 0; round < rounds; round++) {
        best = bench_least(best, (double)run_many(&own, TURNS, "2 2 2 2"));
    }
    report("agent_turn", best / TURNS / 1e3, "us", "25");
    tear_down(&own);
}

static void measure_latency(void)
{
    bench own;
    double best = 1e300;
    int rounds = bench_rounds();
    set_up(&own, NULL, turn_script);
    for (int round = 0; round < rounds; round++) {
        uint64_t start = bench_wall_ns();
        for (size_t i = 0; i < WAITED; i++) {
            agt_reply *reply = NULL;
            agt_error err;
            must(agt_agent_execute(own.agent, "count", NULL, &reply, &err), &err);
            read_reply(reply, "2 2 2 2");
        }
        best = bench_least(best, (double)(bench_wall_ns() - start));
        (void)agt_runtime_flush(own.runtime, 10000, NULL);
    }
    report("agent_turn_latency", best / WAITED / 1e3, "us", "null");
    tear_down(&own);
}

static void measure_concurrency(void)
{
    bench own;
    double best = 1e300, cpu = 0;
    int rounds = bench_rounds();
    set_up(&own, NULL, slow_script);
    for (int round = 0; round < rounds; round++) {
        uint64_t before = bench_cpu_ns();
        double wall = (double)run_many(&own, CONCURRENT, "2") / 1e6;
        double spent = (double)(bench_cpu_ns() - before) / 1e6;
        if (wall < best) {
            best = wall;
            cpu = spent;
        }
    }
    report("agent_1000_wall", best, "ms", "215");
    report("agent_1000_cpu", cpu, "ms", "60");
    tear_down(&own);
}

static const bench_section sections[] = {
    {"create", measure_creation},
    {"turn", measure_turns},
    {"latency", measure_latency},
    {"concurrency", measure_concurrency},
};

int main(int argc, char **argv)
{
    return bench_run(argc, argv, sections, sizeof(sections) / sizeof(*sections));
}
