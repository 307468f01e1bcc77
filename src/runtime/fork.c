/*
 * Knowing that fork() happened: a counter that the child's side of fork increments. A runtime
 * remembers the count it was born with; another count means that its threads are not here.
 *
 * The counter and its registration are process-wide because fork is.
 */
#include "runtime/runtime.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic uint32_t generation;
static pthread_once_t registered = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void register_once(void)
{
    (void)pthread_atfork(NULL, NULL, count_fork);
}

uint32_t agt__fork_get_generation(void)
{
    (void)pthread_once(&registered, register_once);
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
