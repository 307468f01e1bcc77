/*
 * What the paths of a script mean: a view of a request.
 *
 * Nothing is prepared. Results are looked for in the messages when a path asks for them: a script
 * asks for a handful of paths, while a table of all results would have to be built for every
 * request. Names of tools may hold dots, so the longest name that has a result counts.
 *
 * Threads: a context belongs to one request, on one thread.
 */
#include "llm/script.h"

#include "base/error.h"
#include "base/value.h"
#include "llm/message.h"
#include "llm/template.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "llm/script";

enum {
    names_shown_size = 200
};

void agt__script_context_init(agt__script_context *context, const agt_allocator *allocator,
                              const agt_value *request)
{
    *context = (agt__script_context){.allocator = allocator, .request = request};
}

void agt__script_context_deinit(agt__script_context *context)
{
    agt_value_unref(context->input);
    agt_value_unref(context->input_json);
}

/* ---- results of tools -------------------------------------------------------------------------
 */

/* A place in the results of all messages; goes backwards from the end. */
typedef struct cursor {
    const agt_value *messages;
    size_t message; /* number of the message after the one that is looked at */
    const agt_value *parts;
    size_t part;
} cursor;

static cursor results_of(const agt_value *request)
{
    const agt_value *messages = agt_value_get_member(request, "messages");
    return (cursor){.messages = messages, .message = agt_value_get_count(messages)};
}

/* The result before; NULL at the beginning. */
static const agt_value *previous_result(cursor *at)
{
    for (;;) {
        while (at->part == 0) {
            if (at->message == 0) {
                return NULL;
            }
            const agt_value *message = agt_value_get_item(at->messages, --at->message);
            if (strcmp(agt__value_member_text(message, "role", ""), "tool") == 0) {
                at->parts = agt_value_get_member(message, "parts");
                at->part = agt_value_get_count(at->parts);
            }
        }
        const agt_value *part = agt_value_get_item(at->parts, --at->part);
        if (strcmp(agt__value_member_text(part, "type", ""), "tool_result") == 0) {
            return part;
        }
    }
}

static bool is_named(const agt_value *result, const char *name, size_t length)
{
    const char *text = agt__value_member_text(result, "name", "");
    return strlen(text) == length && memcmp(text, name, length) == 0;
}

/* The latest result of the tool; NULL if there is none. */
static const agt_value *latest_result(const agt_value *request, const char *name, size_t length)
{
    cursor at = results_of(request);
    const agt_value *result = NULL;
    while ((result = previous_result(&at)) != NULL) {
        if (is_named(result, name, length)) {
            break;
        }
    }
    return result;
}

/* The names of tools that have results, for messages. */
static void list_names(const agt_value *request, char *target, size_t size)
{
    size_t used = (size_t)snprintf(target, size, "there are results of");
    size_t none = used;
    cursor at = results_of(request);
    const agt_value *result = NULL;
    while ((result = previous_result(&at)) != NULL && used < size) {
        const char *name = agt__value_member_text(result, "name", "");
        if (result != latest_result(request, name, strlen(name))) {
            continue;
        }
        int added = snprintf(target + used, size - used, "%s %s", used == none ? "" : ",", name);
        used += added > 0 ? (size_t)added : 0;
    }
    if (used == none) {
        snprintf(target, size, "there are no results");
    }
}

static agt_value *output_of(const agt_value *result)
{
    bool ok = strcmp(agt__value_member_text(result, "outcome", ""), "ok") == 0;
    return ok ? agt_value_ref(agt_value_get_member(result, "output")) : NULL;
}

