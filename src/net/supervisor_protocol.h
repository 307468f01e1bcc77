/*
 * What the library and its supervisor program say to each other. Both sides are of one version;
 * the number makes a mix of two installations a clear error.
 *
 * The supervisor is started with five descriptors: 0, 1, 2 are the tool's; on `control` the two
 * talk in single messages (SOCK_SEQPACKET); `plan` is a memory file that says what to run.
 *
 * Only the C library's headers may be used here: the supervisor includes this file.
 */
#ifndef AGT_NET_SUPERVISOR_PROTOCOL_H
#define AGT_NET_SUPERVISOR_PROTOCOL_H

#include <stdint.h>

#define AGT__SUPERVISOR_MAGIC   UINT32_C(0x53544741) /* "AGTS" */
#define AGT__SUPERVISOR_VERSION UINT32_C(1)

enum {
    AGT__SUPERVISOR_CONTROL_FD = 3,
    AGT__SUPERVISOR_PLAN_FD = 4
};

/* The beginning of the plan. Behind it lie NUL-terminated strings, one after the other: the
 * working directory if has_cwd, the arguments, the environment. */
typedef struct agt__supervisor_plan {
    uint32_t magic;
    uint32_t version;
    int32_t host_pid;
    uint32_t has_cwd;
    uint32_t argument_count;
    uint32_t variable_count;
    uint64_t strings_size;
    uint64_t memory_bytes; /* limits; UINT64_MAX = leave as it is */
    uint64_t cpu_seconds;
    uint64_t files_max;
    uint64_t file_bytes;
    uint64_t processes_max;
} agt__supervisor_plan;

/* Library to supervisor: end the tool. */
typedef struct agt__supervisor_command {
    uint32_t grace_ms; /* between TERM and KILL; 0 = KILL at once */
    uint32_t reserved;
} agt__supervisor_command;

/* What could not be done before the tool ran. */
enum {
    AGT__SUPERVISOR_OK,
    AGT__SUPERVISOR_BAD_PLAN,
    AGT__SUPERVISOR_NO_PROCESS,
    AGT__SUPERVISOR_NO_LIMITS,
    AGT__SUPERVISOR_NO_CWD,
    AGT__SUPERVISOR_NO_EXEC
};

/* Supervisor to library, once, when everything has ended. */
typedef struct agt__supervisor_report {
    uint32_t version;
    uint32_t failed_step; /* one of the above; the tool never ran if it is not OK      */
    int32_t error;        /* errno of that                                             */
    int32_t exit_status;  /* -1 if it did not exit by itself                           */
    int32_t signal;       /* 0 if none                                                 */
    uint32_t is_killed;   /* a command reached it while it ran                         */
    uint32_t left;        /* processes that would not die                              */
    uint32_t reserved;
    uint64_t user_us, system_us;
    uint64_t memory_bytes;
    uint64_t descendants_killed;
} agt__supervisor_report;

#endif
