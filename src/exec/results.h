/* Results, and waiting for them, for the other files of exec. */
#ifndef AGT_EXEC_RESULTS_H
#define AGT_EXEC_RESULTS_H

#include "exec/graph.h"

/** The graph a task ran; NULL for a task of another kind. */
agt_graph *agt__task_get_graph(const agt_task *task);

/** AGT_OK unless the caller is on the loop thread, where it must not wait. */
agt_status agt__exec_check_blocking(agt_runtime *runtime, agt_error *err);

/** Wait for a task that ran a graph, take its results, drop the task. */
agt_status agt__exec_wait_results(agt_task *task, agt_results **ret_results, agt_error *err);

/** Figures of a graph's last run. */
void agt__graph_get_metrics(const agt_graph *graph, agt_execution_metrics *ret_metrics);

/** What went wrong with a settled call, in words. @return the status of its outcome */
agt_status agt__call_get_error(const agt__call *call, agt_error *ret_error);

/** The name of what a call ran, or wanted to. */
const char *agt__call_get_name(const agt__call *call);

#endif
