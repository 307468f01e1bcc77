/*
 * Child processes: each is a supervisor (src/helper) that runs the tool, and four descriptors to
 * them: control, standard input, output and error.
 *
 * Life of a process: agt__process_start() starts the supervisor and watches the descriptors. The
 * supervisor reports once, when the tool and all its descendants are gone, and exits. Its pidfd
 * then becomes readable: it is reaped, the report is read, what is left in the pipes is read, the
 * handlers are told, and the process is freed. Nothing else ends a process, so on_exit comes once.
 * A failure of ours (no memory) is remembered, kills the tool and arrives with on_exit.
 *
 * Nothing here blocks. Reading is bounded per turn of the loop, so that a flood from one tool does
 * not keep the others waiting; output over its cap ends the tool. A tool that does not read, or has
 * closed, its input is no failure: what is written to it waits, up to a limit, or is dropped.
 *
 * Threads: the loop's.
 */
#include "net/process.h"

#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "net/loop_impl.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORIGIN                   "net/process"
#define OUTPUT_BYTES_MAX_DEFAULT ((size_t)8 * 1024 * 1024)
#define ERROR_BYTES_MAX_DEFAULT  ((size_t)64 * 1024)
#define INPUT_BYTES_MAX          ((size_t)32 * 1024 * 1024)
#define GRACE_MS_DEFAULT         2000u

/* Reads of one pipe after the end: what a pipe holds is far less; a descendant that escaped the
 * supervisor cannot keep us here. */
