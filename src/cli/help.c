/*
 * Help and the manual page, from the tables in verbs.c.
 *
 * Help is wrapped to the width of the terminal; a line of a paragraph that begins with four spaces
 * is an example and stays as it is.
 */
#include "cli/terminal.h"
#include "cli/verbs.h"

#include <string.h>

enum {
    INDENT = 2,
    COLUMN = 26, /* where the meaning of an option begins */
    COLUMNS_MAX = 100,
    COLUMNS_MIN = 50,
    LABEL_BYTES = 160
};

static void write_spaces(FILE *stream, size_t count)
{
    for (; count > 0; count--) {
        (void)fputc(' ', stream);
    }
}

/* Write @text in lines of at most @columns, each behind @indent spaces; the first one is at @at. */
static void write_wrapped(FILE *stream, const char *text, size_t at, size_t indent, size_t columns)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " \n");
        bool is_example = at <= indent && strncmp(text, "    ", 4) == 0;
        word = is_example ? strcspn(text, "\n") : word;
        if (at > indent && at + 1 + word > columns) {
            (void)fputc('\n', stream);
            at = 0;
        }
        if (at < indent) {
            write_spaces(stream, indent - at);
            at = indent;
        } else if (at > indent) {
            (void)fputc(' ', stream);
            at++;
        }
        (void)fwrite(text, 1, word, stream);
        at += word;
        text += word;
        if (*text == '\n') {
            (void)fputc('\n', stream);
            at = 0;
            text++;
        } else if (*text == ' ') {
            text++;
        }
    }
    (void)fputc('\n', stream);
}

