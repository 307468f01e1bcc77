/*
 * Writing a batch: runs, lines of the ledger and spans, in transactions of at most SPANS_PER_WRITE
 * spans. The first one holds all runs and lines. Short transactions let other processes in and give
 * slots back to the tracer early: while spans wait here nobody can start new ones in their place.
 *
 * When the store fails, spans are dropped and counted: they are many, and the next ones are coming.
 * Money and runs are few and matter: they stay in the batch.
 *
 * Attributes become an object of values. Where there is no memory for one the span is written
 * without attributes and says how many are missing.
 *
 * Spans that run for a while are told of before they end, by the part of them that cannot change,
 * so that a trace whose process dies says what it was at. Those lines go when their spans end.
 *
 * The engine announces its runs. A trace that a program began itself, with
 * agt_tracer_trace_agent(), has no such announcement: it becomes a run when its root arrives,
 * or is seen running. Its id is made of the root, so that both give the same.
 */
#include "export/batch.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"
#include "telemetry/semconv.h"

#include <math.h>
#include <string.h>

enum {
    SPANS_PER_WRITE = 2048,
    OPEN_SPANS_PER_WRITE = 256
};

/* ---- runs -------------------------------------------------------------------------------------
 */

static const char *copy_text(char **at, const char *text)
{
    char *copy = *at;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

agt__run_line *agt__run_line_new(const agt_allocator *allocator, const agt__store_run *run)
{
    size_t texts = strlen(run->id) + strlen(run->name) + strlen(run->status) + 3;
    agt__run_line *line = agt__alloc(allocator, sizeof(*line) + texts);
    if (line != NULL) {
        char *at = (char *)(line + 1);
        line->next = NULL;
        line->run = *run;
        line->run.id = copy_text(&at, run->id);
        line->run.name = copy_text(&at, run->name);
        line->run.status = copy_text(&at, run->status);
    }
    return line;
}

void agt__run_lines_free(const agt_allocator *allocator, agt__run_line *lines)
{
    while (lines != NULL) {
        agt__run_line *next = lines->next;
        agt__free(allocator, lines);
        lines = next;
    }
}

/* ---- spans ------------------------------------------------------------------------------------
 */

static void add_text(const agt_allocator *allocator, agt_value_builder *builder, const char *text,
                     size_t length)
{
    agt_value *value = NULL;
    if (agt__value_new_string_lossy(allocator, text, length, &value) == AGT_OK) {
        agt_value_builder_value(builder, value);
        agt_value_unref(value);
    } else {
        agt_value_builder_string_n(builder, text, length); /* fails again, and is remembered */
    }
}

static void add_key(const agt_allocator *allocator, agt_value_builder *builder, const char *key)
{
    size_t length = strlen(key);
    agt_value *repaired = NULL;
    if (!agt__utf8_is_valid(key, length) &&
        agt__value_new_string_lossy(allocator, key, length, &repaired) == AGT_OK) {
        agt_value_builder_key(builder, agt_value_get_string(repaired, NULL));
        agt_value_unref(repaired);
    } else {
        agt_value_builder_key(builder, key);
    }
}

static void add_attribute(const agt_allocator *allocator, agt_value_builder *builder,
                          const agt__attribute *attribute)
{
    add_key(allocator, builder, attribute->key);
    switch (attribute->kind) {
    case AGT__ATTRIBUTE_TEXT:
        add_text(allocator, builder, attribute->text, attribute->length);
        break;
    case AGT__ATTRIBUTE_INT:
        agt_value_builder_int64(builder, attribute->integer);
        break;
    case AGT__ATTRIBUTE_BOOL:
        agt_value_builder_bool(builder, attribute->integer != 0);
        break;
    case AGT__ATTRIBUTE_DOUBLE:
        if (isfinite(attribute->number)) {
            agt_value_builder_double(builder, attribute->number);
        } else { /* as OTLP's JSON writes what JSON cannot */
            agt_value_builder_string(builder, isnan(attribute->number) ? "NaN"
                                              : attribute->number > 0  ? "Infinity"
                                                                       : "-Infinity");
        }
        break;
    }
}

/* The attributes of @span as an object; NULL if there is no memory. */
static agt_value *make_attributes(const agt_allocator *allocator, const agt_span *span)
{
    agt_value_builder *builder = NULL;
    agt_value *attributes = NULL;
    if (agt_value_builder_new(allocator, &builder) != AGT_OK) {
        return NULL;
    }
    agt_value_builder_begin_object(builder);
    for (size_t i = 0; i < agt__span_get_attribute_count(span); i++) {
        agt__attribute attribute = agt__span_get_attribute(span, i);
        add_attribute(allocator, builder, &attribute);
    }
    agt_value_builder_end(builder);
    if (agt_value_builder_finish(builder, &attributes, NULL) != AGT_OK) {
        attributes = NULL;
    }
    agt_value_builder_free(builder);
    return attributes;
}

static uint64_t to_unix_ns(const agt_tracer *tracer, uint64_t time_ns)
{
    return time_ns + (uint64_t)agt__tracer_get_unix_offset_ns(tracer);
}

/* Whether @span is the root of a trace that the program began as an agent's work. */
static bool is_own_run(const agt_span *span, const agt__store_span *row)
{
    static const uint8_t none[sizeof(row->parent_span_id)];
    return memcmp(row->parent_span_id, none, sizeof(none)) == 0 &&
           strcmp(agt_span_get_text(span, AGT__ATTR_OPERATION), AGT__OP_INVOKE_AGENT) == 0 &&
           agt_span_get_text(span, AGT__ATTR_RUN_ID)[0] == '\0';
}

static agt_status put_own_run(agt_store *store, const char *name, const char *status,
                              const agt__store_span *row, agt_error *err)
{
    char id[AGT__RUN_ID_SIZE];
    agt__store_run run = {.id = id,
                          .name = name[0] != '\0' ? name : row->name,
                          .status = status,
                          .start_unix_ns = row->start_unix_ns,
                          .end_unix_ns = row->end_unix_ns};
    memcpy(run.trace_id, row->context.trace_id, sizeof(run.trace_id));
    agt__store_make_run_id(run.start_unix_ns, run.trace_id, id); /* which is random */
    return agt__store_put_run(store, &run, err);
}

static agt_status put_span(const agt__batch *batch, agt_store *store, const agt_span *span,
                           agt_error *err)
{
    agt_value *attributes = make_attributes(batch->allocator, span);
    agt_span_context parent = agt_span_get_parent(span);
    agt__store_span row = {
        .context = agt_span_get_context(span),
        .name = agt_span_get_name(span),
        .kind = agt__span_get_kind(span),
        .error = agt_span_is_error(span),
        .message = agt__span_get_message(span),
        .start_unix_ns = to_unix_ns(batch->tracer, agt_span_get_start_ns(span)),
        .end_unix_ns = to_unix_ns(batch->tracer, agt_span_get_end_ns(span)),
        .attributes = attributes,
        .dropped_attributes = agt__span_get_dropped_attributes(span),
    };
    memcpy(row.parent_span_id, parent.span_id, sizeof(row.parent_span_id));
    if (attributes == NULL) {
        row.dropped_attributes += (uint32_t)agt__span_get_attribute_count(span);
    }
    agt_status status = agt__store_put_span(store, &row, err);
    if (status == AGT_E_NOMEM && attributes != NULL) { /* the memory for their text */
        row.attributes = NULL;
        row.dropped_attributes += (uint32_t)agt__span_get_attribute_count(span);
        status = agt__store_put_span(store, &row, err);
    }
    agt_value_unref(attributes);
    if (status == AGT_OK && agt__span_is_noted(span)) {
        status = agt__store_end_open_span(store, &row.context, err);
    }
    if (status == AGT_OK && is_own_run(span, &row)) {
        status = put_own_run(store, agt_span_get_text(span, AGT__ATTR_AGENT_NAME),
                             row.error ? "error" : "ok", &row, err);
    }
    return status;
}

/* ---- spans that run ---------------------------------------------------------------------------
 */

/* Whether @row, which runs, seems to be the root of a trace that the program began: its attributes
 * must not be looked at yet. */
static agt_status put_open_root(agt_store *store, const agt__store_span *row, agt_error *err)
{
    static const uint8_t none[sizeof(row->parent_span_id)];
    static const char prefix[] = AGT__OP_INVOKE_AGENT " ";
    bool has_run = true;
    if (memcmp(row->parent_span_id, none, sizeof(none)) != 0 ||
        strncmp(row->name, prefix, sizeof(prefix) - 1) != 0) {
        return AGT_OK;
    }
    agt_status status = agt__store_has_run(store, row->context.trace_id, &has_run, err);
    if (status == AGT_OK && !has_run) {
        status = put_own_run(store, row->name + sizeof(prefix) - 1, "running", row, err);
    }
    return status;
}

static agt_status put_open_span(const agt__batch *batch, agt_store *store, const agt_span *span,
                                agt_error *err)
{
    agt_span_context parent = agt_span_get_parent(span);
    agt__store_span row = {.context = agt_span_get_context(span),
                           .name = agt_span_get_name(span),
                           .kind = agt__span_get_kind(span),
                           .start_unix_ns = to_unix_ns(batch->tracer, agt_span_get_start_ns(span))};
    memcpy(row.parent_span_id, parent.span_id, sizeof(row.parent_span_id));
    agt_status status = agt__store_put_open_span(store, &row, err);
    return status == AGT_OK ? put_open_root(store, &row, err) : status;
}

/* Up to OPEN_SPANS_PER_WRITE spans that are worth telling, from slot *@cursor on. */
static size_t find_open(agt__batch *batch, uint32_t *cursor, agt_span *spans[OPEN_SPANS_PER_WRITE])
{
    size_t count = 0;
    agt_span *span = NULL;
    while (count < OPEN_SPANS_PER_WRITE &&
           (span = agt__tracer_next_open(batch->tracer, cursor)) != NULL) {
        if (agt_span_get_start_ns(span) < batch->open_before_ns) {
            spans[count++] = span;
        } else {
            batch->has_younger = true;
        }
    }
    return count;
}

/* Nothing is lost if that fails: they are found again. */
static agt_status write_open(agt__batch *batch, agt_store *store, agt_error *err)
{
    agt_span *spans[OPEN_SPANS_PER_WRITE];
    uint32_t cursor = 0;
    size_t count;
    while ((count = find_open(batch, &cursor, spans)) > 0) {
        agt_status status = agt__store_begin(store, err);
        if (status != AGT_OK) {
            return status;
        }
        for (size_t i = 0; status == AGT_OK && i < count; i++) {
            status = put_open_span(batch, store, spans[i], err);
        }
        if (status != AGT_OK) {
            agt__store_rollback(store);
            return status;
        }
        status = agt__store_commit(store, err);
        if (status != AGT_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            agt__span_note(spans[i]);
        }
    }
    return AGT_OK;
}

/* ---- transactions -----------------------------------------------------------------------------
 */

/* Take up to SPANS_PER_WRITE spans off the front of the batch. */
static agt_span *take_spans(agt__batch *batch)
{
    agt_span *first = batch->spans;
    agt_span *last = first;
    if (first == NULL) {
        return NULL;
    }
    agt_span *next = agt__span_get_next(last);
    for (int i = 1; i < SPANS_PER_WRITE && next != NULL; i++) {
        last = next;
        next = agt__span_get_next(last);
    }
    batch->spans = agt__span_cut(last);
    return first;
}

static agt_status put_all(agt__batch *batch, agt_store *store, const agt_span *spans,
                          agt_error *err)
{
    agt_status status = AGT_OK;
    for (const agt__run_line *line = batch->runs; status == AGT_OK && line != NULL;
         line = line->next) {
        status = agt__store_put_run(store, &line->run, err);
    }
    for (const agt__cost_line *line = batch->lines; status == AGT_OK && line != NULL;
         line = line->next) {
        status = agt__store_put_cost(store, &line->entry, err);
    }
    for (const agt_span *span = spans; status == AGT_OK && span != NULL;
         span = agt__span_get_next(span)) {
        status = put_span(batch, store, span, err);
    }
    return status;
}

static void free_lines(agt__batch *batch)
{
    agt__run_lines_free(batch->allocator, batch->runs);
    agt__cost_tracker_free_lines(batch->costs, batch->lines);
    batch->runs = NULL;
    batch->lines = NULL;
}

static void give_back(agt__batch *batch, agt_span *spans, bool exported)
{
    for (const agt_span *span = exported ? NULL : spans; span != NULL;
         span = agt__span_get_next(span)) {
        batch->dropped++;
    }
    agt__tracer_recycle(batch->tracer, spans, exported);
}

static agt_status write_some(agt__batch *batch, agt_store *store, agt_error *err)
{
    agt_span *spans = take_spans(batch);
    agt_status status = agt__store_begin(store, err);
    if (status == AGT_OK) {
        status = put_all(batch, store, spans, err);
        if (status == AGT_OK) {
            status = agt__store_commit(store, err);
        } else {
            agt__store_rollback(store);
        }
    }
    if (status == AGT_OK) {
        free_lines(batch);
    }
    give_back(batch, spans, status == AGT_OK);
    return status;
}

agt_status agt__batch_write(agt__batch *batch, agt_store *store, agt_error *err)
{
    agt_status status = AGT_OK;
    if (store == NULL) {
        free_lines(batch);
        give_back(batch, batch->spans, true);
        batch->spans = NULL;
        return AGT_OK;
    }
    while (status == AGT_OK &&
           (batch->runs != NULL || batch->lines != NULL || batch->spans != NULL)) {
        status = write_some(batch, store, err);
    }
    if (status == AGT_OK && batch->open_before_ns != 0) {
        status = write_open(batch, store, err);
    }
    give_back(batch, batch->spans, false); /* what is left after a failure */
    batch->spans = NULL;
    return status;
}
