/*
 * A run and its session: what was said before comes in, what is said now goes out.
 *
 *     begin → (open) → load → … keep … keep … → close
 *
 * The run gives messages to the session only when no tool call is without its result: before each
 * request, and at the end. A turn that was cut off is brought into that form: tools that ran are
 * told of by their results, of calls that never ran the result says so, and an answer that cannot
 * be completed that way is left out.
 *
 * Sessions in the store are opened, saved and closed by errands (runtime/keep.c), one at a time: a
 * save that is due while another is under way is left to the next one. The run does not wait for
 * saves but for the last, so that when the reply is there, so is the turn.
 *
 * Threads: the loop's, but for the errands' own functions, which touch the session only.
 */
#include "agents/run.h"

#include "base/error.h"
#include "base/value.h"
#include "runtime/runtime.h"

#include <string.h>

static const char origin[] = "agents/session";

static agt__agent_run *run_of(agt__errand *errand)
{
    return (agt__agent_run *)(void *)((char *)errand - offsetof(agt__agent_run, errand));
}

/* ---- coming in --------------------------------------------------------------------------------
 */

agt_status agt__agent_run_begin_session(agt__agent_run *run, agt_error *err)
{
    agt_session *session = agt__tool_call_get_options(run->call)->session;
    if (session == NULL || run->kind != AGT__AGENT_ALONE) {
        return AGT_OK;
    }
    if (session->runtime != run->runtime) {
        return agt__error_set(err, AGT_E_INVALID, origin, "session %s is of another runtime",
                              session->id);
    }
    agt_status status = agt__session_begin(session, err);
    if (status == AGT_OK) {
        run->session = agt__session_ref(session);
        run->has_session = true;
    }
    return status;
}

/* On a worker. */
static void open_session(agt__errand *errand)
{
    agt__agent_run *run = run_of(errand);
    agt_error err;
    agt__memory_refresh(run->agent->memory);
    agt__memory_refresh(run->agent->shared_memory);
    if (run->session == NULL || !run->session->is_stored) {
        return;
    }
    errand->status = agt__session_open(run->session, &err);
    if (errand->status != AGT_OK) {
        run->error = err; /* the run waits, and does not look */
    }
}

static void on_open(agt__errand *errand)
{
    agt__agent_run *run = run_of(errand);
    run->has_errand = false;
    if (errand->status != AGT_OK && run->phase != AGT__PHASE_DONE) {
        if (run->error.status == AGT_OK) {
            agt__error_set(&run->error, errand->status, origin, "no thread for the store");
        }
        agt__agent_run_end(run, AGT_OUTCOME_ERROR);
    }
    if (run->is_graph_done) {
        agt__agent_run_finish(run);
    } else if (run->phase != AGT__PHASE_DONE) {
        run->pending--;
        agt__agent_run_go_on(run);
    }
}

void agt__agent_run_open(agt__agent_run *run)
{
    run->phase = AGT__PHASE_OPEN;
    bool is_stored = run->session != NULL && run->session->is_stored;
    if (!is_stored && !agt__memory_is_stored(run->agent->memory) &&
        !agt__memory_is_stored(run->agent->shared_memory)) {
        return;
    }
    run->pending = 1;
    run->has_errand = true;
    run->errand = (agt__errand){.run = open_session, .done = on_open};
    agt__runtime_start_errand(run->runtime, &run->errand);
}

/* Whether a model may be shown it: what is damaged in the store is null. */
static bool is_shown(const agt__entry *entry)
{
    return entry->kind == AGT__MESSAGE_SAID &&
           agt__value_member_text(entry->message, "role", NULL) != NULL;
}

/* Takes a summary out of the session, and of how many messages it is one. */
static void load_summary(agt__agent_run *run, const agt_value *message)
{
    uint64_t count = 0;
    const agt_value *part = agt_value_get_item(agt_value_get_member(message, "parts"), 0);
    const agt_value *text = agt__part_get_text(part);
    if (text != NULL &&
        agt_value_get_uint64(agt_value_get_member(message, "summary_of"), &count) == AGT_OK) {
        agt_value_unref(run->summary);
        run->summary = agt_value_ref(text);
        run->summarized = count < SIZE_MAX ? (size_t)count : 0;
    }
}

/* The system prompt with what the agent remembers at the beginning of the run: it stays the same
 * for all requests of the run, so that providers can cache it. */
static agt_status load_memory(agt__agent_run *run)
{
    const agt_agent *agent = run->agent;
    if (!agent->has_memory) {
        return AGT_OK;
    }
    agt_status status = agt__memory_make_prompt(run->allocator, agent->system, agent->memory,
                                                agent->shared_memory, &run->system);
    if (status == AGT_OK) {
        size_t without = agt__value_estimate_size(agent->system);
        size_t with = agt__value_estimate_size(run->system);
        run->memory_bytes = with > without ? with - without : 0;
    }
    return status;
}

