/* Where the arguments of a call end, in pieces. */
#include "llm/answer.h"

#include "support/test.h"

#include <string.h>

static bool is_whole(const char *first, const char *second)
{
    agt__answer *answer = NULL;
    assert_int_equal(agt__answer_new(NULL, 0, NULL, NULL, &answer), AGT_OK);
    assert_true(agt__answer_open(answer, 7, AGT__ANSWER_TOOL_CALL));
    assert_int_equal(agt__answer_get_count(answer), 1);
    assert_null(agt__answer_get_allocator(answer));
    agt__answer_append(answer, 7, first, strlen(first));
    (void)agt__answer_has_whole_arguments(answer, 7);
    agt__answer_append(answer, 7, second, strlen(second));
    bool whole = agt__answer_has_whole_arguments(answer, 7);
    assert_int_equal(agt__answer_has_whole_arguments(answer, 7), whole);
    agt__answer_free(answer);
    return whole;
}

static void whole_arguments_are_known(void **state)
{
    (void)state;
    assert_true(is_whole("{", "}"));
    assert_true(is_whole(" {\"a\":{\"b\":\"}\"", "}} \n"));
    assert_true(is_whole("{\"a\":\"\\\"", "}\"}"));
    assert_false(is_whole("", ""));
    assert_false(is_whole("{\"a\":\"", "}"));
    assert_false(is_whole("{}", "x"));
    assert_false(is_whole("{}", "{}"));
    assert_false(is_whole("\"{}", "\""));
    assert_false(is_whole("{\"a\":\"\\", "\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_arguments_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
