/*
 * The end of the process after a broken invariant: one line on standard error, then abort(), so
 * that a core dump holds the state. This is the only place where the library writes to a standard
 * stream. It uses write(2) alone: nothing that allocates or locks works reliably at this point.
 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void agt__assert_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int length = snprintf(text, sizeof(text), "agent_sdk: broken invariant: %s (%s:%d)\n",
                          condition, file, line);
    if (length > 0) {
        size_t size = (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;
        /* tidy: allow printing: the one place; see above */
        ssize_t ignored = write(STDERR_FILENO, text, size);
        (void)ignored;
    }
    abort(); /* tidy: allow banned-call: this is what AGT_ASSERT ends in */
}
