/*
 * Anthropic Messages: what is sent.
 *
 * A body is built as a value, which shares whatever the request holds (texts, images, arguments),
 * and is written as JSON at the end.
 *
 * Messages. The format knows two roles, and wants every result of a tool in the message that
 * follows the call, before anything else there. So messages of one role that follow each other
 * become one; in one of the user the results come first, in their order. Calls and results are
 * matched here: a conversation in which one is missing would be refused with a message about ids
 * that nobody knows. What the format would refuse for being empty (blank text) is left out.
 *
 * Blocks of a message are made first and then added, because what may be cached is marked from the
 * end: the tools, the system prompt, and the last block of the last two messages of the user, four
 * marks, which is the most there may be. The one before the last finds what the previous request
 * wrote, however many blocks this turn has added.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_anthropic.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "llm/anthropic";

enum {
    max_tokens_default = 8192, /* the format cannot do without */
    blocks_max = 100000,
    name_bytes_max = 128,
    name_size = name_bytes_max + 16
};

typedef struct block {
    agt_value *value;
    bool may_be_marked; /* may have a cache mark */
} block;

typedef struct encoder {
    const agt_allocator *allocator;
    const agt__wire_settings *settings;
    agt_value_builder *b;
    agt_error *err;
    const agt_value *messages;
    size_t message, part; /* that is looked at, from 1, for messages of errors */
    block *blocks;        /* of the message that is being made */
    size_t block_count, block_capacity;
} encoder;

static agt_status refuse(const encoder *self, const char *why)
{
    return agt__error_set(self->err, AGT_E_INVALID, origin, "message %zu, part %zu: %s",
                          self->message, self->part, why);
}

static agt_status no_memory(const encoder *self)
{
    return agt__error_nomem(self->err, origin);
}

/* ---- small values -----------------------------------------------------------------------------
 */

static agt_value *new_text(const encoder *self, const char *text)
{
    return agt__value_text_or_null(self->allocator, text);
}

/* An object; NULL if there is no memory. References are taken. */
static agt_value *new_object(const encoder *self, const agt__field *fields, size_t count)
{
    agt_value *object = NULL;
    return agt__value_make_object(self->allocator, fields, count, &object) == AGT_OK ? object
                                                                                     : NULL;
}

/* @value, which is given away, marked for the cache; NULL if there is no memory. */
static agt_value *mark(const encoder *self, agt_value *value)
{
    agt_value *marked = NULL;
    const agt__field field = {"type", new_text(self, "ephemeral")};
    agt_value *control = new_object(self, &field, 1);
    if (value != NULL && control != NULL &&
        agt_value_with_member(self->allocator, value, "cache_control", control, &marked) !=
            AGT_OK) {
        marked = NULL;
    }
    agt_value_unref(control);
    agt_value_unref(value);
    return marked;
}

static bool is_blank(const agt_value *text)
{
    size_t length = 0;
    const char *bytes = agt_value_get_string(text, &length);
    return bytes == NULL || strspn(bytes, " \t\r\n\v\f") == length;
}

static bool is_type(const agt_value *part, const char *type)
{
    return strcmp(agt__value_member_text(part, "type", ""), type) == 0;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool is_word(const char *text)
{
    size_t length = 0;
    while (is_word_char(text[length])) {
        length++;
    }
    return text[length] == '\0' && length >= 1 && length <= name_bytes_max;
}

/*
 * An id or name of a call as the format takes it: letters, digits, '_' and '-'. Ids of other
 * providers and names that a model made up may be anything; they are written otherwise, the same
 * way each time, with a hash of what they were so that two stay two.
 */
static agt_value *new_word(const encoder *self, const agt_value *given)
{
    char word[name_size];
    size_t length = 0;
    const char *text = agt_value_get_string(given, &length);
    if (text != NULL && strlen(text) == length && is_word(text)) {
        return agt_value_ref(given);
    }
    uint32_t hash = 2166136261u;
    size_t kept = 0;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
        if (kept < name_bytes_max / 2) {
            word[kept++] = is_word_char(text[i]) ? text[i] : '_';
        }
    }
    (void)snprintf(word + kept, sizeof(word) - kept, "_%08x", hash);
    return new_text(self, word);
}

