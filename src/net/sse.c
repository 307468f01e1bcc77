/*
 * The parser of server-sent events (WHATWG HTML 9.2.6), stricter than a browser in one point: bytes
 * that are not UTF-8 are an error and not replaced.
 *
 * Structure: agt__sse_feed() cuts the bytes into lines and hands each complete line to take_line().
 * A line that lies within one chunk, nearly every line, is read where it is; only the piece before
 * a chunk's end is kept in `line`. Both ends of line are searched with memchr, and the result of a
 * search is remembered until the line before it is used up, so that no byte is searched twice:
 * a chunk of nothing but CR stays linear. UTF-8 is checked per line: a line end cannot be inside
 * a character, so a split character simply waits in `line`.
 *
 * What is parsed does not depend on how the bytes were cut; the tests try every cut.
 *
 * Threads: one at a time. A parser that failed stays failed.
 */
#include "net/sse.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

#define ORIGIN                  "net/sse"
#define EVENT_BYTES_MAX_DEFAULT ((size_t)8 * 1024 * 1024)

static const char bom[] = "\xEF\xBB\xBF";
enum {
    bom_size = 3
};

struct agt__sse {
    const agt_allocator *allocator;
    agt__sse_fn on_event;
    void *user_data;
    size_t max;
    agt__buffer line; /* the beginning of a line whose end has not come           */
    agt__buffer data; /* of the event so far, each line with a "\n" behind it     */
    agt__buffer type;
    agt__buffer id;
    int64_t retry_ms;
    uint32_t line_number; /* of the line that is read, from 1                         */
    int bom_matched;      /* bytes of a byte order mark seen; bom_size = past that    */
    bool skips_lf;        /* the last line ended with CR: a LF belongs to it          */
    agt_error failure;    /* status AGT_OK while all is well                          */
};

/* Where a feed stands. A found line end stays valid until `at` has passed it. */
typedef struct cursor {
    const char *at;
    const char *end;
    const char *next_lf; /* NULL = not searched; end = none left */
    const char *next_cr;
} cursor;

agt_status agt__sse_new(const agt_allocator *allocator, size_t event_bytes_max,
                        agt__sse_fn on_event, void *user_data, agt__sse **ret_sse)
{
    agt__sse *sse = agt__calloc(allocator, 1, sizeof(*sse));
    if (sse == NULL) {
        return AGT_E_NOMEM;
    }
    sse->allocator = allocator;
    sse->on_event = on_event;
    sse->user_data = user_data;
    sse->max = event_bytes_max != 0 ? event_bytes_max : EVENT_BYTES_MAX_DEFAULT;
    sse->retry_ms = -1;
    sse->line_number = 1;
    agt__buffer_init(&sse->line, allocator, sse->max);
    agt__buffer_init(&sse->data, allocator, sse->max + 1); /* the "\n" that is cut off at the end */
    agt__buffer_init(&sse->type, allocator, sse->max);
    agt__buffer_init(&sse->id, allocator, sse->max);
    *ret_sse = sse;
    return AGT_OK;
}

void agt__sse_free(agt__sse *sse)
{
    if (sse == NULL) {
        return;
    }
    agt__buffer_deinit(&sse->line);
    agt__buffer_deinit(&sse->data);
    agt__buffer_deinit(&sse->type);
    agt__buffer_deinit(&sse->id);
    agt__free(sse->allocator, sse);
}

int64_t agt__sse_get_retry_ms(const agt__sse *sse)
{
    return sse->retry_ms;
}

/* The failure that every later feed repeats. */
static void fail(agt__sse *sse, agt_status status)
{
    if (status == AGT_E_NOMEM) {
        (void)agt__error_nomem(&sse->failure, ORIGIN);
    } else if (status == AGT_E_LIMIT) {
        (void)agt__error_set(&sse->failure, status, ORIGIN,
                             "an event of the stream is larger than %zu bytes", sse->max);
    } else if (status == AGT_E_SYNTAX) {
        (void)agt__error_set(&sse->failure, status, ORIGIN,
                             "line %u of the event stream is not UTF-8",
                             (unsigned)sse->line_number);
    } else {
        (void)agt__error_set(&sse->failure, status, ORIGIN, "the reader stopped the event stream");
    }
    sse->failure.line = sse->line_number;
}

