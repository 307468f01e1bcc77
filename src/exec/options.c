/*
 * Options of a start and of single calls: copied once, so that the caller's struct and texts may go
 * away (`own`), and merged at every start by taking from the outer scope what the inner one leaves
 * open (`given`, which is what everybody else reads).
 */
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "exec/graph.h"

#include <stdatomic.h>

#define ORIGIN "exec/options"

/* ---- sessions ------------------------------------------------------------------------------ */

agt_session *agt__session_ref(agt_session *session)
{
    if (session != NULL) {
        agt__session_head *head = (agt__session_head *)(void *)session;
        (void)atomic_fetch_add_explicit(&head->refs, 1, memory_order_relaxed);
    }
    return session;
}

void agt__session_unref(agt_session *session)
{
    agt__session_head *head = (agt__session_head *)(void *)session;
    if (head != NULL && atomic_fetch_sub_explicit(&head->refs, 1, memory_order_acq_rel) == 1) {
        head->destroy(head);
    }
}

static const char *id_of(const agt_session *session)
{
    return session != NULL ? ((const agt__session_head *)(const void *)session)->id : NULL;
}

/* ---- options ------------------------------------------------------------------------------- */

static agt_status copy_text(const agt_allocator *allocator, const char *text, char **ret_copy)
{
    if (text == NULL) {
        return AGT_OK;
    }
    *ret_copy = agt__strdup(allocator, text);
    return *ret_copy != NULL ? AGT_OK : AGT_E_NOMEM;
}

/* As if nothing had been inherited; the time to the deadline begins now. */
static void begin(agt__options *options, const agt_clock *clock)
{
    agt_budget_unref(options->given.budget);
    options->given = options->own;
    (void)agt_budget_ref(options->given.budget);
    uint32_t deadline_ms = options->own.deadline_ms;
    options->deadline_ns = UINT64_MAX;
    if (deadline_ms != 0 && deadline_ms != AGT_MS_NONE) {
        options->deadline_ns =
            clock->get_monotonic_ns(clock->ctx) + (uint64_t)deadline_ms * 1000000u;
    }
}

agt_status agt__options_init(agt__options *options, const agt_allocator *allocator,
                             const agt_call_options *given, const agt_clock *clock, agt_error *err)
{
    agt_call_options *own = &options->own;
    *options = (agt__options){.deadline_ns = UINT64_MAX};
    agt_status status = agt__config_read(own, sizeof(*own), given, err);
    if (status != AGT_OK) {
        *own = (agt_call_options){.struct_size = sizeof(*own)};
        return status;
    }
    own->cancel = agt_cancel_ref(own->cancel);
    own->budget = agt_budget_ref(own->budget);
    own->session = agt__session_ref(own->session);
    if (own->conversation == NULL) {
        own->conversation = id_of(own->session);
    }
    if (own->parent != NULL) {
        options->parent = *own->parent;
        own->parent = &options->parent;
    }
    if (copy_text(allocator, own->conversation, &options->conversation) != AGT_OK ||
        copy_text(allocator, own->correlation_id, &options->correlation_id) != AGT_OK ||
        copy_text(allocator, own->agent, &options->agent) != AGT_OK ||
        copy_text(allocator, own->run_name, &options->run_name) != AGT_OK) {
        agt__options_deinit(options, allocator);
        return agt__error_nomem(err, ORIGIN);
    }
    own->conversation = options->conversation;
    own->correlation_id = options->correlation_id;
    own->agent = options->agent;
    own->run_name = options->run_name;
    begin(options, clock);
    return AGT_OK;
}

void agt__options_inherit(agt__options *options, const agt__options *defaults,
                          const agt_clock *clock)
{
    agt_call_options *own = &options->given;
    const agt_call_options *outer = &defaults->given;
    begin(options, clock);
    own->timeout_ms = own->timeout_ms != 0 ? own->timeout_ms : outer->timeout_ms;
    own->priority = own->priority != 0 ? own->priority : outer->priority;
    own->conversation = own->conversation != NULL ? own->conversation : outer->conversation;
    own->correlation_id = own->correlation_id != NULL ? own->correlation_id : outer->correlation_id;
    own->agent = own->agent != NULL ? own->agent : outer->agent;
    own->session = own->session != NULL ? own->session : outer->session;
    if (own->budget == NULL) {
        own->budget = agt_budget_ref(outer->budget);
    }
    if (options->deadline_ns > defaults->deadline_ns) {
        options->deadline_ns = defaults->deadline_ns;
    }
}

void agt__options_deinit(agt__options *options, const agt_allocator *allocator)
{
    agt_cancel_unref(options->own.cancel);
    agt_budget_unref(options->own.budget);
    agt__session_unref(options->own.session);
    agt_budget_unref(options->given.budget);
    agt__free(allocator, options->conversation);
    agt__free(allocator, options->correlation_id);
    agt__free(allocator, options->agent);
    agt__free(allocator, options->run_name);
    *options = (agt__options){.deadline_ns = UINT64_MAX};
}
