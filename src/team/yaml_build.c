/*
 * From the nodes of a YAML document to its value: scalars by the core schema of YAML 1.2 (section
 * 10.3.2), keys that come twice refused.
 *
 * A plain scalar is null, a boolean or a number only if it is written exactly as the core schema
 * says; everything else is a text: `no`, `on`, `12:30` and `1_000` are. Numbers stay exact: the
 * text of a decimal becomes the text of the JSON number, cleaned of what JSON does not allow (a
 * plus sign, leading zeros, a point without digits around it).
 *
 * Values nest no deeper than AGT__DOCUMENT_DEPTH_MAX, aliases included, so the recursion is
 * bounded.
 */
#include "base/error.h"
#include "base/map.h"
#include "team/document.h"

#include <string.h>

#define ORIGIN "team/yaml"

enum {
    NUMBER_BYTES_MAX = 64
};

typedef struct builder {
    agt__document *document;
    agt_value_builder *values;
    agt_error *err;
} builder;

static const char *get_text(const builder *self, const agt__node *node)
{
    return self->document->texts.bytes + node->text;
}

static agt_status fail_scalar(builder *self, const agt__node *node, agt_status status,
                              const char *expected)
{
    return agt__document_fail(self->document, node->line, node->column, self->err, status,
                              "found %s\"%.40s\", expected %s",
                              node->scalar == AGT__SCALAR_PLAIN ? "" : "the tagged text ",
                              get_text(self, node), expected);
}

/* ---- scalars ------------------------------------------------------------------------------ */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, words);
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"true", "True", "TRUE", NULL};
    return is_one_of(text, words);
}

static bool is_false(const char *text)
{
    static const char *const words[] = {"false", "False", "FALSE", NULL};
    return is_one_of(text, words);
}

/* .inf and .nan, which are numbers in YAML and not in JSON. */
static bool is_not_finite(const char *text)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    return is_one_of(text + (*text == '-' || *text == '+'), words);
}

static size_t count_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/*
 * Read a decimal of the core schema, [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]?
 * [0-9]+ )?, and write it as JSON has it.
 *
 * @param target  room for the text and two bytes more
 * @return the length of what was written; 0 if it is no decimal
 */
static size_t read_decimal(const char *text, size_t length, char *target, bool *ret_is_integer)
{
    const char *at = text;
    char *to = target;
    if (*at == '-' || *at == '+') {
        if (*at == '-') {
            *to++ = '-';
        }
        at++;
    }
    size_t whole = count_digits(at), fraction = 0;
    const char *digits = at;
    at += whole;
    bool has_point = *at == '.';
    if (has_point) {
        fraction = count_digits(at + 1);
        at += 1 + fraction;
    }
    if (whole + fraction == 0) {
        return 0;
    }
    const char *exponent = at;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        size_t count = count_digits(at);
        if (count == 0) {
            return 0;
        }
        at += count;
    }
    if (*at != '\0' || at != text + length) {
        return 0;
    }
    while (whole > 1 && *digits == '0') {
        digits++;
        whole--;
    }
    if (whole == 0) {
        *to++ = '0';
    }
    memcpy(to, digits, whole);
    to += whole;
    if (fraction > 0) {
        *to++ = '.';
        memcpy(to, exponent - fraction, fraction);
        to += fraction;
    }
    memcpy(to, exponent, (size_t)(at - exponent));
    to += at - exponent;
    *ret_is_integer = !has_point && exponent == at;
    return (size_t)(to - target);
}

/* Read 0o17 or 0x1F. @return 1 if it is one, 0 if not, -1 if it does not fit */
static int read_based(const char *text, uint64_t *ret_number)
{
    bool is_hex = text[0] == '0' && text[1] == 'x';
    bool is_octal = text[0] == '0' && text[1] == 'o';
    const char *digits = is_hex ? "0123456789abcdefABCDEF" : "01234567";
    if ((!is_hex && !is_octal) || text[2] == '\0' || text[2 + strspn(text + 2, digits)] != '\0') {
        return 0;
    }
    uint64_t number = 0, base = is_hex ? 16 : 8;
    for (const char *at = text + 2; *at != '\0'; at++) {
        uint64_t digit = (uint64_t)(strchr(digits, *at) - digits);
        digit -= digit >= 16 ? 6 : 0;
        if (number > (UINT64_MAX - digit) / base) {
            return -1;
        }
        number = number * base + digit;
    }
    *ret_number = number;
    return 1;
}

/* Add the number that the scalar is. @return AGT_E_TYPE if it is none */
static agt_status add_number(builder *self, const agt__node *node, bool only_integers)
{
    const char *text = get_text(self, node);
    if (strchr("-+.0123456789", text[0]) == NULL || text[0] == '\0') {
        return AGT_E_TYPE;
    }
    uint64_t number = 0;
    int based = read_based(text, &number);
    if (based < 0) {
        return fail_scalar(self, node, AGT_E_RANGE, "a number of at most 64 bits");
    }
    if (based > 0) {
        agt_value_builder_uint64(self->values, number);
        return AGT_OK;
    }
    if (is_not_finite(text) && !only_integers) {
        return fail_scalar(self, node, AGT_E_RANGE, "a finite number: JSON has no other");
    }
    char clean[NUMBER_BYTES_MAX + 2];
    bool is_integer = false;
    size_t digits = strspn(text, "-+.eE0123456789");
    if (digits != node->length) {
        return AGT_E_TYPE;
    }
    if (digits > NUMBER_BYTES_MAX) {
        return fail_scalar(self, node, AGT_E_LIMIT, "a number of at most 64 characters");
    }
    size_t length = read_decimal(text, node->length, clean, &is_integer);
    if (length == 0 || (only_integers && !is_integer)) {
        return AGT_E_TYPE;
    }
    agt_value *value = NULL;
    agt_status status = agt_value_new_number(self->document->allocator, clean, length, &value);
    if (status != AGT_OK) {
        return status == AGT_E_NOMEM
                   ? agt__error_nomem(self->err, ORIGIN)
                   : fail_scalar(self, node, AGT_E_LIMIT, "a number with a smaller exponent");
    }
    agt_value_builder_value(self->values, value);
    agt_value_unref(value);
    return AGT_OK;
}

