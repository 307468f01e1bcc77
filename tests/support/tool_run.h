/*
 * tool_run.h - one child process from start to end, for tests: what it is given, and what came of
 * it. Nothing sleeps: a test waits for the end, or for a text in the output.
 */
#ifndef AGENT_SDK_TESTS_TOOL_RUN_H
#define AGENT_SDK_TESTS_TOOL_RUN_H

#include <semaphore.h>

#include "net/loop.h"

typedef struct agt_test_tool_run {
    /* What to do. */
    const agt_process_config *config;
    const char *input; /* NULL = none; closed afterwards unless keeps_input is set       */
    size_t input_size; /* 0 = strlen(input)                                              */
    bool keeps_input;
    bool discards_output;
    const char *kill_at;  /* kill it once its output contains this                        */
    const char *input_at; /* write the input only then; NULL = at once                   */

    /* What came of it. */
    agt_status start_status;
    agt_status write_status;
    agt_error start_err;
    char *output; /* NUL-terminated; NULL if there was none                              */
    size_t output_size;
    char *error;
    size_t error_size;
    agt_process_exit exit;
    bool has_err;
    agt_error err;

    /* Inside. */
    agt__job job, kill_job;
    agt__loop *loop;
    const agt_io *io;
    agt_process *process;
    bool is_killed, is_fed;
    sem_t done;
} agt_test_tool_run;

/* Starts it; `run` must stay where it is until agt_test_tool_wait() has returned. */
void agt_test_tool_start(agt_test_tool_run *run, agt__loop *loop);

/* Waits for its end, or for the failure to start it. */
void agt_test_tool_wait(agt_test_tool_run *run);

/* Kills it, from the test's thread, once the job that does it has run. */
void agt_test_tool_kill(agt_test_tool_run *run);

/* Starts and waits. */
void agt_test_tool_run_all(agt_test_tool_run *run, agt__loop *loop);

/* Gives back what was collected. */
void agt_test_tool_free(agt_test_tool_run *run);

/* The path of a program of the zoo; valid until the next call but seven. */
const char *agt_test_zoo(const char *name);

/* How many processes, this one not counted, have `variable` ("NAME=value") in the environment they
 * were started with. */
unsigned agt_test_count_processes(const char *variable);

/* Open descriptors of this process. */
unsigned agt_test_count_descriptors(void);

#endif /* AGENT_SDK_TESTS_TOOL_RUN_H */
