/*
 * Texts with holes (see argument.h): a list of parts, each a piece of text or the name of a member.
 *
 * What a member's text may be is decided here for all who use it: no NUL, because neither an
 * argument nor a URL can carry one and what follows it would silently be lost.
 */
#include "exec/argument.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <string.h>

#define ORIGIN          "exec/argument"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

/* ---- parsing ------------------------------------------------------------------------------- */

static agt_status add_part(agt__argument *argument, const agt_allocator *allocator,
                           const char *text, size_t length, agt__argument_part kind)
{
    if (agt__array_reserve(allocator, &argument->parts, &argument->capacity, argument->count,
                           sizeof(*argument->parts), SIZE_MAX) != AGT_OK) {
        return AGT_E_NOMEM;
    }
    kind.text = agt__strndup(allocator, text, length);
    kind.length = length;
    if (kind.text == NULL) {
        return AGT_E_NOMEM;
    }
    argument->parts[argument->count++] = kind;
    return AGT_OK;
}

/* The hole at @text, which is behind its brace. @return its length with the closing brace; 0 if it
 * is none */
static size_t read_hole(const char *text, agt__argument_part *kind, size_t *ret_name)
{
    size_t name = strspn(text, NAME_CHARACTERS);
    size_t end = name;
    *kind = (agt__argument_part){.is_member = true};
    if (text[end] == '?') {
        kind->is_optional = true;
        end++;
    }
    *ret_name = name;
    return name > 0 && text[end] == '}' ? end + 1 : 0;
}

static agt_status parse(agt__argument *argument, const agt_allocator *allocator, const char *text,
                        agt_error *err)
{
    static const agt__argument_part literal = {.is_member = false};
    const char *at = text;
    agt_status status = AGT_OK;
    while (status == AGT_OK && *at != '\0') {
        size_t plain = strcspn(at, "{");
        if (plain > 0) {
            status = add_part(argument, allocator, at, plain, literal);
            at += plain;
        } else if (at[1] == '{') {
            status = add_part(argument, allocator, at, 1, literal);
            at += 2;
        } else {
            agt__argument_part hole;
            size_t name;
            size_t length = read_hole(at + 1, &hole, &name);
            if (length == 0) {
                return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                                      "\"%.100s\": after '{' comes a name and '}'; write '{{' for "
                                      "a brace",
                                      text);
            }
            status = add_part(argument, allocator, at + 1, name, hole);
            at += 1 + length;
        }
    }
    return status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

agt_status agt__argument_parse(agt__argument *argument, const agt_allocator *allocator,
                               const char *text, agt_error *err)
{
    *argument = (agt__argument){.parts = NULL};
    agt_status status = parse(argument, allocator, text, err);
    if (status != AGT_OK) {
        agt__argument_deinit(argument, allocator);
    }
    return status;
}

void agt__argument_deinit(agt__argument *argument, const agt_allocator *allocator)
{
    for (size_t i = 0; i < argument->count; i++) {
        agt__free(allocator, argument->parts[i].text);
    }
    agt__free(allocator, argument->parts);
    *argument = (agt__argument){.parts = NULL};
}

/* ---- asking -------------------------------------------------------------------------------- */

bool agt__argument_is_literal(const agt__argument *argument)
{
    for (size_t i = 0; i < argument->count; i++) {
        if (argument->parts[i].is_member) {
            return false;
        }
    }
    return true;
}

bool agt__argument_begins_with_member(const agt__argument *argument)
{
    return argument->count > 0 && argument->parts[0].is_member;
}

/* The member that fills @part; NULL if there is none, or only null. */
static const agt_value *member_of(const agt__argument_part *part, const agt_value *input)
{
    const agt_value *member = agt_value_get_member_n(input, part->text, part->length);
    return agt_value_get_kind(member) != AGT_VALUE_NULL ? member : NULL;
}

bool agt__argument_is_left_out(const agt__argument *argument, const agt_value *input)
{
    for (size_t i = 0; i < argument->count; i++) {
        const agt__argument_part *part = &argument->parts[i];
        if (part->is_optional && member_of(part, input) == NULL) {
            return true;
        }
    }
    return false;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void add_encoded(agt__buffer *target, const char *bytes, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (is_unreserved(c)) {
            agt__buffer_add_char(target, (char)c);
        } else {
            const char code[3] = {'%', digits[c >> 4], digits[c & 15]};
            agt__buffer_add(target, code, sizeof(code));
        }
    }
}

static void add_text(agt__buffer *target, agt__argument_mode mode, const char *bytes, size_t size)
{
    if (mode == AGT__ARGUMENT_PERCENT) {
        add_encoded(target, bytes, size);
    } else {
        agt__buffer_add(target, bytes, size);
    }
}

static agt_status add_string(agt__buffer *target, agt__argument_mode mode,
                             const agt__argument_part *part, const agt_value *member,
                             agt_error *err)
{
    size_t size;
    const char *text = agt_value_get_string(member, &size);
    if (memchr(text, '\0', size) != NULL) {
        return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                              "member \"%s\" of the input holds a NUL character", part->text);
    }
    add_text(target, mode, text, size);
    return AGT_OK;
}

static agt_status add_member(agt__buffer *target, agt__argument_mode mode,
                             const agt__argument_part *part, const agt_value *input, agt_error *err)
{
    const agt_value *member = member_of(part, input);
    if (member == NULL) {
        return part->is_optional
                   ? AGT_OK
                   : agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                                    "the input has no member \"%s\", which is needed", part->text);
    }
    if (agt_value_get_kind(member) == AGT_VALUE_STRING) {
        return add_string(target, mode, part, member, err);
    }
    agt__buffer json;
    agt__buffer_init(&json, target->allocator, 0);
    agt__json_write(&json, member, AGT_JSON_COMPACT);
    agt_status status = json.status;
    if (status == AGT_OK) {
        add_text(target, mode, json.bytes, json.size);
    }
    agt__buffer_deinit(&json);
    return status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

agt_status agt__argument_write(const agt__argument *argument, const agt_value *input,
                               agt__argument_mode mode, agt__buffer *target, agt_error *err)
{
    for (size_t i = 0; i < argument->count; i++) {
        const agt__argument_part *part = &argument->parts[i];
        agt_status status = AGT_OK;
        if (part->is_member) {
            status = add_member(target, mode, part, input, err);
        } else {
            agt__buffer_add(target, part->text, part->length);
        }
        if (status != AGT_OK) {
            return status;
        }
    }
    return target->status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

void agt__argument_define(const agt__argument *argument, agt__buffer *text)
{
    for (size_t i = 0; i < argument->count; i++) {
        const agt__argument_part *part = &argument->parts[i];
        agt__buffer_add_char(text, part->is_optional ? '?' : part->is_member ? '{' : '=');
        agt__buffer_add(text, part->text, part->length);
        agt__buffer_add_char(text, '\0');
    }
    agt__buffer_add_char(text, '\n');
}
