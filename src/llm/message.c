/*
 * Messages, requests and responses as values.
 *
 * Whatever is a value already is shared, never copied: a conversation of a hundred messages costs
 * a hundred pointers a step. What a model answered is checked once, in agt__response_check(); the
 * readers below rely on that.
 *
 * Threads: nothing is kept.
 */
#include "llm/message.h"

#include "base/error.h"
#include "base/value.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "llm/message";

enum {
    depth_max = 128,  /* of what is looked at for an estimate */
    parts_max = 1024, /* of a response: every id is compared with every other */
    id_size = 48
};

/* ---- requests ---------------------------------------------------------------------------------
 */

static agt_status finish(agt_value_builder *builder, agt_value **ret_value, agt_error *err)
{
    agt_status status = agt_value_builder_finish(builder, ret_value, err);
    agt_value_builder_free(builder);
    return status;
}

agt_status agt__request_new(const agt_allocator *allocator, const agt__request *request,
                            agt_value **ret_value, agt_error *err)
{
    agt_value_builder *b = NULL;
    if (agt_value_builder_new(allocator, &b) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt_value_builder_begin_object(b);
    if (request->system != NULL) {
        agt__builder_add_value(b, "system", request->system);
    }
    agt_value_builder_key(b, "messages");
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < request->message_count; i++) {
        agt_value_builder_value(b, request->messages[i]);
    }
    agt_value_builder_end(b);
    if (request->tools != NULL) {
        agt__builder_add_value(b, "tools", request->tools);
    }
    if (request->output_schema != NULL) {
        agt__builder_add_value(b, "output_schema", request->output_schema);
    }
    if (request->max_output_tokens != 0) {
        agt__builder_add_uint64(b, "max_output_tokens", request->max_output_tokens);
    }
    if (request->agent != NULL) {
        agt__builder_add_value(b, "agent", request->agent);
    }
    if (request->step != 0) {
        agt__builder_add_uint64(b, "step", request->step);
    }
    if (request->input_tokens != 0) {
        agt__builder_add_uint64(b, "input_tokens_estimated", request->input_tokens);
    }
    agt_value_builder_end(b);
    return finish(b, ret_value, err);
}

agt_status agt__message_new(const agt_allocator *allocator, const char *role,
                            const agt_value *parts, agt_value **ret_message)
{
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "role", role);
    agt__builder_add_value(b, "parts", parts);
    agt_value_builder_end(b);
    return finish(b, ret_message, NULL);
}

agt_status agt__message_new_text(const agt_allocator *allocator, const char *role,
                                 const agt_value *text, agt_value **ret_message)
{
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "role", role);
    agt_value_builder_key(b, "parts");
    agt_value_builder_begin_array(b);
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "type", "text");
    agt__builder_add_value(b, "text", text);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    return finish(b, ret_message, NULL);
}

agt_status agt__results_begin(const agt_allocator *allocator, agt_value_builder **ret_builder)
{
    agt_status status = agt_value_builder_new(allocator, ret_builder);
    if (status == AGT_OK) {
        agt_value_builder_begin_object(*ret_builder);
        agt__builder_add_string(*ret_builder, "role", "tool");
        agt_value_builder_key(*ret_builder, "parts");
        agt_value_builder_begin_array(*ret_builder);
    }
    return status;
}

void agt__results_add(agt_value_builder *builder, const agt__tool_result *result)
{
    agt_value_builder_begin_object(builder);
    agt__builder_add_string(builder, "type", "tool_result");
    agt__builder_add_string(builder, "id", result->id);
    agt__builder_add_string(builder, "name", result->name);
    agt__builder_add_string(builder, "outcome", agt_outcome_get_name(result->outcome));
    if (result->outcome == AGT_OUTCOME_OK) {
        agt__builder_add_value(builder, "output", result->output);
    } else {
        agt__builder_add_string(builder, "error", result->error);
    }
    agt_value_builder_end(builder);
}

agt_status agt__results_finish(agt_value_builder *builder, agt_value **ret_message)
{
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    return finish(builder, ret_message, NULL);
}

agt_status agt__message_new_tool(const agt_allocator *allocator, const char *name,
                                 const char *description, const agt_value *input_schema,
                                 agt_value **ret_tool)
{
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "name", name);
    if (description != NULL && description[0] != '\0') {
        agt__builder_add_string(b, "description", description);
    }
    agt_value_builder_key(b, "input_schema");
    if (input_schema != NULL) {
        agt_value_builder_value(b, input_schema);
    } else {
        agt_value_builder_begin_object(b);
        agt__builder_add_string(b, "type", "object");
        agt_value_builder_end(b);
    }
    agt_value_builder_end(b);
    return finish(b, ret_tool, NULL);
}

