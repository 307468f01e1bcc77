/* References between the parts of a schema document: RFC 3986, as far as `$id` and `$ref` go. */
#ifndef AGT_BASE_SCHEMA_URI_H
#define AGT_BASE_SCHEMA_URI_H

#include "base/buffer.h"

/**
 * Write what @reference means when it stands in @base, without its fragment.
 *
 * Either may be relative or empty: a document without `$id` has the empty base. A failure is kept
 * in ret_uri->status.
 */
void agt__schema_uri_resolve(const char *base, const char *reference, size_t length,
                             agt__buffer *ret_uri);

/** Decode %XX in @length bytes of @text. @return false for a broken or NUL escape */
bool agt__schema_uri_decode(const char *text, size_t length, agt__buffer *ret_text);

#endif
