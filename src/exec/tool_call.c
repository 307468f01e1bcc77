/*
 * What a tool sees of its call, while it runs: the public agt_tool_call_… functions and those for
 * other kinds of operations.
 *
 * A blocking function may look at its attempt after the call was settled without it; nothing here
 * touches the call itself then. Its error text is the one thing both sides write: it changes hands
 * atomically.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/value.h"
#include "exec/graph.h"

#include <stdio.h>
#include <string.h>

#define ORIGIN "exec"

static agt__live *live_of(const agt_tool_call *call)
{
    AGT_ASSERT(call->is_live);
    return (agt__live *)(void *)(uintptr_t)call;
}

static agt__blocking *blocking_of(const agt_tool_call *call)
{
    return call->is_blocking ? (agt__blocking *)(void *)(uintptr_t)call : NULL;
}

const agt_value *agt_tool_call_get_input(const agt_tool_call *call)
{
    return call->input;
}

const char *agt_tool_call_get_name(const agt_tool_call *call)
{
    return call->operation->name;
}

const agt_allocator *agt_tool_call_get_allocator(const agt_tool_call *call)
{
    return call->graph->allocator;
}

agt_span_context agt_tool_call_get_span(const agt_tool_call *call)
{
    return call->span;
}

uint32_t agt_tool_call_get_remaining_ms(const agt_tool_call *call)
{
    uint64_t due = agt__attempt_get_limit_ns(call);
    if (due == UINT64_MAX) {
        return AGT_MS_NONE;
    }
    uint64_t now = agt__runtime_now_ns(call->graph->runtime);
    uint64_t left_ms = due > now ? (due - now + 999999u) / 1000000u : 0;
    return left_ms < AGT_MS_NONE ? (uint32_t)left_ms : AGT_MS_NONE - 1;
}

bool agt_tool_call_is_cancelled(const agt_tool_call *call)
{
    return atomic_load_explicit(&call->cancelled, memory_order_acquire);
}

void *agt_tool_call_get_user_data(const agt_tool_call *call)
{
    return call->operation->user_data;
}

/* A call that was settled without this attempt is not to be looked at any more; that of one on a
 * worker may be settled at any time, unless it is locked.
 * @return whether the call may be looked at, until it is unlocked */
static bool lock_call(const agt_tool_call *call)
{
    agt__blocking *blocking = blocking_of(call);
    if (blocking != NULL) {
        (void)pthread_mutex_lock(&blocking->mutex);
    }
    return (blocking == NULL || !blocking->claimed) && call->call != NULL;
}

static void unlock_call(const agt_tool_call *call)
{
    agt__blocking *blocking = blocking_of(call);
    if (blocking != NULL) {
        (void)pthread_mutex_unlock(&blocking->mutex);
    }
}

agt_status agt_tool_call_get_key(const agt_tool_call *call, char ret_key[65])
{
    static const char digits[] = "0123456789abcdef";
    if (call == NULL || ret_key == NULL) {
        return AGT_E_INVALID;
    }
    uint8_t key[32];
    agt_status status = lock_call(call) ? agt__call_get_key(call->call, key) : AGT_E_CANCELLED;
    unlock_call(call);
    if (status == AGT_OK) {
        for (size_t i = 0; i < 32; i++) {
            ret_key[2 * i] = digits[key[i] >> 4];
            ret_key[2 * i + 1] = digits[key[i] & 15];
        }
        ret_key[64] = '\0';
    }
    return status;
}

/* ---- for whom ------------------------------------------------------------------------------ */

static void add_text(agt_value_builder *builder, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        agt__builder_add_string(builder, key, text);
    }
}

/* The run that the call is part of, however deep, if it is one that is stored. */
static const char *get_run_id(const agt_tool_call *call)
{
    while (call->graph->within != NULL) {
        call = call->graph->within;
    }
    return call->graph->run.active ? call->graph->run.id : NULL;
}

static void add_context(agt_value_builder *builder, const agt_tool_call *call)
{
    const agt_call_options *options = agt__call_options(call->call);
    const agt__call_extra *extra = call->call->extra;
    agt_value_builder_begin_object(builder);
    add_text(builder, "tool", call->operation->name);
    add_text(builder, "call_id", extra != NULL ? extra->call_id : NULL);
    add_text(builder, "agent", options->agent);
    add_text(builder, "conversation", options->conversation);
    add_text(builder, "correlation_id", options->correlation_id);
    add_text(builder, "run", get_run_id(call));
    agt_value_builder_end(builder);
}

