/*
 * Prices: documents good and bad, names and prefixes, the formula, what is unknown.
 */
#include "agent_sdk/telemetry.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "support/test.h"
#include "support/torture.h"

static agt_value *parse(const char *text)
{
    agt_value *value = NULL;
    agt_error err = {.message = ""};
    if (agt_json_parse(NULL, text, strlen(text), NULL, &value, &err) != AGT_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return value;
}

static agt_prices *make_prices(const char *text)
{
    agt_value *document = text != NULL ? parse(text) : NULL;
    agt_prices *prices = NULL;
    agt_error err = {.message = ""};
    if (agt_prices_new(NULL, document, &prices, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    agt_value_unref(document);
    return prices;
}

static agt_usage use(int64_t input, int64_t output)
{
    return (agt_usage){
        .struct_size = sizeof(agt_usage), .input_tokens = input, .output_tokens = output};
}

static const char sample[] =
    "{\"version\": 1, \"models\": {"
    "\"full\": {\"input\": \"3.00\", \"output\": \"15.00\", \"cache_read\": \"0.30\","
    "  \"cache_write\": \"3.75\", \"cache_write_1h\": \"6.00\", \"reasoning\": \"20.00\"},"
    "\"plain\": {\"input\": 2, \"output\": 10.5},"
    "\"cached\": {\"input\": \"2\", \"output\": \"10\", \"cache_read\": \"0.5\"},"
    "\"tiny\": {\"input\": \"0.000000001\", \"output\": \"0\"},"
    "\"fam*\": {\"input\": \"1\", \"output\": \"1\"},"
    "\"family-*\": {\"input\": \"2\", \"output\": \"2\"},"
    "\"family-big\": {\"input\": \"3\", \"output\": \"3\"}}}";

static void test_the_formula(void **state)
{
    (void)state;
    agt_prices *prices = make_prices(sample);
    agt_usage usage = use(1000000, 0);
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), 3000000000);
    usage = use(0, 1000000);
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), 15000000000);
    usage = use(0, 0);
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), 0);

    /* 10,000 in, of which 6,000 read, 1,000 written, 500 written for an hour; 2,000 out, of which
     * 1,200 reasoning: 2,500 x 3 + 6,000 x 0.3 + 1,000 x 3.75 + 500 x 6 + 800 x 15 + 1,200 x 20
     * = 52,050 millionths of a dollar. */
    usage = use(10000, 2000);
    usage.cache_read_tokens = 6000;
    usage.cache_write_tokens = 1000;
    usage.cache_write_1h_tokens = 500;
    usage.reasoning_tokens = 1200;
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), 52050000);
    /* Without prices of their own the parts cost what the whole costs: 10,000 x 2 + 2,000 x 10.5 */
    assert_int_equal(agt_prices_get_cost(prices, "plain", &usage), 41000000);
    /* All of the input read from the cache. */
    usage = use(1000, 0);
    usage.cache_read_tokens = 1000;
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), 300000);
    agt_prices_free(prices);
}

static void test_rounding(void **state)
{
    (void)state;
    agt_prices *prices = make_prices(sample);
    agt_usage usage = use(499999, 0); /* each 1e-15 dollars */
    assert_int_equal(agt_prices_get_cost(prices, "tiny", &usage), 0);
    usage = use(500000, 0);
    assert_int_equal(agt_prices_get_cost(prices, "tiny", &usage), 1);
    usage = use(1499999, 0);
    assert_int_equal(agt_prices_get_cost(prices, "tiny", &usage), 1);
    usage = use(1500000, 0);
    assert_int_equal(agt_prices_get_cost(prices, "tiny", &usage), 2);
    /* Rounded once: two halves of different kinds make one. */
    agt_prices *halves = make_prices("{\"version\":1,\"models\":{\"m\":{\"input\":\"0.0000005\","
                                     "\"output\":\"0.0000005\"}}}");
    usage = use(1000, 1000);
    assert_int_equal(agt_prices_get_cost(halves, "m", &usage), 1);
    agt_prices_free(halves);

    /* More than can be counted. */
    usage = use(INT64_MAX, INT64_MAX);
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), INT64_MAX);
    agt_prices_free(prices);
    prices = make_prices("{\"version\":1,\"models\":{\"m\":{\"input\":\"9223372036.854775807\","
                         "\"output\":\"9223372036.854775807\"}}}");
    assert_int_equal(agt_prices_get_cost(prices, "m", &usage), INT64_MAX);
    usage = use(1, 0);
    assert_int_equal(agt_prices_get_cost(prices, "m", &usage), 9223372036855);
    agt_prices_free(prices);
}

