/*
 * A run as a tree: one line per span, children below their parents in the order in which they
 * started, with duration, tokens, money and a bar that says when it worked. Spans on the critical
 * path (agt_profile) are marked.
 *
 * A span that has not ended is drawn up to the last moment that the trace knows of.
 *
 * Spans of a store come parents before children; a span whose parent is not there (dropped, or in
 * another process) is a root. Lines are printed without recursion: the way up is in `parent`.
 */
#include "cli/tree.h"
#include "cli/history.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAME_BYTES = 256,
    NAME_COLUMNS_MIN = 20,
    NAME_COLUMNS_MAX = 60,
    FIGURE_COLUMNS = 10, /* each of three */
    BAR_COLUMNS_MIN = 8,
    BRANCH_COLUMNS = 3,
    DEPTH_MAX = 64
};

#define NONE SIZE_MAX

typedef struct node {
    const agt_value *span;
    uint64_t start_ns, end_ns;
    size_t parent, first, last, next; /* NONE */
    bool is_open;     /* it has no end                                             */
    bool is_hidden;   /* a tool that is an agent: the agent is shown in its place      */
    bool is_critical; /* it, or something below it, is on the critical path            */
    uint64_t self_ns, critical_ns;
} node;

struct cli_tree {
    const agt_value *run;
    node *nodes;
    size_t count;
    size_t first, last; /* of the roots */
    uint64_t start_ns, end_ns;
    agt_profile *profile;
};

/* ---- making it ---------------------------------------------------------------------------- */

/* Insert node @index among the children of its parent, by start. */
static void link_node(cli_tree *self, size_t index)
{
    node *added = &self->nodes[index];
    size_t *first = added->parent == NONE ? &self->first : &self->nodes[added->parent].first;
    size_t *last = added->parent == NONE ? &self->last : &self->nodes[added->parent].last;
    if (*last != NONE && self->nodes[*last].start_ns <= added->start_ns) {
        self->nodes[*last].next = index;
        *last = index;
        return;
    }
    size_t *at = first;
    while (*at != NONE && self->nodes[*at].start_ns <= added->start_ns) {
        at = &self->nodes[*at].next;
    }
    added->next = *at;
    *at = index;
    if (added->next == NONE) {
        *last = index;
    }
}

typedef struct by_id {
    const char *id;
    size_t index;
} by_id;

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const by_id *)a)->id, ((const by_id *)b)->id);
}

static const char *attribute_text(const node *from, const char *name)
{
    return cli_text_of(agt_value_get_member(from->span, "attributes"), name);
}

static bool is_operation(const node *from, const char *operation)
{
    return strcmp(attribute_text(from, "gen_ai.operation.name"), operation) == 0;
}

/* A call of an agent as a tool is two spans that say the same: the tool's is left out. */
static void hide_wrappers(cli_tree *self)
{
    for (size_t i = 0; i < self->count; i++) {
        node *tool = &self->nodes[i];
        const node *agent = tool->first != NONE ? &self->nodes[tool->first] : NULL;
        tool->is_hidden = agent != NULL && agent->next == NONE &&
                          is_operation(tool, "execute_tool") &&
                          is_operation(agent, "invoke_agent") &&
                          strcmp(attribute_text(tool, "gen_ai.tool.name"),
                                 attribute_text(agent, "gen_ai.agent.name")) == 0;
    }
}

