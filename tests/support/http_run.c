/*
 * http_run.c - one HTTP request from start to end; see http_run.h.
 */
#include "support/http_run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

static char *append(char *text, size_t *size, const void *bytes, size_t count)
{
    char *grown = realloc(text, *size + count + 1);
    assert_non_null(grown);
    if (count > 0) {
        memcpy(grown + *size, bytes, count);
    }
    *size += count;
    grown[*size] = '\0';
    return grown;
}

static void add_header(agt_test_http_run *run, const agt_kv *header)
{
    for (const char *at = header->key; *at != '\0'; at++) {
        assert_false(isupper((unsigned char)*at));
    }
    run->headers = append(run->headers, &run->headers_size, header->key, strlen(header->key));
    run->headers = append(run->headers, &run->headers_size, ": ", 2);
    run->headers = append(run->headers, &run->headers_size, header->value, strlen(header->value));
    run->headers = append(run->headers, &run->headers_size, "\n", 1);
}

static void on_head(void *user_data, const agt_http_head *head)
{
    agt_test_http_run *run = user_data;
    assert_true(agt__loop_is_current(run->loop));
    assert_false(run->is_cancelled);
    assert_int_equal(head->struct_size, sizeof(*head));
    run->heads++;
    run->http_status = head->http_status;
    for (size_t i = 0; i < head->headers_count; i++) {
        add_header(run, &head->headers[i]);
    }
    if (run->cancel_at != NULL && run->cancel_at[0] == '\0') {
        agt_test_http_cancel_inside(run);
    }
}

static bool on_data(void *user_data, const void *bytes, size_t size)
{
    agt_test_http_run *run = user_data;
    assert_true(agt__loop_is_current(run->loop));
    assert_false(run->is_cancelled);
    assert_int_equal(run->heads, 1);
    assert_true(size > 0);
    run->body_size += run->discards_body ? size : 0;
    if (!run->discards_body) {
        run->body = append(run->body, &run->body_size, bytes, size);
    }
    if (run->on_body != NULL) {
        run->on_body(run);
    }
    if (!run->is_cancelled && run->cancel_at != NULL && strstr(run->body, run->cancel_at)) {
        agt_test_http_cancel_inside(run);
    }
    return run->stop_at == NULL || strstr(run->body, run->stop_at) == NULL;
}

static void on_done(void *user_data, const agt_error *err)
{
    agt_test_http_run *run = user_data;
    assert_true(agt__loop_is_current(run->loop));
    assert_false(run->is_cancelled);
    run->exchange = NULL;
    run->dones++;
    run->has_err = err != NULL;
    if (err != NULL) {
        run->err = *err;
    }
    sem_post(&run->done);
}

static const agt_http_handler handler = {on_head, on_data, on_done};

static void begin(agt_test_http_run *run)
{
    run->start_status = run->io->http_start(run->io->ctx, run->request, &handler, run,
                                            &run->exchange, &run->start_err);
    if (run->start_status != AGT_OK) {
        sem_post(&run->done);
    }
}

static void on_start_job(agt__job *job)
{
    begin((agt_test_http_run *)((char *)job - offsetof(agt_test_http_run, job)));
}

static void prepare(agt_test_http_run *run, agt__loop *loop)
{
    run->loop = loop;
    run->io = agt__loop_get_io(loop);
    sem_init(&run->done, 0, 0);
}

void agt_test_http_start(agt_test_http_run *run, agt__loop *loop)
{
    prepare(run, loop);
    run->job.run = on_start_job;
    agt__loop_post(loop, &run->job);
}

void agt_test_http_start_inside(agt_test_http_run *run, agt__loop *loop)
{
    prepare(run, loop);
    begin(run);
}

void agt_test_http_wait(agt_test_http_run *run)
{
    while (sem_wait(&run->done) != 0) {
    }
    sem_destroy(&run->done);
}

void agt_test_http_cancel_inside(agt_test_http_run *run)
{
    run->io->http_cancel(run->io->ctx, run->exchange);
    run->exchange = NULL;
    run->is_cancelled = true;
    sem_post(&run->done);
}

static void on_cancel_job(agt__job *job)
{
    agt_test_http_run *run =
        (agt_test_http_run *)((char *)job - offsetof(agt_test_http_run, cancel_job));
    if (run->exchange != NULL) {
        agt_test_http_cancel_inside(run);
    }
}

void agt_test_http_cancel(agt_test_http_run *run)
{
    run->cancel_job.run = on_cancel_job;
    agt__loop_post(run->loop, &run->cancel_job);
}

void agt_test_http_run_all(agt_test_http_run *run, agt__loop *loop)
{
    agt_test_http_start(run, loop);
    agt_test_http_wait(run);
}

void agt_test_http_free(agt_test_http_run *run)
{
    free(run->headers);
    free(run->body);
    run->headers = run->body = NULL;
}
