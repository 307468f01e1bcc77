/*
 * Finding a member by its key. Up to eight members are compared one by one; objects with more have
 * an index behind their members: open addressing, linear probing, at most half full, slots holding
 * member + 1.
 *
 * Keys come from models and servers; the hash is seeded (base/map.h), so that nobody can send keys
 * that collide. Which seed it is shows in no result: order is the order of the members.
 */
#include "base/value_node.h"

#include "base/assert.h"

#include <string.h>

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
