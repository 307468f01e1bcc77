/* Writes 2,000 bytes, each with a system call of its own. */
#include "zoo.h"

int main(void)
{
    for (int i = 0; i < 2000; i++) {
        char byte = (char)('a' + i % 26);
        (void)!write(STDOUT_FILENO, &byte, 1);
    }
    return 0;
}
