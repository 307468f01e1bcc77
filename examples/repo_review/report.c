/*
 * The report. Figures and names come from what the tools found, words from what the agents said,
 * failures from the trace, where nothing can be left out by mistake. All three may hold text that
 * somebody hostile wrote: whatever is not a number goes through md_code() or md_text().
 */
#include "report.h"

#include "facts.h"
#include "markdown.h"
#include "report_tables.h"

#include <string.h>

static const agt_value *get_tool(const review *found, const char *tool)
{
    return agt_value_get_member(found->facts, tool);
}

static void paragraph(FILE *file, piece text)
{
    if (text.length > 0) {
        md_text(file, text);
        (void)fputs("\n\n", file);
    }
}

static uint64_t count_missing(const review *found)
{
    return get_count(get_tool(found, "sizes"), "missing");
}

/* ---- the top ----------------------------------------------------------------------------------
 */

static void write_top(FILE *file, const repository *repo, const review *found)
{
    const agt_value *commits = get_tool(found, "commits");
    (void)fputs("# Review of ", file);
    md_code(file, piece_of(repo->name));
    (void)fprintf(file, "\n\n> %s\n\n", REPORT_BANNER);
    if (found->verdict != NULL) {
        double score = get_number(found->verdict, "value");
        (void)fprintf(
            file,
            "**Risk: %.1f of 100 (%s)**, the average of the specialists, weighted by their "
            "confidence (%.2f).\n\n",
            score, review_get_level(score), get_number(found->verdict, "confidence"));
    } else {
        (void)fputs("**Risk: unknown.** No specialist could rate this repository.\n\n", file);
    }
    paragraph(file, get_text(found->conclusion, "headline"));
    (void)fprintf(file, "Commit `%s`", repo->commit);
    if (commits != NULL) {
        bool is_cut = agt_value_get_bool(agt_value_get_member(commits, "is_cut"), false);
        (void)fputs(is_cut ? ", the newest " : ", ", file);
        md_count(file, get_count(commits, "commits"), "commit");
        (void)fputs(" from ", file);
        md_text(file, get_text(commits, "first_day"));
        (void)fputs(" to ", file);
        md_text(file, get_text(commits, "last_day"));
    }
    (void)fprintf(file, ".%s%s\n\n", repo->is_bare ? " A bare repository." : "",
                  repo->is_shallow ? " **A shallow clone: older commits are not there, so commits, "
                                     "authors and churn are those of its depth; what the oldest "
                                     "of them changed is not known.**"
                                   : "");
    uint64_t missing = count_missing(found);
    if (missing > 0) {
        (void)fputs("**", file);
        md_count(file, missing, "file");
        (void)fputs(" could not be read, because objects are not there (a partial or damaged "
                    "clone). What stands in them is not in this report.**\n\n",
                    file);
    }
}

static void write_actions(FILE *file, const review *found)
{
    const agt_value *actions = agt_value_get_member(found->conclusion, "actions");
    size_t number = 0;
    for (size_t i = 0; i < agt_value_get_count(actions); i++) {
        piece action = piece_of_value(agt_value_get_item(actions, i));
        if (action.length == 0) {
            continue; /* nothing to do about it */
        }
        (void)fprintf(file, "%s%zu. ", number == 0 ? "## What to do first\n\n" : "", number + 1);
        md_text(file, action);
        (void)fputc('\n', file);
        number++;
    }
    (void)fputs(number > 0 ? "\n" : "", file);
}

/* ---- who said what ----------------------------------------------------------------------------
 */

/* Which tool rates what a specialist looks at. */
static const struct rater {
    const char *agent, *tool;
} raters[] = {
    {"history", "risk_of_history"},
    {"audit", "risk_of_code"},
    {"report", "risk_of_structure"},
};

static const agt_value *get_rating(const review *found, piece agent)
{
    for (size_t i = 0; i < sizeof(raters) / sizeof(raters[0]); i++) {
        if (compare_pieces(agent, piece_of(raters[i].agent)) == 0) {
            return get_tool(found, raters[i].tool);
        }
    }
    return NULL;
}

