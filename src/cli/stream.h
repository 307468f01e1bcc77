/* An answer on standard output, as it is written. */
#ifndef AGT_CLI_STREAM_H
#define AGT_CLI_STREAM_H

#include "agent_sdk/agents.h"
#include "cli/cli.h"

typedef struct cli_stream {
    bool is_terminal; /* standard output: text is cleaned                                  */
    bool is_speaking; /* a line is unfinished                                              */
    size_t length;    /* of the text of this step that was shown, and its hash             */
    uint64_t hash;
} cli_stream;

void cli_stream_init(cli_stream *stream);

/** Show what @event says, if it is text of the agent that was asked. */
void cli_stream_take(cli_stream *stream, const agt_event *event);

/** Show what is still missing of the text of @reply, and end its line. */
void cli_stream_finish(cli_stream *stream, const agt_reply *reply);

#endif
