/*
 * Text of others on a terminal, and figures.
 *
 * What a model, a tool or a file says may hold escape sequences that change the title of a window,
 * hide text or write to the clipboard, and characters that make text read differently from what it
 * is. All of these become visible escapes. Widths are those of wcwidth(3), for which main() chose a
 * locale that is UTF-8 in any case.
 */
#include "cli/text.h"

#include "agent_sdk/telemetry.h"

#include <string.h>
#include <time.h>
#include <wchar.h>

/* The size of the character at @text, its code in *ret_code; 0 if it is not UTF-8. */
static size_t read_character(const char *text, size_t length, uint32_t *ret_code)
{
    unsigned char lead = (unsigned char)text[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (size == 0 || lead > 0xF4 || size > length) {
        return 0;
    }
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code = size == 1 ? lead : lead & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | ((unsigned char)text[i] & 0x3Fu);
    }
    bool is_scalar = code >= lowest[size] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    *ret_code = code;
    return is_scalar ? size : 0;
}

/* Whether a character does something, or nothing that could be seen. */
static bool is_dangerous(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || /* C0, DEL, C1     */
           code == 0x061C || code == 0x00AD ||             /* direction; soft hyphen */
           code == 0x200B || code == 0x200E || code == 0x200F ||

           (code >= 0x2028 && code <= 0x202E) || /* line ends, direction   */
           (code >= 0x2060 && code <= 0x206F) || /* invisible, direction   */
           code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
           (code >= 0xE0000 && code <= 0xE007F); /* tags */
}

/* The next piece of clean text: some of @text as it is, or an escape in @escape. */
static size_t next_piece(const char *text, size_t length, cli_clean how, char escape[16],
                         size_t *ret_plain)
{
    size_t at = 0;
    uint32_t code = 0;
    *ret_plain = 0;
    while (at < length) {
        size_t size = read_character(text + at, length - at, &code);
        bool stays = size > 0 && (!is_dangerous(code) ||
                                  (how == CLI_CLEAN_TEXT && (code == '\n' || code == '\t')));
        if (!stays) {
            break;
        }
        at += size;
    }
    if (at > 0 || length == 0) {
        *ret_plain = at;
        return at;
    }
    size_t size = read_character(text, length, &code);
    if (size == 0) {
        (void)snprintf(escape, 16, "\\x%02x", (unsigned)(unsigned char)text[0]);
        return 1;
    }
    const char *known = code == '\n' ? "\\n" : code == '\r' ? "\\r" : code == '\t' ? "\\t" : NULL;
    if (known != NULL) {
        (void)snprintf(escape, 16, "%s", known);
    } else if (code < 0x100) {
        (void)snprintf(escape, 16, "\\x%02x", (unsigned)code);
    } else {
        (void)snprintf(escape, 16, "\\u%04x", (unsigned)code);
    }
    return size;
}

void cli_write_clean(FILE *stream, const char *text, size_t length, cli_clean how)
{
    while (length > 0) {
        char escape[16];
        size_t plain = 0;
        size_t used = next_piece(text, length, how, escape, &plain);
        if (plain > 0) {
            (void)fwrite(text, 1, plain, stream);
        } else {
            (void)fputs(escape, stream);
        }
        text += used;
        length -= used;
    }
}

void cli_clean_text(char *target, size_t size, const char *text)
{
    size_t length = strlen(text), used = 0;
    while (length > 0) {
        char escape[16];
        size_t plain = 0;
        size_t taken = next_piece(text, length, CLI_CLEAN_LINE, escape, &plain);
        const char *piece = plain > 0 ? text : escape;
        size_t bytes = plain > 0 ? plain : strlen(escape);
        if (bytes >= size - used) {
            /* Cut between two characters. */
            bytes = plain > 0 ? size - used - 1 : 0;
            while (bytes > 0 && ((unsigned char)piece[bytes] & 0xC0) == 0x80) {
                bytes--;
            }
            length = taken;
        }
        memcpy(target + used, piece, bytes);
        used += bytes;
        text += taken;
        length -= taken;
    }
    target[used] = '\0';
}

/* Columns of the character at @text. */
static size_t character_width(const char *text, size_t length, size_t *ret_size)
{
    uint32_t code = 0;
    size_t size = read_character(text, length, &code);
    *ret_size = size > 0 ? size : 1;
    if (size <= 1) {
        return 1;
    }
    int columns = wcwidth((wchar_t)code);
    return columns < 0 ? 1 : (size_t)columns;
}

