/*
 * The tools that the agents may call: names, descriptions and dependencies, and the function that
 * stands between the engine and all of them.
 *
 * Threads: tools run on worker threads, several at a time; what they found is kept under a mutex. A
 * function that overran its timeout may still run when everything else is over: what it works on
 * goes with the last tool, not before.
 */
#include "tools.h"

#include "facts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define USD INT64_C(1000000000)

enum {
    DEPENDENCIES_MAX = 3
};

typedef struct tool_entry {
    const char *name;
    fact_fn find;
    const char *description;
    const char *depends_on[DEPENDENCIES_MAX + 1]; /* its input is what these found               */
    int64_t cost_nanousd;
} tool_entry;

static const tool_entry entries[] = {
    {"commits", find_commits, "How many commits there are, from when to when.", {NULL}, 0},
    {"authors", find_authors, "Who made the commits; the bus factor.", {NULL}, 0},
    {"churn", find_churn, "Which files the commits changed, and how much.", {NULL}, 0},
    {"sizes", find_sizes, "How many files there are, the largest first.", {NULL}, 0},
    {"languages", find_languages, "Files and lines per language.", {NULL}, 0},
    {"markers", find_markers, "Markers of unfinished work, with file and line.", {NULL}, 0},
    {"unsafe_calls",
     find_unsafe_calls,
     "Calls that are easily misused, with file and line.",
     {NULL},
     0},
    {"hotspots", find_hotspots, "Files that are large and change often.", {"churn", "sizes"}, 0},
    {"risk_of_history",
     rate_history,
     "The risk that lies in who works when.",
     {"commits", "authors"},
     0},
    {"risk_of_code",
     rate_code,
     "The risk that lies in the code.",
     {"markers", "unsafe_calls", "languages"},
     0},
    {"risk_of_structure", rate_structure, "The risk that lies in hotspots.", {"hotspots"}, 0},
    /* What a metered service might ask for it; here it shows what a budget is for. */
    {"deep_scan",
     find_secrets,
     "Looks for private keys in all that was ever committed.",
     {NULL},
     2 * USD},
};

enum {
    entry_count = sizeof(entries) / sizeof(entries[0])
};

/* What the function of a tool is given. */
typedef struct tool_context {
    const tool_entry *entry;
    tools *owner;
} tool_context;

struct tools {
    atomic_size_t users; /* tools that are registered, and the owner */
    agt_executor *git, *executor;
    agt_cancel *cancel;
    pthread_mutex_t mutex;
    agt_value *facts; /* under the mutex */
    tool_context contexts[entry_count];
};

