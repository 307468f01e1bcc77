/*
 * The pool of workers: bounded, ordered by priority, honest about threads that do not come back.
 * Gates make every interleaving happen; nothing waits for time.
 */
#include "support/test.h"

#include "base/thread.h"
#include "runtime/workers.h"
#include "support/torture.h"

#include <stdatomic.h>

typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
    int inside;
} gate;

static void gate_init(gate *g)
{
    *g = (gate){.open = false};
    assert_int_equal(pthread_mutex_init(&g->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&g->changed, NULL), 0);
}

static void gate_deinit(gate *g)
{
    (void)pthread_cond_destroy(&g->changed);
    (void)pthread_mutex_destroy(&g->mutex);
}

static void gate_pass(gate *g)
{
    (void)pthread_mutex_lock(&g->mutex);
    g->inside++;
    (void)pthread_cond_broadcast(&g->changed);
    while (!g->open) {
        (void)pthread_cond_wait(&g->changed, &g->mutex);
    }
    (void)pthread_mutex_unlock(&g->mutex);
}

static void gate_open(gate *g)
{
    (void)pthread_mutex_lock(&g->mutex);
    g->open = true;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->mutex);
}

static void gate_await(gate *g, int inside)
{
    (void)pthread_mutex_lock(&g->mutex);
    while (g->inside < inside) {
        (void)pthread_cond_wait(&g->changed, &g->mutex);
    }
    (void)pthread_mutex_unlock(&g->mutex);
}

typedef struct item {
    agt__work work; /* first */
    gate *waits_at; /* NULL = nowhere */
    agt__worker *worker;
    _Atomic int *counter; /* counts up, and tells the order */
    int order;
} item;

static void run_item(agt__work *work, agt__worker *worker)
{
    item *it = (item *)(void *)work;
    it->worker = worker;
    it->order = atomic_fetch_add(it->counter, 1) + 1;
    if (it->waits_at != NULL) {
        gate_pass(it->waits_at);
    }
}

static item new_item(_Atomic int *counter, int32_t priority, gate *waits_at)
{
    return (item){
        .work = {.run = run_item, .priority = priority}, .waits_at = waits_at, .counter = counter};
}

static void higher_priority_goes_first(void **state)
{
    (void)state;
    agt__workers *pool;
    gate g;
    _Atomic int counter = 0;
    gate_init(&g);
    assert_int_equal(agt__workers_new(NULL, 1, &pool, NULL), AGT_OK);
    item first = new_item(&counter, 0, &g);
    assert_int_equal(agt__workers_submit(pool, &first.work, NULL), AGT_OK);
    gate_await(&g, 1); /* the only thread is busy: the rest waits */
    enum {
        COUNT = 50
    };
    item items[COUNT];
    for (int i = 0; i < COUNT; i++) {
        items[i] = new_item(&counter, i % 5, NULL);
        assert_int_equal(agt__workers_submit(pool, &items[i].work, NULL), AGT_OK);
    }
    gate_open(&g);
    assert_int_equal(agt__workers_close(pool, UINT64_MAX), 0);
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            bool before = items[i].work.priority > items[j].work.priority ||
                          (items[i].work.priority == items[j].work.priority && i < j);
            assert_true(!before || items[i].order < items[j].order);
        }
    }
    agt__workers_free(pool);
    gate_deinit(&g);
}

static void an_abandoned_thread_costs_no_slot(void **state)
{
    (void)state;
    agt__workers *pool;
    gate g;
    _Atomic int counter = 0;
    gate_init(&g);
    assert_int_equal(agt__workers_new(NULL, 1, &pool, NULL), AGT_OK);
    item stuck = new_item(&counter, 0, &g);
    assert_int_equal(agt__workers_submit(pool, &stuck.work, NULL), AGT_OK);
    gate_await(&g, 1);
    gate other;
    gate_init(&other);
    item next = new_item(&counter, 0, &other);
    assert_int_equal(agt__workers_submit(pool, &next.work, NULL), AGT_OK);
    agt__workers_abandon(stuck.worker); /* now there is room for a thread */
    gate_await(&other, 1);
    assert_int_equal(agt__workers_get_abandoned(pool), 1);
    assert_int_equal(agt__workers_close(pool, 0), 2); /* both are inside functions */
    gate_open(&g);
    gate_open(&other);
    assert_int_equal(agt__workers_close(pool, UINT64_MAX), 0);
    assert_int_equal(agt__workers_get_abandoned(pool), 0);
    agt__workers_free(pool);
    gate_deinit(&other);
    gate_deinit(&g);
}

static void a_closed_pool_refuses_but_ends_what_waits(void **state)
{
    (void)state;
    agt__workers *pool;
    gate g;
    _Atomic int counter = 0;
    gate_init(&g);
    assert_int_equal(agt__workers_new(NULL, 2, &pool, NULL), AGT_OK);
    item items[10];
    for (int i = 0; i < 10; i++) {
        items[i] = new_item(&counter, 0, i < 2 ? &g : NULL);
        assert_int_equal(agt__workers_submit(pool, &items[i].work, NULL), AGT_OK);
    }
    gate_await(&g, 2);
    assert_int_equal(agt__workers_close(pool, 0), 2);
    item late = new_item(&counter, 0, NULL);
    assert_int_equal(agt__workers_submit(pool, &late.work, NULL), AGT_E_CLOSED);
    gate_open(&g);
    assert_int_equal(agt__workers_close(pool, UINT64_MAX), 0);
    assert_int_equal(counter, 10);
    agt__workers_free(pool);
    gate_deinit(&g);
}

static void without_memory(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt__workers *pool;
    _Atomic int counter = 0;
    item it = new_item(&counter, 0, NULL);
    if (agt__workers_new(allocator, 4, &pool, NULL) != AGT_OK) {
        return;
    }
    agt_status status = agt__workers_submit(pool, &it.work, NULL);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    assert_int_equal(agt__workers_close(pool, UINT64_MAX), 0);
    assert_int_equal(counter, status == AGT_OK ? 1 : 0);
    agt__workers_free(pool);
}

static void survives_torture(void **state)
{
    (void)state;
    agt_test_torture(without_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(higher_priority_goes_first),
        cmocka_unit_test(an_abandoned_thread_costs_no_slot),
        cmocka_unit_test(a_closed_pool_refuses_but_ends_what_waits),
        cmocka_unit_test(survives_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