static agt_status add_plain(builder *self, const agt__node *node)
{
    const char *text = get_text(self, node);
    if (is_null(text)) {
        agt_value_builder_null(self->values);
        return AGT_OK;
    }
    if (is_true(text) || is_false(text)) {
        agt_value_builder_bool(self->values, is_true(text));
        return AGT_OK;
    }
    agt_status status = add_number(self, node, false);
    if (status != AGT_E_TYPE) {
        return status;
    }
    agt_value_builder_string_n(self->values, text, node->length);
    return AGT_OK;
}

static agt_status add_scalar(builder *self, const agt__node *node)
{
    const char *text = get_text(self, node);
    agt_status status = AGT_OK;
    switch ((agt__scalar)node->scalar) {
    case AGT__SCALAR_PLAIN:
        return add_plain(self, node);
    case AGT__SCALAR_TEXT:
        agt_value_builder_string_n(self->values, text, node->length);
        return AGT_OK;
    case AGT__SCALAR_NULL:
        if (!is_null(text)) {
            return fail_scalar(self, node, AGT_E_SYNTAX, "null for the tag !!null");
        }
        agt_value_builder_null(self->values);
        return AGT_OK;
    case AGT__SCALAR_BOOL:
        if (!is_true(text) && !is_false(text)) {
            return fail_scalar(self, node, AGT_E_SYNTAX, "true or false for the tag !!bool");
        }
        agt_value_builder_bool(self->values, is_true(text));
        return AGT_OK;
    case AGT__SCALAR_INT:
        status = add_number(self, node, true);
        return status == AGT_E_TYPE
                   ? fail_scalar(self, node, AGT_E_SYNTAX, "an integer for the tag !!int")
                   : status;
    case AGT__SCALAR_FLOAT:
        status = add_number(self, node, false);
        return status == AGT_E_TYPE
                   ? fail_scalar(self, node, AGT_E_SYNTAX, "a number for the tag !!float")
                   : status;
    }
    return AGT_E_INTERNAL;
}

/* ---- containers --------------------------------------------------------------------------- */

static agt_status add_node(builder *self, const agt__node *node, unsigned depth);

static agt_status add_members(builder *self, const agt__node *object, unsigned depth,
                              agt__map *keys)
{
    const agt__node *end = object + object->nodes;
    for (const agt__node *key = object + 1; key < end; key += 1 + key[1].nodes) {
        const char *name = get_text(self, key);
        agt_status status = agt__map_add(keys, name, (void *)(uintptr_t)key);
        if (status == AGT_E_EXISTS) {
            const agt__node *first = agt__map_get(keys, name);
            return agt__document_fail(self->document, key->line, key->column, self->err,
                                      AGT_E_SYNTAX,
                                      "found the key \"%.80s\" again, expected it once (it is in "
                                      "line %u)",
                                      name, first->line);
        }
        if (status != AGT_OK) {
            return agt__error_nomem(self->err, ORIGIN);
        }
        agt_value_builder_key_n(self->values, name, key->length);
        status = add_node(self, key + 1, depth);
        if (status != AGT_OK) {
            return status;
        }
    }
    return AGT_OK;
}

static agt_status add_object(builder *self, const agt__node *node, unsigned depth)
{
    agt__map keys;
    agt__map_init(&keys, self->document->allocator);
    agt_value_builder_begin_object(self->values);
    agt_status status = add_members(self, node, depth, &keys);
    agt_value_builder_end(self->values);
    agt__map_deinit(&keys);
    return status;
}

static agt_status add_array(builder *self, const agt__node *node, unsigned depth)
{
    const agt__node *end = node + node->nodes;
    agt_value_builder_begin_array(self->values);
    for (const agt__node *item = node + 1; item < end; item += item->nodes) {
        agt_status status = add_node(self, item, depth);
        if (status != AGT_OK) {
            return status;
        }
    }
    agt_value_builder_end(self->values);
    return AGT_OK;
}

/* Add what begins at @node, inside of @depth containers. */
static agt_status add_node(builder *self, const agt__node *node, unsigned depth)
{
    if (node->kind == AGT__NODE_SCALAR) {
        return add_scalar(self, node);
    }
    if (depth == AGT__DOCUMENT_DEPTH_MAX) {
        return agt__document_fail(self->document, node->line, node->column, self->err, AGT_E_LIMIT,
                                  "found values nested deeper than %d, expected at most that",
                                  AGT__DOCUMENT_DEPTH_MAX);
    }
    return node->kind == AGT__NODE_OBJECT ? add_object(self, node, depth + 1)
                                          : add_array(self, node, depth + 1);
}

agt_status agt__yaml_build(agt__document *document, agt_error *err)
{
    builder self = {.document = document, .err = err};
    if (agt_value_builder_new(document->allocator, &self.values) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    agt_status status = add_node(&self, document->nodes, 0);
    if (status == AGT_OK) {
        agt_error cause = {0};
        status = agt_value_builder_finish(self.values, &document->value, &cause);
        if (status != AGT_OK) {
            status = agt__error_set(err, status, ORIGIN, "%s", cause.message);
        }
    }
    agt_value_builder_free(self.values);
    return status;
}
