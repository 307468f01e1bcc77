/*
 * Reading what git prints.
 *
 * Everything here is made for text that somebody hostile may have written: file names with quotes,
 * line feeds and escape sequences, names that are not UTF-8, numbers out of range. Git is asked to
 * quote paths (core.quotePath), so that what it prints is lines of plain ASCII; this file undoes
 * the quotes, and nothing else interprets a name ever after.
 */
#include "scan.h"

#include <string.h>

piece piece_of(const char *text)
{
    return (piece){text, strlen(text)};
}

piece piece_of_value(const agt_value *string)
{
    piece text = {"", 0};
    const char *bytes = agt_value_get_string(string, &text.length);
    if (bytes != NULL) {
        text.bytes = bytes;
    }
    return text;
}

bool take_line(piece *rest, piece *ret_line)
{
    if (rest->length == 0) {
        return false;
    }
    if (!split_first(*rest, '\n', ret_line, rest)) {
        *ret_line = *rest;
        *rest = (piece){rest->bytes + rest->length, 0};
    }
    return true;
}

static bool split_at(piece whole, const char *at, piece *ret_left, piece *ret_right)
{
    if (at == NULL) {
        return false;
    }
    size_t length = (size_t)(at - whole.bytes);
    *ret_left = (piece){whole.bytes, length};
    *ret_right = (piece){at + 1, whole.length - length - 1};
    return true;
}

bool split_first(piece whole, char separator, piece *ret_left, piece *ret_right)
{
    return split_at(whole, memchr(whole.bytes, separator, whole.length), ret_left, ret_right);
}

bool split_last(piece whole, char separator, piece *ret_left, piece *ret_right)
{
    return split_at(whole, memrchr(whole.bytes, separator, whole.length), ret_left, ret_right);
}

bool starts_with(piece text, const char *start)
{
    size_t length = strlen(start);
    return text.length >= length && memcmp(text.bytes, start, length) == 0;
}

bool ends_with(piece text, const char *end)
{
    size_t length = strlen(end);
    return text.length >= length && memcmp(text.bytes + text.length - length, end, length) == 0;
}

int compare_pieces(piece a, piece b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common > 0 ? memcmp(a.bytes, b.bytes, common) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

bool to_number(piece text, int64_t *ret_number)
{
    bool is_negative = starts_with(text, "-");
    size_t i = is_negative ? 1 : 0;
    int64_t number = 0;
    if (i == text.length || text.length - i > 18) {
        return false; /* 18 digits always fit */
    }
    for (; i < text.length; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
        number = number * 10 + (text.bytes[i] - '0');
    }
    *ret_number = is_negative ? -number : number;
    return true;
}

/* The byte that an escape stands for, and how many characters it has behind its backslash. */
static char unescape(const char *at, size_t left, size_t *ret_used)
{
    static const char letters[] = "abtnvfr", bytes[] = "\a\b\t\n\v\f\r";
    const char *letter = memchr(letters, at[0], sizeof(letters) - 1);
    *ret_used = 1;
    if (letter != NULL) {
        return bytes[letter - letters];
    }
    if (left >= 3 && at[0] >= '0' && at[0] <= '3') {
        *ret_used = 3;
        return (char)(((at[0] - '0') << 6) | ((at[1] & 7) << 3) | (at[2] & 7));
    }
    return at[0];
}

piece unquote_path(piece text, char *target)
{
    if (text.length < 2 || text.bytes[0] != '"' || text.bytes[text.length - 1] != '"') {
        return text;
    }
    size_t length = 0;
    for (size_t i = 1; i + 1 < text.length; i++) {
        char c = text.bytes[i];
        if (c == '\\' && i + 2 < text.length) {
            size_t used = 0;
            c = unescape(text.bytes + i + 1, text.length - i - 2, &used);
            i += used;
        }
        target[length++] = c;
    }
    return (piece){target, length};
}

/* The length of the UTF-8 character at the front of @text; 0 if there is none. */
static size_t character_length(piece text)
{
    const unsigned char *s = (const unsigned char *)text.bytes;
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    uint32_t code = length == 1 ? s[0] : s[0] & (0x7Fu >> length);
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if ((s[0] >= 0x80 && s[0] < 0xC2) || s[0] > 0xF4 || length > text.length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = (code << 6) | (s[i] & 0x3F);
    }
    bool is_character =
        code >= least[length] && code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
    return is_character ? length : 0;
}

void add_text(agt_value_builder *builder, piece text)
{
    char clean[4096];
    size_t length = 0;
    while (text.length > 0 && length + 4 <= sizeof(clean)) {
        size_t used = character_length(text);
        if (used > 0) {
            memcpy(clean + length, text.bytes, used);
            length += used;
        } else {
            memcpy(clean + length, "\xEF\xBF\xBD", 3);
            length += 3;
            used = 1;
        }
        text = (piece){text.bytes + used, text.length - used};
    }
    agt_value_builder_string_n(builder, clean, length);
}
