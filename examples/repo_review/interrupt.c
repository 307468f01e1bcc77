/*
 * Signals belong to the process, so this is the one file with variables of its own. Both signals
 * are blocked in all threads but one, which waits for them: nothing is done inside a signal
 * handler. A second signal ends the program at once.
 */
#include "interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static agt_cancel *current; /* under the mutex; referenced */
static atomic_int signal_that_came;

static void fill(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGTERM);
}

static void *wait_for_signals(void *unused)
{
    sigset_t signals;
    int number = 0;
    (void)unused;
    fill(&signals);
    while (sigwait(&signals, &number) == 0) {
        if (atomic_exchange(&signal_that_came, number) != 0) {
            _exit(128 + number);
        }
        (void)pthread_mutex_lock(&mutex);
        if (current != NULL) {
            agt_cancel_request(current);
        }
        (void)pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

bool interrupt_begin(void)
{
    sigset_t signals;
    pthread_t thread;
    fill(&signals);
    return pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0 &&
           pthread_create(&thread, NULL, wait_for_signals, NULL) == 0 &&
           pthread_detach(thread) == 0;
}

void interrupt_set_cancel(agt_cancel *cancel)
{
    (void)pthread_mutex_lock(&mutex);
    agt_cancel_unref(current);
    current = agt_cancel_ref(cancel);
    if (current != NULL && interrupt_get_signal() != 0) {
        agt_cancel_request(current);
    }
    (void)pthread_mutex_unlock(&mutex);
}

int interrupt_get_signal(void)
{
    return atomic_load(&signal_that_came);
}

void interrupt_end(void)
{
    int number = interrupt_get_signal();
    if (number != 0) {
        sigset_t signals;
        fill(&signals);
        (void)signal(number, SIG_DFL);
        (void)pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
        (void)raise(number);
    }
}
