/*
 * Cancel tokens of single calls. That of a start cancels the whole run (engine.c); one that was
 * given with a call cancels this call, wherever it is: waiting for its dependencies (it is then
 * refused when it gets its turn), parked, or running.
 *
 * A token may be requested on any thread. The listener, which stands in the call's extra part, only
 * sets a flag of the graph and pokes it; the loop then looks for the calls concerned. Calls with a
 * token of their own are never plain, so what becomes of them is decided on the loop only.
 */
#include "exec/graph.h"

bool agt__call_is_cancelled(const agt__call *call)
{
    const agt__call_extra *extra = call->extra;
    return extra != NULL && extra->options != NULL &&
           agt_cancel_is_requested(extra->options->own.cancel);
}

static void notify_call(agt__cancel_link *link)
{
    agt__call_extra *extra =
        (agt__call_extra *)(void *)((char *)link - offsetof(agt__call_extra, cancel_link));
    agt_graph *graph = extra->call->graph;
    atomic_store_explicit(&graph->cancel_calls_wanted, true, memory_order_release);
    agt__engine_poke(graph);
}

void agt__call_listen(agt__call *call)
{
    agt__call_extra *extra = call->extra;
    agt_cancel *token = extra->options->own.cancel;
    if (token != NULL && extra->cancel_link.cancel == NULL) {
        call->graph->has_own_cancels = true;
        extra->cancel_link.notify = notify_call;
        agt__cancel_listen(token, &extra->cancel_link);
    }
}

void agt__graph_listen_calls(agt_graph *graph)
{
    if (!graph->has_own_options) {
        return;
    }
    (void)pthread_mutex_lock(&graph->mutex); /* calls that are added listen too */
    for (uint32_t i = 0; i < graph->root_count; i++) {
        agt__call *call = agt__graph_get_call(graph, i);
        if (call->extra != NULL && call->extra->options != NULL) {
            agt__call_listen(call);
        }
    }
    (void)pthread_mutex_unlock(&graph->mutex);
}

void agt__graph_unlisten_calls(agt_graph *graph)
{
    for (uint32_t i = 0; graph->has_own_cancels && i < graph->count; i++) {
        agt__call_extra *extra = agt__graph_get_call(graph, i)->extra;
        if (extra != NULL) {
            agt__cancel_unlisten(&extra->cancel_link);
        }
    }
}

void agt__engine_cancel_calls(agt_graph *graph)
{
    (void)pthread_mutex_lock(&graph->mutex); /* it may grow meanwhile */
    uint32_t count = graph->count;
    (void)pthread_mutex_unlock(&graph->mutex);
    for (uint32_t i = 0; i < count; i++) {
        agt__call *call = agt__graph_get_call(graph, i);
        if (!agt__call_is_cancelled(call) || call->resolved) {
            continue; /* what became of one with a token is the loop's business only */
        }
        if (call->extra->door != AGT__DOOR_NONE) {
            agt__doors_cancel_call(call);
        } else {
            agt__attempt_cancel_call(call);
        }
    }
}
