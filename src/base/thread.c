/* Thread creation and timed waits in one place; see thread.h for what is promised. */
#include "base/thread.h"

#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define STACK_BYTES_DEFAULT ((size_t)512 * 1024)

static int start_blocked(pthread_t *ret_thread, const pthread_attr_t *attributes,
                         void *(*main)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    int error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error != 0) {
        return error;
    }
    error = pthread_create(ret_thread, attributes, main, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

agt_status agt__thread_start(pthread_t *ret_thread, const char *name, size_t stack_bytes,
                             void *(*main)(void *), void *arg, agt_error *err)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error == 0) {
        error = pthread_attr_setstacksize(&attributes,
                                          stack_bytes != 0 ? stack_bytes : STACK_BYTES_DEFAULT);
        if (error == 0) {
            error = start_blocked(ret_thread, &attributes, main, arg);
        }
        (void)pthread_attr_destroy(&attributes);
    }
    if (error != 0) {
        return agt__error_set_errno(err, AGT_E_IO, "base/thread", error,
                                    "cannot start the thread \"%s\"", name);
    }
    (void)pthread_setname_np(*ret_thread, name);
    return AGT_OK;
}

agt_status agt__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return AGT_E_NOMEM;
    }
    int error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0) {
        error = pthread_cond_init(cond, &attributes);
    }
    (void)pthread_condattr_destroy(&attributes);
    return error == 0 ? AGT_OK : AGT_E_NOMEM;
}

bool agt__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX) {
        (void)pthread_cond_wait(cond, mutex);
        return true;
    }
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                             .tv_nsec = (long)(deadline_ns % 1000000000u)};
    return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}
