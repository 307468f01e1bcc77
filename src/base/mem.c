/*
 * The allocator's thin front: overflow checks, the default, and the one growing-array rule
 * (doubling from 8, capped by the caller's limit). No state.
 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_BYTES ((size_t)8 * 1024 * 1024)

static void *libc_resize(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size); /* tidy: allow banned-call: the default allocator itself */
}

static const agt_allocator libc_allocator = {libc_resize, NULL};

const agt_allocator *agt_allocator_get_default(void)
{
    return &libc_allocator;
}

void *agt__realloc(const agt_allocator *allocator, void *ptr, size_t size)
{
    if (size == 0) {
        return NULL;
    }
    const agt_allocator *from = allocator != NULL ? allocator : &libc_allocator;
    return from->resize(from->ctx, ptr, size);
}

void *agt__alloc(const agt_allocator *allocator, size_t size)
{
    return agt__realloc(allocator, NULL, size);
}

void *agt__calloc(const agt_allocator *allocator, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    void *ptr = agt__alloc(allocator, bytes);
    if (ptr != NULL) {
        memset(ptr, 0, bytes);
    }
    return ptr;
}

void agt__free(const agt_allocator *allocator, void *ptr)
{
    if (ptr == NULL) {
        return;
    }
    const agt_allocator *from = allocator != NULL ? allocator : &libc_allocator;
    (void)from->resize(from->ctx, ptr, 0);
}

char *agt__strndup(const agt_allocator *allocator, const char *text, size_t length)
{
    if (length == SIZE_MAX) {
        return NULL;
    }
    char *copy = agt__alloc(allocator, length + 1);
    if (copy != NULL) {
        if (length > 0) {
            memcpy(copy, text, length);
        }
        copy[length] = '\0';
    }
    return copy;
}

char *agt__strdup(const agt_allocator *allocator, const char *text)
{
    return text != NULL ? agt__strndup(allocator, text, strlen(text)) : NULL;
}

agt_status agt__array_reserve(const agt_allocator *allocator, void *items, size_t *capacity,
                              size_t count, size_t size, size_t max)
{
    if (count < *capacity) {
        return AGT_OK;
    }
    if (count >= max) {
        return AGT_E_LIMIT;
    }
    size_t wanted = count < 4 ? 8 : count;
    size_t bytes;
    if (count >= 4 && __builtin_mul_overflow(wanted, (size_t)2, &wanted)) {
        return AGT_E_LIMIT;
    }
    wanted = wanted < max ? wanted : max;
    if (__builtin_mul_overflow(wanted, size, &bytes)) {
        return AGT_E_LIMIT;
    }
    void *old;
    memcpy(&old, items, sizeof(old)); /* the caller's pointer, whatever its type */
    void *grown = agt__realloc(allocator, old, bytes);
    if (grown == NULL) {
        return AGT_E_NOMEM;
    }
    memcpy(items, &grown, sizeof(grown));
    *capacity = wanted;
    return AGT_OK;
}

void agt__advise_large(void *ptr, size_t size)
{
    const uintptr_t page = 4096;
    if (ptr == NULL || size < LARGE_BYTES) {
        return;
    }
    uintptr_t begin = ((uintptr_t)ptr + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)ptr + size) & ~(page - 1);
    (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

void agt__wipe(void *bytes, size_t size)
{
    explicit_bzero(bytes, size);
}
