/*
 * The approval stage: whether a tool may run at all, by rule, by what was approved for good, or
 * because somebody says so.
 *
 * It is the first stage, so a call that waits for a person holds nothing. A question (agt_approval)
 * has two owners: the call, as long as it waits, and whoever was asked, until he answers. The
 * answer may come on any thread and at any time: it is brought to the loop, where it finds the call
 * waiting, or gone, or (given from within ask()) not waiting yet.
 *
 * The slot of a call at this stage is NULL (not asked), a question, or one of the marks ALLOWED and
 * DENIED, which stay: a call that then waits elsewhere, or is tried again, is not asked for twice.
 * Falling back on another operation empties it: what was approved is not what would run.
 *
 * What is approved for good is recognised by the hash of the tool's definition, so that a tool that
 * became another one under the same name is asked for again.
 *
 * Threads: rules never change once the executor runs; pins are guarded by a mutex.
 */
#include "base/config.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"
#include "exec/graph.h"

#include <openssl/evp.h>
#include <string.h>

#define ORIGIN "exec/approval"

enum {
    RULES_MAX = 1024,
    REASON_BYTES = 256
};

struct agt__approvals {
    const agt_allocator *allocator;
    agt_approval_rule *rules; /* texts owned */
    size_t rules_count;
    void (*ask)(void *user_data, agt_approval *approval);
    void *user_data;
    pthread_mutex_t mutex; /* guards the map */
    agt__map said;         /* name of a tool → last_word */
};

/* What was said of a tool for good. */
typedef struct last_word {
    bool is_allowed;
    char hash[65]; /* of the definition that was approved */
    char name[];   /* the key in the map */
} last_word;

/* A question. */
struct agt_approval {
    const agt_allocator *allocator;
    agt_runtime *runtime; /* referenced */
    agt_executor *executor;
    agt_tool *tool; /* referenced, as an operation */
    const agt_value *input;
    char *agent;
    bool is_changed;
    _Atomic uint32_t refs;
    _Atomic bool is_over; /* the call waits no more */
    /* The answer, on the loop from the job on. */
    agt__job job;
    agt_decision decision;
    bool for_good;
    bool is_answered;
    char reason[REASON_BYTES];
    agt__call *call; /* loop thread; NULL: gone */
};

static const char allowed_mark, denied_mark;
#define ALLOWED ((void *)(uintptr_t)&allowed_mark)
#define DENIED  ((void *)(uintptr_t)&denied_mark)

static bool is_question(const void *slot)
{
    return slot != NULL && slot != ALLOWED && slot != DENIED;
}

/* ---- definitions --------------------------------------------------------------------------- */

agt_status agt__tool_get_definition(const agt_tool *tool, char ret_hash[65])
{
    static const char digits[] = "0123456789abcdef";
    const agt__operation *operation = &tool->operation;
    const char *description = tool->description != NULL ? tool->description : "";
    uint8_t hash[32] = {0};
    agt__buffer text;
    agt__buffer_init(&text, operation->allocator, 0);
    agt__buffer_add(&text, operation->table->kind, strlen(operation->table->kind) + 1);
    agt__buffer_add(&text, tool->name, strlen(tool->name) + 1);
    agt__buffer_add(&text, description, strlen(description) + 1);
    agt_status status = AGT_OK;
    if (operation->input != NULL) {
        status = agt_value_hash(agt_schema_get_document(operation->input), hash);
    }
    agt__buffer_add(&text, hash, sizeof(hash));
    if (operation->table->define != NULL) {
        operation->table->define(operation, &text);
    }
    if (status != AGT_OK || text.status != AGT_OK ||
        EVP_Digest(text.bytes, text.size, hash, NULL, EVP_sha256(), NULL) != 1) {
        status = AGT_E_NOMEM;
    }
    agt__buffer_deinit(&text);
    for (size_t i = 0; i < sizeof(hash); i++) {
        ret_hash[2 * i] = digits[hash[i] >> 4];
        ret_hash[2 * i + 1] = digits[hash[i] & 15];
    }
    ret_hash[64] = '\0';
    return status;
}

