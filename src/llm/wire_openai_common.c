/*
 * What Chat Completions and Responses have in common on the way out: texts, media, results of
 * tools, schemas.
 *
 * A body is built as a value, which shares whatever the request holds, and written as JSON at the
 * end. Members of settings->extra come last: a builder puts a key that is there already into its
 * old place.
 *
 * Strict schemas are a promise of the server to follow the schema exactly, for a subset of JSON
 * Schema. A schema outside that subset would be refused, so it is sent without the promise; the
 * answer is checked here in any case.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_openai_common.h"

#include "base/error.h"
#include "base/value.h"

#include <string.h>

enum {
    strict_depth_max = 10 /* of objects in objects */
};

/* ---- bodies -----------------------------------------------------------------------------------
 */

agt_status agt__openai_refuse(const agt__openai_encoder *self, const char *why)
{
    return agt__error_set(self->err, AGT_E_INVALID, self->origin, "message %zu, part %zu: %s",
                          self->message, self->part, why);
}

void agt__openai_take(agt__openai_encoder *self, agt_value *value)
{
    if (value == NULL) {
        self->status = AGT_E_NOMEM;
    }
    agt_value_builder_value(self->b, value);
    agt_value_unref(value);
}

static void add_extra(agt__openai_encoder *self)
{
    const agt_value *extra = self->settings->extra;
    size_t count = agt_value_get_kind(extra) == AGT_VALUE_OBJECT ? agt_value_get_count(extra) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(extra, i, &length);
        agt_value_builder_key_n(self->b, key, length);
        agt_value_builder_value(self->b, agt_value_get_item(extra, i));
    }
}

agt_status agt__openai_encode(agt__openai_encoder *self, const agt_value *request,
                              agt_status (*fill)(agt__openai_encoder *self,
                                                 const agt_value *request),
                              agt__buffer *body)
{
    agt_value *value = NULL;
    agt_status status = agt_value_builder_new(self->allocator, &self->b);
    if (status != AGT_OK) {
        return agt__error_nomem(self->err, self->origin);
    }
    agt_value_builder_begin_object(self->b);
    self->status = AGT_OK;
    status = fill(self, request);
    if (status == AGT_OK && self->status != AGT_OK) {
        status = agt__error_nomem(self->err, self->origin);
    }
    if (status == AGT_OK) {
        add_extra(self);
        agt_value_builder_end(self->b);
        status = agt_value_builder_finish(self->b, &value, self->err);
    }
    agt_value_builder_free(self->b);
    self->b = NULL;
    if (status == AGT_OK) {
        agt__json_write(body, value, AGT_JSON_COMPACT);
        agt_value_unref(value);
        if (body->status != AGT_OK) {
            status = agt__error_set(self->err, body->status, self->origin, "the request: %s",
                                    agt_status_get_text(body->status));
        }
    }
    return status;
}

/* ---- parts ------------------------------------------------------------------------------------
 */

bool agt__openai_is_part(const agt_value *part, const char *type)
{
    return strcmp(agt__value_member_text(part, "type", ""), type) == 0;
}

bool agt__openai_is_of(const agt_value *part, const char *format)
{
    return strcmp(agt__value_member_text(part, "format", ""), format) == 0;
}

bool agt__openai_is_refusal(const agt_value *part)
{
    return agt__openai_is_part(part, "text") &&
           agt_value_get_bool(agt_value_get_member(part, "refusal"), false);
}

bool agt__openai_is_text(const agt_value *part)
{
    return agt__openai_is_part(part, "text") && !agt__openai_is_refusal(part);
}

agt_status agt__openai_join(const agt_allocator *allocator, const agt_value *parts,
                            bool (*matches)(const agt_value *part), agt_value **ret_text)
{
    const agt_value *only = NULL;
    size_t found = 0;
    agt__buffer buffer;
    agt__buffer_init(&buffer, allocator, 0);
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        const agt_value *part = agt_value_get_item(parts, i);
        const agt_value *text = matches(part) ? agt_value_get_member(part, "text") : NULL;
        size_t length = 0;
        const char *bytes = agt_value_get_string(text, &length);
        if (bytes == NULL) {
            continue;
        }
        if (++found == 1) {
            only = text; /* copied only if there is another */
            continue;
        }
        if (found == 2) {
            size_t only_length = 0;
            const char *only_bytes = agt_value_get_string(only, &only_length);
            agt__buffer_add(&buffer, only_bytes, only_length);
        }
        agt__buffer_add_text(&buffer, "\n\n");
        agt__buffer_add(&buffer, bytes, length);
    }
    agt_status status = buffer.status;
    if (status == AGT_OK && found < 2) {
        *ret_text = agt_value_ref(only);
    } else if (status == AGT_OK) {
        status =
            agt_value_new_string_n(allocator, agt__buffer_text(&buffer), buffer.size, ret_text);
    }
    agt__buffer_deinit(&buffer);
    return status;
}

