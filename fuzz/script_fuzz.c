/*
 * script_fuzz.c - a script and, behind the first NUL, a request: compiled and asked.
 *
 * Beyond crashes: every failure has words; a script that was accepted answers with a response of
 * the shape that agents rely on, the same one every time.
 */
#include "base/assert.h"
#include "llm/message.h"
#include "llm/script.h"

#include <string.h>

static agt_value *parse(const char *text, size_t length)
{
    agt_value *value = NULL;
    return agt_json_parse(NULL, text, length, NULL, &value, NULL) == AGT_OK ? value : NULL;
}

static void ask(const agt__script *script, const agt_value *request)
{
    agt__script_answer answer = {0};
    agt__script_answer again = {0};
    agt_error err = {0};
    agt_status status = agt__script_answer_request(script, NULL, request, &answer, &err);
    AGT_ASSERT(agt__script_answer_request(script, NULL, request, &again, NULL) == status);
    if (status != AGT_OK) {
        AGT_ASSERT(status == AGT_E_MODEL);
        AGT_ASSERT(err.status == status && err.message[0] != '\0');
        return;
    }
    AGT_ASSERT((answer.response == NULL) == (answer.error.status != AGT_OK));
    AGT_ASSERT(agt_value_equals(answer.response, again.response));
    if (answer.response != NULL) {
        agt_value *checked = NULL;
        AGT_ASSERT(agt_value_is_tainted(answer.response));
        AGT_ASSERT(agt__response_check(NULL, answer.response, 1, &checked, NULL) == AGT_OK);
        agt_value_unref(checked);
    }
    agt_value_unref(answer.response);
    agt_value_unref(again.response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t length = size > 0 ? strnlen(text, size) : 0;
    size_t skipped = length < size ? length + 1 : length;
    agt_value *document = parse(text, length);
    if (document == NULL) {
        return 0;
    }
    agt__script *script = NULL;
    agt_error err = {0};
    agt_status status = agt__script_new(NULL, document, &script, &err);
    if (status == AGT_OK) {
        agt_value *request = parse(text + skipped, size - skipped);
        ask(script, request);
        agt_value_unref(request);
    } else {
        AGT_ASSERT(err.status == status && err.message[0] != '\0');
    }
    agt__script_free(script);
    agt_value_unref(document);
    return 0;
}
