/*
 * Spans: names, parents, attributes and their limits, errors; and a comparison with a model that
 * keeps attributes in the plainest way.
 */
#include "telemetry/semconv.h"
#include "telemetry/tracer.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "support/test.h"

static agt_tracer *tracer;

static int set_up(void **state)
{
    (void)state;
    agt__tracer_config config = AGT_CONFIG(agt__tracer_config, .spans_max = 100);
    return agt__tracer_new(&config, &tracer, NULL) == AGT_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    agt__tracer_free(tracer);
    return 0;
}

static agt_span *start(const char *name)
{
    agt_span *span = agt_tracer_start_span(tracer, name, AGT_SPAN_CLIENT, NULL, 100);
    assert_non_null(span);
    return span;
}

/* End @span and give it back. */
static void finish(agt_span *span)
{
    assert_null(agt_span_end_at(span, 200));
    agt__tracer_recycle(tracer, agt__tracer_take_ended(tracer), true);
}

static agt__attribute find(const agt_span *span, const char *key)
{
    agt__attribute found = {.key = NULL};
    for (size_t i = 0; i < agt__span_get_attribute_count(span); i++) {
        agt__attribute attribute = agt__span_get_attribute(span, i);
        if (strcmp(attribute.key, key) == 0) {
            assert_null(found.key); /* each key is there once */
            found = attribute;
        }
    }
    return found;
}

static void test_names(void **state)
{
    (void)state;
    agt_span *span = start("chat model-large");
    assert_string_equal(agt_span_get_name(span), "chat model-large");
    assert_int_equal(agt__span_get_kind(span), AGT_SPAN_CLIENT);
    finish(span);
    span = start("");
    assert_string_equal(agt_span_get_name(span), "");
    finish(span);
    span = agt_tracer_start_span(tracer, NULL, AGT_SPAN_SERVER, NULL, 0);
    assert_string_equal(agt_span_get_name(span), "");
    finish(span);

    char name[200];
    memset(name, 'x', sizeof(name));
    name[199] = '\0';
    span = start(name);
    assert_int_equal(strlen(agt_span_get_name(span)), 95);
    finish(span);
    memcpy(name + 94, "\xC3\xA9", 2); /* a character that the limit would cut in two */
    span = start(name);
    assert_int_equal(strlen(agt_span_get_name(span)), 94);
    finish(span);
    memcpy(name + 93, "\xC3\xA9x", 3);
    span = start(name);
    assert_int_equal(strlen(agt_span_get_name(span)), 95);
    finish(span);
}

static void test_parents(void **state)
{
    (void)state;
    agt_span *root = start("root");
    agt_span_context root_context = agt_span_get_context(root);
    assert_true(agt_span_context_is_valid(&root_context));
    assert_int_equal(root_context.flags, 1);
    agt_span_context none = agt_span_get_parent(root);
    assert_false(agt_span_context_is_valid(&none));

    agt_span *child = agt_tracer_start_span(tracer, "child", AGT_SPAN_INTERNAL, &root_context, 150);
    agt_span_context child_context = agt_span_get_context(child);
    assert_memory_equal(child_context.trace_id, root_context.trace_id, 16);
    assert_memory_not_equal(child_context.span_id, root_context.span_id, 8);
    agt_span_context parent = agt_span_get_parent(child);
    assert_memory_equal(&parent, &root_context, sizeof(parent));

    root_context.flags = 0; /* a remote parent that is not sampled: passed on */
    agt_span *unsampled =
        agt_tracer_start_span(tracer, "child", AGT_SPAN_INTERNAL, &root_context, 150);
    child_context = agt_span_get_context(unsampled);
    assert_int_equal(child_context.flags, 0);

    memset(root_context.span_id, 0, 8); /* half a parent is none */
    agt_span *other = agt_tracer_start_span(tracer, "other", AGT_SPAN_INTERNAL, &root_context, 0);
    agt_span_context other_context = agt_span_get_context(other);
    assert_memory_not_equal(other_context.trace_id, root_context.trace_id, 16);
    none = agt_span_get_parent(other);
    assert_false(agt_span_context_is_valid(&none));

    assert_null(agt_span_end(root)); /* a parent may end first */
    assert_null(agt_span_end(child));
    assert_null(agt_span_end(unsampled));
    finish(other);
}

static void test_times(void **state)
{
    (void)state;
    agt_span *span = start("span");
    assert_int_equal(agt_span_get_start_ns(span), 100);
    assert_int_equal(agt_span_get_end_ns(span), 0);
    assert_null(agt_span_end_at(span, 50));
    span = agt__tracer_take_ended(tracer);
    assert_int_equal(agt_span_get_end_ns(span), 100); /* never before the start */
    agt__tracer_recycle(tracer, span, true);
}

