/*
 * OpenAI Chat Completions, also as spoken by vLLM, llama.cpp, Ollama, SGLang, LMDeploy, gateways
 * and the compatible layers of other providers. This file has the table and the requests;
 * wire_openai_chat.c reads what comes back.
 *
 * What is sent is what servers of every age take:
 *
 *   - The system prompt has the role "system", also for reasoning models: OpenAI reads it as
 *     "developer" where that is meant, and the templates of open models know no other word.
 *   - A message that is only text is a string, not an array of parts.
 *   - Results of tools are messages of their own, in the order in which they stand in the request.
 *     There is no mark of an error, so the text says it.
 *   - Reasoning goes back under the name it came with ("reasoning_content", "reasoning",
 *     "reasoning_details"), to this format only: some servers refuse a conversation with tools
 *     without it.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_openai_chat.h"
#include "llm/wire_openai_common.h"

#include "base/error.h"
#include "base/value.h"

#include <string.h>

static const char origin[] = "llm/openai";

/* ---- messages from us -------------------------------------------------------------------------
 */

static void begin_message(agt__openai_encoder *self, const char *role)
{
    agt_value_builder_begin_object(self->b);
    agt__builder_add_string(self->b, "role", role);
}

static void begin_part(agt__openai_encoder *self, const char *type)
{
    agt_value_builder_begin_object(self->b);
    agt__builder_add_string(self->b, "type", type);
}

/* Add @member of @part under @key, if it is there. */
static void add_member(agt__openai_encoder *self, const char *key, const agt_value *part,
                       const char *member)
{
    const agt_value *value = agt_value_get_member(part, member);
    if (value != NULL) {
        agt__builder_add_value(self->b, key, value);
    }
}

static agt_status add_image(agt__openai_encoder *self, const agt_value *part)
{
    begin_part(self, "image_url");
    agt_value_builder_key(self->b, "image_url");
    agt_value_builder_begin_object(self->b);
    agt_status status = agt__openai_add_url(self, "url", part);
    add_member(self, "detail", part, "detail");
    agt_value_builder_end(self->b);
    agt_value_builder_end(self->b);
    return status;
}

static agt_status add_document(agt__openai_encoder *self, const agt_value *part)
{
    if (agt_value_get_member(part, "data") == NULL) {
        return agt__openai_refuse(self, "Chat Completions takes documents as \"data\" only, not by "
                                        "\"url\"");
    }
    begin_part(self, "file");
    agt_value_builder_key(self->b, "file");
    agt_value_builder_begin_object(self->b);
    agt__builder_add_string(self->b, "filename",
                            agt__value_member_text(part, "name", "document.pdf"));
    agt_status status = agt__openai_add_url(self, "file_data", part);
    agt_value_builder_end(self->b);
    agt_value_builder_end(self->b);
    return status;
}

static agt_status add_user_part(agt__openai_encoder *self, const agt_value *part)
{
    const char *type = agt__value_member_text(part, "type", "");
    if (strcmp(type, "text") == 0) {
        begin_part(self, "text");
        add_member(self, "text", part, "text");
        agt_value_builder_end(self->b);
        return AGT_OK;
    }
    if (strcmp(type, "image") == 0) {
        return add_image(self, part);
    }
    if (strcmp(type, "document") == 0) {
        return add_document(self, part);
    }
    if (strcmp(type, "opaque") == 0) {
        if (agt__openai_is_of(part, AGT__OPENAI_CHAT_FORMAT)) {
            agt_value_builder_value(self->b, agt_value_get_member(part, "value"));
        }
        return AGT_OK;
    }
    return agt__openai_refuse(self, "Chat Completions cannot say parts of this type");
}

static void add_tool_result(agt__openai_encoder *self, const agt_value *part)
{
    begin_message(self, "tool");
    add_member(self, "tool_call_id", part, "id");
    agt__openai_add_result(self, "content", part);
    agt_value_builder_end(self->b);
}

