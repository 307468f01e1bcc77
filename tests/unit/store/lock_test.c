/*
 * The writer's lock: between stores of one process, between processes, and when its holder dies.
 */
#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/folder.h"
#include "support/stores.h"
#include "support/test.h"

static char *folder, *path;

static int set_up(void **state)
{
    (void)state;
    folder = agt_test_folder_new();
    path = agt_test_folder_path(folder, "store.db");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(path);
    agt_test_folder_free(folder);
    return 0;
}

static void test_two_stores_of_one_process(void **state)
{
    (void)state;
    agt_store *first = agt_test_store_open_writer(path);
    agt_store *second = agt_test_store_open_writer(path);
    agt__store_set_lock_timeout(second, 0);
    agt_test_store_begin(first);
    agt_error err = {.message = ""};
    assert_int_equal(agt__store_begin(second, &err), AGT_E_BUSY);
    assert_non_null(strstr(err.message, "store.db is being written by another process"));
    agt_test_store_commit(first);
    agt_test_store_begin(second);
    agt__store_set_lock_timeout(first, 0);
    assert_int_equal(agt__store_begin(first, &err), AGT_E_BUSY);
    agt__store_rollback(second);
    agt_test_store_begin(first);
    agt_store_free(first); /* in the middle of a transaction: it is rolled back */
    agt_test_store_begin(second);
    agt_test_store_commit(second);
    agt_store_free(second);
}

static void test_closing_while_another_writes(void **state)
{
    (void)state;
    agt_store *first = agt_test_store_open_writer(path);
    agt_store *second = agt_test_store_open_writer(path);
    agt_test_store_begin(first);
    agt_test_store_put_run(first, agt_test_run("kept", 1, 1, 2));
    agt_store_free(second); /* leaves the log alone */
    agt_test_store_commit(first);
    agt_store_free(first);
    agt_store *reader = NULL;
    agt_value *run = NULL;
    assert_int_equal(agt_store_open(NULL, path, &reader, NULL), AGT_OK);
    assert_int_equal(agt_store_get_run(reader, "kept", &run, NULL), AGT_OK);
    agt_value_unref(run);
    agt_store_free(reader);
}

static void test_what_is_no_lock(void **state)
{
    (void)state;
    char *linked = agt_test_folder_path(folder, "linked.db");
    char *lock = agt_test_folder_path(folder, "linked.db-lock");
    assert_int_equal(symlink("store.db", lock), 0);
    agt_store *store = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(agt__store_open_writer(NULL, linked, &store, &err), AGT_E_DENIED);
    assert_non_null(strstr(err.message, "linked.db-lock"));
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(mkfifo(lock, 0600), 0); /* must not block either */
    assert_int_equal(agt__store_open_writer(NULL, linked, &store, &err), AGT_E_DENIED);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(mkdir(lock, 0700), 0);
    assert_int_equal(agt__store_open_writer(NULL, linked, &store, &err), AGT_E_IO);
    assert_null(store);
    free(lock);
    free(linked);
}

/* ---- another process ----------------------------------------------------------------------------
 */

/* Begin a transaction, write a run that must not stay, say so, and wait to be killed. */
static void hold(int said)
{
    agt_store *store = NULL;
    agt__store_run run = agt_test_run("never committed", 1, 1, 2);
    char ok = agt__store_open_writer(NULL, path, &store, NULL) == AGT_OK &&
              agt__store_begin(store, NULL) == AGT_OK &&
              agt__store_put_run(store, &run, NULL) == AGT_OK;
    if (write(said, &ok, 1) == 1) {
        (void)pause();
    }
    _exit(1);
}

