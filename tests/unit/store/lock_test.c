/*
 * The writer's lock: between stores of one process, between processes, and when its holder dies;
 * and what becomes of runs whose writer dies, really, by a signal.
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

/* ---- runs whose writer dies ---------------------------------------------------------------------
 */

/* The status of a run, for somebody who looks at it now. */
static void check_status(const char *id, const char *wanted)
{
    agt_store *reader = NULL;
    agt_value *run = NULL, *runs = NULL;
    agt_error err = {.message = ""};
    if (agt_store_open(NULL, path, &reader, &err) != AGT_OK ||
        agt_store_get_run(reader, id, &run, &err) != AGT_OK ||
        agt_store_list_runs(reader, 0, &runs, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(agt_value_get_string(agt_value_get_member(run, "status"), NULL), wanted);
    for (size_t i = 0; i < agt_value_get_count(runs); i++) {
        const agt_value *listed = agt_value_get_item(runs, i);
        if (strcmp(agt_value_get_string(agt_value_get_member(listed, "id"), NULL), id) == 0) {
            assert_string_equal(agt_value_get_string(agt_value_get_member(listed, "status"), NULL),
                                wanted);
        }
    }
    agt_value_unref(run);
    agt_value_unref(runs);
    agt_store_free(reader);
}

static void put_run(agt_store *store, const char *id, uint8_t trace, uint64_t end)
{
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run(id, trace, 1, end));
    agt_test_store_commit(store);
}

static void say(int end)
{
    char byte = 1;
    if (write(end, &byte, 1) != 1) {
        _exit(1);
    }
}

static void hear(int end)
{
    char byte = 0;
    assert_int_equal(read(end, &byte, 1), 1);
}

static void kill_and_wait(pid_t child)
{
    int status = 0;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void test_runs_of_living_writers(void **state)
{
    (void)state;
    agt_store *first = agt_test_store_open_writer(path);
    agt_store *second = agt_test_store_open_writer(path);
    put_run(first, "one", 1, 0);
    put_run(second, "two", 2, 0);
    check_status("one", "running");
    check_status("two", "running");
    put_run(first, "one", 1, 9);
    agt_store_free(first);
    check_status("one", "ok");
    check_status("two", "running");
    agt_store_free(second); /* without having ended its run */
    check_status("two", "lost");

    /* Who comes later gets a number of its own. */
    agt_store *third = agt_test_store_open_writer(path);
    put_run(third, "three", 3, 0);
    check_status("two", "lost");
    check_status("three", "running");
    agt_store_free(third);
}

static void test_a_run_whose_process_is_killed(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        agt_store *store = agt_test_store_open_writer(path);
        agt_cost_entry line = agt_test_cost(1, "anna", 77, 1);
        agt__store_span span = agt_test_span(1, 2, 1, 5, 0);
        put_run(store, "killed", 1, 0);
        put_run(store, "done", 2, 3);
        agt_test_store_begin(store);
        agt_test_store_put_cost(store, line);
        if (agt__store_put_open_span(store, &span, NULL) != AGT_OK) {
            _exit(1);
        }
        agt_test_store_commit(store);
        say(ends[1]);
        (void)pause();
        _exit(1);
    }
    hear(ends[0]);
    check_status("killed", "running");
    kill_and_wait(child);
    check_status("killed", "lost");
    check_status("done", "ok");

    agt_store *reader = NULL;
    agt_value *run = NULL;
    int64_t number = 0;
    assert_int_equal(agt_store_open(NULL, path, &reader, NULL), AGT_OK);
    assert_int_equal(agt_store_get_run(reader, "killed", &run, NULL), AGT_OK);
    assert_int_equal(agt_value_get_int64(agt_value_get_member(run, "cost_nanousd"), &number),
                     AGT_OK);
    assert_int_equal(number, 77); /* what it had cost counts */
    const agt_value *span = agt_value_get_item(agt_value_get_member(run, "spans"), 0);
    assert_string_equal(agt_value_get_string(agt_value_get_member(span, "name"), NULL), "span");
    assert_int_equal(agt_value_get_kind(agt_value_get_member(span, "end_unix_ns")), AGT_VALUE_NULL);
    agt_value_unref(run);
    agt_store_free(reader);

    /* The next writer is no reason to think that the dead one is back. */
    agt_store *store = agt_test_store_open_writer(path);
    put_run(store, "next", 3, 0);
    check_status("killed", "lost");
    check_status("next", "running");
    agt_store_free(store);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* A child that forked goes on living with all that it shares with its parent. */
static void test_a_forked_child_keeps_nothing_alive(void **state)
{
    (void)state;
    int said[2], held[2];
    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(held), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        agt_store *store = agt_test_store_open_writer(path);
        put_run(store, "parent", 1, 0);
        agt_test_store_begin(store); /* the writer's lock too is shared by fork() */
        (void)close(held[1]);
        if (fork() == 0) {
            char byte;
            say(said[1]);
            _exit(read(held[0], &byte, 1) == 0 ? 0 : 1); /* until the test lets go */
        }
        (void)pause();
        _exit(1);
    }
    hear(said[0]);
    check_status("parent", "running");
    kill_and_wait(child);
    check_status("parent", "lost");
    agt_store *store = agt_test_store_open_writer(path);
    agt__store_set_lock_timeout(store, 0);
    put_run(store, "next", 2, 3);
    agt_store_free(store);
    (void)close(held[0]);
    (void)close(held[1]);
    (void)close(said[0]);
    (void)close(said[1]);
}

static void test_a_lock_that_is_not_there_or_may_not_be_looked_at(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    put_run(store, "run", 1, 0);
    agt_store_free(store);
    char *lock = agt_test_folder_path(folder, "store.db-lock");
    assert_int_equal(unlink(lock), 0);
    check_status("run", "lost"); /* as in a copy of the store */
    assert_int_equal(symlink("elsewhere", lock), 0);
    check_status("run", "running"); /* nobody can know */
    free(lock);
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
        cmocka_unit_test_setup_teardown(test_runs_of_living_writers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_run_whose_process_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_forked_child_keeps_nothing_alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lock_that_is_not_there_or_may_not_be_looked_at,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_writers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
