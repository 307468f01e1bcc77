/*
 * Opening the repository under review.
 *
 * Six questions are asked in the repository itself, at once; none of them looks at the index, the
 * work tree or an attribute, so none can be made to run anything. The answers make a Git directory
 * of our own: four small files. Git reads its configuration there, and the objects where they are.
 */
#include "repository.h"

#include "git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SHALLOW_BYTES_MAX = 16 * 1024 * 1024
};

/* In the order of the questions below. */
enum {
    ASK_KIND,
    ASK_COMMIT,
    ASK_OBJECTS,
    ASK_REFLOG,
    ASK_SHALLOW,
    ASK_CHANGES,
    ASK_COUNT
};

static const char *const names[ASK_COUNT] = {"git_kind",   "git_head",    "git_objects",
                                             "git_reflog", "git_shallow", "git_count"};

#define ABSOLUTE "rev-parse", "--path-format=absolute", "--git-path"
static const char *const questions[ASK_COUNT][8] = {
    [ASK_KIND] = {"rev-parse", "--is-bare-repository", "--is-shallow-repository",
                  "--show-object-format", "--show-prefix"},
    [ASK_COMMIT] = {"rev-parse", "--verify", "--quiet", "HEAD^0"},
    [ASK_OBJECTS] = {ABSOLUTE, "objects"},
    [ASK_REFLOG] = {ABSOLUTE, "logs/HEAD"},
    [ASK_SHALLOW] = {ABSOLUTE, "shallow"},
    [ASK_CHANGES] = {"rev-list", "--count", "--no-merges", GIT_NEWEST(GIT_CHANGES_MAX), "HEAD",
                     "--"},
};

static repository_state fail(repository_state state, agt_error *err, const char *what,
                             const char *why)
{
    *err = (agt_error){.status = AGT_E_INVALID};
    snprintf(err->message, sizeof(err->message), "%.200s: %.190s", what, why);
    return state;
}

/* Ask all questions of the repository at @path at once. */
static agt_status ask(agt_runtime *runtime, const char *path, const agt_span_context *parent,
                      agt_results **ret_results, agt_error *err)
{
    agt_executor *executor = NULL;
    agt_graph *graph = NULL;
    const git_place place = {.cwd = path};
    const agt_graph_config config = AGT_CONFIG(agt_graph_config, .name = "open repository");
    agt_status status = agt_executor_new(runtime, NULL, &executor, err);
    if (status == AGT_OK) {
        status = agt_graph_new(executor, &config, &graph, err);
    }
    for (size_t i = 0; status == AGT_OK && i < ASK_COUNT; i++) {
        agt_call_id call = 0;
        status = git_register(executor, names[i], questions[i], &place, err);
        if (status == AGT_OK) {
            status = agt_graph_add_call(graph, names[i], NULL, NULL, &call, err);
        }
    }
    if (status == AGT_OK) {
        const agt_call_options options = AGT_CONFIG(agt_call_options, .parent = parent);
        status = agt_graph_run(graph, &options, ret_results, err);
    }
    agt_graph_unref(graph);
    agt_executor_unref(executor);
    return status;
}

/* The answer to a question without the end of its line; NULL if there is none, or no memory. */
static char *copy_answer(const agt_results *results, size_t question)
{
    piece answer = piece_of_value(agt_results_get_output(results, question));
    if (answer.length == 0) {
        return NULL;
    }
    return strndup(answer.bytes, answer.length - 1);
}

/* The number that is the answer to a question; 0 if there is none. */
static unsigned read_count(const agt_results *results, size_t question)
{
    piece rest = piece_of_value(agt_results_get_output(results, question)), line = {0};
    int64_t number = 0;
    return take_line(&rest, &line) && to_number(line, &number) && number <= GIT_CHANGES_MAX
               ? (unsigned)number
               : 0;
}

/* ---- a Git directory of our own -------------------------------------------------------------- */

static bool write_file(int folder, const char *name, const void *bytes, size_t size)
{
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return false;
    }
    bool is_written = write(file, bytes, size) == (ssize_t)size;
    return close(file) == 0 && is_written;
}

/* Which commits have parents that are not there. A file of the repository: read with care. */
static bool copy_shallow(int folder, const char *path)
{
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat about;
    if (file < 0) {
        return false;
    }
    bool is_copied = false;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size <= SHALLOW_BYTES_MAX) {
        size_t size = (size_t)about.st_size;
        char *bytes = malloc(size + 1);
        is_copied = bytes != NULL && read(file, bytes, size) == (ssize_t)size &&
                    write_file(folder, "shallow", bytes, size);
        free(bytes);
    }
    (void)close(file);
    return is_copied;
}

static const char config_sha1[] = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
static const char config_sha256[] = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
                                    "[extensions]\n\tobjectformat = sha256\n";
static const char head[] = "ref: refs/heads/none\n";

