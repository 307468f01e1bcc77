/* Writes what is nearly JSON, and not UTF-8 either, and exits with 0. */
#include "zoo.h"

int main(void)
{
    say("{\"answer\": 42, \"text\": \"\xC3\x28\", \"open\": [1, 2,");
    return 0;
}
