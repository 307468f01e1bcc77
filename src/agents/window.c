/*
 * What of a conversation is sent: all of it while it fits, else its end.
 *
 * The run's messages stay where they are; `first` says from which on they are sent. Of those before
 * it only the question of this run is sent, should it be one of them, and the lead, a message that
 * stands for the others: the summary, if there is one, and how many more there were.
 *
 * `first` only moves to places where a conversation can be cut: to the beginning of a turn, or
 * within this run's turn to the beginning of a step (an answer of the model, with the results of
 * the tools it asked for). It moves rarely and then far, to three quarters of the room, because
 * each move makes what providers have cached worthless.
 *
 * Sizes are estimates: bytes / 4, corrected by what the last request really took.
 *
 * Threads: the loop's.
 */
#include "agents/run.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/value.h"

#include <string.h>

enum {
    scale_max = 400,
    quoted_bytes_max = 400
};

static uint64_t estimate(const agt__agent_run *run, size_t bytes)
{
    uint64_t tokens = agt__estimate_tokens(run->agent->request_bytes + run->memory_bytes +
                                           run->lead_bytes + bytes);
    return run->scale > 100 ? tokens * run->scale / 100 : tokens;
}

uint64_t agt__agent_run_estimate(const agt__agent_run *run)
{
    return agt__estimate_tokens(run->agent->request_bytes + run->memory_bytes + run->lead_bytes +
                                run->bytes);
}

/* Tokens of input that there is room for; UINT64_MAX if nobody knows. */
static uint64_t get_room(const agt__agent_run *run)
{
    uint64_t context = run->agent->limits.context_tokens;
    if (context == 0) {
        context = agt_model_get_context_tokens(run->agent->model);
    }
    if (context == 0) {
        return UINT64_MAX;
    }
    uint64_t output = agt__model_get_max_output_tokens(run->agent->model);
    return context - (output < context / 4 ? output : context / 4);
}

void agt__agent_run_calibrate(agt__agent_run *run, int64_t input_tokens)
{
    if (input_tokens > 0 && run->request_input > 0 && !agt_model_is_simulated(run->agent->model)) {
        uint64_t percent = (uint64_t)input_tokens * 100 / run->request_input;
        run->scale = percent < scale_max ? (uint32_t)percent : scale_max;
    }
}

/* ---- where to cut -----------------------------------------------------------------------------
 */

static bool is_assistant(const agt_value *message)
{
    return strcmp(agt__value_member_text(message, "role", ""), "assistant") == 0;
}

/* The next place behind @at where it can be cut; @at if there is none. */
static size_t next_cut(const agt__agent_run *run, size_t at)
{
    size_t next = at + 1;
    if (at < run->question) { /* the end of that turn */
        while (next < run->question && run->turns[next] == run->turns[at]) {
            next++;
        }
        return next;
    }
    next = at == run->question ? at + 2 : at + 1; /* behind the step that begins there */
    while (next < run->message_count && !is_assistant(run->messages[next])) {
        next++;
    }
    return next < run->message_count ? next : at;
}

static size_t size_of(const agt__agent_run *run, size_t from, size_t to)
{
    size_t bytes = 0;
    for (size_t i = from; i < to; i++) {
        bytes += i != run->question ? agt__value_estimate_size(run->messages[i]) : 0;
    }
    return bytes;
}

/* The first cut with which a request has at most @target tokens, or the last one there is. */
static size_t choose(const agt__agent_run *run, uint64_t target)
{
    size_t at = run->first, bytes = run->bytes;
    while (estimate(run, bytes) > target) {
        size_t next = next_cut(run, at);
        if (next == at) {
            break;
        }
        bytes -= size_of(run, at, next);
        at = next;
    }
    return at;
}

/* ---- cutting ----------------------------------------------------------------------------------
 */

size_t agt__agent_run_count_left_out(const agt__agent_run *run)
{
    return run->first - (run->first > run->question ? 1 : 0);
}

