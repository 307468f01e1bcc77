/*
 * Writing Markdown. Two kinds of text only: code, where nothing but a backtick and, in a table, a
 * bar means anything to Markdown; and words, where all punctuation is escaped that could.
 *
 * Characters are decoded, because some that are not controls in ASCII are in Unicode: those that
 * change the direction of the text, that are invisible, or that end a line.
 */
#include "markdown.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH_MAX = 80 /* of a column, for the alignment of its cells */
};

/* Cut one character off the front of @text, which is UTF-8. */
static uint32_t take_character(piece *text, size_t *ret_length)
{
    const unsigned char *s = (const unsigned char *)text->bytes;
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    uint32_t code = length == 1 ? s[0] : s[0] & (0x7Fu >> length);
    length = length > text->length ? text->length : length;
    for (size_t i = 1; i < length; i++) {
        code = (code << 6) | (s[i] & 0x3F);
    }
    *text = (piece){text->bytes + length, text->length - length};
    *ret_length = length;
    return code;
}

/* Whether a character has no shape of its own. */
static bool is_invisible(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C ||
           (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF ||
           (code >= 0xFFF9 && code <= 0xFFFB) || (code >= 0xE0000 && code <= 0xE0FFF);
}

static void write_escape(FILE *file, uint32_t code)
{
    if (code == '\n') {
        (void)fputs("\\n", file);
    } else if (code == '\t') {
        (void)fputs("\\t", file);
    } else if (code < 0x100) {
        (void)fprintf(file, "\\x%02x", code);
    } else {
        (void)fprintf(file, "\\u%04x", code);
    }
}

void md_code(FILE *file, piece text)
{
    (void)fputc('`', file);
    while (text.length > 0) {
        const char *at = text.bytes;
        size_t length = 0;
        uint32_t code = take_character(&text, &length);
        if (is_invisible(code) || code == '`' || code == '|') {
            write_escape(file, code);
        } else if (code == '\\') {
            (void)fputs("\\\\", file);
        } else {
            (void)fwrite(at, 1, length, file);
        }
    }
    (void)fputc('`', file);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) != 0 || (unsigned char)c >= 0x80;
}

/*
 * Whether the character at @at of words means something to Markdown. An underscore inside a word
 * does not; `://` and `www.` would become links; some mean something at the beginning only.
 */
static bool is_markup(piece words, size_t at)
{
    const char *s = words.bytes + at;
    bool is_last = at + 1 == words.length;
    switch (*s) {
    case '_':
        return at == 0 || is_last || !is_word(s[-1]) || !is_word(s[1]);
    case ':':
        return !is_last && s[1] == '/';
    case '.':
        return at >= 3 && memcmp(s - 3, "www", 3) == 0;
    case '#':
    case '>':
    case '-':
    case '+':
        return at == 0;
    default:
        return strchr("\\`*[]<|~&$", *s) != NULL;
    }
}

void md_text(FILE *file, piece text)
{
    piece rest = text;
    while (rest.length > 0) {
        size_t at = text.length - rest.length, length = 0;
        uint32_t code = take_character(&rest, &length);
        if (code == '\n' || code == '\t') {
            (void)fputc(' ', file);
        } else if (is_invisible(code)) {
            (void)fputc('\\', file); /* a backslash that is seen, then what it stands for */
            write_escape(file, code);
        } else {
            (void)fputs(is_markup(text, at) ? "\\" : "", file);
            (void)fwrite(text.bytes + at, 1, length, file);
        }
    }
}

void md_count(FILE *file, uint64_t count, const char *noun)
{
    (void)fprintf(file, "%llu %s%s", (unsigned long long)count, noun, count == 1 ? "" : "s");
}

/* ---- tables -----------------------------------------------------------------------------------
 */

bool md_begin(md_table *table, const char *const *headings, const char *alignment)
{
    *table = (md_table){.headings = headings, .alignment = alignment, .columns = strlen(alignment)};
    table->cell = open_memstream(&table->bytes, &table->size);
    return table->cell != NULL;
}

void md_end(md_table *table)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        char **cells = reallocarray(table->cells, capacity, sizeof(*cells));
        if (cells == NULL) {
            return; /* the table ends early */
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    bool is_written = fflush(table->cell) == 0;
    table->cells[table->count++] = is_written ? strndup(table->bytes, table->size) : NULL;
    rewind(table->cell);
}

void md_cell(md_table *table, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(table->cell, format, arguments);
    va_end(arguments);
    md_end(table);
}

void md_code_cell(md_table *table, piece text)
{
    md_code(table->cell, text);
    md_end(table);
}

void md_text_cell(md_table *table, piece text)
{
    md_text(table->cell, text);
    md_end(table);
}

/* Columns that a text takes on a terminal, if no character of it is wide. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

static const char *cell_at(const md_table *table, size_t index)
{
    return table->cells[index] != NULL ? table->cells[index] : "";
}

static void print_cell(FILE *file, const char *text, size_t width, char alignment)
{
    size_t own = width_of(text);
    int padding = own < width ? (int)(width - own) : 0;
    if (alignment == 'r') {
        (void)fprintf(file, "| %*s%s ", padding, "", text);
    } else {
        (void)fprintf(file, "| %s%*s ", text, padding, "");
    }
}

static void print_rule(FILE *file, size_t width, char alignment)
{
    (void)fputs(alignment == 'r' ? "|-" : "|:", file);
    for (size_t i = 0; i < width; i++) {
        (void)fputc('-', file);
    }
    (void)fputc(alignment == 'r' ? ':' : '-', file);
}

void md_print(md_table *table, FILE *file)
{
    size_t widths[MD_COLUMNS_MAX] = {0};
    size_t columns = table->columns, rows = table->count / columns;
    for (size_t i = 0; i < columns; i++) {
        widths[i] = width_of(table->headings[i]);
    }
    for (size_t i = 0; i < rows * columns; i++) {
        size_t width = width_of(cell_at(table, i));
        width = width < WIDTH_MAX ? width : WIDTH_MAX; /* what is longer stands out */
        widths[i % columns] = width > widths[i % columns] ? width : widths[i % columns];
    }
    for (size_t i = 0; i < columns; i++) {
        print_cell(file, table->headings[i], widths[i], table->alignment[i]);
    }
    (void)fputs("|\n", file);
    for (size_t i = 0; i < columns; i++) {
        print_rule(file, widths[i], table->alignment[i]);
    }
    (void)fputs("|\n", file);
    for (size_t i = 0; i < rows * columns; i++) {
        print_cell(file, cell_at(table, i), widths[i % columns], table->alignment[i % columns]);
        (void)fputs(i % columns + 1 == columns ? "|\n" : "", file);
    }
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    (void)fclose(table->cell);
    free(table->cells);
    free(table->bytes);
}
