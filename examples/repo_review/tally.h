/*
 * Counting by name: commits per author, lines changed per file.
 *
 * Entries are collected, then sorted and merged: no hash table that a repository made for the
 * purpose could turn into a list.
 */
#ifndef REPO_REVIEW_TALLY_H
#define REPO_REVIEW_TALLY_H

#include "scan.h"

typedef struct tally_item {
    piece name; /* the bytes belong to the text that was counted */
    uint64_t count;
    uint64_t added, deleted;
} tally_item;

/** All zero: empty. */
typedef struct tally {
    tally_item *items;
    size_t count, capacity;
    bool is_out_of_memory;
} tally;

/** Count @name once more. Without memory it is remembered that some are missing. */
void tally_add(tally *self, piece name, uint64_t added, uint64_t deleted);

/** One item per name, those that were counted most often first, then by name. */
void tally_rank(tally *self);

void tally_free(tally *self);

#endif
