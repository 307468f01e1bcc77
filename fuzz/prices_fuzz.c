/*
 * Documents of prices: any JSON. The first byte chooses the usage. A cost is never negative but
 * where it is unknown, and a document is refused only with a message.
 */
#include <stdint.h>
#include <stdlib.h>

#include "agent_sdk/telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static agt_usage choose_usage(uint8_t choice)
{
    agt_usage usage = agt_usage_unknown();
    usage.input_tokens = choice & 1 ? INT64_MAX : 100000;
    usage.output_tokens = choice & 2 ? INT64_MAX : 1000;
    usage.cache_read_tokens = choice & 4 ? 50000 : AGT_TOKENS_UNKNOWN;
    usage.cache_write_tokens = choice & 8 ? 50001 : 0;
    usage.reasoning_tokens = choice & 16 ? 1000 : AGT_TOKENS_UNKNOWN;
    usage.cache_write_1h_tokens = choice & 32 ? 0 : AGT_TOKENS_UNKNOWN;
    return usage;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    agt_usage usage = choose_usage(data[0]);
    agt_value *document = NULL;
    agt_prices *prices = NULL;
    agt_error err = {.message = ""};
    if (agt_json_parse(NULL, (const char *)data + 1, size - 1, NULL, &document, NULL) != AGT_OK) {
        return 0;
    }
    agt_status status = agt_prices_new(NULL, document, &prices, &err);
    require(status == AGT_OK || err.message[0] != '\0');
    if (status == AGT_OK) {
        static const char *const models[] = {"a", "model", "model-large-20260101", ""};
        for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
            int64_t cost = agt_prices_get_cost(prices, models[i], &usage);
            require(cost >= 0 || cost == AGT_NANOUSD_UNKNOWN);
        }
    }
    agt_prices_free(prices);
    agt_value_unref(document);
    return 0;
}