/* Fill in nodes and parents. False without memory. */
static bool read_spans(cli_tree *self, const agt_value *spans)
{
    by_id *ids = calloc(self->count + 1, sizeof(*ids));
    if (ids == NULL) {
        return false;
    }
    for (size_t i = 0; i < self->count; i++) {
        const agt_value *span = agt_value_get_item(spans, i);
        node *added = &self->nodes[i];
        uint64_t start = (uint64_t)cli_int_of(span, "start_unix_ns", 0);
        uint64_t end = (uint64_t)cli_int_of(span, "end_unix_ns", 0);
        *added = (node){.span = span,
                        .start_ns = start,
                        .end_ns = end > start ? end : start,
                        .parent = NONE,
                        .first = NONE,
                        .last = NONE,
                        .next = NONE,
                        .is_open = agt_value_get_kind(agt_value_get_member(span, "end_unix_ns")) ==
                                   AGT_VALUE_NULL};
        ids[i] = (by_id){cli_text_of(span, "span_id"), i};
        self->start_ns = i == 0 || start < self->start_ns ? start : self->start_ns;
        self->end_ns = added->end_ns > self->end_ns ? added->end_ns : self->end_ns;
    }
    qsort(ids, self->count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < self->count; i++) {
        self->nodes[i].end_ns = self->nodes[i].is_open ? self->end_ns : self->nodes[i].end_ns;
        by_id key = {cli_text_of(self->nodes[i].span, "parent_span_id"), 0};
        const by_id *found = bsearch(&key, ids, self->count, sizeof(*ids), compare_ids);
        if (found != NULL && found->index < i) {
            self->nodes[i].parent = found->index;
        }
        link_node(self, i);
    }
    hide_wrappers(self);
    free(ids);
    return true;
}

static agt_status make_profile(cli_tree *self, agt_error *err)
{
    agt_profile_node *nodes = calloc(self->count + 1, sizeof(*nodes));
    if (nodes == NULL) {
        return AGT_E_NOMEM;
    }
    for (size_t i = 0; i < self->count; i++) {
        const node *from = &self->nodes[i];
        nodes[i] = (agt_profile_node){cli_text_of(from->span, "name"), from->start_ns, from->end_ns,
                                      from->parent};
    }
    agt_status status = agt_profile_new(NULL, nodes, self->count, &self->profile, err);
    free(nodes);
    for (size_t i = 0; status == AGT_OK && i < self->count; i++) {
        self->nodes[i].self_ns = agt_profile_get_self_ns(self->profile, i);
        self->nodes[i].critical_ns = agt_profile_get_critical_ns(self->profile, i);
    }
    for (size_t i = self->count; status == AGT_OK && i > 0; i--) {
        node *from = &self->nodes[i - 1];
        from->is_critical = from->is_critical || from->critical_ns > 0;
        if (from->is_critical && from->parent != NONE) {
            self->nodes[from->parent].is_critical = true;
        }
    }
    return status;
}

cli_tree *cli_tree_new(const agt_value *run, agt_error *err)
{
    const agt_value *spans = agt_value_get_member(run, "spans");
    cli_tree *self = calloc(1, sizeof(*self));
    agt_status status = self != NULL ? AGT_OK : AGT_E_NOMEM;
    if (status == AGT_OK) {
        self->run = run;
        self->first = self->last = NONE;
        self->count = agt_value_get_count(spans);
        self->nodes = calloc(self->count + 1, sizeof(*self->nodes));
        status = self->nodes != NULL && read_spans(self, spans) ? AGT_OK : AGT_E_NOMEM;
    }
    if (status == AGT_OK) {
        status = make_profile(self, err);
    }
    if (status != AGT_OK) {
        if (status == AGT_E_NOMEM) {
            err->status = status;
            (void)snprintf(err->message, sizeof(err->message), "out of memory");
        }
        cli_tree_free(self);
        return NULL;
    }
    return self;
}

void cli_tree_free(cli_tree *tree)
{
    if (tree != NULL) {
        agt_profile_free(tree->profile);
        free(tree->nodes);
        free(tree);
    }
}

/* ---- printing ----------------------------------------------------------------------------- */

typedef struct painter {
    const cli_tree *tree;
    const cli_terminal *terminal;
    size_t name_columns, bar_columns;
} painter;

