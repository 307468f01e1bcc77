/*
 * Templates: texts with holes that are filled from values, as agent_sdk/llm.h describes them for
 * scripts.
 *
 *     {{path}}  {{=path}}  {{#path}}…{{/path}}  {{^path}}…{{/path}}  {{path|format|format}}
 *
 * A template is compiled once and rendered any number of times, from any thread. What a path means
 * is the business of a source; inside a section, paths that begin with `.` or `@` are about the
 * item and are resolved here.
 */
#ifndef AGT_LLM_TEMPLATE_H
#define AGT_LLM_TEMPLATE_H

#include "base/buffer.h"

#include "agent_sdk/value.h"

typedef struct agt__template agt__template; /* immutable; @threads any */

/** Who knows what paths mean. */
typedef struct agt__template_source {
    const agt_allocator *allocator; /* of the values made while rendering */
    void *ctx;
    /*
     * The value at @path: a reference for the caller. AGT_OK; AGT_E_NOT_FOUND, @err naming the
     * path and what there is; AGT_E_NOMEM.
     */
    agt_status (*get)(void *ctx, const char *path, size_t length, agt_value **ret_value,
                      agt_error *err);
} agt__template_source;

/**
 * Compile @length bytes of @text, which is copied.
 *
 * @return AGT_OK; AGT_E_SYNTAX, err->column being the byte (from 1) where it goes wrong;
 *         AGT_E_LIMIT for sections nested deeper than 16; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__template_new(const agt_allocator *allocator, const char *text,
                                            size_t length, agt__template **ret_template,
                                            agt_error *err);
void agt__template_free(agt__template *template);

/** Whether @text has no hole at all: it need not be compiled. */
bool agt__template_is_plain(const char *text, size_t length);

/** Append the text to @buffer. @return AGT_OK; AGT_E_NOT_FOUND for a path that is not there;
 * AGT_E_TYPE for a format that does not suit its value; AGT_E_LIMIT; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__template_render(const agt__template *template,
                                               const agt__template_source *source,
                                               agt__buffer *buffer, agt_error *err);

/** The value of `{{=path}}`; a string for every other template. @return as agt__template_render */
AGT_MUST_CHECK agt_status agt__template_evaluate(const agt__template *template,
                                                 const agt__template_source *source,
                                                 agt_value **ret_value, agt_error *err);

/**
 * Go down from @root, which is what the first @at bytes of @path name, along the rest of @path:
 * `.member` and, in an array, `.n` from 0.
 *
 * @return AGT_OK; AGT_E_NOT_FOUND, @err naming the step that is missing and what there is
 */
AGT_MUST_CHECK agt_status agt__template_walk(const agt_value *root, const char *path, size_t length,
                                             size_t at, const agt_value **ret_part, agt_error *err);

/** Whether `{{#…}}` shows its inside for @value: not for null, false and what is empty. */
bool agt__template_is_present(const agt_value *value);

/* ---- formats ----------------------------------------------------------------------------------
 */

typedef enum agt__format {
    AGT__FORMAT_ROUND2,
    AGT__FORMAT_PERCENT,
    AGT__FORMAT_BYTES,
    AGT__FORMAT_BAR,
    AGT__FORMAT_JSON,
    AGT__FORMAT_UPPER,
    AGT__FORMAT_COUNT
} agt__format;

/** The format of that name. @return AGT_OK; AGT_E_NOT_FOUND */
AGT_MUST_CHECK agt_status agt__format_find(const char *name, size_t length,
                                           agt__format *ret_format);

/** @value formatted: a string, or for round2 and count a number. @return AGT_OK; AGT_E_TYPE, @err
 * saying what the format wants; AGT_E_NOMEM */
AGT_MUST_CHECK agt_status agt__format_apply(const agt_allocator *allocator, agt__format format,
                                            const agt_value *value, agt_value **ret_value,
                                            agt_error *err);

/* ---- values with templates in them --------------------------------------------------------------
 */

typedef struct agt__shape agt__shape; /* a value whose strings may be templates; @threads any */

/**
 * Compile every string of @value that is a template; parts without any are shared.
 *
 * @return as agt__template_new(); the message says where in @value by JSON Pointer
 */
AGT_MUST_CHECK agt_status agt__shape_new(const agt_allocator *allocator, const agt_value *value,
                                         agt__shape **ret_shape, agt_error *err);
void agt__shape_free(agt__shape *shape);

/** The value, its templates filled in. @return as agt__template_render() */
AGT_MUST_CHECK agt_status agt__shape_evaluate(const agt__shape *shape,
                                              const agt__template_source *source,
                                              agt_value **ret_value, agt_error *err);

#endif
