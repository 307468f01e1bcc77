/*
 * agent init: two files to begin with. They are the files in src/cli/starter, so that tests run
 * exactly what users get. Nothing that is there is ever overwritten: if one of them is, none is
 * written.
 */
#include "cli/text.h"
#include "cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char cli_starter_team_text[], cli_starter_script_text[];
extern const size_t cli_starter_team_size, cli_starter_script_size;

enum {
    PATH_BYTES = 4096
};

static cli_exit fail_path(const char *what, const char *path)
{
    char text[128];
    cli_complain("cannot %s %s: %s", what, path, strerror_r(errno, text, sizeof(text)));
    return CLI_CONFIG;
}

/* Write one file that is not there yet. */
static cli_exit write_file(const char *path, const char *text, size_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) {
        return fail_path("create", path);
    }
    size_t written = 0;
    while (written < size) {
        ssize_t count = write(file, text + written, size - written);
        if (count < 0 && errno != EINTR) {
            cli_exit code = fail_path("write", path);
            (void)close(file);
            (void)unlink(path);
            return code;
        }
        written += count > 0 ? (size_t)count : 0;
    }
    if (close(file) != 0) {
        return fail_path("write", path);
    }
    return CLI_OK;
}

cli_exit cli_init(const cli_arguments *arguments)
{
    const struct {
        const char *name, *text;
        size_t size;
    } files[] = {{"script.yaml", cli_starter_script_text, cli_starter_script_size},
                 {"team.yaml", cli_starter_team_text, cli_starter_team_size}};
    const size_t count = sizeof(files) / sizeof(files[0]);
    const char *folder = arguments->operand_count > 0 ? arguments->operands[0] : ".";
    char paths[2][PATH_BYTES];
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return fail_path("create the directory", folder);
    }
    for (size_t i = 0; i < count; i++) {
        int length = snprintf(paths[i], PATH_BYTES, "%s/%s", folder, files[i].name);
        if (length < 0 || length >= PATH_BYTES) {
            errno = ENAMETOOLONG;
            return fail_path("create", folder);
        }
        struct stat about;
        if (lstat(paths[i], &about) == 0) {
            cli_complain("%s is there already: nothing was written", paths[i]);
            return CLI_CONFIG;
        }
    }
    for (size_t i = 0; i < count; i++) {
        cli_exit code = write_file(paths[i], files[i].text, files[i].size);
        if (code != CLI_OK) {
            return code;
        }
    }
    if (!cli_has(arguments, CLI_OPT_QUIET)) {
        (void)printf("%s\n%s\n", paths[1], paths[0]);
        char shown[PATH_BYTES];
        cli_clean_text(shown, sizeof(shown), paths[1]);
        (void)fprintf(stderr, "Next: agent run %s \"What is in this directory?\"\n", shown);
    }
    return CLI_OK;
}
