/*
 * The files of HEAD: how large they are, and how many lines of which language they hold.
 */
#include "facts.h"

#include "languages.h"
#include "tally.h"

#include <stdlib.h>

enum {
    FILES_SHOWN = 250,
    LANGUAGES_SHOWN = 8
};

/* ---- sizes ----------------------------------------------------------------------------------- */

typedef struct census {
    tally files; /* `count` is the size */
    uint64_t bytes, links, submodules, missing;
} census;

/* A line of `git ls-tree -l`: mode, kind, object and size with blanks between, a tab, the path. */
static void count_file(census *self, piece line)
{
    piece about, path, size_text;
    int64_t size = 0;
    if (!split_first(line, '\t', &about, &path) || !split_last(about, ' ', &about, &size_text)) {
        return;
    }
    if (starts_with(about, "160000 ")) {
        self->submodules++;
    } else if (starts_with(about, "120000 ")) {
        self->links++;
    } else if (to_number(size_text, &size)) {
        tally_add(&self->files, path, 0, 0);
        if (!self->files.is_out_of_memory) {
            self->files.items[self->files.count - 1].count = (uint64_t)size;
        }
        self->bytes += (uint64_t)size;
    } else {
        self->missing++; /* git says BAD: it has no such object */
    }
}

static void add_census(agt_value_builder *to, const census *self)
{
    add_count_member(to, "files", self->files.count);
    add_count_member(to, "bytes", self->bytes);
    add_count_member(to, "links", self->links);
    add_count_member(to, "submodules", self->submodules);
    add_count_member(to, "missing", self->missing);
    agt_value_builder_key(to, "top");
    agt_value_builder_begin_array(to);
    for (size_t i = 0; i < self->files.count && i < FILES_SHOWN; i++) {
        agt_value_builder_begin_object(to);
        add_path_member(to, "path", self->files.items[i].name);
        add_count_member(to, "bytes", self->files.items[i].count);
        agt_value_builder_end(to);
    }
    agt_value_builder_end(to);
}

agt_status find_sizes(const inquiry *in)
{
    agt_results *output = NULL;
    piece rest, line;
    census found = {0};
    agt_status status = ask(in, GIT_FILES, &output, &rest);
    if (status != AGT_OK) {
        return status;
    }
    while (take_line(&rest, &line)) {
        count_file(&found, line);
    }
    tally_rank(&found.files);
    add_census(in->to, &found);
    status = found.files.is_out_of_memory ? AGT_E_NOMEM : AGT_OK;
    tally_free(&found.files);
    agt_results_unref(output);
    return status;
}

/* ---- languages ------------------------------------------------------------------------------- */

/* A line of `git grep -c`: the commit, the path and the number of lines, with colons between. */
static void count_lines(tally *languages, piece line)
{
    piece commit, path, number;
    int64_t lines = 0;
    if (split_last(line, ':', &line, &number) && split_first(line, ':', &commit, &path) &&
        to_number(number, &lines)) {
        tally_add(languages, piece_of(language_of(path)->name), (uint64_t)lines, 0);
    }
}

static int by_lines(const void *a, const void *b)
{
    const tally_item *left = a, *right = b;
    if (left->added != right->added) {
        return left->added > right->added ? -1 : 1;
    }
    return compare_pieces(left->name, right->name);
}

static void add_languages(agt_value_builder *to, const tally *languages)
{
    uint64_t files = 0, lines = 0;
    for (size_t i = 0; i < languages->count; i++) {
        files += languages->items[i].count;
        lines += languages->items[i].added;
    }
    add_count_member(to, "files", files);
    add_count_member(to, "lines", lines);
    agt_value_builder_key(to, "top");
    agt_value_builder_begin_array(to);
    for (size_t i = 0; i < languages->count && i < LANGUAGES_SHOWN; i++) {
        agt_value_builder_begin_object(to);
        add_text_member(to, "language", languages->items[i].name);
        add_count_member(to, "files", languages->items[i].count);
        add_count_member(to, "lines", languages->items[i].added);
        agt_value_builder_end(to);
    }
    agt_value_builder_end(to);
}

agt_status find_languages(const inquiry *in)
{
    agt_results *output = NULL;
    piece rest, line;
    tally languages = {0};
    agt_status status = ask(in, GIT_LINES, &output, &rest);
    if (status != AGT_OK) {
        return status;
    }
    while (take_line(&rest, &line)) {
        count_lines(&languages, line);
    }
    tally_rank(&languages);
    if (languages.count > 0) {
        qsort(languages.items, languages.count, sizeof(*languages.items), by_lines);
    }
    add_languages(in->to, &languages);
    status = languages.is_out_of_memory ? AGT_E_NOMEM : AGT_OK;
    tally_free(&languages);
    agt_results_unref(output);
    return status;
}
