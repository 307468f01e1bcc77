/*
 * The inside of telemetry: what the engine and the exporters use beyond telemetry.h.
 */
#ifndef AGT_TELEMETRY_TRACER_H
#define AGT_TELEMETRY_TRACER_H

#include "agent_sdk/telemetry.h"

typedef struct agt__tracer_config {
    size_t struct_size;
    const agt_allocator *allocator;
    const agt_clock *clock;   /* NULL = the system's                                            */
    const agt_random *random; /* NULL = the system's; seeds the identifiers                     */
    const char *service_name; /* copied; NULL = "agent_sdk"                                     */
    uint32_t spans_max;       /* open and queued; 0 = 16,384; taken in blocks as needed         */
    bool silent;              /* record nothing: every start returns NULL and is not counted    */
    bool reserved[3];
} agt__tracer_config;

agt_status agt__tracer_new(const agt__tracer_config *config, agt_tracer **ret_tracer,
                           agt_error *err);

/**
 * Nothing of the tracer may be used afterwards, its spans included: end them first.
 */
void agt__tracer_free(agt_tracer *tracer);

/** The time of the tracer's clock, which spans are measured by. */
uint64_t agt__tracer_get_now_ns(const agt_tracer *tracer);
/** Another clock with the same origin: for a recording. Before the first span. */
void agt__tracer_set_clock(agt_tracer *tracer, const agt_clock *clock);

/** Add to monotonic times of this tracer's spans to get Unix time. */
int64_t agt__tracer_get_unix_offset_ns(const agt_tracer *tracer);
const char *agt__tracer_get_service_name(const agt_tracer *tracer);
bool agt__tracer_is_silent(const agt_tracer *tracer);

/**
 * Whoever takes away what telemetry gathers, so that it need not look again and again.
 *
 * `wake` is called on whatever thread adds something: with the first thing since the consumer last
 * took everything, and (@urgent) when half of spans_max wait or no slot is left.
 */
typedef struct agt__consumer {
    void (*wake)(void *user_data, bool urgent); /* NULL = there is none */
    void *user_data;
} agt__consumer;

/** Wake the consumer, not urgently, when the next span starts. Cheap, and lasts for one span. */
void agt__tracer_watch_start(agt_tracer *tracer);

/** Before the first span starts, or after the last has ended. */
void agt__tracer_set_consumer(agt_tracer *tracer, agt__consumer consumer);

/** A new trace id / span id. @threads any */
void agt__tracer_make_trace_id(agt_tracer *tracer, uint8_t ret_trace_id[16]);
void agt__tracer_make_span_id(agt_tracer *tracer, uint8_t ret_span_id[8]);

typedef enum agt__attribute_kind {
    AGT__ATTRIBUTE_TEXT,
    AGT__ATTRIBUTE_INT,
    AGT__ATTRIBUTE_DOUBLE,
    AGT__ATTRIBUTE_BOOL,
} agt__attribute_kind;

typedef struct agt__attribute {
    const char *key;
    agt__attribute_kind kind;
    const char *text;
    size_t length;
    int64_t integer; /* also of a boolean */
    double number;
} agt__attribute;

/**
 * Start a span with attributes, which listeners see in on_start. The keys are names of semconv.h,
 * kept by pointer; the texts are copied. Otherwise as agt_tracer_start_span().
 */
agt_span *agt__tracer_start_span(agt_tracer *tracer, const char *name, agt_span_kind kind,
                                 const agt_span_context *parent, uint64_t start_ns,
                                 const agt__attribute *attributes, size_t count);

/*
 * Attribute keys that are literals of the library: the pointer is kept, not the text. `key` must be
 * a name of semconv.h. Otherwise as the public functions.
 */
void agt__span_set_text(agt_span *span, const char *key, const char *text, size_t length);
void agt__span_set_int(agt_span *span, const char *key, int64_t number);

/**
 * All spans that have ended since the last time, oldest first, linked by agt__span_get_next().
 * One consumer at a time. Give them back with agt__tracer_recycle().
 */
agt_span *agt__tracer_take_ended(agt_tracer *tracer);
agt_span *agt__span_get_next(const agt_span *span);

/** Make @span the last of its list. @return the rest of the list, NULL if there is none */
agt_span *agt__span_cut(agt_span *span);

/** Give a list back: counted as exported, or as dropped. */
void agt__tracer_recycle(agt_tracer *tracer, agt_span *spans, bool exported);

/**
 * The next span that runs and was not noted, from slot *@cursor on (0 at first); NULL if there is
 * no more. For the one consumer: until it gives the span back it may read its context, parent,
 * name, kind and start, whatever the span's owner does with it. Attributes are the owner's.
 */
agt_span *agt__tracer_next_open(agt_tracer *tracer, uint32_t *cursor);

/** The consumer has told of @span that it runs. Lasts until it is given back. */
void agt__span_note(agt_span *span);
bool agt__span_is_noted(const agt_span *span);

/** What an exporter reads of a span. */
size_t agt__span_get_attribute_count(const agt_span *span);
agt__attribute agt__span_get_attribute(const agt_span *span, size_t index);
uint32_t agt__span_get_dropped_attributes(const agt_span *span);
agt_span_kind agt__span_get_kind(const agt_span *span);
const char *agt__span_get_message(const agt_span *span); /* of the error; "" */

/* The ledger behind agt_cost_tracker. */
agt_status agt__cost_tracker_new(const agt_allocator *allocator, agt_cost_tracker **ret_costs);
void agt__cost_tracker_free(agt_cost_tracker *costs);
/** Before the first line is added, or after the last; never urgent. */
void agt__cost_tracker_set_consumer(agt_cost_tracker *costs, agt__consumer consumer);
/** Whether lines wait to be taken. */
bool agt__cost_tracker_has_lines(agt_cost_tracker *costs);

/** Entries not yet stored, oldest first, each owning its texts; NULL if there is none. */
typedef struct agt__cost_line {
    struct agt__cost_line *next;
    agt_cost_entry entry;
} agt__cost_line;
agt__cost_line *agt__cost_tracker_take_lines(agt_cost_tracker *costs);
void agt__cost_tracker_free_lines(agt_cost_tracker *costs, agt__cost_line *lines);
/** Put lines back in front after a failed write. */
void agt__cost_tracker_return_lines(agt_cost_tracker *costs, agt__cost_line *lines);

#endif