enum {
    last_reads_max = 64
};

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static const char *const default_variables[AGT__PROCESS_DEFAULT_VARIABLES] = {
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"};

const char *agt__process_get_default_variable(size_t index)
{
    return default_variables[index];
}

/* ---- all processes ---- */

/* The environment is read once, before there are threads of ours. */
static agt_status read_environment(agt__processes *processes, agt_error *err)
{
    agt__buffer *list = &processes->default_environment;
    agt__buffer_init(list, processes->allocator, 0);
    for (size_t i = 0; i < AGT__PROCESS_DEFAULT_VARIABLES; i++) {
        const char *value = secure_getenv(default_variables[i]);
        if (value != NULL) {
            agt__buffer_add_text(list, default_variables[i]);
            agt__buffer_add_char(list, '=');
            agt__buffer_add(list, value, strlen(value) + 1);
            processes->default_environment_count++;
        }
    }
    return list->status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

agt_status agt__processes_new(agt__loop *loop, agt__processes **ret_processes, agt_error *err)
{
    agt__processes *processes = agt__calloc(loop->allocator, 1, sizeof(*processes));
    if (processes == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    processes->loop = loop;
    processes->allocator = loop->allocator;
    agt_status status = read_environment(processes, err);
    if (status != AGT_OK) {
        agt__processes_free(processes);
        return status;
    }
    *ret_processes = processes;
    return AGT_OK;
}

void agt__processes_free(agt__processes *processes)
{
    if (processes == NULL) {
        return;
    }
    AGT_ASSERT(processes->first == NULL);
    agt__buffer_deinit(&processes->default_environment);
    agt__free(processes->allocator, processes->helper_path);
    agt__free(processes->allocator, processes->read_bytes);
    agt__free(processes->allocator, processes);
}

static void link_process(agt_process *process)
{
    agt__processes *owner = process->owner;
    process->next = owner->first;
    if (owner->first != NULL) {
        owner->first->previous = process;
    }
    owner->first = process;
}

static void unlink_process(agt_process *process)
{
    if (process->previous != NULL) {
        process->previous->next = process->next;
    } else {
        process->owner->first = process->next;
    }
    if (process->next != NULL) {
        process->next->previous = process->previous;
    }
}

/* ---- ending ---- */

static void send_kill(agt_process *process, uint32_t grace_ms)
{
    agt__supervisor_command command = {.grace_ms = grace_ms};
    process->is_kill_sent = true;
    /* Fails only if the supervisor is gone, which is what was wanted. */
    (void)send(process->fds.control, &command, sizeof(command), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void agt__process_kill(agt_process *process)
{
    if (!process->is_kill_sent) {
        send_kill(process, process->grace_ms);
    }
}

void agt__processes_stop(agt__processes *processes)
{
    processes->is_stopping = true;
    for (agt_process *process = processes->first; process != NULL; process = process->next) {
        send_kill(process, 0);
    }
}

/* Out of memory for something the caller asked for: the process cannot go on. */
static void fail(agt_process *process)
{
    if (process->failure.status == AGT_OK) {
        (void)agt__error_nomem(&process->failure, ORIGIN);
    }
    agt__process_kill(process);
}

static void close_watched(struct event *event, int *fd)
{
    if (*fd >= 0) {
        (void)event_del(event);
        (void)close(*fd);
        *fd = -1;
    }
}

/* ---- output ---- */

/* Reads once. @return false if there is nothing more for now, or ever */
static bool read_pipe(agt_process *process, struct event *event, int *fd, size_t *ret_size)
{
    if (*fd < 0) {
        return false;
    }
    ssize_t size = read(*fd, process->owner->read_bytes, AGT__PROCESS_READ_BYTES);
    if (size > 0) {
        *ret_size = (size_t)size;
        return true;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_watched(event, fd);
    }
    return false;
}

static bool read_output(agt_process *process)
{
    size_t size = 0;
    if (!read_pipe(process, &process->output_event, &process->fds.output, &size)) {
        return false;
    }
    if (size > process->output_bytes_left) {
        size = process->output_bytes_left;
        process->is_output_truncated = true;
        close_watched(&process->output_event, &process->fds.output);
        agt__process_kill(process);
    }
    process->output_bytes_left -= size;
    if (size > 0 && process->handler.on_output != NULL) {
        process->handler.on_output(process->user_data, process->owner->read_bytes, size);
    }
    return true;
}

/* Only the end is kept: the buffer runs up to twice what is wanted, then drops its front. */
static bool read_error(agt_process *process)
{
    size_t size = 0;
    if (!read_pipe(process, &process->error_event, &process->fds.error, &size)) {
        return false;
    }
    const char *bytes = process->owner->read_bytes;
    size_t max = process->error_bytes_max;
    if (size > max) {
        bytes += size - max;
        size = max;
    }
    agt__buffer *tail = &process->error_tail;
    if (tail->size + size > max * 2) {
        agt__buffer_consume(tail, tail->size + size - max);
    }
    agt__buffer_add(tail, bytes, size);
    if (tail->status != AGT_OK) {
        fail(process);
    }
    return true;
}

static void on_output_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    agt_process *process = arg;
    agt__loop_event_awake(process->owner->loop);
    (void)read_output(process);
}

static void on_error_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    agt_process *process = arg;
    agt__loop_event_awake(process->owner->loop);
    (void)read_error(process);
}

/* ---- input ---- */

static void drop_input(agt_process *process)
{
    process->is_input_broken = true;
    close_watched(&process->input_event, &process->fds.input);
    agt__buffer_deinit(&process->input);
    process->input_sent = 0;
}

/* @return how much was taken; the input is dropped if nobody reads it any more */
static size_t send_input(agt_process *process, const char *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        ssize_t sent = send(process->fds.input, bytes + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            at += (size_t)sent;
        } else if (sent < 0 && errno == EINTR) {
            continue;
        } else if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            break;
        } else {
            drop_input(process); /* EPIPE, ECONNRESET: it closed its input, as it may */
            return size;
        }
    }
    return at;
}

static void on_input_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    agt_process *process = arg;
    agt__loop_event_awake(process->owner->loop);
    agt__buffer *input = &process->input;
    process->input_sent +=
        send_input(process, input->bytes + process->input_sent, input->size - process->input_sent);
    if (process->is_input_broken) {
        return;
    }
    if (process->input_sent < input->size) {
        /* Moving the rest to the front pays once the front is the larger part. */
        if (process->input_sent >= input->size / 2) {
            agt__buffer_consume(input, process->input_sent);
            process->input_sent = 0;
        }
        return;
    }
    agt__buffer_deinit(input);
    process->input_sent = 0;
    (void)event_del(&process->input_event);
    if (process->is_input_closing) {
        close_watched(&process->input_event, &process->fds.input);
    }
}

