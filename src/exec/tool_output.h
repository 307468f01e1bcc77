/* What programs and servers answer, made values: tainted, and with errors that name the tool. */
#ifndef AGT_EXEC_TOOL_OUTPUT_H
#define AGT_EXEC_TOOL_OUTPUT_H

#include "base/buffer.h"

#include "agent_sdk/value.h"

/**
 * The JSON in @bytes, whose size its owner has bounded.
 *
 * @param what  "output" or "answer", for the message
 * @param name  of the tool
 * @return AGT_OK; AGT_E_SYNTAX or AGT_E_LIMIT, the message with line and column; AGT_E_NOMEM
 */
agt_status agt__tool_read_json(const agt_allocator *allocator, const agt__buffer *bytes,
                               const char *what, const char *name, agt_value **ret_value,
                               agt_error *err);

/** The text in @bytes; what is not UTF-8 is replaced by U+FFFD. @return AGT_OK; AGT_E_NOMEM */
agt_status agt__tool_read_text(const agt_allocator *allocator, const agt__buffer *bytes,
                               agt_value **ret_value, agt_error *err);

#endif
