/* Which language a file is written in, by the end of its name. */
#ifndef REPO_REVIEW_LANGUAGES_H
#define REPO_REVIEW_LANGUAGES_H

#include "scan.h"

/** Languages for which there are rules about unsafe calls. */
typedef enum family {
    FAMILY_OTHER,
    FAMILY_C, /* and C++ */
    FAMILY_PYTHON,
    FAMILY_JAVASCRIPT, /* and TypeScript */
    FAMILY_SHELL
} family;

typedef struct language {
    const char *ending;
    const char *name;
    family family;
} language;

/** All languages; one without an ending is the last. */
extern const language all_languages[];

/** The language of a file; "other" if nothing is known about its name. */
const language *language_of(piece path);

#endif
