/*
 * A bounded queue of events between the threads that start and end spans, which must not wait, and
 * the main thread, which draws and prints.
 *
 * A ring under a mutex that is held for a copy only. It grows by doubling up to EVENTS_MAX; beyond,
 * events are dropped and counted. The eventfd is written when the ring stops being empty.
 */
#include "cli/events.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVENTS_FIRST = 256,
    EVENTS_MAX = 64 * 1024
};

struct cli_events {
    pthread_mutex_t lock;
    const agt_clock *clock;
    cli_event *ring; /* capacity is a power of two */
    size_t capacity, head, count;
    uint64_t dropped;
    int file;
};

static void copy_text(char *target, size_t size, const char *text)
{
    (void)snprintf(target, size, "%s", text != NULL ? text : "");
}

/* A span is called "<operation> <what>" by the GenAI conventions; at its start it has no attributes
 * yet. */
static void read_subject(cli_event *event)
{
    static const struct {
        const char *operation;
        cli_subject subject;
    } kinds[] = {{"invoke_agent ", CLI_SUBJECT_AGENT},
                 {"chat ", CLI_SUBJECT_MODEL},
                 {"execute_tool ", CLI_SUBJECT_TOOL}};
    const char *what = event->name;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].operation);
        if (strncmp(event->name, kinds[i].operation, length) == 0) {
            event->subject = (uint8_t)kinds[i].subject;
            what = event->name + length;
        }
    }
    copy_text(event->what, sizeof(event->what), what);
}

static void read_span(cli_event *event, const agt_span *span, bool is_end)
{
    memset(event, 0, sizeof(*event));
    event->is_end = is_end;
    event->span = agt_span_get_context(span);
    event->parent = agt_span_get_parent(span);
    event->start_ns = agt_span_get_start_ns(span);
    copy_text(event->name, sizeof(event->name), agt_span_get_name(span));
    read_subject(event);
    event->input_tokens = event->output_tokens = -1;
    event->cost_nanousd = AGT_NANOUSD_UNKNOWN;
    if (is_end) {
        event->end_ns = agt_span_get_end_ns(span);
        event->is_error = agt_span_is_error(span);
        event->is_simulated = agt_span_get_bool(span, "agent_sdk.simulated", false);
        event->input_tokens = agt_span_get_int(span, "gen_ai.usage.input_tokens", -1);
        event->output_tokens = agt_span_get_int(span, "gen_ai.usage.output_tokens", -1);
        event->cost_nanousd = agt_span_get_int(span, "agent_sdk.cost_nanousd", AGT_NANOUSD_UNKNOWN);
        copy_text(event->outcome, sizeof(event->outcome),
                  agt_span_get_text(span, "agent_sdk.outcome"));
        copy_text(event->error_type, sizeof(event->error_type),
                  agt_span_get_text(span, "error.type"));
    }
}

/* Room for one more; the lock is held. */
static bool reserve(cli_events *self)
{
    if (self->count < self->capacity) {
        return true;
    }
    if (self->capacity == EVENTS_MAX) {
        return false;
    }
    size_t capacity = self->capacity == 0 ? EVENTS_FIRST : self->capacity * 2;
    cli_event *ring = calloc(capacity, sizeof(*ring));
    if (ring == NULL) {
        return false;
    }
    for (size_t i = 0; i < self->count; i++) {
        ring[i] = self->ring[(self->head + i) & (self->capacity - 1)];
    }
    free(self->ring);
    self->ring = ring;
    self->capacity = capacity;
    self->head = 0;
    return true;
}

static void push(cli_events *self, const agt_span *span, bool is_end)
{
    cli_event event;
    read_span(&event, span, is_end);
    event.unix_ns = self->clock->get_unix_ns(self->clock->ctx);
    bool was_empty = false;
    (void)pthread_mutex_lock(&self->lock);
    if (reserve(self)) {
        was_empty = self->count == 0;
        self->ring[(self->head + self->count) & (self->capacity - 1)] = event;
        self->count++;
    } else {
        self->dropped++;
    }
    (void)pthread_mutex_unlock(&self->lock);
    if (was_empty) {
        uint64_t one = 1;
        /* It can only fail by being full, and then it is readable already. */
        ssize_t written = write(self->file, &one, sizeof(one));
        (void)written;
    }
}

static void on_start(void *user_data, const agt_span *span)
{
    push(user_data, span, false);
}

static void on_end(void *user_data, const agt_span *span)
{
    push(user_data, span, true);
}

cli_events *cli_events_new(const agt_clock *clock)
{
    cli_events *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->clock = clock;
    self->file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->file < 0 || pthread_mutex_init(&self->lock, NULL) != 0) {
        if (self->file >= 0) {
            (void)close(self->file);
        }
        free(self);
        return NULL;
    }
    return self;
}

void cli_events_free(cli_events *events)
{
    if (events != NULL) {
        (void)pthread_mutex_destroy(&events->lock);
        (void)close(events->file);
        free(events->ring);
        free(events);
    }
}

agt_span_listener cli_events_get_listener(cli_events *events)
{
    return AGT_CONFIG(agt_span_listener, .user_data = events, .on_start = on_start,
                      .on_end = on_end);
}

int cli_events_get_file(const cli_events *events)
{
    return events->file;
}

bool cli_events_take(cli_events *events, cli_event *ret_event)
{
    (void)pthread_mutex_lock(&events->lock);
    bool has_one = events->count > 0;
    if (has_one) {
        *ret_event = events->ring[events->head];
        events->head = (events->head + 1) & (events->capacity - 1);
        events->count--;
    } else {
        uint64_t count = 0;
        ssize_t size = read(events->file, &count, sizeof(count));
        (void)size;
    }
    (void)pthread_mutex_unlock(&events->lock);
    return has_one;
}

uint64_t cli_events_get_dropped(cli_events *events)
{
    (void)pthread_mutex_lock(&events->lock);
    uint64_t dropped = events->dropped;
    (void)pthread_mutex_unlock(&events->lock);
    return dropped;
}