/* What the span is about, in a few words, clean. */
static void write_name(char target[NAME_BYTES], const node *from)
{
    static const struct {
        const char *operation, *key, *before;
    } kinds[] = {{"invoke_agent", "gen_ai.agent.name", ""},
                 {"execute_tool", "gen_ai.tool.name", ""},
                 {"chat", "gen_ai.request.model", "model "}};
    const char *name = cli_text_of(from->span, "name"), *before = "";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *text = attribute_text(from, kinds[i].key);
        size_t length = strlen(kinds[i].operation);
        if (from->is_open && strncmp(name, kinds[i].operation, length) == 0 &&
            name[length] == ' ') { /* it has no attributes yet; its name is made of them */
            name += length + 1;
            before = kinds[i].before;
            break;
        }
        if (is_operation(from, kinds[i].operation) && *text != '\0') {
            name = text;
            before = kinds[i].before;
        }
    }
    char text[NAME_BYTES];
    (void)snprintf(text, sizeof(text), "%s%s", before, name);
    cli_clean_text(target, NAME_BYTES, text);
}

static bool is_failed(const node *from)
{
    return agt_value_get_bool(agt_value_get_member(from->span, "error"), false);
}

static const char *get_outcome(const cli_tree *tree, const node *from)
{
    if (from->is_open) {
        return strcmp(cli_text_of(tree->run, "status"), "running") == 0 ? "running" : "unfinished";
    }
    const char *outcome = attribute_text(from, "agent_sdk.outcome");
    return *outcome != '\0' ? outcome : is_failed(from) ? "error" : "ok";
}

/* The name, and how the span ended if not well. */
static void write_label(const cli_tree *tree, char target[NAME_BYTES], const node *from)
{
    char name[NAME_BYTES];
    const char *outcome = get_outcome(tree, from);
    bool is_ok = strcmp(outcome, "ok") == 0;
    write_name(name, from);
    (void)snprintf(target, NAME_BYTES, "%.200s%s%.30s%s", name, is_ok ? "" : " [",
                   is_ok ? "" : outcome, is_ok ? "" : "]");
}

/* The node in whose place @index is shown: its own, or that of a hidden one above it. */
static size_t get_place(const cli_tree *tree, size_t index)
{
    const node *nodes = tree->nodes;
    while (nodes[index].parent != NONE && nodes[nodes[index].parent].is_hidden) {
        index = nodes[index].parent;
    }
    return index;
}

static size_t get_depth(const cli_tree *tree, size_t index)
{
    size_t depth = 0;
    for (size_t at = get_place(tree, index); tree->nodes[at].parent != NONE; depth++) {
        at = get_place(tree, tree->nodes[at].parent);
    }
    return depth;
}

/* The branches in front of a line, from the root down; the innermost ones if there is no room. */
static size_t write_branches(const painter *self, size_t index, char *target, size_t size)
{
    const node *nodes = self->tree->nodes;
    bool is_unicode = self->terminal->has_unicode;
    const char *pieces[DEPTH_MAX];
    size_t depth = 0, used = 0, columns = 0;
    size_t room = (self->name_columns - NAME_COLUMNS_MIN / 2) / BRANCH_COLUMNS;
    size_t first = get_place(self->tree, index);
    for (size_t at = first; nodes[at].parent != NONE && depth < room && depth < DEPTH_MAX;) {
        bool is_last = nodes[at].next == NONE;
        pieces[depth] =
            at == first ? (is_last ? (is_unicode ? "└─ " : "`- ") : (is_unicode ? "├─ " : "|- "))
                        : (is_last ? "   " : (is_unicode ? "│  " : "|  "));
        depth++;
        at = get_place(self->tree, nodes[at].parent);
    }
    target[0] = '\0';
    while (depth > 0) {
        int count = snprintf(target + used, size - used, "%s", pieces[--depth]);
        used += count > 0 ? (size_t)count : 0;
        columns += BRANCH_COLUMNS;
    }
    return columns;
}

