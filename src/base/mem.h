/*
 * Memory through the caller's allocator. Everything the library allocates itself goes through
 * here, so that a test can make any single allocation fail. NULL for the allocator is the C
 * library's.
 */
#ifndef AGT_BASE_MEM_H
#define AGT_BASE_MEM_H

#include "agent_sdk/base.h"

/** @size bytes, not initialised; NULL if there are none or @size is 0. */
void *agt__alloc(const agt_allocator *allocator, size_t size);

/** @count objects of @size bytes, all zero; NULL if there are none or the product overflows. */
void *agt__calloc(const agt_allocator *allocator, size_t count, size_t size);

/** @ptr resized to @size > 0 bytes; NULL, with @ptr still valid, if that cannot be had. */
void *agt__realloc(const agt_allocator *allocator, void *ptr, size_t size);

/** Give @ptr back; NULL is fine. */
void agt__free(const agt_allocator *allocator, void *ptr);

/** A NUL-terminated copy of @length bytes; NULL if there is no memory. */
char *agt__strndup(const agt_allocator *allocator, const char *text, size_t length);

/** A copy of @text; NULL if there is no memory or @text is NULL. */
char *agt__strdup(const agt_allocator *allocator, const char *text);

/**
 * Make room for one more item in an array that grows by doubling.
 *
 * @param items     address of the array's pointer
 * @param capacity  address of the number of items there is room for; 0 at first
 * @param count     items in use
 * @param size      bytes of one item
 * @param max       most items allowed
 * @return AGT_OK; AGT_E_NOMEM; AGT_E_LIMIT if @count has reached @max
 */
agt_status agt__array_reserve(const agt_allocator *allocator, void *items, size_t *capacity,
                              size_t count, size_t size, size_t max);

/**
 * Tell the system that all of a large block will be touched soon: with large pages that takes one
 * fault per 2 MiB instead of one per 4 KiB. A hint; does nothing for small blocks.
 */
void agt__advise_large(void *ptr, size_t size);

/** Overwrite a secret so that the compiler cannot leave it out. */
void agt__wipe(void *bytes, size_t size);

#endif
