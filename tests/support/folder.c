/*
 * folder.c - a folder of its own for a test that needs files; see folder.h. A test that fails
 * leaves its folder behind, for who looks into it.
 */
#include "support/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"

char *agt_test_folder_path(const char *folder, const char *name)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

char *agt_test_folder_new(void)
{
    const char *top = getenv("TMPDIR");
    char *folder = agt_test_folder_path(top && top[0] ? top : "/tmp", "agt_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

/* A folder without write permission cannot be emptied. */
static int make_writable(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)at;
    return kind == FTW_D || kind == FTW_DNR ? chmod(path, 0700) : 0;
}

static int delete (const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void agt_test_folder_free(char *folder)
{
    if (folder) {
        (void)nftw(folder, make_writable, 16, FTW_PHYS);
        (void)nftw(folder, delete, 16, FTW_PHYS | FTW_DEPTH);
        free(folder);
    }
}
