/*
 * agent: the command.
 *
 * Nothing happens here that the verb does not need: `agent version` starts no runtime, opens no
 * store and reads no file.
 */
#include "cli/terminal.h"
#include "cli/verbs.h"

#include <signal.h>
#include <string.h>

static cli_exit run_verb(const cli_arguments *arguments)
{
    cli_terminal terminal;
    const cli_verb *verb = arguments->verb;
    if (cli_has(arguments, CLI_OPT_VERSION) && !cli_has(arguments, CLI_OPT_HELP)) {
        return cli_version(arguments);
    }
    if (cli_has(arguments, CLI_OPT_HELP) || verb == NULL) {
        bool is_asked = cli_has(arguments, CLI_OPT_HELP);
        FILE *stream = is_asked ? stdout : stderr;
        cli_terminal_init(&terminal, stream, CLI_COLOR_NEVER);
        cli_write_help(stream, verb, terminal.columns);
        return is_asked ? CLI_OK : CLI_USAGE;
    }
    cli_terminal_set_locale();
    return verb->run(arguments);
}

int main(int argc, char **argv)
{
    cli_arguments arguments;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a store that may not grow is an error, not the end */
    cli_open_output();
    cli_exit code = cli_parse(argc, argv, &arguments);
    if (code == CLI_OK) {
        code = run_verb(&arguments);
    }
    return (int)cli_finish_output(code);
}