static void test_attributes(void **state)
{
    (void)state;
    agt_span *span = start("span");
    agt_span_set_text(span, "text", "a text");
    agt_span_set_text_n(span, "bytes", "a\0b", 3);
    agt_span_set_text_n(span, "none", NULL, 0);
    agt_span_set_int(span, "int", INT64_MIN);
    agt_span_set_double(span, "double", 0.5);
    agt_span_set_bool(span, "true", true);
    agt_span_set_bool(span, "false", false);
    agt_span_set_text(span, "", "empty key");
    assert_int_equal(agt__span_get_attribute_count(span), 8);
    assert_int_equal(agt__span_get_dropped_attributes(span), 0);

    agt__attribute attribute = find(span, "text");
    assert_int_equal(attribute.kind, AGT__ATTRIBUTE_TEXT);
    assert_string_equal(attribute.text, "a text");
    assert_int_equal(attribute.length, 6);
    attribute = find(span, "bytes");
    assert_int_equal(attribute.length, 3);
    assert_memory_equal(attribute.text, "a\0b", 4);
    assert_int_equal(find(span, "none").length, 0);
    assert_int_equal(find(span, "int").integer, INT64_MIN);
    assert_true(find(span, "double").number == 0.5);
    assert_int_equal(find(span, "true").kind, AGT__ATTRIBUTE_BOOL);
    assert_int_equal(find(span, "true").integer, 1);
    assert_int_equal(find(span, "false").integer, 0);
    assert_string_equal(find(span, "").text, "empty key");

    assert_string_equal(agt_span_get_text(span, "text"), "a text");
    assert_string_equal(agt_span_get_text(span, "int"), "");
    assert_string_equal(agt_span_get_text(span, "absent"), "");
    assert_int_equal(agt_span_get_int(span, "int", 7), INT64_MIN);
    assert_int_equal(agt_span_get_int(span, "true", 7), 7);
    assert_int_equal(agt_span_get_int(span, "absent", 7), 7);
    finish(span);
}

static void test_replacing(void **state)
{
    (void)state;
    agt_span *span = start("span");
    agt_span_set_text(span, "key", "long enough");
    agt_span_set_text(span, "key", "short");
    assert_string_equal(agt_span_get_text(span, "key"), "short");
    agt_span_set_text(span, "key", "longer than it was");
    assert_string_equal(agt_span_get_text(span, "key"), "longer than it was");
    agt_span_set_int(span, "key", 5);
    assert_string_equal(agt_span_get_text(span, "key"), "");
    assert_int_equal(agt_span_get_int(span, "key", 0), 5);
    agt_span_set_text(span, "key", "text again");
    assert_string_equal(agt_span_get_text(span, "key"), "text again");

    /* A literal key and a copied one are the same key. */
    agt__span_set_int(span, AGT__ATTR_INPUT_TOKENS, 1);
    char copy[] = AGT__ATTR_INPUT_TOKENS;
    agt_span_set_int(span, copy, 2);
    assert_int_equal(agt__span_get_attribute_count(span), 2);
    assert_int_equal(agt_span_get_int(span, AGT__ATTR_INPUT_TOKENS, 0), 2);

    /* One that does not fit takes the old value with it. */
    char text[2000];
    memset(text, 'x', sizeof(text));
    agt_span_set_text_n(span, "key", text, sizeof(text));
    assert_int_equal(agt__span_get_attribute_count(span), 1);
    assert_int_equal(agt__span_get_dropped_attributes(span), 1);
    assert_string_equal(agt_span_get_text(span, "key"), "");
    assert_int_equal(agt_span_get_int(span, AGT__ATTR_INPUT_TOKENS, 0), 2);
    finish(span);
}

