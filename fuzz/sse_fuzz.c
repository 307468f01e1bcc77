/*
 * Server-sent events: any bytes, cut anywhere. The first byte of the input says how to cut the
 * rest; whatever it says, the events, the status and the retry time must be those of one uncut
 * feed. Every event is checked for what the parser promises: terminated, UTF-8 sized, within the
 * limit.
 */
#include "net/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    event_bytes_max = 4096
};

typedef struct reader {
    uint64_t hash;
    size_t count;
} reader;

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void mix(reader *self, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        self->hash = (self->hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001B3);
    }
    self->hash = (self->hash ^ size) * UINT64_C(0x100000001B3);
}

static bool on_event(void *user_data, const agt__sse_event *event)
{
    reader *self = user_data;
    require(event->data_size <= event_bytes_max);
    require(event->data[event->data_size] == '\0');
    mix(self, event->type, strlen(event->type));
    mix(self, event->data, event->data_size);
    mix(self, event->id, strlen(event->id));
    self->count++;
    return self->count < 200;
}

static agt_status parse(const uint8_t *data, size_t size, size_t piece, reader *self,
                        int64_t *ret_retry_ms)
{
    agt__sse *sse = NULL;
    require(agt__sse_new(NULL, event_bytes_max, on_event, self, &sse) == AGT_OK);
    agt_status status = AGT_OK;
    for (size_t at = 0; at < size && status == AGT_OK; at += piece) {
        /* A copy of exactly that size: reading beyond it is seen. */
        size_t count = size - at < piece ? size - at : piece;
        void *copy = malloc(count);
        require(copy != NULL);
        memcpy(copy, data + at, count);
        status = agt__sse_feed(sse, copy, count, NULL);
        free(copy);
    }
    require(agt__sse_feed(sse, "", 0, NULL) == status);
    *ret_retry_ms = agt__sse_get_retry_ms(sse);
    agt__sse_free(sse);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    reader whole = {0}, pieces = {0};
    int64_t whole_retry_ms = 0, pieces_retry_ms = 0;
    agt_status status = parse(data + 1, size - 1, SIZE_MAX / 2, &whole, &whole_retry_ms);
    require(parse(data + 1, size - 1, (size_t)data[0] + 1, &pieces, &pieces_retry_ms) == status);
    require(whole.hash == pieces.hash && whole.count == pieces.count);
    require(whole_retry_ms == pieces_retry_ms);
    return 0;
}
