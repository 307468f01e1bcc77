/*
 * served.h - a model behind a real socket: a real runtime, a provider, and requests whose progress
 * can be waited for, against a server of server.h.
 *
 *     agt_test_served served;
 *     agt_test_served_init(&served);
 *     agt_test_served_use(&served, &config, agt_test_server_get_url(server, ""));
 *     agt_test_question ask;
 *     agt_test_question_start(&ask, &served, NULL);
 *     agt_test_question_wait_told(&ask, 5);        at least five bytes of text have come
 *     agt_test_question_finish(&ask);              outcome, error, output, usage
 *     agt_test_question_free(&ask);
 *     agt_test_served_deinit(&served);        fails if memory or a descriptor is left
 */
#ifndef AGENT_SDK_TESTS_SERVED_H
#define AGENT_SDK_TESTS_SERVED_H

#include "agent_sdk/llm.h"

#include "support/torture.h"

#define AGT_TEST_KEY "sk-secret-0123456789"

typedef struct agt_test_served {
    agt_test_heap heap;
    unsigned descriptors; /* before there was anything */
    agt_runtime *runtime;
    agt_model *model;
} agt_test_served;

void agt_test_served_init(agt_test_served *served);
void agt_test_served_deinit(agt_test_served *served);

/* The model that is asked from here on. @config may be NULL; provider ("compatible"), model
 * ("m-x"), key (AGT_TEST_KEY) and retries (waits of 1 ms) are filled in where it says nothing. */
void agt_test_served_use(agt_test_served *served, const agt_provider_config *config,
                         const char *base_url);

/* One request. The members below `told` may be read once it is finished. */
typedef struct agt_test_question {
    agt_runtime *runtime;
    agt_graph *graph;
    agt_task *task;
    agt_results *results;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t told; /* bytes of text, so far */
    bool is_settled;

    agt_outcome outcome;
    agt_error err;           /* message "" if it is fine */
    const agt_value *output; /* also of failures; NULL if nothing came */
    agt_usage usage;
} agt_test_question;

/* Asks the model. @request: a JSON text; NULL = "hello". */
void agt_test_question_start(agt_test_question *ask, agt_test_served *served, const char *request,
                             const agt_call_options *options);
/* Waits until that many bytes of text were told, or until it is over. */
void agt_test_question_wait_told(agt_test_question *ask, size_t bytes);
void agt_test_question_finish(agt_test_question *ask);
void agt_test_question_free(agt_test_question *ask);
/* Starts and finishes. */
void agt_test_question_all(agt_test_question *ask, agt_test_served *served,
                           const agt_call_options *options);

/* The texts of a response, joined; the caller frees it. */
char *agt_test_response_text(const agt_value *response);

#endif /* AGENT_SDK_TESTS_SERVED_H */