static void test_limits(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof(text));

    /* What the header promises: 1,024 bytes, whatever the name is. */
    char name[96];
    memset(name, 'n', sizeof(name));
    name[95] = '\0';
    agt_span *span = start(name);
    agt__span_set_text(span, AGT__ATTR_PROVIDER, text, 1024 - 24 - 1);
    assert_int_equal(agt__span_get_attribute_count(span), 1);
    assert_int_equal(strlen(agt_span_get_text(span, AGT__ATTR_PROVIDER)), 999);
    assert_int_equal(strlen(agt_span_get_name(span)), 95);
    agt__span_set_int(span, AGT__ATTR_STEP, 1);
    assert_int_equal(agt__span_get_dropped_attributes(span), 1);
    finish(span);

    span = start("span");
    agt_span_set_text_n(span, "much", text, sizeof(text));
    agt_span_set_text_n(span, "endless", text, SIZE_MAX);
    assert_int_equal(agt__span_get_attribute_count(span), 0);
    assert_int_equal(agt__span_get_dropped_attributes(span), 2);
    for (int i = 0; i < 100; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "k%d", i);
        agt_span_set_int(span, key, i);
    }
    size_t count = agt__span_get_attribute_count(span);
    assert_in_range(count, 35, 40);
    assert_int_equal(agt__span_get_dropped_attributes(span), 102 - count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(agt__span_get_attribute(span, i).integer, i);
    }
    agt_span_set_int(span, "k3", 33); /* replacing needs no room */
    assert_int_equal(agt_span_get_int(span, "k3", 0), 33);
    finish(span);
}

static void test_errors(void **state)
{
    (void)state;
    agt_span *span = start("span");
    assert_false(agt_span_is_error(span));
    assert_string_equal(agt__span_get_message(span), "");
    agt_span_set_error(span, "timeout", "it took too long");
    assert_true(agt_span_is_error(span));
    assert_string_equal(agt__span_get_message(span), "it took too long");
    assert_string_equal(agt_span_get_text(span, AGT__ATTR_ERROR_TYPE), "timeout");
    agt_span_set_error(span, NULL, NULL);
    assert_string_equal(agt_span_get_text(span, AGT__ATTR_ERROR_TYPE), "_OTHER");
    finish(span);

    char text[2000];
    memset(text, 'x', sizeof(text));
    text[1999] = '\0';
    span = start("span");
    agt_span_set_error(span, "big", text);
    size_t length = strlen(agt__span_get_message(span));
    assert_in_range(length, 900, 1100);
    agt_span_set_error(span, "bigger", "no room is left");
    assert_true(agt_span_is_error(span));
    finish(span);
}

static void test_null_and_nothing(void **state)
{
    (void)state;
    agt_span_set_text(NULL, "key", "text");
    agt_span_set_text_n(NULL, "key", "text", 4);
    agt_span_set_int(NULL, "key", 1);
    agt_span_set_double(NULL, "key", 1);
    agt_span_set_bool(NULL, "key", true);
    agt__span_set_text(NULL, AGT__ATTR_STEP, "text", 4);
    agt__span_set_int(NULL, AGT__ATTR_STEP, 1);
    agt_span_set_error(NULL, "type", "message");
    assert_null(agt_span_end(NULL));
    assert_null(agt_span_end_at(NULL, 1));
    agt_span_context context = agt_span_get_context(NULL);
    assert_false(agt_span_context_is_valid(&context));
    context = agt_span_get_parent(NULL);
    assert_false(agt_span_context_is_valid(&context));
    assert_string_equal(agt_span_get_name(NULL), "");
    assert_string_equal(agt_span_get_text(NULL, "key"), "");
    assert_int_equal(agt_span_get_int(NULL, "key", 3), 3);
    assert_int_equal(agt_span_get_start_ns(NULL), 0);
    assert_int_equal(agt_span_get_end_ns(NULL), 0);
    assert_false(agt_span_is_error(NULL));

    agt_span *span = start("span");
    agt_span_set_text(span, NULL, "text");
    agt_span_set_text(span, "key", NULL);
    agt_span_set_text_n(span, "key", NULL, 3);
    agt_span_set_int(span, NULL, 1);
    agt_span_set_double(span, NULL, 1);
    agt_span_set_bool(span, NULL, true);
    assert_int_equal(agt__span_get_attribute_count(span), 0);
    assert_string_equal(agt_span_get_text(span, NULL), "");
    assert_int_equal(agt_span_get_int(span, NULL, 3), 3);
    finish(span);
}

static void test_trace_agent(void **state)
{
    (void)state;
    const agt_kv metadata[] = {{"user", "alice"}, {NULL, "x"}, {"y", NULL}};
    agt_span *span = agt_tracer_trace_agent(tracer, "process_query", metadata, 3);
    assert_string_equal(agt_span_get_name(span), "invoke_agent process_query");
    assert_int_equal(agt__span_get_kind(span), AGT_SPAN_INTERNAL);
    assert_string_equal(agt_span_get_text(span, "gen_ai.operation.name"), "invoke_agent");
    assert_string_equal(agt_span_get_text(span, "gen_ai.agent.name"), "process_query");
    assert_string_equal(agt_span_get_text(span, "user"), "alice");
    assert_int_equal(agt__span_get_attribute_count(span), 3);
    finish(span);

    span = agt_tracer_trace_agent(tracer, NULL, NULL, 0);
    assert_string_equal(agt_span_get_name(span), "invoke_agent");
    assert_int_equal(agt__span_get_attribute_count(span), 1);
    finish(span);

    char name[200];
    memset(name, 'x', sizeof(name));
    name[199] = '\0';
    span = agt_tracer_trace_agent(tracer, name, NULL, 0);
    assert_int_equal(strlen(agt_span_get_name(span)), 95);
    assert_string_equal(agt_span_get_text(span, "gen_ai.agent.name"), name);
    finish(span);
}

