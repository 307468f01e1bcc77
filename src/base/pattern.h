/*
 * Regular expressions in time linear in the text: those of ECMA-262 as its `u` flag reads them, on
 * UTF-8, without look-around and back-references. They answer only whether a text contains a
 * match, which is all that JSON Schema asks.
 *
 * A pattern is compiled into a program of at most AGT__PATTERN_STEPS_MAX instructions, never more,
 * whatever its counted repetitions multiply to. Searching follows all alternatives at once: every
 * character is looked at once, for at most each instruction once. Whoever takes patterns from a
 * stranger passes a budget of such looks too.
 *
 * Kinder than the `u` flag where programs of the web rely on it: `\-`, `\_` and other escaped
 * punctuation mean themselves, `-` next to a class stands for itself, and so do `{`, `}` and `]`
 * where they cannot mean anything else.
 */
#ifndef AGT_BASE_PATTERN_H
#define AGT_BASE_PATTERN_H

#include "agent_sdk/base.h"

#define AGT__PATTERN_BYTES_MAX 8192u  /* of the pattern's own text */
#define AGT__PATTERN_STEPS_MAX 16384u /* instructions              */

typedef struct agt__pattern agt__pattern; /* immutable; @threads any */

/**
 * Compile @length bytes of UTF-8.
 *
 * @param err  on AGT_E_SYNTAX and AGT_E_LIMIT: what is wrong, and in `column` the number of the
 *             character, from 1, where
 * @return AGT_OK; AGT_E_SYNTAX if it is no pattern; AGT_E_UNSUPPORTED if it is one that cannot be
 *         run in linear time or asks for data the library does not have; AGT_E_LIMIT if it is too
 *         large; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__pattern_new(const agt_allocator *allocator, const char *text,
                                           size_t length, agt__pattern **ret_pattern,
                                           agt_error *err);
void agt__pattern_free(agt__pattern *pattern);

/** The number of instructions: the most that one character of a text can cost, within a factor. */
size_t agt__pattern_get_size(const agt__pattern *pattern);

/**
 * Whether @text contains a match.
 *
 * @param budget     optional: how many looks at instructions are allowed; lowered by those it took
 * @param ret_found  whether there is one
 * @return AGT_OK; AGT_E_LIMIT if the budget is used up; AGT_E_NOMEM, only for patterns of more
 *         than 512 instructions: smaller ones allocate nothing
 */
AGT_MUST_CHECK agt_status agt__pattern_search(const agt__pattern *pattern, const char *text,
                                              size_t length, uint64_t *budget, bool *ret_found);

#endif