static void test_what_is_unknown(void **state)
{
    (void)state;
    agt_prices *prices = make_prices(sample);
    agt_usage usage = use(1000, 100);
    assert_int_equal(agt_prices_get_cost(prices, "nobody", &usage), AGT_NANOUSD_UNKNOWN);
    assert_int_equal(agt_prices_get_cost(prices, NULL, &usage), AGT_NANOUSD_UNKNOWN);
    assert_int_equal(agt_prices_get_cost(NULL, "plain", &usage), AGT_NANOUSD_UNKNOWN);
    assert_int_equal(agt_prices_get_cost(prices, "plain", NULL), AGT_NANOUSD_UNKNOWN);
    usage.struct_size = 0;
    assert_int_equal(agt_prices_get_cost(prices, "plain", &usage), AGT_NANOUSD_UNKNOWN);

    usage = agt_usage_unknown();
    assert_int_equal(agt_prices_get_cost(prices, "plain", &usage), AGT_NANOUSD_UNKNOWN);
    usage.input_tokens = 1000;
    assert_int_equal(agt_prices_get_cost(prices, "plain", &usage), AGT_NANOUSD_UNKNOWN);
    usage.output_tokens = 100;
    /* The parts are unknown: it matters only where they have prices of their own. */
    assert_int_equal(agt_prices_get_cost(prices, "plain", &usage), 3050000);
    assert_int_equal(agt_prices_get_cost(prices, "cached", &usage), AGT_NANOUSD_UNKNOWN);
    usage.cache_read_tokens = 0;
    assert_int_equal(agt_prices_get_cost(prices, "cached", &usage), 3000000);

    /* Parts that exceed the whole. */
    usage = use(1000, 100);
    usage.cache_read_tokens = 600;
    usage.cache_write_tokens = 401;
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), AGT_NANOUSD_UNKNOWN);
    usage = use(1000, 100);
    usage.reasoning_tokens = 101;
    assert_int_equal(agt_prices_get_cost(prices, "full", &usage), AGT_NANOUSD_UNKNOWN);
    agt_prices_free(prices);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int64_t nanousd;
    } samples[] = {
        {"fam", 1000},
        {"famous", 1000},
        {"family", 1000},
        {"family-", 2000},
        {"family-sma", 2000},
        {"family-big", 3000},
        {"family-big2", 2000},
        {"fa", -1},
        {"FAM", -1},
        {"family-big*", 2000},
        {"", -1},
    };
    agt_prices *prices = make_prices(sample);
    agt_usage usage = use(1, 0);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t wanted = samples[i].nanousd < 0 ? AGT_NANOUSD_UNKNOWN : samples[i].nanousd;
        if (agt_prices_get_cost(prices, samples[i].model, &usage) != wanted) {
            fail_msg("%s", samples[i].model);
        }
    }
    agt_prices_free(prices);
    prices = make_prices("{\"version\":1,\"models\":{\"*\":{\"input\":\"1\",\"output\":\"1\"}}}");
    assert_int_equal(agt_prices_get_cost(prices, "whatever", &usage), 1000);
    assert_int_equal(agt_prices_get_cost(prices, "", &usage), 1000);
    char endless[5000];
    memset(endless, 'x', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    assert_int_equal(agt_prices_get_cost(prices, endless, &usage), 1000);
    agt_prices_free(prices);
    prices = make_prices("{\"version\":1,\"models\":{}}");
    assert_int_equal(agt_prices_get_cost(prices, "whatever", &usage), AGT_NANOUSD_UNKNOWN);
    agt_prices_free(prices);
}

