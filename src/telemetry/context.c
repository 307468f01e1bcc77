/*
 * W3C Trace Context: the traceparent header, read and written.
 *
 *     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *     version, trace id, span id, flags; lower-case hexadecimal
 *
 * Reading follows "Versioning of traceparent": version ff is none, a version this library does not
 * know is read as 00 with whatever follows after another dash. Of the flags those that are defined
 * (sampled, random trace id) are kept and the others dropped, as a sender must not pass on what it
 * does not know.
 */
#include "agent_sdk/telemetry.h"

#include <string.h>

enum {
    FLAGS_KNOWN = 0x03,
    TEXT_LENGTH = AGT_TRACEPARENT_SIZE - 1
};

static bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

bool agt_span_context_is_valid(const agt_span_context *context)
{
    return context != NULL && !is_zero(context->trace_id, sizeof(context->trace_id)) &&
           !is_zero(context->span_id, sizeof(context->span_id));
}

static char *write_hex(char *to, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}

void agt_span_context_to_traceparent(const agt_span_context *context,
                                     char ret_text[AGT_TRACEPARENT_SIZE])
{
    if (!agt_span_context_is_valid(context)) {
        ret_text[0] = '\0';
        return;
    }
    const uint8_t version = 0;
    const uint8_t flags = context->flags & FLAGS_KNOWN;
    char *at = write_hex(ret_text, &version, 1);
    *at++ = '-';
    at = write_hex(at, context->trace_id, sizeof(context->trace_id));
    *at++ = '-';
    at = write_hex(at, context->span_id, sizeof(context->span_id));
    *at++ = '-';
    at = write_hex(at, &flags, 1);
    *at = '\0';
}

static int read_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, uint8_t *ret_bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = read_digit(text[2 * i]);
        int low = read_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

agt_status agt_span_context_from_traceparent(const char *text, agt_span_context *ret_context)
{
    if (text == NULL) {
        return AGT_E_SYNTAX;
    }
    while (is_blank(*text)) {
        text++;
    }
    size_t length = strlen(text);
    while (length > 0 && is_blank(text[length - 1])) {
        length--;
    }
    uint8_t version, flags;
    agt_span_context context = {.flags = 0};
    if (length < TEXT_LENGTH || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        !read_hex(text, &version, 1) || !read_hex(text + 3, context.trace_id, 16) ||
        !read_hex(text + 36, context.span_id, 8) || !read_hex(text + 53, &flags, 1)) {
        return AGT_E_SYNTAX;
    }
    bool has_more = length > TEXT_LENGTH;
    if (version == 0xFF || (has_more && (version == 0 || text[TEXT_LENGTH] != '-')) ||
        !agt_span_context_is_valid(&context)) {
        return AGT_E_SYNTAX;
    }
    context.flags = flags & FLAGS_KNOWN;
    *ret_context = context;
    return AGT_OK;
}
