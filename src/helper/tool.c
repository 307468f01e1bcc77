/*
 * From the plan to the running tool: reading the plan, and the child that sets its limits and
 * becomes the tool.
 *
 * The child reports a failure through a pipe that closes itself on success (close-on-exec), so the
 * supervisor knows which step failed and why, and otherwise that the tool runs. The search in PATH
 * is our own: execvp() would hand a file that is no program to a shell.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

enum {
    path_bytes_max = 4096
};

/* What the child could not do. */
typedef struct failure {
    uint32_t step;
    int32_t error;
} failure;

/* ---- the plan ---- */

void close_from(unsigned first)
{
    if (syscall(SYS_close_range, first, ~0u, 0) == 0) {
        return;
    }
    struct rlimit limit; /* before Linux 5.9, or forbidden */
    rlim_t end = 65536;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end) {
        end = limit.rlim_cur;
    }
    for (unsigned fd = first; fd < end; fd++) {
        (void)close((int)fd);
    }
}

/* Fills @ret_list with @count strings from @at on. @return where they end; NULL if they do not */
static char *split_strings(char *at, const char *end, size_t count, char ***ret_list)
{
    char **list = calloc(count + 1, sizeof(*list));
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        char *stop = memchr(at, '\0', (size_t)(end - at));
        if (stop == NULL) {
            return NULL;
        }
        list[i] = at;
        at = stop + 1;
    }
    *ret_list = list;
    return at;
}

static bool read_strings(char *at, const char *end, tool_plan *plan)
{
    char **cwd = NULL;
    at = split_strings(at, end, plan->header.has_cwd != 0 ? 1 : 0, &cwd);
    if (at != NULL) {
        plan->cwd = cwd[0];
        at = split_strings(at, end, plan->header.argument_count, &plan->arguments);
    }
    if (at != NULL) {
        at = split_strings(at, end, plan->header.variable_count, &plan->variables);
    }
    return at == end && plan->arguments[0] != NULL;
}

bool read_plan(int fd, tool_plan *ret_plan)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || (size_t)info.st_size < sizeof(agt__supervisor_plan)) {
        return false;
    }
    size_t size = (size_t)info.st_size;
    char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return false;
    }
    tool_plan plan = {0};
    memcpy(&plan.header, bytes, sizeof(plan.header));
    if (plan.header.magic != AGT__SUPERVISOR_MAGIC ||
        plan.header.version != AGT__SUPERVISOR_VERSION ||
        plan.header.strings_size != size - sizeof(plan.header) ||
        plan.header.argument_count > size || plan.header.variable_count > size) {
        return false;
    }
    if (!read_strings(bytes + sizeof(plan.header), bytes + size, &plan)) {
        return false;
    }
    *ret_plan = plan;
    return true;
}

/* ---- the child ---- */

/* Lower a limit for good. What is above the present hard limit is that. */
static int set_limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit limit;
    if (soft == UINT64_MAX) {
        return 0;
    }
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0) {
        return -1;
    }
    if (limit.rlim_max == RLIM_INFINITY || hard < limit.rlim_max) {
        limit.rlim_max = hard;
    }
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

static int set_limits(const agt__supervisor_plan *plan)
{
    /* Processor time: a signal that can be handled at the limit, KILL a second later. */
    uint64_t cpu_hard = plan->cpu_seconds < UINT64_MAX ? plan->cpu_seconds + 1 : UINT64_MAX;
    if (set_limit(RLIMIT_CORE, 0, 0) != 0 ||
        set_limit(RLIMIT_CPU, plan->cpu_seconds, cpu_hard) != 0 ||
        set_limit(RLIMIT_NOFILE, plan->files_max, plan->files_max) != 0 ||
        set_limit(RLIMIT_FSIZE, plan->file_bytes, plan->file_bytes) != 0 ||
        set_limit(RLIMIT_NPROC, plan->processes_max, plan->processes_max) != 0) {
        return -1;
    }
    return set_limit(RLIMIT_AS, plan->memory_bytes, plan->memory_bytes);
}

static const char *find_variable(char *const *variables, const char *name)
{
    size_t length = strlen(name);
    for (; *variables != NULL; variables++) {
        if (strncmp(*variables, name, length) == 0 && (*variables)[length] == '=') {
            return *variables + length + 1;
        }
    }
    return NULL;
}

/* Try the program in each folder of PATH. Returns only if none would do, with errno set to the
 * most telling reason: a program that may not be run says more than one that is not there. */
static void search_and_exec(const tool_plan *plan)
{
    const char *name = plan->arguments[0];
    const char *path = find_variable(plan->variables, "PATH");
    bool is_forbidden = false;
    size_t name_length = strlen(name);
    for (path = path != NULL ? path : PATH_DEFAULT;; path++) {
        char file[path_bytes_max];
        const char *end = strchrnul(path, ':');
        size_t length = (size_t)(end - path);
        if (length + 1 + name_length < sizeof(file)) {
            memcpy(file, path, length);
            file[length] = '/';
            memcpy(file + (length != 0 ? length + 1 : 0), name, name_length + 1);
            (void)execve(file, plan->arguments, plan->variables);
            if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
                return;
            }
            is_forbidden = is_forbidden || errno == EACCES;
        }
        if (*end == '\0') {
            errno = is_forbidden ? EACCES : ENOENT;
            return;
        }
        path = end;
    }
}

static failure become_tool(const tool_plan *plan)
{
    (void)setsid();
    if (set_limits(&plan->header) != 0) {
        return (failure){AGT__SUPERVISOR_NO_LIMITS, errno};
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return (failure){AGT__SUPERVISOR_NO_LIMITS, errno};
    }
    if (plan->cwd != NULL && chdir(plan->cwd) != 0) {
        return (failure){AGT__SUPERVISOR_NO_CWD, errno};
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (strchr(plan->arguments[0], '/') != NULL) {
        (void)execve(plan->arguments[0], plan->arguments, plan->variables);
    } else {
        search_and_exec(plan);
    }
    return (failure){AGT__SUPERVISOR_NO_EXEC, errno};
}

static _Noreturn void run_child(const tool_plan *plan, pid_t supervisor, int report_fd)
{
    /* Should the supervisor be killed, this dies too; it may have been killed already. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() == supervisor) {
        failure reason = become_tool(plan);
        ssize_t written = write(report_fd, &reason, sizeof(reason));
        (void)written;
    }
    _exit(127);
}

pid_t start_tool(const tool_plan *plan, agt__supervisor_report *report)
{
    int ends[2];
    pid_t supervisor = getpid();
    pid_t child = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
    if (child < 0) {
        report->failed_step = AGT__SUPERVISOR_NO_PROCESS;
        report->error = errno;
        return -1;
    }
    if (child == 0) {
        run_child(plan, supervisor, ends[1]);
    }
    (void)close(ends[1]);
    failure reason;
    ssize_t size;
    do {
        size = read(ends[0], &reason, sizeof(reason));
    } while (size < 0 && errno == EINTR);
    (void)close(ends[0]);
    if (size == (ssize_t)sizeof(reason)) {
        report->failed_step = reason.step;
        report->error = reason.error;
        return -1;
    }
    return child;
}