static void test_the_lock_dies_with_its_holder(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        hold(ends[1]);
    }
    char ok = 0;
    assert_int_equal(read(ends[0], &ok, 1), 1);
    assert_int_equal(ok, 1);
    agt__store_set_lock_timeout(store, 0);
    assert_int_equal(agt__store_begin(store, NULL), AGT_E_BUSY);

    agt_store *reader = NULL; /* who reads does not wait */
    agt_value *value = NULL;
    assert_int_equal(agt_store_open(NULL, path, &reader, NULL), AGT_OK);
    assert_int_equal(agt_store_list_runs(reader, 0, &value, NULL), AGT_OK);
    agt_value_unref(value);

    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("after", 1, 1, 2));
    agt_test_store_commit(store);
    assert_int_equal(agt_store_get_run(reader, "never committed", &value, NULL), AGT_E_NOT_FOUND);
    assert_int_equal(agt_store_get_run(reader, "after", &value, NULL), AGT_OK);
    agt_value_unref(value);
    agt_store_free(reader);
    agt_store_free(store);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* ---- interrupting -------------------------------------------------------------------------------
 */

static void *wait_for_lock(void *arg)
{
    agt_error err;
    return agt__store_begin(arg, &err) == AGT_E_CANCELLED ? arg : NULL;
}

static void test_interrupting(void **state)
{
    (void)state;
    agt_store *holder = agt_test_store_open_writer(path);
    agt_store *waiter = agt_test_store_open_writer(path);
    agt__store_set_lock_timeout(waiter, 600000);
    agt_test_store_begin(holder);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_lock, waiter), 0);
    agt__store_interrupt(waiter);
    void *result = NULL;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, waiter);
    agt_test_store_commit(holder);
    agt_store_free(waiter);
    agt_store_free(holder);
}

/* ---- several writers and a reader ---------------------------------------------------------------
 */

enum {
    WRITERS = 3,
    BATCHES = 40,
    LINES_PER_BATCH = 4
};

/* Each batch is a run and its lines: a reader sees all of it or nothing. */
static int write_batches(uint8_t writer)
{
    agt_store *store = NULL;
    if (agt__store_open_writer(NULL, path, &store, NULL) != AGT_OK) {
        return 1;
    }
    agt__store_set_lock_timeout(store, 600000);
    for (int i = 0; i < BATCHES; i++) {
        agt_cost_entry line = agt_test_cost(writer, "anna", 1, 1);
        if (agt__store_begin(store, NULL) != AGT_OK) {
            return 2;
        }
        for (int j = 0; j < LINES_PER_BATCH; j++) {
            if (agt__store_put_cost(store, &line, NULL) != AGT_OK) {
                return 3;
            }
        }
        if (agt__store_commit(store, NULL) != AGT_OK) {
            return 4;
        }
    }
    agt_store_free(store);
    return 0;
}

static int64_t count_lines(agt_store *reader)
{
    agt_value *groups = NULL;
    int64_t calls = 0;
    agt_error err = {.message = ""};
    if (agt_store_get_costs(reader, AGT_STORE_BY_AGENT, NULL, 0, &groups, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    if (agt_value_get_count(groups) > 0) {
        assert_int_equal(agt_value_get_int64(
                             agt_value_get_member(agt_value_get_item(groups, 0), "calls"), &calls),
                         AGT_OK);
    }
    agt_value_unref(groups);
    return calls;
}

static void check_integrity(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_several_writers(void **state)
{
    (void)state;
    agt_store_free(agt_test_store_open_writer(path));
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            _exit(write_batches((uint8_t)(i + 1)));
        }
    }
    agt_store *reader = NULL;
    assert_int_equal(agt_store_open(NULL, path, &reader, NULL), AGT_OK);
    int64_t seen = 0;
    for (int left = WRITERS; left > 0;) {
        int64_t lines = count_lines(reader);
        assert_true(lines >= seen);
        assert_int_equal(lines % LINES_PER_BATCH, 0);
        seen = lines;
        int status = 0;
        pid_t child = waitpid(-1, &status, WNOHANG);
        assert_true(child >= 0);
        if (child > 0) {
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
            left--;
        }
    }
    assert_int_equal(count_lines(reader), WRITERS * BATCHES * LINES_PER_BATCH);
    agt_store_free(reader);
    check_integrity();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_stores_of_one_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_while_another_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_lock_dies_with_its_holder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_writers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
