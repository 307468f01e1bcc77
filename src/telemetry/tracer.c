/*
 * The tracer: slots for spans, the queue of ended ones, identifiers and counts.
 *
 * Slots come from blocks that are allocated when no slot is free, up to spans_max, and are freed
 * with the tracer only. Two lock-free stacks hold them while nobody works on them:
 *
 *   free    index + 1 of the top in the low half, a number that grows with each removal in the high
 *           half, so that a head that went away and came back is noticed. The links are not in the
 *           slots but in a dense array: taking a slot reads no cold memory.
 *   ended   index + 1 of the newest in the low half, how many there are in the high half; only ever
 *           pushed to or taken as a whole, so it needs no tag, and the count comes for free.
 *
 * A slot belongs to whoever took it: to the thread that works on the span, then to the stack
 * `ended`, then to the one consumer, which gives it back. A release on a head and an acquire of it
 * hand over the slot's content.
 *
 * Identifiers are SplitMix64 of a counter, seeded once from the caller's source of randomness: one
 * atomic addition, no lock, no repetition within a tracer, and the same sequence for the same seed.
 * That counter is at the same time the number of spans created.
 */
#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "telemetry/span.h"

#include <string.h>

enum {
    SPANS_MAX_DEFAULT = 16384,
    SPANS_MAX_LIMIT = 1 << 24,
    LOOKS_MAX = 16 /* at counts that change meanwhile */
};

/* ---- making a tracer ------------------------------------------------------------------------- */

static agt_status seed(agt_tracer *tracer, const agt_random *random)
{
    uint64_t seeds[4];
    agt_status status = random->fill(random->ctx, seeds, sizeof(seeds));
    if (status == AGT_OK) {
        tracer->span_seed = seeds[0];
        tracer->trace_seed[0] = seeds[1];
        tracer->trace_seed[1] = seeds[2];
        tracer->made_seed = seeds[3];
    }
    return status;
}

static agt_status allocate(agt_tracer *tracer, const char *service_name)
{
    tracer->service_name =
        agt__strdup(tracer->allocator, service_name != NULL ? service_name : "agent_sdk");
    if (tracer->service_name == NULL) {
        return AGT_E_NOMEM;
    }
    if (tracer->silent) {
        return AGT_OK;
    }
    tracer->blocks = agt__calloc(tracer->allocator, tracer->blocks_max, sizeof(*tracer->blocks));
    tracer->block_memory =
        agt__calloc(tracer->allocator, tracer->blocks_max, sizeof(*tracer->block_memory));
    tracer->next_free =
        agt__calloc(tracer->allocator, tracer->spans_max, sizeof(*tracer->next_free));
    return tracer->blocks != NULL && tracer->block_memory != NULL && tracer->next_free != NULL
               ? AGT_OK
               : AGT_E_NOMEM;
}

agt_status agt__tracer_new(const agt__tracer_config *config, agt_tracer **ret_tracer,
                           agt_error *err)
{
    agt__tracer_config own;
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    if (own.spans_max > SPANS_MAX_LIMIT) {
        return agt__error_set(err, AGT_E_INVALID, "telemetry/tracer",
                              "spans_max is %u; at most %d spans can be kept", own.spans_max,
                              SPANS_MAX_LIMIT);
    }
    agt_tracer *tracer = agt__calloc(own.allocator, 1, sizeof(*tracer));
    if (tracer == NULL) {
        return agt__error_nomem(err, "telemetry/tracer");
    }
    tracer->allocator = own.allocator;
    tracer->clock = own.clock != NULL ? own.clock : agt_clock_get_system();
    tracer->silent = own.silent;
    tracer->spans_max = own.spans_max != 0 ? own.spans_max : SPANS_MAX_DEFAULT;
    tracer->blocks_max = (tracer->spans_max + AGT__SPANS_PER_BLOCK - 1) / AGT__SPANS_PER_BLOCK;
    tracer->kick_at = (tracer->spans_max + 1) / 2;
    tracer->unix_offset_ns =
        (int64_t)(tracer->clock->get_unix_ns(tracer->clock->ctx) - agt__tracer_now_ns(tracer));
    if (allocate(tracer, own.service_name) != AGT_OK) {
        agt__tracer_free(tracer);
        return agt__error_nomem(err, "telemetry/tracer");
    }
    status = seed(tracer, own.random != NULL ? own.random : agt_random_get_system());
    if (status != AGT_OK) {
        agt__tracer_free(tracer);
        return agt__error_set(err, status, "telemetry/tracer",
                              "the source of random bytes gives none: %s",
                              agt_status_get_text(status));
    }
    *ret_tracer = tracer;
    return AGT_OK;
}

