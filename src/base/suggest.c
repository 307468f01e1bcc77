/*
 * The nearest name: the optimal string alignment distance (a letter added, left out or changed, or
 * two letters swapped; upper and lower case are the same), in three rows on the stack. Names longer
 * than the rows are never suggested; nothing is allocated.
 */
#include "agent_sdk/base.h"

#include <limits.h>
#include <string.h>

enum {
    NAME_BYTES_MAX = 64
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned get_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            bool is_same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !is_same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

const char *agt_names_suggest(const char *name, const char *const *names, size_t count)
{
    size_t length = name != NULL ? strlen(name) : 0;
    if (names == NULL || length == 0 || length > NAME_BYTES_MAX) {
        return NULL;
    }
    const char *best = NULL;
    unsigned best_distance = UINT_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(names[i]);
        if (other > NAME_BYTES_MAX) {
            continue;
        }
        unsigned distance = get_distance(name, length, names[i], other);
        /* A third of the letters may be wrong; one in any case, never all of them. */
        size_t longer = length > other ? length : other;
        size_t edits = longer < 4 ? 1 : longer / 3;
        if (distance < best_distance && distance <= edits && distance < longer) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}
