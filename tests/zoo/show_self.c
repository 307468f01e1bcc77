/* Shows what it was given: arguments, environment, folder, descriptors, limits, signals. */
#include "zoo.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

extern char **environ;

static void show_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int own = folder != NULL ? dirfd(folder) : -1;
    printf("descriptors");
    for (struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
         entry = readdir(folder)) {
        if (entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) != own) {
            printf(" %s", entry->d_name);
        }
    }
    printf("\n");
}

static void show_limit(const char *name, int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0) {
        printf("limit %s %lld %lld\n", name, (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
}

static void show_signals(void)
{
    sigset_t blocked;
    (void)sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < 65; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 &&
            (action.sa_handler == SIG_IGN || sigismember(&blocked, number) == 1)) {
            printf("signal %d is blocked or ignored\n", number);
        }
    }
}

int main(int argc, char **argv)
{
    char folder[4096];
    for (int i = 0; i < argc; i++) {
        printf("argument %s\n", argv[i]);
    }
    for (char **variable = environ; *variable != NULL; variable++) {
        printf("variable %s\n", *variable);
    }
    printf("folder %s\n", getcwd(folder, sizeof(folder)) != NULL ? folder : "?");
    show_descriptors();
    show_limit("core", RLIMIT_CORE);
    show_limit("files", RLIMIT_NOFILE);
    show_limit("memory", RLIMIT_AS);
    show_limit("cpu", RLIMIT_CPU);
    show_limit("file", RLIMIT_FSIZE);
    show_signals();
    printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    printf("session %s\n", getsid(0) == getpid() ? "own" : "shared");
    return 0;
}
