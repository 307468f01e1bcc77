/*
 * The tables of the report. A tool that failed has no section; that it failed stands at the end of
 * the report.
 */
#include "report_tables.h"

#include "facts.h"
#include "markdown.h"

#include <stdio.h>

enum {
    FILES_SHOWN = 10,
    FILES_OF_TREE_SHOWN = 5
};

static const agt_value *get_top(const agt_value *fact)
{
    return agt_value_get_member(fact, "top");
}

static void add_count(md_table *table, const agt_value *row, const char *key)
{
    md_cell(table, "%llu", (unsigned long long)get_count(row, key));
}

static void add_percent(md_table *table, double share)
{
    md_cell(table, "%.1f %%", 100 * share);
}

static void write_bytes(FILE *file, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    double amount = (double)bytes;
    size_t unit = 0;
    for (; amount >= 1024 && unit < 3; unit++) {
        amount /= 1024;
    }
    (void)fprintf(file, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

static void add_bytes(md_table *table, const agt_value *row)
{
    write_bytes(table->cell, get_count(row, "bytes"));
    md_end(table);
}

/* `path:line` */
static void add_place(md_table *table, const agt_value *row)
{
    piece path = get_text(row, "path");
    char text[4200];
    int length = snprintf(text, sizeof(text), "%.*s:%llu", (int)path.length, path.bytes,
                          (unsigned long long)get_count(row, "line"));
    md_code_cell(table, (piece){text, (size_t)length});
}

static void write_more(FILE *file, size_t shown, uint64_t total)
{
    if (total > shown) {
        (void)fprintf(file, "\n… and %llu more.\n", (unsigned long long)(total - shown));
    }
}

/* ---- sections ---------------------------------------------------------------------------------
 */

static void write_hotspots(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"File", "Commits", "Touched by", "Size", "Heat", NULL};
    md_table table;
    (void)fputs(
        "## Hotspots\n\nFiles that are large and change often: where the next defect is most "
        "likely to be.\n\n",
        file);
    if (!md_begin(&table, headings, "lrrrr")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(get_top(fact)); i++) {
        const agt_value *row = agt_value_get_item(get_top(fact), i);
        md_code_cell(&table, get_text(row, "path"));
        add_count(&table, row, "commits");
        add_percent(&table, get_number(row, "share"));
        add_bytes(&table, row);
        md_cell(&table, "%.3f", get_number(row, "heat"));
    }
    md_print(&table, file);
    (void)fputc('\n', file);
}

static void write_kinds(FILE *file, const agt_value *fact)
{
    const agt_value *kinds = agt_value_get_member(fact, "kinds");
    for (size_t i = 0; i < agt_value_get_count(kinds); i++) {
        const agt_value *kind = agt_value_get_item(kinds, i);
        (void)fprintf(file, "%s%llu × ", i > 0 ? ", " : ": ",
                      (unsigned long long)get_count(kind, "count"));
        md_code(file, get_text(kind, "name"));
    }
    (void)fputs(".\n\n", file);
}

static void write_unsafe_calls(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"Where", "Call",        "Language", "Severity",
                                           "Why",   "Use instead", NULL};
    const agt_value *places = agt_value_get_member(fact, "places");
    md_table table;
    (void)fprintf(file, "## Unsafe calls\n\nFound by name, so comments and strings count: **%llu**",
                  (unsigned long long)get_count(fact, "total"));
    write_kinds(file, fact);
    if (agt_value_get_count(places) == 0 || !md_begin(&table, headings, "llllll")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(places); i++) {
        const agt_value *row = agt_value_get_item(places, i);
        add_place(&table, row);
        md_code_cell(&table, get_text(row, "call"));
        md_text_cell(&table, get_text(row, "language"));
        md_cell(&table, "%s", get_count(row, "weight") >= 3 ? "**high**" : "medium");
        md_text_cell(&table, get_text(row, "why"));
        md_text_cell(&table, get_text(row, "instead"));
    }
    md_print(&table, file);
    write_more(file, agt_value_get_count(places), get_count(fact, "total"));
    (void)fputc('\n', file);
}

static void write_markers(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"Where", "Marker", NULL};
    const agt_value *places = agt_value_get_member(fact, "places");
    md_table table;
    (void)fprintf(file, "## Unfinished work\n\nMarkers in the files: **%llu**",
                  (unsigned long long)get_count(fact, "total"));
    write_kinds(file, fact);
    if (agt_value_get_count(places) == 0 || !md_begin(&table, headings, "ll")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(places); i++) {
        const agt_value *row = agt_value_get_item(places, i);
        add_place(&table, row);
        md_text_cell(&table, get_text(row, "marker"));
    }
    md_print(&table, file);
    write_more(file, agt_value_get_count(places), get_count(fact, "total"));
    (void)fputc('\n', file);
}

