/*
 * Starting a supervisor: the descriptors, the plan in a memory file, posix_spawn.
 *
 * Every descriptor is made close-on-exec and numbered above those that the supervisor gets, so that
 * putting them into their places (0 to 4) cannot overwrite one that is still needed, even in a host
 * that has closed its own 0, 1 and 2. The tool's standard input is a socket pair: a write to it can
 * say MSG_NOSIGNAL, so a tool that has gone never costs the host a SIGPIPE.
 */
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "net/loop_impl.h"
#include "net/process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ORIGIN            "net/process"
#define FILES_MAX_DEFAULT 256
#define PLAN_BYTES_MAX    ((size_t)16 * 1024 * 1024)
#define HELPER_NAME       "libexec/agent_sdk/agent-supervisor"

#ifndef AGT_SUPERVISOR_PATH
#define AGT_SUPERVISOR_PATH "/usr/" HELPER_NAME
#endif

enum {
    fds_above = AGT__SUPERVISOR_PLAN_FD + 1,
    path_bytes_max = 4096
};

/* The supervisor's ends; -1 = none. */
typedef struct child_fds {
    int input, output, error, control, plan;
} child_fds;

/* ---- descriptors ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void agt__process_close_fds(agt__process_fds *fds)
{
    close_fd(&fds->control);
    close_fd(&fds->input);
    close_fd(&fds->output);
    close_fd(&fds->error);
    close_fd(&fds->pidfd);
}

static void close_child_fds(child_fds *fds)
{
    close_fd(&fds->input);
    close_fd(&fds->output);
    close_fd(&fds->error);
    close_fd(&fds->control);
    close_fd(&fds->plan);
}

/* Moves @fd above the supervisor's numbers. @return false, errno set, @fd closed */
static bool raise_fd(int *fd)
{
    if (*fd < 0 || *fd >= fds_above) {
        return *fd >= 0;
    }
    int raised = fcntl(*fd, F_DUPFD_CLOEXEC, fds_above);
    int error = errno;
    close_fd(fd);
    *fd = raised;
    errno = error;
    return raised >= 0;
}

static bool set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool open_pipe(int *ours, int *theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    *ours = ends[0];
    *theirs = ends[1];
    return raise_fd(theirs) && set_nonblocking(*ours);
}