/* ---- UTF-8 ---- */

/* Bytes of the character at @bytes, of which @size > 0 are there; 0 if it is not one. */
static size_t character_length(const unsigned char *bytes, size_t size)
{
    unsigned char lead = bytes[0];
    unsigned char low = 0x80, high = 0xBF; /* what the second byte may be */
    size_t length;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        low = lead == 0xE0 ? 0xA0 : low;   /* no overlong forms */
        high = lead == 0xED ? 0x9F : high; /* no surrogates     */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        low = lead == 0xF0 ? 0x90 : low;
        high = lead == 0xF4 ? 0x8F : high; /* not above U+10FFFF */
    } else {
        return 0;
    }
    if (size < length || bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xBF) {
            return 0;
        }
    }
    return length;
}

static size_t ascii_length(const unsigned char *bytes, size_t size)
{
    size_t at = 0;
    while (size - at >= 32) {
        uint64_t words[4];
        memcpy(words, bytes + at, sizeof(words));
        if (((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        at += 32;
    }
    while (at < size && bytes[at] < 0x80) {
        at++;
    }
    return at;
}

static bool is_utf8(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = ascii_length(bytes, size);
    while (at < size) {
        size_t length = character_length(bytes + at, size - at);
        if (length == 0) {
            return false;
        }
        at += length;
        if (at < size && bytes[at] < 0x80) {
            at += ascii_length(bytes + at, size - at);
        }
    }
    return true;
}

/* ---- lines ---- */

static agt_status dispatch(agt__sse *sse)
{
    agt_status status = AGT_OK;
    if (sse->data.size > 0) {
        sse->data.size--; /* the "\n" of the last line */
        sse->data.bytes[sse->data.size] = '\0';
        agt__sse_event event = {
            .type = sse->type.size > 0 ? sse->type.bytes : "message",
            .data = sse->data.bytes,
            .data_size = sse->data.size,
            .id = agt__buffer_text(&sse->id),
        };
        status = sse->on_event(sse->user_data, &event) ? AGT_OK : AGT_E_CANCELLED;
    }
    agt__buffer_clear(&sse->data);
    agt__buffer_clear(&sse->type);
    return status;
}

static agt_status set_text(agt__buffer *buffer, const char *text, size_t size)
{
    agt__buffer_clear(buffer);
    agt__buffer_add(buffer, text, size);
    return buffer->status;
}

/* Digits only, else the field is ignored; so is a time beyond any meaning. */
static void set_retry(agt__sse *sse, const char *text, size_t size)
{
    int64_t value = 0;
    if (size == 0 || size > 15) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return;
        }
        value = value * 10 + (text[i] - '0');
    }
    sse->retry_ms = value;
}

static agt_status add_data(agt__sse *sse, const char *text, size_t size)
{
    char *target = agt__buffer_extend(&sse->data, size + 1);
    if (target == NULL) {
        return sse->data.status;
    }
    memcpy(target, text, size);
    target[size] = '\n';
    return AGT_OK;
}

static bool is_name(const char *line, size_t size, const char *name)
{
    return size == strlen(name) && memcmp(line, name, size) == 0;
}

static agt_status take_field(agt__sse *sse, const char *name, size_t name_size, const char *value,
                             size_t size)
{
    if (is_name(name, name_size, "data")) {
        return add_data(sse, value, size);
    }
    if (is_name(name, name_size, "event")) {
        return set_text(&sse->type, value, size);
    }
    if (is_name(name, name_size, "id") && (size == 0 || memchr(value, '\0', size) == NULL)) {
        return set_text(&sse->id, value, size);
    }
    if (is_name(name, name_size, "retry")) {
        set_retry(sse, value, size);
    }
    return AGT_OK; /* names that are not known are ignored */
}

/* One line without its end. */
static agt_status take_line(agt__sse *sse, const char *line, size_t size)
{
    if (size == 0) {
        return dispatch(sse);
    }
    if (size > sse->max) {
        return AGT_E_LIMIT;
    }
    if (!is_utf8(line, size)) {
        return AGT_E_SYNTAX;
    }
    if (line[0] == ':') {
        return AGT_OK; /* a comment */
    }
    const char *colon = memchr(line, ':', size);
    if (colon == NULL) {
        return take_field(sse, line, size, "", 0);
    }
    const char *value = colon + 1;
    size_t value_size = size - (size_t)(value - line);
    if (value_size > 0 && *value == ' ') {
        value++;
        value_size--;
    }
    return take_field(sse, line, (size_t)(colon - line), value, value_size);
}

/* ---- cutting into lines ---- */

static const char *find(const cursor *at, const char *known, char c)
{
    if (known != NULL && known >= at->at) {
        return known;
    }
    const char *found = memchr(at->at, c, (size_t)(at->end - at->at));
    return found != NULL ? found : at->end;
}

/* The end of the line that begins at the cursor; `end` if it is not in this chunk. */
static const char *find_line_end(cursor *at)
{
    at->next_lf = find(at, at->next_lf, '\n');
    at->next_cr = find(at, at->next_cr, '\r');
    return at->next_lf < at->next_cr ? at->next_lf : at->next_cr;
}

/* Keep what has no line end yet. */
static agt_status hold(agt__sse *sse, const char *bytes, size_t size)
{
    agt__buffer_add(&sse->line, bytes, size);
    return sse->line.status;
}

static agt_status take_next_line(agt__sse *sse, cursor *at)
{
    if (sse->skips_lf) {
        sse->skips_lf = false;
        if (*at->at == '\n') {
            at->at++;
            return AGT_OK;
        }
    }
    const char *line_end = find_line_end(at);
    const char *line = at->at;
    size_t size = (size_t)(line_end - line);
    if (line_end == at->end) {
        at->at = line_end;
        return hold(sse, line, size);
    }
    at->at = line_end + 1;
    sse->skips_lf = *line_end == '\r';
    agt_status status;
    if (sse->line.size == 0) {
        status = take_line(sse, line, size);
    } else {
        status = hold(sse, line, size);
        if (status == AGT_OK) {
            status = take_line(sse, sse->line.bytes, sse->line.size);
            agt__buffer_clear(&sse->line);
        }
    }
    sse->line_number += status == AGT_OK ? 1 : 0;
    return status;
}

/* A byte order mark at the very beginning is skipped; what only began like one is text. */
static agt_status skip_bom(agt__sse *sse, cursor *at)
{
    while (sse->bom_matched < bom_size && at->at < at->end) {
        if (*at->at != bom[sse->bom_matched]) {
            size_t matched = (size_t)sse->bom_matched;
            sse->bom_matched = bom_size;
            return hold(sse, bom, matched);
        }
        at->at++;
        sse->bom_matched++;
    }
    return AGT_OK;
}

agt_status agt__sse_feed(agt__sse *sse, const void *bytes, size_t size, agt_error *err)
{
    agt_status status = sse->failure.status;
    if (status == AGT_OK && size > 0) {
        cursor at = {.at = bytes, .end = (const char *)bytes + size};
        status = skip_bom(sse, &at);
        while (status == AGT_OK && at.at < at.end) {
            status = take_next_line(sse, &at);
        }
        if (status != AGT_OK) {
            fail(sse, status);
        }
    }
    if (status != AGT_OK && err != NULL) {
        *err = sse->failure;
    }
    return status;
}
