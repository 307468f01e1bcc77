/*
 * Verdicts: ballots made from replies, counted, and told in full.
 *
 * A reply abstains if it is not ok or lacks what is voted on; the verdict keeps the reason. All of
 * it is one value, so that a verdict can be printed, stored and sent; the accessors read a few
 * figures of it.
 *
 * Threads: a verdict never changes after it was made.
 */
#include "agents/consensus.h"
#include "agents/pool.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char origin[] = "agents/consensus";

enum {
    reason_size = 200
};

struct agt_verdict {
    const agt_allocator *allocator;
    agt_value *details;
    agt_value *value;
    double number;
    double confidence;
    bool tie;
};

/* What one reply votes, with room for a reason not to. */
typedef struct vote {
    agt_value *text; /* made for an answer without a type; owned */
    char reason[reason_size];
} vote;

/* ---- ballots ----------------------------------------------------------------------------------
 */

static void abstain(agt__ballot *ballot, vote *own, const char *reason)
{
    agt__copy_text(own->reason, sizeof(own->reason), reason);
    ballot->value = NULL;
    ballot->reason = own->reason;
}

/* The answer of a reply that is voted on. @return AGT_OK, also if it abstains; AGT_E_NOMEM */
static agt_status read_answer(const agt_allocator *allocator, const agt_reply *reply,
                              const char *pointer, agt__ballot *ballot, vote *own)
{
    const agt_value *value = agt_reply_get_value(reply);
    agt_error why = {0};
    if (value == NULL && pointer == NULL) {
        agt_status status = agt_value_new_string(allocator, agt_reply_get_text(reply), &own->text);
        ballot->value = own->text;
        return status;
    }
    if (value == NULL) {
        abstain(ballot, own, "it has no typed answer");
        return AGT_OK;
    }
    if (agt_value_get_pointer(value, pointer != NULL ? pointer : "", &ballot->value, &why) !=
        AGT_OK) {
        abstain(ballot, own, why.message);
    }
    return AGT_OK;
}

static agt_status make_ballot(agt_pool *pool, const agt_allocator *allocator,
                              const agt_reply *reply, agt_vote strategy, const char *pointer,
                              agt__ballot *ballot, vote *own)
{
    ballot->agent = agt_reply_get_agent(reply);
    ballot->confidence = agt_reply_get_confidence(reply);
    ballot->weight = pool != NULL ? agt__pool_get_weight(pool, ballot->agent) : 1.0;
    if (agt_reply_get_outcome(reply) != AGT_OUTCOME_OK) {
        char reason[reason_size];
        agt_error error = {0};
        (void)agt_reply_get_error(reply, &error);
        snprintf(reason, sizeof(reason), "%s: %.150s",
                 agt_outcome_get_name(agt_reply_get_outcome(reply)), error.message);
        abstain(ballot, own, reason);
        return AGT_OK;
    }
    if (strategy != AGT_VOTE_WEIGHTED_AVERAGE) {
        return read_answer(allocator, reply, pointer, ballot, own);
    }
    pointer = pointer != NULL ? pointer : "/score";
    agt_status status = read_answer(allocator, reply, pointer, ballot, own);
    if (status == AGT_OK && ballot->value != NULL &&
        agt_value_get_double(ballot->value, &ballot->number) != AGT_OK) {
        char reason[reason_size];
        snprintf(reason, sizeof(reason), "%.100s: expected a number, found %s", pointer,
                 agt_value_kind_get_name(agt_value_get_kind(ballot->value)));
        abstain(ballot, own, reason);
    }
    return status;
}

/* ---- details ----------------------------------------------------------------------------------
 */

static const char *strategy_name(agt_vote strategy)
{
    switch (strategy) {
    case AGT_VOTE_MAJORITY:
        return "majority";
    case AGT_VOTE_WEIGHTED:
        return "weighted";
    case AGT_VOTE_WEIGHTED_AVERAGE:
        return "weighted_average";
    }
    return "?";
}

static void add_double(agt_value_builder *b, const char *key, double number)
{
    agt_value_builder_key(b, key);
    agt_value_builder_double(b, number);
}

static void add_voter(agt_value_builder *b, const agt__ballot *ballot)
{
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "agent", ballot->agent);
    agt__builder_add_value(b, "value", ballot->value);
    if (ballot->confidence >= 0) {
        add_double(b, "confidence", ballot->confidence);
    }
    add_double(b, "weight", ballot->weight);
    add_double(b, "distance", ballot->distance);
    agt_value_builder_end(b);
}

static void add_lists(agt_value_builder *b, const agt__ballot *ballots, size_t count)
{
    agt_value_builder_key(b, "voters");
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < count; i++) {
        if (ballots[i].value != NULL) {
            add_voter(b, &ballots[i]);
        }
    }
    agt_value_builder_end(b);
    agt_value_builder_key(b, "abstained");
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < count; i++) {
        if (ballots[i].value == NULL) {
            agt_value_builder_begin_object(b);
            agt__builder_add_string(b, "agent", ballots[i].agent);
            agt__builder_add_string(b, "reason", ballots[i].reason);
            agt_value_builder_end(b);
        }
    }
    agt_value_builder_end(b);
    agt_value_builder_key(b, "dissent");
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < count; i++) {
        if (ballots[i].dissents) {
            agt_value_builder_string(b, ballots[i].agent);
        }
    }
    agt_value_builder_end(b);
}