static bool make_folder(repository *self, const char *shallow)
{
    const char *parent = getenv("TMPDIR");
    if (asprintf(&self->folder, "%s/repo_review.XXXXXX", parent != NULL ? parent : "/tmp") < 0) {
        self->folder = NULL;
        return false;
    }
    if (mkdtemp(self->folder) == NULL) {
        free(self->folder);
        self->folder = NULL;
        return false;
    }
    int folder = open(self->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return false;
    }
    const char *config = self->is_sha256 ? config_sha256 : config_sha1;
    bool is_made = mkdirat(folder, "refs", 0700) == 0 &&
                   write_file(folder, "HEAD", head, strlen(head)) &&
                   write_file(folder, "config", config, strlen(config)) &&
                   (!self->is_shallow || copy_shallow(folder, shallow));
    (void)close(folder);
    return is_made;
}

static void remove_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        (void)unlinkat(folder, "HEAD", 0);
        (void)unlinkat(folder, "config", 0);
        (void)unlinkat(folder, "shallow", 0);
        (void)unlinkat(folder, "refs", AT_REMOVEDIR);
        (void)close(folder);
    }
    (void)rmdir(path);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Git has refused to answer a question. Its words are known: it is asked without translations. */
static repository_state explain(const agt_results *results, size_t question, const char *expected,
                                repository_state state, const char *meaning, const char *path,
                                agt_error *err)
{
    agt_error why = {0};
    (void)!agt_results_get_error(results, question, &why);
    if (strstr(why.message, expected) != NULL) {
        return fail(state, err, path, meaning);
    }
    const char *words = strstr(why.message, "fatal: "); /* a configuration that is wrong, say */
    return words != NULL ? fail(REPOSITORY_FAILED, err, path, words + strlen("fatal: "))
                         : fail(REPOSITORY_FAILED, err, "cannot ask git", why.message);
}

/* What the answers say. */
static repository_state read_answers(const agt_results *results, repository *self, agt_error *err)
{
    if (agt_results_get_outcome(results, ASK_KIND) != AGT_OUTCOME_OK) {
        return explain(results, ASK_KIND, "not a git repository", REPOSITORY_NONE,
                       "not a Git repository", self->path, err);
    }
    piece rest = piece_of_value(agt_results_get_output(results, ASK_KIND));
    piece bare = {0}, shallow = {0}, format = {0}, prefix = {0};
    if (!take_line(&rest, &bare) || !take_line(&rest, &shallow) || !take_line(&rest, &format)) {
        return fail(REPOSITORY_FAILED, err, self->path,
                    "git does not answer as version 2.31 and later do");
    }
    if (take_line(&rest, &prefix) && prefix.length > 0) {
        return fail(REPOSITORY_NONE, err, self->path, "not a Git repository; it only lies in one");
    }
    self->is_bare = starts_with(bare, "true");
    self->is_shallow = starts_with(shallow, "true");
    self->is_sha256 = starts_with(format, "sha256");
    self->commit = copy_answer(results, ASK_COMMIT);
    self->objects = copy_answer(results, ASK_OBJECTS);
    self->reflog = copy_answer(results, ASK_REFLOG);
    self->changes = read_count(results, ASK_CHANGES);
    if (self->commit == NULL) {
        return explain(results, ASK_CHANGES, "bad revision", REPOSITORY_EMPTY,
                       "HEAD has no commit yet, nothing to review", self->path, err);
    }
    if (self->objects == NULL || self->reflog == NULL) {
        return fail(REPOSITORY_FAILED, err, self->path, "git does not tell where its objects are");
    }
    return REPOSITORY_OK;
}

repository_state repository_open(agt_runtime *runtime, const char *path,
                                 const agt_span_context *parent, repository *self, agt_error *err)
{
    struct stat about;
    agt_results *results = NULL;
    *self = (repository){.path = realpath(path, NULL)};
    if (self->path == NULL) {
        return fail(REPOSITORY_NONE, err, path,
                    errno == ENOENT ? "no such directory" : strerror(errno));
    }
    if (stat(self->path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        return fail(REPOSITORY_NONE, err, path, "not a directory");
    }
    if (access(self->path, R_OK | X_OK) != 0) {
        return fail(REPOSITORY_NONE, err, path, strerror(errno));
    }
    self->name = strrchr(self->path, '/') + 1;
    if (ask(runtime, self->path, parent, &results, err) != AGT_OK) {
        return REPOSITORY_FAILED;
    }
    repository_state state = read_answers(results, self, err);
    char *shallow = copy_answer(results, ASK_SHALLOW);
    agt_results_unref(results);
    if (state == REPOSITORY_OK && !make_folder(self, shallow != NULL ? shallow : "")) {
        state = fail(REPOSITORY_FAILED, err, "cannot make a directory for temporary files",
                     strerror(errno));
    }
    free(shallow);
    return state;
}

void repository_close(repository *self)
{
    if (self->folder != NULL) {
        remove_folder(self->folder);
    }
    free(self->path);
    free(self->commit);
    free(self->objects);
    free(self->reflog);
    free(self->folder);
    *self = (repository){0};
}
