/*
 * wire_vectors.h - wire formats against files: what a server sent, and what has to become of it.
 *
 * A folder below tests/data/llm holds, for each vector NAME, a file NAME.json:
 *
 *     {"about": "…"                    why there is such a vector, and where it was seen
 *      "response": {…}                 what has to come out, or
 *      "error": {"status": "AGT_E_MODEL", "retryable": true, "cause": 200, "says": "…",
 *                "silent": "…"},       (members that are left out are not compared)
 *      "partial": {…},                 what there is in spite of the error
 *      "sent_back": […],               what the parts become in the next request
 *      "http_status": 429,             of NAME.body, if it is an error response
 *
 *      "request": {…}, "settings": {…}, "body": {…}}   or a request, and the body it has to become
 *
 * and, for what a server sent, NAME.sse (a stream) or NAME.body, as it comes over the wire. A
 * stream is given to the format whole, cut in two at every byte, and byte by byte: always with the
 * same result. Every vector is also run with each allocation failing.
 */
#ifndef AGT_TESTS_WIRE_VECTORS_H
#define AGT_TESTS_WIRE_VECTORS_H

#include "llm/wire.h"

/* Runs all vectors of a folder, relative to the sources, as tests with the names of the files; the
 * exit status of main(). `sent` is where the messages are in a body ("messages"). */
int agt_test_wire_vectors(const agt__wire *wire, const char *folder, const char *sent);

/* What a vector's stream or body became. */
typedef struct agt_test_wire_result {
    agt_status status;
    agt_error err;
    agt_value *response; /* also of a failure, if there was any */
    agt_usage usage;
} agt_test_wire_result;

/* Gives `size` bytes of a stream to the format, the first `cut` of them apart, or all of them byte
 * by byte (`cut` > `size`). The caller drops the response. */
agt_test_wire_result agt_test_wire_stream(const agt_allocator *allocator, const agt__wire *wire,
                                          const char *bytes, size_t size, size_t cut);

/* The same with a whole body of status 200. */
agt_test_wire_result agt_test_wire_body(const agt_allocator *allocator, const agt__wire *wire,
                                        const char *bytes, size_t size);

#endif /* AGT_TESTS_WIRE_VECTORS_H */
