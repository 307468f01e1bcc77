/*
 * What a stream can show, by the conventions of https://no-color.org and https://bixense.com/
 * clicolors: NO_COLOR switches color off, CLICOLOR_FORCE on, --color counts before both; a terminal
 * that is called "dumb" gets neither color nor moving lines; CI logs get no moving lines.
 */
#include "cli/terminal.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    COLUMNS_DEFAULT = 80,
    COLUMNS_MIN = 20,
    COLUMNS_MAX = 1000
};

static bool is_set(const char *name)
{
    const char *value = secure_getenv(name);
    return value != NULL && *value != '\0';
}

static bool is_dumb(void)
{
    const char *term = secure_getenv("TERM");
    return term == NULL || *term == '\0' || strcmp(term, "dumb") == 0;
}

/* Whether the locale of the user is one of UTF-8: the first of these that is set counts. */
static bool is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is_set(names[i])) {
            const char *value = secure_getenv(names[i]);
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
        }
    }
    return false;
}

static bool decide_color(const cli_terminal *terminal, cli_color color)
{
    switch (color) {
    case CLI_COLOR_ALWAYS:
        return true;
    case CLI_COLOR_NEVER:
        return false;
    case CLI_COLOR_AUTO:
        break;
    }
    if (is_set("NO_COLOR")) {
        return false;
    }
    const char *force = secure_getenv("CLICOLOR_FORCE");
    if (force != NULL && *force != '\0' && strcmp(force, "0") != 0) {
        return true;
    }
    return terminal->is_terminal && !is_dumb();
}

/* The descriptor of a stream: stdout may be a stream of our own that has none. */
static int get_file(const FILE *stream)
{
    return stream == stderr ? STDERR_FILENO : STDOUT_FILENO;
}

void cli_terminal_measure(cli_terminal *terminal)
{
    struct winsize size;
    const char *text = secure_getenv("COLUMNS");
    long columns = text != NULL ? strtol(text, NULL, 10) : 0;
    if (columns <= 0 && ioctl(get_file(terminal->stream), TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    terminal->columns = columns <= 0            ? COLUMNS_DEFAULT
                        : columns < COLUMNS_MIN ? COLUMNS_MIN
                        : columns > COLUMNS_MAX ? COLUMNS_MAX
                                                : (unsigned)columns;
}

void cli_terminal_init(cli_terminal *terminal, FILE *stream, cli_color color)
{
    memset(terminal, 0, sizeof(*terminal));
    terminal->stream = stream;
    terminal->is_terminal = isatty(get_file(stream)) == 1;
    terminal->has_color = decide_color(terminal, color);
    terminal->has_unicode = is_utf8();
    terminal->can_move = terminal->is_terminal && !is_dumb() && !is_set("CI");
    cli_terminal_measure(terminal);
}

const char *cli_style_of(const cli_terminal *terminal, cli_style style)
{
    static const char *const codes[] = {
        [CLI_PLAIN] = "\033[0m", [CLI_BOLD] = "\033[1m",   [CLI_DIM] = "\033[2m",
        [CLI_RED] = "\033[31m",  [CLI_GREEN] = "\033[32m", [CLI_YELLOW] = "\033[33m",
        [CLI_CYAN] = "\033[36m",
    };
    return terminal->has_color ? codes[style] : "";
}

void cli_terminal_set_locale(void)
{
    /* C.UTF-8 has the widths; every system of our floor has it. The user's is the second best. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        (void)setlocale(LC_CTYPE, "");
    }
}
