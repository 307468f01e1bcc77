/*
 * What the tools find out. Each is a C function over what git prints, or over what other tools
 * found; it adds the members of its answer to an object.
 */
#ifndef REPO_REVIEW_FACTS_H
#define REPO_REVIEW_FACTS_H

#include "git.h"

/** What such a function works on. */
typedef struct inquiry {
    agt_executor *git;     /* for questions                                             */
    agt_cancel *cancel;    /* ends them                                                 */
    agt_tool_call *call;   /* for the input, and to say why it fails                    */
    agt_value_builder *to; /* an object is open; the answer's members go into it        */
} inquiry;

typedef agt_status (*fact_fn)(const inquiry *in);

/* facts_history.c: commits, their dates and their authors. */
agt_status find_commits(const inquiry *in);
agt_status find_authors(const inquiry *in);
/* facts_changes.c: which files the commits changed. */
agt_status find_churn(const inquiry *in);
/* facts_files.c: the files of HEAD. */
agt_status find_sizes(const inquiry *in);
agt_status find_languages(const inquiry *in);
/* facts_code.c: what stands in the files, and what once stood in them. */
agt_status find_markers(const inquiry *in);
agt_status find_unsafe_calls(const inquiry *in);
agt_status find_secrets(const inquiry *in);
/* hotspots.c: files that are large and change often; from the churn and the sizes. */
agt_status find_hotspots(const inquiry *in);
/* risks.c: one formula per specialist, from what its tools found. */
agt_status rate_history(const inquiry *in);
agt_status rate_code(const inquiry *in);
agt_status rate_structure(const inquiry *in);

/* ---- for all of them (facts.c) ----------------------------------------------------------------
 */

/** Ask git one question; *ret_text is what it printed, and belongs to *ret_results. */
agt_status ask(const inquiry *in, const char *question, agt_results **ret_results, piece *ret_text);

/**
 * What other tools found, which the engine has filled in as member "facts" of the input: the output
 * of @tool if this tool depends on several, the output itself if it depends on one (@tool NULL).
 */
const agt_value *get_fact(const inquiry *in, const char *tool);

/** Members of facts, 0 if they are not there. */
double get_number(const agt_value *object, const char *key);
uint64_t get_count(const agt_value *object, const char *key);
piece get_text(const agt_value *object, const char *key);

/** Add members to an object that is being built. */
void add_count_member(agt_value_builder *to, const char *key, uint64_t count);
void add_text_member(agt_value_builder *to, const char *key, piece text);
/** The number rounded, as it is printed, so that a report can be checked by hand. */
void add_rounded_member(agt_value_builder *to, const char *key, double number, int decimals);
/** A path as git prints it, in quotes or not. */
void add_path_member(agt_value_builder *to, const char *key, piece quoted);
/** A day, "2026-11-23", of a time in seconds since 1970. */
void add_day_member(agt_value_builder *to, const char *key, int64_t seconds);

#endif
