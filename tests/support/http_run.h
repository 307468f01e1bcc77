/*
 * http_run.h - one HTTP request from start to end, for tests: what is sent, and what came of it.
 */
#ifndef AGENT_SDK_TESTS_HTTP_RUN_H
#define AGENT_SDK_TESTS_HTTP_RUN_H

#include <semaphore.h>

#include "net/loop.h"

typedef struct agt_test_http_run {
    /* What to do. */
    const agt_http_request *request;
    const char *stop_at;   /* answer false once the body contains this                   */
    const char *cancel_at; /* cancel from within the handler then; "" = on the head      */
    bool discards_body;
    void (*on_body)(struct agt_test_http_run *run); /* called on the loop with each piece */
    void *ctx;

    /* What came of it. */
    agt_status start_status;
    agt_error start_err;
    int32_t http_status; /* 0 = no head has come                                         */
    unsigned heads;
    char *headers; /* "name: value\n" each                                               */
    size_t headers_size;
    char *body;
    size_t body_size;
    unsigned dones;
    bool has_err;
    agt_error err;

    /* Inside. */
    agt__job job, cancel_job;
    agt__loop *loop;
    const agt_io *io;
    agt_http_exchange *exchange;
    bool is_cancelled;
    sem_t done;
} agt_test_http_run;

/* Starts it; `run` must stay where it is until agt_test_http_wait() has returned. */
void agt_test_http_start(agt_test_http_run *run, agt__loop *loop);

/* Starts it from a callback, on the loop thread. */
void agt_test_http_start_inside(agt_test_http_run *run, agt__loop *loop);

/* Waits for its end, its cancelling, or the failure to start it. */
void agt_test_http_wait(agt_test_http_run *run);

/* Cancels it on the loop thread; its end can then be waited for. */
void agt_test_http_cancel(agt_test_http_run *run);

/* Cancels it from a callback, on the loop thread. */
void agt_test_http_cancel_inside(agt_test_http_run *run);

/* Starts and waits. */
void agt_test_http_run_all(agt_test_http_run *run, agt__loop *loop);

/* Gives back what was collected. */
void agt_test_http_free(agt_test_http_run *run);

#endif /* AGENT_SDK_TESTS_HTTP_RUN_H */