void agt__tracer_free(agt_tracer *tracer)
{
    if (tracer == NULL) {
        return;
    }
    for (uint32_t i = 0; tracer->block_memory != NULL && i < tracer->blocks_max; i++) {
        agt__free(tracer->allocator, tracer->block_memory[i]);
    }
    agt__free(tracer->allocator, tracer->next_free);
    agt__free(tracer->allocator, tracer->block_memory);
    agt__free(tracer->allocator, tracer->blocks);
    agt__free(tracer->allocator, tracer->service_name);
    agt__free(tracer->allocator, tracer);
}

uint64_t agt__tracer_get_now_ns(const agt_tracer *tracer)
{
    return agt__tracer_now_ns(tracer);
}

void agt__tracer_set_clock(agt_tracer *tracer, const agt_clock *clock)
{
    tracer->clock = clock;
    tracer->unix_offset_ns =
        (int64_t)(clock->get_unix_ns(clock->ctx) - clock->get_monotonic_ns(clock->ctx));
}

int64_t agt__tracer_get_unix_offset_ns(const agt_tracer *tracer)
{
    return tracer->unix_offset_ns;
}

const char *agt__tracer_get_service_name(const agt_tracer *tracer)
{
    return tracer->service_name;
}

bool agt__tracer_is_silent(const agt_tracer *tracer)
{
    return tracer->silent;
}

agt_status agt_tracer_add_listener(agt_tracer *tracer, const agt_span_listener *listener)
{
    agt_span_listener own;
    if (tracer == NULL || listener == NULL ||
        atomic_load_explicit(&tracer->sequence.value, memory_order_relaxed) != 0) {
        return AGT_E_INVALID;
    }
    agt_status status = agt__config_read(&own, sizeof(own), listener, NULL);
    if (status != AGT_OK) {
        return status;
    }
    if (tracer->listener_count == AGT__SPAN_LISTENERS_MAX) {
        return AGT_E_LIMIT;
    }
    tracer->listeners[tracer->listener_count++] = own;
    return AGT_OK;
}

/* ---- identifiers ------------------------------------------------------------------------------
 */

/* SplitMix64 (Steele, Lea, Flood 2014) of position @at: a bijection, so no two positions meet. */
static uint64_t mix(uint64_t seed_value, uint64_t at)
{
    uint64_t z = seed_value + (at + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Big-endian, so that a seeded run has the same identifiers on every machine. */
static void store_u64(uint8_t bytes[8], uint64_t number)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    }
}

void agt__tracer_fill_span_id(const agt_tracer *tracer, uint64_t sequence, uint8_t ret_span_id[8])
{
    uint64_t id = mix(tracer->span_seed, sequence);
    store_u64(ret_span_id, id != 0 ? id : 1);
}

void agt__tracer_fill_trace_id(const agt_tracer *tracer, uint64_t sequence,
                               uint8_t ret_trace_id[16])
{
    uint64_t low = mix(tracer->trace_seed[1], sequence);
    store_u64(ret_trace_id, mix(tracer->trace_seed[0], sequence));
    store_u64(ret_trace_id + 8, low != 0 ? low : 1);
}

static uint64_t make_id(agt_tracer *tracer)
{
    return mix(tracer->made_seed,
               atomic_fetch_add_explicit(&tracer->made.value, 1, memory_order_relaxed));
}

void agt__tracer_make_trace_id(agt_tracer *tracer, uint8_t ret_trace_id[16])
{
    uint64_t high = make_id(tracer);
    uint64_t low = make_id(tracer);
    store_u64(ret_trace_id, high);
    store_u64(ret_trace_id + 8, low != 0 ? low : 1);
}

void agt__tracer_make_span_id(agt_tracer *tracer, uint8_t ret_span_id[8])
{
    uint64_t id = make_id(tracer);
    store_u64(ret_span_id, id != 0 ? id : 1);
}

/* ---- slots ------------------------------------------------------------------------------------
 */

static agt_span *slot_at(agt_tracer *tracer, uint32_t index)
{
    agt_span *block =
        atomic_load_explicit(&tracer->blocks[index / AGT__SPANS_PER_BLOCK], memory_order_acquire);
    return block + index % AGT__SPANS_PER_BLOCK;
}

/* Put the chain of slots from @first to @last, linked by next_free, on the stack. */
static void push_free(agt_tracer *tracer, uint32_t first, uint32_t last)
{
    uint64_t head = atomic_load_explicit(&tracer->free_head.value, memory_order_relaxed);
    uint64_t wanted;
    do {
        atomic_store_explicit(&tracer->next_free[last], (uint32_t)head, memory_order_relaxed);
        wanted = (head >> 32 << 32) | (first + 1);
    } while (!atomic_compare_exchange_weak_explicit(&tracer->free_head.value, &head, wanted,
                                                    memory_order_release, memory_order_relaxed));
}

