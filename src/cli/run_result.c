/*
 * How a run is told: the answer on standard output, or one JSON object, or a line of JSON for each
 * event; figures on standard error.
 *
 * The shapes are part of the interface ("schema": "agent.run/1"): members are added, never renamed.
 */
#include "cli/json.h"
#include "cli/run.h"
#include "cli/text.h"

#include <string.h>

static void write_usage(agt_value_builder *builder, const agt_reply *reply)
{
    agt_costs costs = AGT_CONFIG(agt_costs);
    agt_reply_get_costs(reply, &costs);
    agt_value_builder_key(builder, "usage");
    agt_value_builder_begin_object(builder);
    cli_json_count(builder, "input_tokens", costs.input_tokens);
    cli_json_count(builder, "output_tokens", costs.output_tokens);
    cli_json_count(builder, "total_tokens", costs.total_tokens);
    cli_json_count(builder, "calls", costs.calls);
    cli_json_count(builder, "unpriced_calls", costs.unpriced_calls);
    cli_json_money(builder, "cost", costs.total_nanousd);
    cli_json_count(builder, "simulated_tokens", costs.simulated_tokens);
    cli_json_count(builder, "simulated_calls", costs.simulated_calls);
    cli_json_money(builder, "simulated", costs.simulated_nanousd);
    agt_value_builder_end(builder);
}

static void write_error(agt_value_builder *builder, const agt_error *error)
{
    agt_value_builder_key(builder, "error");
    if (error->status == AGT_OK) {
        agt_value_builder_null(builder);
        return;
    }
    char code[CLI_CODE_BYTES];
    cli_write_code(code, error->status);
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "code", code);
    cli_json_text(builder, "message", error->message);
    cli_json_text(builder, "origin", error->origin);
    cli_json_int(builder, "line", error->line);
    cli_json_int(builder, "column", error->column);
    agt_value_builder_end(builder);
}

/* What every line of --jsonl begins with. */
static void write_head(agt_value_builder *builder, uint64_t seq, uint64_t unix_ns, const char *type)
{
    char time[CLI_FIGURE_BYTES];
    cli_format_time(time, unix_ns);
    agt_value_builder_begin_object(builder);
    cli_json_count(builder, "seq", seq);
    cli_json_text(builder, "ts", time);
    cli_json_text(builder, "type", type);
}

static cli_exit print_json(const cli_result *result, bool is_line)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    if (is_line) {
        const agt_clock *clock = agt_clock_get_system();
        write_head(builder, result->events + 1,
                   result->end_unix_ns != 0 ? result->end_unix_ns : clock->get_unix_ns(clock->ctx),
                   "run.result");
    } else {
        agt_value_builder_begin_object(builder);
    }
    cli_json_text(builder, "schema", "agent.run/1");
    cli_json_int(builder, "exit_code", (int64_t)result->exit_code);
    cli_json_text(builder, "team", result->team);
    if (result->session != NULL) {
        const char *name = agt_session_get_name(result->session);
        agt_value_builder_key(builder, "session");
        agt_value_builder_begin_object(builder);
        cli_json_text(builder, "id", agt_session_get_id(result->session));
        cli_json_text(builder, "name", name[0] != '\0' ? name : NULL);
        agt_value_builder_end(builder);
    }
    if (result->reply != NULL) {
        const agt_reply *reply = result->reply;
        agt_span_context span = agt_reply_get_span(reply);
        cli_json_hex(builder, "trace_id", span.trace_id, sizeof(span.trace_id));
        cli_json_text(builder, "agent", agt_reply_get_agent(reply));
        cli_json_text(builder, "outcome", agt_outcome_get_name(agt_reply_get_outcome(reply)));
        cli_json_text(builder, "output", agt_reply_get_text(reply));
        cli_json_value(builder, "value", agt_reply_get_value(reply));
        cli_json_bool(builder, "simulated", result->is_simulated);
        cli_json_count(builder, "duration_ms", result->duration_ns / 1000000);
        cli_json_int(builder, "steps", agt_reply_get_steps(reply));
        cli_json_int(builder, "tool_calls", agt_reply_get_tool_calls(reply));
        write_usage(builder, reply);
    }
    write_error(builder, &result->error);
    if (is_line) {
        cli_json_count(builder, "events_dropped", result->events_dropped);
    }
    agt_value_builder_end(builder);
    cli_exit code = cli_json_print(builder, !is_line);
    return code != CLI_OK ? code : result->exit_code;
}

/* The answer as text, or what of it was not shown yet. */
static cli_exit print_answer(const cli_result *result)
{
    const agt_value *value = agt_reply_get_value(result->reply);
    cli_stream stream;
    if (value != NULL) {
        return cli_print_json(value, true);
    }
    cli_stream_init(&stream);
    cli_stream_finish(result->stream != NULL ? result->stream : &stream, result->reply);
    return CLI_OK;
}

