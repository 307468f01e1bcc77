/*
 * The builder: a tree (value_tree.h) with a sticky failure in front of it. It checks the order of
 * calls, which the tree takes for granted, so that a program may write a whole value without
 * looking at a status and learn at the end which call was the first to go wrong.
 *
 * One thread at a time.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"
#include "base/value.h"
#include "base/value_tree.h"

#include <math.h>
#include <string.h>

#define ORIGIN "base/value"

struct agt_value_builder {
    agt__tree tree;
    agt_error failure; /* status 0: none */
};

agt_status agt_value_builder_new(const agt_allocator *allocator, agt_value_builder **ret_builder)
{
    if (ret_builder == NULL) {
        return AGT_E_INVALID;
    }
    agt_value_builder *builder = agt__calloc(allocator, 1, sizeof(*builder));
    if (builder == NULL) {
        return AGT_E_NOMEM;
    }
    agt__tree_init(&builder->tree, allocator, 0);
    *ret_builder = builder;
    return AGT_OK;
}

void agt_value_builder_free(agt_value_builder *builder)
{
    if (builder != NULL) {
        const agt_allocator *allocator = builder->tree.allocator;
        agt__tree_deinit(&builder->tree);
        agt__free(allocator, builder);
    }
}

/* Keep @status as the failure, if it is one. */
static void check(agt_value_builder *builder, agt_status status, const char *what)
{
    if (status == AGT_OK) {
        return;
    }
    if (status == AGT_E_NOMEM) {
        (void)agt__error_nomem(&builder->failure, ORIGIN);
    } else {
        (void)agt__error_set(&builder->failure, status, ORIGIN, "%s", what);
    }
}

static bool is_working(const agt_value_builder *builder)
{
    return builder != NULL && builder->failure.status == AGT_OK;
}

/* Whether a value may come now. */
static bool may_add(agt_value_builder *builder)
{
    if (!is_working(builder)) {
        return false;
    }
    const agt__tree_frame *top = agt__tree_top(&builder->tree);
    if (top == NULL && builder->tree.root != NULL) {
        check(builder, AGT_E_INVALID, "a second value beside the first one");
        return false;
    }
    if (top != NULL && top->is_object && top->target == AGT__TREE_NONE) {
        check(builder, AGT_E_INVALID, "a value without a key in an object");
        return false;
    }
    return true;
}

static void begin(agt_value_builder *builder, bool is_object)
{
    if (may_add(builder)) {
        check(builder, agt__tree_begin(&builder->tree, is_object),
              "arrays and objects are nested more than 1,024 deep");
    }
}

void agt_value_builder_begin_object(agt_value_builder *builder)
{
    begin(builder, true);
}

void agt_value_builder_begin_array(agt_value_builder *builder)
{
    begin(builder, false);
}

void agt_value_builder_end(agt_value_builder *builder)
{
    if (!is_working(builder)) {
        return;
    }
    const agt__tree_frame *top = agt__tree_top(&builder->tree);
    if (top == NULL) {
        check(builder, AGT_E_INVALID, "an end without an open array or object");
    } else if (top->target != AGT__TREE_NONE) {
        check(builder, AGT_E_INVALID, "the end of an object after a key without a value");
    } else {
        check(builder, agt__tree_end(&builder->tree),
              "arrays and objects are nested more than 1,024 deep, or too large");
    }
}

void agt_value_builder_key_n(agt_value_builder *builder, const char *key, size_t length)
{
    if (!is_working(builder)) {
        return;
    }
    const agt__tree_frame *top = agt__tree_top(&builder->tree);
    if (key == NULL) {
        check(builder, AGT_E_INVALID, "a key that is NULL");
    } else if (top == NULL || !top->is_object) {
        check(builder, AGT_E_INVALID, "a key outside an object");
    } else if (top->target != AGT__TREE_NONE) {
        check(builder, AGT_E_INVALID, "a second key where a value is expected");
    } else if (!agt__utf8_is_valid(key, length)) {
        check(builder, AGT_E_SYNTAX, "a key that is not UTF-8");
    } else {
        bool exists;
        check(builder, agt__tree_key(&builder->tree, key, length, &exists),
              "too many or too long keys");
    }
}

