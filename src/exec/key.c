/*
 * The deterministic key of a call: SHA-256 over the run, the key of the call it is part of, its
 * number in the graph, what it runs and the canonical form of its input. The same call has the same
 * key in every attempt and in a resumed run, and no two calls of a run share one.
 *
 * Computed when asked for: most runs never ask. A tool that asks does so on its own thread while
 * the loop may look at the call, so asking changes nothing; only the doors, which need the key
 * again and again, keep it.
 */
#include "exec/graph.h"

#include <string.h>

#include <openssl/evp.h>

static void put_u32(uint8_t bytes[4], uint32_t number)
{
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

/* What the call is part of: the outer call's key, or the run's identity. */
static agt_status add_scope(EVP_MD_CTX *digest, const agt_graph *graph)
{
    uint8_t outer[32];
    if (graph->within != NULL && graph->within->call != NULL) {
        agt_status status = agt__call_get_key(graph->within->call, outer);
        if (status != AGT_OK) {
            return status;
        }
        return EVP_DigestUpdate(digest, outer, sizeof(outer)) == 1 ? AGT_OK : AGT_E_NOMEM;
    }
    const char *conversation = graph->options.given.conversation;
    int ok = EVP_DigestUpdate(digest, graph->name, strlen(graph->name) + 1);
    ok &= EVP_DigestUpdate(digest, graph->run.id, strlen(graph->run.id) + 1);
    if (conversation != NULL) {
        ok &= EVP_DigestUpdate(digest, conversation, strlen(conversation) + 1);
    }
    ok &= EVP_DigestUpdate(digest, graph->context.trace_id, sizeof(graph->context.trace_id));
    return ok == 1 ? AGT_OK : AGT_E_NOMEM;
}

static agt_status add_definition(EVP_MD_CTX *digest, const agt__operation *operation)
{
    uint8_t hash[32];
    int ok = EVP_DigestUpdate(digest, operation->table->kind, strlen(operation->table->kind) + 1);
    ok &= EVP_DigestUpdate(digest, operation->name, strlen(operation->name) + 1);
    if (operation->input != NULL) {
        agt_status status = agt_value_hash(agt_schema_get_document(operation->input), hash);
        if (status != AGT_OK) {
            return status;
        }
        ok &= EVP_DigestUpdate(digest, hash, sizeof(hash));
    }
    return ok == 1 ? AGT_OK : AGT_E_NOMEM;
}

static agt_status compute(const agt__call *call, EVP_MD_CTX *digest, uint8_t key[32])
{
    uint8_t number[4];
    uint8_t input[32];
    put_u32(number, call->index);
    if (EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1) {
        return AGT_E_NOMEM;
    }
    agt_status status = add_scope(digest, call->graph);
    if (status == AGT_OK) {
        status = add_definition(digest, call->operation);
    }
    if (status == AGT_OK) {
        status = agt_value_hash(agt__call_input(call), input);
    }
    if (status != AGT_OK) {
        return status;
    }
    int ok = EVP_DigestUpdate(digest, number, sizeof(number));
    ok &= EVP_DigestUpdate(digest, input, sizeof(input));
    ok &= EVP_DigestFinal_ex(digest, key, NULL);
    return ok == 1 ? AGT_OK : AGT_E_NOMEM;
}

agt_status agt__call_get_key(const agt__call *call, uint8_t ret_key[32])
{
    const agt__call_extra *extra = call->extra;
    if (extra != NULL && extra->has_key) {
        memcpy(ret_key, extra->key, sizeof(extra->key));
        return AGT_OK;
    }
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    agt_status status = digest != NULL ? compute(call, digest, ret_key) : AGT_E_NOMEM;
    EVP_MD_CTX_free(digest);
    return status;
}

agt_status agt__call_keep_key(agt__call *call)
{
    agt__call_extra *extra = agt__call_need_extra(call);
    if (extra == NULL) {
        return AGT_E_NOMEM;
    }
    if (!extra->has_key) {
        agt_status status = agt__call_get_key(call, extra->key);
        if (status != AGT_OK) {
            return status;
        }
        extra->has_key = true;
    }
    return AGT_OK;
}
