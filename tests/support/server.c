/*
 * server.c - a scripted HTTP server for tests; see server.h.
 *
 * Threads: one that accepts, one per connection; everything they share is under one mutex. The end:
 * `is_ending` is set, everybody who waits is woken, every socket is shut down, every thread joined.
 */
#include "support/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/test.h"

enum {
    connections_max = 512,
    requests_max = 4096,
    request_bytes_max = 64 * 1024 * 1024
};

typedef struct connection {
    agt_test_server *server;
    const agt_test_step *script;
    pthread_t thread;
    int fd; /* -1 once closed */
    bool is_reset;
} connection;

struct agt_test_server {
    const agt_test_step *const *scripts;
    size_t script_count;
    int fd;
    uint16_t port;
    char url[512];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_ending;
    size_t tickets; /* agt_test_server_go() not used up */
    size_t closed;
    connection *connections[connections_max];
    size_t connection_count;
    char *requests[requests_max];
    size_t request_count;
};

/* ---- steps ---- */

static bool send_all(int fd, const char *bytes, size_t size, size_t piece)
{
    for (size_t at = 0; at < size;) {
        size_t count = piece != 0 && size - at > piece ? piece : size - at;
        ssize_t sent = send(fd, bytes + at, count, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += (size_t)sent;
    }
    return true;
}

static bool send_fill(int fd, size_t size)
{
    char block[16384];
    memset(block, 'x', sizeof(block));
    while (size > 0) {
        size_t count = size < sizeof(block) ? size : sizeof(block);
        if (!send_all(fd, block, count, 0)) {
            return false;
        }
        size -= count;
    }
    return true;
}

/* The size of the whole request if its head is complete, else 0. */
static size_t request_size(const char *text, size_t size)
{
    const char *end = memmem(text, size, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    size_t total = (size_t)(end - text) + 4;
    for (const char *line = text; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "content-length:", 15) == 0) {
            total += (size_t)strtoul(line + 15, NULL, 10);
        }
    }
    return total;
}

static void keep_request(agt_test_server *server, char *text)
{
    (void)pthread_mutex_lock(&server->lock);
    if (server->request_count < requests_max) {
        server->requests[server->request_count++] = text;
    } else {
        free(text);
    }
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
}

static bool read_request(agt_test_server *server, int fd)
{
    size_t size = 0, capacity = 65536;
    char *text = malloc(capacity + 1);
    while (text != NULL && size < request_bytes_max) {
        ssize_t got = recv(fd, text + size, capacity - size, 0);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        text[size] = '\0';
        size_t wanted = request_size(text, size);
        if (wanted != 0 && size >= wanted) {
            keep_request(server, text);
            return true;
        }
        if (size == capacity) {
            capacity *= 2;
            char *grown = realloc(text, capacity + 1);
            if (grown == NULL) {
                break;
            }
            text = grown;
        }
    }
    free(text);
    return false;
}

static bool wait_for_go(agt_test_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    while (server->tickets == 0 && !server->is_ending) {
        (void)pthread_cond_wait(&server->changed, &server->lock);
    }
    bool may_go = !server->is_ending;
    server->tickets -= may_go ? 1 : 0;
    (void)pthread_mutex_unlock(&server->lock);
    return may_go;
}

/* The client has closed the connection. */
static bool note_closed(agt_test_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->closed++;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
    return false;
}

static bool hang(agt_test_server *server, int fd)
{
    char bytes[4096];
    while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
    }
    return note_closed(server);
}

/* @return false if the connection is over */
static bool play(connection *self, const agt_test_step *step)
{
    switch (step->kind) {
    case AGT_TEST_READ:
        return read_request(self->server, self->fd);
    case AGT_TEST_SEND:
        return send_all(self->fd, step->text, strlen(step->text), step->size) ||
               note_closed(self->server);
    case AGT_TEST_BYTES:
        return send_all(self->fd, step->text, step->size, step->piece) || note_closed(self->server);
    case AGT_TEST_FILL:
        return send_fill(self->fd, step->size) || note_closed(self->server);
    case AGT_TEST_WAIT:
        return wait_for_go(self->server);
    case AGT_TEST_HANG:
        return hang(self->server, self->fd);
    case AGT_TEST_RESET:
        self->is_reset = true;
        return false;
    case AGT_TEST_END:
    case AGT_TEST_AGAIN:
        return false;
    }
    return false;
}

