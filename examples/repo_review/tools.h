/* The tools that the agents may call, as an executor, and what they found. */
#ifndef REPO_REVIEW_TOOLS_H
#define REPO_REVIEW_TOOLS_H

#include "repository.h"

typedef struct tools tools;

typedef struct tools_config {
    agt_runtime *runtime;
    const repository *repo;
    uint32_t slots;     /* how many may run at a time; 0 = no limit */
    agt_cancel *cancel; /* ends what git is asked; referenced       */
} tools_config;

/** An executor with all tools of this program. */
agt_status tools_new(const tools_config *config, tools **ret_tools, agt_error *err);
void tools_free(tools *self);

agt_executor *tools_get_executor(tools *self);

/** What a call of that tool costs; 0 for most. */
double tools_get_cost_usd(const char *name);

/**
 * What the tools found in this run: an object by tool, referenced for the caller. What failed is
 * not in it.
 *
 * The figures of the report come from here, never from what a model made of them.
 */
agt_value *tools_get_facts(tools *self);

#endif
