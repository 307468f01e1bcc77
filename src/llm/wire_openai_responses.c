/*
 * OpenAI Responses: the table and the requests; wire_openai_responses_read.c reads what comes back.
 *
 * The conversation is ours: nothing is stored at the server, so every item that it gave is sent
 * back as it came, reasoning (encrypted) included. What was kept of an item stands in the member
 * "item" of the part that was made of it: all of a reasoning item; of a message and a call all but
 * the text and the arguments, which the part holds anyway.
 *
 * Results find their calls by call_id, which is the id of the part; the item's own id ("fc_…") is
 * something else.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_openai_responses.h"
#include "llm/wire_openai_common.h"

#include "base/error.h"
#include "base/value.h"

#include <string.h>

static const char origin[] = "llm/openai-responses";

static void begin_typed(agt__openai_encoder *self, const char *type)
{
    agt_value_builder_begin_object(self->b);
    agt__builder_add_string(self->b, "type", type);
}

static void add_member(agt__openai_encoder *self, const char *key, const agt_value *part,
                       const char *member)
{
    const agt_value *value = agt_value_get_member(part, member);
    if (value != NULL) {
        agt__builder_add_value(self->b, key, value);
    }
}

/* ---- items from us ----------------------------------------------------------------------------
 */

static agt_status add_document(agt__openai_encoder *self, const agt_value *part)
{
    begin_typed(self, "input_file");
    agt_status status;
    if (agt_value_get_member(part, "url") != NULL) {
        status = agt__openai_add_url(self, "file_url", part);
    } else {
        agt__builder_add_string(self->b, "filename",
                                agt__value_member_text(part, "name", "document.pdf"));
        status = agt__openai_add_url(self, "file_data", part);
    }
    agt_value_builder_end(self->b);
    return status;
}

static agt_status add_user_part(agt__openai_encoder *self, const agt_value *part)
{
    if (agt__openai_is_part(part, "text")) {
        begin_typed(self, "input_text");
        add_member(self, "text", part, "text");
        agt_value_builder_end(self->b);
        return AGT_OK;
    }
    if (agt__openai_is_part(part, "image")) {
        begin_typed(self, "input_image");
        agt_status status = agt__openai_add_url(self, "image_url", part);
        add_member(self, "detail", part, "detail");
        agt_value_builder_end(self->b);
        return status;
    }
    if (agt__openai_is_part(part, "document")) {
        return add_document(self, part);
    }
    if (agt__openai_is_part(part, "opaque")) {
        if (agt__openai_is_of(part, AGT__OPENAI_RESPONSES_FORMAT)) {
            agt_value_builder_value(self->b, agt_value_get_member(part, "value"));
        }
        return AGT_OK;
    }
    return agt__openai_refuse(self, "Responses cannot say parts of this type");
}

/* A message of the user: its parts that are no results. */
static agt_status add_user(agt__openai_encoder *self, const agt_value *parts, bool text_only)
{
    agt_value *text = NULL;
    agt_status status = AGT_OK;
    begin_typed(self, "message");
    agt__builder_add_string(self->b, "role", "user");
    if (text_only) {
        status = agt__openai_join(self->allocator, parts, agt__openai_is_text, &text);
        agt__builder_add_value(self->b, "content", text);
        agt_value_unref(text);
    } else {
        agt_value_builder_key(self->b, "content");
        agt_value_builder_begin_array(self->b);
        for (size_t i = 0; i < agt_value_get_count(parts) && status == AGT_OK; i++) {
            const agt_value *part = agt_value_get_item(parts, i);
            self->part = i + 1;
            if (!agt__openai_is_part(part, "tool_result")) {
                status = add_user_part(self, part);
            }
        }
        agt_value_builder_end(self->b);
    }
    agt_value_builder_end(self->b);
    return status;
}

/* Results come first: they belong to the calls before them. */
static agt_status add_said(agt__openai_encoder *self, const agt_value *parts)
{
    size_t count = agt_value_get_count(parts);
    size_t results = 0;
    size_t texts = 0;
    for (size_t i = 0; i < count; i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        texts += agt__openai_is_text(part) ? 1 : 0;
        if (!agt__openai_is_part(part, "tool_result")) {
            continue;
        }
        results++;
        begin_typed(self, "function_call_output");
        add_member(self, "call_id", part, "id");
        agt__openai_add_result(self, "output", part);
        agt_value_builder_end(self->b);
    }
    return results < count ? add_user(self, parts, texts + results == count) : AGT_OK;
}

/* ---- items of the model -----------------------------------------------------------------------
 */

