/*
 * Budgets: money, tokens and calls that are set aside before work starts and settled after it.
 *
 * Scopes form trees by their parents. All scopes of a tree share the lock of its root, so that one
 * reservation checks and changes the whole chain in one step: it is in all scopes or in none.
 *
 * Invariant, for each scope and each of the three with a limit: what is reserved was within the
 * limit, together with what was spent, when it was reserved. Settling may book more than was
 * reserved; nothing more can be reserved then until there is room again.
 */
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "telemetry/money.h"

#include "agent_sdk/telemetry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static const char origin[] = "telemetry/budget";

enum {
    MONEY,
    TOKENS,
    CALLS,
    KINDS
};

struct agt_budget {
    const agt_allocator *allocator;
    _Atomic size_t references;
    agt_budget *parent; /* a reference                                     */
    agt_budget *root;   /* itself, or the top of the parents: kept by them */
    char *name;
    int64_t limits[KINDS];   /* 0 = none                                    */
    int64_t spent[KINDS];    /* guarded by the root's lock                  */
    int64_t reserved[KINDS]; /* guarded by the root's lock                  */
    pthread_mutex_t mutex;   /* used in a root only                         */
};

/* ---- making -----------------------------------------------------------------------------------
 */

static int64_t to_limit(uint64_t limit)
{
    return limit < INT64_MAX ? (int64_t)limit : INT64_MAX;
}

agt_status agt_budget_new(const agt_allocator *allocator, const agt_budget_config *config,
                          agt_budget **ret_budget, agt_error *err)
{
    agt_budget_config own;
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    if (status != AGT_OK) {
        return status;
    }
    if (ret_budget == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "ret_budget is NULL");
    }
    if (own.limit_nanousd < 0) {
        return agt__error_set(err, AGT_E_INVALID, origin, "a budget cannot be less than nothing");
    }
    agt_budget *budget = agt__calloc(allocator, 1, sizeof(*budget));
    char *name = agt__strdup(allocator, own.name != NULL ? own.name : "budget");
    if (budget == NULL || name == NULL || pthread_mutex_init(&budget->mutex, NULL) != 0) {
        agt__free(allocator, name);
        agt__free(allocator, budget);
        return agt__error_nomem(err, origin);
    }
    budget->allocator = allocator;
    atomic_init(&budget->references, 1);
    budget->name = name;
    budget->parent = agt_budget_ref(own.parent);
    budget->root = own.parent != NULL ? own.parent->root : budget;
    budget->limits[MONEY] = own.limit_nanousd;
    budget->limits[TOKENS] = to_limit(own.tokens_max);
    budget->limits[CALLS] = to_limit(own.calls_max);
    *ret_budget = budget;
    return AGT_OK;
}

agt_budget *agt_budget_ref(agt_budget *budget)
{
    if (budget != NULL) {
        atomic_fetch_add_explicit(&budget->references, 1, memory_order_relaxed);
    }
    return budget;
}

void agt_budget_unref(agt_budget *budget)
{
    while (budget != NULL &&
           atomic_fetch_sub_explicit(&budget->references, 1, memory_order_acq_rel) == 1) {
        agt_budget *parent = budget->parent;
        (void)pthread_mutex_destroy(&budget->mutex);
        agt__free(budget->allocator, budget->name);
        agt__free(budget->allocator, budget);
        budget = parent;
    }
}

/* ---- amounts ----------------------------------------------------------------------------------
 */

static void unpack(const agt_budget_amount *amount, int64_t ret_amounts[KINDS])
{
    ret_amounts[MONEY] = amount->nanousd;
    ret_amounts[TOKENS] = amount->tokens;
    ret_amounts[CALLS] = amount->calls;
}

static agt_budget_amount pack(const int64_t amounts[KINDS])
{
    return (agt_budget_amount){
        .nanousd = amounts[MONEY], .tokens = amounts[TOKENS], .calls = amounts[CALLS]};
}

static bool is_unknown(int kind, int64_t amount)
{
    return (kind == MONEY && amount == AGT_NANOUSD_UNKNOWN) ||
           (kind == TOKENS && amount == AGT_TOKENS_UNKNOWN);
}

static int64_t at_least_0(int64_t amount)
{
    return amount > 0 ? amount : 0;
}

/* What @amount counts for in the sums. */
static int64_t counted(int kind, int64_t amount)
{
    return is_unknown(kind, amount) ? 0 : at_least_0(amount);
}

/* What may still be reserved; less than nothing once the limit was overrun. */
static int64_t get_left(const agt_budget *scope, int kind)
{
    int64_t used = agt__add_clamped(scope->spent[kind], scope->reserved[kind]);
    return agt__add_clamped(scope->limits[kind], -used);
}