static bool dissents(const agt_value *verdict, piece agent)
{
    const agt_value *names = agt_value_get_member(verdict, "dissent");
    for (size_t i = 0; i < agt_value_get_count(names); i++) {
        if (compare_pieces(piece_of_value(agt_value_get_item(names, i)), agent) == 0) {
            return true;
        }
    }
    return false;
}

static void write_votes(FILE *file, const agt_value *verdict)
{
    static const char *const headings[] = {"Specialist", "Score",    "Confidence", "Weight",
                                           "Distance",   "Position", NULL};
    const agt_value *voters = agt_value_get_member(verdict, "voters");
    const agt_value *abstained = agt_value_get_member(verdict, "abstained");
    md_table table;
    if (!md_begin(&table, headings, "lrrrrl")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(voters); i++) {
        const agt_value *voter = agt_value_get_item(voters, i);
        piece agent = get_text(voter, "agent");
        md_text_cell(&table, agent);
        md_cell(&table, "%.1f", get_number(voter, "value"));
        md_cell(&table, "%.2f", get_number(voter, "confidence"));
        md_cell(&table, "%.1f", get_number(voter, "weight"));
        md_cell(&table, "%.1f", get_number(voter, "distance"));
        md_cell(&table, "%s", dissents(verdict, agent) ? "**dissents**" : "agrees");
    }
    for (size_t i = 0; i < agt_value_get_count(abstained); i++) {
        const agt_value *voter = agt_value_get_item(abstained, i);
        md_text_cell(&table, get_text(voter, "agent"));
        for (int column = 0; column < 4; column++) {
            md_cell(&table, "-");
        }
        md_cell(&table, "**abstains**"); /* why stands with its answer */
    }
    md_print(&table, file);
}

/* The verdict with its numbers filled in. */
static void write_sum(FILE *file, const agt_value *verdict)
{
    const agt_value *voters = agt_value_get_member(verdict, "voters");
    size_t count = agt_value_get_count(voters);
    (void)fputs("\nVerdict: the sum of weight × confidence × score by the sum of weight × "
                "confidence:\n\n    (",
                file);
    for (size_t i = 0; i < count; i++) {
        const agt_value *voter = agt_value_get_item(voters, i);
        (void)fprintf(file, "%s%.1f × %.2f × %.1f", i > 0 ? " + " : "", get_number(voter, "weight"),
                      get_number(voter, "confidence"), get_number(voter, "value"));
    }
    (void)fputs(") / (", file);
    for (size_t i = 0; i < count; i++) {
        const agt_value *voter = agt_value_get_item(voters, i);
        (void)fprintf(file, "%s%.1f × %.2f", i > 0 ? " + " : "", get_number(voter, "weight"),
                      get_number(voter, "confidence"));
    }
    (void)fprintf(file, ") = %.1f\n\n", get_number(verdict, "value"));
    (void)fputs("Who is further from it than the weighted standard deviation dissents: ", file);
    const agt_value *dissent = agt_value_get_member(verdict, "dissent");
    for (size_t i = 0; i < agt_value_get_count(dissent); i++) {
        (void)fputs(i > 0 ? ", " : "", file);
        md_text(file, piece_of_value(agt_value_get_item(dissent, i)));
    }
    (void)fputs(agt_value_get_count(dissent) > 0 ? ".\n\n" : "nobody.\n\n", file);
}

static void write_opinion(FILE *file, const review *found, const agt_value *opinion)
{
    piece agent = get_text(opinion, "agent");
    const agt_value *rating = get_rating(found, agent);
    (void)fputs("**", file);
    md_text(file, agent);
    (void)fputs("**: ", file);
    piece said = get_text(agt_value_get_member(opinion, "answer"), "said");
    if (said.length > 0) {
        paragraph(file, said);
    } else {
        (void)fputs("no answer (", file);
        md_text(file, get_text(opinion, "outcome"));
        (void)fputs("): ", file);
        paragraph(file, get_text(opinion, "error"));
    }
    if (rating != NULL) {
        piece formula = get_text(rating, "formula"), filled = get_text(rating, "filled");
        piece sure = get_text(rating, "confidence_filled");
        (void)fprintf(file, "    risk = %.*s\n", (int)formula.length, formula.bytes);
        (void)fprintf(file, "         = %.*s\n", (int)filled.length, filled.bytes);
        (void)fprintf(file, "    confidence = %.*s\n\n", (int)sure.length, sure.bytes);
    }
}

