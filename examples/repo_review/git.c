/*
 * Git as a set of tools: the fixed part of every command line and environment, and asking from
 * within a tool.
 *
 * The questions themselves stand at the end, in one table. A question is asked on an executor of
 * its own, by a tool that waits for the answer on a worker thread: in the trace it stands below the
 * call that asked, and it ends with it.
 */
#include "git.h"

#include "unsafe_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORDS_MAX = 96,
    TEXT_BYTES = 4096
};

/* Nothing that a configuration could make git run, and nothing that changes what it prints. */
static const char *const fixed_arguments[] = {
    "git",
    "--no-pager",
    "--no-replace-objects",
    "--no-optional-locks",
    "-c",
    "safe.directory=*", /* reading somebody else's objects is what this is for */
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.pager=cat",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "core.quotePath=true",
    "-c",
    "diff.external=",
    "-c",
    "log.showSignature=false",
    "-c",
    "color.ui=false",
    "-c",
    "protocol.allow=never",
    NULL};

/* Without configuration of the system or the user, and never on the network. */
static const char *const fixed_variables[] = {"LC_ALL=C",
                                              "GIT_CONFIG_NOSYSTEM=1",
                                              "GIT_CONFIG_SYSTEM=/dev/null",
                                              "GIT_CONFIG_GLOBAL=/dev/null",
                                              "GIT_ATTR_NOSYSTEM=1",
                                              "GIT_TERMINAL_PROMPT=0",
                                              "GIT_OPTIONAL_LOCKS=0",
                                              "GIT_PAGER=cat",
                                              "GIT_ALLOW_PROTOCOL=none",
                                              "GIT_NO_LAZY_FETCH=1",
                                              NULL};

typedef struct words {
    const char *items[WORDS_MAX]; /* NULL-terminated */
    size_t count;
} words;

static void add_words(words *self, const char *const *more)
{
    for (; more != NULL && *more != NULL && self->count + 1 < WORDS_MAX; more++) {
        self->items[self->count++] = *more;
    }
}

agt_status git_register(agt_executor *git, const char *name, const char *const *arguments,
                        const git_place *place, agt_error *err)
{
    words argv = {0}, env = {0};
    char path[TEXT_BYTES];
    const char *search = getenv("PATH");
    snprintf(path, sizeof(path), "PATH=%s", search != NULL ? search : "/usr/bin:/bin");
    add_words(&argv, fixed_arguments);
    add_words(&argv, arguments);
    add_words(&env, (const char *const[]){path, NULL});
    add_words(&env, fixed_variables);
    add_words(&env, place->variables);
    agt_process_config process =
        AGT_CONFIG(agt_process_config, .argv = argv.items, .env = env.items, .cwd = place->cwd,
                   .output_bytes_max = GIT_OUTPUT_BYTES_MAX, .grace_ms = AGT_MS_NONE);
    agt_process_tool tool =
        AGT_CONFIG(agt_process_tool, .process = process, .input = AGT_PROCESS_NONE,
                   .output = AGT_PROCESS_TEXT, .ok_exit_statuses = place->ok_exit_statuses);
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .effect = AGT_EFFECT_PURE, .timeout_ms = GIT_TIMEOUT_MS);
    return agt_executor_register_process(git, name, &tool, &config, err);
}

/* A graph of independent calls: the questions run at once. */
static agt_status make_graph(agt_executor *git, const char *const *questions, agt_graph **ret_graph,
                             agt_error *err)
{
    agt_graph *graph = NULL;
    agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = "git");
    agt_status status = agt_graph_new(git, &config, &graph, err);
    for (; status == AGT_OK && *questions != NULL; questions++) {
        agt_call_id call = 0;
        status = agt_graph_add_call(graph, *questions, NULL, NULL, &call, err);
    }
    if (status != AGT_OK) {
        agt_graph_unref(graph);
        return status;
    }
    *ret_graph = graph;
    return AGT_OK;
}

/* The first failure among the results. */
static agt_status check(const agt_results *results, agt_error *err)
{
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < agt_results_get_count(results); i++) {
        status = agt_results_get_error(results, i, err);
    }
    return status;
}

agt_status git_ask(agt_executor *git, agt_tool_call *call, agt_cancel *cancel,
                   const char *const *questions, agt_results **ret_results)
{
    agt_span_context parent = agt_tool_call_get_span(call);
    uint32_t remaining_ms = agt_tool_call_get_remaining_ms(call);
    agt_call_options options =
        AGT_CONFIG(agt_call_options, .parent = &parent, .cancel = cancel,
                   .deadline_ms = remaining_ms == AGT_MS_NONE ? 0 : remaining_ms);
    agt_graph *graph = NULL;
    agt_results *results = NULL;
    agt_error err = {0};
    agt_status status = make_graph(git, questions, &graph, &err);
    if (status == AGT_OK) {
        status = agt_graph_run(graph, &options, &results, &err);
    }
    if (status == AGT_OK) {
        status = check(results, &err);
    }
    agt_graph_unref(graph);
    if (status != AGT_OK) {
        agt_tool_call_set_error(call, "%s", err.message);
        agt_results_unref(results);
        return status;
    }
    *ret_results = results;
    return AGT_OK;
}

