/*
 * The engine under 32 threads, for ThreadSanitizer as much as for the assertions: graphs run again
 * and again, cancelled, grown while they run, with calls that chain on workers, miss their time
 * limits, are hedged and end too late; runtimes closed while callbacks are asked for. Whatever the
 * machine does meanwhile, every call has exactly one outcome and every run ends.
 *
 * Choices come from a generator with a seed per thread; nothing here waits for time to pass but the
 * tools themselves, a millisecond at a time.
 */
#include "support/test.h"

#include "base/random.h"
#include "support/policies.h"
#include "support/values.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 32,
    ROUNDS = 25,
    CALLS = 12
};

typedef struct stress {
    agt_test_engine engine;
    _Atomic uint32_t settled, bad, callbacks;
} stress;

typedef struct runner {
    stress *shared;
    agt__prng prng;
    uint32_t number;
} runner;

static uint32_t below(runner *self, uint32_t bound)
{
    return (uint32_t)(agt__prng_next(&self->prng) % bound);
}

static void open_stress(stress *shared)
{
    memset(shared, 0, sizeof(*shared));
    agt_runtime_config runtime = AGT_CONFIG(agt_runtime_config, .workers_max = 6);
    assert_int_equal(agt_test_engine_init_with(&shared->engine, &runtime, NULL), AGT_OK);
}

