/*
 * Sessions and facts in the store: what is written comes back, who has one has it alone, and what
 * a half-finished write leaves behind is nothing.
 */
#include "store/store.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

static agt_status add(agt_store *store, const char *id, const char *name, int64_t *ret_row,
                      agt_error *err)
{
    const agt__store_session session = {.id = id, .name = name, .created_unix_ns = 1000};
    return agt__store_add_session(store, &session, ret_row, err);
}

static agt_status put(agt_store *store, int64_t row, int64_t number, int64_t turn, const char *json,
                      agt_error *err)
{
    agt_value *body = agt_test_value(NULL, json);
    const agt__store_message message = {
        .number = number, .turn = turn, .unix_ns = 2000, .body = body};
    agt_status status = agt__store_put_message(store, row, &message, err);
    agt_value_unref(body);
    return status;
}

static void expect_session(agt_store *store, const char *id, const char *json)
{
    agt_value *session = NULL;
    agt_error err = {.message = ""};
    if (agt_store_get_session(store, id, &session, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_test_assert_json(session, json);
    agt_value_unref(session);
}

static void keeps_messages_in_order(void **state)
{
    (void)state;
    int64_t row = 0;
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    assert_int_equal(add(store, "01AAAA", "talk", &row, NULL), AGT_OK);
    assert_int_equal(put(store, row, 0, 1, "{\"role\": \"user\", \"parts\": []}", NULL), AGT_OK);
    assert_int_equal(put(store, row, 1, 1, "{\"text\": \"a\\u0000b \\u00e9\"}", NULL), AGT_OK);
    assert_int_equal(agt__store_set_session(store, row, 0, "anna", 3000, 1, NULL), AGT_OK);
    agt_test_store_commit(store);
    expect_session(
        store, "talk",
        "{\"id\":\"01AAAA\",\"name\":\"talk\",\"agent\":\"anna\",\"parent\":null,"
        "\"created_unix_ns\":1000,\"used_unix_ns\":3000,\"turns\":1,\"row\":1,\"revision\":1,"
        "\"sent_from\":1,\"results\":0,\"messages\":["
        "{\"number\":0,\"turn\":1,\"kind\":\"said\",\"unix_ns\":2000,\"trace_id\":null,"
        "\"message\":{\"role\":\"user\",\"parts\":[]}},"
        "{\"number\":1,\"turn\":1,\"kind\":\"said\",\"unix_ns\":2000,\"trace_id\":null,"
        "\"message\":{\"text\":\"a\\u0000b \xC3\xA9\"}}]}");
    agt_value *list = NULL;
    assert_int_equal(agt_store_list_sessions(store, 0, &list, NULL), AGT_OK);
    agt_test_assert_json(list, "[{\"id\":\"01AAAA\",\"name\":\"talk\",\"agent\":\"anna\","
                               "\"parent\":null,\"created_unix_ns\":1000,\"used_unix_ns\":3000,"
                               "\"turns\":1,\"messages\":2,\"bytes\":48}]");
    agt_value_unref(list);
    agt_store_free(store);
}

static void refuses_what_would_mix_two_runs(void **state)
{
    (void)state;
    int64_t row = 0;
    agt_error err = {.message = ""};
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    assert_int_equal(add(store, "01AAAA", "talk", &row, NULL), AGT_OK);
    assert_int_equal(put(store, row, 0, 1, "{}", NULL), AGT_OK);
    assert_int_equal(agt__store_set_session(store, row, 0, NULL, 1, 0, NULL), AGT_OK);
    agt_test_store_commit(store);

    agt_test_store_begin(store);
    assert_int_equal(put(store, row, 0, 1, "{}", &err), AGT_E_IO); /* the number is taken */
    agt__store_rollback(store);
    agt_test_store_begin(store);
    assert_int_equal(agt__store_set_session(store, row, 0, NULL, 1, 0, &err), AGT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "meanwhile"));
    int64_t other = 0;
    assert_int_equal(add(store, "01BBBB", "talk", &other, &err), AGT_E_EXISTS);
    assert_non_null(strstr(err.message, "\"talk\""));
    agt__store_rollback(store);
    agt_store_free(store);
}

static void finds_by_name_id_beginning_and_last(void **state)
{
    (void)state;
    int64_t first = 0, second = 0;
    agt_value *session = NULL;
    agt_error err = {.message = ""};
    agt_store *store = agt_test_store_open_writer(path);
    assert_int_equal(agt_store_get_session(store, "last", &session, &err), AGT_E_NOT_FOUND);
    agt_test_store_begin(store);
    assert_int_equal(add(store, "01AAAA1", NULL, &first, NULL), AGT_OK);
    assert_int_equal(add(store, "01AAAA2", "01AA", &second, NULL), AGT_OK);
    assert_int_equal(agt__store_set_session(store, first, 0, NULL, 5000, 0, NULL), AGT_OK);
    agt_test_store_commit(store);
    static const struct {
        const char *id, *found;
        agt_status status;
    } cases[] = {
        {"last", "01AAAA1", AGT_OK},       {"01AA", "01AAAA2", AGT_OK},
        {"01aaaa2", "01AAAA2", AGT_OK},    {"01AAA", NULL, AGT_E_INVALID},
        {"nobody", NULL, AGT_E_NOT_FOUND}, {"01A", NULL, AGT_E_NOT_FOUND}, /* too short */
        {"", NULL, AGT_E_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_status status = agt_store_get_session(store, cases[i].id, &session, &err);
        if (status != cases[i].status) {
            fail_msg("case %zu: %s: %s", i, agt_status_get_name(status), err.message);
        }
        if (status == AGT_OK) {
            assert_string_equal(agt_value_get_string(agt_value_get_member(session, "id"), NULL),
                                cases[i].found);
            agt_value_unref(session);
        }
    }
    assert_int_equal(agt__store_read_session(store, "last", true, &session, NULL), AGT_E_NOT_FOUND);
    agt_store_free(store);
}

static void copies_clears_and_removes(void **state)
{
    (void)state;
    int64_t row = 0, copy = 0, revision = 0;
    agt_value *text = NULL;
    agt_store *store = agt_test_store_open_writer(path);
    agt_test_store_begin(store);
    assert_int_equal(add(store, "01AAAA", NULL, &row, NULL), AGT_OK);
    assert_int_equal(put(store, row, 0, 1, "{}", NULL), AGT_OK);
    assert_int_equal(agt__store_put_result(store, row, "r1", "whole", 5, NULL), AGT_OK);
    assert_int_equal(add(store, "01BBBB", NULL, &copy, NULL), AGT_OK);
    assert_int_equal(agt__store_copy_session(store, row, copy, NULL), AGT_OK);
    assert_int_equal(agt__store_clear_session(store, row, false, NULL), AGT_OK);
    agt_test_store_commit(store);
    assert_int_equal(agt__store_get_result(store, row, "r1", &text, NULL), AGT_E_NOT_FOUND);
    assert_int_equal(agt__store_get_result(store, copy, "r1", &text, NULL), AGT_OK);
    agt_test_assert_json(text, "\"whole\"");
    agt_value_unref(text);
    assert_int_equal(agt__store_get_revision(store, row, &revision, NULL), AGT_OK);
    assert_int_equal(revision, 1);
    agt_test_store_begin(store);
    assert_int_equal(agt__store_clear_session(store, copy, true, NULL), AGT_OK);
    agt_test_store_commit(store);
    assert_int_equal(agt__store_get_revision(store, copy, &revision, NULL), AGT_E_NOT_FOUND);
    agt_store_free(store);
}

/* In one store, in two stores of one process, and in another process that is killed. */
static void only_one_has_a_session(void **state)
{
    (void)state;
    agt_error err = {.message = ""};
    agt_store *one = agt_test_store_open_writer(path), *two = agt_test_store_open_writer(path);
    assert_int_equal(agt__store_claim(one, 1, NULL), AGT_OK);
    assert_int_equal(agt__store_claim(one, 1, &err), AGT_E_BUSY);
    assert_non_null(strstr(err.message, "one run at a time"));
    assert_int_equal(agt__store_claim(two, 1, NULL), AGT_E_BUSY);
    assert_int_equal(agt__store_claim(two, 2, NULL), AGT_OK);
    agt__store_release(one, 1);
    assert_int_equal(agt__store_claim(two, 1, NULL), AGT_OK);
    agt_store_free(two);
    assert_int_equal(agt__store_claim(one, 2, NULL), AGT_OK);
    agt__store_release(one, 2);

    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        agt_store *own = NULL;
        bool is_mine = agt__store_open_writer(NULL, path, &own, NULL) == AGT_OK &&
                       agt__store_claim(own, 1, NULL) == AGT_OK;
        byte = is_mine ? 'y' : 'n';
        (void)!write(ready[1], &byte, 1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(agt__store_claim(one, 1, NULL), AGT_E_BUSY);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(agt__store_claim(one, 1, NULL), AGT_OK);
    agt_store_free(one);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void remembers_facts(void **state)
{
    (void)state;
    bool had = false;
    agt_value *list = NULL, *value = agt_test_value(NULL, "{\"a\": [1, \"x\"]}");
    agt_store *store = agt_test_store_open_writer(path);
    agt__store_fact fact = {
        .space = "agent:anna", .key = "k", .value = value, .unix_ns = 10, .agent = "anna"};
    agt_test_store_begin(store);
    assert_int_equal(agt__store_put_fact(store, &fact, NULL), AGT_OK);
    fact.unix_ns = 20;
    assert_int_equal(agt__store_put_fact(store, &fact, NULL), AGT_OK);
    fact.space = "shared:team";
    fact.agent = NULL;
    assert_int_equal(agt__store_put_fact(store, &fact, NULL), AGT_OK);
    agt_test_store_commit(store);
    assert_int_equal(agt_store_list_facts(store, "agent:anna", &list, NULL), AGT_OK);
    agt_test_assert_json(list,
                         "[{\"space\":\"agent:anna\",\"key\":\"k\",\"value\":{\"a\":[1,\"x\"]},"
                         "\"version\":2,\"created_unix_ns\":10,\"updated_unix_ns\":20,"
                         "\"agent\":\"anna\",\"trace_id\":null}]");
    agt_value_unref(list);
    assert_int_equal(agt_store_list_facts(store, NULL, &list, NULL), AGT_OK);
    assert_int_equal(agt_value_get_count(list), 2);
    agt_value_unref(list);
    agt_test_store_begin(store);
    assert_int_equal(agt__store_forget_fact(store, "agent:anna", "k", &had, NULL), AGT_OK);
    assert_true(had);
    assert_int_equal(agt__store_forget_fact(store, "agent:anna", "k", &had, NULL), AGT_OK);
    assert_false(had);
    agt_test_store_commit(store);
    agt_store_free(store);
    agt_value_unref(value);
}

/* ---- out of memory ----------------------------------------------------------------------------
 */

static agt_status write_and_read(agt_store *store, const agt_allocator *allocator)
{
    int64_t row = 0;
    agt_value *session = NULL, *list = NULL, *body = NULL;
    agt_status status = agt_json_parse(allocator, "{\"role\":\"user\"}", 15, NULL, &body, NULL);
    if (status == AGT_OK) {
        status = agt__store_begin(store, NULL);
    }
    if (status == AGT_OK) {
        status = add(store, "01AAAA", "talk", &row, NULL);
    }
    if (status == AGT_OK) {
        const agt__store_message message = {.turn = 1, .body = body};
        status = agt__store_put_message(store, row, &message, NULL);
    }
    if (status == AGT_OK) {
        const agt__store_fact fact = {.space = "agent:a", .key = "k", .value = body};
        status = agt__store_put_fact(store, &fact, NULL);
    }
    if (status == AGT_OK) {
        status = agt__store_commit(store, NULL);
    }
    agt__store_rollback(store);
    if (status == AGT_OK) {
        status = agt__store_claim(store, row, NULL);
    }
    if (status == AGT_OK) {
        status = agt_store_get_session(store, "talk", &session, NULL);
    }
    if (status == AGT_OK) {
        agt_value_unref(session);
        status = agt_store_list_facts(store, NULL, &list, NULL);
    }
    agt_value_unref(status == AGT_OK ? list : NULL);
    agt_value_unref(body);
    return status;
}

static void use(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_store *store = NULL;
    agt_status status = agt__store_open_writer(allocator, path, &store, NULL);
    if (status == AGT_OK) {
        status = write_and_read(store, allocator);
    }
    assert_true(status == AGT_OK ||
                (status == AGT_E_NOMEM && agt_test_heap_of(allocator)->failures > 0));
    agt_store_free(store);
    (void)unlink(path);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(use, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_messages_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_would_mix_two_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_by_name_id_beginning_and_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_clears_and_removes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_one_has_a_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remembers_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_out_of_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
