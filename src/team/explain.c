/*
 * What a schema refused, said in the words of a team file.
 *
 * The schema tells which part of the document does not fit. This file looks at that part and at the
 * schema of it (found by walking properties, additionalProperties, items and $ref along the same
 * pointer) and says which of these it is: a member nobody knows (and which one was meant), a member
 * that is missing, a name that is not allowed, another type, a value outside of a list; and for
 * everything else what `x-expected` says. Only keywords that our own schema uses are understood;
 * what is left is said in the words of the validator.
 */
#include "base/error.h"
#include "team/team.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    FOUND_BYTES = 80,
    FOUND_CHARACTERS_MAX = 40,
    LIST_BYTES = 280,
    PATH_BYTES = 160
};

void agt__team_write_path(const char *pointer, char *target, size_t size)
{
    size_t used = 0;
    target[0] = '\0';
    for (const char *at = pointer; *at == '/' && used + 8 < size;) {
        size_t length = strcspn(++at, "/");
        bool is_index = length > 0 && strspn(at, "0123456789") >= length;
        const char *before = is_index ? "[" : used > 0 ? "." : "";
        used += strlen(before);
        agt__copy_text(target + used - strlen(before), size - used, before);
        for (size_t i = 0; i < length && used + 8 < size; i++) {
            bool is_escape = at[i] == '~' && i + 1 < length;
            char c = is_escape ? (at[i + 1] == '1' ? '/' : '~') : at[i];
            i += is_escape;
            target[used++] = c;
        }
        target[used] = '\0';
        if (is_index) {
            target[used++] = ']';
            target[used] = '\0';
        }
        at += length;
    }
    if (used > 0) {
        agt__copy_text(target + used, size - used, ": ");
    }
}

void agt__team_append_step(char *pointer, size_t size, const char *key)
{
    size_t used = strlen(pointer);
    if (used + 1 < size) {
        pointer[used++] = '/';
    }
    for (; *key != '\0' && used + 2 < size; key++) {
        if (*key == '/' || *key == '~') {
            pointer[used++] = '~';
            pointer[used++] = *key == '/' ? '1' : '0';
        } else {
            pointer[used++] = *key;
        }
    }
    pointer[used < size ? used : size - 1] = '\0';
}

void agt__team_join(char *target, const char *prefix, const char *key)
{
    agt__copy_text(target, AGT__TEAM_POINTER_BYTES, prefix);
    agt__team_append_step(target, AGT__TEAM_POINTER_BYTES, key);
}

/* ---- the schema of a part ----------------------------------------------------------------- */

/* What @schema refers to, if it is nothing but a reference into the same document. */
static const agt_value *follow(const agt_value *root, const agt_value *schema)
{
    for (int i = 0; i < 8; i++) {
        const char *reference = agt_value_get_string(agt_value_get_member(schema, "$ref"), NULL);
        const agt_value *target = NULL;
        if (reference == NULL || reference[0] != '#' ||
            agt_value_get_pointer(root, reference + 1, &target, NULL) != AGT_OK) {
            break;
        }
        schema = target;
    }
    return schema;
}

/* The schema of member or item @step of what @schema describes; NULL if it has none. */
static const agt_value *descend(const agt_value *root, const agt_value *schema, const char *step,
                                size_t length)
{
    const agt_value *next =
        agt_value_get_member_n(agt_value_get_member(schema, "properties"), step, length);
    if (next == NULL) {
        next = agt_value_get_member(schema, "items");
    }
    if (next == NULL) {
        next = agt_value_get_member(schema, "additionalProperties");
    }
    return agt_value_get_kind(next) == AGT_VALUE_OBJECT ? follow(root, next) : NULL;
}

/*
 * Walk along @pointer: the schema of the part goes to *ret_schema (NULL if nobody describes it),
 * that of the container it is in to *ret_parent.
 */
static void find_schema(const agt_value *root, const char *pointer, const agt_value **ret_schema,
                        const agt_value **ret_parent)
{
    const agt_value *schema = root, *parent = NULL;
    while (*pointer == '/') {
        size_t length = strcspn(++pointer, "/");
        parent = schema;
        schema = schema != NULL ? descend(root, schema, pointer, length) : NULL;
        pointer += length;
    }
    *ret_schema = schema;
    *ret_parent = parent;
}