static void run_threads(stress *shared, void *(*fn)(void *))
{
    pthread_t ids[THREADS];
    static runner runners[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        runners[i].shared = shared;
        runners[i].number = i;
        agt__prng_seed(&runners[i].prng, i + 1);
        assert_int_equal(pthread_create(&ids[i], NULL, fn, &runners[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(ids[i], NULL), 0);
    }
}

/* ---- what is run ----------------------------------------------------------------------------- */

static const char *const tools[] = {"blocking", "blocking", "inline", "async", "keyed"};
static const char *const inputs[] = {"{\"echo\": [1, {\"a\": \"b\"}]}", "{\"ms\": 1}",
                                     "{\"ms\": 2}", "{\"error\": \"boom\"}", "{\"hang\": true}"};

/* Asks for its key while the loop may be ending it. */
static agt_status run_keyed(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    (void)user_data;
    char key[65];
    agt_status status = agt_tool_call_sleep(call, 1);
    if (agt_tool_call_get_key(call, key) == AGT_OK && status == AGT_OK) {
        return agt_value_new_string(agt_tool_call_get_allocator(call), key, ret_output);
    }
    return AGT_E_CANCELLED;
}

static void add_keyed(stress *shared)
{
    agt_tool_config config = AGT_CONFIG(agt_tool_config, .mode = AGT_TOOL_BLOCKING);
    assert_int_equal(
        agt_executor_register_tool(shared->engine.executor, "keyed", run_keyed, &config, NULL),
        AGT_OK);
}

/* A call that hangs has a time limit; some others have one that they may miss. */
static bool add_random_call(runner *self, agt_graph *graph, agt_call_id *ret_call)
{
    uint32_t what = below(self, 20);
    const char *input = inputs[what < 12 ? 0 : what < 16 ? 1 : what < 18 ? 2 : what < 19 ? 3 : 4];
    const char *tool = tools[below(self, 5)];
    if (what == 19 && strcmp(tool, "inline") == 0) {
        tool = "async";
    }
    agt_value *value = agt_test_json(NULL, input);
    agt_call_options options = AGT_CONFIG(agt_call_options, .timeout_ms = what == 19 ? 2 : 1);
    bool limited = what == 19 || what == 17;
    agt_status status =
        agt_graph_add_call(graph, tool, value, limited ? &options : NULL, ret_call, NULL);
    agt_value_unref(value);
    return status == AGT_OK;
}

static agt_graph *make_graph(runner *self, const agt_graph_config *config)
{
    agt_graph *graph = NULL;
    if (agt_graph_new(self->shared->engine.executor, config, &graph, NULL) != AGT_OK) {
        return NULL;
    }
    for (uint32_t i = 0; i < CALLS; i++) {
        agt_call_id call;
        if (!add_random_call(self, graph, &call)) {
            atomic_fetch_add(&self->shared->bad, 1);
            continue;
        }
        for (uint32_t edges = below(self, 3); edges > 0 && i > 0; edges--) {
            if (agt_graph_add_dependency(graph, call, below(self, i), NULL) != AGT_OK) {
                atomic_fetch_add(&self->shared->bad, 1);
            }
        }
    }
    return graph;
}

static void count_outcomes(runner *self, agt_task *task)
{
    stress *shared = self->shared;
    agt_results *results = NULL;
    if (agt_task_wait(task, AGT_MS_NONE) != AGT_OK ||
        agt_task_get_results(task, &results) != AGT_OK) {
        atomic_fetch_add(&shared->bad, 1);
        return;
    }
    size_t count = agt_results_get_count(results);
    for (size_t i = 0; i < count; i++) {
        bool ended = agt_results_get_outcome(results, i) != AGT_OUTCOME_NONE;
        atomic_fetch_add(ended ? &shared->settled : &shared->bad, 1);
    }
    agt_results_unref(results);
}

/* ---- one graph, again and again -------------------------------------------------------------- */

static void *run_again(void *arg)
{
    runner *self = arg;
    static const int32_t batches[] = {AGT_BATCH_ISOLATE, AGT_BATCH_ISOLATE, AGT_BATCH_FAIL_FAST,
                                      AGT_BATCH_FIRST_SUCCESS};
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .batch = batches[self->number % 4]);
    agt_graph *graph = make_graph(self, &config);
    for (uint32_t i = 0; i < ROUNDS && graph != NULL; i++) {
        agt_task *task;
        if (agt_graph_start(graph, NULL, &task, NULL) != AGT_OK) {
            atomic_fetch_add(&self->shared->bad, 1);
            break;
        }
        if (below(self, 4) == 0) {
            for (uint32_t spins = below(self, 2000); spins > 0; spins--) {
                (void)agt_task_is_done(task);
            }
            agt_task_cancel(task);
        }
        count_outcomes(self, task);
        agt_task_unref(task);
    }
    agt_graph_unref(graph);
    return NULL;
}

static void graphs_run_again_and_again(void **state)
{
    (void)state;
    stress shared;
    open_stress(&shared);
    add_keyed(&shared);
    run_threads(&shared, run_again);
    assert_int_equal(atomic_load(&shared.bad), 0);
    assert_int_equal(atomic_load(&shared.settled), THREADS * ROUNDS * CALLS);
    agt_test_engine_deinit(&shared.engine);
}

/* ---- hedging --------------------------------------------------------------------------------- */

/* Per call: a timer that starts a second attempt a millisecond after the first. */
typedef struct hedge {
    agt__timer timer;
    agt__call *call;
} hedge;

static void fire_hedge(agt__timer *timer)
{
    hedge *self = (hedge *)(void *)((char *)timer - offsetof(hedge, timer));
    (void)agt__call_hedge(self->call);
}

static void hedge_started(agt__policy *policy, agt__call *call)
{
    void **slot = agt__call_get_slot(call, policy);
    if (slot != NULL && *slot == NULL) {
        hedge *self = calloc(1, sizeof(*self));
        if (self != NULL) {
            self->call = call;
            *slot = self;
            agt_test_start_timer(call, &self->timer, fire_hedge, 1);
        }
    }
}

static void hedge_forget(agt__policy *policy, agt__call *call)
{
    void **slot = agt__call_get_slot(call, policy);
    if (slot != NULL && *slot != NULL) {
        hedge *self = *slot;
        agt_test_stop_timer(call, &self->timer);
        free(self);
        *slot = NULL;
    }
}

static agt__settle hedge_settle(agt__policy *policy, agt__call *call, agt__settlement *settlement)
{
    (void)settlement;
    hedge_forget(policy, call);
    return AGT__SETTLE_DONE;
}

static const agt__policy_table hedge_table = {
    .name = "hedge",
    .take = agt_test_policy_take,
    .release = agt_test_policy_release,
    .started = hedge_started,
    .settle = hedge_settle,
    .forget = hedge_forget,
};

static void hedged_calls_end_once(void **state)
{
    (void)state;
    stress shared;
    agt_test_policy policy = {.granted = 0};
    open_stress(&shared);
    add_keyed(&shared);
    agt_test_add_policy(&shared.engine, &policy, &hedge_table);
    run_threads(&shared, run_again);
    assert_int_equal(atomic_load(&shared.bad), 0);
    assert_int_equal(atomic_load(&shared.settled), THREADS * ROUNDS * CALLS);
    agt_test_engine_deinit(&shared.engine);
    assert_int_equal(policy.taken, policy.released);
}

/* ---- graphs that grow, calls with tokens of their own ------------------------------------------
 */

static void grow(runner *self, agt_graph *graph, agt_cancel *cancel)
{
    agt_call_options options = AGT_CONFIG(agt_call_options, .cancel = cancel, .timeout_ms = 3);
    for (uint32_t i = 0; i < CALLS; i++) {
        agt_value *input = agt_test_json(NULL, inputs[below(self, 3)]);
        agt_call_id call;
        bool own = below(self, 3) == 0;
        agt_status status = agt_graph_add_call(graph, tools[below(self, 5)], input,
                                               own ? &options : NULL, &call, NULL);
        if (status == AGT_OK) {
            status = agt_graph_add_dependency(graph, call, below(self, CALLS), NULL);
        }
        if (status == AGT_OK) {
            status = agt_graph_release(graph, call);
        }
        if (status != AGT_OK) {
            atomic_fetch_add(&self->shared->bad, 1);
        }
        agt_value_unref(input);
        if (i == CALLS / 2 && below(self, 2) == 0) {
            agt_cancel_request(cancel);
        }
    }
}

static void *run_growing(void *arg)
{
    runner *self = arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        agt_graph_config config = AGT_CONFIG(agt_graph_config, .open = true);
        agt_graph *graph = make_graph(self, &config);
        agt_cancel *cancel = NULL;
        agt_task *task;
        if (graph == NULL || agt_cancel_new(self->shared->engine.runtime, &cancel) != AGT_OK ||
            agt_graph_start(graph, NULL, &task, NULL) != AGT_OK) {
            atomic_fetch_add(&self->shared->bad, 1);
        } else {
            grow(self, graph, cancel);
            if (below(self, 5) == 0) {
                agt_task_cancel(task);
            } else {
                (void)agt_graph_close(graph);
            }
            count_outcomes(self, task);
            agt_task_unref(task);
        }
        agt_cancel_unref(cancel);
        agt_graph_unref(graph);
    }
    return NULL;
}

