/*
 * env.c - where a test finds things; see env.h.
 *
 * TEST_SOURCE_DIR and TEST_BUILD_DIR come from cmake/tests.cmake and are defined for this file
 * only, so that the other tests compile to the same objects wherever the clone stands.
 */
#include "support/env.h"

#include <stdio.h>

#include "support/test.h"

static const char *get(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && value[0] ? value : otherwise;
}

const char *agt_test_source_dir(void)
{
    return get("SOURCE_DIR", TEST_SOURCE_DIR);
}

const char *agt_test_build_dir(void)
{
    return get("BUILD_DIR", TEST_BUILD_DIR);
}

const char *agt_test_agent_bin(void)
{
    return get("AGENT_BIN", TEST_BUILD_DIR "/bin/agent");
}

const char *agt_test_supervisor(void)
{
    return get("AGENT_SUPERVISOR", TEST_BUILD_DIR "/libexec/agent_sdk/agent-supervisor");
}

const char *agt_test_zoo_dir(void)
{
    return get("ZOO_DIR", TEST_BUILD_DIR "/zoo");
}

char *agt_test_read_file(const char *path, size_t *ret_size)
{
    char name[4096];
    int length = snprintf(name, sizeof(name), "%s%s%s", path[0] == '/' ? "" : agt_test_source_dir(),
                          path[0] == '/' ? "" : "/", path);
    assert_in_range(length, 1, sizeof(name) - 1);

    FILE *file = fopen(name, "rb");
    if (!file) {
        fail_msg("cannot open %s", name);
    }
    char *data = NULL;
    size_t size = 0, capacity = 0;
    do {
        capacity = capacity ? capacity * 2 : 4096;
        char *grown = realloc(data, capacity);
        assert_non_null(grown);
        data = grown;
        size += fread(data + size, 1, capacity - 1 - size, file);
    } while (size == capacity - 1);
    assert_false(ferror(file));
    (void)fclose(file);
    data[size] = '\0';
    *ret_size = size;
    return data;
}
