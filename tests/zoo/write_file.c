/* Writes to the file it is given until it is stopped. */
#include "zoo.h"

#include <fcntl.h>

int main(int argc, char **argv)
{
    static char bytes[4096];
    int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    while (fd >= 0 && write(fd, bytes, sizeof(bytes)) > 0) {
    }
    return 1;
}