static void test_attributes_at_the_start(void **state)
{
    (void)state;
    const agt__attribute attributes[] = {
        {.key = AGT__ATTR_TOOL_NAME, .kind = AGT__ATTRIBUTE_TEXT, .text = "search", .length = 6},
        {.key = AGT__ATTR_STEP, .kind = AGT__ATTRIBUTE_INT, .integer = 3},
        {.key = AGT__ATTR_SIMULATED, .kind = AGT__ATTRIBUTE_BOOL, .integer = 1},
        {.key = AGT__ATTR_WAIT_NS, .kind = AGT__ATTRIBUTE_DOUBLE, .number = 1.5},
    };
    agt_span *span =
        agt__tracer_start_span(tracer, "span", AGT_SPAN_INTERNAL, NULL, 0, attributes, 4);
    assert_int_equal(agt__span_get_attribute_count(span), 4);
    assert_string_equal(agt_span_get_text(span, AGT__ATTR_TOOL_NAME), "search");
    assert_int_equal(agt_span_get_int(span, AGT__ATTR_STEP, 0), 3);
    assert_int_equal(find(span, AGT__ATTR_SIMULATED).kind, AGT__ATTRIBUTE_BOOL);
    assert_true(find(span, AGT__ATTR_WAIT_NS).number == 1.5);
    finish(span);
    assert_null(agt__tracer_start_span(NULL, "span", AGT_SPAN_INTERNAL, NULL, 0, NULL, 0));
}

/* ---- against a model --------------------------------------------------------------------------
 */

enum {
    KEYS = 90 /* more than there are bits for keys */
};

typedef struct model_entry {
    bool set, is_text;
    int64_t number;
    char text[64];
} model_entry;

static void check_model(const agt_span *span, const model_entry *model)
{
    size_t count = 0;
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "key.%d", i);
        agt__attribute attribute = find(span, key);
        assert_int_equal(attribute.key != NULL, model[i].set);
        if (!model[i].set) {
            continue;
        }
        count++;
        if (model[i].is_text) {
            assert_int_equal(attribute.kind, AGT__ATTRIBUTE_TEXT);
            assert_string_equal(attribute.text, model[i].text);
        } else {
            assert_int_equal(attribute.kind, AGT__ATTRIBUTE_INT);
            assert_int_equal(attribute.integer, model[i].number);
        }
    }
    assert_int_equal(agt__span_get_attribute_count(span), count);
}

static void test_against_a_model(void **state)
{
    (void)state;
    agt__prng prng;
    agt__prng_seed(&prng, 11);
    for (int round = 0; round < 200; round++) {
        model_entry model[KEYS] = {{.set = false}};
        agt_span *span = start("span");
        for (int step = 0; step < 60; step++) {
            size_t which = agt__prng_below(&prng, KEYS);
            char key[16];
            (void)snprintf(key, sizeof(key), "key.%zu", which);
            uint32_t dropped = agt__span_get_dropped_attributes(span);
            model_entry entry = {.set = true, .is_text = agt__prng_below(&prng, 2) == 0};
            if (entry.is_text) {
                size_t length = agt__prng_below(&prng, sizeof(entry.text));
                memset(entry.text, 'a' + (int)agt__prng_below(&prng, 26), length);
                entry.text[length] = '\0';
                agt_span_set_text(span, key, entry.text);
            } else {
                entry.number = (int64_t)agt__prng_next(&prng);
                agt_span_set_int(span, key, entry.number);
            }
            if (agt__span_get_dropped_attributes(span) != dropped) {
                entry.set = false;
            }
            model[which] = entry;
        }
        check_model(span, model);
        finish(span);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_parents),
        cmocka_unit_test(test_times),           cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_replacing),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_errors),          cmocka_unit_test(test_null_and_nothing),
        cmocka_unit_test(test_trace_agent),     cmocka_unit_test(test_attributes_at_the_start),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
