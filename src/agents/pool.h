/*
 * Pools inside: members, and the requests that are under way.
 */
#ifndef AGT_AGENTS_POOL_H
#define AGT_AGENTS_POOL_H

#include "agents/agent.h"
#include "agents/router.h"

#include <pthread.h>

/* A member: an operation of its own, so that everything it does goes by the member's name. It may
 * outlive the pool, in graphs that still run. */
typedef struct agt__member {
    agt__operation operation; /* first */
    agt_agent *agent;
    double weight;
    agt__candidate candidate; /* running and requests: guarded by the pool's mutex */
    /* behind it: pointers to the capabilities, the name, the capabilities */
} agt__member;

struct agt_pool {
    const agt_allocator *allocator;
    agt_runtime *runtime; /* referenced */
    _Atomic uint32_t refs;
    char *name;
    pthread_mutex_t mutex; /* guards all below, and what changes in members */
    agt__member **members;
    size_t member_count, member_capacity;
    uint32_t running;
    uint64_t requests, failures, settled;
    double total_ms; /* of settled requests */
};

/* What was started for one request. */
typedef struct agt__pool_request agt__pool_request;

/** An operation that answers in the name of a member that it has no room. @return AGT_OK;
 * AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__member_new_full(const agt_allocator *allocator, const char *name,
                                               agt__operation **ret_operation);

/** The weight of the member of that name; 1 if there is none. @threads any */
double agt__pool_get_weight(agt_pool *pool, const char *name);

#endif
