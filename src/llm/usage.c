/*
 * Usage as responses carry it: six counts, each of which may be missing.
 *
 * Threads: nothing is kept.
 */
#include "agent_sdk/llm.h"

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
