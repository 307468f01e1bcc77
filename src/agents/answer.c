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
        status = agt__message_new_text(run->allocator, &run->agent->words, AGT__WORD_USER, value,
                                       &message);
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

static size_t add_count(agt__field *fields, size_t at, const agt_allocator *allocator,
                        const char *key, uint64_t count)
{
    if (count != 0) {
        fields[at++] = (agt__field){key, agt__value_uint64_or_null(allocator, count)};
    }
    return at;
}

static size_t add_money(agt__field *fields, size_t at, const agt_allocator *allocator,
                        const char *key, int64_t nanousd)
{
    if (nanousd != 0) {
        agt_value *value = NULL;
        agt_status status = agt_value_new_int64(allocator, nanousd, &value);
        fields[at++] = (agt__field){key, status == AGT_OK ? value : NULL};
    }
    return at;
}

/* What is not zero; NULL if there is no memory. */
static agt_value *make_costs(const agt_allocator *allocator, const agt_costs *costs)
{
    agt__field real[AGT__FIELDS_MAX];
    agt_value *value = agt_value_empty_object();
    size_t at = add_money(real, 0, allocator, "total_nanousd", costs->total_nanousd);
    at = add_count(real, at, allocator, "input_tokens", costs->input_tokens);
    at = add_count(real, at, allocator, "output_tokens", costs->output_tokens);
    at = add_count(real, at, allocator, "total_tokens", costs->total_tokens);
    at = add_count(real, at, allocator, "calls", costs->calls);
    at = add_count(real, at, allocator, "unpriced_calls", costs->unpriced_calls);
    agt__field simulated[3];
    size_t more = add_money(simulated, 0, allocator, "simulated_nanousd", costs->simulated_nanousd);
    more = add_count(simulated, more, allocator, "simulated_tokens", costs->simulated_tokens);
    more = add_count(simulated, more, allocator, "simulated_calls", costs->simulated_calls);
    if (at + more <= AGT__FIELDS_MAX) {
        for (size_t i = 0; i < more; i++) {
            real[at++] = simulated[i];
        }
        more = 0;
    }
    if (at > 0 && agt__value_make_object(allocator, real, at, &value) != AGT_OK) {
        value = NULL;
    }
    for (size_t i = 0; i < more; i++) { /* too many to be made in one step */
        agt_value *wider = NULL;
        if (value == NULL || simulated[i].value == NULL ||
            agt_value_with_member(allocator, value, simulated[i].key, simulated[i].value, &wider) !=
                AGT_OK) {
            wider = NULL;
        }
        agt_value_unref(simulated[i].value);
        agt_value_unref(value);
        value = wider;
    }
    return value;
}

static agt_value *make_error(const agt_allocator *allocator, const agt_error *error)
{
    agt_value *value = NULL;
    const agt__field fields[] = {
        {"status", agt__value_text_or_null(allocator, agt_status_get_name(error->status))},
        {"message", agt__value_text_or_null(allocator, error->message)},
    };
    return agt__value_make_object(allocator, fields, 2, &value) == AGT_OK ? value : NULL;
}

/* Who, how it ended, and how much it took: what every reply has. */
static agt_status make_summary(const agt__agent_run *run, agt_value **ret_output)
{
    const agt_allocator *allocator = run->allocator;
    const char *outcome = agt_outcome_get_name(run->outcome);
    agt__field fields[AGT__FIELDS_MAX];
    size_t count = 0;
    fields[count++] = (agt__field){"agent", agt_value_ref(run->name)};
    if (run->text != NULL) {
        fields[count++] = (agt__field){"text", agt_value_ref(run->text)};
    }
    if (run->value != NULL) {
        fields[count++] = (agt__field){"value", agt_value_ref(run->value)};
    }
    fields[count++] = (agt__field){"outcome", agt__value_text_or_null(allocator, outcome)};
    fields[count++] = (agt__field){"steps", agt__value_uint64_or_null(allocator, run->step)};
    fields[count++] =
        (agt__field){"tool_calls", agt__value_uint64_or_null(allocator, run->tool_calls)};
    fields[count++] = (agt__field){"costs", make_costs(allocator, &run->costs)};
    if (agt_span_context_is_valid(&run->context)) {
        char traceparent[AGT_TRACEPARENT_SIZE];
        agt_span_context_to_traceparent(&run->context, traceparent);
        fields[count++] = (agt__field){"span", agt__value_text_or_null(allocator, traceparent)};
    }
    return agt__value_make_object(allocator, fields, count, ret_output);
}

agt_status agt__agent_run_make_reply(const agt__agent_run *run, agt_value **ret_output)
{
    agt_value *summary = NULL;
    agt_status status = make_summary(run, &summary);
    if (status != AGT_OK || run->outcome == AGT_OUTCOME_OK) {
        *ret_output = summary;
        return status;
    }
    agt_value *error = make_error(run->allocator, &run->error);
    status = error != NULL
                 ? agt_value_with_member(run->allocator, summary, "error", error, ret_output)
                 : AGT_E_NOMEM;
    agt_value_unref(error);
    agt_value_unref(summary);
    return status;
}

agt_status agt__agent_run_make_output(const agt__agent_run *run, agt_value **ret_output)
{
    if (run->kind == AGT__AGENT_ALONE) {
        /* What the model says is tainted already; marked whole, nobody has to copy it for that. */
        agt_value *reply = NULL;
        agt_status status = agt__agent_run_make_reply(run, &reply);
        return status == AGT_OK ? agt__value_take_taint(run->allocator, reply, ret_output) : status;
    }
    if (run->value != NULL) {
        *ret_output = agt_value_ref(run->value);
        return AGT_OK;
    }
    const agt__field field = {"text", run->text != NULL
                                          ? agt_value_ref(run->text)
                                          : agt__value_text_or_null(run->allocator, "")};
    return agt__value_make_object(run->allocator, &field, 1, ret_output);
}

void agt__agent_run_describe(const agt__agent_run *run, agt_span *span)
{
    const agt_costs *costs = &run->costs;
    if (run->session != NULL) {
        const char *id = agt_session_get_id(run->session);
        agt__span_set_text(span, AGT__ATTR_CONVERSATION, id, strlen(id));
    }
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
