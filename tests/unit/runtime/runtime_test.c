/*
 * Runtimes: making, closing and forking them, jobs on their loop, tasks and cancel tokens.
 */
#include "support/test.h"

#include "agent_sdk/runtime.h"
#include "runtime/cancel.h"
#include "runtime/runtime.h"
#include "support/torture.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static agt_runtime *new_runtime(bool simulated)
{
    agt_runtime *runtime;
    agt_error err;
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .simulated = simulated, .seed = 7);
    if (agt_runtime_new(&config, &runtime, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return runtime;
}

static void two_runtimes_live_side_by_side(void **state)
{
    (void)state;
    agt_runtime *a = new_runtime(false);
    agt_runtime *b = new_runtime(false);
    agt_runtime *c = new_runtime(true);
    assert_ptr_not_equal(agt_runtime_get_tracer(a), agt_runtime_get_tracer(b));
    assert_false(agt_runtime_is_loop_thread(a));
    assert_int_equal(agt_runtime_close(a, 0, NULL), AGT_OK);
    assert_int_equal(agt_runtime_close(a, 0, NULL), AGT_OK); /* twice is fine */
    assert_int_equal(agt_runtime_flush(b, 1000, NULL), AGT_OK);
    assert_int_equal(agt_runtime_flush(a, 1000, NULL), AGT_E_CLOSED);
    agt_runtime_free(a);
    agt_runtime_free(b);
    agt_runtime_free(c);
    agt_runtime_free(NULL);
}

static void configurations_are_checked(void **state)
{
    (void)state;
    agt_runtime *runtime;
    agt_error err;
    agt_runtime_config config = {0};
    assert_int_equal(agt_runtime_new(&config, &runtime, &err), AGT_E_INVALID);
    config =
        AGT_CONFIG(agt_runtime_config, .simulated = true, .store_path = "/proc/nowhere/agent.db");
    assert_int_not_equal(agt_runtime_new(&config, &runtime, &err), AGT_OK);
    if (strstr(err.message, "/proc/nowhere") == NULL) {
        fail_msg("%s", err.message);
    }
}

static void count_up(void *user_data)
{
    ++*(int *)user_data;
}

typedef struct note {
    int *counter;
    int order;
} note;

static void take_note(void *user_data)
{
    note *n = user_data;
    n->order = ++*n->counter;
}

static bool all_noted(void *ctx)
{
    return *(int *)ctx == 3;
}

static void jobs_run_in_order_on_virtual_time(void **state)
{
    (void)state;
    agt_runtime *runtime = new_runtime(true);
    const agt_clock *clock = agt_runtime_get_clock(runtime);
    int counter = 0, never = 0;
    note late = {.counter = &counter}, soon = {.counter = &counter}, now = {.counter = &counter};
    uint64_t start = clock->get_monotonic_ns(clock->ctx);
    assert_int_equal(agt_runtime_run_after(runtime, 600000, take_note, &late), AGT_OK);
    assert_int_equal(agt_runtime_run_after(runtime, 10, take_note, &soon), AGT_OK);
    assert_int_equal(agt_runtime_run_after(runtime, 0, take_note, &now), AGT_OK);
    assert_int_equal(agt_runtime_run_after(runtime, 900000, count_up, &never), AGT_OK);
    assert_int_equal(agt__loop_pump(runtime->loop, all_noted, &counter, UINT64_MAX), AGT_OK);
    assert_int_equal(clock->get_monotonic_ns(clock->ctx) - start, UINT64_C(600000000000));
    assert_int_equal(now.order, 1);
    assert_int_equal(soon.order, 2);
    assert_int_equal(late.order, 3);
    assert_int_equal(agt_runtime_close(runtime, 0, NULL), AGT_OK);
    assert_int_equal(never, 0); /* closed before its time */
    assert_int_equal(agt_runtime_run_after(runtime, 0, count_up, &never), AGT_E_CLOSED);
    agt_runtime_free(runtime);
}

static void a_forked_child_is_told(void **state)
{
    (void)state;
    agt_runtime *runtime = new_runtime(false);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        agt_error err;
        int good = agt_runtime_flush(runtime, 1000, &err) == AGT_E_FORKED &&
                   agt_runtime_close(runtime, 1000, &err) == AGT_E_FORKED &&
                   agt_runtime_run_after(runtime, 0, count_up, &good) == AGT_E_FORKED;
        agt_runtime_free(runtime); /* hangs nowhere, touches nothing of the parent's */
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(agt_runtime_flush(runtime, 1000, NULL), AGT_OK); /* the parent's lives on */
    agt_runtime_free(runtime);
}

static void free_runtime(void *user_data)
{
    agt_runtime_free(user_data);
}

/* Counts blocks, and tells when the last one is back. */
typedef struct counted_heap {
    agt_allocator allocator;
    pthread_mutex_t mutex;
    pthread_cond_t empty;
    size_t blocks;
} counted_heap;

static void *counted_resize(void *ctx, void *ptr, size_t size)
{
    counted_heap *heap = ctx;
    const agt_allocator *libc = agt_allocator_get_default();
    void *result = libc->resize(libc->ctx, ptr, size);
    (void)pthread_mutex_lock(&heap->mutex);
    heap->blocks += (ptr == NULL && result != NULL) ? 1 : 0;
    heap->blocks -= (ptr != NULL && size == 0) ? 1 : 0;
    if (heap->blocks == 0) {
        (void)pthread_cond_broadcast(&heap->empty);
    }
    (void)pthread_mutex_unlock(&heap->mutex);
    return result;
}

/* The last reference may fall on the loop thread itself. */
static void a_runtime_may_be_freed_by_its_own_loop(void **state)
{
    (void)state;
    static counted_heap heap = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                .empty = PTHREAD_COND_INITIALIZER};
    heap.allocator = (agt_allocator){counted_resize, &heap};
    agt_runtime *runtime;
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .allocator = &heap.allocator);
    assert_int_equal(agt_runtime_new(&config, &runtime, NULL), AGT_OK);
    assert_int_equal(agt_runtime_run_after(runtime, 0, free_runtime, runtime), AGT_OK);
    (void)pthread_mutex_lock(&heap.mutex);
    while (heap.blocks > 0) {
        (void)pthread_cond_wait(&heap.empty, &heap.mutex);
    }
    (void)pthread_mutex_unlock(&heap.mutex);
}

