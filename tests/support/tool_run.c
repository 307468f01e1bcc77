/*
 * tool_run.c - one child process from start to end; see tool_run.h.
 */
#include "support/tool_run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/env.h"
#include "support/test.h"

static char *append(char *text, size_t *size, const void *bytes, size_t count)
{
    char *grown = realloc(text, *size + count + 1);
    assert_non_null(grown);
    memcpy(grown + *size, bytes, count);
    *size += count;
    grown[*size] = '\0';
    return grown;
}

static void feed(agt_test_tool_run *run)
{
    run->is_fed = true;
    size_t size = run->input_size != 0 ? run->input_size : strlen(run->input);
    run->write_status = run->io->process_write(run->io->ctx, run->process, run->input, size);
    if (!run->keeps_input) {
        run->io->process_close_input(run->io->ctx, run->process);
    }
}

static void on_output(void *user_data, const void *bytes, size_t size)
{
    agt_test_tool_run *run = user_data;
    assert_true(agt__loop_is_current(run->loop));
    assert_true(size > 0);
    run->output_size += run->discards_output ? size : 0;
    if (!run->discards_output) {
        run->output = append(run->output, &run->output_size, bytes, size);
    }
    if (run->kill_at != NULL && !run->is_killed && strstr(run->output, run->kill_at) != NULL) {
        run->is_killed = true;
        run->io->process_kill(run->io->ctx, run->process);
    }
    if (run->input_at != NULL && !run->is_fed && strstr(run->output, run->input_at) != NULL) {
        feed(run);
    }
}

static void on_error(void *user_data, const void *bytes, size_t size)
{
    agt_test_tool_run *run = user_data;
    run->error = append(run->error, &run->error_size, bytes, size);
}

static void on_exit_of(void *user_data, const agt_process_exit *exit, const agt_error *err)
{
    agt_test_tool_run *run = user_data;
    assert_true(agt__loop_is_current(run->loop));
    run->process = NULL;
    run->exit = *exit;
    run->has_err = err != NULL;
    if (err != NULL) {
        run->err = *err;
    }
    sem_post(&run->done);
}

static const agt_process_handler handler = {on_output, on_error, on_exit_of};

static void start(agt__job *job)
{
    agt_test_tool_run *run = (agt_test_tool_run *)((char *)job - offsetof(agt_test_tool_run, job));
    run->start_status = run->io->process_start(run->io->ctx, run->config, &handler, run,
                                               &run->process, &run->start_err);
    if (run->start_status != AGT_OK) {
        sem_post(&run->done);
    } else if (run->input != NULL && run->input_at == NULL) {
        feed(run);
    }
}

void agt_test_tool_start(agt_test_tool_run *run, agt__loop *loop)
{
    run->loop = loop;
    run->io = agt__loop_get_io(loop);
    run->job.run = start;
    sem_init(&run->done, 0, 0);
    agt__loop_post(loop, &run->job);
}

void agt_test_tool_wait(agt_test_tool_run *run)
{
    while (sem_wait(&run->done) != 0) {
    }
    sem_destroy(&run->done);
}

static void kill_it(agt__job *job)
{
    agt_test_tool_run *run =
        (agt_test_tool_run *)((char *)job - offsetof(agt_test_tool_run, kill_job));
    if (run->process != NULL) {
        run->io->process_kill(run->io->ctx, run->process);
    }
}

void agt_test_tool_kill(agt_test_tool_run *run)
{
    run->kill_job.run = kill_it;
    agt__loop_post(run->loop, &run->kill_job);
}

void agt_test_tool_run_all(agt_test_tool_run *run, agt__loop *loop)
{
    agt_test_tool_start(run, loop);
    agt_test_tool_wait(run);
}

void agt_test_tool_free(agt_test_tool_run *run)
{
    free(run->output);
    free(run->error);
    run->output = run->error = NULL;
}

const char *agt_test_zoo(const char *name)
{
    static char paths[8][1024];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", agt_test_zoo_dir(), name);
    return path;
}

/* Whether the NUL-separated list in the file contains `variable`. */
static bool has_variable(const char *path, const char *variable)
{
    char text[16384];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        if (strcmp(text + at, variable) == 0) {
            return true;
        }
    }
    return false;
}

unsigned agt_test_count_processes(const char *variable)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[300];
        (void)snprintf(path, sizeof(path), "/proc/%s/environ", entry->d_name);
        long pid = strtol(entry->d_name, NULL, 10); /* 0 if it is no number */
        if (pid > 0 && pid != getpid() && has_variable(path, variable)) {
            count++;
        }
    }
    (void)closedir(folder);
    return count;
}

unsigned agt_test_count_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}
