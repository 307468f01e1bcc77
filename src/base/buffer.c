/*
 * The growing byte buffer: doubles from 64 bytes, never beyond its cap, keeps one NUL behind the
 * content so that text can be read as a C string at any time.
 */
#include "base/buffer.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void agt__buffer_init(agt__buffer *buffer, const agt_allocator *allocator, size_t max)
{
    *buffer = (agt__buffer){.allocator = allocator, .max = max != 0 ? max : (size_t)1 << 30};
}

void agt__buffer_deinit(agt__buffer *buffer)
{
    agt__free(buffer->allocator, buffer->bytes);
    agt__buffer_init(buffer, buffer->allocator, buffer->max);
}

void agt__buffer_clear(agt__buffer *buffer)
{
    buffer->size = 0;
    buffer->status = AGT_OK;
    if (buffer->bytes != NULL) {
        buffer->bytes[0] = '\0';
    }
}

/* Make room for @size more bytes and the NUL. */
static bool reserve(agt__buffer *buffer, size_t size)
{
    if (buffer->status != AGT_OK) {
        return false;
    }
    if (size > buffer->max || buffer->size > buffer->max - size) {
        buffer->status = AGT_E_LIMIT;
        return false;
    }
    size_t needed = buffer->size + size + 1;
    if (needed <= buffer->capacity) {
        return true;
    }
    size_t wanted = buffer->capacity < 64 ? 64 : buffer->capacity * 2;
    wanted = wanted < needed ? needed : wanted;
    wanted = wanted <= buffer->max + 1 ? wanted : buffer->max + 1;
    char *grown = agt__realloc(buffer->allocator, buffer->bytes, wanted);
    if (grown == NULL) {
        buffer->status = AGT_E_NOMEM;
        return false;
    }
    buffer->bytes = grown;
    buffer->capacity = wanted;
    return true;
}

char *agt__buffer_extend(agt__buffer *buffer, size_t size)
{
    if (!reserve(buffer, size)) {
        return NULL;
    }
    char *start = buffer->bytes + buffer->size;
    buffer->size += size;
    buffer->bytes[buffer->size] = '\0';
    return start;
}

void agt__buffer_add(agt__buffer *buffer, const void *bytes, size_t size)
{
    char *target = agt__buffer_extend(buffer, size);
    if (target != NULL && size > 0) {
        memcpy(target, bytes, size);
    }
}

void agt__buffer_add_text(agt__buffer *buffer, const char *text)
{
    agt__buffer_add(buffer, text, strlen(text));
}

void agt__buffer_add_char(agt__buffer *buffer, char c)
{
    agt__buffer_add(buffer, &c, 1);
}

void agt__buffer_add_format(agt__buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length <= 0 || !reserve(buffer, (size_t)length)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(buffer->bytes + buffer->size, (size_t)length + 1, format, args);
    va_end(args);
    buffer->size += (size_t)length;
}

void agt__buffer_consume(agt__buffer *buffer, size_t size)
{
    AGT_ASSERT(size <= buffer->size);
    if (size == 0) {
        return;
    }
    buffer->size -= size;
    memmove(buffer->bytes, buffer->bytes + size, buffer->size + 1);
}

const char *agt__buffer_text(const agt__buffer *buffer)
{
    return buffer->bytes != NULL ? buffer->bytes : "";
}