static void *serve(void *arg)
{
    connection *self = arg;
    const agt_test_step *step = self->script;
    for (;;) {
        if (step->kind == AGT_TEST_AGAIN) {
            step = self->script;
        }
        if (!play(self, step)) {
            break;
        }
        step++;
    }
    (void)pthread_mutex_lock(&self->server->lock);
    if (self->is_reset) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    (void)close(self->fd);
    self->fd = -1;
    (void)pthread_mutex_unlock(&self->server->lock);
    return NULL;
}

/* ---- the server ---- */

static void add_connection(agt_test_server *server, int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)pthread_mutex_lock(&server->lock);
    size_t number = server->connection_count;
    connection *self = calloc(1, sizeof(*self));
    if (self != NULL && number < connections_max && !server->is_ending) {
        size_t script = number < server->script_count ? number : server->script_count - 1;
        *self = (connection){.server = server, .script = server->scripts[script], .fd = fd};
        if (pthread_create(&self->thread, NULL, serve, self) == 0) {
            server->connections[server->connection_count++] = self;
            self = NULL;
            fd = -1;
        }
    }
    (void)pthread_mutex_unlock(&server->lock);
    free(self);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void *accept_all(void *arg)
{
    agt_test_server *server = arg;
    for (;;) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            return NULL;
        }
        add_connection(server, fd);
    }
}

agt_test_server *agt_test_server_new(const agt_test_step *const *scripts, size_t count)
{
    agt_test_server *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->scripts = scripts;
    server->script_count = count;
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_cond_init(&server->changed, NULL);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->fd, 256), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, accept_all, server), 0);
    return server;
}

void agt_test_server_free(agt_test_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->is_ending = true;
    (void)pthread_cond_broadcast(&server->changed);
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_mutex_unlock(&server->lock);
    (void)pthread_join(server->thread, NULL); /* no connection is added any more */

    (void)pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->connection_count; i++) {
        if (server->connections[i]->fd >= 0) {
            (void)shutdown(server->connections[i]->fd, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < server->connection_count; i++) {
        (void)pthread_join(server->connections[i]->thread, NULL);
        free(server->connections[i]);
    }
    for (size_t i = 0; i < server->request_count; i++) {
        free(server->requests[i]);
    }
    (void)close(server->fd);
    (void)pthread_cond_destroy(&server->changed);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

uint16_t agt_test_server_get_port(const agt_test_server *server)
{
    return server->port;
}

const char *agt_test_server_get_url(agt_test_server *server, const char *path)
{
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u%s",
                   (unsigned)server->port, path);
    return server->url;
}

void agt_test_server_go(agt_test_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->tickets++;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
}

const char *agt_test_server_wait_request(agt_test_server *server, size_t count)
{
    (void)pthread_mutex_lock(&server->lock);
    while (server->request_count < count) {
        (void)pthread_cond_wait(&server->changed, &server->lock);
    }
    const char *text = server->requests[count - 1];
    (void)pthread_mutex_unlock(&server->lock);
    return text;
}

void agt_test_server_wait_closed(agt_test_server *server, size_t count)
{
    (void)pthread_mutex_lock(&server->lock);
    while (server->closed < count) {
        (void)pthread_cond_wait(&server->changed, &server->lock);
    }
    (void)pthread_mutex_unlock(&server->lock);
}

size_t agt_test_server_count_requests(agt_test_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    size_t count = server->request_count;
    (void)pthread_mutex_unlock(&server->lock);
    return count;
}

size_t agt_test_server_count_connections(agt_test_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    size_t count = server->connection_count;
    (void)pthread_mutex_unlock(&server->lock);
    return count;
}
