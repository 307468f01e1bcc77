/*
 * Status names and the error value. The table below is the only list of statuses with words; a
 * test checks that every status of base.h is in it. Messages are cleaned here, in one place,
 * because they may quote what a model, a tool or a file said: no control characters reach a
 * terminal or a log line through an error.
 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

typedef struct status_words {
    agt_status status;
    const char *name;
    const char *text;
} status_words;

static const status_words words[] = {
    {AGT_OK, "AGT_OK", "ok"},
    {AGT_E_INVALID, "AGT_E_INVALID", "invalid argument or state"},
    {AGT_E_NOMEM, "AGT_E_NOMEM", "out of memory"},
    {AGT_E_NOT_FOUND, "AGT_E_NOT_FOUND", "not found"},
    {AGT_E_EXISTS, "AGT_E_EXISTS", "exists already"},
    {AGT_E_TYPE, "AGT_E_TYPE", "wrong type"},
    {AGT_E_RANGE, "AGT_E_RANGE", "out of range"},
    {AGT_E_LIMIT, "AGT_E_LIMIT", "limit reached"},
    {AGT_E_SYNTAX, "AGT_E_SYNTAX", "syntax error"},
    {AGT_E_SCHEMA, "AGT_E_SCHEMA", "does not fit the schema"},
    {AGT_E_CYCLE, "AGT_E_CYCLE", "cycle of dependencies"},
    {AGT_E_IO, "AGT_E_IO", "input/output error"},
    {AGT_E_NETWORK, "AGT_E_NETWORK", "network failure"},
    {AGT_E_HTTP, "AGT_E_HTTP", "HTTP error"},
    {AGT_E_PROCESS, "AGT_E_PROCESS", "child process failed"},
    {AGT_E_BUSY, "AGT_E_BUSY", "busy"},
    {AGT_E_CLOSED, "AGT_E_CLOSED", "closed"},
    {AGT_E_FORKED, "AGT_E_FORKED", "belongs to the parent process"},
    {AGT_E_VERSION, "AGT_E_VERSION", "newer version"},
    {AGT_E_UNSUPPORTED, "AGT_E_UNSUPPORTED", "not supported"},
    {AGT_E_PARTIAL, "AGT_E_PARTIAL", "some parts failed"},
    {AGT_E_TOOL, "AGT_E_TOOL", "tool error"},
    {AGT_E_MODEL, "AGT_E_MODEL", "model error"},
    {AGT_E_INTERNAL, "AGT_E_INTERNAL", "internal error"},
    {AGT_E_TIMEOUT, "AGT_E_TIMEOUT", "timed out"},
    {AGT_E_CANCELLED, "AGT_E_CANCELLED", "cancelled"},
    {AGT_E_SKIPPED_DEPENDENCY, "AGT_E_SKIPPED_DEPENDENCY", "skipped: a dependency failed"},
    {AGT_E_BREAKER_OPEN, "AGT_E_BREAKER_OPEN", "circuit breaker open"},
    {AGT_E_RATE_LIMITED, "AGT_E_RATE_LIMITED", "rate limited"},
    {AGT_E_BUDGET_DENIED, "AGT_E_BUDGET_DENIED", "denied by budget"},
    {AGT_E_DENIED, "AGT_E_DENIED", "denied"},
    {AGT_E_REJECTED, "AGT_E_REJECTED", "rejected"},
    {AGT_E_UNKNOWN, "AGT_E_UNKNOWN", "fate unknown"},
};

static const status_words *find_words(agt_status status)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].status == status) {
            return &words[i];
        }
    }
    return NULL;
}

const char *agt_status_get_name(agt_status status)
{
    const status_words *found = find_words(status);
    return found != NULL ? found->name : "AGT_E_?";
}

const char *agt_status_get_text(agt_status status)
{
    const status_words *found = find_words(status);
    return found != NULL ? found->text : "unknown status";
}

const char *agt_version(void)
{
    return AGT_VERSION_STRING;
}

/* The bytes of the UTF-8 character that starts at @text, or 0 if none does. Only the shape is
 * checked: enough to never cut one in two. */
static size_t character_size(const unsigned char *text, size_t available)
{
    size_t size = text[0] < 0x80                      ? 1
                  : text[0] >= 0xC2 && text[0] < 0xE0 ? 2
                  : text[0] >= 0xE0 && text[0] < 0xF0 ? 3
                  : text[0] >= 0xF0 && text[0] < 0xF5 ? 4
                                                      : 0;
    if (size > available) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return size;
}

void agt__copy_text(char *target, size_t size, const char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t left = strlen(text);
    size_t used = 0;
    while (left > 0) {
        size_t step = character_size(from, left);
        if (used + (step > 0 ? step : 1) >= size) {
            break;
        }
        if (step == 0) { /* not UTF-8 */
            target[used++] = '?';
            step = 1;
        } else if (step == 1) {
            target[used++] = (char)(from[0] < 0x20 || from[0] == 0x7F ? ' ' : from[0]);
        } else {
            memcpy(target + used, from, step);
            used += step;
        }
        from += step;
        left -= step;
    }
    target[used] = '\0';
}

agt_status agt__error_setv(agt_error *err, agt_status status, const char *origin,
                           const char *format, va_list args)
{
    if (err == NULL) {
        return status;
    }
    char text[1024];
    int length = vsnprintf(text, sizeof(text), format, args);
    if (length < 0) {
        text[0] = '\0';
    }
    memset(err, 0, sizeof(*err));
    err->status = status;
    agt__copy_text(err->origin, sizeof(err->origin), origin);
    agt__copy_text(err->message, sizeof(err->message), text);
    return status;
}

agt_status agt__error_set(agt_error *err, agt_status status, const char *origin, const char *format,
                          ...)
{
    va_list args;
    va_start(args, format);
    (void)agt__error_setv(err, status, origin, format, args);
    va_end(args);
    return status;
}

agt_status agt__error_set_errno(agt_error *err, agt_status status, const char *origin,
                                int error_number, const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    va_list args;
    va_start(args, format);
    (void)agt__error_setv(err, status, origin, format, args);
    va_end(args);
    /* strerror_r has two shapes; strerrordesc_np has one, needs no buffer and is not localised. */
    const char *reason = strerrordesc_np(error_number);
    char number[32];
    if (reason == NULL) {
        (void)snprintf(number, sizeof(number), "error %d", error_number);
        reason = number;
    }
    size_t used = strlen(err->message);
    if (used + 3 < sizeof(err->message)) {
        memcpy(err->message + used, ": ", 2);
        agt__copy_text(err->message + used + 2, sizeof(err->message) - used - 2, reason);
    }
    err->cause = error_number;
    return status;
}

agt_status agt__error_nomem(agt_error *err, const char *origin)
{
    return agt__error_set(err, AGT_E_NOMEM, origin, "out of memory");
}

_Static_assert(sizeof(agt_error) == 512, "agt_error is frozen ABI");
