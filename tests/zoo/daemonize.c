/* Leaves a daemon behind: a session of its own, its parent gone, deaf to signals. With an argument
 * the daemon also keeps the standard descriptors, so that the pipes would never end. */
#include "zoo.h"

#include <signal.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
    (void)argv;
    int ends[2];
    if (pipe(ends) != 0 || fork() != 0) {
        char byte;
        (void)close(ends[1]);
        (void)!read(ends[0], &byte, 1); /* until the daemon is there */
        (void)wait(NULL);               /* and the one between them is gone */
        say("left a daemon\n");
        return 0;
    }
    (void)setsid();
    if (fork() != 0) {
        _exit(0);
    }
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)!chdir("/");
    if (argc < 2) {
        (void)close(STDIN_FILENO);
        (void)close(STDOUT_FILENO);
        (void)close(STDERR_FILENO);
    }
    (void)!write(ends[1], "x", 1);
    (void)close(ends[0]);
    (void)close(ends[1]);
    wait_for_ever();
}
