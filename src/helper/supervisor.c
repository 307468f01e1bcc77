/*
 * agent-supervisor: runs one tool for the library and leaves nothing behind.
 *
 * The host may be any program, with threads, handlers and children of its own; it cannot be a
 * subreaper, nor may it fork and then do more than exec. So it starts this small program, which
 * starts the tool, waits, and reports how it ended in one message. In between it obeys: a command
 * on the control socket ends the tool (TERM, KILL after the grace time); the end of the control
 * socket means that the host is gone, and so ends everything at once. So does a signal to the
 * supervisor, which is also what the kernel sends when the host's loop thread dies.
 *
 * Whatever the tool started, daemons with sessions of their own included, becomes a child of this
 * process when its parent dies (PR_SET_CHILD_SUBREAPER). Once the tool has ended, all that is left
 * is killed, reaped and counted, until there is no child any more.
 *
 * One thread, every signal blocked and read from a signalfd. Nothing but the C library.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* While killing, /proc is looked at again at least this often. */
#define RESCAN_MS 20
/* What is not dead by then is stuck in the kernel: reported, not waited for. */
#define GIVE_UP_MS 10000

typedef struct state {
    pid_t tool;
    int signal_fd;
    bool is_tool_gone;
    bool has_children;
    bool is_killing;
    bool has_deadline; /* TERM was sent, KILL follows                        */
    uint64_t kill_at_ms;
    uint64_t give_up_at_ms;
    agt__supervisor_report report;
} state;

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void begin_killing(state *self)
{
    if (!self->is_killing) {
        self->is_killing = true;
        self->give_up_at_ms = now_ms() + GIVE_UP_MS;
    }
}

/* ---- children ---- */

static void note_end(state *self, pid_t pid, int status)
{
    if (pid != self->tool) {
        if (self->is_killing && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
            self->report.descendants_killed++;
        }
        return;
    }
    self->is_tool_gone = true;
    if (WIFSIGNALED(status)) {
        self->report.signal = WTERMSIG(status);
    } else {
        self->report.exit_status = WEXITSTATUS(status);
    }
}

static void reap(state *self)
{
    for (;;) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) {
            self->has_children = pid == 0;
            return;
        }
        note_end(self, pid, status);
    }
}

/* ---- what the host wants ---- */

static void terminate(state *self, uint32_t grace_ms)
{
    if (self->is_tool_gone) {
        return;
    }
    self->report.is_killed = 1;
    if (grace_ms == 0) {
        begin_killing(self);
        return;
    }
    uint64_t kill_at_ms = now_ms() + grace_ms;
    if (!self->has_deadline || kill_at_ms < self->kill_at_ms) {
        self->kill_at_ms = kill_at_ms;
    }
    if (!self->has_deadline) {
        self->has_deadline = true;
        terminate_descendants(self->tool);
    }
}

static void read_command(state *self)
{
    agt__supervisor_command command;
    ssize_t size = recv(AGT__SUPERVISOR_CONTROL_FD, &command, sizeof(command), MSG_DONTWAIT);
    if (size == (ssize_t)sizeof(command)) {
        terminate(self, command.grace_ms);
    } else if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        begin_killing(self); /* the host is gone */
    }
}

static void read_signals(state *self)
{
    struct signalfd_siginfo info;
    while (read(self->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            begin_killing(self);
        }
    }
}

/* ---- the loop ---- */

static int get_timeout_ms(const state *self)
{
    if (self->is_killing) {
        return RESCAN_MS;
    }
    if (!self->has_deadline) {
        return -1;
    }
    uint64_t now = now_ms();
    if (self->kill_at_ms <= now) {
        return 0;
    }
    return self->kill_at_ms - now < 1000000 ? (int)(self->kill_at_ms - now) : 1000000;
}

/* While killing, commands and the end of the control socket mean nothing any more, and the latter
 * would never stop being there. */
