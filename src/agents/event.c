/*
 * Events: one struct for all kinds, with what a kind has not left empty, and their form as a value.
 *
 * Its words are those of `agent run --jsonl`: members are added, never renamed.
 *
 * Threads: an event is changed by one thread until a stream hands it out, and never afterwards.
 */
#include "agents/event.h"

#include "agents/reply.h"
#include "base/mem.h"
#include "base/value.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    text_first = 64,
    time_size = 40
};

agt_event *agt__event_new(const agt_allocator *allocator, agt_event_kind kind,
                          const agt_value *agent)
{
    agt_event *event = agt__calloc(allocator, 1, sizeof(*event));
    if (event != NULL) {
        event->allocator = allocator;
        atomic_init(&event->refs, 1);
        event->kind = kind;
        event->agent = agt_value_ref(agent);
        event->usage = agt_usage_unknown();
        event->cost_nanousd = AGT_NANOUSD_UNKNOWN;
    }
    return event;
}

agt_status agt__event_set_text(agt_event *event, char **member, const char *text)
{
    if (text == NULL) {
        return AGT_OK;
    }
    *member = agt__strdup(event->allocator, text);
    return *member != NULL ? AGT_OK : AGT_E_NOMEM;
}

agt_status agt__event_append(agt_event *event, const char *text, size_t length)
{
    size_t needed = event->length + length + 1;
    if (needed > event->capacity) {
        size_t capacity = event->capacity == 0 ? text_first : event->capacity * 2;
        capacity = capacity < needed ? needed : capacity;
        char *wider = agt__realloc(event->allocator, event->text, capacity);
        if (wider == NULL) {
            return AGT_E_NOMEM;
        }
        event->text = wider;
        event->capacity = capacity;
    }
    memcpy(event->text + event->length, text, length);
    event->length += length;
    event->text[event->length] = '\0';
    return AGT_OK;
}

bool agt__event_continues(const agt_event *event, const agt_event *last)
{
    return event->source != NULL && event->source == last->source && event->kind == last->kind &&
           event->step == last->step;
}

size_t agt__event_get_size(const agt_event *event)
{
    size_t size = sizeof(*event) + event->length;
    size += event->input != NULL ? agt__value_estimate_size(event->input) : 0;
    size += event->output != NULL ? agt__value_estimate_size(event->output) : 0;
    return size;
}

agt_event *agt_event_ref(agt_event *event)
{
    if (event != NULL) {
        atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
    }
    return event;
}

void agt_event_unref(agt_event *event)
{
    if (event == NULL || atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    const agt_allocator *allocator = event->allocator;
    agt_value_unref(event->agent);
    agt_value_unref(event->input);
    agt_value_unref(event->output);
    agt_reply_unref(event->reply);
    agt__free(allocator, event->name);
    agt__free(allocator, event->call_id);
    agt__free(allocator, event->error);
    agt__free(allocator, event->text);
    agt__free(allocator, event);
}

/* ---- what is in it ----------------------------------------------------------------------------
 */

agt_event_kind agt_event_get_kind(const agt_event *event)
{
    return event->kind;
}

const char *agt_event_get_type(const agt_event *event)
{
    switch (event->kind) {
    case AGT_EVENT_AGENT_START:
        return "agent.start";
    case AGT_EVENT_MODEL_START:
        return "model.start";
    case AGT_EVENT_TEXT:
        return "model.text";
    case AGT_EVENT_REASONING:
        return "model.reasoning";
    case AGT_EVENT_MODEL_END:
        return "model.end";
    case AGT_EVENT_TOOL_START:
        return "tool.start";
    case AGT_EVENT_TOOL_END:
        return "tool.end";
    case AGT_EVENT_AGENT_END:
        return "agent.end";
    }
    return "";
}

uint64_t agt_event_get_seq(const agt_event *event)
{
    return event->seq;
}

uint64_t agt_event_get_unix_ns(const agt_event *event)
{
    return event->unix_ns;
}

const char *agt_event_get_agent(const agt_event *event)
{
    return agt__value_text(event->agent, "");
}

uint32_t agt_event_get_depth(const agt_event *event)
{
    return event->depth;
}

uint32_t agt_event_get_step(const agt_event *event)
{
    return event->step;
}

agt_span_context agt_event_get_span(const agt_event *event)
{
    return event->span;
}

const char *agt_event_get_text(const agt_event *event, size_t *ret_length)
{
    if (ret_length != NULL) {
        *ret_length = event->length;
    }
    return event->text != NULL ? event->text : "";
}

const char *agt_event_get_name(const agt_event *event)
{
    return event->name != NULL ? event->name : agt_event_get_agent(event);
}

const char *agt_event_get_call_id(const agt_event *event)
{
    return event->call_id != NULL ? event->call_id : "";
}

const agt_value *agt_event_get_input(const agt_event *event)
{
    return event->input;
}

agt_outcome agt_event_get_outcome(const agt_event *event)
{
    return event->outcome;
}

const agt_value *agt_event_get_output(const agt_event *event)
{
    return event->output;
}

const char *agt_event_get_error(const agt_event *event)
{
    return event->error != NULL ? event->error : "";
}

uint64_t agt_event_get_duration_ns(const agt_event *event)
{
    return event->duration_ns;
}

agt_usage agt_event_get_usage(const agt_event *event)
{
    return event->usage;
}

int64_t agt_event_get_cost_nanousd(const agt_event *event)
{
    return event->cost_nanousd;
}

bool agt_event_is_simulated(const agt_event *event)
{
    return event->is_simulated;
}

agt_reply *agt_event_get_reply(const agt_event *event)
{
    return event->reply;
}

/* ---- as a value -------------------------------------------------------------------------------
 */

static void add_time(agt_value_builder *builder, uint64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm parts;
    char date[24] = "";
    char text[time_size];
    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    }
    (void)snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned)(unix_ns / 1000000 % 1000));
    agt__builder_add_string(builder, "ts", text);
}

