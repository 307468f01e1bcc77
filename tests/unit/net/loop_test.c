/*
 * The real loop: posting from many threads, timers, waking, the end. Nothing here sleeps: tests
 * wait for a semaphore that a job or a timer posts.
 */
#include "net/loop.h"

#include "base/thread.h"
#include "support/test.h"
#include "support/torture.h"

#include <dirent.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct fixture {
    agt_test_heap heap;
    agt__loop *loop;
    sem_t done;
} fixture;

static void set_up(fixture *test)
{
    agt_test_heap_init(&test->heap);
    sem_init(&test->done, 0, 0);
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .allocator = &test->heap.allocator);
    assert_int_equal(agt__loop_new(&config, &test->loop, NULL), AGT_OK);
}

static void tear_down(fixture *test)
{
    agt__loop_free(test->loop);
    agt_test_heap_deinit(&test->heap);
    sem_destroy(&test->done);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
    }
}

/* A job that does what its function says, once. */
typedef struct task {
    agt__job job;
    fixture *test;
    void (*body)(struct task *task);
    void *ctx;
    agt__timer timer;
} task;

static void run_task(agt__job *job)
{
    task *self = (task *)job;
    self->body(self);
}

static void call_on_loop(fixture *test, void (*body)(task *task), void *ctx)
{
    task self = {.job.run = run_task, .test = test, .body = body, .ctx = ctx};
    agt__loop_post(test->loop, &self.job);
    wait_for(&test->done);
}

/* ---- jobs ---- */

static void note_current(task *self)
{
    *(bool *)self->ctx = agt__loop_is_current(self->test->loop);
    sem_post(&self->test->done);
}

static void a_job_runs_on_the_loop_thread(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    bool is_current = false;
    call_on_loop(&test, note_current, &is_current);
    assert_true(is_current);
    assert_false(agt__loop_is_current(test.loop));
    assert_false(agt__loop_is_simulated(test.loop));
    assert_non_null(agt__loop_get_io(test.loop));
    assert_ptr_equal(agt__loop_get_clock(test.loop), agt_clock_get_system());
    assert_int_equal(agt__loop_pump(test.loop, NULL, NULL, 0), AGT_E_INVALID);
    tear_down(&test);
}

enum {
    posters = 4,
    jobs_each = 5000
};

typedef struct numbered_job {
    agt__job job;
    struct counts *counts;
    int poster;
    int number;
} numbered_job;

typedef struct counts {
    fixture *test;
    int last[posters]; /* each poster's jobs run in the order of posting */
    int total;
    bool is_ordered;
} counts;

static void count_job(agt__job *job)
{
    numbered_job *self = (numbered_job *)job;
    counts *all = self->counts;
    all->is_ordered = all->is_ordered && all->last[self->poster] == self->number;
    all->last[self->poster]++;
    if (++all->total == posters * jobs_each) {
        sem_post(&all->test->done);
    }
}

static void *post_many(void *arg)
{
    numbered_job *jobs = arg;
    for (int i = 0; i < jobs_each; i++) {
        agt__loop_post(jobs[i].counts->test->loop, &jobs[i].job);
    }
    return NULL;
}

