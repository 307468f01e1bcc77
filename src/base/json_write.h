/* Writing JSON in chunks: what agt_value_to_json() and agt_value_hash() have in common. */
#ifndef AGT_BASE_JSON_WRITE_H
#define AGT_BASE_JSON_WRITE_H

#include "base/buffer.h"

#include "agent_sdk/value.h"

/** Takes the text in pieces. */
typedef void (*agt__json_sink)(void *ctx, const char *bytes, size_t size);

/**
 * Write @value as JSON to the end of @buffer.
 *
 * @param sink  NULL, or takes the text chunk by chunk; @buffer is only a scratch then, and holds
 *              what is left at the end
 */
void agt__json_write_to(agt__buffer *buffer, const agt_value *value, uint32_t flags,
                        agt__json_sink sink, void *ctx);

#endif
