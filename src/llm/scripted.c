/*
 * The scripted model: a script asked through the engine.
 *
 * A script without delays answers at once, on the scheduling thread. With delays the answer is
 * worked out at the start and handed over when its time has come, by the timer every call has, so
 * that it takes no time at all in a simulated runtime. Text that streams (the first of the answer)
 * is told piece by piece to whoever listens, spread over the delay; the answer itself is the same.
 * While it is held it tells nothing; what has become late by that follows at once.
 *
 * Threads: the loop's.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "llm/message.h"
#include "llm/model.h"

#include <string.h>

static const char origin[] = "llm/scripted";

/* An answer whose time has not come. */
typedef struct waiting {
    agt__script_answer answer;
    const char *text; /* of the answer; pieces of it are told */
    size_t length;
    size_t told;        /* bytes of it */
    size_t index;       /* of its part */
    uint32_t waited_ms; /* of answer.delay_ms */
    bool held;          /* tells nothing */
    bool is_due;        /* and it would be time to */
} waiting;

static const agt_model *model_of(const agt_tool_call *call)
{
    return (const agt_model *)agt__tool_call_get_operation(call);
}

static void free_waiting(const agt_tool_call *call, waiting *self)
{
    agt_value_unref(self->answer.response);
    agt__free(agt_tool_call_get_allocator(call), self);
}

/* How the answer ends the call; its response is taken over. */
static agt_status deliver(agt_tool_call *call, const agt__script_answer *answer,
                          agt_value **ret_output)
{
    if (answer->error.status != AGT_OK) {
        agt__tool_call_take_error(call, &answer->error);
        return answer->error.status;
    }
    *ret_output = answer->response;
    return AGT_OK;
}

/* The first text of a response: what streams. */
static const char *text_of(const agt_value *response, size_t *ret_index, size_t *ret_length)
{
    const agt_value *parts = agt__response_get_parts(response);
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        const agt_value *text = agt__part_get_text(agt_value_get_item(parts, i));
        if (text != NULL) {
            *ret_index = i;
            return agt_value_get_string(text, ret_length);
        }
    }
    *ret_length = 0;
    return "";
}

/* The end of the piece that begins at @begin: never inside a character. */
static size_t end_of_piece(const char *text, size_t length, size_t begin, uint32_t bytes)
{
    if (length - begin <= bytes) {
        return length;
    }
    size_t end = begin + bytes;
    while (end < length && ((unsigned char)text[end] & 0xC0) == 0x80) {
        end++;
    }
    return end;
}

static void tell_piece(agt_tool_call *call, waiting *self)
{
    size_t end = end_of_piece(self->text, self->length, self->told, self->answer.stream_bytes);
    const agt__answer_event event = {.kind = AGT__ANSWER_EVENT_TEXT,
                                     .index = self->index,
                                     .text = self->text + self->told,
                                     .length = end - self->told};
    self->told = end;
    agt__model_tell(call, &event);
}

static bool streams(const agt_tool_call *call, const agt__script_answer *answer)
{
    return answer->stream_bytes != 0 && answer->response != NULL && agt__model_is_heard(call);
}

static void go_on(agt_tool_call *call, void *user_data);

/* Wait for the next piece, or for the end. */
static agt_status wait_more(agt_tool_call *call, waiting *self)
{
    uint32_t due_ms = self->answer.delay_ms;
    if (self->told < self->length) {
        size_t next = self->told + self->answer.stream_bytes;
        size_t share = next < self->length ? next : self->length;
        due_ms = (uint32_t)((uint64_t)due_ms * share / self->length);
    }
    uint32_t ms = due_ms - self->waited_ms;
    self->waited_ms = due_ms;
    return agt_tool_call_resume_after(call, ms, go_on);
}

