/*
 * traceparent: the cases of the W3C's test suite for implementations, and a round trip.
 */
#include "agent_sdk/telemetry.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "support/test.h"

#define TRACE "12345678901234567890123456789012"
#define SPAN  "1234567890123456"

typedef struct sample {
    const char *text;
    bool valid;
} sample;

/* The order and the names of the W3C's own tests. */
static const sample samples[] = {
    {"00-" TRACE "-" SPAN "-01", true},
    {"00-" TRACE "-" SPAN "-00", true},
    /* version 0x00: nothing may follow */
    {"00-" TRACE "-" SPAN "-01.", false},
    {"00-" TRACE "-" SPAN "-01-what-the-future-will-be-like", false},
    {"00-" TRACE "-" SPAN "-01-", false},
    /* version 0xcc: whatever follows after a dash */
    {"cc-" TRACE "-" SPAN "-01", true},
    {"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", true},
    {"cc-" TRACE "-" SPAN "-01.what-the-future-will-be-like", false},
    /* version 0xff */
    {"ff-" TRACE "-" SPAN "-01", false},
    /* version: illegal characters, too long, too short */
    {".0-" TRACE "-" SPAN "-01", false},
    {"0.-" TRACE "-" SPAN "-01", false},
    {"000-" TRACE "-" SPAN "-01", false},
    {"0000-" TRACE "-" SPAN "-01", false},
    {"0-" TRACE "-" SPAN "-01", false},
    /* trace id: all zero, illegal characters, too long, too short */
    {"00-00000000000000000000000000000000-" SPAN "-01", false},
    {"00-.2345678901234567890123456789012-" SPAN "-01", false},
    {"00-1234567890123456789012345678901.-" SPAN "-01", false},
    {"00-1234567890ABCDEF7890123456789012-" SPAN "-01", false},
    {"00-123456789012345678901234567890123-" SPAN "-01", false},
    {"00-1234567890123456789012345678901-" SPAN "-01", false},
    /* parent id: all zero, illegal characters, too long, too short */
    {"00-" TRACE "-0000000000000000-01", false},
    {"00-" TRACE "-.234567890123456-01", false},
    {"00-" TRACE "-123456789012345.-01", false},
    {"00-" TRACE "-12345678901234567-01", false},
    {"00-" TRACE "-123456789012345-01", false},
    /* flags: illegal characters, too long, too short */
    {"00-" TRACE "-" SPAN "-.0", false},
    {"00-" TRACE "-" SPAN "-0.", false},
    {"00-" TRACE "-" SPAN "-001", false},
    {"00-" TRACE "-" SPAN "-1", false},
    /* white space around it */
    {" 00-" TRACE "-" SPAN "-01", true},
    {"\t00-" TRACE "-" SPAN "-01", true},
    {"00-" TRACE "-" SPAN "-01 ", true},
    {"00-" TRACE "-" SPAN "-01\t", true},
    {"\t 00-" TRACE "-" SPAN "-01 \t", true},
    {"", false},
    {" ", false},
    {"00", false},
    {"00_" TRACE "-" SPAN "-01", false},
    {"00-" TRACE "_" SPAN "-01", false},
    {"00-" TRACE "-" SPAN "_01", false},
};

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        agt_span_context context;
        memset(&context, 0xEE, sizeof(context));
        agt_span_context before = context;
        agt_status status = agt_span_context_from_traceparent(samples[i].text, &context);
        if ((status == AGT_OK) != samples[i].valid) {
            fail_msg("\"%s\": %s", samples[i].text, agt_status_get_name(status));
        }
        if (samples[i].valid) {
            assert_int_equal(context.trace_id[0], 0x12);
            assert_int_equal(context.span_id[7], 0x56);
            assert_true(agt_span_context_is_valid(&context));
        } else {
            assert_int_equal(status, AGT_E_SYNTAX);
            assert_memory_equal(&context, &before, sizeof(context));
        }
    }
    agt_span_context context;
    assert_int_equal(agt_span_context_from_traceparent(NULL, &context), AGT_E_SYNTAX);
}

static void test_unknown_flags_are_not_passed_on(void **state)
{
    (void)state;
    agt_span_context context;
    char text[AGT_TRACEPARENT_SIZE];
    assert_int_equal(agt_span_context_from_traceparent("00-" TRACE "-" SPAN "-ff", &context),
                     AGT_OK);
    assert_int_equal(context.flags, 3);
    context.flags = 0xFD;
    agt_span_context_to_traceparent(&context, text);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-01");
}

static void test_not_valid_is_no_header(void **state)
{
    (void)state;
    agt_span_context context = {.flags = 1};
    char text[AGT_TRACEPARENT_SIZE] = "before";
    assert_false(agt_span_context_is_valid(NULL));
    assert_false(agt_span_context_is_valid(&context));
    agt_span_context_to_traceparent(&context, text);
    assert_string_equal(text, "");
    context.trace_id[15] = 1;
    assert_false(agt_span_context_is_valid(&context));
    context.span_id[0] = 1;
    assert_true(agt_span_context_is_valid(&context));
    memset(context.trace_id, 0, sizeof(context.trace_id));
    assert_false(agt_span_context_is_valid(&context));
    agt_span_context_to_traceparent(NULL, text);
    assert_string_equal(text, "");
}

static void test_round_trip(void **state)
{
    (void)state;
    agt__prng prng;
    agt__prng_seed(&prng, 7);
    for (int i = 0; i < 1000; i++) {
        agt_span_context context = {.flags = (uint8_t)agt__prng_below(&prng, 4)};
        agt_span_context back;
        char text[AGT_TRACEPARENT_SIZE];
        for (size_t j = 0; j < 16; j++) {
            context.trace_id[j] = (uint8_t)agt__prng_next(&prng);
            context.span_id[j % 8] = (uint8_t)agt__prng_next(&prng);
        }
        agt_span_context_to_traceparent(&context, text);
        assert_int_equal(strlen(text), AGT_TRACEPARENT_SIZE - 1);
        assert_int_equal(agt_span_context_from_traceparent(text, &back), AGT_OK);
        assert_memory_equal(&context, &back, sizeof(context));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_unknown_flags_are_not_passed_on),
        cmocka_unit_test(test_not_valid_is_no_header),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