static void print_summary(const cli_result *result, const cli_terminal *terminal)
{
    agt_costs costs = AGT_CONFIG(agt_costs);
    agt_reply_get_costs(result->reply, &costs);
    agt_span_context span = agt_reply_get_span(result->reply);
    const char *dot = terminal->has_unicode ? "·" : "|";
    char took[CLI_FIGURE_BYTES], tokens[CLI_FIGURE_BYTES], money[CLI_FIGURE_BYTES];
    cli_format_duration(took, result->duration_ns, terminal->has_unicode);
    /* Of the whole team, as the tokens are; steps and tool calls of the reply are the lead's own.
     */
    uint64_t calls = costs.calls + costs.simulated_calls;
    (void)fprintf(stderr, "%s%s %s %llu model call%s", cli_style_of(terminal, CLI_DIM), took, dot,
                  (unsigned long long)calls, calls == 1 ? "" : "s");
    if (costs.calls > 0 || costs.simulated_calls == 0) {
        cli_format_count(tokens, costs.total_tokens);
        cli_format_money(money, costs.total_nanousd);
        (void)fprintf(stderr, " %s %s tokens %s %s%s", dot, tokens, dot, money,
                      costs.unpriced_calls > 0 ? " or more" : "");
    }
    if (costs.simulated_calls > 0) {
        cli_format_count(tokens, costs.simulated_tokens);
        cli_format_money(money, costs.simulated_nanousd);
        (void)fprintf(stderr, " %s simulated: %s tokens, %s", dot, tokens, money);
    }
    if (agt_span_context_is_valid(&span)) {
        (void)fprintf(stderr, " %s trace ", dot);
        for (size_t i = 0; i < 4; i++) {
            (void)fprintf(stderr, "%02x", (unsigned)span.trace_id[i]);
        }
    }
    (void)fprintf(stderr, "%s\n", cli_style_of(terminal, CLI_PLAIN));
}

cli_exit cli_result_print(const cli_result *result, const cli_arguments *arguments,
                          const cli_terminal *terminal)
{
    bool is_json = cli_has(arguments, CLI_OPT_JSON), is_lines = cli_has(arguments, CLI_OPT_JSONL);
    cli_exit code = result->exit_code;
    if (is_json || is_lines) {
        code = print_json(result, is_lines);
    } else if (result->reply != NULL) {
        cli_exit printed = print_answer(result);
        code = printed != CLI_OK ? printed : code;
    }
    (void)fflush(stdout);
    if (result->reply != NULL && !cli_has(arguments, CLI_OPT_QUIET)) {
        print_summary(result, terminal);
    }
    if (result->error.status != AGT_OK) {
        cli_complain("%s", result->error.message);
    }
    return code;
}

/* ---- events ------------------------------------------------------------------------------- */

void cli_event_print_start(const char *team, bool is_simulated, uint64_t unix_ns)
{
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return;
    }
    write_head(builder, 1, unix_ns, "run.start");
    cli_json_text(builder, "schema", "agent.run/1");
    cli_json_text(builder, "team", team);
    cli_json_bool(builder, "simulated", is_simulated);
    agt_value_builder_end(builder);
    (void)cli_json_print(builder, false);
    (void)fflush(stdout);
}

void cli_event_print(const cli_event *event, uint64_t seq)
{
    static const char *const subjects[] = {"span", "agent", "model", "tool"};
    char type[32];
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return;
    }
    (void)snprintf(type, sizeof(type), "%s.%s", subjects[event->subject],
                   event->is_end ? "end" : "start");
    write_head(builder, seq, event->unix_ns, type);
    cli_json_hex(builder, "trace_id", event->span.trace_id, sizeof(event->span.trace_id));
    cli_json_hex(builder, "span_id", event->span.span_id, sizeof(event->span.span_id));
    cli_json_hex(builder, "parent_span_id", event->parent.span_id, sizeof(event->parent.span_id));
    cli_json_text(builder, "name", event->what);
    if (event->is_end) {
        cli_json_count(builder, "duration_ns", event->end_ns - event->start_ns);
        cli_json_text(builder, "outcome",
                      event->outcome[0] != '\0' ? event->outcome
                      : event->is_error         ? "error"
                                                : "ok");
        cli_json_text(builder, "error_type", event->is_error ? event->error_type : NULL);
    }
    if (event->is_end && event->subject == CLI_SUBJECT_MODEL) {
        const int64_t tokens[] = {event->input_tokens, event->output_tokens};
        const char *const keys[] = {"input_tokens", "output_tokens"};
        for (size_t i = 0; i < 2; i++) {
            agt_value_builder_key(builder, keys[i]);
            if (tokens[i] >= 0) {
                agt_value_builder_int64(builder, tokens[i]);
            } else {
                agt_value_builder_null(builder);
            }
        }
        cli_json_bool(builder, "simulated", event->is_simulated);
    }
    if (event->is_end && event->cost_nanousd != AGT_NANOUSD_UNKNOWN) {
        cli_json_money(builder, "cost", event->cost_nanousd);
    }
    agt_value_builder_end(builder);
    (void)cli_json_print(builder, false);
}
