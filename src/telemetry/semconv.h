/*
 * Every attribute and operation name the library writes, in one place: the GenAI conventions are
 * still being renamed. Names are those of the OpenTelemetry GenAI semantic conventions (their own
 * repository, state of 2026-09) where they have one, else under `agent_sdk.`.
 */
#ifndef AGT_TELEMETRY_SEMCONV_H
#define AGT_TELEMETRY_SEMCONV_H

#define AGT__OP_CHAT             "chat"
#define AGT__OP_EXECUTE_TOOL     "execute_tool"
#define AGT__OP_INVOKE_AGENT     "invoke_agent"
#define AGT__OP_INVOKE_WORKFLOW  "invoke_workflow"

#define AGT__ATTR_OPERATION      "gen_ai.operation.name"
#define AGT__ATTR_PROVIDER       "gen_ai.provider.name"
#define AGT__ATTR_REQUEST_MODEL  "gen_ai.request.model"
#define AGT__ATTR_RESPONSE_MODEL "gen_ai.response.model"
#define AGT__ATTR_RESPONSE_ID    "gen_ai.response.id"
#define AGT__ATTR_FINISH_REASON  "gen_ai.response.finish_reasons"
#define AGT__ATTR_INPUT_TOKENS   "gen_ai.usage.input_tokens"
#define AGT__ATTR_OUTPUT_TOKENS  "gen_ai.usage.output_tokens"
#define AGT__ATTR_CACHE_READ     "gen_ai.usage.cache_read.input_tokens"
#define AGT__ATTR_CACHE_WRITE    "gen_ai.usage.cache_write.input_tokens"
#define AGT__ATTR_REASONING      "gen_ai.usage.reasoning.output_tokens"
#define AGT__ATTR_AGENT_NAME     "gen_ai.agent.name"
#define AGT__ATTR_CONVERSATION   "gen_ai.conversation.id"
#define AGT__ATTR_CORRELATION    "agent_sdk.correlation_id"
#define AGT__ATTR_TOOL_NAME      "gen_ai.tool.name"
#define AGT__ATTR_TOOL_TYPE      "gen_ai.tool.type"
#define AGT__ATTR_TOOL_CALL_ID   "gen_ai.tool.call.id"
#define AGT__ATTR_WORKFLOW_NAME  "gen_ai.workflow.name"
#define AGT__ATTR_ERROR_TYPE     "error.type"

#define AGT__ATTR_OUTCOME        "agent_sdk.outcome"
#define AGT__ATTR_WAIT_NS        "agent_sdk.wait_ns"  /* ready until started                  */
#define AGT__ATTR_ATTEMPTS       "agent_sdk.attempts" /* only if more than one                */
#define AGT__ATTR_STEP           "agent_sdk.step"     /* number of an agent's step, from 1    */
#define AGT__ATTR_COST           "agent_sdk.cost_nanousd"
#define AGT__ATTR_SIMULATED      "agent_sdk.simulated" /* true where nobody pays the cost      */
/* Sums over an agent's work, under names of their own so that nobody adds them to the parts. */
#define AGT__ATTR_STEPS                "agent_sdk.steps"
#define AGT__ATTR_TOOL_CALLS           "agent_sdk.tool_calls"
#define AGT__ATTR_TOTAL_TOKENS         "agent_sdk.total_tokens"
#define AGT__ATTR_TOTAL_COST           "agent_sdk.total_cost_nanousd"
#define AGT__ATTR_TOTAL_SIMULATED_COST "agent_sdk.total_simulated_nanousd"

/* Messages of the conversation that a request was made without, because it would not have fit. */
#define AGT__ATTR_LEFT_OUT    "agent_sdk.context.messages_left_out"

#define AGT__ATTR_RUN_ID      "agent_sdk.run_id"
#define AGT__ATTR_EXIT_STATUS "process.exit.code"
#define AGT__ATTR_EXIT_SIGNAL "agent_sdk.process.signal"
#define AGT__ATTR_HTTP_STATUS "http.response.status_code"

/* What a child process used, its descendants included, and how many of those it left behind. */
#define AGT__ATTR_PROCESS_USER_US     "agent_sdk.process.user_us"
#define AGT__ATTR_PROCESS_SYSTEM_US   "agent_sdk.process.system_us"
#define AGT__ATTR_PROCESS_MEMORY      "agent_sdk.process.memory_bytes"
#define AGT__ATTR_PROCESS_DESCENDANTS "agent_sdk.process.descendants_killed"

#endif
