/*
 * The progress display: a table of what is under way, fed by events, drawn by a timer.
 *
 * On a terminal there is a line for each running agent and tool, indented below who asked for it,
 * and one line of totals; all of them are erased and written again, a few times a second, in one
 * write. Elsewhere each start of an agent and each end of an agent or tool is a plain line. Names
 * come from files and models, so they are cleaned.
 */
#include "cli/progress.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ITEMS_MAX = 256, /* under way at a time; more are only counted */
    LINES_MAX = 12,  /* on the screen */
    NAME_COLUMNS = 28,
    DEPTH_MAX = 8
};

typedef struct job {
    uint8_t span_id[8], parent_id[8];
    uint64_t start_ns;
    uint8_t subject;
    bool is_wrapper; /* a tool that is an agent: the agent is shown */
    uint32_t depth;  /* below how many agents and tools it runs */
    char what[CLI_EVENT_TEXT_BYTES];
} job;

struct cli_progress {
    const cli_terminal *terminal;
    uint64_t start_ns;
    job items[ITEMS_MAX]; /* agents, tools and model requests, parents before children */
    size_t item_count;
    size_t line_count; /* on the screen now */
    uint64_t frame;
    uint64_t agents, tools_running, tools_done, tools_failed;
    uint64_t tokens, simulated_tokens;
    int64_t nanousd, simulated_nanousd;
};

cli_progress *cli_progress_new(const cli_terminal *terminal, uint64_t start_ns)
{
    cli_progress *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->terminal = terminal;
        self->start_ns = start_ns;
    }
    return self;
}

void cli_progress_free(cli_progress *progress)
{
    free(progress);
}

/* ---- what is under way -------------------------------------------------------------------- */

static job *find_item(cli_progress *self, const uint8_t span_id[8])
{
    for (size_t i = 0; i < self->item_count; i++) {
        if (memcmp(self->items[i].span_id, span_id, 8) == 0) {
            return &self->items[i];
        }
    }
    return NULL;
}

/* Put an item behind its parent and all that runs below it. */
static void add_item(cli_progress *self, const cli_event *event)
{
    if (self->item_count == ITEMS_MAX) {
        return;
    }
    job *parent = find_item(self, event->parent.span_id);
    size_t at = self->item_count;
    uint32_t depth = 0;
    if (parent != NULL) {
        char what[CLI_EVENT_TEXT_BYTES];
        cli_clean_text(what, sizeof(what), event->what);
        parent->is_wrapper = parent->subject == CLI_SUBJECT_TOOL &&
                             event->subject == CLI_SUBJECT_AGENT && strcmp(parent->what, what) == 0;
        bool is_shown = parent->subject != CLI_SUBJECT_OTHER && !parent->is_wrapper;
        depth = parent->depth + is_shown;
        at = (size_t)(parent - self->items) + 1;
        while (at < self->item_count &&
               self->items[at].depth >= depth + (parent->is_wrapper ? 1 : 0)) {
            at++;
        }
    }
    memmove(&self->items[at + 1], &self->items[at], (self->item_count - at) * sizeof(job));
    job *added = &self->items[at];
    memcpy(added->span_id, event->span.span_id, 8);
    memcpy(added->parent_id, event->parent.span_id, 8);
    added->start_ns = event->start_ns;
    added->subject = event->subject;
    added->depth = depth;
    added->is_wrapper = false;
    cli_clean_text(added->what, sizeof(added->what), event->what);
    self->item_count++;
}

static void remove_item(cli_progress *self, const uint8_t span_id[8])
{
    job *found = find_item(self, span_id);
    if (found != NULL) {
        size_t at = (size_t)(found - self->items);
        self->item_count--;
        memmove(found, found + 1, (self->item_count - at) * sizeof(job));
    }
}

