/*
 * Usage, from what a server sent to money: the files of tests/data/llm/usage, one for each way in
 * which others got it wrong, and for each provider.
 *
 *     {"complaint": "…", "about": "…", "format": "openai", "model": "…", "prices": {…},
 *      "answers": [{"stream": [EVENT, …]        or "body": {…},
 *                   "usage": {…},               as the response has it; what is left out is unknown
 *                   "cost_nanousd": n|null,     null: nobody knows
 *                   "tool_calls": n}, …],
 *      "totals": {…}}                           of the ledger, after all answers
 */
#include "base/value.h"
#include "telemetry/tracer.h"

#include "support/env.h"
#include "support/test.h"
#include "support/values.h"
#include "support/wire_vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    vectors_max = 100,
    path_size = 1024
};

/* An event as it comes over the wire. */
static void add_event(agt__buffer *stream, const agt_value *event)
{
    const char *type = agt__value_member_text(event, "type", "");
    if (type[0] != '\0') {
        agt__buffer_add_format(stream, "event: %s\n", type);
    }
    agt__buffer_add_text(stream, "data: ");
    if (agt_value_get_kind(event) == AGT_VALUE_STRING) {
        agt__buffer_add_text(stream, agt__value_text(event, ""));
    } else {
        agt__json_write(stream, event, AGT_JSON_COMPACT);
    }
    agt__buffer_add_text(stream, "\n\n");
}

static agt_test_wire_result receive(const agt__wire *wire, const agt_value *answer)
{
    agt__buffer bytes;
    agt_test_wire_result result;
    const agt_value *stream = agt_value_get_member(answer, "stream");
    agt__buffer_init(&bytes, NULL, 0);
    if (stream == NULL) {
        agt__json_write(&bytes, agt_value_get_member(answer, "body"), AGT_JSON_COMPACT);
        result = agt_test_wire_body(NULL, wire, agt__buffer_text(&bytes), bytes.size);
    } else {
        for (size_t i = 0; i < agt_value_get_count(stream); i++) {
            add_event(&bytes, agt_value_get_item(stream, i));
        }
        result = agt_test_wire_stream(NULL, wire, agt__buffer_text(&bytes), bytes.size, 1);
    }
    assert_int_equal(bytes.status, AGT_OK);
    agt__buffer_deinit(&bytes);
    return result;
}

static void expect_usage(const agt_value *expected, const agt_test_wire_result *result)
{
    const agt_value *found = agt_value_get_member(result->response, "usage");
    found = found != NULL ? found : agt_value_empty_object();
    if (!agt_value_equals(found, expected)) {
        agt_value *text = NULL;
        assert_int_equal(agt_value_to_json(NULL, found, AGT_JSON_COMPACT, &text), AGT_OK);
        print_error("found %s\n", agt_value_get_string(text, NULL));
        agt_value_unref(text);
        fail_msg("the usage is not as expected");
    }
    agt_usage usage = agt_usage_from_value(found);
    assert_memory_equal(&usage, &result->usage, sizeof(usage));
}

static size_t count_calls(const agt_value *response)
{
    size_t calls = 0;
    const agt_value *parts = agt_value_get_member(response, "parts");
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        const char *type = agt__value_member_text(agt_value_get_item(parts, i), "type", "");
        calls += strcmp(type, "tool_call") == 0 ? 1 : 0;
    }
    return calls;
}

/* A member that has to be a count, if it is there. */
static void expect_count(const agt_value *expected, const char *member, uint64_t found)
{
    uint64_t count = 0;
    const agt_value *value = agt_value_get_member(expected, member);
    if (value != NULL) {
        assert_int_equal(agt_value_get_uint64(value, &count), AGT_OK);
        if (found != count) {
            fail_msg("%s: found %llu, expected %llu", member, (unsigned long long)found,
                     (unsigned long long)count);
        }
    }
}

static void check_answer(const agt__wire *wire, const agt_value *answer, const char *model,
                         const agt_prices *prices, agt_cost_tracker *ledger)
{
    agt_test_wire_result result = receive(wire, answer);
    const agt_value *cost = agt_value_get_member(answer, "cost_nanousd");
    expect_usage(agt_value_get_member(answer, "usage"), &result);
    expect_count(answer, "tool_calls", count_calls(result.response));
    int64_t nanousd = agt_prices_get_cost(prices, model, &result.usage);
    if (agt_value_get_kind(cost) == AGT_VALUE_NULL) {
        assert_int_equal(nanousd, AGT_NANOUSD_UNKNOWN);
    } else {
        int64_t expected = 0;
        assert_int_equal(agt_value_get_int64(cost, &expected), AGT_OK);
        assert_int_equal(nanousd, expected);
    }
    agt_cost_entry entry = AGT_CONFIG(agt_cost_entry, .agent = "a", .provider = "p", .model = model,
                                      .cost_nanousd = nanousd);
    entry.usage = result.usage;
    assert_int_equal(agt_cost_tracker_add(ledger, &entry), AGT_OK);
    agt_value_unref(result.response);
}

static void check_totals(const agt_value *totals, agt_cost_tracker *ledger)
{
    agt_costs costs = AGT_CONFIG(agt_costs, 0);
    agt_cost_tracker_get_costs(ledger, &costs);
    expect_count(totals, "input_tokens", costs.input_tokens);
    expect_count(totals, "output_tokens", costs.output_tokens);
    expect_count(totals, "total_tokens", costs.total_tokens);
    expect_count(totals, "calls", costs.calls);
    expect_count(totals, "unpriced_calls", costs.unpriced_calls);
    expect_count(totals, "total_nanousd", (uint64_t)costs.total_nanousd);
}

static void run_vector(void **state)
{
    size_t size = 0;
    char *text = agt_test_read_file(*state, &size);
    agt_value *vector = agt_test_value(NULL, text);
    free(text);
    const agt__wire *wire = agt__wire_find(agt__value_member_text(vector, "format", ""));
    assert_non_null(wire);
    agt_prices *prices = NULL;
    agt_cost_tracker *ledger = NULL;
    assert_int_equal(agt_prices_new(NULL, agt_value_get_member(vector, "prices"), &prices, NULL),
                     AGT_OK);
    assert_int_equal(agt__cost_tracker_new(NULL, &ledger), AGT_OK);
    const agt_value *answers = agt_value_get_member(vector, "answers");
    assert_true(agt_value_get_count(answers) > 0);
    for (size_t i = 0; i < agt_value_get_count(answers); i++) {
        check_answer(wire, agt_value_get_item(answers, i),
                     agt__value_member_text(vector, "model", ""), prices, ledger);
    }
    check_totals(agt_value_get_member(vector, "totals"), ledger);
    agt__cost_tracker_free(ledger);
    agt_prices_free(prices);
    agt_value_unref(vector);
}

static int is_vector(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

int main(void)
{
    static char paths[vectors_max][path_size];
    static char names[vectors_max][256];
    static struct CMUnitTest tests[vectors_max];
    char folder[path_size / 2];
    struct dirent **entries = NULL;
    snprintf(folder, sizeof(folder), "%s/tests/data/llm/usage", agt_test_source_dir());
    int count = scandir(folder, &entries, is_vector, alphasort);
    if (count <= 0 || count > vectors_max) {
        fprintf(stderr, "%s: %d vectors\n", folder, count);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, entries[i]->d_name);
        snprintf(names[i], sizeof(names[i]), "%s", entries[i]->d_name);
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = run_vector, .initial_state = paths[i]};
        free(entries[i]);
    }
    free(entries);
    return _cmocka_run_group_tests("usage", tests, (size_t)count, NULL, NULL);
}
