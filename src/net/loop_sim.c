/*
 * The simulated loop: no thread, no descriptors, virtual time.
 *
 * agt__loop_pump() runs what is ready on the caller's thread; when nothing is, time jumps to the
 * next timer. The order is fixed: the first due timer (by due time, then by start order), then the
 * jobs queued until then, oldest first, then the next due timer. Nothing depends on the machine, so
 * a run with the same program and the same seed is the same run.
 *
 * A blocking call made from inside a job pumps in turn. The batch of jobs therefore lives in the
 * loop and not on the stack: the inner pump goes on where the outer one stands.
 *
 * Threads: one. Time and depth are atomic all the same, because the clock is handed out and may
 * be read from anywhere.
 */
#include "base/assert.h"
#include "net/loop_impl.h"

#define START_NS_DEFAULT      UINT64_C(1000000000)          /* 1 s */
#define START_UNIX_NS_DEFAULT UINT64_C(1767225600000000000) /* 2026-01-01 00:00:00 UTC */

static uint64_t get_monotonic_ns(void *ctx)
{
    agt__loop *loop = ctx;
    return atomic_load_explicit(&loop->sim.now_ns, memory_order_relaxed);
}

static uint64_t get_unix_ns(void *ctx)
{
    agt__loop *loop = ctx;
    return loop->sim.start_unix_ns + (get_monotonic_ns(ctx) - loop->sim.start_ns);
}

void agt__loop_sim_init(agt__loop *loop, const agt__loop_config *config)
{
    agt__loop_sim *sim = &loop->sim;
    sim->start_ns = config->start_ns != 0 ? config->start_ns : START_NS_DEFAULT;
    sim->start_unix_ns = config->start_unix_ns != 0 ? config->start_unix_ns : START_UNIX_NS_DEFAULT;
    atomic_init(&sim->now_ns, sim->start_ns);
    loop->own_clock = (agt_clock){get_monotonic_ns, get_unix_ns, loop};
    loop->clock = &loop->own_clock;
}

bool agt__loop_sim_is_current(const agt__loop *loop)
{
    return atomic_load_explicit(&loop->sim.depth, memory_order_relaxed) > 0;
}

static void set_now(agt__loop *loop, uint64_t now_ns)
{
    if (now_ns > get_monotonic_ns(loop)) {
        atomic_store_explicit(&loop->sim.now_ns, now_ns, memory_order_relaxed);
    }
}

static bool run_one_job(agt__loop *loop)
{
    agt__mpsc_node *node = loop->sim.batch;
    if (node == NULL) {
        return false;
    }
    loop->sim.batch = node->next;
    agt__job *job = (agt__job *)node;
    job->run(job);
    return true;
}

/* One job or one timer of the present moment. @return false if there is none */
static bool step(agt__loop *loop)
{
    if (run_one_job(loop)) {
        return true;
    }
    agt__timer *timer = agt__heap_take_due(&loop->timers, get_monotonic_ns(loop));
    if (timer != NULL) {
        /* Jobs that are queued now go before the timers that this one may start. */
        loop->sim.batch = agt__mpsc_take_all(&loop->jobs);
        agt__loop_fire(loop, timer);
        return true;
    }
    loop->sim.batch = agt__mpsc_take_all(&loop->jobs);
    return run_one_job(loop);
}

static agt_status pump(agt__loop *loop, bool (*is_done)(void *ctx), void *ctx, uint64_t until_ns)
{
    while (!is_done(ctx)) {
        if (step(loop)) {
            continue;
        }
        agt__timer *next = agt__heap_first(&loop->timers);
        if (next == NULL) {
            return AGT_E_BUSY;
        }
        if (next->due_ns > until_ns) {
            set_now(loop, until_ns);
            return AGT_E_TIMEOUT;
        }
        set_now(loop, next->due_ns);
    }
    return AGT_OK;
}

agt_status agt__loop_sim_pump(agt__loop *loop, bool (*is_done)(void *ctx), void *ctx,
                              uint64_t until_ns)
{
    atomic_fetch_add_explicit(&loop->sim.depth, 1, memory_order_relaxed);
    agt_status status = pump(loop, is_done, ctx, until_ns);
    atomic_fetch_sub_explicit(&loop->sim.depth, 1, memory_order_relaxed);
    return status;
}

void agt__loop_sim_stop(agt__loop *loop)
{
    AGT_ASSERT(!agt__loop_sim_is_current(loop));
    atomic_fetch_add_explicit(&loop->sim.depth, 1, memory_order_relaxed);
    while (run_one_job(loop) || agt__loop_run_jobs(loop)) {
    }
    atomic_fetch_sub_explicit(&loop->sim.depth, 1, memory_order_relaxed);
}
