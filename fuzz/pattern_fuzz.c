/*
 * pattern_fuzz.c - a pattern and a text, split at the first NUL: compiled, and searched twice.
 *
 * Beyond crashes: a search must stay within twice its instructions per character, and say the same
 * with a budget as without one.
 */
#include "base/assert.h"
#include "base/pattern.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t length = size > 0 ? strnlen(text, size) : 0;
    size_t skipped = length < size ? length + 1 : length;
    agt__pattern *pattern = NULL;
    agt_error err;
    agt_status status = agt__pattern_new(NULL, text, length, &pattern, &err);
    if (status != AGT_OK) {
        AGT_ASSERT(err.status == status);
        AGT_ASSERT(err.message[0] != '\0');
        return 0;
    }
    uint64_t budget = 2 * (uint64_t)agt__pattern_get_size(pattern) * (size - skipped + 1);
    bool found = false;
    bool found_again = true;
    if (budget < 50000000) {
        status = agt__pattern_search(pattern, text + skipped, size - skipped, &budget, &found);
        AGT_ASSERT(status == AGT_OK);
        status = agt__pattern_search(pattern, text + skipped, size - skipped, NULL, &found_again);
        AGT_ASSERT(status == AGT_OK);
        AGT_ASSERT(found == found_again);
    }
    agt__pattern_free(pattern);
    return 0;
}
