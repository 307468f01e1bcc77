/*
 * Values whose strings may be templates.
 *
 * A shape is a tree that follows the value only where there are templates: a part without any is
 * one node that shares it. Recursion is bounded by depth_max, which is checked while compiling.
 *
 * Threads: a shape never changes after it was compiled.
 */
#include "llm/template.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <stdio.h>
#include <string.h>

enum {
    depth_max = 64
};

static const char origin[] = "llm/template";

struct agt__shape {
    const agt_allocator *allocator;
    agt_value *value;        /* what it was made from; itself if there is no template in it */
    agt__template *template; /* of a string */
    bool is_record;          /* an object that can be made in one step */
    size_t count;            /* of an array or object with templates in it */
    agt__shape *parts[];
};

/* Where the compiler is, from the inside out, for messages. */
typedef struct step {
    const struct step *outer;
    const char *key; /* NULL: an item */
    size_t index;
    uint32_t depth;
} step;

static size_t write_place(const step *at, char *target, size_t size)
{
    if (at == NULL || at->outer == NULL) {
        return 0;
    }
    size_t used = write_place(at->outer, target, size);
    if (used >= size) {
        return used;
    }
    int added = at->key != NULL ? snprintf(target + used, size - used, "/%s", at->key)
                                : snprintf(target + used, size - used, "/%zu", at->index);
    return used + (added > 0 ? (size_t)added : 0);
}

static bool has_template(const agt_value *value, uint32_t depth)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    if (text != NULL) {
        return !agt__template_is_plain(text, length);
    }
    size_t count = agt_value_get_count(value);
    for (size_t i = 0; i < count && depth > 0; i++) {
        if (has_template(agt_value_get_item(value, i), depth - 1)) {
            return true;
        }
    }
    return depth == 0; /* too deep to tell: the compiler will refuse it */
}

/* Whether the shape is an object that can be made in one step: few members, no NUL in a key. */
static bool is_record(const agt__shape *shape)
{
    if (agt_value_get_kind(shape->value) != AGT_VALUE_OBJECT || shape->count > AGT__FIELDS_MAX) {
        return false;
    }
    for (size_t i = 0; i < shape->count; i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(shape->value, i, &length);
        if (strlen(key) != length) {
            return false;
        }
    }
    return true;
}

static agt_status compile(const agt_allocator *allocator, const agt_value *value, const step *at,
                          agt__shape **ret_shape, agt_error *err)
{
    if (at->depth > depth_max) {
        return agt__error_set(err, AGT_E_LIMIT, origin, "nested deeper than %d", depth_max);
    }
    size_t count = 0;
    bool literal = !has_template(value, depth_max);
    if (!literal && agt_value_get_string(value, NULL) == NULL) {
        count = agt_value_get_count(value);
    }
    agt__shape *shape = agt__calloc(allocator, 1, sizeof(*shape) + count * sizeof(agt__shape *));
    if (shape == NULL) {
        return agt__error_nomem(err, origin);
    }
    shape->allocator = allocator;
    shape->value = agt_value_ref(value);
    shape->count = count;
    shape->is_record = count > 0 && is_record(shape);
    agt_status status = AGT_OK;
    size_t length = 0;
    const char *text = literal ? NULL : agt_value_get_string(value, &length);
    if (text != NULL) {
        status = agt__template_new(allocator, text, length, &shape->template, err);
        if (status != AGT_OK && status != AGT_E_NOMEM && err != NULL) {
            char place[120] = "";
            char why[240];
            uint32_t column = err->column;
            (void)write_place(at, place, sizeof(place));
            agt__copy_text(why, sizeof(why), err->message);
            agt__error_set(err, status, origin, "%s%s%s", place, place[0] != '\0' ? ": " : "", why);
            err->column = column;
        }
    }
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        step inside = {at, agt_value_get_key(value, i, NULL), i, at->depth + 1};
        status = compile(allocator, agt_value_get_item(value, i), &inside, &shape->parts[i], err);
    }
    if (status != AGT_OK) {
        agt__shape_free(shape);
        return status;
    }
    *ret_shape = shape;
    return AGT_OK;
}