/* ---- parts ------------------------------------------------------------------------------------
 */

/* Add the block @value, whose reference is taken. */
static agt_status add_block(encoder *self, agt_value *value, bool may_be_marked)
{
    if (value == NULL ||
        agt__array_reserve(self->allocator, &self->blocks, &self->block_capacity, self->block_count,
                           sizeof(block), blocks_max) != AGT_OK) {
        agt_value_unref(value);
        return no_memory(self);
    }
    self->blocks[self->block_count++] = (block){value, may_be_marked};
    return AGT_OK;
}

static agt_status add_text_part(encoder *self, const agt_value *part)
{
    const agt_value *text = agt_value_get_member(part, "text");
    const agt_value *citations = agt_value_get_member(part, "citations");
    if (agt_value_get_kind(text) != AGT_VALUE_STRING) {
        return refuse(self, "a text part needs a string \"text\"");
    }
    if (is_blank(text)) {
        return AGT_OK; /* would be refused */
    }
    const agt__field fields[] = {{"type", new_text(self, "text")},
                                 {"text", agt_value_ref(text)},
                                 {"citations", agt_value_ref(citations)}};
    bool cites = agt_value_get_kind(citations) == AGT_VALUE_ARRAY;
    if (!cites) {
        agt_value_unref(citations);
    }
    return add_block(self, new_object(self, fields, cites ? 3 : 2), true);
}

/* The source of an image or a document; NULL if there is no memory. */
static agt_value *new_source(const encoder *self, const agt_value *data, const char *media_type)
{
    if (media_type == NULL) {
        const agt__field fields[] = {{"type", new_text(self, "url")}, {"url", agt_value_ref(data)}};
        return new_object(self, fields, 2);
    }
    const agt__field fields[] = {{"type", new_text(self, "base64")},
                                 {"media_type", new_text(self, media_type)},
                                 {"data", agt_value_ref(data)}};
    return new_object(self, fields, 3);
}

static agt_status add_media(encoder *self, const agt_value *part, const char *type)
{
    const agt_value *url = agt_value_get_member(part, "url");
    const agt_value *data = agt_value_get_member(part, "data");
    const agt_value *name = agt_value_get_member(part, "name");
    const char *media_type = agt__value_member_text(part, "media_type", NULL);
    bool has_url = agt_value_get_kind(url) == AGT_VALUE_STRING;
    if (!has_url && agt_value_get_kind(data) != AGT_VALUE_STRING) {
        return refuse(self, "it has neither \"data\" nor \"url\"");
    }
    if (!has_url && media_type == NULL) {
        return refuse(self, "\"data\" needs a \"media_type\"");
    }
    bool titled = strcmp(type, "document") == 0 && agt_value_get_kind(name) == AGT_VALUE_STRING &&
                  !is_blank(name);
    const agt__field fields[] = {
        {"type", new_text(self, type)},
        {"source", has_url ? new_source(self, url, NULL) : new_source(self, data, media_type)},
        {"title", titled ? agt_value_ref(name) : NULL},
    };
    return add_block(self, new_object(self, fields, titled ? 3 : 2), true);
}

static agt_status add_reasoning(encoder *self, const agt_value *part)
{
    const agt_value *text = agt_value_get_member(part, "text");
    const agt_value *signature = agt_value_get_member(part, "signature");
    const char *format = agt__value_member_text(part, "format", AGT__ANTHROPIC_FORMAT);
    if (strcmp(format, AGT__ANTHROPIC_FORMAT) != 0 || is_blank(signature) ||
        agt_value_get_kind(text) != AGT_VALUE_STRING) {
        return AGT_OK; /* without a signature it is not taken back */
    }
    const agt__field fields[] = {{"type", new_text(self, "thinking")},
                                 {"thinking", agt_value_ref(text)},
                                 {"signature", agt_value_ref(signature)}};
    return add_block(self, new_object(self, fields, 3), false);
}

