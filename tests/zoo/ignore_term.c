/* Ignores every signal that can be ignored, and never returns. */
#include "zoo.h"

#include <signal.h>

int main(void)
{
    for (int number = 1; number < 32; number++) {
        (void)signal(number, SIG_IGN);
    }
    say("ready\n");
    wait_for_ever();
}