/* What was kept of the item behind @part; NULL if it came from another format. */
static const agt_value *get_item(const agt_value *part)
{
    return agt__openai_is_of(part, AGT__OPENAI_RESPONSES_FORMAT)
               ? agt_value_get_member(part, "item")
               : NULL;
}

static void add_members(agt__openai_encoder *self, const agt_value *item)
{
    for (size_t i = 0; i < agt_value_get_count(item); i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(item, i, &length);
        agt_value_builder_key_n(self->b, key, length);
        agt_value_builder_value(self->b, agt_value_get_item(item, i));
    }
}

static void add_content(agt__openai_encoder *self, const agt_value *part)
{
    if (agt__openai_is_refusal(part)) {
        begin_typed(self, "refusal");
        add_member(self, "refusal", part, "text");
    } else {
        const agt_value *annotations = agt_value_get_member(part, "annotations");
        begin_typed(self, "output_text");
        add_member(self, "text", part, "text");
        agt__builder_add_value(self->b, "annotations",
                               annotations != NULL ? annotations : agt_value_empty_array());
    }
    agt_value_builder_end(self->b);
}

/* The message that the part at @at is of, with all that follows of it. @return the next part */
static size_t add_message(agt__openai_encoder *self, const agt_value *parts, size_t at)
{
    const agt_value *part = agt_value_get_item(parts, at);
    const agt_value *item = get_item(part);
    const char *id = agt__value_member_text(item, "id", "");
    begin_typed(self, "message");
    agt__builder_add_string(self->b, "role", "assistant");
    add_members(self, item);
    agt_value_builder_key(self->b, "content");
    agt_value_builder_begin_array(self->b);
    do {
        add_content(self, part);
        part = agt_value_get_item(parts, ++at);
    } while (id[0] != '\0' && agt__openai_is_part(part, "text") &&
             strcmp(agt__value_member_text(get_item(part), "id", ""), id) == 0);
    agt_value_builder_end(self->b);
    agt_value_builder_end(self->b);
    return at;
}

static void add_call(agt__openai_encoder *self, const agt_value *part)
{
    begin_typed(self, "function_call");
    add_members(self, get_item(part));
    add_member(self, "call_id", part, "id");
    add_member(self, "name", part, "name");
    agt__openai_add_arguments(self, part);
    agt_value_builder_end(self->b);
}

static agt_status add_assistant(agt__openai_encoder *self, const agt_value *parts)
{
    size_t at = 0;
    while (at < agt_value_get_count(parts)) {
        const agt_value *part = agt_value_get_item(parts, at);
        self->part = at + 1;
        if (agt__openai_is_part(part, "text")) {
            at = add_message(self, parts, at);
            continue;
        }
        if (agt__openai_is_part(part, "tool_call")) {
            add_call(self, part);
        } else if (agt__openai_is_part(part, "reasoning")) {
            if (get_item(part) != NULL) {
                agt_value_builder_value(self->b, get_item(part));
            }
        } else if (agt__openai_is_part(part, "opaque")) {
            if (agt__openai_is_of(part, AGT__OPENAI_RESPONSES_FORMAT)) {
                agt_value_builder_value(self->b, agt_value_get_member(part, "value"));
            }
        } else {
            return agt__openai_refuse(self, "an assistant cannot have said a part of this type");
        }
        at++;
    }
    return AGT_OK;
}

static agt_status add_input(agt__openai_encoder *self, const agt_value *messages)
{
    agt_status status = AGT_OK;
    agt_value_builder_key(self->b, "input");
    agt_value_builder_begin_array(self->b);
    for (size_t i = 0; i < agt_value_get_count(messages) && status == AGT_OK; i++) {
        const agt_value *message = agt_value_get_item(messages, i);
        const agt_value *parts = agt_value_get_member(message, "parts");
        const char *role = agt__value_member_text(message, "role", "");
        self->message = i + 1;
        if (strcmp(role, "assistant") == 0) {
            status = add_assistant(self, parts);
        } else if (strcmp(role, "user") == 0 || strcmp(role, "tool") == 0) {
            status = add_said(self, parts);
        } else {
            status = agt__error_set(self->err, AGT_E_INVALID, origin,
                                    "message %zu: \"%s\" is no role: user, assistant or tool",
                                    i + 1, role);
        }
    }
    agt_value_builder_end(self->b);
    return status;
}

/* ---- the rest of a request --------------------------------------------------------------------
 */