/* Index + 1 of a free slot, 0 if there is none. */
static uint32_t pop_free(agt_tracer *tracer)
{
    uint64_t head = atomic_load_explicit(&tracer->free_head.value, memory_order_acquire);
    uint32_t slot;
    uint64_t wanted;
    do {
        slot = (uint32_t)head;
        if (slot == 0) {
            return 0;
        }
        uint32_t next = atomic_load_explicit(&tracer->next_free[slot - 1], memory_order_relaxed);
        wanted = (((head >> 32) + 1) << 32) | next;
    } while (!atomic_compare_exchange_weak_explicit(&tracer->free_head.value, &head, wanted,
                                                    memory_order_acquire, memory_order_acquire));
    return slot;
}

/* Add block number @block: its first slot is the caller's, the others are free.
 * Threads may race for a number: one wins, the others give their memory back and look again.
 * @return index + 1 of the first slot; 0 if the race was lost or there is no memory */
static uint32_t add_block(agt_tracer *tracer, uint32_t block, bool *ret_nomem)
{
    uint32_t first = block * AGT__SPANS_PER_BLOCK;
    uint32_t count = tracer->spans_max - first;
    count = count < AGT__SPANS_PER_BLOCK ? count : AGT__SPANS_PER_BLOCK;
    char *memory = agt__alloc(tracer->allocator, count * sizeof(agt_span) + AGT__CACHE_LINE);
    if (memory == NULL) {
        *ret_nomem = true;
        return 0;
    }
    uintptr_t unaligned = (uintptr_t)memory % AGT__CACHE_LINE;
    agt_span *spans = (agt_span *)(memory + (unaligned != 0 ? AGT__CACHE_LINE - unaligned : 0));
    for (uint32_t i = 0; i < count; i++) {
        spans[i].tracer = tracer;
        spans[i].index = first + i;
        spans[i].is_noted = false;
        atomic_init(&spans[i].end_ns, 0);
    }
    agt_span *none = NULL;
    bool won = atomic_compare_exchange_strong_explicit(&tracer->blocks[block], &none, spans,
                                                       memory_order_acq_rel, memory_order_acquire);
    uint32_t known = block;
    (void)atomic_compare_exchange_strong_explicit(&tracer->block_count, &known, block + 1,
                                                  memory_order_acq_rel, memory_order_relaxed);
    if (!won) {
        agt__free(tracer->allocator, memory);
        return 0;
    }
    tracer->block_memory[block] = memory;
    if (count > 1) {
        for (uint32_t i = 1; i + 1 < count; i++) {
            atomic_store_explicit(&tracer->next_free[first + i], first + i + 2,
                                  memory_order_relaxed);
        }
        push_free(tracer, first + 1, first + count - 1);
    }
    return first + 1;
}

agt_span *agt__tracer_take_slot(agt_tracer *tracer)
{
    uint32_t slot = pop_free(tracer);
    bool nomem = false;
    while (slot == 0 && !nomem) {
        uint32_t block = atomic_load_explicit(&tracer->block_count, memory_order_acquire);
        if (block == tracer->blocks_max) {
            break;
        }
        slot = add_block(tracer, block, &nomem);
        if (slot == 0) {
            slot = pop_free(tracer);
        }
    }
    return slot != 0 ? slot_at(tracer, slot - 1) : NULL;
}

/* ---- ended spans ------------------------------------------------------------------------------
 */

void agt__tracer_watch_start(agt_tracer *tracer)
{
    atomic_store_explicit(&tracer->is_watched, true, memory_order_relaxed);
}

void agt__tracer_tell_start(agt_tracer *tracer)
{
    if (tracer->consumer.wake != NULL &&
        atomic_exchange_explicit(&tracer->is_watched, false, memory_order_relaxed)) {
        tracer->consumer.wake(tracer->consumer.user_data, false);
    }
}

void agt__tracer_set_consumer(agt_tracer *tracer, agt__consumer consumer)
{
    tracer->consumer = consumer;
}

void agt__tracer_kick(agt_tracer *tracer)
{
    if (tracer->consumer.wake != NULL &&
        !atomic_exchange_explicit(&tracer->kicked, true, memory_order_relaxed)) {
        tracer->consumer.wake(tracer->consumer.user_data, true);
    }
}