/* "-b, --budget=USD" */
static void write_label(char label[LABEL_BYTES], const cli_option *option)
{
    char letter[8] = "    ";
    if (option->letter != 0) {
        (void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    (void)snprintf(label, LABEL_BYTES, "%s--%s%s%s", letter, option->name,
                   option->value != NULL ? "=" : "", option->value != NULL ? option->value : "");
}

static void write_pair(FILE *stream, const char *label, const char *text, size_t column,
                       size_t columns)
{
    size_t length = strlen(label);
    write_spaces(stream, INDENT);
    (void)fputs(label, stream);
    if (INDENT + length + 2 > column) {
        (void)fputc('\n', stream);
        write_wrapped(stream, text, 0, column, columns);
    } else {
        write_spaces(stream, column - INDENT - length);
        write_wrapped(stream, text, column, column, columns);
    }
}

static void write_options(FILE *stream, const cli_option_id *ids, size_t count, size_t columns)
{
    for (size_t i = 0; i < count; i++) {
        const cli_option *option = cli_get_option(ids[i]);
        char label[LABEL_BYTES], text[512];
        write_label(label, option);
        (void)snprintf(text, sizeof(text), "%s%s%s%s", option->help,
                       option->environment != NULL ? " [" : "",
                       option->environment != NULL ? option->environment : "",
                       option->environment != NULL ? "]" : "");
        write_pair(stream, label, text, COLUMN, columns);
    }
}

static void write_verb_help(FILE *stream, const cli_verb *verb, size_t columns)
{
    size_t count = 0;
    const cli_option_id *common = cli_get_common_options(&count);
    (void)fprintf(stream, "Usage: agent %s%s%s%s\n\n", verb->name,
                  verb->option_count > 0 ? " [OPTION...]" : "", *verb->operands != '\0' ? " " : "",
                  verb->operands);
    write_wrapped(stream, verb->help, 0, 0, columns);
    (void)fputs("\nOptions:\n", stream);
    write_options(stream, verb->options, verb->option_count, columns);
    write_options(stream, common, count, columns);
}

static void write_command_help(FILE *stream, size_t columns)
{
    size_t count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    (void)fputs("Usage: agent COMMAND [OPTION...] [OPERAND...]\n\n"
                "Run teams of LLM agents and their tools as one parallel, observable graph.\n\n"
                "Commands:\n",
                stream);
    for (size_t i = 0; i < count; i++) {
        char label[LABEL_BYTES];
        (void)snprintf(label, sizeof(label), "%s %s", verbs[i].name, verbs[i].operands);
        write_pair(stream, label, verbs[i].summary, COLUMN, columns);
    }
    const cli_option_id *common = cli_get_common_options(&count);
    (void)fputs("\nOptions of all commands:\n", stream);
    write_options(stream, common, count, columns);
    (void)fputs("\nExit codes:\n", stream);
    const char *const(*codes)[2] = cli_get_exit_codes(&count);
    for (size_t i = 0; i < count; i++) {
        write_pair(stream, codes[i][0], codes[i][1], 8, columns);
    }
    (void)fputs("\n'agent COMMAND --help' and 'man agent' tell more.\n", stream);
}

void cli_write_help(FILE *stream, const cli_verb *verb, unsigned columns)
{
    columns = columns > COLUMNS_MAX ? COLUMNS_MAX : columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
    if (verb != NULL) {
        write_verb_help(stream, verb, columns);
    } else {
        write_command_help(stream, columns);
    }
}

/* ---- the manual page ---------------------------------------------------------------------- */

/* Text for roff: backslashes and hyphens escaped, no line that begins with a request. */
static void write_roff(FILE *stream, const char *text)
{
    bool is_start = true;
    for (; *text != '\0'; text++) {
        if (is_start && (*text == '.' || *text == '\'')) {
            (void)fputs("\\&", stream);
        }
        if (*text == '\n' && strncmp(text + 1, "    ", 4) == 0) {
            (void)fputs("\n.IP\n", stream);
            text += 4;
        } else if (*text == '\n') {
            (void)fputs("\n.PP\n", stream);
        } else if (*text == '-') {
            (void)fputs("\\-", stream);
        } else if (*text == '\\') {
            (void)fputs("\\e", stream);
        } else {
            (void)fputc(*text, stream);
        }
        is_start = *text == '\n';
    }
    (void)fputc('\n', stream);
}

static void write_roff_pair(FILE *stream, const char *label, const char *text)
{
    (void)fputs(".TP\n.B ", stream);
    write_roff(stream, label);
    write_roff(stream, text);
}

static void write_roff_options(FILE *stream, const cli_option_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cli_option *option = cli_get_option(ids[i]);
        char label[LABEL_BYTES];
        write_label(label, option);
        write_roff_pair(stream, label + strspn(label, " "), option->help);
        if (option->environment != NULL) {
            (void)fprintf(stream, "Variable: %s.\n", option->environment);
        }
    }
}

static void write_roff_pairs(FILE *stream, const char *section, const char *const (*pairs)[2],
                             size_t count)
{
    (void)fprintf(stream, ".SH %s\n", section);
    for (size_t i = 0; i < count; i++) {
        write_roff_pair(stream, pairs[i][0], pairs[i][1]);
    }
}

void cli_write_man(FILE *stream)
{
    size_t count = 0, common_count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    const cli_option_id *common = cli_get_common_options(&common_count);
    (void)fprintf(stream,
                  ".\\\" Written by 'agent help --man'; do not change it here.\n"
                  ".TH AGENT 1 \"\" \"agent_sdk %s\" \"User Commands\"\n"
                  ".SH NAME\nagent \\- run teams of LLM agents and their tools\n"
                  ".SH SYNOPSIS\n.B agent\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n"
                  ".SH DESCRIPTION\n",
                  agt_version());
    write_roff(stream, "Runs teams of LLM agents and their tools as one parallel, observable, "
                       "cost-bounded graph of calls. A team file says which models, tools and "
                       "agents there are.");
    (void)fputs(".SH COMMANDS\n", stream);
    for (size_t i = 0; i < count; i++) {
        char title[LABEL_BYTES];
        (void)snprintf(title, sizeof(title), "agent %s%s%s", verbs[i].name,
                       verbs[i].operands[0] != '\0' ? " " : "", verbs[i].operands);
        (void)fputs(".SS ", stream);
        write_roff(stream, title);
        write_roff(stream, verbs[i].help);
        write_roff_options(stream, verbs[i].options, verbs[i].option_count);
    }
    (void)fputs(".SH OPTIONS OF ALL COMMANDS\n", stream);
    write_roff_options(stream, common, common_count);
    const char *const(*pairs)[2] = cli_get_exit_codes(&count);
    write_roff_pairs(stream, "EXIT STATUS", pairs, count);
    pairs = cli_get_variables(&count);
    write_roff_pairs(stream, "ENVIRONMENT", pairs, count);
    (void)fputs(".SH FILES\n.TP\n.I ~/.config/agent/config.yaml\nSettings: model, the model "
                "that is asked without a team file, and base_url, where its server is.\n"
                ".TP\n.I ~/.local/share/agent/agent.db\nRuns, traces, costs and "
                "conversations; its "
                "directory is made with mode 0700.\n"
                ".SH EXAMPLES\n.nf\nagent init && agent run team.yaml \"What is in here?\"\n"
                "agent trace show\nagent costs \\-\\-by model \\-\\-since 24h\n"
                "git diff | agent run review.yaml \"Review this change\" \\-\\-budget 0.50\n"
                "agent run \\-\\-model ollama/qwen3:8b \"Why is the sky blue?\"\n.fi\n"
                ".SH SEE ALSO\nThe guide in docs/guide: command.md, team-files.md.\n",
                stream);
}

cli_exit cli_help(const cli_arguments *arguments)
{
    if (cli_has(arguments, CLI_OPT_MAN)) {
        cli_write_man(stdout);
        return CLI_OK;
    }
    cli_terminal terminal;
    cli_terminal_init(&terminal, stdout, CLI_COLOR_NEVER);
    const cli_verb *verb = NULL;
    if (arguments->operand_count > 0) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%.30s%s%.30s", arguments->operands[0],
                       arguments->operand_count > 1 ? " " : "",
                       arguments->operand_count > 1 ? arguments->operands[1] : "");
        verb = cli_find_verb(name);
        verb = verb == NULL && strcmp(name, "trace") == 0 ? cli_find_verb("trace ls") : verb;
        if (verb == NULL) {
            return cli_fail_verb(name);
        }
    }
    cli_write_help(stdout, verb, terminal.columns);
    return CLI_OK;
}
