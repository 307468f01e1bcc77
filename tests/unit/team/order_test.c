/*
 * order_test.c - an order for things that name each other, or the cycle.
 */
#include "base/mem.h"
#include "team/team.h"

#include "support/test.h"
#include "support/torture.h"

#include <stdio.h>
#include <string.h>

/* The names in their order, "c b a", or the cycle. */
static agt_status sort(const agt_allocator *allocator, const char *json, const char *open,
                       char *text, size_t size)
{
    agt_value *section = NULL;
    size_t *order = NULL, from = 0, item = 0, used = 0;
    assert_int_equal(agt_json_parse(NULL, json, strlen(json), NULL, &section, NULL), AGT_OK);
    const agt__team_links links = {section, "needs", open};
    text[0] = '\0';
    agt_status status = agt__team_sort(allocator, &links, &order, text, size, &from, &item);
    if (status == AGT_OK) {
        for (size_t i = 0; i < agt_value_get_count(section); i++) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? " " : "",
                                     agt_value_get_key(section, order[i], NULL));
        }
        agt__free(allocator, order);
    }
    agt_value_unref(section);
    return status;
}

static void what_is_named_comes_first(void **state)
{
    (void)state;
    char text[256];
    assert_int_equal(sort(NULL,
                          "{\"a\":{\"needs\":[\"b\",\"c\"]},\"b\":{\"needs\":[\"c\"]},\"c\":{}}",
                          NULL, text, sizeof(text)),
                     AGT_OK);
    assert_string_equal(text, "c b a");
    assert_int_equal(
        sort(NULL, "{\"a\":{},\"b\":{},\"c\":{\"needs\":[\"nobody\"]}}", NULL, text, sizeof(text)),
        AGT_OK);
    assert_string_equal(text, "a b c");
    assert_int_equal(sort(NULL, "{}", NULL, text, sizeof(text)), AGT_OK);
    assert_string_equal(text, "");
}

static void an_open_one_names_all_others(void **state)
{
    (void)state;
    char text[256];
    assert_int_equal(
        sort(NULL, "{\"lead\":{},\"a\":{},\"b\":{\"needs\":[]}}", "lead", text, sizeof(text)),
        AGT_OK);
    assert_string_equal(text, "a b lead");
    assert_int_equal(sort(NULL, "{\"lead\":{\"needs\":[]},\"a\":{}}", "lead", text, sizeof(text)),
                     AGT_OK);
    assert_string_equal(text, "lead a");
    assert_int_equal(
        sort(NULL, "{\"lead\":{},\"a\":{\"needs\":[\"lead\"]}}", "lead", text, sizeof(text)),
        AGT_E_CYCLE);
    assert_string_equal(text, "lead → a → lead");
}

static void cycles_are_named(void **state)
{
    (void)state;
    char text[256];
    assert_int_equal(sort(NULL, "{\"a\":{\"needs\":[\"a\"]}}", NULL, text, sizeof(text)),
                     AGT_E_CYCLE);
    assert_string_equal(text, "a → a");
    assert_int_equal(sort(NULL,
                          "{\"x\":{\"needs\":[\"a\"]},\"a\":{\"needs\":[\"b\"]},"
                          "\"b\":{\"needs\":[\"c\"]},\"c\":{\"needs\":[\"a\"]}}",
                          NULL, text, sizeof(text)),
                     AGT_E_CYCLE);
    assert_string_equal(text, "a → b → c → a");
    char small[16];
    assert_int_equal(sort(NULL,
                          "{\"a\":{\"needs\":[\"b\"]},\"b\":{\"needs\":[\"c\"]},"
                          "\"c\":{\"needs\":[\"a\"]}}",
                          NULL, small, sizeof(small)),
                     AGT_E_CYCLE);
    assert_string_equal(small, "a → … → a");
}

static void long_chains_need_no_stack(void **state)
{
    (void)state;
    enum {
        COUNT = 20000
    };
    agt_value_builder *builder = NULL;
    agt_value *section = NULL;
    char name[16];
    assert_int_equal(agt_value_builder_new(NULL, &builder), AGT_OK);
    agt_value_builder_begin_object(builder);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "t%d", i);
        agt_value_builder_key(builder, name);
        agt_value_builder_begin_object(builder);
        agt_value_builder_key(builder, "needs");
        agt_value_builder_begin_array(builder);
        (void)snprintf(name, sizeof(name), "t%d", i + 1);
        agt_value_builder_string(builder, name);
        agt_value_builder_end(builder);
        agt_value_builder_end(builder);
    }
    agt_value_builder_end(builder);
    assert_int_equal(agt_value_builder_finish(builder, &section, NULL), AGT_OK);
    agt_value_builder_free(builder);
    const agt__team_links links = {section, "needs", NULL};
    size_t *order = NULL, from = 0, item = 0;
    assert_int_equal(agt__team_sort(NULL, &links, &order, name, sizeof(name), &from, &item),
                     AGT_OK);
    assert_int_equal(order[0], COUNT - 1);
    assert_int_equal(order[COUNT - 1], 0);
    agt__free(NULL, order);
    agt_value_unref(section);
}

static void scenario(const agt_allocator *allocator, void *ctx)
{
    char text[64];
    (void)ctx;
    agt_status status =
        sort(allocator, "{\"a\":{\"needs\":[\"b\"]},\"b\":{}}", NULL, text, sizeof(text));
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
}

static void out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(scenario, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_comes_first),
        cmocka_unit_test(an_open_one_names_all_others),
        cmocka_unit_test(cycles_are_named),
        cmocka_unit_test(long_chains_need_no_stack),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
