/*
 * Writing: transactions, what becomes of rows, text that is no text, full disks, the length of the
 * log.
 */
#include "store/store.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/database.h"
#include "support/folder.h"
#include "support/stores.h"
#include "support/test.h"
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

/* The one text that `sql` gives. The caller frees it. */
static char *ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    char *answer = strdup(text ? text : "NULL");
    assert_non_null(answer);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return answer;
}

static void check(const char *sql, const char *wanted)
{
    char *answer = ask(sql);
    assert_string_equal(answer, wanted);
    free(answer);
}

static void test_all_or_nothing(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("a", 1, 1, 2));
    agt_test_store_put_span(store, agt_test_span(1, 1, 0, 1, 2));
    agt_test_store_put_cost(store, agt_test_cost(1, "anna", 1, 1));
    check("SELECT count(*) FROM run", "0"); /* nobody sees it yet */
    agt__store_rollback(store);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("b", 1, 1, 2));
    agt_test_store_commit(store);
    check("SELECT group_concat(id) FROM run", "b");
    check("SELECT (SELECT count(*) FROM span) + (SELECT count(*) FROM cost)", "0");
    agt_store_free(store);
}

static void test_outside_of_a_transaction(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    agt__store_run run = agt_test_run("a", 1, 1, 2);
    agt__store_span span = agt_test_span(1, 1, 0, 1, 2);
    agt_cost_entry cost = agt_test_cost(1, "anna", 1, 1);
    agt_error err;
    assert_int_equal(agt__store_put_run(store, &run, &err), AGT_E_INVALID);
    assert_int_equal(agt__store_put_span(store, &span, &err), AGT_E_INVALID);
    assert_int_equal(agt__store_put_cost(store, &cost, &err), AGT_E_INVALID);
    assert_int_equal(agt__store_commit(store, &err), AGT_E_INVALID);
    agt__store_rollback(store);
    agt_test_store_begin(store);
    assert_int_equal(agt__store_begin(store, &err), AGT_E_INVALID);
    agt_test_store_commit(store);

    agt_store *reader = NULL;
    assert_int_equal(agt_store_open(NULL, path, &reader, NULL), AGT_OK);
    assert_int_equal(agt__store_begin(reader, &err), AGT_E_INVALID);
    assert_int_equal(agt__store_put_run(reader, &run, &err), AGT_E_INVALID);
    agt_store_free(reader);
    agt_store_free(store);
}

static void test_rows(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("a", 1, 10, 0));
    agt__store_span span = agt_test_span(2, 3, 4, 5, UINT64_MAX);
    span.name = "execute_tool search";
    span.kind = AGT_SPAN_CLIENT;
    span.error = true;
    span.message = "it said \"no\"";
    span.dropped_attributes = 7;
    agt_value *attributes = agt_test_value(NULL, "{\"a\":1,\"b\":\"\\u0000x\"}");
    span.attributes = attributes;
    agt_test_store_put_span(store, span);
    agt_test_store_put_span(store, agt_test_span(2, 4, 0, 1, 9));
    agt_cost_entry cost = agt_test_cost(2, NULL, AGT_NANOUSD_UNKNOWN, 77);
    cost.usage = agt_usage_unknown();
    cost.usage.cache_write_1h_tokens = 12;
    cost.provider = cost.model = NULL;
    cost.simulated = true;
    agt_test_store_put_cost(store, cost);
    agt_test_store_commit(store);
    agt_value_unref(attributes);

    check("SELECT id || hex(trace_id) || name || status || start_unix_ns || ifnull(end_unix_ns, "
          "'-') FROM run",
          "a11111111111111111111111111111111invoke_agent cookrunning10-");
    check("SELECT hex(span_id) || hex(parent_span_id) || name || kind || error || message || "
          "attributes || dropped_attributes || end_unix_ns FROM span WHERE row = 1",
          "00000000000000030000000000000004execute_tool search31it said \"no\""
          "{\"a\":1,\"b\":\"\\u0000x\"}79223372036854775807");
    check("SELECT (parent_span_id IS NULL) || message || attributes FROM span WHERE row = 2",
          "1{}");
    check("SELECT coalesce(agent, provider, model, conversation, input_tokens, cache_read_tokens, "
          "cache_write_tokens, output_tokens, reasoning_tokens, cost_nanousd) FROM cost",
          "NULL"); /* what is unknown is not zero */
    check("SELECT cache_write_1h_tokens || simulated || unix_ns FROM cost", "12177");

    agt_test_store_begin(store); /* the same run again, when it ends */
    agt_test_store_put_run(store, agt_test_run("a", 1, 10, 30));
    agt_test_store_commit(store);
    check("SELECT group_concat(id || status || end_unix_ns) FROM run", "aok30");
    agt_store_free(store);
}