/* Parts that are no results of tools. */
static agt_status add_user_parts(agt__openai_encoder *self, const agt_value *parts, bool text_only)
{
    agt_value *text = NULL;
    agt_status status = AGT_OK;
    begin_message(self, "user");
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

/* What a user or tools say: results first, as the server wants them right after the calls. */
static agt_status add_said(agt__openai_encoder *self, const agt_value *parts)
{
    size_t count = agt_value_get_count(parts);
    size_t results = 0;
    size_t texts = 0;
    for (size_t i = 0; i < count; i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        texts += agt__openai_is_text(part) ? 1 : 0;
        if (agt__openai_is_part(part, "tool_result")) {
            add_tool_result(self, part);
            results++;
        }
    }
    return results < count ? add_user_parts(self, parts, texts + results == count) : AGT_OK;
}

/* ---- messages of the model --------------------------------------------------------------------
 */

static void add_tool_calls(agt__openai_encoder *self, const agt_value *parts)
{
    bool any = false;
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        if (!agt__openai_is_part(part, "tool_call")) {
            continue;
        }
        if (!any) {
            agt_value_builder_key(self->b, "tool_calls");
            agt_value_builder_begin_array(self->b);
            any = true;
        }
        agt_value_builder_begin_object(self->b);
        add_member(self, "id", part, "id");
        agt__builder_add_string(self->b, "type", "function");
        agt_value_builder_key(self->b, "function");
        agt_value_builder_begin_object(self->b);
        add_member(self, "name", part, "name");
        agt__openai_add_arguments(self, part);
        agt_value_builder_end(self->b);
        /* Gemini's layer: the signature of a thought, without which it refuses the call. */
        add_member(self, "extra_content", part, "extra_content");
        agt_value_builder_end(self->b);
    }
    if (any) {
        agt_value_builder_end(self->b);
    }
}

static bool is_own_reasoning(const agt_value *part)
{
    return agt__openai_is_part(part, "reasoning") &&
           agt__openai_is_of(part, AGT__OPENAI_CHAT_FORMAT);
}

static bool is_reasoning_content(const agt_value *part)
{
    return is_own_reasoning(part) &&
           strcmp(agt__value_member_text(part, "member", ""), "reasoning_content") == 0;
}

static bool is_plain_reasoning(const agt_value *part)
{
    return is_own_reasoning(part) &&
           strcmp(agt__value_member_text(part, "member", ""), "reasoning") == 0;
}

/* One entry of "reasoning_details": what was kept of it, and its text in its place. */
static void add_detail(agt__openai_encoder *self, const agt_value *part, const agt_value *detail)
{
    const char *type = agt__value_member_text(detail, "type", "");
    agt_value_builder_begin_object(self->b);
    for (size_t i = 0; i < agt_value_get_count(detail); i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(detail, i, &length);
        agt_value_builder_key_n(self->b, key, length);
        agt_value_builder_value(self->b, agt_value_get_item(detail, i));
    }
    if (strcmp(type, "reasoning.text") == 0) {
        add_member(self, "text", part, "text");
    } else if (strcmp(type, "reasoning.summary") == 0) {
        add_member(self, "summary", part, "text");
    }
    add_member(self, "signature", part, "signature");
    add_member(self, "data", part, "data");
    agt_value_builder_end(self->b);
}

static agt_status add_reasoning(agt__openai_encoder *self, const agt_value *parts)
{
    static const struct {
        const char *key;
        bool (*matches)(const agt_value *part);
    } texts[] = {{"reasoning_content", is_reasoning_content}, {"reasoning", is_plain_reasoning}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        agt_value *text = NULL;
        if (agt__openai_join(self->allocator, parts, texts[i].matches, &text) != AGT_OK) {
            return agt__error_nomem(self->err, origin);
        }
        if (text != NULL) {
            agt__builder_add_value(self->b, texts[i].key, text);
            agt_value_unref(text);
        }
    }
    bool any = false;
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        const agt_value *detail =
            is_own_reasoning(part) ? agt_value_get_member(part, "detail") : NULL;
        if (detail == NULL) {
            continue;
        }
        if (!any) {
            agt_value_builder_key(self->b, "reasoning_details");
            agt_value_builder_begin_array(self->b);
            any = true;
        }
        add_detail(self, part, detail);
    }
    if (any) {
        agt_value_builder_end(self->b);
    }
    return AGT_OK;
}

static agt_status check_assistant(agt__openai_encoder *self, const agt_value *parts,
                                  bool *ret_calls)
{
    static const char *const types[] = {"text", "reasoning", "tool_call", "opaque"};
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        bool known = false;
        for (size_t t = 0; t < sizeof(types) / sizeof(types[0]) && !known; t++) {
            known = agt__openai_is_part(part, types[t]);
        }
        self->part = i + 1;
        if (!known) {
            return agt__openai_refuse(self, "an assistant cannot have said a part of this type");
        }
        *ret_calls = *ret_calls || agt__openai_is_part(part, "tool_call");
    }
    return AGT_OK;
}