agt_status agt__process_write(agt_process *process, const void *bytes, size_t size)
{
    if (process->is_input_closing) {
        return AGT_E_CLOSED;
    }
    if (process->is_input_broken || size == 0) {
        return AGT_OK;
    }
    size_t waiting = process->input.size - process->input_sent;
    if (size > INPUT_BYTES_MAX || waiting > INPUT_BYTES_MAX - size) {
        return AGT_E_LIMIT;
    }
    const char *rest = bytes;
    if (waiting == 0) {
        size_t sent = send_input(process, rest, size);
        rest += sent;
        size -= sent;
        if (size == 0) {
            return AGT_OK;
        }
    }
    agt__buffer_add(&process->input, rest, size);
    if (process->input.status != AGT_OK ||
        (waiting == 0 && event_add(&process->input_event, NULL) != 0)) {
        fail(process); /* a part may have been sent: what follows would not fit */
        return AGT_E_NOMEM;
    }
    return AGT_OK;
}

void agt__process_close_input(agt_process *process)
{
    process->is_input_closing = true;
    if (process->input.size == process->input_sent) {
        close_watched(&process->input_event, &process->fds.input);
    }
}

/* ---- the end ---- */

static void free_process(agt_process *process)
{
    close_watched(&process->control_event, &process->fds.control);
    close_watched(&process->exit_event, &process->fds.pidfd);
    close_watched(&process->input_event, &process->fds.input);
    close_watched(&process->output_event, &process->fds.output);
    close_watched(&process->error_event, &process->fds.error);
    if (process->input.bytes != NULL) {
        agt__wipe(process->input.bytes, process->input.size);
    }
    agt__buffer_deinit(&process->input);
    agt__buffer_deinit(&process->error_tail);
    agt__free(process->owner->allocator, process);
}

static agt_status explain_failed_step(const agt_process *process, agt_error *err)
{
    const char *name = process->name;
    int error = process->report.error;
    agt_status status = error == ENOENT ? AGT_E_NOT_FOUND : AGT_E_IO;
    switch (process->report.failed_step) {
    case AGT__SUPERVISOR_NO_EXEC:
        return agt__error_set_errno(err, status, ORIGIN, error, "cannot run \"%s\"", name);
    case AGT__SUPERVISOR_NO_CWD:
        return agt__error_set_errno(err, status, ORIGIN, error,
                                    "cannot run \"%s\": its working directory", name);
    case AGT__SUPERVISOR_NO_LIMITS:
        return agt__error_set_errno(err, AGT_E_IO, ORIGIN, error,
                                    "cannot run \"%s\": its limits cannot be set", name);
    case AGT__SUPERVISOR_BAD_PLAN:
        return agt__error_set(err, AGT_E_VERSION, ORIGIN,
                              "cannot run \"%s\": the supervisor \"%.200s\" is of another version",
                              name, process->owner->helper_path);
    default:
        return agt__error_set_errno(err, AGT_E_IO, ORIGIN, error,
                                    "cannot run \"%s\": no process can be made", name);
    }
}

/* @end: of the supervisor; all zero if somebody else in this process has reaped it */
static void explain(const agt_process *process, const siginfo_t *end, agt_error *err)
{
    if (process->failure.status != AGT_OK) {
        *err = process->failure;
    } else if (!process->has_report) {
        bool is_signal = end->si_code == CLD_KILLED || end->si_code == CLD_DUMPED;
        (void)agt__error_set(err, AGT_E_PROCESS, ORIGIN,
                             "the supervisor of \"%s\" ended before it (%s %d): what \"%s\" "
                             "started may be left behind",
                             process->name, is_signal ? "signal" : "exit status", end->si_status,
                             process->name);
        err->cause = is_signal ? -end->si_status : end->si_status;
    } else if (process->report.version != AGT__SUPERVISOR_VERSION) {
        (void)agt__error_set(err, AGT_E_VERSION, ORIGIN,
                             "the supervisor \"%.200s\" is of another version",
                             process->owner->helper_path);
    } else if (process->report.failed_step != AGT__SUPERVISOR_OK) {
        (void)explain_failed_step(process, err);
    } else if (process->report.left > 0) {
        (void)agt__error_set(err, AGT_E_PROCESS, ORIGIN,
                             "%u processes of \"%s\" could not be ended",
                             (unsigned)process->report.left, process->name);
    }
}