static void wait_for_something(state *self)
{
    struct pollfd sources[2] = {{.fd = self->signal_fd, .events = POLLIN},
                                {.fd = AGT__SUPERVISOR_CONTROL_FD, .events = POLLIN}};
    nfds_t count = self->is_killing ? 1 : 2;
    if (poll(sources, count, get_timeout_ms(self)) <= 0) {
        return;
    }
    if (sources[0].revents != 0) {
        read_signals(self);
    }
    if (count == 2 && sources[1].revents != 0) {
        read_command(self);
    }
}

static void supervise(state *self)
{
    for (;;) {
        reap(self);
        if (self->is_tool_gone && !self->has_children) {
            return;
        }
        if (self->is_tool_gone || (self->has_deadline && self->kill_at_ms <= now_ms())) {
            begin_killing(self);
        }
        if (self->is_killing) {
            self->report.left = kill_descendants();
            if (now_ms() >= self->give_up_at_ms) {
                return;
            }
        }
        wait_for_something(self);
    }
}

/* ---- beginning and end ---- */

static void send_report(state *self)
{
    struct rusage usage;
    if (getrusage(RUSAGE_CHILDREN, &usage) == 0) {
        self->report.user_us =
            (uint64_t)usage.ru_utime.tv_sec * 1000000u + (uint64_t)usage.ru_utime.tv_usec;
        self->report.system_us =
            (uint64_t)usage.ru_stime.tv_sec * 1000000u + (uint64_t)usage.ru_stime.tv_usec;
        self->report.memory_bytes = (uint64_t)usage.ru_maxrss * 1024u;
    }
    if (!self->has_children) {
        self->report.left = 0;
    }
    (void)send(AGT__SUPERVISOR_CONTROL_FD, &self->report, sizeof(self->report), MSG_NOSIGNAL);
}

/* Block every signal; CHLD and those that ask a process to end are read from a descriptor. */
static int open_signals(void)
{
    sigset_t all, read_ones;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)sigemptyset(&read_ones);
    (void)sigaddset(&read_ones, SIGCHLD);
    (void)sigaddset(&read_ones, SIGTERM);
    (void)sigaddset(&read_ones, SIGINT);
    (void)sigaddset(&read_ones, SIGHUP);
    (void)sigaddset(&read_ones, SIGQUIT);
    return signalfd(-1, &read_ones, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void prepare_descriptors(void)
{
    close_from(AGT__SUPERVISOR_PLAN_FD + 1);
    (void)fcntl(AGT__SUPERVISOR_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    (void)fcntl(AGT__SUPERVISOR_PLAN_FD, F_SETFD, FD_CLOEXEC);
}

/* @return false if the host is gone already */
static bool bind_to_host(pid_t host)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the tool has no business in our memory */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    return getppid() == host;
}

static void run(state *self, const tool_plan *plan)
{
    self->signal_fd = open_signals();
    if (self->signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        self->report.failed_step = AGT__SUPERVISOR_NO_PROCESS;
        self->report.error = errno;
        return;
    }
    self->tool = start_tool(plan, &self->report);
    /* The tool's alone from now on: its pipes close when it closes them. */
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    (void)close(STDERR_FILENO);
    if (self->tool > 0) {
        supervise(self);
    }
}

int main(void)
{
    prepare_descriptors();
    state self = {.report = {.version = AGT__SUPERVISOR_VERSION, .exit_status = -1}};
    tool_plan plan;
    if (!read_plan(AGT__SUPERVISOR_PLAN_FD, &plan)) {
        self.report.failed_step = AGT__SUPERVISOR_BAD_PLAN;
        self.report.error = EINVAL;
    } else if (bind_to_host(plan.header.host_pid)) {
        (void)close(AGT__SUPERVISOR_PLAN_FD);
        run(&self, &plan);
    } else {
        return 1;
    }
    send_report(&self);
    return 0;
}