void agt_value_builder_key(agt_value_builder *builder, const char *key)
{
    agt_value_builder_key_n(builder, key, key != NULL ? strlen(key) : 0);
}

/* Add what @status and @value say; the reference is taken. */
static void take(agt_value_builder *builder, agt_status status, agt_value *value, const char *what)
{
    if (status == AGT_OK) {
        status = agt__tree_take(&builder->tree, value);
    }
    check(builder, status, what);
}

void agt_value_builder_null(agt_value_builder *builder)
{
    if (may_add(builder)) {
        take(builder, AGT_OK, agt_value_null(), "");
    }
}

void agt_value_builder_bool(agt_value_builder *builder, bool flag)
{
    if (may_add(builder)) {
        take(builder, AGT_OK, agt_value_bool(flag), "");
    }
}

void agt_value_builder_int64(agt_value_builder *builder, int64_t number)
{
    if (may_add(builder)) {
        agt_value *value = NULL;
        agt_status status = agt_value_new_int64(builder->tree.allocator, number, &value);
        take(builder, status, value, "too many items");
    }
}

void agt_value_builder_uint64(agt_value_builder *builder, uint64_t number)
{
    if (may_add(builder)) {
        agt_value *value = NULL;
        agt_status status = agt_value_new_uint64(builder->tree.allocator, number, &value);
        take(builder, status, value, "too many items");
    }
}

void agt_value_builder_double(agt_value_builder *builder, double number)
{
    if (may_add(builder)) {
        agt_value *value = NULL;
        agt_status status = agt_value_new_double(builder->tree.allocator, number, &value);
        take(builder, status, value,
             isfinite(number) ? "too many items" : "a number that is not finite");
    }
}

void agt_value_builder_string_n(agt_value_builder *builder, const char *bytes, size_t length)
{
    if (!may_add(builder)) {
        return;
    }
    agt_value *value = NULL;
    agt_status status = agt_value_new_string_n(builder->tree.allocator, bytes, length, &value);
    const char *what = status == AGT_E_INVALID  ? "a string that is NULL"
                       : status == AGT_E_SYNTAX ? "a string that is not UTF-8"
                                                : "too many items, or a string of 1 GiB or more";
    take(builder, status, value, what);
}

void agt_value_builder_string(agt_value_builder *builder, const char *text)
{
    if (text == NULL) {
        if (may_add(builder)) {
            check(builder, AGT_E_INVALID, "a string that is NULL");
        }
        return;
    }
    agt_value_builder_string_n(builder, text, strlen(text));
}

void agt_value_builder_value(agt_value_builder *builder, const agt_value *value)
{
    if (may_add(builder)) {
        take(builder, AGT_OK, value != NULL ? agt_value_ref(value) : agt_value_null(),
             "too many items");
    }
}

agt_status agt_value_builder_finish(agt_value_builder *builder, agt_value **ret_value,
                                    agt_error *err)
{
    if (builder == NULL || ret_value == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "builder or ret_value is NULL");
    }
    if (is_working(builder)) {
        if (builder->tree.frame_count > 0) {
            check(builder, AGT_E_INVALID, "an array or object is still open");
        } else if (builder->tree.root == NULL) {
            check(builder, AGT_E_INVALID, "nothing was built");
        }
    }
    agt_status status = builder->failure.status;
    if (status == AGT_OK) {
        *ret_value = agt__tree_take_root(&builder->tree);
    } else if (err != NULL) {
        *err = builder->failure;
    }
    builder->failure = (agt_error){.status = AGT_OK};
    agt__tree_clear(&builder->tree);
    return status;
}

/* ---- for the library itself ----------------------------------------------------------------- */

agt_status agt__builder_get_status(const agt_value_builder *builder)
{
    return builder->failure.status;
}

void agt__builder_add_string(agt_value_builder *builder, const char *key, const char *text)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_string(builder, text);
}

void agt__builder_add_int64(agt_value_builder *builder, const char *key, int64_t number)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_int64(builder, number);
}

void agt__builder_add_uint64(agt_value_builder *builder, const char *key, uint64_t number)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_uint64(builder, number);
}

void agt__builder_add_bool(agt_value_builder *builder, const char *key, bool flag)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_bool(builder, flag);
}

void agt__builder_add_value(agt_value_builder *builder, const char *key, const agt_value *value)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_value(builder, value);
}
