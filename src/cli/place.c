/*
 * Where things of the command are.
 *
 * The build tree is laid out like an installed one, so the supervisor is ../libexec/agent_sdk from
 * the program in both; what the library was built with counts last. The default store follows the
 * XDG base directory specification; only its own directories are made, never those of --store.
 */
#include "cli/place.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static cli_exit fail_length(void)
{
    cli_complain("the path of the store is too long");
    return CLI_CONFIG;
}

/* Make a directory, and those above it that are missing. */
static bool make_directories(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        bool is_there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!is_there) {
            return false;
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

cli_exit cli_find_store(const cli_arguments *arguments, bool for_writing,
                        char ret_path[CLI_PATH_BYTES])
{
    if (cli_has(arguments, CLI_OPT_STORE)) {
        int length = snprintf(ret_path, CLI_PATH_BYTES, "%s", arguments->text[CLI_OPT_STORE]);
        return length < CLI_PATH_BYTES ? CLI_OK : fail_length();
    }
    const char *data = secure_getenv("XDG_DATA_HOME"), *home = secure_getenv("HOME");
    bool has_data = data != NULL && data[0] == '/';
    if (!has_data && (home == NULL || home[0] != '/')) {
        cli_complain("found neither XDG_DATA_HOME nor HOME, expected one, or --store FILE%s",
                     for_writing ? " or --no-store" : "");
        return CLI_CONFIG;
    }
    char folder[CLI_PATH_BYTES - 16];
    int length = snprintf(folder, sizeof(folder), "%s%s/agent", has_data ? data : home,
                          has_data ? "" : "/.local/share");
    if (length < 0 || (size_t)length >= sizeof(folder)) {
        return fail_length();
    }
    if (for_writing && !make_directories(folder)) {
        char text[128];
        cli_complain("cannot make the directory %s: %s (--store FILE and --no-store do without)",
                     folder, strerror_r(errno, text, sizeof(text)));
        return CLI_CONFIG;
    }
    (void)snprintf(ret_path, CLI_PATH_BYTES, "%s/agent.db", folder);
    return CLI_OK;
}

const char *cli_find_helper(char path[CLI_PATH_BYTES])
{
    static const char beside[] = "/../libexec/agent_sdk/agent-supervisor";
    const char *named = secure_getenv("AGENT_HELPER");
    if (named != NULL && *named != '\0') {
        (void)snprintf(path, CLI_PATH_BYTES, "%s", named);
        return path;
    }
    char self[CLI_PATH_BYTES - sizeof(beside)];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0) {
        return NULL;
    }
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL) {
        return NULL;
    }
    *slash = '\0';
    (void)snprintf(path, CLI_PATH_BYTES, "%s%s", self, beside);
    return access(path, X_OK) == 0 ? path : NULL;
}
