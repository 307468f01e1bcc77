/*
 * The system's random bytes, and the generator that stretches 32 of them.
 *
 * The generator is xoshiro256** 1.0 by Blackman and Vigna (public domain, described at
 * prng.di.unimi.it), seeded through SplitMix64 when the seed is one number.
 */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

static agt_status system_fill(void *ctx, void *bytes, size_t size)
{
    (void)ctx;
    unsigned char *target = bytes;
    while (size > 0) {
        ssize_t got = getrandom(target, size, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return AGT_E_IO;
        }
        target += got;
        size -= (size_t)got;
    }
    return AGT_OK;
}

static const agt_random system_random = {system_fill, NULL};

const agt_random *agt_random_get_system(void)
{
    return &system_random;
}

agt_status agt__prng_init(agt__prng *prng, const agt_random *random)
{
    const agt_random *from = random != NULL ? random : &system_random;
    agt_status status = from->fill(from->ctx, prng->state, sizeof(prng->state));
    if (status == AGT_OK &&
        (prng->state[0] | prng->state[1] | prng->state[2] | prng->state[3]) == 0) {
        prng->state[0] = 1; /* all zero is the one state it never leaves */
    }
    return status;
}

void agt__prng_seed(agt__prng *prng, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++) {
        seed += 0x9E3779B97F4A7C15u;
        uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
        prng->state[i] = mixed ^ (mixed >> 31);
    }
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

uint64_t agt__prng_next(agt__prng *prng)
{
    uint64_t *state = prng->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t agt__prng_below(agt__prng *prng, uint64_t bound)
{
    if (bound == 0) {
        return 0;
    }
    uint64_t reject_below = (0 - bound) % bound; /* 2^64 mod bound */
    for (;;) {
        uint64_t value = agt__prng_next(prng);
        if (value >= reject_below) {
            return value % bound;
        }
    }
}
