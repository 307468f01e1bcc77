/*
 * The end of a run: the typed answer, and what the agent's call gives as its output.
 *
 * A typed answer is the last text of the response, read as JSON and checked against the agent's
 * schema; a code fence around it is forgiven. What does not fit is said to the model once, with
 * the reason; a second answer that does not fit is an error.
 *
 * The output holds everything a reply shows, so that it can be journalled, replayed and read
 * without this library; replies are views of it.
 *
 * Threads: the loop's.
 */
#include "agents/run.h"

#include "base/error.h"
#include "base/value.h"
#include "telemetry/semconv.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "agents/answer";

enum {
    repair_text_size = 600
};

/* ---- typed answers ----------------------------------------------------------------------------
 */

/* The text between a code fence and its end; the whole text if there is none. */
static const char *strip_fence(const char *text, size_t *length)
{
    const char *begin = text;
    const char *end = text + *length;
    while (begin < end && strchr(" \t\r\n", *begin) != NULL) {
        begin++;
    }
    while (end > begin && strchr(" \t\r\n", end[-1]) != NULL) {
        end--;
    }
    if (end - begin >= 6 && memcmp(begin, "```", 3) == 0 && memcmp(end - 3, "```", 3) == 0) {
        const char *line = memchr(begin, '\n', (size_t)(end - begin));
        if (line != NULL && line < end - 3) {
            begin = line + 1;
            end -= 3;
        }
    }
    *length = (size_t)(end - begin);
    return begin;
}

/* The index of the last text part; the count of parts if there is none. */
static size_t find_last_text(const agt_value *parts)
{
    size_t count = agt_value_get_count(parts);
    for (size_t i = count; i > 0; i--) {
        if (agt__part_get_text(agt_value_get_item(parts, i - 1)) != NULL) {
            return i - 1;
        }
    }
    return count;
}

static agt_status read_typed(agt__agent_run *run, const agt_value *parts, agt_error *err)
{
    size_t at = find_last_text(parts);
    size_t length = 0;
    const agt_value *text = agt__part_get_text(agt_value_get_item(parts, at));
    const char *bytes = agt_value_get_string(text, &length);
    if (bytes == NULL) {
        return agt__error_set(err, AGT_E_SCHEMA, origin, "there is no text in the answer");
    }
    agt_value *value = NULL;
    agt_json_config config =
        AGT_CONFIG(agt_json_config, .duplicates = AGT_JSON_DUPLICATES_LAST, .tainted = true);
    bytes = strip_fence(bytes, &length);
    agt_status status = agt_json_parse(run->allocator, bytes, length, &config, &value, err);
    if (status == AGT_OK) {
        status = agt_schema_check(run->agent->output_schema, value, NULL, err);
    }
    if (status != AGT_OK) {
        agt_value_unref(value);
        return status;
    }
    run->value = value;
    /* The words before the typed answer are the text; without any, the answer itself is. */
    agt_value *prose = NULL;
    status = agt__parts_get_text(run->allocator, parts, 0, at, &prose);
    if (status == AGT_OK && prose != NULL) {
        agt_value_unref(run->text);
        run->text = prose;
    }
    return status;
}

/* Tell the model what is wrong with its answer. */
static void ask_again(agt__agent_run *run, const agt_error *why)
{
    char text[repair_text_size];
    agt_value *value = NULL;
    agt_value *message = NULL;
    snprintf(text, sizeof(text),
             "Your answer does not have the required form: %s. Answer again with one JSON value "
             "that fits the schema, and nothing else.",
             why->message);
    run->repaired = true;
    agt_status status = agt_value_new_string(run->allocator, text, &value);
    if (status == AGT_OK) {
        status = agt__message_new_text(run->allocator, "user", value, &message);
    }
    if (status == AGT_OK) {
        status = agt__agent_run_add_message(run, message);
    }
    agt_value_unref(value);
    if (status != AGT_OK) {
        agt__agent_run_fail_nomem(run);
        return;
    }
    run->step_span = agt_span_end(run->step_span);
    run->phase = AGT__PHASE_ASK;
}