static agt_status add_assistant(agt__openai_encoder *self, const agt_value *parts)
{
    agt_value *text = NULL;
    agt_value *refusal = NULL;
    bool calls = false;
    agt_status status = check_assistant(self, parts, &calls);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__openai_join(self->allocator, parts, agt__openai_is_text, &text);
    if (status == AGT_OK) {
        status = agt__openai_join(self->allocator, parts, agt__openai_is_refusal, &refusal);
    }
    if (status != AGT_OK) {
        agt_value_unref(text);
        return agt__error_nomem(self->err, origin);
    }
    begin_message(self, "assistant");
    if (text != NULL || calls || refusal != NULL) {
        agt__builder_add_value(self->b, "content", text); /* null if there is none */
    } else {
        agt__builder_add_string(self->b, "content", "");
    }
    if (refusal != NULL) {
        agt__builder_add_value(self->b, "refusal", refusal);
    }
    agt_value_unref(text);
    agt_value_unref(refusal);
    status = add_reasoning(self, parts);
    add_tool_calls(self, parts);
    agt_value_builder_end(self->b);
    return status;
}

static agt_status add_messages(agt__openai_encoder *self, const agt_value *request)
{
    const agt_value *system = agt_value_get_member(request, "system");
    const agt_value *messages = agt_value_get_member(request, "messages");
    agt_status status = AGT_OK;
    agt_value_builder_key(self->b, "messages");
    agt_value_builder_begin_array(self->b);
    if (agt__value_text(system, "x")[0] != '\0' && agt_value_get_kind(system) == AGT_VALUE_STRING) {
        begin_message(self, "system");
        agt__builder_add_value(self->b, "content", system);
        agt_value_builder_end(self->b);
    }
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
        return; /* an empty array is an error to some */
    }
    agt_value_builder_key(self->b, "tools");
    agt_value_builder_begin_array(self->b);
    for (size_t i = 0; i < agt_value_get_count(tools); i++) {
        const agt_value *tool = agt_value_get_item(tools, i);
        begin_part(self, "function");
        agt_value_builder_key(self->b, "function");
        agt_value_builder_begin_object(self->b);
        add_member(self, "name", tool, "name");
        add_member(self, "description", tool, "description");
        agt__openai_add_parameters(self, agt_value_get_member(tool, "input_schema"));
        agt_value_builder_end(self->b);
        agt_value_builder_end(self->b);
    }
    agt_value_builder_end(self->b);
    const agt_value *choice = agt_value_get_member(request, "tool_choice");
    if (agt_value_get_kind(choice) == AGT_VALUE_OBJECT) {
        agt_value_builder_key(self->b, "tool_choice");
        begin_part(self, "function");
        agt_value_builder_key(self->b, "function");
        agt_value_builder_begin_object(self->b);
        add_member(self, "name", choice, "name");
        agt_value_builder_end(self->b);
        agt_value_builder_end(self->b);
    } else if (choice != NULL) {
        agt__builder_add_value(self->b, "tool_choice", choice);
    }
    add_member(self, "parallel_tool_calls", request, "parallel_tool_calls");
}

static void add_response_format(agt__openai_encoder *self, const agt_value *request)
{
    const agt_value *schema = agt_value_get_member(request, "output_schema");
    if (schema == NULL) {
        return;
    }
    agt_value_builder_key(self->b, "response_format");
    begin_part(self, "json_schema");
    agt_value_builder_key(self->b, "json_schema");
    agt_value_builder_begin_object(self->b);
    agt__openai_add_output_schema(self, schema);
    agt_value_builder_end(self->b);
    agt_value_builder_end(self->b);
}

static agt_status fill(agt__openai_encoder *self, const agt_value *request)
{
    const agt__wire_settings *settings = self->settings;
    agt__builder_add_string(self->b, "model", settings->model);
    agt_status status = add_messages(self, request);
    if (status != AGT_OK) {
        return status;
    }
    add_tools(self, request);
    add_response_format(self, request);
    uint64_t tokens = agt__openai_get_max_tokens(self, request);
    if (tokens > 0) {
        agt__builder_add_uint64(
            self->b, settings->old_tokens ? "max_tokens" : "max_completion_tokens", tokens);
    }
    if (settings->temperature != NULL) {
        agt__builder_add_value(self->b, "temperature", settings->temperature);
    }
    if (settings->effort != NULL) {
        agt__builder_add_string(self->b, "reasoning_effort", settings->effort);
    }
    if (settings->stream) {
        agt__builder_add_bool(self->b, "stream", true);
        agt_value_builder_key(self->b, "stream_options");
        agt_value_builder_begin_object(self->b);
        agt__builder_add_bool(self->b, "include_usage", true);
        agt_value_builder_end(self->b);
    }
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

const agt__wire agt__wire_openai = {
    .name = "openai",
    .system = "openai",
    .default_url = "https://api.openai.com/v1",
    .path = "/chat/completions",
    .models_path = "/models",
    .key_variable = "OPENAI_API_KEY",
    .url_variable = "OPENAI_BASE_URL",
    .headers = headers,
    .encode = encode,
    .decode = agt__openai_chat_decode,
    .stream_event = agt__openai_chat_event,
    .read_error = agt__openai_read_error,
};
