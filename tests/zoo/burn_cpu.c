/* Computes for ever. */
#include "zoo.h"

int main(void)
{
    say("ready\n");
    for (volatile unsigned long count = 0;; count++) {
    }
}
