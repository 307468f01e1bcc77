/* Starts 20 children that end at once and are never waited for; then exits with 0, or stays if it
 * was given an argument. */
#include "zoo.h"

#include <sys/wait.h>

int main(int argc, char **argv)
{
    (void)argv;
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(i);
        }
        siginfo_t info;
        (void)waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    }
    say("ready\n");
    if (argc > 1) {
        wait_for_ever();
    }
    return 0;
}