typedef struct amount_text {
    char text[AGT__DOLLARS_BYTES + 16];
} amount_text;

static amount_text write_amount(int kind, int64_t amount)
{
    amount_text written;
    if (kind == MONEY) {
        agt__dollars_write(amount, written.text);
    } else if (is_unknown(kind, amount)) {
        (void)snprintf(written.text, sizeof(written.text), "an unknown number of tokens");
    } else {
        (void)snprintf(written.text, sizeof(written.text), "%" PRId64 " %s%s", amount,
                       kind == TOKENS ? "token" : "call", amount == 1 ? "" : "s");
    }
    return written;
}

/* The message: whose limit, what is left of it, what was asked for. */
static agt_status refuse(const agt_budget *scope, int kind, int64_t asked, agt_error *err)
{
    int64_t left = get_left(scope, kind);
    amount_text limit = write_amount(kind, scope->limits[kind]);
    amount_text rest = write_amount(kind, left > 0 ? left : 0);
    if (is_unknown(kind, asked)) {
        return agt__error_set(err, AGT_E_BUDGET_DENIED, origin,
                              "the budget of %s is limited to %s (%s left), and what this would "
                              "%s is unknown",
                              scope->name, limit.text, rest.text,
                              kind == MONEY ? "cost" : "take in tokens");
    }
    amount_text wanted = write_amount(kind, asked);
    return agt__error_set(err, AGT_E_BUDGET_DENIED, origin,
                          "the budget of %s has %s left of %s; asked for: %s", scope->name,
                          rest.text, limit.text, wanted.text);
}

static agt_status check(const agt_budget *budget, const int64_t amounts[KINDS], agt_error *err)
{
    for (const agt_budget *scope = budget; scope != NULL; scope = scope->parent) {
        for (int kind = 0; kind < KINDS; kind++) {
            bool limited = scope->limits[kind] != 0;
            if (limited && (is_unknown(kind, amounts[kind]) ||
                            (amounts[kind] > 0 && amounts[kind] > get_left(scope, kind)))) {
                return refuse(scope, kind, amounts[kind], err);
            }
        }
    }
    return AGT_OK;
}

agt_status agt_budget_reserve(agt_budget *budget, const agt_budget_amount *amount, agt_error *err)
{
    int64_t amounts[KINDS];
    if (budget == NULL || amount == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "no budget or no amount");
    }
    unpack(amount, amounts);
    for (int kind = 0; kind < KINDS; kind++) {
        if (amounts[kind] < 0 && !is_unknown(kind, amounts[kind])) {
            return agt__error_set(err, AGT_E_INVALID, origin,
                                  "less than nothing cannot be reserved");
        }
    }
    (void)pthread_mutex_lock(&budget->root->mutex);
    agt_status status = check(budget, amounts, err);
    for (agt_budget *scope = budget; status == AGT_OK && scope != NULL; scope = scope->parent) {
        for (int kind = 0; kind < KINDS; kind++) {
            scope->reserved[kind] =
                agt__add_clamped(scope->reserved[kind], counted(kind, amounts[kind]));
        }
    }
    (void)pthread_mutex_unlock(&budget->root->mutex);
    return status;
}

void agt_budget_settle(agt_budget *budget, const agt_budget_amount *reserved,
                       const agt_budget_amount *actual)
{
    int64_t held[KINDS], used[KINDS];
    if (budget == NULL || reserved == NULL || actual == NULL) {
        return;
    }
    unpack(reserved, held);
    unpack(actual, used);
    (void)pthread_mutex_lock(&budget->root->mutex);
    for (agt_budget *scope = budget; scope != NULL; scope = scope->parent) {
        for (int kind = 0; kind < KINDS; kind++) {
            int64_t back = counted(kind, held[kind]);
            int64_t paid = is_unknown(kind, used[kind]) ? back : at_least_0(used[kind]);
            scope->reserved[kind] = at_least_0(scope->reserved[kind] - back);
            scope->spent[kind] = agt__add_clamped(scope->spent[kind], paid);
        }
    }
    (void)pthread_mutex_unlock(&budget->root->mutex);
}

void agt_budget_get_amounts(agt_budget *budget, agt_budget_amount *ret_spent,
                            agt_budget_amount *ret_reserved)
{
    (void)pthread_mutex_lock(&budget->root->mutex);
    agt_budget_amount spent = pack(budget->spent);
    agt_budget_amount reserved = pack(budget->reserved);
    (void)pthread_mutex_unlock(&budget->root->mutex);
    if (ret_spent != NULL) {
        *ret_spent = spent;
    }
    if (ret_reserved != NULL) {
        *ret_reserved = reserved;
    }
}
