/*
 * JSON Pointer: the examples of RFC 6901, what is no pointer, and what is not there.
 */
#include "agent_sdk/value.h"

#include "support/test.h"
#include "support/values.h"

#include <string.h>

static const char document[] =
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
    "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,\"deep\":{\"x\":[[],[{\"y\":null}]]},"
    "\"01\":\"member\",\"nul\\u0000\":1}";

static void test_what_is_there(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/~01", "9"},
        {"/deep/x/1/0/y", "null"},
        {"/deep/x/0", "[]"},
        {"/01", "\"member\""},
    };
    agt_value *value = agt_test_value(NULL, document);
    const agt_value *part = NULL;
    assert_int_equal(agt_value_get_pointer(value, "", &part, NULL), AGT_OK);
    assert_ptr_equal(part, value);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_error err = {0};
        if (agt_value_get_pointer(value, cases[i][0], &part, &err) != AGT_OK) {
            fail_msg("%s: %s", cases[i][0], err.message);
        }
        agt_test_assert_json(part, cases[i][1]);
    }
    agt_value_unref(value);
}

static void test_what_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *pointer;
        agt_status status;
        const char *words;
    } cases[] = {
        {"foo", AGT_E_SYNTAX, "starts with '/'"},
        {"#/foo", AGT_E_SYNTAX, "starts with '/'"},
        {"/a~", AGT_E_SYNTAX, "~0"},
        {"/a~2b", AGT_E_SYNTAX, "~0"},
        {"/nowhere/~", AGT_E_SYNTAX, "~0"},
        {"/bar", AGT_E_NOT_FOUND, "the object at \"\" has no member \"bar\""},
        {"/m~0nn", AGT_E_NOT_FOUND, "has no member \"m~0nn\""},
        {"/m~0", AGT_E_NOT_FOUND, "has no member"},
        {"/nul", AGT_E_NOT_FOUND, "has no member"},
        {"/foo/2", AGT_E_NOT_FOUND, "the array at \"/foo\" has 2 items and none numbered \"2\""},
        {"/foo/-", AGT_E_NOT_FOUND, "none numbered \"-\""},
        {"/foo/-1", AGT_E_NOT_FOUND, "none numbered"},
        {"/foo/00", AGT_E_NOT_FOUND, "none numbered"},
        {"/foo/01", AGT_E_NOT_FOUND, "none numbered"},
        {"/foo/1e0", AGT_E_NOT_FOUND, "none numbered"},
        {"/foo/", AGT_E_NOT_FOUND, "none numbered \"\""},
        {"/foo/99999999999999999999999", AGT_E_NOT_FOUND, "none numbered"},
        {"/foo/18446744073709551616", AGT_E_NOT_FOUND, "none numbered"},
        {"/foo/0/x", AGT_E_NOT_FOUND, "the value at \"/foo/0\" is a string and has no part \"x\""},
        {"/deep/x/1/0/y/z", AGT_E_NOT_FOUND, "is a null"},
        {"//", AGT_E_NOT_FOUND, "the value at \"/\" is a number"},
    };
    agt_value *value = agt_test_value(NULL, document);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const agt_value *part = NULL;
        agt_error err = {0};
        agt_status status = agt_value_get_pointer(value, cases[i].pointer, &part, &err);
        if (status != cases[i].status || err.status != status || part != NULL ||
            strstr(err.message, cases[i].words) == NULL) {
            fail_msg("%s: %d %s", cases[i].pointer, status, err.message);
        }
        assert_int_equal(agt_value_get_pointer(value, cases[i].pointer, &part, NULL), status);
    }
    agt_value_unref(value);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    const agt_value *part = NULL;
    agt_error err = {0};
    assert_int_equal(agt_value_get_pointer(agt_value_null(), NULL, &part, &err), AGT_E_INVALID);
    assert_int_equal(agt_value_get_pointer(agt_value_null(), "", NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_value_get_pointer(NULL, "", &part, &err), AGT_OK);
    assert_int_equal(agt_value_get_kind(part), AGT_VALUE_NULL);
    assert_int_equal(agt_value_get_pointer(NULL, "/a", &part, &err), AGT_E_NOT_FOUND);
}

/* A message never grows with the pointer. */
static void test_long_pointer(void **state)
{
    (void)state;
    static char pointer[100001];
    memset(pointer, '/', sizeof(pointer) - 1);
    const agt_value *part = NULL;
    agt_error err = {0};
    agt_value *value = agt_test_value(NULL, "{\"\":{\"\":{\"\":[]}}}");
    assert_int_equal(agt_value_get_pointer(value, pointer, &part, &err), AGT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "the array at \"///\""));
    memset(pointer + 1, 'x', sizeof(pointer) - 2);
    assert_int_equal(agt_value_get_pointer(value, pointer, &part, &err), AGT_E_NOT_FOUND);
    assert_true(strlen(err.message) < 200);
    agt_value_unref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_there),
        cmocka_unit_test(test_what_is_not),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_long_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
