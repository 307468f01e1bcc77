/*
 * A map from text to pointers: open addressing, keys borrowed from the caller (they must live as
 * long as their entry), insertion order kept for iteration. Hashes are seeded, so that names chosen
 * by a stranger cannot be made to collide.
 */
#ifndef AGT_BASE_MAP_H
#define AGT_BASE_MAP_H

#include "agent_sdk/base.h"

typedef struct agt__map_entry {
    const char *key;
    size_t length;
    void *value;
} agt__map_entry;

typedef struct agt__map {
    agt__map_entry *entries; /* in insertion order                                  */
    size_t count;
    size_t capacity;
    uint32_t *index; /* entry number plus 1; 0 = free; slots is a power of two      */
    size_t slots;
    const agt_allocator *allocator;
} agt__map;

void agt__map_init(agt__map *map, const agt_allocator *allocator);
void agt__map_deinit(agt__map *map);

/** The value of @key; NULL if there is none. */
void *agt__map_get(const agt__map *map, const char *key);
void *agt__map_get_n(const agt__map *map, const char *key, size_t length);

/** Add @key. @return AGT_OK; AGT_E_EXISTS, changing nothing; AGT_E_NOMEM; AGT_E_LIMIT */
agt_status agt__map_add(agt__map *map, const char *key, void *value);

/** Remove @key; later entries move up one place. @return its value, NULL if there was none */
void *agt__map_remove(agt__map *map, const char *key);

/**
 * A hash of @length bytes, seeded once per process with random bytes.
 *
 * @threads any
 */
uint64_t agt__hash_bytes(const void *bytes, size_t length);

#endif
