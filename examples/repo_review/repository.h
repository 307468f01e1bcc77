/*
 * The repository under review, opened so that nothing of it is ever run or obeyed.
 *
 * A Git repository can carry programs: hooks, a file system monitor, a pager, external diffs,
 * filters, a signature checker, all named in its configuration. So it is asked only where its
 * objects are and what HEAD is. Everything else is asked in a Git directory of our own, made for
 * the purpose, that borrows those objects and has no configuration but ours.
 */
#ifndef REPO_REVIEW_REPOSITORY_H
#define REPO_REVIEW_REPOSITORY_H

#include <agent_sdk/exec.h>

typedef enum repository_state {
    REPOSITORY_OK,
    REPOSITORY_NONE,  /* not the root of a Git repository       */
    REPOSITORY_EMPTY, /* HEAD has no commit                     */
    REPOSITORY_FAILED /* git is not there, or will not tell     */
} repository_state;

typedef struct repository {
    char *path;       /* absolute                                               */
    const char *name; /* its last part                                          */
    char *commit;     /* that HEAD stands for                                   */
    char *objects;    /* folder of its objects                                  */
    char *reflog;     /* what a new commit would add a line to                  */
    char *folder;     /* the Git directory of our own; removed at the end       */
    unsigned changes; /* commits that are looked at for what they changed               */
    bool is_bare, is_shallow;
    bool is_sha256; /* which hash names its objects                           */
} repository;

/**
 * Open the repository at @path; to be closed in any case. @err says what is wrong with it.
 *
 * @param parent  the span below which git is asked
 */
repository_state repository_open(agt_runtime *runtime, const char *path,
                                 const agt_span_context *parent, repository *self, agt_error *err);
void repository_close(repository *self);

#endif