/* Remember what a tool found. */
static agt_status keep(tools *self, const char *name, const agt_value *output)
{
    agt_value *more = NULL;
    (void)pthread_mutex_lock(&self->mutex);
    agt_status status = agt_value_with_member(NULL, self->facts, name, output, &more);
    if (status == AGT_OK) {
        agt_value_unref(self->facts);
        self->facts = more;
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return status;
}

/* The function of every tool: an object with what the entry's function finds. */
static agt_status run_tool(agt_tool_call *call, agt_value **ret_output, void *user_data)
{
    const tool_context *context = user_data;
    agt_value_builder *builder = NULL;
    agt_value *output = NULL;
    agt_status status = agt_value_builder_new(agt_tool_call_get_allocator(call), &builder);
    if (status != AGT_OK) {
        return status;
    }
    const inquiry in = {context->owner->git, context->owner->cancel, call, builder};
    agt_value_builder_begin_object(builder);
    status = context->entry->find(&in);
    agt_value_builder_end(builder);
    if (status == AGT_OK) {
        status = agt_value_builder_finish(builder, &output, NULL);
    }
    if (status == AGT_OK) {
        status = keep(context->owner, context->entry->name, output);
    }
    agt_value_builder_free(builder);
    if (status != AGT_OK) {
        agt_value_unref(output);
        return status;
    }
    *ret_output = output;
    return AGT_OK;
}

/* One tool less, or the owner is done with it. */
static void drop(tools *self)
{
    if (atomic_fetch_sub(&self->users, 1) == 1) {
        agt_executor_unref(self->git);
        agt_cancel_unref(self->cancel);
        agt_value_unref(self->facts);
        (void)pthread_mutex_destroy(&self->mutex);
        free(self);
    }
}

static void release_tool(void *user_data)
{
    drop(((tool_context *)user_data)->owner);
}

/* ---- registering ------------------------------------------------------------------------------
 */

/* A tool that others feed takes what they found, as member "facts"; any other takes nothing. */
static const char needs_facts[] =
    "{\"type\": \"object\", \"required\": [\"facts\"], \"additionalProperties\": false,"
    " \"properties\": {\"facts\": {\"type\": \"object\"}}}";
static const char needs_nothing[] = "{\"type\": \"object\", \"additionalProperties\": false}";

static agt_status register_tool(tools *self, const tool_entry *entry, agt_error *err)
{
    agt_value *schema = NULL;
    const char *text = entry->depends_on[0] != NULL ? needs_facts : needs_nothing;
    agt_status status = agt_json_parse(NULL, text, strlen(text), NULL, &schema, err);
    if (status != AGT_OK) {
        return status;
    }
    tool_context *context = &self->contexts[entry - entries];
    *context = (tool_context){entry, self};
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .description = entry->description, .input_schema = schema,
                   .effect = AGT_EFFECT_PURE, .timeout_ms = GIT_TIMEOUT_MS,
                   .cost_nanousd = entry->cost_nanousd, .simulated = true, .user_data = context,
                   .release = release_tool);
    status = agt_executor_register_tool(self->executor, entry->name, run_tool, &config, err);
    agt_value_unref(schema);
    if (status == AGT_OK) {
        (void)atomic_fetch_add(&self->users, 1);
    }
    for (size_t i = 0; status == AGT_OK && entry->depends_on[i] != NULL; i++) {
        status =
            agt_executor_add_dependency(self->executor, entry->name, entry->depends_on[i], err);
    }
    return status;
}

agt_status tools_new(const tools_config *config, tools **ret_tools, agt_error *err)
{
    tools *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        *err = (agt_error){.status = AGT_E_NOMEM, .message = "out of memory"};
        return AGT_E_NOMEM;
    }
    atomic_init(&self->users, 1);
    (void)pthread_mutex_init(&self->mutex, NULL);
    self->facts = agt_value_empty_object();
    self->cancel = agt_cancel_ref(config->cancel);
    agt_executor_config limits = AGT_CONFIG(agt_executor_config, .parallel_max = config->slots);
    agt_status status = git_new(config->runtime, config->repo, config->slots, &self->git, err);
    if (status == AGT_OK) {
        status = agt_executor_new(config->runtime, &limits, &self->executor, err);
    }
    for (size_t i = 0; status == AGT_OK && i < entry_count; i++) {
        status = register_tool(self, &entries[i], err);
    }
    if (status != AGT_OK) {
        tools_free(self);
        return status;
    }
    *ret_tools = self;
    return AGT_OK;
}

void tools_free(tools *self)
{
    if (self == NULL) {
        return;
    }
    agt_executor_unref(self->executor);
    drop(self);
}

agt_executor *tools_get_executor(tools *self)
{
    return self->executor;
}

double tools_get_cost_usd(const char *name)
{
    for (size_t i = 0; i < entry_count; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return (double)entries[i].cost_nanousd / USD;
        }
    }
    return 0;
}

agt_value *tools_get_facts(tools *self)
{
    (void)pthread_mutex_lock(&self->mutex);
    agt_value *facts = agt_value_ref(self->facts);
    (void)pthread_mutex_unlock(&self->mutex);
    return facts;
}