static agt_status add_tool_call(encoder *self, const agt_value *part)
{
    const agt_value *arguments = agt_value_get_member(part, "arguments");
    const agt_value *caller = agt_value_get_member(part, "caller");
    agt_value *input = NULL;
    if (arguments == NULL || agt_value_get_kind(arguments) == AGT_VALUE_NULL) {
        input = agt_value_empty_object();
    } else if (agt_value_get_kind(arguments) == AGT_VALUE_OBJECT) {
        input = agt_value_ref(arguments);
    } else {
        const agt__field field = {"invalid_arguments", agt_value_ref(arguments)};
        input = new_object(self, &field, 1);
    }
    bool called = agt_value_get_kind(caller) == AGT_VALUE_OBJECT;
    const agt__field fields[] = {
        {"type", new_text(self, "tool_use")},
        {"id", new_word(self, agt_value_get_member(part, "id"))},
        {"name", new_word(self, agt_value_get_member(part, "name"))},
        {"input", input},
        {"caller", called ? agt_value_ref(caller) : NULL},
    };
    return add_block(self, new_object(self, fields, called ? 5 : 4), true);
}

/* What a tool gave as a string; NULL if there is no memory. */
static agt_value *new_output(const encoder *self, const agt_value *output)
{
    agt_value *text = NULL;
    if (agt_value_get_kind(output) == AGT_VALUE_STRING) {
        return agt_value_ref(output);
    }
    return agt_value_to_json(self->allocator, output, AGT_JSON_COMPACT, &text) == AGT_OK ? text
                                                                                         : NULL;
}

/* What became of a call that is not ok: never empty, which would be refused. */
static agt_value *new_failure(const encoder *self, const char *outcome, const char *why)
{
    agt__buffer text;
    agt__buffer_init(&text, self->allocator, 0);
    bool says_more = strcmp(outcome, "error") != 0 || why[0] == '\0';
    agt__buffer_add_format(&text, "%s%s%s", says_more ? outcome : "",
                           says_more && why[0] != '\0' ? ": " : "", why);
    agt_value *made = text.status == AGT_OK ? new_text(self, agt__buffer_text(&text)) : NULL;
    agt__buffer_deinit(&text);
    return made;
}

static agt_status add_tool_result(encoder *self, const agt_value *part)
{
    const char *outcome = agt__value_member_text(part, "outcome", "ok");
    bool ok = strcmp(outcome, "ok") == 0;
    const agt_value *output = agt_value_get_member(part, "output");
    const agt__field fields[] = {
        {"type", new_text(self, "tool_result")},
        {"tool_use_id", new_word(self, agt_value_get_member(part, "id"))},
        {"content", ok ? new_output(self, output)
                       : new_failure(self, outcome, agt__value_member_text(part, "error", ""))},
        {"is_error", agt_value_bool(true)},
    };
    return add_block(self, new_object(self, fields, ok ? 3 : 4), true);
}

