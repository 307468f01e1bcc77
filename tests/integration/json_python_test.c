/*
 * Thousands of documents, made and broken at random, against Python's json module: the same ones
 * are accepted, and they mean the same down to the last digit. A failure names its document
 * (made-SEED-NUMBER), which `_json_peer.py generated SEED COUNT` makes again.
 */
#include "agent_sdk/value.h"

#include "support/json_peer.h"
#include "support/test.h"

#include <string.h>

typedef struct counts {
    size_t accepted, rejected;
} counts;

static void check(const agt_test_json_case *c, void *ctx)
{
    counts *seen = ctx;
    agt_json_config config =
        AGT_CONFIG(agt_json_config, .number_bytes_max = 4096, .depth_max = 1024);
    agt_value *value = NULL;
    agt_error err = {0};
    agt_status status = agt_json_parse(NULL, c->document, c->size, &config, &value, &err);
    if (c->verdict != 'i' && (status == AGT_OK) != (c->verdict == 'y')) {
        fail_msg("%s: Python says %c, we say %d %u:%u %s: %s", c->name, c->verdict, status,
                 err.line, err.column, err.message, c->document);
    }
    if (status == AGT_OK && c->verdict == 'y') {
        agt_value *text = NULL;
        size_t length = 0;
        assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_CANONICAL, &text), AGT_OK);
        const char *bytes = agt_value_get_string(text, &length);
        if (length != c->canonical_size || memcmp(bytes, c->canonical, length) != 0) {
            fail_msg("%s: Python says %s, we say %s", c->name, c->canonical, bytes);
        }
        agt_value_unref(text);
    }
    seen->accepted += status == AGT_OK;
    seen->rejected += status != AGT_OK;
    agt_value_unref(value);
}

static void test_generated(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        counts seen = {0, 0};
        assert_int_equal(agt_test_json_peer("generated", seed, 1000, check, &seen), 3000);
        assert_true(seen.accepted > 1000); /* or the documents are not worth much */
        assert_true(seen.rejected > 800);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
