/* Opens files until it cannot, and says how many descriptors it had in the end. */
#include "zoo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int main(void)
{
    int last = -1;
    for (int fd = open("/dev/null", O_RDONLY); fd >= 0; fd = open("/dev/null", O_RDONLY)) {
        last = fd;
    }
    char text[64];
    (void)snprintf(text, sizeof(text), "%d %s\n", last + 1, errno == EMFILE ? "EMFILE" : "?");
    say(text);
    return 0;
}
