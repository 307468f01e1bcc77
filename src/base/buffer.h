/*
 * A growing run of bytes with a cap and a sticky failure: append freely, check once.
 *
 *     agt__buffer text;
 *     agt__buffer_init(&text, allocator, 64 * 1024);
 *     agt__buffer_add_text(&text, "{");
 *     …
 *     if (text.status == AGT_OK) use(text.bytes, text.size);
 *     agt__buffer_deinit(&text);
 *
 * Invariant: if bytes is not NULL, bytes[size] is a NUL that does not count.
 */
#ifndef AGT_BASE_BUFFER_H
#define AGT_BASE_BUFFER_H

#include "agent_sdk/base.h"

typedef struct agt__buffer {
    char *bytes; /* NULL while empty */
    size_t size;
    size_t capacity;
    size_t max; /* bytes; more is AGT_E_LIMIT */
    const agt_allocator *allocator;
    agt_status status; /* the first failure; every later append is ignored */
} agt__buffer;

/** @param max  most bytes ever held; 0 = 1 GiB */
void agt__buffer_init(agt__buffer *buffer, const agt_allocator *allocator, size_t max);
void agt__buffer_deinit(agt__buffer *buffer);

/** Forget the content and the failure, keep the memory. */
void agt__buffer_clear(agt__buffer *buffer);

/** Append; a failure is kept in `status`. */
void agt__buffer_add(agt__buffer *buffer, const void *bytes, size_t size);
void agt__buffer_add_text(agt__buffer *buffer, const char *text);
void agt__buffer_add_char(agt__buffer *buffer, char c);
void agt__buffer_add_format(agt__buffer *buffer, const char *format, ...) AGT_PRINTF(2, 3);

/** Room for @size bytes at the end, counted as used; NULL after a failure. */
char *agt__buffer_extend(agt__buffer *buffer, size_t size);

/** Drop @size bytes from the front. */
void agt__buffer_consume(agt__buffer *buffer, size_t size);

/** The text so far, "" while empty; borrowed until the next change. */
const char *agt__buffer_text(const agt__buffer *buffer);

#endif
