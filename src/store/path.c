/*
 * Where a store may lie: on a local disk, in a directory that is made private if we make it, as a
 * plain file of our own.
 *
 * The directory's symbolic links are resolved here, so that SQLite can be told to follow none. The
 * file itself is never opened here if it exists: closing it again would drop the locks that another
 * connection of this process may hold on it (POSIX locks are like that).
 */
#include "store/path.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char origin[] = "store";

/* Magic numbers of network file systems (statfs(2), linux/magic.h). Locks and shared memory mapped
 * from them are not shared with other machines, which SQLite's log relies on. */
static const unsigned long networks[] = {
    0x6969,     /* NFS */
    0x517B,     /* SMB */
    0xFE534D42, /* SMB 2 */
    0xFF534D42, /* CIFS */
    0x5346414F, /* AFS */
    0x6B414653, /* AFS, the kernel's */
    0x73757245, /* Coda */
    0x564C,     /* NCP */
    0x00C36400, /* Ceph */
    0x0BD00BD0, /* Lustre */
    0x47504653, /* GPFS */
};

bool agt__store_is_network(long magic)
{
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        if (((unsigned long)magic & 0xFFFFFFFFu) == networks[i]) {
            return true;
        }
    }
    return false;
}

static agt_status check_file_system(const char *directory, const char *path, agt_error *err)
{
    struct statfs info;
    if (statfs(directory, &info) != 0) {
        return agt__error_set_errno(err, AGT_E_IO, origin, errno, "store %s cannot be used", path);
    }
    if (agt__store_is_network((long)info.f_type)) {
        return agt__error_set(
            err, AGT_E_UNSUPPORTED, origin,
            "store %s is on a network file system, where a store would be damaged; "
            "use a path on a local disk",
            path);
    }
    return AGT_OK;
}

/* Make @directory and what is missing above it. It is changed while that goes on. */
static agt_status make_directories(char *directory, agt_error *err)
{
    for (char *at = directory + 1;; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char here = *at;
        *at = '\0';
        int result = mkdir(directory, 0700);
        int error = errno;
        if (result != 0 && error != EEXIST && error != EISDIR) {
            /* A directory above may refuse what it does not need to do. */
            struct stat info;
            if (stat(directory, &info) != 0 || !S_ISDIR(info.st_mode)) {
                return agt__error_set_errno(err, AGT_E_IO, origin, error,
                                            "cannot make the directory %s of the store", directory);
            }
        }
        *at = here;
        if (here == '\0') {
            return AGT_OK;
        }
    }
}

static agt_status make_file(const char *path, agt_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) {
        return agt__error_set_errno(err, AGT_E_IO, origin, errno, "cannot make the store %s", path);
    }
    if (fd >= 0) {
        (void)close(fd); /* nobody can have locked what did not exist */
    }
    return AGT_OK;
}

static agt_status check_file(const char *path, bool trusted_only, agt_error *err)
{
    struct stat info;
    int result = trusted_only ? lstat(path, &info) : stat(path, &info);
    if (result != 0) {
        return agt__error_set_errno(err, errno == ENOENT ? AGT_E_NOT_FOUND : AGT_E_IO, origin,
                                    errno, "store %s cannot be opened", path);
    }
    if (trusted_only && S_ISLNK(info.st_mode)) {
        return agt__error_set(err, AGT_E_DENIED, origin,
                              "store %s is a symbolic link; name the file itself", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return agt__error_set(err, AGT_E_SYNTAX, origin, "%s is no store: it is no file", path);
    }
    if (trusted_only && info.st_uid != geteuid()) {
        return agt__error_set(err, AGT_E_DENIED, origin,
                              "store %s belongs to somebody else; use another path", path);
    }
    return AGT_OK;
}

/* Split @path, resolve the directory and put both together again. */
static agt_status resolve(const agt_allocator *allocator, const char *path, bool create,
                          char directory[PATH_MAX], char **ret_path, agt_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *given = agt__strndup(allocator, length > 0 ? path : ".", length > 0 ? length : 1);
    if (given == NULL) {
        return agt__error_nomem(err, origin);
    }
    agt_status status = create ? make_directories(given, err) : AGT_OK;
    if (status == AGT_OK && realpath(given, directory) == NULL) {
        status = agt__error_set_errno(err, errno == ENOENT ? AGT_E_NOT_FOUND : AGT_E_IO, origin,
                                      errno, "store %s cannot be opened", path);
    }
    agt__free(allocator, given);
    if (status != AGT_OK) {
        return status;
    }
    length = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    size_t name_size = strlen(name) + 1;
    char *whole = agt__alloc(allocator, length + 1 + name_size);
    if (whole == NULL) {
        return agt__error_nomem(err, origin);
    }
    memcpy(whole, directory, length);
    whole[length] = '/';
    memcpy(whole + length + 1, name, name_size);
    *ret_path = whole;
    return AGT_OK;
}

agt_status agt__store_path(const agt_allocator *allocator, const char *path, bool create,
                           char **ret_path, agt_error *err)
{
    size_t length = path != NULL ? strlen(path) : 0;
    if (length == 0 || path[length - 1] == '/') {
        return agt__error_set(err, AGT_E_INVALID, origin, "\"%s\" names no file for a store",
                              path != NULL ? path : "");
    }
    char directory[PATH_MAX];
    char *whole = NULL;
    agt_status status = resolve(allocator, path, create, directory, &whole, err);
    if (status == AGT_OK) {
        status = check_file_system(directory, whole, err);
    }
    if (status == AGT_OK && create) {
        status = make_file(whole, err);
    }
    if (status == AGT_OK) {
        status = check_file(whole, create, err);
    }
    if (status != AGT_OK) {
        agt__free(allocator, whole);
        return status;
    }
    *ret_path = whole;
    return AGT_OK;
}