static void test_text_that_is_none(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt__store_run run = agt_test_run("a", 1, 10, 0);
    run.name = "before\xFF\xC3(after";
    agt_test_store_put_run(store, run);
    agt_test_store_commit(store);
    check("SELECT name FROM run", "before\xEF\xBF\xBD\xEF\xBF\xBD(after");
    agt_store_free(store);
}

/* ---- full disks ---------------------------------------------------------------------------------
 */

static agt_status write_until_it_fails(agt_store *store, agt_error *err)
{
    char text[3000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    agt__store_span span = agt_test_span(1, 1, 0, 1, 2);
    span.message = text;
    agt_status status = agt__store_begin(store, err);
    for (int i = 0; status == AGT_OK && i < 1000; i++) {
        status = agt__store_put_span(store, &span, err);
    }
    if (status == AGT_OK) {
        return agt__store_commit(store, err);
    }
    agt__store_rollback(store);
    return status;
}

static void test_a_full_disk(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("before", 1, 1, 2));
    agt_test_store_commit(store);
    assert_int_equal(sqlite3_exec(store->db, "PRAGMA max_page_count = 40", NULL, NULL, NULL),
                     SQLITE_OK);
    agt_error err = {.message = ""};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write_until_it_fails(store, &err), AGT_E_IO);
        assert_non_null(strstr(err.message, "store.db cannot be written: make room"));
        assert_int_equal(err.cause, ENOSPC);
    }
    check("SELECT group_concat(id) || (SELECT count(*) FROM span) FROM run", "before0");
    /* Once there is room again it goes on. */
    assert_int_equal(sqlite3_exec(store->db, "PRAGMA max_page_count = 4000", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(write_until_it_fails(store, &err), AGT_OK);
    check("SELECT count(*) FROM span", "1000");
    agt_store_free(store);
}

/* The kernel refuses to let a file grow. */
static int try_limited(void)
{
    agt_store *store = NULL;
    agt_error err = {.message = ""};
    const struct rlimit limit = {200000, 200000};
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR ||
        agt__store_open_writer(NULL, path, &store, &err) != AGT_OK ||
        setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    if (write_until_it_fails(store, &err) != AGT_E_IO || !strstr(err.message, "store.db") ||
        err.cause != EFBIG) {
        return 2;
    }
    agt_store_free(store);
    return 0;
}

static void test_a_file_that_must_not_grow(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("before", 1, 1, 2));
    agt_test_store_commit(store);
    agt_store_free(store);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(try_limited());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    check("SELECT group_concat(id) || (SELECT count(*) FROM span) FROM run", "before0");
}

/* ---- the log ------------------------------------------------------------------------------------
 */

static void test_the_log_stays_short(void **state)
{
    (void)state;
    agt_store *store = agt_test_store_open_writer(path);
    agt_error err = {.message = ""};
    char *log = agt_test_folder_path(folder, "store.db-wal");
    struct stat info;
    for (int i = 0; i < 8; i++) { /* some 4 MB each */
        assert_int_equal(write_until_it_fails(store, &err), AGT_OK);
        assert_int_equal(stat(log, &info), 0);
        assert_true(info.st_size < (off_t)3 * AGT__STORE_WAL_BYTES_MAX);
    }
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size > (off_t)5 * AGT__STORE_WAL_BYTES_MAX);
    check("SELECT count(*) FROM span", "8000");

    /* Short transactions do not checkpoint: the file itself does not change. */
    agt_test_store_begin(store);
    agt_test_store_put_run(store, agt_test_run("a", 1, 1, 2));
    agt_test_store_commit(store);
    struct stat after;
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_mtim.tv_nsec, info.st_mtim.tv_nsec);
    agt_store_free(store);
    assert_int_equal(stat(log, &info), -1);
    check("SELECT count(*) FROM run", "1");
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outside_of_a_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_that_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_must_not_grow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_log_stays_short, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
