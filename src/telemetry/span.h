/*
 * The layout of a span and of the tracer, for the files that implement them (tracer.c, span.c).
 *
 * A span is one slot of fixed size: a header of 88 bytes, then a blob that is filled from both
 * ends:
 *
 *     header | name NUL | entry 0 | entry 1 | … →   room   ← … | text 1 | text 0
 *
 * An entry is an attribute: its key (a literal of semconv.h by pointer, or a copy among the texts)
 * and its value. The slot is an odd number of cache lines long, so that the headers of neighbouring
 * slots do not fall into the same few cache sets.
 */
#ifndef AGT_TELEMETRY_SPAN_H
#define AGT_TELEMETRY_SPAN_H

#include "telemetry/tracer.h"

#include <stdatomic.h>

enum {
    AGT__SPAN_BYTES = 19 * 64,
    AGT__SPAN_HEADER_BYTES = 88,
    AGT__SPAN_NAME_BYTES = 96, /* at most, with the NUL; the rest of the blob is for attributes */
    AGT__SPAN_BLOB_BYTES = AGT__SPAN_BYTES - AGT__SPAN_HEADER_BYTES,
    AGT__SPANS_PER_BLOCK = 64,
    AGT__SPAN_LISTENERS_MAX = 8,
    AGT__CACHE_LINE = 64
};

/* One attribute. `at` and `length` are those of a text in the blob. */
typedef struct agt__span_entry {
    const char *key;
    union {
        int64_t integer; /* also a boolean */
        double number;
        struct {
            uint16_t at;
            uint16_t length;
        } text;
    } value;
    uint16_t key_length;
    uint8_t kind; /* agt__attribute_kind */
    uint8_t reserved[5];
} agt__span_entry;

struct agt_span {
    agt_tracer *tracer;
    uint32_t index; /* of the slot                                         */
    uint32_t next;  /* index + 1 of the next older ended span; 0 = none    */
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_id[8];
    uint64_t start_ns;
    _Atomic uint64_t end_ns; /* AGT__SPAN_OPEN while it runs; see below             */
    uint64_t key_bits;       /* a bit for each key that is set: see find_entry()    */
    uint32_t dropped_attributes;
    uint16_t entries_at; /* where the entries begin                             */
    uint16_t text_at;    /* where the texts begin; grows downwards              */
    uint16_t message_at; /* 0 = no message                                      */
    uint8_t entry_count;
    uint8_t kind;
    uint8_t flags;        /* of the W3C                                          */
    uint8_t parent_flags; /* of the W3C                                          */
    bool is_noted;        /* by the consumer; reset when it is given back     */
    bool is_error;
    char blob[AGT__SPAN_BLOB_BYTES];
};
_Static_assert(offsetof(struct agt_span, blob) == AGT__SPAN_HEADER_BYTES, "header of a span");
_Static_assert(sizeof(struct agt_span) == AGT__SPAN_BYTES, "a span is a whole number of lines");
_Static_assert(sizeof(agt__span_entry) == 24, "an entry has no padding of its own");

/*
 * In `end_ns` of a span that runs. Storing it, with a release, is the last step of a start: whoever
 * finds it there may read what a start wrote and nothing changes later (identifiers, flags, kind,
 * start, name), even if the span ends meanwhile, as long as its slot is not given back. Only the
 * consumer gives slots back, so only the consumer looks at spans that are not its own.
 */
#define AGT__SPAN_OPEN UINT64_MAX

/* Counters that all threads change stand on cache lines of their own. */
typedef struct agt__padded_u64 {
    _Atomic uint64_t value;
    char padding[AGT__CACHE_LINE - sizeof(uint64_t)];
} agt__padded_u64;

struct agt_tracer {
    const agt_allocator *allocator;
    const agt_clock *clock;
    char *service_name;
    int64_t unix_offset_ns;
    agt__consumer consumer;
    uint32_t spans_max;
    uint32_t blocks_max;
    uint32_t kick_at; /* ended spans that are urgent */
    bool silent;
    uint8_t listener_count;
    _Atomic bool is_watched; /* the consumer wants to know of the next start */
    uint64_t span_seed, trace_seed[2], made_seed;
    agt_span_listener listeners[AGT__SPAN_LISTENERS_MAX];

    _Atomic(agt_span *) *blocks; /* blocks_max of them, aligned to a cache line; NULL = not yet */
    void **block_memory;         /* what the allocator gave for each                            */
    _Atomic uint32_t *next_free; /* per slot: index + 1 of the next free one; 0 = none           */

    char padding[AGT__CACHE_LINE];
    agt__padded_u64 sequence;   /* starts so far: gives the identifiers and counts `created`    */
    agt__padded_u64 free_head;  /* changes << 32 | index + 1                                   */
    agt__padded_u64 ended_head; /* count << 32 | index + 1 of the newest                        */
    agt__padded_u64 made;       /* identifiers made outside of spans                            */
    agt__padded_u64 exported;
    agt__padded_u64 dropped;
    _Atomic uint32_t block_count;
    _Atomic bool kicked; /* since the last agt__tracer_take_ended()                          */
};

/** A free slot, its header not cleared; NULL if all spans_max are in use. @threads any */
agt_span *agt__tracer_take_slot(agt_tracer *tracer);

/** Put @span among the ended ones; wakes the consumer for the first, and if many wait.
 * @threads any */
void agt__tracer_push_ended(agt_tracer *tracer, agt_span *span);

/** Tell the consumer that a span has started, if it wants to know. @threads any */
void agt__tracer_tell_start(agt_tracer *tracer);

/** Tell the consumer, once until it comes, that there is a lot to do. @threads any */
void agt__tracer_kick(agt_tracer *tracer);

/** The identifiers of start number @sequence. @threads any */
void agt__tracer_fill_span_id(const agt_tracer *tracer, uint64_t sequence, uint8_t ret_span_id[8]);
void agt__tracer_fill_trace_id(const agt_tracer *tracer, uint64_t sequence,
                               uint8_t ret_trace_id[16]);

/** The time of the tracer's clock. @threads any */
static inline uint64_t agt__tracer_now_ns(const agt_tracer *tracer)
{
    return tracer->clock->get_monotonic_ns(tracer->clock->ctx);
}

#endif
