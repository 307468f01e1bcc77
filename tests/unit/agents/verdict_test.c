/* Verdicts on replies: who votes what, who abstains and why, everything told as a value. */
#include "agents/reply.h"

#include "base/error.h"

#include "support/agents.h"
#include "support/test.h"
#include "support/values.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static agt_test_engine engine;
static agt_pool *pool;
static agt_reply *items[8];
static size_t count;

static int setup(void **state)
{
    (void)state;
    count = 0;
    assert_int_equal(agt_test_engine_init(&engine, NULL, true, NULL), AGT_OK);
    assert_int_equal(agt_pool_new(engine.runtime, "team", &pool, NULL), AGT_OK);
    agt_model *model = agt_test_script(engine.runtime, "{\"text\": \"x\"}");
    agt_agent *agent = agt_test_agent(&engine, "heavy", model, NULL);
    agt_member_config config = AGT_CONFIG(agt_member_config, .weight = 3);
    assert_int_equal(agt_pool_register_agent(pool, NULL, agent, &config, NULL), AGT_OK);
    agt_agent_unref(agent);
    agt_model_unref(model);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        agt_reply_unref(items[i]);
    }
    agt_pool_unref(pool);
    agt_test_engine_deinit(&engine);
    return 0;
}

static void add(const char *agent, agt_outcome outcome, const char *output)
{
    agt_value *value = agt_test_value(NULL, output);
    agt_error err = {0};
    (void)agt__error_set(&err, agt_outcome_get_status(outcome), "test", "too slow");
    assert_int_equal(agt__reply_new_from(NULL, agent, outcome, &err, value, &items[count++]),
                     AGT_OK);
    agt_value_unref(value);
}

static agt_verdict *vote(agt_vote strategy, const char *pointer, agt_status status, agt_error *err)
{
    agt_replies *replies = NULL;
    agt_verdict *verdict = NULL;
    assert_int_equal(agt_replies_new(engine.runtime, items, count, &replies), AGT_OK);
    assert_int_equal(agt_pool_consensus_vote(pool, replies, strategy, pointer, &verdict, err),
                     status);
    agt_replies_free(replies); /* the verdict stands by itself */
    return verdict;
}

static void averages_scores(void **state)
{
    (void)state;
    add("heavy", AGT_OUTCOME_OK, "{\"value\": {\"score\": 2, \"confidence\": 1}}");
    add("b", AGT_OUTCOME_OK, "{\"value\": {\"score\": 4, \"confidence\": 0.5}}");
    add("c", AGT_OUTCOME_OK, "{\"value\": {\"score\": 9}}");
    add("late", AGT_OUTCOME_TIMEOUT, "{\"value\": {\"score\": 100}}");
    add("wordy", AGT_OUTCOME_OK, "{\"text\": \"about 5\"}");
    add("odd", AGT_OUTCOME_OK, "{\"value\": {\"score\": \"5\"}}");
    add("empty", AGT_OUTCOME_OK, "{\"value\": {}}");
    agt_verdict *verdict = vote(AGT_VOTE_WEIGHTED_AVERAGE, NULL, AGT_OK, NULL);
    /* (3 x 2 + 0.5 x 4 + 1 x 9) / 4.5 */
    assert_true(fabs(agt_verdict_get_number(verdict) - 17 / 4.5) < 1e-12);
    assert_true(fabs(agt_verdict_get_confidence(verdict) - 4.5 / 5) < 1e-12);
    assert_false(agt_verdict_is_tie(verdict));
    double number = 0;
    assert_int_equal(agt_value_get_double(agt_verdict_get_value(verdict), &number), AGT_OK);
    assert_true(number == agt_verdict_get_number(verdict));
    const agt_value *details = agt_verdict_get_details(verdict);
    assert_int_equal(agt_value_get_count(agt_value_get_member(details, "voters")), 3);
    agt_test_assert_json(agt_value_get_member(details, "dissent"), "[\"c\"]");
    agt_test_assert_json(agt_value_get_member(details, "strategy"), "\"weighted_average\"");
    agt_test_assert_json(
        agt_value_get_member(details, "abstained"),
        "[{\"agent\":\"late\",\"reason\":\"timeout: too slow\"},"
        "{\"agent\":\"wordy\",\"reason\":\"it has no typed answer\"},"
        "{\"agent\":\"odd\",\"reason\":\"/score: expected a number, found string\"},"
        "{\"agent\":\"empty\",\"reason\":\"the object at \\\"\\\" has no member \\\"score\\\"\"}]");
    agt_verdict_free(verdict);
}