/* When the span worked, as part of the whole run. */
static void print_bar(const painter *self, const node *from)
{
    const cli_tree *tree = self->tree;
    const cli_terminal *terminal = self->terminal;
    double wall = (double)(tree->end_ns - tree->start_ns), width = (double)self->bar_columns;
    size_t begin = 0, end = self->bar_columns;
    if (wall > 0) {
        begin = (size_t)((double)(from->start_ns - tree->start_ns) / wall * width);
        end = (size_t)((double)(from->end_ns - tree->start_ns) / wall * width + 0.5);
    }
    begin = begin < self->bar_columns ? begin : self->bar_columns - 1;
    end = end > begin ? end : begin + 1;
    bool is_critical = from->is_critical;
    const char *cell =
        terminal->has_unicode ? (is_critical ? "█" : "▒") : (is_critical ? "#" : "-");
    (void)fprintf(terminal->stream, "%*s", (int)begin, "");
    (void)fputs(cli_style_of(terminal, is_failed(from) ? CLI_RED
                                       : is_critical   ? CLI_YELLOW
                                                       : CLI_CYAN),
                terminal->stream);
    for (size_t i = begin; i < end; i++) {
        (void)fputs(cell, terminal->stream);
    }
    (void)fputs(cli_style_of(terminal, CLI_PLAIN), terminal->stream);
}

/* Tokens and money of a span of its own; "" where it has none, "~" before what is simulated. */
static void write_figures(const node *from, char tokens[CLI_FIGURE_BYTES],
                          char money[CLI_FIGURE_BYTES])
{
    const agt_value *attributes = agt_value_get_member(from->span, "attributes");
    int64_t input = cli_int_of(attributes, "gen_ai.usage.input_tokens", -1);
    int64_t output = cli_int_of(attributes, "gen_ai.usage.output_tokens", -1);
    int64_t cost = cli_int_of(attributes, "agent_sdk.cost_nanousd", -1);
    bool is_simulated =
        agt_value_get_bool(agt_value_get_member(attributes, "agent_sdk.simulated"), false);
    char text[CLI_FIGURE_BYTES];
    tokens[0] = money[0] = '\0';
    if (input >= 0 && output >= 0) {
        cli_format_count(text, (uint64_t)(input + output));
        (void)snprintf(tokens, CLI_FIGURE_BYTES, "%s%.30s", is_simulated ? "~" : "", text);
    }
    if (cost >= 0) {
        cli_format_money(text, cost);
        (void)snprintf(money, CLI_FIGURE_BYTES, "%s%.30s", is_simulated ? "~" : "", text);
    }
}

static void print_node(const painter *self, size_t index)
{
    const node *from = &self->tree->nodes[index];
    const cli_terminal *terminal = self->terminal;
    FILE *stream = terminal->stream;
    char branches[DEPTH_MAX * 12], text[NAME_BYTES];
    char took[CLI_FIGURE_BYTES], tokens[CLI_FIGURE_BYTES], money[CLI_FIGURE_BYTES];
    size_t used = write_branches(self, index, branches, sizeof(branches));
    write_label(self->tree, text, from);
    took[0] = '\0';
    if (!from->is_open) {
        cli_format_duration(took, from->end_ns - from->start_ns, terminal->has_unicode);
    }
    write_figures(from, tokens, money);
    (void)fprintf(stream, "%s%s%s%s", cli_style_of(terminal, CLI_DIM), branches,
                  cli_style_of(terminal, CLI_PLAIN),
                  cli_style_of(terminal, is_failed(from)                      ? CLI_RED
                                         : is_operation(from, "invoke_agent") ? CLI_BOLD
                                                                              : CLI_PLAIN));
    cli_write_cell(stream, text, self->name_columns - used, terminal->has_unicode);
    (void)fputs(cli_style_of(terminal, CLI_PLAIN), stream);
    size_t pad =
        FIGURE_COLUMNS - 1 -
        (cli_text_width(took) < FIGURE_COLUMNS ? cli_text_width(took) : FIGURE_COLUMNS - 1);
    (void)fprintf(stream, "%*s%s%c%*s%*s  ", (int)pad, "", took, from->is_critical ? '*' : ' ',
                  FIGURE_COLUMNS - 1, tokens, FIGURE_COLUMNS, money);
    print_bar(self, from);
    (void)fputc('\n', stream);
}

