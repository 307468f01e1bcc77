/*
 * agent_sdk/schema.h - JSON Schema 2020-12.
 *
 * A schema is compiled once and then checks any number of values, from any thread. References are
 * followed inside the schema only (`#/$defs/x`, `$anchor`, `$id` of the same document): nothing is
 * ever fetched. `format` is an annotation, as the specification has it by default. `pattern` takes
 * the regular expressions of ECMA-262 without look-around and back-references, and runs in time
 * linear in the text. Numbers are compared and divided exactly. A schema that says so by `$schema`
 * is read as one of the dialects before: 2019-09, draft 7 or draft 6. docs/guide/schemas.md lists
 * every keyword; `make test` prints the score on the public test suite.
 */
#ifndef AGENT_SDK_SCHEMA_H
#define AGENT_SDK_SCHEMA_H

#include "agent_sdk/value.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_schema agt_schema; /* immutable, reference-counted; @threads any             */

/**
 * Compile @document, a JSON Schema.
 *
 * @return AGT_OK; AGT_E_SCHEMA, the message naming the place in the schema by JSON Pointer, what
 *         was found and what was expected (also for a reference that leaves the document, a
 *         pattern that cannot be run, a dialect that is not known, and a reference that leads
 *         back to itself without a step into the value); AGT_E_LIMIT if schemas stand in each
 *         other deeper than 256; AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_schema_new(const agt_allocator *allocator,
                                                 const agt_value *document, agt_schema **ret_schema,
                                                 agt_error *err);
AGT_API agt_schema *agt_schema_ref(const agt_schema *schema);
AGT_API void agt_schema_unref(const agt_schema *schema);

/** The document the schema was compiled from; borrowed. @threads any */
AGT_API const agt_value *agt_schema_get_document(const agt_schema *schema);

/**
 * Check @value. The message is one sentence for people: "/limits/steps: expected an integer, found
 * the string "ten"". If several parts do not fit it is about the first of them; if none of several
 * alternatives fits it is about the one that comes closest.
 *
 * @param ret_place  optional; on AGT_E_SCHEMA a string value: the JSON Pointer of the first part
 *                   of @value that does not fit, for callers that map it to a line of a file
 * @return AGT_OK; AGT_E_SCHEMA, `err` saying where, what was found and what was expected;
 *         AGT_E_LIMIT if schemas apply each other deeper than 256, or if the check is more work
 *         than any honest schema asks for (200 million steps); AGT_E_NOMEM
 * @threads any
 */
AGT_API AGT_MUST_CHECK agt_status agt_schema_check(const agt_schema *schema, const agt_value *value,
                                                   agt_value **ret_place, agt_error *err);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_SCHEMA_H */
