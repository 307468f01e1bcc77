/*
 * Counting votes: examples, and properties over random ballots: the order of the votes does not
 * matter, scaling all weights changes nothing, an average lies between the votes, a repeated vote
 * counts like a heavier one.
 */
#include "agents/consensus.h"

#include "base/random.h"

#include "support/test.h"
#include "support/values.h"

#include <math.h>
#include <string.h>

enum {
    most = 12,
    rounds = 2000
};

static agt_value *values[8]; /* "0" … "7" */

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(agt_value_new_int64(NULL, i, &values[i]), AGT_OK);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        agt_value_unref(values[i]);
    }
    return 0;
}

static agt__ballot vote(int value, double confidence, double weight)
{
    return (agt__ballot){.agent = "x",
                         .value = values[value],
                         .number = value,
                         .confidence = confidence,
                         .weight = weight};
}

static agt__tally count(agt__ballot *ballots, size_t size, agt_vote strategy)
{
    agt__tally tally = {0};
    assert_int_equal(agt__consensus_count(ballots, size, strategy, &tally), AGT_OK);
    return tally;
}

static void assert_near(double a, double b)
{
    if (fabs(a - b) > 1e-9 * (1 + fabs(a))) {
        fail_msg("%.17g is not %.17g", a, b);
    }
}

/* ---- examples -------------------------------------------------------------------------------- */

static void the_majority_wins(void **state)
{
    (void)state;
    agt__ballot ballots[] = {vote(1, 0.1, 9), vote(2, 0.9, 1), vote(2, -1, 1)};
    agt__tally tally = count(ballots, 3, AGT_VOTE_MAJORITY);
    assert_ptr_equal(ballots[tally.winner].value, values[2]);
    assert_near(tally.confidence, 2.0 / 3);
    assert_false(tally.tie);
    assert_true(isnan(tally.number));
    assert_true(ballots[0].dissents && !ballots[1].dissents && !ballots[2].dissents);
    assert_true(ballots[0].distance == 1 && ballots[1].distance == 0);
}

static void weight_times_confidence_counts(void **state)
{
    (void)state;
    agt__ballot ballots[] = {vote(1, 0.5, 4), vote(2, 0.9, 1), vote(2, -1, 1)};
    agt__tally tally = count(ballots, 3, AGT_VOTE_WEIGHTED);
    assert_ptr_equal(ballots[tally.winner].value, values[1]);
    assert_near(tally.confidence, 2.0 / 3.9);
}

static void a_tie_goes_to_the_first(void **state)
{
    (void)state;
    agt__ballot ballots[] = {vote(3, -1, 1), vote(1, -1, 1), vote(3, -1, 1), vote(1, -1, 1),
                             vote(2, -1, 1)};
    agt__tally tally = count(ballots, 5, AGT_VOTE_MAJORITY);
    assert_int_equal(tally.winner, 0);
    assert_true(tally.tie);
    assert_near(tally.confidence, 0.4);
    /* The last digits of sums decide nothing. */
    agt__ballot sums[] = {vote(1, 0.3, 1), vote(2, 0.1, 1), vote(2, 0.2, 1)};
    tally = count(sums, 3, AGT_VOTE_WEIGHTED);
    assert_true(tally.tie);
    assert_int_equal(tally.winner, 0);
    /* A third answer that is ahead ends the tie. */
    agt__ballot third[] = {vote(1, -1, 1), vote(2, -1, 1), vote(3, -1, 1), vote(3, -1, 1)};
    tally = count(third, 4, AGT_VOTE_MAJORITY);
    assert_false(tally.tie);
    assert_int_equal(tally.winner, 2);
}

static void numbers_are_averaged(void **state)
{
    (void)state;
    agt__ballot ballots[] = {vote(2, 1, 1), vote(4, 0.5, 2), vote(6, 0.25, 4)};
    agt__tally tally = count(ballots, 3, AGT_VOTE_WEIGHTED_AVERAGE);
    assert_near(tally.number, 4);
    assert_near(tally.confidence, (1 + 1 + 1) / 7.0);
    assert_near(ballots[0].distance, 2);
    /* The deviation is sqrt(8/3): both outer votes are further. */
    assert_true(ballots[0].dissents && !ballots[1].dissents && ballots[2].dissents);
    agt__ballot pair[] = {vote(1, 1, 1), vote(2, 1, 1)};
    tally = count(pair, 2, AGT_VOTE_WEIGHTED_AVERAGE);
    assert_near(tally.number, 1.5);
    assert_false(pair[0].dissents || pair[1].dissents); /* just one deviation away */
    agt__ballot same[] = {vote(5, 1, 1), vote(5, 1, 1), vote(5, 0.1, 1)};
    tally = count(same, 3, AGT_VOTE_WEIGHTED_AVERAGE);
    assert_true(tally.number == 5);
    assert_false(same[0].dissents || same[1].dissents || same[2].dissents);
}