static void tell_consumer(agt_tracer *tracer, uint32_t count)
{
    if (count == tracer->kick_at) {
        agt__tracer_kick(tracer);
    } else if (tracer->consumer.wake != NULL) {
        tracer->consumer.wake(tracer->consumer.user_data, false);
    }
}

void agt__tracer_push_ended(agt_tracer *tracer, agt_span *span)
{
    uint64_t head = atomic_load_explicit(&tracer->ended_head.value, memory_order_relaxed);
    uint64_t wanted;
    do {
        span->next = (uint32_t)head;
        wanted = (((head >> 32) + 1) << 32) | (span->index + 1);
    } while (!atomic_compare_exchange_weak_explicit(&tracer->ended_head.value, &head, wanted,
                                                    memory_order_release, memory_order_relaxed));
    uint32_t count = (uint32_t)(wanted >> 32);
    if (count == 1 || count == tracer->kick_at) {
        tell_consumer(tracer, count);
    }
}

agt_span *agt__tracer_take_ended(agt_tracer *tracer)
{
    atomic_store_explicit(&tracer->kicked, false, memory_order_relaxed);
    if (atomic_load_explicit(&tracer->ended_head.value, memory_order_relaxed) == 0) {
        return NULL;
    }
    uint64_t head = atomic_exchange_explicit(&tracer->ended_head.value, 0, memory_order_acquire);
    uint32_t newest = (uint32_t)head;
    uint32_t older_done = 0; /* turn the list round: oldest first */
    while (newest != 0) {
        agt_span *span = slot_at(tracer, newest - 1);
        uint32_t older = span->next;
        span->next = older_done;
        older_done = newest;
        newest = older;
    }
    return older_done != 0 ? slot_at(tracer, older_done - 1) : NULL;
}

agt_span *agt__span_get_next(const agt_span *span)
{
    return span->next != 0 ? slot_at(span->tracer, span->next - 1) : NULL;
}

agt_span *agt__span_cut(agt_span *span)
{
    agt_span *rest = agt__span_get_next(span);
    span->next = 0;
    return rest;
}

void agt__tracer_recycle(agt_tracer *tracer, agt_span *spans, bool exported)
{
    if (spans == NULL) {
        return;
    }
    uint64_t count = 0;
    agt_span *last = spans;
    for (agt_span *span = spans; span != NULL; span = agt__span_get_next(span)) {
        atomic_store_explicit(&tracer->next_free[span->index], span->next, memory_order_relaxed);
        span->is_noted = false;
        count++;
        last = span;
    }
    /* Counted first: who finds a slot free finds the span that was in it counted. */
    atomic_fetch_add_explicit(exported ? &tracer->exported.value : &tracer->dropped.value, count,
                              memory_order_release);
    push_free(tracer, spans->index, last->index);
}

agt_span *agt__tracer_next_open(agt_tracer *tracer, uint32_t *cursor)
{
    uint32_t blocks = atomic_load_explicit(&tracer->block_count, memory_order_acquire);
    uint32_t slots = blocks * AGT__SPANS_PER_BLOCK;
    slots = slots < tracer->spans_max ? slots : tracer->spans_max;
    while (*cursor < slots) {
        agt_span *span = slot_at(tracer, (*cursor)++);
        if (atomic_load_explicit(&span->end_ns, memory_order_acquire) == AGT__SPAN_OPEN &&
            !span->is_noted) {
            return span;
        }
    }
    return NULL;
}

void agt__span_note(agt_span *span)
{
    span->is_noted = true;
}

bool agt__span_is_noted(const agt_span *span)
{
    return span->is_noted;
}

void agt_tracer_get_counts(const agt_tracer *tracer, agt_tracer_counts *ret_counts)
{
    agt_tracer_counts counts = {.struct_size = sizeof(counts)};
    bool moved = tracer != NULL;
    for (int i = 0; moved && i < LOOKS_MAX; i++) {
        /* `created` last: each span that is counted as gone was created before. Looking again tells
         * whether the three belong together. */
        counts.exported = atomic_load_explicit(&tracer->exported.value, memory_order_acquire);
        counts.dropped = atomic_load_explicit(&tracer->dropped.value, memory_order_acquire);
        counts.created = atomic_load_explicit(&tracer->sequence.value, memory_order_acquire);
        counts.queued = counts.created - counts.exported - counts.dropped;
        moved =
            counts.exported !=
                atomic_load_explicit(&tracer->exported.value, memory_order_relaxed) ||
            counts.dropped != atomic_load_explicit(&tracer->dropped.value, memory_order_relaxed);
    }
    agt__report_write(ret_counts, &counts, sizeof(counts));
}