static void write_opinions(FILE *file, const review *found)
{
    (void)fputs("## Who said what\n\n", file);
    if (found->verdict != NULL) {
        write_votes(file, found->verdict);
        write_sum(file, found->verdict);
    }
    for (size_t i = 0; i < agt_value_get_count(found->opinions); i++) {
        write_opinion(file, found, agt_value_get_item(found->opinions, i));
    }
}

/* ---- what did not work ------------------------------------------------------------------------
 */

/*
 * Why a call failed. Of a timeout and a budget the trace tells figures of that moment (how long it
 * really took, what was left); here stand those that are the same in every run.
 */
static void write_reason(FILE *file, const agt_value *span, piece outcome, const agt_value *tool)
{
    if (compare_pieces(outcome, piece_of("timeout")) == 0) {
        (void)fprintf(file,
                      "not done within its %llu ms, so it was ended, with every process it had "
                      "started",
                      (unsigned long long)get_count(tool, "timeout_ms"));
    } else if (compare_pieces(outcome, piece_of("budget_denied")) == 0) {
        (void)fprintf(file, "a call costs %.2f USD, which is more than the review has left",
                      get_number(tool, "cost_usd"));
    } else {
        md_text(file, get_text(span, "message"));
    }
}

/* The failed calls of one tool. @return how many */
static size_t write_failures_of(FILE *file, const agt_value *spans, piece name,
                                const agt_value *tool)
{
    size_t count = 0;
    for (size_t i = 0; i < agt_value_get_count(spans); i++) {
        const agt_value *span = agt_value_get_item(spans, i);
        const agt_value *attributes = agt_value_get_member(span, "attributes");
        if (!agt_value_get_bool(agt_value_get_member(span, "error"), false) ||
            compare_pieces(get_text(attributes, "gen_ai.tool.name"), name) != 0) {
            continue;
        }
        piece outcome = get_text(attributes, "agent_sdk.outcome");
        (void)fputs("- ", file);
        md_code(file, name);
        (void)fputs(" **", file);
        md_text(file, outcome);
        (void)fputs("**: ", file);
        write_reason(file, span, outcome, tool);
        (void)fputs(". (", file);
        md_text(file, get_text(tool, "description"));
        (void)fputs(")\n", file);
        count++;
    }
    return count;
}

static void write_failures(FILE *file, const review *found, const agt_value *run)
{
    const agt_value *spans = agt_value_get_member(run, "spans");
    size_t count = 0;
    (void)fputs("## What did not work\n\n", file);
    for (size_t i = 0; i < agt_value_get_count(found->tools); i++) {
        piece name = {"", 0};
        name.bytes = agt_value_get_key(found->tools, i, &name.length);
        count += write_failures_of(file, spans, name, agt_value_get_item(found->tools, i));
    }
    if (count == 0) {
        (void)fputs("Everything worked.\n", file);
    } else if (report_is_complete(found)) {
        (void)fputs("\nNo rating needed these: the rest of the report is complete.\n", file);
    }
}

bool report_is_complete(const review *found)
{
    bool is_complete =
        found->verdict != NULL && found->conclusion != NULL && count_missing(found) == 0;
    for (size_t i = 0; i < sizeof(raters) / sizeof(raters[0]); i++) {
        is_complete = is_complete && get_tool(found, raters[i].tool) != NULL;
    }
    return is_complete;
}

void report_write(FILE *file, const repository *repo, const review *found, const agt_value *run)
{
    write_top(file, repo, found);
    write_actions(file, found);
    write_opinions(file, found);
    report_write_tables(file, found->facts);
    write_failures(file, found, run);
}
