/*
 * The hash of a value: SHA-256 (libcrypto) of its canonical form, fed chunk by chunk as the writer
 * goes, so that no text of a large value is ever whole in memory.
 */
#include "base/assert.h"
#include "base/json_write.h"
#include "base/value_node.h"

#include <openssl/evp.h>

typedef struct digest {
    EVP_MD_CTX *context;
    bool failed;
} digest;

static void take_chunk(void *ctx, const char *bytes, size_t size)
{
    digest *into = ctx;
    if (EVP_DigestUpdate(into->context, bytes, size) != 1) {
        into->failed = true;
    }
}

agt_status agt_value_hash(const agt_value *value, uint8_t ret_hash[32])
{
    if (ret_hash == NULL) {
        return AGT_E_INVALID;
    }
    digest into = {.context = EVP_MD_CTX_new()};
    if (into.context == NULL) {
        return AGT_E_NOMEM;
    }
    agt_status status = AGT_OK;
    if (EVP_DigestInit_ex(into.context, EVP_sha256(), NULL) != 1) {
        status = AGT_E_NOMEM; /* SHA-256 itself is always there */
    } else {
        agt__buffer chunk;
        agt__buffer_init(&chunk, value != NULL ? value->allocator : NULL, 0);
        agt__json_write_to(&chunk, value, AGT_JSON_CANONICAL, take_chunk, &into);
        status = chunk.status;
        if (status == AGT_OK) {
            take_chunk(&into, agt__buffer_text(&chunk), chunk.size);
        }
        agt__buffer_deinit(&chunk);
    }
    uint8_t hash[EVP_MAX_MD_SIZE];
    if (status == AGT_OK && (into.failed || EVP_DigestFinal_ex(into.context, hash, NULL) != 1)) {
        status = AGT_E_NOMEM;
    }
    if (status == AGT_OK) {
        for (size_t i = 0; i < 32; i++) {
            ret_hash[i] = hash[i];
        }
    }
    EVP_MD_CTX_free(into.context);
    return status;
}
