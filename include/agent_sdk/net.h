/*
 * agent_sdk/net.h - HTTP requests and child processes, and how a program may replace both.
 *
 * Most programs never call this header: tools and models do. It is public because input and output
 * are a parameter of the runtime, like memory and time: give `agt_runtime_config.io` a table of
 * your own, and every request and every process of the runtime goes through it. A simulated
 * runtime has no other way out: there the functions of the table answer from a script.
 *
 * Threads: everything here happens on the loop thread of one runtime. The functions of an agt_io
 * are called there and answer by calling the handlers they were given, there too, in the order
 * documented with each. A handler is never called from within `*_start`.
 */
#ifndef AGENT_SDK_NET_H
#define AGENT_SDK_NET_H

#include "agent_sdk/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- HTTP ---------------------------------------------------------------------------------- */

/** One HTTP request. Everything is copied by http_start. The proxy that the environment names
 * (http_proxy, https_proxy, no_proxy) is used, except where private addresses are denied. Who
 * signed a server's certificate has to be known to the system, or stand in the file of certificates
 * (PEM) that CURL_CA_BUNDLE or else SSL_CERT_FILE names; both are read when the loop starts. A URL
 * with a user name or password in it is refused: send a header. */
typedef struct agt_http_request {
    size_t struct_size;
    const char *method;    /* NULL = "GET"                                                */
    const char *url;       /* http:// or https://                                         */
    const agt_kv *headers; /* sent as given, after the library's own                      */
    size_t headers_count;
    const void *body; /* NULL = none                                                 */
    size_t body_size;
    uint32_t connect_timeout_ms; /* 0 = 10 s; AGT_MS_NONE                                       */
    uint32_t timeout_ms;         /* of the whole exchange; 0 = none: the call's deadline rules  */
    uint32_t idle_timeout_ms;    /* longest silence of the server; 0 = none                     */
    uint32_t redirects_max;      /* 0 = follow none. Never to another scheme than http(s);
                                  * credentials are never sent to another host                  */
    size_t response_bytes_max;   /* after decompression; 0 = 32 MiB                             */
    bool deny_private_addresses; /* refuse loopback, private and link-local addresses, checked
                                  * on the connected address                                    */
    bool reserved[7];
} agt_http_request;

/** The head of a response; borrowed for the time of the call. */
typedef struct agt_http_head {
    size_t struct_size;
    int32_t http_status;
    uint32_t reserved;
    const agt_kv *headers; /* names in lower case                                                */
    size_t headers_count;
} agt_http_head;

/** What becomes of a request: on_head at most once, then on_data any number of times, then on_done
 * exactly once (not at all after http_cancel). Any but on_done may be NULL. */
typedef struct agt_http_handler {
    void (*on_head)(void *user_data, const agt_http_head *head);
    /** @return false to stop reading: the request ends with AGT_E_CANCELLED */
    bool (*on_data)(void *user_data, const void *bytes, size_t size);
    /** @param err  NULL if the exchange is complete, whatever its HTTP status; else what went
     *              wrong: AGT_E_NETWORK, AGT_E_TIMEOUT, AGT_E_LIMIT, AGT_E_CANCELLED,
     *              AGT_E_DENIED (a private address), AGT_E_IO (no socket), AGT_E_NOMEM */
    void (*on_done)(void *user_data, const agt_error *err);
} agt_http_handler;

/* ---- child processes ----------------------------------------------------------------------- */

/** Limits of a child process, set before it starts; 0 = the default, UINT64_MAX = none. */
typedef struct agt_process_limits {
    size_t struct_size;
    uint64_t memory_bytes;  /* address space; 0 = none                                         */
    uint64_t cpu_seconds;   /* 0 = none                                                        */
    uint64_t files_max;     /* open descriptors; 0 = 256                                       */
    uint64_t file_bytes;    /* largest file it may write; 0 = none                             */
    uint64_t processes_max; /* of its user; 0 = none                                           */
} agt_process_limits;

/** One child process. Everything is copied by process_start. There is never a shell. The tool and
 * all that it starts end with it: see docs/internals/net.md for how. */
