/* agent_sdk/agent_sdk.h - the whole library: every public header. */
#ifndef AGENT_SDK_AGENT_SDK_H
#define AGENT_SDK_AGENT_SDK_H

#include "agent_sdk/agents.h"
#include "agent_sdk/base.h"
#include "agent_sdk/exec.h"
#include "agent_sdk/llm.h"
#include "agent_sdk/net.h"
#include "agent_sdk/runtime.h"
#include "agent_sdk/schema.h"
#include "agent_sdk/store.h"
#include "agent_sdk/team.h"
#include "agent_sdk/telemetry.h"
#include "agent_sdk/value.h"

#endif /* AGENT_SDK_AGENT_SDK_H */
