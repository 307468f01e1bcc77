/*
 * Between a call and who listens to it: what attempts tell, and holding them.
 *
 * A listener stands in the call's extra part and makes the call one that is not plain, so that all
 * of this is on the loop thread. An attempt that has lost its call (attempt->call is NULL) is heard
 * by nobody; one on a worker is not heard at all, since its call may be settled at any moment.
 *
 * Holding is a word to the attempts, kept in the graph for those that begin meanwhile. What an
 * attempt does in answer may tell more, end attempts and start some, and lead to the opposite word:
 * so nothing is remembered between two attempts but the graph, and each is told what it does not
 * know yet. Few attempts of a run can hold anything.
 */
#include "exec/graph.h"
#include "exec/tape.h"

/* ---- telling ------------------------------------------------------------------------------- */

bool agt__tool_call_is_heard(const agt_tool_call *call)
{
    /* That of an attempt on a worker may be settled at this moment. */
    return !call->is_blocking && call->call != NULL && call->call->extra != NULL &&
           (call->call->extra->listener.on_told != NULL || agt__tape_hears(call));
}

void agt__tool_call_tell(agt_tool_call *call, agt__told told, const void *what)
{
    if (!agt__tool_call_is_heard(call)) {
        return;
    }
    if (call->graph->runtime->tape != NULL) {
        agt__tape_tell(call, what);
    }
    const agt__listener *listener = &call->call->extra->listener;
    if (listener->on_told != NULL) {
        listener->on_told(call, call->call->index, told, what, listener->user_data);
    }
}

void agt__attempt_tell_started(agt_tool_call *attempt)
{
    const agt__call *call = attempt->call;
    if (call->attempts == 1 && call->extra->listener.on_told != NULL) {
        const agt__listener *listener = &call->extra->listener;
        listener->on_told(attempt, call->index, AGT__TOLD_STARTED, NULL, listener->user_data);
    }
}

/* ---- holding ------------------------------------------------------------------------------- */

/* An attempt that has not been told yet whether it shall hold back; what is still in its start is
 * asked behind it. */
static bool is_to_be_told(const agt__live *live, bool held)
{
    const agt_tool_call *attempt = &live->attempt;
    return live->held != held && !attempt->is_blocking && attempt->call != NULL &&
           attempt->ending == AGT__ENDING_NONE && !live->starting && live->simulated_ns == 0 &&
           attempt->table->hold != NULL;
}

static agt__live *of_link(agt__link *link)
{
    return (agt__live *)(void *)((char *)link - offsetof(agt__live, link));
}

static agt__live *find_to_be_told(agt_graph *graph)
{
    for (agt__link *link = graph->live.next; link != &graph->live; link = link->next) {
        if (is_to_be_told(of_link(link), graph->held)) {
            return of_link(link);
        }
    }
    return NULL;
}

void agt__attempt_tell_held(agt_graph *graph)
{
    agt__live *live;
    while ((live = find_to_be_told(graph)) != NULL) {
        live->held = graph->held;
        live->attempt.table->hold(&live->attempt, live->held);
    }
}

void agt__graph_hold(agt_graph *graph, bool held)
{
    if (graph->held != held) {
        (void)agt__graph_ref(graph);
        graph->held = held;
        agt__attempt_tell_held(graph);
        agt__graph_unref(graph);
    }
}

bool agt__tool_call_is_held(const agt_tool_call *call)
{
    while (call != NULL && !call->graph->held) {
        call = call->graph->within;
    }
    return call != NULL;
}
