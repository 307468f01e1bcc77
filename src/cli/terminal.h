/* What a stream can show: its width, color, Unicode, moving lines. */
#ifndef AGT_CLI_TERMINAL_H
#define AGT_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

typedef enum cli_color { /* the words of --color, in their order */
    CLI_COLOR_AUTO,
    CLI_COLOR_ALWAYS,
    CLI_COLOR_NEVER,
} cli_color;

typedef enum cli_style {
    CLI_PLAIN,
    CLI_BOLD,
    CLI_DIM,
    CLI_RED,
    CLI_GREEN,
    CLI_YELLOW,
    CLI_CYAN,
} cli_style;

typedef struct cli_terminal {
    FILE *stream;
    bool is_terminal;
    bool has_color;
    bool has_unicode; /* as the locale of the user says             */
    bool can_move;    /* lines may be written over                  */
    unsigned columns; /* 80 if nobody knows                         */
} cli_terminal;

/** Find out about @stream (stdout or stderr); reads the environment. */
void cli_terminal_init(cli_terminal *terminal, FILE *stream, cli_color color);

/** The width again: it may have changed. */
void cli_terminal_measure(cli_terminal *terminal);

/** What switches to a style, and back with CLI_PLAIN; "" without color. */
const char *cli_style_of(const cli_terminal *terminal, cli_style style);

/** Make characters outside of ASCII have a width, whatever the locale of the user. */
void cli_terminal_set_locale(void);

#endif