static void add_hex(agt_value_builder *builder, const char *key, const uint8_t *bytes, size_t size)
{
    char text[2 * 16 + 1];
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes[i]);
    }
    agt__builder_add_string(builder, key, text);
}

static void add_head(agt_value_builder *builder, const agt_event *event)
{
    agt__builder_add_uint64(builder, "seq", event->seq);
    add_time(builder, event->unix_ns);
    agt__builder_add_string(builder, "type", agt_event_get_type(event));
    agt__builder_add_value(builder, "agent", event->agent);
    agt__builder_add_uint64(builder, "depth", event->depth);
    agt__builder_add_uint64(builder, "step", event->step);
    if (agt_span_context_is_valid(&event->span)) {
        add_hex(builder, "trace_id", event->span.trace_id, sizeof(event->span.trace_id));
        add_hex(builder, "span_id", event->span.span_id, sizeof(event->span.span_id));
    }
    agt__builder_add_string(builder, "name", agt_event_get_name(event));
}

static void add_count(agt_value_builder *builder, const char *key, int64_t count)
{
    agt_value_builder_key(builder, key);
    if (count >= 0) {
        agt_value_builder_int64(builder, count);
    } else {
        agt_value_builder_null(builder);
    }
}

static void add_usage(agt_value_builder *builder, const agt_event *event)
{
    const agt_usage *usage = &event->usage;
    add_count(builder, "input_tokens", usage->input_tokens);
    add_count(builder, "output_tokens", usage->output_tokens);
    if (usage->cache_read_tokens > 0) {
        add_count(builder, "cache_read_tokens", usage->cache_read_tokens);
    }
    if (usage->cache_write_tokens > 0) {
        add_count(builder, "cache_write_tokens", usage->cache_write_tokens);
    }
    if (usage->reasoning_tokens > 0) {
        add_count(builder, "reasoning_tokens", usage->reasoning_tokens);
    }
    agt__builder_add_bool(builder, "simulated", event->is_simulated);
    agt_value_builder_key(builder, "cost_nanousd");
    if (event->cost_nanousd != AGT_NANOUSD_UNKNOWN) {
        agt_value_builder_int64(builder, event->cost_nanousd);
    } else {
        agt_value_builder_null(builder);
    }
}

static void add_end(agt_value_builder *builder, const agt_event *event)
{
    agt__builder_add_string(builder, "outcome", agt_outcome_get_name(event->outcome));
    if (event->kind != AGT_EVENT_AGENT_END) {
        agt__builder_add_uint64(builder, "duration_ns", event->duration_ns);
    }
    if (event->output != NULL) {
        agt__builder_add_value(builder, "output", event->output);
    }
    if (event->error != NULL) {
        agt__builder_add_string(builder, "error", event->error);
    }
    if (event->kind == AGT_EVENT_MODEL_END) {
        add_usage(builder, event);
    }
    if (event->reply != NULL) {
        agt__builder_add_value(builder, "reply", agt__reply_get_output(event->reply));
    }
}

agt_status agt_event_to_value(const agt_event *event, const agt_allocator *allocator,
                              agt_value **ret_value)
{
    agt_value_builder *builder = NULL;
    agt_value *text = NULL;
    if (event == NULL || ret_value == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt_value_builder_new(allocator, &builder);
    if (status == AGT_OK && event->text != NULL) { /* whatever a model's function gave */
        status = agt__value_new_string_lossy(allocator, event->text, event->length, &text);
    }
    if (status == AGT_OK) {
        agt_value_builder_begin_object(builder);
        add_head(builder, event);
        if (text != NULL) {
            agt__builder_add_value(builder, "text", text);
        }
        if (event->call_id != NULL) {
            agt__builder_add_string(builder, "call_id", event->call_id);
        }
        if (event->input != NULL) {
            agt__builder_add_value(builder, "input", event->input);
        }
        if (event->outcome != AGT_OUTCOME_NONE) {
            add_end(builder, event);
        }
        agt_value_builder_end(builder);
        status = agt_value_builder_finish(builder, ret_value, NULL);
    }
    agt_value_unref(text);
    agt_value_builder_free(builder);
    return status;
}
