/*
 * Budgets: limits of each kind, nesting, what is unknown, messages, and the property that matters:
 * whatever threads do, no scope ever holds more than its limit.
 */
#include "agent_sdk/telemetry.h"

#include <pthread.h>
#include <string.h>

#include "base/random.h"
#include "support/test.h"
#include "support/torture.h"

static agt_budget *make_budget(const char *name, agt_budget *parent, int64_t nanousd,
                               uint64_t tokens, uint64_t calls)
{
    agt_budget_config config =
        AGT_CONFIG(agt_budget_config, .name = name, .parent = parent, .limit_nanousd = nanousd,
                   .tokens_max = tokens, .calls_max = calls);
    agt_budget *budget = NULL;
    assert_int_equal(agt_budget_new(NULL, &config, &budget, NULL), AGT_OK);
    return budget;
}

static agt_status reserve(agt_budget *budget, int64_t nanousd, int64_t tokens, int64_t calls)
{
    const agt_budget_amount amount = {nanousd, tokens, calls};
    return agt_budget_reserve(budget, &amount, NULL);
}

static void settle(agt_budget *budget, agt_budget_amount reserved, agt_budget_amount actual)
{
    agt_budget_settle(budget, &reserved, &actual);
}

static void check_amounts(agt_budget *budget, agt_budget_amount spent, agt_budget_amount reserved)
{
    agt_budget_amount is_spent, is_reserved;
    agt_budget_get_amounts(budget, &is_spent, &is_reserved);
    assert_memory_equal(&is_spent, &spent, sizeof(spent));
    assert_memory_equal(&is_reserved, &reserved, sizeof(reserved));
}

static const agt_budget_amount nothing = {0, 0, 0};

static void test_reserve_and_settle(void **state)
{
    (void)state;
    agt_budget *budget = make_budget("run", NULL, 1000, 0, 0);
    assert_int_equal(reserve(budget, 600, 50, 1), AGT_OK);
    check_amounts(budget, nothing, (agt_budget_amount){600, 50, 1});
    assert_int_equal(reserve(budget, 401, 0, 1), AGT_E_BUDGET_DENIED);
    assert_int_equal(reserve(budget, 400, 0, 1), AGT_OK);
    settle(budget, (agt_budget_amount){600, 50, 1}, (agt_budget_amount){100, 10, 1});
    check_amounts(budget, (agt_budget_amount){100, 10, 1}, (agt_budget_amount){400, 0, 1});
    assert_int_equal(reserve(budget, 501, 0, 0), AGT_E_BUDGET_DENIED);
    assert_int_equal(reserve(budget, 500, 0, 0), AGT_OK);
    assert_int_equal(reserve(budget, 0, 1000000, 1000000), AGT_OK); /* no limit of these */
    agt_budget_get_amounts(budget, NULL, NULL);
    agt_budget_unref(budget);
}

static void test_each_kind_has_its_limit(void **state)
{
    (void)state;
    agt_budget *budget = make_budget("run", NULL, 0, 100, 2);
    assert_int_equal(reserve(budget, INT64_MAX, 100, 1), AGT_OK);
    assert_int_equal(reserve(budget, INT64_MAX, 1, 1), AGT_E_BUDGET_DENIED);
    assert_int_equal(reserve(budget, INT64_MAX, 0, 1), AGT_OK);
    assert_int_equal(reserve(budget, INT64_MAX, 0, 1), AGT_E_BUDGET_DENIED);
    assert_int_equal(reserve(budget, INT64_MAX, 0, 0), AGT_OK);
    agt_budget_unref(budget);
    budget = make_budget("run", NULL, 0, UINT64_MAX, UINT64_MAX);
    assert_int_equal(reserve(budget, 0, INT64_MAX, INT64_MAX), AGT_OK);
    assert_int_equal(reserve(budget, 0, 1, 0), AGT_E_BUDGET_DENIED);
    agt_budget_unref(budget);
}