static void count_event(cli_progress *self, const cli_event *event)
{
    if (!event->is_end) {
        self->agents += event->subject == CLI_SUBJECT_AGENT;
        self->tools_running += event->subject == CLI_SUBJECT_TOOL;
        return;
    }
    if (event->subject == CLI_SUBJECT_TOOL) {
        self->tools_running -= self->tools_running > 0;
        self->tools_done++;
        self->tools_failed += event->is_error;
    }
    if (event->subject == CLI_SUBJECT_MODEL || event->subject == CLI_SUBJECT_TOOL) {
        uint64_t tokens = (uint64_t)(event->input_tokens > 0 ? event->input_tokens : 0) +
                          (uint64_t)(event->output_tokens > 0 ? event->output_tokens : 0);
        int64_t cost = event->cost_nanousd > 0 ? event->cost_nanousd : 0;
        *(event->is_simulated ? &self->simulated_tokens : &self->tokens) += tokens;
        *(event->is_simulated ? &self->simulated_nanousd : &self->nanousd) += cost;
    }
}

/* ---- plain lines -------------------------------------------------------------------------- */

static void print_plain(const cli_progress *self, const cli_event *event)
{
    static const char *const nouns[] = {"", "agent", "model", "tool"};
    bool is_shown = event->subject == CLI_SUBJECT_AGENT ||
                    (event->subject == CLI_SUBJECT_TOOL && event->is_end);
    if (!is_shown) {
        return;
    }
    char what[CLI_EVENT_TEXT_BYTES], since[CLI_FIGURE_BYTES], took[CLI_FIGURE_BYTES];
    uint64_t now_ns = event->is_end ? event->end_ns : event->start_ns;
    bool is_unicode = self->terminal->has_unicode;
    cli_clean_text(what, sizeof(what), event->what);
    cli_format_duration(since, now_ns > self->start_ns ? now_ns - self->start_ns : 0, is_unicode);
    if (!event->is_end) {
        (void)fprintf(stderr, "[%s] %s %s: started\n", since, nouns[event->subject], what);
        return;
    }
    cli_format_duration(took, event->end_ns - event->start_ns, is_unicode);
    const char *outcome = event->outcome[0] != '\0' ? event->outcome
                          : event->is_error         ? "failed"
                                                    : "ok";
    (void)fprintf(stderr, "[%s] %s %s: %s (%s)\n", since, nouns[event->subject], what, outcome,
                  took);
}

void cli_progress_add(cli_progress *progress, const cli_event *event)
{
    const job *known = event->is_end ? find_item(progress, event->span.span_id) : NULL;
    bool is_wrapper = known != NULL && known->is_wrapper;
    count_event(progress, event);
    if (!event->is_end) {
        add_item(progress, event);
    } else {
        remove_item(progress, event->span.span_id);
    }
    if (!progress->terminal->can_move && !is_wrapper) {
        print_plain(progress, event);
    }
}

/* ---- live lines --------------------------------------------------------------------------- */

/* Go to the first live line and erase everything below. */
static void erase(cli_progress *self, FILE *stream)
{
    if (self->line_count > 0) {
        (void)fprintf(stream, "\033[%zuA\r\033[J", self->line_count);
        self->line_count = 0;
    }
}

static void draw_item(const cli_progress *self, FILE *stream, const job *item, uint64_t now_ns)
{
    static const char *const frames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    static const char ascii[] = "|/-\\";
    const cli_terminal *terminal = self->terminal;
    char mark[8], text[CLI_EVENT_TEXT_BYTES + 2 * DEPTH_MAX], took[CLI_FIGURE_BYTES];
    bool is_agent = item->subject == CLI_SUBJECT_AGENT;
    size_t depth = item->depth < DEPTH_MAX ? item->depth : DEPTH_MAX;
    if (terminal->has_unicode) {
        (void)snprintf(mark, sizeof(mark), "%s", frames[self->frame % 10]);
    } else {
        (void)snprintf(mark, sizeof(mark), "%c", ascii[self->frame % 4]);
    }
    (void)snprintf(text, sizeof(text), "%*s%s%s", (int)(2 * depth), "", item->what,
                   item->subject == CLI_SUBJECT_MODEL ? (terminal->has_unicode ? "…" : "...") : "");
    cli_format_duration(took, now_ns > item->start_ns ? now_ns - item->start_ns : 0,
                        terminal->has_unicode);
    size_t columns = terminal->columns > 24 ? terminal->columns - 16 : 8;
    columns = columns > NAME_COLUMNS + 2 * depth ? NAME_COLUMNS + 2 * depth : columns;
    (void)fprintf(stream, "%s%s%s ", cli_style_of(terminal, CLI_CYAN), mark,
                  cli_style_of(terminal, CLI_PLAIN));
    (void)fputs(is_agent ? cli_style_of(terminal, CLI_BOLD) : "", stream);
    cli_write_cell(stream, text, columns, terminal->has_unicode);
    (void)fprintf(stream, "%s %s\n", cli_style_of(terminal, CLI_PLAIN), took);
}