/* ---- responses --------------------------------------------------------------------------------
 */

static bool type_is(const agt_value *part, const char *type)
{
    return strcmp(agt__value_member_text(part, "type", ""), type) == 0;
}

static bool is_nonempty_text(const agt_value *value)
{
    return agt__value_text(value, "")[0] != '\0';
}

/* Whether another call among the first @count parts has the id @id. */
static bool is_taken(const agt_value *parts, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        if (type_is(part, "tool_call") && strcmp(agt__value_member_text(part, "id", ""), id) == 0) {
            return true;
        }
    }
    return false;
}

/* The parts again, each tool call with an id of its own. */
static agt_status make_ids(const agt_allocator *allocator, const agt_value *parts, uint32_t step,
                           agt_value **ret_parts)
{
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_array(b);
    size_t count = agt_value_get_count(parts);
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        const char *given = agt__value_member_text(part, "id", "");
        if (!type_is(part, "tool_call") || (given[0] != '\0' && !is_taken(parts, i, given))) {
            agt_value_builder_value(b, part);
            continue;
        }
        char id[id_size];
        agt_value *text = NULL;
        agt_value *changed = NULL;
        size_t salt = i + 1;
        do {
            snprintf(id, sizeof(id), "call_%u_%zu", step, salt);
            salt += count;
        } while (is_taken(parts, count, id));
        status = agt_value_new_string(allocator, id, &text);
        if (status == AGT_OK) {
            status = agt_value_with_member(allocator, part, "id", text, &changed);
        }
        agt_value_builder_value(b, changed);
        agt_value_unref(changed);
        agt_value_unref(text);
    }
    agt_value_builder_end(b);
    if (status != AGT_OK) {
        agt_value_builder_free(b);
        return status;
    }
    return finish(b, ret_parts, NULL);
}

/* Whether @part is one; sets *ret_fix if it is a tool call that needs an id. */
static agt_status check_part(const agt_value *parts, size_t index, bool *ret_fix, agt_error *err)
{
    const agt_value *part = agt_value_get_item(parts, index);
    if (agt_value_get_kind(part) != AGT_VALUE_OBJECT ||
        !is_nonempty_text(agt_value_get_member(part, "type"))) {
        return agt__error_set(err, AGT_E_MODEL, origin,
                              "part %zu of the response is no object with a type", index + 1);
    }
    if (type_is(part, "text") &&
        agt_value_get_kind(agt_value_get_member(part, "text")) != AGT_VALUE_STRING) {
        return agt__error_set(err, AGT_E_MODEL, origin, "text part %zu of the response has no text",
                              index + 1);
    }
    if (type_is(part, "tool_call")) {
        if (!is_nonempty_text(agt_value_get_member(part, "name"))) {
            return agt__error_set(err, AGT_E_MODEL, origin,
                                  "part %zu of the response is a call of a tool without a name",
                                  index + 1);
        }
        const char *id = agt__value_member_text(part, "id", "");
        *ret_fix = *ret_fix || id[0] == '\0' || is_taken(parts, index, id);
    }
    return AGT_OK;
}

agt_status agt__response_check(const agt_allocator *allocator, const agt_value *response,
                               uint32_t step, agt_value **ret_response, agt_error *err)
{
    if (agt_value_get_kind(response) != AGT_VALUE_OBJECT) {
        return agt__error_set(err, AGT_E_MODEL, origin,
                              "the response: expected an object, found %s",
                              agt_value_kind_get_name(agt_value_get_kind(response)));
    }
    const agt_value *parts = agt_value_get_member(response, "parts");
    if (agt_value_get_kind(parts) != AGT_VALUE_ARRAY) {
        return agt__error_set(err, AGT_E_MODEL, origin, "the response has no array of parts");
    }
    bool fix = false;
    size_t count = agt_value_get_count(parts);
    if (count > parts_max) {
        return agt__error_set(err, AGT_E_MODEL, origin, "the response has %zu parts, more than %d",
                              count, parts_max);
    }
    for (size_t i = 0; i < count; i++) {
        agt_status status = check_part(parts, i, &fix, err);
        if (status != AGT_OK) {
            return status;
        }
    }
    if (!fix) {
        *ret_response = agt_value_ref(response);
        return AGT_OK;
    }
    agt_value *fixed = NULL;
    agt_status status = make_ids(allocator, parts, step, &fixed);
    if (status == AGT_OK) {
        status = agt_value_with_member(allocator, response, "parts", fixed, ret_response);
    }
    agt_value_unref(fixed);
    return status == AGT_OK
               ? status
               : agt__error_set(err, status, origin, "%s", agt_status_get_text(status));
}

