/*
 * Halves of UTF-16 surrogate pairs in JSON text.
 *
 * A server that cuts strings by UTF-16 units writes "\uD83D" at the end of one piece of text and
 * "\uDE42" at the start of the next. Neither is text, and our values hold nothing else; so a half
 * that stands where the other half may be in another piece is written as a mark, and joined when
 * both are there. A mark is three of Unicode's noncharacters (U+FDD0 …), which are set aside for
 * internal use by a program.
 */
#ifndef AGT_LLM_HALVES_H
#define AGT_LLM_HALVES_H

#include "base/buffer.h"

enum {
    AGT__HALF_MARK_SIZE = 9
};

/**
 * Copy JSON text to @target without halves: one at the start or end of a string becomes a mark if
 * @mark says so, any other U+FFFD. Failures are kept in @target.
 *
 * @return whether there were any
 */
bool agt__halves_rewrite(const char *json, size_t size, bool mark, agt__buffer *target);

/** The half that @text (at least AGT__HALF_MARK_SIZE bytes) begins with; 0 if it is no mark. */
uint32_t agt__halves_read(const char *text);

/** The first half of a pair, such as U+D83D? */
static inline bool agt__half_is_first(uint32_t half)
{
    return half >= 0xD800 && half < 0xDC00;
}

/** The character of both halves. */
static inline uint32_t agt__halves_join(uint32_t first, uint32_t second)
{
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

#endif
