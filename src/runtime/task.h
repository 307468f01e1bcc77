/*
 * Tasks: what every `_start` returns. A task knows whether it is done and whom to tell; what it
 * produced is the business of whoever made it.
 */
#ifndef AGT_RUNTIME_TASK_H
#define AGT_RUNTIME_TASK_H

#include "agent_sdk/runtime.h"
#include "net/loop.h"

#include <pthread.h>

typedef struct agt__task_table {
    /* Ask the work to stop. Any thread. */
    void (*cancel)(agt_task *task);
    /* The last reference is gone: drop the payload. */
    void (*destroy)(agt_task *task);
} agt__task_table;

struct agt_task {
    const agt__task_table *table; /* also says of which kind the task is */
    agt_runtime *runtime;         /* referenced */
    void *payload;
    _Atomic uint32_t refs;
    _Atomic uint32_t done;
    _Atomic bool cancel_wanted; /* set before the table's cancel() */
    pthread_mutex_t mutex;      /* guards the callback and the wait */
    pthread_cond_t changed;
    void (*on_done)(agt_task *task, void *user_data);
    void *user_data;
    agt__job job; /* brings on_done to the loop */
};

agt_status agt__task_new(agt_runtime *runtime, const agt__task_table *table, void *payload,
                         agt_task **ret_task);

/** The task is done: whoever waits goes on, on_done is called from the loop. Once.
 * @threads loop */
void agt__task_finish(agt_task *task);

#endif
