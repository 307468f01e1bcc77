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
    parts_max = 1024, /* of a response: every id is compared with every other */
    id_size = 48
};

/* ---- words ------------------------------------------------------------------------------------
 */

agt_status agt__words_init(agt__words *words, const agt_allocator *allocator, bool tainted)
{
    static const char *const texts[AGT__WORD_COUNT] = {
        "user", "assistant", "tool", "text", "tool_call", "tool_result", "ok", "stop", "tool_calls",
    };
    *words = (agt__words){{NULL}};
    for (size_t i = 0; i < AGT__WORD_COUNT; i++) {
        agt_value *word = NULL;
        agt_status status = agt_value_new_string(allocator, texts[i], &word);
        if (status == AGT_OK && tainted) {
            status = agt_value_with_taint(allocator, word, &words->items[i]);
            agt_value_unref(word);
        } else {
            words->items[i] = word;
        }
        if (status != AGT_OK) {
            agt__words_deinit(words);
            return AGT_E_NOMEM;
        }
    }
    return AGT_OK;
}

void agt__words_deinit(agt__words *words)
{
    for (size_t i = 0; i < AGT__WORD_COUNT; i++) {
        agt_value_unref(words->items[i]);
        words->items[i] = NULL;
    }
}

/* ---- requests ---------------------------------------------------------------------------------
 */

/* The messages as an array; NULL if there is no memory. */
static agt_value *share_messages(const agt_allocator *allocator, const agt__request *request)
{
    agt_value *array = NULL;
    for (size_t i = 0; i < request->message_count; i++) {
        (void)agt_value_ref(request->messages[i]);
    }
    /* The references are the array's from here on. */
    agt_value *const *items = (agt_value *const *)(uintptr_t)request->messages;
    return agt__value_make_array(allocator, items, request->message_count, &array) == AGT_OK ? array
                                                                                             : NULL;
}

agt_status agt__request_new(const agt_allocator *allocator, const agt__request *request,
                            agt_value **ret_value)
{
    agt__field fields[AGT__FIELDS_MAX];
    size_t count = 0;
    if (request->system != NULL) {
        fields[count++] = (agt__field){"system", agt_value_ref(request->system)};
    }
    fields[count++] = (agt__field){"messages", share_messages(allocator, request)};
    if (request->tools != NULL) {
        fields[count++] = (agt__field){"tools", agt_value_ref(request->tools)};
    }
    if (request->output_schema != NULL) {
        fields[count++] = (agt__field){"output_schema", agt_value_ref(request->output_schema)};
    }
    if (request->max_output_tokens != 0) {
        fields[count++] = (agt__field){
            "max_output_tokens", agt__value_uint64_or_null(allocator, request->max_output_tokens)};
    }
    if (request->agent != NULL) {
        fields[count++] = (agt__field){"agent", agt_value_ref(request->agent)};
    }
    if (request->step != 0) {
        fields[count++] = (agt__field){"step", agt__value_uint64_or_null(allocator, request->step)};
    }
    if (request->input_tokens != 0) {
        fields[count++] = (agt__field){"input_tokens_estimated",
                                       agt__value_uint64_or_null(allocator, request->input_tokens)};
    }
    return agt__value_make_object(allocator, fields, count, ret_value);
}

agt_status agt__message_new(const agt_allocator *allocator, const agt__words *words, agt__word role,
                            const agt_value *parts, agt_value **ret_message)
{
    const agt__field fields[] = {{"role", agt__words_get(words, role)},
                                 {"parts", agt_value_ref(parts)}};
    return agt__value_make_object(allocator, fields, 2, ret_message);
}

agt_value *agt__part_new_text(const agt_allocator *allocator, const agt__words *words,
                              agt_value *text)
{
    agt_value *part = NULL;
    const agt__field fields[] = {{"type", agt__words_get(words, AGT__WORD_TEXT)}, {"text", text}};
    return agt__value_make_object(allocator, fields, 2, &part) == AGT_OK ? part : NULL;
}