static agt_status add_part(encoder *self, const agt_value *part, bool is_assistant)
{
    if (is_type(part, "text")) {
        return add_text_part(self, part);
    }
    if (is_type(part, "reasoning")) {
        return is_assistant ? add_reasoning(self, part) : AGT_OK;
    }
    if (is_type(part, "opaque")) {
        const agt_value *value = agt_value_get_member(part, "value");
        bool is_ours =
            strcmp(agt__value_member_text(part, "format", ""), AGT__ANTHROPIC_FORMAT) == 0;
        return is_ours && value != NULL ? add_block(self, agt_value_ref(value), false) : AGT_OK;
    }
    if (is_type(part, "tool_call") && is_assistant) {
        return add_tool_call(self, part);
    }
    if (is_type(part, "tool_result") && !is_assistant) {
        return add_tool_result(self, part);
    }
    if (is_type(part, "image") && !is_assistant) {
        return add_media(self, part, "image");
    }
    if (is_type(part, "document") && !is_assistant) {
        return add_media(self, part, "document");
    }
    return agt__error_set(self->err, AGT_E_INVALID, origin,
                          "message %zu, part %zu: \"%.40s\" cannot be said by %s", self->message,
                          self->part, agt__value_member_text(part, "type", ""),
                          is_assistant ? "the model" : "the user");
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* A run of messages that become one: [first, end), all of the assistant or none. */
typedef struct run {
    size_t first, end;
    bool is_assistant;
} run;

static bool is_assistant(const agt_value *message)
{
    return strcmp(agt__value_member_text(message, "role", ""), "assistant") == 0;
}

/* The run that begins at @first. */
static run get_run(const encoder *self, size_t first)
{
    size_t count = agt_value_get_count(self->messages);
    run found = {first, first,
                 first < count && is_assistant(agt_value_get_item(self->messages, first))};
    while (found.end < count &&
           is_assistant(agt_value_get_item(self->messages, found.end)) == found.is_assistant) {
        found.end++;
    }
    return found;
}

static const agt_value *get_parts(const encoder *self, size_t message)
{
    return agt_value_get_member(agt_value_get_item(self->messages, message), "parts");
}

/* Whether a part of @type in @where has the id of @part. */
static bool has_partner(const encoder *self, const run *where, const char *type,
                        const agt_value *part)
{
    const agt_value *id = agt_value_get_member(part, "id");
    for (size_t m = where->first; m < where->end; m++) {
        const agt_value *parts = get_parts(self, m);
        for (size_t i = 0; i < agt_value_get_count(parts); i++) {
            const agt_value *other = agt_value_get_item(parts, i);
            if (is_type(other, type) && agt_value_equals(agt_value_get_member(other, "id"), id)) {
                return true;
            }
        }
    }
    return false;
}

/* Every part of @type in @from has its partner, a part of type @other, in @in. */
static agt_status check_pairs(encoder *self, const run *from, const run *in, const char *type,
                              const char *other, const char *why)
{
    for (size_t m = from->first; m < from->end; m++) {
        const agt_value *parts = get_parts(self, m);
        for (size_t i = 0; i < agt_value_get_count(parts); i++) {
            const agt_value *part = agt_value_get_item(parts, i);
            if (is_type(part, type) && !has_partner(self, in, other, part)) {
                return agt__error_set(self->err, AGT_E_INVALID, origin,
                                      "message %zu, part %zu: %s \"%.60s\" %s", m + 1, i + 1, type,
                                      agt__value_member_text(part, "id", ""), why);
            }
        }
    }
    return AGT_OK;
}

/* Make the blocks of a run: those that are results of tools, or those that are not. */
static agt_status add_parts(encoder *self, const run *which, bool results)
{
    for (size_t m = which->first; m < which->end; m++) {
        const agt_value *parts = get_parts(self, m);
        self->message = m + 1;
        for (size_t i = 0; i < agt_value_get_count(parts); i++) {
            const agt_value *part = agt_value_get_item(parts, i);
            self->part = i + 1;
            if (is_type(part, "tool_result") != results) {
                continue;
            }
            agt_status status = add_part(self, part, which->is_assistant);
            if (status != AGT_OK) {
                return status;
            }
        }
    }
    return AGT_OK;
}

static void clear_blocks(encoder *self)
{
    while (self->block_count > 0) {
        agt_value_unref(self->blocks[--self->block_count].value);
    }
}

/* Mark the last block that may be. */
static agt_status mark_blocks(encoder *self)
{
    for (size_t i = self->block_count; i > 0; i--) {
        block *last = &self->blocks[i - 1];
        if (last->may_be_marked) {
            last->value = mark(self, last->value); /* NULL may be given back like any other */
            return last->value != NULL ? AGT_OK : no_memory(self);
        }
    }
    return AGT_OK;
}

static agt_status add_run(encoder *self, const run *which, const run *before, bool marked)
{
    run after = get_run(self, which->end);
    agt_status status = which->is_assistant
                            ? check_pairs(self, which, &after, "tool_call", "tool_result",
                                          "has no result in the message that follows")
                            : check_pairs(self, which, before, "tool_result", "tool_call",
                                          "belongs to no call in the message before");
    if (status == AGT_OK && !which->is_assistant) {
        status = add_parts(self, which, true);
    }
    if (status == AGT_OK) {
        status = add_parts(self, which, false);
    }
    if (status == AGT_OK && marked) {
        status = mark_blocks(self);
    }
    if (status == AGT_OK && self->block_count > 0) {
        agt_value_builder_begin_object(self->b);
        agt__builder_add_string(self->b, "role", which->is_assistant ? "assistant" : "user");
        agt_value_builder_key(self->b, "content");
        agt_value_builder_begin_array(self->b);
        for (size_t i = 0; i < self->block_count; i++) {
            agt_value_builder_value(self->b, self->blocks[i].value);
        }
        agt_value_builder_end(self->b);
        agt_value_builder_end(self->b);
    }
    clear_blocks(self);
    return status;
}

/* Whether messages are marked: not if the caller lets the server choose. */
static bool marks_messages(const encoder *self)
{
    return self->settings->cache &&
           agt_value_get_member(self->settings->extra, "cache_control") == NULL;
}

static agt_status add_messages(encoder *self)
{
    size_t count = agt_value_get_count(self->messages);
    size_t users = 0;
    if (agt_value_get_kind(self->messages) != AGT_VALUE_ARRAY || count == 0) {
        return agt__error_set(self->err, AGT_E_INVALID, origin, "the request has no messages");
    }
    for (size_t i = 0; i < count;) {
        run next = get_run(self, i);
        users += next.is_assistant ? 0 : 1;
        i = next.end;
    }
    agt_value_builder_key(self->b, "messages");
    agt_value_builder_begin_array(self->b);
    agt_status status = AGT_OK;
    run before = {0};
    for (size_t i = 0; i < count && status == AGT_OK; i = before.end) {
        run next = get_run(self, i);
        bool marked = marks_messages(self) && !next.is_assistant && users <= 2;
        users -= next.is_assistant ? 0 : 1;
        status = add_run(self, &next, &before, marked);
        before = next;
    }
    agt_value_builder_end(self->b);
    return status;
}

/* ---- the rest of the body ---------------------------------------------------------------------
 */

/* Add @value, whose reference is taken, to the array that is open. */
static agt_status take(encoder *self, agt_value *value)
{
    if (value == NULL) {
        return no_memory(self);
    }
    agt_value_builder_value(self->b, value);
    agt_value_unref(value);
    return AGT_OK;
}

static agt_value *new_text_block(encoder *self, agt_value *text, bool marked)
{
    const agt__field fields[] = {{"type", new_text(self, "text")}, {"text", text}};
    agt_value *made = new_object(self, fields, 2);
    return marked ? mark(self, made) : made;
}

/* The words that stand for a schema which the format cannot say; NULL if there is no memory. */
static agt_value *new_schema_text(encoder *self, const agt_value *schema)
{
    agt__buffer text;
    agt_value *made = NULL;
    agt__buffer_init(&text, self->allocator, 0);
    agt__buffer_add_text(&text, "Give your final answer as one JSON document that is valid against "
                                "this JSON Schema, and nothing else:\n");
    agt__json_write(&text, schema, AGT_JSON_COMPACT);
    if (text.status != AGT_OK || agt_value_new_string_n(self->allocator, agt__buffer_text(&text),
                                                        text.size, &made) != AGT_OK) {
        made = NULL;
    }
    agt__buffer_deinit(&text);
    return made;
}

/* @said_schema: the schema of the answer if it has to be said in words; NULL = it has not */
static agt_status add_system(encoder *self, const agt_value *system, const agt_value *said_schema)
{
    agt_status status = AGT_OK;
    bool has_system = !is_blank(system);
    if (!has_system && said_schema == NULL) {
        return AGT_OK;
    }
    agt_value_builder_key(self->b, "system");
    agt_value_builder_begin_array(self->b);
    if (has_system) {
        bool marked = self->settings->cache && said_schema == NULL;
        status = take(self, new_text_block(self, agt_value_ref(system), marked));
    }
    if (status == AGT_OK && said_schema != NULL) {
        status = take(
            self, new_text_block(self, new_schema_text(self, said_schema), self->settings->cache));
    }
    agt_value_builder_end(self->b);
    return status;
}

/* The schema of a tool's input, which must say that it is an object; NULL if there is no memory. */
static agt_value *new_input_schema(encoder *self, const agt_value *schema)
{
    const agt_value *given = schema != NULL ? schema : agt_value_empty_object();
    if (agt_value_get_kind(given) != AGT_VALUE_OBJECT ||
        agt_value_get_member(given, "type") != NULL) {
        return agt_value_ref(given);
    }
    agt_value *typed = NULL;
    agt_value *type = new_text(self, "object");
    if (type != NULL &&
        agt_value_with_member(self->allocator, given, "type", type, &typed) != AGT_OK) {
        typed = NULL;
    }
    agt_value_unref(type);
    return typed;
}

static agt_status add_tools(encoder *self, const agt_value *tools)
{
    size_t count = agt_value_get_count(tools);
    if (count == 0) {
        return AGT_OK;
    }
    agt_value_builder_key(self->b, "tools");
    agt_value_builder_begin_array(self->b);
    agt_status status = AGT_OK;
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        const agt_value *tool = agt_value_get_item(tools, i);
        const agt_value *description = agt_value_get_member(tool, "description");
        const char *name = agt__value_member_text(tool, "name", "");
        if (!is_word(name)) {
            return agt__error_set(self->err, AGT_E_INVALID, origin,
                                  "tool \"%.60s\": this provider takes names of letters, digits, "
                                  "'_' and '-' only: rename the tool",
                                  name);
        }
        agt__field fields[3] = {
            {"name", new_text(self, name)},
            {"input_schema", new_input_schema(self, agt_value_get_member(tool, "input_schema"))},
        };
        size_t field_count = 2;
        if (!is_blank(description)) {
            fields[field_count++] = (agt__field){"description", agt_value_ref(description)};
        }
        agt_value *made = new_object(self, fields, field_count);
        bool marked = self->settings->cache && i + 1 == count;
        status = take(self, marked ? mark(self, made) : made);
    }
    agt_value_builder_end(self->b);
    return status;
}

