/* A program outside the tree: prints the version of the library, and says if the headers are those
 * of another one. */
#include <stdio.h>
#include <string.h>

#include <agent_sdk/base.h>

int main(void)
{
    (void)puts(agt_version());
    return strcmp(agt_version(), AGT_VERSION_STRING) == 0 ? 0 : 1;
}
