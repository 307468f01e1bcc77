/*
 * Text of others on a terminal: cleaned, measured, cut; and figures for people.
 */
#ifndef AGT_CLI_TEXT_H
#define AGT_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How text is cleaned. */
typedef enum cli_clean {
    CLI_CLEAN_LINE, /* one line: line ends are escaped too   */
    CLI_CLEAN_TEXT, /* several lines: line ends and tabs stay */
} cli_clean;

enum {
    CLI_FIGURE_BYTES = 40, /* room for any figure below */
};

/**
 * Write @text so that it cannot do anything to a terminal: control characters, characters that
 * change the direction of text or cannot be seen, and bytes that are not UTF-8 appear as \x1b,
 * \u202e, \xff.
 */
void cli_write_clean(FILE *stream, const char *text, size_t length, cli_clean how);

/** The same into a buffer, cut to fit; always terminated. */
void cli_clean_text(char *target, size_t size, const char *text);

/** Columns that @text takes on a terminal; it has to be clean. */
size_t cli_text_width(const char *text);

/**
 * Write exactly @columns columns: @text cut with "…" (or "~" without Unicode), or padded.
 *
 * @param text  clean
 */
void cli_write_cell(FILE *stream, const char *text, size_t columns, bool is_unicode);

/** A duration: "83 µs", "1.2 ms", "340 ms", "2.35 s", "3 m 05 s", "2 h 10 m". */
void cli_format_duration(char target[CLI_FIGURE_BYTES], uint64_t ns, bool is_unicode);

/** Nano-dollars as dollars: "$0.0042", exact up to a thousandth of a cent, rounded beyond. */
void cli_format_money(char target[CLI_FIGURE_BYTES], int64_t nanousd);

/** Nano-dollars as an exact decimal: "0.004217". */
void cli_format_decimal(char target[CLI_FIGURE_BYTES], int64_t nanousd);

/** A count: "950", "1,234,567". */
void cli_format_count(char target[CLI_FIGURE_BYTES], uint64_t count);

/** A point in time, UTC: "2026-11-22T10:00:00.123Z". */
void cli_format_time(char target[CLI_FIGURE_BYTES], uint64_t unix_ns);

/** The same for people, in the zone of the user: "2026-11-22 10:00:00". */
void cli_format_local_time(char target[CLI_FIGURE_BYTES], uint64_t unix_ns);

#endif
