/*
 * Inside a loop: what loop.c, its two backends and the parts that do input and output share.
 * Nobody outside src/net includes this.
 */
#ifndef AGT_NET_LOOP_IMPL_H
#define AGT_NET_LOOP_IMPL_H

#include "net/loop.h"

#include <stdatomic.h>
#include <sys/types.h>

typedef struct agt__loop_event agt__loop_event; /* loop_event.c: thread, libevent, descriptors */
typedef struct agt__net_io agt__net_io;         /* io.c: HTTP and processes of a real loop     */

/* Simulated time and what is under way; loop_sim.c. */
typedef struct agt__loop_sim {
    _Atomic uint64_t now_ns;
    _Atomic uint32_t depth; /* of nested pumps                                       */
    uint64_t start_ns;
    uint64_t start_unix_ns;
    agt__mpsc_node *batch; /* jobs that were taken and have not run, oldest first   */
} agt__loop_sim;

struct agt__loop {
    const agt_allocator *allocator;
    const agt_clock *clock; /* the given one, the system's, or &own_clock                    */
    agt_clock own_clock;    /* simulated                                                     */
    agt__heap timers;
    void (*on_timer)(void *ctx, uint64_t due_ns); /* NULL = nobody watches                   */
    void *on_timer_ctx;
    bool simulated;
    pid_t owner_pid;   /* of the process that made it: a forked child only looks on     */
    char *helper_path; /* NULL = look for the installed one                             */
    char *user_agent;
    agt__loop_event *event; /* NULL if simulated                                             */
    agt__net_io *io;        /* NULL if simulated                                             */
    agt__loop_sim sim;
    char padding[64]; /* every thread writes what follows: not on the line above  */
    agt__mpsc jobs;
    _Atomic uint32_t posting; /* threads inside agt__loop_post(): freeing waits for them         */
};

/* ---- loop.c ---- */

/** Run what is queued, but not what that queues in turn. @return whether there was anything
 * @threads loop */
bool agt__loop_run_jobs(agt__loop *loop);

/** Fire every timer that is due at @now_ns, but not what that starts. @return whether any was due
 * @threads loop */
bool agt__loop_fire_timers(agt__loop *loop, uint64_t now_ns);

/** Run what a timer that was just stopped is for. @threads loop */
void agt__loop_fire(agt__loop *loop, agt__timer *timer);

/* ---- loop_event.c ---- */

struct event_base;

/** Make the backend and start its thread. Everything else in @loop is ready. */
agt_status agt__loop_event_start(agt__loop *loop, agt_error *err);

/** Stop the input and output, run what is posted, join the thread, free the backend. */
void agt__loop_event_stop(agt__loop *loop);

/** Wake the thread if it sleeps. @threads any */
void agt__loop_event_wake(agt__loop *loop);

/** Whether the caller is the loop thread. @threads any */
bool agt__loop_event_is_current(const agt__loop *loop);

/** The libevent base, for sockets and pipes. @threads loop */
struct event_base *agt__loop_event_base(agt__loop *loop);

/** To be called first by every callback of libevent: jobs that are posted from now on need no
 * wake-up, they are looked at before the thread sleeps again. @threads loop */
void agt__loop_event_awake(agt__loop *loop);

/* ---- loop_sim.c ---- */

/** The same for the simulated loop; `until_ns` and the answers are those of agt__loop_pump(). */
void agt__loop_sim_init(agt__loop *loop, const agt__loop_config *config);
void agt__loop_sim_stop(agt__loop *loop);
bool agt__loop_sim_is_current(const agt__loop *loop);
agt_status agt__loop_sim_pump(agt__loop *loop, bool (*is_done)(void *ctx), void *ctx,
                              uint64_t until_ns);

/* ---- io.c ---- */

/** HTTP and processes of one loop, and the interface to them. */
agt_status agt__net_io_new(agt__loop *loop, agt__net_io **ret_io, agt_error *err);
const agt_io *agt__net_io_get_table(agt__net_io *io);
/** Cancel requests and kill processes; is_idle becomes true once all have reported. @threads loop
 */
void agt__net_io_stop(agt__net_io *io);
bool agt__net_io_is_idle(const agt__net_io *io);
/** After the thread has gone. */
void agt__net_io_free(agt__net_io *io);

#endif
