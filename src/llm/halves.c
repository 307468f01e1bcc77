/*
 * Halves of surrogate pairs: found in JSON text, and marked or replaced before it is parsed.
 *
 * The text is copied byte by byte with just enough of a scanner to know where strings begin and
 * end. Text that is no JSON comes out as some other text that is no JSON: the parser, which is run
 * on the copy, says so. This is only done for text that the parser has refused once, so its speed
 * does not matter; the parser itself stays strict.
 *
 * Threads: nothing is kept.
 */
#include "llm/halves.h"

#include <string.h>

enum {
    escape_size = 6, /* \uXXXX */
    bits_base = 0xD800
};

/* The UTF-16 unit that the escape at @at writes; 0 if there is no escape of that form. */
static uint32_t read_escape(const char *at, const char *end)
{
    if (end - at < escape_size || at[0] != '\\' || at[1] != 'u') {
        return 0;
    }
    uint32_t unit = 0;
    for (int i = 2; i < escape_size; i++) {
        char c = at[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return 0;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_second(uint32_t unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

static void write_mark(agt__buffer *target, uint32_t half)
{
    uint32_t bits = half - bits_base;
    for (int shift = 8; shift >= 0; shift -= 4) {
        agt__buffer_add_text(target, "\xEF\xB7");
        agt__buffer_add_char(target, (char)(unsigned char)(0x90 + ((bits >> shift) & 15)));
    }
}

uint32_t agt__halves_read(const char *text)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < AGT__HALF_MARK_SIZE; i += 3) {
        uint32_t last = (unsigned char)text[i + 2];
        if ((unsigned char)text[i] != 0xEF || (unsigned char)text[i + 1] != 0xB7 || last < 0x90 ||
            last > 0x9F) {
            return 0;
        }
        bits = bits * 16 + (last - 0x90);
    }
    return bits < 0x800 ? bits_base + bits : 0;
}

bool agt__halves_rewrite(const char *json, size_t size, bool mark, agt__buffer *target)
{
    const char *end = json + size;
    const char *opened = NULL; /* the quote of the string that we are in */
    bool found = false;
    for (const char *at = json; at < end;) {
        uint32_t unit = opened != NULL ? read_escape(at, end) : 0;
        size_t taken = 1;
        if (agt__half_is_first(unit) && is_second(read_escape(at + escape_size, end))) {
            taken = (size_t)2 * escape_size;
        } else if (agt__half_is_first(unit) || is_second(unit)) {
            const char *next = at + escape_size;
            bool at_edge = is_second(unit) ? at == opened + 1 : next < end && next[0] == '"';
            if (mark && at_edge) {
                write_mark(target, unit);
            } else {
                agt__buffer_add_text(target, "\xEF\xBF\xBD");
            }
            found = true;
            at = next;
            continue;
        } else if (opened != NULL && at[0] == '\\' && end - at >= 2) {
            taken = 2;
        } else if (at[0] == '"') {
            opened = opened == NULL ? at : NULL;
        }
        agt__buffer_add(target, at, taken);
        at += taken;
    }
    return found;
}
