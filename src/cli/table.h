/* A table on standard output: aligned columns for people. */
#ifndef AGT_CLI_TABLE_H
#define AGT_CLI_TABLE_H

#include "cli/terminal.h"

typedef struct cli_table cli_table; /* any number of rows                             */

typedef struct cli_column {
    const char *title;
    bool is_right; /* figures                                                         */
    bool may_cut;  /* shortened if the terminal is too narrow                         */
} cli_column;

/** A new table; NULL if there is no memory. */
cli_table *cli_table_new(const cli_terminal *terminal, const cli_column *columns, size_t count);

/** Add a row of as many texts as there are columns; they are cleaned. False without memory. */
bool cli_table_add(cli_table *table, const char *const *cells);

/** Print the table. False without memory. */
bool cli_table_print(cli_table *table);
void cli_table_free(cli_table *table);

#endif
