/*
 * Opening stores: new ones, those of other programs and versions, damaged ones, read-only folders;
 * what stays behind when they are closed.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/folder.h"
#include "support/stores.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

static char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = agt_test_folder_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    agt_test_folder_free(folder);
    return 0;
}

static bool exists(const char *name)
{
    char *path = agt_test_folder_path(folder, name);
    struct stat info;
    bool is_there = lstat(path, &info) == 0;
    free(path);
    return is_there;
}

/* A database of another program. */
static void make_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void check_message(const char *name, agt_status status, agt_status wanted,
                          const agt_error *err, const char *text)
{
    if (status != wanted ||
        (wanted != AGT_OK && (!strstr(err->message, text) || !strstr(err->message, name)))) {
        fail_msg("%s: %s \"%s\"", name, agt_status_get_name(status), err->message);
    }
}

/* What opening `name` answers; messages have to name the file and `text`. */
static void check_reader(const char *name, agt_status wanted, const char *text)
{
    char *path = agt_test_folder_path(folder, name);
    agt_store *store = NULL;
    agt_error err = {.message = ""};
    agt_status status = agt_store_open(NULL, path, &store, &err);
    check_message(name, status, wanted, &err, text);
    agt_store_free(store);
    free(path);
}

static void check_writer(const char *name, agt_status wanted, const char *text)
{
    char *path = agt_test_folder_path(folder, name);
    agt_store *store = NULL;
    agt_error err = {.message = ""};
    agt_status status = agt__store_open_writer(NULL, path, &store, &err);
    check_message(name, status, wanted, &err, text);
    agt_store_free(store);
    free(path);
}

static void test_a_new_store(void **state)
{
    (void)state;
    check_reader("new.db", AGT_E_NOT_FOUND, "");
    check_writer("new.db", AGT_OK, "");
    check_reader("new.db", AGT_OK, "");
    check_writer("new.db", AGT_OK, ""); /* again */

    /* One file, and the one that is locked; the log is gone once nobody uses it. */
    char *path = agt_test_folder_path(folder, "closed.db");
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("run", 1, 1, 2));
    agt_test_store_commit(store);
    assert_true(exists("closed.db-wal"));
    agt_store_free(store);
    assert_true(exists("closed.db"));
    assert_true(exists("closed.db-lock"));
    assert_false(exists("closed.db-wal"));
    assert_false(exists("closed.db-shm"));
    free(path);
    agt_store_free(NULL);
}

static void test_all_files_are_private(void **state)
{
    (void)state;
    char *path = agt_test_folder_path(folder, "private.db");
    mode_t before = umask(0);
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("run", 1, 1, 2));
    agt_test_store_commit(store);
    static const char *const names[] = {"private.db", "private.db-wal", "private.db-shm",
                                        "private.db-lock"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *file = agt_test_folder_path(folder, names[i]);
        struct stat info;
        assert_int_equal(stat(file, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        free(file);
    }
    agt_store_free(store);
    (void)umask(before);
    free(path);
}

static void test_what_is_no_store(void **state)
{
    (void)state;
    char *path = agt_test_folder_path(folder, "empty.db");
    write_file(path, "", 0);
    check_reader("empty.db", AGT_E_NOT_FOUND, "nothing was written");
    check_writer("empty.db", AGT_OK, "");
    check_reader("empty.db", AGT_OK, "");
    free(path);

    path = agt_test_folder_path(folder, "letter.txt");
    static const char text[] =
        "Dear reader, this is a letter. It is long enough to be mistaken for "
        "the header of a database, but it is a letter all the same. Yours.";
    write_file(path, text, sizeof(text));
    check_reader("letter.txt", AGT_E_SYNTAX, "no SQLite database");
    check_writer("letter.txt", AGT_E_SYNTAX, "no SQLite database");
    free(path);

    path = agt_test_folder_path(folder, "other.db");
    make_database(path, "CREATE TABLE run (id); PRAGMA user_version = 1");
    check_reader("other.db", AGT_E_SYNTAX, "another program");
    check_writer("other.db", AGT_E_SYNTAX, "another program");
    assert_false(exists("other.db-wal")); /* it was left as it was */
    assert_false(exists("other.db-lock"));
    free(path);

    check_writer("directory/", AGT_E_INVALID, "names no file");
}

static void test_a_newer_store(void **state)
{
    (void)state;
    char *path = agt_test_folder_path(folder, "newer.db");
    check_writer("newer.db", AGT_OK, "");
    make_database(path, "PRAGMA user_version = 7");
    check_reader("newer.db", AGT_E_VERSION, "version 7; agent_sdk " AGT_VERSION_STRING);
    check_writer("newer.db", AGT_E_VERSION, "versions up to 3");
    free(path);
}

static void test_another_journal(void **state)
{
    (void)state;
    char *path = agt_test_folder_path(folder, "journal.db");
    check_writer("journal.db", AGT_OK, "");
    make_database(path, "PRAGMA journal_mode = DELETE");
    check_reader("journal.db", AGT_OK, "");
    agt_store *store = agt_test_store_open_writer(path); /* puts that right */
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("run", 1, 1, 2));
    agt_test_store_commit(store);
    assert_true(exists("journal.db-wal"));
    agt_store_free(store);
    free(path);
}

