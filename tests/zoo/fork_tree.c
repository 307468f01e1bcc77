/* Starts a tree of 3 + 9 + 27 processes, half of them in sessions of their own, that never end.
 * With an argument the root exits with 0 once all are there, else it stays too. */
#include "zoo.h"

#include <signal.h>

enum {
    width = 3,
    depth = 3
};

static void grow(int level, int ready_fd)
{
    for (int i = 0; level < depth && i < width; i++) {
        if (fork() == 0) {
            if (i % 2 == 1) {
                (void)setsid();
            }
            grow(level + 1, ready_fd);
            (void)!write(ready_fd, "x", 1);
            wait_for_ever();
        }
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    int ends[2];
    if (pipe(ends) != 0) {
        return 1;
    }
    grow(0, ends[1]);
    for (int i = 0; i < width + width * width + width * width * width; i++) {
        char byte;
        if (read(ends[0], &byte, 1) != 1) {
            return 1;
        }
    }
    say("ready\n");
    if (argc > 1) {
        return 0;
    }
    wait_for_ever();
}
