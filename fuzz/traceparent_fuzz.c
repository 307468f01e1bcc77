/*
 * traceparent: any text. What is accepted is a valid context, and writing it gives a header of
 * version 00 that means the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent_sdk/telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    agt_span_context context, again;
    agt_status status = agt_span_context_from_traceparent(text, &context);
    require(status == AGT_OK || status == AGT_E_SYNTAX);
    if (status == AGT_OK) {
        char written[AGT_TRACEPARENT_SIZE];
        require(agt_span_context_is_valid(&context));
        agt_span_context_to_traceparent(&context, written);
        require(strlen(written) == AGT_TRACEPARENT_SIZE - 1);
        require(agt_span_context_from_traceparent(written, &again) == AGT_OK);
        require(memcmp(&context, &again, sizeof(context)) == 0);
    }
    free(text);
    return 0;
}
