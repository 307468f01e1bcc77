/* The estimate of a value's size lies between half and twice the size of its JSON text. */
#include "base/value.h"

#include "support/test.h"
#include "support/values.h"

#include <string.h>

static void is_about_right(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "{\"a\":[1,2,3],\"text\":\"some words that a model might say\",\"x\":null}",
        "[\"\",{},[],true,{\"key\":{\"key\":{\"key\":1234}}}]",
        "\"just a text\"",
        "[0.12345678901234567890123456789,\"x\"]",
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,210,2200,23000]",
        "null",
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        agt_value *value = agt_test_value(NULL, documents[i]);
        size_t size = strlen(documents[i]);
        assert_in_range(agt__value_estimate_size(value), size / 2, size * 2);
        agt_value_unref(value);
    }
    assert_in_range(agt__value_estimate_size(NULL), 2, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_about_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