/* What the conversation began with, cut to fit into a sentence. */
static void add_beginning(const agt__agent_run *run, agt__buffer *text)
{
    const agt_value *part = agt_value_get_item(agt_value_get_member(run->messages[0], "parts"), 0);
    size_t length = 0;
    const char *bytes = agt_value_get_string(agt__part_get_text(part), &length);
    if (bytes == NULL || run->question == 0) {
        return;
    }
    bool is_cut = length > quoted_bytes_max;
    length = is_cut ? quoted_bytes_max : length;
    while (is_cut && length > 0 && ((unsigned char)bytes[length] & 0xC0) == 0x80) {
        length--;
    }
    agt__buffer_add_text(text, " It began with: ");
    agt__buffer_add(text, bytes, length);
    agt__buffer_add_text(text, is_cut ? "\xE2\x80\xA6" : "");
}

/* The message that stands for what is left out; NULL if there is no memory. */
static agt_value *make_lead(const agt__agent_run *run)
{
    size_t covered = run->summary != NULL ? run->summarized : 0;
    size_t left = run->first > covered ? run->first - covered : 0;
    agt__buffer text;
    agt_value *value = NULL, *message = NULL;
    agt__buffer_init(&text, run->allocator, 0);
    if (run->summary != NULL) {
        size_t length = 0;
        const char *summary = agt_value_get_string(run->summary, &length);
        agt__buffer_add_text(&text, "[Summary of the earlier conversation:]\n");
        agt__buffer_add(&text, summary, length);
        agt__buffer_add_text(&text, left > 0 ? "\n" : "");
    }
    if (left > 0) {
        agt__buffer_add_format(&text,
                               "[%zu earlier message%s of this conversation are left out "
                               "here, to fit your context.",
                               left, left == 1 ? "" : "s");
        if (run->summary == NULL) {
            add_beginning(run, &text);
        }
        agt__buffer_add_char(&text, ']');
    }
    agt_status status = text.status;
    if (status == AGT_OK) {
        status = agt_value_new_string_n(run->allocator, agt__buffer_text(&text), text.size, &value);
    }
    if (status == AGT_OK) {
        status = agt__message_new_text(run->allocator, &run->agent->words, AGT__WORD_USER, value,
                                       &message);
    }
    agt_value_unref(value);
    agt__buffer_deinit(&text);
    if (status == AGT_OK && agt_value_with_taint(run->allocator, message, &value) == AGT_OK) {
        agt_value_unref(message); /* what it quotes may be anybody's */
        message = value;
    }
    return status == AGT_OK ? message : NULL;
}

void agt__agent_run_trim(agt__agent_run *run, size_t next)
{
    run->bytes -= size_of(run, run->first, next);
    run->first = next;
    agt_value_unref(run->lead);
    run->lead = make_lead(run);
    run->lead_bytes = run->lead != NULL ? agt__value_estimate_size(run->lead) : 0;
}

bool agt__agent_run_fit(agt__agent_run *run)
{
    uint64_t room = get_room(run);
    if (room == UINT64_MAX || estimate(run, run->bytes) <= room) {
        return false;
    }
    size_t next = choose(run, room / 4 * 3);
    if (next == run->first) {
        return false; /* perhaps it fits after all: the model will say */
    }
    if (run->agent->summarize && !run->has_failed_summary) {
        return agt__agent_run_start_summary(run, next);
    }
    agt__agent_run_trim(run, next);
    return false;
}

bool agt__agent_run_shorten(agt__agent_run *run)
{
    if (run->has_overflowed) {
        return false;
    }
    size_t next = choose(run, estimate(run, run->bytes) / 2);
    if (next == run->first) {
        return false;
    }
    run->has_overflowed = true;
    agt__agent_run_trim(run, next);
    return true;
}

const agt_value **agt__agent_run_select(const agt__agent_run *run, size_t *ret_count)
{
    if (run->first == 0) {
        *ret_count = run->message_count;
        return run->messages;
    }
    const agt_value **all = agt__calloc(run->allocator, run->message_count + 2, sizeof(*all));
    size_t count = 0;
    if (all == NULL) {
        return NULL;
    }
    if (run->lead != NULL) {
        all[count++] = run->lead;
    }
    if (run->question < run->first) {
        all[count++] = run->messages[run->question];
    }
    for (size_t i = run->first; i < run->message_count; i++) {
        all[count++] = run->messages[i];
    }
    *ret_count = count;
    return all;
}