static void tells_everything(void **state)
{
    (void)state;
    add("heavy", AGT_OUTCOME_OK, "{\"value\": {\"choice\": \"no\", \"confidence\": 0.5}}");
    add("b", AGT_OUTCOME_OK, "{\"value\": {\"choice\": \"yes\"}}");
    agt_verdict *verdict = vote(AGT_VOTE_WEIGHTED, "/choice", AGT_OK, NULL);
    agt_test_assert_json(
        agt_verdict_get_details(verdict),
        "{\"strategy\":\"weighted\",\"value\":\"no\",\"confidence\":0.6,\"tie\":false,"
        "\"voters\":[{\"agent\":\"heavy\",\"value\":\"no\",\"confidence\":0.5,\"weight\":3,"
        "\"distance\":0},{\"agent\":\"b\",\"value\":\"yes\",\"weight\":1,\"distance\":1}],"
        "\"abstained\":[],\"dissent\":[\"b\"]}");
    assert_true(isnan(agt_verdict_get_number(verdict)));
    agt_verdict_free(verdict);
}

static void compares_whole_answers(void **state)
{
    (void)state;
    add("a", AGT_OUTCOME_OK, "{\"text\": \"red\"}");
    add("b", AGT_OUTCOME_OK, "{\"text\": \"blue\"}");
    add("c", AGT_OUTCOME_OK, "{\"text\": \"blue\"}");
    add("d", AGT_OUTCOME_OK, "{\"text\": \"words\", \"value\": {\"a\": 1, \"b\": 2.0}}");
    add("e", AGT_OUTCOME_OK, "{\"value\": {\"b\": 2, \"a\": 1}}");
    add("f", AGT_OUTCOME_OK, "{}");
    agt_verdict *verdict = vote(AGT_VOTE_MAJORITY, NULL, AGT_OK, NULL);
    agt_test_assert_json(agt_verdict_get_value(verdict), "\"blue\"");
    assert_true(agt_verdict_is_tie(verdict)); /* with {a, b} */
    agt_verdict_free(verdict);
}

static void says_when_nobody_votes(void **state)
{
    (void)state;
    agt_error err = {0};
    assert_null(vote(AGT_VOTE_MAJORITY, NULL, AGT_E_NOT_FOUND, &err));
    assert_string_equal(err.message, "all 0 replies abstain");
    add("late", AGT_OUTCOME_TIMEOUT, "null");
    assert_null(vote(AGT_VOTE_MAJORITY, NULL, AGT_E_NOT_FOUND, &err));
    assert_string_equal(err.message, "all 1 replies abstain; late: timeout: too slow");
    agt_verdict *verdict = NULL;
    assert_int_equal(agt_pool_consensus_vote(pool, NULL, AGT_VOTE_MAJORITY, NULL, &verdict, &err),
                     AGT_E_INVALID);
    assert_null(vote((agt_vote)7, NULL, AGT_E_INVALID, &err));
    agt_verdict_free(NULL);
    assert_null(agt_verdict_get_value(NULL));
    assert_null(agt_verdict_get_details(NULL));
    assert_true(isnan(agt_verdict_get_number(NULL)));
    assert_true(agt_verdict_get_confidence(NULL) == 0 && !agt_verdict_is_tie(NULL));
}

static void needs_no_pool(void **state)
{
    (void)state;
    agt_replies *replies = NULL;
    agt_verdict *verdict = NULL;
    add("heavy", AGT_OUTCOME_OK, "{\"text\": \"one\"}");
    assert_int_equal(agt_replies_new(engine.runtime, items, count, &replies), AGT_OK);
    assert_int_equal(
        agt_pool_consensus_vote(NULL, replies, AGT_VOTE_WEIGHTED, NULL, &verdict, NULL), AGT_OK);
    agt_test_assert_json(agt_verdict_get_value(verdict), "\"one\"");
    agt_verdict_free(verdict);
    agt_replies_free(replies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(averages_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(compares_whole_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(says_when_nobody_votes, setup, teardown),
        cmocka_unit_test_setup_teardown(needs_no_pool, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
