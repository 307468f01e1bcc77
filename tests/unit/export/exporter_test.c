/*
 * The exporter: what arrives in the store and when, failures of the store, closing, threads.
 */
#include "export/exporter.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/folder.h"
#include "support/stores.h"
#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

enum {
    HOUR_MS = 3600000
};

static char *folder, *path;
static agt_tracer *tracer;
static agt_cost_tracker *costs;
static agt__exporter *exporter;

static agt_tracer *make_tracer(const agt_allocator *allocator, uint32_t spans_max)
{
    agt__tracer_config config =
        AGT_CONFIG(agt__tracer_config, .allocator = allocator, .spans_max = spans_max);
    agt_tracer *made = NULL;
    return agt__tracer_new(&config, &made, NULL) == AGT_OK ? made : NULL;
}

static void start_exporter(const char *store_path, uint32_t interval_ms, bool threadless)
{
    agt__exporter_config config =
        AGT_CONFIG(agt__exporter_config, .tracer = tracer, .costs = costs, .store_path = store_path,
                   .interval_ms = interval_ms, .threadless = threadless);
    agt_error err = {.message = ""};
    if (agt__exporter_new(&config, &exporter, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
}

/* A tracer on a clock that only advance() moves. */
static uint64_t clock_ns;

static uint64_t get_ns(void *ctx)
{
    (void)ctx;
    return clock_ns;
}

static void advance(uint64_t ns)
{
    clock_ns += ns;
}

static void use_clock(void)
{
    static const agt_clock clock = {.get_monotonic_ns = get_ns, .get_unix_ns = get_ns};
    agt__tracer_config config = AGT_CONFIG(agt__tracer_config, .clock = &clock);
    clock_ns = 1000000000;
    agt__tracer_free(tracer);
    assert_int_equal(agt__tracer_new(&config, &tracer, NULL), AGT_OK);
}

static int set_up(void **state)
{
    (void)state;
    folder = agt_test_folder_new();
    path = agt_test_folder_path(folder, "store.db");
    tracer = make_tracer(NULL, 0);
    exporter = NULL;
    assert_non_null(tracer);
    return agt__cost_tracker_new(NULL, &costs);
}

static int tear_down(void **state)
{
    (void)state;
    agt__exporter_free(exporter);
    agt__cost_tracker_free(costs);
    agt__tracer_free(tracer);
    free(path);
    agt_test_folder_free(folder);
    return 0;
}

static void end_spans(int count)
{
    for (int i = 0; i < count; i++) {
        assert_null(agt_span_end(agt_tracer_start_span(tracer, "s", AGT_SPAN_INTERNAL, NULL, 0)));
    }
}

static void add_cost(int64_t nanousd)
{
    agt_cost_entry entry = agt_test_cost(1, "anna", nanousd, 1);
    assert_int_equal(agt_cost_tracker_add(costs, &entry), AGT_OK);
}

static void put_run(const char *id, uint64_t end)
{
    agt__store_run run = agt_test_run(id, 1, 1, end);
    assert_int_equal(agt__exporter_put_run(exporter, &run), AGT_OK);
}

static void flush(void)
{
    agt_error err = {.message = ""};
    if (agt__exporter_flush(exporter, AGT_MS_NONE, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
}

static agt_tracer_counts get_counts(void)
{
    agt_tracer_counts counts = AGT_CONFIG(agt_tracer_counts, 0);
    agt_tracer_get_counts(tracer, &counts);
    assert_int_equal(counts.created, counts.exported + counts.dropped + counts.queued);
    return counts;
}

static void execute(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The one number that `sql` gives. */
static int64_t ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return answer;
}

static void check_rows(int64_t runs, int64_t spans, int64_t lines)
{
    assert_int_equal(ask("SELECT count(*) FROM run"), runs);
    assert_int_equal(ask("SELECT count(*) FROM span"), spans);
    assert_int_equal(ask("SELECT count(*) FROM cost"), lines);
}

/* ---- what arrives
 * -------------------------------------------------------------------------------- */

static void check_everything_arrives(bool threadless)
{
    start_exporter(path, HOUR_MS, threadless);
    flush(); /* nothing */
    put_run("a", 0);
    end_spans(3);
    add_cost(5);
    flush();
    check_rows(1, 3, 1);
    assert_int_equal(ask("SELECT end_unix_ns IS NULL FROM run"), 1);
    put_run("a", 9);
    flush();
    check_rows(1, 3, 1);
    assert_int_equal(ask("SELECT end_unix_ns FROM run"), 9);
    assert_int_equal(get_counts().exported, 3);

    end_spans(5000); /* several transactions */
    flush();
    check_rows(1, 5003, 1);

    end_spans(1);
    put_run("b", 1);
    add_cost(6);
    assert_int_equal(agt__exporter_close(exporter, AGT_MS_NONE, NULL), AGT_OK);
    check_rows(2, 5004, 2);
    assert_int_equal(get_counts().exported, 5004);

    agt__store_run run = agt_test_run("late", 1, 1, 2);
    assert_int_equal(agt__exporter_put_run(exporter, &run), AGT_E_CLOSED);
    assert_int_equal(agt__exporter_flush(exporter, 0, NULL), AGT_E_CLOSED);
    assert_int_equal(agt__exporter_close(exporter, 0, NULL), AGT_OK);
    end_spans(1);
    agt__exporter_kick(exporter);
    assert_int_equal(get_counts().queued, 1); /* nobody takes it */
}

static void test_everything_arrives(void **state)
{
    (void)state;
    check_everything_arrives(false);
}

static void test_everything_arrives_without_a_thread(void **state)
{
    (void)state;
    check_everything_arrives(true);
}

static void test_a_span_as_it_is_stored(void **state)
{
    (void)state;
    start_exporter(path, HOUR_MS, true);
    agt_span_context parent = {.trace_id = {0xAB}, .span_id = {0xCD}, .flags = 1};
    agt_span *span = agt_tracer_start_span(tracer, "chat", AGT_SPAN_CLIENT, &parent, 1000);
    agt_span_context context = agt_span_get_context(span);
    agt_span_set_text(span, "text", "a \"text\"");
    agt_span_set_text_n(span, "bytes", "\xFF\0x", 3);
    agt_span_set_text(span, "key \xFE", "x");
    agt_span_set_int(span, "int", -5);
    agt_span_set_bool(span, "bool", true);
    agt_span_set_double(span, "double", 0.25);
    agt_span_set_double(span, "nan", (double)NAN);
    agt_span_set_double(span, "more", (double)INFINITY);
    agt_span_set_double(span, "less", (double)-INFINITY);
    agt_span_set_error(span, "timeout", "too long");
    char big[2000] = "";
    memset(big, 'x', sizeof(big) - 1);
    agt_span_set_text(span, "big", big);
    assert_null(agt_span_end_at(span, 2500));
    agt__store_run run = {.id = "run", .name = "r", .status = "ok", .start_unix_ns = 1};
    memcpy(run.trace_id, context.trace_id, sizeof(run.trace_id));
    assert_int_equal(agt__exporter_put_run(exporter, &run), AGT_OK);
    flush();

    agt_store *store = NULL;
    agt_value *stored = NULL;
    assert_int_equal(agt_store_open(NULL, path, &store, NULL), AGT_OK);
    assert_int_equal(agt_store_get_run(store, "run", &stored, NULL), AGT_OK);
    const agt_value *row = agt_value_get_item(agt_value_get_member(stored, "spans"), 0);
    agt_test_assert_json(agt_value_get_member(row, "attributes"),
                         "{\"text\":\"a \\\"text\\\"\",\"bytes\":\"\xEF\xBF\xBD\\u0000x\","
                         "\"key \xEF\xBF\xBD\":\"x\",\"int\":-5,\"bool\":true,\"double\":0.25,"
                         "\"nan\":\"NaN\",\"more\":\"Infinity\",\"less\":\"-Infinity\","
                         "\"error.type\":\"timeout\"}");
    agt_test_assert_json(agt_value_get_member(row, "parent_span_id"), "\"cd00000000000000\"");
    agt_test_assert_json(agt_value_get_member(row, "message"), "\"too long\"");
    agt_test_assert_json(agt_value_get_member(row, "error"), "true");
    agt_test_assert_json(agt_value_get_member(row, "kind"), "3");
    agt_test_assert_json(agt_value_get_member(row, "dropped_attributes"), "1");
    int64_t start = 0, end = 0;
    assert_int_equal(agt_value_get_int64(agt_value_get_member(row, "start_unix_ns"), &start),
                     AGT_OK);
    assert_int_equal(agt_value_get_int64(agt_value_get_member(row, "end_unix_ns"), &end), AGT_OK);
    assert_int_equal(start, 1000 + agt__tracer_get_unix_offset_ns(tracer));
    assert_int_equal(end - start, 1500);
    agt_value_unref(stored);
    agt_store_free(store);
}

static void test_a_trace_of_the_program_is_a_run(void **state)
{
    (void)state;
    start_exporter(path, HOUR_MS, true);
    agt_span *span = agt_tracer_trace_agent(tracer, "review", NULL, 0);
    agt_span_context root = agt_span_get_context(span);
    agt_span *inner = agt_tracer_start_span(tracer, "part", AGT_SPAN_INTERNAL, &root, 0);
    assert_null(agt_span_end(inner));
    assert_null(agt_span_end(span));
    span = agt_tracer_trace_agent(tracer, "broken", NULL, 0);
    agt_span_set_error(span, NULL, "it did not work");
    assert_null(agt_span_end(span));
    end_spans(1); /* a span that is nobody's work is no run */
    flush();
    check_rows(2, 4, 0);
    assert_int_equal(ask("SELECT count(*) FROM run JOIN span USING (trace_id) WHERE "
                         "run.name = 'review' AND status = 'ok' AND length(run.id) = 26"),
                     2);
    assert_int_equal(ask("SELECT count(*) FROM run WHERE name = 'broken' AND status = 'error'"), 1);
}

static void test_spans_that_run(void **state)
{
    (void)state;
    use_clock();
    start_exporter(path, 100, true);
    agt_span *root = agt_tracer_trace_agent(tracer, "cook", NULL, 0);
    agt_span_context context = agt_span_get_context(root);
    agt_span *child = agt_tracer_start_span(tracer, "stir", AGT_SPAN_INTERNAL, &context, 0);
    flush();
    assert_int_equal(ask("SELECT count(*) FROM open_span"), 0); /* they have only just begun */
    advance(100000001);
    flush();
    assert_int_equal(ask("SELECT count(*) FROM open_span"), 2);
    assert_int_equal(ask("SELECT count(*) FROM open_span WHERE name = 'stir' AND "
                         "parent_span_id = (SELECT span_id FROM open_span WHERE "
                         "name = 'invoke_agent cook')"),
                     1);
    /* A trace of the program's own is a run from then on. */
    assert_int_equal(ask("SELECT count(*) FROM run WHERE name = 'cook' AND status = 'running' AND "
                         "end_unix_ns IS NULL"),
                     1);
    agt_span_end(child);
    end_spans(1); /* too short to be told of */
    flush();
    assert_int_equal(ask("SELECT count(*) FROM open_span"), 1);
    agt_span *later = agt_tracer_start_span(tracer, "later", AGT_SPAN_INTERNAL, &context, 0);
    agt_span_end(root);
    flush();
    check_rows(1, 3, 0);
    assert_int_equal(ask("SELECT count(*) FROM run WHERE name = 'cook' AND status = 'ok'"), 1);
    assert_int_equal(ask("SELECT count(*) FROM open_span"), 0);
    for (int i = 0; i < 600; i++) { /* more than one transaction */
        agt_tracer_start_span(tracer, "many", AGT_SPAN_INTERNAL, &context, 0);
    }
    advance(100000001);
    flush();
    assert_int_equal(ask("SELECT count(*) FROM open_span"), 601);
    agt_span_end(later);
    assert_int_equal(agt__exporter_close(exporter, AGT_MS_NONE, NULL), AGT_OK);
    assert_int_equal(ask("SELECT count(*) FROM open_span"), 600);
    check_rows(1, 4, 0);
}

static void test_a_span_that_nobody_ends(void **state)
{
    (void)state;
    start_exporter(path, 1, false);
    for (int i = 1; i <= 3; i++) { /* its start alone wakes the thread, again and again */
        agt_tracer_start_span(tracer, "s", AGT_SPAN_INTERNAL, NULL, 0);
        while (ask("SELECT count(*) FROM open_span") < i) {
            (void)sched_yield();
        }
    }
    check_rows(0, 0, 0);
}

static void test_without_a_store(void **state)
{
    (void)state;
    start_exporter(NULL, HOUR_MS, false);
    put_run("a", 1);
    end_spans(10);
    add_cost(1);
    flush();
    assert_int_equal(get_counts().exported, 10);
    assert_null(agt__cost_tracker_take_lines(costs));
    assert_int_equal(agt__exporter_close(exporter, AGT_MS_NONE, NULL), AGT_OK);
}

static void test_bad_configurations(void **state)
{
    (void)state;
    agt__exporter_config config = {.tracer = tracer};
    agt_error err = {.message = ""};
    assert_int_equal(agt__exporter_new(&config, &exporter, &err), AGT_E_INVALID);
    config = AGT_CONFIG(agt__exporter_config, .tracer = tracer);
    assert_int_equal(agt__exporter_new(&config, &exporter, &err), AGT_E_INVALID);
    config = AGT_CONFIG(agt__exporter_config, .tracer = tracer, .costs = costs,
                        .store_path = "/dev/null/store.db");
    assert_int_equal(agt__exporter_new(&config, &exporter, &err), AGT_E_IO);
    assert_non_null(strstr(err.message, "/dev/null"));
    assert_null(exporter);
    agt__exporter_free(NULL);
}

/* ---- when ---------------------------------------------------------------------------------------
 */

static void wait_until_exported(uint64_t count)
{
    while (get_counts().exported < count) {
        (void)sched_yield();
    }
}

static void test_the_interval(void **state)
{
    (void)state;
    start_exporter(path, 1, false);
    for (uint64_t i = 1; i <= 3; i++) {
        end_spans(1);
        wait_until_exported(i);
    }
    add_cost(1); /* alone: it wakes the thread too */
    while (agt__cost_tracker_has_lines(costs)) {
        (void)sched_yield();
    }
    flush();
    check_rows(0, 3, 1);
}

static void test_a_kick(void **state)
{
    (void)state;
    start_exporter(path, HOUR_MS, false);
    end_spans(2);
    agt__exporter_kick(exporter);
    wait_until_exported(2);
}

static void test_a_kick_without_a_thread(void **state)
{
    (void)state;
    agt__tracer_free(tracer);
    agt__tracer_config config = AGT_CONFIG(agt__tracer_config, .spans_max = 100);
    assert_int_equal(agt__tracer_new(&config, &tracer, NULL), AGT_OK);
    start_exporter(path, HOUR_MS, true);
    end_spans(1000); /* ten times what there is room for, and nothing is lost */
    assert_int_equal(get_counts().dropped, 0);
    flush();
    check_rows(0, 1000, 0);
}

/* ---- failures of the store
 * ------------------------------------------------------------------------ */

static void test_a_store_that_fails(void **state)
{
    (void)state;
    start_exporter(path, HOUR_MS, false);
    execute("ALTER TABLE cost RENAME TO away");
    put_run("a", 1);
    end_spans(5000);
    add_cost(1);
    agt_error err = {.message = ""};
    assert_int_equal(agt__exporter_flush(exporter, AGT_MS_NONE, &err), AGT_E_IO);
    assert_non_null(strstr(err.message, "store.db cannot be written"));
    assert_int_equal(get_counts().dropped, 5000); /* spans are counted */

    add_cost(2);
    put_run("a", 2);
    assert_int_equal(agt__exporter_flush(exporter, AGT_MS_NONE, &err), AGT_E_IO); /* again */
    execute("ALTER TABLE away RENAME TO cost");
    end_spans(1);
    flush(); /* told once; money and runs were kept, in order */
    check_rows(1, 1, 2);
    assert_int_equal(ask("SELECT end_unix_ns FROM run"), 2);
    assert_int_equal(ask("SELECT cost_nanousd FROM cost ORDER BY row LIMIT 1"), 1);
    assert_int_equal(get_counts().exported, 1);
}

static void test_an_error_that_was_made_good(void **state)
{
    (void)state;
    start_exporter(path, HOUR_MS, true);
    execute("ALTER TABLE cost RENAME TO away");
    add_cost(1);
    agt__exporter_kick(exporter); /* fails, and nobody asks */
    execute("ALTER TABLE away RENAME TO cost");
    flush();
    check_rows(0, 0, 1);

    execute("ALTER TABLE span RENAME TO away");
    end_spans(1);
    agt__exporter_kick(exporter);
    execute("ALTER TABLE away RENAME TO span");
    agt_error err = {.message = ""};
    assert_int_equal(agt__exporter_flush(exporter, AGT_MS_NONE, &err), AGT_E_IO); /* it is gone */
    flush();
}

static void test_a_store_that_is_busy(void **state)
{
    (void)state;
    agt_store *other = agt_test_store_open_writer(path);
    start_exporter(path, HOUR_MS, false);
    agt_test_store_begin(other);
    end_spans(3);
    add_cost(1);
    agt_error err = {.message = ""};
    assert_int_equal(agt__exporter_flush(exporter, 1, &err), AGT_E_TIMEOUT);
    assert_non_null(strstr(err.message, "1 ms"));
    agt_test_store_commit(other);
    flush();
    check_rows(0, 3, 1);
    agt_store_free(other);
}

static void test_closing_a_store_that_is_busy(void **state)
{
    (void)state;
    agt_store *other = agt_test_store_open_writer(path);
    start_exporter(path, HOUR_MS, false);
    agt_test_store_begin(other);
    end_spans(3);
    add_cost(1);
    agt_error err = {.message = ""};
    assert_int_equal(agt__exporter_close(exporter, 1, &err), AGT_E_TIMEOUT);
    assert_int_equal(get_counts().dropped, 3);
    agt__cost_line *lines = agt__cost_tracker_take_lines(costs);
    assert_non_null(lines); /* money is where it was */
    agt__cost_tracker_free_lines(costs, lines);
    agt_test_store_commit(other);
    agt_store_free(other);
    check_rows(0, 0, 0);
}

static void test_freeing_without_closing(void **state)
{
    (void)state;
    start_exporter(path, HOUR_MS, false);
    end_spans(3);
    put_run("a", 1);
    agt__exporter_free(exporter);
    exporter = NULL;
    assert_int_equal(get_counts().queued, 0);
}

/* ---- out of memory ------------------------------------------------------------------------------
 */

static void use_exporter(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_tracer *own_tracer = make_tracer(allocator, 0);
    agt_cost_tracker *own_costs = NULL;
    agt__exporter *own = NULL;
    if (own_tracer != NULL && agt__cost_tracker_new(allocator, &own_costs) == AGT_OK) {
        agt__exporter_config config =
            AGT_CONFIG(agt__exporter_config, .allocator = allocator, .tracer = own_tracer,
                       .costs = own_costs, .store_path = path, .threadless = true);
        agt_status status = agt__exporter_new(&config, &own, NULL);
        assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    }
    if (own != NULL) {
        agt__store_run run = agt_test_run("a", 1, 1, 2);
        agt_cost_entry entry = agt_test_cost(1, "anna", 1, 1);
        (void)agt__exporter_put_run(own, &run);
        (void)agt_cost_tracker_add(own_costs, &entry);
        agt_span *span = agt_tracer_start_span(own_tracer, "s", AGT_SPAN_INTERNAL, NULL, 0);
        agt_span_set_text(span, "bad \xFF key", "bad \xFF text");
        agt_span_set_int(span, "number", 5);
        (void)agt_span_end(span);
        agt_status status = agt__exporter_flush(own, AGT_MS_NONE, NULL);
        assert_true(status == AGT_OK || status == AGT_E_NOMEM);
        assert_int_equal(agt__exporter_close(own, AGT_MS_NONE, NULL), AGT_OK);
        agt_tracer_counts counts = AGT_CONFIG(agt_tracer_counts, 0);
        agt_tracer_get_counts(own_tracer, &counts);
        assert_int_equal(counts.queued, 0);
        assert_int_equal(counts.created, 1);
    }
    agt__exporter_free(own);
    agt__cost_tracker_free(own_costs);
    agt__tracer_free(own_tracer);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(use_exporter, NULL);
}

/* ---- threads ------------------------------------------------------------------------------------
 */

enum {
    THREADS = 3,
    ROUNDS = 60,
    ALL_ROUNDS = THREADS * ROUNDS
};

static void *work(void *arg)
{
    const char *id = arg;
    agt_cost_entry entry = agt_test_cost(1, id, 1, 1);
    agt__store_run run = agt_test_run(id, 1, 1, 2);
    for (int i = 0; i < ROUNDS; i++) {
        agt_span *span = agt_tracer_start_span(tracer, "s", AGT_SPAN_INTERNAL, NULL, 0);
        agt_span_set_int(span, "round", i);
        (void)agt_span_end(span);
        (void)agt_cost_tracker_add(costs, &entry);
        if (agt__exporter_put_run(exporter, &run) != AGT_OK) {
            return arg;
        }
        if (i % 20 == 19 && agt__exporter_flush(exporter, AGT_MS_NONE, NULL) != AGT_OK) {
            return arg;
        }
        if (i % 7 == 0) {
            agt__exporter_kick(exporter);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    start_exporter(path, 1, false);
    static char ids[THREADS][8];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "run %d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, work, ids[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(agt__exporter_close(exporter, AGT_MS_NONE, NULL), AGT_OK);
    check_rows(THREADS, ALL_ROUNDS, ALL_ROUNDS);
    assert_int_equal(get_counts().exported, ALL_ROUNDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_everything_arrives),
        TEST(test_everything_arrives_without_a_thread),
        TEST(test_a_span_as_it_is_stored),
        TEST(test_a_trace_of_the_program_is_a_run),
        TEST(test_spans_that_run),
        TEST(test_a_span_that_nobody_ends),
        TEST(test_without_a_store),
        TEST(test_bad_configurations),
        TEST(test_the_interval),
        TEST(test_a_kick),
        TEST(test_a_kick_without_a_thread),
        TEST(test_a_store_that_fails),
        TEST(test_an_error_that_was_made_good),
        TEST(test_a_store_that_is_busy),
        TEST(test_closing_a_store_that_is_busy),
        TEST(test_freeing_without_closing),
        TEST(test_out_of_memory),
        TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
