/*
 * One review. The team is read from a file; this file asks it, in four steps, each below the span
 * of the whole review.
 *
 * Whatever fails is kept as what it is: an agent without an answer abstains in the vote, a tool
 * that failed is told to the agent that called it, and only what makes a review impossible (a team
 * file that is wrong, no memory) ends this function with an error.
 */
#include "review.h"

#include "facts.h"
#include "tools.h"

#include <string.h>

enum {
    ASKED_MAX = 8,
    NAME_BYTES = 65
};

/* What the steps share. */
typedef struct session {
    const review_config *config;
    agt_team *team;
    tools *tools;
    agt_call_options options; /* of every start: parent and budget */
} session;

const char *review_get_level(double score)
{
    return score < 25 ? "low" : score < 50 ? "moderate" : score < 75 ? "high" : "very high";
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* What is being built as one JSON text; the builder is freed. */
static agt_status finish_message(agt_value_builder *builder, agt_value **ret_text, agt_error *err)
{
    agt_value *value = NULL;
    agt_status status = agt_value_builder_finish(builder, &value, err);
    agt_value_builder_free(builder);
    if (status == AGT_OK) {
        status = agt_value_to_json(NULL, value, AGT_JSON_COMPACT, ret_text);
    }
    agt_value_unref(value);
    return status;
}

static agt_status begin_message(agt_value_builder **ret_builder, const session *self)
{
    agt_status status = agt_value_builder_new(NULL, ret_builder);
    if (status == AGT_OK) {
        agt_value_builder_begin_object(*ret_builder);
        add_text_member(*ret_builder, "repository", piece_of(self->config->repo->name));
    }
    return status;
}

static agt_status say_plan(const session *self, agt_value **ret_text, agt_error *err)
{
    agt_value_builder *b = NULL;
    agt_status status = begin_message(&b, self);
    if (status != AGT_OK) {
        return status;
    }
    add_text_member(b, "stage", piece_of("plan"));
    agt_value_builder_end(b);
    return finish_message(b, ret_text, err);
}

static agt_status say_question(const session *self, agt_value **ret_text, agt_error *err)
{
    agt_value_builder *b = NULL;
    agt_status status = begin_message(&b, self);
    if (status != AGT_OK) {
        return status;
    }
    add_text_member(b, "log", piece_of(self->config->repo->reflog));
    agt_value_builder_end(b);
    return finish_message(b, ret_text, err);
}

/* The first item of an array in a tool's facts, with the total beside it; nothing if it is empty.
 */
static void add_first(agt_value_builder *b, const char *key, const agt_value *fact,
                      const char *array)
{
    const agt_value *first = agt_value_get_item(agt_value_get_member(fact, array), 0);
    if (first == NULL) {
        return;
    }
    agt_value_builder_key(b, key);
    agt_value_builder_begin_object(b);
    for (size_t i = 0; i < agt_value_get_count(first); i++) {
        agt_value_builder_key(b, agt_value_get_key(first, i, NULL));
        agt_value_builder_value(b, agt_value_get_item(first, i));
    }
    add_count_member(b, "total", get_count(fact, "total"));
    agt_value_builder_end(b);
}

/* The verdict, and as much of the facts as there is something to do about. */
static agt_status say_conclude(const session *self, const review *found, agt_value **ret_text,
                               agt_error *err)
{
    agt_value_builder *b = NULL;
    agt_status status = begin_message(&b, self);
    if (status != AGT_OK) {
        return status;
    }
    const agt_value *facts = found->facts;
    const agt_value *dissent = agt_value_get_member(found->verdict, "dissent");
    const agt_value *authors = agt_value_get_member(facts, "authors");
    add_text_member(b, "stage", piece_of("conclude"));
    add_text_member(b, "level", piece_of(review_get_level(get_number(found->verdict, "value"))));
    if (agt_value_get_count(dissent) > 0) {
        add_text_member(b, "dissent", piece_of_value(agt_value_get_item(dissent, 0)));
    }
    add_first(b, "unsafe", agt_value_get_member(facts, "unsafe_calls"), "places");
    add_first(b, "hotspot", agt_value_get_member(facts, "hotspots"), "top");
    add_first(b, "marker", agt_value_get_member(facts, "markers"), "places");
    if (get_count(authors, "bus_factor") == 1) {
        add_first(b, "owner", authors, "top");
    }
    agt_value_builder_end(b);
    return finish_message(b, ret_text, err);
}

/* ---- the four steps ---------------------------------------------------------------------------
 */

/* Ask the manager; *ret_answer is its typed answer, NULL if it has none. */
static agt_status ask_manager(const session *self, const agt_value *message, agt_value **ret_answer,
                              agt_error *err)
{
    agt_reply *reply = NULL;
    agt_status status =
        agt_agent_execute(agt_team_get_agent(self->team, NULL), agt_value_get_string(message, NULL),
                          &self->options, &reply, err);
    if (status == AGT_OK) {
        *ret_answer = agt_value_ref(agt_reply_get_value(reply));
    }
    agt_reply_unref(reply);
    return status;
}

/* Ask those whom the plan names, all at once. */
static agt_status ask_specialists(const session *self, const agt_value *plan,
                                  agt_replies **ret_replies, agt_error *err)
{
    const agt_value *names = agt_value_get_member(plan, "ask");
    const char *asked[ASKED_MAX + 1] = {NULL};
    for (size_t i = 0; i < agt_value_get_count(names) && i < ASKED_MAX; i++) {
        asked[i] = agt_value_get_string(agt_value_get_item(names, i), NULL);
    }
    agt_value *message = NULL;
    agt_status status = say_question(self, &message, err);
    if (status == AGT_OK) {
        agt_request request =
            AGT_CONFIG(agt_request, .message = agt_value_get_string(message, NULL), .agents = asked,
                       .options = &self->options);
        status =
            agt_pool_broadcast_request(agt_team_get_pool(self->team), &request, ret_replies, err);
    }
    agt_value_unref(message);
    return status;
}

/* What each of them answered. */
static agt_status keep_opinions(const agt_replies *replies, review *found, agt_error *err)
{
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(NULL, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < agt_replies_get_count(replies); i++) {
        agt_error why = {0};
        const agt_reply *reply = agt_replies_get(replies, i);
        (void)agt_reply_get_error(reply, &why);
        agt_value_builder_begin_object(b);
        add_text_member(b, "agent", piece_of(agt_reply_get_agent(reply)));
        add_text_member(b, "outcome", piece_of(agt_outcome_get_name(agt_reply_get_outcome(reply))));
        add_text_member(b, "error", piece_of(why.message));
        agt_value_builder_key(b, "answer");
        agt_value_builder_value(b, agt_reply_get_value(reply));
        agt_value_builder_end(b);
    }
    agt_value_builder_end(b);
    status = agt_value_builder_finish(b, &found->opinions, err);
    agt_value_builder_free(b);
    return status;
}

/* One score of all scores. Nobody being able to say anything is a result, too. */
static agt_status vote(const session *self, const agt_replies *replies, review *found,
                       agt_error *err)
{
    agt_verdict *verdict = NULL;
    agt_status status = agt_pool_consensus_vote(agt_team_get_pool(self->team), replies,
                                                AGT_VOTE_WEIGHTED_AVERAGE, "/score", &verdict, err);
    if (status == AGT_OK) {
        found->verdict = agt_value_ref(agt_verdict_get_details(verdict));
    }
    agt_verdict_free(verdict);
    return status == AGT_E_NOT_FOUND ? AGT_OK : status;
}

static agt_status run_steps(const session *self, review *found, agt_error *err)
{
    agt_value *message = NULL, *plan = NULL;
    agt_replies *replies = NULL;
    agt_status status = say_plan(self, &message, err);
    if (status == AGT_OK) {
        status = ask_manager(self, message, &plan, err);
    }
    if (status == AGT_OK) {
        status = ask_specialists(self, plan, &replies, err);
    }
    if (status == AGT_OK) {
        found->facts = tools_get_facts(self->tools);
        status = keep_opinions(replies, found, err);
    }
    if (status == AGT_OK) {
        status = vote(self, replies, found, err);
    }
    agt_value_unref(message);
    message = NULL;
    if (status == AGT_OK) {
        status = say_conclude(self, found, &message, err);
    }
    if (status == AGT_OK) {
        status = ask_manager(self, message, &found->conclusion, err);
    }
    agt_value_unref(message);
    agt_value_unref(plan);
    agt_replies_free(replies);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static agt_status describe_tools(const session *self, review *found, agt_error *err)
{
    agt_executor *executor = tools_get_executor(self->tools);
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(NULL, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(b);
    for (size_t i = 0; i < agt_executor_get_tool_count(executor); i++) {
        const agt_tool *tool = agt_executor_get_tool_at(executor, i);
        agt_value_builder_key(b, agt_tool_get_name(tool));
        agt_value_builder_begin_object(b);
        add_text_member(b, "description", piece_of(agt_tool_get_description(tool)));
        add_count_member(b, "timeout_ms", agt_tool_get_timeout_ms(tool));
        add_rounded_member(b, "cost_usd", tools_get_cost_usd(agt_tool_get_name(tool)), 2);
        agt_value_builder_end(b);
    }
    agt_value_builder_end(b);
    status = agt_value_builder_finish(b, &found->tools, err);
    agt_value_builder_free(b);
    return status;
}

agt_status review_run(const review_config *config, review *self, agt_error *err)
{
    session own = {.config = config};
    agt_budget *budget = NULL;
    agt_budget_config limits =
        AGT_CONFIG(agt_budget_config, .name = "review", .limit_nanousd = config->budget_nanousd);
    *self = (review){0};
    agt_status status = agt_budget_new(NULL, &limits, &budget, err);
    if (status == AGT_OK) {
        const tools_config own_tools = {config->runtime, config->repo, config->slots,
                                        config->cancel};
        status = tools_new(&own_tools, &own.tools, err);
    }
    if (status == AGT_OK) {
        agt_team_config team =
            AGT_CONFIG(agt_team_config, .executor = tools_get_executor(own.tools));
        status = agt_team_load(config->runtime, config->team, &team, &own.team, err);
    }
    if (status == AGT_OK) {
        own.options = AGT_CONFIG(agt_call_options, .parent = &config->parent, .budget = budget,
                                 .cancel = config->cancel);
        status = describe_tools(&own, self, err);
    }
    if (status == AGT_OK) {
        status = run_steps(&own, self, err);
    }
    agt_team_free(own.team);
    tools_free(own.tools);
    agt_budget_unref(budget);
    return status;
}

void review_free(review *self)
{
    agt_value_unref(self->facts);
    agt_value_unref(self->opinions);
    agt_value_unref(self->verdict);
    agt_value_unref(self->conclusion);
    agt_value_unref(self->tools);
    *self = (review){0};
}
