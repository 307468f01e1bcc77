/*
 * Finding a member by its key. Up to eight members are compared one by one; objects with more have
 * an index behind their members: open addressing, linear probing, at most half full, slots holding
 * member + 1.
 *
 * Keys come from models and servers, so the hash is SipHash-1-3 (Aumasson and Bernstein) under a
 * key that is drawn once per process: nobody can send keys that collide. That key is the one piece
 * of state here. It never changes once it is set, and which key it is shows in no result: order is
 * the order of the members.
 */
#include "base/value_node.h"

#include "base/assert.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

/* ---- the hash ------------------------------------------------------------------------------- */

static _Atomic uint64_t process_seed; /* 0 = not drawn yet */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* Draw the seed; whoever is first wins. */
static uint64_t draw_seed(void)
{
    uint64_t drawn = 0;
    if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) != (ssize_t)sizeof(drawn)) {
        /* Early at boot or a forbidden system call: where things lie and when must do. */
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        drawn = mix((uint64_t)(uintptr_t)&now) ^ mix((uint64_t)now.tv_nsec);
    }
    drawn |= 1;
    uint64_t expected = 0;
    return atomic_compare_exchange_strong(&process_seed, &expected, drawn) ? drawn : expected;
}

static inline uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint32_t agt__value_hash_key(const char *key, size_t length)
{
    uint64_t seed = atomic_load_explicit(&process_seed, memory_order_relaxed);
    if (seed == 0) {
        seed = draw_seed();
    }
    uint64_t other = seed * UINT64_C(0x9E3779B97F4A7C15);
    uint64_t v[4] = {
        seed ^ UINT64_C(0x736F6D6570736575),
        other ^ UINT64_C(0x646F72616E646F6D),
        seed ^ UINT64_C(0x6C7967656E657261),
        other ^ UINT64_C(0x7465646279746573),
    };
    size_t left = length;
    for (; left >= 8; key += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, key, sizeof(word));
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = 0;
    memcpy(&last, key, left);
    last |= (uint64_t)length << 56;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(hash ^ (hash >> 32));
}

/* ---- the index ------------------------------------------------------------------------------ */

uint32_t agt__value_index_slots(uint32_t count)
{
    AGT_ASSERT(count <= AGT__VALUE_COUNT_MAX);
    if (count <= AGT__VALUE_INDEX_ABOVE) {
        return 0;
    }
    uint32_t slots = 4 * AGT__VALUE_INDEX_ABOVE;
    while (slots < 2 * count) {
        slots *= 2;
    }
    return slots;
}

void agt__value_index_add(agt_value *object, uint32_t number, uint32_t hash)
{
    uint32_t *index = agt__value_index(object);
    uint32_t mask = object->as.container.slots - 1;
    uint32_t slot = hash & mask;
    while (index[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    index[slot] = number + 1;
}

static bool has_key(const agt_value *object, const agt__member *member, const char *key,
                    size_t length)
{
    return member->key_length == length &&
           memcmp(agt__member_key(object, member), key, length) == 0;
}

uint32_t agt__value_find(const agt_value *object, const char *key, size_t length)
{
    const agt__member *members = agt__value_members(object);
    uint32_t count = object->as.container.count;
    if (object->as.container.slots == 0) {
        uint32_t i = 0;
        while (i < count && !has_key(object, &members[i], key, length)) {
            i++;
        }
        return i;
    }
    const uint32_t *index = agt__value_index(object);
    uint32_t mask = object->as.container.slots - 1;
    uint32_t slot = agt__value_hash_key(key, length) & mask;
    for (; index[slot] != 0; slot = (slot + 1) & mask) {
        if (has_key(object, &members[index[slot] - 1], key, length)) {
            return index[slot] - 1;
        }
    }
    return count;
}
