/*
 * Every vector of the wire formats once more, over a socket: what a server sent comes from a
 * server, in the pieces in which TCP brings it, and has to become what it becomes when it is given
 * to the format at once. (At every single byte it is cut by the unit tests of the formats.)
 *
 * Nothing is tried again here. No key may stand in a message, and no memory or descriptor is left.
 */
#include "support/test.h"

#include "llm/wire.h"

#include "support/env.h"
#include "support/formats.h"
#include "support/served.h"
#include "support/server.h"
#include "support/values.h"
#include "support/wire_vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    path_size = 512
};

static const agt_retry never = AGT_CONFIG(agt_retry, .attempts_max = 1);

static agt_test_served served; /* one runtime for all of a format */

static const char head_of_stream[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                     "Connection: close\r\n\r\n";
static const char head_of_body[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Connection: close\r\n\r\n";

static void show(const char *what, const agt_value *value)
{
    agt_value *text = NULL;
    if (agt_value_to_json(NULL, value, 0, &text) == AGT_OK) {
        print_error("%s %s\n", what, agt_value_get_string(text, NULL));
    }
    agt_value_unref(text);
}

/* What the provider makes of it, against what the format makes of it. */
static void expect_same(const char *name, const agt_test_question *ask,
                        const agt_test_wire_result *wanted)
{
    bool is_fine = ask->outcome == AGT_OUTCOME_OK;
    if (is_fine != (wanted->status == AGT_OK) ||
        (!is_fine && ask->err.status != (int32_t)wanted->status)) {
        fail_msg("%s: outcome %d, %s; expected %s, %s", name, (int)ask->outcome, ask->err.message,
                 agt_status_get_name(wanted->status), wanted->err.message);
    }
    if (!agt_value_equals(ask->output, wanted->response)) {
        show("found", ask->output);
        show("expected", wanted->response);
        fail_msg("%s: the response is another one", name);
    }
    assert_null(strstr(ask->err.message, AGT_TEST_KEY));
}

static void serve_vector(const char *name, const agt_test_format *format, const char *head,
                         const char *bytes, size_t size, size_t piece,
                         const agt_test_wire_result *wanted)
{
    const agt_test_step script[] = {{AGT_TEST_READ, NULL, 0, 0},
                                    {AGT_TEST_SEND, head, 0, 0},
                                    {AGT_TEST_BYTES, bytes, size, piece},
                                    {AGT_TEST_END, NULL, 0, 0}};
    agt_test_question ask;
    agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(script));
    const agt_provider_config config =
        AGT_CONFIG(agt_provider_config, .provider = format->provider, .retry = &never);
    agt_test_served_use(&served, &config, agt_test_server_get_url(server, ""));
    agt_test_question_all(&ask, &served, NULL);
    expect_same(name, &ask, wanted);
    assert_int_equal(agt_test_server_count_requests(server), 1);
    agt_test_question_free(&ask);
    agt_test_server_free(server);
}

static void run_vector(const agt_test_format *format, const char *folder, const char *name)
{
    char path[2 * path_size];
    size_t size = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *bytes = agt_test_read_file(path, &size);
    const agt__wire *wire = agt__wire_find(format->wire);
    bool is_stream = strstr(name, ".sse") != NULL;
    agt_test_wire_result wanted = is_stream ? agt_test_wire_stream(NULL, wire, bytes, size, size)
                                            : agt_test_wire_body(NULL, wire, bytes, size);
    const size_t pieces[] = {0, 1, 29};
    for (size_t i = 0; i < (is_stream ? sizeof(pieces) / sizeof(pieces[0]) : 1); i++) {
        serve_vector(name, format, is_stream ? head_of_stream : head_of_body, bytes, size,
                     pieces[i], &wanted);
    }
    agt_value_unref(wanted.response);
    free(bytes);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);
    return length > size && strcmp(text + length - size, end) == 0;
}

/* Streams, and bodies of status 200 (those of others have their own expectations). */
static int is_served(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".sse") ||
           (ends_with(entry->d_name, ".body") && strncmp(entry->d_name, "body_", 5) == 0);
}

static void vectors_come_over_a_socket(void **state)
{
    const agt_test_format *format = *state;
    char folder[path_size];
    struct dirent **entries = NULL;
    (void)snprintf(folder, sizeof(folder), "%s/tests/data/llm/%s", agt_test_source_dir(),
                   format->folder);
    int count = scandir(folder, &entries, is_served, alphasort);
    assert_true(count > 30);
    agt_test_served_init(&served);
    for (int i = 0; i < count; i++) {
        run_vector(format, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    agt_test_served_deinit(&served);
}

int main(void)
{
    struct CMUnitTest tests[8];
    assert_true(agt_test_format_count <= sizeof(tests) / sizeof(tests[0]));
    for (size_t i = 0; i < agt_test_format_count; i++) {
        tests[i] = (struct CMUnitTest){
            .name = agt_test_formats[i].wire,
            .test_func = vectors_come_over_a_socket,
            .initial_state = (void *)(uintptr_t)&agt_test_formats[i],
        };
    }
    return _cmocka_run_group_tests("vectors over a socket", tests, agt_test_format_count, NULL,
                                   NULL);
}