static void graphs_grow_while_they_run(void **state)
{
    (void)state;
    stress shared;
    open_stress(&shared);
    add_keyed(&shared);
    run_threads(&shared, run_growing);
    assert_int_equal(atomic_load(&shared.bad), 0);
    assert_true(atomic_load(&shared.settled) >= THREADS * ROUNDS * CALLS);
    agt_test_engine_deinit(&shared.engine);
}

/* ---- the end of runtimes -----------------------------------------------------------------------
 */

static void count_callback(agt_task *task, void *user_data)
{
    (void)task;
    atomic_fetch_add(&((stress *)user_data)->callbacks, 1);
}

/* A callback that is asked for before or after the runtime was closed is called before it is gone.
 */
static void *end_runtimes(void *arg)
{
    runner *self = arg;
    for (uint32_t i = 0; i < 4; i++) {
        agt_test_engine engine;
        agt_task *tasks[2];
        if (agt_test_engine_init(&engine, NULL, false, NULL) != AGT_OK) {
            atomic_fetch_add(&self->shared->bad, 1);
            continue;
        }
        runner own = {.shared = self->shared, .prng = self->prng};
        stress there = {.engine = engine};
        own.shared = &there;
        agt_graph *graph = make_graph(&own, NULL);
        agt_graph *other = make_graph(&own, NULL);
        self->prng = own.prng;
        if (graph == NULL || other == NULL ||
            agt_graph_start(graph, NULL, &tasks[0], NULL) != AGT_OK ||
            agt_graph_start(other, NULL, &tasks[1], NULL) != AGT_OK) {
            atomic_fetch_add(&self->shared->bad, 1);
            return NULL;
        }
        bool late = below(self, 2) == 0;
        if (!late && agt_task_on_done(tasks[0], count_callback, self->shared) != AGT_OK) {
            atomic_fetch_add(&self->shared->bad, 1);
        }
        (void)agt_runtime_close(engine.runtime, AGT_MS_NONE, NULL);
        if (late && agt_task_on_done(tasks[0], count_callback, self->shared) != AGT_OK) {
            atomic_fetch_add(&self->shared->bad, 1);
        }
        (void)agt_runtime_close(engine.runtime, AGT_MS_NONE, NULL);
        agt_graph_unref(graph);
        agt_graph_unref(other);
        agt_task_unref(tasks[0]);
        agt_task_unref(tasks[1]);
        agt_test_engine_deinit(&engine);
    }
    return NULL;
}

static void runtimes_end_with_callbacks_asked_for(void **state)
{
    (void)state;
    stress shared;
    memset(&shared, 0, sizeof(shared));
    run_threads(&shared, end_runtimes);
    assert_int_equal(atomic_load(&shared.bad), 0);
    assert_int_equal(atomic_load(&shared.callbacks), THREADS * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_run_again_and_again),
        cmocka_unit_test(hedged_calls_end_once),
        cmocka_unit_test(graphs_grow_while_they_run),
        cmocka_unit_test(runtimes_end_with_callbacks_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