static void write_commits(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"What", "How many", NULL};
    static const char *const rows[][2] = {
        {"Commits", "commits"},
        {"Days from first to last", "span_days"},
        {"Days with a commit", "active_days"},
        {"Longest silence, days", "longest_silence_days"},
        {"Commits in the last 90 days of it", "commits_of_last_90_days"},
    };
    md_table table;
    (void)fputs("## History\n\n", file);
    if (!md_begin(&table, headings, "lr")) {
        return;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        md_cell(&table, "%s", rows[i][0]);
        add_count(&table, fact, rows[i][1]);
    }
    md_print(&table, file);
    if (agt_value_get_bool(agt_value_get_member(fact, "is_cut"), false)) {
        (void)fprintf(file, "\nOnly the newest %d commits were looked at.\n", GIT_COMMITS_MAX);
    }
    (void)fputc('\n', file);
}

static void write_authors(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"Author", "Commits", "Share", NULL};
    md_table table;
    (void)fprintf(
        file,
        "## Authors\n\nAuthors: **%llu**. Bus factor: **%llu**, the fewest who made half of "
        "all commits.\n\n",
        (unsigned long long)get_count(fact, "authors"),
        (unsigned long long)get_count(fact, "bus_factor"));
    if (!md_begin(&table, headings, "lrr")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(get_top(fact)); i++) {
        const agt_value *row = agt_value_get_item(get_top(fact), i);
        md_text_cell(&table, get_text(row, "name"));
        add_count(&table, row, "commits");
        add_percent(&table, get_number(row, "share"));
    }
    md_print(&table, file);
    write_more(file, agt_value_get_count(get_top(fact)), get_count(fact, "authors"));
    (void)fputc('\n', file);
}

static void write_churn(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"File", "Commits", "Added", "Deleted", NULL};
    md_table table;
    (void)fputs("## Churn\n\nWithout merges: ", file);
    md_count(file, get_count(fact, "commits"), "commit");
    (void)fputs(" changed ", file);
    md_count(file, get_count(fact, "files"), "file");
    (void)fputs("; ", file);
    md_count(file, get_count(fact, "added"), "line");
    (void)fprintf(file, " added, %llu deleted.%s\n\n",
                  (unsigned long long)get_count(fact, "deleted"),
                  agt_value_get_bool(agt_value_get_member(fact, "is_cut"), false)
                      ? " Older commits were not looked at."
                      : "");
    if (!md_begin(&table, headings, "lrrr")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(get_top(fact)) && i < FILES_SHOWN; i++) {
        const agt_value *row = agt_value_get_item(get_top(fact), i);
        md_code_cell(&table, get_text(row, "path"));
        add_count(&table, row, "commits");
        add_count(&table, row, "added");
        add_count(&table, row, "deleted");
    }
    md_print(&table, file);
    write_more(file, FILES_SHOWN, get_count(fact, "files"));
    (void)fputc('\n', file);
}

static void write_sizes(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"File", "Size", NULL};
    md_table table;
    (void)fputs("## Largest files\n\n", file);
    md_count(file, get_count(fact, "files"), "file");
    (void)fputs(", ", file);
    write_bytes(file, get_count(fact, "bytes"));
    (void)fputs("; ", file);
    md_count(file, get_count(fact, "links"), "symbolic link");
    (void)fputs(", ", file);
    md_count(file, get_count(fact, "submodules"), "submodule");
    (void)fputs(" (neither is followed).\n\n", file);
    if (!md_begin(&table, headings, "lr")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(get_top(fact)) && i < FILES_OF_TREE_SHOWN; i++) {
        const agt_value *row = agt_value_get_item(get_top(fact), i);
        md_code_cell(&table, get_text(row, "path"));
        add_bytes(&table, row);
    }
    md_print(&table, file);
    (void)fputc('\n', file);
}

static void write_languages(FILE *file, const agt_value *fact)
{
    static const char *const headings[] = {"Language", "Files", "Lines", NULL};
    md_table table;
    (void)fputs("## Languages\n\n", file);
    md_count(file, get_count(fact, "lines"), "line");
    (void)fputs(" in ", file);
    md_count(file, get_count(fact, "files"), "text file");
    (void)fputs(", by the endings of their names.\n\n", file);
    if (!md_begin(&table, headings, "lrr")) {
        return;
    }
    for (size_t i = 0; i < agt_value_get_count(get_top(fact)); i++) {
        const agt_value *row = agt_value_get_item(get_top(fact), i);
        md_text_cell(&table, get_text(row, "language"));
        add_count(&table, row, "files");
        add_count(&table, row, "lines");
    }
    md_print(&table, file);
    (void)fputc('\n', file);
}

static void write_secrets(FILE *file, const agt_value *fact)
{
    (void)fprintf(file,
                  "## Secrets\n\n%llu of the newest %d commits added or removed a private key."
                  "\n\n",
                  (unsigned long long)get_count(fact, "commits"), GIT_SECRETS_MAX);
}

void report_write_tables(FILE *file, const agt_value *facts)
{
    static const struct section {
        const char *tool;
        void (*write)(FILE *file, const agt_value *fact);
    } sections[] = {
        {"hotspots", write_hotspots}, {"unsafe_calls", write_unsafe_calls},
        {"markers", write_markers},   {"commits", write_commits},
        {"authors", write_authors},   {"churn", write_churn},
        {"sizes", write_sizes},       {"languages", write_languages},
        {"deep_scan", write_secrets},
    };
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        const agt_value *fact = agt_value_get_member(facts, sections[i].tool);
        if (fact != NULL) {
            sections[i].write(file, fact);
        }
    }
}
