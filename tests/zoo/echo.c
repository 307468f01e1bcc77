/* Behaves: copies its standard input to its standard output until it ends. */
#include "zoo.h"

int main(void)
{
    static char bytes[65536];
    ssize_t size;
    while ((size = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0) {
        for (ssize_t at = 0; at < size;) {
            ssize_t written = write(STDOUT_FILENO, bytes + at, (size_t)(size - at));
            if (written <= 0) {
                return 1;
            }
            at += written;
        }
    }
    return 0;
}