/* ---- the questions --------------------------------------------------------------------------- */

enum {
    ARGUMENTS_MAX = 16
};

typedef struct question {
    const char *name;
    const char *arguments[ARGUMENTS_MAX]; /* the commit follows                                */
    bool searches;                        /* exit status 1 says that nothing was found          */
} question;

static const question questions[] = {
    {GIT_COMMITS, {"log", GIT_NEWEST(GIT_COMMITS_MAX), "--format=%ct%x09%aN"}, false},
    {GIT_FILES, {"ls-tree", "-r", "-l", "--full-tree"}, false},
    {GIT_LINES, {"grep", "-I", "--no-textconv", "-c", "-e", ""}, true},
    {GIT_MARKERS,
     {"grep", "-I", "--no-textconv", "-n", "-o", "-w", "-P", "-e",
      "TOD[O]|FIXM[E]|XX[X]|HAC[K]"}, /* which does not find itself */
     true},
    {GIT_UNSAFE, {"grep", "-I", "--no-textconv", "-n", "-o", "-P", "-e", "UNSAFE"}, true},
    {GIT_SECRETS,
     {"log", GIT_NEWEST(GIT_SECRETS_MAX), "--no-merges", "--no-ext-diff", "--no-textconv",
      "-G-----BEGIN [A-Z ]*PRIVATE KEY-----", "--format=%H"},
     false},
};

static agt_status register_question(agt_executor *git, const question *asked,
                                    const repository *repo, const git_place *place, agt_error *err)
{
    char pattern[UNSAFE_PATTERN_BYTES];
    words arguments = {0};
    add_words(&arguments, asked->arguments);
    for (size_t i = 0; i < arguments.count; i++) {
        if (strcmp(arguments.items[i], "UNSAFE") == 0) {
            unsafe_write_pattern(pattern);
            arguments.items[i] = pattern;
        }
    }
    add_words(&arguments, (const char *const[]){repo->commit, "--", NULL});
    git_place own = *place;
    own.ok_exit_statuses = asked->searches ? 1u << 0 | 1u << 1 : 0;
    return git_register(git, asked->name, arguments.items, &own, err);
}

/* One slice after the other, from the newest commit; the last one goes on to what is looked at. A
 * commit at the edge of a shallow clone has lost its parents, so that git takes all its files for
 * new: such commits are left out. */
static agt_status register_slices(agt_executor *git, const repository *repo, const git_place *place,
                                  agt_error *err)
{
    static const char *const names[] = {GIT_CHANGES};
    const unsigned count = sizeof(names) / sizeof(names[0]);
    unsigned size = repo->changes / count + 1;
    agt_status status = AGT_OK;
    for (unsigned i = 0; status == AGT_OK && i < count; i++) {
        char skip[32], most[32];
        unsigned left = size * i < GIT_CHANGES_MAX ? GIT_CHANGES_MAX - size * i : 0;
        snprintf(skip, sizeof(skip), "--skip=%u", size * i);
        snprintf(most, sizeof(most), "--max-count=%u", i + 1 < count && size < left ? size : left);
        const question slice = {names[i],
                                {"log", skip, most, "--no-merges", "--no-renames", "--no-ext-diff",
                                 "--no-textconv", "--numstat", "--format=tformat:*",
                                 repo->is_shallow ? "--min-parents=1" : NULL},
                                false};
        status = register_question(git, &slice, repo, place, err);
    }
    return status;
}

agt_status git_new(agt_runtime *runtime, const repository *repo, uint32_t slots,
                   agt_executor **ret_git, agt_error *err)
{
    agt_executor *git = NULL;
    char folder[TEXT_BYTES], objects[TEXT_BYTES], mailmap[128];
    snprintf(folder, sizeof(folder), "GIT_DIR=%s", repo->folder);
    snprintf(objects, sizeof(objects), "GIT_OBJECT_DIRECTORY=%s", repo->objects);
    snprintf(mailmap, sizeof(mailmap), "GIT_CONFIG_VALUE_0=%s:.mailmap", repo->commit);
    const char *const variables[] = {folder,
                                     objects,
                                     "GIT_CONFIG_COUNT=1", /* who is who, as the project says */
                                     "GIT_CONFIG_KEY_0=mailmap.blob",
                                     mailmap,
                                     NULL};
    const git_place place = {.cwd = repo->folder, .variables = variables};
    agt_executor_config config = AGT_CONFIG(agt_executor_config, .parallel_max = slots);
    agt_status status = agt_executor_new(runtime, &config, &git, err);
    for (size_t i = 0; status == AGT_OK && i < sizeof(questions) / sizeof(questions[0]); i++) {
        status = register_question(git, &questions[i], repo, &place, err);
    }
    if (status == AGT_OK) {
        status = register_slices(git, repo, &place, err);
    }
    if (status != AGT_OK) {
        agt_executor_unref(git);
        return status;
    }
    *ret_git = git;
    return AGT_OK;
}
