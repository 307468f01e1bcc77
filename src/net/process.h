/*
 * Child processes of a real loop, behind agt_io. All of it runs on the loop thread, except
 * agt__processes_new and agt__processes_free.
 */
#ifndef AGT_NET_PROCESS_H
#define AGT_NET_PROCESS_H

#include "base/buffer.h"
#include "net/loop.h"
#include "net/supervisor_protocol.h"

#include <event2/event_struct.h>
#include <sys/types.h>

enum {
    AGT__PROCESS_READ_BYTES = 64 * 1024
};

typedef struct agt__processes {
    agt__loop *loop;
    const agt_allocator *allocator;
    agt_process *first;              /* those that run                                      */
    agt__buffer default_environment; /* NUL-terminated "NAME=value" strings                 */
    uint32_t default_environment_count;
    char *helper_path; /* found at the first start; NULL until then                         */
    char *read_bytes;  /* AGT__PROCESS_READ_BYTES, shared by all; NULL until the first start */
    bool is_stopping;
} agt__processes;

/* The descriptors of one process on our side; -1 = none. */
typedef struct agt__process_fds {
    int control;
    int input;
    int output;
    int error;
    int pidfd;
} agt__process_fds;

struct agt_process {
    agt__processes *owner;
    agt_process *next;
    agt_process *previous;
    agt_process_handler handler;
    void *user_data;
    pid_t pid; /* of the supervisor */
    agt__process_fds fds;
    struct event control_event; /* the report, or the end of the supervisor             */
    struct event exit_event;    /* pidfd                                                */
    struct event input_event;   /* only while bytes wait                                */
    struct event output_event;
    struct event error_event;
    agt__buffer input; /* for stdin; what is before input_sent was written          */
    size_t input_sent;
    agt__buffer error_tail;
    size_t error_bytes_max;
    size_t output_bytes_left;
    uint64_t cpu_seconds;
    uint32_t grace_ms;     /* for the supervisor: 0 = KILL at once                      */
    bool is_input_closing; /* close once `input` is written                             */
    bool is_input_broken;  /* nobody reads it any more                                  */
    bool is_output_truncated;
    bool is_kill_sent;
    bool has_report;
    agt__supervisor_report report;
    agt_error failure; /* ours: the process is then killed and ends with this           */
    char name[64];     /* argv[0], for messages                                         */
};

enum {
    AGT__PROCESS_DEFAULT_VARIABLES = 6
};

/* ---- process.c ---- */

/** The name of variable @index of those that a process gets that is given no environment. */
const char *agt__process_get_default_variable(size_t index);

agt_status agt__processes_new(agt__loop *loop, agt__processes **ret_processes, agt_error *err);
void agt__processes_free(agt__processes *processes);

/** Kill all at once; none can be started any more. */
void agt__processes_stop(agt__processes *processes);

/** As agt_io.process_start. */
agt_status agt__process_start(agt__processes *processes, const agt_process_config *config,
                              const agt_process_handler *handler, void *user_data,
                              agt_process **ret_process, agt_error *err);
/** As agt_io.process_write. */
agt_status agt__process_write(agt_process *process, const void *bytes, size_t size);
/** As agt_io.process_close_input. */
void agt__process_close_input(agt_process *process);
/** As agt_io.process_kill. */
void agt__process_kill(agt_process *process);

/* ---- process_spawn.c ---- */

/**
 * Start the supervisor with the tool of @config.
 *
 * @param ret_fds  our ends of everything
 * @param ret_pid  of the supervisor
 */
agt_status agt__process_spawn(agt__processes *processes, const agt_process_config *config,
                              agt__process_fds *ret_fds, pid_t *ret_pid, agt_error *err);

/** Close what is open and forget it. */
void agt__process_close_fds(agt__process_fds *fds);

#endif