/* calls.NAME: the outputs of all calls of a tool in their order, null for one that failed. */
static agt_status list_outputs(agt__script_context *self, const char *name, size_t length,
                               agt_value **ret_value)
{
    agt_value_builder *b = NULL;
    agt_status status = agt_value_builder_new(self->allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_array(b);
    const agt_value *messages = agt_value_get_member(self->request, "messages");
    for (size_t i = 0; i < agt_value_get_count(messages); i++) {
        const agt_value *message = agt_value_get_item(messages, i);
        const agt_value *parts = agt_value_get_member(message, "parts");
        for (size_t k = 0; k < agt_value_get_count(parts); k++) {
            const agt_value *part = agt_value_get_item(parts, k);
            if (strcmp(agt__value_member_text(part, "type", ""), "tool_result") == 0 &&
                is_named(part, name, length)) {
                agt_value *output = output_of(part);
                agt_value_builder_value(b, output);
                agt_value_unref(output);
            }
        }
    }
    agt_value_builder_end(b);
    status = agt_value_builder_finish(b, ret_value, NULL);
    agt_value_builder_free(b);
    return status;
}

/* ---- the input --------------------------------------------------------------------------------
 */

/* What this run was asked: the user's message before the answers of its steps so far. Before it
 * there may be a conversation that goes on. */
static const agt_value *find_query(const agt__script_context *self)
{
    const agt_value *messages = agt_value_get_member(self->request, "messages");
    const agt_value *query = NULL;
    uint64_t step = 1;
    if (agt_value_get_uint64(agt_value_get_member(self->request, "step"), &step) != AGT_OK) {
        step = 1;
    }
    for (size_t i = agt_value_get_count(messages); i > 0 && (query == NULL || step > 1); i--) {
        const agt_value *message = agt_value_get_item(messages, i - 1);
        const char *role = agt__value_member_text(message, "role", "");
        if (strcmp(role, "assistant") == 0 && step > 1) {
            step--;
            query = NULL;
        } else if (strcmp(role, "user") == 0 && query == NULL) {
            query = message;
        }
    }
    return query;
}

static agt_status read_input(agt__script_context *self)
{
    if (self->input != NULL) {
        return AGT_OK;
    }
    const agt_value *parts = agt__response_get_parts(find_query(self));
    agt_status status =
        agt__parts_get_text(self->allocator, parts, 0, agt_value_get_count(parts), &self->input);
    if (status != AGT_OK || self->input != NULL) {
        return status;
    }
    return agt_value_new_string(self->allocator, "", &self->input);
}

static agt_status read_input_json(agt__script_context *self)
{
    if (self->input_json != NULL) {
        return AGT_OK;
    }
    size_t length = 0;
    const char *text = agt_value_get_string(self->input, &length);
    agt_json_config config =
        AGT_CONFIG(agt_json_config, .tainted = agt_value_is_tainted(self->input));
    agt_status status =
        agt_json_parse(self->allocator, text, length, &config, &self->input_json, NULL);
    if (status != AGT_OK && status != AGT_E_NOMEM) {
        self->input_json = agt_value_null(); /* words */
        status = AGT_OK;
    }
    return status;
}

/* ---- paths ------------------------------------------------------------------------------------
 */

typedef enum root {
    ROOT_INPUT,
    ROOT_RESULTS,
    ROOT_ERRORS,
    ROOT_OUTCOMES,
    ROOT_CALLS,
    ROOT_AGENT,
    ROOT_STEP,
    ROOT_NONE
} root;

static const char *const root_names[ROOT_NONE] = {"input", "results", "errors", "outcomes",
                                                  "calls", "agent",   "step"};

static root find_root(const char *name, size_t length)
{
    for (root i = ROOT_INPUT; i < ROOT_NONE; i++) {
        if (strlen(root_names[i]) == length && memcmp(root_names[i], name, length) == 0) {
            return i;
        }
    }
    return ROOT_NONE;
}

/* What a root says about one tool, whose latest result is @result: a reference, NULL if nothing. */
static agt_status get_of_tool(agt__script_context *self, root kind, const agt_value *result,
                              const char *name, size_t length, agt_value **ret_value)
{
    switch (kind) {
    case ROOT_RESULTS:
        *ret_value = output_of(result);
        return AGT_OK;
    case ROOT_ERRORS:
        *ret_value = agt_value_ref(agt_value_get_member(result, "error"));
        return AGT_OK;
    case ROOT_OUTCOMES:
        *ret_value = agt_value_ref(agt_value_get_member(result, "outcome"));
        return AGT_OK;
    case ROOT_CALLS:
        return list_outputs(self, name, length, ret_value);
    case ROOT_INPUT:
    case ROOT_AGENT:
    case ROOT_STEP:
    case ROOT_NONE:
        break;
    }
    return AGT_OK;
}

/* Why the value of a root about a tool is not there. */
static agt_status tool_missing(root kind, const agt_value *result, const char *path, size_t length,
                               agt_error *err)
{
    const char *outcome = agt__value_member_text(result, "outcome", "?");
    return agt__error_set(err, AGT_E_NOT_FOUND, origin, "%.*s is not there: its outcome is %s%s%s",
                          length > 80 ? 80 : (int)length, path, outcome,
                          kind == ROOT_RESULTS ? ", " : "",
                          kind == ROOT_RESULTS ? agt__value_member_text(result, "error", "") : "");
}

/* The N of calls.NAME.N, from 1, changed to an index of the array; 0 as it is: it is not there. */
static agt_status get_nth_call(const agt_value *outputs, const char *path, size_t length, size_t at,
                               agt_value **ret_value, agt_error *err)
{
    size_t number = 0;
    size_t end = at + 1;
    while (end < length && path[end] >= '0' && path[end] <= '9' && number < 100000000) {
        number = number * 10 + (size_t)(path[end++] - '0');
    }
    const agt_value *output = number > 0 ? agt_value_get_item(outputs, number - 1) : NULL;
    if (output == NULL || (end < length && path[end] != '.')) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin,
                              "%.*s is not there: %.*s has %zu calls, from 1",
                              length > 80 ? 80 : (int)length, path, at > 80 ? 80 : (int)at, path,
                              agt_value_get_count(outputs));
    }
    const agt_value *part = NULL;
    agt_status status = agt__template_walk(output, path, length, end, &part, err);
    if (status == AGT_OK) {
        *ret_value = agt_value_ref(part);
    }
    return status;
}

