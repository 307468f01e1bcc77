/*
 * Finding and signalling every descendant of the supervisor.
 *
 * The kernel has no call for "all my descendants", and a process group does not hold them: a daemon
 * leaves it with setsid(). Since the supervisor is a subreaper, though, whatever the tool starts
 * stays below it in the tree of parents, which /proc shows.
 *
 * Two races. A process may fork while /proc is read: the caller repeats until nobody is left, and
 * a process that was sent KILL cannot complete another fork. A number may be reused between the
 * look and the signal: so the process is pinned by a pidfd first, and its parent looked at again.
 */
#include "helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct process {
    pid_t pid;
    pid_t parent;
    pid_t group;
} process;

typedef struct process_list {
    process *items;
    size_t count;
    size_t capacity;
} process_list;

/* Reads parent and group from /proc/<pid>/stat. The name in parentheses may hold anything, so the
 * numbers are looked for behind the last parenthesis. */
static bool read_process(pid_t pid, process *ret_process)
{
    char path[32], text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t size = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (size <= 0) {
        return false;
    }
    text[size] = '\0';
    const char *behind_name = strrchr(text, ')');
    if (behind_name == NULL || strlen(behind_name) < 4) {
        return false;
    }
    char *end = NULL; /* ") S parent group ..." */
    long parent = strtol(behind_name + 3, &end, 10);
    long group = strtol(end, NULL, 10);
    *ret_process = (process){pid, (pid_t)parent, (pid_t)group};
    return true;
}

static bool add(process_list *list, process item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity != 0 ? list->capacity * 2 : 256;
        process *grown = realloc(list->items, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static void read_all_processes(process_list *list)
{
    DIR *folder = opendir("/proc");
    if (folder == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        process item;
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && read_process((pid_t)pid, &item) && !add(list, item)) {
            break;
        }
    }
    (void)closedir(folder);
}

/* Moves the descendants of @root to the front, parents before children. @return their number */
static size_t sort_descendants(process_list *list, pid_t root)
{
    size_t count = 0;
    size_t parents_done = 0;
    pid_t parent = root;
    for (;;) {
        for (size_t i = count; i < list->count; i++) {
            if (list->items[i].parent == parent) {
                process found = list->items[i];
                list->items[i] = list->items[count];
                list->items[count++] = found;
            }
        }
        if (parents_done == count) {
            return count;
        }
        parent = list->items[parents_done++].pid;
    }
}

static void send_signal(int pidfd, pid_t pid, int signal_number)
{
    if (pidfd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
    } else {
        (void)kill(pid, signal_number);
    }
}

static void signal_process(const process *target, bool is_final)
{
    process now;
    int pidfd = (int)syscall(SYS_pidfd_open, target->pid, 0);
    if (pidfd < 0 && errno == ESRCH) {
        return;
    }
    /* Its parent may have died in between, which made it ours. */
    if (read_process(target->pid, &now) &&
        (now.parent == target->parent || now.parent == getpid())) {
        send_signal(pidfd, target->pid, is_final ? SIGKILL : SIGTERM);
        if (!is_final) {
            send_signal(pidfd, target->pid, SIGCONT);
        }
    }
    if (pidfd >= 0) {
        (void)close(pidfd);
    }
}

/* @leader: its group was signalled already; 0 = none was */
static unsigned signal_descendants(pid_t leader, bool is_final)
{
    process_list list = {0};
    read_all_processes(&list);
    size_t count = sort_descendants(&list, getpid());
    for (size_t i = 0; i < count; i++) {
        if (leader == 0 || list.items[i].group != leader) {
            signal_process(&list.items[i], is_final);
        }
    }
    free(list.items);
    return (unsigned)count;
}

void terminate_descendants(pid_t leader)
{
    (void)kill(-leader, SIGTERM);
    (void)kill(-leader, SIGCONT);
    (void)signal_descendants(leader, false);
}

unsigned kill_descendants(void)
{
    return signal_descendants(0, true);
}