static void test_the_shipped_table(void **state)
{
    (void)state;
    agt_prices *prices = make_prices(NULL);
    agt_usage usage = use(1000000, 1000000);
    assert_int_equal(agt_prices_get_cost(prices, "claude-haiku-4-5", &usage), 6000000000);
    assert_int_equal(agt_prices_get_cost(prices, "claude-haiku-4-5-20251001", &usage), 6000000000);
    assert_int_equal(agt_prices_get_cost(prices, "gpt-5-mini", &usage), 2250000000);
    assert_int_equal(agt_prices_get_cost(prices, "gpt-5", &usage), 11250000000);
    /* A later model of the same name is another model. */
    assert_int_equal(agt_prices_get_cost(prices, "gpt-5.99", &usage), AGT_NANOUSD_UNKNOWN);
    assert_int_equal(agt_prices_get_cost(prices, "claude-haiku-4-51", &usage), AGT_NANOUSD_UNKNOWN);
    usage.cache_read_tokens = 1000000;
    assert_int_equal(agt_prices_get_cost(prices, "claude-haiku-4-5", &usage), 5100000000);
    agt_prices_free(prices);
}

/* ---- bad documents ----------------------------------------------------------------------------
 */

#define MODELS(models) "{\"version\":1,\"models\":{" models "}}"

static void test_bad_documents(void **state)
{
    (void)state;
    assert_int_equal(agt_prices_new(NULL, NULL, NULL, NULL), AGT_E_INVALID);
    static const struct {
        const char *text;
        agt_status status;
        const char *named[2]; /* what the message has to name */
    } samples[] = {
        {"[]", AGT_E_SCHEMA, {"object", ""}},
        {"{}", AGT_E_SCHEMA, {"version", ""}},
        {"{\"version\":\"1\",\"models\":{}}", AGT_E_SCHEMA, {"version", ""}},
        {"{\"version\":2,\"models\":{}}", AGT_E_VERSION, {"version", ""}},
        {"{\"version\":1}", AGT_E_SCHEMA, {"models", ""}},
        {"{\"version\":1,\"models\":[]}", AGT_E_SCHEMA, {"models", ""}},
        {"{\"version\":1,\"models\":{},\"modles\":{}}", AGT_E_SCHEMA, {"modles", ""}},
        {MODELS("\"m\":5"), AGT_E_SCHEMA, {"\"m\"", "number"}},
        {MODELS("\"m\":{}"), AGT_E_SCHEMA, {"\"m\"", "input"}},
        {MODELS("\"m\":{\"input\":\"1\"}"), AGT_E_SCHEMA, {"\"m\"", "output"}},
        {MODELS("\"m\":{\"input\":\"1\",\"output\":\"1\",\"cached\":\"1\"}"),
         AGT_E_SCHEMA,
         {"\"m\"", "\"cached\""}},
        {MODELS("\"m\":{\"input\":\"1\",\"output\":true}"), AGT_E_SCHEMA, {"\"m\"", "boolean"}},
        {MODELS("\"m\":{\"input\":\"1\",\"output\":\"free\"}"), AGT_E_SCHEMA, {"\"m\"", "free"}},
        {MODELS("\"m\":{\"input\":-1,\"output\":1}"), AGT_E_SCHEMA, {"\"m\"", "-1"}},
        {MODELS("\"m\":{\"input\":1e-6,\"output\":1}"), AGT_E_SCHEMA, {"\"m\"", "1e-6"}},
        {MODELS("\"m\":{\"input\":\"0.0000000001\",\"output\":1}"),
         AGT_E_SCHEMA,
         {"input", "nine places"}},
        {MODELS("\"a*b\":{\"input\":\"1\",\"output\":\"1\"}"), AGT_E_SCHEMA, {"a*b", ""}},
        {MODELS("\"\":{\"input\":\"1\",\"output\":\"1\"}"), AGT_E_SCHEMA, {"\"\"", ""}},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        agt_value *document = parse(samples[i].text);
        agt_prices *prices = NULL;
        agt_error err = {.message = ""};
        agt_status status = agt_prices_new(NULL, document, &prices, &err);
        if (status != samples[i].status || strstr(err.message, samples[i].named[0]) == NULL ||
            strstr(err.message, samples[i].named[1]) == NULL) {
            fail_msg("%s: %s \"%s\"", samples[i].text, agt_status_get_name(status), err.message);
        }
        assert_null(prices);
        agt_value_unref(document);
    }
    agt_prices_free(NULL);
}