static agt_status add_tool_choice(encoder *self, const agt_value *choice)
{
    static const char *const words[][2] = {{"auto", "auto"}, {"none", "none"}, {"required", "any"}};
    const char *word = agt__value_text(choice, "");
    const agt_value *name = agt_value_get_member(choice, "name");
    const char *type = !is_blank(name) ? "tool" : NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        type = strcmp(words[i][0], word) == 0 ? words[i][1] : type;
    }
    if (type == NULL) {
        return agt__error_set(self->err, AGT_E_INVALID, origin,
                              "tool_choice is \"auto\", \"none\", \"required\" or {\"name\": …}");
    }
    agt_value_builder_key(self->b, "tool_choice");
    agt_value_builder_begin_object(self->b);
    agt__builder_add_string(self->b, "type", type);
    if (!is_blank(name)) {
        agt__builder_add_value(self->b, "name", name);
    }
    agt_value_builder_end(self->b);
    return AGT_OK;
}

static void add_members(encoder *self, const agt_value *object)
{
    size_t count = agt_value_get_kind(object) == AGT_VALUE_OBJECT ? agt_value_get_count(object) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(object, i, &length);
        agt_value_builder_key_n(self->b, key, length);
        agt_value_builder_value(self->b, agt_value_get_item(object, i));
    }
}