static void test_what_is_unknown(void **state)
{
    (void)state;
    agt_budget *money = make_budget("money", NULL, 1000, 0, 0);
    agt_budget *tokens = make_budget("tokens", NULL, 0, 1000, 0);
    agt_error err;
    agt_budget_amount amount = {AGT_NANOUSD_UNKNOWN, AGT_TOKENS_UNKNOWN, 1};
    assert_int_equal(agt_budget_reserve(money, &amount, &err), AGT_E_BUDGET_DENIED);
    assert_non_null(strstr(err.message, "unknown"));
    assert_int_equal(agt_budget_reserve(tokens, &amount, &err), AGT_E_BUDGET_DENIED);
    assert_non_null(strstr(err.message, "unknown"));

    /* Where there is no limit of it, what is unknown counts for nothing. */
    assert_int_equal(reserve(money, 10, AGT_TOKENS_UNKNOWN, 1), AGT_OK);
    check_amounts(money, nothing, (agt_budget_amount){10, 0, 1});
    /* What was never told settles at its reservation. */
    settle(money, (agt_budget_amount){10, AGT_TOKENS_UNKNOWN, 1},
           (agt_budget_amount){AGT_NANOUSD_UNKNOWN, 700, 1});
    check_amounts(money, (agt_budget_amount){10, 700, 1}, nothing);
    agt_budget_unref(money);
    agt_budget_unref(tokens);
}

static void test_overrun(void **state)
{
    (void)state;
    agt_budget *budget = make_budget("run", NULL, 1000, 0, 0);
    assert_int_equal(reserve(budget, 900, 0, 0), AGT_OK);
    settle(budget, (agt_budget_amount){900, 0, 0}, (agt_budget_amount){5000, 0, 0});
    check_amounts(budget, (agt_budget_amount){5000, 0, 0}, nothing);
    agt_error err;
    agt_budget_amount amount = {1, 0, 0};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_BUDGET_DENIED);
    assert_non_null(strstr(err.message, "$0.00 left")); /* never a negative rest */
    assert_int_equal(reserve(budget, 0, 5, 5), AGT_OK); /* free work goes on */
    /* Sums stop at the top. */
    settle(budget, nothing, (agt_budget_amount){INT64_MAX, INT64_MAX, INT64_MAX});
    assert_int_equal(reserve(budget, 1, 0, 0), AGT_E_BUDGET_DENIED);
    /* Negative and unmatched amounts do no harm. */
    settle(budget, (agt_budget_amount){50, 50, 50}, (agt_budget_amount){-5, -5, -5});
    check_amounts(budget, (agt_budget_amount){INT64_MAX, INT64_MAX, INT64_MAX}, nothing);
    agt_budget_unref(budget);
}

static void test_all_scopes_or_none(void **state)
{
    (void)state;
    agt_budget *organisation = make_budget("organisation", NULL, 10000, 0, 3);
    agt_budget *run = make_budget("run", organisation, 1000, 0, 0);
    agt_budget *agent = make_budget("agent \"history\"", run, 0, 500, 0);
    agt_budget *other = make_budget("agent \"audit\"", run, 800, 0, 0);

    agt_error err;
    agt_budget_amount amount = {700, 400, 1};
    assert_int_equal(agt_budget_reserve(agent, &amount, &err), AGT_OK);
    check_amounts(organisation, nothing, amount);
    check_amounts(run, nothing, amount);
    check_amounts(agent, nothing, amount);
    check_amounts(other, nothing, nothing);

    /* Refused by the agent, by the run, by the organisation; nothing is left behind anywhere. */
    assert_int_equal(reserve(agent, 1, 101, 1), AGT_E_BUDGET_DENIED);
    agt_budget_amount more = {400, 10, 1};
    assert_int_equal(agt_budget_reserve(other, &more, &err), AGT_E_BUDGET_DENIED);
    assert_non_null(strstr(err.message, "budget of run "));
    more = (agt_budget_amount){1, 1, 5};
    assert_int_equal(agt_budget_reserve(other, &more, &err), AGT_E_BUDGET_DENIED);
    assert_non_null(strstr(err.message, "budget of organisation "));
    check_amounts(organisation, nothing, amount);
    check_amounts(run, nothing, amount);
    check_amounts(other, nothing, nothing);

    agt_budget_amount actual = {300, 200, 1};
    agt_budget_settle(agent, &amount, &actual);
    check_amounts(organisation, actual, nothing);
    check_amounts(run, actual, nothing);
    check_amounts(agent, actual, nothing);

    /* A child keeps its parents. */
    agt_budget_unref(organisation);
    agt_budget_unref(run);
    assert_int_equal(reserve(other, 700, 0, 1), AGT_OK);
    assert_int_equal(reserve(agent, 1, 0, 0), AGT_E_BUDGET_DENIED);
    agt_budget_unref(agent);
    assert_ptr_equal(agt_budget_ref(other), other);
    agt_budget_unref(other);
    agt_budget_unref(other);
    agt_budget_unref(NULL);
    assert_null(agt_budget_ref(NULL));
}

