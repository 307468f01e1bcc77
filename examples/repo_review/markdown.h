/*
 * Writing Markdown that nobody can escape from.
 *
 * Names of files and people, and whatever a model wrote, may hold anything: line feeds, backticks,
 * table bars, links, terminal escape sequences, characters that turn the line around. None of it
 * reaches the reader as anything but visible text.
 */
#ifndef REPO_REVIEW_MARKDOWN_H
#define REPO_REVIEW_MARKDOWN_H

#include "scan.h"

#include <stdio.h>

/** @text as code: `like this`. What cannot stand there is written as in C: \n, \x1b, \u202e. */
void md_code(FILE *file, piece text);

/** @text as words of a paragraph. */
void md_text(FILE *file, piece text);
/** "1 file", "2 files". */
void md_count(FILE *file, uint64_t count, const char *noun);

enum {
    MD_COLUMNS_MAX = 8
};

/** A table: cells are added row by row, each ended by md_end(). */
typedef struct md_table {
    const char *const *headings; /* one per column, NULL-terminated                            */
    const char *alignment;       /* one letter per column: l or r                              */
    size_t columns;
    char **cells;
    size_t count, capacity;
    FILE *cell; /* the cell that is being written: use it with md_code() and the like          */
    char *bytes;
    size_t size;
} md_table;

/** @return false without memory */
bool md_begin(md_table *table, const char *const *headings, const char *alignment);
/** The end of a cell that was written to table->cell. */
void md_end(md_table *table);
/** Whole cells. */
void md_cell(md_table *table, const char *format, ...) AGT_PRINTF(2, 3);
void md_code_cell(md_table *table, piece text);
void md_text_cell(md_table *table, piece text);
/** Print the table, its columns aligned for those who read the source, and free it. */
void md_print(md_table *table, FILE *file);

#endif
