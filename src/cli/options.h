/*
 * The command line, declared once: what the parser accepts, `--help`, `agent completion`, the
 * manual page and the tests all read the same tables.
 */
#ifndef AGT_CLI_OPTIONS_H
#define AGT_CLI_OPTIONS_H

#include "cli/cli.h"

/* Every option there is; a verb takes some of them. */
typedef enum cli_option_id {
    CLI_OPT_JSON,
    CLI_OPT_JSONL,
    CLI_OPT_PARALLEL,
    CLI_OPT_BUDGET,
    CLI_OPT_TIMEOUT,
    CLI_OPT_MODEL,
    CLI_OPT_PROMPT,
    CLI_OPT_SYSTEM,
    CLI_OPT_BASE_URL,
    CLI_OPT_STORE,
    CLI_OPT_NO_STORE,
    CLI_OPT_RECORD,
    CLI_OPT_FORCE,
    CLI_OPT_BY,
    CLI_OPT_RUN,
    CLI_OPT_SINCE,
    CLI_OPT_LIMIT,
    CLI_OPT_SESSION,
    CLI_OPT_CONTINUE,
    CLI_OPT_MAN,
    CLI_OPT_COLOR,
    CLI_OPT_QUIET,
    CLI_OPT_NO_PROGRESS,
    CLI_OPT_HELP,
    CLI_OPT_VERSION,
    CLI_OPT_COUNT
} cli_option_id;

typedef enum cli_kind {
    CLI_KIND_FLAG,
    CLI_KIND_TEXT,
    CLI_KIND_FILE,
    CLI_KIND_COUNT,    /* a whole number from 1        */
    CLI_KIND_DURATION, /* milliseconds in `number`     */
    CLI_KIND_MONEY,    /* nano-dollars in `number`     */
    CLI_KIND_CHOICE,   /* index of the word in `number` */
} cli_kind;

typedef struct cli_option {
    const char *name; /* without the dashes                                   */
    char letter;      /* 0 = none                                             */
    cli_kind kind;
    const char *value;       /* what stands for its value in help; NULL for a flag    */
    const char *choices;     /* of a choice, separated by `|`                         */
    const char *environment; /* the variable that says the same; NULL = none          */
    const char *help;
} cli_option;

typedef struct cli_arguments cli_arguments;

typedef struct cli_verb {
    const char *name;     /* "run", "trace show"                                      */
    const char *operands; /* "TEAM [INPUT]", as help shows them                       */
    const char *summary;  /* one line                                                 */
    const char *help;     /* paragraphs                                               */
    const cli_option_id *options;
    size_t option_count;
    size_t operands_min, operands_max;
    bool takes_file; /* operands are file names, for completion                      */
    cli_exit (*run)(const cli_arguments *arguments);
} cli_verb;

enum {
    CLI_OPERANDS_MAX = 8
};

/* What the command line said. */
struct cli_arguments {
    const cli_verb *verb;            /* NULL = none was named                        */
    const char *text[CLI_OPT_COUNT]; /* the value, "" for a flag; NULL = not given   */
    int64_t number[CLI_OPT_COUNT];   /* of counts, durations, money and choices      */
    bool is_variable[CLI_OPT_COUNT]; /* it comes from the environment                */
    const char *operands[CLI_OPERANDS_MAX];
    size_t operand_count;
};

/** The options, by id. */
const cli_option *cli_get_option(cli_option_id id);

/** The verbs, in the order in which help shows them. */
const cli_verb *cli_get_verbs(size_t *ret_count);

/** The verb of that name; NULL if there is none. */
const cli_verb *cli_find_verb(const char *name);

/** Complain that there is no verb @name, of one word or two, and say which may be meant. */
cli_exit cli_fail_verb(const char *name);

/** Options that every verb takes; their number. */
const cli_option_id *cli_get_common_options(size_t *ret_count);

/**
 * Read the command line and the environment.
 *
 * @return CLI_OK; CLI_USAGE, after a complaint that says what was wrong, what may have been meant
 *         and where to read on
 */
cli_exit cli_parse(int argc, char *const *argv, cli_arguments *ret_arguments);

/** Whether the option was given, on the command line or by its variable. */
bool cli_has(const cli_arguments *arguments, cli_option_id id);

/* ---- what is made of the tables ------------------------------------------------------------- */

/** Help on the command (@verb NULL) or on one verb, for a terminal of @columns columns. */
void cli_write_help(FILE *stream, const cli_verb *verb, unsigned columns);

/** The manual page, in roff. */
void cli_write_man(FILE *stream);

/** A completion script; false if there is no such shell. */
bool cli_write_completion(FILE *stream, const char *shell);

/** Exit codes and variables, for help and the manual page: pairs of name and meaning. */
const char *const (*cli_get_exit_codes(size_t *ret_count))[2];
const char *const (*cli_get_variables(size_t *ret_count))[2];

#endif
