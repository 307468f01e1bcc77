/*
 * Reading the command line: one pass over the arguments with the table of all options, then a look
 * at which of them the verb takes, then the environment for what was not given.
 *
 * Options may stand before and after the verb and its operands; `--` ends them; `--name=value` and
 * `--name value` are the same, so are `-q` and `--quiet`; `-qj2` is `-q -j 2`. An option given
 * twice counts with its last value. Names are never abbreviated: a script must not change its
 * meaning when an option is added.
 */
#include "cli/options.h"

#include "agent_sdk/team.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORDS_MAX = CLI_OPERANDS_MAX + 2, /* a verb has up to two words */
    SUGGESTIONS_MAX = 64
};

typedef struct parser {
    cli_arguments *arguments;
    const char *words[WORDS_MAX];
    size_t word_count;
    bool options_are_over;
} parser;

bool cli_has(const cli_arguments *arguments, cli_option_id id)
{
    return arguments->text[id] != NULL;
}

/* Point to the help that tells more. */
static cli_exit refer(const cli_verb *verb)
{
    if (verb != NULL) {
        (void)fprintf(stderr, "Try 'agent %s --help'.\n", verb->name);
    } else {
        (void)fputs("Try 'agent help'.\n", stderr);
    }
    return CLI_USAGE;
}

/* ---- verbs -------------------------------------------------------------------------------- */

const cli_verb *cli_find_verb(const char *name)
{
    size_t count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* Whether a verb of two words begins with @word. */
static bool is_group(const char *word)
{
    size_t count = 0, length = strlen(word);
    const cli_verb *verbs = cli_get_verbs(&count);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(verbs[i].name, word, length) == 0 && verbs[i].name[length] == ' ') {
            return true;
        }
    }
    return false;
}

/* `trace shwo`: what is meant can only be the second word of a verb that begins with `trace`. */
static cli_exit fail_second(const char *name, size_t length)
{
    const char *names[SUGGESTIONS_MAX];
    char all[256] = "";
    size_t count = 0, kept = 0, used = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    for (size_t i = 0; i < count && kept < SUGGESTIONS_MAX; i++) {
        if (strncmp(verbs[i].name, name, length) == 0) {
            names[kept++] = verbs[i].name + length;
            int added = snprintf(all + used, sizeof(all) - used, "%s%s", kept > 1 ? "|" : "",
                                 verbs[i].name + length);
            used += added > 0 && (size_t)added < sizeof(all) - used ? (size_t)added : 0;
        }
    }
    const char *meant = agt_names_suggest(name + length, names, kept);
    if (meant != NULL) {
        cli_complain("there is no command '%s'; did you mean '%.*s%s'?", name, (int)length, name,
                     meant);
    } else {
        cli_complain("there is no command '%s', expected %.*s%s", name, (int)length, name, all);
    }
    return refer(NULL);
}

/* The verb whose second word is @name; NULL if there is none. */
static const char *find_second(const char *name)
{
    size_t count = 0;
    const cli_verb *verbs = cli_get_verbs(&count);
    for (size_t i = 0; i < count; i++) {
        const char *blank = strchr(verbs[i].name, ' ');
        if (blank != NULL && strcmp(blank + 1, name) == 0) {
            return verbs[i].name;
        }
    }
    return NULL;
}

cli_exit cli_fail_verb(const char *name)
{
    const char *names[SUGGESTIONS_MAX];
    const char *blank = strchr(name, ' ');
    size_t count = 0, kept = 0;
    char group[32];
    if (blank != NULL) {
        (void)snprintf(group, sizeof(group), "%.*s", (int)(blank - name), name);
        if (is_group(group)) {
            return fail_second(name, (size_t)(blank - name) + 1);
        }
    }
    const cli_verb *verbs = cli_get_verbs(&count);
    for (; kept < count && kept < SUGGESTIONS_MAX; kept++) {
        names[kept] = verbs[kept].name;
    }
    const char *meant = find_second(name);
    meant = meant != NULL ? meant : agt_names_suggest(name, names, kept);
    if (meant != NULL) {
        cli_complain("there is no command '%s'; did you mean '%s'?", name, meant);
    } else {
        cli_complain("there is no command '%s'", name);
    }
    return refer(NULL);
}

/* Find the verb in the words; the others are its operands. */
static cli_exit take_verb(parser *self)
{
    cli_arguments *arguments = self->arguments;
    if (self->word_count == 0) {
        return CLI_OK;
    }
    size_t used = 1;
    const char *name = self->words[0];
    char both[64];
    if (is_group(name)) {
        /* `agent trace` alone lists. */
        const char *second = self->word_count > 1 ? self->words[1] : "ls";
        (void)snprintf(both, sizeof(both), "%.30s %.30s", name, second);
        used = self->word_count > 1 ? 2 : 1;
        name = both;
    }
    arguments->verb = cli_find_verb(name);
    if (arguments->verb == NULL) {
        return cli_fail_verb(name);
    }
    for (size_t i = used; i < self->word_count; i++) {
        if (arguments->operand_count == CLI_OPERANDS_MAX) {
            break;
        }
        arguments->operands[arguments->operand_count++] = self->words[i];
    }
    return CLI_OK;
}