/* A limit of ours that ends a process by a signal shows in nothing but the signal. */
static bool is_ended_by_limit(const agt_process *process)
{
    const agt__supervisor_report *report = &process->report;
    /* The kernel counts ticks for the limit and exact time for the usage: take half as enough. */
    uint64_t used_us = report->user_us + report->system_us;
    return report->signal == SIGXCPU || report->signal == SIGXFSZ ||
           (report->signal == SIGKILL && used_us / 500000 >= process->cpu_seconds);
}

/* The supervisor is gone: tell the handlers, forget the process. */
static void finish(agt_process *process, const siginfo_t *end)
{
    for (int i = 0; i < last_reads_max && read_output(process); i++) {
    }
    for (int i = 0; i < last_reads_max && read_error(process); i++) {
    }
    agt_error err = {0};
    explain(process, end, &err);
    const agt__supervisor_report *report = &process->report;
    agt_process_exit exit = AGT_CONFIG(agt_process_exit, .exit_status = -1);
    if (process->has_report) {
        exit.exit_status = report->exit_status;
        exit.signal = report->signal;
        exit.user_us = report->user_us;
        exit.system_us = report->system_us;
        exit.memory_bytes = report->memory_bytes;
        exit.descendants_killed = report->descendants_killed;
    }
    exit.output_truncated = process->is_output_truncated;
    exit.killed =
        report->is_killed != 0 || process->is_output_truncated || is_ended_by_limit(process);

    size_t tail = process->error_tail.size;
    size_t skipped = tail > process->error_bytes_max ? tail - process->error_bytes_max : 0;
    if (tail > 0 && process->handler.on_error != NULL) {
        process->handler.on_error(process->user_data, process->error_tail.bytes + skipped,
                                  tail - skipped);
    }
    agt_process_handler handler = process->handler;
    void *user_data = process->user_data;
    unlink_process(process);
    free_process(process);
    handler.on_exit(user_data, &exit, err.status != AGT_OK ? &err : NULL);
}

/* @return false once nothing more can come */
static bool read_report(agt_process *process)
{
    agt__supervisor_report report;
    ssize_t size = recv(process->fds.control, &report, sizeof(report), MSG_DONTWAIT);
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (size == (ssize_t)sizeof(report)) {
        process->report = report;
        process->has_report = true;
    }
    return size > 0;
}

static void reap(agt_process *process)
{
    siginfo_t end = {0};
    /* If somebody else in the host waits for any child, ours may be gone: then nothing is known
     * about the supervisor's end, which matters only without a report. */
    int result = process->fds.pidfd >= 0
                     ? waitid((idtype_t)P_PIDFD, (id_t)process->fds.pidfd, &end, WEXITED)
                     : waitid(P_PID, (id_t)process->pid, &end, WEXITED);
    (void)result;
    if (!process->has_report && process->fds.control >= 0) {
        (void)read_report(process);
    }
    finish(process, &end);
}

static void on_supervisor_exit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    agt_process *process = arg;
    agt__loop_event_awake(process->owner->loop);
    reap(process);
}

static void on_control_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    agt_process *process = arg;
    agt__loop_event_awake(process->owner->loop);
    if (read_report(process)) {
        return;
    }
    if (process->fds.pidfd >= 0) {
        (void)event_del(&process->control_event); /* the pidfd follows at once */
    } else {
        reap(process);
    }
}

/* ---- starting ---- */

