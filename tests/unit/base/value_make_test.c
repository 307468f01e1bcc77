/* Records in one step: the same values that a builder makes, taint and depth included. */
#include "base/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <string.h>

static agt_value *tainted(const char *json)
{
    agt_value *value = agt_test_value(NULL, json);
    agt_value *copy = NULL;
    assert_int_equal(agt_value_with_taint(NULL, value, &copy), AGT_OK);
    agt_value_unref(value);
    return copy;
}

static void makes_what_a_builder_makes(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    const agt__field fields[] = {
        {"a", agt__value_uint64_or_null(&heap.allocator, 1)},
        {"", agt__value_text_or_null(&heap.allocator, "x")},
        {"long key with spaces", agt_value_empty_array()},
        {"\xC3\xA9", agt_value_null()},
        {"5", agt_value_bool(true)},
        {"6", agt_value_bool(true)},
        {"7", agt_value_bool(true)},
        {"8", agt_value_bool(false)},
    };
    agt_value *object = NULL, *array = NULL, *empty = NULL;
    assert_int_equal(agt__value_make_object(&heap.allocator, fields, 8, &object), AGT_OK);
    agt_test_assert_json(object,
                         "{\"a\":1,\"\":\"x\",\"long key with spaces\":[],\"\xC3\xA9\":null,"
                         "\"5\":true,\"6\":true,\"7\":true,\"8\":false}");
    assert_non_null(agt_value_get_member(object, ""));
    assert_null(agt_value_get_member(object, "9"));
    assert_false(agt_value_is_tainted(object));
    agt_value *items[] = {object, agt_value_null()};
    assert_int_equal(agt__value_make_array(&heap.allocator, items, 2, &array), AGT_OK);
    assert_ptr_equal(agt_value_get_item(array, 0), object);
    assert_int_equal(agt__value_make_array(&heap.allocator, NULL, 0, &empty), AGT_OK);
    assert_ptr_equal(empty, agt_value_empty_array());
    agt_value_unref(array);
    agt_test_heap_deinit(&heap);
}

static void taint_goes_up(void **state)
{
    (void)state;
    agt_value *object = NULL, *again = NULL;
    const agt__field some[] = {{"a", tainted("1")}, {"b", agt_test_value(NULL, "2")}};
    assert_int_equal(agt__value_make_object(NULL, some, 2, &object), AGT_OK);
    assert_true(agt_value_is_tainted(object));
    assert_false(agt_value_is_tainted(agt_value_get_member(object, "b")));
    assert_int_equal(agt_value_with_taint(NULL, object, &again), AGT_OK);
    assert_ptr_not_equal(again, object); /* not all of it was */
    agt_value_unref(again);
    agt_value_unref(object);
    const agt__field all[] = {{"a", tainted("1")}, {"b", tainted("[2]")}};
    assert_int_equal(agt__value_make_object(NULL, all, 2, &object), AGT_OK);
    assert_int_equal(agt_value_with_taint(NULL, object, &again), AGT_OK);
    assert_ptr_equal(again, object);
    agt_value_unref(again);
    agt_value_unref(object);
}

static void takes_its_parts_on_failure(void **state)
{
    (void)state;
    agt_test_heap heap;
    agt_test_heap_init(&heap);
    agt_value *value = NULL;
    const agt__field fields[] = {{"a", agt__value_uint64_or_null(&heap.allocator, 1)}, {"b", NULL}};
    assert_int_equal(agt__value_make_object(&heap.allocator, fields, 2, &value), AGT_E_NOMEM);
    agt_value *items[] = {agt__value_text_or_null(&heap.allocator, "x"), NULL};
    assert_int_equal(agt__value_make_array(&heap.allocator, items, 2, &value), AGT_E_NOMEM);
    assert_null(agt__value_text_or_null(&heap.allocator, "\xff"));
    assert_null(value);
    agt_test_heap_deinit(&heap);
}

static void is_never_too_deep(void **state)
{
    (void)state;
    agt_value *value = agt_value_bool(true);
    agt_status status = AGT_OK;
    int depth = 0;
    while (status == AGT_OK) {
        agt_value *outer = NULL;
        if (depth % 2 == 0) {
            status = agt__value_make_array(NULL, &value, 1, &outer);
        } else {
            const agt__field field = {"a", value};
            status = agt__value_make_object(NULL, &field, 1, &outer);
        }
        value = outer;
        depth++;
    }
    assert_int_equal(status, AGT_E_LIMIT);
    assert_int_equal(depth, 1025);
}

static void torture(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_value *object = NULL, *array = NULL;
    const agt__field fields[] = {{"a", agt__value_uint64_or_null(allocator, 1)},
                                 {"b", agt__value_text_or_null(allocator, "x")}};
    if (agt__value_make_object(allocator, fields, 2, &object) != AGT_OK) {
        object = NULL;
    }
    agt_value *items[] = {object, agt__value_text_or_null(allocator, "y")};
    if (agt__value_make_array(allocator, items, 2, &array) == AGT_OK) {
        agt_test_assert_json(array, "[{\"a\":1,\"b\":\"x\"},\"y\"]");
        agt_value_unref(array);
    }
}

static void survives_no_memory(void **state)
{
    (void)state;
    agt_test_torture(torture, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_what_a_builder_makes), cmocka_unit_test(taint_goes_up),
        cmocka_unit_test(takes_its_parts_on_failure), cmocka_unit_test(is_never_too_deep),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
