/*
 * Figures, all of them from what was measured: the spans of the two runs, and the ledger.
 *
 * The speed-up is the time of one run by that of the other. Both hold the wait for a tool that
 * never ends, and waiting overlaps with work for nothing; so a second speed-up leaves it out: it
 * compares the times in which at least one tool ran that answered.
 */
#include "figures.h"

#include "facts.h"

#include <stdlib.h>
#include <string.h>

enum {
    PATH_NAMES_MAX = 5,
    PATH_PIECE_NS_MIN = 50 * 1000 /* what is shorter would be printed as 0.0 ms */
};

typedef struct interval {
    uint64_t start_ns, end_ns;
} interval;

typedef struct times {
    uint64_t wall_ns;
    uint64_t answered_ns; /* with a tool running that answered  */
    size_t tools;         /* calls, those that failed included  */
} times;

/* ---- measuring --------------------------------------------------------------------------------
 */

static interval interval_of(const agt_value *span)
{
    return (interval){get_count(span, "start_unix_ns"), get_count(span, "end_unix_ns")};
}

/* Whether @span is the call of a tool by an agent. */
static bool is_tool(const run *self, const agt_value *span)
{
    const agt_value *attributes = agt_value_get_member(span, "attributes");
    const agt_value *name = agt_value_get_member(attributes, "gen_ai.tool.name");
    const char *text = agt_value_get_string(name, NULL);
    return text != NULL && agt_value_get_member(self->found.tools, text) != NULL;
}

static int by_start(const void *a, const void *b)
{
    const interval *left = a, *right = b;
    return (left->start_ns > right->start_ns) - (left->start_ns < right->start_ns);
}

/* The time that is covered by at least one of the intervals, which are sorted here. */
static uint64_t cover(interval *intervals, size_t count)
{
    uint64_t covered = 0, end = 0;
    if (count > 0) {
        qsort(intervals, count, sizeof(*intervals), by_start);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t start = intervals[i].start_ns > end ? intervals[i].start_ns : end;
        if (intervals[i].end_ns > start) {
            covered += intervals[i].end_ns - start;
            end = intervals[i].end_ns;
        }
    }
    return covered;
}

static times measure(const run *self)
{
    const agt_value *spans = agt_value_get_member(self->trace, "spans");
    size_t count = agt_value_get_count(spans), answered = 0;
    times measured = {.wall_ns = get_count(self->trace, "duration_ns")};
    interval *intervals = calloc(count + 1, sizeof(*intervals));
    for (size_t i = 0; intervals != NULL && i < count; i++) {
        const agt_value *span = agt_value_get_item(spans, i);
        if (!is_tool(self, span)) {
            continue;
        }
        measured.tools++;
        if (!agt_value_get_bool(agt_value_get_member(span, "error"), false)) {
            intervals[answered++] = interval_of(span);
        }
    }
    measured.answered_ns = intervals != NULL ? cover(intervals, answered) : 0;
    free(intervals);
    return measured;
}

/* ---- the critical path ------------------------------------------------------------------------
 */