static bool watch(agt_process *process)
{
    struct event_base *base = agt__loop_event_base(process->owner->loop);
    const agt__process_fds *fds = &process->fds;
    const short reading = EV_READ | EV_PERSIST;
    const short writing = EV_WRITE | EV_PERSIST;
    (void)event_assign(&process->control_event, base, fds->control, reading, on_control_ready,
                       process);
    (void)event_assign(&process->exit_event, base, fds->pidfd, reading, on_supervisor_exit,
                       process);
    (void)event_assign(&process->input_event, base, fds->input, writing, on_input_ready, process);
    (void)event_assign(&process->output_event, base, fds->output, reading, on_output_ready,
                       process);
    (void)event_assign(&process->error_event, base, fds->error, reading, on_error_ready, process);
    return event_add(&process->control_event, NULL) == 0 &&
           event_add(&process->output_event, NULL) == 0 &&
           event_add(&process->error_event, NULL) == 0 &&
           (fds->pidfd < 0 || event_add(&process->exit_event, NULL) == 0);
}

/* It runs but cannot be watched: the end of the control socket ends it, and it is soon gone. */
static void abandon(agt_process *process)
{
    siginfo_t end;
    close_watched(&process->control_event, &process->fds.control);
    (void)waitid(P_PID, (id_t)process->pid, &end, WEXITED);
    free_process(process);
}

static agt_process *new_process(agt__processes *processes, const agt_process_config *config,
                                const agt_process_handler *handler, void *user_data)
{
    if (processes->read_bytes == NULL) {
        processes->read_bytes = agt__alloc(processes->allocator, AGT__PROCESS_READ_BYTES);
    }
    agt_process *process = agt__calloc(processes->allocator, 1, sizeof(*process));
    if (process == NULL || processes->read_bytes == NULL) {
        agt__free(processes->allocator, process);
        return NULL;
    }
    process->owner = processes;
    process->handler = *handler;
    process->user_data = user_data;
    process->fds = (agt__process_fds){-1, -1, -1, -1, -1};
    process->error_bytes_max =
        config->error_bytes_max != 0 ? config->error_bytes_max : ERROR_BYTES_MAX_DEFAULT;
    process->output_bytes_left =
        config->output_bytes_max != 0 ? config->output_bytes_max : OUTPUT_BYTES_MAX_DEFAULT;
    process->grace_ms = config->grace_ms == 0             ? GRACE_MS_DEFAULT
                        : config->grace_ms == AGT_MS_NONE ? 0
                                                          : config->grace_ms;
    agt_process_limits limits; /* a bad one is refused when the plan is written */
    process->cpu_seconds = UINT64_MAX;
    if (agt__config_read(&limits, sizeof(limits), config->limits, NULL) == AGT_OK &&
        limits.cpu_seconds != 0) {
        process->cpu_seconds = limits.cpu_seconds;
    }
    agt__buffer_init(&process->input, processes->allocator, INPUT_BYTES_MAX * 2);
    agt__buffer_init(&process->error_tail, processes->allocator, SIZE_MAX / 4);
    agt__copy_text(process->name, sizeof(process->name), config->argv[0]);
    return process;
}

agt_status agt__process_start(agt__processes *processes, const agt_process_config *config,
                              const agt_process_handler *handler, void *user_data,
                              agt_process **ret_process, agt_error *err)
{
    agt_process_config own;
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    if (own.argv == NULL || own.argv[0] == NULL || own.argv[0][0] == '\0') {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "a process needs a program to run");
    }
    if (processes->is_stopping) {
        return agt__error_set(err, AGT_E_CLOSED, ORIGIN, "cannot run \"%.100s\": closing",
                              own.argv[0]);
    }
    agt_process *process = new_process(processes, &own, handler, user_data);
    if (process == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    status = agt__process_spawn(processes, &own, &process->fds, &process->pid, err);
    if (status != AGT_OK) {
        agt__free(processes->allocator, process);
        return status;
    }
    if (!watch(process)) {
        abandon(process);
        return agt__error_set(err, AGT_E_IO, ORIGIN, "cannot watch \"%.100s\"", own.argv[0]);
    }
    link_process(process);
    *ret_process = process;
    return AGT_OK;
}
