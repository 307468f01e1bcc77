/*
 * Scripts: compiled rules, and the answer of the first that fits.
 *
 * The document is checked against its schema first, so that the compiler here only reads what is
 * known to be there; it stays referenced, and names, usages and plain texts are borrowed from it.
 * Everything that can be wrong with a script is found when it is read, except for paths that are
 * not in the data of a request.
 *
 * Threads: a script never changes after it was compiled; answering keeps its state on the stack.
 */
#include "llm/script.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "llm/message.h"
#include "llm/template.h"

#include <stdio.h>
#include <string.h>

static const char origin[] = "llm/script";

enum {
    text_bytes_max = 8 * 1024 * 1024
};

typedef struct tool_call {
    const agt_value *id; /* NULL: made up */
    const agt_value *name;
    agt__shape *arguments; /* NULL: {} */
} tool_call;

typedef struct rule {
    const char *agent; /* NULL = any */
    uint64_t step;     /* 0 = any    */
    const char *when;  /* a pointer; NULL = always */
    const agt_value *equals;
    bool exists; /* of what must be there if it need not equal anything */
    uint32_t delay_ms;
    uint32_t stream_bytes;
    const agt_value *plain_text; /* NULL if there is none or it is a template */
    agt__template *text;
    agt__shape *json;
    agt_value *usage;               /* NULL: estimated */
    const agt_value *finish_reason; /* NULL: as it comes */
    agt_status error;               /* AGT_OK = none */
    const char *error_message;
    uint32_t retry_after_ms;
    size_t call_count;
    tool_call *calls;
} rule;

struct agt__script {
    const agt_allocator *allocator;
    agt_value *document; /* tainted: all of it is what a model says */
    agt_value *name;
    agt_value *zero; /* of estimated usages */
    agt__words words;
    size_t rule_count;
    rule rules[];
};

/* ---- reading ----------------------------------------------------------------------------------
 */

static uint64_t number_of(const agt_value *object, const char *key)
{
    uint64_t number = 0;
    const agt_value *member = agt_value_get_member(object, key);
    return agt_value_get_uint64(member, &number) == AGT_OK ? number : 0;
}

/* What went wrong with a part of a rule, with the rule and the part before it. */
static agt_status explain(agt_error *err, agt_status status, size_t index, const char *what)
{
    if (err == NULL || status == AGT_E_NOMEM) {
        return status == AGT_E_NOMEM ? agt__error_nomem(err, origin) : status;
    }
    char why[300];
    uint32_t column = err->column;
    agt__copy_text(why, sizeof(why), err->message);
    agt__error_set(err, status, origin, "rule %zu (/rules/%zu), %s: %s", index + 1, index, what,
                   why);
    err->column = column;
    return status;
}

static agt_status status_of(const char *outcome)
{
    for (agt_outcome i = AGT_OUTCOME_ERROR; i <= AGT_OUTCOME_UNKNOWN; i++) {
        if (strcmp(agt_outcome_get_name(i), outcome) == 0) {
            return i == AGT_OUTCOME_ERROR ? AGT_E_MODEL : agt_outcome_get_status(i);
        }
    }
    return AGT_E_MODEL;
}

static agt_status compile_calls(agt__script *script, rule *target, const agt_value *calls,
                                agt_error *err)
{
    size_t count = agt_value_get_count(calls);
    if (count == 0) {
        return AGT_OK;
    }
    target->calls = agt__calloc(script->allocator, count, sizeof(tool_call));
    if (target->calls == NULL) {
        return AGT_E_NOMEM;
    }
    target->call_count = count;
    for (size_t i = 0; i < count; i++) {
        const agt_value *call = agt_value_get_item(calls, i);
        const agt_value *arguments = agt_value_get_member(call, "arguments");
        target->calls[i].id = agt_value_get_member(call, "id");
        target->calls[i].name = agt_value_get_member(call, "name");
        if (arguments != NULL) {
            agt_status status =
                agt__shape_new(script->allocator, arguments, &target->calls[i].arguments, err);
            if (status != AGT_OK) {
                return status;
            }
        }
    }
    return AGT_OK;
}

static void compile_error(rule *target, const agt_value *error)
{
    if (error != NULL) {
        target->error = status_of(agt__value_member_text(error, "status", ""));
        target->error_message = agt__value_member_text(error, "message", "as the script says");
        target->retry_after_ms = (uint32_t)number_of(error, "retry_after_ms");
    }
}