/* Effort and the typed answer stand in one member, to which the caller may add others. */
static void add_output_config(encoder *self, const agt_value *schema)
{
    const agt_value *extra = agt_value_get_member(self->settings->extra, "output_config");
    if (self->settings->effort == NULL && schema == NULL && extra == NULL) {
        return;
    }
    agt_value_builder_key(self->b, "output_config");
    agt_value_builder_begin_object(self->b);
    if (self->settings->effort != NULL) {
        agt__builder_add_string(self->b, "effort", self->settings->effort);
    }
    if (schema != NULL) {
        agt_value_builder_key(self->b, "format");
        agt_value_builder_begin_object(self->b);
        agt__builder_add_string(self->b, "type", "json_schema");
        agt__builder_add_value(self->b, "schema", schema);
        agt_value_builder_end(self->b);
    }
    add_members(self, extra);
    agt_value_builder_end(self->b);
}

static void add_extra(encoder *self)
{
    const agt_value *extra = self->settings->extra;
    size_t count = agt_value_get_kind(extra) == AGT_VALUE_OBJECT ? agt_value_get_count(extra) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(extra, i, &length);
        if (strcmp(key, "output_config") != 0) { /* is merged */
            agt_value_builder_key_n(self->b, key, length);
            agt_value_builder_value(self->b, agt_value_get_item(extra, i));
        }
    }
}