agt_status agt__openai_add_url(agt__openai_encoder *self, const char *key, const agt_value *part)
{
    const agt_value *url = agt_value_get_member(part, "url");
    if (agt_value_get_kind(url) == AGT_VALUE_STRING) {
        agt__builder_add_value(self->b, key, url);
        return AGT_OK;
    }
    size_t length = 0;
    const char *data = agt_value_get_string(agt_value_get_member(part, "data"), &length);
    const char *type = agt__value_member_text(part, "media_type", "");
    if (data == NULL) {
        return agt__openai_refuse(self, "it has neither \"data\" nor \"url\"");
    }
    if (type[0] == '\0') {
        return agt__openai_refuse(self, "\"data\" needs a \"media_type\"");
    }
    agt__buffer text;
    agt__buffer_init(&text, self->allocator, 0);
    agt__buffer_add_format(&text, "data:%s;base64,", type);
    agt__buffer_add(&text, data, length);
    agt_status status = text.status;
    if (status == AGT_OK) {
        agt_value_builder_key(self->b, key);
        agt_value_builder_string_n(self->b, agt__buffer_text(&text), text.size);
    }
    agt__buffer_deinit(&text);
    return status == AGT_OK ? status : agt__error_nomem(self->err, self->origin);
}

/* Add @value as text: a string as it is, anything else as JSON. */
static void add_text(agt__openai_encoder *self, const agt_value *value)
{
    if (agt_value_get_kind(value) == AGT_VALUE_STRING) {
        agt_value_builder_value(self->b, value);
        return;
    }
    agt__buffer text;
    agt__buffer_init(&text, self->allocator, 0);
    agt__json_write(&text, value, AGT_JSON_COMPACT);
    agt_value *made = NULL;
    if (text.status != AGT_OK || agt_value_new_string_n(self->allocator, agt__buffer_text(&text),
                                                        text.size, &made) != AGT_OK) {
        made = NULL;
    }
    agt__buffer_deinit(&text);
    agt__openai_take(self, made);
}

void agt__openai_add_result(agt__openai_encoder *self, const char *key, const agt_value *part)
{
    const char *outcome = agt__value_member_text(part, "outcome", "ok");
    agt_value_builder_key(self->b, key);
    if (strcmp(outcome, "ok") == 0) {
        add_text(self, agt_value_get_member(part, "output"));
        return;
    }
    const char *why = agt__value_member_text(part, "error", "");
    agt__buffer text;
    agt__buffer_init(&text, self->allocator, 0);
    agt__buffer_add_format(&text, "Error (%s)%s%s", outcome, why[0] != '\0' ? ": " : "", why);
    agt_value *made = agt__value_text_or_null(self->allocator, agt__buffer_text(&text));
    agt__buffer_deinit(&text);
    agt__openai_take(self, made);
}

/* The arguments of a call as text that is JSON: an object as it is, anything else wrapped. */
void agt__openai_add_arguments(agt__openai_encoder *self, const agt_value *part)
{
    const agt_value *arguments = agt_value_get_member(part, "arguments");
    agt_value *wrapped = NULL;
    agt_value *text = NULL;
    agt_value_builder_key(self->b, "arguments");
    if (arguments == NULL || agt_value_get_kind(arguments) == AGT_VALUE_NULL) {
        arguments = agt_value_empty_object();
    }
    if (agt_value_get_kind(arguments) != AGT_VALUE_OBJECT) {
        const agt__field field = {"invalid_arguments", agt_value_ref(arguments)};
        if (agt__value_make_object(self->allocator, &field, 1, &wrapped) != AGT_OK) {
            agt__openai_take(self, NULL);
            return;
        }
        arguments = wrapped;
    }
    if (agt_value_to_json(self->allocator, arguments, AGT_JSON_COMPACT, &text) != AGT_OK) {
        text = NULL;
    }
    agt_value_unref(wrapped);
    agt__openai_take(self, text);
}

uint64_t agt__openai_get_max_tokens(const agt__openai_encoder *self, const agt_value *request)
{
    uint64_t tokens = 0;
    const agt_value *said = agt_value_get_member(request, "max_output_tokens");
    if (agt_value_get_uint64(said, &tokens) == AGT_OK && tokens > 0) {
        return tokens;
    }
    return self->settings->max_output_tokens;
}

/* ---- schemas ----------------------------------------------------------------------------------
 */

