/* Complains and exits with 3. */
#include "zoo.h"

int main(void)
{
    (void)!write(STDERR_FILENO, "it did not work\n", 16);
    return 3;
}