static void jobs_from_many_threads_all_run_in_order(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    counts all = {.test = &test, .is_ordered = true};
    numbered_job *jobs = calloc((size_t)posters * jobs_each, sizeof(*jobs));
    assert_non_null(jobs);
    pthread_t threads[posters];
    for (int i = 0; i < posters * jobs_each; i++) {
        jobs[i] = (numbered_job){{.run = count_job}, &all, i / jobs_each, i % jobs_each};
    }
    for (int i = 0; i < posters; i++) {
        numbered_job *first = &jobs[(size_t)i * jobs_each];
        assert_int_equal(agt__thread_start(&threads[i], "poster", 0, post_many, first, NULL), 0);
    }
    wait_for(&test.done);
    for (int i = 0; i < posters; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(all.is_ordered);
    tear_down(&test);
    free(jobs);
}

/* One job that is posted again and again; each time the loop may be about to fall asleep. A lost
 * wake-up would hang here. */
static void a_wake_up_is_never_lost(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    for (int i = 0; i < 20000; i++) {
        bool is_current = false;
        call_on_loop(&test, note_current, &is_current);
        assert_true(is_current);
    }
    tear_down(&test);
}

static void post_self_again(task *self)
{
    int *left = self->ctx;
    if (--*left > 0) {
        agt__loop_post(self->test->loop, &self->job);
    } else {
        sem_post(&self->test->done);
    }
}

static void a_job_may_post_itself_while_it_runs(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    int left = 1000;
    call_on_loop(&test, post_self_again, &left);
    assert_int_equal(left, 0);
    tear_down(&test);
}

/* How often the loop was woken: nobody reads its eventfd, so the counter is the number of writes.
 */
static unsigned long long count_wakeups(void)
{
    unsigned long long count = 0;
    DIR *folder = opendir("/proc/self/fdinfo");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[300], line[200];
        (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
            if (strncmp(line, "eventfd-count:", 14) == 0) {
                count += strtoull(line + 14, NULL, 16);
            }
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    (void)closedir(folder);
    return count;
}

static sem_t gate;

static void stand_at_gate(task *self)
{
    sem_post(&self->test->done);
    wait_for(&gate);
}

static void posting_to_a_loop_that_is_awake_writes_nothing(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    sem_init(&gate, 0, 0);
    task blocker = {.job.run = run_task, .test = &test, .body = stand_at_gate};
    agt__loop_post(test.loop, &blocker.job);
    wait_for(&test.done);
    unsigned long long before = count_wakeups();
    assert_true(before <= 1);

    counts all = {.test = &test, .is_ordered = true, .total = posters * jobs_each - 1000};
    static numbered_job jobs[1000];
    for (int i = 0; i < 1000; i++) {
        jobs[i] = (numbered_job){{.run = count_job}, &all, 0, i};
        agt__loop_post(test.loop, &jobs[i].job);
    }
    assert_int_equal(count_wakeups(), before);
    sem_post(&gate);
    wait_for(&test.done);
    assert_true(all.is_ordered);
    sem_destroy(&gate);
    tear_down(&test);
}

/* ---- timers ---- */

enum {
    timers_count = 1000
};

typedef struct ticking {
    agt__timer timer;
    struct timers *all;
    int number;
} ticking;

typedef struct timers {
    fixture *test;
    ticking items[timers_count];
    int order[timers_count];
    int fired, expected;
    bool is_early;
    uint64_t start_ns;
} timers;

static void on_tick(agt__timer *timer)
{
    ticking *self = (ticking *)timer;
    timers *all = self->all;
    all->is_early = all->is_early || agt__loop_now_ns(all->test->loop) < timer->due_ns;
    all->order[all->fired++] = self->number;
    if (all->fired == all->expected) {
        sem_post(&all->test->done);
    }
}

static timers *new_timers(fixture *test, int expected)
{
    timers *all = calloc(1, sizeof(*all));
    assert_non_null(all);
    all->test = test;
    all->expected = expected;
    for (int i = 0; i < timers_count; i++) {
        all->items[i] = (ticking){{.fire = on_tick}, all, i};
    }
    return all;
}

static void start_burst(task *self)
{
    timers *all = self->ctx;
    uint64_t due_ns = agt__loop_now_ns(self->test->loop) + 1000000;
    for (int i = 0; i < timers_count; i++) {
        assert_int_equal(agt__loop_timer_start(self->test->loop, &all->items[i].timer, due_ns),
                         AGT_OK);
    }
}

static void a_burst_of_timers_fires_in_the_order_of_starting(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    timers *all = new_timers(&test, timers_count);
    call_on_loop(&test, start_burst, all);
    assert_false(all->is_early);
    for (int i = 0; i < timers_count; i++) {
        assert_int_equal(all->order[i], i);
    }
    tear_down(&test);
    free(all);
}

/* The later ones first, so that the armed time moves; one of them is stopped. */
static void start_reversed(task *self)
{
    timers *all = self->ctx;
    agt__loop *loop = self->test->loop;
    uint64_t now_ns = agt__loop_now_ns(loop);
    for (int i = 0; i < 10; i++) {
        uint64_t due_ns = now_ns + (uint64_t)(10 - i) * 200000;
        assert_int_equal(agt__loop_timer_start(loop, &all->items[i].timer, due_ns), AGT_OK);
    }
    agt__loop_timer_stop(loop, &all->items[9].timer);
    agt__loop_timer_stop(loop, &all->items[9].timer);
    /* Far away, and never: neither may disturb the others. */
    assert_int_equal(agt__loop_timer_start(loop, &all->items[20].timer, UINT64_MAX), AGT_OK);
    assert_int_equal(
        agt__loop_timer_start(loop, &all->items[21].timer, now_ns + (UINT64_C(1) << 61)), AGT_OK);
    /* Due before anything was armed. */
    assert_int_equal(agt__loop_timer_start(loop, &all->items[22].timer, 0), AGT_OK);
}

static void timers_fire_by_due_time(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    timers *all = new_timers(&test, 10);
    call_on_loop(&test, start_reversed, all);
    assert_false(all->is_early);
    assert_int_equal(all->order[0], 22);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(all->order[i + 1], 8 - i);
    }
    tear_down(&test);
    assert_false(agt__timer_is_started(&all->items[20].timer));
    free(all);
}

static void rearm(agt__timer *timer)
{
    task *self = (task *)((char *)timer - offsetof(task, timer));
    int *left = self->ctx;
    if (--*left > 0) {
        assert_int_equal(agt__loop_timer_start(self->test->loop, timer, 0), AGT_OK);
    } else {
        sem_post(&self->test->done);
    }
}

static void start_rearming(task *self)
{
    self->timer.fire = rearm;
    rearm(&self->timer);
}

static void a_timer_may_start_itself_again_at_once(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    int left = 1000;
    call_on_loop(&test, start_rearming, &left);
    assert_int_equal(left, 0);
    tear_down(&test);
}

/* A clock of the program's own, with another origin, that advances by a second per look. */
static uint64_t odd_now(void *ctx)
{
    return atomic_fetch_add((_Atomic uint64_t *)ctx, 1000000000u);
}

static void another_clock_rules_the_timers(void **state)
{
    (void)state;
    fixture test;
    agt_test_heap_init(&test.heap);
    sem_init(&test.done, 0, 0);
    _Atomic uint64_t now = 7;
    agt_clock clock = {odd_now, odd_now, &now};
    agt__loop_config config =
        AGT_CONFIG(agt__loop_config, .allocator = &test.heap.allocator, .clock = &clock);
    assert_int_equal(agt__loop_new(&config, &test.loop, NULL), AGT_OK);
    assert_ptr_equal(agt__loop_get_clock(test.loop), &clock);
    timers *all = new_timers(&test, 10);
    call_on_loop(&test, start_reversed, all);
    tear_down(&test);
    free(all);
}

/* ---- the end ---- */

static void count_down(task *self)
{
    atomic_fetch_add((atomic_int *)self->ctx, 1);
}

static void what_was_posted_runs_before_the_end(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    atomic_int ran = 0;
    task tasks[100];
    for (int i = 0; i < 100; i++) {
        tasks[i] = (task){.job.run = run_task, .test = &test, .body = count_down, .ctx = &ran};
        agt__loop_post(test.loop, &tasks[i].job);
    }
    tear_down(&test);
    assert_int_equal(ran, 100);
}

static void a_forked_child_leaves_the_loop_alone(void **state)
{
    (void)state;
    fixture test;
    set_up(&test);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        agt__loop_free(test.loop);
        _exit(7);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    bool is_current = false;
    call_on_loop(&test, note_current, &is_current);
    assert_true(is_current);
    tear_down(&test);
}

static void free_of_nothing_is_fine(void **state)
{
    (void)state;
    agt__loop_free(NULL);
}

static void bad_configs_are_refused(void **state)
{
    (void)state;
    agt__loop *loop = NULL;
    agt__loop_config config = {0};
    assert_int_equal(agt__loop_new(&config, &loop, NULL), AGT_E_INVALID);
    assert_null(loop);
}

static void use_loop(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt__loop *loop = NULL;
    agt_error err = {0};
    agt__loop_config config = AGT_CONFIG(agt__loop_config, .allocator = allocator,
                                         .helper_path = "/nowhere", .user_agent = "test/1");
    agt_status status = agt__loop_new(&config, &loop, &err);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_int_equal(err.status, AGT_E_NOMEM);
        return;
    }
    agt__loop_free(loop);
}

static void memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    agt_test_torture(use_loop, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_on_the_loop_thread),
        cmocka_unit_test(jobs_from_many_threads_all_run_in_order),
        cmocka_unit_test(a_wake_up_is_never_lost),
        cmocka_unit_test(a_job_may_post_itself_while_it_runs),
        cmocka_unit_test(posting_to_a_loop_that_is_awake_writes_nothing),
        cmocka_unit_test(a_burst_of_timers_fires_in_the_order_of_starting),
        cmocka_unit_test(timers_fire_by_due_time),
        cmocka_unit_test(a_timer_may_start_itself_again_at_once),
        cmocka_unit_test(another_clock_rules_the_timers),
        cmocka_unit_test(what_was_posted_runs_before_the_end),
        cmocka_unit_test(a_forked_child_leaves_the_loop_alone),
        cmocka_unit_test(free_of_nothing_is_fine),
        cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(memory_may_run_out_at_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
