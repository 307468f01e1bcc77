/*
 * stores.c - filling stores in a few words; see stores.h.
 */
#include "support/stores.h"

#include <string.h>

#include "support/test.h"

agt_store *agt_test_store_open_writer(const char *path)
{
    agt_store *store = NULL;
    agt_error err = {.message = ""};
    if (agt__store_open_writer(NULL, path, &store, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    return store;
}

agt__store_run agt_test_run(const char *id, uint8_t trace, uint64_t start, uint64_t end)
{
    agt__store_run run = {.id = id,
                          .name = "invoke_agent cook",
                          .status = end ? "ok" : "running",
                          .start_unix_ns = start,
                          .end_unix_ns = end};
    memset(run.trace_id, trace * 0x11, sizeof(run.trace_id));
    return run;
}

agt__store_span agt_test_span(uint8_t trace, uint8_t id, uint8_t parent, uint64_t start,
                              uint64_t end)
{
    agt__store_span span = {
        .name = "span", .kind = AGT_SPAN_INTERNAL, .start_unix_ns = start, .end_unix_ns = end};
    memset(span.context.trace_id, trace * 0x11, sizeof(span.context.trace_id));
    span.context.span_id[7] = id;
    span.parent_span_id[7] = parent;
    return span;
}

agt_cost_entry agt_test_cost(uint8_t trace, const char *agent, int64_t nanousd, uint64_t unix_ns)
{
    agt_cost_entry entry =
        AGT_CONFIG(agt_cost_entry, .agent = agent, .provider = "provider", .model = "model",
                   .cost_nanousd = nanousd, .unix_ns = unix_ns);
    memset(entry.span.trace_id, trace * 0x11, sizeof(entry.span.trace_id));
    entry.span.span_id[7] = 1;
    entry.usage = agt_usage_unknown();
    entry.usage.input_tokens = 100;
    entry.usage.output_tokens = 10;
    return entry;
}

static void check(agt_status status, const agt_error *err)
{
    if (status != AGT_OK) {
        fail_msg("%s: %s", agt_status_get_name(status), err->message);
    }
}

void agt_test_store_begin(agt_store *store)
{
    agt_error err = {.message = ""};
    check(agt__store_begin(store, &err), &err);
}

void agt_test_store_commit(agt_store *store)
{
    agt_error err = {.message = ""};
    check(agt__store_commit(store, &err), &err);
}

void agt_test_store_put_run(agt_store *store, agt__store_run run)
{
    agt_error err = {.message = ""};
    check(agt__store_put_run(store, &run, &err), &err);
}

void agt_test_store_put_span(agt_store *store, agt__store_span span)
{
    agt_error err = {.message = ""};
    check(agt__store_put_span(store, &span, &err), &err);
}

void agt_test_store_put_cost(agt_store *store, agt_cost_entry entry)
{
    agt_error err = {.message = ""};
    check(agt__store_put_cost(store, &entry, &err), &err);
}
