/* Writes to its standard output without end, and does not mind that nobody reads it. */
#include "zoo.h"

#include <signal.h>

int main(void)
{
    static char bytes[65536];
    memset(bytes, 'x', sizeof(bytes));
    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        (void)!write(STDOUT_FILENO, bytes, sizeof(bytes));
    }
}
