/*
 * Output of tools that are not functions. It is tainted here, while it is made: the engine would
 * have to copy a value that somebody else can see already.
 */
#include "exec/tool_output.h"

#include "base/error.h"
#include "base/value.h"

#define ORIGIN    "exec/tool"
#define NODES_MAX 1000000u
#define BYTES_MAX ((size_t)1 << 30) /* what a parser takes at most */

agt_status agt__tool_read_json(const agt_allocator *allocator, const agt__buffer *bytes,
                               const char *what, const char *name, agt_value **ret_value,
                               agt_error *err)
{
    agt_error detail;
    agt_json_config config =
        AGT_CONFIG(agt_json_config, .nodes_max = NODES_MAX, .string_bytes_max = BYTES_MAX,
                   .document_bytes_max = BYTES_MAX, .tainted = true);
    agt_status status = agt_json_parse(allocator, agt__buffer_text(bytes), bytes->size, &config,
                                       ret_value, &detail);
    if (status == AGT_OK || status == AGT_E_NOMEM) {
        return status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
    }
    (void)agt__error_set(err, status, ORIGIN,
                         "the %s of \"%s\" is not JSON: line %u, column %u: %s", what, name,
                         detail.line, detail.column, detail.message);
    if (err != NULL) {
        err->line = detail.line;
        err->column = detail.column;
    }
    return status;
}

agt_status agt__tool_read_text(const agt_allocator *allocator, const agt__buffer *bytes,
                               agt_value **ret_value, agt_error *err)
{
    agt_value *text;
    agt_status status =
        agt__value_new_string_lossy(allocator, agt__buffer_text(bytes), bytes->size, &text);
    if (status == AGT_OK) {
        status = agt__value_take_taint(allocator, text, ret_value);
    }
    return status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}