static void some_abstain(void **state)
{
    (void)state;
    agt__ballot ballots[] = {vote(1, 1, 1), vote(7, 0, 100), {.agent = "y", .reason = "why"}};
    agt__tally tally = count(ballots, 3, AGT_VOTE_WEIGHTED_AVERAGE);
    assert_int_equal(tally.voters, 1);
    assert_true(tally.number == 1);
    assert_null(ballots[1].value);
    assert_string_equal(ballots[1].reason, "its confidence is 0");
    assert_string_equal(ballots[2].reason, "why");
    assert_false(ballots[1].dissents);
    agt__ballot nobody[] = {vote(1, 0, 1), {.agent = "y", .reason = "why"}};
    assert_int_equal(agt__consensus_count(nobody, 2, AGT_VOTE_WEIGHTED, &tally), AGT_E_NOT_FOUND);
    assert_int_equal(agt__consensus_count(NULL, 0, AGT_VOTE_MAJORITY, &tally), AGT_E_NOT_FOUND);
    /* In a majority everybody counts the same. */
    agt__ballot unsure[] = {vote(1, 0, 1)};
    assert_int_equal(count(unsure, 1, AGT_VOTE_MAJORITY).voters, 1);
}

static void huge_numbers_do_not_overflow(void **state)
{
    (void)state;
    agt__ballot ballots[] = {vote(1, 1, 1), vote(1, 1, 1), vote(1, 1, 1)};
    for (size_t i = 0; i < 3; i++) {
        ballots[i].number = 1.7e308;
    }
    assert_true(count(ballots, 3, AGT_VOTE_WEIGHTED_AVERAGE).number == 1.7e308);
    ballots[1].number = -1.7e308; /* their distance is beyond the doubles */
    agt__tally tally = {0};
    assert_int_equal(agt__consensus_count(ballots, 3, AGT_VOTE_WEIGHTED_AVERAGE, &tally),
                     AGT_E_RANGE);
}

/* ---- properties ------------------------------------------------------------------------------ */

static size_t make_ballots(agt__prng *random, agt__ballot *ballots)
{
    size_t size = 1 + (size_t)agt__prng_below(random, most - 1);
    for (size_t i = 0; i < size; i++) {
        double confidence = (double)agt__prng_below(random, 101) / 100;
        ballots[i] =
            vote((int)agt__prng_below(random, 8), agt__prng_below(random, 5) == 0 ? -1 : confidence,
                 0.1 + (double)agt__prng_below(random, 50) / 10);
        if (agt__prng_below(random, 6) == 0) {
            ballots[i].value = NULL;
            ballots[i].reason = "absent";
        }
    }
    return size;
}

static void shuffle(agt__prng *random, agt__ballot *ballots, size_t size)
{
    for (size_t i = size; i > 1; i--) {
        size_t k = (size_t)agt__prng_below(random, i);
        agt__ballot other = ballots[i - 1];
        ballots[i - 1] = ballots[k];
        ballots[k] = other;
    }
}

/* Whether both countings agree; where there is a tie the winner may differ. */
static void assert_same(const agt__tally *a, const agt__ballot *of_a, const agt__tally *b,
                        const agt__ballot *of_b, agt_vote strategy)
{
    assert_int_equal(a->voters, b->voters);
    assert_int_equal(a->tie, b->tie);
    assert_near(a->confidence, b->confidence);
    if (strategy == AGT_VOTE_WEIGHTED_AVERAGE) {
        assert_near(a->number, b->number);
    } else if (!a->tie) {
        assert_true(agt_value_equals(of_a[a->winner].value, of_b[b->winner].value));
    }
}

static void check_properties(agt__prng *random, agt_vote strategy)
{
    agt__ballot ballots[most], other[2 * most];
    size_t size = make_ballots(random, ballots);
    memcpy(other, ballots, sizeof(ballots));
    agt__tally tally = {0}, again = {0};
    agt_status status = agt__consensus_count(ballots, size, strategy, &tally);
    shuffle(random, other, size);
    assert_int_equal(agt__consensus_count(other, size, strategy, &again), status);
    if (status != AGT_OK) {
        return;
    }
    assert_same(&tally, ballots, &again, other, strategy);
    assert_true(tally.confidence > 0 && tally.confidence <= 1);
    double low = 8, high = -1;
    for (size_t i = 0; i < size; i++) {
        if (ballots[i].value != NULL) {
            low = ballots[i].number < low ? ballots[i].number : low;
            high = ballots[i].number > high ? ballots[i].number : high;
        }
    }
    if (strategy == AGT_VOTE_WEIGHTED_AVERAGE) {
        assert_true(tally.number >= low - 1e-9 && tally.number <= high + 1e-9);
    }
    /* Ten times every weight is the same vote. */
    for (size_t i = 0; i < size; i++) {
        other[i] = ballots[i];
        other[i].weight *= 10;
    }
    assert_int_equal(agt__consensus_count(other, size, strategy, &again), AGT_OK);
    assert_same(&tally, ballots, &again, other, strategy);
    /* Everybody twice, too. */
    for (size_t i = 0; i < 2 * size; i++) {
        other[i] = ballots[i / 2];
    }
    assert_int_equal(agt__consensus_count(other, 2 * size, strategy, &again), AGT_OK);
    again.voters /= 2;
    assert_same(&tally, ballots, &again, other, strategy);
}

static void holds_for_random_votes(void **state)
{
    (void)state;
    agt__prng random;
    agt__prng_seed(&random, 20260101);
    for (int i = 0; i < rounds; i++) {
        check_properties(&random, (agt_vote)(i % 3));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_majority_wins),
        cmocka_unit_test(weight_times_confidence_counts),
        cmocka_unit_test(a_tie_goes_to_the_first),
        cmocka_unit_test(numbers_are_averaged),
        cmocka_unit_test(some_abstain),
        cmocka_unit_test(huge_numbers_do_not_overflow),
        cmocka_unit_test(holds_for_random_votes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
