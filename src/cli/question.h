/* What is asked, and whom: the operands, --prompt, --model and standard input of `agent run`. */
#ifndef AGT_CLI_QUESTION_H
#define AGT_CLI_QUESTION_H

#include "cli/settings.h"

/* Texts are borrowed from the arguments, the environment or the settings. */
typedef struct cli_question {
    const char *team;     /* a team file; NULL = none: `model` is asked                        */
    const char *model;    /* for all agents, PROVIDER/NAME or of the file; NULL = as it says   */
    const char *base_url; /* of a model PROVIDER/NAME; NULL = the provider's own               */
    const char *text;     /* INPUT or --prompt; NULL = only what is piped in                   */
    cli_settings settings;
} cli_question;

/**
 * Find out whom to ask, from what was given; nothing but the settings is read.
 *
 * @param with_input  a text belongs to the question, too: a second operand, or --prompt
 * @return CLI_OK; CLI_USAGE or CLI_CONFIG after a complaint
 */
cli_exit cli_question_read(cli_question *question, const cli_arguments *arguments, bool with_input);
void cli_question_deinit(cli_question *question);

/** The text of the question with what is piped in. To be freed; NULL after a complaint. */
char *cli_question_get_input(const cli_question *question, cli_exit *ret_code);

#endif