static agt_status describe(agt_verdict *verdict, const agt__ballot *ballots, size_t count,
                           agt_vote strategy, agt_error *err)
{
    agt_value_builder *b = NULL;
    if (agt_value_builder_new(verdict->allocator, &b) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "strategy", strategy_name(strategy));
    agt__builder_add_value(b, "value", verdict->value);
    add_double(b, "confidence", verdict->confidence);
    agt__builder_add_bool(b, "tie", verdict->tie);
    add_lists(b, ballots, count);
    agt_value_builder_end(b);
    agt_status status = agt_value_builder_finish(b, &verdict->details, err);
    agt_value_builder_free(b);
    return status;
}

static agt_status new_verdict(const agt_allocator *allocator, const agt__tally *tally,
                              const agt__ballot *ballots, size_t count, agt_vote strategy,
                              agt_verdict **ret_verdict, agt_error *err)
{
    agt_verdict *verdict = agt__calloc(allocator, 1, sizeof(*verdict));
    if (verdict == NULL) {
        return agt__error_nomem(err, origin);
    }
    verdict->allocator = allocator;
    verdict->number = tally->number;
    verdict->confidence = tally->confidence;
    verdict->tie = tally->tie;
    agt_status status = AGT_OK;
    if (strategy == AGT_VOTE_WEIGHTED_AVERAGE) {
        status = agt_value_new_double(allocator, tally->number, &verdict->value);
    } else {
        verdict->value = agt_value_ref(ballots[tally->winner].value);
    }
    if (status == AGT_OK) {
        status = describe(verdict, ballots, count, strategy, err);
    } else {
        agt__error_nomem(err, origin);
    }
    if (status != AGT_OK) {
        agt_verdict_free(verdict);
        return status;
    }
    *ret_verdict = verdict;
    return AGT_OK;
}

/* ---- public -----------------------------------------------------------------------------------
 */

static agt_status vote_on(agt_pool *pool, const agt_replies *replies, agt_vote strategy,
                          const char *pointer, agt__ballot *ballots, vote *votes,
                          agt_verdict **ret_verdict, agt_error *err)
{
    const agt_allocator *allocator = pool != NULL ? pool->allocator : NULL;
    size_t count = agt_replies_get_count(replies);
    for (size_t i = 0; i < count; i++) {
        agt_status status = make_ballot(pool, allocator, agt_replies_get(replies, i), strategy,
                                        pointer, &ballots[i], &votes[i]);
        if (status != AGT_OK) {
            return agt__error_nomem(err, origin);
        }
    }
    agt__tally tally;
    agt_status status = agt__consensus_count(ballots, count, strategy, &tally);
    if (status == AGT_E_NOT_FOUND) {
        return agt__error_set(err, status, origin, "all %zu replies abstain%s%s%s%s", count,
                              count > 0 ? "; " : "", count > 0 ? ballots[0].agent : "",
                              count > 0 ? ": " : "", count > 0 ? ballots[0].reason : "");
    }
    if (status != AGT_OK) {
        return agt__error_set(err, status, origin, "the average is beyond what a number can hold");
    }
    return new_verdict(allocator, &tally, ballots, count, strategy, ret_verdict, err);
}

agt_status agt_pool_consensus_vote(agt_pool *pool, const agt_replies *replies, agt_vote strategy,
                                   const char *pointer, agt_verdict **ret_verdict, agt_error *err)
{
    if (replies == NULL || ret_verdict == NULL || strategy < AGT_VOTE_MAJORITY ||
        strategy > AGT_VOTE_WEIGHTED_AVERAGE) {
        return agt__error_set(err, AGT_E_INVALID, origin,
                              "replies, a strategy and ret_verdict are required");
    }
    const agt_allocator *allocator = pool != NULL ? pool->allocator : NULL;
    size_t count = agt_replies_get_count(replies);
    agt__ballot *ballots = agt__calloc(allocator, count + 1, sizeof(*ballots));
    vote *votes = agt__calloc(allocator, count + 1, sizeof(*votes));
    agt_status status = ballots != NULL && votes != NULL ? vote_on(pool, replies, strategy, pointer,
                                                                   ballots, votes, ret_verdict, err)
                                                         : agt__error_nomem(err, origin);
    for (size_t i = 0; votes != NULL && i < count; i++) {
        agt_value_unref(votes[i].text);
    }
    agt__free(allocator, votes);
    agt__free(allocator, ballots);
    return status;
}

const agt_value *agt_verdict_get_value(const agt_verdict *verdict)
{
    return verdict != NULL ? verdict->value : NULL;
}

double agt_verdict_get_number(const agt_verdict *verdict)
{
    return verdict != NULL ? verdict->number : (double)NAN;
}

double agt_verdict_get_confidence(const agt_verdict *verdict)
{
    return verdict != NULL ? verdict->confidence : 0;
}

bool agt_verdict_is_tie(const agt_verdict *verdict)
{
    return verdict != NULL ? verdict->tie : false;
}

const agt_value *agt_verdict_get_details(const agt_verdict *verdict)
{
    return verdict != NULL ? verdict->details : NULL;
}

void agt_verdict_free(agt_verdict *verdict)
{
    if (verdict != NULL) {
        agt_value_unref(verdict->details);
        agt_value_unref(verdict->value);
        agt__free(verdict->allocator, verdict);
    }
}