/* results.NAME… and its like: the longest NAME that has a result. */
static agt_status get_tool_path(agt__script_context *self, root kind, const char *path,
                                size_t length, size_t at, agt_value **ret_value, agt_error *err)
{
    const agt_value *result = NULL;
    size_t end = length;
    size_t begin = at < length ? at + 1 : length;
    while (end > begin) {
        result = latest_result(self->request, path + begin, end - begin);
        if (result != NULL) {
            break;
        }
        do {
            end--;
        } while (end > begin && path[end] != '.');
    }
    if (result == NULL) {
        char there[names_shown_size];
        list_names(self->request, there, sizeof(there));
        return agt__error_set(err, AGT_E_NOT_FOUND, origin, "%.*s is not there: %s",
                              length > 80 ? 80 : (int)length, path, there);
    }
    agt_value *value = NULL;
    agt_status status = get_of_tool(self, kind, result, path + begin, end - begin, &value);
    if (status != AGT_OK) {
        return agt__error_set(err, status, origin, "%s", agt_status_get_text(status));
    }
    if (value == NULL) {
        return tool_missing(kind, result, path, length, err);
    }
    if (kind == ROOT_CALLS && end < length) {
        status = get_nth_call(value, path, length, end, ret_value, err);
    } else {
        const agt_value *part = NULL;
        status = agt__template_walk(value, path, length, end, &part, err);
        if (status == AGT_OK) {
            *ret_value = agt_value_ref(part);
        }
    }
    agt_value_unref(value);
    return status;
}