static void test_messages(void **state)
{
    (void)state;
    agt_budget *budget = make_budget("agent \"history\"", NULL, 1000000000, 5000, 1);
    agt_error err;
    agt_budget_amount amount = {450000000, 10, 1};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_OK);
    amount = (agt_budget_amount){600000000, 10, 0};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_BUDGET_DENIED);
    assert_string_equal(err.message, "the budget of agent \"history\" has $0.55 left of $1.00; "
                                     "asked for: $0.60");
    assert_int_equal(err.status, AGT_E_BUDGET_DENIED);
    amount = (agt_budget_amount){1, 6000, 0};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_BUDGET_DENIED);
    assert_string_equal(err.message, "the budget of agent \"history\" has 4990 tokens left of 5000 "
                                     "tokens; asked for: 6000 tokens");
    amount = (agt_budget_amount){1, 1, 1};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_BUDGET_DENIED);
    assert_string_equal(err.message, "the budget of agent \"history\" has 0 calls left of 1 call; "
                                     "asked for: 1 call");
    amount = (agt_budget_amount){AGT_NANOUSD_UNKNOWN, 1, 0};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_BUDGET_DENIED);
    assert_string_equal(err.message, "the budget of agent \"history\" is limited to $1.00 ($0.55 "
                                     "left), and what this would cost is unknown");
    agt_budget_unref(budget);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    agt_budget *budget = NULL;
    agt_error err;
    agt_budget_config config = {.name = "no size"};
    assert_int_equal(agt_budget_new(NULL, &config, &budget, &err), AGT_E_INVALID);
    config = AGT_CONFIG(agt_budget_config, .limit_nanousd = -1);
    assert_int_equal(agt_budget_new(NULL, &config, &budget, &err), AGT_E_INVALID);
    assert_int_equal(agt_budget_new(NULL, NULL, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_budget_new(NULL, NULL, &budget, &err), AGT_OK); /* no limits at all */
    agt_budget_amount amount = {-1, 0, 0};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_INVALID);
    amount = (agt_budget_amount){0, -2, 0};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_INVALID);
    amount = (agt_budget_amount){0, 0, -1};
    assert_int_equal(agt_budget_reserve(budget, &amount, &err), AGT_E_INVALID);
    assert_int_equal(agt_budget_reserve(budget, NULL, &err), AGT_E_INVALID);
    assert_int_equal(agt_budget_reserve(NULL, &nothing, &err), AGT_E_INVALID);
    agt_budget_settle(NULL, &nothing, &nothing);
    agt_budget_settle(budget, NULL, &nothing);
    agt_budget_settle(budget, &nothing, NULL);
    check_amounts(budget, nothing, nothing);
    agt_budget_unref(budget);
}