static void go_on(agt_tool_call *call, void *user_data)
{
    waiting *self = agt__tool_call_get_state(call);
    (void)user_data;
    agt_status status = AGT_OK;
    if (self->held) {
        self->is_due = true;
        return;
    }
    if (self->told < self->length) {
        tell_piece(call, self);
    }
    if (self->told < self->length || self->waited_ms < self->answer.delay_ms) {
        status = wait_more(call, self);
        if (status == AGT_OK) {
            return;
        }
    }
    agt_value *output = NULL;
    if (status == AGT_OK) {
        status = deliver(call, &self->answer, &output);
        self->answer.response = NULL;
    }
    agt__tool_call_set_state(call, NULL);
    free_waiting(call, self);
    agt__tool_call_complete(call, status, output);
}

static agt_status start(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    const agt_allocator *allocator = agt_tool_call_get_allocator(call);
    agt__script_answer answer = {0};
    agt_error err;
    agt_status status = agt__script_answer_request(model_of(call)->script, allocator,
                                                   agt_tool_call_get_input(call), &answer, &err);
    if (status != AGT_OK) {
        agt__tool_call_take_error(call, &err);
        return status;
    }
    if (answer.delay_ms == 0 && !streams(call, &answer)) {
        return deliver(call, &answer, ret_output);
    }
    waiting *self = agt__calloc(allocator, 1, sizeof(*self));
    if (self == NULL) {
        agt_value_unref(answer.response);
        return AGT_E_NOMEM;
    }
    self->answer = answer;
    if (streams(call, &answer)) {
        self->text = text_of(answer.response, &self->index, &self->length);
    }
    agt__tool_call_set_state(call, self);
    status = wait_more(call, self);
    if (status != AGT_OK) {
        agt__tool_call_set_state(call, NULL);
        free_waiting(call, self);
        return status;
    }
    *ret_pending = true;
    return AGT_OK;
}

static bool cancel(agt_tool_call *call)
{
    waiting *self = agt__tool_call_get_state(call);
    if (self != NULL) {
        agt__tool_call_set_state(call, NULL);
        free_waiting(call, self);
    }
    agt_tool_complete(call, AGT_E_CANCELLED, NULL);
    return true;
}

static void hold(agt_tool_call *call, bool held)
{
    waiting *self = agt__tool_call_get_state(call);
    if (self == NULL) {
        return;
    }
    self->held = held;
    if (self->is_due && !held) {
        self->is_due = false;
        go_on(call, NULL);
    }
}

static const agt__operation_table scripted_table = {
    .kind = "model",
    .start = start,
    .cancel = cancel,
    .hold = hold,
    .estimate = agt__model_estimate,
    .begin_span = agt__model_begin_span,
    .finish = agt__model_finish,
    .keep_told = agt__model_keep_told,
    .tell_again = agt__model_tell_again,
    .destroy = agt__model_destroy,
};

static agt_status read_prices(agt_model *model, agt_error *err)
{
    const agt_allocator *allocator = model->operation.allocator;
    agt_value *document = NULL;
    agt_status status = agt__script_get_prices(model->script, allocator, &document);
    if (status != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    if (document != NULL) {
        status = agt_prices_new(allocator, document, &model->prices, err);
    }
    agt_value_unref(document);
    return status;
}

agt_status agt_model_new_scripted(agt_runtime *runtime, const agt_value *script,
                                  agt_model **ret_model, agt_error *err)
{
    if (runtime == NULL || ret_model == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "runtime and ret_model are required");
    }
    agt__script *compiled = NULL;
    agt_model *model = NULL;
    agt_status status = agt__script_new(agt_runtime_get_allocator(runtime), script, &compiled, err);
    if (status != AGT_OK) {
        return status;
    }
    status = agt__model_new(runtime, agt__script_get_name(compiled), "scripted", &scripted_table,
                            &model, err);
    if (status != AGT_OK) {
        agt__script_free(compiled);
        return status;
    }
    model->script = compiled;
    model->simulated = true;
    model->operation.mode = agt__script_takes_time(compiled) ? AGT_TOOL_ASYNC : AGT_TOOL_INLINE;
    status = read_prices(model, err);
    if (status != AGT_OK) {
        agt_model_unref(model);
        return status;
    }
    agt__model_find_price(model, runtime);
    *ret_model = model;
    return AGT_OK;
}
