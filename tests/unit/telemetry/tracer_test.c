/*
 * The tracer: slots and their limit, the queue of ended spans, identifiers, counts, threads.
 */
#include "telemetry/tracer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/test.h"
#include "support/torture.h"

/* ---- help -------------------------------------------------------------------------------------
 */

static agt_status fill_seeded(void *ctx, void *bytes, size_t size)
{
    agt__prng *prng = ctx;
    unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        at[i] = (unsigned char)agt__prng_next(prng);
    }
    return AGT_OK;
}

static agt_tracer *make_tracer(const agt_allocator *allocator, uint32_t spans_max)
{
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .allocator = allocator, .spans_max = spans_max);
    agt_tracer *tracer = NULL;
    assert_int_equal(agt__tracer_new(&config, &tracer, NULL), AGT_OK);
    return tracer;
}

static agt_span *start(agt_tracer *tracer, const char *name)
{
    return agt_tracer_start_span(tracer, name, AGT_SPAN_INTERNAL, NULL, 0);
}

static void check_counts(const agt_tracer *tracer, uint64_t created, uint64_t exported,
                         uint64_t dropped, uint64_t queued)
{
    agt_tracer_counts counts = AGT_CONFIG(agt_tracer_counts, 0);
    agt_tracer_get_counts(tracer, &counts);
    assert_int_equal(counts.created, created);
    assert_int_equal(counts.exported, exported);
    assert_int_equal(counts.dropped, dropped);
    assert_int_equal(counts.queued, queued);
}

/* ---- one thread -------------------------------------------------------------------------------
 */

static void test_what_ended_comes_out_oldest_first(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_tracer *tracer = make_tracer(&heap.allocator, 0);
    assert_null(agt__tracer_take_ended(tracer));

    agt_span *open = start(tracer, "open");
    char name[2] = "a";
    for (int i = 0; i < 3; i++, name[0]++) {
        assert_null(agt_span_end(start(tracer, name)));
    }
    check_counts(tracer, 4, 0, 0, 4);

    agt_span *list = agt__tracer_take_ended(tracer);
    name[0] = 'a';
    for (agt_span *span = list; span != NULL; span = agt__span_get_next(span), name[0]++) {
        assert_string_equal(agt_span_get_name(span), name);
    }
    assert_int_equal(name[0], 'd');
    assert_null(agt__tracer_take_ended(tracer));
    check_counts(tracer, 4, 0, 0, 4);
    agt__tracer_recycle(tracer, list, true);
    check_counts(tracer, 4, 3, 0, 1);

    assert_null(agt_span_end(open));
    agt__tracer_recycle(tracer, agt__tracer_take_ended(tracer), false);
    check_counts(tracer, 4, 3, 1, 0);
    agt__tracer_recycle(tracer, NULL, true);
    check_counts(tracer, 4, 3, 1, 0);
    agt__tracer_free(tracer);
    agt_test_heap_deinit(&heap);
}

/* How often a consumer was woken. */
typedef struct wakes {
    int first, urgent;
} wakes;

static void count_wake(void *user_data, bool urgent)
{
    wakes *counted = user_data;
    (*(urgent ? &counted->urgent : &counted->first))++;
}

static void test_the_limit(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    enum {
        MAX = 100 /* no multiple of a block */
    };
    wakes counted = {0, 0};
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .allocator = &heap.allocator, .spans_max = MAX);
    agt_tracer *tracer = NULL;
    assert_int_equal(agt__tracer_new(&config, &tracer, NULL), AGT_OK);
    agt__tracer_set_consumer(tracer, (agt__consumer){count_wake, &counted});

    for (int round = 0; round < 3; round++) {
        agt_span *spans[MAX];
        for (int i = 0; i < MAX; i++) {
            spans[i] = start(tracer, "span");
            assert_non_null(spans[i]);
        }
        assert_int_equal(counted.urgent, 2 * round);
        assert_null(start(tracer, "one too many"));
        assert_null(start(tracer, "two too many"));
        assert_int_equal(counted.urgent, 2 * round + 1); /* once until somebody comes */
        assert_null(agt__tracer_take_ended(tracer));
        for (int i = 0; i < MAX; i++) {
            assert_null(agt_span_end(spans[i]));
            assert_int_equal(counted.urgent, 2 * round + (i + 1 < MAX / 2 ? 1 : 2));
            assert_int_equal(counted.first, round + 1); /* by the first one that ended */
        }
        agt__tracer_recycle(tracer, agt__tracer_take_ended(tracer), true);
        uint64_t rounds = (uint64_t)round + 1;
        check_counts(tracer, rounds * (MAX + 2), rounds * MAX, rounds * 2, 0);
    }
    /* Blocks are kept: the second and third round took no memory. */
    uint64_t calls = heap.calls;
    agt_span *span = start(tracer, "again");
    assert_null(agt_span_end(span));
    assert_int_equal(heap.calls, calls);
    agt__tracer_free(tracer);
    agt_test_heap_deinit(&heap);
}

