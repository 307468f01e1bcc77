/* Outcomes: each has a name and a status of its own. */
#include "support/test.h"

#include "agent_sdk/exec.h"

#include <string.h>

static void outcomes_have_names_and_statuses(void **state)
{
    (void)state;
    static const struct {
        agt_outcome outcome;
        const char *name;
        agt_status status;
    } cases[] = {
        {AGT_OUTCOME_NONE, "none", AGT_E_BUSY},
        {AGT_OUTCOME_OK, "ok", AGT_OK},
        {AGT_OUTCOME_ERROR, "error", AGT_E_TOOL},
        {AGT_OUTCOME_TIMEOUT, "timeout", AGT_E_TIMEOUT},
        {AGT_OUTCOME_CANCELLED, "cancelled", AGT_E_CANCELLED},
        {AGT_OUTCOME_SKIPPED_DEPENDENCY, "skipped_dependency", AGT_E_SKIPPED_DEPENDENCY},
        {AGT_OUTCOME_BREAKER_OPEN, "breaker_open", AGT_E_BREAKER_OPEN},
        {AGT_OUTCOME_RATE_LIMITED, "rate_limited", AGT_E_RATE_LIMITED},
        {AGT_OUTCOME_BUDGET_DENIED, "budget_denied", AGT_E_BUDGET_DENIED},
        {AGT_OUTCOME_DENIED, "denied", AGT_E_DENIED},
        {AGT_OUTCOME_REJECTED, "rejected", AGT_E_REJECTED},
        {AGT_OUTCOME_UNKNOWN, "unknown", AGT_E_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cases[i].outcome, i);
        assert_string_equal(agt_outcome_get_name(cases[i].outcome), cases[i].name);
        assert_int_equal(agt_outcome_get_status(cases[i].outcome), cases[i].status);
    }
    assert_string_equal(agt_outcome_get_name((agt_outcome)12), "?");
    assert_int_equal(agt_outcome_get_status((agt_outcome)12), AGT_E_INVALID);
    assert_string_equal(agt_outcome_get_name((agt_outcome)-1), "?");
}

/* Programs and journals keep these numbers. */
static void flags_are_bits(void **state)
{
    (void)state;
    uint32_t all = AGT_CALL_FROM_FALLBACK | AGT_CALL_COALESCED | AGT_CALL_CACHED | AGT_CALL_HEDGED |
                   AGT_CALL_RESUMED;
    assert_int_equal(all, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_have_names_and_statuses),
        cmocka_unit_test(flags_are_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
