/*
 * agents.h - what tests of agents have in common: scripted models and agents written as JSON, and a
 * listener that remembers spans.
 */
#ifndef AGT_TESTS_AGENTS_H
#define AGT_TESTS_AGENTS_H

#include "agent_sdk/agents.h"
#include "support/exec.h"

/* A scripted model of `{"version": 1, "rules": [RULES]}`; the test fails if the script is wrong.
 * Returns NULL if there is no memory. */
agt_model *agt_test_script(agt_runtime *runtime, const char *rules);

/* An agent with all tools of the engine's executor. Returns NULL if there is no memory. */
agt_agent *agt_test_agent(agt_test_engine *engine, const char *name, agt_model *model,
                          const agt_agent_config *config);

/* The agent of a script, run to its end: the reply. Everything is set up and given back. `config`
 * may be NULL; its name, model and executor are filled in. */
agt_reply *agt_test_ask(agt_test_engine *engine, const char *rules, const agt_agent_config *config,
                        const agt_call_options *options);

/* Fails the test unless the reply has this outcome and the error says `part`. */
void agt_test_expect_reply(const agt_reply *reply, agt_outcome outcome, const char *part);

/* ---- spans ----------------------------------------------------------------------------------- */

typedef struct agt_test_span {
    char name[96];
    char agent[32]; /* as it was known at the start */
    agt_span_context context, parent;
    uint64_t start_ns, end_ns; /* end 0: still open */
    bool is_error;
    char outcome[32];
    int64_t total_tokens, input_tokens, cost_nanousd; /* -1: not set */
} agt_test_span;

typedef struct agt_test_spans {
    agt_test_span items[256];
    size_t count; /* started; those beyond the array are counted only */
} agt_test_spans;

/* Remember all spans of the runtime, from now on; before its first one. */
void agt_test_spans_listen(agt_test_spans *spans, agt_runtime *runtime);

/* The first span of that name, for its parent's name too if `parent` is not NULL. Fails the test
 * if there is none. */
const agt_test_span *agt_test_spans_find(const agt_test_spans *spans, const char *name,
                                         const char *parent);

/* How many spans of that name there were. */
size_t agt_test_spans_count(const agt_test_spans *spans, const char *name);

#endif
