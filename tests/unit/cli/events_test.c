/*
 * events_test.c - spans that start and end on many threads arrive at one, each once, in the order
 * of each thread; what does not fit is counted.
 */
#include "cli/events.h"

#include "agent_sdk/runtime.h"
#include "support/test.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

enum {
    THREADS = 4,
    SPANS = 500
};

typedef struct fixture {
    agt_runtime *runtime;
    agt_tracer *tracer;
    cli_events *events;
} fixture;

static void fixture_init(fixture *self)
{
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .simulated = true);
    assert_int_equal(agt_runtime_new(&config, &self->runtime, NULL), AGT_OK);
    self->tracer = agt_runtime_get_tracer(self->runtime);
    self->events = cli_events_new(agt_clock_get_system());
    assert_non_null(self->events);
    agt_span_listener listener = cli_events_get_listener(self->events);
    assert_int_equal(agt_tracer_add_listener(self->tracer, &listener), AGT_OK);
}

static void fixture_deinit(fixture *self)
{
    agt_runtime_free(self->runtime);
    cli_events_free(self->events);
}

static bool is_readable(const fixture *self)
{
    struct pollfd file = {.fd = cli_events_get_file(self->events), .events = POLLIN};
    return poll(&file, 1, 0) == 1;
}

static void what_a_span_is_about(void **state)
{
    (void)state;
    fixture f;
    cli_event event;
    fixture_init(&f);
    assert_false(is_readable(&f));
    assert_false(cli_events_take(f.events, &event));
    agt_span *span = agt_tracer_start_span(f.tracer, "execute_tool ls", AGT_SPAN_INTERNAL, NULL, 0);
    agt_span_set_text(span, "agent_sdk.outcome", "timeout");
    agt_span_set_error(span, "timeout", "too slow");
    agt_span_set_int(span, "agent_sdk.cost_nanousd", 7);
    agt_span_set_bool(span, "agent_sdk.simulated", true);
    agt_span_context context = agt_span_get_context(span);
    (void)agt_span_end(span);
    span = agt_tracer_start_span(f.tracer, "chat gpt", AGT_SPAN_CLIENT, &context, 0);
    agt_span_set_int(span, "gen_ai.usage.input_tokens", 12);
    (void)agt_span_end(span);
    (void)agt_span_end(
        agt_tracer_start_span(f.tracer, "invoke_agent lead", AGT_SPAN_INTERNAL, NULL, 0));
    (void)agt_span_end(agt_tracer_start_span(f.tracer, "step 1", AGT_SPAN_INTERNAL, NULL, 0));

    assert_true(is_readable(&f));
    assert_true(cli_events_take(f.events, &event));
    assert_false(event.is_end);
    assert_int_equal(event.subject, CLI_SUBJECT_TOOL);
    assert_string_equal(event.what, "ls");
    assert_true(cli_events_take(f.events, &event));
    assert_true(event.is_end);
    assert_true(event.is_error);
    assert_true(event.is_simulated);
    assert_string_equal(event.outcome, "timeout");
    assert_string_equal(event.error_type, "timeout");
    assert_int_equal(event.cost_nanousd, 7);
    assert_int_equal(event.input_tokens, -1);
    assert_true(cli_events_take(f.events, &event));
    assert_int_equal(event.subject, CLI_SUBJECT_MODEL);
    assert_memory_equal(event.parent.span_id, context.span_id, sizeof(context.span_id));
    assert_true(cli_events_take(f.events, &event));
    assert_int_equal(event.input_tokens, 12);
    assert_int_equal(event.output_tokens, -1);
    assert_true(cli_events_take(f.events, &event));
    assert_int_equal(event.subject, CLI_SUBJECT_AGENT);
    assert_string_equal(event.what, "lead");
    assert_true(cli_events_take(f.events, &event));
    assert_true(cli_events_take(f.events, &event));
    assert_int_equal(event.subject, CLI_SUBJECT_OTHER);
    assert_string_equal(event.what, "step 1");
    assert_true(cli_events_take(f.events, &event));
    assert_false(cli_events_take(f.events, &event));
    assert_false(is_readable(&f));
    fixture_deinit(&f);
}

static void *make_spans(void *user_data)
{
    fixture *f = user_data;
    for (int i = 0; i < SPANS; i++) {
        agt_span *span = agt_tracer_start_span(f->tracer, "x", AGT_SPAN_INTERNAL, NULL, 0);
        (void)agt_span_end(span);
    }
    return NULL;
}

static void many_threads_lose_nothing(void **state)
{
    (void)state;
    fixture f;
    pthread_t threads[THREADS];
    fixture_init(&f);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_spans, &f), 0);
    }
    size_t starts = 0, ends = 0;
    for (bool is_over = false; !is_over;) {
        struct pollfd file = {.fd = cli_events_get_file(f.events), .events = POLLIN};
        assert_int_equal(poll(&file, 1, 60000), 1);
        cli_event event;
        while (cli_events_take(f.events, &event)) {
            starts += !event.is_end;
            ends += event.is_end;
        }
        is_over = ends == (size_t)THREADS * SPANS;
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(starts, ends);
    assert_int_equal(cli_events_get_dropped(f.events), 0);
    fixture_deinit(&f);
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    enum {
        KEPT = 64 * 1024,
        PAIRS = KEPT / 2 + 10
    };
    fixture f;
    cli_event event;
    size_t kept = 0;
    fixture_init(&f);
    for (int i = 0; i < PAIRS; i++) {
        agt_span *span = agt_tracer_start_span(f.tracer, "x", AGT_SPAN_INTERNAL, NULL, 0);
        assert_non_null(span);
        (void)agt_span_end(span);
        if (i % 1000 == 999) {
            assert_int_equal(agt_runtime_flush(f.runtime, 1000, NULL), AGT_OK);
        }
    }
    while (cli_events_take(f.events, &event)) {
        kept++;
    }
    assert_int_equal(kept, KEPT);
    assert_int_equal(cli_events_get_dropped(f.events), 20);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_span_is_about),
        cmocka_unit_test(many_threads_lose_nothing),
        cmocka_unit_test(what_does_not_fit_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
