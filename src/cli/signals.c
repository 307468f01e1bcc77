/*
 * Signals by signalfd(2): no handler, so nothing to be careful about in one. The library has no say
 * in signals; the command does.
 */
#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill_set(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
}

int cli_signals_open(void)
{
    sigset_t set;
    fill_set(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    int file = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (file < 0) {
        char text[128];
        cli_complain("cannot watch signals: %s", strerror_r(errno, text, sizeof(text)));
    }
    return file;
}

int cli_signals_take(int file)
{
    struct signalfd_siginfo info;
    ssize_t size = read(file, &info, sizeof(info));
    return size == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

void cli_signals_close(int file)
{
    sigset_t set;
    fill_set(&set);
    if (file >= 0) {
        (void)close(file);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
}

cli_exit cli_signals_exit_of(int signal)
{
    return (cli_exit)(128 + signal);
}
