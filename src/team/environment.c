/*
 * Variables of the caller in a team file: ${NAME}, ${NAME:-otherwise}. Only in the values of `env`
 * and of HTTP headers, so that a secret need not stand in a file; never in what a model writes.
 */
#include "base/mem.h"
#include "team/team.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAME_BYTES = 128
};

static bool is_name_character(char c, bool is_first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!is_first && c >= '0' && c <= '9');
}

/* Expand what begins with "${" at @text; the end of it goes to @ret_end. */
static agt_status expand_one(const char *text, agt__buffer *target, char *ret_name,
                             size_t name_size, const char **ret_end)
{
    const char *at = text + 2, *close = strchr(text, '}');
    char name[NAME_BYTES];
    size_t length = 0;
    while (is_name_character(at[length], length == 0)) {
        length++;
    }
    if (close == NULL || length == 0 || length >= sizeof(name)) {
        return AGT_E_SYNTAX;
    }
    memcpy(name, at, length);
    name[length] = '\0';
    at += length;
    bool has_other = at[0] == ':' && at[1] == '-';
    if (!has_other && at != close) {
        return AGT_E_SYNTAX;
    }
    const char *value = secure_getenv(name);
    if (value != NULL && (*value != '\0' || !has_other)) {
        agt__buffer_add_text(target, value);
    } else if (has_other) {
        agt__buffer_add(target, at + 2, (size_t)(close - at - 2));
    } else {
        size_t kept = length < name_size ? length : name_size - 1;
        memcpy(ret_name, name, kept);
        ret_name[kept] = '\0';
        return AGT_E_NOT_FOUND;
    }
    *ret_end = close + 1;
    return AGT_OK;
}

agt_status agt__team_expand(const char *text, agt__buffer *target, char *ret_name, size_t name_size)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "$");
        agt__buffer_add(target, text, plain);
        text += plain;
        if (text[0] == '$' && text[1] == '{') {
            agt_status status = expand_one(text, target, ret_name, name_size, &text);
            if (status != AGT_OK) {
                return status;
            }
        } else if (text[0] == '$') {
            agt__buffer_add_char(target, '$');
            text += text[1] == '$' ? 2 : 1;
        }
    }
    return target->status;
}

agt_status agt__team_expand_headers(const agt_allocator *allocator, const agt_value *headers,
                                    agt__buffer *texts, agt_kv **ret_headers, char *ret_name)
{
    size_t count = agt_value_get_count(headers);
    *ret_headers = NULL;
    if (count == 0) {
        return AGT_OK;
    }
    agt_kv *own = agt__calloc(allocator, count, sizeof(*own));
    if (own == NULL) {
        return AGT_E_NOMEM;
    }
    *ret_headers = own;
    for (size_t i = 0; i < count; i++) {
        const char *text = agt_value_get_string(agt_value_get_item(headers, i), NULL);
        agt_status status = agt__team_expand(text, texts, ret_name, NAME_BYTES);
        agt__buffer_add_char(texts, '\0');
        if (status != AGT_OK || texts->status != AGT_OK) {
            return status != AGT_OK ? status : texts->status;
        }
    }
    /* The buffer moves while it grows: pointers are taken when it is complete. */
    const char *at = texts->bytes;
    for (size_t i = 0; i < count; i++) {
        own[i] = (agt_kv){agt_value_get_key(headers, i, NULL), at};
        at += strlen(at) + 1;
    }
    return AGT_OK;
}
