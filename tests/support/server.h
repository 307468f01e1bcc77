/*
 * server.h - an HTTP server for tests that does, byte for byte, what a script says: answer, answer
 * in pieces, fall silent, break off, never answer.
 *
 * It listens on 127.0.0.1 on a port of the system's choice. The first connection plays the first
 * script, the second the second, and all later ones the last. Each connection has a thread of its
 * own. What a script sends is not checked for being HTTP.
 *
 *     static const agt_test_step hello[] = {
 *         {AGT_TEST_READ}, {AGT_TEST_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}, {0}};
 *     agt_test_server *server = agt_test_server_new(AGT_TEST_SCRIPTS(hello));
 *     ... agt_test_server_get_url(server, "/path") ...
 *     agt_test_server_free(server);
 *
 * Nothing sleeps: a script that waits is let go by the test, or by the end of the server.
 */
#ifndef AGENT_SDK_TESTS_SERVER_H
#define AGENT_SDK_TESTS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum agt_test_step_kind {
    AGT_TEST_END,   /* of the script: the connection is closed                                */
    AGT_TEST_READ,  /* read one request, head and body, and keep it                           */
    AGT_TEST_SEND,  /* send `text`, in pieces of `size` bytes if that is not 0                */
    AGT_TEST_BYTES, /* send `size` bytes of `text`, in pieces of `piece` bytes likewise       */
    AGT_TEST_FILL,  /* send `size` bytes of 'x'                                               */
    AGT_TEST_WAIT,  /* until agt_test_server_go() is called                                   */
    AGT_TEST_HANG,  /* until the client closes, reading what it sends                         */
    AGT_TEST_RESET, /* break off with a TCP reset                                             */
    AGT_TEST_AGAIN  /* begin the script anew, on the same connection, unless the client closed */
} agt_test_step_kind;

typedef struct agt_test_step {
    agt_test_step_kind kind;
    const char *text;
    size_t size;
    size_t piece;
} agt_test_step;

typedef struct agt_test_server agt_test_server;

#define AGT_TEST_SCRIPTS(...)                                                                      \
    (const agt_test_step *const[]){__VA_ARGS__},                                                   \
        sizeof((const agt_test_step *const[]){__VA_ARGS__}) / sizeof(const agt_test_step *)

/* Starts a server. The scripts must stay where they are until it is freed. */
agt_test_server *agt_test_server_new(const agt_test_step *const *scripts, size_t count);

/* Ends all connections and the server. */
void agt_test_server_free(agt_test_server *server);

uint16_t agt_test_server_get_port(const agt_test_server *server);

/* "http://127.0.0.1:<port><path>"; valid until the next call. */
const char *agt_test_server_get_url(agt_test_server *server, const char *path);

/* Lets one AGT_TEST_WAIT go on, now or when it is reached. @threads any */
void agt_test_server_go(agt_test_server *server);

/* Waits until `count` requests have been read; returns the last of them, head and body, which is
 * valid until the server is freed. */
const char *agt_test_server_wait_request(agt_test_server *server, size_t count);

/* Waits until `count` clients have closed their connection during AGT_TEST_HANG, or before all that
 * was to be sent had been. */
void agt_test_server_wait_closed(agt_test_server *server, size_t count);

size_t agt_test_server_count_requests(agt_test_server *server);
size_t agt_test_server_count_connections(agt_test_server *server);

#endif /* AGENT_SDK_TESTS_SERVER_H */
