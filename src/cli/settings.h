/* The settings of a user: which model is asked where nobody says. */
#ifndef AGT_CLI_SETTINGS_H
#define AGT_CLI_SETTINGS_H

#include "cli/options.h"

/* What the file says; texts are borrowed from `document`. */
typedef struct cli_settings {
    agt_value *document;  /* NULL = there is no file                                          */
    const char *model;    /* PROVIDER/NAME; NULL = not said                                   */
    const char *base_url; /* of its server; NULL = the provider's own                         */
} cli_settings;

/**
 * Read $XDG_CONFIG_HOME/agent/config.yaml; a file that is not there says nothing.
 *
 * @return CLI_OK; CLI_CONFIG after a complaint that names file, line and column
 */
cli_exit cli_settings_read(cli_settings *settings);
void cli_settings_deinit(cli_settings *settings);

#endif
