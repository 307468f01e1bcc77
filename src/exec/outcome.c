/* Names of outcomes, and the statuses that say the same: one table for both. */
#include "agent_sdk/exec.h"

typedef struct outcome_words {
    const char *name;
    agt_status status;
} outcome_words;

static const outcome_words words[] = {
    [AGT_OUTCOME_NONE] = {"none", AGT_E_BUSY},
    [AGT_OUTCOME_OK] = {"ok", AGT_OK},
    [AGT_OUTCOME_ERROR] = {"error", AGT_E_TOOL},
    [AGT_OUTCOME_TIMEOUT] = {"timeout", AGT_E_TIMEOUT},
    [AGT_OUTCOME_CANCELLED] = {"cancelled", AGT_E_CANCELLED},
    [AGT_OUTCOME_SKIPPED_DEPENDENCY] = {"skipped_dependency", AGT_E_SKIPPED_DEPENDENCY},
    [AGT_OUTCOME_BREAKER_OPEN] = {"breaker_open", AGT_E_BREAKER_OPEN},
    [AGT_OUTCOME_RATE_LIMITED] = {"rate_limited", AGT_E_RATE_LIMITED},
    [AGT_OUTCOME_BUDGET_DENIED] = {"budget_denied", AGT_E_BUDGET_DENIED},
    [AGT_OUTCOME_DENIED] = {"denied", AGT_E_DENIED},
    [AGT_OUTCOME_REJECTED] = {"rejected", AGT_E_REJECTED},
    [AGT_OUTCOME_UNKNOWN] = {"unknown", AGT_E_UNKNOWN},
};

const char *agt_outcome_get_name(agt_outcome outcome)
{
    size_t index = (size_t)outcome;
    return index < sizeof(words) / sizeof(words[0]) ? words[index].name : "?";
}

agt_status agt_outcome_get_status(agt_outcome outcome)
{
    size_t index = (size_t)outcome;
    return index < sizeof(words) / sizeof(words[0]) ? words[index].status : AGT_E_INVALID;
}
