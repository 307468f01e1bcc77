/* Never returns, but ends when it is asked to. */
#include "zoo.h"

int main(void)
{
    say("ready\n");
    wait_for_ever();
}
