/* Calls that are unsafe more often than not, in C, Python, JavaScript and the shell. */
#ifndef REPO_REVIEW_UNSAFE_RULES_H
#define REPO_REVIEW_UNSAFE_RULES_H

#include "languages.h"

typedef struct unsafe_rule {
    family family;
    const char *name;    /* of a function; or what stands in the report                 */
    const char *begin;   /* how a match begins; NULL: a call of `name`                  */
    const char *pattern; /* of all of it, as Perl has it; NULL: a call                  */
    uint32_t weight;     /* 3: exploitable as it stands; 1: easily misused              */
    const char *why;
    const char *instead;
} unsafe_rule;

enum {
    UNSAFE_PATTERN_BYTES = 4096
};

/** One regular expression, as Perl has it, for whatever some rule may be about. */
void unsafe_write_pattern(char target[UNSAFE_PATTERN_BYTES]);

/** The rule that @match, found in the file @path, breaks; NULL if it breaks none. */
const unsafe_rule *unsafe_find_rule(piece path, piece match);

#endif
