/*
 * env.h - where a test finds things: the sources, the build, the command, the supervisor, the zoo.
 *
 * CTest passes them in the environment (SOURCE_DIR, BUILD_DIR, AGENT_BIN, AGENT_SUPERVISOR,
 * ZOO_DIR); a test that is started by hand gets what the build knew.
 */
#ifndef AGT_TESTS_ENV_H
#define AGT_TESTS_ENV_H

#include <stdlib.h>

/* The top of the sources. Never NULL; valid until the program ends. */
const char *agt_test_source_dir(void);

/* The build tree, such as build/dev. Never NULL; valid until the program ends. */
const char *agt_test_build_dir(void);

/* The `agent` command. Never NULL; valid until the program ends. */
const char *agt_test_agent_bin(void);

/* The supervisor of child processes. Never NULL; valid until the program ends. */
const char *agt_test_supervisor(void);

/* The folder of the misbehaving tools. Never NULL; valid until the program ends. */
const char *agt_test_zoo_dir(void);

/* The whole file `path`, relative to the sources unless absolute; followed by a NUL that is not
 * counted. Fails the test when it cannot be read. The caller gives it to free(). */
char *agt_test_read_file(const char *path, size_t *ret_size);

#endif /* AGT_TESTS_ENV_H */
