/* Executors and tools, the engine's own view. */
#ifndef AGT_EXEC_EXECUTOR_H
#define AGT_EXEC_EXECUTOR_H

#include "base/map.h"
#include "exec/journal.h"
#include "runtime/runtime.h"

#include <pthread.h>

/* A tool: an operation with a description, registered under a name. Kinds put their own part
 * behind it. */
struct agt_tool {
    agt__operation operation; /* first */
    agt_executor *executor;   /* that it belongs to; borrowed */
    char *name;
    char *description; /* NULL = none */
    int64_t cost_nanousd;
    size_t output_bytes_max; /* 0 = what the kind has by default */
    bool simulated;          /* the cost is */
    agt__recovery recovery;  /* the operation's, if it has one */
    void (*release)(void *user_data);

    /* Guarded by the executor's mutex. */
    size_t first_dependency; /* its number in executor->dependencies plus 1; 0 = none */
    uint64_t reached_in;     /* the last search that came by, */
    agt_tool *reached_from;  /* from where, */
    agt_tool *next_reached;  /* and where that one went next */
};

typedef struct agt__tool_dependency {
    agt_tool *tool;
    agt_tool *depends_on;
    size_t next; /* of the same tool; number plus 1, 0 = last */
} agt__tool_dependency;

struct agt_executor {
    const agt_allocator *allocator;
    agt_runtime *runtime; /* referenced */
    _Atomic uint32_t refs;
    uint32_t timeout_ms;
    agt_budget *budget; /* referenced; NULL = none */
    agt__journal *journal;
    struct agt__approvals *approvals; /* NULL = nothing is asked for */
    agt__policy *policies[AGT__POLICIES_MAX];
    size_t policy_count;

    pthread_mutex_t mutex; /* guards the members below */
    agt__map tools;        /* of agt_tool */
    agt__tool_dependency *dependencies;
    size_t dependency_count, dependency_capacity;
    uint64_t searches;          /* for cycles, so far */
    agt_execution_metrics last; /* of the last execute_parallel */
    bool has_last;
};

/* Who may run what: policy_approval.c. */
typedef struct agt__approvals agt__approvals;
void agt__approvals_free(agt__approvals *approvals);

/** The hash of a tool's definition in hexadecimal digits. @return AGT_OK; AGT_E_NOMEM */
agt_status agt__tool_get_definition(const agt_tool *tool, char ret_hash[65]);

/**
 * Make and register a tool of @size bytes (agt_tool first, the rest zero).
 *
 * @param init  fills in the kind's own part before anybody sees the tool; NULL = nothing
 * @return as agt_executor_register_tool(); on failure config->release has not been called
 */
agt_status agt__executor_add_tool(agt_executor *executor, const char *name, size_t size,
                                  const agt__operation_table *table, const agt_tool_config *config,
                                  agt_status (*init)(agt_tool *tool, const void *ctx,
                                                     agt_error *err),
                                  const void *ctx, agt_error *err);

/** Free what every tool has; for the destroy functions of tool kinds. */
void agt__tool_deinit(agt_tool *tool);

/** What every tool costs: one call, and its declared price. */
void agt__tool_estimate(const agt_tool_call *call, agt_budget_amount *ret_amount);

/** Books the declared price of a tool that ran. */
void agt__tool_finish(agt_tool_call *call, agt_span *span, agt_budget_amount *ret_actual);

#endif