/* ---- words -------------------------------------------------------------------------------- */

void agt__team_describe(const agt_allocator *allocator, const agt_value *value, char *target,
                        size_t size)
{
    agt_value_kind kind = agt_value_get_kind(value);
    if (kind == AGT_VALUE_ARRAY || kind == AGT_VALUE_OBJECT) {
        bool is_list = kind == AGT_VALUE_ARRAY, is_empty = agt_value_get_count(value) == 0;
        (void)snprintf(target, size, "%s %s",
                       is_empty  ? "an empty"
                       : is_list ? "a"
                                 : "an",
                       is_list ? "list" : "object");
        return;
    }
    agt_value *json = NULL;
    if (agt_value_to_json(allocator, value, AGT_JSON_COMPACT, &json) != AGT_OK) {
        (void)snprintf(target, size, "%s", agt_value_kind_get_name(kind));
        return;
    }
    const char *text = agt_value_get_string(json, NULL);
    size_t bytes = 0, characters = 0;
    while (text[bytes] != '\0' && characters < FOUND_CHARACTERS_MAX && bytes + 8 < size) {
        bytes++;
        while (((unsigned char)text[bytes] & 0xC0) == 0x80) {
            bytes++;
        }
        characters++;
    }
    (void)snprintf(target, size, "%.*s%s", (int)bytes, text, text[bytes] != '\0' ? "…" : "");
    agt_value_unref(json);
}

