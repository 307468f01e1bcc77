/* The parts of the supervisor; see supervisor.c. */
#ifndef AGT_HELPER_HELPER_H
#define AGT_HELPER_HELPER_H

#include "net/supervisor_protocol.h"

#include <stdbool.h>
#include <sys/types.h>

/* What to run, read from the plan; the strings live in the mapped plan. */
typedef struct tool_plan {
    agt__supervisor_plan header;
    const char *cwd; /* NULL = stay */
    char **arguments;
    char **variables;
} tool_plan;

/* tool.c */

/** Close every descriptor from @first on. */
void close_from(unsigned first);

/** Read and check the plan. @return false if it is not one */
bool read_plan(int fd, tool_plan *ret_plan);

/**
 * Start the tool: a child that becomes it.
 *
 * @return its pid; -1, with the step that failed and errno in the report
 */
pid_t start_tool(const tool_plan *plan, agt__supervisor_report *report);

/* descendants.c */

/**
 * Send TERM, and CONT for those that are stopped, to the group of @leader and to every descendant
 * of this process outside of it.
 */
void terminate_descendants(pid_t leader);

/** Send KILL to every descendant of this process. @return how many there are, zombies included */
unsigned kill_descendants(void);

#endif