static void add_tools(agt__openai_encoder *self, const agt_value *request)
{
    const agt_value *tools = agt_value_get_member(request, "tools");
    if (agt_value_get_count(tools) == 0) {
        return;
    }
    agt_value_builder_key(self->b, "tools");
    agt_value_builder_begin_array(self->b);
    for (size_t i = 0; i < agt_value_get_count(tools); i++) {
        const agt_value *tool = agt_value_get_item(tools, i);
        begin_typed(self, "function");
        add_member(self, "name", tool, "name");
        add_member(self, "description", tool, "description");
        agt__openai_add_parameters(self, agt_value_get_member(tool, "input_schema"));
        agt__builder_add_bool(self->b, "strict", false); /* left out, it would be true */
        agt_value_builder_end(self->b);
    }
    agt_value_builder_end(self->b);
    const agt_value *choice = agt_value_get_member(request, "tool_choice");
    if (agt_value_get_kind(choice) == AGT_VALUE_OBJECT) {
        agt_value_builder_key(self->b, "tool_choice");
        begin_typed(self, "function");
        add_member(self, "name", choice, "name");
        agt_value_builder_end(self->b);
    } else if (choice != NULL) {
        agt__builder_add_value(self->b, "tool_choice", choice);
    }
    add_member(self, "parallel_tool_calls", request, "parallel_tool_calls");
}

/* Whether the model is one of those that think: the others refuse to be asked for it. */
static bool may_reason(const agt__wire_settings *settings)
{
    static const char *const others[] = {"gpt-3", "gpt-4", "chatgpt-4"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strncmp(settings->model, others[i], strlen(others[i])) == 0) {
            return settings->effort != NULL;
        }
    }
    return true;
}

static void add_settings(agt__openai_encoder *self, const agt_value *request)
{
    const agt__wire_settings *settings = self->settings;
    uint64_t tokens = agt__openai_get_max_tokens(self, request);
    if (tokens > 0) {
        agt__builder_add_uint64(self->b, "max_output_tokens", tokens);
    }
    if (settings->temperature != NULL) {
        agt__builder_add_value(self->b, "temperature", settings->temperature);
    }
    if (settings->effort != NULL) {
        agt_value_builder_key(self->b, "reasoning");
        agt_value_builder_begin_object(self->b);
        agt__builder_add_string(self->b, "effort", settings->effort);
        agt_value_builder_end(self->b);
    }
    agt__builder_add_bool(self->b, "store", false);
    if (may_reason(settings)) {
        agt_value_builder_key(self->b, "include");
        agt_value_builder_begin_array(self->b);
        agt_value_builder_string(self->b, "reasoning.encrypted_content");
        agt_value_builder_end(self->b);
    }
    if (settings->stream) {
        agt__builder_add_bool(self->b, "stream", true);
    }
}

static agt_status fill(agt__openai_encoder *self, const agt_value *request)
{
    const agt_value *system = agt_value_get_member(request, "system");
    const agt_value *schema = agt_value_get_member(request, "output_schema");
    agt__builder_add_string(self->b, "model", self->settings->model);
    if (agt_value_get_kind(system) == AGT_VALUE_STRING) {
        agt__builder_add_value(self->b, "instructions", system);
    }
    agt_status status = add_input(self, agt_value_get_member(request, "messages"));
    if (status != AGT_OK) {
        return status;
    }
    add_tools(self, request);
    if (schema != NULL) {
        agt_value_builder_key(self->b, "text");
        agt_value_builder_begin_object(self->b);
        agt_value_builder_key(self->b, "format");
        begin_typed(self, "json_schema");
        agt__openai_add_output_schema(self, schema);
        agt_value_builder_end(self->b);
        agt_value_builder_end(self->b);
    }
    add_settings(self, request);
    return AGT_OK;
}

static agt_status encode(const agt_allocator *allocator, const agt__wire_settings *settings,
                         const agt_value *request, agt__buffer *body, agt_error *err)
{
    agt__openai_encoder self = {
        .allocator = allocator, .settings = settings, .origin = origin, .err = err};
    return agt__openai_encode(&self, request, fill, body);
}

static const agt_kv headers[] = {{NULL, NULL}};

const agt__wire agt__wire_openai_responses = {
    .name = "openai-responses",
    .system = "openai",
    .default_url = "https://api.openai.com/v1",
    .path = "/responses",
    .models_path = "/models",
    .key_variable = "OPENAI_API_KEY",
    .url_variable = "OPENAI_BASE_URL",
    .headers = headers,
    .encode = encode,
    .decode = agt__openai_responses_decode,
    .stream_event = agt__openai_responses_event,
    .read_error = agt__openai_read_error,
};