/* The next node of a walk, parents before children. */
static size_t next_node(const cli_tree *tree, size_t index)
{
    const node *nodes = tree->nodes;
    if (nodes[index].first != NONE) {
        return nodes[index].first;
    }
    while (nodes[index].next == NONE && nodes[index].parent != NONE) {
        index = nodes[index].parent;
    }
    return nodes[index].next;
}

/* What the failed spans say, below the tree. */
static void print_errors(const painter *self)
{
    const cli_tree *tree = self->tree;
    for (size_t at = tree->first; at != NONE; at = next_node(tree, at)) {
        const node *from = &tree->nodes[at];
        const char *message = cli_text_of(from->span, "message");
        if (is_failed(from) && !from->is_hidden && *message != '\0') {
            char name[NAME_BYTES];
            write_name(name, from);
            (void)fprintf(self->terminal->stream,
                          "%s%s: ", self->terminal->has_unicode ? "✗ " : "! ", name);
            cli_write_clean(self->terminal->stream, message, strlen(message), CLI_CLEAN_LINE);
            (void)fputc('\n', self->terminal->stream);
        }
    }
}

static void print_head(const painter *self)
{
    const agt_value *run = self->tree->run;
    const cli_terminal *terminal = self->terminal;
    char when[CLI_FIGURE_BYTES], name[NAME_BYTES];
    cli_format_local_time(when, (uint64_t)cli_int_of(run, "start_unix_ns", 0));
    cli_clean_text(name, sizeof(name), cli_text_of(run, "name"));
    (void)fprintf(terminal->stream, "%s%s%s  %s  %s  trace %s\n\n",
                  cli_style_of(terminal, CLI_BOLD), name, cli_style_of(terminal, CLI_PLAIN),
                  cli_text_of(run, "status"), when, cli_text_of(run, "trace_id"));
}

static void print_foot(const painter *self)
{
    const agt_value *run = self->tree->run;
    const cli_terminal *terminal = self->terminal;
    FILE *stream = terminal->stream;
    const char *dot = terminal->has_unicode ? "·" : "|";
    agt_profile_stats stats = AGT_CONFIG(agt_profile_stats);
    char wall[CLI_FIGURE_BYTES], work[CLI_FIGURE_BYTES], critical[CLI_FIGURE_BYTES],
        tokens[CLI_FIGURE_BYTES], money[CLI_FIGURE_BYTES];
    agt_profile_get_stats(self->tree->profile, &stats);
    cli_format_duration(wall, stats.wall_ns, terminal->has_unicode);
    cli_format_duration(work, stats.work_ns, terminal->has_unicode);
    cli_format_duration(critical, stats.critical_path_ns, terminal->has_unicode);
    (void)fprintf(stream,
                  "\nwall %s %s work %s %s speed-up %.2f %s at most %u at a time %s critical path "
                  "%s (*)\n",
                  wall, dot, work, dot, stats.speedup, dot, stats.parallel_max, dot, critical);
    cli_format_count(tokens, (uint64_t)(cli_int_of(run, "input_tokens", 0) +
                                        cli_int_of(run, "output_tokens", 0)));
    cli_format_money(money, cli_int_of(run, "cost_nanousd", 0));
    (void)fprintf(stream, "%s tokens %s %s%s", tokens, dot, money,
                  cli_int_of(run, "unpriced_calls", 0) > 0 ? " or more" : "");
    if (cli_int_of(run, "simulated_tokens", 0) > 0) {
        cli_format_count(tokens, (uint64_t)cli_int_of(run, "simulated_tokens", 0));
        cli_format_money(money, cli_int_of(run, "simulated_nanousd", 0));
        (void)fprintf(stream, " %s simulated (~): %s tokens, %s", dot, tokens, money);
    }
    (void)fputc('\n', stream);
    if (strcmp(cli_text_of(run, "status"), "lost") == 0) {
        (void)fprintf(stream, "the process of this run is gone; this is what it had written\n");
    }
}