static void test_a_tracer_of_one_span(void **state)
{
    (void)state;
    agt_tracer *tracer = make_tracer(NULL, 1);
    for (uint64_t i = 1; i <= 3; i++) {
        agt_span *span = start(tracer, "one");
        assert_non_null(span);
        assert_null(start(tracer, "two"));
        assert_null(agt_span_end(span));
        assert_null(start(tracer, "still queued"));
        agt__tracer_recycle(tracer, agt__tracer_take_ended(tracer), true);
        check_counts(tracer, 3 * i, i, 2 * i, 0);
    }
    agt__tracer_free(tracer);
}

static void test_silent(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .allocator = &heap.allocator, .silent = true);
    agt_tracer *tracer = NULL;
    assert_int_equal(agt__tracer_new(&config, &tracer, NULL), AGT_OK);
    assert_true(agt__tracer_is_silent(tracer));
    assert_null(start(tracer, "unheard"));
    assert_null(agt_tracer_trace_agent(tracer, "unheard", NULL, 0));
    assert_null(agt__tracer_take_ended(tracer));
    check_counts(tracer, 0, 0, 0, 0);
    uint8_t id[16] = {0};
    agt__tracer_make_trace_id(tracer, id); /* a run has one all the same */
    assert_true(id[0] + id[5] + id[15] > 0);
    agt__tracer_free(tracer);
    agt_test_heap_deinit(&heap);
}

static void test_without_a_tracer(void **state)
{
    (void)state;
    assert_null(start(NULL, "nothing"));
    assert_null(agt_tracer_trace_agent(NULL, "nothing", NULL, 0));
    agt_tracer_counts counts = AGT_CONFIG(agt_tracer_counts, .created = 5);
    agt_tracer_get_counts(NULL, &counts);
    assert_int_equal(counts.created, 0);
    agt_tracer_get_counts(NULL, NULL);
    agt__tracer_free(NULL);
    assert_int_equal(agt_tracer_add_listener(NULL, NULL), AGT_E_INVALID);
}

static void test_bad_configurations(void **state)
{
    (void)state;
    agt_error err;
    agt_tracer *tracer = NULL;
    agt__tracer_config config = {0};
    assert_int_equal(agt__tracer_new(&config, &tracer, &err), AGT_E_INVALID);
    config = AGT_CONFIG(agt__tracer_config, .spans_max = UINT32_MAX);
    assert_int_equal(agt__tracer_new(&config, &tracer, &err), AGT_E_INVALID);
    assert_non_null(strstr(err.message, "4294967295"));
    assert_null(tracer);
}

static agt_status fill_never(void *ctx, void *bytes, size_t size)
{
    (void)ctx;
    (void)bytes;
    (void)size;
    return AGT_E_IO;
}

static void test_no_random_bytes(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    const agt_random random = {fill_never, NULL};
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .allocator = &heap.allocator, .random = &random);
    agt_tracer *tracer = NULL;
    agt_error err;
    assert_int_equal(agt__tracer_new(&config, &tracer, &err), AGT_E_IO);
    assert_non_null(strstr(err.message, "random"));
    agt_test_heap_deinit(&heap);
}

static uint64_t get_noon(void *ctx)
{
    return *(uint64_t *)ctx;
}

static uint64_t get_unix_noon(void *ctx)
{
    return *(uint64_t *)ctx + UINT64_C(1700000000000000000);
}

static void test_names_and_times(void **state)
{
    (void)state;
    uint64_t now = 42;
    const agt_clock clock = {get_noon, get_unix_noon, &now};
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .clock = &clock, .service_name = "kitchen");
    agt_tracer *tracer = NULL;
    assert_int_equal(agt__tracer_new(&config, &tracer, NULL), AGT_OK);
    assert_string_equal(agt__tracer_get_service_name(tracer), "kitchen");
    assert_int_equal(agt__tracer_get_unix_offset_ns(tracer), 1700000000000000000);
    now = 50;
    agt_span *span = start(tracer, "span");
    assert_int_equal(agt_span_get_start_ns(span), 50);
    now = 60;
    assert_null(agt_span_end(span));
    span = agt__tracer_take_ended(tracer);
    assert_int_equal(agt_span_get_end_ns(span), 60);
    agt__tracer_free(tracer);
}

