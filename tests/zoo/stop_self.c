/* Stops itself, as a program does that reads from a terminal it must not read from. */
#include "zoo.h"

#include <signal.h>

int main(void)
{
    say("stopping\n");
    for (;;) {
        (void)raise(SIGSTOP);
    }
}
