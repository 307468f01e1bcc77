/*
 * Versions of the tables: reading and bringing up to date stores of versions 1 and 2
 * (tests/data/store_v?.sql, which are never changed), and what happens when that fails.
 */
#include "store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/env.h"
#include "support/folder.h"
#include "support/stores.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

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

static void execute(const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s", message);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_version(const char *file)
{
    size_t size = 0;
    char *sql = agt_test_read_file(file, &size);
    execute(sql);
    free(sql);
}

static void make_version_1(void)
{
    make_version("tests/data/store_v1.sql");
}

static void remove_store(void)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        char *name = NULL;
        assert_true(asprintf(&name, "%s%s", path, tails[i]) > 0);
        (void)unlink(name);
        free(name);
    }
}

/* All that `sql` gives, a row per line; to be freed. */
static char *ask(const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        (void)fprintf(stream, "%s\n", (const char *)sqlite3_column_text(statement, 0));
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void check_version(const char *wanted)
{
    char *version = ask(path, "PRAGMA user_version");
    assert_string_equal(version, wanted);
    free(version);
}

/* What a reader says of the two runs of the file. */
static void check_runs(const char *status_of_second)
{
    agt_store *store = NULL;
    agt_value *runs = NULL;
    agt_error err = {.message = ""};
    if (agt_store_open(NULL, path, &store, &err) != AGT_OK ||
        agt_store_list_runs(store, 0, &runs, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(agt_value_get_count(runs), 2);
    const agt_value *newer = agt_value_get_item(runs, 0);
    const agt_value *older = agt_value_get_item(runs, 1);
    assert_string_equal(agt_value_get_string(agt_value_get_member(newer, "status"), NULL),
                        status_of_second);
    assert_string_equal(agt_value_get_string(agt_value_get_member(older, "status"), NULL), "ok");
    int64_t number = 0;
    assert_int_equal(agt_value_get_int64(agt_value_get_member(older, "cost_nanousd"), &number),
                     AGT_OK);
    assert_int_equal(number, 4200);
    assert_int_equal(agt_value_get_int64(agt_value_get_member(older, "spans"), &number), AGT_OK);
    assert_int_equal(number, 2);
    agt_value_unref(runs);

    agt_value *run = NULL;
    assert_int_equal(agt_store_get_run(store, "01JD0000000000000000000001", &run, &err), AGT_OK);
    assert_int_equal(agt_value_get_count(agt_value_get_member(run, "spans")), 2);
    agt_value_unref(run);
    assert_int_equal(agt_store_get_run(store, "2222", &run, &err), AGT_OK);
    assert_string_equal(agt_value_get_string(agt_value_get_member(run, "status"), NULL),
                        status_of_second);
    agt_value_unref(run);
    agt_store_free(store);
}

static void test_an_old_store_can_be_read(void **state)
{
    (void)state;
    make_version_1();
    check_runs("running");
    check_version("1\n"); /* and is left as it is */
}

/* It is what a new one is, but for blanks. */
static void check_tables(void)
{
    static const char sql[] = "SELECT replace(replace(sql, ' ', ''), char(10), '') FROM "
                              "sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    char *other = agt_test_folder_path(folder, "new.db");
    agt_store_free(agt_test_store_open_writer(other));
    char *tables = ask(path, sql), *wanted = ask(other, sql);
    assert_string_equal(tables, wanted);
    free(tables);
    free(wanted);
    free(other);
    char *integrity = ask(path, "PRAGMA integrity_check");
    assert_string_equal(integrity, "ok\n");
    free(integrity);
}

static void test_a_writer_brings_it_up_to_date(void **state)
{
    (void)state;
    make_version_1();
    agt_store *store = agt_test_store_open_writer(path);
    check_version("3\n");
    check_runs("lost"); /* nobody is known to be at it */
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("new", 3, 1, 2));
    agt_test_store_commit(store);
    agt_store_free(store);

    check_tables();
}

static void check_old_run(agt_store *store)
{
    agt_value *run = NULL;
    agt_error err = {.message = ""};
    if (agt_store_get_run(store, "last", &run, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(agt_value_get_count(agt_value_get_member(run, "spans")), 14);
    agt_value_unref(run);
}

/* Version 2 knows runs and nothing of sessions. */
static void test_version_2_gets_sessions(void **state)
{
    (void)state;
    agt_store *store = NULL;
    agt_value *list = NULL;
    agt_error err = {.message = ""};
    make_version("tests/data/store_v2.sql");
    assert_int_equal(agt_store_open(NULL, path, &store, NULL), AGT_OK);
    check_old_run(store);
    assert_int_equal(agt_store_list_sessions(store, 0, &list, NULL), AGT_OK);
    assert_int_equal(agt_value_get_count(list), 0);
    assert_int_equal(agt_store_list_facts(store, NULL, &list, NULL), AGT_OK);
    assert_int_equal(agt_value_get_count(list), 0);
    assert_int_equal(agt_store_get_session(store, "last", &list, &err), AGT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "has no sessions"));
    agt_store_free(store);
    check_version("2\n");

    store = agt_test_store_open_writer(path);
    check_version("3\n");
    check_old_run(store);
    agt_test_store_begin(store);
    agt__store_session session = {.id = "01ABC", .name = "talk", .created_unix_ns = 1};
    int64_t row = 0;
    assert_int_equal(agt__store_add_session(store, &session, &row, NULL), AGT_OK);
    agt_test_store_commit(store);
    assert_int_equal(agt_store_get_session(store, "talk", &list, &err), AGT_OK);
    agt_value_unref(list);
    agt_store_free(store);
    check_tables();
}

static void test_a_reader_stays_when_it_is_brought_up_to_date(void **state)
{
    (void)state;
    make_version_1();
    agt_store *reader = NULL;
    agt_value *runs = NULL;
    assert_int_equal(agt_store_open(NULL, path, &reader, NULL), AGT_OK);
    agt_store_free(agt_test_store_open_writer(path));
    agt_error err = {.message = ""};
    if (agt_store_list_runs(reader, 0, &runs, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(agt_value_get_count(runs), 2);
    agt_value_unref(runs);
    agt_store_free(reader);
}

static void test_a_script_that_fails_changes_nothing(void **state)
{
    (void)state;
    make_version_1();
    execute("CREATE TABLE open_span (already INTEGER)"); /* in the way, and late in the script */
    agt_store *store = NULL;
    agt_error err = {.message = ""};
    assert_int_equal(agt__store_open_writer(NULL, path, &store, &err), AGT_E_IO);
    assert_non_null(strstr(err.message, "store.db"));
    check_version("1\n");
    char *columns = ask(path, "SELECT count(*) FROM pragma_table_info('run')");
    assert_string_equal(columns, "7\n");
    free(columns);
    execute("DROP TABLE open_span");
    agt_store_free(agt_test_store_open_writer(path));
    check_version("3\n");
}

/* ---- out of memory ----------------------------------------------------------------------------
 */

static void bring_up_to_date_and_read(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_store *store = NULL;
    agt_value *runs = NULL;
    make_version_1();
    agt_status status = agt__store_open_writer(allocator, path, &store, NULL);
    agt_store_free(store);
    store = NULL;
    if (status == AGT_OK) {
        status = agt_store_open(allocator, path, &store, NULL);
    }
    if (status == AGT_OK) {
        status = agt_store_list_runs(store, 0, &runs, NULL);
    }
    assert_true(status == AGT_OK ||
                (status == AGT_E_NOMEM && agt_test_heap_of(allocator)->failures > 0));
    agt_value_unref(runs);
    agt_store_free(store);
    remove_store();
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(bring_up_to_date_and_read, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_old_store_can_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_writer_brings_it_up_to_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_version_2_gets_sessions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_stays_when_it_is_brought_up_to_date, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_script_that_fails_changes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_out_of_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