/* @fitted: the schema as the format says it; NULL if there is none or it has to be said in words */
static agt_status add_all(encoder *self, const agt_value *request, const agt_value *fitted)
{
    const agt__wire_settings *settings = self->settings;
    const agt_value *tools = agt_value_get_member(request, "tools");
    const agt_value *choice = agt_value_get_member(request, "tool_choice");
    const agt_value *schema = agt_value_get_member(request, "output_schema");
    uint64_t max_tokens = 0;
    if (agt_value_get_uint64(agt_value_get_member(request, "max_output_tokens"), &max_tokens) !=
            AGT_OK ||
        max_tokens == 0) {
        max_tokens =
            settings->max_output_tokens > 0 ? settings->max_output_tokens : max_tokens_default;
    }
    agt_value_builder_begin_object(self->b);
    agt__builder_add_string(self->b, "model", settings->model);
    agt__builder_add_uint64(self->b, "max_tokens", max_tokens);
    if (settings->stream) {
        agt__builder_add_bool(self->b, "stream", true);
    }
    if (settings->temperature != NULL) {
        agt__builder_add_value(self->b, "temperature", settings->temperature);
    }
    agt_status status = add_tools(self, tools);
    if (status == AGT_OK && choice != NULL && agt_value_get_count(tools) > 0) {
        status = add_tool_choice(self, choice);
    }
    if (status == AGT_OK) {
        add_output_config(self, fitted);
        status = add_system(self, agt_value_get_member(request, "system"),
                            fitted == NULL ? schema : NULL);
    }
    if (status == AGT_OK) {
        status = add_messages(self);
    }
    add_extra(self);
    agt_value_builder_end(self->b);
    return status;
}

static agt_status encode(const agt_allocator *allocator, const agt__wire_settings *settings,
                         const agt_value *request, agt__buffer *body, agt_error *err)
{
    encoder self = {.allocator = allocator, .settings = settings, .err = err};
    self.messages = agt_value_get_member(request, "messages");
    const agt_value *schema = agt_value_get_member(request, "output_schema");
    agt_value *fitted = NULL;
    agt_value *value = NULL;
    agt_status status = AGT_OK;
    if (schema != NULL && !settings->no_strict) {
        status = agt__anthropic_fit_schema(allocator, schema, &fitted);
        status = status == AGT_E_UNSUPPORTED ? AGT_OK : status; /* it is said in words */
    }
    if (status == AGT_OK) {
        status = agt_value_builder_new(allocator, &self.b);
    }
    if (status == AGT_E_NOMEM) {
        agt_value_unref(fitted);
        return no_memory(&self);
    }
    status = add_all(&self, request, fitted);
    if (status == AGT_OK) {
        status = agt_value_builder_finish(self.b, &value, err);
    }
    agt_value_builder_free(self.b);
    clear_blocks(&self);
    agt__free(allocator, self.blocks);
    agt_value_unref(fitted);
    if (status == AGT_OK) {
        agt__json_write(body, value, AGT_JSON_COMPACT);
        agt_value_unref(value);
        if (body->status != AGT_OK) {
            status = agt__error_set(err, body->status, origin, "the request: %s",
                                    agt_status_get_text(body->status));
        }
    }
    return status;
}

/* ---- the format -------------------------------------------------------------------------------
 */

static const agt_kv headers[] = {{"anthropic-version", "2023-06-01"}, {NULL, NULL}};

const agt__wire agt__wire_anthropic = {
    .name = "anthropic",
    .system = "anthropic",
    .default_url = "https://api.anthropic.com",
    .path = "/v1/messages",
    .models_path = "/v1/models",
    .key_variable = "ANTHROPIC_API_KEY",
    .token_variable = "ANTHROPIC_AUTH_TOKEN",
    .url_variable = "ANTHROPIC_BASE_URL",
    .key_header = "x-api-key",
    .headers = headers,
    .encode = encode,
    .decode = agt__anthropic_decode,
    .stream_event = agt__anthropic_stream_event,
    .read_error = agt__anthropic_read_error,
};
