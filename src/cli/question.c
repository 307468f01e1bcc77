/*
 * What is asked, and whom.
 *
 * Whom: a team file, or one model that is named PROVIDER/NAME by --model, AGENT_MODEL or the
 * settings, in this order. A single operand may be either a team file or a question: it is a file
 * if it looks like one. AGENT_MODEL does not
 * replace the models of a file when it names a provider: it is what somebody likes to ask, and a
 * file that says which models it needs knows better (and may cost nothing).
 *
 * What: INPUT or --prompt, and behind it what is piped in, up to a limit.
 */
#include "cli/question.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INPUT_BYTES_MAX = 8 * 1024 * 1024
};

/* ---- whom --------------------------------------------------------------------------------- */

static bool has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name), size = strlen(ending);
    return length > size && strcasecmp(name + length - size, ending) == 0;
}

/* Whether an operand is a team file rather than a question. */
static bool is_team_file(const char *operand)
{
    struct stat about;
    return has_ending(operand, ".yaml") || has_ending(operand, ".yml") ||
           has_ending(operand, ".json") || (stat(operand, &about) == 0 && !S_ISDIR(about.st_mode));
}

/* Whether something is piped in: a pipe, a socket or a file, not a terminal and not /dev/null. */
static bool is_piped(void)
{
    struct stat about;
    return fstat(STDIN_FILENO, &about) == 0 &&
           (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) || S_ISREG(about.st_mode));
}

static bool names_provider(const char *model)
{
    return model != NULL && strchr(model, '/') != NULL;
}

/* The model to ask without a team file, from what was given, else from the settings. */
static cli_exit choose_model(cli_question *self, const cli_arguments *arguments)
{
    const char *given = arguments->text[CLI_OPT_MODEL];
    self->base_url = arguments->text[CLI_OPT_BASE_URL];
    if (names_provider(given)) {
        self->model = given;
        return CLI_OK;
    }
    cli_exit code = cli_settings_read(&self->settings);
    if (code == CLI_OK && given == NULL) {
        self->model = self->settings.model;
        self->base_url = self->base_url != NULL ? self->base_url : self->settings.base_url;
    }
    return code;
}

/* @operand: what is no team file, NULL if there is none. */
static cli_exit fail_model(const cli_arguments *arguments, const char *operand)
{
    const char *given = arguments->text[CLI_OPT_MODEL];
    if (given != NULL) {
        cli_complain("%s: found '%.80s', expected PROVIDER/NAME, such as openai/gpt-5: there is no "
                     "team file that could have a model of that name",
                     arguments->is_variable[CLI_OPT_MODEL] ? "AGENT_MODEL" : "--model", given);
        return CLI_USAGE;
    }
    cli_complain("%s%.200s%sthere is no model to ask: give --model PROVIDER/NAME (such as "
                 "openai/gpt-5), set AGENT_MODEL, or write \"model: PROVIDER/NAME\" into "
                 "$XDG_CONFIG_HOME/agent/config.yaml; 'agent models' lists what there is",
                 operand != NULL ? "'" : "", operand != NULL ? operand : "",
                 operand != NULL ? "' is no team file, and " : "");
    return CLI_CONFIG;
}

/* What goes with a team file, and what does not. */
static cli_exit take_team(cli_question *self, const cli_arguments *arguments, const char *team)
{
    const char *given = arguments->text[CLI_OPT_MODEL];
    bool is_default = arguments->is_variable[CLI_OPT_MODEL] && names_provider(given);
    self->team = team;
    self->model = is_default ? NULL : given;
    self->base_url = arguments->text[CLI_OPT_BASE_URL];
    if (cli_has(arguments, CLI_OPT_SYSTEM)) {
        cli_complain("found --system and a team file, expected one of them: the agents of a team "
                     "have instructions of their own");
        return CLI_USAGE;
    }
    if (self->base_url != NULL && !names_provider(self->model)) {
        cli_complain("found --base-url, expected it with --model PROVIDER/NAME only");
        return CLI_USAGE;
    }
    return CLI_OK;
}

