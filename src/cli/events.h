/*
 * What a run does, as it does it: spans that start and end, brought from the threads of the library
 * to the main thread.
 */
#ifndef AGT_CLI_EVENTS_H
#define AGT_CLI_EVENTS_H

#include "agent_sdk/telemetry.h"
#include "cli/cli.h"

enum {
    CLI_EVENT_TEXT_BYTES = 96
};

/* What a span is about. */
typedef enum cli_subject {
    CLI_SUBJECT_OTHER,
    CLI_SUBJECT_AGENT,
    CLI_SUBJECT_MODEL,
    CLI_SUBJECT_TOOL,
} cli_subject;

/* One start or end. */
typedef struct cli_event {
    bool is_end;
    bool is_error;
    bool is_simulated;
    uint8_t subject; /* cli_subject */
    agt_span_context span;
    agt_span_context parent;
    uint64_t start_ns, end_ns; /* monotonic; end 0 at the start                           */
    uint64_t unix_ns;
    int64_t input_tokens, output_tokens; /* -1 = unknown                                   */
    int64_t cost_nanousd;                /* AGT_NANOUSD_UNKNOWN                            */
    char name[CLI_EVENT_TEXT_BYTES];     /* of the span                                    */
    char what[CLI_EVENT_TEXT_BYTES];     /* of the agent, model or tool                    */
    char outcome[24];                    /* at the end; "" if the span has none            */
    char error_type[48];
} cli_event;

typedef struct cli_events cli_events;

/**
 * A new queue; it holds a bounded number of events, what does not fit is dropped and counted.
 *
 * @return NULL if there is no memory or descriptor
 */
cli_events *cli_events_new(const agt_clock *clock);
void cli_events_free(cli_events *events);

/** The listener that fills it; valid as long as the queue. */
agt_span_listener cli_events_get_listener(cli_events *events);

/** A descriptor that can be read while there are events. */
int cli_events_get_file(const cli_events *events);

/** Take the oldest event. @return false if there is none */
bool cli_events_take(cli_events *events, cli_event *ret_event);

/** Events that did not fit. */
uint64_t cli_events_get_dropped(cli_events *events);

#endif
