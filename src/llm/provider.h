/*
 * A provider: where the requests of one model go, with which credentials, in which format. A part
 * of its model (agt_model.served). provider.c makes it, provider_request.c sends with it.
 */
#ifndef AGT_LLM_PROVIDER_H
#define AGT_LLM_PROVIDER_H

#include "llm/model.h"
#include "llm/wire.h"

#include <pthread.h>

/* Longest key; longer ones are refused. */
#define AGT__KEY_BYTES_MAX 4096u

typedef struct agt__provider {
    const agt_allocator *allocator;
    const agt__wire *wire;
    agt__wire_settings settings; /* texts are owned: see below */
    char *model;
    char *effort;
    char *url; /* of requests */
    char *key; /* NULL = none; wiped when freed */
    size_t key_length;
    bool bearer; /* the key is a token: always "Authorization: Bearer" */
    agt_status (*get_key)(void *user_data, const agt_tool_call *call, char *key, size_t size);
    void *user_data;
    agt_kv *headers; /* of the format and of the configuration, owned; the key is not among them */
    size_t header_count;
    agt_value *extra;
    uint64_t context_tokens;
    uint32_t connect_timeout_ms, idle_timeout_ms;
    agt__recovery recovery;

    pthread_mutex_t mutex; /* guards limits */
    agt_rate_limits limits;
} agt__provider;

void agt__provider_free(agt__provider *provider);

/** A provider whose `url` is that of its list of models; `model` of @config is not looked at. */
AGT_MUST_CHECK agt_status agt__provider_new_for_list(const agt_allocator *allocator,
                                                     const agt_provider_config *config,
                                                     agt__provider **ret_provider, agt_error *err);

/** The operation of models that somebody serves. */
extern const agt__operation_table agt__provider_table;

/** Replace every occurrence of @secret in @text by "***"-like characters of the same length. */
void agt__redact(char *text, const char *secret);

#endif
