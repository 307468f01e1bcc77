/*
 * Usage as responses carry it: six counts, each of which may be missing; and counts as servers
 * write them.
 *
 * Threads: nothing is kept.
 */
#include "llm/answer.h"

enum {
    count_digits_max = 18
};

/* The count @key of @usage; unknown if it is missing or cannot be one. */
static int64_t read_count(const agt_value *usage, const char *key)
{
    int64_t count = 0;
    if (agt_value_get_int64(agt_value_get_member(usage, key), &count) != AGT_OK || count < 0) {
        return AGT_TOKENS_UNKNOWN;
    }
    return count;
}

agt_usage agt_usage_from_value(const agt_value *usage)
{
    return (agt_usage){
        .struct_size = sizeof(agt_usage),
        .input_tokens = read_count(usage, "input_tokens"),
        .cache_read_tokens = read_count(usage, "cache_read_tokens"),
        .cache_write_tokens = read_count(usage, "cache_write_tokens"),
        .cache_write_1h_tokens = read_count(usage, "cache_write_1h_tokens"),
        .output_tokens = read_count(usage, "output_tokens"),
        .reasoning_tokens = read_count(usage, "reasoning_tokens"),
    };
}

/* A count that was written as a string: digits and nothing else. */
static int64_t read_digits(const char *text, size_t length)
{
    int64_t number = 0;
    if (length == 0 || length > count_digits_max) {
        return AGT_TOKENS_UNKNOWN;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return AGT_TOKENS_UNKNOWN;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

int64_t agt__answer_read_count(const agt_value *value)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    if (text != NULL) {
        return read_digits(text, length);
    }
    int64_t number = 0;
    if (agt_value_get_int64(value, &number) != AGT_OK || number < 0) {
        return AGT_TOKENS_UNKNOWN;
    }
    return number;
}
