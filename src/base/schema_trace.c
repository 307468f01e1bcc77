/*
 * Where a check is and what it found: the path, the problem, and the marks.
 *
 * The path is kept only in the second pass, and only the newest problem is: whoever fails writes
 * down what it is about, and nothing that fails later is of less interest. A problem has a copy of
 * the path, because the alternatives of a choice fail one after the other and the closest one is
 * kept.
 *
 * Marks are one bit per part of a value; up to 64 parts need no memory.
 */
#include "base/schema_check.h"

#include "base/mem.h"

#include <string.h>

void agt__schema_clear_problem(const schema_check *c, schema_problem *problem)
{
    agt__free(c->schema->allocator, problem->path);
    agt_value_unref(problem->owned);
    *problem = (schema_problem){.path = NULL};
}

/* Write down what does not fit. @return for further detail; NULL if nobody wants it */
schema_problem *agt__schema_note(schema_check *c, const schema_node *node, const schema_rule *rule,
                                 const agt_value *value)
{
    schema_trace *trace = c->trace;
    if (trace == NULL) {
        return NULL;
    }
    agt__schema_clear_problem(c, &trace->problem);
    trace->problem = (schema_problem){.node = node, .rule = rule, .value = value};
    if (trace->path_count > 0) {
        schema_step *path = agt__calloc(c->schema->allocator, trace->path_count, sizeof(*path));
        if (path == NULL) {
            c->status = AGT_E_NOMEM;
            return NULL;
        }
        memcpy(path, trace->path, trace->path_count * sizeof(*path));
        trace->problem.path = path;
        trace->problem.path_count = trace->path_count;
    }
    return &trace->problem;
}

bool agt__schema_fail(schema_check *c, const schema_node *node, const schema_rule *rule,
                      const agt_value *value)
{
    (void)agt__schema_note(c, node, rule, value);
    return false;
}

void agt__schema_step_in(schema_check *c, const char *key, size_t length, size_t index)
{
    schema_trace *trace = c->trace;
    if (trace == NULL) {
        return;
    }
    agt_status status =
        agt__array_reserve(c->schema->allocator, (void *)&trace->path, &trace->path_capacity,
                           trace->path_count, sizeof(*trace->path), SIZE_MAX / 64);
    if (status != AGT_OK) {
        c->status = status;
        return;
    }
    trace->path[trace->path_count++] = (schema_step){key, length, index};
}

void agt__schema_step_out(schema_check *c)
{
    if (c->trace != NULL && c->trace->path_count > 0) {
        c->trace->path_count--;
    }
}

bool agt__schema_open_marks(schema_check *c, schema_marks *seen, const agt_value *value)
{
    seen->count = agt_value_get_count(value);
    seen->few = 0;
    seen->words = &seen->few;
    if (seen->count > 64) {
        seen->words = agt__calloc(c->schema->allocator, (seen->count + 63) / 64, 8);
        if (seen->words == NULL) {
            c->status = AGT_E_NOMEM;
            return false;
        }
    }
    return true;
}

void agt__schema_close_marks(const schema_check *c, schema_marks *seen)
{
    if (seen->words != &seen->few) {
        agt__free(c->schema->allocator, seen->words);
    }
}

void agt__schema_mark(schema_marks *seen, size_t index)
{
    if (seen != NULL) {
        seen->words[index / 64] |= UINT64_C(1) << index % 64;
    }
}

bool agt__schema_is_marked(const schema_marks *seen, size_t index)
{
    return (seen->words[index / 64] >> index % 64 & 1) != 0;
}

void agt__schema_add_marks(schema_marks *seen, const schema_marks *more)
{
    for (size_t i = 0; seen != NULL && i < (seen->count + 63) / 64; i++) {
        seen->words[i] |= more->words[i];
    }
}
