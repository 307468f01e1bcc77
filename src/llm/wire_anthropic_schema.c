/*
 * Schemas of typed answers as Anthropic's structured outputs take them.
 *
 * The server follows a schema exactly, but only one of a part of JSON Schema: objects must be
 * closed ("additionalProperties": false), nothing may be recursive, and keywords that narrow
 * numbers, texts and lengths are refused. A closed object is one of those that an open one with the
 * same members allows, so closing is no loss; narrowing keywords go into the description, where the
 * model reads them. What cannot be had that way (maps of any key, conditions, recursion) is
 * AGT_E_UNSUPPORTED, and the schema is then said in words.
 *
 * Recursion over the schema is bounded by depth_max.
 *
 * Threads: nothing is kept.
 */
#include "llm/wire_anthropic.h"

#include "base/value.h"

#include <string.h>

enum {
    depth_max = 32
};

typedef struct fitter {
    const agt_allocator *allocator;
    agt_value_builder *b;
    bool no_memory;
    bool in_definitions; /* where a reference might be a circle */
} fitter;

typedef enum kind {
    KIND_NO,     /* cannot be said                       */
    KIND_KEEP,   /* as it is                             */
    KIND_SCHEMA, /* a schema                             */
    KIND_MAP,    /* an object of schemas                 */
    KIND_LIST,   /* an array of schemas                  */
    KIND_REF,
    KIND_CLOSE,  /* additionalProperties                 */
    KIND_NARROW, /* goes into the description            */
    KIND_DROP    /* says nothing to a model              */
} kind;

static kind get_keyword(const char *key)
{
    static const struct {
        const char *key;
        kind kind;
    } words[] = {
        {"type", KIND_KEEP},
        {"enum", KIND_KEEP},
        {"const", KIND_KEEP},
        {"title", KIND_KEEP},
        {"required", KIND_KEEP},
        {"properties", KIND_MAP},
        {"$defs", KIND_MAP},
        {"definitions", KIND_MAP},
        {"items", KIND_SCHEMA},
        {"anyOf", KIND_LIST},
        {"oneOf", KIND_LIST},
        {"allOf", KIND_LIST},
        {"$ref", KIND_REF},
        {"additionalProperties", KIND_CLOSE},
        {"minimum", KIND_NARROW},
        {"maximum", KIND_NARROW},
        {"exclusiveMinimum", KIND_NARROW},
        {"exclusiveMaximum", KIND_NARROW},
        {"multipleOf", KIND_NARROW},
        {"minLength", KIND_NARROW},
        {"maxLength", KIND_NARROW},
        {"pattern", KIND_NARROW},
        {"format", KIND_NARROW},
        {"minItems", KIND_NARROW},
        {"maxItems", KIND_NARROW},
        {"uniqueItems", KIND_NARROW},
        {"default", KIND_NARROW},
        {"examples", KIND_NARROW},
        {"description", KIND_DROP}, /* is written at the end */
        {"$schema", KIND_DROP},
        {"$comment", KIND_DROP},
        {"deprecated", KIND_DROP},
        {"readOnly", KIND_DROP},
        {"writeOnly", KIND_DROP},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].key, key) == 0) {
            return words[i].kind;
        }
    }
    return KIND_NO;
}

static bool names_object(const agt_value *type)
{
    for (size_t i = 0; i < agt_value_get_count(type); i++) {
        if (names_object(agt_value_get_item(type, i))) {
            return true;
        }
    }
    return strcmp(agt__value_text(type, ""), "object") == 0;
}

static agt_status fit(fitter *self, const agt_value *schema, int depth);

static agt_status fit_map(fitter *self, const agt_value *map, int depth)
{
    agt_status status = agt_value_get_kind(map) == AGT_VALUE_OBJECT ? AGT_OK : AGT_E_UNSUPPORTED;
    agt_value_builder_begin_object(self->b);
    for (size_t i = 0; i < agt_value_get_count(map) && status == AGT_OK; i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(map, i, &length);
        agt_value_builder_key_n(self->b, key, length);
        status = fit(self, agt_value_get_item(map, i), depth);
    }
    agt_value_builder_end(self->b);
    return status;
}

static agt_status fit_list(fitter *self, const agt_value *list, int depth)
{
    agt_status status = agt_value_get_kind(list) == AGT_VALUE_ARRAY ? AGT_OK : AGT_E_UNSUPPORTED;
    agt_value_builder_begin_array(self->b);
    for (size_t i = 0; i < agt_value_get_count(list) && status == AGT_OK; i++) {
        status = fit(self, agt_value_get_item(list, i), depth);
    }
    agt_value_builder_end(self->b);
    return status;
}