/* "2.35 s · agents 3 · tools 4/7 · 1,234 tokens · $0.0042" */
static void draw_totals(const cli_progress *self, FILE *stream, uint64_t now_ns)
{
    const cli_terminal *terminal = self->terminal;
    const char *dot = terminal->has_unicode ? "·" : "|";
    char text[256], tokens[CLI_FIGURE_BYTES], money[CLI_FIGURE_BYTES], took[CLI_FIGURE_BYTES];
    bool is_simulated = self->simulated_tokens > 0 && self->tokens == 0;
    cli_format_count(tokens, self->tokens + self->simulated_tokens);
    cli_format_money(money, is_simulated ? self->simulated_nanousd : self->nanousd);
    cli_format_duration(took, now_ns > self->start_ns ? now_ns - self->start_ns : 0,
                        terminal->has_unicode);
    uint64_t tools = self->tools_done + self->tools_running;
    (void)snprintf(text, sizeof(text), "%s %s agents %llu %s tools %llu/%llu %s %s tokens %s %s%s",
                   took, dot, (unsigned long long)self->agents, dot,
                   (unsigned long long)self->tools_done, (unsigned long long)tools, dot, tokens,
                   dot, money, is_simulated ? " simulated" : "");
    size_t width = cli_text_width(text), columns = terminal->columns - 1;
    (void)fputs(cli_style_of(terminal, CLI_DIM), stream);
    cli_write_cell(stream, text, width < columns ? width : columns, terminal->has_unicode);
    (void)fprintf(stream, "%s\n", cli_style_of(terminal, CLI_PLAIN));
}

/* Write everything at once, so that no half-drawn screen is ever seen. */
static void write_all(const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t count = write(STDERR_FILENO, bytes + at, size - at);
        if (count <= 0) {
            return;
        }
        at += (size_t)count;
    }
}

void cli_progress_draw(cli_progress *progress, uint64_t now_ns)
{
    if (!progress->terminal->can_move) {
        return;
    }
    char *bytes = NULL;
    size_t size = 0, hidden = 0, lines = 0;
    FILE *stream = open_memstream(&bytes, &size);
    if (stream == NULL) {
        return;
    }
    erase(progress, stream);
    for (size_t i = 0; i < progress->item_count; i++) {
        const job *item = &progress->items[i];
        if (item->subject == CLI_SUBJECT_OTHER || item->is_wrapper) {
            continue;
        }
        if (lines < LINES_MAX) {
            draw_item(progress, stream, item, now_ns);
            lines++;
        } else {
            hidden++;
        }
    }
    if (hidden > 0) {
        (void)fprintf(stream, "  and %zu more\n", hidden);
        lines++;
    }
    draw_totals(progress, stream, now_ns);
    progress->line_count = lines + 1;
    progress->frame++;
    if (fclose(stream) == 0) {
        write_all(bytes, size);
    }
    free(bytes);
}

void cli_progress_clear(cli_progress *progress)
{
    if (progress->line_count > 0) {
        erase(progress, stderr);
        (void)fflush(stderr);
    }
}
