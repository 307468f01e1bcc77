/* Takes memory until there is no more, says how many MiB it got, and exits with 7. */
#include "zoo.h"

#include <stdio.h>

/* Somebody might look: without that a compiler may leave the memory out. */
static void *volatile newest;

int main(void)
{
    for (int count = 0;; count++) {
        char *block = malloc(1024 * 1024);
        if (block == NULL) {
            char text[32];
            (void)snprintf(text, sizeof(text), "%d\n", count);
            say(text);
            return 7;
        }
        memset(block, count, 1024 * 1024);
        newest = block;
    }
}
