/*
 * Schemas, for the library itself. Other rooms use agent_sdk/schema.h: agt_schema_check() gives the
 * place of a problem as a JSON Pointer through `ret_place`, so that nobody has to read it out of a
 * message.
 */
#ifndef AGT_BASE_SCHEMA_H
#define AGT_BASE_SCHEMA_H

#include "agent_sdk/schema.h"

#define AGT__SCHEMA_DEPTH_MAX 256u
#define AGT__SCHEMA_WORK_MAX  UINT64_C(200000000)

/**
 * agt_schema_check() with a limit of one's own.
 *
 * A schema may come from a stranger, and a small one can ask for more work than there is time:
 * alternatives of alternatives, patterns on long strings, comparing every item with every other.
 * The work is counted: a keyword looked at, an instruction of a pattern run, two items compared.
 *
 * @param work  most pieces of work, for each of the two passes; 0 = AGT__SCHEMA_WORK_MAX
 */
AGT_MUST_CHECK agt_status agt__schema_check_limited(const agt_schema *schema,
                                                    const agt_value *value, uint64_t work,
                                                    agt_value **ret_place, agt_error *err);

#endif
