/* How long it took, what it cost, and how to see for yourself. */
#ifndef REPO_REVIEW_FIGURES_H
#define REPO_REVIEW_FIGURES_H

#include "run.h"

#include <stdio.h>

/** The command lines that reproduce the figures are made of these. */
typedef struct figures_config {
    const char *program;
    const char *agent; /* the command of that name */
    const run_config *config;
    const char *const *options; /* to be said again, NULL-terminated */
} figures_config;

/** @param one_slot  the same review with one tool at a time; NULL if there was none */
void figures_write(FILE *file, const figures_config *config, const run *everything,
                   const run *one_slot);

#endif
