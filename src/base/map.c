/*
 * The text map. Entries stand in an array in insertion order; `index` is an open-addressing table
 * (linear probing, at most half full) of entry numbers. Removing rebuilds the index: maps here hold
 * names (tools, agents, members), are read often and hardly ever shrink.
 *
 * The hash is SipHash-1-3's shape: keyed, so that keys from outside cannot be chosen to collide.
 * The key is drawn once per process from the system and is the only thing in the library that is
 * process-wide; no result depends on it, since iteration follows insertion order.
 */
#include "base/map.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <string.h>
#include <threads.h>

static uint64_t hash_key[2];
static once_flag hash_key_once = ONCE_FLAG_INIT;

static void draw_hash_key(void)
{
    const agt_random *random = agt_random_get_system();
    if (random->fill(random->ctx, hash_key, sizeof(hash_key)) != AGT_OK) {
        hash_key[0] = (uint64_t)(uintptr_t)&hash_key; /* address layout is random too */
    }
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32) + v[3];
    v[2] += v[1];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

uint64_t agt__hash_bytes(const void *bytes, size_t length)
{
    call_once(&hash_key_once, draw_hash_key);
    uint64_t v[4] = {hash_key[0] ^ 0x736f6d6570736575u, hash_key[1] ^ 0x646f72616e646f6du,
                     hash_key[0] ^ 0x6c7967656e657261u, hash_key[1] ^ 0x7465646279746573u};
    const unsigned char *at = bytes;
    uint64_t word;
    for (size_t left = length; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)length << 56;
    for (size_t i = 0; i < (length & 7); i++) {
        word |= (uint64_t)at[i] << (8 * i);
    }
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xFF;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void agt__map_init(agt__map *map, const agt_allocator *allocator)
{
    *map = (agt__map){.allocator = allocator};
}

void agt__map_deinit(agt__map *map)
{
    agt__free(map->allocator, map->entries);
    agt__free(map->allocator, map->index);
    agt__map_init(map, map->allocator);
}

/* The slot of the key, or the free slot where it would stand. */
static size_t find_slot(const agt__map *map, const char *key, size_t length)
{
    size_t slot = (size_t)agt__hash_bytes(key, length) & (map->slots - 1);
    while (map->index[slot] != 0) {
        const agt__map_entry *entry = &map->entries[map->index[slot] - 1];
        if (entry->length == length && memcmp(entry->key, key, length) == 0) {
            break;
        }
        slot = (slot + 1) & (map->slots - 1);
    }
    return slot;
}

void *agt__map_get_n(const agt__map *map, const char *key, size_t length)
{
    if (map->count == 0) {
        return NULL;
    }
    uint32_t number = map->index[find_slot(map, key, length)];
    return number != 0 ? map->entries[number - 1].value : NULL;
}

void *agt__map_get(const agt__map *map, const char *key)
{
    return agt__map_get_n(map, key, strlen(key));
}

static void fill_index(agt__map *map)
{
    memset(map->index, 0, map->slots * sizeof(*map->index));
    for (size_t i = 0; i < map->count; i++) {
        const agt__map_entry *entry = &map->entries[i];
        map->index[find_slot(map, entry->key, entry->length)] = (uint32_t)(i + 1);
    }
}

static agt_status grow_index(agt__map *map)
{
    if (map->slots > map->count * 2) {
        return AGT_OK;
    }
    size_t slots = map->slots != 0 ? map->slots * 2 : 16;
    uint32_t *index = agt__calloc(map->allocator, slots, sizeof(*index));
    if (index == NULL) {
        return AGT_E_NOMEM;
    }
    agt__free(map->allocator, map->index);
    map->index = index;
    map->slots = slots;
    fill_index(map);
    return AGT_OK;
}

agt_status agt__map_add(agt__map *map, const char *key, void *value)
{
    size_t length = strlen(key);
    agt_status status = grow_index(map);
    if (status != AGT_OK) {
        return status;
    }
    size_t slot = find_slot(map, key, length);
    if (map->index[slot] != 0) {
        return AGT_E_EXISTS;
    }
    status = agt__array_reserve(map->allocator, &map->entries, &map->capacity, map->count,
                                sizeof(*map->entries), UINT32_MAX / 4);
    if (status != AGT_OK) {
        return status;
    }
    map->entries[map->count++] = (agt__map_entry){key, length, value};
    map->index[slot] = (uint32_t)map->count;
    return AGT_OK;
}

void *agt__map_remove(agt__map *map, const char *key)
{
    if (map->count == 0) {
        return NULL;
    }
    uint32_t number = map->index[find_slot(map, key, strlen(key))];
    if (number == 0) {
        return NULL;
    }
    void *value = map->entries[number - 1].value;
    memmove(&map->entries[number - 1], &map->entries[number],
            (map->count - number) * sizeof(*map->entries));
    map->count--;
    fill_index(map);
    return value;
}