static void use_budget(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    agt_budget_config config = AGT_CONFIG(agt_budget_config, .name = "parent");
    agt_budget *parent = NULL;
    if (agt_budget_new(allocator, &config, &parent, NULL) != AGT_OK) {
        return;
    }
    config = AGT_CONFIG(agt_budget_config, .name = "child", .parent = parent);
    agt_budget *child = NULL;
    agt_status status = agt_budget_new(allocator, &config, &child, NULL);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt_budget_unref(parent);
    agt_budget_unref(child);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_test_torture(use_budget, NULL);
}

/* ---- threads: no scope is ever over its limit --------------------------------------------------
 */

enum {
    LEAVES = 4,
    STEPS = 2000,
    RUN_LIMIT = 1000,
    LEAF_LIMIT = 400
};

typedef struct spender {
    agt_budget *run, *leaf;
    uint64_t seed;
    int64_t spent, granted, overruns;
} spender;

static void check_limit(spender *own, agt_budget *budget, int64_t limit)
{
    agt_budget_amount spent, reserved;
    agt_budget_get_amounts(budget, &spent, &reserved);
    own->overruns += spent.nanousd + reserved.nanousd > limit || reserved.nanousd < 0;
}

static void *spend(void *arg)
{
    spender *own = arg;
    agt__prng prng;
    agt__prng_seed(&prng, own->seed);
    agt_budget_amount held[4];
    size_t count = 0;
    for (int i = 0; i < STEPS; i++) {
        if (count < 4 && agt__prng_below(&prng, 2) == 0) {
            held[count] = (agt_budget_amount){(int64_t)agt__prng_below(&prng, 60), 1, 1};
            if (agt_budget_reserve(own->leaf, &held[count], NULL) == AGT_OK) {
                count++;
                own->granted++;
            }
        } else if (count > 0) { /* costs at most what was reserved, mostly nothing */
            count--;
            agt_budget_amount actual = held[count];
            actual.nanousd = agt__prng_below(&prng, 20) == 0 ? actual.nanousd / 2 : 0;
            own->spent += actual.nanousd;
            agt_budget_settle(own->leaf, &held[count], &actual);
        }
        check_limit(own, own->leaf, LEAF_LIMIT);
        check_limit(own, own->run, RUN_LIMIT);
    }
    while (count > 0) {
        count--;
        agt_budget_settle(own->leaf, &held[count], &nothing);
    }
    return NULL;
}

static void test_threads_never_overspend_together(void **state)
{
    (void)state;
    agt_budget *run = make_budget("run", NULL, RUN_LIMIT, 0, 0);
    spender spenders[LEAVES];
    pthread_t threads[LEAVES];
    for (int i = 0; i < LEAVES; i++) {
        spenders[i] =
            (spender){run, make_budget("leaf", run, LEAF_LIMIT, 0, 0), (uint64_t)i, 0, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, spend, &spenders[i]), 0);
    }
    int64_t spent = 0;
    for (int i = 0; i < LEAVES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(spenders[i].overruns, 0);
        assert_true(spenders[i].granted > 0);
        agt_budget_amount leaf_spent, reserved;
        agt_budget_get_amounts(spenders[i].leaf, &leaf_spent, &reserved);
        assert_int_equal(leaf_spent.nanousd, spenders[i].spent);
        assert_int_equal(reserved.nanousd, 0);
        spent += spenders[i].spent;
        agt_budget_unref(spenders[i].leaf);
    }
    agt_budget_amount run_spent, reserved;
    agt_budget_get_amounts(run, &run_spent, &reserved);
    assert_int_equal(run_spent.nanousd, spent);
    assert_int_equal(reserved.nanousd, 0);
    assert_true(spent <= RUN_LIMIT);
    agt_budget_unref(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserve_and_settle),
        cmocka_unit_test(test_each_kind_has_its_limit),
        cmocka_unit_test(test_what_is_unknown),
        cmocka_unit_test(test_overrun),
        cmocka_unit_test(test_all_scopes_or_none),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_threads_never_overspend_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