typedef struct agt_process_config {
    size_t struct_size;
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in its PATH               */
    const char *const *env;  /* "NAME=value", NULL-terminated: the whole environment.
                              * NULL = PATH, HOME, LANG, LC_ALL, TZ, TMPDIR of this process */
    const char *cwd;         /* NULL = that of this process                                 */
    const agt_process_limits *limits; /* NULL = the defaults                                     */
    size_t output_bytes_max; /* of stdout; 0 = 8 MiB. One byte more ends the process        */
    size_t error_bytes_max;  /* of stderr that is kept, its end; 0 = 64 KiB                 */
    uint32_t grace_ms;       /* between TERM and KILL; 0 = 2 s; AGT_MS_NONE = KILL at once  */
    uint32_t reserved;
} agt_process_config;

/** How a child process ended. */
typedef struct agt_process_exit {
    size_t struct_size;
    int32_t exit_status;   /* 0 … 255; -1 if it did not exit by itself                        */
    int32_t signal;        /* that ended it; 0 if none                                        */
    bool killed;           /* we ended it: process_kill, or a limit                           */
    bool output_truncated; /* it wrote more than output_bytes_max                             */
    bool reserved[6];
    uint64_t user_us, system_us; /* processor time, its descendants' included                    */
    uint64_t memory_bytes; /* largest resident set                                            */
    uint64_t descendants_killed; /* processes it left behind, which were ended                   */
} agt_process_exit;

/** What a process does: on_output any number of times, on_error once if it wrote to stderr, then
 * on_exit exactly once, when the process and all its descendants are gone and both pipes are
 * drained. on_output and on_error may be NULL. */
typedef struct agt_process_handler {
    void (*on_output)(void *user_data, const void *bytes, size_t size);
    /** The end of what it wrote to stderr, at most error_bytes_max; just before on_exit. */
    void (*on_error)(void *user_data, const void *bytes, size_t size);
    /** @param err  NULL, or why the process could not be started or watched */
    void (*on_exit)(void *user_data, const agt_process_exit *exit, const agt_error *err);
} agt_process_handler;

/* ---- the table ----------------------------------------------------------------------------- */

typedef struct agt_http_exchange agt_http_exchange; /* one request under way; opaque             */
typedef struct agt_process agt_process;             /* one child process; opaque                 */

/**
 * Input and output of a runtime. Used by address: it must outlive the runtime.
 *
 * A started request or process belongs to the table until its last handler was called (on_done,
 * on_exit) or until http_cancel returned; the pointer must not be used after that.
 */
typedef struct agt_io {
    size_t struct_size;
    void *ctx;
    agt_status (*http_start)(void *ctx, const agt_http_request *request,
                             const agt_http_handler *handler, void *user_data,
                             agt_http_exchange **ret_exchange, agt_error *err);
    /** Drop the request and its connection at once; its handlers are not called any more. */
    void (*http_cancel)(void *ctx, agt_http_exchange *exchange);

    agt_status (*process_start)(void *ctx, const agt_process_config *config,
                                const agt_process_handler *handler, void *user_data,
                                agt_process **ret_process, agt_error *err);
    /** Queue bytes for its standard input; at most 32 MiB wait at a time (AGT_E_LIMIT). */
    agt_status (*process_write)(void *ctx, agt_process *process, const void *bytes, size_t size);
    /** End of its standard input once what was queued is written. */
    void (*process_close_input)(void *ctx, agt_process *process);
    /** End it and all its descendants: TERM, KILL after its grace time. on_exit follows. */
    void (*process_kill)(void *ctx, agt_process *process);

    /** Stop reading the response of an exchange, or go on: what the server sends waits in its own
     * buffers meanwhile, and its silence does not count. A piece may still come that was under way;
     * going on may call the handlers, on_done too, before it returns. NULL = whatever comes is
     * handed on. */
    void (*http_pause)(void *ctx, agt_http_exchange *exchange, bool paused);
} agt_io;

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_NET_H */