agt_status agt_tool_call_get_context(const agt_tool_call *call, agt_value **ret_context)
{
    agt_value_builder *builder = NULL;
    if (call == NULL || ret_context == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt_value_builder_new(call->graph->allocator, &builder);
    if (status != AGT_OK) {
        return status;
    }
    if (lock_call(call)) {
        add_context(builder, call);
    } else {
        status = AGT_E_CANCELLED;
    }
    unlock_call(call);
    if (status == AGT_OK) {
        status = agt_value_builder_finish(builder, ret_context, NULL);
    }
    agt_value_builder_free(builder);
    return status;
}

/* ---- what it says -------------------------------------------------------------------------- */

/* The loop may be ending the attempt at this moment: the text changes hands in one step. */
static void keep_error(agt_tool_call *call, const agt_error *err)
{
    agt_error *said = agt__alloc(call->graph->allocator, sizeof(*said));
    if (said == NULL) {
        return; /* the status has to speak for itself */
    }
    *said = *err;
    agt_error *before = atomic_exchange_explicit(&call->error, said, memory_order_acq_rel);
    agt__free(call->graph->allocator, before);
}

void agt_tool_call_set_error(agt_tool_call *call, const char *format, ...)
{
    agt_error err;
    char origin[sizeof(err.origin)];
    va_list args;
    (void)snprintf(origin, sizeof(origin), "tool/%.40s", call->operation->name);
    va_start(args, format);
    (void)agt__error_setv(&err, AGT_OK, origin, format, args);
    va_end(args);
    keep_error(call, &err);
}

void agt__tool_call_take_error(agt_tool_call *call, const agt_error *err)
{
    keep_error(call, err);
}

/* ---- time ---------------------------------------------------------------------------------- */

static agt_status sleep_simulated(agt_tool_call *call, uint64_t ns)
{
    agt__live *live = live_of(call);
    uint64_t end = call->start_ns + live->simulated_ns + ns;
    live->simulated_ns += ns;
    if (end >= call->due_ns) {
        atomic_store_explicit(&call->cancelled, true, memory_order_release);
        return AGT_E_CANCELLED;
    }
    return AGT_OK;
}

agt_status agt_tool_call_sleep(agt_tool_call *call, uint32_t ms)
{
    if (call == NULL) {
        return AGT_E_INVALID;
    }
    if (call->graph->runtime->simulated && call->operation->mode == AGT_TOOL_BLOCKING) {
        return sleep_simulated(call, (uint64_t)ms * 1000000u);
    }
    agt__blocking *blocking = blocking_of(call);
    if (blocking == NULL) {
        return AGT_E_INVALID; /* only a function with a thread of its own may block */
    }
    const agt_clock *clock = agt_clock_get_system();
    uint64_t until = clock->get_monotonic_ns(clock->ctx) + (uint64_t)ms * 1000000u;
    bool in_time = true;
    (void)pthread_mutex_lock(&blocking->mutex);
    while (!agt_tool_call_is_cancelled(call) && in_time) {
        in_time = agt__cond_wait_until(&blocking->wakeup, &blocking->mutex, until);
    }
    (void)pthread_mutex_unlock(&blocking->mutex);
    return agt_tool_call_is_cancelled(call) ? AGT_E_CANCELLED : AGT_OK;
}

static void fire_resume(agt__timer *timer)
{
    agt__live *live = (agt__live *)(void *)((char *)timer - offsetof(agt__live, resume_timer));
    void (*resume)(agt_tool_call * call, void *user_data) = live->resume;
    live->resume = NULL;
    resume(&live->attempt, live->attempt.operation->user_data);
}

agt_status agt_tool_call_resume_after(agt_tool_call *call, uint32_t ms,
                                      void (*fn)(agt_tool_call *call, void *user_data))
{
    agt__loop *loop = call != NULL ? call->graph->runtime->loop : NULL;
    if (call == NULL || fn == NULL || call->operation->mode != AGT_TOOL_ASYNC ||
        !agt__loop_is_current(loop)) {
        return AGT_E_INVALID;
    }
    if (call->call == NULL) {
        return AGT_E_CANCELLED; /* the call was settled without it: it has to complete */
    }
    agt__live *live = live_of(call);
    live->resume = fn;
    live->resume_timer.fire = fire_resume;
    return agt__loop_timer_start(loop, &live->resume_timer,
                                 agt__runtime_now_ns(call->graph->runtime) +
                                     (uint64_t)ms * 1000000u);
}

void agt_tool_call_on_cancel(agt_tool_call *call, void (*fn)(agt_tool_call *call, void *user_data))
{
    if (call->operation->mode == AGT_TOOL_ASYNC) {
        live_of(call)->on_cancel = fn;
    }
}

/* ---- for other kinds of operations --------------------------------------------------------- */

agt__operation *agt__tool_call_get_operation(const agt_tool_call *call)
{
    return call->operation;
}

agt_runtime *agt__tool_call_get_runtime(const agt_tool_call *call)
{
    return call->graph->runtime;
}

void agt__tool_call_set_state(agt_tool_call *call, void *state)
{
    call->state = state;
}

void *agt__tool_call_get_state(const agt_tool_call *call)
{
    return call->state;
}

const agt_call_options *agt__tool_call_get_options(const agt_tool_call *call)
{
    return call->call != NULL ? agt__call_options(call->call) : &call->graph->options.given;
}

agt_graph *agt__tool_call_get_graph(const agt_tool_call *call)
{
    return call->graph;
}

agt_tool_call *agt__tool_call_get_parent(const agt_tool_call *call)
{
    return call->graph->within;
}

agt_span *agt__tool_call_get_open_span(const agt_tool_call *call)
{
    return call->call != NULL ? call->call->span : NULL;
}

agt_outcome agt__tool_call_get_outcome(const agt_tool_call *call)
{
    return call->call != NULL ? (agt_outcome)call->call->outcome : AGT_OUTCOME_NONE;
}

const agt_error *agt__tool_call_get_error(const agt_tool_call *call)
{
    return call->call != NULL ? call->call->detail : NULL;
}

const agt_value *agt__tool_call_get_output(const agt_tool_call *call)
{
    return call->call != NULL ? call->call->output : NULL;
}
