/*
 * Tools that are functions of the program, and operations of other rooms registered as tools.
 *
 * What a function returns is measured before anybody sees it, by counting and not by writing it, so
 * that a number costs nothing and a large result no copy.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"

enum {
    OUTPUT_BYTES_MAX_DEFAULT = 32 * 1024 * 1024
};

typedef struct function_tool {
    agt_tool tool; /* first */
    agt_tool_fn fn;
} function_tool;

/* Take the output away if it is too large. */
static agt_status check_output(agt_tool_call *call, const agt_tool *tool, agt_value **output)
{
    size_t max = tool->output_bytes_max != 0 ? tool->output_bytes_max : OUTPUT_BYTES_MAX_DEFAULT;
    size_t size = agt__value_estimate_size(*output);
    if (size <= max) {
        return AGT_OK;
    }
    agt_value_unref(*output);
    *output = NULL;
    agt_tool_call_set_error(call,
                            "the result of \"%s\" is too large: found about %zu bytes, expected at "
                            "most %zu",
                            tool->name, size, max);
    return AGT_E_LIMIT;
}

static agt_status start_function(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    const agt__operation *operation = agt__tool_call_get_operation(call);
    const function_tool *function = (const function_tool *)(const void *)operation;
    agt_status status = function->fn(call, ret_output, operation->user_data);
    *ret_pending = status == AGT_OK && operation->mode == AGT_TOOL_ASYNC;
    return status == AGT_OK && !*ret_pending && *ret_output != NULL
               ? check_output(call, &function->tool, ret_output)
               : status;
}

static void destroy_tool(agt__operation *operation)
{
    agt_tool *tool = (agt_tool *)(void *)operation;
    const agt_allocator *allocator = operation->allocator;
    agt__tool_deinit(tool);
    agt__free(allocator, tool);
}

static const agt__operation_table function_table = {
    .kind = "function",
    .start = start_function,
    .estimate = agt__tool_estimate,
    .finish = agt__tool_finish,
    .destroy = destroy_tool,
};

/* A tool that costs nothing has nothing to book. */
static const agt__operation_table free_function_table = {
    .kind = "function",
    .start = start_function,
    .destroy = destroy_tool,
};

static agt_status init_function(agt_tool *tool, const void *ctx, agt_error *err)
{
    (void)err;
    ((function_tool *)(void *)tool)->fn = *(const agt_tool_fn *)ctx;
    if (tool->cost_nanousd == 0) {
        tool->operation.table = &free_function_table;
    }
    return AGT_OK;
}

agt_status agt_executor_register_tool(agt_executor *executor, const char *name, agt_tool_fn fn,
                                      const agt_tool_config *config, agt_error *err)
{
    if (fn == NULL) {
        return agt__error_set(err, AGT_E_INVALID, "exec", "the function of tool \"%s\" is NULL",
                              name != NULL ? name : "?");
    }
    return agt__executor_add_tool(executor, name, sizeof(function_tool), &function_table, config,
                                  init_function, &fn, err);
}

agt_status agt__executor_register_operation(agt_executor *executor, const char *name,
                                            const agt__operation_table *table,
                                            const agt_tool_config *config, agt_error *err)
{
    return agt__executor_add_tool(executor, name, sizeof(agt_tool), table, config, NULL, NULL, err);
}