/* ---- identifiers ------------------------------------------------------------------------------
 */

enum {
    IDS = 200
};

static void make_ids(uint64_t seed, agt_span_context contexts[IDS])
{
    agt__prng prng;
    agt__prng_seed(&prng, seed);
    const agt_random random = {fill_seeded, &prng};
    agt__tracer_config config = AGT_CONFIG(agt__tracer_config, .random = &random);
    agt_tracer *tracer = NULL;
    assert_int_equal(agt__tracer_new(&config, &tracer, NULL), AGT_OK);
    for (int i = 0; i < IDS; i++) {
        if (i % 2 == 0) {
            agt_span *span = start(tracer, "span");
            contexts[i] = agt_span_get_context(span);
            assert_null(agt_span_end(span));
        } else {
            contexts[i].flags = 1;
            memset(contexts[i].reserved, 0, sizeof(contexts[i].reserved));
            agt__tracer_make_trace_id(tracer, contexts[i].trace_id);
            agt__tracer_make_span_id(tracer, contexts[i].span_id);
        }
    }
    agt__tracer_free(tracer);
}

static void test_a_seed_repeats_the_identifiers(void **state)
{
    (void)state;
    static agt_span_context first[IDS], second[IDS], other[IDS];
    make_ids(1, first);
    make_ids(1, second);
    make_ids(2, other);
    assert_memory_equal(first, second, sizeof(first));
    for (int i = 0; i < IDS; i++) {
        assert_true(agt_span_context_is_valid(&first[i]));
        for (int j = 0; j < IDS; j++) {
            assert_memory_not_equal(first[i].trace_id, other[j].trace_id, 16);
            if (i != j) {
                assert_memory_not_equal(first[i].trace_id, first[j].trace_id, 16);
                assert_memory_not_equal(first[i].span_id, first[j].span_id, 8);
            }
        }
    }
}

/* ---- listeners --------------------------------------------------------------------------------
 */

typedef struct seen {
    int started, ended;
    char agent[32];
    uint64_t end_ns;
} seen;

static void see_start(void *user_data, const agt_span *span)
{
    seen *own = user_data;
    own->started++;
    const char *agent = agt_span_get_text(span, "gen_ai.agent.name");
    memcpy(own->agent, agent, strnlen(agent, sizeof(own->agent) - 1) + 1);
    assert_int_equal(agt_span_get_end_ns(span), 0);
}

static void see_end(void *user_data, const agt_span *span)
{
    seen *own = user_data;
    own->ended++;
    own->end_ns = agt_span_get_end_ns(span);
}

static void test_listeners(void **state)
{
    (void)state;
    agt_tracer *tracer = make_tracer(NULL, 0);
    seen seen_by[8] = {{.started = 0}};
    for (int i = 0; i < 8; i++) {
        agt_span_listener listener =
            AGT_CONFIG(agt_span_listener, .user_data = &seen_by[i],
                       .on_start = i != 1 ? see_start : NULL, .on_end = i != 2 ? see_end : NULL);
        assert_int_equal(agt_tracer_add_listener(tracer, &listener), AGT_OK);
    }
    agt_span_listener listener = AGT_CONFIG(agt_span_listener, .on_start = see_start);
    assert_int_equal(agt_tracer_add_listener(tracer, &listener), AGT_E_LIMIT);
    listener.struct_size = 0;
    assert_int_equal(agt_tracer_add_listener(tracer, &listener), AGT_E_INVALID);
    assert_int_equal(agt_tracer_add_listener(tracer, NULL), AGT_E_INVALID);

    agt_span *span = agt_tracer_trace_agent(tracer, "cook", NULL, 0);
    assert_string_equal(seen_by[0].agent, "cook");
    assert_null(agt_span_end(span));
    const agt__attribute attribute = {
        .key = "gen_ai.agent.name", .kind = AGT__ATTRIBUTE_TEXT, .text = "baker", .length = 5};
    span = agt__tracer_start_span(tracer, "span", AGT_SPAN_CLIENT, NULL, 7, &attribute, 1);
    assert_string_equal(seen_by[7].agent, "baker");
    assert_null(agt_span_end_at(span, 9));
    assert_null(agt_span_end(start(tracer, "third")));
    for (int i = 0; i < 8; i++) {
        assert_int_equal(seen_by[i].started, i != 1 ? 3 : 0);
        assert_int_equal(seen_by[i].ended, i != 2 ? 3 : 0);
    }
    listener = AGT_CONFIG(agt_span_listener, .on_start = see_start);
    assert_int_equal(agt_tracer_add_listener(tracer, &listener), AGT_E_INVALID);
    agt__tracer_free(tracer);
}

