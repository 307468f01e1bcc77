/* UTF-8: checking whole and in pieces, reading and writing one character, counting characters. */
#ifndef AGT_BASE_UTF8_H
#define AGT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a checker stands inside a character; all zero between two characters. */
typedef struct agt__utf8 {
    uint8_t left; /* continuation bytes that are still missing */
    uint8_t low;  /* the next one must lie between low and high */
    uint8_t high;
} agt__utf8;

/** Take the first byte of a character; false if no character of several bytes starts with it. */
bool agt__utf8_begin(agt__utf8 *utf8, uint8_t byte);

/** Take a further byte of the character; false if it cannot follow. */
bool agt__utf8_continue(agt__utf8 *utf8, uint8_t byte);

/** Whether @size bytes are UTF-8: no surrogates, nothing overlong, nothing beyond U+10FFFF. */
bool agt__utf8_is_valid(const char *bytes, size_t size);

/** Write @code (a Unicode scalar value) to @target, which has room for 4 bytes; the bytes used. */
size_t agt__utf8_write(char *target, uint32_t code);

/** The character at @bytes, which is valid UTF-8; its size goes to @ret_size. */
uint32_t agt__utf8_read(const char *bytes, size_t *ret_size);

/* What stands for bytes that are not UTF-8. It is three bytes long where it is meant. */
#define AGT__UTF8_REPLACEMENT 0xFFFDu

/**
 * The character at the start of @bytes, of which there are @available > 0, whatever they are: one
 * that is not UTF-8 is read as U+FFFD, alone.
 *
 * @return how many bytes it takes, at least 1
 */
size_t agt__utf8_read_any(const unsigned char *bytes, size_t available, uint32_t *ret_code);

/** The characters in @size bytes: all bytes but continuation bytes are counted. */
size_t agt__utf8_count(const char *bytes, size_t size);

/** The first of @size bytes that is not ASCII, or the end. */
const char *agt__utf8_skip_ascii(const char *bytes, const char *end);

#endif
