/* Who answers a request: the choice among members, without any of their machinery. */
#ifndef AGT_AGENTS_ROUTER_H
#define AGT_AGENTS_ROUTER_H

#include "agent_sdk/agents.h"

/* A member as the router sees it. */
typedef struct agt__candidate {
    const char *name;
    int32_t specialization;
    uint32_t capacity; /* 0 = no limit */
    uint32_t running;
    uint64_t requests; /* so far */
    const char *const *capabilities;
    size_t capability_count;
} agt__candidate;

/** What a request asks for; NULL-terminated lists, NULL = none. */
typedef struct agt__wish {
    const char *const *agents;
    const char *const *capabilities;
    int32_t specialization;
} agt__wish;

/** Whether the candidate has all capabilities and the specialization that are wanted. */
bool agt__candidate_fits(const agt__candidate *candidate, const agt__wish *wish);

/** Whether it can take one more request. */
bool agt__candidate_has_room(const agt__candidate *candidate);

/**
 * Choose one: of those that fit, the first preferred one that has room, else the one with the
 * fewest requests running (then with the fewest so far, then the first).
 *
 * @return AGT_OK; AGT_E_NOT_FOUND for a preferred name that nobody has, and if nobody fits, the
 *         message saying what is missing; AGT_E_BUSY if all that fit are full
 */
AGT_MUST_CHECK agt_status agt__router_choose(const agt__candidate *candidates, size_t count,
                                             const agt__wish *wish, size_t *ret_index,
                                             agt_error *err);

/**
 * Choose all that fit, or those of wish->agents, in that order; each once.
 *
 * @param ret_indices  room for @count numbers
 * @return AGT_OK; AGT_E_NOT_FOUND for a name that nobody has, and if nobody fits
 */
AGT_MUST_CHECK agt_status agt__router_choose_all(const agt__candidate *candidates, size_t count,
                                                 const agt__wish *wish, size_t *ret_indices,
                                                 size_t *ret_count, agt_error *err);

/** The name of a specialization: "analyst" …; "any"; "?" for what is none. */
const char *agt__specialization_get_name(int32_t specialization);

#endif