/* ---- out of memory ----------------------------------------------------------------------------
 */

static void use_prices(const agt_allocator *allocator, void *ctx)
{
    agt_prices *prices = NULL;
    agt_status status = agt_prices_new(allocator, ctx, &prices, NULL);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        return;
    }
    agt_usage usage = use(1000, 0);
    int64_t wanted = ctx != NULL ? 2000000 : AGT_NANOUSD_UNKNOWN;
    assert_int_equal(agt_prices_get_cost(prices, "plain", &usage), wanted);
    agt_prices_free(prices);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    agt_value *document = parse(sample);
    agt_test_torture(use_prices, document);
    agt_test_torture(use_prices, NULL);
    agt_value_unref(document);
}

/* ---- against arithmetic of another kind -------------------------------------------------------
 */

/* Decimal digits, the lowest first: sums and products as at school. */
typedef struct digits {
    uint8_t at[48];
} digits;

static void add_product(digits *sum, uint64_t a, uint64_t b)
{
    for (size_t i = 0; a > 0; i++, a /= 10) {
        uint64_t carry = 0;
        uint64_t rest = b;
        for (size_t j = i; rest > 0 || carry > 0; j++, rest /= 10) {
            uint64_t cell = sum->at[j] + (a % 10) * (rest % 10) + carry;
            sum->at[j] = (uint8_t)(cell % 10);
            carry = cell / 10;
        }
    }
}

static void test_against_long_multiplication(void **state)
{
    (void)state;
    agt__prng prng;
    agt__prng_seed(&prng, 5);
    for (int round = 0; round < 300; round++) {
        uint64_t rates[3];
        for (int i = 0; i < 3; i++) {
            rates[i] = agt__prng_below(&prng, UINT64_C(100000000000));
        }
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "{\"version\":1,\"models\":{\"m\":{\"input\":\"%llu.%09llu\","
                       "\"output\":\"%llu.%09llu\",\"cache_read\":\"%llu.%09llu\"}}}",
                       (unsigned long long)(rates[0] / 1000000000),
                       (unsigned long long)(rates[0] % 1000000000),
                       (unsigned long long)(rates[1] / 1000000000),
                       (unsigned long long)(rates[1] % 1000000000),
                       (unsigned long long)(rates[2] / 1000000000),
                       (unsigned long long)(rates[2] % 1000000000));
        agt_prices *prices = make_prices(text);
        uint64_t read = agt__prng_below(&prng, 10000000);
        uint64_t fresh = agt__prng_below(&prng, 10000000);
        uint64_t output = agt__prng_below(&prng, 10000000);
        digits sum = {{0}};
        add_product(&sum, fresh, rates[0]);
        add_product(&sum, output, rates[1]);
        add_product(&sum, read, rates[2]);
        add_product(&sum, 1, 500000);
        int64_t wanted = 0;
        for (size_t i = 24; i >= 6; i--) {
            wanted = wanted * 10 + sum.at[i];
        }
        agt_usage usage = use((int64_t)(fresh + read), (int64_t)output);
        usage.cache_read_tokens = (int64_t)read;
        assert_int_equal(agt_prices_get_cost(prices, "m", &usage), wanted);
        agt_prices_free(prices);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_formula),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_what_is_unknown),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_the_shipped_table),
        cmocka_unit_test(test_bad_documents),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_against_long_multiplication),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