/* The index of the span with that id among those before @end; SIZE_MAX if there is none. */
static size_t find_parent(const agt_value *spans, size_t end, piece id)
{
    for (size_t i = end; id.length > 0 && i-- > 0;) {
        if (compare_pieces(get_text(agt_value_get_item(spans, i), "span_id"), id) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static agt_profile *make_profile(const agt_value *spans)
{
    size_t count = agt_value_get_count(spans);
    agt_profile *profile = NULL;
    agt_profile_node *nodes = calloc(count + 1, sizeof(*nodes));
    for (size_t i = 0; nodes != NULL && i < count; i++) {
        const agt_value *span = agt_value_get_item(spans, i);
        interval took = interval_of(span);
        nodes[i] = (agt_profile_node){
            .name = agt_value_get_string(agt_value_get_member(span, "name"), NULL),
            .start_ns = took.start_ns,
            .end_ns = took.end_ns > took.start_ns ? took.end_ns : took.start_ns,
            .parent = find_parent(spans, i, get_text(span, "parent_span_id"))};
    }
    if (nodes == NULL || agt_profile_new(NULL, nodes, count, &profile, NULL) != AGT_OK) {
        profile = NULL;
    }
    free(nodes);
    return profile;
}

/* "execute_tool churn": the tool; and so on. */
static piece short_name(const agt_value *span)
{
    static const char *const prefixes[] = {"execute_tool ", "invoke_agent ", "chat "};
    piece name = get_text(span, "name");
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (starts_with(name, prefixes[i])) {
            size_t length = strlen(prefixes[i]);
            return (piece){name.bytes + length, name.length - length};
        }
    }
    return name;
}

/* The pieces of work that took most of the critical path, the longest first. */
static void write_longest(FILE *file, const agt_value *spans, const agt_profile *profile)
{
    size_t count = agt_value_get_count(spans);
    uint64_t below = UINT64_MAX;
    for (int shown = 0; shown < PATH_NAMES_MAX; shown++) {
        uint64_t longest = 0;
        size_t index = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t ns = agt_profile_get_critical_ns(profile, i);
            if (ns > longest && ns < below) {
                longest = ns;
                index = i;
            }
        }
        if (longest < PATH_PIECE_NS_MIN) {
            break;
        }
        piece name = short_name(agt_value_get_item(spans, index));
        (void)fprintf(file, "%s%.*s %.1f ms", shown > 0 ? ", " : "", (int)name.length, name.bytes,
                      (double)longest / 1e6);
        below = longest;
    }
}

static void write_critical_path(FILE *file, const run *everything)
{
    const agt_value *spans = agt_value_get_member(everything->trace, "spans");
    agt_profile *profile = make_profile(spans);
    if (profile == NULL) {
        return;
    }
    agt_profile_stats stats = AGT_CONFIG(agt_profile_stats, 0);
    agt_profile_get_stats(profile, &stats);
    (void)fprintf(file, "critical path   %9.3f s   ", (double)stats.critical_path_ns / 1e9);
    write_longest(file, spans, profile);
    (void)fputc('\n', file);
    agt_profile_free(profile);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* A word of a command line, so that a shell reads it back as it is: in plain quotes, which all
 * shells know, unless there are control characters in it. */
static void write_word(FILE *file, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=+,@%:";
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        (void)fprintf(file, " %s", word);
        return;
    }
    bool has_controls = false;
    for (const char *at = word; *at != '\0'; at++) {
        has_controls = has_controls || is_control(at[0]);
    }
    (void)fputs(has_controls ? " $'" : " '", file);
    for (; *word != '\0'; word++) {
        unsigned char c = (unsigned char)*word;
        if (has_controls && (is_control(*word) || c == '\'' || c == '\\')) {
            (void)fprintf(file, "\\%03o", c);
        } else if (c == '\'') {
            (void)fputs("'\\''", file);
        } else {
            (void)fputc(c, file);
        }
    }
    (void)fputc('\'', file);
}

static void write_run_command(FILE *file, const figures_config *config, unsigned slots)
{
    (void)fputs("                   ", file);
    write_word(file, config->program);
    (void)fprintf(file, " --slots %u", slots);
    for (size_t i = 0; config->options[i] != NULL; i++) {
        write_word(file, config->options[i]);
    }
    (void)fputs(" --", file);
    write_word(file, config->config->path);
    (void)fputs(" >/dev/null\n", file);
}

/* By the id of the run: the commands above make it a run of the past. */
static void write_agent_command(FILE *file, const figures_config *config, const char *verb,
                                const run *about)
{
    piece id = get_text(about->trace, "id");
    (void)fputs("                   ", file);
    write_word(file, config->agent);
    (void)fprintf(file, " %s %.*s --store", verb, (int)id.length, id.bytes);
    write_word(file, config->config->store);
    (void)fputc('\n', file);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static double by(uint64_t a, uint64_t b)
{
    return b > 0 ? (double)a / (double)b : 0;
}

static void write_times(FILE *file, const char *name, const times *measured)
{
    (void)fprintf(file, "%-15s %9.3f s   %zu tool calls, ", name, seconds(measured->wall_ns),
                  measured->tools);
}

static void write_answered(FILE *file, const times *measured)
{
    (void)fprintf(file,
                  "  answering     %9.3f s   with a tool running that answered: without "
                  "`watch`, which only waits\n",
                  seconds(measured->answered_ns));
}

static void write_comparison(FILE *file, const figures_config *config, const times *all,
                             const run *one_slot)
{
    times one = measure(one_slot);
    write_times(file, "one slot", &one);
    (void)fprintf(file, "one at a time\n");
    write_answered(file, &one);
    write_run_command(file, config, 1);
    (void)fprintf(file, "speed-up        %9.2f x   %.3f s / %.3f s, wall time\n",
                  by(one.wall_ns, all->wall_ns), seconds(one.wall_ns), seconds(all->wall_ns));
    (void)fprintf(file, "  without waits %9.2f x   %.3f s / %.3f s, answering\n",
                  by(one.answered_ns, all->answered_ns), seconds(one.answered_ns),
                  seconds(all->answered_ns));
}

static void write_costs(FILE *file, const figures_config *config, const run *about)
{
    const agt_costs *costs = &about->costs;
    (void)fprintf(file,
                  "tokens          %9llu     simulated: about one per four bytes of what a model "
                  "would have been sent and said; %llu real\n",
                  (unsigned long long)costs->simulated_tokens,
                  (unsigned long long)costs->total_tokens);
    (void)fprintf(file, "cost            %9.4f USD simulated; %.4f USD real\n",
                  (double)costs->simulated_nanousd / 1e9, (double)costs->total_nanousd / 1e9);
    write_agent_command(file, config, "costs --run", about);
}

void figures_write(FILE *file, const figures_config *config, const run *everything,
                   const run *one_slot)
{
    times all = measure(everything);
    (void)fputc('\n', file);
    write_times(file, "wall time", &all);
    (void)fprintf(file, "as parallel as %s allow\n",
                  config->config->slots == 0 ? "their dependencies" : "the slots");
    write_answered(file, &all);
    write_run_command(file, config, config->config->slots);
    if (one_slot != NULL) {
        write_comparison(file, config, &all, one_slot);
    }
    write_critical_path(file, everything);
    write_agent_command(file, config, "trace show", everything);
    write_costs(file, config, everything);
}
