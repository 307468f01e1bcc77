/*
 * Tables, by libsmartcols. It measures the terminal of its own; the width here is ours, so that
 * COLUMNS and a pipe mean the same as everywhere in the command: through a pipe nothing is cut.
 */
#include "cli/table.h"
#include "cli/text.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

enum {
    CELL_BYTES = 512
};

struct cli_table {
    struct libscols_table *table;
    const cli_terminal *terminal;
    size_t count;
};

cli_table *cli_table_new(const cli_terminal *terminal, const cli_column *columns, size_t count)
{
    cli_table *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->terminal = terminal;
    self->count = count;
    self->table = scols_new_table();
    bool is_fine = self->table != NULL;
    for (size_t i = 0; is_fine && i < count; i++) {
        int flags =
            (columns[i].is_right ? SCOLS_FL_RIGHT : 0) | (columns[i].may_cut ? SCOLS_FL_TRUNC : 0);
        is_fine = scols_table_new_column(self->table, columns[i].title, 0, flags) != NULL;
    }
    if (!is_fine) {
        cli_table_free(self);
        return NULL;
    }
    (void)scols_table_set_stream(self->table, terminal->stream);
    (void)scols_table_enable_ascii(self->table, !terminal->has_unicode);
    (void)scols_table_set_column_separator(self->table, "  ");
    if (terminal->is_terminal) {
        (void)scols_table_set_termforce(self->table, SCOLS_TERMFORCE_ALWAYS);
        (void)scols_table_set_termwidth(self->table, terminal->columns);
    } else {
        (void)scols_table_set_termforce(self->table, SCOLS_TERMFORCE_NEVER);
    }
    return self;
}

bool cli_table_add(cli_table *table, const char *const *cells)
{
    struct libscols_line *line = scols_table_new_line(table->table, NULL);
    for (size_t i = 0; line != NULL && i < table->count; i++) {
        char text[CELL_BYTES];
        cli_clean_text(text, sizeof(text), cells[i]);
        if (scols_line_set_data(line, i, text) != 0) {
            return false;
        }
    }
    return line != NULL;
}

bool cli_table_print(cli_table *table)
{
    const char *bold = cli_style_of(table->terminal, CLI_BOLD);
    for (size_t i = 0; *bold != '\0' && i < table->count; i++) {
        struct libscols_column *column = scols_table_get_column(table->table, i);
        struct libscols_cell *title = scols_column_get_header(column);
        if (title != NULL) {
            (void)scols_cell_set_color(title, "bold");
        }
    }
    if (*bold != '\0') {
        (void)scols_table_enable_colors(table->table, 1);
    }
    return scols_print_table(table->table) == 0;
}

void cli_table_free(cli_table *table)
{
    if (table != NULL) {
        scols_unref_table(table->table);
        free(table);
    }
}