static agt_status compile_text(agt__script *script, rule *target, const agt_value *text,
                               agt_error *err)
{
    size_t length = 0;
    const char *bytes = agt_value_get_string(text, &length);
    if (bytes == NULL || agt__template_is_plain(bytes, length)) {
        target->plain_text = text;
        return AGT_OK;
    }
    return agt__template_new(script->allocator, bytes, length, &target->text, err);
}

/* A script that says what goes in and out says that nothing was cached; one that does not leaves
 * everything unknown. */
static agt_status compile_usage(agt__script *script, rule *target, const agt_value *usage)
{
    static const char *const parts[] = {"cache_read_tokens", "cache_write_tokens",
                                        "cache_write_1h_tokens", "reasoning_tokens"};
    target->usage = agt_value_ref(usage);
    if (agt_value_get_member(usage, "input_tokens") == NULL ||
        agt_value_get_member(usage, "output_tokens") == NULL) {
        return AGT_OK;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (agt_value_get_member(usage, parts[i]) == NULL) {
            agt_value *more = NULL;
            agt_status status = agt_value_with_member(script->allocator, target->usage, parts[i],
                                                      script->zero, &more);
            if (status != AGT_OK) {
                return status;
            }
            agt_value_unref(target->usage);
            target->usage = more;
        }
    }
    return AGT_OK;
}

static agt_status compile_rule(agt__script *script, size_t index, agt_error *err)
{
    rule *target = &script->rules[index];
    const agt_value *document =
        agt_value_get_item(agt_value_get_member(script->document, "rules"), index);
    const char *agent = agt__value_member_text(document, "agent", "*");
    const agt_value *when = agt_value_get_member(document, "when");
    const agt_value *json = agt_value_get_member(document, "json");
    target->agent = strcmp(agent, "*") == 0 ? NULL : agent;
    target->step = number_of(document, "step");
    target->when = agt__value_member_text(when, "pointer", NULL);
    target->equals = agt_value_get_member(when, "equals");
    target->exists = agt_value_get_bool(agt_value_get_member(when, "exists"), true);
    target->delay_ms = (uint32_t)number_of(document, "delay_ms");
    target->stream_bytes = (uint32_t)number_of(document, "stream");
    target->finish_reason = agt_value_get_member(document, "finish_reason");
    compile_error(target, agt_value_get_member(document, "error"));
    agt_status status = compile_text(script, target, agt_value_get_member(document, "text"), err);
    if (status != AGT_OK) {
        return explain(err, status, index, "text");
    }
    status = compile_calls(script, target, agt_value_get_member(document, "tool_calls"), err);
    if (status != AGT_OK) {
        return explain(err, status, index, "tool_calls");
    }
    status = compile_usage(script, target, agt_value_get_member(document, "usage"));
    if (status != AGT_OK) {
        return explain(err, status, index, "usage");
    }
    if (json != NULL) {
        status = agt__shape_new(script->allocator, json, &target->json, err);
        if (status != AGT_OK) {
            return explain(err, status, index, "json");
        }
    }
    return AGT_OK;
}

static agt_status check(const agt_allocator *allocator, const agt_value *document, agt_error *err)
{
    agt_value *text = NULL;
    agt_schema *schema = NULL;
    agt_status status = agt__script_get_schema(allocator, &text);
    if (status == AGT_OK) {
        status = agt_schema_new(allocator, text, &schema, err);
    } else {
        agt__error_nomem(err, origin);
    }
    if (status == AGT_OK) {
        status = agt_schema_check(schema, document, NULL, err);
    }
    agt_schema_unref(schema);
    agt_value_unref(text);
    return status;
}

/* Mark @value, which nobody else has seen, as what a model says. */
static agt_status taint(const agt_allocator *allocator, agt_value **value)
{
    agt_value *tainted = NULL;
    agt_status status = agt__value_take_taint(allocator, *value, &tainted);
    *value = tainted;
    return status;
}

static agt_status make_constants(agt__script *script)
{
    agt_status status = AGT_OK;
    script->name = agt_value_ref(agt_value_get_member(script->document, "name"));
    if (script->name == NULL) {
        status = agt_value_new_string(script->allocator, "scripted", &script->name);
    }
    if (status == AGT_OK) {
        status = agt_value_new_int64(script->allocator, 0, &script->zero);
    }
    if (status == AGT_OK) {
        status = taint(script->allocator, &script->name);
    }
    return status == AGT_OK ? taint(script->allocator, &script->zero) : status;
}