typedef struct listener {
    agt__cancel_link link; /* first */
    int told;
} listener;

static void notify(agt__cancel_link *link)
{
    ((listener *)(void *)link)->told++;
}

static void tokens_tell_each_listener_once(void **state)
{
    (void)state;
    agt_runtime *runtime = new_runtime(true);
    agt_cancel *cancel;
    listener a = {.link.notify = notify}, b = {.link.notify = notify}, c = {.link.notify = notify};
    assert_int_equal(agt_cancel_new(runtime, &cancel), AGT_OK);
    agt__cancel_listen(cancel, &a.link);
    agt__cancel_listen(cancel, &b.link);
    agt__cancel_unlisten(&a.link);
    agt__cancel_unlisten(&a.link);
    assert_false(agt_cancel_is_requested(cancel));
    agt_cancel_request(cancel);
    agt_cancel_request(cancel);
    agt__cancel_listen(cancel, &c.link); /* too late to miss it */
    assert_true(agt_cancel_is_requested(cancel));
    assert_int_equal(a.told, 0);
    assert_int_equal(b.told, 1);
    assert_int_equal(c.told, 1);
    agt_runtime_free(runtime); /* tokens do not need it */
    agt__cancel_unlisten(&b.link);
    agt__cancel_unlisten(&c.link);
    agt_cancel_unref(cancel);
    agt_cancel_request(NULL);
    assert_false(agt_cancel_is_requested(NULL));
}

static void without_memory(const agt_allocator *allocator, void *ctx)
{
    agt_runtime *runtime;
    bool *simulated = ctx;
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .allocator = allocator,
                                           .simulated = *simulated, .spans_max = 64);
    agt_status status = agt_runtime_new(&config, &runtime, NULL);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        return;
    }
    int ran = 0;
    status = agt_runtime_run_after(runtime, 0, count_up, &ran);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_runtime_free(runtime);
    assert_true(ran <= 1);
}

static void survives_torture(void **state)
{
    (void)state;
    bool simulated = true;
    agt_test_torture(without_memory, &simulated);
    simulated = false;
    agt_test_torture(without_memory, &simulated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_runtimes_live_side_by_side),
        cmocka_unit_test(configurations_are_checked),
        cmocka_unit_test(jobs_run_in_order_on_virtual_time),
        cmocka_unit_test(a_forked_child_is_told),
        cmocka_unit_test(a_runtime_may_be_freed_by_its_own_loop),
        cmocka_unit_test(tokens_tell_each_listener_once),
        cmocka_unit_test(survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
