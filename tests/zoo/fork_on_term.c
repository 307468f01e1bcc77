/* Answers TERM by starting two daemons that ignore it, and exits. */
#include "zoo.h"

#include <signal.h>

static void on_term(int number)
{
    (void)number;
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            (void)signal(SIGTERM, SIG_IGN);
            (void)setsid();
            wait_for_ever();
        }
    }
    _exit(0);
}

int main(void)
{
    (void)signal(SIGTERM, on_term);
    say("ready\n");
    wait_for_ever();
}
