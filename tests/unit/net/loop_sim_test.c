/*
 * The simulated loop: the order of things, virtual time, nested pumping.
 */
#include "net/loop.h"

#include "support/test.h"
#include "support/torture.h"

#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

typedef struct sim {
    agt_test_heap heap;
    agt__loop *loop;
    char log[200]; /* one character per thing that happened */
    size_t length;
    bool is_done;
} sim;

static void set_up(sim *test)
{
    memset(test, 0, sizeof(*test));
    agt_test_heap_init(&test->heap);
    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .allocator = &test->heap.allocator, .simulated = true);
    assert_int_equal(agt__loop_new(&config, &test->loop, NULL), AGT_OK);
}

static void tear_down(sim *test)
{
    agt__loop_free(test->loop);
    agt_test_heap_deinit(&test->heap);
}

static bool is_done(void *ctx)
{
    return ((sim *)ctx)->is_done;
}

static bool is_never(void *ctx)
{
    (void)ctx;
    return false;
}

static agt_status pump_until(sim *test, uint64_t until_ns)
{
    return agt__loop_pump(test->loop, is_done, test, until_ns);
}

static void note(sim *test, char c)
{
    assert_true(agt__loop_is_current(test->loop));
    assert_true(test->length < sizeof(test->log) - 1);
    test->log[test->length++] = c;
}

typedef struct actor {
    agt__job job;
    agt__timer timer;
    sim *test;
    char name;
    struct actor *posts;  /* posted by the job, or by the timer */
    struct actor *starts; /* started at once by the job, or by the timer */
} actor;

static void act(actor *self)
{
    note(self->test, self->name);
    if (self->posts != NULL) {
        agt__loop_post(self->test->loop, &self->posts->job);
    }
    if (self->starts != NULL) {
        uint64_t now_ns = agt__loop_now_ns(self->test->loop);
        assert_int_equal(agt__loop_timer_start(self->test->loop, &self->starts->timer, now_ns),
                         AGT_OK);
    }
}

static void on_job(agt__job *job)
{
    act((actor *)job);
}

static void on_timer(agt__timer *timer)
{
    act((actor *)((char *)timer - offsetof(actor, timer)));
}

static actor make(sim *test, char name)
{
    return (actor){.job.run = on_job, .timer.fire = on_timer, .test = test, .name = name};
}

static void time_starts_where_the_config_says(void **state)
{
    (void)state;
    sim test;
    set_up(&test);
    assert_true(agt__loop_is_simulated(test.loop));
    assert_null(agt__loop_get_io(test.loop));
    assert_int_equal(agt__loop_now_ns(test.loop), SECOND);
    assert_int_equal(agt__loop_unix_ns(test.loop), 1767225600 * SECOND);
    tear_down(&test);

    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .simulated = true, .start_ns = 5, .start_unix_ns = 7);
    assert_int_equal(agt__loop_new(&config, &test.loop, NULL), AGT_OK);
    assert_int_equal(agt__loop_pump(test.loop, is_never, NULL, 25), AGT_E_BUSY);
    assert_int_equal(agt__loop_now_ns(test.loop), 5);
    actor a = make(&test, 'a');
    assert_int_equal(agt__loop_timer_start(test.loop, &a.timer, 100), AGT_OK);
    assert_int_equal(agt__loop_pump(test.loop, is_never, NULL, 25), AGT_E_TIMEOUT);
    const agt_clock *clock = agt__loop_get_clock(test.loop);
    assert_int_equal(clock->get_monotonic_ns(clock->ctx), 25);
    assert_int_equal(clock->get_unix_ns(clock->ctx), 27);
    /* Time never goes back. */
    assert_int_equal(agt__loop_pump(test.loop, is_never, NULL, 3), AGT_E_TIMEOUT);
    assert_int_equal(agt__loop_now_ns(test.loop), 25);
    agt__loop_free(test.loop);
}

static void jobs_run_in_the_order_of_posting(void **state)
{
    (void)state;
    sim test;
    set_up(&test);
    actor a = make(&test, 'a'), b = make(&test, 'b'), c = make(&test, 'c');
    a.posts = &c;
    agt__loop_post(test.loop, &a.job);
    agt__loop_post(test.loop, &b.job);
    assert_false(agt__loop_is_current(test.loop));
    assert_int_equal(pump_until(&test, UINT64_MAX), AGT_E_BUSY);
    assert_string_equal(test.log, "abc");
    tear_down(&test);
}

static void time_jumps_from_timer_to_timer(void **state)
{
    (void)state;
    sim test;
    set_up(&test);
    actor a = make(&test, 'a'), b = make(&test, 'b'), c = make(&test, 'c'), d = make(&test, 'd');
    uint64_t hour_ns = 3600 * SECOND;
    assert_int_equal(agt__loop_timer_start(test.loop, &b.timer, 2 * hour_ns), AGT_OK);
    assert_int_equal(agt__loop_timer_start(test.loop, &a.timer, hour_ns), AGT_OK);
    assert_int_equal(agt__loop_timer_start(test.loop, &c.timer, 2 * hour_ns), AGT_OK);
    assert_int_equal(agt__loop_timer_start(test.loop, &d.timer, 2 * hour_ns), AGT_OK);
    agt__loop_timer_stop(test.loop, &d.timer);
    assert_int_equal(pump_until(&test, hour_ns), AGT_E_TIMEOUT);
    assert_string_equal(test.log, "a");
    assert_int_equal(agt__loop_now_ns(test.loop), hour_ns);
    assert_int_equal(pump_until(&test, UINT64_MAX), AGT_E_BUSY);
    assert_string_equal(test.log, "abc");
    assert_int_equal(agt__loop_now_ns(test.loop), 2 * hour_ns);
    tear_down(&test);
}

