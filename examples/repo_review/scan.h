/*
 * Reading what git prints: pieces of text, lines, fields, numbers, quoted paths.
 *
 * A piece belongs to whoever has the bytes; nothing here allocates unless it says so.
 */
#ifndef REPO_REVIEW_SCAN_H
#define REPO_REVIEW_SCAN_H

#include <agent_sdk/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of somebody else, not ended by NUL. */
typedef struct piece {
    const char *bytes;
    size_t length;
} piece;

/** The piece that is a string literal or a string value. */
piece piece_of(const char *text);
piece piece_of_value(const agt_value *string);

/** Cut the next line, without its end, off the front of @rest; false when nothing is left. */
bool take_line(piece *rest, piece *ret_line);

/** The parts before and after the first (or the last) @separator; false if there is none. */
bool split_first(piece whole, char separator, piece *ret_left, piece *ret_right);
bool split_last(piece whole, char separator, piece *ret_left, piece *ret_right);

bool starts_with(piece text, const char *start);
bool ends_with(piece text, const char *end);

/** Order of bytes, as strcmp(). */
int compare_pieces(piece a, piece b);

/** A decimal number; false if it is none, or too large. A minus sign is for dates before 1970. */
bool to_number(piece text, int64_t *ret_number);

/**
 * The path that git writes in quotes when it holds anything unusual ("a\303\244\n"), as it is.
 *
 * @param target  room for text.length bytes
 */
piece unquote_path(piece text, char *target);

/**
 * Add @text as a string to what is built; bytes that are not UTF-8 become U+FFFD.
 *
 * Names of files and people may hold any bytes; values are UTF-8.
 */
void add_text(agt_value_builder *builder, piece text);

#endif
