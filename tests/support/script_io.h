/*
 * script_io.h - input and output of a simulated runtime, answered from a script and written down.
 *
 *     agt_test_io io = {.process = {.output = "{\"ok\": true}", .ms = 5}};
 *     agt_test_io_init(&io);
 *     config.io = &io.table;  …  io.loop = runtime->loop;
 *
 * Every process gets the same answer, and so does every request, unless a script names the next;
 * what the last one was given is kept as text. Answers come on virtual time, from a timer of the
 * loop.
 */
#ifndef AGT_TESTS_SCRIPT_IO_H
#define AGT_TESTS_SCRIPT_IO_H

#include "net/loop.h"

/* What a process does. */
typedef struct agt_test_process_script {
    const char *output;
    size_t output_size; /* 0 = strlen(output)                                                 */
    size_t piece;       /* output comes in pieces of so many bytes; 0 = at once               */
    const char *error;  /* its stderr                                                         */
    agt_process_exit exit;
    const char *fails;       /* the message of an error of on_exit                            */
    agt_status start_status; /* of process_start                                              */
    agt_status write_status; /* of process_write                                              */
    uint32_t ms;             /* until it ends                                                 */
    bool hangs;              /* until it is killed                                            */
    bool first_hangs;        /* only the first one does                                       */
    bool ends_in_close;      /* on_exit from within process_close_input                       */
    bool ends_in_write;      /* … process_write                                               */
    bool ends_in_kill;       /* … process_kill, else 3 ms later                               */
} agt_test_process_script;

/* What a server does. */
typedef struct agt_test_http_script {
    int32_t status;
    const agt_kv *headers;
    size_t headers_count;
    const char *body;
    size_t body_size;        /* 0 = strlen(body)                                              */
    size_t piece;            /* the body comes in pieces of so many bytes; 0 = at once        */
    agt_error fails;         /* of on_done, unless its status is AGT_OK                       */
    agt_status start_status; /* of http_start                                                 */
    uint32_t ms;
    bool hangs;
    const struct agt_test_http_script *next; /* what the next request gets; NULL = the same       */
} agt_test_http_script;

typedef struct agt_test_io {
    agt_io table;
    agt__loop *loop;
    const agt_allocator *allocator;
    agt_test_process_script process;
    agt_test_http_script http;

    /* What happened. */
    unsigned started, killed, cancelled, ended;
    char argv[4096]; /* "[a][b]" */
    char env[4096];
    char cwd[256];
    char input[4096]; /* what was written to stdin, "|" at its end */
    agt_process_limits limits;
    agt_process_config config; /* its numbers */
    char method[16];
    char url[1024];
    char headers[1024]; /* "[name: value]" */
    char body[4096];
    agt_http_request request; /* its numbers */
} agt_test_io;

/* Sets the table. */
void agt_test_io_init(agt_test_io *io);

#endif
