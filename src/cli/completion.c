/*
 * Completion for bash, zsh and fish, made of the tables: the verbs, the options each takes, the
 * words of choices, and files where files are wanted.
 *
 * A shell gets one list for all verbs and one for each; verbs of two words complete their second
 * word like an operand.
 */
#include "cli/verbs.h"

#include <string.h>

/* The options of @verb (all that are common for NULL) as one line of words. */
static void write_option_words(FILE *stream, const cli_verb *verb)
{
    size_t count = 0;
    const cli_option_id *common = cli_get_common_options(&count);
    for (size_t i = 0; verb != NULL && i < verb->option_count; i++) {
        const cli_option *option = cli_get_option(verb->options[i]);
        (void)fprintf(stream, "--%s%s ", option->name, option->value != NULL ? "=" : "");
    }
    for (size_t i = 0; i < count; i++) {
        const cli_option *option = cli_get_option(common[i]);
        (void)fprintf(stream, "--%s%s ", option->name, option->value != NULL ? "=" : "");
    }
}

/* The first words of the verbs, each once. */
static void write_first_words(FILE *stream)
{
    size_t count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(verbs[i].name, " ");
        bool is_again = i > 0 && strncmp(verbs[i - 1].name, verbs[i].name, length + 1) == 0 &&
                        verbs[i].name[length] == ' ';
        if (!is_again) {
            (void)fprintf(stream, "%.*s ", (int)length, verbs[i].name);
        }
    }
}

/* The words of a choice, separated by spaces. */
static void write_choices(FILE *stream, const char *choices)
{
    for (; *choices != '\0'; choices++) {
        (void)fputc(*choices == '|' ? ' ' : *choices, stream);
    }
}

static void write_bash(FILE *stream)
{
    size_t count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    (void)fputs("# bash completion for agent\n_agent() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=\n"
                "    [ \"$cur\" = = ] && cur=\n"
                "    [ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                "    COMPREPLY=()\n    case $prev in\n",
                stream);
    for (int id = 0; id < CLI_OPT_COUNT; id++) {
        const cli_option *option = cli_get_option((cli_option_id)id);
        if (option->kind == CLI_KIND_CHOICE) {
            (void)fprintf(stream, "    --%s) COMPREPLY=($(compgen -W '", option->name);
            write_choices(stream, option->choices);
            (void)fputs("' -- \"$cur\")); return ;;\n", stream);
        } else if (option->kind == CLI_KIND_FILE) {
            (void)fprintf(stream, "    --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
                          option->name);
        }
    }
    (void)fputs("    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                "        COMPREPLY=($(compgen -W '",
                stream);
    write_first_words(stream);
    write_option_words(stream, NULL);
    (void)fputs("' -- \"$cur\")); return\n    fi\n    verb=${COMP_WORDS[1]}\n"
                "    if [ \"$verb\" = trace ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                "        COMPREPLY=($(compgen -W 'ls show' -- \"$cur\")); return\n    fi\n"
                "    [ \"$verb\" = trace ] && verb=\"trace ${COMP_WORDS[2]}\"\n"
                "    case $cur in -*)\n        case $verb in\n",
                stream);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stream, "        '%s') COMPREPLY=($(compgen -W '", verbs[i].name);
        write_option_words(stream, &verbs[i]);
        (void)fputs("' -- \"$cur\")) ;;\n", stream);
    }
    (void)fputs("        esac\n        [[ ${COMPREPLY-} == *= ]] && compopt -o nospace\n"
                "        return ;;\n    esac\n    case $verb in\n"
                "    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")) ;;\n"
                "    help) COMPREPLY=($(compgen -W '",
                stream);
    write_first_words(stream);
    (void)fputs("' -- \"$cur\")) ;;\n", stream);
    for (size_t i = 0; i < count; i++) {
        if (verbs[i].takes_file) {
            (void)fprintf(stream, "    %s) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n",
                          verbs[i].name);
        }
    }
    (void)fputs("    esac\n}\ncomplete -o filenames -F _agent agent\n", stream);
}

/* Text inside of single quotes in zsh and fish; brackets and colons mean something to zsh. */
static void write_quoted(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", stream);
        } else if (*text == '[' || *text == ']' || *text == ':') {
            (void)fputc(' ', stream);
        } else {
            (void)fputc(*text, stream);
        }
    }
}

static void write_zsh_options(FILE *stream, const cli_option_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cli_option *option = cli_get_option(ids[i]);
        (void)fprintf(stream, " \\\n            '--%s%s[", option->name,
                      option->value != NULL ? "=" : "");
        write_quoted(stream, option->help);
        (void)fputc(']', stream);
        if (option->kind == CLI_KIND_CHOICE) {
            (void)fprintf(stream, ":%s:(", option->value);
            write_choices(stream, option->choices);
            (void)fputc(')', stream);
        } else if (option->value != NULL) {
            (void)fprintf(stream, ":%s:%s", option->value,
                          option->kind == CLI_KIND_FILE ? "_files" : "");
        }
        (void)fputc('\'', stream);
    }
}

