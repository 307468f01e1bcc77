/* Closes its standard output and error, and goes on for ever. */
#include "zoo.h"

int main(void)
{
    say("closing\n");
    (void)close(STDOUT_FILENO);
    (void)close(STDERR_FILENO);
    wait_for_ever();
}
