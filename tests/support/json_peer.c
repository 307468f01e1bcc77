/*
 * Reads the records that _json_peer.py writes into a pipe.
 */
#include "support/json_peer.h"

#include "support/env.h"
#include "support/test.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts the script; its standard output. */
static FILE *start(char *const argv[], pid_t *ret_child)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&actions, ends[0]), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&actions, ends[1]), 0);
    int status = posix_spawnp(ret_child, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (status != 0) {
        (void)close(ends[0]);
        fail_msg("%s cannot be started: %s", argv[0], strerror(status));
    }
    FILE *file = fdopen(ends[0], "rb");
    assert_non_null(file);
    return file;
}

static char *read_bytes(FILE *file, size_t size)
{
    char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    if (fread(bytes, 1, size, file) != size) {
        fail_msg("the output of _json_peer.py ends in the middle");
    }
    bytes[size] = '\0';
    return bytes;
}

size_t agt_test_json_peer(const char *mode, unsigned seed, unsigned count,
                          void (*check)(const agt_test_json_case *, void *), void *ctx)
{
    char script[600];
    char seed_text[16];
    char count_text[16];
    (void)snprintf(script, sizeof(script), "%s/tests/integration/_json_peer.py",
                   agt_test_source_dir());
    (void)snprintf(seed_text, sizeof(seed_text), "%u", seed);
    (void)snprintf(count_text, sizeof(count_text), "%u", count);
    (void)setenv("SOURCE_DIR", agt_test_source_dir(), 0);
    char *const argv[] = {(char[]){"python3"}, script,     (char *)(uintptr_t)mode,
                          seed_text,           count_text, NULL};
    pid_t child;
    FILE *file = start(argv, &child);
    char line[300];
    size_t records = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        agt_test_json_case c = {0};
        if (sscanf(line, "%c %119s %zu %zu\n", &c.verdict, c.name, &c.size, &c.canonical_size) !=
            4) {
            print_message("%s", line);
            break;
        }
        char *document = read_bytes(file, c.size);
        char *canonical = read_bytes(file, c.canonical_size);
        c.document = document;
        c.canonical = canonical;
        check(&c, ctx);
        free(document);
        free(canonical);
        records++;
    }
    (void)fclose(file);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        return 0;
    }
    if (status != 0) {
        fail_msg("_json_peer.py %s ended with status %d", mode, status);
    }
    return records;
}
