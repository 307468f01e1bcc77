/* Writes 4 MiB of numbered lines to its standard error and exits with 0; with an argument it never
 * stops. */
#include "zoo.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argv;
    for (unsigned i = 0; argc > 1 || i < 262144; i++) {
        char line[32];
        int length = snprintf(line, sizeof(line), "line %010u\n", i); /* 16 bytes */
        (void)!write(STDERR_FILENO, line, (size_t)length);
    }
    return 0;
}