size_t cli_text_width(const char *text)
{
    size_t length = strlen(text), columns = 0;
    while (length > 0) {
        size_t size = 0;
        columns += character_width(text, length, &size);
        text += size;
        length -= size;
    }
    return columns;
}

void cli_write_cell(FILE *stream, const char *text, size_t columns, bool is_unicode)
{
    size_t length = strlen(text), used = 0, at = 0;
    bool is_cut = cli_text_width(text) > columns;
    size_t room = is_cut && columns > 0 ? columns - 1 : columns;
    while (at < length) {
        size_t size = 0;
        size_t width = character_width(text + at, length - at, &size);
        if (used + width > room) {
            break;
        }
        used += width;
        at += size;
    }
    (void)fwrite(text, 1, at, stream);
    if (is_cut && columns > 0) {
        (void)fputs(is_unicode ? "…" : "~", stream);
        used++;
    }
    for (; used < columns; used++) {
        (void)fputc(' ', stream);
    }
}

/* ---- figures ------------------------------------------------------------------------------ */

void cli_format_duration(char target[CLI_FIGURE_BYTES], uint64_t ns, bool is_unicode)
{
    const size_t size = CLI_FIGURE_BYTES;
    const uint64_t us = 1000, ms = 1000 * us, s = 1000 * ms;
    if (ns < ms) {
        (void)snprintf(target, size, "%u %s", (unsigned)(ns / us), is_unicode ? "µs" : "us");
    } else if (ns < 10 * ms) {
        (void)snprintf(target, size, "%u.%u ms", (unsigned)(ns / ms),
                       (unsigned)(ns / (100 * us) % 10));
    } else if (ns < s) {
        (void)snprintf(target, size, "%u ms", (unsigned)(ns / ms));
    } else if (ns < 60 * s) {
        (void)snprintf(target, size, "%u.%02u s", (unsigned)(ns / s),
                       (unsigned)(ns / (10 * ms) % 100));
    } else if (ns < 3600 * s) {
        (void)snprintf(target, size, "%u m %02u s", (unsigned)(ns / (60 * s)),
                       (unsigned)(ns / s % 60));
    } else {
        (void)snprintf(target, size, "%llu h %02u m", (unsigned long long)(ns / (3600 * s)),
                       (unsigned)(ns / (60 * s) % 60));
    }
}

void cli_format_decimal(char target[CLI_FIGURE_BYTES], int64_t nanousd)
{
    if (nanousd == AGT_NANOUSD_UNKNOWN) {
        (void)snprintf(target, CLI_FIGURE_BYTES, "unknown");
        return;
    }
    bool is_negative = nanousd < 0;
    uint64_t amount = is_negative ? (uint64_t)-nanousd : (uint64_t)nanousd;
    int length =
        snprintf(target, CLI_FIGURE_BYTES, "%s%llu.%09u", is_negative ? "-" : "",
                 (unsigned long long)(amount / 1000000000), (unsigned)(amount % 1000000000));
    /* At least two places, no zeros behind them. */
    while (length > 3 && target[length - 1] == '0' && target[length - 3] != '.') {
        target[--length] = '\0';
    }
}

void cli_format_money(char target[CLI_FIGURE_BYTES], int64_t nanousd)
{
    if (nanousd == AGT_NANOUSD_UNKNOWN) {
        (void)snprintf(target, CLI_FIGURE_BYTES, "unknown");
        return;
    }
    /* A thousandth of a cent is 10,000 nano-dollars; less than that would show as nothing. */
    int64_t shown = nanousd;
    if (nanousd >= 10000) {
        shown = (nanousd / 10000 + (nanousd % 10000 >= 5000)) * 10000;
    }
    char text[CLI_FIGURE_BYTES];
    cli_format_decimal(text, shown);
    (void)snprintf(target, CLI_FIGURE_BYTES, "$%.*s", CLI_FIGURE_BYTES - 2, text);
}

void cli_format_count(char target[CLI_FIGURE_BYTES], uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            target[used++] = ',';
        }
        target[used++] = digits[i];
    }
    target[used] = '\0';
}

void cli_format_time(char target[CLI_FIGURE_BYTES], uint64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm parts;
    char text[24];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        text[0] = '\0';
    }
    (void)snprintf(target, CLI_FIGURE_BYTES, "%s.%03uZ", text,
                   (unsigned)(unix_ns / 1000000 % 1000));
}

void cli_format_local_time(char target[CLI_FIGURE_BYTES], uint64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL ||
        strftime(target, CLI_FIGURE_BYTES, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        target[0] = '\0';
    }
}
