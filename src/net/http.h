/*
 * HTTP requests of a real loop, behind agt_io, over libcurl. All of it runs on the loop thread,
 * except agt__http_new and agt__http_free.
 */
#ifndef AGT_NET_HTTP_H
#define AGT_NET_HTTP_H

#include "base/buffer.h"
#include "net/loop.h"

#include <curl/curl.h>
#include <netinet/in.h>

typedef struct agt__http agt__http;
typedef struct agt__http_client agt__http_client; /* http_curl.c: one curl multi handle */

/* A header of a response, as offsets into the text that is still growing. */
typedef struct agt__http_field {
    size_t name;
    size_t value;
} agt__http_field;

/* The head that is being received: of an interim response, of a redirect, or the final one. */
typedef struct agt__http_head {
    agt__buffer text; /* name NUL value NUL … */
    agt__http_field *fields;
    size_t count;
    size_t capacity;
    int32_t status;
    bool is_complete; /* its empty line has come */
} agt__http_head;

struct agt_http_exchange {
    agt__http_client *client;
    agt_http_exchange *next;
    agt_http_exchange *previous;
    agt_http_handler handler;
    void *user_data;
    CURL *easy;
    struct curl_slist *headers; /* of the request */
    char *method;
    char *body;
    size_t body_size;
    agt__http_head head;
    uint64_t response_bytes_max;
    uint64_t response_bytes;
    uint64_t activity_ns;  /* when the server was last heard of                      */
    uint64_t idle_ns;      /* longest silence; 0 = any                               */
    curl_off_t sent_bytes; /* when the idle timer last looked                       */
    agt__timer total_timer;
    agt__timer idle_timer;
    uint32_t connect_timeout_ms;
    uint32_t timeout_ms;
    uint32_t idle_timeout_ms;
    uint32_t redirects_max;
    uint32_t redirects_left;
    agt_status stop_status; /* why a callback of ours made curl stop; AGT_OK = it did not */
    bool is_added;          /* to the multi handle                                        */
    bool is_cancelled;      /* to be dropped as soon as curl has returned                 */
    bool is_noted;          /* to be looked at then: started or cancelled inside of curl  */
    bool has_head;          /* on_head was called                                         */
    bool is_paused;         /* nothing is taken                                           */
    bool is_stopped;        /* curl was told so, and reads no more                        */
    bool is_bomb;           /* stopped because of its compression ratio                   */
    int socket_error;       /* errno of socket(2), if that failed                         */
    uint16_t port;
    char scheme[8];
    char host[256];                            /* of the present hop, for messages          */
    char denied_address[INET6_ADDRSTRLEN + 1]; /* that we refused to connect to; "" = none  */
    char error_text[CURL_ERROR_SIZE];
};

/* ---- http_curl.c ---- */

agt_status agt__http_new(agt__loop *loop, agt__http **ret_http, agt_error *err);
void agt__http_free(agt__http *http);

/** End all requests with AGT_E_CANCELLED and close all connections; no more can be started. */
void agt__http_stop(agt__http *http);

/** As agt_io.http_start. */
agt_status agt__http_start(agt__http *http, const agt_http_request *request,
                           const agt_http_handler *handler, void *user_data,
                           agt_http_exchange **ret_exchange, agt_error *err);
/** As agt_io.http_cancel. */
void agt__http_cancel(agt_http_exchange *exchange);
/** As agt_io.http_pause. */
void agt__http_pause(agt_http_exchange *exchange, bool paused);

/** The loop that the client of @exchange runs on. */
agt__loop *agt__http_get_loop(const agt_http_exchange *exchange);
const agt_allocator *agt__http_get_allocator(const agt_http_exchange *exchange);
/** The file of certificates to trust; NULL = the system's. */
const char *agt__http_get_ca_file(const agt_http_exchange *exchange);
/** Whether private addresses are out of bounds. */
bool agt__http_is_guarded(const agt_http_exchange *exchange);

/* ---- http_request.c ---- */

/** Copy @request and set up the easy handle. On failure agt__http_clear() cleans up. */
agt_status agt__http_prepare(agt_http_exchange *exchange, const agt_http_request *request,
                             const char *user_agent, agt_error *err);

/** Whether the answer that has just ended is a redirect that is to be followed. */
bool agt__http_is_redirect(const agt_http_exchange *exchange);

/** Point the easy handle, which is in no multi handle, to where it was redirected. */
agt_status agt__http_follow(agt_http_exchange *exchange, agt_error *err);

/** Free what prepare and the callbacks made; not @exchange itself. */
void agt__http_clear(agt_http_exchange *exchange);

/* ---- http_response.c ---- */

/** Install the callbacks that receive the response. */
void agt__http_set_callbacks(agt_http_exchange *exchange);

/** Say what @code, or the reason why we stopped, means; AGT_OK if the exchange is complete. */
agt_status agt__http_explain(agt_http_exchange *exchange, CURLcode code, agt_error *err);

#endif
