/*
 * formats.h - one answer as each wire format says it, in parts that tests put together: what they
 * say about a format they say in a row of this table, once for all formats.
 */
#ifndef AGENT_SDK_TESTS_FORMATS_H
#define AGENT_SDK_TESTS_FORMATS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct agt_test_format {
    const char *wire;     /* its name in the library                                          */
    const char *provider; /* any server that speaks it                                        */
    const char *folder;   /* of its vectors                                                   */
    const char *path;     /* of a request, after the base URL                                 */
    const char *key;      /* the header that has AGT_TEST_KEY                                 */

    /* A stream that says AGT_TEST_HELLO and AGT_TEST_REST: begin hello rest end done. */
    const char *begin, *hello, *rest, *end, *done;
    bool needs_done;   /* without `done` it has broken off                                     */
    bool tells_early;  /* how many tokens came in is known after `begin`                       */
    const char *error; /* the event of an error: "Overloaded", retryable                       */

    const char *whole;        /* a body that does not stream, of the same text                 */
    const char *failed;       /* a body of an error: "Overloaded"                              */
    const char *refused;      /* of a wrong key, which it repeats                              */
    const char *spent;        /* of a quota that is used up                                    */
    const char *spent_status; /* "429 Too Many Requests"                                       */

    /* A stream with four calls in one turn: c1 "echo" {"n":1}, c2 "nobody", c3 "echo" with
     * arguments that are no JSON, c4 "echo" {"n":4}. */
    const char *calls;
} agt_test_format;

#define AGT_TEST_HELLO         "Hello"
#define AGT_TEST_REST          ", w\xC3\xB6rld."
#define AGT_TEST_INPUT_TOKENS  12
#define AGT_TEST_OUTPUT_TOKENS 7

extern const agt_test_format agt_test_formats[];
extern const size_t agt_test_format_count;

/* begin hello rest end done, joined; the caller frees it. */
char *agt_test_format_stream(const agt_test_format *format);

#endif /* AGENT_SDK_TESTS_FORMATS_H */
