/* Tidies up when it is asked to end, says so, and exits with 0. */
#include "zoo.h"

#include <signal.h>

static void on_term(int number)
{
    (void)number;
    say("tidied up\n");
    _exit(0);
}

int main(void)
{
    (void)signal(SIGTERM, on_term);
    say("ready\n");
    wait_for_ever();
}
