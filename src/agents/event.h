/*
 * Events inside: made by the run they are about, told upwards from agent to agent, numbered and
 * merged by the stream they end up in. Nobody writes to one that was handed to a program.
 */
#ifndef AGT_AGENTS_EVENT_H
#define AGT_AGENTS_EVENT_H

#include "agent_sdk/agents.h"

#include <stdatomic.h>

struct agt_event {
    agt_event *next; /* in a queue */
    const agt_allocator *allocator;
    _Atomic uint32_t refs;
    agt_event_kind kind;
    uint32_t depth; /* counted up on the way */
    uint32_t step;
    agt_outcome outcome; /* NONE unless it is an end */
    uint64_t seq;        /* given by the stream */
    uint64_t unix_ns;
    uint64_t duration_ns;
    const void *source; /* of pieces of one answer, only good for comparing; else NULL */
    agt_span_context span;
    agt_value *agent; /* a string */
    char *name;       /* of model or tool; NULL = the agent's */
    char *call_id;    /* NULL = none */
    char *error;      /* NULL = none */
    char *text;       /* NUL-terminated; NULL = none */
    size_t length, capacity;
    agt_value *input, *output; /* NULL = none */
    agt_usage usage;
    int64_t cost_nanousd;
    bool is_simulated;
    agt_reply *reply; /* NULL = none */
};

/** A new event, with nothing in it but this; @agent, a string, is shared. NULL if there is no
 * memory. */
agt_event *agt__event_new(const agt_allocator *allocator, agt_event_kind kind,
                          const agt_value *agent);

/** Give it a text of its own; for name, call_id and error. NULL is nothing.
 * @return AGT_OK; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__event_set_text(agt_event *event, char **member, const char *text);

/** More text at its end, while nobody else sees it. @return AGT_OK; AGT_E_NOMEM, as it was */
AGT_MUST_CHECK agt_status agt__event_append(agt_event *event, const char *text, size_t length);

/** Whether @event goes on where @last has ended: both are pieces of one answer. */
bool agt__event_continues(const agt_event *event, const agt_event *last);

/** About how many bytes of memory wait with it. */
size_t agt__event_get_size(const agt_event *event);

#endif