/* ---- out of memory ----------------------------------------------------------------------------
 */

static void use_tracer(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .allocator = allocator, .spans_max = 1000);
    agt_tracer *tracer = NULL;
    agt_status status = agt__tracer_new(&config, &tracer, NULL);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        return;
    }
    uint64_t recorded = 0;
    for (int i = 0; i < 200; i++) {
        agt_span *span = start(tracer, "span"); /* NULL is counted, and no failure */
        recorded += span != NULL;
        assert_null(agt_span_end(span));
    }
    assert_true(recorded == 200 || agt_test_heap_of(allocator)->failures > 0);
    check_counts(tracer, 200, 0, 200 - recorded, recorded);
    agt__tracer_free(tracer);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(use_tracer, NULL);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

enum {
    PRODUCERS = 4,
    SPANS_EACH = 3000
};

typedef struct crowd_state {
    agt_tracer *tracer;
    _Atomic int running;
    _Atomic uint64_t refused;
} crowd_state;

typedef struct producer {
    crowd_state *crowd;
    int64_t number;
} producer;

static void *produce(void *arg)
{
    const producer *own = arg;
    agt_span_context parent = {.trace_id = {1}, .span_id = {1}, .flags = 1};
    for (int64_t i = 0; i < SPANS_EACH; i++) {
        agt_span *span =
            agt_tracer_start_span(own->crowd->tracer, "span", AGT_SPAN_CLIENT, &parent, 0);
        agt_span_set_int(span, "producer", own->number);
        agt_span_set_int(span, "number", i);
        atomic_fetch_add(&own->crowd->refused, span == NULL);
        (void)agt_span_end(span);
    }
    atomic_fetch_sub(&own->crowd->running, 1);
    return NULL;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static void test_threads(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    crowd_state crowd = {.tracer = make_tracer(&heap.allocator, 300), .running = PRODUCERS};
    pthread_t threads[PRODUCERS];
    producer producers[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (producer){&crowd, i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    static uint64_t ids[PRODUCERS * SPANS_EACH];
    size_t count = 0;
    int64_t next[PRODUCERS] = {0};
    bool last_look = false;
    while (!last_look) {
        last_look = atomic_load(&crowd.running) == 0;
        agt_span *list = agt__tracer_take_ended(crowd.tracer);
        for (agt_span *span = list; span != NULL; span = agt__span_get_next(span)) {
            int64_t producer_number = agt_span_get_int(span, "producer", -1);
            int64_t number = agt_span_get_int(span, "number", -1);
            assert_in_range(producer_number, 0, PRODUCERS - 1);
            assert_true(number >= next[producer_number]); /* those of a thread stay in order */
            next[producer_number] = number + 1;
            agt_span_context context = agt_span_get_context(span);
            memcpy(&ids[count++], context.span_id, sizeof(ids[0]));
        }
        agt__tracer_recycle(crowd.tracer, list, count % 2 == 0);

        agt_tracer_counts counts = AGT_CONFIG(agt_tracer_counts, 0);
        agt_tracer_get_counts(crowd.tracer, &counts);
        assert_int_equal(counts.created, counts.exported + counts.dropped + counts.queued);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(count + atomic_load(&crowd.refused), PRODUCERS * SPANS_EACH);
    qsort(ids, count, sizeof(ids[0]), compare_u64);
    for (size_t i = 1; i < count; i++) {
        assert_true(ids[i - 1] != ids[i]);
    }
    agt_tracer_counts counts = AGT_CONFIG(agt_tracer_counts, 0);
    agt_tracer_get_counts(crowd.tracer, &counts);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(counts.created, PRODUCERS * SPANS_EACH);
    agt__tracer_free(crowd.tracer);
    agt_test_heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_ended_comes_out_oldest_first),
        cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_a_tracer_of_one_span),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_without_a_tracer),
        cmocka_unit_test(test_bad_configurations),
        cmocka_unit_test(test_no_random_bytes),
        cmocka_unit_test(test_names_and_times),
        cmocka_unit_test(test_a_seed_repeats_the_identifiers),
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