/* ---- rules --------------------------------------------------------------------------------- */

/* Whether @name is what @pattern says: `*` is any run of characters. Greedy with one way back, so
 * its time is bounded by the product of the lengths. */
static bool is_like(const char *name, const char *pattern)
{
    const char *star = NULL, *behind = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            behind = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++behind;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static agt_decision decide(const agt__approvals *approvals, const agt__operation *operation)
{
    uint32_t effect = 1u << operation->effect;
    for (size_t i = 0; i < approvals->rules_count; i++) {
        const agt_approval_rule *rule = &approvals->rules[i];
        if ((rule->effects == 0 || (rule->effects & effect) != 0) &&
            (rule->tool == NULL || is_like(operation->name, rule->tool))) {
            return (agt_decision)rule->decision;
        }
    }
    return operation->effect == AGT_EFFECT_EFFECT ? AGT_DECISION_ASK : AGT_DECISION_ALLOW;
}

/* ---- what was said for good ---------------------------------------------------------------- */

static agt_status keep_word(agt__approvals *approvals, const char *name, bool is_allowed,
                            const char *hash)
{
    size_t size = strlen(name) + 1;
    last_word *word = agt__alloc(approvals->allocator, sizeof(*word) + size);
    if (word == NULL) {
        return AGT_E_NOMEM;
    }
    word->is_allowed = is_allowed;
    agt__copy_text(word->hash, sizeof(word->hash), hash);
    memcpy(word->name, name, size);
    (void)pthread_mutex_lock(&approvals->mutex);
    last_word *before = agt__map_get(&approvals->said, name);
    agt_status status = AGT_OK;
    if (before != NULL) { /* in its place, so that it cannot be forgotten for lack of memory */
        before->is_allowed = word->is_allowed;
        memcpy(before->hash, word->hash, sizeof(before->hash));
    } else {
        status = agt__map_add(&approvals->said, word->name, word);
    }
    (void)pthread_mutex_unlock(&approvals->mutex);
    if (before != NULL || status != AGT_OK) {
        agt__free(approvals->allocator, word);
    }
    return status;
}

static void keep_answer(agt__approvals *approvals, const agt_approval *approval)
{
    char hash[65];
    if (agt__tool_get_definition(approval->tool, hash) == AGT_OK) {
        /* No memory: it will be asked for again. */
        (void)keep_word(approvals, approval->tool->name, approval->decision == AGT_DECISION_ALLOW,
                        hash);
    }
}

typedef enum standing {
    STANDING_NONE,
    STANDING_APPROVED,
    STANDING_CHANGED, /* approved as it was before */
    STANDING_BANNED,
} standing;

static standing get_standing(agt__approvals *approvals, const agt_tool *tool)
{
    char hash[65];
    standing found = STANDING_NONE;
    (void)pthread_mutex_lock(&approvals->mutex);
    const last_word *word = agt__map_get(&approvals->said, tool->name);
    if (word != NULL && !word->is_allowed) {
        found = STANDING_BANNED;
    } else if (word != NULL) {
        bool is_same =
            agt__tool_get_definition(tool, hash) == AGT_OK && strcmp(word->hash, hash) == 0;
        found = is_same ? STANDING_APPROVED : STANDING_CHANGED;
    }
    (void)pthread_mutex_unlock(&approvals->mutex);
    return found;
}

/* ---- questions ----------------------------------------------------------------------------- */

static void drop_question(agt_approval *approval)
{
    if (atomic_fetch_sub_explicit(&approval->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    agt_runtime *runtime = approval->runtime;
    agt__operation_unref(&approval->tool->operation);
    agt_executor_unref(approval->executor);
    agt_value_unref(approval->input);
    agt__free(approval->allocator, approval->agent);
    agt__free(approval->allocator, approval);
    agt__runtime_unref(runtime);
}

static agt_approval *new_question(agt__call *call, bool is_changed)
{
    const agt_allocator *allocator = call->graph->allocator;
    const char *agent = agt__call_get_options(call)->agent;
    agt_approval *approval = agt__calloc(allocator, 1, sizeof(*approval));
    if (approval == NULL) {
        return NULL;
    }
    if (agent != NULL && (approval->agent = agt__strdup(allocator, agent)) == NULL) {
        agt__free(allocator, approval);
        return NULL;
    }
    approval->allocator = allocator;
    approval->runtime = agt__runtime_ref(call->graph->runtime);
    approval->executor = agt_executor_ref(call->graph->executor);
    approval->tool = (agt_tool *)(void *)agt__operation_ref(agt__call_get_operation(call));
    approval->input = agt_value_ref(agt__call_get_input(call));
    approval->is_changed = is_changed;
    approval->call = call;
    atomic_init(&approval->refs, 2); /* the call's, and that of whoever is asked */
    atomic_init(&approval->is_over, false);
    return approval;
}

/* The call does not wait for the answer any more. */
static void leave_question(agt_approval *approval)
{
    approval->call = NULL;
    atomic_store_explicit(&approval->is_over, true, memory_order_release);
    drop_question(approval);
}

static void take_answer(agt__job *job)
{
    agt_approval *approval = (agt_approval *)(void *)((char *)job - offsetof(agt_approval, job));
    if (approval->for_good && approval->executor->approvals != NULL) {
        keep_answer(approval->executor->approvals, approval);
    }
    approval->is_answered = true;
    if (approval->call != NULL) {
        agt__call_wake(approval->call);
    }
    drop_question(approval); /* the reference of whoever was asked */
}

void agt_approval_answer(agt_approval *approval, agt_decision decision, bool for_good,
                         const char *reason)
{
    if (approval == NULL) {
        return;
    }
    approval->decision = decision;
    approval->for_good = for_good;
    agt__copy_text(approval->reason, sizeof(approval->reason), reason != NULL ? reason : "");
    approval->job.run = take_answer;
    agt__loop_post(approval->runtime->loop, &approval->job);
}

const char *agt_approval_get_tool(const agt_approval *approval)
{
    return approval->tool->name;
}

const char *agt_approval_get_description(const agt_approval *approval)
{
    return approval->tool->description != NULL ? approval->tool->description : "";
}

const agt_value *agt_approval_get_input(const agt_approval *approval)
{
    return approval->input;
}

const char *agt_approval_get_agent(const agt_approval *approval)
{
    return approval->agent;
}

bool agt_approval_is_changed(const agt_approval *approval)
{
    return approval->is_changed;
}

bool agt_approval_is_over(const agt_approval *approval)
{
    return atomic_load_explicit(&approval->is_over, memory_order_acquire);
}

/* ---- the stage ----------------------------------------------------------------------------- */

static bool approval_applies(const agt__policy *policy, const agt__call *call)
{
    (void)policy;
    const agt_executor *executor = call->graph->executor;
    if (executor == NULL || executor->approvals == NULL) {
        return false;
    }
    const char *kind = agt__call_operation(call)->table->kind;
    return strcmp(kind, "model") != 0 && strcmp(kind, "agent") != 0;
}

static agt__admit refuse(const agt__call *call, const char *why, const char *reason,
                         agt__admission *admission)
{
    admission->outcome = AGT_OUTCOME_DENIED;
    (void)agt__error_set(&admission->error, AGT_E_DENIED, ORIGIN, "\"%s\" was denied%s%s%s",
                         agt__call_operation(call)->name, why, reason[0] != '\0' ? ": " : "",
                         reason);
    return AGT__ADMIT_REFUSE;
}

/* What the question in the call's slot has come to. */
static agt__admit read_answer(agt__call *call, void **slot, agt__admission *admission)
{
    agt_approval *approval = *slot;
    if (!approval->is_answered) {
        return AGT__ADMIT_PARK;
    }
    bool is_allowed = approval->decision == AGT_DECISION_ALLOW;
    *slot = is_allowed ? ALLOWED : DENIED;
    agt__admit answer = is_allowed ? AGT__ADMIT_GO : refuse(call, "", approval->reason, admission);
    leave_question(approval);
    return answer;
}

static agt__admit ask(agt__approvals *approvals, agt__call *call, void **slot, bool is_changed,
                      agt__admission *admission)
{
    if (approvals->ask == NULL) {
        return refuse(call, ", since nobody is there to approve it", "", admission);
    }
    agt_approval *approval = new_question(call, is_changed);
    if (approval == NULL) {
        admission->outcome = AGT_OUTCOME_ERROR;
        (void)agt__error_nomem(&admission->error, ORIGIN);
        return AGT__ADMIT_REFUSE;
    }
    *slot = approval;
    approvals->ask(approvals->user_data, approval); /* an answer comes by the loop: not now */
    return AGT__ADMIT_PARK;
}

static agt__admit approval_probe(agt__policy *policy, agt__call *call, agt__admission *admission)
{
    agt__approvals *approvals = call->graph->executor->approvals;
    const agt__operation *operation = agt__call_operation(call);
    void **slot = agt__call_get_slot(call, policy);
    if (slot == NULL) {
        admission->outcome = AGT_OUTCOME_ERROR;
        (void)agt__error_nomem(&admission->error, ORIGIN);
        return AGT__ADMIT_REFUSE;
    }
    if (*slot == ALLOWED) {
        return AGT__ADMIT_GO;
    }
    if (is_question(*slot)) {
        return read_answer(call, slot, admission);
    }
    switch (decide(approvals, operation)) {
    case AGT_DECISION_ALLOW:
        return AGT__ADMIT_GO;
    case AGT_DECISION_DENY:
        return refuse(call, " by a rule", "", admission);
    case AGT_DECISION_ASK:
        break;
    }
    standing found = get_standing(approvals, (const agt_tool *)(const void *)operation);
    if (found == STANDING_APPROVED) {
        return AGT__ADMIT_GO;
    }
    if (found == STANDING_BANNED) {
        return refuse(call, " for good", "", admission);
    }
    return ask(approvals, call, slot, found == STANDING_CHANGED, admission);
}

/* The call is over, or waits elsewhere (then it was approved): no answer is waited for. */
static void approval_forget(agt__policy *policy, agt__call *call)
{
    if (call->extra != NULL && is_question(call->extra->slots[policy->index])) {
        agt_approval *approval = call->extra->slots[policy->index];
        call->extra->slots[policy->index] = NULL;
        leave_question(approval);
    }
}

static const agt__policy_table approval_table = {
    .name = "approval",
    .applies = approval_applies,
    .probe = approval_probe,
    .forget = approval_forget,
};

agt__policy *agt__policy_get_approval(void)
{
    /* Never written to: what it knows is the executor's. */
    static agt__policy approval = {.table = &approval_table, .index = AGT__STAGE_APPROVAL};
    return &approval;
}

/* ---- setting up ---------------------------------------------------------------------------- */

void agt__approvals_free(agt__approvals *approvals)
{
    if (approvals == NULL) {
        return;
    }
    for (size_t i = 0; i < approvals->rules_count; i++) {
        agt__free(approvals->allocator, (char *)(uintptr_t)approvals->rules[i].tool);
    }
    agt__free(approvals->allocator, approvals->rules);
    for (size_t i = 0; i < approvals->said.count; i++) {
        agt__free(approvals->allocator, approvals->said.entries[i].value);
    }
    agt__map_deinit(&approvals->said);
    (void)pthread_mutex_destroy(&approvals->mutex);
    agt__free(approvals->allocator, approvals);
}

static agt_status copy_rules(agt__approvals *approvals, const agt_approval_config *config,
                             agt_error *err)
{
    if (config->rules_count > RULES_MAX) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "%zu rules are too many: at most %d",
                              config->rules_count, RULES_MAX);
    }
    approvals->rules =
        agt__calloc(approvals->allocator, config->rules_count + 1, sizeof(*approvals->rules));
    if (approvals->rules == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    for (size_t i = 0; i < config->rules_count; i++) {
        agt_approval_rule own;
        agt_status status = agt__config_read(&own, sizeof(own), &config->rules[i], err);
        if (status != AGT_OK) {
            return status;
        }
        if (own.decision < AGT_DECISION_ASK || own.decision > AGT_DECISION_DENY ||
            own.effects >= 2u * AGT_APPROVAL_IDEMPOTENT) {
            return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                                  "rule %zu (\"%.60s\"): decision %d or effects %u do not exist", i,
                                  own.tool != NULL ? own.tool : "*", own.decision, own.effects);
        }
        if (own.tool != NULL && (own.tool = agt__strdup(approvals->allocator, own.tool)) == NULL) {
            return agt__error_nomem(err, ORIGIN);
        }
        approvals->rules[approvals->rules_count++] = own;
    }
    return AGT_OK;
}

static agt_status copy_pins(agt__approvals *approvals, const agt_value *pins, agt_error *err)
{
    if (pins != NULL && agt_value_get_kind(pins) != AGT_VALUE_OBJECT) {
        return agt__error_set(err, AGT_E_TYPE, ORIGIN, "pins are %s: expected an object",
                              agt_value_kind_get_name(agt_value_get_kind(pins)));
    }
    for (size_t i = 0; i < agt_value_get_count(pins); i++) {
        const char *name = agt_value_get_key(pins, i, NULL);
        const char *hash = agt_value_get_string(agt_value_get_item(pins, i), NULL);
        if (hash == NULL) {
            return agt__error_set(err, AGT_E_TYPE, ORIGIN,
                                  "the pin of \"%.60s\" is no string: expected a hash", name);
        }
        if (keep_word(approvals, name, true, hash) != AGT_OK) {
            return agt__error_nomem(err, ORIGIN);
        }
    }
    return AGT_OK;
}

agt_status agt_executor_set_approval(agt_executor *executor, const agt_approval_config *config,
                                     agt_error *err)
{
    agt_approval_config own;
    if (executor == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "executor is NULL");
    }
    agt_status status = agt__config_read(&own, sizeof(own), config, err);
    agt__approvals *approvals = NULL;
    if (status == AGT_OK && config != NULL) {
        approvals = agt__calloc(executor->allocator, 1, sizeof(*approvals));
        if (approvals == NULL || pthread_mutex_init(&approvals->mutex, NULL) != 0) {
            agt__free(executor->allocator, approvals);
            return agt__error_nomem(err, ORIGIN);
        }
        approvals->allocator = executor->allocator;
        approvals->ask = own.ask;
        approvals->user_data = own.user_data;
        agt__map_init(&approvals->said, executor->allocator);
        status = copy_rules(approvals, &own, err);
        if (status == AGT_OK) {
            status = copy_pins(approvals, own.pins, err);
        }
    }
    if (status != AGT_OK) {
        agt__approvals_free(approvals);
        return status;
    }
    agt__approvals_free(executor->approvals);
    executor->approvals = approvals;
    return AGT_OK;
}

agt_status agt_executor_get_pins(agt_executor *executor, agt_value **ret_pins)
{
    if (executor == NULL || ret_pins == NULL) {
        return AGT_E_INVALID;
    }
    agt__approvals *approvals = executor->approvals;
    agt_value_builder *builder = NULL;
    agt_status status = agt_value_builder_new(executor->allocator, &builder);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(builder);
    if (approvals != NULL) {
        (void)pthread_mutex_lock(&approvals->mutex);
        for (size_t i = 0; i < approvals->said.count; i++) {
            const last_word *word = approvals->said.entries[i].value;
            if (word->is_allowed) {
                agt__builder_add_string(builder, word->name, word->hash);
            }
        }
        (void)pthread_mutex_unlock(&approvals->mutex);
    }
    agt_value_builder_end(builder);
    status = agt_value_builder_finish(builder, ret_pins, NULL);
    agt_value_builder_free(builder);
    return status;
}