const agt_value *agt__response_get_parts(const agt_value *response)
{
    const agt_value *parts = agt_value_get_member(response, "parts");
    return agt_value_get_kind(parts) == AGT_VALUE_ARRAY ? parts : agt_value_empty_array();
}

bool agt__part_get_tool_call(const agt_value *part, agt__tool_request *ret_request)
{
    if (!type_is(part, "tool_call")) {
        return false;
    }
    const agt_value *arguments = agt_value_get_member(part, "arguments");
    ret_request->id = agt__value_member_text(part, "id", "");
    ret_request->name = agt__value_member_text(part, "name", "");
    ret_request->arguments = arguments;
    if (arguments == NULL) {
        ret_request->arguments = agt_value_empty_object(); /* left out: none */
    } else if (agt_value_get_kind(arguments) != AGT_VALUE_OBJECT) {
        ret_request->arguments = NULL;
    }
    return true;
}

const agt_value *agt__part_get_text(const agt_value *part)
{
    return type_is(part, "text") ? agt_value_get_member(part, "text") : NULL;
}

agt_status agt__parts_get_text(const agt_allocator *allocator, const agt_value *parts, size_t first,
                               size_t end, agt_value **ret_text)
{
    const agt_value *only = NULL;
    size_t texts = 0;
    for (size_t i = first; i < end; i++) {
        const agt_value *text = agt__part_get_text(agt_value_get_item(parts, i));
        if (text != NULL) {
            only = text;
            texts++;
        }
    }
    if (texts <= 1) {
        *ret_text = agt_value_ref(only);
        return AGT_OK;
    }
    agt__buffer buffer;
    agt__buffer_init(&buffer, allocator, 0);
    for (size_t i = first; i < end; i++) {
        size_t length = 0;
        const agt_value *text = agt__part_get_text(agt_value_get_item(parts, i));
        const char *bytes = agt_value_get_string(text, &length);
        if (bytes != NULL) {
            agt__buffer_add_text(&buffer, buffer.size > 0 ? "\n\n" : "");
            agt__buffer_add(&buffer, bytes, length);
        }
    }
    agt_status status = buffer.status;
    if (status == AGT_OK) {
        status =
            agt_value_new_string_n(allocator, agt__buffer_text(&buffer), buffer.size, ret_text);
    }
    agt__buffer_deinit(&buffer);
    return status;
}

/* ---- sizes ------------------------------------------------------------------------------------
 */

static size_t estimate(const agt_value *value, uint32_t depth)
{
    enum {
        small = 4, /* a number, null, true, false */
        quotes = 2,
        punctuation = 4 /* quotes, colon and comma of a member */
    };
    size_t length = 0;
    size_t bytes = quotes;
    switch (agt_value_get_kind(value)) {
    case AGT_VALUE_NULL:
    case AGT_VALUE_BOOL:
    case AGT_VALUE_NUMBER:
        return small;
    case AGT_VALUE_STRING:
        (void)agt_value_get_string(value, &length);
        return length + quotes;
    case AGT_VALUE_ARRAY:
    case AGT_VALUE_OBJECT:
        break;
    }
    size_t count = depth > 0 ? agt_value_get_count(value) : 0;
    for (size_t i = 0; i < count; i++) {
        bytes += 1 + estimate(agt_value_get_item(value, i), depth - 1);
        if (agt_value_get_key(value, i, &length) != NULL) {
            bytes += length + punctuation - 1;
        }
    }
    return bytes;
}

size_t agt__value_estimate_bytes(const agt_value *value)
{
    return estimate(value, depth_max);
}

uint64_t agt__estimate_tokens(size_t bytes)
{
    return (uint64_t)bytes / 4 + 1;
}

uint64_t agt__request_estimate_tokens(const agt_value *request)
{
    uint64_t tokens = 0;
    const agt_value *said = agt_value_get_member(request, "input_tokens_estimated");
    if (agt_value_get_uint64(said, &tokens) == AGT_OK && tokens <= INT64_MAX) {
        return tokens;
    }
    return agt__estimate_tokens(agt__value_estimate_bytes(request));
}
