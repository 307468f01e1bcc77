/*
 * Threads as the library uses them: joinable, named, with an explicit stack size and every signal
 * blocked (signals belong to the host), and condition variables that wait on the monotonic clock.
 * Mutexes are plain pthread_mutex_t.
 */
#ifndef AGT_BASE_THREAD_H
#define AGT_BASE_THREAD_H

#include "agent_sdk/base.h"

#include <pthread.h>

/**
 * Start a thread that runs @main(@arg).
 *
 * @param name         at most 15 bytes, shown by debuggers
 * @param stack_bytes  0 = 512 KiB
 * @return AGT_OK; AGT_E_IO with errno as cause
 */
agt_status agt__thread_start(pthread_t *ret_thread, const char *name, size_t stack_bytes,
                             void *(*main)(void *), void *arg, agt_error *err);

/** A condition variable on CLOCK_MONOTONIC. @return AGT_OK; AGT_E_NOMEM */
agt_status agt__cond_init(pthread_cond_t *cond);

/**
 * Wait until signalled or until @deadline_ns of the system's monotonic clock (UINT64_MAX: for
 * ever).
 *
 * @return false once the deadline has passed
 */
bool agt__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns);

#endif
