/*
 * Git as a set of tools: each question is a child process with fixed arguments and a fixed
 * environment. Nothing a model says ends up on a command line.
 */
#ifndef REPO_REVIEW_GIT_H
#define REPO_REVIEW_GIT_H

#include "scan.h"

#include "repository.h"

/** How much of a large repository is looked at; the report says so where it stopped. */
#define GIT_COMMITS_MAX       100000 /* for dates and authors                                */
#define GIT_CHANGES_MAX       5000   /* for what they changed: a diff each                   */
#define GIT_SECRETS_MAX       2000   /* for secrets in old versions                          */
#define GIT_STRINGIFY(number) #number
#define GIT_TEXT_OF(number)   GIT_STRINGIFY(number)
#define GIT_NEWEST(number)    ("--max-count=" GIT_TEXT_OF(number))
enum {
    GIT_OUTPUT_BYTES_MAX = 64 * 1024 * 1024,
    GIT_TIMEOUT_MS = 60 * 1000
};

/**
 * The questions. What each prints is documented with the function that reads it. What the commits
 * changed takes longest by far, so it is asked in slices, each a process of its own.
 */
#define GIT_CHANGES "git_changes_1", "git_changes_2", "git_changes_3", "git_changes_4"
#define GIT_COMMITS "git_commits"
#define GIT_FILES   "git_files"
#define GIT_LINES   "git_lines"
#define GIT_MARKERS "git_markers"
#define GIT_UNSAFE  "git_unsafe"
#define GIT_SECRETS "git_secrets"

/**
 * An executor with a tool for each question.
 *
 * @param slots  how many processes may run at a time; 0 = no limit
 */
agt_status git_new(agt_runtime *runtime, const repository *repo, uint32_t slots,
                   agt_executor **ret_git, agt_error *err);

/** Where a question is asked. */
typedef struct git_place {
    const char *cwd;
    const char *const *variables; /* besides the fixed ones, NULL-terminated; NULL = none    */
    uint64_t ok_exit_statuses;    /* bits, as in agt_process_tool                            */
} git_place;

/** Register one question: `git` with @arguments, which are NULL-terminated. */
agt_status git_register(agt_executor *git, const char *name, const char *const *arguments,
                        const git_place *place, agt_error *err);

/**
 * Ask questions from within a tool, all at once, and wait.
 *
 * If git fails at one of them the call is given the reason, and the status is that of its outcome.
 *
 * @param questions    NULL-terminated
 * @param ret_results  what git printed: one string per question
 */
agt_status git_ask(agt_executor *git, agt_tool_call *call, agt_cancel *cancel,
                   const char *const *questions, agt_results **ret_results);

#endif