/* As much room for names as they need and the bars can spare. */
static void choose_columns(painter *self)
{
    size_t fixed = 3 * FIGURE_COLUMNS + 2, columns = self->terminal->columns;
    size_t left = columns > fixed + NAME_COLUMNS_MIN + BAR_COLUMNS_MIN
                      ? columns - fixed
                      : NAME_COLUMNS_MIN + BAR_COLUMNS_MIN;
    size_t wanted = NAME_COLUMNS_MIN, most = left - BAR_COLUMNS_MIN;
    for (size_t i = 0; i < self->tree->count; i++) {
        char text[NAME_BYTES];
        write_label(self->tree, text, &self->tree->nodes[i]);
        size_t width = get_depth(self->tree, i) * BRANCH_COLUMNS + cli_text_width(text);
        wanted = width > wanted ? width : wanted;
    }
    most = most < NAME_COLUMNS_MAX ? most : NAME_COLUMNS_MAX;
    self->name_columns = wanted < most ? wanted : most;
    self->bar_columns = left - self->name_columns;
}

void cli_tree_print(const cli_tree *tree, const cli_terminal *terminal)
{
    painter self = {.tree = tree, .terminal = terminal};
    choose_columns(&self);
    print_head(&self);
    (void)fprintf(terminal->stream, "%s%-*s%*s%*s%*s%s\n", cli_style_of(terminal, CLI_DIM),
                  (int)self.name_columns, "NAME", FIGURE_COLUMNS - 1, "TOOK", FIGURE_COLUMNS,
                  "TOKENS", FIGURE_COLUMNS, "COST", cli_style_of(terminal, CLI_PLAIN));
    for (size_t at = tree->first; at != NONE; at = next_node(tree, at)) {
        if (!tree->nodes[at].is_hidden) {
            print_node(&self, at);
        }
    }
    print_foot(&self);
    print_errors(&self);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void write_span(agt_value_builder *builder, const node *from)
{
    agt_value_builder_begin_object(builder);
    for (size_t i = 0; i < agt_value_get_count(from->span); i++) {
        cli_json_value(builder, agt_value_get_key(from->span, i, NULL),
                       agt_value_get_item(from->span, i));
    }
    cli_json_count(builder, "self_ns", from->self_ns);
    cli_json_count(builder, "critical_ns", from->critical_ns);
    agt_value_builder_end(builder);
}

cli_exit cli_tree_print_json(const cli_tree *tree)
{
    agt_value_builder *builder = NULL;
    agt_profile_stats stats = AGT_CONFIG(agt_profile_stats);
    if (agt_value_builder_new(NULL, &builder) != AGT_OK) {
        return cli_fail_memory();
    }
    agt_profile_get_stats(tree->profile, &stats);
    agt_value_builder_begin_object(builder);
    cli_json_text(builder, "schema", "agent.trace/1");
    for (size_t i = 0; i < agt_value_get_count(tree->run); i++) {
        const char *key = agt_value_get_key(tree->run, i, NULL);
        if (strcmp(key, "spans") != 0) {
            cli_json_value(builder, key, agt_value_get_item(tree->run, i));
        }
    }
    agt_value_builder_key(builder, "spans");
    agt_value_builder_begin_array(builder);
    for (size_t i = 0; i < tree->count; i++) {
        write_span(builder, &tree->nodes[i]);
    }
    agt_value_builder_end(builder);
    agt_value_builder_key(builder, "profile");
    agt_value_builder_begin_object(builder);
    cli_json_count(builder, "wall_ns", stats.wall_ns);
    cli_json_count(builder, "work_ns", stats.work_ns);
    cli_json_count(builder, "critical_path_ns", stats.critical_path_ns);
    cli_json_int(builder, "parallel_max", stats.parallel_max);
    agt_value_builder_key(builder, "speedup");
    agt_value_builder_double(builder, stats.speedup);
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    return cli_json_print(builder, true);
}