void agt__agent_run_answer(agt__agent_run *run, const agt_value *parts)
{
    agt_error why;
    if (run->agent->output_schema == NULL) {
        agt__agent_run_end(run, AGT_OUTCOME_OK);
        return;
    }
    agt_status status = read_typed(run, parts, &why);
    if (status == AGT_OK) {
        agt__agent_run_end(run, AGT_OUTCOME_OK);
    } else if (status == AGT_E_NOMEM) {
        agt__agent_run_fail_nomem(run);
    } else if (!run->repaired) {
        ask_again(run, &why);
    } else {
        agt__agent_run_fail(run, AGT_E_SCHEMA, "the typed answer of agent \"%s\" does not fit: %s",
                            run->agent->operation.name, why.message);
    }
}

/* ---- the output -------------------------------------------------------------------------------
 */

static void add_count(agt_value_builder *b, const char *key, uint64_t count)
{
    if (count != 0) {
        agt__builder_add_uint64(b, key, count);
    }
}

static void add_costs(agt_value_builder *b, const agt_costs *costs)
{
    agt_value_builder_key(b, "costs");
    agt_value_builder_begin_object(b);
    if (costs->total_nanousd != 0) {
        agt__builder_add_int64(b, "total_nanousd", costs->total_nanousd);
    }
    add_count(b, "input_tokens", costs->input_tokens);
    add_count(b, "output_tokens", costs->output_tokens);
    add_count(b, "total_tokens", costs->total_tokens);
    add_count(b, "calls", costs->calls);
    add_count(b, "unpriced_calls", costs->unpriced_calls);
    if (costs->simulated_nanousd != 0) {
        agt__builder_add_int64(b, "simulated_nanousd", costs->simulated_nanousd);
    }
    add_count(b, "simulated_tokens", costs->simulated_tokens);
    add_count(b, "simulated_calls", costs->simulated_calls);
    agt_value_builder_end(b);
}

static void add_reply(agt_value_builder *b, const agt__agent_run *run)
{
    agt__builder_add_value(b, "agent", run->name);
    if (run->text != NULL) {
        agt__builder_add_value(b, "text", run->text);
    }
    if (run->value != NULL) {
        agt__builder_add_value(b, "value", run->value);
    }
    agt__builder_add_string(b, "outcome", agt_outcome_get_name(run->outcome));
    if (run->outcome != AGT_OUTCOME_OK) {
        agt_value_builder_key(b, "error");
        agt_value_builder_begin_object(b);
        agt__builder_add_string(b, "status", agt_status_get_name(run->error.status));
        agt__builder_add_string(b, "message", run->error.message);
        agt_value_builder_end(b);
    }
    agt__builder_add_uint64(b, "steps", run->step);
    agt__builder_add_uint64(b, "tool_calls", run->tool_calls);
    add_costs(b, &run->costs);
    if (agt_span_context_is_valid(&run->context)) {
        char traceparent[AGT_TRACEPARENT_SIZE];
        agt_span_context_to_traceparent(&run->context, traceparent);
        agt__builder_add_string(b, "span", traceparent);
    }
}

static void add_text(agt_value_builder *b, const agt__agent_run *run)
{
    if (run->text != NULL) {
        agt__builder_add_value(b, "text", run->text);
    } else {
        agt__builder_add_string(b, "text", "");
    }
}

agt_status agt__agent_run_make_output(const agt__agent_run *run, agt_value **ret_output)
{
    agt_value_builder *b = NULL;
    if (run->kind == AGT__AGENT_TOOL && run->value != NULL) {
        *ret_output = agt_value_ref(run->value);
        return AGT_OK;
    }
    agt_status status = agt_value_builder_new(run->allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(b);
    if (run->kind == AGT__AGENT_TOOL) {
        add_text(b, run);
    } else {
        add_reply(b, run);
    }
    agt_value_builder_end(b);
    status = agt_value_builder_finish(b, ret_output, NULL);
    agt_value_builder_free(b);
    return status;
}

void agt__agent_run_describe(const agt__agent_run *run, agt_span *span)
{
    const agt_costs *costs = &run->costs;
    agt__span_set_int(span, AGT__ATTR_STEPS, run->step);
    agt__span_set_int(span, AGT__ATTR_TOOL_CALLS, run->tool_calls);
    agt__span_set_int(span, AGT__ATTR_TOTAL_TOKENS,
                      (int64_t)(costs->total_tokens + costs->simulated_tokens));
    if (costs->calls != 0) {
        agt__span_set_int(span, AGT__ATTR_TOTAL_COST, costs->total_nanousd);
    }
    if (costs->simulated_calls != 0) {
        agt__span_set_int(span, AGT__ATTR_TOTAL_SIMULATED_COST, costs->simulated_nanousd);
    }
}