static bool open_socket_pair(int type, int *ours, int *theirs)
{
    int ends[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    *ours = ends[0];
    *theirs = ends[1];
    return raise_fd(theirs) && set_nonblocking(*ours);
}

static bool open_all(agt__process_fds *ours, child_fds *theirs)
{
    if (!open_socket_pair(SOCK_SEQPACKET, &ours->control, &theirs->control) ||
        !open_socket_pair(SOCK_STREAM, &ours->input, &theirs->input) ||
        !open_pipe(&ours->output, &theirs->output) || !open_pipe(&ours->error, &theirs->error)) {
        return false;
    }
    /* Input goes one way: a tool that writes to it shall not be left waiting for a reader. */
    (void)shutdown(ours->input, SHUT_RD);
    theirs->plan = memfd_create("agent_sdk-plan", MFD_CLOEXEC);
    return raise_fd(&theirs->plan);
}

static agt_status fail_descriptors(agt_error *err, int error)
{
    const char *hint = error == EMFILE   ? " (this process has used up its limit: see ulimit -n)"
                       : error == ENFILE ? " (the system has no more)"
                                         : "";
    return agt__error_set_errno(err, AGT_E_IO, ORIGIN, error,
                                "cannot make the pipes of a child process%s", hint);
}

/* ---- the plan ---- */

static uint32_t count_strings(const char *const *list)
{
    uint32_t count = 0;
    while (list != NULL && list[count] != NULL) {
        count++;
    }
    return count;
}

static void add_strings(agt__buffer *plan, const char *const *list)
{
    for (; list != NULL && *list != NULL; list++) {
        agt__buffer_add(plan, *list, strlen(*list) + 1);
    }
}

static uint64_t limit_of(uint64_t given, uint64_t otherwise)
{
    return given != 0 ? given : otherwise;
}

static agt_status read_limits(const agt_process_config *config, agt__supervisor_plan *plan,
                              agt_error *err)
{
    agt_process_limits limits;
    agt_status status = agt__config_read(&limits, sizeof(limits), config->limits, err);
    if (status == AGT_OK) {
        plan->memory_bytes = limit_of(limits.memory_bytes, UINT64_MAX);
        plan->cpu_seconds = limit_of(limits.cpu_seconds, UINT64_MAX);
        plan->files_max = limit_of(limits.files_max, FILES_MAX_DEFAULT);
        plan->file_bytes = limit_of(limits.file_bytes, UINT64_MAX);
        plan->processes_max = limit_of(limits.processes_max, UINT64_MAX);
    }
    return status;
}

static agt_status fill_plan(agt__processes *processes, const agt_process_config *config,
                            agt__buffer *plan, agt_error *err)
{
    agt__supervisor_plan header = {
        .magic = AGT__SUPERVISOR_MAGIC,
        .version = AGT__SUPERVISOR_VERSION,
        .host_pid = getpid(),
        .has_cwd = config->cwd != NULL,
        .argument_count = count_strings(config->argv),
        .variable_count =
            config->env != NULL ? count_strings(config->env) : processes->default_environment_count,
    };
    agt_status status = read_limits(config, &header, err);
    if (status != AGT_OK) {
        return status;
    }
    agt__buffer_add(plan, &header, sizeof(header));
    if (config->cwd != NULL) {
        agt__buffer_add(plan, config->cwd, strlen(config->cwd) + 1);
    }
    add_strings(plan, config->argv);
    if (config->env != NULL) {
        add_strings(plan, config->env);
    } else {
        agt__buffer_add(plan, processes->default_environment.bytes,
                        processes->default_environment.size);
    }
    if (plan->status == AGT_E_NOMEM) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (plan->status != AGT_OK) {
        return agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                              "the arguments and the environment of \"%.100s\" are too large",
                              config->argv[0]);
    }
    header.strings_size = plan->size - sizeof(header);
    memcpy(plan->bytes, &header, sizeof(header));
    return AGT_OK;
}

static agt_status write_plan(agt__processes *processes, const agt_process_config *config, int fd,
                             agt_error *err)
{
    agt__buffer plan;
    agt__buffer_init(&plan, processes->allocator, PLAN_BYTES_MAX);
    agt_status status = fill_plan(processes, config, &plan, err);
    for (size_t at = 0; status == AGT_OK && at < plan.size;) {
        ssize_t written = write(fd, plan.bytes + at, plan.size - at);
        if (written > 0) {
            at += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            status =
                agt__error_set_errno(err, AGT_E_IO, ORIGIN, errno, "cannot write down what to run");
        }
    }
    if (plan.bytes != NULL) {
        agt__wipe(plan.bytes, plan.size); /* environments hold keys */
    }
    agt__buffer_deinit(&plan);
    return status;
}

/* ---- the supervisor ---- */

/* Folder of @path, then @up folders up, then the helper, if it is there. */
static bool try_helper(const char *path, const char *up, char *found)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return false;
    }
    int length =
        snprintf(found, path_bytes_max, "%.*s/%s%s", (int)(slash - path), path, up, HELPER_NAME);
    return length > 0 && length < path_bytes_max && access(found, X_OK) == 0;
}

/* Beside the library or the program first, so that a build tree uses its own; then where it was
 * installed. */
static void find_helper(char *found)
{
    char program[path_bytes_max];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[length > 0 ? length : 0] = '\0';
    Dl_info library = {0};
    if (dladdr((const void *)HELPER_NAME, &library) == 0 || library.dli_fname == NULL) {
        library.dli_fname = "";
    }
    if (try_helper(library.dli_fname, "../", found) ||
        try_helper(library.dli_fname, "../../", found) || try_helper(program, "../", found)) {
        return;
    }
    (void)snprintf(found, path_bytes_max, "%s", AGT_SUPERVISOR_PATH);
}

