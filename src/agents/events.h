/*
 * Streams of events inside: what listens to the call of an agent that was started for one.
 */
#ifndef AGT_AGENTS_EVENTS_H
#define AGT_AGENTS_EVENTS_H

#include "agents/event.h"

/** When the run is held: so many events wait, or so many bytes. It goes on at half of that. */
enum {
    AGT__EVENTS_MAX = 256,
    AGT__EVENTS_BYTES_MAX = 256 * 1024
};

/** What waits to be read. @threads any */
void agt__events_get_load(agt_events *events, size_t *ret_count, size_t *ret_bytes);

#endif