static void write_zsh(FILE *stream)
{
    size_t count = 0, common_count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    const cli_option_id *common = cli_get_common_options(&common_count);
    (void)fputs("#compdef agent\n_agent() {\n    local verb=$words[2]\n"
                "    if (( CURRENT == 2 )); then\n        local -a verbs=(\n",
                stream);
    for (size_t i = 0; i < count; i++) {
        if (strchr(verbs[i].name, ' ') == NULL) {
            (void)fprintf(stream, "            '%s:", verbs[i].name);
            write_quoted(stream, verbs[i].summary);
            (void)fputs("'\n", stream);
        }
    }
    (void)fputs("            'trace:Look at runs'\n        )\n        _describe command verbs\n"
                "        return\n    fi\n"
                "    if [[ $verb == trace ]]; then\n        if (( CURRENT == 3 )); then\n"
                "            compadd ls show\n            return\n        fi\n"
                "        verb=\"trace $words[3]\"\n    fi\n    case $verb in\n",
                stream);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stream, "    '%s')\n        _arguments", verbs[i].name);
        write_zsh_options(stream, verbs[i].options, verbs[i].option_count);
        write_zsh_options(stream, common, common_count);
        (void)fprintf(stream, " \\\n            '*::operand:%s' ;;\n",
                      verbs[i].takes_file                        ? "_files"
                      : strcmp(verbs[i].name, "completion") == 0 ? "(bash zsh fish)"
                                                                 : "");
    }
    (void)fputs("    esac\n}\n_agent \"$@\"\n", stream);
}

static void write_fish_option(FILE *stream, const char *verb, const cli_option *option)
{
    char first[32];
    (void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(verb, " "), verb);
    (void)fputs("complete -c agent", stream);
    if (*first != '\0') {
        (void)fprintf(stream, " -n '__fish_seen_subcommand_from %s'", first);
    }
    (void)fprintf(stream, " -l %s", option->name);
    if (option->letter != 0) {
        (void)fprintf(stream, " -s %c", option->letter);
    }
    if (option->kind == CLI_KIND_CHOICE) {
        (void)fputs(" -x -a '", stream);
        write_choices(stream, option->choices);
        (void)fputc('\'', stream);
    } else if (option->kind == CLI_KIND_FILE) {
        (void)fputs(" -r -F", stream);
    } else if (option->value != NULL) {
        (void)fputs(" -x", stream);
    }
    (void)fputs(" -d '", stream);
    write_quoted(stream, option->help);
    (void)fputs("'\n", stream);
}

static void write_fish(FILE *stream)
{
    size_t count = 0, common_count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    const cli_option_id *common = cli_get_common_options(&common_count);
    (void)fputs("# fish completion for agent\ncomplete -c agent -f\n", stream);
    for (size_t i = 0; i < count; i++) {
        const char *second = strchr(verbs[i].name, ' ');
        if (second == NULL) {
            (void)fprintf(stream, "complete -c agent -n __fish_use_subcommand -a %s -d '",
                          verbs[i].name);
        } else {
            (void)fprintf(stream,
                          "complete -c agent -n '__fish_seen_subcommand_from trace' -a %s -d '",
                          second + 1);
        }
        write_quoted(stream, verbs[i].summary);
        (void)fputs("'\n", stream);
        for (size_t j = 0; j < verbs[i].option_count; j++) {
            write_fish_option(stream, verbs[i].name, cli_get_option(verbs[i].options[j]));
        }
        if (verbs[i].takes_file) {
            (void)fprintf(stream, "complete -c agent -n '__fish_seen_subcommand_from %s' -F\n",
                          verbs[i].name);
        }
    }
    (void)fputs("complete -c agent -n __fish_use_subcommand -a trace -d 'Look at runs'\n"
                "complete -c agent -n '__fish_seen_subcommand_from completion' -a 'bash zsh "
                "fish'\n",
                stream);
    for (size_t i = 0; i < common_count; i++) {
        write_fish_option(stream, "", cli_get_option(common[i]));
    }
}

bool cli_write_completion(FILE *stream, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        write_bash(stream);
    } else if (strcmp(shell, "zsh") == 0) {
        write_zsh(stream);
    } else if (strcmp(shell, "fish") == 0) {
        write_fish(stream);
    } else {
        return false;
    }
    return true;
}

cli_exit cli_completion(const cli_arguments *arguments)
{
    if (!cli_write_completion(stdout, arguments->operands[0])) {
        cli_complain("there is no completion for '%.40s', expected bash, zsh or fish",
                     arguments->operands[0]);
        return CLI_USAGE;
    }
    return CLI_OK;
}
