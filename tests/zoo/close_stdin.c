/* Closes its standard input unread, says so, and exits with 0 when it is asked to end. */
#include "zoo.h"

#include <signal.h>

static void on_term(int number)
{
    (void)number;
    _exit(0);
}

int main(void)
{
    (void)signal(SIGTERM, on_term);
    (void)close(STDIN_FILENO);
    say("closed\n");
    wait_for_ever();
}
