/*
 * Server-sent events (WHATWG HTML, section 9.2): bytes in, events out, split anywhere.
 */
#ifndef AGT_NET_SSE_H
#define AGT_NET_SSE_H

#include "base/buffer.h"

/* One event; strings are borrowed for the time of the call, NUL-terminated. */
typedef struct agt__sse_event {
    const char *type; /* "message" if the server named none */
    const char *data; /* lines joined with "\n"             */
    size_t data_size;
    const char *id; /* the last event id seen; ""           */
} agt__sse_event;

/** @return false to stop: agt__sse_feed() answers AGT_E_CANCELLED */
typedef bool (*agt__sse_fn)(void *user_data, const agt__sse_event *event);

typedef struct agt__sse agt__sse;

/** @param event_bytes_max  largest event and largest line; 0 = 8 MiB */
agt_status agt__sse_new(const agt_allocator *allocator, size_t event_bytes_max,
                        agt__sse_fn on_event, void *user_data, agt__sse **ret_sse);

/** @return AGT_OK; AGT_E_LIMIT; AGT_E_SYNTAX for bytes that are not UTF-8; AGT_E_NOMEM;
 *          AGT_E_CANCELLED. A failure stays. */
agt_status agt__sse_feed(agt__sse *sse, const void *bytes, size_t size, agt_error *err);

/** The reconnection time the server asked for; -1 if it did not. */
int64_t agt__sse_get_retry_ms(const agt__sse *sse);

void agt__sse_free(agt__sse *sse);

#endif