agt_status agt__shape_new(const agt_allocator *allocator, const agt_value *value,
                          agt__shape **ret_shape, agt_error *err)
{
    step at = {0};
    return compile(allocator, value, &at, ret_shape, err);
}

void agt__shape_free(agt__shape *shape)
{
    if (shape == NULL) {
        return;
    }
    for (size_t i = 0; i < shape->count; i++) {
        agt__shape_free(shape->parts[i]);
    }
    agt__template_free(shape->template);
    agt_value_unref(shape->value);
    agt__free(shape->allocator, shape);
}

static agt_status fill(const agt__shape *shape, const agt__template_source *source,
                       agt_value **ret_value, agt_error *err);

/* A small object, in one step. */
static agt_status fill_record(const agt__shape *shape, const agt__template_source *source,
                              agt_value **ret_value, agt_error *err)
{
    agt__field fields[AGT__FIELDS_MAX];
    for (size_t i = 0; i < shape->count; i++) {
        fields[i].key = agt_value_get_key(shape->value, i, NULL);
        agt_status status = fill(shape->parts[i], source, &fields[i].value, err);
        if (status != AGT_OK) {
            for (size_t k = 0; k < i; k++) {
                agt_value_unref(fields[k].value);
            }
            return status;
        }
    }
    return agt__value_make_object(source->allocator, fields, shape->count, ret_value);
}

static agt_status fill_any(const agt__shape *shape, const agt__template_source *source,
                           agt_value **ret_value, agt_error *err)
{
    bool is_object = agt_value_get_kind(shape->value) == AGT_VALUE_OBJECT;
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(source->allocator, &builder) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    if (is_object) {
        agt_value_builder_begin_object(builder);
    } else {
        agt_value_builder_begin_array(builder);
    }
    agt_status status = AGT_OK;
    for (size_t i = 0; i < shape->count && status == AGT_OK; i++) {
        agt_value *part = NULL;
        size_t length = 0;
        const char *key = agt_value_get_key(shape->value, i, &length);
        status = fill(shape->parts[i], source, &part, err);
        if (status == AGT_OK && is_object) {
            agt_value_builder_key_n(builder, key, length);
        }
        if (status == AGT_OK) {
            agt_value_builder_value(builder, part);
            agt_value_unref(part);
        }
    }
    agt_value_builder_end(builder);
    if (status == AGT_OK) {
        status = agt_value_builder_finish(builder, ret_value, err);
    }
    agt_value_builder_free(builder);
    return status;
}

/* A template's value has the taint of the template: a model's words stay a model's words. */
static agt_status fill_template(const agt__shape *shape, const agt__template_source *source,
                                agt_value **ret_value, agt_error *err)
{
    agt_value *value = NULL;
    agt_status status = agt__template_evaluate(shape->template, source, &value, err);
    if (status != AGT_OK) {
        return status;
    }
    if (!agt_value_is_tainted(shape->value) || agt_value_is_tainted(value)) {
        *ret_value = value;
        return AGT_OK;
    }
    status = agt__value_take_taint(source->allocator, value, ret_value);
    return status == AGT_OK ? status : agt__error_nomem(err, origin);
}

static agt_status fill(const agt__shape *shape, const agt__template_source *source,
                       agt_value **ret_value, agt_error *err)
{
    if (shape->template != NULL) {
        return fill_template(shape, source, ret_value, err);
    }
    if (shape->count == 0) {
        *ret_value = agt_value_ref(shape->value);
        return AGT_OK;
    }
    return shape->is_record ? fill_record(shape, source, ret_value, err)
                            : fill_any(shape, source, ret_value, err);
}

agt_status agt__shape_evaluate(const agt__shape *shape, const agt__template_source *source,
                               agt_value **ret_value, agt_error *err)
{
    agt_status status = fill(shape, source, ret_value, err);
    return status == AGT_E_NOMEM ? agt__error_nomem(err, origin) : status;
}
