/*
 * Public corpora are read with the policy that the last of two equal keys counts, because they hold
 * such documents to be valid; ours, which refuses them, is tested with the parser.
 */
#include "support/json_corpus.h"

#include "support/json_peer.h"
#include "support/test.h"

#include "agent_sdk/value.h"

#include <string.h>

typedef struct score {
    const char *mode;
    size_t must_accept, must_reject, free_accepted, free_rejected;
    size_t all;
} score;

static void check(const agt_test_json_case *c, void *ctx)
{
    score *total = ctx;
    agt_json_config config = AGT_CONFIG(agt_json_config, .number_bytes_max = 4096,
                                        .duplicates = AGT_JSON_DUPLICATES_LAST, .depth_max = 1024);
    agt_value *value = NULL;
    agt_error err = {0};
    agt_status status = agt_json_parse(NULL, c->document, c->size, &config, &value, &err);
    if (c->verdict != 'i' && (status == AGT_OK) != (c->verdict == 'y')) {
        fail_msg("%s: expected %c, got %d %u:%u %s: %s", c->name, c->verdict, status, err.line,
                 err.column, err.message, c->document);
    }
    if (status == AGT_OK) {
        agt_value *text = NULL;
        assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_CANONICAL, &text), AGT_OK);
        if (c->canonical_size > 0) {
            assert_string_equal(agt_value_get_string(text, NULL), c->canonical);
        }
        agt_value_unref(text);
    } else {
        assert_true(status == AGT_E_SYNTAX || status == AGT_E_LIMIT);
        assert_true(err.line > 0 && err.column > 0);
    }
    total->must_accept += c->verdict == 'y';
    total->must_reject += c->verdict == 'n';
    total->free_accepted += c->verdict == 'i' && status == AGT_OK;
    total->free_rejected += c->verdict == 'i' && status != AGT_OK;
    agt_value_unref(value);
}

static void test_corpus(void **state)
{
    score *total = *state;
    total->all = agt_test_json_peer(total->mode, 0, 0, check, total);
    if (total->all == 0) {
        skip();
    }
    print_message("%s: %zu accepted as they must be, %zu rejected as they must be; of those that "
                  "are free, %zu accepted and %zu rejected\n",
                  total->mode, total->must_accept, total->must_reject, total->free_accepted,
                  total->free_rejected);
    assert_true(total->must_accept > 0 && total->must_reject > 0);
}

int agt_test_json_corpus(const char *mode)
{
    score total = {.mode = mode};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_corpus, &total),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0 ? 1 : total.all == 0 ? 77 : 0;
}
