/*
 * zoo.h - what the misbehaving tools have in common: saying something without buffering, and doing
 * nothing for ever.
 */
#ifndef AGENT_SDK_TESTS_ZOO_H
#define AGENT_SDK_TESTS_ZOO_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Write all of `text` to standard output; whether somebody reads it is not our trouble. */
static inline void say(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t written = write(STDOUT_FILENO, text, left);
        if (written <= 0) {
            return;
        }
        text += written;
        left -= (size_t)written;
    }
}

static inline _Noreturn void wait_for_ever(void)
{
    for (;;) {
        (void)pause();
    }
}

#endif /* AGENT_SDK_TESTS_ZOO_H */
