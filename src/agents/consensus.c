/*
 * Counting votes.
 *
 * Answers are grouped by equality of values (1 and 1.0 are one answer); groups are compared by the
 * sum of their members' power, with a tolerance for the last digits of sums, so that 0.1 + 0.2 ties
 * with 0.3. An average is a running weighted mean, which does not overflow where the votes do not.
 *
 * Threads: nothing is kept.
 */
#include "agents/consensus.h"

#include <math.h>

#define TOLERANCE 1e-9

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double power_of(const agt__ballot *ballot, agt_vote strategy)
{
    double confidence = ballot->confidence < 0 ? 1.0 : ballot->confidence;
    return strategy == AGT_VOTE_MAJORITY ? 1.0 : ballot->weight * confidence;
}

/* Give every vote its power; who has none abstains. @return how many vote */
static size_t weigh(agt__ballot *ballots, size_t count, agt_vote strategy)
{
    size_t voters = 0;
    for (size_t i = 0; i < count; i++) {
        agt__ballot *ballot = &ballots[i];
        ballot->power = 0;
        ballot->distance = 0;
        ballot->dissents = false;
        if (ballot->value == NULL) {
            continue;
        }
        ballot->power = power_of(ballot, strategy);
        if (ballot->power > 0) {
            voters++;
        } else {
            ballot->value = NULL;
            ballot->reason = "its confidence is 0";
        }
    }
    return voters;
}

static double total_power(const agt__ballot *ballots, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        total += ballots[i].power;
    }
    return total;
}

/* Whether an earlier ballot votes for the same. */
static bool is_repeated(const agt__ballot *ballots, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (ballots[i].value != NULL && agt_value_equals(ballots[i].value, ballots[index].value)) {
            return true;
        }
    }
    return false;
}

static double power_behind(const agt__ballot *ballots, size_t count, const agt_value *value)
{
    double power = 0;
    for (size_t i = 0; i < count; i++) {
        if (ballots[i].value != NULL && agt_value_equals(ballots[i].value, value)) {
            power += ballots[i].power;
        }
    }
    return power;
}

static void choose(agt__ballot *ballots, size_t count, agt__tally *tally)
{
    double best = -1;
    for (size_t i = 0; i < count; i++) {
        if (ballots[i].value == NULL || is_repeated(ballots, i)) {
            continue;
        }
        double power = power_behind(ballots, count, ballots[i].value);
        if (best >= 0 && fabs(power - best) <= TOLERANCE * larger(power, best)) {
            tally->tie = true;
        } else if (power > best) {
            best = power;
            tally->winner = i;
            tally->tie = false;
        }
    }
    double share = best / total_power(ballots, count);
    tally->confidence = share < 1 ? share : 1;
    for (size_t i = 0; i < count; i++) {
        bool agrees = ballots[i].value != NULL &&
                      agt_value_equals(ballots[i].value, ballots[tally->winner].value);
        ballots[i].dissents = ballots[i].value != NULL && !agrees;
        ballots[i].distance = ballots[i].dissents ? 1 : 0;
    }
}

static agt_status average(agt__ballot *ballots, size_t count, agt__tally *tally)
{
    double sum = 0;
    double mean = 0;
    double spread = 0; /* sum of power times squared distance */
    double weights = 0;
    double confidences = 0;
    for (size_t i = 0; i < count; i++) {
        const agt__ballot *ballot = &ballots[i];
        if (ballot->value == NULL) {
            continue;
        }
        sum += ballot->power;
        double step = ballot->number - mean;
        mean += step * (ballot->power / sum);
        spread += ballot->power * step * (ballot->number - mean);
        weights += ballot->weight;
        confidences += ballot->weight * (ballot->confidence < 0 ? 1.0 : ballot->confidence);
    }
    if (!isfinite(mean)) {
        return AGT_E_RANGE;
    }
    /* Further than one standard deviation, and not by the last digits only. */
    double variance = larger(spread, 0) / sum;
    for (size_t i = 0; i < count; i++) {
        if (ballots[i].value != NULL) {
            double distance = fabs(ballots[i].number - mean);
            ballots[i].distance = distance;
            ballots[i].dissents = distance > TOLERANCE * fabs(mean) &&
                                  distance * distance > variance * (1 + TOLERANCE);
        }
    }
    tally->number = mean;
    tally->confidence = confidences / weights;
    return AGT_OK;
}

agt_status agt__consensus_count(agt__ballot *ballots, size_t count, agt_vote strategy,
                                agt__tally *ret_tally)
{
    agt__tally tally = {.number = NAN};
    tally.voters = weigh(ballots, count, strategy);
    if (tally.voters == 0) {
        return AGT_E_NOT_FOUND;
    }
    agt_status status = AGT_OK;
    switch (strategy) {
    case AGT_VOTE_MAJORITY:
    case AGT_VOTE_WEIGHTED:
        choose(ballots, count, &tally);
        break;
    case AGT_VOTE_WEIGHTED_AVERAGE:
        status = average(ballots, count, &tally);
        break;
    }
    if (status == AGT_OK) {
        *ret_tally = tally;
    }
    return status;
}