static const char *name_type(const char *type)
{
    static const struct {
        const char *type, *name;
    } names[] = {
        {"object", "an object"}, {"array", "a list"},           {"string", "a text"},
        {"number", "a number"},  {"integer", "a whole number"}, {"boolean", "true or false"},
        {"null", "null"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (type != NULL && strcmp(type, names[i].type) == 0) {
            return names[i].name;
        }
    }
    return NULL;
}

/* What @schema expects, in words; false if only the validator knows. */
static bool write_expected(const agt_allocator *allocator, const agt_value *schema, char *target,
                           size_t size)
{
    const char *words = agt_value_get_string(agt_value_get_member(schema, "x-expected"), NULL);
    const agt_value *list = agt_value_get_member(schema, "enum");
    const agt_value *constant = agt_value_get_member(schema, "const");
    const char *type = agt_value_get_string(agt_value_get_member(schema, "type"), NULL);
    if (words != NULL) {
        (void)snprintf(target, size, "%s", words);
        return true;
    }
    if (constant != NULL) {
        agt__team_describe(allocator, constant, target, size);
        return true;
    }
    if (list != NULL) {
        size_t used = 0, count = agt_value_get_count(list);
        target[0] = '\0';
        for (size_t i = 0; i < count && used + 1 < size; i++) {
            const char *text = agt_value_get_string(agt_value_get_item(list, i), NULL);
            int written = snprintf(target + used, size - used, "%s%s",
                                   i == 0           ? ""
                                   : i + 1 == count ? " or "
                                                    : ", ",
                                   text != NULL ? text : "?");
            used += written > 0 ? (size_t)written : 0;
        }
        return true;
    }
    const char *name = name_type(type);
    if (name != NULL) {
        (void)snprintf(target, size, "%s", name);
        return true;
    }
    return false;
}

/* ---- kinds of errors ---------------------------------------------------------------------- */

typedef struct explanation {
    const agt__document *document;
    const agt_value *root; /* of the schema */
    const char *pointer;
    const agt_value *value, *schema, *parent;
    char path[PATH_BYTES];
    agt_error *err;
} explanation;

static agt_status fail_at(const explanation *self, const char *pointer, agt__place place,
                          const char *format, ...) AGT_PRINTF(4, 5);

static agt_status fail_at(const explanation *self, const char *pointer, agt__place place,
                          const char *format, ...)
{
    agt_error what;
    va_list args;
    va_start(args, format);
    (void)agt__error_setv(&what, AGT_E_SCHEMA, "team/file", format, args);
    va_end(args);
    const agt__node *node = agt__document_find(self->document, pointer, place);
    return agt__document_fail(self->document, node->line, node->column, self->err, AGT_E_SCHEMA,
                              "%s", what.message);
}

/* The names an object may have, for a suggestion and a list; their number. */
static size_t list_names(const agt_value *schema, const char **names, size_t max, char *list,
                         size_t size)
{
    const agt_value *properties = agt_value_get_member(schema, "properties");
    size_t count = agt_value_get_count(properties), used = 0, kept = 0;
    list[0] = '\0';
    for (size_t i = 0; i < count && kept < max; i++) {
        const char *name = agt_value_get_key(properties, i, NULL);
        if (name[0] == '$') {
            continue;
        }
        names[kept++] = name;
        if (used + 1 < size) {
            int written = snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", name);
            used += written > 0 ? (size_t)written : 0;
        }
    }
    return kept;
}

static agt_status fail_unknown(const explanation *self, const char *object_path, const char *key,
                               const char *pointer, const agt_value *schema)
{
    const char *names[32];
    char list[LIST_BYTES];
    size_t count = list_names(schema, names, 32, list, sizeof(list));
    const char *meant = agt_names_suggest(key, names, count);
    if (meant != NULL) {
        return fail_at(self, pointer, AGT__PLACE_KEY,
                       "%sfound the unknown member \"%.64s\"; did you mean \"%s\"?", object_path,
                       key, meant);
    }
    return fail_at(self, pointer, AGT__PLACE_KEY,
                   "%sfound the unknown member \"%.64s\", expected one of %s", object_path, key,
                   list);
}

/* A member of the object that the schema does not know. @return AGT_OK if there is none */
static agt_status find_unknown(const explanation *self)
{
    const agt_value *others = agt_value_get_member(self->schema, "additionalProperties");
    const agt_value *properties = agt_value_get_member(self->schema, "properties");
    if (others == NULL || agt_value_get_kind(others) != AGT_VALUE_BOOL) {
        return AGT_OK;
    }
    for (size_t i = 0; i < agt_value_get_count(self->value); i++) {
        const char *key = agt_value_get_key(self->value, i, NULL);
        if (agt_value_get_member(properties, key) == NULL) {
            char pointer[AGT__TEAM_POINTER_BYTES];
            agt__team_join(pointer, self->pointer, key);
            return fail_unknown(self, self->path, key, pointer, self->schema);
        }
    }
    return AGT_OK;
}

/* A member that is required and not there. @return AGT_OK if there is none */
static agt_status find_missing(const explanation *self)
{
    const agt_value *required = agt_value_get_member(self->schema, "required");
    for (size_t i = 0; i < agt_value_get_count(required); i++) {
        const char *key = agt_value_get_string(agt_value_get_item(required, i), NULL);
        if (key != NULL && agt_value_get_member(self->value, key) == NULL) {
            char expected[LIST_BYTES];
            const agt_value *schema = descend(self->root, self->schema, key, strlen(key));
            bool is_known =
                write_expected(self->document->allocator, schema, expected, sizeof(expected));
            return fail_at(self, self->pointer, AGT__PLACE_KEY,
                           "%sfound no member \"%s\", expected %s", self->path, key,
                           is_known ? expected : "it");
        }
    }
    return AGT_OK;
}

/* The last step of the pointer as a key, its escapes undone; the part before it in @parent. */
static void split_pointer(const char *pointer, char *parent, char *key, size_t size)
{
    const char *slash = strrchr(pointer, '/');
    size_t length = slash != NULL ? (size_t)(slash - pointer) : 0, used = 0;
    length = length < size ? length : size - 1;
    memcpy(parent, pointer, length);
    parent[length] = '\0';
    for (const char *at = slash != NULL ? slash + 1 : ""; *at != '\0' && used + 1 < size; at++) {
        bool is_escape = at[0] == '~' && at[1] != '\0';
        at += is_escape;
        key[used++] = is_escape ? (*at == '1' ? '/' : '~') : *at;
    }
    key[used] = '\0';
}

/* Whether the schema of names in the container refuses the key. @return AGT_OK if it does not */
static agt_status find_bad_name(const explanation *self, const char *parent, const char *key)
{
    const agt_allocator *allocator = self->document->allocator;
    const agt_value *names = agt_value_get_member(self->parent, "propertyNames");
    const agt_value *schema = names != NULL ? follow(self->root, names) : NULL;
    char expected[LIST_BYTES], path[PATH_BYTES];
    agt_schema *compiled = NULL;
    agt_value *name = NULL;
    if (schema == NULL || !write_expected(allocator, schema, expected, sizeof(expected))) {
        return AGT_OK;
    }
    agt_status status = agt_schema_new(allocator, schema, &compiled, NULL);
    if (status == AGT_OK) {
        status = agt_value_new_string(allocator, key, &name);
    }
    if (status == AGT_OK) {
        status = agt_schema_check(compiled, name, NULL, NULL);
    }
    agt_value_unref(name);
    agt_schema_unref(compiled);
    if (status == AGT_E_SCHEMA) {
        agt__team_write_path(parent, path, sizeof(path));
        return fail_at(self, self->pointer, AGT__PLACE_KEY,
                       "%sfound the name \"%.80s\", expected %s", path, key, expected);
    }
    return status;
}

/* Whether an item of a list stands in it before. @return AGT_OK if it does not */
static agt_status find_again(const explanation *self, const char *parent)
{
    const agt_value *list = NULL;
    const agt_value *unique = agt_value_get_member(self->parent, "uniqueItems");
    if (!agt_value_get_bool(unique, false) ||
        agt_value_get_pointer(self->document->value, parent, &list, NULL) != AGT_OK) {
        return AGT_OK;
    }
    for (size_t i = 0; agt_value_get_item(list, i) != self->value; i++) {
        if (agt_value_equals(agt_value_get_item(list, i), self->value)) {
            char found[FOUND_BYTES];
            agt__team_describe(self->document->allocator, self->value, found, sizeof(found));
            return fail_at(self, self->pointer, AGT__PLACE_VALUE,
                           "%sfound %s again, expected it once", self->path, found);
        }
    }
    return AGT_OK;
}

static agt_status fail_value(const explanation *self, const agt_error *cause)
{
    char found[FOUND_BYTES], expected[LIST_BYTES];
    if (!write_expected(self->document->allocator, self->schema, expected, sizeof(expected))) {
        return fail_at(self, self->pointer, AGT__PLACE_VALUE, "%s%s", self->path, cause->message);
    }
    agt__team_describe(self->document->allocator, self->value, found, sizeof(found));
    if (agt_value_get_bool(agt_value_get_member(self->schema, "x-secret"), false)) {
        (void)snprintf(found, sizeof(found), "something else (not shown: it may be a key)");
    }
    return fail_at(self, self->pointer, AGT__PLACE_VALUE, "%sfound %s, expected %s", self->path,
                   found, expected);
}

agt_status agt__team_explain(const agt__document *document, const agt_value *schema,
                             const char *pointer, const agt_error *cause, agt_error *err)
{
    if (cause->status != AGT_E_SCHEMA) {
        return agt__error_set(err, cause->status, "team/file", "%s", cause->message);
    }
    explanation self = {.document = document,
                        .root = schema,
                        .pointer = pointer,
                        .value = document->value,
                        .err = err};
    if (agt_value_get_pointer(document->value, pointer, &self.value, NULL) != AGT_OK) {
        self.value = NULL;
    }
    find_schema(schema, pointer, &self.schema, &self.parent);
    agt__team_write_path(pointer, self.path, sizeof(self.path));
    char parent[AGT__TEAM_POINTER_BYTES], key[AGT__TEAM_POINTER_BYTES];
    split_pointer(pointer, parent, key, sizeof(parent));
    if (self.schema == NULL && self.parent != NULL) {
        /* The part itself is the one that nobody knows. */
        char path[PATH_BYTES];
        agt__team_write_path(parent, path, sizeof(path));
        return fail_unknown(&self, path, key, pointer, self.parent);
    }
    agt_status status = find_bad_name(&self, parent, key);
    status = status == AGT_OK ? find_again(&self, parent) : status;
    if (agt_value_get_kind(self.value) == AGT_VALUE_OBJECT) {
        status = status == AGT_OK ? find_unknown(&self) : status;
        status = status == AGT_OK ? find_missing(&self) : status;
    }
    return status == AGT_OK ? fail_value(&self, cause) : status;
}