/* A schema of an object without "properties" is refused by the server, however right it is. */
void agt__openai_add_parameters(agt__openai_encoder *self, const agt_value *schema)
{
    agt_value *changed = NULL;
    agt_value_builder_key(self->b, "parameters");
    if (agt_value_get_kind(schema) != AGT_VALUE_OBJECT ||
        agt_value_get_member(schema, "properties") != NULL ||
        strcmp(agt__value_member_text(schema, "type", ""), "object") != 0) {
        agt_value_builder_value(self->b, schema);
        return;
    }
    if (agt_value_with_member(self->allocator, schema, "properties", agt_value_empty_object(),
                              &changed) != AGT_OK) {
        changed = NULL;
    }
    agt__openai_take(self, changed);
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

#define IS_AMONG(names, name) is_among(names, sizeof(names) / sizeof((names)[0]), name)

static bool is_strict_at(const agt_value *schema, int depth);

/* Whether all members (or items) of @schemas are strict. */
static bool are_strict(const agt_value *schemas, int depth)
{
    for (size_t i = 0; i < agt_value_get_count(schemas); i++) {
        if (!is_strict_at(agt_value_get_item(schemas, i), depth)) {
            return false;
        }
    }
    return true;
}

static bool requires(const agt_value *schema, const char *name)
{
    const agt_value *required = agt_value_get_member(schema, "required");
    for (size_t i = 0; i < agt_value_get_count(required); i++) {
        if (strcmp(agt__value_text(agt_value_get_item(required, i), ""), name) == 0) {
            return true;
        }
    }
    return false;
}

/* An object is closed, and everything in it is required. */
static bool is_closed(const agt_value *schema)
{
    const agt_value *more = agt_value_get_member(schema, "additionalProperties");
    const agt_value *properties = agt_value_get_member(schema, "properties");
    if (agt_value_get_kind(more) != AGT_VALUE_BOOL || agt_value_get_bool(more, true) ||
        agt_value_get_kind(properties) != AGT_VALUE_OBJECT) {
        return false;
    }
    for (size_t i = 0; i < agt_value_get_count(properties); i++) {
        if (!requires(schema, agt_value_get_key(properties, i, NULL))) {
            return false;
        }
    }
    return true;
}

static bool is_object_schema(const agt_value *schema)
{
    const agt_value *type = agt_value_get_member(schema, "type");
    for (size_t i = 0; i < agt_value_get_count(type); i++) {
        if (strcmp(agt__value_text(agt_value_get_item(type, i), ""), "object") == 0) {
            return true;
        }
    }
    return strcmp(agt__value_text(type, ""), "object") == 0 ||
           agt_value_get_member(schema, "properties") != NULL;
}

/* Whether one keyword may stand in a strict schema. */
static bool is_strict_keyword(const char *key, const agt_value *value, int depth)
{
    static const char *const plain[] = {
        "type",
        "required",
        "additionalProperties",
        "enum",
        "const",
        "title",
        "maximum",
        "minimum",
        "multipleOf",
        "description",
        "minItems",
        "maxItems",
        "exclusiveMaximum",
        "exclusiveMinimum",
    };
    static const char *const formats[] = {
        "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid",
    };
    if (IS_AMONG(plain, key)) {
        return true;
    }
    if (strcmp(key, "properties") == 0 || strcmp(key, "$defs") == 0 ||
        strcmp(key, "definitions") == 0) {
        return agt_value_get_kind(value) == AGT_VALUE_OBJECT && are_strict(value, depth - 1);
    }
    if (strcmp(key, "anyOf") == 0) {
        return agt_value_get_kind(value) == AGT_VALUE_ARRAY && are_strict(value, depth - 1);
    }
    if (strcmp(key, "items") == 0) {
        return is_strict_at(value, depth - 1);
    }
    if (strcmp(key, "$ref") == 0) {
        return agt__value_text(value, "")[0] == '#';
    }
    if (strcmp(key, "pattern") == 0) {
        return strstr(agt__value_text(value, "(?"), "(?") == NULL; /* no look-around */
    }
    return strcmp(key, "format") == 0 && IS_AMONG(formats, agt__value_text(value, ""));
}

static bool is_strict_at(const agt_value *schema, int depth)
{
    if (depth == 0 || agt_value_get_kind(schema) != AGT_VALUE_OBJECT ||
        (is_object_schema(schema) && !is_closed(schema))) {
        return false;
    }
    for (size_t i = 0; i < agt_value_get_count(schema); i++) {
        if (!is_strict_keyword(agt_value_get_key(schema, i, NULL), agt_value_get_item(schema, i),
                               depth)) {
            return false;
        }
    }
    return true;
}

bool agt__openai_is_strict(const agt_value *schema)
{
    return strcmp(agt__value_member_text(schema, "type", ""), "object") == 0 &&
           is_strict_at(schema, strict_depth_max);
}

void agt__openai_add_output_schema(agt__openai_encoder *self, const agt_value *schema)
{
    agt__builder_add_string(self->b, "name", "answer");
    agt__builder_add_value(self->b, "schema", schema);
    if (!self->settings->no_strict) {
        agt__builder_add_bool(self->b, "strict", agt__openai_is_strict(schema));
    }
}