static void test_a_damaged_store(void **state)
{
    (void)state;
    char *path = agt_test_folder_path(folder, "damaged.db");
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    for (int i = 0; i < 200; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "run %d", i);
        agt_test_store_put_run(store, agt_test_run(id, 1, 1, 2));
        agt_test_store_put_span(store, agt_test_span(1, 1, 0, 1, 2));
    }
    agt_test_store_commit(store);
    agt_store_free(store);

    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char garbage[4096];
    memset(garbage, 0xA7, sizeof(garbage));
    for (off_t at = 4096; at < info.st_size; at += 4096) { /* all but the first page */
        assert_int_equal(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
    }
    assert_int_equal(close(fd), 0);
    assert_int_equal(agt_store_open(NULL, path, &store, NULL), AGT_OK);
    agt_value *value = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(agt_store_list_runs(store, 0, &value, &err), AGT_E_SYNTAX);
    assert_non_null(strstr(err.message, "damaged.db is damaged"));
    assert_int_equal(agt_store_get_run(store, "last", &value, &err), AGT_E_SYNTAX);
    assert_int_equal(agt_store_get_costs(store, AGT_STORE_BY_DAY, NULL, 0, &value, &err),
                     AGT_E_SYNTAX);
    assert_null(value);
    agt_store_free(store);
    free(path);
}

/* ---- where nothing can be written ---------------------------------------------------------------
 */

/* Exit status 0 if everything is as it should be. Runs as somebody who is bound by permissions. */
static int try_read_only(const char *path, const char *absent)
{
    agt_store *store = NULL;
    agt_value *runs = NULL;
    agt_error err = {.message = ""};
    if (agt__store_open_writer(NULL, path, &store, &err) != AGT_E_IO ||
        !strstr(err.message, "readonly.db") || !strstr(err.message, "cannot be written")) {
        return 1;
    }
    if (agt__store_open_writer(NULL, absent, &store, &err) != AGT_E_IO ||
        !strstr(err.message, "absent.db") || err.cause != EACCES) {
        return 2;
    }
    if (agt_store_open(NULL, path, &store, &err) != AGT_OK ||
        agt_store_list_runs(store, 0, &runs, &err) != AGT_OK || agt_value_get_count(runs) != 1) {
        return 3;
    }
    agt_value_unref(runs);
    agt_store_free(store);
    return 0;
}

static void test_a_read_only_folder(void **state)
{
    (void)state;
    /* A name that has to be written differently in a URI. */
    char *inner = agt_test_folder_path(folder, "read%only?#1");
    char *path = agt_test_folder_path(inner, "readonly.db");
    char *absent = agt_test_folder_path(inner, "absent.db");
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("run", 1, 1, 2));
    agt_test_store_commit(store);
    agt_store_free(store);
    char *lock = agt_test_folder_path(inner, "readonly.db-lock");
    assert_int_equal(unlink(lock), 0);
    free(lock);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 &&
            (chmod(folder, 0711) != 0 || chown(inner, 65534, 65534) != 0 ||
             chown(path, 65534, 65534) != 0 || setresgid(65534, 65534, 65534) != 0 ||
             setresuid(65534, 65534, 65534) != 0)) {
            _exit(100);
        }
        if (chmod(path, 0400) != 0 || chmod(inner, 0500) != 0) {
            _exit(101);
        }
        int result = try_read_only(path, absent);
        free(path);
        free(absent);
        free(inner);
        _exit(result);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    free(path);
    free(absent);
    free(inner);
}

/* ---- out of memory ------------------------------------------------------------------------------
 */

static void use_store(const agt_allocator *allocator, void *ctx)
{
    const char *path = ctx;
    agt_store *store = NULL;
    agt_status status = agt__store_open_writer(allocator, path, &store, NULL);
    if (status == AGT_OK) {
        status = agt__store_begin(store, NULL);
        assert_int_equal(status, AGT_OK);
        agt__store_run run = agt_test_run("run", 1, 1, 2);
        run.name = "not \xFF UTF-8";
        agt__store_span span = agt_test_span(1, 1, 0, 1, 2);
        span.attributes = agt_value_empty_object();
        agt_cost_entry cost = agt_test_cost(1, "anna", 1, 1);
        agt_status last = agt__store_put_run(store, &run, NULL);
        if (last == AGT_OK) {
            last = agt__store_put_span(store, &span, NULL);
        }
        if (last == AGT_OK) {
            last = agt__store_put_cost(store, &cost, NULL);
        }
        assert_true(last == AGT_OK || last == AGT_E_NOMEM);
        if (last == AGT_OK) {
            assert_int_equal(agt__store_commit(store, NULL), AGT_OK);
        }
        agt_store_free(store);
    } else {
        assert_int_equal(status, AGT_E_NOMEM);
    }
    status = agt_store_open(allocator, path, &store, NULL);
    if (status == AGT_OK) {
        agt_value *values[3] = {NULL, NULL, NULL};
        agt_status results[3] = {
            agt_store_list_runs(store, 0, &values[0], NULL),
            agt_store_get_run(store, "run", &values[1], NULL),
            agt_store_get_costs(store, AGT_STORE_BY_MODEL, "last", 0, &values[2], NULL)};
        for (int i = 0; i < 3; i++) {
            assert_true(results[i] == AGT_OK || results[i] == AGT_E_NOMEM);
            agt_value_unref(values[i]);
        }
        agt_store_free(store);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    char *path = agt_test_folder_path(folder, "memory.db");
    agt_store *store = agt_test_store_open_writer(path); /* there is a run to be found */
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("run", 1, 1, 2));
    agt_test_store_put_span(store, agt_test_span(1, 1, 0, 1, 2));
    agt_test_store_put_cost(store, agt_test_cost(1, "anna", 1, 1));
    agt_test_store_commit(store);
    agt_store_free(store);
    agt_test_torture(use_store, path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_store),        cmocka_unit_test(test_all_files_are_private),
        cmocka_unit_test(test_what_is_no_store),   cmocka_unit_test(test_a_newer_store),
        cmocka_unit_test(test_another_journal),    cmocka_unit_test(test_a_damaged_store),
        cmocka_unit_test(test_a_read_only_folder), cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
