/*
 * exec.h - what tests of the engine have in common: a simulated runtime, tools whose behaviour is
 * said by their input, and short ways to build inputs.
 *
 * The tool "step" does what its input says, on virtual time:
 *
 *     {"ms": 50}                         answers after 50 ms (0: at once)
 *     {"ms": 10, "error": "boom"}        fails
 *     {"hang": true}                     never ends by itself
 *     {"echo": …}                        answers with that
 *
 * It comes as "inline" (ms and hang not possible), "async" and "blocking".
 */
#ifndef AGT_TESTS_EXEC_H
#define AGT_TESTS_EXEC_H

#include "agent_sdk/exec.h"

#include <stdatomic.h>

struct agt_test_io; /* script_io.h */

typedef struct agt_test_engine {
    agt_runtime *runtime;
    agt_executor *executor;
    _Atomic uint32_t started, cancelled; /* by the tools below, in all */
} agt_test_engine;

/* A simulated (or real) runtime with an executor that has the three tools, of effect "pure".
 * Returns AGT_OK or AGT_E_NOMEM, with nothing kept. */
agt_status agt_test_engine_init(agt_test_engine *engine, const agt_allocator *allocator,
                                bool simulated, const agt_executor_config *config);
/* The same in a runtime that is configured otherwise; nothing is added to @runtime. */
agt_status agt_test_engine_init_with(agt_test_engine *engine, const agt_runtime_config *runtime,
                                     const agt_executor_config *config);
/* The same in a simulated runtime whose processes and servers are those of @io, which is set up,
 * with its scripts in it. @allocator may be NULL. */
agt_status agt_test_engine_init_io(agt_test_engine *engine, const agt_allocator *allocator,
                                   struct agt_test_io *io);
void agt_test_engine_deinit(agt_test_engine *engine);

/* The value of a JSON text; NULL if there is no memory. */
agt_value *agt_test_json(const agt_allocator *allocator, const char *text);

/* A new graph; the test fails if there is none. @config may be NULL. */
agt_graph *agt_test_new_graph(agt_test_engine *engine, const agt_graph_config *config);

/* Add a call with options (NULL: none); the test fails if it cannot. */
agt_call_id agt_test_add(agt_graph *graph, const char *tool, const char *json,
                         const agt_call_options *options);

/* Run it; the test fails if it cannot be run. */
agt_results *agt_test_run_graph(agt_graph *graph, const agt_call_options *options);

/* Wait for a task of a graph, drop it, and take its results. */
agt_results *agt_test_finish(agt_task *task);

/* Fails the test unless call @index ended so, and (if @part is not NULL) says that. */
void agt_test_expect(const agt_results *results, size_t index, agt_outcome outcome,
                     const char *part);

/* Fails the test unless call @index succeeded with the output @json. */
void agt_test_expect_output(const agt_results *results, size_t index, const char *json);

/* The virtual time of an engine. */
uint64_t agt_test_now_ns(const agt_test_engine *engine);

/* Add a call of @tool with the input @json; the test fails if it cannot (but for AGT_E_NOMEM). */
agt_status agt_test_add_call(agt_graph *graph, const char *tool, const char *json,
                             agt_call_id *ret_call);

#endif