static agt_status fit_keyword(fitter *self, const char *key, const agt_value *value, int depth)
{
    agt_status status = AGT_OK;
    bool was_in_definitions = self->in_definitions;
    switch (get_keyword(key)) {
    case KIND_NO:
        return AGT_E_UNSUPPORTED;
    case KIND_NARROW:
    case KIND_DROP:
    case KIND_CLOSE: /* is looked at with the whole object */
        return AGT_OK;
    case KIND_REF:
        if (self->in_definitions || strncmp(agt__value_text(value, ""), "#/", 2) != 0) {
            return AGT_E_UNSUPPORTED;
        }
        agt__builder_add_value(self->b, key, value);
        return AGT_OK;
    case KIND_KEEP:
        agt__builder_add_value(self->b, key, value);
        return AGT_OK;
    case KIND_SCHEMA:
        agt_value_builder_key(self->b, key);
        return fit(self, value, depth);
    case KIND_LIST:
        /* One of two is one of any; that it is only one is checked here. */
        agt_value_builder_key(self->b, strcmp(key, "oneOf") == 0 ? "anyOf" : key);
        return fit_list(self, value, depth);
    case KIND_MAP:
        self->in_definitions = was_in_definitions || strcmp(key, "properties") != 0;
        agt_value_builder_key(self->b, key);
        status = fit_map(self, value, depth);
        self->in_definitions = was_in_definitions;
        return status;
    }
    return AGT_E_UNSUPPORTED;
}

/* The description, with all that narrows the value: "…; minimum: 1". */
static void add_description(fitter *self, const agt_value *schema)
{
    agt__buffer text;
    size_t length = 0;
    const char *said = agt_value_get_string(agt_value_get_member(schema, "description"), &length);
    agt__buffer_init(&text, self->allocator, 0);
    agt__buffer_add(&text, said != NULL ? said : "", length);
    for (size_t i = 0; i < agt_value_get_count(schema); i++) {
        const char *key = agt_value_get_key(schema, i, NULL);
        if (get_keyword(key) == KIND_NARROW) {
            agt__buffer_add_format(&text, "%s%s: ", text.size > 0 ? "; " : "", key);
            agt__json_write(&text, agt_value_get_item(schema, i), AGT_JSON_COMPACT);
        }
    }
    if (text.size > 0 || text.status != AGT_OK) {
        agt_value *made = NULL;
        self->no_memory =
            self->no_memory || text.status != AGT_OK ||
            agt_value_new_string_n(self->allocator, text.bytes, text.size, &made) != AGT_OK;
        agt__builder_add_value(self->b, "description", made);
        agt_value_unref(made);
    }
    agt__buffer_deinit(&text);
}

static agt_status fit(fitter *self, const agt_value *schema, int depth)
{
    if (depth > depth_max || agt_value_get_kind(schema) != AGT_VALUE_OBJECT) {
        return AGT_E_UNSUPPORTED; /* true and false among them */
    }
    const agt_value *properties = agt_value_get_member(schema, "properties");
    const agt_value *others = agt_value_get_member(schema, "additionalProperties");
    bool is_object = properties != NULL || names_object(agt_value_get_member(schema, "type"));
    bool is_closed = others != NULL && !agt_value_get_bool(others, true);
    if (agt_value_get_kind(others) == AGT_VALUE_OBJECT ||
        (is_object && !is_closed && agt_value_get_count(properties) == 0)) {
        return AGT_E_UNSUPPORTED; /* a map of keys that nobody knows */
    }
    agt_status status = AGT_OK;
    agt_value_builder_begin_object(self->b);
    for (size_t i = 0; i < agt_value_get_count(schema) && status == AGT_OK; i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(schema, i, &length);
        status = fit_keyword(self, key, agt_value_get_item(schema, i), depth + 1);
    }
    if (status == AGT_OK) {
        add_description(self, schema);
    }
    if (is_object) {
        agt__builder_add_bool(self->b, "additionalProperties", false);
    }
    agt_value_builder_end(self->b);
    return status;
}

agt_status agt__anthropic_fit_schema(const agt_allocator *allocator, const agt_value *schema,
                                     agt_value **ret_schema)
{
    fitter self = {.allocator = allocator};
    agt_status status = agt_value_builder_new(allocator, &self.b);
    if (status != AGT_OK) {
        return status;
    }
    status = fit(&self, schema, 0);
    if (status == AGT_OK) {
        agt_value *fitted = NULL;
        status = agt_value_builder_finish(self.b, &fitted, NULL);
        if (status == AGT_OK && !self.no_memory) {
            *ret_schema = fitted;
        } else {
            agt_value_unref(fitted);
            status = AGT_E_NOMEM;
        }
    }
    agt_value_builder_free(self.b);
    return status;
}
