/*
 * policies.h - policies for tests of the doors: one state for all of them, with counters.
 *
 * Each also grants something and counts its grants: whatever happens to a call, each grant is given
 * back once, and a call that waits holds none.
 */
#ifndef AGT_TESTS_POLICIES_H
#define AGT_TESTS_POLICIES_H

#include "exec/graph.h"
#include "support/exec.h"

enum {
    AGT_TEST_WAITING_MAX = 16
};

/* A policy with its counters, and what the single ones keep. All zero to begin with. */
typedef struct agt_test_policy {
    agt__policy policy; /* first */
    uint32_t granted, taken, released, started, forgotten;
    uint32_t refuse_take; /* so many takes fail after the probe said GO */
    agt__call *waiting[AGT_TEST_WAITING_MAX];
    size_t waiting_count;
    agt__call *leader;
    agt__timer timer;
    agt_executor *executor;
    agt_value *known;
    uint32_t delay_ms;
    bool open;
} agt_test_policy;

/* The state behind a policy. */
agt_test_policy *agt_test_policy_of(agt__policy *policy);

/* Doors that only count. */
agt__admit agt_test_policy_take(agt__policy *policy, agt__call *call, agt__admission *admission);
void agt_test_policy_release(agt__policy *policy, agt__call *call);
void agt_test_policy_started(agt__policy *policy, agt__call *call);

/* A policy that has these three doors only. */
extern const agt__policy_table agt_test_count_table;

/* Add it to the engine's executor; the test fails if it cannot. */
void agt_test_add_policy(agt_test_engine *engine, agt_test_policy *test,
                         const agt__policy_table *table);

/* Fails the test unless it granted so often, and has everything back. */
void agt_test_expect_released(const agt_test_policy *test, uint32_t times);

/* Fire @timer's function @ms from now; @call says in which runtime. */
void agt_test_start_timer(const agt__call *call, agt__timer *timer, agt__timer_fn fire,
                          uint32_t ms);
void agt_test_stop_timer(const agt__call *call, agt__timer *timer);

/* How often the tool "nth" was started and cancelled. */
typedef struct agt_test_nth {
    uint32_t started, cancelled;
} agt_test_nth;

/* Register an asynchronous tool whose attempt n takes {"ms": [...]}[n - 1] milliseconds, fails if
 * n <= {"fails": …}, and gives n. Time limit 500 ms. */
void agt_test_add_nth(agt_test_engine *engine, const char *name, agt_test_nth *counts);

#endif