static agt_status fail_helper(agt_error *err, const char *path, int error)
{
    return agt__error_set_errno(err, AGT_E_NOT_FOUND, ORIGIN, error,
                                "child processes need the program \"%.200s\": install agent_sdk "
                                "completely, or configure the path of its supervisor",
                                path);
}

/* Looked at before it is run: not every posix_spawn (valgrind's, an emulator's) can say that the
 * program is not there. */
static agt_status choose_helper(agt__processes *processes, agt_error *err)
{
    if (processes->helper_path != NULL) {
        return AGT_OK;
    }
    char found[path_bytes_max];
    const char *path = processes->loop->helper_path;
    if (path == NULL) {
        find_helper(found);
        path = found;
    }
    struct stat info;
    if (stat(path, &info) != 0 || access(path, X_OK) != 0) {
        return fail_helper(err, path, errno);
    }
    if (!S_ISREG(info.st_mode)) {
        return fail_helper(err, path, EACCES);
    }
    processes->helper_path = agt__strdup(processes->allocator, path);
    return processes->helper_path != NULL ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

static int add_actions(posix_spawn_file_actions_t *actions, const child_fds *fds)
{
    int error = posix_spawn_file_actions_adddup2(actions, fds->input, STDIN_FILENO);
    error = error ? error : posix_spawn_file_actions_adddup2(actions, fds->output, STDOUT_FILENO);
    error = error ? error : posix_spawn_file_actions_adddup2(actions, fds->error, STDERR_FILENO);
    error =
        error ? error
              : posix_spawn_file_actions_adddup2(actions, fds->control, AGT__SUPERVISOR_CONTROL_FD);
    return error ? error
                 : posix_spawn_file_actions_adddup2(actions, fds->plan, AGT__SUPERVISOR_PLAN_FD);
}

/* A session of its own (a ^C at the host's terminal is the host's), no signal blocked or ignored.
 */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    int error = posix_spawnattr_setsigmask(attributes, &signals);
    (void)sigfillset(&signals);
    error = error ? error : posix_spawnattr_setsigdefault(attributes, &signals);
    return error ? error
                 : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                            POSIX_SPAWN_SETSIGDEF |
                                                            POSIX_SPAWN_SETSID);
}

static int spawn(const char *path, const child_fds *fds, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        char name[] = "agent-supervisor";
        char *arguments[] = {name, NULL};
        char *environment[] = {NULL};
        error = add_actions(&actions, fds);
        error = error ? error : set_attributes(&attributes);
        error = error ? error
                      : posix_spawn(ret_pid, path, &actions, &attributes, arguments, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

static agt_status start_supervisor(agt__processes *processes, const child_fds *fds, pid_t *ret_pid,
                                   agt_error *err)
{
    agt_status status = choose_helper(processes, err);
    if (status != AGT_OK) {
        return status;
    }
    int error = spawn(processes->helper_path, fds, ret_pid);
    if (error == ENOENT || error == EACCES || error == ENOEXEC) {
        return fail_helper(err, processes->helper_path, error);
    }
    if (error != 0) {
        return agt__error_set_errno(err, AGT_E_IO, ORIGIN, error, "cannot start a process");
    }
    return AGT_OK;
}

agt_status agt__process_spawn(agt__processes *processes, const agt_process_config *config,
                              agt__process_fds *ret_fds, pid_t *ret_pid, agt_error *err)
{
    agt__process_fds ours = {-1, -1, -1, -1, -1};
    child_fds theirs = {-1, -1, -1, -1, -1};
    agt_status status = AGT_OK;
    if (!open_all(&ours, &theirs)) {
        status = fail_descriptors(err, errno);
    }
    if (status == AGT_OK) {
        status = write_plan(processes, config, theirs.plan, err);
    }
    if (status == AGT_OK) {
        status = start_supervisor(processes, &theirs, ret_pid, err);
    }
    close_child_fds(&theirs);
    if (status != AGT_OK) {
        agt__process_close_fds(&ours);
        return status;
    }
    /* Without one (an old kernel, no descriptor left) the control socket's end has to do. */
    ours.pidfd = (int)syscall(SYS_pidfd_open, *ret_pid, 0);
    *ret_fds = ours;
    return AGT_OK;
}