static bool has_eight_notes(void *ctx)
{
    return ((sim *)ctx)->length >= 8;
}

static void timers_and_jobs_of_one_moment_take_turns(void **state)
{
    (void)state;
    sim test;
    set_up(&test);
    actor timer = make(&test, 't'), job = make(&test, 'j');
    timer.starts = &timer;
    job.posts = &job;
    agt__loop_post(test.loop, &job.job);
    assert_int_equal(agt__loop_timer_start(test.loop, &timer.timer, 0), AGT_OK);
    assert_int_equal(agt__loop_pump(test.loop, has_eight_notes, &test, UINT64_MAX), AGT_OK);
    assert_string_equal(test.log, "tjtjtjtj");
    assert_int_equal(agt__loop_now_ns(test.loop), SECOND);
    agt__loop_timer_stop(test.loop, &timer.timer);
    job.posts = NULL;
    tear_down(&test);
}

static void finish(agt__job *job)
{
    actor *self = (actor *)job;
    note(self->test, self->name);
    self->test->is_done = true;
}

static void pumping_ends_as_soon_as_it_is_done(void **state)
{
    (void)state;
    sim test;
    set_up(&test);
    actor a = make(&test, 'a'), b = make(&test, 'b'), c = make(&test, 'c');
    b.job.run = finish;
    agt__loop_post(test.loop, &a.job);
    agt__loop_post(test.loop, &b.job);
    agt__loop_post(test.loop, &c.job);
    assert_int_equal(pump_until(&test, UINT64_MAX), AGT_OK);
    assert_string_equal(test.log, "ab");
    assert_int_equal(pump_until(&test, UINT64_MAX), AGT_OK); /* done already: nothing runs */
    assert_string_equal(test.log, "ab");
    test.is_done = false;
    assert_int_equal(pump_until(&test, UINT64_MAX), AGT_E_BUSY);
    assert_string_equal(test.log, "abc");
    tear_down(&test);
}

/* A job that waits for another one, as a blocking call inside a simulated runtime does. */
static void wait_inside(agt__job *job)
{
    actor *self = (actor *)job;
    note(self->test, '(');
    assert_int_equal(agt__loop_pump(self->test->loop, is_done, self->test, UINT64_MAX), AGT_OK);
    note(self->test, ')');
    assert_true(agt__loop_is_current(self->test->loop));
}

static void pumping_nests(void **state)
{
    (void)state;
    sim test;
    set_up(&test);
    actor outer = make(&test, 'o'), a = make(&test, 'a'), b = make(&test, 'b');
    actor late = make(&test, 'l');
    outer.job.run = wait_inside;
    b.job.run = finish;
    agt__loop_post(test.loop, &outer.job);
    agt__loop_post(test.loop, &a.job); /* in the batch that the outer pump has taken already */
    agt__loop_post(test.loop, &b.job);
    agt__loop_post(test.loop, &late.job);
    assert_int_equal(agt__loop_pump(test.loop, is_never, NULL, UINT64_MAX), AGT_E_BUSY);
    assert_string_equal(test.log, "(ab)l");
    assert_false(agt__loop_is_current(test.loop));
    tear_down(&test);
}

static void what_was_posted_runs_before_the_end(void **state)
{
    (void)state;
    sim test;
    set_up(&test);
    actor a = make(&test, 'a'), b = make(&test, 'b'), c = make(&test, 'c');
    a.job.run = finish;
    b.posts = &c;
    agt__loop_post(test.loop, &a.job);
    agt__loop_post(test.loop, &b.job);
    assert_int_equal(agt__loop_timer_start(test.loop, &c.timer, UINT64_MAX), AGT_OK);
    assert_int_equal(pump_until(&test, UINT64_MAX), AGT_OK);
    assert_string_equal(test.log, "a");
    tear_down(&test);
    assert_string_equal(test.log, "abc");
}

static void use_loop(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    sim test = {0};
    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .allocator = allocator, .simulated = true);
    if (agt__loop_new(&config, &test.loop, NULL) != AGT_OK) {
        return;
    }
    static actor actors[100];
    for (size_t i = 0; i < 100; i++) {
        actors[i] = make(&test, 't');
        agt_status status = agt__loop_timer_start(test.loop, &actors[i].timer, SECOND * i);
        assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    }
    assert_int_equal(agt__loop_pump(test.loop, is_never, NULL, UINT64_MAX), AGT_E_BUSY);
    agt__loop_free(test.loop);
}

static void memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    agt_test_torture(use_loop, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_starts_where_the_config_says),
        cmocka_unit_test(jobs_run_in_the_order_of_posting),
        cmocka_unit_test(time_jumps_from_timer_to_timer),
        cmocka_unit_test(timers_and_jobs_of_one_moment_take_turns),
        cmocka_unit_test(pumping_ends_as_soon_as_it_is_done),
        cmocka_unit_test(pumping_nests),
        cmocka_unit_test(what_was_posted_runs_before_the_end),
        cmocka_unit_test(memory_may_run_out_at_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
