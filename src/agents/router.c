/*
 * The router's choice: a function of the members' state, so that it can be tested without running
 * anything. Ties are broken by the order of registration: the same state gives the same choice.
 *
 * Threads: nothing is kept; the pool calls it under its mutex.
 */
#include "agents/router.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "agents/router";

enum {
    list_size = 160
};

const char *agt__specialization_get_name(int32_t specialization)
{
    static const char *const names[] = {"any",      "analyst", "researcher", "executor",
                                        "reviewer", "writer",  "manager"};
    if (specialization < 0 || (size_t)specialization >= sizeof(names) / sizeof(names[0])) {
        return "?";
    }
    return names[specialization];
}

static bool has_capability(const agt__candidate *candidate, const char *capability)
{
    for (size_t i = 0; i < candidate->capability_count; i++) {
        if (strcmp(candidate->capabilities[i], capability) == 0) {
            return true;
        }
    }
    return false;
}

bool agt__candidate_fits(const agt__candidate *candidate, const agt__wish *wish)
{
    if (wish->specialization != AGT_SPECIALIZATION_ANY &&
        wish->specialization != candidate->specialization) {
        return false;
    }
    for (size_t i = 0; wish->capabilities != NULL && wish->capabilities[i] != NULL; i++) {
        if (!has_capability(candidate, wish->capabilities[i])) {
            return false;
        }
    }
    return true;
}

bool agt__candidate_has_room(const agt__candidate *candidate)
{
    return candidate->capacity == 0 || candidate->running < candidate->capacity;
}

/* ---- what is missing --------------------------------------------------------------------------
 */

static size_t find_name(const agt__candidate *candidates, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(candidates[i].name, name) != 0) {
        i++;
    }
    return i;
}

static agt_status check_names(const agt__candidate *candidates, size_t count, const agt__wish *wish,
                              agt_error *err)
{
    for (size_t i = 0; wish->agents != NULL && wish->agents[i] != NULL; i++) {
        if (find_name(candidates, count, wish->agents[i]) == count) {
            return agt__error_set(err, AGT_E_NOT_FOUND, origin, "there is no member \"%s\"",
                                  wish->agents[i]);
        }
    }
    return AGT_OK;
}

static void list_capabilities(const char *const *capabilities, char *target, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; capabilities[i] != NULL && used + 1 < size; i++) {
        int added =
            snprintf(target + used, size - used, "%s\"%s\"", i == 0 ? "" : ", ", capabilities[i]);
        used += added > 0 ? (size_t)added : 0;
    }
}

/* Nobody fits: because of one capability, of the specialization, or of all together. */
static agt_status say_missing(const agt__candidate *candidates, size_t count, const agt__wish *wish,
                              agt_error *err)
{
    char wanted[list_size] = "none in particular";
    agt__wish one = {.specialization = wish->specialization};
    if (count == 0) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin, "the pool has no members");
    }
    size_t found = 0;
    while (found < count && !agt__candidate_fits(&candidates[found], &one)) {
        found++;
    }
    if (found == count) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin, "no member has specialization %s",
                              agt__specialization_get_name(wish->specialization));
    }
    for (size_t i = 0; wish->capabilities != NULL && wish->capabilities[i] != NULL; i++) {
        found = 0;
        while (found < count && !has_capability(&candidates[found], wish->capabilities[i])) {
            found++;
        }
        if (found == count) {
            return agt__error_set(err, AGT_E_NOT_FOUND, origin, "no member has capability \"%s\"",
                                  wish->capabilities[i]);
        }
    }
    if (wish->capabilities != NULL) {
        list_capabilities(wish->capabilities, wanted, sizeof(wanted));
    }
    return agt__error_set(err, AGT_E_NOT_FOUND, origin,
                          "no member has all that is wanted: specialization %s, capabilities %s",
                          agt__specialization_get_name(wish->specialization), wanted);
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

static bool is_better(const agt__candidate *a, const agt__candidate *b)
{
    return a->running != b->running ? a->running < b->running : a->requests < b->requests;
}

agt_status agt__router_choose(const agt__candidate *candidates, size_t count, const agt__wish *wish,
                              size_t *ret_index, agt_error *err)
{
    agt_status status = check_names(candidates, count, wish, err);
    if (status != AGT_OK) {
        return status;
    }
    for (size_t i = 0; wish->agents != NULL && wish->agents[i] != NULL; i++) {
        size_t index = find_name(candidates, count, wish->agents[i]);
        if (agt__candidate_fits(&candidates[index], wish) &&
            agt__candidate_has_room(&candidates[index])) {
            *ret_index = index;
            return AGT_OK;
        }
    }
    size_t best = count;
    size_t fitting = 0;
    for (size_t i = 0; i < count; i++) {
        if (!agt__candidate_fits(&candidates[i], wish)) {
            continue;
        }
        fitting++;
        if (agt__candidate_has_room(&candidates[i]) &&
            (best == count || is_better(&candidates[i], &candidates[best]))) {
            best = i;
        }
    }
    if (fitting == 0) {
        return say_missing(candidates, count, wish, err);
    }
    if (best == count) {
        status = agt__error_set(err, AGT_E_BUSY, origin,
                                "all %zu members that fit have as many requests as they can take",
                                fitting);
        if (err != NULL) {
            err->flags |= AGT_ERROR_RETRYABLE;
        }
        return status;
    }
    *ret_index = best;
    return AGT_OK;
}

agt_status agt__router_choose_all(const agt__candidate *candidates, size_t count,
                                  const agt__wish *wish, size_t *ret_indices, size_t *ret_count,
                                  agt_error *err)
{
    agt_status status = check_names(candidates, count, wish, err);
    if (status != AGT_OK) {
        return status;
    }
    size_t chosen = 0;
    size_t steps = count;
    if (wish->agents != NULL) {
        for (steps = 0; wish->agents[steps] != NULL;) {
            steps++;
        }
    }
    for (size_t i = 0; i < steps && chosen < count; i++) {
        size_t index = wish->agents != NULL ? find_name(candidates, count, wish->agents[i]) : i;
        size_t before = 0;
        while (before < chosen && ret_indices[before] != index) {
            before++;
        }
        if (before == chosen && agt__candidate_fits(&candidates[index], wish)) {
            ret_indices[chosen++] = index;
        }
    }
    if (chosen == 0) {
        return say_missing(candidates, count, wish, err);
    }
    *ret_count = chosen;
    return AGT_OK;
}