cli_exit cli_question_read(cli_question *question, const cli_arguments *arguments, bool with_input)
{
    size_t count = arguments->operand_count;
    const char *first = count > 0 ? arguments->operands[0] : NULL;
    const char *prompt = arguments->text[CLI_OPT_PROMPT];
    memset(question, 0, sizeof(*question));
    question->text = prompt != NULL ? prompt : count > 1 ? arguments->operands[1] : NULL;
    if (prompt != NULL && count > 1) {
        cli_complain("found --prompt and INPUT, expected one of them");
        return CLI_USAGE;
    }
    if (with_input && first == NULL && prompt == NULL && !is_piped()) {
        cli_complain("run: found no operand, expected [TEAM] [INPUT], or --prompt TEXT");
        (void)fputs("Try 'agent run --help'.\n", stderr);
        return CLI_USAGE;
    }
    bool is_open = with_input && count == 1 && prompt == NULL; /* a file or a question */
    if (first != NULL && (!is_open || is_team_file(first))) {
        return take_team(question, arguments, first);
    }
    cli_exit code = choose_model(question, arguments);
    if (code != CLI_OK || question->model != NULL) {
        question->text = is_open ? first : question->text;
        return code;
    }
    return fail_model(arguments, first);
}

void cli_question_deinit(cli_question *question)
{
    cli_settings_deinit(&question->settings);
}

/* ---- what --------------------------------------------------------------------------------- */

static char *fail_input(cli_exit *ret_code)
{
    char text[128];
    *ret_code = CLI_USAGE;
    if (errno == EFBIG) {
        cli_complain("found more than %d MiB on standard input, expected less",
                     INPUT_BYTES_MAX / (1024 * 1024));
    } else if (errno == 0) {
        *ret_code = cli_fail_memory();
    } else {
        cli_complain("cannot read standard input: %s", strerror_r(errno, text, sizeof(text)));
    }
    return NULL;
}

/* @input, an empty line, @piped. */
static char *join(const char *input, char *piped, size_t size, cli_exit *ret_code)
{
    size_t length = strlen(input);
    char *both = malloc(length + 2 + size + 1);
    if (both == NULL) {
        *ret_code = cli_fail_memory();
    } else {
        memcpy(both, input, length);
        memcpy(both + length, "\n\n", 2);
        memcpy(both + length + 2, piped, size + 1);
    }
    free(piped);
    return both;
}

static char *read_input(const char *input, cli_exit *ret_code)
{
    bool is_dash = input != NULL && strcmp(input, "-") == 0;
    size_t size = 0;
    char *piped = NULL;
    if (is_dash || is_piped()) {
        piped = cli_read_all(STDIN_FILENO, INPUT_BYTES_MAX, &size);
        if (piped == NULL) {
            return fail_input(ret_code);
        }
        if (memchr(piped, '\0', size) != NULL) {
            cli_complain("found a NUL byte on standard input, expected text");
            free(piped);
            *ret_code = CLI_USAGE;
            return NULL;
        }
    }
    if (input != NULL && !is_dash && size > 0) {
        return join(input, piped, size, ret_code);
    }
    if (input != NULL && !is_dash) {
        free(piped);
        piped = strdup(input);
        *ret_code = piped != NULL ? CLI_OK : cli_fail_memory();
        return piped;
    }
    if (size == 0) {
        cli_complain("found no input, expected INPUT or something on standard input");
        free(piped);
        *ret_code = CLI_USAGE;
        return NULL;
    }
    return piped;
}

char *cli_question_get_input(const cli_question *question, cli_exit *ret_code)
{
    char *input = read_input(question->text, ret_code);
    if (input != NULL && !agt__utf8_is_valid(input, strlen(input))) {
        cli_complain("found an input that is not UTF-8, expected text");
        free(input);
        input = NULL;
        *ret_code = CLI_USAGE;
    }
    return input;
}