/* input, agent and step, and what is below them. */
static agt_status get_plain_path(agt__script_context *self, root kind, const char *path,
                                 size_t length, size_t at, agt_value **ret_value, agt_error *err)
{
    const agt_value *value = NULL;
    agt_status status = AGT_OK;
    if (kind == ROOT_INPUT) {
        status = read_input(self);
        if (status == AGT_OK && at < length) {
            status = read_input_json(self);
        }
        if (status != AGT_OK) {
            return agt__error_set(err, status, origin, "%s", agt_status_get_text(status));
        }
        value = at < length ? self->input_json : self->input;
    } else {
        value = agt_value_get_member(self->request, kind == ROOT_AGENT ? "agent" : "step");
    }
    if (value == NULL) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin, "%.*s is not in the request", (int)at,
                              path);
    }
    const agt_value *part = NULL;
    status = agt__template_walk(value, path, length, at, &part, err);
    if (status == AGT_OK) {
        *ret_value = agt_value_ref(part);
    }
    return status;
}

agt_status agt__script_context_get(void *context, const char *path, size_t length,
                                   agt_value **ret_value, agt_error *err)
{
    agt__script_context *self = context;
    const char *dot = memchr(path, '.', length);
    size_t at = dot != NULL ? (size_t)(dot - path) : length;
    root kind = find_root(path, at);
    if (kind == ROOT_NONE) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin,
                              "%.*s is not there: a path begins with input, results, errors, "
                              "outcomes, calls, agent or step",
                              length > 80 ? 80 : (int)length, path);
    }
    if (kind == ROOT_INPUT || kind == ROOT_AGENT || kind == ROOT_STEP) {
        return get_plain_path(self, kind, path, length, at, ret_value, err);
    }
    return get_tool_path(self, kind, path, length, at, ret_value, err);
}

/* ---- pointers ---------------------------------------------------------------------------------
 */

static agt_status get_rest(const agt_value *value, const char *rest, agt_value **ret_value,
                           agt_error *err)
{
    const agt_value *part = NULL;
    agt_status status = agt_value_get_pointer(value, rest, &part, err);
    if (status == AGT_OK) {
        *ret_value = agt_value_ref(part);
    }
    return status;
}

agt_status agt__script_context_get_pointer(agt__script_context *context, const char *pointer,
                                           agt_value **ret_value, agt_error *err)
{
    /* The first token is a root; the second, for most, a tool, whose name needs no escapes. */
    const char *first = pointer[0] == '/' ? pointer + 1 : pointer;
    size_t length = strcspn(first, "/");
    const char *rest = first + length;
    root kind = find_root(first, length);
    agt_value *value = NULL;
    agt_status status = AGT_OK;
    if (kind == ROOT_NONE) {
        return agt__error_set(err, AGT_E_NOT_FOUND, origin,
                              "%s is not there: a pointer begins with /input, /results, /errors, "
                              "/outcomes, /calls, /agent or /step",
                              pointer);
    }
    if (kind == ROOT_INPUT || kind == ROOT_AGENT || kind == ROOT_STEP) {
        status = get_plain_path(context, kind, first, length, length, &value, err);
        if (status == AGT_OK && kind == ROOT_INPUT && rest[0] != '\0') {
            status = read_input_json(context);
            agt_value_unref(value);
            value = agt_value_ref(context->input_json);
        }
    } else {
        const char *name = rest[0] == '/' ? rest + 1 : rest;
        size_t name_length = strcspn(name, "/");
        rest = name + name_length;
        const agt_value *result = latest_result(context->request, name, name_length);
        if (result == NULL) {
            char there[names_shown_size];
            list_names(context->request, there, sizeof(there));
            return agt__error_set(err, AGT_E_NOT_FOUND, origin, "%s is not there: %s", pointer,
                                  there);
        }
        status = get_of_tool(context, kind, result, name, name_length, &value);
        if (status == AGT_OK && value == NULL) {
            return tool_missing(kind, result, pointer, strlen(pointer), err);
        }
    }
    if (status == AGT_OK) {
        status = get_rest(value, rest, ret_value, err);
    } else if (status == AGT_E_NOMEM) {
        agt__error_nomem(err, origin);
    }
    agt_value_unref(value);
    return status;
}
