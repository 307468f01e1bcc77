/*
 * HTTP exchanges that are paused: what the server sends waits with the server, whenever the reader
 * stops, goes on or gives up.
 */
#include "support/http_run.h"
#include "support/server.h"
#include "support/test.h"
#include "support/tool_run.h"
#include "support/torture.h"

#include <malloc.h>
#include <string.h>

typedef struct fixture {
    agt_test_heap heap;
    agt__loop *loop;
    unsigned descriptors;
} fixture;

static void set_up(fixture *test)
{
    test->descriptors = agt_test_count_descriptors();
    agt_test_heap_init(&test->heap);
    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .allocator = &test->heap.allocator, .user_agent = "test/1");
    assert_int_equal(agt__loop_new(&config, &test->loop, NULL), AGT_OK);
}

static void tear_down(fixture *test)
{
    agt__loop_free(test->loop);
    agt_test_heap_deinit(&test->heap);
    assert_int_equal(agt_test_count_descriptors(), test->descriptors);
}

#define REQUEST(...) (&AGT_CONFIG(agt_http_request, __VA_ARGS__))

enum {
    flood_bytes = 16 * 1024 * 1024
};

static const agt_test_step flood[] = {
    {AGT_TEST_READ, NULL, 0},
    {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n", 0},
    {AGT_TEST_FILL, NULL, flood_bytes},
    {AGT_TEST_END, NULL, 0},
};

/* Pauses after each piece, and goes on by a job; up to two others are between. */
typedef struct pausing {
    agt__job job;
    agt_test_http_run *run;
    bool is_paused, cancels;
    unsigned pauses, laps;
    size_t heap_most;
} pausing;

static void pause_run(agt_test_http_run *run, bool paused)
{
    if (run->exchange != NULL) { /* behind the last piece it ends, paused or not */
        run->io->http_pause(run->io->ctx, run->exchange, paused);
    }
}

static void go_on_later(agt__job *job)
{
    pausing *self = (pausing *)(void *)job;
    if (self->laps-- > 0) {
        agt__loop_post(self->run->loop, job); /* curl may look at the socket in between */
        return;
    }
    self->is_paused = false;
    if (self->cancels) {
        agt_test_http_cancel_inside(self->run);
        return;
    }
    pause_run(self->run, false);
}

static void pause_each(agt_test_http_run *run)
{
    pausing *self = run->ctx;
    assert_false(self->is_paused); /* nothing comes while it is */
    struct mallinfo2 heap = mallinfo2();
    self->heap_most = heap.uordblks > self->heap_most ? heap.uordblks : self->heap_most;
    self->is_paused = true;
    self->laps = self->pauses++ % 3;
    pause_run(run, true);
    pause_run(run, true);
    self->job.run = go_on_later;
    agt__loop_post(run->loop, &self->job);
}

static void a_paused_response_waits_with_the_server(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(flood));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/")),
                             .discards_body = true,
                             .on_body = pause_each};
    pausing self = {.run = &run};
    run.ctx = &self;
    size_t heap_before = mallinfo2().uordblks;
    agt_test_http_run_all(&run, test.loop);
    assert_int_equal(run.dones, 1);
    assert_false(run.has_err);
    assert_int_equal(run.body_size, flood_bytes);
    assert_true(self.pauses > 100);
    assert_true(self.heap_most < heap_before + 2 * 1024 * 1024); /* a sanitizer says 0 */
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

static void a_paused_exchange_may_be_cancelled(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    for (unsigned laps = 0; laps < 3; laps++) {
        agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(flood));
        agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/")),
                                 .discards_body = true,
                                 .on_body = pause_each};
        pausing self = {.run = &run, .pauses = laps, .cancels = true};
        run.ctx = &self;
        agt_test_http_run_all(&run, test.loop);
        assert_int_equal(run.dones, 0);
        assert_int_equal(self.pauses, laps + 1);
        agt_test_http_free(&run);
        agt_test_server_free(server); /* its thread does not hang in sending */
    }
    tear_down(&test);
}

static void pause_for_nothing(agt_test_http_run *run)
{
    pause_run(run, true);
    pause_run(run, false);
    pause_run(run, false);
}

static void pausing_may_be_taken_back(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(flood));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/")),
                             .discards_body = true,
                             .on_body = pause_for_nothing};
    agt_test_http_run_all(&run, test.loop);
    assert_int_equal(run.dones, 1);
    assert_int_equal(run.body_size, flood_bytes);
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

/* Going on gives what was kept at once, and the reader has enough of it. */
static void a_reader_may_stop_when_it_goes_on(void **state)
{
    (void)state;
    static const agt_test_step script[] = {
        {AGT_TEST_READ, NULL, 0},
        {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na", 0},
        {AGT_TEST_WAIT, NULL, 0},
        {AGT_TEST_SEND, "stop", 0},
        {AGT_TEST_HANG, NULL, 0},
    };
    fixture test;
    set_up(&test);
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    agt_test_http_run run = {.request = REQUEST(.url = agt_test_server_get_url(server, "/")),
                             .stop_at = "stop",
                             .on_body = pause_each};
    pausing self = {.run = &run};
    run.ctx = &self;
    agt_test_server_go(server);
    agt_test_http_run_all(&run, test.loop);
    assert_true(run.has_err);
    assert_int_equal(run.err.status, AGT_E_CANCELLED);
    agt_test_server_wait_closed(server, 1);
    agt_test_http_free(&run);
    agt_test_server_free(server);
    tear_down(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paused_response_waits_with_the_server),
        cmocka_unit_test(a_paused_exchange_may_be_cancelled),
        cmocka_unit_test(pausing_may_be_taken_back),
        cmocka_unit_test(a_reader_may_stop_when_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