agt_status agt__script_new(const agt_allocator *allocator, const agt_value *document,
                           agt__script **ret_script, agt_error *err)
{
    agt_status status = check(allocator, document, err);
    if (status != AGT_OK) {
        return status;
    }
    size_t count = agt_value_get_count(agt_value_get_member(document, "rules"));
    agt__script *script = agt__calloc(allocator, 1, sizeof(*script) + count * sizeof(rule));
    if (script == NULL) {
        return agt__error_nomem(err, origin);
    }
    script->allocator = allocator;
    script->rule_count = count;
    status = agt_value_with_taint(allocator, document, &script->document);
    if (status == AGT_OK) {
        status = agt__words_init(&script->words, allocator, true);
    }
    if (status == AGT_OK) {
        status = make_constants(script);
    }
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        status = compile_rule(script, i, err);
    }
    if (status != AGT_OK) {
        agt__script_free(script);
        return status == AGT_E_NOMEM ? agt__error_nomem(err, origin) : status;
    }
    *ret_script = script;
    return AGT_OK;
}

void agt__script_free(agt__script *script)
{
    if (script == NULL) {
        return;
    }
    for (size_t i = 0; i < script->rule_count; i++) {
        rule *target = &script->rules[i];
        agt_value_unref(target->usage);
        agt__template_free(target->text);
        agt__shape_free(target->json);
        for (size_t k = 0; k < target->call_count; k++) {
            agt__shape_free(target->calls[k].arguments);
        }
        agt__free(script->allocator, target->calls);
    }
    agt__words_deinit(&script->words);
    agt_value_unref(script->zero);
    agt_value_unref(script->name);
    agt_value_unref(script->document);
    agt__free(script->allocator, script);
}

const char *agt__script_get_name(const agt__script *script)
{
    return agt_value_get_string(script->name, NULL);
}

bool agt__script_takes_time(const agt__script *script)
{
    for (size_t i = 0; i < script->rule_count; i++) {
        if (script->rules[i].delay_ms != 0 || script->rules[i].stream_bytes != 0) {
            return true;
        }
    }
    return false;
}

agt_status agt__script_get_prices(const agt__script *script, const agt_allocator *allocator,
                                  agt_value **ret_document)
{
    const agt_value *prices = agt_value_get_member(script->document, "prices");
    agt_value_builder *b = NULL;
    if (prices == NULL) {
        *ret_document = NULL;
        return AGT_OK;
    }
    agt_status status = agt_value_builder_new(allocator, &b);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(b);
    agt__builder_add_int64(b, "version", 1);
    agt_value_builder_key(b, "models");
    agt_value_builder_begin_object(b);
    agt__builder_add_value(b, agt__script_get_name(script), prices);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    status = agt_value_builder_finish(b, ret_document, NULL);
    agt_value_builder_free(b);
    return status;
}

/* ---- answering --------------------------------------------------------------------------------
 */

static agt_status fits(const rule *candidate, const char *agent, uint64_t step,
                       agt__script_context *context, bool *ret_fits)
{
    *ret_fits = false;
    if ((candidate->agent != NULL && strcmp(candidate->agent, agent) != 0) ||
        (candidate->step != 0 && candidate->step != step)) {
        return AGT_OK;
    }
    if (candidate->when == NULL) {
        *ret_fits = true;
        return AGT_OK;
    }
    agt_value *value = NULL;
    agt_status status = agt__script_context_get_pointer(context, candidate->when, &value, NULL);
    if (status == AGT_E_NOMEM) {
        return status;
    }
    bool there = status == AGT_OK;
    if (candidate->equals != NULL) {
        *ret_fits = there && agt_value_equals(value, candidate->equals);
    } else {
        *ret_fits = there == candidate->exists;
    }
    agt_value_unref(value);
    return AGT_OK;
}

/* An answer that is being written. */
typedef struct writer {
    const agt__script *script;
    const rule *chosen;
    const agt__template_source *source;
    const agt_value *request;
    agt_value **parts; /* room for all that a rule may have */
    size_t count;
} writer;