static bool takes(const cli_verb *verb, cli_option_id id)
{
    size_t count = 0;
    const cli_option_id *common = cli_get_common_options(&count);
    for (size_t i = 0; i < count; i++) {
        if (common[i] == id) {
            return true;
        }
    }
    for (size_t i = 0; verb != NULL && i < verb->option_count; i++) {
        if (verb->options[i] == id) {
            return true;
        }
    }
    return false;
}

static cli_exit check_operands(const cli_arguments *arguments)
{
    const cli_verb *verb = arguments->verb;
    if (arguments->operand_count < verb->operands_min) {
        cli_complain("%s: found no operand, expected %s", verb->name, verb->operands);
        return refer(verb);
    }
    if (arguments->operand_count > verb->operands_max) {
        const char *extra = arguments->operands[verb->operands_max];
        cli_complain("%s: found the operand '%.80s' too many, expected %s%s", verb->name, extra,
                     verb->operands_max == 0 ? "none" : verb->operands,
                     verb->operands_max > 1 ? "; a text with spaces needs quotes" : "");
        return refer(verb);
    }
    return CLI_OK;
}

/* ---- options ------------------------------------------------------------------------------ */

static cli_exit fail_option(const char *name, size_t length, const cli_verb *verb)
{
    const char *names[SUGGESTIONS_MAX];
    size_t count = 0;
    char text[64];
    for (int id = 0; id < CLI_OPT_COUNT; id++) {
        if (verb == NULL || takes(verb, (cli_option_id)id)) {
            names[count++] = cli_get_option((cli_option_id)id)->name;
        }
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)(length < 60 ? length : 60), name);
    const char *meant = agt_names_suggest(text, names, count);
    if (meant != NULL) {
        cli_complain("there is no option --%s; did you mean --%s?", text, meant);
    } else {
        cli_complain("there is no option --%s", text);
    }
    return refer(verb);
}

/* The verb among the words so far, for suggestions. */
static const cli_verb *guess_verb(const parser *self)
{
    return self->word_count > 0 ? cli_find_verb(self->words[0]) : NULL;
}

/* The option of that name, or of that letter if @length is 0; NULL if there is none. */
static const cli_option *find_option(const char *name, size_t length, cli_option_id *ret_id)
{
    for (int id = 0; id < CLI_OPT_COUNT; id++) {
        const cli_option *option = cli_get_option((cli_option_id)id);
        bool fits = length == 0
                        ? option->letter == name[0]
                        : strlen(option->name) == length && memcmp(option->name, name, length) == 0;
        if (fits) {
            *ret_id = (cli_option_id)id;
            return option;
        }
    }
    return NULL;
}

/* Give an option its value, if it takes one: @value, or else the argument @next, which may be
 * missing. *ret_used becomes 2 if that was taken. */
static cli_exit take_option_value(parser *self, const cli_option *option, cli_option_id id,
                                  const char *value, const char *next, int *ret_used)
{
    if (option->kind == CLI_KIND_FLAG) {
        value = "";
    } else if (value == NULL) {
        if (next == NULL) {
            cli_complain("the option --%s needs a value: %s", option->name, option->value);
            return refer(guess_verb(self));
        }
        value = next;
        *ret_used = 2;
    }
    self->arguments->text[id] = value;
    return CLI_OK;
}

static cli_exit take_long_option(parser *self, const char *name, const char *next, int *ret_used)
{
    cli_option_id id;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const cli_option *option = length > 0 ? find_option(name, length, &id) : NULL;
    if (option == NULL) {
        return fail_option(name, length, guess_verb(self));
    }
    if (option->kind == CLI_KIND_FLAG && value != NULL) {
        cli_complain("the option --%s takes no value, found '%.80s'", option->name, value);
        return refer(guess_verb(self));
    }
    return take_option_value(self, option, id, value, next, ret_used);
}

/* One letter, or several flags together; what follows the letter of another option is its value. */
static cli_exit take_short_options(parser *self, const char *letters, const char *next,
                                   int *ret_used)
{
    for (; *letters != '\0'; letters++) {
        cli_option_id id;
        const cli_option *option = find_option(letters, 0, &id);
        if (option == NULL) {
            size_t length = 1;
            while (((unsigned char)letters[length] & 0xC0) == 0x80) { /* all of a character */
                length++;
            }
            cli_complain("there is no option -%.*s", (int)length, letters);
            return refer(guess_verb(self));
        }
        const char *value = letters[1] != '\0' ? letters + 1 : NULL;
        cli_exit code = take_option_value(self, option, id, value, next, ret_used);
        if (code != CLI_OK || option->kind != CLI_KIND_FLAG) {
            return code;
        }
    }
    return CLI_OK;
}

