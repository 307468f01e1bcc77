/*
 * Progress, by listening to spans. The listener is called on whatever thread starts or ends a span,
 * so a line is one write; names are those of the team file and of this program, not the
 * repository's.
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show(const char *line, int length)
{
    ssize_t written = write(STDERR_FILENO, line, length > 0 ? (size_t)length : 0);
    (void)written; /* it is only progress */
}

static void on_start(void *user_data, const agt_span *span)
{
    char line[256];
    const char *agent = agt_span_get_text(span, "gen_ai.agent.name");
    const char *operation = agt_span_get_text(span, "gen_ai.operation.name");
    (void)user_data;
    if (agent[0] != '\0' && strcmp(operation, "invoke_agent") == 0) {
        show(line, snprintf(line, sizeof(line), "  %.100s …\n", agent));
    }
}

static void on_end(void *user_data, const agt_span *span)
{
    char line[256];
    const char *tool = agt_span_get_text(span, "gen_ai.tool.name");
    double ms = (double)(agt_span_get_end_ns(span) - agt_span_get_start_ns(span)) / 1e6;
    (void)user_data;
    if (tool[0] != '\0') {
        show(line, snprintf(line, sizeof(line), "    %-20.64s %8.1f ms  %.64s\n", tool, ms,
                            agt_span_get_text(span, "agent_sdk.outcome")));
    }
}

agt_status progress_watch(agt_tracer *tracer)
{
    agt_span_listener listener =
        AGT_CONFIG(agt_span_listener, .on_start = on_start, .on_end = on_end);
    return isatty(STDERR_FILENO) ? agt_tracer_add_listener(tracer, &listener) : AGT_OK;
}