/* Add a text part; the reference to @text is taken. */
static agt_status add_text(writer *self, agt_value *text)
{
    const agt_allocator *allocator = self->source->allocator;
    agt_value *part = NULL;
    if (taint(allocator, &text) == AGT_OK) {
        part = agt__part_new_text(allocator, &self->script->words, text);
    }
    if (part == NULL) {
        return AGT_E_NOMEM;
    }
    self->parts[self->count++] = part;
    return AGT_OK;
}

static agt_status write_text(writer *self, agt_error *err)
{
    if (self->chosen->text == NULL) {
        return self->chosen->plain_text != NULL
                   ? add_text(self, agt_value_ref(self->chosen->plain_text))
                   : AGT_OK;
    }
    agt__buffer buffer;
    agt_value *text = NULL;
    agt__buffer_init(&buffer, self->source->allocator, text_bytes_max);
    agt_status status = agt__template_render(self->chosen->text, self->source, &buffer, err);
    if (status == AGT_OK) {
        status = agt_value_new_string_n(self->source->allocator, agt__buffer_text(&buffer),
                                        buffer.size, &text);
    }
    agt__buffer_deinit(&buffer);
    return status == AGT_OK ? add_text(self, text) : status;
}

/* The id of call @index; NULL if there is no memory. */
static agt_value *make_id(const writer *self, size_t index)
{
    char id[48];
    if (self->chosen->calls[index].id != NULL) {
        return agt_value_ref(self->chosen->calls[index].id);
    }
    uint64_t step = number_of(self->request, "step");
    snprintf(id, sizeof(id), "call_%llu_%zu", (unsigned long long)step, index + 1);
    agt_value *value = agt__value_text_or_null(self->source->allocator, id);
    if (value != NULL && taint(self->source->allocator, &value) != AGT_OK) {
        value = NULL;
    }
    return value;
}

static agt_status write_calls(writer *self, agt_error *err)
{
    const agt_allocator *allocator = self->source->allocator;
    for (size_t i = 0; i < self->chosen->call_count; i++) {
        const tool_call *call = &self->chosen->calls[i];
        agt_value *arguments = agt_value_empty_object();
        if (call->arguments != NULL) {
            agt_status status = agt__shape_evaluate(call->arguments, self->source, &arguments, err);
            if (status != AGT_OK) {
                return status;
            }
        }
        const agt__field fields[] = {
            {"type", agt__words_get(&self->script->words, AGT__WORD_TOOL_CALL)},
            {"id", make_id(self, i)},
            {"name", agt_value_ref(call->name)},
            {"arguments", arguments},
        };
        agt_value *part = NULL;
        if (agt__value_make_object(allocator, fields, 4, &part) != AGT_OK) {
            return AGT_E_NOMEM;
        }
        self->parts[self->count++] = part;
    }
    return AGT_OK;
}

static agt_status write_json(writer *self, agt_error *err)
{
    agt_value *value = NULL;
    agt_value *text = NULL;
    if (self->chosen->json == NULL) {
        return AGT_OK;
    }
    agt_status status = agt__shape_evaluate(self->chosen->json, self->source, &value, err);
    if (status == AGT_OK) {
        status = agt_value_to_json(self->source->allocator, value, AGT_JSON_COMPACT, &text);
        agt_value_unref(value);
    }
    return status == AGT_OK ? add_text(self, text) : status;
}

static agt_status write_parts(writer *self, size_t index, agt_error *err)
{
    agt_status status = write_text(self, err);
    const char *what = "text";
    if (status == AGT_OK) {
        status = write_calls(self, err);
        what = "tool_calls";
    }
    if (status == AGT_OK) {
        status = write_json(self, err);
        what = "json";
    }
    if (status == AGT_OK || status == AGT_E_NOMEM) {
        return status;
    }
    return explain(err, AGT_E_MODEL, index, what);
}

/* NULL if there is no memory. */
static agt_value *make_usage(const writer *self, const agt_value *parts)
{
    const agt_allocator *allocator = self->source->allocator;
    const agt__script *script = self->script;
    if (self->chosen->usage != NULL) {
        return agt_value_ref(self->chosen->usage);
    }
    agt_value *usage = NULL;
    uint64_t input = agt__request_estimate_tokens(self->request);
    uint64_t output = agt__estimate_tokens(agt__value_estimate_size(parts));
    const agt__field fields[] = {
        {"input_tokens", agt__value_uint64_or_null(allocator, input)},
        {"cache_read_tokens", agt_value_ref(script->zero)},
        {"cache_write_tokens", agt_value_ref(script->zero)},
        {"cache_write_1h_tokens", agt_value_ref(script->zero)},
        {"output_tokens", agt__value_uint64_or_null(allocator, output)},
        {"reasoning_tokens", agt_value_ref(script->zero)},
    };
    return agt__value_make_object(allocator, fields, 6, &usage) == AGT_OK ? usage : NULL;
}