/* Take the option at argv[at]; *ret_used is the number of arguments it takes. */
static cli_exit take_option(parser *self, int argc, char *const *argv, int at, int *ret_used)
{
    const char *argument = argv[at];
    const char *next = at + 1 < argc ? argv[at + 1] : NULL;
    *ret_used = 1;
    return argument[1] == '-' ? take_long_option(self, argument + 2, next, ret_used)
                              : take_short_options(self, argument + 1, next, ret_used);
}

/* The number of a choice; -1 if it is none of them. */
static int find_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (int number = 0; *choices != '\0'; number++) {
        size_t word = strcspn(choices, "|");
        if (word == length && memcmp(choices, text, length) == 0) {
            return number;
        }
        choices += word + (choices[word] == '|');
    }
    return -1;
}

/* Read @text as the kind of option it is; what was expected goes to *ret_expected otherwise. */
static bool read_value(const cli_option *option, const char *text, int64_t *ret_number,
                       const char **ret_expected)
{
    uint32_t ms = 0;
    switch (option->kind) {
    case CLI_KIND_FLAG:
    case CLI_KIND_TEXT:
    case CLI_KIND_FILE:
        *ret_expected = "a text that is not empty";
        return option->kind == CLI_KIND_FLAG || *text != '\0';
    case CLI_KIND_COUNT: {
        char *end = NULL;
        *ret_expected = "a whole number from 1 to 1000000";
        *ret_number = strtoll(text, &end, 10);
        return *text >= '0' && *text <= '9' && *end == '\0' && *ret_number >= 1 &&
               *ret_number <= 1000000;
    }
    case CLI_KIND_DURATION:
        *ret_expected = "a duration above 0, with a unit, such as 250ms, 5s, 2m or 1h, of at most "
                        "1193h";
        if (agt_team_parse_duration(text, &ms) != AGT_OK || ms == AGT_MS_NONE) {
            return false;
        }
        *ret_number = ms;
        return true;
    case CLI_KIND_MONEY:
        *ret_expected = "an amount of USD above 0, such as 0.05";
        return agt_team_parse_money(text, ret_number) == AGT_OK && *ret_number > 0;
    case CLI_KIND_CHOICE:
        *ret_expected = option->choices;
        *ret_number = find_choice(option->choices, text);
        return *ret_number >= 0;
    }
    return false;
}

/* Check what was given, and take from the environment what was not. */
static cli_exit read_values(parser *self)
{
    cli_arguments *arguments = self->arguments;
    for (int i = 0; i < CLI_OPT_COUNT; i++) {
        cli_option_id id = (cli_option_id)i;
        const cli_option *option = cli_get_option(id);
        const char *source = NULL;
        if (cli_has(arguments, id) && !takes(arguments->verb, id)) {
            cli_complain("%s: there is no option --%s", arguments->verb->name, option->name);
            return refer(arguments->verb);
        }
        if (!cli_has(arguments, id) && option->environment != NULL && takes(arguments->verb, id)) {
            const char *text = secure_getenv(option->environment);
            if (text != NULL && *text != '\0') {
                arguments->text[id] = text;
                arguments->is_variable[id] = true;
                source = option->environment;
            }
        }
        const char *expected = NULL;
        if (cli_has(arguments, id) &&
            !read_value(option, arguments->text[id], &arguments->number[id], &expected)) {
            cli_complain("%s%s: found '%.80s', expected %s", source != NULL ? "" : "--",
                         source != NULL ? source : option->name, arguments->text[id], expected);
            return refer(arguments->verb);
        }
    }
    return CLI_OK;
}

cli_exit cli_parse(int argc, char *const *argv, cli_arguments *ret_arguments)
{
    parser self = {.arguments = ret_arguments};
    memset(ret_arguments, 0, sizeof(*ret_arguments));
    for (int at = 1; at < argc;) {
        const char *argument = argv[at];
        int used = 1;
        if (self.options_are_over || argument[0] != '-' || argument[1] == '\0') {
            if (self.word_count < WORDS_MAX) {
                self.words[self.word_count++] = argument;
            }
        } else if (strcmp(argument, "--") == 0) {
            self.options_are_over = true;
        } else {
            cli_exit code = take_option(&self, argc, argv, at, &used);
            if (code != CLI_OK) {
                return code;
            }
        }
        at += used;
    }
    cli_exit code = take_verb(&self);
    if (code != CLI_OK || ret_arguments->verb == NULL) {
        return code;
    }
    if (cli_has(ret_arguments, CLI_OPT_HELP)) {
        return CLI_OK;
    }
    code = read_values(&self);
    return code == CLI_OK ? check_operands(ret_arguments) : code;
}
