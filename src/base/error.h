/* Filling in an agt_error. */
#ifndef AGT_BASE_ERROR_H
#define AGT_BASE_ERROR_H

#include "agent_sdk/base.h"

#include <stdarg.h>

/**
 * Fill in @err, if there is one, and answer @status: `return agt__error_set(err, …)`.
 *
 * The message is made one line of valid UTF-8: control characters become spaces, a cut never
 * splits a character. Nothing is allocated.
 *
 * @param origin  the part that speaks: "base/json"
 */
agt_status agt__error_set(agt_error *err, agt_status status, const char *origin, const char *format,
                          ...) AGT_PRINTF(4, 5);
agt_status agt__error_setv(agt_error *err, agt_status status, const char *origin,
                           const char *format, va_list args) AGT_PRINTF(4, 0);

/** The same for a failed system call: the message ends with the text of @error_number (errno). */
agt_status agt__error_set_errno(agt_error *err, agt_status status, const char *origin,
                                int error_number, const char *format, ...) AGT_PRINTF(5, 6);

/** Fill in @err for AGT_E_NOMEM and answer that. */
agt_status agt__error_nomem(agt_error *err, const char *origin);

/** Copy at most @size - 1 bytes of @text, never splitting a UTF-8 character; always terminated. */
void agt__copy_text(char *target, size_t size, const char *text);

#endif
