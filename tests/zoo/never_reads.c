/* Never looks at its standard input. Exits with 0 if it was given an argument, else never. */
#include "zoo.h"

int main(int argc, char **argv)
{
    (void)argv;
    say("ready\n");
    if (argc > 1) {
        return 0;
    }
    wait_for_ever();
}
