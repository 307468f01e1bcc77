/*
 * Random numbers: identifiers from the caller's source of bytes through a small generator, so that
 * a span id costs nanoseconds and not a system call, and a seeded run repeats itself.
 */
#ifndef AGT_BASE_RANDOM_H
#define AGT_BASE_RANDOM_H

#include "agent_sdk/base.h"

/* xoshiro256**: 256 bits of state, for one thread at a time. Not for keys or tokens. */
typedef struct agt__prng {
    uint64_t state[4];
} agt__prng;

/** Seed from @random (NULL: the system). @return AGT_OK or what the source answered */
agt_status agt__prng_init(agt__prng *prng, const agt_random *random);

/** Seed from a number: the same number, the same sequence, on every machine. */
void agt__prng_seed(agt__prng *prng, uint64_t seed);

/** The next 64 bits. */
uint64_t agt__prng_next(agt__prng *prng);

/** Uniform in 0 … bound - 1, without bias; 0 for a bound of 0. */
uint64_t agt__prng_below(agt__prng *prng, uint64_t bound);

#endif
