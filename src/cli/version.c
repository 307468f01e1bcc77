/* agent version: as little as possible, for it shows how fast the command starts. */
#include "cli/verbs.h"

#include <string.h>

cli_exit cli_version(const cli_arguments *arguments)
{
    if (cli_has(arguments, CLI_OPT_JSON)) {
        (void)printf("{\"schema\":\"agent.version/1\",\"command\":\"%s\",\"library\":\"%s\"}\n",
                     AGT_VERSION_STRING, agt_version());
        return CLI_OK;
    }
    (void)printf("agent %s\n", AGT_VERSION_STRING);
    if (strcmp(AGT_VERSION_STRING, agt_version()) != 0) {
        (void)printf("library %s\n", agt_version());
    }
    return CLI_OK;
}
