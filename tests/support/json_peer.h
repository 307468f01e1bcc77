/*
 * json_peer.h - documents from tests/integration/_json_peer.py, each with what another parser says.
 */
#ifndef AGT_TESTS_JSON_PEER_H
#define AGT_TESTS_JSON_PEER_H

#include <stddef.h>

typedef struct agt_test_json_case {
    char verdict; /* y: to be accepted, n: to be rejected, i: either will do                  */
    char name[120];
    const char *document; /* followed by a NUL that does not count                            */
    size_t size;
    const char *canonical; /* what it means, "" if not known                                  */
    size_t canonical_size;
} agt_test_json_case;

/*
 * Calls `check` with each document of `mode` ("generated", "checker", "suite"). Fails the test when
 * the script fails.
 *
 * @param seed, count  for "generated"
 * @return the number of documents; 0 if they are not there: the script has said why on stdout
 */
size_t agt_test_json_peer(const char *mode, unsigned seed, unsigned count,
                          void (*check)(const agt_test_json_case *, void *), void *ctx);

#endif /* AGT_TESTS_JSON_PEER_H */
