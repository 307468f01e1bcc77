/* Ends by the signal whose number it is given; by SEGV without one. */
#include "zoo.h"

#include <signal.h>

int main(int argc, char **argv)
{
    int number = argc > 1 ? (int)strtol(argv[1], NULL, 10) : SIGSEGV;
    (void)raise(number);
    wait_for_ever();
}
