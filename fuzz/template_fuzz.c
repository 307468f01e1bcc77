/*
 * template_fuzz.c - a template and, behind the first NUL, a JSON document: compiled, rendered,
 * and compiled again as a part of a value.
 *
 * Beyond crashes: every failure has words, a refused template has a place inside of it, and the
 * shape of a string answers what its template answers.
 */
#include "base/assert.h"
#include "llm/template.h"

#include <string.h>

static agt_status get_from(void *ctx, const char *path, size_t length, agt_value **ret_value,
                           agt_error *err)
{
    const agt_value *part = NULL;
    agt_status status = agt__template_walk(ctx, path, length, 0, &part, err);
    if (status == AGT_OK) {
        *ret_value = agt_value_ref(part);
    }
    return status;
}

/* The same text as a string value, by way of a shape. */
static void compare(const char *text, size_t length, const agt__template_source *source,
                    agt_status wanted, const agt_value *value)
{
    agt_value *string = NULL;
    if (agt_value_new_string_n(NULL, text, length, &string) != AGT_OK) {
        return; /* not UTF-8 */
    }
    agt__shape *shape = NULL;
    AGT_ASSERT(agt__shape_new(NULL, string, &shape, NULL) == AGT_OK);
    agt_value *again = NULL;
    agt_status status = agt__shape_evaluate(shape, source, &again, NULL);
    AGT_ASSERT(status == wanted);
    AGT_ASSERT(agt_value_equals(again, value));
    agt_value_unref(again);
    agt__shape_free(shape);
    agt_value_unref(string);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t length = size > 0 ? strnlen(text, size) : 0;
    size_t skipped = length < size ? length + 1 : length;
    agt__template *template = NULL;
    agt_error err = {0};
    agt_status status = agt__template_new(NULL, text, length, &template, &err);
    if (status != AGT_OK) {
        AGT_ASSERT(status == AGT_E_SYNTAX || status == AGT_E_LIMIT);
        AGT_ASSERT(err.status == status);
        AGT_ASSERT(err.column >= 1 && err.column <= length + 1);
        AGT_ASSERT(err.message[0] != '\0');
        return 0;
    }
    agt_value *root = NULL;
    if (agt_json_parse(NULL, text + skipped, size - skipped, NULL, &root, NULL) != AGT_OK) {
        root = agt_value_empty_object();
    }
    agt__template_source source = {.ctx = root, .get = get_from};
    agt_value *value = NULL;
    status = agt__template_evaluate(template, &source, &value, &err);
    AGT_ASSERT(status == AGT_OK || (err.status == status && err.message[0] != '\0'));
    compare(text, length, &source, status, value);
    agt_value_unref(value);
    agt_value_unref(root);
    agt__template_free(template);
    return 0;
}
