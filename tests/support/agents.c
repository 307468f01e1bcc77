/* See agents.h. */
#include "support/agents.h"

#include "support/test.h"
#include "support/values.h"

#include <stdio.h>
#include <string.h>

agt_model *agt_test_script(agt_runtime *runtime, const char *rules)
{
    char text[8192];
    agt_model *model = NULL;
    agt_error err;
    int length = snprintf(text, sizeof(text),
                          "{\"version\": 1, \"prices\": {\"input\": \"1\", \"output\": \"2\"},"
                          " \"rules\": [%s]}",
                          rules);
    assert_in_range(length, 1, sizeof(text) - 1);
    agt_value *script = agt_test_json(agt_runtime_get_allocator(runtime), text);
    agt_status status =
        script != NULL ? agt_model_new_scripted(runtime, script, &model, &err) : AGT_E_NOMEM;
    agt_value_unref(script);
    if (status != AGT_OK && status != AGT_E_NOMEM) {
        fail_msg("%s", err.message);
    }
    return status == AGT_OK ? model : NULL;
}

agt_agent *agt_test_agent(agt_test_engine *engine, const char *name, agt_model *model,
                          const agt_agent_config *config)
{
    agt_agent_config own = config != NULL ? *config : AGT_CONFIG(agt_agent_config, .name = name);
    agt_agent *agent = NULL;
    agt_error err;
    own.name = name;
    own.model = model;
    own.executor = engine->executor;
    agt_status status = agt_agent_new(engine->runtime, &own, &agent, &err);
    if (status != AGT_OK && status != AGT_E_NOMEM) {
        fail_msg("%s", err.message);
    }
    return status == AGT_OK ? agent : NULL;
}

agt_reply *agt_test_ask(agt_test_engine *engine, const char *rules, const agt_agent_config *config,
                        const agt_call_options *options)
{
    agt_reply *reply = NULL;
    agt_error err;
    agt_model *model = agt_test_script(engine->runtime, rules);
    agt_agent *agent = agt_test_agent(engine, "tester", model, config);
    if (agt_agent_execute(agent, "go", options, &reply, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_agent_unref(agent);
    agt_model_unref(model);
    return reply;
}

void agt_test_expect_reply(const agt_reply *reply, agt_outcome outcome, const char *part)
{
    agt_error err = {0};
    agt_status status = agt_reply_get_error(reply, &err);
    if (agt_reply_get_outcome(reply) != outcome || strstr(err.message, part) == NULL) {
        fail_msg("outcome %s: \"%s\", expected %s: \"%s\"",
                 agt_outcome_get_name(agt_reply_get_outcome(reply)), err.message,
                 agt_outcome_get_name(outcome), part);
    }
    assert_int_equal(status == AGT_OK, outcome == AGT_OUTCOME_OK);
}

/* ---- spans ----------------------------------------------------------------------------------- */

static void on_start(void *user_data, const agt_span *span)
{
    agt_test_spans *spans = user_data;
    if (spans->count < sizeof(spans->items) / sizeof(spans->items[0])) {
        agt_test_span *item = &spans->items[spans->count];
        snprintf(item->name, sizeof(item->name), "%s", agt_span_get_name(span));
        item->context = agt_span_get_context(span);
        item->parent = agt_span_get_parent(span);
        item->start_ns = agt_span_get_start_ns(span);
        snprintf(item->agent, sizeof(item->agent), "%s",
                 agt_span_get_text(span, "gen_ai.agent.name"));
    }
    spans->count++;
}

static void on_end(void *user_data, const agt_span *span)
{
    agt_test_spans *spans = user_data;
    agt_span_context context = agt_span_get_context(span);
    for (size_t i = 0; i < spans->count && i < sizeof(spans->items) / sizeof(spans->items[0]);
         i++) {
        agt_test_span *item = &spans->items[i];
        if (memcmp(item->context.span_id, context.span_id, sizeof(context.span_id)) == 0) {
            item->end_ns = agt_span_get_end_ns(span);
            item->is_error = agt_span_is_error(span);
            snprintf(item->outcome, sizeof(item->outcome), "%s",
                     agt_span_get_text(span, "agent_sdk.outcome"));
            item->total_tokens = agt_span_get_int(span, "agent_sdk.total_tokens", -1);
            item->input_tokens = agt_span_get_int(span, "gen_ai.usage.input_tokens", -1);
            item->cost_nanousd = agt_span_get_int(span, "agent_sdk.cost_nanousd", -1);
        }
    }
}

void agt_test_spans_listen(agt_test_spans *spans, agt_runtime *runtime)
{
    memset(spans, 0, sizeof(*spans));
    agt_span_listener listener = {sizeof(listener), spans, on_start, on_end};
    assert_int_equal(agt_tracer_add_listener(agt_runtime_get_tracer(runtime), &listener), AGT_OK);
}

static const agt_test_span *find_id(const agt_test_spans *spans, const uint8_t id[8])
{
    for (size_t i = 0; i < spans->count; i++) {
        if (memcmp(spans->items[i].context.span_id, id, 8) == 0) {
            return &spans->items[i];
        }
    }
    return NULL;
}

const agt_test_span *agt_test_spans_find(const agt_test_spans *spans, const char *name,
                                         const char *parent)
{
    for (size_t i = 0; i < spans->count; i++) {
        const agt_test_span *item = &spans->items[i];
        const agt_test_span *above = find_id(spans, item->parent.span_id);
        if (strcmp(item->name, name) == 0 &&
            (parent == NULL || (above != NULL && strcmp(above->name, parent) == 0))) {
            return item;
        }
    }
    fail_msg("no span \"%s\" below \"%s\"", name, parent != NULL ? parent : "anything");
    return NULL;
}

size_t agt_test_spans_count(const agt_test_spans *spans, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < spans->count; i++) {
        count += strcmp(spans->items[i].name, name) == 0 ? 1 : 0;
    }
    return count;
}
