/*
 * An answer on standard output, as it is written.
 *
 * Only text of the agent that was asked is shown, not that of agents it delegates to. A step that
 * ends with tool calls may have had words before them; on a terminal they are shown, too, each on
 * lines of their own. At the end the text of the reply counts: what of it was not shown yet is
 * shown then, all of it if it is not what came in pieces. To know that, the length and a hash of
 * what was shown of the last step are enough.
 */
#include "cli/stream.h"
#include "cli/text.h"

#include <string.h>
#include <unistd.h>

#define HASH_START  UINT64_C(14695981039346656037)
#define HASH_FACTOR UINT64_C(1099511628211)

void cli_stream_init(cli_stream *stream)
{
    *stream = (cli_stream){.is_terminal = isatty(STDOUT_FILENO) == 1, .hash = HASH_START};
}

static uint64_t hash(uint64_t start, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        start = (start ^ (unsigned char)text[i]) * HASH_FACTOR;
    }
    return start;
}

static void show(cli_stream *self, const char *text, size_t length)
{
    if (length == 0) {
        return;
    }
    if (self->is_terminal) {
        cli_write_clean(stdout, text, length, CLI_CLEAN_TEXT);
    } else {
        (void)fwrite(text, 1, length, stdout);
    }
    (void)fflush(stdout);
    self->is_speaking = text[length - 1] != '\n';
}

static void end_line(cli_stream *self)
{
    if (self->is_speaking) {
        (void)fputc('\n', stdout);
        (void)fflush(stdout);
        self->is_speaking = false;
    }
}

void cli_stream_take(cli_stream *stream, const agt_event *event)
{
    size_t length = 0;
    const char *text = agt_event_get_text(event, &length);
    if (agt_event_get_depth(event) != 0) {
        return;
    }
    switch (agt_event_get_kind(event)) {
    case AGT_EVENT_MODEL_START:
        stream->length = 0;
        stream->hash = HASH_START;
        break;
    case AGT_EVENT_TEXT:
        stream->length += length;
        stream->hash = hash(stream->hash, text, length);
        show(stream, text, length);
        break;
    case AGT_EVENT_TOOL_START:
        end_line(stream);
        break;
    default:
        break;
    }
}

void cli_stream_finish(cli_stream *stream, const agt_reply *reply)
{
    const char *text = agt_reply_get_text(reply);
    size_t length = strlen(text);
    if (length < stream->length || hash(HASH_START, text, stream->length) != stream->hash) {
        end_line(stream);
        stream->length = 0;
    }
    show(stream, text + stream->length, length - stream->length);
    end_line(stream);
}