agt_status agt__message_new_text(const agt_allocator *allocator, const agt__words *words,
                                 agt__word role, const agt_value *text, agt_value **ret_message)
{
    agt_value *parts = NULL;
    agt_value *part = agt__part_new_text(allocator, words, agt_value_ref(text));
    agt_status status = agt__value_make_array(allocator, &part, 1, &parts);
    if (status == AGT_OK) {
        status = agt__message_new(allocator, words, role, parts, ret_message);
        agt_value_unref(parts);
    }
    return status;
}

agt_value *agt__part_new_result(const agt_allocator *allocator, const agt__words *words,
                                const agt__tool_result *result)
{
    agt_value *part = NULL;
    bool ok = result->outcome == AGT_OUTCOME_OK;
    const char *outcome = agt_outcome_get_name(result->outcome);
    agt_value *output = agt_value_ref(result->output);
    const agt__field fields[] = {
        {"type", agt__words_get(words, AGT__WORD_TOOL_RESULT)},
        {"id", agt_value_ref(result->id)},
        {"name", agt_value_ref(result->name)},
        {"outcome",
         ok ? agt__words_get(words, AGT__WORD_OK) : agt__value_text_or_null(allocator, outcome)},
        ok ? (agt__field){"output", output != NULL ? output : agt_value_null()}
           : (agt__field){"error", agt__value_text_or_null(allocator, result->error)},
    };
    if (!ok) {
        agt_value_unref(output);
    }
    return agt__value_make_object(allocator, fields, 5, &part) == AGT_OK ? part : NULL;
}

agt_status agt__message_new_tool(const agt_allocator *allocator, const char *name,
                                 const char *description, const agt_value *input_schema,
                                 agt_value **ret_tool)
{
    agt__field fields[3];
    size_t count = 0;
    fields[count++] = (agt__field){"name", agt__value_text_or_null(allocator, name)};
    if (description != NULL && description[0] != '\0') {
        fields[count++] =
            (agt__field){"description", agt__value_text_or_null(allocator, description)};
    }
    agt_value *schema = agt_value_ref(input_schema);
    if (schema == NULL) {
        const agt__field any = {"type", agt__value_text_or_null(allocator, "object")};
        if (agt__value_make_object(allocator, &any, 1, &schema) != AGT_OK) {
            schema = NULL;
        }
    }
    fields[count++] = (agt__field){"input_schema", schema};
    return agt__value_make_object(allocator, fields, count, ret_tool);
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
    if (status == AGT_OK) {
        status = agt_value_builder_finish(b, ret_parts, NULL);
    }
    agt_value_builder_free(b);
    return status;
}

/* Whether @part is one; sets *ret_fix if it is a tool call that needs an id. */
static agt_status check_part(const agt_value *parts, size_t index, bool *ret_fix, agt_error *err)
{
    const agt_value *part = agt_value_get_item(parts, index);
    const char *type = agt__value_member_text(part, "type", "");
    if (type[0] == '\0') {
        return agt__error_set(err, AGT_E_MODEL, origin,
                              "part %zu of the response is no object with a type", index + 1);
    }
    if (strcmp(type, "text") == 0 &&
        agt_value_get_kind(agt_value_get_member(part, "text")) != AGT_VALUE_STRING) {
        return agt__error_set(err, AGT_E_MODEL, origin, "text part %zu of the response has no text",
                              index + 1);
    }
    if (strcmp(type, "tool_call") == 0) {
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
    const agt_value *given = agt_value_get_member(part, "arguments");
    ret_request->id = agt_value_get_member(part, "id");
    ret_request->name_value = agt_value_get_member(part, "name");
    ret_request->name = agt__value_text(ret_request->name_value, "");
    ret_request->given = given;
    ret_request->arguments = given;
    if (given == NULL) {
        ret_request->arguments = agt_value_empty_object(); /* left out: none */
    } else if (agt_value_get_kind(given) != AGT_VALUE_OBJECT) {
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
    return agt__estimate_tokens(agt__value_estimate_size(request));
}