agt_status agt__agent_run_load(agt__agent_run *run)
{
    agt_session *session = run->session;
    agt_status status = load_memory(run);
    size_t first = 0;
    run->turn = 1;
    for (size_t i = 0; session != NULL && status == AGT_OK && i < session->count; i++) {
        const agt__entry *entry = &session->entries[i];
        if (entry->kind == AGT__MESSAGE_SUMMARY) {
            load_summary(run, entry->message);
        } else if (is_shown(entry)) {
            run->turn = entry->turn;
            status = agt__agent_run_add_message(run, agt_value_ref(entry->message));
            first += i < session->sent_from;
        }
    }
    if (session != NULL) {
        run->turn = agt__session_get_turn(session, session->count) + 1;
    }
    run->kept = run->message_count;
    run->question = run->message_count;
    if (status == AGT_OK && first > 0) {
        agt__agent_run_trim(run, first);
    }
    if (status == AGT_OK) {
        agt_value *query = run->query;
        run->query = NULL;
        status = agt__agent_run_add_message(run, query);
    }
    return status;
}

/* ---- going out --------------------------------------------------------------------------------
 */

/* On a worker. */
static void save_session(agt__errand *errand)
{
    agt__agent_run *run = run_of(errand);
    agt__session_save(run->session, run->agent->operation.name, false);
}

static void close_session(agt__errand *errand)
{
    agt__agent_run *run = run_of(errand);
    agt__session_save(run->session, run->agent->operation.name, true);
}

static void on_saved(agt__errand *errand)
{
    agt__agent_run *run = run_of(errand);
    run->has_errand = false;
    if (run->is_graph_done) {
        agt__agent_run_finish(run);
    }
}

/* The summary as a message that says that it is one. */
static void hand_over_summary(agt__agent_run *run)
{
    agt_value *message = NULL, *marked = NULL;
    agt_value *count = agt__value_uint64_or_null(run->allocator, run->summarized);
    const agt_clock *clock = run->runtime->clock;
    if (count != NULL &&
        agt__message_new_text(run->allocator, &run->agent->words, AGT__WORD_USER, run->summary,
                              &message) == AGT_OK &&
        agt_value_with_member(run->allocator, message, "summary_of", count, &marked) == AGT_OK) {
        agt__entry entry = {
            .message = marked,
            .turn = run->turn,
            .kind = AGT__MESSAGE_SUMMARY,
            .unix_ns = clock->get_unix_ns(clock->ctx),
            .has_trace = agt_span_context_is_valid(&run->context),
        };
        memcpy(entry.trace_id, run->context.trace_id, sizeof(entry.trace_id));
        run->has_new_summary = agt__session_add(run->session, &entry) != AGT_OK;
    }
    agt_value_unref(message);
    agt_value_unref(count);
}

/* The entry that is message @index of the run. */
static size_t find_entry(const agt_session *session, size_t index)
{
    size_t at = 0;
    for (size_t shown = 0; at < session->count; at++) {
        if (is_shown(&session->entries[at]) && shown++ == index) {
            break;
        }
    }
    return at;
}

/* Give the session all messages that it does not have. */
static void hand_over(agt__agent_run *run)
{
    const agt_clock *clock = run->runtime->clock;
    while (run->kept < run->message_count) {
        agt__entry entry = {
            .message = agt_value_ref(run->messages[run->kept]),
            .turn = run->turn,
            .kind = AGT__MESSAGE_SAID,
            .unix_ns = clock->get_unix_ns(clock->ctx),
            .has_trace = agt_span_context_is_valid(&run->context),
        };
        memcpy(entry.trace_id, run->context.trace_id, sizeof(entry.trace_id));
        if (agt__session_add(run->session, &entry) != AGT_OK) {
            return;
        }
        run->kept++;
    }
    if (run->has_new_summary) {
        hand_over_summary(run);
    }
    if (run->first > 0) {
        agt__session_send_from(run->session, find_entry(run->session, run->first));
    }
}

void agt__agent_run_keep(agt__agent_run *run)
{
    if (run->session == NULL) {
        return;
    }
    hand_over(run);
    if (run->session->is_stored && !run->has_errand) {
        run->has_errand = true;
        run->errand = (agt__errand){.run = save_session, .done = on_saved};
        agt__runtime_start_errand(run->runtime, &run->errand);
    }
}

static size_t count_tool_calls(const agt_value *message)
{
    const agt_value *parts = agt_value_get_member(message, "parts");
    agt__tool_request request;
    size_t calls = 0;
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        calls += agt__part_get_tool_call(agt_value_get_item(parts, i), &request);
    }
    return calls;
}

/* The last answer may have asked for tools: see to it that there are results. */
static void complete_turn(agt__agent_run *run)
{
    if (run->message_count <= run->kept) {
        return;
    }
    const agt_value *last = run->messages[run->message_count - 1];
    if (strcmp(agt__value_member_text(last, "role", ""), "assistant") != 0) {
        return;
    }
    size_t calls = count_tool_calls(last);
    if (calls > 0 && (calls != run->planned.count || agt__agent_run_collect(run) != AGT_OK)) {
        run->message_count--;
        agt_value_unref(last);
    }
}

bool agt__agent_run_close_session(agt__agent_run *run)
{
    if (run->session == NULL || run->is_saved) {
        return run->has_errand;
    }
    run->is_saved = true;
    if (run->query == NULL) { /* it was read, so there may be something to say */
        complete_turn(run);
        hand_over(run);
    }
    if (run->session->is_stored) {
        run->has_errand = true;
        run->errand = (agt__errand){.run = close_session, .done = on_saved};
        agt__runtime_start_errand(run->runtime, &run->errand);
    }
    return run->has_errand;
}