/* NULL if there is no memory. */
static agt_value *make_reason(const writer *self)
{
    const agt__words *words = &self->script->words;
    if (self->chosen->finish_reason != NULL) {
        return agt_value_ref(self->chosen->finish_reason);
    }
    return agt__words_get(words,
                          self->chosen->call_count > 0 ? AGT__WORD_TOOL_CALLS : AGT__WORD_STOP);
}

/* The whole response of a rule that is no error. */
static agt_status respond(const agt__script *script, size_t index,
                          const agt__template_source *source, const agt_value *request,
                          agt_value **ret_response, agt_error *err)
{
    const agt_allocator *allocator = source->allocator;
    const rule *chosen = &script->rules[index];
    agt_value *few[8] = {NULL};
    size_t most = chosen->call_count + 2;
    bool fits = most <= sizeof(few) / sizeof(few[0]);
    writer self = {script, chosen, source, request, few, 0};
    if (!fits) {
        self.parts = agt__calloc(allocator, most, sizeof(agt_value *));
        if (self.parts == NULL) {
            return agt__error_nomem(err, origin);
        }
    }
    agt_value *parts = NULL;
    agt_status status = write_parts(&self, index, err);
    if (status == AGT_OK) {
        status = agt__value_make_array(allocator, self.parts, self.count, &parts);
    } else {
        for (size_t i = 0; i < self.count; i++) {
            agt_value_unref(self.parts[i]);
        }
    }
    if (!fits) {
        agt__free(allocator, self.parts);
    }
    if (status == AGT_OK) {
        const agt__field fields[] = {
            {"parts", parts},
            {"finish_reason", make_reason(&self)},
            {"model", agt_value_ref(script->name)},
            {"usage", make_usage(&self, parts)},
        };
        status = agt__value_make_object(allocator, fields, 4, ret_response);
    }
    return status == AGT_E_NOMEM ? agt__error_nomem(err, origin) : status;
}

static void fail_as_told(const rule *chosen, agt_error *ret_error)
{
    agt__error_set(ret_error, chosen->error, "llm/scripted", "%s", chosen->error_message);
    ret_error->retry_after_ms = chosen->retry_after_ms;
    if (chosen->error == AGT_E_RATE_LIMITED || chosen->error == AGT_E_BREAKER_OPEN ||
        chosen->error == AGT_E_TIMEOUT) {
        ret_error->flags |= AGT_ERROR_RETRYABLE;
    }
}

agt_status agt__script_answer_request(const agt__script *script, const agt_allocator *allocator,
                                      const agt_value *request, agt__script_answer *ret_answer,
                                      agt_error *err)
{
    const char *agent = agt__value_member_text(request, "agent", "");
    uint64_t step = number_of(request, "step");
    agt__script_context context;
    agt__script_context_init(&context, allocator, request);
    size_t index = 0;
    bool found = false;
    agt_status status = AGT_OK;
    for (; index < script->rule_count; index++) {
        status = fits(&script->rules[index], agent, step, &context, &found);
        if (status != AGT_OK || found) {
            break;
        }
    }
    agt__script_answer answer = {0};
    if (status != AGT_OK) {
        agt__error_nomem(err, origin);
    } else if (!found) {
        status = agt__error_set(err, AGT_E_MODEL, origin,
                                "the script has no rule for agent \"%s\", step %llu", agent,
                                (unsigned long long)step);
    } else {
        const rule *chosen = &script->rules[index];
        answer.delay_ms = chosen->delay_ms;
        answer.stream_bytes = chosen->stream_bytes;
        if (chosen->error != AGT_OK) {
            fail_as_told(chosen, &answer.error);
        } else {
            agt__template_source source = {allocator, &context, agt__script_context_get};
            status = respond(script, index, &source, request, &answer.response, err);
        }
    }
    agt__script_context_deinit(&context);
    if (status == AGT_OK) {
        *ret_answer = answer;
    }
    return status;
}
